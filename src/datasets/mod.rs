//! Training pairs (empty until its release).

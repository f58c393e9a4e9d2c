//! Generative models (empty until its release).

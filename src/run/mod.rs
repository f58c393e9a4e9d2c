//! The commands: typed parameters and the work.

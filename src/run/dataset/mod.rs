//! The data set commands.

pub mod export;

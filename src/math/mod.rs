//! Numerical helpers that belong to no stage: each file is one idea.

pub mod erf;
pub mod quadrature;
pub mod random;

//! Numerical helpers that belong to no stage: each file is one idea.

pub mod healpix;
pub(crate) mod lanes;
pub(crate) mod logs;
mod machine;
pub mod quadrature;
pub mod random;
pub(crate) mod series;
pub(crate) mod space;
pub(crate) mod turns;
pub(crate) mod vectors;

pub use machine::machine_memory;

/// The error function and friends (libm: the C library's algorithms in Rust, below 1 ulp).
pub mod erf {
    pub use libm::erf;
}

/// Bessel function of the first kind, order 1 (libm).
pub mod bessel {
    pub use libm::j1;
}

//! `skyfringe bench`: one inner stage, timed and checked, as one JSON object.

mod dataset;
mod deposit;
mod exact;
mod fast;
mod gridder;
mod measure;
mod predict;
mod scene;
#[cfg(feature = "learn")]
mod train;
mod transform;

pub use dataset::{DatasetRequest, dataset};
pub use deposit::{DepositRequest, deposition};
pub use fast::{FastRequest, fast};
pub use gridder::{GridderRequest, gridder};
pub use predict::{PredictRequest, SmearingWord, predict};
#[cfg(feature = "learn")]
pub use train::{TrainRequest, train};
pub use transform::fft;

/// Arithmetic of a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Double precision.
    F64,
}

impl Precision {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F64 => "f64",
        }
    }
}

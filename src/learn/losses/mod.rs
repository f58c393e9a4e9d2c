//! What a training minimises.
//!
//! | file | holds |
//! |---|---|
//! | adversarial | LSGAN, cross entropy, hinge |
//! | dft | spectra of images as products with matrices: differentiable on every device |
//! | flux, power | a prediction's total and power spectrum against the truth's |
//! | instrument | a prediction observed against the mock |

mod adversarial;
mod dft;
mod flux;
mod instrument;
mod power;

pub use dft::Dft;
pub use flux::flux_error;
pub use instrument::InstrumentOperator;
pub use power::PowerLoss;

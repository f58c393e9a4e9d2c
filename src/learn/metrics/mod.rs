//! How good a translation is, in numbers that an astronomer trusts; docs/metrics.md has the definitions.
//!
//! | file | holds |
//! |---|---|
//! | fourier | two-dimensional transforms and convolutions in float64 |
//! | spectra | P(k) ratio and error, r(k), T(k) |
//! | shape | R50, centre, asymmetry, clumpiness, radial profile |
//! | pixels | SSIM, PSNR, Wasserstein-1 |
//! | kid | distance of two sets of images in the features of a fixed network |
//! | measure | all numbers of one image; chi squared of its observation |
//! | aggregate | means over many, with bootstrap errors |

mod aggregate;
mod fourier;
mod kid;
mod measure;
mod pixels;
mod shape;
mod spectra;

pub use aggregate::{Estimate, bootstrap, mass_bins};
pub use fourier::{Convolution, Fourier};
pub use kid::{Features, kernel_distance};
pub use measure::{Case, Measurer, NAMES, Numbers, chi_squared};
pub use pixels::{psnr, ssim, wasserstein};
pub use shape::{Shape, profile_error};
pub use spectra::{Curves, Ring};

//! Weights, dirty images, PSFs, and what is made of them.
//!
//! `dirty[y,x] = sum_k W_k Re(V_k exp(-2 pi i (u l + v m + w (n-1)))) / sum_k W_k`, the PSF is the same of V = 1: its
//! peak is 1 at pixel (ny/2, nx/2). Conventions of the image are those of [`crate::gridding`].
//!
//! Stokes I of linear feeds is (XX + YY)/2 and takes both unflagged; its weight is the inverse variance of that mean,
//! w_I = 4 / (1/w_XX + 1/w_YY).
//!
//! | file | holds |
//! |---|---|
//! | stokes | Stokes parameters from linear products, feeds turned back to the sky |
//! | samples | the samples of one plane out of a table, checked |
//! | weights, taper | natural weights to imaging weights |
//! | dirty | [`PlaneGridder`]: weighted samples to dirty image, PSF, residual; noise |
//! | beam_fit, restore, primary_beam | after the gridder: beam, restored image, primary-beam correction |
//! | plane | all of it for one plane (a channel, or several together) |
//! | cube | all channels of a table in memory |
//! | fast | dirty images without visibilities (docs/fast-path.md) |

pub mod beam_fit;
mod blocks;
pub mod clean;
pub mod continuum;
mod cube;
mod dirty;
pub mod fast;
mod plane;
mod primary_beam;
mod rank;
mod restore;
mod samples;
mod stokes;
mod taper;
mod weighted;
mod weights;

pub use blocks::{BlockedGridder, ChannelSource, PlaneChannels};
pub(crate) use cube::AT_ONCE;
pub use cube::{Images, NO_BEAM, check_table, check_weights, coarse_note, make_images, nyquist_note};
pub use dirty::{ChannelImage, ImageParams, Method, PlaneGridder, image_channel};
pub use plane::{Plane, PlaneRequest, PreparedPlane, deconvolve, image_plane, prepare_plane};
pub use primary_beam::{BeamTerm, correct, effective_power};
pub use restore::{Deconvolved, Deconvolver, DirtyPlane, restore};
pub use samples::{PlaneSamples, Samples};
pub use stokes::{FeedAngles, Stokes};
pub use taper::Taper;
pub use weighted::{Noise, Sums, WeightedSamples};
pub use weights::{Density, Weighting, imaging_weights};

//! Weights, dirty images and PSFs.
//!
//! `dirty[y,x] = sum_k W_k Re(V_k exp(-2 pi i (u l + v m + w (n-1)))) / sum_k W_k`, the PSF is the same of V = 1: its
//! peak is 1 at pixel (ny/2, nx/2). Conventions of the image are those of [`crate::gridding`].
//!
//! Stokes I of linear feeds is (XX + YY)/2 and takes both unflagged; its weight is the inverse variance of that mean,
//! w_I = 4 / (1/w_XX + 1/w_YY).

pub mod beam_fit;
pub mod clean;
pub mod continuum;
mod cube;
mod dirty;
mod weights;

pub use cube::{Images, make_images};
pub use dirty::{ChannelImage, ImageParams, Method, Samples, image_channel};
pub use weights::{Weighting, imaging_weights};

//! Generative models that learn mock <-> simulation: networks, losses, training and judgement.

pub mod baselines;
pub mod card;
pub mod data;
pub mod device;
mod kernels;
pub mod losses;
pub mod metrics;
pub mod model;
pub mod networks;
pub mod scaling;
pub mod settings;
pub mod sums;
pub mod tiles;
pub mod train;
pub mod weights;

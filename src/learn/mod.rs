//! Generative models that learn mock <-> simulation: networks, losses, training and judgement.

pub mod device;
pub mod losses;
pub mod networks;
pub mod settings;
pub mod weights;

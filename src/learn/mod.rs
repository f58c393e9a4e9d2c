//! Generative models that learn mock <-> simulation: networks, losses, training and judgement.

pub mod device;
pub mod settings;

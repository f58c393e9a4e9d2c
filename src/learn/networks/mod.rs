//! Generators and discriminators, as modules of burn: images are tensors \[batch, channel, y, x\] of float32.
//!
//! Every parameter exists from creation on (a lazy one is shared by clones, and freezing such a clone would freeze the
//! original), and its first value depends on the seed and its name alone: the same on every device. Forward passes are
//! pure functions; dropout takes its seed as an argument.

mod attention;
mod conv;
mod dropout;
mod generator;
mod init;
mod layer;
mod norm;
mod pad;
mod patchgan;
mod resnet;
mod spectral;
mod unet;
mod upsample;

#[cfg(test)]
mod tests;

pub use generator::Generator;
pub use patchgan::Discriminator;
pub use spectral::ITERATIONS as SPECTRAL_ITERATIONS;

//! The networks' layers on the CPU, in float32: convolutions, transposed convolutions and norms with their gradients,
//! several times faster than burn's own; `graph` puts them into burn's graphs of gradients.
//!
//! A convolution is never laid out as a matrix. The image with its border is split into planes by the stride's phases, and
//! there a pixel's neighbours lie at distances that are the same for all pixels: [`tile::correlate`] multiplies whole rows
//! of pixels at such distances with weights and keeps its sums in registers, [`tile::slopes`] does the same for the
//! gradients of weights.
//!
//! All of it works on slices of \[image, channel, y, x\]. Results do not depend on the number of threads.

mod border;
mod conv;
mod graph;
mod norm;
mod tile;

#[cfg(test)]
mod tests;

pub(crate) use border::Border;
pub(crate) use graph::{convolution, instance_norm, transposed};
pub(crate) use norm::Activation;

//! Training: steps of CycleGAN and pix2pix, their optimiser, and the loop around them.
//!
//! Nothing here holds a hidden random state: a step is a pure function of the weights, the optimiser's moments, the pool
//! and the step's number, so that a training which goes on from a checkpoint is the same, bit by bit on the CPU.
//!
//! | file | holds |
//! |---|---|
//! | flat | parameters and gradients of a network by name |
//! | adam, clip, optimiser, ema, schedule | what turns gradients into new weights |
//! | graph | leaves of a graph in float32 or bfloat16 |
//! | pool | former images for the discriminators |
//! | jobs, random | pieces of a step on threads; its seeds |
//! | physics, losses | losses that know what pixels mean; losses by name |
//! | model, cyclegan, pix2pix | one step, and all that the next depends on |
//! | checkpoint, log | what a training leaves on the disk |
//! | trainer | the loop |

mod adam;
mod checkpoint;
mod clip;
mod cyclegan;
mod ema;
mod flat;
mod graph;
mod jobs;
mod log;
mod losses;
mod model;
mod optimiser;
mod physics;
mod pix2pix;
mod pool;
mod random;
mod schedule;
mod trainer;

pub use adam::Adam;
pub use checkpoint::{Checkpoint, CheckpointFolder};
pub use clip::clip_by_norm;
pub use cyclegan::CycleGan;
pub use ema::Ema;
pub use flat::{Flat, gradients, values, with_values};
pub use graph::Precision;
pub use jobs::Pieces;
pub use log::{Entry, LogLine, TrainingLog, read_log};
pub use losses::StepLosses;
pub use model::{Made, Rates, Setting, Training};
pub use physics::Physics;
pub use pix2pix::Pix2Pix;
pub use pool::ImagePool;
pub use schedule::Schedule;
pub use trainer::{Judge, Outcome, Plan, Standing, train};

#[cfg(test)]
mod tests;

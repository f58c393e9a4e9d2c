//! Images to learn from: the shards of a data set as batches, each a pure function of seed and step.
//!
//! | file | holds |
//! |---|---|
//! | open | a data set opened: samples, channels, scalings, PSFs |
//! | shards | its files, of which a few are open at a time |
//! | facts | what it says of each sample |
//! | batch, make | images of a step |
//! | draw, turn | random order, turns and mirror images |
//! | prefetch | batches made ahead |

mod batch;
mod draw;
mod facts;
mod make;
mod open;
mod prefetch;
mod shards;
#[cfg(test)]
mod tests;
mod turn;

pub use batch::{Batch, Observation};
pub use facts::SampleFacts;
pub use make::BatchRequest;
pub use open::{DataRequest, TrainingData};
pub use prefetch::Prefetcher;
pub use turn::Turn;

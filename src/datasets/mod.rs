//! Training pairs: what a data set consists of, whatever makes it (docs/datasets.md).
//!
//! | file | holds |
//! |---|---|
//! | layout | galaxies x orientations x instruments x noise realisations as numbered samples in numbered shards |
//! | observer | one instrument planned once, and what it makes of a sky |
//! | field | what a sample holds: maps of the sky and what an instrument makes of it |

mod field;
mod layout;
pub mod observer;

pub use field::{Field, Observed};
pub use layout::{Layout, Part, SampleKey};

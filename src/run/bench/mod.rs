//! `skyfringe bench`: one inner stage, timed and checked, as one JSON object.

mod fast;
mod measure;

pub use fast::{FastRequest, fast};

//! Training pairs: what a data set consists of, whatever makes it (docs/datasets.md).
//!
//! | file | holds |
//! |---|---|
//! | layout | galaxies x orientations x instruments x noise realisations as numbered samples in numbered shards |
//! | observer | one instrument planned once, and what it makes of a sky |
//! | field | what a sample holds: maps of the sky and what an instrument makes of it |
//! | scaling | from physical values to stored ones and back, fitted on training pixels |
//! | fit_sample | the training pixels drawn for that |
//! | split | training, validation and test by galaxy, stratified by HI mass |
//! | manifest | plan.json, the records of shards, manifest.json; verifying and merging them |

mod field;
mod fit_sample;
mod layout;
mod manifest;
pub mod observer;
mod scaling;
mod split;

pub use field::{Field, Observed, WIDE_PSF};
pub use fit_sample::FitSample;
pub use layout::{Layout, Part, SampleKey};
pub use manifest::{
    BadShard, FailedSample, Manifest, Plan, PlanField, PlanGalaxy, PlanInstrument, Report, ShardRecord, SplitTotals,
    discard, gather, join, verify,
};
pub use scaling::{Scaling, ScalingKind};
pub use split::{Split, SplitEntry, SplitRequest, leaks, split};

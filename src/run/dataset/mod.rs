//! `dataset`: many mock observations beside what they observe (docs/datasets.md).
//!
//! | file | holds |
//! |---|---|
//! | scene | pixels, place and instruments, the same for all galaxies |
//! | sources | which galaxies there are, and the gas of one |
//! | prepare | the plan: splits, scalings, what instruments are planned for |
//! | samples, row | the samples of one galaxy, and what the table says of each |
//! | build, shards, workers, log | shards, made by several workers |
//! | finish | the manifest and what people look at, once all shards are there |
//! | contact, overview, histogram | contact.png and overview.html |
//! | export | FITS files, numpy arrays, WebDataset archives |
//! | check | verify, and the shards of other machines |

mod build;
mod check;
mod contact;
mod export;
mod finish;
mod histogram;
mod log;
mod overview;
mod prepare;
mod row;
mod samples;
mod scene;
mod shards;
mod sources;
mod workers;

pub use build::{BuildRequest, build, plan};
pub use check::verify;
pub use export::{ExportFormat, ExportRequest, export};
pub use finish::{info, merge};

//! The commands: typed, validated parameters and the work.
//!
//! [`crate::cli`] turns words into calls of these functions; each returns the text that belongs on
//! standard output. Progress and remarks go through [`Progress`].

pub mod beam;
pub mod bench;
pub mod chain;
mod check;
pub mod compare_h2;
pub mod dataset;
mod estimate;
mod headers;
pub mod hi;
mod html;
pub mod image;
#[cfg(feature = "learn")]
pub mod learn;
pub mod maps;
pub mod observe;
pub mod oskar_settings;
pub mod params;
mod picture;
mod pixels;
mod plan;
pub mod power;
pub mod preview;
mod provenance;
mod record;
mod route;
mod sampling;
mod skies;
pub mod sky;
mod sky_files;
pub mod telescope;
pub mod telescope_plot;

pub use check::{Extent, check};

use crate::error::{Result, Watch};
use crate::formats::config::Document;
use params::Settings;
use std::path::Path;

/// Where progress and remarks go.
pub trait Progress: Sync {
    /// A new stage of `units` units begins; the last one is over. Work reports to the watch.
    fn stage(&self, name: &str, units: u64) -> Watch;

    /// Something the user should know.
    fn note(&self, text: &str);

    /// Where the stage stands, in few words that replace the last; for those who look while it goes on.
    fn status(&self, _text: &str) {}
}

/// Nobody looks: for tests and library callers.
#[derive(Debug, Clone, Copy)]
pub struct Unseen;

impl Progress for Unseen {
    fn stage(&self, _name: &str, _units: u64) -> Watch {
        Watch::silent()
    }

    fn note(&self, _text: &str) {}
}

/// Bytes that `--memory` allows; without it three quarters of what is free.
///
/// # Errors
/// Words that are no amount of memory.
pub fn memory_limit(words: Option<&str>) -> Result<u64> {
    image::memory::limit(words, "--memory")
}

/// Reads a configuration file and `--set table.key=value` changes to it.
pub fn load_settings(path: &Path, changes: &[String]) -> Result<Settings> {
    let mut document = Document::read(path)?;
    for change in changes {
        document.set(change)?;
    }
    Settings::from_document(&document)
}

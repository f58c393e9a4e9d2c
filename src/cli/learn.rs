//! The words of what learns: `train`, `translate`, `evaluate`, `devices`.

use super::console::Console;
use crate::error::Result;
use crate::run;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum LearnWords {
    /// List the devices that models can be trained on, and check each against the CPU.
    Devices,
}

impl LearnWords {
    /// Does what they say.
    pub(super) fn run(self, console: &Console) -> Result<String> {
        match self {
            LearnWords::Devices => run::devices::list(console),
        }
    }

    /// The folder that products go into.
    pub(super) fn product_folder(&self) -> Option<PathBuf> {
        match self {
            LearnWords::Devices => None,
        }
    }
}

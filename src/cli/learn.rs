//! The words of what learns: `train`, `translate`, `evaluate`, `devices`.

use super::ChangeWords;
use super::console::Console;
use crate::error::Result;
use crate::run;
use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum LearnWords {
    /// List the devices that models can be trained on, and check each against the CPU.
    Devices,
    /// Train a model on pairs of mock and truth: a data set that is there, or one made from the same configuration.
    #[command(after_help = "Examples: skyfringe train examples/train/smoke.toml --out smoke\n\
                            \x20         skyfringe train examples/train/cyclegan-64.toml --out cyclegan --resume\n\
                            Writes model/ (the best by validation), checkpoints/, log.jsonl, report.html, samples/.")]
    Train {
        /// Configuration (TOML) with a table [train]; examples/all-keys.toml explains every key.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Folder of the training; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// auto, cpu, gpu or gpu:N (`skyfringe devices`) [default: train.device, else auto].
        #[arg(long, value_name = "DEVICE")]
        device: Option<String>,
        /// Go on from the last checkpoint in --out.
        #[arg(long)]
        resume: bool,
    },
}

impl LearnWords {
    /// Does what they say.
    pub(super) fn run(self, console: &Console) -> Result<String> {
        match self {
            LearnWords::Devices => run::learn::devices(console),
            LearnWords::Train { config, changes, out, device, resume } => {
                let request = run::learn::TrainRequest { config, changes: changes.set, out, device, resume };
                run::learn::train(&request, console)
            }
        }
    }

    /// The folder that products go into.
    pub(super) fn product_folder(&self) -> Option<PathBuf> {
        match self {
            LearnWords::Devices => None,
            LearnWords::Train { out, .. } => Some(out.clone()),
        }
    }
}

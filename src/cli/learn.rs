//! The words of what learns: `train`, `translate`, `evaluate`, `devices`.

use super::ChangeWords;
use super::console::Console;
use crate::error::Result;
use crate::learn::model::Direction;
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
    /// Translate FITS images or shards of data sets by a model.
    #[command(after_help = "Examples: skyfringe translate smoke mock.fits --out translated\n\
                            \x20         skyfringe translate a dirty.fits --ensemble b --ensemble c --turns --out mean")]
    Translate {
        /// Folder of a model, or of the training that made it.
        #[arg(value_name = "MODEL")]
        model: PathBuf,
        /// FITS images or cubes; shards (.h5) of data sets.
        #[arg(value_name = "INPUT", required = true)]
        inputs: Vec<PathBuf>,
        /// Folder for the products, which keep the names of the inputs; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// mock-to-truth, or truth-to-mock of a CycleGAN.
        #[arg(long, value_name = "WAY", default_value = "mock-to-truth", value_parser = ["mock-to-truth", "truth-to-mock"])]
        direction: String,
        /// Side of the tiles that larger images are cut into, pixels [default: that of the training's images].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(8..))]
        tile: Option<u32>,
        /// Pixels that tiles share [default: a quarter of a tile].
        #[arg(long, value_name = "N")]
        overlap: Option<u32>,
        /// One more model: the products are means, and NAME-sigma.fits is their scatter. May be given several times.
        #[arg(long, value_name = "MODEL")]
        ensemble: Vec<PathBuf>,
        /// Translate the eight turns and mirror images too, as one more ensemble.
        #[arg(long)]
        turns: bool,
        /// auto, cpu, gpu or gpu:N.
        #[arg(long, value_name = "DEVICE", default_value = "auto")]
        device: String,
    },
    /// Judge a model on the samples of a data set that it never saw, beside the dirty image, CLEAN and a Wiener filter.
    #[command(after_help = "Example: skyfringe evaluate smoke smoke/data --out smoke/evaluation\n\
                            Writes evaluation.json, evaluation.html, samples.png, spectra.png; docs/metrics.md has the \
                            definitions.")]
    Evaluate {
        /// Folder of a model, or of the training that made it.
        #[arg(value_name = "MODEL")]
        model: PathBuf,
        /// Folder of a data set.
        #[arg(value_name = "DATASET")]
        dataset: PathBuf,
        /// Folder for the products; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// train, validation or test.
        #[arg(long, value_name = "NAME", default_value = "test", value_parser = ["train", "validation", "test"])]
        split: String,
        /// At most so many samples [default: all].
        #[arg(long, value_name = "N")]
        samples: Option<usize>,
        /// auto, cpu, gpu or gpu:N.
        #[arg(long, value_name = "DEVICE", default_value = "auto")]
        device: String,
        /// Seed of the bootstrap.
        #[arg(long, value_name = "N", default_value_t = 1)]
        seed: u64,
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
            LearnWords::Translate { model, inputs, out, direction, tile, overlap, ensemble, turns, device } => {
                let direction = match direction.as_str() {
                    "truth-to-mock" => Direction::ToMock,
                    _ => Direction::ToTruth,
                };
                let pixels = |n: Option<u32>| n.map(|n| n as usize);
                let request = run::learn::TranslateRequest {
                    model,
                    inputs,
                    out,
                    direction,
                    tile: pixels(tile),
                    overlap: pixels(overlap),
                    ensemble,
                    turns,
                    device,
                };
                run::learn::translate(&request, console)
            }
            LearnWords::Evaluate { model, dataset, out, split, samples, device, seed } => {
                let request = run::learn::EvaluateRequest { model, dataset, out, split, samples, device, seed };
                run::learn::evaluate(&request, console)
            }
        }
    }

    /// The folder that products go into.
    pub(super) fn product_folder(&self) -> Option<PathBuf> {
        match self {
            LearnWords::Devices => None,
            LearnWords::Train { out, .. } | LearnWords::Translate { out, .. } | LearnWords::Evaluate { out, .. } => {
                Some(out.clone())
            }
        }
    }
}

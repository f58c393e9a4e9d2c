//! The words of `dataset`.

use super::ChangeWords;
use super::console::Console;
use crate::error::Result;
use crate::run;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum DatasetWords {
    /// Make a data set, or go on with one (docs/datasets.md).
    #[command(after_help = "Examples: skyfringe dataset build examples/dataset-small.toml --out pairs\n\
                            \x20         skyfringe dataset build big.toml --out pairs --shard 3/64 --limit-memory 8GB")]
    Build(BuildWords),
    /// List the galaxies, split them and fit the scalings, without making samples: once, before many processes build.
    Plan {
        /// Configuration (TOML) with a table [dataset].
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Folder of the data set; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Join the records of finished shards into manifest.json, whoever made them.
    Merge {
        /// Folder of the data set.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Folders of the same data set, of other machines, whose shards are copied first.
        #[arg(value_name = "OTHER")]
        others: Vec<PathBuf>,
    },
    /// Compare every shard with its checksum, and look for galaxies in two splits.
    Verify {
        /// Folder of the data set.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
        /// Remove what is damaged, so that `dataset build` makes it again.
        #[arg(long)]
        discard: bool,
    },
    /// What a data set holds, and how far it is.
    Info {
        /// Folder of the data set.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Copy a finished data set into FITS files, .npy arrays or WebDataset archives.
    #[command(after_help = "Example: skyfringe dataset export pairs --format webdataset --split train --out tars")]
    Export(ExportWords),
}

#[derive(Debug, Args)]
pub(super) struct BuildWords {
    /// Configuration (TOML) with a table [dataset]; examples/all-keys.toml explains every key.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    changes: ChangeWords,
    /// Folder of the data set; made where it is missing. Shards that are there are kept.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make one of n equal parts of the shards, as in 0/4, 1/4, 2/4 and 3/4.
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Make shards with failed samples again.
    #[arg(long)]
    retry_failed: bool,
    /// Take no more memory than about this, as in 8GB: fewer galaxies at a time.
    #[arg(long, value_name = "AMOUNT")]
    limit_memory: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ExportWords {
    /// Folder of the data set.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// fits, npy or webdataset.
    #[arg(long, value_enum)]
    format: run::dataset::ExportFormat,
    /// Folder for the files; made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Values in the fields' units, in place of scaled ones.
    #[arg(long)]
    physical: bool,
    /// train, validation or test alone.
    #[arg(long, value_name = "NAME", value_parser = ["train", "validation", "test"])]
    split: Option<String>,
    /// Comma-separated fields [default: all].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    fields: Option<Vec<String>>,
}

impl DatasetWords {
    /// Does what they say.
    pub(super) fn run(self, console: &Console) -> Result<String> {
        match self {
            DatasetWords::Build(w) => {
                let request = run::dataset::BuildRequest {
                    config: w.config,
                    changes: w.changes.set,
                    out: w.out,
                    shard: w.shard,
                    retry_failed: w.retry_failed,
                    limit_memory: w.limit_memory,
                };
                run::dataset::build(&request, console)
            }
            DatasetWords::Plan { config, changes, out } => run::dataset::plan(&config, &changes.set, &out, console),
            DatasetWords::Merge { folder, others } => run::dataset::merge(&folder, &others, console),
            DatasetWords::Verify { folder, discard } => run::dataset::verify(&folder, discard, console),
            DatasetWords::Info { folder } => run::dataset::info(&folder, console),
            DatasetWords::Export(w) => {
                let request = run::dataset::ExportRequest {
                    folder: w.folder,
                    format: w.format,
                    out: w.out,
                    physical: w.physical,
                    split: w.split,
                    fields: w.fields,
                };
                run::dataset::export(&request, console)
            }
        }
    }

    /// The folder that products go into.
    pub(super) fn product_folder(&self) -> Option<PathBuf> {
        match self {
            DatasetWords::Build(BuildWords { out, .. }) | DatasetWords::Plan { out, .. } => Some(out.clone()),
            DatasetWords::Merge { folder, .. } => Some(folder.clone()),
            DatasetWords::Export(words) => Some(words.out.clone()),
            DatasetWords::Verify { .. } | DatasetWords::Info { .. } => None,
        }
    }
}

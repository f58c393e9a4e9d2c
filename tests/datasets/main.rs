//! `skyfringe dataset` as its users meet it: what stands in the shards, what is refused, what happens to samples that
//! cannot be made.

mod closure;
mod content;
mod refused;
mod sources;

use skyfringe::formats::shard::{ColumnValues, ShardReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A few galaxies of few cells on few pixels: a data set in a second.
const SMALL: &str = r#"
[dataset]
galaxies = 5
orientations = "random:2"
fields = ["tb", "flux", "dirty", "noise-free"]
bandwidth = "5 MHz"
shard_samples = 4
seed = 3
split = { train = 0.6, validation = 0.2, test = 0.2, strata = 1 }
fit_samples = 3

[sky]
galaxy = { kind = "disc", seed = 2, cells = 3000 }
distance = "20 Mpc"

[telescope]
name = "meerkat"

[observation]
length = "2 h"
steps = 4

[noise]
sefd = "406 Jy"

[image]
size = 32
cell = "20 arcsec"
"#;

/// A folder of its own for a test, in which the program is run.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
        command.current_dir(self.folder.path()).env("HDF5_USE_FILE_LOCKING", "FALSE").args(words);
        command.output().unwrap()
    }

    fn ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}\n{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// The message of a command that fails as it should.
    fn refused(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}\n{message}");
        message
    }

    /// Builds `config` with `changes` into `out`.
    fn build(&self, changes: &[&str], out: &str) -> String {
        if !self.path("c.toml").exists() {
            self.write("c.toml", SMALL);
        }
        let set = changes.iter().flat_map(|change| ["--set", *change]);
        let words: Vec<&str> = ["dataset", "build", "c.toml", "--out", out].into_iter().chain(set).collect();
        self.ok(&words)
    }

    fn shard(&self, out: &str, number: usize) -> ShardReader {
        ShardReader::open(&self.path(out).join(format!("shard-{number:05}.h5"))).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn numbers<'r>(reader: &'r ShardReader, name: &str) -> &'r [f64] {
    match reader.column(name) {
        Some(ColumnValues::Number(values)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

fn texts<'r>(reader: &'r ShardReader, name: &str) -> &'r [String] {
    match reader.column(name) {
        Some(ColumnValues::Text(values)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

/// The bytes of every final file but the log.
fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap())
        .filter(|e| e.file_name() != "build.log")
        .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
        .collect();
    files.sort();
    files
}

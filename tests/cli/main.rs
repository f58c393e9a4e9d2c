//! The program as its users meet it: the binary, its words, its messages, what it leaves behind.

#[path = "../common/mod.rs"]
mod common;

mod beams;
mod behaviour;
mod catalogues;
mod clean;
mod compare_h2;
mod configurations;
mod hi;
mod images;
mod interrupts;
mod keys;
mod observe;
mod oskar;
mod outputs;
mod routes;
mod skies;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A small array, few pixels and cells: a whole run takes a fraction of a second.
const SMALL: &str = r#"
[sky]
galaxy = { seed = 3, cells = 2000 }
channels = 3

[telescope]
name = "ska-mid-aa1"

[observation]
steps = 2

[image]
size = 64
"#;

/// [`SMALL`] without a sky, for `--set sky.KEY=...`.
const NO_SKY: &str = r#"
[sky]
channels = 3

[telescope]
name = "ska-mid-aa1"

[observation]
steps = 2

[image]
size = 64
"#;

/// What `run` writes for a galaxy, in the order of a folder's listing.
const PRODUCTS: [&str; 7] =
    ["dirty.fits", "preview.png", "psf.fits", "run.json", "sky-tb.fits", "sky.fits", "visibilities.h5"];

/// A folder of its own for a test, in which the program is run.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    /// With [`SMALL`] in small.toml and [`NO_SKY`] in no-sky.toml.
    fn with_configurations() -> Place {
        let place = Place::new();
        place.write("small.toml", SMALL);
        place.write("no-sky.toml", NO_SKY);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
        command.args(words).current_dir(self.folder.path());
        // HDF5 locks what it opens, and a program that another test starts while this process has a file open inherits
        // the lock
        command.env("HDF5_USE_FILE_LOCKING", "FALSE");
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        Ran::new(self.command(words).output().unwrap())
    }

    /// Runs words that must be refused; nothing may have been written.
    #[track_caller]
    fn refused(&self, words: &[&str], says: &[&str]) {
        let before = self.names();
        self.run(words).refused(says);
        assert_eq!(self.names(), before, "{words:?} left something behind");
    }

    /// Every file and folder below, hidden ones too, sorted.
    fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            names.extend(self::names(&entry.path()).into_iter().map(|inner| format!("{name}/{inner}")));
        }
        names.push(name);
    }
    names.sort();
    names
}

/// What a run of the program printed and returned.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn new(output: Output) -> Ran {
        Ran {
            status: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It worked; standard output.
    #[track_caller]
    fn ok(self) -> String {
        assert_eq!(self.status, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Exit status 2, no panic, nothing on standard output, and a message with all of `says`, with what was found or
    /// where it is, and with what was expected or what to do.
    #[track_caller]
    fn refused(&self, says: &[&str]) {
        let err = &self.err;
        assert_eq!(self.status, Some(2), "{}{err}", self.out);
        assert!(!err.contains("panicked") && !err.contains("backtrace"), "{err}");
        assert_eq!(self.out, "", "{err}");
        assert_eq!(err.matches("error: ").count(), 1, "{err}");
        for word in says {
            assert!(err.contains(word), "\"{word}\" is not in:\n{err}");
        }
        let has = |name: &str| err.contains(&format!("\n  {name:>8}: "));
        assert!(has("found") || has("where") || err.contains("(os error"), "{err}");
        assert!(has("expected") || has("try"), "{err}");
    }

    /// The words of the command line itself were wrong.
    #[track_caller]
    fn bad_words(&self, says: &[&str]) {
        assert_eq!(self.status, Some(2), "{}{}", self.out, self.err);
        assert_eq!(self.out, "");
        for word in says {
            assert!(self.err.contains(word), "\"{word}\" is not in:\n{}", self.err);
        }
    }
}

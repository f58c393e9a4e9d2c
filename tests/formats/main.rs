//! Files to structures and back: FITS, visibilities, configuration. What other programs must be able to read was
//! checked by hand as docs/formats.md says; here stand round trips, damaged files, hostile names and full disks.

mod config;
mod fits;
mod limits;
mod visibilities;

use std::path::{Path, PathBuf};

/// Folder of the reference data, or `None` (said on standard error) where there is none.
fn reference_data(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SKYFRINGE_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    if std::env::var("SKYFRINGE_REQUIRE_DATA").is_ok_and(|value| value == "1") {
        panic!("{test}: no reference data in {}", folder.display());
    }
    eprintln!("SKIPPED {test}: no reference data in {}", folder.display());
    None
}

/// The text of an error, which must hold every one of `words`.
#[track_caller]
fn assert_says<T: std::fmt::Debug>(result: Result<T, skyfringe::Error>, words: &[&str]) {
    let text = result.unwrap_err().to_string();
    for word in words {
        assert!(text.contains(word), "\"{word}\" is not in:\n{text}");
    }
}

/// Names that mean something to CFITSIO's extended syntax or to a shell.
const HOSTILE_NAMES: [&str; 13] = [
    "a[1].fits",
    "!x.fits",
    "|ls.fits",
    "http:x.fits",
    "mem:x.fits",
    " leading blank.fits",
    "~root.fits",
    "x.fits(copy.fits)",
    "x.fits[compress]",
    "galaxié ü 銀河.fits",
    "-x.fits",
    "x.fits.gz",
    "shared+2",
];

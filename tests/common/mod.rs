//! What several integration tests share.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod npz;

use std::path::PathBuf;

/// The folder of reference data (`SKYFRINGE_TEST_DATA`, default ../shared/data), or none where it is absent: the
/// test named `test_name` then reports itself as skipped; with `SKYFRINGE_REQUIRE_DATA=1` absence is a failure.
pub fn reference_data(test_name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SKYFRINGE_TEST_DATA")
        .map(PathBuf::from)
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"));
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var_os("SKYFRINGE_REQUIRE_DATA").is_some_and(|v| v == "1");
    assert!(!required, "{test_name}: reference data required, found none at {}", folder.display());
    eprintln!("SKIPPED {test_name}: no reference data");
    None
}

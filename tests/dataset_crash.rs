//! Data sets under trouble: kills, a full disk, a flipped byte, several processes; by scripts/dataset_crash.py, few of each.
//!
//! SKYFRINGE_PYTHON names a Python 3.8 or newer (default python3); with SKYFRINGE_REQUIRE_PYTHON=1 its absence is a failure.

use std::path::Path;
use std::process::Command;

#[test]
fn a_data_set_survives_what_stops_it() {
    let python = std::env::var("SKYFRINGE_PYTHON").unwrap_or("python3".into());
    let new_enough = ["-c", "import sys; sys.exit(sys.version_info < (3, 8))"];
    if !Command::new(&python).args(new_enough).output().is_ok_and(|o| o.status.success()) {
        let required = std::env::var_os("SKYFRINGE_REQUIRE_PYTHON").is_some_and(|v| v == "1");
        assert!(!required, "no Python 3.8 in {python}");
        eprintln!("SKIPPED a_data_set_survives_what_stops_it: no Python 3.8 in {python}");
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ran = Command::new(&python)
        .arg(root.join("scripts/dataset_crash.py"))
        .arg(env!("CARGO_BIN_EXE_skyfringe"))
        .arg(root.join("tests/data/dataset-tiny.toml"))
        .args(["--kills", "6", "--seed", "1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    for mode in ["reference", "kills", "leftovers", "parts", "together", "flip", "full", "read-only"] {
        assert!(said.lines().any(|l| l.split_whitespace().nth(1) == Some(mode)), "{mode} was not tried:\n{said}");
    }
    for line in said.lines().filter(|l| l.starts_with("skipped")) {
        eprintln!("SKIPPED {line}");
    }
}

//! Images of a simulated SKA-Mid cube against wsclean 3.1 and ducc0.
//!
//! The Measurement Set for wsclean is made by python-casacore. Where wsclean, ducc0, python-casacore, h5py or astropy
//! are missing the tests report themselves as skipped; with SKYFRINGE_REQUIRE_PEERS=1 that is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

const CONFIG: &str = r#"
[sky]
galaxy = { seed = 7, hi_mass = "5e9 Msun" }
distance = "20 Mpc"
inclination = "52 deg"
position_angle = "30 deg"
channels = 4

[telescope]
name = "ska-mid-aa4"

[observation]
ra = "30 deg"
dec = "-35 deg"
length = "4 h"
steps = 4

[noise]
# dishes of two kinds: samples of three weights
sefd = { ska-mid = "272 Jy", meerkat = "406 Jy" }
seed = 1

[image]
size = 256
cell = "2 arcsec"
"#;

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

/// Whether everything is installed that the test compares with.
fn peers(test_name: &str, needs_wsclean: bool) -> bool {
    let works = |program: &str, arguments: &[&str]| {
        Command::new(program).args(arguments).output().is_ok_and(|o| o.status.success())
    };
    let mut missing: Vec<&str> = ["numpy", "astropy", "h5py", if needs_wsclean { "casacore.tables" } else { "ducc0" }]
        .into_iter()
        .filter(|module| !works("python3", &["-c", &format!("import {module}")]))
        .collect();
    if needs_wsclean && !works("wsclean", &["--version"]) {
        missing.push("wsclean");
    }
    if missing.is_empty() {
        return true;
    }
    let required = std::env::var_os("SKYFRINGE_REQUIRE_PEERS").is_some_and(|v| v == "1");
    assert!(!required, "{test_name}: not installed: {}", missing.join(", "));
    eprintln!("SKIPPED {test_name}: not installed: {}", missing.join(", "));
    false
}

/// The visibility file of [`CONFIG`].
fn observe(folder: &Path) -> PathBuf {
    let (config, vis) = (folder.join("config.toml"), folder.join("vis.h5"));
    std::fs::write(&config, CONFIG).unwrap();
    output(Command::new(env!("CARGO_BIN_EXE_skyfringe")).arg("observe").arg(config).arg("--out").arg(&vis));
    vis
}

fn image(vis: &Path, prefix: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
    command.arg("image").arg(vis).args(["--size", "256", "--scale", "2asec", "--epsilon", "1e-7"]).args(words);
    output(command.arg("--out").arg(prefix));
}

/// Lines "dirty X" and "psf Y" below `tolerance`.
fn assert_agree(text: &str, tolerance: f64, what: &str) {
    for product in ["dirty", "psf"] {
        let value = text.lines().find_map(|l| l.strip_prefix(product)).unwrap_or_else(|| panic!("{text}"));
        let worst: f64 = value.trim().parse().unwrap();
        eprintln!("{what} {product}: {worst:.2e} of the peak");
        assert!(worst < tolerance, "{what} {product}: {worst:e}");
    }
}

/// Ours, wsclean's words, and whether all channels are one plane.
const CASES: [(&str, &[&str], bool); 3] =
    [("natural", &["natural"], false), ("briggs:0", &["briggs", "0"], false), ("briggs:0", &["briggs", "0"], true)];

#[test]
fn images_agree_with_wsclean() {
    if !peers("images_agree_with_wsclean", true) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let vis = observe(folder.path());
    let ms = folder.path().join("vis.ms");
    output(Command::new("python3").arg(script("visibilities_to_ms.py")).arg(&vis).arg(&ms));
    for (number, (weight, words, mfs)) in CASES.into_iter().enumerate() {
        let [ours, theirs] = ["a", "w"].map(|p| folder.path().join(format!("{p}{number}")));
        let planes = if mfs { "1" } else { "4" };
        image(&vis, &ours, &["--weight", weight, "--channels-out", planes]);
        let mut command = Command::new("wsclean");
        command.args(["-size", "256", "256", "-scale", "2asec", "-use-wgridder", "-wgridder-accuracy", "1e-6"]);
        command.args(["-no-small-inversion", "-make-psf", "-niter", "0", "-pol", "I", "-j", "2", "-quiet"]);
        command.args(["-channels-out", planes, "-no-update-model-required", "-temp-dir"]).arg(folder.path());
        output(command.arg("-weight").args(words).arg("-name").arg(&theirs).arg(&ms));
        let mut compare = Command::new("python3");
        compare.arg(script("compare_images.py")).arg("wsclean").arg(&ours).arg(&theirs);
        let text = output(compare.args(mfs.then_some("--mfs")));
        assert_agree(&text, 5e-6, &format!("wsclean {weight} {planes} planes"));
        for line in text.lines().filter_map(|l| l.strip_prefix("beam ")) {
            eprintln!("  beam, ours and wsclean's (arcsec): {line}");
        }
    }
}

#[test]
fn images_agree_with_ducc0() {
    if !peers("images_agree_with_ducc0", false) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let vis = observe(folder.path());
    for (number, (weight, _, mfs)) in CASES.into_iter().enumerate() {
        let ours = folder.path().join(format!("a{number}"));
        image(&vis, &ours, &["--weight", weight, "--channels-out", if mfs { "1" } else { "4" }]);
        let mut compare = Command::new("python3");
        compare.arg(script("compare_images.py")).arg("ducc").arg(&vis).arg(&ours).arg(weight);
        let text = output(compare.args(mfs.then_some("--mfs")));
        assert_agree(&text, 2e-6, &format!("ducc0 {weight}{}", if mfs { " mfs" } else { "" }));
    }
}

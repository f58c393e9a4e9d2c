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
name = "TELESCOPE"

[observation]
ra = "30 deg"
dec = "-35 deg"
length = "4 h"
steps = 4

[noise]
sefd = SEFD
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
fn observe(folder: &Path, telescope: &str) -> PathBuf {
    let (config, vis) = (folder.join(format!("{telescope}.toml")), folder.join(format!("{telescope}.h5")));
    // dishes of two kinds: samples of three weights
    let sefd = match telescope {
        "ska-mid-aa4" => r#"{ ska-mid = "272 Jy", meerkat = "406 Jy" }"#,
        _ => r#""400 Jy""#,
    };
    std::fs::write(&config, CONFIG.replace("TELESCOPE", telescope).replace("SEFD", sefd)).unwrap();
    output(Command::new(env!("CARGO_BIN_EXE_skyfringe")).arg("observe").arg(config).arg("--out").arg(&vis));
    vis
}

fn image(vis: &Path, prefix: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
    command.arg("image").arg(vis).args(["--epsilon", "1e-7"]).args(words);
    output(command.arg("--out").arg(prefix));
}

fn measurement_set(vis: &Path) -> PathBuf {
    let ms = vis.with_extension("ms");
    output(Command::new("python3").arg(script("visibilities_to_ms.py")).arg(vis).arg(&ms));
    ms
}

/// wsclean's images of `size` pixels of `scale`.
fn wsclean(ms: &Path, prefix: &Path, size: &str, scale: &str, weight: &[&str], words: &[&str]) {
    let mut command = Command::new("wsclean");
    command.args(["-size", size, size, "-scale", scale, "-use-wgridder", "-wgridder-accuracy", "1e-6"]);
    command.args(["-no-small-inversion", "-make-psf", "-niter", "0", "-pol", "I", "-j", "2", "-quiet"]);
    // by default wsclean cuts weights that stand out of the mean of their 16 x 16 cells (docs/imaging.md); ours does where
    // it is told to
    let level = if words.contains(&"-weighting-rank-filter") { &[][..] } else { &["-weighting-rank-filter", "0"] };
    command.args(level).args(["-no-update-model-required", "-temp-dir"]).arg(ms.with_file_name(""));
    output(command.arg("-weight").args(weight).args(words).arg("-name").arg(prefix).arg(ms));
}

/// Lines "beam PLANE" with equal axes, and angles where the beam is not round; how far off the worst is.
fn assert_beams(text: &str, what: &str) {
    let mut lines = 0;
    for line in text.lines().filter_map(|l| l.strip_prefix("beam ")) {
        let numbers: Vec<f64> = line.split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
        let [major, minor, angle, their_major, their_minor, their_angle] = numbers[..] else { panic!("{line}") };
        let turn = (angle - their_angle + 90.0).rem_euclid(180.0) - 90.0;
        let (a, b) = ((major / their_major - 1.0).abs(), (minor / their_minor - 1.0).abs());
        eprintln!(
            "{what}: beam {major:.3} x {minor:.3} arcsec at {angle:.2} deg; off by {a:.1e}, {b:.1e}, {turn:.1e} deg"
        );
        assert!(a < 1e-4 && b < 1e-4, "{what}: {line}");
        assert!(turn.abs() < 0.05 || their_major / their_minor < 1.05, "{what}: {line}");
        lines += 1;
    }
    assert!(lines > 0, "{text}");
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

/// Pixels of the images: padded by 1.2 they are no multiple of four, which is what wsclean makes them.
const SIZE: &str = "254";

/// Ours and wsclean's weighting, other words that both know, and whether all channels are one plane.
type Case = (&'static str, &'static [&'static str], &'static [&'static str], bool);
const CASES: [Case; 5] = [
    ("natural", &["natural"], &[], false),
    ("briggs:0", &["briggs", "0"], &[], false),
    ("briggs:0", &["briggs", "0"], &[], true),
    ("uniform", &["uniform"], &["-weighting-rank-filter", "3"], true),
    ("briggs:-1", &["briggs", "-1"], &["-weighting-rank-filter", "2"], true),
];

#[test]
fn images_agree_with_wsclean() {
    if !peers("images_agree_with_wsclean", true) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let vis = observe(folder.path(), "ska-mid-aa4");
    let ms = measurement_set(&vis);
    for (number, (weight, words, more, mfs)) in CASES.into_iter().enumerate() {
        let [ours, theirs] = ["a", "w"].map(|p| folder.path().join(format!("{p}{number}")));
        let planes = if mfs { "1" } else { "4" };
        let own: Vec<String> = more.iter().map(|word| word.replace("-w", "--w")).collect();
        let mut all = vec!["--size", SIZE, "--scale", "2asec", "--weight", weight, "--channels-out", planes];
        all.extend(own.iter().map(String::as_str));
        image(&vis, &ours, &all);
        let channels = ["-channels-out", planes];
        wsclean(&ms, &theirs, SIZE, "2asec", words, &[more, &channels].concat());
        let mut compare = Command::new("python3");
        compare.arg(script("compare_images.py")).arg("wsclean").arg(&ours).arg(&theirs);
        let text = output(compare.args(mfs.then_some("--mfs")));
        let what = format!("wsclean {weight} {planes} planes");
        assert_agree(&text, 5e-6, &what);
        assert_beams(&text, &what);
    }
}

/// Telescope, our weights, wsclean's words, pixels, and their size: from 1.3 to 12 pixels a beam.
const BEAMS: [(&str, &str, &[&str], &str, &str); 11] = [
    ("ska-mid-aa4", "uniform", &["uniform"], "256", "2asec"),
    ("ska-mid-aa4", "briggs:-1", &["briggs", "-1"], "256", "2asec"),
    ("ska-mid-aa4", "briggs:1", &["briggs", "1"], "256", "2asec"),
    ("ska-mid-aa4", "briggs:0", &["briggs", "0"], "256", "4asec"),
    ("ska-mid-aa4", "briggs:0", &["briggs", "0"], "512", "0.4asec"),
    ("meerkat", "briggs:0", &["briggs", "0"], "256", "2asec"),
    ("meerkat", "briggs:0", &["briggs", "0"], "256", "3.5asec"),
    ("meerkat", "natural", &["natural"], "256", "2asec"),
    ("vla-b", "briggs:0", &["briggs", "0"], "256", "1asec"),
    ("askap", "briggs:0", &["briggs", "0"], "256", "2.5asec"),
    ("askap", "natural", &["natural"], "256", "2.5asec"),
];

#[test]
fn beams_agree_with_wsclean() {
    if !peers("beams_agree_with_wsclean", true) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut made: Vec<(&str, PathBuf, PathBuf)> = Vec::new();
    for (number, (telescope, weight, words, size, scale)) in BEAMS.into_iter().enumerate() {
        if made.iter().all(|m| m.0 != telescope) {
            let vis = observe(folder.path(), telescope);
            let ms = measurement_set(&vis);
            made.push((telescope, vis, ms));
        }
        let (_, vis, ms) = made.iter().find(|m| m.0 == telescope).unwrap();
        let [ours, theirs] = ["a", "w"].map(|p| folder.path().join(format!("{p}{number}")));
        let same = ["--size", size, "--scale", scale, "--weight", weight, "--channels-out", "1", "--products", "psf"];
        image(vis, &ours, &same);
        wsclean(ms, &theirs, size, scale, words, &["-make-psf-only"]);
        let mut compare = Command::new("python3");
        compare.arg(script("compare_images.py")).arg("beams").arg(&ours).arg(&theirs);
        assert_beams(&output(&mut compare), &format!("{telescope} {weight} {scale}"));
    }
}

#[test]
fn images_agree_with_ducc0() {
    if !peers("images_agree_with_ducc0", false) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let vis = observe(folder.path(), "ska-mid-aa4");
    for (number, (weight, _, _, mfs)) in CASES.into_iter().filter(|case| case.2.is_empty()).enumerate() {
        let ours = folder.path().join(format!("a{number}"));
        image(
            &vis,
            &ours,
            &["--size", SIZE, "--scale", "2asec", "--weight", weight, "--channels-out", if mfs { "1" } else { "4" }],
        );
        let mut compare = Command::new("python3");
        compare.arg(script("compare_images.py")).arg("ducc").arg(&vis).arg(&ours).arg(weight);
        let text = output(compare.args(mfs.then_some("--mfs")));
        assert_agree(&text, 2e-6, &format!("ducc0 {weight}{}", if mfs { " mfs" } else { "" }));
    }
}

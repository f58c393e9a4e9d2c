//! examples/all-keys.toml, and the other examples.

use super::common::reference_data;
use super::{Place, Ran};
use skyfringe::formats::config::Document;
use skyfringe::run::params::Settings;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))
}

fn all_keys() -> String {
    std::fs::read_to_string(examples().join("all-keys.toml")).unwrap()
}

/// noise.sefd is one value, or a table of the station types of the arrays.
/// Station types, fields, names of instruments and frequencies of columns: keys that are not the program's own words for keys.
fn is_a_name(key: &str) -> bool {
    let tables = ["noise.sefd", "telescope.beam_file", "dataset.scaling", "dataset.instruments", "sky.columns.flux_at"];
    tables.iter().any(|table| key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

#[test]
fn the_file_of_all_keys_is_valid_and_names_exactly_the_keys_there_are() {
    let text = all_keys();
    let document = Document::parse(&text, "all-keys.toml").unwrap();
    Settings::from_document(&document).unwrap_or_else(|e| panic!("{e}"));
    let known: BTreeSet<String> = document.known_keys().into_iter().filter(|k| !is_a_name(k)).collect();

    // what stands there, and what would if the excluded keys were not commented out
    let mut shown = BTreeSet::new();
    let mut table = String::new();
    for line in text.lines() {
        let line = line.strip_prefix("#:").map_or(line, str::trim);
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']').to_string();
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            let (key, value) = (format!("{table}.{}", key.trim()), value.trim());
            match value.strip_prefix('{') {
                // an inline table
                Some(inner) => shown.extend(
                    inner
                        .trim_end_matches('}')
                        .split(',')
                        .map(|p| format!("{key}.{}", p.split('=').next().unwrap().trim())),
                ),
                None => {
                    shown.insert(key);
                }
            }
        }
    }
    shown.retain(|key| !is_a_name(key));
    let missing: Vec<_> = known.difference(&shown).collect();
    let unknown: Vec<_> = shown.difference(&known).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing there: {missing:?}, unknown: {unknown:?}");
}

#[test]
fn every_key_of_the_file_has_a_comment() {
    let text = all_keys();
    let mut commented = false;
    for line in text.lines() {
        if line.starts_with('#') && !line.starts_with("#:") {
            commented = true;
        } else if line.trim().is_empty() {
            commented = false;
        } else if !line.starts_with('[') {
            assert!(commented, "no comment above: {line}");
        }
    }
}

#[test]
fn every_commented_alternative_is_valid_too() {
    let text = all_keys();
    let alternatives: Vec<usize> =
        text.lines().enumerate().filter(|(_, l)| l.starts_with("#:")).map(|(i, _)| i).collect();
    assert!(alternatives.len() > 8);
    // keys that exclude the alternative, or that it needs
    let without: &[(&str, &[&str])] = &[
        ("subhalo", &["centre", "radius"]),
        ("group_catalogue", &["centre", "radius"]),
        ("offsets", &["centre", "radius"]),
        ("stellar_mass", &["centre", "radius"]),
        ("gas_mass", &["centre", "radius"]),
        ("hi_mass_range", &["centre", "radius"]),
        ("nth", &["centre", "radius"]),
        ("galaxy", &["snapshot"]),
        ("fits", &["snapshot"]),
        ("coeval", &["snapshot"]),
        ("lightcone", &["snapshot"]),
        ("components", &["snapshot"]),
        ("image", &["snapshot"]),
        ("healpix", &["snapshot"]),
        ("glon", &["ra", "dec"]),
        ("glat", &["ra", "dec"]),
        ("flux_at", &["i", "q", "u", "v", "reference_freq", "spectral_index", "curvature", "rm"]),
        ("line_of_sight", &["inclination", "position_angle", "azimuth"]),
        ("euler", &["inclination", "position_angle", "azimuth"]),
        ("start_utc", &["hour_angle_start", "date"]),
        ("file", &["name"]),
        ("oskar", &["name"]),
        ("galaxies", &["regions"]),
        ("cutouts", &["regions"]),
        ("subhalos", &["regions"]),
        ("list", &["regions"]),
        ("steps", &["epochs"]),
        ("decay_steps", &["decay_epochs"]),
        ("depth", &["blocks"]),
        ("groups", &["norm"]),
        ("l1", &["cycle", "identity"]),
        ("dipole_length", &["dipole_wavelengths"]),
    ];
    for index in alternatives {
        let key =
            text.lines().nth(index).unwrap().trim_start_matches("#:").split('=').next().unwrap().trim().to_string();
        if ["file", "oskar", "rotations", "beam_file", "spherical_wave", "pointing_file"].contains(&key.as_str()) {
            continue; // read at once, and there is no such file
        }
        let drop = without.iter().find(|w| w.0 == key).map_or(&[][..], |w| w.1);
        let ranges = ["stellar_mass", "gas_mass", "hi_mass_range", "nth"];
        let with: &[&str] = match key.as_str() {
            "subhalo" | "group_catalogue" | "offsets" => &["subhalo", "group_catalogue"],
            range if ranges.contains(&range) => &["group_catalogue"],
            "azimuth" | "elevation" => &["azimuth", "elevation"],
            _ => &[],
        };
        let changed: Vec<String> = text
            .lines()
            .filter(|line| !drop.iter().any(|d| line.starts_with(&format!("{d} ="))))
            .map(|line| {
                let name = line.trim_start_matches("#:").split('=').next().unwrap_or("").trim();
                let taken = name == key || with.contains(&name);
                let line = match (key.as_str(), name) {
                    ("depth", "kind") => &line.replace("\"resnet\"", "\"unet\""),
                    ("azimuth" | "elevation", "pointing") => "pointing = \"drift\"",
                    ("l1", "model") => &line.replace("cyclegan", "pix2pix"),
                    ("groups", "groups") => "norm = \"group\"\ngroups = 8",
                    _ => line,
                };
                if taken { line.trim_start_matches("#:").trim().to_string() } else { line.to_string() }
            })
            .collect();
        let document = Document::parse(&changed.join("\n"), "all-keys.toml").unwrap();
        Settings::from_document(&document).unwrap_or_else(|e| panic!("{key}: {e}"));
    }
}

/// `run --check` in the repository's folder, as the examples' paths have it.
fn check(words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
    command.args(["run"]).args(words).arg("--check").current_dir(env!("CARGO_MANIFEST_DIR"));
    Ran::new(command.output().unwrap())
}

#[test]
fn every_example_passes_the_check() {
    let data = reference_data("every_example_passes_the_check");
    let place = Place::new();
    super::skies::snapshot(&place, "galaxy.hdf5");
    let mut checked = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        if path.extension().is_none_or(|e| e != "toml") || name == "all-keys.toml" {
            continue;
        }
        let file = path.to_str().unwrap();
        let out = match (name.as_str(), &data) {
            ("tng.toml" | "dataset-tng.toml", Some(data)) => {
                let change = format!("sky.snapshot={}", data.join("tng50-4-subbox0").display());
                check(&[file, "--set", &change]).ok()
            }
            ("eor-low.toml", Some(data)) => {
                let cube = std::fs::read_dir(data.join("eor"))
                    .unwrap()
                    .map(|e| e.unwrap().path())
                    .find(|p| p.extension().is_some_and(|e| e == "fits"))
                    .unwrap();
                check(&[file, "--set", &format!("sky.fits={}", cube.display())]).ok()
            }
            ("eor-coeval.toml", _) => {
                let values = ndarray::Array3::<f32>::from_shape_fn((16, 16, 16), |(x, y, z)| (x * y + z) as f32);
                let box_file = hdf5::File::create(place.path("box.h5")).unwrap();
                box_file.new_dataset_builder().with_data(&values).create("t").unwrap();
                drop(box_file);
                let words = ["sky.eor.box_length=80 Mpc", "sky.eor.redshift=8", "sky.eor.units=mK"];
                let the_box = format!("sky.coeval={}", place.path("box.h5").display());
                check(&[file, "--set", &the_box, "--set", words[0], "--set", words[1], "--set", words[2]]).ok()
            }
            ("cutout.toml", _) => {
                place.run(&["sky", "galaxies", "--out", "made", "--quiet"]).ok();
                let made = place.path("made").join("galaxy_0000.hdf5");
                check(&[file, "--set", &format!("sky.snapshot={}", made.display())]).ok()
            }
            // their data are not in the repository
            ("tng.toml" | "dataset-tng.toml" | "eor-low.toml", None) => continue,
            _ => check(&[file]).ok(),
        };
        assert!(
            out.contains("configuration  valid") && out.contains("memory") && out.contains("takes"),
            "{name}:\n{out}"
        );
        checked += 1;
    }
    assert!(checked >= 1);
    // the data that an example names are looked for
    check(&["examples/tng.toml"]).refused(&["tng50-4-subbox0", "No such file"]);
}

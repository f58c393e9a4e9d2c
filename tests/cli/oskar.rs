//! `observe --oskar-settings`.

use super::Place;
use super::common::reference_data;
use skyfringe::formats::visibilities::{VisibilityTable, read_visibilities};
use std::path::{Path, PathBuf};

pub(super) const SETTINGS: &str = "[General]
app=oskar_sim_interferometer
version=2.13.0

[simulator]
double_precision=true
use_gpus=false

[sky]
oskar_sky_model/file=sky.txt

[observation]
mode=Tracking
phase_centre_ra_deg=329.0
phase_centre_dec_deg=-30.0
start_frequency_hz=140e6
num_channels=3
frequency_inc_hz=10e6
start_time_utc=60512.75
length=2400.0
num_time_steps=4

[telescope]
input_directory=telescope.tm
station_type=Isotropic beam
pol_mode=Scalar

[interferometer]
channel_bandwidth_hz=0
time_average_sec=0
oskar_vis_filename=vis.vis
";

/// Case 01 of the reference data from its small figures, with [`SETTINGS`].
pub(super) fn case_01(place: &Place) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oskar01");
    std::fs::create_dir_all(place.path("case/telescope.tm/station")).unwrap();
    for (from, to) in [
        ("sky.txt", "sky.txt"),
        ("position.txt", "telescope.tm/position.txt"),
        ("layout.txt", "telescope.tm/layout.txt"),
    ] {
        std::fs::copy(data.join(from), place.path("case").join(to)).unwrap();
    }
    place.write("case/telescope.tm/station/layout.txt", "0 0\n");
    place.write("case/settings.ini", SETTINGS);
    data.join("visibilities.csv")
}

#[test]
fn the_figures_of_case_01_come_out() {
    let place = Place::new();
    let figures = std::fs::read_to_string(case_01(&place)).unwrap();
    place.run(&["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"]).ok();
    let table = read_visibilities(&place.path("v.h5")).unwrap();
    let baselines = 24 * 23 / 2;
    assert_eq!(table.vis.dim(), (4 * baselines, 3, 1));
    let rms = (table.vis.iter().map(|v| v.norm_sqr()).sum::<f64>() / table.vis.len() as f64).sqrt();
    // the file's own figure of the rms of all visibilities
    let stated: f64 =
        figures.lines().next().unwrap().split("visibilities ").nth(1).unwrap().trim_end_matches(" Jy").parse().unwrap();
    assert!((rms / stated - 1.0).abs() < 1e-9, "{rms} {stated}");
    let mut compared = 0;
    for line in figures.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())) {
        let f: Vec<f64> = line.split(',').map(|v| v.parse().unwrap()).collect();
        let (row, channel) = (f[0] as usize * baselines + f[2] as usize, f[1] as usize);
        for k in 0..3 {
            assert!((table.uvw_m[[row, k]] - f[3 + k]).abs() < 1e-8, "{line}");
        }
        let v = table.vis[[row, channel, 0]];
        assert!((v.re - f[6]).hypot(v.im - f[7]) < 1e-8 * rms, "{line}: {v}");
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
}

#[test]
fn reference_cases_agree_with_oskar() {
    let Some(data) = reference_data("reference_cases_agree_with_oskar") else { return };
    let place = Place::new();
    // the bound of case 03 is met because the snap of the angle is reproduced
    for (name, bound) in [
        ("01_points_I_scalar", 1e-8),
        ("03_gaussians_isotropic", 1e-8),
        ("05_aa_isotropic_elements", 1e-8),
        ("07_mid_gaussian_beam", 1e-8),
    ] {
        let folder = data.join("oskar-cases").join(name);
        let settings = folder.join("settings.ini");
        place.run(&["observe", "--oskar-settings", settings.to_str().unwrap(), "--out", "v.h5"]).ok();
        let worst = worst_difference(&read_visibilities(&place.path("v.h5")).unwrap(), &folder);
        assert!(worst < bound, "{name}: max |dV|/rms = {worst:e}");
    }
}

/// max |dV| / rms against vis.npy, [time][channel][baseline][polarisation].
fn worst_difference(table: &VisibilityTable, folder: &Path) -> f64 {
    let bytes = std::fs::read(folder.join("vis.npy")).unwrap();
    let header = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let text = String::from_utf8_lossy(&bytes[10..10 + header]).into_owned();
    assert!(text.contains("'<c16'") && text.contains("'fortran_order': False"), "{text}");
    let numbers: Vec<f64> =
        bytes[10 + header..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let (rows, channels, products) = table.vis.dim();
    let steps = 4;
    let baselines = rows / steps;
    assert_eq!(numbers.len(), 2 * rows * channels * products);
    let (mut worst, mut power) = (0.0f64, 0.0);
    for (i, pair) in numbers.chunks_exact(2).enumerate() {
        let product = i % products;
        let baseline = i / products % baselines;
        let channel = i / products / baselines % channels;
        let step = i / products / baselines / channels;
        let v = table.vis[[step * baselines + baseline, channel, product]];
        worst = worst.max((v.re - pair[0]).hypot(v.im - pair[1]));
        power += pair[0] * pair[0] + pair[1] * pair[1];
    }
    worst / (2.0 * power / numbers.len() as f64).sqrt()
}

#[test]
fn settings_that_ask_for_more_than_there_is() {
    let place = Place::new();
    case_01(&place);
    // line of SETTINGS that is replaced, by what, and what the message says
    let cases: &[(&str, &str, &[&str])] = &[
        ("time_average_sec=0", "time_average_sec=-10", &["interferometer/time_average_sec", "\"-10\"", "0 or more"]),
        ("channel_bandwidth_hz=0", "channel_bandwidth_hz=wide", &["channel_bandwidth_hz", "\"wide\"", "a number"]),
        ("station_type=Isotropic beam", "station_type=VLA (PBCOR)", &["station_type", "\"VLA (PBCOR)\""]),
        (
            "station_type=Isotropic beam",
            "station_type=Aperture array\naperture_array/element_pattern/functional_type=Horn",
            &["functional_type", "\"Horn\"", "Dipole"],
        ),
        (
            "station_type=Isotropic beam",
            "station_type=Aperture array\naperture_array/array_pattern/element/gain=2",
            &["array_pattern/element/gain = 2", "remove the line"],
        ),
        ("pol_mode=Scalar", "pol_mode=Circular", &["pol_mode", "\"Circular\"", "Full or Scalar"]),
        ("mode=Tracking", "mode=Sideways", &["observation/mode", "\"Sideways\"", "Drift scan"]),
        ("mode=Tracking", "pointing_file=p.txt", &["p.txt", "No such file"]),
        ("mode=Tracking", "mode=Drift scan\npointing_file=p.txt", &["pointing_file", "none in a drift scan"]),
        ("time_average_sec=0", "noise/enable=true", &["interferometer/noise/enable", "\"true\"", "false"]),
        ("time_average_sec=0", "correlation_type=None", &["correlation_type", "Cross-correlations"]),
        ("time_average_sec=0", "uv_filter_max=far", &["uv_filter_max", "\"far\"", "a number"]),
        ("time_average_sec=0", "uv_filter_units=Feet", &["uv_filter_units", "\"Feet\"", "Metres"]),
        ("time_average_sec=0", "ionosphere=1", &["ionosphere = 1", "remove the line"]),
        ("num_channels=3", "num_channels=2.5", &["num_channels", "\"2.5\"", "whole number"]),
        ("num_time_steps=4", "num_time_steps=0", &["num_time_steps", "\"0\"", "at least 1"]),
        ("frequency_inc_hz=10e6", "frequency_inc_hz=-1", &["ascending", "-1 Hz"]),
        ("start_frequency_hz=140e6", "start_frequency_hz=fast", &["\"fast\"", "a number"]),
        ("length=2400.0", "length=long", &["observation/length", "\"long\"", "hh:mm:ss"]),
        ("start_time_utc=60512.75", "start_time_utc=noon", &["noon", "start_time_utc"]),
        ("start_time_utc=60512.75\n", "", &["missing", "start_time_utc", "[observation]"]),
        ("file=sky.txt", "file=nowhere.txt", &["nowhere.txt", "No such file"]),
        ("input_directory=telescope.tm", "input_directory=nowhere.tm", &["nowhere.tm", "No such file"]),
        ("[sky]", "[sky", &["settings.ini, line 9", "[telescope]"]),
        ("num_channels=3", "num_channels=3\nnum_channels=4", &["given twice", "first in line 17"]),
        ("num_channels=3", "num_channels", &["cannot be read", "key=value"]),
    ];
    for (old, new, says) in cases {
        assert!(SETTINGS.contains(old), "{old}");
        place.write("case/settings.ini", SETTINGS.replacen(old, new, 1));
        place.refused(&["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"], says);
    }
    // details of a noise that is switched off are nothing to complain about
    let quiet = SETTINGS.replace("time_average_sec=0", "noise/enable=false\nnoise/seed=3");
    place.write("case/settings.ini", quiet);
    place.run(&["observe", "--oskar-settings", "case/settings.ini", "--check"]).ok();

    place.write("case/settings.ini", SETTINGS);
    for (name, text, says) in [("station/permitted_beams.txt", "x", "permitted"), ("gain_model.h5", "x", "gain")] {
        let path = format!("case/telescope.tm/{name}");
        let old = std::fs::read(place.path(&path)).ok();
        place.write(&path, text);
        place.refused(
            &["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"],
            &["not supported yet", says, "telescope.tm"],
        );
        match old {
            Some(old) => place.write(&path, old),
            None => {
                std::fs::remove_file(place.path(&path)).unwrap();
                place.path(&path)
            }
        };
    }
    place.run(&["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"]).ok();

    let both = ["observe", "case/settings.ini", "--oskar-settings", "case/settings.ini", "--out", "x.h5"];
    place.run(&both).bad_words(&["--oskar-settings"]);
    let set = ["observe", "--oskar-settings", "case/settings.ini", "--set", "sky.channels=2", "--out", "x.h5"];
    place.refused(&set, &["--set", "edit the settings file"]);
    place.refused(&["observe", "--oskar-settings", "nowhere.ini", "--out", "x.h5"], &["nowhere.ini", "No such file"]);
}

#[test]
fn drift_scans_pointing_files_and_stations_with_themselves() {
    let place = Place::new();
    case_01(&place);
    let observe = |changes: &[(&str, &str)]| {
        let text = changes.iter().fold(SETTINGS.to_string(), |text, (old, new)| {
            assert!(text.contains(old), "{old}");
            text.replacen(old, new, 1)
        });
        place.write("case/settings.ini", text);
        place.run(&["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"]).ok();
        read_visibilities(&place.path("v.h5")).unwrap()
    };
    let tracked = observe(&[]);
    let both = observe(&[("time_average_sec=0", "correlation_type=Both")]);
    let own = observe(&[("time_average_sec=0", "correlation_type=Auto-correlations")]);
    assert_eq!([&tracked, &both, &own].map(|t| t.uvw_m.nrows()), [4 * 276, 4 * 300, 4 * 24]);
    // without a beam a station sees the sum of all sources above its horizon
    assert!(own.vis.iter().all(|v| v.im.abs() < 1e-12 * v.re && v.re > 0.0));

    // the zenith in the middle of the observation: the latitude of the array, and its sidereal time
    let drift = observe(&[
        ("mode=Tracking", "mode=Drift scan"),
        ("phase_centre_ra_deg=329.0", "phase_centre_ra_deg=0"),
        ("phase_centre_dec_deg=-30.0", "phase_centre_dec_deg=90"),
    ]);
    let position = std::fs::read_to_string(place.path("case/telescope.tm/position.txt")).unwrap();
    let numbers = position.split([' ', ',', '\n']).filter_map(|word| word.parse::<f64>().ok());
    let latitude_deg = numbers.collect::<Vec<_>>()[1];
    assert!((drift.phase_centre.dec_rad.to_degrees() - latitude_deg).abs() < 1e-9);
    // sources are the same: only where phases are taken from differs, which turns all of a row's visibilities alike
    let (table, before) = (&drift, &tracked);
    let [a, b] = [before.phase_centre, table.phase_centre].map(|centre| centre.unit_vector());
    assert!(a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() < 0.99999);
    for row in 0..table.uvw_m.nrows() {
        let (size, other) = (table.vis[[row, 0, 0]].norm(), before.vis[[row, 0, 0]].norm());
        assert!((size - other).abs() < 1e-9 * (1.0 + other), "row {row}: {size} {other}");
    }

    // beams of one station, by OSKAR's file
    let wide = "station_type=Gaussian beam\ngaussian_beam/fwhm_deg=5\ngaussian_beam/ref_freq_hz=140e6";
    place.write("case/p.txt", "* RADEC 329 -30\n3 AZEL 0 90\n");
    let same = observe(&[("station_type=Isotropic beam", wide)]);
    let turned = observe(&[("station_type=Isotropic beam", wide), ("mode=Tracking", "pointing_file=p.txt")]);
    for row in 0..same.uvw_m.nrows() {
        let differs = (same.vis[[row, 0, 0]] - turned.vis[[row, 0, 0]]).norm() > 1e-6;
        assert_eq!(differs, same.antenna1[row] == 3 || same.antenna2[row] == 3, "row {row}");
    }
}

/// What makes OSKAR 2.13 crash, or gives wrong numbers there: the right ones, or an error that says so.
#[test]
fn what_is_wrong_in_oskar_is_right_or_refused_here() {
    let place = Place::new();
    case_01(&place);
    let observe = |settings: &str| {
        place.write("case/settings.ini", settings);
        place.run(&["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"]).ok();
        read_visibilities(&place.path("v.h5")).unwrap()
    };
    // named columns without a reference frequency, of 1000 sources and more: a segmentation fault
    let at = |k: usize| (329.0 + 0.001 * (k % 40) as f64, -30.0 + 0.001 * (k / 40) as f64, 1.0 + (k % 7) as f64);
    let named: String = (0..1200).map(|k| format!("{} {} {}\n", at(k).0, at(k).1, at(k).2)).collect();
    let fixed: String = (0..1200).map(|k| format!("{} {} {} 0 0 0 1e8 0\n", at(k).0, at(k).1, at(k).2)).collect();
    place.write("case/sky.txt", format!("Format = RaD, DecD, I\n{named}"));
    let named = observe(SETTINGS);
    place.write("case/sky.txt", fixed);
    let fixed = observe(SETTINGS);
    let worst = named.vis.iter().zip(&fixed.vis).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(worst < 1e-9 && named.vis.iter().any(|v| v.norm() > 100.0), "{worst}");

    // a rotation measure beside a spectral index: Q and U have the index, too
    let full = SETTINGS.replace("pol_mode=Scalar", "pol_mode=Full");
    let one = "Format = RaD, DecD, I, Q, ReferenceFrequency, SpectralIndex, RotationMeasure\n329 -30 1 1 1.4e8 -2 ";
    let polarised = |rm: &str| {
        place.write("case/sky.txt", format!("{one}{rm}\n"));
        let table = observe(&full);
        // |Q + iU| of the last channel, from XX - YY and XY + YX
        let v = [0, 1, 2, 3].map(|product| table.vis[[0, 2, product]]);
        (0.5 * (v[0] - v[3])).norm().hypot((0.5 * (v[1] + v[2])).norm())
    };
    let scale = (160e6f64 / 140e6).powi(-2);
    for rm in ["0", "30"] {
        assert!((polarised(rm) - scale).abs() < 1e-9, "RM {rm}: {}, {scale}", polarised(rm));
    }

    // images of temperatures that do not say at what frequency: 0 Jy, and a warning
    let sky = "oskar_sky_model/file=sky.txt";
    let two = format!("NAXIS   = {:>20}", 2);
    let changes = [("BUNIT", "BUNIT   = 'mK      '"), ("NAXIS ", two.as_str())];
    super::skies::fits(&place, "case/plane.fits", &changes);
    let image = SETTINGS.replace(sky, "fits_image/file=plane.fits");
    place.write("case/settings.ini", image);
    let words = ["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"];
    place.refused(&words, &["plane.fits", "frequency"]);
    // galactic axes: a sky that is somewhere else
    let changes = [("CTYPE1", "CTYPE1  = 'GLON-SIN'"), ("CTYPE2", "CTYPE2  = 'GLAT-SIN'")];
    super::skies::fits(&place, "case/galactic.fits", &changes);
    place.write("case/settings.ini", SETTINGS.replace(sky, "fits_image/file=galactic.fits"));
    place.refused(&words, &["galactic.fits", "GLON", "sky.image"]);
}

/// One case of each kind of OSKAR's reference visibilities, against the README's equations in numpy (tests/python); without
/// numpy and h5py the test says so and passes, unless SKYFRINGE_REQUIRE_PEERS is 1.
#[test]
fn every_kind_of_case_is_what_the_equations_give() {
    let python = std::env::var("SKYFRINGE_PYTHON").unwrap_or("python3".into());
    let has = std::process::Command::new(&python).args(["-c", "import numpy, h5py"]).output();
    if !has.is_ok_and(|o| o.status.success()) {
        assert!(std::env::var("SKYFRINGE_REQUIRE_PEERS").as_deref() != Ok("1"), "{python} has no numpy and h5py");
        eprintln!("SKIPPED: {python} has no numpy and h5py");
        return;
    }
    let place = Place::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/oskar_equations.py");
    let output = std::process::Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_skyfringe")])
        .arg(place.path("case"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let cases: Vec<(&str, f64)> =
        said.lines().filter_map(|l| l.split_once(' ')).map(|(name, worst)| (name, worst.parse().unwrap())).collect();
    assert_eq!(cases.iter().map(|c| c.0).collect::<Vec<_>>(), ["02", "04", "05", "06", "08", "09", "10"]);
    assert!(cases.iter().all(|(_, worst)| *worst < 1e-9), "{said}");
}

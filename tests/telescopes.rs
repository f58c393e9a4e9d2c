//! The shipped telescopes against what their sources say, and OSKAR telescope folders.

use skyfringe::formats::oskar::{
    OskarLayout, OskarTelescope, read_oskar_settings, read_oskar_sky, read_oskar_telescope,
};
use skyfringe::telescope::{Telescope, preset_names};
use std::path::PathBuf;

/// Name, stations, shortest and longest baseline (m) as SOURCES.md beside the reference layouts
/// (2026-11-23) prints them; empty where it gives none.
const ARRAYS: &[(&str, usize, &str, &str)] = &[
    ("ska-low-aa0.5", 4, "", ""),
    ("ska-low-aa1", 16, "", ""),
    ("ska-low-aa2", 68, "42.24", "64805.3"),
    ("ska-low-aa2@ac231", 64, "42.06", "38955.2"),
    ("ska-low-aastar", 307, "", ""),
    ("ska-low-aa4", 512, "41.99", "73441.6"),
    ("ska-mid-aa0.5", 4, "437.60", "1415.5"),
    ("ska-mid-aa1", 8, "", "1415.5"),
    ("ska-mid-aa2", 64, "34.63", "108043"),
    ("ska-mid-aa2@simms66", 66, "34.67", "108043"),
    ("ska-mid-aastar", 144, "29.27", "108043"),
    ("ska-mid-aastar@simms143", 143, "29.27", "35970"),
    ("ska-mid-aa4", 197, "29.27", "159622.5"),
    ("meerkat", 64, "29.27", "7697.6"),
    ("meerkat-plus", 78, "29.27", "17643.5"),
    ("kat-7", 7, "24.87", "181.3"),
    ("askap", 36, "22.39", "6442.3"),
    ("vla-a", 27, "793.4", "36623"),
    ("vla-b", 27, "243.1", "11128"),
    ("vla-c", 27, "78.0", "3387.5"),
    ("vla-d", 27, "40.0", "1031.2"),
    ("vlba", 10, "", ""),
    ("ngvla-revf-main", 214, "42.15", "1272904"),
    ("ngvla-revf-core", 114, "", ""),
    ("ngvla-revf-sba", 19, "", ""),
    ("ngvla-revd-main", 214, "", ""),
    ("alma-c3", 43, "15.1", "500"),
    ("alma-c10", 43, "256", "16197"),
    ("alma-aca7m", 10, "8.9", "45"),
    ("atca-6a", 6, "352", "5939"),
    ("atca-h75", 6, "30.6", "4408"),
    ("wsrt", 14, "38.04", "2704.1"),
    ("lofar-hba", 53, "", ""),
    ("lofar-lba", 53, "", ""),
    ("lofar-nl-hba-dual", 62, "43.5", "120160"),
    ("nenufar-96", 96, "25.50", "542.1"),
    ("mwa-phase1", 128, "7.72", "2873.5"),
    ("mwa-phase2-compact", 128, "7.72", "740.8"),
    ("mwa-phase2-extended", 128, "12.21", "5302.9"),
    ("hera-350", 350, "14.60", "876.5"),
];

/// Preset and the reference CSV with the same stations, where the names differ.
const CSV_NAMES: &[(&str, &str)] = &[
    ("ska-low-aa2@ac231", "ska-low-aa2-ac231"),
    ("ska-mid-aa2", "ska-mid-aa2-ac231"),
    ("ska-mid-aa2@simms66", "ska-mid-aa2"),
    ("ska-mid-aastar", "ska-mid-aastar-ac231"),
    ("ska-mid-aastar@simms143", "ska-mid-aastar"),
    ("nenufar-96", "nenufar-core96"),
    ("hera-350", "hera350"),
];

/// The folder `name` of the reference data, or None (reported) where the data are absent.
fn reference_data(name: &str, test: &str) -> Option<PathBuf> {
    let root = std::env::var("SKYFRINGE_TEST_DATA").unwrap_or("../shared/data".into());
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(root).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("SKYFRINGE_REQUIRE_DATA").as_deref() != Ok("1"), "{test}: no {}", folder.display());
    eprintln!("SKIPPED {test}: no reference data");
    None
}

#[test]
fn counts_and_baselines_are_those_of_the_sources() {
    for &(name, stations, shortest, longest) in ARRAYS {
        let telescope = Telescope::preset(name).unwrap();
        assert_eq!(telescope.stations.len(), stations, "{name}");
        assert_eq!(telescope.baselines().count(), telescope.baseline_count(), "{name}");
        let (short, long) = telescope.baseline_range().unwrap();
        for (length_m, printed) in [(short.length_m, shortest), (long.length_m, longest)] {
            if printed.is_empty() {
                continue;
            }
            let decimals = printed.split_once('.').map_or(0, |(_, d)| d.len());
            assert_eq!(format!("{length_m:.decimals$}"), printed, "{name}");
        }
    }
}

#[test]
fn the_table_of_this_test_covers_every_preset() {
    let mut shipped = Vec::new();
    for preset in preset_names() {
        for (i, version) in preset.versions.iter().enumerate() {
            let name = if i == 0 { preset.name.clone() } else { format!("{}@{}", preset.name, version.version) };
            let telescope = Telescope::preset(&name).unwrap();
            assert_eq!((telescope.stations.len(), &telescope.version), (version.stations, &version.version), "{name}");
            // the default version has a name of its own too
            assert_eq!(Telescope::preset(&format!("{}@{}", preset.name, version.version)).unwrap(), telescope);
            shipped.push(name);
        }
    }
    let mut listed: Vec<&str> = ARRAYS.iter().map(|a| a.0).collect();
    shipped.sort();
    listed.sort();
    assert_eq!(shipped, listed);
}

#[test]
fn stations_have_the_types_that_beams_and_noise_look_up() {
    let count = |name: &str, kind: &str, diameter_m: f64| {
        let stations = Telescope::preset(name).unwrap().stations;
        stations.iter().filter(|s| s.kind == kind && s.diameter_m == diameter_m).count()
    };
    assert_eq!((count("ska-mid-aa4", "meerkat", 13.5), count("ska-mid-aa4", "ska-mid", 15.0)), (64, 133));
    assert_eq!((count("ska-mid-aastar", "meerkat", 13.5), count("ska-mid-aastar", "ska-mid", 15.0)), (64, 80));
    assert_eq!((count("meerkat-plus", "meerkat", 13.5), count("meerkat-plus", "ska-mid", 15.0)), (64, 14));
    assert_eq!(count("ska-mid-aa2", "ska-mid", 15.0), 64);
    assert_eq!(count("ska-low-aa4", "ska-low", 38.0), 512);
    assert_eq!(count("vla-a", "vla", 25.0), 27);
    assert_eq!(count("askap", "askap", 12.0), 36);
    assert_eq!((count("lofar-hba", "lofar-hba-core", 30.75), count("lofar-hba", "lofar-hba-remote", 41.05)), (24, 14));
}

#[test]
fn ska_low_stations_keep_their_name_from_release_to_release() {
    let full = Telescope::preset("ska-low-aa4").unwrap();
    for name in ["ska-low-aa0.5", "ska-low-aa1", "ska-low-aa2", "ska-low-aa2@ac231", "ska-low-aastar"] {
        for station in Telescope::preset(name).unwrap().stations {
            let same = full.stations.iter().find(|s| s.name == station.name).unwrap();
            assert_eq!(station.offset_m, same.offset_m, "{name} {}", station.name);
        }
    }
}

#[test]
fn arrays_stand_where_they_are_on_the_earth() {
    // geodetic longitude, latitude (deg) of the observatories, and heights of their sites (m)
    for (name, lon, lat, low, high) in [
        ("ska-low-aa4", 116.76, -26.82, 250.0, 450.0),
        ("ska-mid-aa4", 21.44, -30.71, 900.0, 1400.0),
        ("meerkat", 21.44, -30.71, 1000.0, 1150.0),
        ("vla-d", -107.62, 34.08, 2100.0, 2140.0),
        ("askap", 116.63, -26.70, 340.0, 400.0),
        ("mwa-phase2-extended", 116.67, -26.70, 360.0, 400.0),
        ("hera-350", 21.43, -30.72, 1040.0, 1065.0),
        ("alma-c3", -67.75, -23.02, 5000.0, 5100.0),
        ("lofar-nl-hba-dual", 6.87, 52.91, 35.0, 70.0),
        ("ngvla-revf-core", -107.64, 34.08, 2050.0, 2200.0),
        ("kat-7", 21.38, -30.70, 1030.0, 1045.0),
    ] {
        let telescope = Telescope::preset(name).unwrap();
        let reference = telescope.reference();
        assert!((reference.lon_deg() - lon).abs() < 0.01 && (reference.lat_deg() - lat).abs() < 0.01, "{name}");
        for i in 0..telescope.stations.len() {
            let height_m = telescope.geodetic(i).height_m;
            assert!((low..high).contains(&height_m), "{name} {}: {height_m} m", telescope.stations[i].name);
        }
    }
}

#[test]
fn positions_equal_the_reference_layouts() {
    let Some(folder) = reference_data("layouts", "positions_equal_the_reference_layouts") else { return };
    for &(name, ..) in ARRAYS {
        let csv = CSV_NAMES.iter().find(|n| n.0 == name).map_or(name, |n| n.1);
        let text = std::fs::read_to_string(folder.join(format!("{csv}.csv"))).unwrap();
        let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|l| l.split(',').collect()).collect();
        let telescope = Telescope::preset(name).unwrap();
        assert_eq!(rows.len(), telescope.stations.len(), "{name}");
        for (i, row) in rows.iter().enumerate() {
            let ecef = telescope.ecef_m(i);
            for axis in 0..3 {
                let expected: f64 = row[1 + axis].parse().unwrap();
                let what = format!("{name} {}: {} m, expected {expected}", row[0], ecef[axis]);
                assert!((ecef[axis] - expected).abs() < 1e-3, "{what}");
            }
            let geodetic = telescope.geodetic(i);
            let [lon, lat, height] = [4, 5, 6].map(|c| row[c].parse::<f64>().unwrap());
            // the table has 8 decimals of a degree (1 mm) and 3 of a metre
            assert!((geodetic.lon_deg() - lon).abs() < 2e-8 && (geodetic.lat_deg() - lat).abs() < 2e-8, "{name}");
            assert!((geodetic.height_m - height).abs() < 2e-3, "{name} {}", row[0]);
        }
    }
}

#[test]
fn the_vogel_station_equals_that_of_sdc3a() {
    let Some(folder) = reference_data("layouts", "the_vogel_station_equals_that_of_sdc3a") else { return };
    let text = std::fs::read_to_string(folder.join("ska-low-sdc3a-vogel-station-enu.csv")).unwrap();
    let antennas = skyfringe::telescope::vogel_station();
    assert_eq!(text.lines().count() - 1, antennas.len());
    for (line, antenna) in text.lines().skip(1).zip(antennas) {
        let words: Vec<&str> = line.split(',').collect();
        let [east, north] = [1, 2].map(|c| words[c].parse::<f64>().unwrap());
        // telescopes-noise-sky.md section 1: largest difference 7.8 mm (in a coordinate)
        assert!((antenna[0] - east).abs() < 7.8e-3 && (antenna[1] - north).abs() < 7.8e-3, "{line}");
    }
}

#[test]
fn reads_the_telescope_folders_of_the_oskar_cases() {
    let test = "reads_the_telescope_folders_of_the_oskar_cases";
    let Some(folder) = reference_data("oskar-cases", test) else { return };
    for (case, stations, elements) in [
        ("01_points_I_scalar", 24, 1),
        ("03_gaussians_isotropic", 24, 1),
        ("05_aa_isotropic_elements", 16, 24),
        ("07_mid_gaussian_beam", 16, 1),
    ] {
        let model = read_oskar_telescope(&folder.join(case).join("telescope.tm")).unwrap();
        assert_eq!(model.station_types[0].elements.len(), elements, "{case}");
        assert_eq!(model.type_of_station, vec![0; stations], "{case}");
        let (telescope, unsupported) = Telescope::from_oskar_folder(&folder.join(case).join("telescope.tm")).unwrap();
        assert_eq!((telescope.stations.len(), telescope.name.as_str()), (stations, "telescope"), "{case}");
        assert!(unsupported.is_empty(), "{unsupported:?}");
        let sources = read_oskar_sky(&folder.join(case).join("sky.txt")).unwrap();
        assert!(sources.iter().all(|s| s.flux[0].0 > 0.0), "{case}");
        assert_eq!(sources.iter().all(|s| s.gaussian.is_some()), case.starts_with("03"), "{case}");
        let settings = read_oskar_settings(&folder.join(case).join("settings.ini")).unwrap();
        assert_eq!(settings.get("telescope", "input_directory").unwrap().value, "telescope.tm");
        assert_eq!(settings.get("sky", "oskar_sky_model/file").unwrap().value, "sky.txt");
    }
}

/// The first u, v, w of case 01, from its `case.json`: station offsets and OSKAR's rotation.
#[test]
fn offsets_give_the_uvw_of_oskar() {
    // layout.txt of the case, first two stations, and its position.txt
    let model = OskarTelescope {
        longitude_deg: 116.7644482,
        latitude_deg: -26.82472208,
        altitude_m: 0.0,
        layout: OskarLayout::EnuM(vec![[-43.3915, 191.7264, 2.5107], [-52.6649, -250.1036, 8.1917]]),
        station_types: Vec::new(),
        type_of_station: Vec::new(),
        unsupported: Vec::new(),
    };
    let telescope = Telescope::from_oskar("case 01", &model).unwrap();
    let [a, b] = [telescope.stations[0].offset_m, telescope.stations[1].offset_m];
    let [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    // data/oskar-cases/README.md: H = GAST - RA0, t = x cos H - y sin H
    let gast_rad: f64 = 3.686_930_735_611_351_7;
    let (sin_h, cos_h) = (gast_rad - 329f64.to_radians()).sin_cos();
    let (sin_d, cos_d) = (-30f64).to_radians().sin_cos();
    let t = x * cos_h - y * sin_h;
    let uvw = [x * sin_h + y * cos_h, z * cos_d - t * sin_d, z * sin_d + t * cos_d];
    for (value, expected) in uvw.iter().zip([5.914_781_210_037_312, 440.902_617_782_226_7, -30.031_909_772_392_858]) {
        assert!((value - expected).abs() < 4e-10, "{value} {expected}");
    }
}

#[test]
fn telescope_files_are_read_and_broken_ones_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.txt");
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/telescopes/vla-d.txt");
    let text = std::fs::read_to_string(shipped).unwrap();
    std::fs::write(&path, &text).unwrap();
    assert_eq!(Telescope::from_file(&path).unwrap(), Telescope::preset("vla-d").unwrap());

    let half = &text[..text.len() / 2];
    let one = "skyfringe-telescope 1\nname: a\nversion: 1\nsource: me\nframe: ECEF WGS84\nreference: 0 0 0\nstations:\n\
               a 6378137 0 0 25 vla\n";
    let twins = format!("{one}b 6378137 0 0 25 vla\n");
    for (broken, words) in
        [(half, "line"), (one, "at least two stations"), (&twins, "same place"), ("\0\u{1}x", "not a")]
    {
        std::fs::write(&path, broken).unwrap();
        let error = Telescope::from_file(&path).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(words) && error.to_string().contains("mine.txt"), "{error}");
    }
    std::fs::write(&path, [0xffu8, 0xfe, 0x00]).unwrap();
    assert!(Telescope::from_file(&path).is_err());
    assert!(Telescope::from_file(folder.path()).is_err());
}

proptest::proptest! {
    /// Whatever a file holds, the text readers answer with a value or an error.
    #[test]
    fn text_readers_never_panic(
        text in "(\\PC|\n)*",
        words in "((Format|format|=|RaD|DecD|I|[\\[\\]()'\"#,:. -]|[0-9]{1,3}|e|d|h|m|nan|\n)){0,40}",
    ) {
        for text in [text.as_str(), words.as_str(), &format!("Format = Ra, Dec, I\n{words}"), &format!("skyfringe-telescope 1\n{words}")] {
            let _ = skyfringe::formats::telescope::parse_telescope(text, "x");
            let _ = skyfringe::formats::telescope::parse_rotations(text, "x");
            let _ = skyfringe::formats::oskar::parse_oskar_sky(text, "x");
            let _ = skyfringe::formats::oskar::parse_oskar_settings(text, "x");
        }
    }
}

//! Skies that are wrong: snapshots, FITS cubes, lists; and `sky info`.

use super::Place;
use skyfringe::formats::snapshot::write_snapshot;
use skyfringe::sky::galaxy::{GalaxyParams, make_galaxy};
use std::path::{Path, PathBuf};

/// A galaxy of a few cells as a snapshot file.
pub(super) fn snapshot(place: &Place, name: &str) -> PathBuf {
    let path = place.path(name);
    let galaxy = make_galaxy(&GalaxyParams { n_cells: 1000, ..GalaxyParams::random(3) }).unwrap();
    write_snapshot(&path, &galaxy).unwrap();
    path
}

/// A snapshot that `change` has spoilt.
fn spoilt(place: &Place, name: &str, change: impl Fn(&hdf5::File)) {
    // a program that another test starts meanwhile inherits the lock of the file that was written, not that of a copy
    let own = snapshot(place, "own.hdf5");
    std::fs::copy(&own, place.path(name)).unwrap();
    std::fs::remove_file(own).unwrap();
    change(&hdf5::File::open_rw(place.path(name)).unwrap());
}

fn set_all(file: &hdf5::File, field: &str, value: f32) {
    let data = file.dataset(field).unwrap();
    let values = ndarray::Array1::from_elem(data.shape()[0], value);
    data.write(&values).unwrap();
}

#[test]
fn snapshots_that_are_damaged() {
    let place = Place::with_configurations();
    let whole = std::fs::read(snapshot(&place, "whole.hdf5")).unwrap();
    place.write("half.hdf5", &whole[..whole.len() / 2]);
    place.write("start.hdf5", &whole[..2000]);
    place.write("text.hdf5", "hello\n");
    place.write("empty.hdf5", "");
    spoilt(&place, "field.hdf5", |f| f.unlink("PartType0/Density").unwrap());
    spoilt(&place, "header.hdf5", |f| f.unlink("Header").unwrap());
    spoilt(&place, "no-gas.hdf5", |f| f.unlink("PartType0").unwrap());
    for field in ["Coordinates", "CenterOfMass"] {
        spoilt(&place, &format!("nan-{field}.hdf5"), |f| {
            let data = f.dataset(&format!("PartType0/{field}")).unwrap();
            let mut positions: ndarray::Array2<f64> = data.read_2d().unwrap();
            positions[[17, 1]] = f64::NAN;
            data.write(&positions).unwrap();
        });
    }
    spoilt(&place, "ionised.hdf5", |f| {
        set_all(f, "PartType0/NeutralHydrogenAbundance", 0.0);
        set_all(f, "PartType0/StarFormationRate", 0.0);
    });
    spoilt(&place, "short.hdf5", |f| {
        let group = f.group("PartType0").unwrap();
        let masses: Vec<f32> = group.dataset("Masses").unwrap().read_raw().unwrap();
        group.unlink("Masses").unwrap();
        group.new_dataset_builder().with_data(&masses[5..]).create("Masses").unwrap();
    });
    spoilt(&place, "negative.hdf5", |f| set_all(f, "PartType0/Masses", -1.0));
    let cases: &[(&str, &[&str])] = &[
        ("half.hdf5", &["truncated or damaged", "half.hdf5", "a whole file", "fetch the file again"]),
        ("start.hdf5", &["truncated or damaged", "start.hdf5"]),
        ("text.hdf5", &["not an HDF5 file", "hello", "IllustrisTNG", "text.hdf5"]),
        ("empty.hdf5", &["not an HDF5 file", "an empty file"]),
        ("field.hdf5", &["PartType0/Density is missing", "Masses", "field.hdf5", "docs/snapshots.md"]),
        ("header.hdf5", &["group Header is missing", "header.hdf5"]),
        ("no-gas.hdf5", &["no gas in the selection", "0 of 0", "no-gas.hdf5"]),
        ("nan-Coordinates.hdf5", &["PartType0/Coordinates", "NaN in row 17", "nan-Coordinates.hdf5"]),
        ("nan-CenterOfMass.hdf5", &["PartType0/CenterOfMass", "NaN in row 17", "nan-CenterOfMass.hdf5"]),
        ("ionised.hdf5", &["no atomic hydrogen", "1000 gas cells", "ionised.hdf5"]),
        ("short.hdf5", &["another number of rows", "995", "1000", "short.hdf5"]),
        ("negative.hdf5", &["PartType0/Masses", "-1 in row 0", "negative.hdf5"]),
        ("nowhere.hdf5", &["cannot open", "nowhere.hdf5", "No such file"]),
        ("no-sky.toml", &["not an HDF5 file", "no-sky.toml"]),
    ];
    for (name, says) in cases {
        let change = format!("sky.snapshot={name}");
        place.refused(&["run", "no-sky.toml", "--out", "out", "--set", &change], says);
        place.refused(&["observe", "no-sky.toml", "--out", "x.h5", "--set", &change], says);
    }
    // what can be known without reading the cells is found by --check
    for name in ["half.hdf5", "text.hdf5", "header.hdf5", "nowhere.hdf5"] {
        place.refused(&["run", "no-sky.toml", "--check", "--set", &format!("sky.snapshot={name}")], &[name]);
    }
    std::fs::create_dir(place.path("folder")).unwrap();
    place.refused(
        &["run", "no-sky.toml", "--out", "out", "--set", "sky.snapshot=folder"],
        &["holds no snapshot", "snapdir_*"],
    );
}

#[test]
fn selections_without_gas_fields_without_galaxy_and_bands_without_line() {
    let place = Place::with_configurations();
    snapshot(&place, "g.hdf5");
    let run = |changes: &[&str]| -> Vec<String> {
        let mut words: Vec<String> =
            ["run", "no-sky.toml", "--out", "out", "--set", "sky.snapshot=g.hdf5"].map(String::from).to_vec();
        changes.iter().for_each(|c| words.extend(["--set".to_string(), c.to_string()]));
        words
    };
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["sky.centre=1 1 1 ckpc/h", "sky.radius=2 ckpc/h"],
            &["no gas in the selection", "0 of 1000", "within 2 ckpc/h of (1, 1, 1)", "ckpc/h wide"],
        ),
        (
            &["sky.centre=1 1 1 ckpc/h", "sky.radius=70 ckpc/h"],
            &["does not fit into the snapshot's box", "radius 70", "a radius of at most"],
        ),
        (
            &["sky.direction=80 10 deg", "image.cell=1 arcsec"],
            &["outside the field", "centre at pixel", "pixels 0 to 63", "larger image"],
        ),
        (
            &["sky.band_centre=1.3 GHz", "sky.channel_width=60 kHz"],
            &["band misses the line", "1299.9100 MHz to 1300.0900 MHz", "1413.", "centred on the line"],
        ),
        (&["sky.band_centre=1.3 GHz"], &["sky.channel_width", "--set sky.channel_width"]),
        (&["sky.distance=1 kpc"], &["hemisphere", "smaller cell"]),
        (&["sky.distance=1e9 Mpc"], &["no redshift", "1000000000 Mpc"]),
        (&["sky.redshift=0"], &["redshift of 0", "sky.distance"]),
        (&["sky.subhalo=0", "sky.group_catalogue=nowhere"], &["nowhere", "No such file"]),
    ];
    for (changes, says) in cases {
        let words = run(changes);
        place.refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), says);
    }
}

/// A small FITS sky in `name`, its header changed: (card as it stands, card as it shall be), both up to 80 characters.
pub(super) fn fits(place: &Place, name: &str, changes: &[(&str, &str)]) -> PathBuf {
    use skyfringe::formats::fits::{FitsCube, SkyAxes, SpectralAxis, write_cube};
    use skyfringe::units::RaDec;
    let cell = 15.0 * skyfringe::units::ARCSEC_RAD;
    let mut data = ndarray::Array3::<f32>::zeros((3, 32, 32));
    data[[1, 16, 16]] = 1e-3;
    let cube = FitsCube {
        data,
        sky: SkyAxes {
            centre: RaDec::from_deg(30.0, -30.0),
            step_x_rad: -cell,
            step_y_rad: cell,
            reference_pixel: [16.0, 16.0],
        },
        spectral: SpectralAxis {
            freq_hz: vec![1.41e9, 1.4101e9, 1.4102e9],
            width_hz: 1e5,
            rest_hz: 1.420405751768e9,
            specsys: "LSRK".into(),
            form: Default::default(),
        },
        stokes: "I".into(),
        unit: "Jy/pixel".into(),
        beams: Vec::new(),
        cards: Vec::new(),
    };
    let path = place.path(name);
    write_cube(&path, &cube).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    for (old, new) in changes {
        let at = bytes.chunks(80).position(|c| c.starts_with(old.as_bytes())).expect(old) * 80;
        bytes[at..at + 80].copy_from_slice(format!("{new:<80}").as_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn fits_cubes_that_cannot_be_a_sky() {
    let place = Place::with_configurations();
    let whole = std::fs::read(fits(&place, "whole.fits", &[])).unwrap();
    place.write("half.fits", &whole[..whole.len() / 2]);
    place.write("start.fits", &whole[..1000]);
    let mut bytes = whole.clone();
    let data = whole.len() - (3 * 32 * 32 * 4usize).next_multiple_of(2880);
    bytes[data + 400..data + 404].copy_from_slice(&f32::NAN.to_be_bytes());
    place.write("nan.fits", bytes);
    fits(&place, "tan.fits", &[("CTYPE1", "CTYPE1  = 'RA---TAN'"), ("CTYPE2", "CTYPE2  = 'DEC--TAN'")]);
    fits(&place, "beam.fits", &[("BUNIT", "BUNIT   = 'Jy/beam '")]);
    fits(&place, "unit.fits", &[("BUNIT", "BUNIT   = '        '")]);
    fits(&place, "mega.fits", &[("BUNIT", "BUNIT   = 'MK      '")]);
    fits(&place, "galactic.fits", &[("CTYPE1", "CTYPE1  = 'GLON-SIN'")]);
    fits(&place, "oblong.fits", &[("CDELT1", "CDELT1  = -0.005")]);
    let cases: &[(&str, &[&str])] = &[
        ("half.fits", &["ends before its data", "half.fits", "again"]),
        ("start.fits", &["cannot be read", "start.fits", "truncated"]),
        ("nan.fits", &["undefined pixels", "1 of 3072", "nan.fits", "nan_to_num"]),
        ("tan.fits", &["RA---TAN", "RA---SIN", "CTYPE1", "reproject"]),
        ("galactic.fits", &["GLON-SIN", "RA---SIN", "reproject"]),
        ("beam.fits", &["BUNIT 'Jy/beam'", "Jy/pixel, K or mK", "model image", "beam.fits"]),
        ("unit.fits", &["BUNIT ''", "Jy/pixel, K or mK", "unit.fits"]),
        ("mega.fits", &["BUNIT 'MK'", "mK"]),
        ("oblong.fits", &["not square", "oblong.fits"]),
        ("nowhere.fits", &["cannot open", "nowhere.fits", "No such file"]),
        ("no-sky.toml", &["not a FITS file", "SIMPLE", "no-sky.toml"]),
    ];
    let words = |name: &str| {
        ["run", "no-sky.toml", "--set"]
            .map(String::from)
            .to_vec()
            .into_iter()
            .chain([format!("sky.fits={name}")])
            .collect::<Vec<_>>()
    };
    for (name, says) in cases {
        let words = words(name);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        place.refused(&[&words[..], &["--out", "out"]].concat(), says);
        place.refused(&[&words[..], &["--check"]].concat(), says);
    }
    // a frame that is asked for and differs is refused; without a wish the cube keeps its own
    let own = ["run", "no-sky.toml", "--out", "out", "--set", "sky.fits=whole.fits", "--set"];
    place.refused(
        &[&own[..], &["sky.specsys=BARYCENT"]].concat(),
        &["another spectral frame", "'LSRK' in the file", "'BARYCENT'", "sky.specsys", "whole.fits"],
    );
    assert!(place.run(&own[..6]).ok().contains("(LSRK)"));
}

#[test]
fn lists_of_sources_that_cannot_be_read() {
    let place = Place::with_configurations();
    place.write("words.osm", "hello world\n");
    place.write("columns.osm", "Format = RaD, DecD, I, Wobble\n1 2 3 4\n");
    place.write("nothing.osm", "# no source\n");
    place.write("binary.osm", b"\xff\xfe\x00");
    place.write("good.osm", "30.0 -30.0 1.0\n");
    let list = |name: &str, more: &[&str]| {
        let mut words: Vec<String> = ["run", "no-sky.toml", "--out", "out"].map(String::from).to_vec();
        for change in [&format!("sky.components={name}")].into_iter().map(String::as_str).chain(more.iter().copied()) {
            words.extend(["--set".to_string(), change.to_string()]);
        }
        words
    };
    let refused = |name: &str, more: &[&str], says: &[&str]| {
        let words = list(name, more);
        place.refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), says);
    };
    refused("words.osm", &[], &["words.osm, line 1"]);
    refused("columns.osm", &[], &["Wobble", "columns.osm, line 1", "not known"]);
    refused("nothing.osm", &[], &["no source", "nothing.osm"]);
    refused("binary.osm", &[], &["binary.osm", "not a text file"]);
    refused("/dev/zero", &[], &["the device /dev/zero"]);
    refused("good.osm", &[], &["sky.band_centre", "a list of components has none"]);
    refused("good.osm", &["sky.band_centre=1.4 GHz"], &["sky.channel_width"]);
    let band = ["sky.band_centre=1.4 GHz", "sky.channel_width=1 MHz"];
    refused(
        "good.osm",
        &[band[0], band[1], "prediction.method=grid"],
        &["grid", "\"auto\" or \"direct\"", "--set prediction.method"],
    );
    let words = list("good.osm", &band);
    place.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).ok();
}

#[test]
fn info_tells_every_kind_of_file() {
    let place = Place::with_configurations();
    place.run(&["run", "small.toml", "--out", "out", "--quiet"]).ok();
    std::fs::create_dir(place.path("snapdir_000")).unwrap();
    snapshot(&place, "snapdir_000/snap_000.0.hdf5");
    place.write("sky.osm", "30.0 -30.0 1.0\n30.1 -30.0 2.5\n");
    let info = |name: &str, words: &[&str]| {
        let out = place.run(&["sky", "info", name]).ok();
        for word in words {
            assert!(out.contains(word), "{name}: \"{word}\" is not in\n{out}");
        }
    };
    info("snapdir_000", &["IllustrisTNG snapshot", "1000 gas cells", "CenterOfMass", "ckpc/h", "neutral H"]);
    info("snapdir_000/snap_000.0.hdf5", &["IllustrisTNG snapshot", "redshift"]);
    info("out/sky.fits", &["64 x 64 pixels", "Jy/pixel", "BARYCENT", "Jy km/s"]);
    info("out/dirty.fits", &["Jy/beam", "beam"]);
    info("out/visibilities.h5", &["visibilities", "56 rows x 3 channels", "ska-mid-aa1", "flagged    0"]);
    info("sky.osm", &["sky list", "2 (2 points, 0 Gaussians)", "3.500000 Jy"]);

    spoilt(&place, "field.hdf5", |f| f.unlink("PartType0/Masses").unwrap());
    let file = hdf5::File::create(place.path("other.hdf5")).unwrap();
    file.new_dataset_builder().with_data(&[1.0, 2.0]).create("x").unwrap();
    drop(file);
    let whole = std::fs::read(place.path("out/visibilities.h5")).unwrap();
    place.write("half.h5", &whole[..whole.len() / 2]);
    place.write("empty", "");
    place.refused(&["sky", "info", "small.toml"], &["not a file of a known kind", "small.toml", "--check"]);
    place.refused(&["sky", "info", "empty"], &["not a file of a known kind", "an empty file"]);
    place.refused(&["sky", "info", "out/preview.png"], &["not a file of a known kind", "PNG"]);
    place.refused(&["sky", "info", "half.h5"], &["truncated or damaged", "half.h5"]);
    place.refused(&["sky", "info", "other.hdf5"], &["other.hdf5", "docs/formats.md"]);
    place.refused(&["sky", "info", "field.hdf5"], &["PartType0/Masses is missing", "field.hdf5"]);
    place.refused(&["sky", "info", "nowhere"], &["cannot read nowhere", "No such file"]);
    place.refused(&["sky", "info", "out"], &["holds no snapshot"]);
}

#[test]
fn made_galaxies_are_skies() {
    let place = Place::with_configurations();
    let out = place.run(&["sky", "galaxies", "--count", "2", "--seed", "3", "--out", "made/here"]).ok();
    let files: Vec<&str> = out.lines().collect();
    assert_eq!(files, ["made/here/galaxy_0000.hdf5", "made/here/galaxy_0001.hdf5", "made/here/galaxies.csv"]);
    let table = std::fs::read_to_string(place.path(files[2])).unwrap();
    assert_eq!(table.lines().count(), 3);
    assert!(table.starts_with("file,kind,seed,") && table.contains("\ngalaxy_0001.hdf5,disc,"), "{table}");
    assert!(place.run(&["sky", "info", files[1]]).ok().contains("80000 gas cells"));
    let change = format!("sky.snapshot={}", files[1]);
    let ran = place.run(&["run", "no-sky.toml", "--out", "out", "--set", &change]);
    assert!(ran.err.contains("centre found in the HI"), "{}", ran.err);
    assert!(ran.ok().contains("HI mass"));
    assert_eq!(super::names(&place.path("out")), super::PRODUCTS);
    // equal seeds, equal galaxies, whatever their number
    place.run(&["sky", "galaxies", "--seed", "3", "--out", "again"]).ok();
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    assert!(read("again/galaxy_0000.hdf5") == read(files[0]));

    // the same words again keep what is there, others replace it
    let keep = ["sky", "galaxies", "--seed", "3", "--out", "again"];
    assert!(place.run(&keep).err.contains("1 of 1 galaxies were there"));
    let small = ["--kind", "merger", "--hi-mass", "2e9 4e9 Msun", "--cells", "2000", "--stars", "100"];
    let ran = place.run(&[&keep[..], &small].concat());
    assert!(!ran.err.contains("were there"), "{}", ran.err);
    ran.ok();
    assert!(
        std::fs::read_to_string(place.path("again/galaxies.csv")).unwrap().contains("galaxy_0000.hdf5,merger,3,0,2,")
    );
    let kind = ["--set", "sky.galaxy.kind=merger", "--set", "sky.galaxy.hi_mass=2e9 4e9 Msun"];
    let out =
        place.run(&[&["run", "no-sky.toml", "--check", "--set", "sky.galaxy.cells=2000"], &kind[..]].concat()).ok();
    assert!(out.contains("built-in merger, seed 1, 2000 gas cells"), "{out}");
    place.refused(&["run", "no-sky.toml", "--check", "--set", "sky.galaxy.hi_mass=2e9 1e9 Msun"], &["lighter first"]);
    place.refused(&["run", "no-sky.toml", "--check", "--set", "sky.galaxy.kind=elliptical"], &["dwarf", "population"]);

    place.write("file", "");
    place.refused(&["sky", "galaxies", "--out", "file"], &["folder is a file", "--out"]);
    place.refused(&["sky", "galaxies", "--out", "file/x"], &["cannot make the output folder", "--out"]);
    let refused =
        |words: &[&str], parts: &[&str]| place.refused(&[&["sky", "galaxies", "--out", "x"], words].concat(), parts);
    refused(&["--hi-mass", "3e9"], &["--hi-mass"]);
    refused(&["--hi-mass", "3e9 2e9 Msun"], &["HI mass of the galaxy is impossible", "the lighter first"]);
    refused(&["--hi-mass", "1e9 2e9 3e9 Msun"], &["3 masses"]);
    refused(&["--redshift", "30"], &["redshift of the galaxy is impossible"]);
    place.run(&["sky", "galaxies", "--kind", "blob", "--out", "x"]).bad_words(&["blob", "--kind", "satellites"]);
    place.run(&["sky", "galaxies", "--count", "0", "--out", "x"]).bad_words(&["--count", "not in 1.."]);
    place.run(&["sky", "galaxies", "--seed", "-3", "--out", "x"]).bad_words(&["-3", "--seed"]);
    assert!(!Path::exists(&place.path("x")));
}

//! `sky hi`.

use super::Place;
use super::skies::snapshot;
use skyfringe::formats::fits::{
    Card, CardValue, CubeHeader, FitsCube, SkyAxes, SpectralAxis, SpectralForm, SpectralKind, read_axes, read_cube,
    write_cube,
};
use skyfringe::units::hi::{NU0_HZ, mass_per_mpc2_jy_hz};
use skyfringe::units::{ARCSEC_RAD, C_M_S, RaDec};
use std::path::Path;
use std::process::Command;

const ALL: [&str; 8] = [
    "column.fits",
    "flux.fits",
    "kinematic.fits",
    "moment0.fits",
    "moment1.fits",
    "moment2.fits",
    "preview.png",
    "tb.fits",
];

fn number(cards: &[Card], key: &str) -> f64 {
    match &cards.iter().find(|card| card.key == key).unwrap_or_else(|| panic!("no {key}")).value {
        CardValue::Float(value) => *value,
        CardValue::Int(value) => *value as f64,
        other => panic!("{key} is {other:?}"),
    }
}

/// `python3 tests/check_cubes.py`, where there is python3 with astropy and h5py.
#[track_caller]
fn astropy(words: &[&Path], what: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/check_cubes.py");
    match Command::new("python3").arg(script).arg(what).args(words).output() {
        Ok(output) if output.status.code() != Some(77) => {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
        }
        _ => eprintln!("SKIPPED check_cubes.py {what}: no python3 with astropy and h5py"),
    }
}

#[test]
fn hi_writes_its_products_into_a_folder_or_under_a_prefix() {
    let place = Place::with_configurations();
    snapshot(&place, "g.hdf5");
    let out = place.run(&["sky", "hi", "g.hdf5", "--size", "48", "--out", "new/"]).ok();
    for word in ["HI of 1000 gas cells", "HI mass", "W50", "W20", "48 x 48 pixels", "32 of", "BARYCENT", "lost", "MHz"]
    {
        assert!(out.contains(word), "{word}: {out}");
    }
    let mut expected: Vec<String> = ALL.iter().map(|name| format!("new/{name}")).collect();
    expected.iter().for_each(|name| assert!(out.contains(name), "{name}: {out}"));
    expected.extend(["g.hdf5", "new", "no-sky.toml", "small.toml"].map(String::from));
    expected.sort();
    assert_eq!(place.names(), expected);
    let flux = read_cube(&place.path("new/flux.fits")).unwrap();
    assert_eq!((flux.data.dim(), flux.unit.as_str()), ((32, 48, 48), "Jy/pixel"));
    // the mass comes back from the flux and from the temperatures
    let sum = |cube: &FitsCube| cube.data.iter().map(|v| f64::from(*v)).sum::<f64>();
    let d_l = number(&flux.cards, "DISTLUM");
    let mass = mass_per_mpc2_jy_hz() * d_l * d_l * sum(&flux) * flux.spectral.width_hz;
    assert!((mass / number(&flux.cards, "MHI") - 1.0).abs() < 1e-3);
    let moment0 = read_cube(&place.path("new/moment0.fits")).unwrap();
    let integral = sum(&flux) * flux.spectral.width_hz * C_M_S * 1e-3 / number(&moment0.cards, "LINEFREQ");
    assert!((sum(&moment0) / integral - 1.0).abs() < 1e-5);
    // 256 pixels where nothing is said
    place.run(&["sky", "hi", "g.hdf5", "--product", "column", "--out", "own", "--quiet"]).ok();
    assert_eq!(read_cube(&place.path("own-column.fits")).unwrap().data.dim(), (1, 256, 256));
    place
        .run(&["sky", "hi", "small.toml", "--product", "column,flux", "--format", "hdf5", "--out", "p", "--quiet"])
        .ok();
    let names = place.names();
    assert!(["p-column.h5", "p-flux.h5"].iter().all(|name| names.contains(&name.to_string())), "{names:?}");
    assert!(!names.iter().any(|name| name.ends_with("p-flux.fits")));
}

#[test]
fn planes_stand_at_their_frequencies_on_every_axis() {
    let place = Place::with_configurations();
    let mut masses = Vec::new();
    for axis in ["freq", "vrad", "vopt"] {
        let change = format!("sky.spectral_axis={axis}");
        // so far away, and with channels so wide, that optical and radio channels differ in width
        let words =
            ["sky", "hi", "small.toml", "--set", &change, "--set", "sky.redshift=0.5", "--set", "sky.channels=12"];
        let words = [&words[..], &["--product", "flux", "--format", "both", "--out", axis, "--quiet"]].concat();
        place.run(&words).ok();
        let (name, twin) = (place.path(&format!("{axis}-flux.fits")), place.path(&format!("{axis}-flux.h5")));
        astropy(&[&name, &twin], "axes");
        let axes = read_axes(&name).unwrap();
        let freq = &axes.spectral.freq_hz;
        let rising = freq[1] > freq[0];
        assert_eq!(rising, axis == "freq");
        // M = 49.7 D_L^2 sum S dnu with each plane's own width
        let file = hdf5::File::open(&twin).unwrap();
        let data = file.dataset("data").unwrap().read::<f32, ndarray::Ix3>().unwrap();
        let header = file.group("header").unwrap();
        let header = |key: &str| header.attr(key).unwrap().read_scalar::<f64>().unwrap();
        let kind = axes.spectral.form.kind;
        let at: Vec<f64> = freq.iter().map(|f| kind.coordinate(*f, NU0_HZ)).collect();
        let half = 0.5 * (at[1] - at[0]);
        let integral: f64 = (0..12)
            .map(|p| {
                let edges = [at[p] - half, at[p] + half].map(|v| kind.freq_hz(v, NU0_HZ));
                data.index_axis(ndarray::Axis(0), p).iter().map(|v| f64::from(*v)).sum::<f64>()
                    * (edges[1] - edges[0]).abs()
            })
            .sum();
        let mass = mass_per_mpc2_jy_hz() * header("DISTLUM").powi(2) * integral;
        assert!((mass / header("MHICUBE") - 1.0).abs() < 1e-6, "{axis}: {}", mass / header("MHICUBE"));
        masses.push(mass);
    }
    let info = place.run(&["sky", "info", "vopt-flux.fits"]).ok();
    assert!(info.contains("12 plane(s)") && info.contains("Jy/pixel"), "{info}");
    let info = place.run(&["sky", "info", "vopt-flux.h5"]).ok();
    assert!(info.contains("12 plane(s)") && info.contains("VOPT") && info.contains("Jy/pixel"), "{info}");
    let sky = ["run", "no-sky.toml", "--set", "sky.fits=vopt-flux.fits", "--out", "r"];
    place.refused(&sky, &["equal width in frequency", "VOPT"]);
    assert!(masses.iter().all(|m| (m / masses[0] - 1.0).abs() < 1e-3), "{masses:?}");
}

#[test]
fn channels_may_be_given_in_velocity_where_the_axis_says_what_it_means() {
    let place = Place::with_configurations();
    let run = |changes: &[&str], out: &str| {
        let mut words = vec!["sky", "hi", "small.toml", "--product", "flux", "--out", out, "--quiet"];
        changes.iter().for_each(|change| words.extend(["--set", change]));
        place.run(&words).ok();
        read_axes(&place.path(&format!("{out}-flux.fits"))).unwrap().spectral
    };
    let axis = |kind: &str| format!("sky.spectral_axis={kind}");
    let velocities = ["sky.channel_width=20 km/s", "sky.band_centre=1345 km/s", "sky.channels=5"];
    for (kind, form) in [("vrad", SpectralKind::Radio), ("vopt", SpectralKind::Optical)] {
        let got = run(&[&[axis(kind).as_str()], &velocities[..]].concat(), kind);
        assert_eq!(got.form.kind, form);
        for (plane, freq) in got.freq_hz.iter().enumerate() {
            let v = 1e-3 * form.coordinate(*freq, NU0_HZ);
            assert!((v - (1345.0 + 20.0 * (plane as f64 - 2.0))).abs() < 1e-6, "{kind} {plane}: {v}");
        }
    }
    let of_width = run(&[&axis("vrad"), "sky.channel_width=94.7 kHz"], "hertz");
    assert!((of_width.width_hz - 94.7e3).abs() < 1.0);
    let refused = |changes: &[&str], says: &[&str]| {
        let mut words = vec!["sky", "hi", "small.toml", "--out", "bad"];
        changes.iter().for_each(|change| words.extend(["--set", change]));
        place.refused(&words, says);
    };
    refused(&["sky.channel_width=20 km/s"], &["channel_width", "a frequency", "spectral_axis"]);
    refused(&["sky.band_centre=20 km/s"], &["band_centre", "vopt"]);
    refused(&[&axis("vopt"), "sky.channel_width=20 kHz"], &["channel_width", "5 km/s", "not equal in frequency"]);
    refused(&[&axis("vopt"), "sky.channel_width=20 parsec"], &["channel_width", "parsec"]);
    refused(&[&axis("vopt"), "sky.channel_width=-2 km/s"], &["channel_width", "above 0"]);
    refused(&[&axis("vrad"), "sky.band_centre=400000 km/s", "sky.channel_width=1 km/s"], &["band_centre"]);
    refused(&[&axis("vopt"), "sky.band_centre=9000 km/s", "sky.channel_width=5 km/s"], &["misses the line", "MHz"]);
    refused(&[&axis("velo")], &["spectral_axis", "velo", "\"vopt\""]);
    refused(&["sky.velocity_frame=lsrk"], &["velocity_frame", "\"LSRK\""]);
    // a sky that is to be observed has channels of equal width in frequency
    for command in [["run", "small.toml", "--out", "r"], ["observe", "small.toml", "--out", "v.h5"]] {
        place.refused(&[&command[..], &["--set", &axis("vopt")]].concat(), &["sky.spectral_axis", "sky hi"]);
        place.refused(&[&command[..], &["--set", "sky.like=x.fits"]].concat(), &["sky.like", "sky hi"]);
    }
}

#[test]
fn the_line_moves_between_spectral_frames() {
    let place = Place::with_configurations();
    let line = |changes: &[&str], out: &str| {
        let mut words = vec!["sky", "hi", "small.toml", "--product", "moments", "--out", out, "--quiet"];
        changes.iter().for_each(|change| words.extend(["--set", change]));
        place.run(&words).ok();
        let cube = read_axes(&place.path(&format!("{out}-moment0.fits"))).unwrap();
        (number(&cube.cards, "LINEFREQ"), number(&cube.cards, "FRAMEDOP"), cube.spectral.specsys)
    };
    let (barycentric, one, _) = line(&[], "bary");
    assert_eq!(one, 1.0);
    // towards RA 30, Dec -35 by astropy: tests/data/velocity_frames.csv
    let to = ["observation.ra=30 deg", "observation.dec=-35 deg"];
    let (lsrk, ratio, frame) = line(&[to[0], to[1], "sky.specsys=LSRK"], "lsrk");
    assert_eq!(frame, "LSRK");
    assert!((ratio - 1.000042108633602).abs() < 1e-10 && (lsrk / barycentric - ratio).abs() < 1e-12);
    // stated and observed in the same frame: nothing moves
    let (same, ratio, _) = line(&["sky.specsys=LSRK", "sky.velocity_frame=LSRK"], "same");
    assert_eq!((same, ratio), (barycentric, 1.0));
    let (_, forth, _) = line(&[to[0], to[1], "sky.specsys=CMBDIPOL", "sky.velocity_frame=LSRK"], "cmb");
    let expected = 1.000656103218796 / 1.000042108633602;
    assert!((forth - expected).abs() < 1e-9, "{forth} {expected}");
    // the Earth: at most 30 km/s, another value half a year later
    let of = |date: &str| {
        let date = format!("observation.start_utc={date}");
        line(&[to[0], to[1], "sky.specsys=TOPOCENT", &date], "topo").1
    };
    let (winter, summer) = (of("2027-01-01"), of("2027-07-01"));
    assert!((winter - 1.0).abs() < 1.1e-4 && (winter - summer).abs() > 5e-5, "{winter} {summer}");
    place.refused(&["sky", "hi", "small.toml", "--set", "sky.specsys=LSR", "--out", "x"], &["specsys", "\"LSRK\""]);
}

/// A cube of zeros with such axes.
fn template(place: &Place, name: &str, header: &CubeHeader) -> std::path::PathBuf {
    let path = place.path(name);
    let cube = FitsCube {
        data: ndarray::Array3::zeros(header.shape),
        sky: header.sky,
        spectral: header.spectral.clone(),
        stokes: "I".into(),
        unit: header.unit.clone(),
        beams: Vec::new(),
        cards: header.cards.clone(),
    };
    write_cube(&path, &cube).unwrap();
    path
}

/// Axes on which the galaxy of small.toml, at 20 Mpc, stands; planes from the first frequency down or up.
fn axes(kind: SpectralKind, reference_plane: f64, up: bool) -> CubeHeader {
    let line = NU0_HZ / 1.0045;
    let middle = kind.coordinate(line, NU0_HZ);
    let step = if kind == SpectralKind::Frequency { 60e3 } else { 12e3 } * if up { 1.0 } else { -1.0 };
    let freq_hz: Vec<f64> = (0..20).map(|p| kind.freq_hz(middle + step * (f64::from(p) - 9.5), NU0_HZ)).collect();
    let width_hz = (freq_hz[19] - freq_hz[0]).abs() / 19.0;
    CubeHeader {
        shape: (20, 30, 40),
        sky: SkyAxes {
            centre: RaDec::from_deg(210.5, 41.25),
            step_x_rad: -20.0 * ARCSEC_RAD,
            step_y_rad: 20.0 * ARCSEC_RAD,
            reference_pixel: [17.25, 16.5],
        },
        spectral: SpectralAxis {
            freq_hz,
            width_hz,
            rest_hz: NU0_HZ,
            specsys: "LSRK".into(),
            form: SpectralForm { kind, reference_plane },
        },
        stokes: "I".into(),
        unit: "K".into(),
        beams: Vec::new(),
        cards: vec![Card::text("RADESYS", "FK5", "")],
    }
}

#[test]
fn a_sky_like_an_existing_cube_has_its_axes() {
    let place = Place::with_configurations();
    place.write("no-pixels.toml", "[sky]\ngalaxy = { seed = 3, cells = 2000 }\n");
    let cases = [
        (SpectralKind::Frequency, 0.0, true),
        (SpectralKind::Frequency, 7.0, false),
        (SpectralKind::Radio, 3.5, true),
        (SpectralKind::Radio, 0.0, false),
        (SpectralKind::Optical, 10.0, true),
    ];
    for (number_of, (kind, reference_plane, up)) in cases.into_iter().enumerate() {
        let name = format!("like{number_of}.fits");
        let path = template(&place, &name, &axes(kind, reference_plane, up));
        let out = format!("out{number_of}");
        let words = ["sky", "hi", "no-pixels.toml", "--like", &name, "--product", "flux,column", "--out", &out];
        place.run(&words).ok();
        let made = place.path(&format!("{out}-flux.fits"));
        astropy(&[&path, &made], "like");
        let (asked, got) = (read_axes(&path).unwrap(), read_axes(&made).unwrap());
        assert_eq!((asked.shape, asked.spectral.specsys), (got.shape, got.spectral.specsys));
        assert_eq!(asked.sky, got.sky);
        assert!((asked.spectral.form.reference_plane - got.spectral.form.reference_plane).abs() < 1e-12);
        for (a, b) in asked.spectral.freq_hz.iter().zip(&got.spectral.freq_hz) {
            assert!((a - b).abs() < 1e-4, "{kind:?}: {a} {b}");
        }
        // the galaxy stands where the file's reference pixel is
        let column = read_cube(&place.path(&format!("{out}-column.fits"))).unwrap().data;
        let (mut x, mut y) = (0.0, 0.0);
        for ((_, j, i), n) in column.indexed_iter() {
            x += i as f64 * f64::from(*n) / f64::from(column.sum());
            y += j as f64 * f64::from(*n) / f64::from(column.sum());
        }
        assert!((x - 17.25).abs() < 0.5 && (y - 16.5).abs() < 0.5, "{x} {y}");
    }
}

#[test]
fn files_that_a_sky_cannot_be_like_are_told() {
    let place = Place::with_configurations();
    place.write("plain.toml", "[sky]\ngalaxy = { seed = 3, cells = 500 }\n");
    let refused = |like: &str, says: &[&str]| {
        let words = ["sky", "hi", "plain.toml", "--like", like, "--out", "bad"];
        place.refused(&words, says);
    };
    let good = axes(SpectralKind::Frequency, 0.0, true);
    let mut header = good.clone();
    header.sky.step_y_rad *= 2.0;
    template(&place, "oblong.fits", &header);
    refused("oblong.fits", &["square pixels", "arcsec", "sky.like, oblong.fits"]);
    header = good.clone();
    header.cards = vec![Card::text("RADESYS", "FK4", ""), Card::float("EQUINOX", 1950.0, "")];
    template(&place, "fk4.fits", &header);
    refused("fk4.fits", &["celestial frame", "FK4", "ICRS"]);
    header = good.clone();
    header.spectral.specsys = "SOURCE".into();
    template(&place, "source.fits", &header);
    place.refused(&["sky", "hi", "plain.toml", "--like", "source.fits", "--out", "bad"], &["SOURCE", "LSRK"]);
    header = good.clone();
    header.spectral.freq_hz.iter_mut().for_each(|f| *f += 1e8);
    template(&place, "elsewhere.fits", &header);
    place.refused(&["sky", "hi", "plain.toml", "--like", "elsewhere.fits", "--out", "bad"], &["misses the line"]);
    header = good.clone();
    header.spectral.specsys.clear();
    template(&place, "unstated.fits", &header);
    let ran = place.run(&["sky", "hi", "plain.toml", "--like", "unstated.fits", "--product", "column", "--out", "u"]);
    assert!(ran.err.contains("states no SPECSYS; taken as BARYCENT"), "{}", ran.err);
    ran.ok();
    template(&place, "good.fits", &good);
    let bytes = std::fs::read(place.path("good.fits")).unwrap();
    place.write("tan.fits", String::from_utf8_lossy(&bytes).replace("--SIN", "--TAN").as_bytes());
    refused("tan.fits", &["RA---TAN", "RA---SIN"]);
    place.write("text.fits", "no cube at all");
    refused("text.fits", &["not a FITS file"]);
    refused("nowhere.fits", &["nowhere.fits"]);
    place.write("gas.osm", "30.0 -30.0 1.0\n");
    let twice = ["sky", "hi", "small.toml", "--like", "good.fits", "--out", "bad"];
    place.refused(&twice, &["given twice", "sky.channels", "image.size"]);
    let other = ["sky", "hi", "plain.toml", "--like", "good.fits", "--set", "sky.specsys=BARYCENT", "--out", "bad"];
    place.refused(&other, &["another spectral frame", "LSRK"]);
    let list = ["sky", "hi", "no-sky.toml", "--set", "sky.components=gas.osm", "--out", "bad"];
    place.refused(&list, &["gas cells", "sky.snapshot"]);
    place.refused(&["sky", "hi", "plain.toml", "--product", "flux,mass", "--out", "bad"], &["mass", "kinematic"]);
    place.refused(&["sky", "hi", "plain.toml", "--out", "missing/bad"], &["missing"]);
}

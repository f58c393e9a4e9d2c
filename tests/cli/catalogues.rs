//! Catalogues and HEALPix maps as skies: `sky.components`, `sky.columns`, `sky.healpix`, OSKAR's sky/healpix_fits.

use super::Place;
use skyfringe::formats::visibilities::read_visibilities;
use std::path::PathBuf;

fn data(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/catalogues")).join(name);
    path.to_str().unwrap().to_string()
}

/// The words of a run at 200 MHz with changes.
fn words(changes: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = ["observe", "no-sky.toml", "--out", "v.h5"].map(String::from).to_vec();
    let band = ["sky.band_centre=200 MHz", "sky.channel_width=1 MHz", "sky.channels=1"];
    for change in band.iter().chain(changes) {
        words.extend(["--set".to_string(), change.to_string()]);
    }
    words
}

fn ran(place: &Place, changes: &[&str]) -> super::Ran {
    let words = words(changes);
    place.run(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn refused(place: &Place, changes: &[&str], says: &[&str]) {
    let words = words(changes);
    place.refused(&words.iter().map(String::as_str).collect::<Vec<_>>(), says);
}

/// The sources of tests/python/catalogues.py as a text list.
const LIST: &str = "Format = RaD, DecD, I, SpectralIndex, ReferenceFrequency='200e6', MajorAxis, MinorAxis, Orientation
29.75 -30.0 1.5  -0.75 ,, 90 60 10
30.0  -29.5 0.25 -0.5  ,, 45 30 170
30.25 -31.0 0.08 0.25  ,, 0 0 0
30.5  -30.5 0.04 0     ,, 30 20 45
";

#[test]
fn catalogues_are_the_list_that_they_hold() {
    let place = Place::with_configurations();
    place.write("list.osm", LIST);
    let seen = |changes: &[&str]| {
        let notes = ran(&place, changes);
        let said = notes.err.clone();
        notes.ok();
        (read_visibilities(&place.path("v.h5")).unwrap().vis, said)
    };
    let (want, _) = seen(&["sky.components=list.osm"]);
    let scale = want.iter().map(|v| v.norm()).fold(0.0, f64::max);
    for name in ["sources-tabledata.vot", "sources-binary.vot", "sources-binary2.vot"] {
        let (got, said) = seen(&[&format!("sky.components={}", data(name)), "sky.columns.reference_freq=200 MHz"]);
        let off = got.iter().zip(&want).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
        // the file holds single-precision fluxes
        assert!(off < 1e-6 * scale, "{name}: {off} of {scale}");
        assert!(said.contains("i = Fint (mJy)") && said.contains("by their names"), "{said}");
    }
    // ranges of frequency: everything is stated at 200 MHz
    let out = [
        &format!("sky.components={}", data("sources.fits")),
        "sky.columns.reference_freq=200 MHz",
        "sky.min_freq=300 MHz",
    ];
    refused(&place, &out, &["no source is in the ranges", "4 sources", "sky.max_freq"]);
    refused(&place, &["sky.components=list.osm", "sky.max_freq=100 MHz"], &["no source is in the ranges"]);
    refused(
        &place,
        &["sky.components=list.osm", "sky.min_freq=2 GHz", "sky.max_freq=1 GHz"],
        &["sky.max_freq", "at least sky.min_freq"],
    );
    refused(&place, &["sky.image=x.fits", "sky.max_freq=1 GHz"], &["sky.max_freq has no effect on an image"]);
}

#[test]
fn catalogues_that_are_wrong() {
    let place = Place::with_configurations();
    let whole = std::fs::read_to_string(data("sources-tabledata.vot")).unwrap();
    place.write("cut.vot", &whole[..whole.len() - 300]);
    place.write("number.vot", whole.replace("<TD>29.75</TD>", "<TD>29;75</TD>"));
    place.write("flux.vot", whole.replace("<TD>250</TD>", "<TD/>"));
    place.write("page.html", "<html><p>404</html>");
    let bytes = std::fs::read(data("sources.fits")).unwrap();
    place.write("cut.fits", &bytes[..6000]);
    place.write("list.osm", "1 2 3\n4 x 6\n");
    let reference = "sky.columns.reference_freq=200 MHz";
    for (name, says) in [
        ("cut.vot", &["no valid XML", "cut.vot, line "][..]),
        ("number.vot", &["RAJ2000 is no number", "29;75", "number.vot, line 24, column 11"]),
        ("flux.vot", &["no flux density", "flux.vot, line 38, column 7", "row 2, column Fint", "skip"]),
        ("page.html", &["page.html, line 1"]),
        ("cut.fits", &["cut.fits"]),
        ("nowhere.vot", &["nowhere.vot", "No such file"]),
    ] {
        refused(&place, &[&format!("sky.components={name}"), reference], says);
    }
    refused(&place, &["sky.components=list.osm"], &["list.osm, line 2, column 3"]);
    refused(&place, &["sky.components=list.osm", reference], &["sky.columns has no effect on a text list"]);
    let fits = format!("sky.components={}", data("sources.fits"));
    refused(&place, &[&fits], &["spectral_index without reference_freq", "HDU 2"]);
    refused(&place, &[&fits, "sky.columns.i=Fint227", reference], &["no flux density", "HDU 2, row 4, column Fint227"]);
    refused(&place, &[&fits, "sky.columns.i=Spectrum [Jy]"], &["Spectrum", "arrays of variable length"]);
    refused(&place, &[&fits, "sky.columns.table=3"], &["no such table", "SOURCES"]);
    refused(&place, &[&fits, "sky.columns.i=Fint [deg]"], &["measures something else", "sky.columns.i", "mJy"]);
    refused(&place, &[&fits, "sky.columns.glon=a", "sky.columns.ra=b"], &["exclude each other", "ra", "glon"]);
    refused(&place, &[&fits, "sky.columns.flux=a"], &["unknown key", "sky.columns.flux", "spectral_index"]);
    refused(&place, &[&fits, "sky.columns.flux_at={ \"76 Mpc\" = \"Fint076\" }"], &["76 Mpc", "MHz"]);
    refused(
        &place,
        &[&fits, "sky.columns.i=a", "sky.columns.flux_at={ \"76 MHz\" = \"Fint076\" }"],
        &["exclude each other", "flux_at"],
    );
    let skip = ["sky.columns.flux_at={ \"190 MHz\" = \"Fint076\", \"210 MHz\" = \"Fint227\" }"];
    ran(&place, &[&[fits.as_str()], &skip[..]].concat()).ok();
    refused(&place, &[&format!("sky.components={}", data("healpix-ring.fits"))], &["HEALPix map", "sky.healpix"]);
}

#[test]
fn healpix_maps_are_skies() {
    let place = Place::with_configurations();
    let partial = format!("sky.healpix={}", data("healpix-partial.fits"));
    let said = ran(&place, &[&partial]);
    assert!(said.err.contains("NSIDE 16: 3 of 3 pixels"), "{}", said.err);
    said.ok();
    let ring = format!("sky.healpix={}", data("healpix-ring.fits"));
    refused(&place, &[&ring], &["does not say its frequency", "sky.healpix_freq"]);
    refused(&place, &[&ring, "sky.healpix_freq=0 Hz"], &["sky.healpix_freq", "above 0"]);
    refused(&place, &[&ring, "sky.healpix_unit=furlong"], &["sky.healpix_unit", "Jy/pixel"]);
    refused(&place, &[&ring, "sky.healpix_freq=408 MHz", "sky.healpix_column=Q"], &["no such column", "\"Q\""]);
    refused(&place, &[&format!("sky.healpix={}", data("sources.fits"))], &["no HEALPix map", "sources.fits"]);
    refused(&place, &[&ring, "sky.components=x"], &["given twice", "sky.healpix"]);
    let bytes = std::fs::read(data("healpix-partial.fits")).unwrap();
    let change = |name: &str, old: &str, new: &str| {
        let mut bytes = bytes.clone();
        let at = bytes.chunks(80).position(|card| card.starts_with(old.as_bytes())).expect(old) * 80;
        bytes[at..at + 80].copy_from_slice(format!("{new:<80}").as_bytes());
        place.write(name, bytes);
        format!("sky.healpix={name}")
    };
    let ecliptic = change("e.fits", "COORDSYS", "COORDSYS= 'E       '");
    refused(&place, &[&ecliptic], &["frame of the HEALPix map", "ecliptic", "sky.healpix_frame"]);
    let small = change("small.fits", "NSIDE", "NSIDE   =                    4");
    refused(&place, &[&small], &["no pixel", "0 to 191", "HDU 2, row 2, column PIXEL"]);
    let zero = change("zero.fits", "NSIDE", "NSIDE   =                    0");
    refused(&place, &[&zero], &["resolution", "NSIDE = 0", "card NSIDE"]);
    let unique = change("unique.fits", "ORDERING", "ORDERING= 'NUNIQ   '");
    refused(&place, &[&unique], &["NUNIQ", "RING or NESTED"]);
    let kcmb = change("cmb.fits", "TUNIT2", "TUNIT2  = 'K_CMB   '");
    refused(&place, &[&kcmb], &["K_CMB", "MJy/sr", "sky.healpix_unit"]);
}

#[test]
fn info_tells_catalogues_and_maps() {
    let place = Place::new();
    let info = |name: &str, words: &[&str]| {
        let out = place.run(&["sky", "info", &data(name)]).ok();
        for word in words {
            assert!(out.contains(word), "{name}: \"{word}\" is not in\n{out}");
        }
    };
    info("sources-binary.vot", &["4 rows, 10 columns", "pos.eq.ra;meta.main", "needs [sky.columns]", "reference_freq"]);
    info("sources.fits", &["HDU 2: catalogue SOURCES", "Fint", "mJy", "arrays of variable length"]);
    info("healpix-nested.fits", &["HEALPix map", "192 of NSIDE 4 (Nested)", "G", "T (K)"]);
    place.write("x.xml", "<VOTABLE>");
    place.refused(&["sky", "info", "x.xml"], &["x.xml, line 1, column 1"]);
}

/// A HEALPix map by OSKAR's settings is that of the configuration with OSKAR's frequency and index.
#[test]
fn oskar_settings_read_healpix_maps() {
    let place = Place::new();
    let settings = |sky: &str| {
        let text = super::oskar::SETTINGS.replace("oskar_sky_model/file=sky.txt", sky);
        super::oskar::case_01(&place);
        place.write("case/settings.ini", text)
    };
    std::fs::create_dir_all(place.path("case")).unwrap();
    let map = data("healpix-partial.fits");
    let run = ["observe", "--oskar-settings", "case/settings.ini", "--out", "v.h5"];
    settings(&format!("healpix_fits/file={map}\nhealpix_fits/coord_sys=Equatorial\nhealpix_fits/spectral_index=0"));
    place.run(&run).ok();
    let flat = read_visibilities(&place.path("v.h5")).unwrap().vis;
    // the same pixels as a list
    let list = skyfringe_list(&[(100, 1.0), (200, 2.0), (3000, 3.0)]);
    settings("oskar_sky_model/file=list.txt");
    place.write("case/list.txt", list);
    place.run(&run).ok();
    let want = read_visibilities(&place.path("v.h5")).unwrap().vis;
    let off = flat.iter().zip(&want).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max);
    assert!(off < 1e-9, "{off}");
    std::fs::remove_file(place.path("v.h5")).unwrap();
    for (sky, says) in [
        (
            format!("healpix_fits/file={map}\nhealpix_fits/coord_sys=Galactic"),
            &["coord_sys", "\"Galactic\"", "COORDSYS"][..],
        ),
        (format!("healpix_fits/file={}", data("healpix-nested.fits")), &["ring order", "nested"]),
        (
            format!("healpix_fits/file={map}\nhealpix_fits/filter/flux_min=1"),
            &["healpix_fits/filter/flux_min", "not supported"],
        ),
        (format!("healpix_fits/file={map}\noskar_sky_model/file=sky.txt"), &["oskar_sky_model/file", "either"]),
    ] {
        settings(&sky);
        place.refused(&run, says);
    }
}

fn skyfringe_list(pixels: &[(u64, f64)]) -> String {
    let line = |(pixel, jy): &(u64, f64)| {
        let (ra, dec) = skyfringe::math::healpix::ring_centre(16, *pixel);
        format!("{:.15} {:.15} {jy}\n", ra.to_degrees(), dec.to_degrees())
    };
    pixels.iter().map(line).collect()
}

/// Figures of Perley & Butler 2017 at 1 GHz and the slope there.
#[test]
fn the_a_team_has_the_flux_of_its_polynomials() {
    use skyfringe::formats::oskar::read_oskar_sky;
    use skyfringe::sky::components::Component;
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/sky_models/a-team.osm"));
    let list: Vec<Component> = read_oskar_sky(&path).unwrap().into_iter().map(Component::from).collect();
    assert_eq!(list.len(), 8);
    // lg S of Cygnus A and Cassiopeia A at 0.3 GHz, term by term
    let x = 0.3f64.log10();
    let cygnus = 3.3498 - 1.0022 * x - 0.2246 * x * x + 0.0227 * x.powi(3) + 0.0425 * x.powi(4);
    let cassiopeia = 3.3584 - 0.7518 * x - 0.0347 * x * x - 0.0705 * x.powi(3);
    for (component, want) in [(&list[6], cygnus), (&list[7], cassiopeia)] {
        assert!((component.stokes_at(0.3e9)[0].log10() - want).abs() < 2e-6);
    }
}

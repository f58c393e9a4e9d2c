use crate::{HOSTILE_NAMES, assert_says, reference_data};
use ndarray::Array3;
use proptest::prelude::*;
use skyfringe::formats::fits::{Beam, Card, CardValue, FitsCube, SkyAxes, SpectralAxis};
use skyfringe::formats::fits::{CubeHeader, CubeWriter, header_summary, read_axes, read_cube, write_cube};
use skyfringe::units::{ARCSEC_RAD, DEG_RAD, RaDec};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A small cube with everything a header can hold.
pub fn cube(planes: usize, ny: usize, nx: usize) -> FitsCube {
    FitsCube {
        data: Array3::from_shape_fn((planes, ny, nx), |(p, y, x)| (p * 100 + y * 10 + x) as f32 - 7.25),
        sky: SkyAxes {
            centre: RaDec::from_deg(187.5, -45.25),
            step_x_rad: -2.0 * ARCSEC_RAD,
            step_y_rad: 2.0 * ARCSEC_RAD,
            reference_pixel: [(nx / 2) as f64, (ny / 2) as f64],
        },
        spectral: SpectralAxis {
            freq_hz: (0..planes).map(|p| 1.4e9 + 6e4 * p as f64).collect(),
            width_hz: 6e4,
            rest_hz: 1_420_405_751.768,
            specsys: "BARYCENT".into(),
            form: Default::default(),
        },
        stokes: "I".into(),
        unit: "Jy/beam".into(),
        beams: vec![Beam { major_rad: 9e-5, minor_rad: 8e-5, angle_rad: 0.3 }],
        cards: vec![
            Card::text("OBJECT", "O'Neil's galaxy", "target"),
            Card::text("DATE-OBS", "2026-03-20T00:00:00", ""),
            Card::float("DISTANCE", 20.0, "[Mpc] luminosity distance"),
            Card::int("SEED", 42, ""),
            Card { key: "NOISE".into(), value: CardValue::Bool(false), comment: String::new() },
            Card::text("CONFIG", "word 'quoted' ".repeat(20).trim_end().to_string(), ""),
            Card::history("skyfringe run quickstart.toml"),
            Card::history("a second line"),
        ],
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn assert_same(a: &FitsCube, b: &FitsCube) {
    assert_eq!(a.data, b.data);
    assert_eq!(a.stokes, b.stokes);
    assert_eq!(a.unit, b.unit);
    // the writer adds these two unless they are given
    let extra = |cube: &FitsCube| -> Vec<Card> {
        cube.cards.iter().filter(|c| !["RADESYS", "EQUINOX"].contains(&c.key.as_str())).cloned().collect()
    };
    assert_eq!(extra(a), extra(b));
    let close = |x: f64, y: f64| assert!((x - y).abs() <= 1e-13 * x.abs(), "{x} {y}");
    close(a.sky.centre.ra_rad, b.sky.centre.ra_rad);
    close(a.sky.centre.dec_rad, b.sky.centre.dec_rad);
    close(a.sky.step_x_rad, b.sky.step_x_rad);
    close(a.sky.step_y_rad, b.sky.step_y_rad);
    assert_eq!(a.sky.reference_pixel, b.sky.reference_pixel);
    for (x, y) in a.spectral.freq_hz.iter().zip(&b.spectral.freq_hz) {
        close(*x, *y);
    }
    assert_eq!(a.spectral.freq_hz.len(), b.spectral.freq_hz.len());
    close(a.spectral.width_hz, b.spectral.width_hz);
    assert_eq!(a.spectral.rest_hz, b.spectral.rest_hz);
    assert_eq!(a.spectral.specsys, b.spectral.specsys);
    assert_eq!(a.beams.len(), b.beams.len());
    for (x, y) in a.beams.iter().zip(&b.beams) {
        // the table holds 32-bit floats, as CASA's does
        assert!((x.major_rad / y.major_rad - 1.0).abs() < 1e-7);
        assert!((x.minor_rad / y.minor_rad - 1.0).abs() < 1e-7);
        assert!((x.angle_rad - y.angle_rad).abs() < 1e-7);
    }
}

#[test]
fn a_cube_survives_the_file_with_one_beam_or_one_a_plane() {
    let folder = folder();
    let path = folder.path().join("cube.fits");
    let mut whole = cube(3, 4, 5);
    write_cube(&path, &whole).unwrap();
    assert_same(&whole, &read_cube(&path).unwrap());

    whole.beams = (0..3).map(|i| Beam { major_rad: 1e-4 + 1e-6 * i as f64, ..whole.beams[0] }).collect();
    whole.spectral.freq_hz.reverse();
    write_cube(&path, &whole).unwrap();
    assert_same(&whole, &read_cube(&path).unwrap());

    whole.cards.push(Card::text("RADESYS", "FK5", ""));
    whole.stokes = "XX".into();
    write_cube(&path, &whole).unwrap();
    let header = String::from_utf8_lossy(&fs::read(&path).unwrap()[..8640]).into_owned();
    assert_eq!(header.matches("RADESYS").count(), 1);
    assert_same(&whole, &read_cube(&path).unwrap());
}

/// The header of a cube, apart from its pixels.
fn header_of(whole: &FitsCube) -> CubeHeader {
    let FitsCube { data, sky, spectral, stokes, unit, beams, cards } = whole.clone();
    CubeHeader { shape: data.dim(), sky, spectral, stokes, unit, beams, cards }
}

#[test]
fn a_cube_written_plane_by_plane_is_the_cube_written_at_once() {
    let folder = folder();
    let (a, b) = (folder.path().join("a.fits"), folder.path().join("b.fits"));
    let mut whole = cube(3, 40, 30);
    whole.beams = (1..4).map(|i| Beam { major_rad: 1e-5 * f64::from(i), minor_rad: 1e-5, angle_rad: 0.1 }).collect();
    write_cube(&a, &whole).unwrap();
    // frequencies, beams and values of cards become known on the way
    let mut early = header_of(&whole);
    early.spectral.freq_hz = vec![1e9, 1e9 + 6e4, 1e9 + 12e4];
    early.beams = vec![whole.beams[0]; 3];
    let stream = |early: &CubeHeader, last: &CubeHeader| {
        let mut writer = CubeWriter::create(&b, early)?;
        whole.data.outer_iter().try_for_each(|plane| writer.append(plane))?;
        writer.finish(last)
    };
    stream(&early, &header_of(&whole)).unwrap();
    assert_eq!(fs::read(&a).unwrap(), fs::read(&b).unwrap());

    // a header that became shorter leaves blank records
    early.cards.extend((0..100).map(|i| Card::int(&format!("SPARE{i}"), i, "")));
    stream(&early, &header_of(&whole)).unwrap();
    assert!(fs::metadata(&b).unwrap().len() > fs::metadata(&a).unwrap().len());
    assert_same(&whole, &read_cube(&b).unwrap());
    if Command::new("fitsverify").arg("-q").arg(&b).output().is_ok_and(|o| !o.status.success()) {
        panic!("fitsverify refuses a header with blank records");
    }

    assert_says(stream(&header_of(&whole), &early), &["outgrown"]);
    let mut writer = CubeWriter::create(&b, &early).unwrap();
    assert_says(writer.append(ndarray::Array2::zeros((30, 40)).view()), &["does not belong", "(30, 40)"]);
    assert_says(
        writer.append(ndarray::Array2::from_elem((40, 30), f32::NAN).view()),
        &["1200 of 1200", "plane 0", "not finite"],
    );
    assert_says(writer.finish(&early), &["before all its planes"]);
}

#[test]
fn equal_cubes_give_equal_bytes_with_checksums_and_no_date_of_writing() {
    let folder = folder();
    let (a, b) = (folder.path().join("a.fits"), folder.path().join("b.fits"));
    let mut whole = cube(3, 4, 5);
    whole.beams = vec![whole.beams[0]; 3];
    write_cube(&a, &whole).unwrap();
    // the date in CFITSIO's own checksum comments has a resolution of a second
    std::thread::sleep(std::time::Duration::from_millis(1100));
    write_cube(&b, &whole).unwrap();
    let bytes = fs::read(&a).unwrap();
    assert_eq!(bytes, fs::read(&b).unwrap());
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("CHECKSUM=").count(), 2);
    assert_eq!(text.matches("DATASUM =").count(), 2);
    assert!(!text.contains("DATE    =") && !text.contains("updated"));
    // FITS standard, appendix J: the 32-bit one's complement sum of a whole HDU is all ones; so is that of the file
    let sum = bytes.chunks_exact(4).fold(0u64, |sum, word| {
        let sum = sum + u64::from(u32::from_be_bytes(word.try_into().unwrap()));
        (sum & 0xffff_ffff) + (sum >> 32)
    });
    assert_eq!(sum, 0xffff_ffff);
}

#[test]
fn names_are_never_interpreted() {
    let folder = folder();
    for name in HOSTILE_NAMES {
        let path = folder.path().join(name);
        write_cube(&path, &cube(1, 3, 3)).unwrap();
        assert!(path.is_file(), "{name}");
        assert_eq!(read_cube(&path).unwrap().data, cube(1, 3, 3).data);
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a file under another name was left");
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_work() {
    use std::os::unix::ffi::OsStrExt;
    let folder = folder();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.fits"));
    write_cube(&path, &cube(1, 3, 3)).unwrap();
    read_cube(&path).unwrap();
}

#[test]
fn what_cannot_be_written_is_refused_before_a_file_exists() {
    let folder = folder();
    let path = folder.path().join("x.fits");
    let refuse = |change: &dyn Fn(&mut FitsCube), words: &[&str]| {
        let mut bad = cube(3, 4, 5);
        change(&mut bad);
        assert_says(write_cube(&path, &bad), words);
        assert!(!path.exists());
    };
    refuse(
        &|c| {
            c.data[[0, 0, 0]] = f32::NAN;
            c.data[[1, 0, 0]] = f32::INFINITY;
        },
        &["2 of 60"],
    );
    refuse(&|c| c.beams = vec![c.beams[0]; 2], &["0, 1 or 3"]);
    refuse(&|c| c.spectral.freq_hz[1] += 100.0, &["equally spaced"]);
    refuse(&|c| c.spectral.width_hz = 1e3, &["equally spaced"]);
    refuse(&|c| c.spectral.width_hz = 0.0, &["positive width"]);
    refuse(&|c| c.spectral.freq_hz.truncate(2), &["number of frequencies"]);
    refuse(&|c| c.stokes = "J".into(), &["Stokes", "J"]);
    refuse(&|c| c.cards.push(Card::int("NAXIS", 1, "")), &["NAXIS"]);
    refuse(&|c| c.cards.push(Card::float("X", f64::NAN, "")), &["finite", "X"]);
    refuse(&|c| c.sky.step_x_rad = f64::NAN, &["CDELT1"]);
    refuse(&|c| c.data = Array3::zeros((3, 0, 5)), &["without pixels"]);
    assert_says(write_cube(&folder.path().join("no/x.fits"), &cube(1, 2, 2)), &["cannot write", "No such file"]);
}

/// A FITS file from its cards and the bytes of its data.
fn raw(folder: &TempDir, cards: &[&str], data: &[u8]) -> PathBuf {
    let mut bytes = Vec::new();
    for card in cards.iter().chain(&["END"]) {
        bytes.extend(format!("{card:<80}").into_bytes());
    }
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(2880), 0);
    let path = folder.path().join("raw.fits");
    fs::write(&path, bytes).unwrap();
    path
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_be_bytes()).collect()
}

const SKY: [&str; 8] = [
    "CTYPE1  = 'RA---SIN'",
    "CRPIX1  = 2",
    "CRVAL1  = 10.0",
    "CDELT1  = -0.5",
    "CTYPE2  = 'DEC--SIN'",
    "CRPIX2  = 1",
    "CRVAL2  = -30.0",
    "CDELT2  = 0.5",
];

fn with_sky(start: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [&["SIMPLE  =                    T"], start, &SKY, more].concat()
}

#[test]
fn integers_are_scaled_and_blanks_counted() {
    let folder = folder();
    let start = ["BITPIX  = 16", "NAXIS   = 2", "NAXIS1  = 3", "NAXIS2  = 1"];
    let scaled = with_sky(&start, &["BSCALE  = 0.5", "BZERO   = 10.0", "BLANK   = -1", "BUNIT   = 'mK'"]);
    let data: Vec<u8> = [4i16, 6, -8].iter().flat_map(|v| v.to_be_bytes()).collect();
    let image = read_cube(&raw(&folder, &scaled, &data)).unwrap();
    assert_eq!(image.data.as_slice().unwrap(), &[12.0, 13.0, 6.0]);
    assert_eq!((image.unit.as_str(), image.stokes.as_str()), ("mK", "I"));
    assert_eq!(image.spectral.freq_hz, Vec::<f64>::new());
    assert_eq!(image.sky.reference_pixel, [1.0, 0.0]);
    assert!(image.cards.is_empty(), "{:?}", image.cards);

    let data: Vec<u8> = [4i16, -1, -1].iter().flat_map(|v| v.to_be_bytes()).collect();
    assert_says(read_cube(&raw(&folder, &scaled, &data)), &["2 of 3", "BLANK", "nan_to_num", "raw.fits"]);
}

#[test]
fn axes_may_stand_in_any_order_and_run_either_way() {
    let folder = folder();
    // Stokes (Q, I), frequency in MHz, Dec falling, RA rising: [ra][dec][freq][stokes], fastest first
    let cards = [
        "SIMPLE  =                    T",
        "BITPIX  = -32",
        "NAXIS   = 4",
        "NAXIS1  = 2",
        "NAXIS2  = 3",
        "NAXIS3  = 2",
        "NAXIS4  = 2",
        "CTYPE1  = 'RA---SIN'",
        "CRPIX1  = 1",
        "CRVAL1  = 10.0",
        "CDELT1  = 0.5",
        "CTYPE2  = 'STOKES'",
        "CRPIX2  = 1",
        "CRVAL2  = 3.0",
        "CDELT2  = -1.0",
        "CTYPE3  = 'FREQ-LSR'",
        "CRPIX3  = 1",
        "CRVAL3  = 1400",
        "CDELT3  = -1.0",
        "CUNIT3  = 'MHz'",
        "CTYPE4  = 'DEC--SIN'",
        "CRPIX4  = 1",
        "CRVAL4  = 5.0",
        "CD4_4   = -0.5",
        "CD1_1   = 0.5",
    ];
    // value = 1000 ra + 100 stokes + 10 freq + dec
    let mut values = Vec::new();
    for dec in 0..2 {
        for freq in 0..2 {
            for stokes in 0..3 {
                for ra in 0..2 {
                    values.push((1000 * ra + 100 * stokes + 10 * freq + dec) as f32);
                }
            }
        }
    }
    let cube = read_cube(&raw(&folder, &cards, &floats(&values))).unwrap();
    assert_eq!(cube.data.dim(), (2, 2, 2));
    for ((plane, y, x), value) in cube.data.indexed_iter() {
        // Stokes 3, 2, 1: I is the last; x and y are flipped
        let expected = 1000 * (1 - x) + 200 + 10 * plane + (1 - y);
        assert_eq!(*value, expected as f32);
    }
    assert_eq!(cube.spectral.freq_hz, vec![1.4e9, 1.399e9]);
    assert_eq!((cube.spectral.width_hz, cube.spectral.specsys.as_str()), (1e6, "LSRK"));
    assert!((cube.sky.step_x_rad + 0.5 * DEG_RAD).abs() < 1e-15);
    assert!((cube.sky.step_y_rad - 0.5 * DEG_RAD).abs() < 1e-15);
    assert_eq!(cube.sky.reference_pixel, [1.0, 1.0]);
}

#[test]
fn radio_velocities_become_frequencies() {
    let folder = folder();
    let start = ["BITPIX  = -32", "NAXIS   = 3", "NAXIS1  = 1", "NAXIS2  = 1", "NAXIS3  = 2"];
    let axis = ["CTYPE3  = 'VRAD'", "CRPIX3  = 1", "CRVAL3  = 1000.0", "CDELT3  = 5.0", "CUNIT3  = 'km/s'"];
    let rest = ["RESTFREQ= 1420405751.768"];
    let path = raw(&folder, &with_sky(&start, &[&axis[..], &rest].concat()), &floats(&[1.0, 2.0]));
    let spectral = read_cube(&path).unwrap().spectral;
    for (plane, v_km_s) in [1000.0, 1005.0].into_iter().enumerate() {
        let expected = 1_420_405_751.768 * (1.0 - v_km_s / 299_792.458);
        assert!((spectral.freq_hz[plane] - expected).abs() < 1e-3);
    }
    assert!((spectral.width_hz - (spectral.freq_hz[0] - spectral.freq_hz[1])).abs() < 1e-3);
    assert_says(read_cube(&raw(&folder, &with_sky(&start, &axis), &floats(&[1.0, 2.0]))), &["RESTFRQ"]);
    let axis = ["CTYPE3  = 'VOPT'", "CRPIX3  = 1", "CRVAL3  = 1000.0", "CDELT3  = 5.0", "CUNIT3  = 'km/s'"];
    let path = raw(&folder, &with_sky(&start, &[&axis[..], &rest].concat()), &floats(&[1.0, 2.0]));
    let spectral = read_axes(&path).unwrap().spectral;
    assert_eq!(read_cube(&path).unwrap().spectral, spectral);
    for (plane, v_km_s) in [1000.0, 1005.0].into_iter().enumerate() {
        assert!((spectral.freq_hz[plane] - 1_420_405_751.768 / (1.0 + v_km_s / 299_792.458)).abs() < 1e-3);
    }
    let resampled = with_sky(&start, &["CTYPE3  = 'VOPT-F2W'", "CDELT3  = 1.0", rest[0]]);
    assert_says(read_axes(&raw(&folder, &resampled, &floats(&[1.0, 2.0]))), &["VOPT-F2W", "equally spaced", "CTYPE3"]);
}

#[test]
fn images_that_are_not_understood_are_named() {
    let folder = folder();
    let start = ["BITPIX  = -32", "NAXIS   = 2", "NAXIS1  = 1", "NAXIS2  = 1"];
    let bare = |cards: &[&'static str]| -> Vec<&'static str> {
        [&["SIMPLE  =                    T"], &start[..], cards].concat()
    };
    let one = floats(&[1.0]);
    let refuse = |cards: &[&str], words: &[&str]| assert_says(read_cube(&raw(&folder, cards, &one)), words);
    refuse(&bare(&["CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'"]), &["RA---TAN", "reproject"]);
    refuse(&bare(&["CTYPE1  = 'GLON-CAR'", "CTYPE2  = 'GLAT-CAR'"]), &["GLON-CAR", "header card CTYPE1"]);
    refuse(&bare(&["CTYPE1  = 'RA---SIN'", "CTYPE2  = 'RA---SIN'"]), &["two axes"]);
    refuse(&bare(&[]), &["no celestial axes"]);
    refuse(&with_sky(&start, &["CROTA2  = 30.0"]), &["CROTA2 = 30", "rotated"]);
    refuse(&with_sky(&start, &["PC1_2   = 0.1"]), &["PC1_2 = 0.1"]);
    refuse(&with_sky(&start, &["CD1_1   = 0.1", "CD2_1   = 0.1"]), &["CD2_1 = 0.1"]);
    refuse(&with_sky(&start, &["LONPOLE = 0.0"]), &["LONPOLE = 0"]);
    refuse(&with_sky(&start, &["PV2_1   = 0.1"]), &["slant"]);
    refuse(&with_sky(&start, &["CUNIT1  = 'furlong'"]), &["furlong", "CUNIT1"]);
    refuse(&with_sky(&start, &["BUNIT   = 3"]), &["BUNIT", "text"]);
    refuse(&with_sky(&start, &["CASAMBM =                    T"]), &["BEAMS"]);
    let zero = ["SIMPLE  =                    T", "BITPIX  = 8", "NAXIS   = 0"];
    refuse(&zero, &["no image", "NAXIS = 0"]);
    let line = ["SIMPLE  =                    T", "BITPIX  = -32", "NAXIS   = 1", "NAXIS1  = 1"];
    refuse(&line, &["2 to 4"]);
    let three = ["BITPIX  = -32", "NAXIS   = 3", "NAXIS1  = 1", "NAXIS2  = 1", "NAXIS3  = 1"];
    refuse(&with_sky(&three, &["CTYPE3  = 'FREQ'", "CUNIT3  = 'nm'", "CRVAL3  = 1.0"]), &["nm", "GHz"]);
    refuse(&with_sky(&three, &["CTYPE3  = 'FREQ'", "CRPIX3  = 1", "CRVAL3  = 0.0"]), &["impossible frequency"]);
    let nan = floats(&[f32::NAN]);
    assert_says(read_cube(&raw(&folder, &with_sky(&start, &[]), &nan)), &["1 of 1"]);
    // a header that asks for more memory than there is
    let huge = ["BITPIX  = -64", "NAXIS   = 2", "NAXIS1  = 2000000000", "NAXIS2  = 2000000000"];
    refuse(&with_sky(&huge, &[]), &["ends before its data"]);
}

#[test]
fn files_that_are_no_fits_files_are_named() {
    let folder = folder();
    let path = folder.path().join("x.fits");
    assert_says(read_cube(&path), &["cannot open", "x.fits", "No such file"]);
    assert_says(read_cube(folder.path()), &["not a regular file"]);
    for (bytes, word) in [(&b""[..], "empty"), (b"hello, world", "SIMPLE"), (&[0x1f, 0x8b, 8, 0][..], "gunzip")] {
        fs::write(&path, bytes).unwrap();
        assert_says(read_cube(&path), &["not a FITS file", word, "x.fits"]);
    }
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    let folder = folder();
    let path = folder.path().join("x.fits");
    let mut whole = cube(3, 30, 30);
    whole.beams = vec![whole.beams[0]; 3];
    write_cube(&path, &whole).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(bytes.len() % 2880, 0);
    for end in (0..bytes.len()).step_by(1111) {
        fs::write(&path, &bytes[..end]).unwrap();
        assert_says(read_cube(&path), &["x.fits"]);
    }
}

#[test]
fn a_summary_says_what_matters() {
    let folder = folder();
    let path = folder.path().join("x.fits");
    let mut whole = cube(2, 4, 6);
    whole.unit = "Jy/pixel".into();
    write_cube(&path, &whole).unwrap();
    let text = header_summary(&path).unwrap();
    let sum: f64 = whole.data.iter().map(|v| f64::from(*v)).sum();
    let words =
        ["6 x 4 pixels, 2 plane(s)", "Jy/pixel", "187.500000", "60 kHz", "BARYCENT", "1420.405752", "2.000000 arcsec"];
    for word in words.iter().copied().chain([format!("{:.6e} Jy Hz", sum * 6e4).as_str()]) {
        assert!(text.contains(word), "\"{word}\" is not in:\n{text}");
    }
}

#[test]
fn the_eor_cube_is_read() {
    let Some(data) = reference_data("the_eor_cube_is_read") else { return };
    let cube = read_cube(&data.join("eor/eor21cm_mK_96x96x64_z8.fits")).unwrap();
    assert_eq!(cube.data.dim(), (64, 96, 96));
    assert_eq!((cube.unit.as_str(), cube.spectral.specsys.as_str()), ("mK", "TOPOCENT"));
    assert_eq!((cube.spectral.freq_hz[0], cube.spectral.freq_hz[63]), (154.65e6, 160.95e6));
    assert_eq!(cube.sky.reference_pixel, [48.0, 48.0]);
    assert!((cube.sky.step_y_rad / DEG_RAD - 0.01882153531929477).abs() < 1e-15);
    assert!((cube.sky.centre.dec_rad / DEG_RAD + 30.0).abs() < 1e-12);
}

fn any_path(folder: &TempDir, name: &str) -> PathBuf {
    Path::new(folder.path()).join(name)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pixels_and_axes_survive(
        planes in 1usize..4, ny in 1usize..6, nx in 1usize..6,
        ra in 0.0..359.9f64, dec in -89.0..90.0f64,
        values in proptest::collection::vec(proptest::num::f32::NORMAL | proptest::num::f32::ZERO, 75),
        object in "[ -~]{0,100}",
    ) {
        let folder = folder();
        let path = any_path(&folder, "p.fits");
        let mut whole = cube(planes, ny, nx);
        whole.data = Array3::from_shape_fn((planes, ny, nx), |(p, y, x)| values[(p * ny + y) * nx + x]);
        whole.sky.centre = RaDec::from_deg(ra, dec);
        let object = object.trim_end().trim_end_matches('&').trim_end().to_string();
        whole.cards = vec![Card::text("OBJECT", object, "")];
        write_cube(&path, &whole).unwrap();
        assert_same(&whole, &read_cube(&path).unwrap());
    }

    #[test]
    fn damaged_files_never_panic(at in 0usize..8640, byte in any::<u8>()) {
        let folder = folder();
        let path = any_path(&folder, "p.fits");
        let mut whole = cube(2, 3, 3);
        whole.beams = vec![whole.beams[0]; 2];
        write_cube(&path, &whole).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        let _ = read_cube(&path);
    }
}

//! Boxes and light cones of the epoch of reionisation: files of 21cmFAST 4's layout and others, on the sky with the right
//! scales, and their power spectrum through SKA-Low.
//!
//! 21cmFAST's own files are made by tests/python/eor_21cmfast.py where it is installed (SKYFRINGE_PYTHON names a Python
//! that has it, default python3); with SKYFRINGE_REQUIRE_21CMFAST=1 its absence is a failure.

use hdf5::{File, Group};
use ndarray::{Array2, Array3, s};
use rustfft::num_complex::Complex64;
use skyfringe::formats::config::Document;
use skyfringe::formats::fits::{CardValue, FitsCube, read_cube};
use skyfringe::math::random::Stream;
use skyfringe::run::params::Settings;
use skyfringe::run::power::{self, PowerRequest};
use skyfringe::run::{Extent, Unseen, chain, check};
use skyfringe::sky::cosmology::Cosmology;
use skyfringe::sky::power::{ComovingScale, power_spectrum, undo_weighting, uv_planes};
use std::f64::consts::PI;
use std::path::{Path, PathBuf};
use std::process::Command;

const SIDE: usize = 12;
/// Mpc.
const BOX: f64 = 60.0;
const NU0: f64 = 1_420_405_751.768;

/// Cosmology of the files, with photons and neutrinos as in 21cmFAST 4.1.1.
const H: f64 = 0.6766;
const OMEGA_M: f64 = 0.30964144154550644;

fn number(group: &Group, name: &str, value: f64) {
    group.new_attr::<f64>().create(name).unwrap().write_scalar(&value).unwrap();
}

fn parameters(place: &Group) {
    let inputs = place.create_group("InputParameters").unwrap();
    let options = inputs.create_group("simulation_options").unwrap();
    number(&options, "BOX_LEN", BOX);
    number(&options, "HII_DIM", SIDE as f64);
    let cosmology = inputs.create_group("cosmo_params").unwrap();
    number(&cosmology, "hlittle", H);
    number(&cosmology, "OMm", OMEGA_M);
}

/// Temperatures, mK, [x, y, z].
fn temperatures(slices: usize) -> Array3<f32> {
    let mut random = Stream::new(4, [1, 2, 3]);
    Array3::from_shape_fn((SIDE, SIDE, slices), |_| (10.0 + 3.0 * random.normal()) as f32)
}

/// As `Coeval.save` of 21cmFAST 4.1.1 writes it.
fn coeval(path: &Path, values: &Array3<f32>) {
    let file = File::create(path).unwrap();
    let group = file.create_group("BrightnessTemp").unwrap();
    number(&group, "redshift", 8.0);
    parameters(&group);
    let fields = group.create_group("OutputFields").unwrap();
    fields.new_dataset_builder().with_data(values).create("brightness_temp").unwrap();
}

/// As `LightCone.save` of 21cmFAST 4.1.1 writes it.
fn lightcone(path: &Path, values: &Array3<f32>, distances: &[f64]) {
    let file = File::create(path).unwrap();
    for name in ["last_completed_lcidx", "last_completed_node"] {
        file.new_attr::<i64>().create(name).unwrap().write_scalar(&-1i64).unwrap();
    }
    for name in ["lowz_buffer_pixels", "highz_buffer_pixels"] {
        file.new_attr::<i64>().create(name).unwrap().write_scalar(&0i64).unwrap();
    }
    parameters(&file);
    let cones = file.create_group("lightcones").unwrap();
    cones.new_dataset_builder().with_data(&values.mapv(f64::from)).create("brightness_temp").unwrap();
    file.new_dataset_builder().with_data(distances).create("lightcone_distances").unwrap();
}

fn configuration(sky: &str) -> String {
    format!(
        "[sky]\n{sky}\n[telescope]\nname = \"ska-low-aa1\"\nbeam = \"none\"\n[observation]\nra = \"0 deg\"\n\
         dec = \"-27 deg\"\nlength = \"1 h\"\nsteps = 1\n[image]\nweight = \"natural\"\n"
    )
}

fn settings(text: &str) -> skyfringe::Result<Settings> {
    Settings::from_document(&Document::parse(text, "test")?)
}

fn run(sky: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    chain::run(&settings(&configuration(sky)).unwrap(), folder.path(), false, &Unseen).unwrap();
    folder
}

fn sky(words: &str) -> FitsCube {
    read_cube(&run(words).path().join("sky.fits")).unwrap()
}

fn refusal(words: &str) -> String {
    let tried = settings(&configuration(words)).and_then(|settings| check(&settings, Extent::Run));
    tried.unwrap_err().to_string()
}

fn float(cube: &FitsCube, key: &str) -> f64 {
    match cube.cards.iter().find(|c| c.key == key).map(|c| &c.value) {
        Some(CardValue::Float(v)) => *v,
        Some(CardValue::Int(v)) => *v as f64,
        other => panic!("{key}: {other:?}"),
    }
}

#[track_caller]
fn close(got: f64, expected: f64, tolerance: f64, what: &str) {
    assert!((got / expected - 1.0).abs() < tolerance, "{what}: {got:e}, expected {expected:e}");
}

/// mK of one Jy in each pixel, [channel, y, x]: T = S c^2/(2 k nu^2 Omega), Omega = cell^2/n.
fn mk(cube: &FitsCube) -> Array3<f64> {
    let (_, ny, nx) = cube.data.dim();
    let cell = cube.sky.step_y_rad;
    Array3::from_shape_fn(cube.data.dim(), |(c, y, x)| {
        let at = |i: usize, n: usize| (i as f64 - (n / 2) as f64) * cell;
        let (l, m) = (at(x, nx), at(y, ny));
        let omega = cell * cell / (1.0 - l * l - m * m).sqrt();
        let per_k = 2.0 * 1.380_649e-23 * (cube.spectral.freq_hz[c] / 299_792_458.0).powi(2) * omega * 1e26;
        1e3 * f64::from(cube.data[[c, y, x]]) / per_k
    })
}

fn cosmology() -> Cosmology {
    Cosmology::flat("file", H, OMEGA_M, 2.7255, 3.044, &[0.06])
}

/// Comoving distance, Mpc, from which the line is seen at `freq_hz`.
fn distance(freq_hz: f64) -> f64 {
    cosmology().comoving_distance_mpc(NU0 / freq_hz - 1.0)
}

/// A value between slices, Lanczos over 6 to either side, as docs/eor.md says; `at` counts slices from the first's middle.
fn between(slices: usize, at: f64, value: impl Fn(usize) -> f64) -> f64 {
    let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { (x * PI).sin() / (x * PI) };
    let (mut sum, mut weights) = (0.0, 0.0);
    for z in (0..slices).filter(|z| (*z as f64 - at).abs() < 6.0) {
        let weight = sinc(z as f64 - at) * sinc((z as f64 - at) / 6.0);
        sum += weight * value(z);
        weights += weight;
    }
    sum / weights
}

#[test]
fn a_coeval_box_of_21cmfast_is_read_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("coeval.h5");
    let values = temperatures(20);
    coeval(&path, &values);
    let cube = sky(&format!("coeval = \"{}\"\nsubtract_mean = \"none\"", path.display()));
    let c = cosmology();
    let d_m = c.transverse_distance_mpc(8.0);
    // a pixel is a cell, a channel about as deep as one
    close(cube.sky.step_y_rad, BOX / SIDE as f64 / d_m, 1e-9, "cell");
    close(float(&cube, "EORDM"), d_m, 1e-9, "D_M");
    close(float(&cube, "EORBOX"), BOX, 1e-9, "box");
    let width = 5.0 * NU0 * c.hubble_km_s_mpc(8.0) / (299_792.458 * 81.0);
    close(cube.spectral.width_hz, width, 1e-3, "channel");
    close(float(&cube, "EORDEEP"), 5.0, 1e-3, "depth of a channel");
    let (channels, ny, nx) = cube.data.dim();
    assert!(channels == 20 && (ny, nx) == (SIDE, SIDE), "{channels}");
    let middle = 0.5 * (cube.spectral.freq_hz[0] + cube.spectral.freq_hz[channels - 1]);
    close(middle, NU0 / 9.0, 1e-4, "middle");
    // each channel: the box between its slices, in the middle of the channel's comoving interval
    let near_box = c.comoving_distance_mpc(8.0) - 50.0;
    let t = mk(&cube);
    let half = 0.5 * cube.spectral.width_hz;
    for (k, nu) in cube.spectral.freq_hz.iter().enumerate() {
        let (near, far) = (distance(nu + half) - near_box, distance(nu - half) - near_box);
        for (x, y) in [(0, 0), (3, 7), (11, 5)] {
            let expected = between(20, 0.5 * (near + far) / 5.0 - 0.5, |z| f64::from(values[[x, y, z]]));
            close(t[[k, y, x]], expected, 1e-5, "temperature");
        }
    }
    // the mean goes where nothing is said
    let cube = sky(&format!("coeval = \"{}\"", path.display()));
    let t = mk(&cube);
    for plane in t.outer_iter() {
        assert!(plane.mean().unwrap().abs() < 1e-5, "{:?}", plane.mean());
    }
    let history: String = cube.cards.iter().filter(|c| c.key == "HISTORY").map(|c| c.comment.clone()).collect();
    assert!(history.contains("temperature between slices") && history.contains("coeval box"), "{history}");
}

#[test]
fn any_other_box_is_read_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.h5");
    let values = temperatures(16);
    coeval(&own, &values);
    let expected = sky(&format!("coeval = \"{}\"\ncosmology = \"Planck18\"", own.display()));
    // z, x, y in K, box in Mpc/h
    let path = folder.path().join("other.h5");
    {
        let file = File::create(&path).unwrap();
        let turned =
            values.view().permuted_axes([2, 0, 1]).mapv(|t| f64::from(t) * 1e-3).as_standard_layout().into_owned();
        file.create_group("a").unwrap().new_dataset_builder().with_data(&turned).create("t").unwrap();
    }
    let h = Cosmology::named("Planck18").unwrap().h;
    let words = |order: &str, unit: &str| {
        format!("axis_order = \"{order}\", box_length = \"{:.12} Mpc/h\", units = \"{unit}\", redshift = 8", BOX * h)
    };
    let given = format!("coeval = \"{}\"\neor = {{ dataset = \"a/t\", {} }}", path.display(), words("zxy", "K"));
    let other = sky(&given);
    assert_eq!(other.data.dim(), expected.data.dim());
    let largest = expected.data.iter().fold(0f32, |m, v| m.max(v.abs()));
    assert!(other.data.iter().zip(&expected.data).all(|(a, b)| (a - b).abs() < 1e-5 * largest));
    close(other.spectral.freq_hz[3], expected.spectral.freq_hz[3], 1e-12, "frequency");

    // FITS without any meaning of its axes, NAXIS1 along y, NAXIS2 along z, NAXIS3 along x
    let path = folder.path().join("box.fits");
    let mut bytes = Vec::new();
    let mut cards = vec!["SIMPLE  =                    T".to_string(), "BITPIX  =                  -32".into()];
    cards.push("NAXIS   =                    3".into());
    for (n, length) in [(1, SIDE), (2, 16), (3, SIDE)] {
        cards.push(format!("NAXIS{n}  = {length:>20}"));
    }
    cards.push("BUNIT   = 'mK      '".into());
    cards.push("END".into());
    cards.iter().for_each(|card| bytes.extend(format!("{card:<80}").into_bytes()));
    bytes.resize(2880, b' ');
    for x in 0..SIDE {
        for z in 0..16 {
            for y in 0..SIDE {
                bytes.extend(values[[x, y, z]].to_be_bytes());
            }
        }
    }
    let end = bytes.len().div_ceil(2880) * 2880;
    bytes.resize(end, 0);
    std::fs::write(&path, bytes).unwrap();
    let other = sky(&format!("coeval = \"{}\"\neor = {{ {} }}", path.display(), words("yzx", "mK")));
    assert!(other.data.iter().zip(&expected.data).all(|(a, b)| (a - b).abs() < 1e-5 * largest));

    // tiled and cropped to a field; channels that are asked for
    let cell = expected.sky.step_y_rad;
    let field = |side: f64, more: &str| {
        sky(&format!(
            "coeval = \"{}\"\ncosmology = \"Planck18\"\n{more}\n[sky.eor]\nfield = \"{} rad\"",
            own.display(),
            side * cell
        ))
    };
    let tiled = field(20.0, "subtract_mean = \"none\"");
    assert_eq!(tiled.data.dim().1, 20);
    let t = mk(&tiled);
    close(t[[2, 1, 3]], t[[2, 13, 15]], 1e-6, "the box repeats itself");
    let few = field(6.0, "channels = 3");
    assert_eq!(few.data.dim(), (3, 6, 6));
    let wide = field(12.0, "channel_width = \"1 MHz\"");
    assert_eq!(wide.spectral.width_hz, 1e6);
    assert!(wide.data.dim().0 < expected.data.dim().0);
}

#[test]
fn a_light_cone_is_scaled_slice_by_slice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cone.h5");
    let distances: Vec<f64> = (0..40).map(|i| 9000.0 + 5.0 * f64::from(i)).collect();
    // T = 20 + (D - 9100)/10 + x cells east of the middle
    let ramp = |d: f64| 20.0 + 0.1 * (d - 9100.0);
    let values = Array3::from_shape_fn((SIDE, SIDE, 40), |(x, _, z)| (ramp(distances[z]) + x as f64 - 6.0) as f32);
    lightcone(&path, &values, &distances);
    let cube = sky(&format!("lightcone = \"{}\"\nsubtract_mean = \"none\"", path.display()));
    let c = cosmology();
    let t = mk(&cube);
    let half = 0.5 * cube.spectral.width_hz;
    let (channels, ..) = cube.data.dim();
    assert_eq!(channels, 40);
    for (k, nu) in cube.spectral.freq_hz.iter().enumerate() {
        // the mean of a ramp of slices: to a quarter of its step
        let d = 0.5 * (distance(nu + half) + distance(nu - half));
        assert!((t[[k, 6, 6]] - ramp(d)).abs() < 0.13, "{} {}", t[[k, 6, 6]], ramp(d));
        // three pixels off the middle: so many Mpc at the channel's own distance, in cells of 5 Mpc
        let cells = 3.0 * cube.sky.step_y_rad * c.transverse_distance_mpc(NU0 / nu - 1.0) / 5.0;
        assert!((t[[k, 6, 9]] - t[[k, 6, 6]] - cells).abs() < 1e-4, "{k}");
    }
    // one scale for all, if asked for
    let cube =
        sky(&format!("lightcone = \"{}\"\neor = {{ across = \"fixed\" }}\nsubtract_mean = \"none\"", path.display()));
    let t = mk(&cube);
    assert!((0..channels).all(|k| (t[[k, 6, 9]] - t[[k, 6, 6]] - 3.0).abs() < 1e-4));
    // the same from a plain file, by its first slice
    let plain = folder.path().join("plain.h5");
    {
        let file = File::create(&plain).unwrap();
        file.new_dataset_builder().with_data(&values).create("t").unwrap();
    }
    let z = c.redshift_of_comoving_distance(9000.0).unwrap();
    let other = sky(&format!(
        "lightcone = \"{}\"\nsubtract_mean = \"none\"\neor = {{ box_length = \"60 cMpc\", units = \"mK\", redshift = {z:?}, across = \"fixed\" }}",
        plain.display()
    ));
    // Planck18 with its neutrinos in Omega_m: 2e-5 in distances
    close(other.spectral.freq_hz[20], cube.spectral.freq_hz[20], 1e-4, "frequency");
    close(mk(&other)[[20, 3, 3]], t[[20, 3, 3]], 1e-2, "temperature");
    // buffers at the ends are no part of it
    let file = File::open_rw(&path).unwrap();
    file.attr("lowz_buffer_pixels").unwrap().write_scalar(&5i64).unwrap();
    file.attr("highz_buffer_pixels").unwrap().write_scalar(&10i64).unwrap();
    file.close().unwrap();
    let short =
        sky(&format!("lightcone = \"{}\"\nsubtract_mean = \"none\"\neor = {{ across = \"fixed\" }}", path.display()));
    let least = mk(&short).slice(s![.., 6, 6]).iter().fold(f64::INFINITY, |m, v| m.min(*v));
    let most = mk(&short).slice(s![.., 6, 6]).iter().fold(0.0, |m: f64, v| m.max(*v));
    assert!(least > ramp(distances[5]) - 0.3 && most < ramp(distances[29]) + 0.3, "{least} {most}");
}

#[test]
fn wrong_boxes_and_words_give_one_clear_error_each() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    coeval(&at("box.h5"), &temperatures(16));
    let distances: Vec<f64> = (0..16).map(|i| 9000.0 + 5.0 * f64::from(i)).collect();
    lightcone(&at("cone.h5"), &temperatures(16), &distances);
    let falling: Vec<f64> = distances.iter().rev().copied().collect();
    lightcone(&at("falling.h5"), &temperatures(16), &falling);
    lightcone(&at("few.h5"), &temperatures(16), &distances[..9]);
    lightcone(&at("unfinished.h5"), &temperatures(16), &distances);
    let file = File::open_rw(at("unfinished.h5")).unwrap();
    file.attr("last_completed_lcidx").unwrap().write_scalar(&7i64).unwrap();
    file.close().unwrap();
    let mut holed = temperatures(16);
    holed[[3, 3, 8]] = f32::NAN;
    coeval(&at("nan.h5"), &holed);
    {
        let file = File::create(at("plain.h5")).unwrap();
        file.new_dataset_builder().with_data(&temperatures(4)).create("t").unwrap();
        file.new_dataset_builder().with_data(&Array2::<f32>::zeros((SIDE, SIDE))).create("flat").unwrap();
    }
    std::fs::write(at("text.h5"), "no box").unwrap();
    std::fs::write(at("cut.h5"), &std::fs::read(at("box.h5")).unwrap()[..3000]).unwrap();
    let whole = "box_length = \"60 Mpc\", units = \"mK\", redshift = 8";
    let path = |name: &str| at(name).display().to_string();
    let cases: Vec<(String, &[&str])> = vec![
        (format!("coeval = \"{}\"", path("plain.h5")), &["sky.eor.units", "plain.h5"]),
        (format!("coeval = \"{}\"\neor = {{ units = \"mK\" }}", path("plain.h5")), &["sky.eor.box_length", "Mpc/h"]),
        (
            format!("coeval = \"{}\"\neor = {{ units = \"mK\", box_length = \"60 Mpc\" }}", path("plain.h5")),
            &["sky.eor.redshift"],
        ),
        (
            format!("coeval = \"{}\"\neor = {{ dataset = \"x\", {whole} }}", path("plain.h5")),
            &["no data set x", "flat"],
        ),
        (
            format!("coeval = \"{}\"\neor = {{ dataset = \"flat\", {whole} }}", path("plain.h5")),
            &["three axes", "2 axes"],
        ),
        (
            format!("coeval = \"{}\"\neor = {{ axis_order = \"xyy\", {whole} }}", path("plain.h5")),
            &["order of axes", "xyy"],
        ),
        (
            format!("coeval = \"{}\"\neor = {{ units = \"Jy/pixel\" }}", path("box.h5")),
            &["holds temperatures", "mK or K"],
        ),
        (format!("coeval = \"{}\"\neor = {{ units = \"MK\" }}", path("box.h5")), &["BUNIT 'MK'"]),
        (format!("coeval = \"{}\"\neor = {{ box_length = \"60 kiloparsec\" }}", path("box.h5")), &["cMpc/h"]),
        (format!("coeval = \"{}\"\neor = {{ box_length = \"1 2 Mpc\" }}", path("box.h5")), &["one length above 0"]),
        (format!("coeval = \"{}\"\neor = {{ boxlength = \"1 Mpc\" }}", path("box.h5")), &["boxlength", "box_length"]),
        (
            format!("coeval = \"{}\"\neor = {{ redshift = 0 }}", path("box.h5")),
            &["redshift of the box is out of range"],
        ),
        (format!("coeval = \"{}\"\nchannels = 17", path("box.h5")), &["reach beyond the box", "MHz", "sky.channels"]),
        (format!("coeval = \"{}\"\nband_centre = \"100 MHz\"", path("box.h5")), &["reach beyond the box"]),
        (format!("coeval = \"{}\"\nchannel_width = \"1 GHz\"", path("box.h5")), &["wider than the box"]),
        (format!("coeval = \"{}\"", path("nan.h5")), &["not numbers", "nan.h5"]),
        (format!("coeval = \"{}\"", path("cone.h5")), &["not clear which data set", "sky.lightcone"]),
        (format!("coeval = \"{}\"\nlightcone = \"{}\"", path("box.h5"), path("cone.h5")), &["given twice"]),
        (format!("lightcone = \"{}\"", path("falling.h5")), &["do not rise"]),
        (format!("lightcone = \"{}\"", path("few.h5")), &["9 distances", "16 slices"]),
        (format!("lightcone = \"{}\"", path("unfinished.h5")), &["not finished", "below 7"]),
        (format!("coeval = \"{}\"", path("text.h5")), &["neither an HDF5 nor a FITS", "no box"]),
        (format!("coeval = \"{}\"", path("cut.h5")), &["truncated or damaged", "cut.h5"]),
        (format!("coeval = \"{}\"", path("nowhere.h5")), &["nowhere.h5"]),
        (format!("coeval = \"{}\"\neor = {{ field = \"80 deg\" }}", path("box.h5")), &["at most 60 deg"]),
    ];
    for (words, says) in cases {
        let text = refusal(&words);
        for part in says {
            assert!(text.contains(part), "{words}: {part} in\n{text}");
        }
    }
    // more than any memory holds
    let text =
        refusal(&format!("coeval = \"{}\"\neor = {{ field = \"60 deg\", box_length = \"0.01 Mpc\" }}", path("box.h5")));
    assert!(text.contains("does not fit into memory") && text.contains("sky.eor.field"), "{text}");
}

/// The folder with what 21cmFAST wrote, or None with a line.
fn of_21cmfast(test_name: &str) -> Option<tempfile::TempDir> {
    let python = std::env::var("SKYFRINGE_PYTHON").unwrap_or("python3".into());
    let works = Command::new(&python).args(["-c", "import py21cmfast"]).output().is_ok_and(|o| o.status.success());
    if !works {
        let required = std::env::var_os("SKYFRINGE_REQUIRE_21CMFAST").is_some_and(|v| v == "1");
        assert!(!required, "{test_name}: no 21cmFAST in {python}");
        eprintln!("SKIPPED {test_name}: no 21cmFAST in {python}");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/eor_21cmfast.py");
    let ran = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(folder)
}

/// Numbers of the lines of a text file of eor_21cmfast.py.
fn lines(path: &PathBuf) -> Vec<Vec<f64>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| line.split(' ').map(|word| word.parse().unwrap()).collect()).collect()
}

#[test]
fn what_21cmfast_itself_writes_is_read_without_a_word() {
    let Some(folder) = of_21cmfast("what_21cmfast_itself_writes_is_read_without_a_word") else { return };
    let path = |name: &str| folder.path().join(name);
    let shape = |line: &[f64]| (line[0] as usize, line[1] as usize, line[2] as usize);
    let of = |lines: &[Vec<f64>]| Array3::from_shape_vec(shape(&lines[0]), lines[lines.len() - 1].clone()).unwrap();

    let values = of(&lines(&path("coeval.txt")));
    let cube = sky(&format!("coeval = \"{}\"\nsubtract_mean = \"none\"", path("coeval.h5").display()));
    let t = mk(&cube);
    let (near_box, half) = (distance(NU0 / 9.0) - 40.0, 0.5 * cube.spectral.width_hz);
    for (k, nu) in cube.spectral.freq_hz.iter().enumerate() {
        let (near, far) = ((distance(nu + half) - near_box) / 5.0, (distance(nu - half) - near_box) / 5.0);
        let expected = between(16, 0.5 * (near + far) - 0.5, |z| values[[9, 2, z]]);
        assert!((t[[k, 2, 9]] - expected).abs() < 1e-3, "{} {expected}", t[[k, 2, 9]]);
    }

    let text = lines(&path("lightcone.txt"));
    let values = of(&text);
    let cube = sky(&format!(
        "lightcone = \"{}\"\nsubtract_mean = \"none\"\neor = {{ across = \"fixed\" }}",
        path("lightcone.h5").display()
    ));
    let t = mk(&cube);
    // slices are seen where 21cmFAST's own cosmology puts them: the first channels are the farthest
    let (redshifts, distances) = (&text[1], &text[2]);
    for (z, d) in redshifts.iter().zip(distances) {
        close(distance(NU0 / (1.0 + z)), *d, 1e-6, "distance");
    }
    let slices = distances.len();
    let low = NU0 / (1.0 + redshifts[slices - 1]);
    assert!((cube.spectral.freq_hz[0] - low).abs() < 1.5 * cube.spectral.width_hz);
    let (channel, nu) = (5, cube.spectral.freq_hz[5]);
    let nearest = (0..slices)
        .min_by(|a, b| (NU0 / (1.0 + redshifts[*a]) - nu).abs().total_cmp(&(NU0 / (1.0 + redshifts[*b]) - nu).abs()));
    let nearest = nearest.unwrap();
    let (mut same, mut other) = (0.0, 0.0);
    for x in 0..16 {
        for y in 0..16 {
            same += (t[[channel, y, x]] - values[[x, y, nearest]]).powi(2);
            other += (t[[channel, y, x]] - values[[x, y, slices - 1 - nearest]]).powi(2);
        }
    }
    // a channel shares its slice with at most one other, and not with the far end
    assert!(same < 0.5 * other, "{same} {other}");
}

/// A box whose power falls with k: white noise smeared over 5 cells in all directions, and a little white noise.
fn red_box(side: usize, slices: usize) -> Array3<f32> {
    let mut random = Stream::new(9, [3, 1, 4]);
    let white = Array3::from_shape_fn((side, side, slices), |_| random.normal());
    let mut smooth = white.clone();
    for axis in 0..3 {
        let before = smooth.clone();
        let n = smooth.shape()[axis];
        for ((x, y, z), value) in smooth.indexed_iter_mut() {
            *value = (n - 2..=n + 2)
                .map(|shift| {
                    let mut at = [x, y, z];
                    at[axis] = (at[axis] + shift) % n;
                    before[at]
                })
                .sum();
        }
    }
    (20.0 + smooth + 0.5 * white).mapv(|v| v as f32)
}

const CELL: f64 = 4.0;

/// A box of 32 x 32 x 12 cells of 4 Mpc through SKA-Low, uniform weights; `more` holds the table of noise.
fn observed(path: &Path, more: &str) -> tempfile::TempDir {
    let text = format!(
        "[sky]\ncoeval = \"{}\"\n[telescope]\nname = \"ska-low-aa4\"\nbeam = \"none\"\n[observation]\nra = \"0 deg\"\n\
         dec = \"-27 deg\"\nlength = \"4 h\"\nsteps = 3\n[image]\nweight = \"uniform\"\n{more}",
        path.display()
    );
    let folder = tempfile::tempdir().unwrap();
    chain::run(&settings(&text).unwrap(), folder.path(), false, &Unseen).unwrap();
    folder
}

fn transform(folder: &Path, name: &str) -> Array3<Complex64> {
    uv_planes(read_cube(&folder.join(name)).unwrap().data.mapv(f64::from).view())
}

#[test]
fn the_power_that_went_into_ska_low_comes_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("red.h5");
    {
        let file = File::create(&path).unwrap();
        let group = file.create_group("BrightnessTemp").unwrap();
        number(&group, "redshift", 8.0);
        parameters(&group);
        let options = group.group("InputParameters/simulation_options").unwrap();
        options.attr("BOX_LEN").unwrap().write_scalar(&(32.0 * CELL)).unwrap();
        let fields = group.create_group("OutputFields").unwrap();
        fields.new_dataset_builder().with_data(&red_box(32, 12)).create("brightness_temp").unwrap();
    }
    let scale = ComovingScale { across_mpc: CELL, along_mpc: CELL };
    let spectrum = |a: &Array3<Complex64>, b: &Array3<Complex64>, filled: &Array2<bool>| {
        power_spectrum(a, b, filled, scale, [8, 2]).unwrap()
    };

    // without noise: to 3 % in every range of k, over cells that the stations fill
    let clean = observed(&path, "");
    let sky = transform(clean.path(), "sky.fits");
    let psf = transform(clean.path(), "psf.fits");
    let mut dirty = transform(clean.path(), "dirty.fits");
    let filled = undo_weighting(&mut dirty, &psf, 0.25).unwrap();
    let cells = filled.iter().filter(|f| **f).count();
    let (went_in, came_out) = (spectrum(&sky, &sky, &filled), spectrum(&dirty, &dirty, &filled));
    eprintln!("{cells} of {} uv cells", filled.len());
    assert!(cells > 500, "{cells}");
    let mut checked = 0;
    for (a, b) in went_in.iter().zip(&came_out) {
        eprintln!("{:.4} {:.4} {:>5} {:.4e} {:.4}", a.k_perp, a.k_par, a.modes, a.power, b.power / a.power);
        assert_eq!((a.k_perp, a.k_par, a.modes), (b.k_perp, b.k_par, b.modes));
        if a.modes >= 100 {
            close(b.power, a.power, 0.03, "power");
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
    // the input spans two decades, so that power that leaks would be seen
    let (most, least) = went_in.iter().fold((0.0f64, f64::INFINITY), |(m, l), b| (m.max(b.power), l.min(b.power)));
    assert!(most > 50.0 * least, "{most} {least}");

    // with noise: the common power of two nights is the sky's within their noise
    let night = |seed: usize| {
        let folder = observed(&path, &format!("[noise]\nsefd = \"NOISE Jy\"\nseed = {seed}\n").replace("NOISE", SEFD));
        let mut dirty = transform(folder.path(), "dirty.fits");
        let psf = transform(folder.path(), "psf.fits");
        let same = undo_weighting(&mut dirty, &psf, 0.25).unwrap();
        assert_eq!(same, filled);
        dirty
    };
    let (one, two) = (night(1), night(2));
    let (alone, common) = (spectrum(&one, &one, &filled), spectrum(&one, &two, &filled));
    let mut noisy = 0;
    for ((signal, alone), common) in went_in.iter().zip(&alone).zip(&common) {
        let noise = alone.power - common.power;
        // variance of Re(conj(s + n1)(s + n2)) at a given s, over half of the modes: k and -k are one
        let error = ((signal.power * noise.abs() + 0.5 * noise * noise) / (0.5 * signal.modes as f64)).sqrt();
        eprintln!(
            "{:.4} {:.4} signal {:.3e} noise {noise:.3e} off by {:.2} sigma",
            signal.k_perp,
            signal.k_par,
            signal.power,
            (common.power - signal.power) / error
        );
        assert!((common.power - signal.power).abs() < 4.0 * error + 0.03 * signal.power, "{signal:?} {common:?}");
        noisy += usize::from(noise > 0.3 * signal.power);
    }
    assert!(noisy >= 2, "{noisy}");

    // the program's table is in mK^2 Mpc^3
    let table = folder.path().join("power.csv");
    let request = PowerRequest {
        cube: clean.path().join("dirty.fits"),
        psf: Some(clean.path().join("psf.fits")),
        cross: None,
        evenness: 0.25,
        bins: [8, 2],
        out: Some(table.clone()),
    };
    let words = power::run(&request, &Unseen).unwrap();
    assert!(words.contains(&format!("{cells} of 1024 uv cells")), "{words}");
    let temperatures = uv_planes(mk(&read_cube(&clean.path().join("sky.fits")).unwrap()).view());
    let text = std::fs::read_to_string(table).unwrap();
    for (line, expected) in text.lines().skip(1).zip(spectrum(&temperatures, &temperatures, &filled)) {
        let numbers: Vec<f64> = line.split(',').map(|n| n.parse().unwrap()).collect();
        close(numbers[0], expected.k_perp, 1e-3, "k");
        if expected.modes >= 100 {
            close(numbers[3], expected.power, 0.03, "power in mK^2 Mpc^3");
        }
    }
    // what it cannot do
    let refuse = |change: fn(&mut PowerRequest)| {
        let mut changed = PowerRequest { out: None, ..request.clone() };
        change(&mut changed);
        power::run(&changed, &Unseen).unwrap_err().to_string()
    };
    assert!(refuse(|r| r.psf = None).contains("only with its PSF"));
    assert!(refuse(|r| r.evenness = 0.0).contains("not a share"));
    // the sky over the same cells
    let of_sky = PowerRequest { out: None, cube: clean.path().join("sky.fits"), ..request.clone() };
    assert!(power::run(&of_sky, &Unseen).unwrap().contains(&format!("{cells} of 1024 uv cells")));
    assert!(refuse(|r| r.cube.set_file_name("nothing.fits")).contains("nothing.fits"));
}

/// SEFD of a station, Jy, at which 4 hours of noise have the power of the box at high k: far below the real 2400 Jy, as the
/// observation is far shorter than those of a thousand hours that such boxes are for.
const SEFD: &str = "8";

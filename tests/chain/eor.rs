//! FITS cubes of brightness temperature as sky: the mean of each channel, K to Jy plane by plane, the spectral frame.

use crate::{card, close, common::reference_data, cube, run};
use ndarray::{Array3, Axis};
use skyfringe::formats::config::Document;
use skyfringe::formats::fits::{Card, CardValue, FitsCube, SkyAxes, SpectralAxis, read_cube, write_cube};
use skyfringe::math::random::Stream;
use skyfringe::run::params::Settings;
use skyfringe::run::{Unseen, chain};
use skyfringe::units::{DEG_RAD, RaDec};
use std::path::Path;

const CELL_DEG: f64 = 0.1;

/// Temperatures of mean 20 (in `unit`) and a slope from corner to corner, over 6.4 deg at 150 MHz.
pub(crate) fn made(path: &Path, unit: &str, specsys: &str) -> FitsCube {
    let mut random = Stream::new(1, [7, 7, 7]);
    let data = Array3::from_shape_fn((5, 64, 64), |(c, y, x)| {
        (20.0 + c as f64 + 0.1 * (x as f64 - y as f64) + 3.0 * random.normal()) as f32
    });
    let cube = FitsCube {
        data,
        sky: SkyAxes {
            centre: RaDec::from_deg(10.0, -30.0),
            step_x_rad: -CELL_DEG * DEG_RAD,
            step_y_rad: CELL_DEG * DEG_RAD,
            reference_pixel: [32.0, 32.0],
        },
        spectral: SpectralAxis {
            freq_hz: (0..5).map(|c| 150e6 + 2e6 * f64::from(c)).collect(),
            width_hz: 2e6,
            rest_hz: 1_420_405_751.768,
            specsys: specsys.into(),
            form: Default::default(),
        },
        stokes: "I".into(),
        unit: unit.into(),
        beams: Vec::new(),
        cards: Vec::new(),
    };
    write_cube(path, &cube).unwrap();
    cube
}

fn configuration(path: &Path, more: &str) -> String {
    format!(
        "[sky]\nfits = \"{}\"\n{more}\n[telescope]\nname = \"ska-low-aa1\"\nbeam = \"none\"\n\
         [observation]\nra = \"0 deg\"\ndec = \"-27 deg\"\nlength = \"1 h\"\nsteps = 1\n[image]\nweight = \"natural\"\n",
        path.display()
    )
}

/// 2 k T nu^2 Omega/c^2 in Jy with Omega = cell^2/n, by hand.
fn hand_jy(kelvin: f64, freq_hz: f64, cell_rad: f64, [l, m]: [f64; 2]) -> f64 {
    let omega = cell_rad * cell_rad / (1.0 - l * l - m * m).sqrt();
    2.0 * 1.380_649e-23 * kelvin * freq_hz * freq_hz / (299_792_458.0f64 * 299_792_458.0) * omega * 1e26
}

/// Compares sky.fits of a run with the file it came from.
fn compare(folder: &Path, source: &FitsCube, kelvin_per_unit: f64) {
    let sky = cube(folder, "sky.fits");
    assert_eq!(sky.unit, "Jy/pixel");
    assert_eq!(sky.data.dim(), source.data.dim());
    let (channels, ny, nx) = sky.data.dim();
    let cell = source.sky.step_y_rad;
    assert_eq!(sky.spectral.specsys, source.spectral.specsys);
    for c in 0..channels {
        close(sky.spectral.freq_hz[c], source.spectral.freq_hz[c], 1e-12, "frequency of a plane");
        let plane = source.data.index_axis(Axis(0), c).mapv(f64::from);
        let mean = plane.mean().unwrap();
        let freq_hz = source.spectral.freq_hz[c];
        let at = |i: usize, n: usize| (i as f64 - (n / 2) as f64) * cell;
        // K to Jy at three pixels: the middle, a corner, anywhere
        for [y, x] in [[ny / 2, nx / 2], [0, 0], [ny / 3, nx - 1]] {
            let kelvin = (plane[[y, x]] - mean) * kelvin_per_unit;
            let expected = hand_jy(kelvin, freq_hz, cell, [at(x, nx), at(y, ny)]);
            let scale = hand_jy(1e-3 * mean.abs().max(1.0) * kelvin_per_unit, freq_hz, cell, [0.0, 0.0]);
            let off = (f64::from(sky.data[[c, y, x]]) - expected).abs();
            assert!(off < 1e-6 * expected.abs() + 1e-3 * scale, "plane {c}, pixel {y} {x}: {off:e} of {expected:e} Jy");
        }
        // the mean temperature of the sky is zero (of Jy/pixel it is not quite: pixels at the edge are larger)
        let (mut sum, mut spread) = (0.0, 0.0);
        for ((y, x), jy) in sky.data.index_axis(Axis(0), c).indexed_iter() {
            let one_kelvin = hand_jy(1.0, freq_hz, cell, [at(x, nx), at(y, ny)]);
            sum += f64::from(*jy) / one_kelvin;
            spread += (f64::from(*jy) / one_kelvin).powi(2);
        }
        let count = (nx * ny) as f64;
        assert!((sum / count).abs() < 1e-6 * (spread / count).sqrt(), "plane {c}: mean {:e} K", sum / count);
    }
    assert_eq!(card(&sky, "SUBMEAN"), Some(&CardValue::Text("channel".into())));
}

#[test]
fn temperatures_become_flux_with_each_planes_frequency_and_each_pixels_solid_angle() {
    let folder = tempfile::tempdir().unwrap();
    for (unit, kelvin) in [("mK", 1e-3), ("K", 1.0)] {
        let path = folder.path().join(format!("{unit}.fits"));
        let source = made(&path, unit, "TOPOCENT");
        let products = run(&configuration(&path, "specsys = \"TOPOCENT\""));
        compare(products.path(), &source, kelvin);
    }
    // in the corner the solid angle is 0.31 % larger than in the middle: the hand formula above would notice
    let l = 32.0 * CELL_DEG * DEG_RAD;
    assert!(1.0 / (1.0 - 2.0 * l * l).sqrt() > 1.003);
}

#[test]
fn the_mean_stays_where_asked_for_and_flux_densities_keep_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sky.fits");
    let source = made(&path, "mK", "TOPOCENT");
    let kept = cube(run(&configuration(&path, "subtract_mean = \"none\"")).path(), "sky.fits");
    assert_eq!(card(&kept, "SUBMEAN"), Some(&CardValue::Text("none".into())));
    let expected = hand_jy(1e-3 * f64::from(source.data[[2, 32, 32]]), 154e6, CELL_DEG * DEG_RAD, [0.0, 0.0]);
    close(f64::from(kept.data[[2, 32, 32]]), expected, 1e-6, "not subtracted");
    let source = made(&path, "Jy/pixel", "TOPOCENT");
    let sky = cube(run(&configuration(&path, "")).path(), "sky.fits");
    assert_eq!(sky.data, source.data);
}

#[test]
fn another_spectral_frame_is_refused_and_never_relabelled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sky.fits");
    made(&path, "mK", "LSRK");
    // not asked for: the file's own
    let products = run(&configuration(&path, ""));
    for name in ["sky.fits", "dirty.fits", "psf.fits"] {
        assert_eq!(cube(products.path(), name).spectral.specsys, "LSRK", "{name}");
    }
    for more in [
        "specsys = \"BARYCENT\"",
        "specsys = \"TOPOCENT\"\nchannels = 3",
        "specsys = \"BARYCENT\"\nchannel_width = \"1 MHz\"",
    ] {
        let settings = crate::settings(&configuration(&path, more));
        let out = folder.path().join("out");
        let error = chain::run(&settings, &out, false, &Unseen).unwrap_err().to_string();
        assert!(error.contains("spectral frame") && error.contains("LSRK"), "{error}");
        assert!(!out.join("sky.fits").exists());
    }
    // other channels of the same frame: the flux is kept
    let wider = cube(
        run(&configuration(&path, "channels = 2\nchannel_width = \"4 MHz\"\nspecsys = \"LSRK\"")).path(),
        "sky.fits",
    );
    let own = cube(products.path(), "sky.fits");
    // 150, 152, 154, 156, 158 MHz of 2 MHz; two of 4 MHz about 154 MHz: 150 to 158 MHz
    for (y, x) in [(0, 0), (20, 40)] {
        let of = |cube: &FitsCube, c: usize| f64::from(cube.data[[c, y, x]]);
        let low = (0.5 * of(&own, 0) + of(&own, 1) + 0.5 * of(&own, 2)) / 2.0;
        assert!((of(&wider, 0) - low).abs() < 1e-6 * own.data.iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs()))));
    }
    assert_eq!(wider.spectral.freq_hz, vec![152e6, 156e6]);
}

#[test]
fn rest_frame_temperatures_without_a_redshift_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sky.fits");
    let mut source = made(&path, "K", "TOPOCENT");
    source.cards.push(Card::text("TBFRAME", "REST", ""));
    write_cube(&path, &source).unwrap();
    let settings = crate::settings(&configuration(&path, ""));
    let error = chain::run(&settings, &folder.path().join("out"), false, &Unseen).unwrap_err().to_string();
    assert!(error.contains("REDSHIFT") && error.contains("sky.fits"), "{error}");
}

#[test]
fn the_reference_cube_of_reionisation_becomes_a_sky() {
    let Some(data) = reference_data("the_reference_cube_of_reionisation_becomes_a_sky") else { return };
    let path = data.join("eor/eor21cm_mK_96x96x64_z8.fits");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/eor-low.toml");
    let mut document = Document::read(&example).unwrap();
    document.set(&format!("sky.fits={}", path.display())).unwrap();
    for change in ["telescope.name=ska-low-aa1", "observation.steps=1"] {
        document.set(change).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    chain::run(&Settings::from_document(&document).unwrap(), folder.path(), false, &Unseen).unwrap();
    compare(folder.path(), &read_cube(&path).unwrap(), 1e-3);
}

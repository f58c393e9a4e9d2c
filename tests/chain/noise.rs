//! Thermal noise of images: as the header predicts, as the radiometer formula has it, different in every channel.

use crate::{cube, number, run, silent, square};
use ndarray::{Array2, Array3, Axis};
use rustfft::num_complex::Complex64;
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable, read_visibilities};
use skyfringe::imaging::{ImageParams, Images, Method, Weighting, make_images};
use skyfringe::units::ARCSEC_RAD;
use std::path::Path;

const SIZE: usize = 128;
const CELL_ARCSEC: f64 = 15.0;
const STATIONS: f64 = 27.0;
const SEFD_JY: f64 = 365.0;
const LENGTH_S: f64 = 3600.0;
const CHANNELS: usize = 16;
const WIDTH_HZ: f64 = 50e3;

/// VLA D: 27 equal dishes within 1 km, no sample beyond Nyquist and none too low.
pub(crate) fn configuration(noise: &str, more: &str) -> String {
    format!(
        "[sky]\ngalaxy = {{ seed = 2, cells = 2000 }}\ndistance = \"60 Mpc\"\nchannels = {CHANNELS}\n\
         channel_width = \"50 kHz\"\n[telescope]\nname = \"vla-d\"\n\
         [observation]\ndec = \"30 deg\"\nlength = \"1 h\"\nsteps = 6\n{more}\n[noise]\nsefd = \"{SEFD_JY} Jy\"\n{noise}\n\
         [image]\nsize = {SIZE}\ncell = \"{CELL_ARCSEC} arcsec\"\nweight = \"natural\"\n"
    )
}

fn visibilities(folder: &Path) -> VisibilityTable {
    read_visibilities(&folder.join("visibilities.h5")).unwrap()
}

/// Standard error of an image's rms over its rms: values are correlated as the PSF has it, and the variance of a
/// mean square of N such values is 2 sum_ij psf_ij^2 / N^2. Here by the PSF of every offset in the image.
pub(crate) fn relative_error(psf: &Array2<f64>) -> f64 {
    let squares: f64 = psf.iter().map(|p| p * p).sum();
    0.5 * (2.0 * squares / psf.len() as f64).sqrt()
}

pub(crate) fn rms(plane: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for v in plane {
        sum += v * v;
        n += 1.0;
    }
    f64::sqrt(sum / n)
}

/// The noise of a run: its dirty cube less that of the same run without noise.
fn noise_of(more: &str) -> (tempfile::TempDir, Array3<f64>) {
    let (with, without) = (run(&configuration("", more)), run(&configuration("add = false", more)));
    let of = |folder: &tempfile::TempDir| cube(folder.path(), "dirty.fits").data.mapv(f64::from);
    let noise = of(&with) - of(&without);
    (with, noise)
}

#[test]
fn natural_noise_equals_the_header_and_the_radiometer_formula() {
    for more in ["", "polarisations = \"XX,XY,YX,YY\""] {
        let (folder, noise) = noise_of(more);
        let dirty = cube(folder.path(), "dirty.fits");
        assert_eq!((number(&dirty, "NNYQUIST"), number(&dirty, "NVIS")), (0.0, 351.0 * 6.0 * CHANNELS as f64));
        let theory = SEFD_JY / (2.0 * STATIONS * (STATIONS - 1.0) * WIDTH_HZ * LENGTH_S).sqrt();
        let header = number(&dirty, "NOISESIG");
        // weights are stored in single precision
        assert!((header / theory - 1.0).abs() < 1e-6, "NOISESIG {header:e}, theory {theory:e}");
        let psf = cube(folder.path(), "psf.fits").data.index_axis(Axis(0), CHANNELS / 2).mapv(f64::from);
        let error = relative_error(&psf);
        let mut each = Vec::new();
        for plane in noise.outer_iter() {
            let off = (rms(plane.iter().copied()) / theory - 1.0) / error;
            assert!(off.abs() < 5.0, "a channel's rms is off by {off:.1} standard errors of {error:.3}");
            each.push(off);
        }
        let all = rms(noise.iter().copied()) / theory - 1.0;
        let error_all = error / (CHANNELS as f64).sqrt();
        eprintln!("natural {more}: rms/theory - 1 = {all:.2e}, standard error {error_all:.2e}; channels {each:.1?}");
        assert!(all.abs() < 4.0 * error_all, "{all:.2e}, standard error {error_all:.2e}");
        // the scatter of the channels is what the statistical error says, so the bounds above mean something
        let scatter = rms(each.iter().copied());
        assert!((0.5..2.0).contains(&scatter), "{scatter}");
    }
}

#[test]
fn noise_of_other_weightings_equals_the_prediction() {
    let (with, without) = (run(&configuration("", "")), run(&configuration("add = false", "")));
    let mut table = visibilities(with.path());
    table.vis -= &visibilities(without.path()).vis;
    let image = |weighting| -> Images {
        let params = ImageParams {
            geometry: square(SIZE, CELL_ARCSEC * ARCSEC_RAD),
            weighting,
            taper: Default::default(),
            method: Method::Fft { epsilon: 1e-6 },
            keep_beyond_nyquist: false,
        };
        make_images(&table, &params, &silent()).unwrap()
    };
    let natural = image(Weighting::Natural).noise_jy[0];
    for weighting in [Weighting::Uniform, Weighting::Briggs(0.0), Weighting::Briggs(-1.0), Weighting::Briggs(1.0)] {
        let images = image(weighting);
        // the correlation of noise is the image of W^2/w, not of W as in the PSF; natural's is the wider one
        let error = relative_error(&images.psf.index_axis(Axis(0), 0).to_owned());
        let ratios: Vec<f64> =
            images.dirty.outer_iter().zip(&images.noise_jy).map(|(p, n)| rms(p.iter().copied()) / n).collect();
        let all = rms(ratios) - 1.0;
        let error = 2.0 * error / (CHANNELS as f64).sqrt();
        eprintln!(
            "{weighting}: rms/predicted - 1 = {all:.2e}, standard error below {error:.2e}; over natural {:.3}",
            images.noise_jy[0] / natural
        );
        assert!(all.abs() < 4.0 * error, "{weighting}: {all:.2e}, {error:.2e}");
        assert!(images.noise_jy[0] > natural * 1.01);
    }
}

#[test]
fn noise_differs_between_channels_products_and_seeds_and_not_otherwise() {
    let (folder, noise) = noise_of("");
    let psf = cube(folder.path(), "psf.fits").data.index_axis(Axis(0), CHANNELS / 2).mapv(f64::from);
    // standard error of the correlation of two independent images: that of a mean square over sqrt 2
    let error = 2.0 * relative_error(&psf) / 2f64.sqrt();
    for a in 0..CHANNELS {
        for b in 0..a {
            let (x, y) = (noise.index_axis(Axis(0), a), noise.index_axis(Axis(0), b));
            let correlation = (&x * &y).mean().unwrap() / rms(x.iter().copied()) / rms(y.iter().copied());
            // 120 pairs
            assert!(correlation.abs() < 5.0 * error, "channels {a}, {b}: {correlation:.3}, standard error {error:.3}");
        }
    }
    // another seed: other noise; the same again: the same
    let other = cube(run(&configuration("seed = 2", "")).path(), "dirty.fits");
    let again = cube(run(&configuration("seed = 1", "")).path(), "dirty.fits");
    let first = cube(folder.path(), "dirty.fits");
    assert_eq!(again.data, first.data);
    let difference = rms((&other.data - &first.data).iter().map(|v| f64::from(*v)));
    let expected = 2f64.sqrt() * number(&first, "NOISESIG");
    assert!((difference / expected - 1.0).abs() < 4.0 * relative_error(&psf) / (CHANNELS as f64).sqrt());
}

#[test]
fn four_products_have_independent_noise() {
    let more = "polarisations = \"XX,XY,YX,YY\"";
    let (with, without) = (run(&configuration("", more)), run(&configuration("add = false", more)));
    let mut table = visibilities(with.path());
    assert_eq!(table.polarisations, Polarisations::Linear);
    table.vis -= &visibilities(without.path()).vis;
    let sigma = SEFD_JY / (2.0 * WIDTH_HZ * LENGTH_S / 6.0).sqrt();
    let n = (table.uvw_m.nrows() * CHANNELS) as f64;
    for a in 0..4 {
        for b in 0..=a {
            let (x, y) = (table.vis.index_axis(Axis(2), a), table.vis.index_axis(Axis(2), b));
            let product: Complex64 = x.iter().zip(y).map(|(x, y)| x * y.conj()).sum();
            let correlation = product / (2.0 * n * sigma * sigma);
            let off = if a == b { correlation - 1.0 } else { correlation };
            // |mean of n products| has standard error 1/sqrt n
            assert!(off.norm() < 5.0 / n.sqrt(), "products {a}, {b}: {correlation}");
        }
    }
}

#[test]
fn a_run_without_noise_claims_none() {
    let text = configuration("", "");
    let quiet = text.replace(&format!("[noise]\nsefd = \"{SEFD_JY} Jy\"\n"), "");
    assert_ne!(quiet, text);
    let folder = run(&quiet);
    let dirty = cube(folder.path(), "dirty.fits");
    assert!(crate::card(&dirty, "NOISESIG").is_none() && crate::card(&dirty, "SEED").is_none());
}

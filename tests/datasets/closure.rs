//! A T_b map times its factor, seen with the PSF, is the dirty image without noise: what the learning's instrument
//! operator stands on.

use super::content::physical;
use super::{Place, numbers};
use ndarray::{Array2, Axis, Ix3};
use skyfringe::datasets::WIDE_PSF;
use skyfringe::formats::shard::{ArrayValues, ColumnValues, ShardReader};
use std::path::Path;

/// How far sums of PSFs are from a sample's noise-free image.
struct Closure {
    /// Rms over the noise.
    rms_sigma: f64,
    /// Largest over the image's peak.
    of_peak: f64,
}

/// The PSF of the only instrument.
fn psf(reader: &ShardReader, name: &str) -> Option<Array2<f64>> {
    let array = reader.header().groups[0].arrays.iter().find(|a| a.name == name)?;
    let ArrayValues::Single(values) = &array.values else { panic!("{name} is of float64") };
    let planes = values.clone().into_dimensionality::<Ix3>().unwrap();
    Some(planes.index_axis(Axis(0), 0).mapv(f64::from))
}

/// A direct sum over the pixels of the sky.
fn observed(sky: &Array2<f64>, psf: &Array2<f64>) -> Array2<f64> {
    let (height, width) = sky.dim();
    let centre = [psf.nrows() / 2, psf.ncols() / 2];
    let mut image = Array2::zeros(sky.dim());
    for ((v, u), jy) in sky.indexed_iter().filter(|(_, jy)| **jy != 0.0) {
        for y in 0..height {
            for x in 0..width {
                if let Some(p) = psf.get([(y + centre[0]).wrapping_sub(v), (x + centre[1]).wrapping_sub(u)]) {
                    image[[y, x]] += jy * p;
                }
            }
        }
    }
    image
}

fn closure(reader: &ShardReader, sample: usize, psf: &Array2<f64>) -> Closure {
    let number = reader.field("tb").unwrap();
    let shape = (reader.header().fields[number].shape[0], reader.header().fields[number].shape[1]);
    let (factor, noise_jy) = (numbers(reader, "jy_per_pixel_per_mk")[sample], numbers(reader, "noise_jy")[sample]);
    let sky = physical(reader, "tb", sample).into_iter().map(|tb| tb * factor).collect();
    let ours = observed(&Array2::from_shape_vec(shape, sky).unwrap(), psf);
    let stored = physical(reader, "noise-free", sample);
    let errors: Vec<f64> = ours.iter().zip(&stored).map(|(a, b)| a - b).collect();
    let largest = |values: &[f64]| values.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let rms = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    Closure { rms_sigma: rms / noise_jy, of_peak: largest(&errors) / largest(&stored) }
}

#[test]
fn the_wide_psf_makes_the_noise_free_image_of_the_map() {
    let place = Place::new();
    let fields = "dataset.fields=[\"tb\", \"dirty\", \"noise-free\", \"psf\"]";
    place.build(&[fields, "dataset.scaling.tb=asinh", "image.cell=5 arcsec", "sky.distance=60 Mpc"], "d");
    let reader = place.shard("d", 0);
    let [narrow, wide] = ["psf", WIDE_PSF].map(|name| psf(&reader, name).unwrap());
    assert_eq!((narrow.dim(), wide.dim()), ((32, 32), (64, 64)));
    assert_eq!(wide.slice(ndarray::s![16..48, 16..48]), narrow);
    assert!((wide[[32, 32]] - 1.0).abs() < 1e-6);
    for sample in 0..reader.header().samples {
        // the primary beam at the edge of 160 arcsec is 0.998; the fast path's own bound is 1e-3
        let (with, without) = (closure(&reader, sample, &wide), closure(&reader, sample, &narrow));
        assert!(with.of_peak < 2e-3, "{}", with.of_peak);
        assert!(without.of_peak > 3.0 * with.of_peak, "{}", without.of_peak);
    }
}

/// `SKYFRINGE_PAIRS=FOLDER cargo test --release --test datasets -- --ignored --nocapture how_well_psfs_close_the_cycle`
///
/// Of a data set of one instrument with tb, noise-free and psf, every sample.
#[test]
#[ignore = "measures a data set that SKYFRINGE_PAIRS names"]
fn how_well_psfs_close_the_cycle() {
    let folder = std::env::var_os("SKYFRINGE_PAIRS").expect("SKYFRINGE_PAIRS names a data set");
    let mut shards: Vec<_> = std::fs::read_dir(Path::new(&folder)).unwrap().map(|e| e.unwrap().path()).collect();
    shards.retain(|path| path.extension().is_some_and(|e| e == "h5"));
    shards.sort();
    for name in ["psf", WIDE_PSF] {
        let (mut rms, mut peak) = (Vec::new(), Vec::new());
        for path in &shards {
            let reader = ShardReader::open(path).unwrap();
            let Some(psf) = psf(&reader, name) else { continue };
            let Some(ColumnValues::Flag(ok)) = reader.column("ok") else { panic!("no column ok") };
            for sample in (0..ok.len()).filter(|sample| ok[*sample]) {
                let made = closure(&reader, sample, &psf);
                rms.push(made.rms_sigma);
                peak.push(made.of_peak);
            }
        }
        let told = |what: &str, values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            let Some(last) = values.len().checked_sub(1) else { return println!("{name}: none") };
            let [median, most, worst] = [0.5, 0.9, 1.0].map(|share| values[(share * last as f64).round() as usize]);
            println!("{name}, {} samples, {what}: median {median:.1e}, 90 % {most:.1e}, worst {worst:.1e}", last + 1);
        };
        told("rms over noise", &mut rms);
        told("largest over peak", &mut peak);
    }
}

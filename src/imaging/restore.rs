//! What comes after deconvolution: the model seen with a clean beam, plus what is left.

use super::clean::Measurement;
use crate::error::{Error, Result, Watch};
use crate::formats::fits::Beam;
use crate::gridding::ImageGeometry;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftDirection, FftPlanner};
use std::f64::consts::LN_2;
use std::sync::Arc;

/// One plane as CLEAN gets it.
pub struct DirtyPlane<'a> {
    /// Pixels.
    pub geometry: ImageGeometry,
    /// Dirty image, Jy per beam.
    pub dirty: ArrayView2<'a, f64>,
    /// PSF, peak 1 at pixel (ny/2, nx/2).
    pub psf: ArrayView2<'a, f64>,
    /// Gaussian that stands for the PSF.
    pub beam: Beam,
    /// Thermal noise by the weights, Jy per beam.
    pub noise_jy: f64,
    /// The major cycle.
    pub gridder: &'a dyn Measurement,
    /// Number of the plane in the cube.
    pub plane: usize,
}

/// What deconvolution made of a plane.
#[derive(Debug, Clone)]
pub struct Deconvolved {
    /// Model, Jy per pixel.
    pub model: Array2<f64>,
    /// What the model leaves of the dirty image, Jy per beam.
    pub residual: Array2<f64>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A way to deconvolve planes; they are given to it in parallel, or all together.
pub trait Deconvolver: Sync {
    /// Model and residual of `plane`.
    ///
    /// # Errors
    /// As the implementation says; an interrupt.
    fn deconvolve(&self, plane: &DirtyPlane<'_>, watch: &Watch) -> Result<Deconvolved>;

    /// Whether it wants all planes of a cube together.
    fn joins(&self) -> bool {
        false
    }

    /// The planes of one Stokes parameter, in order.
    ///
    /// # Errors
    /// As [`Deconvolver::deconvolve`].
    fn deconvolve_together(&self, planes: &[DirtyPlane<'_>], watch: &Watch) -> Result<Vec<Deconvolved>> {
        planes.iter().map(|plane| self.deconvolve(plane, watch)).collect()
    }
}

/// Below this share of the peak the beam counts as zero: less than the rounding of a sum of doubles.
const BEAM_FLOOR: f64 = 1e-17;

/// `residual` plus `model` (Jy per pixel) convolved with the Gaussian `beam` of peak 1, Jy per beam, shape [y, x].
///
/// The convolution is linear (the image is padded, nothing wraps around), by FFT, to rounding of the brightest pixel.
///
/// # Errors
/// Another shape than the geometry's, a beam without width.
pub fn restore(
    model: ArrayView2<f64>,
    residual: ArrayView2<f64>,
    beam: &Beam,
    geometry: &ImageGeometry,
) -> Result<Array2<f64>> {
    let (ny, nx) = (geometry.ny, geometry.nx);
    if model.dim() != (ny, nx) || residual.dim() != (ny, nx) {
        return Err(Error::input("model and residual do not have the shape of the image")
            .found(format!("{:?} and {:?}", model.dim(), residual.dim()))
            .expected(format!("{:?}", (ny, nx))));
    }
    if !(beam.minor_rad > 0.0 && beam.major_rad >= beam.minor_rad && beam.major_rad.is_finite()) {
        return Err(Error::input("no beam to restore the model with")
            .found(format!("{} x {} rad", beam.major_rad, beam.minor_rad))
            .hint("the PSF has no main lobe that a Gaussian fits; choose other weights or pixels"));
    }
    if model.iter().all(|m| *m == 0.0) {
        return Ok(residual.to_owned());
    }
    let reach = beam.major_rad * ((1.0 / BEAM_FLOOR).ln() / (4.0 * LN_2)).sqrt();
    let padded = |n: usize, step: f64| good_size(n + ((reach / step.abs()).ceil() as usize).min(n));
    let (py, px) = (padded(ny, geometry.dm), padded(nx, geometry.dl));
    let gaussian = gaussian(beam);
    let offset = |k: usize, n: usize| if k < n - n / 2 { k as f64 } else { k as f64 - n as f64 };
    let mut kernel = Array2::from_shape_fn((py, px), |(y, x)| {
        Complex64::new(gaussian(offset(x, px) * geometry.dl, offset(y, py) * geometry.dm), 0.0)
    });
    let mut image = Array2::zeros((py, px));
    for ((y, x), m) in model.indexed_iter() {
        image[[y, x]] = Complex64::new(*m, 0.0);
    }
    transform(kernel.view_mut(), FftDirection::Forward);
    transform(image.view_mut(), FftDirection::Forward);
    image.zip_mut_with(&kernel, |i, k| *i *= k);
    drop(kernel);
    transform(image.view_mut(), FftDirection::Inverse);
    let scale = 1.0 / (py * px) as f64;
    Ok(Array2::from_shape_fn((ny, nx), |at| residual[at] + scale * image[at].re))
}

/// The Gaussian at offsets (l, m), rad: 1 at the origin, the position angle from north (m) through east (l).
fn gaussian(beam: &Beam) -> impl Fn(f64, f64) -> f64 {
    let (sin, cos) = beam.angle_rad.sin_cos();
    let (major, minor) = (beam.major_rad, beam.minor_rad);
    move |l, m| {
        let (along, across) = (l * sin + m * cos, l * cos - m * sin);
        (-4.0 * LN_2 * ((along / major).powi(2) + (across / minor).powi(2))).exp()
    }
}

/// The next number without a prime factor above 5.
fn good_size(wanted: usize) -> usize {
    let smooth = |n: &usize| {
        let mut n = *n;
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    (wanted.max(1)..).find(smooth).unwrap_or(wanted)
}

/// Unnormalised two-dimensional FFT in place: rows, then columns a few at a time.
fn transform(mut data: ArrayViewMut2<Complex64>, direction: FftDirection) {
    let (ny, nx) = data.dim();
    let mut planner = FftPlanner::new();
    let along_x: Arc<dyn Fft<f64>> = planner.plan_fft(nx, direction);
    data.outer_iter_mut().into_par_iter().for_each(|mut row| {
        if let Some(row) = row.as_slice_mut() {
            along_x.process(row);
        }
    });
    let along_y = planner.plan_fft(ny, direction);
    data.axis_chunks_iter_mut(ndarray::Axis(1), 8).into_par_iter().for_each(|columns| {
        let mut block: Vec<Complex64> = columns.t().iter().copied().collect();
        along_y.process(&mut block);
        columns.reversed_axes().iter_mut().zip(block).for_each(|(to, from)| *to = from);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    const G: ImageGeometry = ImageGeometry { nx: 40, ny: 33, dl: -1e-4, dm: 1.2e-4 };

    #[test]
    fn fft_and_sum_agree() {
        let mut random = Stream::new(1, [2, 3, 4]);
        let mut model = Array2::zeros((33, 40));
        for at in [[0, 0], [32, 39], [16, 20], [5, 30], [0, 39]] {
            model[at] = random.normal();
        }
        let residual = Array2::from_shape_fn((33, 40), |_| 0.1 * random.normal());
        for (major_rad, minor_rad) in [(5e-4, 3e-4), (4e-3, 1e-3), (1e-5, 1e-5), (0.1, 0.01)] {
            let beam = Beam { major_rad, minor_rad, angle_rad: 0.6 };
            let fast = restore(model.view(), residual.view(), &beam, &G).unwrap();
            let g = gaussian(&beam);
            for ((y, x), got) in fast.indexed_iter() {
                let sum: f64 = model.indexed_iter().map(|((j, i), m)| m * g(G.l(x) - G.l(i), G.m(y) - G.m(j))).sum();
                assert!((got - residual[[y, x]] - sum).abs() < 1e-13, "{major_rad} {y} {x}");
            }
        }
    }

    #[test]
    fn the_beam_has_its_width_and_angle() {
        let beam = Beam { major_rad: 4e-4, minor_rad: 2e-4, angle_rad: 0.3 };
        let g = gaussian(&beam);
        let (sin, cos) = 0.3f64.sin_cos();
        assert!((g(2e-4 * sin, 2e-4 * cos) - 0.5).abs() < 1e-12);
        assert!((g(1e-4 * cos, -1e-4 * sin) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_restored_is_refused() {
        let zero = Array2::zeros((33, 40));
        let beam = Beam { major_rad: 1e-4, minor_rad: 1e-4, angle_rad: 0.0 };
        assert!(restore(zero.t(), zero.view(), &beam, &G).is_err());
        let none = Beam { major_rad: 0.0, minor_rad: 0.0, ..beam };
        assert!(restore(zero.view(), zero.view(), &none, &G).unwrap_err().to_string().contains("no beam"));
    }
}

//! The linear map between an image and visibilities by whichever way was asked for, in double-precision numbers outside.

use super::plan::Plan;
use super::real::Real;
use super::{ImageGeometry, dft, validate_count};
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::{Complex, Complex64};

/// How the sums are evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Gridding, w-stacking and FFT, to this relative accuracy.
    Fft {
        /// Relative L2 error asked for; from [`SINGLE_EPSILON`] on the arithmetic is single precision.
        epsilon: f64,
    },
    /// The exact sum.
    Dft,
}

/// The least epsilon that is worked to in single precision: twice as fast in half the memory.
pub const SINGLE_EPSILON: f64 = 1e-5;

/// Image -> visibilities at fixed uvw, and back.
#[derive(Debug)]
pub struct Operator {
    geometry: ImageGeometry,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Single(Plan<f32>),
    Double(Plan<f64>),
    Exact(Vec<[f64; 3]>),
}

impl Operator {
    /// For visibilities at `uvw` (wavelengths).
    ///
    /// # Errors
    /// What [`Plan::new`] refuses.
    pub fn new(geometry: ImageGeometry, uvw: &[[f64; 3]], method: Method) -> Result<Operator> {
        let way = match method {
            Method::Fft { epsilon } if epsilon >= SINGLE_EPSILON => {
                Way::Single(Plan::of_wavelengths(geometry, uvw, epsilon)?)
            }
            Method::Fft { epsilon } => Way::Double(Plan::of_wavelengths(geometry, uvw, epsilon)?),
            Method::Dft => {
                geometry.validate()?;
                super::validate_uvw(uvw)?;
                Way::Exact(uvw.to_vec())
            }
        };
        Ok(Operator { geometry, way })
    }

    /// Number of visibilities.
    pub fn len(&self) -> usize {
        match &self.way {
            Way::Single(plan) => plan.len(),
            Way::Double(plan) => plan.len(),
            Way::Exact(uvw) => uvw.len(),
        }
    }

    /// Whether there are no visibilities.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Visibilities of `image` (shape [y, x]), in the order of the uvw.
    ///
    /// # Errors
    /// As [`Plan::degrid`].
    pub fn degrid(&self, image: ArrayView2<f64>, watch: &Watch) -> Result<Vec<Complex64>> {
        match &self.way {
            Way::Single(plan) => {
                let image = image.mapv(|v| v as f32);
                Ok(plan.degrid(image.view(), watch)?.into_iter().map(wide).collect())
            }
            Way::Double(plan) => plan.degrid(image, watch),
            Way::Exact(uvw) => dft::degrid(self.geometry, image, uvw, watch),
        }
    }

    /// sum_k weights_k Re(vis_k exp(-2 pi i (...))), shape [y, x], of each set of visibilities; a set `None` is V = 1.
    /// Sets are gridded together.
    ///
    /// # Errors
    /// As [`Plan::grid`].
    pub fn grid(&self, sets: &[Option<&[Complex64]>], weights: &[f64], watch: &Watch) -> Result<Vec<Array2<f64>>> {
        validate_count(weights.len(), self.len())?;
        match &self.way {
            Way::Single(plan) => grid_sets(plan, sets, weights, watch, |image| image.mapv(f64::from)),
            Way::Double(plan) => grid_sets(plan, sets, weights, watch, |image| image),
            Way::Exact(uvw) => {
                sets.iter().map(|set| dft::grid(self.geometry, &weighted::<f64>(*set, weights)?, uvw, watch)).collect()
            }
        }
    }

    /// [`Operator::grid`] of one set.
    ///
    /// # Errors
    /// As [`Plan::grid`].
    pub fn grid_one(&self, vis: Option<&[Complex64]>, weights: &[f64], watch: &Watch) -> Result<Array2<f64>> {
        let image = self.grid(&[vis], weights, watch)?.pop();
        image.ok_or_else(|| Error::input("no visibilities to grid"))
    }
}

fn grid_sets<T: Real>(
    plan: &Plan<T>,
    sets: &[Option<&[Complex64]>],
    weights: &[f64],
    watch: &Watch,
    wide: impl Fn(Array2<T>) -> Array2<f64>,
) -> Result<Vec<Array2<f64>>> {
    let sets = sets.iter().map(|set| weighted(*set, weights)).collect::<Result<Vec<Vec<Complex<T>>>>>()?;
    let slices: Vec<&[Complex<T>]> = sets.iter().map(Vec::as_slice).collect();
    Ok(plan.grid_many(&slices, watch)?.into_iter().map(wide).collect())
}

fn weighted<T: Real>(vis: Option<&[Complex64]>, weights: &[f64]) -> Result<Vec<Complex<T>>> {
    let Some(vis) = vis else {
        return Ok(weights.iter().map(|w| Complex::new(T::of(*w), T::ZERO)).collect());
    };
    validate_count(vis.len(), weights.len())?;
    Ok(vis.iter().zip(weights).map(|(v, w)| Complex::new(T::of(v.re * w), T::of(v.im * w))).collect())
}

fn wide(value: Complex<f32>) -> Complex64 {
    Complex64::new(f64::from(value.re), f64::from(value.im))
}

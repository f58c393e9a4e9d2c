//! Exact residuals of a model.

use super::fourier::{Convolver, Spectrum};
use crate::error::{Error, Result, Watch};
use crate::gridding::Plan;
use crate::imaging::PlaneGridder;
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;

/// What a model is compared with at the end of a major cycle.
pub trait Measurement: Sync {
    /// Dirty image of what the model (Jy per pixel, shape [y, x]) leaves of the data, Jy per beam, same shape.
    ///
    /// # Errors
    /// An interrupt; a model of another shape.
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>>;
}

/// Visibilities with their gridding plan: residual = grid(W (V - degrid(model))) / sum W.
#[derive(Debug)]
pub struct GriddedVisibilities<'a> {
    plan: &'a Plan,
    vis: &'a [Complex64],
    weights: &'a [f64],
    sum_weights: f64,
}

impl<'a> GriddedVisibilities<'a> {
    /// `vis` and imaging weights W of the plan's visibilities, in the order its uvw came in.
    ///
    /// # Errors
    /// Another number of visibilities or weights than the plan has; weights that do not add up to a positive number.
    pub fn new(plan: &'a Plan, vis: &'a [Complex64], weights: &'a [f64]) -> Result<GriddedVisibilities<'a>> {
        if vis.len() != plan.len() || weights.len() != plan.len() {
            return Err(Error::input("visibilities, weights and gridding plan differ in number").found(format!(
                "{}, {} and {}",
                vis.len(),
                weights.len(),
                plan.len()
            )));
        }
        let sum_weights: f64 = weights.iter().sum();
        if !(sum_weights.is_finite() && sum_weights > 0.0) {
            return Err(Error::input("the imaging weights do not add up to a positive number").found(sum_weights));
        }
        Ok(GriddedVisibilities { plan, vis, weights, sum_weights })
    }

    /// Dirty image, Jy per beam.
    ///
    /// # Errors
    /// As [`Plan::grid`].
    pub fn dirty(&self, watch: &Watch) -> Result<Array2<f64>> {
        let weighted: Vec<Complex64> = self.vis.iter().zip(self.weights).map(|(v, w)| v * w).collect();
        Ok(self.plan.grid(&weighted, watch)? / self.sum_weights)
    }

    /// Point spread function, peak 1 to the plan's accuracy.
    ///
    /// # Errors
    /// As [`Plan::grid`].
    pub fn psf(&self, watch: &Watch) -> Result<Array2<f64>> {
        let ones: Vec<Complex64> = self.weights.iter().map(|w| Complex64::new(*w, 0.0)).collect();
        Ok(self.plan.grid(&ones, watch)? / self.sum_weights)
    }
}

impl Measurement for PlaneGridder {
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        PlaneGridder::residual(self, model, watch)
    }
}

impl Measurement for GriddedVisibilities<'_> {
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        let mut left = self.plan.degrid(model, watch)?;
        for ((left, v), w) in left.iter_mut().zip(self.vis).zip(self.weights) {
            *left = (v - *left) * *w;
        }
        Ok(self.plan.grid(&left, watch)? / self.sum_weights)
    }
}

/// A dirty image and its PSF alone: residual = dirty - PSF * model. Exact without a w term, and only for
/// offsets that the PSF's image holds (all of them where it is twice the size of the dirty image).
pub struct PsfConvolution {
    dirty: Array2<f64>,
    convolver: Convolver,
    psf: Spectrum,
}

impl PsfConvolution {
    /// Shapes [y, x]; the PSF's peak is at (ny/2, nx/2) of its own image.
    pub fn new(dirty: ArrayView2<f64>, psf: ArrayView2<f64>) -> PsfConvolution {
        let (ny, nx) = psf.dim();
        // a PSF no larger than the image reaches half of its size; a larger one must fit into the padded image
        let reach = |own: usize, image: usize| (own / 2 + 1).max(own.saturating_sub(image));
        let convolver = Convolver::new(dirty.dim(), (reach(ny, dirty.nrows()), reach(nx, dirty.ncols())));
        let psf = convolver.kernel(psf, (ny / 2, nx / 2));
        PsfConvolution { dirty: dirty.to_owned(), convolver, psf }
    }
}

impl Measurement for PsfConvolution {
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        watch.check()?;
        if model.dim() != self.dirty.dim() {
            return Err(Error::input("the model does not have the shape of the dirty image")
                .found(format!("{:?}", model.dim()))
                .expected(format!("{:?}", self.dirty.dim())));
        }
        Ok(&self.dirty - &self.convolver.inverse(self.convolver.image(model) * &self.psf))
    }
}

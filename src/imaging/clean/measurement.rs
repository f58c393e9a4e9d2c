//! Exact residuals of a model.

use super::fourier::{Convolver, Spectrum};
use crate::error::{Error, Result, Watch};
use crate::imaging::PlaneGridder;
use ndarray::{Array2, ArrayView2};

/// What a model is compared with at the end of a major cycle.
pub trait Measurement: Sync {
    /// Dirty image of what the model (Jy per pixel, shape [y, x]) leaves of the data, Jy per beam, same shape.
    ///
    /// # Errors
    /// An interrupt; a model of another shape.
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>>;
}

impl Measurement for PlaneGridder {
    fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        PlaneGridder::residual(self, model, watch)
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

//! Dirty image and PSF of the samples of one plane.

use super::samples::{PlaneSamples, Samples};
use super::taper::Taper;
use super::weighted::WeightedSamples;
use super::weights::Weighting;
use crate::error::{Result, Watch};
use crate::gridding::{ImageGeometry, Operator};
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;
use std::sync::Arc;

pub use crate::gridding::Method;

/// What is made of a set of visibilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageParams {
    /// Pixels; on the sky dl < 0.
    pub geometry: ImageGeometry,
    /// Weights.
    pub weighting: Weighting,
    /// Range of baselines and Gaussian taper.
    pub taper: Taper,
    /// FFT or exact sum.
    pub method: Method,
    /// Keep samples beyond the grid's Nyquist limit, periodic (for comparisons with the DFT).
    pub keep_beyond_nyquist: bool,
}

impl ImageParams {
    /// Refuses a bad geometry or taper.
    pub fn validate(&self) -> Result<()> {
        self.geometry.validate()?;
        self.taper.validate()
    }
}

/// One channel's images.
#[derive(Debug, Clone)]
pub struct ChannelImage {
    /// Dirty image, Jy per beam, shape [y, x]; zero where no sample has weight.
    pub dirty: Array2<f64>,
    /// Point spread function, peak 1; zero where no sample has weight.
    pub psf: Array2<f64>,
    /// Sum of the imaging weights.
    pub sum_weights: f64,
    /// Thermal noise that the natural weights 1/sigma^2 predict for the dirty image (see [`Noise`](super::Noise)).
    pub noise_jy: f64,
    /// What became of the samples.
    pub samples: Samples,
}

/// Dirty image and PSF of visibilities `vis` at `uvw` (wavelengths) with natural weights 1/sigma^2 (Jy^-2, sigma per
/// real and imaginary part); weight 0 means flagged, and nothing else of such a sample is looked at.
///
/// # Errors
/// Those of [`PlaneSamples::of_arrays`] and [`PlaneGridder`]; an interrupt.
pub fn image_channel(
    uvw: &[[f64; 3]],
    vis: &[Complex64],
    natural: &[f64],
    params: &ImageParams,
    watch: &Watch,
) -> Result<ChannelImage> {
    params.validate()?;
    let samples = PlaneSamples::of_arrays(uvw, vis, natural, params)?;
    let gridder = PlaneGridder::new(WeightedSamples::new(samples, None, params), *params, None)?;
    let (dirty, psf) = gridder.dirty_and_psf(watch)?;
    let sums = gridder.weighted().sums();
    Ok(ChannelImage { dirty, psf, sum_weights: sums.imaging, noise_jy: sums.noise().image_jy, samples: sums.samples })
}

/// Weighted samples of one plane, and the way between them and images.
#[derive(Debug)]
pub struct PlaneGridder {
    params: ImageParams,
    weighted: WeightedSamples,
    /// None without samples.
    operator: Option<Arc<Operator>>,
}

impl PlaneGridder {
    /// The operator of `like` is taken over where its samples are the same.
    ///
    /// # Errors
    /// What [`Operator::new`] refuses.
    pub fn new(weighted: WeightedSamples, params: ImageParams, like: Option<&PlaneGridder>) -> Result<PlaneGridder> {
        let uvw = weighted.uvw();
        let operator = match like {
            _ if uvw.is_empty() => None,
            Some(PlaneGridder { operator: Some(operator), params: p, weighted: w })
                if p.method == params.method && p.geometry == params.geometry && w.uvw() == uvw =>
            {
                Some(operator.clone())
            }
            _ => Some(Arc::new(Operator::new(params.geometry, uvw, params.method)?)),
        };
        Ok(PlaneGridder { params, weighted, operator })
    }

    /// Whether its PSF is that of `other`: equal samples of equal weights, but for a common factor.
    pub fn same_psf(&self, other: &PlaneGridder) -> bool {
        self.params == other.params && self.weighted.proportional(&other.weighted)
    }

    /// sum W Re(V exp(-2 pi i (...))) / sum W, Jy per beam, shape [y, x]; zero without samples.
    ///
    /// # Errors
    /// An interrupt.
    pub fn dirty(&self, watch: &Watch) -> Result<Array2<f64>> {
        let [image] = self.images([Some(self.weighted.vis())], watch)?;
        Ok(image)
    }

    /// [`PlaneGridder::dirty`], and the dirty image of V = 1, which is 1 at pixel (ny/2, nx/2); made together.
    ///
    /// # Errors
    /// An interrupt.
    pub fn dirty_and_psf(&self, watch: &Watch) -> Result<(Array2<f64>, Array2<f64>)> {
        let [dirty, psf] = self.images([Some(self.weighted.vis()), None], watch)?;
        Ok((dirty, psf))
    }

    /// The dirty image of what is left once `model` (Jy per pixel, shape [y, x]) is predicted and taken away: a major
    /// cycle of CLEAN.
    ///
    /// # Errors
    /// A model of another shape or with pixels that are no numbers; an interrupt.
    pub fn residual(&self, model: ArrayView2<f64>, watch: &Watch) -> Result<Array2<f64>> {
        let mut vis = match &self.operator {
            Some(operator) => operator.degrid(model, watch)?,
            None => Vec::new(),
        };
        for (predicted, seen) in vis.iter_mut().zip(self.weighted.vis()) {
            *predicted = seen - *predicted;
        }
        let [image] = self.images([Some(&vis)], watch)?;
        Ok(image)
    }

    fn images<const N: usize>(&self, sets: [Option<&[Complex64]>; N], watch: &Watch) -> Result<[Array2<f64>; N]> {
        let (g, sum_weights) = (self.params.geometry, self.weighted.sums().imaging);
        // nothing measured is nothing seen: tables of the fast path have no visibilities
        let seen = |set: &Option<&[Complex64]>| set.is_none_or(|vis| vis.iter().any(|v| *v != Complex64::ZERO));
        let wanted: Vec<_> = sets.into_iter().filter(|set| sum_weights > 0.0 && seen(set)).collect();
        let mut made = match &self.operator {
            Some(operator) if !wanted.is_empty() => operator.grid(&wanted, self.weighted.weights(), watch)?.into_iter(),
            _ => Vec::new().into_iter(),
        };
        let blank = || Array2::zeros((g.ny, g.nx));
        Ok(sets.map(|set| match seen(&set) {
            true => made.next().map_or_else(blank, |image| image / sum_weights),
            false => blank(),
        }))
    }

    /// The samples.
    pub fn weighted(&self) -> &WeightedSamples {
        &self.weighted
    }
}

//! Dirty image and PSF of the samples of one plane.

use super::primary_beam::BeamTerm;
use super::samples::{PlaneSamples, Samples};
use super::taper::Taper;
use super::weights::{Density, Weighting};
use crate::error::{Result, Watch};
use crate::gridding::{ImageGeometry, Operator};

pub use crate::gridding::Method;
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// Thermal noise that the natural weights 1/sigma^2 predict for the dirty image (see [`Noise`]).
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
    let gridder = PlaneGridder::new(samples, None, *params, None)?;
    let (dirty, psf) = gridder.dirty_and_psf(watch)?;
    Ok(ChannelImage {
        dirty,
        psf,
        sum_weights: gridder.sum_weights(),
        noise_jy: gridder.noise().image_jy,
        samples: gridder.samples(),
    })
}

/// Thermal noise of a dirty image, Jy per beam, as the natural weights 1/sigma^2 predict it; 0 without samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// sqrt(sum W^2 sigma^2) / sum W.
    pub image_jy: f64,
    /// The least that these visibilities allow: 1 / sqrt(sum 1/sigma^2) of all samples within the image's Nyquist
    /// limit, whatever their baseline.
    pub natural_jy: f64,
}

impl Noise {
    /// By how much the noise exceeds that of natural weights: at least 1; 0 without samples.
    pub fn loss(&self) -> f64 {
        if self.natural_jy > 0.0 { self.image_jy / self.natural_jy } else { 0.0 }
    }
}

/// Weighted samples of one plane, and the way between them and images.
#[derive(Debug)]
pub struct PlaneGridder {
    params: ImageParams,
    samples: PlaneSamples,
    /// Imaging weights, as many as samples.
    weights: Vec<f64>,
    sum_weights: f64,
    noise: Noise,
    /// None without samples.
    operator: Option<Arc<Operator>>,
}

impl PlaneGridder {
    /// Weights the samples, by the sums of `density` where weights count cells and it is given (multi-frequency
    /// weighting), else by their own. As in wsclean the cells count all samples, also those that the range of
    /// baselines leaves out afterwards. The operator of `like` is taken over where its samples are the same.
    ///
    /// # Errors
    /// What [`Operator::new`] refuses.
    pub fn new(
        mut samples: PlaneSamples,
        density: Option<&Density>,
        params: ImageParams,
        like: Option<&PlaneGridder>,
    ) -> Result<PlaneGridder> {
        let own;
        let density = match density {
            Some(density) => density,
            None => {
                let mut sums = Density::new(&params.geometry);
                if params.weighting.counts_cells() {
                    sums.add(&samples.uvw, &samples.natural);
                }
                own = sums;
                &own
            }
        };
        let mut weights = density.weights(params.weighting, &samples.uvw, &samples.natural);
        let natural_sum: f64 = samples.natural.iter().sum();
        for (w, c) in weights.iter_mut().zip(&samples.uvw) {
            *w *= params.taper.factor(c[0], c[1]);
        }
        drop_unweighted(&mut samples, &mut weights);
        let sum_weights: f64 = weights.iter().sum();
        let mut noise = Noise::default();
        if sum_weights > 0.0 {
            let variance: f64 = weights.iter().zip(&samples.natural).map(|(w, n)| w * w / n).sum();
            noise = Noise { image_jy: variance.sqrt() / sum_weights, natural_jy: 1.0 / natural_sum.sqrt() };
        }
        let operator = match like {
            _ if weights.is_empty() => None,
            Some(PlaneGridder { operator: Some(operator), params: p, samples: s, .. })
                if p.method == params.method && p.geometry == params.geometry && s.uvw == samples.uvw =>
            {
                Some(operator.clone())
            }
            _ => Some(Arc::new(Operator::new(params.geometry, &samples.uvw, params.method)?)),
        };
        Ok(PlaneGridder { params, samples, weights, sum_weights, noise, operator })
    }

    /// Whether its PSF is that of `other`: equal samples of equal weights, but for a common factor.
    pub fn same_psf(&self, other: &PlaneGridder) -> bool {
        self.params == other.params
            && self.samples.uvw == other.samples.uvw
            && self
                .weights
                .iter()
                .zip(&other.weights)
                .all(|(a, b)| (a * other.sum_weights - b * self.sum_weights).abs() <= 1e-14 * a * other.sum_weights)
    }

    /// sum W Re(V exp(-2 pi i (...))) / sum W, Jy per beam, shape [y, x]; zero without samples.
    ///
    /// # Errors
    /// An interrupt.
    pub fn dirty(&self, watch: &Watch) -> Result<Array2<f64>> {
        let [image] = self.images([Some(&self.samples.vis)], watch)?;
        Ok(image)
    }

    /// [`PlaneGridder::dirty`], and the dirty image of V = 1, which is 1 at pixel (ny/2, nx/2); made together.
    ///
    /// # Errors
    /// An interrupt.
    pub fn dirty_and_psf(&self, watch: &Watch) -> Result<(Array2<f64>, Array2<f64>)> {
        let [dirty, psf] = self.images([Some(&self.samples.vis), None], watch)?;
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
        for (predicted, seen) in vis.iter_mut().zip(&self.samples.vis) {
            *predicted = seen - *predicted;
        }
        let [image] = self.images([Some(&vis)], watch)?;
        Ok(image)
    }

    fn images<const N: usize>(&self, sets: [Option<&[Complex64]>; N], watch: &Watch) -> Result<[Array2<f64>; N]> {
        let g = self.params.geometry;
        // nothing measured is nothing seen: tables of the fast path have no visibilities
        let seen = |set: &Option<&[Complex64]>| set.is_none_or(|vis| vis.iter().any(|v| *v != Complex64::ZERO));
        let wanted: Vec<_> = sets.into_iter().filter(|set| self.sum_weights > 0.0 && seen(set)).collect();
        let mut made = match &self.operator {
            Some(operator) if !wanted.is_empty() => operator.grid(&wanted, &self.weights, watch)?.into_iter(),
            _ => Vec::new().into_iter(),
        };
        let blank = || Array2::zeros((g.ny, g.nx));
        Ok(sets.map(|set| match seen(&set) {
            true => made.next().map_or_else(blank, |image| image / self.sum_weights),
            false => blank(),
        }))
    }

    /// Sum of the imaging weights.
    pub fn sum_weights(&self) -> f64 {
        self.sum_weights
    }

    /// Thermal noise that the weights predict.
    pub fn noise(&self) -> Noise {
        self.noise
    }

    /// What became of the samples.
    pub fn samples(&self) -> Samples {
        self.samples.counts
    }

    /// Mean frequency of the samples by imaging weights, Hz; `None` without samples.
    pub fn mean_freq_hz(&self) -> Option<f64> {
        let mut sum = 0.0;
        let mut start = 0;
        for (freq_hz, end) in &self.samples.channels {
            sum += freq_hz * self.weights[start..*end].iter().sum::<f64>();
            start = *end;
        }
        (self.sum_weights > 0.0).then(|| sum / self.sum_weights)
    }

    /// The share of the weights that each pair of station classes has at each frequency; `class_of` are the classes of
    /// the two stations of a row.
    pub fn beam_terms(&self, class_of: impl Fn(usize) -> [usize; 2]) -> Vec<BeamTerm> {
        let mut terms = Vec::new();
        let mut start = 0;
        for (freq_hz, end) in &self.samples.channels {
            let mut of_pair: BTreeMap<[usize; 2], f64> = BTreeMap::new();
            for (row, w) in self.samples.row[start..*end].iter().zip(&self.weights[start..*end]) {
                let [a, b] = class_of(*row as usize);
                *of_pair.entry([a.min(b), a.max(b)]).or_default() += w / self.sum_weights;
            }
            terms.extend(of_pair.into_iter().map(|(pair, share)| BeamTerm { pair, freq_hz: *freq_hz, share }));
            start = *end;
        }
        terms
    }
}

/// Takes out the samples that the taper gave no weight.
fn drop_unweighted(samples: &mut PlaneSamples, weights: &mut Vec<f64>) {
    if weights.iter().all(|w| *w > 0.0) {
        return;
    }
    let (mut kept, mut start) = (0, 0);
    for (_, end) in &mut samples.channels {
        for k in start..*end {
            if weights[k] > 0.0 {
                weights[kept] = weights[k];
                samples.uvw[kept] = samples.uvw[k];
                samples.vis[kept] = samples.vis[k];
                samples.natural[kept] = samples.natural[k];
                samples.row[kept] = samples.row[k];
                kept += 1;
            }
        }
        start = *end;
        *end = kept;
    }
    samples.counts.outside_range = weights.len() - kept;
    samples.counts.used = kept;
    weights.truncate(kept);
    samples.uvw.truncate(kept);
    samples.vis.truncate(kept);
    samples.natural.truncate(kept);
    samples.row.truncate(kept);
}

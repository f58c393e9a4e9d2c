//! Dirty image and PSF of one channel.

use super::weights::{Weighting, imaging_weights};
use crate::error::{Error, Result, Watch};
use crate::gridding::{ImageGeometry, Plan, dft};
use ndarray::Array2;
use rustfft::num_complex::Complex64;

/// How the sums are evaluated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Gridding, w-stacking and FFT, to this relative accuracy.
    Fft {
        /// Relative L2 error asked for.
        epsilon: f64,
    },
    /// The exact sum.
    Dft,
}

/// What is made of a set of visibilities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageParams {
    /// Pixels; on the sky dl < 0.
    pub geometry: ImageGeometry,
    /// Weights.
    pub weighting: Weighting,
    /// FFT or exact sum.
    pub method: Method,
    /// Keep samples beyond the grid's Nyquist limit, periodic (for comparisons with the DFT).
    pub keep_beyond_nyquist: bool,
}

/// What became of the samples of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Samples {
    /// Gridded.
    pub used: usize,
    /// Left out because flagged or of weight 0.
    pub flagged: usize,
    /// With |u| |dl| >= 0.5 or |v| |dm| >= 0.5: left out, unless the request keeps them.
    pub beyond_nyquist: usize,
    /// Share of the natural weight (0 to 1) that lies beyond Nyquist.
    pub beyond_nyquist_weight: f64,
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
    /// Thermal noise that the natural weights 1/sigma^2 predict for the dirty image:
    /// sqrt(sum W^2 sigma^2) / sum W, Jy per beam; 0 where no sample has weight.
    pub noise_jy: f64,
    /// What became of the samples.
    pub samples: Samples,
}

/// Dirty image and PSF of visibilities `vis` at `uvw` (wavelengths) with natural weights 1/sigma^2 (Jy^-2, sigma per
/// real and imaginary part); weight 0 means flagged, and nothing else of such a sample is looked at.
///
/// # Errors
/// Lengths that differ, weights that are negative or no number, values of used samples that are not finite; what
/// [`Plan::new`] refuses; an interrupt.
pub fn image_channel(
    uvw: &[[f64; 3]],
    vis: &[Complex64],
    natural: &[f64],
    params: &ImageParams,
    watch: &Watch,
) -> Result<ChannelImage> {
    let g = params.geometry;
    g.validate()?;
    if uvw.len() != vis.len() || uvw.len() != natural.len() {
        return Err(Error::input("uvw, visibilities and weights differ in number").found(format!(
            "{}, {} and {}",
            uvw.len(),
            vis.len(),
            natural.len()
        )));
    }
    let mut samples = Samples::default();
    let (mut used_uvw, mut used_vis, mut used_natural) = (Vec::new(), Vec::new(), Vec::new());
    let (mut weight_all, mut weight_beyond) = (0.0, 0.0);
    for (k, ((c, v), w)) in uvw.iter().zip(vis).zip(natural).enumerate() {
        if *w == 0.0 {
            samples.flagged += 1;
            continue;
        }
        if !(w.is_finite() && *w > 0.0) {
            return Err(Error::input("a weight is not a positive number").found(w).place(format!("visibility {k}")));
        }
        if !v.is_finite() {
            return Err(Error::input("an unflagged visibility is not a finite number")
                .found(v)
                .place(format!("visibility {k}")));
        }
        if !c.iter().all(|x| x.is_finite()) {
            return Err(Error::input("the uvw of an unflagged visibility is not finite")
                .found(format!("{c:?}"))
                .place(format!("visibility {k}")));
        }
        weight_all += w;
        if (c[0] * g.dl).abs() >= 0.5 || (c[1] * g.dm).abs() >= 0.5 {
            samples.beyond_nyquist += 1;
            weight_beyond += w;
            if !params.keep_beyond_nyquist {
                continue;
            }
        }
        used_uvw.push(*c);
        used_vis.push(*v);
        used_natural.push(*w);
    }
    samples.used = used_uvw.len();
    samples.beyond_nyquist_weight = if weight_all > 0.0 { weight_beyond / weight_all } else { 0.0 };
    let blank = || Array2::zeros((g.ny, g.nx));
    if used_uvw.is_empty() {
        return Ok(ChannelImage { dirty: blank(), psf: blank(), sum_weights: 0.0, noise_jy: 0.0, samples });
    }

    let weights = imaging_weights(params.weighting, &g, &used_uvw, &used_natural);
    let sum_weights: f64 = weights.iter().sum();
    let variance: f64 = weights.iter().zip(&used_natural).map(|(w, n)| w * w / n).sum();
    for (v, w) in used_vis.iter_mut().zip(&weights) {
        *v *= *w;
    }
    let ones: Vec<Complex64> = weights.iter().map(|w| Complex64::new(*w, 0.0)).collect();
    let (mut dirty, mut psf) = match params.method {
        Method::Fft { epsilon } => {
            let plan = Plan::new(g, &used_uvw, epsilon)?;
            (plan.grid(&used_vis, watch)?, plan.grid(&ones, watch)?)
        }
        Method::Dft => (dft::grid(g, &used_vis, &used_uvw, watch)?, dft::grid(g, &ones, &used_uvw, watch)?),
    };
    dirty /= sum_weights;
    psf /= sum_weights;
    Ok(ChannelImage { dirty, psf, sum_weights, noise_jy: variance.sqrt() / sum_weights, samples })
}

//! CLEAN: from dirty images and PSFs to models.
//!
//! | algorithm | minor cycle | residual |
//! |---|---|---|
//! | [`Algorithm::Hogbom`] | peak, gain x PSF off the whole image (Hogbom 1974, A&AS 15, 417) | images alone; exact once, at the end |
//! | [`Algorithm::CottonSchwab`] | the same with the middle of the PSF (Clark 1980, A&A 89, 377) | exact after each cycle (Schwab 1984, AJ 89, 1076) |
//! | [`Algorithm::Multiscale`] | the same over residuals convolved with each scale (Cornwell 2008, IEEE JSTSP 2, 793), biased as in Offringa & Smirnov 2017 (MNRAS 471, 301) | exact after each cycle |
//!
//! [`clean`] works on one image, [`clean_cube`] on the planes of a cube by themselves, [`clean_joint`] on planes with
//! common component positions. Exact residuals come from a [`Measurement`]: visibilities and their gridding plan
//! ([`PlaneGridder`](super::PlaneGridder)), or a PSF alone ([`PsfConvolution`]). Results do not depend on the number of threads.
//!
//! Images are [y, x] in Jy per beam, PSFs have their peak of 1 at pixel (ny/2, nx/2) of their own shape, models are
//! Jy per pixel.
//!
//! | file | holds |
//! |---|---|
//! | check | what is refused |
//! | patch | a PSF as it is subtracted, with bounds |
//! | field | the residual in tiles, peaks, components |
//! | scales | kernels of extended components |
//! | fourier | convolutions |
//! | cycle | major cycles and stops |
//! | measurement | exact residuals |
//! | cube | planes by themselves and jointly |
//! | noise | noise of residuals |

mod check;
mod cube;
mod cycle;
mod field;
mod fourier;
mod measurement;
mod noise;
mod patch;
mod scales;

pub use cube::{clean_cube, clean_joint};
pub use measurement::{Measurement, PsfConvolution};
pub use noise::mad_noise;
pub use scales::ScaleShape;

use crate::error::{Error, Result, Watch};
use ndarray::{Array2, ArrayView2};
use std::fmt;

/// How components are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Points, with the whole PSF, on the image alone.
    Hogbom,
    /// Points, with the middle of the PSF, and exact residuals in between (Clark's CLEAN with Cotton-Schwab's major
    /// cycles).
    #[default]
    CottonSchwab,
    /// Points and extended components, with exact residuals in between.
    Multiscale,
}

impl Algorithm {
    /// Reads "hogbom", "clark", "cotton-schwab" or "multiscale"; the second and third are one.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Algorithm> {
        match text.trim() {
            "hogbom" => Ok(Algorithm::Hogbom),
            "clark" | "cotton-schwab" => Ok(Algorithm::CottonSchwab),
            "multiscale" => Ok(Algorithm::Multiscale),
            _ => Err(Error::input("unknown CLEAN algorithm")
                .found(format!("\"{text}\""))
                .expected("\"hogbom\", \"clark\" (the same as \"cotton-schwab\") or \"multiscale\"")),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Algorithm::Hogbom => "hogbom",
            Algorithm::CottonSchwab => "cotton-schwab",
            Algorithm::Multiscale => "multiscale",
        })
    }
}

/// What is cleaned, how, and how far. wsclean's names for the same stand in brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanOptions {
    /// How components are found.
    pub algorithm: Algorithm,
    /// Most components [niter].
    pub niter: usize,
    /// Share of a peak that one component takes, 0 < gain <= 1 [gain].
    pub gain: f64,
    /// Share of the peak that one major cycle takes, 0 < gain <= 1 [mgain].
    pub major_gain: f64,
    /// Most major cycles [nmiter].
    pub max_major_cycles: usize,
    /// Stop at peaks of this, Jy per beam [threshold].
    pub threshold_jy: Option<f64>,
    /// Stop at peaks of this many times the residual's noise ([`mad_noise`], again after each major cycle); with
    /// `threshold_jy` too, at the higher of both [auto-threshold].
    pub auto_threshold_sigma: Option<f64>,
    /// Clean everywhere to this many times the noise, then on to the thresholds only where components already stand
    /// [auto-mask].
    pub auto_mask_sigma: Option<f64>,
    /// Pixels where components may stand, shape of the image [fits-mask].
    pub mask: Option<Array2<bool>>,
    /// Negative components too [no-negative is the contrary].
    pub negative: bool,
    /// Sizes of extended components in pixels, 0 for points; empty: 0, thrice the beam, and on by factors of two to half
    /// of the image. Multiscale only [multiscale-scales].
    pub scales_pixels: Vec<f64>,
    /// Preference for small scales, 0 < bias <= 1: a peak at scale a counts bias^-(1 + log2(a/a0)) times its value, a0
    /// the smallest extended scale [multiscale-scale-bias].
    pub scale_bias: f64,
    /// Form of extended components [multiscale-shape].
    pub scale_shape: ScaleShape,
    /// Pixels from the PSF's peak, along x and y, that minor cycles subtract; the exact residual mends the rest,
    /// as long as the plateau around the main lobe lies within. None: 512 (Hogbom: always the whole PSF).
    pub patch_half: Option<usize>,
}

impl Default for CleanOptions {
    /// wsclean's defaults where it has one, with `major_gain` 0.8 and no components: `niter` is for the caller to set.
    fn default() -> CleanOptions {
        CleanOptions {
            algorithm: Algorithm::default(),
            niter: 0,
            gain: 0.1,
            major_gain: 0.8,
            max_major_cycles: 30,
            threshold_jy: None,
            auto_threshold_sigma: None,
            auto_mask_sigma: None,
            mask: None,
            negative: true,
            scales_pixels: Vec::new(),
            scale_bias: 0.6,
            scale_shape: ScaleShape::default(),
            patch_half: None,
        }
    }
}

impl CleanOptions {
    /// Refuses options outside their ranges, as [`clean`] does.
    ///
    /// # Errors
    /// The first of them.
    pub fn validate(&self) -> Result<()> {
        check::check_options(self)
    }
}

/// Why cleaning stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The peak is at or below the threshold.
    Threshold,
    /// `niter` components are found.
    Iterations,
    /// `max_major_cycles` are done.
    MajorCycles,
    /// The residual grew; the model is that of the best major cycle.
    Diverged,
    /// There is nothing to clean: no pixel allowed, or (in a cube) a plane without data.
    Nothing,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StopReason::Threshold => "threshold reached",
            StopReason::Iterations => "all iterations used",
            StopReason::MajorCycles => "all major cycles used",
            StopReason::Diverged => "diverged",
            StopReason::Nothing => "nothing to clean",
        })
    }
}

/// What CLEAN made of one plane.
#[derive(Debug, Clone)]
pub struct Cleaned {
    /// Components, Jy per pixel, shape [y, x].
    pub model: Array2<f64>,
    /// Exact residual of the model, Jy per beam, same shape.
    pub residual: Array2<f64>,
    /// Components found.
    pub iterations: usize,
    /// Exact residuals computed.
    pub major_cycles: usize,
    /// Largest |residual| (largest value without negative components) where the mask allows components, Jy per beam.
    pub peak_residual: f64,
    /// Noise of the residual ([`mad_noise`]), Jy per beam.
    pub noise: f64,
    /// Components found at each scale: size in pixels (0: points), number.
    pub scales: Vec<(f64, usize)>,
    /// Why cleaning stopped.
    pub stop: StopReason,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Cleans one image: `dirty` in Jy per beam, its `psf` (of any shape, peak 1 at its pixel (ny/2, nx/2)), residuals of
/// models from `measurement`.
///
/// # Errors
/// Options out of range; a mask of another shape or without a pixel; values that are not finite; a PSF without a peak
/// of 1; scales larger than the image; what the measurement refuses; an interrupt.
pub fn clean(
    dirty: ArrayView2<f64>,
    psf: ArrayView2<f64>,
    options: &CleanOptions,
    measurement: &dyn Measurement,
    watch: &Watch,
) -> Result<Cleaned> {
    cycle::clean_planes(&[dirty], &[psf], &[1.0], options, options.mask.as_ref(), &[measurement], watch)?
        .pop()
        .ok_or_else(|| Error::input("there is no image to clean"))
}

//! CLEAN as the command `image` offers it.

use crate::error::{Error, Result, Watch};
use crate::formats::fits::{Card, read_cube};
use crate::imaging::clean::{Algorithm, CleanOptions, Cleaned, Measurement, StopReason, clean, clean_joint};
use crate::imaging::{Deconvolved, Deconvolver, DirtyPlane};
use crate::units::{Dimension, parse_quantity};
use ndarray::{Array2, Array3, ArrayView2, Axis};
use std::path::{Path, PathBuf};

/// The words for CLEAN as they were given; nothing is cleaned with `niter` 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CleanWords {
    /// Most components of a plane.
    pub niter: usize,
    /// Share of a peak that one component takes.
    pub gain: Option<f64>,
    /// Share of the peak that one major cycle takes.
    pub mgain: Option<f64>,
    /// Most major cycles.
    pub nmiter: Option<usize>,
    /// Peak to stop at, with its unit.
    pub threshold: Option<String>,
    /// Peak to stop at, times the noise of the residual.
    pub auto_threshold: Option<f64>,
    /// Components stand only where some were found above this many times the noise.
    pub auto_mask: Option<f64>,
    /// FITS image, not 0 where components may stand.
    pub mask: Option<PathBuf>,
    /// Extended components, too.
    pub multiscale: bool,
    /// Their sizes in pixels, as in "0,6,12".
    pub scales: Option<String>,
    /// Hogbom's algorithm in place of Cotton and Schwab's.
    pub hogbom: bool,
    /// No negative components.
    pub no_negative: bool,
    /// Components of all planes at common positions.
    pub join_channels: bool,
}

impl CleanWords {
    /// What [`clean`] is asked for, without the mask; `None` where there is nothing to clean.
    ///
    /// # Errors
    /// Words that change nothing or contradict each other, values that are no sizes or fluxes; [`clean`] has its own.
    pub(super) fn options(&self) -> Result<Option<CleanOptions>> {
        if self.niter == 0 {
            if *self != CleanWords::default() {
                return Err(Error::input("words for CLEAN change nothing without iterations")
                    .found("--niter 0, the default")
                    .expected("a number of components such as --niter 10000"));
            }
            return Ok(None);
        }
        if self.hogbom && (self.multiscale || self.scales.is_some()) {
            return Err(Error::input("Hogbom's CLEAN knows no scales")
                .found("--hogbom with --multiscale or --scales")
                .expected("one of them"));
        }
        let usual = CleanOptions::default();
        let options = CleanOptions {
            algorithm: match (self.hogbom, self.multiscale || self.scales.is_some()) {
                (true, _) => Algorithm::Hogbom,
                (_, true) => Algorithm::Multiscale,
                _ => Algorithm::CottonSchwab,
            },
            niter: self.niter,
            gain: self.gain.unwrap_or(usual.gain),
            major_gain: self.mgain.unwrap_or(usual.major_gain),
            max_major_cycles: self.nmiter.unwrap_or(usual.max_major_cycles),
            threshold_jy: self
                .threshold
                .as_ref()
                .map(|text| parse_quantity(text, Dimension::FluxDensity).map_err(|e| e.place("--threshold")))
                .transpose()?,
            auto_threshold_sigma: self.auto_threshold,
            auto_mask_sigma: self.auto_mask,
            scales_pixels: self.scales.as_deref().map(scales).transpose()?.unwrap_or_default(),
            negative: !self.no_negative,
            ..usual
        };
        options.validate()?;
        Ok(Some(options))
    }
}

fn scales(text: &str) -> Result<Vec<f64>> {
    let size = |word: &str| {
        word.trim().parse::<f64>().map_err(|_| {
            Error::input("a scale of CLEAN is not a number")
                .found(format!("\"{word}\""))
                .expected("sizes in pixels, as in 0,6,12")
                .place("--scales")
        })
    };
    text.split(',').map(size).collect()
}

/// CLEAN of every plane by itself, or of all with common positions.
#[derive(Debug)]
pub(super) struct Cleaner {
    options: CleanOptions,
    joint: bool,
    /// One plane for all, or (not jointly) one a plane.
    mask: Option<Array3<bool>>,
}

impl Cleaner {
    /// `shape` is that of the cube to clean, [plane, y, x].
    ///
    /// # Errors
    /// A mask that cannot be read, of another shape, or without a pixel.
    pub(super) fn new(options: CleanOptions, words: &CleanWords, shape: (usize, usize, usize)) -> Result<Cleaner> {
        let joint = words.join_channels;
        // common positions have one mask
        let shape = if joint { (1, shape.1, shape.2) } else { shape };
        let mask = words.mask.as_ref().map(|path| read_mask(path, shape).map_err(|e| e.place("--mask"))).transpose()?;
        Ok(Cleaner { options, joint, mask })
    }
}

fn read_mask(path: &Path, shape: (usize, usize, usize)) -> Result<Array3<bool>> {
    let mask = read_cube(path)?.data.mapv(|v| v != 0.0);
    let (planes, ny, nx) = mask.dim();
    if (ny, nx) != (shape.1, shape.2) || (planes != 1 && planes != shape.0) {
        return Err(Error::input("the mask does not have the shape of the images")
            .found(format!("{planes} planes of {nx} x {ny} pixels in {}", path.display()))
            .expected(match shape.0 {
                1 => format!("1 plane of {} x {} pixels", shape.2, shape.1),
                n => format!("1 or {n} planes of {} x {} pixels", shape.2, shape.1),
            }));
    }
    if !mask.iter().any(|m| *m) {
        return Err(Error::input("the mask allows no pixel")
            .found(format!("zeros alone in {}", path.display()))
            .expected("some other value where components may stand"));
    }
    Ok(mask)
}

impl Deconvolver for Cleaner {
    fn deconvolve(&self, plane: &DirtyPlane<'_>, watch: &Watch) -> Result<Deconvolved> {
        let mask = self.mask.as_ref().map(|mask| {
            let number = if mask.dim().0 == 1 { 0 } else { plane.plane };
            mask.index_axis(Axis(0), number).to_owned()
        });
        if mask.as_ref().is_some_and(|m| !m.iter().any(|allowed| *allowed)) {
            return Ok(Deconvolved {
                model: Array2::zeros(plane.dirty.dim()),
                residual: plane.dirty.to_owned(),
                notes: vec![format!("plane {}: not cleaned, the mask allows no pixel of it", plane.plane)],
            });
        }
        let options = CleanOptions { mask, ..self.options.clone() };
        let made = clean(plane.dirty, plane.psf, &options, plane.gridder, watch)
            .map_err(|e| e.place(format!("plane {}", plane.plane)))?;
        Ok(deconvolved(made, plane.plane))
    }

    fn joins(&self) -> bool {
        self.joint
    }

    fn deconvolve_together(&self, planes: &[DirtyPlane<'_>], watch: &Watch) -> Result<Vec<Deconvolved>> {
        if !self.joint {
            return planes.iter().map(|plane| self.deconvolve(plane, watch)).collect();
        }
        let (dirty, psf) = (stacked(planes.iter().map(|p| p.dirty))?, stacked(planes.iter().map(|p| p.psf))?);
        let weights: Vec<f64> = planes.iter().map(|p| p.noise_jy.powi(-2)).collect();
        let measurements: Vec<&dyn Measurement> = planes.iter().map(|p| p.gridder).collect();
        let mask = self.mask.as_ref().map(|m| m.index_axis(Axis(0), 0).to_owned());
        let options = CleanOptions { mask, ..self.options.clone() };
        let made = clean_joint(dirty.view(), psf.view(), &weights, &options, &measurements, watch)?;
        Ok(made.into_iter().zip(planes).map(|(cleaned, plane)| deconvolved(cleaned, plane.plane)).collect())
    }
}

/// Planes as a cube, [plane, y, x].
fn stacked<'a>(planes: impl Iterator<Item = ArrayView2<'a, f64>>) -> Result<Array3<f64>> {
    let planes: Vec<_> = planes.collect();
    ndarray::stack(Axis(0), &planes).map_err(|e| Error::input(format!("the planes to clean jointly differ: {e}")))
}

fn deconvolved(made: Cleaned, plane: usize) -> Deconvolved {
    let mut notes = made.notes;
    if made.stop == StopReason::MajorCycles {
        notes.push(format!("CLEAN did all its {} major cycles; --nmiter allows more", made.major_cycles));
    }
    let notes = notes.into_iter().map(|note| format!("plane {plane}: {note}")).collect();
    Deconvolved { model: made.model, residual: made.residual, notes }
}

/// Scales that CLEAN can come to use on images of `size` pixels.
pub(super) fn most_scales(options: &CleanOptions, size: usize) -> u64 {
    match (options.algorithm, options.scales_pixels.len()) {
        // points, thrice a beam of at least a pixel, and on by factors of 2 to half of the image
        (Algorithm::Multiscale, 0) => 2 + u64::from((size / 6).max(1).ilog2()),
        (Algorithm::Multiscale, given) => given as u64,
        _ => 1,
    }
}

/// How the model was made.
pub(super) fn clean_cards(options: &CleanOptions, joint: bool) -> Vec<Card> {
    let mut cards = vec![
        Card::text("CLEANALG", options.algorithm.to_string(), "algorithm of CLEAN"),
        Card::int("NITER", options.niter as i64, "most components of a plane"),
        Card::float("GAIN", options.gain, "share of a peak that a component takes"),
        Card::float("MGAIN", options.major_gain, "share of the peak that a major cycle takes"),
    ];
    if joint {
        cards.push(Card::text("CLEANJNT", "channels", "components of all planes at common positions"));
    }
    let limits = [
        ("THRESH", options.threshold_jy, "[Jy/beam] peak to stop at"),
        ("AUTOTHR", options.auto_threshold_sigma, "peak to stop at, in noise of the residual"),
        ("AUTOMASK", options.auto_mask_sigma, "level of the automatic mask, in noise of the residual"),
    ];
    for (key, value, comment) in limits {
        cards.extend(value.map(|v| Card::float(key, v, comment)));
    }
    cards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_options() {
        assert_eq!(CleanWords::default().options().unwrap(), None);
        let words = CleanWords {
            niter: 100,
            threshold: Some("2mJy".into()),
            scales: Some("0, 6,12".into()),
            no_negative: true,
            ..CleanWords::default()
        };
        let options = words.options().unwrap().unwrap();
        assert_eq!((options.niter, options.threshold_jy, options.negative), (100, Some(2e-3), false));
        assert_eq!(
            (options.algorithm, options.scales_pixels.as_slice()),
            (Algorithm::Multiscale, &[0.0, 6.0, 12.0][..])
        );
        let usual = CleanWords { niter: 5, ..CleanWords::default() };
        let bad = [
            (CleanWords { gain: Some(0.2), ..CleanWords::default() }, "without iterations"),
            (CleanWords { hogbom: true, multiscale: true, ..usual.clone() }, "no scales"),
            (CleanWords { gain: Some(1.5), ..usual.clone() }, "gain"),
            (CleanWords { threshold: Some("1 K".into()), ..usual.clone() }, "--threshold"),
            (CleanWords { auto_mask: Some(1.0), auto_threshold: Some(3.0), ..usual.clone() }, "below"),
            (CleanWords { nmiter: Some(0), ..usual.clone() }, "major cycle"),
            (CleanWords { scales: Some("0,big".into()), ..usual }, "\"big\""),
        ];
        for (words, says) in bad {
            let text = words.options().unwrap_err().to_string();
            assert!(text.contains(says), "{text}");
        }
    }
}

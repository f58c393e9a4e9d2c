//! Cubes: planes by themselves, or with common component positions.

use super::cycle::clean_planes;
use super::{CleanOptions, Cleaned, Measurement, StopReason};
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use rayon::prelude::*;

/// Cleans each plane of a cube by itself, planes in parallel; shapes [channel, y, x], one measurement a channel,
/// `masks` (same shape) in place of the options' mask. A plane whose image and PSF are all zero (a channel without
/// data) is left as it is. `watch` advances by one a plane.
///
/// # Errors
/// Numbers of planes that differ; what [`clean`](super::clean) refuses, with the channel (a channel's mask may be
/// empty here: nothing is cleaned in it).
pub fn clean_cube(
    dirty: ArrayView3<f64>,
    psf: ArrayView3<f64>,
    options: &CleanOptions,
    masks: Option<ArrayView3<bool>>,
    measurements: &[&dyn Measurement],
    watch: &Watch,
) -> Result<Vec<Cleaned>> {
    check_planes(&dirty, &psf, measurements.len())?;
    if let Some(masks) = &masks
        && masks.dim() != dirty.dim()
    {
        return Err(Error::input("the CLEAN mask does not have the shape of the cube")
            .found(format!("{:?}", masks.dim()))
            .expected(format!("{:?} (channels, rows, columns)", dirty.dim())));
    }
    let one = |channel: usize| {
        let (image, beam) = (dirty.index_axis(Axis(0), channel), psf.index_axis(Axis(0), channel));
        let mask = masks.as_ref().map(|m| m.index_axis(Axis(0), channel).to_owned());
        let empty = mask.as_ref().is_some_and(|m| !m.iter().any(|b| *b));
        let cleaned = if empty || is_blank(image, beam) {
            untouched(image, if empty { "the mask is empty" } else { "no data" })
        } else {
            let mask = mask.as_ref().or(options.mask.as_ref());
            let quiet = watch.quiet();
            let planes = clean_planes(&[image], &[beam], &[1.0], options, mask, &[measurements[channel]], &quiet);
            planes.map_err(|e| e.place(format!("channel {channel}")))?.remove(0)
        };
        watch.advance(1)?;
        Ok(cleaned)
    };
    (0..dirty.dim().0).into_par_iter().map(one).collect()
}

/// Cleans the planes of a cube with one component position for all of them, found in the planes' mean with `weights`
/// (sums of weights, say: 1/noise^2), and in each plane the flux that stands there. Thresholds hold for that mean.
/// The options' mask is for all planes; planes without data or weight take no part. Stop, iterations and major cycles
/// are common to the planes, noise and peak are each plane's own.
///
/// # Errors
/// As [`clean_cube`]; weights that are negative, no numbers, or all zero.
pub fn clean_joint(
    dirty: ArrayView3<f64>,
    psf: ArrayView3<f64>,
    weights: &[f64],
    options: &CleanOptions,
    measurements: &[&dyn Measurement],
    watch: &Watch,
) -> Result<Vec<Cleaned>> {
    check_planes(&dirty, &psf, measurements.len())?;
    if weights.len() != dirty.dim().0 || weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) {
        return Err(Error::input("the channels' weights for joint CLEAN are not usable")
            .found(format!("{weights:?}"))
            .expected(format!("{} numbers, none negative", dirty.dim().0)));
    }
    let plane = |c: usize| (dirty.index_axis(Axis(0), c), psf.index_axis(Axis(0), c));
    let used: Vec<usize> = (0..weights.len())
        .filter(|&c| {
            let (image, beam) = plane(c);
            weights[c] > 0.0 && !is_blank(image, beam)
        })
        .collect();
    let sum: f64 = used.iter().map(|&c| weights[c]).sum();
    if used.is_empty() {
        return Err(Error::input("no channel of the cube to clean has data and weight"));
    }
    let (images, beams): (Vec<_>, Vec<_>) = used.iter().map(|&c| plane(c)).unzip();
    let shares: Vec<f64> = used.iter().map(|&c| weights[c] / sum).collect();
    let chosen: Vec<&dyn Measurement> = used.iter().map(|&c| measurements[c]).collect();
    let made = clean_planes(&images, &beams, &shares, options, options.mask.as_ref(), &chosen, watch)?;
    let mut all: Vec<Cleaned> = (0..weights.len()).map(|c| untouched(plane(c).0, "no data or weight")).collect();
    for (c, cleaned) in used.into_iter().zip(made) {
        all[c] = cleaned;
    }
    Ok(all)
}

fn check_planes(dirty: &ArrayView3<f64>, psf: &ArrayView3<f64>, measurements: usize) -> Result<()> {
    let planes = dirty.dim().0;
    if psf.dim().0 != planes || measurements != planes {
        return Err(Error::input("dirty images, PSFs and measurements differ in number")
            .found(format!("{planes}, {} and {measurements}", psf.dim().0)));
    }
    Ok(())
}

fn is_blank(dirty: ArrayView2<f64>, psf: ArrayView2<f64>) -> bool {
    dirty.iter().chain(&psf).all(|v| *v == 0.0)
}

fn untouched(dirty: ArrayView2<f64>, why: &str) -> Cleaned {
    Cleaned {
        model: Array2::zeros(dirty.dim()),
        residual: dirty.to_owned(),
        iterations: 0,
        major_cycles: 0,
        peak_residual: dirty.iter().fold(0.0, |m: f64, v| m.max(v.abs())),
        noise: super::mad_noise(dirty),
        scales: Vec::new(),
        stop: StopReason::Nothing,
        notes: vec![format!("not cleaned: {why}")],
    }
}

//! Major cycles: from residual to components to the exact residual, until a stop.

use super::check::{check_images, check_options, check_scales};
use super::field::{Field, Layer, MinorStop, Patches};
use super::noise::mad_noise;
use super::scales::{Scale, Smoother, automatic_scales, patches, scales};
use super::{Algorithm, CleanOptions, Cleaned, Measurement, StopReason};
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Half of the patch of minor cycles where the options name none.
const PATCH_HALF: usize = 512;
/// A residual whose peak grows beyond this times the least one so far diverges.
const GROWN: f64 = 1.5;
/// Highest share of a peak at which a minor cycle stops because of the sidelobes that it leaves.
const MOST_LEFT: f64 = 0.9;
/// Major cycles in a row that leave the peak where it is, before that counts as divergence.
const STANDSTILL: usize = 3;

/// Cleans planes with common positions; the peak is searched in their sum with `weights` (which add up to 1).
pub(super) fn clean_planes(
    dirty: &[ArrayView2<f64>],
    psf: &[ArrayView2<f64>],
    weights: &[f64],
    options: &CleanOptions,
    mask: Option<&Array2<bool>>,
    measurements: &[&dyn Measurement],
    watch: &Watch,
) -> Result<Vec<Cleaned>> {
    check_options(options)?;
    for (dirty, psf) in dirty.iter().zip(psf) {
        check_images(*dirty, *psf, mask)?;
    }
    let Some(shape) = dirty.first().map(ArrayView2::dim) else { return Ok(Vec::new()) };
    let sizes = match options.algorithm {
        Algorithm::Multiscale if options.scales_pixels.is_empty() => automatic_scales(psf[0], shape),
        Algorithm::Multiscale => options.scales_pixels.clone(),
        _ => vec![0.0],
    };
    check_scales(&sizes, shape)?;
    let whole = psf.iter().map(|p| p.nrows().max(p.ncols())).max().unwrap_or(0);
    let half = match options.algorithm {
        Algorithm::Hogbom => whole,
        _ => options.patch_half.unwrap_or(PATCH_HALF),
    };
    let scales = scales(&sizes, options.scale_bias, options.scale_shape);
    let patches = patches(psf, &scales, half);
    let work = Work {
        shape,
        weights,
        options,
        measurements,
        mask,
        smoother: Smoother::of_images(shape, &scales),
        allowed: scales.iter().map(|s| allowed(mask, s, shape)).collect(),
        scales,
        patches: &patches,
    };
    work.run(dirty, watch)
}

/// What does not change from cycle to cycle.
struct Work<'a> {
    shape: (usize, usize),
    weights: &'a [f64],
    options: &'a CleanOptions,
    measurements: &'a [&'a dyn Measurement],
    mask: Option<&'a Array2<bool>>,
    scales: Vec<Scale>,
    smoother: Smoother,
    patches: &'a Patches,
    /// Pixels of each scale; all where `None`.
    allowed: Vec<Option<Array2<bool>>>,
}

/// Models and residuals of all planes.
#[derive(Clone)]
struct State {
    models: Vec<Array2<f64>>,
    residuals: Vec<Array2<f64>>,
}

impl Work<'_> {
    fn run(&self, dirty: &[ArrayView2<f64>], watch: &Watch) -> Result<Vec<Cleaned>> {
        let options = self.options;
        let hogbom = options.algorithm == Algorithm::Hogbom;
        let mut state = State {
            models: vec![Array2::zeros(self.shape); dirty.len()],
            residuals: dirty.iter().map(|d| d.to_owned()).collect(),
        };
        let mut found = vec![0; self.scales.len()];
        // where components stand, for the automatic mask: in use once it is `Some`
        let mut supports = vec![Array2::from_elem(self.shape, false); self.scales.len()];
        let mut own_mask: Option<Vec<Option<Array2<bool>>>> = None;
        let mut best: Option<(f64, State)> = None;
        let (mut major_cycles, mut loops, mut still) = (0, 0, 0);
        let mut notes = Vec::new();
        let stop = loop {
            watch.check()?;
            let noise = mad_noise(self.sum(&state.residuals).view());
            let waiting = options.auto_mask_sigma.filter(|_| own_mask.is_none());
            let target = self.target(noise, waiting);
            let mut field = self.field(&state.residuals, own_mask.as_ref().unwrap_or(&self.allowed));
            let Some(peak) = field.peak().map(|p| p.biased) else { break StopReason::Nothing };
            if peak <= target {
                if waiting.is_none() {
                    break StopReason::Threshold;
                }
                if found.iter().all(|n| *n == 0) {
                    notes.push("no peak is above the automatic mask's level: nothing was cleaned".into());
                    break StopReason::Threshold;
                }
                own_mask = Some(supports.iter().cloned().map(Some).collect());
                best = None;
                still = 0;
                continue;
            }
            if let Some((least, kept)) = &best {
                still = if peak > 0.99 * least { still + 1 } else { 0 };
                if peak > GROWN * least || still >= STANDSTILL {
                    notes.push(format!(
                        "CLEAN diverged: the peak went from {least:.4e} to {peak:.4e} Jy/beam in a major cycle; the \
                         model before is kept"
                    ));
                    state = kept.clone();
                    break StopReason::Diverged;
                }
            }
            let total: usize = found.iter().sum();
            if total >= options.niter {
                break StopReason::Iterations;
            }
            if loops >= options.max_major_cycles && !hogbom {
                break StopReason::MajorCycles;
            }
            if !hogbom && best.as_ref().is_none_or(|(least, _)| peak < *least) {
                best = Some((peak, state.clone()));
            }
            let limit = self.limit(peak, target);
            let ended = field.run(options.gain, limit, options.niter - total, watch)?;
            for (component, amounts) in field.components() {
                found[component.layer] += 1;
                supports[component.layer][[component.y, component.x]] = true;
                for (model, amount) in state.models.iter_mut().zip(amounts) {
                    add(model, &self.scales[component.layer].kernel, component.y, component.x, *amount);
                }
            }
            loops += 1;
            if hogbom {
                state.residuals = field.into_residuals();
                if ended == MinorStop::Diverged {
                    notes.push("CLEAN diverged: the peak doubled within the minor cycle".into());
                    break StopReason::Diverged;
                }
            } else {
                drop(field);
                state.residuals = self.measure(&state.models, watch)?;
                major_cycles += 1;
            }
        };
        if hogbom && found.iter().any(|n| *n > 0) {
            state.residuals = self.measure(&state.models, watch)?;
            major_cycles += 1;
        }
        let iterations = found.iter().sum();
        let scales: Vec<(f64, usize)> = self.scales.iter().map(|s| s.pixels).zip(found).collect();
        let planes = state.models.into_iter().zip(state.residuals);
        let made = planes.map(|(model, residual)| Cleaned {
            iterations,
            major_cycles,
            peak_residual: self.largest(&residual),
            noise: mad_noise(residual.view()),
            scales: scales.clone(),
            stop,
            notes: notes.clone(),
            model,
            residual,
        });
        Ok(made.collect())
    }

    /// Biased peak to clean to at this noise; while the automatic mask waits, the mask's level.
    fn target(&self, noise: f64, waiting: Option<f64>) -> f64 {
        let automatic = waiting.or(self.options.auto_threshold_sigma).unwrap_or(0.0) * noise;
        automatic.max(self.options.threshold_jy.unwrap_or(0.0))
    }

    /// Where a minor cycle that starts at `peak` ends.
    fn limit(&self, peak: f64, target: f64) -> f64 {
        let o = self.options;
        if o.algorithm == Algorithm::Hogbom {
            // without noise to measure again there is no reason to pause
            let automatic = o.auto_threshold_sigma.is_some() || o.auto_mask_sigma.is_some();
            return if automatic { target.max((1.0 - o.major_gain) * peak) } else { target };
        }
        // below the sidelobes left out, peaks may be their doing
        target.max((1.0 - o.major_gain).max(self.patches.left.min(MOST_LEFT)) * peak)
    }

    /// The planes' weighted sum, in which peaks are searched.
    fn sum(&self, planes: &[Array2<f64>]) -> Array2<f64> {
        if let [plane] = planes {
            return plane.clone();
        }
        let mut sum = Array2::zeros(self.shape);
        for (plane, w) in planes.iter().zip(self.weights) {
            sum.scaled_add(*w, plane);
        }
        sum
    }

    fn field<'f>(&'f self, residuals: &[Array2<f64>], allowed: &'f [Option<Array2<bool>>]) -> Field<'f> {
        let mut layers: Vec<Layer> = self
            .scales
            .iter()
            .zip(allowed)
            .map(|(s, allowed)| Layer { images: Vec::new(), bias: s.bias, allowed: allowed.as_ref() })
            .collect();
        for residual in residuals {
            for (layer, image) in layers.iter_mut().zip(self.smoother.smooth(residual, &self.scales)) {
                layer.images.push(image);
            }
        }
        Field::new(layers, self.patches, self.weights, self.options.negative)
    }

    fn measure(&self, models: &[Array2<f64>], watch: &Watch) -> Result<Vec<Array2<f64>>> {
        let one = |(model, measurement): (&Array2<f64>, &&dyn Measurement)| {
            let residual = measurement.residual(model.view(), watch)?;
            if residual.dim() != self.shape {
                return Err(Error::input("the residual does not have the shape of the dirty image")
                    .found(format!("{:?}", residual.dim()))
                    .expected(format!("{:?}", self.shape)));
            }
            Ok(residual)
        };
        models.par_iter().zip(self.measurements).map(one).collect()
    }

    fn largest(&self, residual: &Array2<f64>) -> f64 {
        let allowed = |at: (usize, usize)| self.mask.is_none_or(|m| m[at]);
        let some = residual.indexed_iter().filter(|(at, _)| allowed(*at));
        some.map(|(_, v)| if self.options.negative { v.abs() } else { *v }).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Pixels where components of a scale may stand: within the mask, and the whole component within the image.
fn allowed(mask: Option<&Array2<bool>>, scale: &Scale, shape: (usize, usize)) -> Option<Array2<bool>> {
    let half = scale.half();
    if half == 0 {
        return mask.cloned();
    }
    let inside = |i: usize, n: usize| i >= half && i + half < n;
    let allow = |(y, x)| inside(y, shape.0) && inside(x, shape.1) && mask.is_none_or(|m| m[(y, x)]);
    Some(Array2::from_shape_fn(shape, allow))
}

/// Adds a component to a model; extended components lie inside the image.
fn add(model: &mut Array2<f64>, kernel: &Array2<f64>, y: usize, x: usize, amount: f64) {
    let half = kernel.nrows() / 2;
    if half == 0 {
        model[[y, x]] += amount;
    } else {
        let mut cut = model.slice_mut(s![y - half..=y + half, x - half..=x + half]);
        cut.scaled_add(amount, kernel);
    }
}

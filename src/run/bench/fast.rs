//! A galaxy by the image-domain fast path and by the visibility route: CPU time, memory, difference.

use super::measure::{load, measured, median};
use super::scene::{Scene, SceneWords, slice};
use crate::error::{Error, Result};
use crate::imaging::fast::{self, FastPlan};
use crate::run::Progress;
use crate::sky::cube::SkyCube;
use ndarray::{Array3, Axis};
use serde_json::json;

/// One benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct FastRequest {
    /// Array with its station layout.
    pub telescope: String,
    /// Pixels along each side.
    pub npix: usize,
    /// Pixel size with its unit.
    pub cell: String,
    /// Channels of the cube.
    pub channels: usize,
    /// Length of the observation, with its unit, and its time steps.
    pub length: String,
    /// Time steps.
    pub steps: usize,
    /// Weighting, as [`Weighting::parse`] reads it.
    pub weight: String,
    /// Error bound asked of the fast path, and accuracy of the visibility route's gridding.
    pub epsilon: f64,
    /// Channels on which the visibility route is timed; its cost is scaled to all.
    pub visibility_channels: usize,
    /// Repetitions of the fast path; the medians are printed.
    pub reps: usize,
}

/// HI of a galaxy at some 50 Mpc.
const FREQ_HZ: f64 = 1.4e9;
const WIDTH_HZ: f64 = 26e3;
/// The difference is taken from a visibility route that is more accurate than the fast path by this factor.
const REFERENCE: f64 = 1e-3;

/// Runs the benchmark; the text is one JSON object.
///
/// The fast path's set-up is the plan of all channels; a galaxy is then its dirty cube and a draw of noise. The
/// visibility route predicts by the grid, adds noise and images: samples of the table, weights, plan and dirty image, no
/// PSF. Tables of geometry are made for neither.
///
/// # Errors
/// Words that cannot be; an observation whose bound cannot be met; an interrupt.
pub fn fast(request: &FastRequest, progress: &dyn Progress) -> Result<String> {
    let words = SceneWords {
        telescope: &request.telescope,
        npix: request.npix,
        cell: &request.cell,
        length: &request.length,
        steps: request.steps,
        weight: &request.weight,
        epsilon: request.epsilon,
    };
    let scene = Scene::new(&words, FREQ_HZ, request.channels, WIDTH_HZ)?;
    let geometry = scene.params.geometry;
    let cube = galaxy(&scene, request.npix);

    let (plan, set_up) = {
        let (table, instants) = scene.table(&scene.freq_hz)?;
        let watch = progress.stage("PSFs", request.channels as u64);
        let ask = fast::FastRequest { epsilon: request.epsilon, ..Default::default() };
        let station = Some((instants.as_slice(), &scene.beams));
        let (made, cost) = measured(|| FastPlan::choose(&table, station, &scene.params, geometry, &ask, &watch));
        (made?, cost)
    };
    let plan = match plan {
        fast::Route::Fast(plan) => plan,
        fast::Route::Visibilities(reason) => {
            return Err(Error::input("the fast path cannot be taken")
                .found(reason)
                .expected("an observation whose error bound can be met")
                .hint("take a larger --epsilon, fewer pixels, or another array"));
        }
    };
    let watch = progress.stage("fast path", request.reps as u64);
    let (mut signals, mut noises, mut made) = (Vec::new(), Vec::new(), None);
    for seed in 0..request.reps as u64 {
        let (image, cost) = measured(|| plan.dirty(&cube, &watch.quiet()));
        signals.push(cost);
        let mut image = image?;
        let clean = image.dirty.clone();
        let (added, cost) = measured(|| plan.add_noise(&mut image.dirty, seed, &watch.quiet()));
        added?;
        noises.push(cost);
        made = Some((clean, image.bound));
        watch.advance(1)?;
    }
    let (dirty, bound) = made.ok_or_else(|| Error::input("no repetitions").found(0).expected("at least one"))?;
    let (facts, plan_bytes, classes) = (plan.facts(), plan.bytes(), plan.classes());
    drop(plan);
    let (signal, noise) = (median(&signals), median(&noises));

    let watch = progress.stage("visibility route", request.visibility_channels.min(request.channels) as u64 + 1);
    let by_visibilities = scene.by_visibilities(&cube, request.visibility_channels, &watch)?;
    let middle = by_visibilities.middle;
    let (mut table, instants) = scene.table(&scene.freq_hz[middle..=middle])?;
    let accuracy = (REFERENCE * request.epsilon).max(1e-12);
    scene.predict(&mut table, &instants, &slice(&cube, middle), accuracy, &watch)?;
    let exact = scene.image(&table, accuracy, &watch)?;
    watch.advance(1)?;
    let peak = dirty.iter().fold(0.0f64, |p, d| p.max(d.abs()));
    let difference = (&dirty.index_axis(Axis(0), middle) - &exact).iter().fold(0.0f64, |e, d| e.max(d.abs()));

    let fast_s = signal.cpu_s + noise.cpu_s;
    let text = json!({
        "telescope": scene.telescope.name,
        "npix": request.npix,
        "cell_arcsec": geometry.dm / crate::units::ARCSEC_RAD,
        "channels": request.channels,
        "steps": request.steps,
        "weight": scene.params.weighting.to_string(),
        "epsilon": request.epsilon,
        "threads": rayon::current_num_threads(),
        "samples_per_channel": facts.iter().map(|f| f.samples).max(),
        "classes": classes,
        "w_nodes": facts.iter().map(|f| f.w_nodes).max(),
        "setup_cpu_s": set_up.cpu_s,
        "setup_wall_s": set_up.wall_s,
        "setup_peak_mib": set_up.peak_mib,
        "plan_mib": plan_bytes as f64 / 1_048_576.0,
        "fast_cpu_s": fast_s,
        "fast_signal_cpu_s": signal.cpu_s,
        "fast_noise_cpu_s": noise.cpu_s,
        "fast_wall_s": signal.wall_s + noise.wall_s,
        "fast_peak_mib": signal.peak_mib.max(noise.peak_mib),
        "visibility_cpu_s": by_visibilities.cpu_s(),
        "visibility_predict_cpu_s": by_visibilities.predict_s,
        "visibility_noise_cpu_s": by_visibilities.noise_s,
        "visibility_image_cpu_s": by_visibilities.image_s,
        "visibility_channels_timed": by_visibilities.timed,
        "visibility_peak_mib": by_visibilities.peak_mib,
        "ratio": by_visibilities.cpu_s() / fast_s,
        "difference_over_peak": difference / peak,
        "bound": bound.total,
        "load": load(),
    });
    Ok(format!("{text:#}\n"))
}

/// A turning disc that fills the middle of the field, channel by channel.
fn galaxy(scene: &Scene, pixels: usize) -> SkyCube {
    let channels = scene.freq_hz.len();
    let (scale, middle) = (pixels as f64 / 12.0, (pixels / 2) as f64);
    let flux_jy = Array3::from_shape_fn((channels, pixels, pixels), |(c, y, x)| {
        let (x, y) = (x as f64 - middle, (y as f64 - middle) / 0.6);
        let radius = x.hypot(y);
        let velocity = x / radius.max(1.0) * (1.0 - (-radius / scale).exp());
        let channel = 2.4 * (c as f64 + 0.5) / channels as f64 - 1.2;
        if radius > 3.0 * scale { 0.0 } else { 1e-6 * (-radius / scale - ((velocity - channel) / 0.08).powi(2)).exp() }
    });
    SkyCube {
        flux_jy,
        freq_hz: scene.freq_hz.clone(),
        channel_width_hz: WIDTH_HZ,
        cell_rad: scene.params.geometry.dm,
        centre: scene.track.phase_centre,
        specsys: "TOPOCENT".into(),
    }
}

//! A galaxy by the image-domain fast path and by the visibility route: CPU time, memory, difference.

use super::measure::{Cost, load, measured, median};
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::gridding::ImageGeometry;
use crate::imaging::fast::{self, FastPlan};
use crate::imaging::{ImageParams, Method, PlaneGridder, PlaneSamples, Stokes, WeightedSamples, Weighting};
use crate::run::Progress;
use crate::sky::cube::SkyCube;
use crate::telescope::Telescope;
use crate::telescope::beam::{BeamChoice, StationBeams};
use crate::time::{EarthOrientation, Frame};
use crate::units::{DEG_RAD, Dimension, RaDec, parse_quantity};
use crate::visibilities::{Instant, Track, add_thermal_noise, new_table, predict_by_grid};
use ndarray::{Array2, Array3, Axis, s};
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
const START_MJD_UTC: f64 = 61_406.0;
const DEC_RAD: f64 = -35.0 * DEG_RAD;
const LOWEST_RAD: f64 = 15.0 * DEG_RAD;
/// SEFDs of one polarisation in band 2, Jy: MeerKAT dishes and all others (docs/telescopes.md).
const MEERKAT_JY: f64 = 406.0;
const OTHER_JY: f64 = 272.0;
/// The difference is taken from a visibility route that is more accurate than the fast path by this factor.
const REFERENCE: f64 = 1e-3;

/// What both routes see of the observation.
struct Scene {
    telescope: Telescope,
    track: Track,
    beams: StationBeams,
    sefd_jy: Vec<f64>,
    freq_hz: Vec<f64>,
    params: ImageParams,
}

/// Runs the benchmark; the text is one JSON object.
///
/// The fast path's set-up is the plan of all channels; a galaxy is then its dirty cube and a draw of noise. The
/// visibility route predicts by the grid, adds noise and images: samples of the table, weights, plan and dirty image, no
/// PSF. Tables of geometry are made for neither.
///
/// # Errors
/// Words that cannot be; an observation whose bound cannot be met; an interrupt.
pub fn fast(request: &FastRequest, progress: &dyn Progress) -> Result<String> {
    let scene = Scene::new(request)?;
    let geometry = scene.params.geometry;
    let cube = galaxy(&scene, request.npix);
    let cpu = |cost: &Cost| cost.cpu_s;

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

    let timed = request.visibility_channels.min(request.channels);
    let watch = progress.stage("visibility route", timed as u64 + 1);
    let chosen: Vec<usize> = (0..timed).map(|k| (2 * k + 1) * request.channels / (2 * timed)).collect();
    let mut stages = [Vec::new(), Vec::new(), Vec::new()];
    for &channel in &chosen {
        let (mut table, instants) = scene.table(&scene.freq_hz[channel..=channel])?;
        let one = slice(&cube, channel);
        let (predicted, predict) = measured(|| scene.predict(&mut table, &instants, &one, request.epsilon, &watch));
        predicted?;
        let quiet = watch.quiet();
        let (added, add) = measured(|| add_thermal_noise(&mut table, &scene.sefd_jy, Some(1), &quiet));
        added?;
        let (imaged, image) = measured(|| scene.image(&table, request.epsilon, &watch));
        imaged?;
        stages.iter_mut().zip([predict, add, image]).for_each(|(stage, cost)| stage.push(cost));
        watch.advance(1)?;
    }
    let [predict_s, add_s, image_s] =
        [0, 1, 2].map(|k| stages[k].iter().map(cpu).sum::<f64>() * request.channels as f64 / timed as f64);
    let visibility_s = predict_s + add_s + image_s;
    let visibility_peak = stages.iter().flatten().map(|c| c.peak_mib).fold(0.0, f64::max);

    let middle = chosen[timed / 2];
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
        "visibility_cpu_s": visibility_s,
        "visibility_predict_cpu_s": predict_s,
        "visibility_noise_cpu_s": add_s,
        "visibility_image_cpu_s": image_s,
        "visibility_channels_timed": timed,
        "visibility_peak_mib": visibility_peak,
        "ratio": visibility_s / fast_s,
        "difference_over_peak": difference / peak,
        "bound": bound.total,
        "load": load(),
    });
    Ok(format!("{text:#}\n"))
}

impl Scene {
    fn new(request: &FastRequest) -> Result<Scene> {
        let quantity = |text: &str, dimension, word: &str| match parse_quantity(text, dimension) {
            Ok(value) if value > 0.0 => Ok(value),
            Ok(_) => Err(Error::input("this must be above 0").found(text).expected("a positive quantity").place(word)),
            Err(e) => Err(e.place(word)),
        };
        let cell_rad = quantity(&request.cell, Dimension::Angle, "--cell")?;
        let length_s = quantity(&request.length, Dimension::Time, "--length")?;
        let epsilon = crate::run::params::check_epsilon(request.epsilon)?;
        let n = request.npix;
        let params = ImageParams {
            geometry: ImageGeometry { nx: n, ny: n, dl: -cell_rad, dm: cell_rad },
            weighting: Weighting::parse(&request.weight).map_err(|e| e.place("--weight"))?,
            taper: Default::default(),
            method: Method::Fft { epsilon },
            keep_beyond_nyquist: false,
        };
        params.geometry.validate().map_err(|e| e.place("--npix and --cell"))?;
        let telescope = Telescope::preset(&request.telescope).map_err(|e| e.place("--telescope"))?;
        let earth = EarthOrientation::new(Frame::Icrs);
        let phase_centre = RaDec { ra_rad: 30.0 * DEG_RAD, dec_rad: DEC_RAD };
        let before_rad = -0.5 * length_s / 3600.0 * 15.0 * DEG_RAD;
        let longitude = telescope.reference().lon_rad;
        let start_mjd_utc =
            earth.time_of_hour_angle(phase_centre.unit_vector(), longitude, before_rad, START_MJD_UTC)?;
        let step_s = length_s / request.steps as f64;
        let sefd_jy =
            telescope.stations.iter().map(|s| if s.kind == "meerkat" { MEERKAT_JY } else { OTHER_JY }).collect();
        Ok(Scene {
            track: Track { phase_centre, earth, start_mjd_utc, step_s, steps: request.steps },
            beams: StationBeams::new(&telescope, BeamChoice::Auto),
            sefd_jy,
            freq_hz: (0..request.channels).map(|c| FREQ_HZ + WIDTH_HZ * c as f64).collect(),
            params,
            telescope,
        })
    }

    /// Geometry and weights of some channels.
    fn table(&self, freq_hz: &[f64]) -> Result<(VisibilityTable, Vec<Instant>)> {
        let (mut table, instants, _) =
            new_table(&self.telescope, &self.track, freq_hz, WIDTH_HZ, Polarisations::I, LOWEST_RAD)?;
        add_thermal_noise(&mut table, &self.sefd_jy, None, &Watch::silent())?;
        Ok((table, instants))
    }

    fn predict(
        &self,
        table: &mut VisibilityTable,
        instants: &[Instant],
        cube: &SkyCube,
        epsilon: f64,
        watch: &Watch,
    ) -> Result<()> {
        predict_by_grid(table, cube, Some((instants, &self.beams)), epsilon, false, &watch.quiet())?;
        Ok(())
    }

    /// The dirty image of a table of one channel.
    fn image(&self, table: &VisibilityTable, epsilon: f64, watch: &Watch) -> Result<Array2<f64>> {
        let params = ImageParams { method: Method::Fft { epsilon }, ..self.params };
        let samples = PlaneSamples::of_table(table, 0..1, 0, Stokes::I, None, &params)?;
        PlaneGridder::new(WeightedSamples::new(samples, None, &params), params, None)?.dirty(&watch.quiet())
    }
}

fn slice(cube: &SkyCube, channel: usize) -> SkyCube {
    SkyCube {
        flux_jy: cube.flux_jy.slice(s![channel..=channel, .., ..]).to_owned(),
        freq_hz: vec![cube.freq_hz[channel]],
        ..cube.clone()
    }
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

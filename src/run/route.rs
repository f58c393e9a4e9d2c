//! The way of a run to its dirty cube: by visibilities, or by PSFs without any (`image.method`, docs/fast-path.md).

use super::observe::empty_table;
use super::params::{RouteChoice, Settings};
use super::sampling::Sampling;
use super::skies::{PreparedSky, SkyContent};
use super::{Progress, image};
use crate::error::{Error, Result, Watch};
use crate::formats::fits::Card;
use crate::formats::visibilities::VisibilityTable;
use crate::gridding::ImageGeometry;
use crate::imaging::fast::{self, ErrorBound, FastPlan, FastRequest, Foresight};
use crate::sky::cube::SkyCube;
use crate::visibilities::{Track, weigh};
use ndarray::Array3;
use serde_json::{Value, json};

/// The way that is taken.
#[derive(Debug)]
pub(super) enum Route {
    /// By visibilities: as asked for, or because "auto" had this reason.
    Visibilities(Option<String>),
    /// The dirty cube is made.
    Psf(Box<ByPsf>),
}

/// A dirty cube made without visibilities, and all else that images need.
#[derive(Debug)]
pub(super) struct ByPsf {
    /// Geometry, weights and flags as in the visibility route; visibilities are zero.
    pub table: VisibilityTable,
    pub sampling: Sampling,
    /// With noise, Jy per beam, shape [channel, y, x].
    pub dirty: Array3<f64>,
    pub report: PsfReport,
}

/// What is known of a dirty cube made without visibilities.
#[derive(Debug, Clone, Copy)]
pub(in crate::run) struct PsfReport {
    bound: ErrorBound,
    /// Bound asked for.
    epsilon: f64,
    classes: usize,
    /// Most of all channels.
    w_nodes: usize,
    /// Largest error of the noise's covariance over its variance, where noise is added.
    noise_error: Option<f64>,
}

/// What is known before the sky is made.
#[derive(Debug)]
pub(super) enum Foreseen {
    Visibilities(Option<String>),
    Psf(Foresight),
}

/// Chooses, and makes the dirty cube where it takes no visibilities.
///
/// # Errors
/// A bound that cannot be met with "psf"; what [`FastPlan`] refuses; an interrupt.
pub(super) fn choose(settings: &Settings, track: &Track, sky: &PreparedSky, progress: &dyn Progress) -> Result<Route> {
    let made = match (settings.image.route(), settings.needs_visibilities(), &sky.content) {
        (RouteChoice::Visibilities, ..) => return Ok(Route::Visibilities(None)),
        (_, None, SkyContent::Cube { cube, .. }) => by_psf(settings, track, sky, cube, progress)?,
        (_, reason, _) => Err(reason.unwrap_or("the sky has no pixels").to_string()),
    };
    match made {
        Ok(made) => {
            progress.note("no visibilities are predicted, and visibilities.h5 is not written (image.method)");
            Ok(Route::Psf(Box::new(made)))
        }
        Err(reason) => {
            let reason = fall_back(settings, reason)?;
            progress.note(&format!("visibilities are predicted: {reason}"));
            Ok(Route::Visibilities(Some(reason)))
        }
    }
}

/// What [`choose`] will do as far as geometry tells: `sky` and `image` are the pixels, `freq_hz` the middle channel.
///
/// # Errors
/// Those of [`choose`].
pub(super) fn foresee(
    settings: &Settings,
    track: &Track,
    sky: ImageGeometry,
    image: ImageGeometry,
    freq_hz: f64,
) -> Result<Foreseen> {
    if settings.image.route() == RouteChoice::Visibilities {
        return Ok(Foreseen::Visibilities(None));
    }
    if let Some(reason) = settings.needs_visibilities() {
        return Ok(Foreseen::Visibilities(Some(reason.to_string())));
    }
    // the width changes all weights alike
    let (mut table, instants) = empty_table(settings, track, &[freq_hz], 1.0)?;
    weighed(settings, &mut table, sky.dm, &Watch::silent())?;
    let beams = settings.telescope.beams();
    let params = image::params_of(settings, image);
    match FastPlan::foresee(&table, Some((&instants, &beams)), &params, sky, &request(settings))? {
        Ok(foresight) => Ok(Foreseen::Psf(foresight)),
        Err(reason) => Ok(Foreseen::Visibilities(Some(fall_back(settings, reason)?))),
    }
}

/// The reason again where visibilities may be predicted in place of PSFs, else an error.
fn fall_back(settings: &Settings, reason: String) -> Result<String> {
    if settings.image.route() == RouteChoice::Auto {
        return Ok(reason);
    }
    Err(Error::input("the dirty image cannot be made without visibilities to the accuracy asked for")
        .found(reason)
        .expected(format!("an error bound of {:e} of the peak", settings.image.psf_epsilon))
        .place("image.method = \"psf\"")
        .hint("give image.method = \"auto\" or \"visibilities\", or a larger image.psf_epsilon"))
}

fn request(settings: &Settings) -> FastRequest {
    FastRequest {
        epsilon: settings.image.psf_epsilon,
        most_bytes: crate::math::machine_memory().map(|bytes| bytes as u64),
        ..FastRequest::default()
    }
}

/// Flags and weights as prediction and noise leave them; the number of samples flagged does not matter here.
fn weighed(settings: &Settings, table: &mut VisibilityTable, sky_cell_rad: f64, watch: &Watch) -> Result<()> {
    let sefd_jy = settings.noise.as_ref().map(|noise| noise.sefd_jy.as_slice());
    let limit = (!settings.prediction.keep_beyond_nyquist).then_some(sky_cell_rad);
    weigh(table, sefd_jy, limit, watch)
}

/// The dirty cube of `cube`, or why its error cannot be bounded as asked.
fn by_psf(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    cube: &SkyCube,
    progress: &dyn Progress,
) -> Result<std::result::Result<ByPsf, String>> {
    let (mut table, instants) = empty_table(settings, track, &sky.freq_hz, sky.channel_width_hz)?;
    let low = Sampling::flagged_rows(&table);
    weighed(settings, &mut table, cube.cell_rad, &progress.stage("weights", 1))?;
    let beams = settings.telescope.beams();
    let params = image::params_of(settings, image::square(sky.pixels.size, sky.pixels.cell_rad));
    let channels = sky.freq_hz.len() as u64;

    let mut request = request(settings);
    let default_flux = request.flux_over_peak;
    let (plan, made) = loop {
        let watch = progress.stage("PSFs", channels);
        let station = Some((instants.as_slice(), &beams));
        let mut flux = 0.0;
        let reason = match FastPlan::choose(&table, station, &params, cube.geometry(), &request, &watch)? {
            fast::Route::Visibilities(reason) => reason,
            fast::Route::Fast(plan) => {
                let made = plan.dirty(cube, &progress.stage("dirty cube", channels))?;
                flux = made.bound.flux_over_peak;
                match plan.refusal(&made.bound) {
                    None => break (plan, made),
                    Some(reason) => reason,
                }
            }
        };
        // again for as much emission as there is, whose peak is known to epsilon; then with less rounding
        if request.flux_over_peak == default_flux && flux.is_finite() && flux > default_flux {
            request.flux_over_peak = 1.01 * flux;
        } else if !request.is_double() {
            request.double = Some(true);
        } else {
            return Ok(Err(reason));
        }
    };
    let mut dirty = made.dirty;
    let seed = settings.noise.as_ref().and_then(|noise| noise.seed);
    if let Some(seed) = seed {
        plan.add_noise(&mut dirty, seed, &progress.stage("noise", channels))?;
    }
    let facts = plan.facts();
    let report = PsfReport {
        bound: made.bound,
        epsilon: request.epsilon,
        classes: plan.classes(),
        w_nodes: facts.iter().map(|f| f.w_nodes).max().unwrap_or(1),
        noise_error: seed.map(|_| facts.iter().map(|f| f.noise_covariance_error).fold(0.0, f64::max)),
    };
    let sampling = Sampling::of(&table, &low);
    Ok(Ok(ByPsf { table, sampling, dirty, report }))
}

impl Route {
    /// In a few words, where there was a choice.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Route::Visibilities(None) => None,
            Route::Visibilities(Some(_)) => Some("visibilities, chosen by auto".into()),
            Route::Psf(made) => Some(format!("PSFs, within {:.1e} of the peak", made.report.bound.total)),
        }
    }

    /// For headers, where there was a choice.
    pub(super) fn cards(&self) -> Vec<Card> {
        let route = |word: &str| Card::text("ROUTE", word, "way to the dirty image (image.method)");
        match self {
            Route::Visibilities(None) => Vec::new(),
            Route::Visibilities(Some(reason)) => {
                vec![route("visibilities"), Card::text("ROUTEWHY", reason.as_str(), "why not psf")]
            }
            Route::Psf(_) => vec![route("psf")],
        }
    }
}

/// Errors of the noise's covariance beyond which something is said, relative to its variance.
const NOISE_ERROR: f64 = 0.02;

impl PsfReport {
    /// For the header of the dirty image.
    pub(in crate::run) fn cards(&self) -> Vec<Card> {
        let mut cards = vec![
            Card::float("PSFBOUND", self.bound.total, "bound of the signal's error over peak"),
            Card::float("PSFEPS", self.epsilon, "bound asked for"),
            Card::int("PSFNODES", self.w_nodes as i64, "nodes in w; 1: w is ignored"),
            Card::int("PSFCLASS", self.classes as i64, "kinds of baselines with PSFs of their own"),
        ];
        if let Some(error) = self.noise_error {
            cards.push(Card::float("NOISECOV", error, "error of noise covariance over variance"));
        }
        cards
    }

    /// For the record.
    pub(super) fn facts(&self) -> Value {
        let b = &self.bound;
        json!({
            "bound": b.total,
            "bound_asked_for": self.epsilon,
            "bound_terms": {
                "w_term": b.w_term,
                "smearing": b.smearing,
                "beam_rotation_squint": b.beam_rotation_squint,
                "outside_image": b.outside_image,
                "beyond_nyquist": b.beyond_nyquist,
                "arithmetic": b.arithmetic,
            },
            "flux_over_peak": b.flux_over_peak,
            "classes": self.classes,
            "w_nodes": self.w_nodes,
            "noise_covariance_error": self.noise_error,
        })
    }

    /// What the user should know.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("the dirty cube is within {} of the visibility route's, noise apart", self.bound)];
        if let Some(error) = self.noise_error.filter(|e| *e > NOISE_ERROR) {
            notes.push(format!("the noise's covariance is wrong by up to {:.1} % of its variance", 100.0 * error));
        }
        notes
    }
}

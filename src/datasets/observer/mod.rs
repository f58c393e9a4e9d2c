//! One instrument of a data set, planned once, and what it makes of each sky.
//!
//! Everything that does not depend on the sky is made by [`Observer::new`]: PSFs, beams, noise, primary beams, and the
//! plan of the fast path ([`crate::imaging::fast`]). [`Observer::signal`] then makes the dirty cube of a sky without
//! noise, [`Observer::with_noise`] a sample of it; one more realisation of the same sky costs its noise alone. What is
//! done to a sky depends on the set-up and on that sky, never on the skies before it, so that any process makes the
//! same sample.
//!
//! | file | idea |
//! |---|---|
//! | planes | what follows from the samples of a channel: PSF, beam, noise, primary beam |
//! | frame | the visibility route, one channel at a time |
//! | probe | how much flux over peak a plan should expect |

mod frame;
mod planes;
mod probe;

pub use probe::probe_flux_over_peak;

use crate::error::{Error, Result, Watch};
use crate::formats::fits::Beam;
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::gridding::ImageGeometry;
use crate::imaging::clean::{CleanOptions, PsfConvolution, clean};
use crate::imaging::fast::{FastPlan, FastRequest, Route, RouteChoice};
use crate::imaging::{ImageParams, NO_BEAM, Samples, correct, restore};
use crate::sky::cube::SkyCube;
use crate::telescope::Telescope;
use crate::telescope::beam::{BeamChoice, StationBeams};
use crate::visibilities::{Instant, Track, new_table, weigh};
use frame::Frame;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, Axis};
use planes::Planes;
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// An instrument, its observation, and how images are made of it. Skies have the pixels and channels of the image.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Array.
    pub telescope: Telescope,
    /// Voltage beam of its stations.
    pub beam: BeamChoice,
    /// Phase centre and time steps.
    pub track: Track,
    /// Samples below this elevation are flagged, rad.
    pub min_elevation_rad: f64,
    /// Channel centres, Hz; one for a line averaged over a band.
    pub freq_hz: Vec<f64>,
    /// Width of a channel, or of that band, Hz.
    pub channel_width_hz: f64,
    /// Spectral frame of the channels, as the skies have it.
    pub specsys: String,
    /// SEFD of one polarisation of each station, Jy; `None`: equal weights, and no noise.
    pub sefd_jy: Option<Vec<f64>>,
    /// Pixels (those of the skies), weighting, taper; `method` grids PSFs and, in the visibility route, images.
    pub image: ImageParams,
    /// Primary-beam correction ends where the power beam falls below this.
    pub pb_limit: f64,
    /// Which way dirty images are made.
    pub route: RouteChoice,
    /// Largest error bound of the fast path, relative to the peak of a dirty cube.
    pub psf_epsilon: f64,
    /// Summed flux of a channel over the peak of the dirty cube that the fast path is planned for
    /// ([`probe_flux_over_peak`]). A sky of more goes by visibilities, or is an error, when its own bound is too large.
    pub flux_over_peak: f64,
    /// Relative accuracy of predicted visibilities.
    pub prediction_epsilon: f64,
    /// How restored images are cleaned ([`Setup::usual_clean`]).
    pub clean: CleanOptions,
    /// Most bytes that the plan of the fast path may hold.
    pub most_bytes: Option<u64>,
}

impl Setup {
    /// At most `niter` components of a plane, to three times the noise of its residual.
    pub fn usual_clean(niter: usize) -> CleanOptions {
        CleanOptions { niter, auto_threshold_sigma: Some(3.0), ..CleanOptions::default() }
    }

    /// The tables and time steps of some of the channels, flagged and weighted.
    fn table(&self, freq_hz: &[f64], watch: &Watch) -> Result<(VisibilityTable, Vec<Instant>)> {
        let (telescope, width_hz) = (&self.telescope, self.channel_width_hz);
        let (mut table, instants, _) =
            new_table(telescope, &self.track, freq_hz, width_hz, Polarisations::I, self.min_elevation_rad)?;
        // the pixels of skies and images are the same: imaging leaves out what is beyond Nyquist
        weigh(&mut table, self.sefd_jy.as_deref(), None, &watch.quiet())?;
        Ok((table, instants))
    }

    fn request(&self) -> FastRequest {
        FastRequest {
            epsilon: self.psf_epsilon,
            flux_over_peak: self.flux_over_peak,
            most_bytes: self.most_bytes,
            ..FastRequest::default()
        }
    }

    fn check(&self, wanted: Wanted) -> Result<()> {
        self.image.validate()?;
        let numbers = [
            ("the channel width in Hz", self.channel_width_hz),
            ("the limit of the primary beam", self.pb_limit),
            ("the error bound of the fast path", self.psf_epsilon),
            ("the flux over peak", self.flux_over_peak),
            ("the accuracy of prediction", self.prediction_epsilon),
        ];
        if let Some((name, value)) = numbers.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
            return Err(Error::input(format!("{name} is out of range")).found(value).expected("a positive number"));
        }
        if self.freq_hz.is_empty() {
            return Err(Error::input("an instrument needs at least one channel").found("0 channels"));
        }
        if wanted.restored {
            self.clean.validate()?;
            if self.clean.niter == 0 {
                return Err(Error::input("restored images need components of CLEAN").found("niter = 0"));
            }
        }
        Ok(())
    }
}

/// What is made of a sky beyond its dirty image with noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// The dirty image without noise.
    pub noise_free: bool,
    /// The dirty image over the primary beam.
    pub corrected: bool,
    /// The CLEAN model seen with the fitted beam, and its residual.
    pub restored: bool,
    /// The PSF of twice the field ([`Observer::wide_psf`]).
    pub wide_psf: bool,
}

impl Wanted {
    /// Whether PSFs of twice the field are made.
    fn needs_wide_psf(self) -> bool {
        self.restored || self.wide_psf
    }
}

/// The way that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Visibilities were predicted and imaged.
    Visibilities,
    /// The sky was convolved with PSFs.
    Psf,
}

impl Way {
    /// Its word, as in `image.method`.
    pub const fn word(self) -> &'static str {
        match self {
            Way::Visibilities => "visibilities",
            Way::Psf => "psf",
        }
    }
}

/// The dirty cube of a sky without noise.
#[derive(Debug, Clone)]
pub struct Signal {
    /// Jy per beam, shape [channel, y, x].
    pub dirty: Array3<f64>,
    /// How far it may be from the visibility route's, relative to its peak; `None` where that was taken.
    pub bound: Option<f64>,
    /// Summed absolute flux of a channel over the peak of the dirty cube (the largest of all channels).
    pub flux_over_peak: f64,
    /// How it was made.
    pub route: Way,
    /// Why visibilities were predicted where PSFs were asked for if possible.
    pub route_reason: Option<String>,
}

/// A sample; cubes are of shape [channel, y, x], Jy per beam.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Dirty image, with noise where a seed was given.
    pub dirty: Array3<f64>,
    /// Without noise.
    pub noise_free: Option<Array3<f64>>,
    /// `dirty` over the power beam, 0 beyond its limit.
    pub corrected: Option<Array3<f64>>,
    /// CLEAN of `dirty`.
    pub restored: Option<Array3<f64>>,
    /// As in [`Signal`].
    pub bound: Option<f64>,
    /// As in [`Signal`].
    pub flux_over_peak: f64,
    /// As in [`Signal`].
    pub route: Way,
    /// As in [`Signal`].
    pub route_reason: Option<String>,
}

/// What is known of an instrument, for attributes and reports.
#[derive(Debug, Clone)]
pub struct Facts {
    /// What became of the samples of each channel.
    pub samples: Vec<Samples>,
    /// Noise of the dirty image over that of natural weights, each channel; 0 without weight.
    pub loss: Vec<f64>,
    /// The beams in words.
    pub beam_words: String,
    /// Kinds of baselines with PSFs of their own and nodes in w (the most of all channels), largest error of the noise's
    /// covariance over its variance, bound planned for; `None` without a plan.
    pub plan: Option<PlanFacts>,
    /// Why there is no plan although one was asked for.
    pub refused: Option<String>,
    /// What a user should know: channels without weight, PSFs without a beam.
    pub notes: Vec<String>,
}

/// What is known of a plan of the fast path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlanFacts {
    /// Kinds of baselines with PSFs of their own.
    pub classes: usize,
    /// Nodes in w; 1: w is ignored.
    pub w_nodes: usize,
    /// Largest error of the noise's covariance over its variance.
    pub noise_covariance_error: f64,
    /// Bound of a sky with the planned flux over peak, all of it where the error is largest.
    pub bound: f64,
    /// Whether transforms are of double precision.
    pub double: bool,
}

/// An instrument, planned.
pub struct Observer {
    setup: Setup,
    wanted: Wanted,
    beams: StationBeams,
    planes: Planes,
    plan: Option<Box<FastPlan>>,
    facts: Facts,
    /// Tables of the visibility route that nobody works with now.
    frames: Mutex<Vec<Frame>>,
}

impl Observer {
    /// Plans the instrument for skies of its pixels and channels, and for what is `wanted` of them. `watch` advances by
    /// two a channel: one for its PSF, one for its part of the plan.
    ///
    /// # Errors
    /// Numbers out of range, a target that is never up, SEFDs that do not fit the stations; no channel with any weight;
    /// with `route` psf a bound that cannot be met; restored images of a PSF that no Gaussian fits; an interrupt.
    pub fn new(setup: Setup, wanted: Wanted, watch: &Watch) -> Result<Observer> {
        setup.check(wanted)?;
        let beams = StationBeams::new(&setup.telescope, setup.beam);
        let planes = Planes::new(&setup, &beams, wanted, watch)?;
        if wanted.restored
            && let Some(note) = planes.beamless()
        {
            return Err(Error::input("there is no beam to restore images with").found(note));
        }
        let mut plan = None;
        let mut refused = None;
        if setup.route != RouteChoice::Visibilities {
            let (table, instants) = setup.table(&setup.freq_hz, watch)?;
            match planned(&setup, &table, &instants, &beams, watch)? {
                Ok(made) => plan = Some(made),
                Err(reason) => refused = Some(fall_back(&setup, reason)?),
            }
        }
        let facts = Facts {
            samples: planes.samples.clone(),
            loss: planes.loss.clone(),
            beam_words: beams.describe(),
            plan: plan.as_ref().map(|(plan, double)| plan_facts(plan, *double)),
            refused,
            notes: planes.notes.clone(),
        };
        let plan = plan.map(|(plan, _)| plan);
        Ok(Observer { setup, wanted, beams, planes, plan, facts, frames: Mutex::default() })
    }

    /// The dirty cube of `sky` without noise. `watch` advances by one a channel (two where the visibility route follows
    /// on the fast path).
    ///
    /// # Errors
    /// A sky of other pixels, channels, centre or frame, or with values that are not finite; with `route` psf a bound
    /// that is not held; an interrupt.
    pub fn signal(&self, sky: &SkyCube, watch: &Watch) -> Result<Signal> {
        self.check_sky(sky)?;
        let mut route_reason = self.facts.refused.clone();
        if let Some(plan) = &self.plan {
            let made = plan.dirty(sky, watch)?;
            match plan.refusal(&made.bound) {
                None => {
                    return Ok(Signal {
                        dirty: made.dirty,
                        bound: Some(made.bound.total),
                        flux_over_peak: made.bound.flux_over_peak,
                        route: Way::Psf,
                        route_reason: None,
                    });
                }
                Some(reason) => route_reason = Some(fall_back(&self.setup, reason)?),
            }
        }
        let dirty = self.by_visibilities(Some(sky), None, watch)?;
        let peak = dirty.iter().fold(0.0f64, |p, d| p.max(d.abs()));
        let flux = sky.flux_jy.outer_iter().map(|p| p.iter().map(|f| f.abs()).sum::<f64>()).fold(0.0, f64::max);
        let flux_over_peak = if flux > 0.0 { flux / peak } else { 0.0 };
        Ok(Signal { dirty, bound: None, flux_over_peak, route: Way::Visibilities, route_reason })
    }

    /// A sample of a sky: its signal with the noise of `seed`, and what else is wanted. The noise is made the way that
    /// the signal was; it is the same for any number of threads. `watch` advances by one a channel.
    ///
    /// # Errors
    /// A seed where no SEFDs are known; a signal of another shape; an interrupt.
    pub fn with_noise(&self, signal: &Signal, noise_seed: Option<u64>, watch: &Watch) -> Result<Observation> {
        let mut dirty = signal.dirty.clone();
        if let Some(seed) = noise_seed {
            if self.setup.sefd_jy.is_none() {
                return Err(Error::input("noise needs the SEFD of every station").found("none"));
            }
            match (&self.plan, signal.route) {
                (Some(plan), Way::Psf) => plan.add_noise(&mut dirty, seed, watch)?,
                _ => dirty += &self.by_visibilities(None, Some(seed), watch)?,
            }
        }
        let corrected = self.wanted.corrected.then(|| self.corrected(&dirty));
        let restored = if self.wanted.restored { Some(self.restored(&dirty, watch)?) } else { None };
        Ok(Observation {
            corrected,
            restored,
            noise_free: self.wanted.noise_free.then(|| signal.dirty.clone()),
            dirty,
            bound: signal.bound,
            flux_over_peak: signal.flux_over_peak,
            route: signal.route,
            route_reason: signal.route_reason.clone(),
        })
    }

    /// [`Observer::signal`] and [`Observer::with_noise`].
    ///
    /// # Errors
    /// Those of both.
    pub fn observe(&self, sky: &SkyCube, noise_seed: Option<u64>, watch: &Watch) -> Result<Observation> {
        self.with_noise(&self.signal(sky, watch)?, noise_seed, watch)
    }

    /// PSF of each channel, peak 1, shape [channel, y, x]; zero where a channel has no weight.
    pub fn psf(&self) -> &Array3<f64> {
        &self.planes.psf
    }

    /// PSF of each channel out to all distances between two pixels of the field, where it or restored images are wanted:
    /// shape [channel, 2 y, 2 x], peak in pixel (y, x). The sum of such PSFs is the dirty image of any sky of this field, but
    /// for the primary beam and the w term across the field.
    pub fn wide_psf(&self) -> Option<&Array3<f64>> {
        Some(&self.planes.wide_psf).filter(|psf| !psf.is_empty())
    }

    /// Gaussian fitted to each channel's PSF; axes of 0 where none fits.
    pub fn beams(&self) -> &[Beam] {
        &self.planes.beams
    }

    /// Thermal noise of each channel's dirty image, Jy per beam; of weights alone where no SEFDs are known.
    pub fn noise_jy(&self) -> &[f64] {
        &self.planes.noise_jy
    }

    /// Power beam of each channel, shape [channel, y, x], where corrected images are wanted.
    pub fn power(&self) -> Option<&Array3<f64>> {
        self.planes.power.as_ref()
    }

    /// What is known of it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What it was planned for.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Bytes held between skies.
    pub fn bytes(&self) -> usize {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        self.planes.bytes()
            + self.plan.as_ref().map_or(0, |p| p.bytes())
            + frames.iter().map(Frame::bytes).sum::<usize>()
    }

    /// A sky that is none of this instrument's.
    fn check_sky(&self, sky: &SkyCube) -> Result<()> {
        if sky.specsys != self.setup.specsys {
            return Err(Error::input("the sky's channels are of another spectral frame")
                .found(&sky.specsys)
                .expected(&self.setup.specsys));
        }
        let cell_rad = self.setup.image.geometry.dm;
        if (sky.cell_rad - cell_rad).abs() > 1e-9 * cell_rad {
            return Err(Error::input("the sky's pixels are not those of the images")
                .found(format!("{} rad", sky.cell_rad))
                .expected(format!("{cell_rad} rad")));
        }
        let channels = self.setup.freq_hz.len();
        if sky.freq_hz.len() != channels || sky.flux_jy.dim().0 != channels {
            return Err(Error::input("the sky has another number of channels than the instrument")
                .found(sky.flux_jy.dim().0)
                .expected(channels));
        }
        if !sky.flux_jy.iter().all(|f| f.is_finite())
            && let Some(((channel, y, x), value)) = sky.flux_jy.indexed_iter().find(|(_, f)| !f.is_finite())
        {
            return Err(Error::input("the sky holds a value that is not finite")
                .found(value)
                .place(format!("channel {channel}, row {y}, column {x}")));
        }
        Ok(())
    }

    /// Dirty cube of a sky, of noise, or of both, by visibilities.
    fn by_visibilities(&self, sky: Option<&SkyCube>, seed: Option<u64>, watch: &Watch) -> Result<Array3<f64>> {
        // a frame is taken out of the list while it is worked with: several skies may be observed at once
        let kept = self.frames.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut frame = match kept {
            Some(frame) => frame,
            None => Frame::new(&self.setup, watch)?,
        };
        let g = self.setup.image.geometry;
        let mut dirty = Array3::zeros((self.setup.freq_hz.len(), g.ny, g.nx));
        for (channel, mut plane) in dirty.axis_iter_mut(Axis(0)).enumerate() {
            plane.assign(&frame.dirty(&self.setup, &self.beams, channel, sky, seed, watch)?);
            watch.advance(1)?;
        }
        self.frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
        Ok(dirty)
    }

    fn corrected(&self, dirty: &Array3<f64>) -> Array3<f64> {
        let mut out = Array3::zeros(dirty.dim());
        if let Some(power) = &self.planes.power {
            for ((mut out, dirty), power) in out.outer_iter_mut().zip(dirty.outer_iter()).zip(power.outer_iter()) {
                out.assign(&correct(&dirty, &power, self.setup.pb_limit));
            }
        }
        out
    }

    fn restored(&self, dirty: &Array3<f64>, watch: &Watch) -> Result<Array3<f64>> {
        let geometry = self.setup.image.geometry;
        let mut out = Array3::zeros(dirty.dim());
        out.axis_iter_mut(Axis(0)).into_par_iter().enumerate().try_for_each(|(channel, mut out)| {
            let beam = self.planes.beams[channel];
            let plane = dirty.index_axis(Axis(0), channel);
            if beam == NO_BEAM {
                out.assign(&plane);
                return Ok(());
            }
            let psf = self.planes.wide_psf.index_axis(Axis(0), channel);
            let measurement = PsfConvolution::new(plane, psf);
            let made = clean(plane, psf, &self.setup.clean, &measurement, &watch.quiet())
                .map_err(|e| e.place(format!("channel {channel}")))?;
            out.assign(&restore(made.model.view(), made.residual.view(), &beam, &geometry)?);
            Ok(())
        })?;
        Ok(out)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, channels) = (&self.setup.telescope.name, self.setup.freq_hz.len());
        write!(f, "Observer {{ {name}, {channels} channels, plan {:?}, {} bytes }}", self.plan, self.bytes())
    }
}

/// The plan and whether it is of double precision, or why there is none; double where single does not do.
fn planned(
    setup: &Setup,
    table: &VisibilityTable,
    instants: &[Instant],
    beams: &StationBeams,
    watch: &Watch,
) -> Result<std::result::Result<(Box<FastPlan>, bool), String>> {
    let mut request = setup.request();
    loop {
        let sky = setup.image.geometry;
        match FastPlan::choose(table, Some((instants, beams)), &setup.image, sky, &request, watch)? {
            Route::Fast(plan) => return Ok(Ok((plan, request.is_double()))),
            Route::Visibilities(_) if !request.is_double() => request.double = Some(true),
            Route::Visibilities(reason) => return Ok(Err(reason)),
        }
    }
}

fn plan_facts(plan: &FastPlan, double: bool) -> PlanFacts {
    let channels = plan.facts();
    PlanFacts {
        classes: plan.classes(),
        w_nodes: channels.iter().map(|f| f.w_nodes).max().unwrap_or(1),
        noise_covariance_error: channels.iter().map(|f| f.noise_covariance_error).fold(0.0, f64::max),
        bound: plan.bound().total,
        double,
    }
}

/// The reason again where visibilities may be predicted in place of PSFs, else an error.
fn fall_back(setup: &Setup, reason: String) -> Result<String> {
    if setup.route == RouteChoice::Auto {
        return Ok(reason);
    }
    Err(Error::input("the dirty image cannot be made without visibilities to the accuracy asked for")
        .found(reason)
        .expected(format!("an error bound of {:e} of the peak", setup.psf_epsilon))
        .hint("give method = \"auto\" or \"visibilities\", or a larger psf_epsilon"))
}

/// Pixels of a field of twice the size: all distances between two pixels of the field.
fn twice(g: ImageGeometry) -> ImageGeometry {
    ImageGeometry { nx: 2 * g.nx, ny: 2 * g.ny, ..g }
}

/// The middle of a PSF of twice the size.
fn middle(wide: &Array2<f64>, g: ImageGeometry) -> Array2<f64> {
    let (y, x) = (g.ny - g.ny / 2, g.nx - g.nx / 2);
    wide.slice(ndarray::s![y..y + g.ny, x..x + g.nx]).to_owned()
}

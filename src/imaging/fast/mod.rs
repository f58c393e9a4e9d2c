//! Dirty images without visibilities: the image-domain fast path.
//!
//! One observation is planned once ([`FastPlan::choose`]); each galaxy then costs a few FFTs
//! ([`FastPlan::dirty`]) and its noise one more ([`FastPlan::noise`]). The dirty image is
//!
//! `dirty = sum_j conj(s_j) sum_c PSF_cj (*) (s_j E_p E_q sky)`,
//!
//! over classes c of baselines with equal beams E_p E_q and nodes w_j of an interpolation in w with screens
//! s_j = exp(2 pi i w_j (n - 1)) (one node w = 0, without a screen, where the field is narrow); PSF_cj is the image of
//! W_k a_j(w_k) over the class on the field of all distances between pixels, and (*) the linear convolution on grids
//! padded to twice the size. Weights are those of the visibility route, sample by sample, and so are the samples left
//! out. docs/fast-path.md derives the bound and holds measurements.
//!
//! | file | holds |
//! |---|---|
//! | samples | weights and classes of a table's samples |
//! | nodes | interpolation in w |
//! | channel | one channel: PSF spectra, beams, screens, bound |
//! | transform | padded FFTs |
//! | noise | thermal noise per uv cell |
//! | bound | the error bound |
//! | foresight | what a plan will take, before it is made |

mod bound;
mod channel;
mod foresight;
mod nodes;
mod noise;
mod samples;
mod transform;

pub use bound::ErrorBound;
pub use foresight::Foresight;

use super::dirty::ImageParams;
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::gridding::ImageGeometry;
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::units::RaDec;
use crate::visibilities::Instant;
use bound::ChannelErrors;
use channel::{Channel, Setting, choose_nodes, noise_source};
use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, Axis, s};
use noise::{ChannelNoise, NoiseSource, PADDINGS};
use samples::Baselines;
use std::fmt;
use transform::{Real, Transform};

/// What is asked of the fast path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FastRequest {
    /// Largest error allowed, relative to the peak of the dirty cube.
    pub epsilon: f64,
    /// Summed absolute flux of a channel over the cube's peak that is planned for: 1 for a point, about the number of
    /// beams that emission covers otherwise. The bound of each sky uses its own.
    pub flux_over_peak: f64,
    /// Largest error allowed of the noise's covariance, relative to its variance: the noise grid grows up to 4 cells a
    /// pixel to reach it, and the facts say what was reached.
    pub noise_epsilon: f64,
    /// Most nodes in w; each costs as much as an image without w.
    pub most_nodes: usize,
    /// Most classes of baselines with different beams.
    pub most_classes: usize,
    /// Whether smearing, which neither route simulates, counts in the bound.
    pub smearing: bool,
    /// Precision of stored spectra and transforms; `None`: single where `epsilon` is at least 1e-5.
    pub double: Option<bool>,
    /// Most bytes a plan may hold.
    pub most_bytes: Option<u64>,
}

impl Default for FastRequest {
    fn default() -> FastRequest {
        FastRequest {
            epsilon: 1e-3,
            flux_over_peak: 50.0,
            noise_epsilon: 1e-2,
            most_nodes: 16,
            most_classes: 6,
            smearing: false,
            double: None,
            most_bytes: None,
        }
    }
}

impl FastRequest {
    /// Whether spectra and transforms are of double precision.
    pub fn is_double(&self) -> bool {
        self.double.unwrap_or(self.epsilon < 1e-5)
    }
}

/// Which way to a dirty image is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteChoice {
    /// Predicts visibilities and images them.
    Visibilities,
    /// Convolves the sky with PSFs, or not at all.
    Psf,
    /// PSFs where their error bound holds, else visibilities.
    Auto,
}

/// Which way to a dirty image can be taken.
#[derive(Debug)]
pub enum Route {
    /// The fast path holds its bound.
    Fast(Box<FastPlan>),
    /// It does not, for this reason: predict visibilities and image them.
    Visibilities(String),
}

/// What became of one channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelFacts {
    /// Frequency, Hz.
    pub freq_hz: f64,
    /// Samples used.
    pub samples: usize,
    /// Sum of imaging weights; 0: the channel's planes are zero.
    pub sum_weights: f64,
    /// Share of the natural weight beyond Nyquist; left out, by the visibility route as well.
    pub beyond_nyquist_weight: f64,
    /// Nodes in w; 1: w is ignored.
    pub w_nodes: usize,
    /// rms of thermal noise in the dirty image, Jy per beam.
    pub noise_jy: f64,
    /// Largest error of the noise's covariance at any distance, times the share of pixels that have a neighbour there,
    /// relative to its variance.
    pub noise_covariance_error: f64,
}

/// A dirty cube and how far it may be from the visibility route's.
#[derive(Debug, Clone)]
pub struct FastImage {
    /// Dirty Stokes I cube without noise, Jy per beam, shape [channel, y, x].
    pub dirty: Array3<f64>,
    /// The bound for this sky.
    pub bound: ErrorBound,
}

/// A planned observation: telescope, track, channels, weights and image grid.
pub struct FastPlan {
    engine: Engine,
    sky: ImageGeometry,
    image: ImageGeometry,
    freq_hz: Vec<f64>,
    channel_width_hz: f64,
    phase_centre: RaDec,
    request: FastRequest,
}

enum Engine {
    Single(Channels<f32>),
    Double(Channels<f64>),
}

struct Channels<T: Real> {
    transform: Transform<T>,
    noise_transform: Transform<T>,
    channels: Vec<Channel<T>>,
}

impl FastPlan {
    /// Plans the observation `table` (geometry, weights and flags; visibilities are not looked at) of skies on the grid
    /// `sky`, whose pixels must be those of the image, or says why the visibility route is to be taken. `station`: time
    /// steps and beams, as [`crate::visibilities::predict_by_grid`] takes them. `watch` advances by one a channel.
    ///
    /// The plan holds for the table's weights: set them (with noise of no seed) before. The accuracy of PSFs follows
    /// from `request`; `params.method` only chooses between the gridder and the exact sum.
    ///
    /// # Errors
    /// Bad geometries or numbers; weights or uvw of unflagged samples that are not finite; no sample with any weight;
    /// a table that does not belong to `station`; an interrupt.
    pub fn choose(
        table: &VisibilityTable,
        station: Option<(&[Instant], &StationBeams)>,
        params: &ImageParams,
        sky: ImageGeometry,
        request: &FastRequest,
        watch: &Watch,
    ) -> Result<Route> {
        let baselines = match suited(table, station, params, &sky, request)? {
            Ok(baselines) => baselines,
            Err(reason) => return Ok(Route::Visibilities(reason)),
        };
        let setting = Setting::new(table, &baselines, station.map(|s| s.1), params, sky, request);
        let made = if request.is_double() {
            Channels::new(table, &baselines, params, &setting, watch)?.map(Engine::Double)
        } else {
            Channels::new(table, &baselines, params, &setting, watch)?.map(Engine::Single)
        };
        let engine = match made {
            Ok(engine) => engine,
            Err(reason) => return Ok(Route::Visibilities(reason)),
        };
        let plan = FastPlan {
            engine,
            sky,
            image: params.geometry,
            freq_hz: table.freq_hz.clone(),
            channel_width_hz: table.channel_width_hz,
            phase_centre: table.phase_centre,
            request: *request,
        };
        if plan.facts().iter().all(|f| f.sum_weights == 0.0) {
            return Err(Error::input("no visibility has any weight")
                .found(format!("{} rows x {} channels", table.uvw_m.nrows(), table.freq_hz.len()))
                .hint("look at flags and weights, or choose a smaller pixel"));
        }
        Ok(match plan.refusal(&plan.bound()) {
            Some(reason) => Route::Visibilities(reason),
            None => Route::Fast(Box::new(plan)),
        })
    }

    /// The bound of a sky with the planned flux over peak, all of it where the error is largest.
    pub fn bound(&self) -> ErrorBound {
        let flux = self.request.flux_over_peak;
        let errors: Vec<ChannelErrors> = match &self.engine {
            Engine::Single(e) => e.channels.iter().map(|c| c.worst(flux)).collect(),
            Engine::Double(e) => e.channels.iter().map(|c| c.worst(flux)).collect(),
        };
        ErrorBound::of(&errors, 1.0)
    }

    /// Why a sky with this bound needs the visibility route; `None` where the fast path will do.
    pub fn refusal(&self, bound: &ErrorBound) -> Option<String> {
        (bound.total.is_nan() || bound.total > self.request.epsilon)
            .then(|| format!("the error bound is {bound}, more than {:.1e}", self.request.epsilon))
    }

    /// The dirty cube of `cube`, without noise, and its bound. `watch` advances by one a channel.
    ///
    /// The cube may be smaller or larger than the planned sky; what lies outside counts in the bound.
    ///
    /// # Errors
    /// A cube of other channels, pixels or centre; values that are not finite; an interrupt.
    pub fn dirty(&self, cube: &SkyCube, watch: &Watch) -> Result<FastImage> {
        self.check_cube(cube)?;
        match &self.engine {
            Engine::Single(engine) => engine.dirty(self, cube, watch),
            Engine::Double(engine) => engine.dirty(self, cube, watch),
        }
    }

    /// A realisation of the thermal noise of the dirty cube, Jy per beam, shape [channel, y, x], independent from
    /// channel to channel; the same for any number of threads. `watch` advances by one a channel.
    ///
    /// # Errors
    /// An interrupt.
    pub fn noise(&self, seed: u64, watch: &Watch) -> Result<Array3<f64>> {
        let mut noise = Array3::zeros((self.freq_hz.len(), self.image.ny, self.image.nx));
        self.add_noise(&mut noise, seed, watch)?;
        Ok(noise)
    }

    /// Adds [`FastPlan::noise`] to a dirty cube.
    ///
    /// # Errors
    /// A cube of another shape; an interrupt.
    pub fn add_noise(&self, dirty: &mut Array3<f64>, seed: u64, watch: &Watch) -> Result<()> {
        let shape = (self.freq_hz.len(), self.image.ny, self.image.nx);
        if dirty.dim() != shape || !dirty.is_standard_layout() {
            return Err(Error::input("the dirty cube does not have the plan's shape")
                .found(format!("{:?}", dirty.dim()))
                .expected(format!("{shape:?} (channel, y, x)")));
        }
        match &self.engine {
            Engine::Single(engine) => engine.add_noise(dirty, seed, watch),
            Engine::Double(engine) => engine.add_noise(dirty, seed, watch),
        }
    }

    /// What became of each channel.
    pub fn facts(&self) -> Vec<ChannelFacts> {
        match &self.engine {
            Engine::Single(engine) => engine.channels.iter().map(|c| c.facts).collect(),
            Engine::Double(engine) => engine.channels.iter().map(|c| c.facts).collect(),
        }
    }

    /// Classes of baselines with different beams: the most of all channels.
    pub fn classes(&self) -> usize {
        match &self.engine {
            Engine::Single(engine) => engine.channels.iter().map(Channel::classes).max().unwrap_or(0),
            Engine::Double(engine) => engine.channels.iter().map(Channel::classes).max().unwrap_or(0),
        }
    }

    /// Bytes that the plan holds.
    pub fn bytes(&self) -> usize {
        match &self.engine {
            Engine::Single(engine) => engine.channels.iter().map(Channel::bytes).sum(),
            Engine::Double(engine) => engine.channels.iter().map(Channel::bytes).sum(),
        }
    }

    fn check_cube(&self, cube: &SkyCube) -> Result<()> {
        let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * self.channel_width_hz.abs() + 1e-9 * b;
        if cube.flux_jy.dim().0 != self.freq_hz.len()
            || cube.freq_hz.len() != self.freq_hz.len()
            || !cube.freq_hz.iter().zip(&self.freq_hz).all(same)
        {
            let range = |f: &[f64]| format!("{} from {:?} to {:?} Hz", f.len(), f.first(), f.last());
            return Err(Error::input("the sky cube and the plan have different channels")
                .found(range(&cube.freq_hz))
                .expected(range(&self.freq_hz)));
        }
        let same_pixels = (cube.cell_rad - self.sky.dm).abs() <= 1e-9 * self.sky.dm.abs();
        if !same_pixels {
            return Err(Error::input("the sky cube and the plan have different pixels")
                .found(format!("{} rad", cube.cell_rad))
                .expected(format!("{} rad", self.sky.dm)));
        }
        let [l, m, n] = cube.centre.lmn(self.phase_centre);
        if n <= 0.0 || l.hypot(m) > 1e-3 * cube.cell_rad {
            return Err(Error::input("the sky cube is not centred on the phase centre")
                .found(format!("{:?}", cube.centre))
                .expected(format!("{:?}", self.phase_centre)));
        }
        Ok(())
    }
}

impl fmt::Debug for FastPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<usize> = self.facts().iter().map(|c| c.w_nodes).collect();
        write!(f, "FastPlan {{ {:?} -> {:?}, w nodes {nodes:?}, {} bytes }}", self.sky, self.image, self.bytes())
    }
}

/// The baselines of a request that makes sense, or why it cannot be met whatever the samples are.
fn suited(
    table: &VisibilityTable,
    station: Option<(&[Instant], &StationBeams)>,
    params: &ImageParams,
    sky: &ImageGeometry,
    request: &FastRequest,
) -> Result<std::result::Result<Baselines, String>> {
    check(params, sky, request)?;
    let image = params.geometry;
    let same = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
    if !same(sky.dl, image.dl) || !same(sky.dm, image.dm) {
        return Ok(Err(format!("the pixels of sky and image differ: {} and {} rad", sky.dm, image.dm)));
    }
    let baselines = Baselines::new(table, station)?;
    let (classes, most) = (baselines.classes.len(), request.most_classes);
    if classes > most {
        return Ok(Err(format!("{classes} classes of baselines with different beams, more than {most}")));
    }
    Ok(Ok(baselines))
}

fn check(params: &ImageParams, sky: &ImageGeometry, request: &FastRequest) -> Result<()> {
    params.validate()?;
    sky.validate()?;
    let numbers = [
        ("epsilon", request.epsilon),
        ("flux_over_peak", request.flux_over_peak),
        ("noise_epsilon", request.noise_epsilon),
    ];
    if let Some((name, value)) = numbers.iter().find(|(_, v)| !(v.is_finite() && *v > 0.0)) {
        return Err(Error::input("a number of the fast path's request is of no use")
            .found(format!("{name} = {value}"))
            .expected("a positive number"));
    }
    if request.most_nodes == 0 || request.most_classes == 0 {
        return Err(Error::input("the fast path needs at least one node in w and one class of baselines"));
    }
    Ok(())
}

impl<T: Real> Channels<T> {
    /// Plans every channel; the inner error says why the fast path cannot be taken.
    fn new(
        table: &VisibilityTable,
        baselines: &Baselines,
        params: &ImageParams,
        setting: &Setting,
        watch: &Watch,
    ) -> Result<std::result::Result<Channels<T>, String>> {
        let (sky, image) = (setting.sky, setting.image);
        let axis = |sky: usize, image: usize| transform::Axis::new(sky, image);
        let transform = Transform::<T>::new(axis(sky.nx, image.nx), axis(sky.ny, image.ny));
        let mut noise_transform = noise_grid(&image, PADDINGS[0]);
        let mut channels: Vec<Channel<T>> = Vec::with_capacity(table.freq_hz.len());
        let mut bytes = 0;
        for channel in 0..table.freq_hz.len() {
            let samples =
                baselines.channel(table, channel, params).map_err(|e| e.place(format!("channel {channel}")))?;
            let facts = ChannelFacts {
                freq_hz: table.freq_hz[channel],
                samples: samples.uvw.len(),
                sum_weights: samples.sum_weights,
                beyond_nyquist_weight: samples.beyond_nyquist_weight,
                w_nodes: 1,
                noise_jy: 0.0,
                noise_covariance_error: 0.0,
            };
            if samples.sum_weights == 0.0 {
                channels.push(Channel::blank(facts));
            } else {
                let nodes = match choose_nodes(setting, &samples, facts.freq_hz) {
                    Ok(nodes) => nodes,
                    Err(reason) => return Ok(Err(reason)),
                };
                let source = noise_source(setting, &samples, watch)?;
                let noise = if channels.iter().all(|c| c.facts.sum_weights == 0.0) {
                    let (transform, noise) = first_noise(&source, &image, setting.request.noise_epsilon);
                    noise_transform = transform;
                    noise
                } else {
                    ChannelNoise::new(&source, &noise_transform)
                };
                channels.push(Channel::new(setting, &samples, &nodes, &transform, noise, facts, &watch.quiet())?);
            }
            bytes += channels.last().map_or(0, Channel::bytes);
            if let Some(most) = setting.request.most_bytes
                && bytes as u64 > most
            {
                return Ok(Err(format!(
                    "the plan would hold more than {most} bytes: {bytes} for {} of {} channels",
                    channel + 1,
                    table.freq_hz.len()
                )));
            }
            watch.advance(1)?;
        }
        Ok(Ok(Channels { transform, noise_transform, channels }))
    }

    fn dirty(&self, plan: &FastPlan, cube: &SkyCube, watch: &Watch) -> Result<FastImage> {
        let mut dirty = Array3::<f64>::zeros((self.channels.len(), plan.image.ny, plan.image.nx));
        let errors = dirty
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .zip(&self.channels)
            .enumerate()
            .map_init(
                || self.transform.work(),
                |work, (number, (mut image, channel))| {
                    let flux = cube.flux_jy.index_axis(Axis(0), number);
                    if let Some(bad) = flux.iter().find(|f| !f.is_finite()) {
                        return Err(Error::input("the sky cube holds a value that is not finite")
                            .found(bad)
                            .place(format!("channel {number}")));
                    }
                    let (on_grid, outside) = placed(flux, &plan.sky);
                    let pixels = image.as_slice_mut().unwrap_or_default();
                    let mut errors = channel.dirty(&self.transform, on_grid.view(), work, pixels);
                    errors.outside = outside;
                    errors.flux += outside;
                    watch.advance(1)?;
                    Ok(errors)
                },
            )
            .collect::<Result<Vec<ChannelErrors>>>()?;
        let peak = dirty.iter().fold(0.0f64, |p, d| p.max(d.abs()));
        Ok(FastImage { bound: ErrorBound::of(&errors, peak), dirty })
    }

    fn add_noise(&self, dirty: &mut Array3<f64>, seed: u64, watch: &Watch) -> Result<()> {
        dirty.axis_iter_mut(Axis(0)).into_par_iter().zip(&self.channels).enumerate().try_for_each_init(
            || self.noise_transform.work(),
            |work, (number, (mut image, channel))| {
                if channel.facts.sum_weights > 0.0 {
                    let pixels = image.as_slice_mut().unwrap_or_default();
                    channel.noise.draw(&self.noise_transform, seed, number as u32, work, pixels);
                }
                watch.advance(1)
            },
        )
    }
}

fn noise_grid<T: Real>(image: &ImageGeometry, padding: usize) -> Transform<T> {
    Transform::new(noise::axis(image.nx, padding), noise::axis(image.ny, padding))
}

/// Noise of the first channel and the grid that all channels share: the smallest that reaches `tolerance`, else the
/// best.
fn first_noise<T: Real>(
    source: &NoiseSource,
    image: &ImageGeometry,
    tolerance: f64,
) -> (Transform<T>, ChannelNoise<T>) {
    let on_grid = |padding: usize| {
        let transform = noise_grid(image, padding);
        let noise = ChannelNoise::new(source, &transform);
        (transform, noise)
    };
    let mut best = on_grid(PADDINGS[0]);
    for padding in PADDINGS.into_iter().skip(1) {
        if best.1.covariance_error <= tolerance {
            break;
        }
        let next = on_grid(padding);
        if next.1.covariance_error < best.1.covariance_error {
            best = next;
        }
    }
    best
}

/// `flux` on the planned grid (centre on centre), and the absolute flux that has no place there.
fn placed<'a>(flux: ArrayView2<'a, f64>, grid: &ImageGeometry) -> (ndarray::CowArray<'a, f64, ndarray::Ix2>, f64) {
    if flux.dim() == (grid.ny, grid.nx) {
        return (flux.into(), 0.0);
    }
    // first pixel in the cube and on the grid, and how many there are
    let along = |from: usize, to: usize| {
        let (a, b) = (from / 2, to / 2);
        let (below, above) = (a.min(b), (from - a).min(to - b));
        (a - below, b - below, below + above)
    };
    let ((y0, y1, rows), (x0, x1, columns)) = (along(flux.nrows(), grid.ny), along(flux.ncols(), grid.nx));
    let inside = flux.slice(s![y0..y0 + rows, x0..x0 + columns]);
    let sum = |f: &ArrayView2<f64>| f.iter().map(|v| v.abs()).sum::<f64>();
    let outside = if rows * columns == flux.len() { 0.0 } else { (sum(&flux) - sum(&inside)).max(0.0) };
    let mut out = Array2::zeros((grid.ny, grid.nx));
    out.slice_mut(s![y1..y1 + rows, x1..x1 + columns]).assign(&inside);
    (out.into(), outside)
}

//! Everything that is made of one plane: dirty image, PSF, beam, deconvolved images, primary beam.

use super::beam_fit::{BeamSource, fit_beam};
use super::blocks::{BlockedGridder, PlaneChannels, beam_terms};
use super::clean::Measurement;
use super::dirty::{ImageParams, PlaneGridder};
use super::primary_beam::effective_power;
use super::restore::{Deconvolved, Deconvolver, DirtyPlane, restore};
use super::samples::Samples;
use super::stokes::{FeedAngles, Stokes};
use super::weighted::{Noise, Sums, WeightedSamples};
use super::weights::Density;
use crate::error::{Result, Watch};
use crate::formats::fits::Beam;
use crate::telescope::beam::StationBeams;
use ndarray::Array2;

/// What the planes of one request share.
#[derive(Clone, Copy)]
pub struct PlaneRequest<'a> {
    /// Pixels, weights, accuracy.
    pub params: ImageParams,
    /// Stokes parameters, one image each.
    pub stokes: &'a [Stokes],
    /// Angles of the feeds; needed for Q, U and V.
    pub angles: Option<&'a FeedAngles>,
    /// Weight grids over all channels (multi-frequency weighting), one a Stokes parameter; empty: each plane's own.
    pub densities: &'a [Density],
    /// Beams of the stations, for the primary beam of each plane.
    pub beams: Option<&'a StationBeams>,
    /// What the beam of a plane is.
    pub clean_beam: BeamSource,
    /// CLEAN.
    pub deconvolver: Option<&'a dyn Deconvolver>,
}

/// One plane in one Stokes parameter.
#[derive(Debug, Clone)]
pub struct Plane {
    /// Dirty image, Jy per beam, shape [y, x]; zero where no sample has weight.
    pub dirty: Array2<f64>,
    /// PSF, peak 1; zero where no sample has weight.
    pub psf: Array2<f64>,
    /// Gaussian that stands for the PSF: fitted to it, or given.
    pub beam: Option<Beam>,
    /// Model and residual, where there was a deconvolver, a beam and a sample.
    pub clean: Option<Deconvolved>,
    /// Model seen with the beam plus residual, Jy per beam.
    pub restored: Option<Array2<f64>>,
    /// Effective power beam, where beams were given.
    pub power: Option<Array2<f64>>,
    /// Mean frequency by weights, Hz; that of the channels where no sample has weight.
    pub freq_hz: f64,
    /// Sum of the imaging weights.
    pub sum_weights: f64,
    /// Thermal noise of the dirty image.
    pub noise: Noise,
    /// What became of the samples.
    pub samples: Samples,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A plane that is not yet deconvolved, with what measures a model's residual.
pub struct PreparedPlane<'a> {
    /// Its images.
    pub plane: Plane,
    /// Its number in the cube.
    pub number: usize,
    gridder: Gridder<'a>,
}

/// All samples of a plane at hand, or some at a time.
enum Gridder<'a> {
    Whole(PlaneGridder),
    Blocked(BlockedGridder<'a>),
}

impl Gridder<'_> {
    fn measurement(&self) -> &dyn Measurement {
        match self {
            Gridder::Whole(gridder) => gridder,
            Gridder::Blocked(gridder) => gridder,
        }
    }

    fn sums(&self) -> &Sums {
        match self {
            Gridder::Whole(gridder) => gridder.weighted().sums(),
            Gridder::Blocked(gridder) => gridder.sums(),
        }
    }
}

/// The request's Stokes parameter of this number; `before` is the one made before it.
fn prepare<'a>(
    channels: &PlaneChannels<'a>,
    number: usize,
    before: Option<(&Gridder<'_>, &Plane)>,
    request: &PlaneRequest<'a>,
    watch: &Watch,
) -> Result<PreparedPlane<'a>> {
    let (name, params, stokes) = (channels.name(), request.params, request.stokes[number]);
    let density = request.densities.get(number);
    let (gridder, dirty, psf, terms) = if channels.blocks().len() == 1 {
        let block = channels.load(channels.channels.clone())?;
        let samples = block.samples(stokes, request.angles, &params)?;
        let weighted = WeightedSamples::new(samples, density, &params);
        let before = match before {
            Some((Gridder::Whole(gridder), plane)) => Some((gridder, plane)),
            _ => None,
        };
        let gridder = PlaneGridder::new(weighted, params, before.map(|b| b.0)).map_err(|e| e.place(name.clone()))?;
        let (dirty, psf) = match before {
            Some((other, made)) if gridder.same_psf(other) => (gridder.dirty(watch)?, made.psf.clone()),
            _ => gridder.dirty_and_psf(watch)?,
        };
        let terms = request.beams.map(|beams| beam_terms(block.table()?, gridder.weighted(), beams)).transpose()?;
        (Gridder::Whole(gridder), dirty, psf, terms.unwrap_or_default())
    } else {
        let feed = (stokes, request.angles);
        let made = BlockedGridder::image(channels, feed, density, params, request.beams, watch)
            .map_err(|e| e.place(name.clone()))?;
        (Gridder::Blocked(made.gridder), made.dirty, made.psf, made.terms)
    };
    let sums = gridder.sums();
    let mut plane = Plane {
        dirty,
        psf,
        beam: None,
        clean: None,
        restored: None,
        power: None,
        freq_hz: sums.mean_freq_hz().unwrap_or_else(|| channels.mean_freq_hz()),
        sum_weights: sums.imaging,
        noise: sums.noise(),
        samples: sums.samples,
        notes: Vec::new(),
    };
    if plane.sum_weights > 0.0 {
        match request.clean_beam {
            BeamSource::Given(beam) => plane.beam = Some(beam),
            BeamSource::Fit(fit) => match fit_beam(plane.psf.view(), &params.geometry, fit) {
                Ok(beam) => plane.beam = Some(beam),
                Err(error) => plane.notes.push(format!("{name}: no beam fitted; {error}")),
            },
        }
        if let Some(beams) = request.beams {
            plane.power = Some(effective_power(&params.geometry, &beams.classes, &terms)?);
        }
    } else {
        plane.notes.push(format!("{name}: no sample has weight, its planes are zero"));
    }
    Ok(PreparedPlane { plane, number: channels.plane, gridder })
}

/// The images of a plane, one [`Plane`] a Stokes parameter, deconvolved by itself where the request says how.
///
/// # Errors
/// Those of [`PlaneSamples::of_table`], [`PlaneGridder`], the deconvolver; an interrupt.
pub fn image_plane(channels: &PlaneChannels<'_>, request: &PlaneRequest<'_>, watch: &Watch) -> Result<Vec<Plane>> {
    let mut planes: Vec<Plane> = Vec::with_capacity(request.stokes.len());
    let mut last: Option<Gridder<'_>> = None;
    for number in 0..request.stokes.len() {
        let mut made = [prepare(channels, number, last.as_ref().zip(planes.last()), request, watch)?];
        deconvolve(&mut made, request, watch)?;
        let [PreparedPlane { plane, gridder, .. }] = made;
        planes.push(plane);
        last = Some(gridder);
    }
    Ok(planes)
}

/// As [`image_plane`], not deconvolved: for [`deconvolve`] with other planes.
///
/// # Errors
/// As [`image_plane`].
pub fn prepare_plane<'a>(
    channels: &PlaneChannels<'a>,
    request: &PlaneRequest<'a>,
    watch: &Watch,
) -> Result<Vec<PreparedPlane<'a>>> {
    let mut made: Vec<PreparedPlane<'_>> = Vec::with_capacity(request.stokes.len());
    for number in 0..request.stokes.len() {
        let next = prepare(channels, number, made.last().map(|m| (&m.gridder, &m.plane)), request, watch)?;
        made.push(next);
    }
    Ok(made)
}

/// Deconvolves planes of one Stokes parameter as the request's deconvolver does it: jointly, if that is its way. Planes
/// without a beam or a sample are left as they are.
///
/// # Errors
/// Those of the deconvolver; an interrupt.
pub fn deconvolve(planes: &mut [PreparedPlane<'_>], request: &PlaneRequest<'_>, watch: &Watch) -> Result<()> {
    let Some(deconvolver) = request.deconvolver else {
        return Ok(());
    };
    let geometry = request.params.geometry;
    let dirty: Vec<DirtyPlane<'_>> = planes
        .iter()
        .filter_map(|p| {
            Some(DirtyPlane {
                geometry,
                dirty: p.plane.dirty.view(),
                psf: p.plane.psf.view(),
                beam: p.plane.beam?,
                noise_jy: p.plane.noise.image_jy,
                gridder: p.gridder.measurement(),
                plane: p.number,
            })
        })
        .collect();
    if dirty.is_empty() {
        return Ok(());
    }
    let made = deconvolver.deconvolve_together(&dirty, watch)?;
    for (p, clean) in planes.iter_mut().filter(|p| p.plane.beam.is_some()).zip(made) {
        let Some(beam) = p.plane.beam else { continue };
        p.plane.restored = Some(restore(clean.model.view(), clean.residual.view(), &beam, &geometry)?);
        p.plane.notes.extend(clean.notes.iter().cloned());
        p.plane.clean = Some(clean);
    }
    Ok(())
}

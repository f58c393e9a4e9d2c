//! Everything that is made of one plane: dirty image, PSF, beam, deconvolved images, primary beam.

use super::beam_fit::{BeamSource, fit_beam};
use super::dirty::{ImageParams, Noise, PlaneGridder};
use super::primary_beam::effective_power;
use super::restore::{Deconvolved, Deconvolver, DirtyPlane, restore};
use super::samples::{PlaneSamples, Samples};
use super::stokes::{FeedAngles, Stokes};
use super::weights::Density;
use crate::error::{Error, Result, Watch};
use crate::formats::fits::Beam;
use crate::formats::visibilities::VisibilityTable;
use crate::telescope::beam::StationBeams;
use ndarray::Array2;
use std::ops::Range;

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
#[derive(Debug)]
pub struct PreparedPlane {
    /// Its images.
    pub plane: Plane,
    /// Its number in the cube.
    pub number: usize,
    gridder: PlaneGridder,
}

/// Channels of a table that make one plane.
#[derive(Debug, Clone)]
pub struct PlaneChannels<'a> {
    /// The table; it may hold a part of the file's channels.
    pub table: &'a VisibilityTable,
    /// The plane's channels in it.
    pub channels: Range<usize>,
    /// Number of the table's channel 0 in the file, for words.
    pub first_channel: usize,
    /// Number of the plane in the cube.
    pub plane: usize,
}

impl PlaneChannels<'_> {
    fn name(&self) -> String {
        match (self.first_channel + self.channels.start, self.first_channel + self.channels.end) {
            (first, end) if end == first + 1 => format!("channel {first}"),
            (first, end) => format!("channels {first} to {}", end - 1),
        }
    }

    /// The request's Stokes parameter of this number; `before` is the one made before it.
    fn prepare(
        &self,
        number: usize,
        before: Option<(&PlaneGridder, &Plane)>,
        request: &PlaneRequest<'_>,
        watch: &Watch,
    ) -> Result<PreparedPlane> {
        let (name, params, stokes) = (self.name(), request.params, request.stokes[number]);
        let channels = self.channels.clone();
        let samples =
            PlaneSamples::of_table(self.table, channels, self.first_channel, stokes, request.angles, &params)?;
        let density = request.densities.get(number);
        let gridder =
            PlaneGridder::new(samples, density, params, before.map(|b| b.0)).map_err(|e| e.place(name.clone()))?;
        let (dirty, psf) = match before {
            Some((other, made)) if gridder.same_psf(other) => (gridder.dirty(watch)?, made.psf.clone()),
            _ => gridder.dirty_and_psf(watch)?,
        };
        let mean = self.table.freq_hz[self.channels.clone()].iter().sum::<f64>() / self.channels.len() as f64;
        let mut plane = Plane {
            dirty,
            psf,
            beam: None,
            clean: None,
            restored: None,
            power: None,
            freq_hz: gridder.mean_freq_hz().unwrap_or(mean),
            sum_weights: gridder.sum_weights(),
            noise: gridder.noise(),
            samples: gridder.samples(),
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
                plane.power = Some(power(self.table, &gridder, beams, &params)?);
            }
        } else {
            plane.notes.push(format!("{name}: no sample has weight, its planes are zero"));
        }
        Ok(PreparedPlane { plane, number: self.plane, gridder })
    }
}

/// The images of a plane, one [`Plane`] a Stokes parameter, deconvolved by itself where the request says how.
///
/// # Errors
/// Those of [`PlaneSamples::of_table`], [`PlaneGridder`], the deconvolver; an interrupt.
pub fn image_plane(channels: &PlaneChannels<'_>, request: &PlaneRequest<'_>, watch: &Watch) -> Result<Vec<Plane>> {
    let mut planes: Vec<Plane> = Vec::with_capacity(request.stokes.len());
    let mut last: Option<PlaneGridder> = None;
    for number in 0..request.stokes.len() {
        let mut made = [channels.prepare(number, last.as_ref().zip(planes.last()), request, watch)?];
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
pub fn prepare_plane(
    channels: &PlaneChannels<'_>,
    request: &PlaneRequest<'_>,
    watch: &Watch,
) -> Result<Vec<PreparedPlane>> {
    let mut made: Vec<PreparedPlane> = Vec::with_capacity(request.stokes.len());
    for number in 0..request.stokes.len() {
        let next = channels.prepare(number, made.last().map(|m| (&m.gridder, &m.plane)), request, watch)?;
        made.push(next);
    }
    Ok(made)
}

/// Deconvolves planes of one Stokes parameter as the request's deconvolver does it: jointly, if that is its way. Planes
/// without a beam or a sample are left as they are.
///
/// # Errors
/// Those of the deconvolver; an interrupt.
pub fn deconvolve(planes: &mut [PreparedPlane], request: &PlaneRequest<'_>, watch: &Watch) -> Result<()> {
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
                gridder: &p.gridder,
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

fn power(
    table: &VisibilityTable,
    gridder: &PlaneGridder,
    beams: &StationBeams,
    params: &ImageParams,
) -> Result<Array2<f64>> {
    // one beam needs no station numbers
    let mixed = beams.classes.len() > 1;
    let station = |list: &[u32], row: usize| list.get(row).and_then(|s| beams.class_of.get(*s as usize)).copied();
    if mixed {
        let rows = table.uvw_m.nrows();
        if let Some(row) =
            (0..rows).find(|r| station(&table.antenna1, *r).is_none() || station(&table.antenna2, *r).is_none())
        {
            return Err(Error::input("the visibility file does not say which stations measured a row")
                .found(format!("station numbers {:?}, {:?}", table.antenna1.get(row), table.antenna2.get(row)))
                .expected(format!("two of 0 to {}", beams.class_of.len().saturating_sub(1)))
                .place(format!("row {row}"))
                .hint("give one beam for all: --beam gaussian:15m"));
        }
    }
    let class = |list: &[u32], row: usize| if mixed { station(list, row).unwrap_or(0) } else { 0 };
    let terms = gridder.beam_terms(|row| [class(&table.antenna1, row), class(&table.antenna2, row)]);
    effective_power(&params.geometry, &beams.classes, &terms)
}

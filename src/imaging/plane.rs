//! Everything that is made of one plane: dirty image, PSF, beam, deconvolved images, primary beam.

use super::beam_fit::fit_beam;
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
    /// Gaussian fitted to the PSF.
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

/// Images of `channels` of `table` together, one [`Plane`] a Stokes parameter. `first_channel` is the number of the
/// table's channel 0 and `plane` that of the plane, for words.
///
/// # Errors
/// Those of [`PlaneSamples::of_table`], [`PlaneGridder`], the deconvolver; an interrupt.
pub fn image_plane(
    table: &VisibilityTable,
    channels: Range<usize>,
    first_channel: usize,
    plane: usize,
    request: &PlaneRequest<'_>,
    watch: &Watch,
) -> Result<Vec<Plane>> {
    let name = match (first_channel + channels.start, first_channel + channels.end) {
        (first, end) if end == first + 1 => format!("channel {first}"),
        (first, end) => format!("channels {first} to {}", end - 1),
    };
    let mut planes: Vec<Plane> = Vec::with_capacity(request.stokes.len());
    let mut last: Option<PlaneGridder> = None;
    for (number, stokes) in request.stokes.iter().enumerate() {
        let params = request.params;
        let samples = PlaneSamples::of_table(table, channels.clone(), first_channel, *stokes, request.angles, &params)?;
        let density = request.densities.get(number);
        let gridder = PlaneGridder::new(samples, density, params, last.as_ref()).map_err(|e| e.place(name.clone()))?;
        let (dirty, psf) = match (&last, planes.last()) {
            (Some(before), Some(made)) if gridder.same_psf(before) => (gridder.dirty(watch)?, made.psf.clone()),
            _ => gridder.dirty_and_psf(watch)?,
        };
        let mean = table.freq_hz[channels.clone()].iter().sum::<f64>() / channels.len() as f64;
        let mut made = Plane {
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
        if made.sum_weights > 0.0 {
            match fit_beam(made.psf.view(), &params.geometry) {
                Ok(beam) => made.beam = Some(beam),
                Err(error) => made.notes.push(format!("{name}: no beam fitted; {error}")),
            }
            deconvolve(&mut made, &gridder, plane, request, watch)?;
            if let Some(beams) = request.beams {
                made.power = Some(power(table, &gridder, beams, &params)?);
            }
        } else {
            made.notes.push(format!("{name}: no sample has weight, its planes are zero"));
        }
        planes.push(made);
        last = Some(gridder);
    }
    Ok(planes)
}

fn deconvolve(
    made: &mut Plane,
    gridder: &PlaneGridder,
    plane: usize,
    request: &PlaneRequest<'_>,
    watch: &Watch,
) -> Result<()> {
    let (Some(deconvolver), Some(beam)) = (request.deconvolver, made.beam) else {
        return Ok(());
    };
    let geometry = request.params.geometry;
    let clean = deconvolver.deconvolve(
        &DirtyPlane {
            geometry,
            dirty: made.dirty.view(),
            psf: made.psf.view(),
            beam,
            noise_jy: made.noise.image_jy,
            gridder,
            plane,
        },
        watch,
    )?;
    made.restored = Some(restore(clean.model.view(), clean.residual.view(), &beam, &geometry)?);
    made.notes.extend(clean.notes.iter().cloned());
    made.clean = Some(clean);
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

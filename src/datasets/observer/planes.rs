//! What the samples of each channel make of images, whatever the sky.

use super::{Setup, Wanted, middle, twice};
use crate::error::{Result, Watch};
use crate::formats::fits::Beam;
use crate::formats::visibilities::VisibilityTable;
use crate::imaging::beam_fit::{BeamFit, fit_beam};
use crate::imaging::{
    AT_ONCE, ImageParams, NO_BEAM, PlaneGridder, PlaneSamples, Samples, Stokes, WeightedSamples, check_weights,
    effective_power,
};
use crate::telescope::beam::StationBeams;
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

/// Planes and numbers of all channels.
pub(super) struct Planes {
    /// Shape [channel, y, x].
    pub psf: Array3<f64>,
    /// Of twice the size; empty unless [`Wanted::needs_wide_psf`].
    pub wide_psf: Array3<f64>,
    /// Where corrected images are wanted; 0 where a channel has no weight.
    pub power: Option<Array3<f64>>,
    pub beams: Vec<Beam>,
    /// Jy per beam.
    pub noise_jy: Vec<f64>,
    pub loss: Vec<f64>,
    pub samples: Vec<Samples>,
    pub notes: Vec<String>,
}

/// Those of one channel.
struct Plane {
    psf: Array2<f64>,
    wide_psf: Option<Array2<f64>>,
    power: Option<Array2<f64>>,
    beam: Beam,
    noise_jy: f64,
    loss: f64,
    samples: Samples,
    note: Option<String>,
}

impl Planes {
    /// Grids the PSFs of all channels, a few at a time. `watch` advances by one a channel.
    pub fn new(setup: &Setup, beams: &StationBeams, wanted: Wanted, watch: &Watch) -> Result<Planes> {
        let channels = setup.freq_hz.len();
        let g = setup.image.geometry;
        let cube = || Array3::zeros((channels, g.ny, g.nx));
        let mut planes = Planes {
            psf: cube(),
            wide_psf: if wanted.needs_wide_psf() {
                Array3::zeros((channels, 2 * g.ny, 2 * g.nx))
            } else {
                Array3::default((0, 0, 0))
            },
            power: wanted.corrected.then(cube),
            beams: Vec::with_capacity(channels),
            noise_jy: Vec::with_capacity(channels),
            loss: Vec::with_capacity(channels),
            samples: Vec::with_capacity(channels),
            notes: Vec::new(),
        };
        let numbers: Vec<usize> = (0..channels).collect();
        // tables of one channel, one a thread: reading the visibilities of all channels would make memory of their zeros
        let at_once = rayon::current_num_threads().clamp(1, AT_ONCE).min(channels);
        let mut tables = vec![setup.table(&setup.freq_hz[..1], watch)?.0; at_once];
        for group in numbers.chunks(at_once) {
            let made: Vec<Result<Plane>> = group
                .par_iter()
                .zip(&mut tables)
                .map(|(&channel, table)| {
                    table.freq_hz[0] = setup.freq_hz[channel];
                    let plane = Plane::new(setup, table, beams, wanted, channel, &watch.quiet())?;
                    watch.advance(1)?;
                    Ok(plane)
                })
                .collect();
            for (&channel, plane) in group.iter().zip(made) {
                planes.take(channel, plane?);
            }
        }
        check_weights(&planes.samples, tables[0].uvw_m.nrows(), channels)?;
        Ok(planes)
    }

    fn take(&mut self, channel: usize, plane: Plane) {
        self.psf.index_axis_mut(Axis(0), channel).assign(&plane.psf);
        if let Some(wide) = plane.wide_psf {
            self.wide_psf.index_axis_mut(Axis(0), channel).assign(&wide);
        }
        if let (Some(all), Some(power)) = (&mut self.power, plane.power) {
            all.index_axis_mut(Axis(0), channel).assign(&power);
        }
        self.beams.push(plane.beam);
        self.noise_jy.push(plane.noise_jy);
        self.loss.push(plane.loss);
        self.samples.push(plane.samples);
        self.notes.extend(plane.note);
    }

    /// The note on a channel with samples whose PSF no Gaussian fits.
    pub fn beamless(&self) -> Option<&str> {
        let at = self.beams.iter().zip(&self.samples).position(|(beam, s)| *beam == NO_BEAM && s.used > 0)?;
        let name = format!("channel {at}:");
        self.notes.iter().find(|note| note.starts_with(&name)).map(String::as_str)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        8 * (self.psf.len() + self.wide_psf.len() + self.power.as_ref().map_or(0, |p| p.len()))
    }
}

impl Plane {
    fn new(
        setup: &Setup,
        table: &VisibilityTable,
        beams: &StationBeams,
        wanted: Wanted,
        channel: usize,
        watch: &Watch,
    ) -> Result<Plane> {
        let (params, g) = (setup.image, setup.image.geometry);
        let samples = PlaneSamples::of_table(table, 0..1, channel, Stokes::I, None, &params)?;
        // weights are those of the images, whatever the size of the PSF
        let weighted = WeightedSamples::new(samples, None, &params);
        let (sums, name) = (*weighted.sums(), format!("channel {channel}"));
        let mut plane = Plane {
            psf: Array2::zeros((g.ny, g.nx)),
            wide_psf: None,
            power: None,
            beam: NO_BEAM,
            noise_jy: sums.noise().image_jy,
            loss: sums.noise().loss(),
            samples: sums.samples,
            note: None,
        };
        if sums.imaging == 0.0 {
            plane.note = Some(format!("{name}: no sample has weight, its planes are zero"));
            return Ok(plane);
        }
        if wanted.corrected {
            let class = |stations: &[u32], row: usize| beams.class_of[stations[row] as usize];
            let terms = weighted.beam_terms(|row| [class(&table.antenna1, row), class(&table.antenna2, row)]);
            plane.power = Some(effective_power(&g, &beams.classes, &terms)?);
        }
        let geometry = if wanted.needs_wide_psf() { twice(g) } else { g };
        geometry.validate()?;
        let gridder = PlaneGridder::new(weighted, ImageParams { geometry, ..params }, None)?;
        let (_, psf) = gridder.dirty_and_psf(watch)?;
        if wanted.needs_wide_psf() {
            plane.psf = middle(&psf, g);
            plane.wide_psf = Some(psf);
        } else {
            plane.psf = psf;
        }
        match fit_beam(plane.psf.view(), &g, BeamFit::default()) {
            Ok(beam) => plane.beam = beam,
            Err(error) => plane.note = Some(format!("{name}: no beam fitted; {error}")),
        }
        Ok(plane)
    }
}

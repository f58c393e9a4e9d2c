//! The exact direct sum.

mod average;
mod band;
mod bare;
mod dishes;
mod stations;
#[cfg(test)]
mod tests;

use super::geometry::Instant;
use super::input::{SampleCount, check_cube, check_stations, flag_beyond_nyquist};
use super::product::Place;
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::math::vectors::vectors;
use crate::sky::components::{Component, GaussianTaper};
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::units::RaDec;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// What sources are summed in; phases are float64 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Summing {
    /// float64: errors of 1e-15 of the largest phase in turns.
    #[default]
    Float64,
    /// float32, by blocks of 256 sources: errors below 3e-6 of the rms, in 0.57 to 0.67 of the time (docs/direct.md).
    Float32,
}

/// The time step and channel that a sample is the mean of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    /// Time over which a sample is averaged, s; 0 for none.
    pub time_s: f64,
    /// Width of a channel, Hz; 0 for none.
    pub bandwidth_hz: f64,
    /// Rotation of the Earth, rad/s: [`EARTH_RATE`], or [`OSKAR_EARTH_RATE`].
    pub rate_rad_s: f64,
}

/// Rotation of the Earth, rad/s (IAU 2000: 2 pi 1.00273781191135448 per day of UT1).
pub const EARTH_RATE: f64 = TAU * 1.002_737_811_911_354_6 / 86_400.0;

/// OSKAR's (oskar/correlate/define_correlate_utils.h): a turn a day of UTC, 0.27 % too slow.
pub const OSKAR_EARTH_RATE: f64 = 7.272_205_217e-5;

/// What happens to samples that are means over time and frequency.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Smearing {
    /// Nothing: samples are of the middle of their cell.
    #[default]
    None,
    /// Each source's share times sin(x)/x for bandwidth and for time, with the rate of the middle of the cell (OSKAR's factors).
    Sinc(Cell),
    /// The mean over the cell, to `epsilon` of a source's flux. Responses of stations are those of the middle of the cell, or of
    /// the parts that it is cut into.
    Average {
        /// The cell.
        cell: Cell,
        /// Largest error, relative.
        epsilon: f64,
    },
}

/// How a direct sum is made.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DirectOptions {
    /// What sources are summed in.
    pub summing: Summing,
    /// What happens within a cell.
    pub smearing: Smearing,
}

impl From<Summing> for DirectOptions {
    fn from(summing: Summing) -> DirectOptions {
        DirectOptions { summing, smearing: Smearing::None }
    }
}

/// The sky of a direct sum.
#[derive(Debug, Clone, Copy)]
pub enum DirectSky<'a> {
    /// Points and Gaussians; `snap_tolerance` as in [`GaussianTaper::project`].
    Components {
        /// The sources.
        list: &'a [Component],
        /// 1e-3 to reproduce OSKAR's Gaussians, 0 otherwise.
        snap_tolerance: f64,
    },
    /// Every pixel that is not zero in all channels, as a point at its centre.
    Cube(&'a SkyCube),
}

impl DirectSky<'_> {
    /// I, Q, U, V of a source in a channel, Jy.
    fn stokes(&self, source: &Source, channel: usize, freq_hz: f64) -> [f64; 4] {
        match self {
            DirectSky::Components { list, .. } => list[source.number].stokes_at(freq_hz),
            DirectSky::Cube(cube) => {
                let nx = cube.flux_jy.dim().2;
                [cube.flux_jy[[channel, source.number / nx, source.number % nx]], 0.0, 0.0, 0.0]
            }
        }
    }
}

/// The place of one source.
#[derive(Clone)]
struct Source {
    /// Of the component, or the pixel (row by row).
    number: usize,
    direction: RaDec,
    /// l, m, n - 1.
    lmn1: [f64; 3],
    taper: Option<GaussianTaper>,
}

impl Source {
    fn place(&self) -> Place {
        let (sin_ra, cos_ra) = self.direction.ra_rad.sin_cos();
        let (sin_dec, cos_dec) = self.direction.dec_rad.sin_cos();
        Place {
            lmn1: self.lmn1,
            towards: self.direction.unit_vector(),
            east: [-sin_ra, cos_ra, 0.0],
            north: [-cos_ra * sin_dec, -sin_ra * sin_dec, cos_dec],
        }
    }
}

fn n_minus_1(l: f64, m: f64, n: f64) -> f64 {
    // no cancellation near the phase centre
    if n > 0.0 { -(l * l + m * m) / (1.0 + n) } else { n - 1.0 }
}

/// Adds the visibilities of `sky` to `table.vis`, by the sum as written.
///
/// `station` holds the geometry of each time step (rows of the table in their order) and the beams;
/// without it (a bare uvw set) there is no horizon, no beam, no smearing and only polarisation "I". With
/// `nyquist_cell_rad` samples beyond the limit of pixels of that size are flagged, and counted. Flagged samples (row and channel with all products
/// flagged) are left as they are.
pub fn predict_direct(
    table: &mut VisibilityTable,
    sky: DirectSky,
    station: Option<(&[Instant], &StationBeams)>,
    nyquist_cell_rad: Option<f64>,
    options: impl Into<DirectOptions>,
    watch: &Watch,
) -> Result<SampleCount> {
    check_stations(table, station)?;
    let options = options.into();
    let sources = collect(&sky, table)?;
    let count = flag_beyond_nyquist(table, nyquist_cell_rad);
    match station {
        None if options.smearing != Smearing::None => {
            return Err(Error::input("a bare uvw set cannot be smeared: it does not say how stations move")
                .expected("an observation of a telescope, or no smearing"));
        }
        None => bare::add(table, &sky, &sources, watch)?,
        Some(station) => match options.summing {
            Summing::Float64 => {
                stations::add::<f64>(table, &sky, sources, station, options.smearing, vectors(), watch)?
            }
            Summing::Float32 => {
                stations::add::<f32>(table, &sky, sources, station, options.smearing, vectors(), watch)?
            }
        },
    }
    Ok(count)
}

fn collect(sky: &DirectSky, table: &VisibilityTable) -> Result<Vec<Source>> {
    let centre = table.phase_centre;
    match sky {
        DirectSky::Components { list, snap_tolerance } => list
            .iter()
            .enumerate()
            .map(|(number, c)| {
                let taper =
                    c.shape.map(|s| GaussianTaper::project(s, c.direction, centre, *snap_tolerance)).transpose()?;
                let [l, m, n] = c.direction.lmn(centre);
                Ok(Source { number, direction: c.direction, lmn1: [l, m, n_minus_1(l, m, n)], taper })
            })
            .collect(),
        DirectSky::Cube(cube) => {
            check_cube(cube, table)?;
            let (_, ny, nx) = cube.flux_jy.dim();
            let geometry = cube.geometry();
            let mut sources = Vec::new();
            for y in 0..ny {
                for x in 0..nx {
                    if cube.flux_jy.slice(ndarray::s![.., y, x]).iter().all(|s| *s == 0.0) {
                        continue;
                    }
                    let l = (x as f64 - (nx / 2) as f64) * geometry.dl;
                    let m = (y as f64 - (ny / 2) as f64) * geometry.dm;
                    if l.hypot(m) >= 1.0 {
                        return Err(Error::input("the sky cube has flux more than 90 degrees from its centre")
                            .found(format!("pixel ({x}, {y}), 0-based"))
                            .expected("pixels with l^2 + m^2 < 1"));
                    }
                    // the pixel's own l and m, not their round trip through angles
                    let lmn1 = [l, m, n_minus_1(l, m, (1.0 - l * l - m * m).sqrt())];
                    let direction = RaDec::from_lm(l, m, centre);
                    sources.push(Source { number: y * nx + x, direction, lmn1, taper: None });
                }
            }
            Ok(sources)
        }
    }
}

/// exp(2 pi i turns); whole turns are taken off first, which is exact.
fn phasor_of_turns(turns: f64) -> Complex64 {
    let (s, c) = (TAU * (turns - turns.round())).sin_cos();
    Complex64::new(c, s)
}

/// V_k = sum_s flux_s exp(2 pi i (u l + v m + w (n-1))) for points at (l, m) and uvw in wavelengths.
pub fn sum_points(lm: &[[f64; 2]], flux_jy: &[f64], uvw_wavelengths: &[[f64; 3]]) -> Vec<Complex64> {
    uvw_wavelengths
        .par_iter()
        .map(|[u, v, w]| {
            lm.iter()
                .zip(flux_jy)
                .map(|([l, m], s)| {
                    let n1 = n_minus_1(*l, *m, (1.0 - l * l - m * m).max(0.0).sqrt());
                    phasor_of_turns(u * l + v * m + w * n1) * *s
                })
                .sum()
        })
        .collect()
}

//! The exact direct sum: the twin that every fast route is compared with.

use super::geometry::Instant;
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::sky::components::{Component, GaussianTaper};
use crate::sky::cube::SkyCube;
use crate::telescope::beam::{StationBeams, VoltageBeam};
use crate::units::{C_M_S, RaDec};
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;
use std::sync::Arc;

/// Sources handled at a time: their per-station factors stay in the cache.
const BLOCK: usize = 256;

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

/// One source, ready to be summed: Stokes I, Q, U, V per channel and its place.
struct Source {
    direction: RaDec,
    /// l, m, n - 1.
    lmn1: [f64; 3],
    taper: Option<GaussianTaper>,
    stokes: Vec<[f64; 4]>,
}

impl Source {
    fn new(direction: RaDec, centre: RaDec, taper: Option<GaussianTaper>, stokes: Vec<[f64; 4]>) -> Source {
        let [l, m, n] = direction.lmn(centre);
        Source { direction, lmn1: [l, m, n_minus_1(l, m, n)], taper, stokes }
    }
}

fn n_minus_1(l: f64, m: f64, n: f64) -> f64 {
    // no cancellation near the phase centre
    if n > 0.0 { -(l * l + m * m) / (1.0 + n) } else { n - 1.0 }
}

/// Adds the visibilities of `sky` to `table.vis`, by the sum as written, in f64.
///
/// `station` holds the geometry of each time step (rows of the table in their order) and the beams;
/// without it (a bare uvw set) there is no horizon, no beam and only polarisation "I". With
/// `nyquist_cell_rad` samples beyond the limit of pixels of that size are flagged; the number of those
/// that were not flagged before is returned. Flagged samples (row and channel with all products
/// flagged) are left as they are.
pub fn predict_direct(
    table: &mut VisibilityTable,
    sky: DirectSky,
    station: Option<(&[Instant], &StationBeams)>,
    nyquist_cell_rad: Option<f64>,
    watch: &Watch,
) -> Result<usize> {
    match station {
        None if table.polarisations != Polarisations::I => {
            return Err(Error::input("a bare uvw set can only be predicted in Stokes I")
                .found(table.polarisations.name())
                .expected("I"));
        }
        None => {}
        Some((instants, beams)) => check_stations(table, instants, beams)?,
    }
    let sources = collect(sky, table)?;
    let left_out = nyquist_cell_rad.map_or(0, |cell| flag_beyond_nyquist(table, cell));
    let rows = table.uvw_m.nrows();
    for block in sources.chunks(BLOCK) {
        match station {
            None => {
                add_block(table, 0..rows, block, None);
                watch.advance(block.len() as u64)?;
            }
            Some((instants, beams)) => {
                let voltage = voltages(beams, block, &table.freq_hz);
                let rows_each = rows / instants.len().max(1);
                for (step, instant) in instants.iter().enumerate() {
                    let rotation = rotations(instant, block, table.polarisations);
                    let factors = StationFactors { rotation, voltage: &voltage, class_of: &beams.class_of };
                    add_block(table, step * rows_each..(step + 1) * rows_each, block, Some(&factors));
                    watch.advance(block.len() as u64)?;
                }
            }
        }
    }
    Ok(left_out)
}

/// The rows must be those of `instants`, in equal shares, and the stations those of `beams`.
fn check_stations(table: &VisibilityTable, instants: &[Instant], beams: &StationBeams) -> Result<()> {
    let (rows, stations) = (table.uvw_m.nrows(), beams.class_of.len());
    let rows_each = rows / instants.len().max(1);
    let fits = rows_each * instants.len() == rows
        && [table.antenna1.len(), table.antenna2.len(), table.time_mjd_utc.len()].iter().all(|n| *n == rows)
        && table.antenna1.iter().chain(&table.antenna2).all(|a| (*a as usize) < stations)
        && instants.iter().all(|i| i.zenith.len() == stations)
        && table.time_mjd_utc.iter().enumerate().all(|(row, t)| *t == instants[row / rows_each].mjd_utc);
    if fits {
        return Ok(());
    }
    Err(Error::input("the visibility table does not belong to the given stations and time steps")
        .found(format!("{rows} rows; {stations} stations with beams, {} time steps", instants.len()))
        .expected("a table of the same telescope and track"))
}

fn flag_beyond_nyquist(table: &mut VisibilityTable, cell_rad: f64) -> usize {
    let mut left_out = 0;
    for row in 0..table.uvw_m.nrows() {
        for channel in 0..table.freq_hz.len() {
            if super::beyond_nyquist(table.uvw_m[[row, 0]], table.uvw_m[[row, 1]], table.freq_hz[channel], cell_rad) {
                let mut flags = table.flag.slice_mut(ndarray::s![row, channel, ..]);
                left_out += usize::from(!flags.iter().all(|f| *f));
                flags.fill(true);
            }
        }
    }
    left_out
}

fn collect(sky: DirectSky, table: &VisibilityTable) -> Result<Vec<Source>> {
    let (centre, freq_hz) = (table.phase_centre, &table.freq_hz);
    match sky {
        DirectSky::Components { list, snap_tolerance } => list
            .iter()
            .map(|c| {
                let taper =
                    c.shape.map(|s| GaussianTaper::project(s, c.direction, centre, snap_tolerance)).transpose()?;
                let stokes = freq_hz.iter().map(|f| c.stokes_at(*f)).collect();
                Ok(Source::new(c.direction, centre, taper, stokes))
            })
            .collect(),
        DirectSky::Cube(cube) => {
            check_cube(cube, table)?;
            let (_, ny, nx) = cube.flux_jy.dim();
            let geometry = cube.geometry();
            let mut sources = Vec::new();
            for y in 0..ny {
                for x in 0..nx {
                    let flux = cube.flux_jy.slice(ndarray::s![.., y, x]);
                    if flux.iter().all(|s| *s == 0.0) {
                        continue;
                    }
                    let l = (x as f64 - (nx / 2) as f64) * geometry.dl;
                    let m = (y as f64 - (ny / 2) as f64) * geometry.dm;
                    if l.hypot(m) >= 1.0 {
                        return Err(Error::input("the sky cube has flux more than 90 degrees from its centre")
                            .found(format!("pixel ({x}, {y}), 0-based"))
                            .expected("pixels with l^2 + m^2 < 1"));
                    }
                    let stokes = flux.iter().map(|s| [*s, 0.0, 0.0, 0.0]).collect();
                    // the pixel's own l and m, not their round trip through angles
                    let lmn1 = [l, m, n_minus_1(l, m, (1.0 - l * l - m * m).sqrt())];
                    sources.push(Source { direction: RaDec::from_lm(l, m, centre), lmn1, taper: None, stokes });
                }
            }
            Ok(sources)
        }
    }
}

/// A cube is predicted on its own channels and about its own centre, never relabelled.
fn check_cube(cube: &SkyCube, table: &VisibilityTable) -> Result<()> {
    let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-3 * cube.channel_width_hz + 1e-9 * b;
    if cube.freq_hz.len() != table.freq_hz.len() || !cube.freq_hz.iter().zip(&table.freq_hz).all(same) {
        let range = |f: &[f64]| format!("{} from {:?} to {:?} Hz", f.len(), f.first(), f.last());
        return Err(Error::input("the sky cube and the observation have different channels")
            .found(range(&cube.freq_hz))
            .expected(range(&table.freq_hz)));
    }
    let [l, m, n] = cube.centre.lmn(table.phase_centre);
    if n <= 0.0 || l.hypot(m) > 1e-3 * cube.cell_rad {
        return Err(Error::input("the sky cube is not centred on the phase centre")
            .found(format!("{:?}", cube.centre))
            .expected(format!("{:?}", table.phase_centre)));
    }
    Ok(())
}

/// What depends on station and source but not on the baseline.
struct StationFactors<'a> {
    /// [station][source]: (cos p, sin p), or None below the horizon.
    rotation: Vec<Vec<Option<(f64, f64)>>>,
    /// [beam class][channel][source].
    voltage: &'a [Vec<Vec<f64>>],
    class_of: &'a [usize],
}

fn rotations(instant: &Instant, block: &[Source], polarisations: Polarisations) -> Vec<Vec<Option<(f64, f64)>>> {
    let vectors: Vec<_> = block.iter().map(|s| s.direction.unit_vector()).collect();
    let of = |station: usize, source: &Source, vector: [f64; 3]| {
        (instant.sin_elevation(station, vector) >= 0.0).then(|| match polarisations {
            Polarisations::I => (1.0, 0.0),
            Polarisations::Linear => instant.parallactic(station, source.direction),
        })
    };
    (0..instant.zenith.len())
        .into_par_iter()
        .map(|station| block.iter().zip(&vectors).map(|(source, vector)| of(station, source, *vector)).collect())
        .collect()
}

fn voltages(beams: &StationBeams, block: &[Source], freq_hz: &[f64]) -> Vec<Vec<Vec<f64>>> {
    let of = |beam: &dyn VoltageBeam, source: &Source, freq_hz: f64| {
        let [l, m, n1] = source.lmn1;
        match beam.is_unity() {
            true => 1.0,
            // a dish sees nothing behind its back
            false if n1 <= -1.0 => 0.0,
            false => beam.voltage(l.hypot(m).min(1.0), freq_hz),
        }
    };
    let of_class = |beam: &Arc<dyn VoltageBeam>| {
        freq_hz.iter().map(|f| block.iter().map(|s| of(beam.as_ref(), s, *f)).collect()).collect()
    };
    beams.classes.iter().map(of_class).collect()
}

fn add_block(
    table: &mut VisibilityTable,
    rows: std::ops::Range<usize>,
    block: &[Source],
    factors: Option<&StationFactors>,
) {
    let (uvw, freq, flag) = (&table.uvw_m, &table.freq_hz, &table.flag);
    let (antenna1, antenna2) = (&table.antenna1, &table.antenna2);
    let first = rows.start;
    table.vis.slice_axis_mut(Axis(0), rows.into()).axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(
        |(k, mut vis)| {
            let row = first + k;
            let flagged = |channel: &usize| flag.slice(ndarray::s![row, *channel, ..]).iter().all(|f| *f);
            let channels: Vec<usize> = (0..freq.len()).filter(|c| !flagged(c)).collect();
            if channels.is_empty() {
                return;
            }
            let [u, v, w] = [0, 1, 2].map(|j| uvw[[row, j]]);
            for (index, source) in block.iter().enumerate() {
                let pair = match factors {
                    Some(f) => {
                        let (p, q) = (antenna1[row] as usize, antenna2[row] as usize);
                        match (f.rotation[p][index], f.rotation[q][index]) {
                            (Some(rp), Some(rq)) => {
                                Some((rp, rq, &f.voltage[f.class_of[p]], &f.voltage[f.class_of[q]]))
                            }
                            _ => continue,
                        }
                    }
                    None => None,
                };
                let [l, m, n1] = source.lmn1;
                let path_s = (u * l + v * m + w * n1) / C_M_S;
                for &channel in &channels {
                    let freq_hz = freq[channel];
                    let [i, q, uu, vv] = source.stokes[channel];
                    if [i, q, uu, vv] == [0.0; 4] {
                        continue;
                    }
                    let mut gain = 1.0;
                    if let Some((_, _, ep, eq)) = pair {
                        gain *= ep[channel][index] * eq[channel][index];
                    }
                    if let Some(taper) = &source.taper {
                        gain *= (-taper.exponent(u * freq_hz / C_M_S, v * freq_hz / C_M_S)).exp();
                    }
                    let phasor = gain * phasor_of_turns(path_s * freq_hz);
                    let Some(((cp, sp), (cq, sq), _, _)) = pair.filter(|_| vis.dim().1 == 4) else {
                        vis[[channel, 0]] += phasor * i;
                        continue;
                    };
                    // R_p B R_q^T
                    let b = [
                        [Complex64::new(i + q, 0.0), Complex64::new(uu, vv)],
                        [Complex64::new(uu, -vv), Complex64::new(i - q, 0.0)],
                    ];
                    let left = [
                        [b[0][0] * cp - b[1][0] * sp, b[0][1] * cp - b[1][1] * sp],
                        [b[0][0] * sp + b[1][0] * cp, b[0][1] * sp + b[1][1] * cp],
                    ];
                    for (row2, pols) in left.iter().zip([[0, 1], [2, 3]]) {
                        vis[[channel, pols[0]]] += phasor * (row2[0] * cq - row2[1] * sq);
                        vis[[channel, pols[1]]] += phasor * (row2[0] * sq + row2[1] * cq);
                    }
                }
            }
        },
    );
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

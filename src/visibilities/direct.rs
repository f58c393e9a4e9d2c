//! The exact direct sum: points as products of matrices, extended sources baseline by baseline.

use super::geometry::Instant;
use super::input::{SampleCount, check_cube, check_stations, flag_beyond_nyquist};
use super::product::{self, Place, Points, Real, Stations, Sums};
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::vectors::{Vectors, vectors};
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

/// What points are summed in; phases are float64 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summing {
    /// float64: errors of 1e-15 of the largest phase in turns.
    Float64,
    /// float32, by blocks of 256 points: errors below 3e-6 of the rms, in 0.57 to 0.67 of the time (docs/direct.md).
    Float32,
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
/// without it (a bare uvw set) there is no horizon, no beam and only polarisation "I". With
/// `nyquist_cell_rad` samples beyond the limit of pixels of that size are flagged, and counted. Flagged samples (row and channel with all products
/// flagged) are left as they are.
pub fn predict_direct(
    table: &mut VisibilityTable,
    sky: DirectSky,
    station: Option<(&[Instant], &StationBeams)>,
    nyquist_cell_rad: Option<f64>,
    summing: Summing,
    watch: &Watch,
) -> Result<SampleCount> {
    check_stations(table, station)?;
    let sources = collect(sky, table)?;
    let count = flag_beyond_nyquist(table, nyquist_cell_rad);
    let (points, extended): (Vec<Source>, Vec<Source>) =
        sources.into_iter().partition(|source| station.is_some() && source.taper.is_none());
    if let Some(station) = station.filter(|_| !points.is_empty()) {
        match summing {
            Summing::Float64 => add_points::<f64>(table, &points, station, vectors(), watch)?,
            Summing::Float32 => add_points::<f32>(table, &points, station, vectors(), watch)?,
        }
    }
    add_one_by_one(table, &extended, station, watch)?;
    Ok(count)
}

/// Adds `sources` baseline by baseline: what has a shape, and the twin of [`add_points`].
fn add_one_by_one(
    table: &mut VisibilityTable,
    sources: &[Source],
    station: Option<(&[Instant], &StationBeams)>,
    watch: &Watch,
) -> Result<()> {
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
    Ok(())
}

/// Adds points as all stations at all times see them, summed in `R`.
fn add_points<R: Real>(
    table: &mut VisibilityTable,
    points: &[Source],
    (instants, beams): (&[Instant], &StationBeams),
    with: Vectors,
    watch: &Watch,
) -> Result<()> {
    let places: Vec<Place> = points.iter().map(Source::place).collect();
    let rows_each = table.uvw_m.nrows() / instants.len().max(1);
    let mut sums = Sums::new(beams.class_of.len(), table.polarisations.count());
    for (step, instant) in instants.iter().enumerate() {
        let rows = step * rows_each..(step + 1) * rows_each;
        for channel in 0..table.freq_hz.len() {
            if table.flag.slice(ndarray::s![rows.clone(), channel, ..]).iter().all(|flag| *flag) {
                continue;
            }
            sums.clear();
            let stations = Stations {
                uvw_m: &instant.station_uvw_m,
                zenith: &instant.zenith,
                class_of: &beams.class_of,
                turns_per_m: table.freq_hz[channel] / C_M_S,
            };
            for (points, places) in points.chunks(product::BLOCK).zip(places.chunks(product::BLOCK)) {
                watch.check()?;
                let stokes: Vec<[f64; 4]> = points.iter().map(|p| p.stokes[channel]).collect();
                let voltage: Option<Vec<Vec<f64>>> = (!beams.is_unity()).then(|| {
                    let of = |mut class: Vec<Vec<f64>>| class.swap_remove(0);
                    voltages(beams, points, &table.freq_hz[channel..=channel]).into_iter().map(of).collect()
                });
                sums.add::<R>(with, &stations, &Points { places, stokes: &stokes, voltage: voltage.as_deref() });
            }
            for row in rows.clone() {
                if table.flag.slice(ndarray::s![row, channel, ..]).iter().all(|flag| *flag) {
                    continue;
                }
                let (p, q) = (table.antenna1[row] as usize, table.antenna2[row] as usize);
                let mut vis = table.vis.slice_mut(ndarray::s![row, channel, ..]);
                (0..vis.len()).for_each(|product| vis[product] += sums.of(p, q, product));
            }
        }
        watch.advance(points.len() as u64)?;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::components::{GaussianShape, Spectrum};
    use crate::telescope::beam::{AiryBeam, BeamChoice, GaussianBeam, Isotropic};
    use crate::telescope::{Geodetic, Telescope};
    use crate::units::ARCSEC_RAD;
    use crate::visibilities::Track;
    use crate::visibilities::testing::{
        continental_array, enu_array, gast_rad, point, small_array, table, track, with_threads,
    };
    use ndarray::{Array3, s};
    use std::f64::consts::{FRAC_PI_2, PI};

    const FREQ_HZ: [f64; 2] = [1.30e9, 1.42e9];

    fn predicted(
        telescope: &Telescope,
        track: &Track,
        polarisations: Polarisations,
        list: &[Component],
    ) -> VisibilityTable {
        let (mut t, instants) = table(telescope, track, &FREQ_HZ, polarisations);
        let beams = StationBeams::new(telescope, BeamChoice::None);
        let sky = DirectSky::Components { list, snap_tolerance: 0.0 };
        predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
        t
    }

    /// exp(2 pi i (u l + v m + w (n - 1)) nu / c), spelt out.
    fn phasor(t: &VisibilityTable, row: usize, channel: usize, direction: RaDec) -> Complex64 {
        let [l, m, n] = direction.lmn(t.phase_centre);
        let [u, v, w] = [0, 1, 2].map(|k| t.uvw_m[[row, k]]);
        Complex64::cis(2.0 * PI * (u * l + v * m + w * (n - 1.0)) * t.freq_hz[channel] / C_M_S)
    }

    /// Points about `centre`, of every polarisation.
    fn scattered(centre: RaDec) -> Vec<Component> {
        let stokes = [
            [2.0, 0.0, 0.0, 0.0],
            [1.0, 0.4, 0.0, 0.0],
            [1.5, 0.0, -0.6, 0.0],
            [0.7, 0.1, 0.2, 0.3],
            [3.0, 0.0, 0.0, 1.0],
        ];
        stokes
            .iter()
            .enumerate()
            .map(|(k, s)| {
                let (sin, cos) = (1.1 * k as f64).sin_cos();
                point(RaDec::from_lm(0.004 * k as f64 * cos, 0.004 * k as f64 * sin, centre), *s)
            })
            .collect()
    }

    #[test]
    fn a_source_at_the_phase_centre_gives_its_flux_everywhere() {
        let track = track(-35.0, -0.4);
        let mut source = point(track.phase_centre, [2.5, 0.0, 0.0, 0.0]);
        source.spectrum = Spectrum::LogPolynomial { reference_hz: 1.42e9, terms: vec![-0.7] };
        let t = predicted(&small_array(), &track, Polarisations::I, &[source]);
        for (channel, freq) in FREQ_HZ.iter().enumerate() {
            let expected = 2.5 * (freq / 1.42e9).powf(-0.7);
            assert!(t.vis.slice(s![.., channel, ..]).iter().all(|v| (v - expected).norm() < 1e-13));
        }
    }

    #[test]
    fn a_swapped_baseline_is_the_hermitian_conjugate() {
        let (telescope, track) = (small_array(), track(-35.0, 0.7));
        let list = scattered(track.phase_centre);
        let t = predicted(&telescope, &track, Polarisations::Linear, &list);
        let (mut swapped, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::Linear);
        swapped.uvw_m.mapv_inplace(|x| -x);
        std::mem::swap(&mut swapped.antenna1, &mut swapped.antenna2);
        let beams = StationBeams::new(&telescope, BeamChoice::None);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        predict_direct(&mut swapped, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
        for (a, b) in t.vis.lanes(Axis(2)).into_iter().zip(swapped.vis.lanes(Axis(2))) {
            for (p, q) in [(0, 0), (1, 2), (2, 1), (3, 3)] {
                assert!((a[p] - b[q].conj()).norm() < 1e-12);
            }
        }
    }

    /// V = sum K R_p B R_q^H with 2x2 matrices, the parallactic angle from hour angle and declination.
    #[test]
    fn polarisation_turns_with_the_parallactic_angle_of_each_station() {
        let telescope = continental_array();
        let track = track(-35.0, -1.2);
        let list = scattered(track.phase_centre);
        let t = predicted(&telescope, &track, Polarisations::Linear, &list);
        type Matrix = [[Complex64; 2]; 2];
        let times = |a: Matrix, b: Matrix| [0, 1].map(|i| [0, 1].map(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j]));
        let real = |x: f64| Complex64::new(x, 0.0);
        let rotation = |place: Geodetic, direction: RaDec, mjd: f64| -> Matrix {
            let hour_angle = gast_rad(mjd) + place.lon_rad - direction.ra_rad;
            let (sin_lat, cos_lat) = place.lat_rad.sin_cos();
            let (sin_dec, cos_dec) = direction.dec_rad.sin_cos();
            let angle = (cos_lat * hour_angle.sin()).atan2(sin_lat * cos_dec - cos_lat * sin_dec * hour_angle.cos());
            [[real(angle.cos()), real(-angle.sin())], [real(angle.sin()), real(angle.cos())]]
        };
        for row in 0..t.uvw_m.nrows() {
            let [p, q] = [t.antenna1[row], t.antenna2[row]].map(|a| telescope.geodetic(a as usize));
            for channel in 0..2 {
                let mut sum = [[real(0.0); 2]; 2];
                for source in &list {
                    let [i, stokes_q, u, v] = source.stokes_jy;
                    let b = [[real(i + stokes_q), Complex64::new(u, v)], [Complex64::new(u, -v), real(i - stokes_q)]];
                    let left = rotation(p, source.direction, t.time_mjd_utc[row]);
                    let right = rotation(q, source.direction, t.time_mjd_utc[row]);
                    let right = [[right[0][0], right[1][0]], [right[0][1], right[1][1]]];
                    let k = phasor(&t, row, channel, source.direction);
                    let product = times(times(left, b), right);
                    for (x, y) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                        sum[x][y] += k * product[x][y];
                    }
                }
                for (k, expected) in sum.iter().flatten().enumerate() {
                    // the phase of 5000 km at 1.4 GHz is 1e8 rad
                    assert!((t.vis[[row, channel, k]] - expected).norm() < 1e-6, "row {row}, product {k}");
                }
            }
        }
        // the stations see the sky turned differently: an unpolarised source has cross products
        assert!(t.vis.slice(s![.., .., 1]).iter().any(|v| v.norm() > 0.5));
    }

    #[test]
    fn a_source_below_the_horizon_of_either_station_gives_nothing() {
        let telescope = continental_array();
        let track = track(-20.0, 0.0);
        for polarisations in [Polarisations::I, Polarisations::Linear] {
            let source = point(track.phase_centre, [1.0, 0.0, 0.0, 0.0]);
            let t = predicted(&telescope, &track, polarisations, &[source]);
            let (mut dark, mut lit) = (0, 0);
            for row in 0..t.uvw_m.nrows() {
                let up = [t.antenna1[row], t.antenna2[row]].iter().all(|a| {
                    let place = telescope.geodetic(*a as usize);
                    let hour_angle = gast_rad(t.time_mjd_utc[row]) + place.lon_rad - track.phase_centre.ra_rad;
                    let (sin_dec, cos_dec) = track.phase_centre.dec_rad.sin_cos();
                    place.lat_rad.sin() * sin_dec + place.lat_rad.cos() * cos_dec * hour_angle.cos() > 0.0
                });
                let size = t.vis.slice(s![row, .., ..]).iter().map(|v| v.norm()).fold(0.0, f64::max);
                assert!(if up { (size - 1.0).abs() < 0.3 } else { size == 0.0 }, "row {row}: {size}");
                (if up { lit += 1 } else { dark += 1 });
            }
            assert!(dark > 0 && lit > 0);
        }
    }

    /// For stations that see the sky turned alike; a kilometre turns the zenith by 1.6e-4 rad, which
    /// enters I, Q and U in second order (and V in first: there is none here).
    #[test]
    fn half_the_sum_of_xx_and_yy_is_the_scalar_mode() {
        let (telescope, track) = (small_array(), track(10.0, -1.2));
        let mut list = scattered(track.phase_centre);
        list.iter_mut().for_each(|c| c.stokes_jy[3] = 0.0);
        let scalar = predicted(&telescope, &track, Polarisations::I, &list);
        let linear = predicted(&telescope, &track, Polarisations::Linear, &list);
        for (i, pols) in scalar.vis.iter().zip(linear.vis.lanes(Axis(2))) {
            assert!((0.5 * (pols[0] + pols[3]) - i).norm() < 1e-6);
        }
    }

    #[test]
    fn beams_of_two_station_types_multiply_per_baseline_and_channel() {
        let (telescope, track) = (small_array(), track(-35.0, 0.2));
        let (gaussian, airy) = (GaussianBeam { diameter_m: 13.5 }, AiryBeam { diameter_m: 15.0 });
        let beams = StationBeams { classes: vec![Arc::new(gaussian), Arc::new(airy)], class_of: vec![1, 0, 0, 1, 0] };
        let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        let list = scattered(track.phase_centre);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
        let voltage = |station: u32, sin_theta: f64, freq: f64| match station {
            0 | 3 => airy.voltage(sin_theta, freq),
            _ => gaussian.voltage(sin_theta, freq),
        };
        for row in 0..t.uvw_m.nrows() {
            for (channel, freq) in FREQ_HZ.iter().enumerate() {
                let term = |c: &Component| {
                    let [l, m, _] = c.direction.lmn(t.phase_centre);
                    let [p, q] = [t.antenna1[row], t.antenna2[row]].map(|a| voltage(a, l.hypot(m), *freq));
                    phasor(&t, row, channel, c.direction) * (c.stokes_jy[0] * p * q)
                };
                let expected: Complex64 = list.iter().map(term).sum();
                assert!((t.vis[[row, channel, 0]] - expected).norm() < 1e-11);
            }
        }
    }

    #[test]
    fn dishes_see_nothing_behind_them_and_stations_without_beam_do() {
        let (telescope, track) = (small_array(), track(5.0, -1.3));
        // 100 degrees from the phase centre, above the horizon in the west
        let behind = RaDec { ra_rad: track.phase_centre.ra_rad - 100f64.to_radians(), dec_rad: -0.2 };
        let list = [point(behind, [1.0, 0.0, 0.0, 0.0])];
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        assert!(instants.iter().all(|i| i.sin_elevation(0, behind.unit_vector()) > 0.0));
        let mut seen = t.clone();
        let dishes = StationBeams { classes: vec![Arc::new(AiryBeam { diameter_m: 15.0 })], class_of: vec![0; 5] };
        predict_direct(&mut t, sky, Some((&instants, &dishes)), None, Summing::Float64, &Watch::silent()).unwrap();
        assert!(t.vis.iter().all(|v| v.norm() == 0.0));
        let none = StationBeams { classes: vec![Arc::new(Isotropic)], class_of: vec![0; 5] };
        predict_direct(&mut seen, sky, Some((&instants, &none)), None, Summing::Float64, &Watch::silent()).unwrap();
        assert!(seen.vis.iter().all(|v| (v.norm() - 1.0).abs() < 1e-12));
    }

    fn cube(centre: RaDec, cell_rad: f64) -> SkyCube {
        let mut flux_jy = Array3::zeros((2, 9, 12));
        for (k, at) in [[0, 0], [8, 11], [4, 6], [3, 7], [2, 2]].into_iter().enumerate() {
            flux_jy[[k % 2, at[0], at[1]]] = 1.0 + k as f64;
        }
        flux_jy[[0, 4, 6]] = -0.5;
        SkyCube {
            flux_jy,
            freq_hz: FREQ_HZ.to_vec(),
            channel_width_hz: 1e5,
            cell_rad,
            centre,
            specsys: "BARYCENT".into(),
        }
    }

    #[test]
    fn pixels_are_points_at_their_centres_with_north_up_and_east_left() {
        let (telescope, track) = (small_array(), track(-35.0, 0.0));
        let cell_rad = 40.0 * ARCSEC_RAD;
        let cube = cube(track.phase_centre, cell_rad);
        let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        let beams = StationBeams::new(&telescope, BeamChoice::None);
        let left_out = predict_direct(
            &mut t,
            DirectSky::Cube(&cube),
            Some((&instants, &beams)),
            None,
            Summing::Float64,
            &Watch::silent(),
        )
        .unwrap();
        assert_eq!(left_out.beyond_nyquist, 0);
        for row in 0..t.uvw_m.nrows() {
            for channel in 0..2 {
                let mut expected = Complex64::ZERO;
                for ((y, x), flux) in cube.flux_jy.index_axis(Axis(0), channel).indexed_iter() {
                    let (l, m) = ((6.0 - x as f64) * cell_rad, (y as f64 - 4.0) * cell_rad);
                    expected += phasor(&t, row, channel, RaDec::from_lm(l, m, track.phase_centre)) * *flux;
                }
                assert!((t.vis[[row, channel, 0]] - expected).norm() < 1e-9);
            }
        }
    }

    #[test]
    fn samples_beyond_the_limit_of_the_pixels_are_flagged_and_left_out() {
        let (telescope, track) = (small_array(), track(-35.0, 0.0));
        let cell_rad = 60.0 * ARCSEC_RAD;
        let cube = cube(track.phase_centre, cell_rad);
        let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        let beams = StationBeams::new(&telescope, BeamChoice::None);
        let station = Some((instants.as_slice(), &beams));
        let mut all = t.clone();
        predict_direct(&mut all, DirectSky::Cube(&cube), station, None, Summing::Float64, &Watch::silent()).unwrap();
        t.flag.slice_mut(s![..10, .., ..]).fill(true);
        let left_out =
            predict_direct(&mut t, DirectSky::Cube(&cube), station, Some(cell_rad), Summing::Float64, &Watch::silent())
                .unwrap();
        let mut beyond = 0;
        for row in 0..t.uvw_m.nrows() {
            for (channel, freq) in FREQ_HZ.iter().enumerate() {
                let longest = t.uvw_m[[row, 0]].abs().max(t.uvw_m[[row, 1]].abs()) * freq / C_M_S;
                let out = longest >= 0.5 / cell_rad;
                beyond += usize::from(out && row >= 10);
                assert_eq!(t.flag[[row, channel, 0]], out || row < 10);
                let expected = if out || row < 10 { Complex64::ZERO } else { all.vis[[row, channel, 0]] };
                assert_eq!(t.vis[[row, channel, 0]], expected);
            }
        }
        assert_eq!(left_out.beyond_nyquist, beyond);
        assert!(beyond > 0 && beyond < 40, "{beyond}");
    }

    #[test]
    fn the_number_of_threads_and_of_sources_in_a_block_does_not_matter() {
        let (telescope, track) = (small_array(), track(-35.0, 0.1));
        let list: Vec<Component> = (0..2 * BLOCK + 7)
            .map(|k| {
                let (s, c) = (0.7 * k as f64).sin_cos();
                let r = 1e-5 * k as f64;
                let mut source = point(RaDec::from_lm(r * c, r * s, track.phase_centre), [1.0, 0.1, 0.2, 0.0]);
                source.shape =
                    (k % 5 == 0).then_some(GaussianShape { major_rad: 2e-4, minor_rad: 1e-4, angle_rad: 0.3 });
                source
            })
            .collect();
        let of = |list: &[Component]| predicted(&telescope, &track, Polarisations::Linear, list).vis;
        let whole = of(&list);
        assert_eq!(with_threads(1, || of(&list)), with_threads(3, || of(&list)));
        let parts = of(&list[..100]) + of(&list[100..]);
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).norm() < 1e-10));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let (telescope, track) = (small_array(), track(-35.0, 0.0));
        let list = scattered(track.phase_centre);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        let beams = StationBeams::new(&telescope, BeamChoice::None);
        let (linear, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::Linear);
        let (t, _) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        let refused =
            |t: &VisibilityTable, sky: DirectSky, station: Option<(&[Instant], &StationBeams)>, words: &str| {
                let error = predict_direct(&mut t.clone(), sky, station, None, Summing::Float64, &Watch::silent())
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(words), "{error}");
            };
        refused(&linear, sky, None, "only be predicted in Stokes I");
        let other = "does not belong to";
        refused(&t, sky, Some((&instants[..2], &beams)), other);
        refused(&t, sky, Some((&[], &beams)), other);
        let few = StationBeams { classes: beams.classes.clone(), class_of: vec![0; 4] };
        refused(&t, sky, Some((&instants, &few)), other);
        let reversed: Vec<Instant> = instants.iter().rev().cloned().collect();
        refused(&t, sky, Some((&reversed, &beams)), other);
        let mut bare = t.clone();
        bare.antenna1.clear();
        refused(&bare, sky, Some((&instants, &beams)), other);

        let good = cube(track.phase_centre, 1e-4);
        let station = Some((instants.as_slice(), &beams));
        let channels = "different channels";
        refused(&t, DirectSky::Cube(&SkyCube { freq_hz: vec![1.30e9], ..good.clone() }), station, channels);
        refused(&t, DirectSky::Cube(&SkyCube { freq_hz: vec![1.30e9, 1.4201e9], ..good.clone() }), station, channels);
        let shifted = RaDec { dec_rad: track.phase_centre.dec_rad + 1e-4, ..track.phase_centre };
        refused(&t, DirectSky::Cube(&SkyCube { centre: shifted, ..good.clone() }), station, "not centred");
        refused(&t, DirectSky::Cube(&SkyCube { cell_rad: 0.2, ..good }), station, "more than 90 degrees");
        let flat = GaussianShape { major_rad: 1e-3, minor_rad: 0.0, angle_rad: 0.0 };
        let broken = [Component { shape: Some(flat), ..list[0].clone() }];
        refused(&t, DirectSky::Components { list: &broken, snap_tolerance: 0.0 }, station, "cannot be projected");

        let stop = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let error =
            predict_direct(&mut t.clone(), sky, station, None, Summing::Float64, &Watch::stopped_by(stop)).unwrap_err();
        assert!(error.is_interrupt());
    }

    /// Points of every polarisation, some of them below the horizon, on so many stations and sources that neither fills its
    /// last block.
    #[test]
    fn products_of_matrices_are_the_sum_of_all_terms() {
        let layout = (0..37).map(|k| {
            let angle = 2.4 * f64::from(k);
            [30.0 * f64::from(k) * angle.cos(), 30.0 * f64::from(k) * angle.sin(), 0.1 * f64::from(k)]
        });
        let telescope = enu_array(layout.collect());
        let track = track(-35.0, 1.1);
        let list: Vec<Component> = (0..301)
            .map(|k| {
                let (radius, angle) = (0.9 * (f64::from(k) / 301.0).sqrt(), 2.4 * f64::from(k));
                let direction = RaDec::from_lm(radius * angle.cos(), radius * angle.sin(), track.phase_centre);
                let part = |n: u32| f64::from((k * n + n) % 7) / 7.0 - 0.4;
                point(direction, [part(2) + 1.0, part(3), part(4), part(5)])
            })
            .collect();
        for polarisations in [Polarisations::I, Polarisations::Linear] {
            for choice in [BeamChoice::None, BeamChoice::VoltageGaussian { fwhm_rad: 0.8, reference_hz: 1.4e9 }] {
                let (empty, instants) = table(&telescope, &track, &FREQ_HZ, polarisations);
                let mut beams = StationBeams::new(&telescope, choice);
                // every third station has none
                beams.classes.push(Arc::new(Isotropic));
                let last = beams.classes.len() - 1;
                beams.class_of.iter_mut().step_by(3).for_each(|class| *class = last);
                let station = (&instants[..], &beams);
                let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
                let sources = collect(sky, &empty).unwrap();
                let below = |s: &Source| instants[0].sin_elevation(3, s.direction.unit_vector()) < 0.0;
                assert!(sources.iter().any(below) && !sources.iter().all(below));
                let mut want = empty.clone();
                add_one_by_one(&mut want, &sources, Some(station), &Watch::silent()).unwrap();
                let norm = |t: &VisibilityTable| t.vis.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
                for with in [Vectors::Plain, Vectors::Avx2, Vectors::Avx512] {
                    if with > vectors() {
                        continue;
                    }
                    // phases reach 1e4 turns
                    for (double, bound) in [(true, 1e-11), (false, 2e-6)] {
                        let mut got = empty.clone();
                        match double {
                            true => add_points::<f64>(&mut got, &sources, station, with, &Watch::silent()).unwrap(),
                            false => add_points::<f32>(&mut got, &sources, station, with, &Watch::silent()).unwrap(),
                        }
                        got.vis -= &want.vis;
                        let error = norm(&got) / norm(&want);
                        assert!(error < bound, "{polarisations:?} {with:?} double {double}: {error}");
                        assert!(double || error > 1e-12, "nothing was summed in float32");
                    }
                }
            }
        }
    }

    #[test]
    fn points_sum_to_the_formula() {
        assert_eq!(sum_points(&[[0.0, 0.0]], &[3.0], &[[1e6, -2e6, 5e5]]), [Complex64::new(3.0, 0.0)]);
        let (l, m) = (0.6, -0.5);
        let n = (1.0f64 - 0.36 - 0.25).sqrt();
        let expected = Complex64::cis(4.0 * FRAC_PI_2 * (10.0 * l - 4.0 * m + 7.0 * (n - 1.0)));
        assert!((sum_points(&[[l, m]], &[1.0], &[[10.0, -4.0, 7.0]])[0] - expected).norm() < 1e-13);
    }
}

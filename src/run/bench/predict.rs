//! The direct sum over point sources, timed, and compared with the sum of all its terms.

use super::Precision as Words;
use super::measure::{load, measured};
use crate::error::{Result, Watch};
use crate::formats::oskar::{OskarLayout, OskarTelescope};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::lanes::{fma_per_s_f32, fma_per_s_f64};
use crate::math::quadrature::gauss_legendre;
use crate::math::random::Stream;
use crate::sky::components::Component;
use crate::telescope::Telescope;
use crate::telescope::array::{ApertureArrays, DipoleLength, Element, Pattern, Taper};
use crate::telescope::beam::{BeamChoice, StationBeams};
use crate::time::{EarthOrientation, Frame};
use crate::units::{C_M_S, DAY_S, DEG_RAD, RaDec};
use crate::visibilities::{
    Cell, DirectOptions, DirectSky, EARTH_RATE, Instant, Smearing, Summing, Track, new_table, predict_direct,
    station_jones, station_voltage,
};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use serde_json::json;
use std::f64::consts::{PI, TAU};
use std::sync::Arc;

/// The words of `bench predict`.
#[derive(Debug, Clone, Copy)]
pub struct PredictRequest {
    /// Stations, without beams.
    pub stations: usize,
    /// Point sources.
    pub sources: usize,
    /// Time steps of a minute.
    pub times: usize,
    /// Channels of 10 kHz from 150 MHz on.
    pub channels: usize,
    /// Stokes I alone, or XX, XY, YX, YY of polarised sources.
    pub full: bool,
    /// What is summed in.
    pub precision: Words,
    /// What samples of 60 s and 500 kHz are averaged by.
    pub smearing: Option<SmearingWord>,
    /// Half-wave dipoles of each station, every layout another; 0 for stations without beams.
    pub station_antennas: usize,
    /// Repetitions; the fastest is printed.
    pub reps: usize,
}

/// How the samples of a benchmark are smeared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SmearingWord {
    /// sin(x)/x for time and bandwidth.
    Sinc,
    /// The average over time and bandwidth, to 1e-4.
    Average,
}

/// The cell of smeared samples.
const CELL: Cell = Cell { time_s: 60.0, bandwidth_hz: 500e3, rate_rad_s: EARTH_RATE };
/// Accuracy of averages.
const EPSILON: f64 = 1e-4;

/// Of the Murchison site.
const PLACE_DEG: [f64; 2] = [116.7644482, -26.82472208];
const FREQ_HZ: f64 = 150e6;
const CHANNEL_HZ: f64 = 10e3;
/// Baselines that are compared with the sum of all terms.
const COMPARED: usize = 200;

/// Stations of a core and spiral arms to 35 km, sources within 2.5 degrees of the phase centre, channels from 150 MHz on;
/// geometry and tables are made before the clock runs. The text is one JSON object.
///
/// # Errors
/// An observation that cannot be; an interrupt.
pub fn predict(request: &PredictRequest) -> Result<String> {
    let PredictRequest { stations, sources, times, channels, full, .. } = *request;
    let telescope = array(stations)?;
    let centre = RaDec { ra_rad: 329.0 * DEG_RAD, dec_rad: -30.0 * DEG_RAD };
    let earth = EarthOrientation::new(Frame::Oskar);
    let track = Track {
        phase_centre: centre,
        earth,
        start_mjd_utc: 60_512.75,
        step_s: 60.0,
        steps: times,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let polarisations = if full { Polarisations::Linear } else { Polarisations::I };
    let list = sky(centre, sources, full);
    let freq_hz: Vec<f64> = (0..channels).map(|k| FREQ_HZ + CHANNEL_HZ * k as f64).collect();
    let (mut table, instants, _) = new_table(&telescope, &track, &freq_hz, 1.0, polarisations, -1.6)?;
    let beams = match request.station_antennas {
        0 => StationBeams::new(&telescope, BeamChoice::None),
        antennas => StationBeams::of_arrays(Arc::new(dipoles(stations, antennas))),
    };
    let options = DirectOptions {
        summing: match request.precision {
            Words::F32 => Summing::Float32,
            Words::F64 => Summing::Float64,
        },
        smearing: match request.smearing {
            None => Smearing::None,
            Some(SmearingWord::Sinc) => Smearing::Sinc(CELL),
            Some(SmearingWord::Average) => Smearing::Average { cell: CELL, epsilon: EPSILON },
        },
    };
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let mut costs = Vec::new();
    for _ in 0..request.reps {
        table.vis.fill(Complex64::ZERO);
        let station = Some((instants.as_slice(), &beams));
        let (done, cost) = measured(|| predict_direct(&mut table, sky, station, None, options, &Watch::silent()));
        done?;
        costs.push(cost);
    }
    let cost = costs.iter().min_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s)).copied().unwrap_or(costs[0]);
    let terms = sources as f64 * (stations * (stations - 1) / 2) as f64 * (times * channels) as f64;
    let rate = 1e-6 * terms / cost.cpu_s;
    let twin =
        Twin { telescope: &telescope, track: &track, instants: &instants, beams: &beams, smearing: request.smearing };
    let (error, turns) = twin.compared(&table, &list)?;
    // real products of a term: a complex one, or those of 2 x 2 matrices
    let share = rate * 1e6 * if full { 32.0 } else { 4.0 } / fma_per_s(request.precision);
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "stations": stations, "sources": sources, "times": times, "channels": channels,
        "stokes": if full { "full" } else { "I" }, "precision": request.precision.name(),
        "smearing": request.smearing.map_or("none", SmearingWord::name), "station_antennas": request.station_antennas,
        "threads": rayon::current_num_threads(), "reps": request.reps,
        "cpu_seconds": cost.cpu_s, "wall_seconds": cost.wall_s, "peak_mib": cost.peak_mib,
        "msbct_per_cpu_s": rate, "share_of_fma_peak": share,
        "largest_error_of_rms": error, "largest_phase_turns": turns, "load": load(),
    });
    Ok(format!("{report}\n"))
}

fn array(stations: usize) -> Result<Telescope> {
    let mut random = Stream::new(20_261_123, [1, 0, 0]);
    let mut place = |k: usize| {
        // half of them in a core of 500 m, the others on three arms
        let (radius, angle) = match k % 2 {
            0 => (500.0 * random.uniform().sqrt(), TAU * random.uniform()),
            _ => {
                let out = k as f64 / stations as f64;
                (500.0 * 70f64.powf(out), TAU * ((k % 3) as f64 / 3.0 + out) + 0.1 * random.normal())
            }
        };
        [radius * angle.sin(), radius * angle.cos(), 5.0 * random.normal()]
    };
    let model = OskarTelescope {
        longitude_deg: PLACE_DEG[0],
        latitude_deg: PLACE_DEG[1],
        altitude_m: 300.0,
        layout: OskarLayout::EnuM((0..stations).map(&mut place).collect()),
        station_types: Vec::new(),
        type_of_station: Vec::new(),
        unsupported: Vec::new(),
    };
    Telescope::from_oskar("bench", &model)
}

fn sky(centre: RaDec, sources: usize, full: bool) -> Vec<Component> {
    let mut random = Stream::new(20_261_123, [2, 0, 0]);
    (0..sources)
        .map(|_| {
            let (radius, angle) = (2.5 * DEG_RAD * random.uniform().sqrt(), TAU * random.uniform());
            let flux = random.uniform() + 0.1;
            let mut part = || if full { flux * (random.uniform() - 0.5) } else { 0.0 };
            let direction = RaDec::from_lm(radius * angle.cos(), radius * angle.sin(), centre);
            Component::point(direction, [flux, part(), part(), part()])
        })
        .collect()
}

impl SmearingWord {
    fn name(self) -> &'static str {
        match self {
            SmearingWord::Sinc => "sinc",
            SmearingWord::Average => "average",
        }
    }
}

/// Stations of `antennas` half-wave dipoles within 19 m, at least 1 m apart where there is room, each in another way.
fn dipoles(stations: usize, antennas: usize) -> ApertureArrays {
    let places: Vec<Vec<[f64; 3]>> = (0..stations)
        .map(|station| {
            let mut random = Stream::new(20_261_123, [3, station as u32, 0]);
            let mut places: Vec<[f64; 3]> = Vec::with_capacity(antennas);
            while places.len() < antennas {
                let mut place = || {
                    let (radius, angle) = (19.0 * random.uniform().sqrt(), TAU * random.uniform());
                    [radius * angle.sin(), radius * angle.cos(), 0.0]
                };
                let near = |p: &[f64; 3]| places.iter().any(|q| (p[0] - q[0]).hypot(p[1] - q[1]) < 1.0);
                let tries: [[f64; 3]; 20] = std::array::from_fn(|_| place());
                places.push(tries.into_iter().find(|p| !near(p)).unwrap_or(tries[0]));
            }
            places
        })
        .collect();
    let pattern = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
    let element = Element { pattern, taper: Taper::None, feed_angle_rad: [0.0; 2] };
    ApertureArrays::from_places(&places, (0..stations).collect(), &element, true)
}

/// What the sums are compared with: all terms of some baselines, phases in twice the digits, antennas one by one, averages by
/// Gauss and Legendre's rule over the times of the cell.
struct Twin<'a> {
    telescope: &'a Telescope,
    track: &'a Track,
    instants: &'a [Instant],
    beams: &'a StationBeams,
    smearing: Option<SmearingWord>,
}

/// Nodes of an average in time.
const NODES: usize = 24;

impl Twin<'_> {
    /// Largest difference, over the rms of the visibilities compared, and the largest phase.
    fn compared(&self, table: &VisibilityTable, list: &[Component]) -> Result<(f64, f64)> {
        let rows = table.uvw_m.nrows();
        let rows_each = rows / self.instants.len();
        let (mut worst, mut power, mut count, mut turns) = (0f64, 0f64, 0usize, 0f64);
        let places: Vec<[f64; 3]> = list
            .iter()
            .map(|source| {
                let [l, m, n] = source.direction.lmn(table.phase_centre);
                [l, m, -(l * l + m * m) / (1.0 + n)]
            })
            .collect();
        for step in 0..self.instants.len() {
            let instant = &self.instants[step];
            let cell = match self.smearing {
                Some(SmearingWord::Average) => self.moments(step)?,
                _ => Vec::new(),
            };
            let of_step = (0..rows).step_by((rows / COMPARED).max(1)).filter(|row| row / rows_each == step);
            let compared: Vec<(usize, usize)> =
                of_step.flat_map(|row| (0..table.freq_hz.len()).map(move |channel| (row, channel))).collect();
            let sums: Vec<(usize, usize, Vec<Complex64>, f64)> = compared
                .into_par_iter()
                .map(|(row, channel)| {
                    let freq_hz = table.freq_hz[channel];
                    let mut sum = vec![Complex64::ZERO; table.polarisations.count()];
                    let stations = [table.antenna1[row] as usize, table.antenna2[row] as usize];
                    // where samples are means, so is what stations make of sources
                    let middle = [(self.instants[step].clone(), 1.0)];
                    let times = if cell.is_empty() { &middle[..] } else { &cell[..] };
                    let jones: Vec<_> = times
                        .iter()
                        .map(|(at, _)| stations.map(|station| self.jones(station, (at, step, freq_hz), table, list)))
                        .collect();
                    let mut turns = 0f64;
                    for (k, (source, lmn1)) in list.iter().zip(&places).enumerate() {
                        let phase = path(instant, stations, *lmn1).times(freq_hz).over(C_M_S);
                        turns = turns.max(phase.high.abs());
                        let carrier = Complex64::cis(TAU * phase.fraction());
                        let factors = self.factors(instant, &cell, stations, *lmn1, freq_hz);
                        let [i, q, u, v] = source.stokes_jy;
                        for (factor, jones) in factors.into_iter().zip(&jones) {
                            let phasor = factor * carrier;
                            let (a, b) = (jones[0][k], jones[1][k]);
                            if sum.len() == 1 {
                                sum[0] += phasor * i * a[0] * b[0].conj();
                                continue;
                            }
                            let bright = [
                                Complex64::from(i + q),
                                Complex64::new(u, v),
                                Complex64::new(u, -v),
                                Complex64::from(i - q),
                            ];
                            for (product, sum) in sum.iter_mut().enumerate() {
                                for x in 0..2 {
                                    for y in 0..2 {
                                        let right = b[product % 2 * 2 + y].conj();
                                        *sum += phasor * a[product / 2 * 2 + x] * bright[x * 2 + y] * right;
                                    }
                                }
                            }
                        }
                    }
                    (row, channel, sum, turns)
                })
                .collect();
            for (row, channel, sum, largest) in sums {
                turns = turns.max(largest);
                for (product, sum) in sum.iter().enumerate() {
                    worst = worst.max((table.vis[[row, channel, product]] - sum).norm());
                    power += sum.norm_sqr();
                    count += 1;
                }
            }
        }
        Ok((worst / (power / count as f64).sqrt(), turns))
    }

    /// E R of a station for each source, or E in the scalar mode; zero below its horizon.
    fn jones(
        &self,
        station: usize,
        (instant, step, freq_hz): (&Instant, usize, f64),
        table: &VisibilityTable,
        list: &[Component],
    ) -> Vec<[Complex64; 4]> {
        let at = (freq_hz, step as u32);
        let directions: Vec<RaDec> = list.iter().map(|source| source.direction).collect();
        match table.polarisations {
            Polarisations::Linear => station_jones(instant, self.beams, station, table.phase_centre, at, &directions),
            Polarisations::I => station_voltage(instant, self.beams, station, table.phase_centre, at, &directions)
                .into_iter()
                .map(|e| [e; 4])
                .collect(),
        }
    }

    /// Instants at the nodes of a time step's average, and their weights.
    fn moments(&self, step: usize) -> Result<Vec<(Instant, f64)>> {
        let (nodes, weights) = gauss_legendre(NODES);
        let middle = self.track.mid_mjd_utc(step);
        let at = |(node, weight): (f64, f64)| {
            let mjd = middle + 0.5 * node * CELL.time_s / DAY_S;
            let track = Track { start_mjd_utc: mjd, step_s: 0.0, steps: 1, ..self.track.clone() };
            Ok((Instant::new(self.telescope, &track, 0)?, 0.5 * weight))
        };
        nodes.into_iter().zip(weights).map(at).collect()
    }

    /// What smearing makes of a source on a baseline, relative to the middle of the cell: of the whole, or at each of an average's
    /// times.
    fn factors(
        &self,
        instant: &Instant,
        cell: &[(Instant, f64)],
        stations: [usize; 2],
        lmn1: [f64; 3],
        freq_hz: f64,
    ) -> Vec<Complex64> {
        let [p, q] = stations;
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        match self.smearing {
            None => vec![Complex64::ONE],
            Some(SmearingWord::Sinc) => {
                let rate = instant.fringe_rate([p, q], lmn1, CELL.rate_rad_s) * freq_hz / C_M_S;
                let delay = path(instant, stations, lmn1).over(C_M_S).high;
                vec![Complex64::from(sinc(delay * CELL.bandwidth_hz) * sinc(rate * CELL.time_s))]
            }
            Some(SmearingWord::Average) => {
                let middle = path(instant, stations, lmn1).over(C_M_S);
                let of = |(at, weight): &(Instant, f64)| {
                    // the mean over frequency is the sine of the moment's own delay
                    let delay = path(at, stations, lmn1).over(C_M_S);
                    let turns = delay.plus(Twice { high: -middle.high, low: -middle.low }).times(freq_hz).fraction();
                    Complex64::cis(TAU * turns) * (weight * sinc(delay.high * CELL.bandwidth_hz))
                };
                cell.iter().map(of).collect()
            }
        }
    }
}

/// The path of a source between two stations, m.
fn path(instant: &Instant, [p, q]: [usize; 2], lmn1: [f64; 3]) -> Twice {
    let (up, uq) = (instant.station_uvw_m[p], instant.station_uvw_m[q]);
    let mut path = Twice::default();
    for axis in 0..3 {
        path = path.plus_product(up[axis], lmn1[axis]).plus_product(-uq[axis], lmn1[axis]);
    }
    path
}

/// The sum of two float64, the second of which is what the first cannot hold (Dekker 1971).
#[derive(Debug, Clone, Copy, Default)]
struct Twice {
    high: f64,
    low: f64,
}

impl Twice {
    fn sum(a: f64, b: f64) -> Twice {
        let high = a + b;
        let shared = high - a;
        Twice { high, low: (a - (high - shared)) + (b - shared) }
    }

    fn plus(self, other: Twice) -> Twice {
        let sum = Twice::sum(self.high, other.high);
        Twice::sum(sum.high, sum.low + self.low + other.low)
    }

    fn product(a: f64, b: f64) -> Twice {
        let high = a * b;
        Twice { high, low: a.mul_add(b, -high) }
    }

    fn plus_product(self, a: f64, b: f64) -> Twice {
        self.plus(Twice::product(a, b))
    }

    fn times(self, factor: f64) -> Twice {
        let product = Twice::product(self.high, factor);
        Twice::sum(product.high, product.low + self.low * factor)
    }

    fn over(self, divisor: f64) -> Twice {
        let high = self.high / divisor;
        let rest = (-high).mul_add(divisor, self.high) + self.low;
        Twice::sum(high, rest / divisor)
    }

    /// Without its whole numbers.
    fn fraction(self) -> f64 {
        (self.high - self.high.round()) + self.low
    }
}

/// Multiplications with additions a second that one thread can do, measured.
fn fma_per_s(precision: Words) -> f64 {
    match precision {
        Words::F32 => fma_per_s_f32(),
        Words::F64 => fma_per_s_f64(),
    }
}

//! The direct sum over point sources, timed, and compared with the sum of all its terms.

use super::Precision as Words;
use super::measure::{load, measured};
use crate::error::{Result, Watch};
use crate::formats::oskar::{OskarLayout, OskarTelescope};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::lanes::{fma_per_s_f32, fma_per_s_f64};
use crate::math::random::Stream;
use crate::sky::components::Component;
use crate::telescope::Telescope;
use crate::telescope::beam::{BeamChoice, StationBeams};
use crate::time::{EarthOrientation, Frame};
use crate::units::{C_M_S, DEG_RAD, RaDec};
use crate::visibilities::{DirectSky, Instant, Summing, Track, new_table, predict_direct};
use rustfft::num_complex::Complex64;
use serde_json::json;
use std::f64::consts::TAU;

/// The words of `bench predict`.
#[derive(Debug, Clone, Copy)]
pub struct PredictRequest {
    /// Stations, without beams.
    pub stations: usize,
    /// Point sources.
    pub sources: usize,
    /// Time steps of a minute.
    pub times: usize,
    /// Stokes I alone, or XX, XY, YX, YY of polarised sources.
    pub full: bool,
    /// What is summed in.
    pub precision: Words,
    /// Repetitions; the fastest is printed.
    pub reps: usize,
}

/// Of the Murchison site.
const PLACE_DEG: [f64; 2] = [116.7644482, -26.82472208];
const FREQ_HZ: f64 = 150e6;
/// Baselines that are compared with the sum of all terms.
const COMPARED: usize = 200;

/// Stations of a core and spiral arms to 35 km, sources within 2.5 degrees of the phase centre, one channel at 150 MHz;
/// geometry and tables are made before the clock runs. The text is one JSON object.
///
/// # Errors
/// An observation that cannot be; an interrupt.
pub fn predict(request: &PredictRequest) -> Result<String> {
    let PredictRequest { stations, sources, times, full, .. } = *request;
    let telescope = array(stations)?;
    let centre = RaDec { ra_rad: 329.0 * DEG_RAD, dec_rad: -30.0 * DEG_RAD };
    let earth = EarthOrientation::new(Frame::Oskar);
    let track = Track { phase_centre: centre, earth, start_mjd_utc: 60_512.75, step_s: 60.0, steps: times };
    let polarisations = if full { Polarisations::Linear } else { Polarisations::I };
    let list = sky(centre, sources, full);
    let (mut table, instants, _) = new_table(&telescope, &track, &[FREQ_HZ], 1.0, polarisations, -1.6)?;
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    let summing = match request.precision {
        Words::F32 => Summing::Float32,
        Words::F64 => Summing::Float64,
    };
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let mut costs = Vec::new();
    for _ in 0..request.reps {
        table.vis.fill(Complex64::ZERO);
        let station = Some((instants.as_slice(), &beams));
        let (done, cost) = measured(|| predict_direct(&mut table, sky, station, None, summing, &Watch::silent()));
        done?;
        costs.push(cost);
    }
    let cost = costs.iter().min_by(|a, b| a.cpu_s.total_cmp(&b.cpu_s)).copied().unwrap_or(costs[0]);
    let terms = sources as f64 * (stations * (stations - 1) / 2) as f64 * times as f64;
    let rate = 1e-6 * terms / cost.cpu_s;
    let (error, turns) = compared(&table, &instants, &list);
    // real products of a term: a complex one, or those of 2 x 2 matrices
    let share = rate * 1e6 * if full { 32.0 } else { 4.0 } / fma_per_s(request.precision);
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "stations": stations, "sources": sources, "times": times,
        "stokes": if full { "full" } else { "I" }, "precision": request.precision.name(),
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

/// Largest difference, over the rms of the visibilities compared, from sums of terms whose phases are made in twice the
/// digits, on some baselines; and the largest phase.
fn compared(table: &VisibilityTable, instants: &[Instant], list: &[Component]) -> (f64, f64) {
    let rows = table.uvw_m.nrows();
    let rows_each = rows / instants.len();
    let (mut worst, mut power, mut count, mut turns) = (0f64, 0f64, 0usize, 0f64);
    for row in (0..rows).step_by((rows / COMPARED).max(1)) {
        let instant = &instants[row / rows_each];
        let (p, q) = (table.antenna1[row] as usize, table.antenna2[row] as usize);
        let mut sum = vec![Complex64::ZERO; table.polarisations.count()];
        for source in list {
            let towards = source.direction.unit_vector();
            if instant.sin_elevation(p, towards) < 0.0 || instant.sin_elevation(q, towards) < 0.0 {
                continue;
            }
            let [l, m, n] = source.direction.lmn(table.phase_centre);
            let lmn1 = [l, m, -(l * l + m * m) / (1.0 + n)];
            let (up, uq) = (instant.station_uvw_m[p], instant.station_uvw_m[q]);
            let mut path = Twice::default();
            for axis in 0..3 {
                path = path.plus_product(up[axis], lmn1[axis]).plus_product(-uq[axis], lmn1[axis]);
            }
            let phase = path.times(FREQ_HZ).over(C_M_S);
            turns = turns.max(phase.high.abs());
            let (sin, cos) = (TAU * phase.fraction()).sin_cos();
            let phasor = Complex64::new(cos, sin);
            let [i, q0, u, v] = source.stokes_jy;
            if sum.len() == 1 {
                sum[0] += phasor * i;
                continue;
            }
            let b = [Complex64::from(i + q0), Complex64::new(u, v), Complex64::new(u, -v), Complex64::from(i - q0)];
            let rotation = |station: usize| {
                let (cos, sin) = instant.parallactic(station, source.direction);
                [cos, -sin, sin, cos]
            };
            let (rp, rq) = (rotation(p), rotation(q));
            for (product, sum) in sum.iter_mut().enumerate() {
                let (row, column) = (product / 2, product % 2);
                for k in 0..2 {
                    for j in 0..2 {
                        *sum += phasor * b[k * 2 + j] * rp[row * 2 + k] * rq[column * 2 + j];
                    }
                }
            }
        }
        for (product, sum) in sum.iter().enumerate() {
            worst = worst.max((table.vis[[row, 0, product]] - sum).norm());
            power += sum.norm_sqr();
            count += 1;
        }
    }
    (worst / (power / count as f64).sqrt(), turns)
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

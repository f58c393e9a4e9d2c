use super::tile::Real;
use super::{Motion, Place, Sources, Stations};
use crate::math::vectors::{Vectors, with_vectors};
use crate::units::C_M_S;
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Most numbers of a register.
const MOST: usize = 16;

/// Matrices of all stations and sources: \[block of stations\]\[source\]\[component\]\[re of the stations, im of them\], with one
/// component, or the four of 2 x 2 matrices by rows. Stations that a block lacks have zeros.
pub(super) struct Panels<R> {
    values: Vec<R>,
    lanes: usize,
    components: usize,
    /// Numbers of a block.
    block: usize,
}

impl<R: Real> Panels<R> {
    /// J = E R K of every station.
    pub fn jones(with: Vectors, stations: &Stations, sources: &Sources, components: usize) -> Panels<R> {
        let lanes = R::lanes(with);
        let block = sources.places.len() * components * 2 * lanes;
        let response = response(stations, sources, components);
        let mut values = vec![R::default(); stations.uvw_m.len().div_ceil(lanes) * block];
        values.par_chunks_mut(block).enumerate().for_each(|(number, values)| {
            let lot = Lot::new(stations, number * lanes, lanes);
            match components {
                1 => filled::<R, 1>(&lot, sources, &response, values),
                _ => filled::<R, 4>(&lot, sources, &response, values),
            }
        });
        Panels { values, lanes, components, block }
    }

    /// What each station gives to the arguments of the smearing, in turns: path times bandwidth, fringe rate times time, and,
    /// where averages are asked for, the change of the rate times the square of the time.
    pub fn shares(with: Vectors, stations: &Stations, motion: &Motion, places: &[Place]) -> Panels<R> {
        let lanes = R::lanes(with);
        let arguments = if motion.epsilon.is_some() { 3 } else { 2 };
        let block = places.len() * arguments * lanes;
        let mut values = vec![R::default(); stations.uvw_m.len().div_ceil(lanes) * block];
        let scale = [
            motion.bandwidth_hz / C_M_S,
            stations.turns_per_m * motion.time_s,
            stations.turns_per_m * motion.time_s * motion.time_s,
        ];
        let vectors = [&stations.uvw_m, &motion.velocity, &motion.acceleration];
        values.par_chunks_mut(block).enumerate().for_each(|(number, values)| {
            for (place, values) in places.iter().zip(values.chunks_exact_mut(arguments * lanes)) {
                for (argument, values) in values.chunks_exact_mut(lanes).enumerate() {
                    let stations = vectors[argument].iter().skip(number * lanes);
                    for (value, v) in values.iter_mut().zip(stations) {
                        let [l, m, n1] = place.lmn1;
                        *value = R::of((v[0] * l + v[1] * m + v[2] * n1) * scale[argument]);
                    }
                }
            }
        });
        Panels { values, lanes, components: arguments, block }
    }

    /// J B, with B = I or \[\[I + Q, U + iV\], \[U - iV, I - Q\]\].
    pub fn weighted(&self, stokes: &[[f64; 4]]) -> Panels<R> {
        let mut values = vec![R::default(); self.values.len()];
        let (lanes, components) = (self.lanes, self.components);
        values.par_chunks_mut(self.block).zip(self.values.par_chunks(self.block)).for_each(|(out, from)| {
            let step = components * 2 * lanes;
            for ((out, from), stokes) in out.chunks_exact_mut(step).zip(from.chunks_exact(step)).zip(stokes) {
                let [i, q, u, v] = stokes.map(R::of);
                if components == 1 {
                    out.iter_mut().zip(from).for_each(|(out, from)| *out = *from * i);
                    continue;
                }
                for (out, from) in out.chunks_exact_mut(4 * lanes).zip(from.chunks_exact(4 * lanes)) {
                    for lane in 0..lanes {
                        let [ar, ai, br, bi] = [0, 1, 2, 3].map(|part| from[part * lanes + lane]);
                        // a (I + Q) + b (U - iV), a (U + iV) + b (I - Q)
                        out[lane] = ar * (i + q) + br * u + bi * v;
                        out[lanes + lane] = ai * (i + q) + bi * u - br * v;
                        out[2 * lanes + lane] = ar * u - ai * v + br * (i - q);
                        out[3 * lanes + lane] = ai * u + ar * v + bi * (i - q);
                    }
                }
            }
        });
        Panels { values, ..*self }
    }

    /// Blocks of stations.
    pub fn blocks(&self) -> usize {
        self.values.len() / self.block
    }

    /// One of them.
    pub fn of(&self, number: usize) -> &[R] {
        &self.values[number * self.block..][..self.block]
    }
}

/// E of each beam of aperture arrays and dishes of any shape, \[beam\]\[source\]\[component\], and which of them each station has.
struct Response<'a> {
    values: Vec<Vec<Complex64>>,
    of: &'a [usize],
}

fn response<'a>(stations: &'a Stations, sources: &Sources, components: usize) -> Option<Response<'a>> {
    let (beams, of) = stations.arrays?;
    let towards: Vec<[f64; 3]> = sources.places.iter().map(|place| place.towards).collect();
    let values = beams.par_iter().map(|beam| match components {
        1 => beam.voltages(&towards),
        _ => beam.matrices(&towards).into_iter().flatten().collect(),
    });
    Some(Response { values: values.collect(), of })
}

/// The stations of a block, side by side.
struct Lot {
    lanes: usize,
    /// Number of the first.
    first: usize,
    /// (u, v, w) in turns.
    turns: [[f64; MOST]; 3],
    zenith: [[f64; MOST]; 3],
    /// 1, or 0 where there is no station.
    there: [f64; MOST],
    class: [usize; MOST],
}

impl Lot {
    fn new(stations: &Stations, first: usize, lanes: usize) -> Lot {
        let mut lot = Lot {
            lanes,
            first,
            turns: [[0.0; MOST]; 3],
            zenith: [[0.0; MOST]; 3],
            there: [0.0; MOST],
            class: [0; MOST],
        };
        for lane in 0..lanes.min(stations.uvw_m.len() - first) {
            for axis in 0..3 {
                lot.turns[axis][lane] = stations.uvw_m[first + lane][axis] * stations.turns_per_m;
                lot.zenith[axis][lane] = stations.zenith[first + lane][axis];
            }
            (lot.there[lane], lot.class[lane]) = (1.0, stations.class_of[first + lane]);
        }
        lot
    }
}

with_vectors! {
    fn filled[R: Real, const C: usize](lot: &Lot, sources: &Sources, response: &Option<Response>, out: &mut [R]) = fill[R, C,]
}

#[inline(always)]
fn fill<R: Real, const C: usize, const FMA: bool>(
    lot: &Lot,
    sources: &Sources,
    response: &Option<Response>,
    out: &mut [R],
) {
    match lot.lanes {
        4 => fill_lanes::<R, 4, C, FMA>(lot, sources, response, out),
        8 => fill_lanes::<R, 8, C, FMA>(lot, sources, response, out),
        _ => fill_lanes::<R, 16, C, FMA>(lot, sources, response, out),
    }
}

#[inline(always)]
fn fill_lanes<R: Real, const L: usize, const C: usize, const FMA: bool>(
    lot: &Lot,
    sources: &Sources,
    response: &Option<Response>,
    out: &mut [R],
) {
    for (index, (place, out)) in sources.places.iter().zip(out.chunks_exact_mut(2 * C * L)).enumerate() {
        let mut gain = [0f64; L];
        gain.copy_from_slice(&lot.there[..L]);
        if let Some(voltage) = sources.voltage {
            for lane in 0..L {
                gain[lane] *= voltage[lot.class[lane]][index];
            }
        }
        let along = |axes: &[[f64; MOST]; 3], vector: [f64; 3], lane: usize| {
            axes[0][lane] * vector[0] + axes[1][lane] * vector[1] + axes[2][lane] * vector[2]
        };
        let (mut re, mut im) = ([R::default(); L], [R::default(); L]);
        for lane in 0..L {
            let (cos, sin) = R::cis::<FMA>(along(&lot.turns, place.lmn1, lane));
            let up = along(&lot.zenith, place.towards, lane) >= 0.0;
            let gain = R::of(if up { gain[lane] } else { 0.0 });
            (re[lane], im[lane]) = (gain * cos, gain * sin);
        }
        if C == 1 {
            out[..L].copy_from_slice(&re);
            out[L..].copy_from_slice(&im);
            if let Some(response) = response {
                respond::<R, L, C>(lot, response, index, out);
            }
            continue;
        }
        let Place { east, north, .. } = *place;
        for lane in 0..L {
            let (east, north) = (along(&lot.zenith, east, lane), along(&lot.zenith, north, lane));
            let square = east * east + north * north;
            let inverse = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
            // at the zenith itself the parallactic angle is taken as 0
            let (cos, sin) = (if square > 0.0 { north * inverse } else { 1.0 }, east * inverse);
            let (cos, sin) = (R::of(cos), R::of(sin));
            let minus = R::default() - sin;
            // [[cos p, -sin p], [sin p, cos p]]
            for (component, factor) in [cos, minus, sin, cos].into_iter().enumerate() {
                out[2 * component * L + lane] = factor * re[lane];
                out[(2 * component + 1) * L + lane] = factor * im[lane];
            }
        }
        if let Some(response) = response {
            respond::<R, L, C>(lot, response, index, out);
        }
    }
}

/// E times what stands in `out` for one source, for the stations of a block that there are.
#[inline(always)]
fn respond<R: Real, const L: usize, const C: usize>(lot: &Lot, response: &Response, index: usize, out: &mut [R]) {
    for (lane, beam) in response.of.iter().skip(lot.first).take(L).enumerate() {
        let e = response.values[*beam][index * C..][..C].iter().map(|e| [R::of(e.re), R::of(e.im)]);
        let mut parts = [[R::default(); 2]; 4];
        e.zip(&mut parts).for_each(|(e, part)| *part = e);
        let at = |component: usize| [2 * component * L + lane, (2 * component + 1) * L + lane];
        let mut before = [[R::default(); 2]; 4];
        for (component, before) in before.iter_mut().enumerate().take(C) {
            *before = at(component).map(|k| out[k]);
        }
        let times = |a: [R; 2], b: [R; 2]| [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]];
        for component in 0..C {
            let product = match C {
                1 => times(parts[0], before[0]),
                _ => {
                    let (row, column) = (component / 2 * 2, component % 2);
                    let (a, b) = (times(parts[row], before[column]), times(parts[row + 1], before[2 + column]));
                    [a[0] + b[0], a[1] + b[1]]
                }
            };
            let [re, im] = at(component);
            (out[re], out[im]) = (product[0], product[1]);
        }
    }
}

use super::formed::Response;
use super::tile::Real;
use super::{Motion, Place, Sources, Stations};
use crate::math::vectors::{Vectors, with_vectors};
use crate::units::C_M_S;
use rayon::prelude::*;

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
    /// Room for one.
    pub fn empty() -> Panels<R> {
        Panels { values: Vec::new(), lanes: 1, components: 1, block: 1 }
    }

    /// Takes another shape. Room is kept: new memory is dear.
    fn shape(&mut self, stations: usize, lanes: usize, components: usize, block: usize) {
        self.values.resize(stations.div_ceil(lanes) * block, R::default());
        (self.lanes, self.components, self.block) = (lanes, components, block);
    }

    /// J = E R K of every station in one channel.
    pub fn jones(
        &mut self,
        with: Vectors,
        stations: &Stations,
        sources: &Sources,
        (channel, components): (usize, usize),
        response: Option<&Response>,
    ) {
        let lanes = R::lanes(with);
        let block = sources.places.len() * components * 2 * lanes;
        self.shape(stations.uvw_m.len(), lanes, components, block);
        let voltage = sources.voltage.map(|voltage| &voltage[channel][..]);
        let seen = Seen { places: sources.places, voltage, response };
        self.values.par_chunks_mut(block).enumerate().for_each(|(number, values)| {
            let lot = Lot::new(stations, channel, number * lanes, lanes);
            match components {
                1 => filled::<R, 1>(&lot, &seen, values),
                _ => filled::<R, 4>(&lot, &seen, values),
            }
        });
    }

    /// What each station gives to the arguments of the smearing, in turns: path times bandwidth, fringe rate times time, and,
    /// where averages are asked for, the change of the rate times the square of the time.
    pub fn shares(&mut self, with: Vectors, stations: &Stations, motion: &Motion, turns_per_m: f64, places: &[Place]) {
        let lanes = R::lanes(with);
        let arguments = if motion.epsilon.is_some() { 3 } else { 2 };
        let block = places.len() * arguments * lanes;
        self.shape(stations.uvw_m.len(), lanes, arguments, block);
        let scale =
            [motion.bandwidth_hz / C_M_S, turns_per_m * motion.time_s, turns_per_m * motion.time_s * motion.time_s];
        let vectors = [&stations.uvw_m, &motion.velocity, &motion.acceleration];
        self.values.par_chunks_mut(block).enumerate().for_each(|(number, values)| {
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
    }

    /// J B of `jones`, with B = I or \[\[I + Q, U + iV\], \[U - iV, I - Q\]\].
    pub fn weighted(&mut self, jones: &Panels<R>, stokes: &[[f64; 4]]) {
        let Panels { lanes, components, block, .. } = *jones;
        self.values.resize(jones.values.len(), R::default());
        (self.lanes, self.components, self.block) = (lanes, components, block);
        self.values.par_chunks_mut(block).zip(jones.values.par_chunks(block)).for_each(|(out, from)| {
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
    }

    /// Becomes `end` less what it is.
    pub fn take_from(&mut self, end: &Panels<R>) {
        let blocks = self.values.par_chunks_mut(self.block).zip(end.values.par_chunks(end.block));
        blocks.for_each(|(values, end)| values.iter_mut().zip(end).for_each(|(value, end)| *value = *end - *value));
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

/// Sources as one channel has them.
struct Seen<'a> {
    places: &'a [Place],
    /// \[class\]\[source\].
    voltage: Option<&'a [Vec<f64>]>,
    response: Option<&'a Response<'a>>,
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
    fn new(stations: &Stations, channel: usize, first: usize, lanes: usize) -> Lot {
        let turns_per_m = stations.turns_per_m(channel);
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
                lot.turns[axis][lane] = stations.uvw_m[first + lane][axis] * turns_per_m;
                lot.zenith[axis][lane] = stations.zenith[first + lane][axis];
            }
            (lot.there[lane], lot.class[lane]) = (1.0, stations.class_of[first + lane]);
        }
        lot
    }
}

with_vectors! {
    fn filled[R: Real, const C: usize](lot: &Lot, seen: &Seen, out: &mut [R]) = fill[R, C,]
}

#[inline(always)]
fn fill<R: Real, const C: usize, const FMA: bool>(lot: &Lot, seen: &Seen, out: &mut [R]) {
    match lot.lanes {
        4 => fill_lanes::<R, 4, C, FMA>(lot, seen, out),
        8 => fill_lanes::<R, 8, C, FMA>(lot, seen, out),
        _ => fill_lanes::<R, 16, C, FMA>(lot, seen, out),
    }
}

/// Products of three axes with a vector, station by station.
#[inline(always)]
fn along(axes: &[[f64; MOST]; 3], vector: [f64; 3], lane: usize) -> f64 {
    axes[0][lane] * vector[0] + axes[1][lane] * vector[1] + axes[2][lane] * vector[2]
}

#[inline(always)]
fn fill_lanes<R: Real, const L: usize, const C: usize, const FMA: bool>(lot: &Lot, seen: &Seen, out: &mut [R]) {
    for (index, (place, out)) in seen.places.iter().zip(out.chunks_exact_mut(2 * C * L)).enumerate() {
        let [mut re, mut im, cos, sin] = turned::<R, L, C, FMA>(lot, place);
        if let Some(voltage) = seen.voltage {
            for lane in 0..L {
                let gain = R::of(voltage[lot.class[lane]][index]);
                (re[lane], im[lane]) = (gain * re[lane], gain * im[lane]);
            }
        }
        if C == 1 {
            out[..L].copy_from_slice(&re);
            out[L..].copy_from_slice(&im);
        } else {
            for lane in 0..L {
                let (cos, sin) = (cos[lane], sin[lane]);
                let minus = R::default() - sin;
                // [[cos p, -sin p], [sin p, cos p]]
                for (component, factor) in [cos, minus, sin, cos].into_iter().enumerate() {
                    out[2 * component * L + lane] = factor * re[lane];
                    out[(2 * component + 1) * L + lane] = factor * im[lane];
                }
            }
        }
        if let Some(response) = seen.response {
            respond::<R, L, C>(lot, response, index, out);
        }
    }
}

/// Phase (0 below the horizon), and cosine and sine of the parallactic angle.
#[inline(always)]
fn turned<T: Real, const L: usize, const C: usize, const FMA: bool>(lot: &Lot, place: &Place) -> [[T; L]; 4] {
    let mut turned = [[T::default(); L]; 4];
    for lane in 0..L {
        let (cos, sin) = T::cis::<FMA>(along(&lot.turns, place.lmn1, lane));
        let up = along(&lot.zenith, place.towards, lane) >= 0.0;
        let there = T::of(if up { lot.there[lane] } else { 0.0 });
        (turned[0][lane], turned[1][lane]) = (there * cos, there * sin);
    }
    if C > 1 {
        for lane in 0..L {
            let (east, north) = (along(&lot.zenith, place.east, lane), along(&lot.zenith, place.north, lane));
            let square = east * east + north * north;
            let inverse = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
            // at the zenith itself the parallactic angle is taken as 0
            turned[2][lane] = T::of(if square > 0.0 { north * inverse } else { 1.0 });
            turned[3][lane] = T::of(east * inverse);
        }
    }
    turned
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

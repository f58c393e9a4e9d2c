use super::tile::Real;
use super::{Place, Points, Stations};
use crate::math::vectors::{Vectors, with_vectors};
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
    /// J = E R K of every station.
    pub fn jones(with: Vectors, stations: &Stations, points: &Points, components: usize) -> Panels<R> {
        let lanes = R::lanes(with);
        let block = points.places.len() * components * 2 * lanes;
        let mut values = vec![R::default(); stations.uvw_m.len().div_ceil(lanes) * block];
        values.par_chunks_mut(block).enumerate().for_each(|(number, values)| {
            let lot = Lot::new(stations, number * lanes, lanes);
            match components {
                1 => filled::<R, 1>(&lot, points, values),
                _ => filled::<R, 4>(&lot, points, values),
            }
        });
        Panels { values, lanes, components, block }
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

/// The stations of a block, side by side.
struct Lot {
    lanes: usize,
    /// (u, v, w) in turns.
    turns: [[f64; MOST]; 3],
    zenith: [[f64; MOST]; 3],
    /// 1, or 0 where there is no station.
    there: [f64; MOST],
    class: [usize; MOST],
}

impl Lot {
    fn new(stations: &Stations, first: usize, lanes: usize) -> Lot {
        let mut lot =
            Lot { lanes, turns: [[0.0; MOST]; 3], zenith: [[0.0; MOST]; 3], there: [0.0; MOST], class: [0; MOST] };
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
    fn filled[R: Real, const C: usize](lot: &Lot, points: &Points, out: &mut [R]) = fill[R, C,]
}

#[inline(always)]
fn fill<R: Real, const C: usize, const FMA: bool>(lot: &Lot, points: &Points, out: &mut [R]) {
    match lot.lanes {
        4 => fill_lanes::<R, 4, C, FMA>(lot, points, out),
        8 => fill_lanes::<R, 8, C, FMA>(lot, points, out),
        _ => fill_lanes::<R, 16, C, FMA>(lot, points, out),
    }
}

#[inline(always)]
fn fill_lanes<R: Real, const L: usize, const C: usize, const FMA: bool>(lot: &Lot, points: &Points, out: &mut [R]) {
    for (index, (place, out)) in points.places.iter().zip(out.chunks_exact_mut(2 * C * L)).enumerate() {
        let mut gain = [0f64; L];
        gain.copy_from_slice(&lot.there[..L]);
        if let Some(voltage) = points.voltage {
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
    }
}

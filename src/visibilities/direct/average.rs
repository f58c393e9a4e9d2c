//! How a time step is cut for its average.

use super::stations::{Group, reach_of};
use super::{Cell, DirectSky, Smearing, Source};
use crate::math::space::cross;
use crate::telescope::beam::StationBeams;
use crate::units::{C_M_S, RaDec};
use crate::visibilities::geometry::Instant;
use crate::visibilities::product::Motion;
use crate::visibilities::response::{station_jones, station_voltage};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use std::borrow::Cow;

/// Most parts that a time step is cut into for its average.
const MOST_PARTS: usize = 1001;
/// Stations and sources that are asked how much a step changes what they make of each other.
const ASKED: [usize; 2] = [12, 24];
/// Most of |F'(x)|/(2 pi), F(x) = sin(pi x)/(pi x), and what it is for small x, over x.
const SLOPE: [f64; 2] = [0.2182, std::f64::consts::PI / 6.0];

/// The cell that samples are the mean of, and the accuracy of a true average.
pub(super) fn cell(smearing: Smearing) -> Option<(Cell, Option<f64>)> {
    match smearing {
        Smearing::None => None,
        Smearing::Sinc(cell) => Some((cell, None)),
        Smearing::Average { cell, epsilon } => Some((cell, Some(epsilon))),
    }
}

/// Parts of a time step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// An odd number, so that one of them is the middle of the step.
    pub parts: usize,
    /// Whether stations' responses change so much within the step that their slope counts.
    pub sloped: bool,
    /// What responses leave of epsilon where a baseline takes the step as a whole.
    left: f64,
}

/// A step that is not cut.
const WHOLE: Cut = Cut { parts: 1, sloped: false, left: 0.0 };

/// What samples are sums of.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub sky: &'a DirectSky<'a>,
    pub groups: &'a [Group],
    pub beams: &'a StationBeams,
    pub centre: RaDec,
    pub products: usize,
}

impl Cut {
    /// The parts that an average to its epsilon takes, at the highest frequency of the channels from `channel` on.
    ///
    /// Phases have a bound ([`Motion::neglected`]). How much parallactic angles, beams and shapes change is found from some of the
    /// stations and sources: with M the matrix of a source on a baseline, M(t) = M + M' t + M'' t^2/2 for t from -1/2 to 1/2, and b
    /// turns of the phase, the middle of n parts is off by less than |M'|/n min(|F'|/(2 pi), pi b/(6 n)) + |M''|/(24 n^2), F(x) =
    /// sin(pi x)/(pi x). Where that is too much M' is taken along but for the shapes', and its term is theirs alone.
    pub fn of(smearing: Smearing, instant: &Instant, seen: &Seen, (channel, freq_hz): (usize, f64)) -> Cut {
        let Smearing::Average { cell, epsilon } = smearing else { return WHOLE };
        let square = |x: &[f64; 3]| x.iter().map(|x| x * x).sum::<f64>();
        let longest = 2.0 * instant.station_uvw_m.iter().map(square).fold(0.0, f64::max).sqrt();
        let (reach, turns_per_m) = (reach_of(seen.groups), freq_hz / C_M_S);
        let motion = motion(instant, &[], cell, Some(epsilon), WHOLE, 0);
        let turns = longest * reach * turns_per_m * cell.rate_rad_s * cell.time_s;
        let [first, of_shapes, second] = seen.change(instant, cell, channel, freq_hz);
        let of_response = |first: f64, parts: usize| {
            let n = parts as f64;
            first / n * SLOPE[0].min(SLOPE[1] * turns / n) + second / (24.0 * n * n)
        };
        // a tenth of what is asked for is left to responses that hardly change
        let sloped = of_response(first, 1) > 0.1 * epsilon;
        let of_response = |parts: usize| if sloped { of_response(of_shapes, parts) } else { 0.0 };
        let enough =
            |parts: &usize| motion.neglected(longest, reach, turns_per_m, *parts) + of_response(*parts) <= epsilon;
        let parts = (1..=MOST_PARTS).step_by(2).find(enough).unwrap_or(MOST_PARTS);
        Cut { parts, sloped, left: epsilon - of_response(1) }
    }
}

/// Sources that take as many parts, and the parts.
pub(super) struct Lot<'a> {
    pub groups: Cow<'a, [Group]>,
    pub cut: Cut,
}

/// The sources of a time step by how much a step changes what stations make of them: near the zenith the sky turns fast, and few
/// sources need many parts. Powers of two of the change at one station, from the root of what is asked for on.
pub(super) fn lots_of_sources<'a>(
    smearing: Smearing,
    instant: &Instant,
    seen: &Seen<'a>,
    (channel, freq_hz): (usize, f64),
) -> Vec<Lot<'a>> {
    let cut = Cut::of(smearing, instant, seen, (channel, freq_hz));
    let whole = || vec![Lot { groups: Cow::Borrowed(seen.groups), cut }];
    let Smearing::Average { cell, epsilon } = smearing else { return whole() };
    if !cut.sloped || cut.parts == 1 {
        return whole();
    }
    let half = 0.5 * cell.rate_rad_s * cell.time_s;
    let ends = [instant.turned(-half), instant.turned(half)];
    let level = |(before, after): (&[Complex64; 4], &[Complex64; 4])| {
        let change = (0..4).map(|k| (after[k] - before[k]).norm()).fold(0.0, f64::max);
        (change / epsilon.sqrt()).max(1.0).log2() as usize
    };
    let of_group = |group: &Group| -> Vec<usize> {
        let sources: Vec<&Source> = group.sources.iter().collect();
        let [before, after] = ends.each_ref().map(|at| seen.jones(at, 0, freq_hz, &sources));
        before.iter().zip(&after).map(level).collect()
    };
    let levels: Vec<Vec<usize>> = seen.groups.iter().map(of_group).collect();
    let most = levels.iter().flatten().copied().max().unwrap_or(0);
    (0..=most)
        .filter_map(|level| {
            let of = |(group, levels): (&Group, &Vec<usize>)| {
                let chosen: Vec<usize> = (0..levels.len()).filter(|k| levels[*k] == level).collect();
                (!chosen.is_empty()).then(|| group.some(&chosen))
            };
            let groups: Vec<Group> = seen.groups.iter().zip(&levels).filter_map(of).collect();
            (!groups.is_empty()).then(|| {
                let part = Seen { groups: &groups, ..*seen };
                let cut = Cut::of(smearing, instant, &part, (channel, freq_hz));
                Lot { groups: Cow::Owned(groups), cut }
            })
        })
        .collect()
}

/// How stations move within one part of a time step.
pub(super) fn motion(
    instant: &Instant,
    order: &[usize],
    cell: Cell,
    epsilon: Option<f64>,
    cut: Cut,
    part: usize,
) -> Motion {
    let turning = |v: [f64; 3]| cross(instant.pole_uvw, v).map(|x| x * cell.rate_rad_s);
    let velocity: Vec<[f64; 3]> = order.iter().map(|s| turning(instant.station_uvw_m[*s])).collect();
    Motion {
        acceleration: velocity.iter().map(|v| turning(*v)).collect(),
        velocity,
        rate_rad_s: cell.rate_rad_s,
        time_s: cell.time_s,
        bandwidth_hz: cell.bandwidth_hz,
        epsilon,
        parts: cut.parts,
        left: cut.left,
        middle: part == cut.parts / 2,
    }
}

/// Some of them, evenly spread, with the last.
fn some(all: usize, most: usize) -> Vec<usize> {
    let count = all.min(most);
    (0..count).map(|k| if count < 2 { k } else { k * (all - 1) / (count - 1) }).collect()
}

impl Seen<'_> {
    /// Largest |M'|, that part of it which is the shape's, and |M''| over a time step, relative to the source's brightness.
    fn change(&self, instant: &Instant, cell: Cell, channel: usize, freq_hz: f64) -> [f64; 3] {
        let stations = some(instant.zenith.len(), ASKED[0]);
        // as many of points as of shapes
        let sources: Vec<&Source> = self
            .groups
            .iter()
            .flat_map(|group| some(group.sources.len(), ASKED[1]).into_iter().map(|k| &group.sources[k]))
            .collect();
        let half = 0.5 * cell.rate_rad_s * cell.time_s;
        let times = [instant.turned(-half), instant.clone(), instant.turned(half)];
        // [time][station][source]
        let jones: Vec<Vec<Vec<[Complex64; 4]>>> = times
            .par_iter()
            .map(|at| stations.iter().map(|station| self.jones(at, *station, freq_hz, &sources)).collect())
            .collect();
        let mut change = [0.0f64; 3];
        for p in 0..stations.len() {
            for q in p + 1..stations.len() {
                for (k, source) in sources.iter().enumerate() {
                    let stokes = self.sky.stokes(source, channel, freq_hz);
                    let size = stokes.iter().fold(0.0, |most: f64, s| most.max(s.abs()));
                    if size == 0.0 {
                        continue;
                    }
                    let taper = [0, 1, 2].map(|t| {
                        let [from, to] = [p, q].map(|s| times[t].station_uvw_m[stations[s]]);
                        let [u, v] = [0, 1].map(|axis| (from[axis] - to[axis]) * freq_hz / C_M_S);
                        source.taper.map_or(1.0, |taper| (-taper.exponent(u, v)).exp())
                    });
                    let bare = [0, 1, 2].map(|t| {
                        let (a, b) = (&jones[t][p][k], &jones[t][q][k]);
                        matrix(a, stokes.map(|s| s / size), b, self.products)
                    });
                    let [before, now, after] = [0, 1, 2].map(|t| bare[t].map(|m| m * taper[t]));
                    let norm = |of: &dyn Fn(usize) -> Complex64| (0..4).map(|m| of(m).norm()).fold(0.0, f64::max);
                    change[0] = change[0].max(norm(&|m| after[m] - before[m]));
                    change[1] = change[1].max(norm(&|m| bare[1][m] * (taper[2] - taper[0])));
                    change[2] = change[2].max(norm(&|m| 4.0 * (after[m] - 2.0 * now[m] + before[m])));
                }
            }
        }
        change
    }

    /// E R of a station towards sources, or E in the scalar mode.
    fn jones(&self, at: &Instant, station: usize, freq_hz: f64, sources: &[&Source]) -> Vec<[Complex64; 4]> {
        let directions: Vec<RaDec> = sources.iter().map(|source| source.direction).collect();
        let when = (freq_hz, at.step);
        match self.products {
            1 => station_voltage(at, self.beams, station, self.centre, when, &directions)
                .into_iter()
                .map(|e| [e, Complex64::ZERO, Complex64::ZERO, Complex64::ZERO])
                .collect(),
            _ => station_jones(at, self.beams, station, self.centre, when, &directions),
        }
    }
}

/// J_p B J_q^H.
fn matrix(a: &[Complex64; 4], [i, q, u, v]: [f64; 4], b: &[Complex64; 4], products: usize) -> [Complex64; 4] {
    if products == 1 {
        return [a[0] * b[0].conj() * i, Complex64::ZERO, Complex64::ZERO, Complex64::ZERO];
    }
    let bright = [Complex64::from(i + q), Complex64::new(u, v), Complex64::new(u, -v), Complex64::from(i - q)];
    std::array::from_fn(|product| {
        let (row, column) = (product / 2 * 2, product % 2 * 2);
        (0..2)
            .flat_map(|x| (0..2).map(move |y| (x, y)))
            .map(|(x, y)| a[row + x] * bright[2 * x + y] * b[column + y].conj())
            .sum()
    })
}

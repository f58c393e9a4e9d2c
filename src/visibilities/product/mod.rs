//! The direct sum over sources, block by block.
//!
//! A point's share of a baseline is J_p B J_q^H, and J = E R K knows one station alone: with all sources side by side V =
//! (J B) J^H, of which the half p <= q is made ([`Sums::add`]). Phases cost one sine and cosine a station and source, not a
//! baseline and source, and the product runs in registers ([`tile`]). What depends on both stations, smearing and the shape of
//! Gaussians, is a factor that each baseline makes for each source ([`Sums::add_each`], [`each`]).
//!
//! Phases are float64 turns in any case; a block of [`BLOCK`] sources is summed in [`Real`], blocks in float64.

mod each;
mod formed;
mod panel;
mod tile;

use crate::math::vectors::Vectors;
use crate::units::C_M_S;
use each::{Each, ROWS, Smeared, terms};
use formed::Responses;
use panel::Panels;
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Sources multiplied at a time: their panels stay in the cache.
pub(super) const BLOCK: usize = 256;

pub(super) use formed::FormedBeams;
pub(super) use tile::Real;

/// Where a source is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// l, m, n - 1.
    pub lmn1: [f64; 3],
    /// Celestial unit vectors towards it, and eastwards and northwards of it.
    pub towards: [f64; 3],
    pub east: [f64; 3],
    pub north: [f64; 3],
}

/// Sources as a few channels have them.
pub(super) struct Sources<'a> {
    /// At most [`BLOCK`].
    pub places: &'a [Place],
    /// I, Q, U, V \[channel\]\[source\], Jy.
    pub stokes: &'a [&'a [[f64; 4]]],
    /// a, b, c of each one's exponent in wavelengths; empty for points.
    pub tapers: &'a [[f64; 3]],
    /// Voltage patterns \[channel\]\[class\]\[source\]; none where all are 1.
    pub voltage: Option<&'a [Vec<Vec<f64>>]>,
}

/// Stations at one time and a few frequencies.
pub(super) struct Stations<'a> {
    /// (u, v, w), m.
    pub uvw_m: Vec<[f64; 3]>,
    /// Celestial unit vectors of the zeniths: what lies below a station's horizon it does not see.
    pub zenith: Vec<[f64; 3]>,
    /// Class of each station's beam.
    pub class_of: Vec<usize>,
    /// Channels that are summed together, Hz.
    pub freq_hz: &'a [f64],
    /// Beams of aperture arrays and of dishes of any shape.
    pub formed: Option<FormedBeams<'a>>,
    /// What happens within a time step and channel.
    pub smearing: Option<Motion>,
}

impl Stations<'_> {
    /// Turns of phase a metre of path in a channel: frequency over the speed of light.
    fn turns_per_m(&self, channel: usize) -> f64 {
        self.freq_hz[channel] / C_M_S
    }
}

/// How stations move within a time step, and how their samples are averaged.
pub(super) struct Motion {
    /// d(u, v, w)/dt and its own derivative, m/s and m/s^2.
    pub velocity: Vec<[f64; 3]>,
    pub acceleration: Vec<[f64; 3]>,
    /// Of the Earth, rad/s.
    pub rate_rad_s: f64,
    pub time_s: f64,
    pub bandwidth_hz: f64,
    /// The true average to this; `None` for the sines alone.
    pub epsilon: Option<f64>,
    /// Parts into which the time step is cut where one is not enough, and whether this is the middle one.
    pub parts: usize,
    pub middle: bool,
    /// How much a baseline's phases may be off where it takes the step as a whole.
    pub left: f64,
}

impl Motion {
    /// Most that neglecting the second order of (c t^2/2 + b width t f) does to a mean over t and f from -1/2 to 1/2: its mean
    /// square times 2 pi^2. For baselines of `length_m` and sources within `reach` of the phase centre.
    pub fn neglected(&self, length_m: f64, reach: f64, turns_per_m: f64, parts: usize) -> f64 {
        let swing = self.rate_rad_s * self.time_s / parts as f64;
        let path = length_m * reach * turns_per_m;
        let (bent, crossed) = (path * swing * swing, path * swing * self.bandwidth_hz / (turns_per_m * C_M_S));
        2.0 * std::f64::consts::PI.powi(2) * (bent * bent / 320.0 + crossed * crossed / 144.0)
    }

    /// What one tile's loops need; `None` where this part of the step has nothing to add.
    fn of<R: Real>(&self, length_m: f64, reach: f64, turns_per_m: f64) -> Option<(Smeared<R>, f64)> {
        let enough = || self.neglected(length_m, reach, turns_per_m, 1) <= self.left;
        let whole = self.parts == 1 || enough();
        if whole && !self.middle {
            return None;
        }
        let part = if whole { 1.0 } else { 1.0 / self.parts as f64 };
        let path = length_m * reach;
        let most = (path * self.bandwidth_hz / C_M_S).max(path * turns_per_m * self.rate_rad_s * self.time_s * part);
        // digits that the sums do not have are not made; an average is asked for to its epsilon
        let epsilon = self.epsilon.map_or(R::EPSILON, |e| (0.01 * e).max(R::EPSILON));
        let arguments = if self.epsilon.is_some() { 3 } else { 2 };
        let width = self.bandwidth_hz / (turns_per_m * C_M_S);
        Some((Smeared { arguments, terms: terms(most, epsilon), part: R::of(part), width: R::of(width) }, part))
    }
}

/// Visibilities of all pairs of stations, in float64.
pub(super) struct Sums {
    stations: usize,
    products: usize,
    /// \[p\]\[q\]\[product\]; those of p <= q are made.
    values: Vec<Complex64>,
}

impl Sums {
    /// Zeros; 1 product (I) or 4 (XX, XY, YX, YY).
    pub fn new(stations: usize, products: usize) -> Sums {
        Sums { stations, products, values: vec![Complex64::ZERO; stations * stations * products] }
    }

    /// Zeros once more.
    pub fn clear(&mut self) {
        self.values.par_chunks_mut(self.stations * self.products).for_each(|row| row.fill(Complex64::ZERO));
    }

    /// A product of the baseline of stations p and q: V_pq, or V_qp^H.
    pub fn of(&self, p: usize, q: usize, product: usize) -> Complex64 {
        let at = |p: usize, q: usize, product: usize| self.values[(p * self.stations + q) * self.products + product];
        match (p <= q, product) {
            (true, _) => at(p, q, product),
            (false, 1 | 2) => at(q, p, 3 - product).conj(),
            (false, _) => at(q, p, product).conj(),
        }
    }
}

/// Room for the matrices of one block and channel after the other.
pub(super) struct Scratch<R> {
    jones: Panels<R>,
    weighted: Panels<R>,
    shares: Panels<R>,
    /// Change of J within the time, that times B, and J at its end.
    change: Panels<R>,
    weighted_change: Panels<R>,
    end: Panels<R>,
}

impl<R: Real> Scratch<R> {
    pub fn new() -> Scratch<R> {
        let [jones, weighted, shares, change, weighted_change, end] = std::array::from_fn(|_| Panels::empty());
        Scratch { jones, weighted, shares, change, weighted_change, end }
    }

    /// Adds what `sources` give to the sums of each channel, with the instructions `with`. `seen` is stations and sources in the
    /// middle of the time, or in the middle, at the beginning and at the end, with the phases of the middle: responses change
    /// linearly, then.
    pub fn add(&mut self, sums: &mut [Sums], with: Vectors, seen: &[Stations], sources: &[Sources]) {
        let products = sums.first().map_or(1, |sums| sums.products);
        let responses: Vec<_> =
            seen.iter().zip(sources).map(|(stations, sources)| Responses::new(stations, sources, products)).collect();
        for (channel, sums) in sums.iter_mut().enumerate() {
            let jones = |panels: &mut Panels<R>, time: usize| {
                let response = responses[time].as_ref().map(|responses| responses.at(channel));
                panels.jones(with, &seen[time], &sources[time], (channel, products), response.as_ref());
            };
            let (stations, sources) = (&seen[0], &sources[0]);
            jones(&mut self.jones, 0);
            self.weighted.weighted(&self.jones, sources.stokes[channel]);
            match sources.tapers.is_empty() && stations.smearing.is_none() {
                true => sums.add_points(with, &self.weighted, &self.jones),
                false => {
                    if let Some(motion) = &stations.smearing {
                        let turns_per_m = stations.turns_per_m(channel);
                        self.shares.shares(with, stations, motion, turns_per_m, sources.places);
                    }
                    let at = (stations, sources, channel);
                    sums.add_each(with, at, [&self.weighted, &self.jones, &self.shares], false);
                    if seen.len() == 3 {
                        jones(&mut self.change, 1);
                        jones(&mut self.end, 2);
                        self.change.take_from(&self.end);
                        self.weighted_change.weighted(&self.change, sources.stokes[channel]);
                        // d(J B J^H) = dJ B J^H + J B dJ^H
                        sums.add_each(with, at, [&self.weighted_change, &self.jones, &self.shares], true);
                        sums.add_each(with, at, [&self.weighted, &self.change, &self.shares], true);
                    }
                }
            }
        }
    }
}

impl Sums {
    /// Points without smearing.
    fn add_points<R: Real>(&mut self, with: Vectors, weighted: &Panels<R>, jones: &Panels<R>) {
        let lanes = R::lanes(with);
        let row = lanes * self.stations * self.products;
        let (count, products) = (self.stations, self.products);
        self.values.par_chunks_mut(row).enumerate().for_each(|(p, sums)| {
            let rows = R::rows(with, products);
            let mut tile = vec![R::default(); rows * products * 2 * lanes];
            for q in p..jones.blocks() {
                for first in (0..lanes).step_by(rows) {
                    R::tile(with, products, weighted.of(p), first, jones.of(q), &mut tile);
                    gather(sums, &tile, [p, q], first, lanes, [count, products], 1.0);
                }
            }
        });
    }

    /// With a factor of each source on each baseline: its mean over the time, or that of the time itself from -1/2 to 1/2 times
    /// it, which is what a change within the time counts with.
    fn add_each<R: Real>(
        &mut self,
        with: Vectors,
        (stations, sources, channel): (&Stations, &Sources, usize),
        [weighted, jones, shares]: [&Panels<R>; 3],
        slope: bool,
    ) {
        let lanes = R::lanes(with);
        let turns_per_m = stations.turns_per_m(channel);
        let tapers: Vec<[R; 3]> = sources.tapers.iter().map(|abc| abc.map(R::of)).collect();
        // |s - s_0|^2 = -2 (n - 1)
        let reach = sources.places.iter().map(|p| (-2.0 * p.lmn1[2]).max(0.0).sqrt()).fold(0.0, f64::max);
        let row = lanes * self.stations * self.products;
        let (count, products) = (self.stations, self.products);
        self.values.par_chunks_mut(row).enumerate().for_each(|(p, sums)| {
            let mut tile = vec![R::default(); ROWS * products * 2 * lanes];
            let mut uv = vec![R::default(); ROWS * 3 * lanes];
            for q in p..jones.blocks() {
                for first in (0..lanes).step_by(ROWS).take_while(|first| p * lanes + first < count) {
                    let mut longest = 0.0f64;
                    for m in 0..ROWS {
                        let from = stations.uvw_m[(p * lanes + first + m).min(count - 1)];
                        for lane in 0..lanes {
                            let to = stations.uvw_m[(q * lanes + lane).min(count - 1)];
                            let b = [0, 1, 2].map(|k| from[k] - to[k]);
                            longest = longest.max(b.iter().map(|x| x * x).sum::<f64>());
                            let [u, v, _] = b.map(|x| x * turns_per_m);
                            for (which, value) in [u * u, u * v, v * v].into_iter().enumerate() {
                                uv[(m * 3 + which) * lanes + lane] = R::of(value);
                            }
                        }
                    }
                    let (smearing, weight) = match &stations.smearing {
                        None => (None, 1.0),
                        Some(motion) => match motion.of(longest.sqrt(), reach, turns_per_m) {
                            None => continue,
                            // changes are those of one part: over the whole step they are larger
                            Some((smeared, weight)) if slope => (Some(smeared), weight * weight * motion.parts as f64),
                            Some((smeared, weight)) => (Some(smeared), weight),
                        },
                    };
                    let of = |block: usize| if smearing.is_some() { shares.of(block) } else { &[] };
                    let (weighted, jones) = (weighted.of(p), jones.of(q));
                    let shares = [of(p), of(q)];
                    let job =
                        Each { products, weighted, first, jones, shares, smearing, slope, uv: &uv, tapers: &tapers };
                    R::each(with, &job, &mut tile);
                    gather(sums, &tile, [p, q], first, lanes, [count, products], weight);
                }
            }
        });
    }
}

/// Adds a tile \[station p\]\[product\]\[re, im\]\[station q\], times `weight`, to the rows of a block of stations p.
fn gather<R: Real>(
    sums: &mut [Complex64],
    tile: &[R],
    [p, q]: [usize; 2],
    first: usize,
    lanes: usize,
    [count, products]: [usize; 2],
    weight: f64,
) {
    for (m, tile) in tile.chunks_exact(products * 2 * lanes).enumerate() {
        let (station, in_block) = (p * lanes + first + m, first + m);
        if station >= count {
            break;
        }
        for (product, parts) in tile.chunks_exact(2 * lanes).enumerate() {
            for lane in 0..lanes {
                let other = q * lanes + lane;
                if other >= station && other < count {
                    sums[(in_block * count + other) * products + product] +=
                        weight * Complex64::new(parts[lane].to_f64(), parts[lanes + lane].to_f64());
                }
            }
        }
    }
}

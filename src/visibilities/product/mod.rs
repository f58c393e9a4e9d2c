//! The direct sum over point sources as a product of matrices.
//!
//! A point's share of a baseline is J_p B J_q^H, and J = E R K knows one station alone: with all sources side by side V =
//! (J B) J^H, of which the half p <= q is made. Phases cost one sine and cosine a station and source, not a baseline and
//! source, and the product runs in registers ([`tile`]).
//!
//! Phases are float64 turns in any case; a block of [`BLOCK`] sources is summed in [`Real`], blocks in float64.

mod panel;
mod tile;

use crate::math::vectors::Vectors;
use panel::Panels;
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Sources multiplied at a time: their panels stay in the cache.
pub(super) const BLOCK: usize = 256;

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

/// Points as one channel has them.
pub(super) struct Points<'a> {
    /// At most [`BLOCK`].
    pub places: &'a [Place],
    /// I, Q, U, V of each, Jy.
    pub stokes: &'a [[f64; 4]],
    /// Voltage patterns \[class\]\[source\]; none where all are 1.
    pub voltage: Option<&'a [Vec<f64>]>,
}

/// Stations at one time and frequency.
pub(super) struct Stations<'a> {
    /// (u, v, w), m.
    pub uvw_m: &'a [[f64; 3]],
    /// Celestial unit vectors of the zeniths: what lies below a station's horizon it does not see.
    pub zenith: &'a [[f64; 3]],
    /// Class of each station's beam.
    pub class_of: &'a [usize],
    /// Turns of phase a metre of path: frequency over the speed of light.
    pub turns_per_m: f64,
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
        self.values.fill(Complex64::ZERO);
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

    /// Adds what `points` give, with the instructions `with`.
    pub fn add<R: Real>(&mut self, with: Vectors, stations: &Stations, points: &Points) {
        let lanes = R::lanes(with);
        let jones = Panels::<R>::jones(with, stations, points, self.products);
        let weighted = jones.weighted(points.stokes);
        let row = lanes * self.stations * self.products;
        let (count, products) = (self.stations, self.products);
        self.values.par_chunks_mut(row).enumerate().for_each(|(p, sums)| {
            let mut tile = vec![R::default(); R::rows(with, products) * products * 2 * lanes];
            for q in p..jones.blocks() {
                for first in (0..lanes).step_by(R::rows(with, products)) {
                    R::tile(with, products, weighted.of(p), first, jones.of(q), &mut tile);
                    // [station p][product][re, im][station q]
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
                                        Complex64::new(parts[lane].to_f64(), parts[lanes + lane].to_f64());
                                }
                            }
                        }
                    }
                }
            }
        });
    }
}

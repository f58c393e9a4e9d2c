//! Self-absorption: radiative transfer of the line through the cells, nearest first.
//!
//! A cell's optical depth in a pixel and channel is tau = N_HI / (1.823e18 T_s dv), and what leaves the object is
//! T = sum T_s (1 - exp(-tau)) exp(-sum of tau in front), the sum going over the cells in the order of their centres
//! (Draine 2011, eq. 8.11 to 8.22; the coefficient is that of A10, [`crate::units::hi::column_per_k_km_s`]). A cell is
//! taken to fill the pixels and channels that it reaches, with its kernel and line as in [`super::deposit`], so thin gas
//! gives what that gives. Nothing shines from behind.
//!
//! The result is stated as the mass that would give the same temperature if it were thin, m = T / k with k the
//! temperature of unit mass. Tiles of the image ([`super::spread`]) hold the transmission of their own pixels and
//! channels: no buffer of cells times channels exists, and the result does not depend on the number of threads.

use super::deposit::PlacedCell;
use super::profile::LineProfile;
use super::spread::{Sink, Stencil, Tiling, spread};
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, Array3, ArrayViewMut3};

/// What decides the optical depth of the gas.
#[derive(Debug, Clone, Copy)]
pub struct Opacity<'a> {
    /// Brightness temperature of one Msun per kpc^2, were it thin, in each channel, K.
    pub kelvin_per_msun_kpc2: &'a [f64],
    /// Area of the pixels, kpc^2, [y, x].
    pub pixel_kpc2: &'a Array2<f64>,
    /// Spin temperature of each cell, K.
    pub spin_k: &'a [f64],
    /// Cells, the nearest first: numbers into the others' lists.
    pub order: &'a [u32],
}

/// Lets the light of `cells` through each other, on pixels and channels as in [`deposit`](super::deposit::deposit):
/// the mass that would shine as much if it were thin, Msun, [channel, y, x].
///
/// `watch` advances by one unit a cell. Errors: spin temperatures that are not positive, arrays that do not fit,
/// interrupted.
pub fn absorb(cells: &[PlacedCell], edges_km_s: &[f64], opacity: &Opacity, watch: &Watch) -> Result<Array3<f64>> {
    let channels = edges_km_s.len().saturating_sub(1);
    let (ny, nx) = opacity.pixel_kpc2.dim();
    if opacity.spin_k.len() != cells.len() || opacity.order.len() != cells.len() {
        return Err(Error::input("the spin temperatures do not fit the cells").found(format!(
            "{} temperatures, {} cells",
            opacity.spin_k.len(),
            cells.len()
        )));
    }
    if let Some(bad) = opacity.spin_k.iter().find(|t| !(**t > 0.0 && t.is_finite())) {
        return Err(Error::input("a gas cell has an impossible spin temperature")
            .found(format!("{bad} K"))
            .expected("a positive number"));
    }
    let ordered: Vec<PlacedCell> = opacity.order.iter().map(|cell| cells[*cell as usize]).collect();
    let tiling = Tiling::new(nx, ny, 2 * channels)?;
    let mut apparent = Array3::<f64>::zeros((channels, ny, nx));
    let targets = tiling.split(apparent.view_mut());
    let profile = LineProfile::new();
    let sink = |[x, y]: [[usize; 2]; 2], target| {
        let numbers = (x[1] - x[0]) * (y[1] - y[0]) * channels;
        Tile {
            ordered: &ordered,
            edges_km_s,
            profile: &profile,
            opacity,
            x: x.map(|v| v as i64),
            y: y.map(|v| v as i64),
            seen: vec![0.0; numbers],
            passing: vec![1.0; numbers],
            next: Vec::new(),
            mass: 0.0,
            spin_k: 1.0,
            first: 0,
            parts: Vec::with_capacity(channels),
            target,
        }
    };
    spread(&ordered, &tiling, targets, sink, watch)?;
    Ok(apparent)
}

/// What leaves one tile, and what still gets through the cells that it has met.
struct Tile<'a> {
    ordered: &'a [PlacedCell],
    edges_km_s: &'a [f64],
    profile: &'a LineProfile,
    opacity: &'a Opacity<'a>,
    /// Columns and rows of the image, [first, end).
    x: [i64; 2],
    y: [i64; 2],
    /// [y, x, channel].
    seen: Vec<f64>,
    passing: Vec<f64>,
    /// Cells that come next.
    next: Vec<u32>,
    /// Of the cell that is taken up, over the norm of its weights.
    mass: f64,
    spin_k: f64,
    /// First channel of its line, and the shares from there.
    first: usize,
    parts: Vec<f64>,
    target: ArrayViewMut3<'a, f64>,
}

impl Sink for Tile<'_> {
    fn fetch(&mut self, cells: &[u32]) {
        self.next.clear();
        self.next.extend_from_slice(cells);
    }

    #[inline(always)]
    fn cell(&mut self, fetched: usize, scale: f64) {
        let number = self.next[fetched] as usize;
        let cell = &self.ordered[number];
        self.mass = scale * cell.mass_msun;
        self.spin_k = self.opacity.spin_k[self.opacity.order[number] as usize];
        self.parts.clear();
        self.first = self.profile.append_parts(self.edges_km_s, cell.velocity_km_s, cell.sigma_km_s, &mut self.parts);
    }

    #[inline(always)]
    fn small<const FMA: bool>(&mut self, stencil: &Stencil) {
        for (y, x, weights) in stencil.within(self.x, self.y) {
            self.row::<FMA>(y, x, weights);
        }
    }

    #[inline(always)]
    fn row<const FMA: bool>(&mut self, y: usize, x: usize, weights: &[f64]) {
        let (channels, width) = (self.edges_km_s.len() - 1, (self.x[1] - self.x[0]) as usize);
        let kelvin = &self.opacity.kelvin_per_msun_kpc2[self.first..];
        for (x, weight) in (x..).zip(weights).filter(|(_, weight)| **weight > 0.0) {
            let mass = self.mass * weight;
            let area = self.opacity.pixel_kpc2[[self.y[0] as usize + y, self.x[0] as usize + x]];
            let start = (y * width + x) * channels + self.first;
            let range = start..start + self.parts.len();
            let pixel = self.seen[range.clone()].iter_mut().zip(&mut self.passing[range]);
            for ((seen, passing), (part, kelvin)) in pixel.zip(self.parts.iter().zip(kelvin)) {
                let tau = part * mass / area * kelvin / self.spin_k;
                if tau > 0.0 {
                    // what leaves the cell over what would if it were thin: (1 - exp(-tau))/tau
                    let opaque = -(-tau).exp_m1();
                    *seen += part * mass * (opaque / tau) * *passing;
                    *passing -= *passing * opaque;
                }
            }
        }
    }

    fn finish(mut self) {
        let (channels, width) = (self.edges_km_s.len() - 1, (self.x[1] - self.x[0]) as usize);
        for ((c, y, x), out) in self.target.indexed_iter_mut() {
            *out = self.seen[(y * width + x) * channels + c];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use crate::sky::deposit::deposit;

    const N: usize = 21;

    fn cells(count: usize) -> Vec<PlacedCell> {
        let mut random = Stream::new(9, [1, 2, 3]);
        (0..count)
            .map(|_| PlacedCell {
                x_px: 26.0 * random.uniform() - 3.0,
                y_px: 26.0 * random.uniform() - 3.0,
                support_px: 7.0 * random.uniform(),
                mass_msun: 1e5 * random.uniform(),
                velocity_km_s: 60.0 * random.normal(),
                sigma_km_s: 5.0 + 8.0 * random.uniform(),
            })
            .collect()
    }

    fn edges() -> Vec<f64> {
        (0..=12).map(|c| 120.0 - 20.0 * f64::from(c)).collect()
    }

    fn run(cells: &[PlacedCell], spin_k: &[f64], order: &[u32], kelvin: f64) -> Array3<f64> {
        let edges = edges();
        let scale = vec![kelvin; edges.len() - 1];
        let pixel_kpc2 = Array2::from_elem((N, N), 0.3);
        let opacity = Opacity { kelvin_per_msun_kpc2: &scale, pixel_kpc2: &pixel_kpc2, spin_k, order };
        absorb(cells, &edges, &opacity, &Watch::silent()).unwrap()
    }

    #[test]
    fn thin_gas_gives_what_deposit_gives() {
        let cells = cells(400);
        let order: Vec<u32> = (0..400).rev().collect();
        let got = run(&cells, &vec![1e12; 400], &order, 1e-3);
        let thin = deposit(&cells, &edges(), N, N, &Watch::silent()).unwrap();
        let peak = thin.cube_msun.iter().fold(0.0f64, |a, b| a.max(*b));
        let worst = (&got - &thin.cube_msun).iter().fold(0.0f64, |a, b| a.max(b.abs()));
        assert!(worst < 1e-6 * peak, "{worst} {peak}");
    }

    /// One cell after the other, each pixel and channel by the formula, with single-cell deposits as columns.
    #[test]
    fn equals_the_formula_pixel_by_pixel() {
        let cells = cells(60);
        let spin: Vec<f64> = (0..60).map(|i| 50.0 + 90.0 * f64::from(i % 7)).collect();
        let mut order: Vec<u32> = (0..60).collect();
        order.sort_by_key(|i| (i * 37) % 60);
        // optical depths up to some tens
        let kelvin = 0.3;
        let got = run(&cells, &spin, &order, kelvin);
        let mut temperature = Array3::<f64>::zeros((12, N, N));
        let mut depth = Array3::<f64>::zeros((12, N, N));
        for i in &order {
            let one = deposit(&cells[*i as usize..=*i as usize], &edges(), N, N, &Watch::silent()).unwrap();
            for (index, mass) in one.cube_msun.indexed_iter() {
                let t = spin[*i as usize];
                let tau = mass / 0.3 * kelvin / t;
                temperature[index] += t * (1.0 - (-tau).exp()) * (-depth[index]).exp();
                depth[index] += tau;
            }
        }
        assert!(depth.iter().fold(0.0f64, |a, b| a.max(*b)) > 10.0);
        for (index, t) in temperature.indexed_iter() {
            let seen = got[index] / 0.3 * kelvin;
            assert!((seen - t).abs() < 1e-5 * 600.0, "{index:?}: {seen} {t}");
        }
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(&cells, &spin, &order, kelvin))
        };
        assert_eq!(with(1), with(3));
    }

    /// A cell in the middle of one channel and one pixel, its mass all there.
    fn point(mass_msun: f64) -> PlacedCell {
        PlacedCell { x_px: 10.0, y_px: 10.0, support_px: 0.0, mass_msun, velocity_km_s: 10.0, sigma_km_s: 0.0 }
    }

    #[test]
    fn an_opaque_slab_has_its_spin_temperature_and_hides_what_lies_behind() {
        let kelvin = 2.0;
        let seen = |masses: &[f64], spin: &[f64], order: &[u32]| {
            let cells: Vec<PlacedCell> = masses.iter().map(|m| point(*m)).collect();
            run(&cells, spin, order, kelvin)[[5, 10, 10]] / 0.3 * kelvin
        };
        assert!((seen(&[1e6], &[120.0], &[0]) - 120.0).abs() < 1e-9);
        // two slabs of tau 0.7 (100 K) and 1.5 (300 K) in either order, by hand
        let masses = [0.7 * 100.0 * 0.3 / kelvin, 1.5 * 300.0 * 0.3 / kelvin];
        let (cold, warm) = (100.0 * (1.0 - (-0.7f64).exp()), 300.0 * (1.0 - (-1.5f64).exp()));
        assert!((seen(&masses, &[100.0, 300.0], &[0, 1]) - (cold + warm * (-0.7f64).exp())).abs() < 1e-9);
        assert!((seen(&masses, &[100.0, 300.0], &[1, 0]) - (warm + cold * (-1.5f64).exp())).abs() < 1e-9);
    }

    #[test]
    fn impossible_temperatures_are_refused() {
        let scale = [1.0; 12];
        let pixel_kpc2 = Array2::ones((N, N));
        for spin_k in [&[0.0][..], &[f64::NAN], &[1.0, 1.0]] {
            let opacity = Opacity { kelvin_per_msun_kpc2: &scale, pixel_kpc2: &pixel_kpc2, spin_k, order: &[0] };
            let error = absorb(&[point(1.0)], &edges(), &opacity, &Watch::silent()).unwrap_err().to_string();
            assert!(error.contains("spin temperature"), "{error}");
        }
    }
}

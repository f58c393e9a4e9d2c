//! Self-absorption: radiative transfer of the line through the cells, nearest first.
//!
//! A cell's optical depth in a pixel and channel is tau = N_HI / (1.823e18 T_s dv), and what leaves the object is
//! T = sum T_s (1 - exp(-tau)) exp(-sum of tau in front), the sum going over the cells in the order of their centres
//! (Draine 2011, eq. 8.11 to 8.22; the coefficient is that of A10, [`crate::units::hi::column_per_k_km_s`]). A cell is
//! taken to fill the pixels and channels that it reaches, with its kernel and line as in [`super::deposit`], so thin gas
//! gives what that gives. Nothing shines from behind.
//!
//! The result is stated as the mass that would give the same temperature if it were thin, m = T / k with k the
//! temperature of unit mass. Stripes of image rows are independent: each holds the transmission of its own pixels and
//! channels, and works out the line profiles of the cells that it meets. No buffer of cells times channels exists, and
//! the result does not depend on the number of threads.

use super::deposit::{PlacedCell, SMALLEST_SAMPLED_PX};
use super::kernel::ColumnKernel;
use super::profile::LineProfile;
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

/// Above this support radius, in pixels, the sum of the kernel over all pixels equals its integral to better than 1e-7.
const ANALYTIC_NORM_PX: f64 = 48.0;

const STRIPE_ROWS: usize = 8;

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

/// A cell on the pixels of the map.
struct Splat {
    cell: u32,
    /// Mass over the norm of its kernel, Msun.
    scale: f64,
    /// Support radius, pixels; 0 for cloud in cell.
    support: f64,
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
    let (kernel, profile) = (ColumnKernel::new(), LineProfile::new());
    let splats: Vec<Splat> = opacity
        .order
        .par_iter()
        .map(|cell| {
            let placed = &cells[*cell as usize];
            let support = if placed.support_px < SMALLEST_SAMPLED_PX { 0.0 } else { placed.support_px };
            Splat { cell: *cell, scale: placed.mass_msun / norm(&kernel, placed, support), support }
        })
        .collect();
    // cells of each stripe, still nearest first
    let stripes = ny.div_ceil(STRIPE_ROWS);
    let mut members: Vec<Vec<u32>> = vec![Vec::new(); stripes];
    for (k, splat) in splats.iter().enumerate() {
        let [first, end] = rows(&cells[splat.cell as usize], splat.support, ny);
        if first < end {
            (first / STRIPE_ROWS..=(end - 1) / STRIPE_ROWS).for_each(|s| members[s].push(k as u32));
        }
    }
    let mut apparent = Array3::<f64>::zeros((channels, ny, nx));
    apparent.axis_chunks_iter_mut(Axis(1), STRIPE_ROWS).into_par_iter().zip(&members).enumerate().try_for_each(
        |(stripe, (mut out, members))| {
            let mut passing = Array3::<f64>::ones(out.dim());
            let mut parts = Vec::new();
            for member in members {
                watch.check()?;
                let splat = &splats[*member as usize];
                let cell = &cells[splat.cell as usize];
                let spin_k = opacity.spin_k[splat.cell as usize];
                parts.clear();
                let channel = profile.append_parts(edges_km_s, cell.velocity_km_s, cell.sigma_km_s, &mut parts);
                let [first, end] = rows(cell, splat.support, ny);
                let base = stripe * STRIPE_ROWS;
                for y in first.max(base)..end.min(base + out.dim().1) {
                    let [left, right] = columns(cell, splat.support, y, nx);
                    for x in left..right {
                        let weight = splat.scale * weight(&kernel, cell, splat.support, y as i64, x as i64);
                        if weight <= 0.0 {
                            continue;
                        }
                        let per_area = weight / opacity.pixel_kpc2[[y, x]];
                        for (c, part) in (channel..).zip(&parts).filter(|(_, part)| **part > 0.0) {
                            let tau = part * per_area * opacity.kelvin_per_msun_kpc2[c] / spin_k;
                            // (1 - exp(-tau))/tau, 1 where the gas is thin
                            let opaque = -(-tau).exp_m1();
                            let seen = if tau > 0.0 { opaque / tau } else { 1.0 };
                            let passing = &mut passing[[c, y - base, x]];
                            out[[c, y - base, x]] += part * weight * seen * *passing;
                            *passing -= *passing * opaque;
                        }
                    }
                }
            }
            Ok(())
        },
    )?;
    watch.advance(cells.len() as u64)?;
    Ok(apparent)
}

/// Weight of a pixel, not normalised.
fn weight(kernel: &ColumnKernel, cell: &PlacedCell, support: f64, y: i64, x: i64) -> f64 {
    let (dx, dy) = (x as f64 - cell.x_px, y as f64 - cell.y_px);
    if support > 0.0 {
        kernel.at((dx * dx + dy * dy) / (support * support))
    } else {
        (1.0 - dx.abs()).max(0.0) * (1.0 - dy.abs()).max(0.0)
    }
}

/// Sum of the weights over all pixels, of the map or not.
fn norm(kernel: &ColumnKernel, cell: &PlacedCell, support: f64) -> f64 {
    if support == 0.0 {
        return 1.0;
    }
    if support > ANALYTIC_NORM_PX {
        return support * support;
    }
    let range = |centre: f64| (centre - support).ceil() as i64..=(centre + support).floor() as i64;
    range(cell.y_px)
        .flat_map(|y| range(cell.x_px).map(move |x| (y, x)))
        .map(|(y, x)| weight(kernel, cell, support, y, x))
        .sum()
}

/// Rows that the cell may touch: [first, end).
fn rows(cell: &PlacedCell, support: f64, ny: usize) -> [usize; 2] {
    clip(cell.y_px, if support > 0.0 { support } else { 1.0 }, ny)
}

/// Columns that the cell may touch in row `y`.
fn columns(cell: &PlacedCell, support: f64, y: usize, nx: usize) -> [usize; 2] {
    let dy = y as f64 - cell.y_px;
    let half = if support > 0.0 { (support * support - dy * dy).max(0.0).sqrt() } else { 1.0 };
    clip(cell.x_px, half, nx)
}

fn clip(centre: f64, reach: f64, n: usize) -> [usize; 2] {
    // casts saturate, and a NaN becomes 0: an empty or a harmless range
    let first = (centre - reach).ceil().max(0.0) as usize;
    let end = ((centre + reach).floor() + 1.0).clamp(0.0, n as f64) as usize;
    [first.min(end), end]
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

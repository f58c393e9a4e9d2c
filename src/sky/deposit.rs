//! Gas cells onto pixels and channels.
//!
//! [`super::spread`] says how a cell is shared over pixels and how the work is over threads; here every pixel takes the
//! cell's line profile, too. A tile holds its channels pixel by pixel, so that a profile is added to neighbouring numbers.

use super::profile::LineProfile;
use super::spread::{Footprint, Placed, Sink, Tiling, spread};
use crate::error::{Error, Result, Watch};
use crate::math::vectors::mul_add;
use ndarray::{Array2, Array3, ArrayViewMut3, Axis};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Cells whose lines are looked at by one task.
const CHUNK_CELLS: usize = 4096;

/// A cell in pixels and line-of-sight velocity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlacedCell {
    /// 0-based pixel along x; whole numbers are pixel centres.
    pub x_px: f64,
    /// 0-based pixel along y.
    pub y_px: f64,
    /// Support radius of the kernel, pixels.
    pub support_px: f64,
    /// HI mass, Msun.
    pub mass_msun: f64,
    /// Line-of-sight velocity, positive away, km/s.
    pub velocity_km_s: f64,
    /// One-dimensional velocity dispersion, km/s; 0 is a line without width.
    pub sigma_km_s: f64,
}

impl Placed for PlacedCell {
    #[inline(always)]
    fn footprint(&self) -> Option<Footprint> {
        (self.mass_msun > 0.0).then_some(Footprint { x_px: self.x_px, y_px: self.y_px, support_px: self.support_px })
    }
}

/// Mass on pixels and channels.
#[derive(Debug, Clone)]
pub struct Deposited {
    /// Msun per pixel and channel, [channel, y, x].
    pub cube_msun: Array3<f64>,
    /// Msun per pixel at any velocity, [y, x].
    pub map_msun: Array2<f64>,
    /// Mass outside the map, Msun.
    pub outside_map_msun: f64,
    /// Mass outside the band, in the map or not, Msun.
    pub outside_band_msun: f64,
    /// How often a number of the cube was added to: pixels times channels, summed over the cells.
    pub updates: u64,
}

/// Deposits `cells` on an `nx` by `ny` map and on the channels between `edges_km_s` (falling;
/// channel c lies between edges c and c + 1).
///
/// `watch` advances by one unit a cell. Errors: interrupted; a map without pixels; not enough memory.
pub fn deposit(cells: &[PlacedCell], edges_km_s: &[f64], nx: usize, ny: usize, watch: &Watch) -> Result<Deposited> {
    let channels = edges_km_s.len().saturating_sub(1);
    let tiling = Tiling::new(nx, ny, channels + 1)?;
    let mut cube = zeros([channels, ny, nx])?;
    let mut map = zeros([1, ny, nx])?;
    let profile = LineProfile::new();
    let outside_band_msun = outside_band(cells, edges_km_s, &profile);
    let updates = AtomicU64::new(0);
    let targets = tiling.split(cube.view_mut()).into_iter().zip(tiling.split(map.view_mut())).collect();
    let sink = |[x, y]: [[usize; 2]; 2], (cube, map)| {
        let (width, pixels) = (x[1] - x[0], (x[1] - x[0]) * (y[1] - y[0]));
        Tile {
            cells,
            edges_km_s,
            profile: &profile,
            width,
            channels,
            lines: vec![0.0; pixels * channels],
            sums: vec![0.0; pixels],
            mass: 0.0,
            first: 0,
            parts: Vec::with_capacity(channels),
            updates: 0,
            all_updates: &updates,
            cube,
            map,
        }
    };
    let outside = spread(cells, &tiling, targets, sink, watch)?;
    Ok(Deposited {
        cube_msun: cube,
        map_msun: map.index_axis_move(Axis(0), 0),
        outside_map_msun: outside.iter().map(|(i, share)| share * cells[*i as usize].mass_msun).sum(),
        outside_band_msun,
        updates: updates.into_inner(),
    })
}

/// Mass of the cells whose lines the channels miss, Msun.
fn outside_band(cells: &[PlacedCell], edges_km_s: &[f64], profile: &LineProfile) -> f64 {
    let top = edges_km_s.first().copied().unwrap_or(0.0);
    let bottom = edges_km_s.last().copied().unwrap_or(0.0);
    let of = |cell: &PlacedCell| {
        let (v, sigma) = (cell.velocity_km_s, cell.sigma_km_s);
        cell.mass_msun.max(0.0) * (1.0 - profile.below_edge(top, v, sigma) + profile.below_edge(bottom, v, sigma))
    };
    let sums: Vec<f64> = cells.par_chunks(CHUNK_CELLS).map(|some| some.iter().map(of).sum()).collect();
    sums.iter().sum()
}

/// Zeroes, or an error instead of an abort where there is no memory for them.
fn zeros(dimensions: [usize; 3]) -> Result<Array3<f64>> {
    let refuse = || {
        let text = dimensions.map(|n| n.to_string()).join(" x ");
        Error::input("there is not enough memory for the sky")
            .found(format!("{text} numbers of 8 bytes"))
            .hint("take fewer pixels or channels")
    };
    let count = dimensions.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).ok_or_else(refuse)?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| refuse())?;
    values.resize(count, 0.0);
    Array3::from_shape_vec(dimensions, values).map_err(|_| refuse())
}

/// Channels and map of one tile.
struct Tile<'a> {
    cells: &'a [PlacedCell],
    edges_km_s: &'a [f64],
    profile: &'a LineProfile,
    width: usize,
    channels: usize,
    /// [y, x, channel].
    lines: Vec<f64>,
    /// [y, x].
    sums: Vec<f64>,
    /// Of the cell that is taken up, over the norm of its weights.
    mass: f64,
    /// First channel of its line.
    first: usize,
    /// Share of each channel from there.
    parts: Vec<f64>,
    updates: u64,
    all_updates: &'a AtomicU64,
    cube: ArrayViewMut3<'a, f64>,
    map: ArrayViewMut3<'a, f64>,
}

impl Sink for Tile<'_> {
    #[inline(always)]
    fn cell(&mut self, cell: usize, scale: f64) {
        let cell = &self.cells[cell];
        self.mass = scale * cell.mass_msun;
        self.parts.clear();
        self.first = self.profile.append_parts(self.edges_km_s, cell.velocity_km_s, cell.sigma_km_s, &mut self.parts);
    }

    #[inline(always)]
    fn row<const FMA: bool>(&mut self, y: usize, x: usize, weights: &[f64]) {
        let start = y * self.width + x;
        for (k, weight) in weights.iter().enumerate() {
            let mass = self.mass * weight;
            if mass == 0.0 {
                continue;
            }
            self.sums[start + k] += mass;
            let line = (start + k) * self.channels + self.first;
            for (sum, part) in self.lines[line..line + self.parts.len()].iter_mut().zip(&self.parts) {
                *sum = mul_add::<FMA>(mass, *part, *sum);
            }
            self.updates += self.parts.len() as u64;
        }
    }

    fn finish(mut self) {
        for (c, mut plane) in self.cube.outer_iter_mut().enumerate() {
            for (y, mut row) in plane.outer_iter_mut().enumerate() {
                let lines = self.lines[y * self.width * self.channels..].iter().skip(c).step_by(self.channels);
                row.iter_mut().zip(lines).for_each(|(out, sum)| *out = *sum);
            }
        }
        self.map.iter_mut().zip(&self.sums).for_each(|(out, sum)| *out = *sum);
        self.all_updates.fetch_add(self.updates, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use crate::sky::kernel::column;
    use crate::sky::spread::{ANALYTIC_NORM_PX, SMALLEST_SAMPLED_PX};

    fn cells(count: usize, size: f64, largest: f64) -> Vec<PlacedCell> {
        let mut random = Stream::new(7, [1, 2, 3]);
        (0..count)
            .map(|_| PlacedCell {
                x_px: (1.3 * random.uniform() - 0.15) * size,
                y_px: (1.3 * random.uniform() - 0.15) * size,
                support_px: largest * random.uniform().powi(4),
                mass_msun: 1e5 * random.uniform(),
                velocity_km_s: 120.0 * random.normal(),
                sigma_km_s: 4.0 + 10.0 * random.uniform(),
            })
            .collect()
    }

    fn edges() -> Vec<f64> {
        (0..=24).map(|c| 180.0 - 15.0 * f64::from(c)).collect()
    }

    /// Every cell to every pixel and channel, as the formulas stand.
    fn naive(cells: &[PlacedCell], edges: &[f64], nx: usize, ny: usize) -> (Array3<f64>, f64) {
        let mut cube = Array3::zeros((edges.len() - 1, ny, nx));
        let mut outside = 0.0;
        for cell in cells {
            let weight = |i: i64, j: i64| {
                let (dx, dy) = (i as f64 - cell.x_px, j as f64 - cell.y_px);
                if cell.support_px < SMALLEST_SAMPLED_PX {
                    (1.0 - dx.abs()).max(0.0) * (1.0 - dy.abs()).max(0.0)
                } else {
                    column((dx * dx + dy * dy) / cell.support_px.powi(2))
                }
            };
            let r = cell.support_px.ceil() as i64 + 2;
            let (x, y) = (cell.x_px as i64, cell.y_px as i64);
            let mut norm = 0.0;
            for j in y - r..=y + r {
                for i in x - r..=x + r {
                    norm += weight(i, j);
                }
            }
            for j in y - r..=y + r {
                for i in x - r..=x + r {
                    let mass = cell.mass_msun * weight(i, j) / norm;
                    if i < 0 || j < 0 || i >= nx as i64 || j >= ny as i64 {
                        outside += mass;
                        continue;
                    }
                    for c in 0..edges.len() - 1 {
                        let phi = |e: f64| {
                            let x = (e - cell.velocity_km_s) / cell.sigma_km_s;
                            0.5 * (1.0 + crate::math::erf::erf(x / std::f64::consts::SQRT_2))
                        };
                        cube[[c, j as usize, i as usize]] += mass * (phi(edges[c]) - phi(edges[c + 1]));
                    }
                }
            }
        }
        (cube, outside)
    }

    #[test]
    fn equals_the_naive_sum() {
        let (nx, ny) = (37, 29);
        let cells = cells(600, 33.0, 20.0);
        let got = deposit(&cells, &edges(), nx, ny, &Watch::silent()).unwrap();
        let (cube, outside) = naive(&cells, &edges(), nx, ny);
        let peak = cube.iter().fold(0.0f64, |a, b| a.max(*b));
        let worst = (&got.cube_msun - &cube).iter().fold(0.0f64, |a, b| a.max(b.abs()));
        assert!(worst < 1e-7 * peak, "{worst} {peak}");
        assert!((got.outside_map_msun / outside - 1.0).abs() < 1e-9);
    }

    #[test]
    fn mass_inside_and_outside_adds_up() {
        // supports up to 300 px, far above the image and the limit of the analytic norm
        let cells = cells(3000, 64.0, 300.0);
        let wide = [1e4, -1e4];
        let got = deposit(&cells, &wide, 64, 64, &Watch::silent()).unwrap();
        let total: f64 = cells.iter().map(|c| c.mass_msun).sum();
        assert!(((got.map_msun.sum() + got.outside_map_msun) / total - 1.0).abs() < 1e-12);
        assert!((got.cube_msun.sum() / got.map_msun.sum() - 1.0).abs() < 1e-12);
        assert!(got.outside_band_msun.abs() < 1e-12 * total);
    }

    #[test]
    fn analytic_norm_equals_the_sum_over_pixels() {
        let mut random = Stream::new(3, [0; 3]);
        for _ in 0..20 {
            let support = ANALYTIC_NORM_PX * (1.0 + 0.3 * random.uniform());
            let cell = PlacedCell {
                x_px: 80.0 + random.uniform(),
                y_px: 80.0 + random.uniform(),
                support_px: support,
                mass_msun: 1.0,
                velocity_km_s: 0.0,
                sigma_km_s: 8.0,
            };
            let got = deposit(&[cell], &[100.0, -100.0], 161, 161, &Watch::silent()).unwrap();
            assert!((got.map_msun.sum() - 1.0).abs() < 1e-7, "{support}: {}", got.map_msun.sum() - 1.0);
        }
    }

    #[test]
    fn cells_keep_their_centroid() {
        let mut random = Stream::new(5, [0; 3]);
        for (support, tolerance) in [(0.3, 1e-12), (1.99, 1e-12), (2.0, 3e-3), (3.0, 2e-3), (8.0, 3e-6)] {
            for _ in 0..50 {
                let (x, y) = (20.0 + random.uniform(), 20.0 + random.uniform());
                let cell = PlacedCell {
                    x_px: x,
                    y_px: y,
                    support_px: support,
                    mass_msun: 1.0,
                    velocity_km_s: 0.0,
                    sigma_km_s: 0.0,
                };
                let map = deposit(&[cell], &[1.0, -1.0], 41, 41, &Watch::silent()).unwrap().map_msun;
                let centroid: f64 = map.indexed_iter().map(|((_, i), w)| i as f64 * w).sum();
                assert!((centroid - x).abs() < tolerance, "{support}: {}", centroid - x);
            }
        }
    }

    #[test]
    fn does_not_depend_on_the_number_of_threads() {
        let cells = cells(9000, 50.0, 30.0);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| deposit(&cells, &edges(), 50, 50, &Watch::silent()).unwrap())
        };
        let (one, three) = (with(1), with(3));
        assert_eq!(one.cube_msun, three.cube_msun);
        assert_eq!(one.map_msun, three.map_msun);
        assert_eq!(one.outside_map_msun.to_bits(), three.outside_map_msun.to_bits());
    }

    #[test]
    fn stops_when_asked_and_refuses_what_cannot_be_held() {
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let error = deposit(&cells(10, 8.0, 2.0), &edges(), 8, 8, &Watch::stopped_by(stop)).unwrap_err();
        assert!(error.is_interrupt());
        let huge = deposit(&[], &edges(), usize::MAX / 4, 1 << 40, &Watch::silent()).unwrap_err().to_string();
        assert!(huge.contains("not enough memory"), "{huge}");
        assert!(deposit(&[], &edges(), 0, 4, &Watch::silent()).is_err());
    }
}

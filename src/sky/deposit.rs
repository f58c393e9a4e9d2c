//! Gas cells onto pixels and channels.
//!
//! Every cell is spread over the pixels by its projected kernel, evaluated at pixel centres and
//! normalised over all pixels it covers, inside the map or not: the mass inside plus the mass
//! outside is the cell's. A cell too small for that (support below [`SMALLEST_SAMPLED_PX`]) is
//! shared by the four pixels about it (cloud in cell), which keeps its mass and its centroid.
//!
//! Blocks of cells are prepared in parallel (kernel norm, line profile), then stripes of image rows
//! take them up in parallel, each visiting the cells in their order: every pixel adds the same
//! numbers in the same order whatever the number of threads, and no buffer of all cells times all
//! channels exists.

use super::kernel::ColumnKernel;
use super::profile::LineProfile;
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, Array3};
use rayon::prelude::*;

/// Smallest support radius, in pixels, that is sampled at pixel centres. From here on the sampled
/// kernel's centroid is within 0.003 pixels of the cell (0.054 at 1.5 pixels).
pub const SMALLEST_SAMPLED_PX: f64 = 2.0;

/// Above this support radius, in pixels, the sum of the kernel over all pixels equals its integral
/// to better than 1e-7 (tested), so pixels outside the map need not be visited.
const ANALYTIC_NORM_PX: f64 = 48.0;

const BLOCK_CELLS: usize = 4096;
const CHUNK_CELLS: usize = 128;
const STRIPE_ROWS: usize = 8;

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
}

/// Deposits `cells` on an `nx` by `ny` map and on the channels between `edges_km_s` (falling;
/// channel c lies between edges c and c + 1).
///
/// `watch` advances by one unit a cell. Errors: interrupted; a map without pixels; not enough memory.
pub fn deposit(cells: &[PlacedCell], edges_km_s: &[f64], nx: usize, ny: usize, watch: &Watch) -> Result<Deposited> {
    let channels = edges_km_s.len().saturating_sub(1);
    if nx == 0 || ny == 0 {
        return Err(Error::input("the image has no pixel").found(format!("{nx} x {ny}")).expected("at least 1 x 1"));
    }
    let mut cube = zeros(&[channels, ny, nx])?;
    let mut map = zeros(&[ny, nx])?;
    let (kernel, profile) = (ColumnKernel::new(), LineProfile::new());
    let grid = Grid { nx, ny, edges_km_s, kernel: &kernel, profile: &profile };
    let (mut outside_map_msun, mut outside_band_msun) = (0.0, 0.0);

    {
        let mut stripes = stripes(&mut cube, &mut map, nx, ny);
        for block in cells.chunks(BLOCK_CELLS) {
            let chunks: Vec<Chunk> = block.par_chunks(CHUNK_CELLS).map(|cells| grid.prepare(cells)).collect();
            for chunk in &chunks {
                outside_map_msun += chunk.outside_map_msun;
                outside_band_msun += chunk.outside_band_msun;
            }
            stripes.par_iter_mut().for_each_init(
                || vec![0.0; nx],
                |row, stripe| {
                    for chunk in &chunks {
                        for splat in &chunk.splats {
                            stripe.add(splat, &chunk.parts, &grid, row);
                        }
                    }
                },
            );
            watch.advance(block.len() as u64)?;
        }
    }
    Ok(Deposited {
        cube_msun: Array3::from_shape_vec((channels, ny, nx), cube).map_err(shape)?,
        map_msun: Array2::from_shape_vec((ny, nx), map).map_err(shape)?,
        outside_map_msun,
        outside_band_msun,
    })
}

fn shape(error: ndarray::ShapeError) -> Error {
    Error::input(format!("the image is too large: {error}"))
}

/// Zeroes, or an error instead of an abort where there is no memory for them.
fn zeros(dimensions: &[usize]) -> Result<Vec<f64>> {
    let text = || dimensions.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let refuse = || {
        Error::input("there is not enough memory for the sky")
            .found(format!("{} numbers of 8 bytes", text()))
            .hint("take fewer pixels or channels")
    };
    let count = dimensions.iter().try_fold(1usize, |product, &n| product.checked_mul(n)).ok_or_else(refuse)?;
    let mut values = Vec::new();
    values.try_reserve_exact(count).map_err(|_| refuse())?;
    values.resize(count, 0.0);
    Ok(values)
}

struct Grid<'a> {
    nx: usize,
    ny: usize,
    edges_km_s: &'a [f64],
    kernel: &'a ColumnKernel,
    profile: &'a LineProfile,
}

/// A cell ready for deposit.
struct Splat {
    x: f64,
    y: f64,
    /// 0 for cloud in cell.
    support: f64,
    /// Mass over the norm of the kernel.
    scale: f64,
    /// Rows that the cell may touch, clipped to the map.
    rows: [usize; 2],
    first_channel: usize,
    /// Its line profile in the chunk's `parts`.
    parts: [usize; 2],
}

/// Some cells and their line profiles, one after the other.
struct Chunk {
    splats: Vec<Splat>,
    parts: Vec<f64>,
    outside_map_msun: f64,
    outside_band_msun: f64,
}

impl Grid<'_> {
    fn prepare(&self, cells: &[PlacedCell]) -> Chunk {
        let mut chunk = Chunk {
            splats: Vec::with_capacity(cells.len()),
            parts: Vec::with_capacity(8 * cells.len()),
            outside_map_msun: 0.0,
            outside_band_msun: 0.0,
        };
        let top = self.edges_km_s.first().copied().unwrap_or(0.0);
        let bottom = self.edges_km_s.last().copied().unwrap_or(0.0);
        for cell in cells.iter().filter(|cell| cell.mass_msun > 0.0) {
            let (v, sigma) = (cell.velocity_km_s, cell.sigma_km_s);
            let in_band = self.profile.below_edge(top, v, sigma) - self.profile.below_edge(bottom, v, sigma);
            chunk.outside_band_msun += cell.mass_msun * (1.0 - in_band);

            let (x, y) = (cell.x_px, cell.y_px);
            let support = if cell.support_px < SMALLEST_SAMPLED_PX { 0.0 } else { cell.support_px };
            // cloud in cell reaches the pixels at floor and floor + 1
            let reach = if support > 0.0 { support } else { 1.0 };
            let (columns, rows) = (clip(x, reach, self.nx), clip(y, reach, self.ny));
            let clipped = columns[0] < columns[1] && rows[0] < rows[1];
            let inside = if !clipped {
                0.0
            } else if support == 0.0 {
                tent(x, columns) * tent(y, rows)
            } else {
                self.kernel_sum(x, y, support, [columns[0] as i64, columns[1] as i64], [rows[0] as i64, rows[1] as i64])
            };
            if inside <= 0.0 {
                chunk.outside_map_msun += cell.mass_msun;
                continue;
            }
            let norm = if support == 0.0 {
                1.0
            } else if support > ANALYTIC_NORM_PX {
                // the kernel integrates to 1 in units of the support
                support * support
            } else {
                let whole = |centre: f64| [(centre - support).ceil() as i64, (centre + support).floor() as i64 + 1];
                let (all_columns, all_rows) = (whole(x), whole(y));
                let unclipped = all_columns[0] >= 0
                    && all_columns[1] <= self.nx as i64
                    && all_rows[0] >= 0
                    && all_rows[1] <= self.ny as i64;
                if unclipped { inside } else { self.kernel_sum(x, y, support, all_columns, all_rows) }
            };
            chunk.outside_map_msun += cell.mass_msun * (1.0 - inside / norm);
            let start = chunk.parts.len();
            let first_channel = self.profile.append_parts(self.edges_km_s, v, sigma, &mut chunk.parts);
            let parts = [start, chunk.parts.len()];
            chunk.splats.push(Splat { x, y, support, scale: cell.mass_msun / norm, rows, first_channel, parts });
        }
        chunk
    }

    fn kernel_sum(&self, x: f64, y: f64, support: f64, columns: [i64; 2], rows: [i64; 2]) -> f64 {
        let per_square = 1.0 / (support * support);
        let mut sum = 0.0;
        for j in rows[0]..rows[1] {
            let dy = j as f64 - y;
            let half = (support * support - dy * dy).max(0.0).sqrt();
            let first = columns[0].max((x - half).ceil() as i64);
            let end = columns[1].min((x + half).floor() as i64 + 1);
            for i in first..end {
                let dx = i as f64 - x;
                sum += self.kernel.at((dx * dx + dy * dy) * per_square);
            }
        }
        sum
    }
}

/// The cloud-in-cell weight of these pixels in one direction; 1 where none is clipped.
fn tent(centre: f64, range: [usize; 2]) -> f64 {
    (range[0]..range[1]).map(|i| (1.0 - (i as f64 - centre).abs()).max(0.0)).sum()
}

/// The pixels within `reach` of `centre` that exist: [first, end).
fn clip(centre: f64, reach: f64, n: usize) -> [usize; 2] {
    // casts saturate, and a NaN becomes 0: an empty or a harmless range
    let first = (centre - reach).ceil().max(0.0) as usize;
    let end = ((centre + reach).floor() + 1.0).clamp(0.0, n as f64) as usize;
    [first.min(n), end]
}

/// Some rows of the map and of every channel.
struct Stripe<'a> {
    first_row: usize,
    rows: usize,
    map: &'a mut [f64],
    planes: Vec<&'a mut [f64]>,
}

fn stripes<'a>(cube: &'a mut [f64], map: &'a mut [f64], nx: usize, ny: usize) -> Vec<Stripe<'a>> {
    let mut stripes: Vec<Stripe<'a>> = map
        .chunks_mut(STRIPE_ROWS * nx)
        .enumerate()
        .map(|(k, map)| Stripe { first_row: k * STRIPE_ROWS, rows: map.len() / nx, map, planes: Vec::new() })
        .collect();
    for plane in cube.chunks_mut(ny * nx) {
        for (stripe, rows) in stripes.iter_mut().zip(plane.chunks_mut(STRIPE_ROWS * nx)) {
            stripe.planes.push(rows);
        }
    }
    stripes
}

impl Stripe<'_> {
    fn add(&mut self, splat: &Splat, parts: &[f64], grid: &Grid, weights: &mut [f64]) {
        let first = splat.rows[0].max(self.first_row);
        let end = splat.rows[1].min(self.first_row + self.rows);
        let parts = &parts[splat.parts[0]..splat.parts[1]];
        let (support, per_square) = (splat.support, 1.0 / (splat.support * splat.support));
        for row in first..end {
            let dy = row as f64 - splat.y;
            let half = if support > 0.0 { (support * support - dy * dy).max(0.0).sqrt() } else { 1.0 };
            let [left, right] = clip(splat.x, half, grid.nx);
            if left >= right {
                continue;
            }
            let weights = &mut weights[..right - left];
            if support > 0.0 {
                for (i, weight) in weights.iter_mut().enumerate() {
                    let dx = (left + i) as f64 - splat.x;
                    *weight = splat.scale * grid.kernel.at((dx * dx + dy * dy) * per_square);
                }
            } else {
                let scale = splat.scale * (1.0 - dy.abs()).max(0.0);
                for (i, weight) in weights.iter_mut().enumerate() {
                    *weight = scale * (1.0 - ((left + i) as f64 - splat.x).abs()).max(0.0);
                }
            }
            let start = (row - self.first_row) * grid.nx + left;
            let range = start..start + weights.len();
            for (pixel, weight) in self.map[range.clone()].iter_mut().zip(weights.iter()) {
                *pixel += weight;
            }
            for (plane, part) in self.planes[splat.first_channel..].iter_mut().zip(parts) {
                for (pixel, weight) in plane[range.clone()].iter_mut().zip(weights.iter()) {
                    *pixel += part * weight;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

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
        let kernel = ColumnKernel::new();
        let mut cube = Array3::zeros((edges.len() - 1, ny, nx));
        let mut outside = 0.0;
        for cell in cells {
            let weight = |i: i64, j: i64| {
                let (dx, dy) = (i as f64 - cell.x_px, j as f64 - cell.y_px);
                if cell.support_px < SMALLEST_SAMPLED_PX {
                    (1.0 - dx.abs()).max(0.0) * (1.0 - dy.abs()).max(0.0)
                } else {
                    kernel.at((dx * dx + dy * dy) / cell.support_px.powi(2))
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
        for (support, tolerance) in [(0.3, 1e-12), (1.99, 1e-12), (2.0, 3e-3), (3.0, 2e-3), (8.0, 2e-6)] {
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

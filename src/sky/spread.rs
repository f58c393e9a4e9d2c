//! Footprints of cells on the tiles of an image: what deposits of every kind share.
//!
//! A cell is spread over the pixels by its projected kernel, evaluated at pixel centres and normalised over all pixels
//! it covers, inside the image or not: what falls inside plus what falls outside is the cell's. A cell too small for
//! that (support below [`SMALLEST_SAMPLED_PX`]) is shared by the four pixels about it (cloud in cell), which keeps its
//! sum and its centroid.
//!
//! The image is cut into tiles that fit into a processor's cache. Each tile takes up its own cells, in their order, by
//! one thread: every pixel adds the same numbers in the same order whatever the number of threads, and what a cell
//! brings is computed where it is needed, so that nothing is held of all cells times all channels.

use super::kernel::column_with;
use crate::error::{Error, Result, Watch};
use crate::math::vectors::with_vectors;
use ndarray::{ArrayViewMut3, Axis};
use rayon::prelude::*;

/// Smallest support radius, in pixels, that is sampled at pixel centres. From here on the sampled
/// kernel's centroid is within 0.003 pixels of the cell (0.054 at 1.5 pixels).
pub const SMALLEST_SAMPLED_PX: f64 = 2.0;

/// Above this support radius, in pixels, the sum of the kernel over all pixels equals its integral
/// to better than 1e-7 (tested), so pixels outside the image need not be visited.
pub(super) const ANALYTIC_NORM_PX: f64 = 48.0;

/// Up to this support radius, in pixels, all weights of a cell are computed wherever it is met; above, its norm once.
const SMALL_PX: f64 = 8.0;
/// Rows and columns that a small footprint can have, columns in whole vectors.
const SMALL_ROWS: usize = 17;
const SMALL_COLUMNS: usize = 24;
/// Doubles of the longest vector.
const LANES: usize = 8;

/// Cells whose norms are found by one task.
const CHUNK_CELLS: usize = 4096;
/// Bytes of a tile: half of a usual second-level cache.
const TILE_BYTES: usize = 512 << 10;

/// Where a cell lies on an image and how far it reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Footprint {
    /// 0-based pixel along x; whole numbers are pixel centres.
    pub x_px: f64,
    /// 0-based pixel along y.
    pub y_px: f64,
    /// Support radius of the kernel, pixels.
    pub support_px: f64,
}

impl Footprint {
    fn is_cloud(&self) -> bool {
        // a support that is no number counts as none
        !(self.support_px >= SMALLEST_SAMPLED_PX)
    }

    /// Columns and rows that it may touch, [first, end), in the image or not.
    fn reach(&self) -> [[i64; 2]; 2] {
        // casts saturate, and a NaN becomes 0: an empty or a harmless range
        [self.x_px, self.y_px].map(|centre| {
            if self.is_cloud() {
                let first = centre.floor() as i64;
                [first, first.saturating_add(2)]
            } else {
                let reach = self.support_px;
                [(centre - reach).ceil() as i64, ((centre + reach).floor() as i64).saturating_add(1)]
            }
        })
    }
}

/// An image cut into tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    nx: usize,
    ny: usize,
    side: usize,
}

/// Which cells each tile takes up.
struct Shared {
    /// Cells of tile t are `cells[starts[t]..starts[t + 1]]`, in their order.
    starts: Vec<usize>,
    cells: Vec<u32>,
    /// Cells counted at each tile for progress: every cell at one of its own.
    counted: Vec<u64>,
}

impl Tiling {
    /// Tiles of an `nx` by `ny` image that holds this many numbers a pixel. Error: no pixel.
    pub fn new(nx: usize, ny: usize, per_pixel: usize) -> Result<Tiling> {
        if nx == 0 || ny == 0 {
            return Err(Error::input("the image has no pixel")
                .found(format!("{nx} x {ny}"))
                .expected("at least 1 x 1"));
        }
        let side = ((TILE_BYTES / (8 * per_pixel.max(1))) as f64).sqrt() as usize;
        Ok(Tiling { nx, ny, side: side.clamp(16, 128) / LANES * LANES })
    }

    fn across(&self) -> usize {
        self.nx.div_ceil(self.side)
    }

    fn down(&self) -> usize {
        self.ny.div_ceil(self.side)
    }

    /// Columns and rows of tile `t`, [first, end).
    fn bounds(&self, t: usize) -> [[usize; 2]; 2] {
        let (x, y) = (t % self.across() * self.side, t / self.across() * self.side);
        [[x, (x + self.side).min(self.nx)], [y, (y + self.side).min(self.ny)]]
    }

    /// Columns and rows of tiles that a footprint may touch; None where it misses the image.
    fn tiles_of(&self, footprint: &Footprint) -> Option<[[usize; 2]; 2]> {
        let [x, y] = footprint.reach();
        let range = |[first, end]: [i64; 2], n: usize| {
            let (first, end) = (first.max(0) as usize, end.clamp(0, n as i64) as usize);
            (first < end).then(|| [first / self.side, (end - 1) / self.side + 1])
        };
        Some([range(x, self.nx)?, range(y, self.ny)?])
    }

    /// Shares out the cells; those without a footprint go nowhere.
    fn share<P: Placed>(&self, places: &[P]) -> Result<Shared> {
        let count = places.len();
        if count > u32::MAX as usize {
            return Err(Error::input("too many cells for one image")
                .found(count)
                .expected(format!("at most {}", u32::MAX)));
        }
        let tiles = self.across() * self.down();
        let (mut starts, mut counted) = (vec![0; tiles + 1], vec![0; tiles]);
        let each = |i: usize, with: &mut dyn FnMut(usize)| {
            if let Some([x, y]) = places[i].footprint().and_then(|f| self.tiles_of(&f)) {
                (y[0]..y[1]).for_each(|row| (x[0]..x[1]).for_each(|column| with(row * self.across() + column)));
            }
        };
        for i in 0..count {
            let mut first = true;
            each(i, &mut |t| {
                starts[t + 1] += 1;
                counted[t] += u64::from(std::mem::take(&mut first));
            });
        }
        for t in 0..tiles {
            starts[t + 1] += starts[t];
        }
        let mut next = starts.clone();
        let mut cells = vec![0; starts[tiles]];
        for i in 0..count {
            each(i, &mut |t| {
                cells[next[t]] = i as u32;
                next[t] += 1;
            });
        }
        Ok(Shared { starts, cells, counted })
    }

    /// The tiles of planes [plane, y, x], in order.
    pub fn split<'a>(&self, planes: ArrayViewMut3<'a, f64>) -> Vec<ArrayViewMut3<'a, f64>> {
        let mut tiles = Vec::with_capacity(self.across() * self.down());
        let mut below = planes;
        for row in 0..self.down() {
            let (mut band, rest) = cut(below, Axis(1), self.side);
            below = rest;
            debug_assert!(row + 1 < self.down() || below.is_empty());
            for _ in 0..self.across() {
                let (tile, rest) = cut(band, Axis(2), self.side);
                tiles.push(tile);
                band = rest;
            }
        }
        tiles
    }
}

/// The first `at` of an axis, or as many as there are, and the rest.
fn cut<'a>(view: ArrayViewMut3<'a, f64>, axis: Axis, at: usize) -> (ArrayViewMut3<'a, f64>, ArrayViewMut3<'a, f64>) {
    let n = view.len_of(axis);
    view.split_at(axis, at.min(n))
}

/// A cell that may lie on the image.
pub(super) trait Placed: Sync {
    /// Where; None for a cell that brings nothing.
    fn footprint(&self) -> Option<Footprint>;
}

/// What takes up cells on one tile.
pub(super) trait Sink {
    /// The rows of this cell follow; their weights times `scale` sum to 1 over all pixels.
    fn cell(&mut self, cell: usize, scale: f64);

    /// Weights of the cell in row `y` of the tile, from its column `x` on.
    fn row<const FMA: bool>(&mut self, y: usize, x: usize, weights: &[f64]);

    /// All cells of the tile were taken up.
    fn finish(self);
}

/// Lets the tiles take up their cells; tile t becomes a sink of `targets[t]` and its columns and rows.
///
/// `watch` advances by one unit a cell. Returns the shares of cells outside the image, where not 0. Errors: more cells
/// than can be numbered; interrupted.
pub(super) fn spread<P: Placed, T: Send, S: Sink>(
    places: &[P],
    tiling: &Tiling,
    targets: Vec<T>,
    sink: impl Fn([[usize; 2]; 2], T) -> S + Sync,
    watch: &Watch,
) -> Result<Vec<(u32, f64)>> {
    let Shared { starts, cells, counted } = tiling.share(places)?;
    watch.advance(places.len() as u64 - counted.iter().sum::<u64>())?;
    let (inverse, outside) = norms(places, tiling, watch)?;
    let mut tiles: Vec<(usize, T)> = targets.into_iter().enumerate().collect();
    // the longest first, lest one thread ends with it alone
    tiles.sort_by_key(|(t, _)| starts[*t] - starts[t + 1]);
    tiles.into_par_iter().with_max_len(1).try_for_each(|(t, target)| {
        let mut sink = sink(tiling.bounds(t), target);
        fill(&mut sink, tiling.bounds(t), &cells[starts[t]..starts[t + 1]], places, &inverse, watch)?;
        sink.finish();
        watch.advance(counted[t])
    })?;
    Ok(outside)
}

/// 1 over the sum of the kernel over all pixels for cells above [`SMALL_PX`], 0 for others; and what falls outside.
fn norms<P: Placed>(places: &[P], tiling: &Tiling, watch: &Watch) -> Result<(Vec<f64>, Vec<(u32, f64)>)> {
    let mut inverse = vec![0.0; places.len()];
    let outside = places.par_chunks(CHUNK_CELLS).zip(inverse.par_chunks_mut(CHUNK_CELLS)).enumerate().map(
        |(chunk, (places, inverse))| {
            watch.check()?;
            let mut outside = Vec::new();
            for (i, (place, inverse)) in places.iter().zip(inverse).enumerate() {
                let Some(footprint) = place.footprint() else { continue };
                let (sum, share) = sum_and_share_outside(&footprint, tiling.nx, tiling.ny);
                *inverse = sum.map_or(0.0, |s| 1.0 / s);
                if share > 0.0 {
                    outside.push(((chunk * CHUNK_CELLS + i) as u32, share));
                }
            }
            Ok(outside)
        },
    );
    let outside: Vec<Vec<(u32, f64)>> = outside.collect::<Result<_>>()?;
    Ok((inverse, outside.concat()))
}

/// The sum of the kernel over all pixels, where a cell is above [`SMALL_PX`], and which share lies outside the image.
fn sum_and_share_outside(footprint: &Footprint, nx: usize, ny: usize) -> (Option<f64>, f64) {
    let support = footprint.support_px;
    let [x, y] = footprint.reach();
    let clip = |[first, end]: [i64; 2], n: usize| [first.clamp(0, n as i64), end.clamp(0, n as i64)];
    let (columns, rows) = (clip(x, nx), clip(y, ny));
    let whole = columns == x && rows == y;
    let missed = columns[0] == columns[1] || rows[0] == rows[1];
    if footprint.is_cloud() {
        let tent = |centre: f64, [first, end]: [i64; 2]| -> f64 {
            (first..end).map(|i| (1.0 - (i as f64 - centre).abs()).max(0.0)).sum()
        };
        let inside = if missed { 0.0 } else { tent(footprint.x_px, columns) * tent(footprint.y_px, rows) };
        return (None, if whole { 0.0 } else { (1.0 - inside).clamp(0.0, 1.0) });
    }
    // a cell that no tile takes up needs no norm
    if missed {
        return (None, 1.0);
    }
    let small = support <= SMALL_PX;
    if small && whole {
        return (None, 0.0);
    }
    // the kernel integrates to 1 in units of the support
    let sum = if support > ANALYTIC_NORM_PX { support * support } else { kernel_sum(footprint, x, y) };
    let share = if whole { 0.0 } else { (1.0 - kernel_sum(footprint, columns, rows) / sum).clamp(0.0, 1.0) };
    ((!small).then_some(sum), share)
}

with_vectors!(fn kernel_sum[](footprint: &Footprint, x: [i64; 2], y: [i64; 2]) -> f64 = kernel_sum_with[]);

/// Sum of the kernel over these columns and rows.
#[inline(always)]
fn kernel_sum_with<const FMA: bool>(footprint: &Footprint, x: [i64; 2], y: [i64; 2]) -> f64 {
    let mut row = Vec::new();
    let mut sum = 0.0;
    for j in y[0]..y[1] {
        let [first, end] = columns_of(footprint, j, x);
        if first < end {
            kernel_row::<FMA>(footprint, j, first, (end - first) as usize, &mut row);
            sum += row[..(end - first) as usize].iter().sum::<f64>();
        }
    }
    sum
}

/// The columns among `x` that a kernel touches in row `j`.
#[inline(always)]
fn columns_of(footprint: &Footprint, j: i64, x: [i64; 2]) -> [i64; 2] {
    let (support, dy) = (footprint.support_px, j as f64 - footprint.y_px);
    let half = (support * support - dy * dy).max(0.0).sqrt();
    [x[0].max((footprint.x_px - half).ceil() as i64), x[1].min((footprint.x_px + half).floor() as i64 + 1)]
}

/// The kernel in row `j` at `count` pixels from column `first` on; whole vectors are written.
#[inline(always)]
fn kernel_row<const FMA: bool>(footprint: &Footprint, j: i64, first: i64, count: usize, row: &mut Vec<f64>) {
    let per_square = 1.0 / (footprint.support_px * footprint.support_px);
    let dy = j as f64 - footprint.y_px;
    let (left, dy2) = (first as f64 - footprint.x_px, dy * dy);
    row.resize(count.next_multiple_of(LANES), 0.0);
    for (v, weights) in row.chunks_exact_mut(LANES).enumerate() {
        for (lane, weight) in weights.iter_mut().enumerate() {
            let dx = left + (v * LANES + lane) as f64;
            *weight = column_with::<FMA>((dx * dx + dy2) * per_square);
        }
    }
}

/// All weights of a small cell.
struct Stencil {
    x: [i64; 2],
    y: [i64; 2],
    weights: [f64; SMALL_ROWS * SMALL_COLUMNS],
    /// 1 over their sum.
    scale: f64,
}

impl Stencil {
    fn new() -> Stencil {
        Stencil { x: [0; 2], y: [0; 2], weights: [0.0; SMALL_ROWS * SMALL_COLUMNS], scale: 1.0 }
    }

    #[inline(always)]
    fn set<const FMA: bool>(&mut self, footprint: &Footprint) {
        [self.x, self.y] = footprint.reach();
        let (left, below) = (self.x[0] as f64 - footprint.x_px, self.y[0] as f64 - footprint.y_px);
        if footprint.is_cloud() {
            for j in 0..2 {
                let up = 1.0 - (below + j as f64).abs();
                for i in 0..2 {
                    self.weights[j * SMALL_COLUMNS + i] = up * (1.0 - (left + i as f64).abs());
                }
            }
            self.scale = 1.0;
            return;
        }
        let per_square = 1.0 / (footprint.support_px * footprint.support_px);
        let (rows, columns) = ((self.y[1] - self.y[0]) as usize, (self.x[1] - self.x[0]) as usize);
        let mut dx2 = [0.0; SMALL_COLUMNS];
        for (i, dx2) in dx2.iter_mut().enumerate() {
            *dx2 = (left + i as f64).powi(2) * per_square;
        }
        // columns beyond the support are 0, so whole vectors may be summed
        let vectors = columns.div_ceil(LANES);
        let mut sums = [0.0; LANES];
        for (j, row) in self.weights.chunks_exact_mut(SMALL_COLUMNS).take(rows).enumerate() {
            let dy2 = (below + j as f64).powi(2) * per_square;
            for (weights, dx2) in row.chunks_exact_mut(LANES).zip(dx2.chunks_exact(LANES)).take(vectors) {
                for lane in 0..LANES {
                    weights[lane] = column_with::<FMA>(dx2[lane] + dy2);
                    sums[lane] += weights[lane];
                }
            }
        }
        self.scale = 1.0 / sums.iter().sum::<f64>();
    }
}

with_vectors!(
    fn fill[P: Placed, S: Sink,](
        sink: &mut S,
        bounds: [[usize; 2]; 2],
        cells: &[u32],
        places: &[P],
        inverse: &[f64],
        watch: &Watch,
    ) -> Result<()> = fill_with[P, S,]
);

#[inline(always)]
fn fill_with<P: Placed, S: Sink, const FMA: bool>(
    sink: &mut S,
    bounds: [[usize; 2]; 2],
    cells: &[u32],
    places: &[P],
    inverse: &[f64],
    watch: &Watch,
) -> Result<()> {
    let [columns, rows] = bounds.map(|range| range.map(|v| v as i64));
    let within = |a: [i64; 2], b: [i64; 2]| [a[0].max(b[0]), a[1].min(b[1])];
    let (mut stencil, mut large) = (Stencil::new(), Vec::new());
    for some in cells.chunks(CHUNK_CELLS) {
        watch.check()?;
        for &cell in some {
            let Some(footprint) = places[cell as usize].footprint() else { continue };
            if inverse[cell as usize] == 0.0 {
                stencil.set::<FMA>(&footprint);
                sink.cell(cell as usize, stencil.scale);
                let (x, y) = (within(stencil.x, columns), within(stencil.y, rows));
                if x[0] >= x[1] {
                    continue;
                }
                for j in y[0]..y[1] {
                    let start = (j - stencil.y[0]) as usize * SMALL_COLUMNS;
                    let range = start + (x[0] - stencil.x[0]) as usize..start + (x[1] - stencil.x[0]) as usize;
                    let (row, column) = ((j - rows[0]) as usize, (x[0] - columns[0]) as usize);
                    sink.row::<FMA>(row, column, &stencil.weights[range]);
                }
                continue;
            }
            sink.cell(cell as usize, inverse[cell as usize]);
            let y = within(footprint.reach()[1], rows);
            for j in y[0]..y[1] {
                let x = columns_of(&footprint, j, columns);
                if x[0] < x[1] {
                    let count = (x[1] - x[0]) as usize;
                    kernel_row::<FMA>(&footprint, j, x[0], count, &mut large);
                    sink.row::<FMA>((j - rows[0]) as usize, (x[0] - columns[0]) as usize, &large[..count]);
                }
            }
        }
    }
    Ok(())
}

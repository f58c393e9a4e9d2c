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
/// How far a small footprint that touches a tile can reach beyond it, its last vector included.
pub(super) const HALO_PX: usize = SMALL_COLUMNS;
/// Doubles of the longest vector.
pub(super) const LANES: usize = 8;

/// Cells whose norms are found by one task.
const CHUNK_CELLS: usize = 4096;
/// Cells that a tile fetches from memory at once.
const FETCHED_CELLS: usize = 64;
/// How often a tile looks whether it shall stop: after so many times [`FETCHED_CELLS`].
const CHECKED: usize = 64;
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
    #[inline(always)]
    fn is_cloud(&self) -> bool {
        // a support that is no number counts as none
        self.support_px.is_nan() || self.support_px < SMALLEST_SAMPLED_PX
    }

    /// Columns and rows that it may touch, [first, end), in the image or not.
    #[inline(always)]
    fn reach(&self) -> [[i64; 2]; 2] {
        // casts saturate, and a NaN becomes 0: an empty or a harmless range
        [self.x_px, self.y_px].map(|centre| {
            if self.is_cloud() {
                let first = floor(centre);
                [first, first.saturating_add(2)]
            } else {
                let reach = self.support_px;
                [-floor(reach - centre), floor(centre + reach).saturating_add(1)]
            }
        })
    }
}

/// The largest whole number that is not above `x`, where the standard library would call a function.
#[inline(always)]
fn floor(x: f64) -> i64 {
    // the cast saturates, and a NaN becomes 0
    let whole = x as i64;
    whole - i64::from(x < whole as f64)
}

/// An image cut into tiles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tiling {
    nx: usize,
    ny: usize,
    /// Binary logarithm of a tile's side.
    shift: u32,
}

/// First and last column and row of the tiles that a cell may touch.
#[derive(Clone, Copy)]
struct Touched {
    x: [u32; 2],
    y: [u32; 2],
}

impl Touched {
    /// Columns and rows of tiles, [first, end).
    #[inline(always)]
    fn ranges(&self) -> [[usize; 2]; 2] {
        [self.x, self.y].map(|[first, last]| [first as usize, last as usize + 1])
    }
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
        let pixels = TILE_BYTES / (8 * per_pixel.max(1));
        Ok(Tiling { nx, ny, shift: (pixels.max(1).ilog2() / 2).clamp(4, 7) })
    }

    fn side(&self) -> usize {
        1 << self.shift
    }

    fn across(&self) -> usize {
        self.nx.div_ceil(self.side())
    }

    fn down(&self) -> usize {
        self.ny.div_ceil(self.side())
    }

    /// Columns and rows of tile `t`, [first, end).
    fn bounds(&self, t: usize) -> [[usize; 2]; 2] {
        let (x, y) = ((t % self.across()) << self.shift, (t / self.across()) << self.shift);
        [[x, (x + self.side()).min(self.nx)], [y, (y + self.side()).min(self.ny)]]
    }

    /// Columns and rows of tiles that a footprint may touch; None where it misses the image.
    #[inline(always)]
    fn tiles_of(&self, [x, y]: [[i64; 2]; 2]) -> Option<Touched> {
        let range = |[first, end]: [i64; 2], n: usize| {
            let (first, end) = (first.max(0) as usize, end.clamp(0, n as i64) as usize);
            (first < end).then(|| [(first >> self.shift) as u32, ((end - 1) >> self.shift) as u32])
        };
        Some(Touched { x: range(x, self.nx)?, y: range(y, self.ny)? })
    }

    /// Shares out the cells, given the tiles that each may touch; those that touch none go nowhere.
    fn share(&self, touched: &[Option<Touched>]) -> Shared {
        let (across, tiles) = (self.across(), self.across() * self.down());
        let (mut starts, mut counted) = (vec![0; tiles + 1], vec![0; tiles]);
        for [x, y] in touched.iter().flatten().map(Touched::ranges) {
            counted[y[0] * across + x[0]] += 1;
            for row in y[0]..y[1] {
                starts[row * across + x[0] + 1..row * across + x[1] + 1].iter_mut().for_each(|n| *n += 1);
            }
        }
        for t in 0..tiles {
            starts[t + 1] += starts[t];
        }
        let mut next = starts.clone();
        let mut cells = vec![0; starts[tiles]];
        for (i, touched) in touched.iter().enumerate() {
            let Some([x, y]) = touched.as_ref().map(Touched::ranges) else { continue };
            for row in y[0]..y[1] {
                for next in &mut next[row * across + x[0]..row * across + x[1]] {
                    cells[*next] = i as u32;
                    *next += 1;
                }
            }
        }
        Shared { starts, cells, counted }
    }

    /// The tiles of planes [plane, y, x], in order.
    pub fn split<'a>(&self, planes: ArrayViewMut3<'a, f64>) -> Vec<ArrayViewMut3<'a, f64>> {
        let mut tiles = Vec::with_capacity(self.across() * self.down());
        let mut below = planes;
        for row in 0..self.down() {
            let (mut band, rest) = cut(below, Axis(1), self.side());
            below = rest;
            debug_assert!(row + 1 < self.down() || below.is_empty());
            for _ in 0..self.across() {
                let (tile, rest) = cut(band, Axis(2), self.side());
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
    /// These cells follow: what is needed of them is fetched from memory together.
    fn fetch(&mut self, cells: &[u32]);

    /// The weights of one of the fetched cells follow; times `scale` they sum to 1 over all pixels.
    fn cell(&mut self, fetched: usize, scale: f64);

    /// All weights of a small cell, which may reach beyond the tile by [`HALO_PX`] at most.
    fn small<const FMA: bool>(&mut self, stencil: &Stencil);

    /// The four weights of a cell too small to be sampled: `weights[j][i]` in column `x` + i and row `y` + j of the image,
    /// of which the tile has these `columns` and `rows`, [first, end).
    #[inline(always)]
    fn cloud<const FMA: bool>(&mut self, [x, y]: [i64; 2], weights: &[[f64; 2]; 2], [columns, rows]: [[i64; 2]; 2]) {
        let on = |i: &i64, [first, end]: [i64; 2]| (first..end).contains(i);
        for (y, weights) in (y..).zip(weights).filter(|(y, _)| on(y, rows)) {
            for (x, weight) in (x..).zip(weights).filter(|(x, _)| on(x, columns)) {
                self.row::<FMA>((y - rows[0]) as usize, (x - columns[0]) as usize, std::slice::from_ref(weight));
            }
        }
    }

    /// Weights of a large cell in row `y` of the tile, from its column `x` on.
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
    if places.len() > u32::MAX as usize {
        return Err(Error::input("too many cells for one image")
            .found(places.len())
            .expected(format!("at most {}", u32::MAX)));
    }
    let Looked { inverse, touched, outside } = look(places, tiling, watch)?;
    let Shared { starts, cells, counted } = tiling.share(&touched);
    drop(touched);
    watch.advance(places.len() as u64 - counted.iter().sum::<u64>())?;
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

/// What one look at each cell tells.
struct Looked {
    /// 1 over the sum of the kernel over all pixels for cells above [`SMALL_PX`], 0 for others.
    inverse: Vec<f64>,
    /// The tiles that a cell may touch; None where it misses the image or brings nothing.
    touched: Vec<Option<Touched>>,
    /// Shares of cells outside the image, where not 0.
    outside: Vec<(u32, f64)>,
}

fn look<P: Placed>(places: &[P], tiling: &Tiling, watch: &Watch) -> Result<Looked> {
    let (mut inverse, mut touched) = (vec![0.0; places.len()], vec![None; places.len()]);
    let cells = places.par_chunks(CHUNK_CELLS);
    let out = inverse.par_chunks_mut(CHUNK_CELLS).zip(touched.par_chunks_mut(CHUNK_CELLS));
    let outside = cells.zip(out).enumerate().map(|(chunk, (places, (inverse, touched)))| {
        watch.check()?;
        let mut outside = Vec::new();
        for (i, ((place, inverse), touched)) in places.iter().zip(inverse).zip(touched).enumerate() {
            let Some(footprint) = place.footprint() else { continue };
            let reach = footprint.reach();
            *touched = tiling.tiles_of(reach);
            let (sum, share) = sum_and_share_outside(&footprint, reach, tiling.nx, tiling.ny);
            *inverse = sum.map_or(0.0, |s| 1.0 / s);
            if share > 0.0 {
                outside.push(((chunk * CHUNK_CELLS + i) as u32, share));
            }
        }
        Ok(outside)
    });
    let outside: Vec<Vec<(u32, f64)>> = outside.collect::<Result<_>>()?;
    let outside = outside.concat();
    Ok(Looked { inverse, touched, outside })
}

/// The sum of the kernel over all pixels, where a cell is above [`SMALL_PX`], and which share lies outside the image.
#[inline(always)]
fn sum_and_share_outside(footprint: &Footprint, [x, y]: [[i64; 2]; 2], nx: usize, ny: usize) -> (Option<f64>, f64) {
    let support = footprint.support_px;
    let clip = |[first, end]: [i64; 2], n: usize| [first.clamp(0, n as i64), end.clamp(0, n as i64)];
    let (columns, rows) = (clip(x, nx), clip(y, ny));
    let whole = columns == x && rows == y;
    let small = support <= SMALL_PX;
    // most cells of most images
    if whole && (small || footprint.is_cloud()) {
        return (None, 0.0);
    }
    let missed = columns[0] == columns[1] || rows[0] == rows[1];
    if footprint.is_cloud() {
        let tent = |centre: f64, [first, end]: [i64; 2]| -> f64 {
            (first..end).map(|i| (1.0 - (i as f64 - centre).abs()).max(0.0)).sum()
        };
        let inside = if missed { 0.0 } else { tent(footprint.x_px, columns) * tent(footprint.y_px, rows) };
        return (None, (1.0 - inside).clamp(0.0, 1.0));
    }
    // a cell that no tile takes up needs no norm
    if missed {
        return (None, 1.0);
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
            sum += row.iter().sum::<f64>();
        }
    }
    sum
}

/// The columns among `x` that a kernel touches in row `j`.
#[inline(always)]
fn columns_of(footprint: &Footprint, j: i64, x: [i64; 2]) -> [i64; 2] {
    let (support, dy) = (footprint.support_px, j as f64 - footprint.y_px);
    let half = (support * support - dy * dy).max(0.0).sqrt();
    [x[0].max(-floor(half - footprint.x_px)), x[1].min(floor(footprint.x_px + half) + 1)]
}

/// The kernel in row `j` at `count` pixels from column `first` on.
#[inline(always)]
fn kernel_row<const FMA: bool>(footprint: &Footprint, j: i64, first: i64, count: usize, row: &mut Vec<f64>) {
    let per_square = 1.0 / (footprint.support_px * footprint.support_px);
    let dy = j as f64 - footprint.y_px;
    let (left, dy2) = (first as f64 - footprint.x_px, dy * dy);
    row.resize(count, 0.0);
    for (i, weight) in row.iter_mut().enumerate() {
        let dx = left + i as f64;
        *weight = column_with::<FMA>((dx * dx + dy2) * per_square);
    }
}

/// All weights of a small cell: rows of whole vectors, 0 beyond its columns.
pub(super) struct Stencil {
    /// Columns of the image, [first, end).
    pub x: [i64; 2],
    /// Rows of the image, [first, end).
    pub y: [i64; 2],
    /// Numbers a row.
    pub stride: usize,
    weights: [f64; SMALL_ROWS * SMALL_COLUMNS],
    squares: [f64; SMALL_ROWS * SMALL_COLUMNS],
    /// 1 over the sum of the weights.
    scale: f64,
}

impl Stencil {
    fn new() -> Stencil {
        let zeroes = [0.0; SMALL_ROWS * SMALL_COLUMNS];
        Stencil { x: [0; 2], y: [0; 2], stride: LANES, weights: zeroes, squares: zeroes, scale: 1.0 }
    }

    /// [row, column]: rows of [`Stencil::stride`].
    #[inline(always)]
    pub fn weights(&self) -> &[f64] {
        &self.weights[..(self.y[1] - self.y[0]) as usize * self.stride]
    }

    /// Row and first column on a tile of these columns and rows of the image, and the weights from there, for each row
    /// that lies on it.
    #[inline(always)]
    pub fn within(&self, x: [i64; 2], y: [i64; 2]) -> impl Iterator<Item = (usize, usize, &[f64])> {
        let (left, right) = (self.x[0].max(x[0]), self.x[1].min(x[1]));
        let rows = if left < right { self.y[0].max(y[0])..self.y[1].min(y[1]) } else { 0..0 };
        rows.map(move |j| {
            let start = (j - self.y[0]) as usize * self.stride;
            let weights = &self.weights[start + (left - self.x[0]) as usize..start + (right - self.x[0]) as usize];
            ((j - y[0]) as usize, (left - x[0]) as usize, weights)
        })
    }

    #[inline(always)]
    fn set<const FMA: bool>(&mut self, footprint: &Footprint) {
        [self.x, self.y] = footprint.reach();
        let (left, below) = (self.x[0] as f64 - footprint.x_px, self.y[0] as f64 - footprint.y_px);
        let (rows, columns) = ((self.y[1] - self.y[0]) as usize, (self.x[1] - self.x[0]) as usize);
        self.stride = columns.next_multiple_of(LANES).min(SMALL_COLUMNS);
        let per_square = 1.0 / (footprint.support_px * footprint.support_px);
        let mut dx2 = [0.0; SMALL_COLUMNS];
        for (i, dx2) in dx2[..self.stride].iter_mut().enumerate() {
            let dx = left + i as f64;
            *dx2 = dx * dx * per_square;
        }
        let count = rows * self.stride;
        for (j, row) in self.squares[..count].chunks_exact_mut(self.stride).enumerate() {
            let dy = below + j as f64;
            let dy2 = dy * dy * per_square;
            row.iter_mut().zip(&dx2).for_each(|(square, dx2)| *square = dx2 + dy2);
        }
        for (weight, square) in self.weights[..count].iter_mut().zip(&self.squares[..count]) {
            *weight = column_with::<FMA>(*square);
        }
        let mut sums = [0.0f64; LANES];
        for some in self.weights[..count].as_chunks::<LANES>().0 {
            sums = std::array::from_fn(|lane| sums[lane] + some[lane]);
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
    let mut fetched: Vec<(Option<Footprint>, f64)> = Vec::with_capacity(FETCHED_CELLS);
    for (i, cells) in cells.chunks(FETCHED_CELLS).enumerate() {
        if i % CHECKED == 0 {
            watch.check()?;
        }
        // the cells of a tile lie anywhere in memory: waiting for all at once takes as long as for one
        fetched.clear();
        fetched.extend(cells.iter().map(|&c| (places[c as usize].footprint(), inverse[c as usize])));
        sink.fetch(cells);
        for (k, (footprint, inverse)) in fetched.iter().enumerate() {
            // number k is that of the sink's fetched cells, too
            let Some(footprint) = footprint else { continue };
            if footprint.is_cloud() {
                let (x, y) = (floor(footprint.x_px), floor(footprint.y_px));
                let share = |first: i64, centre: f64| {
                    let left = first as f64 - centre;
                    [1.0 - left.abs(), 1.0 - (left + 1.0).abs()]
                };
                let (across, up) = (share(x, footprint.x_px), share(y, footprint.y_px));
                sink.cell(k, 1.0);
                let weights = up.map(|up| across.map(|across| up * across));
                sink.cloud::<FMA>([x, y], &weights, [columns, rows]);
                continue;
            }
            if *inverse == 0.0 {
                stencil.set::<FMA>(footprint);
                sink.cell(k, stencil.scale);
                sink.small::<FMA>(&stencil);
                continue;
            }
            sink.cell(k, *inverse);
            let y = within(footprint.reach()[1], rows);
            for j in y[0]..y[1] {
                let x = columns_of(footprint, j, columns);
                if x[0] < x[1] {
                    kernel_row::<FMA>(footprint, j, x[0], (x[1] - x[0]) as usize, &mut large);
                    sink.row::<FMA>((j - rows[0]) as usize, (x[0] - columns[0]) as usize, &large);
                }
            }
        }
    }
    Ok(())
}

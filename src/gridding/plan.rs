//! Visibilities in grid coordinates, sorted by tile and first w plane.

use super::choice::{Choice, Extent, choose};
use super::kernel::{Kernel, MAX_SUPPORT, Table};
use super::real::Real;
use super::tile::{TILE, edge};
use super::{ImageGeometry, validate_uvw};
use crate::error::{Error, Result};
use crate::units::C_M_S;
use ndarray::ArrayView2;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows looked at together while the index is made.
const ROWS: usize = 4096;

/// Everything about a set of uvw coordinates and an image grid that does not depend on the pixels' or
/// visibilities' values: reused for as many images as there are.
///
/// Visibilities are rows times channels; the index holds a row and a range of channels for each run of neighbours
/// on the grid. Memory: 24 bytes a row and 12 bytes a run (about one run a row where the channels are narrow).
#[derive(Debug)]
pub struct Plan<T: Real = f64> {
    pub(super) geometry: ImageGeometry,
    pub(super) choice: Choice,
    pub(super) kernel: Kernel,
    pub(super) w_kernel: Option<Kernel>,
    pub(super) table: Table<T>,
    pub(super) w_table: Table<T>,
    pub(super) axes: Axes,
    /// Planes held: those at w >= 0 or above, see [`Axes::plane_w`].
    pub(super) planes: usize,
    /// Whether visibilities also touch mirror images of planes, at w < 0.
    pub(super) mirrored: bool,
    pub(super) uvw_m: Vec<[f64; 3]>,
    /// Wavelengths per unit of `uvw_m`, for each channel.
    pub(super) scale: Vec<f64>,
    runs: Vec<Run>,
    buckets: Vec<Bucket>,
    /// Range of `buckets` of each tile that holds visibilities.
    tiles: Vec<Range<usize>>,
    /// CPU nanoseconds of this process between image and grid so far.
    pub(super) transform_ns: AtomicU64,
}

/// Visibilities of channels `first..end` of one row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Run {
    pub row: u32,
    pub first: u16,
    pub end: u16,
}

/// Runs `runs` of one tile with one first plane.
#[derive(Debug, Clone)]
struct Bucket {
    tile: u32,
    first_plane: u32,
    runs: Range<usize>,
}

/// Runs of one tile with one first plane: a part of a task.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub first_plane: u32,
    pub runs: &'a [Run],
}

/// Visibilities of one tile that touch planes of one pass.
#[derive(Debug)]
pub(super) struct Task<'a> {
    /// Grid cell of the tile's first buffer cell; negative at the edge, the grid is periodic.
    pub u0: isize,
    pub v0: isize,
    pub pieces: Vec<Piece<'a>>,
}

impl Task<'_> {
    /// How many visibilities there are.
    pub fn visibilities(&self) -> usize {
        let of = |run: &Run| usize::from(run.end - run.first);
        self.pieces.iter().map(|piece| piece.runs.iter().map(of).sum::<usize>()).sum()
    }
}

/// From wavelengths to positions on the grid.
///
/// A position s stands for the grid coordinate s + support/2 - margin: the first cell that its kernel covers is
/// floor(s) + 1, at distance floor(s) + 1 - s in (0, 1] from the kernel's edge. (Taking the cell above, even at an
/// exact integer, makes truncation enough.)
#[derive(Debug, Clone, Copy)]
pub(super) struct Axes {
    pub dl: f64,
    pub dm: f64,
    pub nu: f64,
    pub nv: f64,
    /// Added to u and v positions, so that they are never negative.
    pub margin: f64,
    /// w position = w per_w + w_zero.
    pub per_w: f64,
    pub w_zero: f64,
    /// What [`Choice::n_shift`] is.
    pub n_shift: f64,
    /// w of signed plane 0, and the step between planes.
    plane_zero: f64,
    plane_step: f64,
    /// Signed plane 0 is the plane above the position's integer part `plane_offset`.
    plane_offset: isize,
}

impl Axes {
    /// Grid position of coordinate `x` (wavelengths) with `step` turns a wavelength; `EXACT` counts what the product
    /// lost to rounding, which matters at the grid's far end.
    #[inline(always)]
    pub fn position<const EXACT: bool>(x: f64, step: f64, cells: f64, margin: f64) -> f64 {
        let turns = x * step;
        let lost = if EXACT { x.mul_add(step, -turns) } else { 0.0 };
        let fraction = (turns - turns.floor()) + lost;
        fraction.clamp(0.0, 1.0 - f64::EPSILON / 2.0) * cells + margin
    }

    /// w of the plane `plane`, wavelengths.
    pub fn plane_w(&self, plane: usize) -> f64 {
        self.plane_zero + plane as f64 * self.plane_step
    }

    /// The first signed plane touched from position bucket `first_plane`; plane -1 - k is the mirror image of k.
    pub fn first_signed(&self, first_plane: u32) -> isize {
        first_plane as isize + 1 - self.plane_offset
    }
}

/// Whether the conjugate visibility, at -`uvw`, is put on the grid: the one at w >= 0, or at u >= 0 where w does not
/// matter, so that half of the grid stays empty.
#[inline(always)]
pub(super) fn mirrors(uvw: &[f64; 3], real: bool) -> bool {
    (if real { uvw[0] } else { uvw[2] }).is_sign_negative()
}

/// Box of the grid that decides on a bucket, and which period of the grid it was in.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    tile_u: u32,
    tile_v: u32,
    first_plane: u32,
    period: [f64; 2],
}

impl Plan<f64> {
    /// Chooses kernels for relative accuracy `epsilon` and sorts the visibilities at `uvw` (wavelengths).
    ///
    /// # Errors
    /// A bad geometry ([`ImageGeometry::validate`]), uvw that are not finite, `epsilon` out of reach.
    pub fn new(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Plan> {
        Plan::of_wavelengths(geometry, uvw, epsilon)
    }
}

impl<T: Real> Plan<T> {
    /// [`Plan::new`] in either precision.
    ///
    /// # Errors
    /// As [`Plan::new`]; f32 reaches about 1e-6.
    pub fn of_wavelengths(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Plan<T>> {
        Plan::build(geometry, uvw.to_vec(), vec![1.0], epsilon)
    }

    /// A plan for `uvw_m` (shape [row, 3], metres) times `freq_hz`: visibilities are [row, channel], channels fastest,
    /// and all of them belong to one image.
    ///
    /// # Errors
    /// As [`Plan::new`]; an array of another shape, frequencies that are not positive.
    pub fn of_channels(
        geometry: ImageGeometry,
        uvw_m: ArrayView2<f64>,
        freq_hz: &[f64],
        epsilon: f64,
    ) -> Result<Plan<T>> {
        if uvw_m.ncols() != 3 {
            return Err(Error::input("uvw does not have three columns").found(format!("{:?}", uvw_m.dim())));
        }
        if let Some(k) = freq_hz.iter().position(|f| !(f.is_finite() && *f > 0.0)) {
            return Err(Error::input("a frequency is not a positive number")
                .found(freq_hz[k])
                .place(format!("channel {k}")));
        }
        if freq_hz.len() > usize::from(u16::MAX) {
            return Err(Error::input("too many channels for one gridding plan")
                .found(freq_hz.len())
                .expected(format!("at most {}", u16::MAX))
                .hint("grid fewer channels at once"));
        }
        let uvw = uvw_m.rows().into_iter().map(|r| [r[0], r[1], r[2]]).collect();
        Plan::build(geometry, uvw, freq_hz.iter().map(|f| f / C_M_S).collect(), epsilon)
    }

    fn build(geometry: ImageGeometry, uvw_m: Vec<[f64; 3]>, scale: Vec<f64>, epsilon: f64) -> Result<Plan<T>> {
        geometry.validate()?;
        validate_uvw(&uvw_m)?;
        let rows = u32::MAX as usize / scale.len().max(1);
        if uvw_m.len() >= rows {
            return Err(Error::input("too many visibilities for one gridding plan")
                .found(format!("{} rows of {} channels", uvw_m.len(), scale.len()))
                .expected(format!("fewer than {rows} rows"))
                .hint("grid fewer channels at once"));
        }
        let count = uvw_m.len() * scale.len();
        let extent = Extent::of(&uvw_m, &scale);
        let choice = choose(&geometry, count, &extent, epsilon, T::ROUNDING)?;
        let kernel = Kernel::new(&choice.uv);
        let w_kernel = choice.w.as_ref().map(Kernel::new);
        let (nu, nv) = (choice.nu as f64, choice.nv as f64);
        let margin = kernel.support.div_ceil(2) as f64 - 0.5 * kernel.support as f64;
        let mut axes = Axes {
            dl: geometry.dl,
            dm: geometry.dm,
            nu,
            nv,
            margin,
            per_w: 0.0,
            w_zero: 0.0,
            n_shift: choice.n_shift,
            plane_zero: if choice.real { 0.0 } else { 0.5 * (extent.w_min + extent.w_max) },
            plane_step: choice.w_step,
            plane_offset: 1,
        };
        let (mut planes, mut mirrored, mut last_first) = (1, false, 0);
        if let Some(k) = &w_kernel {
            let (step, support) = (choice.w_step, k.support);
            let base = choice.w_base(&extent);
            mirrored = base == 0.0;
            let offset = support / 2 + 1;
            axes.per_w = 1.0 / step;
            // position of w: (w - base)/step - 1/2 - support/2 + offset
            axes.w_zero = offset as f64 - 0.5 - 0.5 * support as f64 - base / step;
            axes.plane_zero = base + 0.5 * step;
            axes.plane_offset = offset as isize;
            last_first = (extent.w_max * axes.per_w + axes.w_zero) as u32;
            let above = axes.first_signed(last_first) + support as isize;
            planes = above.max(if mirrored { offset as isize - 1 } else { 1 }) as usize;
        }
        let tiles_u = (choice.nu + MAX_SUPPORT) / TILE + 1;
        let tiles_v = (choice.nv + MAX_SUPPORT) / TILE + 1;
        let stride = last_first as usize + 1;
        let keys = tiles_u as u64 * tiles_v as u64 * stride as u64;
        if keys > u64::from(u32::MAX) {
            return Err(Error::input("too many w planes for this image size")
                .found(format!("{stride} planes of {} x {} cells", choice.nu, choice.nv))
                .hint("choose a smaller image or a larger epsilon"));
        }
        let place = |c: &[f64; 3], scale: f64| {
            let s = if mirrors(c, choice.real) { -scale } else { scale };
            let at =
                |x: f64, step: f64, cells: f64| Axes::position::<false>(x, step, cells, margin) as u32 / TILE as u32;
            let (u, v) = (s * c[0], s * c[1]);
            Place {
                tile_u: at(u, axes.dl, nu),
                tile_v: at(v, axes.dm, nv),
                first_plane: ((s * c[2] * axes.per_w + axes.w_zero) as u32).min(last_first),
                period: [(u * axes.dl).floor(), (v * axes.dm).floor()],
            }
        };
        let key = |p: Place| (p.tile_u as usize * tiles_v + p.tile_v as usize) * stride + p.first_plane as usize;
        let monotone = scale.is_sorted();
        // coordinates are proportional to the scale, so a run of channels in one box is one piece
        let runs_of = |row: usize, out: &mut Vec<(u32, Run)>| {
            let c = &uvw_m[row];
            let (mut first, n) = (0, scale.len());
            while first < n {
                let here = place(c, scale[first]);
                let same = |k: usize| place(c, scale[k]) == here;
                let end = if monotone && same(n - 1) {
                    n
                } else if monotone {
                    let (mut inside, mut outside) = (first, n - 1);
                    while outside - inside > 1 {
                        let middle = (inside + outside) / 2;
                        *(if same(middle) { &mut inside } else { &mut outside }) = middle;
                    }
                    outside
                } else {
                    (first + 1..n).find(|k| !same(*k)).unwrap_or(n)
                };
                out.push((key(here) as u32, Run { row: row as u32, first: first as u16, end: end as u16 }));
                first = end;
            }
        };
        let blocks: Vec<Vec<(u32, Run)>> = (0..uvw_m.len().div_ceil(ROWS))
            .into_par_iter()
            .map(|block| {
                let rows = block * ROWS..uvw_m.len().min((block + 1) * ROWS);
                let mut out = Vec::with_capacity(rows.len() * 5 / 4);
                rows.for_each(|row| runs_of(row, &mut out));
                out
            })
            .collect();
        let (runs, groups) = sorted(blocks, keys as usize);
        let mut buckets: Vec<Bucket> = Vec::with_capacity(groups.len());
        let mut tiles: Vec<Range<usize>> = Vec::new();
        for (key, runs) in groups {
            let tile = (key / stride) as u32;
            match (buckets.last(), tiles.last_mut()) {
                (Some(last), Some(range)) if last.tile == tile => range.end += 1,
                _ => tiles.push(buckets.len()..buckets.len() + 1),
            }
            buckets.push(Bucket { tile, first_plane: (key % stride) as u32, runs });
        }
        let table = Table::new(&kernel);
        let w_table =
            w_kernel.as_ref().map_or(Table { single: vec![[T::ONE; MAX_SUPPORT]], twice: vec![] }, Table::new);
        Ok(Plan {
            geometry,
            choice,
            kernel,
            w_kernel,
            table,
            w_table,
            axes,
            planes,
            mirrored,
            uvw_m,
            scale,
            runs,
            buckets,
            tiles,
            transform_ns: AtomicU64::new(0),
        })
    }

    /// Number of visibilities.
    pub fn len(&self) -> usize {
        self.uvw_m.len() * self.scale.len()
    }

    /// Whether there are no visibilities.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was chosen, for reports: grid cells along u and v, supports in u, v and in w (0: none), planes.
    pub fn description(&self) -> String {
        format!(
            "grid {} x {}, support {}, {} w plane{} of support {}",
            self.choice.nu,
            self.choice.nv,
            self.kernel.support,
            self.planes,
            if self.planes == 1 { "" } else { "s" },
            self.w_support().min(self.w_kernel.as_ref().map_or(0, |k| k.support))
        )
    }

    /// CPU seconds that this process has spent on FFTs and w screens of this plan: for reports.
    pub fn transform_cpu_s(&self) -> f64 {
        self.transform_ns.load(Ordering::Relaxed) as f64 * 1e-9
    }

    /// Does `work` and counts its CPU time as transforming.
    pub(super) fn transforming<R>(&self, work: impl FnOnce() -> R) -> R {
        let start = process_cpu_ns();
        let result = work();
        self.transform_ns.fetch_add(process_cpu_ns().saturating_sub(start), Ordering::Relaxed);
        result
    }

    /// Planes that a visibility touches.
    pub(super) fn w_support(&self) -> usize {
        self.w_kernel.as_ref().map_or(1, |k| k.support)
    }

    /// The work of one pass, in sorted order; `touches` says which first planes have to do with it.
    pub(super) fn tasks(&self, touches: impl Fn(u32) -> bool) -> Vec<Task<'_>> {
        let shift = self.kernel.support.div_ceil(2) as isize - 1;
        let tiles_v = (self.choice.nv + MAX_SUPPORT) / TILE + 1;
        // large enough to pay for copying a tile, small enough to share out a crowded core
        let most = (8192 / self.scale.len().max(1)).max(64);
        let mut tasks: Vec<Task> = Vec::with_capacity(self.tiles.len());
        for range in &self.tiles {
            let mut left = 0;
            for bucket in self.buckets[range.clone()].iter().filter(|b| touches(b.first_plane)) {
                let mut runs = &self.runs[bucket.runs.clone()];
                while !runs.is_empty() {
                    if left == 0 {
                        let tile = bucket.tile as usize;
                        let (u0, v0) = ((tile / tiles_v * TILE) as isize, (tile % tiles_v * TILE) as isize);
                        tasks.push(Task { u0: u0 - shift, v0: v0 - shift, pieces: Vec::new() });
                        left = most;
                    }
                    let (now, later) = runs.split_at(runs.len().min(left));
                    if let Some(task) = tasks.last_mut() {
                        task.pieces.push(Piece { first_plane: bucket.first_plane, runs: now });
                    }
                    left -= now.len();
                    runs = later;
                }
            }
        }
        tasks
    }

    /// For each plane the u rows of the grid that visibilities touch.
    pub(super) fn occupied(&self) -> Vec<Vec<bool>> {
        let nu = self.choice.nu;
        let tiles_v = (self.choice.nv + MAX_SUPPORT) / TILE + 1;
        let shift = self.kernel.support.div_ceil(2) as isize - 1;
        let mut rows = vec![vec![false; nu]; self.planes];
        let mut seen = std::collections::BTreeSet::new();
        for bucket in &self.buckets {
            let stripe = bucket.tile as usize / tiles_v;
            if seen.insert((stripe, bucket.first_plane)) {
                let first = self.axes.first_signed(bucket.first_plane);
                for plane in first..first + self.w_support() as isize {
                    let (plane, mirrored) = storage(plane);
                    for k in 0..edge(self.kernel.support).min(nu) {
                        let u = (stripe * TILE) as isize - shift + k as isize;
                        let u = if mirrored { -u } else { u };
                        if let Some(row) = rows.get_mut(plane) {
                            row[u.rem_euclid(nu as isize) as usize] = true;
                        }
                    }
                }
            }
        }
        rows
    }
}

/// CPU time of all threads of this process.
fn process_cpu_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Number of a signed plane among those held, and whether it is the mirror image of that.
pub(super) fn storage(plane: isize) -> (usize, bool) {
    if plane < 0 { ((-1 - plane) as usize, true) } else { (plane as usize, false) }
}

/// All runs in the order of their keys (below `keys`), equal keys as they come; and each key with its runs.
fn sorted(blocks: Vec<Vec<(u32, Run)>>, keys: usize) -> (Vec<Run>, Vec<(usize, Range<usize>)>) {
    let count: usize = blocks.iter().map(Vec::len).sum();
    let mut groups = Vec::new();
    if keys > 4 * count + (1 << 20) {
        let mut all: Vec<(u32, Run)> = blocks.into_iter().flatten().collect();
        all.par_sort_unstable_by_key(|(key, run)| (*key, run.row, run.first));
        let mut start = 0;
        for group in all.chunk_by(|a, b| a.0 == b.0) {
            groups.push((group[0].0 as usize, start..start + group.len()));
            start += group.len();
        }
        return (all.into_iter().map(|(_, run)| run).collect(), groups);
    }
    let mut next = vec![0u32; keys];
    blocks.iter().flatten().for_each(|(key, _)| next[*key as usize] += 1);
    let mut start = 0;
    for (key, next) in next.iter_mut().enumerate().filter(|(_, n)| **n > 0) {
        let end = start + *next as usize;
        groups.push((key, start..end));
        *next = start as u32;
        start = end;
    }
    let mut runs = vec![Run::default(); count];
    for (key, run) in blocks.iter().flatten() {
        let at = &mut next[*key as usize];
        runs[*at as usize] = *run;
        *at += 1;
    }
    (runs, groups)
}

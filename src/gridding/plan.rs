//! Visibilities in grid coordinates, sorted by tile and first w plane.

use super::choice::{Choice, Extent, choose};
use super::kernel::{Kernel, MAX_SUPPORT};
use super::turns::phasor;
use super::{ImageGeometry, validate_uvw};
use crate::error::{Error, Result};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Grid cells along a tile's edge; a tile with its margin stays in the first cache.
pub(super) const TILE: usize = 32;
/// Most visibilities of one task: large enough to pay for copying a tile, small enough to share out a crowded core.
const TASK: usize = 4096;
/// Bit of `order` that says a visibility was mirrored to w >= 0.
const MIRRORED: u32 = 1 << 31;

/// Everything about a set of uvw coordinates and an image grid that does not depend on the pixels' or
/// visibilities' values: reused for as many images as there are.
///
/// Memory: 28 bytes a visibility.
#[derive(Debug)]
pub struct Plan {
    pub(super) geometry: ImageGeometry,
    pub(super) choice: Choice,
    pub(super) kernel: Kernel,
    pub(super) w_kernel: Option<Kernel>,
    /// w of plane 0.
    w_start: f64,
    pub(super) planes: usize,
    tiles_v: usize,
    /// Grid coordinates of each visibility in sorted order, as [`tile`](super::tile) uses them.
    pub(super) position: Vec<[f64; 3]>,
    /// Index of each sorted visibility in the caller's order, with [`MIRRORED`].
    order: Vec<u32>,
    buckets: Vec<Bucket>,
    /// Range of `buckets` of each tile that holds visibilities.
    tiles: Vec<(usize, usize)>,
}

/// Sorted visibilities `start..end` of one tile whose first plane is `first_plane`.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tile: u32,
    first_plane: usize,
    start: usize,
    end: usize,
}

/// Visibilities `start..end` of one tile that touch one plane.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    /// Grid cell of the tile's first buffer cell; negative at the edge, the grid is periodic.
    pub u0: isize,
    pub v0: isize,
    pub start: usize,
    pub end: usize,
}

impl Plan {
    /// Chooses kernels for relative accuracy `epsilon` and sorts the visibilities at `uvw` (wavelengths).
    ///
    /// # Errors
    /// A bad geometry ([`ImageGeometry::validate`]), uvw that are not finite, `epsilon` out of reach.
    pub fn new(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Plan> {
        geometry.validate()?;
        validate_uvw(uvw)?;
        if uvw.len() >= MIRRORED as usize {
            return Err(Error::input("too many visibilities for one gridding plan")
                .found(uvw.len())
                .expected(format!("fewer than {MIRRORED}"))
                .hint("grid fewer channels at once"));
        }
        let extent = Extent::of(uvw);
        let choice = choose(&geometry, uvw.len(), &extent, epsilon)?;
        let kernel = Kernel::new(&choice.uv);
        let w_kernel = choice.w.as_ref().map(Kernel::new);
        let w_start = match &w_kernel {
            // a first cell lies above its position (see `tile`), so plane 0 is one step above half a support below
            Some(k) => extent.w_min + choice.w_step * (1.0 - 0.5 * k.support as f64),
            None => 0.5 * (extent.w_min + extent.w_max),
        };
        let w_support = w_kernel.as_ref().map_or(1, |k| k.support);
        let last_first = if w_kernel.is_some() { ((extent.w_max - extent.w_min) / choice.w_step) as usize } else { 0 };
        let planes = last_first + w_support;

        let margin = kernel.support.div_ceil(2) as f64 - 0.5 * kernel.support as f64;
        let cells = |x: f64, step: f64, n: usize| {
            let turns = x * step;
            // what the product lost to rounding counts at the grid's far end
            let fraction = (turns - turns.floor()) + x.mul_add(step, -turns);
            fraction.rem_euclid(1.0).min(1.0 - f64::EPSILON / 2.0) * n as f64 + margin
        };
        let locate = |c: &[f64; 3]| {
            let s = if c[2].is_sign_negative() { -1.0 } else { 1.0 };
            let u = cells(s * c[0], geometry.dl, choice.nu);
            let v = cells(s * c[1], geometry.dm, choice.nv);
            let w = c[2].abs();
            [u, v, if w_kernel.is_some() { (w - extent.w_min) / choice.w_step } else { w - w_start }]
        };
        let tiles_v = (choice.nv + MAX_SUPPORT) / TILE + 1;
        let (has_w, stride) = (w_kernel.is_some(), last_first as u64 + 1);
        let tile_of = |p: &[f64; 3]| (p[0] as usize / TILE * tiles_v + p[1] as usize / TILE) as u64;
        let first_plane = |p: &[f64; 3]| if has_w { (p[2] as u64).min(stride - 1) } else { 0 };
        let tiles_u = ((choice.nu + MAX_SUPPORT) / TILE + 1) as u64;
        if tiles_u * tiles_v as u64 * stride > u64::from(u32::MAX) {
            return Err(Error::input("too many w planes for this image size")
                .found(format!("{stride} planes of {} x {} cells", choice.nu, choice.nv))
                .hint("choose a smaller image or a larger epsilon"));
        }
        let located: Vec<[f64; 3]> = uvw.par_iter().map(locate).collect();
        // bucket and index in one number: sorted alike by any number of threads
        let pack = |(i, p): (usize, &[f64; 3])| (tile_of(p) * stride + first_plane(p)) << 32 | i as u64;
        let mut keys: Vec<u64> = located.par_iter().enumerate().map(pack).collect();
        keys.par_sort_unstable();
        let index = |key: &u64| (key & u64::from(u32::MAX)) as usize;

        let mut buckets: Vec<Bucket> = Vec::new();
        let mut tiles: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        for group in keys.chunk_by(|a, b| a >> 32 == b >> 32) {
            let bucket = group[0] >> 32;
            let tile = (bucket / stride) as u32;
            match (buckets.last(), tiles.last_mut()) {
                (Some(last), Some(range)) if last.tile == tile => range.1 += 1,
                _ => tiles.push((buckets.len(), buckets.len() + 1)),
            }
            let first_plane = (bucket % stride) as usize;
            buckets.push(Bucket { tile, first_plane, start, end: start + group.len() });
            start += group.len();
        }
        let position = keys.par_iter().map(|k| located[index(k)]).collect();
        let mark = |k: &u64| index(k) as u32 | if uvw[index(k)][2].is_sign_negative() { MIRRORED } else { 0 };
        let order = keys.par_iter().map(mark).collect();
        Ok(Plan { geometry, choice, kernel, w_kernel, w_start, planes, tiles_v, position, order, buckets, tiles })
    }

    /// Number of visibilities.
    pub fn len(&self) -> usize {
        self.position.len()
    }

    /// Whether there are no visibilities.
    pub fn is_empty(&self) -> bool {
        self.position.is_empty()
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
            self.w_kernel.as_ref().map_or(0, |k| k.support)
        )
    }

    /// w of plane `plane`, wavelengths.
    pub(super) fn plane_w(&self, plane: usize) -> f64 {
        self.w_start + plane as f64 * self.choice.w_step
    }

    /// The work of one plane, in sorted order.
    pub(super) fn tasks(&self, plane: usize) -> Vec<Task> {
        let w_support = self.w_kernel.as_ref().map_or(1, |k| k.support);
        let shift = self.kernel.support.div_ceil(2) as isize - 1;
        let mut tasks = Vec::with_capacity(self.tiles.len());
        for &(first, last) in &self.tiles {
            let buckets = &self.buckets[first..last];
            let low = buckets.partition_point(|b| b.first_plane + w_support <= plane);
            let high = buckets.partition_point(|b| b.first_plane <= plane);
            if low >= high {
                continue;
            }
            let tile = buckets[low].tile as usize;
            let u0 = (tile / self.tiles_v * TILE) as isize - shift;
            let v0 = (tile % self.tiles_v * TILE) as isize - shift;
            let (mut start, end) = (buckets[low].start, buckets[high - 1].end);
            while start < end {
                let stop = end.min(start + TASK);
                tasks.push(Task { u0, v0, start, end: stop });
                start = stop;
            }
        }
        tasks
    }

    /// Phase that the shift of n - 1 leaves to a sorted visibility: exp(2 pi i w shift).
    fn shift_phase(&self, sorted: usize) -> Complex64 {
        let p = self.position[sorted][2];
        let w = match &self.w_kernel {
            Some(k) => self.w_start + self.choice.w_step * (p - 1.0 + 0.5 * k.support as f64),
            None => self.w_start + p,
        };
        phasor(w * self.choice.n_shift)
    }

    /// The caller's visibilities in sorted order, mirrored to w >= 0 and with the shift's phase taken off.
    pub(super) fn gather(&self, vis: &[Complex64]) -> Vec<Complex64> {
        let one = |(sorted, order): (usize, &u32)| {
            let v = vis[(order & !MIRRORED) as usize];
            let v = if order & MIRRORED != 0 { v.conj() } else { v };
            v * self.shift_phase(sorted).conj()
        };
        self.order.par_iter().enumerate().map(one).collect()
    }

    /// The inverse of [`Plan::gather`].
    pub(super) fn scatter(&self, sorted: &[Complex64]) -> Vec<Complex64> {
        let values: Vec<Complex64> = sorted.par_iter().enumerate().map(|(i, v)| v * self.shift_phase(i)).collect();
        let mut vis = vec![Complex64::ZERO; sorted.len()];
        for (order, v) in self.order.iter().zip(values) {
            vis[(order & !MIRRORED) as usize] = if order & MIRRORED != 0 { v.conj() } else { v };
        }
        vis
    }
}

//! The inner loops: visibilities of one task against a buffer that holds one tile and the kernel's margin, on every
//! plane of the pass. The u and v kernels of a visibility are evaluated once for all planes and images of a pass.

use super::kernel::{MAX_SUPPORT, evaluate};
use super::plan::{Axes, Piece, Plan, Run, Task, mirrors};
use super::real::Real;
use super::shared::Shared;
use crate::math::turns::fraction;
use crate::math::vectors::with_vectors;
use rustfft::num_complex::Complex;

/// Grid cells along a tile's edge; a tile with its margin stays in the first caches.
pub(super) const TILE: usize = 32;
/// Visibilities located together, as vectors.
const CHUNK: usize = 16;

/// Cells along a buffer's edge.
pub(super) const fn edge(support: usize) -> usize {
    TILE + support
}

/// Numbers in a row of a buffer: real and imaginary parts in turn, and room for whole vectors.
const fn row_len(support: usize) -> usize {
    2 * edge(support) + 8
}

/// Numbers of one plane in a buffer.
pub(super) const fn plane_len(support: usize) -> usize {
    edge(support) * row_len(support)
}

/// One plane of a pass as a tile sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    /// Signed number of the plane.
    pub plane: isize,
    /// Which of the pass's grids holds it, and whether as its mirror image.
    pub grid: usize,
    pub mirrored: bool,
}

/// A buffer's planes: image after image, slot after slot.
#[derive(Clone, Copy)]
pub(super) struct Job<'a, T: Real> {
    pub plan: &'a Plan<T>,
    pub slots: &'a [Slot],
    pub images: usize,
}

impl<T: Real> Job<'_, T> {
    /// Numbers in a buffer.
    pub fn buffer_len(&self) -> usize {
        self.images * self.slots.len() * plane_len(self.plan.kernel.support)
    }

    /// Which slots `task` touches.
    pub fn touched(&self, task: &Task) -> Vec<bool> {
        let mut touched = vec![false; self.slots.len()];
        for piece in &task.pieces {
            let first = self.plan.axes.first_signed(piece.first_plane);
            let planes = first..first + self.plan.w_support() as isize;
            self.slots.iter().zip(&mut touched).for_each(|(s, t)| *t |= planes.contains(&s.plane));
        }
        touched
    }
}

/// Where a few visibilities lie and what their phases are.
struct Chunk<T> {
    count: usize,
    /// Number in the caller's order.
    index: [usize; CHUNK],
    /// u, v, w in wavelengths, of the conjugate where [`mirrors`] says so.
    uvw: [[f64; CHUNK]; 3],
    /// -1 for the conjugate.
    sign: [T; CHUNK],
    /// First number in a plane of the buffer.
    at: [u32; CHUNK],
    /// Local kernel coordinates in (-1, 1].
    local: [[T; CHUNK]; 3],
    /// exp(2 pi i w shift).
    phase: [[T; CHUNK]; 2],
}

impl<T: Real> Chunk<T> {
    fn new() -> Chunk<T> {
        Chunk {
            count: 0,
            index: [0; CHUNK],
            uvw: [[0.0; CHUNK]; 3],
            sign: [T::ONE; CHUNK],
            at: [0; CHUNK],
            local: [[T::ZERO; CHUNK]; 3],
            phase: [[T::ONE; CHUNK], [T::ZERO; CHUNK]],
        }
    }

    #[inline(always)]
    fn push(&mut self, plan: &Plan<T>, row: usize, channel: usize) {
        let c = &plan.uvw_m[row];
        let scale = plan.scale[channel];
        let mirrored = mirrors(c, plan.choice.real);
        let s = if mirrored { -scale } else { scale };
        let k = self.count;
        for axis in 0..3 {
            self.uvw[axis][k] = s * c[axis];
        }
        self.sign[k] = if mirrored { -T::ONE } else { T::ONE };
        self.index[k] = row * plan.scale.len() + channel;
        self.count += 1;
    }
}

/// Fills what follows from `uvw`, for the tile at cells (u, v) and the first plane given.
#[inline(always)]
fn locate_generic<T: Real, const FMA: bool>(
    chunk: &mut Chunk<T>,
    axes: &Axes,
    row_len: usize,
    tile: [f64; 2],
    first_plane: f64,
) {
    let last = (TILE - 1) as f64;
    for k in 0..CHUNK {
        let u = Axes::position::<true>(chunk.uvw[0][k], axes.dl, axes.nu, axes.margin) - tile[0];
        let v = Axes::position::<true>(chunk.uvw[1][k], axes.dm, axes.nv, axes.margin) - tile[1];
        let w = chunk.uvw[2][k] * axes.per_w + axes.w_zero;
        // the index may have rounded the other way; the kernel is continuous
        let (iu, iv) = (u.floor().clamp(0.0, last), v.floor().clamp(0.0, last));
        chunk.local[0][k] = T::of(2.0 * ((iu - u) + 1.0) - 1.0);
        chunk.local[1][k] = T::of(2.0 * ((iv - v) + 1.0) - 1.0);
        chunk.local[2][k] = T::of(2.0 * ((first_plane - w) + 1.0) - 1.0);
        // SAFETY: clamped to the tile
        chunk.at[k] = unsafe { (iu * row_len as f64 + 2.0 * iv).to_int_unchecked::<i32>() } as u32;
        (chunk.phase[0][k], chunk.phase[1][k]) = T::cis::<FMA>(fraction(chunk.uvw[2][k] * axes.n_shift));
    }
}

with_vectors! {
    fn locate[T: Real](
        chunk: &mut Chunk<T>, axes: &Axes, row_len: usize, tile: [f64; 2], first_plane: f64,
    ) = locate_generic[T,]
}

/// Walks through the visibilities of a task, a few at a time.
struct Cursor<'a, T: Real> {
    job: Job<'a, T>,
    task: &'a Task<'a>,
    /// Pieces begun.
    piece: usize,
    runs: std::slice::Iter<'a, Run>,
    /// What is left of the run begun.
    run: Option<Run>,
    chunk: Chunk<T>,
    /// The slots that the piece touches: first number in the buffer (of the first image), and cell of the w kernel.
    slots: [(usize, usize); 2 * MAX_SUPPORT],
    slot_count: usize,
    first_plane: u32,
}

impl<'a, T: Real> Cursor<'a, T> {
    fn new(job: Job<'a, T>, task: &'a Task<'a>) -> Cursor<'a, T> {
        Cursor {
            job,
            task,
            piece: 0,
            runs: [].iter(),
            run: None,
            chunk: Chunk::new(),
            slots: [(0, 0); 2 * MAX_SUPPORT],
            slot_count: 0,
            first_plane: 0,
        }
    }

    fn begin(&mut self, piece: &'a Piece<'a>) {
        self.first_plane = piece.first_plane;
        self.runs = piece.runs.iter();
        self.run = self.runs.next().copied();
        let (axes, planes) = (&self.job.plan.axes, self.job.plan.w_support() as isize);
        let first = axes.first_signed(piece.first_plane);
        self.slot_count = 0;
        for (k, slot) in self.job.slots.iter().enumerate() {
            let cell = slot.plane - first;
            if cell >= 0 && cell < planes && self.slot_count < self.slots.len() {
                self.slots[self.slot_count] = (k * plane_len(self.job.plan.kernel.support), cell as usize);
                self.slot_count += 1;
            }
        }
    }

    /// Locates the next few visibilities, all of one piece; false at the end.
    #[inline(never)]
    fn advance(&mut self) -> bool {
        while self.run.is_none() {
            let Some(piece) = self.task.pieces.get(self.piece) else { return false };
            self.piece += 1;
            self.begin(piece);
        }
        let plan = self.job.plan;
        self.chunk.count = 0;
        while let Some(run) = &mut self.run {
            let stop = run.end.min(run.first.saturating_add((CHUNK - self.chunk.count) as u16));
            for channel in run.first..stop {
                self.chunk.push(plan, run.row as usize, usize::from(channel));
            }
            run.first = stop;
            if run.first == run.end {
                self.run = self.runs.next().copied();
            }
            if self.chunk.count == CHUNK {
                break;
            }
        }
        let shift = plan.kernel.support.div_ceil(2) as isize - 1;
        let tile = [(self.task.u0 + shift) as f64, (self.task.v0 + shift) as f64];
        locate(&mut self.chunk, &plan.axes, row_len(plan.kernel.support), tile, f64::from(self.first_plane));
        true
    }
}

/// The w kernel at `t`.
#[inline(always)]
fn w_weights<T: Real, const FMA: bool>(plan: &Plan<T>, t: T) -> [T; MAX_SUPPORT] {
    if plan.w_support() <= 8 {
        let mut all = [T::ZERO; MAX_SUPPORT];
        all[..8].copy_from_slice(&evaluate::<T, FMA, MAX_SUPPORT, 8>(&plan.w_table.single, t));
        all
    } else {
        evaluate::<T, FMA, MAX_SUPPORT, MAX_SUPPORT>(&plan.w_table.single, t)
    }
}

#[inline(always)]
fn spread_generic<T: Real, const W: usize, const L: usize, const U: usize, const FMA: bool>(
    job: Job<T>,
    buffer: &mut [T],
    task: &Task,
    vis: &[&[Complex<T>]],
) {
    let plan = job.plan;
    let image_len = job.slots.len() * plane_len(W);
    let mut cursor = Cursor::new(job, task);
    while cursor.advance() {
        let (chunk, slots) = (&cursor.chunk, &cursor.slots[..cursor.slot_count]);
        for k in 0..chunk.count {
            let u = evaluate::<T, FMA, MAX_SUPPORT, U>(&plan.table.single, chunk.local[0][k]);
            let v = evaluate::<T, FMA, { 2 * MAX_SUPPORT }, L>(&plan.table.twice, chunk.local[1][k]);
            let w = w_weights::<T, FMA>(plan, chunk.local[2][k]);
            let at = chunk.at[k] as usize;
            let (c, s) = (chunk.phase[0][k], chunk.phase[1][k]);
            for (image, vis) in vis.iter().enumerate() {
                let value = vis[chunk.index[k]];
                let im = value.im * chunk.sign[k];
                // times the conjugate phase
                let value = [value.re * c + im * s, im * c - value.re * s];
                let mut row_value = [T::ZERO; L];
                for i in 0..L {
                    row_value[i] = v[i] * value[i & 1];
                }
                for &(slot, cell) in slots {
                    let weight = w[cell & (MAX_SUPPORT - 1)];
                    let mut weighted = [T::ZERO; L];
                    for i in 0..L {
                        weighted[i] = row_value[i] * weight;
                    }
                    let block = &mut buffer[image * image_len + slot + at..][..(W - 1) * row_len(W) + L];
                    // the count is not a constant here, or the compiler makes vectors across rows, by scattering
                    for (row, u) in block.chunks_mut(row_len(W)).zip(&u).take(plan.kernel.support) {
                        let row = &mut row[..L];
                        for i in 0..L {
                            row[i] = T::mul_add::<FMA>(*u, weighted[i], row[i]);
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn interpolate_generic<T: Real, const W: usize, const L: usize, const U: usize, const FMA: bool>(
    job: Job<T>,
    buffer: &[T],
    task: &Task,
    vis: &[Shared<Complex<T>>],
) {
    let plan = job.plan;
    let image_len = job.slots.len() * plane_len(W);
    let mut cursor = Cursor::new(job, task);
    while cursor.advance() {
        let (chunk, slots) = (&cursor.chunk, &cursor.slots[..cursor.slot_count]);
        for k in 0..chunk.count {
            let u = evaluate::<T, FMA, MAX_SUPPORT, U>(&plan.table.single, chunk.local[0][k]);
            let v = evaluate::<T, FMA, { 2 * MAX_SUPPORT }, L>(&plan.table.twice, chunk.local[1][k]);
            let w = w_weights::<T, FMA>(plan, chunk.local[2][k]);
            let at = chunk.at[k] as usize;
            let (c, s) = (chunk.phase[0][k], chunk.phase[1][k]);
            for (image, vis) in vis.iter().enumerate() {
                let mut total = [T::ZERO; L];
                for &(slot, cell) in slots {
                    let block = &buffer[image * image_len + slot + at..][..(W - 1) * row_len(W) + L];
                    // two sums: half the latency
                    let mut sums = [[T::ZERO; L]; 2];
                    for j in 0..W {
                        let row = &block[j * row_len(W)..j * row_len(W) + L];
                        for i in 0..L {
                            sums[j & 1][i] = T::mul_add::<FMA>(u[j], row[i], sums[j & 1][i]);
                        }
                    }
                    let weight = w[cell & (MAX_SUPPORT - 1)];
                    for i in 0..L {
                        total[i] = T::mul_add::<FMA>(weight, sums[0][i] + sums[1][i], total[i]);
                    }
                }
                let mut eight = [T::ZERO; 8];
                for i in (0..L).step_by(8) {
                    for k in 0..8 {
                        eight[k] = T::mul_add::<FMA>(total[i + k], v[i + k], eight[k]);
                    }
                }
                let re = (eight[0] + eight[4]) + (eight[2] + eight[6]);
                let im = (eight[1] + eight[5]) + (eight[3] + eight[7]);
                // SAFETY: a visibility belongs to one run, a run to one task
                let out = unsafe { &mut vis.slice(chunk.index[k], 1)[0] };
                out.re += re * c - im * s;
                out.im += (im * c + re * s) * chunk.sign[k];
            }
        }
    }
}

with_vectors! {
    fn spread_width[T: Real, const W: usize, const L: usize, const U: usize](
        job: Job<T>, buffer: &mut [T], task: &Task, vis: &[&[Complex<T>]],
    ) = spread_generic[T, W, L, U,]
}

with_vectors! {
    fn interpolate_width[T: Real, const W: usize, const L: usize, const U: usize](
        job: Job<T>, buffer: &[T], task: &Task, vis: &[Shared<Complex<T>>],
    ) = interpolate_generic[T, W, L, U,]
}

macro_rules! for_width {
    ($support:expr, $function:ident($($argument:expr),*)) => {
        match $support {
            4 => $function::<T, 4, 8, 4>($($argument),*),
            5 => $function::<T, 5, 16, 8>($($argument),*),
            6 => $function::<T, 6, 16, 8>($($argument),*),
            7 => $function::<T, 7, 16, 8>($($argument),*),
            8 => $function::<T, 8, 16, 8>($($argument),*),
            9 => $function::<T, 9, 24, 16>($($argument),*),
            10 => $function::<T, 10, 24, 16>($($argument),*),
            11 => $function::<T, 11, 24, 16>($($argument),*),
            12 => $function::<T, 12, 24, 16>($($argument),*),
            13 => $function::<T, 13, 32, 16>($($argument),*),
            14 => $function::<T, 14, 32, 16>($($argument),*),
            15 => $function::<T, 15, 32, 16>($($argument),*),
            _ => $function::<T, 16, 32, 16>($($argument),*),
        }
    };
}

/// Adds the visibilities of `task`, one slice an image, to its buffer.
pub(super) fn spread<T: Real>(job: Job<T>, buffer: &mut [T], task: &Task, vis: &[&[Complex<T>]]) {
    for_width!(job.plan.kernel.support, spread_width(job, buffer, task, vis));
}

/// Adds to the visibilities of `task` what its buffer gives them.
pub(super) fn interpolate<T: Real>(job: Job<T>, buffer: &[T], task: &Task, vis: &[Shared<Complex<T>>]) {
    for_width!(job.plan.kernel.support, interpolate_width(job, buffer, task, vis));
}

/// Calls `each` with every stretch of a periodic line of `n` cells that `cells` cells from `start` cover: offset from
/// `start`, cell, length. Mirrored: cells count down from -`start`, and the cell given is the last of the stretch.
#[inline(always)]
fn stretches(start: isize, cells: usize, n: usize, mirrored: bool, mut each: impl FnMut(usize, usize, usize)) {
    let first = if mirrored { -start } else { start };
    let mut cell = first.rem_euclid(n as isize) as usize;
    let mut done = 0;
    while done < cells {
        let room = if mirrored { cell + 1 } else { n - cell };
        let length = (cells - done).min(room);
        each(done, if mirrored { cell + 1 - length } else { cell }, length);
        done += length;
        cell = if mirrored { n - 1 } else { 0 };
    }
}

/// One plane's grid: rows u of `nv` cells, `stride` apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub nu: usize,
    pub nv: usize,
    pub stride: usize,
}

impl Layout {
    /// Grid row of buffer row `k`.
    pub fn row(&self, u0: isize, k: usize, mirrored: bool) -> usize {
        let u = u0 + k as isize;
        (if mirrored { -u } else { u }).rem_euclid(self.nu as isize) as usize
    }
}

/// Fills one plane of a buffer from the periodic grid starting at cell (u0, v0), or from its mirror image.
pub(super) fn load<T: Real>(
    support: usize,
    buffer: &mut [T],
    grid: &[Complex<T>],
    layout: Layout,
    (u0, v0): (isize, isize),
    mirrored: bool,
) {
    for (k, row) in buffer.chunks_exact_mut(row_len(support)).enumerate() {
        let source = &grid[layout.row(u0, k, mirrored) * layout.stride..][..layout.nv];
        stretches(v0, edge(support), layout.nv, mirrored, |offset, cell, length| {
            let to = row[2 * offset..2 * (offset + length)].chunks_exact_mut(2);
            let from = &source[cell..cell + length];
            if mirrored {
                to.zip(from.iter().rev()).for_each(|(to, from)| {
                    to[0] = from.re;
                    to[1] = -from.im;
                });
            } else {
                to.zip(from).for_each(|(to, from)| {
                    to[0] = from.re;
                    to[1] = from.im;
                });
            }
        });
    }
}

/// Adds row `k` of one plane of a buffer to the row of the grid that it stands for.
pub(super) fn flush_row<T: Real>(
    support: usize,
    buffer: &[T],
    k: usize,
    row: &mut [Complex<T>],
    v0: isize,
    mirrored: bool,
) {
    let source = &buffer[k * row_len(support)..][..2 * edge(support)];
    stretches(v0, edge(support), row.len(), mirrored, |offset, cell, length| {
        let from = source[2 * offset..2 * (offset + length)].chunks_exact(2);
        let to = &mut row[cell..cell + length];
        if mirrored {
            from.zip(to.iter_mut().rev()).for_each(|(from, to)| {
                to.re += from[0];
                to.im += -from[1];
            });
        } else {
            from.zip(to).for_each(|(from, to)| {
                to.re += from[0];
                to.im += from[1];
            });
        }
    });
}

/// Calls `each` with the buffer rows that stand for grid row `u`, in ascending order.
pub(super) fn rows_for(support: usize, u: usize, u0: isize, nu: usize, mirrored: bool, mut each: impl FnMut(usize)) {
    let u = u as isize;
    let mut k = (if mirrored { -u - u0 } else { u - u0 }).rem_euclid(nu as isize) as usize;
    while k < edge(support) {
        each(k);
        k += nu;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gridding::ImageGeometry;
    use crate::gridding::passes::slots;
    use crate::math::random::Stream;

    fn spread_plain<T: Real, const W: usize, const L: usize, const U: usize>(
        job: Job<T>,
        buffer: &mut [T],
        task: &Task,
        vis: &[&[Complex<T>]],
    ) {
        spread_generic::<T, W, L, U, false>(job, buffer, task, vis);
    }

    fn interpolate_plain<T: Real, const W: usize, const L: usize, const U: usize>(
        job: Job<T>,
        buffer: &[T],
        task: &Task,
        vis: &[Shared<Complex<T>>],
    ) {
        interpolate_generic::<T, W, L, U, false>(job, buffer, task, vis);
    }

    /// Both loops with the processor's vectors and without, and one against the other as adjoints.
    fn check<T: Real>(epsilon: f64, tolerance: f64) -> usize {
        let g = ImageGeometry { nx: 60, ny: 60, dl: 2e-3, dm: -2e-3 };
        let mut random = Stream::new(9, [0; 3]);
        let mut one = |scale: f64| (2.0 * random.uniform() - 1.0) * scale;
        let uvw: Vec<[f64; 3]> = (0..300).map(|_| [one(240.0), one(240.0), one(300.0)]).collect();
        let plan = Plan::<T>::of_wavelengths(g, &uvw, epsilon).unwrap();
        let mut complex = || Complex { re: T::of(one(1.0)), im: T::of(one(1.0)) };
        let vis: Vec<Complex<T>> = uvw.iter().map(|_| complex()).collect();
        let slots = slots(&plan, &(0..plan.planes));
        let job = Job { plan: &plan, slots: &slots, images: 1 };
        let close = |a: T, b: T| (a.wide() - b.wide()).abs() < tolerance;
        let (mut left, mut right) = (0.0, 0.0);
        for task in &plan.tasks(|_| true) {
            let mut twice = [vec![T::ZERO; job.buffer_len()], vec![T::ZERO; job.buffer_len()]];
            spread(job, &mut twice[0], task, &[&vis]);
            for_width!(plan.kernel.support, spread_plain(job, &mut twice[1], task, &[&vis]));
            assert!(twice[0].iter().zip(&twice[1]).all(|(a, b)| close(*a, *b)), "{}", plan.description());
            let cells: Vec<T> = twice[0].iter().map(|_| complex().re).collect();
            let mut read = [vec![T::ZERO_C; vis.len()], vec![T::ZERO_C; vis.len()]];
            let [a, b] = &mut read;
            interpolate(job, &cells, task, &[Shared::new(a)]);
            for_width!(plan.kernel.support, interpolate_plain(job, &cells, task, &[Shared::new(b)]));
            assert!(a.iter().zip(&*b).all(|(a, b)| close(a.re, b.re) && close(a.im, b.im)), "{}", plan.description());
            left += cells.iter().zip(&twice[0]).map(|(a, b)| a.wide() * b.wide()).sum::<f64>();
            right +=
                a.iter().zip(&vis).map(|(a, b)| a.re.wide() * b.re.wide() + a.im.wide() * b.im.wide()).sum::<f64>();
        }
        assert!((left - right).abs() < 1e3 * tolerance, "{left} {right}");
        plan.kernel.support
    }

    #[test]
    fn both_instruction_sets_agree_and_are_adjoint() {
        let mut supports: Vec<usize> =
            [5e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 1e-10, 1e-12].iter().map(|e| check::<f64>(*e, 1e-12)).collect();
        supports.dedup();
        assert!(supports.len() > 4, "{supports:?}");
        for epsilon in [1e-2, 1e-3, 1e-5] {
            check::<f32>(epsilon, 1e-4);
        }
    }

    #[test]
    fn mirrored_stretches_count_down() {
        let cells = |start: isize, mirrored: bool| {
            let mut all = Vec::new();
            stretches(start, 7, 5, mirrored, |offset, cell, length| {
                assert_eq!(offset, all.len());
                let stretch = cell..cell + length;
                if mirrored { all.extend(stretch.rev()) } else { all.extend(stretch) }
            });
            all
        };
        for start in -6..12 {
            let expected =
                |sign: isize| (0..7).map(|k| (sign * (start + k)).rem_euclid(5) as usize).collect::<Vec<_>>();
            assert_eq!(cells(start, false), expected(1));
            assert_eq!(cells(start, true), expected(-1));
        }
    }
}

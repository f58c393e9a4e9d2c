//! One w plane between image and grid: w screen, FFTs, and nothing where nothing is.
//!
//! The grid is stored [u][v]. The FFT along u only meets the image's rows, the one along v only rows of occupied
//! tiles; a panel of image rows is transformed in the cache and written to (read from) the grid as whole cache lines.

use super::kernel::Correction;
use super::plan::Plan;
use super::real::Real;
use super::shared::Shared;
use super::tile::Layout;
use super::{ImageGeometry, n_minus_1};
use crate::math::turns::fraction;
use crate::math::vectors::with_vectors;
use ndarray::Array2;
use rayon::prelude::*;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftDirection, FftPlanner};
use std::sync::Arc;

/// Image rows transformed together: 128 bytes of a grid row in single precision.
const PANEL: usize = 16;

/// Grid rows copied together: 64 bytes of a line in single precision.
const ROWS: usize = 8;

/// FFTs of one call.
pub(super) struct PlaneFft<'a, T: Real> {
    plan: &'a Plan<T>,
    along_u: Arc<dyn Fft<T>>,
    along_v: Arc<dyn Fft<T>>,
    pub layout: Layout,
}

/// One thread's work space.
struct Work<T: Real> {
    lines: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
    screen: Vec<Complex<T>>,
}

impl<'a, T: Real> PlaneFft<'a, T> {
    /// For planes of `plan`, transforming in `direction` (inverse: image to grid).
    pub fn new(plan: &'a Plan<T>, direction: FftDirection) -> PlaneFft<'a, T> {
        let mut planner = FftPlanner::new();
        PlaneFft {
            plan,
            along_u: planner.plan_fft(plan.choice.nu, direction),
            along_v: planner.plan_fft(plan.choice.nv, direction),
            layout: layout(plan),
        }
    }

    fn work(&self) -> Work<T> {
        let scratch = self.along_u.get_inplace_scratch_len().max(self.along_v.get_inplace_scratch_len());
        Work {
            lines: vec![T::ZERO_C; PANEL * self.line_stride()],
            scratch: vec![T::ZERO_C; scratch],
            screen: vec![T::ZERO_C; self.plan.geometry.nx / 2 + 1],
        }
    }

    /// Lines a power of two apart would share cache sets.
    fn line_stride(&self) -> usize {
        self.layout.nu + 8
    }

    /// First image row, number of rows and first grid column of each panel; columns of a panel are neighbours.
    fn panels(&self) -> Vec<(usize, usize, usize)> {
        let (ny, nv) = (self.plan.geometry.ny, self.layout.nv);
        let half = ny / 2;
        let part = |start: usize, end: usize, v: usize| {
            (start..end).step_by(PANEL).map(move |y| (y, PANEL.min(end - y), v + y - start))
        };
        part(half, ny, 0).chain(part(0, half, nv - half)).collect()
    }

    /// Copies columns `v0..v0 + count` of `grid` to the lines of a panel, zero where a row is not occupied.
    fn gather_panel(
        &self,
        lines: &mut [Complex<T>],
        grid: &[Complex<T>],
        occupied: &[bool],
        (v0, count): (usize, usize),
    ) {
        let (nu, stride, length) = (self.layout.nu, self.layout.stride, self.line_stride());
        let zero = [T::ZERO_C; PANEL];
        let row = |u: usize| if occupied[u] { &grid[u * stride + v0..][..count] } else { &zero[..count] };
        let mut u = 0;
        while u < nu {
            if count == PANEL && u + ROWS <= nu {
                // whole cache lines on both sides
                let mut rows = [&zero; ROWS];
                for (j, place) in rows.iter_mut().enumerate() {
                    prefetch(grid, (u + j + AHEAD) * stride + v0);
                    if let Ok(row) = row(u + j).try_into() {
                        *place = row;
                    }
                }
                for k in 0..PANEL {
                    let to = &mut lines[k * length + u..][..ROWS];
                    for j in 0..ROWS {
                        to[j] = rows[j][k];
                    }
                }
                u += ROWS;
            } else {
                row(u).iter().enumerate().for_each(|(k, from)| lines[k * length + u] = *from);
                u += 1;
            }
        }
    }

    /// Copies the lines of a panel to columns `v0..v0 + count` of the occupied rows of `grid`.
    ///
    /// # Safety
    /// Nobody else uses these columns.
    unsafe fn scatter_panel(
        &self,
        lines: &[Complex<T>],
        grid: &Shared<Complex<T>>,
        occupied: &[bool],
        (v0, count): (usize, usize),
    ) {
        let (nu, stride, length) = (self.layout.nu, self.layout.stride, self.line_stride());
        let mut u = 0;
        while u < nu {
            let rows = if count == PANEL && u + ROWS <= nu { ROWS } else { 1 };
            let mut block = [[T::ZERO_C; PANEL]; ROWS];
            if rows == ROWS {
                for k in 0..PANEL {
                    let from = &lines[k * length + u..][..ROWS];
                    for j in 0..ROWS {
                        block[j][k] = from[j];
                    }
                }
            } else {
                (0..count).for_each(|k| block[0][k] = lines[k * length + u]);
            }
            for j in (0..rows).filter(|j| occupied[u + j]) {
                // SAFETY: the caller's promise
                let to = unsafe { grid.slice((u + j) * stride + v0, count) };
                to.copy_from_slice(&block[j][..count]);
            }
            u += rows;
        }
    }

    /// Fills the occupied rows of `grid` from `image` (corrected) on the plane at `w`.
    pub fn load_image(&self, image: &Array2<T>, grid: &mut [Complex<T>], occupied: &[bool], w: f64) {
        let (g, n_shift) = (self.plan.geometry, self.plan.choice.n_shift);
        let Layout { nu, nv, stride } = self.layout;
        let shared = Shared::new(grid);
        let length = self.line_stride();
        self.panels().into_par_iter().for_each_init(
            || self.work(),
            |work, (y0, count, v0)| {
                if self.plan.choice.real {
                    let mut rows = (y0..y0 + count).map(|y| image.row(y).to_slice().unwrap_or_default());
                    for pair in work.lines[..count * length].chunks_mut(2 * length) {
                        let two = [rows.next().unwrap_or_default(), rows.next().unwrap_or_default()];
                        pack_pixels(&mut pair[..nu], two);
                        self.along_u.process_with_scratch(&mut pair[..nu], &mut work.scratch);
                        unpack(pair, length, nu);
                    }
                } else {
                    for (k, line) in work.lines.chunks_exact_mut(length).take(count).enumerate() {
                        let line = &mut line[..nu];
                        let pixels = image.row(y0 + k);
                        let pixels = pixels.as_slice().unwrap_or_default();
                        if pixels.iter().all(|p| *p == T::ZERO) {
                            line.fill(T::ZERO_C);
                            continue;
                        }
                        set_screen(&mut work.screen, g.dl, g.m(y0 + k).powi(2), n_shift, w);
                        spread_line(line, pixels, &work.screen);
                        self.along_u.process_with_scratch(line, &mut work.scratch);
                    }
                }
                // SAFETY: no other panel has these columns
                unsafe { self.scatter_panel(&work.lines, &shared, occupied, (v0, count)) };
            },
        );
        let blank = g.ny - g.ny / 2..nv - g.ny / 2;
        grid.par_chunks_exact_mut(stride).enumerate().filter(|(u, _)| occupied[*u]).for_each_init(
            || vec![T::ZERO_C; self.along_v.get_inplace_scratch_len()],
            |scratch, (_, row)| {
                row[blank.clone()].fill(T::ZERO_C);
                self.along_v.process_with_scratch(&mut row[..nv], scratch);
            },
        );
    }

    /// Adds the image of the occupied rows of `grid`, a plane at `w`, to `image` (to be corrected at the end).
    pub fn add_image(&self, grid: &mut [Complex<T>], occupied: &[bool], image: &mut Array2<T>, w: f64) {
        let (g, n_shift) = (self.plan.geometry, self.plan.choice.n_shift);
        let Layout { nu, nv, stride } = self.layout;
        grid.par_chunks_exact_mut(stride).enumerate().filter(|(u, _)| occupied[*u]).for_each_init(
            || vec![T::ZERO_C; self.along_v.get_inplace_scratch_len()],
            |scratch, (_, row)| self.along_v.process_with_scratch(&mut row[..nv], scratch),
        );
        let grid = &*grid;
        let pixels = Shared::new(image.as_slice_mut().unwrap_or_default());
        let length = self.line_stride();
        self.panels().into_par_iter().for_each_init(
            || self.work(),
            |work, (y0, count, v0)| {
                self.gather_panel(&mut work.lines, grid, occupied, (v0, count));
                // SAFETY: a row belongs to one panel
                let row = |y: usize| unsafe { pixels.slice(y * g.nx, g.nx) };
                if self.plan.choice.real {
                    for (pair, y) in work.lines[..count * length].chunks_mut(2 * length).zip((y0..).step_by(2)) {
                        pack_lines(pair, length, nu);
                        self.along_u.process_with_scratch(&mut pair[..nu], &mut work.scratch);
                        unpack_pixels(&pair[..nu], row(y), |v| v.re);
                        if y + 1 < y0 + count {
                            unpack_pixels(&pair[..nu], row(y + 1), |v| v.im);
                        }
                    }
                } else {
                    for (k, line) in work.lines.chunks_exact_mut(length).take(count).enumerate() {
                        let line = &mut line[..nu];
                        self.along_u.process_with_scratch(line, &mut work.scratch);
                        set_screen(&mut work.screen, g.dl, g.m(y0 + k).powi(2), n_shift, w);
                        gather_line(line, row(y0 + k), &work.screen);
                    }
                }
            },
        );
    }
}

/// Two rows of real pixels as one complex line: pixel n/2 is cell 0, the line is periodic.
fn pack_pixels<T: Real>(line: &mut [Complex<T>], [first, second]: [&[T]; 2]) {
    line.fill(T::ZERO_C);
    let (cells, half) = (line.len(), first.len() / 2);
    let mut set = |pixels: &[T], part: fn(&mut Complex<T>) -> &mut T| {
        let (left, right) = pixels.split_at(half.min(pixels.len()));
        line[cells - left.len()..].iter_mut().zip(left).for_each(|(to, pixel)| *part(to) = *pixel);
        line.iter_mut().zip(right).for_each(|(to, pixel)| *part(to) = *pixel);
    };
    set(first, |c| &mut c.re);
    set(second, |c| &mut c.im);
}

/// Adds one part of a line to a row of pixels; the adjoint of [`pack_pixels`].
fn unpack_pixels<T: Real>(line: &[Complex<T>], pixels: &mut [T], part: impl Fn(&Complex<T>) -> T) {
    let (left, right) = pixels.split_at_mut(pixels.len() / 2);
    let cells = line[line.len() - left.len()..].iter();
    left.iter_mut().zip(cells).for_each(|(pixel, value)| *pixel += part(value));
    right.iter_mut().zip(line).for_each(|(pixel, value)| *pixel += part(value));
}

/// The transforms X and Y of two real lines from that of x + i y, which is X + i Y: lines are `length` apart,
/// `nu` cells of each count. A single line keeps X.
fn unpack<T: Real>(pair: &mut [Complex<T>], length: usize, nu: usize) {
    let (first, second) = pair.split_at_mut(length);
    let half = T::of(0.5);
    for u in 0..=nu / 2 {
        let opposite = (nu - u) % nu;
        let (a, b) = (first[u], first[opposite].conj());
        let (x, iy) = ((a + b) * half, (a - b) * half);
        let y = Complex { re: iy.im, im: -iy.re };
        (first[u], first[opposite]) = (x, x.conj());
        if !second.is_empty() {
            (second[u], second[opposite]) = (y, y.conj());
        }
    }
}

/// The adjoint of [`unpack`]: X + i Y in the first line, X and Y being the Hermitian parts of the two lines, whose
/// transforms are the real parts of theirs.
fn pack_lines<T: Real>(pair: &mut [Complex<T>], length: usize, nu: usize) {
    let (first, second) = pair.split_at_mut(length);
    let half = T::of(0.5);
    let hermitian = |line: &[Complex<T>], u: usize, opposite: usize| match line.get(u) {
        Some(value) => (*value + line[opposite].conj()) * half,
        None => T::ZERO_C,
    };
    for u in 0..=nu / 2 {
        let opposite = (nu - u) % nu;
        let (x, y) = (hermitian(first, u, opposite), hermitian(second, u, opposite));
        first[u] = Complex { re: x.re - y.im, im: x.im + y.re };
        first[opposite] = Complex { re: x.re + y.im, im: y.re - x.im };
    }
}

/// Rows between a prefetch and its use.
const AHEAD: usize = 16;

/// Asks for the panel's part of a row: rows are too far apart for the processor to see the pattern.
#[inline(always)]
fn prefetch<T: Real>(grid: &[Complex<T>], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if at + PANEL <= grid.len() {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start = grid[at..at + PANEL].as_ptr().cast::<i8>();
        for line in 0..size_of::<Complex<T>>() * PANEL / 64 {
            // SAFETY: inside the grid
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(64 * line)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (grid, at);
}

/// How a plan's grids lie in memory.
pub(super) fn layout<T: Real>(plan: &Plan<T>) -> Layout {
    // rows a power of two apart would share cache sets
    Layout { nu: plan.choice.nu, nv: plan.choice.nv, stride: plan.choice.nv + 8 }
}

/// exp(2 pi i w (n - 1 - shift)) at the middle of an image row and to one side of it; the other is the same.
#[inline(always)]
fn set_screen_generic<T: Real, const FMA: bool>(half: &mut [Complex<T>], dl: f64, m2: f64, n_shift: f64, w: f64) {
    for (k, out) in half.iter_mut().enumerate() {
        let l = k as u32 as f64 * dl;
        let (re, im) = T::cis::<FMA>(fraction(w * (n_minus_1(l * l + m2) - n_shift)));
        *out = Complex { re, im };
    }
}

/// A line of the grid from image pixels times the screen: pixel n/2 is cell 0, the line is periodic.
#[inline(always)]
fn spread_line_generic<T: Real, const FMA: bool>(line: &mut [Complex<T>], pixels: &[T], screen: &[Complex<T>]) {
    let (cells, half) = (line.len(), pixels.len() / 2);
    let (left, right) = pixels.split_at(half);
    let (low, rest) = line.split_at_mut(right.len());
    let (blank, high) = rest.split_at_mut(cells - pixels.len());
    blank.fill(T::ZERO_C);
    for ((to, pixel), s) in low.iter_mut().zip(right).zip(screen) {
        *to = Complex { re: s.re * *pixel, im: s.im * *pixel };
    }
    for ((to, pixel), s) in high.iter_mut().zip(left).zip(screen[1..=half].iter().rev()) {
        *to = Complex { re: s.re * *pixel, im: s.im * *pixel };
    }
}

/// The adjoint of [`spread_line_generic`], added to the pixels.
#[inline(always)]
fn gather_line_generic<T: Real, const FMA: bool>(line: &[Complex<T>], pixels: &mut [T], screen: &[Complex<T>]) {
    let (cells, half) = (line.len(), pixels.len() / 2);
    let (left, right) = pixels.split_at_mut(half);
    for ((value, pixel), s) in line.iter().zip(right).zip(screen) {
        *pixel += value.re * s.re + value.im * s.im;
    }
    for ((value, pixel), s) in line[cells - half..].iter().zip(left).zip(screen[1..=half].iter().rev()) {
        *pixel += value.re * s.re + value.im * s.im;
    }
}

/// The w kernel's correction along half an image row.
#[inline(always)]
fn depth_correction_generic<const FMA: bool>(
    correction: &Correction,
    geometry: &ImageGeometry,
    (step, shift): (f64, f64),
    m2: f64,
    out: &mut [f64],
) {
    for (block, chunk) in out.chunks_mut(Correction::BLOCK).enumerate() {
        let mut x = [0.0; Correction::BLOCK];
        for (i, value) in x.iter_mut().enumerate().take(chunk.len()) {
            let l = (block * Correction::BLOCK + i) as u32 as f64 * geometry.dl;
            *value = step * (n_minus_1(l * l + m2) - shift);
        }
        correction.of_block(&mut x);
        chunk.copy_from_slice(&x[..chunk.len()]);
    }
}

with_vectors! {
    fn set_screen[T: Real](half: &mut [Complex<T>], dl: f64, m2: f64, n_shift: f64, w: f64) = set_screen_generic[T,]
}

with_vectors! {
    fn spread_line[T: Real](line: &mut [Complex<T>], pixels: &[T], screen: &[Complex<T>]) = spread_line_generic[T,]
}

with_vectors! {
    fn gather_line[T: Real](line: &[Complex<T>], pixels: &mut [T], screen: &[Complex<T>]) = gather_line_generic[T,]
}

with_vectors! {
    fn depth_correction[](
        correction: &Correction, geometry: &ImageGeometry, w: (f64, f64), m2: f64, out: &mut [f64],
    ) = depth_correction_generic[]
}

/// Divides `image` by the Fourier transforms of the kernels.
pub(super) fn correct<T: Real>(plan: &Plan<T>, image: &mut Array2<T>) {
    let g = plan.geometry;
    let axis = |n: usize, cells: usize| -> Vec<f64> {
        let at = |i: usize| plan.kernel.correction.at((i as f64 - (n / 2) as f64) / cells as f64);
        (0..n).map(at).collect()
    };
    let (along_x, along_y) = (axis(g.nx, plan.choice.nu), axis(g.ny, plan.choice.nv));
    let pixels = image.as_slice_mut().unwrap_or_default();
    pixels.par_chunks_mut(g.nx).enumerate().for_each_init(
        || vec![1.0; g.nx / 2 + 1],
        |depth, (y, row)| {
            if let Some(kernel) = &plan.w_kernel {
                let w = (plan.choice.w_step, plan.choice.n_shift);
                depth_correction(&kernel.correction, &g, w, g.m(y).powi(2), depth);
            }
            let (left, right) = row.split_at_mut(g.nx / 2);
            let (x_left, x_right) = along_x.split_at(g.nx / 2);
            for ((pixel, x), d) in right.iter_mut().zip(x_right).zip(&*depth) {
                *pixel *= T::of(x * along_y[y] * d);
            }
            for ((pixel, x), d) in left.iter_mut().rev().zip(x_left.iter().rev()).zip(&depth[1..]) {
                *pixel *= T::of(x * along_y[y] * d);
            }
        },
    );
}

/// Forward transform of `n` x `n` complex cells in place, with the lines and panels that planes are transformed with.
pub fn transform_square<T: Real>(cells: &mut [Complex<T>], n: usize) {
    let fft = FftPlanner::new().plan_fft(n, FftDirection::Forward);
    let scratch = || vec![T::ZERO_C; fft.get_inplace_scratch_len()];
    cells.par_chunks_exact_mut(n).for_each_init(scratch, |scratch, row| fft.process_with_scratch(row, scratch));
    let shared = Shared::new(cells);
    let length = n + 8;
    (0..n.div_ceil(PANEL)).into_par_iter().for_each_init(
        || (vec![T::ZERO_C; PANEL * length], scratch()),
        |(lines, scratch), panel| {
            let first = panel * PANEL;
            let count = PANEL.min(n - first);
            for row in 0..n {
                // SAFETY: no other panel has these columns
                let from = unsafe { shared.slice(row * n + first, count) };
                from.iter().enumerate().for_each(|(k, from)| lines[k * length + row] = *from);
            }
            for line in lines.chunks_exact_mut(length).take(count) {
                fft.process_with_scratch(&mut line[..n], scratch);
            }
            for row in 0..n {
                // SAFETY: no other panel has these columns
                let to = unsafe { shared.slice(row * n + first, count) };
                to.iter_mut().enumerate().for_each(|(k, to)| *to = lines[k * length + row]);
            }
        },
    );
}

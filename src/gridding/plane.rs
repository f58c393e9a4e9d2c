//! One w plane between image and grid: w screen, FFTs, and nothing where nothing is.
//!
//! The grid is stored [u][v]. The FFT along u only meets the image's rows, the one along v only columns of occupied
//! tiles; both work on contiguous lines, gathered from the other layout a panel at a time.

use super::kernel::Correction;
use super::plan::{Plan, Task};
use super::tile::edge;
use super::turns::{cis, fraction, has_fma};
use super::{ImageGeometry, n_minus_1};
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftDirection, FftPlanner};
use std::sync::Arc;

/// Lines transformed together: 128 bytes of every line they are gathered from.
const PANEL: usize = 8;

/// FFTs, work arrays and the per-image factors of one call.
pub(super) struct PlaneFft<'a> {
    plan: &'a Plan,
    along_u: Arc<dyn Fft<f64>>,
    along_v: Arc<dyn Fft<f64>>,
    /// Image rows after the FFT along u, [y][u]; only used towards the grid.
    rows: Vec<Complex64>,
    row_stride: usize,
    /// The plane, [u][v].
    pub grid: Vec<Complex64>,
    /// Which u rows of the grid belong to an occupied tile.
    occupied: Vec<bool>,
}

impl<'a> PlaneFft<'a> {
    /// Work arrays for planes of `plan`, transforming in `direction` (inverse: image to grid).
    pub fn new(plan: &'a Plan, direction: FftDirection) -> PlaneFft<'a> {
        let (nu, nv) = (plan.choice.nu, plan.choice.nv);
        let mut planner = FftPlanner::new();
        // lines a power of two apart would share cache sets
        let row_stride = nu + PANEL;
        let rows = match direction {
            FftDirection::Inverse => vec![Complex64::ZERO; plan.geometry.ny * row_stride],
            FftDirection::Forward => Vec::new(),
        };
        PlaneFft {
            plan,
            along_u: planner.plan_fft(nu, direction),
            along_v: planner.plan_fft(nv, direction),
            rows,
            row_stride,
            grid: vec![Complex64::ZERO; nu * nv],
            occupied: vec![false; nu],
        }
    }

    /// Marks the rows that the tiles of `tasks` cover; the others are skipped by both directions.
    pub fn occupy(&mut self, tasks: &[Task]) {
        self.occupied.fill(false);
        let nu = self.occupied.len();
        let mut last = None;
        for task in tasks.iter().filter(|t| last.replace(t.u0) != Some(t.u0)) {
            for k in 0..edge(self.plan.kernel.support).min(nu) {
                self.occupied[(task.u0 + k as isize).rem_euclid(nu as isize) as usize] = true;
            }
        }
    }

    /// Zeroes the occupied rows of the grid.
    pub fn clear(&mut self) {
        let occupied = &self.occupied;
        self.grid.par_chunks_mut(self.plan.choice.nv).enumerate().filter(|(u, _)| occupied[*u]).for_each(|(_, row)| {
            row.fill(Complex64::ZERO);
        });
    }

    /// Fills the grid's occupied rows from `image` (corrected) on the plane at `w`.
    pub fn load_image(&mut self, image: &Array2<f64>, w: f64) {
        let (g, nu, nv) = (self.plan.geometry, self.plan.choice.nu, self.plan.choice.nv);
        let (along_u, along_v, n_shift) = (&self.along_u, &self.along_v, self.plan.choice.n_shift);
        self.rows.par_chunks_mut(self.row_stride).enumerate().for_each_init(
            || (vec![Complex64::ZERO; along_u.get_inplace_scratch_len()], Screen::new(&g, n_shift)),
            |(scratch, screen), (y, row)| {
                row.fill(Complex64::ZERO);
                let pixels = image.row(y);
                if pixels.iter().all(|p| *p == 0.0) {
                    return;
                }
                screen.set_row(y, w);
                for (x, value) in pixels.iter().enumerate() {
                    row[wrapped(x, g.nx, nu)] += screen.at(x) * *value;
                }
                along_u.process_with_scratch(&mut row[..nu], scratch);
            },
        );
        let (rows, stride, occupied) = (&self.rows, self.row_stride, &self.occupied);
        self.grid.par_chunks_mut(PANEL * nv).enumerate().for_each_init(
            || vec![Complex64::ZERO; along_v.get_inplace_scratch_len()],
            |scratch, (panel, block)| {
                let u0 = panel * PANEL;
                let lines = block.len() / nv;
                if !occupied[u0..u0 + lines].contains(&true) {
                    return;
                }
                block.fill(Complex64::ZERO);
                for y in 0..g.ny {
                    let v = wrapped(y, g.ny, nv);
                    let source = &rows[y * stride + u0..][..lines];
                    for (k, value) in source.iter().enumerate() {
                        block[k * nv + v] += value;
                    }
                }
                for (line, _) in block.chunks_exact_mut(nv).zip(&occupied[u0..]).filter(|(_, o)| **o) {
                    along_v.process_with_scratch(line, scratch);
                }
            },
        );
    }

    /// Adds the image of the grid's occupied rows, a plane at `w`, to `image` (to be corrected at the end).
    pub fn add_image(&mut self, image: &mut Array2<f64>, w: f64) {
        let (g, nu, nv) = (self.plan.geometry, self.plan.choice.nu, self.plan.choice.nv);
        let (along_u, along_v, n_shift) = (&self.along_u, &self.along_v, self.plan.choice.n_shift);
        let occupied = &self.occupied;
        self.grid.par_chunks_mut(nv).enumerate().filter(|(u, _)| occupied[*u]).for_each_init(
            || vec![Complex64::ZERO; along_v.get_inplace_scratch_len()],
            |scratch, (_, row)| along_v.process_with_scratch(row, scratch),
        );
        let grid = &self.grid;
        let pixels = image.as_slice_mut().unwrap_or_default();
        pixels.par_chunks_mut(PANEL * g.nx).enumerate().for_each_init(
            || {
                let scratch = vec![Complex64::ZERO; along_u.get_inplace_scratch_len()];
                (vec![Complex64::ZERO; PANEL * nu], scratch, Screen::new(&g, n_shift))
            },
            |(block, scratch, screen), (panel, out)| {
                let y0 = panel * PANEL;
                let lines = out.len() / g.nx;
                let v: [usize; PANEL] = std::array::from_fn(|k| wrapped((y0 + k).min(g.ny - 1), g.ny, nv));
                for (u, row) in grid.chunks_exact(nv).enumerate() {
                    for k in 0..lines {
                        block[k * nu + u] = if occupied[u] { row[v[k]] } else { Complex64::ZERO };
                    }
                }
                for (k, (line, out)) in block.chunks_exact_mut(nu).zip(out.chunks_exact_mut(g.nx)).enumerate() {
                    along_u.process_with_scratch(line, scratch);
                    screen.set_row(y0 + k, w);
                    for (x, pixel) in out.iter_mut().enumerate() {
                        let (value, screen) = (line[wrapped(x, g.nx, nu)], screen.at(x));
                        *pixel += value.re * screen.re + value.im * screen.im;
                    }
                }
            },
        );
    }
}

/// Cell of pixel `i` of `n` on an axis of `cells`: pixel n/2 is cell 0, the axis is periodic.
#[inline(always)]
fn wrapped(i: usize, n: usize, cells: usize) -> usize {
    if i >= n / 2 { (i - n / 2) % cells } else { (cells - (n / 2 - i) % cells) % cells }
}

/// exp(2 pi i w (n - 1 - shift)) along one image row; both halves of the row share their values.
struct Screen {
    geometry: ImageGeometry,
    n_shift: f64,
    half: Vec<Complex64>,
}

impl Screen {
    fn new(geometry: &ImageGeometry, n_shift: f64) -> Screen {
        Screen { geometry: *geometry, n_shift, half: vec![Complex64::ONE; geometry.nx / 2 + 1] }
    }

    fn set_row(&mut self, y: usize, w: f64) {
        if w == 0.0 {
            return self.half.fill(Complex64::ONE);
        }
        let m2 = self.geometry.m(y).powi(2);
        #[cfg(target_arch = "x86_64")]
        if has_fma() {
            // SAFETY: has_fma saw that the processor has AVX2 and FMA
            return unsafe { screen_fma(&mut self.half, self.geometry.dl, m2, self.n_shift, w) };
        }
        screen_generic::<false>(&mut self.half, self.geometry.dl, m2, self.n_shift, w);
    }

    #[inline(always)]
    fn at(&self, x: usize) -> Complex64 {
        self.half[x.abs_diff(self.geometry.nx / 2)]
    }
}

#[inline(always)]
fn screen_generic<const FMA: bool>(half: &mut [Complex64], dl: f64, m2: f64, n_shift: f64, w: f64) {
    for (k, out) in half.iter_mut().enumerate() {
        let l = k as f64 * dl;
        let (re, im) = cis::<FMA>(fraction(w * (n_minus_1(l * l + m2) - n_shift)));
        *out = Complex64 { re, im };
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn screen_fma(half: &mut [Complex64], dl: f64, m2: f64, n_shift: f64, w: f64) {
    screen_generic::<true>(half, dl, m2, n_shift, w);
}

/// `image` times the corrections of the kernels in u, v and w.
pub(super) fn corrected(plan: &Plan, image: ArrayView2<f64>) -> Array2<f64> {
    let (g, kernel) = (plan.geometry, &plan.kernel.correction);
    let axis = |n: usize, cells: usize| -> Vec<f64> {
        (0..n).map(|i| kernel.at((i as f64 - (n / 2) as f64) / cells as f64)).collect()
    };
    let (along_x, along_y) = (axis(g.nx, plan.choice.nu), axis(g.ny, plan.choice.nv));
    let w = plan.w_kernel.as_ref().map(|k| &k.correction);
    let mut out = image.as_standard_layout().into_owned();
    let pixels = out.as_slice_mut().unwrap_or_default();
    pixels.par_chunks_mut(g.nx).enumerate().for_each_init(
        || vec![1.0; g.nx / 2 + 1],
        |depth, (y, row)| {
            if let Some(correction) = w {
                depth_correction(correction, plan, g.m(y).powi(2), depth);
            }
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel *= along_x[x] * along_y[y] * depth[x.abs_diff(g.nx / 2)];
            }
        },
    );
    out
}

/// The w kernel's correction along half an image row.
fn depth_correction(correction: &Correction, plan: &Plan, m2: f64, out: &mut [f64]) {
    let (dl, step, shift) = (plan.geometry.dl, plan.choice.w_step, plan.choice.n_shift);
    let depth = |k: usize| step * (n_minus_1((k as f64 * dl).powi(2) + m2) - shift);
    for (block, chunk) in out.chunks_mut(Correction::BLOCK).enumerate() {
        let mut x = [0.0; Correction::BLOCK];
        for (i, value) in x.iter_mut().enumerate().take(chunk.len()) {
            *value = depth(block * Correction::BLOCK + i);
        }
        correction.of_block(&mut x);
        chunk.copy_from_slice(&x[..chunk.len()]);
    }
}

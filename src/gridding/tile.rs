//! The inner loops: visibilities of one task against a buffer that holds one tile and the kernel's margin.
//!
//! A position s stands for the grid coordinate s + support/2 - margin: the first cell that its kernel covers is
//! floor(s) + 1, at distance floor(s) + 1 - s in (0, 1] from the kernel's edge. (Taking the cell above, even at an
//! exact integer, makes truncation enough.)

use super::kernel::{Kernel, MAX_SUPPORT};
use super::plan::TILE;
use super::turns::{has_fma, mul_add};
use rustfft::num_complex::Complex64;

/// Cells along a buffer's edge.
pub(super) fn edge(support: usize) -> usize {
    TILE + support
}

/// Numbers in a row of a buffer: real and imaginary parts in turn, and room for whole vectors.
fn row_len(support: usize) -> usize {
    2 * edge(support) + 4
}

/// Numbers in a buffer.
pub(super) fn buffer_len(support: usize) -> usize {
    edge(support) * row_len(support)
}

/// One visibility's kernel values: u for the rows, v twice each for the parts of complex cells.
struct Weights {
    u: [f64; MAX_SUPPORT],
    v: [f64; 2 * MAX_SUPPORT],
    /// First number in the buffer.
    at: usize,
}

/// The kernels of one plane: u and v, and the w kernel with the plane's number.
#[derive(Clone, Copy)]
pub(super) struct PlaneKernel<'a> {
    pub uv: &'a Kernel,
    pub w: Option<(&'a Kernel, usize)>,
}

impl PlaneKernel<'_> {
    #[inline(always)]
    fn weights<const FMA: bool, const W: usize>(&self, p: &[f64; 3]) -> Weights {
        let (iu, iv) = (p[0] as usize, p[1] as usize);
        let u = self.uv.evaluate::<FMA, W>(local(p[0], iu));
        let v1 = self.uv.evaluate::<FMA, W>(local(p[1], iv));
        let mut v = [0.0; 2 * MAX_SUPPORT];
        for i in 0..W {
            v[2 * i] = v1[i];
            v[2 * i + 1] = v1[i];
        }
        Weights { u, v, at: iu % TILE * row_len(W) + 2 * (iv % TILE) }
    }

    #[inline(always)]
    fn w_weight<const FMA: bool>(&self, p: &[f64; 3]) -> f64 {
        match self.w {
            Some((kernel, plane)) => {
                let first = p[2] as usize;
                kernel.evaluate_cell::<FMA>(local(p[2], first), plane.saturating_sub(first))
            }
            None => 1.0,
        }
    }
}

/// Local kernel coordinate in (-1, 1] of position `s` whose integer part is `cell`.
#[inline(always)]
fn local(s: f64, cell: usize) -> f64 {
    2.0 * ((cell as f64 - s) + 1.0) - 1.0
}

#[inline(always)]
fn spread_generic<const FMA: bool, const W: usize>(
    kernel: PlaneKernel,
    buffer: &mut [f64],
    position: &[[f64; 3]],
    vis: &[Complex64],
) {
    let lanes = (2 * W).next_multiple_of(4);
    for (p, value) in position.iter().zip(vis) {
        let weights = kernel.weights::<FMA, W>(p);
        let value = value * kernel.w_weight::<FMA>(p);
        let mut row_value = [0.0; 2 * MAX_SUPPORT];
        for i in 0..lanes / 2 {
            row_value[2 * i] = weights.v[2 * i] * value.re;
            row_value[2 * i + 1] = weights.v[2 * i + 1] * value.im;
        }
        for j in 0..W {
            let at = weights.at + j * row_len(W);
            let row = &mut buffer[at..at + lanes];
            for i in 0..lanes {
                row[i] = mul_add::<FMA>(weights.u[j], row_value[i], row[i]);
            }
        }
    }
}

#[inline(always)]
fn interpolate_generic<const FMA: bool, const W: usize>(
    kernel: PlaneKernel,
    buffer: &[f64],
    position: &[[f64; 3]],
    vis: &mut [Complex64],
) {
    let lanes = (2 * W).next_multiple_of(4);
    for (p, value) in position.iter().zip(vis) {
        let weights = kernel.weights::<FMA, W>(p);
        let mut sum = [0.0; 2 * MAX_SUPPORT];
        for j in 0..W {
            let at = weights.at + j * row_len(W);
            let row = &buffer[at..at + lanes];
            for i in 0..lanes {
                sum[i] = mul_add::<FMA>(weights.u[j], row[i], sum[i]);
            }
        }
        let mut quad = [0.0; 4];
        for i in (0..lanes).step_by(4) {
            for k in 0..4 {
                quad[k] = mul_add::<FMA>(sum[i + k], weights.v[i + k], quad[k]);
            }
        }
        let w = kernel.w_weight::<FMA>(p);
        value.re += w * (quad[0] + quad[2]);
        value.im += w * (quad[1] + quad[3]);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn spread_fma<const W: usize>(kernel: PlaneKernel, buffer: &mut [f64], position: &[[f64; 3]], vis: &[Complex64]) {
    spread_generic::<true, W>(kernel, buffer, position, vis);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn interpolate_fma<const W: usize>(kernel: PlaneKernel, buffer: &[f64], position: &[[f64; 3]], vis: &mut [Complex64]) {
    interpolate_generic::<true, W>(kernel, buffer, position, vis);
}

fn spread_width<const W: usize>(kernel: PlaneKernel, buffer: &mut [f64], position: &[[f64; 3]], vis: &[Complex64]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: has_fma saw that the processor has AVX2 and FMA
        return unsafe { spread_fma::<W>(kernel, buffer, position, vis) };
    }
    spread_generic::<false, W>(kernel, buffer, position, vis);
}

fn interpolate_width<const W: usize>(
    kernel: PlaneKernel,
    buffer: &[f64],
    position: &[[f64; 3]],
    vis: &mut [Complex64],
) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: has_fma saw that the processor has AVX2 and FMA
        return unsafe { interpolate_fma::<W>(kernel, buffer, position, vis) };
    }
    interpolate_generic::<false, W>(kernel, buffer, position, vis);
}

macro_rules! for_width {
    ($support:expr, $function:ident($($argument:expr),*)) => {
        match $support {
            4 => $function::<4>($($argument),*),
            5 => $function::<5>($($argument),*),
            6 => $function::<6>($($argument),*),
            7 => $function::<7>($($argument),*),
            8 => $function::<8>($($argument),*),
            9 => $function::<9>($($argument),*),
            10 => $function::<10>($($argument),*),
            11 => $function::<11>($($argument),*),
            12 => $function::<12>($($argument),*),
            13 => $function::<13>($($argument),*),
            14 => $function::<14>($($argument),*),
            15 => $function::<15>($($argument),*),
            _ => $function::<16>($($argument),*),
        }
    };
}

/// Adds visibilities to a tile's buffer.
pub(super) fn spread(kernel: PlaneKernel, buffer: &mut [f64], position: &[[f64; 3]], vis: &[Complex64]) {
    for_width!(kernel.uv.support, spread_width(kernel, buffer, position, vis));
}

/// Adds to visibilities what a tile's buffer gives them.
pub(super) fn interpolate(kernel: PlaneKernel, buffer: &[f64], position: &[[f64; 3]], vis: &mut [Complex64]) {
    for_width!(kernel.uv.support, interpolate_width(kernel, buffer, position, vis));
}

/// Fills `buffer` from the periodic grid (rows u, of `nv` cells) starting at cell (u0, v0).
pub(super) fn load(support: usize, buffer: &mut [f64], grid: &[Complex64], nv: usize, u0: isize, v0: isize) {
    let nu = grid.len() / nv;
    let cells = edge(support);
    for (k, row) in buffer.chunks_exact_mut(row_len(support)).enumerate() {
        let u = (u0 + k as isize).rem_euclid(nu as isize) as usize;
        let source = &grid[u * nv..(u + 1) * nv];
        let mut v = v0.rem_euclid(nv as isize) as usize;
        let mut done = 0;
        while done < cells {
            let length = (cells - done).min(nv - v);
            for (to, from) in row[2 * done..2 * (done + length)].chunks_exact_mut(2).zip(&source[v..v + length]) {
                to[0] = from.re;
                to[1] = from.im;
            }
            done += length;
            v = 0;
        }
    }
}

/// Adds to row `u` of the periodic grid what `buffer`, starting at cell (u0, v0), holds for it.
pub(super) fn flush_row(
    support: usize,
    buffer: &[f64],
    row: &mut [Complex64],
    u: usize,
    nu: usize,
    u0: isize,
    v0: isize,
) {
    let (cells, nv) = (edge(support), row.len());
    let mut k = (u as isize - u0).rem_euclid(nu as isize) as usize;
    while k < cells {
        let source = &buffer[k * row_len(support)..][..2 * cells];
        let mut v = v0.rem_euclid(nv as isize) as usize;
        let mut done = 0;
        while done < cells {
            let length = (cells - done).min(nv - v);
            for (from, to) in source[2 * done..2 * (done + length)].chunks_exact(2).zip(&mut row[v..v + length]) {
                to.re += from[0];
                to.im += from[1];
            }
            done += length;
            v = 0;
        }
        k += nu;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gridding::shapes::SHAPES;
    use crate::math::random::Stream;

    /// Spreads and interpolates by the definition: every cell, every visibility.
    #[test]
    fn both_instruction_sets_equal_the_plain_double_loop() {
        for shape in SHAPES.iter().filter(|s| s.oversampling == 2.0) {
            let (support, kernel) = (shape.support, Kernel::new(shape));
            let plane = PlaneKernel { uv: &kernel, w: Some((&kernel, 5)) };
            let mut random = Stream::new(4, [0; 3]);
            let mut one = |scale: f64| random.uniform() * scale;
            let position: Vec<[f64; 3]> = (0..40)
                .map(|_| [64.0 + one(32.0), 32.0 + one(32.0), 5.99 - one(support as f64 - 0.02).min(5.98)])
                .collect();
            let vis: Vec<Complex64> = position.iter().map(|_| Complex64::new(one(1.0), one(1.0))).collect();
            let value = |s: f64, cell: usize| {
                let first = s.floor() as usize + 1;
                let inside = (first..first + support).contains(&cell);
                if inside { kernel.evaluate::<false, 16>(local(s, first - 1))[cell - first] } else { 0.0 }
            };
            // cell 1 of the tile's axis is cell 0 of its buffer; plane 5 is cell 6 of the w axis
            let weight = |p: &[f64; 3], i: usize, j: usize| value(p[0], 65 + i) * value(p[1], 33 + j) * value(p[2], 6);
            let mut spread_twice = [vec![0.0; buffer_len(support)], vec![0.0; buffer_len(support)]];
            spread(plane, &mut spread_twice[0], &position, &vis);
            for_width!(support, spread_plain(plane, &mut spread_twice[1], &position, &vis));
            let mut read_twice = [vec![Complex64::ZERO; 40], vec![Complex64::ZERO; 40]];
            interpolate(plane, &spread_twice[0], &position, &mut read_twice[0]);
            for_width!(support, interpolate_plain(plane, &spread_twice[0], &position, &mut read_twice[1]));
            let mut read = vec![Complex64::ZERO; 40];
            for i in 0..edge(support) {
                for j in 0..edge(support) {
                    let at = i * row_len(support) + 2 * j;
                    let sum: Complex64 = position.iter().zip(&vis).map(|(p, v)| v * weight(p, i, j)).sum();
                    for buffer in &spread_twice {
                        assert!((Complex64::new(buffer[at], buffer[at + 1]) - sum).norm() < 1e-13, "{support} {i} {j}");
                    }
                    let cell = Complex64::new(spread_twice[0][at], spread_twice[0][at + 1]);
                    read.iter_mut().zip(&position).for_each(|(r, p)| *r += cell * weight(p, i, j));
                }
            }
            for got in &read_twice {
                assert!(got.iter().zip(&read).all(|(a, b)| (a - b).norm() < 1e-12), "{support}");
            }
        }
    }

    fn spread_plain<const W: usize>(k: PlaneKernel, buffer: &mut [f64], position: &[[f64; 3]], vis: &[Complex64]) {
        spread_generic::<false, W>(k, buffer, position, vis);
    }

    fn interpolate_plain<const W: usize>(k: PlaneKernel, buffer: &[f64], position: &[[f64; 3]], vis: &mut [Complex64]) {
        interpolate_generic::<false, W>(k, buffer, position, vis);
    }
}

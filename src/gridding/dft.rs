//! Exact twins of [`super::degrid`] and [`super::grid`]: the sums as written, O(pixels x visibilities).
//!
//! Phases are counted in turns and reduced before they are added, with the rounding error of each product carried
//! along, so that a result is good to 1e-13 for phases up to hundreds of turns.

use super::{ImageGeometry, n_minus_1, validate_count, validate_image, validate_uvw};
use crate::error::{Error, Result, Watch};
use crate::math::turns::{cis, fraction};
use crate::math::vectors::has_fma;
use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;

/// Visibilities between looks at the watch.
const BLOCK: usize = 1024;

/// A pixel relative to the phase centre: steps along x and y, n - 1, value.
#[derive(Clone, Copy)]
struct Pixel {
    i: f64,
    j: f64,
    n1: f64,
    value: f64,
}

/// One visibility's phase: turns per pixel along x and y, each with what its rounding lost, and w.
#[derive(Clone, Copy)]
struct Phase {
    u: (f64, f64),
    v: (f64, f64),
    w: f64,
}

impl Phase {
    fn new(c: &[f64; 3], g: &ImageGeometry) -> Phase {
        let product = |a: f64, b: f64| (fraction(a * b), a.mul_add(b, -(a * b)));
        Phase { u: product(c[0], g.dl), v: product(c[1], g.dm), w: c[2] }
    }

    /// Phase of pixel (i, j) at depth n1, in turns, reduced.
    #[inline(always)]
    fn turns(&self, i: f64, j: f64, n1: f64) -> f64 {
        steps(self.u, i) + steps(self.v, j) + steps((self.w, 0.0), n1)
    }
}

/// (a + small) b less its nearest integer.
#[inline(always)]
fn steps((a, small): (f64, f64), b: f64) -> f64 {
    let product = a * b;
    fraction(product) + (a.mul_add(b, -product) + small * b)
}

#[inline(always)]
fn predict_generic<const FMA: bool>(phase: Phase, pixels: &[Pixel]) -> Complex64 {
    // four partial sums in a fixed order: vector code, and less rounding
    let (mut re, mut im) = ([0.0; 4], [0.0; 4]);
    for group in pixels.chunks(4) {
        for (k, p) in group.iter().enumerate() {
            let (c, s) = cis::<FMA>(phase.turns(p.i, p.j, p.n1));
            re[k] += p.value * c;
            im[k] += p.value * s;
        }
    }
    Complex64 { re: re.iter().sum(), im: im.iter().sum() }
}

#[inline(always)]
fn accumulate_generic<const FMA: bool>(phase: Phase, vis: Complex64, j: f64, n1: &[f64], first: f64, row: &mut [f64]) {
    for (x, (pixel, n1)) in row.iter_mut().zip(n1).enumerate() {
        let (c, s) = cis::<FMA>(phase.turns(x as f64 + first, j, *n1));
        *pixel += vis.re * c + vis.im * s;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn predict_fma(phase: Phase, pixels: &[Pixel]) -> Complex64 {
    predict_generic::<true>(phase, pixels)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn accumulate_fma(phase: Phase, vis: Complex64, j: f64, n1: &[f64], first: f64, row: &mut [f64]) {
    accumulate_generic::<true>(phase, vis, j, n1, first, row);
}

fn predict(phase: Phase, pixels: &[Pixel]) -> Complex64 {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: has_fma saw that the processor has AVX2 and FMA
        return unsafe { predict_fma(phase, pixels) };
    }
    predict_generic::<false>(phase, pixels)
}

fn accumulate(phase: Phase, vis: Complex64, j: f64, n1: &[f64], first: f64, row: &mut [f64]) {
    #[cfg(target_arch = "x86_64")]
    if has_fma() {
        // SAFETY: has_fma saw that the processor has AVX2 and FMA
        return unsafe { accumulate_fma(phase, vis, j, n1, first, row) };
    }
    accumulate_generic::<false>(phase, vis, j, n1, first, row);
}

/// Visibilities of `image` (shape [y, x]) at `uvw` (wavelengths); zero pixels cost nothing.
///
/// # Errors
/// A bad geometry, an image of another shape, uvw that are not finite; an interrupt.
pub fn degrid(
    geometry: ImageGeometry,
    image: ArrayView2<f64>,
    uvw: &[[f64; 3]],
    watch: &Watch,
) -> Result<Vec<Complex64>> {
    geometry.validate()?;
    validate_image(&geometry, &image)?;
    validate_uvw(uvw)?;
    let pixels: Vec<Pixel> = image
        .indexed_iter()
        .filter(|(_, value)| **value != 0.0)
        .map(|((y, x), &value)| Pixel {
            i: x as f64 - (geometry.nx / 2) as f64,
            j: y as f64 - (geometry.ny / 2) as f64,
            n1: n_minus_1(geometry.l(x).powi(2) + geometry.m(y).powi(2)),
            value,
        })
        .collect();
    let mut vis = Vec::with_capacity(uvw.len());
    for block in uvw.chunks(BLOCK) {
        watch.check()?;
        vis.par_extend(block.par_iter().map(|c| predict(Phase::new(c, &geometry), &pixels)));
    }
    Ok(vis)
}

/// Adjoint of [`degrid`]: `image[y,x] = sum_k Re(vis_k exp(-2 pi i (...)))`, not normalised.
///
/// # Errors
/// A bad geometry, numbers of visibilities and uvw that differ, values that are not finite; an interrupt.
pub fn grid(geometry: ImageGeometry, vis: &[Complex64], uvw: &[[f64; 3]], watch: &Watch) -> Result<Array2<f64>> {
    geometry.validate()?;
    validate_count(vis.len(), uvw.len())?;
    validate_uvw(uvw)?;
    if let Some(k) = vis.iter().position(|v| !v.is_finite()) {
        return Err(Error::input("a visibility is not a finite number").found(vis[k]).place(format!("visibility {k}")));
    }
    let mut image = Array2::zeros((geometry.ny, geometry.nx));
    let pixels = image.as_slice_mut().unwrap_or_default();
    for (vis, uvw) in vis.chunks(BLOCK).zip(uvw.chunks(BLOCK)) {
        watch.check()?;
        let phases: Vec<Phase> = uvw.iter().map(|c| Phase::new(c, &geometry)).collect();
        pixels.par_chunks_mut(geometry.nx).enumerate().for_each_init(
            || vec![0.0; geometry.nx],
            |n1, (y, row)| {
                for (x, n1) in n1.iter_mut().enumerate() {
                    *n1 = n_minus_1(geometry.l(x).powi(2) + geometry.m(y).powi(2));
                }
                let j = y as f64 - (geometry.ny / 2) as f64;
                for (phase, v) in phases.iter().zip(vis) {
                    accumulate(*phase, *v, j, n1, -((geometry.nx / 2) as f64), row);
                }
            },
        );
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    #[test]
    fn equals_the_formula() {
        let g = ImageGeometry { nx: 5, ny: 4, dl: -0.03, dm: 0.02 };
        let image = Array2::from_shape_fn((4, 5), |(y, x)| (y * 5 + x) as f64 - 3.0);
        let uvw = [[3.0, -2.5, 7.0], [0.3, 11.0, -4.0], [0.0, 0.0, 0.0]];
        let vis = degrid(g, image.view(), &uvw, &Watch::silent()).unwrap();
        let mut expected_image = Array2::zeros((4, 5));
        for (k, [u, v, w]) in uvw.iter().enumerate() {
            let mut expected = Complex64::ZERO;
            for ((y, x), value) in image.indexed_iter() {
                let (l, m) = ((x as f64 - 2.0) * -0.03, (y as f64 - 2.0) * 0.02);
                let n = (1.0 - l * l - m * m).sqrt();
                let phasor = Complex64::from_polar(1.0, TAU * (u * l + v * m + w * (n - 1.0)));
                expected += value * phasor;
                expected_image[[y, x]] += (vis[k] * phasor.conj()).re;
            }
            assert!((vis[k] - expected).norm() < 1e-13 * 100.0, "{k}: {} {expected}", vis[k]);
        }
        let back = grid(g, &vis, &uvw, &Watch::silent()).unwrap();
        assert!(back.iter().zip(&expected_image).all(|(a, b): (&f64, &f64)| (a - b).abs() < 1e-13 * 1000.0));
    }
}

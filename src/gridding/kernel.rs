//! The gridding kernel as it is evaluated (piecewise polynomials) and its Fourier transform (the grid correction).

use super::real::Real;
use super::shapes::Shape;
use crate::math::quadrature::gauss_legendre;
use std::f64::consts::PI;

/// Largest support, and the width of a row of coefficients.
pub(super) const MAX_SUPPORT: usize = 16;
/// Terms of the Chebyshev series of the correction: its error is at rounding level for every shape.
const CORRECTION_TERMS: usize = 24;

/// Values of the kernel on the `support` grid cells about a point.
///
/// The polynomials, not the exponential, are the kernel: the correction is computed from them, so their small
/// misfit only enters through the aliasing, where the tests see it. They have as many terms as leave that misfit
/// well below the shape's own error.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    /// Width in grid cells.
    pub support: usize,
    /// Coefficients, highest power first; `coefficients[k][i]` belongs to cell i, cells beyond the support are zero.
    pub coefficients: Vec<[f64; MAX_SUPPORT]>,
    /// 1/FT of the kernel.
    pub correction: Correction,
}

/// Part of a shape's error that its polynomials may add.
const MISFIT: f64 = 0.1;

impl Kernel {
    /// The kernel of `shape`, its correction good for |x| <= 1/(2 oversampling).
    pub fn new(shape: &Shape) -> Kernel {
        let support = shape.support;
        let half = support as f64 / 2.0;
        let value = |d: f64| {
            let z = d / half;
            let inner = (1.0 - z * z).max(0.0).powf(shape.exponent);
            (shape.beta * support as f64 * (inner - 1.0)).exp()
        };
        let most = support + 4;
        let series: Vec<Vec<f64>> =
            (0..support).map(|i| chebyshev_series(most, |t| value(i as f64 - half + 0.5 * (t + 1.0)))).collect();
        let limit = 0.5 / shape.oversampling;
        let full = Kernel::of_series(support, &series, most, limit);
        // the transform at the edge of the image is what errors are relative to
        let allowed = MISFIT * shape.error / full.correction.at(limit).abs();
        let misfit = |terms: usize| -> f64 {
            let tail = |s: &Vec<f64>| s[terms..].iter().map(|c| c * c).sum::<f64>();
            (0.5 * series.iter().map(tail).sum::<f64>()).sqrt()
        };
        match (4..most).find(|terms| misfit(*terms) < allowed) {
            Some(terms) => Kernel::of_series(support, &series, terms, limit),
            None => full,
        }
    }

    fn of_series(support: usize, series: &[Vec<f64>], terms: usize, limit: f64) -> Kernel {
        let mut coefficients = vec![[0.0; MAX_SUPPORT]; terms];
        for (i, series) in series.iter().enumerate() {
            for (k, c) in powers(&series[..terms]).iter().enumerate() {
                coefficients[terms - 1 - k][i] = *c;
            }
        }
        let correction = Correction::new(support, &coefficients, limit);
        Kernel { support, coefficients, correction }
    }
}

/// A kernel's coefficients in the precision of the inner loops, for whole vectors.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    /// As [`Kernel::coefficients`].
    pub single: Vec<[T; MAX_SUPPORT]>,
    /// Each coefficient twice, for the two parts of complex cells.
    pub twice: Vec<[T; 2 * MAX_SUPPORT]>,
}

impl<T: Real> Table<T> {
    pub fn new(kernel: &Kernel) -> Table<T> {
        let single = kernel.coefficients.iter().map(|row| row.map(T::of)).collect();
        let twice = kernel.coefficients.iter().map(|row| std::array::from_fn(|i| T::of(row[i / 2]))).collect();
        Table { single, twice }
    }
}

/// Polynomials of the first N columns of `rows` (N <= M), highest power first, at `t`.
#[inline(always)]
pub(super) fn evaluate<T: Real, const FMA: bool, const M: usize, const N: usize>(rows: &[[T; M]], t: T) -> [T; N] {
    let mut sum = [T::ZERO; N];
    for row in rows {
        for i in 0..N {
            sum[i] = T::mul_add::<FMA>(sum[i], t, row[i]);
        }
    }
    sum
}

/// Powers (lowest first) of a Chebyshev series.
fn powers(series: &[f64]) -> Vec<f64> {
    let terms = series.len();
    // sum c_k T_k -> powers, T_k by its recurrence
    let mut powers = vec![0.0; terms];
    let (mut before, mut this) = (vec![0.0; terms], vec![0.0; terms]);
    this[0] = 1.0;
    for (k, c) in series.iter().enumerate() {
        for (p, t) in powers.iter_mut().zip(&this) {
            *p += c * t;
        }
        let scale = if k == 0 { 1.0 } else { 2.0 };
        let mut next: Vec<f64> = before.iter().map(|b| -b).collect();
        for j in 1..terms {
            next[j] += scale * this[j - 1];
        }
        if k == 0 {
            next[0] = 0.0;
        }
        (before, this) = (this, next);
    }
    powers
}

/// Coefficients of the Chebyshev interpolant of `f` on [-1, 1].
fn chebyshev_series(terms: usize, f: impl Fn(f64) -> f64) -> Vec<f64> {
    let n = terms as f64;
    let values: Vec<f64> = (0..terms).map(|j| f((PI * (j as f64 + 0.5) / n).cos())).collect();
    let coefficient = |k: usize| {
        let sum: f64 = values.iter().enumerate().map(|(j, v)| v * (PI * k as f64 * (j as f64 + 0.5) / n).cos()).sum();
        sum * if k == 0 { 1.0 } else { 2.0 } / n
    };
    (0..terms).map(coefficient).collect()
}

/// 1 / FT(kernel) at x cycles per cell, by a Chebyshev series in x^2.
#[derive(Debug, Clone)]
pub(super) struct Correction {
    limit: f64,
    series: Vec<f64>,
}

impl Correction {
    fn new(support: usize, coefficients: &[[f64; MAX_SUPPORT]], limit: f64) -> Correction {
        // exact for the polynomial times the first terms of the cosine over one cell
        let (nodes, weights) = gauss_legendre(24);
        let mut samples = Vec::with_capacity(24 * support);
        for i in 0..support {
            for (t, w) in nodes.iter().zip(&weights) {
                let value = coefficients.iter().fold(0.0, |sum, row| sum * t + row[i]);
                samples.push((i as f64 - 0.5 * support as f64 + 0.5 * (t + 1.0), 0.5 * w * value));
            }
        }
        let transform = |x: f64| samples.iter().map(|(d, v)| v * (2.0 * PI * x * d).cos()).sum::<f64>();
        let mut series = chebyshev_series(CORRECTION_TERMS, |y| 1.0 / transform(limit * (0.5 * (y + 1.0)).sqrt()));
        while series.len() > 2 && series.last().is_some_and(|c| c.abs() < 1e-17 * series[0].abs()) {
            series.pop();
        }
        Correction { limit, series }
    }

    /// Values computed together.
    pub const BLOCK: usize = 8;

    /// Replaces every x, |x| <= limit, by the correction there.
    #[inline(always)]
    pub fn of_block(&self, x: &mut [f64; Correction::BLOCK]) {
        let y = x.map(|x| 2.0 * (x / self.limit).powi(2) - 1.0);
        let (mut b1, mut b2) = ([0.0; Correction::BLOCK], [0.0; Correction::BLOCK]);
        for c in self.series[1..].iter().rev() {
            for i in 0..Correction::BLOCK {
                (b1[i], b2[i]) = (2.0 * y[i] * b1[i] - b2[i] + c, b1[i]);
            }
        }
        for i in 0..Correction::BLOCK {
            x[i] = y[i] * b1[i] - b2[i] + self.series[0];
        }
    }

    /// The correction at `x`, |x| <= limit.
    pub fn at(&self, x: f64) -> f64 {
        let mut block = [x; Correction::BLOCK];
        self.of_block(&mut block);
        block[0]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gridding::shapes::SHAPES;

    /// rms over positions of |sum_k phi(u-k) exp(2 pi i (k-u) x) / FT(x) - 1|, at its worst over |x| <= limit.
    fn aliasing(kernel: &Kernel, limit: f64) -> f64 {
        let (nodes, weights) = gauss_legendre(32);
        let mut worst: f64 = 0.0;
        for k in 0..=100 {
            let x = limit * f64::from(k) / 100.0;
            let correction = kernel.correction.at(x);
            let mut sum = 0.0;
            for (t, w) in nodes.iter().zip(&weights) {
                let values = evaluate::<f64, false, 16, 16>(&kernel.coefficients, *t);
                let (mut re, mut im) = (0.0, 0.0);
                for i in 0..kernel.support {
                    let d = i as f64 - 0.5 * kernel.support as f64 + 0.5 * (t + 1.0);
                    let (s, c) = (2.0 * PI * x * d).sin_cos();
                    re += values[i] * c;
                    im += values[i] * s;
                }
                sum += 0.5 * w * ((re * correction - 1.0).powi(2) + (im * correction).powi(2));
            }
            worst = worst.max(sum.sqrt());
        }
        worst
    }

    #[test]
    fn every_shape_has_the_error_it_states() {
        for shape in &SHAPES {
            let got = aliasing(&Kernel::new(shape), 0.5 / shape.oversampling);
            // 5e-15: rounding of this sum
            assert!(got < 1.03 * shape.error + 5e-15, "{shape:?}: {got:e}");
            assert!(got > 0.9 * shape.error - 5e-15, "{shape:?}: {got:e}");
        }
    }
}

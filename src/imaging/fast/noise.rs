//! Thermal noise of dirty images, drawn in the uv plane.
//!
//! Noise of sigma_k per real and imaginary part of sample k gives the dirty image the covariance
//! C(d) = sum_k W_k^2 sigma_k^2 cos(2 pi u_k d) / (sum_k W_k)^2 at distance d (the w term makes it depend on the place,
//! by a change of scale of w l / u, below 1 % on a degree: left out). A field of that covariance on N pixels is the
//! inverse FFT of independent Gaussian numbers on a grid of 2N cells or more (circulant embedding: Dietrich & Newsam
//! 1997, SIAM J. Sci. Comput. 18, 1088). Each sample gives its power to the nearest cell, so that no power is negative
//! and none appears where there are no samples; that damps C(d) by about sinc(d / 2N), nothing at the distances where
//! noise is correlated. Where the error is over the tolerance the grid grows to 3N and 4N cells. (The transform of C
//! itself would be exact but has negative cells: cutting them off puts 10 % too much power beyond the longest
//! baselines of a sparse array.)

use super::transform::{Axis, Real, Transform, Work};
use crate::math::random::philox_lanes;
use crate::math::vectors::with_vectors;
use ndarray::{Array2, ArrayView2};
use rustfft::FftPlanner;
use rustfft::num_complex::{Complex, Complex64};

/// Last counter word of this noise: other uses of a seed are independent of it ("nuv").
const STREAM: u32 = 0x6e75_7600;

/// Grids tried, cells per pixel.
pub(super) const PADDINGS: [usize; 3] = [2, 3, 4];
/// Amplitudes of one channel's noise per cell.
pub(super) struct ChannelNoise<T> {
    /// Standard deviation of real and imaginary part, [u][v] with u half.
    amplitude: Vec<T>,
    /// rms of the image, Jy per beam.
    pub rms_jy: f64,
    /// Largest difference from the exact covariance at any distance within the image, times the share of pixels that
    /// have a neighbour there, relative to the variance.
    pub covariance_error: f64,
}

/// Pixels and cells of one axis.
pub(super) fn axis(pixels: usize, padding: usize) -> Axis {
    Axis { cells: super::transform::good_size(padding * pixels), ..Axis::new(pixels, pixels) }
}

/// What the noise of one channel is made of.
pub(super) struct NoiseSource {
    /// C at distances -(N-1)..=N-1 ([y, x], middle = 0).
    pub covariance: Array2<f64>,
    /// u dl, v dm and power of each sample.
    pub cells: Vec<(f64, f64, f64)>,
}

impl<T: Real> ChannelNoise<T> {
    /// Powers on the grid of `transform`.
    pub fn new(source: &NoiseSource, transform: &Transform<T>) -> Self {
        let (mx, my) = (transform.x.cells, transform.y.cells);
        let (nx, ny) = (transform.x.image, transform.y.image);
        let mut power = Array2::<f64>::zeros((my, mx));
        for (u, v, value) in &source.cells {
            let (u, v) = ((u * mx as f64).round() as i64, (v * my as f64).round() as i64);
            for s in [1, -1] {
                let (u, v) = ((s * u).rem_euclid(mx as i64) as usize, (s * v).rem_euclid(my as i64) as usize);
                power[[v, u]] += 0.5 * value;
            }
        }
        let made = transformed(power.view());
        let variance = power.sum();
        let share = |distance: usize, n: usize| 1.0 - distance as f64 / n as f64;
        let mut worst = 0.0f64;
        for ((y, x), exact) in source.covariance.indexed_iter() {
            let here = made[[(y + my + 1 - ny) % my, (x + mx + 1 - nx) % mx]];
            let pairs = share(y.abs_diff(ny - 1), ny) * share(x.abs_diff(nx - 1), nx);
            worst = worst.max(pairs * (here - exact).abs());
        }
        let half = (0..transform.half()).flat_map(|u| (0..my).map(move |v| (v, u)));
        ChannelNoise {
            amplitude: half.map(|cell| T::of((0.5 * power[cell]).sqrt())).collect(),
            rms_jy: variance.sqrt(),
            covariance_error: if variance > 0.0 { worst / variance } else { 0.0 },
        }
    }

    /// No sample, no noise.
    pub fn none() -> Self {
        ChannelNoise { amplitude: Vec::new(), rms_jy: 0.0, covariance_error: 0.0 }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.amplitude.len() * size_of::<T>()
    }

    /// Adds noise keyed by `seed` and `channel` to `image`, [y][x].
    pub fn draw(&self, transform: &Transform<T>, seed: u64, channel: u32, work: &mut Work<T>, image: &mut [f64]) {
        let (mx, my) = (transform.x.cells, transform.y.cells);
        let mut normal = [(0.0, 0.0); 2 * BLOCK];
        transform.to_image(work, image, |u, column| {
            let amplitude = &self.amplitude[u * my..][..my];
            for (pair, (column, amplitude)) in column.chunks_mut(2 * BLOCK).zip(amplitude.chunks(2 * BLOCK)).enumerate()
            {
                normals((pair * BLOCK) as u32, [u as u32, channel, STREAM], seed, &mut normal);
                for ((out, a), (re, im)) in column.iter_mut().zip(amplitude).zip(&normal) {
                    *out = Complex::new(*a * T::of(f64::from(*re)), *a * T::of(f64::from(*im)));
                }
            }
            if u != 0 && 2 * u != mx {
                return;
            }
            // a column that is its own mirror image: the field is real
            for v in 0..=my / 2 {
                let mirror = (my - v) % my;
                if mirror == v {
                    column[v] = Complex::new(column[v].re * T::of(std::f64::consts::SQRT_2), T::zero());
                } else {
                    column[mirror] = column[v].conj();
                }
            }
        });
    }
}

/// Real part of the 2-D transform of an even real field: both directions are alike.
fn transformed(field: ArrayView2<f64>) -> Array2<f64> {
    let (ny, nx) = field.dim();
    let mut planner = FftPlanner::<f64>::new();
    let (fx, fy) = (planner.plan_fft_forward(nx), planner.plan_fft_forward(ny));
    let mut rows: Vec<Complex64> = field.iter().map(|v| Complex64::new(*v, 0.0)).collect();
    fx.process(&mut rows);
    let mut columns = vec![Complex64::ZERO; nx * ny];
    for (y, row) in rows.chunks_exact(nx).enumerate() {
        for (x, value) in row.iter().enumerate() {
            columns[x * ny + y] = *value;
        }
    }
    fy.process(&mut columns);
    Array2::from_shape_fn((ny, nx), |(y, x)| columns[x * ny + y].re)
}

/// Philox blocks turned to normal numbers together; each block gives two pairs.
const BLOCK: usize = 32;

/// Pairs of normal numbers that are drawn together.
type Normals = [(f32, f32); 2 * BLOCK];

with_vectors!(fn normals[](first: u32, rest: [u32; 3], seed: u64, out: &mut Normals) = normals_with[]);

/// Pairs of independent standard normal numbers (Box & Muller 1958), single precision (tails to 6.7 sigma), from the
/// Philox blocks of counters `first`.. and `rest`. Written for vector code: no branches, no library calls, and no fused
/// operations, so that every processor draws the same numbers.
#[inline(always)]
fn normals_with<const FMA: bool>(first: u32, rest: [u32; 3], seed: u64, out: &mut Normals) {
    let words = philox_lanes::<BLOCK>(first, rest, seed);
    for (half, words) in words.chunks_exact(2).enumerate() {
        let mut radius = [0.0f32; BLOCK];
        for (radius, w) in radius.iter_mut().zip(&words[0]) {
            // the sign bit is kept out of the conversion, which vector units do for signed numbers only
            let uniform = ((w >> 1) as i32 as f32 + 0.5) * 2f32.powi(-31);
            *radius = (-2.0 * ln(uniform).min(0.0)).sqrt();
        }
        for (k, (w, radius)) in words[1].iter().zip(radius).enumerate() {
            let (s, c) = sin_cos(*w);
            out[2 * k + half] = (radius * c, radius * s);
        }
    }
}

/// Natural logarithm of a positive normal number, to 3e-7 absolute: 2 atanh((m-1)/(m+1)) of the mantissa m between
/// sqrt(1/2) and sqrt(2).
#[inline(always)]
fn ln(x: f32) -> f32 {
    const SQRT_HALF_BITS: i32 = 0x3f35_04f3;
    let bits = x.to_bits() as i32;
    let exponent = (bits - SQRT_HALF_BITS) >> 23;
    let m = f32::from_bits((bits - (exponent << 23)) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0))));
    exponent as f32 * std::f32::consts::LN_2 + 2.0 * s * series
}

/// sin and cos of 2 pi w / 2^32, to 3e-7: Taylor series on the eighth of a turn around the nearest quarter.
#[inline(always)]
fn sin_cos(w: u32) -> (f32, f32) {
    let quarter = w.wrapping_add(1 << 29) >> 30;
    let x = w.wrapping_sub(quarter << 30) as i32 as f32 * (std::f32::consts::TAU / 4_294_967_296.0);
    let q = x * x;
    let s = x * (1.0 - q * (1.0 / 6.0 - q * (1.0 / 120.0 - q * (1.0 / 5040.0 - q * (1.0 / 362_880.0)))));
    let c = 1.0 - q * (0.5 - q * (1.0 / 24.0 - q * (1.0 / 720.0 - q * (1.0 / 40_320.0))));
    let (s, c) = if quarter & 1 == 0 { (s, c) } else { (c, -s) };
    let flip = (quarter & 2) << 30;
    (f32::from_bits(s.to_bits() ^ flip), f32::from_bits(c.to_bits() ^ flip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elementary_functions_are_those_of_the_library() {
        for i in 0..100_000u32 {
            let w = i.wrapping_mul(42_949_673).wrapping_add(17);
            let (s, c) = sin_cos(w);
            let angle = std::f64::consts::TAU * f64::from(w) / 2f64.powi(32);
            assert!((f64::from(s) - angle.sin()).abs() < 4e-7 && (f64::from(c) - angle.cos()).abs() < 4e-7, "{w}");
            let x = (f64::from(w) + 1.0) / 2f64.powi(32);
            let error = f64::from(ln(x as f32)) - f64::from(x as f32).ln();
            assert!(error.abs() < 2e-6, "{x}: {error:e}");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn normal_numbers_have_the_moments_of_a_normal_distribution() {
        let (mut moments, mut count, mut cross, mut beyond) = ([0.0f64; 5], 0.0, 0.0, 0);
        for block in 0..8000u32 {
            let mut drawn = [(0.0, 0.0); 2 * BLOCK];
            normals(block * BLOCK as u32, [1, 2, STREAM], 9, &mut drawn);
            for (a, b) in drawn {
                for x in [f64::from(a), f64::from(b)] {
                    (0..5).for_each(|p| moments[p] += x.powi(p as i32));
                    beyond += usize::from(x.abs() > 3.0);
                    count += 1.0;
                }
                cross += f64::from(a) * f64::from(b);
            }
        }
        let mean = |p: usize| moments[p] / count;
        let error = |variance: f64| 5.0 * (variance / count).sqrt();
        assert!(mean(1).abs() < error(1.0) && (mean(2) - 1.0).abs() < error(2.0));
        assert!(mean(3).abs() < error(15.0) && (mean(4) - 3.0).abs() < error(96.0));
        assert!((cross / count).abs() < error(0.5));
        assert!((beyond as f64 / count - 0.002_699_8).abs() < error(0.0027));
    }

    #[test]
    fn powers_have_the_covariance_asked_for() {
        // many samples around a few short spacings: the hardest case, power in a handful of cells
        let n = 24;
        let mut random = crate::math::random::Stream::new(8, [3; 3]);
        let cells: Vec<(f64, f64, f64)> =
            (0..400).map(|_| (0.04 * random.normal(), 0.06 * random.normal(), random.uniform())).collect();
        let covariance = Array2::from_shape_fn((2 * n - 1, 2 * n - 1), |(y, x)| {
            let (dx, dy) = (x as f64 - (n - 1) as f64, y as f64 - (n - 1) as f64);
            cells.iter().map(|(u, v, p)| p * (std::f64::consts::TAU * (u * dx + v * dy)).cos()).sum()
        });
        let source = NoiseSource { covariance, cells };
        let errors = PADDINGS.map(|padding| {
            let transform = Transform::<f64>::new(axis(n, padding), axis(n, padding));
            let noise = ChannelNoise::new(&source, &transform);
            let my = transform.y.cells;
            let total: f64 = (0..transform.half())
                .map(|u| {
                    let both = if u == 0 || 2 * u == transform.x.cells { 2.0 } else { 4.0 };
                    both * noise.amplitude[u * my..][..my].iter().map(|a| a * a).sum::<f64>()
                })
                .sum();
            assert!((total.sqrt() / noise.rms_jy - 1.0).abs() < 1e-9, "{total} {}", noise.rms_jy);
            noise.covariance_error
        });
        // sinc(d / 2N) is 1 - 1.6 (d / 2N)^2: cells half as large are four times as good, less what chance adds
        assert!(errors[0] < 0.02 && errors[1] < errors[0] && errors[2] < 0.5 * errors[0], "{errors:?}");
    }
}

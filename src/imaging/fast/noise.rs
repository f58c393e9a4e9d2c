//! Thermal noise of dirty images, drawn in the uv plane.
//!
//! Noise of sigma_k per real and imaginary part of sample k gives the dirty image the covariance
//! C(d) = sum_k W_k^2 sigma_k^2 cos(2 pi u_k d) / (sum_k W_k)^2 at distance d (the w term makes it depend on the place,
//! by a change of scale of w l / u, below 1 % on a degree: left out). A field of that covariance on N pixels is the
//! inverse FFT of independent Gaussian numbers on a grid of 2N cells (circulant embedding: Dietrich & Newsam 1997,
//! SIAM J. Sci. Comput. 18, 1088), whose powers are never negative. Two ways of giving a sample's power to cells
//! are tried and the one of the smaller error is kept: the transform of C itself, exact but for cells whose power
//! would be negative (set to 0, the rest scaled to the exact variance), and the nearest cell, which damps C(d) by about
//! sinc(d / 2N).

use super::transform::{Axis, Real, Transform, Work};
use crate::math::random::normal_pair;
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex;

/// Last counter word of this noise: other uses of a seed are independent of it ("nuv").
const STREAM: u32 = 0x6e75_7600;

/// Amplitudes of one channel's noise per cell.
pub(super) struct ChannelNoise<T> {
    /// Standard deviation of real and imaginary part, [u][v] with u half.
    amplitude: Vec<T>,
    /// rms of the image, Jy per beam.
    pub rms_jy: f64,
    /// Largest difference from the exact covariance over all distances within the image, relative to the variance.
    pub covariance_error: f64,
}

/// Cells and pixels of one axis.
pub(super) fn axis(pixels: usize) -> Axis {
    Axis::new(pixels, pixels)
}

impl<T: Real> ChannelNoise<T> {
    /// `covariance`: C at distances -(N-1)..=N-1 ([y, x], middle = 0); `cells`: for each sample u dl, v dm and power.
    pub fn new(
        covariance: ArrayView2<f64>,
        cells: impl Iterator<Item = (f64, f64, f64)>,
        nx: usize,
        ny: usize,
    ) -> Self {
        let transform = Transform::<f64>::new(axis(nx), axis(ny));
        let (mx, my) = (transform.x.cells, transform.y.cells);
        let variance = covariance[[ny - 1, nx - 1]];
        let mut nearest = vec![0.0; transform.half() * my];
        for (u, v, power) in cells {
            let (u, v) = ((u * mx as f64).round() as i64, (v * my as f64).round() as i64);
            for s in [1, -1] {
                let u = (s * u).rem_euclid(mx as i64) as usize;
                if u < transform.half() {
                    nearest[u * my + (s * v).rem_euclid(my as i64) as usize] += 0.5 * power;
                }
            }
        }
        let mut exact = transform.spectrum(covariance, true);
        exact.iter_mut().for_each(|p| *p = p.max(0.0));
        let total: f64 = (0..transform.half())
            .map(|u| {
                let both = if u == 0 || 2 * u == mx { 1.0 } else { 2.0 };
                both * exact[u * my..][..my].iter().sum::<f64>()
            })
            .sum();
        if total > 0.0 {
            exact.iter_mut().for_each(|p| *p *= variance / total);
        }
        let mut work = transform.work();
        let errors = [&exact, &nearest].map(|power| worst(&transform, &mut work, power, covariance));
        let (power, covariance_error) = if errors[0] <= errors[1] { (exact, errors[0]) } else { (nearest, errors[1]) };
        ChannelNoise {
            amplitude: power.iter().map(|p| T::of((0.5 * p).sqrt())).collect(),
            rms_jy: variance.sqrt(),
            covariance_error: if variance > 0.0 { covariance_error / variance } else { 0.0 },
        }
    }

    /// No sample, no noise.
    pub fn none(transform: &Transform<T>) -> Self {
        let amplitude = vec![T::zero(); transform.half() * transform.y.cells];
        ChannelNoise { amplitude, rms_jy: 0.0, covariance_error: 0.0 }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.amplitude.len() * size_of::<T>()
    }

    /// Adds noise keyed by `seed` and `channel` to `image`, [y][x].
    pub fn draw(&self, transform: &Transform<T>, seed: u64, channel: u32, work: &mut Work<T>, image: &mut [f64]) {
        let (mx, my) = (transform.x.cells, transform.y.cells);
        let cell = |u: usize, v: usize| {
            let amplitude = self.amplitude[u * my + v];
            if amplitude == T::zero() {
                return Complex::new(T::zero(), T::zero());
            }
            let [re, im] = normal_pair([u as u32, v as u32, channel, STREAM], seed);
            Complex::new(amplitude * T::of(re), amplitude * T::of(im))
        };
        transform.to_image(work, image, |u, column| {
            if u != 0 && 2 * u != mx {
                column.iter_mut().enumerate().for_each(|(v, out)| *out = cell(u, v));
                return;
            }
            // a column that is its own mirror image: the field is real
            for v in 0..=my / 2 {
                let (value, mirror) = (cell(u, v), (my - v) % my);
                if mirror == v {
                    column[v] = Complex::new(value.re * T::of(std::f64::consts::SQRT_2), T::zero());
                } else {
                    column[v] = value;
                    column[mirror] = value.conj();
                }
            }
        });
    }
}

/// Largest difference between the covariance that cells of `power` have and `covariance`.
fn worst(transform: &Transform<f64>, work: &mut Work<f64>, power: &[f64], covariance: ArrayView2<f64>) -> f64 {
    let (my, nx, ny) = (transform.y.cells, transform.x.image, transform.y.image);
    let mut worst = 0.0f64;
    for upside_down in [false, true] {
        let mut made = Array2::<f64>::zeros((ny, nx));
        let Some(pixels) = made.as_slice_mut() else { return f64::INFINITY };
        transform.to_image(work, pixels, |u, column| {
            for (v, out) in column.iter_mut().enumerate() {
                let v = if upside_down { (my - v) % my } else { v };
                *out = Complex::new(power[u * my + v], 0.0);
            }
        });
        for ((y, x), value) in made.indexed_iter() {
            let y = if upside_down { ny - 1 - y } else { ny - 1 + y };
            worst = worst.max((value - covariance[[y, nx - 1 + x]]).abs());
        }
    }
    worst
}

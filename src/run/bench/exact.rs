//! The exact sums at a few visibilities and a few pixels.

use crate::gridding::ImageGeometry;
use crate::units::C_M_S;
use ndarray::Array2;
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// Direction cosines of a pixel and n - 1.
fn direction(g: &ImageGeometry, x: usize, y: usize) -> [f64; 3] {
    let (l, m) = (g.l(x), g.m(y));
    let r2 = l * l + m * m;
    [l, m, -r2 / (1.0 + (1.0 - r2).sqrt())]
}

fn phasor(uvw: [f64; 3], d: [f64; 3]) -> Complex64 {
    let turns = uvw[0] * d[0] + uvw[1] * d[1] + uvw[2] * d[2];
    let (s, c) = (TAU * (turns - turns.round())).sin_cos();
    Complex64::new(c, s)
}

fn wavelengths(uvw_m: &Array2<f64>, row: usize, freq_hz: f64) -> [f64; 3] {
    [0, 1, 2].map(|k| uvw_m[[row, k]] * (freq_hz / C_M_S))
}

/// Visibilities (row, channel) of point sources (x, y, flux).
pub(super) fn visibilities(
    g: &ImageGeometry,
    uvw_m: &Array2<f64>,
    freq_hz: &[f64],
    wanted: &[(usize, usize)],
    sources: &[(usize, usize, f64)],
) -> Vec<Complex64> {
    let directions: Vec<[f64; 3]> = sources.iter().map(|s| direction(g, s.0, s.1)).collect();
    let one = |(row, channel): &(usize, usize)| {
        let c = wavelengths(uvw_m, *row, freq_hz[*channel]);
        directions.iter().zip(sources).map(|(d, s)| phasor(c, *d) * s.2).sum()
    };
    wanted.par_iter().map(one).collect()
}

/// Pixels (x, y) of the dirty image of `vis`, number row * channels + channel.
pub(super) fn pixels(
    g: &ImageGeometry,
    uvw_m: &Array2<f64>,
    freq_hz: &[f64],
    vis: impl Fn(usize) -> Complex64 + Sync,
    wanted: &[(usize, usize)],
) -> Vec<f64> {
    let directions: Vec<[f64; 3]> = wanted.iter().map(|p| direction(g, p.0, p.1)).collect();
    let one = |d: &[f64; 3]| {
        let mut sum = 0.0;
        for row in 0..uvw_m.nrows() {
            for (channel, freq) in freq_hz.iter().enumerate() {
                let (p, v) = (phasor(wavelengths(uvw_m, row, *freq), *d), vis(row * freq_hz.len() + channel));
                sum += v.re * p.re + v.im * p.im;
            }
        }
        sum
    };
    directions.par_iter().map(one).collect()
}

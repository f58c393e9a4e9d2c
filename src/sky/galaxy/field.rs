//! Random fields with a power-law spectrum.

use crate::math::random::Stream;
use crate::math::turns::cis;
use crate::math::vectors::with_vectors;
use std::f64::consts::TAU;

/// Waves whose phases are computed together.
const SOME: usize = 64;

/// Plane waves, each a direction with a length and a phase, number by number so that loops become vector code.
#[derive(Debug, Clone, Default)]
pub struct PlaneWaves {
    /// x, y and z of the wave vectors over 2 pi.
    k: [Vec<f64>; 3],
    /// Phases in turns.
    phase: Vec<f64>,
}

impl PlaneWaves {
    /// One more wave of this wave vector and phase, rad.
    pub fn push(&mut self, k: [f64; 3], phase: f64) {
        (0..3).for_each(|axis| self.k[axis].push(k[axis] / TAU));
        self.phase.push(phase / TAU);
    }

    /// Cosine and sine of the phases at `p` of the waves from number `first` on, as many as `cos` and `sin` have room for.
    pub fn at(&self, p: [f64; 3], first: usize, cos: &mut [f64], sin: &mut [f64]) {
        cos_sin(self, p, first, cos, sin);
    }
}

with_vectors!(
    fn cos_sin[](waves: &PlaneWaves, p: [f64; 3], first: usize, cos: &mut [f64], sin: &mut [f64]) = cos_sin_with[]
);

#[inline(always)]
fn cos_sin_with<const FMA: bool>(waves: &PlaneWaves, p: [f64; 3], first: usize, cos: &mut [f64], sin: &mut [f64]) {
    let [kx, ky, kz] = waves.k.each_ref().map(|k| &k[first..]);
    let k = kx.iter().zip(ky).zip(kz).zip(&waves.phase[first..]);
    for ((((kx, ky), kz), phase), (cos, sin)) in k.zip(cos.iter_mut().zip(sin)) {
        (*cos, *sin) = cis::<FMA>(kx * p[0] + ky * p[1] + kz * p[2] + phase);
    }
}

/// A Gaussian random field of unit variance: a sum of plane waves with random directions.
///
/// Wave numbers are spread evenly in ln k, so a wave stands for the power k^3 P(k) of its shell,
/// with P(k) proportional to k^slope.
#[derive(Debug, Clone)]
pub struct Waves {
    waves: PlaneWaves,
    amplitude: Vec<f64>,
}

impl Waves {
    /// `count` waves with wavelengths from `longest` to `shortest` (the unit of the positions).
    pub fn new(draw: &mut Stream, count: usize, longest: f64, shortest: f64, slope: f64) -> Waves {
        let (mut waves, mut amplitude) = (PlaneWaves::default(), Vec::with_capacity(count));
        for i in 0..count {
            let share = (i as f64 + draw.uniform()) / count as f64;
            let k = TAU / (longest * (shortest / longest).powf(share));
            let cos = 2.0 * draw.uniform() - 1.0;
            let sin = (1.0 - cos * cos).sqrt();
            let angle = TAU * draw.uniform();
            waves.push([k * sin * angle.cos(), k * sin * angle.sin(), k * cos], TAU * draw.uniform());
            amplitude.push(k.powf(0.5 * (3.0 + slope)));
        }
        // a wave of amplitude A has variance A^2/2
        let variance: f64 = amplitude.iter().map(|a| 0.5 * a * a).sum();
        amplitude.iter_mut().for_each(|a| *a /= variance.sqrt());
        Waves { waves, amplitude }
    }

    /// The field at `p`.
    pub fn at(&self, p: [f64; 3]) -> f64 {
        let (mut cos, mut sin) = ([0.0; SOME], [0.0; SOME]);
        let mut sum = 0.0;
        for (part, amplitude) in self.amplitude.chunks(SOME).enumerate() {
            let n = amplitude.len();
            self.waves.at(p, part * SOME, &mut cos[..n], &mut sin[..n]);
            sum += amplitude.iter().zip(&cos).map(|(a, c)| a * c).sum::<f64>();
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_equal_the_library() {
        let mut draw = Stream::new(7, [0, 0, 0]);
        let mut waves = PlaneWaves::default();
        let plain: Vec<([f64; 3], f64)> =
            (0..37).map(|_| ([0, 1, 2].map(|_| 20.0 * draw.normal()), TAU * draw.uniform())).collect();
        plain.iter().for_each(|(k, phase)| waves.push(*k, *phase));
        let p = [1.7, -20.3, 0.4];
        let (mut cos, mut sin) = ([0.0; 30], [0.0; 30]);
        waves.at(p, 5, &mut cos, &mut sin);
        for (i, (k, phase)) in plain.iter().skip(5).take(30).enumerate() {
            let (s, c) = (k[0] * p[0] + k[1] * p[1] + k[2] * p[2] + phase).sin_cos();
            assert!((cos[i] - c).abs() < 1e-12 && (sin[i] - s).abs() < 1e-12, "{i}");
        }
    }

    #[test]
    fn field_has_unit_variance_and_the_slope_asked_for() {
        let waves = Waves::new(&mut Stream::new(3, [0, 0, 0]), 2000, 10.0, 0.1, -11.0 / 3.0);
        let mut draw = Stream::new(4, [0, 0, 0]);
        let n = 4000;
        let (mut s1, mut s2) = (0.0, 0.0);
        for _ in 0..n {
            let p = [0, 1, 2].map(|_| 1000.0 * draw.uniform());
            let v = waves.at(p);
            s1 += v;
            s2 += v * v;
        }
        let mean = s1 / f64::from(n);
        assert!(mean.abs() < 5.0 / f64::from(n).sqrt(), "{mean}");
        let variance = s2 / f64::from(n) - mean * mean;
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / f64::from(n)).sqrt(), "{variance}");
        // power in an octave of k goes as k^(3 + slope) = k^(-2/3)
        let k = |i: usize| TAU * waves.waves.k.iter().map(|k| k[i] * k[i]).sum::<f64>().sqrt();
        let power = |low: f64| -> f64 {
            (0..2000).filter(|i| k(*i) >= low && k(*i) < 2.0 * low).map(|i| waves.amplitude[i].powi(2)).sum()
        };
        assert!((power(8.0) / power(2.0) / 4f64.powf(-2.0 / 3.0) - 1.0).abs() < 0.02);
    }
}

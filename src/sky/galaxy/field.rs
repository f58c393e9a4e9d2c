//! Random fields with a power-law spectrum.

use crate::math::random::Stream;
use std::f64::consts::TAU;

/// A Gaussian random field of unit variance: a sum of plane waves with random directions.
///
/// Wave numbers are spread evenly in ln k, so a wave stands for the power k^3 P(k) of its shell,
/// with P(k) proportional to k^slope.
#[derive(Debug, Clone)]
pub struct Waves {
    waves: Vec<Wave>,
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    k: [f64; 3],
    phase: f64,
    amplitude: f64,
}

impl Waves {
    /// `count` waves with wavelengths from `longest` to `shortest` (the unit of the positions).
    pub fn new(draw: &mut Stream, count: usize, longest: f64, shortest: f64, slope: f64) -> Waves {
        let mut waves: Vec<Wave> = (0..count)
            .map(|i| {
                let share = (i as f64 + draw.uniform()) / count as f64;
                let k = TAU / (longest * (shortest / longest).powf(share));
                let cos = 2.0 * draw.uniform() - 1.0;
                let sin = (1.0 - cos * cos).sqrt();
                let angle = TAU * draw.uniform();
                Wave {
                    k: [k * sin * angle.cos(), k * sin * angle.sin(), k * cos],
                    phase: TAU * draw.uniform(),
                    amplitude: k.powf(0.5 * (3.0 + slope)),
                }
            })
            .collect();
        // a wave of amplitude A has variance A^2/2
        let variance: f64 = waves.iter().map(|w| 0.5 * w.amplitude * w.amplitude).sum();
        for wave in &mut waves {
            wave.amplitude /= variance.sqrt();
        }
        Waves { waves }
    }

    /// The field at `p`.
    pub fn at(&self, p: [f64; 3]) -> f64 {
        self.waves.iter().map(|w| w.amplitude * (w.k[0] * p[0] + w.k[1] * p[1] + w.k[2] * p[2] + w.phase).cos()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let power = |low: f64| -> f64 {
            let k = |w: &Wave| w.k.iter().map(|x| x * x).sum::<f64>().sqrt();
            waves.waves.iter().filter(|w| k(w) >= low && k(w) < 2.0 * low).map(|w| w.amplitude.powi(2)).sum()
        };
        assert!((power(8.0) / power(2.0) / 4f64.powf(-2.0 / 3.0) - 1.0).abs() < 0.02);
    }
}

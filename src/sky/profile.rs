//! The Gaussian line of one cell, integrated over channels.

use crate::math::erf::erf;

/// The line counts as zero beyond this many sigma; what lies there (3.8e-8) goes to the nearest
/// channel inside, so that the parts still sum to one.
pub const LINE_REACH_SIGMA: f64 = 5.5;

const STEPS_PER_SIGMA: usize = 64;

/// Cumulative normal distribution from a table of values and slopes (cubic Hermite).
///
/// Interpolation error h^4/384 max|phi'''| = 2e-10 at 64 steps a sigma. A cell needs about ten
/// values, and the series of [`erf`] would cost more than depositing a small cell.
#[derive(Debug, Clone)]
pub struct LineProfile {
    value_slope: Vec<[f64; 2]>,
}

impl Default for LineProfile {
    fn default() -> LineProfile {
        LineProfile::new()
    }
}

impl LineProfile {
    /// Computes the table.
    pub fn new() -> LineProfile {
        let half = (LINE_REACH_SIGMA * STEPS_PER_SIGMA as f64) as i64;
        let step = 1.0 / STEPS_PER_SIGMA as f64;
        let value_slope = (-half..=half + 1)
            .map(|i| {
                let x = i as f64 * step;
                let slope = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
                [0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)), slope * step]
            })
            .collect();
        LineProfile { value_slope }
    }

    /// Part of the line below `x` sigma from its centre; exactly 0 and 1 beyond the reach.
    #[inline]
    pub fn below(&self, x: f64) -> f64 {
        if x >= LINE_REACH_SIGMA {
            return 1.0;
        }
        // a NaN must not become an index
        if x.is_nan() || x <= -LINE_REACH_SIGMA {
            return 0.0;
        }
        let position = (x + LINE_REACH_SIGMA) * STEPS_PER_SIGMA as f64;
        let index = position as usize;
        let t = position - index as f64;
        let ([v0, s0], [v1, s1]) = (self.value_slope[index], self.value_slope[index + 1]);
        let u = 1.0 - t;
        v0 * u * u * (1.0 + 2.0 * t) + s0 * t * u * u + v1 * t * t * (3.0 - 2.0 * t) - s1 * t * t * u
    }

    /// Part of a line of centre `velocity` and width `sigma` below `edge`; a step where sigma = 0.
    #[inline]
    pub fn below_edge(&self, edge: f64, velocity: f64, sigma: f64) -> f64 {
        if sigma > 0.0 {
            self.below((edge - velocity) / sigma)
        } else if edge > velocity {
            1.0
        } else {
            0.0
        }
    }

    /// Appends to `parts` the share of the line in each channel that it reaches, and returns the
    /// first of these channels. `edges` (km/s) fall: channel c lies between edges c and c + 1.
    pub fn append_parts(&self, edges: &[f64], velocity: f64, sigma: f64, parts: &mut Vec<f64>) -> usize {
        let reach = LINE_REACH_SIGMA * sigma;
        // edges above the line's top end come first; the last of them bounds the first channel
        let first = edges.partition_point(|&edge| edge > velocity + reach).saturating_sub(1);
        let last = edges.partition_point(|&edge| edge > velocity - reach);
        if edges.len() < 2 || last == 0 || first + 1 >= edges.len() {
            return 0;
        }
        let mut above = self.below_edge(edges[first], velocity, sigma);
        for edge in &edges[first + 1..=last.min(edges.len() - 1)] {
            let below = self.below_edge(*edge, velocity, sigma);
            parts.push(above - below);
            above = below;
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_equals_erf() {
        let profile = LineProfile::new();
        for i in -6000..6000 {
            let x = f64::from(i) * 1e-3 + 3.3e-4;
            let exact = 0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2));
            assert!((profile.below(x) - exact).abs() < 2e-8, "{x}");
            if x.abs() < LINE_REACH_SIGMA {
                assert!((profile.below(x) - exact).abs() < 5e-10, "{x}");
            }
        }
        assert_eq!(profile.below(f64::NAN), 0.0);
    }

    #[test]
    fn parts_equal_the_channel_integrals_and_sum_to_one() {
        let profile = LineProfile::new();
        let edges: Vec<f64> = (0..=20).map(|c| 100.0 - 10.0 * f64::from(c)).collect();
        for (velocity, sigma) in [(3.0, 8.0), (0.0, 0.0), (10.0, 0.5), (-97.0, 9.0), (140.0, 8.0), (155.0, 8.0)] {
            let mut parts = Vec::new();
            let first = profile.append_parts(&edges, velocity, sigma, &mut parts);
            for c in 0..20usize {
                let part = c.checked_sub(first).and_then(|k| parts.get(k)).copied().unwrap_or(0.0);
                let exact = if sigma > 0.0 {
                    let phi = |e: f64| 0.5 * (1.0 + erf((e - velocity) / sigma / std::f64::consts::SQRT_2));
                    phi(edges[c]) - phi(edges[c + 1])
                } else {
                    f64::from(u8::from(edges[c] > velocity && edges[c + 1] <= velocity))
                };
                assert!((part - exact).abs() < 4e-8, "{velocity} {sigma} channel {c}: {part} {exact}");
            }
            if velocity.abs() < 40.0 {
                assert!((parts.iter().sum::<f64>() - 1.0).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn lines_outside_the_band_have_no_parts() {
        let profile = LineProfile::new();
        let edges = [10.0, 0.0, -10.0];
        for velocity in [200.0, -200.0] {
            let mut parts = Vec::new();
            let first = profile.append_parts(&edges, velocity, 5.0, &mut parts);
            assert!(parts.iter().all(|&p| p == 0.0), "{parts:?}");
            assert!(first + parts.len() <= 2);
        }
    }
}

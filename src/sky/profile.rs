//! The Gaussian line of one cell, integrated over channels.

use crate::math::erf::erf;

/// The line counts as zero beyond this many sigma; what lies there (3.8e-8) goes to the nearest
/// channel inside, so that the parts still sum to one.
pub const LINE_REACH_SIGMA: f64 = 5.5;

const STEPS_PER_SIGMA: usize = 64;
/// Nodes of the table, with room to a power of two, so that any bits are an index.
const NODES: usize = 1024;
/// 1.5 * 2^52: adding it rounds to the nearest whole number, in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Cumulative normal distribution from a table of values and slopes at the nearest node.
///
/// Its derivatives are Hermite polynomials times the slope s, so that at a node x plus h it is
/// v + s h (1 - h/2 (x - h/3 (x^2 - 1))) to h^4/24 max|phi^(3)| = 3e-10 with 64 nodes a sigma. A cell needs about
/// twenty values, and the series of [`erf`] would cost more than depositing a small cell.
#[derive(Debug, Clone)]
pub struct LineProfile {
    value_slope: Box<[[f64; 2]; NODES]>,
}

/// Numbers that are looked up together.
const SOME: usize = 32;

/// The node of the table that is nearest to `x`, and bits that end in its number.
#[inline(always)]
fn nearest(x: f64) -> (f64, u64) {
    let rounded = (x + LINE_REACH_SIGMA) * STEPS_PER_SIGMA as f64 + ROUNDER;
    ((rounded - ROUNDER) * (1.0 / STEPS_PER_SIGMA as f64) - LINE_REACH_SIGMA, rounded.to_bits())
}

/// The distribution at `h` from a node where it has this value and slope.
#[inline(always)]
fn beside(node: f64, h: f64, value: f64, slope: f64) -> f64 {
    value + slope * h * (1.0 - 0.5 * h * (node - (1.0 / 3.0) * h * (node * node - 1.0)))
}

impl Default for LineProfile {
    fn default() -> LineProfile {
        LineProfile::new()
    }
}

impl LineProfile {
    /// Computes the table.
    pub fn new() -> LineProfile {
        let last = (2.0 * LINE_REACH_SIGMA * STEPS_PER_SIGMA as f64) as usize;
        let step = 1.0 / STEPS_PER_SIGMA as f64;
        let mut value_slope = Box::new([[0.0; 2]; NODES]);
        for (i, pair) in value_slope.iter_mut().enumerate().take(last).skip(1) {
            let x = i as f64 * step - LINE_REACH_SIGMA;
            let slope = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
            *pair = [0.5 * (1.0 + erf(x / std::f64::consts::SQRT_2)), slope];
        }
        // nothing before the first node, all from the last
        value_slope[last..].fill([1.0, 0.0]);
        LineProfile { value_slope }
    }

    /// Part of the line below `x` sigma from its centre; exactly 0 and 1 beyond the reach.
    #[inline(always)]
    pub fn below(&self, x: f64) -> f64 {
        let x = x.clamp(-LINE_REACH_SIGMA, LINE_REACH_SIGMA);
        let (node, bits) = nearest(x);
        let [value, slope] = self.value_slope[bits as usize % NODES];
        beside(node, x - node, value, slope)
    }

    /// [`LineProfile::below`] of all `x`, which are replaced.
    ///
    /// Only looking up goes number by number; what comes before and after is compiled for vectors.
    #[inline(always)]
    fn all_below(&self, x: &mut [f64]) {
        let (mut nodes, mut bits) = ([0.0; SOME], [0; SOME]);
        let (mut values, mut slopes) = ([0.0; SOME], [0.0; SOME]);
        for x in x.chunks_mut(SOME) {
            for ((x, node), bits) in x.iter_mut().zip(&mut nodes).zip(&mut bits) {
                *x = x.clamp(-LINE_REACH_SIGMA, LINE_REACH_SIGMA);
                (*node, *bits) = nearest(*x);
            }
            for ((bits, value), slope) in bits[..x.len()].iter().zip(&mut values).zip(&mut slopes) {
                [*value, *slope] = self.value_slope[*bits as usize % NODES];
            }
            for (((x, node), value), slope) in x.iter_mut().zip(&nodes).zip(&values).zip(&slopes) {
                *x = beside(*node, *x - node, *value, *slope);
            }
        }
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
    #[inline(always)]
    pub fn append_parts(&self, edges: &[f64], velocity: f64, sigma: f64, parts: &mut Vec<f64>) -> usize {
        let reach = LINE_REACH_SIGMA * sigma;
        // edges above the line's top end come first; the last of them bounds the first channel
        let first = edges.partition_point(|&edge| edge > velocity + reach).saturating_sub(1);
        let last = edges.partition_point(|&edge| edge > velocity - reach);
        if edges.len() < 2 || last == 0 || first + 1 >= edges.len() {
            return 0;
        }
        let (edges, start) = (&edges[first..=last.min(edges.len() - 1)], parts.len());
        // plain loops: iterators that fill a vector are not compiled with the caller's instructions
        parts.resize(start + edges.len(), 0.0);
        let new = parts[start..].iter_mut().zip(edges);
        if sigma > 0.0 {
            let per_sigma = 1.0 / sigma;
            for (part, edge) in new {
                *part = (edge - velocity) * per_sigma;
            }
            self.all_below(&mut parts[start..]);
        } else {
            new.for_each(|(part, edge)| *part = self.below_edge(*edge, velocity, sigma));
        }
        for k in start..parts.len() - 1 {
            parts[k] -= parts[k + 1];
        }
        parts.pop();
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
            if x.abs() < LINE_REACH_SIGMA - 1.0 / STEPS_PER_SIGMA as f64 {
                assert!((profile.below(x) - exact).abs() < 5e-10, "{x}");
            } else if x.abs() > LINE_REACH_SIGMA {
                assert_eq!(profile.below(x), f64::from(u8::from(x > 0.0)));
            }
        }
        assert!(profile.below(f64::NAN).is_nan());
        assert_eq!(profile.below(f64::INFINITY), 1.0);
        assert_eq!(profile.below(f64::NEG_INFINITY), 0.0);
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

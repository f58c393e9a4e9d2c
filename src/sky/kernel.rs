//! The smoothing kernel of a gas cell, seen in projection.

use crate::math::quadrature::gauss_legendre;

/// Support radius of the kernel over the radius r = (3 V / 4 pi)^(1/3) of the cell's equal-volume
/// sphere. 2.5 is what MARTINI uses for TNG cells, with the same kernel; its rms radius along
/// one axis is then 0.68 r (0.45 r for the bare sphere), so gaps between neighbours close.
pub const KERNEL_FACTOR: f64 = 2.5;

/// Column through the cubic spline kernel (Monaghan & Lattanzio 1985) as a function of the squared
/// impact parameter in units of the support radius, integrating to 1 over the plane.
///
/// Tabulated and interpolated linearly in the square, which saves the root in the inner loop; the
/// table is normalised as the piecewise linear function that it is.
#[derive(Debug, Clone)]
pub struct ColumnKernel {
    table: Vec<f64>,
}

const INTERVALS: usize = 2048;

impl Default for ColumnKernel {
    fn default() -> ColumnKernel {
        ColumnKernel::new()
    }
}

impl ColumnKernel {
    /// Computes the table.
    pub fn new() -> ColumnKernel {
        let step = 1.0 / INTERVALS as f64;
        let rule = gauss_legendre(24);
        let mut table: Vec<f64> = (0..=INTERVALS).map(|i| column((i as f64 * step).sqrt(), &rule)).collect();
        table[INTERVALS] = 0.0;
        // integral of F(q) 2 pi q dq = pi * integral of F ds, s = q^2: the trapezoid rule is exact
        let sum = table.iter().sum::<f64>() - 0.5 * table[0];
        let scale = 1.0 / (std::f64::consts::PI * step * sum);
        table.iter_mut().for_each(|value| *value *= scale);
        // a second zero, so that s = 1 - 1 ulp needs no branch
        table.push(0.0);
        ColumnKernel { table }
    }

    /// The column at squared impact parameter `s` (support radius = 1); 0 for s >= 1.
    #[inline]
    pub fn at(&self, s: f64) -> f64 {
        let position = s.min(1.0) * INTERVALS as f64;
        let index = position as usize;
        let fraction = position - index as f64;
        let (low, high) = (self.table[index], self.table[index + 1]);
        low + fraction * (high - low)
    }
}

/// The spline kernel of support 1, not normalised.
fn spline(q: f64) -> f64 {
    if q < 0.5 {
        1.0 - 6.0 * q * q * (1.0 - q)
    } else if q < 1.0 {
        2.0 * (1.0 - q).powi(3)
    } else {
        0.0
    }
}

/// Integral of the spline along a line at impact parameter b <= 1, piece by piece.
fn column(b: f64, (nodes, weights): &(Vec<f64>, Vec<f64>)) -> f64 {
    let end = (1.0 - b * b).max(0.0).sqrt();
    let knot = (0.25 - b * b).max(0.0).sqrt();
    let piece = |from: f64, to: f64| {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let terms = nodes.iter().zip(weights).map(|(x, w)| w * spline((middle + half * x).hypot(b)));
        half * terms.sum::<f64>()
    };
    2.0 * (piece(0.0, knot) + piece(knot, end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::quadrature::integrate;
    use std::f64::consts::PI;

    #[test]
    fn is_the_projected_spline_with_unit_integral() {
        let kernel = ColumnKernel::new();
        let total = integrate(0.0, 1.0, 64, |q| kernel.at(q * q) * 2.0 * PI * q);
        assert!((total - 1.0).abs() < 1e-6, "{total}");
        // W(0) = 8 / pi for support 1, and the column is its line integral
        for q in [0.0, 0.013, 0.2, 0.5, 0.77, 0.99] {
            let exact = 8.0 / PI * column(q, &gauss_legendre(24));
            assert!((kernel.at(q * q) - exact).abs() < 2e-6, "{q}: {} {exact}", kernel.at(q * q));
        }
        assert_eq!(kernel.at(1.0), 0.0);
        assert_eq!(kernel.at(7.0), 0.0);
        let rms = integrate(0.0, 1.0, 64, |q| kernel.at(q * q) * PI * q.powi(3)).sqrt();
        // Dehnen & Aly (2012), table 1: support over 2 sigma is 1.825742 for the cubic spline
        assert!((1.0 / (2.0 * rms) - 1.825_742).abs() < 1e-4, "{rms}");
    }
}

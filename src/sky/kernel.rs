//! The smoothing kernel of a gas cell, seen in projection.

use crate::math::vectors::mul_add;

/// Support radius of the kernel over the radius r = (3 V / 4 pi)^(1/3) of the cell's equal-volume
/// sphere. 2.5 is what MARTINI uses for TNG cells, with the same kernel; its rms radius along
/// one axis is then 0.68 r (0.45 r for the bare sphere), so gaps between neighbours close.
pub const KERNEL_FACTOR: f64 = 2.5;

/// P of the column (1 - s)^3 P(2 s - 1), from the constant term on (scripts/line_kernel.py).
const COEFFICIENTS: [f64; 9] = [
    6.222_385_197_113_635_7e-1,
    -6.492_979_282_751_066_8e-1,
    2.954_733_246_089_264e-1,
    6.729_989_890_522_871e-3,
    1.711_182_626_060_639_7e-1,
    -1.328_678_526_854_119,
    -7.180_748_760_778_892e-1,
    1.601_153_590_438_382_7,
    1.168_882_317_398_348_3,
];

/// Column through the cubic spline kernel (Monaghan & Lattanzio 1985) at squared impact parameter `s` (support radius
/// = 1), integrating to 1 over the plane; 0 for s >= 1.
///
/// A polynomial within 7e-5 of the peak of the exact column, positive, with its integral exact: eight pixels cost little
/// more than one, where a table would be looked up pixel by pixel.
#[inline]
pub fn column(s: f64) -> f64 {
    column_with::<false>(s)
}

/// [`column`] for loops that are compiled for several instruction sets.
#[inline(always)]
pub(super) fn column_with<const FMA: bool>(s: f64) -> f64 {
    let rest = (1.0 - s).max(0.0);
    let t = mul_add::<FMA>(-2.0, rest, 1.0);
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8] = COEFFICIENTS;
    // in pairs: half as long a chain
    let t2 = t * t;
    let even = mul_add::<FMA>(mul_add::<FMA>(mul_add::<FMA>(mul_add::<FMA>(c8, t2, c6), t2, c4), t2, c2), t2, c0);
    let odd = mul_add::<FMA>(mul_add::<FMA>(mul_add::<FMA>(c7, t2, c5), t2, c3), t2, c1);
    rest * rest * rest * mul_add::<FMA>(odd, t, even)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::quadrature::{gauss_legendre, integrate};
    use std::f64::consts::PI;

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
    fn exact(b: f64, (nodes, weights): &(Vec<f64>, Vec<f64>)) -> f64 {
        let end = (1.0 - b * b).max(0.0).sqrt();
        let knot = (0.25 - b * b).max(0.0).sqrt();
        let piece = |from: f64, to: f64| {
            let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
            let terms = nodes.iter().zip(weights).map(|(x, w)| w * spline((middle + half * x).hypot(b)));
            half * terms.sum::<f64>()
        };
        // W(0) = 8 / pi for support 1
        2.0 * (piece(0.0, knot) + piece(knot, end)) * 8.0 / PI
    }

    #[test]
    fn is_the_projected_spline_with_unit_integral() {
        let total = integrate(0.0, 1.0, 64, |q| column(q * q) * 2.0 * PI * q);
        assert!((total - 1.0).abs() < 1e-12, "{total}");
        let rule = gauss_legendre(64);
        let peak = exact(0.0, &rule);
        for i in 0..1000 {
            let q = f64::from(i) / 1000.0;
            let (got, wanted) = (column(q * q), exact(q, &rule));
            assert!((got - wanted).abs() < 7e-5 * peak && got > 0.0, "{q}: {got} {wanted}");
            let other = column_with::<true>(q * q);
            assert!((got - other).abs() < 1e-14, "{q}");
        }
        assert_eq!(column(1.0), 0.0);
        assert_eq!(column(7.0), 0.0);
        let rms = integrate(0.0, 1.0, 64, |q| column(q * q) * PI * q.powi(3)).sqrt();
        // Dehnen & Aly (2012), table 1: support over 2 sigma is 1.825742 for the cubic spline
        assert!((1.0 / (2.0 * rms) - 1.825_742).abs() < 1e-4, "{rms}");
    }
}

//! Gauss-Legendre quadrature.

use std::f64::consts::PI;

/// Nodes and weights of the n-point Gauss-Legendre rule on [-1, 1], nodes ascending.
///
/// Newton iteration on P_n from the Chebyshev guess; exact for polynomials of degree 2n - 1.
pub fn gauss_legendre(n: usize) -> (Vec<f64>, Vec<f64>) {
    assert!(n > 0, "gauss_legendre: found n = 0, expected at least 1");
    let (mut nodes, mut weights) = (vec![0.0; n], vec![0.0; n]);
    for i in 0..n.div_ceil(2) {
        let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..100 {
            let (mut p0, mut p1) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                (p0, p1) = (p1, ((2.0 * k - 1.0) * x * p1 - (k - 1.0) * p0) / k);
            }
            let value = if n == 1 { x } else { p1 };
            slope = if n == 1 { 1.0 } else { n as f64 * (x * p1 - p0) / (x * x - 1.0) };
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-16 {
                break;
            }
        }
        nodes[i] = -x;
        nodes[n - 1 - i] = x;
        weights[i] = 2.0 / ((1.0 - x * x) * slope * slope);
        weights[n - 1 - i] = weights[i];
    }
    (nodes, weights)
}

/// Integral of `f` over [a, b] by the n-point rule.
pub fn integrate(a: f64, b: f64, n: usize, f: impl Fn(f64) -> f64) -> f64 {
    let (nodes, weights) = gauss_legendre(n);
    let (mid, half) = (0.5 * (a + b), 0.5 * (b - a));
    half * nodes.iter().zip(&weights).map(|(x, w)| w * f(mid + half * x)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact_for_polynomials_and_converges_for_exp() {
        for n in 1..30 {
            let degree = 2 * n - 1;
            let got = integrate(0.0, 1.0, n, |x| x.powi(degree as i32));
            assert!((got * (degree + 1) as f64 - 1.0).abs() < 1e-12, "n {n}: {got}");
        }
        assert!((integrate(-1.0, 2.0, 24, f64::exp) - (2f64.exp() - (-1f64).exp())).abs() < 1e-13);
    }
}

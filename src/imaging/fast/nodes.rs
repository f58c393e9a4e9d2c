//! Low-rank expansion of the w term: interpolation in w at a few nodes.
//!
//! For t = n_x - n_y the function exp(-2 pi i w t) of w is replaced by the polynomial through its values at J nodes,
//! sum_j a_j(w) exp(-2 pi i w_j t), and so becomes a sum of products of a screen on the sky, a PSF of weights W a_j(w),
//! and a screen on the image. With omega(w) = prod (w - w_j) the error of one sample is at most
//! |omega(w)| |2 pi t|^J / J! (Hermite-Genocchi form of the divided difference), so that its weighted mean is least
//! where omega is the orthogonal polynomial of the weights' distribution in w: its zeros are the nodes (Gauss;
//! Golub & Welsch 1969, Math. Comp. 23, 221). Samples count with both signs of w (a visibility and its conjugate), so
//! nodes are symmetric: 0 where J is odd, and pairs whose two terms are each other's conjugates.

use nalgebra::DMatrix;
use std::f64::consts::TAU;

/// Bins of the distribution in |w| that nodes are made for; the bound is evaluated on the samples themselves.
const BINS: usize = 4096;

/// The nodes of one channel, J = [`Nodes::rank`] of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nodes {
    /// Whether w = 0 is a node (J odd).
    pub zero: bool,
    /// The positive nodes, wavelengths, ascending.
    pub positive: Vec<f64>,
}

impl Nodes {
    /// The Gauss nodes of rank `rank` of the distribution `weight` over |w|.
    fn of_rank(betas: &[f64], rank: usize) -> Nodes {
        let jacobi = DMatrix::from_fn(rank, rank, |i, j| match i.abs_diff(j) {
            1 => betas[i.min(j)].sqrt(),
            _ => 0.0,
        });
        let mut values: Vec<f64> = jacobi.symmetric_eigenvalues().iter().copied().collect();
        values.sort_by(f64::total_cmp);
        // eigenvalues come in pairs of opposite sign up to rounding
        let positive = (0..rank / 2).map(|k| 0.5 * (values[rank - 1 - k] - values[k])).rev().collect();
        Nodes { zero: rank % 2 == 1, positive }
    }

    /// Number of nodes of both signs.
    pub fn rank(&self) -> usize {
        usize::from(self.zero) + 2 * self.positive.len()
    }

    /// Number of terms: node 0 and one for each pair.
    pub fn terms(&self) -> usize {
        usize::from(self.zero) + self.positive.len()
    }

    /// Node of term `term`: 0 first where it is one.
    pub fn term_w(&self, term: usize) -> f64 {
        match (self.zero, term) {
            (true, 0) => 0.0,
            (true, k) => self.positive[k - 1],
            (false, k) => self.positive[k],
        }
    }

    /// omega(w), wavelengths^J.
    pub fn omega(&self, w: f64) -> f64 {
        let pairs: f64 = self.positive.iter().map(|p| w * w - p * p).product();
        if self.zero { w * pairs } else { pairs }
    }

    /// a_j(w) of term `term` and a_j(-w), which is the value of the opposite node.
    pub fn basis(&self, term: usize, w: f64) -> (f64, f64) {
        let node = self.term_w(term);
        let others: f64 =
            self.positive.iter().filter(|p| **p != node).map(|p| (w * w - p * p) / (node * node - p * p)).product();
        if node == 0.0 {
            return (others, others);
        }
        let centre = if self.zero { w / node } else { 1.0 };
        let both = others * centre * 0.5 / node;
        let mirrored = if self.zero { -both } else { both };
        (both * (w + node), mirrored * (node - w))
    }

    /// J!, as (2 pi |t|)^J / J! needs it.
    pub fn remainder(&self, t: f64) -> f64 {
        (1..=self.rank()).map(|k| TAU * t.abs() / k as f64).product()
    }
}

/// The fewest nodes for which the mean error of samples (`w`, `weight`) at |n_x - n_y| <= `t` is at most `accuracy`;
/// `None` where more than `most` would be needed.
pub(super) fn choose(w: &[f64], weight: &[f64], t: f64, accuracy: f64, most: usize) -> Option<Nodes> {
    let (points, masses) = histogram(w, weight);
    let betas = recursion(&points, &masses, most);
    let mut mean = 1.0;
    for rank in 1..=most {
        // the norm of the orthogonal polynomial, and by Cauchy and Schwarz no less than the mean of |omega|
        mean *= betas[rank - 1].sqrt() * TAU * t / rank as f64;
        if mean <= accuracy {
            return Some(Nodes::of_rank(&betas, rank));
        }
    }
    None
}

/// Mass at the weighted mean of |w| in each bin, without empty bins.
fn histogram(w: &[f64], weight: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let largest = w.iter().fold(0.0f64, |m, w| m.max(w.abs()));
    let scale = if largest > 0.0 { (BINS - 1) as f64 / largest } else { 0.0 };
    let (mut moment, mut mass) = (vec![0.0; BINS], vec![0.0; BINS]);
    for (w, weight) in w.iter().zip(weight) {
        let bin = (w.abs() * scale) as usize;
        moment[bin] += weight * w.abs();
        mass[bin] += weight;
    }
    let occupied = moment.into_iter().zip(mass).filter(|(_, mass)| *mass > 0.0);
    occupied.map(|(moment, mass)| (moment / mass, mass)).unzip()
}

/// Coefficients beta_1.. of the orthogonal polynomials of a distribution symmetric in w,
/// p_(k+1) = w p_k - beta_k p_(k-1), beta_k = <p_k, p_k>/<p_(k-1), p_(k-1)> (Stieltjes' procedure).
fn recursion(points: &[f64], masses: &[f64], count: usize) -> Vec<f64> {
    let (mut before, mut now) = (vec![0.0; points.len()], vec![1.0; points.len()]);
    let norm = |p: &[f64]| -> f64 { p.iter().zip(masses).map(|(p, m)| p * p * m).sum() };
    let mut last = norm(&now);
    let mut betas = Vec::with_capacity(count);
    let mut beta = 0.0;
    for _ in 0..count {
        let next: Vec<f64> = (0..points.len()).map(|i| points[i] * now[i] - beta * before[i]).collect();
        let here = norm(&next);
        beta = if last > 0.0 { here / last } else { 0.0 };
        betas.push(beta);
        last = here;
        before = std::mem::replace(&mut now, next);
    }
    betas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use rustfft::num_complex::Complex64;

    fn samples() -> (Vec<f64>, Vec<f64>) {
        let mut random = Stream::new(5, [0; 3]);
        (0..3000).map(|_| (2000.0 * random.normal(), random.uniform())).unzip()
    }

    fn phasor(turns: f64) -> Complex64 {
        Complex64::from_polar(1.0, TAU * turns)
    }

    #[test]
    fn interpolation_is_exact_at_the_nodes_and_within_its_bound_elsewhere() {
        let (w, weight) = samples();
        let total: f64 = weight.iter().sum();
        for (t, accuracy) in [(1e-6, 1e-2), (2e-5, 1e-3), (5e-5, 1e-6), (1e-4, 1e-4)] {
            let nodes = choose(&w, &weight, t, accuracy, 24).unwrap();
            for step in 0..=8 {
                let t = t * f64::from(step) / 8.0;
                let mut worst = 0.0;
                for (w, weight) in w.iter().zip(&weight) {
                    let mut sum = Complex64::ZERO;
                    for term in 0..nodes.terms() {
                        let (plus, minus) = nodes.basis(term, *w);
                        let node = nodes.term_w(term);
                        sum += plus * phasor(-node * t);
                        if node != 0.0 {
                            sum += minus * phasor(node * t);
                        }
                    }
                    let error = (sum - phasor(-w * t)).norm();
                    let bound = nodes.omega(*w).abs() * nodes.remainder(t);
                    assert!(error <= bound * (1.0 + 1e-9) + 1e-10, "{error} {bound} {nodes:?}");
                    worst += weight * error / total;
                }
                assert!(worst <= accuracy, "{worst} {accuracy} {t} {nodes:?}");
            }
            for term in 0..nodes.terms() {
                let (here, opposite) = nodes.basis(term, nodes.term_w(term));
                assert!((here - 1.0).abs() < 1e-12 && (nodes.term_w(term) == 0.0 || opposite.abs() < 1e-12));
            }
        }
    }

    #[test]
    fn gauss_nodes_of_a_uniform_distribution_are_those_of_legendre() {
        let w: Vec<f64> = (0..200_000).map(|i| (f64::from(i) + 0.5) / 200_000.0).collect();
        let betas = {
            let (points, masses) = histogram(&w, &vec![1.0; w.len()]);
            recursion(&points, &masses, 6)
        };
        let nodes = Nodes::of_rank(&betas, 5);
        assert!(nodes.zero);
        assert!((nodes.positive[0] - 0.538_469_310_105_683).abs() < 1e-6, "{nodes:?}");
        assert!((nodes.positive[1] - 0.906_179_845_938_664).abs() < 1e-6, "{nodes:?}");
        assert!((Nodes::of_rank(&betas, 2).positive[0] - 1.0 / 3f64.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn a_planar_array_needs_one_node_and_too_wide_a_field_has_none() {
        assert_eq!(choose(&[0.0; 4], &[1.0; 4], 0.1, 1e-9, 8), Some(Nodes { zero: true, positive: Vec::new() }));
        let (w, weight) = samples();
        assert_eq!(choose(&w, &weight, 0.3, 1e-3, 8), None);
    }
}

//! Channels that are summed together, since beams of antennas are formed at fewer frequencies than there are channels.

use crate::math::series::jacobi_anger_terms;
use crate::units::C_M_S;
use std::f64::consts::{PI, TAU};
use std::ops::Range;

/// Channels summed together at most.
const MOST: usize = 32;
/// Bytes that sums and fluxes of channels summed together may take.
const MOST_BYTES: usize = 1 << 28;

/// Cuts channels into lots for beams that change with frequency as paths of `path_m` do, summed to `epsilon` ([`Nodes`]), where
/// a channel's sums take `sum_bytes`. Lots of one where nothing can be shared: their sums stay in the cache.
///
/// It depends on nothing but the observation: the same lots, and bits, whatever the machine.
pub(super) fn lots(freq_hz: &[f64], path_m: Option<f64>, epsilon: f64, sum_bytes: usize) -> Vec<Range<usize>> {
    let most = (MOST_BYTES / sum_bytes.max(1)).clamp(1, MOST);
    let mut lots = Vec::new();
    let mut first = 0;
    while first < freq_hz.len() {
        let last = (first + most).min(freq_hz.len());
        let shared = Nodes::new(&freq_hz[first..last], path_m, epsilon).weights.is_some();
        let next = if shared { last } else { first + 1 };
        lots.push(first..next);
        first = next;
    }
    lots
}

/// Frequencies at which something is known that is wanted at others.
pub(super) struct Nodes {
    /// Of the nodes, Hz.
    pub freq_hz: Vec<f64>,
    /// \[frequency wanted\]\[node\]; `None` where the nodes are the frequencies that are wanted.
    pub weights: Option<Vec<Vec<f64>>>,
}

impl Nodes {
    /// For sums of exp(2 pi i nu x/c) with |x| up to `path_m`, to `epsilon` of the sum of their sizes: the points of Chebyshev
    /// (Trefethen 2013, Approximation Theory and Approximation Practice, theorem 8.2 and chapter 5), where they are fewer than
    /// the frequencies themselves.
    pub fn new(freq_hz: &[f64], path_m: Option<f64>, epsilon: f64) -> Nodes {
        let own = Nodes { freq_hz: freq_hz.to_vec(), weights: None };
        let (Some(path_m), [first, .., last]) = (path_m, freq_hz) else { return own };
        let (middle, half) = (0.5 * (first + last), 0.5 * (last - first));
        // interpolation is off by at most twice what is cut off the series
        let swing = TAU * half.abs() * path_m / C_M_S;
        let Some(count) = jacobi_anger_terms(swing, 0.5 * epsilon, freq_hz.len()) else { return own };
        let angle = |k: usize| PI * (k as f64 + 0.5) / count as f64;
        let nodes: Vec<f64> = (0..count).map(|k| middle + half * angle(k).cos()).collect();
        let weights = freq_hz.iter().map(|f| {
            // the second form of the barycentric formula
            let terms: Vec<f64> =
                (0..count).map(|k| angle(k).sin() * if k % 2 == 0 { 1.0 } else { -1.0 } / (f - nodes[k])).collect();
            match terms.iter().position(|t| t.is_infinite()) {
                Some(at) => (0..count).map(|k| f64::from(u8::from(k == at))).collect(),
                None => {
                    let all: f64 = terms.iter().sum();
                    terms.into_iter().map(|t| t / all).collect()
                }
            }
        });
        let weights = Some(weights.collect());
        Nodes { freq_hz: nodes, weights }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_share_what_can_be_shared_in_bounded_memory() {
        let even: Vec<f64> = (0..40).map(|k| 1e8 + 12_345.678 * f64::from(k)).collect();
        assert_eq!(lots(&even, Some(1.0), 1e-14, 1000), [0..32, 32..40]);
        assert_eq!(lots(&even, Some(1.0), 1e-8, MOST_BYTES / 10).len(), 4);
        assert_eq!(lots(&even, Some(1.0), 1e-14, usize::MAX).len(), 40);
        assert_eq!(lots(&even, None, 1e-14, 1000).len(), 40);
        assert_eq!(lots(&even, Some(1e6), 1e-14, 1000).len(), 40);
        assert!(lots(&[], None, 1e-14, 1).is_empty());
    }

    #[test]
    fn few_nodes_give_every_phase() {
        let channels: Vec<f64> = (0..16).map(|k| 1.5e8 + 1e5 * f64::from(k)).collect();
        for (path_m, epsilon) in [(0.0, 1e-14), (4.0, 1e-14), (40.0, 1e-8), (-3.0, 1e-14)] {
            let nodes = Nodes::new(&channels, Some(f64::abs(path_m)), epsilon);
            let weights = nodes.weights.as_ref().unwrap();
            assert!(nodes.freq_hz.len() < 12, "{}", nodes.freq_hz.len());
            for (f, weights) in channels.iter().zip(weights) {
                let phase = |f: f64| rustfft::num_complex::Complex64::cis(TAU * f * path_m / C_M_S);
                let got: rustfft::num_complex::Complex64 =
                    weights.iter().zip(&nodes.freq_hz).map(|(w, node)| phase(*node) * *w).sum();
                assert!((got - phase(*f)).norm() < epsilon + 1e-14, "{path_m} {epsilon} {f}");
            }
        }
        assert_eq!(Nodes::new(&channels, Some(0.0), 1e-14).freq_hz.len(), 1);
        // a wide band, or what nobody knows the path of, takes every channel
        assert!(Nodes::new(&channels, Some(1e4), 1e-14).weights.is_none());
        assert!(Nodes::new(&channels, None, 1e-14).weights.is_none());
    }
}

//! Densities of particles from their neighbours.

use rayon::prelude::*;
use std::f64::consts::PI;

/// Most particles in a leaf of the tree.
const LEAF: usize = 12;

/// Density at each of `positions` from the `neighbours` nearest particles: the sum of m W(r, h) with the cubic spline
/// of Monaghan & Lattanzio (1985) that reaches h, the distance to the last of them. A particle does not count itself,
/// since what stands in random places would come out a fifth too dense.
pub fn densities(positions: &[[f64; 3]], masses: &[f64], neighbours: usize) -> Vec<f64> {
    let count = (neighbours + 1).clamp(2, positions.len().max(2));
    let tree = Tree::new(positions);
    // in the tree's order, so that queries of one core share their memory
    let sorted: Vec<f64> = tree.order.par_iter().map(|i| tree.density(*i, masses, count)).collect();
    let mut density = vec![0.0; positions.len()];
    for (i, d) in tree.order.iter().zip(sorted) {
        density[*i as usize] = d;
    }
    density
}

/// W(r, h) of the cubic spline that ends at h.
fn kernel(r: f64, h: f64) -> f64 {
    let q = r / h;
    let shape = match q {
        q if q < 0.5 => 1.0 - 6.0 * q * q * (1.0 - q),
        q if q < 1.0 => 2.0 * (1.0 - q).powi(3),
        _ => 0.0,
    };
    8.0 / (PI * h * h * h) * shape
}

/// A k-d tree with medians as splits.
struct Tree<'a> {
    positions: &'a [[f64; 3]],
    /// Particles; each node is a range of these.
    order: Vec<u32>,
    /// Axis and place of the split of each node, as in a heap: children of i are 2i + 1 and 2i + 2.
    splits: Vec<(u8, f64)>,
}

impl Tree<'_> {
    fn new(positions: &[[f64; 3]]) -> Tree<'_> {
        let mut order: Vec<u32> = (0..positions.len() as u32).collect();
        let mut splits = Vec::new();
        divide(positions, &mut order, 0, &mut splits);
        Tree { positions, order, splits }
    }

    fn density(&self, of: u32, masses: &[f64], count: usize) -> f64 {
        let mut nearest = Nearest { found: Vec::with_capacity(count + 1), count };
        self.search(0, 0..self.order.len(), self.positions[of as usize], &mut nearest);
        let h = nearest.farthest2().sqrt().max(1e-9);
        let others = nearest.found.iter().filter(|(_, i)| *i != of);
        others.map(|(d2, i)| masses[*i as usize] * kernel(d2.sqrt(), h)).sum()
    }

    fn search(&self, node: usize, range: std::ops::Range<usize>, at: [f64; 3], nearest: &mut Nearest) {
        if range.len() <= LEAF {
            for i in &self.order[range] {
                let p = self.positions[*i as usize];
                nearest.offer((0..3).map(|k| (p[k] - at[k]).powi(2)).sum(), *i);
            }
            return;
        }
        let (axis, place) = self.splits[node];
        let middle = range.start + range.len() / 2;
        let away = at[axis as usize] - place;
        let (low, high) = ((2 * node + 1, range.start..middle), (2 * node + 2, middle..range.end));
        let (near, far) = if away < 0.0 { (low, high) } else { (high, low) };
        self.search(near.0, near.1, at, nearest);
        if away * away < nearest.farthest2() {
            self.search(far.0, far.1, at, nearest);
        }
    }
}

/// Splits `order` at the median of its widest axis, and its halves in turn.
fn divide(positions: &[[f64; 3]], order: &mut [u32], node: usize, splits: &mut Vec<(u8, f64)>) {
    if order.len() <= LEAF {
        return;
    }
    let (mut low, mut high) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
    for i in &*order {
        for k in 0..3 {
            low[k] = low[k].min(positions[*i as usize][k]);
            high[k] = high[k].max(positions[*i as usize][k]);
        }
    }
    let axis = (0..3).max_by(|a, b| (high[*a] - low[*a]).total_cmp(&(high[*b] - low[*b]))).unwrap_or(0);
    let middle = order.len() / 2;
    order.select_nth_unstable_by(middle, |a, b| {
        // ties by number: the order depends on nothing else
        positions[*a as usize][axis].total_cmp(&positions[*b as usize][axis]).then(a.cmp(b))
    });
    if splits.len() <= node {
        splits.resize(node + 1, (0, 0.0));
    }
    splits[node] = (axis as u8, positions[order[middle] as usize][axis]);
    let (left, right) = order.split_at_mut(middle);
    divide(positions, left, 2 * node + 1, splits);
    divide(positions, right, 2 * node + 2, splits);
}

/// The nearest so far, sorted by squared distance.
struct Nearest {
    found: Vec<(f64, u32)>,
    count: usize,
}

impl Nearest {
    fn farthest2(&self) -> f64 {
        if self.found.len() < self.count { f64::INFINITY } else { self.found[self.count - 1].0 }
    }

    fn offer(&mut self, distance2: f64, i: u32) {
        if distance2 < self.farthest2() {
            let place = self.found.partition_point(|(d, _)| *d <= distance2);
            self.found.insert(place, (distance2, i));
            self.found.truncate(self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    #[test]
    fn equals_the_sum_over_all_sorted_particles() {
        let mut draw = Stream::new(1, [0, 0, 0]);
        // a flat layer with a clump and two particles in one place
        let mut positions: Vec<[f64; 3]> = (0..700)
            .map(|i| {
                [0, 1, 2].map(|k| draw.normal() * if k == 2 { 0.1 } else { 1.0 } * if i < 200 { 0.05 } else { 1.0 })
            })
            .collect();
        positions[5] = positions[4];
        let masses: Vec<f64> = positions.iter().map(|_| 0.5 + draw.uniform()).collect();
        let fast = densities(&positions, &masses, 32);
        for (i, (p, d)) in positions.iter().zip(&fast).enumerate() {
            let mut all: Vec<(f64, f64)> = positions
                .iter()
                .zip(&masses)
                .enumerate()
                .filter(|(j, _)| *j != i)
                .map(|(_, (q, m))| ((0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt(), *m))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            let naive: f64 = all[..32].iter().map(|(r, m)| m * kernel(*r, all[31].0)).sum();
            assert!((d / naive - 1.0).abs() < 1e-12, "{d} {naive}");
        }
    }

    #[test]
    fn an_even_box_has_its_density() {
        let mut draw = Stream::new(2, [0, 0, 0]);
        let positions: Vec<[f64; 3]> = (0..8000).map(|_| [0, 1, 2].map(|_| draw.uniform())).collect();
        let density = densities(&positions, &vec![1.0; 8000], 48);
        let inner: Vec<f64> = positions
            .iter()
            .zip(density)
            .filter(|(p, _)| p.iter().all(|x| (0.2..0.8).contains(x)))
            .map(|(_, d)| d)
            .collect();
        let mean = inner.iter().sum::<f64>() / inner.len() as f64 / 8000.0;
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
        assert_eq!(densities(&[], &[], 8), Vec::<f64>::new());
    }
}

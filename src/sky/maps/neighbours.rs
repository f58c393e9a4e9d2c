//! Distances to the k-th neighbour, by a k-d tree.

use crate::error::{Result, Watch};
use rayon::prelude::*;

/// Most points in a leaf.
const LEAF: usize = 12;
/// Points between two looks at the watch.
const BLOCK: usize = 4096;

/// Distance of each of `points` to its `neighbour`-th nearest other one; with fewer of them to the farthest, 0 where
/// there is no other.
///
/// # Errors
/// Stopped by the user.
pub fn distances_to_neighbour(points: &[[f64; 3]], neighbour: usize, watch: &Watch) -> Result<Vec<f64>> {
    let wanted = neighbour.min(points.len().saturating_sub(1));
    if wanted == 0 {
        return Ok(vec![0.0; points.len()]);
    }
    let tree = Tree::new(points);
    let blocks: Vec<Vec<f64>> = points
        .par_chunks(BLOCK)
        .map(|block| {
            watch.check()?;
            // a point finds itself, too
            let mut nearest = Nearest::new(wanted + 1);
            Ok(block.iter().map(|p| tree.distance(p, &mut nearest)).collect())
        })
        .collect::<Result<_>>()?;
    Ok(blocks.concat())
}

/// The smallest of the squared distances seen, rising.
struct Nearest {
    squares: Vec<f64>,
    most: usize,
}

impl Nearest {
    fn new(most: usize) -> Nearest {
        Nearest { squares: Vec::with_capacity(most + 1), most }
    }

    /// Beyond this nothing counts any more.
    fn limit(&self) -> f64 {
        if self.squares.len() == self.most { self.squares[self.most - 1] } else { f64::INFINITY }
    }

    fn see(&mut self, square: f64) {
        if square < self.limit() {
            let at = self.squares.partition_point(|s| *s <= square);
            self.squares.insert(at, square);
            self.squares.truncate(self.most);
        }
    }
}

/// Points halved again and again at the median of their longest side.
struct Tree {
    points: Vec<[f64; 3]>,
    nodes: Vec<Node>,
}

struct Node {
    low: [f64; 3],
    high: [f64; 3],
    first: usize,
    count: usize,
    halves: Option<[usize; 2]>,
}

impl Tree {
    fn new(points: &[[f64; 3]]) -> Tree {
        let mut tree = Tree { points: points.to_vec(), nodes: Vec::new() };
        tree.grow(0, points.len());
        tree
    }

    fn grow(&mut self, first: usize, count: usize) -> usize {
        let members = &mut self.points[first..first + count];
        let ends = |with: fn(f64, f64) -> f64, start: f64, points: &[[f64; 3]]| {
            [0, 1, 2].map(|k| points.iter().map(|p| p[k]).fold(start, with))
        };
        let (low, high) = (ends(f64::min, f64::INFINITY, members), ends(f64::max, f64::NEG_INFINITY, members));
        let number = self.nodes.len();
        if count > LEAF {
            let side = |k: usize| high[k] - low[k];
            let axis = (0..3).max_by(|a, b| side(*a).total_cmp(&side(*b))).unwrap_or(0);
            members.select_nth_unstable_by(count / 2, |a, b| a[axis].total_cmp(&b[axis]));
        }
        self.nodes.push(Node { low, high, first, count, halves: None });
        if count > LEAF {
            let half = count / 2;
            let halves = [self.grow(first, half), self.grow(first + half, count - half)];
            self.nodes[number].halves = Some(halves);
        }
        number
    }

    /// Squared distance from `x` to the box of a node.
    fn away(&self, number: usize, x: &[f64; 3]) -> f64 {
        let node = &self.nodes[number];
        (0..3).map(|k| (node.low[k] - x[k]).max(x[k] - node.high[k]).max(0.0).powi(2)).sum()
    }

    fn distance(&self, x: &[f64; 3], nearest: &mut Nearest) -> f64 {
        nearest.squares.clear();
        self.search(0, x, nearest);
        nearest.limit().sqrt()
    }

    fn search(&self, number: usize, x: &[f64; 3], nearest: &mut Nearest) {
        let node = &self.nodes[number];
        let Some(mut halves) = node.halves else {
            for p in &self.points[node.first..node.first + node.count] {
                nearest.see((0..3).map(|k| (p[k] - x[k]).powi(2)).sum());
            }
            return;
        };
        let mut away = halves.map(|half| self.away(half, x));
        if away[1] < away[0] {
            halves.swap(0, 1);
            away.swap(0, 1);
        }
        for (half, away) in halves.into_iter().zip(away) {
            if away < nearest.limit() {
                self.search(half, x, nearest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    /// A clump within a wide cloud; some points coincide, some lie on a plane.
    fn cloud(count: usize) -> Vec<[f64; 3]> {
        let mut draw = Stream::new(11, [4, 0, 0]);
        let mut points: Vec<[f64; 3]> = (0..count)
            .map(|i| {
                let scale = if i % 3 == 0 { 0.1 } else { 30.0 };
                [0, 1, 2].map(|_| scale * draw.normal())
            })
            .collect();
        for i in 0..count / 10 {
            points[i] = points[0];
            points[count - 1 - i][2] = 5.0;
        }
        points
    }

    #[test]
    fn the_tree_equals_the_sort_of_all_distances() {
        for (count, k) in [(700, 32), (700, 1), (40, 39), (20, 32), (2, 1), (300, 299)] {
            let points = cloud(count);
            let got = distances_to_neighbour(&points, k, &Watch::silent()).unwrap();
            for (p, got) in points.iter().zip(&got) {
                let square = |q: &[f64; 3]| (0..3).map(|i| (q[i] - p[i]).powi(2)).sum::<f64>();
                let mut all: Vec<f64> = points.iter().map(square).collect();
                all.sort_by(f64::total_cmp);
                assert_eq!(*got, all[k.min(count - 1)].sqrt(), "{count} {k}");
            }
        }
        assert_eq!(distances_to_neighbour(&[[1.0; 3]], 32, &Watch::silent()).unwrap(), [0.0]);
        assert!(distances_to_neighbour(&[], 32, &Watch::silent()).unwrap().is_empty());
    }
}

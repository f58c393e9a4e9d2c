//! The rank filter of imaging weights: cells that stand out from their neighbours are brought down.

use super::weights::{Density, TILE};
use rayon::prelude::*;

/// Cells below and above a cell in u and v that count as its neighbours: a window of 16, as wsclean 3.1's.
const BELOW: usize = 8;
const ABOVE: usize = 7;
/// Cells along the edge of a tile, and of a tile with its neighbours.
const SIDE: usize = TILE as usize;
const PATCH: usize = SIDE + BELOW + ABOVE;

impl Density {
    /// The weight `factor(N)` of each occupied cell in place of its sum N, at most `level` times the mean of those of the
    /// cells within the window around it (itself among them): wsclean's `-weighting-rank-filter`. As there, empty cells
    /// count with `factor(0)` where that is finite, and the window ends at the grid's edges.
    pub(super) fn limited(&self, factor: impl Fn(f64) -> f64, level: f64) -> Density {
        let empty = Some(factor(0.0)).filter(|f| f.is_finite());
        let (nu, nv) = self.size;
        let factors: Vec<f64> = self.sums.iter().map(|n| if *n > 0.0 { factor(*n) } else { 0.0 }).collect();
        let mut places: Vec<((i64, i64), usize)> = self.tiles.iter().map(|(tile, start)| (*tile, *start)).collect();
        places.sort_unstable_by_key(|(_, start)| *start);
        let mut limited = self.clone();
        // tiles lie one after another
        limited.sums.par_chunks_mut(SIDE * SIDE).zip(&places).for_each(|(out, (tile, start))| {
            let sums = self.patch(*tile, &factors);
            for (k, out) in out.iter_mut().enumerate() {
                let own = factors[start + k];
                let (v, u) = (k / SIDE, k % SIDE);
                let window = |of: usize| {
                    let (top, right) = (v + BELOW + ABOVE + 1, u + BELOW + ABOVE + 1);
                    sums[top][right][of] - sums[v][right][of] - sums[top][u][of] + sums[v][u][of]
                };
                let (mut sum, mut count) = (window(0), window(1));
                if let Some(empty) = empty {
                    let cells = |at: i64, low: i64, high: i64| {
                        ((at + ABOVE as i64 + 1).min(high) - (at - BELOW as i64).max(low)).max(0) as f64
                    };
                    let (at_u, at_v) = (tile.0 * TILE + u as i64, tile.1 * TILE + v as i64);
                    let all = cells(at_u, -nu / 2, nu - nu / 2) * cells(at_v, 0, nv / 2);
                    sum += empty * (all - count).max(0.0);
                    count = all.max(count);
                }
                *out = if own > 0.0 { own.min(level * sum / count) } else { 0.0 };
            }
        });
        limited
    }

    /// Sums over all cells of a tile's patch below and to the left, of factors and of how many are not 0.
    fn patch(&self, tile: (i64, i64), factors: &[f64]) -> Vec<[[f64; 2]; PATCH + 1]> {
        let mut sums = vec![[[0.0; 2]; PATCH + 1]; PATCH + 1];
        for (dv, du) in (-1..=1).flat_map(|dv| (-1..=1).map(move |du| (dv, du))) {
            let Some(start) = self.tiles.get(&(tile.0 + du, tile.1 + dv)) else { continue };
            for (k, value) in factors[*start..start + SIDE * SIDE].iter().enumerate().filter(|(_, f)| **f > 0.0) {
                let at = |cell: usize, d: i64| cell as i64 + d * TILE + BELOW as i64;
                let (v, u) = (at(k / SIDE, dv), at(k % SIDE, du));
                if (0..PATCH as i64).contains(&v) && (0..PATCH as i64).contains(&u) {
                    sums[v as usize + 1][u as usize + 1] = [*value, 1.0];
                }
            }
        }
        for v in 1..=PATCH {
            for u in 1..=PATCH {
                for of in 0..2 {
                    sums[v][u][of] += sums[v - 1][u][of] + sums[v][u - 1][of] - sums[v - 1][u - 1][of];
                }
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::weights::{Weighting, imaging_weights};
    use crate::gridding::ImageGeometry;
    use crate::math::random::Stream;

    /// Naive twin: the window of every sample written out, on the cells of a 256 pixel image (308 padded).
    #[test]
    fn cells_that_stand_out_are_brought_down() {
        let g = ImageGeometry { nx: 256, ny: 256, dl: -1e-3, dm: 1e-3 };
        let mut random = Stream::new(9, [0; 3]);
        let mut uvw: Vec<[f64; 3]> =
            (0..900).map(|_| [120.0 * random.normal(), 120.0 * random.normal(), 0.0]).collect();
        // a few crowded cells among them
        uvw.extend((0..3000).map(|k| [20.0 + 3.3 * f64::from(k % 40), 50.0 + 3.3 * f64::from(k % 7), 0.0]));
        let natural: Vec<f64> = uvw.iter().map(|_| 0.5 + random.uniform()).collect();
        let cell = |c: &[f64; 3]| {
            let s = if c[1] < 0.0 { -1.0 } else { 1.0 };
            [(s * c[0] * 0.308).floor() as i64, (s * c[1] * 0.308).floor() as i64]
        };
        let mut cells = std::collections::BTreeMap::<[i64; 2], f64>::new();
        uvw.iter().zip(&natural).for_each(|(c, w)| *cells.entry(cell(c)).or_default() += w);
        let around = |at: [i64; 2], factor: &dyn Fn(f64) -> f64| {
            let u = (at[0] - 8).max(-154)..(at[0] + 8).min(154);
            let v = (at[1] - 8).max(0)..(at[1] + 8).min(154);
            let near = u.flat_map(|u| v.clone().map(move |v| [u, v]));
            let near = near.map(|k| factor(cells.get(&k).copied().unwrap_or(0.0))).filter(|f| f.is_finite());
            let near: Vec<f64> = near.collect();
            near.iter().sum::<f64>() / near.len() as f64
        };
        let (total, squares) = cells.values().fold((0.0, 0.0), |(t, s), n| (t + n, s + n * n));
        let f2 = 25.0 * total / squares;
        let uniform = |n: f64| 1.0 / n;
        let briggs = |n: f64| 1.0 / (1.0 + n * f2);
        // an empty cell counts 1 with Briggs weights: a low level, or nothing stands out
        for (weighting, factor, level) in
            [(Weighting::Uniform, &uniform as &dyn Fn(f64) -> f64, 3.0), (Weighting::Briggs(0.0), &briggs, 0.3)]
        {
            let got = imaging_weights(weighting, &g, &uvw, &natural, Some(level));
            let plain = imaging_weights(weighting, &g, &uvw, &natural, None);
            let mut lowered = 0;
            for (k, c) in uvw.iter().enumerate() {
                let expected = natural[k] * factor(cells[&cell(c)]).min(level * around(cell(c), factor));
                assert!((got[k] / expected - 1.0).abs() < 1e-10, "{weighting} {k}: {} {expected}", got[k]);
                lowered += usize::from(got[k] < 0.999 * plain[k]);
            }
            assert!(lowered > 10 && lowered < uvw.len() / 2, "{weighting}: {lowered}");
            assert_eq!(imaging_weights(weighting, &g, &uvw, &natural, Some(1e9)).len(), uvw.len());
        }
        let natural_weights = imaging_weights(Weighting::Natural, &g, &uvw, &natural, Some(3.0));
        assert_eq!(natural_weights, natural);
    }
}

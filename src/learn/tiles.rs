//! Images larger than those a model was trained on: overlapping tiles, faded into each other.

use crate::error::Result;
use ndarray::{Array2, Array3, s};

/// How an image is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tiles {
    /// Pixels of a tile's side.
    pub side: usize,
    /// Pixels that neighbours share; below `side`.
    pub overlap: usize,
}

impl Tiles {
    /// First pixels of the tiles along an axis of `length`: evenly spread, overlapping at least as much as asked for.
    pub fn starts(&self, length: usize) -> Vec<usize> {
        if length <= self.side {
            return vec![0];
        }
        let (last, stride) = (length - self.side, self.side - self.overlap);
        let count = last.div_ceil(stride) + 1;
        (0..count).map(|i| i * last / (count - 1)).collect()
    }

    /// What `work` makes of an image \[channel, y, x\], tile by tile. Weights fall to the edges of a tile as sin^2 over the
    /// overlap, and are divided by their sum, so that what `work` does to each pixel alone comes out exactly.
    ///
    /// # Errors
    /// Those of `work`, which gets at most `at_once` tiles of one size and returns as many images of that size.
    pub fn each(
        &self,
        image: &Array3<f32>,
        at_once: usize,
        mut work: impl FnMut(&[Array3<f32>]) -> Result<Vec<Array3<f32>>>,
    ) -> Result<Array3<f32>> {
        let (_, height, width) = image.dim();
        let places: Vec<[usize; 2]> =
            self.starts(height).into_iter().flat_map(|y| self.starts(width).into_iter().map(move |x| [y, x])).collect();
        let size = [height.min(self.side), width.min(self.side)];
        let weights = self.weights(size);
        let mut sums: Option<Array3<f64>> = None;
        let mut norm = Array2::<f64>::zeros((height, width));
        for places in places.chunks(at_once.max(1)) {
            let tiles: Vec<Array3<f32>> =
                places.iter().map(|[y, x]| image.slice(s![.., *y..y + size[0], *x..x + size[1]]).to_owned()).collect();
            for ([y, x], made) in places.iter().zip(work(&tiles)?) {
                let sums = sums.get_or_insert_with(|| Array3::zeros((made.dim().0, height, width)));
                let mut part = sums.slice_mut(s![.., *y..y + size[0], *x..x + size[1]]);
                for (mut plane, made) in part.outer_iter_mut().zip(made.outer_iter()) {
                    ndarray::Zip::from(&mut plane).and(made).and(&weights).for_each(|s, m, w| *s += w * f64::from(*m));
                }
                let mut part = norm.slice_mut(s![*y..y + size[0], *x..x + size[1]]);
                part += &weights;
            }
        }
        let mut sums = sums.unwrap_or_else(|| Array3::zeros((0, height, width)));
        for mut plane in sums.outer_iter_mut() {
            plane /= &norm;
        }
        Ok(sums.mapv(|v| v as f32))
    }

    fn weights(&self, size: [usize; 2]) -> Array2<f64> {
        let along = |length: usize| -> Vec<f64> {
            let ramp = |i: usize| {
                let depth = (i.min(length - 1 - i) as f64 + 0.5) / self.overlap.max(1) as f64;
                (0.5 * std::f64::consts::PI * depth.min(1.0)).sin().powi(2)
            };
            (0..length).map(ramp).collect()
        };
        let (y, x) = (along(size[0]), along(size[1]));
        Array2::from_shape_fn((size[0], size[1]), |(i, j)| y[i] * x[j])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_everything_and_blend_exactly() {
        let tiles = Tiles { side: 16, overlap: 5 };
        assert_eq!(tiles.starts(16), [0]);
        assert_eq!(tiles.starts(17), [0, 1]);
        assert_eq!(tiles.starts(38), [0, 11, 22]);
        for (height, width) in [(40, 23), (16, 16), (9, 50), (7, 7)] {
            let image = Array3::from_shape_fn((2, height, width), |(c, y, x)| ((c * 7 + y * 3 + x) as f32 * 0.3).sin());
            let mut largest = 0;
            let got = tiles
                .each(&image, 3, |parts| {
                    largest = largest.max(parts.len());
                    Ok(parts.iter().map(|p| p.mapv(|v| 2.0 * v + 1.0)).collect())
                })
                .unwrap();
            let worst = got.iter().zip(&image).fold(0.0f32, |m, (g, v)| m.max((g - (2.0 * v + 1.0)).abs()));
            assert!(worst < 1e-6 && largest <= 3, "{height} {width}: {worst}");
        }
    }

    #[test]
    fn edges_of_tiles_weigh_nothing_where_another_is_whole() {
        // a work that is wrong at the edges of its tiles alone
        let tiles = Tiles { side: 16, overlap: 8 };
        let image = Array3::<f32>::zeros((1, 16, 40));
        let wrong = |part: &Array3<f32>| {
            Array3::from_shape_fn(part.dim(), |(_, _, x)| if x == 0 || x == 15 { 1.0 } else { 0.0 })
        };
        let got = tiles.each(&image, 4, |parts| Ok(parts.iter().map(wrong).collect())).unwrap();
        let inner = got.slice(s![0, .., 1..39]);
        assert!(inner.iter().all(|v| *v < 0.02), "{:?}", inner.iter().fold(0.0f32, |m, v| m.max(*v)));
    }
}

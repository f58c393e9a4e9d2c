//! A PSF as the minor cycle subtracts it, with bounds of its blocks.

use ndarray::{Array2, ArrayView2, s};

/// Rows of a tile of the residual; a tile and the part of a patch that meets it stay in the first cache.
pub(super) const TILE_Y: usize = 32;
/// Columns of a tile.
pub(super) const TILE_X: usize = 64;

/// The middle of a PSF.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// Values, shape [y, x].
    values: Array2<f64>,
    /// Pixel (y, x) that falls on the component.
    centre: (usize, usize),
    /// Entry (i + 1, j + 1): largest |value| of the blocks (i, j) to (i + 1, j + 1) of tile size.
    bounds: Array2<f64>,
}

/// Rows and columns of the image that a tile covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub y: usize,
    pub x: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Patch {
    /// The pixels of `psf` (peak at pixel (ny/2, nx/2)) at most `half` away from its peak along y and x.
    pub fn new(psf: ArrayView2<f64>, half: usize) -> Patch {
        let (ny, nx) = psf.dim();
        let (cy, cx) = (ny / 2, nx / 2);
        let (top, left) = (cy.saturating_sub(half), cx.saturating_sub(half));
        let (bottom, right) = ((cy + half + 1).min(ny), (cx + half + 1).min(nx));
        let values = psf.slice(s![top..bottom, left..right]).as_standard_layout().into_owned();
        let blocks = (values.nrows().div_ceil(TILE_Y), values.ncols().div_ceil(TILE_X));
        let mut bounds = Array2::zeros((blocks.0 + 1, blocks.1 + 1));
        for ((y, x), value) in values.indexed_iter() {
            let (i, j) = (y / TILE_Y, x / TILE_X);
            for at in [(i, j), (i, j + 1), (i + 1, j), (i + 1, j + 1)] {
                bounds[at] = value.abs().max(bounds[at]);
            }
        }
        Patch { values, centre: (cy - top, cx - left), bounds }
    }

    /// Value on the component.
    pub fn peak(&self) -> f64 {
        self.values[self.centre]
    }

    /// Rows and columns of the image, end excluded, that a component at `(y, x)` reaches.
    pub fn reach(&self, y: usize, x: usize) -> [usize; 4] {
        let (rows, columns) = self.values.dim();
        let (cy, cx) = self.centre;
        [y.saturating_sub(cy), y + rows - cy, x.saturating_sub(cx), x + columns - cx]
    }

    /// An upper bound of |value| over `area` for a component at `(y, x)`.
    pub fn bound(&self, area: Area, y: usize, x: usize) -> f64 {
        let (top, left) = self.corner(area, y, x);
        let i = top.div_euclid(TILE_Y as isize) + 1;
        let j = left.div_euclid(TILE_X as isize) + 1;
        let at = |i: isize, j: isize| self.bounds.get((usize::try_from(i).ok()?, usize::try_from(j).ok()?));
        at(i, j).copied().unwrap_or(0.0)
    }

    /// Takes `amount` times the patch, centred on pixel `(y, x)` of the image, off the `values` of `area`.
    pub fn subtract(&self, amount: f64, y: usize, x: usize, area: Area, values: &mut [f64]) {
        let (top, left) = self.corner(area, y, x);
        let (rows, columns) = self.values.dim();
        let range = |first: isize, length: usize, own: usize| {
            let start = (-first).max(0);
            (start, (own as isize - first).min(length as isize).max(start))
        };
        let (row, row_end) = range(top, area.rows, rows);
        let (column, column_end) = range(left, area.columns, columns);
        let width = (column_end - column) as usize;
        if width == 0 {
            return;
        }
        let Some(patch) = self.values.as_slice() else { return };
        for r in row..row_end {
            let from = (top + r) as usize * columns + (left + column) as usize;
            let to = r as usize * area.columns + column as usize;
            for (v, p) in values[to..to + width].iter_mut().zip(&patch[from..from + width]) {
                *v -= amount * p;
            }
        }
    }

    /// Row and column of the patch under the first pixel of `area`.
    fn corner(&self, area: Area, y: usize, x: usize) -> (isize, isize) {
        let along = |first: usize, at: usize, centre: usize| first as isize - at as isize + centre as isize;
        (along(area.y, y, self.centre.0), along(area.x, x, self.centre.1))
    }
}

/// Largest |value| of `psf` more than `half` pixels away from its peak along y or x.
pub(super) fn outside(psf: ArrayView2<f64>, half: usize) -> f64 {
    let (ny, nx) = psf.dim();
    let far = |(y, x): (usize, usize)| y.abs_diff(ny / 2) > half || x.abs_diff(nx / 2) > half;
    psf.indexed_iter().filter(|(at, _)| far(*at)).fold(0.0, |m: f64, (_, v)| m.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_and_the_patch_is_subtracted_where_it_lies() {
        let psf =
            Array2::from_shape_fn((90, 150), |(y, x)| (0.37 * y as f64).sin() * (0.11 * (x * y % 97) as f64).cos());
        for half in [3, 40, 200] {
            let patch = Patch::new(psf.view(), half);
            assert_eq!(patch.peak(), psf[[45, 75]]);
            for (y, x) in [(0, 0), (50, 60), (119, 139), (33, 64)] {
                for (ty, tx) in [(0, 0), (0, 1), (1, 1), (2, 2), (3, 2)] {
                    let area =
                        Area { y: ty * TILE_Y, x: tx * TILE_X, rows: TILE_Y - ty, columns: TILE_X - 40 * (tx / 2) };
                    let mut values = vec![0.0; area.rows * area.columns];
                    patch.subtract(2.0, y, x, area, &mut values);
                    let bound = patch.bound(area, y, x);
                    for (k, v) in values.iter().enumerate() {
                        let dy = (area.y + k / area.columns) as isize - y as isize;
                        let dx = (area.x + k % area.columns) as isize - x as isize;
                        let near = dy.unsigned_abs() <= half && dx.unsigned_abs() <= half;
                        let at = (usize::try_from(dy + 45), usize::try_from(dx + 75));
                        let expected = match at {
                            (Ok(py), Ok(px)) if near => psf.get((py, px)).map_or(0.0, |p| -2.0 * p),
                            _ => 0.0,
                        };
                        assert_eq!(*v, expected);
                        assert!(v.abs() <= 2.0 * bound);
                    }
                }
            }
        }
    }
}

//! Columns of any quantities of cells onto a map, all with the same weights.

use super::spread::{Footprint, Placed, Sink, Tiling, spread};
use crate::error::{Error, Result, Watch};
use ndarray::{Array2, Array3, ArrayViewMut3, Axis};

/// Quantities on the pixels of a map.
#[derive(Debug, Clone)]
pub struct Projected {
    /// One map a column, [y, x]: the sum over the cells of value times weight, in the unit of the values.
    pub maps: Vec<Array2<f64>>,
    /// Of each column, what lies outside the map.
    pub outside: Vec<f64>,
}

impl Placed for Footprint {
    fn footprint(&self) -> Option<Footprint> {
        Some(*self)
    }
}

/// Shares out the values of `columns`, each with one (signed) value a cell, over the pixels of an `nx` by `ny` map
/// ([`super::spread`]): what is in the map and what is outside add up to the sum of a column.
///
/// `watch` advances by one unit a cell. Errors: columns of another length than `places`; a map without pixels;
/// interrupted.
pub fn project(places: &[Footprint], columns: &[&[f64]], nx: usize, ny: usize, watch: &Watch) -> Result<Projected> {
    if let Some(column) = columns.iter().find(|c| c.len() != places.len()) {
        return Err(Error::input("a column has another length than the cells")
            .found(column.len())
            .expected(places.len()));
    }
    let tiling = Tiling::new(nx, ny, columns.len())?;
    let mut maps = Array3::zeros((columns.len(), ny, nx));
    let targets = tiling.split(maps.view_mut());
    let sink = |[x, y]: [[usize; 2]; 2], target| {
        let (width, height) = (x[1] - x[0], y[1] - y[0]);
        let sums = vec![0.0; columns.len() * width * height];
        Tile { columns, width, height, sums, values: vec![0.0; columns.len()], target }
    };
    let shares = spread(places, &tiling, targets, sink, watch)?;
    let outside = columns.iter().map(|c| shares.iter().map(|(i, share)| share * c[*i as usize]).sum()).collect();
    Ok(Projected { maps: maps.axis_iter(Axis(0)).map(|map| map.to_owned()).collect(), outside })
}

/// Planes of one tile.
struct Tile<'a> {
    columns: &'a [&'a [f64]],
    width: usize,
    height: usize,
    /// [column, y, x].
    sums: Vec<f64>,
    /// Of the cell that is taken up, over the norm of its weights.
    values: Vec<f64>,
    target: ArrayViewMut3<'a, f64>,
}

impl Sink for Tile<'_> {
    #[inline(always)]
    fn cell(&mut self, cell: usize, scale: f64) {
        for (value, column) in self.values.iter_mut().zip(self.columns) {
            *value = scale * column[cell];
        }
    }

    #[inline(always)]
    fn row<const FMA: bool>(&mut self, y: usize, x: usize, weights: &[f64]) {
        let planes = self.sums.chunks_exact_mut(self.width * self.height);
        for (plane, value) in planes.zip(&self.values) {
            let start = y * self.width + x;
            for (sum, weight) in plane[start..start + weights.len()].iter_mut().zip(weights) {
                *sum += value * weight;
            }
        }
    }

    fn finish(mut self) {
        self.target.iter_mut().zip(&self.sums).for_each(|(out, sum)| *out = *sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use crate::sky::deposit::{PlacedCell, deposit};

    fn places(count: usize, size: f64, largest: f64) -> (Vec<Footprint>, Vec<f64>) {
        let mut random = Stream::new(11, [1, 2, 3]);
        let place = |random: &mut Stream| Footprint {
            x_px: (1.3 * random.uniform() - 0.15) * size,
            y_px: (1.3 * random.uniform() - 0.15) * size,
            support_px: largest * random.uniform().powi(3),
        };
        (0..count).map(|_| (place(&mut random), random.uniform())).unzip()
    }

    #[test]
    fn equals_the_deposit_and_takes_any_sign() {
        // larger than a tile, with supports from clouds to above the image
        let (places, mass) = places(4000, 150.0, 200.0);
        let minus_two: Vec<f64> = mass.iter().map(|m| -2.0 * m).collect();
        let got = project(&places, &[&mass, &minus_two], 150, 140, &Watch::silent()).unwrap();
        let cell = |(f, m): (&Footprint, &f64)| PlacedCell {
            x_px: f.x_px,
            y_px: f.y_px,
            support_px: f.support_px,
            mass_msun: *m,
            velocity_km_s: 0.0,
            sigma_km_s: 1.0,
        };
        let cells: Vec<PlacedCell> = places.iter().zip(&mass).map(cell).collect();
        let wanted = deposit(&cells, &[], 150, 140, &Watch::silent()).unwrap();
        let worst = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().fold(0.0f64, |w, d| w.max(d.abs()));
        assert!(worst(&got.maps[0], &wanted.map_msun) < 1e-12);
        assert!(worst(&got.maps[1], &(-2.0 * &wanted.map_msun)) < 1e-12);
        let total: f64 = mass.iter().sum();
        // the norm of the largest is that of the integral
        assert!(((got.maps[0].sum() + got.outside[0]) / total - 1.0).abs() < 1e-8);
        assert!((got.outside[1] + 2.0 * got.outside[0]).abs() < 1e-9 * total);
        assert!((got.outside[0] / wanted.outside_map_msun - 1.0).abs() < 1e-12);
    }

    #[test]
    fn does_not_depend_on_the_number_of_threads() {
        let (places, mass) = places(6000, 300.0, 60.0);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| project(&places, &[&mass], 300, 300, &Watch::silent()).unwrap())
        };
        let (one, three) = (with(1), with(3));
        assert_eq!(one.maps, three.maps);
        assert_eq!(one.outside, three.outside);
    }

    #[test]
    fn columns_must_fit() {
        let (places, mass) = places(10, 8.0, 2.0);
        let error = project(&places, &[&mass[..9]], 8, 8, &Watch::silent()).unwrap_err().to_string();
        assert!(error.contains("another length"), "{error}");
        assert!(project(&places, &[&mass], 0, 8, &Watch::silent()).is_err());
    }
}

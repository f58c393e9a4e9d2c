//! Columns of any quantities of cells onto a map, all with the same weights.

use super::spread::{Footprint, HALO_PX, LANES, Placed, Sink, Stencil, Tiling, spread};
use crate::error::{Error, Result, Watch};
use crate::math::vectors::mul_add;
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
        let [width, height] = [x, y].map(|[first, end]| end - first + 2 * HALO_PX);
        let sums = vec![0.0; columns.len() * width * height];
        let origin = [x[0], y[0]].map(|first| first as i64 - HALO_PX as i64);
        let (fetched, values) = (Vec::new(), vec![0.0; columns.len()]);
        Tile { columns, origin, width, height, sums, fetched, values, target }
    };
    let shares = spread(places, &tiling, targets, sink, watch)?;
    let outside = columns.iter().map(|c| shares.iter().map(|(i, share)| share * c[*i as usize]).sum()).collect();
    Ok(Projected { maps: maps.axis_iter(Axis(0)).map(|map| map.to_owned()).collect(), outside })
}

/// Planes of one tile, with a border where whole stencils may be added.
struct Tile<'a> {
    columns: &'a [&'a [f64]],
    /// Pixel of the image where the border begins.
    origin: [i64; 2],
    width: usize,
    height: usize,
    /// [column, y, x].
    sums: Vec<f64>,
    /// Of the cells that come next, [cell, column].
    fetched: Vec<f64>,
    /// Of the cell that is taken up, over the norm of its weights.
    values: Vec<f64>,
    target: ArrayViewMut3<'a, f64>,
}

impl Sink for Tile<'_> {
    #[inline(always)]
    fn fetch(&mut self, cells: &[u32]) {
        self.fetched.clear();
        for &cell in cells {
            self.fetched.extend(self.columns.iter().map(|column| column[cell as usize]));
        }
    }

    #[inline(always)]
    fn cell(&mut self, fetched: usize, scale: f64) {
        let count = self.values.len();
        let fetched = &self.fetched[fetched * count..][..count];
        self.values.iter_mut().zip(fetched).for_each(|(value, fetched)| *value = scale * fetched);
    }

    #[inline(always)]
    fn small<const FMA: bool>(&mut self, stencil: &Stencil) {
        let (x, y) = ((stencil.x[0] - self.origin[0]) as usize, (stencil.y[0] - self.origin[1]) as usize);
        let planes = self.sums.chunks_exact_mut(self.width * self.height);
        for (plane, value) in planes.zip(&self.values) {
            let rows = plane[y * self.width + x..].chunks_mut(self.width);
            for (row, weights) in rows.zip(stencil.weights().chunks_exact(stencil.stride)) {
                let row = row[..weights.len()].as_chunks_mut::<LANES>().0;
                for (sums, weights) in row.iter_mut().zip(weights.as_chunks::<LANES>().0) {
                    *sums = std::array::from_fn(|lane| mul_add::<FMA>(*value, weights[lane], sums[lane]));
                }
            }
        }
    }

    #[inline(always)]
    fn cloud<const FMA: bool>(&mut self, [x, y]: [i64; 2], [low, high]: &[[f64; 2]; 2], _: [[i64; 2]; 2]) {
        let at = (y - self.origin[1]) as usize * self.width + (x - self.origin[0]) as usize;
        let planes = self.sums.chunks_exact_mut(self.width * self.height);
        for (plane, value) in planes.zip(&self.values) {
            for (at, weights) in [(at, low), (at + self.width, high)] {
                let pair = &mut plane[at..at + 2];
                pair[0] = mul_add::<FMA>(*value, weights[0], pair[0]);
                pair[1] = mul_add::<FMA>(*value, weights[1], pair[1]);
            }
        }
    }

    #[inline(always)]
    fn row<const FMA: bool>(&mut self, y: usize, x: usize, weights: &[f64]) {
        let planes = self.sums.chunks_exact_mut(self.width * self.height);
        for (plane, value) in planes.zip(&self.values) {
            let start = (y + HALO_PX) * self.width + x + HALO_PX;
            for (sum, weight) in plane[start..start + weights.len()].iter_mut().zip(weights) {
                *sum = mul_add::<FMA>(*value, *weight, *sum);
            }
        }
    }

    fn finish(mut self) {
        let planes = self.sums.chunks_exact(self.width * self.height);
        for (mut plane, sums) in self.target.outer_iter_mut().zip(planes) {
            for (mut row, sums) in plane.outer_iter_mut().zip(sums.chunks_exact(self.width).skip(HALO_PX)) {
                row.iter_mut().zip(&sums[HALO_PX..]).for_each(|(out, sum)| *out = *sum);
            }
        }
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

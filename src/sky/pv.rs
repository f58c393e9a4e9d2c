//! Position-velocity diagrams.

use super::moments::Moments;
use ndarray::{Array2, ArrayView3};

/// A line through an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slit {
    /// 0-based pixel (x, y) in its middle.
    pub centre_px: [f64; 2],
    /// Its direction: position angle from north (y) through east (falling x), rad.
    pub angle_rad: f64,
    /// Pixels to either side of the middle along it.
    pub half_length_px: usize,
    /// Pixels to either side across it, which are averaged; 0: a single line.
    pub half_width_px: usize,
}

impl Slit {
    /// Along the gradient of the velocity field, with its angle on the receding side: the plane v = a + g x that fits
    /// moment 1 best, weighted by moment 0, about the line's centroid. For a rotating disc that is its major axis.
    ///
    /// Only the heart of the object counts, twice as wide as the smallest circle found about half of its gas: companions
    /// are far out and move with velocities of their own.
    ///
    /// `None` where there is no gas or no gradient.
    pub fn kinematic(moments: &Moments, half_length_px: usize, half_width_px: usize) -> Option<Slit> {
        let lit = || {
            moments
                .moment0_jy_hz
                .indexed_iter()
                .zip(&moments.moment1_km_s)
                .zip(&moments.valid)
                .filter_map(|((((y, x), w), v), ok)| ok.then_some((x as f64, y as f64, *w, *v)))
        };
        let heart = heart(&lit().map(|(x, y, w, _)| [x, y, w]).collect::<Vec<_>>())?;
        let lit = || lit().filter(|(x, y, ..)| (x - heart[0]).hypot(y - heart[1]) <= heart[2]);
        let (mut weight, mut x0, mut y0, mut v0) = (0.0, 0.0, 0.0, 0.0);
        for (x, y, w, v) in lit() {
            weight += w;
            x0 += w * x;
            y0 += w * y;
            v0 += w * v;
        }
        let (x0, y0, v0) = (x0 / weight, y0 / weight, v0 / weight);
        let (mut xx, mut xy, mut yy, mut xv, mut yv) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (x, y, w, v) in lit() {
            let (dx, dy, dv) = (x - x0, y - y0, v - v0);
            xx += w * dx * dx;
            xy += w * dx * dy;
            yy += w * dy * dy;
            xv += w * dx * dv;
            yv += w * dy * dv;
        }
        let determinant = xx * yy - xy * xy;
        let gradient = [(yy * xv - xy * yv) / determinant, (xx * yv - xy * xv) / determinant];
        let found = gradient.iter().all(|g| g.is_finite()) && gradient.iter().any(|g| *g != 0.0);
        found.then(|| Slit {
            centre_px: [x0, y0],
            angle_rad: (-gradient[0]).atan2(gradient[1]),
            half_length_px,
            half_width_px,
        })
    }

    /// Values of a cube [channel, y, x] along the slit, between pixels by bilinear interpolation, 0 outside the image:
    /// shape [channel, 2 half_length + 1], rising along the position angle.
    pub fn values(&self, cube: ArrayView3<f64>) -> Array2<f64> {
        let (channels, ny, nx) = cube.dim();
        let (s, c) = self.angle_rad.sin_cos();
        let (length, across) = (self.half_length_px as i64, self.half_width_px as i64);
        let share = 1.0 / (2 * across + 1) as f64;
        let mut values = Array2::zeros((channels, 2 * self.half_length_px + 1));
        for (column, along) in (-length..=length).enumerate() {
            for side in -across..=across {
                let (along, side) = (along as f64, side as f64);
                let x = self.centre_px[0] - along * s + side * c;
                let y = self.centre_px[1] + along * c + side * s;
                let (left, below) = (x.floor(), y.floor());
                for (i, j) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let (px, py) = (left + f64::from(i), below + f64::from(j));
                    let weight = (1.0 - (x - px).abs()) * (1.0 - (y - py).abs());
                    if px < 0.0 || py < 0.0 || px >= nx as f64 || py >= ny as f64 || weight == 0.0 {
                        continue;
                    }
                    for channel in 0..channels {
                        values[[channel, column]] += share * weight * cube[[channel, py as usize, px as usize]];
                    }
                }
            }
        }
        values
    }
}

/// Middle and radius of a circle about most of the `points` [x, y, weight]: one shrinks about its centroid, recentring
/// itself, until it would hold less than half of the weight; this is twice as wide. None without weight.
fn heart(points: &[[f64; 3]]) -> Option<[f64; 3]> {
    let within = |centre: [f64; 2], radius: f64| {
        let mut sums = [0.0; 3];
        for [x, y, w] in points.iter().filter(|p| (p[0] - centre[0]).hypot(p[1] - centre[1]) <= radius) {
            sums = [sums[0] + w * x, sums[1] + w * y, sums[2] + w];
        }
        ([sums[0] / sums[2], sums[1] / sums[2]], sums[2])
    };
    let (mut centre, all) = within([0.0; 2], f64::INFINITY);
    let mut radius = points.iter().map(|p| (p[0] - centre[0]).hypot(p[1] - centre[1])).fold(0.0, f64::max);
    if all.is_nan() || all <= 0.0 {
        return None;
    }
    while radius > 1.0 {
        let (next, inside) = within(centre, 0.9 * radius);
        if inside < 0.5 * all {
            break;
        }
        (centre, radius) = (next, 0.9 * radius);
    }
    Some([centre[0], centre[1], 2.0 * radius])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::moments::moment_maps;
    use ndarray::Array3;

    /// An elongated field of lines whose velocity rises along a position angle.
    fn field(angle: f64, gradient: f64) -> (Array3<f64>, Vec<f64>) {
        let velocities: Vec<f64> = (0..41).map(|c| 100.0 - 5.0 * f64::from(c)).collect();
        let cube = Array3::from_shape_fn((41, 33, 37), |(c, y, x)| {
            let (dx, dy) = (x as f64 - 19.0, y as f64 - 15.0);
            let v = gradient * (-dx * angle.sin() + dy * angle.cos());
            let shape = (-dx * dx / 18.0 - dy * dy / 50.0).exp();
            shape * (-0.5 * ((velocities[c] - v) / 9.0).powi(2)).exp()
        });
        (cube, velocities)
    }

    #[test]
    fn the_slit_lies_along_the_velocity_gradient_of_an_elongated_object() {
        for angle in [0.3, 2.0, -1.2, 3.0] {
            let (cube, velocities) = field(angle, 4.0);
            let moments = moment_maps(cube.view(), &velocities, &[1.0; 41], 1e-3);
            let slit = Slit::kinematic(&moments, 10, 0).unwrap();
            let off = (slit.angle_rad - angle + 3.0 * std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
                - std::f64::consts::PI;
            assert!(off.abs() < 2e-3, "{angle}: {}", slit.angle_rad);
            assert!((slit.centre_px[0] - 19.0).abs() < 0.05 && (slit.centre_px[1] - 15.0).abs() < 0.05);
            let diagram = slit.values(cube.view());
            assert_eq!(diagram.dim(), (41, 21));
            // the line's velocity at offset k is 4 k
            for (k, column) in diagram.columns().into_iter().enumerate() {
                let mean = column.iter().zip(&velocities).map(|(w, v)| w * v).sum::<f64>() / column.sum();
                // to a quarter of a pixel: interpolation weighs its brighter neighbour more
                assert!((mean - 4.0 * (k as f64 - 10.0)).abs() < 1.0, "{k}: {mean}");
            }
        }
    }

    #[test]
    fn slits_average_across_and_are_dark_outside() {
        let cube = Array3::from_shape_fn((1, 9, 9), |(_, y, x)| 10.0 * y as f64 + x as f64);
        let slit = Slit { centre_px: [4.0, 4.0], angle_rad: 0.0, half_length_px: 6, half_width_px: 1 };
        let got = slit.values(cube.view());
        // north is up, so the slit runs along y; the mean over x = 3, 4, 5
        for k in 0..9 {
            assert!((got[[0, k + 2]] - (10.0 * k as f64 + 4.0)).abs() < 1e-12);
        }
        assert_eq!((got[[0, 0]], got[[0, 12]]), (0.0, 0.0));
        let (still, velocities) = field(0.0, 0.0);
        let none = moment_maps((still * 0.0).view(), &velocities, &[1.0; 41], 0.0);
        assert!(Slit::kinematic(&none, 3, 0).is_none());
    }
}

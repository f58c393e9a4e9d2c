use ndarray::{Array2, ArrayView2};

/// Numbers of a galaxy's light, of the pixels above a share of its peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Centre of light \[y, x\], pixels.
    pub centre: [f64; 2],
    /// Radius about it that holds half of the light, pixels.
    pub r50: f64,
    /// Conselice 2003, equation 1 without a background: sum |I - I_180| / (2 sum I), turned about the centre's pixel.
    pub asymmetry: f64,
    /// Conselice 2003, equation 6 without a background: sum of what stands above the image smoothed by a box of `box_pixels`,
    /// over sum I.
    pub clumpiness: f64,
}

/// Pixels below this share of the peak are not the galaxy's.
const THRESHOLD: f64 = 0.01;

impl Shape {
    /// Of a physical image; None of one that is nowhere above 0.
    pub fn of(image: ArrayView2<f64>, box_pixels: usize) -> Option<Shape> {
        let peak = image.iter().fold(0.0f64, |m, v| m.max(*v));
        if peak <= 0.0 {
            return None;
        }
        let light = image.mapv(|v| if v >= THRESHOLD * peak { v } else { 0.0 });
        let total: f64 = light.sum();
        let mean = |axis: usize| {
            let weigh = |((y, x), v): ((usize, usize), &f64)| v * [y, x][axis] as f64;
            light.indexed_iter().map(weigh).sum::<f64>() / total
        };
        let centre = [mean(0), mean(1)];
        let mut by_radius: Vec<(f64, f64)> = light
            .indexed_iter()
            .filter(|(_, v)| **v > 0.0)
            .map(|((y, x), v)| ((y as f64 - centre[0]).hypot(x as f64 - centre[1]), *v))
            .collect();
        by_radius.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        let half = by_radius.iter().find(|(_, v)| {
            sum += v;
            sum >= 0.5 * total
        });
        let turned = |y: usize, x: usize| {
            let (v, u) = (2 * centre[0].round() as isize - y as isize, 2 * centre[1].round() as isize - x as isize);
            let inside = |i: isize, n: usize| (0..n as isize).contains(&i);
            let within = inside(v, light.nrows()) && inside(u, light.ncols());
            if within { light[[v as usize, u as usize]] } else { 0.0 }
        };
        let differences: f64 = light.indexed_iter().map(|((y, x), v)| (v - turned(y, x)).abs()).sum();
        let smooth = boxed(light.view(), box_pixels);
        let clumps: f64 = light.iter().zip(&smooth).map(|(v, s)| (v - s).max(0.0)).sum();
        Some(Shape {
            centre,
            r50: half.map_or(0.0, |(r, _)| *r),
            asymmetry: differences / (2.0 * total),
            clumpiness: clumps / total,
        })
    }
}

/// Mean over a square of `side` pixels about each pixel, of those that are there.
fn boxed(image: ArrayView2<f64>, side: usize) -> Array2<f64> {
    let (height, width) = image.dim();
    let half = side / 2;
    Array2::from_shape_fn((height, width), |(y, x)| {
        let rows = y.saturating_sub(half)..(y + half + 1).min(height);
        let columns = x.saturating_sub(half)..(x + half + 1).min(width);
        image.slice(ndarray::s![rows, columns]).mean().unwrap_or(0.0)
    })
}

/// Mean of |ln(p / q)| of the mean brightness p and q of two images in rings of `width` pixels about the truth's centre,
/// out to where the truth's falls below 1 % of its largest; a brightness at or below 0 counts as 0.1 % of the truth's.
pub fn profile_error(made: ArrayView2<f64>, truth: ArrayView2<f64>, centre: [f64; 2], width: f64) -> f64 {
    let profile = |image: ArrayView2<f64>| {
        let mut rings: Vec<(f64, f64)> = Vec::new();
        for ((y, x), v) in image.indexed_iter() {
            let ring = ((y as f64 - centre[0]).hypot(x as f64 - centre[1]) / width) as usize;
            if rings.len() <= ring {
                rings.resize(ring + 1, (0.0, 0.0));
            }
            rings[ring].0 += v;
            rings[ring].1 += 1.0;
        }
        rings.into_iter().map(|(sum, n)| if n > 0.0 { sum / n } else { 0.0 }).collect::<Vec<f64>>()
    };
    let (made, truth) = (profile(made), profile(truth));
    let largest = truth.iter().fold(0.0f64, |m, v| m.max(*v));
    let reach = truth.iter().take_while(|v| **v > THRESHOLD * largest).count();
    let error = |(p, q): (&f64, &f64)| (p.max(1e-3 * q) / q).ln().abs();
    made.iter().zip(&truth).take(reach).map(error).sum::<f64>() / reach.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(n: usize, centre: [f64; 2], sigma: f64) -> Array2<f64> {
        Array2::from_shape_fn((n, n), |(y, x)| {
            let r2 = (y as f64 - centre[0]).powi(2) + (x as f64 - centre[1]).powi(2);
            (-0.5 * r2 / (sigma * sigma)).exp()
        })
    }

    #[test]
    fn a_gaussian_has_its_radius_and_no_asymmetry() {
        let shape = Shape::of(gaussian(65, [32.0, 30.0], 6.0).view(), 5).unwrap();
        assert!((shape.centre[0] - 32.0).abs() < 1e-9 && (shape.centre[1] - 30.0).abs() < 1e-9);
        // sigma sqrt(2 ln 2), less what lies below 1 % of the peak
        assert!((shape.r50 - 6.0 * 1.17741).abs() < 0.3, "{}", shape.r50);
        assert!(shape.asymmetry < 1e-12 && shape.clumpiness < 0.1, "{shape:?}");
        let mut lopsided = gaussian(65, [32.0, 30.0], 6.0);
        lopsided[[20, 30]] += 5.0;
        let other = Shape::of(lopsided.view(), 5).unwrap();
        assert!(other.asymmetry > 0.01 && other.clumpiness > shape.clumpiness);
        assert!(Shape::of(Array2::zeros((4, 4)).view(), 3).is_none());
    }

    #[test]
    fn profiles_of_a_multiple_differ_by_its_logarithm() {
        let truth = gaussian(65, [32.0, 32.0], 6.0);
        let double = truth.mapv(|v| 2.0 * v);
        let error = profile_error(double.view(), truth.view(), [32.0, 32.0], 2.0);
        assert!((error - 2f64.ln()).abs() < 1e-12);
        assert_eq!(profile_error(truth.view(), truth.view(), [32.0, 32.0], 2.0), 0.0);
        let none = profile_error(Array2::zeros((65, 65)).view(), truth.view(), [32.0, 32.0], 2.0);
        assert!((none - 1000f64.ln()).abs() < 1e-9);
    }
}

use crate::math::random::Stream;
use ndarray::{Array2, ArrayView2};

/// The fixed network whose features the kernel distance compares: on the image and on its means over 2 x 2 and 4 x 4 pixels,
/// sixteen 5 x 5 filters without a mean, the absolute value, and the mean and the standard deviation over the pixels: 96
/// numbers. The filters are normal numbers of seed 1, so that nothing has to be fetched and everybody has the same; random
/// filters followed by an absolute value and pooling tell textures apart (Saxe et al. 2011). Not comparable to KIDs of
/// Inception features.
#[derive(Debug, Clone)]
pub struct Features {
    filters: Vec<[f64; TAPS * TAPS]>,
}

const FILTERS: usize = 16;
const TAPS: usize = 5;
const SCALES: u32 = 3;
/// "kidf".
const STREAM: u32 = 0x6b69_6466;

impl Default for Features {
    fn default() -> Features {
        let filter = |number: usize| {
            let mut draw = Stream::new(1, [STREAM, number as u32, 0]);
            let mut taps = [0.0; TAPS * TAPS];
            taps.fill_with(|| draw.normal());
            let mean = taps.iter().sum::<f64>() / taps.len() as f64;
            let norm = taps.iter().map(|t| (t - mean).powi(2)).sum::<f64>().sqrt();
            taps.map(|t| (t - mean) / norm)
        };
        Features { filters: (0..FILTERS).map(filter).collect() }
    }
}

impl Features {
    /// Those of an image of at least 20 x 20 pixels, in the truth's network units.
    pub fn of(&self, image: ArrayView2<f64>) -> Vec<f64> {
        let mut features = Vec::with_capacity(FILTERS * 2 * SCALES as usize);
        for scale in 0..SCALES {
            let image = halved(image, 1 << scale);
            let (height, width) = image.dim();
            for filter in &self.filters {
                let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
                for y in 0..(height + 1).saturating_sub(TAPS) {
                    for x in 0..(width + 1).saturating_sub(TAPS) {
                        let taps = (0..TAPS * TAPS).map(|t| filter[t] * image[[y + t / TAPS, x + t % TAPS]]);
                        let value = taps.sum::<f64>().abs();
                        sum += value;
                        squares += value * value;
                        count += 1.0;
                    }
                }
                let mean = if count > 0.0 { sum / count } else { 0.0 };
                let variance = if count > 0.0 { (squares / count - mean * mean).max(0.0) } else { 0.0 };
                features.extend([mean, variance.sqrt()]);
            }
        }
        features
    }
}

/// Means over squares of `side` pixels; what is left over at the ends is left out.
fn halved(image: ArrayView2<f64>, side: usize) -> Array2<f64> {
    let (height, width) = (image.nrows() / side, image.ncols() / side);
    Array2::from_shape_fn((height, width), |(y, x)| {
        let part = image.slice(ndarray::s![y * side..(y + 1) * side, x * side..(x + 1) * side]);
        part.sum() / (side * side) as f64
    })
}

/// Kernel inception distance of two sets of features (Binkowski et al. 2018, equation 4: the unbiased estimate of the squared
/// maximum mean discrepancy with the kernel (x . y / d + 1)^3), each feature first over its standard deviation in the second
/// set, which is the truth's. About 0, and as often below, for sets of one distribution. At least two of each.
pub fn kernel_distance(made: &[Vec<f64>], truth: &[Vec<f64>]) -> f64 {
    let d = truth[0].len();
    let n = truth.len() as f64;
    let spread: Vec<f64> = (0..d)
        .map(|i| {
            let mean = truth.iter().map(|f| f[i]).sum::<f64>() / n;
            (truth.iter().map(|f| (f[i] - mean).powi(2)).sum::<f64>() / n).sqrt().max(1e-12)
        })
        .collect();
    let kernel = |a: &[f64], b: &[f64]| {
        let dot: f64 = a.iter().zip(b).zip(&spread).map(|((x, y), s)| x * y / (s * s)).sum();
        (dot / d as f64 + 1.0).powi(3)
    };
    let within = |set: &[Vec<f64>]| {
        let mut sum = 0.0;
        for (i, a) in set.iter().enumerate() {
            sum += set[..i].iter().map(|b| 2.0 * kernel(a, b)).sum::<f64>();
        }
        sum / (set.len() * (set.len() - 1)) as f64
    };
    let across: f64 = made.iter().map(|a| truth.iter().map(|b| kernel(a, b)).sum::<f64>()).sum();
    within(made) + within(truth) - 2.0 * across / (made.len() * truth.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(seed: u64, sigma: f64, smooth: bool) -> Vec<Vec<f64>> {
        let features = Features::default();
        let one = |i: u32| {
            let mut draw = Stream::new(seed, [1, i, 0]);
            let noise = Array2::from_shape_fn((24, 24), |_| sigma * draw.normal());
            let image = if smooth {
                Array2::from_shape_fn((24, 24), |(y, x)| noise[[y, x]] + noise[[y, (x + 1) % 24]])
            } else {
                noise
            };
            features.of(image.view())
        };
        (0..40).map(one).collect()
    }

    #[test]
    fn sets_of_one_kind_are_near_and_others_far() {
        let (a, b) = (set(1, 1.0, false), set(2, 1.0, false));
        let near = kernel_distance(&a, &b);
        let louder = kernel_distance(&set(3, 1.3, false), &b);
        let smoother = kernel_distance(&set(3, 0.707, true), &b);
        assert!(louder > 20.0 * near.abs() && smoother > 20.0 * near.abs(), "{near} {louder} {smoother}");
        assert_eq!(a[0].len(), 96);
    }
}

//! Noise of an image that also holds sources.

use ndarray::ArrayView2;

/// Standard deviations of a Gaussian per median absolute deviation: 1 / (sqrt(2) erfinv(1/2)).
const SIGMA_PER_MAD: f64 = 1.482_602_218_505_602;

/// 1.4826 times the median absolute deviation from the median: the standard deviation of Gaussian noise, hardly moved
/// by sources on a small part of the image. 0 for an empty image.
pub fn mad_noise(image: ArrayView2<f64>) -> f64 {
    let mut values: Vec<f64> = image.iter().copied().collect();
    let Some(centre) = median(&mut values) else { return 0.0 };
    values.iter_mut().for_each(|v| *v = (*v - centre).abs());
    SIGMA_PER_MAD * median(&mut values).unwrap_or(0.0)
}

/// The upper median.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use ndarray::Array2;

    #[test]
    fn sources_do_not_count() {
        let mut random = Stream::new(1, [2, 3, 4]);
        let mut image = Array2::from_shape_fn((300, 300), |_| 2.0 + 0.5 * random.normal());
        image.slice_mut(ndarray::s![..3, ..]).fill(1e6);
        // the standard error of a MAD of 9e4 values is 1.17/sqrt(1.8e5) = 0.3 %; 1 % of outliers raise it by about 1 %
        assert!((mad_noise(image.view()) / 0.5 - 1.0).abs() < 0.025);
        assert_eq!(mad_noise(Array2::zeros((0, 4)).view()), 0.0);
        assert_eq!(mad_noise(Array2::ones((5, 5)).view()), 0.0);
    }
}

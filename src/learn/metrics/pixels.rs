use ndarray::{Array2, ArrayView2, Axis};

/// Structural similarity (Wang et al. 2004, equation 13): mean over pixels, Gaussian windows of 11 pixels with sigma 1.5, K1 =
/// 0.01, K2 = 0.03; `range` is the largest less the smallest value of the truth. Windows at the edge are cut and weighted
/// anew.
pub fn ssim(a: ArrayView2<f64>, b: ArrayView2<f64>, range: f64) -> f64 {
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let product = |p: ArrayView2<f64>, q: ArrayView2<f64>| windowed((&p * &q).view());
    let (mean_a, mean_b) = (windowed(a), windowed(b));
    let (aa, bb, ab) = (product(a, a), product(b, b), product(a, b));
    let mut sum = 0.0;
    for (((ma, mb), (aa, bb)), ab) in mean_a.iter().zip(&mean_b).zip(aa.iter().zip(&bb)).zip(&ab) {
        let (va, vb, cov) = (aa - ma * ma, bb - mb * mb, ab - ma * mb);
        sum += (2.0 * ma * mb + c1) * (2.0 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
    }
    sum / mean_a.len() as f64
}

/// Weighted means about each pixel.
fn windowed(image: ArrayView2<f64>) -> Array2<f64> {
    let weights: Vec<f64> = (-5i32..=5).map(|d| (-0.5 * f64::from(d * d) / 2.25).exp()).collect();
    let mut out = image.to_owned();
    for axis in [Axis(0), Axis(1)] {
        for mut lane in out.lanes_mut(axis) {
            let line = lane.to_vec();
            for (i, value) in lane.iter_mut().enumerate() {
                let (mut sum, mut norm) = (0.0, 0.0);
                for (w, weight) in weights.iter().enumerate() {
                    if let Some(v) = (i + w).checked_sub(5).and_then(|j| line.get(j)) {
                        sum += weight * v;
                        norm += weight;
                    }
                }
                *value = sum / norm;
            }
        }
    }
    out
}

/// Peak signal-to-noise ratio, dB: 10 log10(range^2 / mean squared difference).
pub fn psnr(a: ArrayView2<f64>, b: ArrayView2<f64>, range: f64) -> f64 {
    let mse = a.iter().zip(b).map(|(p, q)| (p - q).powi(2)).sum::<f64>() / a.len() as f64;
    10.0 * (range * range / mse).log10()
}

/// Wasserstein-1 distance of the values of two images of one size: the mean difference of sorted values, in their unit.
pub fn wasserstein(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let sorted = |image: ArrayView2<f64>| {
        let mut values: Vec<f64> = image.iter().copied().collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (p, q) = (sorted(a), sorted(b));
    p.iter().zip(&q).map(|(x, y)| (x - y).abs()).sum::<f64>() / p.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_images_are_alike_and_others_less() {
        let a = Array2::from_shape_fn((24, 20), |(y, x)| ((y * x) as f64 * 0.1).sin());
        assert!((ssim(a.view(), a.view(), 2.0) - 1.0).abs() < 1e-12);
        let b = a.mapv(|v| v + 0.5);
        let (shifted, opposite) = (ssim(a.view(), b.view(), 2.0), ssim(a.view(), a.mapv(|v| -v).view(), 2.0));
        assert!(shifted < 0.5 && opposite < 0.5, "{shifted} {opposite}");
        // constant images: (2 m n + c1) / (m^2 + n^2 + c1)
        let (m, n) = (Array2::from_elem((12, 12), 1.0), Array2::from_elem((12, 12), 2.0));
        let c1 = 0.01f64.powi(2);
        assert!((ssim(m.view(), n.view(), 1.0) - (4.0 + c1) / (5.0 + c1)).abs() < 1e-9);
        assert!((psnr(m.view(), n.view(), 10.0) - 20.0).abs() < 1e-12);
        assert_eq!(wasserstein(a.view(), a.view()), 0.0);
        assert!((wasserstein(a.view(), b.view()) - 0.5).abs() < 1e-12);
        let mut turned = a.clone();
        turned.invert_axis(Axis(0));
        assert_eq!(wasserstein(a.view(), turned.view()), 0.0);
    }
}

use crate::learn::metrics::fourier::{Convolution, Fourier};
use crate::learn::metrics::pixels::{psnr, ssim, wasserstein};
use crate::learn::metrics::shape::{Shape, profile_error};
use crate::learn::metrics::spectra::{Curves, Ring};
use crate::learn::scaling::ChannelScaling;
use ndarray::{Array2, ArrayView2};
use std::collections::BTreeMap;
use std::f64::consts::TAU;

/// Numbers of an image by name ([`NAMES`]); one that it does not have is not there.
pub type Numbers = BTreeMap<&'static str, f64>;

/// Names of the numbers of an image, in the order of tables, with what they are in few words.
pub const NAMES: [(&str, &str); 14] = [
    ("mass_error", "(M - M_truth) / M_truth"),
    ("profile_error", "mean |ln| of the radial profile"),
    ("r50_error", "(R50 - R50_truth) / R50_truth"),
    ("centre_drift", "distance of the centres of light, beams"),
    ("asymmetry_error", "A - A_truth"),
    ("clumpiness_error", "S - S_truth"),
    ("power_ratio", "P / P_truth, mean over 0.2 to 1 k_beam"),
    ("power_error", "|ln P / P_truth|, mean over 0.2 to 1 k_beam"),
    ("correlation", "r(k), mean over 0.2 to 1 k_beam"),
    ("transfer", "T(k), mean over 0.2 to 1 k_beam"),
    ("wasserstein", "distance of the pixels' distributions, network units"),
    ("ssim", "structural similarity, network units"),
    ("psnr_db", "peak signal-to-noise ratio, network units, dB"),
    ("psnr_physical_db", "peak signal-to-noise ratio, physical values, dB"),
];

/// An image and what it should be, physical values of the truth's unit \[y, x\].
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The prediction.
    pub made: ArrayView2<'a, f64>,
    /// The truth.
    pub truth: ArrayView2<'a, f64>,
}

/// What all images of a data set are measured with.
#[derive(Debug, Clone)]
pub struct Measurer {
    channel: ChannelScaling,
    fourier: Fourier,
    rings: Vec<Ring>,
    /// Those within 0.2 to 1 k_beam.
    seen: Vec<usize>,
    fwhm_pixels: f64,
    k_beam: f64,
}

impl Measurer {
    /// For images of `size` \[y, x\] with pixels of `cell_rad` and a beam of FWHM `fwhm_rad` (geometric mean of its axes);
    /// `channel` is the truth's.
    pub fn new(size: [usize; 2], cell_rad: f64, fwhm_rad: f64, channel: &ChannelScaling) -> Measurer {
        let rings = Ring::all(size, cell_rad);
        let k_beam = TAU / fwhm_rad;
        let within = |i: &usize| (0.2 * k_beam..=k_beam).contains(&rings[*i].k);
        let seen = (0..rings.len()).filter(within).collect();
        let fourier = Fourier::new(size);
        Measurer { channel: channel.clone(), fourier, rings, seen, fwhm_pixels: fwhm_rad / cell_rad, k_beam }
    }

    /// Annuli of the curves.
    pub fn rings(&self) -> &[Ring] {
        &self.rings
    }

    /// Wave number of the beam, 2 pi / FWHM, rad^-1.
    pub fn k_beam(&self) -> f64 {
        self.k_beam
    }

    /// Mean of a curve over 0.2 to 1 k_beam.
    pub fn seen(&self, curve: &[f64]) -> f64 {
        self.seen.iter().map(|i| curve[*i]).sum::<f64>() / self.seen.len() as f64
    }

    /// An image in the truth's network units.
    pub fn stretched(&self, image: ArrayView2<f64>) -> Array2<f64> {
        // what has no network value (below a logarithm's end) is as far off as the truth's range
        image.mapv(|x| Some(f64::from(self.channel.from_physical(x))).filter(|u| u.is_finite()).unwrap_or(-1.0))
    }

    /// Everything about an image.
    pub fn measure(&self, case: Case) -> (Numbers, Curves) {
        let Case { made, truth } = case;
        let curves = Curves::of(&self.fourier, &self.rings, made, truth);
        let mut numbers = Numbers::new();
        let mut put = |name: &'static str, value: f64| {
            if value.is_finite() {
                numbers.insert(name, value);
            }
        };
        put("mass_error", made.sum() / truth.sum() - 1.0);
        let logs: Vec<f64> = curves.ratio.iter().map(|r| r.max(1e-12).ln().abs()).collect();
        put("power_ratio", self.seen(&curves.ratio));
        put("power_error", self.seen(&logs));
        put("correlation", self.seen(&curves.correlation));
        put("transfer", self.seen(&curves.transfer));
        let side = (self.fwhm_pixels.round() as usize).max(3);
        if let Some(of_truth) = Shape::of(truth, side) {
            put("profile_error", profile_error(made, truth, of_truth.centre, 0.5 * self.fwhm_pixels));
            if let Some(shape) = Shape::of(made, side) {
                let drift = (shape.centre[0] - of_truth.centre[0]).hypot(shape.centre[1] - of_truth.centre[1]);
                put("centre_drift", drift / self.fwhm_pixels);
                put("r50_error", shape.r50 / of_truth.r50 - 1.0);
                put("asymmetry_error", shape.asymmetry - of_truth.asymmetry);
                put("clumpiness_error", shape.clumpiness - of_truth.clumpiness);
            }
        }
        let (u, v) = (self.stretched(made), self.stretched(truth));
        let range = |image: ArrayView2<f64>| {
            let ends = image.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], x| [a.min(*x), b.max(*x)]);
            ends[1] - ends[0]
        };
        put("psnr_physical_db", psnr(made, truth, range(truth)));
        let range = range(v.view());
        put("wasserstein", wasserstein(u.view(), v.view()));
        put("ssim", ssim(u.view(), v.view(), range));
        put("psnr_db", psnr(u.view(), v.view(), range));
        (numbers, curves)
    }
}

/// Reduced chi squared of an observed prediction: mean of ((PSF * made x `jy_per_pixel`) - mock)^2 / noise^2.
pub fn chi_squared(
    psf: &Convolution,
    made: ArrayView2<f64>,
    jy_per_pixel: f64,
    mock_jy: ArrayView2<f64>,
    noise_jy: f64,
) -> f64 {
    let seen = psf.apply(made) * jy_per_pixel;
    seen.iter().zip(mock_jy).map(|(s, m)| ((s - m) / noise_jy).powi(2)).sum::<f64>() / seen.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Scaling, ScalingKind};

    #[test]
    fn the_truth_is_perfect_and_a_multiple_is_off_by_its_factor() {
        let scaling = Scaling { kind: ScalingKind::Asinh, scale: 1.0, offset: 0.2, gain: 1.0, lambda: 1.0 };
        let channel = ChannelScaling::fitted("tb", "mK", None, scaling, 3.0);
        let measurer = Measurer::new([32, 32], 1e-5, 3.9e-5, &channel);
        // 32 pixels of a beam of not quite four: annulus 8 lies within
        assert_eq!(measurer.seen, [1, 2, 3, 4, 5, 6, 7]);
        let truth = Array2::from_shape_fn((32, 32), |(y, x)| {
            let r2 = (y as f64 - 15.0).powi(2) + (x as f64 - 17.0).powi(2);
            3.0 * (-r2 / 40.0).exp() + 0.3 * (-((y as f64 - 9.0).powi(2) + (x as f64 - 20.0).powi(2)) / 3.0).exp()
        });
        let (numbers, _) = measurer.measure(Case { made: truth.view(), truth: truth.view() });
        for (name, want) in
            [("mass_error", 0.0), ("power_error", 0.0), ("correlation", 1.0), ("ssim", 1.0), ("r50_error", 0.0)]
        {
            assert!((numbers[name] - want).abs() < 1e-9, "{name}: {}", numbers[name]);
        }
        let half = truth.mapv(|v| 0.5 * v);
        let (numbers, _) = measurer.measure(Case { made: half.view(), truth: truth.view() });
        assert!((numbers["mass_error"] + 0.5).abs() < 1e-12 && (numbers["power_ratio"] - 0.25).abs() < 1e-9);
        assert!((numbers["power_error"] - 4f64.ln()).abs() < 1e-9 && numbers["centre_drift"] < 1e-9);
        assert!(NAMES.iter().filter(|(name, _)| !numbers.contains_key(name)).count() == 0, "{numbers:?}");
    }
}

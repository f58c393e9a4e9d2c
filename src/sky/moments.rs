//! Moment maps and the integrated spectrum of a cube, for previews and checks.

use super::cube::SkyCube;
use crate::units::doppler_velocity_km_s;
use ndarray::{Array2, ArrayView3, Axis, Zip};

/// Moment maps; every number is finite.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Integral of S over frequency, Jy Hz per pixel, [y, x].
    pub moment0_jy_hz: Array2<f64>,
    /// Flux-weighted mean velocity, km/s, [y, x]; 0 where `valid` is false.
    pub moment1_km_s: Array2<f64>,
    /// Flux-weighted dispersion of the velocities about moment 1, km/s, [y, x]; 0 where `valid` is false. The channels'
    /// own width is in it (dv^2/12).
    pub moment2_km_s: Array2<f64>,
    /// Where moment 0 exceeds the threshold, [y, x].
    pub valid: Array2<bool>,
}

/// Velocity of each channel, km/s, positive receding: that whose relativistic Doppler shift moves `reference_hz` there.
///
/// With the line's observed frequency nu0 / (1 + z) as the reference this is the velocity within the object.
pub fn channel_velocities_km_s(cube: &SkyCube, reference_hz: f64) -> Vec<f64> {
    cube.freq_hz.iter().map(|freq| doppler_velocity_km_s(reference_hz / freq)).collect()
}

/// [`moment_maps`] of channels of equal width.
pub fn moments(cube: &SkyCube, reference_hz: f64, threshold: f64) -> Moments {
    let widths = vec![cube.channel_width_hz; cube.freq_hz.len()];
    moment_maps(cube.flux_jy.view(), &channel_velocities_km_s(cube, reference_hz), &widths, threshold)
}

/// Moments 0, 1 and 2 of flux densities [channel, y, x] whose channels have these velocities and widths; pixels with at
/// most `threshold` times the largest moment 0 are not `valid`.
///
/// Meant for model cubes: with noise, negative channels weigh in with their sign and a pixel's mean is kept within the
/// band.
pub fn moment_maps(flux_jy: ArrayView3<f64>, velocities_km_s: &[f64], widths_hz: &[f64], threshold: f64) -> Moments {
    let (low, high) =
        velocities_km_s.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    let (_, ny, nx) = flux_jy.dim();
    let (mut sum, mut weighted) = (Array2::<f64>::zeros((ny, nx)), Array2::<f64>::zeros((ny, nx)));
    let planes = || flux_jy.outer_iter().zip(velocities_km_s.iter().zip(widths_hz));
    for (plane, (velocity, width)) in planes() {
        sum.scaled_add(*width, &plane);
        weighted.scaled_add(width * velocity, &plane);
    }
    let floor = threshold.max(0.0) * sum.iter().copied().filter(|v| v.is_finite()).fold(0.0, f64::max);
    let valid = sum.mapv(|flux| flux.is_finite() && flux > floor);
    let mut mean = weighted;
    Zip::from(&mut mean).and(&sum).and(&valid).for_each(|mean, flux, ok| {
        *mean = if *ok { (*mean / flux).clamp(low, high) } else { 0.0 };
    });
    let mut spread = Array2::<f64>::zeros((ny, nx));
    for (plane, (velocity, width)) in planes() {
        Zip::from(&mut spread).and(&plane).and(&mean).for_each(|s, flux, mean| {
            *s += width * flux * (velocity - mean).powi(2);
        });
    }
    Zip::from(&mut spread).and(&sum).and(&valid).for_each(|s, flux, ok| {
        *s = if *ok { (*s / flux).max(0.0).sqrt() } else { 0.0 };
    });
    Moments { moment0_jy_hz: sum, moment1_km_s: mean, moment2_km_s: spread, valid }
}

/// Flux density of the whole image in each channel, Jy.
pub fn integrated_spectrum_jy(cube: &SkyCube) -> Vec<f64> {
    cube.flux_jy.axis_iter(Axis(0)).map(|plane| plane.sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::RaDec;
    use ndarray::Array3;

    #[test]
    fn moments_of_known_lines() {
        let mut flux_jy = Array3::zeros((3, 2, 2));
        flux_jy[[0, 0, 1]] = 1.0;
        flux_jy[[2, 0, 1]] = 3.0;
        flux_jy[[1, 1, 0]] = 2.0;
        flux_jy[[1, 1, 1]] = 1e-9;
        let cube = SkyCube {
            flux_jy,
            freq_hz: vec![1.41e9, 1.42e9, 1.43e9],
            channel_width_hz: 1e7,
            cell_rad: 1e-5,
            centre: RaDec::from_deg(0.0, 0.0),
            specsys: "BARYCENT".into(),
        };
        let got = moments(&cube, 1.42e9, 1e-6);
        let v = channel_velocities_km_s(&cube, 1.42e9);
        assert!(v[0] > 0.0 && v[1] == 0.0 && v[2] < 0.0);
        assert!((got.moment0_jy_hz[[0, 1]] - 4e7).abs() < 1e-3);
        assert!((got.moment1_km_s[[0, 1]] - 0.25 * (v[0] + 3.0 * v[2])).abs() < 1e-9);
        assert_eq!(got.moment1_km_s[[1, 0]], 0.0);
        // two lines of weights 1 and 3, a distance d apart: d sqrt(3)/4
        assert!((got.moment2_km_s[[0, 1]] / ((v[0] - v[2]) * 3f64.sqrt() / 4.0) - 1.0).abs() < 1e-12);
        assert_eq!((got.moment2_km_s[[1, 0]], got.moment2_km_s[[0, 0]]), (0.0, 0.0));
        // a channel of twice the width weighs twice
        let wide = moment_maps(cube.flux_jy.view(), &v, &[2e7, 1e7, 1e7], 1e-6);
        assert!((wide.moment1_km_s[[0, 1]] - 0.2 * (2.0 * v[0] + 3.0 * v[2])).abs() < 1e-9);
        assert_eq!(got.valid, ndarray::arr2(&[[false, true], [true, false]]));
        assert_eq!(integrated_spectrum_jy(&cube), vec![1.0, 2.0 + 1e-9, 3.0]);
    }
}

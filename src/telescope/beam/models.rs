use super::{POWER_FWHM_DEG_LAMBDA_OVER_D, VoltageBeam};
use crate::math::bessel::j1;
use crate::units::{C_M_S, DEG_RAD};
use std::f64::consts::{LN_2, PI};

fn power_fwhm_rad(diameter_m: f64, freq_hz: f64) -> f64 {
    POWER_FWHM_DEG_LAMBDA_OVER_D * DEG_RAD * C_M_S / freq_hz / diameter_m
}

/// No beam: 1 in every direction.
#[derive(Debug, Clone, Copy)]
pub struct Isotropic;

impl VoltageBeam for Isotropic {
    fn voltage(&self, _sin_theta: f64, _freq_hz: f64) -> f64 {
        1.0
    }

    fn is_unity(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "none".into()
    }
}

/// Gaussian of power FWHM 66 deg lambda/D: voltage exp(-2 ln 2 (theta/FWHM)^2).
#[derive(Debug, Clone, Copy)]
pub struct GaussianBeam {
    /// Dish diameter, m.
    pub diameter_m: f64,
}

impl VoltageBeam for GaussianBeam {
    fn voltage(&self, sin_theta: f64, freq_hz: f64) -> f64 {
        let x = sin_theta.asin() / power_fwhm_rad(self.diameter_m, freq_hz);
        (-2.0 * LN_2 * x * x).exp()
    }

    fn describe(&self) -> String {
        format!("gaussian power FWHM 66 deg lambda/D, D {} m", self.diameter_m)
    }
}

/// Airy pattern of a uniformly lit circular aperture: voltage 2 J1(x)/x, x = pi D sin(theta)/lambda.
#[derive(Debug, Clone, Copy)]
pub struct AiryBeam {
    /// Aperture diameter, m.
    pub diameter_m: f64,
}

impl VoltageBeam for AiryBeam {
    fn voltage(&self, sin_theta: f64, freq_hz: f64) -> f64 {
        let x = PI * self.diameter_m * sin_theta * freq_hz / C_M_S;
        // 1 - x^2/8 is exact to 1e-17 there, where 2 J1(x)/x is 0/0
        if x.abs() < 1e-4 { 1.0 - x * x / 8.0 } else { 2.0 * j1(x) / x }
    }

    fn describe(&self) -> String {
        format!("airy, D {} m", self.diameter_m)
    }
}

/// The voltage of cosine-tapered illumination at a distance in FWHMs of the power.
pub(super) fn cosine_taper(fwhms: f64) -> f64 {
    let r = 1.188_964_78 * fwhms;
    let below = 1.0 - 4.0 * r * r;
    // at r = 1/2 numerator and denominator vanish together; the limit is pi/4
    if below.abs() < 1e-7 { PI / 4.0 } else { (PI * r).cos() / below }
}

/// Cosine-tapered illumination: voltage cos(pi r)/(1 - 4 r^2), r = 1.18896478 theta/FWHM_power
/// (Essential Radio Astronomy, Condon & Ransom 2016, eq. 3.95; MeerKAT's katbeam 0.1).
#[derive(Debug, Clone, Copy)]
pub struct CosineTaperBeam {
    /// Dish diameter, m.
    pub diameter_m: f64,
}

impl VoltageBeam for CosineTaperBeam {
    fn voltage(&self, sin_theta: f64, freq_hz: f64) -> f64 {
        cosine_taper(sin_theta.asin() / power_fwhm_rad(self.diameter_m, freq_hz))
    }

    fn describe(&self) -> String {
        format!("cosine taper power FWHM 66 deg lambda/D, D {} m", self.diameter_m)
    }
}

/// OSKAR's Gaussian station: voltage exp(-4 ln 2 sin^2(theta)/sin^2(F)), F = FWHM of the voltage.
#[derive(Debug, Clone, Copy)]
pub struct VoltageGaussianBeam {
    /// FWHM of the voltage pattern at the reference frequency, rad.
    pub fwhm_rad: f64,
    /// Reference frequency, Hz.
    pub reference_hz: f64,
}

impl VoltageBeam for VoltageGaussianBeam {
    fn voltage(&self, sin_theta: f64, freq_hz: f64) -> f64 {
        let x = sin_theta / (self.fwhm_rad * self.reference_hz / freq_hz).sin();
        (-4.0 * LN_2 * x * x).exp()
    }

    fn describe(&self) -> String {
        format!("gaussian voltage FWHM {:.6} deg at {} MHz", self.fwhm_rad / DEG_RAD, self.reference_hz / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NU: f64 = 1.4e9;

    #[test]
    fn power_is_one_half_at_half_the_stated_width() {
        let half_width = 0.5 * power_fwhm_rad(15.0, NU);
        let beams: [&dyn VoltageBeam; 2] = [&GaussianBeam { diameter_m: 15.0 }, &CosineTaperBeam { diameter_m: 15.0 }];
        for beam in beams {
            let power = beam.voltage(half_width.sin(), NU).powi(2);
            assert!((power - 0.5).abs() < 2e-6, "{}: {power}", beam.describe());
            assert_eq!(beam.voltage(0.0, NU), 1.0);
        }
    }

    #[test]
    fn airy_has_its_first_null_at_1_22_lambda_over_d() {
        let beam = AiryBeam { diameter_m: 25.0 };
        let null = 1.219_669_891_266_504_5 * C_M_S / NU / 25.0;
        assert!(beam.voltage(null, NU).abs() < 1e-12);
        assert!(beam.voltage(null * 0.9, NU) > 0.0 && beam.voltage(null * 1.1, NU) < 0.0);
        assert!((beam.voltage(1e-9, NU) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn cosine_taper_is_continuous_at_its_removable_pole() {
        let beam = CosineTaperBeam { diameter_m: 15.0 };
        let pole = (0.5 / 1.188_964_78 * power_fwhm_rad(15.0, NU)).sin();
        let around = [0.999_999, 1.0, 1.000_001].map(|f| beam.voltage(pole * f, NU));
        assert!((around[0] - around[1]).abs() < 1e-5 && (around[2] - around[1]).abs() < 1e-5, "{around:?}");
    }

    #[test]
    fn airy_has_the_half_power_width_of_a_uniform_aperture() {
        // 2 J1(x)/x = 1/sqrt 2 at x = 1.616340 (FWHM 1.02899 lambda/D, Born & Wolf 1999, sec. 8.5.2)
        let beam = AiryBeam { diameter_m: 25.0 };
        let half = 0.5 * 1.028_994 * C_M_S / NU / 25.0;
        assert!((beam.voltage(half, NU).powi(2) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn the_gaussian_of_oskar_halves_the_voltage_at_half_its_width() {
        let beam = VoltageGaussianBeam { fwhm_rad: 1.2 * DEG_RAD, reference_hz: NU };
        // sin(F/2) / sin(F) is 1/2 to F^2/8
        assert!((beam.voltage((0.6 * DEG_RAD).sin(), NU) - 0.5).abs() < 1e-4);
        assert!((beam.voltage((0.3 * DEG_RAD).sin(), 2.0 * NU) - 0.5).abs() < 1e-4);
    }

    #[test]
    fn widths_scale_with_wavelength_over_diameter() {
        let theta = 0.4 * power_fwhm_rad(15.0, NU);
        let beams: [(&dyn VoltageBeam, &dyn VoltageBeam); 3] = [
            (&GaussianBeam { diameter_m: 15.0 }, &GaussianBeam { diameter_m: 30.0 }),
            (&CosineTaperBeam { diameter_m: 15.0 }, &CosineTaperBeam { diameter_m: 30.0 }),
            (&AiryBeam { diameter_m: 15.0 }, &AiryBeam { diameter_m: 30.0 }),
        ];
        for (small, large) in beams {
            let expected = small.voltage(theta.sin(), NU);
            assert!((small.voltage((theta / 2.0).sin(), 2.0 * NU) - expected).abs() < 1e-4, "{}", small.describe());
            assert!((large.voltage(theta.sin(), NU / 2.0) - expected).abs() < 1e-14, "{}", small.describe());
            assert!(expected > 0.5 && expected < 0.9);
        }
    }
}

//! Component lists: points and Gaussians with Stokes parameters and a spectrum.

use crate::error::{Error, Result};
use crate::formats::oskar::OskarSource;
use crate::units::RaDec;
use nalgebra::{Matrix5, Vector5};
use std::f64::consts::{LN_2, PI};

/// One point or Gaussian source.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Direction in the frame of the observation.
    pub direction: RaDec,
    /// Stokes I, Q, U, V at `reference_hz`, Jy.
    pub stokes_jy: [f64; 4],
    /// Reference frequency of the spectrum, Hz; 0 for a flat spectrum.
    pub reference_hz: f64,
    /// Terms of the logarithmic polynomial: S = S0 x^(a0 + a1 lg x + ...), x = nu/reference.
    pub spectral_index: Vec<f64>,
    /// Shape; `None` is a point.
    pub shape: Option<GaussianShape>,
}

/// An elliptical Gaussian on the sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianShape {
    /// FWHM of the major axis, rad.
    pub major_rad: f64,
    /// FWHM of the minor axis, rad.
    pub minor_rad: f64,
    /// Position angle of the major axis from local north through east, rad.
    pub angle_rad: f64,
}

impl From<OskarSource> for Component {
    fn from(source: OskarSource) -> Component {
        Component {
            direction: source.direction,
            stokes_jy: source.stokes_jy,
            reference_hz: source.reference_freq_hz.unwrap_or(0.0),
            spectral_index: source.spectral_index,
            shape: source.gaussian.map(|g| GaussianShape {
                major_rad: g.major_fwhm_rad,
                minor_rad: g.minor_fwhm_rad,
                angle_rad: g.position_angle_rad,
            }),
        }
    }
}

impl Component {
    /// Stokes I, Q, U, V at `freq_hz`, Jy.
    pub fn stokes_at(&self, freq_hz: f64) -> [f64; 4] {
        if self.reference_hz <= 0.0 || self.spectral_index.is_empty() {
            return self.stokes_jy;
        }
        let x = freq_hz / self.reference_hz;
        let exponent = self.spectral_index.iter().rev().fold(0.0, |sum, a| sum * x.log10() + a);
        self.stokes_jy.map(|s| s * x.powf(exponent))
    }
}

/// The visibility of a unit Gaussian relative to a point: exp(-(a u^2 + b u v + c v^2)), u and v in
/// wavelengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GaussianTaper {
    /// Coefficients a, b, c.
    pub abc: [f64; 3],
}

impl GaussianTaper {
    /// Projects `shape` at `direction` into the (l, m) plane of `phase_centre`.
    ///
    /// Six points of the half-maximum ellipse are placed on the sphere and projected, and a conic is
    /// fitted to them (OSKAR's method, exact to second order in the size). `snap_tolerance` is OSKAR's
    /// habit of dropping the cross term of conics with min(|b/a|, |b/c|) at or below it: 1e-3 there,
    /// 0 for none.
    pub fn project(
        shape: GaussianShape,
        direction: RaDec,
        phase_centre: RaDec,
        snap_tolerance: f64,
    ) -> Result<GaussianTaper> {
        let (half_major, half_minor) = (0.5 * shape.major_rad, 0.5 * shape.minor_rad);
        let (sin_pa, cos_pa) = shape.angle_rad.sin_cos();
        let mut points = [[0.0; 2]; 6];
        for (j, point) in points.iter_mut().enumerate() {
            let (s, c) = (j as f64 * PI / 3.0).sin_cos();
            let l = half_major * c * sin_pa + half_minor * s * cos_pa;
            let m = half_major * c * cos_pa - half_minor * s * sin_pa;
            let lmn = RaDec::from_lm(l, m, direction).lmn(phase_centre);
            *point = [lmn[0], lmn[1]];
        }
        let bad = || {
            Error::input("a Gaussian source cannot be projected into the image plane")
                .found(format!(
                    "FWHM {:.3e} x {:.3e} rad at RA {:.6} Dec {:.6} rad",
                    shape.major_rad, shape.minor_rad, direction.ra_rad, direction.dec_rad
                ))
                .expected("positive axes, well below the distance to 90 degrees from the phase centre")
        };
        // one length for both axes of the fit, so that it is equally well conditioned for any size
        let mean = [0, 1].map(|k| points.iter().map(|p| p[k]).sum::<f64>() / 6.0);
        let size = points.iter().map(|p| (p[0] - mean[0]).hypot(p[1] - mean[1])).fold(0.0, f64::max);
        if !(size > 0.0 && size.is_finite() && half_major > 0.0 && half_minor > 0.0) {
            return Err(bad());
        }
        let (mut normal, mut right) = (Matrix5::<f64>::zeros(), Vector5::<f64>::zeros());
        for p in points {
            let (x, y) = ((p[0] - mean[0]) / size, (p[1] - mean[1]) / size);
            let row = Vector5::new(x * x, x * y, y * y, x, y);
            normal += row * row.transpose();
            right += row;
        }
        let fit = normal.lu().solve(&right).ok_or_else(bad)?;
        let [a, b, c, d, e] = [fit[0], fit[1], fit[2], fit[3], fit[4]];
        let turned = b != 0.0 && (b / a).abs().min((b / c).abs()) > snap_tolerance;
        let phi = if turned { 0.5 * (b / (c - a)).atan() } else { 0.0 };
        let (s, cs) = phi.sin_cos();
        let ax = a * cs * cs - if turned { b * cs * s } else { 0.0 } + c * s * s;
        let ay = a * s * s + if turned { b * cs * s } else { 0.0 } + c * cs * cs;
        let (dx, dy) = (d * cs - e * s, d * s + e * cs);
        let f = 1.0 + dx * dx / (4.0 * ax) + dy * dy / (4.0 * ay);
        let (fwhm2_x, fwhm2_y) = (4.0 * f / ax * size * size, 4.0 * f / ay * size * size);
        if !(fwhm2_x > 0.0 && fwhm2_y > 0.0) {
            return Err(bad());
        }
        // the ellipse's own axes in (l, m): (cos phi, -sin phi) and (sin phi, cos phi)
        let k = PI * PI / (4.0 * LN_2);
        Ok(GaussianTaper {
            abc: [
                k * (fwhm2_x * cs * cs + fwhm2_y * s * s),
                k * 2.0 * cs * s * (fwhm2_y - fwhm2_x),
                k * (fwhm2_x * s * s + fwhm2_y * cs * cs),
            ],
        })
    }

    /// The exponent a u^2 + b u v + c v^2.
    pub fn exponent(&self, u: f64, v: f64) -> f64 {
        let [a, b, c] = self.abc;
        a * u * u + b * u * v + c * v * v
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ARCSEC_RAD;

    #[test]
    fn a_small_gaussian_at_the_phase_centre_keeps_its_axes() {
        let centre = RaDec::from_deg(30.0, -40.0);
        for degrees in [0.0f64, 20.0, 45.0, 90.0, 135.0, 179.0] {
            let shape = GaussianShape {
                major_rad: 60.0 * ARCSEC_RAD,
                minor_rad: 20.0 * ARCSEC_RAD,
                angle_rad: degrees.to_radians(),
            };
            let taper = GaussianTaper::project(shape, centre, centre, 0.0).unwrap();
            let (s, c) = shape.angle_rad.sin_cos();
            for (u, v) in [(1000.0, 0.0), (0.0, 1500.0), (800.0, -900.0)] {
                let along = shape.major_rad * (u * s + v * c);
                let across = shape.minor_rad * (u * c - v * s);
                let expected = PI * PI / (4.0 * LN_2) * (along * along + across * across);
                let got = taper.exponent(u, v);
                assert!((got - expected).abs() < 1e-6 * expected.max(1e-3), "{degrees}: {got} {expected}");
            }
        }
    }

    /// Far off the phase centre, against the sum over points spread on the sphere as the Gaussian says.
    #[test]
    fn a_gaussian_off_the_phase_centre_is_what_its_points_add_up_to() {
        let centre = RaDec::from_deg(30.0, -40.0);
        let direction = RaDec::from_deg(75.0, -15.0);
        let shape = GaussianShape { major_rad: 120.0 * ARCSEC_RAD, minor_rad: 45.0 * ARCSEC_RAD, angle_rad: 0.6 };
        let taper = GaussianTaper::project(shape, direction, centre, 0.0).unwrap();
        let [l0, m0, _] = direction.lmn(centre);
        let (sin, cos) = shape.angle_rad.sin_cos();
        for (u, v) in [(700.0, 0.0), (0.0, 900.0), (500.0, 600.0), (500.0, -600.0), (-1500.0, 400.0)] {
            let (mut re, mut im, mut sum) = (0.0, 0.0, 0.0);
            for i in -40..=40 {
                for j in -40..=40 {
                    // along the major and the minor axis in units of their FWHM
                    let (a, b) = (f64::from(i) * 0.05, f64::from(j) * 0.05);
                    let weight = (-4.0 * LN_2 * (a * a + b * b)).exp();
                    let (a, b) = (a * shape.major_rad, b * shape.minor_rad);
                    let [l, m, _] = RaDec::from_lm(a * sin + b * cos, a * cos - b * sin, direction).lmn(centre);
                    let (s, c) = (2.0 * PI * (u * (l - l0) + v * (m - m0))).sin_cos();
                    (re, im, sum) = (re + weight * c, im + weight * s, sum + weight);
                }
            }
            let expected = (-taper.exponent(u, v)).exp();
            // the curvature of the sphere over 2 arcmin is 6e-4 of the size
            assert!((re / sum - expected).abs() < 1e-3 && (im / sum).abs() < 1e-3, "{u} {v}: {re} {im} {expected}");
            assert!(expected < 0.97, "{u} {v}: {expected} tells nothing");
        }
    }

    #[test]
    fn an_impossible_gaussian_is_refused() {
        let centre = RaDec::from_deg(30.0, -40.0);
        for (major_rad, minor_rad) in [(0.0, 0.0), (1e-3, 0.0), (-1e-3, 1e-3), (f64::NAN, 1e-3), (1e-3, f64::NAN)] {
            let shape = GaussianShape { major_rad, minor_rad, angle_rad: 0.1 };
            let error = GaussianTaper::project(shape, centre, centre, 0.0).unwrap_err();
            assert!(error.to_string().contains("positive axes"), "{error}");
        }
    }

    #[test]
    fn the_spectrum_is_a_logarithmic_polynomial() {
        let component = Component {
            direction: RaDec::from_deg(0.0, 0.0),
            stokes_jy: [2.0, 1.0, 0.0, -0.5],
            reference_hz: 1e8,
            spectral_index: vec![-0.7, 0.1],
            shape: None,
        };
        let x: f64 = 3.0;
        let factor = x.powf(-0.7 + 0.1 * x.log10());
        for (got, s) in component.stokes_at(3e8).iter().zip(component.stokes_jy) {
            assert!((got - s * factor).abs() < 1e-14);
        }
    }
}

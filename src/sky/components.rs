//! Component lists: points and Gaussians with Stokes parameters and a spectrum.

use crate::error::{Error, Result};
use crate::formats::oskar::{OskarSource, OskarSpectrum};
use crate::units::{C_M_S, RaDec};
use nalgebra::{Matrix5, Vector5};
use std::f64::consts::{LN_2, LN_10, PI};

/// One point or Gaussian source.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Direction in the frame of the observation.
    pub direction: RaDec,
    /// Stokes I, Q, U, V where the spectrum is 1, Jy.
    pub stokes_jy: [f64; 4],
    /// How they change with frequency.
    pub spectrum: Spectrum,
    /// How Q and U turn with frequency besides.
    pub faraday: Option<FaradayRotation>,
    /// Shape; `None` is a point.
    pub shape: Option<GaussianShape>,
}

/// Flux density over frequency, relative to [`Component::stokes_jy`] unless a variant says otherwise.
#[derive(Debug, Clone, PartialEq)]
pub enum Spectrum {
    /// 1 at every frequency.
    Flat,
    /// x^(a0 + a1 lg x + a2 (lg x)^2 + ...), x = nu/reference.
    LogPolynomial {
        /// Hz.
        reference_hz: f64,
        /// a0, a1, ...; none: 1 at every frequency.
        terms: Vec<f64>,
    },
    /// S_I + a0 (x - 1) + a1 (x - 1)^2 + ... in Jy, x = nu/reference, and Q, U, V in proportion (WSClean's and DP3's ordinary
    /// polynomial).
    Polynomial {
        /// Hz.
        reference_hz: f64,
        /// a0, a1, ..., Jy.
        terms_jy: Vec<f64>,
    },
    /// A sum of Gaussian lines, each with its own Stokes parameters in place of the component's.
    Lines(Vec<SpectralLine>),
    /// Stokes parameters at frequencies in ascending order, in place of the component's: those of the nearest (OSKAR).
    Nearest(Vec<(f64, [f64; 4])>),
    /// Stokes parameters at frequencies in ascending order, in place of the component's: linear between them (in the logarithms
    /// where both are positive), 0 outside.
    Table(Vec<(f64, [f64; 4])>),
}

/// A Gaussian line: stokes exp(-(nu - centre)^2/(2 sigma^2)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectralLine {
    /// Hz.
    pub centre_hz: f64,
    /// Standard deviation, Hz.
    pub sigma_hz: f64,
    /// I, Q, U, V at the centre, Jy.
    pub stokes_jy: [f64; 4],
}

/// chi(nu) = chi_0 + RM (lambda^2 - lambda_0^2), by which Q + iU turns at twice its rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaradayRotation {
    /// Rotation measure, rad/m^2.
    pub rm_rad_m2: f64,
    /// Wavelength at which Q and U are stated, m; 0 for the intrinsic ones.
    pub reference_m: f64,
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
        let (reference_hz, stokes_jy) = source.flux.first().copied().unwrap_or_default();
        let spectrum = match source.spectrum {
            OskarSpectrum::Lines(widths) => {
                let line = |((centre_hz, stokes_jy), sigma_hz): ((f64, [f64; 4]), f64)| SpectralLine {
                    centre_hz,
                    sigma_hz,
                    stokes_jy,
                };
                Spectrum::Lines(source.flux.into_iter().zip(widths).map(line).collect())
            }
            OskarSpectrum::Nearest => Spectrum::Nearest(source.flux),
            _ if reference_hz <= 0.0 => Spectrum::Flat,
            // x^(a1 lg x) = exp(a1 (ln x)^2 / ln 10)
            OskarSpectrum::Curved { index, curvature } => {
                Spectrum::LogPolynomial { reference_hz, terms: vec![index, curvature * LN_10] }
            }
            OskarSpectrum::Logarithmic(terms) => Spectrum::LogPolynomial { reference_hz, terms },
            OskarSpectrum::Linear(terms_jy) => Spectrum::Polynomial { reference_hz, terms_jy },
        };
        let faraday =
            source.rotation_measure.map(|(rm_rad_m2, reference_m)| FaradayRotation { rm_rad_m2, reference_m });
        let shape = source.gaussian.map(|g| GaussianShape {
            major_rad: g.major_fwhm_rad,
            minor_rad: g.minor_fwhm_rad,
            angle_rad: g.position_angle_rad,
        });
        Component { spectrum, faraday, shape, ..Component::point(source.direction, stokes_jy) }
    }
}

impl Component {
    /// A point with a flat spectrum.
    pub fn point(direction: RaDec, stokes_jy: [f64; 4]) -> Component {
        Component { direction, stokes_jy, spectrum: Spectrum::Flat, faraday: None, shape: None }
    }

    /// Stokes I, Q, U, V at `freq_hz`, Jy.
    pub fn stokes_at(&self, freq_hz: f64) -> [f64; 4] {
        let [i, q, u, v] = self.spectrum.stokes_at(self.stokes_jy, freq_hz);
        let Some(FaradayRotation { rm_rad_m2, reference_m }) = self.faraday else {
            return [i, q, u, v];
        };
        let (sin, cos) = (2.0 * rm_rad_m2 * ((C_M_S / freq_hz).powi(2) - reference_m.powi(2))).sin_cos();
        [i, q * cos - u * sin, q * sin + u * cos, v]
    }
}

impl Spectrum {
    fn stokes_at(&self, stokes_jy: [f64; 4], freq_hz: f64) -> [f64; 4] {
        match self {
            Spectrum::Flat => stokes_jy,
            Spectrum::LogPolynomial { reference_hz, terms } => {
                let x = freq_hz / reference_hz;
                let exponent = terms.iter().rev().fold(0.0, |sum, a| sum * x.log10() + a);
                stokes_jy.map(|s| s * x.powf(exponent))
            }
            Spectrum::Polynomial { reference_hz, terms_jy } => {
                let x = freq_hz / reference_hz - 1.0;
                let added = x * terms_jy.iter().rev().fold(0.0, |sum, a| sum * x + a);
                // a component without I has nothing that Q, U and V could stay in proportion to
                let [i, q, u, v] = stokes_jy;
                let factor = if i == 0.0 { 1.0 } else { 1.0 + added / i };
                [i + added, q * factor, u * factor, v * factor]
            }
            Spectrum::Lines(lines) => lines.iter().fold([0.0; 4], |sum, line| {
                let offset = (freq_hz - line.centre_hz) / line.sigma_hz;
                let profile = (-0.5 * offset * offset).exp();
                std::array::from_fn(|k| sum[k] + line.stokes_jy[k] * profile)
            }),
            Spectrum::Nearest(entries) => {
                let nearest = |a: &&(f64, [f64; 4]), b: &&(f64, [f64; 4])| {
                    (a.0 - freq_hz).abs().total_cmp(&(b.0 - freq_hz).abs())
                };
                entries.iter().min_by(nearest).map_or([0.0; 4], |(_, stokes)| *stokes)
            }
            Spectrum::Table(entries) => table_at(entries, freq_hz),
        }
    }
}

fn table_at(entries: &[(f64, [f64; 4])], freq_hz: f64) -> [f64; 4] {
    let after = entries.partition_point(|(f, _)| *f < freq_hz);
    let Some(&(high_hz, high)) = entries.get(after) else { return [0.0; 4] };
    if high_hz == freq_hz {
        return high;
    }
    let Some(&(low_hz, low)) = after.checked_sub(1).and_then(|before| entries.get(before)) else { return [0.0; 4] };
    std::array::from_fn(|k| {
        if low[k] > 0.0 && high[k] > 0.0 {
            low[k] * (high[k] / low[k]).powf((freq_hz / low_hz).ln() / (high_hz / low_hz).ln())
        } else {
            low[k] + (high[k] - low[k]) * (freq_hz - low_hz) / (high_hz - low_hz)
        }
    })
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
            spectrum: Spectrum::LogPolynomial { reference_hz: 1e8, terms: vec![-0.7, 0.1] },
            ..Component::point(RaDec::from_deg(0.0, 0.0), [2.0, 1.0, 0.0, -0.5])
        };
        let x: f64 = 3.0;
        let factor = x.powf(-0.7 + 0.1 * x.log10());
        for (got, s) in component.stokes_at(3e8).iter().zip(component.stokes_jy) {
            assert!((got - s * factor).abs() < 1e-14);
        }
    }

    /// Callingham et al. (2017), equation 2.
    #[test]
    fn a_curved_spectrum_of_oskar_is_a_polynomial_in_the_logarithm() {
        let text = "Format = RaD, DecD, I, ReferenceFrequency, SpectralIndex, SpectralCurvature\n1 2 3 1e8 -0.7 0.2\n";
        let component = Component::from(crate::formats::oskar::parse_oskar_sky(text, "t").unwrap().remove(0));
        let x = 2.5f64;
        let want = 3.0 * x.powf(-0.7) * (0.2 * x.ln().powi(2)).exp();
        assert!((component.stokes_at(2.5e8)[0] - want).abs() < 1e-12);
    }

    #[test]
    fn spectra_are_their_formulas() {
        let with =
            |spectrum| Component { spectrum, ..Component::point(RaDec::from_deg(0.0, 0.0), [2.0, 1.0, 0.0, -0.5]) };
        let near = |got: [f64; 4], want: [f64; 4]| {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} {want:?}");
        };
        let polynomial = with(Spectrum::Polynomial { reference_hz: 1e8, terms_jy: vec![0.5, -0.25] });
        // x - 1 = 2: 2 + 1 - 1
        near(polynomial.stokes_at(3e8), [2.0, 1.0, 0.0, -0.5]);
        near(polynomial.stokes_at(2e8), [2.25, 1.125, 0.0, -0.5625]);
        let line = |centre_hz, i| SpectralLine { centre_hz, sigma_hz: 1e6, stokes_jy: [i, 0.0, 0.0, 0.1] };
        let lines = with(Spectrum::Lines(vec![line(1e8, 2.0), line(1.02e8, 1.0)]));
        let far = (-2.0f64).exp();
        near(lines.stokes_at(1e8), [2.0 + far, 0.0, 0.0, 0.1 + 0.1 * far]);
        let table = with(Spectrum::Table(vec![(1e8, [1.0, 1.0, -1.0, 0.0]), (4e8, [4.0, 0.0, 2.0, 0.0])]));
        near(table.stokes_at(2e8), [2.0, 2.0 / 3.0, 0.0, 0.0]);
        near(table.stokes_at(4e8), [4.0, 0.0, 2.0, 0.0]);
        near(table.stokes_at(0.9e8), [0.0; 4]);
        near(table.stokes_at(4.1e8), [0.0; 4]);
        let nearest = with(Spectrum::Nearest(vec![(1e8, [1.0; 4]), (2e8, [2.0; 4])]));
        near(nearest.stokes_at(1.4e8), [1.0; 4]);
        near(nearest.stokes_at(9e8), [2.0; 4]);
    }

    /// OSKAR turns Q and U of sources with a spectral index by the rotation measure alone; here all four follow the index.
    #[test]
    fn faraday_rotation_turns_q_and_u_and_the_index_scales_them() {
        let component = Component {
            spectrum: Spectrum::LogPolynomial { reference_hz: 1.5e8, terms: vec![-0.7] },
            faraday: Some(FaradayRotation { rm_rad_m2: 25.0, reference_m: C_M_S / 1.5e8 }),
            ..Component::point(RaDec::from_deg(0.0, 0.0), [2.0, 0.6, 0.8, 0.1])
        };
        assert_eq!(component.stokes_at(1.5e8), [2.0, 0.6, 0.8, 0.1]);
        let [i, q, u, v] = component.stokes_at(1.6e8);
        let factor = (1.6f64 / 1.5).powf(-0.7);
        assert!((i - 2.0 * factor).abs() < 1e-12 && (v - 0.1 * factor).abs() < 1e-12);
        let turned = 0.5 * (0.8f64).atan2(0.6) + 25.0 * ((C_M_S / 1.6e8).powi(2) - (C_M_S / 1.5e8).powi(2));
        assert!((q - factor * (2.0 * turned).cos()).abs() < 1e-12 && (u - factor * (2.0 * turned).sin()).abs() < 1e-12);
    }
}

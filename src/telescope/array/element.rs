use super::SphericalWaves;
use crate::units::C_M_S;
use rustfft::num_complex::Complex64;
use std::f64::consts::{FRAC_PI_2, LN_2, PI};

/// The pattern of the two feeds of an antenna.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// What the feeds are.
    pub pattern: Pattern,
    /// What their pattern is multiplied by.
    pub taper: Taper,
    /// Angles by which the feeds X and Y are turned from east and north, from east towards north, rad.
    pub feed_angle_rad: [f64; 2],
}

/// What a feed is.
#[derive(Debug, Clone, PartialEq)]
pub enum Pattern {
    /// The same voltage in all directions and polarisations: the unit matrix.
    Isotropic,
    /// Two crossed thin dipoles of this length, X along east and Y along north.
    Dipole(DipoleLength),
    /// Sums of spherical waves (OSKAR's numerical patterns).
    SphericalWaves(SphericalWaves),
}

/// Length of a dipole from tip to tip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DipoleLength {
    /// In wavelengths at every frequency; 0.5 is a half-wave dipole.
    Wavelengths(f64),
    /// In metres.
    Metres(f64),
}

/// A factor of an element's pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Taper {
    /// 1.
    None,
    /// cos^power of the zenith distance.
    Cosine {
        /// The power.
        power: f64,
    },
    /// Gaussian in the zenith distance whose voltage has this FWHM at this frequency, and a width as 1/frequency; or the
    /// same at every frequency where that is 0.
    Gaussian {
        /// FWHM, rad.
        fwhm_rad: f64,
        /// Hz.
        reference_hz: f64,
    },
}

/// A 2 x 2 matrix by rows.
pub(super) type Matrix = [Complex64; 4];

impl Element {
    /// Voltages of X and Y (rows) for the components theta and phi (columns) of a wave from `direction` (east, north, up; a unit
    /// vector).
    ///
    /// Dipoles: Balanis, Antenna Theory, eq. 4-62, turned to lie along the horizon.
    pub(super) fn voltages(&self, direction: [f64; 3], freq_hz: f64) -> Matrix {
        let taper = self.taper.at(direction[2], freq_hz);
        match &self.pattern {
            Pattern::SphericalWaves(waves) => {
                waves.voltages(direction, self.feed_angle_rad, freq_hz).map(|v| v * taper)
            }
            Pattern::Isotropic => [taper, 0.0, 0.0, taper].map(Complex64::from),
            Pattern::Dipole(length) => {
                let wavelengths = match length {
                    DipoleLength::Wavelengths(length) => *length,
                    DipoleLength::Metres(length) => *length * freq_hz / C_M_S,
                };
                let half = PI * wavelengths;
                let cos_half = half.cos();
                let [angle_x, angle_y] = self.feed_angle_rad;
                let x = dipole(direction, angle_x, half, cos_half);
                // an azimuth that is a quarter of a turn further gives Y, with the phase of OSKAR's
                let y = dipole(direction, angle_y - FRAC_PI_2, half, cos_half);
                [x[0], x[1], y[0], y[1]].map(|v| Complex64::from(v * taper))
            }
        }
    }

    /// Voltage for an unpolarised wave, whose square is the power of Stokes I: the root of half the sum of the squares.
    pub(super) fn voltage(&self, direction: [f64; 3], freq_hz: f64) -> f64 {
        (0.5 * self.voltages(direction, freq_hz).iter().map(|v| v.norm_sqr()).sum::<f64>()).sqrt()
    }

    /// Longest path (m) by which its voltages change with frequency as sums of phases; 0 where they do not change, `None` where
    /// they change in other ways. `scalar`: the voltage for unpolarised waves.
    pub(super) fn path_m(&self, scalar: bool) -> Option<f64> {
        let of_taper = match self.taper {
            Taper::None | Taper::Cosine { .. } => true,
            Taper::Gaussian { reference_hz, .. } => reference_hz == 0.0,
        };
        let path = match &self.pattern {
            // of the nearest frequency that there is a file for
            Pattern::SphericalWaves(_) => None,
            Pattern::Isotropic | Pattern::Dipole(DipoleLength::Wavelengths(_)) => Some(0.0),
            // cos(pi L nu/c cos) and cos(pi L nu/c); the root of a sum of squares is no such sum
            Pattern::Dipole(DipoleLength::Metres(length)) => (!scalar).then_some(0.5 * *length),
        };
        path.filter(|_| of_taper)
    }

    /// In words, for headers.
    pub(super) fn describe(&self) -> String {
        let pattern = match &self.pattern {
            Pattern::SphericalWaves(waves) => waves.describe(),
            Pattern::Isotropic => "isotropic elements".into(),
            Pattern::Dipole(DipoleLength::Wavelengths(length)) => format!("dipoles of {length} wavelengths"),
            Pattern::Dipole(DipoleLength::Metres(length)) => format!("dipoles of {length} m"),
        };
        match self.taper {
            Taper::None => pattern,
            Taper::Cosine { power } => format!("{pattern} with taper cos^{power}"),
            Taper::Gaussian { fwhm_rad, .. } => {
                format!("{pattern} with a Gaussian taper of {:.3} deg", fwhm_rad.to_degrees())
            }
        }
    }
}

/// theta and phi components of a dipole that lies `angle_rad` from east towards north.
fn dipole([east, north, up]: [f64; 3], angle_rad: f64, half: f64, cos_half: f64) -> [f64; 2] {
    let sin_theta = east.hypot(north);
    // at the zenith the azimuth is taken as that of east
    let (cos_phi, sin_phi) = if sin_theta > 0.0 { (east / sin_theta, north / sin_theta) } else { (1.0, 0.0) };
    let (sin_angle, cos_angle) = angle_rad.sin_cos();
    let (cos, sin) = (cos_phi * cos_angle + sin_phi * sin_angle, sin_phi * cos_angle - cos_phi * sin_angle);
    let along = cos * sin_theta;
    let across = 1.0 - along * along;
    // along its own axis a dipole neither sends nor receives
    let size = if across < 1e-14 { 0.0 } else { ((half * along).cos() - cos_half) / across };
    [-cos * up * size, sin * size]
}

impl Taper {
    fn at(&self, up: f64, freq_hz: f64) -> f64 {
        match *self {
            Taper::None => 1.0,
            Taper::Cosine { power } => up.max(0.0).powf(power),
            Taper::Gaussian { fwhm_rad, reference_hz } => {
                let fwhm_rad = if reference_hz > 0.0 { fwhm_rad * reference_hz / freq_hz } else { fwhm_rad };
                let x = up.clamp(-1.0, 1.0).acos() / fwhm_rad;
                (-4.0 * LN_2 * x * x).exp()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_WAVE: Pattern = Pattern::Dipole(DipoleLength::Wavelengths(0.5));

    fn towards(theta: f64, phi: f64) -> [f64; 3] {
        [theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()]
    }

    /// The formula of data/oskar-cases/README.md, case 06, in angles.
    #[test]
    fn half_wave_dipoles_are_oskars() {
        let element = Element { pattern: HALF_WAVE, taper: Taper::None, feed_angle_rad: [0.0; 2] };
        for (theta, phi) in [(0.3, 0.2), (1.2, 2.0), (0.8, -2.9), (1.5, 1.0)] {
            let got = element.voltages(towards(theta, phi), 150e6);
            for (row, turned) in [(0, phi), (2, phi + FRAC_PI_2)] {
                let d = 1.0 - turned.cos().powi(2) * theta.sin().powi(2);
                let f = ((FRAC_PI_2 * turned.cos() * theta.sin()).cos() - FRAC_PI_2.cos()) / d;
                let want = [-turned.cos() * theta.cos() * f, turned.sin() * f];
                assert!((got[row].re - want[0]).abs() < 1e-14 && (got[row + 1].re - want[1]).abs() < 1e-14);
            }
        }
        // overhead both have their full length, and the same power
        let up = element.voltages(towards(0.0, 0.0), 150e6);
        let want = [-1.0, 0.0, 0.0, 1.0];
        assert!(up.iter().zip(want).all(|(u, w)| (u - w).norm() < 1e-15), "{up:?}");
        assert!((element.voltage(towards(0.0, 0.0), 1e8) - 1.0).abs() < 1e-15);
        // X sees nothing from the east on the horizon
        assert_eq!(element.voltages(towards(FRAC_PI_2, 0.0), 1e8)[..2], [Complex64::ZERO; 2]);
    }

    #[test]
    fn a_turned_feed_is_the_feed_seen_from_another_side() {
        let turned = Element { pattern: HALF_WAVE, taper: Taper::None, feed_angle_rad: [0.4, 0.4] };
        let straight = Element { feed_angle_rad: [0.0; 2], ..turned.clone() };
        let (a, b) = (turned.voltages(towards(0.9, 1.0), 1e8), straight.voltages(towards(0.9, 0.6), 1e8));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).norm() < 1e-15));
    }

    #[test]
    fn tapers_and_lengths_follow_their_formulas() {
        let short = Pattern::Dipole(DipoleLength::Metres(1.0));
        let cosine = Element { pattern: short, taper: Taper::Cosine { power: 2.0 }, feed_angle_rad: [0.0; 2] };
        let plain = Element { taper: Taper::None, ..cosine.clone() };
        let at = towards(1.0, 0.7);
        let ratio = cosine.voltages(at, 1e8)[0] / plain.voltages(at, 1e8)[0];
        assert!((ratio - 1f64.cos().powi(2)).norm() < 1e-14);
        // a metre is half a wave at 149.9 MHz
        let half = Element { pattern: HALF_WAVE, ..plain.clone() };
        let (a, b) = (plain.voltages(at, 0.5 * C_M_S), half.voltages(at, 1.0));
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).norm() < 1e-14));
        let taper = Taper::Gaussian { fwhm_rad: 1.0, reference_hz: 1e8 };
        let gaussian = Element { pattern: Pattern::Isotropic, taper, feed_angle_rad: [0.0; 2] };
        assert!((gaussian.voltage(towards(0.5, 0.0), 1e8) - 0.5).abs() < 1e-14);
        assert!((gaussian.voltage(towards(0.25, 0.0), 2e8) - 0.5).abs() < 1e-14);
    }
}

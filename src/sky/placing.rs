//! Where on the sky and in frequency an object stands.
//!
//! `redshift` is what is observed, (1 + z) = (1 + z_cos)(1 + z_pec), with the relativistic Doppler shift
//! 1 + z_pec = sqrt((1 + v/c)/(1 - v/c)) of a radial peculiar velocity v. The luminosity distance is the
//! one of M_HI = 49.7 D_L^2 integral S dnu, that is, of the source as observed, and
//! D_A = D_L / (1 + z)^2 (Etherington 1933, which holds whatever the source's motion). So a given
//! `distance` is D_L itself; a peculiar velocity moves the line and, through D_A, the size.

use crate::error::{Error, Result};
use crate::units::hi::NU0_HZ;
use crate::units::{C_KM_S, RaDec, doppler_ratio, doppler_velocity_km_s};

/// Distance, redshift and the cosmology's figures at that redshift: plain numbers, however found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Observed redshift.
    pub redshift: f64,
    /// Redshift of the Hubble flow at the object, the one of T_b = C h H0/(a^2 H(a)) rho/rho_c.
    pub cosmological_redshift: f64,
    /// Luminosity distance, Mpc.
    pub luminosity_distance_mpc: f64,
    /// H0 / (100 km/s/Mpc).
    pub h: f64,
    /// H at the cosmological redshift, km/s/Mpc.
    pub hubble_km_s_mpc: f64,
    /// Frequency in the channels' frame over that in the redshift's frame
    /// ([`frequency_ratio`](crate::time::frequency_ratio)); 1 where they are one frame.
    pub frame_ratio: f64,
}

impl Placement {
    /// An object in the Hubble flow, moving with `peculiar_velocity_km_s` (positive: receding).
    pub fn new(
        cosmological_redshift: f64,
        peculiar_velocity_km_s: f64,
        luminosity_distance_mpc: f64,
        h: f64,
        hubble_km_s_mpc: f64,
    ) -> Result<Placement> {
        let placement = Placement {
            redshift: (1.0 + cosmological_redshift) * doppler_ratio(peculiar_velocity_km_s) - 1.0,
            cosmological_redshift,
            luminosity_distance_mpc,
            h,
            hubble_km_s_mpc,
            frame_ratio: 1.0,
        };
        placement.check()?;
        Ok(placement)
    }

    /// An error where a number cannot be: z <= -1, or a distance or Hubble rate that is not positive.
    pub fn check(&self) -> Result<()> {
        let z = "a redshift above -1";
        let positive = "a positive number";
        let rows = [
            ("the redshift", 1.0 + self.redshift, self.redshift, z),
            ("the cosmological redshift", 1.0 + self.cosmological_redshift, self.cosmological_redshift, z),
            ("the luminosity distance in Mpc", self.luminosity_distance_mpc, self.luminosity_distance_mpc, positive),
            ("H0/100", self.h, self.h, positive),
            ("H(z) in km/s/Mpc", self.hubble_km_s_mpc, self.hubble_km_s_mpc, positive),
            ("the ratio of frequencies in two frames", self.frame_ratio, self.frame_ratio, positive),
        ];
        match rows.iter().find(|row| !(row.1 > 0.0 && row.1.is_finite())) {
            Some((name, _, value, expected)) => {
                Err(Error::input(format!("{name} is out of range")).found(value).expected(expected))
            }
            None => Ok(()),
        }
    }

    /// D_L / (1 + z)^2, Mpc.
    pub fn angular_diameter_distance_mpc(&self) -> f64 {
        self.luminosity_distance_mpc / (1.0 + self.redshift).powi(2)
    }

    /// Observed frequency of the line of gas at rest in the object, Hz, in the channels' frame.
    pub fn line_freq_hz(&self) -> f64 {
        NU0_HZ / (1.0 + self.redshift) * self.frame_ratio
    }

    /// Observed frequency of gas receding at `velocity_km_s` within the object, by the relativistic Doppler shift of a
    /// radial velocity: nu_line sqrt((1 - v/c)/(1 + v/c)).
    pub fn freq_hz(&self, velocity_km_s: f64) -> f64 {
        self.line_freq_hz() / doppler_ratio(velocity_km_s)
    }

    /// The inverse of [`Placement::freq_hz`], km/s.
    pub fn velocity_km_s(&self, freq_hz: f64) -> f64 {
        doppler_velocity_km_s(self.line_freq_hz() / freq_hz)
    }

    /// Rest-frame width of a channel, km/s: c (1 + z) dnu / nu0.
    pub fn rest_width_km_s(&self, channel_width_hz: f64) -> f64 {
        C_KM_S * channel_width_hz / self.line_freq_hz()
    }

    /// Physical length of a pixel of `cell_rad`, kpc.
    pub fn pixel_kpc(&self, cell_rad: f64) -> f64 {
        cell_rad * self.angular_diameter_distance_mpc() * 1e3
    }
}

/// From physical offsets at an object to pixels of an image with another centre.
#[derive(Debug, Clone, Copy)]
pub struct PixelFrame {
    object: RaDec,
    centre: RaDec,
    distance_kpc: f64,
    cell_rad: f64,
    middle: [f64; 2],
}

impl PixelFrame {
    /// The frame of an image whose 0-based pixel `reference` looks at `centre`.
    pub fn at(self, reference: [f64; 2]) -> PixelFrame {
        PixelFrame { middle: reference, ..self }
    }

    /// The frame of an `nx` by `ny` image whose pixel (nx/2, ny/2) looks at `centre` for an object at `object`.
    pub fn new(placement: &Placement, object: RaDec, centre: RaDec, cell_rad: f64, nx: usize, ny: usize) -> PixelFrame {
        PixelFrame {
            object,
            centre,
            distance_kpc: placement.angular_diameter_distance_mpc() * 1e3,
            cell_rad,
            middle: [(nx / 2) as f64, (ny / 2) as f64],
        }
    }

    /// Fractional 0-based pixel (x, y) of gas `east_kpc`, `north_kpc` from the object's centre;
    /// `None` where it is not on the hemisphere about the image's centre.
    ///
    /// The angle theta from the object's centre has 2 sin(theta/2) = R / D_A, the azimuthal
    /// equal-area mapping: it equals R / D_A to third order and gives each solid angle Omega
    /// exactly the area Omega D_A^2, so that column densities, brightness temperatures and the SIN
    /// pixel's cell^2/n agree with each other at any field width.
    pub fn pixel(&self, east_kpc: f64, north_kpc: f64) -> Option<[f64; 2]> {
        let (x, y) = (east_kpc / self.distance_kpc, north_kpc / self.distance_kpc);
        // sin theta = 2 sin(theta/2) cos(theta/2); beyond R^2 = 2 D_A^2 theta exceeds 90 degrees
        let r_squared = x * x + y * y;
        if r_squared >= 2.0 {
            return None;
        }
        let shrink = (1.0 - 0.25 * r_squared).sqrt();
        let (mut l, mut m) = (x * shrink, y * shrink);
        if self.object != self.centre {
            let [l_image, m_image, n] = RaDec::from_lm(l, m, self.object).lmn(self.centre);
            if n <= 0.0 {
                return None;
            }
            (l, m) = (l_image, m_image);
        }
        Some([self.middle[0] - l / self.cell_rad, self.middle[1] + m / self.cell_rad])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::ARCSEC_RAD;

    #[test]
    fn frequencies_and_velocities_are_inverse() {
        let placement = Placement::new(0.1, 250.0, 460.0, 0.7, 74.0).unwrap();
        let beta: f64 = 250.0 / C_KM_S;
        let gamma = 1.0 / (1.0 - beta * beta).sqrt();
        assert!((placement.redshift - (1.1 * gamma * (1.0 + beta) - 1.0)).abs() < 1e-15);
        let shifted = Placement { frame_ratio: 1.0001, ..placement };
        for v in [-2.5e5, -400.0, 0.0, 3.0, 900.0, 2.9e5] {
            assert!((placement.velocity_km_s(placement.freq_hz(v)) - v).abs() < 1e-8 * (1.0 + v.abs()), "{v}");
            assert!((shifted.velocity_km_s(shifted.freq_hz(v)) - v).abs() < 1e-8 * (1.0 + v.abs()));
            assert!((shifted.freq_hz(v) / placement.freq_hz(v) - 1.0001).abs() < 1e-13);
        }
        assert!(placement.freq_hz(100.0) < placement.line_freq_hz());
        // km/s of a channel against its edges
        let (f, w) = (placement.line_freq_hz(), 1e4);
        let dv = placement.velocity_km_s(f - 0.5 * w) - placement.velocity_km_s(f + 0.5 * w);
        assert!((placement.rest_width_km_s(w) / dv - 1.0).abs() < 1e-9);
    }

    #[test]
    fn impossible_numbers_are_named() {
        let error = Placement::new(0.0, 0.0, -3.0, 0.7, 70.0).unwrap_err().to_string();
        assert!(error.contains("luminosity distance") && error.contains("-3"), "{error}");
        assert!(Placement::new(-1.5, 0.0, 3.0, 0.7, 70.0).is_err());
        assert!(Placement::new(0.1, 0.0, 3.0, f64::NAN, 70.0).is_err());
    }

    #[test]
    fn pixels_follow_east_left_north_up_and_the_angular_size() {
        let placement = Placement::new(0.0, 0.0, 20.0, 0.7, 70.0).unwrap();
        let at = RaDec::from_deg(30.0, -45.0);
        let frame = PixelFrame::new(&placement, at, at, 4.0 * ARCSEC_RAD, 512, 512);
        assert_eq!(frame.pixel(0.0, 0.0), Some([256.0, 256.0]));
        let kpc = placement.pixel_kpc(4.0 * ARCSEC_RAD);
        assert!((kpc - 0.387_85).abs() < 1e-4, "{kpc}");
        let [x, y] = frame.pixel(10.0 * kpc, 5.0 * kpc).unwrap();
        assert!((x - 246.0).abs() < 1e-6 && (y - 261.0).abs() < 1e-6);
        // an object half a degree east of the image's centre lies at l = sin(0.5 deg) cos(dec)...
        let other = RaDec::from_lm(0.01, -0.004, at);
        let frame = PixelFrame::new(&placement, other, at, 4.0 * ARCSEC_RAD, 512, 512);
        let [x, y] = frame.pixel(0.0, 0.0).unwrap();
        assert!((x - (256.0 - 0.01 / (4.0 * ARCSEC_RAD))).abs() < 1e-6);
        assert!((y - (256.0 - 0.004 / (4.0 * ARCSEC_RAD))).abs() < 1e-6);
        assert_eq!(frame.pixel(1e9, 0.0), None);
    }

    #[test]
    fn areas_equal_solid_angles() {
        // Jacobian of the mapping by differences at a wide angle: D^2 dOmega = dx dy, dOmega = dl dm / n
        let placement = Placement::new(0.0, 0.0, 1.0, 0.7, 70.0).unwrap();
        let at = RaDec::from_deg(0.0, 20.0);
        let frame = PixelFrame::new(&placement, at, at, 1.0, 0, 0);
        let (x, y, step) = (300.0, -450.0, 1e-2);
        let at = |dx: f64, dy: f64| frame.pixel(x + dx, y + dy).unwrap().map(f64::abs);
        let (a, b, c, d) = (at(step, 0.0), at(-step, 0.0), at(0.0, step), at(0.0, -step));
        let j = |k: usize, p: [f64; 2], q: [f64; 2]| (p[k] - q[k]) / (2.0 * step);
        let jacobian = (j(0, a, b) * j(1, c, d) - j(0, c, d) * j(1, a, b)).abs();
        let [l, m] = at(0.0, 0.0);
        let n = (1.0 - l * l - m * m).sqrt();
        assert!((jacobian / n * 1e6 - 1.0).abs() < 1e-7, "{jacobian} {n}");
    }
}

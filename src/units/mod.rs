//! Physical constants, the 21 cm coefficients that follow from them, and quantities with units.
//!
//! Plain `f64` with the unit in the name is used throughout (`freq_hz`, `flux_jy`); this module
//! is where text such as `"2 arcsec"` becomes such a number.

mod box_length;
mod galactic;
pub mod hi;
mod quantity;

pub use box_length::{BoxLength, parse_box_lengths};
pub use galactic::from_galactic;
pub use quantity::{Dimension, format_quantity, parse_quantities, parse_quantity};

/// Speed of light, m/s (exact).
pub const C_M_S: f64 = 299_792_458.0;
/// Speed of light, km/s (exact).
pub const C_KM_S: f64 = 299_792.458;
/// Boltzmann constant, J/K (exact, SI 2019).
pub const K_B_J_K: f64 = 1.380_649e-23;
/// Planck constant, J s (exact, SI 2019).
pub const H_PLANCK_J_S: f64 = 6.626_070_15e-34;
/// Gravitational constant, m^3 kg^-1 s^-2 (CODATA 2018).
pub const G_SI: f64 = 6.674_30e-11;
/// Mass of the hydrogen atom, kg (CODATA 2018 proton + electron - binding energy).
pub const M_H_KG: f64 = 1.673_532_838e-27;
/// Mass of the proton, kg (CODATA 2018).
pub const M_P_KG: f64 = 1.672_621_923_69e-27;
/// Parsec, m (IAU 2015 B2).
pub const PC_M: f64 = 3.085_677_581_491_367e16;
/// Solar mass, kg (IAU 2015 GM_sun over CODATA 2018 G).
pub const MSUN_KG: f64 = 1.988_409_870_698_051e30;
/// Jansky, W m^-2 Hz^-1.
pub const JY_SI: f64 = 1e-26;
/// Radians in one degree.
pub const DEG_RAD: f64 = std::f64::consts::PI / 180.0;
/// Radians in one arcsecond.
pub const ARCSEC_RAD: f64 = DEG_RAD / 3600.0;
/// Seconds in one day of UTC without a leap second.
pub const DAY_S: f64 = 86_400.0;

/// Wavelength ratio 1 + z of light from a source that recedes at `velocity_km_s` without moving sideways:
/// sqrt((1 + b)/(1 - b)), b = v/c.
pub fn doppler_ratio(velocity_km_s: f64) -> f64 {
    let beta = velocity_km_s / C_KM_S;
    ((1.0 + beta) / (1.0 - beta)).sqrt()
}

/// The inverse of [`doppler_ratio`], km/s: c (r^2 - 1)/(r^2 + 1).
pub fn doppler_velocity_km_s(ratio: f64) -> f64 {
    let squared = ratio * ratio;
    // (r - 1)(r + 1) keeps the digits of ratios near 1
    C_KM_S * (ratio - 1.0) * (ratio + 1.0) / (squared + 1.0)
}

/// A direction on the celestial sphere, in the frame of the observation (ICRS by default).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RaDec {
    /// Right ascension, rad.
    pub ra_rad: f64,
    /// Declination, rad.
    pub dec_rad: f64,
}

impl RaDec {
    /// From degrees.
    pub fn from_deg(ra_deg: f64, dec_deg: f64) -> RaDec {
        RaDec { ra_rad: ra_deg * DEG_RAD, dec_rad: dec_deg * DEG_RAD }
    }

    /// Direction cosines (l east, m north, n towards the phase centre) of this direction.
    ///
    /// n is negative for directions more than 90 degrees from the phase centre.
    pub fn lmn(self, phase_centre: RaDec) -> [f64; 3] {
        let (sd, cd) = self.dec_rad.sin_cos();
        let (sd0, cd0) = phase_centre.dec_rad.sin_cos();
        let (sa, ca) = (self.ra_rad - phase_centre.ra_rad).sin_cos();
        [cd * sa, sd * cd0 - cd * sd0 * ca, sd * sd0 + cd * cd0 * ca]
    }

    /// The direction at direction cosines (l, m) of the near hemisphere about `phase_centre`.
    pub fn from_lm(l: f64, m: f64, phase_centre: RaDec) -> RaDec {
        let n = (1.0 - l * l - m * m).max(0.0).sqrt();
        let (sd0, cd0) = phase_centre.dec_rad.sin_cos();
        let ra_rad = phase_centre.ra_rad + l.atan2(n * cd0 - m * sd0);
        RaDec { ra_rad, dec_rad: (m * cd0 + n * sd0).clamp(-1.0, 1.0).asin() }
    }

    /// Unit vector (x towards RA 0, z towards the pole).
    pub fn unit_vector(self) -> [f64; 3] {
        let (sd, cd) = self.dec_rad.sin_cos();
        let (sa, ca) = self.ra_rad.sin_cos();
        [cd * ca, cd * sa, sd]
    }
}

use crate::error::{Error, Result};
use crate::units::{DAY_S, DEG_RAD};
use std::f64::consts::TAU;

/// A 3x3 matrix, rows first.
pub type Matrix3 = [[f64; 3]; 3];

/// The celestial frame that right ascensions and declinations are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// ICRS: IAU 2006 precession, 2000A nutation, Earth rotation angle; no aberration.
    Icrs,
    /// OSKAR's: apparent RA/Dec of date, GMST82 + short equation of the equinoxes, UT1 = UTC, no
    /// polar motion.
    Oskar,
}

/// How the Earth is turned: the frame and the parameters no formula predicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarthOrientation {
    /// Celestial frame.
    pub frame: Frame,
    /// UT1 - UTC, s. Ignored by [`Frame::Oskar`].
    pub ut1_minus_utc_s: f64,
    /// Polar motion (x, y), rad. Ignored by [`Frame::Oskar`].
    pub polar_motion_rad: [f64; 2],
}

impl EarthOrientation {
    /// The frame with UT1 = UTC and no polar motion.
    pub fn new(frame: Frame) -> EarthOrientation {
        EarthOrientation { frame, ut1_minus_utc_s: 0.0, polar_motion_rad: [0.0; 2] }
    }

    /// The matrix M of v_terrestrial = M v_celestial at `mjd_utc`.
    ///
    /// ICRS: SOFA's c2t06a; an error outside 1972 to 2100, where UTC has no whole leap seconds or nobody
    /// can know them. OSKAR: R3(GAST).
    pub fn celestial_to_terrestrial(&self, mjd_utc: f64) -> Result<Matrix3> {
        match self.frame {
            Frame::Icrs => {
                const MJD0: f64 = 2_400_000.5;
                let outside = |_| {
                    Error::input("the date is outside the range of UTC")
                        .found(format!("MJD {mjd_utc}"))
                        .expected("a date from 1972 to 2100")
                };
                // sofars passes over SOFA's warning "dubious year", and takes TAI-UTC as 0 before 1960
                if !(41_317.0..88_070.0).contains(&mjd_utc) {
                    return Err(outside(0));
                }
                let (tai1, tai2) = sofars::ts::utctai(MJD0, mjd_utc).map_err(outside)?;
                let (tt1, tt2) = sofars::ts::taitt(tai1, tai2).map_err(outside)?;
                let (ut1, ut2) = sofars::ts::utcut1(MJD0, mjd_utc, self.ut1_minus_utc_s).map_err(outside)?;
                let [xp, yp] = self.polar_motion_rad;
                Ok(sofars::pnp::c2t06a(tt1, tt2, ut1, ut2, xp, yp))
            }
            Frame::Oskar => {
                let (s, c) = oskar_gast_rad(mjd_utc).sin_cos();
                Ok([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
            }
        }
    }

    /// East longitude of the point over which `direction` (celestial unit vector) stands, rad.
    fn sub_longitude_rad(&self, direction: [f64; 3], mjd_utc: f64) -> Result<f64> {
        let m = self.celestial_to_terrestrial(mjd_utc)?;
        let along = |row: [f64; 3]| row[0] * direction[0] + row[1] * direction[1] + row[2] * direction[2];
        Ok(along(m[1]).atan2(along(m[0])))
    }

    /// The first time at or after `from_mjd_utc` at which `direction` has hour angle `hour_angle_rad`
    /// at east longitude `longitude_rad`; MJD (UTC), to a microsecond.
    pub fn time_of_hour_angle(
        &self,
        direction: [f64; 3],
        longitude_rad: f64,
        hour_angle_rad: f64,
        from_mjd_utc: f64,
    ) -> Result<f64> {
        // sidereal turns per solar day: only the speed of Newton's iteration depends on it
        const TURNS_PER_DAY: f64 = 1.002_737_909_35;
        let wait = |mjd: f64| -> Result<f64> {
            Ok(hour_angle_rad - (longitude_rad - self.sub_longitude_rad(direction, mjd)?))
        };
        let mut mjd = from_mjd_utc + wait(from_mjd_utc)?.rem_euclid(TAU) / TAU / TURNS_PER_DAY;
        for _ in 0..4 {
            let left = wait(mjd)?;
            mjd += (left - (left / TAU).round() * TAU) / TAU / TURNS_PER_DAY;
        }
        Ok(mjd)
    }
}

/// Greenwich apparent sidereal time as OSKAR computes it, rad (oskar_convert_mjd_to_gmst and
/// oskar_equation_of_equinoxes_fast; formulae in OSKAR's documentation of its time conversions).
fn oskar_gast_rad(mjd: f64) -> f64 {
    let d = mjd - 51_544.5;
    let t = d / 36_525.0;
    let gmst_s = 24_110.548_41 + 8_640_184.812_866 * t + 0.093_104 * t * t - 6.2e-6 * t * t * t + DAY_S * mjd.fract();
    let node = (125.04 - 0.052_954 * d) * DEG_RAD;
    let sun = (280.47 + 0.985_65 * d) * DEG_RAD;
    let obliquity = (23.4393 - 4e-7 * d) * DEG_RAD;
    let equation_h = (-0.000_319 * node.sin() - 0.000_024 * (2.0 * sun).sin()) * obliquity.cos();
    ((gmst_s / DAY_S).rem_euclid(1.0) + equation_h / 24.0).rem_euclid(1.0) * TAU
}

/// Transpose of `m` times `v`: terrestrial to celestial for the matrix above.
pub fn transpose_times(m: &Matrix3, v: [f64; 3]) -> [f64; 3] {
    [0, 1, 2].map(|j| m[0][j] * v[0] + m[1][j] * v[1] + m[2][j] * v[2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::RaDec;

    #[test]
    fn oskar_gast_equals_the_reference_case() {
        // case.json of OSKAR reference case 01: first mid-point 60512.75 + 300 s
        let gast = oskar_gast_rad(60512.75 + 300.0 / DAY_S);
        assert!((gast - 3.686_930_735_611_355_7).abs() < 2e-10, "{gast}");
    }

    #[test]
    fn hour_angle_is_found_in_both_frames() {
        let direction = RaDec::from_deg(200.0, -45.0).unit_vector();
        for frame in [Frame::Icrs, Frame::Oskar] {
            let earth = EarthOrientation::new(frame);
            for ha in [-3.0, 0.0, 1.5] {
                let mjd = earth.time_of_hour_angle(direction, 0.37, ha, 61_000.0).unwrap();
                assert!((61_000.0..61_001.0).contains(&mjd), "{frame:?} {ha}: {mjd}");
                let got = 0.37 - earth.sub_longitude_rad(direction, mjd).unwrap();
                let off = (got - ha).rem_euclid(TAU);
                assert!(off.min(TAU - off) < 1e-9, "{frame:?} {ha}: {got}");
            }
        }
    }
}

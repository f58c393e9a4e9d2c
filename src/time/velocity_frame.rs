//! Rest frames of spectra: how each moves, and what a frequency of one is in another.
//!
//! The frames are those of SPECSYS in the FITS standard (Greisen et al. 2006, section 7 and table 12). A frame is an
//! observer's velocity relative to the barycentre of the solar system, in ICRS axes; the standard motions below are the
//! sun's, so that the frame of rest moves with their opposite:
//!
//! | frame | motion of the sun in it | source |
//! |---|---|---|
//! | LSRK | 20 km/s towards RA 18 h, Dec +30 deg (B1900) | Gordon 1976 |
//! | LSRD | (U, V, W) = (9, 12, 7) km/s: 16.6 km/s towards l = 53, b = +25 deg | Delhaye 1965 |
//! | GALACTOC | 220 km/s towards l = 90, b = 0 | Kerr & Lynden-Bell 1986 |
//! | LOCALGRP | 300 km/s towards l = 90, b = 0 | IAU Trans. XVI B, 1977, p. 201 |
//! | CMBDIPOL | c 3.346 mK / 2.725 K = 368.1 km/s towards l = 263.85, b = +48.25 deg | Bennett et al. 2003 |
//!
//! These are astropy's values, too (`SpectralCoord`, `astropy.wcs`; but astropy 8.0.2 loses the direction of CMBDIPOL). CASA has 308 km/s towards l = 105, b = -7 deg for
//! LOCALGRP. HELIOCEN and GEOCENTR move with the sun and the Earth (SOFA's epv00), TOPOCENT with a place on the Earth.

use super::earth::{EarthOrientation, Frame, transpose_times};
use crate::error::{Error, Result};
use crate::units::{C_KM_S, DAY_S, DEG_RAD, RaDec, doppler_ratio};
use std::f64::consts::TAU;

/// Astronomical unit, km (IAU 2012).
const AU_KM: f64 = 149_597_870.7;
/// The sun's motion in LSRK, km/s, ICRS axes: 20 km/s towards RA 18 h, Dec +30 deg of B1900 (FK4).
const SUN_IN_LSRK: [f64; 3] = [0.289_997_068_390_346, -17.317_264_789_717_93, 10.001_411_995_469_47];
/// The sun's motion in LSRD, km/s, galactic axes (U to the centre, V with the rotation, W to the north pole).
const SUN_IN_LSRD: [f64; 3] = [9.0, 12.0, 7.0];

/// A rest frame of spectra.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VelocityFrame {
    /// TOPOCENT: of the telescope.
    Topocentric,
    /// GEOCENTR: of the Earth's centre.
    Geocentric,
    /// BARYCENT: of the solar system's barycentre.
    #[default]
    Barycentric,
    /// HELIOCEN: of the sun.
    Heliocentric,
    /// LSRK: the kinematic local standard of rest.
    Lsrk,
    /// LSRD: the dynamic local standard of rest.
    Lsrd,
    /// GALACTOC: of the galactic centre.
    Galactocentric,
    /// LOCALGRP: of the Local Group.
    LocalGroup,
    /// CMBDIPOL: in which the cosmic microwave background has no dipole.
    CmbDipole,
}

/// When and where an observer is, for the frames that depend on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observer {
    /// MJD (UTC).
    pub mjd_utc: f64,
    /// Place, geocentric on the Earth's axes (ITRF), m.
    pub site_ecef_m: [f64; 3],
    /// How the Earth is turned.
    pub earth: EarthOrientation,
}

impl VelocityFrame {
    /// All of them, the nearest first.
    pub const ALL: [VelocityFrame; 9] = [
        VelocityFrame::Topocentric,
        VelocityFrame::Geocentric,
        VelocityFrame::Barycentric,
        VelocityFrame::Heliocentric,
        VelocityFrame::Lsrk,
        VelocityFrame::Lsrd,
        VelocityFrame::Galactocentric,
        VelocityFrame::LocalGroup,
        VelocityFrame::CmbDipole,
    ];

    /// Value of SPECSYS.
    pub fn word(self) -> &'static str {
        match self {
            VelocityFrame::Topocentric => "TOPOCENT",
            VelocityFrame::Geocentric => "GEOCENTR",
            VelocityFrame::Barycentric => "BARYCENT",
            VelocityFrame::Heliocentric => "HELIOCEN",
            VelocityFrame::Lsrk => "LSRK",
            VelocityFrame::Lsrd => "LSRD",
            VelocityFrame::Galactocentric => "GALACTOC",
            VelocityFrame::LocalGroup => "LOCALGRP",
            VelocityFrame::CmbDipole => "CMBDIPOL",
        }
    }

    /// The frame of that name.
    pub fn named(word: &str) -> Option<VelocityFrame> {
        VelocityFrame::ALL.into_iter().find(|frame| frame.word() == word)
    }

    /// Whether its motion depends on when and where one observes.
    pub fn needs_observer(self) -> bool {
        matches!(self, VelocityFrame::Topocentric | VelocityFrame::Geocentric | VelocityFrame::Heliocentric)
    }

    /// Velocity relative to the barycentre, km/s, ICRS axes.
    ///
    /// Errors: a frame that needs an observer without one, a date outside 1972 to 2100.
    pub fn velocity_km_s(self, observer: Option<&Observer>) -> Result<[f64; 3]> {
        let minus = |v: [f64; 3]| v.map(|x| -x);
        match (self, observer) {
            (VelocityFrame::Barycentric, _) => Ok([0.0; 3]),
            (VelocityFrame::Lsrk, _) => Ok(minus(SUN_IN_LSRK)),
            (VelocityFrame::Lsrd, _) => Ok(minus(galactic_to_icrs(SUN_IN_LSRD))),
            (VelocityFrame::Galactocentric, _) => Ok(minus(galactic_to_icrs([0.0, 220.0, 0.0]))),
            (VelocityFrame::LocalGroup, _) => Ok(minus(galactic_to_icrs([0.0, 300.0, 0.0]))),
            (VelocityFrame::CmbDipole, _) => {
                let towards = RaDec { ra_rad: 263.85 * DEG_RAD, dec_rad: 48.25 * DEG_RAD }.unit_vector();
                Ok(minus(galactic_to_icrs(towards.map(|x| x * 3.346e-3 / 2.725 * C_KM_S))))
            }
            (_, Some(observer)) => observer.velocity_km_s(self),
            (_, None) => Err(Error::input("this spectral frame moves with the observer")
                .found(self.word())
                .expected("a date and a telescope")),
        }
    }
}

impl Observer {
    fn velocity_km_s(&self, frame: VelocityFrame) -> Result<[f64; 3]> {
        const MJD0: f64 = 2_400_000.5;
        let earth = EarthOrientation { frame: Frame::Icrs, ..self.earth };
        // also finds dates without UTC
        let to_terrestrial = earth.celestial_to_terrestrial(self.mjd_utc)?;
        let outside = |_| Error::input("the date is outside the range of UTC").found(format!("MJD {}", self.mjd_utc));
        let (tai1, tai2) = sofars::ts::utctai(MJD0, self.mjd_utc).map_err(outside)?;
        let (tt1, tt2) = sofars::ts::taitt(tai1, tai2).map_err(outside)?;
        // the Earth's velocity changes by 0.01 mm/s in the 2 ms between TT and TDB
        let (heliocentric, barycentric) = sofars::eph::epv00(tt1, tt2).ok_or_else(|| {
            Error::input("the Earth's velocity is not known then").found(format!("MJD {}", self.mjd_utc))
        })?;
        let km_s = |v: [f64; 3]| v.map(|x| x * AU_KM / DAY_S);
        let (from_sun, from_barycentre) = (km_s(heliocentric[1]), km_s(barycentric[1]));
        Ok(match frame {
            VelocityFrame::Heliocentric => [0, 1, 2].map(|k| from_barycentre[k] - from_sun[k]),
            VelocityFrame::Topocentric => {
                // turns of the Earth against the stars in a day of UT1 (IAU 2000)
                let turning = 1.002_737_811_911_354_6 * TAU / DAY_S * 1e-3;
                let [x, y, _] = self.site_ecef_m;
                let by_rotation = transpose_times(&to_terrestrial, [-turning * y, turning * x, 0.0]);
                [0, 1, 2].map(|k| from_barycentre[k] + by_rotation[k])
            }
            _ => from_barycentre,
        })
    }
}

/// Frequency in the frame `to` over that in the frame `from`, for light from `direction` (ICRS).
///
/// The shift is that of the two frames' relative velocity along the line of sight, sqrt((1 + b)/(1 - b)), as FITS,
/// astropy and CASA define it: their motion across the line of sight changes frequencies by (v/c)^2/2 (8e-7 for
/// CMBDIPOL), which is left out.
///
/// Errors: those of [`VelocityFrame::velocity_km_s`].
pub fn frequency_ratio(
    from: VelocityFrame,
    to: VelocityFrame,
    direction: RaDec,
    observer: Option<&Observer>,
) -> Result<f64> {
    if from == to {
        return Ok(1.0);
    }
    let (a, b) = (from.velocity_km_s(observer)?, to.velocity_km_s(observer)?);
    let towards = direction.unit_vector();
    let approaching = (0..3).map(|k| (b[k] - a[k]) * towards[k]).sum::<f64>();
    Ok(doppler_ratio(approaching))
}

fn galactic_to_icrs(v: [f64; 3]) -> [f64; 3] {
    let speed = v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let (ra_rad, dec_rad) = sofars::coords::g2icrs(v[1].atan2(v[0]), (v[2] / speed).asin());
    RaDec { ra_rad, dec_rad }.unit_vector().map(|x| x * speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of tests/data/velocity_frames.csv, by scripts/velocity_frames.py: astropy's SpectralCoord.
    fn astropy() -> Vec<(VelocityFrame, RaDec, Observer, f64)> {
        include_str!("../../tests/data/velocity_frames.csv")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let words: Vec<&str> = line.split(',').collect();
                let number = |k: usize| words[k].parse::<f64>().unwrap();
                let observer = Observer {
                    mjd_utc: number(3),
                    site_ecef_m: [number(4), number(5), number(6)],
                    earth: EarthOrientation::new(Frame::Icrs),
                };
                let frame = VelocityFrame::named(words[0]).unwrap();
                (frame, RaDec::from_deg(number(1), number(2)), observer, number(7))
            })
            .collect()
    }

    #[test]
    fn frequencies_equal_those_of_astropy() {
        let rows = astropy();
        assert!(VelocityFrame::ALL.iter().all(|frame| rows.iter().any(|row| row.0 == *frame)));
        for (frame, direction, observer, expected) in rows {
            let ratio = frequency_ratio(VelocityFrame::Barycentric, frame, direction, Some(&observer)).unwrap();
            // 3e-10 is 9 cm/s; UT1 = UTC here, which moves a telescope by up to 0.03 m/s
            assert!((ratio - expected).abs() < 3e-10, "{frame:?} {direction:?}: {:.2e}", ratio - expected);
            let back = frequency_ratio(frame, VelocityFrame::Barycentric, direction, Some(&observer)).unwrap();
            assert!((ratio * back - 1.0).abs() < 1e-15);
            assert!((ratio - 1.0).abs() < 2e-3);
        }
    }

    #[test]
    fn names_are_those_of_the_standard_and_observers_are_asked_for() {
        for frame in VelocityFrame::ALL {
            assert_eq!(VelocityFrame::named(frame.word()), Some(frame));
            assert_eq!(frame.velocity_km_s(None).is_err(), frame.needs_observer(), "{frame:?}");
        }
        assert_eq!(VelocityFrame::named("lsrk"), None);
        let error = VelocityFrame::Topocentric.velocity_km_s(None).unwrap_err().to_string();
        assert!(error.contains("TOPOCENT") && error.contains("telescope"), "{error}");
        let observer = Observer { mjd_utc: 1e4, site_ecef_m: [0.0; 3], earth: EarthOrientation::new(Frame::Icrs) };
        assert!(VelocityFrame::Geocentric.velocity_km_s(Some(&observer)).is_err());
    }
}

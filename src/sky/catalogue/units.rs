//! Words for units in catalogues, as VizieR, the FITS standard and the Virtual Observatory write them.

use crate::units::{ARCSEC_RAD, DEG_RAD};
use std::f64::consts::PI;

/// What a column measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Angle, rad.
    Angle,
    /// Flux density, Jy.
    Flux,
    /// Frequency, Hz.
    Frequency,
    /// Rotation measure, rad/m^2.
    RotationMeasure,
    /// A number without a unit.
    Number,
}

impl Measure {
    /// The units that are known, in words.
    pub fn units(self) -> &'static str {
        match self {
            Measure::Angle => "deg, rad, hourangle, arcmin, arcsec or mas",
            Measure::Flux => "Jy, mJy, uJy or kJy",
            Measure::Frequency => "Hz, kHz, MHz or GHz",
            Measure::RotationMeasure => "rad/m2",
            Measure::Number => "no unit",
        }
    }

    /// The size of a unit; `None`: not a unit of this.
    pub fn scale(self, unit: &str) -> Option<f64> {
        let word = unit.trim();
        match self {
            Measure::Angle => match word.to_ascii_lowercase().as_str() {
                "deg" | "degree" | "degrees" | "°" => Some(DEG_RAD),
                "rad" | "radian" | "radians" => Some(1.0),
                "arcmin" | "amin" => Some(60.0 * ARCSEC_RAD),
                "arcsec" | "asec" | "arcsecond" | "arcseconds" => Some(ARCSEC_RAD),
                "mas" => Some(1e-3 * ARCSEC_RAD),
                "h" | "hr" | "hour" | "hours" | "hourangle" => Some(PI / 12.0),
                _ => None,
            },
            // a capital makes another prefix
            Measure::Flux => match word {
                "Jy" | "JY" | "jy" | "Jansky" | "jansky" => Some(1.0),
                "mJy" | "mjy" => Some(1e-3),
                "uJy" | "µJy" | "μJy" => Some(1e-6),
                "kJy" => Some(1e3),
                _ => None,
            },
            Measure::Frequency => match word {
                "Hz" | "HZ" | "hz" => Some(1.0),
                "kHz" => Some(1e3),
                "MHz" | "MHZ" => Some(1e6),
                "GHz" | "GHZ" => Some(1e9),
                _ => None,
            },
            Measure::RotationMeasure => {
                let plain: String = word.chars().filter(|c| !matches!(c, ' ' | '*' | '^' | '.' | '(' | ')')).collect();
                matches!(plain.as_str(), "rad/m2" | "radm-2" | "radm2").then_some(1.0)
            }
            Measure::Number => matches!(word, "" | "-" | "--" | "1" | "---").then_some(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_files_are_known() {
        for (measure, unit, scale) in [
            (Measure::Angle, "deg", DEG_RAD),
            (Measure::Angle, " arcsec ", ARCSEC_RAD),
            (Measure::Angle, "hourangle", PI / 12.0),
            (Measure::Flux, "mJy", 1e-3),
            (Measure::Flux, "Jy", 1.0),
            (Measure::Frequency, "MHz", 1e6),
            (Measure::RotationMeasure, "rad m**(-2)", 1.0),
            (Measure::RotationMeasure, "rad/m^2", 1.0),
            (Measure::Number, "", 1.0),
        ] {
            assert_eq!(measure.scale(unit), Some(scale), "{unit}");
        }
        for (measure, unit) in [
            (Measure::Angle, ""),
            (Measure::Angle, "Jy"),
            (Measure::Flux, "MJy"),
            (Measure::Flux, "MJY"),
            (Measure::Flux, "Jy/beam"),
            (Measure::Flux, "mag"),
            (Measure::Frequency, "mHz"),
            (Measure::Number, "deg"),
        ] {
            assert_eq!(measure.scale(unit), None, "{unit}");
        }
    }
}

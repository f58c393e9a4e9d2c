//! Which columns of a catalogue are what, as the user says it.

use super::units::Measure;
use crate::error::{Error, Result};
use crate::units::{Dimension, parse_quantity};
use std::collections::BTreeMap;

/// What a column can be taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Right ascension.
    Ra,
    /// Declination.
    Dec,
    /// Galactic longitude.
    Glon,
    /// Galactic latitude.
    Glat,
    /// Stokes I.
    I,
    /// Stokes Q.
    Q,
    /// Stokes U.
    U,
    /// Stokes V.
    V,
    /// Frequency at which the flux densities are stated.
    ReferenceFreq,
    /// a of S = S0 x^a exp(q (ln x)^2), x = nu over the reference frequency.
    SpectralIndex,
    /// q of it (Callingham et al. 2017, equation 2).
    Curvature,
    /// Rotation measure.
    RotationMeasure,
    /// FWHM of the major axis.
    Major,
    /// FWHM of the minor axis.
    Minor,
    /// Position angle of the major axis, from north through east.
    PositionAngle,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 15] = [
        Role::Ra,
        Role::Dec,
        Role::Glon,
        Role::Glat,
        Role::I,
        Role::Q,
        Role::U,
        Role::V,
        Role::ReferenceFreq,
        Role::SpectralIndex,
        Role::Curvature,
        Role::RotationMeasure,
        Role::Major,
        Role::Minor,
        Role::PositionAngle,
    ];

    /// The key in `[sky.columns]`.
    pub fn key(self) -> &'static str {
        match self {
            Role::Ra => "ra",
            Role::Dec => "dec",
            Role::Glon => "glon",
            Role::Glat => "glat",
            Role::I => "i",
            Role::Q => "q",
            Role::U => "u",
            Role::V => "v",
            Role::ReferenceFreq => "reference_freq",
            Role::SpectralIndex => "spectral_index",
            Role::Curvature => "curvature",
            Role::RotationMeasure => "rm",
            Role::Major => "major",
            Role::Minor => "minor",
            Role::PositionAngle => "pa",
        }
    }

    /// What it measures.
    pub fn measure(self) -> Measure {
        match self {
            Role::I | Role::Q | Role::U | Role::V => Measure::Flux,
            Role::ReferenceFreq => Measure::Frequency,
            Role::SpectralIndex | Role::Curvature => Measure::Number,
            Role::RotationMeasure => Measure::RotationMeasure,
            _ => Measure::Angle,
        }
    }

    /// Whether its column may be text (12 30 49.4).
    pub(super) fn may_be_text(self) -> bool {
        matches!(self, Role::Ra | Role::Dec)
    }
}

/// What the user says of a role.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// A column, or where there is none of that name the fixed value that the name is.
    Column {
        /// Its name.
        name: String,
        /// Its unit, where the file's does not count.
        unit: Option<String>,
        /// The text as a value, in the unit of the measure.
        fixed: Option<f64>,
    },
    /// Nothing, even where there is a column that looks like it.
    Nothing,
}

impl Given {
    /// From `"NAME"`, `"NAME [UNIT]"`, a quantity such as `"200 MHz"`, or `"none"`.
    ///
    /// # Errors
    /// An empty name, a unit that measures something else.
    pub fn parse(text: &str, measure: Measure) -> Result<Given> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("none") {
            return Ok(Given::Nothing);
        }
        // "[Fe/H]" alone is a name
        let unit = text.strip_suffix(']').and_then(|before| before.rsplit_once(" ["));
        let (name, unit) = match unit {
            Some((name, unit)) => (name.trim(), Some(unit.trim().to_string())),
            None => (text, None),
        };
        let expected = || format!("\"NAME\", or \"NAME [UNIT]\" with a unit of {}", measure.units());
        if name.is_empty() {
            return Err(Error::input("a column without a name").found(format!("\"{text}\"")).expected(expected()));
        }
        if let Some(unit) = &unit
            && measure.scale(unit).is_none()
        {
            return Err(Error::input("a unit that measures something else")
                .found(format!("\"{unit}\""))
                .expected(expected()));
        }
        let fixed = match measure {
            _ if unit.is_some() => None,
            Measure::Angle => parse_quantity(text, Dimension::Angle).ok(),
            Measure::Flux => parse_quantity(text, Dimension::FluxDensity).ok(),
            Measure::Frequency => parse_quantity(text, Dimension::Frequency).ok(),
            Measure::Number => text.parse::<f64>().ok().filter(|v| v.is_finite()),
            Measure::RotationMeasure => {
                let number = text.split_whitespace().next().unwrap_or("");
                let rest = text[number.len()..].trim();
                number.parse::<f64>().ok().filter(|v| v.is_finite() && measure.scale(rest).is_some())
            }
        };
        Ok(Given::Column { name: name.to_string(), unit, fixed })
    }
}

/// `[sky.columns]`: what the columns of a catalogue are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mapping {
    /// The table of a file with several, by name or number from 1.
    pub table: Option<String>,
    /// What is said of each role; the others are guessed.
    pub given: BTreeMap<Role, Given>,
    /// Flux densities at several frequencies (Hz, ascending), in place of one at a reference frequency.
    pub flux_at: Vec<(f64, Given)>,
    /// Leave out sources without a position or a flux density, in place of an error.
    pub skip_incomplete: bool,
}

impl Mapping {
    /// What fluxes over frequency stand in for.
    pub const REPLACED_BY_TABLE: [Role; 8] = [
        Role::I,
        Role::Q,
        Role::U,
        Role::V,
        Role::ReferenceFreq,
        Role::SpectralIndex,
        Role::Curvature,
        Role::RotationMeasure,
    ];

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Mapping::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_units_and_values_are_told_apart() {
        let parse = |text, measure| Given::parse(text, measure).unwrap();
        let column = |name: &str, unit: Option<&str>, fixed| Given::Column {
            name: name.into(),
            unit: unit.map(String::from),
            fixed,
        };
        assert_eq!(parse("Fint", Measure::Flux), column("Fint", None, None));
        assert_eq!(parse("F p [mJy]", Measure::Flux), column("F p", Some("mJy"), None));
        assert_eq!(parse("[Fe/H]", Measure::Number), column("[Fe/H]", None, None));
        assert_eq!(parse("200 MHz", Measure::Frequency), column("200 MHz", None, Some(2e8)));
        assert_eq!(parse("-0.7", Measure::Number), column("-0.7", None, Some(-0.7)));
        assert_eq!(parse("12 rad/m2", Measure::RotationMeasure), column("12 rad/m2", None, Some(12.0)));
        assert_eq!(parse("none", Measure::Flux), Given::Nothing);
        for (text, measure) in [("Fint [deg]", Measure::Flux), ("", Measure::Flux)] {
            assert!(Given::parse(text, measure).is_err(), "{text}");
        }
    }
}

//! A header as a list of cards, with typed look-up.

use super::{Card, CardValue};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The cards of one HDU.
pub(super) struct Header {
    pub(super) cards: Vec<Card>,
    path: PathBuf,
}

impl Header {
    pub(super) fn new(cards: Vec<Card>, path: &Path) -> Header {
        Header { cards, path: path.to_path_buf() }
    }

    fn find(&self, key: &str) -> Option<&CardValue> {
        self.cards.iter().find(|card| card.key == key).map(|card| &card.value)
    }

    /// A number, integer or not.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>> {
        match self.find(key) {
            None => Ok(None),
            Some(CardValue::Float(value)) if value.is_finite() => Ok(Some(*value)),
            Some(CardValue::Int(value)) => Ok(Some(*value as f64)),
            Some(other) => Err(self.wrong(key, other, "a number")),
        }
    }

    /// A number, or `otherwise` where the card is absent.
    pub(super) fn float_or(&self, key: &str, otherwise: f64) -> Result<f64> {
        Ok(self.float(key)?.unwrap_or(otherwise))
    }

    /// An integer.
    pub(super) fn int(&self, key: &str) -> Result<Option<i64>> {
        match self.find(key) {
            None => Ok(None),
            Some(CardValue::Int(value)) => Ok(Some(*value)),
            Some(other) => Err(self.wrong(key, other, "an integer")),
        }
    }

    /// Text without trailing blanks; empty where the card is absent.
    pub(super) fn text(&self, key: &str) -> Result<String> {
        match self.find(key) {
            None => Ok(String::new()),
            Some(CardValue::Text(value)) => Ok(value.clone()),
            Some(other) => Err(self.wrong(key, other, "text")),
        }
    }

    /// Whether a logical card is present and true.
    pub(super) fn is_true(&self, key: &str) -> bool {
        self.find(key) == Some(&CardValue::Bool(true))
    }

    /// Where a problem with card `key` is.
    pub(super) fn place(&self, key: &str) -> String {
        format!("{}, header card {key}", self.path.display())
    }

    fn wrong(&self, key: &str, found: &CardValue, expected: &str) -> Error {
        Error::input("a FITS header card has the wrong type")
            .found(format!("{found:?}"))
            .expected(expected)
            .place(self.place(key))
    }
}

/// Cards that the structures of this module hold elsewhere, or that no longer hold once axes are
/// reordered and flipped: never among the extra cards.
pub(super) fn is_ours(key: &str) -> bool {
    const NAMES: [&str; 30] = [
        "SIMPLE", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "END", "BSCALE", "BZERO", "BLANK",
        "BUNIT", "RESTFRQ", "RESTFREQ", "SPECSYS", "BMAJ", "BMIN", "BPA", "CASAMBM", "CHECKSUM", "DATASUM", "LONGSTRN",
        "CONTINUE", "LONPOLE", "LATPOLE", "WCSAXES", "VELREF", "ALTRVAL", "ALTRPIX", "XTENSION",
    ];
    const FAMILIES: [&str; 11] =
        ["NAXIS", "CTYPE", "CRPIX", "CRVAL", "CDELT", "CUNIT", "CROTA", "CD", "PC", "PV", "PS"];
    let indexed = |family: &&str| {
        key.strip_prefix(*family).is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest
                    .trim_end_matches(|c: char| c.is_ascii_uppercase())
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b == b'_')
        })
    };
    NAMES.contains(&key) || FAMILIES.iter().any(indexed)
}

/// FITS standard 4.0, table 29.
const STOKES: [(&str, f64); 12] = [
    ("I", 1.0),
    ("Q", 2.0),
    ("U", 3.0),
    ("V", 4.0),
    ("RR", -1.0),
    ("LL", -2.0),
    ("RL", -3.0),
    ("LR", -4.0),
    ("XX", -5.0),
    ("YY", -6.0),
    ("XY", -7.0),
    ("YX", -8.0),
];

/// Coordinate of a Stokes parameter on the STOKES axis.
pub(super) fn stokes_value(name: &str) -> Option<f64> {
    STOKES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}

/// Stokes parameter at a coordinate of the STOKES axis.
pub(super) fn stokes_name(value: f64) -> Option<&'static str> {
    STOKES.iter().find(|(_, known)| (known - value).abs() < 1e-6).map(|(name, _)| *name)
}

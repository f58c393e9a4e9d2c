//! Lengths in the box of a simulation, whose conversion needs the simulation's scale factor and h.

use super::quantity::{bad_unit, numbers, split_unit};
use crate::error::{Error, Result};

/// A length of a simulation as it was written: with a c comoving, with /h in units of 1/h.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxLength {
    /// In kpc of its kind.
    kpc: f64,
    /// Comoving, not physical.
    comoving: bool,
    /// In units of 1/h.
    per_h: bool,
}

/// Units: name, kpc, comoving, over h. The first is the example in errors.
const UNITS: [(&str, f64, bool, bool); 8] = [
    ("ckpc/h", 1.0, true, true),
    ("cMpc/h", 1e3, true, true),
    ("ckpc", 1.0, true, false),
    ("cMpc", 1e3, true, false),
    ("kpc", 1.0, false, false),
    ("Mpc", 1e3, false, false),
    ("kpc/h", 1.0, false, true),
    ("Mpc/h", 1e3, false, true),
];

impl BoxLength {
    /// `value` comoving Mpc, without h.
    pub fn cmpc(value: f64) -> BoxLength {
        BoxLength { kpc: 1e3 * value, comoving: true, per_h: false }
    }

    /// Comoving kpc/h in a simulation at scale factor `a`.
    pub fn to_ckpc_h(self, a: f64, h: f64) -> f64 {
        self.kpc * if self.comoving { 1.0 } else { 1.0 / a } * if self.per_h { 1.0 } else { h }
    }

    /// Whether the length is above 0.
    pub fn is_positive(self) -> bool {
        self.kpc > 0.0
    }

    /// Mpc of a box that is comoving by nature: the c makes no difference, only h.
    pub fn comoving_mpc(self, h: f64) -> f64 {
        1e-3 * self.kpc / if self.per_h { h } else { 1.0 }
    }

    /// Whether h is needed for the conversion to Mpc.
    pub fn is_per_h(self) -> bool {
        self.per_h
    }
}

/// Parses lengths that share one unit at the end: `"26 10.2 27 cMpc/h"`, `"30 kpc"`.
///
/// # Errors
/// No number, no unit, or an unknown one.
pub fn parse_box_lengths(text: &str) -> Result<Vec<BoxLength>> {
    let bad = |what: &str| -> Error {
        let names: Vec<_> = UNITS.iter().map(|u| u.0).collect();
        bad_unit(text, what, &format!("{} (c: comoving)", names.join(", ")), names[0])
    };
    let (values, unit) = split_unit(text).ok_or_else(|| bad("no unit"))?;
    let (_, kpc, comoving, per_h) =
        UNITS.into_iter().find(|u| u.0 == unit).ok_or_else(|| bad(&format!("unit \"{unit}\"")))?;
    let values = numbers(values).ok_or_else(|| bad("no readable number"))?;
    Ok(values.into_iter().map(|v| BoxLength { kpc: v * kpc, comoving, per_h }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_comes_to_the_same_length() {
        let (a, h) = (0.25, 0.7);
        for text in
            ["70 ckpc/h", "0.07 cMpc/h", "100 ckpc", "0.1cMpc", "25 kpc", "0.025 Mpc", "17.5 kpc/h", "0.0175 Mpc/h"]
        {
            let length = parse_box_lengths(text).unwrap();
            assert!((length[0].to_ckpc_h(a, h) / 70.0 - 1.0).abs() < 1e-14, "{text}: {length:?}");
        }
        assert_eq!(parse_box_lengths("1, 2 3 cMpc").unwrap().len(), 3);
        assert_eq!(parse_box_lengths("200 Mpc/h").unwrap()[0].comoving_mpc(0.5), 400.0);
    }

    #[test]
    fn other_units_are_refused() {
        for text in ["20", "20 pc", "kpc", "1e kpc", "inf kpc", "3 arcsec", ""] {
            let error = parse_box_lengths(text).unwrap_err().to_string();
            assert!(error.contains("ckpc/h, cMpc/h, ckpc") && error.contains("comoving"), "{text}: {error}");
        }
    }
}

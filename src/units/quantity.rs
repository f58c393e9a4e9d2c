use super::{ARCSEC_RAD, DEG_RAD};
use crate::error::{Error, Result};
use std::f64::consts::PI;

/// What a quantity measures; the number it parses to is in the unit named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Hz.
    Frequency,
    /// rad.
    Angle,
    /// s.
    Time,
    /// Metres; for telescopes.
    Length,
    /// Mpc (physical).
    Distance,
    /// kpc (physical).
    SmallDistance,
    /// Comoving kpc/h, the unit of TNG coordinates; only `ckpc/h` and `cMpc/h` are accepted,
    /// since anything else needs the file's scale factor.
    ComovingKpcH,
    /// km/s.
    Velocity,
    /// K.
    Temperature,
    /// Jy.
    FluxDensity,
    /// Solar masses.
    Mass,
    /// microgauss.
    MagneticField,
}

impl Dimension {
    /// Unit names and their size in the dimension's own unit (the first entry).
    fn units(self) -> &'static [(&'static str, f64)] {
        match self {
            Dimension::Frequency => &[("Hz", 1.0), ("kHz", 1e3), ("MHz", 1e6), ("GHz", 1e9)],
            Dimension::Angle => &[
                ("rad", 1.0),
                ("deg", DEG_RAD),
                ("arcmin", DEG_RAD / 60.0),
                ("amin", DEG_RAD / 60.0),
                ("arcsec", ARCSEC_RAD),
                ("asec", ARCSEC_RAD),
                ("mas", ARCSEC_RAD * 1e-3),
                ("hourangle", PI / 12.0),
            ],
            Dimension::Time => {
                &[("s", 1.0), ("min", 60.0), ("h", 3600.0), ("hr", 3600.0), ("d", 86400.0), ("ms", 1e-3)]
            }
            Dimension::Length => &[("m", 1.0), ("km", 1e3), ("cm", 1e-2)],
            Dimension::Distance => &[("Mpc", 1.0), ("kpc", 1e-3), ("Gpc", 1e3)],
            Dimension::SmallDistance => &[("kpc", 1.0), ("pc", 1e-3), ("Mpc", 1e3)],
            Dimension::ComovingKpcH => &[("ckpc/h", 1.0), ("cMpc/h", 1e3)],
            Dimension::Velocity => &[("km/s", 1.0), ("m/s", 1e-3)],
            Dimension::Temperature => &[("K", 1.0), ("mK", 1e-3), ("kK", 1e3)],
            Dimension::FluxDensity => &[("Jy", 1.0), ("mJy", 1e-3), ("uJy", 1e-6), ("kJy", 1e3)],
            Dimension::Mass => &[("Msun", 1.0)],
            Dimension::MagneticField => &[("uG", 1.0), ("nG", 1e-3), ("G", 1e6)],
        }
    }
}

/// Parses one quantity such as `"1.42 GHz"` or `"2asec"` to the unit named by `dimension`.
pub fn parse_quantity(text: &str, dimension: Dimension) -> Result<f64> {
    match parse_quantities(text, dimension)?.as_slice() {
        [value] => Ok(*value),
        more => Err(bad(text, dimension, &format!("{} numbers", more.len()))),
    }
}

/// Parses numbers that share one unit at the end: `"26049 10200 27254 ckpc/h"`; commas allowed.
pub fn parse_quantities(text: &str, dimension: Dimension) -> Result<Vec<f64>> {
    let Some((values, unit)) = split_unit(text) else {
        return Err(bad(text, dimension, "no unit"));
    };
    let Some((_, scale)) = dimension.units().iter().find(|(name, _)| *name == unit) else {
        return Err(bad(text, dimension, &format!("unit \"{unit}\"")));
    };
    match numbers(values) {
        Some(values) => Ok(values.into_iter().map(|v| v * scale).collect()),
        None => Err(bad(text, dimension, "no readable number")),
    }
}

/// The numbers of a quantity and its unit; None without a unit.
pub(super) fn split_unit(text: &str) -> Option<(&str, &str)> {
    let trimmed = text.trim();
    // the unit starts at the first letter that is not the exponent of a number
    let bytes = trimmed.as_bytes();
    let start = (0..bytes.len()).find(|&i| {
        let exponent = matches!(bytes[i], b'e' | b'E')
            && i > 0
            && matches!(bytes[i - 1], b'0'..=b'9' | b'.')
            && matches!(bytes.get(i + 1), Some(b'0'..=b'9' | b'-' | b'+'));
        !exponent && !matches!(bytes[i], b'0'..=b'9' | b'+' | b'-' | b'.' | b' ' | b',' | b'\t')
    })?;
    Some((&trimmed[..start], trimmed[start..].trim()))
}

/// Finite numbers between spaces or commas; None where there is none, or something else.
pub(super) fn numbers(text: &str) -> Option<Vec<f64>> {
    let values: Option<Vec<f64>> = text
        .split([' ', ',', '\t'])
        .filter(|word| !word.is_empty())
        .map(|word| word.parse::<f64>().ok().filter(|v| v.is_finite()))
        .collect();
    values.filter(|v| !v.is_empty())
}

/// The error of `text`; `what` is wrong, one of `units` is expected, as in the example.
pub(super) fn bad_unit(text: &str, what: &str, units: &str, example: &str) -> Error {
    Error::input("not a quantity of the right kind")
        .found(format!("\"{text}\" ({what})"))
        .expected(format!("a number and one of the units {units}, for example \"1.5 {example}\""))
}

fn bad(text: &str, dimension: Dimension, what: &str) -> Error {
    let names: Vec<_> = dimension.units().iter().map(|u| u.0).collect();
    bad_unit(text, what, &names.join(", "), names[0])
}

/// A quantity in the unit of its dimension that reads best: `1420.4 MHz`, `2 arcsec`.
pub fn format_quantity(value: f64, dimension: Dimension) -> String {
    // the largest unit that leaves at least 1 in front of the point
    let best = dimension
        .units()
        .iter()
        .filter(|(_, size)| value.abs() >= *size * 0.999_999)
        .reduce(|best, unit| if unit.1 > best.1 { unit } else { best })
        .or_else(|| dimension.units().iter().min_by(|a, b| a.1.total_cmp(&b.1)))
        .expect("every dimension has units");
    let scaled = value / best.1;
    let digits = (4 - scaled.abs().max(1.0).log10() as i32).max(0) as usize;
    let text = format!("{scaled:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {}", best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_units_with_and_without_space() {
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-14, "{a} {b}");
        close(parse_quantity("1.42 GHz", Dimension::Frequency).unwrap(), 1.42e9);
        close(parse_quantity("2asec", Dimension::Angle).unwrap(), 2.0 * ARCSEC_RAD);
        close(parse_quantity("1e3kHz", Dimension::Frequency).unwrap(), 1e6);
        close(parse_quantity("-1.5E-1 deg", Dimension::Angle).unwrap(), -0.15 * DEG_RAD);
        assert_eq!(
            parse_quantities("26049, 10200 27254 ckpc/h", Dimension::ComovingKpcH).unwrap(),
            vec![26049.0, 10200.0, 27254.0]
        );
    }

    #[test]
    fn refuses_bare_numbers_and_wrong_units() {
        for text in ["20", "20 Hz", "Mpc", "1e Mpc", "inf Mpc", "1 2 Mpc", ""] {
            let error = parse_quantity(text, Dimension::Distance).unwrap_err().to_string();
            assert!(error.contains("Mpc, kpc, Gpc"), "{text}: {error}");
        }
    }

    #[test]
    fn formats_in_a_readable_unit() {
        assert_eq!(format_quantity(1.42e9, Dimension::Frequency), "1.42 GHz");
        assert_eq!(format_quantity(60e3, Dimension::Frequency), "60 kHz");
        assert_eq!(format_quantity(14400.0, Dimension::Time), "4 h");
    }
}

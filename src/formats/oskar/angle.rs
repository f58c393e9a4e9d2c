use super::number;
use crate::error::{Error, Result};
use crate::units::DEG_RAD;

/// Unit of an angle written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// Columns Ra and Dec.
    Radians,
    /// Columns RaD and DecD.
    Degrees,
}

/// Right ascension in radians: a number (with or without "deg", "rad"), `12:34:56.7` or
/// `12h34m56.7s`.
pub fn right_ascension(word: &str, bare: Bare) -> Result<f64> {
    let hours = "a right ascension such as 187.5deg, 3.2rad, 12:30:00.5 or 12h30m00.5s";
    let value = match sexagesimal(word, &['h', ':'], 24.0) {
        Some(value) => value.map(|v| v * 15.0 * DEG_RAD),
        None => decimal(word, bare),
    };
    value.map_err(|e| e.expected(hours))
}

/// Declination in radians: a number (with or without "deg", "rad"), `-30.15.00.5`, `-30:15:00.5`
/// or `-30d15m00.5s`.
pub fn declination(word: &str, bare: Bare) -> Result<f64> {
    let degrees = "a declination within 90 deg, such as -30.25deg, -0.5rad, -30.15.00.5 or -30d15m00.5s";
    let value = match sexagesimal(word, &['d', ':', '.'], 90.000_001) {
        Some(value) => value.map(|v| v * DEG_RAD),
        None => decimal(word, bare),
    };
    value
        .and_then(|v| {
            let within = v.abs() <= 90.0 * DEG_RAD * (1.0 + 1e-14);
            if within { Ok(v) } else { Err(Error::input("the declination is beyond a pole").found(word)) }
        })
        .map_err(|e| e.expected(degrees))
}

/// Right ascension (rad) as catalogues write it: `12 34 56.7`, `12:34:56.7`, `12h34m56.7s`, or a number in degrees.
pub fn right_ascension_of_text(text: &str) -> Result<f64> {
    right_ascension(&with_colons(text), Bare::Degrees)
}

/// Declination (rad) as catalogues write it: `-30 15 36`, `-30:15:36`, `-30d15m36s`, or a number in degrees.
pub fn degrees_of_text(text: &str) -> Result<f64> {
    declination(&with_colons(text), Bare::Degrees)
}

fn with_colons(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(":")
}

fn decimal(word: &str, bare: Bare) -> Result<f64> {
    if let Some(number_part) = word.strip_suffix("deg") {
        return Ok(number(number_part.trim_end(), "an angle")? * DEG_RAD);
    }
    if let Some(number_part) = word.strip_suffix("rad") {
        return number(number_part.trim_end(), "an angle");
    }
    let value = number(word, "an angle")?;
    Ok(if bare == Bare::Degrees { value * DEG_RAD } else { value })
}

/// Hours or degrees, minutes, seconds; None where the word is not written that way.
fn sexagesimal(word: &str, separators: &[char], limit: f64) -> Option<Result<f64>> {
    let (sign, rest) = match word.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    };
    let separator = separators.iter().copied().find(|s| match s {
        // one dot is a decimal point, two or three separate degrees, minutes, seconds
        '.' => rest.matches('.').count() >= 2,
        s => rest.contains(*s) && !rest.ends_with("deg") && !rest.ends_with("rad"),
    })?;
    let second = if matches!(separator, 'h' | 'd') { 'm' } else { separator };
    let parts = rest.split_once(separator).map(|(whole, rest)| match rest.split_once(second) {
        Some((minutes, seconds)) => [whole, minutes, seconds.strip_suffix('s').unwrap_or(seconds)],
        None => [whole, rest, "0"],
    });
    let read = |text: &str, limit: f64| text.parse::<f64>().ok().filter(|v| (0.0..limit).contains(v));
    let value = parts.and_then(|[whole, minutes, seconds]| {
        let seconds = if seconds.is_empty() { "0" } else { seconds };
        let integers = [whole, minutes].iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()));
        integers.then_some(())?;
        Some(read(whole, limit)? + read(minutes, 60.0)? / 60.0 + read(seconds, 60.0)? / 3600.0)
    });
    Some(value.map(|v| sign * v).ok_or_else(|| Error::input("an angle cannot be read").found(format!("\"{word}\""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_documented_form() {
        let ra = |w, bare| right_ascension(w, bare).unwrap();
        let dec = |w, bare| declination(w, bare).unwrap();
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-15 * b.abs().max(1.0), "{a} {b}");
        close(ra("1.5", Bare::Radians), 1.5);
        close(ra("329.5", Bare::Degrees), 329.5 * DEG_RAD);
        close(ra("20.0deg", Bare::Radians), 20.0 * DEG_RAD);
        close(ra("1e-1rad", Bare::Degrees), 0.1);
        close(ra("12:30:36.0", Bare::Radians), 187.65 * DEG_RAD);
        close(ra("12h30m36s", Bare::Degrees), 187.65 * DEG_RAD);
        close(dec("-30.15.36.0", Bare::Radians), -30.26 * DEG_RAD);
        close(dec("-30:15:36", Bare::Radians), -30.26 * DEG_RAD);
        close(dec("-00d15m36.0s", Bare::Degrees), -0.26 * DEG_RAD);
        close(dec("+30.25", Bare::Degrees), 30.25 * DEG_RAD);
        close(dec("-1.5e1", Bare::Degrees), -15.0 * DEG_RAD);
        close(right_ascension_of_text(" 12 30  36.0").unwrap(), 187.65 * DEG_RAD);
        close(right_ascension_of_text("187.65").unwrap(), 187.65 * DEG_RAD);
        close(degrees_of_text("-00 15 36").unwrap(), -0.26 * DEG_RAD);
    }

    #[test]
    fn refuses_the_rest() {
        for word in ["", "x", "nan", "12:60:00", "25:00:00", "12:-1:0", "12h3x4", "inf"] {
            assert!(right_ascension(word, Bare::Degrees).is_err(), "{word}");
        }
        for word in ["91", "-90.5deg", "91.00.00", "-30.61.00", "abc", "1.2.3.4.5"] {
            assert!(declination(word, Bare::Degrees).is_err(), "{word}");
        }
        assert!(declination("2", Bare::Radians).is_err());
    }
}

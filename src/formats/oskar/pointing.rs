use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::path::Path;

/// Where a station's beam looks, as a line of a pointing file says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OskarPointing {
    /// Number of the station, from 0; `None`: all of them.
    pub station: Option<usize>,
    /// Whether the angles are azimuth and elevation at the station, in place of RA and Dec.
    pub horizontal: bool,
    /// Azimuth (from north through east) or right ascension, deg.
    pub longitude_deg: f64,
    /// Elevation or declination, deg.
    pub latitude_deg: f64,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Reads a pointing file (OSKAR 2.7, Pointing File): a line a direction, "station AZEL|RADEC longitude latitude", where the
/// station is a number from 0 or *; later lines count more than earlier ones.
///
/// # Errors
/// A file that cannot be read; lines of another form, with line and column; directions of tiles in stations.
pub fn read_oskar_pointing(path: &Path) -> Result<Vec<OskarPointing>> {
    parse_oskar_pointing(&read_text(path, "the pointing file")?, &path.display().to_string())
}

/// The same from text; `origin` names it in errors.
pub fn parse_oskar_pointing(text: &str, origin: &str) -> Result<Vec<OskarPointing>> {
    let mut lines = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        let line = raw.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split([' ', '\t', ',', '\r']).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            continue;
        }
        let wrong = |word: &str| {
            let column = word.as_ptr() as usize - raw.as_ptr() as usize + 1;
            Error::input("a line of the pointing file cannot be read")
                .found(format!("\"{word}\""))
                .expected("a station (a number from 0, or *), AZEL or RADEC, longitude and latitude (deg)")
                .place(format!("{origin}, line {}, column {column}", index + 1))
        };
        let [station, frame, longitude, latitude] = words[..] else {
            let error = wrong(words[words.len() - 1]);
            return Err(match words.len() {
                0..4 => error,
                _ => error.hint("directions of tiles within stations are not supported: give one a station"),
            });
        };
        let station = match station {
            "*" => None,
            number => Some(number.parse().map_err(|_| wrong(number))?),
        };
        let horizontal = match frame.to_ascii_uppercase().as_str() {
            "AZEL" => true,
            "RADEC" => false,
            _ => return Err(wrong(frame)),
        };
        let number =
            |word: &str, most: f64| word.parse::<f64>().ok().filter(|v| v.abs() <= most).ok_or_else(|| wrong(word));
        let (longitude_deg, latitude_deg) = (number(longitude, 360.0)?, number(latitude, 90.0)?);
        lines.push(OskarPointing { station, horizontal, longitude_deg, latitude_deg, line: index + 1 });
    }
    if lines.is_empty() {
        return Err(Error::input("the pointing file has no line").place(origin));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_a_station_or_all() {
        let lines = parse_oskar_pointing("# all\n* AZEL 10 80\n\n2, radec, 30.5, -40 # one\n", "p.txt").unwrap();
        let want = |station, horizontal, longitude_deg, latitude_deg, line| OskarPointing {
            station,
            horizontal,
            longitude_deg,
            latitude_deg,
            line,
        };
        assert_eq!(lines, [want(None, true, 10.0, 80.0, 2), want(Some(2), false, 30.5, -40.0, 4)]);
    }

    #[test]
    fn what_is_wrong_has_a_line_and_a_column() {
        for (text, place) in [
            ("0 AZEL 1 2\n0 GALACTIC 1 2", "p.txt, line 2, column 3"),
            ("x RADEC 1 2", "p.txt, line 1, column 1"),
            ("0 RADEC 1 91", "p.txt, line 1, column 11"),
            ("0 RADEC nan 1", "p.txt, line 1, column 9"),
            ("0 RADEC 1", "p.txt, line 1, column 9"),
            ("0 1 RADEC 10 20", "p.txt, line 1, column 14"),
            ("# nothing", "p.txt"),
        ] {
            let error = parse_oskar_pointing(text, "p.txt").unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
        assert!(parse_oskar_pointing("0 1 RADEC 10 20", "").unwrap_err().to_string().contains("tiles"));
    }
}

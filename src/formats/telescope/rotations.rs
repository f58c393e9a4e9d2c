use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::collections::HashSet;
use std::path::Path;

/// Rotation of one station's antenna layout.
#[derive(Debug, Clone, PartialEq)]
pub struct StationRotation {
    /// Name of the station.
    pub station: String,
    /// Degrees east of north.
    pub east_of_north_deg: f64,
}

/// Reads a file of station rotations: one line a station, name and degrees east of north.
pub fn read_rotations(path: &Path) -> Result<Vec<StationRotation>> {
    let text = read_text(path, "the station rotations")?;
    parse_rotations(&text, &path.display().to_string())
}

/// Parses the text of a file of station rotations; `origin` names it in errors.
pub fn parse_rotations(text: &str, origin: &str) -> Result<Vec<StationRotation>> {
    let mut rotations = Vec::new();
    let mut names = HashSet::new();
    for (index, raw) in text.lines().enumerate() {
        let line = raw.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
        if words.is_empty() {
            continue;
        }
        let place = format!("{origin}, line {}", index + 1);
        let angle = match words.as_slice() {
            [_, angle] => angle.parse::<f64>().ok().filter(|v| v.is_finite()),
            _ => None,
        };
        let Some(east_of_north_deg) = angle else {
            return Err(Error::input("a line of the station rotations cannot be read")
                .found(line.trim())
                .expected("station name, degrees east of north")
                .place(place));
        };
        if !names.insert(words[0].to_string()) {
            return Err(Error::input("a station has two rotations").found(words[0]).place(place));
        }
        rotations.push(StationRotation { station: words[0].to_string(), east_of_north_deg });
    }
    if rotations.is_empty() {
        return Err(Error::input("the file of station rotations is empty").place(origin));
    }
    Ok(rotations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_angles() {
        let rotations = parse_rotations("# official\nS001 137.5\nS002, -3\n\n", "r.txt").unwrap();
        assert_eq!(rotations.len(), 2);
        assert_eq!(rotations[1], StationRotation { station: "S002".into(), east_of_north_deg: -3.0 });
    }

    #[test]
    fn broken_lines_are_errors_with_their_place() {
        for (text, words) in [
            ("S001 1\nS002", "r.txt, line 2"),
            ("S001 nan", "cannot be read"),
            ("S001 1\nS001 2", "two rotations"),
            ("# nothing", "is empty"),
        ] {
            let message = parse_rotations(text, "r.txt").unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}

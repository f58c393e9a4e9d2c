use super::{StationLine, TelescopeFile};
use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::collections::HashMap;
use std::path::Path;

const MAGIC: &str = "skyfringe-telescope";
const KEYS: &str = "name, version, description, source, note, frame, reference, stations";
const STATION: &str = "name x_m y_m z_m diameter_m type";

/// Reads a telescope file.
pub fn read_telescope(path: &Path) -> Result<TelescopeFile> {
    let text = read_text(path, "the telescope file")?;
    parse_telescope(&text, &path.display().to_string())
}

/// Parses the text of a telescope file; `origin` names it in errors.
///
/// Every malformed line is an error that states the file and the line: a number that is not
/// finite, a name used twice, a missing column, an unknown key, fewer stations than the header
/// announces (a file cut short).
pub fn parse_telescope(text: &str, origin: &str) -> Result<TelescopeFile> {
    let mut parser = Parser::default();
    let mut last = 0;
    for (index, raw) in text.lines().enumerate() {
        last = index + 1;
        let line = raw.split('#').next().unwrap_or_default().trim();
        if !line.is_empty() {
            parser.line(line, last).map_err(|e| e.place(format!("{origin}, line {last}")))?;
        }
    }
    parser.finish().map_err(|e| e.place(format!("{origin}, line {last}")))
}

#[derive(Default)]
struct Parser {
    started: bool,
    header: HashMap<&'static str, String>,
    notes: Vec<String>,
    reference_deg_m: Option<[f64; 3]>,
    /// Some once the line `stations:` was met; the inner value is the announced number.
    announced: Option<Option<usize>>,
    stations: Vec<StationLine>,
    line_of_name: HashMap<String, usize>,
}

impl Parser {
    fn line(&mut self, line: &str, number: usize) -> Result<()> {
        if !self.started {
            self.started = true;
            return first_line(line);
        }
        if self.announced.is_some() { self.station(line, number) } else { self.header_line(line) }
    }

    fn header_line(&mut self, line: &str) -> Result<()> {
        let Some((key, value)) = line.split_once(':') else {
            return Err(Error::input("a header line has no colon")
                .found(line)
                .expected("key: value, and a line \"stations:\" before the first station"));
        };
        let (key, value) = (key.trim(), value.trim());
        let text_key = ["name", "version", "description", "source"].into_iter().find(|k| *k == key);
        if let Some(key) = text_key {
            if self.header.insert(key, value.to_string()).is_some() {
                return Err(twice(key));
            }
            return Ok(());
        }
        match key {
            "note" => self.notes.push(value.to_string()),
            "frame" => {
                if !matches!(value, "ECEF WGS84" | "ECEF ITRF") {
                    return Err(Error::input("unknown frame of coordinates")
                        .found(value)
                        .expected("ECEF WGS84, geocentric metres"));
                }
                if self.header.insert("frame", value.to_string()).is_some() {
                    return Err(twice(key));
                }
            }
            "reference" => {
                if self.reference_deg_m.replace(reference(value)?).is_some() {
                    return Err(twice(key));
                }
            }
            "stations" => {
                let count = if value.is_empty() {
                    None
                } else {
                    Some(value.parse().map_err(|_| {
                        Error::input("the number of stations is not a number").found(value).expected("stations: 64")
                    })?)
                };
                self.announced = Some(count);
            }
            _ => return Err(Error::input("unknown key in the header").found(key).expected(KEYS)),
        }
        Ok(())
    }

    fn station(&mut self, line: &str, number: usize) -> Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, x, y, z, diameter, kind] = words.as_slice() else {
            return Err(Error::input("a station line has the wrong number of columns")
                .found(format!("{} columns: {line}", words.len()))
                .expected(format!("6 columns: {STATION}")));
        };
        let ecef_m = [coordinate(x, "x")?, coordinate(y, "y")?, coordinate(z, "z")?];
        let diameter_m = coordinate(diameter, "the diameter")?;
        if diameter_m <= 0.0 {
            return Err(Error::input("the diameter of a station is not positive").found(diameter));
        }
        if let Some(first) = self.line_of_name.insert(name.to_string(), number) {
            return Err(Error::input("two stations have the same name")
                .found(format!("{name}, first in line {first}"))
                .expected("a name of its own for every station"));
        }
        self.stations.push(StationLine { name: name.to_string(), ecef_m, diameter_m, kind: kind.to_string() });
        Ok(())
    }

    fn finish(mut self) -> Result<TelescopeFile> {
        if !self.started {
            return Err(Error::input("the telescope file is empty").expected(format!("{MAGIC} 1 in the first line")));
        }
        let Some(announced) = self.announced else {
            return Err(Error::input("the telescope file has no stations").expected("a line \"stations:\""));
        };
        if let Some(count) = announced
            && count != self.stations.len()
        {
            return Err(Error::input("the number of stations is not the announced one")
                .found(format!("{} station lines", self.stations.len()))
                .expected(format!("{count}, from \"stations: {count}\""))
                .hint("the file may have been cut short"));
        }
        let missing = |key: &str| Error::input(format!("the header has no line \"{key}:\"")).expected(KEYS);
        let mut required = |key: &str| self.header.remove(key).filter(|v| !v.is_empty()).ok_or_else(|| missing(key));
        required("frame")?;
        Ok(TelescopeFile {
            name: required("name")?,
            version: required("version")?,
            source: required("source")?,
            description: self.header.remove("description").unwrap_or_default(),
            notes: self.notes,
            reference_deg_m: self.reference_deg_m.ok_or_else(|| missing("reference"))?,
            stations: self.stations,
        })
    }
}

fn first_line(line: &str) -> Result<()> {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [MAGIC, "1"] => Ok(()),
        [MAGIC, version] => Err(Error::input("the telescope file is of a newer format")
            .found(format!("format {version}"))
            .expected("format 1")),
        _ => Err(Error::input("not a telescope file").found(shorten(line)).expected(format!("{MAGIC} 1"))),
    }
}

fn reference(value: &str) -> Result<[f64; 3]> {
    let expected = "longitude (deg) latitude (deg) height (m)";
    let words: Vec<&str> = value.split_whitespace().collect();
    let [lon, lat, height] = words.as_slice() else {
        return Err(Error::input("the reference point has the wrong number of values").found(value).expected(expected));
    };
    let point =
        [coordinate(lon, "the longitude")?, coordinate(lat, "the latitude")?, coordinate(height, "the height")?];
    if point[0].abs() > 360.0 || point[1].abs() > 90.0 {
        return Err(Error::input("the reference point is not on the Earth").found(value).expected(expected));
    }
    Ok(point)
}

fn coordinate(word: &str, what: &str) -> Result<f64> {
    word.parse::<f64>()
        .ok()
        .filter(|v| v.is_finite())
        .ok_or_else(|| Error::input(format!("{what} is not a finite number")).found(word))
}

fn twice(key: &str) -> Error {
    Error::input(format!("the header has the line \"{key}:\" twice"))
}

fn shorten(line: &str) -> String {
    line.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::telescope::format_telescope;

    const GOOD: &str = "\
# mine
skyfringe-telescope 1
name: two
version: 1
source: typed
note: first
note: second
frame: ECEF WGS84
reference: 21.44 -30.7 1000.5
stations: 2
a  5109272.1114 2006809.1341 -3239131.1277 13.5 meerkat # east
b  5109284.9875 2006824.2737 -3239100.2109 15 ska-mid
";

    #[test]
    fn reads_what_it_writes() {
        let file = parse_telescope(GOOD, "two.txt").unwrap();
        assert_eq!(file.name, "two");
        assert_eq!(file.notes, ["first", "second"]);
        assert_eq!(file.reference_deg_m, [21.44, -30.7, 1000.5]);
        assert_eq!(file.stations[1].ecef_m, [5109284.9875, 2006824.2737, -3239100.2109]);
        assert_eq!(file.stations[0].kind, "meerkat");
        assert_eq!(parse_telescope(&format_telescope(&file), "again").unwrap(), file);
    }

    #[test]
    fn every_malformed_line_is_an_error_with_its_place() {
        let cases = [
            ("skyfringe-telescope 1", "something else", "not a telescope file", 2),
            ("skyfringe-telescope 1", "skyfringe-telescope 2", "newer format", 2),
            ("version: 1", "verzion: 1", "unknown key", 4),
            ("version: 1", "version 1", "no colon", 4),
            ("source: typed", "name: again", "twice", 5),
            ("ECEF WGS84", "ENU", "unknown frame", 8),
            ("21.44 -30.7 1000.5", "21.44 -30.7", "wrong number of values", 9),
            ("-30.7 ", "-90.7 ", "not on the Earth", 9),
            ("stations: 2", "stations: two", "not a number", 10),
            ("stations: 2", "stations: 3", "not the announced one", 12),
            ("2006809.1341", "NaN", "not a finite number", 11),
            ("2006809.1341", "inf", "not a finite number", 11),
            ("13.5 meerkat", "13.5", "wrong number of columns", 11),
            ("13.5 meerkat", "-1 meerkat", "not positive", 11),
            ("b  ", "a  ", "same name", 12),
            ("version: 1\n", "", "no line \"version:\"", 11),
            ("frame: ECEF WGS84\n", "", "no line \"frame:\"", 11),
        ];
        for (from, to, words, line) in cases {
            let broken = GOOD.replacen(from, to, 1);
            assert_ne!(broken, GOOD);
            let message = parse_telescope(&broken, "two.txt").unwrap_err().to_string();
            assert!(message.contains(words), "{to}: {message}");
            assert!(message.contains(&format!("two.txt, line {line}")), "{to}: {message}");
        }
        assert!(parse_telescope("", "empty.txt").unwrap_err().to_string().contains("is empty"));
    }
}

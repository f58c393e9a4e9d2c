use super::number;
use super::spherical::is_element_pattern;
use super::station::{OskarStationType, read_station};
use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Station positions in the form in which the folder states them.
#[derive(Debug, Clone, PartialEq)]
pub enum OskarLayout {
    /// `layout.txt`: east, north, up of the horizon plane at the reference position, m.
    EnuM(Vec<[f64; 3]>),
    /// `layout_ecef.txt`: geocentric, m.
    EcefM(Vec<[f64; 3]>),
    /// `layout_wgs84.txt`: longitude (deg), latitude (deg), altitude (m).
    Wgs84DegM(Vec<[f64; 3]>),
}

impl OskarLayout {
    /// Number of stations.
    pub fn len(&self) -> usize {
        match self {
            OskarLayout::EnuM(v) | OskarLayout::EcefM(v) | OskarLayout::Wgs84DegM(v) => v.len(),
        }
    }

    /// Whether there is no station.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an OSKAR telescope folder holds.
#[derive(Debug, Clone, PartialEq)]
pub struct OskarTelescope {
    /// Longitude of the reference position, deg (WGS84).
    pub longitude_deg: f64,
    /// Latitude of the reference position, deg (WGS84).
    pub latitude_deg: f64,
    /// Altitude of the reference position, m.
    pub altitude_m: f64,
    /// Station positions.
    pub layout: OskarLayout,
    /// Station folders in alphabetical order; empty where there are none.
    pub station_types: Vec<OskarStationType>,
    /// Index into `station_types` for every station; empty where there are no station folders.
    pub type_of_station: Vec<usize>,
    /// What the folder holds beyond this, each as "file: what it is": gain models, noise, errors of the stations' positions.
    pub unsupported: Vec<String>,
}

/// Reads an OSKAR telescope folder.
///
/// Needs `position.txt` and exactly one of `layout.txt`, `layout_ecef.txt`, `layout_wgs84.txt`;
/// reads the station folders with their tiles, and `station_type_map.txt`. A missing or
/// malformed file is an error with file and line.
pub fn read_oskar_telescope(folder: &Path) -> Result<OskarTelescope> {
    let (files, folders) = list(folder)?;
    let mut unsupported: Vec<String> = files.iter().filter_map(|f| beyond(f)).collect();
    if !files.iter().any(|f| f == "position.txt") {
        return Err(Error::input("the folder is no OSKAR telescope: it has no position.txt")
            .found(if files.is_empty() { "no file".to_string() } else { files.join(", ") })
            .expected("position.txt, a layout file and station folders")
            .place(folder.display())
            .hint("name the telescope folder itself, often NAME.tm"));
    }
    let position = Table::read(&folder.join("position.txt"), 2, 3)?;
    let [centre] = position.rows.as_slice() else {
        return Err(Error::input("position.txt has more than one line of numbers")
            .found(format!("{} lines", position.rows.len()))
            .expected("longitude latitude [altitude]")
            .place(folder.join("position.txt").display()));
    };
    let (longitude_deg, latitude_deg, altitude_m) = (centre[0], centre[1], centre.get(2).copied().unwrap_or(0.0));
    if latitude_deg.abs() > 90.0 || longitude_deg.abs() > 360.0 {
        return Err(Error::input("position.txt states no point on the Earth")
            .found(format!("longitude {longitude_deg}, latitude {latitude_deg}"))
            .expected("longitude (deg) first, then latitude (deg) within 90")
            .place(folder.join("position.txt").display()));
    }

    let layout = read_layout(folder, &files, &mut unsupported)?;
    let patterns = Arc::new(patterns_of(folder, &files));
    let mut station_types = Vec::with_capacity(folders.len());
    for name in folders {
        station_types.push(read_station(folder, name, 0, &patterns, &mut unsupported)?);
    }
    let type_of_station = types(folder, &files, &station_types, layout.len())?;
    Ok(OskarTelescope { longitude_deg, latitude_deg, altitude_m, layout, station_types, type_of_station, unsupported })
}

fn read_layout(folder: &Path, files: &[String], unsupported: &mut Vec<String>) -> Result<OskarLayout> {
    let names = ["layout.txt", "layout_ecef.txt", "layout_wgs84.txt"];
    let present: Vec<&str> = names.into_iter().filter(|n| files.iter().any(|f| f == n)).collect();
    let [name] = present.as_slice() else {
        return Err(Error::input("the telescope folder must have one file of station positions")
            .found(if present.is_empty() { "none".to_string() } else { present.join(" and ") })
            .expected(format!("one of {}", names.join(", ")))
            .place(folder.display()));
    };
    let path = folder.join(name);
    Ok(match *name {
        "layout_ecef.txt" => OskarLayout::EcefM(positions(&path, 3, name, unsupported)?),
        "layout_wgs84.txt" => {
            let table = Table::read(&path, 2, 3)?;
            OskarLayout::Wgs84DegM(table.rows.iter().map(|r| first_three(r)).collect())
        }
        _ => OskarLayout::EnuM(positions(&path, 2, name, unsupported)?),
    })
}

/// Positions of a layout file; columns 4 to 6 are position errors, reported when not zero.
fn positions(path: &Path, columns: usize, name: &str, unsupported: &mut Vec<String>) -> Result<Vec<[f64; 3]>> {
    let table = Table::read(path, columns, 6)?;
    if table.rows.iter().any(|r| r.iter().skip(3).any(|v| *v != 0.0)) {
        unsupported.push(format!("{name}: position errors in columns 4 to 6"));
    }
    Ok(table.rows.iter().map(|r| first_three(r)).collect())
}

/// The station type of every station (docs/telescope_model, "Station Type Mapping").
fn types(root: &Path, files: &[String], types: &[OskarStationType], stations: usize) -> Result<Vec<usize>> {
    const MAP: &str = "station_type_map.txt";
    if types.is_empty() {
        return Ok(Vec::new());
    }
    if !files.iter().any(|f| f == MAP) {
        return match types.len() {
            1 => Ok(vec![0; stations]),
            n if n == stations => Ok((0..n).collect()),
            n => Err(Error::input("the number of station folders is not that of the stations")
                .found(format!("{n} folders"))
                .expected(format!("1, {stations}, or a file {MAP}"))
                .place(root.display())),
        };
    }
    let path = root.join(MAP);
    let table = Table::read(&path, 1, 1)?;
    if table.rows.len() != stations {
        return Err(Error::input("the station type map has the wrong length")
            .found(format!("{} lines", table.rows.len()))
            .expected(format!("{stations}, one a station"))
            .place(path.display()));
    }
    let pairs = table.rows.iter().zip(&table.lines);
    pairs
        .map(|(row, line)| {
            let index = row[0];
            if index.fract() == 0.0 && index >= 0.0 && index < types.len() as f64 {
                Ok(index as usize)
            } else {
                Err(Error::input("no such station type")
                    .found(index)
                    .expected(format!("0 to {}", types.len() - 1))
                    .place(format!("{}, line {line}", path.display())))
            }
        })
        .collect()
}

/// The files of numerical element patterns among `files` of `folder`.
pub(super) fn patterns_of(folder: &Path, files: &[String]) -> Vec<PathBuf> {
    files.iter().filter(|f| is_element_pattern(f)).map(|f| folder.join(f)).collect()
}

/// "file: what it is" where OSKAR reads a file that this program does not.
pub(super) fn beyond(file: &str) -> Option<String> {
    let what = match file {
        "permitted_beams.txt" => "permitted beam directions",
        "mount_type.txt" => "mount type",
        "gain_model.h5" => "gain model",
        "noise_frequencies.txt" | "rms.txt" => "noise",
        _ if file.contains("HARP") && file.ends_with(".h5") => "HARP station beam",
        _ => return None,
    };
    Some(format!("{file}: {what}"))
}

/// Names of the files and of the folders in `folder`, each sorted.
pub(super) fn list(folder: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let cannot = |e| Error::io("read the telescope folder", folder, e);
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // metadata follows links: a station folder may be a link to another one
        let is_folder = fs::metadata(entry.path()).is_ok_and(|m| m.is_dir());
        if name.starts_with('.') {
            continue;
        }
        if is_folder { folders.push(name) } else { files.push(name) }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// Lines of numbers, comments and empty lines left out.
pub(super) struct Table {
    pub rows: Vec<Vec<f64>>,
    lines: Vec<usize>,
}

impl Table {
    pub fn read(path: &Path, least: usize, most: usize) -> Result<Table> {
        let text = read_text(path, "the telescope folder")?;
        let mut table = Table { rows: Vec::new(), lines: Vec::new() };
        for (index, raw) in text.lines().enumerate() {
            let line = raw.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
            if words.is_empty() {
                continue;
            }
            let place = || format!("{}, line {}", path.display(), index + 1);
            if !(least..=most).contains(&words.len()) {
                return Err(Error::input("a line has the wrong number of columns")
                    .found(words.len())
                    .expected(if least == most { format!("{least}") } else { format!("{least} to {most}") })
                    .place(place()));
            }
            let row: Result<Vec<f64>> = words.iter().map(|w| number(w, "a value")).collect();
            table.rows.push(row.map_err(|e| e.place(place()))?);
            table.lines.push(index + 1);
        }
        if table.rows.is_empty() {
            return Err(Error::input("a file of the telescope folder has no numbers").place(path.display()));
        }
        Ok(table)
    }
}

fn first_three(row: &[f64]) -> [f64; 3] {
    [row[0], row[1], row.get(2).copied().unwrap_or(0.0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder(files: &[(&str, &str)]) -> TempDir {
        let dir = TempDir::new().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    const POSITION: (&str, &str) = ("position.txt", "# lon lat\n116.76, -26.82 # no altitude\n");
    const LAYOUT: (&str, &str) = ("layout.txt", "0 0 1\n10, 20\n\n# x\n1 2 3 0 0 0\n");

    #[test]
    fn reads_positions_stations_and_types() {
        let map = ("station_type_map.txt", "1\n0\n1\n");
        let dir = folder(&[POSITION, LAYOUT, map, ("st0/layout.txt", "0 0\n"), ("st1/layout.txt", "1 2\n3 4 5\n")]);
        let model = read_oskar_telescope(dir.path()).unwrap();
        assert_eq!((model.longitude_deg, model.latitude_deg, model.altitude_m), (116.76, -26.82, 0.0));
        let expected = vec![[0.0, 0.0, 1.0], [10.0, 20.0, 0.0], [1.0, 2.0, 3.0]];
        assert_eq!(model.layout, OskarLayout::EnuM(expected));
        let places: Vec<_> = model.station_types[1].elements.iter().map(|e| e.place_m).collect();
        assert_eq!(places, [[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]]);
        assert_eq!(model.type_of_station, [1, 0, 1]);
        assert!(model.unsupported.is_empty());
    }

    #[test]
    fn reads_what_is_said_of_elements_and_tiles() {
        let station = [
            ("s/layout.txt", "0 0 0 0.1 0.2 0.3\n1 1\n"),
            ("s/gain_phase.txt", "1.1\n0.9 10 0.1 5\n"),
            ("s/apodization.txt", "0.5 0.25\n2\n"),
            ("s/cable_length_error.txt", "0.015\n0\n"),
            ("s/feed_angle_y.txt", "3\n4\n"),
            ("s/element_types.txt", "0\n1\n"),
            ("s/a/layout.txt", "0 0\n"),
            ("s/b/layout.txt", "0 1\n0 2\n"),
        ];
        let dir = folder(&[&[POSITION, LAYOUT][..], &station].concat());
        let model = read_oskar_telescope(dir.path()).unwrap();
        assert!(model.unsupported.is_empty(), "{:?}", model.unsupported);
        let [s] = &model.station_types[..] else { panic!("{:?}", model.station_types) };
        let [a, b] = [s.elements[0], s.elements[1]];
        assert_eq!((a.error_m, a.gain_phase, a.apodisation), ([0.1, 0.2, 0.3], [1.1, 0.0, 0.0, 0.0], [0.5, 0.25]));
        assert_eq!((b.gain_phase, b.apodisation, b.kind), ([0.9, 10.0, 0.1, 5.0], [2.0, 0.0], 1));
        assert_eq!((a.cable_m, a.feed_angle_deg, b.feed_angle_deg), (0.015, [0.0, 3.0], [0.0, 4.0]));
        assert_eq!(s.tiles.iter().map(|t| t.elements.len()).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn names_what_is_not_supported() {
        let errors = ("layout.txt", "0 0 0 0.1 0 0\n1 1\n");
        let more = [
            ("s/layout.txt", "0 0\n"),
            ("s/t1/layout.txt", "0 0\n"),
            ("s/t1/u/layout.txt", "0 0\n"),
            ("s/gain_model.h5", "1\n"),
            ("s/feed_angle.txt", "1 2\n"),
        ];
        let dir = folder(&[&[POSITION, errors, ("rms.txt", "1\n"), ("README", "hi")], &more[..]].concat());
        let model = read_oskar_telescope(dir.path()).unwrap();
        let expected = [
            "rms.txt: noise",
            "layout.txt: position errors in columns 4 to 6",
            "s/gain_model.h5: gain model",
            "s/feed_angle.txt: feed angles beta and gamma",
            "t1/u: tiles within tiles",
        ];
        assert_eq!(model.unsupported, expected);
    }

    #[test]
    fn broken_folders_are_errors_with_their_place() {
        let st = |n: &'static str| (n, "0 0\n");
        let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
            (vec![LAYOUT], "position.txt"),
            (vec![POSITION], "found: none"),
            (vec![POSITION, LAYOUT, ("layout_ecef.txt", "1 2 3\n")], "layout.txt and layout_ecef.txt"),
            (vec![POSITION, ("layout_ecef.txt", "1 2\n")], "layout_ecef.txt, line 1"),
            (vec![POSITION, ("layout.txt", "# a\n1 x\n")], "layout.txt, line 2"),
            (vec![POSITION, ("layout.txt", "1 nan\n")], "not a finite number"),
            (vec![POSITION, ("layout.txt", "# none\n")], "no numbers"),
            (vec![POSITION, ("layout.txt", "1 2 3 4 5 6 7\n")], "wrong number of columns"),
            (vec![("position.txt", "1 2\n3 4\n"), LAYOUT], "more than one line"),
            (vec![("position.txt", "-26 116\n"), LAYOUT], "no point on the Earth"),
            (vec![POSITION, LAYOUT, st("a/layout.txt"), st("b/layout.txt")], "2 folders"),
            (vec![POSITION, LAYOUT, st("a/other.txt")], "layout.txt"),
            (vec![POSITION, LAYOUT, st("a/layout.txt"), ("a/gain_phase.txt", "1\n1\n")], "one line an element"),
            (vec![POSITION, LAYOUT, st("a/layout.txt"), ("a/element_types.txt", "0.5\n")], "element type"),
            (
                vec![POSITION, LAYOUT, st("a/layout.txt"), st("a/b/layout.txt"), st("a/c/layout.txt")],
                "number of tile folders",
            ),
            (vec![POSITION, LAYOUT, st("a/layout.txt"), ("station_type_map.txt", "0\n0\n1\n")], "map.txt, line 3"),
            (vec![POSITION, LAYOUT, st("a/layout.txt"), ("station_type_map.txt", "0\n0\n")], "wrong length"),
        ];
        for (files, words) in cases {
            let message = read_oskar_telescope(folder(&files).path()).unwrap_err().to_string();
            assert!(message.contains(words), "{words}: {message}");
        }
        assert!(read_oskar_telescope(Path::new("/no/such/folder.tm")).is_err());
    }
}

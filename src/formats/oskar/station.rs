use super::telescope::{Table, list, patterns_of};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A station folder, or a tile in one.
#[derive(Debug, Clone, PartialEq)]
pub struct OskarStationType {
    /// Name of the folder.
    pub folder: String,
    /// Its elements, or the places of its tiles.
    pub elements: Vec<OskarElement>,
    /// Tiles: none, one for all places, or one a place, in alphabetical order.
    pub tiles: Vec<OskarStationType>,
    /// Files of numerical element patterns of its elements, in order of their names: those of its own folder, and of the folders
    /// above where its own has none of that name. They are not opened.
    pub patterns: Arc<Vec<PathBuf>>,
}

impl OskarStationType {
    /// The first file of an element pattern of its elements, or of those of its tiles.
    pub fn first_pattern(&self) -> Option<&Path> {
        let own = self.patterns.first().map(PathBuf::as_path);
        own.or_else(|| self.tiles.iter().find_map(|tile| tile.first_pattern()))
    }
}

/// One element of a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OskarElement {
    /// East, north, up relative to the station's centre, m.
    pub place_m: [f64; 3],
    /// What is to be added for where it truly is, m.
    pub error_m: [f64; 3],
    /// gain_phase.txt: systematic gain and phase (deg), standard deviations over time of both.
    pub gain_phase: [f64; 4],
    /// apodisation.txt: real and imaginary part.
    pub apodisation: [f64; 2],
    /// cable_length_error.txt, m.
    pub cable_m: f64,
    /// feed_angle_x.txt and feed_angle_y.txt, deg.
    pub feed_angle_deg: [f64; 2],
    /// element_types.txt.
    pub kind: usize,
}

impl OskarElement {
    /// An element without errors.
    pub fn at(place_m: [f64; 3]) -> OskarElement {
        OskarElement {
            place_m,
            error_m: [0.0; 3],
            gain_phase: [1.0, 0.0, 0.0, 0.0],
            apodisation: [1.0, 0.0],
            cable_m: 0.0,
            feed_angle_deg: [0.0; 2],
            kind: 0,
        }
    }
}

/// The special files of a station's elements (OSKAR docs/telescope_model, "Element Data").
const GAIN_PHASE: &str = "gain_phase.txt";
const APODISATION: [&str; 2] = ["apodisation.txt", "apodization.txt"];
const CABLES: &str = "cable_length_error.txt";
const TYPES: &str = "element_types.txt";
const FEED_ANGLES: [&str; 3] = ["feed_angle.txt", "feed_angle_x.txt", "feed_angle_y.txt"];

/// Reads a station folder; `within` is how deep it lies below the telescope's.
pub(super) fn read_station(
    root: &Path,
    folder: String,
    within: usize,
    above: &Arc<Vec<PathBuf>>,
    unsupported: &mut Vec<String>,
) -> Result<OskarStationType> {
    let path = root.join(&folder);
    let (files, folders) = list(&path)?;
    unsupported.extend(files.iter().filter_map(|f| super::telescope::beyond(f)).map(|what| format!("{folder}/{what}")));
    let layout = Table::read(&path.join("layout.txt"), 2, 6)?;
    let mut elements: Vec<OskarElement> = layout
        .rows
        .iter()
        .map(|r| {
            let value = |k: usize| r.get(k).copied().unwrap_or(0.0);
            OskarElement { error_m: [3, 4, 5].map(value), ..OskarElement::at([0, 1, 2].map(value)) }
        })
        .collect();
    let has = |name: &str| files.iter().any(|f| f == name);
    if has(GAIN_PHASE) {
        for (element, row) in elements.iter_mut().zip(column(&path, GAIN_PHASE, 4, layout.rows.len())?) {
            row.iter().zip(&mut element.gain_phase).for_each(|(value, out)| *out = *value);
        }
    }
    if let Some(name) = APODISATION.into_iter().find(|name| has(name)) {
        for (element, row) in elements.iter_mut().zip(column(&path, name, 2, layout.rows.len())?) {
            row.iter().zip(&mut element.apodisation).for_each(|(value, out)| *out = *value);
        }
    }
    if has(CABLES) {
        for (element, row) in elements.iter_mut().zip(column(&path, CABLES, 1, layout.rows.len())?) {
            element.cable_m = row[0];
        }
    }
    for (name, feeds) in FEED_ANGLES.into_iter().zip([&[0, 1][..], &[0], &[1]]) {
        if !has(name) {
            continue;
        }
        let rows = column(&path, name, 3, layout.rows.len())?;
        if rows.iter().any(|row| row[1..].iter().any(|angle| *angle != 0.0)) {
            unsupported.push(format!("{folder}/{name}: feed angles beta and gamma"));
        }
        for (element, row) in elements.iter_mut().zip(rows) {
            feeds.iter().for_each(|feed| element.feed_angle_deg[*feed] = row[0]);
        }
    }
    if has(TYPES) {
        for (line, (element, row)) in elements.iter_mut().zip(column(&path, TYPES, 1, layout.rows.len())?).enumerate() {
            if row[0] < 0.0 || row[0].fract() != 0.0 || row[0] > 1e6 {
                return Err(Error::input("an element type is no number of a type")
                    .found(row[0])
                    .expected("0, 1, 2, ...")
                    .place(format!("{}, value {}", path.join(TYPES).display(), line + 1)));
            }
            element.kind = row[0] as usize;
        }
    }
    let patterns = inherited(above, patterns_of(&path, &files));
    let mut tiles = Vec::with_capacity(folders.len());
    for tile in folders {
        if within > 0 {
            unsupported.push(format!("{folder}/{tile}: tiles within tiles"));
            break;
        }
        tiles.push(read_station(&path, tile, within + 1, &patterns, unsupported)?);
    }
    if tiles.len() > 1 && tiles.len() != elements.len() {
        return Err(Error::input("the number of tile folders is not that of the tiles")
            .found(format!("{} folders, {} places in layout.txt", tiles.len(), elements.len()))
            .expected("one folder, or one a place")
            .place(path.display()));
    }
    Ok(OskarStationType { folder, elements, tiles, patterns })
}

/// The files of a folder, and those above it of other names (OSKAR: files of a name override those of a higher level).
fn inherited(above: &Arc<Vec<PathBuf>>, own: Vec<PathBuf>) -> Arc<Vec<PathBuf>> {
    if own.is_empty() {
        return above.clone();
    }
    let hidden = |path: &&PathBuf| own.iter().any(|o| o.file_name() == path.file_name());
    let mut all: Vec<PathBuf> = above.iter().filter(|path| !hidden(path)).cloned().collect();
    all.extend(own);
    all.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    Arc::new(all)
}

/// A file with a line an element.
fn column(folder: &Path, name: &str, most: usize, elements: usize) -> Result<Vec<Vec<f64>>> {
    let table = Table::read(&folder.join(name), 1, most)?;
    if table.rows.len() != elements {
        return Err(Error::input("a file of the station does not have one line an element")
            .found(format!("{} lines", table.rows.len()))
            .expected(format!("{elements}, as layout.txt has"))
            .place(folder.join(name).display()));
    }
    Ok(table.rows)
}

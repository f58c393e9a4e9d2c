use super::TelescopeFile;
use crate::error::Result;
use crate::formats::Staged;
use std::fmt::Write;
use std::path::Path;

/// Writes a telescope file to `path`.
pub fn write_telescope(path: &Path, file: &TelescopeFile) -> Result<()> {
    Staged::write_bytes(path, format_telescope(file).as_bytes())
}

/// The text of a telescope file; coordinates with 4 decimals (0.1 mm).
pub fn format_telescope(file: &TelescopeFile) -> String {
    let [lon, lat, height] = file.reference_deg_m;
    let mut text = format!("skyfringe-telescope 1\nname: {}\nversion: {}\n", file.name, file.version);
    if !file.description.is_empty() {
        text += &format!("description: {}\n", file.description);
    }
    text += &format!("source: {}\n", file.source);
    for note in &file.notes {
        text += &format!("note: {note}\n");
    }
    text += &format!("frame: ECEF WGS84\nreference: {lon} {lat} {height}\nstations: {}\n", file.stations.len());
    text += "# name  x_m  y_m  z_m  diameter_m  type\n";
    let width = file.stations.iter().map(|s| s.name.chars().count()).max().unwrap_or(0);
    for station in &file.stations {
        let [x, y, z] = station.ecef_m;
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{:<width$} {x:14.4} {y:14.4} {z:14.4} {} {}",
            station.name, station.diameter_m, station.kind
        );
    }
    text
}

//! What catalogues and HEALPix maps hold, for `sky info`.

use crate::error::Result;
use crate::formats::catalogue::{Catalogue, CatalogueFormat, ColumnKind};
use crate::formats::fits::HealpixFile;
use crate::math::healpix::pixel_sr;
use crate::sky::catalogue::{Mapping, components};
use crate::units::{DEG_RAD, Dimension, format_quantity};
use std::fmt::Write;
use std::path::Path;

/// Tables with their columns, and what `sky.components` would take them as; or a HEALPix map.
pub(super) fn summary(path: &Path, format: CatalogueFormat) -> Result<String> {
    if format == CatalogueFormat::Fits && HealpixFile::is_one(path) {
        return Ok(healpix(path, &HealpixFile::open(path)?));
    }
    let mut text = String::new();
    let tables = Catalogue::tables(path, format)?;
    for number in 1..=tables.len().max(1) {
        let chosen = number.to_string();
        let table = Catalogue::read(path, format, (tables.len() > 1).then_some(&chosen))?;
        // writing to a String cannot fail
        let _ = writeln!(text, "{}: catalogue {}", table.table_place(), table.name);
        let _ = writeln!(text, "  sources    {} rows, {} columns", table.rows, table.columns.len());
        for column in &table.columns {
            let kind = match &column.kind {
                ColumnKind::Number => "number",
                ColumnKind::Text => "text",
                ColumnKind::Other(what) => what,
            };
            let unit = if column.unit.is_empty() { "-" } else { &column.unit };
            let _ = writeln!(text, "  column     {:<20} {:<10} {kind:<8} {}", column.name, unit, column.ucd);
        }
        let mut notes = Vec::new();
        match components(&table, &Mapping::default(), &mut notes) {
            Ok(_) => text.extend(notes.iter().map(|note| format!("  as a sky   {note}\n"))),
            Err(error) => {
                let problem = error.to_string();
                let first = problem.lines().next().unwrap_or_default();
                let _ = writeln!(text, "  as a sky   needs [sky.columns]: {first}");
            }
        }
    }
    Ok(text)
}

fn healpix(path: &Path, map: &HealpixFile) -> String {
    let columns: Vec<String> = map.columns.iter().map(|c| format!("{} ({})", c.name, c.unit)).collect();
    let freq = map.freq_hz.map_or("not stated".into(), |freq| format_quantity(freq, Dimension::Frequency));
    format!(
        "{}: HEALPix map\n  pixels     {} of NSIDE {} ({:?}), {:.4} deg wide\n  frame      {}\n  frequency  {freq}\n  columns    {}\n",
        path.display(),
        map.pixels,
        map.nside,
        map.order,
        pixel_sr(map.nside).sqrt() / DEG_RAD,
        if map.system.is_empty() { "not stated" } else { &map.system },
        columns.join(", ")
    )
}

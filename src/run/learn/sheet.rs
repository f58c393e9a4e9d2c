//! Pictures of samples: a row a sample, a column a method.

use crate::formats::png::{ColourMap, Figure, Heatmap, Stretch, ValueRange};
use crate::run::headers::program;
use crate::run::preview::{labelled, largest, prefixed};
use ndarray::Array2;

/// Width of a place, px.
const PLACE_PX: u32 = 250;

/// Share of a truth's peak below which its pictures are linear.
const KNEE: f64 = 0.02;

/// Percentile of the absolute values at the ends of the colours of images with noise.
const SIGNED_PERCENTILE: f64 = 99.8;

/// A picture of a sheet.
pub(super) struct Tile {
    /// Above its column.
    pub title: String,
    /// Physical values \[y, x\], row 0 in the south, column 0 in the east.
    pub values: Array2<f64>,
    /// Their unit.
    pub unit: String,
    /// Largest value of the colours of a brightness, that of the row's truth; None of an image with noise, about 0.
    pub peak: Option<f64>,
}

/// The sheet. All rows have the same columns.
pub(super) fn sheet(rows: &[Vec<Tile>], title: &str, subtitle: &str) -> Figure {
    let columns = rows.first().map_or(1, Vec::len);
    let mut figure = Figure::new(PLACE_PX * columns as u32, PLACE_PX * rows.len() as u32 + 130, rows.len(), columns);
    figure.shrink = true;
    figure.font_px = Some(11.0);
    figure.title = title.into();
    figure.subtitle = subtitle.into();
    figure.footer = format!("{} · east is left · temperatures of a row share the truth's colours", program());
    for (row, tiles) in rows.iter().enumerate() {
        for (column, tile) in tiles.iter().enumerate() {
            let heading = if row == 0 { tile.title.clone() } else { String::new() };
            figure.add(row, column, Heatmap { title: heading, ..panel(tile) });
        }
    }
    figure
}

fn panel(tile: &Tile) -> Heatmap {
    let unit = tile.unit.replace("/beam", " beam⁻¹");
    let scale = tile.peak.unwrap_or_else(|| largest(tile.values.iter()));
    let (factor, unit) = prefixed(&unit, scale);
    let data = tile.values.mapv(|v| v * factor);
    let (ny, nx) = data.dim();
    let (colours, stretch, range) = match tile.peak {
        Some(peak) if peak > 0.0 => (ColourMap::Inferno, Stretch::Asinh(KNEE), ValueRange::Fixed(0.0, peak * factor)),
        _ => (ColourMap::Diverging, Stretch::Linear, ValueRange::Symmetric(SIGNED_PERCENTILE)),
    };
    Heatmap {
        ticks: false,
        colours,
        stretch,
        range,
        bar_label: labelled("", &unit),
        ..Heatmap::new(data, [nx as f64, 0.0], [0.0, ny as f64])
    }
}

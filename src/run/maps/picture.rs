//! maps.png: all domains of the first orientation in one figure.

use super::files::Sheet;
use crate::formats::png::{ColourMap, Figure, Heatmap, Stretch, ValueRange};
use crate::run::headers::program;
use crate::sky::maps::{Domain, Map};
use ndarray::Array2;

/// Decades below the brightest pixels that a surface density is shown over.
const DECADES: f64 = 4.0;

/// The figure.
pub(super) fn figure(sheet: &Sheet, maps: &[Map]) -> Figure {
    let columns = (maps.len() as f64).sqrt().ceil().max(1.0) as usize;
    let rows = maps.len().div_ceil(columns).max(1);
    let mut figure = Figure::new(560 * columns as u32, 520 * rows as u32 + 120, rows, columns);
    figure.shrink = true;
    figure.title = sheet.name.into();
    let [alpha, beta, gamma] = sheet.views[0].rotation.euler_deg();
    let place = &sheet.request.placement;
    figure.subtitle = format!(
        "Orientation {}: Euler angles {alpha:.1}°, {beta:.1}°, {gamma:.1}°; {:.2} Mpc, z = {:.5}; pixels of {:.3} kpc",
        sheet.views[0].name,
        place.luminosity_distance_mpc,
        place.redshift,
        place.pixel_kpc(sheet.request.cell_rad)
    );
    figure.footer = program();
    let cell_kpc = place.pixel_kpc(sheet.request.cell_rad);
    for (number, map) in maps.iter().enumerate() {
        figure.add(number / columns, number % columns, panel(map, cell_kpc));
    }
    figure
}

fn panel(map: &Map, cell_kpc: f64) -> Heatmap {
    let data = map.values.mapv(blank(map.domain));
    let edges = |n: usize| {
        let first = -((n / 2) as f64) - 0.5;
        [first * cell_kpc, (first + n as f64) * cell_kpc]
    };
    let ([west, east], north) = (edges(data.ncols()), edges(data.nrows()));
    let (colours, stretch, range) = colours(map.domain, &data);
    Heatmap {
        title: capital(map.domain.title()),
        x_label: "East (kpc)".into(),
        y_label: "North (kpc)".into(),
        bar_label: match words(map.domain.unit()) {
            unit if unit.is_empty() => String::new(),
            unit => format!("({unit})"),
        },
        colours,
        stretch,
        range,
        ..Heatmap::new(data, [-west, -east], north)
    }
}

/// Sums along the line of sight over some decades, means of positive things over what there is, signed ones about 0.
pub(in crate::run) fn colours(domain: Domain, data: &Array2<f64>) -> (ColourMap, Stretch, ValueRange) {
    if domain.is_signed() {
        return (ColourMap::Diverging, Stretch::Asinh(0.1), ValueRange::Symmetric(99.5));
    }
    let positive: Vec<f64> = data.iter().copied().filter(|v| *v > 0.0).collect();
    let [low, high] = ValueRange::Percentiles(0.5, 99.9).resolve(positive.iter().copied(), Stretch::Linear);
    if positive.is_empty() {
        return (ColourMap::Inferno, Stretch::Linear, ValueRange::Fixed(0.0, 1.0));
    }
    match domain.weight() {
        Some(_) => (ColourMap::Viridis, Stretch::Log, ValueRange::Fixed(low, high)),
        None => (ColourMap::Inferno, Stretch::Log, ValueRange::Fixed(low.max(high * 10f64.powf(-DECADES)), high)),
    }
}

pub(in crate::run) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// No value where a mean has no weight.
pub(in crate::run) fn blank(domain: Domain) -> impl Fn(f64) -> f64 {
    move |v| if domain.weight().is_some() && v == 0.0 { f64::NAN } else { v }
}

/// A FITS unit as one reads it.
pub(in crate::run) fn words(unit: &str) -> String {
    unit.replace("solMass", "M☉").replace("uG", "µG").replace("-1", "⁻¹").replace("-2", "⁻²")
}

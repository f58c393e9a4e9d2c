//! contact.png: some samples of a data set, a row each, with all their fields.

use crate::datasets::{Field, Observed};
use crate::formats::fits::Beam;
use crate::formats::png::{BeamEllipse, ColourMap, Facts, Figure, Heatmap, Stretch, ValueRange};
use crate::math::random::Stream;
use crate::run::headers::program;
use crate::run::maps::picture::{blank, capital, colours, words};
use crate::run::preview::{labelled, largest, prefixed};
use ndarray::{Array2, ArrayView3, Axis};

/// Stream of the draw of samples that are shown ("cont").
const STREAM: u32 = 0x636f_6e74;

/// Percentile of the absolute values at the ends of the colours of dirty images, as in previews.
const SIGNED_PERCENTILE: f64 = 99.8;

/// Width of one place of the sheet, px.
const PLACE_PX: u32 = 340;

/// Size of labels, px.
const FONT_PX: f32 = 12.0;

/// One image of a sample.
#[derive(Debug, Clone)]
pub struct TileImage {
    /// What it is.
    pub field: Field,
    /// Physical values in the field's unit, shape [y, x], row 0 in the south, column 0 in the east. Of a cube, its
    /// [`mean_plane`].
    pub values: Array2<f32>,
    /// Size of the pixels, rad.
    pub cell_rad: f64,
    /// Drawn as an ellipse.
    pub beam: Option<Beam>,
}

/// One sample.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Title of its row.
    pub title: String,
    /// Names and values beside its images.
    pub caption: Vec<(String, String)>,
    /// Its images; all tiles have the same fields in the same order.
    pub images: Vec<TileImage>,
}

/// What is shown of a cube [channel, y, x]: the mean over its channels; zeros where it has none.
pub fn mean_plane(cube: ArrayView3<f32>) -> Array2<f32> {
    let (channels, ny, nx) = cube.dim();
    let mut sum = Array2::<f64>::zeros((ny, nx));
    for plane in cube.axis_iter(Axis(0)) {
        sum.zip_mut_with(&plane, |s, v| *s += f64::from(*v));
    }
    sum.mapv(|s| (s / channels.max(1) as f64) as f32)
}

/// At most `most` of `samples`, drawn at random for `seed` and in their order: the same whoever draws.
pub fn draw_samples(samples: &[usize], most: usize, seed: u64) -> Vec<usize> {
    let mut draw = Stream::new(seed, [STREAM, 0, 0]);
    let mut left = samples.to_vec();
    let mut chosen: Vec<usize> = (0..most.min(left.len()))
        .map(|_| {
            let at = (draw.uniform() * left.len() as f64) as usize;
            left.swap_remove(at.min(left.len() - 1))
        })
        .collect();
    chosen.sort_unstable();
    chosen
}

/// The sheet: a row a sample with its caption at the left, a column a field; every image has its own range of values.
pub fn contact_sheet(tiles: &[Tile], title: &str, subtitle: &str) -> Figure {
    let columns = 1 + tiles.iter().map(|t| t.images.len()).max().unwrap_or(0);
    let rows = tiles.len().max(1);
    let mut figure = Figure::new(PLACE_PX * columns as u32, PLACE_PX * rows as u32 + 160, rows, columns);
    figure.shrink = true;
    figure.font_px = Some(FONT_PX);
    figure.title = title.into();
    figure.subtitle = subtitle.into();
    figure.footer = format!("{} · east is left · each image has its own range of values", program());
    for (row, tile) in tiles.iter().enumerate() {
        figure.add(row, 0, Facts { title: tile.title.clone(), rows: tile.caption.clone() });
        for (column, image) in tile.images.iter().enumerate() {
            let heading = if row == 0 { heading(image.field) } else { String::new() };
            figure.add(row, column + 1, Heatmap { title: heading, ..panel(image) });
        }
    }
    figure
}

fn heading(field: Field) -> String {
    if field.is_cube() { format!("{} (mean of channels)", field.word()) } else { field.word() }
}

fn panel(image: &TileImage) -> Heatmap {
    let values = image.values.mapv(f64::from);
    let values = if let Field::Map(domain) = image.field { values.mapv(blank(domain)) } else { values };
    let (factor, unit) = prefixed(&per_beam(&words(image.field.unit())), largest(values.iter()));
    let data = values.mapv(|v| v * factor);
    let (colours, stretch, range) = looks(image.field, &data);
    let (ny, nx) = data.dim();
    let cells = |angle_rad: f64| angle_rad / image.cell_rad;
    let beam = image.beam.filter(|_| has_beam(image.field));
    let quantity = if let Field::Map(domain) = image.field { capital(domain.title()) } else { String::new() };
    Heatmap {
        ticks: false,
        colours,
        stretch,
        range,
        // the words of long quantities would be cut: their unit alone says enough below the column's heading
        bar_label: if quantity.len() > 24 { unit.clone() } else { labelled(&quantity, &unit) },
        beam: beam.map(|b| BeamEllipse {
            major: cells(b.major_rad),
            minor: cells(b.minor_rad),
            angle_rad: b.angle_rad,
        }),
        // x falls to the right, so that the east side of a beam is where the east of the sky is
        ..Heatmap::new(data, [nx as f64, 0.0], [0.0, ny as f64])
    }
}

/// "Jy/beam" as in the labels of the other pictures.
fn per_beam(unit: &str) -> String {
    unit.replace("/beam", " beam⁻¹").replace("/pixel", " pixel⁻¹")
}

/// Whether its values are those of a beam.
fn has_beam(field: Field) -> bool {
    matches!(field, Field::Band(o) | Field::Cube(o) if o != Observed::Flux)
}

/// Maps as in maps.png; flux and temperatures from 0 with faint things raised; what has noise linear about 0.
fn looks(field: Field, data: &Array2<f64>) -> (ColourMap, Stretch, ValueRange) {
    match field {
        Field::Map(domain) => colours(domain, data),
        Field::TbCube | Field::Band(Observed::Flux) | Field::Cube(Observed::Flux) => {
            let highest = largest(data.iter());
            let range = ValueRange::Fixed(0.0, if highest > 0.0 { highest } else { 1.0 });
            (ColourMap::Inferno, Stretch::Asinh(0.05), range)
        }
        Field::Band(Observed::Psf) | Field::Cube(Observed::Psf) => {
            (ColourMap::Viridis, Stretch::Asinh(0.05), ValueRange::Full)
        }
        _ => (ColourMap::Diverging, Stretch::Linear, ValueRange::Symmetric(SIGNED_PERCENTILE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::maps::Domain;
    use ndarray::Array3;

    fn tiles(n: usize, values: f32) -> Vec<Tile> {
        let fields = [Field::Map(Domain::Tb), Field::Band(Observed::Flux), Field::Band(Observed::Dirty)];
        (0..n)
            .map(|k| Tile {
                title: format!("Sample {k}"),
                caption: vec![("galaxy".into(), format!("g{k}"))],
                images: fields
                    .iter()
                    .map(|field| TileImage {
                        field: *field,
                        values: Array2::from_shape_fn((12, 12), |(y, x)| values * ((x + k) as f32 - y as f32)),
                        cell_rad: 1e-5,
                        beam: Some(Beam { major_rad: 4e-5, minor_rad: 2e-5, angle_rad: 0.3 }),
                    })
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn samples_are_drawn_once_each_and_alike() {
        let all: Vec<usize> = (0..50).map(|k| 3 * k).collect();
        let drawn = draw_samples(&all, 12, 5);
        assert_eq!(drawn.len(), 12);
        assert!(drawn.windows(2).all(|w| w[0] < w[1]) && drawn.iter().all(|s| all.contains(s)));
        assert_eq!(drawn, draw_samples(&all, 12, 5));
        assert_ne!(drawn, draw_samples(&all, 12, 6));
        assert_eq!(draw_samples(&all, 1000, 5), all);
        assert!(draw_samples(&[], 12, 5).is_empty());
        // every sample has the same chance: 12 of 50 in 2000 draws is 480, and three standard deviations are 57
        let mut counts = [0; 50];
        for seed in 0..2000 {
            for sample in draw_samples(&all, 12, seed) {
                counts[sample / 3] += 1;
            }
        }
        assert!(counts.iter().all(|c| (400..560).contains(c)), "{counts:?}");
    }

    #[test]
    fn a_cube_is_shown_by_its_mean() {
        let cube = Array3::from_shape_fn((4, 2, 3), |(k, y, x)| (k * 10 + y * 3 + x) as f32);
        assert_eq!(mean_plane(cube.view()), Array2::from_shape_fn((2, 3), |(y, x)| 15.0 + (y * 3 + x) as f32));
        assert_eq!(mean_plane(Array3::zeros((0, 2, 2)).view()), Array2::<f32>::zeros((2, 2)));
    }

    #[test]
    fn dirty_images_are_shown_about_zero_and_maps_by_their_kind() {
        let tile = &tiles(1, 2e-3)[0];
        let dirty = panel(&tile.images[2]);
        let [low, high] = dirty.value_range();
        assert!(low == -high && dirty.colours == ColourMap::Diverging && dirty.stretch == Stretch::Linear);
        assert_eq!(dirty.bar_label, "mJy beam⁻¹");
        assert!((dirty.beam.unwrap().major - 4.0).abs() < 1e-12);
        let map = panel(&tile.images[0]);
        assert!(map.stretch == Stretch::Log && map.beam.is_none());
        assert_eq!(panel(&tile.images[1]).value_range()[0], 0.0);
    }

    #[test]
    fn sheets_of_any_values_are_drawn_alike() {
        for (n, values) in [(0, 1.0), (1, 0.0), (3, f32::NAN), (2, f32::INFINITY), (3, -1e-6)] {
            let sheet = contact_sheet(&tiles(n, values), "title", "");
            assert_eq!(sheet.render().unwrap(), contact_sheet(&tiles(n, values), "title", "").render().unwrap());
        }
    }
}

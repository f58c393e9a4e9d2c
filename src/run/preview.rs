//! The picture one looks at first after a run: sky, PSF, dirty image, velocities, spectrum, uv
//! coverage.

use super::telescope_plot::{UvPoints, uv_panel};
use crate::formats::fits::Beam;
use crate::formats::png::{
    BeamEllipse, ColourMap, Facts, Figure, Heatmap, LinePlot, LineStyle, Series, Stretch, Theme, ValueRange,
    VerticalLine,
};
use crate::units::{ARCSEC_RAD, DEG_RAD};
use ndarray::{ArrayView2, s};

/// One map with the words that belong to it.
#[derive(Debug, Clone, Copy)]
pub struct PreviewMap<'a> {
    /// Values, shape [y, x]; the phase centre is 0-based pixel (nx/2, ny/2), x falls to the east
    /// as in a FITS image. NaN is no value.
    pub data: ArrayView2<'a, f64>,
    /// Title of the panel.
    pub title: &'a str,
    /// What the values are, without the unit: "Integrated flux density".
    pub quantity: &'a str,
    /// Unit; where it begins with "Jy" or "K" a prefix (m, µ, n) is chosen to suit the values.
    pub unit: &'a str,
}

/// Percentile of the absolute values at the ends of the colours of signed maps.
const SIGNED_PERCENTILE: f64 = 99.8;

impl PreviewMap<'_> {
    /// Whether values below zero matter, as in temperature fluctuations: such maps are shown in
    /// diverging colours about zero.
    fn is_signed(&self) -> bool {
        let (lowest, highest) = ends(self.data.iter());
        lowest < -0.05 * highest
    }
}

/// One curve of the spectrum.
#[derive(Debug, Clone, Copy)]
pub struct PreviewCurve<'a> {
    /// Entry of the key.
    pub label: &'a str,
    /// One value a channel, in the unit of the spectrum.
    pub values: &'a [f64],
}

/// The spectrum panel.
#[derive(Debug, Clone, Copy)]
pub struct PreviewSpectrum<'a> {
    /// Channel centres, velocities or frequencies.
    pub x: &'a [f64],
    /// Label of the x axis with its unit.
    pub x_label: &'a str,
    /// Curves; the first is shaded.
    pub curves: &'a [PreviewCurve<'a>],
    /// Quantity on the y axis, without the unit.
    pub quantity: &'a str,
    /// Unit of the values; see [`PreviewMap::unit`].
    pub unit: &'a str,
    /// Where a dashed line marks the systemic velocity or the line's frequency.
    pub mark: Option<f64>,
    /// Text beside that line.
    pub mark_label: &'a str,
}

/// All that the preview shows.
#[derive(Debug, Clone, Copy)]
pub struct PreviewInput<'a> {
    /// Title: the galaxy and the telescope.
    pub title: &'a str,
    /// Line below it: the observation in short.
    pub subtitle: &'a str,
    /// Small text at the bottom: provenance.
    pub footer: &'a str,
    /// Background and ink.
    pub theme: Theme,
    /// Size of the pixels of all maps, rad.
    pub cell_rad: f64,
    /// Shows this much of sky, dirty image and velocities about the phase centre; all when absent.
    pub half_width_rad: Option<f64>,
    /// The true sky: HI moment 0, or a brightness temperature (then signed).
    pub sky: PreviewMap<'a>,
    /// One plane of the PSF, peak 1.
    pub psf: ArrayView2<'a, f64>,
    /// The dirty image: integrated, or the brightest channel.
    pub dirty: PreviewMap<'a>,
    /// Mean velocity of the true sky, km/s, NaN where there is no gas; absent for continuum.
    pub moment1_km_s: Option<ArrayView2<'a, f64>>,
    /// Spectrum.
    pub spectrum: PreviewSpectrum<'a>,
    /// Beam fitted to the PSF, drawn on the dirty image.
    pub beam: Option<Beam>,
    /// uv coverage (without conjugates); may be empty.
    pub uv: UvPoints<'a>,
    /// Names and values for a panel of facts, shown where there is no uv coverage or no velocity.
    pub facts: &'a [(String, String)],
}

/// The preview as a figure of 2 rows and 3 columns, to be rendered or saved as PNG.
pub fn preview_figure(input: &PreviewInput) -> Figure {
    let mut figure = Figure::new(1920, 1500, 2, 3);
    figure.shrink = true;
    figure.theme = input.theme;
    figure.title = input.title.into();
    figure.subtitle = input.subtitle.into();
    figure.footer = input.footer.into();

    let cell = input.cell_rad;
    let sky = cropped(input.sky.data, half_pixels(input.half_width_rad, cell));
    figure.add(0, 0, intensity(&PreviewMap { data: sky, ..input.sky }, cell, Stretch::Asinh(0.08)));
    figure.add(0, 1, psf(input));
    let dirty = cropped(input.dirty.data, half_pixels(input.half_width_rad, cell));
    let mut dirty_panel = intensity(&PreviewMap { data: dirty, ..input.dirty }, cell, Stretch::Linear);
    // a signed sky asks for a signed dirty image: the same colours mean the same
    if input.sky.is_signed() {
        (dirty_panel.colours, dirty_panel.range) = (ColourMap::Diverging, ValueRange::Symmetric(SIGNED_PERCENTILE));
    }
    dirty_panel.beam = input.beam.map(|b| ellipse(b, OffsetUnit::of(dirty, cell)));
    figure.add(0, 2, dirty_panel);

    let facts = || Facts { title: "Observation".into(), rows: input.facts.to_vec() };
    match input.moment1_km_s {
        Some(v) => figure.add(1, 0, velocities(cropped(v, half_pixels(input.half_width_rad, cell)), cell)),
        None => figure.add(1, 0, facts()),
    }
    figure.add(1, 1, spectrum(&input.spectrum));
    if !input.uv.is_empty() {
        figure.add(1, 2, uv_panel(input.uv, "uv coverage"));
    } else if input.moment1_km_s.is_some() {
        figure.add(1, 2, facts());
    }
    figure
}

/// Unit of offsets from the phase centre that suits the size of a map.
#[derive(Clone, Copy)]
pub(super) struct OffsetUnit {
    pub(super) rad: f64,
    pub(super) name: &'static str,
}

impl OffsetUnit {
    pub(super) fn of(map: ArrayView2<f64>, cell_rad: f64) -> OffsetUnit {
        let half = 0.5 * map.ncols().max(map.nrows()) as f64 * cell_rad;
        if half > 1.5 * DEG_RAD {
            OffsetUnit { rad: DEG_RAD, name: "deg" }
        } else if half > 150.0 * ARCSEC_RAD {
            OffsetUnit { rad: 60.0 * ARCSEC_RAD, name: "arcmin" }
        } else if half > 0.1 * ARCSEC_RAD {
            OffsetUnit { rad: ARCSEC_RAD, name: "arcsec" }
        } else {
            OffsetUnit { rad: 1e-3 * ARCSEC_RAD, name: "mas" }
        }
    }
}

/// An image panel with offset axes: pixel n/2 is at zero, right ascension rises to the left.
pub(super) fn map_panel(data: ArrayView2<f64>, cell_rad: f64, title: &str) -> Heatmap {
    let unit = OffsetUnit::of(data, cell_rad);
    let cell = cell_rad / unit.rad;
    let edges = |n: usize| {
        let first = -((n / 2) as f64) - 0.5;
        [first * cell, (first + n as f64) * cell]
    };
    let [west, east] = edges(data.ncols());
    Heatmap {
        title: title.into(),
        x_label: format!("RA offset ({})", unit.name),
        y_label: format!("Dec offset ({})", unit.name),
        ..Heatmap::new(data.to_owned(), [-west, -east], edges(data.nrows()))
    }
}

pub(super) fn intensity(map: &PreviewMap, cell_rad: f64, stretch: Stretch) -> Heatmap {
    let (factor, unit) = prefixed(map.unit, largest(map.data.iter()));
    let scaled = map.data.mapv(|v| v * factor);
    let (_, highest) = ends(scaled.iter());
    let panel = map_panel(scaled.view(), cell_rad, map.title);
    let bar_label = labelled(map.quantity, &unit);
    if stretch == Stretch::Linear {
        return Heatmap { colours: ColourMap::Inferno, range: ValueRange::Percentiles(0.2, 99.95), bar_label, ..panel };
    }
    if map.is_signed() {
        let range = ValueRange::Symmetric(SIGNED_PERCENTILE);
        return Heatmap { colours: ColourMap::Diverging, range, bar_label, ..panel };
    }
    let range = ValueRange::Fixed(0.0, if highest > 0.0 { highest } else { 1.0 });
    Heatmap { colours: ColourMap::Inferno, stretch, range, bar_label, ..panel }
}

/// The middle of the PSF, so many beams wide that the inner side lobes can be seen.
fn psf(input: &PreviewInput) -> Heatmap {
    let half = input.beam.map(|b| ((24.0 * b.major_rad / input.cell_rad) as usize).max(24));
    let data = cropped(input.psf, half);
    Heatmap {
        colours: ColourMap::Viridis,
        stretch: Stretch::Asinh(0.05),
        bar_label: "Response".into(),
        ..map_panel(data, input.cell_rad, "PSF")
    }
}

pub(super) fn velocities(moment1_km_s: ArrayView2<f64>, cell_rad: f64) -> Heatmap {
    let (lowest, highest) = ends(moment1_km_s.iter());
    let about_zero = lowest < 0.0 && highest > 0.0;
    Heatmap {
        colours: ColourMap::Diverging,
        range: if about_zero { ValueRange::Symmetric(99.5) } else { ValueRange::Percentiles(0.5, 99.5) },
        bar_label: "Mean velocity (km s⁻¹)".into(),
        ..map_panel(moment1_km_s, cell_rad, "Velocity field")
    }
}

pub(super) fn spectrum(input: &PreviewSpectrum) -> LinePlot {
    let (factor, unit) = prefixed(input.unit, largest(input.curves.iter().flat_map(|c| c.values)));
    let series = input.curves.iter().enumerate().map(|(i, curve)| Series {
        style: LineStyle::Step,
        shaded: i == 0,
        ..Series::new(curve.label, input.x.to_vec(), curve.values.iter().map(|v| v * factor).collect())
    });
    LinePlot {
        series: series.collect(),
        x_label: input.x_label.into(),
        y_label: labelled(input.quantity, &unit),
        title: "Spectrum".into(),
        vertical_lines: input.mark.map(|x| VerticalLine { x, label: input.mark_label.into() }).into_iter().collect(),
        ..LinePlot::default()
    }
}

pub(super) fn labelled(quantity: &str, unit: &str) -> String {
    match (quantity.is_empty(), unit.is_empty()) {
        (_, true) => quantity.into(),
        (true, false) => unit.into(),
        (false, false) => format!("{quantity} ({unit})"),
    }
}

fn ellipse(beam: Beam, unit: OffsetUnit) -> BeamEllipse {
    BeamEllipse { major: beam.major_rad / unit.rad, minor: beam.minor_rad / unit.rad, angle_rad: beam.angle_rad }
}

pub(super) fn half_pixels(half_width_rad: Option<f64>, cell_rad: f64) -> Option<usize> {
    half_width_rad.map(|h| ((h / cell_rad).round() as usize).max(4))
}

/// The `2 half` pixels about pixel n/2, which stays pixel n/2 of what is left.
pub(super) fn cropped(map: ArrayView2<f64>, half: Option<usize>) -> ArrayView2<f64> {
    let bounds = |n: usize| match half {
        Some(h) => (n / 2).saturating_sub(h)..(n / 2 + h).min(n),
        None => 0..n,
    };
    let (ny, nx) = map.dim();
    // an odd size cut at one end only would move the centre, so both ends or none
    let whole = |n: usize| half.is_none_or(|h| 2 * h >= n);
    let rows = if whole(ny) { 0..ny } else { bounds(ny) };
    let columns = if whole(nx) { 0..nx } else { bounds(nx) };
    map.slice_move(s![rows, columns])
}

fn ends<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    values.filter(|v| v.is_finite()).fold((0.0, 0.0), |(lo, hi): (f64, f64), v| (lo.min(*v), hi.max(*v)))
}

pub(super) fn largest<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    let (lo, hi) = ends(values);
    hi.max(-lo)
}

/// Factor and name of a unit in which `largest` is a convenient number.
pub(super) fn prefixed(unit: &str, largest: f64) -> (f64, String) {
    let named = unit.starts_with("Jy") || unit == "K" || unit.starts_with("K ");
    if !named || largest <= 0.0 {
        return (1.0, unit.into());
    }
    for (factor, prefix) in [(1.0, ""), (1e3, "m"), (1e6, "µ")] {
        if largest * factor >= 0.5 {
            return (factor, format!("{prefix}{unit}"));
        }
    }
    (1e9, format!("n{unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn units_get_the_prefix_that_suits() {
        assert_eq!(prefixed("Jy/beam", 2.0), (1.0, "Jy/beam".into()));
        assert_eq!(prefixed("Jy/beam", 0.02), (1e3, "mJy/beam".into()));
        assert_eq!(prefixed("Jy km/s", 3e-6), (1e6, "µJy km/s".into()));
        assert_eq!(prefixed("K", 1e-20).1, "nK");
        assert_eq!(prefixed("km/s", 1e-3), (1.0, "km/s".into()));
        assert_eq!(prefixed("Jy", 0.0), (1.0, "Jy".into()));
    }

    #[test]
    fn cropping_keeps_the_phase_centre_at_half_the_size() {
        for n in [7, 8, 33, 64] {
            let map =
                Array2::from_shape_fn((n, n + 1), |(y, x)| if (y, x) == (n / 2, n.div_ceil(2)) { 1.0 } else { 0.0 });
            for half in [None, Some(2), Some(4), Some(100)] {
                let part = cropped(map.view(), half);
                assert_eq!(part[[part.nrows() / 2, part.ncols() / 2]], 1.0, "{n} {half:?}");
            }
        }
    }

    #[test]
    fn odd_observations_are_drawn_without_panic() {
        let maps = [
            Array2::zeros((0, 0)),
            Array2::zeros((16, 16)),
            Array2::from_elem((7, 9), f64::NAN),
            Array2::from_elem((8, 8), f64::INFINITY),
            Array2::from_elem((8, 8), -1.0),
        ];
        for map in &maps {
            for (x, cell_rad) in [(vec![], 0.0), (vec![1.42e9], ARCSEC_RAD), (vec![f64::NAN; 3], f64::NAN)] {
                let shown = PreviewMap { data: map.view(), title: "", quantity: "", unit: "Jy" };
                let figure = preview_figure(&PreviewInput {
                    title: "",
                    subtitle: "",
                    footer: "",
                    theme: Theme::Light,
                    cell_rad,
                    half_width_rad: Some(3.0 * ARCSEC_RAD),
                    sky: shown,
                    psf: map.view(),
                    dirty: shown,
                    moment1_km_s: Some(map.view()),
                    spectrum: PreviewSpectrum {
                        x: &x,
                        x_label: "",
                        curves: &[PreviewCurve { label: "", values: &x }],
                        quantity: "",
                        unit: "Jy",
                        mark: Some(f64::NAN),
                        mark_label: "mark",
                    },
                    beam: Some(Beam { major_rad: f64::NAN, minor_rad: 0.0, angle_rad: 0.0 }),
                    uv: UvPoints::Metres(&[]),
                    facts: &[],
                });
                assert!(figure.render().is_ok());
            }
        }
    }

    #[test]
    fn zero_offset_is_the_middle_of_the_centre_pixel() {
        let p = map_panel(Array2::zeros((4, 5)).view(), ARCSEC_RAD, "");
        assert!((p.x_range[0] - 2.5).abs() < 1e-12 && (p.x_range[1] + 2.5).abs() < 1e-12, "{:?}", p.x_range);
        assert!((p.y_range[0] + 2.5).abs() < 1e-12 && (p.y_range[1] - 1.5).abs() < 1e-12, "{:?}", p.y_range);
    }
}

//! One picture of an array: where its stations stand and which baselines they make.

use crate::formats::png::{Figure, Heatmap, Panel, PointGroup, ScatterPlot, Stretch, Theme, ValueRange};
use ndarray::Array2;

/// What is drawn of an array.
#[derive(Debug, Clone, Copy)]
pub struct TelescopePlotInput<'a> {
    /// Title: the telescope.
    pub title: &'a str,
    /// Line below the title: number of stations, longest baseline, observation.
    pub subtitle: &'a str,
    /// Small text at the bottom: provenance.
    pub footer: &'a str,
    /// Background and ink.
    pub theme: Theme,
    /// Offsets of the stations to the east, m.
    pub east_m: &'a [f64],
    /// Offsets of the stations to the north, m.
    pub north_m: &'a [f64],
    /// Type of each station; a colour and an entry of the key for each distinct one.
    pub kinds: &'a [String],
    /// Names of the stations, written beside them where there are at most 12; may be empty.
    pub names: &'a [String],
    /// uv coverage; conjugates are added here.
    pub uv: UvPoints<'a>,
    /// Title of the uv panel: which observation this is.
    pub uv_title: &'a str,
}

/// Points (u, v) of a coverage, with their unit.
#[derive(Debug, Clone, Copy)]
pub enum UvPoints<'a> {
    /// Metres.
    Metres(&'a [[f64; 2]]),
    /// Wavelengths.
    Wavelengths(&'a [[f64; 2]]),
}

impl<'a> UvPoints<'a> {
    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.points().is_empty()
    }

    fn points(self) -> &'a [[f64; 2]] {
        match self {
            UvPoints::Metres(points) | UvPoints::Wavelengths(points) => points,
        }
    }

    /// Size and name of the unit in which points out to `largest` are drawn.
    fn unit(self, largest: f64) -> (f64, &'static str) {
        match self {
            UvPoints::Metres(_) if largest < 2e3 => (1.0, "m"),
            UvPoints::Metres(_) => (1e3, "km"),
            UvPoints::Wavelengths(_) if largest < 2e3 => (1.0, "λ"),
            UvPoints::Wavelengths(_) if largest < 2e6 => (1e3, "kλ"),
            UvPoints::Wavelengths(_) => (1e6, "Mλ"),
        }
    }
}

/// Points beyond this number are drawn as counts per cell.
const MOST_POINTS: usize = 15_000;
/// Cells along each side of a drawing of counts.
const CELLS: usize = 300;

/// The uv coverage with conjugate points: dots, or counts per cell where they would hide each other.
pub fn uv_panel(uv: UvPoints, title: &str) -> Panel {
    let finite = uv.points().iter().copied().filter(|p| p[0].is_finite() && p[1].is_finite());
    let largest = finite.clone().map(|p| p[0].abs().max(p[1].abs())).fold(0.0, f64::max);
    let (size, unit) = uv.unit(largest);
    let half = if largest > 0.0 { 1.06 * largest / size } else { 1.0 };
    // u grows to the east, which is left, as in the image
    let (x_range, y_range) = ([half, -half], [-half, half]);
    let (x_label, y_label) = (format!("u ({unit})"), format!("v ({unit})"));
    let points: Vec<[f64; 2]> =
        finite.flat_map(|p| [[p[0] / size, p[1] / size], [-p[0] / size, -p[1] / size]]).collect();
    if points.len() <= MOST_POINTS {
        let dense = (points.len() as f32 / 2000.0).clamp(0.0, 1.0);
        let group =
            PointGroup { radius_em: 0.11 - 0.05 * dense, opacity: 0.9 - 0.35 * dense, ..PointGroup::new("", points) };
        return ScatterPlot {
            groups: vec![group],
            x_label,
            y_label,
            title: title.into(),
            x_range: Some(x_range),
            y_range: Some(y_range),
            ..ScatterPlot::default()
        }
        .into();
    }
    let mut counts = Array2::<f64>::zeros((CELLS, CELLS));
    let cell = |w: f64| ((w + half) / (2.0 * half) * CELLS as f64) as usize;
    for p in points {
        counts[[cell(p[1]).min(CELLS - 1), cell(-p[0]).min(CELLS - 1)]] += 1.0;
    }
    counts.mapv_inplace(|n| if n > 0.0 { n } else { f64::NAN });
    Heatmap {
        x_label,
        y_label,
        title: title.into(),
        stretch: Stretch::Log,
        range: ValueRange::Percentiles(0.0, 99.9),
        bar_label: "Samples per cell".into(),
        no_value_is_background: true,
        ..Heatmap::new(counts, x_range, y_range)
    }
    .into()
}

/// The layout, its core (where the array has one) and the uv coverage side by side.
pub fn telescope_figure(input: &TelescopePlotInput) -> Figure {
    let n = input.east_m.len().min(input.north_m.len());
    let east_north: Vec<[f64; 2]> = (0..n).map(|i| [input.east_m[i], input.north_m[i]]).collect();
    let zoom = core_of(&east_north);
    let columns = 1 + usize::from(zoom.is_some()) + usize::from(!input.uv.is_empty());
    let mut figure = Figure::new(620 * columns as u32 + 60, 900, 1, columns);
    figure.shrink = true;
    figure.font_px = Some(18.0);
    figure.theme = input.theme;
    figure.title = input.title.into();
    figure.subtitle = input.subtitle.into();
    figure.footer = input.footer.into();

    let (x, y) = ScatterPlot::square_about(east_north.iter().copied());
    let mut layout = stations(input, &east_north, [x[0], x[1], y[0], y[1]], "Stations", 1.0);
    let mut column = 1;
    if let Some(core) = zoom {
        let mut panel = stations(input, &east_north, core, "Core", 1.35);
        let (size, _) = length_unit(x[1] - x[0]);
        layout.boxes.push(core.map(|c| c / size));
        // one key is enough
        panel.groups.iter_mut().for_each(|g| g.label.clear());
        figure.add(0, column, panel);
        column += 1;
    }
    figure.add(0, 0, layout);
    if !input.uv.is_empty() {
        figure.add(0, column, uv_panel(input.uv, input.uv_title));
    }
    figure
}

fn length_unit(span_m: f64) -> (f64, &'static str) {
    if span_m < 4e3 { (1.0, "m") } else { (1e3, "km") }
}

/// The stations within `area` [x0, x1, y0, y1], m, coloured by type.
fn stations(
    input: &TelescopePlotInput,
    east_north: &[[f64; 2]],
    area: [f64; 4],
    title: &str,
    magnify: f32,
) -> ScatterPlot {
    let (size, unit) = length_unit(area[1] - area[0]);
    let mut kinds: Vec<&str> = Vec::new();
    for kind in input.kinds {
        if !kinds.contains(&kind.as_str()) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() {
        kinds.push("");
    }
    let radius_em = magnify * (1.9 / (east_north.len().max(1) as f32).sqrt()).clamp(0.13, 0.3);
    let named = input.names.len() == east_north.len() && east_north.len() <= 12;
    let groups = kinds.iter().map(|kind| {
        let of_kind = |i: &usize| input.kinds.get(*i).map_or("", |k| k.as_str()) == *kind;
        let members: Vec<usize> = (0..east_north.len()).filter(of_kind).collect();
        let points = members.iter().map(|i| [east_north[*i][0] / size, east_north[*i][1] / size]).collect();
        let names = if named { members.iter().map(|i| input.names[*i].clone()).collect() } else { Vec::new() };
        let label = if kind.is_empty() { String::new() } else { format!("{kind} ({})", members.len()) };
        PointGroup { radius_em, opacity: 0.85, names, ..PointGroup::new(label, points) }
    });
    ScatterPlot {
        groups: groups.collect(),
        x_label: format!("East ({unit})"),
        y_label: format!("North ({unit})"),
        title: title.into(),
        x_range: Some([area[0] / size, area[1] / size]),
        y_range: Some([area[2] / size, area[3] / size]),
        boxes: Vec::new(),
    }
}

/// The square about the inner half of the stations, where it is much smaller than the array.
fn core_of(points: &[[f64; 2]]) -> Option<[f64; 4]> {
    let finite: Vec<[f64; 2]> = points.iter().copied().filter(|p| p[0].is_finite() && p[1].is_finite()).collect();
    if finite.len() < 8 {
        return None;
    }
    let median = |k: usize| {
        let mut values: Vec<f64> = finite.iter().map(|p| p[k]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let centre = [median(0), median(1)];
    let mut reach: Vec<f64> = finite.iter().map(|p| (p[0] - centre[0]).abs().max((p[1] - centre[1]).abs())).collect();
    reach.sort_by(f64::total_cmp);
    let half = 1.25 * reach[reach.len() / 2];
    let whole = reach[reach.len() - 1];
    let small = half > 0.0 && half < 0.35 * whole;
    small.then(|| [centre[0] - half, centre[0] + half, centre[1] - half, centre[1] + half])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_found_only_where_there_is_one() {
        let ring: Vec<[f64; 2]> = (0..40).map(|i| (i as f64).sin_cos()).map(|(s, c)| [100.0 * c, 100.0 * s]).collect();
        assert_eq!(core_of(&ring), None);
        let mut cored = ring.clone();
        cored.extend(ring.iter().map(|p| [0.02 * p[0] + 7.0, 0.02 * p[1]]));
        cored.extend(ring.iter().map(|p| [0.02 * p[0] + 7.0, 0.02 * p[1]]));
        let core = core_of(&cored).unwrap();
        assert!(core[0] < 6.0 && core[1] > 8.0 && core[1] - core[0] < 20.0, "{core:?}");
        assert_eq!(core_of(&[[f64::NAN, 0.0]; 20]), None);
        assert_eq!(core_of(&[[1.0, 1.0]; 20]), None);
    }

    #[test]
    fn odd_input_is_drawn_without_panic() {
        let kinds = ["dish".to_string()];
        for (east, uv) in
            [(vec![], vec![]), (vec![f64::NAN, 1.0], vec![[f64::NAN, 0.0]]), (vec![0.0], vec![[0.0; 2]; 20_000])]
        {
            let input = TelescopePlotInput {
                title: "",
                subtitle: "",
                footer: "",
                theme: Theme::Dark,
                east_m: &east,
                north_m: &east,
                kinds: &kinds,
                names: &[],
                uv: UvPoints::Metres(&uv),
                uv_title: "",
            };
            assert!(telescope_figure(&input).render().is_ok());
        }
    }
}

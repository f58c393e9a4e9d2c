//! Points: antenna layouts, uv coverage.

use super::axes::{Axes, Axis, Insets};
use super::canvas::{Canvas, Pen, Rect};
use super::colour::Rgb;
use super::figure::Plot;
use super::heatmap::usable;
use super::legend::{self, Entry, Sign};
use super::scale::AxisScale;
use super::text::{Align, CAP_HEIGHT, Weight};
use super::theme::Style;

/// Points of one kind.
#[derive(Debug, Clone)]
pub struct PointGroup {
    /// Entry of the key; empty for none.
    pub label: String,
    /// World positions (x, y).
    pub points: Vec<[f64; 2]>,
    /// Text beside each point, as many as `points`, or empty; a name that finds no free place is left
    /// out.
    pub names: Vec<String>,
    /// Colour, instead of the theme's next.
    pub colour: Option<Rgb>,
    /// Radius in units of the figure's font size.
    pub radius_em: f32,
    /// Opacity, 0 to 1: below 1 dense places look darker.
    pub opacity: f32,
}

impl PointGroup {
    /// Full dots of normal size.
    pub fn new(label: impl Into<String>, points: Vec<[f64; 2]>) -> PointGroup {
        PointGroup { label: label.into(), points, names: Vec::new(), colour: None, radius_em: 0.24, opacity: 1.0 }
    }
}

/// A panel of points with a unit of equal length on both axes.
#[derive(Debug, Clone, Default)]
pub struct ScatterPlot {
    /// Groups, the last on top.
    pub groups: Vec<PointGroup>,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// Title.
    pub title: String,
    /// x at the left and right end, in either order; with `y_range` absent too, a square about the
    /// points.
    pub x_range: Option<[f64; 2]>,
    /// y at the lower and upper end.
    pub y_range: Option<[f64; 2]>,
    /// Rectangles [x0, x1, y0, y1], such as the area another panel shows.
    pub boxes: Vec<[f64; 4]>,
}

impl ScatterPlot {
    /// The square about all finite points, with a margin: its x and y range.
    pub fn square_about(points: impl Iterator<Item = [f64; 2]>) -> ([f64; 2], [f64; 2]) {
        let mut ends = [[f64::INFINITY, f64::NEG_INFINITY]; 2];
        for p in points.filter(|p| p[0].is_finite() && p[1].is_finite()) {
            for k in 0..2 {
                ends[k] = [ends[k][0].min(p[k]), ends[k][1].max(p[k])];
            }
        }
        if ends[0][0] > ends[0][1] {
            return ([-1.0, 1.0], [-1.0, 1.0]);
        }
        let middle = ends.map(|[a, b]| 0.5 * (a + b));
        let half = ends.iter().map(|[a, b]| 0.5 * (b - a)).fold(0.0, f64::max);
        let half = if half > 1e-9 * middle[0].abs().max(middle[1].abs()) { 1.08 * half } else { 1.0 };
        let about = |m: f64| [m - half, m + half];
        (about(middle[0]), about(middle[1]))
    }

    /// Writes each name beside its point: right, left, above or below, wherever it meets neither a
    /// point nor another name; a name without such a place is left out. `seen` gains the names.
    fn draw_names(
        &self,
        canvas: &mut Canvas,
        style: &Style,
        frame: Rect,
        names: &[((f32, f32), f32, &String)],
        seen: &mut Vec<(f32, f32)>,
    ) {
        let size = 0.85 * style.small();
        let mut taken: Vec<Rect> =
            names.iter().map(|((x, y), r, _)| Rect { x0: *x, x1: *x, y0: *y, y1: *y }.grown(*r)).collect();
        for ((x, y), radius, name) in names {
            let (width, height) = (style.fonts.width(name, size), CAP_HEIGHT * size);
            let (dx, dy) = (radius + 0.25 * size, radius + 0.3 * size);
            let places = [
                (x + dx, y - 0.5 * height),
                (x - dx - width, y - 0.5 * height),
                (x - 0.5 * width, y - dy - height),
                (x - 0.5 * width, y + dy),
            ];
            let inner = frame.grown(-0.2 * size);
            let free = places.map(|(x0, y0)| Rect { x0, y0, x1: x0 + width, y1: y0 + height }).into_iter().find(|b| {
                let inside = b.x0 > inner.x0 && b.x1 < inner.x1 && b.y0 > inner.y0 && b.y1 < inner.y1;
                inside && !taken.iter().any(|t| b.x0 < t.x1 && b.x1 > t.x0 && b.y0 < t.y1 && b.y1 > t.y0)
            });
            let Some(place) = free else { continue };
            let at = (place.x0, place.y1);
            style.fonts.draw(canvas, name, at, size, style.theme.muted(), Weight::Regular, Align::Start, false);
            taken.push(place.grown(0.1 * size));
            seen.extend(legend::filled_in(&[(place.x0, place.y0), (place.x1, place.y1)], 0.3 * size));
        }
    }

    fn axes(&self) -> Axes<'_> {
        let (x, y) = ScatterPlot::square_about(self.groups.iter().flat_map(|g| g.points.iter().copied()));
        let axis = |range: [f64; 2], label| Axis { range: usable(range), scale: AxisScale::Linear, label };
        Axes {
            x: axis(self.x_range.unwrap_or(x), &self.x_label),
            y: axis(self.y_range.unwrap_or(y), &self.y_label),
            title: &self.title,
            ticked: true,
        }
    }
}

impl Plot for ScatterPlot {
    fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets {
        self.axes().insets(style, frame)
    }

    fn aspect(&self) -> Option<f32> {
        let axes = self.axes();
        let span = |axis: &Axis| (axis.range[1] - axis.range[0]).abs();
        Some((span(&axes.x) / span(&axes.y)).clamp(0.05, 20.0) as f32)
    }

    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let axes = self.axes();
        let (em, theme) = (style.em, style.theme);
        axes.grid(canvas, style, frame);
        canvas.clip(frame);
        let mut seen = Vec::new();
        let mut entries = Vec::new();
        let mut names = Vec::new();
        for (i, group) in self.groups.iter().enumerate() {
            let colour = group.colour.unwrap_or(theme.series(i));
            let radius = (group.radius_em * em).max(0.5);
            for (k, p) in group.points.iter().enumerate() {
                let at = axes.place(frame, p[0], p[1]);
                let near = frame.grown(radius);
                if !(at.0 > near.x0 && at.0 < near.x1 && at.1 > near.y0 && at.1 < near.y1) {
                    continue;
                }
                canvas.disc(at, radius, colour, group.opacity);
                seen.push(at);
                if let Some(name) = group.names.get(k) {
                    names.push((at, radius, name));
                }
            }
            entries.push(Entry { label: &group.label, colour, sign: Sign::Dot });
        }
        for [x0, x1, y0, y1] in &self.boxes {
            let corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)].map(|(x, y)| axes.place(frame, *x, *y));
            canvas.polyline(&corners, Pen::new(theme.ink(), 0.08 * em));
        }
        self.draw_names(canvas, style, frame, &names, &mut seen);
        legend::draw(canvas, style, frame, &entries, &seen);
        canvas.unclip();
        axes.draw(canvas, style, frame, frame.width());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_square_holds_the_points() {
        let points = [[0.0, 5.0], [10.0, 6.0], [f64::NAN, 1e9]];
        let (x, y) = ScatterPlot::square_about(points.into_iter());
        assert!((x[1] - x[0] - (y[1] - y[0])).abs() < 1e-12);
        assert!(x[0] < 0.0 && x[1] > 10.0 && y[0] < 5.0 && y[1] > 6.0 && y[1] < 20.0);
        assert_eq!(ScatterPlot::square_about([].into_iter()), ([-1.0, 1.0], [-1.0, 1.0]));
        assert_eq!(ScatterPlot::square_about([[3.0, 4.0]].into_iter()), ([2.0, 4.0], [3.0, 5.0]));
    }
}

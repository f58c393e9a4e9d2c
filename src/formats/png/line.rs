//! Curves and spectra.

use super::axes::{Axes, Axis, Insets};
use super::canvas::{Canvas, Pen, Rect};
use super::colour::Rgb;
use super::figure::Plot;
use super::heatmap::usable;
use super::legend::{self, Entry, Sign};
use super::scale::AxisScale;
use super::text::{Align, Weight};
use super::theme::Style;

/// How the points of a series are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineStyle {
    /// Straight lines.
    #[default]
    Line,
    /// Straight dashed lines.
    Dashed,
    /// One level a point, changing midway between points: spectra, histograms.
    Step,
    /// Dots, not joined.
    Points,
}

/// One curve. Points that are not finite interrupt it.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Entry of the key; empty for none.
    pub label: String,
    /// Values along x.
    pub x: Vec<f64>,
    /// Values along y, as many as `x` (what is more of either is left out).
    pub y: Vec<f64>,
    /// Half height of a band drawn about the curve (an error), as many as `y`, or empty.
    pub error: Vec<f64>,
    /// Colour, instead of the theme's next.
    pub colour: Option<Rgb>,
    /// How the points are joined.
    pub style: LineStyle,
    /// Whether the area down to zero is shaded.
    pub shaded: bool,
}

impl Series {
    /// A curve through these points.
    pub fn new(label: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Series {
        Series { label: label.into(), x, y, ..Series::default() }
    }

    /// Points in the order and number in which the curve bends.
    fn path(&self) -> Vec<(f64, f64)> {
        let points: Vec<(f64, f64)> = self.x.iter().copied().zip(self.y.iter().copied()).collect();
        if self.style == LineStyle::Step { steps(&points) } else { points }
    }
}

/// A vertical line with a label at its top.
#[derive(Debug, Clone, PartialEq)]
pub struct VerticalLine {
    /// Where, world units.
    pub x: f64,
    /// Text beside it; may be empty.
    pub label: String,
}

/// A panel of curves. It has the shape of its place in the figure.
#[derive(Debug, Clone, Default)]
pub struct LinePlot {
    /// Curves, the last on top.
    pub series: Vec<Series>,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// Title.
    pub title: String,
    /// x at the left and right end, in either order; from the data when absent.
    pub x_range: Option<[f64; 2]>,
    /// y at the lower and upper end; from the data when absent.
    pub y_range: Option<[f64; 2]>,
    /// Spread of the x axis.
    pub x_scale: AxisScale,
    /// Spread of the y axis.
    pub y_scale: AxisScale,
    /// Vertical dashed lines.
    pub vertical_lines: Vec<VerticalLine>,
}

impl LinePlot {
    /// Axes for a frame of this height, px, with room for the key above the data.
    fn axes(&self, style: &Style, height: f32) -> Axes<'_> {
        let paths: Vec<Vec<(f64, f64)>> = self.series.iter().map(Series::path).collect();
        let x = paths.iter().flatten().map(|p| p.0);
        let bands = self
            .series
            .iter()
            .flat_map(|s| s.y.iter().zip(&s.error).filter(|(_, e)| e.is_finite()).flat_map(|(y, e)| [y - e, y + e]));
        // dots at the ends of the axis would be cut
        let x_margin = if self.series.iter().any(|s| s.style == LineStyle::Points) { 0.03 } else { 0.0 };
        let base = self.series.iter().any(|s| s.shaded).then_some(0.0);
        let y = paths.iter().flatten().map(|p| p.1).chain(bands).chain(base);
        let x_range = self.x_range.unwrap_or_else(|| extent(x, self.x_scale, x_margin));
        let y_range = self.y_range.unwrap_or_else(|| {
            let [lo, hi] = extent(y, self.y_scale, 0.07);
            let lines = self.series.iter().filter(|s| !s.label.is_empty()).count();
            let share = legend::headroom(style, lines) / height.max(1.0);
            if lines == 0 || share > 0.4 {
                return [lo, hi];
            }
            // the margin of 0.07 already lies above the data
            let grow = 1.0 + f64::from(share / (1.0 - share)) - 0.06;
            match self.y_scale {
                AxisScale::Linear => [lo, lo + (hi - lo) * grow.max(1.0)],
                AxisScale::Log => [lo, lo * (hi / lo).powf(grow.max(1.0))],
            }
        });
        Axes {
            x: Axis { range: carrying(x_range, self.x_scale), scale: self.x_scale, label: &self.x_label },
            y: Axis { range: carrying(y_range, self.y_scale), scale: self.y_scale, label: &self.y_label },
            title: &self.title,
            ticked: true,
        }
    }
}

/// Each point widened to the level it stands for.
fn steps(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let n = points.len();
    if n < 2 {
        return points.to_vec();
    }
    let middle = |i: usize| 0.5 * (points[i].0 + points[i + 1].0);
    let mut out = Vec::with_capacity(2 * n);
    for i in 0..n {
        let start = if i == 0 { 2.0 * points[0].0 - middle(0) } else { middle(i - 1) };
        let end = if i + 1 == n { 2.0 * points[i].0 - middle(i - 1) } else { middle(i) };
        out.extend([(start, points[i].1), (end, points[i].1)]);
    }
    out
}

/// Smallest to largest finite (and, on a logarithmic axis, positive) value with a margin.
fn extent(values: impl Iterator<Item = f64>, scale: AxisScale, margin: f64) -> [f64; 2] {
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values.filter(|v| v.is_finite() && (scale == AxisScale::Linear || *v > 0.0)) {
        (lo, hi) = (lo.min(v), hi.max(v));
    }
    if lo > hi {
        return [f64::NAN, f64::NAN];
    }
    match scale {
        AxisScale::Linear if hi - lo <= 1e-12 * lo.abs().max(hi.abs()) => {
            let half = if lo == 0.0 { 1.0 } else { 0.5 * lo.abs() };
            [lo - half, hi + half]
        }
        AxisScale::Linear => [lo - margin * (hi - lo), hi + margin * (hi - lo)],
        AxisScale::Log if lo == hi => [0.5 * lo, 2.0 * hi],
        AxisScale::Log => [lo * (lo / hi).powf(margin), hi * (hi / lo).powf(margin)],
    }
}

fn carrying(range: [f64; 2], scale: AxisScale) -> [f64; 2] {
    match scale {
        AxisScale::Linear => usable(range),
        AxisScale::Log if range[0] > 0.0 && range[1] > 0.0 => usable(range),
        AxisScale::Log => [0.1, 1.0],
    }
}

impl Plot for LinePlot {
    fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets {
        self.axes(style, frame[1]).insets(style, frame)
    }

    fn aspect(&self) -> Option<f32> {
        None
    }

    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let axes = self.axes(style, frame.height());
        axes.grid(canvas, style, frame);
        canvas.clip(frame);
        let (em, theme) = (style.em, style.theme);
        let [y_lo, y_hi] = axes.y.range;
        if self.y_scale == AxisScale::Linear && y_lo < 0.0 && y_hi > 0.0 {
            let zero = [axes.place(frame, axes.x.range[0], 0.0), axes.place(frame, axes.x.range[1], 0.0)];
            canvas.polyline(&zero, Pen::new(theme.muted(), style.hairline()));
        }
        for v in &self.vertical_lines {
            let (x, _) = axes.place(frame, v.x, y_lo);
            let pen = Pen { dash: 0.4 * em, ..Pen::new(theme.muted(), 0.09 * em) };
            canvas.polyline(&[(x, frame.y0), (x, frame.y1)], pen);
            let width = style.fonts.width(&v.label, style.small());
            let (at, align) = if x + width + 0.5 * em < frame.x1 {
                (x + 0.35 * em, Align::Start)
            } else {
                (x - 0.35 * em, Align::End)
            };
            let at = (at, frame.y0 + 1.1 * em);
            style.fonts.draw(canvas, &v.label, at, style.small(), theme.muted(), Weight::Regular, align, false);
        }
        let mut seen = Vec::new();
        let mut entries = Vec::new();
        for (i, series) in self.series.iter().enumerate() {
            let colour = series.colour.unwrap_or(theme.series(i));
            let place = |p: &(f64, f64)| axes.place(frame, p.0, p.1);
            let points: Vec<(f32, f32)> = series.path().iter().map(place).collect();
            if !series.error.is_empty() {
                let edge = |sign: f64| -> Vec<(f64, f64)> {
                    let y = series.y.iter().zip(&series.error).map(|(y, e)| y + sign * e);
                    let edge: Vec<(f64, f64)> = series.x.iter().copied().zip(y).collect();
                    let edge = if series.style == LineStyle::Step { steps(&edge) } else { edge };
                    edge.into_iter().filter(|p| p.0.is_finite() && p.1.is_finite()).collect()
                };
                let mut band: Vec<(f32, f32)> = edge(1.0).iter().map(place).collect();
                band.extend(edge(-1.0).iter().rev().map(place));
                canvas.polygon(&band, colour, 0.22);
            }
            if series.shaded {
                let finite: Vec<(f32, f32)> =
                    points.iter().copied().filter(|p| p.0.is_finite() && p.1.is_finite()).collect();
                if let (Some(first), Some(last)) = (finite.first(), finite.last()) {
                    let floor =
                        if self.y_scale == AxisScale::Linear { axes.place(frame, 1.0, 0.0).1 } else { frame.y1 };
                    let mut area = vec![(first.0, floor)];
                    area.extend(&finite);
                    area.push((last.0, floor));
                    canvas.polygon(&area, colour, 0.16);
                }
            }
            if series.style == LineStyle::Points || series.x.len().min(series.y.len()) == 1 {
                for p in points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
                    canvas.disc(*p, 0.2 * em, colour, 1.0);
                }
            } else {
                let dash = if series.style == LineStyle::Dashed { 0.45 * em } else { 0.0 };
                canvas.polyline(&points, Pen { dash, ..Pen::new(colour, 0.115 * em) });
            }
            seen.extend(if series.style == LineStyle::Points { points } else { legend::filled_in(&points, 0.5 * em) });
            let sign = match series.style {
                LineStyle::Points => Sign::Dot,
                LineStyle::Dashed => Sign::Dashes,
                LineStyle::Line | LineStyle::Step => Sign::Line,
            };
            entries.push(Entry { label: &series.label, colour, sign });
        }
        for v in self.vertical_lines.iter().filter(|v| !v.label.is_empty()) {
            let (x, _) = axes.place(frame, v.x, y_lo);
            let end = x + style.fonts.width(&v.label, style.small());
            seen.extend(legend::filled_in(&[(x, frame.y0 + em), (end, frame.y0 + em)], 0.3 * em));
        }
        legend::draw(canvas, style, frame, &entries, &seen);
        canvas.unclip();
        axes.draw(canvas, style, frame, frame.width());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::png::Theme;
    use crate::formats::png::text::Fonts;

    #[test]
    fn steps_change_midway() {
        let s = steps(&[(0.0, 1.0), (1.0, 2.0), (3.0, 0.0)]);
        assert_eq!(s, [(-0.5, 1.0), (0.5, 1.0), (0.5, 2.0), (2.0, 2.0), (2.0, 0.0), (4.0, 0.0)]);
        assert_eq!(steps(&[(1.0, 1.0)]), [(1.0, 1.0)]);
        assert!(steps(&[]).is_empty());
    }

    #[test]
    fn odd_data_still_give_axes() {
        let style = Style { theme: Theme::Light, fonts: Fonts::load().unwrap(), em: 16.0 };
        for y in [vec![], vec![f64::NAN; 3], vec![0.0; 3], vec![5.0; 3], vec![-1.0, f64::INFINITY, 2.0]] {
            for scale in [AxisScale::Linear, AxisScale::Log] {
                let series = Series::new("key", (0..y.len()).map(|i| i as f64).collect(), y.clone());
                let plot = LinePlot { series: vec![series], y_scale: scale, x_scale: scale, ..LinePlot::default() };
                let axes = plot.axes(&style, 300.0);
                assert!(axes.y.range[1] > axes.y.range[0] && axes.x.range[1] > axes.x.range[0], "{y:?}");
            }
        }
    }
}

//! An image with axes and a colour bar.

use super::axes::{Axes, Axis, Insets};
use super::canvas::{Canvas, Pen, Rect, polyline_path};
use super::colour::{ColourMap, Rgb};
use super::colour_bar::ColourBar;
use super::contour;
use super::figure::Plot;
use super::scale::{AxisScale, Stretch, ValueRange};
use super::theme::Style;
use ndarray::Array2;
use std::f64::consts::TAU;
use tiny_skia::{PathBuilder, Transform};

/// An ellipse in the lower left corner, such as a telescope's beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeamEllipse {
    /// Full width along the major axis, world units.
    pub major: f64,
    /// Full width along the minor axis, world units.
    pub minor: f64,
    /// Direction of the major axis, rad, from +y (north) towards +x (east).
    pub angle_rad: f64,
}

/// A dashed circle over the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circle {
    /// Centre x, world units.
    pub x: f64,
    /// Centre y, world units.
    pub y: f64,
    /// Radius, world units.
    pub radius: f64,
}

/// An image panel. Pixels keep the shape that the two ranges give them, unless [`Heatmap::free_shape`] is set.
///
/// Shown smaller than its pixels, the mean of the values that fall on a screen pixel is drawn;
/// shown larger, every pixel is an even square.
#[derive(Debug, Clone)]
pub struct Heatmap {
    /// Values, shape [y, x], row 0 at the bottom. A value that is not finite is no value and is
    /// drawn in a neutral colour.
    pub data: Array2<f64>,
    /// World x of the left edge of the first column and of the right edge of the last; offsets in
    /// right ascension fall from left to right.
    pub x_range: [f64; 2],
    /// World y of the lower edge of the first row and of the upper edge of the last.
    pub y_range: [f64; 2],
    /// Whether the axes have ticks; without them the frame is bare.
    pub ticks: bool,
    /// Label of the x axis.
    pub x_label: String,
    /// Label of the y axis.
    pub y_label: String,
    /// Title.
    pub title: String,
    /// Colour map.
    pub colours: ColourMap,
    /// How values are spread over the colours.
    pub stretch: Stretch,
    /// Values at the ends of the colours.
    pub range: ValueRange,
    /// Whether there is a colour bar.
    pub bar: bool,
    /// Label of the colour bar, with the unit.
    pub bar_label: String,
    /// Colour of pixels without a value, instead of the theme's neutral one.
    pub no_value: Option<Rgb>,
    /// Pixels without a value are not drawn at all.
    pub no_value_is_background: bool,
    /// Ellipse in the lower left corner.
    pub beam: Option<BeamEllipse>,
    /// Values along which contours are drawn.
    pub contours: Vec<f64>,
    /// Circles over the image.
    pub circles: Vec<Circle>,
    /// Whether the panel takes the shape of its place, as where the two axes are of different kinds.
    pub free_shape: bool,
}

impl Heatmap {
    /// An image over these ranges, in viridis from smallest to largest value, without labels.
    pub fn new(data: Array2<f64>, x_range: [f64; 2], y_range: [f64; 2]) -> Heatmap {
        Heatmap {
            data,
            x_range,
            y_range,
            ticks: true,
            x_label: String::new(),
            y_label: String::new(),
            title: String::new(),
            colours: ColourMap::Viridis,
            stretch: Stretch::Linear,
            range: ValueRange::Full,
            bar: true,
            bar_label: String::new(),
            no_value: None,
            no_value_is_background: false,
            beam: None,
            contours: Vec::new(),
            circles: Vec::new(),
            free_shape: false,
        }
    }

    /// The values at the ends of the colour bar.
    pub fn value_range(&self) -> [f64; 2] {
        self.range.resolve(self.data.iter().copied(), self.stretch)
    }

    /// The colour in which `value` is drawn.
    pub fn colour_of(&self, value: f64) -> Rgb {
        self.colours.at(self.stretch.position(value, self.value_range()))
    }

    /// The panel with what takes a pass over all values, done once a figure.
    pub(super) fn drawing(&self) -> Drawing<'_> {
        let range = self.value_range();
        let slack = 1e-9 * (range[1] - range[0]);
        let mut beyond = [false; 2];
        for v in self.data.iter().filter(|v| v.is_finite()) {
            beyond[0] |= *v < range[0] - slack;
            beyond[1] |= *v > range[1] + slack;
        }
        Drawing { map: self, range, beyond }
    }

    fn axes(&self) -> Axes<'_> {
        let axis = |range: [f64; 2], label| Axis { range: usable(range), scale: AxisScale::Linear, label };
        Axes {
            x: axis(self.x_range, &self.x_label),
            y: axis(self.y_range, &self.y_label),
            title: &self.title,
            ticked: self.ticks,
        }
    }

    /// Ink that stands out from the dark or light end of the colour map.
    fn overlay(&self) -> Rgb {
        match self.colours {
            ColourMap::Viridis | ColourMap::Inferno | ColourMap::Greys => Rgb(255, 255, 255),
            ColourMap::Diverging | ColourMap::GreysReversed => Rgb(30, 30, 34),
        }
    }

    fn draw_pixels(&self, canvas: &mut Canvas, style: &Style, frame: Rect, range: [f64; 2]) {
        let (ny, nx) = self.data.dim();
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let neutral = self.no_value.unwrap_or(style.theme.no_value());
        let columns = shares(nx, width);
        let rows = shares(ny, height);
        for j in 0..height {
            for i in 0..width {
                let (mut sum, mut weight, mut all) = (0.0, 0.0, 0.0);
                for &(y, wy) in &rows[height - 1 - j] {
                    for &(x, wx) in &columns[i] {
                        let v = self.data[[y, x]];
                        all += wx * wy;
                        if v.is_finite() {
                            sum += wx * wy * v;
                            weight += wx * wy;
                        }
                    }
                }
                let colour = if weight > 0.0 && weight >= 0.5 * all {
                    self.colours.at(self.stretch.position(sum / weight, range))
                } else if self.no_value_is_background {
                    continue;
                } else {
                    neutral
                };
                canvas.pixel(frame.x0 as u32 + i as u32, frame.y0 as u32 + j as u32, colour);
            }
        }
    }

    fn draw_contours(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let (ny, nx) = self.data.dim();
        let step = (frame.width() / nx.max(1) as f32, frame.height() / ny.max(1) as f32);
        let place = |(x, y): (f64, f64)| (frame.x0 + (x as f32 + 0.5) * step.0, frame.y1 - (y as f32 + 0.5) * step.1);
        for level in &self.contours {
            let mut builder = PathBuilder::new();
            for [a, b] in contour::segments(self.data.view(), *level) {
                let (a, b) = (place(a), place(b));
                builder.move_to(a.0, a.1);
                builder.line_to(b.0, b.1);
            }
            if let Some(path) = builder.finish() {
                let pen = Pen { opacity: 0.85, ..Pen::new(self.overlay(), 0.08 * style.em) };
                canvas.stroke(&path, pen, Transform::identity());
            }
        }
    }

    fn draw_beam(&self, canvas: &mut Canvas, style: &Style, frame: Rect, beam: BeamEllipse) {
        let scale = [
            f64::from(frame.width()) / (self.x_range[1] - self.x_range[0]),
            f64::from(frame.height()) / (self.y_range[1] - self.y_range[0]),
        ];
        let (sin, cos) = beam.angle_rad.sin_cos();
        // at least a visible speck, however small the beam
        let smallest = 2.5 / scale[0].abs().max(1e-300);
        let (a, b) = (0.5 * beam.major.max(smallest), 0.5 * beam.minor.max(smallest));
        let outline: Vec<(f32, f32)> = (0..96)
            .map(|k| {
                let (st, ct) = (TAU * f64::from(k) / 96.0).sin_cos();
                let east = a * ct * sin + b * st * cos;
                let north = a * ct * cos - b * st * sin;
                ((east * scale[0]) as f32, (-north * scale[1]) as f32)
            })
            .collect();
        let half_width = outline.iter().map(|p| p.0.abs()).fold(0.0, f32::max);
        let half_height = outline.iter().map(|p| p.1.abs()).fold(0.0, f32::max);
        let fits = 2.0 * half_width < 0.6 * frame.width() && 2.0 * half_height < 0.6 * frame.height();
        if !fits || !half_width.is_finite() || !half_height.is_finite() {
            return;
        }
        let pad = 0.9 * style.em;
        let centre = (frame.x0 + pad + half_width, frame.y1 - pad - half_height);
        let mut points: Vec<(f32, f32)> = outline.iter().map(|p| (centre.0 + p.0, centre.1 + p.1)).collect();
        canvas.polygon(&points, Rgb(255, 255, 255), 0.92);
        points.extend_from_within(..1);
        canvas.polyline(&points, Pen::new(Rgb(30, 30, 34), 0.09 * style.em));
    }

    fn draw_circle(&self, canvas: &mut Canvas, style: &Style, frame: Rect, circle: Circle) {
        let axes = self.axes();
        let points: Vec<(f32, f32)> = (0..=180)
            .map(|k| {
                let (s, c) = (TAU * f64::from(k) / 180.0).sin_cos();
                axes.place(frame, circle.x + circle.radius * c, circle.y + circle.radius * s)
            })
            .collect();
        if let Some(path) = polyline_path(&points, true) {
            let pen = Pen { dash: 0.6 * style.em, ..Pen::new(self.overlay(), 0.09 * style.em) };
            canvas.stroke(&path, pen, Transform::identity());
        }
    }
}

/// A range that can carry an axis: as given, or 0 to 1 where its ends are equal or not finite.
pub(super) fn usable(range: [f64; 2]) -> [f64; 2] {
    let span = (range[1] - range[0]).abs();
    let large = range[0].abs().max(range[1].abs());
    if span.is_finite() && span > 1e-12 * large { range } else { [0.0, 1.0] }
}

/// Which of `n` data pixels each of `size` screen pixels covers, and how much of each.
fn shares(n: usize, size: usize) -> Vec<Vec<(usize, f64)>> {
    let step = n as f64 / size.max(1) as f64;
    (0..size)
        .map(|i| {
            let (a, b) = (i as f64 * step, (i + 1) as f64 * step);
            let covered = (a as usize)..(b.ceil() as usize).min(n);
            covered.map(|k| (k, b.min((k + 1) as f64) - a.max(k as f64))).filter(|(_, w)| *w > 1e-9 * step).collect()
        })
        .collect()
}

/// An image panel with its resolved range of values.
pub(super) struct Drawing<'a> {
    map: &'a Heatmap,
    range: [f64; 2],
    beyond: [bool; 2],
}

impl Drawing<'_> {
    fn colour_bar(&self) -> Option<ColourBar<'_>> {
        self.map.bar.then_some(ColourBar {
            colours: self.map.colours,
            stretch: self.map.stretch,
            range: self.range,
            label: &self.map.bar_label,
            beyond: self.beyond,
        })
    }
}

impl Plot for Drawing<'_> {
    fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets {
        let mut insets = self.map.axes().insets(style, frame);
        if let Some(bar) = self.colour_bar() {
            insets.right = insets.right.max(bar.inset(style, frame[1]));
        }
        insets
    }

    fn aspect(&self) -> Option<f32> {
        if self.map.free_shape {
            return None;
        }
        let axes = self.map.axes();
        let span = |axis: &Axis| (axis.range[1] - axis.range[0]).abs();
        Some((span(&axes.x) / span(&axes.y)).clamp(0.05, 20.0) as f32)
    }

    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let map = self.map;
        map.draw_pixels(canvas, style, frame, self.range);
        canvas.clip(frame);
        map.draw_contours(canvas, style, frame);
        for circle in &map.circles {
            map.draw_circle(canvas, style, frame, *circle);
        }
        if let Some(beam) = map.beam {
            map.draw_beam(canvas, style, frame, beam);
        }
        canvas.unclip();
        let bar = self.colour_bar();
        let room = bar.as_ref().map_or(0.0, |b| b.title_room(style, frame.height()));
        map.axes().draw(canvas, style, frame, frame.width() + room);
        if let Some(bar) = bar {
            bar.draw(canvas, style, frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn screen_pixels_share_the_data_fully() {
        for (n, size) in [(1, 1), (5, 3), (3, 5), (512, 381), (100, 400), (0, 4)] {
            let s = shares(n, size);
            assert_eq!(s.len(), size);
            let total: f64 = s.iter().flatten().map(|(_, w)| w).sum();
            assert!((total - n as f64).abs() < 1e-9 * (n as f64).max(1.0), "{n} {size} {total}");
            assert!(s.iter().flatten().all(|(k, w)| *k < n && *w > 0.0));
        }
    }
}

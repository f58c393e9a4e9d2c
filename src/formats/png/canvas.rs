//! Shapes on pixels: a thin layer over tiny-skia in figure terms.

use super::colour::Rgb;
use crate::error::{Error, Result};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Mask, Paint, Path, PathBuilder, Pixmap, Stroke, StrokeDash, Transform,
};

/// A rectangle in px; y grows downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x0: f32,
    pub(super) y0: f32,
    pub(super) x1: f32,
    pub(super) y1: f32,
}

impl Rect {
    pub(super) fn width(self) -> f32 {
        self.x1 - self.x0
    }

    pub(super) fn height(self) -> f32 {
        self.y1 - self.y0
    }

    pub(super) fn grown(self, by: f32) -> Rect {
        Rect { x0: self.x0 - by, y0: self.y0 - by, x1: self.x1 + by, y1: self.y1 + by }
    }

    /// Edges on whole px, so that frames and images are crisp.
    pub(super) fn snapped(self) -> Rect {
        Rect { x0: self.x0.round(), y0: self.y0.round(), x1: self.x1.round(), y1: self.y1.round() }
    }
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub(super) colour: Rgb,
    pub(super) opacity: f32,
    pub(super) width: f32,
    /// Length of dashes, px; 0 for a full line.
    pub(super) dash: f32,
}

impl Pen {
    pub(super) fn new(colour: Rgb, width: f32) -> Pen {
        Pen { colour, opacity: 1.0, width, dash: 0.0 }
    }
}

/// The picture while it is drawn.
pub(super) struct Canvas {
    pixmap: Pixmap,
    clip: Option<Mask>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, background: Rgb) -> Result<Canvas> {
        let mut pixmap = Pixmap::new(width, height).ok_or_else(|| {
            Error::input("the picture has no pixels or too many").found(format!("{width} x {height} pixels"))
        })?;
        pixmap.fill(colour_of(background, 1.0));
        Ok(Canvas { pixmap, clip: None })
    }

    pub(super) fn into_pixmap(self) -> Pixmap {
        self.pixmap
    }

    /// Until [`Canvas::unclip`] nothing is drawn outside `area`.
    pub(super) fn clip(&mut self, area: Rect) {
        let mut mask = Mask::new(self.pixmap.width(), self.pixmap.height());
        if let (Some(mask), Some(path)) = (&mut mask, rect_path(area)) {
            mask.fill_path(&path, FillRule::Winding, true, Transform::identity());
        }
        self.clip = mask;
    }

    pub(super) fn unclip(&mut self) {
        self.clip = None;
    }

    pub(super) fn fill(&mut self, path: &Path, colour: Rgb, opacity: f32, transform: Transform) {
        let paint = paint_of(colour, opacity);
        self.pixmap.fill_path(path, &paint, FillRule::Winding, transform, self.clip.as_ref());
    }

    pub(super) fn stroke(&mut self, path: &Path, pen: Pen, transform: Transform) {
        let stroke = Stroke {
            width: pen.width,
            line_cap: if pen.dash > 0.0 { LineCap::Butt } else { LineCap::Round },
            line_join: LineJoin::Round,
            dash: if pen.dash > 0.0 { StrokeDash::new(vec![pen.dash, 0.7 * pen.dash], 0.0) } else { None },
            ..Stroke::default()
        };
        let paint = paint_of(pen.colour, pen.opacity);
        self.pixmap.stroke_path(path, &paint, &stroke, transform, self.clip.as_ref());
    }

    pub(super) fn rect(&mut self, area: Rect, colour: Rgb, opacity: f32) {
        if let Some(path) = rect_path(area) {
            self.fill(&path, colour, opacity, Transform::identity());
        }
    }

    /// The outline of `area`, drawn outside it on whole px.
    pub(super) fn outline(&mut self, area: Rect, colour: Rgb, width: f32) {
        let o = area.grown(width);
        self.rect(Rect { y1: area.y0, ..o }, colour, 1.0);
        self.rect(Rect { y0: area.y1, ..o }, colour, 1.0);
        self.rect(Rect { x1: area.x0, y0: area.y0, y1: area.y1, ..o }, colour, 1.0);
        self.rect(Rect { x0: area.x1, y0: area.y0, y1: area.y1, ..o }, colour, 1.0);
    }

    pub(super) fn polyline(&mut self, points: &[(f32, f32)], pen: Pen) {
        if let Some(path) = polyline_path(points, false) {
            self.stroke(&path, pen, Transform::identity());
        }
    }

    pub(super) fn polygon(&mut self, points: &[(f32, f32)], colour: Rgb, opacity: f32) {
        if let Some(path) = polyline_path(points, true) {
            self.fill(&path, colour, opacity, Transform::identity());
        }
    }

    pub(super) fn disc(&mut self, centre: (f32, f32), radius: f32, colour: Rgb, opacity: f32) {
        if let Some(path) = PathBuilder::from_circle(centre.0, centre.1, radius) {
            self.fill(&path, colour, opacity, Transform::identity());
        }
    }

    /// Sets one pixel of an image; outside the picture nothing happens.
    pub(super) fn pixel(&mut self, x: u32, y: u32, colour: Rgb) {
        let (width, height) = (self.pixmap.width(), self.pixmap.height());
        if x < width && y < height {
            let c = tiny_skia::ColorU8::from_rgba(colour.0, colour.1, colour.2, 255).premultiply();
            self.pixmap.pixels_mut()[y as usize * width as usize + x as usize] = c;
        }
    }
}

/// A path through `points`, interrupted at points that are not finite. Far points are pulled in:
/// a rasteriser works with fixed-point coordinates.
pub(super) fn polyline_path(points: &[(f32, f32)], close: bool) -> Option<Path> {
    const FAR: f32 = 30_000.0;
    let mut builder = PathBuilder::new();
    let mut pen_down = false;
    for &(x, y) in points {
        if x.is_nan() || y.is_nan() {
            pen_down = false;
            continue;
        }
        let (x, y) = (x.clamp(-FAR, FAR), y.clamp(-FAR, FAR));
        if pen_down {
            builder.line_to(x, y);
        } else {
            builder.move_to(x, y);
        }
        pen_down = true;
    }
    if close {
        builder.close();
    }
    builder.finish()
}

fn rect_path(area: Rect) -> Option<Path> {
    tiny_skia::Rect::from_ltrb(area.x0, area.y0, area.x1, area.y1).map(PathBuilder::from_rect)
}

fn colour_of(colour: Rgb, opacity: f32) -> Color {
    Color::from_rgba8(colour.0, colour.1, colour.2, (255.0 * opacity.clamp(0.0, 1.0)).round() as u8)
}

fn paint_of(colour: Rgb, opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(colour_of(colour, opacity));
    paint.anti_alias = true;
    paint
}

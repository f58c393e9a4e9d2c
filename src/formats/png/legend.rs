//! The key of a panel, put where it hides least.

use super::canvas::{Canvas, Pen, Rect};
use super::colour::Rgb;
use super::text::{Align, CAP_HEIGHT, Weight};
use super::theme::Style;

/// The sign before a label.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Sign {
    Line,
    Dashes,
    Dot,
}

/// One line of a key.
pub(super) struct Entry<'a> {
    pub(super) label: &'a str,
    pub(super) colour: Rgb,
    pub(super) sign: Sign,
}

fn height(style: &Style, lines: usize) -> f32 {
    style.em + 1.35 * style.small() * (lines.max(1) - 1) as f32 + CAP_HEIGHT * style.small()
}

/// px that a key of so many lines needs at the upper edge of a frame.
pub(super) fn headroom(style: &Style, lines: usize) -> f32 {
    height(style, lines) + 1.3 * style.em
}

/// Draws the key in the corner of `frame` that holds fewest of the points `data` (px).
pub(super) fn draw(canvas: &mut Canvas, style: &Style, frame: Rect, entries: &[Entry], data: &[(f32, f32)]) {
    let entries: Vec<&Entry> = entries.iter().filter(|e| !e.label.is_empty()).collect();
    if entries.is_empty() {
        return;
    }
    let (em, small) = (style.em, style.small());
    let (pad, pitch) = (0.5 * em, 1.35 * small);
    let sign = if entries.iter().all(|e| e.sign == Sign::Dot) { 0.6 * em } else { 1.5 * em };
    let widest = entries.iter().map(|e| style.fonts.width(e.label, small)).fold(0.0, f32::max);
    let width = (2.0 * pad + sign + 0.5 * em + widest).min(frame.width() - em);
    let height = height(style, entries.len());
    let margin = 0.5 * em;
    let (left, right) = (frame.x0 + margin, frame.x1 - margin - width);
    let (top, bottom) = (frame.y0 + margin, frame.y1 - margin - height);
    let boxes = [(right, top), (left, top), (right, bottom), (left, bottom)].map(|(x, y)| Rect {
        x0: x,
        y0: y,
        x1: x + width,
        y1: y + height,
    });
    let inside = |b: &Rect| {
        let b = b.grown(0.4 * em);
        data.iter().filter(|(x, y)| *x > b.x0 && *x < b.x1 && *y > b.y0 && *y < b.y1).count()
    };
    let Some(place) = boxes.iter().min_by_key(|b| inside(b)) else { return };
    canvas.rect(*place, style.theme.background(), 0.86);
    for (i, entry) in entries.iter().enumerate() {
        let baseline = place.y0 + pad + CAP_HEIGHT * small + pitch * i as f32;
        let middle = baseline - 0.5 * CAP_HEIGHT * small;
        let x = place.x0 + pad;
        match entry.sign {
            Sign::Dot => canvas.disc((x + 0.5 * sign, middle), 0.28 * em, entry.colour, 1.0),
            Sign::Line | Sign::Dashes => {
                let dash = if entry.sign == Sign::Dashes { 0.4 * em } else { 0.0 };
                canvas.polyline(&[(x, middle), (x + sign, middle)], Pen { dash, ..Pen::new(entry.colour, 0.14 * em) });
            }
        }
        let (label, size) = style.fonts.fitted(entry.label, small, place.x1 - pad - (x + sign + 0.5 * em) + 0.5);
        let at = (x + sign + 0.5 * em, baseline);
        style.fonts.draw(canvas, &label, at, size, style.theme.ink(), Weight::Regular, Align::Start, false);
    }
}

/// Points along `points`, close enough together that no key fits between two of them unseen.
pub(super) fn filled_in(points: &[(f32, f32)], step: f32) -> Vec<(f32, f32)> {
    let mut out = Vec::new();
    for w in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (w[0], w[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        if length.is_finite() {
            let n = (length / step).ceil().clamp(1.0, 200.0) as usize;
            out.extend((0..n).map(|k| {
                let t = k as f32 / n as f32;
                (x0 + t * (x1 - x0), y0 + t * (y1 - y0))
            }));
        }
    }
    out.extend(points.last().copied());
    out
}

//! The colour bar beside an image.

use super::axes::exponent_text;
use super::canvas::{Canvas, Rect};
use super::colour::ColourMap;
use super::scale::{Stretch, Ticks, stretched_ticks};
use super::text::{Align, CAP_HEIGHT, DESCENT, Weight};
use super::theme::Style;

/// What a colour bar shows.
pub(super) struct ColourBar<'a> {
    pub(super) colours: ColourMap,
    pub(super) stretch: Stretch,
    pub(super) range: [f64; 2],
    pub(super) label: &'a str,
    /// Whether values lie below and above the range; such an end is pointed.
    pub(super) beyond: [bool; 2],
}

const GAP: f32 = 0.55;
const WIDTH: f32 = 0.95;
const TICK: f32 = 0.28;
const TICK_GAP: f32 = 0.24;
const LABEL_GAP: f32 = 0.45;

impl ColourBar<'_> {
    fn ticks(&self, style: &Style, height: f32) -> Ticks {
        let most = (height / (2.2 * style.small())) as usize;
        let most = if self.stretch == Stretch::Linear { most.clamp(2, 7) } else { most.clamp(3, 12) };
        stretched_ticks(self.range, self.stretch, most)
    }

    fn has_exponent(&self, style: &Style, height: f32) -> bool {
        self.ticks(style, height).exponent != 0
    }

    /// px from the frame to the end of the bar's label.
    pub(super) fn inset(&self, style: &Style, height: f32) -> f32 {
        let ticks = self.ticks(style, height);
        let widest = ticks.labels.iter().map(|l| style.fonts.width(l, style.small())).fold(0.0, f32::max);
        let label = if self.label.is_empty() { 0.0 } else { LABEL_GAP + CAP_HEIGHT + DESCENT };
        let exponent =
            if ticks.exponent == 0 { 0.0 } else { style.fonts.width(&exponent_text(ticks.exponent), style.small()) };
        let text = (TICK + TICK_GAP + label) * style.em + widest;
        GAP * style.em + (WIDTH * style.em + text).max(exponent)
    }

    /// px right of the frame that a title may use without meeting the factor above the bar.
    pub(super) fn title_room(&self, style: &Style, height: f32) -> f32 {
        if self.has_exponent(style, height) { 0.0 } else { self.inset(style, height) }
    }

    /// Draws the bar at the right of `frame`.
    pub(super) fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let (em, small, line, ink) = (style.em, style.small(), style.hairline(), style.theme.ink());
        let x0 = (frame.x1 + GAP * em).round();
        let bar = Rect { x0, x1: (x0 + WIDTH * em).round(), ..frame };
        let rows = bar.height() as u32;
        for j in 0..rows {
            let colour = self.colours.at(1.0 - (f64::from(j) + 0.5) / f64::from(rows));
            for i in 0..bar.width() as u32 {
                canvas.pixel(bar.x0 as u32 + i, bar.y0 as u32 + j, colour);
            }
        }
        canvas.outline(bar, ink, line);
        // pointed ends say that the colours at the ends stand for values beyond them too
        let (middle, reach) = (0.5 * (bar.x0 + bar.x1), 0.42 * bar.width());
        let ends = [(self.beyond[0], bar.y1 + line, 1.0, 0.0), (self.beyond[1], bar.y0 - line, -1.0, 1.0)];
        for (shown, y, direction, t) in ends {
            if shown {
                let edge = |grow: f32| {
                    [(bar.x0 - grow, y), (middle, y + direction * (reach + 1.4 * grow)), (bar.x1 + grow, y)]
                };
                canvas.polygon(&edge(line), ink, 1.0);
                canvas.polygon(&edge(-0.6 * line), self.colours.at(t), 1.0);
            }
        }

        let ticks = self.ticks(style, frame.height());
        let y_of = |v: f64| bar.y1 - (self.stretch.position(v, self.range) as f32).clamp(0.0, 1.0) * bar.height();
        for (v, length) in ticks.values.iter().map(|v| (*v, TICK)).chain(ticks.minor.iter().map(|v| (*v, 0.55 * TICK)))
        {
            let y = (y_of(v) - 0.5 * line).round();
            let mark = Rect { x0: bar.x1 + line, x1: (bar.x1 + line + length * em).round(), y0: y, y1: y + line };
            canvas.rect(mark, ink, 1.0);
        }
        let x = bar.x1 + (TICK + TICK_GAP) * em;
        let mut widest = 0.0f32;
        for (v, label) in ticks.values.iter().zip(&ticks.labels) {
            widest = widest.max(style.fonts.width(label, small));
            let at = (x, y_of(*v) + 0.5 * CAP_HEIGHT * small);
            style.fonts.draw(canvas, label, at, small, ink, Weight::Regular, Align::Start, false);
        }
        if ticks.exponent != 0 {
            let at = (bar.x0 - line, frame.y0 - 0.55 * em);
            let text = exponent_text(ticks.exponent);
            style.fonts.draw(canvas, &text, at, small, ink, Weight::Regular, Align::Start, false);
        }
        let (label, size) = style.fonts.fitted(self.label, em, frame.height());
        let at = (x + widest + (LABEL_GAP + CAP_HEIGHT) * em, 0.5 * (frame.y0 + frame.y1));
        style.fonts.draw(canvas, &label, at, size, ink, Weight::Regular, Align::Middle, true);
    }
}

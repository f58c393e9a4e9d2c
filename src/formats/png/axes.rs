//! The frame of a panel: ticks, labels, title.

use super::canvas::{Canvas, Rect};
use super::scale::{AxisScale, Ticks, log_ticks, nice_ticks};
use super::text::{Align, CAP_HEIGHT, DESCENT, Weight};
use super::theme::Style;

/// Room around a frame, px.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Insets {
    pub(super) left: f32,
    pub(super) right: f32,
    pub(super) top: f32,
    pub(super) bottom: f32,
}

/// One axis: the value at its left or lower end, and at the other end.
pub(super) struct Axis<'a> {
    pub(super) range: [f64; 2],
    pub(super) scale: AxisScale,
    pub(super) label: &'a str,
}

/// Both axes and the title above them.
pub(super) struct Axes<'a> {
    pub(super) x: Axis<'a>,
    pub(super) y: Axis<'a>,
    pub(super) title: &'a str,
    /// Whether there are ticks; without them a frame is bare.
    pub(super) ticked: bool,
}

const TICK: f32 = 0.34;
const TICK_GAP: f32 = 0.26;
const LABEL_GAP: f32 = 0.5;
const TITLE_GAP: f32 = 0.55;
const FACTOR_GAP: f32 = 0.6;

impl Axis<'_> {
    /// Position along the axis, 0 at its first and 1 at its second end.
    pub(super) fn position(&self, value: f64) -> f64 {
        let [a, b] = self.range;
        match self.scale {
            AxisScale::Linear => (value - a) / (b - a),
            AxisScale::Log if value > 0.0 => (value / a).ln() / (b / a).ln(),
            AxisScale::Log => f64::NEG_INFINITY,
        }
    }

    fn ticks(&self, most: usize) -> Ticks {
        match self.scale {
            AxisScale::Linear => nice_ticks(self.range, most),
            AxisScale::Log => log_ticks(self.range, most),
        }
    }
}

/// The factor that stands beside an axis whose labels leave out a power of ten.
pub(super) fn exponent_text(exponent: i32) -> String {
    format!("×10^{{{}{}}}", if exponent < 0 { "−" } else { "" }, exponent.abs())
}

impl Axes<'_> {
    /// px of a world position.
    pub(super) fn place(&self, frame: Rect, x: f64, y: f64) -> (f32, f32) {
        (
            frame.x0 + (self.x.position(x) * f64::from(frame.width())) as f32,
            frame.y1 - (self.y.position(y) * f64::from(frame.height())) as f32,
        )
    }

    /// Ticks of both axes: as many as have room for their labels, the same where both axes have
    /// one unit of one length.
    fn ticks(&self, style: &Style, frame: [f32; 2]) -> (Ticks, Ticks) {
        if !self.ticked {
            return Default::default();
        }
        let mut along_y = ((frame[1] / (2.4 * style.small())) as usize).clamp(1, 9);
        let mut along_x = 1;
        for most in (1..=9).rev() {
            let ticks = self.x.ticks(most);
            let widest = ticks.labels.iter().map(|l| style.fonts.width(l, style.small())).fold(0.0, f32::max);
            let position = |v: f64| self.x.position(v) as f32 * frame[0];
            let gaps = ticks.values.windows(2).map(|w| (position(w[1]) - position(w[0])).abs());
            if gaps.fold(f32::INFINITY, f32::min) >= widest + 1.1 * style.small() {
                along_x = most;
                break;
            }
        }
        let span = |axis: &Axis| (axis.range[1] - axis.range[0]).abs();
        let alike = self.x.scale == AxisScale::Linear && self.y.scale == AxisScale::Linear;
        if alike && (span(&self.x) / span(&self.y) - 1.0).abs() < 1e-6 && (frame[0] / frame[1] - 1.0).abs() < 0.02 {
            along_x = along_x.min(along_y);
            along_y = along_x;
        }
        (self.x.ticks(along_x), self.y.ticks(along_y))
    }

    /// Room that ticks, labels and title need around a frame of about this size.
    pub(super) fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets {
        let em = style.em;
        let small = style.small();
        let (x, y) = self.ticks(style, frame);
        let widest = y.labels.iter().map(|l| style.fonts.width(l, small)).fold(0.0, f32::max);
        let label = |text: &str| if text.is_empty() { 0.0 } else { LABEL_GAP * em + (CAP_HEIGHT + DESCENT) * em };
        // a label at the very end of the x axis reaches beyond the frame
        let beyond = x
            .values
            .iter()
            .zip(&x.labels)
            .map(|(v, l)| 0.5 * style.fonts.width(l, small) - (1.0 - self.x.position(*v) as f32) * frame[0]);
        let right = beyond.fold(0.0, f32::max);
        let above = if y.exponent != 0 { TITLE_GAP * em + small } else { 0.5 * CAP_HEIGHT * small };
        let title = if self.title.is_empty() { 0.0 } else { (TITLE_GAP + 1.05 * CAP_HEIGHT + DESCENT) * em };
        let factor = |e: i32| if e == 0 { 0.0 } else { style.fonts.width(&exponent_text(e), small) + FACTOR_GAP * em };
        let below = label(if x.exponent == 0 { self.x.label } else { "factor" });
        if !self.ticked {
            return Insets {
                top: title.max(above),
                bottom: above + label(self.x.label),
                left: label(self.y.label),
                right: 0.0,
            };
        }
        Insets {
            left: ((TICK + TICK_GAP) * em + widest + label(self.y.label)).max(factor(y.exponent)),
            right,
            top: title.max(above),
            bottom: (TICK + TICK_GAP) * em + CAP_HEIGHT * small + below,
        }
    }

    /// Faint lines at the ticks, under the data.
    pub(super) fn grid(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let line = style.hairline();
        let colour = style.theme.grid();
        let (x_ticks, y_ticks) = self.ticks(style, [frame.width(), frame.height()]);
        for v in x_ticks.values {
            let x = (self.place(frame, v, 0.0).0 - 0.5 * line).round();
            canvas.rect(Rect { x0: x, x1: x + line, ..frame }, colour, 1.0);
        }
        for v in y_ticks.values {
            let y = (frame.y1 - (self.y.position(v) as f32) * frame.height() - 0.5 * line).round();
            canvas.rect(Rect { y0: y, y1: y + line, ..frame }, colour, 1.0);
        }
    }

    /// Frame, ticks, labels and title; `title_width` px are free for the title.
    pub(super) fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect, title_width: f32) {
        let (em, small, line) = (style.em, style.small(), style.hairline());
        let (ink, fonts) = (style.theme.ink(), &style.fonts);
        canvas.outline(frame, ink, line);

        let (x, y) = self.ticks(style, [frame.width(), frame.height()]);
        let x_marks = x.values.iter().map(|v| (*v, TICK)).chain(x.minor.iter().map(|v| (*v, 0.55 * TICK)));
        for (v, length) in x_marks {
            let at = (frame.x0 + self.x.position(v) as f32 * frame.width() - 0.5 * line).round();
            let mark = Rect { x0: at, x1: at + line, y0: frame.y1 + line, y1: (frame.y1 + line + length * em).round() };
            canvas.rect(mark, ink, 1.0);
        }
        let baseline = frame.y1 + (TICK + TICK_GAP) * em + CAP_HEIGHT * small;
        for (v, label) in x.values.iter().zip(&x.labels) {
            let at = frame.x0 + self.x.position(*v) as f32 * frame.width();
            // a leading minus sign would push the digits off their tick
            let shift = if label.starts_with('−') { -0.25 * fonts.width("−", small) } else { 0.0 };
            fonts.draw(canvas, label, (at + shift, baseline), small, ink, Weight::Regular, Align::Middle, false);
        }
        let label_line = baseline + (LABEL_GAP + CAP_HEIGHT) * em;
        let mut taken = 0.0;
        if x.exponent != 0 {
            let text = exponent_text(x.exponent);
            taken = fonts.width(&text, small) + em;
            fonts.draw(canvas, &text, (frame.x1, label_line), small, ink, Weight::Regular, Align::End, false);
        }
        let (label, size) = fonts.fitted(self.x.label, em, (frame.width() - 2.0 * taken).max(4.0 * em));
        let at = (0.5 * (frame.x0 + frame.x1), label_line);
        fonts.draw(canvas, &label, at, size, ink, Weight::Regular, Align::Middle, false);

        let y_marks = y.values.iter().map(|v| (*v, TICK)).chain(y.minor.iter().map(|v| (*v, 0.55 * TICK)));
        for (v, length) in y_marks {
            let at = (frame.y1 - self.y.position(v) as f32 * frame.height() - 0.5 * line).round();
            let mark = Rect { x0: (frame.x0 - line - length * em).round(), x1: frame.x0 - line, y0: at, y1: at + line };
            canvas.rect(mark, ink, 1.0);
        }
        let mut widest = 0.0f32;
        for (v, label) in y.values.iter().zip(&y.labels) {
            widest = widest.max(fonts.width(label, small));
            let at = frame.y1 - self.y.position(*v) as f32 * frame.height();
            let at = (frame.x0 - (TICK + TICK_GAP) * em, at + 0.5 * CAP_HEIGHT * small);
            fonts.draw(canvas, label, at, small, ink, Weight::Regular, Align::End, false);
        }
        if y.exponent != 0 {
            let at = (frame.x0 - FACTOR_GAP * em, frame.y0 - TITLE_GAP * em);
            fonts.draw(canvas, &exponent_text(y.exponent), at, small, ink, Weight::Regular, Align::End, false);
        }
        let (label, size) = fonts.fitted(self.y.label, em, frame.height().max(4.0 * em));
        let at = (frame.x0 - (TICK + TICK_GAP + LABEL_GAP + DESCENT) * em - widest, 0.5 * (frame.y0 + frame.y1));
        fonts.draw(canvas, &label, at, size, ink, Weight::Regular, Align::Middle, true);

        let (title, size) = fonts.fitted(self.title, 1.05 * em, title_width);
        let at = (frame.x0 - line, frame.y0 - TITLE_GAP * em);
        fonts.draw(canvas, &title, at, size, ink, Weight::Bold, Align::Start, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::png::Theme;
    use crate::formats::png::text::Fonts;

    #[test]
    fn labels_along_x_never_touch_and_east_may_be_left() {
        let style = Style { theme: Theme::Light, fonts: Fonts::load().unwrap(), em: 16.0 };
        for (range, width) in [([1e4, -1e4], 120.0), ([0.0, 1e-7], 300.0), ([1419.9991, 1420.0013], 250.0)] {
            let x = Axis { range, scale: AxisScale::Linear, label: "x" };
            let axes =
                Axes { x, y: Axis { range: [0.0, 1.0], scale: AxisScale::Linear, label: "" }, title: "", ticked: true };
            let (ticks, _) = axes.ticks(&style, [width, 200.0]);
            let boxes: Vec<(f32, f32)> = ticks
                .values
                .iter()
                .zip(&ticks.labels)
                .map(|(v, l)| (axes.x.position(*v) as f32 * width, style.fonts.width(l, style.small())))
                .collect();
            for w in boxes.windows(2) {
                assert!((w[1].0 - w[0].0).abs() > 0.5 * (w[0].1 + w[1].1), "{ticks:?}");
            }
        }
        let x = Axis { range: [10.0, -10.0], scale: AxisScale::Linear, label: "" };
        assert_eq!((x.position(10.0), x.position(0.0), x.position(-10.0)), (0.0, 0.5, 1.0));
    }
}

//! A panel of names and values.

use super::axes::Insets;
use super::canvas::{Canvas, Rect};
use super::figure::Plot;
use super::text::{Align, CAP_HEIGHT, DESCENT, Weight};
use super::theme::Style;

/// A table of two columns: what, and its value.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Title.
    pub title: String,
    /// Names and values, from top to bottom.
    pub rows: Vec<(String, String)>,
}

impl Plot for Facts {
    fn insets(&self, style: &Style, _frame: [f32; 2]) -> Insets {
        let top = if self.title.is_empty() { 0.0 } else { (0.55 + 1.05 * CAP_HEIGHT + DESCENT) * style.em };
        Insets { top, ..Insets::default() }
    }

    fn aspect(&self) -> Option<f32> {
        None
    }

    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        let (fonts, theme, em) = (&style.fonts, style.theme, style.em);
        let (title, size) = fonts.fitted(&self.title, 1.05 * em, frame.width());
        let at = (frame.x0, frame.y0 - 0.55 * em);
        fonts.draw(canvas, &title, at, size, theme.ink(), Weight::Bold, Align::Start, false);
        let line = style.hairline();
        canvas.rect(Rect { y1: frame.y0, y0: frame.y0 - line, ..frame }, theme.ink(), 1.0);
        if self.rows.is_empty() {
            return;
        }
        let pitch = (frame.height() / (self.rows.len() as f32 + 0.3)).min(2.1 * em);
        let size = em.min(0.72 * pitch);
        let widest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|t| fonts.width(t, size)).fold(0.0, f32::max);
        let keys = widest(&mut self.rows.iter().map(|r| &r.0)).min(0.5 * frame.width());
        let values = (frame.width() - keys - 1.2 * em).max(em);
        for (i, (key, value)) in self.rows.iter().enumerate() {
            let baseline = frame.y0 + pitch * (i as f32 + 0.5) + 0.5 * CAP_HEIGHT * size;
            let (key, key_size) = fonts.fitted(key, size, keys);
            fonts.draw(
                canvas,
                &key,
                (frame.x0, baseline),
                key_size,
                theme.muted(),
                Weight::Regular,
                Align::Start,
                false,
            );
            let (value, value_size) = fonts.fitted(value, size, values);
            let at = (frame.x0 + keys + 1.2 * em, baseline);
            fonts.draw(canvas, &value, at, value_size, theme.ink(), Weight::Regular, Align::Start, false);
            let y = (frame.y0 + pitch * (i as f32 + 1.0)).round();
            canvas.rect(Rect { y0: y, y1: y + line, ..frame }, theme.grid(), 1.0);
        }
    }
}

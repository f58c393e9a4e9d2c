//! A grid of panels with aligned frames.

use super::axes::Insets;
use super::canvas::{Canvas, Rect};
use super::facts::Facts;
use super::heatmap::Heatmap;
use super::line::LinePlot;
use super::scatter::ScatterPlot;
use super::text::{Align, CAP_HEIGHT, Fonts, Weight};
use super::theme::{Style, Theme};
use crate::error::{Error, Result};
use tiny_skia::Pixmap;

/// What the grid asks of a panel.
pub(super) trait Plot {
    /// Room around a frame of about this size (width, height in px).
    fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets;
    /// Width over height that the frame must have, if any.
    fn aspect(&self) -> Option<f32>;
    /// Draws everything that belongs to the panel.
    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect);
}

impl<P: Plot> Plot for &P {
    fn insets(&self, style: &Style, frame: [f32; 2]) -> Insets {
        (**self).insets(style, frame)
    }

    fn aspect(&self) -> Option<f32> {
        (**self).aspect()
    }

    fn draw(&self, canvas: &mut Canvas, style: &Style, frame: Rect) {
        (**self).draw(canvas, style, frame);
    }
}

/// A panel of any kind.
#[derive(Debug, Clone)]
pub enum Panel {
    /// An image.
    Heatmap(Heatmap),
    /// Curves.
    Line(LinePlot),
    /// Points.
    Scatter(ScatterPlot),
    /// Names and values.
    Facts(Facts),
}

impl From<Heatmap> for Panel {
    fn from(panel: Heatmap) -> Panel {
        Panel::Heatmap(panel)
    }
}

impl From<LinePlot> for Panel {
    fn from(panel: LinePlot) -> Panel {
        Panel::Line(panel)
    }
}

impl From<ScatterPlot> for Panel {
    fn from(panel: ScatterPlot) -> Panel {
        Panel::Scatter(panel)
    }
}

impl From<Facts> for Panel {
    fn from(panel: Facts) -> Panel {
        Panel::Facts(panel)
    }
}

impl Panel {
    fn plot(&self) -> Box<dyn Plot + '_> {
        match self {
            Panel::Heatmap(p) => Box::new(p.drawing()),
            Panel::Line(p) => Box::new(p),
            Panel::Scatter(p) => Box::new(p),
            Panel::Facts(p) => Box::new(p),
        }
    }

    /// Whether its left edge lines up with the frames above and below.
    fn has_frame(&self) -> bool {
        !matches!(self, Panel::Facts(_))
    }
}

#[derive(Debug, Clone)]
struct Placed {
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
    panel: Panel,
}

/// A picture of panels in rows and columns.
#[derive(Debug, Clone)]
pub struct Figure {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Reduces the height to what panels of fixed shape fill at this width.
    pub shrink: bool,
    /// Size of axis labels, px; from the size of a place in the grid when absent.
    pub font_px: Option<f32>,
    /// Title above all panels.
    pub title: String,
    /// Smaller text below the title.
    pub subtitle: String,
    /// Small text at the bottom, for provenance.
    pub footer: String,
    /// Background and ink.
    pub theme: Theme,
    rows: usize,
    columns: usize,
    panels: Vec<Placed>,
}

impl Figure {
    /// An empty grid.
    pub fn new(width: u32, height: u32, rows: usize, columns: usize) -> Figure {
        Figure {
            width,
            height,
            shrink: false,
            font_px: None,
            title: String::new(),
            subtitle: String::new(),
            footer: String::new(),
            theme: Theme::Light,
            rows,
            columns,
            panels: Vec::new(),
        }
    }

    /// Puts a panel in one place of the grid (0-based, row 0 at the top).
    pub fn add(&mut self, row: usize, column: usize, panel: impl Into<Panel>) {
        self.add_spanning(row, column, 1, 1, panel);
    }

    /// Puts a panel over `rows` x `columns` places, the first being (`row`, `column`).
    pub fn add_spanning(&mut self, row: usize, column: usize, rows: usize, columns: usize, panel: impl Into<Panel>) {
        self.panels.push(Placed { row, column, rows, columns, panel: panel.into() });
    }

    /// The finished picture.
    ///
    /// # Errors
    /// A size without pixels or beyond 32767 px a side; a panel outside the grid.
    pub(super) fn draw(&self) -> Result<Pixmap> {
        let size = || format!("{} x {} pixels", self.width, self.height);
        if !(16..=32767).contains(&self.width) || !(16..=32767).contains(&self.height) {
            return Err(Error::input("the size of the picture cannot be drawn")
                .found(size())
                .expected("16 to 32767 pixels a side"));
        }
        for p in &self.panels {
            if p.rows == 0 || p.columns == 0 || p.row + p.rows > self.rows || p.column + p.columns > self.columns {
                return Err(Error::input("a panel lies outside the grid of its figure")
                    .found(format!("row {} + {}, column {} + {}", p.row, p.rows, p.column, p.columns))
                    .expected(format!("{} rows and {} columns", self.rows, self.columns)));
            }
        }
        let place =
            (self.width as f32 / self.columns.max(1) as f32).min(1.15 * self.height as f32 / self.rows.max(1) as f32);
        let em = self.font_px.filter(|s| s.is_finite() && *s > 0.0).unwrap_or((place / 33.0).clamp(7.0, 48.0));
        let style = Style { theme: self.theme, fonts: Fonts::load()?, em };
        let margin = 1.1 * em;
        let header = self.header(&style);
        let footer = if self.footer.is_empty() { 0.0 } else { 1.5 * em };
        let content = Rect {
            x0: margin,
            x1: self.width as f32 - margin,
            y0: margin + header,
            y1: self.height as f32 - margin - footer,
        };
        let plots: Vec<Box<dyn Plot + '_>> = self.panels.iter().map(|p| p.panel.plot()).collect();
        let (frames, saved) = self.layout(&style, content, &plots);
        let height = if self.shrink { (self.height as f32 - saved).round().max(16.0) as u32 } else { self.height };

        let mut canvas = Canvas::new(self.width, height, self.theme.background())?;
        self.draw_header(&mut canvas, &style, margin, content.width());
        for (plot, frame) in plots.iter().zip(&frames) {
            if frame.width() >= 4.0 && frame.height() >= 4.0 {
                plot.draw(&mut canvas, &style, *frame);
            }
        }
        let (text, text_size) = style.fonts.fitted(&self.footer, 0.72 * em, content.width());
        let at = (margin, height as f32 - margin);
        style.fonts.draw(&mut canvas, &text, at, text_size, self.theme.muted(), Weight::Regular, Align::Start, false);
        Ok(canvas.into_pixmap())
    }

    fn header(&self, style: &Style) -> f32 {
        let title = if self.title.is_empty() { 0.0 } else { (1.55 * CAP_HEIGHT + 0.75) * style.em };
        let subtitle = if self.subtitle.is_empty() { 0.0 } else { (CAP_HEIGHT + 0.75) * style.em };
        if title + subtitle > 0.0 { title + subtitle + 0.35 * style.em } else { 0.0 }
    }

    fn draw_header(&self, canvas: &mut Canvas, style: &Style, margin: f32, width: f32) {
        let (em, theme) = (style.em, self.theme);
        let mut baseline = margin;
        if !self.title.is_empty() {
            let (text, size) = style.fonts.fitted(&self.title, 1.55 * em, width);
            baseline += 1.55 * CAP_HEIGHT * em;
            style.fonts.draw(canvas, &text, (margin, baseline), size, theme.ink(), Weight::Bold, Align::Start, false);
            baseline += 0.75 * em;
        }
        let (text, size) = style.fonts.fitted(&self.subtitle, em, width);
        let at = (margin, baseline + CAP_HEIGHT * em);
        style.fonts.draw(canvas, &text, at, size, theme.muted(), Weight::Regular, Align::Start, false);
    }

    /// Frames of all panels, and the height that was not needed (0 unless `shrink`).
    ///
    /// Frames have equal sizes, those of a column start at one x and those of a row at one y. The
    /// room for labels depends on the ticks and these on the frame, so the search is repeated.
    fn layout(&self, style: &Style, content: Rect, plots: &[Box<dyn Plot + '_>]) -> (Vec<Rect>, f32) {
        let (rows, columns) = (self.rows.max(1), self.columns.max(1));
        let gutter = (1.9 * style.em, 1.3 * style.em);
        let share = |length: f32, n: usize, gap: f32, taken: f32| (length - gap * (n - 1) as f32 - taken) / n as f32;
        let guess =
            [0.7 * share(content.width(), columns, gutter.0, 0.0), 0.7 * share(content.height(), rows, gutter.1, 0.0)];
        let mut sizes: Vec<[f32; 2]> =
            self.panels.iter().map(|p| [guess[0] * p.columns as f32, guess[1] * p.rows as f32]).collect();
        let aspects: Vec<Option<f32>> = plots.iter().map(|p| p.aspect()).collect();
        let mut frames = Vec::new();
        let mut saved = 0.0;
        for _ in 0..4 {
            let insets: Vec<Insets> = plots.iter().zip(&sizes).map(|(p, s)| p.insets(style, *s)).collect();
            let (mut left, mut right) = (vec![0.0f32; columns], vec![0.0f32; columns]);
            let (mut top, mut bottom) = (vec![0.0f32; rows], vec![0.0f32; rows]);
            for (p, i) in self.panels.iter().zip(&insets) {
                let (last_row, last_column) = (p.row + p.rows - 1, p.column + p.columns - 1);
                left[p.column] = left[p.column].max(i.left);
                right[last_column] = right[last_column].max(i.right);
                top[p.row] = top[p.row].max(i.top);
                bottom[last_row] = bottom[last_row].max(i.bottom);
            }
            let around = |a: &[f32], b: &[f32]| a.iter().sum::<f32>() + b.iter().sum::<f32>();
            let width = share(content.width(), columns, gutter.0, around(&left, &right));
            let full = share(content.height(), rows, gutter.1, around(&top, &bottom));
            let starts = |origin: f32, gap: f32, before: &[f32], sizes: &[f32], after: &[f32]| -> Vec<f32> {
                let mut at = origin;
                let mut out = Vec::with_capacity(sizes.len());
                for k in 0..sizes.len() {
                    out.push(at + before[k]);
                    at += before[k] + sizes[k] + after[k] + gap;
                }
                out
            };
            let xs = starts(content.x0, gutter.0, &left, &vec![width; columns], &right);
            // free width of a panel: a frame of free shape may also use the room of a colour bar
            // that only its neighbours in the column have
            let horizontal = |p: &Placed, i: &Insets, aspect: &Option<f32>| {
                let last = p.column + p.columns - 1;
                let x0 = if p.panel.has_frame() { xs[p.column] } else { xs[p.column] - left[p.column] + i.left };
                let free = if aspect.is_some() { 0.0 } else { right[last] - i.right };
                (x0, xs[last] + width + free)
            };
            // in a row, frames of free shape are as high as those whose width limits them
            let mut heights = vec![full; rows];
            for r in 0..rows {
                let here =
                    self.panels.iter().zip(&insets).zip(&aspects).filter(|((p, _), _)| p.rows == 1 && p.row == r);
                let limits = here.filter_map(|((p, i), aspect)| {
                    let (x0, x1) = horizontal(p, i, aspect);
                    aspect.map(|a| (x1 - x0) / a)
                });
                let limit = limits.fold(0.0, f32::max);
                if limit > 0.0 {
                    heights[r] = limit.min(full);
                }
                if self.panels.iter().any(|p| p.rows > 1 && (p.row..p.row + p.rows).contains(&r)) {
                    heights[r] = full;
                }
            }
            let spare: f32 = heights.iter().map(|h| full - h).sum();
            saved = if self.shrink { spare } else { 0.0 };
            // what is not saved is spread between the rows
            let loose = if self.shrink { 0.0 } else { spare / (rows + 1) as f32 };
            let ys = starts(content.y0 + loose, gutter.1 + loose, &top, &heights, &bottom);
            frames = self
                .panels
                .iter()
                .zip(&insets)
                .zip(&aspects)
                .map(|((p, i), aspect)| {
                    let (x0, x1) = horizontal(p, i, aspect);
                    let last = p.row + p.rows - 1;
                    let (y0, y1) = (ys[p.row], ys[last] + heights[last]);
                    let Some(aspect) = aspect else {
                        return Rect { x0, x1, y0, y1 }.snapped();
                    };
                    let w = (x1 - x0).min((y1 - y0) * aspect);
                    let h = w / aspect;
                    let (x, y) = (x0 + 0.5 * (x1 - x0 - w), y0 + 0.5 * (y1 - y0 - h));
                    Rect { x0: x, x1: x + w, y0: y, y1: y + h }.snapped()
                })
                .collect();
            sizes = frames.iter().map(|f| [f.width().max(1.0), f.height().max(1.0)]).collect();
        }
        (frames, saved)
    }
}

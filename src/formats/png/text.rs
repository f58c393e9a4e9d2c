//! Text as outlines of the embedded fonts.
//!
//! Ubuntu Light (drawn a little heavier, so that it reads at small sizes) holds most glyphs, Hack
//! those it lacks; a star is drawn, and what neither font has becomes `?`.

use super::canvas::{Canvas, Pen};
use super::colour::Rgb;
use crate::error::{Error, Result};
use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve};
use tiny_skia::{PathBuilder, Transform};

/// Which point of the text the given position is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

/// How heavy the strokes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Height of capital letters above the baseline, in units of the font size (Ubuntu's OS/2 table).
pub(super) const CAP_HEIGHT: f32 = 0.693;
/// Depth of letters such as g below the baseline, in units of the font size (Ubuntu's hhea table).
pub(super) const DESCENT: f32 = 0.189;

const SCRIPT_SIZE: f32 = 0.70;
const RAISE: f32 = 0.34;
const LOWER: f32 = -0.16;
const STAR_ADVANCE: f32 = 0.92;

/// The embedded fonts.
pub(super) struct Fonts {
    faces: [FontRef<'static>; 2],
}

#[derive(Clone, Copy)]
struct Styled {
    character: char,
    size: f32,
    shift: f32,
}

enum Shape {
    Glyph(usize, GlyphId),
    Star,
}

impl Fonts {
    pub(super) fn load() -> Result<Fonts> {
        let face = |bytes| {
            FontRef::try_from_slice(bytes).map_err(|e| Error::input("an embedded font is damaged").found(e.to_string()))
        };
        Ok(Fonts { faces: [face(epaint_default_fonts::UBUNTU_LIGHT)?, face(epaint_default_fonts::HACK_REGULAR)?] })
    }

    /// Width of `text`, px.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        styled(text).iter().map(|s| self.advance(&self.shape(s.character)) * s.size * size).sum()
    }

    /// `text` and a size at which it is no wider than `limit`: made smaller first, then cut.
    pub(super) fn fitted(&self, text: &str, size: f32, limit: f32) -> (String, f32) {
        let width = self.width(text, size);
        if width <= limit || text.is_empty() {
            return (text.to_string(), size);
        }
        let smaller = (size * limit.max(0.0) / width).max(0.72 * size);
        let mut kept = text.to_string();
        while self.width(&kept, smaller) > limit && kept.chars().count() > 1 {
            kept = kept.trim_end_matches('…').to_string();
            kept.pop();
            kept = kept.trim_end().to_string();
            kept.push('…');
            if kept == "…" {
                break;
            }
        }
        (kept, smaller)
    }

    /// Draws `text` with its baseline at `at`; `quarter_turn` reads bottom to top.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        text: &str,
        at: (f32, f32),
        size: f32,
        colour: Rgb,
        weight: Weight,
        align: Align,
        quarter_turn: bool,
    ) {
        let mut builder = PathBuilder::new();
        let width = self.width(text, size);
        let mut x = match align {
            Align::Start => 0.0,
            Align::Middle => -0.5 * width,
            Align::End => -width,
        };
        for s in styled(text) {
            let shape = self.shape(s.character);
            self.outline(&mut builder, &shape, x, -s.shift * size, s.size * size);
            x += self.advance(&shape) * s.size * size;
        }
        let Some(path) = builder.finish() else { return };
        let transform = if quarter_turn {
            Transform::from_row(0.0, -1.0, 1.0, 0.0, at.0, at.1)
        } else {
            Transform::from_translate(at.0, at.1)
        };
        let stroke = match weight {
            Weight::Regular => 0.018,
            Weight::Bold => 0.062,
        } * size;
        canvas.fill(&path, colour, 1.0, transform);
        canvas.stroke(&path, Pen::new(colour, stroke), transform);
    }

    fn shape(&self, character: char) -> Shape {
        let character = match character {
            '★' | '☆' => return Shape::Star,
            '☉' => '⊙',
            // Hack's are as wide as its letters
            '′' => '\'',
            '″' => '"',
            'μ' => 'µ',
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        for (i, face) in self.faces.iter().enumerate() {
            let id = face.glyph_id(character);
            if id.0 != 0 {
                return Shape::Glyph(i, id);
            }
        }
        Shape::Glyph(0, self.faces[0].glyph_id('?'))
    }

    fn advance(&self, shape: &Shape) -> f32 {
        match shape {
            Shape::Glyph(face, id) => {
                let face = &self.faces[*face];
                face.h_advance_unscaled(*id) / face.units_per_em().unwrap_or(1000.0)
            }
            Shape::Star => STAR_ADVANCE,
        }
    }

    fn outline(&self, builder: &mut PathBuilder, shape: &Shape, x: f32, y: f32, size: f32) {
        let (face, id) = match shape {
            Shape::Star => return star(builder, x + 0.5 * STAR_ADVANCE * size, y - 0.34 * size, 0.42 * size),
            Shape::Glyph(face, id) => (&self.faces[*face], *id),
        };
        let scale = size / face.units_per_em().unwrap_or(1000.0);
        let Some(outline) = face.outline(id) else { return };
        let place = |p: ab_glyph::Point| (x + scale * p.x, y - scale * p.y);
        let mut last = None;
        for curve in &outline.curves {
            let (OutlineCurve::Line(start, _) | OutlineCurve::Quad(start, ..) | OutlineCurve::Cubic(start, ..)) = curve;
            if last != Some(*start) {
                if last.is_some() {
                    builder.close();
                }
                let (x, y) = place(*start);
                builder.move_to(x, y);
            }
            last = Some(match curve {
                OutlineCurve::Line(_, end) => {
                    let (x, y) = place(*end);
                    builder.line_to(x, y);
                    *end
                }
                OutlineCurve::Quad(_, control, end) => {
                    let ((x1, y1), (x, y)) = (place(*control), place(*end));
                    builder.quad_to(x1, y1, x, y);
                    *end
                }
                OutlineCurve::Cubic(_, c1, c2, end) => {
                    let ((x1, y1), (x2, y2), (x, y)) = (place(*c1), place(*c2), place(*end));
                    builder.cubic_to(x1, y1, x2, y2, x, y);
                    *end
                }
            });
        }
        builder.close();
    }
}

/// The path of a filled five-pointed star.
fn star(builder: &mut PathBuilder, cx: f32, cy: f32, radius: f32) {
    for k in 0..10 {
        let r = if k % 2 == 0 { radius } else { 0.4 * radius };
        let (sin, cos) = (std::f32::consts::PI * k as f32 / 5.0).sin_cos();
        let (x, y) = (cx + r * sin, cy - r * cos);
        if k == 0 {
            builder.move_to(x, y);
        } else {
            builder.line_to(x, y);
        }
    }
    builder.close();
}

/// Characters with the size and height that superscripts and subscripts give them.
fn styled(text: &str) -> Vec<Styled> {
    const UP: [(char, char); 14] = [
        ('⁰', '0'),
        ('¹', '1'),
        ('²', '2'),
        ('³', '3'),
        ('⁴', '4'),
        ('⁵', '5'),
        ('⁶', '6'),
        ('⁷', '7'),
        ('⁸', '8'),
        ('⁹', '9'),
        ('⁺', '+'),
        ('⁻', '−'),
        ('ⁿ', 'n'),
        ('ᵀ', 'T'),
    ];
    let normal = |character| Styled { character, size: 1.0, shift: 0.0 };
    let up = |character| Styled { character, size: SCRIPT_SIZE, shift: RAISE };
    let down = |character| Styled { character, size: SCRIPT_SIZE, shift: LOWER };
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let group = rest.strip_prefix("^{").or_else(|| rest.strip_prefix("_{")).and_then(|r| r.split_once('}'));
        if let Some((inside, after)) = group {
            out.extend(inside.chars().map(if c == '^' { up } else { down }));
            rest = after;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        if let Some((_, plain)) = UP.iter().find(|(raised, _)| *raised == c) {
            out.push(up(*plain));
        } else if ('₀'..='₉').contains(&c) {
            out.push(down(char::from(b'0' + (c as u32 - '₀' as u32) as u8)));
        } else {
            out.push(normal(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_of_radio_astronomy_has_a_glyph() {
        let fonts = Fonts::load().unwrap();
        let unknown = fonts.faces[0].glyph_id('?');
        for s in styled("λµμ²⁻¹°★☉⊙−×±·σΔΩ′″≈≤≥→Åéöλ₂…–—ν⟨⟩") {
            match fonts.shape(s.character) {
                Shape::Glyph(face, id) => assert!(face != 0 || id != unknown, "{}", s.character),
                Shape::Star => {}
            }
        }
        // an unknown character falls back instead of vanishing
        assert!(matches!(fonts.shape('漢'), Shape::Glyph(0, id) if id == unknown));
        assert_eq!(fonts.width("漢", 10.0), fonts.width("?", 10.0));
    }

    #[test]
    fn superscripts_are_small_and_markup_is_not_drawn() {
        let fonts = Fonts::load().unwrap();
        assert_eq!(fonts.width("s⁻¹", 20.0), fonts.width("s^{−1}", 20.0));
        assert!(fonts.width("10²", 20.0) < fonts.width("102", 20.0));
        // single precision: the last digit depends on the order of the sum
        let (marked, parts) =
            (fonts.width("T_{b}", 20.0), fonts.width("T", 20.0) + SCRIPT_SIZE * fonts.width("b", 20.0));
        assert!((marked - parts).abs() < 1e-4);
        // unmatched braces and lone signs are text
        assert!(fonts.width("a_{b", 20.0) > fonts.width("a_b", 20.0));
    }

    #[test]
    fn fitted_text_fits() {
        let fonts = Fonts::load().unwrap();
        let long = "a title that is much too long for the place that it has been given";
        for limit in [500.0, 300.0, 100.0, 30.0] {
            let (text, size) = fonts.fitted(long, 18.0, limit);
            assert!(fonts.width(&text, size) <= limit, "{limit}: {text}");
        }
        assert_eq!(fonts.fitted("short", 18.0, 500.0), ("short".to_string(), 18.0));
        assert_eq!(fonts.fitted("", 18.0, 0.0).0, "");
    }
}

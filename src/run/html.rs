//! HTML pages without outside resources: their head and the text in them.

use crate::formats::png::{Rgb, Theme};
use std::fmt::Write;

/// Colours of classes; more classes than these share them.
pub(in crate::run) const COLOURS: usize = 7;

/// A page up to its contents, in the colours of the figures, light and dark.
pub(in crate::run) fn head(title: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}{}@media (prefers-color-scheme: dark) {{\n{}}}\n</style>\n</head>\n\
         <body>\n<main>\n",
        escaped(title),
        colours(Theme::Light),
        colours(Theme::Dark)
    )
}

/// The theme of the figures as style rules.
fn colours(theme: Theme) -> String {
    let hex = |c: Rgb| format!("#{:02x}{:02x}{:02x}", c.0, c.1, c.2);
    let mut out = format!(
        "body {{ background: {}; color: {}; }}\ntd, th, details {{ border-color: {}; }}\n.note, h1 + p {{ color: {}; }}\n\
         svg .grid {{ stroke: {}; }}\nsvg .axis {{ stroke: {}; }}\nsvg text {{ fill: {}; }}\n",
        hex(theme.background()),
        hex(theme.ink()),
        hex(theme.grid()),
        hex(theme.muted()),
        hex(theme.grid()),
        hex(theme.ink()),
        hex(theme.ink())
    );
    for i in 0..COLOURS {
        let colour = hex(theme.series(i));
        let _ = writeln!(out, "svg .c{i} {{ fill: {colour}; }} .b{i} {{ background: {colour}; }}");
    }
    out
}

const STYLE: &str = "body { margin: 0; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: 0.5rem 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; }
table { border-collapse: collapse; margin: 0 0 1rem; }
td, th { border-bottom: 1px solid; padding: 0.25rem 0.9rem 0.25rem 0; text-align: right; vertical-align: top; }
th { font-weight: 600; }
th[scope=row], th:first-child, .facts td, .text { text-align: left; }
th[scope=row] { white-space: nowrap; }
.facts th { font-weight: 400; }
.facts td, .text { overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.sheet { display: block; max-width: max(100%, 40rem); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem 2rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
.note, .key { font-size: 0.9rem; margin: 0.2rem 0 0.6rem; }
.key span { margin-right: 1.2rem; }
.swatch { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 15px; }
svg .grid, svg .axis { stroke-width: 1; fill: none; }
svg .end { text-anchor: end; }
svg .mid { text-anchor: middle; }
summary { cursor: pointer; margin-bottom: 0.5rem; }
";

/// `text` with all that HTML gives a meaning replaced, for text and quoted attributes alike. Characters that XML and HTML
/// forbid become a replacement character.
pub(in crate::run) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Bytes in base64 with padding (RFC 4648, section 4).
pub(in crate::run) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for k in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * k)) as usize & 63];
            out.push(if k <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// A number for people: three digits, thousands as they are, powers of ten where it is large or small.
pub(in crate::run) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{value:.2e}");
    let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let text = if (-3..4).contains(&power) {
        let decimals = (2 - power).max(0) as usize;
        let plain = format!("{value:.decimals$}");
        if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.').into() } else { plain }
    } else {
        format!("{}×10{}", digits.trim_end_matches('0').trim_end_matches('.'), superscript(&power.to_string()))
    };
    text.replace('-', "−")
}

/// A label of the figure library, whose powers are marked up as `10^{−3}`, in plain unicode.
pub(in crate::run) fn plain_label(label: &str) -> String {
    match label.split_once("^{").and_then(|(base, rest)| Some((base, rest.split_once('}')?))) {
        Some((base, (power, rest))) => format!("{base}{}{}", superscript(power), plain_label(rest)),
        None => label.into(),
    }
}

fn superscript(digits: &str) -> String {
    let raised = |c: char| match c {
        '-' | '−' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + c as u32 - '0' as u32).unwrap_or(c),
        c => c,
    };
    digits.chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("<b a=\"1\" b='2'>&\u{0}\n"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;\u{fffd}\n");
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        // RFC 4648, section 10
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (n, text) in expected.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..n]), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn numbers_are_short() {
        let expected = [
            (0.0, "0"),
            (1.0, "1"),
            (1234.4, "1234"),
            (0.012345, "0.0123"),
            (3.21e9, "3.21×10⁹"),
            (-2e-7, "−2×10⁻⁷"),
            (99999.0, "1×10⁵"),
            (f64::NAN, "–"),
        ];
        for (value, text) in expected {
            assert_eq!(number(value), text);
        }
        assert_eq!(plain_label("2×10^{−12} x"), "2×10⁻¹² x");
        assert_eq!(plain_label("0.5"), "0.5");
    }
}

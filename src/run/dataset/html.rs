//! Text in HTML pages.

/// `text` with all that HTML gives a meaning replaced, for text and quoted attributes alike. Characters that XML and HTML
/// forbid become a replacement character.
pub(super) fn escaped(text: &str) -> String {
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
pub(super) fn base64(bytes: &[u8]) -> String {
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
pub(super) fn number(value: f64) -> String {
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
pub(super) fn plain_label(label: &str) -> String {
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

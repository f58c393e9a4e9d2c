//! Header cards as the 80 bytes they are on disk.
//!
//! FITS standard 4.0, section 4. Numbers are written with the fewest digits that read back the same.

use super::{Card, CardValue};
use crate::error::{Error, Result};

/// Length of one header record.
pub(super) const RECORD: usize = 80;
/// Characters of a string value between its quotes in one record.
const STRING_ROOM: usize = 68;

/// The records of one card: several for long text (CONTINUE convention) and long commentary.
pub(super) fn to_records(card: &Card) -> Result<Vec<String>> {
    let key = card.key.as_str();
    let legal = |c: u8| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'-' || c == b'_';
    if key.is_empty() || key.len() > 8 || !key.bytes().all(legal) {
        return Err(Error::input("not a FITS keyword")
            .found(format!("\"{key}\""))
            .expected("1 to 8 of the characters A-Z, 0-9, - and _"));
    }
    let comment = printable(&card.comment);
    Ok(match &card.value {
        CardValue::Bool(value) => vec![fixed(key, if *value { "T" } else { "F" }, &comment)],
        CardValue::Int(value) => vec![fixed(key, &value.to_string(), &comment)],
        CardValue::Float(value) => {
            if !value.is_finite() {
                return Err(Error::input("a FITS header holds finite numbers only")
                    .found(value)
                    .place(format!("card {key}")));
            }
            vec![fixed(key, &float(*value), &comment)]
        }
        CardValue::Text(value) => text(key, &printable(value), &comment),
        CardValue::Commentary => {
            let lines: Vec<&str> = card.comment.split('\n').collect();
            lines.iter().flat_map(|line| commentary(key, &printable(line))).collect()
        }
    })
}

/// Whether a card needs the CONTINUE convention.
pub(super) fn is_long(card: &Card) -> bool {
    matches!(&card.value, CardValue::Text(value) if printable(value).replace('\'', "''").len() > STRING_ROOM)
}

/// A header holds the characters 32 to 126 only: anything else becomes "?", so that a path with
/// an accent in the history does not lose the finished computation.
fn printable(text: &str) -> String {
    text.chars().map(|c| if (' '..='~').contains(&c) { c } else { '?' }).collect()
}

fn clipped(mut record: String) -> String {
    record.truncate(RECORD);
    record.truncate(record.trim_end().len());
    record
}

fn fixed(key: &str, value: &str, comment: &str) -> String {
    let slash = if comment.is_empty() { "" } else { " / " };
    clipped(format!("{key:<8}= {value:>20}{slash}{comment}"))
}

/// The shortest decimal number that reads back as `value`, with a decimal point.
fn float(value: f64) -> String {
    let text = format!("{value:?}").replace('e', "E");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

fn text(key: &str, value: &str, comment: &str) -> Vec<String> {
    let escaped = value.replace('\'', "''");
    let slash = if comment.is_empty() { "" } else { " / " };
    if escaped.len() <= STRING_ROOM {
        // eight characters at least: fixed format of the standard's mandatory strings
        let quoted = format!("'{escaped:<8}'");
        return vec![clipped(format!("{key:<8}= {quoted:<20}{slash}{comment}"))];
    }
    let mut records = Vec::new();
    let mut rest = escaped.as_str();
    while !rest.is_empty() {
        let mut end = rest.len().min(STRING_ROOM - 1);
        // a doubled quote stays in one record
        let quotes = rest[..end].bytes().rev().take_while(|b| *b == b'\'').count();
        if end < rest.len() && quotes % 2 == 1 {
            end -= 1;
        }
        let (piece, tail) = rest.split_at(end);
        let more = if tail.is_empty() { "" } else { "&" };
        let ending = if tail.is_empty() { format!("{slash}{comment}") } else { String::new() };
        let head = if records.is_empty() { format!("{key:<8}= ") } else { "CONTINUE  ".to_string() };
        records.push(clipped(format!("{head}'{piece}{more}'{ending}")));
        rest = tail;
    }
    records
}

fn commentary(key: &str, line: &str) -> Vec<String> {
    let room = RECORD - 8;
    if line.is_empty() {
        return vec![key.to_string()];
    }
    (0..line.len())
        .step_by(room)
        .map(|at| clipped(format!("{key:<8}{}", &line[at..(at + room).min(line.len())])))
        .collect()
}

/// The cards of a header, long strings joined. Records without a keyword or value are left out.
pub(super) fn from_records(records: &[Vec<u8>]) -> Vec<Card> {
    let mut cards: Vec<Card> = Vec::new();
    for record in records {
        let record: String = record.iter().map(|b| if (32..127).contains(b) { *b as char } else { '?' }).collect();
        let record = format!("{record:<80}");
        let key = record[..8].trim_end().to_string();
        let rest = &record[8..];
        match key.as_str() {
            "COMMENT" | "HISTORY" => {
                let comment = rest.trim_end().to_string();
                cards.push(Card { key, value: CardValue::Commentary, comment });
            }
            "CONTINUE" => {
                if let Some(last) = cards.last_mut()
                    && let CardValue::Text(before) = &mut last.value
                    && before.ends_with('&')
                    && let Some((CardValue::Text(more), comment)) = parse_value(rest)
                {
                    before.pop();
                    before.push_str(&more);
                    last.comment.push_str(&comment);
                }
            }
            "" | "END" | "HIERARCH" => {}
            _ => {
                if let Some(field) = rest.strip_prefix("= ")
                    && let Some((value, comment)) = parse_value(field)
                {
                    cards.push(Card { key, value, comment });
                }
            }
        }
    }
    cards
}

fn parse_value(field: &str) -> Option<(CardValue, String)> {
    let field = field.trim();
    if let Some(quoted) = field.strip_prefix('\'') {
        let bytes = quoted.as_bytes();
        let mut end = 0;
        while end < bytes.len() {
            match (bytes[end], bytes.get(end + 1)) {
                (b'\'', Some(b'\'')) => end += 2,
                (b'\'', _) => break,
                _ => end += 1,
            }
        }
        let inner = quoted.get(..end)?.replace("''", "'");
        let comment = quoted.get(end + 1..).unwrap_or("").trim().trim_start_matches('/').trim();
        // trailing blanks are not significant, leading ones are
        return Some((CardValue::Text(inner.trim_end().to_string()), comment.to_string()));
    }
    let (value, comment) = field.split_once('/').unwrap_or((field, ""));
    let (value, comment) = (value.trim(), comment.trim().to_string());
    let value = match value {
        "T" => CardValue::Bool(true),
        "F" => CardValue::Bool(false),
        _ => match value.parse::<i64>() {
            Ok(number) => CardValue::Int(number),
            Err(_) => CardValue::Float(value.replace(['D', 'd'], "E").parse::<f64>().ok()?),
        },
    };
    Some((value, comment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(card: &Card) -> Vec<Card> {
        let records = to_records(card).unwrap();
        assert!(records.iter().all(|r| r.len() <= RECORD), "{records:?}");
        from_records(&records.into_iter().map(String::into_bytes).collect::<Vec<_>>())
    }

    #[test]
    fn cards_look_as_the_standard_has_them() {
        let one = |card: Card| to_records(&card).unwrap().join("|");
        assert_eq!(one(Card::int("VELREF", 257, "")), "VELREF  =                  257");
        assert_eq!(one(Card::float("RESTFRQ", 1e-7, "Hz")), "RESTFRQ =               1.0E-7 / Hz");
        assert_eq!(one(Card::text("OBJECT", "O'Neil", "name")), "OBJECT  = 'O''Neil '           / name");
        assert_eq!(one(Card::history("")), "HISTORY");
        assert_eq!(
            one(Card { value: CardValue::Bool(true), ..Card::text("CASAMBM", "", "") }),
            "CASAMBM =                    T"
        );
        assert_eq!(one(Card::text("OBJECT", "é\n", "")), "OBJECT  = '??      '");
    }

    #[test]
    fn refuses_what_a_header_cannot_hold() {
        for card in [Card::int("lower", 1, ""), Card::int("TOOLONGKEY", 1, ""), Card::float("A", f64::NAN, "")] {
            to_records(&card).unwrap_err();
        }
    }

    #[test]
    fn reads_fortran_exponents_and_free_format() {
        let read = |text: &str| from_records(&[text.as_bytes().to_vec()]);
        assert_eq!(read("A       = 1.5D3 / x")[0], Card::float("A", 1500.0, "x"));
        assert_eq!(read("A       = 'a / b' / c")[0], Card::text("A", "a / b", "c"));
        assert_eq!(read("A       = garbage").len(), 0);
    }

    proptest! {
        #[test]
        fn numbers_survive(value in proptest::num::f64::NORMAL | proptest::num::f64::ZERO) {
            prop_assert_eq!(round_trip(&Card::float("X", value, "a comment")), vec![Card::float("X", value, "a comment")]);
        }

        #[test]
        fn text_of_any_length_survives(value in "[ -~]{0,300}", comment in "[a-z]{0,5}") {
            // a final & is the continuation mark itself
            let value = value.trim_end().trim_end_matches('&').trim_end().to_string();
            let card = Card::text("PROV", value, &comment);
            let back = round_trip(&card);
            prop_assert_eq!(back.len(), 1);
            prop_assert_eq!(&back[0].value, &card.value);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(record in proptest::collection::vec(any::<u8>(), 0..90)) {
            from_records(&[record]);
        }
    }
}

//! The serialisations BINARY and BINARY2: rows of big-endian values in base64.

use super::field::Field;
use super::xml::{Origin, Token, Xml};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the <STREAM> in the element at byte `at`.
pub(super) fn stream(origin: Origin<'_>, at: usize) -> Result<Vec<u8>> {
    let mut xml = Xml::new(origin, at);
    let mut letters = String::new();
    let mut start = at;
    loop {
        let (at, token) = xml.next()?;
        match token {
            Token::Start(element) if element.name == "STREAM" => {
                start = at;
                let (encoding, href) = (element.attribute("encoding"), element.attribute("href"));
                if encoding != "base64" || !href.is_empty() {
                    return Err(Error::input("the binary data of the VOTable are in a form that is not read")
                        .found(format!("encoding=\"{encoding}\" href=\"{href}\""))
                        .expected("encoding=\"base64\" and the data in the file")
                        .place(origin.place(at))
                        .hint("save the table with TABLEDATA, for example with topcat or astropy"));
                }
            }
            Token::Start(_) => {}
            Token::Text(text) if xml.is_in("STREAM") => {
                letters.extend(text.chars().filter(|c| !c.is_ascii_whitespace()));
            }
            Token::Text(_) => {}
            Token::End(_) | Token::Done => break,
        }
    }
    STANDARD
        .decode(letters.as_bytes())
        .map_err(|e| Error::input("the binary data of the VOTable are no base64").found(e).place(origin.place(start)))
}

/// Goes through the values of all rows, with their row, column and bytes; `None`: not given (by the mask of BINARY2).
pub(super) fn rows(
    bytes: &[u8],
    fields: &[Field],
    masked: bool,
    visit: &mut dyn FnMut(usize, usize, Option<&[u8]>) -> Result<()>,
) -> Result<()> {
    let mut rest = bytes;
    let mut row = 0;
    while !rest.is_empty() {
        let before = rest.len();
        let short = |column: &str| {
            Error::input("the binary data of the VOTable end inside a row")
                .found(format!("{} bytes; row {} lacks its column {column}", bytes.len(), row + 1))
                .expected("whole rows of the columns that the fields describe")
                .hint("the file may be truncated: copy or download it again")
        };
        let mask = match masked {
            false => &[][..],
            true => rest.split_off(..fields.len().div_ceil(8)).ok_or_else(|| short("mask"))?,
        };
        for (column, field) in fields.iter().enumerate() {
            let value = field.bytes(rest).and_then(|(head, length)| {
                rest.split_off(..head)?;
                rest.split_off(..length)
            });
            let value = value.ok_or_else(|| short(&field.name))?;
            let is_null = mask.get(column / 8).is_some_and(|byte| byte >> (7 - column % 8) & 1 == 1);
            visit(row, column, (!is_null).then_some(value))?;
        }
        if rest.len() == before {
            return Err(Error::input("the columns of the VOTable have no bytes").found("rows of no length"));
        }
        row += 1;
    }
    Ok(())
}

//! Columns of a VOTable and how their values are written.

use super::super::catalogue::{ColumnInfo, ColumnKind, FrameWords, Values};
use super::xml::Element;
use crate::error::{Error, Result};

/// A <FIELD>.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    unit: String,
    ucd: String,
    datatype: Datatype,
    /// Numbers of elements along the axes but for one of any length.
    fixed: usize,
    /// Whether the last axis has any length.
    variable: bool,
    /// The text of a value that is not given.
    pub(super) null: Option<String>,
    /// ID of what it refers to.
    pub(super) reference: String,
    pub(super) frame: Option<FrameWords>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Datatype {
    Boolean,
    Bit,
    UnsignedByte,
    Short,
    Int,
    Long,
    Char,
    UnicodeChar,
    Float,
    Double,
    FloatComplex,
    DoubleComplex,
}

impl Datatype {
    const ALL: [(&'static str, Datatype, usize); 12] = [
        ("boolean", Datatype::Boolean, 1),
        ("bit", Datatype::Bit, 1),
        ("unsignedByte", Datatype::UnsignedByte, 1),
        ("short", Datatype::Short, 2),
        ("int", Datatype::Int, 4),
        ("long", Datatype::Long, 8),
        ("char", Datatype::Char, 1),
        ("unicodeChar", Datatype::UnicodeChar, 2),
        ("float", Datatype::Float, 4),
        ("double", Datatype::Double, 8),
        ("floatComplex", Datatype::FloatComplex, 8),
        ("doubleComplex", Datatype::DoubleComplex, 16),
    ];

    /// Name, and bytes of an element.
    fn facts(self) -> (&'static str, usize) {
        let entry = Datatype::ALL.iter().find(|entry| entry.1 == self);
        entry.map_or(("", 1), |entry| (entry.0, entry.2))
    }

    fn is_integer(self) -> bool {
        matches!(self, Datatype::UnsignedByte | Datatype::Short | Datatype::Int | Datatype::Long)
    }

    fn is_text(self) -> bool {
        matches!(self, Datatype::Char | Datatype::UnicodeChar)
    }
}

impl Field {
    pub(super) fn new(element: &Element<'_>) -> Result<Field> {
        let name = Some(element.attribute("name")).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| element.attribute("ID"));
        let written = element.attribute("datatype");
        let datatype = Datatype::ALL.iter().find(|entry| entry.0 == written).map(|entry| entry.1);
        let datatype = datatype.ok_or_else(|| {
            Error::input(format!("the column {name} has an unknown datatype"))
                .found(format!("\"{written}\""))
                .expected(Datatype::ALL.map(|entry| entry.0).join(", "))
        })?;
        let arraysize = element.attribute("arraysize");
        let (variable, dimensions) = match arraysize.strip_suffix('*') {
            // "8*": at most eight
            Some(before) => (true, before.rsplit_once('x').map_or("", |(fixed, _)| fixed)),
            None => (false, arraysize.as_str()),
        };
        let sizes = dimensions.split('x').filter(|word| !word.is_empty()).map(|word| word.trim().parse::<usize>().ok());
        let fixed =
            sizes.into_iter().try_fold(1usize, |product, size| product.checked_mul(size?)).ok_or_else(|| {
                Error::input(format!("the size of the column {name} cannot be read"))
                    .found(format!("arraysize=\"{arraysize}\""))
                    .expected("a size such as \"8\", \"*\", \"8*\" or \"2x3\"")
            })?;
        Ok(Field {
            name,
            unit: element.attribute("unit").trim().to_string(),
            ucd: element.attribute("ucd").trim().to_string(),
            datatype,
            fixed,
            variable,
            null: None,
            reference: element.attribute("ref"),
            frame: None,
        })
    }

    pub(super) fn info(&self) -> ColumnInfo {
        let (word, _) = self.datatype.facts();
        let single = self.fixed == 1 && !self.variable;
        let kind = match self.datatype {
            Datatype::Char | Datatype::UnicodeChar => ColumnKind::Text,
            Datatype::Float | Datatype::Double if single => ColumnKind::Number,
            integer if integer.is_integer() && single => ColumnKind::Number,
            _ if single => ColumnKind::Other(format!("values of the datatype {word}")),
            _ => ColumnKind::Other(format!("arrays of {word}")),
        };
        ColumnInfo {
            name: self.name.clone(),
            unit: self.unit.clone(),
            ucd: self.ucd.clone(),
            kind,
            frame: self.frame.clone(),
        }
    }

    /// Bytes of its value in the binary forms, of which `rest` starts with it; with the bytes that tell the number of elements.
    pub(super) fn bytes(&self, rest: &[u8]) -> Option<(usize, usize)> {
        let (head, elements) = match self.variable {
            // the number of all elements, not of rows of them
            true => (4, u32::from_be_bytes(*rest.first_chunk()?) as usize),
            false => (0, self.fixed),
        };
        let (_, size) = self.datatype.facts();
        let bytes = if self.datatype == Datatype::Bit { elements.div_ceil(8) } else { elements.checked_mul(size)? };
        Some((head, bytes))
    }

    /// Room for its values.
    pub(super) fn cells(&self, rows: usize) -> Cells {
        match self.datatype.is_text() {
            true => Cells(Values::Texts(Vec::with_capacity(rows))),
            false => Cells(Values::Numbers(Vec::with_capacity(rows))),
        }
    }
}

/// Values of a column as they are read.
pub(super) struct Cells(Values);

impl Cells {
    pub(super) fn finish(self) -> Values {
        self.0
    }

    /// The value of a <TD>.
    pub(super) fn push_text(&mut self, field: &Field, text: &str) -> Result<()> {
        let is_null = text.is_empty() || field.null.as_deref().is_some_and(|null| null == text);
        match &mut self.0 {
            Values::Texts(texts) => texts.push(if is_null { String::new() } else { text.to_string() }),
            Values::Numbers(numbers) => numbers.push(match is_null {
                true => f64::NAN,
                false => number(field, text)?,
            }),
        }
        Ok(())
    }

    /// The value of a binary form; `None`: the row's mask says that it is not given.
    pub(super) fn push_bytes(&mut self, field: &Field, bytes: Option<&[u8]>) -> Result<()> {
        match &mut self.0 {
            Values::Texts(texts) => texts.push(match bytes {
                None => String::new(),
                Some(bytes) => text(field, bytes)?,
            }),
            Values::Numbers(numbers) => numbers.push(bytes.and_then(|b| binary_number(field, b)).unwrap_or(f64::NAN)),
        }
        Ok(())
    }
}

fn number(field: &Field, text: &str) -> Result<f64> {
    let value = match field.datatype.is_integer() {
        false => text.parse::<f64>().ok(),
        true => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => i64::from_str_radix(digits, 16).ok().map(|v| v as f64),
            None => text.parse::<i64>().ok().map(|v| v as f64),
        },
    };
    value.ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        Error::input(format!("a value of the column {} is no number", field.name))
            .found(format!("\"{}\"", shown.escape_debug()))
            .expected(format!("a number of the datatype {}", field.datatype.facts().0))
    })
}

/// `None`: not given.
fn binary_number(field: &Field, bytes: &[u8]) -> Option<f64> {
    let integer = match field.datatype {
        Datatype::Float => return Some(f64::from(f32::from_be_bytes(*bytes.first_chunk()?))),
        Datatype::Double => return Some(f64::from_be_bytes(*bytes.first_chunk()?)),
        Datatype::UnsignedByte => i64::from(*bytes.first()?),
        Datatype::Short => i64::from(i16::from_be_bytes(*bytes.first_chunk()?)),
        Datatype::Int => i64::from(i32::from_be_bytes(*bytes.first_chunk()?)),
        _ => i64::from_be_bytes(*bytes.first_chunk()?),
    };
    let is_null = field.null.as_deref().is_some_and(|null| null.trim().parse() == Ok(integer));
    (!is_null).then_some(integer as f64)
}

fn text(field: &Field, bytes: &[u8]) -> Result<String> {
    let whole = match field.datatype {
        Datatype::UnicodeChar => {
            let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            String::from_utf16(&units).ok()
        }
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    let whole = whole.ok_or_else(|| {
        Error::input(format!("a text of the column {} cannot be read", field.name)).expected("UTF-8, or UTF-16")
    })?;
    // a NUL ends the text of a column of fixed size
    let text = whole.split('\0').next().unwrap_or_default().trim();
    Ok(if field.null.as_deref() == Some(text) { String::new() } else { text.to_string() })
}

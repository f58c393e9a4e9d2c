use super::tree::{Entry, Table, Value};
use super::{Document, dotted, nearest};
use crate::error::{Error, Result};
use crate::units::{BoxLength, Dimension, parse_box_lengths, parse_quantities, parse_quantity};
use std::fmt::Display;
use std::ops::{Bound, RangeBounds};
use std::path::PathBuf;

/// One table of a configuration. Every question makes its key a known one; an absent key is `None`.
#[derive(Debug, Clone)]
pub struct Section<'d> {
    document: &'d Document,
    name: String,
    table: Option<&'d Table>,
}

impl<'d> Section<'d> {
    pub(super) fn new(document: &'d Document, name: String, table: Option<&'d Table>) -> Section<'d> {
        Section { document, name, table }
    }

    /// Dotted name of the table; empty for the top of the document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the table stands in the document (or an override put something into it).
    pub fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Whether `key` stands in the table.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The keys that stand in the table, sorted: for tables whose keys are names of the user's.
    pub fn keys(&self) -> Vec<String> {
        self.table.map(Table::keys).unwrap_or_default()
    }

    /// Where `key` is, in words: file, line, key. For errors of the caller about a value.
    pub fn place(&self, key: &str) -> String {
        self.document.place(&self.name, key, self.table.and_then(|table| table.get(key)))
    }

    /// The error for an absent `key` that must be there; `expected` says what it should hold.
    pub fn missing(&self, key: &str, expected: impl Display) -> Error {
        Error::input(format!("the configuration lacks the key {}", dotted(&self.name, key)))
            .expected(expected)
            .place(self.document.place(&self.name, key, None))
    }

    /// A table inside this one; an absent one is empty.
    ///
    /// # Errors
    /// `key` is a value and not a table.
    pub fn section(&self, key: &str) -> Result<Section<'d>> {
        self.document.ask(&self.name, key, true);
        let name = dotted(&self.name, key);
        match self.table.and_then(|table| table.get(key)) {
            None => Ok(Section::new(self.document, name, None)),
            Some(Entry { value: Value::Table(table), .. }) => Ok(Section::new(self.document, name, Some(table))),
            Some(entry) => Err(self.wrong(key, &entry.value, format!("a table [{name}]"))),
        }
    }

    /// Text. Dates are text too, with or without quotes.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn text(&self, key: &str) -> Result<Option<String>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        match (&entry.value, &entry.raw) {
            (Value::Text(text), _) => Ok(Some(text.clone())),
            (Value::Table(_) | Value::List(_), _) => Err(self.wrong(key, &entry.value, "text in double quotes")),
            (_, Some(raw)) => Ok(Some(raw.clone())),
            (Value::Datetime(time), _) => Ok(Some(time.to_string())),
            (other, _) => Err(self.wrong(key, other, "text in double quotes")),
        }
    }

    /// Text, or a list of texts.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<String>>> {
        match self.entry(key) {
            Some(Entry { value: Value::List(list), .. }) => list
                .iter()
                .map(|item| match item {
                    Value::Text(text) => Ok(text.clone()),
                    other => Err(self.wrong(key, other, "a list of texts in double quotes")),
                })
                .collect::<Result<_>>()
                .map(Some),
            _ => Ok(self.text(key)?.map(|text| vec![text])),
        }
    }

    /// A path, relative to the current folder as everywhere on a command line (not to the file's own folder).
    ///
    /// # Errors
    /// Another kind of value, or empty text.
    pub fn path(&self, key: &str) -> Result<Option<PathBuf>> {
        match self.text(key)? {
            Some(text) if text.is_empty() => Err(self.wrong(key, "\"\"", "a path")),
            text => Ok(text.map(PathBuf::from)),
        }
    }

    /// One quantity with its unit, in the unit of `dimension`: `"20 Mpc"`.
    ///
    /// # Errors
    /// Another kind of value, no unit or an unknown one.
    pub fn quantity(&self, key: &str, dimension: Dimension) -> Result<Option<f64>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let text = self.quantity_text(key, entry)?;
        parse_quantity(&text, dimension).map(Some).map_err(|e| e.place(self.place(key)))
    }

    /// Several quantities: `"1 2 3 kpc"`, or a list of single ones `["1 kpc", "2 kpc"]`.
    ///
    /// # Errors
    /// As [`Section::quantity`].
    pub fn quantities(&self, key: &str, dimension: Dimension) -> Result<Option<Vec<f64>>> {
        let values = match self.entry(key) {
            None => return Ok(None),
            Some(Entry { value: Value::List(list), .. }) => list
                .iter()
                .map(|item| match item {
                    Value::Text(text) => parse_quantity(text, dimension),
                    other => Err(self.wrong(key, other, "a list of quantities in double quotes, each with its unit")),
                })
                .collect(),
            Some(entry) => self.quantity_text(key, entry).and_then(|text| parse_quantities(&text, dimension)),
        };
        values.map(Some).map_err(|e| e.place(self.place(key)))
    }

    /// Several lengths in the box of a simulation: `"1 2 3 ckpc/h"`, or a list of single ones.
    ///
    /// # Errors
    /// As [`Section::quantity`].
    pub fn box_lengths(&self, key: &str) -> Result<Option<Vec<BoxLength>>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let texts = match &entry.value {
            Value::List(_) => self.texts(key)?.unwrap_or_default(),
            _ => vec![self.quantity_text(key, entry)?],
        };
        let lengths: Result<Vec<_>> = texts.iter().map(|text| parse_box_lengths(text)).collect();
        lengths.map(|lengths| Some(lengths.concat())).map_err(|e| e.place(self.place(key)))
    }

    /// An integer within `range`.
    ///
    /// # Errors
    /// Another kind of value, or one outside.
    pub fn integer(&self, key: &str, range: impl RangeBounds<i64>) -> Result<Option<i64>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        match &entry.value {
            Value::Integer(number) if range.contains(number) => Ok(Some(*number)),
            other => Err(self.wrong(key, other, format!("an integer{}", words(&range)))),
        }
    }

    /// A finite number without a unit, within `range`.
    ///
    /// # Errors
    /// Another kind of value, or one outside.
    pub fn float(&self, key: &str, range: impl RangeBounds<f64>) -> Result<Option<f64>> {
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let number = match &entry.value {
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && range.contains(&number) => Ok(Some(number)),
            _ => Err(self.wrong(key, &entry.value, format!("a number{}", words(&range)))),
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Another kind of value.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        match self.entry(key) {
            None => Ok(None),
            Some(Entry { value: Value::Boolean(value), .. }) => Ok(Some(*value)),
            Some(entry) => Err(self.wrong(key, &entry.value, "true or false")),
        }
    }

    /// One of `options`.
    ///
    /// # Errors
    /// Anything else; the nearest option is suggested.
    pub fn choice<'o>(&self, key: &str, options: &[&'o str]) -> Result<Option<&'o str>> {
        let expected =
            || format!("one of {}", options.iter().map(|o| format!("\"{o}\"")).collect::<Vec<_>>().join(", "));
        let Some(entry) = self.entry(key) else {
            return Ok(None);
        };
        let text = self.text(key).map_err(|_| self.wrong(key, &entry.value, expected()))?.unwrap_or_default();
        if let Some(option) = options.iter().find(|option| **option == text) {
            return Ok(Some(option));
        }
        let error = self.wrong(key, format!("\"{text}\""), expected());
        Err(match nearest(&text, options) {
            Some(option) => error.hint(format!("did you mean \"{option}\"?")),
            None => error,
        })
    }

    /// Checks that every key of this table was asked for. [`Document::finish`] does so for all tables at once.
    ///
    /// # Errors
    /// An unknown key, with the nearest known one.
    pub fn finish(&self) -> Result<()> {
        match self.table {
            Some(table) => self.document.check(table, &self.name, false),
            None => Ok(()),
        }
    }

    fn entry(&self, key: &str) -> Option<&'d Entry> {
        self.document.ask(&self.name, key, false);
        self.table.and_then(|table| table.get(key))
    }

    fn quantity_text(&self, key: &str, entry: &Entry) -> Result<String> {
        match (&entry.value, &entry.raw) {
            (Value::Text(text), _) => Ok(text.clone()),
            (Value::Integer(_) | Value::Float(_), Some(raw)) => Ok(raw.clone()),
            (Value::Integer(_) | Value::Float(_), None) => {
                // the parser of quantities lists the units
                Ok(entry.value.to_string())
            }
            (other, _) => Err(self.wrong(key, other, "a quantity with its unit, in double quotes")),
        }
    }

    /// The error for a `key` whose value the caller cannot use; `expected` says what it should be.
    pub fn refuse(&self, key: &str, expected: impl Display) -> Error {
        let found = match self.table.and_then(|table| table.get(key)) {
            Some(Entry { raw: Some(raw), .. }) => raw.clone(),
            Some(entry) => entry.value.to_string(),
            None => "nothing".into(),
        };
        self.wrong(key, found, expected)
    }

    fn wrong(&self, key: &str, found: impl Display, expected: impl Display) -> Error {
        Error::input(format!("the key {} has a value that cannot be used", dotted(&self.name, key)))
            .found(found)
            .expected(expected)
            .place(self.place(key))
    }
}

/// " of at least 1 and at most 5", for a message.
fn words<T: Display>(range: &impl RangeBounds<T>) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => Some(format!("at least {low}")),
        Bound::Excluded(low) => Some(format!("more than {low}")),
        Bound::Unbounded => None,
    };
    let high = match range.end_bound() {
        Bound::Included(high) => Some(format!("at most {high}")),
        Bound::Excluded(high) => Some(format!("less than {high}")),
        Bound::Unbounded => None,
    };
    match (low, high) {
        (Some(low), Some(high)) => format!(" of {low} and {high}"),
        (Some(one), None) | (None, Some(one)) => format!(" of {one}"),
        (None, None) => String::new(),
    }
}

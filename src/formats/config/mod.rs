//! Configuration files (TOML) as questions and answers.
//!
//! Whoever needs a value asks for it by name and kind; whatever nobody asked for is an error that
//! names the nearest key that somebody did ask for. So the list of known keys is the code that uses
//! them, and every message about a value says file, line, key, what was found and what was expected.
//!
//! ```
//! use skyfringe::formats::config::Document;
//! use skyfringe::units::Dimension;
//!
//! let mut document = Document::parse("[sky]\ndistance = \"20 Mpc\"\n", "example.toml")?;
//! document.set("sky.cell=2 arcsec")?;
//! let sky = document.section("sky")?;
//! assert_eq!(sky.quantity("distance", Dimension::Distance)?, Some(20.0));
//! let error = document.finish().unwrap_err().to_string();
//! assert!(error.contains("sky.cell"));
//! # Ok::<(), skyfringe::Error>(())
//! ```

mod section;
mod tree;

pub use section::Section;

use crate::error::{Error, Result};
use crate::formats::text::read_text;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use toml::de::{DeTable, DeValue};
use tree::{Entry, Origin, Table, Value};

/// A configuration: a file and the overrides of the command line.
#[derive(Debug)]
pub struct Document {
    origin: String,
    root: Table,
    /// What was asked for: dotted name of the table -> key -> whether it is a table.
    known: RefCell<BTreeMap<String, BTreeMap<String, bool>>>,
}

impl Document {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// A file that cannot be read, is not UTF-8 or is not TOML (with the line).
    pub fn read(path: &Path) -> Result<Document> {
        let text = read_text(path, "the configuration")?;
        Document::parse(&text, &path.display().to_string())
    }

    /// Reads TOML text; `origin` is what messages call it (the file name).
    ///
    /// # Errors
    /// Text that is not TOML (with the line).
    pub fn parse(text: &str, origin: &str) -> Result<Document> {
        let table = DeTable::parse(text).map_err(|e| syntax_error(text, origin, &e))?;
        let line = |at: usize| 1 + text[..at.min(text.len())].bytes().filter(|b| *b == b'\n').count();
        let root =
            Table::from_toml(table.into_inner(), &|at| Origin::Line(line(at))).map_err(|e: Error| e.place(origin))?;
        Ok(Document { origin: origin.into(), root, known: RefCell::default() })
    }

    /// Overrides one value by `table.key=value`, as `--set` of the command line gives it.
    ///
    /// The value is TOML; what is no TOML (`20 Mpc`) is taken as text.
    ///
    /// # Errors
    /// No `=`, a key that is no dotted name, a value inside something that is no table, a table replaced by a value.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        let place = || format!("--set {assignment}");
        let bad = |problem: &str| {
            Error::input(problem)
                .found(format!("\"{assignment}\""))
                .expected("table.key=value, for example --set sky.distance=\"20 Mpc\"")
                .place(place())
        };
        let (name, text) = assignment.split_once('=').ok_or_else(|| bad("an override without \"=\""))?;
        let names: Vec<&str> = name.split('.').map(str::trim).collect();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if names.iter().any(|n| n.is_empty() || !n.chars().all(legal)) {
            return Err(bad("an override without a readable key"));
        }
        let text = text.trim();
        let value = match DeValue::parse(text) {
            Ok(value) => Value::from_toml(value.into_inner(), &|_| Origin::Set).map_err(|e| e.place(place()))?,
            // what starts like quoted text, a list or a table was meant as TOML
            Err(e) if text.starts_with(['"', '\'', '[', '{']) => {
                return Err(bad("an override with a value that is not TOML").found(format!("{text} ({})", e.message())));
            }
            Err(_) => Value::Text(text.into()),
        };
        let entry = Entry { value, origin: Origin::Set, raw: Some(text.into()) };
        self.root.insert(&names, entry).map_err(|e| e.place(place()))
    }

    /// The keys outside any table.
    pub fn root(&self) -> Section<'_> {
        Section::new(self, String::new(), Some(&self.root))
    }

    /// The table `[name]`; an absent one is empty.
    ///
    /// # Errors
    /// `name` is a value and not a table.
    pub fn section(&self, name: &str) -> Result<Section<'_>> {
        self.root().section(name)
    }

    /// Checks that everything in the document was asked for, in every table.
    ///
    /// # Errors
    /// An unknown key or table, with the nearest known one.
    pub fn finish(&self) -> Result<()> {
        self.check(&self.root, "", true)
    }

    /// The whole configuration, overrides included, as TOML with sorted keys and no comments: equal for equal
    /// content, whatever file or override it came from.
    pub fn canonical(&self) -> String {
        self.root.to_toml().to_string()
    }

    /// Dotted names of all keys that were asked for (tables left out), sorted.
    pub fn known_keys(&self) -> Vec<String> {
        let known = self.known.borrow();
        let mut keys: Vec<String> = known
            .iter()
            .flat_map(|(table, keys)| {
                keys.iter().filter(|(_, is_table)| !**is_table).map(move |(key, _)| dotted(table, key))
            })
            .collect();
        keys.sort();
        keys
    }

    /// Dotted names of all keys in the document (tables left out), sorted.
    pub fn present_keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        self.root.leaves("", &mut keys);
        keys.sort();
        keys
    }

    fn ask(&self, table: &str, key: &str, is_table: bool) {
        self.known.borrow_mut().entry(table.into()).or_default().insert(key.into(), is_table);
    }

    /// Unknown keys of `table`, and of the tables inside if `deep`.
    fn check(&self, table: &Table, name: &str, deep: bool) -> Result<()> {
        let all_known = self.known.borrow();
        let nothing = BTreeMap::new();
        let known = all_known.get(name).unwrap_or(&nothing);
        for (key, entry) in table.in_order() {
            match (known.get(key), &entry.value) {
                (None, value) => {
                    let is_table = matches!(value, Value::Table(_));
                    return Err(self.unknown(known, name, key, entry, is_table));
                }
                (Some(true), Value::Table(inner)) if deep => self.check(inner, &dotted(name, key), true)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn unknown(&self, known: &BTreeMap<String, bool>, table: &str, key: &str, entry: &Entry, is_table: bool) -> Error {
        let kind = if is_table { "table" } else { "key" };
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let inside = if table.is_empty() { "at the top".to_string() } else { format!("in [{table}]") };
        let error = Error::input(format!("unknown {kind} {inside} of the configuration"))
            .found(dotted(table, key))
            .expected(if names.is_empty() { "nothing".to_string() } else { format!("one of {}", names.join(", ")) })
            .place(self.place(table, key, Some(entry)));
        match nearest(key, &names) {
            Some(name) => error.hint(format!("did you mean \"{name}\"?")),
            None => error,
        }
    }

    fn place(&self, table: &str, key: &str, entry: Option<&Entry>) -> String {
        let name = dotted(table, key);
        match entry.map(|e| e.origin) {
            Some(Origin::Line(line)) => format!("{}, line {line}, key {name}", self.origin),
            Some(Origin::Set) => format!("--set {name}"),
            None => format!("{}, key {name}", self.origin),
        }
    }
}

fn dotted(table: &str, key: &str) -> String {
    if table.is_empty() { key.into() } else { format!("{table}.{key}") }
}

/// The name that differs from `word` by at most a third of its letters (or two), the closest first.
fn nearest<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let most = (word.chars().count() / 3).max(2);
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&word.to_lowercase(), name), *name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

fn syntax_error(text: &str, origin: &str, error: &toml::de::Error) -> Error {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let line = 1 + text.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
    let words = text.lines().nth(line - 1).unwrap_or("").trim();
    Error::input(format!("the configuration is not valid TOML: {}", error.message()))
        .found(if words.is_empty() { "an empty line" } else { words })
        .place(format!("{origin}, line {line}"))
        .hint("text and quantities stand in double quotes: distance = \"20 Mpc\"")
}

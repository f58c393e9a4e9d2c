//! Tables of sources, whatever file holds them: columns with a name, a unit and values.
//!
//! VOTables and tables of FITS files are read alike; what the columns mean is not known here.

use super::fits::FitsTable;
use super::votable::VoTable;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A table of a file. Its values stay there until they are asked for.
#[derive(Debug)]
pub struct Catalogue {
    /// What the file calls the table; empty where it does not.
    pub name: String,
    /// Number of rows.
    pub rows: usize,
    /// Its columns.
    pub columns: Vec<ColumnInfo>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    VoTable(VoTable),
    Fits(FitsTable),
}

/// What a file says about a column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its unit as the file writes it; empty where there is none.
    pub unit: String,
    /// Its Unified Content Descriptor, which FITS files do not have; empty where there is none.
    pub ucd: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// The frame of reference that the file states for it, or for all its positions.
    pub frame: Option<FrameWords>,
}

/// What the values of a column are.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnKind {
    /// One number a row.
    Number,
    /// Text.
    Text,
    /// Something that is not read, in words.
    Other(String),
}

/// A frame of reference in the file's words.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameWords {
    /// "ICRS", "eq_FK5", "galactic", ...
    pub system: String,
    /// "J2000", "2000", "B1950", ...; empty where it is not stated.
    pub equinox: String,
}

/// Values of a column, one a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN is one that is not given.
    Numbers(Vec<f64>),
    /// Texts without blanks around them; empty is one that is not given.
    Texts(Vec<String>),
}

/// Formats of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogueFormat {
    /// Virtual Observatory table (XML).
    VoTable,
    /// FITS.
    Fits,
}

impl CatalogueFormat {
    /// The format that a file starts like; `None`: neither.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(path: &Path) -> Result<Option<CatalogueFormat>> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        // a pipe can be read once only, and is left to the reader of text
        if !metadata.is_file() {
            return Ok(None);
        }
        let mut start = Vec::new();
        File::open(path).and_then(|f| f.take(1024).read_to_end(&mut start)).map_err(|e| Error::io("read", path, e))?;
        Ok(CatalogueFormat::of_bytes(&start))
    }

    /// The format of a file that starts with these bytes.
    pub fn of_bytes(start: &[u8]) -> Option<CatalogueFormat> {
        if start.starts_with(b"SIMPLE  =") {
            return Some(CatalogueFormat::Fits);
        }
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        text.starts_with(b"<").then_some(CatalogueFormat::VoTable)
    }
}

impl Catalogue {
    /// Opens the table of `path`; of several the one that `table` names, by its name or its number from 1.
    ///
    /// # Errors
    /// A file that cannot be read or is damaged (VOTable: with line and column), no table, several without a choice.
    pub fn read(path: &Path, format: CatalogueFormat, table: Option<&str>) -> Result<Catalogue> {
        match format {
            CatalogueFormat::VoTable => Ok(Catalogue::from_votable(VoTable::read(path, table)?)),
            CatalogueFormat::Fits => {
                let source = FitsTable::read(path, table)?;
                let (name, rows, columns) = (source.name.clone(), source.rows, source.columns.clone());
                Ok(Catalogue { name, rows, columns, source: Source::Fits(source) })
            }
        }
    }

    /// Names and numbers of rows of all tables of `path`.
    ///
    /// # Errors
    /// As [`Catalogue::read`].
    pub fn tables(path: &Path, format: CatalogueFormat) -> Result<Vec<(String, usize)>> {
        match format {
            CatalogueFormat::VoTable => VoTable::tables(path),
            CatalogueFormat::Fits => FitsTable::tables(path),
        }
    }

    /// Parses the text of a VOTable; `origin` names it in errors.
    ///
    /// # Errors
    /// As [`Catalogue::read`].
    pub fn parse_votable(text: &str, origin: &str, table: Option<&str>) -> Result<Catalogue> {
        Ok(Catalogue::from_votable(VoTable::parse(text.to_string(), origin, table)?))
    }

    fn from_votable(source: VoTable) -> Catalogue {
        let (name, rows, columns) = (source.name().to_string(), source.rows(), source.columns());
        Catalogue { name, rows, columns, source: Source::VoTable(source) }
    }

    /// The values of columns, by their numbers.
    ///
    /// # Errors
    /// A column that is neither numbers nor text; values that cannot be read, with their place.
    pub fn values(&self, wanted: &[usize]) -> Result<Vec<Values>> {
        for index in wanted {
            let column = &self.columns[*index];
            if let ColumnKind::Other(what) = &column.kind {
                return Err(Error::input(format!("the column {} cannot be read", column.name))
                    .found(what)
                    .expected("a column of one number or one text a row")
                    .place(self.table_place()));
            }
        }
        match &self.source {
            Source::VoTable(table) => table.values(wanted),
            Source::Fits(table) => wanted.iter().map(|index| table.values(*index)).collect(),
        }
    }

    /// Where the value of a row (from 0) and column is, in words.
    pub fn place(&self, row: usize, column: usize) -> String {
        match &self.source {
            Source::VoTable(table) => table.place(row, column),
            Source::Fits(table) => table.place(row, column),
        }
    }

    /// Where the table is, in words.
    pub fn table_place(&self) -> String {
        match &self.source {
            Source::VoTable(table) => table.table_place(),
            Source::Fits(table) => table.table_place(),
        }
    }
}

/// The number of the table that is wanted among `tables` (their names and numbers of rows).
pub(super) fn choose(tables: &[(String, usize)], wanted: Option<&str>, origin: &str) -> Result<usize> {
    let list = || {
        let words = tables.iter().enumerate().map(|(k, (name, rows))| format!("{} \"{name}\" ({rows} rows)", k + 1));
        words.collect::<Vec<_>>().join(", ")
    };
    if tables.is_empty() {
        return Err(Error::input("the file has no table with data")
            .expected("a table of sources")
            .place(origin)
            .hint("an image is given as sky.image, a HEALPix map as sky.healpix"));
    }
    let Some(wanted) = wanted else {
        return match tables.len() {
            1 => Ok(0),
            _ => Err(Error::input("the file has several tables")
                .found(list())
                .expected("one, or a choice")
                .place(origin)
                .hint("choose one by its name or number: sky.columns.table = \"1\"")),
        };
    };
    let exact = tables.iter().position(|(name, _)| name == wanted);
    let number = || wanted.parse::<usize>().ok().filter(|n| (1..=tables.len()).contains(n)).map(|n| n - 1);
    let folded = || tables.iter().position(|(name, _)| name.eq_ignore_ascii_case(wanted));
    exact.or_else(number).or_else(folded).ok_or_else(|| {
        Error::input("the file has no such table")
            .found(format!("\"{wanted}\""))
            .expected(format!("one of {}", list()))
            .place(origin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tells_the_format() {
        let of = CatalogueFormat::of_bytes;
        assert_eq!(of(b"SIMPLE  =                    T"), Some(CatalogueFormat::Fits));
        for text in ["<?xml version=\"1.0\"?>", "\u{feff}<VOTABLE>", "\n <!-- x --><VOTABLE/>"] {
            assert_eq!(of(text.as_bytes()), Some(CatalogueFormat::VoTable), "{text}");
        }
        for text in ["", "Format = Ra, Dec, I", "10 20 1", "# <VOTABLE>"] {
            assert_eq!(of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn tables_are_chosen_by_name_or_number() {
        let tables = [("a".to_string(), 3), ("2".to_string(), 4), ("B".to_string(), 5)];
        let chosen = |wanted| choose(&tables, wanted, "x.vot").ok();
        assert_eq!([chosen(Some("a")), chosen(Some("b")), chosen(Some("1"))], [Some(0), Some(2), Some(0)]);
        // a name before a number
        assert_eq!([chosen(Some("2")), chosen(Some("3"))], [Some(1), Some(2)]);
        let message = choose(&tables, None, "x.vot").unwrap_err().to_string();
        assert!(message.contains("1 \"a\" (3 rows)") && message.contains("sky.columns.table"), "{message}");
        assert!(choose(&tables, Some("4"), "x").is_err() && choose(&[], None, "x").is_err());
        assert_eq!(choose(&tables[..1], None, "x").unwrap(), 0);
    }
}

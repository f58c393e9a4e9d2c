//! Tables of FITS files (binary ones, and those of text) as columns of numbers and texts.

use super::handle::{ColumnType, Handle};
use super::header::Header;
use super::record::from_records;
use crate::error::{Error, Result};
use crate::formats::catalogue::{ColumnInfo, ColumnKind, FrameWords, Values, choose};
use fitsio::sys;
use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Texts that are read at once: pointers and letters of a part of the rows only.
const TEXTS_AT_ONCE: usize = 4096;

/// One table of a file.
pub(in crate::formats) struct FitsTable {
    file: RefCell<Handle>,
    path: PathBuf,
    hdu: usize,
    /// EXTNAME.
    pub(in crate::formats) name: String,
    pub(in crate::formats) rows: usize,
    pub(in crate::formats) columns: Vec<ColumnInfo>,
}

impl std::fmt::Debug for FitsTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FitsTable").field("path", &self.path).field("hdu", &self.hdu).finish_non_exhaustive()
    }
}

impl FitsTable {
    /// Opens a file and chooses a table ([`choose`]).
    pub(in crate::formats) fn read(path: &Path, table: Option<&str>) -> Result<FitsTable> {
        let mut file = Handle::open(path)?;
        let mut tables = tables(&mut file, path)?;
        let list: Vec<(String, usize)> = tables.iter().map(|t| (t.name.clone(), t.rows)).collect();
        let Found { hdu, name, rows, row_bytes, header } =
            tables.swap_remove(choose(&list, table, &path.display().to_string())?);
        file.select_hdu(hdu)?;
        let frame = frame(&header)?;
        let mut columns = Vec::new();
        for number in fields(&header)? {
            let kind = kind(file.column_type(number)?, row_bytes);
            let name = header.text(&format!("TTYPE{number}"))?;
            columns.push(ColumnInfo {
                name: if name.is_empty() { format!("column {number}") } else { name },
                unit: header.text(&format!("TUNIT{number}"))?.trim().to_string(),
                ucd: header.text(&format!("TUCD{number}"))?,
                kind,
                frame: frame.clone(),
            });
        }
        Ok(FitsTable { file: RefCell::new(file), path: path.to_path_buf(), hdu, name, rows, columns })
    }

    /// Names and numbers of rows of all tables of a file.
    pub(in crate::formats) fn tables(path: &Path) -> Result<Vec<(String, usize)>> {
        let tables = tables(&mut Handle::open(path)?, path)?;
        Ok(tables.into_iter().map(|t| (t.name, t.rows)).collect())
    }

    /// The values of a column of numbers or texts.
    pub(in crate::formats) fn values(&self, index: usize) -> Result<Values> {
        let mut file = self.file.borrow_mut();
        let at = |e: Error| e.place(format!("{}, column {}", self.table_place(), self.columns[index].name));
        if self.columns[index].kind == ColumnKind::Number {
            let mut numbers = vec![0.0; self.rows];
            file.read_numbers(index + 1, 0, &mut numbers).map_err(at)?;
            return Ok(Values::Numbers(numbers));
        }
        let width = file.column_type(index + 1).map_err(at)?.width;
        let mut texts = Vec::with_capacity(self.rows);
        while texts.len() < self.rows {
            let count = TEXTS_AT_ONCE.min(self.rows - texts.len());
            texts.extend(file.read_texts(index + 1, texts.len(), count, width).map_err(at)?);
        }
        Ok(Values::Texts(texts))
    }

    pub(in crate::formats) fn place(&self, row: usize, column: usize) -> String {
        format!("{}, row {}, column {}", self.table_place(), row + 1, self.columns[column].name)
    }

    pub(in crate::formats) fn table_place(&self) -> String {
        format!("{}, HDU {}", self.path.display(), self.hdu)
    }
}

/// A table among the HDUs of a file.
pub(super) struct Found {
    /// From 1, which is the primary HDU.
    pub(super) hdu: usize,
    /// EXTNAME.
    pub(super) name: String,
    pub(super) rows: usize,
    row_bytes: usize,
    pub(super) header: Header,
}

/// All tables of a file; the last HDU that was looked at is the current one.
pub(super) fn tables(file: &mut Handle, path: &Path) -> Result<Vec<Found>> {
    let size = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
    let mut tables = Vec::new();
    for hdu in 2..=file.hdu_count()? {
        file.select_hdu(hdu)?;
        let header = Header::new(from_records(&file.records()?), path);
        if !["BINTABLE", "TABLE", "A3DTABLE"].contains(&header.text("XTENSION")?.as_str()) {
            continue;
        }
        // an image that is compressed into a table is no table of sources
        if header.is_true("ZIMAGE") {
            continue;
        }
        let axis = |n: usize| Ok(header.int(&format!("NAXIS{n}"))?.unwrap_or(0).max(0) as u64);
        let (row_bytes, rows) = (axis(1)?, axis(2)?);
        // a damaged header must not make the program ask for more memory than the file can fill
        if row_bytes.checked_mul(rows).is_none_or(|bytes| bytes > size) || (row_bytes == 0 && rows > 0) {
            return Err(Error::input("the FITS file ends before its data do")
                .found(format!("{size} bytes"))
                .expected(format!("a table of {rows} rows of {row_bytes} bytes"))
                .place(format!("{}, HDU {hdu}", path.display()))
                .hint("copy or download it again"));
        }
        tables.push(Found {
            hdu,
            name: header.text("EXTNAME")?,
            rows: rows as usize,
            row_bytes: row_bytes as usize,
            header,
        });
    }
    Ok(tables)
}

/// Whether the primary HDU of a file has an image, and not only tables after it.
///
/// # Errors
/// A missing, truncated or non-FITS file.
pub fn has_image(path: &Path) -> Result<bool> {
    let header = Header::new(from_records(&Handle::open(path)?.records()?), path);
    Ok(header.int("NAXIS")?.unwrap_or(0) > 0)
}

/// Numbers (from 1) of the columns.
pub(super) fn fields(header: &Header) -> Result<Range<usize>> {
    Ok(1..header.int("TFIELDS")?.unwrap_or(0).clamp(0, 999) as usize + 1)
}

fn kind(column: ColumnType, row_bytes: usize) -> ColumnKind {
    let other = |what: &str| ColumnKind::Other(what.to_string());
    match column {
        ColumnType { code, .. } if code < 0 => other("arrays of variable length"),
        ColumnType { code, .. } if code == sys::TLOGICAL as i32 => other("logical values"),
        ColumnType { code, .. } if code == sys::TBIT as i32 => other("bits"),
        ColumnType { code, .. } if [sys::TCOMPLEX, sys::TDBLCOMPLEX].contains(&(code as u32)) => {
            other("complex numbers")
        }
        ColumnType { code, repeat, width } if code == sys::TSTRING as i32 => match width {
            0 => other("texts of no length"),
            _ if width > row_bytes => other("texts longer than a row"),
            _ if repeat > width => other("arrays of texts"),
            _ => ColumnKind::Text,
        },
        ColumnType { repeat: 1, .. } => ColumnKind::Number,
        ColumnType { repeat, .. } => ColumnKind::Other(format!("arrays of {repeat} numbers")),
    }
}

/// RADESYS and EQUINOX of a table, where they are stated.
fn frame(header: &Header) -> Result<Option<FrameWords>> {
    let system = match header.text("RADESYS")? {
        text if text.is_empty() => header.text("RADECSYS")?,
        text => text,
    };
    // some files write 'J2000'
    let equinox = match header.float("EQUINOX") {
        Ok(number) => number.map_or(String::new(), |year| year.to_string()),
        Err(_) => header.text("EQUINOX")?,
    };
    Ok((!system.is_empty() || !equinox.is_empty()).then_some(FrameWords { system, equinox }))
}

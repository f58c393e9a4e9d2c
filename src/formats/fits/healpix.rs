//! HEALPix maps in tables of FITS files: all pixels in their order, or numbered ones.

use super::handle::{ColumnType, Handle};
use super::table::{Found, fields, tables};
use crate::error::{Error, Result};
use fitsio::sys;
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Order in which pixels are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealpixOrder {
    /// Along rings of equal latitude.
    Ring,
    /// By the nested squares of the twelve faces.
    Nested,
}

/// A column of pixel values.
#[derive(Debug, Clone, PartialEq)]
pub struct HealpixColumn {
    /// TTYPE.
    pub name: String,
    /// TUNIT, or BUNIT of the table; empty where there is none.
    pub unit: String,
    number: usize,
}

/// A map whose values are still in its file.
pub struct HealpixFile {
    file: RefCell<Handle>,
    path: PathBuf,
    hdu: usize,
    /// Pixels along the side of a face.
    pub nside: u64,
    /// Order of the pixels.
    pub order: HealpixOrder,
    /// COORDSYS as the file writes it; empty where there is none.
    pub system: String,
    /// Frequency that the header states (FREQ, RESTFREQ or RESTFRQ), Hz.
    pub freq_hz: Option<f64>,
    /// Columns with a value a pixel.
    pub columns: Vec<HealpixColumn>,
    /// Number of pixels in the file.
    pub pixels: usize,
    /// Number of the first pixel of a file that does not number them.
    first: u64,
    /// The column with the number of each pixel.
    numbers: Option<usize>,
}

impl std::fmt::Debug for HealpixFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealpixFile").field("path", &self.path).field("nside", &self.nside).finish_non_exhaustive()
    }
}

impl HealpixFile {
    /// Whether a file has a HEALPix map.
    pub fn is_one(path: &Path) -> bool {
        let look = || tables(&mut Handle::open(path)?, path);
        look().is_ok_and(|tables| tables.iter().any(is_healpix))
    }

    /// Opens the first HEALPix map of a file.
    ///
    /// # Errors
    /// No such map; maps of several resolutions; a resolution, an order or a number of pixels that cannot be.
    pub fn open(path: &Path) -> Result<HealpixFile> {
        let mut file = Handle::open(path)?;
        let found = tables(&mut file, path)?.into_iter().find(is_healpix).ok_or_else(|| {
            Error::input("the FITS file has no HEALPix map")
                .expected("a table with PIXTYPE = 'HEALPIX', or with NSIDE and ORDERING")
                .place(path.display())
        })?;
        file.select_hdu(found.hdu)?;
        let Found { hdu, rows, header, .. } = found;
        let place = |key: &str| format!("{}, HDU {hdu}, header card {key}", path.display());
        let order = match header.text("ORDERING")?.trim().to_ascii_uppercase().as_str() {
            "RING" | "RINGED" => HealpixOrder::Ring,
            "NESTED" | "NEST" => HealpixOrder::Nested,
            other => {
                return Err(Error::input("the order of the HEALPix pixels is not read")
                    .found(format!("\"{other}\""))
                    .expected("RING or NESTED")
                    .place(place("ORDERING"))
                    .hint("bring the map to one resolution, for example with healpy or ligo.skymap"));
            }
        };
        let mut columns = Vec::new();
        let (mut numbers, mut repeat) = (None, 1);
        for number in fields(&header)? {
            let ColumnType { code, repeat: own, .. } = file.column_type(number)?;
            let name = header.text(&format!("TTYPE{number}"))?.trim().to_string();
            if ["PIXEL", "PIX", "IPIX", "INDEX", "HPX"].contains(&name.to_ascii_uppercase().as_str()) {
                numbers = Some(number);
                continue;
            }
            let numeric = ![sys::TSTRING, sys::TLOGICAL, sys::TBIT, sys::TCOMPLEX, sys::TDBLCOMPLEX]
                .contains(&(code.unsigned_abs()))
                && code > 0;
            if !numeric || own == 0 || (!columns.is_empty() && own != repeat) {
                continue;
            }
            repeat = own;
            let unit = match header.text(&format!("TUNIT{number}"))? {
                unit if unit.trim().is_empty() => header.text("BUNIT")?,
                unit => unit,
            };
            columns.push(HealpixColumn { name, unit: unit.trim().to_string(), number });
        }
        if columns.is_empty() {
            return Err(Error::input("the HEALPix map has no column of numbers")
                .expected("a column of pixel values")
                .place(format!("{}, HDU {hdu}", path.display())));
        }
        let scheme = header.text("INDXSCHM")?.trim().to_ascii_uppercase();
        let explicit = scheme == "EXPLICIT" || (scheme != "IMPLICIT" && numbers.is_some());
        if explicit && (numbers.is_none() || repeat > 1) {
            return Err(Error::input("the HEALPix map does not say which pixels it has")
                .found(format!("INDXSCHM = '{scheme}', {repeat} pixels a row, columns {}", names(&columns)))
                .expected("one pixel a row, and a column PIXEL with its number")
                .place(place("INDXSCHM")));
        }
        let numbers = numbers.filter(|_| explicit);
        let size = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
        let pixels = rows.checked_mul(repeat).filter(|pixels| *pixels as u64 <= size).ok_or_else(|| {
            Error::input("the FITS file ends before its data do")
                .found(format!("{size} bytes"))
                .expected(format!("{rows} rows of {repeat} pixels"))
                .place(format!("{}, HDU {hdu}", path.display()))
        })?;
        let nside = match header.int("NSIDE")? {
            Some(nside) => nside.max(0) as u64,
            None if numbers.is_none() => ((pixels / 12) as f64).sqrt().round() as u64,
            None => 0,
        };
        if nside == 0 || nside > 1 << 29 || (order == HealpixOrder::Nested && !nside.is_power_of_two()) {
            return Err(Error::input("the resolution of the HEALPix map is impossible")
                .found(format!("NSIDE = {nside}, ORDERING = {order:?}"))
                .expected("1 to 2^29, in nested order a power of 2")
                .place(place("NSIDE")));
        }
        let first = if numbers.is_none() { header.int("FIRSTPIX")?.unwrap_or(0).max(0) as u64 } else { 0 };
        let all = 12 * nside * nside;
        let whole = numbers.is_none() && header.int("LASTPIX")?.is_none();
        if first.saturating_add(pixels as u64) > all || (whole && pixels as u64 != all) {
            return Err(Error::input("the HEALPix map has another number of pixels than its resolution has")
                .found(format!("{pixels} pixels from number {first}"))
                .expected(format!("{all} pixels for NSIDE = {nside}"))
                .place(place("NSIDE")));
        }
        let mut freq_hz = None;
        for key in ["FREQ", "RESTFREQ", "RESTFRQ"] {
            freq_hz = freq_hz.or(header.float(key)?.filter(|freq| *freq > 0.0));
        }
        Ok(HealpixFile {
            file: RefCell::new(file),
            path: path.to_path_buf(),
            hdu,
            nside,
            order,
            system: header.text("COORDSYS")?.trim().to_string(),
            freq_hz,
            columns,
            pixels,
            first,
            numbers,
        })
    }

    /// The values of a column; undefined ones are NaN.
    ///
    /// # Errors
    /// A truncated file.
    pub fn values(&self, column: &HealpixColumn) -> Result<Vec<f64>> {
        let mut values = vec![0.0; self.pixels];
        let read = self.file.borrow_mut().read_numbers(column.number, 0, &mut values);
        read.map_err(|e| e.place(format!("{}, column {}", self.table_place(), column.name)))?;
        Ok(values)
    }

    /// The numbers of the pixels.
    ///
    /// # Errors
    /// A truncated file, numbers that no pixel has (with their row).
    pub fn numbers(&self) -> Result<Vec<u64>> {
        let Some(column) = self.numbers else {
            return Ok((self.first..self.first + self.pixels as u64).collect());
        };
        let mut values = vec![0.0; self.pixels];
        let place = |row: usize| format!("{}, row {}, column PIXEL", self.table_place(), row + 1);
        self.file.borrow_mut().read_numbers(column, 0, &mut values).map_err(|e| e.place(place(0)))?;
        let all = 12 * self.nside * self.nside;
        let number = |(row, value): (usize, &f64)| {
            let is_one = *value >= 0.0 && value.fract() == 0.0 && *value < all as f64;
            is_one.then_some(*value as u64).ok_or_else(|| {
                Error::input("no pixel of the HEALPix map has this number")
                    .found(value)
                    .expected(format!("0 to {}, for NSIDE = {}", all - 1, self.nside))
                    .place(place(row))
            })
        };
        let numbers = values.iter().enumerate().map(number).collect::<Result<Vec<u64>>>()?;
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_by_key(|row| numbers[*row]);
        match order.windows(2).find(|pair| numbers[pair[0]] == numbers[pair[1]]) {
            None => Ok(numbers),
            Some(pair) => Err(Error::input("a pixel of the HEALPix map is given twice")
                .found(format!("pixel {} in row {} and row {}", numbers[pair[0]], pair[0] + 1, pair[1] + 1))
                .expected("each pixel once")
                .place(place(pair[0].max(pair[1])))),
        }
    }

    /// Where the table is, in words.
    pub fn table_place(&self) -> String {
        format!("{}, HDU {}", self.path.display(), self.hdu)
    }
}

fn is_healpix(table: &Found) -> bool {
    let has = |key: &str| table.header.text(key).is_ok_and(|text| !text.is_empty());
    let named = table.header.text("PIXTYPE").is_ok_and(|text| text.trim().eq_ignore_ascii_case("HEALPIX"));
    named || (has("ORDERING") && table.header.int("NSIDE").is_ok_and(|n| n.is_some()))
}

fn names(columns: &[HealpixColumn]) -> String {
    columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
}

//! The one place that calls CFITSIO: files that others wrote are read through it.
//!
//! They are opened with the "diskfile" call, so that a path is a path and never CFITSIO's extended
//! syntax (pipes, filters, network addresses), and every status is turned into an [`Error`].

use crate::error::{Error, Result};
use fitsio::sys;
use std::ffi::{CString, c_char, c_int};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::ptr;

/// CFITSIO's status for data beyond the end of the file.
const END_OF_FILE: c_int = 107;

/// A file open for reading.
pub(super) struct Handle {
    fptr: *mut sys::fitsfile,
    path: PathBuf,
}

impl Handle {
    /// Opens `path` for reading, after making sure that it is an uncompressed FITS file.
    pub(super) fn open(path: &Path) -> Result<Handle> {
        let metadata = fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !metadata.is_file() {
            return Err(Error::input("not a regular file").expected("a FITS file").place(path.display()));
        }
        let mut start = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(9).read_to_end(&mut start))
            .map_err(|e| Error::io("read", path, e))?;
        if start != b"SIMPLE  =" {
            let error = Error::input("not a FITS file").place(path.display());
            return Err(if start.starts_with(&[0x1f, 0x8b]) {
                error.found("a gzip file").hint("unpack it first: gunzip")
            } else {
                error
                    .found(if start.is_empty() {
                        "an empty file".to_string()
                    } else {
                        format!("a file that begins with \"{}\"", String::from_utf8_lossy(&start).escape_debug())
                    })
                    .expected("the word SIMPLE, with which every FITS file starts")
                    .hint("name the FITS file itself")
            });
        }
        let name = literal_name(path)?;
        let (mut fptr, mut status) = (ptr::null_mut(), 0);
        // SAFETY: as in `create`.
        unsafe { sys::ffdkopn(&mut fptr, name.as_ptr(), sys::READONLY as c_int, &mut status) };
        let handle = Handle { fptr, path: path.to_path_buf() };
        handle.checked(status)?;
        Ok(handle)
    }

    /// The records of the current HDU, without END.
    pub(super) fn records(&mut self) -> Result<Vec<Vec<u8>>> {
        let (mut count, mut room, mut status) = (0, 0, 0);
        // SAFETY: valid out-pointers.
        unsafe { sys::ffghsp(self.fptr, &mut count, &mut room, &mut status) };
        self.checked(status)?;
        (1..=count)
            .map(|n| {
                let mut record = [0 as c_char; 81];
                // SAFETY: CFITSIO writes at most 80 characters and a NUL.
                unsafe { sys::ffgrec(self.fptr, n, record.as_mut_ptr(), &mut status) };
                self.checked(status)?;
                Ok(record.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect())
            })
            .collect()
    }

    /// Reads `pixels.len()` scaled values from pixel `first` (0-based); undefined ones become NaN.
    pub(super) fn read_pixels<T: Pixel>(&mut self, first: usize, pixels: &mut [T]) -> Result<()> {
        let status = T::read(self.fptr, first as sys::LONGLONG + 1, pixels);
        self.checked(status)
    }

    /// Number of HDUs.
    pub(super) fn hdu_count(&mut self) -> Result<usize> {
        let (mut count, mut status) = (0, 0);
        // SAFETY: valid out-pointers.
        unsafe { sys::ffthdu(self.fptr, &mut count, &mut status) };
        self.checked(status)?;
        Ok(count.max(0) as usize)
    }

    /// Makes HDU `number` (1-based) the current one.
    pub(super) fn select_hdu(&mut self, number: usize) -> Result<()> {
        let (mut kind, mut status) = (0, 0);
        // SAFETY: valid out-pointers.
        unsafe { sys::ffmahd(self.fptr, number as c_int, &mut kind, &mut status) };
        self.checked(status)
    }

    /// Reads a scalar column (1-based) of `rows` rows of the current table.
    pub(super) fn read_column(&mut self, column: usize, rows: usize) -> Result<Vec<f64>> {
        let mut values = vec![0.0; rows];
        let (mut any_null, mut status) = (0, 0);
        // SAFETY: CFITSIO writes as many values as it is told.
        unsafe {
            sys::ffgcvd(
                self.fptr,
                column as c_int,
                1,
                1,
                rows as sys::LONGLONG,
                0.0,
                values.as_mut_ptr(),
                &mut any_null,
                &mut status,
            );
        }
        self.checked(status)?;
        Ok(values)
    }

    /// What a column (1-based) of the current table holds.
    pub(super) fn column_type(&mut self, column: usize) -> Result<ColumnType> {
        let (mut code, mut repeat, mut width, mut status) = (0, 0, 0, 0);
        // SAFETY: valid out-pointers.
        unsafe { sys::ffgtclll(self.fptr, column as c_int, &mut code, &mut repeat, &mut width, &mut status) };
        self.checked(status)?;
        Ok(ColumnType { code, repeat: repeat.max(0) as usize, width: width.max(0) as usize })
    }

    /// Fills `values` with scaled numbers of a column (1-based), from the start of row `row` (0-based) on; undefined ones become
    /// NaN.
    pub(super) fn read_numbers(&mut self, column: usize, row: usize, values: &mut [f64]) -> Result<()> {
        let (mut any_null, mut status) = (0, 0);
        // SAFETY: CFITSIO writes as many values as it is told.
        unsafe {
            sys::ffgcvd(
                self.fptr,
                column as c_int,
                row as sys::LONGLONG + 1,
                1,
                values.len() as sys::LONGLONG,
                f64::NAN,
                values.as_mut_ptr(),
                &mut any_null,
                &mut status,
            );
        }
        self.checked(status)
    }

    /// The texts of `rows` rows of a column (1-based) of texts of `width` characters, from row `row` (0-based) on.
    pub(super) fn read_texts(&mut self, column: usize, row: usize, rows: usize, width: usize) -> Result<Vec<String>> {
        let size = width + 1;
        let mut letters = vec![0 as c_char; rows * size];
        let mut pointers: Vec<*mut c_char> = letters.chunks_exact_mut(size).map(<[c_char]>::as_mut_ptr).collect();
        let mut none = [0 as c_char; 1];
        let (mut any_null, mut status) = (0, 0);
        // SAFETY: each pointer has room for a text of the column's width and its NUL.
        unsafe {
            sys::ffgcvs(
                self.fptr,
                column as c_int,
                row as sys::LONGLONG + 1,
                1,
                rows as sys::LONGLONG,
                none.as_mut_ptr(),
                pointers.as_mut_ptr(),
                &mut any_null,
                &mut status,
            );
        }
        self.checked(status)?;
        let text = |chars: &[c_char]| {
            let bytes: Vec<u8> = chars.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
            String::from_utf8_lossy(&bytes).trim().to_string()
        };
        Ok(letters.chunks_exact(size).map(text).collect())
    }

    fn checked(&self, status: c_int) -> Result<()> {
        if status <= 0 {
            return Ok(());
        }
        let mut text = [0 as c_char; 31];
        // SAFETY: CFITSIO writes at most 30 characters and a NUL.
        unsafe {
            sys::ffgerr(status, text.as_mut_ptr());
            sys::ffcmsg();
        }
        let text: String = text.iter().take_while(|c| **c != 0).map(|c| *c as u8 as char).collect();
        let error = if status == END_OF_FILE {
            Error::input("the FITS file ends before its data do")
                .expected("a complete file")
                .hint("copy or download it again")
        } else {
            Error::input("the FITS file cannot be read")
                .found(format!("{text} (CFITSIO status {status})"))
                .expected("a complete file in the FITS standard")
                .hint("it may be truncated: copy or download it again")
        };
        Err(error.place(self.path.display()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.fptr.is_null() {
            let mut status = 0;
            // SAFETY: the pointer is open and is not used again; closing what was only read loses nothing.
            unsafe {
                sys::ffclos(self.fptr, &mut status);
                sys::ffcmsg();
            }
        }
    }
}

/// `path` in a form in which CFITSIO finds nothing to interpret: even its "diskfile" call strips
/// leading blanks and expands a leading `~`.
fn literal_name(path: &Path) -> Result<CString> {
    let anchored = if path.is_absolute() { path.to_path_buf() } else { Path::new(".").join(path) };
    CString::new(anchored.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::input("a path with a NUL byte").place(path.display()))
}

/// What a column of a table holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnType {
    /// CFITSIO's code of the type; negative for arrays of variable length.
    pub(super) code: c_int,
    /// Elements a row; of text the characters.
    pub(super) repeat: usize,
    /// Bytes of an element; of text the characters of one text.
    pub(super) width: usize,
}

/// What pixels are read as.
pub(super) trait Pixel: Copy + Default {
    /// Fills `pixels` from the pixel `first` (1-based) on, and returns the status of CFITSIO.
    fn read(fptr: *mut sys::fitsfile, first: sys::LONGLONG, pixels: &mut [Self]) -> i32;
    /// Whether it is a number.
    fn is_number(self) -> bool;
}

macro_rules! pixel {
    ($type:ty, $read:ident) => {
        impl Pixel for $type {
            fn read(fptr: *mut sys::fitsfile, first: sys::LONGLONG, pixels: &mut [Self]) -> i32 {
                let (mut any_null, mut status) = (0, 0);
                let count = pixels.len() as sys::LONGLONG;
                // SAFETY: CFITSIO writes as many values as it is told.
                unsafe {
                    sys::$read(fptr, 1, first, count, <$type>::NAN, pixels.as_mut_ptr(), &mut any_null, &mut status)
                };
                status
            }

            fn is_number(self) -> bool {
                self.is_finite()
            }
        }
    };
}

pixel!(f32, ffgpve);
pixel!(f64, ffgpvd);

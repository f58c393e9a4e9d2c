//! Small HDF5 helpers that turn library errors into sentences with file and field.

use super::npz;
use crate::error::{Error, Result};
use crate::formats::hdf_open;
pub(super) use crate::formats::hdf_values::{attribute_names, first_line, member_names};
use crate::formats::hdf_values::{numbers, require_memory, require_stored, text};
use hdf5::{Dataset, File, Group, Location};
use std::fs;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// First bytes of every HDF5 file without a user block.
const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Opens `path` for reading; of an .npz archive only the shapes of the arrays.
pub fn open(path: &Path) -> Result<File> {
    open_with(path, false)
}

/// Opens `path` for reading, an .npz archive with the values of its arrays.
pub fn open_data(path: &Path) -> Result<File> {
    open_with(path, true)
}

fn open_with(path: &Path, values: bool) -> Result<File> {
    let mut start = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|e| Error::io("read", path, e))?;
    if npz::resembles(&start) {
        return npz::open(path, values);
    }
    if start.starts_with(b"\x93NUMPY") {
        return Err(Error::input("one array of numpy is no snapshot")
            .found("a .npy file")
            .expected("an .npz archive of several named arrays")
            .place(path.display())
            .hint("numpy.savez(\"galaxy.npz\", positions=x, ...): docs/snapshots.md lists the arrays"));
    }
    if start != SIGNATURE {
        return Err(Error::input("the file is not an HDF5 file")
            .found(if start.is_empty() {
                "an empty file".to_string()
            } else {
                format!("a file that begins with \"{}\"", String::from_utf8_lossy(&start).escape_debug())
            })
            .expected(
                "a snapshot, cutout or group catalogue in HDF5, of IllustrisTNG or as docs/snapshots.md lists them",
            )
            .place(path.display())
            .hint("name the .hdf5 file, the snapdir folder or its parent"));
    }
    hdf_open::open(path).map_err(|e| {
        Error::input("the HDF5 file is truncated or damaged")
            .found(format!("HDF5: {}", first_line(&e)))
            .expected("a whole file")
            .place(path.display())
            .hint("fetch the file again and compare its checksum")
    })
}

/// The error of `what` that the library cannot read.
pub fn unreadable(what: &str, error: &hdf5::Error, path: &Path) -> Error {
    Error::input(format!("{what} cannot be read")).found(first_line(error)).place(path.display())
}

/// A group that must be there.
pub fn group(file: &File, name: &str, path: &Path) -> Result<Group> {
    file.group(name).map_err(|_| {
        Error::input(format!("the group {name} is missing"))
            .found("an HDF5 file without it")
            .expected("the layout of an IllustrisTNG file, or another of docs/snapshots.md")
            .place(path.display())
            .hint("`skyfringe sky info` prints what a file holds")
    })
}

/// A data set of `group`, None where there is none of this name.
pub fn dataset(group: &Group, name: &str) -> Option<Dataset> {
    if group.link_exists(name) { group.dataset(name).ok() } else { None }
}

/// All numbers of the attribute `name`, None where it is absent or not numeric.
pub fn attribute(place: &Location, name: &str) -> Option<Vec<f64>> {
    numbers(place, name).ok().filter(|v| !v.is_empty())
}

/// The attribute `name` as text, None where it is absent or not text.
pub fn text_attribute(place: &Location, name: &str) -> Option<String> {
    text(place, name).ok()
}

/// Rows `rows` of the first `columns` columns, flat, as f64.
pub fn rows(data: &Dataset, rows: Range<usize>, columns: usize, field: &str, path: &Path) -> Result<Vec<f64>> {
    let shape = data.shape();
    let fits = shape.first().is_some_and(|n| rows.end <= *n)
        && (shape.len() == 1 && columns == 1 || shape.len() == 2 && shape[1] >= columns);
    if !fits {
        return Err(Error::input(format!("the field {field} has an unexpected shape"))
            .found(format!("{shape:?}"))
            .expected(if columns == 1 { format!("[{}]", rows.end) } else { format!("[{}, {columns}]", rows.end) })
            .place(path.display()));
    }
    require_stored(data, path)?;
    require_memory(data, &[rows.len(), columns], size_of::<f64>(), path)?;
    let read = if shape.len() == 1 {
        data.read_slice_1d::<f64, _>(ndarray::s![rows]).map(|a| a.into_raw_vec_and_offset().0)
    } else {
        data.read_slice_2d::<f64, _>(ndarray::s![rows, 0..columns]).map(|a| a.iter().copied().collect())
    };
    read.map_err(|e| {
        Error::input(format!("the field {field} cannot be read"))
            .found(first_line(&e))
            .place(path.display())
            .hint("the file may be truncated; fetch it again")
    })
}

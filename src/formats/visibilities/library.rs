//! What the HDF5 library says, in the words of this program.

use crate::error::Error;
use std::io;
use std::path::Path;

/// A failed write: the system's own reason (a full disk) where the library passes it on.
pub(in crate::formats) fn write_failed(path: &Path, error: &hdf5::Error) -> Error {
    let source = match system_code(error) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::other(format!("HDF5: {error}")),
    };
    Error::io("write", path, source)
}

/// `N` of "errno = N" in the library's error stack.
fn system_code(error: &hdf5::Error) -> Option<i32> {
    error.stack()?.iter().find_map(|frame| {
        let (_, rest) = frame.desc().split_once("errno = ")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..digits].parse().ok()
    })
}

/// A failed read of `what` in the file.
pub(super) fn read_failed(path: &Path, what: &str, error: &hdf5::Error) -> Error {
    Error::input(format!("cannot read {what} of a visibility file"))
        .found(format!("HDF5: {error}"))
        .place(format!("{}, {what}", path.display()))
        .hint("is the file complete? copy it again, or look at it with h5dump -H")
}

//! Opening HDF5 files that may be damaged.
//!
//! HDF5 2.2.0 reads a global heap (where texts of any length are) object by object, and goes on for ever where one of them takes
//! no room, as in a piece of the file that was never fetched and is zeros. Such heaps are looked for before the library sees the
//! file. Format: HDF5 File Format Specification 3.0, section III.E.

use hdf5::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes at the start and at the end of a file in which heaps are looked for: attributes and what is written last are there.
const SEARCHED: u64 = 4 << 20;
/// Bytes before the first object of a heap, and of the head of an object.
const HEAD: usize = 16;

/// Opens `path` for reading.
///
/// # Errors
/// What the library has to say; a heap that it would not come to the end of.
pub(super) fn open(path: &Path) -> hdf5::Result<File> {
    let found = endless_heap(path).map_err(|e| hdf5::Error::from(e.to_string()))?;
    match found {
        Some(at) => Err(format!("a global heap at byte {at} has an object without a size").into()),
        None => File::open(path),
    }
}

/// Where a heap without an end begins.
fn endless_heap(path: &Path) -> std::io::Result<Option<u64>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut piece = |from: u64, to: u64| -> std::io::Result<Option<u64>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        (&mut file).take(to - from).read_to_end(&mut bytes)?;
        Ok(in_bytes(&bytes).map(|at| from + at as u64))
    };
    let head = SEARCHED.min(length);
    match piece(0, head)? {
        Some(at) => Ok(Some(at)),
        None => piece(length.saturating_sub(SEARCHED).max(head), length),
    }
}

fn in_bytes(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(4).position(|w| w == b"GCOL").map(|k| from + k) {
        if is_endless(&bytes[at..]) {
            return Some(at);
        }
        from = at + 4;
    }
    None
}

/// Whether the heap that begins here is one, and has an object that the next one does not come after.
fn is_endless(heap: &[u8]) -> bool {
    let number = |at: usize, length: usize| -> Option<u64> {
        Some(heap.get(at..at + length)?.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    };
    // version 1 and three bytes that are 0; lengths of fewer than 8 bytes are followed by padding
    if number(4, 4) != Some(1) {
        return false;
    }
    let size = number(8, 8).map_or(0, |size| size.min(heap.len() as u64) as usize);
    let mut at = HEAD;
    while at + HEAD <= size {
        let (Some(index), Some(length)) = (number(at, 2), number(at + 8, 8)) else { return false };
        // the object 0 is what is left free, its head included
        let step = if index == 0 { length } else { length.wrapping_add(7 + HEAD as u64) & !7 };
        match usize::try_from(step).ok().and_then(|step| at.checked_add(step)) {
            Some(next) if next > at => at = next,
            Some(_) => return true,
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdf5::types::VarLenUnicode;

    /// A file with a text in a heap, and where that heap begins.
    fn with_text(path: &Path) -> usize {
        let file = File::create(path).unwrap();
        let value: VarLenUnicode = "a text".parse().unwrap();
        file.new_attr::<VarLenUnicode>().create("a").unwrap().write_scalar(&value).unwrap();
        file.close().unwrap();
        std::fs::read(path).unwrap().windows(4).position(|w| w == b"GCOL").unwrap()
    }

    #[test]
    fn heaps_that_never_end_are_refused_and_others_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let heap = with_text(&path);
        let good = std::fs::read(&path).unwrap();
        open(&path).unwrap();
        // the text has 16 + 8 bytes; then comes what is free
        for (at, bytes) in [
            (heap + HEAD + 24 + 8, vec![0; 8]),
            (heap + HEAD, vec![0; 64]),
            (heap + HEAD + 8, vec![0xf0, 255, 255, 255, 255, 255, 255, 255]),
        ] {
            let mut damaged = good.clone();
            damaged[at..at + bytes.len()].copy_from_slice(&bytes);
            std::fs::write(&path, &damaged).unwrap();
            let error = open(&path).unwrap_err().to_string();
            assert!(error.contains(&format!("heap at byte {heap}")), "{error}");
        }
        let mut long = good.clone();
        long.resize(20 << 20, 0);
        std::fs::write(&path, &long).unwrap();
        assert_eq!(endless_heap(&path).unwrap(), None);
        long.extend(b"GCOL\x01\0\0\0\0\x10\0\0\0\0\0\0".iter().chain(&[0; 4080]));
        std::fs::write(&path, &long).unwrap();
        assert_eq!(endless_heap(&path).unwrap(), Some(20 << 20));
        assert_eq!(in_bytes(b"GCOL"), None);
        assert_eq!(in_bytes(b"what GCOL is in a text, GCOL and GCOL again"), None);
    }
}

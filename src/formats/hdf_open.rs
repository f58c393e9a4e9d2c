//! Opening HDF5 files that may be damaged.
//!
//! HDF5 2.2.0 does not come to the end of two structures of a file: a global heap (where texts of any length are) with an object
//! that takes no room, as in a piece of the file that was never fetched and is zeros, and a local heap (where the names of a
//! group are) whose list of free blocks leads back into itself, which takes all memory. They are looked for before the library
//! sees the file. Format: HDF5 File Format Specification 3.0, sections III.D and III.E.

use hdf5::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes at the start and at the end of a file in which heaps are looked for: attributes and what is written last are there.
const SEARCHED: u64 = 4 << 20;
/// Bytes before the first object of a global heap, and of the head of an object.
const HEAD: usize = 16;
/// The offset that ends a list of free blocks.
const NO_BLOCK: u64 = 1;

/// Opens `path` for reading.
///
/// # Errors
/// What the library has to say; a heap that it would not come to the end of.
pub(super) fn open(path: &Path) -> hdf5::Result<File> {
    let found = endless_heap(path).map_err(|e| hdf5::Error::from(e.to_string()))?;
    match found {
        Some(at) => Err(format!("the heap at byte {at} has no end").into()),
        None => File::open(path),
    }
}

/// Where a heap without an end begins.
fn endless_heap(path: &Path) -> std::io::Result<Option<u64>> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let mut piece = |from: u64, to: u64| -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        (&mut file).take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let head = SEARCHED.min(length);
    let first = piece(0, head)?;
    let widths = widths(&first);
    for (from, bytes) in [(0, first), (length.saturating_sub(SEARCHED).max(head), Vec::new())] {
        let bytes = if from == 0 { bytes } else { piece(from, length)? };
        for at in heaps(&bytes) {
            let heap = &bytes[at..];
            let endless = match heap[0] {
                b'G' => is_endless(heap, widths[1]),
                _ => match free_list(heap, widths) {
                    Some((start, block, size)) => {
                        is_circular(&piece(block, block.saturating_add(size))?, start, widths[1])
                    }
                    None => false,
                },
            };
            if endless {
                return Ok(Some(from + at as u64));
            }
        }
    }
    Ok(None)
}

/// Bytes of an address and of a length, as the file's head states them.
fn widths(start: &[u8]) -> [usize; 2] {
    let at = if start.get(8).is_some_and(|version| *version < 2) { 13 } else { 9 };
    [at, at + 1]
        .map(|at| start.get(at).map_or(8, |width| usize::from(*width)))
        .map(|w| if [2, 4].contains(&w) { w } else { 8 })
}

/// Where heaps may begin.
fn heaps(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(8).enumerate().filter(|(_, w)| w == b"GCOL\x01\0\0\0" || w == b"HEAP\0\0\0\0").map(|(at, _)| at)
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    Some(bytes.get(at..at.checked_add(length)?)?.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte)))
}

/// Whether the global heap that begins here has an object that the next one does not come after.
fn is_endless(heap: &[u8], width: usize) -> bool {
    let size = number(heap, 8, width).map_or(0, |size| size.min(heap.len() as u64) as usize);
    let mut at = HEAD;
    while at + HEAD <= size {
        let (Some(index), Some(length)) = (number(heap, at, 2), number(heap, at + 8, width)) else { return false };
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

/// The offset of a local heap's first free block, and where the heap's data are and how many.
fn free_list(heap: &[u8], [address, width]: [usize; 2]) -> Option<(u64, u64, u64)> {
    let (size, start) = (number(heap, 8, width)?, number(heap, 8 + width, width)?);
    Some((start, number(heap, 8 + 2 * width, address)?, size.min(SEARCHED)))
}

/// Whether the free blocks of `data` lead back to one of them. Each names the next and its own size.
fn is_circular(data: &[u8], start: u64, width: usize) -> bool {
    let (mut at, mut seen) = (start, 0);
    while at != NO_BLOCK {
        let Some(next) = usize::try_from(at).ok().and_then(|at| number(data, at, width)) else { return false };
        seen += 1;
        // blocks may overlap where the file is damaged, but there are no more of them than offsets
        if seen > data.len() {
            return true;
        }
        at = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdf5::file::LibraryVersion;
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
        for text in [&b"GCOL"[..], b"GCOL\x01\0\0\0", b"HEAP\0\0\0\0", b"GCOL and HEAP in a text"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(endless_heap(&path).unwrap(), None);
        }
    }

    #[test]
    fn names_whose_free_blocks_lead_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        // the newer groups have no such heap
        let bounds = (LibraryVersion::Earliest, LibraryVersion::V110);
        let file = File::with_options().with_fapl(|p| p.libver_bounds(bounds.0, bounds.1)).create(&path).unwrap();
        file.create_group("a").unwrap();
        file.close().unwrap();
        open(&path).unwrap();
        let good = std::fs::read(&path).unwrap();
        let heap = good.windows(8).position(|w| w == b"HEAP\0\0\0\0").unwrap();
        let word = |at: usize| number(&good, at, 8).unwrap() as usize;
        let (free, block) = (word(heap + 16), word(heap + 24));
        // its only free block is followed by itself
        let mut damaged = good.clone();
        damaged[block + free..block + free + 8].copy_from_slice(&(free as u64).to_le_bytes());
        std::fs::write(&path, &damaged).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("heap at byte {heap}")), "{error}");
    }
}

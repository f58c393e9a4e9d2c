//! Enough of NumPy's npz (a zip of npy files, stored or deflated) to read reference arrays.

use flate2::read::DeflateDecoder;
use std::io::Read;
use std::path::Path;

/// One array of an npz file: shape and little-endian values in C order.
pub struct Array {
    pub shape: Vec<usize>,
    descr: String,
    bytes: Vec<u8>,
}

impl Array {
    /// Values of a float64 or complex128 array (real, imaginary, real, ...).
    pub fn f64(&self) -> Vec<f64> {
        assert!(self.descr == "<f8" || self.descr == "<c16", "found {}, expected f8 or c16", self.descr);
        self.bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect()
    }

    /// Values of an int32 or int64 array.
    pub fn i64(&self) -> Vec<i64> {
        match self.descr.as_str() {
            "<i4" => self.bytes.chunks_exact(4).map(|b| i32::from_le_bytes(b.try_into().unwrap()).into()).collect(),
            "<i8" => self.bytes.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect(),
            other => panic!("found {other}, expected i4 or i8"),
        }
    }
}

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    bytes[at..at + length].iter().rev().fold(0, |n, b| n << 8 | usize::from(*b))
}

/// The array `name` of the npz file `path`.
pub fn read(path: &Path, name: &str) -> Array {
    let zip = std::fs::read(path).unwrap();
    // the central directory holds the sizes; its place stands in the last record
    let end = zip.windows(4).rposition(|w| w == b"PK\x05\x06").expect("no zip directory");
    let mut at = number(&zip, end + 16, 4);
    for _ in 0..number(&zip, end + 10, 2) {
        let (name_len, extra, comment) = (number(&zip, at + 28, 2), number(&zip, at + 30, 2), number(&zip, at + 32, 2));
        if &zip[at + 46..at + 46 + name_len] == format!("{name}.npy").as_bytes() {
            let (method, size, local) = (number(&zip, at + 10, 2), number(&zip, at + 20, 4), number(&zip, at + 42, 4));
            let start = local + 30 + number(&zip, local + 26, 2) + number(&zip, local + 28, 2);
            let packed = &zip[start..start + size];
            let mut npy = Vec::new();
            match method {
                0 => npy.extend_from_slice(packed),
                8 => drop(DeflateDecoder::new(packed).read_to_end(&mut npy).unwrap()),
                _ => panic!("zip method {method}"),
            }
            return parse(&npy);
        }
        at += 46 + name_len + extra + comment;
    }
    panic!("{} holds no {name}", path.display());
}

/// The array of a single npy file.
pub fn read_npy(path: &Path) -> Array {
    parse(&std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

fn parse(npy: &[u8]) -> Array {
    assert_eq!(&npy[..7], b"\x93NUMPY\x01", "expected npy version 1");
    let start = 10 + number(npy, 8, 2);
    let header = std::str::from_utf8(&npy[10..start]).unwrap();
    assert!(header.contains("'fortran_order': False"));
    let after = |key: &str| header.split_once(key).unwrap().1;
    let descr = after("'descr': '").split('\'').next().unwrap().to_string();
    let dims = after("'shape': (").split(')').next().unwrap();
    let shape = dims.split(',').filter_map(|d| d.trim().parse().ok()).collect();
    Array { shape, descr, bytes: npy[start..].to_vec() }
}

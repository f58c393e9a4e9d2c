//! Arrays of numpy (.npy, version 1.0), written; those in archives are read by [`super::snapshot`].

use crate::error::{Error, Result};
use ndarray::ArrayViewD;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The array as the bytes of a .npy file of little-endian float32 in C order.
pub fn npy_bytes(values: ArrayViewD<f32>) -> Vec<u8> {
    let mut bytes = header(values.shape());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// An array on its way to the disk, piece by piece along its first axis: no more than one is ever in memory.
#[derive(Debug)]
pub struct NpyWriter {
    path: PathBuf,
    file: BufWriter<File>,
    piece: Vec<usize>,
    missing: usize,
}

impl NpyWriter {
    /// Starts an array of `count` pieces of shape `piece` at `path` (a staged path).
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn create(path: &Path, count: usize, piece: &[usize]) -> Result<NpyWriter> {
        let failed = |e| Error::io("write", path, e);
        let mut file = BufWriter::new(File::create(path).map_err(failed)?);
        file.write_all(&header(&[&[count], piece].concat())).map_err(failed)?;
        Ok(NpyWriter { path: path.into(), file, piece: piece.into(), missing: count })
    }

    /// Adds the next piece.
    ///
    /// # Errors
    /// Another shape, one piece too many; whatever the disk has to say.
    pub fn append(&mut self, values: ArrayViewD<f32>) -> Result<()> {
        if values.shape() != self.piece || self.missing == 0 {
            return Err(Error::input("a piece that does not belong into an array")
                .found(format!("shape {:?}, {} missing", values.shape(), self.missing))
                .expected(format!("shape {:?}", self.piece)));
        }
        self.missing -= 1;
        let mut values = values.iter();
        values.try_for_each(|v| self.file.write_all(&v.to_le_bytes())).map_err(|e| Error::io("write", &self.path, e))
    }

    /// Completes the file.
    ///
    /// # Errors
    /// Pieces that are missing; whatever the disk has to say.
    pub fn finish(mut self) -> Result<()> {
        if self.missing > 0 {
            return Err(Error::input("an array was finished before all its pieces were written")
                .found(format!("{} missing", self.missing)));
        }
        self.file.flush().map_err(|e| Error::io("write", &self.path, e))
    }
}

/// Padded to a multiple of 64 bytes, as numpy does.
fn header(shape: &[usize]) -> Vec<u8> {
    let lengths: String = shape.iter().map(|n| format!("{n}, ")).collect();
    // one axis is written (5,), several (5, 6)
    let lengths = if shape.len() == 1 { lengths.trim_end() } else { lengths.trim_end_matches(", ") };
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({lengths}), }}");
    let padding = (64 - (10 + text.len() + 1) % 64) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, Axis, IxDyn};

    #[test]
    fn headers_are_those_of_numpy() {
        // numpy 2.4: numpy.save of zeros((5,)), ((5, 6)) and (()) in float32
        for (shape, words) in [(vec![5], "(5,)"), (vec![5, 6], "(5, 6)"), (vec![], "()")] {
            let bytes = header(&shape);
            let text = String::from_utf8_lossy(&bytes[10..]).into_owned();
            assert_eq!((bytes.len() % 64, text.ends_with(" \n")), (0, true));
            assert_eq!(text.trim_end(), format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {words}, }}"));
        }
    }

    #[test]
    fn pieces_make_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        let whole = ArrayD::from_shape_fn(IxDyn(&[3, 4, 5]), |i| (i[0] * 20 + i[1] * 5 + i[2]) as f32);
        let mut writer = NpyWriter::create(&path, 3, &[4, 5]).unwrap();
        assert!(writer.append(whole.view()).is_err());
        whole.axis_iter(Axis(0)).for_each(|piece| writer.append(piece).unwrap());
        assert!(writer.append(whole.index_axis(Axis(0), 0)).is_err());
        writer.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), npy_bytes(whole.view()));
        assert!(NpyWriter::create(&path, 1, &[2]).unwrap().finish().unwrap_err().to_string().contains("1 missing"));
    }
}

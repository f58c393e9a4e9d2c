//! Tar archives (POSIX.1-1988 ustar) as WebDataset reads them: the files of one sample stand together, named KEY.FIELD.TYPE.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

const BLOCK: usize = 512;

/// An archive on its way to the disk. Equal content gives bit-identical archives: no owner, no time.
#[derive(Debug)]
pub struct TarWriter {
    path: PathBuf,
    file: BufWriter<File>,
}

impl TarWriter {
    /// Starts the archive at `path` (a staged path).
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn create(path: &Path) -> Result<TarWriter> {
        let file = File::create(path).map_err(|e| Error::io("write", path, e))?;
        Ok(TarWriter { path: path.into(), file: BufWriter::new(file) })
    }

    /// Adds a file.
    ///
    /// # Errors
    /// A name beyond 100 characters of printable ASCII, 8 GiB or more; whatever the disk has to say.
    pub fn append(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let legal = (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if !legal || bytes.len() as u64 >= 1 << 33 {
            return Err(Error::input("a file that no tar archive holds")
                .found(format!("{name:?}, {} bytes", bytes.len()))
                .expected("a name of at most 100 printable ASCII characters, less than 8 GiB"));
        }
        let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
        self.write(&[&header(name, bytes.len()), bytes, &[0; BLOCK][..padding]])
    }

    /// Completes the archive: two empty blocks.
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn finish(mut self) -> Result<()> {
        self.write(&[&[0; 2 * BLOCK]])?;
        self.file.flush().map_err(|e| Error::io("write", &self.path, e))
    }

    fn write(&mut self, parts: &[&[u8]]) -> Result<()> {
        parts.iter().try_for_each(|part| self.file.write_all(part)).map_err(|e| Error::io("write", &self.path, e))
    }
}

fn header(name: &str, size: usize) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    // the checksum counts as blanks in itself
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_whole_blocks_and_names_are_checked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tar");
        let mut writer = TarWriter::create(&path).unwrap();
        writer.append("00000001.tb.npy", &[7; 513]).unwrap();
        writer.append("00000001.json", b"").unwrap();
        for wrong in ["", "with blank", "galaxié", &"x".repeat(101)] {
            assert!(writer.append(wrong, b"").is_err(), "{wrong}");
        }
        writer.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), (1 + 2 + 1 + 2) * BLOCK);
        assert_eq!(&bytes[124..136], b"00000001001\0");
        assert!(bytes[BLOCK..BLOCK + 513].iter().all(|b| *b == 7) && bytes[4 * BLOCK..].iter().all(|b| *b == 0));
    }
}

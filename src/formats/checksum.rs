use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// A file that cannot be read.
pub fn sha256_file(path: &Path) -> Result<String> {
    copy_with_sha256(path, &mut std::io::sink())
}

/// Copies the bytes of a file to `out`; their SHA-256, hexadecimal.
///
/// # Errors
/// A file that cannot be read, an `out` that cannot be written.
pub fn copy_with_sha256(path: &Path, out: &mut impl Write) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        let n = file.read(&mut buffer).map_err(|e| Error::io("read", path, e))?;
        if n == 0 {
            return Ok(hex(&digest.finalize()));
        }
        digest.update(&buffer[..n]);
        out.write_all(&buffer[..n]).map_err(|e| Error::io("copy", path, e))?;
    }
}

/// SHA-256 of bytes in memory, hexadecimal.
pub fn sha256_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_known_answers() {
        // FIPS 180-4's example "abc"
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_bytes(b"abc"), abc);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        assert_eq!(sha256_file(&path).unwrap(), abc);
        let long = vec![7u8; (5 << 20) / 2];
        std::fs::write(&path, &long).unwrap();
        let mut copy = Vec::new();
        assert_eq!(copy_with_sha256(&path, &mut copy).unwrap(), sha256_bytes(&long));
        assert_eq!(copy, long);
        assert!(sha256_file(folder.path()).unwrap_err().to_string().contains("cannot read"));
    }
}

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// Reads a text file, or a pipe; `what` completes "cannot read ...". A device without an end (/dev/zero) is refused,
/// because reading it would fill the memory.
///
/// # Errors
/// A file that cannot be read, a device or a folder, bytes that are not UTF-8 (with their position).
pub(super) fn read_text(path: &Path, what: &str) -> Result<String> {
    let action = format!("read {what}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = fs::metadata(path).map_err(|e| Error::io(&action, path, e))?.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            return Err(Error::input(format!("cannot {action}: not a regular file"))
                .found(format!("the device {}", path.display()))
                .expected("a text file")
                .hint("name a file"));
        }
    }
    let bytes = fs::read(path).map_err(|e| Error::io(&action, path, e))?;
    String::from_utf8(bytes).map_err(|e| {
        Error::input(format!("cannot {action}: this is not a text file"))
            .found(format!("a byte that is not UTF-8 at position {}", e.utf8_error().valid_up_to()))
            .expected("text in UTF-8")
            .place(path.display())
            .hint("name another file")
    })
}

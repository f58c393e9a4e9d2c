use crate::error::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A product on its way: written beside its final name and renamed once complete.
///
/// Dropping it without [`Staged::commit`] (an error, Ctrl-C) removes the unfinished file, so a
/// reader never meets half a product.
#[derive(Debug)]
pub struct Staged {
    partial: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl Staged {
    /// Prepares to write `target`; fails early where the folder is missing, is not writable, or
    /// `target` is something else than a regular file.
    pub fn new(target: &Path) -> Result<Staged> {
        let name = target.file_name().ok_or_else(|| {
            Error::input("the output path names no file").found(target.display()).hint("give a file name")
        })?;
        let folder = match target.parent() {
            Some(p) if !p.as_os_str().is_empty() => p,
            _ => Path::new("."),
        };
        match fs::metadata(folder) {
            Ok(m) if m.is_dir() => {}
            Ok(_) => {
                return Err(Error::input("the output folder is a file").found(folder.display()).expected("a folder"));
            }
            Err(e) => return Err(Error::io("open the output folder", folder, e)),
        }
        if let Ok(m) = fs::metadata(target)
            && !m.is_file()
        {
            return Err(Error::input("the output exists and is not a regular file")
                .found(target.display())
                .expected("a new name, or a file that may be replaced"));
        }
        let mut partial = std::ffi::OsString::from(".");
        partial.push(name);
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = folder.join(partial);
        // creating it now shows a read-only or full disk before any computing starts
        fs::File::create(&partial).map_err(|e| Error::io("write in the output folder", folder, e))?;
        Ok(Staged { partial, target: target.to_path_buf(), committed: false })
    }

    /// The path to write to.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Makes the finished file visible under its final name, after its bytes are on the disk.
    pub fn commit(mut self) -> Result<()> {
        let file = fs::File::open(&self.partial).map_err(|e| Error::io("open", &self.partial, e))?;
        file.sync_all().map_err(|e| Error::io("write", &self.target, e))?;
        fs::rename(&self.partial, &self.target).map_err(|e| Error::io("write", &self.target, e))?;
        self.committed = true;
        Ok(())
    }

    /// Writes `bytes` as the whole of `target`.
    pub fn write_bytes(target: &Path, bytes: &[u8]) -> Result<()> {
        let staged = Staged::new(target)?;
        fs::write(staged.path(), bytes).map_err(|e| Error::io("write", target, e))?;
        staged.commit()
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.committed {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::fs;
use std::io;
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
        let folder = folder_of(target);
        match fs::metadata(folder) {
            Ok(m) if m.is_dir() => {}
            Ok(_) => {
                return Err(Error::input("the output folder is a file")
                    .found(folder.display())
                    .expected("a folder")
                    .hint("choose another --out"));
            }
            Err(e) => return Err(Error::io("open the output folder", folder, e)),
        }
        if let Ok(m) = fs::metadata(target)
            && !m.is_file()
        {
            return Err(Error::input("the output exists and is not a regular file")
                .found(target.display())
                .expected("a new name, or a file that may be replaced")
                .hint("choose another --out"));
        }
        // creating it now shows a read-only or full disk before any computing starts
        for number in 0..1000 {
            let mut partial = OsString::from(".");
            // a name that is allowed stays allowed
            if name.len() < 200 {
                partial.push(name);
            }
            partial.push(format!(".{}-{number}.partial", std::process::id()));
            let partial = folder.join(partial);
            // another thread, or a process of the same number that was killed, may have one of this name
            match fs::OpenOptions::new().write(true).create_new(true).open(&partial) {
                Ok(_) => return Ok(Staged { partial, target: target.to_path_buf(), committed: false }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("write in the output folder", folder, e)),
            }
        }
        Err(Error::input("the output folder is full of unfinished files")
            .found(format!("1000 files .*.partial in {}", folder.display()))
            .hint("remove them"))
    }

    /// The path to write to.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Makes the finished file visible under its final name, after its bytes are on the disk; the name is too when it
    /// returns, so that a power cut takes neither.
    pub fn commit(mut self) -> Result<()> {
        let file = fs::File::open(&self.partial).map_err(|e| Error::io("open", &self.partial, e))?;
        file.sync_all().map_err(|e| Error::io("write", &self.target, e))?;
        fs::rename(&self.partial, &self.target).map_err(|e| Error::io("write", &self.target, e))?;
        self.committed = true;
        sync_folder(folder_of(&self.target))
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

/// The folder that `target` stands in.
fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Puts the names in `folder` on the disk.
fn sync_folder(folder: &Path) -> Result<()> {
    match fs::File::open(folder).and_then(|f| f.sync_all()) {
        Ok(()) => Ok(()),
        // a folder that may be written and not read, and file systems that know no such thing: nothing can be done
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => Ok(()),
        Err(e) => Err(Error::io("write the names in", folder, e)),
    }
}

/// Removes the unfinished products of this process in `folder`: for an end that unwinds nothing.
pub fn remove_unfinished(folder: &Path) {
    let ours = format!(".{}-", std::process::id());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(".partial") && name.contains(&ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_product_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.fits");
        fs::write(&target, "old").unwrap();
        let staged = Staged::new(&target).unwrap();
        let other = Staged::new(&target).unwrap();
        assert_ne!(staged.path(), other.path());
        fs::write(staged.path(), "new").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        drop(other);
        staged.commit().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        drop(Staged::new(&target).unwrap());
        assert_eq!(names(folder.path()), ["x.fits"]);
        let left = Staged::new(&target).unwrap();
        fs::write(folder.path().join(".x.fits.1-0.partial"), "another's").unwrap();
        remove_unfinished(folder.path());
        assert!(!left.path().exists());
        fs::remove_file(folder.path().join(".x.fits.1-0.partial")).unwrap();
        Staged::write_bytes(&folder.path().join("y".repeat(255)), b"z").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let says = |target: &Path, words: &str| {
            let error = Staged::new(target).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        says(&folder.path().join("missing/x"), "cannot open the output folder");
        says(&file.join("x"), "folder is a file");
        says(folder.path(), "not a regular file");
        says(Path::new("/dev/full"), "not a regular file");
        says(Path::new("/"), "names no file");
        assert_eq!(names(folder.path()), ["file"]);
    }
}

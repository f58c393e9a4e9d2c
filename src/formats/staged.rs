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
            partial.push(format!(".{}-{number}.partial", us()));
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

/// What tells this process from others that write into the same folder, on this machine or another: of fixed length but
/// for the number of the process.
fn us() -> String {
    format!("{:08x}.{}", machine(), std::process::id())
}

/// A number for this machine's name.
fn machine() -> u32 {
    let mut name = [0u8; 256];
    // SAFETY: the buffer is as long as is said, and what is not written stays 0
    let known = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) } == 0;
    let name: &[u8] = if known { &name } else { &[] };
    // FNV-1a: names differ, numbers differ; a chance of 1 in 4e9 does not matter here
    name.iter().take_while(|b| **b != 0).fold(0x811c_9dc5, |hash, b| (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// Removes the unfinished products in `folder` of processes of this machine that are no more: they were killed.
pub fn remove_dead(folder: &Path) {
    let ours = format!("{:08x}", machine());
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix('.').and_then(|n| n.strip_suffix(".partial")) else { continue };
        // NAME.MACHINE.PROCESS-NUMBER
        let mut parts = rest.rsplit('.');
        let (process, machine) = (parts.next().and_then(|p| p.split_once('-')), parts.next());
        let Some(pid) = process.and_then(|(pid, _)| pid.parse::<libc::pid_t>().ok()) else { continue };
        // SAFETY: signal 0 is sent to nobody; it only asks whether there is such a process
        let gone = unsafe { libc::kill(pid, 0) } != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        if machine == Some(ours.as_str()) && pid > 0 && gone {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the unfinished products of this process in `folder`: for an end that unwinds nothing.
pub fn remove_unfinished(folder: &Path) {
    let ours = format!(".{}-", us());
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
    fn what_killed_processes_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("x.h5");
        let alive = Staged::new(&target).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let dead = child.id();
        child.wait().unwrap();
        let names_left =
            [format!(".x.h5.{:08x}.{dead}-0.partial", machine()), format!("..{:08x}.{dead}-3.partial", machine())];
        let others = [".x.h5.00000000.1-0.partial", ".partial", "a.partial"];
        for name in names_left.iter().map(String::as_str).chain(others) {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        remove_dead(folder.path());
        let left = names(folder.path());
        assert!(alive.path().exists() && others.iter().all(|n| left.contains(&n.to_string())), "{left:?}");
        assert!(names_left.iter().all(|n| !left.contains(n)), "{left:?}");
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

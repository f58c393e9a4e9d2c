use super::hdf;
use super::layout::Format;
use super::read::read_header;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files that make one snapshot.
#[derive(Debug, Clone)]
pub struct FileSet {
    /// Existing files with their chunk number, by number.
    pub files: Vec<(usize, PathBuf)>,
    /// Chunk numbers that the header promises and that are not there.
    pub missing: Vec<usize>,
    /// Whether one file was named that is a single chunk of a larger snapshot.
    pub single_chunk: bool,
}

impl FileSet {
    /// An error naming what is missing, unless that is allowed; then a note.
    pub fn complete_or(&self, allow_missing: bool, place: &Path) -> Result<Option<String>> {
        if self.missing.is_empty() {
            return Ok(None);
        }
        let (have, all) = (self.files.len(), self.files.len() + self.missing.len());
        let names = list_numbers(&self.missing);
        if allow_missing {
            return Ok(Some(format!("{have} of {all} chunks read; absent: {names}")));
        }
        let error =
            Error::input("the snapshot is incomplete").found(format!("{have} of {all} chunks; absent: {names}"));
        Err(error.expected(format!("chunks 0 to {}", all - 1)).place(place.display()).hint(if self.single_chunk {
            "give the snapdir folder, or set allow_missing_chunks = true to use this chunk alone"
        } else {
            "fetch the absent chunks, or set allow_missing_chunks = true"
        }))
    }
}

/// Finds the files of the snapshot at `path`: a snapdir folder, a folder with exactly one snapdir
/// inside (also inside its `output`, as TNG lays it out), one chunk, or one cutout. `format` None: told from the file.
pub fn find_snapshot(path: &Path, format: Option<Format>) -> Result<FileSet> {
    let metadata = fs::metadata(path).map_err(|e| Error::io("open the snapshot", path, e))?;
    if !metadata.is_dir() {
        return one_file(path, format);
    }
    let folder = snapdir(path)?;
    let chunks = numbered(&folder)?;
    let Some((_, first)) = chunks.first() else {
        return Err(Error::input("the folder holds no snapshot")
            .found(folder.display())
            .expected("files named NAME.0.hdf5, NAME.1.hdf5, ..., one file *.hdf5, or one folder snapdir_*"));
    };
    if chunks.len() == 1 && chunk_number(first).is_none() {
        return one_file(first, format);
    }
    let total = read_header(&hdf::open(first)?, format, first)?.num_files;
    complete(chunks, total, &folder)
}

/// The chunks of a set of `total` files in `folder`, with those that are missing.
pub fn complete(chunks: Vec<(usize, PathBuf)>, total: usize, folder: &Path) -> Result<FileSet> {
    if let Some((number, file)) = chunks.iter().find(|(number, _)| *number >= total) {
        return Err(Error::input("a chunk does not belong to its snapshot")
            .found(format!("chunk {number}: {}", file.display()))
            .expected(format!("numbers below {total}, the file count in the header"))
            .place(folder.display()));
    }
    let missing = (0..total).filter(|n| chunks.binary_search_by_key(n, |c| c.0).is_err()).collect();
    Ok(FileSet { files: chunks, missing, single_chunk: false })
}

/// A single file: whole (a cutout, a snapshot of one file) or one chunk of many.
fn one_file(path: &Path, format: Option<Format>) -> Result<FileSet> {
    let file = hdf::open(path)?;
    let header = read_header(&file, format, path)?;
    let group = file.group("Header").ok();
    // cutouts of the TNG web service may keep the file count of the snapshot they come from
    let names = group.as_ref().and_then(|g| hdf::attribute_names(g).ok()).unwrap_or_default();
    let cutout = names.iter().any(|n| n.starts_with("Cutout"));
    let here = group.and_then(|g| hdf::attribute(&g, "NumPart_ThisFile")).map_or(0, |v| v[0] as u64);
    if header.num_files <= 1 || cutout || (here > 0 && here == header.gas_cells_total) {
        return Ok(FileSet { files: vec![(0, path.to_path_buf())], missing: Vec::new(), single_chunk: false });
    }
    let number = chunk_number(path).unwrap_or(0);
    let missing = (0..header.num_files).filter(|n| *n != number).collect();
    Ok(FileSet { files: vec![(number, path.to_path_buf())], missing, single_chunk: true })
}

/// `path` itself, or the one snapdir folder in it.
fn snapdir(path: &Path) -> Result<PathBuf> {
    for folder in [path.to_path_buf(), path.join("output")] {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut inside: Vec<PathBuf> = entries
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.is_dir() && p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("snapdir")))
            .collect();
        inside.sort();
        match inside.as_slice() {
            [] => {}
            [one] => return Ok(one.clone()),
            many => {
                let names: Vec<_> =
                    many.iter().filter_map(|p| Some(p.file_name()?.to_string_lossy().into_owned())).collect();
                return Err(Error::input("the folder holds several snapshots")
                    .found(names.join(", "))
                    .expected("one snapdir folder")
                    .place(folder.display())
                    .hint("name the one that is meant"));
            }
        }
    }
    Ok(path.to_path_buf())
}

/// The HDF5 files of one base name in `folder`, by chunk number; a lone NAME.hdf5 counts as 0.
pub fn numbered(folder: &Path) -> Result<Vec<(usize, PathBuf)>> {
    let entries = fs::read_dir(folder).map_err(|e| Error::io("read the folder", folder, e))?;
    let mut by_base: BTreeMap<String, Vec<(usize, PathBuf)>> = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io("read the folder", folder, e))?.path();
        let Some(name) = path.file_name().map(|n| n.to_string_lossy().into_owned()) else { continue };
        // a leading dot marks files that are being written
        let Some(stem) = name.strip_suffix(".hdf5").filter(|s| !s.starts_with('.')) else { continue };
        let number = chunk_number(&path);
        let base = if number.is_some() { stem.rsplit_once('.').map_or(stem, |s| s.0) } else { stem };
        by_base.entry(base.to_string()).or_default().push((number.unwrap_or(0), path));
    }
    if by_base.len() > 1 {
        let names: Vec<_> = by_base.keys().take(6).cloned().collect();
        return Err(Error::input("the folder holds files of several names")
            .found(names.join(", "))
            .expected("the chunks of one snapshot")
            .place(folder.display())
            .hint("name the one file that is meant"));
    }
    let mut files = by_base.into_values().next().unwrap_or_default();
    files.sort();
    Ok(files)
}

/// K of NAME.K.hdf5.
fn chunk_number(path: &Path) -> Option<usize> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    name.strip_suffix(".hdf5")?.rsplit_once('.')?.1.parse().ok()
}

/// "3, 5 to 9, 11".
fn list_numbers(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == n => *end = n,
            _ => parts.push((n, n)),
        }
    }
    let words: Vec<String> =
        parts.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a} to {b}") }).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_listed_in_runs() {
        assert_eq!(list_numbers(&[7]), "7");
        assert_eq!(list_numbers(&[0, 2, 3, 4, 9]), "0, 2 to 4, 9");
    }

    #[test]
    fn chunk_numbers_come_from_the_name() {
        assert_eq!(chunk_number(Path::new("a/snap_099.12.hdf5")), Some(12));
        assert_eq!(chunk_number(Path::new("a/cutout_5.hdf5")), None);
    }
}

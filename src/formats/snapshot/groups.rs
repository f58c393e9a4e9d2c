use super::files::{complete, numbered};
use super::hdf;
use super::read::require_files;
use crate::error::{Error, Result};
use hdf5::File;
use std::path::{Path, PathBuf};

/// Where the gas of one subhalo lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubhaloGas {
    /// Index of its first gas cell in the whole snapshot.
    pub first: u64,
    /// Number of its gas cells (`SubhaloLenType[0]`).
    pub count: u64,
    /// `SubhaloPos`: the particle of lowest potential, ckpc/h.
    pub position: [f64; 3],
    /// `Time` of the catalogue, the scale factor, where it states it.
    pub time: Option<f64>,
}

/// Gas cells of subhalo `index` by the group catalogue at `catalogue` (the folder groups_* or its
/// one file fof_subhalo_tab_*.hdf5).
///
/// Snapshots are ordered by group, within a group by subhalo, then the group's loose cells; the
/// first cell is therefore a sum over `GroupLenType` and `SubhaloLenType`, unless `offsets` names
/// TNG's offsets file, whose `Subhalo/SnapByType` states it.
pub fn subhalo_gas(catalogue: &Path, offsets: Option<&Path>, index: u64) -> Result<SubhaloGas> {
    let gas = subhalo_particles(catalogue, offsets, index, 0)?;
    if gas.count == 0 {
        return Err(Error::input("the subhalo has no gas")
            .found(format!("subhalo {index}"))
            .expected("a subhalo with gas cells (SubhaloLenType[0] above 0)")
            .place(catalogue.display())
            .hint("`skyfringe sky info CATALOGUE` lists those that have gas"));
    }
    Ok(gas)
}

/// As [`subhalo_gas`] for particles of type `kind` (`PartTypeN`); there may be none.
pub(super) fn subhalo_particles(
    catalogue: &Path,
    offsets: Option<&Path>,
    index: u64,
    kind: usize,
) -> Result<SubhaloGas> {
    let files = catalogue_files(catalogue)?;
    let mut found = None;
    let mut seen = 0u64;
    for path in &files {
        let file = hdf::open(path)?;
        let count = rows_of(&file, "Subhalo/SubhaloLenType");
        if found.is_none() && index - seen < count {
            let row = (index - seen) as usize;
            let position = column(&file, "Subhalo/SubhaloPos", 3, row..row + 1, path)?;
            let cells = of_type(&file, "Subhalo/SubhaloLenType", kind, row..row + 1, path)?[0] as u64;
            let group = column(&file, "Subhalo/SubhaloGrNr", 1, row..row + 1, path)?[0] as u64;
            if !position.iter().all(|v| v.is_finite()) {
                return Err(Error::input(format!("SubhaloPos of subhalo {index} is not finite")).place(path.display()));
            }
            found = Some(([position[0], position[1], position[2]], cells, group));
        }
        seen = seen.saturating_add(count);
    }
    let Some((position, count, group)) = found else {
        return Err(Error::input("there is no such subhalo")
            .found(index)
            .expected(format!("a number below {seen}"))
            .place(catalogue.display()));
    };
    let first = match offsets {
        Some(path) => first_by_offsets(path, index, kind)?,
        None => first_by_counting(&files, group, index, kind)?,
    };
    let time = hdf::group(&hdf::open(&files[0])?, "Header", &files[0])?;
    let time = hdf::attribute(&time, "Time").map(|v| v[0]);
    Ok(SubhaloGas { first, count, position, time })
}

fn first_by_offsets(path: &Path, index: u64, kind: usize) -> Result<u64> {
    let file = hdf::open(path)?;
    let row = index as usize;
    Ok(of_type(&file, "Subhalo/SnapByType", kind, row..row + 1, path)?[0] as u64)
}

fn first_by_counting(files: &[PathBuf], group: u64, index: u64, kind: usize) -> Result<u64> {
    let (mut groups_seen, mut subhalos_seen, mut first) = (0u64, 0u64, 0u64);
    let mut first_subhalo = None;
    let mut lengths = Vec::new();
    for path in files {
        let file = hdf::open(path)?;
        let groups = rows_of(&file, "Group/GroupLenType");
        if groups > 0 && groups_seen <= group {
            let take = groups.min(group - groups_seen) as usize;
            first = first.saturating_add(sum(&of_type(&file, "Group/GroupLenType", kind, 0..take, path)?));
            if group - groups_seen < groups {
                let first_sub = column(&file, "Group/GroupFirstSub", 1, take..take + 1, path)?[0];
                first_subhalo = (first_sub >= 0.0).then_some(first_sub as u64);
            }
        }
        groups_seen = groups_seen.saturating_add(groups);
        let subhalos = rows_of(&file, "Subhalo/SubhaloLenType");
        if subhalos > 0 && subhalos_seen <= index {
            let take = subhalos.min(index - subhalos_seen) as usize;
            lengths.extend(of_type(&file, "Subhalo/SubhaloLenType", kind, 0..take, path)?);
        }
        subhalos_seen = subhalos_seen.saturating_add(subhalos);
    }
    match first_subhalo {
        Some(start) if start <= index => {
            Ok(first.saturating_add(sum(lengths.get(start as usize..).unwrap_or_default())))
        }
        _ => Err(Error::input("the group catalogue contradicts itself")
            .found(format!("subhalo {index} in group {group}, whose GroupFirstSub is {first_subhalo:?}"))
            .place(files[0].display())),
    }
}

pub(super) fn sum(lengths: &[f64]) -> u64 {
    lengths.iter().fold(0u64, |sum, v| sum.saturating_add(*v as u64))
}

/// All files of the catalogue, in order; each must be there, since the counts run through them.
pub(super) fn catalogue_files(path: &Path) -> Result<Vec<PathBuf>> {
    let chunks = if path.is_dir() { numbered(path)? } else { vec![(0, path.to_path_buf())] };
    let Some((_, first)) = chunks.first() else {
        return Err(Error::input("the folder holds no group catalogue")
            .found(path.display())
            .expected("files named fof_subhalo_tab_NNN.K.hdf5"));
    };
    let file = hdf::open(first)?;
    let header = hdf::group(&file, "Header", first)?;
    let total = hdf::attribute(&header, "NumFiles").map_or(1, |v| v[0].max(1.0) as usize);
    require_files(total, first)?;
    let set = complete(chunks, total, path)?;
    set.complete_or(false, path)?;
    Ok(set.files.into_iter().map(|f| f.1).collect())
}

/// Rows of a data set; 0 where it is absent, as in files without groups.
pub(super) fn rows_of(file: &File, name: &str) -> u64 {
    hdf::dataset(file, name).and_then(|d| d.shape().first().copied()).unwrap_or(0) as u64
}

pub(super) fn column(
    file: &File,
    name: &str,
    columns: usize,
    rows: std::ops::Range<usize>,
    path: &Path,
) -> Result<Vec<f64>> {
    let data = hdf::dataset(file, name).ok_or_else(|| {
        Error::input(format!("the field {name} is missing")).expected("a TNG group catalogue").place(path.display())
    })?;
    hdf::rows(&data, rows, columns, name, path)
}

/// The column of particle type `kind` of a field with one a type.
pub(super) fn of_type(
    file: &File,
    name: &str,
    kind: usize,
    rows: std::ops::Range<usize>,
    path: &Path,
) -> Result<Vec<f64>> {
    let table = column(file, name, kind + 1, rows, path)?;
    Ok(table.chunks_exact(kind + 1).map(|row| row[kind]).collect())
}

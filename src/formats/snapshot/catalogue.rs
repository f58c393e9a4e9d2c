//! Group catalogues of IllustrisTNG and Illustris (SUBFIND's fof_subhalo_tab files): what each subhalo is.

use super::groups::{catalogue_files, column, rows_of, sum};
use super::layout::Format;
use super::read::read_header;
use super::{Header, hdf};
use crate::error::{Error, Result, Watch};
use std::path::Path;

/// One subhalo, in code units; names in quotes are the catalogue's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subhalo {
    /// Its number in the catalogue.
    pub index: u64,
    /// `SubhaloPos`, ckpc/h.
    pub position: [f64; 3],
    /// `SubhaloMassType[0]`: all gas bound to it, 1e10 Msun/h.
    pub gas_mass: f64,
    /// `SubhaloMassInRadType[4]`: stars within twice the stellar half-mass radius, or all that are bound
    /// (`SubhaloMassType[4]`) where the catalogue lacks it, 1e10 Msun/h.
    pub stellar_mass: f64,
    /// `SubhaloSFR`, Msun/yr; 0 where absent.
    pub star_formation_rate: f64,
    /// `SubhaloLenType[0]`.
    pub gas_cells: u64,
    /// `SubhaloHalfmassRadType[0]`, ckpc/h; 0 where absent.
    pub gas_half_mass_radius: f64,
    /// `SubhaloHalfmassRadType[4]`, ckpc/h; 0 where absent.
    pub stellar_half_mass_radius: f64,
    /// `SubhaloFlag`: whether it is of cosmological origin, not a clump of a disc; true where absent.
    pub flag: bool,
}

/// The subhalos that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    /// Header of the first file.
    pub header: Header,
    /// By number.
    pub subhalos: Vec<Subhalo>,
    /// How many there are in all.
    pub total: u64,
    /// What the catalogue lacks, one plain sentence each.
    pub notes: Vec<String>,
}

/// Subhalos of the catalogue at `path` (the folder groups_* or its one file fof_subhalo_tab_*.hdf5) for which `keep`
/// says so with the catalogue's header; one file at a time. `watch` advances by one a file.
///
/// # Errors
/// A file that is missing, damaged or no catalogue; masses or positions that are not finite.
pub fn read_catalogue(path: &Path, keep: impl Fn(&Header, &Subhalo) -> bool, watch: &Watch) -> Result<Catalogue> {
    let files = catalogue_files(path)?;
    let mut catalogue: Option<Catalogue> = None;
    for file_path in &files {
        let file = hdf::open(file_path)?;
        let here = read_header(&file, Some(Format::Tng), file_path)?;
        let found = match &mut catalogue {
            Some(found) if found.header.time != here.time || found.header.box_size != here.box_size => {
                return Err(Error::input("the files belong to different group catalogues")
                    .found(format!("Time {}, BoxSize {}", here.time, here.box_size))
                    .expected(format!("Time {}, BoxSize {}", found.header.time, found.header.box_size))
                    .place(file_path.display()));
            }
            Some(found) => found,
            None => catalogue.insert(Catalogue { header: here, subhalos: Vec::new(), total: 0, notes: Vec::new() }),
        };
        let rows = rows_of(&file, "Subhalo/SubhaloLenType") as usize;
        if rows > 0 {
            // six types of particles: gas is 0, stars are 4
            let table = |name: &str, columns: usize| column(&file, name, columns, 0..rows, file_path);
            let optional = |name: &str, columns: usize| -> Result<Option<Vec<f64>>> {
                if rows_of(&file, name) == 0 { Ok(None) } else { table(name, columns).map(Some) }
            };
            let (position, cells) = (table("Subhalo/SubhaloPos", 3)?, table("Subhalo/SubhaloLenType", 1)?);
            let mass = table("Subhalo/SubhaloMassType", 5)?;
            let inner = optional("Subhalo/SubhaloMassInRadType", 5)?;
            let rate = optional("Subhalo/SubhaloSFR", 1)?;
            let radius = optional("Subhalo/SubhaloHalfmassRadType", 5)?;
            let flag = optional("Subhalo/SubhaloFlag", 1)?;
            for (absent, note) in [
                (
                    inner.is_none(),
                    "no SubhaloMassInRadType: the stellar mass is that of all bound stars, SubhaloMassType",
                ),
                (flag.is_none(), "no SubhaloFlag: every subhalo counts as of cosmological origin"),
            ] {
                if absent && !found.notes.iter().any(|n| n == note) {
                    found.notes.push(note.into());
                }
            }
            for i in 0..rows {
                let of = |column: &Option<Vec<f64>>, width: usize, k: usize| {
                    column.as_ref().map_or(0.0, |c| c[width * i + k])
                };
                let subhalo = Subhalo {
                    index: found.total + i as u64,
                    position: [position[3 * i], position[3 * i + 1], position[3 * i + 2]],
                    gas_mass: mass[5 * i],
                    stellar_mass: if inner.is_some() { of(&inner, 5, 4) } else { mass[5 * i + 4] },
                    star_formation_rate: of(&rate, 1, 0),
                    gas_cells: cells[i] as u64,
                    gas_half_mass_radius: of(&radius, 5, 0),
                    stellar_half_mass_radius: of(&radius, 5, 4),
                    flag: flag.is_none() || of(&flag, 1, 0) != 0.0,
                };
                let numbers = subhalo.position.iter().chain([&subhalo.gas_mass, &subhalo.stellar_mass]);
                if !numbers.into_iter().all(|v| v.is_finite()) {
                    return Err(Error::input(format!("subhalo {} has numbers that are not finite", subhalo.index))
                        .place(file_path.display())
                        .hint("the file is damaged: fetch it again"));
                }
                if keep(&found.header, &subhalo) {
                    found.subhalos.push(subhalo);
                }
            }
        }
        found.total += rows as u64;
        watch.advance(1)?;
    }
    catalogue.ok_or_else(|| Error::input("the group catalogue has no files").place(path.display()))
}

/// The first gas cell in the whole snapshot of each of `subhalos` (their numbers): from TNG's offsets file where `offsets`
/// names it, else counted through the catalogue as [`super::subhalo_gas`] does for one.
///
/// # Errors
/// Those of the files; a number that the catalogue does not have.
pub fn first_gas_cells(catalogue: &Path, offsets: Option<&Path>, subhalos: &[u64]) -> Result<Vec<u64>> {
    if let Some(path) = offsets {
        let file = hdf::open(path)?;
        let rows = rows_of(&file, "Subhalo/SnapByType") as usize;
        let all = column(&file, "Subhalo/SnapByType", 1, 0..rows, path)?;
        return subhalos
            .iter()
            .map(|index| all.get(*index as usize).map(|v| *v as u64).ok_or_else(|| no_subhalo(*index, rows, path)))
            .collect();
    }
    let (mut lengths, mut parents, mut group_lengths, mut first_subhalos) = (vec![], vec![], vec![], vec![]);
    for path in &catalogue_files(catalogue)? {
        let file = hdf::open(path)?;
        for (name, to) in [
            ("Subhalo/SubhaloLenType", &mut lengths),
            ("Subhalo/SubhaloGrNr", &mut parents),
            ("Group/GroupLenType", &mut group_lengths),
            ("Group/GroupFirstSub", &mut first_subhalos),
        ] {
            let rows = rows_of(&file, name) as usize;
            if rows > 0 {
                to.extend(column(&file, name, 1, 0..rows, path)?);
            }
        }
    }
    // cells before each group, and before each subhalo if nothing lay between them
    let before = |lengths: &[f64]| -> Vec<u64> {
        let mut all = vec![0];
        lengths.iter().for_each(|n| all.push(all.last().map_or(0u64, |before| before.saturating_add(sum(&[*n])))));
        all
    };
    let (of_groups, of_subhalos) = (before(&group_lengths), before(&lengths));
    let first = |index: &u64| -> Result<u64> {
        let i = *index as usize;
        let group = *parents.get(i).ok_or_else(|| no_subhalo(*index, lengths.len(), catalogue))? as usize;
        // a damaged catalogue has columns of different lengths, and numbers that no sum of cells is
        let first = |start: usize| {
            let before = of_subhalos.get(i)?.checked_sub(*of_subhalos.get(start)?)?;
            of_groups.get(group)?.checked_add(before)
        };
        let start = first_subhalos.get(group);
        match start.filter(|s| **s >= 0.0 && **s as usize <= i).and_then(|s| first(*s as usize)) {
            Some(cell) => Ok(cell),
            None => Err(Error::input("the group catalogue contradicts itself")
                .found(format!("subhalo {i} in group {group}, whose GroupFirstSub is {start:?}"))
                .place(catalogue.display())),
        }
    };
    subhalos.iter().map(first).collect()
}

fn no_subhalo(index: u64, count: usize, path: &Path) -> Error {
    Error::input("there is no such subhalo")
        .found(index)
        .expected(format!("a number below {count}"))
        .place(path.display())
}

/// Whether `path` is a group catalogue: a file, or a folder whose first file, has the group `Subhalo` and no gas.
pub fn resembles_catalogue(path: &Path) -> bool {
    let first = if path.is_dir() {
        super::files::numbered(path).ok().and_then(|files| files.into_iter().next()).map(|f| f.1)
    } else {
        Some(path.to_path_buf())
    };
    first.is_some_and(|first| {
        hdf::open(&first)
            .is_ok_and(|f| (f.link_exists("Subhalo") || f.link_exists("Group")) && !f.link_exists("PartType0"))
    })
}

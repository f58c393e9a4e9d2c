use super::groups::{catalogue_files, column, of_type, rows_of, sum};
use super::{CellSelection, hdf};
use crate::error::{Error, Result};
use std::path::Path;

/// The friends-of-friends group that a subhalo belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct FofGroup {
    /// `SubhaloPos` of the subhalo, ckpc/h.
    pub position: [f64; 3],
    /// `SubhaloHalfmassRadType` of the subhalo, of each particle type, ckpc/h.
    pub half_mass_radius: Vec<f64>,
    /// Where the particles of each type of the whole group are in the snapshot.
    pub particles: Vec<CellSelection>,
}

/// The group of subhalo `index` by the catalogue at `catalogue`, as for [`super::subhalo_gas`].
///
/// # Errors
/// No such subhalo; an incomplete catalogue; a missing field.
pub fn group_of_subhalo(catalogue: &Path, index: u64) -> Result<FofGroup> {
    const TYPES: usize = 6;
    let files = catalogue_files(catalogue)?;
    let (mut found, mut seen) = (None, 0u64);
    for path in &files {
        let file = hdf::open(path)?;
        let count = rows_of(&file, "Subhalo/SubhaloLenType");
        if found.is_none() && index - seen < count {
            let row = (index - seen) as usize;
            let numbers = |name: &str, columns: usize| column(&file, name, columns, row..row + 1, path);
            let position = numbers("Subhalo/SubhaloPos", 3)?;
            let radii = numbers("Subhalo/SubhaloHalfmassRadType", TYPES)?;
            found = Some((position, radii, numbers("Subhalo/SubhaloGrNr", 1)?[0] as u64));
        }
        seen = seen.saturating_add(count);
    }
    let Some((position, half_mass_radius, group)) = found else {
        return Err(Error::input("there is no such subhalo")
            .found(index)
            .expected(format!("a number below {seen}"))
            .place(catalogue.display()));
    };
    let particles = (0..TYPES).map(|kind| {
        let (mut first, mut groups) = (0u64, 0u64);
        for path in &files {
            let file = hdf::open(path)?;
            let here = rows_of(&file, "Group/GroupLenType");
            if here == 0 {
                continue;
            }
            let lengths = of_type(&file, "Group/GroupLenType", kind, 0..here as usize, path)?;
            let before = group.saturating_sub(groups).min(here) as usize;
            first = first.saturating_add(sum(&lengths[..before]));
            if let Some(count) = lengths.get(before).filter(|_| group >= groups) {
                return Ok(CellSelection::Range { first, count: *count as u64 });
            }
            groups = groups.saturating_add(here);
        }
        Err(Error::input("the group catalogue contradicts itself")
            .found(format!("subhalo {index} in group {group} of {groups}"))
            .place(catalogue.display()))
    });
    Ok(FofGroup {
        position: [position[0], position[1], position[2]],
        half_mass_radius,
        particles: particles.collect::<Result<_>>()?,
    })
}

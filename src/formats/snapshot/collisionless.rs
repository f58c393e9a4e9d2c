//! Stars and dark matter of files in IllustrisTNG's code units.

use super::files::find_snapshot;
use super::groups::subhalo_particles;
use super::layout::Format;
use super::read::read_header;
use super::{CellSelection, ReadOptions, hdf, nearest_image};
use crate::error::{Error, Result, Watch};
use hdf5::{Dataset, File, Group};
use std::ops::Range;
use std::path::Path;

/// Rows read at a time.
const SLAB_ROWS: usize = 1 << 19;

/// Particles that feel gravity alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParticleKind {
    /// `PartType4`.
    Stars,
    /// `PartType1`.
    DarkMatter,
}

impl ParticleKind {
    /// N of `PartTypeN`.
    pub fn number(self) -> usize {
        match self {
            ParticleKind::Stars => 4,
            ParticleKind::DarkMatter => 1,
        }
    }

    /// Its name in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            ParticleKind::Stars => "stars",
            ParticleKind::DarkMatter => "dark matter",
        }
    }

    /// Density about each particle as SUBFIND found it; not in every file.
    fn density_field(self) -> &'static str {
        match self {
            ParticleKind::Stars => "SubfindDensity",
            ParticleKind::DarkMatter => "SubfindDMDensity",
        }
    }

    /// Where the particles of a subhalo are in the snapshot, as [`super::subhalo_gas`] for gas; there may be none.
    ///
    /// # Errors
    /// Those of [`super::subhalo_gas`] but for an empty subhalo.
    pub fn of_subhalo(self, catalogue: &Path, offsets: Option<&Path>, index: u64) -> Result<CellSelection> {
        let found = subhalo_particles(catalogue, offsets, index, self.number())?;
        Ok(CellSelection::Range { first: found.first, count: found.count })
    }
}

/// Stars or dark matter in code units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Particles {
    /// `Coordinates`, ckpc/h.
    pub position: Vec<[f64; 3]>,
    /// `Masses`, or the value of the header's `MassTable`, 1e10 Msun/h.
    pub mass: Vec<f64>,
    /// `SubfindDensity` or `SubfindDMDensity`, (1e10 Msun/h)/(ckpc/h)^3; empty where the files have none.
    pub density: Vec<f64>,
    /// What was left out or could not be told, one plain sentence each.
    pub notes: Vec<String>,
}

/// Reads the selected particles of the snapshot at `path`: selection, format and absent chunks as `options` say.
///
/// The files of IllustrisTNG, SIMBA and CAMELS have them in the same groups and units; a star whose
/// `GFM_StellarFormationTime` is not positive is a parcel of wind, that is, gas, and left out unless `options.wind`. None
/// in the selection is no error, none in the files is.
///
/// # Errors
/// Another format; no such particles in any file; a missing field or mass; numbers that are not finite; what
/// [`super::read_gas`] says of files. `watch` advances by one a chunk.
pub fn read_particles(path: &Path, options: &ReadOptions, kind: ParticleKind, watch: &Watch) -> Result<Particles> {
    let set = find_snapshot(path, options.format)?;
    set.complete_or(options.allow_missing_chunks, path)?;
    let mut particles = Particles::default();
    let (mut before, mut wind, mut untold, mut format) = (0u64, 0u64, false, options.format);
    for (_, file_path) in &set.files {
        let file = hdf::open(file_path)?;
        let header = read_header(&file, format, file_path)?;
        format = Some(header.format);
        if !matches!(header.format, Format::Tng | Format::Simba | Format::Camels) {
            return Err(Error::input(format!("{} of this format are not read", kind.words()))
                .found(format!("the {} format", header.format.words()))
                .expected("files in the layout of IllustrisTNG, SIMBA or CAMELS")
                .place(file_path.display())
                .hint("leave out the maps of stars and dark matter"));
        }
        let name = format!("PartType{}", kind.number());
        if file.link_exists(&name) {
            let group = hdf::group(&file, &name, file_path)?;
            let chunk = Chunk::new(&file, &group, kind, file_path)?;
            untold |= kind == ParticleKind::Stars && header.format == Format::Tng && chunk.birth.is_none();
            for start in (0..chunk.count).step_by(SLAB_ROWS) {
                watch.check()?;
                let rows = start..(start + SLAB_ROWS).min(chunk.count);
                wind += chunk.read(rows, before, options, header.box_size, &mut particles)?;
            }
            before += chunk.count as u64;
        }
        watch.advance(1)?;
    }
    if before == 0 {
        return Err(Error::input(format!("there are no {} in the files", kind.words()))
            .found(format!("{} files without a group PartType{}", set.files.len(), kind.number()))
            .expected(format!("a snapshot or cutout with PartType{}", kind.number()))
            .place(path.display())
            .hint("request the cutout with these particles, or leave their map out"));
    }
    if wind > 0 {
        particles.notes.push(format!("{wind} wind particles among the stars left out"));
    }
    if untold {
        particles.notes.push("no field GFM_StellarFormationTime: wind counts as stars".into());
    }
    Ok(particles)
}

/// The particles of one file.
struct Chunk<'a> {
    path: &'a Path,
    group: String,
    count: usize,
    position: Dataset,
    mass: Result<Dataset, f64>,
    birth: Option<Dataset>,
    density: Option<Dataset>,
}

impl<'a> Chunk<'a> {
    fn new(file: &File, group: &Group, kind: ParticleKind, path: &'a Path) -> Result<Chunk<'a>> {
        let name = format!("PartType{}", kind.number());
        let missing = |field: &str, expected: &str| {
            Error::input(format!("the field {name}/{field} is missing"))
                .found(hdf::member_names(group).unwrap_or_default().join(", "))
                .expected(expected)
                .place(path.display())
        };
        let position = hdf::dataset(group, "Coordinates")
            .ok_or_else(|| missing("Coordinates", "Coordinates, and Masses or the header's MassTable"))?;
        let table = || {
            let header = hdf::group(file, "Header", path).ok()?;
            let masses = hdf::attribute(&header, "MassTable")?;
            masses.get(kind.number()).copied().filter(|m| *m > 0.0 && m.is_finite())
        };
        let mass = match (hdf::dataset(group, "Masses"), table()) {
            (Some(data), _) => Ok(data),
            (None, Some(one)) => Err(one),
            (None, None) => return Err(missing("Masses", "Masses, or a mass in the header's MassTable")),
        };
        let birth = match kind {
            ParticleKind::Stars => hdf::dataset(group, "GFM_StellarFormationTime"),
            ParticleKind::DarkMatter => None,
        };
        Ok(Chunk {
            path,
            count: position.shape().first().copied().unwrap_or(0),
            position,
            mass,
            birth,
            density: hdf::dataset(group, kind.density_field()),
            group: name,
        })
    }

    /// Appends the selected particles of `rows`; returns how many of them were wind.
    fn read(
        &self,
        rows: Range<usize>,
        before: u64,
        options: &ReadOptions,
        box_size: f64,
        to: &mut Particles,
    ) -> Result<u64> {
        let flat = self.finite(&self.position, "Coordinates", rows.clone(), 3)?;
        let mass = match &self.mass {
            Ok(data) => self.finite(data, "Masses", rows.clone(), 1)?,
            Err(one) => vec![*one; rows.len()],
        };
        let optional = |data: &Option<Dataset>, name: &str| -> Result<Option<Vec<f64>>> {
            data.as_ref().map(|d| self.finite(d, name, rows.clone(), 1)).transpose()
        };
        let birth = optional(&self.birth, "GFM_StellarFormationTime")?;
        let density = optional(&self.density, "density by SUBFIND")?;
        let mut wind = 0;
        for (i, p) in flat.chunks_exact(3).enumerate() {
            let inside = match &options.selection {
                CellSelection::All => true,
                CellSelection::Sphere { centre, radius } => {
                    let r2: f64 = (0..3).map(|k| nearest_image(centre[k], p[k], box_size).powi(2)).sum();
                    r2 < radius * radius
                }
                CellSelection::Range { first, count } => {
                    let index = before + (rows.start + i) as u64;
                    index >= *first && index - first < *count
                }
            };
            if !inside {
                continue;
            }
            if !options.wind && birth.as_ref().is_some_and(|b| b[i] <= 0.0) {
                wind += 1;
                continue;
            }
            if mass[i] < 0.0 {
                return Err(Error::input(format!("the field {}/Masses holds an impossible value", self.group))
                    .found(format!("{} in row {}", mass[i], rows.start + i))
                    .expected("masses that are not negative")
                    .place(self.path.display()));
            }
            to.position.push([p[0], p[1], p[2]]);
            to.mass.push(mass[i]);
            to.density.extend(density.as_ref().map(|d| d[i]));
        }
        if !to.density.is_empty() && to.density.len() != to.mass.len() {
            return Err(Error::input(format!("the density of {} is in some chunks and not in others", self.group))
                .place(self.path.display()));
        }
        Ok(wind)
    }

    fn finite(&self, data: &Dataset, field: &str, rows: Range<usize>, columns: usize) -> Result<Vec<f64>> {
        let name = format!("{}/{field}", self.group);
        let values = hdf::rows(data, rows.clone(), columns, &name, self.path)?;
        match values.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(Error::input(format!("the field {name} holds a number that is not finite"))
                .found(format!("{} in row {}", values[i], rows.start + i / columns))
                .expected("finite numbers in every row")
                .place(self.path.display())
                .hint("the file is damaged: fetch it again")),
            None => Ok(values),
        }
    }
}

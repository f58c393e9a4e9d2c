use super::files::find_snapshot;
use super::{GasTable, Header, Snapshot, TNG_UNIT_LENGTH_CM, TNG_UNIT_MASS_G, TNG_UNIT_VELOCITY_CM_S};
use super::{hdf, nearest_image};
use crate::error::{Error, Result, Watch};
use hdf5::{File, Group};
use std::path::Path;

/// Rows read at a time: bounds the memory to a few tens of MB whatever the chunk holds.
const SLAB_ROWS: usize = 1 << 19;

/// Fields that every chunk with gas must have.
const FIELDS: [&str; 8] = [
    "CenterOfMass or Coordinates",
    "Velocities",
    "Masses",
    "Density",
    "InternalEnergy",
    "ElectronAbundance",
    "NeutralHydrogenAbundance",
    "StarFormationRate",
];

/// Which gas cells to take.
#[derive(Debug, Clone, PartialEq)]
pub enum CellSelection {
    /// Every cell.
    All,
    /// Cells closer than `radius` to `centre` (code lengths, ckpc/h), over the periodic boundary.
    Sphere {
        /// Centre, ckpc/h.
        centre: [f64; 3],
        /// Radius, ckpc/h.
        radius: f64,
    },
    /// Cells `first` to `first + count` in the order of the whole snapshot: a subhalo's.
    Range {
        /// Index of the first cell in the whole snapshot.
        first: u64,
        /// Number of cells.
        count: u64,
    },
}

/// What to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// Which cells.
    pub selection: CellSelection,
    /// Go on without chunks that are not there (a note says which).
    pub allow_missing_chunks: bool,
    /// Also read `MagneticField` where the file has it.
    pub magnetic_field: bool,
    /// Also read `GFM_Metallicity` where the file has it.
    pub metallicity: bool,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions {
            selection: CellSelection::All,
            allow_missing_chunks: false,
            magnetic_field: false,
            metallicity: false,
        }
    }
}

/// Reads the selected gas cells of the snapshot at `path`, one slab of one chunk at a time.
///
/// `path` is a snapdir folder, its parent, one chunk or one cutout. Chunks without PartType0 are
/// fine. Errors name file and field: a missing chunk (unless allowed) or field, a damaged file,
/// numbers that are not finite, no gas in the selection. `watch` advances by one a chunk.
pub fn read_gas(path: &Path, options: &ReadOptions, watch: &Watch) -> Result<Snapshot> {
    let set = find_snapshot(path)?;
    let mut notes: Vec<String> = set.complete_or(options.allow_missing_chunks, path)?.into_iter().collect();
    if !set.missing.is_empty() && matches!(options.selection, CellSelection::Range { .. }) {
        return Err(Error::input("a subhalo's cells are counted through all chunks, and some are absent")
            .place(path.display())
            .hint("fetch the absent chunks, or select by centre and radius"));
    }
    let mut header: Option<Header> = None;
    let mut gas = GasTable::default();
    // cells of the snapshot before the current chunk
    let mut before = 0u64;
    for (_, file_path) in &set.files {
        let file = hdf::open(file_path)?;
        let here = read_header(&file, file_path)?;
        let header = header.get_or_insert_with(|| here.clone());
        if (here.time, here.box_size, here.num_files) != (header.time, header.box_size, header.num_files) {
            return Err(Error::input("the chunks belong to different snapshots")
                .found(format!("Time {}, BoxSize {}", here.time, here.box_size))
                .expected(format!("Time {}, BoxSize {}", header.time, header.box_size))
                .place(file_path.display()));
        }
        if file.link_exists("PartType0") {
            let group = hdf::group(&file, "PartType0", file_path)?;
            before += Chunk::open(&group, file_path)?.read(header, options, before, &mut gas, watch)?;
        }
        watch.advance(1)?;
    }
    let Some(header) = header else {
        return Err(Error::input("the snapshot has no files").place(path.display()));
    };
    if gas.is_empty() {
        return Err(Error::input("no gas in the selection")
            .found(format!("0 of {before} gas cells"))
            .expected(match options.selection {
                CellSelection::All => "at least one gas cell".to_string(),
                CellSelection::Sphere { centre: c, radius } => {
                    format!("gas within {radius} ckpc/h of ({}, {}, {})", c[0], c[1], c[2])
                }
                CellSelection::Range { first, count } => format!("cells {first} to {}", first + count),
            })
            .place(path.display())
            .hint(format!(
                "the box is {} ckpc/h wide; `skyfringe sky info` prints where the gas is",
                header.box_size
            )));
    }
    if gas.hydrogen_fraction.is_empty() {
        notes.push("no field GFM_Metals: hydrogen fraction 0.76 assumed".into());
    }
    Ok(Snapshot { header, gas, notes })
}

/// Reads the group `Header`; cosmology from `Parameters` where `Header` does not state it.
pub fn read_header(file: &File, path: &Path) -> Result<Header> {
    let group = hdf::group(file, "Header", path)?;
    let parameters = file.group("Parameters").ok();
    let optional = |name: &str| -> Option<f64> {
        let of = |g: &Group| hdf::attribute(g, name).map(|v| v[0]).filter(|v| v.is_finite());
        of(&group).or_else(|| parameters.as_ref().and_then(of))
    };
    let number = |name: &str| -> Result<f64> {
        optional(name).ok_or_else(|| {
            Error::input(format!("the header attribute {name} is missing or not a number"))
                .expected("the Header group of an IllustrisTNG file")
                .place(path.display())
        })
    };
    let positive = |name: &str, value: f64| -> Result<f64> {
        if value > 0.0 {
            return Ok(value);
        }
        Err(Error::input(format!("the header attribute {name} is not positive")).found(value).place(path.display()))
    };
    let low = hdf::attribute(&group, "NumPart_Total").map_or(0, |v| v[0] as u64);
    let high = hdf::attribute(&group, "NumPart_Total_HighWord").map_or(0, |v| v[0] as u64);
    Ok(Header {
        time: positive("Time", number("Time")?)?,
        redshift: number("Redshift")?,
        hubble_param: positive("HubbleParam", number("HubbleParam")?)?,
        omega0: number("Omega0")?,
        omega_lambda: number("OmegaLambda")?,
        omega_baryon: optional("OmegaBaryon").unwrap_or(0.0),
        box_size: number("BoxSize")?,
        num_files: optional("NumFilesPerSnapshot").unwrap_or(1.0).max(1.0) as usize,
        gas_cells_total: low + (high << 32),
        unit_length_in_cm: positive("UnitLength_in_cm", optional("UnitLength_in_cm").unwrap_or(TNG_UNIT_LENGTH_CM))?,
        unit_mass_in_g: positive("UnitMass_in_g", optional("UnitMass_in_g").unwrap_or(TNG_UNIT_MASS_G))?,
        unit_velocity_in_cm_per_s: positive(
            "UnitVelocity_in_cm_per_s",
            optional("UnitVelocity_in_cm_per_s").unwrap_or(TNG_UNIT_VELOCITY_CM_S),
        )?,
        simulation_name: hdf::text_attribute(&group, "SimulationName").unwrap_or_default(),
    })
}

/// PartType0 of one file.
struct Chunk<'a> {
    group: &'a Group,
    path: &'a Path,
    position_field: &'static str,
    cells: usize,
}

impl<'a> Chunk<'a> {
    fn open(group: &'a Group, path: &'a Path) -> Result<Chunk<'a>> {
        // the centre of mass is where a cell's gas is; Coordinates is its mesh-generating point
        let position_field = if group.link_exists("CenterOfMass") { "CenterOfMass" } else { "Coordinates" };
        let mut chunk = Chunk { group, path, position_field, cells: 0 };
        chunk.cells = chunk.required(position_field)?.shape().first().copied().unwrap_or(0);
        Ok(chunk)
    }

    fn required(&self, field: &str) -> Result<hdf5::Dataset> {
        hdf::dataset(self.group, field).ok_or_else(|| {
            let names = self.group.member_names().unwrap_or_default();
            let error = Error::input(format!("the field PartType0/{field} is missing"))
                .found(if names.is_empty() { "no field at all".into() } else { names.join(", ") })
                .expected(FIELDS.join(", "))
                .place(self.path.display());
            match field {
                "NeutralHydrogenAbundance" => error.hint("mini snapshots lack this field; use a full snapshot"),
                _ => error.hint("a cutout must be requested with all the fields of docs/snapshots.md"),
            }
        })
    }

    /// Appends the selected cells to `gas`; returns the number of cells in the chunk.
    fn read(
        &self,
        header: &Header,
        options: &ReadOptions,
        before: u64,
        gas: &mut GasTable,
        watch: &Watch,
    ) -> Result<u64> {
        for start in (0..self.cells).step_by(SLAB_ROWS) {
            watch.check()?;
            let rows = start..(start + SLAB_ROWS).min(self.cells);
            let position = self.vectors(&self.required(self.position_field)?, self.position_field, rows.clone())?;
            let taken: Vec<usize> = (0..rows.len())
                .filter(|&i| match &options.selection {
                    CellSelection::All => true,
                    CellSelection::Sphere { centre, radius } => {
                        let r2: f64 =
                            (0..3).map(|k| nearest_image(centre[k], position[i][k], header.box_size).powi(2)).sum();
                        r2 < radius * radius
                    }
                    CellSelection::Range { first, count } => {
                        let index = before + (start + i) as u64;
                        index >= *first && index - first < *count
                    }
                })
                .collect();
            if taken.is_empty() {
                continue;
            }
            gas.position.extend(taken.iter().map(|&i| position[i]));
            // not used beside the centre of mass, but a file with damaged coordinates is a damaged file
            if self.position_field != "Coordinates"
                && let Some(data) = hdf::dataset(self.group, "Coordinates")
            {
                self.vectors(&data, "Coordinates", rows.clone())?;
            }
            self.columns(rows, &taken, options, gas)?;
        }
        Ok(self.cells as u64)
    }

    /// The other fields of the selected rows of one slab.
    fn columns(
        &self,
        rows: std::ops::Range<usize>,
        taken: &[usize],
        options: &ReadOptions,
        gas: &mut GasTable,
    ) -> Result<()> {
        let scalar = |field: &str, to: &mut Vec<f64>, allowed: fn(f64) -> bool| -> Result<()> {
            let values = self.scalars(&self.required(field)?, field, rows.clone())?;
            if let Some(i) = taken.iter().copied().find(|&i| !allowed(values[i])) {
                return Err(Error::input(format!("the field PartType0/{field} holds an impossible value"))
                    .found(format!("{} in row {}", values[i], rows.start + i))
                    .expected("what a simulation can hold: fractions from 0 to 1, nothing negative, densities above 0")
                    .place(self.path.display())
                    .hint("fetch the file again, or select gas without this cell"));
            }
            to.extend(taken.iter().map(|&i| values[i]));
            Ok(())
        };
        let velocity = self.vectors(&self.required("Velocities")?, "Velocities", rows.clone())?;
        gas.velocity.extend(taken.iter().map(|&i| velocity[i]));
        scalar("Masses", &mut gas.mass, |v| v >= 0.0)?;
        scalar("Density", &mut gas.density, |v| v > 0.0)?;
        scalar("InternalEnergy", &mut gas.internal_energy, |v| v >= 0.0)?;
        scalar("ElectronAbundance", &mut gas.electron_abundance, |v| v >= 0.0)?;
        // single precision may round a fraction slightly beyond 1
        scalar("NeutralHydrogenAbundance", &mut gas.neutral_abundance, |v| (0.0..1.001).contains(&v))?;
        scalar("StarFormationRate", &mut gas.star_formation_rate, |v| v >= 0.0)?;
        // a chunk either has an optional field or has not; mixing the two would shift the columns
        let earlier = gas.mass.len() - taken.len();
        let consistent = |present: bool, have: usize, field: &str| -> Result<()> {
            if present != (have == earlier) && earlier > 0 {
                return Err(Error::input(format!("the field PartType0/{field} is in some chunks and not in others"))
                    .place(self.path.display()));
            }
            Ok(())
        };
        let metals = hdf::dataset(self.group, "GFM_Metals");
        consistent(metals.is_some(), gas.hydrogen_fraction.len(), "GFM_Metals")?;
        if metals.is_some() {
            scalar("GFM_Metals", &mut gas.hydrogen_fraction, |v| (0.0..1.001).contains(&v))?;
        }
        if options.metallicity {
            let present = hdf::dataset(self.group, "GFM_Metallicity").is_some();
            consistent(present, gas.metallicity.len(), "GFM_Metallicity")?;
            if present {
                scalar("GFM_Metallicity", &mut gas.metallicity, |_| true)?;
            }
        }
        if options.magnetic_field {
            let field = hdf::dataset(self.group, "MagneticField");
            consistent(field.is_some(), gas.magnetic_field.len(), "MagneticField")?;
            if let Some(data) = field {
                let values = self.vectors(&data, "MagneticField", rows.clone())?;
                gas.magnetic_field.extend(taken.iter().map(|&i| values[i]));
            }
        }
        Ok(())
    }

    fn vectors(&self, data: &hdf5::Dataset, field: &str, rows: std::ops::Range<usize>) -> Result<Vec<[f64; 3]>> {
        let flat = self.finite(data, field, rows, 3)?;
        Ok(flat.chunks_exact(3).map(|v| [v[0], v[1], v[2]]).collect())
    }

    fn scalars(&self, data: &hdf5::Dataset, field: &str, rows: std::ops::Range<usize>) -> Result<Vec<f64>> {
        self.finite(data, field, rows, 1)
    }

    fn finite(
        &self,
        data: &hdf5::Dataset,
        field: &str,
        rows: std::ops::Range<usize>,
        columns: usize,
    ) -> Result<Vec<f64>> {
        let name = format!("PartType0/{field}");
        let count = data.shape().first().copied().unwrap_or(0);
        if count != self.cells {
            return Err(Error::input(format!("the field {name} has another number of rows than the positions"))
                .found(count)
                .expected(self.cells)
                .place(self.path.display())
                .hint("the file is damaged: fetch it again"));
        }
        let values = hdf::rows(data, rows.clone(), columns, &name, self.path)?;
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::input(format!("the field {name} holds a number that is not finite"))
                .found(format!("{} in row {}", values[i], rows.start + i / columns))
                .expected("finite numbers in every row")
                .place(self.path.display())
                .hint("the file is damaged: fetch it again"));
        }
        Ok(values)
    }
}

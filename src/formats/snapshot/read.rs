use super::files::find_snapshot;
use super::layout::{Field, Format, Gas, GasFields, Scalar, Vector};
use super::{GasTable, Header, Snapshot, hdf, nearest_image};
use crate::error::{Error, Result, Watch};
use crate::math::machine_memory;
use hdf5::File;
use std::ops::Range;
use std::path::Path;

/// Rows read at a time: bounds the memory to a few tens of MB whatever the chunk holds.
const SLAB_ROWS: usize = 1 << 19;

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
    /// Layout of the files; None: told from the first of them.
    pub format: Option<Format>,
    /// Which cells.
    pub selection: CellSelection,
    /// Go on without chunks that are not there (a note says which).
    pub allow_missing_chunks: bool,
    /// Also read `MagneticField` where the file has it.
    pub magnetic_field: bool,
    /// Also read `GFM_Metallicity` where the file has it.
    pub metallicity: bool,
    /// Positions are the points that generate the mesh, `Coordinates`, and not centres of mass.
    pub mesh_points: bool,
    /// Of stars: IllustrisTNG's wind particles, too.
    pub wind: bool,
    /// Memory that the cells may take, bytes; None: what the machine has.
    pub most_bytes: Option<f64>,
}

impl Default for ReadOptions {
    fn default() -> ReadOptions {
        ReadOptions {
            format: None,
            selection: CellSelection::All,
            allow_missing_chunks: false,
            magnetic_field: false,
            metallicity: false,
            mesh_points: false,
            wind: false,
            most_bytes: None,
        }
    }
}

/// Memory of one gas cell, bytes, from the file to the cells that are put on the sky: at most 23 numbers of
/// [`GasTable`] and 9 of the object, of eight bytes, with the spare room of vectors that grow.
const CELL_BYTES: f64 = 400.0;

/// Reads the selected gas cells of the snapshot at `path`, one slab of one chunk at a time.
///
/// `path` is a snapdir folder, its parent, one chunk or one cutout. Chunks without PartType0 are
/// fine. Errors name file and field: a missing chunk (unless allowed) or field, a damaged file,
/// chunks of different snapshots, numbers that are not finite, more cells than fit into memory, no gas in the
/// selection. `watch` advances by one a chunk.
pub fn read_gas(path: &Path, options: &ReadOptions, watch: &Watch) -> Result<Snapshot> {
    let set = find_snapshot(path, options.format)?;
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
        let file = hdf::open_data(file_path)?;
        // a file without gas may not tell its format, but the set's first one does
        let format = header.as_ref().map_or(options.format, |h| Some(h.format));
        let here = read_header(&file, format, file_path)?;
        if header.is_none() {
            require_room(&here, set.files.len(), options, path)?;
        }
        let header = header.get_or_insert_with(|| here.clone());
        require_same(header, &here, file_path)?;
        let layout = header.format.layout();
        if let Some(group) = layout.gas(&file) {
            let (needs, hint) = layout.needs();
            let of_file = Gas { group: &group, path: file_path, format: header.format, needs, hint };
            let mut fields = layout.fields(&of_file, &file, header)?;
            if options.mesh_points
                && let Some(point) = fields.beside_position.take()
            {
                fields.position = point;
            }
            for note in std::mem::take(&mut fields.stand_ins) {
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            before += Chunk::new(fields, file_path, header.format).read(header, options, before, &mut gas, watch)?;
        }
        watch.advance(1)?;
    }
    let Some(header) = header else {
        return Err(Error::input("the snapshot has no files").place(path.display()));
    };
    if let CellSelection::Range { first, count } = options.selection {
        header.format.require_subhalo_order(path)?;
        if first.saturating_add(count) > before {
            return Err(Error::input("the group catalogue or its offsets do not belong to the snapshot")
                .found(format!("gas cells {first} to {} of a snapshot that has {before}", first.saturating_add(count)))
                .expected("a catalogue and offsets of the same snapshot")
                .place(path.display())
                .hint("compare the numbers at the end of snapdir_NNN, groups_NNN and offsets_NNN"));
        }
    }
    if gas.is_empty() {
        return Err(Error::input("no gas in the selection")
            .found(format!("0 of {before} gas cells"))
            .expected(match options.selection {
                CellSelection::All => "at least one gas cell".to_string(),
                CellSelection::Sphere { centre: c, radius } => {
                    format!("gas within {radius} ckpc/h of ({}, {}, {})", c[0], c[1], c[2])
                }
                CellSelection::Range { first, count } => format!("cells {first} to {}", first.saturating_add(count)),
            })
            .place(path.display())
            .hint(format!(
                "the box is {} ckpc/h wide; `skyfringe sky info` prints where the gas is",
                header.box_size
            )));
    }
    if header.format != Format::Tng {
        notes.push(format!("read in the {} format", header.format.words()));
    }
    notes.extend(header.assumptions.iter().cloned());
    Ok(Snapshot { header, gas, notes })
}

/// An error where `here`, the header of the chunk at `path`, is not of the snapshot of `first`.
fn require_same(first: &Header, here: &Header, path: &Path) -> Result<()> {
    let of = |h: &Header| {
        [h.time, h.redshift, h.box_size, h.num_files as f64, h.hubble_param, h.omega0, h.gas_cells_total as f64]
    };
    let names = ["Time", "Redshift", "BoxSize", "NumFilesPerSnapshot", "HubbleParam", "Omega0", "NumPart_Total of gas"];
    let (expected, found) = (of(first), of(here));
    match (0..names.len()).find(|&i| expected[i] != found[i]) {
        None => Ok(()),
        Some(i) => Err(Error::input("the chunks belong to different snapshots")
            .found(format!("{} {}", names[i], found[i]))
            .expected(format!("{} {}, as in the first chunk", names[i], expected[i]))
            .place(path.display())
            .hint("keep the chunks of one snapshot alone in their folder")),
    }
}

/// An error, before any cell is read, where the cells that are asked for do not fit into memory. How many a sphere
/// holds is found only while it is read: [`require_memory`].
fn require_room(header: &Header, files: usize, options: &ReadOptions, path: &Path) -> Result<()> {
    let cells = match options.selection {
        // a cutout may keep the count of the snapshot that it is cut from; that of one file is seen as it is read
        CellSelection::All if files > 1 => header.gas_cells_total,
        CellSelection::Range { count, .. } => count,
        CellSelection::All | CellSelection::Sphere { .. } => return Ok(()),
    };
    require_memory(cells as f64, "", options, path)
}

/// An error where `cells` gas cells need more memory than there is.
fn require_memory(cells: f64, so_far: &str, options: &ReadOptions, path: &Path) -> Result<()> {
    let most = options.most_bytes.or_else(machine_memory);
    match most {
        Some(most) if CELL_BYTES * cells > most => {
            Err(Error::input("the gas that is asked for does not fit into memory")
                .found(format!("{cells} gas cells{so_far}: about {:.1} GB", CELL_BYTES * cells * 1e-9))
                .expected(format!("at most {:.1} GB, about {:.1e} cells", most * 1e-9, most / CELL_BYTES))
                .place(path.display())
                .hint("select less: a smaller sky.radius about sky.centre, or a subhalo (sky.subhalo)"))
        }
        _ => Ok(()),
    }
}

/// Reads the header of `file`, whose layout is `format` or told from the file.
///
/// # Errors
/// Those of the layout; a scale factor that is not the one of the redshift, as where `Time` is an age.
pub fn read_header(file: &File, format: Option<Format>, path: &Path) -> Result<Header> {
    let header = format.unwrap_or_else(|| Format::detect(file)).layout().header(file, path)?;
    require_files(header.num_files, path)?;
    // headers round their redshifts differently; ages in any unit are further off
    if (header.time * (1.0 + header.redshift) - 1.0).abs() < 1e-2 {
        return Ok(header);
    }
    Err(Error::input("scale factor and redshift contradict each other")
        .found(format!("Time {}, Redshift {}", header.time, header.redshift))
        .expected("Time = 1/(1 + Redshift): a cosmological run, and one snapshot's header")
        .place(path.display()))
}

/// Files of the largest snapshots are thousands.
const MOST_FILES: usize = 1 << 16;

/// An error where a header counts more files than any snapshot or catalogue has.
pub(super) fn require_files(count: usize, path: &Path) -> Result<()> {
    if count <= MOST_FILES {
        return Ok(());
    }
    Err(Error::input("the header states an impossible number of files")
        .found(count)
        .expected(format!("at most {MOST_FILES}"))
        .place(path.display())
        .hint("the file is damaged: fetch it again"))
}

/// The header of the snapshot at `path`, without its cells.
///
/// # Errors
/// Those of finding and opening its first file.
pub fn snapshot_header(path: &Path, format: Option<Format>) -> Result<Header> {
    let set = find_snapshot(path, format)?;
    let (_, first) =
        set.files.first().ok_or_else(|| Error::input("the snapshot has no files").place(path.display()))?;
    read_header(&hdf::open(first)?, format, first)
}

/// The gas of one file.
struct Chunk<'a> {
    fields: GasFields,
    path: &'a Path,
    format: Format,
    cells: usize,
}

/// What a simulation's number can be.
type Allowed = fn(f64) -> bool;

impl<'a> Chunk<'a> {
    fn new(fields: GasFields, path: &'a Path, format: Format) -> Chunk<'a> {
        let cells = fields.position.field.data.shape().first().copied().unwrap_or(0);
        Chunk { fields, path, format, cells }
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
        let wanted = match options.selection {
            CellSelection::Range { first, count } => {
                let within = |index: u64| index.saturating_sub(before).min(self.cells as u64) as usize;
                within(first)..within(first.saturating_add(count))
            }
            _ => 0..self.cells,
        };
        let mut extent = [[f64::INFINITY, f64::NEG_INFINITY]; 3];
        for start in wanted.clone().step_by(SLAB_ROWS) {
            watch.check()?;
            let rows = start..(start + SLAB_ROWS).min(wanted.end);
            let position = self.vectors(&self.fields.position, rows.clone())?;
            if self.format == Format::Arrays && header.box_size > 0.0 {
                self.require_within_box(&position, &mut extent, header.box_size)?;
            }
            let taken: Vec<usize> = (0..rows.len())
                .filter(|&i| match &options.selection {
                    CellSelection::All | CellSelection::Range { .. } => true,
                    CellSelection::Sphere { centre, radius } => {
                        let r2: f64 =
                            (0..3).map(|k| nearest_image(centre[k], position[i][k], header.box_size).powi(2)).sum();
                        r2 < radius * radius
                    }
                })
                .collect();
            if taken.is_empty() {
                continue;
            }
            require_memory((gas.len() + taken.len()) as f64, " so far", options, self.path)?;
            gas.position.extend(taken.iter().map(|&i| position[i]));
            // not used beside the centre of mass, but a file with damaged coordinates is a damaged file
            if let Some(beside) = &self.fields.beside_position {
                self.vectors(beside, rows.clone())?;
            }
            self.columns(rows, &taken, options, gas)?;
        }
        Ok(self.cells as u64)
    }

    /// An error where the positions so far, `extent`, and these are not those of a periodic box of side `side`: somebody
    /// stated both, perhaps in different units. A box may be centred on 0, and objects may reach over its boundary.
    fn require_within_box(&self, position: &[[f64; 3]], extent: &mut [[f64; 2]; 3], side: f64) -> Result<()> {
        for (k, [low, high]) in extent.iter_mut().enumerate() {
            for p in position {
                (*low, *high) = (low.min(p[k]), high.max(p[k]));
            }
            // single precision may round a position slightly beyond the side
            if *high - *low > side * (1.0 + 1e-6) || *low < -0.5 * side || *high > 1.5 * side {
                return Err(Error::input("the positions do not fit into the box")
                    .found(format!("{} from {low:.6} to {high:.6} ckpc/h, box_size {side:.6} ckpc/h", ["x", "y", "z"][k]))
                    .expected("positions within the periodic box, from 0 or from -1/2 of it")
                    .place(self.path.display())
                    .hint("correct box_size, box_units or the units of the positions; without box_size nothing is periodic"));
            }
        }
        Ok(())
    }

    /// What helps where the file holds numbers that cannot be.
    fn correct(&self, damaged: &'static str) -> &'static str {
        if self.format == Format::Arrays { "correct the array" } else { damaged }
    }

    /// The other fields of the selected rows of one slab.
    fn columns(&self, rows: Range<usize>, taken: &[usize], options: &ReadOptions, gas: &mut GasTable) -> Result<()> {
        let from = &self.fields;
        let earlier = gas.mass.len();
        let velocity = self.vectors(&from.velocity, rows.clone())?;
        gas.velocity.extend(taken.iter().map(|&i| velocity[i]));
        gas.mass.extend(self.scalars(&from.mass, rows.clone(), taken, |v| v >= 0.0)?);
        // single precision may round a fraction slightly beyond 1
        let fraction: Allowed = |v| (0.0..1.001).contains(&v);
        let (above, not_negative): (Allowed, Allowed) = (|v| v > 0.0, |v| v >= 0.0);
        let smoothing_length = if from.density.is_none() { &from.smoothing_length } else { &None };
        let metallicity = if options.metallicity { &from.metallicity } else { &None };
        let optional: [(&Option<Scalar>, &mut Vec<f64>, Allowed, &str); 10] = [
            (&from.density, &mut gas.density, above, "density"),
            (smoothing_length, &mut gas.smoothing_length, above, "smoothing length"),
            (&from.internal_energy, &mut gas.internal_energy, not_negative, "internal energy"),
            (&from.temperature_k, &mut gas.temperature_k, above, "temperature"),
            (&from.electron_abundance, &mut gas.electron_abundance, not_negative, "electron abundance"),
            (&from.neutral_abundance, &mut gas.neutral_abundance, fraction, "neutral fraction"),
            (&from.molecular_abundance, &mut gas.molecular_abundance, fraction, "molecular fraction"),
            (&from.star_formation_rate, &mut gas.star_formation_rate, not_negative, "star formation rate"),
            (&from.hydrogen_fraction, &mut gas.hydrogen_fraction, fraction, "hydrogen fraction"),
            (metallicity, &mut gas.metallicity, |_| true, "metallicity"),
        ];
        for (source, to, allowed, what) in optional {
            self.consistent(source.is_some(), to.len(), earlier, what)?;
            if let Some(source) = source {
                to.extend(self.scalars(source, rows.clone(), taken, allowed)?);
            }
        }
        if options.magnetic_field {
            self.consistent(from.magnetic_field.is_some(), gas.magnetic_field.len(), earlier, "magnetic field")?;
            if let Some(field) = &from.magnetic_field {
                let values = self.vectors(field, rows)?;
                gas.magnetic_field.extend(taken.iter().map(|&i| values[i]));
            }
        }
        Ok(())
    }

    /// A chunk either has an optional field or has not; mixing the two would shift the columns.
    fn consistent(&self, present: bool, have: usize, earlier: usize, what: &str) -> Result<()> {
        if present != (have == earlier) && earlier > 0 {
            return Err(Error::input(format!("the {what} of the gas is in some chunks and not in others"))
                .place(self.path.display()));
        }
        Ok(())
    }

    fn vectors(&self, vector: &Vector, rows: Range<usize>) -> Result<Vec<[f64; 3]>> {
        let flat = self.finite(&vector.field, rows, 3)?;
        let factor = vector.factor;
        Ok(flat.chunks_exact(3).map(|v| [v[0] * factor, v[1] * factor, v[2] * factor]).collect())
    }

    /// The values of the `taken` rows; all rows are checked to be finite.
    fn scalars(&self, scalar: &Scalar, rows: Range<usize>, taken: &[usize], allowed: Allowed) -> Result<Vec<f64>> {
        let mut columns = Vec::with_capacity(scalar.columns.len());
        for column in &scalar.columns {
            let flat = self.finite(&column.field, rows.clone(), column.index + 1)?;
            let values: Vec<f64> =
                flat.chunks_exact(column.index + 1).map(|row| row[column.index] * column.factor).collect();
            columns.push(values);
        }
        let mut inputs = vec![0.0; columns.len()];
        let mut out = Vec::with_capacity(taken.len());
        for &i in taken {
            inputs.iter_mut().zip(&columns).for_each(|(input, column)| *input = column[i]);
            let value = (scalar.combine)(&inputs);
            if !allowed(value) {
                let names: Vec<&str> = scalar.columns.iter().map(|c| c.field.name.as_str()).collect();
                return Err(Error::input(format!("the field {} holds an impossible value", names.join(" with ")))
                    .found(format!("{value} in row {}", rows.start + i))
                    .expected("what a simulation can hold: fractions from 0 to 1, nothing negative, densities above 0")
                    .place(self.path.display())
                    .hint(self.correct("fetch the file again, or select gas without this cell")));
            }
            out.push(value);
        }
        Ok(out)
    }

    fn finite(&self, field: &Field, rows: Range<usize>, columns: usize) -> Result<Vec<f64>> {
        let Field { data, name } = field;
        let count = data.shape().first().copied().unwrap_or(0);
        if count != self.cells {
            return Err(Error::input(format!("the field {name} has another number of rows than the positions"))
                .found(count)
                .expected(self.cells)
                .place(self.path.display())
                .hint(self.correct("the file is damaged: fetch it again")));
        }
        let values = hdf::rows(data, rows.clone(), columns, name, self.path)?;
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::input(format!("the field {name} holds a number that is not finite"))
                .found(format!("{} in row {}", values[i], rows.start + i / columns))
                .expected("finite numbers in every row")
                .place(self.path.display())
                .hint(self.correct("the file is damaged: fetch it again")));
        }
        Ok(values)
    }
}

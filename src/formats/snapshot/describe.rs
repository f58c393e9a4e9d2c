use super::files::find_snapshot;
use super::layout::Format;
use super::read::read_header;
use super::{Header, hdf};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// What the files of a snapshot hold, without reading their cells.
#[derive(Debug, Clone)]
pub struct Description {
    /// Header of the first file.
    pub header: Header,
    /// The files that are there.
    pub chunks: Vec<ChunkDescription>,
    /// Chunk numbers that the header promises and that are not there.
    pub missing: Vec<usize>,
    /// Fields of the gas in the first file that has some.
    pub fields: Vec<FieldDescription>,
}

/// One file of a snapshot.
#[derive(Debug, Clone)]
pub struct ChunkDescription {
    /// Chunk number.
    pub number: usize,
    /// The file.
    pub path: PathBuf,
    /// Gas cells in it.
    pub gas_cells: usize,
}

/// One data set of the gas.
#[derive(Debug, Clone)]
pub struct FieldDescription {
    /// Name of the field.
    pub name: String,
    /// Numbers a cell: 1, or the length of the second axis.
    pub components: usize,
    /// Unit in words, from the file's unit attributes; empty where the file does not state it.
    pub unit: String,
}

/// Lists chunks, header and fields of the snapshot at `path`; absent chunks are listed, not errors. `format` None: told
/// from the file.
pub fn describe(path: &Path, format: Option<Format>) -> Result<Description> {
    let set = find_snapshot(path, format)?;
    let mut header: Option<Header> = None;
    let mut chunks = Vec::new();
    let mut fields = Vec::new();
    for (number, file_path) in set.files {
        let file = hdf::open(&file_path)?;
        let header = match &header {
            Some(header) => header,
            None => header.insert(read_header(&file, format, &file_path)?),
        };
        let mut gas_cells = 0;
        if let Some(group) = header.format.layout().gas(&file) {
            gas_cells = ["Coordinates", "CenterOfMass", "Masses", "positions", "coordinates"]
                .iter()
                .find_map(|name| hdf::dataset(&group, name)?.shape().first().copied())
                .unwrap_or(0);
            if fields.is_empty() {
                for name in hdf::member_names(&group).unwrap_or_default() {
                    if let Some(data) = hdf::dataset(&group, &name) {
                        let components = data.shape().get(1).copied().unwrap_or(1);
                        let unit = unit_in_words(&data);
                        fields.push(FieldDescription { name, components, unit });
                    }
                }
            }
        }
        chunks.push(ChunkDescription { number, path: file_path, gas_cells });
    }
    let header = header.ok_or_else(|| Error::input("the snapshot has no files").place(path.display()))?;
    Ok(Description { header, chunks, missing: set.missing, fields })
}

/// Whether the HDF5 file at `path` has a group that only snapshots have, be it otherwise whole or not.
pub fn resembles_snapshot(path: &Path) -> bool {
    hdf::open(path).is_ok_and(|file| {
        file.link_exists("PartType0") || file.link_exists("Header") || Format::detect(&file) == Format::Arrays
    })
}

/// "1e10 Msun/h" for TNG's own scalings, else the exponents and the cgs value.
fn unit_in_words(data: &hdf5::Dataset) -> String {
    let attribute = |name: &str| hdf::attribute(data, name).map(|v| v[0]);
    let names = ["a_scaling", "h_scaling", "length_scaling", "mass_scaling", "velocity_scaling", "to_cgs"];
    let [Some(a), Some(h), Some(length), Some(mass), Some(velocity), Some(cgs)] = names.map(attribute) else {
        return ["Expression for physical CGS units", "units", "VarDescription"]
            .iter()
            .find_map(|name| hdf::text_attribute(data, name))
            .unwrap_or_default();
    };
    // the scalings of StarFormationRate are those of mass/time, but TNG stores it in Msun/yr
    let known: &[([f64; 5], &str)] = &[
        ([1.0, -1.0, 1.0, 0.0, 0.0], "ckpc/h"),
        ([0.5, 0.0, 0.0, 0.0, 1.0], "km sqrt(a)/s"),
        ([0.0, -1.0, 0.0, 1.0, 0.0], "1e10 Msun/h"),
        ([-3.0, 2.0, -3.0, 1.0, 0.0], "(1e10 Msun/h)/(ckpc/h)^3"),
        ([0.0, 0.0, 0.0, 0.0, 2.0], "(km/s)^2"),
        ([-1.0, 0.0, 0.0, 0.0, 2.0], "(km/s)^2/a"),
        ([0.0, 0.0, 0.0, 0.0, 1.0], "km/s"),
        ([0.0, 0.0, -1.0, 1.0, 1.0], "Msun/yr"),
    ];
    if let Some((_, words)) = known.iter().find(|(key, _)| *key == [a, h, length, mass, velocity]) {
        return (*words).to_string();
    }
    if cgs == 0.0 {
        return "1".to_string();
    }
    format!("{cgs:.6e} cgs a^{a} h^{h}")
}

use super::{
    ArrayValues, ColumnKind, ColumnValues, INSTRUMENTS, SAMPLES, ShardArray, ShardColumn, ShardField, ShardGroup,
    ShardHeader, VERSION,
};
use crate::error::{Error, Result};
use crate::formats::Attribute;
use crate::formats::attribute::read_attributes;
use crate::formats::hdf_open;
use crate::formats::hdf_values::{self, first_line, plain, require_memory, require_room, type_words, values};
use hdf5::types::{FloatSize, TypeDescriptor, VarLenUnicode};
use hdf5::{Dataset, File, Group, Hyperslab, SliceOrIndex};
use ndarray::ArrayD;
use std::path::{Path, PathBuf};

/// Attributes of the file that are no part of [`ShardHeader::attributes`].
const OWN: [&str; 6] = ["shard_version", "samples", "first_sample", "fields", "columns", "instruments"];

/// A shard that is there. Pixels are read sample by sample, all else when it is opened.
#[derive(Debug)]
pub struct ShardReader {
    path: PathBuf,
    header: ShardHeader,
    fields: Vec<Dataset>,
    columns: Vec<ColumnValues>,
}

impl ShardReader {
    /// Opens the shard at `path`.
    ///
    /// # Errors
    /// A file that is missing, no shard, of a newer version, truncated or damaged where this can be seen without
    /// reading all pixels (`skyfringe dataset verify` compares checksums).
    pub fn open(path: &Path) -> Result<ShardReader> {
        // the system's own words for a file that is not there
        std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
        let file = hdf_open::open(path).map_err(|e| damaged(path, &e))?;
        let version =
            match hdf_values::attribute_names(&file).map_err(|e| damaged(path, &e))?.iter().any(|n| n == OWN[0]) {
                true => hdf_values::number::<i64>(&file, OWN[0]).map_err(|e| damaged(path, &e))?,
                false => {
                    return Err(Error::input("not a shard of a data set")
                        .found("an HDF5 file without the attribute shard_version")
                        .place(path.display()));
                }
            };
        if version != VERSION {
            return Err(Error::input("a shard of another version")
                .found(format!("shard_version {version}"))
                .expected(VERSION)
                .place(path.display())
                .hint("read it with the version of skyfringe that wrote it"));
        }
        let (header, fields) = read_header(&file, path)?;
        header.check().map_err(|e| damaged(path, &one_line(&e).into()))?;
        let columns = read_columns(&file, &header, path)?;
        Ok(ShardReader { path: path.into(), header, fields, columns })
    }

    /// Everything but pixels and columns.
    pub fn header(&self) -> &ShardHeader {
        &self.header
    }

    /// Pixels of field `field` (its place in the header) of sample `sample` (its place in the shard), as they are
    /// stored; zeros where the sample was never put.
    ///
    /// # Errors
    /// A field or sample that is not there; a chunk that is damaged.
    pub fn read(&self, field: usize, sample: usize) -> Result<ArrayD<f32>> {
        let Some((data, of)) = self.fields.get(field).zip(self.header.fields.get(field)) else {
            return Err(self.not_there(format!("field {field}"), self.fields.len()));
        };
        if sample >= self.header.samples {
            return Err(self.not_there(format!("sample {sample}"), self.header.samples));
        }
        // chunks that were never put are zeros: what the file holds says nothing of them
        require_memory(data, &of.shape, size_of::<f32>(), &self.path)?;
        let mut slab = vec![SliceOrIndex::from(sample)];
        slab.extend(of.shape.iter().map(|_| SliceOrIndex::from(..)));
        let values = data.read_slice(Hyperslab::from(slab)).map_err(|e| {
            Error::input("a sample of a shard cannot be read")
                .found(format!("HDF5: {e}"))
                .place(format!("{}, {}, sample {sample}", self.path.display(), of.name))
                .hint("the file is damaged: `skyfringe dataset verify` finds such, `dataset build` makes it again")
        })?;
        Ok(values)
    }

    /// The place of a field in the header.
    ///
    /// # Errors
    /// No field of that name.
    pub fn field(&self, name: &str) -> Result<usize> {
        self.header.fields.iter().position(|f| f.name == name).ok_or_else(|| {
            let names: Vec<&str> = self.header.fields.iter().map(|f| f.name.as_str()).collect();
            Error::input("a shard without the field that is asked for")
                .found(format!("{name:?}"))
                .expected(format!("one of {}", names.join(", ")))
                .place(self.path.display())
        })
    }

    /// The values of a column; None where there is none of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnValues> {
        let place = self.header.columns.iter().position(|c| c.name == name)?;
        self.columns.get(place)
    }

    /// The values of all columns, in the order of the header.
    pub fn columns(&self) -> &[ColumnValues] {
        &self.columns
    }

    fn not_there(&self, found: String, of: usize) -> Error {
        Error::input("a shard does not hold what is asked for")
            .found(found)
            .expected(format!("below {of}"))
            .place(self.path.display())
    }
}

/// What a shard holds, in words; None for a file of another kind.
///
/// # Errors
/// A shard that cannot be read.
pub fn shard_summary(path: &Path) -> Result<Option<String>> {
    let is_shard = hdf_open::open(path)
        .and_then(|file| hdf_values::attribute_names(&file))
        .is_ok_and(|names| names.iter().any(|n| n == OWN[0]));
    if !is_shard {
        return Ok(None);
    }
    let reader = ShardReader::open(path)?;
    let header = reader.header();
    let last = header.first_sample.saturating_add(header.samples as u64).saturating_sub(1);
    let mut lines = format!("{}: shard of a data set\n", path.display());
    let mut line = |name: &str, text: String| lines.push_str(&format!("  {name:<14} {text}\n"));
    line("samples", format!("{} (numbers {} to {last})", header.samples, header.first_sample));
    for (field, data) in header.fields.iter().zip(&reader.fields) {
        let shape: Vec<String> = field.shape.iter().rev().map(usize::to_string).collect();
        let unit = if field.unit.is_empty() { "no unit" } else { &field.unit };
        let scaling = field.attributes.iter().find_map(|(name, value)| match value {
            Attribute::Text(scaling) if name == "scaling" => Some(format!(", scaling {scaling}")),
            _ => None,
        });
        let megabytes = data.storage_size() as f64 * 1e-6;
        line(&field.name, format!("{}, {unit}{}, {megabytes:.1} MB", shape.join(" x "), scaling.unwrap_or_default()));
    }
    for group in &header.groups {
        let arrays: Vec<&str> = group.arrays.iter().map(|a| a.name.as_str()).collect();
        line("instrument", format!("{}: {}", group.name, arrays.join(", ")));
    }
    let columns: Vec<&str> = header.columns.iter().map(|c| c.name.as_str()).collect();
    line("columns", columns.join(", "));
    Ok(Some(lines))
}

fn damaged(path: &Path, error: &hdf5::Error) -> Error {
    Error::input("a shard of a data set is no HDF5 file, truncated or damaged")
        .found(format!("HDF5: {}", first_line(error)))
        .place(path.display())
        .hint("copy it again, or remove it and let `skyfringe dataset build` make it again")
}

fn one_line(error: &Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The attributes of one place, those taken out removed.
struct Attributes(Vec<(String, Attribute)>);

impl Attributes {
    fn take(&mut self, name: &str) -> hdf5::Result<Attribute> {
        match self.0.iter().position(|(n, _)| n == name) {
            Some(place) => Ok(self.0.remove(place).1),
            None => Err(format!("the attribute {name} is missing").into()),
        }
    }

    fn text(&mut self, name: &str) -> hdf5::Result<String> {
        match self.take(name)? {
            Attribute::Text(text) => Ok(text),
            other => Err(format!("the attribute {name} is {other:?}, not text").into()),
        }
    }

    fn count(&mut self, name: &str) -> hdf5::Result<u64> {
        match self.take(name)? {
            Attribute::Integer(value) if value >= 0 => Ok(value as u64),
            other => Err(format!("the attribute {name} is {other:?}, not a number of something").into()),
        }
    }

    fn list(&mut self, name: &str) -> hdf5::Result<Vec<String>> {
        let text = self.text(name)?;
        Ok(text.split('\n').filter(|n| !n.is_empty()).map(str::to_string).collect())
    }
}

fn read_header(file: &File, path: &Path) -> Result<(ShardHeader, Vec<Dataset>)> {
    let (mut header, sets, instruments) = describe(file).map_err(|e| damaged(path, &e))?;
    for name in instruments {
        let place = file.group(&format!("{INSTRUMENTS}/{name}")).map_err(|e| damaged(path, &e))?;
        header.groups.push(read_group(name, &place, path)?);
    }
    Ok((header, sets))
}

/// All but the instruments, whose names come last.
fn describe(file: &File) -> hdf5::Result<(ShardHeader, Vec<Dataset>, Vec<String>)> {
    let mut attributes = Attributes(read_attributes(file)?);
    attributes.take("shard_version")?;
    let samples = attributes.count("samples")? as usize;
    let first_sample = attributes.count("first_sample")?;
    let (mut fields, mut sets) = (Vec::new(), Vec::new());
    for name in attributes.list("fields")? {
        let data = file.dataset(&name)?;
        let shape = match data.get_shape()?.split_first() {
            Some((first, shape)) if *first == samples => shape.to_vec(),
            other => return Err(format!("{name} is of shape {other:?}, not of {samples} samples").into()),
        };
        if data.dtype()?.to_descriptor()? != TypeDescriptor::Float(FloatSize::U4) {
            return Err(format!("{name} does not hold float32").into());
        }
        let mut of_field = Attributes(read_attributes(&data)?);
        let unit = of_field.text("units")?;
        fields.push(ShardField { name, shape, unit, attributes: of_field.0 });
        sets.push(data);
    }
    let mut columns = Vec::new();
    for name in attributes.list("columns")? {
        let data = file.dataset(&format!("{SAMPLES}/{name}"))?;
        if data.get_shape()? != [samples] {
            return Err(format!("the column {name} has no value a sample").into());
        }
        let kind = match data.dtype()?.to_descriptor()? {
            TypeDescriptor::Float(_) => ColumnKind::Number,
            TypeDescriptor::Integer(_) => ColumnKind::Integer,
            TypeDescriptor::Boolean => ColumnKind::Flag,
            TypeDescriptor::VarLenUnicode => ColumnKind::Text,
            other => return Err(format!("the column {name} holds {}", type_words(&other)).into()),
        };
        let mut told = Attributes(read_attributes(&data)?);
        columns.push(ShardColumn { name, unit: told.text("units")?, description: told.text("description")?, kind });
    }
    let instruments = attributes.list("instruments")?;
    let header = ShardHeader { samples, first_sample, fields, columns, groups: Vec::new(), attributes: attributes.0 };
    Ok((header, sets, instruments))
}

fn read_group(name: String, place: &Group, path: &Path) -> Result<ShardGroup> {
    let wrong = |e: hdf5::Error| damaged(path, &e);
    let mut attributes = Attributes(read_attributes(place).map_err(wrong)?);
    let mut arrays = Vec::new();
    for name in attributes.list("arrays").map_err(wrong)? {
        let data = place.dataset(&name).map_err(wrong)?;
        require_room::<f64>(&data, path)?;
        arrays.push(read_array(name, &data).map_err(wrong)?);
    }
    Ok(ShardGroup { name, attributes: attributes.0, arrays })
}

fn read_array(name: String, data: &Dataset) -> hdf5::Result<ShardArray> {
    let values = match data.dtype()?.to_descriptor()? {
        TypeDescriptor::Float(FloatSize::U4) => ArrayValues::Single(data.read_dyn()?),
        TypeDescriptor::Float(_) => ArrayValues::Double(data.read_dyn()?),
        other => return Err(format!("{name} holds {}", type_words(&other)).into()),
    };
    let unit = Attributes(read_attributes(data)?).text("units")?;
    Ok(ShardArray { name, unit, values })
}

fn read_columns(file: &File, header: &ShardHeader, path: &Path) -> Result<Vec<ColumnValues>> {
    let read = |column: &ShardColumn| {
        let data = file.dataset(&format!("{SAMPLES}/{}", column.name)).map_err(|e| damaged(path, &e))?;
        Ok(match column.kind {
            ColumnKind::Number => ColumnValues::Number(values(&data, path)?),
            ColumnKind::Integer => ColumnValues::Integer(values(&data, path)?),
            // as numbers: another byte than 0 and 1 is no bool
            ColumnKind::Flag => ColumnValues::Flag(values::<u8>(&data, path)?.into_iter().map(|v| v != 0).collect()),
            ColumnKind::Text => ColumnValues::Text(values::<VarLenUnicode>(&data, path)?.iter().map(plain).collect()),
        })
    };
    header.columns.iter().map(read).collect()
}

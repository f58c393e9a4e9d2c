use super::{
    ArrayValues, ColumnValues, Compression, INSTRUMENTS, PackedSample, SAMPLES, ShardColumn, ShardHeader, VERSION,
};
use crate::error::{Error, Result};
use crate::formats::Attribute;
use crate::formats::attribute::{text, write_attributes, write_whole};
use crate::formats::visibilities::library::write_failed;
use hdf5::file::LibraryVersion;
use hdf5::{Dataset, File, Group, H5Type};
use hdf5_sys::h5d::H5Dwrite_chunk;
use hdf5_sys::h5p::H5P_DEFAULT;
use ndarray::{ArrayD, ArrayViewD};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// A shard on its way to the disk: no more than one sample is ever in memory.
///
/// Equal content gives bit-identical files, because samples go into the file in one order only; packing
/// ([`PackedSample`]), which is most of the work, may be done in any. As for visibilities, the file is closed after a
/// flush that succeeded and never otherwise: HDF5 2.2.0 crashes when a file is closed after a failed write.
#[derive(Debug)]
pub struct ShardWriter {
    path: PathBuf,
    /// None once it is closed.
    file: Option<ManuallyDrop<File>>,
    fields: Vec<ManuallyDrop<Dataset>>,
    header: ShardHeader,
    compression: Compression,
    /// Sample and field that was put last.
    last: Option<(usize, usize)>,
    columns: Option<Vec<ColumnValues>>,
}

impl ShardWriter {
    /// Starts the file at `path` (a staged path).
    ///
    /// # Errors
    /// Names or shapes that no shard can have; whatever the disk has to say.
    pub fn create(path: &Path, header: &ShardHeader, compression: Compression) -> Result<ShardWriter> {
        header.check()?;
        // creating the file here first gives the system's own words for a path that cannot be written
        std::fs::File::create(path).map_err(|e| Error::io("write", path, e))?;
        let file = File::with_options()
            .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
            .with_fcpl(|p| p.obj_track_times(false))
            .create(path)
            .map_err(|e| write_failed(path, &e))?;
        let file = ManuallyDrop::new(file);
        let begun = begin(&file, header, compression);
        let mut writer = ShardWriter {
            path: path.into(),
            file: Some(file),
            fields: Vec::new(),
            header: header.clone(),
            compression,
            last: None,
            columns: None,
        };
        writer.fields = begun.map_err(|e| write_failed(path, &e))?;
        Ok(writer)
    }

    /// Writes sample `sample` (its place in the shard) of field `field` (its place in the header): each sample after the
    /// one before it, and in a sample each field after the one before it. What is never put reads as zeros.
    ///
    /// # Errors
    /// Those of [`PackedSample::new`] and [`ShardWriter::put_packed`].
    pub fn put(&mut self, field: usize, sample: usize, values: ArrayViewD<f32>) -> Result<()> {
        self.put_packed(field, sample, &PackedSample::new(values, self.compression)?)
    }

    /// As [`ShardWriter::put`], what was packed with the compression of this file.
    ///
    /// # Errors
    /// Another shape or compression, another order; whatever the disk has to say.
    pub fn put_packed(&mut self, field: usize, sample: usize, packed: &PackedSample) -> Result<()> {
        let shape = self.header.fields.get(field).map(|f| f.shape.as_slice());
        let in_order = sample < self.header.samples && self.last.is_none_or(|last| last < (sample, field));
        if shape != Some(&packed.shape) || packed.compression != self.compression || !in_order {
            return Err(Error::input("a sample that does not belong here into a shard")
                .found(format!(
                    "sample {sample}, field {field} after {:?}, shape {:?}, {:?}",
                    self.last, packed.shape, packed.compression
                ))
                .expected(format!(
                    "each after the one before it, below {}; shape {shape:?}, {:?}",
                    self.header.samples, self.compression
                )));
        }
        write_chunk(&self.fields[field], sample, packed).map_err(|e| write_failed(&self.path, &e))?;
        self.last = Some((sample, field));
        Ok(())
    }

    /// The values of all columns, in the order of the header.
    ///
    /// # Errors
    /// Another number of columns, other types, another number of values.
    pub fn put_columns(&mut self, columns: Vec<ColumnValues>) -> Result<()> {
        let fits = |(column, values): (&ShardColumn, &ColumnValues)| {
            column.kind == values.kind() && values.len() == self.header.samples
        };
        if columns.len() != self.header.columns.len() || !self.header.columns.iter().zip(&columns).all(fits) {
            let told: Vec<_> = columns.iter().map(|values| (values.kind(), values.len())).collect();
            return Err(Error::input("the columns of a shard are not those of its header")
                .found(format!("{told:?}"))
                .expected(format!("{} values each of {:?}", self.header.samples, self.header.columns)));
        }
        self.columns = Some(columns);
        Ok(())
    }

    /// Completes and closes the file.
    ///
    /// # Errors
    /// Columns that are missing; whatever the disk has to say.
    pub fn finish(mut self) -> Result<()> {
        let columns = match self.columns.take() {
            Some(columns) => columns,
            None if self.header.columns.is_empty() => Vec::new(),
            None => return Err(Error::input("a shard was finished without the values of its columns")),
        };
        let Some(file) = &self.file else { return Ok(()) };
        let written = write_columns(file, &self.header.columns, &columns).and_then(|open| file.flush().map(|()| open));
        let open = written.map_err(|e| write_failed(&self.path, &e))?;
        // nothing is left to be written, so that nothing can fail on the way
        let fields = std::mem::take(&mut self.fields);
        fields.into_iter().chain(open).for_each(|data| drop(ManuallyDrop::into_inner(data)));
        let file = self.file.take().map(ManuallyDrop::into_inner);
        file.map_or(Ok(()), File::close).map_err(|e| write_failed(&self.path, &e))
    }
}

impl Drop for ShardWriter {
    /// What was not finished leaves the library's handles open for good and gives the disk space back.
    fn drop(&mut self) {
        if self.file.is_some() {
            // not made anew where it was removed already
            let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(&self.path);
        }
    }
}

/// Everything that is known before the samples; the data sets for them.
fn begin(file: &File, header: &ShardHeader, compression: Compression) -> hdf5::Result<Vec<ManuallyDrop<Dataset>>> {
    let list = |names: Vec<&str>| Attribute::Text(names.join("\n"));
    let own = [
        ("shard_version", Attribute::Integer(VERSION)),
        ("samples", Attribute::Integer(header.samples as i64)),
        ("first_sample", Attribute::Integer(header.first_sample as i64)),
        ("fields", list(header.fields.iter().map(|f| f.name.as_str()).collect())),
        ("columns", list(header.columns.iter().map(|c| c.name.as_str()).collect())),
        ("instruments", list(header.groups.iter().map(|g| g.name.as_str()).collect())),
    ];
    write_attributes(file, &own.map(|(name, value)| (name.to_string(), value)))?;
    write_attributes(file, &header.attributes)?;
    let parent = new_group(file, INSTRUMENTS)?;
    for group in &header.groups {
        let place = new_group(&parent, &group.name)?;
        write_attributes(&place, &group.attributes)?;
        write_attributes(&place, &[("arrays".into(), list(group.arrays.iter().map(|a| a.name.as_str()).collect()))])?;
        for array in &group.arrays {
            let data = match &array.values {
                ArrayValues::Single(v) => write_array(&place, &array.name, v)?,
                ArrayValues::Double(v) => write_array(&place, &array.name, v)?,
            };
            write_attributes(&data, &[("units".into(), Attribute::Text(array.unit.clone()))])?;
            drop(ManuallyDrop::into_inner(data));
        }
    }
    let mut fields = Vec::new();
    for field in &header.fields {
        let with = |first: usize| [&[first], field.shape.as_slice()].concat();
        let data = file.new_dataset::<f32>().shape(with(header.samples)).chunk(with(1));
        let data = match compression {
            Compression::None => data,
            Compression::Deflate(level) => data.shuffle().deflate(level),
        };
        let data = ManuallyDrop::new(data.create(field.name.as_str())?);
        write_attributes(&data, &[("units".into(), Attribute::Text(field.unit.clone()))])?;
        write_attributes(&data, &field.attributes)?;
        fields.push(data);
    }
    Ok(fields)
}

fn new_group(place: &Group, name: &str) -> hdf5::Result<Group> {
    place.create_group_builder().obj_track_times(false).create(name)
}

fn write_array<T: H5Type + Clone>(
    place: &Group,
    name: &str,
    values: &ArrayD<T>,
) -> hdf5::Result<ManuallyDrop<Dataset>> {
    let standard = values.as_standard_layout();
    write_whole(place, name, standard.as_slice().unwrap_or(&[]), values.shape())
}

/// The chunk of one sample as it stands, past the library's filters.
fn write_chunk(data: &Dataset, sample: usize, packed: &PackedSample) -> hdf5::Result<()> {
    let mut offset = vec![0; 1 + packed.shape.len()];
    offset[0] = sample as u64;
    hdf5::sync::sync(|| {
        // SAFETY: the data set is open; `offset` has a number an axis of it, and `bytes` lives through the call, which
        // the lock of the library keeps from all others
        let (offset, bytes) = (offset.as_ptr(), packed.bytes.as_ptr().cast());
        hdf5::h5check(unsafe { H5Dwrite_chunk(data.id(), H5P_DEFAULT, 0, offset, packed.bytes.len(), bytes) })
    })?;
    Ok(())
}

/// The columns; their handles stay open until all is on the disk.
fn write_columns(
    file: &File,
    columns: &[ShardColumn],
    values: &[ColumnValues],
) -> hdf5::Result<Vec<ManuallyDrop<Dataset>>> {
    let place = new_group(file, SAMPLES)?;
    let mut open = Vec::new();
    for (column, values) in columns.iter().zip(values) {
        let (name, shape) = (column.name.as_str(), [values.len()]);
        let data = match values {
            ColumnValues::Number(v) => write_whole(&place, name, v, &shape)?,
            ColumnValues::Integer(v) => write_whole(&place, name, v, &shape)?,
            ColumnValues::Flag(v) => write_whole(&place, name, v, &shape)?,
            ColumnValues::Text(v) => {
                let texts = v.iter().map(|t| text(t)).collect::<hdf5::Result<Vec<_>>>()?;
                write_whole(&place, name, &texts, &shape)?
            }
        };
        let told = [("units", &column.unit), ("description", &column.description)];
        write_attributes(&data, &told.map(|(name, value)| (name.to_string(), Attribute::Text(value.clone()))))?;
        open.push(data);
    }
    Ok(open)
}

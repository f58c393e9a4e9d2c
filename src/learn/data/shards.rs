use crate::datasets::{Manifest, Scaling};
use crate::error::{Error, Result, Watch};
use crate::formats::shard::{ArrayValues, ShardField, ShardReader};
use crate::learn::data::facts::{SampleFacts, facts_of};
use ndarray::{Array2, Array3, Axis, Ix2, Ix3};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files that are open at one time: a large data set has more shards than a process may open.
pub(super) const OPEN: usize = 64;

/// The files of a data set, all of the same fields.
#[derive(Debug)]
pub(super) struct Shards {
    files: Vec<File>,
    fields: Vec<StoredField>,
    /// Those used last, the last one last; HDF5 works one after the other in any case.
    open: Mutex<Vec<(usize, ShardReader)>>,
    /// So many at most.
    most: usize,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    first: usize,
    samples: usize,
}

/// A field as all shards hold it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StoredField {
    pub(super) name: String,
    pub(super) unit: String,
    /// \[y, x\] or \[plane, y, x\].
    pub(super) shape: Vec<usize>,
    pub(super) scaling: Scaling,
}

impl Shards {
    /// Opens every shard of a data set once, with the facts of all samples; `most` files are open at one time.
    ///
    /// # Errors
    /// Shards that are missing, damaged, or do not hold what the manifest or the first shard says.
    pub(super) fn open(
        folder: &Path,
        manifest: &Manifest,
        most: usize,
        watch: &Watch,
    ) -> Result<(Shards, Vec<SampleFacts>)> {
        let (mut files, mut fields, mut facts) = (Vec::new(), Vec::new(), Vec::new());
        let mut open = Vec::new();
        for record in &manifest.shards {
            let path = record.shard_path(folder);
            let reader = ShardReader::open(&path)?;
            let found = reader.header().fields.iter().map(stored).collect::<Result<Vec<_>>>();
            let found = found.map_err(|e| e.place(path.display()))?;
            let samples = reader.header().samples;
            if samples != record.samples {
                return Err(Error::input("a shard does not hold the samples that the manifest says")
                    .found(format!("{samples} samples"))
                    .expected(record.samples)
                    .place(path.display())
                    .hint("find damaged shards with \"skyfringe dataset verify\""));
            }
            if files.is_empty() {
                fields = found;
            } else if found != fields {
                return Err(differ(&fields, &found).place(path.display()));
            }
            facts.extend(facts_of(&reader, &path)?);
            if open.len() < most {
                open.push((files.len(), reader));
            }
            files.push(File { path, first: record.first_sample, samples });
            watch.check()?;
        }
        Ok((Shards { files, fields, open: Mutex::new(open), most }, facts))
    }

    /// The field of a name; None where there is none.
    pub(super) fn find(&self, name: &str) -> Option<&StoredField> {
        self.fields.iter().find(|f| f.name == name)
    }

    /// The same.
    ///
    /// # Errors
    /// None, with those there are.
    pub(super) fn field(&self, name: &str) -> Result<&StoredField> {
        self.find(name).ok_or_else(|| {
            let names: Vec<&str> = self.fields.iter().map(|f| f.name.as_str()).collect();
            Error::input("the data set has no such field")
                .found(format!("\"{name}\""))
                .expected(format!("one of {}", names.join(", ")))
                .hint("add it to dataset.fields and build the data set again")
        })
    }

    /// Values of a field of a sample as they are stored \[plane, y, x\].
    ///
    /// # Errors
    /// A field that is not there, a damaged file.
    pub(super) fn read(&self, sample: usize, field: &str) -> Result<Array3<f32>> {
        self.field(field)?;
        let shard = self.files.partition_point(|f| f.first + f.samples <= sample);
        let values = self.with(shard, |reader| reader.read(reader.field(field)?, sample - self.files[shard].first))?;
        match values.ndim() {
            2 => values.into_dimensionality::<Ix2>().map(|v| v.insert_axis(Axis(0))),
            _ => values.into_dimensionality::<Ix3>(),
        }
        .map_err(|_| Error::input("a field is neither images nor cubes").found(field))
    }

    /// The PSF `name` of an instrument, of the middle plane where there are several; None where the data set holds none.
    ///
    /// # Errors
    /// A PSF that is no image of `size` \[y, x\].
    pub(super) fn psf(&self, instrument: &str, name: &str, size: [usize; 2]) -> Result<Option<Array2<f32>>> {
        self.with(0, |reader| {
            let group = reader.header().groups.iter().find(|g| g.name == instrument);
            let Some(array) = group.and_then(|g| g.arrays.iter().find(|a| a.name == name)) else { return Ok(None) };
            let planes = match &array.values {
                ArrayValues::Single(values) => values.clone(),
                ArrayValues::Double(values) => values.mapv(|v| v as f32),
            };
            let shape = planes.shape().to_vec();
            match planes.into_dimensionality::<Ix3>() {
                Ok(planes) if shape[0] > 0 && shape[1..] == size => {
                    Ok(Some(planes.index_axis(Axis(0), shape[0] / 2).to_owned()))
                }
                _ => Err(Error::input("the PSF of an instrument does not fit its images")
                    .found(format!("{shape:?}"))
                    .expected(format!("[plane, {}, {}]", size[0], size[1]))
                    .place(format!("{}, {name} of {instrument}", self.files[0].path.display()))),
            }
        })
    }

    fn with<T>(&self, shard: usize, work: impl FnOnce(&ShardReader) -> Result<T>) -> Result<T> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = match open.iter().position(|(of, _)| *of == shard) {
            Some(place) => open.remove(place),
            None => {
                if open.len() == self.most {
                    open.remove(0);
                }
                (shard, ShardReader::open(&self.files[shard].path)?)
            }
        };
        let result = work(&entry.1);
        open.push(entry);
        result
    }
}

/// What a shard says of a field.
fn stored(field: &ShardField) -> Result<StoredField> {
    let attribute = |name: &str| field.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let scaling = match attribute("scaling") {
        // physical values
        None => Scaling::NONE,
        Some(_) => Scaling::from_attributes(attribute)?,
    };
    Ok(StoredField { name: field.name.clone(), unit: field.unit.clone(), shape: field.shape.clone(), scaling })
}

/// What differs between the fields of the first shard and those of another one.
fn differ(first: &[StoredField], other: &[StoredField]) -> Error {
    let word = |field: &StoredField| {
        let Scaling { kind, scale, offset, gain, lambda } = field.scaling;
        let numbers = format!("{}, scale {scale}, offset {offset}, gain {gain}, lambda {lambda}", kind.word());
        format!("{} {:?} in \"{}\", scaling {numbers}", field.name, field.shape, field.unit)
    };
    let place = first.iter().zip(other).position(|(a, b)| a != b).unwrap_or(first.len().min(other.len()));
    let named = |fields: &[StoredField]| fields.get(place).map_or("no such field".into(), word);
    Error::input("the shards of the data set differ in their fields")
        .found(named(other))
        .expected(format!("as in the first shard: {}", named(first)))
        .hint("find damaged shards with \"skyfringe dataset verify\"")
}

//! Shards of a data set: one HDF5 file of some numbered samples, one data set a field (docs/formats.md).
//!
//! | file | holds |
//! |---|---|
//! | pack | one sample of one field as the bytes of its chunk |
//! | write | a shard on its way to the disk |
//! | read | a shard that is there |

mod pack;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use pack::PackedSample;
pub use read::{ShardReader, shard_summary};
pub use write::ShardWriter;

use super::Attribute;
use crate::error::{Error, Result};
use ndarray::ArrayD;

/// What the attribute `shard_version` of a file says.
const VERSION: i64 = 1;
/// The groups of a file.
const SAMPLES: &str = "samples";
const INSTRUMENTS: &str = "instruments";

/// How the chunks of pixels are packed; what is packed is read by any HDF5 with its own filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Bytes sorted by their place in the number (shuffle), then deflate of level 1 (fast) to 9.
    Deflate(u8),
}

impl Default for Compression {
    /// Level 1: docs/formats.md has the figures.
    fn default() -> Compression {
        Compression::Deflate(1)
    }
}

/// Everything about a shard but pixels and columns.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardHeader {
    /// Number of samples.
    pub samples: usize,
    /// Number of the first of them in the whole data set.
    pub first_sample: u64,
    /// The data sets of pixels.
    pub fields: Vec<ShardField>,
    /// What is known of each sample.
    pub columns: Vec<ShardColumn>,
    /// One an instrument.
    pub groups: Vec<ShardGroup>,
    /// Attributes of the file; read back in the order of their names.
    pub attributes: Vec<(String, Attribute)>,
}

/// One data set of pixels, float32 [sample, ...].
#[derive(Debug, Clone, PartialEq)]
pub struct ShardField {
    /// Its name.
    pub name: String,
    /// Shape of one sample: [y, x] or [plane, y, x].
    pub shape: Vec<usize>,
    /// Unit of physical values (attribute `units`).
    pub unit: String,
    /// Its other attributes; read back in the order of their names.
    pub attributes: Vec<(String, Attribute)>,
}

/// A data set with one value a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardColumn {
    /// Its name.
    pub name: String,
    /// Unit (attribute `units`).
    pub unit: String,
    /// What it is (attribute `description`).
    pub description: String,
    /// Type of its values.
    pub kind: ColumnKind,
}

/// Type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// float64.
    Number,
    /// int64.
    Integer,
    /// h5py's bool.
    Flag,
    /// Text of any length, UTF-8.
    Text,
}

/// Values of a column, one a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// float64; NaN where there is none.
    Number(Vec<f64>),
    /// int64.
    Integer(Vec<i64>),
    /// Yes or no.
    Flag(Vec<bool>),
    /// Text.
    Text(Vec<String>),
}

/// What the samples of one instrument share: the group `/instruments/NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardGroup {
    /// Its name.
    pub name: String,
    /// Its attributes; read back in the order of their names.
    pub attributes: Vec<(String, Attribute)>,
    /// Its data sets, as the PSF [plane, y, x] or freq_hz [plane].
    pub arrays: Vec<ShardArray>,
}

/// A data set of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct ShardArray {
    /// Its name.
    pub name: String,
    /// Unit (attribute `units`).
    pub unit: String,
    /// Its values.
    pub values: ArrayValues,
}

/// Values of a data set of a group.
#[derive(Debug, Clone, PartialEq)]
pub enum ArrayValues {
    /// float32, for pixels.
    Single(ArrayD<f32>),
    /// float64.
    Double(ArrayD<f64>),
}

impl ColumnValues {
    /// Their type.
    pub fn kind(&self) -> ColumnKind {
        match self {
            ColumnValues::Number(_) => ColumnKind::Number,
            ColumnValues::Integer(_) => ColumnKind::Integer,
            ColumnValues::Flag(_) => ColumnKind::Flag,
            ColumnValues::Text(_) => ColumnKind::Text,
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            ColumnValues::Number(v) => v.len(),
            ColumnValues::Integer(v) => v.len(),
            ColumnValues::Flag(v) => v.len(),
            ColumnValues::Text(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ShardField {
    /// Number of values of one sample.
    fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |n, length| n.checked_mul(*length))
    }
}

impl ShardHeader {
    /// Names that HDF5 and lists of names can hold, each once; shapes that fit into one chunk (4 GiB).
    fn check(&self) -> Result<()> {
        let fields: Vec<&str> = self.fields.iter().map(|f| f.name.as_str()).collect();
        let columns: Vec<&str> = self.columns.iter().map(|c| c.name.as_str()).collect();
        let groups: Vec<&str> = self.groups.iter().map(|g| g.name.as_str()).collect();
        let arrays = self.groups.iter().map(|g| g.arrays.iter().map(|a| a.name.as_str()).collect());
        for list in [fields, columns, groups].into_iter().chain(arrays) {
            for (number, name) in list.iter().enumerate() {
                let strange = name.is_empty() || name.contains(['/', '\0', '\n']) || matches!(*name, "." | "..");
                if strange || list[..number].contains(name) {
                    return Err(Error::input("a name in a shard that is none, or stands twice")
                        .found(format!("{name:?}"))
                        .expected("names without \"/\", each once"));
                }
            }
        }
        for field in &self.fields {
            if [SAMPLES, INSTRUMENTS].contains(&field.name.as_str()) {
                return Err(Error::input("a field of a shard has the name of one of its groups").found(&field.name));
            }
            let length = field.len();
            if self.samples == 0 || !length.is_some_and(|n| n > 0 && n < 1 << 30) || field.shape.len() > 8 {
                return Err(Error::input("a shard without pixels, or of samples that no chunk of HDF5 holds")
                    .found(format!("{} samples of {}, shape {:?}", self.samples, field.name, field.shape))
                    .expected("at least one sample, of less than 2^30 values"));
            }
        }
        Ok(())
    }
}

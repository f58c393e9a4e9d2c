//! Attributes of HDF5 files, groups and data sets.

use super::hdf_values::{self, number, type_words};
use hdf5::types::{TypeDescriptor, VarLenUnicode};
use hdf5::{Dataset, Group, H5Type, Location};
use std::mem::ManuallyDrop;

/// An attribute of a file, a group or a data set.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// float64.
    Number(f64),
    /// int64.
    Integer(i64),
    /// Text.
    Text(String),
}

pub(super) fn write_attributes(place: &Location, attributes: &[(String, Attribute)]) -> hdf5::Result<()> {
    for (name, value) in attributes {
        let name = name.as_str();
        match value {
            Attribute::Number(v) => place.new_attr::<f64>().create(name)?.write_scalar(v)?,
            Attribute::Integer(v) => place.new_attr::<i64>().create(name)?.write_scalar(v)?,
            Attribute::Text(v) => place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text(v)?)?,
        }
    }
    Ok(())
}

/// All attributes of `place`, by name; one that is no number and no text is an error.
pub(super) fn read_attributes(place: &Location) -> hdf5::Result<Vec<(String, Attribute)>> {
    let read = |name: String| {
        let attribute = place.attr(&name)?;
        let value = match attribute.dtype()?.to_descriptor()? {
            TypeDescriptor::Float(_) => Attribute::Number(number(place, &name)?),
            TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => Attribute::Integer(number(place, &name)?),
            TypeDescriptor::VarLenUnicode => Attribute::Text(hdf_values::text(place, &name)?),
            other => return Err(format!("the attribute {name} is {}", type_words(&other)).into()),
        };
        Ok((name, value))
    };
    hdf_values::attribute_names(place)?.into_iter().map(read).collect()
}

/// A data set of `values`, contiguous; the handle stays open where writing fails (HDF5 2.2.0 crashes otherwise).
pub(super) fn write_whole<T: H5Type>(
    place: &Group,
    name: &str,
    values: &[T],
    shape: &[usize],
) -> hdf5::Result<ManuallyDrop<Dataset>> {
    let data = ManuallyDrop::new(place.new_dataset::<T>().shape(shape).create(name)?);
    data.write_raw(values)?;
    Ok(data)
}

/// HDF5 text ends at the first NUL.
pub(super) fn text(value: &str) -> hdf5::Result<VarLenUnicode> {
    value.replace('\0', "").parse().map_err(|e| hdf5::Error::from(format!("{e:?}")))
}

//! HDF5 files that are whole and wrong: data sets and attributes of other types, ranks and sizes, or none.

use super::mutate::{INTEGERS, Numbers};
use hdf5::types::{FixedAscii, VarLenAscii, VarLenUnicode};
use hdf5::{Dataset, Extents, File, Group, H5Type, Location, Result};
use rustfft::num_complex::Complex64;
use std::path::Path;

/// Lengths of axes; from the seventh on nobody has so much memory.
const LENGTHS: [usize; 14] =
    [0, 1, 2, 3, 4, 1000, 1 << 31, 1 << 32, (1 << 32) + 1, 999_999_999_999, 1 << 45, 1 << 60, 1 << 61, (1 << 63) - 1];

/// Changes groups, data sets and attributes; returns how many changes of bytes are to follow.
pub fn damage(bytes: &mut Vec<u8>, numbers: &mut Numbers, folder: &Path) -> usize {
    // bytes alone: signatures, messages, heaps, addresses
    if numbers.below(3) == 0 {
        return 1 + numbers.below(6);
    }
    let path = folder.join("edited");
    std::fs::write(&path, &*bytes).unwrap();
    // what cannot be made, as a chunk that is larger than its data set, leaves the file as it is
    if let Ok(file) = File::open_rw(&path) {
        for _ in 0..1 + numbers.below(3) {
            let _ = edit(&file, numbers);
        }
        let _ = file.close();
    }
    *bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    numbers.of(&[0, 0, 0, 1])
}

/// A group and the name of one of its members.
type Member = (Group, String);

fn edit(file: &File, numbers: &mut Numbers) -> Result<()> {
    let (mut groups, mut members) = (vec![file.as_group()?], Vec::new());
    collect(&file.as_group()?, 0, &mut groups, &mut members)?;
    if members.is_empty() {
        return Ok(());
    }
    let (group, name) = members[numbers.below(members.len())].clone();
    match numbers.below(12) {
        0 => group.unlink(&name),
        1 => {
            group.unlink(&name)?;
            group.create_group(&name).map(drop)
        }
        2 => {
            // a link to another place, to itself, or to nowhere
            let (_, other) = &members[numbers.below(members.len())];
            let target = numbers.of(&[other.as_str(), "/", ".", "nowhere", &name]).to_string();
            group.unlink(&name)?;
            group.link_soft(&target, &name)
        }
        3..=7 => match group.dataset(&name) {
            Ok(data) => replace(&group, &name, &data, numbers),
            Err(_) => Ok(()),
        },
        _ => {
            let sets = members.iter().filter_map(|(group, name)| group.dataset(name).ok());
            let places: Vec<Location> =
                groups.iter().map(|g| (**g).clone()).chain(sets.map(|d| (**d).clone())).collect();
            // only those that have some
            let places: Vec<&Location> =
                places.iter().filter(|p| p.attr_names().is_ok_and(|n| !n.is_empty())).collect();
            if places.is_empty() {
                return Ok(());
            }
            let place = places[numbers.below(places.len())];
            let names = place.attr_names()?;
            let name = &names[numbers.below(names.len())];
            place.delete_attr(name)?;
            attribute(place, name, numbers)
        }
    }
}

fn collect(group: &Group, depth: usize, groups: &mut Vec<Group>, members: &mut Vec<Member>) -> Result<()> {
    for name in group.member_names()? {
        if depth < 5
            && let Ok(inner) = group.group(&name)
        {
            groups.push(inner.clone());
            collect(&inner, depth + 1, groups, members)?;
        }
        members.push((group.clone(), name));
    }
    Ok(())
}

/// Another data set in the place of `data`, with most of its attributes.
fn replace(group: &Group, name: &str, data: &Dataset, numbers: &mut Numbers) -> Result<()> {
    let mut kept: Vec<(String, Kept)> = Vec::new();
    for attribute in data.attr_names()? {
        let of = data.attr(&attribute)?;
        // a scalar of no value would be read as whatever is in memory
        if let Some(value) = of.read_raw::<f64>().ok().and_then(|v| v.first().copied()) {
            kept.push((attribute, Kept::Number(value)));
        } else if let Some(value) = of.read_raw::<VarLenUnicode>().ok().and_then(|v| v.into_iter().next()) {
            kept.push((attribute, Kept::Text(value)));
        }
    }
    let mut shape = data.shape();
    match numbers.below(6) {
        0 => shape.insert(numbers.below(shape.len() + 1), numbers.of(&LENGTHS)),
        1 => drop(shape.pop()),
        2 => shape = vec![numbers.of(&LENGTHS); 1 + numbers.below(4)],
        3 => {}
        _ if shape.is_empty() => shape.push(numbers.of(&LENGTHS)),
        _ => {
            let axis = numbers.below(shape.len());
            shape[axis] = numbers.of(&LENGTHS);
        }
    }
    let same_type = numbers.below(2) == 0;
    group.unlink(name)?;
    let new = match numbers.below(11) {
        0 => create::<f32>(group, name, &shape, numbers),
        1 => create::<i32>(group, name, &shape, numbers),
        2 => create::<u8>(group, name, &shape, numbers),
        3 => create::<i64>(group, name, &shape, numbers),
        4 => create::<bool>(group, name, &shape, numbers),
        5 => create::<Complex64>(group, name, &shape, numbers),
        6 => create::<VarLenUnicode>(group, name, &shape, numbers),
        7 => create::<VarLenAscii>(group, name, &shape, numbers),
        8 => create::<FixedAscii<8>>(group, name, &shape, numbers),
        _ if same_type => {
            let descriptor = data.dtype()?.to_descriptor()?;
            layout(group.new_dataset_builder().empty_as(&descriptor).shape(shape.clone()), &shape, numbers).create(name)
        }
        _ => create::<f64>(group, name, &shape, numbers),
    }?;
    for (attribute, value) in kept {
        match value {
            Kept::Number(value) => new.new_attr::<f64>().create(attribute.as_str())?.write_scalar(&value)?,
            Kept::Text(value) => new.new_attr::<VarLenUnicode>().create(attribute.as_str())?.write_scalar(&value)?,
        }
    }
    Ok(())
}

enum Kept {
    Number(f64),
    Text(VarLenUnicode),
}

fn create<T: H5Type>(group: &Group, name: &str, shape: &[usize], numbers: &mut Numbers) -> Result<Dataset> {
    layout(group.new_dataset::<T>().shape(shape), shape, numbers).create(name)
}

/// In one piece, or in chunks, compressed or not; nothing is written.
fn layout(
    builder: hdf5::DatasetBuilderEmptyShape,
    shape: &[usize],
    numbers: &mut Numbers,
) -> hdf5::DatasetBuilderEmptyShape {
    if shape.is_empty() || numbers.below(3) == 0 {
        return builder;
    }
    let most = numbers.of(&[4, 64, 1000]);
    let chunk: Vec<usize> = shape.iter().map(|n| (*n).clamp(1, most)).collect();
    let builder = builder.chunk(chunk);
    if numbers.below(3) == 0 { builder.shuffle().deflate(1) } else { builder }
}

/// An attribute of another type, of none or of many values, or of a number that cannot be.
fn attribute(place: &Location, name: &str, numbers: &mut Numbers) -> Result<()> {
    let text = |bytes: &str| bytes.parse::<VarLenUnicode>().unwrap_or_default();
    let number = numbers.of(&INTEGERS);
    match numbers.below(15) {
        0 => Ok(()),
        1 => place.new_attr::<i64>().create(name)?.write_scalar(&number),
        2 => place.new_attr::<f32>().create(name)?.write_scalar(&f32::NAN),
        3 => {
            place.new_attr::<f64>().create(name)?.write_scalar(&numbers.of(&[f64::INFINITY, f64::NAN, 1e300, -1e-300]))
        }
        4 => place.new_attr::<f64>().shape([0]).create(name).map(drop),
        5 => place.new_attr::<f64>().shape(Extents::Null).create(name).map(drop),
        6 => place.new_attr::<VarLenUnicode>().shape(Extents::Null).create(name).map(drop),
        7 => place.new_attr::<f64>().shape([2, 3]).create(name)?.write_raw(&[number as f64; 6]),
        8 => {
            // SAFETY: no byte is 0; that they are no ASCII is what other programs write, too
            let value = unsafe { VarLenAscii::from_ascii_unchecked(b"a\xff\xf0\x9f") };
            place.new_attr::<VarLenAscii>().create(name)?.write_scalar(&value)
        }
        9 => place.new_attr::<VarLenUnicode>().shape([3]).create(name)?.write_raw(&[text("a"), text(""), text("b")]),
        10 => {
            let value = FixedAscii::<8>::from_ascii(b"abc").unwrap_or_default();
            place.new_attr::<FixedAscii<8>>().create(name)?.write_scalar(&value)
        }
        11 => place.new_attr::<Complex64>().create(name)?.write_scalar(&Complex64::new(1.0, 2.0)),
        12 => place.new_attr::<bool>().create(name)?.write_scalar(&true),
        13 => place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text(&"../x\n/".repeat(500))),
        _ => place.new_attr::<f64>().create(name)?.write_scalar(&(number as f64)),
    }
}

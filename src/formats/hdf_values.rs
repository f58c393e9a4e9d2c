//! Values of HDF5 files that may be damaged: neither sizes nor texts are taken on trust.
//!
//! A header of some bytes can announce petabytes that nobody wrote: the library would fill them in. What is read is therefore
//! compared with the file and with the machine first.

use crate::error::{Error, Result};
use crate::math::machine_memory;
use hdf5::dataset::Layout;
use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Container, Dataset, Group, H5Type, Location};
use hdf5_sys::h5::{H5_INDEX_NAME, H5_ITER_INC, H5_ITER_NATIVE, herr_t};
use hdf5_sys::h5a::H5Aiterate2;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5l::H5Literate;
use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::ptr::null_mut;

/// Deflate shrinks by this factor at the very most.
pub(super) const DEFLATE: u64 = 1032;
/// What a data set may hold, bytes, that was announced and never written, and whose values are therefore fill values.
const UNWRITTEN: u64 = 64 << 20;
/// More bytes than this no attribute has.
const ATTRIBUTE: usize = 64 << 20;

/// An error where `data` announces more than its file at `path` can hold.
///
/// Data sets whose values are in other files (virtual and external ones) are not asked.
pub(super) fn require_stored(data: &Dataset, path: &Path) -> Result<()> {
    let shape = data.shape();
    let each = data.dtype().map_or(1, |t| t.size().max(1));
    let file = std::fs::metadata(path).map_err(|e| Error::io("read", path, e))?.len();
    let most = file.saturating_mul(DEFLATE).max(UNWRITTEN);
    match bytes(&shape, each) {
        Some(bytes) if bytes <= most || is_elsewhere(data) => Ok(()),
        bytes => Err(Error::input(format!("the data set {} is larger than its file can be", name(data)))
            .found(format!("shape {shape:?}{}", bytes.map_or(String::new(), |b| format!(", {b} bytes"))))
            .expected(format!("at most {most} bytes: the file has {file}"))
            .place(format!("{}, {}", path.display(), name(data)))
            .hint("the file is damaged, or was never filled: copy or make it again")),
    }
}

/// An error where `count` values of `each` bytes of the data set do not fit into the machine's memory.
pub(super) fn require_memory(data: &Dataset, count: &[usize], each: usize, path: &Path) -> Result<()> {
    let Some(memory) = machine_memory() else { return Ok(()) };
    match bytes(count, each) {
        Some(bytes) if bytes as f64 <= memory => Ok(()),
        bytes => Err(Error::input(format!("the data set {} does not fit into memory", name(data)))
            .found(format!("shape {count:?}{}", bytes.map_or(String::new(), |b| format!(", {b} bytes"))))
            .expected(format!("at most {memory:.2e} bytes"))
            .place(format!("{}, {}", path.display(), name(data)))),
    }
}

/// Both of these for all values of `data`, read as `T`.
pub(super) fn require_room<T>(data: &Dataset, path: &Path) -> Result<()> {
    require_stored(data, path)?;
    require_memory(data, &data.shape(), size_of::<T>(), path)
}

/// All values of `data`, in the order of the file.
///
/// # Errors
/// Those of [`require_room`]; what the library has to say.
pub(super) fn values<T: H5Type>(data: &Dataset, path: &Path) -> Result<Vec<T>> {
    require_room::<T>(data, path)?;
    data.read_raw().map_err(|e| {
        Error::input(format!("the data set {} cannot be read", name(data)))
            .found(format!("HDF5: {}", first_line(&e)))
            .place(format!("{}, {}", path.display(), name(data)))
            .hint("the file is damaged: copy or make it again")
    })
}

/// The numbers of attribute `name`: empty for one without values.
pub(super) fn numbers<T: H5Type>(place: &Location, name: &str) -> hdf5::Result<Vec<T>> {
    let attribute = place.attr(name)?;
    require_small(&attribute, size_of::<T>())?;
    attribute.read_raw()
}

/// The first number of attribute `name`; one without values is an error.
pub(super) fn number<T: H5Type + Copy>(place: &Location, name: &str) -> hdf5::Result<T> {
    numbers(place, name)?.first().copied().ok_or_else(|| format!("the attribute {name} is empty").into())
}

/// The first text of attribute `name`; one without values, or of no text, is an error.
pub(super) fn text(place: &Location, name: &str) -> hdf5::Result<String> {
    let attribute = place.attr(name)?;
    texts(&attribute)?.into_iter().next().ok_or_else(|| format!("the attribute {name} is empty").into())
}

/// The texts of an attribute or a data set, whatever HDF5 type of text they have.
///
/// # Errors
/// Values that are no texts; more than an attribute can hold.
pub(super) fn texts(container: &Container) -> hdf5::Result<Vec<String>> {
    match container.dtype()?.to_descriptor()? {
        TypeDescriptor::VarLenUnicode => plain_texts::<VarLenUnicode>(container, VarLenUnicode::as_bytes),
        TypeDescriptor::VarLenAscii => plain_texts::<VarLenAscii>(container, VarLenAscii::as_bytes),
        TypeDescriptor::FixedAscii(0..=256) => plain_texts::<FixedAscii<256>>(container, FixedAscii::as_bytes),
        TypeDescriptor::FixedAscii(_) => plain_texts::<FixedAscii<65536>>(container, FixedAscii::as_bytes),
        TypeDescriptor::FixedUnicode(0..=256) => plain_texts::<FixedUnicode<256>>(container, FixedUnicode::as_bytes),
        TypeDescriptor::FixedUnicode(_) => plain_texts::<FixedUnicode<65536>>(container, FixedUnicode::as_bytes),
        other => Err(format!("{} where texts should be", type_words(&other)).into()),
    }
}

fn plain_texts<T: H5Type>(container: &Container, bytes: fn(&T) -> &[u8]) -> hdf5::Result<Vec<String>> {
    require_small(container, size_of::<T>())?;
    // the library does not check that text in a file is UTF-8
    Ok(container.read_raw::<T>()?.iter().map(|text| String::from_utf8_lossy(bytes(text)).into_owned()).collect())
}

/// An error where the values are more than those of any attribute.
fn require_small(container: &Container, each: usize) -> hdf5::Result<()> {
    let shape = container.get_shape()?;
    match bytes(&shape, each) {
        Some(bytes) if bytes <= ATTRIBUTE as u64 => Ok(()),
        _ => Err(format!("{shape:?} values, more than the file can hold").into()),
    }
}

/// Names of the attributes of `place`, in their order.
///
/// The crate's own way looks at the character set of each name, which in a damaged file is none that it knows: it then reads
/// whatever is in memory.
pub(super) fn attribute_names(place: &Location) -> hdf5::Result<Vec<String>> {
    // SAFETY: the callback gets what it wants, and nothing else looks at the names meanwhile
    names(|to| unsafe { H5Aiterate2(place.id(), H5_INDEX_NAME, H5_ITER_INC, null_mut(), Some(push), to) })
}

/// Names of the members of a group, in the order of the file.
pub(super) fn member_names(group: &Group) -> hdf5::Result<Vec<String>> {
    // SAFETY: as above
    names(|to| unsafe { H5Literate(group.id(), H5_INDEX_NAME, H5_ITER_NATIVE, null_mut(), Some(push), to) })
}

fn names(iterate: impl FnOnce(*mut c_void) -> herr_t) -> hdf5::Result<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    match hdf5::sync::sync(|| iterate((&raw mut found).cast())) {
        0.. => Ok(found),
        _ => Err("names in the file cannot be read".into()),
    }
}

/// Adds a name to the vector `to`; what else is known of it is not looked at.
unsafe extern "C" fn push<I>(_: hid_t, name: *const c_char, _: *const I, to: *mut c_void) -> herr_t {
    // SAFETY: the library passes on what `names` gave it, and a name that ends with a NUL
    let (found, name) = unsafe { (&mut *to.cast::<Vec<String>>(), CStr::from_ptr(name)) };
    found.push(name.to_string_lossy().into_owned());
    0
}

/// Text of a file that may be damaged: not trusted to be UTF-8.
pub(super) fn plain(text: &VarLenUnicode) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

/// The first line of a library error, without its stack.
pub(super) fn first_line(error: &hdf5::Error) -> String {
    error.to_string().lines().next().unwrap_or("an HDF5 error").to_string()
}

/// What a type is, in words. Names of fields and members, which may be no UTF-8, are left out.
pub(super) fn type_words(of: &TypeDescriptor) -> String {
    match of {
        TypeDescriptor::Compound(compound) => format!("a compound of {} fields", compound.fields.len()),
        TypeDescriptor::Enum(of) => format!("an enumeration of {} members", of.members.len()),
        TypeDescriptor::FixedArray(of, count) => format!("arrays of {count}: {}", type_words(of)),
        TypeDescriptor::VarLenArray(of) => format!("arrays of any length: {}", type_words(of)),
        other => other.to_string(),
    }
}

fn bytes(shape: &[usize], each: usize) -> Option<u64> {
    shape.iter().try_fold(each as u64, |n, length| n.checked_mul(*length as u64))
}

fn is_elsewhere(data: &Dataset) -> bool {
    data.dcpl().is_ok_and(|plist| plist.layout() == Layout::Virtual || !plist.external().is_empty())
}

fn name(data: &Dataset) -> String {
    data.name().trim_start_matches('/').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdf5::file::LibraryVersion;
    use hdf5::plist::attribute_create::CharEncoding;
    use hdf5::{Extents, File};

    fn set(file: &File, name: &str, shape: &[usize]) -> Dataset {
        let chunk: Vec<usize> = shape.iter().map(|n| (*n).min(1000)).collect();
        file.new_dataset::<f64>().shape(shape).chunk(chunk).create(name).unwrap()
    }

    #[test]
    fn sizes_that_no_file_can_have_are_refused_before_anything_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let file = File::create(&path).unwrap();
        for (name, shape) in [("long", vec![1 << 50]), ("wide", vec![3, 1 << 62]), ("overflow", vec![1 << 33, 1 << 33])]
        {
            let data = set(&file, name, &shape);
            file.flush().unwrap();
            let error = values::<f64>(&data, &path).unwrap_err().to_string();
            for words in [format!("{shape:?}"), "at most 67108864 bytes".into(), "x.h5".into(), name.into()] {
                assert!(error.contains(&words), "{words}: {error}");
            }
        }
        // what was announced and not written is read where it is small
        let data = set(&file, "small", &[1000]);
        file.flush().unwrap();
        assert_eq!(values::<f64>(&data, &path).unwrap(), [0.0; 1000]);
        let error = require_memory(&data, &[1 << 40, 8], 8, &path).unwrap_err().to_string();
        assert!(error.contains("does not fit into memory") && error.contains("small"), "{error}");
        // the values of others are not counted by this file
        let data =
            file.new_dataset::<f64>().shape([1 << 40]).external("elsewhere", 0, 8 << 40).create("other").unwrap();
        require_stored(&data, &path).unwrap();
    }

    #[test]
    fn attributes_of_any_type_of_text_are_read_and_those_without_values_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("x.h5")).unwrap();
        let value: VarLenUnicode = "Größe".parse().unwrap();
        file.new_attr::<VarLenUnicode>().create("any").unwrap().write_scalar(&value).unwrap();
        // SAFETY: no byte is 0
        let other = unsafe { VarLenAscii::from_ascii_unchecked(b"a\xff") };
        file.new_attr::<VarLenAscii>().create("bytes").unwrap().write_scalar(&other).unwrap();
        let fixed = FixedAscii::<300>::from_ascii(&[b'x'; 280]).unwrap();
        file.new_attr::<FixedAscii<300>>().create("fixed").unwrap().write_scalar(&fixed).unwrap();
        let of = |name: &str| text(&file, name).unwrap();
        assert_eq!((of("any"), of("bytes"), of("fixed")), ("Größe".into(), "a\u{fffd}".into(), "x".repeat(280)));
        file.new_attr::<f64>().shape(Extents::Null).create("none").unwrap();
        file.new_attr::<VarLenUnicode>().shape(Extents::Null).create("no text").unwrap();
        file.new_attr::<f64>().shape([0]).create("nothing").unwrap();
        for error in [
            number::<f64>(&file, "none").map(|_| ()),
            number::<f64>(&file, "nothing").map(|_| ()),
            text(&file, "no text").map(|_| ()),
        ] {
            assert!(error.unwrap_err().to_string().contains("is empty"));
        }
        assert!(text(&file, "none").unwrap_err().to_string().contains("where texts should be"));
    }

    #[test]
    fn names_of_a_character_set_that_is_none_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.h5");
        let bounds = (LibraryVersion::Earliest, LibraryVersion::V110);
        let file = File::with_options().with_fapl(|p| p.libver_bounds(bounds.0, bounds.1)).create(&path).unwrap();
        file.new_attr_builder().char_encoding(CharEncoding::Utf8).empty::<f64>().create("a name").unwrap();
        file.create_group("b").unwrap();
        file.close().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let name = bytes.windows(7).position(|w| w == b"a name\0").unwrap();
        // UTF-8 is 1
        assert_eq!(bytes[name - 1], 1);
        bytes[name - 1] = 200;
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(
            (attribute_names(&file).unwrap(), member_names(&file).unwrap()),
            (vec!["a name".into()], vec!["b".into()])
        );
    }
}

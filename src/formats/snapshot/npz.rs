//! Archives of numpy (.npz) as plain arrays: a zip of .npy files, stored or deflated.
//!
//! The arrays are copied, a slab at a time, into an HDF5 file without a name in the folder for temporary files; all that is
//! known of plain arrays in HDF5 then holds for them. Numbers and texts without an axis become attributes of the root, a
//! text `NAME_units` the attribute `units` of the array NAME. Formats: PKWARE's APPNOTE 6.3 (zip, zip64), numpy's NEP 1.

use super::arrays;
use super::hdf::first_line;
use crate::error::{Error, Result};
use crate::formats::hdf_values::DEFLATE;
use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use hdf5::File as Hdf5;
use hdf5::types::VarLenUnicode;
use ndarray::{Array2, s};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers converted at a time.
const SLAB: usize = 1 << 19;

/// Attribute of the root of an archive that was copied.
const MARK: &str = ".npz";

/// Whether a file that begins like this is a zip archive.
pub(super) fn resembles(start: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06")
}

/// Whether `file` is what [`open`] made.
pub(super) fn is_archive(file: &Hdf5) -> bool {
    file.attr(MARK).is_ok()
}

/// The archive at `path` as an HDF5 file; without `values` the arrays have their shapes only.
///
/// # Errors
/// A damaged archive; an array that holds neither numbers nor one text, or has more than two axes; units that are no
/// text, or of no array; no room for temporary files.
pub(super) fn open(path: &Path, values: bool) -> Result<Hdf5> {
    let members = members(path)?;
    if members.is_empty() {
        return Err(damaged(path, "an archive without arrays"));
    }
    let out = nameless().map_err(|e| e.place(path.display()))?;
    set_text(&out, MARK, "numpy").map_err(|e| failed(path, MARK, &e))?;
    let mut units = Vec::new();
    for member in &members {
        let mut npy = Npy::open(path, member)?;
        npy.require_stored()?;
        match (&npy.kind, npy.shape.as_slice()) {
            (Kind::Text(_), []) => {
                let text = npy.text()?;
                if let Some(array) = member.name.strip_suffix("_units").filter(|_| !arrays::is_text(&member.name)) {
                    units.push((array.to_string(), text.clone()));
                }
                set_text(&out, &member.name, &text).map_err(|e| failed(path, &member.name, &e))?;
            }
            (Kind::Text(_), _) => return Err(npy.refuse("a table of texts")),
            (Kind::Number { .. }, _) if member.name.ends_with("_units") => {
                return Err(Error::input(format!("{} holds no units", member.name))
                    .found("numbers")
                    .expected("one text such as \"kpc\"")
                    .place(path.display())
                    .hint("docs/snapshots.md lists the units"));
            }
            (Kind::Number { .. }, shape) if shape.iter().all(|n| *n == 1) && header_or_scalar(&member.name, shape) => {
                let value = npy.numbers(1)?[0];
                let set = || out.new_attr::<f64>().create(member.name.as_str())?.write_scalar(&value);
                set().map_err(|e| failed(path, &member.name, &e))?;
            }
            (Kind::Number { .. }, &[rows]) => npy.copy(&out, [rows, 1], false, values)?,
            (Kind::Number { .. }, &[rows, columns]) => npy.copy(&out, [rows, columns], true, values)?,
            (Kind::Number { .. }, shape) => return Err(npy.refuse(&format!("{} axes", shape.len()))),
        }
        if npy.finished {
            npy.check()?;
        }
    }
    for (array, text) in units {
        let data = out.dataset(&array).map_err(|_| {
            let names: Vec<&str> = members.iter().map(|m| m.name.as_str()).filter(|n| !n.ends_with("_units")).collect();
            Error::input(format!("{array}_units are the units of no array"))
                .found(names.join(", "))
                .expected(format!("an array {array}"))
                .place(path.display())
                .hint("name the units after the array; those of box_size are box_units")
        })?;
        set_text(&data, "units", &text).map_err(|e| failed(path, &array, &e))?;
    }
    Ok(out)
}

/// Whether an array of one number is an attribute of the root, be it that it has an axis.
fn header_or_scalar(name: &str, shape: &[usize]) -> bool {
    shape.is_empty() || arrays::is_number(name)
}

fn set_text(place: &hdf5::Location, name: &str, text: &str) -> hdf5::Result<()> {
    let value: VarLenUnicode = text.replace('\0', "").parse().unwrap_or_default();
    place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&value)
}

/// A new HDF5 file that is gone as soon as it is closed.
fn nameless() -> Result<Hdf5> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!(".skyfringe-npz-{}-{number}.h5", std::process::id()));
    let file = Hdf5::create_excl(&path).map_err(|e| {
        Error::input("no temporary file can be made for the arrays of an .npz archive")
            .found(format!("{}: {}", path.display(), first_line(&e)))
            .expected("a folder for temporary files with room for the arrays")
            .hint("set TMPDIR to another folder, or save the arrays as HDF5 (docs/snapshots.md)")
    })?;
    std::fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
    Ok(file)
}

fn failed(path: &Path, name: &str, error: &hdf5::Error) -> Error {
    Error::input(format!("the array {name} cannot be copied to a temporary file"))
        .found(first_line(error))
        .place(path.display())
        .hint("set TMPDIR to a folder with room for the arrays, or save them as HDF5 (docs/snapshots.md)")
}

fn damaged(path: &Path, found: &str) -> Error {
    Error::input("the .npz archive is truncated or damaged")
        .found(found)
        .expected("what numpy.savez and numpy.savez_compressed write")
        .place(path.display())
        .hint("write or fetch the file again")
}

/// One file of the archive.
struct Member {
    /// Without ".npy".
    name: String,
    deflated: bool,
    crc: u32,
    packed: u64,
    /// Where its local header begins.
    offset: u64,
}

fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    Some(bytes.get(at..at + length)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
}

/// The arrays in the archive's directory.
fn members(path: &Path) -> Result<Vec<Member>> {
    let io = |e| Error::io("read", path, e);
    let mut file = File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut read = |at: u64, bytes: u64| -> Result<Vec<u8>> {
        let mut out = Vec::new();
        file.seek(SeekFrom::Start(at)).map_err(io)?;
        (&mut file).take(bytes).read_to_end(&mut out).map_err(io)?;
        Ok(out)
    };
    // the last record may be followed by a comment of up to 64 KiB
    let tail_at = length.saturating_sub(66_000);
    let tail = read(tail_at, 66_000)?;
    let none = || damaged(path, "no directory at its end");
    let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06").ok_or_else(none)?;
    let (mut size, mut at) =
        (number(&tail, end + 12, 4).ok_or_else(none)?, number(&tail, end + 16, 4).ok_or_else(none)?);
    if (size == 0xffff_ffff || at == 0xffff_ffff)
        && let Some(locator) = end.checked_sub(20).filter(|l| tail[*l..].starts_with(b"PK\x06\x07"))
    {
        let record = read(number(&tail, locator + 8, 8).ok_or_else(none)?, 56)?;
        size = number(&record, 40, 8).ok_or_else(none)?;
        at = number(&record, 48, 8).ok_or_else(none)?;
    }
    if at.checked_add(size).is_none_or(|end| end > length) {
        return Err(none());
    }
    let directory = read(at, size)?;
    let mut members = Vec::new();
    let mut at = 0;
    while directory.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
        let (member, next) = entry(&directory, at).ok_or_else(|| damaged(path, "a directory that breaks off"))?;
        let (mut member, method) = member;
        if let Some(name) = member.name.strip_suffix(".npy").map(str::to_string) {
            if method != 0 && method != 8 {
                return Err(damaged(path, &format!("{name} packed by method {method}")));
            }
            member.name = name;
            members.push(member);
        }
        at = next;
    }
    Ok(members)
}

/// One entry of the directory with its method of packing, and where the next begins.
fn entry(directory: &[u8], at: usize) -> Option<((Member, u64), usize)> {
    let field = |offset: usize, length: usize| number(directory, at + offset, length);
    let (name_len, extra_len, comment) = (field(28, 2)? as usize, field(30, 2)? as usize, field(32, 2)? as usize);
    let name = String::from_utf8_lossy(directory.get(at + 46..at + 46 + name_len)?).into_owned();
    let (mut packed, mut whole, mut offset) = (field(20, 4)?, field(24, 4)?, field(42, 4)?);
    // zip64: those of the three that do not fit into 32 bits, in this order
    let extra = directory.get(at + 46 + name_len..at + 46 + name_len + extra_len)?;
    let mut e = 0;
    while e + 4 <= extra.len() {
        let (id, length) = (number(extra, e, 2)?, number(extra, e + 2, 2)? as usize);
        if id == 1 {
            let mut from = e + 4;
            for value in [&mut whole, &mut packed, &mut offset] {
                if *value == 0xffff_ffff {
                    *value = number(extra, from, 8)?;
                    from += 8;
                }
            }
        }
        e += 4 + length;
    }
    let method = field(10, 2)?;
    let member = Member { name, deflated: method == 8, crc: field(16, 4)? as u32, packed, offset };
    Some(((member, method), at + 46 + name_len + extra_len + comment))
}

/// What the elements of an array are.
enum Kind {
    Number {
        letter: u8,
        bytes: usize,
        big: bool,
    },
    /// Characters of four bytes, or of one.
    Text(Characters),
}

struct Characters {
    wide: bool,
    big: bool,
    count: usize,
}

/// An array as it is unpacked.
struct Npy<'a> {
    path: &'a Path,
    member: &'a Member,
    bytes: CrcReader<Box<dyn Read>>,
    kind: Kind,
    shape: Vec<usize>,
    columns_first: bool,
    /// Whether all elements were read.
    finished: bool,
}

impl<'a> Npy<'a> {
    fn open(path: &'a Path, member: &'a Member) -> Result<Npy<'a>> {
        let io = |e| Error::io("read", path, e);
        let broken = |found: &str| damaged(path, &format!("{}: {found}", member.name));
        let mut file = File::open(path).map_err(io)?;
        file.seek(SeekFrom::Start(member.offset)).map_err(io)?;
        let mut local = [0; 30];
        file.read_exact(&mut local).map_err(|_| broken("no local header"))?;
        let skip = number(&local, 26, 2).unwrap_or(0) + number(&local, 28, 2).unwrap_or(0);
        if !local.starts_with(b"PK\x03\x04") {
            return Err(broken("no local header"));
        }
        file.seek(SeekFrom::Current(skip as i64)).map_err(io)?;
        let packed = BufReader::new(file).take(member.packed);
        let plain: Box<dyn Read> =
            if member.deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
        let mut bytes = CrcReader::new(plain);
        let mut start = [0; 10];
        let cut = |_| broken("it breaks off in its header");
        bytes.read_exact(&mut start).map_err(cut)?;
        if &start[..6] != b"\x93NUMPY" {
            return Err(broken("not a .npy file"));
        }
        // versions 2 and 3 have four bytes of length
        let mut length = number(&start, 8, 2).unwrap_or(0);
        if start[6] > 1 {
            let mut more = [0; 2];
            bytes.read_exact(&mut more).map_err(cut)?;
            length += number(&more, 0, 2).unwrap_or(0) << 16;
        }
        if length > 1 << 20 {
            return Err(broken("a header of more than a megabyte"));
        }
        let mut header = vec![0; length as usize];
        bytes.read_exact(&mut header).map_err(cut)?;
        let header = String::from_utf8_lossy(&header).into_owned();
        let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start());
        let shape = after("'shape':").and_then(|t| t.strip_prefix('(')).and_then(|t| t.split(')').next());
        let shape: Option<Vec<usize>> =
            shape.and_then(|t| t.split(',').map(str::trim).filter(|t| !t.is_empty()).map(|t| t.parse().ok()).collect());
        let (Some(shape), Some(descr)) = (shape, after("'descr':")) else {
            return Err(broken("a header that cannot be read"));
        };
        let columns_first = after("'fortran_order':").is_some_and(|t| t.starts_with("True"));
        let descr = descr.strip_prefix('\'').and_then(|t| t.split('\'').next()).unwrap_or("a table of named fields");
        let kind = kind_of(descr).ok_or_else(|| {
            Error::input(format!("the array {} holds no numbers that can be read", member.name))
                .found(format!("dtype {descr}"))
                .expected("floats of 4 or 8 bytes, integers, truth values, or one text such as \"kpc\"")
                .place(path.display())
                .hint("save the archive without this array, or as numbers: array.astype(float)")
        })?;
        Ok(Npy { path, member, bytes, kind, shape, columns_first, finished: false })
    }

    fn refuse(&self, found: &str) -> Error {
        Error::input(format!("the array {} cannot be used", self.member.name))
            .found(found)
            .expected("numbers along one or two axes, or a single number or text")
            .place(self.path.display())
            .hint("docs/snapshots.md lists the arrays; save the archive without this one")
    }

    fn raw(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut raw = vec![0; length];
        self.bytes.read_exact(&mut raw).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                damaged(self.path, &format!("{} breaks off", self.member.name))
            }
            _ => Error::io("read", self.path, e),
        })?;
        Ok(raw)
    }

    /// An error where the array has more numbers than the archive can hold.
    fn require_stored(&self) -> Result<()> {
        let Kind::Number { bytes, .. } = self.kind else { return Ok(()) };
        let length = std::fs::metadata(self.path).map_err(|e| Error::io("read", self.path, e))?.len();
        let packed = self.member.packed.min(length);
        let most = if self.member.deflated { packed.saturating_mul(DEFLATE) } else { packed };
        let needed = self.shape.iter().try_fold(bytes as u64, |n, length| n.checked_mul(*length as u64));
        if needed.is_some_and(|needed| needed <= most) {
            return Ok(());
        }
        Err(Error::input(format!("the array {} is larger than its archive can be", self.member.name))
            .found(format!("shape {:?} of {bytes} bytes each", self.shape))
            .expected(format!("at most {most} bytes: {packed} are in the archive"))
            .place(self.path.display())
            .hint("the file is damaged: write or fetch it again"))
    }

    /// The next `count` numbers.
    fn numbers(&mut self, count: usize) -> Result<Vec<f64>> {
        let Kind::Number { letter, bytes, big } = self.kind else { return Err(self.refuse("a text")) };
        let mut raw = self.raw(count * bytes)?;
        Ok(raw
            .chunks_exact_mut(bytes)
            .map(|b| {
                if big {
                    b.reverse();
                }
                let bits = b.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
                match (letter, bytes) {
                    (b'f', 4) => f64::from(f32::from_bits(bits as u32)),
                    (b'f', _) => f64::from_bits(bits),
                    // the sign of a shorter integer is moved up and back
                    (b'i', _) => ((bits << (64 - 8 * bytes)) as i64 >> (64 - 8 * bytes)) as f64,
                    _ => bits as f64,
                }
            })
            .collect())
    }

    fn text(&mut self) -> Result<String> {
        let Kind::Text(Characters { wide, big, count }) = self.kind else { return Err(self.refuse("numbers")) };
        if count > 1 << 16 {
            return Err(self.refuse("a text of more than 65536 characters"));
        }
        let raw = self.raw(if wide { 4 * count } else { count })?;
        self.finished = true;
        if !wide {
            return Ok(String::from_utf8_lossy(&raw).trim_end_matches('\0').to_string());
        }
        let code =
            |b: &[u8]| b.try_into().map_or(0, |b| if big { u32::from_be_bytes(b) } else { u32::from_le_bytes(b) });
        let text: String = raw.chunks_exact(4).map(|b| char::from_u32(code(b)).unwrap_or('?')).collect();
        Ok(text.trim_end_matches('\0').to_string())
    }

    /// Copies the array into a data set of its name.
    fn copy(&mut self, out: &Hdf5, [rows, columns]: [usize; 2], table: bool, values: bool) -> Result<()> {
        let name = self.member.name.as_str();
        let wrong = |e: hdf5::Error| failed(self.path, name, &e);
        let data = if table {
            out.new_dataset::<f64>().shape([rows, columns]).create(name)
        } else {
            out.new_dataset::<f64>().shape([rows]).create(name)
        };
        let data = data.map_err(wrong)?;
        if !values || rows * columns == 0 {
            return Ok(());
        }
        // a block of `width` columns lies together in the archive
        let (blocks, width) = if self.columns_first { (columns, 1) } else { (1, columns) };
        let step = (SLAB / width).max(1);
        for block in 0..blocks {
            for start in (0..rows).step_by(step) {
                let end = (start + step).min(rows);
                let slab = self.numbers((end - start) * width)?;
                let written = if table {
                    Array2::from_shape_vec((end - start, width), slab)
                        .map_err(|e| self.refuse(&e.to_string()))
                        .map(|slab| data.write_slice(&slab, s![start..end, block * width..(block + 1) * width]))?
                } else {
                    data.write_slice(&ndarray::Array1::from_vec(slab), s![start..end])
                };
                written.map_err(|e| failed(self.path, &self.member.name, &e))?;
            }
        }
        self.finished = true;
        Ok(())
    }

    /// An error unless the archive ends here and its checksum agrees.
    fn check(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        self.bytes.by_ref().take(1).read_to_end(&mut rest).map_err(|e| Error::io("read", self.path, e))?;
        if rest.is_empty() && self.bytes.crc().sum() == self.member.crc {
            return Ok(());
        }
        Err(damaged(self.path, &format!("{}: a checksum that does not agree", self.member.name)))
    }
}

/// What numpy's dtype in text stands for; None for what is neither number nor text.
fn kind_of(descr: &str) -> Option<Kind> {
    let (order, rest) = descr.split_at_checked(1)?;
    let (letter, bytes) = rest.split_at_checked(1)?;
    let (letter, bytes, big) = (letter.as_bytes()[0], bytes.parse::<usize>().ok()?, order == ">");
    match (letter, bytes) {
        (b'f', 4 | 8) | (b'i' | b'u', 1 | 2 | 4 | 8) | (b'b', 1) => Some(Kind::Number { letter, bytes, big }),
        (b'U', count) => Some(Kind::Text(Characters { wide: true, big, count })),
        (b'S', count) => Some(Kind::Text(Characters { wide: false, big, count })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_from_their_names() {
        assert!(matches!(kind_of("<f8"), Some(Kind::Number { letter: b'f', bytes: 8, big: false })));
        assert!(matches!(kind_of(">i2"), Some(Kind::Number { letter: b'i', bytes: 2, big: true })));
        assert!(matches!(kind_of("|b1"), Some(Kind::Number { .. })));
        assert!(matches!(kind_of("<U4"), Some(Kind::Text(Characters { wide: true, count: 4, .. }))));
        for other in ["|O", "<f2", "<c16", "<M8[ns]", "", "a table of named fields"] {
            assert!(kind_of(other).is_none(), "{other}");
        }
    }
}

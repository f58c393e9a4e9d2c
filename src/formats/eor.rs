//! Boxes and light cones of the 21 cm signal of reionisation, in HDF5 and FITS, as arrays along the line of sight.
//!
//! 21cmFAST 4's own files are read as they are: `Coeval.save` and single fields (group `BrightnessTemp` with
//! `OutputFields/brightness_temp` and `InputParameters`) and `LightCone.save` (`lightcones/brightness_temp`,
//! `lightcone_distances`, `InputParameters`). Of any other file the [`EorWords`] say what it does not.

use super::fits::{CardValue, read_array, read_array_shape};
use super::hdf_open;
use super::hdf_values::{self, first_line, require_memory, require_stored, text, values};
use crate::error::{Error, Result};
use crate::units::BoxLength;
use hdf5::{File, Group};
use ndarray::{Array3, ArrayView3, Axis, Ix3, s};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What a cube holds along its third axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EorKind {
    /// A volume at one moment.
    Coeval,
    /// Slices at the moments in which light left them.
    LightCone,
}

/// What is said about a file; None where the file says it itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EorWords {
    /// HDF5: path of the data set.
    pub dataset: Option<String>,
    /// Letters x, y (on the sky) and z (line of sight, away from the observer) in the order of the file's axes: HDF5's,
    /// slowest first; FITS' NAXIS1, 2, 3.
    pub axis_order: Option<String>,
    /// Comoving side along x.
    pub box_length: Option<BoxLength>,
    /// Unit of the values.
    pub unit: Option<String>,
    /// Redshift of a coeval box; of a light cone's first slice.
    pub redshift: Option<f64>,
    /// HDF5: comoving distances of a light cone's slices, Mpc.
    pub distances: Option<String>,
}

/// A box or a light cone: everything but its values.
#[derive(Debug, Clone, PartialEq)]
pub struct EorFile {
    path: PathBuf,
    /// The data set; None: FITS.
    dataset: Option<String>,
    /// The file's axis of x, y and z; slowest first.
    axes: [usize; 3],
    /// Slices of the file before the first that is used: buffers of 21cmFAST.
    skipped: usize,
    /// Box or light cone.
    pub kind: EorKind,
    /// Cells along x, y and z.
    pub shape: [usize; 3],
    /// Comoving side along x; cells are cubes but along a light cone.
    pub box_length: BoxLength,
    /// Unit of the values as it stands in the file, or as it was given.
    pub unit: String,
    /// Redshift of a coeval box; of a light cone's first slice where `distances_mpc` is empty.
    pub redshift: Option<f64>,
    /// Comoving distances of a light cone's slices, Mpc, rising; empty where the file states none.
    pub distances_mpc: Vec<f64>,
    /// h and Omega_m of 21cmFAST's cosmology.
    pub cosmology: Option<[f64; 2]>,
}

/// Describes the box or light cone at `path`.
///
/// # Errors
/// A file that is neither HDF5 nor FITS, no cube in it, or something that neither the file nor `words` state; the error
/// names the key.
pub fn describe_eor(path: &Path, kind: EorKind, words: &EorWords) -> Result<EorFile> {
    let place = |e: Error| e.place(path.display());
    let mut start = [0; 8];
    let read = std::fs::File::open(path).and_then(|mut f| std::io::Read::read(&mut f, &mut start));
    read.map_err(|e| Error::io("read", path, e))?;
    if &start == b"\x89HDF\r\n\x1a\n" {
        let file = open(path)?;
        of_hdf5(&file, path, kind, words).map_err(place)
    } else if start.starts_with(b"SIMPLE") {
        of_fits(path, kind, words).map_err(place)
    } else {
        Err(Error::input("a box of reionisation is neither an HDF5 nor a FITS file")
            .found(format!("a file that begins with \"{}\"", String::from_utf8_lossy(&start).escape_debug()))
            .expected("what 21cmFAST 4 writes, a data set of three axes in HDF5, or a FITS image of three axes")
            .place(path.display()))
    }
}

impl EorFile {
    /// Values of the slices `z` as [z, y, x].
    ///
    /// # Errors
    /// A damaged file; values that are not finite.
    pub fn read(&self, z: Range<usize>) -> Result<Array3<f32>> {
        let place = |e: Error| e.place(self.path.display());
        let z = z.start + self.skipped..z.end + self.skipped;
        let [x_at, y_at, z_at] = self.axes;
        let turned = |view: ArrayView3<f32>| view.permuted_axes([z_at, y_at, x_at]).as_standard_layout().into_owned();
        let values = match &self.dataset {
            Some(name) => {
                let data = open(&self.path)?.dataset(name).map_err(|e| place(unreadable(&e)))?;
                require_stored(&data, &self.path)?;
                let slices = [z.len(), self.shape[0], self.shape[1]];
                require_memory(&data, &slices, size_of::<f32>(), &self.path)?;
                let (from, to) = (z.start, z.end);
                let cube = match z_at {
                    0 => data.read_slice::<f32, _, Ix3>(s![from..to, .., ..]),
                    1 => data.read_slice::<f32, _, Ix3>(s![.., from..to, ..]),
                    _ => data.read_slice::<f32, _, Ix3>(s![.., .., from..to]),
                };
                turned(cube.map_err(|e| place(unreadable(&e)))?.view())
            }
            None => {
                let data = read_array(&self.path)?.data;
                // axes of length 1 after the third are none
                let shape: Vec<usize> = data.shape().iter().copied().skip(data.ndim() - 3).collect();
                let cube =
                    data.to_shape((shape[0], shape[1], shape[2])).map_err(|e| place(Error::input(e.to_string())))?;
                turned(cube.slice_axis(Axis(z_at), z.into()))
            }
        };
        match values.iter().filter(|v| !v.is_finite()).count() {
            0 => Ok(values),
            bad => Err(place(
                Error::input("the box holds values that are not numbers")
                    .found(format!("{bad} of {}", values.len()))
                    .expected("finite temperatures everywhere"),
            )),
        }
    }
}

fn open(path: &Path) -> Result<File> {
    hdf_open::open(path).map_err(|e| unreadable(&e).place(path.display()))
}

fn unreadable(error: &hdf5::Error) -> Error {
    Error::input("the HDF5 file is truncated or damaged")
        .found(first_line(error))
        .expected("a whole file")
        .hint("write or copy it again")
}

fn number(group: &Group, name: &str) -> Option<f64> {
    hdf_values::number(group, name).ok().filter(|v: &f64| v.is_finite())
}

/// What 21cmFAST 4 states in the groups of `InputParameters`, and where its temperatures are.
struct Own {
    dataset: &'static str,
    group: Group,
    redshift: Option<f64>,
}

fn own(file: &File, kind: EorKind) -> Option<Own> {
    let (dataset, parameters) = match kind {
        EorKind::Coeval => ("BrightnessTemp/OutputFields/brightness_temp", "BrightnessTemp/InputParameters"),
        EorKind::LightCone => ("lightcones/brightness_temp", "InputParameters"),
    };
    file.dataset(dataset).ok()?;
    let redshift = file.group("BrightnessTemp").ok().and_then(|g| number(&g, "redshift"));
    Some(Own { dataset, group: file.group(parameters).ok()?, redshift })
}

fn of_hdf5(file: &File, path: &Path, kind: EorKind, words: &EorWords) -> Result<EorFile> {
    let own = own(file, kind);
    let dataset = match (&words.dataset, &own) {
        (Some(name), _) => name.clone(),
        (None, Some(own)) => own.dataset.to_string(),
        (None, None) => only_cube(file, kind)?,
    };
    let data = file.dataset(&dataset).map_err(|_| {
        Error::input(format!("there is no data set {dataset}"))
            .found(hdf_values::member_names(file).unwrap_or_default().join(", "))
            .expected("the path of a data set with three axes")
            .hint("set dataset in the table [sky.eor]")
    })?;
    let axes = axes(words, data.shape().len(), false)?;
    let lengths = data.shape();
    let mut shape = axes.map(|axis| lengths[axis]);
    let options = own.as_ref().and_then(|o| o.group.group("simulation_options").ok());
    let cosmology = own.as_ref().and_then(|o| o.group.group("cosmo_params").ok());
    // BOX_LEN is in Mpc, without h
    let stated = options.as_ref().and_then(|g| number(g, "BOX_LEN")).map(BoxLength::cmpc);
    let unit = text(&data, "units").or_else(|_| text(&data, "unit")).ok();
    // 21cmFAST's brightness temperatures are in mK and say so nowhere
    let unit = words
        .unit
        .clone()
        .or(unit)
        .or_else(|| own.is_some().then(|| "mK".into()))
        .ok_or_else(|| lacks("units", "\"mK\" or \"K\""))?;
    let mut skipped = 0;
    let mut distances_mpc = Vec::new();
    let redshift = words.redshift.or_else(|| own.as_ref().and_then(|o| o.redshift));
    if kind == EorKind::LightCone {
        let name = words.distances.clone().or_else(|| own.is_some().then(|| "lightcone_distances".into()));
        if let Some(name) = name {
            let data = file.dataset(&name).map_err(|e| {
                Error::input(format!("the distances of the slices cannot be read from {name}"))
                    .found(first_line(&e))
                    .expected("a data set of one number a slice, Mpc")
            })?;
            distances_mpc = values(&data, path)?;
        }
        let attribute = |name: &str| number(file, name).unwrap_or(0.0).max(0.0) as usize;
        if own.is_some() && attribute("last_completed_lcidx") > 0 {
            return Err(Error::input("21cmFAST has not finished this light cone")
                .found(format!("slices below {} are not computed", attribute("last_completed_lcidx")))
                .expected("a whole light cone"));
        }
        if own.is_some() && distances_mpc.len() == shape[2] {
            let end = shape[2].saturating_sub(attribute("highz_buffer_pixels"));
            skipped = attribute("lowz_buffer_pixels").min(end);
            distances_mpc = distances_mpc[skipped..end].to_vec();
            shape[2] = end - skipped;
        }
    }
    let cosmology = cosmology.and_then(|g| Some([number(&g, "hlittle")?, number(&g, "OMm")?]));
    let dataset = Some(dataset);
    let file = EorFile {
        path: path.to_path_buf(),
        dataset,
        axes,
        skipped,
        kind,
        shape,
        box_length: words.box_length.or(stated).ok_or_else(|| lacks("box_length", "\"300 Mpc\" or \"200 Mpc/h\""))?,
        unit,
        redshift,
        distances_mpc,
        cosmology,
    };
    checked(file)
}

fn of_fits(path: &Path, kind: EorKind, words: &EorWords) -> Result<EorFile> {
    let (mut lengths, unit, cards) = read_array_shape(path)?;
    while lengths.len() > 3 && lengths.last() == Some(&1) {
        lengths.pop();
    }
    let axes = axes(words, lengths.len(), true)?;
    let slowest_first: Vec<usize> = lengths.iter().rev().copied().collect();
    let card = cards.iter().find(|c| c.key == "REDSHIFT").and_then(|c| match c.value {
        CardValue::Float(z) => Some(z),
        CardValue::Int(z) => Some(z as f64),
        _ => None,
    });
    let unit = words.unit.clone().or((!unit.is_empty()).then_some(unit));
    checked(EorFile {
        path: path.to_path_buf(),
        dataset: None,
        axes,
        skipped: 0,
        kind,
        shape: axes.map(|axis| slowest_first[axis]),
        box_length: words.box_length.ok_or_else(|| lacks("box_length", "\"300 Mpc\" or \"200 Mpc/h\""))?,
        unit: unit.ok_or_else(|| lacks("units", "\"mK\" or \"K\""))?,
        redshift: words.redshift.or(card),
        distances_mpc: Vec::new(),
        cosmology: None,
    })
}

fn lacks(key: &str, expected: &str) -> Error {
    Error::input(format!("the file does not state what sky.eor.{key} would"))
        .found("no file of 21cmFAST 4 with all its groups")
        .expected(expected)
        .hint(format!("set {key} in the table [sky.eor]"))
}

fn checked(file: EorFile) -> Result<EorFile> {
    if file.shape.contains(&0) {
        return Err(Error::input("the box is empty")
            .found(format!("{:?} cells", file.shape))
            .expected("cells along all axes"));
    }
    if !file.box_length.is_positive() {
        return Err(Error::input("the box has no length").expected("a box_length above 0"));
    }
    if file.redshift.is_some_and(|z| !(z > 0.0 && z < 1000.0)) {
        return Err(Error::input("the redshift of the box is out of range")
            .found(file.redshift.unwrap_or(0.0))
            .expected("above 0, below 1000"));
    }
    let d = &file.distances_mpc;
    if d.is_empty() && file.redshift.is_none() {
        return Err(lacks("redshift", "the redshift of the box, or of a light cone's first slice"));
    }
    if !d.is_empty() && d.len() != file.shape[2] {
        return Err(Error::input("the light cone has another number of slices than distances")
            .found(format!("{} distances", d.len()))
            .expected(format!("{} slices along z", file.shape[2]))
            .hint("axis_order in the table [sky.eor] tells which axis is z"));
    }
    if !d.is_empty()
        && (d[0] <= 0.0 || d.windows(2).any(|w| w[1].partial_cmp(&w[0]) != Some(std::cmp::Ordering::Greater)))
    {
        return Err(Error::input("the distances of the light cone do not rise")
            .found(format!("{} to {} Mpc", d[0], d[d.len() - 1]))
            .expected("positive comoving distances in Mpc, rising from slice to slice"));
    }
    Ok(file)
}

/// The only data set of three axes in the root of a file.
fn only_cube(file: &File, kind: EorKind) -> Result<String> {
    let names = hdf_values::member_names(file).unwrap_or_default();
    let cubes: Vec<&String> = names.iter().filter(|n| file.dataset(n).is_ok_and(|d| d.shape().len() == 3)).collect();
    match cubes.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(Error::input("it is not clear which data set is the box")
            .found(if names.is_empty() { "nothing".into() } else { names.join(", ") })
            .expected(match kind {
                EorKind::Coeval => "21cmFAST 4's group BrightnessTemp, or one data set of three axes",
                EorKind::LightCone => "21cmFAST 4's group lightcones, or one data set of three axes",
            })
            .hint("set dataset in the table [sky.eor]; sky.coeval is for boxes, sky.lightcone for light cones")),
    }
}

/// The axis, slowest first, of x, y and z.
fn axes(words: &EorWords, rank: usize, fits: bool) -> Result<[usize; 3]> {
    if rank != 3 {
        return Err(Error::input("the box does not have three axes")
            .found(format!("{rank} axes"))
            .expected("x, y and z"));
    }
    let order = words.axis_order.as_deref().unwrap_or("xyz");
    let at = |letter: char| order.chars().position(|c| c == letter).map(|n| if fits { 2 - n } else { n });
    match (order.chars().count(), at('x'), at('y'), at('z')) {
        (3, Some(x), Some(y), Some(z)) => Ok([x, y, z]),
        _ => Err(Error::input("not an order of axes")
            .found(format!("\"{order}\""))
            .expected("x, y and z once each, as in \"xyz\" or \"zyx\"")
            .place("sky.eor.axis_order")),
    }
}

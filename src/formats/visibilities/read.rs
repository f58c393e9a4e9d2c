use super::library::read_failed;
use super::{Polarisations, VisibilityTable};
use crate::error::{Error, Result};
use crate::formats::hdf_open;
use crate::formats::hdf_values::{numbers, require_memory, require_room, require_stored, texts, type_words};
use crate::units::RaDec;
use hdf5::types::TypeDescriptor;
use hdf5::{Container, Dataset, File, H5Type, MinorErrorCode};
use ndarray::{Array2, Array3, ArrayD, Axis, Ix2, Ix3, s};
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Reads a visibility file; a minimal one (uvw, freq_hz, vis, phase centre) gets weight 1, no flags.
///
/// # Errors
/// A missing, truncated or non-HDF5 file; a data set that is missing, has the wrong type or a shape that does not fit
/// the others; coordinates, frequencies, weights or unflagged visibilities that are not finite numbers. Each names the
/// file and the data set.
pub fn read_visibilities(path: &Path) -> Result<VisibilityTable> {
    let reader = ChannelReader::open(path)?;
    reader.read(0..reader.channels())
}

/// Reads everything but the visibilities themselves, which are 0: the frame to predict onto.
///
/// A file without `vis` gets one polarisation, I, unless the attribute `polarisations` says otherwise.
///
/// # Errors
/// Those of [`read_visibilities`].
pub fn read_visibility_frame(path: &Path) -> Result<VisibilityTable> {
    let reader = ChannelReader::open(path)?;
    reader.read_frame(0..reader.channels())
}

/// A visibility file of which a few channels at a time are read, so that it may be larger than memory.
#[derive(Debug)]
pub struct ChannelReader {
    path: PathBuf,
    weights_from: Option<PathBuf>,
    cross_only: bool,
    /// Everything that has no channel axis, and the frequencies.
    frame: VisibilityTable,
}

impl ChannelReader {
    /// Reads what is the same for all channels.
    ///
    /// # Errors
    /// Those of [`read_visibilities`], but for visibilities, weights and flags.
    pub fn open(path: &Path) -> Result<ChannelReader> {
        let frame = read_columns(&Source::open(path)?)?;
        Ok(ChannelReader { path: path.into(), weights_from: None, cross_only: false, frame })
    }

    /// Takes the data set `weight` of another file, of the same shape, in place of this file's.
    pub fn weights_from(mut self, path: &Path) -> ChannelReader {
        self.weights_from = Some(path.into());
        self
    }

    /// Flags stations with themselves, which are no part of an image.
    pub fn cross_only(mut self) -> ChannelReader {
        self.cross_only = true;
        self
    }

    /// Number of channels of the file.
    pub fn channels(&self) -> usize {
        self.frame.freq_hz.len()
    }

    /// The file's table with all its frequencies, its `vis`, `weight` and `flag` without channels.
    pub fn frame(&self) -> &VisibilityTable {
        &self.frame
    }

    /// The table of `channels`.
    ///
    /// # Errors
    /// Those of [`read_visibilities`].
    pub fn read(&self, channels: Range<usize>) -> Result<VisibilityTable> {
        let mut table = self.read_frame(channels.clone())?;
        let source = Source::open(&self.path)?;
        let vis = source.required("vis")?;
        source.check_complex(&vis)?;
        table.vis = source.slab(&vis, "vis", self.shape(), channels)?;
        let bad = table.vis.iter().zip(&table.flag).filter(|(v, flag)| !**flag && !v.is_finite()).count();
        if bad > 0 {
            return Err(source
                .wrong("vis", format!("{bad} unflagged visibilities that are not finite"), "finite numbers")
                .hint("set their flag to true"));
        }
        Ok(table)
    }

    /// The table of `channels` with visibilities of 0, which are not read.
    ///
    /// # Errors
    /// Those of [`read_visibilities`].
    pub fn read_frame(&self, channels: Range<usize>) -> Result<VisibilityTable> {
        let shape = self.shape();
        let part = (shape.0, channels.len(), shape.2);
        let source = Source::open(&self.path)?;
        let other = self.weights_from.as_deref().map(Source::open).transpose()?;
        let of_weights = other.as_ref().unwrap_or(&source);
        let weight = match of_weights.dataset("weight")? {
            Some(dataset) => of_weights.slab::<f32>(&dataset, "weight", shape, channels.clone())?,
            None if other.is_some() => return Err(of_weights.missing("weight")),
            None => Array3::from_elem(part, 1.0),
        };
        if let Some(bad) = weight.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
            return Err(of_weights.wrong("weight", bad, "finite numbers of at least 0"));
        }
        let mut flag = source.flags(shape, channels.clone())?;
        if self.cross_only {
            let pairs = self.frame.antenna1.iter().zip(&self.frame.antenna2);
            let rows = flag.axis_iter_mut(Axis(0)).zip(pairs).filter(|(_, (p, q))| p == q);
            rows.for_each(|(mut flags, _)| flags.fill(true));
        }
        Ok(VisibilityTable {
            freq_hz: self.frame.freq_hz[channels].to_vec(),
            vis: Array3::zeros(part),
            weight,
            flag,
            ..self.frame.clone()
        })
    }

    fn shape(&self) -> (usize, usize, usize) {
        (self.frame.uvw_m.nrows(), self.channels(), self.frame.polarisations.count())
    }
}

fn read_columns(source: &Source) -> Result<VisibilityTable> {
    let freq_hz: Vec<f64> = source.column("freq_hz", None)?.ok_or_else(|| source.missing("freq_hz"))?;
    if let Some(bad) = freq_hz.iter().find(|f| !(f.is_finite() && **f > 0.0)) {
        return Err(source.wrong("freq_hz", format!("{bad} Hz"), "positive frequencies"));
    }
    let uvw = source.required("uvw")?;
    let rows = match uvw.shape().as_slice() {
        [rows, 3] if *rows > 0 => *rows,
        other => return Err(source.wrong("uvw", format!("shape {other:?}"), "[row, 3] with at least one row")),
    };
    let uvw_m: Array2<f64> = source
        .values(&uvw, "uvw")?
        .into_shape_with_order((rows, 3))
        .map_err(|e| source.wrong("uvw", e, "the shape of the file"))?;
    let bad = uvw_m.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        return Err(source.wrong("uvw", format!("{bad} coordinates that are not finite"), "metres"));
    }
    let polarisations = source.polarisations(rows, freq_hz.len())?;
    let none = (rows, 0, polarisations.count());
    let antennas = |name: &str| -> Result<Vec<u32>> {
        let numbers: Vec<i64> = source.column(name, Some(rows))?.unwrap_or_default();
        numbers
            .into_iter()
            .map(|n| u32::try_from(n).map_err(|_| source.wrong(name, n, "station numbers from 0 on")))
            .collect()
    };
    let (antenna1, antenna2) = (antennas("antenna1")?, antennas("antenna2")?);
    if antenna1.len() != antenna2.len() {
        return Err(source.missing(if antenna1.is_empty() { "antenna1" } else { "antenna2" }));
    }
    Ok(VisibilityTable {
        uvw_m,
        time_mjd_utc: source.column("time_mjd_utc", Some(rows))?.unwrap_or_default(),
        antenna1,
        antenna2,
        freq_hz,
        vis: Array3::zeros(none),
        weight: Array3::zeros(none),
        flag: Array3::from_elem(none, false),
        phase_centre: source.phase_centre()?,
        polarisations,
        telescope: source.text("telescope")?.unwrap_or_default(),
        channel_width_hz: source.number("channel_width_hz")?.unwrap_or(0.0),
        integration_time_s: source.number("integration_time_s")?.unwrap_or(0.0),
        provenance: source.text("provenance")?.unwrap_or_default(),
    })
}

/// An open file, and what is said about its faults.
struct Source<'p> {
    path: &'p Path,
    file: File,
}

impl<'p> Source<'p> {
    fn open(path: &'p Path) -> Result<Source<'p>> {
        let metadata = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?;
        if !metadata.is_file() {
            return Err(Error::input("not a regular file").expected("a visibility file").place(path.display()));
        }
        let mut start = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(8).read_to_end(&mut start))
            .map_err(|e| Error::io("read", path, e))?;
        if start != b"\x89HDF\r\n\x1a\n" {
            return Err(Error::input("not an HDF5 file")
                .found(if start.is_empty() {
                    "an empty file".to_string()
                } else {
                    format!("a file that begins with \"{}\"", String::from_utf8_lossy(&start).escape_debug())
                })
                .expected("a visibility file, as docs/formats.md describes it")
                .place(path.display())
                .hint("`skyfringe observe` and `skyfringe run` write such files"));
        }
        let file = hdf_open::open(path).map_err(|e| {
            Error::input("the HDF5 file is truncated or damaged")
                .found(format!("HDF5: {}", e.to_string().lines().next().unwrap_or("an error")))
                .expected("a whole file")
                .place(path.display())
                .hint("copy it again")
        })?;
        Ok(Source { path, file })
    }

    fn place(&self, name: &str) -> String {
        format!("{}, {name}", self.path.display())
    }

    fn wrong(&self, name: &str, found: impl std::fmt::Display, expected: impl std::fmt::Display) -> Error {
        Error::input(format!("the data set {name} of a visibility file is not usable"))
            .found(found)
            .expected(expected)
            .place(self.place(name))
    }

    fn missing(&self, name: &str) -> Error {
        // the library's list of all names aborts the program where one of them is not UTF-8
        const NAMES: [&str; 8] = ["uvw", "time_mjd_utc", "antenna1", "antenna2", "freq_hz", "vis", "weight", "flag"];
        let found: Vec<&str> = NAMES.into_iter().filter(|name| self.file.link_exists(name)).collect();
        Error::input(format!("the visibility file has no data set {name}"))
            .found(if found.is_empty() { "none of the known data sets".into() } else { found.join(", ") })
            .expected("at least uvw, freq_hz and vis")
            .place(self.place(name))
            .hint("docs/formats.md describes the file")
    }

    fn dataset(&self, name: &str) -> Result<Option<Dataset>> {
        if !self.file.link_exists(name) {
            return Ok(None);
        }
        self.file.dataset(name).map(Some).map_err(|e| read_failed(self.path, name, &e))
    }

    fn required(&self, name: &str) -> Result<Dataset> {
        self.dataset(name)?.ok_or_else(|| self.missing(name))
    }

    /// All values of a data set, converted by the library.
    fn values<T: H5Type>(&self, dataset: &Dataset, name: &str) -> Result<ArrayD<T>> {
        require_room::<T>(dataset, self.path)?;
        dataset.read_dyn().map_err(|e| read_failed(self.path, name, &e))
    }

    fn column<T: H5Type>(&self, name: &str, rows: Option<usize>) -> Result<Option<Vec<T>>> {
        let Some(dataset) = self.dataset(name)? else {
            return Ok(None);
        };
        match (dataset.shape().as_slice(), rows) {
            ([length], Some(rows)) if *length == rows => {}
            ([length], None) if *length > 0 => {}
            (other, rows) => {
                let expected =
                    rows.map_or("one axis of at least 1".into(), |rows| format!("[{rows}], as uvw has rows"));
                return Err(self.wrong(name, format!("shape {other:?}"), expected));
            }
        }
        Ok(Some(self.values::<T>(&dataset, name)?.into_iter().collect()))
    }

    /// Some channels of an array of the shape of `vis`; the polarisation axis may be left out where it is 1.
    fn slab<T: H5Type>(
        &self,
        dataset: &Dataset,
        name: &str,
        shape: (usize, usize, usize),
        channels: Range<usize>,
    ) -> Result<Array3<T>> {
        self.check_cube(dataset, name, shape)?;
        if channels == (0..shape.1) {
            let values = self.values::<T>(dataset, name)?;
            return values.into_shape_with_order(shape).map_err(|e| self.wrong(name, e, "the shape of the file"));
        }
        require_stored(dataset, self.path)?;
        require_memory(dataset, &[shape.0, channels.len(), shape.2], size_of::<T>(), self.path)?;
        let read = if dataset.ndim() == 2 {
            dataset.read_slice::<T, _, Ix2>(s![.., channels]).map(|values| values.insert_axis(Axis(2)))
        } else {
            dataset.read_slice::<T, _, Ix3>(s![.., channels, ..])
        };
        read.map_err(|e| read_failed(self.path, name, &e))
    }

    fn check_cube(&self, dataset: &Dataset, name: &str, shape: (usize, usize, usize)) -> Result<()> {
        let found = dataset.shape();
        let (rows, channels, products) = shape;
        let two_axes = products == 1 && found == [rows, channels];
        if found == [rows, channels, products] || two_axes {
            return Ok(());
        }
        Err(self.wrong(
            name,
            format!("shape {found:?}"),
            format!("[{rows}, {channels}, {products}]: rows of uvw, channels of freq_hz, polarisations"),
        ))
    }

    fn flags(&self, shape: (usize, usize, usize), channels: Range<usize>) -> Result<Array3<bool>> {
        let Some(dataset) = self.dataset("flag")? else {
            return Ok(Array3::from_elem((shape.0, channels.len(), shape.2), false));
        };
        match self.descriptor(&dataset, "flag")? {
            TypeDescriptor::Boolean => self.slab::<bool>(&dataset, "flag", shape, channels),
            TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
                Ok(self.slab::<i64>(&dataset, "flag", shape, channels)?.mapv(|value| value != 0))
            }
            other => Err(self.wrong("flag", type_words(&other), "booleans or integers")),
        }
    }

    fn descriptor(&self, container: &Container, name: &str) -> Result<TypeDescriptor> {
        container.dtype().and_then(|t| t.to_descriptor()).map_err(|e| read_failed(self.path, name, &e))
    }

    /// Complex numbers are a compound of r and i, as h5py writes them. The library would also "convert" compounds
    /// of other names, to zeros.
    fn check_complex(&self, dataset: &Dataset) -> Result<()> {
        let expected = "complex64 or complex128 as h5py writes them: a compound of floats r and i";
        let found = match dataset.dtype().and_then(|t| t.to_descriptor()) {
            Ok(TypeDescriptor::Compound(compound)) => {
                let field = |name: &str| {
                    compound.fields.iter().any(|f| f.name == name && matches!(f.ty, TypeDescriptor::Float(_)))
                };
                if compound.fields.len() == 2 && field("r") && field("i") {
                    return Ok(());
                }
                type_words(&TypeDescriptor::Compound(compound))
            }
            Ok(other) => type_words(&other),
            Err(error) => error.to_string(),
        };
        Err(self.wrong("vis", found, expected))
    }

    fn polarisations(&self, rows: usize, channels: usize) -> Result<Polarisations> {
        let stated = match self.text("polarisations")? {
            None => None,
            Some(text) => match text.replace(' ', "").as_str() {
                "I" => Some(Polarisations::I),
                "XX,XY,YX,YY" => Some(Polarisations::Linear),
                _ => {
                    return Err(Error::input("polarisations that are not supported")
                        .found(format!("\"{text}\""))
                        .expected("\"I\" or \"XX,XY,YX,YY\"")
                        .place(self.place("attribute polarisations")));
                }
            },
        };
        let Some(vis) = self.dataset("vis")? else {
            return Ok(stated.unwrap_or(Polarisations::I));
        };
        let guessed = match vis.shape().as_slice() {
            [_, _, 4] => Polarisations::Linear,
            _ => Polarisations::I,
        };
        let polarisations = stated.unwrap_or(guessed);
        self.check_cube(&vis, "vis", (rows, channels, polarisations.count()))?;
        Ok(polarisations)
    }

    fn phase_centre(&self) -> Result<RaDec> {
        let degrees = |name: &str| {
            self.number(name)?.ok_or_else(|| {
                Error::input(format!("the visibility file has no attribute {name}"))
                    .expected("the phase centre, in degrees: phase_centre_ra_deg and phase_centre_dec_deg")
                    .place(self.place(name))
                    .hint("add them as attributes of the file itself, for example with h5py: f.attrs[...] = ...")
            })
        };
        let (ra, dec) = (degrees("phase_centre_ra_deg")?, degrees("phase_centre_dec_deg")?);
        if !(-90.0..=90.0).contains(&dec) {
            return Err(Error::input("a declination beyond the pole")
                .found(dec)
                .expected("-90 to 90 deg")
                .place(self.place("attribute phase_centre_dec_deg")));
        }
        Ok(RaDec::from_deg(ra, dec))
    }

    fn attribute(&self, name: &str) -> Result<Option<hdf5::Attribute>> {
        match self.file.attr(name) {
            Ok(attribute) => Ok(Some(attribute)),
            Err(error) if error.contains_minor(MinorErrorCode::NotFound) => Ok(None),
            Err(error) => Err(read_failed(self.path, name, &error)),
        }
    }

    /// A finite number, a scalar or an array of one.
    fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(attribute) = self.attribute(name)? else {
            return Ok(None);
        };
        let found = match self.descriptor(&attribute, name)? {
            TypeDescriptor::Float(_) | TypeDescriptor::Integer(_) | TypeDescriptor::Unsigned(_) => {
                let values: Vec<f64> = numbers(&self.file, name).map_err(|e| read_failed(self.path, name, &e))?;
                match values.as_slice() {
                    [value] if value.is_finite() => return Ok(Some(*value)),
                    other => format!("{other:?}"),
                }
            }
            other => type_words(&other),
        };
        Err(Error::input(format!("the attribute {name} of a visibility file is not usable"))
            .found(found)
            .expected("one finite number")
            .place(self.place(name)))
    }

    fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(attribute) = self.attribute(name)? else {
            return Ok(None);
        };
        match self.descriptor(&attribute, name)? {
            TypeDescriptor::VarLenUnicode
            | TypeDescriptor::VarLenAscii
            | TypeDescriptor::FixedAscii(_)
            | TypeDescriptor::FixedUnicode(_) => {
                let texts = texts(&attribute).map_err(|e| read_failed(self.path, name, &e))?;
                Ok(Some(texts.join(",")))
            }
            other => Err(Error::input(format!("the attribute {name} of a visibility file is not usable"))
                .found(type_words(&other))
                .expected("text")
                .place(self.place(name))),
        }
    }
}

//! Maps of one object in many orientations: one HDF5 file, one data set a domain (docs/formats.md).

use super::attribute::{Attribute, text, write_attributes, write_whole};
use super::hdf_open;
use super::hdf_values::{self, first_line};
use super::visibilities::library::write_failed;
use crate::error::{Error, Result};
use hdf5::file::LibraryVersion;
use hdf5::{Dataset, File};
use ndarray::{ArrayView2, s};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// One data set of maps.
#[derive(Debug, Clone, PartialEq)]
pub struct MapField {
    /// Its name.
    pub name: String,
    /// Its attributes.
    pub attributes: Vec<(String, Attribute)>,
}

/// One orientation.
#[derive(Debug, Clone, PartialEq)]
pub struct MapView {
    /// What it is called.
    pub name: String,
    /// Euler angles, degrees.
    pub euler_deg: [f64; 3],
    /// Rows east, north and away in the box's axes.
    pub rotation: [[f64; 3]; 3],
}

/// Everything about a file of maps but the pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct MapFile {
    /// Rows (y) and columns (x) of every map.
    pub shape: (usize, usize),
    /// The data sets.
    pub fields: Vec<MapField>,
    /// The orientations, the first axis of every data set.
    pub views: Vec<MapView>,
    /// Attributes of the file.
    pub attributes: Vec<(String, Attribute)>,
}

/// A file of maps on its way to the disk: no more than one map is ever in memory.
///
/// As for visibilities, the file is closed after a flush that succeeded and never otherwise: HDF5 2.2.0 crashes when
/// a file is closed after a failed write. Equal maps give bit-identical files, readable by the tools of HDF5 1.10.
#[derive(Debug)]
pub struct MapWriter {
    path: PathBuf,
    /// None once it is closed.
    file: Option<ManuallyDrop<File>>,
    fields: Vec<ManuallyDrop<Dataset>>,
    shape: (usize, usize),
}

impl MapWriter {
    /// Starts the file at `path` (a staged path).
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn create(path: &Path, header: &MapFile) -> Result<MapWriter> {
        // creating the file here first gives the system's own words for a path that cannot be written
        std::fs::File::create(path).map_err(|e| Error::io("write", path, e))?;
        let file = File::with_options()
            .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
            .create(path)
            .map_err(|e| write_failed(path, &e))?;
        let file = ManuallyDrop::new(file);
        let begun = begin(&file, header);
        let mut writer = MapWriter { path: path.into(), file: Some(file), fields: Vec::new(), shape: header.shape };
        writer.fields = begun.map_err(|e| write_failed(path, &e))?;
        Ok(writer)
    }

    /// Writes the map of data set `field` (its place in the header) in orientation `view`, as 32-bit floats.
    ///
    /// # Errors
    /// Another shape; a value that is not finite; whatever the disk has to say.
    pub fn put(&self, field: usize, view: usize, map: ArrayView2<f64>) -> Result<()> {
        if map.dim() != self.shape || map.iter().any(|v| !v.is_finite()) {
            return Err(Error::input("a map that cannot be written")
                .found(format!(
                    "shape {:?}, {} pixels not finite",
                    map.dim(),
                    map.iter().filter(|v| !v.is_finite()).count()
                ))
                .expected(format!("{:?} finite pixels", self.shape)));
        }
        let single = map.mapv(|v| v as f32);
        self.fields[field].write_slice(single.view(), s![view, .., ..]).map_err(|e| write_failed(&self.path, &e))
    }

    /// Completes and closes the file.
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn finish(mut self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.flush().map_err(|e| write_failed(&self.path, &e))?;
        // nothing is left to be written, so that nothing can fail on the way
        std::mem::take(&mut self.fields).into_iter().for_each(|field| drop(ManuallyDrop::into_inner(field)));
        let file = self.file.take().map(ManuallyDrop::into_inner);
        file.map_or(Ok(()), File::close).map_err(|e| write_failed(&self.path, &e))
    }
}

impl Drop for MapWriter {
    /// What was not finished leaves the library's handles open for good and gives the disk space back.
    fn drop(&mut self) {
        if self.file.is_some() {
            // not made anew where it was removed already
            let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(&self.path);
        }
    }
}

/// What a file of maps holds, in words; None for a file of another kind.
///
/// # Errors
/// A file of maps that cannot be read.
pub fn maps_summary(path: &Path) -> Result<Option<String>> {
    let Ok(file) = hdf_open::open(path) else { return Ok(None) };
    if !file.link_exists("orientation_euler_deg") {
        return Ok(None);
    }
    summary(&file).map(|lines| Some(format!("{}: maps\n{lines}", path.display()))).map_err(|e| {
        Error::input("a file of maps cannot be read")
            .found(format!("HDF5: {}", first_line(&e)))
            .place(path.display())
            .hint("copy it again")
    })
}

fn summary(file: &File) -> hdf5::Result<String> {
    let mut lines = format!("  {:<14} {}\n", "object", hdf_values::text(file, "object")?);
    for name in hdf_values::member_names(file)? {
        let data = file.dataset(&name)?;
        if let (Ok(units), &[views, ny, nx]) = (hdf_values::text(&data, "units"), data.shape().as_slice()) {
            lines.push_str(&format!("  {name:<14} {views} orientation(s), {nx} x {ny} pixels, {units}\n"));
        }
    }
    Ok(lines)
}

/// Everything that is known before the maps; the data sets for them.
fn begin(file: &File, header: &MapFile) -> hdf5::Result<Vec<ManuallyDrop<Dataset>>> {
    write_attributes(file, &header.attributes)?;
    let mut fields = Vec::new();
    let (ny, nx) = header.shape;
    let views = header.views.len();
    let euler: Vec<f64> = header.views.iter().flat_map(|v| v.euler_deg).collect();
    let rotation: Vec<f64> = header.views.iter().flat_map(|v| v.rotation.into_iter().flatten()).collect();
    let names = header.views.iter().map(|v| text(&v.name)).collect::<hdf5::Result<Vec<_>>>()?;
    for data in [
        write_whole(file, "orientation_euler_deg", &euler, &[views, 3])?,
        write_whole(file, "orientation_rotation", &rotation, &[views, 3, 3])?,
        write_whole(file, "orientation_name", &names, &[views])?,
    ] {
        drop(ManuallyDrop::into_inner(data));
    }
    for field in &header.fields {
        let data = file.new_dataset::<f32>().shape([views, ny, nx]).chunk([1, ny, nx]);
        let data = ManuallyDrop::new(data.create(field.name.as_str())?);
        write_attributes(&data, &field.attributes)?;
        fields.push(data);
    }
    Ok(fields)
}

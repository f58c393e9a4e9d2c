use super::VisibilityTable;
use super::library::write_failed;
use crate::error::{Error, Result, Watch};
use crate::units::DEG_RAD;
use hdf5::file::LibraryVersion;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type};
use ndarray::{ArrayView, ArrayView1, Dimension, s};
use rustfft::num_complex::{Complex, Complex64};
use std::mem::ManuallyDrop;
use std::path::Path;

/// Precision of `vis` in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// complex64.
    Single,
    /// complex128.
    Double,
}

/// About this many bytes of visibilities are one chunk of the file, and one unit of work.
const BLOCK_BYTES: usize = 1 << 20;

/// Writes `table` to `path` (a staged path), in blocks of rows; `watch` advances by the rows of each.
///
/// The layout is that of docs/formats.md, readable by the tools of HDF5 1.10. Equal tables give bit-identical files.
/// Times and antennas are left out where the table has none.
///
/// # Errors
/// A table whose arrays disagree in shape or that has no rows, an interrupt, and whatever the disk has to say.
pub fn write_visibilities(path: &Path, table: &VisibilityTable, precision: Precision, watch: &Watch) -> Result<()> {
    check_shapes(table)?;
    // creating the file here first gives the system's own words for a path that cannot be written
    std::fs::File::create(path).map_err(|e| Error::io("write", path, e))?;
    let mut output = Output::create(path)?;
    let written = output.write(table, precision, watch);
    match written {
        Ok(()) => output.close(),
        Err(error) => {
            output.abandon();
            Err(error)
        }
    }
}

/// The open file. It is closed by [`Output::close`] after a flush that succeeded, and never otherwise: HDF5 2.2.0
/// swallows errors while it closes a data set, and after one that failed it crashes when the file is closed.
struct Output<'p> {
    path: &'p Path,
    file: ManuallyDrop<File>,
    datasets: Vec<ManuallyDrop<Dataset>>,
}

impl<'p> Output<'p> {
    fn create(path: &'p Path) -> Result<Output<'p>> {
        let file = File::with_options()
            .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
            .create(path)
            .map_err(|e| write_failed(path, &e))?;
        Ok(Output { path, file: ManuallyDrop::new(file), datasets: Vec::new() })
    }

    fn write(&mut self, table: &VisibilityTable, precision: Precision, watch: &Watch) -> Result<()> {
        self.columns(table).map_err(|e| write_failed(self.path, &e))?;
        match precision {
            Precision::Single => {
                self.cubes(table, |v| Complex::new(v.re as f32, v.im as f32), watch)?;
            }
            Precision::Double => self.cubes(table, |v| v, watch)?,
        }
        self.file.flush().map_err(|e| write_failed(self.path, &e))
    }

    /// Attributes and the small data sets.
    fn columns(&mut self, table: &VisibilityTable) -> hdf5::Result<()> {
        write_attributes(&self.file, table)?;
        self.whole("uvw", table.uvw_m.as_standard_layout().view())?;
        self.whole("freq_hz", ArrayView1::from(&table.freq_hz))?;
        if !table.time_mjd_utc.is_empty() {
            self.whole("time_mjd_utc", ArrayView1::from(&table.time_mjd_utc))?;
        }
        if !table.antenna1.is_empty() {
            self.whole("antenna1", ArrayView1::from(&table.antenna1))?;
            self.whole("antenna2", ArrayView1::from(&table.antenna2))?;
        }
        Ok(())
    }

    /// vis (each value through `convert`), weight and flag, block by block.
    fn cubes<T: H5Type + Clone>(
        &mut self,
        table: &VisibilityTable,
        convert: impl Fn(Complex64) -> T,
        watch: &Watch,
    ) -> Result<()> {
        let failed = |e: hdf5::Error| write_failed(self.path, &e);
        let (rows, channels, products) = table.vis.dim();
        let most = (BLOCK_BYTES / (channels * products * size_of::<Complex64>())).clamp(1, rows);
        // blocks of equal size: the last chunk takes its whole space in the file
        let block = rows.div_ceil(rows.div_ceil(most));
        let (shape, chunk) = ([rows, channels, products], [block, channels, products]);
        let vis = chunked::<T>(&self.file, "vis", shape, chunk).map_err(failed)?;
        let weight = chunked::<f32>(&self.file, "weight", shape, chunk).map_err(failed)?;
        let flag = chunked::<bool>(&self.file, "flag", shape, chunk).map_err(failed)?;
        for start in (0..rows).step_by(block) {
            watch.check()?;
            let end = (start + block).min(rows);
            let part = s![start..end, .., ..];
            let values = table.vis.slice(part).mapv(&convert);
            vis.write_slice(values.as_standard_layout().view(), part)
                .and_then(|()| weight.write_slice(table.weight.slice(part).as_standard_layout().view(), part))
                .and_then(|()| flag.write_slice(table.flag.slice(part).as_standard_layout().view(), part))
                .map_err(failed)?;
            watch.advance((end - start) as u64)?;
        }
        self.datasets.extend([vis, weight, flag]);
        Ok(())
    }

    fn whole<T: H5Type, D: Dimension>(&mut self, name: &str, data: ArrayView<T, D>) -> hdf5::Result<()> {
        let dataset = ManuallyDrop::new(self.file.new_dataset::<T>().shape(data.shape()).create(name)?);
        dataset.write(data)?;
        self.datasets.push(dataset);
        Ok(())
    }

    fn close(self) -> Result<()> {
        // nothing is left to be written, so that nothing can fail on the way
        self.datasets.into_iter().for_each(|dataset| drop(ManuallyDrop::into_inner(dataset)));
        ManuallyDrop::into_inner(self.file).close().map_err(|e| write_failed(self.path, &e))
    }

    /// Leaves the library's handles open for good and gives the disk space back.
    fn abandon(self) {
        let _ = std::fs::File::create(self.path);
    }
}

fn chunked<T: H5Type>(
    file: &File,
    name: &str,
    shape: [usize; 3],
    chunk: [usize; 3],
) -> hdf5::Result<ManuallyDrop<Dataset>> {
    file.new_dataset::<T>().shape(shape).chunk(chunk).create(name).map(ManuallyDrop::new)
}

fn check_shapes(table: &VisibilityTable) -> Result<()> {
    let (rows, channels, products) = table.vis.dim();
    let wrong = |name: &str, found: String, expected: String| {
        Err(Error::input(format!("the array {name} of a visibility table has the wrong shape"))
            .found(found)
            .expected(expected))
    };
    if rows * channels * products == 0 {
        return Err(Error::input("a visibility table without visibilities cannot be written")
            .found(format!("{rows} rows, {channels} channels, {products} polarisations")));
    }
    if products != table.polarisations.count() {
        return wrong("vis", format!("{products} polarisations"), format!("\"{}\"", table.polarisations.name()));
    }
    if table.uvw_m.dim() != (rows, 3) {
        return wrong("uvw", format!("{:?}", table.uvw_m.dim()), format!("[{rows}, 3]"));
    }
    if table.freq_hz.len() != channels {
        return wrong("freq_hz", table.freq_hz.len().to_string(), channels.to_string());
    }
    let columns =
        [("time", table.time_mjd_utc.len()), ("antenna1", table.antenna1.len()), ("antenna2", table.antenna2.len())];
    for (name, length) in columns {
        if length != rows && length != 0 {
            return wrong(name, length.to_string(), format!("{rows} or none"));
        }
    }
    if table.antenna1.len() != table.antenna2.len() {
        return wrong("antenna2", table.antenna2.len().to_string(), table.antenna1.len().to_string());
    }
    for (name, shape) in [("weight", table.weight.dim()), ("flag", table.flag.dim())] {
        if shape != table.vis.dim() {
            return wrong(name, format!("{shape:?}"), format!("{:?}", table.vis.dim()));
        }
    }
    Ok(())
}

fn write_attributes(file: &File, table: &VisibilityTable) -> hdf5::Result<()> {
    let numbers = [
        ("phase_centre_ra_deg", table.phase_centre.ra_rad / DEG_RAD),
        ("phase_centre_dec_deg", table.phase_centre.dec_rad / DEG_RAD),
        ("channel_width_hz", table.channel_width_hz),
        ("integration_time_s", table.integration_time_s),
    ];
    for (name, value) in numbers {
        file.new_attr::<f64>().create(name)?.write_scalar(&value)?;
    }
    let texts = [
        ("polarisations", table.polarisations.name()),
        ("telescope", &table.telescope),
        ("provenance", &table.provenance),
    ];
    for (name, text) in texts {
        // HDF5 text ends at the first NUL
        let text: VarLenUnicode = text.replace('\0', "").parse().map_err(|e| hdf5::Error::from(format!("{e:?}")))?;
        file.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text)?;
    }
    Ok(())
}

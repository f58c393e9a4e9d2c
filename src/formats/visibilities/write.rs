use super::VisibilityTable;
use super::library::write_failed;
use crate::error::{Error, Result, Watch};
use crate::units::DEG_RAD;
use hdf5::file::LibraryVersion;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, H5Type};
use ndarray::{ArrayView1, Axis, s};
use rustfft::num_complex::{Complex, Complex64};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::path::{Path, PathBuf};

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
/// The layout is that of docs/formats.md, readable by the tools of HDF5 1.10. Equal tables give bit-identical files, whether
/// they are written here or part by part ([`VisibilityWriter`]). Times and antennas are left out where the table has none.
///
/// # Errors
/// A table whose arrays disagree in shape or that has no rows, an interrupt, and whatever the disk has to say.
pub fn write_visibilities(path: &Path, table: &VisibilityTable, precision: Precision, watch: &Watch) -> Result<()> {
    // before there is a file
    check_shapes(table)?;
    let mut writer = VisibilityWriter::create(path, table, table.uvw_m.nrows(), precision)?;
    writer.append(table, watch)?;
    writer.close()
}

/// A visibility file that is written part by part: rows in their order, or, of tables too wide for that, channels of them.
///
/// A writer that is dropped before [`VisibilityWriter::close`] leaves an empty file. It is closed after a flush that succeeded,
/// and never otherwise: HDF5 2.2.0 swallows errors while it closes a data set, and after one that failed it crashes when the file
/// is closed. The library's handles are then left open for good.
pub struct VisibilityWriter {
    path: PathBuf,
    output: Option<Output>,
    precision: Precision,
    /// Rows, channels, products of the whole.
    shape: [usize; 3],
    /// Rows of a chunk of the file.
    block: usize,
    /// Rows that are written, and those that wait until their chunk is full.
    written: usize,
    waiting: Option<VisibilityTable>,
}

/// The open file.
struct Output {
    file: ManuallyDrop<File>,
    /// uvw, and the three of rows that know their times and stations.
    columns: Vec<ManuallyDrop<Dataset>>,
    /// vis, weight, flag.
    cubes: [ManuallyDrop<Dataset>; 3],
}

impl VisibilityWriter {
    /// Starts a file of `rows` rows and all channels of `like`, whose own rows do not matter.
    ///
    /// # Errors
    /// A file without rows, channels or products, and whatever the disk has to say.
    pub fn create(path: &Path, like: &VisibilityTable, rows: usize, precision: Precision) -> Result<VisibilityWriter> {
        let (channels, products) = (like.freq_hz.len(), like.polarisations.count());
        if rows * channels * products == 0 {
            return Err(Error::input("a visibility table without visibilities cannot be written")
                .found(format!("{rows} rows, {channels} channels, {products} polarisations")));
        }
        // creating the file here first gives the system's own words for a path that cannot be written
        std::fs::File::create(path).map_err(|e| Error::io("write", path, e))?;
        let most = (BLOCK_BYTES / (channels * products * size_of::<Complex64>())).clamp(1, rows);
        // blocks of equal size: the last chunk takes its whole space in the file
        let block = rows.div_ceil(rows.div_ceil(most));
        let shape = [rows, channels, products];
        let output = Output::create(path, like, shape, block, precision).map_err(|e| write_failed(path, &e))?;
        let path = path.to_path_buf();
        Ok(VisibilityWriter { path, output: Some(output), precision, shape, block, written: 0, waiting: None })
    }

    /// Writes the next rows; `watch` advances by their number.
    ///
    /// # Errors
    /// A table of other channels or products, whose arrays disagree, or with more rows than are left; an interrupt; the disk.
    pub fn append(&mut self, table: &VisibilityTable, watch: &Watch) -> Result<()> {
        check_shapes(table)?;
        let all = table.uvw_m.nrows();
        let waiting = self.waiting.as_ref().map_or(0, |table| table.uvw_m.nrows());
        let left = self.shape[0] - self.written - waiting;
        if [table.freq_hz.len(), table.polarisations.count()] != self.shape[1..] || all > left {
            return Err(wrong_part(format!("{:?}", table.vis.dim()), format!("{left} rows of {:?}", &self.shape[1..])));
        }
        let mut start = 0;
        while start < all {
            watch.check()?;
            // up to the end of a chunk
            let waiting = self.waiting.take();
            let held = waiting.as_ref().map_or(0, |table| table.uvw_m.nrows());
            let end = (start + self.block - held).min(all);
            let full = held + end - start == self.block || self.written + held + end - start == self.shape[0];
            match (waiting, full) {
                (None, true) => self.write(table, start..end)?,
                (Some(waiting), true) => {
                    let joined = joined(waiting, table, start..end)?;
                    self.write(&joined, 0..joined.uvw_m.nrows())?;
                }
                (None, false) => self.waiting = Some(rows_of(table, start..end)),
                (Some(waiting), false) => self.waiting = Some(joined(waiting, table, start..end)?),
            }
            watch.advance((end - start) as u64)?;
            start = end;
        }
        Ok(())
    }

    fn write(&mut self, table: &VisibilityTable, part: Range<usize>) -> Result<()> {
        let to = self.written..self.written + part.len();
        let channels = 0..self.shape[1];
        self.output()?
            .write(table, part, to.clone(), channels, self.precision)
            .map_err(|e| write_failed(&self.path, &e))?;
        self.written = to.end;
        Ok(())
    }

    /// Writes some channels of some rows, which may come in any order; without [`VisibilityWriter::append`].
    ///
    /// # Errors
    /// Those of [`VisibilityWriter::append`].
    pub fn put(&mut self, table: &VisibilityTable, first_row: usize, first_channel: usize) -> Result<()> {
        check_shapes(table)?;
        let (rows, channels, products) = table.vis.dim();
        let fits = first_row + rows <= self.shape[0] && first_channel + channels <= self.shape[1];
        if !fits || products != self.shape[2] {
            return Err(wrong_part(
                format!("{:?} at row {first_row}, channel {first_channel}", table.vis.dim()),
                format!("a part of {:?}", self.shape),
            ));
        }
        let (to, channels) = (first_row..first_row + rows, first_channel..first_channel + channels);
        self.output()?.write(table, 0..rows, to, channels, self.precision).map_err(|e| write_failed(&self.path, &e))
    }

    fn output(&self) -> Result<&Output> {
        self.output.as_ref().ok_or_else(|| Error::input("the visibility file is closed"))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Whatever the disk has to say.
    pub fn close(mut self) -> Result<()> {
        let Some(output) = &self.output else { return Ok(()) };
        output.file.flush().map_err(|e| write_failed(&self.path, &e))?;
        match self.output.take() {
            Some(output) => output.close(&self.path),
            None => Ok(()),
        }
    }
}

impl Drop for VisibilityWriter {
    fn drop(&mut self) {
        // what was not closed gives its space on the disk back
        if self.output.is_some() {
            let _ = std::fs::File::create(&self.path);
        }
    }
}

fn wrong_part(found: String, expected: String) -> Error {
    Error::input("this part does not belong to the visibility file").found(found).expected(expected)
}

/// Some rows of a table.
fn rows_of(table: &VisibilityTable, part: Range<usize>) -> VisibilityTable {
    let some = |column: &[u32]| column.get(part.clone()).map_or(Vec::new(), <[u32]>::to_vec);
    VisibilityTable {
        uvw_m: table.uvw_m.slice(s![part.clone(), ..]).to_owned(),
        time_mjd_utc: table.time_mjd_utc.get(part.clone()).map_or(Vec::new(), <[f64]>::to_vec),
        antenna1: some(&table.antenna1),
        antenna2: some(&table.antenna2),
        freq_hz: table.freq_hz.clone(),
        vis: table.vis.slice(s![part.clone(), .., ..]).to_owned(),
        weight: table.weight.slice(s![part.clone(), .., ..]).to_owned(),
        flag: table.flag.slice(s![part, .., ..]).to_owned(),
        telescope: table.telescope.clone(),
        provenance: String::new(),
        ..*table
    }
}

/// The rows of `first`, then some of `table`.
fn joined(first: VisibilityTable, table: &VisibilityTable, part: Range<usize>) -> Result<VisibilityTable> {
    let next = rows_of(table, part);
    let mut all = first;
    all.time_mjd_utc.extend(next.time_mjd_utc);
    all.antenna1.extend(next.antenna1);
    all.antenna2.extend(next.antenna2);
    let append = all
        .uvw_m
        .append(Axis(0), next.uvw_m.view())
        .and_then(|()| all.vis.append(Axis(0), next.vis.view()))
        .and_then(|()| all.weight.append(Axis(0), next.weight.view()))
        .and_then(|()| all.flag.append(Axis(0), next.flag.view()));
    append.map_err(|e| wrong_part(e.to_string(), "rows of equal shape".into()))?;
    Ok(all)
}

impl Output {
    fn create(
        path: &Path,
        like: &VisibilityTable,
        shape: [usize; 3],
        block: usize,
        precision: Precision,
    ) -> hdf5::Result<Output> {
        let file = File::with_options()
            .with_fapl(|p| p.libver_bounds(LibraryVersion::Earliest, LibraryVersion::V110))
            .create(path)?;
        let file = ManuallyDrop::new(file);
        write_attributes(&file, like)?;
        let rows = shape[0];
        let mut columns = vec![whole::<f64>(&file, "uvw", vec![rows, 3])?];
        let freq_hz = whole::<f64>(&file, "freq_hz", vec![shape[1]])?;
        freq_hz.write(ArrayView1::from(&like.freq_hz))?;
        if !like.time_mjd_utc.is_empty() {
            columns.push(whole::<f64>(&file, "time_mjd_utc", vec![rows])?);
        }
        if !like.antenna1.is_empty() {
            columns.push(whole::<u32>(&file, "antenna1", vec![rows])?);
            columns.push(whole::<u32>(&file, "antenna2", vec![rows])?);
        }
        let chunk = [block, shape[1], shape[2]];
        let vis = match precision {
            Precision::Single => chunked::<Complex<f32>>(&file, "vis", shape, chunk)?,
            Precision::Double => chunked::<Complex64>(&file, "vis", shape, chunk)?,
        };
        let weight = chunked::<f32>(&file, "weight", shape, chunk)?;
        let flag = chunked::<bool>(&file, "flag", shape, chunk)?;
        columns.push(freq_hz);
        Ok(Output { file, columns, cubes: [vis, weight, flag] })
    }

    /// Rows `from` of a table to rows `to` and some channels of the file.
    fn write(
        &self,
        table: &VisibilityTable,
        from: Range<usize>,
        to: Range<usize>,
        channels: Range<usize>,
        precision: Precision,
    ) -> hdf5::Result<()> {
        for column in &self.columns {
            let of_rows = s![to.clone()];
            match column.name().trim_start_matches('/') {
                "uvw" => column.write_slice(
                    table.uvw_m.slice(s![from.clone(), ..]).as_standard_layout().view(),
                    s![to.clone(), ..],
                )?,
                "time_mjd_utc" => column.write_slice(ArrayView1::from(&table.time_mjd_utc[from.clone()]), of_rows)?,
                "antenna1" => column.write_slice(ArrayView1::from(&table.antenna1[from.clone()]), of_rows)?,
                "antenna2" => column.write_slice(ArrayView1::from(&table.antenna2[from.clone()]), of_rows)?,
                _ => {}
            }
        }
        let (from, to) = (s![from, .., ..], s![to, channels, ..]);
        let [vis, weight, flag] = &self.cubes;
        let values = table.vis.slice(from);
        match precision {
            Precision::Single => {
                let values = values.mapv(|v| Complex::new(v.re as f32, v.im as f32));
                vis.write_slice(values.as_standard_layout().view(), to)?;
            }
            Precision::Double => vis.write_slice(values.as_standard_layout().view(), to)?,
        }
        weight.write_slice(table.weight.slice(from).as_standard_layout().view(), to)?;
        flag.write_slice(table.flag.slice(from).as_standard_layout().view(), to)
    }

    fn close(self, path: &Path) -> Result<()> {
        // nothing is left to be written, so that nothing can fail on the way
        let datasets = self.columns.into_iter().chain(self.cubes);
        datasets.for_each(|dataset| drop(ManuallyDrop::into_inner(dataset)));
        ManuallyDrop::into_inner(self.file).close().map_err(|e| write_failed(path, &e))
    }
}

fn whole<T: H5Type>(file: &File, name: &str, shape: Vec<usize>) -> hdf5::Result<ManuallyDrop<Dataset>> {
    file.new_dataset::<T>().shape(shape).create(name).map(ManuallyDrop::new)
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

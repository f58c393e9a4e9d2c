use super::axes::{Axes, interpret, interpret_any, shape};
use super::handle::{Handle, Pixel};
use super::header::{Header, is_ours};
use super::projection::Projection;
use super::record::from_records;
use super::{Beam, Card, CubeHeader, FitsCube};
use crate::error::{Error, Result};
use crate::units::{ARCSEC_RAD, DEG_RAD};
use ndarray::{Array3, ArrayD, Axis, IxDyn, s};
use std::path::Path;

/// Reads an image or cube (2 to 4 axes, any BITPIX) from the primary HDU.
///
/// The axes may stand in any order; x is flipped where RA rises with it and y where Dec falls, so that
/// `step_x_rad < 0 < step_y_rad` always holds. Planes keep their order. Of several Stokes planes I is read. Pixel
/// values are scaled by BSCALE and BZERO, not converted to another unit.
///
/// # Errors
/// A missing, truncated or non-FITS file, no image, axes other than SIN and frequency, rotations, undefined pixels.
pub fn read_cube(path: &Path) -> Result<FitsCube> {
    let mut file = Handle::open(path)?;
    let header = Header::new(from_records(&file.records()?), path);
    pixel_count(&header, &shape(&header)?, path)?;
    let axes = interpret(&header)?;
    let pixels = pixels_of(&mut file, &header, &axes.shape, path)?;
    let (data, sky) = arrange(pixels, &axes)?;
    let beams = read_beams(&mut file, &header, &axes, path)?;
    Ok(FitsCube {
        data,
        sky,
        unit: header.text("BUNIT")?,
        spectral: axes.spectrum,
        stokes: axes.plane.0,
        beams,
        cards: header.cards.into_iter().filter(|card| !is_ours(&card.key) && !is_boilerplate(card)).collect(),
    })
}

/// An image or cube of any projection, RA and Dec or galactic, with its pixels in the order of the file.
#[derive(Debug, Clone)]
pub struct FitsMap {
    /// Shape [plane, y, x], y along the latitude.
    pub data: Array3<f64>,
    /// Where the pixels are.
    pub projection: Projection,
    /// Frequency of each plane, Hz; empty where the file does not say.
    pub freq_hz: Vec<f64>,
    /// Value of the STOKES axis.
    pub stokes: String,
    /// BUNIT as it stands in the header.
    pub unit: String,
    /// Restoring beam: empty, one for all planes, or one a plane.
    pub beams: Vec<Beam>,
}

/// Reads an image or cube of any of the projections of [`Projection`]; of several Stokes planes I.
///
/// # Errors
/// Those of [`read_cube`]; a projection that is not known.
pub fn read_map(path: &Path) -> Result<FitsMap> {
    let mut file = Handle::open(path)?;
    let header = Header::new(from_records(&file.records()?), path);
    pixel_count(&header, &shape(&header)?, path)?;
    let (axes, projection) = interpret_any(&header)?;
    let pixels = pixels_of(&mut file, &header, &axes.shape, path)?;
    let (data, _) = arrange(pixels, &axes)?;
    let beams = read_beams(&mut file, &header, &axes, path)?;
    let freq_hz = axes.spectrum.freq_hz;
    Ok(FitsMap { data, projection, freq_hz, stokes: axes.plane.0, unit: header.text("BUNIT")?, beams })
}

/// The axes of an image or cube as they stand in the file, without its pixels (`data` of the shape [plane, y, x] is not
/// read): nothing is flipped, so that an image like it can be made.
///
/// # Errors
/// Those of [`read_cube`] but for undefined pixels.
pub fn read_axes(path: &Path) -> Result<CubeHeader> {
    let mut file = Handle::open(path)?;
    let header = Header::new(from_records(&file.records()?), path);
    pixel_count(&header, &shape(&header)?, path)?;
    let axes = interpret(&header)?;
    let planes = axes.spectral.map_or(1, |axis| axes.shape[axis]);
    Ok(CubeHeader {
        shape: (planes, axes.shape[axes.dec], axes.shape[axes.ra]),
        sky: axes.sky,
        spectral: axes.spectrum,
        stokes: axes.plane.0,
        unit: header.text("BUNIT")?,
        beams: Vec::new(),
        cards: header.cards.into_iter().filter(|card| !is_ours(&card.key) && !is_boilerplate(card)).collect(),
    })
}

/// The reference to the FITS standard that CFITSIO puts into every file, and not a comment of the user.
fn is_boilerplate(card: &Card) -> bool {
    card.key == "COMMENT"
        && (card.comment.contains("FITS (Flexible Image Transport System) format is defined in")
            || card.comment.contains("and Astrophysics', volume 376, page 359; bibcode: 2001A&A...376..359H"))
}

/// Number of pixels, where the file is large enough for them.
fn pixel_count(header: &Header, shape: &[usize], path: &Path) -> Result<u64> {
    let bytes = header.int("BITPIX")?.unwrap_or(0).unsigned_abs() / 8;
    let count = shape.iter().try_fold(1u64, |product, n| product.checked_mul(*n as u64));
    let size = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
    // a damaged header must not make the program ask for more memory than the file can fill
    let Some(count) = count.filter(|n| n.checked_mul(bytes).is_some_and(|needed| needed <= size)) else {
        return Err(Error::input("the FITS file ends before its data do")
            .found(format!("{size} bytes"))
            .expected(format!("an image of {shape:?} pixels of {bytes} bytes"))
            .place(path.display())
            .hint("copy or download it again"));
    };
    Ok(count)
}

/// All pixels in file order.
pub(super) fn pixels_of<T: Pixel>(file: &mut Handle, header: &Header, shape: &[usize], path: &Path) -> Result<Vec<T>> {
    let count = pixel_count(header, shape, path)?;
    let mut pixels = vec![T::default(); count as usize];
    file.read_pixels(0, &mut pixels)?;
    let bad = pixels.iter().filter(|v| !v.is_number()).count();
    if bad > 0 {
        return Err(Error::input("the image has undefined pixels (NaN, infinite or BLANK)")
            .found(format!("{bad} of {count}"))
            .expected("numbers everywhere")
            .place(path.display())
            .hint("replace them, for example with 0: data = numpy.nan_to_num(data, posinf=0, neginf=0)"));
    }
    Ok(pixels)
}

/// Pixels to [plane, y, x] with RA falling and Dec rising.
fn arrange<T: Pixel>(pixels: Vec<T>, axes: &Axes) -> Result<(Array3<T>, super::SkyAxes)> {
    let rank = axes.shape.len();
    let slowest_first: Vec<usize> = axes.shape.iter().rev().copied().collect();
    let full = ArrayD::from_shape_vec(IxDyn(&slowest_first), pixels)
        .map_err(|e| Error::input("the image does not have the shape of its header").found(e))?;
    // position of FITS axis n in `full`
    let at = |axis: usize| rank - 1 - axis;
    let mut order: Vec<usize> = Vec::new();
    let others = (0..rank).filter(|a| ![Some(axes.ra), Some(axes.dec), axes.spectral].contains(&Some(*a)));
    order.extend(others.map(at));
    order.extend(axes.spectral.map(at));
    order.extend([at(axes.dec), at(axes.ra)]);
    let leading = rank - 2 - usize::from(axes.spectral.is_some());
    let mut view = full.view().permuted_axes(IxDyn(&order));
    // what stands in front: the Stokes axis, of which one plane is taken, and axes of length 1
    for _ in 0..leading {
        let length = view.shape()[0];
        let index = if length > 1 { axes.plane.1 } else { 0 };
        view = view.index_axis_move(Axis(0), index);
    }
    if axes.spectral.is_none() {
        view = view.insert_axis(Axis(0));
    }
    let view = view
        .into_dimensionality::<ndarray::Ix3>()
        .map_err(|e| Error::input("the image does not have the shape of its header").found(e))?;

    let mut sky = axes.sky;
    let (_, ny, nx) = view.dim();
    let mut view = view;
    if sky.step_x_rad > 0.0 {
        view = view.slice_move(s![.., .., ..;-1]);
        sky.step_x_rad = -sky.step_x_rad;
        sky.reference_pixel[0] = nx as f64 - 1.0 - sky.reference_pixel[0];
    }
    if sky.step_y_rad < 0.0 {
        view = view.slice_move(s![.., ..;-1, ..]);
        sky.step_y_rad = -sky.step_y_rad;
        sky.reference_pixel[1] = ny as f64 - 1.0 - sky.reference_pixel[1];
    }
    Ok((view.as_standard_layout().into_owned(), sky))
}

fn read_beams(file: &mut Handle, header: &Header, axes: &Axes, path: &Path) -> Result<Vec<Beam>> {
    if let Some(major) = header.float("BMAJ")? {
        return Ok(vec![Beam {
            major_rad: major * DEG_RAD,
            minor_rad: header.float_or("BMIN", major)? * DEG_RAD,
            angle_rad: header.float_or("BPA", 0.0)? * DEG_RAD,
        }]);
    }
    if !header.is_true("CASAMBM") {
        return Ok(Vec::new());
    }
    for number in 2..=file.hdu_count()? {
        file.select_hdu(number)?;
        let table = Header::new(from_records(&file.records()?), path);
        if table.text("EXTNAME")? == "BEAMS" {
            return beam_table(file, &table, axes, path);
        }
    }
    Err(Error::input("the header announces a beam a plane but there is no table of them")
        .found("CASAMBM = T")
        .expected("a binary table BEAMS")
        .place(path.display()))
}

fn beam_table(file: &mut Handle, table: &Header, axes: &Axes, path: &Path) -> Result<Vec<Beam>> {
    let place = || format!("{}, table BEAMS", path.display());
    let size = std::fs::metadata(path).map_err(|e| Error::io("open", path, e))?.len();
    let rows = usize::try_from(table.int("NAXIS2")?.unwrap_or(0)).unwrap_or(0);
    if rows as u64 > size {
        return Err(Error::input("the FITS file ends before its data do").found(format!("{rows} rows")).place(place()));
    }
    let fields = table.int("TFIELDS")?.unwrap_or(0);
    let mut column = |name: &str| -> Result<Option<Vec<f64>>> {
        for field in 1..=fields {
            if table.text(&format!("TTYPE{field}"))?.eq_ignore_ascii_case(name) {
                let unit = match table.text(&format!("TUNIT{field}"))?.as_str() {
                    "arcsec" => ARCSEC_RAD,
                    "deg" => DEG_RAD,
                    "arcmin" => 60.0 * ARCSEC_RAD,
                    _ => 1.0,
                };
                let values = file.read_column(field as usize, rows)?;
                return Ok(Some(values.into_iter().map(|v| v * unit).collect()));
            }
        }
        Ok(None)
    };
    let missing = |name: &str| Error::input("a column is missing").expected(name).place(place());
    let major = column("BMAJ")?.ok_or_else(|| missing("BMAJ"))?;
    let minor = column("BMIN")?.ok_or_else(|| missing("BMIN"))?;
    let angle = column("BPA")?.ok_or_else(|| missing("BPA"))?;
    let channel = column("CHAN")?.unwrap_or_else(|| (0..rows).map(|i| i as f64).collect());
    let polarisation = column("POL")?.unwrap_or_else(|| vec![0.0; rows]);

    let planes = axes.spectral.map_or(1, |axis| axes.shape[axis]);
    let mut beams = vec![None; planes];
    for row in (0..rows).filter(|row| polarisation[*row] as usize == axes.plane.1) {
        if let Some(slot) = beams.get_mut(channel[row] as usize) {
            *slot = Some(Beam { major_rad: major[row], minor_rad: minor[row], angle_rad: angle[row] });
        }
    }
    beams.into_iter().collect::<Option<Vec<_>>>().ok_or_else(|| {
        Error::input("the table of beams does not cover every plane")
            .found(format!("{rows} rows"))
            .expected(format!("channels 0 to {}", planes - 1))
            .place(place())
    })
}

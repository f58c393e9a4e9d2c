use super::CardValue;
use super::axes::shape;
use super::handle::Handle;
use super::header::Header;
use super::read::pixels_of;
use super::record::from_records;
use crate::error::{Error, Result};
use crate::units::DEG_RAD;
use ndarray::{Array4, ArrayD, Axis, IxDyn};
use std::path::Path;

/// A table of a beam over the directions about its pointing.
#[derive(Debug, Clone)]
pub struct FitsBeam {
    /// Shape \[part, frequency, m, l\]; one part, or the real and the imaginary one.
    pub values: Array4<f64>,
    /// First pixel and step of the direction cosine l, which is positive on the side of the east where the zenith is north.
    pub l: [f64; 2],
    /// The same of m, positive towards the zenith.
    pub m: [f64; 2],
    /// Frequencies of the planes, Hz; empty where there is no such axis.
    pub freq_hz: Vec<f64>,
    /// BUNIT as it stands in the header.
    pub unit: String,
}

/// What an axis is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    L,
    M,
    Frequency,
    Part,
    Other,
}

/// Reads a table of a beam from the primary HDU of `path`.
///
/// Axes in any order: `L`, `RA---SIN`, or `X` and `AZ` which run against l (to the right as one looks at the sky); `M`, `DEC--SIN`, `Y`
/// or `EL`; `FREQ`; `COMPLEX` (real, imaginary part). Degrees are direction cosines times 180/pi (SIN projection).
///
/// # Errors
/// As [`super::read_cube`]; axes of other kinds or units, rotations, tables of frequencies that are not equally spaced.
pub fn read_beam(path: &Path) -> Result<FitsBeam> {
    let mut file = Handle::open(path)?;
    let header = Header::new(from_records(&file.records()?), path);
    let shape = shape(&header)?;
    refuse_rotations(&header)?;
    let kinds = (0..shape.len()).map(|axis| kind(&header, axis, shape[axis])).collect::<Result<Vec<_>>>()?;
    let place = |wanted: Kind| -> Result<Option<usize>> {
        let mut found = (0..kinds.len()).filter(|axis| kinds[*axis].0 == wanted);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            (_, Some(second)) => Err(Error::input("two axes of the same kind")
                .found(header.text(&format!("CTYPE{}", second + 1))?)
                .place(header.place(&format!("CTYPE{}", second + 1)))),
        }
    };
    let (Some(l), Some(m)) = (place(Kind::L)?, place(Kind::M)?) else {
        return Err(Error::input("the table of a beam has no axes of directions")
            .expected("CTYPE of L and M, X and Y, AZ and EL, or RA---SIN and DEC--SIN")
            .place(header.place("CTYPE1")));
    };
    let (frequency, part) = (place(Kind::Frequency)?, place(Kind::Part)?);
    let pixels: Vec<f64> = pixels_of(&mut file, &header, &shape, path)?;
    let rank = shape.len();
    let full = ArrayD::from_shape_vec(IxDyn(&shape.iter().rev().copied().collect::<Vec<_>>()), pixels)
        .map_err(|e| Error::input("the image does not have the shape of its header").found(e).place(path.display()))?;
    let at = |axis: usize| rank - 1 - axis;
    let wanted: Vec<usize> = [part, frequency, Some(m), Some(l)].into_iter().flatten().collect();
    // axes of one pixel in front
    let mut order: Vec<usize> = (0..rank).filter(|axis| !wanted.contains(axis)).map(at).collect();
    order.extend(wanted.iter().map(|axis| at(*axis)));
    let mut view = full.view().permuted_axes(IxDyn(&order));
    for _ in 0..rank - wanted.len() {
        view = view.index_axis_move(Axis(0), 0);
    }
    if frequency.is_none() {
        view = view.insert_axis(Axis(usize::from(part.is_some())));
    }
    if part.is_none() {
        view = view.insert_axis(Axis(0));
    }
    let values = view
        .into_dimensionality::<ndarray::Ix4>()
        .map_err(|e| Error::input("the image does not have the shape of its header").found(e).place(path.display()))?;
    let freq_hz = match frequency {
        None => Vec::new(),
        Some(axis) => {
            let [first, step] = ends(&header, axis, hertz(&header, axis)?)?;
            (0..shape[axis]).map(|k| first + k as f64 * step).collect()
        }
    };
    Ok(FitsBeam {
        values: values.as_standard_layout().into_owned(),
        l: ends(&header, l, kinds[l].1 * radians(&header, l)?)?,
        m: ends(&header, m, kinds[m].1 * radians(&header, m)?)?,
        freq_hz,
        unit: header.text("BUNIT")?,
    })
}

/// What an axis is, and the sign with which it runs along l or m.
fn kind(header: &Header, axis: usize, length: usize) -> Result<(Kind, f64)> {
    let key = format!("CTYPE{}", axis + 1);
    let name = header.text(&key)?;
    Ok(match name.trim().to_ascii_uppercase().as_str() {
        "L" | "RA---SIN" => (Kind::L, 1.0),
        "X" | "AZ" => (Kind::L, -1.0),
        "M" | "Y" | "EL" | "DEC--SIN" => (Kind::M, 1.0),
        "FREQ" => (Kind::Frequency, 1.0),
        "COMPLEX" if length == 2 => (Kind::Part, 1.0),
        _ if length == 1 => (Kind::Other, 1.0),
        _ => {
            return Err(Error::input("an axis of a kind that a beam's table does not have")
                .found(format!("\"{name}\", {length} pixels"))
                .expected("L, M (or X, Y; AZ, EL; RA---SIN, DEC--SIN), FREQ, and COMPLEX of 2 pixels")
                .place(header.place(&key)));
        }
    })
}

/// Value at the first pixel, and step.
fn ends(header: &Header, axis: usize, scale: f64) -> Result<[f64; 2]> {
    let number = axis + 1;
    let key = format!("CDELT{number}");
    let step = match header.float(&key)? {
        Some(step) if step != 0.0 => step,
        found => {
            return Err(Error::input("an axis has no step")
                .found(found.map_or("no such card".to_string(), |v| v.to_string()))
                .expected("a number other than 0")
                .place(header.place(&key)));
        }
    };
    // RA---SIN and DEC--SIN count from the reference pixel, where the beam looks
    let sky = ["RA---SIN", "DEC--SIN"].contains(&header.text(&format!("CTYPE{number}"))?.as_str());
    let reference = if sky { 0.0 } else { header.float_or(&format!("CRVAL{number}"), 0.0)? };
    let first = reference + (1.0 - header.float_or(&format!("CRPIX{number}"), 1.0)?) * step;
    Ok([first * scale, step * scale])
}

fn radians(header: &Header, axis: usize) -> Result<f64> {
    let key = format!("CUNIT{}", axis + 1);
    let unit = header.text(&key)?;
    let sky = header.text(&format!("CTYPE{}", axis + 1))?.ends_with("-SIN");
    match unit.trim().to_ascii_lowercase().as_str() {
        "deg" | "degree" | "degrees" => Ok(DEG_RAD),
        "" if sky => Ok(DEG_RAD),
        "rad" | "radian" | "radians" => Ok(1.0),
        _ => Err(Error::input("the directions of a beam's table are in no known unit")
            .found(format!("\"{unit}\""))
            .expected("deg or rad")
            .place(header.place(&key))),
    }
}

fn hertz(header: &Header, axis: usize) -> Result<f64> {
    let key = format!("CUNIT{}", axis + 1);
    let unit = header.text(&key)?;
    match unit.trim() {
        "Hz" | "" => Ok(1.0),
        "kHz" => Ok(1e3),
        "MHz" => Ok(1e6),
        "GHz" => Ok(1e9),
        _ => Err(Error::input("a spectral axis in an unknown unit")
            .found(format!("\"{unit}\""))
            .expected("Hz, kHz, MHz or GHz")
            .place(header.place(&key))),
    }
}

/// Axes that are turned, and frequencies in a list of cards (MeqTrees), are named.
fn refuse_rotations(header: &Header) -> Result<()> {
    for card in &header.cards {
        let value = match card.value {
            CardValue::Float(value) => value,
            CardValue::Int(value) => value as f64,
            _ => continue,
        };
        let off_diagonal = ["PC", "CD"].iter().any(|start| {
            let rest = card.key.strip_prefix(start).and_then(|rest| rest.split_once('_'));
            rest.is_some_and(|(i, j)| i.parse::<u32>().is_ok() && j.parse::<u32>().is_ok() && i != j)
        });
        if (off_diagonal || card.key.starts_with("CROTA")) && value != 0.0 {
            return Err(Error::input("the axes of a beam's table are turned")
                .found(value)
                .expected("axes along l and m")
                .place(header.place(&card.key)));
        }
        if card.key.starts_with("GFREQ") {
            return Err(Error::input("frequencies in a list of cards are not supported")
                .found(&card.key)
                .expected("a FREQ axis of equal steps")
                .place(header.place(&card.key))
                .hint("interpolate the table to equal steps"));
        }
    }
    Ok(())
}

use super::Card;
use super::handle::Handle;
use super::header::Header;
use super::record::from_records;
use crate::error::{Error, Result};
use ndarray::{ArrayD, IxDyn};
use std::path::Path;

/// The image of a primary HDU without any meaning of its axes.
#[derive(Debug, Clone)]
pub struct FitsArray {
    /// Values; the first axis is FITS' last.
    pub data: ArrayD<f32>,
    /// BUNIT as it stands in the header; empty where there is none.
    pub unit: String,
    /// All cards.
    pub cards: Vec<Card>,
}

/// The axes (NAXIS1 first), BUNIT and cards of the primary HDU of `path`, without its pixels.
///
/// # Errors
/// A missing, truncated or non-FITS file, no image.
pub fn read_array_shape(path: &Path) -> Result<(Vec<usize>, String, Vec<Card>)> {
    let header = Header::new(from_records(&Handle::open(path)?.records()?), path);
    Ok((shape(&header, path)?, header.text("BUNIT")?, header.cards))
}

/// Reads the image of the primary HDU of `path`, whatever its axes are.
///
/// # Errors
/// As [`read_array_shape`]; undefined pixels.
pub fn read_array(path: &Path) -> Result<FitsArray> {
    let mut file = Handle::open(path)?;
    let header = Header::new(from_records(&file.records()?), path);
    let shape = shape(&header, path)?;
    let pixels = super::read::pixels_of(&mut file, &header, &shape, path)?;
    let slowest_first: Vec<usize> = shape.iter().rev().copied().collect();
    let data = ArrayD::from_shape_vec(IxDyn(&slowest_first), pixels)
        .map_err(|e| Error::input("the image does not have the shape of its header").found(e).place(path.display()))?;
    Ok(FitsArray { data, unit: header.text("BUNIT")?, cards: header.cards })
}

fn shape(header: &Header, path: &Path) -> Result<Vec<usize>> {
    let axes = header.int("NAXIS")?.unwrap_or(0).clamp(0, 9);
    let lengths = (1..=axes).map(|n| Ok(header.int(&format!("NAXIS{n}"))?.unwrap_or(0).max(0) as usize));
    let lengths = lengths.collect::<Result<Vec<_>>>()?;
    if lengths.is_empty() || lengths.contains(&0) {
        return Err(Error::input("the FITS file has no image in its primary HDU")
            .found(format!("{axes} axes, {lengths:?}"))
            .expected("an image")
            .place(path.display()));
    }
    Ok(lengths)
}

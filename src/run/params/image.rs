use super::positive;
use crate::error::{Error, Result};
use crate::formats::config::Document;
use crate::imaging::Weighting;
use crate::units::Dimension;

/// A pixel count or size: given, or chosen from the array and the sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PixelChoice<T> {
    /// `"auto"`, the default.
    Auto,
    /// As given.
    Given(T),
}

/// `[image]`: the pixel grid of sky and images, and how visibilities are imaged.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageSettings {
    /// Pixels along each side.
    pub size: PixelChoice<usize>,
    /// Pixel size, rad.
    pub cell_rad: PixelChoice<f64>,
    /// What `auto` never exceeds.
    pub max_size: usize,
    /// Weighting of the visibilities.
    pub weighting: Weighting,
    /// Relative accuracy of gridding.
    pub epsilon: f64,
}

pub(super) fn read(document: &mut Document) -> Result<ImageSettings> {
    let mut s = document.section("image")?;
    let size = match s.integer_or_auto("size", 8..=16384)? {
        Some(n) => PixelChoice::Given(n as usize),
        None => PixelChoice::Auto,
    };
    let cell_rad = match s.quantity_or_auto("cell", Dimension::Angle)? {
        Some(cell) => PixelChoice::Given(positive("image", "cell", cell)?),
        None => PixelChoice::Auto,
    };
    let max_size = s.integer("max_size", 8..=16384)?.unwrap_or(4096) as usize;
    let weighting = match s.text("weight")? {
        Some(text) => Weighting::parse(&text).map_err(|e| e.place("key image.weight of the configuration"))?,
        None => Weighting::Briggs(0.0),
    };
    let epsilon = s.float("epsilon")?.unwrap_or(1e-5);
    s.finish()?;
    if let PixelChoice::Given(n) = size
        && n > 16384
    {
        return Err(Error::input("image.size is too large").found(n).expected("at most 16384"));
    }
    Ok(ImageSettings { size, cell_rad, max_size, weighting, epsilon: check_epsilon("image", epsilon)? })
}

/// An accuracy that the gridder can be asked for.
pub(in crate::run) fn check_epsilon(table: &str, epsilon: f64) -> Result<f64> {
    if (1e-12..=1e-2).contains(&epsilon) {
        Ok(epsilon)
    } else {
        Err(Error::input(format!("{table}.epsilon is out of range"))
            .found(epsilon)
            .expected("a relative accuracy from 1e-12 to 1e-2"))
    }
}

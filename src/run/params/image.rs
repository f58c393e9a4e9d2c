use super::RouteChoice;
use super::{positive, unless_auto};
use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
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
    /// With visibilities or without; `None`: not said, which is with them for a run and "auto" for data sets.
    pub route: Option<RouteChoice>,
    /// Largest difference from the visibility route that is allowed without visibilities, relative to the peak.
    pub psf_epsilon: f64,
}

impl ImageSettings {
    /// The way of a run.
    pub fn route(&self) -> RouteChoice {
        self.route.unwrap_or(RouteChoice::Visibilities)
    }
}

pub(super) fn read(document: &Document) -> Result<ImageSettings> {
    let s = document.section("image")?;
    let size = match unless_auto(&s, "size", || s.integer("size", 8..=16384))? {
        Some(n) => PixelChoice::Given(n as usize),
        None => PixelChoice::Auto,
    };
    let cell_rad = match unless_auto(&s, "cell", || s.quantity("cell", Dimension::Angle))? {
        Some(cell) => PixelChoice::Given(positive(&s, "cell", cell)?),
        None => PixelChoice::Auto,
    };
    let max_size = s.integer("max_size", 8..=16384)?.unwrap_or(1024) as usize;
    let weighting = match s.text("weight")? {
        Some(text) => Weighting::parse(&text).map_err(|e| e.place(s.place("weight")))?,
        None => Weighting::Briggs(0.0),
    };
    let epsilon = read_epsilon(&s)?;
    let route = match s.choice("method", &["visibilities", "psf", "auto"])? {
        Some("psf") => Some(RouteChoice::Psf),
        Some("auto") => Some(RouteChoice::Auto),
        Some(_) => Some(RouteChoice::Visibilities),
        None => None,
    };
    let psf_epsilon = read_accuracy(&s, "psf_epsilon", 1e-3)?;
    s.finish()?;
    Ok(ImageSettings { size, cell_rad, max_size, weighting, epsilon, route, psf_epsilon })
}

/// The accuracy that a table asks of the gridder.
pub(super) fn read_epsilon(section: &Section) -> Result<f64> {
    read_accuracy(section, "epsilon", 1e-5)
}

fn read_accuracy(section: &Section, key: &str, default: f64) -> Result<f64> {
    match section.float(key, ..)? {
        None => Ok(default),
        Some(epsilon) if EPSILONS.contains(&epsilon) => Ok(epsilon),
        Some(_) => Err(section.refuse(key, ACCURACY)),
    }
}

/// Accuracies that can be asked for.
const EPSILONS: std::ops::RangeInclusive<f64> = 1e-12..=1e-2;
const ACCURACY: &str = "a relative accuracy from 1e-12 to 1e-2";

/// The accuracy that `--epsilon` asks of the gridder.
pub(in crate::run) fn check_epsilon(epsilon: f64) -> Result<f64> {
    if EPSILONS.contains(&epsilon) {
        Ok(epsilon)
    } else {
        Err(Error::input("this accuracy cannot be asked for")
            .found(format!("{epsilon:e}"))
            .expected(ACCURACY)
            .place("--epsilon"))
    }
}

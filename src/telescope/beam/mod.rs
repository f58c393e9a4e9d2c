//! Voltage beams of stations: circular ones, and such as have any shape [`ShapedBeams`].
//!
//! A baseline's power beam is the product of the voltage beams of its two stations, so every model
//! here is a voltage pattern, circular ones real and 1 on the axis. FWHMs are those of the power pattern of one
//! station unless a name says voltage.

mod files;
mod katbeam;
mod katbeam_tables;
mod models;
mod shaped;
mod table;

pub use katbeam::{Ellipse, KatBand};
pub use models::{AiryBeam, CosineTaperBeam, GaussianBeam, Isotropic, VoltageGaussianBeam};
pub use shaped::{Mount, Shape, ShapedBeams};
pub(crate) use shaped::{ShapedBeam, StationResponse};
pub use table::{BeamTable, Grid, Interpolation, Quantity};

use crate::error::{Error, Result};
use crate::telescope::Telescope;
use crate::telescope::array::ApertureArrays;
use std::fmt::Debug;
use std::sync::Arc;

/// Width of the power beam of a dish: 66 deg lambda / D (SKA-Mid sensitivity calculator).
pub const POWER_FWHM_DEG_LAMBDA_OVER_D: f64 = 66.0;

/// A circular voltage beam: real, 1 on the axis, a function of angle and frequency.
pub trait VoltageBeam: Debug + Send + Sync {
    /// Voltage gain at `sin_theta`, the sine of the angle from the pointing direction.
    fn voltage(&self, sin_theta: f64, freq_hz: f64) -> f64;

    /// Whether the beam is 1 everywhere, so that multiplying by it may be skipped.
    fn is_unity(&self) -> bool {
        false
    }

    /// The model in words, for headers: `gaussian power FWHM 66 deg lambda/D, D 15 m`.
    fn describe(&self) -> String;
}

/// Which model a run uses for its stations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BeamChoice {
    /// Gaussian for SKA-Mid and MeerKAT dishes, none for every other station type.
    Auto,
    /// No beam.
    None,
    /// Gaussian of power FWHM 66 deg lambda/D.
    Gaussian,
    /// Airy pattern of a uniformly lit aperture of the station's diameter.
    Airy,
    /// Cosine-tapered illumination (the formula of MeerKAT's katbeam) of power FWHM 66 deg lambda/D.
    CosineTaper,
    /// Gaussian whose voltage pattern has this FWHM at this frequency (OSKAR's Gaussian station).
    VoltageGaussian {
        /// FWHM of the voltage pattern at `reference_hz`, rad.
        fwhm_rad: f64,
        /// Reference frequency, Hz; the width scales as 1/frequency.
        reference_hz: f64,
    },
}

/// The beams of an array: stations of equal beam share a class.
#[derive(Debug, Clone)]
pub struct StationBeams {
    /// One beam a class.
    pub classes: Vec<Arc<dyn VoltageBeam>>,
    /// Class of each station.
    pub class_of: Vec<usize>,
    /// Stations that are arrays of antennas, which have that response in place of a circular beam.
    pub arrays: Option<Arc<ApertureArrays>>,
    /// Beams of any shape, in place of circular ones.
    pub shaped: Option<Arc<ShapedBeams>>,
}

impl StationBeams {
    /// Beams of `telescope`'s stations, each of its own diameter; classes in order of appearance.
    pub fn new(telescope: &Telescope, choice: BeamChoice) -> StationBeams {
        let mut classes: Vec<Arc<dyn VoltageBeam>> = Vec::new();
        let mut class_of = Vec::with_capacity(telescope.stations.len());
        for station in &telescope.stations {
            let d = station.diameter_m;
            let beam: Arc<dyn VoltageBeam> = match choice {
                BeamChoice::Auto if matches!(station.kind.as_str(), "ska-mid" | "meerkat") => {
                    Arc::new(GaussianBeam { diameter_m: d })
                }
                BeamChoice::Auto | BeamChoice::None => Arc::new(Isotropic),
                BeamChoice::Gaussian => Arc::new(GaussianBeam { diameter_m: d }),
                BeamChoice::Airy => Arc::new(AiryBeam { diameter_m: d }),
                BeamChoice::CosineTaper => Arc::new(CosineTaperBeam { diameter_m: d }),
                BeamChoice::VoltageGaussian { fwhm_rad, reference_hz } => {
                    Arc::new(VoltageGaussianBeam { fwhm_rad, reference_hz })
                }
            };
            let found = classes.iter().position(|known| known.describe() == beam.describe());
            class_of.push(found.unwrap_or_else(|| {
                classes.push(beam);
                classes.len() - 1
            }));
        }
        StationBeams::of_classes(classes, class_of)
    }

    /// Circular beams, and which of them each station has.
    pub fn of_classes(classes: Vec<Arc<dyn VoltageBeam>>, class_of: Vec<usize>) -> StationBeams {
        StationBeams { classes, class_of, arrays: None, shaped: None }
    }

    /// Beams of aperture arrays.
    pub fn of_arrays(arrays: Arc<ApertureArrays>) -> StationBeams {
        let none = StationBeams::of_classes(vec![Arc::new(Isotropic)], vec![0; arrays.kind_of.len()]);
        StationBeams { arrays: Some(arrays), ..none }
    }

    /// Beams of any shape.
    pub fn of_shapes(shaped: Arc<ShapedBeams>) -> StationBeams {
        let none = StationBeams::of_classes(vec![Arc::new(Isotropic)], vec![0; shaped.shape_of.len()]);
        StationBeams { shaped: Some(shaped), ..none }
    }

    /// Whether all beams are circles, alike at all times.
    pub fn is_circular(&self) -> bool {
        self.arrays.is_none() && self.shaped.is_none()
    }

    /// # Errors
    /// Beams that are not circular, which `what` cannot see through.
    pub fn require_circular(&self, what: &str) -> Result<()> {
        match self.is_circular() {
            true => Ok(()),
            false => Err(Error::input(format!("{what} takes circular beams alone"))
                .found(self.describe())
                .expected("telescope.beam of none, gaussian, airy or cosine")
                .hint("prediction.method = \"direct\" takes all beams")),
        }
    }

    /// # Errors
    /// A frequency that a beam does not have.
    pub fn check(&self, freq_hz: &[f64]) -> Result<()> {
        self.shaped.as_ref().map_or(Ok(()), |shaped| shaped.check(freq_hz))
    }

    /// Every model in use, for headers.
    pub fn describe(&self) -> String {
        match (&self.arrays, &self.shaped) {
            (Some(arrays), _) => arrays.describe(),
            (None, Some(shaped)) => shaped.describe(),
            (None, None) => self.classes.iter().map(|c| c.describe()).collect::<Vec<_>>().join("; "),
        }
    }

    /// Whether no station has a circular beam.
    pub fn is_unity(&self) -> bool {
        self.classes.iter().all(|c| c.is_unity())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dishes_of_equal_diameter_share_a_class() {
        let telescope = Telescope::preset("ska-mid-aa4").unwrap();
        let beams = StationBeams::new(&telescope, BeamChoice::Auto);
        assert_eq!(beams.classes.len(), 2);
        assert!(!beams.is_unity());
        let mut of_class = [0; 2];
        for (station, class) in telescope.stations.iter().zip(&beams.class_of) {
            assert!(beams.classes[*class].describe().contains(&format!("D {} m", station.diameter_m)));
            of_class[*class] += 1;
        }
        of_class.sort();
        assert_eq!(of_class, [64, 133]);
        assert!(beams.describe().contains("D 13.5 m") && beams.describe().contains("D 15 m"));
        let pairs = telescope.baselines().map(|(p, q)| {
            let (a, b) = (beams.class_of[p], beams.class_of[q]);
            (a.min(b), a.max(b))
        });
        assert_eq!(pairs.collect::<std::collections::HashSet<_>>().len(), 3);
    }

    #[test]
    fn only_ska_mid_and_meerkat_have_a_beam_unasked() {
        for (name, beam) in [("meerkat", "gaussian"), ("vla-d", "none"), ("ska-low-aa1", "none"), ("askap", "none")] {
            let telescope = Telescope::preset(name).unwrap();
            let beams = StationBeams::new(&telescope, BeamChoice::Auto);
            assert!(beams.describe().starts_with(beam), "{name}: {}", beams.describe());
            assert_eq!(beams.is_unity(), beam == "none");
            assert!(StationBeams::new(&telescope, BeamChoice::None).is_unity());
            assert!(StationBeams::new(&telescope, BeamChoice::Airy).describe().starts_with("airy, D "));
        }
    }
}

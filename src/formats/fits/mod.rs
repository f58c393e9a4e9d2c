//! FITS images and cubes with celestial (SIN), spectral (FREQ, VRAD, VOPT) and Stokes axes.

mod array;
mod axes;
mod beam;
mod handle;
mod hdu;
mod header;
mod healpix;
mod projection;
mod read;
mod record;
mod spectral;
mod summary;
mod table;
mod write;

pub use array::{FitsArray, read_array, read_array_shape};
pub use beam::{FitsBeam, read_beam};
pub use healpix::{HealpixColumn, HealpixFile, HealpixOrder};
pub use projection::Projection;
pub use read::{FitsMap, read_axes, read_cube, read_map};
pub use spectral::{SpectralForm, SpectralKind};
pub use summary::header_summary;
pub(super) use table::FitsTable;
pub use table::has_image;
pub use write::{CubeHeader, CubeWriter, header_text, write_cube};

use crate::units::RaDec;
use ndarray::Array3;

/// One image or cube: planes of one Stokes parameter on a SIN-projected grid.
#[derive(Debug, Clone)]
pub struct FitsCube {
    /// Pixel values, shape [plane, y, x].
    pub data: Array3<f32>,
    /// Celestial axes.
    pub sky: SkyAxes,
    /// Spectral axis.
    pub spectral: SpectralAxis,
    /// Value of the STOKES axis: "I", "Q", ...
    pub stokes: String,
    /// BUNIT as it stands in the header.
    pub unit: String,
    /// Restoring or fitted PSF beam: empty, one for all planes, or one a plane.
    pub beams: Vec<Beam>,
    /// Every other header card, in order.
    pub cards: Vec<Card>,
}

/// Celestial axes: orthographic (SIN) projection about `centre`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyAxes {
    /// Direction of the reference pixel.
    pub centre: RaDec,
    /// CDELT1, rad; negative where RA falls with x.
    pub step_x_rad: f64,
    /// CDELT2, rad.
    pub step_y_rad: f64,
    /// 0-based pixel (x, y) of `centre`; FITS CRPIX - 1.
    pub reference_pixel: [f64; 2],
}

/// Spectral axis: one frequency a plane, equally spaced in the coordinate of its kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpectralAxis {
    /// Centre frequency of each plane, Hz; empty for a file that was read and has no spectral axis.
    pub freq_hz: Vec<f64>,
    /// Channel width, Hz (positive; 0 where a file that was read gives none); the mean where planes are equally spaced
    /// in optical velocity.
    pub width_hz: f64,
    /// RESTFRQ, Hz; 0 where there is none.
    pub rest_hz: f64,
    /// SPECSYS: "BARYCENT", "LSRK", "TOPOCENT", ...; empty where there is none.
    pub specsys: String,
    /// What the header states of the planes: frequencies (the default) or velocities.
    pub form: SpectralForm,
}

/// An elliptical Gaussian beam.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beam {
    /// FWHM of the major axis, rad.
    pub major_rad: f64,
    /// FWHM of the minor axis, rad.
    pub minor_rad: f64,
    /// Position angle of the major axis, rad, from north through east.
    pub angle_rad: f64,
}

/// One header card.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// Keyword, at most 8 characters.
    pub key: String,
    /// Value.
    pub value: CardValue,
    /// Comment.
    pub comment: String,
}

/// Value of a header card.
#[derive(Debug, Clone, PartialEq)]
pub enum CardValue {
    /// T or F.
    Bool(bool),
    /// Integer.
    Int(i64),
    /// Floating-point number.
    Float(f64),
    /// Text.
    Text(String),
    /// COMMENT or HISTORY text (no value field).
    Commentary,
}

impl Card {
    /// A card with a text value.
    pub fn text(key: &str, value: impl Into<String>, comment: &str) -> Card {
        Card { key: key.into(), value: CardValue::Text(value.into()), comment: comment.into() }
    }

    /// A card with a floating-point value.
    pub fn float(key: &str, value: f64, comment: &str) -> Card {
        Card { key: key.into(), value: CardValue::Float(value), comment: comment.into() }
    }

    /// A card with an integer value.
    pub fn int(key: &str, value: i64, comment: &str) -> Card {
        Card { key: key.into(), value: CardValue::Int(value), comment: comment.into() }
    }

    /// A HISTORY line.
    pub fn history(line: impl Into<String>) -> Card {
        Card { key: "HISTORY".into(), value: CardValue::Commentary, comment: line.into() }
    }
}

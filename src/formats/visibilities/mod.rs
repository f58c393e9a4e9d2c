//! The visibility file (HDF5, docs/formats.md) and the table it holds.

pub(super) mod library;
mod read;
mod write;

pub use read::{ChannelReader, read_visibilities, read_visibility_frame};
pub use write::{Precision, VisibilityWriter, write_visibilities};

use crate::units::RaDec;
use ndarray::{Array2, Array3};
use rustfft::num_complex::Complex64;

/// Polarisation products of the last axis of a visibility array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polarisations {
    /// Stokes I = (XX + YY)/2 alone.
    I,
    /// XX, XY, YX, YY of linear feeds; XX = I + Q.
    Linear,
}

impl Polarisations {
    /// Number of products.
    pub fn count(self) -> usize {
        match self {
            Polarisations::I => 1,
            Polarisations::Linear => 4,
        }
    }

    /// "I" or "XX,XY,YX,YY", as the attribute `polarisations` holds it.
    pub fn name(self) -> &'static str {
        match self {
            Polarisations::I => "I",
            Polarisations::Linear => "XX,XY,YX,YY",
        }
    }
}

/// Visibilities of one pointing: rows ordered by time, then baseline (0,1), (0,2), ...
#[derive(Debug, Clone)]
pub struct VisibilityTable {
    /// position(antenna1) - position(antenna2) towards the phase centre, m, shape [row, 3].
    pub uvw_m: Array2<f64>,
    /// Mid-time of each row, MJD (UTC); empty where a minimal file gives none.
    pub time_mjd_utc: Vec<f64>,
    /// First station of each row; empty where a minimal file gives none.
    pub antenna1: Vec<u32>,
    /// Second station of each row; empty where a minimal file gives none.
    pub antenna2: Vec<u32>,
    /// Channel centre frequencies, Hz.
    pub freq_hz: Vec<f64>,
    /// Visibilities, Jy, shape [row, channel, polarisation].
    pub vis: Array3<Complex64>,
    /// Weights 1/sigma^2 (Jy^-2), sigma per real and imaginary part; same shape. 1 where unknown.
    pub weight: Array3<f32>,
    /// True where the sample must not be used; same shape.
    pub flag: Array3<bool>,
    /// Phase centre.
    pub phase_centre: RaDec,
    /// Products of the last axis.
    pub polarisations: Polarisations,
    /// Name and version of the telescope.
    pub telescope: String,
    /// Channel width, Hz; 0 where unknown.
    pub channel_width_hz: f64,
    /// Integration time, s; 0 where unknown.
    pub integration_time_s: f64,
    /// What made the file: program, version, configuration.
    pub provenance: String,
}

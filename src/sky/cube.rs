//! The sky as the interferometer needs it: flux density per pixel and channel.

use crate::gridding::ImageGeometry;
use crate::units::RaDec;
use ndarray::Array3;

/// Flux density on a SIN grid: the phase centre is 0-based pixel (nx/2, ny/2).
#[derive(Debug, Clone)]
pub struct SkyCube {
    /// Flux density, Jy per pixel, signed, shape [channel, y, x].
    pub flux_jy: Array3<f64>,
    /// Channel centres, Hz, in `specsys`.
    pub freq_hz: Vec<f64>,
    /// Channel width, Hz (positive).
    pub channel_width_hz: f64,
    /// Pixel size, rad (square pixels: l falls, m rises by this much a pixel).
    pub cell_rad: f64,
    /// Direction of the centre pixel.
    pub centre: RaDec,
    /// Spectral reference frame: "BARYCENT", "LSRK", "TOPOCENT", ...
    pub specsys: String,
}

impl SkyCube {
    /// The pixels as direction cosines.
    pub fn geometry(&self) -> ImageGeometry {
        let (_, ny, nx) = self.flux_jy.dim();
        ImageGeometry { nx, ny, dl: -self.cell_rad, dm: self.cell_rad }
    }
}

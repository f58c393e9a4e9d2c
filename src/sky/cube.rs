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
    /// Channel width, Hz (positive); of channels of equal optical velocity, which only [`super::products`] makes, the mean.
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

    /// Solid angle of pixel (y, x), sr; `None` where the pixel lies beyond the hemisphere.
    pub fn solid_angle_sr(&self, y: usize, x: usize) -> Option<f64> {
        solid_angle_sr(self.geometry(), y, x)
    }
}

/// Solid angle of a pixel of a SIN image, sr: dl dm / n at its centre, n = sqrt(1 - l^2 - m^2).
///
/// `None` where the pixel's centre is not on the hemisphere (n would not be positive).
pub fn solid_angle_sr(geometry: ImageGeometry, y: usize, x: usize) -> Option<f64> {
    let middle = [(geometry.nx / 2) as f64, (geometry.ny / 2) as f64];
    pixel_solid_angle_sr(middle, [geometry.dl, geometry.dm], y, x)
}

/// As [`solid_angle_sr`], of pixels of `step` rad about the 0-based pixel `reference` (x, y), whole or not.
pub fn pixel_solid_angle_sr(reference: [f64; 2], step: [f64; 2], y: usize, x: usize) -> Option<f64> {
    let l = (x as f64 - reference[0]) * step[0];
    let m = (y as f64 - reference[1]) * step[1];
    let n_squared = 1.0 - l * l - m * m;
    (n_squared > 0.0).then(|| (step[0] * step[1]).abs() / n_squared.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solid_angles_sum_to_a_spherical_cap() {
        // pixels with l^2 + m^2 < (sin theta)^2 cover 2 pi (1 - cos theta)
        let n = 1200;
        let cell = 2.0 * 0.6 / n as f64;
        let geometry = ImageGeometry { nx: n, ny: n, dl: -cell, dm: cell };
        let mut sum = 0.0;
        for y in 0..n {
            for x in 0..n {
                let (l, m) = ((x as f64 - 600.0) * cell, (y as f64 - 600.0) * cell);
                if l * l + m * m < 0.25 {
                    sum += solid_angle_sr(geometry, y, x).unwrap();
                }
            }
        }
        let cap = std::f64::consts::TAU * (1.0 - 0.75f64.sqrt());
        assert!((sum / cap - 1.0).abs() < 1e-3, "{sum} {cap}");
        assert!(solid_angle_sr(ImageGeometry { nx: 4, ny: 4, dl: -1.0, dm: 1.0 }, 0, 0).is_none());
    }
}

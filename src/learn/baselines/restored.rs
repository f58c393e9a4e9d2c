use ndarray::{Array2, ArrayView2};
use std::f64::consts::{LN_2, PI};

/// Brightness temperatures of an image in Jy/beam (dirty or restored) taken as if it were the sky: Jy/beam over the pixels of
/// a beam, pi bmaj bmin / (4 ln 2 cell^2), over Jy a pixel of the unit.
pub fn from_beam(image_jy: ArrayView2<f64>, beam_rad: [f64; 2], cell_rad: f64, jy_per_pixel: f64) -> Array2<f64> {
    let pixels = PI * beam_rad[0] * beam_rad[1] / (4.0 * LN_2 * cell_rad * cell_rad);
    image_jy.mapv(|v| v / (pixels * jy_per_pixel))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_sky_comes_back() {
        // a beam of area 10 pixels over 3 mK of 2e-9 Jy a pixel and mK sees 6e-8 Jy/beam
        let side = (10.0 * 4.0 * LN_2 / PI).sqrt();
        let seen = Array2::from_elem((2, 2), 6e-8);
        let sky = from_beam(seen.view(), [2.0 * side, 0.5 * side], 1.0, 2e-9);
        assert!(sky.iter().all(|v| (v - 3.0).abs() < 1e-12));
    }
}

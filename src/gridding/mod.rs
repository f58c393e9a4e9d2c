//! Image -> visibilities and back, on bare arrays: no telescope, no file, no unit but wavelengths.
//!
//! Both directions evaluate
//! V(u,v,w) = sum_{y,x} I[y,x] exp(+2 pi i (u l_x + v m_y + w (n-1))), n = sqrt(1 - l^2 - m^2),
//! with l_x = (x - nx/2) dl and m_y = (y - ny/2) dm (integer division), no factor 1/n.
//! [`degrid`] is that sum, [`grid`] its adjoint (real part); [`dft`] holds their exact twins.

pub mod dft;

use crate::error::{Result, Watch};
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;

/// The pixels of an image in direction cosines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageGeometry {
    /// Number of pixels along x (l).
    pub nx: usize,
    /// Number of pixels along y (m).
    pub ny: usize,
    /// Step of l per pixel; negative where l falls with x, as on the sky.
    pub dl: f64,
    /// Step of m per pixel.
    pub dm: f64,
}

/// Visibilities of `image` (shape [y, x]) at `uvw` (wavelengths), to relative accuracy `epsilon`.
pub fn degrid(
    geometry: ImageGeometry,
    image: ArrayView2<f64>,
    uvw: &[[f64; 3]],
    epsilon: f64,
    watch: &Watch,
) -> Result<Vec<Complex64>> {
    let _ = (geometry, image, uvw, epsilon, watch);
    todo!()
}

/// Adjoint of [`degrid`]: image[y,x] = sum_k Re(vis_k exp(-2 pi i (...))), not normalised.
pub fn grid(
    geometry: ImageGeometry,
    vis: &[Complex64],
    uvw: &[[f64; 3]],
    epsilon: f64,
    watch: &Watch,
) -> Result<Array2<f64>> {
    let _ = (geometry, vis, uvw, epsilon, watch);
    todo!()
}

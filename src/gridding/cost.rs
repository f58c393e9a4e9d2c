use super::choice::{Extent, choose};
use super::passes::together;
use super::{ImageGeometry, Real, SINGLE_EPSILON};
use crate::error::Result;

/// What [`degrid`](super::degrid) or [`grid`](super::grid) needs, by the model that chooses their kernels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds of one core.
    pub cpu_s: f64,
    /// Bytes beside the caller's images and visibilities.
    pub bytes: f64,
    /// Those of them that grow with the image, not with the number of visibilities.
    pub image_bytes: f64,
}

/// Nanoseconds of one core to sort one visibility into a plan.
const SORT_NS: f64 = 60.0;

/// Estimates one call for `images` images with visibilities at `uvw` (wavelengths).
///
/// # Errors
/// A bad geometry, `epsilon` out of reach.
pub fn cost(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64, images: usize) -> Result<Cost> {
    if epsilon >= SINGLE_EPSILON {
        cost_of::<f32>(geometry, uvw, epsilon, images)
    } else {
        cost_of::<f64>(geometry, uvw, epsilon, images)
    }
}

fn cost_of<T: Real>(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64, images: usize) -> Result<Cost> {
    geometry.validate()?;
    if uvw.is_empty() {
        return Ok(Cost { cpu_s: 0.0, bytes: 0.0, image_bytes: 0.0 });
    }
    let extent = Extent::of(uvw, &[1.0]);
    let choice = choose(&geometry, uvw.len(), &extent, epsilon, T::ROUNDING)?;
    let (count, cells, number) = (uvw.len() as f64, choice.nu * choice.nv, size_of::<T>());
    let (planes, at_once) = together(choice.planes(&extent), images, cells, number);
    // grids of a pass, images in this precision; coordinates and runs while they are sorted, values in this precision
    let image_bytes = (number * (2 * planes * at_once * cells + images * geometry.nx * geometry.ny)) as f64;
    let bytes = image_bytes + (56.0 + (2 * number * images) as f64) * count;
    Ok(Cost { cpu_s: 1e-9 * (images as f64 * choice.cpu_ns + SORT_NS * count), bytes, image_bytes })
}

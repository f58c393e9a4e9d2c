use super::choice::{Extent, choose, planes_together};
use super::{ImageGeometry, Real, SINGLE_EPSILON};
use crate::error::Result;

/// What [`degrid`](super::degrid) or [`grid`](super::grid) needs, by the model that chooses their kernels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Seconds of one core.
    pub cpu_s: f64,
    /// Bytes beside the caller's image and visibilities.
    pub bytes: f64,
}

/// Nanoseconds of one core to sort one visibility into a plan.
const SORT_NS: f64 = 60.0;

/// Estimates one call for visibilities at `uvw` (wavelengths).
///
/// # Errors
/// A bad geometry, `epsilon` out of reach.
pub fn cost(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Cost> {
    if epsilon >= SINGLE_EPSILON {
        cost_of::<f32>(geometry, uvw, epsilon)
    } else {
        cost_of::<f64>(geometry, uvw, epsilon)
    }
}

fn cost_of<T: Real>(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Cost> {
    geometry.validate()?;
    if uvw.is_empty() {
        return Ok(Cost { cpu_s: 0.0, bytes: 0.0 });
    }
    let extent = Extent::of(uvw, &[1.0]);
    let choice = choose(&geometry, uvw.len(), &extent, epsilon, T::ROUNDING)?;
    let (count, cells, number) = (uvw.len() as f64, choice.nu * choice.nv, size_of::<T>());
    let together = planes_together(choice.planes(&extent), cells, number);
    // grids of a pass, the corrected image; coordinates, and the runs while they are sorted
    let bytes = number as f64 * (2.0 * (together * cells) as f64 + (geometry.nx * geometry.ny) as f64) + 56.0 * count;
    Ok(Cost { cpu_s: 1e-9 * (choice.cpu_ns + SORT_NS * count), bytes })
}

use super::ImageGeometry;
use super::choice::{Extent, choose, plane_cost, touch_cost};
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
const SORT_NS: f64 = 150.0;

/// Estimates one call for visibilities at `uvw` (wavelengths).
///
/// # Errors
/// A bad geometry, `epsilon` out of reach.
pub fn cost(geometry: ImageGeometry, uvw: &[[f64; 3]], epsilon: f64) -> Result<Cost> {
    geometry.validate()?;
    if uvw.is_empty() {
        return Ok(Cost { cpu_s: 0.0, bytes: 0.0 });
    }
    let extent = Extent::of(uvw);
    let choice = choose(&geometry, uvw.len(), &extent, epsilon)?;
    let (planes, touched) = match &choice.w {
        Some(w) => (((extent.w_max - extent.w_min) / choice.w_step).floor() + w.support as f64, w.support as f64),
        None => (1.0, 1.0),
    };
    let (count, nu, nv) = (uvw.len() as f64, choice.nu as f64, choice.nv as f64);
    let ns = planes * plane_cost(&geometry, choice.nu, choice.nv)
        + count * (touched * touch_cost(choice.uv.support) + SORT_NS);
    // grid, rows between the two FFTs, the corrected image; positions, keys and order of the visibilities
    let bytes =
        16.0 * nu * nv + 16.0 * nu * geometry.ny as f64 + 8.0 * (geometry.nx * geometry.ny) as f64 + 76.0 * count;
    Ok(Cost { cpu_s: 1e-9 * ns, bytes })
}

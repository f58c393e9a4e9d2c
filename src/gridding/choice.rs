//! Grid size, supports and w planes: the cheapest that reach epsilon, by a cost model.

use super::shapes::{SHAPES, Shape};
use super::{ImageGeometry, n_minus_1};
use crate::error::{Error, Result};

/// Largest coordinates of the visibilities, wavelengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    pub u_max: f64,
    pub v_max: f64,
    /// Smallest and largest |w|.
    pub w_min: f64,
    pub w_max: f64,
}

impl Extent {
    /// That of `uvw`.
    pub fn of(uvw: &[[f64; 3]]) -> Extent {
        let nothing = Extent { u_max: 0.0, v_max: 0.0, w_min: f64::INFINITY, w_max: 0.0 };
        let mut extent = uvw.iter().fold(nothing, |e, c| Extent {
            u_max: e.u_max.max(c[0].abs()),
            v_max: e.v_max.max(c[1].abs()),
            w_min: e.w_min.min(c[2].abs()),
            w_max: e.w_max.max(c[2].abs()),
        });
        extent.w_min = extent.w_min.min(extent.w_max);
        extent
    }
}

/// What a plan is built from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// Grid cells along u and v.
    pub nu: usize,
    pub nv: usize,
    /// Kernel in u and v.
    pub uv: Shape,
    /// Kernel in w; none where one plane is enough.
    pub w: Option<Shape>,
    /// Wavelengths between planes (1 where there is one plane).
    pub w_step: f64,
    /// Middle of n - 1 over the image: phases are counted from it.
    pub n_shift: f64,
}

/// Part of epsilon that may be spent on kernels; the rest is for positions that are not spread evenly over a cell.
const KERNEL_SHARE: f64 = 0.7;
/// Part of epsilon that may be spent on ignoring w.
const FLAT_SHARE: f64 = 0.1;

/// Chooses for `count` visibilities within `extent`.
///
/// # Errors
/// `epsilon` of 0.1 and above, or below what double precision reaches for these phases.
pub(super) fn choose(geometry: &ImageGeometry, count: usize, extent: &Extent, epsilon: f64) -> Result<Choice> {
    let deepest = n_minus_1(geometry.corner_r2());
    let phase = extent.u_max * geometry.l(0).abs() + extent.v_max * geometry.m(0).abs() + extent.w_max * -deepest;
    // a phase of t turns carries a rounding error of about t 2^-53, in the exact sum as well as here
    let reach = 2e-13 + 3e-16 * phase;
    if !(epsilon >= reach && epsilon < 0.1) {
        return Err(Error::input("gridding cannot work to this accuracy")
            .found(format!("epsilon = {epsilon:e}"))
            .expected(format!("at least {reach:.1e} for these baselines and pixels, and less than 0.1")));
    }
    let n_shift = 0.5 * deepest;
    let depth = -0.5 * deepest;
    let w_range = extent.w_max - extent.w_min;
    let flat = std::f64::consts::PI * w_range * depth < FLAT_SHARE * epsilon;
    let allowed = (KERNEL_SHARE * epsilon).powi(2);
    let mut best: Option<(f64, Choice)> = None;
    for uv in SHAPES.iter().filter(|s| 2.0 * s.error.powi(2) <= allowed) {
        let nu = good_size(geometry.nx as f64 * uv.oversampling);
        let nv = good_size(geometry.ny as f64 * uv.oversampling);
        let plane = plane_cost(geometry, nu, nv);
        if flat {
            let cost = plane + touch_cost(uv.support) * count as f64;
            if best.as_ref().is_none_or(|(c, _)| cost < *c) {
                best = Some((cost, Choice { nu, nv, uv: *uv, w: None, w_step: 1.0, n_shift }));
            }
            continue;
        }
        for w in SHAPES.iter().filter(|s| 2.0 * uv.error.powi(2) + s.error.powi(2) <= allowed) {
            let w_step = 0.5 / (w.oversampling * depth);
            let planes = (w_range / w_step).floor() + w.support as f64;
            let cost = planes * plane + touch_cost(uv.support) * (count * w.support) as f64;
            if best.as_ref().is_none_or(|(c, _)| cost < *c) {
                best = Some((cost, Choice { nu, nv, uv: *uv, w: Some(*w), w_step, n_shift }));
            }
        }
    }
    best.map(|(_, choice)| choice).ok_or_else(|| {
        Error::input("no gridding kernel is this accurate")
            .found(format!("epsilon = {epsilon:e}"))
            .expected("1e-12 or more")
    })
}

/// Nanoseconds of one core for one plane: FFTs of the image's rows and of all columns, and the w screen.
pub(super) fn plane_cost(geometry: &ImageGeometry, nu: usize, nv: usize) -> f64 {
    let (nx, ny, nu, nv) = (geometry.nx as f64, geometry.ny as f64, nu as f64, nv as f64);
    0.4 * (ny * nu * nu.log2() + nu * nv * nv.log2()) + 5.0 * nx * ny
}

/// Nanoseconds of one core to spread one visibility over one plane.
pub(super) fn touch_cost(support: usize) -> f64 {
    let lanes = (2 * support).next_multiple_of(4) as f64;
    let kernel_lanes = support.next_multiple_of(4) as f64;
    10.0 + 0.08 * support as f64 * lanes + 0.12 * kernel_lanes * (support + 4) as f64
}

/// The next even number of the form 2^a 3^b 5^c.
fn good_size(least: f64) -> usize {
    let least = (least.ceil() as usize).max(2);
    let mut best = least.next_power_of_two();
    let mut five = 2;
    while five < best {
        let mut three = five;
        while three < best {
            let mut n = three;
            while n < least {
                n *= 2;
            }
            best = best.min(n);
            three *= 3;
        }
        five *= 5;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_even_smooth_and_not_too_large() {
        assert_eq!(good_size(1.2), 2);
        assert_eq!(good_size(614.4), 640);
        assert_eq!(good_size(1024.0), 1024);
        for n in 3..5000 {
            let size = good_size(f64::from(n));
            let mut rest = size;
            for p in [2, 3, 5] {
                while rest.is_multiple_of(p) {
                    rest /= p;
                }
            }
            assert!(
                rest == 1 && size.is_multiple_of(2) && size >= n as usize && (size as f64) < 1.25 * f64::from(n) + 4.0
            );
        }
    }

    #[test]
    fn accuracy_out_of_reach_is_refused() {
        let geometry = ImageGeometry { nx: 64, ny: 64, dl: 1e-4, dm: 1e-4 };
        let extent = Extent { u_max: 4e3, v_max: 4e3, w_min: 0.0, w_max: 1e3 };
        for epsilon in [1e-13, 0.0, -1.0, f64::NAN, 0.1, 1.0] {
            let error = choose(&geometry, 10, &extent, epsilon).unwrap_err().to_string();
            assert!(error.contains("accuracy"), "{error}");
        }
        assert!(choose(&geometry, 10, &extent, 1e-12).is_ok());
        assert!(choose(&geometry, 10, &extent, 0.09).is_ok());
    }

    #[test]
    fn flat_arrays_need_one_plane() {
        let geometry = ImageGeometry { nx: 64, ny: 64, dl: 1e-4, dm: 1e-4 };
        let mut extent = Extent { u_max: 4e3, v_max: 4e3, w_min: 7e3, w_max: 7e3 };
        assert!(choose(&geometry, 10, &extent, 1e-9).unwrap().w.is_none());
        extent.w_max = 8e3;
        assert!(choose(&geometry, 10, &extent, 1e-9).unwrap().w.is_some());
    }
}

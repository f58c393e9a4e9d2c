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
    /// Of every row of `uvw_m` at every `scale` (wavelengths a metre).
    pub fn of(uvw_m: &[[f64; 3]], scale: &[f64]) -> Extent {
        let low = scale.iter().copied().fold(f64::INFINITY, f64::min);
        let high = scale.iter().copied().fold(0.0, f64::max);
        let nothing = Extent { u_max: 0.0, v_max: 0.0, w_min: f64::INFINITY, w_max: 0.0 };
        let metres = uvw_m.iter().fold(nothing, |e, c| Extent {
            u_max: e.u_max.max(c[0].abs()),
            v_max: e.v_max.max(c[1].abs()),
            w_min: e.w_min.min(c[2].abs()),
            w_max: e.w_max.max(c[2].abs()),
        });
        let (u_max, v_max, w_max) = (metres.u_max * high, metres.v_max * high, metres.w_max * high);
        Extent { u_max, v_max, w_min: (metres.w_min * low).min(w_max), w_max }
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
    /// Whether that one plane is at w = 0, so that its screen is real.
    pub real: bool,
    /// Wavelengths between planes (1 where there is one plane).
    pub w_step: f64,
    /// Middle of n - 1 over the image: phases are counted from it.
    pub n_shift: f64,
    /// What the model says of the time of one core for one image, nanoseconds.
    pub cpu_ns: f64,
}

impl Choice {
    /// Half a step below the lowest plane that is held: 0 where visibilities reach below it. A plane at -w is the
    /// mirror image of that at w (the image is real), so only those at w >= 0 are held.
    pub fn w_base(&self, extent: &Extent) -> f64 {
        self.w.as_ref().map_or(0.0, |w| base(extent, w.support, self.w_step))
    }

    /// How many planes are held.
    pub fn planes(&self, extent: &Extent) -> usize {
        self.w.as_ref().map_or(1, |w| planes_held(extent, w.support, self.w_step) as usize)
    }
}

fn base(extent: &Extent, support: usize, step: f64) -> f64 {
    // the millionth keeps rounding from reaching below plane 0
    (extent.w_min - step * (0.5 * support as f64 - 0.5 + 1e-6)).max(0.0)
}

/// How many planes are held.
fn planes_held(extent: &Extent, support: usize, step: f64) -> f64 {
    let above = (extent.w_max - base(extent, support, step)) / step;
    (above + 0.5 * support as f64 + 0.5).floor()
}

/// Part of epsilon that may be spent on kernels, in single and in double precision; the rest is for positions that are
/// not spread evenly over a cell. In single precision supports 5 to 8 take the same vectors and the FFT is most of the
/// work, so accuracy is cheap: the common choice there is as accurate as ducc0's (docs/gridding.md).
const KERNEL_SHARE: [f64; 2] = [0.06, 0.7];
/// Part of epsilon that the w kernel alone may be: its error is largest where most of the image is, in the middle.
const W_SHARE: [f64; 2] = [0.06, 0.7];
/// Rounding errors of the transforms are everywhere in the image, and the correction multiplies them: in a corner by
/// those of u and of v, over the image by about a sixth of their product. How much larger the product may be at a
/// corner than in the middle, in units of epsilon over the rounding error, and what is allowed even so; the same for w.
const STEEPEST_UV: [f64; 2] = [0.2, 16.0];
const STEEPEST_W: [f64; 2] = [0.005, 4.0];
/// Part of epsilon that may be spent on ignoring w.
const FLAT_SHARE: f64 = 0.1;
/// A choice this much dearer than the cheapest is taken where it is more accurate: where the FFT is most of the work,
/// a wider kernel costs next to nothing.
const SLACK: f64 = 1.05;

/// Chooses for `count` visibilities within `extent` and arithmetic of relative rounding error `rounding`.
///
/// # Errors
/// `epsilon` of 0.1 and above, or below what this precision reaches for these phases.
pub(super) fn choose(
    geometry: &ImageGeometry,
    count: usize,
    extent: &Extent,
    epsilon: f64,
    rounding: f64,
) -> Result<Choice> {
    let deepest = n_minus_1(geometry.corner_r2());
    let phase = extent.u_max * geometry.l(0).abs() + extent.v_max * geometry.m(0).abs() + extent.w_max * -deepest;
    // a phase of t turns carries a rounding error of about t 2^-53, in the exact sum as well as here
    let arithmetic = if rounding < 1e-10 { 2e-13 } else { 32.0 * rounding };
    let reach = arithmetic + 3e-16 * phase;
    if !(epsilon >= reach && epsilon < 0.1) {
        return Err(Error::input("gridding cannot work to this accuracy")
            .found(format!("epsilon = {epsilon:e}"))
            .expected(format!("at least {reach:.1e} for these baselines and pixels, and less than 0.1")));
    }
    let n_shift = 0.5 * deepest;
    let depth = -0.5 * deepest;
    let flat = std::f64::consts::PI * (extent.w_max - extent.w_min) * depth < FLAT_SHARE * epsilon;
    let real = 2.0 * std::f64::consts::PI * extent.w_max * depth < FLAT_SHARE * epsilon;
    let double = rounding < 1e-10;
    let allowed = (KERNEL_SHARE[usize::from(double)] * epsilon).powi(2);
    let allowed_w = W_SHARE[usize::from(double)] * epsilon;
    let times = Times { bytes: if double { 8.0 } else { 4.0 } };
    let steepest = |[share, least]: [f64; 2]| (share * epsilon / rounding).max(least);
    let (steepest_uv, steepest_w) = (steepest(STEEPEST_UV).sqrt(), steepest(STEEPEST_W));
    let steep: Vec<f64> = SHAPES.iter().map(steepness).collect();
    let shapes = || SHAPES.iter().zip(&steep);
    let mut all: Vec<(f64, Choice)> = Vec::new();
    for (uv, _) in shapes().filter(|(s, steep)| 2.0 * s.error.powi(2) <= allowed && **steep <= steepest_uv) {
        let nu = good_size(geometry.nx as f64 * uv.oversampling);
        let nv = good_size(geometry.ny as f64 * uv.oversampling);
        let plane = times.plane(geometry, nu, nv);
        if flat || real {
            let plane = if real { 0.5 * plane } else { plane };
            let cpu_ns = plane + times.visibility(uv.support, 1, 1.0) * count as f64;
            let choice = Choice { nu, nv, uv: *uv, w: None, real, w_step: 1.0, n_shift, cpu_ns };
            all.push((2.0 * uv.error.powi(2), choice));
            continue;
        }
        let fits = |s: &Shape| s.error <= allowed_w && 2.0 * uv.error.powi(2) + s.error.powi(2) <= allowed;
        for (w, _) in shapes().filter(|(s, steep)| fits(s) && **steep <= steepest_w) {
            let w_step = 0.5 / (w.oversampling * depth);
            let planes = planes_held(extent, w.support, w_step);
            let visits = times.visits(w.support, planes, nu * nv);
            let cpu_ns = planes * plane + times.visibility(uv.support, w.support, visits) * count as f64;
            let choice = Choice { nu, nv, uv: *uv, w: Some(*w), real: false, w_step, n_shift, cpu_ns };
            all.push((2.0 * uv.error.powi(2) + w.error.powi(2), choice));
        }
    }
    let cheapest = all.iter().map(|(_, choice)| choice.cpu_ns).fold(f64::INFINITY, f64::min);
    let best = all.into_iter().filter(|(_, c)| c.cpu_ns <= SLACK * cheapest).min_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, choice)| choice).ok_or_else(|| {
        Error::input("no gridding kernel is this accurate")
            .found(format!("epsilon = {epsilon:e}"))
            .expected("1e-12 or more")
    })
}

/// How much larger the grid correction of `shape` is at the edge of the image than in its middle: the transform of
/// exp(b sqrt(1 - z^2)) is close to sinh(s)/s, s^2 = b^2 - (pi support x)^2 (Barnett et al. 2019, eq. 4.3).
fn steepness(shape: &Shape) -> f64 {
    let b = shape.beta * shape.support as f64;
    let edge = std::f64::consts::PI * shape.support as f64 * 0.5 / shape.oversampling;
    let transform = |s2: f64| if s2 > 0.0 { s2.sqrt().sinh() / s2.sqrt() } else { 1.0 };
    transform(b * b) / transform(b * b - edge * edge)
}

/// Bytes of the planes that are worked on together, for 4-byte numbers; twice that for 8-byte ones.
const TOGETHER: usize = 76 << 20;

/// How many of `planes` planes of `cells` cells of numbers of `bytes` bytes are held at once.
pub(super) fn planes_together(planes: usize, cells: usize, bytes: usize) -> usize {
    let most = (TOGETHER * bytes / 4 / (2 * bytes * cells)).max(1);
    // passes of equal size
    planes.div_ceil(planes.div_ceil(most))
}

/// Times of one core in nanoseconds, fitted to measurements (docs/gridding.md).
struct Times {
    bytes: f64,
}

impl Times {
    /// One plane: FFTs of the image's rows and of all columns, and the w screen.
    fn plane(&self, geometry: &ImageGeometry, nu: usize, nv: usize) -> f64 {
        let (nx, ny, nu, nv) = (geometry.nx as f64, geometry.ny as f64, nu as f64, nv as f64);
        self.bytes / 4.0 * (1.3 * nu * (ny + nv) + 1.3 * nx * ny)
    }

    /// How often a visibility is met.
    fn visits(&self, w_support: usize, planes: f64, cells: usize) -> f64 {
        let together = planes_together(planes as usize, cells, self.bytes as usize) as f64;
        if together >= planes { 1.0 } else { 1.0 + (w_support as f64 - 1.0) / together }
    }

    /// One visibility.
    fn visibility(&self, support: usize, w_support: usize, visits: f64) -> f64 {
        let vectors = (2 * support).next_multiple_of(8) as f64 * self.bytes / 32.0;
        visits * (14.0 + 0.5 * (vectors + 2.0) * (support as f64 + 1.0))
            + 0.33 * w_support as f64 * support as f64 * vectors
    }
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
            let error = choose(&geometry, 10, &extent, epsilon, f64::EPSILON).unwrap_err().to_string();
            assert!(error.contains("accuracy"), "{error}");
        }
        assert!(choose(&geometry, 10, &extent, 1e-12, f64::EPSILON).is_ok());
        assert!(choose(&geometry, 10, &extent, 0.09, f64::EPSILON).is_ok());
    }

    #[test]
    fn flat_arrays_need_one_plane() {
        let geometry = ImageGeometry { nx: 64, ny: 64, dl: 1e-4, dm: 1e-4 };
        let mut extent = Extent { u_max: 4e3, v_max: 4e3, w_min: 7e3, w_max: 7e3 };
        let choice = |extent: &Extent| choose(&geometry, 10, extent, 1e-9, f64::EPSILON).unwrap();
        assert!(choice(&extent).w.is_none() && !choice(&extent).real);
        extent.w_max = 8e3;
        assert!(choice(&extent).w.is_some());
        (extent.w_min, extent.w_max) = (0.0, 0.0);
        assert!(choice(&extent).w.is_none() && choice(&extent).real);
    }
}

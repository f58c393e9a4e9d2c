//! Image -> visibilities and back, on bare arrays: no telescope, no file, no unit but wavelengths.
//!
//! Both directions evaluate
//! `V(u,v,w) = sum_{y,x} I[y,x] exp(+2 pi i (u l_x + v m_y + w (n-1))), n = sqrt(1 - l^2 - m^2)`,
//! with l_x = (x - nx/2) dl and m_y = (y - ny/2) dm (integer division), no factor 1/n.
//! [`degrid`] is that sum, [`grid`] its adjoint (real part); [`dft`] holds their exact twins.
//!
//! The method is improved w-stacking (Ye, Gull, Tan & Nikolic 2022, MNRAS 510, 4110; Arras et al. 2021, A&A 646, A58):
//! one kernel spreads each visibility over grid cells in u, v and over planes of constant w; a plane is an FFT of the
//! image times exp(2 pi i w (n-1)). The grid is periodic, so visibilities beyond its Nyquist limit are exact too
//! (pixels are points). The image is real, so only planes at w >= 0 are held: what a visibility owes to a plane at -w
//! goes to the mirrored place of that at w. Results do not depend on the number of threads: every sum has one fixed order.
//!
//! | file | holds |
//! |---|---|
//! | shapes | kernel shapes and their errors |
//! | kernel | evaluation of one kernel, its Fourier transform |
//! | choice | grid size, supports and planes from epsilon, by cost |
//! | cost | estimates of time and memory |
//! | plan | visibilities sorted by tile and plane |
//! | passes | planes and images worked on together |
//! | tile | inner loops between visibilities and one tile |
//! | plane | one w plane between image and grid (FFT, w screen) |
//! | operator | either precision or the exact sum behind one face |
//! | forward, adjoint | the loops over passes |
//! | real | single and double precision |
//! | shared | large arrays, written in parts by several threads |

mod adjoint;
mod choice;
mod cost;
pub mod dft;
mod forward;
mod kernel;
mod operator;
mod passes;
mod plan;
mod plane;
mod real;
mod shapes;
mod shared;
mod tile;

pub use cost::{Cost, cost};
pub use operator::{Method, Operator, SINGLE_EPSILON};
pub use plan::Plan;
pub use plane::transform_square;
pub use real::Real;

use crate::error::{Error, Result, Watch};
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

impl ImageGeometry {
    /// l of column `x`.
    pub fn l(&self, x: usize) -> f64 {
        (x as f64 - (self.nx / 2) as f64) * self.dl
    }

    /// m of row `y`.
    pub fn m(&self, y: usize) -> f64 {
        (y as f64 - (self.ny / 2) as f64) * self.dm
    }

    /// Refuses an empty image, a step that is no number or zero, and corners on or beyond the horizon.
    pub fn validate(&self) -> Result<()> {
        if self.nx == 0 || self.ny == 0 {
            return Err(Error::input("the image has no pixels").found(format!("{} x {}", self.nx, self.ny)));
        }
        if !(self.dl.is_finite() && self.dm.is_finite() && self.dl != 0.0 && self.dm != 0.0) {
            return Err(Error::input("the pixel size is not a usable number")
                .found(format!("{} x {} rad", self.dl, self.dm))
                .expected("finite steps other than 0"));
        }
        let r2 = self.corner_r2();
        if r2 >= 1.0 {
            return Err(Error::input("field larger than the hemisphere")
                .found(format!("l^2 + m^2 = {r2:.4} in the corner of the image"))
                .expected("less than 1")
                .hint("choose fewer or smaller pixels"));
        }
        Ok(())
    }

    /// Largest l^2 + m^2 of the image (the first corner: integer division puts it farthest out).
    fn corner_r2(&self) -> f64 {
        (self.l(0)).powi(2) + (self.m(0)).powi(2)
    }
}

/// n - 1 from l^2 + m^2, without the cancellation of 1 - r^2 near the centre.
#[inline(always)]
fn n_minus_1(r2: f64) -> f64 {
    -r2 / (1.0 + (1.0 - r2).sqrt())
}

/// Refuses visibility coordinates that are not finite, naming the first row.
fn validate_uvw(uvw: &[[f64; 3]]) -> Result<()> {
    match uvw.iter().position(|c| !c.iter().all(|x| x.is_finite())) {
        Some(row) => Err(Error::input("a uvw coordinate is not a finite number")
            .found(format!("{:?}", uvw[row]))
            .place(format!("visibility {row}"))),
        None => Ok(()),
    }
}

fn validate_image<T>(geometry: &ImageGeometry, image: &ArrayView2<T>) -> Result<()> {
    if image.dim() != (geometry.ny, geometry.nx) {
        return Err(Error::input("the image does not have the shape of its geometry")
            .found(format!("{:?}", image.dim()))
            .expected(format!("{:?} (rows, columns)", (geometry.ny, geometry.nx))));
    }
    Ok(())
}

fn validate_count(vis: usize, uvw: usize) -> Result<()> {
    if vis != uvw {
        return Err(Error::input("visibilities and uvw coordinates differ in number")
            .found(format!("{vis} visibilities"))
            .expected(format!("{uvw}, one for each uvw")));
    }
    Ok(())
}

/// Visibilities of `image` (shape [y, x]) at `uvw` (wavelengths), to relative accuracy `epsilon`.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::degrid`].
pub fn degrid(
    geometry: ImageGeometry,
    image: ArrayView2<f64>,
    uvw: &[[f64; 3]],
    epsilon: f64,
    watch: &Watch,
) -> Result<Vec<Complex64>> {
    Operator::new(geometry, uvw, Method::Fft { epsilon })?.degrid(image, watch)
}

/// Adjoint of [`degrid`]: `image[y,x] = sum_k Re(vis_k exp(-2 pi i (...)))`, not normalised.
///
/// # Errors
/// As [`Plan::new`] and [`Plan::grid`].
pub fn grid(
    geometry: ImageGeometry,
    vis: &[Complex64],
    uvw: &[[f64; 3]],
    epsilon: f64,
    watch: &Watch,
) -> Result<Array2<f64>> {
    Operator::new(geometry, uvw, Method::Fft { epsilon })?.grid_one(Some(vis), &vec![1.0; vis.len()], watch)
}

//! The elliptical Gaussian that describes a PSF's main lobe.

use crate::error::{Error, Result};
use crate::formats::fits::Beam;
use crate::gridding::ImageGeometry;
use nalgebra::{Matrix3, Vector3};
use ndarray::ArrayView2;

/// Lowest values of the main lobe that are fitted, tried in turn until [`LEAST_PIXELS`] take part: half maximum for
/// well-sampled beams, less for those of one or two pixels.
const CUTS: [f64; 4] = [0.5, 0.35, 0.2, 0.1];
/// Half of the pixels repeat the other half (a PSF is symmetric), and the form has three unknowns.
const LEAST_PIXELS: usize = 9;
/// Values below this count as this in the logarithm that starts the fit.
const FLOOR: f64 = 0.01;

/// A pixel of the main lobe: offsets east and north in units of the cell, value.
type Sample = (f64, f64, f64);

/// Fits exp(-(a l^2 + 2 b l m + c m^2)), peak and centre fixed to pixel (ny/2, nx/2), to the main lobe of `psf`
/// (shape [y, x], peak 1) by least squares over the pixels connected to the peak above a cut; where that leaves too
/// few (a beam of little more than a pixel), over the peak and its eight neighbours.
///
/// The position angle runs from north (m) through east (l) and lies in (-pi/2, pi/2].
///
/// # Errors
/// A PSF of another shape or without a peak of 1, a main lobe that reaches the image's edge, or one that is no ellipse.
pub fn fit_beam(psf: ArrayView2<f64>, geometry: &ImageGeometry) -> Result<Beam> {
    let centre = (geometry.ny / 2, geometry.nx / 2);
    if psf.dim() != (geometry.ny, geometry.nx) || !psf.get(centre).is_some_and(|p| (*p - 1.0).abs() < 0.1) {
        return Err(Error::input("the PSF has no peak of 1 in the middle of its image").found(format!(
            "shape {:?}, {:?} at pixel (y, x) = {centre:?}",
            psf.dim(),
            psf.get(centre)
        )));
    }
    let cell = (geometry.dl * geometry.dm).abs().sqrt();
    let mut lobe = Vec::new();
    for cut in CUTS {
        lobe = main_lobe(psf, geometry, cell, cut)?;
        if lobe.len() >= LEAST_PIXELS {
            break;
        }
    }
    if (3..LEAST_PIXELS).contains(&lobe.len()) {
        lobe = neighbours(psf, geometry, cell);
    }
    let form = logarithmic_fit(&lobe).and_then(|start| refine(start, &lobe)).ok_or_else(|| {
        Error::input("no elliptical Gaussian fits the main lobe of the PSF")
            .found(format!("{} pixels above {}", lobe.len(), CUTS[CUTS.len() - 1]))
            .hint("choose a smaller pixel, about a third of the beam or less")
    })?;
    Ok(ellipse(form, cell))
}

/// Pixels connected to the peak with values of at least `cut`.
fn main_lobe(psf: ArrayView2<f64>, g: &ImageGeometry, cell: f64, cut: f64) -> Result<Vec<Sample>> {
    let (cy, cx) = (g.ny / 2, g.nx / 2);
    let mut seen = ndarray::Array2::from_elem(psf.dim(), false);
    let mut open = vec![(cy, cx)];
    let mut lobe = Vec::new();
    seen[[cy, cx]] = true;
    while let Some((y, x)) = open.pop() {
        if y == 0 || x == 0 || y + 1 == g.ny || x + 1 == g.nx {
            return Err(Error::input("the main lobe of the PSF reaches the edge of the image")
                .hint("choose more pixels, or larger ones"));
        }
        lobe.push((g.l(x) / cell, g.m(y) / cell, psf[[y, x]]));
        for next in [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)] {
            if !seen[next] && psf[next] >= cut {
                seen[next] = true;
                open.push(next);
            }
        }
    }
    Ok(lobe)
}

/// The peak and the pixels around it, whatever their values (the lobe's walk has seen that they exist).
fn neighbours(psf: ArrayView2<f64>, g: &ImageGeometry, cell: f64) -> Vec<Sample> {
    let (cy, cx) = (g.ny / 2, g.nx / 2);
    let square = (cy - 1..=cy + 1).flat_map(|y| (cx - 1..=cx + 1).map(move |x| (y, x)));
    square.map(|(y, x)| (g.l(x) / cell, g.m(y) / cell, psf[[y, x]])).collect()
}

/// Linear least squares of -ln(psf), weighted as the values themselves would be.
fn logarithmic_fit(lobe: &[Sample]) -> Option<Vector3<f64>> {
    let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
    for (l, m, p) in lobe.iter().filter(|s| s.2 < 1.0) {
        let row = Vector3::new(l * l, 2.0 * l * m, m * m);
        let p = p.max(FLOOR);
        normal += row * row.transpose() * (p * p);
        right -= row * (p * p * p.ln());
    }
    normal.cholesky().map(|c| c.solve(&right)).filter(is_ellipse)
}

/// Gauss-Newton steps on the values themselves, until they stand still.
fn refine(start: Vector3<f64>, lobe: &[Sample]) -> Option<Vector3<f64>> {
    let mut form = start;
    for _ in 0..50 {
        let (mut normal, mut right) = (Matrix3::zeros(), Vector3::zeros());
        for (l, m, p) in lobe {
            let row = Vector3::new(l * l, 2.0 * l * m, m * m);
            let model = (-form.dot(&row)).exp();
            let slope = row * -model;
            normal += slope * slope.transpose();
            right += slope * (p - model);
        }
        let step = normal.cholesky()?.solve(&right);
        form += step;
        if !is_ellipse(&form) {
            return None;
        }
        if step.norm() < 1e-12 * form.norm() {
            break;
        }
    }
    Some(form)
}

fn is_ellipse(form: &Vector3<f64>) -> bool {
    form.x > 0.0 && form.z > 0.0 && form.x * form.z > form.y * form.y
}

/// Axes of a l^2 + 2 b l m + c m^2 = ln 2, doubled.
fn ellipse(form: Vector3<f64>, cell: f64) -> Beam {
    let (a, b, c) = (form.x, form.y, form.z);
    let (mean, spread) = (0.5 * (a + c), (0.5 * (a - c)).hypot(b));
    let fwhm = |eigenvalue: f64| 2.0 * (std::f64::consts::LN_2 / eigenvalue).sqrt() * cell;
    // the form is mean + spread cos(2 (PA - PA_minor)) along PA, with a = form at PA 90 degrees
    let angle = 0.5 * (-b).atan2(0.5 * (a - c));
    Beam { major_rad: fwhm(mean - spread), minor_rad: fwhm(mean + spread), angle_rad: angle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;
    use std::f64::consts::{LN_2, PI};

    fn gaussian(g: &ImageGeometry, major: f64, minor: f64, angle: f64) -> Array2<f64> {
        Array2::from_shape_fn((g.ny, g.nx), |(y, x)| {
            let (east, north) = (g.l(x), g.m(y));
            let along = north * angle.cos() + east * angle.sin();
            let across = east * angle.cos() - north * angle.sin();
            (-4.0 * LN_2 * ((along / major).powi(2) + (across / minor).powi(2))).exp()
        })
    }

    #[test]
    fn gaussians_of_every_angle_come_back() {
        let g = ImageGeometry { nx: 64, ny: 60, dl: -2e-5, dm: 1.6e-5 };
        for degrees in -89..=90 {
            let angle = f64::from(degrees) * PI / 180.0;
            for (major, minor) in [(1.4e-4, 1.0e-4), (2.2e-4, 0.6e-4), (6e-5, 5e-5), (2.4e-5, 2.1e-5)] {
                let beam = fit_beam(gaussian(&g, major, minor, angle).view(), &g).unwrap();
                assert!((beam.major_rad / major - 1.0).abs() < 1e-6, "{degrees}: {beam:?}");
                assert!((beam.minor_rad / minor - 1.0).abs() < 1e-6, "{degrees}: {beam:?}");
                let turn = (beam.angle_rad - angle + PI / 2.0).rem_euclid(PI) - PI / 2.0;
                assert!(turn.abs() < 1e-6, "{degrees}: {beam:?}");
                assert!(beam.angle_rad > -PI / 2.0 - 1e-9 && beam.angle_rad <= PI / 2.0 + 1e-9);
            }
        }
    }

    #[test]
    fn east_is_where_x_falls() {
        // the ridge runs along dx = -dy: up and to the left, which is north-east
        let g = ImageGeometry { nx: 32, ny: 32, dl: -1.0e-5, dm: 1.0e-5 };
        let psf = Array2::from_shape_fn((32, 32), |(y, x)| {
            let (dx, dy) = (x as f64 - 16.0, y as f64 - 16.0);
            (-0.02 * (dx - dy).powi(2) - 0.1 * (dx + dy).powi(2)).exp()
        });
        let angle = fit_beam(psf.view(), &g).unwrap().angle_rad;
        assert!((angle - PI / 4.0).abs() < 1e-6, "{angle}");
    }

    #[test]
    fn what_is_no_beam_is_an_error() {
        let g = ImageGeometry { nx: 16, ny: 16, dl: -1e-5, dm: 1e-5 };
        assert!(fit_beam(Array2::zeros((16, 16)).view(), &g).is_err());
        assert!(fit_beam(Array2::zeros((8, 16)).view(), &g).is_err());
        assert!(fit_beam(Array2::ones((16, 16)).view(), &g).unwrap_err().to_string().contains("edge"));
        let mut point = Array2::zeros((16, 16));
        point[[8, 8]] = 1.0;
        assert!(fit_beam(point.view(), &g).unwrap_err().to_string().contains("smaller pixel"));
    }
}

//! Power spectra of cubes of the 21 cm line: in uv cells across the line of sight, in Fourier modes along it.
//!
//! A cube of N x N pixels has uv cells of 1/(N cell) wavelengths. Its discrete transform, sum over pixels and channels of
//! T exp(-i k x), times dV = (cell across)^2 x (cell along), is T(k); P(k) = <|T(k)|^2>/V with V the volume of the cube,
//! k = 2 pi/length, no h. A dirty image in Jy/beam is, uv cell by uv cell, the sky in Jy/pixel times the transform of the
//! PSF, whose peak is 1: to divide by it takes out the weighting and the beam's volume at once. That holds where the PSF's
//! transform hardly changes from cell to cell, as with uniform weights where stations fill the uv plane; with natural ones
//! power leaks from full cells into their neighbours.

use crate::error::{Error, Result};
use ndarray::{Array2, Array3, ArrayView3, Axis, s};
use rustfft::FftPlanner;
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// Comoving sizes of a pixel and a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComovingScale {
    /// Pixel, Mpc.
    pub across_mpc: f64,
    /// Channel, Mpc.
    pub along_mpc: f64,
}

/// Modes of one range of k across and one along the line of sight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerBin {
    /// Mean k across, 1/Mpc.
    pub k_perp: f64,
    /// Mean k along, 1/Mpc.
    pub k_par: f64,
    /// Modes; those of k and -k count as two.
    pub modes: usize,
    /// Mean power, unit of the cube squared times Mpc^3.
    pub power: f64,
    /// Its standard error from the scatter of the modes, with k and -k as one.
    pub error: f64,
}

/// Transform of every channel of `cube` [channel, y, x], [channel, v, u], with pixel n/2 as origin of both.
pub fn uv_planes(cube: ArrayView3<f64>) -> Array3<Complex64> {
    let (_, ny, nx) = cube.dim();
    let mut planner = FftPlanner::new();
    let (rows, columns) = (planner.plan_fft_forward(nx), planner.plan_fft_forward(ny));
    let mut out = Array3::zeros(cube.dim());
    for (image, mut plane) in cube.outer_iter().zip(out.outer_iter_mut()) {
        // pixel n/2 to the corner, the transform's zero back to n/2
        let mut work =
            Array2::from_shape_fn((ny, nx), |(y, x)| Complex64::from(image[[(y + ny / 2) % ny, (x + nx / 2) % nx]]));
        for mut row in work.outer_iter_mut() {
            if let Some(row) = row.as_slice_mut() {
                rows.process(row);
            }
        }
        let mut turned = work.t().as_standard_layout().into_owned();
        for mut column in turned.outer_iter_mut() {
            if let Some(column) = column.as_slice_mut() {
                columns.process(column);
            }
        }
        plane.assign(&Array2::from_shape_fn((ny, nx), |(v, u)| {
            turned[[(u + nx - nx / 2) % nx, (v + ny - ny / 2) % ny]]
        }));
    }
    out
}

/// The uv cells that are filled evenly: the transform `psf` of the PSF is above 0, and that of each of the eight cells around
/// differs from it by at most the share `evenness`, in every channel.
pub fn evenly_filled(psf: &Array3<Complex64>, evenness: f64) -> Array2<bool> {
    let (_, ny, nx) = psf.dim();
    let mut filled = Array2::from_elem((ny, nx), true);
    for plane in psf.outer_iter() {
        for ((v, u), filled) in filled.indexed_iter_mut() {
            let own = plane[[v, u]].re;
            let around = plane.slice(s![v.saturating_sub(1)..(v + 2).min(ny), u.saturating_sub(1)..(u + 2).min(nx)]);
            *filled &= own > 0.0 && around.iter().all(|p| (p.re - own).abs() <= evenness * own);
        }
    }
    filled
}

/// Divides the planes of a dirty cube by those of its PSF in the uv cells that are [`evenly_filled`], which it returns; the
/// others become 0.
///
/// # Errors
/// Cubes of different shapes.
pub fn undo_weighting(dirty: &mut Array3<Complex64>, psf: &Array3<Complex64>, evenness: f64) -> Result<Array2<bool>> {
    if dirty.dim() != psf.dim() {
        return Err(Error::input("image and PSF have different shapes")
            .found(format!("{:?} and {:?}", dirty.dim(), psf.dim()))
            .expected("two products of one run"));
    }
    let filled = evenly_filled(psf, evenness);
    for (mut plane, psf) in dirty.outer_iter_mut().zip(psf.outer_iter()) {
        for (((v, u), value), psf) in plane.indexed_iter_mut().zip(&psf) {
            *value = if filled[[v, u]] { *value / psf.re } else { Complex64::ZERO };
        }
    }
    Ok(filled)
}

/// Power of the uv planes `a` with those of `b` (the same for the power of one), over the uv cells `filled`, in
/// `bins` = [across, along] equal ranges of k up to the largest across that a pixel and along that a channel allow.
///
/// k = 0 across and empty ranges are left out. Noise that is independent in `a` and `b` drops out.
///
/// # Errors
/// Cubes of different shapes; no range.
pub fn power_spectrum(
    a: &Array3<Complex64>,
    b: &Array3<Complex64>,
    filled: &Array2<bool>,
    scale: ComovingScale,
    bins: [usize; 2],
) -> Result<Vec<PowerBin>> {
    let (channels, ny, nx) = a.dim();
    if a.dim() != b.dim() || filled.dim() != (ny, nx) || bins.contains(&0) {
        return Err(Error::input("the cubes do not belong together")
            .found(format!("{:?}, {:?} and {:?} uv cells, {bins:?} ranges", a.dim(), b.dim(), filled.dim()))
            .expected("cubes of one shape, and at least one range of k"));
    }
    let (pixel, depth) = (scale.across_mpc, scale.along_mpc);
    let cell_volume = pixel * pixel * depth;
    let norm = cell_volume * cell_volume / (cell_volume * (nx * ny * channels) as f64);
    let fft = FftPlanner::new().plan_fft_forward(channels);
    // sums of power, its square, k across, k along, and the count
    let mut sums = vec![([0.0f64; 4], 0usize); bins[0] * bins[1]];
    let mut spectra = [vec![Complex64::ZERO; channels], vec![Complex64::ZERO; channels]];
    for ((v, u), _) in filled.indexed_iter().filter(|(_, filled)| **filled) {
        // turns a pixel: at most half a one, where the pixels end
        let turns = |cell: usize, n: usize| (cell as f64 - (n / 2) as f64) / n as f64;
        let turns = turns(u, nx).hypot(turns(v, ny));
        let k_perp = TAU * turns / pixel;
        // rounding must not decide where cells on the edge of a range belong
        let across = (2.0 * turns * bins[0] as f64 + 1e-9) as usize;
        if turns == 0.0 || across >= bins[0] {
            continue;
        }
        for (spectrum, planes) in spectra.iter_mut().zip([a, b]) {
            spectrum.iter_mut().zip(planes.index_axis(Axis(1), v).index_axis(Axis(1), u)).for_each(|(s, p)| *s = *p);
            fft.process(spectrum);
        }
        for c in 0..channels {
            let turns = c.min(channels - c) as f64 / channels as f64;
            let k_par = TAU * turns / depth;
            let along = ((2.0 * turns * bins[1] as f64 + 1e-9) as usize).min(bins[1] - 1);
            let power = (spectra[0][c].conj() * spectra[1][c]).re * norm;
            let (sum, count) = &mut sums[across * bins[1] + along];
            for (sum, value) in sum.iter_mut().zip([power, power * power, k_perp, k_par]) {
                *sum += value;
            }
            *count += 1;
        }
    }
    let bin = |(sum, modes): &([f64; 4], usize)| {
        let n = *modes as f64;
        let power = sum[0] / n;
        let variance = (sum[1] / n - power * power).max(0.0);
        PowerBin { k_perp: sum[2] / n, k_par: sum[3] / n, modes: *modes, power, error: (variance / (0.5 * n)).sqrt() }
    };
    Ok(sums.iter().filter(|(_, modes)| *modes > 0).map(bin).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use std::f64::consts::PI;

    fn noise(shape: (usize, usize, usize), seed: u64) -> Array3<f64> {
        let mut random = Stream::new(seed, [1, 1, 1]);
        Array3::from_shape_fn(shape, |_| random.normal())
    }

    #[test]
    fn planes_are_the_sums_written_out() {
        let cube = noise((2, 5, 6), 1);
        let planes = uv_planes(cube.view());
        for (c, v, u) in [(0, 2, 3), (1, 0, 0), (1, 4, 5), (0, 3, 1)] {
            let mut sum = Complex64::ZERO;
            for ((y, x), value) in cube.index_axis(Axis(0), c).indexed_iter() {
                let turns = (x as f64 - 3.0) * (u as f64 - 3.0) / 6.0 + (y as f64 - 2.0) * (v as f64 - 2.0) / 5.0;
                sum += value * Complex64::from_polar(1.0, -TAU * turns);
            }
            assert!((planes[[c, v, u]] - sum).norm() < 1e-12, "{c} {v} {u}");
        }
    }

    #[test]
    fn white_noise_has_the_power_of_its_variance() {
        // P = sigma^2 dV, whatever k
        let (scale, shape) = (ComovingScale { across_mpc: 2.0, along_mpc: 3.0 }, (16, 32, 32));
        let planes = uv_planes(noise(shape, 2).view());
        let all = Array2::from_elem((32, 32), true);
        let bins = power_spectrum(&planes, &planes, &all, scale, [4, 2]).unwrap();
        assert_eq!(bins.len(), 8);
        for bin in &bins {
            assert!((bin.power - 12.0).abs() < 4.0 * bin.error, "{bin:?}");
            // powers of Gaussian modes scatter as much as their mean
            let error = 12.0 / (0.5 * bin.modes as f64).sqrt();
            assert!((bin.error / error - 1.0).abs() < 0.3, "{bin:?} {error}");
        }
        // k in the middle of its range, roughly
        assert!((bins[0].k_perp / (PI / 2.0 / 4.0 * 0.66) - 1.0).abs() < 0.15 && bins[0].k_par < PI / 6.0);
        // another noise has nothing in common with it
        let other = uv_planes(noise(shape, 3).view());
        for bin in power_spectrum(&planes, &other, &all, scale, [4, 2]).unwrap() {
            assert!(bin.power.abs() < 4.0 * bin.error, "{bin:?}");
        }
        assert!(power_spectrum(&planes, &other, &all, scale, [0, 2]).is_err());
    }

    #[test]
    fn a_wave_is_in_its_own_bin() {
        let (n, channels) = (24, 12);
        let cube = Array3::from_shape_fn((channels, n, n), |(c, y, x)| {
            (TAU * (5.0 * x as f64 / n as f64 + 2.0 * y as f64 / n as f64 + 3.0 * c as f64 / channels as f64)).cos()
        });
        let planes = uv_planes(cube.view());
        let scale = ComovingScale { across_mpc: 1.0, along_mpc: 1.0 };
        let all = Array2::from_elem((n, n), true);
        let bins = power_spectrum(&planes, &planes, &all, scale, [12, 6]).unwrap();
        let total: f64 = bins.iter().map(|b| b.power * b.modes as f64).sum();
        let most = bins.iter().max_by(|a, b| a.power.total_cmp(&b.power)).unwrap();
        assert!(most.power * most.modes as f64 > 0.999999 * total);
        assert!(
            (most.k_perp - TAU * 29f64.sqrt() / 24.0).abs() < PI / 12.0 && (most.k_par - TAU * 0.25).abs() < PI / 6.0
        );
        // Parseval: mean of cos^2 is 1/2, summed over the volume
        assert!((total - 0.5 * (n * n * channels) as f64).abs() < 1e-6 * total);
    }

    #[test]
    fn the_psf_is_taken_out_where_it_is_filled() {
        let sky = noise((3, 16, 16), 5);
        let mut dirty = uv_planes(sky.view());
        let truth = dirty.clone();
        let mut psf = Array3::from_elem((3, 16, 16), Complex64::from(4.0));
        psf[[1, 3, 5]] = Complex64::from(5.9);
        psf[[2, 7, 15]] = Complex64::from(-1.0);
        psf[[0, 11, 11]] = Complex64::from(4.9);
        dirty *= &psf;
        let filled = undo_weighting(&mut dirty, &psf, 0.3).unwrap();
        // a cell that is fuller than its neighbours, one at the edge that is empty, and all around them; the third is even
        assert_eq!(filled.iter().filter(|f| !**f).count(), 9 + 6);
        assert!(!filled[[3, 5]] && !filled[[7, 15]] && !filled[[4, 6]] && !filled[[6, 14]] && filled[[11, 11]]);
        for ((c, v, u), value) in dirty.indexed_iter() {
            let expected = if filled[[v, u]] { truth[[c, v, u]] } else { Complex64::ZERO };
            assert!((value - expected).norm() < 1e-12);
        }
        assert!(undo_weighting(&mut dirty, &Array3::zeros((3, 16, 15)), 0.5).is_err());
    }
}

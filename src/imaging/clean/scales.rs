//! Kernels of multiscale CLEAN and what they make of images and PSFs.

use super::field::Patches;
use super::fourier::{Convolver, Spectrum, pair};
use super::patch::{Patch, outside};
use ndarray::{Array2, ArrayView2, s};
use std::f64::consts::PI;

/// Form of an extended component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScaleShape {
    /// (1 - (r/a)^2) cos^2(pi r / a) within r < a/2: Cornwell's tapered quadratic (2008, IEEE JSTSP 2, 793, eq. 11) with a
    /// Hann window for the taper, as in Offringa & Smirnov 2017 (MNRAS 471, 301, section 2.3); a is the scale.
    #[default]
    TaperedQuadratic,
    /// A Gaussian of standard deviation 3/16 of the scale, cut at four standard deviations.
    Gaussian,
}

/// Standard deviation of the Gaussian shape, per scale: about as wide as the tapered quadratic.
const SIGMA_PER_SCALE: f64 = 3.0 / 16.0;
/// First automatic scale above 0, per width of the beam.
const FIRST: f64 = 3.0;
/// Where the Gaussian is cut, standard deviations.
const CUT: f64 = 4.0;

impl ScaleShape {
    /// The kernel of a scale in pixels, odd on both sides, of sum 1; one pixel for scale 0.
    pub(super) fn kernel(self, scale: f64) -> Array2<f64> {
        let radius = match self {
            ScaleShape::TaperedQuadratic => 0.5 * scale,
            ScaleShape::Gaussian => CUT * SIGMA_PER_SCALE * scale,
        };
        let half = radius.floor() as usize;
        let value = |(y, x): (usize, usize)| {
            let r = (y as f64 - half as f64).hypot(x as f64 - half as f64);
            match self {
                _ if r == 0.0 => 1.0,
                _ if r >= radius => 0.0,
                ScaleShape::TaperedQuadratic => (1.0 - (r / scale).powi(2)) * (PI * r / scale).cos().powi(2),
                ScaleShape::Gaussian => (-0.5 * (r / (SIGMA_PER_SCALE * scale)).powi(2)).exp(),
            }
        };
        let kernel = Array2::from_shape_fn((2 * half + 1, 2 * half + 1), value);
        let sum = kernel.sum();
        kernel / sum
    }
}

/// One scale.
pub(super) struct Scale {
    pub pixels: f64,
    pub bias: f64,
    /// Shape [2 half + 1, 2 half + 1].
    pub kernel: Array2<f64>,
}

impl Scale {
    pub fn half(&self) -> usize {
        self.kernel.nrows() / 2
    }
}

/// Scales in ascending order. A peak counts bias^-(1 + log2(a/a0)) times its value, a0 the least scale above 0
/// (Offringa & Smirnov 2017, eq. 4); scale 0 counts once.
pub(super) fn scales(pixels: &[f64], bias: f64, shape: ScaleShape) -> Vec<Scale> {
    let mut sorted = pixels.to_vec();
    sorted.sort_by(f64::total_cmp);
    let first = sorted.iter().copied().find(|s| *s > 0.0).unwrap_or(1.0);
    let factor = |a: f64| if a > 0.0 { bias.powf(-1.0 - (a / first).log2()) } else { 1.0 };
    sorted.iter().map(|&a| Scale { pixels: a, bias: factor(a), kernel: shape.kernel(a) }).collect()
}

/// Scales for a PSF when none are given: 0, three times the beam's width, and on by factors of two to half of the image.
/// (A first scale nearer to the beam competes with points.)
pub(super) fn automatic_scales(psf: ArrayView2<f64>, shape: (usize, usize)) -> Vec<f64> {
    let (cy, cx) = (psf.nrows() / 2, psf.ncols() / 2);
    // width between the half maxima along x, by linear steps
    let mut width = 0.0;
    for step in [-1isize, 1] {
        let (mut at, mut above) = (cx, psf[[cy, cx]]);
        while let Some(next) = at.checked_add_signed(step) {
            let Some(&value) = psf.get((cy, next)) else { break };
            if value < 0.5 {
                width += (above - 0.5) / (above - value);
                break;
            }
            width += 1.0;
            (at, above) = (next, value);
        }
    }
    let most = 0.5 * shape.0.min(shape.1) as f64;
    let larger = std::iter::successors(Some(FIRST * width), |a| Some(2.0 * a)).take_while(|a| *a > 0.0 && *a <= most);
    std::iter::once(0.0).chain(larger).collect()
}

/// Convolves images with every scale's kernel.
pub(super) struct Smoother {
    convolver: Convolver,
    kernels: Vec<Spectrum>,
}

impl Smoother {
    /// For images of `shape`; `times` convolutions are done one after another.
    fn new(shape: (usize, usize), scales: &[Scale], times: usize) -> Smoother {
        let reach = times * scales.iter().map(Scale::half).max().unwrap_or(0);
        let convolver = Convolver::new(shape, (reach, reach));
        let spectrum = |s: &Scale| convolver.kernel(s.kernel.view(), (s.half(), s.half()));
        let kernels = scales.iter().map(spectrum).collect();
        Smoother { convolver, kernels }
    }

    /// For residuals of `shape`.
    pub fn of_images(shape: (usize, usize), scales: &[Scale]) -> Smoother {
        Smoother::new(shape, scales, 1)
    }

    /// `image` convolved with each scale; the first is the image itself where the first scale is 0.
    pub fn smooth(&self, image: &Array2<f64>, scales: &[Scale]) -> Vec<Array2<f64>> {
        if scales.len() == 1 && scales[0].half() == 0 {
            return vec![image.clone()];
        }
        let spectrum = self.convolver.image(image.view());
        let mut out = Vec::with_capacity(scales.len());
        let mut rest = 0;
        if scales[0].half() == 0 {
            out.push(image.clone());
            rest = 1;
        }
        for two in self.kernels[rest..].chunks(2) {
            match two {
                [a, b] => {
                    let (a, b) = self.convolver.inverse_pair(pair(&spectrum, a, &spectrum, b));
                    out.extend([a, b]);
                }
                _ => out.push(self.convolver.inverse(&spectrum * &two[0])),
            }
        }
        out
    }
}

/// PSFs convolved with the kernels of every two scales, cut to `half` pixels about their peak and what the kernels add;
/// `psfs` has one a channel.
pub(super) fn patches(psfs: &[ArrayView2<f64>], scales: &[Scale], half: usize) -> Patches {
    let n = scales.len();
    if n == 1 && scales[0].half() == 0 {
        let left = psfs.iter().map(|p| outside(*p, half)).fold(0.0, f64::max);
        let list = psfs.iter().map(|p| Patch::new(*p, half)).collect();
        return Patches { layers: 1, channels: psfs.len(), list, left };
    }
    let largest = scales.iter().map(Scale::half).max().unwrap_or(0);
    // [channel][s][t], each pair once
    let mut made: Vec<Vec<Vec<Patch>>> = Vec::with_capacity(psfs.len());
    let mut left: f64 = 0.0;
    for psf in psfs {
        // what lies farther out by more than four kernels does not reach into any patch
        let psf = middle(*psf, half + 4 * largest);
        let smoother = Smoother::new(psf.dim(), scales, 2);
        let spectrum = smoother.convolver.image(psf);
        let mut own = Vec::with_capacity(n);
        for s in 0..n {
            let once = &spectrum * &smoother.kernels[s];
            // the kernels' spectra carry the 1/size of one inverse each, and there is one inverse
            let size = once.len() as f64;
            let mut smooth = |t: usize| {
                let both = smoother.convolver.inverse((&once * &smoother.kernels[t]) * size);
                let reach = half + scales[s].half() + scales[t].half();
                let patch = Patch::new(both.view(), reach);
                if s == t {
                    left = left.max(outside(both.view(), reach) / patch.peak());
                }
                patch
            };
            own.push((0..=s).map(&mut smooth).collect());
        }
        made.push(own);
    }
    let mut list = Vec::with_capacity(n * n * psfs.len());
    for s in 0..n {
        for t in 0..n {
            list.extend(made.iter().map(|own| own[s.max(t)][s.min(t)].clone()));
        }
    }
    Patches { layers: n, channels: psfs.len(), list, left }
}

/// The pixels at most `half` from the peak, with the peak still at (ny/2, nx/2).
fn middle(psf: ArrayView2<f64>, half: usize) -> ArrayView2<f64> {
    let cut = |n: usize| {
        let centre = n / 2;
        if centre <= half { 0..n } else { centre - half..(centre + half + 1).min(n) }
    };
    let (y, x) = (cut(psf.nrows()), cut(psf.ncols()));
    psf.slice_move(s![y, x])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::LN_2;

    #[test]
    fn kernels_have_sum_1_and_their_width() {
        for shape in [ScaleShape::TaperedQuadratic, ScaleShape::Gaussian] {
            assert_eq!(shape.kernel(0.0), Array2::<f64>::ones((1, 1)));
            for scale in [0.5, 3.0, 10.0, 41.5] {
                let k = shape.kernel(scale);
                assert!((k.sum() - 1.0).abs() < 1e-12);
                assert!(k.nrows() == k.ncols() && k.nrows() % 2 == 1 && k.iter().all(|v| *v >= 0.0));
                assert_eq!(k, k.t());
            }
            let k = shape.kernel(64.0);
            let half = k.nrows() / 2;
            let wide = k.row(half).iter().filter(|v| **v >= 0.5 * k[[half, half]]).count();
            let expected = match shape {
                ScaleShape::TaperedQuadratic => 30.7, // (1 - (r/64)^2) cos^2(pi r/64) = 1/2 at r = 15.35
                ScaleShape::Gaussian => 2.0 * (2.0 * LN_2).sqrt() * 12.0,
            };
            assert!((wide as f64 - expected).abs() <= 1.0, "{shape:?} {wide} {expected}");
        }
    }

    #[test]
    fn biases_follow_the_scale() {
        let list = scales(&[20.0, 0.0, 10.0], 0.6, ScaleShape::default());
        let found: Vec<(f64, f64)> = list.iter().map(|s| (s.pixels, s.bias)).collect();
        let expected = [(0.0, 1.0), (10.0, 1.0 / 0.6), (20.0, 1.0 / 0.36)];
        assert!(found.iter().zip(expected).all(|(f, e)| f.0 == e.0 && (f.1 - e.1).abs() < 1e-12), "{found:?}");
    }

    #[test]
    fn automatic_scales_double_from_thrice_the_beam() {
        // FWHM 5 pixels
        let psf = Array2::from_shape_fn((200, 220), |(y, x)| {
            let r2 = (y as f64 - 100.0).powi(2) + (x as f64 - 110.0).powi(2);
            (-4.0 * LN_2 * r2 / 25.0).exp()
        });
        let found = automatic_scales(psf.view(), (200, 220));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[1..].iter().zip([15.0, 30.0, 60.0]).all(|(f, e)| (f / e - 1.0f64).abs() < 0.02), "{found:?}");
    }

    #[test]
    fn patches_are_psfs_convolved_twice() {
        // odd and even sizes put the peak at n/2; a PSF that is one pixel gives the kernels' own convolution
        for n in [61, 64] {
            let mut psf = Array2::zeros((n, n));
            psf[[n / 2, n / 2]] = 1.0;
            let list = scales(&[0.0, 6.0, 9.0], 0.6, ScaleShape::default());
            let made = patches(&[psf.view()], &list, 20);
            for (s, a) in list.iter().enumerate() {
                for (t, b) in list.iter().enumerate() {
                    let centre: f64 = a
                        .kernel
                        .indexed_iter()
                        .map(|((y, x), v)| {
                            let at = (y + b.half(), x + b.half());
                            let at = (at.0.checked_sub(a.half()), at.1.checked_sub(a.half()));
                            match at {
                                (Some(y), Some(x)) => v * b.kernel.get((y, x)).copied().unwrap_or(0.0),
                                _ => 0.0,
                            }
                        })
                        .sum();
                    assert!((made.get(s, t, 0).peak() - centre).abs() < 1e-14);
                }
            }
        }
    }
}

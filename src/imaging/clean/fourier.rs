//! Convolutions of images by FFT.

use ndarray::{Array2, ArrayView2, Zip};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Convolves images of one shape with kernels that reach at most a given number of pixels.
pub(super) struct Convolver {
    shape: (usize, usize),
    padded: (usize, usize),
    /// Forward along y and x, inverse along y and x.
    plans: [Arc<dyn Fft<f64>>; 4],
}

/// A transform of an image, stored [x, y].
pub(super) type Spectrum = Array2<Complex64>;

impl Convolver {
    /// For images of `shape` and kernels no farther than `reach` pixels from their centre along y and x.
    pub fn new(shape: (usize, usize), reach: (usize, usize)) -> Convolver {
        let padded = (good_size(shape.0 + reach.0), good_size(shape.1 + reach.1));
        let mut planner = FftPlanner::new();
        let plans = [
            planner.plan_fft_forward(padded.0),
            planner.plan_fft_forward(padded.1),
            planner.plan_fft_inverse(padded.0),
            planner.plan_fft_inverse(padded.1),
        ];
        Convolver { shape, padded, plans }
    }

    /// Spectrum of an image of the convolver's shape.
    pub fn image(&self, image: ArrayView2<f64>) -> Spectrum {
        self.forward(image, (0, 0))
    }

    /// Spectrum of a kernel whose pixel `centre` stands for no shift; times 1/size, which the inverse does not apply.
    pub fn kernel(&self, kernel: ArrayView2<f64>, centre: (usize, usize)) -> Spectrum {
        let scale = 1.0 / (self.padded.0 * self.padded.1) as f64;
        self.forward(kernel, centre).mapv(|v| v * scale)
    }

    /// The image of a spectrum.
    pub fn inverse(&self, spectrum: Spectrum) -> Array2<f64> {
        self.inverse_pair(spectrum).0
    }

    /// The two images whose spectra a and b make a + i b.
    pub fn inverse_pair(&self, mut spectrum: Spectrum) -> (Array2<f64>, Array2<f64>) {
        lines(&mut spectrum, &self.plans[2]);
        let mut image = transposed(&spectrum);
        lines(&mut image, &self.plans[3]);
        let part = |of: fn(&Complex64) -> f64| Array2::from_shape_fn(self.shape, |at| of(&image[at]));
        (part(|v| v.re), part(|v| v.im))
    }

    fn forward(&self, image: ArrayView2<f64>, centre: (usize, usize)) -> Spectrum {
        let mut padded = Array2::from_elem(self.padded, Complex64::ZERO);
        let wrap = |i: usize, centre: usize, n: usize| (i + n - centre) % n;
        for ((y, x), v) in image.indexed_iter() {
            padded[[wrap(y, centre.0, self.padded.0), wrap(x, centre.1, self.padded.1)]].re += v;
        }
        lines(&mut padded, &self.plans[1]);
        let mut spectrum = transposed(&padded);
        lines(&mut spectrum, &self.plans[0]);
        spectrum
    }
}

/// a b + i c d, for [`Convolver::inverse_pair`].
pub(super) fn pair(a: &Spectrum, b: &Spectrum, c: &Spectrum, d: &Spectrum) -> Spectrum {
    let mut out = Spectrum::zeros(a.dim());
    Zip::from(&mut out).and(a).and(b).and(c).and(d).par_for_each(|o, a, b, c, d| {
        *o = a * b + Complex64::I * (c * d);
    });
    out
}

fn lines(data: &mut Array2<Complex64>, plan: &Arc<dyn Fft<f64>>) {
    let length = data.ncols();
    if let Some(flat) = data.as_slice_mut() {
        flat.par_chunks_exact_mut(length).for_each_init(
            || vec![Complex64::ZERO; plan.get_inplace_scratch_len()],
            |scratch, line| plan.process_with_scratch(line, scratch),
        );
    }
}

fn transposed(data: &Array2<Complex64>) -> Array2<Complex64> {
    let (ny, nx) = data.dim();
    let mut out = Array2::from_elem((nx, ny), Complex64::ZERO);
    // a block of lines at a time, so that the cache lines read are used whole
    out.axis_chunks_iter_mut(ndarray::Axis(0), 8).into_par_iter().enumerate().for_each(|(block, mut chunk)| {
        for y in 0..ny {
            for i in 0..chunk.nrows() {
                chunk[[i, y]] = data[[y, block * 8 + i]];
            }
        }
    });
    out
}

/// The next number without prime factors beyond 5.
fn good_size(n: usize) -> usize {
    let smooth = |mut n: usize| {
        for p in [2, 3, 5] {
            while n.is_multiple_of(p) {
                n /= p;
            }
        }
        n == 1
    };
    (n.max(1)..).find(|n| smooth(*n)).unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convolutions_are_the_sums() {
        let value = |(y, x): (usize, usize)| ((7 * y + 3 * x) % 11) as f64 - 4.0;
        let image = Array2::from_shape_fn((17, 12), value);
        let kernels = [Array2::from_shape_fn((5, 9), value), Array2::from_shape_fn((8, 4), value)];
        let convolver = Convolver::new((17, 12), (5, 9));
        let sum = |kernel: &Array2<f64>| {
            let (cy, cx) = (kernel.nrows() / 2, kernel.ncols() / 2);
            let mut out = Array2::<f64>::zeros((17, 12));
            for ((y, x), v) in image.indexed_iter() {
                for ((ky, kx), k) in kernel.indexed_iter() {
                    let to = (
                        usize::try_from((y + ky) as isize - cy as isize),
                        usize::try_from((x + kx) as isize - cx as isize),
                    );
                    if let (Ok(ty), Ok(tx)) = to
                        && let Some(o) = out.get_mut((ty, tx))
                    {
                        *o += v * k;
                    }
                }
            }
            out
        };
        let spectrum = convolver.image(image.view());
        let spectra: Vec<Spectrum> =
            kernels.iter().map(|k| convolver.kernel(k.view(), (k.nrows() / 2, k.ncols() / 2))).collect();
        let (a, b) = convolver.inverse_pair(pair(&spectrum, &spectra[0], &spectrum, &spectra[1]));
        for (found, kernel) in [(a, &kernels[0]), (b, &kernels[1])] {
            assert!((found - sum(kernel)).iter().all(|d| d.abs() < 1e-10));
        }
    }
}

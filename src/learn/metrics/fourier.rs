use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::Complex64;
use rustfft::{Fft, FftPlanner};
use std::fmt;
use std::sync::Arc;

/// Two-dimensional transforms of one size, unnormalised as rustfft's.
#[derive(Clone)]
pub struct Fourier {
    size: [usize; 2],
    forward: [Arc<dyn Fft<f64>>; 2],
    inverse: [Arc<dyn Fft<f64>>; 2],
}

impl Fourier {
    /// For images of `size` \[y, x\].
    pub fn new(size: [usize; 2]) -> Fourier {
        let mut planner = FftPlanner::new();
        let forward = size.map(|n| planner.plan_fft_forward(n));
        Fourier { size, forward, inverse: size.map(|n| planner.plan_fft_inverse(n)) }
    }

    /// Pixels \[y, x\].
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Transform of a real image of this or, with zeros behind it, a smaller size.
    pub fn forward(&self, image: ArrayView2<f64>) -> Array2<Complex64> {
        let mut values = Array2::zeros((self.size[0], self.size[1]));
        for ((y, x), value) in image.indexed_iter() {
            values[[y, x]] = Complex64::new(*value, 0.0);
        }
        self.along(values, &self.forward)
    }

    /// Real part of the inverse transform, normalised.
    pub fn inverse(&self, values: Array2<Complex64>) -> Array2<f64> {
        let norm = 1.0 / (self.size[0] * self.size[1]) as f64;
        self.along(values, &self.inverse).mapv(|v| v.re * norm)
    }

    fn along(
        &self,
        mut values: Array2<Complex64>,
        [of_columns, of_rows]: &[Arc<dyn Fft<f64>>; 2],
    ) -> Array2<Complex64> {
        for mut row in values.rows_mut() {
            let mut line = row.to_vec();
            of_rows.process(&mut line);
            row.iter_mut().zip(line).for_each(|(a, b)| *a = b);
        }
        for mut column in values.columns_mut() {
            let mut line = column.to_vec();
            of_columns.process(&mut line);
            column.iter_mut().zip(line).for_each(|(a, b)| *a = b);
        }
        values
    }
}

impl fmt::Debug for Fourier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fourier {:?}", self.size)
    }
}

/// Linear convolution with a kernel: padded to twice the size.
#[derive(Debug, Clone)]
pub struct Convolution {
    fourier: Fourier,
    kernel: Array2<Complex64>,
}

impl Convolution {
    /// With `kernel`, whose centre is pixel (n/2, n/2), of images of its size.
    pub fn new(kernel: ArrayView2<f64>) -> Convolution {
        let (height, width) = kernel.dim();
        let fourier = Fourier::new([2 * height, 2 * width]);
        let mut shifted = Array2::zeros((2 * height, 2 * width));
        for ((y, x), value) in kernel.indexed_iter() {
            shifted[[(y + 2 * height - height / 2) % (2 * height), (x + 2 * width - width / 2) % (2 * width)]] = *value;
        }
        let kernel = fourier.forward(shifted.view());
        Convolution { fourier, kernel }
    }

    /// The transforms of the padded size.
    pub fn fourier(&self) -> &Fourier {
        &self.fourier
    }

    /// Transform of the kernel, its centre in pixel (0, 0) of the padded size.
    pub fn kernel(&self) -> &Array2<Complex64> {
        &self.kernel
    }

    /// The image convolved, of its size.
    pub fn apply(&self, image: ArrayView2<f64>) -> Array2<f64> {
        let (height, width) = image.dim();
        let whole = self.fourier.inverse(self.fourier.forward(image) * &self.kernel);
        whole.slice(ndarray::s![..height, ..width]).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_is_its_sum() {
        let kernel = Array2::from_shape_fn((6, 4), |(y, x)| ((y * 4 + x) as f64 * 0.9).sin());
        let image = Array2::from_shape_fn((6, 4), |(y, x)| ((y + 3 * x) as f64 * 1.3).cos());
        let got = Convolution::new(kernel.view()).apply(image.view());
        for y in 0..6isize {
            for x in 0..4isize {
                let mut want = 0.0;
                for ((v, u), value) in image.indexed_iter() {
                    let (ky, kx) = (y - v as isize + 3, x - u as isize + 2);
                    if (0..6).contains(&ky) && (0..4).contains(&kx) {
                        want += value * kernel[[ky as usize, kx as usize]];
                    }
                }
                assert!((got[[y as usize, x as usize]] - want).abs() < 1e-12);
            }
        }
    }
}

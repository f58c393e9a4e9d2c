use burn::Tensor;
use burn::tensor::{Device, TensorData};
use std::f64::consts::TAU;

/// Discrete Fourier transforms of real images of `n` pixels an axis, padded with zeros to `length`, as products with
/// matrices of cosines and sines: of any size, and differentiable wherever matrices can be multiplied (burn's own FFT
/// takes powers of two alone).
///
/// An image of 64 pixels padded to 128 costs 4.3 million multiplications, some thousandths of a generator's.
#[derive(Debug, Clone)]
pub struct Dft {
    n: [usize; 2],
    length: [usize; 2],
    /// cos | -sin of -2 pi k (j - origin) / length: \[x, 2 k\], k up to length / 2.
    along_x: Tensor<2>,
    /// cos | -sin: \[y, 2 k\], k up to length.
    along_y: Tensor<2>,
    /// cos | sin, weighted for the half of the spectrum that is left out: \[2 k, x\].
    back_x: Tensor<2>,
    /// \[2 k, y\].
    back_y: Tensor<2>,
}

/// Real and imaginary parts \[image, kx, ky\], kx from 0 to length / 2, ky from 0 to length - 1.
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// Real parts.
    pub re: Tensor<3>,
    /// Imaginary parts.
    pub im: Tensor<3>,
}

impl Dft {
    /// Of images of `n` \[y, x\] pixels padded to `length` \[y, x\], whose pixel `origin` \[y, x\] is that of phase 0.
    pub fn new(n: [usize; 2], length: [usize; 2], origin: [usize; 2], device: &Device) -> Dft {
        let angle = |k: usize, j: usize, origin: usize, length: usize| {
            // whole turns are taken off in whole numbers
            let turns = (k as i64 * (j as i64 - origin as i64)).rem_euclid(length as i64);
            TAU * turns as f64 / length as f64
        };
        let half = length[1] / 2 + 1;
        let matrix = |rows: usize, columns: usize, value: &dyn Fn(usize, usize) -> f64| {
            let values: Vec<f32> = (0..rows * columns).map(|i| value(i / columns, i % columns) as f32).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows, columns]), device)
        };
        let forward = |axis: usize, count: usize| {
            matrix(n[axis], 2 * count, &|j, k| {
                let angle = angle(k % count, j, origin[axis], length[axis]);
                if k < count { angle.cos() } else { -angle.sin() }
            })
        };
        let backward = |axis: usize, count: usize, weight: &dyn Fn(usize) -> f64| {
            matrix(2 * count, n[axis], &|k, j| {
                let angle = angle(k % count, j, origin[axis], length[axis]);
                weight(k % count) * if k < count { angle.cos() } else { -angle.sin() } / length[axis] as f64
            })
        };
        // kx = 0 and, of an even length, the last stand for themselves, all others for their mirror image too
        let mirrored = |k: usize| if k == 0 || 2 * k == length[1] { 1.0 } else { 2.0 };
        Dft {
            n,
            length,
            along_x: forward(1, half),
            along_y: forward(0, length[0]),
            back_x: backward(1, half, &mirrored),
            back_y: backward(0, length[0], &|_| 1.0),
        }
    }

    /// Spectra of images \[image, y, x\].
    pub fn forward(&self, images: Tensor<3>) -> Spectrum {
        let [count, height, width] = images.dims();
        let (half, length) = (self.length[1] / 2 + 1, self.length[0]);
        let rows = images.reshape([count * height, width]).matmul(self.along_x.clone());
        // [image, kx (cos, then sin), y]
        let columns = rows.reshape([count, height, 2 * half]).swap_dims(1, 2);
        let both = columns.reshape([count * 2 * half, height]).matmul(self.along_y.clone());
        let both = both.reshape([count, 2 * half, 2 * length]);
        let part = |x: usize, y: usize| both.clone().narrow(1, x * half, half).narrow(2, y * length, length);
        // (a + i b)(c + i d)
        Spectrum { re: part(0, 0) - part(1, 1), im: part(0, 1) + part(1, 0) }
    }

    /// Images \[image, y, x\] of spectra, without what lies in the padding.
    pub fn inverse(&self, spectrum: Spectrum) -> Tensor<3> {
        let (half, length) = (self.length[1] / 2 + 1, self.length[0]);
        let [count, ..] = spectrum.re.dims();
        let [height, width] = self.n;
        let cosines = self.back_y.clone().narrow(0, 0, length);
        let sines = self.back_y.clone().narrow(0, length, length);
        let rows = |t: Tensor<3>| t.reshape([count * half, length]);
        let (re, im) = (rows(spectrum.re), rows(spectrum.im));
        // the matrices hold -sin: (re + i im)(cos + i sin)
        let real = re.clone().matmul(cosines.clone()) + im.clone().matmul(sines.clone());
        let imaginary = im.matmul(cosines) - re.matmul(sines);
        let columns = |t: Tensor<2>| t.reshape([count, half, height]).swap_dims(1, 2).reshape([count * height, half]);
        // [image and y, kx (real, then imaginary)]: the real part of the product alone
        let both = Tensor::cat(vec![columns(real), columns(imaginary)], 1);
        both.matmul(self.back_x.clone()).reshape([count, height, width])
    }
}

impl Spectrum {
    /// The product with another, of as many images.
    pub fn times(self, other: Spectrum) -> Spectrum {
        let re = self.re.clone() * other.re.clone() - self.im.clone() * other.im.clone();
        Spectrum { re, im: self.re * other.im + self.im * other.re }
    }

    /// Squared absolute values.
    pub fn power(self) -> Tensor<3> {
        self.re.square() + self.im.square()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::weights::values;
    use ndarray::Array2;
    use rustfft::FftPlanner;
    use rustfft::num_complex::Complex;

    fn waves(height: usize, width: usize, images: usize) -> Vec<f32> {
        (0..images * height * width).map(|i| (i as f32 * 0.7).sin() + (i as f32 * 0.013).cos()).collect()
    }

    /// rustfft over both axes of a padded image.
    fn fft(image: &[f32], n: [usize; 2], length: [usize; 2], origin: [usize; 2]) -> Array2<Complex<f64>> {
        let mut padded = Array2::zeros((length[0], length[1]));
        for (i, v) in image.iter().enumerate() {
            let at = |j: usize, axis: usize| (j + length[axis] - origin[axis]) % length[axis];
            padded[[at(i / n[1], 0), at(i % n[1], 1)]] = Complex::new(f64::from(*v), 0.0);
        }
        let mut planner = FftPlanner::new();
        for mut row in padded.rows_mut() {
            let mut line = row.to_vec();
            planner.plan_fft_forward(line.len()).process(&mut line);
            row.iter_mut().zip(line).for_each(|(a, b)| *a = b);
        }
        for mut column in padded.columns_mut() {
            let mut line = column.to_vec();
            planner.plan_fft_forward(line.len()).process(&mut line);
            column.iter_mut().zip(line).for_each(|(a, b)| *a = b);
        }
        padded
    }

    #[test]
    fn spectra_are_rustffts_and_come_back() {
        let device = Device::flex();
        for (n, length, origin) in [
            ([8, 8], [16, 16], [0, 0]),
            ([5, 7], [5, 7], [2, 3]),
            ([6, 4], [12, 9], [3, 2]),
            ([64, 64], [128, 128], [0, 0]),
        ] {
            let dft = Dft::new(n, length, origin, &device);
            let pixels = waves(n[0], n[1], 2);
            let images = Tensor::<3>::from_data(TensorData::new(pixels.clone(), [2, n[0], n[1]]), &device);
            let spectrum = dft.forward(images.clone());
            let half = length[1] / 2 + 1;
            assert_eq!(spectrum.re.dims(), [2, half, length[0]]);
            let (re, im) = (values(spectrum.re.clone()).unwrap(), values(spectrum.im.clone()).unwrap());
            let want = fft(&pixels[n[0] * n[1]..], n, length, origin);
            let peak = want.iter().fold(0.0f64, |m, v| m.max(v.norm()));
            for kx in 0..half {
                for ky in 0..length[0] {
                    let i = (half + kx) * length[0] + ky;
                    let got = Complex::new(f64::from(re[i]), f64::from(im[i]));
                    assert!((got - want[[ky, kx]]).norm() < 2e-6 * peak, "{n:?} {kx} {ky}: {got} {}", want[[ky, kx]]);
                }
            }
            let back = values(dft.inverse(spectrum)).unwrap();
            let worst = back.iter().zip(&pixels).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
            assert!(worst < 1e-5, "{n:?}: {worst}");
        }
    }
}

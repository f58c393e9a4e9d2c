use crate::learn::metrics::{Convolution, Fourier};
use ndarray::{Array2, ArrayView2, Zip};
use rustfft::num_complex::Complex64;

/// The two-dimensional Wiener filter: of all linear filters the one of least mean squared error for skies of the training
/// split's mean power spectrum S and noise of spectrum N, W = H* S / (|H|^2 S + N), H the transform of the true PSF times Jy a
/// pixel of the unit (Wiener 1949; Press et al. 2007, section 13.3). Images are padded to twice their size.
#[derive(Debug, Clone)]
pub struct Wiener {
    fourier: Fourier,
    filter: Array2<Complex64>,
}

/// Collects the spectra that a Wiener filter needs.
#[derive(Debug, Clone)]
pub struct WienerBuilder {
    psf: Convolution,
    pixels: f64,
    sky: Array2<f64>,
    noise: Array2<f64>,
    skies: f64,
    noises: f64,
}

impl WienerBuilder {
    /// For images of `size` \[y, x\] and a PSF at least as large, peak 1 in pixel (n/2, n/2).
    pub fn new(psf: ArrayView2<f64>, size: [usize; 2]) -> WienerBuilder {
        let psf = Convolution::new(psf);
        let zero = Array2::zeros(psf.kernel().dim());
        WienerBuilder {
            psf,
            pixels: (size[0] * size[1]) as f64,
            sky: zero.clone(),
            noise: zero,
            skies: 0.0,
            noises: 0.0,
        }
    }

    /// A truth of the training split.
    pub fn add_sky(&mut self, sky: ArrayView2<f64>) {
        self.sky += &self.psf.fourier().forward(sky).mapv(|v| v.norm_sqr());
        self.skies += 1.0;
    }

    /// An image of noise alone, Jy/beam: a dirty image less the same without noise.
    pub fn add_noise(&mut self, noise_jy: ArrayView2<f64>) {
        self.noise += &self.psf.fourier().forward(noise_jy).mapv(|v| v.norm_sqr());
        self.noises += 1.0;
    }

    /// The filter for images whose pixels have `jy_per_pixel` of flux density for one of the truth's unit. Without images of
    /// noise its spectrum is that of natural weights, the transform of the PSF, with an rms of `noise_jy`.
    pub fn finish(self, jy_per_pixel: f64, noise_jy: f64) -> Wiener {
        let transform = self.psf.kernel().mapv(|h| h * jy_per_pixel);
        let noise = match self.noises > 0.0 {
            true => self.noise / self.noises,
            false => {
                // pixels of the image itself are noise, those of the padding are zeros
                let shape = self.psf.kernel().mapv(|h| h.re.max(0.0));
                let mean = shape.sum() / shape.len() as f64;
                shape * (noise_jy * noise_jy * self.pixels / mean)
            }
        };
        let sky = self.sky / self.skies.max(1.0);
        // what neither sky nor noise has power in is left out
        let least = 1e-12 * noise.iter().fold(0.0f64, |m, v| m.max(*v));
        let mut filter = Array2::zeros(transform.dim());
        Zip::from(&mut filter).and(&transform).and(&sky).and(&noise).for_each(|w, h: &Complex64, s, n| {
            let below = h.norm_sqr() * s + n.max(least);
            *w = if below > 0.0 { h.conj() * (*s / below) } else { Complex64::ZERO };
        });
        Wiener { fourier: self.psf.fourier().clone(), filter }
    }
}

impl Wiener {
    /// The sky, in the truth's unit, that it makes of a dirty image in Jy/beam.
    pub fn apply(&self, dirty_jy: ArrayView2<f64>) -> Array2<f64> {
        let (height, width) = dirty_jy.dim();
        let whole = self.fourier.inverse(self.fourier.forward(dirty_jy) * &self.filter);
        whole.slice(ndarray::s![..height, ..width]).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    /// Among filters that are a multiple of it in some annulus none has a smaller error; and it beats the dirty image.
    #[test]
    fn no_other_multiple_is_better() {
        let n = 16;
        let psf = Array2::from_shape_fn((n, n), |(y, x)| {
            (-((y as f64 - 8.0).powi(2) + (x as f64 - 8.0).powi(2)) / 6.0).exp()
        });
        let see = Convolution::new(psf.view());
        let mut draw = Stream::new(3, [4, 5, 6]);
        let blur = Convolution::new(psf.mapv(|v| v * v * v).view());
        let mut white = || Array2::from_shape_fn((n, n), |_| draw.normal());
        // skies with a border of zeros, so that nothing is seen of what lies outside
        let inside = |sky: Array2<f64>| {
            Array2::from_shape_fn(
                (n, n),
                |(y, x)| if (4..12).contains(&y) && (4..12).contains(&x) { sky[[y, x]] } else { 0.0 },
            )
        };
        let pairs: Vec<(Array2<f64>, Array2<f64>)> = (0..400)
            .map(|_| {
                let sky = inside(blur.apply(white().view()));
                let noise = see.apply(white().view()) * 0.3;
                (sky, noise)
            })
            .collect();
        let mut builder = WienerBuilder::new(psf.view(), [psf.nrows(), psf.ncols()]);
        for (sky, noise) in &pairs {
            builder.add_sky(sky.view());
            builder.add_noise(noise.view());
        }
        let wiener = builder.finish(2.0, 0.0);
        let error = |factor: f64| -> f64 {
            pairs
                .iter()
                .map(|(sky, noise)| {
                    let dirty = see.apply((sky * 2.0).view()) + noise;
                    (wiener.apply(dirty.view()) * factor - sky).mapv(|v| v * v).sum()
                })
                .sum()
        };
        let power: f64 = pairs.iter().map(|(sky, _)| sky.mapv(|v| v * v).sum()).sum();
        let best = error(1.0);
        assert!(best < 0.6 * power, "{best} of {power}");
        // by a few per cent, since images are cut off and the filter knows it only as a mean
        assert!(best < 1.002 * error(0.9) && best < 1.002 * error(1.1), "{best} {} {}", error(0.9), error(1.1));
    }

    #[test]
    fn without_noise_it_undoes_the_psf_where_this_has_power() {
        let psf = Array2::from_shape_fn((8, 8), |(y, x)| if (y, x) == (4, 4) { 1.0 } else { 0.0 });
        let mut builder = WienerBuilder::new(psf.view(), [psf.nrows(), psf.ncols()]);
        let sky = Array2::from_shape_fn((8, 8), |(y, x)| (y * 3 + x) as f64);
        builder.add_sky(sky.view());
        let back = builder.finish(0.5, 1e-9).apply(sky.mapv(|v| 0.5 * v).view());
        assert!((back - sky).iter().all(|d| d.abs() < 1e-6));
    }
}

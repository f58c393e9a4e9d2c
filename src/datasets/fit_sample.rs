use crate::error::{Error, Result};
use crate::math::random::uniform_pair;

/// Sets these draws apart from others of the same seed: "FITS" in ASCII.
const PURPOSE: u32 = 0x4649_5453;

/// Pixels of training images to fit a scaling on: at most so many an image, so the memory is known beforehand.
#[derive(Debug, Clone)]
pub struct FitSample {
    seed: u64,
    per_image: usize,
    values: Vec<f64>,
}

impl FitSample {
    /// Takes at most `per_image` pixels an image.
    pub fn new(seed: u64, per_image: usize) -> FitSample {
        FitSample { seed, per_image, values: Vec::new() }
    }

    /// Draws from the image or cube of sample number `sample`: one pixel from each of `per_image` runs of equal length,
    /// its place in the run by seed, sample and run alone. Whoever draws, in whatever order, takes the same.
    ///
    /// # Errors
    /// A drawn pixel that is not a finite number.
    pub fn add<T: Copy + Into<f64>>(&mut self, sample: usize, pixels: &[T]) -> Result<()> {
        let (n, runs) = (pixels.len(), self.per_image.min(pixels.len()));
        let number = sample as u64;
        for run in 0..runs {
            let (first, end) = (run * n / runs, (run + 1) * n / runs);
            let counter = [run as u32, number as u32, (number >> 32) as u32, PURPOSE];
            let [u, _] = uniform_pair(counter, self.seed);
            let at = first + ((u * (end - first) as f64) as usize).min(end - first - 1);
            let value: f64 = pixels[at].into();
            if !value.is_finite() {
                return Err(Error::input("a pixel of a training sample is no number")
                    .found(format!("{value} in pixel {at} of sample {sample}"))
                    .expected("finite numbers"));
            }
            self.values.push(value);
        }
        Ok(())
    }

    /// Adds what another drew of the same field.
    pub fn append(&mut self, mut other: FitSample) {
        self.values.append(&mut other.values);
    }

    /// What was drawn.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_as_likely_and_memory_is_bounded() {
        let pixels: Vec<f32> = (0..1000).map(|i| i as f32).collect();
        let mut drawn = FitSample::new(5, 37);
        for sample in 0..4000 {
            drawn.add(sample, &pixels).unwrap();
        }
        assert_eq!(drawn.values().len(), 37 * 4000);
        let mut counts = vec![0u32; 1000];
        drawn.values().iter().for_each(|x| counts[*x as usize] += 1);
        // 148 expected with a standard deviation of 12; runs are 27 or 28 long, which is 2 %
        assert!(counts.iter().all(|n| (148 - 65..148 + 65).contains(n)), "{counts:?}");
        let one = &drawn.values()[..37];
        assert!(one.windows(2).all(|w| w[0] < w[1]), "twice the same pixel: {one:?}");
    }

    #[test]
    fn the_draw_depends_on_seed_and_sample_alone() {
        let pixels: Vec<f64> = (0..5000).map(f64::from).collect();
        let of = |seed: u64, samples: &[usize]| {
            let mut drawn = FitSample::new(seed, 20);
            samples.iter().for_each(|s| drawn.add(*s, &pixels).unwrap());
            drawn
        };
        let mut joined = of(1, &[7]);
        joined.append(of(1, &[3]));
        assert_eq!(of(1, &[7, 3]).values(), joined.values());
        assert_ne!(of(1, &[7]).values(), of(1, &[3]).values());
        assert_ne!(of(1, &[7]).values(), of(2, &[7]).values());
    }

    #[test]
    fn small_images_are_taken_whole_and_bad_pixels_are_named() {
        let mut drawn = FitSample::new(1, 100);
        drawn.add(0, &[1.0f32, 2.0, 3.0]).unwrap();
        drawn.add::<f64>(1, &[]).unwrap();
        assert_eq!(drawn.values(), [1.0, 2.0, 3.0]);
        let error = drawn.add(9, &[1.0, f64::NAN]).unwrap_err().to_string();
        assert!(error.contains("NaN in pixel 1 of sample 9"), "{error}");
    }
}

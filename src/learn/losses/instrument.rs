use crate::error::{Error, Result};
use crate::learn::data::{Batch, Observation};
use crate::learn::losses::dft::Dft;
use crate::learn::scaling::ChannelScaling;
use burn::Tensor;
use burn::tensor::Device;

/// What the telescope would have seen of a predicted sky: the measurement closes the cycle.
///
/// Network values become brightness temperatures, these Jy a pixel by the data set's factor, and the sum of PSFs, each as
/// bright as its pixel, Jy a beam: a linear convolution, as a product of spectra of images padded to twice their size. A
/// PSF of twice the size tells what any two pixels give each other. One of the images' size leaves out those further than
/// half an image apart: a few percent of the peak (docs/datasets.md has the figures of both and the command).
#[derive(Debug, Clone)]
pub struct InstrumentOperator {
    truth: ChannelScaling,
    mock: ChannelScaling,
    /// mK of the truth's unit.
    mk: f64,
    sky: Dft,
    /// Of PSFs of the images' size.
    psf: Dft,
    /// Of those of twice it.
    wide_psf: Dft,
}

impl InstrumentOperator {
    /// For images of `size` \[y, x\], predicted channels `truth` and mocks of channels `mock`.
    ///
    /// # Errors
    /// Several channels; a truth that is no brightness temperature; a mock that is no image in Jy/beam.
    pub fn new(
        size: [usize; 2],
        truth: &[ChannelScaling],
        mock: &[ChannelScaling],
        device: &Device,
    ) -> Result<InstrumentOperator> {
        let one = |channels: &[ChannelScaling], key: &str| match channels {
            [channel] => Ok(channel.clone()),
            _ => Err(Error::input("the loss of the instrument compares one image with one image")
                .found(format!("{} channels", channels.len()))
                .expected("one field that is no cube")
                .place(key)
                .hint("set train.loss.instrument = 0, or learn from one image")),
        };
        let (truth, mock) = (one(truth, "train.truth")?, one(mock, "train.mock")?);
        let mk = match truth.unit.as_str() {
            "mK" => 1.0,
            "K" => 1000.0,
            unit => {
                return Err(Error::input("the loss of the instrument needs brightness temperatures as truths")
                    .found(format!("field {} in {unit}", truth.field))
                    .expected("a field in mK or K, as tb")
                    .place("train.truth"));
            }
        };
        if mock.unit != "Jy/beam" || mock.field != "dirty" && mock.field != "noise-free" {
            return Err(Error::input("the loss of the instrument needs dirty images as mocks")
                .found(format!("field {} in {}", mock.field, mock.unit))
                .expected("dirty or noise-free")
                .place("train.mock"));
        }
        let twice = size.map(|n| 2 * n);
        let of = |n: [usize; 2], centre: [usize; 2]| Dft::new(n, twice, centre, device);
        let (sky, psf, wide_psf) = (of(size, [0, 0]), of(size, size.map(|n| n / 2)), of(twice, size));
        Ok(InstrumentOperator { truth, mock, mk, sky, psf, wide_psf })
    }

    /// Dirty images without noise, Jy/beam, of predicted network values, both \[batch, 1, y, x\].
    pub fn observe(&self, prediction: Tensor<4>, by: &Observation) -> Tensor<4> {
        let [batch, _, height, width] = prediction.dims();
        let flux_jy = self.truth.physical(prediction) * self.mk * by.jy_per_pixel_per_mk.clone();
        let sky = self.sky.forward(flux_jy.reshape([batch, height, width]));
        let [_, _, psf_height, psf_width] = by.psf.dims();
        let transform = if [psf_height, psf_width] == [height, width] { &self.psf } else { &self.wide_psf };
        let psf = transform.forward(by.psf.clone().reshape([batch, psf_height, psf_width]));
        self.sky.inverse(sky.times(psf)).reshape([batch, 1, height, width])
    }

    /// Mean over pixels of sqrt(1 + r^2) - 1, \[1\], r the difference of the observed prediction and the mock over the
    /// noise: half of r^2 while the noise explains it, |r| beyond, so that first predictions, wrong by hundreds of times
    /// the noise, do not outweigh all else.
    ///
    /// # Panics
    /// Images without what is known of their observation; [`crate::learn::train`] refuses such data sets.
    pub fn loss(&self, prediction: Tensor<4>, of: &Batch) -> Tensor<1> {
        let by = of.observation.as_ref().expect("a data set with a PSF");
        let mock = self.mock.physical(of.a.clone());
        let residual = (self.observe(prediction, by) - mock) / by.noise_jy.clone();
        let [batch, _, height, width] = residual.dims();
        let size = ((residual.square() + 1.0).sqrt() - 1.0).reshape([batch, height * width]);
        size.mean_dim(1).mean_dim(0).reshape([1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Scaling, ScalingKind};
    use crate::learn::weights::values;
    use burn::tensor::TensorData;
    use std::slice::from_ref;

    const N: usize = 8;

    fn channel(field: &str, unit: &str, scale: f64) -> ChannelScaling {
        let scaling = Scaling { kind: ScalingKind::Asinh, scale, offset: 0.4, gain: 1.5, lambda: 1.0 };
        ChannelScaling::fitted(field, unit, None, scaling, 2.0)
    }

    fn operator(device: &Device) -> InstrumentOperator {
        let (truth, mock) = ([channel("tb", "mK", 100.0)], [channel("dirty", "Jy/beam", 1e-3)]);
        InstrumentOperator::new([N, N], &truth, &mock, device).unwrap()
    }

    fn tensor(values: Vec<f32>) -> Tensor<4> {
        let n = values.len().isqrt();
        Tensor::from_data(TensorData::new(values, [1, 1, n, n]), &Device::flex())
    }

    /// `n` pixels an axis, wide enough that half an image away there is something.
    fn psf(n: usize, y: usize, x: usize) -> f32 {
        let (dx, dy) = (x as f32 - (n / 2) as f32, y as f32 - (n / 2) as f32);
        (-0.05 * dx * dx - 0.03 * dy * dy - 0.02 * dx * dy).exp() * (1.0 + 0.2 * (dx + dy).cos()) / 1.2
    }

    fn observation(n: usize) -> Observation {
        let one = |v: f32| Tensor::<4>::from_floats([[[[v]]]], &Device::flex());
        let psf = tensor((0..n * n).map(|i| psf(n, i / n, i % n)).collect());
        Observation { psf, jy_per_pixel_per_mk: one(1.3e-7), noise_jy: one(1.2e-5) }
    }

    #[test]
    fn it_is_a_sum_of_psfs() {
        let operator = operator(&Device::flex());
        let us: Vec<f32> = (0..N * N).map(|i| ((i * i) as f32 * 0.1).sin() * 0.6 + 0.3).collect();
        let jy: Vec<f64> = us.iter().map(|u| operator.truth.to_physical(*u) * 1.3e-7).collect();
        for n in [N, 2 * N] {
            let got = values(operator.observe(tensor(us.clone()), &observation(n))).unwrap();
            let mut want = vec![0.0; N * N];
            for (i, want) in want.iter_mut().enumerate() {
                for (j, jy) in jy.iter().enumerate() {
                    let at = |i: usize, j: usize| (i + n / 2).checked_sub(j).filter(|p| *p < n);
                    if let (Some(y), Some(x)) = (at(i / N, j / N), at(i % N, j % N)) {
                        *want += jy * f64::from(psf(n, y, x));
                    }
                }
            }
            let peak = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            for (got, want) in got.iter().zip(&want) {
                assert!((f64::from(*got) - want).abs() < 2e-6 * peak, "{n}: {got} {want}");
            }
            // a mock that is the observed prediction costs nothing but rounding
            let mock = want.iter().map(|x| operator.mock.from_physical(*x)).collect();
            let batch = Batch { a: tensor(mock), b: tensor(us.clone()), observation: Some(observation(n)) };
            assert!(values(operator.loss(tensor(us.clone()), &batch)).unwrap()[0] < 1e-6);
        }
    }

    #[test]
    fn its_slope_is_that_of_finite_differences() {
        let operator = operator(&Device::flex());
        let us: Vec<f32> = (0..N * N).map(|i| (i as f32 * 0.37).sin() * 0.5).collect();
        let mock: Vec<f32> = (0..N * N).map(|i| (i as f32 * 0.11).cos() * 0.4).collect();
        let batch = Batch { a: tensor(mock), b: tensor(us.clone()), observation: Some(observation(N)) };
        let u = tensor(us.clone()).autodiff().require_grad();
        let slopes = values(u.grad(&operator.loss(u.clone(), &batch).backward()).unwrap()).unwrap();
        let largest = slopes.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        for i in [0, 9, 27, 36, 63] {
            let moved = |by: f32| {
                let mut us = us.clone();
                us[i] += by;
                f64::from(values(operator.loss(tensor(us), &batch)).unwrap()[0])
            };
            let want = (moved(1e-3) - moved(-1e-3)) / 2e-3;
            assert!((f64::from(slopes[i]) - want).abs() < 0.01 * f64::from(largest), "{i}: {} {want}", slopes[i]);
        }
    }

    #[test]
    fn what_it_cannot_compare_is_refused() {
        let device = Device::flex();
        let (tb, dirty) = (channel("tb", "mK", 1.0), channel("dirty", "Jy/beam", 1.0));
        let refused = |truth: &[ChannelScaling], mock: &[ChannelScaling], words: &str| {
            let text = InstrumentOperator::new([8, 8], truth, mock, &device).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        };
        refused(&[tb.clone(), tb.clone()], from_ref(&dirty), "2 channels");
        refused(from_ref(&dirty), from_ref(&dirty), "brightness temperatures");
        refused(from_ref(&tb), &[channel("restored", "Jy/beam", 1.0)], "dirty images");
    }
}

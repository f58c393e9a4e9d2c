use crate::learn::losses::dft::Dft;
use crate::learn::scaling::ChannelScaling;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// The difference of power spectra of physical images.
#[derive(Debug, Clone)]
pub struct PowerLoss {
    dft: Dft,
    /// Mean over the modes of each annulus: \[kx and ky, annulus\].
    annuli: Tensor<2>,
}

/// Share of a spectrum's mean power that is added to every annulus: what lies below is as good as nothing.
const FLOOR: f64 = 1e-8;

impl PowerLoss {
    /// For images of `size` \[y, x\]. Annuli are one mode of the shorter axis wide, from the first to its Nyquist frequency.
    pub fn new(size: [usize; 2], device: &Device) -> PowerLoss {
        let [height, width] = size;
        let half = width / 2 + 1;
        let count = (height.min(width) / 2).max(1);
        let shorter = height.min(width) as f64;
        let annulus = |kx: usize, ky: usize| {
            let signed = if 2 * ky > height { ky as f64 - height as f64 } else { ky as f64 };
            let k = (kx as f64 / width as f64).hypot(signed / height as f64) * shorter;
            let number = k.round() as usize;
            (1..=count).contains(&number).then(|| number - 1)
        };
        // each of the modes that are left out is the mirror image of one with 0 < kx < width / 2
        let weight = |kx: usize| if kx == 0 || 2 * kx == width { 1.0 } else { 2.0 };
        let mut sums = vec![0.0; count];
        let modes: Vec<(usize, usize)> = (0..half * height).map(|i| (i / height, i % height)).collect();
        for (kx, ky) in &modes {
            if let Some(number) = annulus(*kx, *ky) {
                sums[number] += weight(*kx);
            }
        }
        let mut values = vec![0.0f32; modes.len() * count];
        for (i, (kx, ky)) in modes.iter().enumerate() {
            if let Some(number) = annulus(*kx, *ky) {
                values[i * count + number] = (weight(*kx) / sums[number]) as f32;
            }
        }
        let annuli = Tensor::from_data(TensorData::new(values, [modes.len(), count]), device);
        PowerLoss { dft: Dft::new(size, size, [0, 0], device), annuli }
    }

    /// Mean over images, channels and annuli of (ln P - ln P_target)^2, \[1\], of network values \[batch, channel, y, x\].
    pub fn loss(&self, prediction: Tensor<4>, target: Tensor<4>, channels: &[ChannelScaling]) -> Tensor<1> {
        let errors: Vec<Tensor<1>> = channels
            .iter()
            .enumerate()
            .map(|(number, channel)| {
                let spectrum = |u: &Tensor<4>| {
                    let physical = channel.physical(u.clone().narrow(1, number, 1));
                    // in units of the scaling and of pixels, so that squares stay far from the ends of float32
                    let [batch, _, height, width] = physical.dims();
                    let unit = (channel.scaling.scale * (height * width) as f64).recip();
                    let images = physical.reshape([batch, height, width]) * unit;
                    let power = self.dft.forward(images).power();
                    let [batch, kx, ky] = power.dims();
                    power.reshape([batch, kx * ky]).matmul(self.annuli.clone())
                };
                let (p, t) = (spectrum(&prediction), spectrum(&target));
                let floor = t.clone().mean_dim(1) * FLOOR + 1e-30;
                let difference = (p + floor.clone()).log() - (t + floor).log();
                difference.square().mean_dim(1).mean_dim(0).reshape([1])
            })
            .collect();
        Tensor::cat(errors, 0).mean_dim(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Scaling, ScalingKind};
    use crate::learn::weights::values;

    fn channel() -> ChannelScaling {
        let scaling = Scaling { kind: ScalingKind::Asinh, scale: 3.0, offset: 0.4, gain: 1.5, lambda: 1.0 };
        ChannelScaling::fitted("tb", "mK", None, scaling, 2.0)
    }

    fn image(f: impl Fn(usize, usize) -> f64, device: &Device) -> Tensor<4> {
        let us: Vec<f32> = (0..80).map(|i| channel().from_physical(f(i % 10, i / 10))).collect();
        Tensor::<4>::from_data(TensorData::new(us, [1, 1, 8, 10]), device)
    }

    #[test]
    fn a_factor_is_the_square_of_its_logarithm() {
        let device = Device::flex();
        let sky = |x: usize, y: usize| ((x * x + 3 * y) as f64).sin() + 2.0 / (1.0 + (x as f64 - 4.0).abs());
        let loss = PowerLoss::new([8, 10], &device);
        let of = |factor: f64| {
            let (made, truth) = (image(|x, y| factor * sky(x, y), &device), image(sky, &device));
            f64::from(values(loss.loss(made, truth, &[channel()])).unwrap()[0])
        };
        assert!(of(1.0).abs() < 1e-9);
        let want = (1.5f64 * 1.5).ln().powi(2);
        assert!((of(1.5) - want).abs() < 1e-4 * want, "{} {want}", of(1.5));
    }

    /// A wave along one axis is in the annulus of its frequency, against sums over all modes.
    #[test]
    fn annuli_are_means_over_all_modes() {
        let loss = PowerLoss::new([8, 8], &Device::flex());
        let annuli = values(loss.annuli.clone()).unwrap();
        for annulus in 0..4 {
            let (mut sum, mut count) = (0.0, 0.0);
            for ky in 0..8i32 {
                for kx in 0..8i32 {
                    let (sx, sy) = (if kx > 4 { kx - 8 } else { kx }, if ky > 4 { ky - 8 } else { ky });
                    if f64::from(sx).hypot(f64::from(sy)).round() as usize != annulus + 1 {
                        continue;
                    }
                    count += 1.0;
                    // the stored half holds (kx, ky) or its mirror image (-kx, -ky)
                    let (hx, hy) = if kx <= 4 { (kx, ky) } else { (8 - kx, (8 - ky) % 8) };
                    let weight = if hx == 0 || hx == 4 { 1.0 } else { 2.0 };
                    sum += f64::from(annuli[((hx * 8 + hy) * 4) as usize + annulus]) / weight;
                }
            }
            assert!((sum - 1.0).abs() < 1e-6 && count > 0.0, "{annulus}: {sum}");
        }
    }

    #[test]
    fn its_slope_is_that_of_finite_differences() {
        let device = Device::flex().autodiff();
        let loss = PowerLoss::new([8, 10], &device.clone().inner());
        let truth = image(|x, y| ((x + 2 * y) as f64 * 0.9).cos() + 1.0, &device).inner();
        let made = image(|x, y| ((x * y) as f64 * 0.4).sin() + 0.8, &device).inner();
        let of = |u: Tensor<4>| f64::from(values(loss.loss(u, truth.clone(), &[channel()])).unwrap()[0]);
        let u = made.clone().autodiff().require_grad();
        let slopes = u.grad(&loss.loss(u.clone(), truth.clone(), &[channel()]).backward()).unwrap();
        let slopes = values(slopes).unwrap();
        let base = values(made).unwrap();
        for i in [0usize, 13, 41, 79] {
            let h = 2e-3f32;
            let moved = |by: f32| {
                let mut pixels = base.clone();
                pixels[i] += by;
                of(Tensor::from_data(TensorData::new(pixels, [1, 1, 8, 10]), &Device::flex()))
            };
            let want = (moved(h) - moved(-h)) / f64::from(2.0 * h);
            let scale = slopes.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!((f64::from(slopes[i]) - want).abs() < 0.01 * f64::from(scale), "{i}: {} {want}", slopes[i]);
        }
    }
}

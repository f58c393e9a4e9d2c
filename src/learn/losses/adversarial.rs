use crate::learn::settings::Adversarial;
use crate::learn::sums::mean;
use burn::Tensor;
use burn::tensor::activation::relu;

impl Adversarial {
    /// What a generator pays for the discriminator's scores of its images, \[batch, 1, y, x\] to \[1\]: the mean over all
    /// patches of (s - 1)^2, ln(1 + exp(-s)) or -s.
    pub fn generator(self, scores: Tensor<4>) -> Tensor<1> {
        match self {
            Adversarial::Lsgan => mean((scores - 1.0).square()),
            Adversarial::Vanilla => mean(softplus(-scores)),
            Adversarial::Hinge => -mean(scores),
        }
    }

    /// What a discriminator pays for its scores of images of the domain and of a generator's, each \[batch, 1, y, x\], to
    /// \[1\]: half the sum of both means. The half is that of CycleGAN and pix2pix (it slows the discriminator down, Isola
    /// et al. 2017, section 3.3); the hinge loss has it too, so that all three weigh alike.
    pub fn discriminator(self, real: Tensor<4>, fake: Tensor<4>) -> Tensor<1> {
        let (real, fake) = match self {
            Adversarial::Lsgan => ((real - 1.0).square(), fake.square()),
            Adversarial::Vanilla => (softplus(-real), softplus(fake)),
            Adversarial::Hinge => (relu(-real + 1.0), relu(fake + 1.0)),
        };
        (mean(real) + mean(fake)) * 0.5
    }
}

/// ln(1 + exp(x)) without overflow.
fn softplus(x: Tensor<4>) -> Tensor<4> {
    relu(x.clone()) + (-x.abs()).exp().log1p()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn scores(values: [f32; 4]) -> Tensor<4> {
        Tensor::<1>::from_floats(values, &Device::flex()).reshape([2, 1, 1, 2])
    }

    #[test]
    fn losses_are_those_of_their_formulas_also_where_exp_overflows() {
        let (real, fake) = ([-200f32, -0.5, 0.25, 90.0], [150f32, 0.0, -1.5, -0.75]);
        let mean =
            |values: [f32; 4], f: &dyn Fn(f64) -> f64| values.iter().map(|&v| f(f64::from(v))).sum::<f64>() / 4.0;
        let soft = |x: f64| if x > 30.0 { x } else { x.exp().ln_1p() };
        let cases: [(Adversarial, &dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64); 3] = [
            (Adversarial::Lsgan, &|s| (s - 1.0).powi(2), &|s| (s - 1.0).powi(2), &|s| s * s),
            (Adversarial::Vanilla, &|s| soft(-s), &|s| soft(-s), &soft),
            (Adversarial::Hinge, &|s| -s, &|s| (1.0 - s).max(0.0), &|s| (1.0 + s).max(0.0)),
        ];
        for (loss, generator, on_real, on_fake) in cases {
            let got = f64::from(loss.generator(scores(fake)).into_scalar::<f32>());
            let want = mean(fake, generator);
            assert!((got - want).abs() <= 1e-6 * want.abs(), "{loss:?}: {got} instead of {want}");
            let got = f64::from(loss.discriminator(scores(real), scores(fake)).into_scalar::<f32>());
            let want = 0.5 * (mean(real, on_real) + mean(fake, on_fake));
            assert!((got - want).abs() <= 1e-6 * want.abs(), "{loss:?}: {got} instead of {want}");
        }
    }
}

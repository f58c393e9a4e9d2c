use crate::error::{Error, Result};
use crate::learn::networks::conv::Conv;
use crate::learn::networks::init;
use crate::learn::networks::layer::{Layer, PlainKind, run};
use crate::learn::networks::norm::Normalise;
use crate::learn::settings::{DiscriminatorKind, DiscriminatorSettings, Init};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// A PatchGAN of Isola et al. 2017: an image to one score for each patch of it, without a bound. Parameters are named as
/// in the published PyTorch weights (`model.0.weight`).
#[derive(Module, Debug)]
pub struct Discriminator {
    model: Vec<Layer>,
}

impl DiscriminatorKind {
    /// Convolutions of stride 2; None for the one that sees pixels.
    fn halvings(self) -> Option<usize> {
        match self {
            DiscriminatorKind::Pixel => None,
            DiscriminatorKind::Patch16 => Some(1),
            DiscriminatorKind::Patch70 => Some(3),
            DiscriminatorKind::Patch286 => Some(5),
        }
    }

    /// The smallest side of an image, in pixels, that leaves it a patch to judge: 1, 6, 24 or 96.
    pub fn smallest_side(self) -> usize {
        self.halvings().map_or(1, |halvings| 3 << halvings)
    }
}

impl Discriminator {
    /// A discriminator with first weights drawn by `seed` and the parameters' names.
    ///
    /// # Errors
    /// No channels; groups of the norm that do not divide the channels of every layer.
    pub fn new(settings: &DiscriminatorSettings, first: &Init, seed: u64, device: &Device) -> Result<Discriminator> {
        for (number, name) in [(settings.input, "input channels"), (settings.width, "channels of width")] {
            if number == 0 {
                return Err(Error::input(format!("a discriminator without {name}")).found(0).expected("1 or more"));
            }
        }
        let conv = |input, output, side| Conv::new(input, output, side, device).spectral(settings.spectral);
        let norm = |channels| Ok(Layer::Norm(Normalise::new(settings.norm, channels, device)?));
        let width = settings.width;
        let model = match settings.kind.halvings() {
            None => vec![
                Layer::Conv(conv(settings.input, width, 1)),
                PlainKind::LeakyRelu.into(),
                Layer::Conv(conv(width, 2 * width, 1)),
                norm(2 * width)?,
                PlainKind::LeakyRelu.into(),
                Layer::Conv(conv(2 * width, 1, 1)),
            ],
            Some(halvings) => {
                let mut model =
                    vec![Layer::Conv(conv(settings.input, width, 4).steps(2, 1)), PlainKind::LeakyRelu.into()];
                let channels = |level: usize| width << level.min(3);
                for level in 1..=halvings {
                    let stride = if level < halvings { 2 } else { 1 };
                    model.push(Layer::Conv(conv(channels(level - 1), channels(level), 4).steps(stride, 1)));
                    model.push(norm(channels(level))?);
                    model.push(PlainKind::LeakyRelu.into());
                }
                model.push(Layer::Conv(conv(channels(halvings), 1, 4).steps(1, 1)));
                model
            }
        };
        Ok(init::filled(Discriminator { model }, first, seed))
    }

    /// Images \[batch, input, y, x\] to scores \[batch, 1, y', x'\].
    ///
    /// # Panics
    /// Images smaller than [`DiscriminatorKind::smallest_side`].
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        run(&self.model, x, None)
    }
}

use crate::error::{Error, Result};
use crate::learn::networks::layer::{Layer, run};
use crate::learn::networks::unet::Unet;
use crate::learn::networks::{init, pad, resnet};
use crate::learn::settings::{GeneratorKind, GeneratorSettings, Init};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// A network from images to images of the same size.
///
/// The parameters of a ResNet are named as in the published PyTorch weights (`model.1.weight`,
/// `model.10.conv_block.1.weight`; with dropout the second convolution of a block is its number 6, as there), those of a
/// U-Net `model.down.LEVEL.N.weight`, `model.up.LEVEL.N.weight` and `model.gates.LEVEL.psi.weight`.
#[derive(Module, Debug)]
pub struct Generator {
    model: Network,
    #[module(skip)]
    output: usize,
    #[module(skip)]
    skip: bool,
}

/// Which network a generator is.
#[derive(Module, Debug)]
enum Network {
    Resnet(Vec<Layer>),
    Unet(Unet),
}

impl Generator {
    /// A generator with first weights drawn by `seed` and the parameters' names.
    ///
    /// # Errors
    /// Settings that no network has: no channels, blocks or levels, groups that do not divide the channels of every
    /// layer, a skip between different numbers of channels, a dropout that is no probability below 1.
    pub fn new(settings: &GeneratorSettings, first: &Init, seed: u64, device: &Device) -> Result<Generator> {
        checked(settings)?;
        let model = match settings.kind {
            GeneratorKind::Resnet { blocks } => Network::Resnet(resnet::layers(settings, blocks, device)?),
            GeneratorKind::Unet { depth } => Network::Unet(Unet::new(settings, depth, false, device)?),
            GeneratorKind::AttentionUnet { depth } => Network::Unet(Unet::new(settings, depth, true, device)?),
        };
        let generator = Generator { model, output: settings.output, skip: settings.skip };
        Ok(init::filled(generator, first, seed))
    }

    /// The multiple that sides are enlarged to before they enter the network: 4 of a ResNet, 2^depth of a U-Net.
    pub fn multiple(&self) -> usize {
        match &self.model {
            Network::Resnet(_) => 4,
            Network::Unet(network) => 1 << network.depth(),
        }
    }

    /// Images \[batch, input, y, x\] to \[batch, output, y, x\], of any size: those that the network cannot halve are
    /// enlarged by reflection behind their last row and column, and the result is cropped. `dropout`: a seed while
    /// training, None for every value kept.
    pub fn forward(&self, x: Tensor<4>, dropout: Option<u64>) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        // the ResNet's innermost image is reflected by a pixel: it needs two
        let smallest = if matches!(self.model, Network::Resnet(_)) { 8 } else { 1 };
        let side = |n: usize| n.max(smallest).next_multiple_of(self.multiple());
        let enlarged = pad::enlarge(x.clone(), side(height), side(width));
        let y = match &self.model {
            Network::Resnet(layers) => run(layers, enlarged, dropout),
            Network::Unet(network) => network.forward(enlarged, dropout),
        };
        let y = match (side(height), side(width)) == (height, width) {
            true => y,
            false => y.slice([0..batch, 0..self.output, 0..height, 0..width]),
        };
        if self.skip { y + x } else { y }
    }
}

/// # Errors
/// Settings that no network has.
fn checked(settings: &GeneratorSettings) -> Result<()> {
    for (number, name) in [
        (settings.input, "input channels"),
        (settings.output, "output channels"),
        (settings.width, "channels of width"),
    ] {
        if number == 0 {
            return Err(Error::input(format!("a generator without {name}")).found(0).expected("1 or more"));
        }
    }
    match settings.kind {
        GeneratorKind::Resnet { blocks: 0 } => {
            return Err(Error::input("a ResNet generator without blocks")
                .found(0)
                .expected("1 or more; 6 or 9 in the papers"));
        }
        GeneratorKind::Unet { depth } | GeneratorKind::AttentionUnet { depth } if !(2..=12).contains(&depth) => {
            return Err(Error::input("a U-Net has another number of halvings").found(depth).expected("2 to 12"));
        }
        _ => {}
    }
    if settings.skip && settings.input != settings.output {
        return Err(Error::input("a generator adds its input to an output of other channels")
            .found(format!("{} channels in, {} out", settings.input, settings.output))
            .hint("turn the skip off"));
    }
    if !(0.0..1.0).contains(&settings.dropout) {
        return Err(Error::input("the dropout is no probability below 1")
            .found(settings.dropout)
            .expected("0 to below 1"));
    }
    Ok(())
}

use crate::error::Result;
use crate::learn::networks::attention::Gate;
use crate::learn::networks::conv::Conv;
use crate::learn::networks::layer::{Layer, PlainKind, run};
use crate::learn::networks::norm::Normalise;
use crate::learn::networks::upsample::Up;
use crate::learn::settings::{End, GeneratorSettings};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Doublings, counted from the innermost, that are followed by dropout (Isola et al. 2017, section 6.1.1).
const DROPOUTS: usize = 3;

/// The generator of Isola et al. 2017: halvings by 4 x 4 convolutions to `depth` levels of 1, 2, 4, then 8 times the
/// width, doublings back, each fed with what the halvings of its size gave; with gates on these skips, the attention
/// U-Net of Oktay et al. 2018.
#[derive(Module, Debug)]
pub struct Unet {
    down: Vec<Vec<Layer>>,
    up: Vec<Vec<Layer>>,
    gates: Vec<Gate>,
}

impl Unet {
    pub(super) fn new(settings: &GeneratorSettings, depth: usize, gated: bool, device: &Device) -> Result<Unet> {
        let channels = |level: usize| settings.width << level.min(3);
        let norm = |channels| Ok(Layer::Norm(Normalise::new(settings.norm, channels, device)?));
        let halving = |input, output| Layer::Conv(Conv::new(input, output, 4, device).steps(2, 1));
        let mut down = vec![vec![halving(settings.input, channels(0))]];
        for level in 1..depth {
            let mut layers = vec![PlainKind::LeakyRelu.into(), halving(channels(level - 1), channels(level))];
            // the innermost image may have one pixel, of which a norm would leave nothing
            if level + 1 < depth {
                layers.push(norm(channels(level))?);
            }
            down.push(layers);
        }
        let mut up = Vec::new();
        for level in 0..depth {
            let input = if level + 1 < depth { 2 * channels(level) } else { channels(level) };
            let output = if level > 0 { channels(level - 1) } else { settings.output };
            let mut layers: Vec<Layer> =
                vec![PlainKind::Relu.into(), Layer::Up(Up::new(settings.up, input, output, 4, device))];
            if level > 0 {
                layers.push(norm(output)?);
                if settings.dropout > 0.0 && level + DROPOUTS >= depth {
                    layers.push(PlainKind::Dropout { probability: settings.dropout, layer: level as u32 }.into());
                }
            } else if settings.end == End::Tanh {
                layers.push(PlainKind::Tanh.into());
            }
            up.push(layers);
        }
        let gates = (0..depth - 1).filter(|_| gated).map(|level| Gate::new(channels(level), device)).collect();
        Ok(Unet { down, up, gates })
    }

    /// Halvings.
    pub(super) fn depth(&self) -> usize {
        self.down.len()
    }

    /// Images whose sides are multiples of 2^depth.
    pub(super) fn forward(&self, x: Tensor<4>, seed: Option<u64>) -> Tensor<4> {
        let mut skips = Vec::with_capacity(self.depth());
        let mut x = x;
        for layers in &self.down {
            x = run(layers, x, seed);
            skips.push(x.clone());
        }
        skips.pop();
        for level in (0..self.depth()).rev() {
            x = run(&self.up[level], x, seed);
            if level > 0 {
                let skip = skips.pop().expect("one skip less than levels");
                let skip = match self.gates.get(level - 1) {
                    Some(gate) => gate.forward(skip, x.clone()),
                    None => skip,
                };
                x = Tensor::cat(vec![skip, x], 1);
            }
        }
        x
    }
}

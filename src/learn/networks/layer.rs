use crate::learn::kernels::Activation;
use crate::learn::networks::{conv::Conv, dropout, norm::Normalise, pad, upsample::Up};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::activation::{leaky_relu, relu};

/// Slope of leaky ReLUs below 0 in all networks of Isola et al. 2017.
const LEAK: f64 = 0.2;

/// One layer of a sequence. Layers without parameters have a place of their own, so that the numbers in the parameters'
/// names are those of PyTorch's Sequential and with it of the published CycleGAN weights.
#[derive(Module, Debug)]
pub enum Layer {
    /// A convolution.
    Conv(Conv),
    /// A doubling of the size.
    Up(Up),
    /// A norm.
    Norm(Normalise),
    /// Layers whose result is added to their input.
    Residual(Residual),
    /// A layer without parameters.
    Plain(Plain),
}

/// Layers whose result is added to their input.
#[derive(Module, Debug)]
pub struct Residual {
    pub(super) conv_block: Vec<Layer>,
}

/// A layer without parameters.
#[derive(Module, Debug)]
pub struct Plain {
    #[module(skip)]
    kind: PlainKind,
}

/// Layers without parameters.
#[derive(Debug, Clone, Copy)]
pub(super) enum PlainKind {
    ReflectionPad(usize),
    Relu,
    LeakyRelu,
    Tanh,
    Dropout { probability: f64, layer: u32 },
}

impl From<PlainKind> for Layer {
    fn from(kind: PlainKind) -> Layer {
        Layer::Plain(Plain { kind })
    }
}

/// `x` through `layers`, one after the other; dropouts act where there is a seed.
pub(super) fn run(layers: &[Layer], x: Tensor<4>, seed: Option<u64>) -> Tensor<4> {
    let (mut x, mut rest) = (x, layers);
    while let [first, behind @ ..] = rest {
        // what belongs together goes to the CPU's kernels together
        (x, rest) = match (first, behind) {
            (Layer::Plain(Plain { kind: PlainKind::ReflectionPad(by) }), [Layer::Conv(conv), behind @ ..]) => {
                (conv.reflected(x, *by), behind)
            }
            (Layer::Norm(norm), [Layer::Plain(Plain { kind: PlainKind::Relu }), behind @ ..]) => {
                (norm.activated(x, Activation::Leaky(0.0)), behind)
            }
            (Layer::Norm(norm), [Layer::Plain(Plain { kind: PlainKind::LeakyRelu }), behind @ ..]) => {
                (norm.activated(x, Activation::Leaky(LEAK as f32)), behind)
            }
            _ => (first.forward(x, seed), behind),
        };
    }
    x
}

impl Layer {
    fn forward(&self, x: Tensor<4>, seed: Option<u64>) -> Tensor<4> {
        match self {
            Layer::Conv(layer) => layer.forward(x),
            Layer::Up(layer) => layer.forward(x),
            Layer::Norm(layer) => layer.forward(x),
            Layer::Residual(block) => run(&block.conv_block, x.clone(), seed) + x,
            Layer::Plain(layer) => layer.kind.forward(x, seed),
        }
    }
}

impl PlainKind {
    fn forward(self, x: Tensor<4>, seed: Option<u64>) -> Tensor<4> {
        match (self, seed) {
            (PlainKind::ReflectionPad(by), _) => pad::reflect(x, by),
            (PlainKind::Relu, _) => relu(x),
            (PlainKind::LeakyRelu, _) => leaky_relu(x, LEAK),
            (PlainKind::Tanh, _) => x.tanh(),
            (PlainKind::Dropout { .. }, None) => x,
            (PlainKind::Dropout { probability, layer }, Some(seed)) => {
                let mask = dropout::mask(x.dims(), probability, layer, seed, &x.device());
                x * mask
            }
        }
    }
}

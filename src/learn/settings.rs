//! What a training is made of, in types: networks, losses, optimiser; free of any device.

use crate::error::{Error, Result};

/// Which training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Unpaired, both directions: Zhu et al. 2017.
    CycleGan,
    /// Paired, mock to truth: Isola et al. 2017.
    Pix2Pix,
}

impl ModelKind {
    /// Its word in configurations and model cards.
    pub const fn word(self) -> &'static str {
        match self {
            ModelKind::CycleGan => "cyclegan",
            ModelKind::Pix2Pix => "pix2pix",
        }
    }

    /// Reads its word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(word: &str) -> Result<ModelKind> {
        [ModelKind::CycleGan, ModelKind::Pix2Pix].into_iter().find(|k| k.word() == word).ok_or_else(|| {
            Error::input("there is no such model").found(format!("\"{word}\"")).expected("cyclegan or pix2pix")
        })
    }
}

/// A generator: images of `input` channels to images of `output` channels, of the same size.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratorSettings {
    /// Which network.
    pub kind: GeneratorKind,
    /// Channels of its input.
    pub input: usize,
    /// Channels of its output.
    pub output: usize,
    /// Channels of its first layer (ngf of the paper: 64).
    pub width: usize,
    /// Normalisation of its hidden layers.
    pub norm: Norm,
    /// How it enlarges images.
    pub up: Upsampling,
    /// What ends it.
    pub end: End,
    /// Whether its input is added to its output: it then learns the difference. Needs `input` = `output`.
    pub skip: bool,
    /// Probability that a hidden value is dropped while training; 0 for none.
    pub dropout: f64,
}

impl GeneratorSettings {
    /// The same network the other way: its channels exchanged.
    pub fn reversed(&self) -> GeneratorSettings {
        GeneratorSettings { input: self.output, output: self.input, ..self.clone() }
    }
}

/// Networks of generators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GeneratorKind {
    /// That of Johnson et al. 2016 and Zhu et al. 2017: two halvings, `blocks` residual blocks, two doublings.
    Resnet {
        /// Residual blocks: 6 or 9 in the papers.
        blocks: usize,
    },
    /// That of Ronneberger et al. 2015 and Isola et al. 2017.
    Unet {
        /// Halvings: 8 for 256 pixels in pix2pix.
        depth: usize,
    },
    /// A U-Net whose skips pass through the gates of Oktay et al. 2018.
    AttentionUnet {
        /// Halvings.
        depth: usize,
    },
}

/// Normalisation of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Of each channel of each image (Ulyanov et al. 2016), without learnt scale and shift, as in the paper.
    Instance,
    /// The same with learnt scale and shift.
    InstanceAffine,
    /// Of groups of channels (Wu & He 2018), with learnt scale and shift.
    Group(usize),
    /// None.
    None,
}

/// How a generator doubles the size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upsampling {
    /// A transposed convolution, as in the paper.
    Transposed,
    /// Nearest neighbours and a convolution: no checkerboards (Odena et al. 2016).
    Resize,
}

/// What a generator ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// tanh: outputs within -1 and 1, as in the paper.
    Tanh,
    /// Nothing: outputs without bounds.
    Linear,
}

/// A discriminator: an image to a map of judgements, one of each patch.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscriminatorSettings {
    /// Which network.
    pub kind: DiscriminatorKind,
    /// Channels of its input (pix2pix: those of both domains).
    pub input: usize,
    /// Channels of its first layer (ndf of the paper: 64).
    pub width: usize,
    /// Normalisation of its hidden layers.
    pub norm: Norm,
    /// Whether its weights are divided by their greatest singular value (Miyato et al. 2018).
    pub spectral: bool,
}

/// The PatchGANs of Isola et al. 2017, by the pixels that one judgement sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscriminatorKind {
    /// Every pixel on its own.
    Pixel,
    /// 16 x 16.
    Patch16,
    /// 70 x 70, that of the papers.
    Patch70,
    /// 286 x 286.
    Patch286,
}

/// How weights begin; biases begin with 0, scales of norms about 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Init {
    /// Which distribution.
    pub kind: InitKind,
    /// Standard deviation of the normal one (0.02 in the paper), factor of the others.
    pub gain: f64,
}

/// Distributions of first weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitKind {
    /// N(0, gain^2).
    Normal,
    /// Glorot & Bengio 2010, normal.
    Xavier,
    /// He et al. 2015, normal.
    Kaiming,
}

/// The adversarial loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adversarial {
    /// Least squares (Mao et al. 2017), that of CycleGAN.
    Lsgan,
    /// Cross entropy of logits (Goodfellow et al. 2014), that of pix2pix.
    Vanilla,
    /// Hinge (Lim & Ye 2017).
    Hinge,
}

/// Adam (Kingma & Ba 2015) and what is around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimiserSettings {
    /// Learning rate of generators.
    pub rate: f64,
    /// Learning rate of discriminators.
    pub discriminator_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of their squares.
    pub beta2: f64,
    /// Added to the root of the mean square.
    pub epsilon: f64,
    /// Greatest norm of all gradients of a network; `None`: no limit.
    pub clip: Option<f64>,
    /// Decay of the moving average of generators' weights; `None`: none is kept.
    pub ema: Option<f64>,
}

/// Weights of losses; 0 leaves one out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSettings {
    /// Kind of the adversarial one.
    pub adversarial: Adversarial,
    /// Weight of the adversarial one.
    pub adversarial_weight: f64,
    /// L1 between an image and its way there and back (lambda of Zhu et al. 2017: 10).
    pub cycle: f64,
    /// L1 between an image of its own domain and what a generator makes of it, in units of `cycle` (0.5).
    pub identity: f64,
    /// L1 between translation and truth, of paired training (lambda of Isola et al. 2017: 100).
    pub l1: f64,
    /// Relative error of the flux of each image.
    pub flux: f64,
    /// Squared error of ln P(k).
    pub power: f64,
    /// Residual of the observed translation against the mock, in units of the noise.
    pub instrument: f64,
}

use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::learn::device::DeviceChoice;
use crate::learn::settings::{
    Adversarial, DiscriminatorKind, DiscriminatorSettings, End, GeneratorKind, GeneratorSettings, Init, InitKind,
    LossSettings, ModelKind, Norm, OptimiserSettings, Upsampling,
};
use crate::units::Dimension;
use std::path::PathBuf;

/// An amount of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// Batches.
    Steps(u64),
    /// Passes through the training split.
    Epochs(f64),
}

/// What of a data set is learnt from.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainDataSettings {
    /// Folder of the data set; `None`: made from the rest of the configuration.
    pub folder: Option<PathBuf>,
    /// Instrument, where the data set has several.
    pub instrument: Option<String>,
    /// Fields of domain A, what the telescope sees.
    pub mock: Vec<String>,
    /// Fields of domain B, the simulation.
    pub truth: Vec<String>,
    /// Images a step.
    pub batch: usize,
    /// Pixels of squares cut at random places; `None`: whole images.
    pub crop: Option<usize>,
    /// Whether images are mirrored at random.
    pub flips: bool,
    /// Whether images are turned at random by multiples of 90 degrees.
    pub rotations: bool,
}

/// When states are kept and looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct KeepSettings {
    /// Seconds between checkpoints.
    pub every_s: f64,
    /// How many of the last are kept, beside the best.
    pub last: usize,
    /// Between validations.
    pub validate: Length,
    /// Samples of the validation split that are looked at.
    pub samples: usize,
    /// Word of the metric whose best checkpoint is kept.
    pub metric: String,
    /// Validations without a better one after which training ends; `None`: it goes on.
    pub patience: Option<usize>,
}

/// `[train]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// Which training.
    pub model: ModelKind,
    /// Its data.
    pub data: TrainDataSettings,
    /// Training at the full learning rate.
    pub length: Length,
    /// Then, with a rate that falls to 0.
    pub decay: Length,
    /// Seed of weights, order, crops, pools and dropout.
    pub seed: u64,
    /// Where.
    pub device: DeviceChoice,
    /// Whether the networks compute in bfloat16.
    pub bf16: bool,
    /// Images that a discriminator remembers; 0: the last ones alone.
    pub pool: usize,
    /// Adam.
    pub optimiser: OptimiserSettings,
    /// Generators; channels come from the data.
    pub generator: GeneratorSettings,
    /// Discriminators; channels come from the data.
    pub discriminator: DiscriminatorSettings,
    /// First weights.
    pub init: Init,
    /// Losses.
    pub loss: LossSettings,
    /// Checkpoints and validation.
    pub keep: KeepSettings,
}

pub(super) fn read(document: &Document) -> Result<Option<TrainSettings>> {
    let s = document.section("train")?;
    if !s.is_present() {
        return Ok(None);
    }
    let model = match s.choice("model", &["cyclegan", "pix2pix"])? {
        Some("cyclegan") => ModelKind::CycleGan,
        Some(_) => ModelKind::Pix2Pix,
        None => return Err(s.missing("model", "\"cyclegan\" or \"pix2pix\"")),
    };
    let data = read_data(&s)?;
    let length = read_length(&s, "epochs", "steps", 100.0)?;
    let decay = read_length(&s, "decay_epochs", "decay_steps", 100.0)?;
    let seed = s.integer("seed", 0..=i64::MAX)?.unwrap_or(1) as u64;
    let device = match s.text("device")? {
        None => DeviceChoice::Auto,
        Some(word) => DeviceChoice::parse(&word).map_err(|e| e.place(s.place("device")))?,
    };
    let bf16 = s.choice("precision", &["float32", "bfloat16"])? == Some("bfloat16");
    let pool = s.integer("pool", 0..=1_000_000)?.unwrap_or(if model == ModelKind::CycleGan { 50 } else { 0 }) as usize;
    let optimiser = read_optimiser(&s)?;
    let generator = read_generator(&s.section("generator")?)?;
    let discriminator = read_discriminator(&s.section("discriminator")?)?;
    let init = read_init(&s.section("init")?)?;
    let loss = read_loss(&s.section("loss")?, model)?;
    let keep = read_keep(&s)?;
    s.finish()?;
    let settings = TrainSettings {
        model,
        data,
        length,
        decay,
        seed,
        device,
        bf16,
        pool,
        optimiser,
        generator,
        discriminator,
        init,
        loss,
        keep,
    };
    Ok(Some(settings))
}

fn read_data(s: &Section) -> Result<TrainDataSettings> {
    let fields = |key: &str, default: &str| -> Result<Vec<String>> {
        match s.texts(key)? {
            None => Ok(vec![default.to_owned()]),
            Some(words) if words.is_empty() => Err(s.refuse(key, "at least one field of the data set")),
            Some(words) => Ok(words),
        }
    };
    Ok(TrainDataSettings {
        folder: s.path("data")?,
        instrument: s.text("instrument")?,
        mock: fields("mock", "dirty")?,
        truth: fields("truth", "tb")?,
        batch: s.integer("batch", 1..=65536)?.unwrap_or(1) as usize,
        crop: s.integer("crop", 8..=65536)?.map(|n| n as usize),
        flips: s.boolean("flips")?.unwrap_or(true),
        rotations: s.boolean("rotations")?.unwrap_or(true),
    })
}

/// `epochs` or `steps`.
fn read_length(s: &Section, epochs: &str, steps: &str, default: f64) -> Result<Length> {
    match (s.float(epochs, 0.0..=1e9)?, s.integer(steps, 0..=i64::MAX)?) {
        (Some(_), Some(_)) => Err(s.refuse(steps, format!("one of {epochs} and {steps}"))),
        (None, Some(n)) => Ok(Length::Steps(n as u64)),
        (n, None) => Ok(Length::Epochs(n.unwrap_or(default))),
    }
}

fn read_optimiser(s: &Section) -> Result<OptimiserSettings> {
    let adam = s.section("adam")?;
    let rate = adam.float("rate", 0.0..=1.0)?.unwrap_or(2e-4);
    let settings = OptimiserSettings {
        rate,
        discriminator_rate: adam.float("discriminator_rate", 0.0..=1.0)?.unwrap_or(rate),
        beta1: adam.float("beta1", 0.0..1.0)?.unwrap_or(0.5),
        beta2: adam.float("beta2", 0.0..1.0)?.unwrap_or(0.999),
        epsilon: adam.float("epsilon", 1e-30..=1.0)?.unwrap_or(1e-8),
        clip: s.float("clip", 0.0..=f64::MAX)?.filter(|c| *c > 0.0),
        ema: s.float("ema", 0.0..1.0)?.filter(|d| *d > 0.0),
    };
    adam.finish()?;
    Ok(settings)
}

fn read_norm(s: &Section, default: Norm) -> Result<Norm> {
    let groups = s.integer("groups", 1..=4096)?.map(|n| n as usize);
    let norm = match s.choice("norm", &["instance", "instance-affine", "group", "none"])? {
        None => default,
        Some("instance") => Norm::Instance,
        Some("instance-affine") => Norm::InstanceAffine,
        Some("group") => Norm::Group(groups.unwrap_or(8)),
        Some(_) => Norm::None,
    };
    match (norm, groups) {
        (Norm::Group(_), _) | (_, None) => Ok(norm),
        _ => Err(s.refuse("groups", "this key only with norm = \"group\"")),
    }
}

fn read_generator(s: &Section) -> Result<GeneratorSettings> {
    let blocks = s.integer("blocks", 0..=64)?.map(|n| n as usize);
    let depth = s.integer("depth", 1..=12)?.map(|n| n as usize);
    let kind = match s.choice("kind", &["resnet", "unet", "attention-unet"])? {
        None | Some("resnet") => GeneratorKind::Resnet { blocks: blocks.unwrap_or(9) },
        Some("unet") => GeneratorKind::Unet { depth: depth.unwrap_or(5) },
        Some(_) => GeneratorKind::AttentionUnet { depth: depth.unwrap_or(5) },
    };
    match kind {
        GeneratorKind::Resnet { .. } if depth.is_some() => {
            return Err(s.refuse("depth", "this key only with kind = \"unet\" or \"attention-unet\""));
        }
        GeneratorKind::Unet { .. } | GeneratorKind::AttentionUnet { .. } if blocks.is_some() => {
            return Err(s.refuse("blocks", "this key only with kind = \"resnet\""));
        }
        _ => {}
    }
    let settings = GeneratorSettings {
        kind,
        input: 1,
        output: 1,
        width: s.integer("width", 1..=4096)?.unwrap_or(64) as usize,
        norm: read_norm(s, Norm::Instance)?,
        up: match s.choice("up", &["transposed", "resize"])? {
            Some("resize") => Upsampling::Resize,
            _ => Upsampling::Transposed,
        },
        end: match s.choice("end", &["tanh", "linear"])? {
            Some("linear") => End::Linear,
            _ => End::Tanh,
        },
        skip: s.boolean("skip")?.unwrap_or(false),
        dropout: s.float("dropout", 0.0..1.0)?.unwrap_or(0.0),
    };
    s.finish()?;
    Ok(settings)
}

fn read_discriminator(s: &Section) -> Result<DiscriminatorSettings> {
    let settings = DiscriminatorSettings {
        kind: match s.choice("kind", &["pixel", "patch16", "patch70", "patch286"])? {
            Some("pixel") => DiscriminatorKind::Pixel,
            Some("patch16") => DiscriminatorKind::Patch16,
            Some("patch286") => DiscriminatorKind::Patch286,
            _ => DiscriminatorKind::Patch70,
        },
        input: 1,
        width: s.integer("width", 1..=4096)?.unwrap_or(64) as usize,
        norm: read_norm(s, Norm::Instance)?,
        spectral: s.boolean("spectral")?.unwrap_or(false),
    };
    s.finish()?;
    Ok(settings)
}

fn read_init(s: &Section) -> Result<Init> {
    let kind = match s.choice("kind", &["normal", "xavier", "kaiming"])? {
        Some("xavier") => InitKind::Xavier,
        Some("kaiming") => InitKind::Kaiming,
        _ => InitKind::Normal,
    };
    let usual = if kind == InitKind::Normal { 0.02 } else { 1.0 };
    let gain = s.float("gain", 1e-6..=100.0)?.unwrap_or(usual);
    s.finish()?;
    Ok(Init { kind, gain })
}

fn read_loss(s: &Section, model: ModelKind) -> Result<LossSettings> {
    let usual = match model {
        ModelKind::CycleGan => Adversarial::Lsgan,
        ModelKind::Pix2Pix => Adversarial::Vanilla,
    };
    let weight = |key: &str, default: f64| Ok::<_, Error>(s.float(key, 0.0..=1e9)?.unwrap_or(default));
    let of = |kind: ModelKind, key: &str, default: f64| -> Result<f64> {
        if model == kind {
            return weight(key, default);
        }
        match s.has(key) {
            false => Ok(0.0),
            true => Err(s.refuse(key, format!("this key only with model = \"{}\"", kind.word()))),
        }
    };
    let settings = LossSettings {
        adversarial: match s.choice("adversarial", &["lsgan", "vanilla", "hinge"])? {
            Some("lsgan") => Adversarial::Lsgan,
            Some("vanilla") => Adversarial::Vanilla,
            Some(_) => Adversarial::Hinge,
            None => usual,
        },
        adversarial_weight: weight("adversarial_weight", 1.0)?,
        cycle: of(ModelKind::CycleGan, "cycle", 10.0)?,
        identity: of(ModelKind::CycleGan, "identity", 0.5)?,
        l1: of(ModelKind::Pix2Pix, "l1", 100.0)?,
        flux: weight("flux", 0.0)?,
        power: weight("power", 0.0)?,
        instrument: weight("instrument", 0.0)?,
    };
    s.finish()?;
    Ok(settings)
}

fn read_keep(s: &Section) -> Result<KeepSettings> {
    let checkpoint = s.section("checkpoint")?;
    let every_s = match checkpoint.quantity("every", Dimension::Time)? {
        None => 600.0,
        Some(every) if every > 0.0 => every,
        Some(_) => return Err(checkpoint.refuse("every", "a time above 0, as in \"10 min\"")),
    };
    let last = checkpoint.integer("last", 1..=1000)?.unwrap_or(2) as usize;
    checkpoint.finish()?;
    let validation = s.section("validation")?;
    let settings = KeepSettings {
        every_s,
        last,
        validate: read_length(&validation, "epochs", "steps", 1.0)?,
        samples: validation.integer("samples", 1..=1_000_000)?.unwrap_or(64) as usize,
        metric: validation.text("metric")?.unwrap_or_else(|| "power_error".to_owned()),
        patience: validation.integer("patience", 1..=1_000_000)?.map(|n| n as usize),
    };
    validation.finish()?;
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TrainSettings> {
        let document = Document::parse(text, "t.toml")?;
        let read = read(&document)?;
        document.finish()?;
        Ok(read.expect("a table [train]"))
    }

    #[test]
    fn the_papers_defaults() {
        let t = parse("[train]\nmodel = \"cyclegan\"").unwrap();
        assert_eq!(t.generator.kind, GeneratorKind::Resnet { blocks: 9 });
        assert_eq!((t.generator.width, t.discriminator.width, t.pool), (64, 64, 50));
        assert_eq!((t.loss.cycle, t.loss.identity, t.loss.adversarial), (10.0, 0.5, Adversarial::Lsgan));
        assert_eq!((t.optimiser.rate, t.optimiser.beta1, t.optimiser.beta2), (2e-4, 0.5, 0.999));
        assert_eq!((t.length, t.decay), (Length::Epochs(100.0), Length::Epochs(100.0)));
        let t = parse("[train]\nmodel = \"pix2pix\"").unwrap();
        assert_eq!((t.loss.l1, t.loss.cycle, t.loss.adversarial, t.pool), (100.0, 0.0, Adversarial::Vanilla, 0));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for (text, part) in [
            ("[train]\nsteps = 1", "model"),
            ("[train]\nmodel = \"gan\"", "cyclegan"),
            ("[train]\nmodel = \"pix2pix\"\nloss = { cycle = 1 }", "only with model = \"cyclegan\""),
            ("[train]\nmodel = \"cyclegan\"\nsteps = 1\nepochs = 1", "one of epochs and steps"),
            ("[train]\nmodel = \"cyclegan\"\ngenerator = { kind = \"unet\", blocks = 6 }", "resnet"),
            ("[train]\nmodel = \"cyclegan\"\ndiscriminator = { groups = 4 }", "norm = \"group\""),
            ("[train]\nmodel = \"cyclegan\"\nmock = []", "at least one field"),
            ("[train]\nmodel = \"cyclegan\"\nlerning = 1", "lerning"),
            ("[train]\nmodel = \"cyclegan\"\ndevice = \"tpu\"", "tpu"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(part) && error.contains("t.toml"), "{text}: {error}");
        }
    }
}

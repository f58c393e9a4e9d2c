//! The paper's training step: two generators, two discriminators, pool, Adam.

use super::measure::{load, measured, median};
use crate::error::Result;
use crate::learn::data::Batch;
use crate::learn::settings::{
    Adversarial, DiscriminatorKind, DiscriminatorSettings, End, GeneratorKind, GeneratorSettings, Init, InitKind,
    LossSettings, ModelKind, Norm, OptimiserSettings, Upsampling,
};
use crate::learn::train::{Physics, Pieces, Precision, Rates, Setting, Training};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::json;

/// The words of `bench train`.
#[derive(Debug, Clone, Copy)]
pub struct TrainRequest {
    /// Pixels of a side.
    pub npix: usize,
    /// Channels of the first layer of generators and discriminators.
    pub width: usize,
    /// Residual blocks.
    pub blocks: usize,
    /// Images of each domain.
    pub batch: usize,
    /// Images that a thread works on at once.
    pub piece: usize,
    /// Steps timed, after one that is not.
    pub steps: usize,
}

/// Times steps of CycleGAN (Zhu et al. 2017: ResNet generators, 70 x 70 PatchGANs, LSGAN, cycle 10, identity 0.5, pools of
/// 50, Adam) on the CPU; the text is one JSON object.
///
/// # Errors
/// Settings that no network has; losses that are no numbers.
pub fn train(request: TrainRequest) -> Result<String> {
    let TrainRequest { npix, width, blocks, batch, piece, steps } = request;
    let device = Device::flex();
    let loss = LossSettings {
        adversarial: Adversarial::Lsgan,
        adversarial_weight: 1.0,
        cycle: 10.0,
        identity: 0.5,
        l1: 0.0,
        flux: 0.0,
        power: 0.0,
        instrument: 0.0,
    };
    let rate = 2e-4;
    let setting = Setting {
        generator: GeneratorSettings {
            kind: GeneratorKind::Resnet { blocks },
            input: 1,
            output: 1,
            width,
            norm: Norm::Instance,
            up: Upsampling::Transposed,
            end: End::Tanh,
            skip: false,
            dropout: 0.0,
        },
        discriminator: DiscriminatorSettings {
            kind: DiscriminatorKind::Patch70,
            input: 1,
            width,
            norm: Norm::Instance,
            spectral: false,
        },
        init: Init { kind: InitKind::Normal, gain: 0.02 },
        seed: 1,
        pool: 50,
        optimiser: OptimiserSettings {
            rate,
            discriminator_rate: rate,
            beta1: 0.5,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: None,
            ema: None,
        },
        loss,
        physics: Physics::new(&loss, [npix, npix], &[], &[], &device)?,
        precision: Precision::Float32,
        pieces: Pieces { images: piece, threads: rayon::current_num_threads() },
    };
    let mut training = Training::new(ModelKind::CycleGan, setting, &device)?;
    let images = |phase: f32| {
        let pixels = (0..batch * npix * npix).map(|i| (i as f32 * phase).sin() * 0.5).collect::<Vec<f32>>();
        Tensor::<4>::from_data(TensorData::new(pixels, [batch, 1, npix, npix]), &device)
    };
    let images = Batch::plain(images(0.37), images(0.11));
    let rates = Rates { generators: rate, discriminators: rate };
    let mut costs = Vec::new();
    for step in 0..=steps as u64 {
        let (losses, cost) = measured(|| training.step(step, &images, rates).read());
        losses?;
        if step > 0 {
            costs.push(cost);
        }
    }
    let cost = median(&costs);
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "npix": npix, "width": width, "blocks": blocks, "batch": batch, "piece": piece, "steps": steps,
        "threads": rayon::current_num_threads(),
        "step_cpu_s": cost.cpu_s, "step_wall_s": cost.wall_s, "peak_mib": cost.peak_mib, "load": load(),
    });
    Ok(format!("{report}\n"))
}

use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use crate::learn::data::Batch;
use crate::learn::networks::{Discriminator, Generator};
use crate::learn::settings::{
    DiscriminatorSettings, GeneratorSettings, Init, LossSettings, ModelKind, OptimiserSettings,
};
use crate::learn::train::cyclegan::CycleGan;
use crate::learn::train::flat::{Flat, gradients, prefixed};
use crate::learn::train::graph::Precision;
use crate::learn::train::jobs::Pieces;
use crate::learn::train::losses::StepLosses;
use crate::learn::train::physics::Physics;
use crate::learn::train::pix2pix::Pix2Pix;
use crate::learn::weights::load_named;
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use std::collections::BTreeMap;

/// What a model is trained with.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The generator from mock to truth; that of the other direction is the same with its channels exchanged.
    pub generator: GeneratorSettings,
    /// Discriminators; the channels come from the generator.
    pub discriminator: DiscriminatorSettings,
    /// First weights.
    pub init: Init,
    /// Of weights, pools and dropout.
    pub seed: u64,
    /// Images of a pool; 0: none.
    pub pool: usize,
    /// Adam.
    pub optimiser: OptimiserSettings,
    /// Weights of the losses.
    pub loss: LossSettings,
    /// Losses that know what pixels mean.
    pub physics: Physics,
    /// What the networks compute in.
    pub precision: Precision,
    /// How a step's images are worked on.
    pub pieces: Pieces,
}

/// Learning rates of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Of generators.
    pub generators: f64,
    /// Of discriminators.
    pub discriminators: f64,
}

/// Generators without gradients, as they translate: averages of weights where these are kept.
#[derive(Debug, Clone)]
pub struct Made {
    /// Mock to truth.
    pub to_truth: Generator,
    /// Truth to mock, of a CycleGAN.
    pub to_mock: Option<Generator>,
}

/// A model in training.
#[derive(Debug)]
pub enum Training {
    /// Without pairs.
    CycleGan(Box<CycleGan>),
    /// With pairs.
    Pix2Pix(Box<Pix2Pix>),
}

impl Training {
    /// A model before its first step; `device` is without automatic differentiation, as all tensors of it are but weights.
    ///
    /// # Errors
    /// Settings that no network has.
    pub fn new(kind: ModelKind, setting: Setting, device: &Device) -> Result<Training> {
        let device = &device.clone().autodiff();
        Ok(match kind {
            ModelKind::CycleGan => Training::CycleGan(Box::new(CycleGan::new(setting, device)?)),
            ModelKind::Pix2Pix => Training::Pix2Pix(Box::new(Pix2Pix::new(setting, device)?)),
        })
    }

    /// One step, `step` counted from 0, with images on the networks' device: a function of the state, these and the seed.
    pub fn step(&mut self, step: u64, batch: &Batch, rates: Rates) -> StepLosses {
        match self {
            Training::CycleGan(model) => model.step(step, batch, rates),
            Training::Pix2Pix(model) => model.step(step, batch, rates),
        }
    }

    /// The generators as they translate.
    pub fn made(&self) -> Made {
        match self {
            Training::CycleGan(model) => model.made(),
            Training::Pix2Pix(model) => model.made(),
        }
    }

    /// All that the next step depends on, by file.
    ///
    /// # Errors
    /// A device that does not give it.
    pub fn state(&self) -> Result<BTreeMap<String, Vec<NamedTensor>>> {
        match self {
            Training::CycleGan(model) => model.state(),
            Training::Pix2Pix(model) => model.state(),
        }
    }

    /// Takes up a [`Training::state`].
    ///
    /// # Errors
    /// That of other networks, moments or pools, or one without some of it.
    pub fn restore(&mut self, files: &BTreeMap<String, Vec<NamedTensor>>, device: &Device) -> Result<()> {
        match self {
            Training::CycleGan(model) => model.restore(files, device),
            Training::Pix2Pix(model) => model.restore(files, device),
        }
    }
}

impl Setting {
    /// Gradients and loss of a discriminator for images of its domain and a generator's.
    pub(super) fn judgement(
        &self,
        judge: &Discriminator,
        prefix: &str,
        name: &'static str,
        share: f64,
        real: Tensor<4>,
        fake: Tensor<4>,
    ) -> (Flat, StepLosses) {
        let judge = self.precision.graph(judge);
        let (real, fake) = (self.precision.judge(&judge, real), self.precision.judge(&judge, fake));
        let loss = self.loss.adversarial.discriminator(real, fake) * share;
        let mut losses = StepLosses::default();
        losses.add(name, loss.clone());
        let mut found = loss.backward();
        (prefixed(gradients(&judge, &mut found), prefix), losses)
    }
}

pub(super) fn to_file(files: &mut BTreeMap<String, Vec<NamedTensor>>, name: &str, tensors: Vec<NamedTensor>) {
    files.insert(name.to_owned(), tensors);
}

/// The tensors of a file of a state.
///
/// # Errors
/// A state without it.
pub(super) fn file<'a>(files: &'a BTreeMap<String, Vec<NamedTensor>>, name: &str) -> Result<&'a [NamedTensor]> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| {
        Error::input("a checkpoint lacks a part of this model")
            .expected(format!("{name}.safetensors"))
            .hint("go on with the settings that the training began with")
    })
}

/// `network` with the weights of a file of a state.
///
/// # Errors
/// A state without it, or with that of another network.
pub(super) fn restored<M: Module>(files: &BTreeMap<String, Vec<NamedTensor>>, name: &str, network: &M) -> Result<M> {
    load_named(network.clone(), file(files, name)?).map_err(|e| e.place(format!("{name}.safetensors")))
}

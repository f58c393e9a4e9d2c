use crate::error::Result;
use crate::formats::safetensors::NamedTensor;
use crate::learn::settings::OptimiserSettings;
use crate::learn::train::adam::Adam;
use crate::learn::train::clip::clip_by_norm;
use crate::learn::train::flat::{Flat, prefixed, values};
use burn::module::Module;
use burn::tensor::Device;

/// Adam over several networks, as one: their gradients are limited together.
#[derive(Debug, Clone)]
pub(super) struct Optimiser {
    adam: Adam,
    clip: Option<f64>,
}

impl Optimiser {
    pub(super) fn new(settings: OptimiserSettings) -> Optimiser {
        Optimiser { adam: Adam::new(settings), clip: settings.clip }
    }

    /// Limits gradients of all networks that the next updates are for.
    pub(super) fn limit(&self, gradients: &mut Flat) {
        if let Some(largest) = self.clip {
            clip_by_norm(gradients, largest);
        }
    }

    /// `network`, whose parameters go by `prefix.name` in `gradients`, after step `count`, from 1.
    pub(super) fn update<M: Module>(
        &mut self,
        network: &M,
        prefix: &str,
        gradients: &mut Flat,
        rate: f64,
        count: u64,
    ) -> M {
        self.adam.update(network.clone(), prefix, gradients, rate, count)
    }

    pub(super) fn to_named(&self) -> Result<Vec<NamedTensor>> {
        self.adam.to_named()
    }

    /// Takes up the moments of `networks`, each by its prefix.
    pub(super) fn restore(&mut self, tensors: &[NamedTensor], sizes: Flat, device: &Device) -> Result<()> {
        self.adam.restore(tensors, &sizes, device)
    }
}

/// The parameters of a network under `prefix.name`.
pub(super) fn sizes<M: Module>(network: &M, prefix: &str) -> Flat {
    prefixed(values(network), prefix)
}

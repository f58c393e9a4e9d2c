use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use crate::learn::settings::OptimiserSettings;
use crate::learn::train::flat::{Flat, from_named, to_named, with_values};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

/// Adam (Kingma & Ba 2015, algorithm 1, with the epsilon where PyTorch has it) whose moments go by the parameters' names,
/// so that they can be written beside the weights and read by anybody.
#[derive(Debug, Clone)]
pub struct Adam {
    settings: OptimiserSettings,
    first: Flat,
    second: Flat,
}

impl Adam {
    /// Before the first step.
    pub fn new(settings: OptimiserSettings) -> Adam {
        Adam { settings, first: Flat::new(), second: Flat::new() }
    }

    /// The network after a step of size `rate` against `gradients`, which go by `prefix.name` and are taken out; `count`
    /// is the number of this step, from 1. A parameter without a gradient stays.
    pub fn update<M: Module>(&mut self, network: M, prefix: &str, gradients: &mut Flat, rate: f64, count: u64) -> M {
        with_values(network, |name, values| {
            let name = format!("{prefix}.{name}");
            match gradients.remove(&name) {
                Some(gradient) => values - self.stride(name, gradient, rate, count),
                None => values,
            }
        })
    }

    /// What a parameter loses; its moments are brought forward.
    fn stride(&mut self, name: String, gradient: Tensor<1>, rate: f64, count: u64) -> Tensor<1> {
        let OptimiserSettings { beta1, beta2, epsilon, .. } = self.settings;
        let square = gradient.clone().square() * (1.0 - beta2);
        let gradient = gradient * (1.0 - beta1);
        let first = match self.first.remove(&name) {
            Some(first) => first * beta1 + gradient,
            None => gradient,
        };
        let second = match self.second.remove(&name) {
            Some(second) => second * beta2 + square,
            None => square,
        };
        self.first.insert(name.clone(), first.clone());
        self.second.insert(name, second.clone());
        // in float64 on the host: powers of 0.999 lose half their digits in float32
        let count = count as f64;
        let (bias1, bias2) = (1.0 - beta1.powf(count), 1.0 - beta2.powf(count));
        first * (rate / bias1) / (second.sqrt() * bias2.sqrt().recip() + epsilon)
    }

    /// Its moments, as `first.name` and `second.name`.
    ///
    /// # Errors
    /// A device that does not give them.
    pub fn to_named(&self) -> Result<Vec<NamedTensor>> {
        let mut tensors = to_named(&self.first, "first")?;
        tensors.extend(to_named(&self.second, "second")?);
        Ok(tensors)
    }

    /// Takes up the moments of [`Adam::to_named`], of parameters with as many numbers as `sizes` says.
    ///
    /// # Errors
    /// Moments of other parameters.
    pub fn restore(&mut self, tensors: &[NamedTensor], sizes: &Flat, device: &Device) -> Result<()> {
        let (first, second) = (from_named(tensors, "first", device)?, from_named(tensors, "second", device)?);
        let refused = |name: &str| {
            Error::input("an optimiser's moments are not those of these networks")
                .found(name)
                .hint("go on with the settings that the training began with")
        };
        if first.len() + second.len() != tensors.len() {
            return Err(refused("tensors that are no moments"));
        }
        if let Some(name) = first.keys().find(|n| !second.contains_key(*n)) {
            return Err(refused(name));
        }
        for (name, moment) in first.iter().chain(&second) {
            if sizes.get(name).is_none_or(|value| value.dims() != moment.dims()) {
                return Err(refused(name));
            }
        }
        (self.first, self.second) = (first, second);
        Ok(())
    }
}

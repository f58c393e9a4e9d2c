use crate::learn::train::flat::{values, with_values};
use burn::module::Module;

/// The exponential moving average of a network's weights (Polyak & Juditsky 1992; of generators: Yazıcı et al. 2019).
#[derive(Debug, Clone)]
pub struct Ema<M: Module> {
    decay: f64,
    network: M,
}

impl<M: Module> Ema<M> {
    /// The average of one network, which is itself. `decay`, below 1, is what an average keeps in a step.
    pub fn new(network: &M, decay: f64) -> Ema<M> {
        Ema { decay, network: network.clone().valid() }
    }

    /// Takes in the weights after step `count`, from 1. The decay is at most (1 + count) / (10 + count), so that the first
    /// weights are forgotten soon (as in TensorFlow's ExponentialMovingAverage).
    pub fn update(&mut self, network: &M, count: u64) {
        let decay = self.decay.min((1.0 + count as f64) / (10.0 + count as f64));
        let mut new = values(network);
        let average = self.network.clone();
        self.network = with_values(average, |name, old| match new.remove(name) {
            Some(new) => old * decay + new * (1.0 - decay),
            None => old,
        });
    }

    /// The averaged network, without gradients.
    pub fn network(&self) -> &M {
        &self.network
    }

    /// Takes up an average.
    pub(super) fn set(&mut self, network: M) {
        self.network = network;
    }
}

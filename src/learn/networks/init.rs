use crate::learn::settings::{Init, InitKind};
use crate::learn::weights::{Path, replaced};
use crate::math::random::normal_pair;
use burn::Tensor;
use burn::module::{Module, ModuleMapper, Param};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// Spread of the scales of norms about 1 (Radford et al. 2016 and the code of pix2pix).
const SCALE_SPREAD: f64 = 0.02;

/// The network with first weights: kernels from the distribution, biases 0, scales of norms about 1. Each value is a
/// function of the seed, the parameter's name and its place in it.
pub(super) fn filled<M: Module>(network: M, first: &Init, seed: u64) -> M {
    network.map(&mut Filler { first: *first, seed, path: Path::default() })
}

struct Filler {
    first: Init,
    seed: u64,
    path: Path,
}

impl ModuleMapper for Filler {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let shape: Vec<usize> = param.dims().to_vec();
        let (mean, deviation) = match &shape[..] {
            &[first, second, height, width] => (0.0, self.first.deviation(first, second, height * width)),
            _ if name.ends_with(".weight") => (1.0, SCALE_SPREAD),
            _ => (0.0, 0.0),
        };
        let values = normal(&name, self.seed, shape.iter().product(), mean, deviation);
        replaced(param, values)
    }
}

impl Init {
    /// Standard deviation of a kernel \[first, second, ..\] of `area` pixels. Fans as PyTorch counts them, also of
    /// transposed convolutions (\[in, out, ..\]): `first` out, `second` in.
    fn deviation(&self, first: usize, second: usize, area: usize) -> f64 {
        let (fan_out, fan_in) = ((first * area) as f64, (second * area) as f64);
        match self.kind {
            InitKind::Normal => self.gain,
            InitKind::Xavier => self.gain * (2.0 / (fan_in + fan_out)).sqrt(),
            InitKind::Kaiming => self.gain * (2.0 / fan_in).sqrt(),
        }
    }
}

/// Normal numbers of the stream that has the parameter's name.
fn normal(name: &str, seed: u64, count: usize, mean: f64, deviation: f64) -> Vec<f32> {
    let digest = Sha256::digest(name.as_bytes());
    let word = |k: usize| u32::from_le_bytes([digest[4 * k], digest[4 * k + 1], digest[4 * k + 2], digest[4 * k + 3]]);
    let stream = [word(0), word(1), word(2)];
    let mut values = vec![0f32; count];
    values.par_chunks_mut(2).enumerate().for_each(|(i, two)| {
        let pair = normal_pair([i as u32, stream[0], stream[1], stream[2]], seed);
        for (value, normal) in two.iter_mut().zip(pair) {
            *value = (mean + deviation * normal) as f32;
        }
    });
    values
}

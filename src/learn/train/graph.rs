use crate::learn::networks::{Discriminator, Generator};
use crate::learn::train::flat::with_values;
use burn::Tensor;
use burn::module::Module;
use burn::tensor::DType;

/// What networks compute in. Weights, moments, losses and sums of gradients are float32 in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    Float32,
    /// bfloat16: the exponents of float32, 8 bits of mantissa; no scaling of losses is needed.
    Bfloat16,
}

impl Precision {
    /// The same weights as the leaves of a graph of their own: two threads that differentiate clones of one network would
    /// wait for each other, since burn keeps graphs that share a leaf behind one lock.
    pub(super) fn graph<M: Module>(self, network: &M) -> M {
        with_values(network.clone(), |_, values| self.low(values))
    }

    /// The same weights as constants.
    pub(super) fn constants<M: Module>(self, network: &M) -> M {
        with_values(network.clone().valid(), |_, values| self.low(values))
    }

    fn low<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        match self {
            Precision::Float32 => tensor,
            Precision::Bfloat16 => tensor.cast(DType::BF16),
        }
    }

    fn high(self, tensor: Tensor<4>) -> Tensor<4> {
        match self {
            Precision::Float32 => tensor,
            Precision::Bfloat16 => tensor.cast(DType::F32),
        }
    }

    /// What `network` (of [`Precision::graph`]) makes of float32 images, in float32.
    pub(super) fn generate(self, network: &Generator, images: Tensor<4>, dropout: Option<u64>) -> Tensor<4> {
        self.high(network.forward(self.low(images), dropout))
    }

    /// The scores that `network` (of [`Precision::graph`]) gives float32 images, in float32.
    pub(super) fn judge(self, network: &Discriminator, images: Tensor<4>) -> Tensor<4> {
        self.high(network.forward(self.low(images)))
    }
}

use crate::error::{Error, Result};
use crate::learn::kernels::{self, Activation};
use crate::learn::settings::Norm;
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;
use burn::tensor::activation::{leaky_relu, relu};

/// Added to the variance, PyTorch's default of all its norms: weights of either side then mean the same.
const EPSILON: f64 = 1e-5;

/// Takes the mean off and divides by the standard deviation, of each channel or group of channels of each image.
#[derive(Module, Debug)]
pub struct Normalise {
    weight: Option<Param<Tensor<1>>>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    norm: Norm,
}

impl Normalise {
    /// # Errors
    /// Groups that do not divide the channels.
    pub(super) fn new(norm: Norm, channels: usize, device: &Device) -> Result<Normalise> {
        let learnt = match norm {
            Norm::Instance | Norm::None => false,
            Norm::InstanceAffine => true,
            Norm::Group(groups) if groups > 0 && channels.is_multiple_of(groups) => true,
            Norm::Group(groups) => {
                return Err(Error::input("the groups of a norm do not divide the channels of a layer")
                    .found(format!("{groups} groups, {channels} channels"))
                    .hint("choose a divisor of the network's width"));
            }
        };
        let parameter = |value: f64| learnt.then(|| Param::from_tensor(Tensor::full([channels], value, device)));
        Ok(Normalise { weight: parameter(1.0), bias: parameter(0.0), norm })
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.activated(x, Activation::None)
    }

    /// Followed by `act`.
    pub(super) fn activated(&self, x: Tensor<4>, act: Activation) -> Tensor<4> {
        if self.norm == Norm::Instance
            && let Some(y) = kernels::instance_norm(&x, EPSILON, act)
        {
            return y;
        }
        let y = self.normalised(x);
        match act {
            Activation::None => y,
            Activation::Leaky(0.0) => relu(y),
            Activation::Leaky(slope) => leaky_relu(y, f64::from(slope)),
        }
    }

    fn normalised(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, channels, height, width] = x.dims();
        let groups = match self.norm {
            Norm::None => return x,
            Norm::Instance | Norm::InstanceAffine => channels,
            Norm::Group(groups) => groups,
        };
        let x = x.reshape([batch, groups, channels / groups * height * width]);
        let x = x.clone() - x.mean_dim(2);
        let variance = x.clone().square().mean_dim(2);
        let x = x.div((variance + EPSILON).sqrt()).reshape([batch, channels, height, width]);
        match (&self.weight, &self.bias) {
            (Some(weight), Some(bias)) => {
                x * weight.val().reshape([1, channels, 1, 1]) + bias.val().reshape([1, channels, 1, 1])
            }
            _ => x,
        }
    }
}

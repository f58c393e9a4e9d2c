use crate::learn::kernels::{self, Border};
use crate::learn::networks::{pad, spectral};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

/// A convolution: weight \[out, in, k, k\], bias \[out\], zeros around the image.
#[derive(Module, Debug)]
pub struct Conv {
    weight: Param<Tensor<4>>,
    bias: Option<Param<Tensor<1>>>,
    #[module(skip)]
    stride: usize,
    #[module(skip)]
    padding: usize,
    #[module(skip)]
    spectral: bool,
}

impl Conv {
    /// `input` to `output` channels by a kernel of `side` pixels; weights are 0 until the network fills them by name.
    pub(super) fn new(input: usize, output: usize, side: usize, device: &Device) -> Conv {
        Conv {
            weight: Param::from_tensor(Tensor::zeros([output, input, side, side], device)),
            bias: Some(Param::from_tensor(Tensor::zeros([output], device))),
            stride: 1,
            padding: 0,
            spectral: false,
        }
    }

    /// Steps of `stride` pixels over an image with `padding` zeros on each side.
    pub(super) fn steps(self, stride: usize, padding: usize) -> Conv {
        Conv { stride, padding, ..self }
    }

    /// Whether its weight is divided by its greatest singular value.
    pub(super) fn spectral(self, spectral: bool) -> Conv {
        Conv { spectral, ..self }
    }

    /// Without a bias.
    pub(super) fn unbiased(self) -> Conv {
        Conv { bias: None, ..self }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.bordered(x, Border::Zeros(self.padding))
    }

    /// Of the image with its reflection of `by` pixels around it; of convolutions without a padding of their own.
    pub(super) fn reflected(&self, x: Tensor<4>, by: usize) -> Tensor<4> {
        debug_assert_eq!(self.padding, 0);
        self.bordered(x, Border::Reflection(by))
    }

    fn bordered(&self, x: Tensor<4>, border: Border) -> Tensor<4> {
        let weight = match self.spectral {
            true => spectral::normalised(self.weight.val()),
            false => self.weight.val(),
        };
        let bias = self.bias.as_ref().map(Param::val);
        if let Some(y) = kernels::convolution(&x, &weight, bias.as_ref(), self.stride, border) {
            return y;
        }
        let (x, padding) = match border {
            Border::Zeros(padding) => (x, padding),
            Border::Reflection(by) => (pad::reflect(x, by), 0),
        };
        conv2d(x, weight, bias, ConvOptions::new([self.stride; 2], [padding; 2], [1; 2], 1))
    }
}

use crate::learn::kernels::{self, Border};
use crate::learn::networks::pad;
use crate::learn::settings::Upsampling;
use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;
use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};

/// A layer that doubles the size of its images.
#[derive(Module, Debug)]
pub enum Up {
    /// A transposed convolution.
    Transposed(TransposedConv),
    /// Nearest neighbours and a convolution.
    Resize(ResizeConv),
}

/// A transposed convolution of stride 2: weight \[in, out, k, k\] (PyTorch's order), bias \[out\].
#[derive(Module, Debug)]
pub struct TransposedConv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
    /// Pixels by which the far side is longer than the sum of strides says.
    #[module(skip)]
    padding_out: usize,
}

/// Every pixel becomes 2 x 2, then a 3 x 3 convolution of the reflected image: no checkerboards (Odena et al. 2016).
#[derive(Module, Debug)]
pub struct ResizeConv {
    weight: Param<Tensor<4>>,
    bias: Param<Tensor<1>>,
}

impl Up {
    /// `side` of a transposed kernel: 3 in the ResNet, 4 in the U-Net; both with padding 1.
    pub(super) fn new(kind: Upsampling, input: usize, output: usize, side: usize, device: &Device) -> Up {
        let bias = Param::from_tensor(Tensor::zeros([output], device));
        let weight = |shape: [usize; 4]| Param::from_tensor(Tensor::zeros(shape, device));
        match kind {
            Upsampling::Transposed => Up::Transposed(TransposedConv {
                weight: weight([input, output, side, side]),
                bias,
                padding_out: side % 2,
            }),
            Upsampling::Resize => Up::Resize(ResizeConv { weight: weight([output, input, 3, 3]), bias }),
        }
    }

    pub(super) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Up::Transposed(layer) => {
                let (weight, bias) = (layer.weight.val(), layer.bias.val());
                let [_, _, height, width] = x.dims();
                if let Some(y) = kernels::transposed(&x, &weight, &bias, 2, 1, [2 * height, 2 * width]) {
                    return y;
                }
                let options = ConvTransposeOptions::new([2; 2], [1; 2], [layer.padding_out; 2], [1; 2], 1);
                conv_transpose2d(x, weight, Some(bias), options)
            }
            Up::Resize(layer) => {
                let (x, weight, bias) = (doubled(x), layer.weight.val(), layer.bias.val());
                if let Some(y) = kernels::convolution(&x, &weight, Some(&bias), 1, Border::Reflection(1)) {
                    return y;
                }
                conv2d(pad::reflect(x, 1), weight, Some(bias), ConvOptions::new([1; 2], [0; 2], [1; 2], 1))
            }
        }
    }
}

/// Every pixel as 2 x 2; written with expand, whose gradient every device has.
fn doubled(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch, channels, height, 1, width, 1]).expand([batch, channels, height, 2, width, 2]).reshape([
        batch,
        channels,
        2 * height,
        2 * width,
    ])
}

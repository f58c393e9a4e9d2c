use crate::learn::networks::conv::Conv;
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use burn::tensor::activation::{relu, sigmoid};

/// The additive attention gate of Oktay et al. 2018, equations 1 and 2: a skip is multiplied, pixel by pixel, with
/// sigmoid(psi(relu(W_x x + W_g g + b)) + b_psi). The gating signal is the doubled image from below, of the skip's own
/// size, so that nothing is interpolated. Half of the channels in between.
#[derive(Module, Debug)]
pub struct Gate {
    x: Conv,
    g: Conv,
    psi: Conv,
}

impl Gate {
    pub(super) fn new(channels: usize, device: &Device) -> Gate {
        let between = (channels / 2).max(1);
        Gate {
            x: Conv::new(channels, between, 1, device).unbiased(),
            g: Conv::new(channels, between, 1, device),
            psi: Conv::new(between, 1, 1, device),
        }
    }

    pub(super) fn forward(&self, skip: Tensor<4>, below: Tensor<4>) -> Tensor<4> {
        let both = relu(self.x.forward(skip.clone()) + self.g.forward(below));
        skip * sigmoid(self.psi.forward(both))
    }
}

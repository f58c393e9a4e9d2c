use crate::learn::sums::sum;
use crate::learn::train::flat::Flat;
use burn::Tensor;

/// The gradients scaled so that their norm, of all of them together, is at most `largest`; those that are smaller stay.
/// Nothing is read back from the device. Returns the norm before, \[1\]; None without gradients.
pub fn clip_by_norm(gradients: &mut Flat, largest: f64) -> Option<Tensor<1>> {
    // in the order of names: sums of floats depend on it
    let norm = gradients.values().map(|g| sum(g.clone().square())).reduce(|a, b| a + b)?.sqrt();
    let factor = (norm.clone() + TINY).recip().mul_scalar(largest).clamp_max(1.0);
    for gradient in gradients.values_mut() {
        gradient.inplace(|g| g * factor.clone());
    }
    Some(norm)
}

/// Keeps a norm of 0 from being divided by; as in PyTorch's clip_grad_norm_.
const TINY: f64 = 1e-6;

//! Sums over all of a tensor.
//!
//! burn's own go through kernels with atomic additions, which a driver in software (lavapipe) dies of while burn tries them
//! out; and sums whose order the hardware chooses are not the same twice. Those over one axis are.

use burn::Tensor;

/// The sum of all values, \[1\].
pub fn sum<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([1, count]).sum_dim(1).reshape([1])
}

/// The mean of all values, \[1\].
pub fn mean<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([1, count]).mean_dim(1).reshape([1])
}

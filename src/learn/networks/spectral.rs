use crate::learn::sums::sum;
use burn::Tensor;

/// Power iterations of each forward pass. The start is fixed and not carried from step to step, as it is in Miyato et al.
/// 2018 (one iteration each): the network stays a pure function of its weights, so a resumed training needs no more than
/// them. The norm is met to a few percent for random weights and nearly exactly once one singular value stands out.
pub const ITERATIONS: usize = 16;

/// Least length that is divided by (PyTorch's): a weight of zeros stays 0.
const SMALLEST: f64 = 1e-12;

/// The weight \[out, ..\] divided by an estimate from below of the greatest singular value of its \[out, rest\] matrix
/// (Miyato et al. 2018, algorithm 1); singular vectors count as constants in the gradient, as there.
pub(super) fn normalised(weight: Tensor<4>) -> Tensor<4> {
    let [out, input, height, width] = weight.dims();
    let matrix = weight.clone().reshape([out, input * height * width]);
    let (u, v) = singular_vectors(matrix.clone().inner());
    let sigma = u.transpose().matmul(matrix).matmul(v).clamp_min(SMALLEST);
    weight.div(sigma.reshape([1, 1, 1, 1]))
}

/// Left \[out, 1\] and right \[rest, 1\] vectors of unit length after [`ITERATIONS`].
fn singular_vectors(matrix: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let [out, _] = matrix.dims();
    // any vector without a symmetry that weights could have
    let start: Vec<f32> = (0..out).map(|i| (i as f32 + 1.0).sin()).collect();
    let mut u = Tensor::<1>::from_floats(start.as_slice(), &matrix.device()).reshape([out, 1]);
    let mut v = matrix.clone().transpose().matmul(u);
    for _ in 1..ITERATIONS {
        u = unit(matrix.clone().matmul(unit(v)));
        v = matrix.clone().transpose().matmul(u);
    }
    let v = unit(v);
    (unit(matrix.matmul(v.clone())), v)
}

fn unit(x: Tensor<2>) -> Tensor<2> {
    let length = sum(x.clone().square()).sqrt().clamp_min(SMALLEST);
    x.div(length.reshape([1, 1]))
}

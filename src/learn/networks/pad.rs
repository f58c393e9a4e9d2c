use burn::Tensor;
use burn::tensor::ops::PadMode;

/// The image with its reflection of `by` pixels on each side, the edge pixel not repeated (PyTorch's ReflectionPad2d).
pub(super) fn reflect(x: Tensor<4>, by: usize) -> Tensor<4> {
    x.pad([(by, by), (by, by)], PadMode::Reflect)
}

/// The image enlarged to `height` x `width` by reflection behind its last row and column, again and again where it is
/// smaller than what is missing; an image of one pixel is repeated.
pub(super) fn enlarge(mut x: Tensor<4>, height: usize, width: usize) -> Tensor<4> {
    loop {
        let [_, _, h, w] = x.dims();
        if (h, w) == (height, width) {
            return x;
        }
        let missing = |have: usize, want: usize| (want - have).min(have.saturating_sub(1).max(1));
        let mode = |have: usize| if have == 1 { PadMode::Edge } else { PadMode::Reflect };
        x = x.pad([(0, missing(h, height)), (0, 0)], mode(h)).pad([(0, 0), (0, missing(w, width))], mode(w));
    }
}

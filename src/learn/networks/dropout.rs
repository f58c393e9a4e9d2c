use crate::math::random::philox;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Third and fourth word of the counters, so that no other use of the seed meets the same numbers.
const STREAM: [u32; 2] = [0x6472_6f70, 0];

/// Zeros with `probability`, 1 / (1 - probability) elsewhere; made on the host from counters, the same on every device.
/// `layer` tells the dropouts of a network apart.
pub(super) fn mask(shape: [usize; 4], probability: f64, layer: u32, seed: u64, device: &Device) -> Tensor<4> {
    let kept = (1.0 / (1.0 - probability)) as f32;
    let limit = (probability * 2f64.powi(32)) as u64;
    let mut values = vec![0f32; shape.iter().product()];
    for (i, four) in values.chunks_mut(4).enumerate() {
        let words = philox([i as u32, layer, STREAM[0], STREAM[1]], seed);
        for (value, word) in four.iter_mut().zip(words) {
            *value = if u64::from(word) < limit { 0.0 } else { kept };
        }
    }
    Tensor::from_data(TensorData::new(values, shape), device)
}

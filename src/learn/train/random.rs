use crate::math::random::{philox, uniform_pair};

/// Second and third words of the counters, so that no other use of the seed meets the same numbers: "train", "pool".
const SEED_STREAM: u32 = 0x7472_6169;
const POOL_STREAM: u32 = 0x706f_6f6c;

/// A seed for purpose `what` of step `step`.
pub(super) fn step_seed(seed: u64, step: u64, what: u32) -> u64 {
    let w = philox([step as u32, (step >> 32) as u32, what, SEED_STREAM], seed);
    u64::from(w[0]) << 32 | u64::from(w[1])
}

/// Two numbers in (0, 1) for image `image` that comes to pool `pool` in step `step`.
pub(super) fn pool_draw(seed: u64, pool: u32, step: u64, image: usize) -> [f64; 2] {
    // 2^24 images a step and 2^8 pools are enough
    uniform_pair([step as u32, (step >> 32) as u32, pool << 24 | image as u32, POOL_STREAM], seed)
}

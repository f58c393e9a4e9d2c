use crate::math::random::{philox, uniform_pair};

/// Fourth words of the counters, so that no other use of the seed meets the same numbers: "augm", "perm".
const AUGMENT_STREAM: u32 = 0x6175_676d;
const ORDER_STREAM: u32 = 0x7065_726d;

/// Random numbers of image `image` of step `step`.
#[derive(Debug, Clone)]
pub(super) struct Draw {
    seed: u64,
    step: u64,
    image: u32,
    next: u32,
}

impl Draw {
    pub(super) fn new(seed: u64, step: u64, image: u32) -> Draw {
        Draw { seed, step, image, next: 0 }
    }

    /// A whole number below `n`, which is above 0.
    pub(super) fn below(&mut self, n: usize) -> usize {
        // 2^40 steps, 2^24 images a step and 2^8 numbers an image
        let high = (self.step >> 32) as u32 | self.next << 8;
        let [u, _] = uniform_pair([self.step as u32, high, self.image, AUGMENT_STREAM], self.seed);
        self.next += 1;
        ((u * n as f64) as usize).min(n - 1)
    }
}

/// Place `place` of a random order of 0..n, without making the others: a Feistel network over the next power of 4 whose
/// results beyond n are put in again (Black & Rogaway 2002, method 3, cycle walking). Orders of other epochs and domains
/// are independent.
pub(super) fn shuffled(place: u64, n: u64, seed: u64, epoch: u64, domain: u32) -> u64 {
    let bits = (64 - (n - 1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1u64 << bits) - 1;
    let mut value = place;
    loop {
        let (mut left, mut right) = (value >> bits, value & mask);
        for round in 0..ROUNDS {
            let counter = [right as u32, epoch as u32, domain << 8 | round, ORDER_STREAM];
            (left, right) = (right, (left ^ u64::from(philox(counter, seed)[0])) & mask);
        }
        value = left << bits | right;
        if value < n {
            return value;
        }
    }
}

/// Four make a strong pseudo-random permutation of a random function (Luby & Rackoff 1988); small domains like more.
const ROUNDS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_holds_everything_once_and_differs_by_epoch_and_domain() {
        for n in [1u64, 2, 3, 16, 17, 1000] {
            let order = |epoch, domain| (0..n).map(|i| shuffled(i, n, 5, epoch, domain)).collect::<Vec<_>>();
            let mut sorted = order(0, 0);
            sorted.sort_unstable();
            assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            if n >= 16 {
                assert!(order(0, 0) != order(1, 0) && order(0, 0) != order(0, 1));
            }
        }
    }

    /// Every number comes to every place: chi squared of 16 x 16 counts over 4000 epochs has 225 degrees of freedom.
    #[test]
    fn orders_are_fair() {
        let mut counts = [[0.0f64; 16]; 16];
        for epoch in 0..4000 {
            for place in 0..16 {
                counts[place as usize][shuffled(place, 16, 9, epoch, 0) as usize] += 1.0;
            }
        }
        let chi2: f64 = counts.iter().flatten().map(|c| (c - 250.0).powi(2) / 250.0).sum();
        // mean 225, standard deviation 21
        assert!((chi2 - 225.0).abs() < 5.0 * 21.0, "{chi2}");
        let mut draw = Draw::new(3, 1 << 33, 2);
        let numbers: Vec<usize> = (0..200).map(|_| draw.below(4)).collect();
        assert!((0..4).all(|n| (20..80).contains(&numbers.iter().filter(|m| **m == n).count())), "{numbers:?}");
    }
}

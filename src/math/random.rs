//! Counter-based random numbers: the value depends on the key and the counter alone, so any
//! thread, shard or restart draws the same numbers.

/// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", table 2):
/// four 32-bit words from a 128-bit counter and a 64-bit key.
pub fn philox(counter: [u32; 4], key: u64) -> [u32; 4] {
    let (mut c, mut k0, mut k1) = (counter, key as u32, (key >> 32) as u32);
    for round in 0..10 {
        if round > 0 {
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        let p0 = u64::from(c[0]) * 0xD251_1F53;
        let p1 = u64::from(c[2]) * 0xCD9E_8D57;
        c = [(p1 >> 32) as u32 ^ c[1] ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k1, p0 as u32];
    }
    c
}

/// [`philox`] of the counters `first + k` and `rest` for k from 0 to N - 1, as `[word][k]`: for loops over k that are
/// compiled for vectors.
#[inline(always)]
pub fn philox_lanes<const N: usize>(first: u32, rest: [u32; 3], key: u64) -> [[u32; N]; 4] {
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    let mut c = [std::array::from_fn(|k| first.wrapping_add(k as u32)), [rest[0]; N], [rest[1]; N], [rest[2]; N]];
    for round in 0..10 {
        if round > 0 {
            k0 = k0.wrapping_add(0x9E37_79B9);
            k1 = k1.wrapping_add(0xBB67_AE85);
        }
        for k in 0..N {
            let p0 = u64::from(c[0][k]) * 0xD251_1F53;
            let p1 = u64::from(c[2][k]) * 0xCD9E_8D57;
            c[0][k] = (p1 >> 32) as u32 ^ c[1][k] ^ k0;
            c[1][k] = p1 as u32;
            c[2][k] = (p0 >> 32) as u32 ^ c[3][k] ^ k1;
            c[3][k] = p0 as u32;
        }
    }
    c
}

/// Two uniform numbers in (0, 1), each of 53 random bits, from one counter.
pub fn uniform_pair(counter: [u32; 4], key: u64) -> [f64; 2] {
    let w = philox(counter, key);
    let to_unit =
        |hi: u32, lo: u32| ((u64::from(hi) << 32 | u64::from(lo)) >> 11) as f64 * 2f64.powi(-53) + 2f64.powi(-54);
    [to_unit(w[0], w[1]), to_unit(w[2], w[3])]
}

/// Two independent standard normal numbers (Box & Muller 1958) from one counter.
pub fn normal_pair(counter: [u32; 4], key: u64) -> [f64; 2] {
    let [u1, u2] = uniform_pair(counter, key);
    let radius = (-2.0 * u1.ln()).sqrt();
    let (s, c) = (std::f64::consts::TAU * u2).sin_cos();
    [radius * c, radius * s]
}

/// A sequence of numbers for one named purpose: counter words 1 to 3 are the stream, word 0 counts.
///
/// For serial code (drawing a galaxy's arms); parallel code names its counters itself.
#[derive(Debug, Clone)]
pub struct Stream {
    key: u64,
    stream: [u32; 3],
    next: u32,
    spare: Option<f64>,
}

impl Stream {
    /// Stream `stream` of `seed`; different streams of one seed are independent.
    pub fn new(seed: u64, stream: [u32; 3]) -> Stream {
        Stream { key: seed, stream, next: 0, spare: None }
    }

    fn counter(&mut self) -> [u32; 4] {
        let c = [self.next, self.stream[0], self.stream[1], self.stream[2]];
        self.next = self.next.wrapping_add(1);
        c
    }

    /// Uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        let c = self.counter();
        uniform_pair(c, self.key)[0]
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let c = self.counter();
        let [a, b] = normal_pair(c, self.key);
        self.spare = Some(b);
        a
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_the_blocks_of_their_counters() {
        let (first, rest, key) = (u32::MAX - 3, [7, 8, 9], 0x1234_5678_9abc_def0);
        let lanes = philox_lanes::<16>(first, rest, key);
        for k in 0..16 {
            let block = philox([first.wrapping_add(k as u32), rest[0], rest[1], rest[2]], key);
            assert_eq!([0, 1, 2, 3].map(|w| lanes[w][k]), block);
        }
    }

    #[test]
    fn equals_the_known_answers_of_random123() {
        // kat_vectors of Random123 1.14 for philox4x32-10
        assert_eq!(philox([0; 4], 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], u64::MAX), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let counter = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(philox(counter, 0x299f_31d0_a409_3822), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn normal_numbers_have_unit_variance_and_no_correlation() {
        let n = 200_000;
        let (mut s1, mut s2, mut s4, mut cross) = (0.0, 0.0, 0.0, 0.0);
        for i in 0..n {
            let [a, b] = normal_pair([i, 7, 0, 0], 42);
            s1 += a + b;
            s2 += a * a + b * b;
            s4 += a.powi(4) + b.powi(4);
            cross += a * b;
        }
        let m = 2.0 * f64::from(n);
        // five standard errors each
        assert!((s1 / m).abs() < 5.0 / m.sqrt());
        assert!((s2 / m - 1.0).abs() < 5.0 * (2.0 / m).sqrt());
        assert!((s4 / m - 3.0).abs() < 5.0 * (96.0 / m).sqrt());
        assert!((cross / f64::from(n)).abs() < 5.0 / f64::from(n).sqrt());
    }
}

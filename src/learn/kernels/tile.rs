use crate::math::lanes::Lanes;
use crate::math::vectors::{Vectors, with_registers};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m512};

/// Sizes of the tiles of sums that are kept in registers, by instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Numbers of a vector.
    pub lanes: usize,
    /// Channels and vectors of a tile of [`correlate`].
    pub channels: usize,
    pub vectors: usize,
    /// Channels and taps of a tile of [`slopes`].
    pub slope_channels: usize,
    pub slope_taps: usize,
}

/// What this processor's kernels want.
pub(super) fn shape(vectors: Vectors) -> Shape {
    match vectors {
        Vectors::Avx512 => Shape { lanes: 16, channels: 8, vectors: 2, slope_channels: 4, slope_taps: 4 },
        _ => Shape { lanes: 8, channels: 4, vectors: 2, slope_channels: 4, slope_taps: 2 },
    }
}

/// A tile row of [`correlate`]: what some output channels are made of.
pub(super) struct Correlation<'a> {
    /// Numbers that are multiplied.
    pub source: &'a [f32],
    /// Where each tap of a pixel lies, from the pixel's place in `source`.
    pub taps: &'a [u32],
    /// \[tap, channel of the tile\].
    pub weights: &'a [f32],
    /// First value of each channel of the tile.
    pub bias: &'a [f32],
    /// Where the first pixel of each vector lies in `source`; a multiple of [`Shape::vectors`].
    pub starts: &'a [u32],
    /// Distance of output channels.
    pub plane: usize,
    /// Channels of the tile that there are: the rest is not written.
    pub channels: usize,
}

/// out\[c, v\] = bias\[c\] + sum over taps t of weight\[t, c\] source\[start v + tap t ..\].
pub(super) fn correlate(with: Vectors, job: &Correlation, out: &mut [f32]) {
    with_registers!(match with; (job: &Correlation, out: &mut [f32]) {
        Avx512 => correlated::<__m512, 8, 2>(job, out),
        Avx2 => correlated::<__m256, 4, 2>(job, out),
    });
    correlated::<[f32; 8], 4, 2>(job, out);
}

#[inline(always)]
fn correlated<T: Lanes<Scalar = f32>, const M: usize, const V: usize>(job: &Correlation, out: &mut [f32]) {
    let weights = job.weights.as_chunks::<M>().0;
    for (tile, starts) in job.starts.as_chunks::<V>().0.iter().enumerate() {
        let mut sums = [[T::splat(0.0); V]; M];
        for m in 0..M {
            sums[m] = [T::splat(job.bias[m]); V];
        }
        for (&tap, weights) in job.taps.iter().zip(weights) {
            let mut pixels = [T::splat(0.0); V];
            for v in 0..V {
                pixels[v] = T::load(&job.source[(starts[v] + tap) as usize..]);
            }
            for m in 0..M {
                let weight = T::splat(weights[m]);
                for v in 0..V {
                    sums[m][v] = sums[m][v].add_product(weight, pixels[v]);
                }
            }
        }
        for m in 0..M.min(job.channels) {
            for v in 0..V {
                sums[m][v].store(&mut out[m * job.plane + (tile * V + v) * T::COUNT..]);
            }
        }
    }
}

/// A tile row of [`slopes`]: the gradients of some output channels' weights.
pub(super) struct Slopes<'a> {
    /// Numbers that the weights were multiplied with.
    pub source: &'a [f32],
    /// As in [`Correlation`]; a multiple of [`Shape::slope_taps`].
    pub taps: &'a [u32],
    /// Where the first pixel of each vector lies in `source`.
    pub starts: &'a [u32],
    /// Gradients of the output.
    pub gradient: &'a [f32],
    /// Where the first pixel of each vector lies in `gradient`, of the tile's first channel.
    pub places: &'a [u32],
    /// Distance of each channel of the tile from its first, in `gradient`.
    pub channels: &'a [u32],
}

/// out\[t, c\] = sum over vectors v of gradient\[place v + channel c ..\] source\[start v + tap t ..\].
pub(super) fn slopes(with: Vectors, job: &Slopes, out: &mut [f32]) {
    with_registers!(match with; (job: &Slopes, out: &mut [f32]) {
        Avx512 => sloped::<__m512, 4, 4>(job, out),
        Avx2 => sloped::<__m256, 4, 2>(job, out),
    });
    sloped::<[f32; 8], 4, 2>(job, out);
}

#[inline(always)]
fn sloped<T: Lanes<Scalar = f32>, const M: usize, const K: usize>(job: &Slopes, out: &mut [f32]) {
    let channels: [u32; M] = std::array::from_fn(|m| job.channels[m]);
    for (taps, out) in job.taps.as_chunks::<K>().0.iter().zip(out.chunks_exact_mut(K * M)) {
        let mut sums = [[T::splat(0.0); K]; M];
        for (&start, &place) in job.starts.iter().zip(job.places) {
            let mut gradients = [T::splat(0.0); M];
            for m in 0..M {
                gradients[m] = T::load(&job.gradient[(place + channels[m]) as usize..]);
            }
            for k in 0..K {
                let pixels = T::load(&job.source[(start + taps[k]) as usize..]);
                for m in 0..M {
                    sums[m][k] = sums[m][k].add_product(gradients[m], pixels);
                }
            }
        }
        for k in 0..K {
            for m in 0..M {
                out[k * M + m] = sums[m][k].total();
            }
        }
    }
}

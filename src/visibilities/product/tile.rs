use super::each::{Each, each};
use crate::math::lanes::Lanes;
use crate::math::turns::{cis, cis_f32};
use crate::math::vectors::{Vectors, with_registers};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256, __m256d, __m512, __m512d};

/// What products are summed in.
pub(in crate::visibilities) trait Real:
    Copy
    + Default
    + Send
    + Sync
    + std::ops::Mul<Output = Self>
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
{
    /// Accuracy that factors of its sums are made to.
    const EPSILON: f64;
    /// Adding it and taking it away rounds to whole numbers.
    const ROUNDER: f64;
    /// Where differences of functions over their argument lose half of the digits.
    const NEAR: f64;
    /// Powers of two below this are taken for it.
    const LEAST_POWER: f64;
    /// The nearest.
    fn of(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
    /// (cos, sin) of 2 pi turns, to its own accuracy.
    fn cis<const FMA: bool>(turns: f64) -> (Self, Self);
    /// Stations of a block: numbers of a register.
    fn lanes(with: Vectors) -> usize;
    /// Stations p of a tile.
    fn rows(with: Vectors, products: usize) -> usize;
    /// The products of [`Real::rows`] stations p, from lane `first` of their block on, with all stations q of a block, summed over
    /// the sources: \[p\]\[product\]\[re, im\]\[q\].
    fn tile(with: Vectors, products: usize, weighted: &[Self], first: usize, jones: &[Self], out: &mut [Self]);
    /// The same of [`ROWS`](super::each::ROWS) stations p, with a factor of each source's that depends on both stations.
    fn each(with: Vectors, job: &Each<Self>, out: &mut [Self]);
}

macro_rules! real {
    ($real:ty, $cis:ident, $wide:ty, $middle:ty, $plain:ty, $epsilon:expr, $rounder:expr, $near:expr, $least:expr) => {
        impl Real for $real {
            const EPSILON: f64 = $epsilon;
            const ROUNDER: f64 = $rounder;
            const NEAR: f64 = $near;
            const LEAST_POWER: f64 = $least;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $real
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            fn cis<const FMA: bool>(turns: f64) -> (Self, Self) {
                $cis::<FMA>(turns)
            }

            fn lanes(with: Vectors) -> usize {
                match with {
                    #[cfg(target_arch = "x86_64")]
                    Vectors::Avx512 => <$wide>::COUNT,
                    #[cfg(target_arch = "x86_64")]
                    Vectors::Avx2 => <$middle>::COUNT,
                    _ => <$plain>::COUNT,
                }
            }

            fn rows(with: Vectors, products: usize) -> usize {
                match (with, products) {
                    (Vectors::Avx512, 1) => 8,
                    (_, 1) => 4,
                    (Vectors::Avx512, _) => 2,
                    _ => 1,
                }
            }

            fn tile(with: Vectors, products: usize, weighted: &[Self], first: usize, jones: &[Self], out: &mut [Self]) {
                with_registers!(match with; (products: usize, weighted: &[$real], first: usize, jones: &[$real], out: &mut [$real]) {
                    Avx512 => match products {
                        1 => scalar::<$wide, 8>(weighted, first, jones, out),
                        _ => full::<$wide, 2>(weighted, first, jones, out),
                    },
                    Avx2 => match products {
                        1 => scalar::<$middle, 4>(weighted, first, jones, out),
                        _ => full::<$middle, 1>(weighted, first, jones, out),
                    },
                });
                match products {
                    1 => scalar::<$plain, 4>(weighted, first, jones, out),
                    _ => full::<$plain, 1>(weighted, first, jones, out),
                }
            }

            fn each(with: Vectors, job: &Each<$real>, out: &mut [$real]) {
                with_registers!(match with; (job: &Each<$real>, out: &mut [$real]) {
                    Avx512 => match job.products {
                        1 => each::<$wide, 1>(job, out),
                        _ => each::<$wide, 4>(job, out),
                    },
                    Avx2 => match job.products {
                        1 => each::<$middle, 1>(job, out),
                        _ => each::<$middle, 4>(job, out),
                    },
                });
                match job.products {
                    1 => each::<$plain, 1>(job, out),
                    _ => each::<$plain, 4>(job, out),
                }
            }
        }
    };
}

// 1.5 2^52 and 1.5 2^23
real!(f64, cis, __m512d, __m256d, [f64; 4], 1e-14, 6_755_399_441_055_744.0, 1e-4, -1000.0);
real!(f32, cis_f32, __m512, __m256, [f32; 8], 1e-8, 12_582_912.0, 1e-2, -100.0);

/// M numbers of `x` from `first` on.
#[inline(always)]
fn some<T: Copy, const M: usize>(x: &[T], first: usize) -> [T; M] {
    *x[first..].first_chunk::<M>().expect("a block has as many stations")
}

/// I: a conj(b) of each source \[re of a block's stations, im of them\].
#[inline(always)]
fn scalar<T: Lanes, const M: usize>(a: &[T::Scalar], first: usize, b: &[T::Scalar], out: &mut [T::Scalar])
where
    T::Scalar: Real,
{
    let lanes = T::COUNT;
    let zero = T::splat(T::Scalar::default());
    let (mut re, mut im) = ([zero; M], [zero; M]);
    for (a, b) in a.chunks_exact(2 * lanes).zip(b.chunks_exact(2 * lanes)) {
        let (br, bi) = (T::load(b), T::load(&b[lanes..]));
        let (ar, ai) = (some::<_, M>(a, first), some::<_, M>(a, lanes + first));
        for m in 0..M {
            let (ar, ai) = (T::splat(ar[m]), T::splat(ai[m]));
            re[m] = re[m].add_product(ar, br).add_product(ai, bi);
            im[m] = im[m].add_product(ai, br).take_product(ar, bi);
        }
    }
    for m in 0..M {
        re[m].store(&mut out[2 * m * lanes..]);
        im[m].store(&mut out[(2 * m + 1) * lanes..]);
    }
}

/// XX, XY, YX, YY: a b^H of 2 x 2 matrices, each source \[component 00, 01, 10, 11\]\[re of a block's stations, im of them\].
#[inline(always)]
fn full<T: Lanes, const M: usize>(a: &[T::Scalar], first: usize, b: &[T::Scalar], out: &mut [T::Scalar])
where
    T::Scalar: Real,
{
    let lanes = T::COUNT;
    let zero = T::splat(T::Scalar::default());
    let (mut re, mut im) = ([[zero; 4]; M], [[zero; 4]; M]);
    for (a, b) in a.chunks_exact(8 * lanes).zip(b.chunks_exact(8 * lanes)) {
        let (mut br, mut bi) = ([zero; 4], [zero; 4]);
        for c in 0..4 {
            br[c] = T::load(&b[2 * c * lanes..]);
            bi[c] = T::load(&b[(2 * c + 1) * lanes..]);
        }
        for row in 0..2 {
            for k in 0..2 {
                let component = row * 2 + k;
                let ar = some::<_, M>(a, 2 * component * lanes + first);
                let ai = some::<_, M>(a, (2 * component + 1) * lanes + first);
                for m in 0..M {
                    let (ar, ai) = (T::splat(ar[m]), T::splat(ai[m]));
                    for column in 0..2 {
                        let (o, c) = (row * 2 + column, column * 2 + k);
                        re[m][o] = re[m][o].add_product(ar, br[c]).add_product(ai, bi[c]);
                        im[m][o] = im[m][o].add_product(ai, br[c]).take_product(ar, bi[c]);
                    }
                }
            }
        }
    }
    for m in 0..M {
        for o in 0..4 {
            re[m][o].store(&mut out[(m * 4 + o) * 2 * lanes..]);
            im[m][o].store(&mut out[((m * 4 + o) * 2 + 1) * lanes..]);
        }
    }
}

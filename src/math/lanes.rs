//! Numbers of one register, for the inner loops that a compiler does not find the vectors of.

use super::vectors::{Vectors, vectors};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;
use std::time::Instant;

/// Some numbers side by side. The implementations of an instruction set are for functions that enable it alone
/// ([`super::vectors`]).
pub(crate) trait Lanes: Copy {
    /// Of what.
    type Scalar: Copy;
    /// How many.
    const COUNT: usize;
    /// All the same.
    fn splat(x: Self::Scalar) -> Self;
    /// The first of `x`.
    fn load(x: &[Self::Scalar]) -> Self;
    /// Into the first of `x`.
    fn store(self, x: &mut [Self::Scalar]);
    /// self + a b.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// self - a b.
    fn take_product(self, a: Self, b: Self) -> Self;
    /// Their sum.
    fn total(self) -> Self::Scalar;
}

/// Halves added to each other until one number is left.
#[inline(always)]
fn folded<T: Copy + std::ops::Add<Output = T>, const N: usize>(mut x: [T; N]) -> T {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            x[i] = x[i] + x[i + half];
        }
        half /= 2;
    }
    x[0]
}

macro_rules! registers {
    ($type:ty, $scalar:ty, $count:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $take:ident) => {
        #[cfg(target_arch = "x86_64")]
        impl Lanes for $type {
            type Scalar = $scalar;
            const COUNT: usize = $count;

            #[inline(always)]
            fn splat(x: $scalar) -> Self {
                // SAFETY: used where the instructions are enabled
                unsafe { $splat(x) }
            }

            #[inline(always)]
            fn load(x: &[$scalar]) -> Self {
                let x = &x[..$count];
                // SAFETY: as above, and the numbers are there
                unsafe { $load(x.as_ptr()) }
            }

            #[inline(always)]
            fn store(self, x: &mut [$scalar]) {
                let x = &mut x[..$count];
                // SAFETY: as above
                unsafe { $store(x.as_mut_ptr(), self) }
            }

            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                // SAFETY: as above
                unsafe { $add(a, b, self) }
            }

            #[inline(always)]
            fn take_product(self, a: Self, b: Self) -> Self {
                // SAFETY: as above
                unsafe { $take(a, b, self) }
            }

            #[inline(always)]
            fn total(self) -> $scalar {
                let mut x = [0.0; $count];
                self.store(&mut x);
                folded(x)
            }
        }
    };
}

registers!(__m512, f32, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps);
registers!(__m512d, f64, 8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd, _mm512_fnmadd_pd);
registers!(__m256, f32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps);
registers!(__m256d, f64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd);

/// For every processor; the compiler finds what registers there are.
macro_rules! plain {
    ($scalar:ty, $count:literal) => {
        impl Lanes for [$scalar; $count] {
            type Scalar = $scalar;
            const COUNT: usize = $count;

            #[inline(always)]
            fn splat(x: $scalar) -> Self {
                [x; $count]
            }

            #[inline(always)]
            fn load(x: &[$scalar]) -> Self {
                std::array::from_fn(|i| x[i])
            }

            #[inline(always)]
            fn store(self, x: &mut [$scalar]) {
                x[..$count].copy_from_slice(&self);
            }

            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                std::array::from_fn(|i| a[i] * b[i] + self[i])
            }

            #[inline(always)]
            fn take_product(self, a: Self, b: Self) -> Self {
                std::array::from_fn(|i| self[i] - a[i] * b[i])
            }

            #[inline(always)]
            fn total(self) -> $scalar {
                folded(self)
            }
        }
    };
}

plain!(f32, 8);
plain!(f64, 4);

/// Multiplications with additions a second, of single numbers, that one thread of this processor does.
macro_rules! fma_rate {
    ($name:ident, $wide:ty, $middle:ty, $plain:ty) => {
        pub(crate) fn $name() -> f64 {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")]
                fn avx512() -> f64 {
                    rate::<$wide>()
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2() -> f64 {
                    rate::<$middle>()
                }
                match vectors() {
                    // SAFETY: the processor has these instructions
                    Vectors::Avx512 => return unsafe { avx512() },
                    // SAFETY: the processor has these instructions
                    Vectors::Avx2 => return unsafe { avx2() },
                    Vectors::Plain => {}
                }
            }
            rate::<$plain>()
        }
    };
}

fma_rate!(fma_per_s_f32, __m512, __m256, [f32; 8]);
fma_rate!(fma_per_s_f64, __m512d, __m256d, [f64; 4]);

/// The best of a few runs; sums enough to hide the time that each takes to become ready.
#[inline(always)]
fn rate<T: Lanes>() -> f64
where
    T::Scalar: From<u8>,
{
    const SUMS: usize = 12;
    const TURNS: usize = 2_000_000;
    let number = T::Scalar::from(std::hint::black_box(0));
    let (a, b) = (T::splat(number), T::splat(number));
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let began = Instant::now();
        let mut sums = [T::splat(number); SUMS];
        for _ in 0..TURNS {
            for sum in &mut sums {
                *sum = sum.add_product(a, b);
            }
        }
        for sum in sums {
            std::hint::black_box(sum.total());
        }
        best = best.min(began.elapsed().as_secs_f64());
    }
    (SUMS * TURNS * T::COUNT) as f64 / best
}

//! Numbers of one register, for the inner loops that a compiler does not find the vectors of.

use super::vectors::{vectors, with_registers};
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
    /// self + other.
    fn plus(self, other: Self) -> Self;
    /// self - other.
    fn minus(self, other: Self) -> Self;
    /// self other.
    fn times(self, other: Self) -> Self;
    /// self / other.
    fn over(self, other: Self) -> Self;
    /// The larger of each two.
    fn larger(self, other: Self) -> Self;
    /// self 2^k for whole numbers k, of which 2^k is no denormal.
    fn times_power(self, k: Self) -> Self;
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
    ($type:ty, $scalar:ty, $count:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $take:ident,
     $($name:ident: $two:ident),*; $power:ident) => {
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

            $(
                #[inline(always)]
                fn $name(self, other: Self) -> Self {
                    // SAFETY: as above
                    unsafe { $two(self, other) }
                }
            )*

            #[inline(always)]
            fn times_power(self, k: Self) -> Self {
                // SAFETY: as above
                unsafe { $power(self, k) }
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

/// x 2^k, by way of the exponent's bits.
///
/// # Safety
/// For processors with AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn scaled_ps(x: __m256, k: __m256) -> __m256 {
    // SAFETY: the caller's
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(k), _mm256_set1_epi32(127));
        _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))
    }
}

/// x 2^k, by way of the exponent's bits.
///
/// # Safety
/// For processors with AVX2.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn scaled_pd(x: __m256d, k: __m256d) -> __m256d {
    // SAFETY: the caller's
    unsafe {
        // 1.5 2^52 leaves whole numbers in the low bits
        let whole = _mm256_castpd_si256(_mm256_add_pd(k, _mm256_set1_pd(6_755_399_441_055_744.0)));
        let exponent = _mm256_add_epi64(whole, _mm256_set1_epi64x(1023));
        _mm256_mul_pd(x, _mm256_castsi256_pd(_mm256_slli_epi64(exponent, 52)))
    }
}

registers!(
    __m512, f32, 16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_fmadd_ps, _mm512_fnmadd_ps,
    plus: _mm512_add_ps, minus: _mm512_sub_ps, times: _mm512_mul_ps, over: _mm512_div_ps, larger: _mm512_max_ps;
    _mm512_scalef_ps
);
registers!(
    __m512d, f64, 8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_fmadd_pd, _mm512_fnmadd_pd,
    plus: _mm512_add_pd, minus: _mm512_sub_pd, times: _mm512_mul_pd, over: _mm512_div_pd, larger: _mm512_max_pd;
    _mm512_scalef_pd
);
registers!(
    __m256, f32, 8, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_fmadd_ps, _mm256_fnmadd_ps,
    plus: _mm256_add_ps, minus: _mm256_sub_ps, times: _mm256_mul_ps, over: _mm256_div_ps, larger: _mm256_max_ps;
    scaled_ps
);
registers!(
    __m256d, f64, 4, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd, _mm256_fnmadd_pd,
    plus: _mm256_add_pd, minus: _mm256_sub_pd, times: _mm256_mul_pd, over: _mm256_div_pd, larger: _mm256_max_pd;
    scaled_pd
);

/// For every processor; the compiler finds what registers there are.
macro_rules! plain {
    ($scalar:ident, $count:literal) => {
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
            fn plus(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] + other[i])
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] - other[i])
            }

            #[inline(always)]
            fn times(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] * other[i])
            }

            #[inline(always)]
            fn over(self, other: Self) -> Self {
                std::array::from_fn(|i| self[i] / other[i])
            }

            #[inline(always)]
            fn larger(self, other: Self) -> Self {
                std::array::from_fn(|i| if self[i] > other[i] { self[i] } else { other[i] })
            }

            #[inline(always)]
            fn times_power(self, k: Self) -> Self {
                std::array::from_fn(|i| self[i] * $scalar::powi(2.0, k[i] as i32))
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
            with_registers!(match vectors(); () -> f64 {
                Avx512 => rate::<$wide>(),
                Avx2 => rate::<$middle>(),
            });
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

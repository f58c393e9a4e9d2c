#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Some float32 of one register. The implementations of an instruction set are for functions that enable it alone.
pub(super) trait Lanes: Copy {
    /// How many.
    const COUNT: usize;
    /// All the same.
    fn splat(x: f32) -> Self;
    /// The first of `x`.
    fn load(x: &[f32]) -> Self;
    /// Into the first of `x`.
    fn store(self, x: &mut [f32]);
    /// self + a b.
    fn add_product(self, a: Self, b: Self) -> Self;
    /// Their sum.
    fn total(self) -> f32;
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m512 {
    const COUNT: usize = 16;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: used where AVX-512 is enabled
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        let x = &x[..16];
        // SAFETY: as above, and 16 numbers are there
        unsafe { _mm512_loadu_ps(x.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: &mut [f32]) {
        let x = &mut x[..16];
        // SAFETY: as above
        unsafe { _mm512_storeu_ps(x.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above
        unsafe { _mm512_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn total(self) -> f32 {
        // SAFETY: as above
        unsafe { _mm512_reduce_add_ps(self) }
    }
}

#[cfg(target_arch = "x86_64")]
impl Lanes for __m256 {
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        // SAFETY: used where AVX2 and FMA are enabled
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        let x = &x[..8];
        // SAFETY: as above, and 8 numbers are there
        unsafe { _mm256_loadu_ps(x.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: &mut [f32]) {
        let x = &mut x[..8];
        // SAFETY: as above
        unsafe { _mm256_storeu_ps(x.as_mut_ptr(), self) }
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        // SAFETY: as above
        unsafe { _mm256_fmadd_ps(a, b, self) }
    }

    #[inline(always)]
    fn total(self) -> f32 {
        let mut x = [0f32; 8];
        self.store(&mut x);
        x.total()
    }
}

/// For every processor; the compiler finds what registers there are.
impl Lanes for [f32; 8] {
    const COUNT: usize = 8;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; 8]
    }

    #[inline(always)]
    fn load(x: &[f32]) -> Self {
        std::array::from_fn(|i| x[i])
    }

    #[inline(always)]
    fn store(self, x: &mut [f32]) {
        x[..8].copy_from_slice(&self);
    }

    #[inline(always)]
    fn add_product(self, a: Self, b: Self) -> Self {
        std::array::from_fn(|i| a[i] * b[i] + self[i])
    }

    #[inline(always)]
    fn total(self) -> f32 {
        ((self[0] + self[4]) + (self[2] + self[6])) + ((self[1] + self[5]) + (self[3] + self[7]))
    }
}

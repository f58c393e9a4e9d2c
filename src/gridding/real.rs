//! The two precisions that gridding works in.

use crate::math::turns;
use rustfft::FftNum;
use rustfft::num_complex::Complex;
use std::fmt::Display;
use std::ops::{AddAssign, MulAssign};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// f32 or f64: what images and visibilities are made of. Positions and phases are f64 in both.
pub trait Real: FftNum + AddAssign + MulAssign + Default + Display + PartialOrd + sealed::Sealed {
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Complex 0.
    const ZERO_C: Complex<Self>;
    /// Relative rounding error.
    const ROUNDING: f64;

    /// The nearest value to `x`.
    fn of(x: f64) -> Self;

    /// The same value in double precision.
    fn wide(self) -> f64;

    /// Neither infinite nor NaN.
    fn finite(self) -> bool;

    /// a b + c: one rounding where `FMA` says that the instruction exists, else two (never a slow library call).
    fn mul_add<const FMA: bool>(a: Self, b: Self, c: Self) -> Self;

    /// (cos, sin) of 2 pi t, t in turns.
    fn cis<const FMA: bool>(t: f64) -> (Self, Self);
}

impl Real for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const ZERO_C: Complex<f32> = Complex { re: 0.0, im: 0.0 };
    const ROUNDING: f64 = f32::EPSILON as f64;

    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
        if FMA { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn cis<const FMA: bool>(t: f64) -> (f32, f32) {
        turns::cis_f32::<FMA>(t)
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    const ZERO_C: Complex<f64> = Complex { re: 0.0, im: 0.0 };
    const ROUNDING: f64 = f64::EPSILON;

    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }

    #[inline(always)]
    fn finite(self) -> bool {
        self.is_finite()
    }

    #[inline(always)]
    fn mul_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
        if FMA { a.mul_add(b, c) } else { a * b + c }
    }

    #[inline(always)]
    fn cis<const FMA: bool>(t: f64) -> (f64, f64) {
        turns::cis::<FMA>(t)
    }
}

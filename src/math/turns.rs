//! exp(2 pi i t) for phases counted in turns, where reducing the argument is exact.

use super::vectors::mul_add;
#[cfg(test)]
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// 1.5 * 2^52: adding and taking it away rounds to the nearest integer and leaves that in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// t minus its nearest integer; exact for |t| < 2^50.
#[inline(always)]
pub(crate) fn fraction(t: f64) -> f64 {
    t - ((t + ROUNDER) - ROUNDER)
}

/// (2 pi)^k / k!
const fn taylor(k: usize) -> f64 {
    let (mut value, mut i) = (1.0, 1);
    while i <= k {
        value *= TAU / i as f64;
        i += 1;
    }
    value
}

const SIN: [f64; 9] = {
    let mut c = [0.0; 9];
    let mut k = 0;
    while k < 9 {
        c[k] = if k % 2 == 0 { taylor(2 * k + 1) } else { -taylor(2 * k + 1) };
        k += 1;
    }
    c
};

const COS: [f64; 9] = {
    let mut c = [0.0; 9];
    let mut k = 0;
    while k < 9 {
        c[k] = if k % 2 == 0 { taylor(2 * k) } else { -taylor(2 * k) };
        k += 1;
    }
    c
};

/// (cos, sin) of 2 pi t to a few 1e-16; free of branches so that loops over it become vector code.
///
/// Taylor series on an eighth of a turn: the first neglected term is below 1e-17.
#[inline(always)]
pub(crate) fn cis<const FMA: bool>(t: f64) -> (f64, f64) {
    let shifted = mul_add::<FMA>(4.0, t, ROUNDER);
    let quarter = shifted.to_bits();
    let s = mul_add::<FMA>(-0.25, shifted - ROUNDER, t);
    let s2 = s * s;
    let (mut sin, mut cos) = (SIN[8], COS[8]);
    let mut k = 8;
    while k > 0 {
        k -= 1;
        sin = mul_add::<FMA>(sin, s2, SIN[k]);
        cos = mul_add::<FMA>(cos, s2, COS[k]);
    }
    sin *= s;
    let odd = quarter & 1 == 1;
    let (c, s) = if odd { (sin, cos) } else { (cos, sin) };
    let sign_c = (quarter.wrapping_add(1) & 2) << 62;
    let sign_s = (quarter & 2) << 62;
    (f64::from_bits(c.to_bits() ^ sign_c), f64::from_bits(s.to_bits() ^ sign_s))
}

/// (cos, sin) of 2 pi t to 1e-7: the argument is reduced in double precision, the series are not.
#[inline(always)]
pub(crate) fn cis_f32<const FMA: bool>(t: f64) -> (f32, f32) {
    let shifted = mul_add::<FMA>(4.0, t, ROUNDER);
    let quarter = shifted.to_bits() as u32;
    let s = mul_add::<FMA>(-0.25, shifted - ROUNDER, t) as f32;
    let fma = |a: f32, b: f32, c: f64| if FMA { a.mul_add(b, c as f32) } else { a * b + c as f32 };
    let s2 = s * s;
    let (mut sin, mut cos) = (SIN[4] as f32, COS[5] as f32);
    let mut k = 5;
    while k > 0 {
        k -= 1;
        if k < 4 {
            sin = fma(sin, s2, SIN[k]);
        }
        cos = fma(cos, s2, COS[k]);
    }
    sin *= s;
    let (c, s) = if quarter & 1 == 1 { (sin, cos) } else { (cos, sin) };
    let sign_c = (quarter.wrapping_add(1) & 2) << 30;
    let sign_s = (quarter & 2) << 30;
    (f32::from_bits(c.to_bits() ^ sign_c), f32::from_bits(s.to_bits() ^ sign_s))
}

/// exp(2 pi i t) of one phase.
#[cfg(test)]
fn phasor(t: f64) -> Complex64 {
    let (re, im) = cis::<false>(t);
    Complex64 { re, im }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_library_on_every_quadrant() {
        for i in -40_000..40_000 {
            let t = f64::from(i) * 1.9e-4;
            let (s, c) = (TAU * fraction(t)).sin_cos();
            let p = phasor(t);
            assert!((p.re - c).abs() < 7e-16 && (p.im - s).abs() < 7e-16, "{t}: {p} {c} {s}");
        }
    }

    #[test]
    fn single_precision_equals_double() {
        for i in -40_000..40_000 {
            let t = f64::from(i) * 1.9e-4;
            let ((c, s), p) = (cis_f32::<false>(t), phasor(t));
            assert!((f64::from(c) - p.re).abs() < 1.5e-7 && (f64::from(s) - p.im).abs() < 1.5e-7, "{t}: {p} {c} {s}");
        }
    }

    #[test]
    fn large_phases_lose_nothing() {
        for k in 0..1000 {
            let t = f64::from(k) / 1024.0;
            assert_eq!(phasor(t), phasor(t + f64::from(1 << 20)));
        }
    }
}

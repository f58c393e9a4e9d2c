//! ln(1 + x), asinh and exp(x) - 1 as straight lines of arithmetic: loops over them become vector code, and the results
//! are the same bits on every processor (no fused multiplication, no library of the system).

/// 1.5 * 2^52: adding and taking it away rounds to the nearest integer and leaves that in the low bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has 21 zeros at its end, so that its product with an exponent is exact.
const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// Bits of sqrt(1/2), where mantissas begin.
const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = (1 << 52) - 1;

/// ln(1 + x) to a few 1e-16 of its value; NaN for x <= -1.
///
/// 1 + x = 2^k m with m in [sqrt(1/2), sqrt(2)), ln m = 2 atanh((m - 1) / (m + 1)); what 1 + x loses by rounding is put
/// back to first order.
#[inline(always)]
pub(crate) fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    let lost = (x - (u - 1.0)) / u;
    let shifted = u.to_bits().wrapping_add(0x3ff0_0000_0000_0000 - SQRT_HALF);
    // an integer below 2^52 becomes a number by its bits: vector units have no conversion of 64-bit integers
    let exponent = f64::from_bits((shifted >> 52) | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((shifted & MANTISSA) + SQRT_HALF);
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    // |s| < 0.1716: the first term left out is below 1e-17 of the sum
    let mut series = 2.0 / 23.0;
    let mut k = 21;
    while k >= 3 {
        series = series * s2 + 2.0 / k as f64;
        k -= 2;
    }
    let value = exponent * LN2_HIGH + (2.0 * s + (s * s2 * series + (exponent * LN2_LOW + lost)));
    if u > 0.0 && u < f64::INFINITY {
        value
    } else if u > 0.0 {
        u
    } else {
        f64::NAN
    }
}

/// asinh(x) to a few 1e-16 of its value, for |x| <= 1e150; NaN beyond 1.3e154 (a choice between two formulas would keep
/// loops from becoming vector code).
#[inline(always)]
pub(crate) fn asinh(x: f64) -> f64 {
    let a = x.abs();
    ln_1p(a + a * a / (1.0 + (1.0 + a * a).sqrt())).copysign(x)
}

const FACTORIALS: [f64; 13] = {
    let (mut c, mut k, mut factorial) = ([0.0; 13], 0, 1.0);
    while k < 13 {
        factorial *= (k + 2) as f64;
        c[k] = 1.0 / factorial;
        k += 1;
    }
    c
};

/// exp(x) - 1 to a few 1e-16 of its value, for finite x up to 709; 8e307 beyond, NaN for infinite x.
#[inline(always)]
#[allow(clippy::manual_clamp)]
pub(crate) fn exp_m1(x: f64) -> f64 {
    // the last term keeps NaN, which min and max lose; clamp keeps it, but no loop with it becomes vector code
    let x = x.max(-709.0).min(709.0) + x * 0.0;
    let shifted = x * std::f64::consts::LOG2_E + ROUNDER;
    let k = shifted - ROUNDER;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    // |r| < 0.347: the first term left out is below 1e-17 of the sum
    let mut series = FACTORIALS[12];
    let mut i = 12;
    while i > 0 {
        i -= 1;
        series = series * r + FACTORIALS[i];
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    power * (r + r * r * series) + (power - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares over 36 decades of both signs: libm's functions are below 1 ulp.
    fn agree(ours: fn(f64) -> f64, exact: fn(f64) -> f64, from: f64, to: f64) {
        let mut worst = 0.0f64;
        for i in -300_000i32..300_000 {
            let x = 10f64.powf(f64::from(i.abs()) * 1.2e-4 - 18.0).copysign(f64::from(i));
            if x < from || x > to {
                continue;
            }
            let (a, b) = (ours(x), exact(x));
            worst = worst.max(((a - b) / b).abs());
        }
        assert!(worst < 9e-16, "{worst:e}");
    }

    #[test]
    fn equal_the_library_over_many_decades() {
        agree(ln_1p, libm::log1p, -0.9999, 1e18);
        agree(asinh, libm::asinh, -1e18, 1e18);
        agree(exp_m1, libm::expm1, -1e18, 700.0);
    }

    #[test]
    fn ends_and_zeros() {
        assert_eq!((ln_1p(0.0), asinh(0.0), exp_m1(0.0)), (0.0, 0.0, 0.0));
        assert!(asinh(-0.0).is_sign_negative());
        assert!(ln_1p(-1.0).is_nan() && ln_1p(-3.0).is_nan() && ln_1p(f64::NAN).is_nan());
        assert!(asinh(f64::NAN).is_nan() && exp_m1(f64::NAN).is_nan());
        assert!(ln_1p(f64::INFINITY) == f64::INFINITY && asinh(f64::INFINITY).is_nan());
        assert!((ln_1p(1e300) / 1e300f64.ln() - 1.0).abs() < 1e-15);
        assert!((asinh(-1e150) / libm::asinh(-1e150) - 1.0).abs() < 1e-15);
        assert!(exp_m1(1e9) > 1e307 && exp_m1(-1e9) == -1.0);
    }
}

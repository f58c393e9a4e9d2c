//! What a source's share of a baseline is multiplied by where that depends on both stations: smearing, and the shape of
//! Gaussians.

use super::tile::Real;
use crate::math::lanes::Lanes;
use std::f64::consts::PI;

/// Rows (stations p) of a tile.
pub(super) const ROWS: usize = 2;
/// Sources whose factors are made at a time, so that they stay in the cache.
const LOT: usize = 32;

/// A tile of baselines, of [`ROWS`] stations p with all stations q of a block.
pub(in crate::visibilities) struct Each<'a, R> {
    pub products: usize,
    /// J B of the block of p, and the first of the tile's in it.
    pub weighted: &'a [R],
    pub first: usize,
    /// J of the block of q.
    pub jones: &'a [R],
    /// What both blocks' stations give to the arguments of the smearing, \[source\]\[argument\]\[station\]; empty without.
    pub shares: [&'a [R]; 2],
    pub smearing: Option<Smeared<R>>,
    /// Of an average: the mean of the factor times the time from -1/2 to 1/2, in place of the factor's.
    pub slope: bool,
    /// (u^2, u v, v^2) of the tile in wavelengths, \[row\]\[which\]\[q\].
    pub uv: &'a [R],
    /// a, b, c of each source's exponent; empty for points.
    pub tapers: &'a [[R; 3]],
}

/// How a tile is smeared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::visibilities) struct Smeared<R> {
    /// Arguments: 2 for the sines alone, 3 for the average.
    pub arguments: usize,
    /// Terms of the series for sin(pi x)/(pi x); 0 for the function itself.
    pub terms: usize,
    /// Length of the time that is averaged, over that of a step.
    pub part: R,
    /// Channel width over frequency.
    pub width: R,
}

/// Terms that there are loops for.
pub(super) const TERMS: [usize; 4] = [5, 7, 9, 13];

/// (-1)^k pi^(2k) / (2k+1)!
const SINC: [f64; 13] = {
    let (mut c, mut value, mut k) = ([0.0; 13], 1.0, 0);
    while k < 13 {
        c[k] = value;
        value *= -PI * PI / ((2 * k + 2) * (2 * k + 3)) as f64;
        k += 1;
    }
    c
};

/// Terms of the series that give sin(pi x)/(pi x) to `epsilon` for |x| up to `most`; 0 where none of [`TERMS`] do.
pub(super) fn terms(most: f64, epsilon: f64) -> usize {
    let neglected = |terms: usize| (1..=terms).fold(1.0, |t, k| t * (PI * most).powi(2) / (2 * k * (2 * k + 1)) as f64);
    // beyond 1 the terms grow before they fall, and digits are lost
    if most > 1.0 {
        return 0;
    }
    TERMS.into_iter().find(|terms| neglected(*terms) < epsilon).unwrap_or(0)
}

#[inline(always)]
pub(super) fn each<T: Lanes, const PRODUCTS: usize>(job: &Each<T::Scalar>, out: &mut [T::Scalar])
where
    T::Scalar: Real,
{
    let zero = T::splat(T::Scalar::default());
    let one = T::splat(T::Scalar::of(1.0));
    let (mut re, mut im) = ([[zero; PRODUCTS]; ROWS], [[zero; PRODUCTS]; ROWS]);
    let step = 2 * PRODUCTS * T::COUNT;
    let sources = job.jones.len() / step;
    let (mut real, mut imaginary) = ([[one; ROWS]; LOT], [[zero; ROWS]; LOT]);
    for begin in (0..sources).step_by(LOT) {
        let count = LOT.min(sources - begin);
        let (real, imaginary) = (&mut real[..count], &mut imaginary[..count]);
        match job.smearing {
            None => real.fill([one; ROWS]),
            Some(Smeared { arguments: 2, terms, .. }) => match terms {
                5 => sines::<T, 5>(job, begin, real),
                7 => sines::<T, 7>(job, begin, real),
                9 => sines::<T, 9>(job, begin, real),
                13 => sines::<T, 13>(job, begin, real),
                _ => sines::<T, 0>(job, begin, real),
            },
            Some(smeared) => match (smeared.terms, job.slope) {
                (5, false) => average::<T, 5, false>(job, smeared, begin, real, imaginary),
                (7, false) => average::<T, 7, false>(job, smeared, begin, real, imaginary),
                (9, false) => average::<T, 9, false>(job, smeared, begin, real, imaginary),
                (13, false) => average::<T, 13, false>(job, smeared, begin, real, imaginary),
                (_, false) => average::<T, 0, false>(job, smeared, begin, real, imaginary),
                (5, true) => average::<T, 5, true>(job, smeared, begin, real, imaginary),
                (7, true) => average::<T, 7, true>(job, smeared, begin, real, imaginary),
                (9, true) => average::<T, 9, true>(job, smeared, begin, real, imaginary),
                (13, true) => average::<T, 13, true>(job, smeared, begin, real, imaginary),
                (_, true) => average::<T, 0, true>(job, smeared, begin, real, imaginary),
            },
        }
        let complex = job.smearing.is_some_and(|s| s.arguments == 3);
        if !job.tapers.is_empty() {
            shape::<T>(job, begin, complex, real, imaginary);
        }
        let weighted = &job.weighted[begin * step..(begin + count) * step];
        let jones = &job.jones[begin * step..(begin + count) * step];
        match complex {
            false => add::<T, PRODUCTS, false>(job.first, weighted, jones, real, imaginary, &mut re, &mut im),
            true => add::<T, PRODUCTS, true>(job.first, weighted, jones, real, imaginary, &mut re, &mut im),
        }
    }
    for m in 0..ROWS {
        for o in 0..PRODUCTS {
            re[m][o].store(&mut out[(m * PRODUCTS + o) * 2 * T::COUNT..]);
            im[m][o].store(&mut out[((m * PRODUCTS + o) * 2 + 1) * T::COUNT..]);
        }
    }
}

/// The sums of factor x (J B)_p J_q^H.
#[inline(always)]
fn add<T: Lanes, const PRODUCTS: usize, const COMPLEX: bool>(
    first: usize,
    weighted: &[T::Scalar],
    jones: &[T::Scalar],
    real: &[[T; ROWS]],
    imaginary: &[[T; ROWS]],
    re: &mut [[T; PRODUCTS]; ROWS],
    im: &mut [[T; PRODUCTS]; ROWS],
) where
    T::Scalar: Real,
{
    let lanes = T::COUNT;
    let step = 2 * PRODUCTS * lanes;
    let zero = T::splat(T::Scalar::default());
    let side = if PRODUCTS == 1 { 1 } else { 2 };
    let sources = weighted.chunks_exact(step).zip(jones.chunks_exact(step)).zip(real.iter().zip(imaginary));
    for ((a, b), (real, imaginary)) in sources {
        for m in 0..ROWS {
            let (g, h) = (real[m], imaginary[m]);
            // the factor times the conjugate of J_q
            let (mut br, mut bi) = ([zero; PRODUCTS], [zero; PRODUCTS]);
            for c in 0..PRODUCTS {
                let (x, y) = (T::load(&b[2 * c * lanes..]), T::load(&b[(2 * c + 1) * lanes..]));
                (br[c], bi[c]) = match COMPLEX {
                    false => (g.times(x), g.times(y)),
                    true => (g.times(x).add_product(h, y), g.times(y).take_product(h, x)),
                };
            }
            for row in 0..side {
                for k in 0..side {
                    let component = row * side + k;
                    let ar = T::splat(a[2 * component * lanes + first + m]);
                    let ai = T::splat(a[(2 * component + 1) * lanes + first + m]);
                    for column in 0..side {
                        let (o, c) = (row * side + column, column * side + k);
                        re[m][o] = re[m][o].add_product(ar, br[c]).add_product(ai, bi[c]);
                        im[m][o] = im[m][o].add_product(ai, br[c]).take_product(ar, bi[c]);
                    }
                }
            }
        }
    }
}

/// An argument of the smearing for the tile's baselines: that of p less that of q.
#[inline(always)]
fn argument<T: Lanes>(job: &Each<T::Scalar>, source: usize, arguments: usize, which: usize, row: usize) -> T {
    let at = (source * arguments + which) * T::COUNT;
    T::splat(job.shares[0][at + job.first + row]).minus(T::load(&job.shares[1][at..]))
}

/// The product of sin(pi x)/(pi x) for bandwidth and time.
#[inline(always)]
fn sines<T: Lanes, const N: usize>(job: &Each<T::Scalar>, begin: usize, real: &mut [[T; ROWS]])
where
    T::Scalar: Real,
{
    for (source, real) in real.iter_mut().enumerate() {
        for (row, real) in real.iter_mut().enumerate() {
            let a = argument::<T>(job, begin + source, 2, 0, row);
            let b = argument::<T>(job, begin + source, 2, 1, row);
            *real = match N {
                0 => {
                    let ((a, x), (b, y)) = (sine(a), sine(b));
                    a.times(b).over(x.times(y))
                }
                _ => series::<T, N>(a.times(a)).times(series::<T, N>(b.times(b))),
            };
        }
    }
}

/// sum of SINC_k y^k.
#[inline(always)]
fn series<T: Lanes, const N: usize>(y: T) -> T
where
    T::Scalar: Real,
{
    let mut sum = T::splat(T::Scalar::of(SINC[N - 1]));
    for k in (0..N - 1).rev() {
        sum = T::splat(T::Scalar::of(SINC[k])).add_product(sum, y);
    }
    sum
}

/// sin(pi |x|)/pi and |x|, which is kept from 0.
#[inline(always)]
fn sine<T: Lanes>(x: T) -> (T, T)
where
    T::Scalar: Real,
{
    let number = |x: f64| T::splat(T::Scalar::of(x));
    let x = x.larger(number(0.0).minus(x)).larger(number(1e-12));
    let whole = x.plus(number(T::Scalar::ROUNDER)).minus(number(T::Scalar::ROUNDER));
    let rest = x.minus(whole);
    let half = whole.times(number(0.5));
    // -1, 0 or 1 where the whole number is odd, 0 where it is even
    let odd = whole.minus(number(2.0).times(half.plus(number(T::Scalar::ROUNDER)).minus(number(T::Scalar::ROUNDER))));
    let sign = number(1.0).minus(number(2.0).times(odd.times(odd)));
    (sign.times(rest).times(series::<T, 10>(rest.times(rest))), x)
}

/// The mean of exp(2 pi i (b t + c t^2/2 + a f + b width t f)) over t and f from -1/2 to 1/2, with the terms of second order taken
/// to their first power: F(a) F(b) - i (c F''(b) F(a)/(4 pi) + b width F'(a) F'(b)/(2 pi)), F(x) = sin(pi x)/(pi x). With `SLOPE`
/// the mean of t times exp(2 pi i (b t + a f)): -i F(a) F'(b)/(2 pi).
#[inline(always)]
fn average<T: Lanes, const N: usize, const SLOPE: bool>(
    job: &Each<T::Scalar>,
    smeared: Smeared<T::Scalar>,
    begin: usize,
    real: &mut [[T; ROWS]],
    imaginary: &mut [[T; ROWS]],
) where
    T::Scalar: Real,
{
    let number = |x: f64| T::splat(T::Scalar::of(x));
    let part = T::splat(smeared.part);
    let width = T::splat(smeared.width).times(number(-0.5 / PI));
    for (source, (real, imaginary)) in real.iter_mut().zip(imaginary).enumerate() {
        for row in 0..ROWS {
            let a = argument::<T>(job, begin + source, 3, 0, row);
            let b = argument::<T>(job, begin + source, 3, 1, row).times(part);
            let c = argument::<T>(job, begin + source, 3, 2, row).times(part).times(part);
            let [fa, da, _] = derivatives::<T, N>(a);
            let [fb, db, ddb] = derivatives::<T, N>(b);
            if SLOPE {
                (real[row], imaginary[row]) = (number(0.0), fa.times(db).times(number(-0.5 / PI)));
                continue;
            }
            real[row] = fa.times(fb);
            let bent = c.times(number(-0.25 / PI)).times(ddb).times(fa);
            imaginary[row] = bent.add_product(b.times(width), da.times(db));
        }
    }
}

/// F, F' and F'' of F(x) = sin(pi x)/(pi x).
#[inline(always)]
fn derivatives<T: Lanes, const N: usize>(x: T) -> [T; 3]
where
    T::Scalar: Real,
{
    let number = |x: f64| T::splat(T::Scalar::of(x));
    let y = x.times(x);
    if N > 0 {
        // P, P' and P''/2 of F = P(x^2), by Horner's rule
        let (mut p, mut first, mut second) = (number(SINC[N - 1]), number(0.0), number(0.0));
        for k in (0..N - 1).rev() {
            second = first.add_product(second, y);
            first = p.add_product(first, y);
            p = number(SINC[k]).add_product(p, y);
        }
        let twice = number(2.0).times(first);
        return [p, twice.times(x), twice.add_product(number(8.0).times(y), second)];
    }
    // from 1e-4 on, nothing of the differences is lost; below, F' and F'' are as good as there
    let size = x.larger(number(0.0).minus(x)).larger(number(T::Scalar::NEAR));
    let (sin, size) = sine(size);
    let (cos, _) = sine(size.plus(number(0.5)));
    let f = sin.over(size);
    let first = cos.times(number(PI)).minus(f).over(size);
    let second = number(0.0).minus(number(PI * PI).times(f)).minus(number(2.0).times(first).over(size));
    // F' is odd
    [f, first.times(x.over(size)), second]
}

/// Times exp(-(a u^2 + b u v + c v^2)).
#[inline(always)]
fn shape<T: Lanes>(
    job: &Each<T::Scalar>,
    begin: usize,
    complex: bool,
    real: &mut [[T; ROWS]],
    imaginary: &mut [[T; ROWS]],
) where
    T::Scalar: Real,
{
    for (source, (real, imaginary)) in real.iter_mut().zip(imaginary).enumerate() {
        let abc = job.tapers[begin + source].map(T::splat);
        for row in 0..ROWS {
            let uv = |which: usize| T::load(&job.uv[(row * 3 + which) * T::COUNT..]);
            let exponent = abc[0].times(uv(0)).add_product(abc[1], uv(1)).add_product(abc[2], uv(2));
            let gain = decay(exponent);
            real[row] = real[row].times(gain);
            if complex {
                imaginary[row] = imaginary[row].times(gain);
            }
        }
    }
}

/// exp(-x) for x >= 0.
#[inline(always)]
fn decay<T: Lanes>(x: T) -> T
where
    T::Scalar: Real,
{
    let number = |x: f64| T::splat(T::Scalar::of(x));
    // what is smaller is nothing
    let turns = number(0.0).minus(x).times(number(std::f64::consts::LOG2_E)).larger(number(T::Scalar::LEAST_POWER));
    let whole = turns.plus(number(T::Scalar::ROUNDER)).minus(number(T::Scalar::ROUNDER));
    let rest = turns.minus(whole).times(number(std::f64::consts::LN_2));
    const TAYLOR: usize = 13;
    let mut sum = number(1.0);
    for k in (1..=TAYLOR).rev() {
        // 1 + rest/k (1 + rest/(k+1) (...))
        sum = number(1.0).add_product(sum.times(rest), number(1.0 / k as f64));
    }
    sum.times_power(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sinc(x: f64) -> f64 {
        if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
    }

    #[test]
    fn series_and_function_are_the_sine_over_its_argument() {
        for most in [0.1, 0.25, 0.5, 1.0, 3.0, 40.0] {
            for epsilon in [1e-14, 1e-8, 1e-5] {
                let terms = terms(most, epsilon);
                assert_eq!(terms == 0, most > 1.0, "{most} {epsilon}");
                for k in -50..=50 {
                    let x = most * f64::from(k) / 50.0;
                    let [y] = [[x; 4]];
                    let got = match terms {
                        5 => series::<[f64; 4], 5>(y.times(y))[0],
                        7 => series::<[f64; 4], 7>(y.times(y))[0],
                        9 => series::<[f64; 4], 9>(y.times(y))[0],
                        13 => series::<[f64; 4], 13>(y.times(y))[0],
                        _ => {
                            let (sine, x) = sine(y);
                            sine.over(x)[0]
                        }
                    };
                    let bound = if terms == 0 { 1e-14 } else { epsilon };
                    assert!((got - sinc(x)).abs() < bound + 1e-15, "{x} {terms}: {got}");
                }
            }
        }
        assert!(terms(0.1, 1e-14) < terms(0.9, 1e-14) && terms(0.9, 1e-5) < terms(0.9, 1e-14));
    }

    #[test]
    fn derivatives_are_those_of_the_function() {
        let numerically = |x: f64| {
            let h = 1e-4;
            let (low, high) = (sinc(x - h), sinc(x + h));
            [sinc(x), (high - low) / (2.0 * h), (high - 2.0 * sinc(x) + low) / (h * h)]
        };
        for x in [0.0, 1e-6, 0.01, -0.3, 0.9, -2.2, 7.3] {
            let general = derivatives::<[f64; 4], 0>([x; 4]);
            let want = numerically(x);
            // F itself is that of 1e-4 for arguments below it
            for (k, bound) in [2e-8, 1e-3, 2e-3].into_iter().enumerate() {
                assert!((general[k][0] - want[k]).abs() < bound, "{x} {k}: {general:?} {want:?}");
            }
            if x.abs() < 1.0 {
                let series = derivatives::<[f64; 4], 13>([x; 4]);
                assert!((0..3).all(|k| (series[k][0] - general[k][0]).abs() < 1e-3), "{x}: {series:?}");
                assert!((0..3).all(|k| (series[k][0] - want[k]).abs() < 2e-7), "{x}: {series:?} {want:?}");
            }
        }
    }

    #[test]
    fn decay_is_the_exponential() {
        for x in [0.0, 1e-9, 0.3, 1.0, 17.0, 300.0, 1e5] {
            let (f64s, f32s) = (decay([x; 4])[0], decay([x as f32; 8])[0]);
            assert!((f64s - (-x).exp()).abs() <= 4e-16 * (1.0 + x) * (-x).exp() + 1e-300, "{x}: {f64s}");
            assert!((f64::from(f32s) - (-x).exp()).abs() <= 1e-6 * (1.0 + x) * (-x).exp() + 1e-30, "{x}: {f32s}");
        }
    }
}

//! Sums of antennas: W exp(2 pi i x.d) over antennas at x (wavelengths), for offsets d of direction cosines.

use crate::math::lanes::Lanes;
use crate::math::series::jacobi_anger_terms;
use crate::math::turns::cis;
use crate::math::vectors::{mul_add, vectors, with_registers, with_vectors};
use rustfft::num_complex::Complex64;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m256d, __m512d};
use std::f64::consts::TAU;

/// Antennas of one element pattern, with the weights of a beam.
#[derive(Default)]
pub(super) struct Weighted {
    /// East, north, up in wavelengths.
    pub places: Vec<[f64; 3]>,
    pub weights: Vec<Complex64>,
}

/// How the sum is made.
pub(super) enum Factor {
    /// Antenna by antenna for each direction.
    Sum(Weighted),
    /// exp(i z t) = J_0(z) + 2 sum i^n J_n(z) T_n(t) (Jacobi and Anger; Abramowitz & Stegun 9.1.44, 45) on each axis.
    Chebyshev(Expansion),
}

/// What an antenna of the plain sum costs, in terms of an expansion: a sine and cosine to two products (measured by
/// `bench predict --station-antennas 256`).
const TERMS_AN_ANTENNA: usize = 8;

impl Factor {
    /// For `count` directions with offsets of at most `reach` on each axis, to `epsilon` of the sum of |W|; whichever is cheaper.
    pub fn new(antennas: Weighted, reach: f64, count: usize, epsilon: f64) -> Factor {
        let farthest = |axis: usize| antennas.places.iter().map(|x| x[axis].abs()).fold(0.0, f64::max);
        let swing = [0, 1, 2].map(|axis| TAU * farthest(axis) * reach);
        // (an infinite reach on an axis without extent is not a number)
        if !swing.iter().all(|z| *z <= WIDEST) {
            return Factor::Sum(antennas);
        }
        let terms = swing.map(|z| terms(z, epsilon / 3.0));
        let all: usize = terms.iter().product();
        // each costs as much to make for an antenna as to use for a direction
        let number = antennas.places.len();
        if all * (number + count) < TERMS_AN_ANTENNA * number * count {
            Factor::Chebyshev(Expansion::new(&antennas, reach, terms))
        } else {
            Factor::Sum(antennas)
        }
    }

    /// Adds the sums towards `offsets`.
    pub fn add(&self, offsets: &[[f64; 3]], out: &mut [Complex64]) {
        match self {
            Factor::Sum(antennas) => summed(antennas, offsets, out),
            Factor::Chebyshev(expansion) => expansion.add(offsets, out),
        }
    }
}

/// Phases (rad) beyond which no expansion is thought of.
const WIDEST: f64 = 500.0;

/// Terms of an axis whose swing is at most [`WIDEST`]: there are as many as it takes.
fn terms(z: f64, epsilon: f64) -> usize {
    jacobi_anger_terms(z, epsilon, usize::MAX).unwrap_or(usize::MAX)
}

/// J_0(z) ... J_(n-1)(z) by recurrence downwards from where they vanish (Miller; Abramowitz & Stegun 9.12).
fn bessel(z: f64, out: &mut [f64]) {
    let z_abs = z.abs();
    if z_abs < 1e-300 {
        out.fill(0.0);
        out[0] = 1.0;
        return;
    }
    let start = (out.len() + z_abs.ceil() as usize + 30) / 2 * 2;
    let (mut above, mut here, mut total) = (0.0f64, 1e-250f64, 0.0f64);
    out.fill(0.0);
    for n in (0..=start).rev() {
        if n < out.len() {
            out[n] = here;
        }
        total += if n == 0 {
            here
        } else if n % 2 == 0 {
            2.0 * here
        } else {
            0.0
        };
        let below = 2.0 * n as f64 / z_abs * here - above;
        (above, here) = (here, below);
        // the values below grow: keep them within range
        if here.abs() > 1e200 {
            (above, here, total) = (above * 1e-200, here * 1e-200, total * 1e-200);
            out.iter_mut().for_each(|x| *x *= 1e-200);
        }
    }
    for (n, x) in out.iter_mut().enumerate() {
        *x /= if z < 0.0 && n % 2 == 1 { -total } else { total };
    }
}

with_vectors! {
    fn summed[](antennas: &Weighted, offsets: &[[f64; 3]], out: &mut [Complex64]) = sum[]
}

/// Directions side by side.
const WIDTH: usize = 16;

#[inline(always)]
fn sum<const FMA: bool>(antennas: &Weighted, offsets: &[[f64; 3]], out: &mut [Complex64]) {
    for (offsets, out) in offsets.chunks(WIDTH).zip(out.chunks_mut(WIDTH)) {
        let mut d = [[0.0; WIDTH]; 3];
        for (lane, offset) in offsets.iter().enumerate() {
            (0..3).for_each(|axis| d[axis][lane] = offset[axis]);
        }
        let (mut re, mut im) = ([0.0; WIDTH], [0.0; WIDTH]);
        for (x, w) in antennas.places.iter().zip(&antennas.weights) {
            for lane in 0..WIDTH {
                let turns = mul_add::<FMA>(x[2], d[2][lane], mul_add::<FMA>(x[1], d[1][lane], x[0] * d[0][lane]));
                let (cos, sin) = cis::<FMA>(turns);
                re[lane] = mul_add::<FMA>(-w.im, sin, mul_add::<FMA>(w.re, cos, re[lane]));
                im[lane] = mul_add::<FMA>(w.im, cos, mul_add::<FMA>(w.re, sin, im[lane]));
            }
        }
        for (lane, out) in out.iter_mut().enumerate() {
            *out += Complex64::new(re[lane], im[lane]);
        }
    }
}

/// sum over k of C_k T_k(d / reach), on the axes that the antennas have an extent along.
pub(super) struct Expansion {
    reach: f64,
    /// Of east, north, up.
    terms: [usize; 3],
    /// \[up\]\[north\]\[re of all east, im of all east\].
    values: Vec<f64>,
}

impl Expansion {
    fn new(antennas: &Weighted, reach: f64, terms: [usize; 3]) -> Expansion {
        let [east, north, up] = terms;
        let mut values = vec![0.0; up * north * 2 * east];
        let mut j = terms.map(|n| vec![0.0; n]);
        for (x, w) in antennas.places.iter().zip(&antennas.weights) {
            for axis in 0..3 {
                bessel(TAU * x[axis] * reach, &mut j[axis]);
            }
            for (u, plane) in values.chunks_exact_mut(north * 2 * east).enumerate() {
                for (n, row) in plane.chunks_exact_mut(2 * east).enumerate() {
                    let factor = w * (j[2][u] * j[1][n]);
                    let (re, im) = row.split_at_mut(east);
                    for ((re, im), j) in re.iter_mut().zip(im).zip(&j[0]) {
                        *re += factor.re * j;
                        *im += factor.im * j;
                    }
                }
            }
        }
        // the factors that all antennas share: i^n, and 2 for n > 0
        for (u, plane) in values.chunks_exact_mut(north * 2 * east).enumerate() {
            for (n, row) in plane.chunks_exact_mut(2 * east).enumerate() {
                for e in 0..east {
                    let doubled = [u, n, e].iter().filter(|k| **k > 0).count() as i32;
                    let value = Complex64::new(row[e], row[east + e]) * 2f64.powi(doubled);
                    let turned = match (u + n + e) % 4 {
                        0 => value,
                        1 => Complex64::new(-value.im, value.re),
                        2 => -value,
                        _ => Complex64::new(value.im, -value.re),
                    };
                    (row[e], row[east + e]) = (turned.re, turned.im);
                }
            }
        }
        Expansion { reach, terms, values }
    }

    fn add(&self, offsets: &[[f64; 3]], out: &mut [Complex64]) {
        expanded(self, offsets, out);
    }
}

fn expanded(expansion: &Expansion, offsets: &[[f64; 3]], out: &mut [Complex64]) {
    with_registers!(match vectors(); (expansion: &Expansion, offsets: &[[f64; 3]], out: &mut [Complex64]) {
        Avx512 => evaluate::<__m512d>(expansion, offsets, out),
        Avx2 => evaluate::<__m256d>(expansion, offsets, out),
    });
    evaluate::<[f64; 4]>(expansion, offsets, out);
}

#[inline(always)]
fn evaluate<T: Lanes<Scalar = f64>>(expansion: &Expansion, offsets: &[[f64; 3]], out: &mut [Complex64]) {
    let [east, north, up] = expansion.terms;
    let zero = T::splat(0.0);
    // polynomials of the three axes, T_0 first
    let mut polynomials = vec![zero; east + north + up];
    for (offsets, out) in offsets.chunks(T::COUNT).zip(out.chunks_mut(T::COUNT)) {
        let mut first = 0;
        for (axis, count) in expansion.terms.into_iter().enumerate() {
            let mut t = [0.0; 16];
            offsets.iter().zip(&mut t).for_each(|(offset, t)| *t = offset[axis] / expansion.reach);
            let t = T::load(&t);
            let polynomials = &mut polynomials[first..first + count];
            polynomials[0] = T::splat(1.0);
            if count > 1 {
                polynomials[1] = t;
            }
            for n in 2..count {
                // T_n = 2 t T_(n-1) - T_(n-2)
                polynomials[n] = t.plus(t).times(polynomials[n - 1]).minus(polynomials[n - 2]);
            }
            first += count;
        }
        let (of_east, rest) = polynomials.split_at(east);
        let (of_north, of_up) = rest.split_at(north);
        let (mut re, mut im) = (zero, zero);
        for (of_up, plane) in of_up.iter().zip(expansion.values.chunks_exact(north * 2 * east)) {
            let (mut plane_re, mut plane_im) = (zero, zero);
            for (of_north, row) in of_north.iter().zip(plane.chunks_exact(2 * east)) {
                let (a, b) = row.split_at(east);
                // sums of even and odd terms: two chains of additions each
                let mut sums = [[zero; 2]; 2];
                let pairs = of_east.chunks_exact(2).zip(a.chunks_exact(2)).zip(b.chunks_exact(2));
                for ((of_east, a), b) in pairs {
                    for k in 0..2 {
                        sums[0][k] = sums[0][k].add_product(T::splat(a[k]), of_east[k]);
                        sums[1][k] = sums[1][k].add_product(T::splat(b[k]), of_east[k]);
                    }
                }
                if east % 2 == 1 {
                    sums[0][0] = sums[0][0].add_product(T::splat(a[east - 1]), of_east[east - 1]);
                    sums[1][0] = sums[1][0].add_product(T::splat(b[east - 1]), of_east[east - 1]);
                }
                plane_re = plane_re.add_product(*of_north, sums[0][0].plus(sums[0][1]));
                plane_im = plane_im.add_product(*of_north, sums[1][0].plus(sums[1][1]));
            }
            re = re.add_product(*of_up, plane_re);
            im = im.add_product(*of_up, plane_im);
        }
        let (mut values_re, mut values_im) = ([0.0; 16], [0.0; 16]);
        re.store(&mut values_re);
        im.store(&mut values_im);
        for (out, (re, im)) in out.iter_mut().zip(values_re.into_iter().zip(values_im)) {
            *out += Complex64::new(re, im);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::bessel::j1;

    fn antennas(number: usize, size: f64, height: f64) -> Weighted {
        let mut random = crate::math::random::Stream::new(5, [0, 0, 0]);
        let mut one = |size: f64| size * (2.0 * random.uniform() - 1.0);
        let places = (0..number).map(|_| [one(size), one(size), one(height)]).collect();
        Weighted { places, weights: (0..number).map(|_| Complex64::new(one(1.0), one(1.0))).collect() }
    }

    fn offsets(number: usize, reach: f64) -> Vec<[f64; 3]> {
        let mut random = crate::math::random::Stream::new(6, [0, 0, 0]);
        (0..number).map(|_| [0; 3].map(|_| reach * (2.0 * random.uniform() - 1.0))).collect()
    }

    #[test]
    fn bessel_functions_are_those_of_the_tables() {
        let mut j = [0.0; 40];
        for z in [0.0, 1e-8, 0.5, 3.0, 17.0, -9.0, 150.0] {
            bessel(z, &mut j);
            assert!((j[1] - j1(z)).abs() < 1e-13, "{z}: {} {}", j[1], j1(z));
        }
        bessel(1.0, &mut j);
        // Abramowitz & Stegun, tables 9.1 and 9.4
        assert!((j[0] - 0.765_197_686_557_966_6).abs() < 1e-15 && (j[10] - 2.630_615_124e-10).abs() < 1e-18);
    }

    /// Every way against the sum as written, by the library's sine and cosine.
    #[test]
    fn expansions_and_sums_are_the_sum_of_all_antennas() {
        for (number, size, height, reach) in
            [(64, 9.5, 0.0, 0.05), (64, 3.0, 0.4, 0.3), (16, 9.5, 0.0, 1.9), (3, 0.0, 0.0, 1.0)]
        {
            let weighted = antennas(number, size, height);
            let total: f64 = weighted.weights.iter().map(|w| w.norm()).sum();
            let offsets = offsets(77, reach);
            let want: Vec<Complex64> = offsets
                .iter()
                .map(|d| {
                    let turns = |x: &[f64; 3]| x[0] * d[0] + x[1] * d[1] + x[2] * d[2];
                    weighted.places.iter().zip(&weighted.weights).map(|(x, w)| w * Complex64::cis(TAU * turns(x))).sum()
                })
                .collect();
            for epsilon in [1e-14, 1e-13, 1e-7] {
                let farthest = [size, size, height];
                let terms = farthest.map(|x| terms(TAU * x * reach, epsilon / 3.0));
                let expansion = Factor::Chebyshev(Expansion::new(&weighted, reach, terms));
                for (factor, epsilon) in [(&expansion, epsilon), (&Factor::Sum(antennas(number, size, height)), 1e-14)]
                {
                    let mut got = vec![Complex64::ONE; offsets.len()];
                    factor.add(&offsets, &mut got);
                    let worst = got.iter().zip(&want).map(|(g, w)| (g - w - 1.0).norm()).fold(0.0, f64::max);
                    assert!(
                        worst < epsilon.max(1e-14) * 1.05 * total,
                        "{number} {reach} {epsilon}: {worst} of {total}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_cheaper_way_is_taken() {
        let chosen = |number, reach, count| {
            matches!(Factor::new(antennas(number, 9.5, 0.0), reach, count, 1e-13), Factor::Chebyshev(_))
        };
        assert!(chosen(256, 0.05, 1000) && !chosen(256, 0.05, 3) && !chosen(256, 2.0, 1000) && !chosen(16, 0.2, 1000));
    }
}

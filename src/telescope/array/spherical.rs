//! Element patterns as sums of spherical waves, in OSKAR's convention.
//!
//! E = sum over l, m of a_TM grad Y + a_TE (r x grad Y), with Y = N P_l^|m|(cos theta) exp(i m phi), N = sqrt((2l + 1)/(4 pi l (l + 1)) (l - |m|)!
//! /(l + |m|)!) and P with the factor (-1)^|m| of Condon and Shortley for m of either sign (OSKAR 2.9 and later,
//! oskar/telescope/station/element/define_evaluate_spherical_wave.h at ef62641; Hansen 1988, Spherical Near-field Antenna Measurements). The waves
//! are orthonormal over the sphere. Components are theta and phi of the horizon, phi from east to north:
//!
//! ```text
//! E_theta = sum (a_TM dY/dtheta - a_TE i m Y/sin theta),   E_phi = sum (a_TM i m Y/sin theta + a_TE dY/dtheta)
//! ```
//!
//! P/sin theta is what the recurrence makes, so that nothing is divided by 0 at the zenith (OSKAR moves directions within 1e-5 rad of it).

use crate::formats::oskar::OskarSphericalWaves;
use rustfft::num_complex::Complex64;
use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

/// Patterns of both feeds at some frequencies; copies share the coefficients.
#[derive(Debug, Clone)]
pub struct SphericalWaves(Arc<Vec<Waves>>);

/// Equal where they are the same: millions of coefficients are not compared antenna by antenna.
impl PartialEq for SphericalWaves {
    fn eq(&self, other: &SphericalWaves) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// At one frequency.
#[derive(Debug)]
struct Waves {
    freq_hz: f64,
    degree: usize,
    one_pattern: bool,
    /// Every |m| with l from it (at least 1) up to the degree.
    steps: Vec<Step>,
}

/// One l and |m|.
#[derive(Debug)]
struct Step {
    /// Recurrence of the normalised P/sin theta: a (cos theta P_(l-1) - b P_(l-2)); and of the derivative.
    a: f64,
    b: f64,
    slope: f64,
    /// \[feed\]\[TE, TM of +m, TE, TM of -m\] over the root of l (l + 1).
    coefficients: [[Complex64; 4]; 2],
}

impl SphericalWaves {
    /// The patterns of one element type; `None` where `sets` has none of it.
    pub fn new(sets: &[OskarSphericalWaves], element: usize) -> Option<SphericalWaves> {
        let waves: Vec<Waves> = sets.iter().filter(|set| set.element == element).map(Waves::new).collect();
        (!waves.is_empty()).then(|| SphericalWaves(Arc::new(waves)))
    }

    /// Voltages of X and Y (rows) for the components theta and phi, by the pattern of the nearest frequency; of two that are
    /// equally near, by the first.
    pub(super) fn voltages(&self, direction: [f64; 3], feed_angle_rad: [f64; 2], freq_hz: f64) -> [Complex64; 4] {
        let away = |waves: &Waves| (waves.freq_hz - freq_hz).abs();
        match self.0.iter().min_by(|a, b| away(a).total_cmp(&away(b))) {
            Some(waves) => waves.voltages(direction, feed_angle_rad),
            None => [Complex64::ZERO; 4],
        }
    }

    /// In words, for headers.
    pub(super) fn describe(&self) -> String {
        let degree = self.0.iter().map(|waves| waves.degree).max().unwrap_or(0);
        let mhz = self.0.iter().map(|waves| waves.freq_hz / 1e6);
        let (low, high) = (mhz.clone().fold(f64::INFINITY, f64::min), mhz.fold(0.0, f64::max));
        let range = if low == high { format!("{low} MHz") } else { format!("{low} to {high} MHz") };
        format!("elements of spherical waves to degree {degree}, {} at {range}", self.0.len())
    }
}

impl Waves {
    fn new(set: &OskarSphericalWaves) -> Waves {
        let mut steps = Vec::new();
        for m in 0..=set.degree {
            for l in m.max(1)..=set.degree {
                let [ll, mm] = [l as f64, m as f64];
                let a = if l > m { ((4.0 * ll * ll - 1.0) / (ll * ll - mm * mm)).sqrt() } else { 0.0 };
                let before = ll - 1.0;
                let b = match l > m + 1 {
                    true => ((before * before - mm * mm) / (4.0 * before * before - 1.0)).sqrt(),
                    false => 0.0,
                };
                let slope = ((2.0 * ll + 1.0) * (ll - mm) * (ll + mm) / (2.0 * ll - 1.0)).sqrt();
                let scale = 1.0 / (ll * (ll + 1.0)).sqrt();
                let coefficients = [0, 1].map(|feed| {
                    let [te, tm] = &set.coefficients[feed];
                    let (plus, minus) = (l * l - 1 + l + m, l * l - 1 + l - m);
                    // m = 0 stands once
                    let other = if m == 0 { 0.0 } else { scale };
                    [te[plus] * scale, tm[plus] * scale, te[minus] * other, tm[minus] * other]
                });
                steps.push(Step { a, b, slope, coefficients });
            }
        }
        Waves { freq_hz: set.freq_hz, degree: set.degree, one_pattern: set.one_pattern, steps }
    }

    fn voltages(&self, [east, north, up]: [f64; 3], [angle_x, angle_y]: [f64; 2]) -> [Complex64; 4] {
        let sin = east.hypot(north);
        let cos = up;
        // at the zenith the azimuth is taken as that of east
        let towards = if sin > 0.0 { Complex64::new(east / sin, north / sin) } else { Complex64::ONE };
        // labelled patterns stand on the same axes; one pattern is seen by Y a quarter of a turn further on
        let behind = if self.one_pattern { angle_y - FRAC_PI_2 } else { angle_x };
        let phase = [towards * Complex64::cis(-angle_x), towards * Complex64::cis(-behind)];
        let mut turned = [Complex64::ONE; 2];
        let mut sums = [[Complex64::ZERO; 2]; 2];
        // P/sin theta of l = m
        let mut diagonal = 0.0;
        let mut steps = self.steps.iter();
        for m in 0..=self.degree {
            let mm = m as f64;
            match m {
                0 => {}
                1 => diagonal = -(3.0 / (8.0 * PI)).sqrt(),
                _ => diagonal *= -((2.0 * mm + 1.0) / (2.0 * mm)).sqrt() * sin,
            }
            // [feed][TE, TM of both signs by P/sin theta, the same by dP/dtheta]
            let mut parts = [[Complex64::ZERO; 8]; 2];
            // of m = 0: P itself, of which the derivative is found from P_l and P_(l-1)
            let (mut last, mut before) = (0.0, 0.0);
            let mut zero = Zero::new(cos);
            for (k, step) in steps.by_ref().take(self.degree + 1 - m.max(1)).enumerate() {
                let l = (m.max(1) + k) as f64;
                let (over, slope) = match m {
                    0 => (0.0, zero.next_slope(l, sin)),
                    _ => {
                        let value = if k == 0 { diagonal } else { step.a * (cos * last - step.b * before) };
                        let slope = l * cos * value - step.slope * last;
                        (before, last) = (last, value);
                        (value, slope)
                    }
                };
                for (parts, coefficients) in parts.iter_mut().zip(&step.coefficients) {
                    for (which, coefficient) in coefficients.iter().enumerate() {
                        parts[which] += coefficient * over;
                        parts[4 + which] += coefficient * slope;
                    }
                }
            }
            for feed in 0..2 {
                if m > 0 {
                    turned[feed] *= phase[feed];
                }
                let [te, tm, te_minus, tm_minus, te_slope, tm_slope, te_minus_slope, tm_minus_slope] = parts[feed];
                let (plus, minus) = (turned[feed], turned[feed].conj());
                let times = |z: Complex64| Complex64::new(-mm * z.im, mm * z.re);
                sums[feed][0] += plus * (tm_slope - times(te)) + minus * (tm_minus_slope + times(te_minus));
                sums[feed][1] += plus * (te_slope + times(tm)) + minus * (te_minus_slope - times(tm_minus));
            }
        }
        let [x, y] = sums;
        [x[0], x[1], y[0], y[1]]
    }
}

/// Derivatives of the normalised P_l by theta: minus sin theta times the derivative by cos theta, by its own recurrence
/// P'_l = P'_(l-2) + (2 l - 1) P_(l-1).
struct Zero {
    cos: f64,
    /// P_(l-1), P_(l-2), and the derivatives of both.
    values: [f64; 2],
    slopes: [f64; 2],
}

impl Zero {
    /// Before l = 1.
    fn new(cos: f64) -> Zero {
        Zero { cos, values: [1.0, 0.0], slopes: [0.0, 0.0] }
    }

    fn next_slope(&mut self, l: f64, sin: f64) -> f64 {
        let slope = self.slopes[1] + (2.0 * l - 1.0) * self.values[0];
        let value = ((2.0 * l - 1.0) * self.cos * self.values[0] - (l - 1.0) * self.values[1]) / l;
        self.values = [value, self.values[0]];
        self.slopes = [slope, self.slopes[0]];
        -((2.0 * l + 1.0) / (4.0 * PI)).sqrt() * sin * slope
    }
}

#[cfg(test)]
mod tests {
    use super::super::{DipoleLength, Element, Pattern, Taper};
    use super::*;
    use crate::math::quadrature::gauss_legendre;
    use crate::math::random::Stream;
    use std::f64::consts::TAU;

    fn towards(theta: f64, phi: f64) -> [f64; 3] {
        [theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()]
    }

    fn set(degree: usize, one_pattern: bool) -> OskarSphericalWaves {
        let none = || vec![Complex64::ZERO; degree * (degree + 2)];
        let coefficients = [[none(), none()], [none(), none()]];
        OskarSphericalWaves { element: 0, freq_hz: 1e8, degree, coefficients, one_pattern }
    }

    fn seen(set: &OskarSphericalWaves, theta: f64, phi: f64) -> [Complex64; 4] {
        SphericalWaves::new(std::slice::from_ref(set), 0).unwrap().voltages(towards(theta, phi), [0.0; 2], 1e8)
    }

    /// P_l^m of cos theta from the derivatives of (x^2 - 1)^l, and its derivative by x: Rodrigues' formula.
    fn rodrigues(l: usize, m: usize, theta: f64) -> [f64; 2] {
        // powers of x of (x^2 - 1)^l / (2^l l!)
        let mut poly = vec![0.0; 2 * l + 1];
        let (mut binomial, mut size) = (1.0, 1.0);
        (1..=l).for_each(|k| size *= 2.0 * k as f64);
        for k in 0..=l {
            let sign = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
            poly[2 * (l - k)] = sign * binomial / size;
            binomial *= (l - k) as f64 / (k + 1) as f64;
        }
        let derive =
            |poly: &[f64]| -> Vec<f64> { poly.iter().enumerate().skip(1).map(|(power, c)| power as f64 * c).collect() };
        for _ in 0..l + m {
            poly = derive(&poly);
        }
        let at = |poly: &[f64], x: f64| poly.iter().rev().fold(0.0, |sum, c| sum * x + c);
        let (x, s) = (theta.cos(), theta.sin());
        let sign = if m.is_multiple_of(2) { 1.0 } else { -1.0 };
        let power = |k: i32| if k == 0 { 1.0 } else { s.powi(k) };
        let value = sign * power(m as i32) * at(&poly, x);
        // d/dtheta of sin^m q(cos theta)
        let slope =
            sign * (m as f64 * power(m as i32 - 1) * x * at(&poly, x) - power(m as i32 + 1) * at(&derive(&poly), x));
        [value, slope]
    }

    /// The sums of the module's documentation, wave by wave.
    #[test]
    fn sums_are_those_of_the_formula() {
        let mut random = Stream::new(5, [0; 3]);
        for one_pattern in [false, true] {
            let mut waves = set(9, one_pattern);
            for list in waves.coefficients.iter_mut().flatten() {
                list.iter_mut().for_each(|c| *c = Complex64::new(random.normal(), random.normal()));
            }
            let angles = [0.3, -0.2];
            for (theta, phi) in [(0.2, 0.4), (1.1, 2.8), (1.5, -2.0), (1e-6, 1.0), (2.4, 0.1)] {
                let got = SphericalWaves::new(std::slice::from_ref(&waves), 0).unwrap().voltages(
                    towards(theta, phi),
                    angles,
                    1e8,
                );
                for feed in 0..2 {
                    let phi = match (feed, one_pattern) {
                        (1, true) => phi + FRAC_PI_2 - angles[1],
                        _ => phi - angles[0],
                    };
                    let mut want = [Complex64::ZERO; 2];
                    for l in 1..=9usize {
                        for m in -(l as i64)..=l as i64 {
                            let number = m.unsigned_abs() as usize;
                            let mut ratio = 1.0;
                            (l - number + 1..=l + number).for_each(|k| ratio /= k as f64);
                            let size = ((2 * l + 1) as f64 / (4.0 * PI * (l * (l + 1)) as f64) * ratio).sqrt();
                            let wave = Complex64::cis(m as f64 * phi) * size;
                            let [value, slope] = rodrigues(l, number, theta);
                            let index = (l * l - 1) + (l as i64 + m) as usize;
                            let [te, tm] = [0, 1].map(|mode| waves.coefficients[feed][mode][index]);
                            let across = Complex64::I * (m as f64) * value / theta.sin();
                            want[0] += wave * (tm * slope - te * across);
                            want[1] += wave * (tm * across + te * slope);
                        }
                    }
                    for k in 0..2 {
                        let error = (got[2 * feed + k] - want[k]).norm();
                        assert!(error < 1e-10, "{theta} {phi} feed {feed}: {error}");
                    }
                }
            }
        }
    }

    /// By hand: gradients of cos theta, sin theta exp(i phi), and of two waves of l = 2.
    #[test]
    fn first_waves_are_what_one_writes_down() {
        let (theta, phi): (f64, f64) = (0.7, 1.9);
        let (s, c) = theta.sin_cos();
        let one = |l: usize, m: i64, mode: usize| {
            let mut waves = set(2, false);
            waves.coefficients[0][mode][l * l - 1 + (l as i64 + m) as usize] = Complex64::ONE;
            seen(&waves, theta, phi)
        };
        let e = Complex64::cis(phi);
        let n10 = (3.0 / (8.0 * PI)).sqrt();
        let n11 = (3.0 / (16.0 * PI)).sqrt();
        let n21 = (5.0 / (24.0 * PI) / 6.0).sqrt();
        let n22 = (5.0 / (24.0 * PI) / 24.0).sqrt();
        let i = Complex64::I;
        let cases = [
            (1, 0, Complex64::from(-s * n10), Complex64::ZERO),
            (1, 1, -e * c * n11, -i * e * n11),
            (1, -1, -e.conj() * c * n11, i * e.conj() * n11),
            (2, 1, -e * 3.0 * (c * c - s * s) * n21, -i * e * 3.0 * c * n21),
            (2, -2, e.conj() * e.conj() * 6.0 * s * c * n22, -i * e.conj() * e.conj() * 6.0 * s * n22),
        ];
        for (l, m, along, across) in cases {
            let tm = one(l, m, 1);
            assert!((tm[0] - along).norm() < 1e-15 && (tm[1] - across).norm() < 1e-15, "TM {l} {m}: {tm:?}");
            // r x grad Y
            let te = one(l, m, 0);
            assert!((te[0] + across).norm() < 1e-15 && (te[1] - along).norm() < 1e-15, "TE {l} {m}: {te:?}");
            assert_eq!(tm[2..], [Complex64::ZERO; 2]);
        }
    }

    #[test]
    fn waves_are_orthonormal_over_the_sphere() {
        let degree = 6;
        let count = degree * (degree + 2);
        let (nodes, weights) = gauss_legendre(2 * degree + 2);
        let around = 4 * degree;
        let mut gram = vec![Complex64::ZERO; 4 * count * count];
        let waves: Vec<OskarSphericalWaves> = (0..2 * count)
            .map(|k| {
                let mut waves = set(degree, false);
                waves.coefficients[0][k % 2][k / 2] = Complex64::ONE;
                waves
            })
            .collect();
        for (x, weight) in nodes.iter().zip(&weights) {
            for k in 0..around {
                let phi = TAU * k as f64 / around as f64;
                let all: Vec<[Complex64; 4]> = waves.iter().map(|w| seen(w, x.acos(), phi)).collect();
                for (a, one) in all.iter().enumerate() {
                    for (b, other) in all.iter().enumerate() {
                        let product = one[0] * other[0].conj() + one[1] * other[1].conj();
                        gram[a * 2 * count + b] += product * weight * TAU / around as f64;
                    }
                }
            }
        }
        for (index, value) in gram.iter().enumerate() {
            let want = if index / (2 * count) == index % (2 * count) { 1.0 } else { 0.0 };
            assert!((value - want).norm() < 1e-12, "{index}: {value}");
        }
    }

    /// A Hertzian dipole is TM, l = 1: m = 0 upright, m = +-1 along the ground; both feeds of the short dipole, with OSKAR's signs.
    #[test]
    fn short_dipoles_are_the_first_waves() {
        let length = 1e-3;
        let dipoles = Pattern::Dipole(DipoleLength::Wavelengths(length));
        let element = Element { pattern: dipoles, taper: Taper::None, feed_angle_rad: [0.3; 2] };
        let size = 0.5 * (PI * length).powi(2);
        let mut waves = set(1, true);
        for feed in 0..2 {
            for m in [0, 2] {
                // P_1^1 is -sin theta
                waves.coefficients[feed][1][m] = Complex64::from(0.5 * size / (3.0 / (16.0 * PI)).sqrt());
            }
        }
        let waves = SphericalWaves::new(&[waves], 0).unwrap();
        let spherical = Element { pattern: Pattern::SphericalWaves(waves), ..element.clone() };
        for at in [(0.0, 0.0), (0.3, 0.2), (1.2, 2.0), (1.5, -2.9)] {
            let at = towards(at.0, at.1);
            let (want, got) = (element.voltages(at, 1e8), spherical.voltages(at, 1e8));
            for (want, got) in want.iter().zip(got) {
                assert!((want - got).norm() < 1e-5 * size, "{at:?}: {want} {got}");
            }
        }
        let mut upright = set(1, false);
        upright.coefficients[0][1][1] = Complex64::ONE;
        let power = |theta: f64| seen(&upright, theta, 0.4)[0].norm_sqr();
        assert!((power(1.0) / power(FRAC_PI_2) - 1f64.sin().powi(2)).abs() < 1e-14 && power(0.0) == 0.0);
    }

    #[test]
    fn the_nearest_frequency_and_the_right_type_are_taken() {
        let at = |freq_hz: f64, element: usize, size: f64| {
            let mut waves = OskarSphericalWaves { freq_hz, element, ..set(1, false) };
            waves.coefficients[0][1][1] = Complex64::from(size);
            waves
        };
        let sets = [at(1e8, 0, 1.0), at(1.2e8, 0, 2.0), at(1e8, 3, 4.0)];
        let first = SphericalWaves::new(&sets, 0).unwrap();
        let size = |waves: &SphericalWaves, freq_hz: f64| {
            waves.voltages(towards(FRAC_PI_2, 0.0), [0.0; 2], freq_hz)[0].norm() / (3.0 / (8.0 * PI)).sqrt()
        };
        for (freq_hz, want) in [(2e7, 1.0), (1.09e8, 1.0), (1.1e8, 1.0), (1.11e8, 2.0), (9e8, 2.0)] {
            assert!((size(&first, freq_hz) - want).abs() < 1e-14, "{freq_hz}");
        }
        assert!((size(&SphericalWaves::new(&sets, 3).unwrap(), 1.2e8) - 4.0).abs() < 1e-14);
        assert!(SphericalWaves::new(&sets, 1).is_none());
        assert!(first == first.clone() && first != SphericalWaves::new(&sets, 0).unwrap());
        assert!(first.describe().contains("degree 1, 2 at 100 to 120 MHz"), "{}", first.describe());
    }
}

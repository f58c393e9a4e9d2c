use crate::math::vectors::with_vectors;
use rayon::prelude::*;

/// What follows a norm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// Nothing.
    None,
    /// Negative values are multiplied with this: 0 for a ReLU.
    Leaky(f32),
}

impl Activation {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Activation::None => x,
            Activation::Leaky(slope) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
        }
    }

    #[inline(always)]
    fn slope(self, x: f32) -> f32 {
        match self {
            Activation::None => 1.0,
            Activation::Leaky(slope) => {
                if x > 0.0 {
                    1.0
                } else {
                    slope
                }
            }
        }
    }
}

/// Mean and inverse standard deviation of a plane.
pub(super) type Moments = [f32; 2];

/// Numbers that are summed side by side, so that sums are made by vectors and not one after the other.
const LANES: usize = 16;

/// The sum of `value` over two slices.
#[inline(always)]
fn sum(a: &[f32], b: &[f32], value: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            lanes[i] += value(a[i], b[i]);
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(&a, &b)| value(a, b)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Planes of `pixels` numbers with their mean taken off and divided by their standard deviation, then activated.
pub(super) fn forward(x: &[f32], pixels: usize, epsilon: f32, act: Activation) -> (Vec<f32>, Vec<Moments>) {
    let mut y = vec![0f32; x.len()];
    let planes = x.par_chunks(pixels).zip(y.par_chunks_mut(pixels)).with_min_len(least(pixels));
    let moments = planes.map(|(x, y)| normalise(x, y, epsilon, act)).collect();
    (y, moments)
}

with_vectors! {
    fn normalise[](x: &[f32], y: &mut [f32], epsilon: f32, act: Activation) -> Moments = normalised[]
}

#[inline(always)]
fn normalised<const FMA: bool>(x: &[f32], y: &mut [f32], epsilon: f32, act: Activation) -> Moments {
    let mean = sum(x, x, |v, _| v) / x.len() as f32;
    let variance = sum(x, x, |v, _| (v - mean) * (v - mean)) / x.len() as f32;
    let inverse = (variance + epsilon).sqrt().recip();
    for (y, &x) in y.iter_mut().zip(x) {
        *y = act.of((x - mean) * inverse);
    }
    [mean, inverse]
}

/// The gradient of `x` from that of what [`forward`] makes of it.
pub(super) fn backward(x: &[f32], moments: &[Moments], gradient: &[f32], pixels: usize, act: Activation) -> Vec<f32> {
    let mut slope = vec![0f32; x.len()];
    let planes = x.par_chunks(pixels).zip(gradient.par_chunks(pixels)).zip(slope.par_chunks_mut(pixels)).zip(moments);
    planes.with_min_len(least(pixels)).for_each(|(((x, g), out), moments)| slope_of(x, g, out, *moments, act));
    slope
}

with_vectors! {
    fn slope_of[](x: &[f32], g: &[f32], out: &mut [f32], moments: Moments, act: Activation) = sloped[]
}

#[inline(always)]
fn sloped<const FMA: bool>(x: &[f32], g: &[f32], out: &mut [f32], [mean, inverse]: Moments, act: Activation) {
    let (of, part) = (|x: f32| (x - mean) * inverse, |v: f32, g: f32| g * act.slope(v));
    let all = sum(x, g, |x, g| part(of(x), g)) / x.len() as f32;
    let along = sum(x, g, |x, g| part(of(x), g) * of(x)) / x.len() as f32;
    for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
        let v = of(x);
        *out = inverse * (part(v, g) - all - v * along);
    }
}

/// Planes that are worth a thread's while.
fn least(pixels: usize) -> usize {
    (1 << 16) / pixels.max(1) + 1
}

use super::border::Border;
use super::conv::{Images, Window, bias_slopes, convolve, spread, weight_slopes};
use super::norm::{self, Activation};
use crate::math::random::philox;
use crate::math::vectors::{Vectors, vectors};

/// Sets of instructions that this processor has.
fn sets() -> Vec<Vectors> {
    [Vectors::Plain, Vectors::Avx2, Vectors::Avx512].into_iter().filter(|set| *set <= vectors()).collect()
}

fn noise(count: usize, stream: u32) -> Vec<f32> {
    (0..count as u32).map(|i| philox([i, stream, 0, 0], 5)[0] as f32 / 2f32.powi(31) - 1.0).collect()
}

/// Every product in turn, in float64: with what (out, in, tap, x, y) does what `with` says.
fn products(x: [usize; 4], output: usize, window: Window, mut with: impl FnMut(usize, usize, usize)) {
    let [count, input, height, width] = x;
    let [rows, columns] = window.result([height, width]);
    for image in 0..count {
        for o in 0..output {
            for i in 0..input {
                for y in 0..rows {
                    for x in 0..columns {
                        for dy in 0..window.side[0] {
                            for dx in 0..window.side[1] {
                                let row = window.border.pixel(y * window.stride + dy, height);
                                let column = window.border.pixel(x * window.stride + dx, width);
                                let (Some(row), Some(column)) = (row, column) else { continue };
                                let from = ((image * input + i) * height + row) * width + column;
                                let weight = ((o * input + i) * window.side[0] + dy) * window.side[1] + dx;
                                let to = ((image * output + o) * rows + y) * columns + x;
                                with(from, weight, to);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Within 1e-6 of the greatest number and the square root of the number of terms.
fn close(got: &[f32], want: &[f64], terms: usize, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let greatest = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(want).fold(0.0f64, |m, (g, w)| m.max((f64::from(*g) - w).abs()));
    assert!(worst <= 2e-7 * greatest * (terms as f64).sqrt().max(4.0), "{what}: {worst} of {greatest}");
}

#[test]
fn convolutions_and_their_gradients_are_the_sums_of_all_products() {
    let zeros = Border::Zeros;
    for (x, output, side, stride, border) in [
        ([2, 3, 16, 16], 5, 3, 1, Border::Reflection(1)),
        ([1, 1, 24, 32], 9, 7, 1, Border::Reflection(3)),
        ([2, 16, 16, 32], 8, 3, 1, zeros(1)),
        ([2, 4, 17, 19], 6, 3, 2, zeros(1)),
        ([1, 5, 32, 64], 16, 3, 2, zeros(1)),
        ([3, 2, 13, 9], 1, 4, 2, zeros(1)),
        ([1, 2, 7, 8], 3, 4, 1, zeros(1)),
        ([2, 3, 5, 5], 2, 1, 1, zeros(0)),
        ([1, 2, 9, 10], 4, 2, 3, zeros(0)),
        ([1, 2, 6, 6], 3, 6, 1, zeros(0)),
    ] {
        let window = Window { side: [side; 2], stride, border };
        let [rows, columns] = window.result([x[2], x[3]]);
        let (out, kernel) = ([x[0], output, rows, columns], [output, x[1], side, side]);
        let count = |shape: [usize; 4]| shape.iter().product::<usize>();
        let (values, weights, slope) = (noise(count(x), 1), noise(count(kernel), 2), noise(count(out), 3));
        let bias = noise(output, 4);
        let (mut y, mut of_x, mut of_weight) =
            (vec![0f64; count(out)], vec![0f64; count(x)], vec![0f64; count(kernel)]);
        products(x, output, window, |from, weight, to| {
            let (v, w, g) = (f64::from(values[from]), f64::from(weights[weight]), f64::from(slope[to]));
            y[to] += v * w;
            of_x[from] += w * g;
            of_weight[weight] += v * g;
        });
        y.iter_mut().enumerate().for_each(|(i, y)| *y += f64::from(bias[i / (rows * columns) % output]));
        let of_bias: Vec<f64> = (0..output)
            .map(|o| (0..count(out)).filter(|i| i / (rows * columns) % output == o).map(|i| f64::from(slope[i])).sum())
            .collect();
        for set in sets() {
            let what = format!("{x:?} {window:?} {set:?}");
            let images = Images { values: &values, shape: x };
            let kernel = Images { values: &weights, shape: kernel };
            let gradient = Images { values: &slope, shape: out };
            close(&convolve(set, images, kernel, Some(&bias), window), &y, count(kernel.shape) / output, &what);
            close(&spread(set, gradient, kernel, None, window, [x[2], x[3]]), &of_x, output * side * side, &what);
            close(&weight_slopes(set, images, gradient, window), &of_weight, x[0] * rows * columns, &what);
            close(&bias_slopes(gradient), &of_bias, x[0] * rows * columns, &what);
        }
    }
}

#[test]
fn transposed_convolutions_fill_the_size_that_is_asked_for() {
    // side 3, padding 1, one pixel more on the far side: 5 x 8 becomes 10 x 16
    let (y, input, size) = ([2, 3, 5, 8], 4, [10, 16]);
    let window = Window { side: [3; 2], stride: 2, border: Border::Zeros(1) };
    let (values, weights, bias) = (noise(2 * 3 * 40, 1), noise(3 * 4 * 9, 2), noise(4, 3));
    let mut want = vec![0f64; 2 * input * 160];
    want.iter_mut().enumerate().for_each(|(i, v)| *v = f64::from(bias[i / 160 % 4]));
    assert_eq!(window.result(size), [5, 8]);
    products([2, input, 10, 16], 3, window, |to, weight, from| {
        want[to] += f64::from(values[from]) * f64::from(weights[weight])
    });
    for set in sets() {
        let images = Images { values: &values, shape: y };
        let kernel = Images { values: &weights, shape: [3, 4, 3, 3] };
        close(&spread(set, images, kernel, Some(&bias), window, size), &want, 27, &format!("{set:?}"));
    }
}

#[test]
fn norms_and_their_gradients_are_those_of_their_definition() {
    const EPSILON: f32 = 1e-5;
    for (pixels, act) in [(64, Activation::None), (35, Activation::Leaky(0.0)), (100, Activation::Leaky(0.2))] {
        let (x, gradient) = (noise(3 * pixels, 1), noise(3 * pixels, 2));
        let activated = |v: f64| match act {
            Activation::Leaky(slope) if v <= 0.0 => f64::from(slope) * v,
            _ => v,
        };
        let of = |x: &[f64]| -> Vec<f64> {
            let mean = x.iter().sum::<f64>() / pixels as f64;
            let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pixels as f64;
            x.iter().map(|v| activated((v - mean) / (variance + f64::from(EPSILON)).sqrt())).collect()
        };
        let exact: Vec<f64> = x.iter().map(|&v| f64::from(v)).collect();
        let (y, moments) = norm::forward(&x, pixels, EPSILON, act);
        let want: Vec<f64> = exact.chunks(pixels).flat_map(of).collect();
        close(&y, &want, 1, "norm");
        let slope = norm::backward(&x, &moments, &gradient, pixels, act);
        let mut want = vec![0f64; x.len()];
        for (number, plane) in exact.chunks(pixels).enumerate() {
            for i in 0..pixels {
                // central differences of the sum of gradient times result
                let at = |step: f64| {
                    let mut moved = plane.to_vec();
                    moved[i] += step;
                    let products = of(&moved).into_iter().zip(&gradient[number * pixels..]);
                    products.map(|(y, &g)| y * f64::from(g)).sum::<f64>()
                };
                want[number * pixels + i] = (at(1e-6) - at(-1e-6)) / 2e-6;
            }
        }
        let worst = slope.iter().zip(&want).fold(0.0f64, |m, (s, w)| m.max((f64::from(*s) - w).abs()));
        assert!(worst < 5e-6, "{act:?}: {worst}");
    }
}

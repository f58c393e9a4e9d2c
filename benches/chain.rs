//! Benchmarks of the chain's inner stages: `cargo bench --bench chain`.

use criterion::{Criterion, criterion_group, criterion_main};
use ndarray::Array2;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex64;
use skyfringe::error::Watch;
use skyfringe::gridding::{ImageGeometry, Plan};
use skyfringe::math::random::Stream;
use std::hint::black_box;

const GEOMETRY: ImageGeometry = ImageGeometry { nx: 512, ny: 512, dl: -3.2e-5, dm: 3.2e-5 };
const VISIBILITIES: usize = 154_000;
const EPSILON: f64 = 1e-5;

/// Baselines crowded towards the centre, as an array's are, out to 14 000 wavelengths.
fn baselines() -> Vec<[f64; 3]> {
    let mut random = Stream::new(1, [0, 0, 1]);
    let mut one = || {
        let (length, w) = (random.uniform().powi(3), random.uniform());
        let angle = std::f64::consts::TAU * random.uniform();
        [14e3 * length * angle.cos(), 14e3 * length * angle.sin(), 7e3 * length * w]
    };
    (0..VISIBILITIES).map(|_| one()).collect()
}

fn gridding(c: &mut Criterion) {
    let (uvw, watch) = (baselines(), Watch::silent());
    let mut random = Stream::new(2, [0, 0, 2]);
    let image = Array2::from_shape_fn((GEOMETRY.ny, GEOMETRY.nx), |_| random.normal());
    let vis: Vec<Complex64> = uvw.iter().map(|_| Complex64::new(random.normal(), random.normal())).collect();
    let Ok(plan) = Plan::new(GEOMETRY, &uvw, EPSILON) else { return };
    let mut group = c.benchmark_group("154k visibilities, 512 x 512, 1e-5");
    group.sample_size(10);
    group.bench_function("plan", |b| b.iter(|| Plan::new(GEOMETRY, black_box(&uvw), EPSILON)));
    group.bench_function("degrid", |b| b.iter(|| plan.degrid(black_box(image.view()), &watch)));
    group.bench_function("grid", |b| b.iter(|| plan.grid(black_box(&vis), &watch)));
    group.finish();
}

fn fft(c: &mut Criterion) {
    let mut group = c.benchmark_group("fft of lines");
    for n in [720, 1800, 6144] {
        let plan = FftPlanner::new().plan_fft_forward(n);
        let mut lines = vec![Complex64::ONE; 64 * n];
        let mut scratch = vec![Complex64::ZERO; plan.get_inplace_scratch_len()];
        group.bench_function(format!("64 x {n}"), |b| {
            b.iter(|| plan.process_with_scratch(black_box(&mut lines), &mut scratch));
        });
    }
    group.finish();
}

criterion_group!(benches, gridding, fft);
criterion_main!(benches);

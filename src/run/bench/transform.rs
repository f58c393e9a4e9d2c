//! A complex FFT of N x N.

use super::Precision;
use super::measure::{load, measured, median};
use crate::error::Result;
use crate::gridding::{Real, transform_square};
use rustfft::num_complex::Complex;
use serde_json::json;

/// Times forward transforms of `n` x `n` cells in place; the text is one JSON object.
///
/// # Errors
/// None today; the signature is that of every command.
pub fn fft(n: usize, precision: Precision, reps: usize) -> Result<String> {
    Ok(match precision {
        Precision::F32 => run::<f32>(n, precision, reps),
        Precision::F64 => run::<f64>(n, precision, reps),
    })
}

fn run<T: Real>(n: usize, precision: Precision, reps: usize) -> String {
    // a plane wave: its transform is one cell
    let (k_row, k_column) = (3.min(n - 1), 5.min(n - 1));
    let wave = |i: usize| {
        let turns = ((i / n * k_row + i % n * k_column) % n) as f64 / n as f64;
        let (s, c) = (std::f64::consts::TAU * turns).sin_cos();
        Complex { re: T::of(c), im: T::of(s) }
    };
    let (mut costs, mut error) = (Vec::new(), 0.0f64);
    for _ in 0..reps {
        let mut cells: Vec<Complex<T>> = (0..n * n).map(wave).collect();
        let ((), cost) = measured(|| transform_square(&mut cells, n));
        costs.push(cost);
        let mut sum = 0.0;
        for (i, cell) in cells.iter().enumerate() {
            let expected = if i == k_row * n + k_column { (n * n) as f64 } else { 0.0 };
            sum += (cell.re.wide() - expected).powi(2) + cell.im.wide().powi(2);
        }
        error = error.max(sum.sqrt() / (n * n) as f64);
    }
    let cost = median(&costs);
    let report = json!({
        "program": concat!("skyfringe ", env!("CARGO_PKG_VERSION")),
        "npix": n, "precision": precision.name(), "threads": rayon::current_num_threads(), "reps": reps,
        "fft_cpu_s": cost.cpu_s, "fft_wall_s": cost.wall_s, "fft_peak_mib": cost.peak_mib, "fft_error": error,
        "load": load(),
    });
    format!("{report}\n")
}

use crate::learn::metrics::fourier::Fourier;
use ndarray::ArrayView2;
use std::f64::consts::TAU;

/// An annulus of the plane of spatial frequencies, one mode of the shorter axis wide.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// Mean wave number of its modes, rad^-1.
    pub k: f64,
    modes: Vec<[usize; 2]>,
}

/// What the spectra of an image and the truth have to do with each other, a value an annulus.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// P / P_truth.
    pub ratio: Vec<f64>,
    /// Cross-correlation r = Re <M T*> / sqrt(P P_truth).
    pub correlation: Vec<f64>,
    /// Transfer T = sqrt(P / P_truth).
    pub transfer: Vec<f64>,
}

impl Ring {
    /// The annuli of images of `size` \[y, x\] with pixels of `cell_rad`, from the first to the Nyquist frequency.
    pub fn all(size: [usize; 2], cell_rad: f64) -> Vec<Ring> {
        let [height, width] = size;
        let shorter = height.min(width);
        let count = shorter / 2;
        let mut rings = vec![(0.0, Vec::new()); count];
        let signed = |i: usize, n: usize| if 2 * i > n { i as f64 - n as f64 } else { i as f64 };
        for y in 0..height {
            for x in 0..width {
                let turns = (signed(y, height) / height as f64).hypot(signed(x, width) / width as f64);
                let number = (turns * shorter as f64).round() as usize;
                if (1..=count).contains(&number) {
                    let (sum, modes) = &mut rings[number - 1];
                    *sum += TAU * turns / cell_rad;
                    modes.push([y, x]);
                }
            }
        }
        rings.into_iter().map(|(sum, modes)| Ring { k: sum / modes.len() as f64, modes }).collect()
    }
}

impl Curves {
    /// Of physical images.
    pub fn of(fourier: &Fourier, rings: &[Ring], made: ArrayView2<f64>, truth: ArrayView2<f64>) -> Curves {
        let (made, truth) = (fourier.forward(made), fourier.forward(truth));
        let mut curves = Curves { ratio: Vec::new(), correlation: Vec::new(), transfer: Vec::new() };
        for ring in rings {
            let (mut p, mut t, mut cross) = (0.0, 0.0, 0.0);
            for at in &ring.modes {
                let (m, s) = (made[*at], truth[*at]);
                p += m.norm_sqr();
                t += s.norm_sqr();
                cross += (m * s.conj()).re;
            }
            curves.ratio.push(p / t);
            // an image without structure correlates with nothing
            curves.correlation.push(if p > 0.0 && t > 0.0 { cross / (p * t).sqrt() } else { 0.0 });
            curves.transfer.push((p / t).sqrt());
        }
        curves
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn factors_shifts_and_noise_show() {
        let fourier = Fourier::new([16, 16]);
        let rings = Ring::all([16, 16], 0.5);
        assert_eq!(rings.len(), 8);
        assert!((rings[0].k - TAU / 8.0).abs() < 0.25 * rings[0].k, "{}", rings[0].k);
        let truth = Array2::from_shape_fn((16, 16), |(y, x)| ((y * y + 3 * x) as f64).sin() + (x as f64 * 0.7).cos());
        let curves = Curves::of(&fourier, &rings, truth.mapv(|v| 2.0 * v + 7.0).view(), truth.view());
        for i in 0..8 {
            assert!((curves.ratio[i] - 4.0).abs() < 1e-9 && (curves.transfer[i] - 2.0).abs() < 1e-9);
            assert!((curves.correlation[i] - 1.0).abs() < 1e-9);
        }
        let opposite = Curves::of(&fourier, &rings, truth.mapv(|v| -v).view(), truth.view());
        assert!(opposite.correlation.iter().all(|r| (r + 1.0).abs() < 1e-9));
        // moved by a pixel: r is the mean cosine of the phases of an annulus
        let moved = Array2::from_shape_fn((16, 16), |(y, x)| truth[[y, (x + 1) % 16]]);
        let curves = Curves::of(&fourier, &rings, moved.view(), truth.view());
        assert!(curves.ratio.iter().all(|r| (r - 1.0).abs() < 1e-9));
        assert!(curves.correlation[0] > 0.9 && curves.correlation[7] < curves.correlation[0]);
        let none = Curves::of(&fourier, &rings, Array2::zeros((16, 16)).view(), truth.view());
        assert!(none.correlation.iter().all(|r| *r == 0.0));
    }
}

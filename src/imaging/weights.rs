//! Natural, uniform and Briggs weights of one channel.

use crate::error::{Error, Result};
use crate::gridding::ImageGeometry;
use std::collections::HashMap;
use std::fmt;

/// How samples are weighted against each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weighting {
    /// 1/sigma^2: the least noise.
    Natural,
    /// Every occupied cell of the uv grid counts alike.
    Uniform,
    /// Between the two (Briggs 1995, thesis, section 3.3): robust -2 is nearly uniform, +2 nearly natural.
    Briggs(f64),
}

impl Weighting {
    /// Reads "natural", "uniform" or "briggs:R" with any finite number R.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Weighting> {
        let wrong = || {
            Error::input("unknown weighting")
                .found(format!("\"{text}\""))
                .expected("\"natural\", \"uniform\" or \"briggs:R\" with a number R, as in \"briggs:-0.5\"")
        };
        match text.trim() {
            "natural" => Ok(Weighting::Natural),
            "uniform" => Ok(Weighting::Uniform),
            other => match other.strip_prefix("briggs:").map(|r| r.trim().parse::<f64>()) {
                Some(Ok(robust)) if robust.is_finite() => Ok(Weighting::Briggs(robust)),
                _ => Err(wrong()),
            },
        }
    }
}

impl fmt::Display for Weighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weighting::Natural => write!(f, "natural"),
            Weighting::Uniform => write!(f, "uniform"),
            Weighting::Briggs(robust) => write!(f, "briggs:{robust}"),
        }
    }
}

/// The image is thought padded by this factor when uv cells are counted, as wsclean does.
const PADDING: f64 = 1.2;

/// Imaging weights W of samples at `uvw` (wavelengths) from their natural weights w (same length).
///
/// With N the sum of natural weights in a sample's uv cell: uniform W = w/N; Briggs W = w/(1 + N f^2),
/// f^2 = (5 10^-R)^2 / (sum_cells N^2 / sum_cells N). The cells are wsclean 3.1's: of the image padded by 1.2 and
/// rounded up to even, index floor(u N_padded cell), samples of v < 0 mirrored first. wsclean counts samples where
/// this sums weights: equal for equal weights.
pub fn imaging_weights(weighting: Weighting, geometry: &ImageGeometry, uvw: &[[f64; 3]], natural: &[f64]) -> Vec<f64> {
    if weighting == Weighting::Natural {
        return natural.to_vec();
    }
    let padded = |n: usize| ((PADDING * n as f64).ceil() as usize).next_multiple_of(2) as f64;
    let (scale_u, scale_v) = (padded(geometry.nx) * geometry.dl.abs(), padded(geometry.ny) * geometry.dm.abs());
    let mut index: HashMap<(i64, i64), usize> = HashMap::new();
    let mut sums: Vec<f64> = Vec::new();
    let mut cells = Vec::with_capacity(uvw.len());
    for (c, w) in uvw.iter().zip(natural) {
        let s = if c[1] < 0.0 { -1.0 } else { 1.0 };
        let cell = ((s * c[0] * scale_u).floor() as i64, (s * c[1] * scale_v).floor() as i64);
        let at = *index.entry(cell).or_insert(sums.len());
        if at == sums.len() {
            sums.push(0.0);
        }
        sums[at] += w;
        cells.push(at);
    }
    let f2 = match weighting {
        Weighting::Briggs(robust) => {
            let (total, squares) = sums.iter().fold((0.0, 0.0), |(t, s), n| (t + n, s + n * n));
            Some((5.0 * 10f64.powf(-robust)).powi(2) * total / squares)
        }
        _ => None,
    };
    let weight = |(w, at): (&f64, &usize)| match (*w, f2) {
        (0.0, _) => 0.0,
        (w, Some(f2)) => w / (1.0 + sums[*at] * f2),
        (w, None) => w / sums[*at],
    };
    natural.iter().zip(&cells).map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for text in ["natural", "uniform", "briggs:0", "briggs:-0.5", "briggs:1.25"] {
            assert_eq!(Weighting::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "robust", "briggs", "briggs:", "briggs:x", "briggs:nan", "briggs:inf", "Natural "] {
            assert!(Weighting::parse(text).unwrap_err().to_string().contains("unknown weighting"), "{text}");
        }
    }

    const G: ImageGeometry = ImageGeometry { nx: 256, ny: 256, dl: -1e-3, dm: 1e-3 };

    #[test]
    fn cells_are_those_of_the_padded_image() {
        // 256 -> 308 pixels: one cell is 1/0.308 = 3.2468 wavelengths; the third mirrors onto the second
        let uvw = [[3.2, 0.1, 0.0], [3.3, 0.1, 5.0], [-4.0, -0.2, 0.0], [-0.1, 3.0, 0.0]];
        let natural = [2.0, 1.0, 3.0, 5.0];
        let uniform = imaging_weights(Weighting::Uniform, &G, &uvw, &natural);
        assert_eq!(uniform, [1.0, 0.25, 0.75, 1.0]);
        // N = 2, 4, 5: sum N^2 / sum N = 45/11; robust 0: f^2 = 25 * 11/45
        let f2 = 25.0 * 11.0 / 45.0;
        let expected = [2.0 / (1.0 + 2.0 * f2), 1.0 / (1.0 + 4.0 * f2), 3.0 / (1.0 + 4.0 * f2), 5.0 / (1.0 + 5.0 * f2)];
        let briggs = imaging_weights(Weighting::Briggs(0.0), &G, &uvw, &natural);
        assert!(briggs.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{briggs:?} {expected:?}");
    }

    #[test]
    fn briggs_tends_to_natural_and_uniform() {
        let uvw: Vec<[f64; 3]> = (0..50).map(|i| [f64::from(i * i) * 0.03, f64::from(i) * 0.2 - 4.0, 0.0]).collect();
        let natural: Vec<f64> = (0..50).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
        let of = |weighting| imaging_weights(weighting, &G, &uvw, &natural);
        let (high, low, uniform) = (of(Weighting::Briggs(7.0)), of(Weighting::Briggs(-7.0)), of(Weighting::Uniform));
        for i in 0..50 {
            assert!((high[i] / natural[i] - 1.0).abs() < 1e-9);
            assert!((low[i] / uniform[i] / (low[0] / uniform[0]) - 1.0).abs() < 1e-9);
        }
    }
}

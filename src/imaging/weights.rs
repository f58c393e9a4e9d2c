//! Natural, uniform, Briggs and radial weights.

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
    /// Times sqrt(u^2 + v^2): what a continuous measurement along radii would have (CASA's `radial`).
    Radial,
}

impl Weighting {
    /// Reads "natural", "uniform", "radial" or "briggs:R" with any finite number R.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Weighting> {
        let wrong = || {
            Error::input("unknown weighting")
                .found(format!("\"{text}\""))
                .expected("\"natural\", \"uniform\", \"radial\" or \"briggs:R\" with a number R, as in \"briggs:-0.5\"")
        };
        match text.trim() {
            "natural" => Ok(Weighting::Natural),
            "uniform" => Ok(Weighting::Uniform),
            "radial" => Ok(Weighting::Radial),
            other => match other.strip_prefix("briggs:").map(|r| r.trim().parse::<f64>()) {
                Some(Ok(robust)) if robust.is_finite() => Ok(Weighting::Briggs(robust)),
                _ => Err(wrong()),
            },
        }
    }

    /// Whether it depends on how many other samples fall into a sample's uv cell.
    pub fn counts_cells(self) -> bool {
        matches!(self, Weighting::Uniform | Weighting::Briggs(_))
    }
}

impl fmt::Display for Weighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weighting::Natural => write!(f, "natural"),
            Weighting::Uniform => write!(f, "uniform"),
            Weighting::Radial => write!(f, "radial"),
            Weighting::Briggs(robust) => write!(f, "briggs:{robust}"),
        }
    }
}

/// The image is thought padded by this factor when uv cells are counted, as wsclean does.
const PADDING: f64 = 1.2;
/// Its size is rounded up to a multiple of this: 384 pixels become 464 (`wsclean -v` says "padded to").
const PADDED_TO: usize = 4;

/// Cells along each edge of a tile of [`Density`].
pub(super) const TILE: i64 = 32;

/// Sums of natural weights in the cells of the uv grid.
///
/// The cells are wsclean 3.1's: of the image padded by 1.2 and rounded up to a multiple of 4, index floor(u N_padded cell),
/// samples of v < 0 mirrored first. Only tiles of 32 x 32 cells that hold a sample take memory (8 KiB each), so that
/// a grid of 16384 pixels costs what the uv coverage fills of it.
#[derive(Debug, Clone)]
pub struct Density {
    scale_u: f64,
    scale_v: f64,
    /// Cells along u and v of the whole grid, samples of v < 0 included.
    pub(super) size: (i64, i64),
    /// Where each tile starts in `sums`.
    pub(super) tiles: HashMap<(i64, i64), usize>,
    pub(super) sums: Vec<f64>,
}

impl Density {
    /// No sample yet.
    pub fn new(geometry: &ImageGeometry) -> Density {
        let padded = |n: usize| ((PADDING * n as f64).ceil() as usize).next_multiple_of(PADDED_TO);
        let (nu, nv) = (padded(geometry.nx), padded(geometry.ny));
        Density {
            scale_u: nu as f64 * geometry.dl.abs(),
            scale_v: nv as f64 * geometry.dm.abs(),
            size: (nu as i64, nv as i64),
            tiles: HashMap::new(),
            sums: Vec::new(),
        }
    }

    fn cell(&self, c: &[f64; 3]) -> ((i64, i64), usize) {
        let s = if c[1] < 0.0 { -1.0 } else { 1.0 };
        let (u, v) = ((s * c[0] * self.scale_u).floor() as i64, (s * c[1] * self.scale_v).floor() as i64);
        let within = v.rem_euclid(TILE) * TILE + u.rem_euclid(TILE);
        ((u.div_euclid(TILE), v.div_euclid(TILE)), within as usize)
    }

    /// Adds samples at `uvw` (wavelengths) of natural weights `natural` (same length).
    pub fn add(&mut self, uvw: &[[f64; 3]], natural: &[f64]) {
        // neighbours in a list are often neighbours in uv
        let mut last: Option<((i64, i64), usize)> = None;
        for (c, w) in uvw.iter().zip(natural) {
            let (tile, within) = self.cell(c);
            let start = match last {
                Some((known, start)) if known == tile => start,
                _ => {
                    let next = self.sums.len();
                    let start = *self.tiles.entry(tile).or_insert(next);
                    if start == next {
                        self.sums.resize(next + (TILE * TILE) as usize, 0.0);
                    }
                    start
                }
            };
            last = Some((tile, start));
            self.sums[start + within] += w;
        }
    }

    /// N of the cell at `c` (wavelengths); 0 where no sample was added.
    fn at(&self, c: &[f64; 3]) -> f64 {
        let (tile, within) = self.cell(c);
        self.tiles.get(&tile).map_or(0.0, |start| self.sums[start + within])
    }

    /// f^2 = (5 10^-R)^2 / (sum_cells N^2 / sum_cells N).
    fn briggs_f2(&self, robust: f64) -> f64 {
        let (total, squares) = self.sums.iter().fold((0.0, 0.0), |(t, s), n| (t + n, s + n * n));
        (5.0 * 10f64.powf(-robust)).powi(2) * total / squares
    }

    /// Imaging weights of samples that were added before; other samples may have been, too (multi-frequency
    /// weighting: the sums of all channels). A cell's weight is at most `rank_level` times the mean around it.
    pub fn weights(
        &self,
        weighting: Weighting,
        uvw: &[[f64; 3]],
        natural: &[f64],
        rank_level: Option<f64>,
    ) -> Vec<f64> {
        let f2 = match weighting {
            Weighting::Briggs(robust) => self.briggs_f2(robust),
            _ => 0.0,
        };
        let factor = |n: f64| if weighting == Weighting::Uniform { 1.0 / n } else { 1.0 / (1.0 + n * f2) };
        let limited = rank_level.filter(|_| weighting.counts_cells()).map(|level| self.limited(factor, level));
        let weight = |(c, w): (&[f64; 3], &f64)| match (weighting, &limited) {
            _ if *w == 0.0 => 0.0,
            (Weighting::Natural, _) => *w,
            (Weighting::Radial, _) => w * c[0].hypot(c[1]),
            (_, Some(limited)) => w * limited.at(c),
            (_, None) => w * factor(self.at(c)),
        };
        uvw.iter().zip(natural).map(weight).collect()
    }
}

/// Imaging weights W of samples at `uvw` (wavelengths) from their natural weights w (same length).
///
/// With N the sum of natural weights in a sample's uv cell ([`Density`]): uniform W = w/N; Briggs W = w/(1 + N f^2),
/// f^2 = (5 10^-R)^2 / (sum_cells N^2 / sum_cells N). Natural weights are w itself, neither gridded nor smoothed.
/// `rank_level` is that of [`Density::weights`].
pub fn imaging_weights(
    weighting: Weighting,
    geometry: &ImageGeometry,
    uvw: &[[f64; 3]],
    natural: &[f64],
    rank_level: Option<f64>,
) -> Vec<f64> {
    let mut density = Density::new(geometry);
    if weighting.counts_cells() {
        density.add(uvw, natural);
    }
    density.weights(weighting, uvw, natural, rank_level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for text in ["natural", "uniform", "radial", "briggs:0", "briggs:-0.5", "briggs:1.25"] {
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
        let uniform = imaging_weights(Weighting::Uniform, &G, &uvw, &natural, None);
        assert_eq!(uniform, [1.0, 0.25, 0.75, 1.0]);
        // N = 2, 4, 5: sum N^2 / sum N = 45/11; robust 0: f^2 = 25 * 11/45
        let f2 = 25.0 * 11.0 / 45.0;
        let expected = [2.0 / (1.0 + 2.0 * f2), 1.0 / (1.0 + 4.0 * f2), 3.0 / (1.0 + 4.0 * f2), 5.0 / (1.0 + 5.0 * f2)];
        let briggs = imaging_weights(Weighting::Briggs(0.0), &G, &uvw, &natural, None);
        assert!(briggs.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{briggs:?} {expected:?}");
    }

    #[test]
    fn briggs_tends_to_natural_and_uniform() {
        let uvw: Vec<[f64; 3]> = (0..50).map(|i| [f64::from(i * i) * 0.03, f64::from(i) * 0.2 - 4.0, 0.0]).collect();
        let natural: Vec<f64> = (0..50).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
        let of = |weighting| imaging_weights(weighting, &G, &uvw, &natural, None);
        let (high, low, uniform) = (of(Weighting::Briggs(7.0)), of(Weighting::Briggs(-7.0)), of(Weighting::Uniform));
        for i in 0..50 {
            assert!((high[i] / natural[i] - 1.0).abs() < 1e-9);
            assert!((low[i] / uniform[i] / (low[0] / uniform[0]) - 1.0).abs() < 1e-9);
        }
    }

    /// Naive twin: cells compared pair by pair, with the rule written out.
    #[test]
    fn sums_of_cells_are_those_of_all_pairs() {
        let mut random = crate::math::random::Stream::new(5, [1, 0, 0]);
        let uvw: Vec<[f64; 3]> =
            (0..700).map(|_| [0, 1, 2].map(|i| 300.0 * random.normal() * f64::from(2 - i))).collect();
        let natural: Vec<f64> = (0..700).map(|_| random.uniform()).collect();
        let cell = |c: &[f64; 3]| {
            let s = c[1].signum();
            [(s * c[0] * 0.308).floor(), (s * c[1] * 0.308).floor()]
        };
        let n = |c: &[f64; 3]| -> f64 {
            uvw.iter().zip(&natural).filter(|(other, _)| cell(other) == cell(c)).map(|(_, w)| w).sum()
        };
        // sum over cells of N^2 is the sum over samples of w N
        let squares: f64 = uvw.iter().zip(&natural).map(|(c, w)| w * n(c)).sum();
        let f2 = 2.5f64.powi(2) * natural.iter().sum::<f64>() / squares;
        let robust = (5.0f64 / 2.5).log10();
        for (weighting, expected) in [
            (Weighting::Uniform, (|_, w, n| w / n) as fn(f64, f64, f64) -> f64),
            (Weighting::Briggs(robust), |f2, w, n| w / (1.0 + n * f2)),
        ] {
            let got = imaging_weights(weighting, &G, &uvw, &natural, None);
            for ((c, w), got) in uvw.iter().zip(&natural).zip(got) {
                let expected = expected(f2, *w, n(c));
                assert!((got - expected).abs() < 1e-12 * expected, "{weighting}: {got} {expected}");
            }
        }
        let radial = imaging_weights(Weighting::Radial, &G, &uvw, &natural, None);
        assert!((0..700).all(|i| radial[i] == natural[i] * uvw[i][0].hypot(uvw[i][1])));
    }

    #[test]
    fn multi_frequency_sums_are_those_of_all_channels() {
        let scaled = |f: f64| -> Vec<[f64; 3]> {
            (0..90).map(|i| [f * f64::from(i * i) * 0.02, f * (f64::from(i) - 30.0), 0.0]).collect()
        };
        let channels = [scaled(1.0), scaled(1.1), scaled(1.3)];
        let natural = vec![1.5; 90];
        let mut density = Density::new(&G);
        channels.iter().for_each(|uvw| density.add(uvw, &natural));
        let together = imaging_weights(Weighting::Briggs(0.0), &G, &channels.concat(), &vec![1.5; 270], None);
        let apart: Vec<f64> =
            channels.iter().flat_map(|uvw| density.weights(Weighting::Briggs(0.0), uvw, &natural, None)).collect();
        assert_eq!(together, apart);
    }
}

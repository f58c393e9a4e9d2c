//! Samples with their imaging weights, and what follows from the weights alone: noise, frequency, shares of beams.

use super::dirty::ImageParams;
use super::primary_beam::BeamTerm;
use super::samples::{PlaneSamples, Samples};
use super::weights::Density;
use rustfft::num_complex::Complex64;
use std::collections::BTreeMap;

/// Thermal noise of a dirty image, Jy per beam, as the natural weights 1/sigma^2 predict it; 0 without samples.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Noise {
    /// sqrt(sum W^2 sigma^2) / sum W.
    pub image_jy: f64,
    /// The least that these visibilities allow: 1 / sqrt(sum 1/sigma^2) of all samples within the image's Nyquist
    /// limit, whatever their baseline.
    pub natural_jy: f64,
}

impl Noise {
    /// By how much the noise exceeds that of natural weights: at least 1; 0 without samples.
    pub fn loss(&self) -> f64 {
        if self.natural_jy > 0.0 { self.image_jy / self.natural_jy } else { 0.0 }
    }
}

/// Sums over weighted samples; those of the blocks of a plane add up to the plane's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sums {
    /// Imaging weights W.
    pub imaging: f64,
    /// W^2 sigma^2.
    pub variance: f64,
    /// Natural weights of all samples within the image's Nyquist limit, also of those outside the range of baselines.
    pub natural: f64,
    /// W times frequency (Hz).
    pub frequency: f64,
    /// What became of the samples.
    pub samples: Samples,
}

impl Sums {
    /// Those of more samples.
    pub fn add(&mut self, other: &Sums) {
        self.imaging += other.imaging;
        self.variance += other.variance;
        self.natural += other.natural;
        self.frequency += other.frequency;
        self.samples.add(&other.samples);
    }

    /// Thermal noise that the weights predict.
    pub fn noise(&self) -> Noise {
        if self.imaging > 0.0 {
            Noise { image_jy: self.variance.sqrt() / self.imaging, natural_jy: 1.0 / self.natural.sqrt() }
        } else {
            Noise::default()
        }
    }

    /// Mean frequency of the samples by imaging weights, Hz; `None` without samples.
    pub fn mean_freq_hz(&self) -> Option<f64> {
        (self.imaging > 0.0).then(|| self.frequency / self.imaging)
    }
}

/// Samples of one plane, or of some of its channels, that have weight.
#[derive(Debug)]
pub struct WeightedSamples {
    samples: PlaneSamples,
    /// As many as samples.
    weights: Vec<f64>,
    sums: Sums,
}

impl WeightedSamples {
    /// Weights the samples, by the sums of `density` where weights count cells and it is given (those of all samples of
    /// a plane or, in multi-frequency weighting, of a file), else by their own. As in wsclean the cells count all
    /// samples, also those that the range of baselines leaves out afterwards.
    pub fn new(mut samples: PlaneSamples, density: Option<&Density>, params: &ImageParams) -> WeightedSamples {
        let own;
        let density = match density {
            Some(density) => density,
            None => {
                let mut sums = Density::new(&params.geometry);
                if params.weighting.counts_cells() {
                    sums.add(&samples.uvw, &samples.natural);
                }
                own = sums;
                &own
            }
        };
        let mut weights = density.weights(params.weighting, &samples.uvw, &samples.natural, params.taper.rank_level);
        let natural = samples.natural.iter().sum();
        for (w, c) in weights.iter_mut().zip(&samples.uvw) {
            *w *= params.taper.factor(c[0], c[1]);
        }
        drop_unweighted(&mut samples, &mut weights);
        let (mut frequency, mut start) = (0.0, 0);
        for (freq_hz, end) in &samples.channels {
            frequency += freq_hz * weights[start..*end].iter().sum::<f64>();
            start = *end;
        }
        let sums = Sums {
            imaging: weights.iter().sum(),
            variance: weights.iter().zip(&samples.natural).map(|(w, n)| w * w / n).sum(),
            natural,
            frequency,
            samples: samples.counts,
        };
        WeightedSamples { samples, weights, sums }
    }

    /// (u, v, w), wavelengths.
    pub fn uvw(&self) -> &[[f64; 3]] {
        &self.samples.uvw
    }

    /// Jy.
    pub fn vis(&self) -> &[Complex64] {
        &self.samples.vis
    }

    /// Imaging weights.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Their sums.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Whether samples are equal and weights, but for a common factor.
    pub(super) fn proportional(&self, other: &WeightedSamples) -> bool {
        let (a, b) = (self.sums.imaging, other.sums.imaging);
        let equal = |(x, y): (&f64, &f64)| (x * b - y * a).abs() <= 1e-14 * x * b;
        self.uvw() == other.uvw() && self.weights.iter().zip(&other.weights).all(equal)
    }

    /// The weight that each pair of station classes has at each frequency; `class_of` are the classes of the two
    /// stations of a row.
    pub fn beam_terms(&self, class_of: impl Fn(usize) -> [usize; 2]) -> Vec<BeamTerm> {
        let mut terms = Vec::new();
        let mut start = 0;
        for (freq_hz, end) in &self.samples.channels {
            let mut of_pair: BTreeMap<[usize; 2], f64> = BTreeMap::new();
            for (row, w) in self.samples.row[start..*end].iter().zip(&self.weights[start..*end]) {
                let [a, b] = class_of(*row as usize);
                *of_pair.entry([a.min(b), a.max(b)]).or_default() += w;
            }
            terms.extend(of_pair.into_iter().map(|(pair, weight)| BeamTerm { pair, freq_hz: *freq_hz, weight }));
            start = *end;
        }
        terms
    }
}

/// Takes out the samples that the taper gave no weight.
fn drop_unweighted(samples: &mut PlaneSamples, weights: &mut Vec<f64>) {
    if weights.iter().all(|w| *w > 0.0) {
        return;
    }
    let (mut kept, mut start) = (0, 0);
    for (_, end) in &mut samples.channels {
        for k in start..*end {
            if weights[k] > 0.0 {
                weights[kept] = weights[k];
                samples.uvw[kept] = samples.uvw[k];
                samples.vis[kept] = samples.vis[k];
                samples.natural[kept] = samples.natural[k];
                samples.row[kept] = samples.row[k];
                kept += 1;
            }
        }
        start = *end;
        *end = kept;
    }
    samples.counts.outside_range = weights.len() - kept;
    samples.counts.used = kept;
    weights.truncate(kept);
    samples.uvw.truncate(kept);
    samples.vis.truncate(kept);
    samples.natural.truncate(kept);
    samples.row.truncate(kept);
}

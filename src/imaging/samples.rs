//! The samples of one plane: what of a visibility table can be gridded.

use super::dirty::ImageParams;
use super::stokes::{FeedAngles, Stokes};
use crate::error::{Error, Result};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::units::C_M_S;
use rustfft::num_complex::Complex64;
use std::ops::Range;

/// What became of the samples of one plane.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Samples {
    /// Gridded.
    pub used: usize,
    /// Left out because flagged or of weight 0.
    pub flagged: usize,
    /// With |u| |dl| >= 0.5 or |v| |dm| >= 0.5: left out, unless the request keeps them.
    pub beyond_nyquist: usize,
    /// Share of the natural weight (0 to 1) that lies beyond Nyquist.
    pub beyond_nyquist_weight: f64,
    /// Left out because shorter or longer than the range of baselines that was asked for.
    pub outside_range: usize,
    /// Natural weight of all that is not flagged, Jy^-2.
    pub natural_weight: f64,
    /// Largest |u| or |v| of all that is not flagged, wavelengths.
    pub longest_wavelengths: f64,
}

impl Samples {
    /// Those of more samples.
    pub fn add(&mut self, other: &Samples) {
        let beyond = [*self, *other].map(|s| s.beyond_nyquist_weight * s.natural_weight).iter().sum::<f64>();
        self.used += other.used;
        self.flagged += other.flagged;
        self.beyond_nyquist += other.beyond_nyquist;
        self.outside_range += other.outside_range;
        self.natural_weight += other.natural_weight;
        self.beyond_nyquist_weight = if self.natural_weight > 0.0 { beyond / self.natural_weight } else { 0.0 };
        self.longest_wavelengths = self.longest_wavelengths.max(other.longest_wavelengths);
    }
}

/// Unflagged samples of the channels of one plane, in the order of channels, then rows.
#[derive(Debug, Clone, Default)]
pub struct PlaneSamples {
    /// (u, v, w), wavelengths.
    pub(super) uvw: Vec<[f64; 3]>,
    /// Jy.
    pub(super) vis: Vec<Complex64>,
    /// Natural weights, Jy^-2.
    pub(super) natural: Vec<f64>,
    /// Row of the table.
    pub(super) row: Vec<u32>,
    /// Frequency (Hz) of each channel, and the number of samples up to its end.
    pub(super) channels: Vec<(f64, usize)>,
    pub(super) counts: Samples,
    weight_beyond: f64,
}

impl PlaneSamples {
    /// Samples of bare arrays: `uvw` in wavelengths, weight 0 means flagged.
    ///
    /// # Errors
    /// Lengths that differ; weights that are negative or no number, values of used samples that are not finite.
    pub fn of_arrays(
        uvw: &[[f64; 3]],
        vis: &[Complex64],
        natural: &[f64],
        params: &ImageParams,
    ) -> Result<PlaneSamples> {
        if uvw.len() != vis.len() || uvw.len() != natural.len() {
            return Err(Error::input("uvw, visibilities and weights differ in number").found(format!(
                "{}, {} and {}",
                uvw.len(),
                vis.len(),
                natural.len()
            )));
        }
        let mut samples = PlaneSamples::default();
        for (k, ((c, v), w)) in uvw.iter().zip(vis).zip(natural).enumerate() {
            samples.push(*c, *v, *w, k, params).map_err(|e| e.place(format!("visibility {k}")))?;
        }
        samples.end_channel(0.0);
        Ok(samples)
    }

    /// Samples of `channels` of `table` in one Stokes parameter. `angles` turn the feeds back to the sky; without them
    /// Stokes I is (XX + YY)/2. The weight of a sample is the inverse variance of what it is made of:
    /// 1 / sum |c_k|^2 / w_k. `first_channel` is the number of the table's channel 0 in the words of errors.
    ///
    /// # Errors
    /// Weights, visibilities or uvw of unflagged samples that are not finite (with row and channel); a Stokes
    /// parameter that the table does not have.
    pub fn of_table(
        table: &VisibilityTable,
        channels: Range<usize>,
        first_channel: usize,
        stokes: Stokes,
        angles: Option<&FeedAngles>,
        params: &ImageParams,
    ) -> Result<PlaneSamples> {
        if table.polarisations == Polarisations::I && stokes != Stokes::I {
            return Err(Error::input("the visibilities are of Stokes I alone")
                .found(format!("a request for {stokes}"))
                .expected("polarisations XX,XY,YX,YY")
                .hint("observe with observation.polarisations = \"XX,XY,YX,YY\""));
        }
        if stokes.needs_angles() && angles.is_none() {
            return Err(Error::input("Stokes Q, U and V need the parallactic angles of the stations")
                .found("no telescope")
                .hint("name it: --telescope NAME"));
        }
        let constant = stokes.coefficients(None);
        let mut samples = PlaneSamples::default();
        for channel in channels {
            let freq_hz = table.freq_hz[channel];
            let number = first_channel + channel;
            if !(freq_hz.is_finite() && freq_hz > 0.0) {
                return Err(Error::input("a channel's frequency is not a positive number")
                    .found(freq_hz)
                    .place(format!("channel {number}")));
            }
            let per_m = freq_hz / C_M_S;
            for row in 0..table.uvw_m.nrows() {
                let (v, w) = match table.polarisations {
                    Polarisations::I if table.flag[[row, channel, 0]] => (Complex64::ZERO, 0.0),
                    Polarisations::I => (table.vis[[row, channel, 0]], f64::from(table.weight[[row, channel, 0]])),
                    Polarisations::Linear => {
                        let turned = angles.filter(|_| stokes.needs_angles() || stokes == Stokes::I);
                        let c = turned.map_or(constant, |a| stokes.coefficients(Some(a.of_row(row))));
                        combine(table, row, channel, &c)
                    }
                };
                let uvw = [0, 1, 2].map(|i| table.uvw_m[[row, i]] * per_m);
                samples.push(uvw, v, w, row, params).map_err(|e| e.place(format!("row {row}, channel {number}")))?;
            }
            samples.end_channel(freq_hz);
        }
        Ok(samples)
    }

    fn push(&mut self, uvw: [f64; 3], vis: Complex64, weight: f64, row: usize, params: &ImageParams) -> Result<()> {
        if weight == 0.0 {
            self.counts.flagged += 1;
            return Ok(());
        }
        if !(weight.is_finite() && weight > 0.0) {
            return Err(Error::input("an unflagged weight is not a positive number").found(weight));
        }
        if !vis.is_finite() {
            return Err(Error::input("an unflagged visibility is not a finite number")
                .found(vis)
                .hint("flag it, or give it weight 0"));
        }
        if !uvw.iter().all(|x| x.is_finite()) {
            return Err(Error::input("the uvw of an unflagged visibility is not finite").found(format!("{uvw:?}")));
        }
        let g = &params.geometry;
        self.counts.natural_weight += weight;
        self.counts.longest_wavelengths = self.counts.longest_wavelengths.max(uvw[0].abs()).max(uvw[1].abs());
        if (uvw[0] * g.dl).abs() >= 0.5 || (uvw[1] * g.dm).abs() >= 0.5 {
            self.counts.beyond_nyquist += 1;
            self.weight_beyond += weight;
            if !params.keep_beyond_nyquist {
                return Ok(());
            }
        }
        self.uvw.push(uvw);
        self.vis.push(vis);
        self.natural.push(weight);
        self.row.push(row as u32);
        Ok(())
    }

    fn end_channel(&mut self, freq_hz: f64) {
        self.channels.push((freq_hz, self.uvw.len()));
        self.counts.used = self.uvw.len();
        if self.counts.natural_weight > 0.0 {
            self.counts.beyond_nyquist_weight = self.weight_beyond / self.counts.natural_weight;
        }
    }

    /// (u, v, w) in wavelengths.
    pub fn uvw(&self) -> &[[f64; 3]] {
        &self.uvw
    }

    /// Natural weights, Jy^-2.
    pub fn natural(&self) -> &[f64] {
        &self.natural
    }
}

/// The sum of c_k V_k and its weight; weight 0 where a product that takes part is flagged or has none.
fn combine(table: &VisibilityTable, row: usize, channel: usize, c: &[Complex64; 4]) -> (Complex64, f64) {
    let (mut value, mut variance) = (Complex64::ZERO, 0.0);
    for (k, c) in c.iter().enumerate().filter(|(_, c)| **c != Complex64::ZERO) {
        let weight = f64::from(table.weight[[row, channel, k]]);
        if table.flag[[row, channel, k]] || weight == 0.0 {
            return (Complex64::ZERO, 0.0);
        }
        if !(weight.is_finite() && weight > 0.0) {
            return (Complex64::ZERO, f64::NAN);
        }
        value += c * table.vis[[row, channel, k]];
        variance += c.norm_sqr() / weight;
    }
    (value, 1.0 / variance)
}

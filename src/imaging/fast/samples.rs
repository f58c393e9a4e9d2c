//! The samples of a table as the fast path needs them: imaging weights without visibilities, and classes of baselines.

use super::super::dirty::ImageParams;
use super::super::weights::imaging_weights;
use crate::error::{Error, Result};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::telescope::beam::StationBeams;
use crate::units::C_M_S;
use crate::visibilities::Instant;

/// What is the same in every channel.
pub(super) struct Baselines {
    /// Pairs of beam classes; one entry without beams.
    pub classes: Vec<Option<(usize, usize)>>,
    /// Index into `classes` of each row.
    class_of: Vec<u16>,
    /// cos of the difference of the stations' parallactic angles: (XX + YY)/2 of linear feeds is that times the
    /// visibility of I. Empty where it is 1.
    gain: Vec<f64>,
}

/// The used samples of one channel.
pub(super) struct ChannelSamples {
    pub uvw: Vec<[f64; 3]>,
    pub class: Vec<u16>,
    /// W times the gain of the row, over the sum of all W.
    pub response: Vec<f64>,
    /// W^2 sigma^2 over the squared sum of all W.
    pub power: Vec<f64>,
    pub sum_weights: f64,
    /// Share of the natural weight beyond Nyquist, left out as the visibility route leaves it out.
    pub beyond_nyquist_weight: f64,
}

impl Baselines {
    /// Groups the rows of `table` as prediction by the grid does.
    pub fn new(table: &VisibilityTable, station: Option<(&[Instant], &StationBeams)>) -> Result<Baselines> {
        let rows = table.uvw_m.nrows();
        let shape = (rows, table.freq_hz.len(), table.polarisations.count());
        if table.uvw_m.ncols() != 3 || table.weight.dim() != shape || table.flag.dim() != shape {
            return Err(Error::input("the arrays of the visibility table do not fit together")
                .found(format!(
                    "weight {:?}, flag {:?}, uvw {:?}",
                    table.weight.dim(),
                    table.flag.dim(),
                    table.uvw_m.dim()
                ))
                .expected(format!("{shape:?} (row, channel, polarisation) and [{rows}, 3]")));
        }
        let Some((instants, beams)) = station else {
            if table.polarisations != Polarisations::I {
                return Err(Error::input("a bare uvw set can only be imaged in Stokes I by the fast path")
                    .found(table.polarisations.name())
                    .expected("I, or the stations and time steps of the table"));
            }
            return Ok(Baselines { classes: vec![None], class_of: vec![0; rows], gain: Vec::new() });
        };
        beams.require_circular("imaging by PSFs")?;
        let (stations, steps) = (beams.class_of.len(), instants.len());
        let fits = steps > 0
            && rows.is_multiple_of(steps)
            && [table.antenna1.len(), table.antenna2.len(), table.time_mjd_utc.len()].iter().all(|n| *n == rows)
            && table.antenna1.iter().chain(&table.antenna2).all(|a| (*a as usize) < stations)
            && instants.iter().all(|i| i.zenith.len() == stations)
            && table.time_mjd_utc.iter().enumerate().all(|(row, t)| *t == instants[row / (rows / steps)].mjd_utc);
        if !fits {
            return Err(Error::input("the visibility table does not belong to the given stations and time steps")
                .found(format!("{rows} rows; {stations} stations with beams, {steps} time steps"))
                .expected("a table of the same telescope and track"));
        }
        let mut classes: Vec<Option<(usize, usize)>> = Vec::new();
        let mut class_of = Vec::with_capacity(rows);
        for (p, q) in table.antenna1.iter().zip(&table.antenna2) {
            let (a, b) = (beams.class_of[*p as usize], beams.class_of[*q as usize]);
            let unity = beams.classes[a].is_unity() && beams.classes[b].is_unity();
            let class = (!unity).then_some((a.min(b), a.max(b)));
            let found = classes.iter().position(|known| *known == class);
            class_of.push(found.unwrap_or_else(|| {
                classes.push(class);
                classes.len() - 1
            }) as u16);
        }
        let gain = match table.polarisations {
            Polarisations::I => Vec::new(),
            Polarisations::Linear => {
                let angles: Vec<Vec<(f64, f64)>> = instants
                    .iter()
                    .map(|i| (0..stations).map(|s| i.parallactic(s, table.phase_centre)).collect())
                    .collect();
                (0..rows)
                    .map(|row| {
                        let here = &angles[row / (rows / steps)];
                        let ((cp, sp), (cq, sq)) =
                            (here[table.antenna1[row] as usize], here[table.antenna2[row] as usize]);
                        cp * cq + sp * sq
                    })
                    .collect()
            }
        };
        Ok(Baselines { classes, class_of, gain })
    }

    /// The used samples of channel `channel` and their weights: those that [`crate::imaging::make_images`] would use.
    pub fn channel(&self, table: &VisibilityTable, channel: usize, params: &ImageParams) -> Result<ChannelSamples> {
        let (g, freq_hz) = (params.geometry, table.freq_hz[channel]);
        if !(freq_hz.is_finite() && freq_hz > 0.0) {
            return Err(Error::input("a channel's frequency is not a positive number").found(freq_hz));
        }
        let per_m = freq_hz / C_M_S;
        let (mut uvw, mut natural, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        let (mut all, mut beyond) = (0.0, 0.0);
        for row in 0..table.uvw_m.nrows() {
            let place = || format!("row {row}, channel {channel}");
            let w = stokes_i_weight(
                table.polarisations,
                |product| f64::from(table.weight[[row, channel, product]]),
                |product| table.flag[[row, channel, product]],
            );
            if !(w.is_finite() && w >= 0.0) {
                return Err(Error::input("an unflagged weight is not a positive number").found(w).place(place()));
            }
            if w == 0.0 {
                continue;
            }
            let c = [0, 1, 2].map(|k| table.uvw_m[[row, k]] * per_m);
            if !c.iter().all(|x| x.is_finite()) {
                return Err(Error::input("the uvw of an unflagged visibility is not finite").place(place()));
            }
            all += w;
            if (c[0] * g.dl).abs() >= 0.5 || (c[1] * g.dm).abs() >= 0.5 {
                beyond += w;
                if !params.keep_beyond_nyquist {
                    continue;
                }
            }
            uvw.push(c);
            natural.push(w);
            rows.push(row);
        }
        let mut weight = imaging_weights(params.weighting, &g, &uvw, &natural, params.taper.rank_level);
        for (w, c) in weight.iter_mut().zip(&uvw) {
            *w *= params.taper.factor(c[0], c[1]);
        }
        let sum_weights: f64 = weight.iter().sum();
        let scale = if sum_weights > 0.0 { 1.0 / sum_weights } else { 0.0 };
        let gain = |row: usize| self.gain.get(row).copied().unwrap_or(1.0);
        // what the range of baselines leaves out is of no use to anything below
        let used: Vec<usize> = (0..weight.len()).filter(|k| weight[*k] > 0.0).collect();
        Ok(ChannelSamples {
            class: used.iter().map(|k| self.class_of[rows[*k]]).collect(),
            response: used.iter().map(|k| weight[*k] * gain(rows[*k]) * scale).collect(),
            power: used.iter().map(|k| (weight[*k] * scale).powi(2) / natural[*k]).collect(),
            beyond_nyquist_weight: if all > 0.0 { beyond / all } else { 0.0 },
            uvw: used.iter().map(|k| uvw[*k]).collect(),
            sum_weights,
        })
    }
}

/// Natural weight of Stokes I: that of the mean of XX and YY where there are both; 0 where it is flagged.
fn stokes_i_weight(polarisations: Polarisations, weight: impl Fn(usize) -> f64, flag: impl Fn(usize) -> bool) -> f64 {
    match polarisations {
        Polarisations::I if flag(0) => 0.0,
        Polarisations::I => weight(0),
        Polarisations::Linear if flag(0) || flag(3) || weight(0) == 0.0 || weight(3) == 0.0 => 0.0,
        Polarisations::Linear => {
            let (xx, yy) = (weight(0), weight(3));
            let usable = xx > 0.0 && yy > 0.0 && xx.is_finite() && yy.is_finite();
            if usable { 4.0 / (1.0 / xx + 1.0 / yy) } else { f64::NAN }
        }
    }
}

//! What became of the samples of an observation before imaging, told from the flags of its table alone: a run
//! that takes up an earlier run's visibilities reports the same as that one.

use super::params::Settings;
use super::plan;
use crate::error::Result;
use crate::formats::visibilities::VisibilityTable;
use crate::visibilities::{Track, new_table};
use ndarray::s;

/// Samples that prediction left out of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct LeftOut {
    /// Their number.
    pub samples: usize,
    /// Their weight, and that of all samples of the channel (rows that are flagged as a whole apart).
    weight: f64,
    all: f64,
}

impl LeftOut {
    /// Their share of the channel's weight.
    pub(super) fn weight_share(&self) -> f64 {
        if self.all > 0.0 { self.weight / self.all } else { 0.0 }
    }
}

/// Rows flagged for the target's elevation, and samples beyond the Nyquist limit of the sky's pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sampling {
    pub rows: usize,
    /// Rows flagged before the prediction: the target is too low.
    pub rows_too_low: usize,
    /// Samples (row x channel) of the other rows.
    pub samples: usize,
    /// What the prediction flagged, a channel each.
    pub channels: Vec<LeftOut>,
}

/// Why rows of an observation are flagged before anything is predicted.
pub(super) const TOO_LOW: &str = "the target is too low";

impl Sampling {
    /// Rows of which every sample is flagged.
    pub(super) fn flagged_rows(table: &VisibilityTable) -> Vec<bool> {
        table.flag.outer_iter().map(|row| !row.is_empty() && row.iter().all(|f| *f)).collect()
    }

    /// Rows that the elevation limit flags, without anything predicted.
    pub(super) fn low_rows(settings: &Settings, track: &Track) -> Result<Vec<bool>> {
        let (telescope, observation) = (&settings.telescope.telescope, &settings.observation);
        let lowest = plan::min_elevation_rad(observation, telescope);
        // the limit is the same at every frequency
        let (table, ..) = new_table(telescope, track, &[1.0], 1.0, observation.polarisations, lowest)?;
        Ok(Sampling::flagged_rows(&table))
    }

    /// Counts the flags of a predicted table whose rows `low` were flagged before.
    pub(super) fn of(table: &VisibilityTable, low: &[bool]) -> Sampling {
        let mut sampling = Sampling::empty(table.freq_hz.len());
        sampling.add(table, low, 0);
        sampling
    }

    /// Of no rows.
    pub(super) fn empty(channels: usize) -> Sampling {
        Sampling { rows: 0, rows_too_low: 0, samples: 0, channels: vec![LeftOut::default(); channels] }
    }

    /// Counts a part of an observation, channels from `first` on. Rows count with channel 0.
    pub(super) fn add(&mut self, table: &VisibilityTable, low: &[bool], first: usize) {
        let (rows, channels, _) = table.vis.dim();
        let too_low = low.iter().filter(|l| **l).count();
        if first == 0 {
            self.rows += rows;
            self.rows_too_low += too_low;
        }
        self.samples += (rows - too_low) * channels;
        for channel in 0..channels {
            let left_out = &mut self.channels[first + channel];
            for row in (0..rows).filter(|row| !low[*row]) {
                let w = f64::from(table.weight[[row, channel, 0]]);
                left_out.all += w;
                if table.flag.slice(s![row, channel, ..]).iter().all(|f| *f) {
                    left_out.samples += 1;
                    left_out.weight += w;
                }
            }
        }
    }

    /// Samples left out of all channels.
    pub(super) fn left_out(&self) -> usize {
        self.channels.iter().map(|c| c.samples).sum()
    }

    /// What the user should know; `why` says what flagged rows before the prediction.
    pub(super) fn notes(&self, why: &str) -> Vec<String> {
        let mut notes = Vec::new();
        if self.rows_too_low > 0 {
            notes.push(format!("{} of {} rows are flagged: {why}", self.rows_too_low, self.rows));
        }
        let (left_out, samples) = (self.left_out(), self.samples);
        if left_out > 0 {
            notes.push(format!(
                "{left_out} of {samples} samples lie beyond the Nyquist limit of the sky's pixels and are left out"
            ));
        }
        notes
    }
}

//! The times and baselines that a configuration asks for.

use super::params::{ObservationSettings, PointingChoice, Settings, TimeRange};
use crate::error::{Error, Result};
use crate::formats::visibilities::Polarisations;
use crate::math::machine_memory;
use crate::telescope::{Telescope, enu_to_offset};
use crate::units::{DAY_S, DEG_RAD};
use crate::visibilities::{FrameReport, Instant, Pointing, Track, new_table};

/// Elevation below which samples are flagged where the configuration does not say: 30 deg for
/// aperture arrays that look up (SKA-Low), 15 deg for dishes.
pub(super) fn min_elevation_rad(settings: &ObservationSettings, telescope: &Telescope) -> f64 {
    settings.min_elevation_rad.unwrap_or_else(|| {
        let low = telescope.stations.iter().any(|s| s.kind == "ska-low");
        if low { 30.0 * DEG_RAD } else { 15.0 * DEG_RAD }
    })
}

/// The time steps of an observation.
pub(super) fn track(settings: &ObservationSettings, telescope: &Telescope) -> Result<Track> {
    let start_mjd_utc = match settings.time {
        TimeRange::Start { mjd_utc } => mjd_utc,
        TimeRange::HourAngle { start_rad, after_mjd_utc } => settings.earth.time_of_hour_angle(
            settings.phase_centre.unit_vector(),
            telescope.reference().lon_rad,
            start_rad,
            after_mjd_utc,
        )?,
    };
    let middle = start_mjd_utc + 0.5 * settings.length_s / DAY_S;
    let pointing = match settings.pointing {
        PointingChoice::PhaseCentre => Pointing::PhaseCentre,
        PointingChoice::Drift => {
            let rotation = settings.earth.celestial_to_terrestrial(middle)?;
            let towards = settings.phase_centre.unit_vector();
            Pointing::Fixed([0, 1, 2].map(|row| (0..3).map(|k| rotation[row][k] * towards[k]).sum()))
        }
        PointingChoice::Horizon([azimuth, elevation]) => {
            let ((sin_az, cos_az), (sin_el, cos_el)) = (azimuth.sin_cos(), elevation.sin_cos());
            Pointing::Fixed(enu_to_offset([cos_el * sin_az, cos_el * cos_az, sin_el], telescope.reference()))
        }
    };
    Ok(Track {
        phase_centre: settings.phase_centre,
        earth: settings.earth,
        start_mjd_utc,
        step_s: settings.length_s / settings.steps as f64,
        steps: settings.steps,
        pointing,
    })
}

/// Whether each row's baseline can be used is decided by geometry alone: uvw of the rows (m) with the stations of
/// each, those that are too low left out.
#[derive(Debug)]
pub(super) struct UsableRows {
    /// uvw of the rows that are not flagged, m, and their two stations.
    pub rows: Vec<([f64; 3], [u32; 2])>,
    /// How many there are, and how many are too low.
    pub report: FrameReport,
}

/// A row of one channel while it is made and sorted out.
const ROW_BYTES: f64 = 120.0;

/// The rows of a track; an error unless some are high enough, before any computing starts.
pub(super) fn require_up(settings: &Settings, track: &Track) -> Result<UsableRows> {
    let telescope = &settings.telescope.telescope;
    let min = min_elevation_rad(&settings.observation, telescope);
    let stations = telescope.stations.len();
    let rows = 0.5 * (stations * stations.saturating_sub(1)) as f64 * track.steps as f64;
    if let Some(memory) = machine_memory().filter(|memory| ROW_BYTES * rows > *memory) {
        return Err(Error::input("the baselines and time steps do not fit into memory")
            .found(format!("{stations} stations, {} steps: {rows:.0} rows", track.steps))
            .expected(format!("at most {:.0} rows on this machine", memory / ROW_BYTES))
            .place("observation.steps")
            .hint("take fewer steps, or observe in several parts"));
    }
    // one channel: its flags tell which rows are too low
    let (table, _, report) = new_table(telescope, track, &[1.0], 0.0, Polarisations::I, min)?;
    let rows = (0..report.rows)
        .filter(|row| !table.flag[[*row, 0, 0]])
        .map(|row| {
            let uvw = [0, 1, 2].map(|k| table.uvw_m[[row, k]]);
            (uvw, [table.antenna1[row], table.antenna2[row]])
        })
        .collect();
    Ok(UsableRows { rows, report })
}

/// The longest projected baseline of a track, m.
pub(super) fn longest_projected_m(telescope: &Telescope, track: &Track) -> Result<f64> {
    let mut longest = 0.0f64;
    // three times tell it to a few per cent, which is all that a choice of pixels needs
    for step in [0, track.steps / 2, track.steps - 1] {
        let instant = Instant::new(telescope, track, step)?;
        for (p, q) in telescope.baselines() {
            let d = [0, 1].map(|k| instant.station_uvw_m[p][k] - instant.station_uvw_m[q][k]);
            longest = longest.max(d[0].hypot(d[1]));
        }
    }
    Ok(longest)
}

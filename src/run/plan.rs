//! The times and baselines that a configuration asks for.

use super::params::{ObservationSettings, PointingChoice, Settings, TimeRange};
use crate::error::{Error, Result};
use crate::formats::visibilities::Polarisations;
use crate::math::machine_memory;
use crate::telescope::{Geodetic, Telescope, enu_to_offset};
use crate::time::{EarthOrientation, transpose_times};
use crate::units::{DAY_S, DEG_RAD, RaDec};
use crate::visibilities::{
    Channels, FrameReport, Instant, Pointing, StationPointing, Track, require_target_up, table_of_steps,
};

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
    let pointing = match &settings.pointing {
        PointingChoice::PhaseCentre => Pointing::PhaseCentre,
        PointingChoice::Drift => {
            let rotation = settings.earth.celestial_to_terrestrial(middle)?;
            let towards = settings.phase_centre.unit_vector();
            Pointing::Fixed([0, 1, 2].map(|row| (0..3).map(|k| rotation[row][k] * towards[k]).sum()))
        }
        PointingChoice::Horizon(horizon) => Pointing::Fixed(above(*horizon, telescope.reference())),
        PointingChoice::Stations(lines) => {
            let mut each = vec![StationPointing::PhaseCentre; telescope.stations.len()];
            for line in lines.iter() {
                let angles = [line.longitude_deg * DEG_RAD, line.latitude_deg * DEG_RAD];
                for (k, pointing) in each.iter_mut().enumerate() {
                    if line.station.is_none_or(|station| station == k) {
                        *pointing = match line.horizontal {
                            true => StationPointing::Ground(above(angles, telescope.geodetic(k))),
                            false => {
                                StationPointing::Sky(RaDec { ra_rad: angles[0], dec_rad: angles[1] }.unit_vector())
                            }
                        };
                    }
                }
            }
            Pointing::Each(each.into())
        }
    };
    Ok(Track {
        phase_centre: settings.phase_centre,
        earth: settings.earth,
        start_mjd_utc,
        step_s: settings.length_s / settings.steps as f64,
        steps: settings.steps,
        pointing,
        correlations: settings.correlations,
    })
}

/// A direction of azimuth (from north through east) and elevation above a place of the ground, on the geocentric axes.
fn above([azimuth, elevation]: [f64; 2], place: Geodetic) -> [f64; 3] {
    let ((sin_az, cos_az), (sin_el, cos_el)) = (azimuth.sin_cos(), elevation.sin_cos());
    enu_to_offset([cos_el * sin_az, cos_el * cos_az, sin_el], place)
}

/// Where a place of the ground's sky is among the stars at one time.
pub(super) fn overhead(
    horizon: [f64; 2],
    telescope: &Telescope,
    earth: &EarthOrientation,
    mjd_utc: f64,
) -> Result<RaDec> {
    let [x, y, z] = transpose_times(&earth.celestial_to_terrestrial(mjd_utc)?, above(horizon, telescope.reference()));
    Ok(RaDec { ra_rad: y.atan2(x).rem_euclid(std::f64::consts::TAU), dec_rad: z.clamp(-1.0, 1.0).asin() })
}

/// Whether each row's baseline can be used is decided by geometry alone: uvw of the rows (m) with the stations of
/// each, those that are too low left out.
#[derive(Debug)]
pub(super) struct UsableRows {
    /// uvw of the rows that are not flagged, m, and their two stations; of long observations those of some time steps.
    pub rows: Vec<([f64; 3], [u32; 2])>,
    /// How many rows each of them stands for.
    pub stands_for: usize,
    /// How many there are, and how many are too low.
    pub report: FrameReport,
}

/// A row of one channel, and what is known of it.
const ROW_BYTES: f64 = 120.0;

/// An error where the rows of a run, which holds all of them, are far too many.
pub(super) fn require_rows_in_memory(telescope: &Telescope, track: &Track) -> Result<()> {
    let stations = telescope.stations.len();
    let rows = (track.correlations.count(stations) * track.steps) as f64;
    match machine_memory() {
        Some(memory) if ROW_BYTES * rows > memory => {
            Err(Error::input("the baselines and time steps do not fit into memory")
                .found(format!("{stations} stations, {} steps: {rows:.0} rows", track.steps))
                .expected(format!("at most {:.0} rows on this machine", memory / ROW_BYTES))
                .place("observation.steps")
                .hint("take fewer steps, or `skyfringe observe` and `skyfringe image`, which hold a part of them"))
        }
        _ => Ok(()),
    }
}

/// Rows that are looked at.
const MOST_ROWS: usize = 2_000_000;

/// The rows of a track; an error unless some are high enough, before any computing starts.
pub(super) fn require_up(settings: &Settings, track: &Track) -> Result<UsableRows> {
    let telescope = &settings.telescope.telescope;
    let min = min_elevation_rad(&settings.observation, telescope);
    let rows_a_step = track.correlations.count(telescope.stations.len());
    let every = (rows_a_step * track.steps).div_ceil(MOST_ROWS).clamp(1, track.steps.max(1));
    require_target_up(telescope, track, min)?;
    // one channel: its flags tell which rows are too low
    let channels = Channels { freq_hz: &[1.0], width_hz: 0.0, polarisations: Polarisations::I };
    let mut usable = UsableRows {
        rows: Vec::new(),
        stands_for: every,
        report: FrameReport { rows: rows_a_step * track.steps, rows_too_low: 0 },
    };
    for step in (0..track.steps).step_by(every) {
        let (table, _, report) = table_of_steps(telescope, track, step..step + 1, channels, min)?;
        usable.report.rows_too_low += report.rows_too_low * every.min(track.steps - step);
        usable.rows.extend((0..report.rows).filter(|row| !table.flag[[*row, 0, 0]]).map(|row| {
            let uvw = [0, 1, 2].map(|k| table.uvw_m[[row, k]]);
            (uvw, [table.antenna1[row], table.antenna2[row]])
        }));
    }
    Ok(usable)
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

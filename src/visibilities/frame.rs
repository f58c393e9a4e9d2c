use super::geometry::{Instant, Track};
use crate::error::{Error, Result};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::telescope::Telescope;
use crate::units::{C_M_S, DEG_RAD};
use ndarray::{Array2, Array3};

/// What the geometry alone decides about the samples of an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameReport {
    /// Rows in all.
    pub rows: usize,
    /// Rows flagged because the phase centre is too low at one of the two stations.
    pub rows_too_low: usize,
}

/// An empty table of `track` on `telescope`: uvw, times and antennas filled in, visibilities zero,
/// weights one, rows below `min_elevation_rad` flagged. Also the geometry of each step.
///
/// An error when no row is left.
pub fn new_table(
    telescope: &Telescope,
    track: &Track,
    freq_hz: &[f64],
    channel_width_hz: f64,
    polarisations: Polarisations,
    min_elevation_rad: f64,
) -> Result<(VisibilityTable, Vec<Instant>, FrameReport)> {
    let pairs: Vec<_> = telescope.baselines().collect();
    let rows = pairs.len() * track.steps;
    let shape = (rows, freq_hz.len(), polarisations.count());
    let centre = track.phase_centre.unit_vector();
    let mut table = VisibilityTable {
        uvw_m: Array2::zeros((rows, 3)),
        time_mjd_utc: Vec::with_capacity(rows),
        antenna1: Vec::with_capacity(rows),
        antenna2: Vec::with_capacity(rows),
        freq_hz: freq_hz.to_vec(),
        vis: Array3::zeros(shape),
        weight: Array3::ones(shape),
        flag: Array3::from_elem(shape, false),
        phase_centre: track.phase_centre,
        polarisations,
        telescope: format!("{} ({})", telescope.name, telescope.version),
        channel_width_hz,
        integration_time_s: track.step_s,
        provenance: String::new(),
    };
    let mut instants = Vec::with_capacity(track.steps);
    let (mut rows_too_low, mut highest) = (0, -1.0f64);
    for step in 0..track.steps {
        let instant = Instant::new(telescope, track, step)?;
        let sin_el: Vec<f64> = (0..telescope.stations.len()).map(|i| instant.sin_elevation(i, centre)).collect();
        highest = sin_el.iter().fold(highest, |h, s| h.max(*s));
        for &(p, q) in &pairs {
            let row = table.time_mjd_utc.len();
            for k in 0..3 {
                table.uvw_m[[row, k]] = instant.station_uvw_m[p][k] - instant.station_uvw_m[q][k];
            }
            table.time_mjd_utc.push(instant.mjd_utc);
            table.antenna1.push(p as u32);
            table.antenna2.push(q as u32);
            if sin_el[p].min(sin_el[q]) < min_elevation_rad.sin() {
                table.flag.index_axis_mut(ndarray::Axis(0), row).fill(true);
                rows_too_low += 1;
            }
        }
        instants.push(instant);
    }
    if rows_too_low == rows {
        return Err(Error::input("the target is never high enough")
            .found(format!("highest elevation {:.1} deg", highest.clamp(-1.0, 1.0).asin() / DEG_RAD))
            .expected(format!("at least {:.1} deg in some time step", min_elevation_rad / DEG_RAD))
            .place(format!(
                "{} steps from {} UTC, {}",
                track.steps,
                crate::time::format_utc(track.start_mjd_utc),
                telescope.name
            ))
            .hint("change observation.dec, the time range, or observation.min_elevation"));
    }
    Ok((table, instants, FrameReport { rows, rows_too_low }))
}

/// Whether a sample at (u, v) metres and `freq_hz` lies at or beyond 0.5/cell wavelengths, the limit
/// up to which a sky made of pixels of that size is valid.
pub fn beyond_nyquist(u_m: f64, v_m: f64, freq_hz: f64, cell_rad: f64) -> bool {
    u_m.abs().max(v_m.abs()) * freq_hz / C_M_S >= 0.5 / cell_rad
}

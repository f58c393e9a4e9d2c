use super::geometry::{Correlations, Instant, Track};
use crate::error::{Error, Result};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::telescope::Telescope;
use crate::units::{C_M_S, DEG_RAD};
use ndarray::{Array2, Array3};
use rustfft::num_complex::Complex64;
use std::ops::Range;

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
/// An error when no row is left, or where the track has no time steps.
pub fn new_table(
    telescope: &Telescope,
    track: &Track,
    freq_hz: &[f64],
    channel_width_hz: f64,
    polarisations: Polarisations,
    min_elevation_rad: f64,
) -> Result<(VisibilityTable, Vec<Instant>, FrameReport)> {
    if track.steps == 0 || !(track.step_s > 0.0 && track.step_s.is_finite()) {
        return Err(Error::input("the observation has no time steps")
            .found(format!("{} steps of {} s", track.steps, track.step_s))
            .expected("at least one, of positive length"));
    }
    let channels = Channels { freq_hz, width_hz: channel_width_hz, polarisations };
    let (table, instants, report) = table_of_steps(telescope, track, 0..track.steps, channels, min_elevation_rad)?;
    if report.rows_too_low == report.rows {
        require_target_up(telescope, track, min_elevation_rad)?;
    }
    Ok((table, instants, report))
}

/// Channels and products of a table.
#[derive(Debug, Clone, Copy)]
pub struct Channels<'a> {
    /// Centres, Hz.
    pub freq_hz: &'a [f64],
    /// Width, Hz.
    pub width_hz: f64,
    /// Products.
    pub polarisations: Polarisations,
}

/// [`new_table`] of some of the time steps of `track`, whether the phase centre is high enough in any of them or not.
pub fn table_of_steps(
    telescope: &Telescope,
    track: &Track,
    steps: Range<usize>,
    channels: Channels,
    min_elevation_rad: f64,
) -> Result<(VisibilityTable, Vec<Instant>, FrameReport)> {
    let Channels { freq_hz, width_hz, polarisations } = channels;
    let stations = telescope.stations.len();
    let pairs: Vec<_> = track.correlations.pairs(stations).collect();
    let rows = pairs.len() * steps.len();
    let shape = (rows, freq_hz.len(), polarisations.count());
    let centre = track.phase_centre.unit_vector();
    let mut table = VisibilityTable {
        uvw_m: Array2::zeros((rows, 3)),
        time_mjd_utc: Vec::with_capacity(rows),
        antenna1: Vec::with_capacity(rows),
        antenna2: Vec::with_capacity(rows),
        freq_hz: freq_hz.to_vec(),
        vis: untouched(shape),
        weight: Array3::ones(shape),
        flag: Array3::from_elem(shape, false),
        phase_centre: track.phase_centre,
        polarisations,
        telescope: match telescope.version.as_str() {
            "" => telescope.name.clone(),
            version => format!("{} ({version})", telescope.name),
        },
        channel_width_hz: width_hz,
        integration_time_s: track.step_s,
        provenance: String::new(),
    };
    let mut instants = Vec::with_capacity(steps.len());
    let mut rows_too_low = 0;
    for step in steps {
        let instant = Instant::new(telescope, track, step)?;
        let sin_el: Vec<f64> = (0..stations).map(|i| instant.sin_elevation(i, centre)).collect();
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
    Ok((table, instants, FrameReport { rows, rows_too_low }))
}

/// An error where the phase centre is never `min_elevation_rad` high above two stations at a time, or one that is correlated
/// with itself.
pub fn require_target_up(telescope: &Telescope, track: &Track, min_elevation_rad: f64) -> Result<()> {
    let centre = track.phase_centre.unit_vector();
    let needed = if track.correlations == Correlations::Cross { 2 } else { 1 };
    let mut highest = -1.0f64;
    for step in 0..track.steps {
        let instant = Instant::new(telescope, track, step)?;
        let sin_el: Vec<f64> = (0..telescope.stations.len()).map(|i| instant.sin_elevation(i, centre)).collect();
        if sin_el.iter().filter(|s| **s >= min_elevation_rad.sin()).count() >= needed {
            return Ok(());
        }
        highest = sin_el.into_iter().fold(highest, f64::max);
    }
    Err(Error::input("the target is never high enough")
        .found(format!("highest elevation {:.1} deg", highest.clamp(-1.0, 1.0).asin() / DEG_RAD))
        .expected(format!("at least {:.1} deg in some time step", min_elevation_rad / DEG_RAD))
        .place(format!(
            "{} steps from {} UTC, {}",
            track.steps,
            crate::time::format_utc(track.start_mjd_utc),
            telescope.name
        ))
        .hint("change observation.dec, the time range, or observation.min_elevation"))
}

/// Zeros that take no memory until they are written: the image-domain fast path never does. The system hands out zeroed
/// pages for pairs of floats, and for nothing else that could become complex numbers.
fn untouched(shape: (usize, usize, usize)) -> Array3<Complex64> {
    let pairs = vec![[0.0f64; 2]; shape.0 * shape.1 * shape.2];
    let zeros: Vec<Complex64> = pairs.into_iter().map(|[re, im]| Complex64::new(re, im)).collect();
    Array3::from_shape_vec(shape, zeros).unwrap_or_else(|_| Array3::zeros(shape))
}

/// Whether a sample at (u, v) metres and `freq_hz` lies at or beyond 0.5/cell wavelengths, the limit
/// up to which a sky made of pixels of that size is valid.
pub fn beyond_nyquist(u_m: f64, v_m: f64, freq_hz: f64, cell_rad: f64) -> bool {
    u_m.abs().max(v_m.abs()) * freq_hz / C_M_S >= 0.5 / cell_rad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visibilities::testing::{PLACE_DEG, continental_array, gast_rad, small_array, track};

    #[test]
    fn rows_come_by_time_then_baseline() {
        let telescope = small_array();
        let track = track(-30.0, -0.3);
        let (table, instants, report) =
            new_table(&telescope, &track, &[1.4e9, 1.5e9], 1e6, Polarisations::Linear, 0.0).unwrap();
        assert_eq!(report, FrameReport { rows: 30, rows_too_low: 0 });
        assert_eq!(table.vis.dim(), (30, 2, 4));
        let pairs: Vec<_> = telescope.baselines().collect();
        for row in 0..30 {
            let (step, (p, q)) = (row / 10, pairs[row % 10]);
            assert_eq!((table.antenna1[row] as usize, table.antenna2[row] as usize), (p, q));
            assert_eq!(table.time_mjd_utc[row], 60_512.25 + (step as f64 + 0.5) / 24.0);
            for k in 0..3 {
                let expected = instants[step].station_uvw_m[p][k] - instants[step].station_uvw_m[q][k];
                assert_eq!(table.uvw_m[[row, k]], expected);
            }
        }
        assert_eq!((table.channel_width_hz, table.integration_time_s), (1e6, 3600.0));
        assert!(table.weight.iter().all(|w| *w == 1.0) && table.flag.iter().all(|f| !f));
        assert_eq!(table.telescope, "test");
    }

    /// Stations far apart: the target sets at one of them while it is high at another.
    #[test]
    fn rows_are_flagged_where_either_station_looks_too_low() {
        let telescope = continental_array();
        let track = track(-20.0, 0.0);
        let limit = 15.0 * DEG_RAD;
        let (table, _, report) = new_table(&telescope, &track, &[1.4e9], 1e6, Polarisations::I, limit).unwrap();
        let (sin_dec, cos_dec) = track.phase_centre.dec_rad.sin_cos();
        let (sin_lat, cos_lat) = PLACE_DEG[1].to_radians().sin_cos();
        let mut flagged = 0;
        for row in 0..table.uvw_m.nrows() {
            let low = [table.antenna1[row], table.antenna2[row]].iter().any(|station| {
                let lon = (PLACE_DEG[0] + 40.0 * f64::from(*station)).to_radians();
                let hour_angle = gast_rad(table.time_mjd_utc[row]) + lon - track.phase_centre.ra_rad;
                (sin_lat * sin_dec + cos_lat * cos_dec * hour_angle.cos()).asin() < limit
            });
            assert_eq!(table.flag[[row, 0, 0]], low, "row {row}");
            flagged += usize::from(low);
        }
        assert_eq!(report.rows_too_low, flagged);
        assert!(flagged > 0 && flagged < report.rows, "{flagged}");
    }

    #[test]
    fn a_target_that_is_never_up_is_an_error() {
        let table = |declination: f64, limit: f64| {
            new_table(&small_array(), &track(declination, 0.0), &[1.4e9], 1e6, Polarisations::I, limit * DEG_RAD)
        };
        let error = table(70.0, 15.0).unwrap_err().to_string();
        assert!(error.contains("never high enough") && error.contains("highest elevation -1"), "{error}");
        // at 20 degrees declination it culminates at 39.3 degrees
        assert!(table(20.0, 40.0).is_err());
        assert!(table(20.0, 38.0).is_ok());
    }

    #[test]
    fn a_track_without_time_is_an_error() {
        for (steps, step_s) in [(0, 10.0), (3, 0.0), (3, -1.0), (3, f64::NAN)] {
            let track = Track { steps, step_s, ..track(-30.0, 0.0) };
            let error = new_table(&small_array(), &track, &[1.4e9], 1e6, Polarisations::I, 0.0).unwrap_err();
            assert!(error.to_string().contains("no time steps"), "{error}");
        }
    }

    #[test]
    fn the_limit_of_pixels_is_half_a_wavelength_each() {
        let freq_hz = C_M_S; // one wavelength a metre
        assert!(!beyond_nyquist(499.9, -499.9, freq_hz, 1e-3));
        assert!(beyond_nyquist(500.0, 0.0, freq_hz, 1e-3) && beyond_nyquist(0.0, -500.0, freq_hz, 1e-3));
        assert!(beyond_nyquist(250.0, 0.0, 2.0 * freq_hz, 1e-3));
    }
}

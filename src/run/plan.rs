//! What a configuration asks for, before any of it is done.

use super::params::{ObservationSettings, Settings, SkySource, TimeRange};
use crate::error::Result;
use crate::telescope::Telescope;
use crate::time::format_utc;
use crate::units::{DEG_RAD, Dimension, format_quantity};
use crate::visibilities::{FrameReport, Instant, Track};

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
    Ok(Track {
        phase_centre: settings.phase_centre,
        earth: settings.earth,
        start_mjd_utc,
        step_s: settings.length_s / settings.steps as f64,
        steps: settings.steps,
    })
}

/// An error unless some sample of the track is high enough, before any computing starts.
pub(super) fn require_up(settings: &Settings, track: &Track) -> Result<FrameReport> {
    let telescope = &settings.telescope.telescope;
    let min = min_elevation_rad(&settings.observation, telescope);
    let (_, _, report) =
        crate::visibilities::new_table(telescope, track, &[], 0.0, settings.observation.polarisations, min)?;
    Ok(report)
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

/// What a run would do and need, in words: `run --check`.
///
/// Memory and time are estimates from the numbers of samples and pixels, on the scale of what was
/// measured on two cores of an AMD EPYC (README).
pub fn check(settings: &Settings) -> Result<String> {
    let telescope = &settings.telescope.telescope;
    let track = track(&settings.observation, telescope)?;
    let min_elevation = min_elevation_rad(&settings.observation, telescope);
    let channels = super::skies::channel_count(&settings.sky)?;
    let report = require_up(settings, &track)?;
    let products = settings.observation.polarisations.count();
    let samples = report.rows * channels * products;
    let side = match settings.image.size {
        super::params::PixelChoice::Given(n) => n,
        super::params::PixelChoice::Auto => settings.image.max_size,
    };
    let pixels = side * side * channels;
    // table: 16 B value, 4 B weight, 1 B flag; cubes: sky, dirty, PSF in f64 and one in f32
    let bytes = samples * 21 + pixels * 28 + side * side * 4 * 16 * 3;
    // CPU time of one visibility through the gridder, and of one pixel through its FFTs, once each for
    // prediction, dirty image and PSF
    let cpu_s = samples as f64 * 3.0 * 1.0e-6 + pixels as f64 * 3.0 * 2.5e-6;
    let source = match &settings.sky.source {
        SkySource::Snapshot { path, .. } => format!("snapshot {}", path.display()),
        SkySource::Galaxy { seed, .. } => format!("built-in galaxy, seed {seed}"),
        SkySource::Fits { path, .. } => format!("FITS {}", path.display()),
        SkySource::Components { path } => format!("components {}", path.display()),
    };
    let end = track.start_mjd_utc + settings.observation.length_s / crate::units::DAY_S;
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:>14}  {value}\n"));
    line("configuration", "valid".into());
    line("sky", source);
    line("telescope", format!("{} ({}), {} stations", telescope.name, telescope.version, telescope.stations.len()));
    line("time", format!("{} to {} UTC", format_utc(track.start_mjd_utc), format_utc(end)));
    line("steps", format!("{} of {}", track.steps, format_quantity(track.step_s, Dimension::Time)));
    line(
        "flagged",
        format!("{} of {} rows below {:.0} deg elevation", report.rows_too_low, report.rows, min_elevation / DEG_RAD),
    );
    line("samples", format!("{} rows x {channels} channels x {products} products = {samples}", report.rows));
    line(
        "images",
        format!(
            "{side} x {side} pixels x {channels} channels{}",
            match settings.image.size {
                super::params::PixelChoice::Given(_) => "",
                super::params::PixelChoice::Auto => " at most",
            }
        ),
    );
    line("memory", format!("about {:.1} GiB", bytes as f64 / (1u64 << 30) as f64 + 0.1));
    line("time", format!("about {:.0} CPU seconds", cpu_s.max(1.0)));
    Ok(text)
}

//! What the headers of the products state, beyond their axes.

use super::params::Settings;
use super::provenance::frame_card;
use crate::formats::fits::{Card, SkyAxes, SpectralAxis};
use crate::sky::cube::SkyCube;
use crate::time::{Frame, format_utc};
use crate::units::RaDec;
use crate::units::hi::NU0_HZ;

/// "skyfringe 0.1.0".
pub(super) fn program() -> String {
    format!("skyfringe {}", env!("CARGO_PKG_VERSION"))
}

/// Celestial axes of an image whose phase centre is 0-based pixel N/2.
pub(super) fn sky_axes(centre: RaDec, nx: usize, ny: usize, cell_rad: f64) -> SkyAxes {
    SkyAxes { centre, step_x_rad: -cell_rad, step_y_rad: cell_rad, reference_pixel: [(nx / 2) as f64, (ny / 2) as f64] }
}

/// Spectral axis of channels in `specsys`.
pub(super) fn spectral_axis(freq_hz: &[f64], width_hz: f64, specsys: &str) -> SpectralAxis {
    SpectralAxis {
        freq_hz: freq_hz.to_vec(),
        width_hz,
        rest_hz: NU0_HZ,
        specsys: specsys.into(),
        form: Default::default(),
    }
}

/// Axes of a sky cube.
pub(super) fn cube_axes(cube: &SkyCube) -> (SkyAxes, SpectralAxis) {
    let (_, ny, nx) = cube.flux_jy.dim();
    (sky_axes(cube.centre, nx, ny, cube.cell_rad), spectral_axis(&cube.freq_hz, cube.channel_width_hz, &cube.specsys))
}

/// Who observed what, when, through which beams.
pub(super) fn observation_cards(settings: &Settings, object: &str, start_mjd_utc: f64, beam: &str) -> Vec<Card> {
    let telescope = &settings.telescope.telescope;
    let mut cards = vec![
        Card::text("OBJECT", object, "what was observed"),
        Card::text("TELESCOP", telescope.name.clone(), ""),
        Card::text("TELVERS", telescope.version.clone(), "version of the station layout"),
        Card::text("DATE-OBS", format_utc(start_mjd_utc), "start of the observation"),
        Card::text("TIMESYS", "UTC", ""),
        Card::float("MJD-OBS", start_mjd_utc, "start, MJD (UTC)"),
        Card::float("EXPTIME", settings.observation.length_s, "length of the observation, s"),
        Card::text("PBMODEL", beam, "voltage beams that the sky was seen through"),
        Card::text("ORIGIN", program(), ""),
    ];
    if settings.observation.earth.frame == Frame::Oskar {
        cards.push(frame_card());
    }
    cards
}

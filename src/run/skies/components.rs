//! A list of points and Gaussians as sky.

use super::{FixedChannels, PreparedSky, SkyContent, image};
use crate::error::{Error, Result};
use crate::formats::fits::Card;
use crate::formats::oskar::read_oskar_sky;
use crate::run::params::{ListKind, Settings};
use crate::run::pixels::choose;
use crate::run::plan;
use crate::sky::components::Component;
use crate::units::{ARCSEC_RAD, C_M_S};
use crate::visibilities::Track;

pub(super) fn from_components(
    settings: &Settings,
    path: &std::path::Path,
    kind: ListKind,
    track: &Track,
    fixed: Option<&FixedChannels>,
) -> Result<PreparedSky> {
    let mut notes = Vec::new();
    let mut components: Vec<Component> = match kind {
        ListKind::Text => {
            let read = read_oskar_sky(path).map_err(|e| e.place("sky.components"))?;
            read.into_iter().map(Component::from).collect()
        }
        ListKind::Image => image::components(path, &mut notes)?,
        ListKind::OskarImage(settings) => image::oskar_components(path, &settings)?,
    };
    if components.is_empty() {
        return Err(Error::input("the sky file has no source").place(path.display()));
    }
    let spectral = &settings.sky.spectral;
    let (freq_hz, width_hz) = match fixed {
        Some(f) => (f.freq_hz.clone(), f.width_hz),
        None => {
            let channels = spectral.channels.unwrap_or(1);
            let centre = spectral.centre_hz.ok_or_else(|| {
                crate::run::params::missing(
                    "sky",
                    "band_centre",
                    "the centre of the band: a list of components has none",
                )
            })?;
            let width = spectral
                .width_hz
                .ok_or_else(|| crate::run::params::missing("sky", "channel_width", "a width such as \"100 kHz\""))?;
            let first = centre - 0.5 * (channels as f64 - 1.0) * width;
            ((0..channels).map(|c| first + c as f64 * width).collect(), width)
        }
    };
    let centre = settings.observation.phase_centre;
    let gone = settings.sky.filter.apply(&mut components, centre, freq_hz[freq_hz.len() / 2]);
    if gone > 0 {
        notes.push(format!("{gone} sources are out of the ranges of flux and radius"));
    }
    if components.is_empty() {
        return Err(Error::input("no source is in the ranges of flux and radius")
            .found(format!("{gone} sources"))
            .expected("some between sky.min_flux and sky.max_flux, sky.min_radius and sky.max_radius")
            .place(path.display()));
    }
    let farthest = components
        .iter()
        .map(|c| {
            let [l, m, n] = c.direction.lmn(centre);
            if n > 0.0 { l.hypot(m) } else { 1.0 }
        })
        .fold(0.0, f64::max);
    // an image cannot reach the horizon
    let extent = (2.2 * farthest).clamp(60.0 * ARCSEC_RAD, 1.2);
    let highest = freq_hz.iter().copied().fold(0.0, f64::max);
    let longest = plan::longest_projected_m(&settings.telescope.telescope, track)? * highest / C_M_S;
    Ok(PreparedSky {
        channel_width_hz: width_hz,
        specsys: spectral.specsys().to_string(),
        pixels: choose(&settings.image, extent, longest),
        object: path.file_stem().map_or("components".into(), |n| n.to_string_lossy().into_owned()),
        line_hz: 0.0,
        cards: vec![Card::int("NSOURCES", components.len() as i64, "sources in the list")],
        notes,
        content: SkyContent::Components(components),
        freq_hz,
    })
}

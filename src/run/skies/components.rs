//! A list of points and Gaussians as sky.

use super::{FixedChannels, PreparedSky, SkyContent, image};
use crate::error::{Error, Result};
use crate::formats::catalogue::{Catalogue, CatalogueFormat};
use crate::formats::fits::{Card, HealpixFile};
use crate::formats::oskar::read_oskar_sky;
use crate::run::params::{ListKind, Settings};
use crate::run::pixels::choose;
use crate::run::plan;
use crate::sky::catalogue::{self, Mapping};
use crate::sky::components::Component;
use crate::sky::healpix;
use crate::units::{ARCSEC_RAD, C_M_S};
use crate::visibilities::Track;
use std::path::Path;

pub(super) fn from_components(
    settings: &Settings,
    path: &Path,
    kind: &ListKind,
    track: &Track,
    fixed: Option<&FixedChannels>,
) -> Result<PreparedSky> {
    let mut notes = Vec::new();
    let mut components: Vec<Component> = match kind {
        ListKind::Text => text_list(path)?,
        ListKind::List(mapping) => list(path, mapping, &mut notes)?,
        ListKind::Healpix(request) => healpix::components(&HealpixFile::open(path)?, request, &mut notes)?,
        ListKind::Image => image::components(path, &mut notes)?,
        ListKind::OskarImage(settings) => image::oskar_components(path, settings)?,
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
        notes.push(format!("{gone} sources are out of the ranges of flux, radius and frequency"));
    }
    if components.is_empty() {
        return Err(Error::input("no source is in the ranges of flux, radius and frequency")
            .found(format!("{gone} sources"))
            .expected("some between sky.min_flux and sky.max_flux, sky.min_radius and sky.max_radius, sky.min_freq and sky.max_freq")
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

fn text_list(path: &Path) -> Result<Vec<Component>> {
    let read = read_oskar_sky(path).map_err(|e| e.place("sky.components"))?;
    Ok(read.into_iter().map(Component::from).collect())
}

/// A list of whichever format the file has.
fn list(path: &Path, mapping: &Mapping, notes: &mut Vec<String>) -> Result<Vec<Component>> {
    let Some(format) = CatalogueFormat::of(path)? else {
        if !mapping.is_empty() {
            return Err(Error::input("sky.columns has no effect on a text list")
                .found(format!("sky.columns, and {}, which is neither a VOTable nor a FITS file", path.display()))
                .expected("a catalogue with named columns, or no table [sky.columns]")
                .place("sky.columns")
                .hint("a text list names its columns in its line \"Format = ...\" (docs/formats.md)"));
        }
        return text_list(path);
    };
    let is_map = format == CatalogueFormat::Fits && HealpixFile::is_one(path);
    if is_map {
        return Err(Error::input("sky.components is a HEALPix map")
            .found(path.display())
            .expected("a list of sources")
            .place("sky.components")
            .hint("give it as sky.healpix"));
    }
    let table = Catalogue::read(path, format, mapping.table.as_deref())?;
    catalogue::components(&table, mapping, notes)
}

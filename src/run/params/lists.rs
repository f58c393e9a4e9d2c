//! Skies that are lists of components: what they are made of, columns of catalogues, ranges.

use super::places;
use crate::error::{Error, Result};
use crate::formats::config::Section;
use crate::sky::catalogue::{Given, Mapping, Measure, Role};
use crate::sky::filter::SkyFilter;
use crate::sky::healpix::{HealpixFrame, HealpixRequest, HealpixUnit};
use crate::units::{Dimension, parse_quantity};

/// What a list of components is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum ListKind {
    /// OSKAR's text formats.
    Text,
    /// Those, or a catalogue (VOTable, FITS table), whichever the file is.
    List(Box<Mapping>),
    /// The pixels of a HEALPix map.
    Healpix(Box<HealpixRequest>),
    /// The pixels of a FITS image or cube, where its header puts them.
    Image,
    /// The same as OSKAR reads it.
    OskarImage(OskarImage),
}

/// OSKAR's sky/fits_image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OskarImage {
    /// Pixels below this part of the brightest are left out.
    pub min_peak_fraction: f64,
    /// Pixels below this value are left out.
    pub min_abs_val: f64,
    /// Frequency of images without one, Hz.
    pub freq_hz: f64,
    /// Spectral index of all pixels.
    pub spectral_index: f64,
}

/// Ranges of the components of a list.
pub(super) fn read_ranges(s: &Section) -> Result<SkyFilter> {
    let all = SkyFilter::default();
    let range = |keys: [&str; 2], dimension: Dimension, all: [f64; 2]| -> Result<[f64; 2]> {
        let least = s.quantity(keys[0], dimension)?.unwrap_or(all[0]);
        let most = s.quantity(keys[1], dimension)?.unwrap_or(all[1]);
        if least > most {
            return Err(s.refuse(keys[1], format!("at least sky.{}", keys[0])));
        }
        Ok([least, most])
    };
    let freq = ["min_freq", "max_freq"];
    if let Some(key) = freq.into_iter().find(|key| s.has(key))
        && s.has("image")
    {
        return Err(Error::input(format!("sky.{key} has no effect on an image"))
            .found(format!("sky.{key} and sky.image"))
            .expected("a list, a catalogue or a HEALPix map, whose sources state frequencies")
            .place(places(s, &[key, "image"]))
            .hint("remove the key"));
    }
    Ok(SkyFilter {
        freq_hz: range(freq, Dimension::Frequency, all.freq_hz)?,
        flux_jy: range(["min_flux", "max_flux"], Dimension::FluxDensity, all.flux_jy)?,
        radius_rad: range(["min_radius", "max_radius"], Dimension::Angle, all.radius_rad)?,
        of_reference: false,
    })
}

/// `[sky.columns]`.
pub(super) fn read_columns(s: &Section) -> Result<Mapping> {
    let c = s.section("columns")?;
    let mut mapping = Mapping { table: c.text("table")?, ..Mapping::default() };
    for role in Role::ALL {
        if let Some(text) = c.text(role.key())? {
            let given = Given::parse(&text, role.measure()).map_err(|e| e.place(c.place(role.key())))?;
            mapping.given.insert(role, given);
        }
    }
    let fluxes = c.section("flux_at")?;
    for key in fluxes.keys() {
        let freq_hz = parse_quantity(&key, Dimension::Frequency).map_err(|e| e.place(fluxes.place(&key)))?;
        let text = fluxes.text(&key)?.unwrap_or_default();
        let given = Given::parse(&text, Measure::Flux).map_err(|e| e.place(fluxes.place(&key)))?;
        if !(freq_hz > 0.0 && matches!(given, Given::Column { .. })) {
            return Err(fluxes.refuse(&key, "a column of flux densities, at a frequency above 0"));
        }
        mapping.flux_at.push((freq_hz, given));
    }
    mapping.flux_at.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some(pair) = mapping.flux_at.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::input("two columns of flux density at one frequency")
            .found(format!("{} Hz twice", pair[0].0))
            .expected("one column a frequency")
            .place(c.place("flux_at")));
    }
    let both = |a: &[Role], b: &str| {
        let named: Vec<&str> =
            a.iter().filter(|role| mapping.given.contains_key(role)).map(|role| role.key()).collect();
        let error = Error::input("columns exclude each other")
            .found(format!("sky.columns.{} and {b}", named.join(", ")))
            .expected("one way to state a source")
            .hint("remove all but one way");
        (!named.is_empty()).then(|| error.place(places(&c, &named)))
    };
    if !mapping.flux_at.is_empty()
        && let Some(error) = both(&Mapping::REPLACED_BY_TABLE, "flux_at")
    {
        return Err(error);
    }
    if mapping.given.keys().any(|role| [Role::Glon, Role::Glat].contains(role))
        && let Some(error) = both(&[Role::Ra, Role::Dec], "glon, glat")
    {
        return Err(error);
    }
    mapping.skip_incomplete = c.choice("incomplete", &["error", "skip"])? == Some("skip");
    c.finish()?;
    Ok(mapping)
}

/// What a HEALPix map does not say.
pub(super) fn read_healpix(s: &Section) -> Result<HealpixRequest> {
    let freq_hz = s.quantities("healpix_freq", Dimension::Frequency)?.unwrap_or_default();
    if freq_hz.iter().any(|freq| *freq <= 0.0) {
        return Err(s.refuse("healpix_freq", "frequencies above 0"));
    }
    let unit = match s.text("healpix_unit")? {
        None => None,
        Some(word) => match HealpixUnit::named(&word) {
            None => return Err(s.refuse("healpix_unit", HealpixUnit::NAMES)),
            unit => unit,
        },
    };
    let frame = match s.choice("healpix_frame", &["file", "equatorial", "galactic"])? {
        Some("equatorial") => Some(HealpixFrame::Equatorial),
        Some("galactic") => Some(HealpixFrame::Galactic),
        _ => None,
    };
    Ok(HealpixRequest {
        freq_hz,
        columns: s.texts("healpix_column")?.unwrap_or_default(),
        unit,
        frame,
        spectral_index: s.float("healpix_index", -10.0..=10.0)?,
        least: None,
    })
}

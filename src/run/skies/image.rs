//! The pixels of a FITS image or cube as point sources, where its header puts them.

use crate::error::{Error, Result};
use crate::formats::fits::{Beam, FitsMap, read_map};
use crate::run::params::OskarImage;
use crate::sky::components::{Component, Spectrum};
use crate::units::hi::flux_jy_from_temperature;
use std::f64::consts::{LN_2, PI};
use std::path::Path;

/// What a pixel's value is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    JyPerPixel,
    JyPerBeam,
    /// Of this many kelvins.
    Temperature(f64),
}

impl Unit {
    fn parse(bunit: &str) -> Result<Unit> {
        let word: String = bunit.chars().filter(|c| !c.is_whitespace()).collect();
        match word.as_str() {
            "mK" => return Ok(Unit::Temperature(1e-3)),
            "K" | "Kelvin" | "KELVIN" => return Ok(Unit::Temperature(1.0)),
            _ => {}
        }
        match word.to_ascii_lowercase().as_str() {
            "jy/pixel" | "jy/pix" | "jypixel-1" | "jypixel**-1" => Ok(Unit::JyPerPixel),
            "jy/beam" | "jybeam-1" | "jybeam**-1" => Ok(Unit::JyPerBeam),
            _ => Err(Error::input("the unit of the image cannot be turned into Jy")
                .found(format!("BUNIT '{bunit}'"))
                .expected("Jy/pixel, Jy/beam, K or mK")),
        }
    }
}

/// Solid angle of a Gaussian beam, sr.
fn beam_sr(beam: &Beam) -> f64 {
    PI * beam.major_rad * beam.minor_rad / (4.0 * LN_2)
}

/// Every pixel that is not 0 everywhere as a point: temperatures by the frequency of each plane (S = 2 k T nu^2/c^2 Omega) and each
/// pixel's own solid angle. A single plane of temperatures keeps them at every frequency, one of flux densities its flux; of
/// several planes, fluxes between planes are interpolated, and there is nothing outside.
pub(super) fn components(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Component>> {
    let map = read(path)?;
    let unit = Unit::parse(&map.unit).map_err(|e| e.place(path.display()))?;
    let (planes, ny, nx) = map.data.dim();
    if planes > 1 && map.freq_hz.is_empty() {
        return Err(Error::input("the planes of the image have no frequencies").place(path.display()));
    }
    if unit == Unit::JyPerBeam && map.beams.is_empty() {
        return Err(Error::input("an image in Jy/beam does not say what its beam is")
            .expected("the cards BMAJ and BMIN")
            .place(path.display()));
    }
    // planes by ascending frequency
    let mut order: Vec<usize> = (0..planes).collect();
    order.sort_by(|a, b| map.freq_hz.get(*a).unwrap_or(&0.0).total_cmp(map.freq_hz.get(*b).unwrap_or(&0.0)));
    let mut list = Vec::new();
    let mut outside = 0usize;
    for y in 0..ny {
        for x in 0..nx {
            let values: Vec<f64> = order.iter().map(|plane| map.data[[*plane, y, x]]).collect();
            if values.iter().all(|v| *v == 0.0) {
                continue;
            }
            let Some((direction, area_sr)) = map.projection.pixel(x as f64, y as f64) else {
                outside += 1;
                continue;
            };
            let jy = |value: f64, plane: usize, freq_hz: f64| match unit {
                Unit::JyPerPixel => value,
                Unit::JyPerBeam => value * area_sr / beam_sr(&map.beams[plane.min(map.beams.len() - 1)]),
                Unit::Temperature(kelvin) => flux_jy_from_temperature(value * kelvin, freq_hz, area_sr),
            };
            let spectrum = match planes {
                1 => {
                    let at_1_ghz = [jy(values[0], 0, 1e9), 0.0, 0.0, 0.0];
                    let spectrum = match unit {
                        Unit::Temperature(_) => Spectrum::LogPolynomial { reference_hz: 1e9, terms: vec![2.0] },
                        _ => Spectrum::Flat,
                    };
                    list.push(Component { spectrum, ..Component::point(direction, at_1_ghz) });
                    continue;
                }
                _ => {
                    let entry = |(value, plane): (&f64, &usize)| {
                        let freq_hz = map.freq_hz[*plane];
                        (freq_hz, [jy(*value, *plane, freq_hz), 0.0, 0.0, 0.0])
                    };
                    Spectrum::Table(values.iter().zip(&order).map(entry).collect())
                }
            };
            list.push(Component { spectrum, ..Component::point(direction, [0.0; 4]) });
        }
    }
    if outside > 0 {
        notes.push(format!("{outside} pixels with a value lie outside the map of the sky: left out"));
    }
    if map.projection.is_galactic() {
        notes.push("the image's axes are galactic: its pixels are turned to ICRS".into());
    }
    Ok(list)
}

/// The first plane as OSKAR has it: pixels below the thresholds (all negative ones) left out, one frequency and one solid angle for all.
pub(super) fn oskar_components(path: &Path, settings: &OskarImage) -> Result<Vec<Component>> {
    /// CODATA 2010, as in oskar/convert/src/oskar_convert_brightness_to_jy.c.
    const K_B_J_K: f64 = 1.380_648_8e-23;
    let map = read(path)?;
    if map.projection.is_galactic() {
        return Err(Error::input("OSKAR takes galactic coordinates for RA and Dec, which gives a wrong sky")
            .found("an image with axes GLON and GLAT")
            .place(path.display())
            .hint("give the image as sky.image in a configuration, which turns it"));
    }
    let unit = Unit::parse(&map.unit).map_err(|e| e.place(path.display()))?;
    let freq_hz = map.freq_hz.first().copied().unwrap_or(settings.freq_hz);
    let cell_rad = map.projection.oskar_step_rad();
    let scale = match (unit, map.beams.first()) {
        (Unit::JyPerPixel, _) => 1.0,
        (Unit::JyPerBeam, Some(beam)) => cell_rad * cell_rad / beam_sr(beam),
        (Unit::JyPerBeam, None) => {
            return Err(Error::input("an image in Jy/beam does not say what its beam is")
                .expected("the cards BMAJ and BMIN")
                .place(path.display()));
        }
        (Unit::Temperature(_), _) if freq_hz <= 0.0 => {
            return Err(Error::input("an image of temperatures has no frequency, which OSKAR makes 0 Jy of")
                .expected("a FREQ axis, or sky/fits_image/frequency_hz")
                .place(path.display()));
        }
        (Unit::Temperature(kelvin), _) => {
            let wavelength_m = crate::units::C_M_S / freq_hz;
            kelvin * 2.0 * K_B_J_K * cell_rad * cell_rad * 1e26 / (wavelength_m * wavelength_m)
        }
    };
    let plane = map.data.index_axis(ndarray::Axis(0), 0);
    let peak = plane.iter().fold(0.0f64, |peak, v| peak.max(*v));
    let least = (peak * settings.min_peak_fraction).max(settings.min_abs_val);
    let kept = plane.indexed_iter().filter(|(_, v)| **v != 0.0 && **v >= least);
    let component = |((y, x), value): ((usize, usize), &f64)| {
        let spectrum = match settings.spectral_index != 0.0 && freq_hz > 0.0 {
            true => Spectrum::LogPolynomial { reference_hz: freq_hz, terms: vec![settings.spectral_index] },
            false => Spectrum::Flat,
        };
        let stokes = [*value * scale, 0.0, 0.0, 0.0];
        Component { spectrum, ..Component::point(map.projection.oskar_pixel(x as f64, y as f64), stokes) }
    };
    Ok(kept.map(component).collect())
}

fn read(path: &Path) -> Result<FitsMap> {
    let map = read_map(path)?;
    match map.stokes.as_str() {
        "I" => Ok(map),
        other => {
            Err(Error::input("only Stokes I images can be a sky").found(other).expected("I").place(path.display()))
        }
    }
}

//! A FITS image or cube as sky.

use super::{FixedChannels, PreparedSky, SkyContent};
use crate::error::{Error, Result};
use crate::formats::fits::{Card, CardValue, FitsCube, SpectralKind};
use crate::run::params::Settings;
use crate::run::pixels::{PixelGrid, choose};
use crate::sky::cube::SkyCube;
use crate::sky::resample::{CubeUnit, InputCube, SpectralGrid, SubtractMean, cube_as_sky, regrid_spectrum};
use crate::sky::temperature::TbFrame;
use crate::units::ARCSEC_RAD;
use crate::units::hi::NU0_HZ;
use ndarray::Array3;

pub(super) fn from_fits(
    settings: &Settings,
    file: FitsCube,
    subtract_mean: Option<bool>,
    fixed: Option<&FixedChannels>,
) -> Result<PreparedSky> {
    let (_, ny, nx) = file.data.dim();
    if (file.sky.step_x_rad + file.sky.step_y_rad).abs() > 1e-6 * file.sky.step_y_rad.abs() {
        return Err(Error::input("the pixels of the sky are not square")
            .found(format!("{} x {} arcsec", file.sky.step_x_rad / ARCSEC_RAD, file.sky.step_y_rad / ARCSEC_RAD))
            .expected("equal steps in right ascension and declination"));
    }
    if file.spectral.form.kind == SpectralKind::Optical && file.spectral.freq_hz.len() > 1 {
        return Err(Error::input("a sky that is observed has channels of equal width in frequency")
            .found("planes equally spaced in optical velocity (VOPT)")
            .expected("FREQ, or VRAD with RESTFRQ")
            .hint("convert the axis first, for example with spectral-cube"));
    }
    if file.stokes != "I" {
        return Err(Error::input("only Stokes I images can be a sky").found(&file.stokes).expected("I"));
    }
    let cell_rad = file.sky.step_y_rad;
    let mut notes = Vec::new();
    let middle = [(nx / 2) as f64, (ny / 2) as f64];
    if (0..2).any(|k| (file.sky.reference_pixel[k] - middle[k]).abs() > 1e-6) {
        notes.push(format!(
            "the file's reference pixel (0-based) is {:?}; the sky is placed with pixel {middle:?} at the phase centre",
            file.sky.reference_pixel
        ));
    }
    let unit = CubeUnit::parse(&file.unit)?;
    let temperature = unit != CubeUnit::JyPerPixel;
    let subtract = if subtract_mean.unwrap_or(temperature) { SubtractMean::Channel } else { SubtractMean::None };
    notes.push(format!(
        "the sky keeps its pixels and is put at the phase centre; mean of each channel {}",
        if subtract == SubtractMean::Channel { "subtracted" } else { "kept" }
    ));
    let specsys = match (&settings.sky.spectral.specsys, file.spectral.specsys.as_str()) {
        (_, "") => {
            let taken = settings.sky.spectral.specsys();
            notes.push(format!("the file states no SPECSYS; taken as {taken}"));
            taken.to_string()
        }
        (Some(wanted), own) if wanted != own => {
            return Err(Error::input("the cube is in another spectral frame than the one asked for")
                .found(format!("SPECSYS = '{own}' in the file"))
                .expected(format!("'{wanted}', the value of sky.specsys"))
                .hint(format!("leave sky.specsys out, or set it to \"{own}\"; or convert the cube first")));
        }
        (_, own) => own.to_string(),
    };
    let input = InputCube {
        values: observed_values(&file, &mut notes)?,
        unit,
        freq_hz: file.spectral.freq_hz.clone(),
        channel_width_hz: file.spectral.width_hz,
        cell_rad,
        centre: settings.observation.phase_centre,
        specsys,
    };
    let line_hz = if file.spectral.rest_hz > 0.0 { file.spectral.rest_hz.min(NU0_HZ) } else { 0.0 };
    let object = text_card(&file.cards, "OBJECT").unwrap_or_else(|| "FITS sky".into());
    let cards = vec![Card::text("SKYUNIT", file.unit.clone(), "unit of the sky file")];
    from_cube(settings, CubeSky { input, subtract, object, line_hz, cards, notes }, fixed)
}

/// A cube that is to become the sky.
pub(super) struct CubeSky {
    pub input: InputCube,
    pub subtract: SubtractMean,
    pub object: String,
    /// Frequency of the line at rest in the object; 0 where there is none.
    pub line_hz: f64,
    pub cards: Vec<Card>,
    pub notes: Vec<String>,
}

/// The sky of a cube, on the channels that are asked for or prescribed.
pub(super) fn from_cube(settings: &Settings, sky: CubeSky, fixed: Option<&FixedChannels>) -> Result<PreparedSky> {
    let CubeSky { input, subtract, object, line_hz, mut cards, mut notes } = sky;
    let (_, ny, nx) = input.values.dim();
    let cell_rad = input.cell_rad;
    let as_sky = cube_as_sky(input, subtract)?;
    let mut cube = as_sky.cube;
    if let Some(to) = wanted_grid(settings, &cube, fixed) {
        let regridded = regrid_spectrum(&cube, &to)?;
        if regridded.lost_fraction > 1e-9 {
            notes.push(format!("{:.3} % of the cube's flux lies outside the band", 100.0 * regridded.lost_fraction));
        }
        if regridded.uncovered_channels > 0 {
            notes.push(format!("{} channels reach beyond the cube: dark there", regridded.uncovered_channels));
        }
        cube = regridded.cube;
    }
    let subtracted = if as_sky.subtracted.is_empty() { "none" } else { "channel" };
    let longest = 0.5 / cell_rad;
    let extent = nx.max(ny) as f64 * cell_rad;
    let pixels = match (settings.image.size, settings.image.cell_rad) {
        (crate::run::params::PixelChoice::Auto, crate::run::params::PixelChoice::Auto) => {
            PixelGrid { size: nx.max(ny), cell_rad }
        }
        _ => choose(&settings.image, extent, longest),
    };
    cards.insert(0, Card::text("SUBMEAN", subtracted, "mean subtracted from the sky"));
    Ok(PreparedSky {
        freq_hz: cube.freq_hz.clone(),
        channel_width_hz: cube.channel_width_hz,
        specsys: cube.specsys.clone(),
        pixels,
        object,
        line_hz,
        cards,
        notes,
        content: SkyContent::Cube { cube, products: None },
    })
}

/// The pixels of a file; temperatures of the rest frame (TBFRAME, as in sky-kinematic.fits) as they are observed.
fn observed_values(file: &FitsCube, notes: &mut Vec<String>) -> Result<Array3<f64>> {
    let values = file.data.mapv(f64::from);
    if text_card(&file.cards, "TBFRAME").as_deref() != Some(TbFrame::Rest.keyword()) {
        return Ok(values);
    }
    let redshift = file.cards.iter().find_map(|c| match c.value {
        CardValue::Float(z) if c.key == "REDSHIFT" => Some(z),
        CardValue::Int(z) if c.key == "REDSHIFT" => Some(z as f64),
        _ => None,
    });
    match redshift.filter(|z| *z > -1.0) {
        Some(z) => {
            notes.push(format!("temperatures of the rest frame are divided by 1 + z = {:.6}", 1.0 + z));
            Ok(values / (1.0 + z))
        }
        None => Err(Error::input("temperatures of the rest frame without a redshift cannot be a sky")
            .found("TBFRAME = 'REST' and no usable REDSHIFT")
            .expected("the card REDSHIFT, or observed temperatures (TBFRAME = 'OBSERVED')")),
    }
}

/// The channels asked for, where they differ from those of the cube.
fn wanted_grid(settings: &Settings, cube: &SkyCube, fixed: Option<&FixedChannels>) -> Option<SpectralGrid> {
    if let Some(f) = fixed {
        return Some(SpectralGrid {
            first_hz: f.freq_hz[0],
            width_hz: f.width_hz,
            channels: f.freq_hz.len(),
            specsys: cube.specsys.clone(),
        });
    }
    let spectral = &settings.sky.spectral;
    if spectral.channels.is_none() && spectral.width_hz.is_none() && spectral.centre_hz.is_none() {
        return None;
    }
    let own = SpectralGrid::of(cube);
    let channels = spectral.channels.unwrap_or(own.channels);
    let width_hz = spectral.width_hz.unwrap_or(own.width_hz);
    let own_centre = own.first_hz + 0.5 * (own.channels as f64 - 1.0) * own.width_hz;
    let centre = spectral.centre_hz.unwrap_or(own_centre);
    Some(SpectralGrid {
        first_hz: centre - 0.5 * (channels as f64 - 1.0) * width_hz,
        width_hz,
        channels,
        specsys: cube.specsys.clone(),
    })
}

fn text_card(cards: &[Card], key: &str) -> Option<String> {
    cards.iter().find(|c| c.key == key).and_then(|c| match &c.value {
        CardValue::Text(t) if !t.is_empty() => Some(t.clone()),
        _ => None,
    })
}

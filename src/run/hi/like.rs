//! `sky.like`: pixels, channels and frames of a FITS cube that is there.

use crate::error::{Error, Result};
use crate::formats::fits::{Card, CardValue, SkyAxes, SpectralForm, SpectralKind, read_axes};
use crate::run::params::{PixelChoice, Settings};
use crate::sky::band::Band;
use crate::units::ARCSEC_RAD;
use crate::units::hi::NU0_HZ;
use std::path::Path;

/// The axes of the cube.
pub(super) struct Like {
    pub nx: usize,
    pub ny: usize,
    pub sky: SkyAxes,
    pub band: Band,
    pub form: SpectralForm,
    pub rest_hz: f64,
    pub specsys: String,
    /// What was taken because the file does not state it.
    pub note: Option<String>,
    /// Whether planes fall in frequency.
    pub falling: bool,
    /// RADESYS and EQUINOX as they stand there.
    pub frame_cards: Vec<Card>,
}

impl Like {
    /// Reads the header of `path`.
    ///
    /// Errors: a file that is no FITS cube, of pixels that are not square or not north-up, of another celestial frame
    /// than ICRS or FK5 J2000; a configuration that asks for pixels, channels or frames, too.
    pub fn read(settings: &Settings, path: &Path) -> Result<Like> {
        Like::interpret(settings, path).map_err(|e| e.place(format!("sky.like, {}", path.display())))
    }

    fn interpret(settings: &Settings, path: &Path) -> Result<Like> {
        refuse_twice(settings)?;
        let header = read_axes(path)?;
        let sky = header.sky;
        if (sky.step_x_rad + sky.step_y_rad).abs() > 1e-6 * sky.step_y_rad.abs() || sky.step_y_rad < 0.0 {
            let [x, y] = [sky.step_x_rad, sky.step_y_rad].map(|step| step / ARCSEC_RAD);
            return Err(Error::input("an HI sky has square pixels, north up and east left")
                .found(format!("steps of {x} and {y} arcsec"))
                .expected("CDELT1 = -CDELT2 and CDELT2 > 0"));
        }
        let text = |key: &str| match header.cards.iter().find(|card| card.key == key).map(|card| &card.value) {
            Some(CardValue::Text(text)) => text.trim().to_string(),
            _ => String::new(),
        };
        let equinox = header.cards.iter().find(|card| card.key == "EQUINOX").map(|card| &card.value);
        let of_2000 = match equinox {
            Some(CardValue::Float(year)) => *year == 2000.0,
            Some(CardValue::Int(year)) => *year == 2000,
            _ => true,
        };
        if !["", "ICRS", "FK5"].contains(&text("RADESYS").as_str()) || !of_2000 {
            return Err(Error::input("the cube is in another celestial frame")
                .found(format!("RADESYS = '{}', EQUINOX {equinox:?}", text("RADESYS")))
                .expected("ICRS, or FK5 of equinox 2000"));
        }
        let frame_cards = header.cards.iter().filter(|c| ["RADESYS", "EQUINOX"].contains(&c.key.as_str())).cloned();
        let spectral = &header.spectral;
        let (Some(first), Some(last)) = (spectral.freq_hz.first(), spectral.freq_hz.last()) else {
            return Err(Error::input("the image has no spectral axis").expected("a cube with FREQ, VRAD or VOPT"));
        };
        if spectral.width_hz <= 0.0 {
            return Err(Error::input("the spectral axis has no width").found("CDELT3 = 0").expected("a step"));
        }
        let channels = spectral.freq_hz.len();
        if channels == 1 {
            return Err(Error::input("the file has one plane: nothing of a line can be told from it")
                .found("1 channel")
                .expected("a cube of two channels or more")
                .hint("take the cube that a map was made of"));
        }
        let rest_hz = if spectral.rest_hz > 0.0 { spectral.rest_hz } else { NU0_HZ };
        let form = spectral.form;
        let band = match form.kind {
            SpectralKind::Frequency | SpectralKind::Radio => {
                Band::Given { first_hz: first.min(*last), channels, width_hz: spectral.width_hz }
            }
            SpectralKind::Optical => {
                let ends = [first, last].map(|f| SpectralKind::Optical.coordinate(*f, rest_hz) * 1e-3);
                let width = (ends[1] - ends[0]).abs() / (channels - 1) as f64;
                let centre_km_s = Some(0.5 * (ends[0] + ends[1]));
                Band::Optical { channels, width_km_s: Some(width), centre_km_s, rest_hz }
            }
        };
        let specsys = match (&settings.sky.spectral.specsys, spectral.specsys.as_str()) {
            (_, "") => settings.sky.spectral.specsys().to_string(),
            (Some(wanted), own) if wanted != own => {
                return Err(Error::input("the cube is in another spectral frame than the one asked for")
                    .found(format!("SPECSYS = '{own}' in the file"))
                    .expected(format!("'{wanted}', the value of sky.specsys"))
                    .hint("leave sky.specsys out"));
            }
            (_, own) => own.to_string(),
        };
        let unstated = spectral.specsys.is_empty();
        let note = unstated.then(|| format!("{} states no SPECSYS; taken as {specsys}", path.display()));
        let falling = last < first;
        let (_, ny, nx) = header.shape;
        Ok(Like { nx, ny, sky, band, form, rest_hz, specsys, note, falling, frame_cards: frame_cards.collect() })
    }
}

/// What the file says is not said again.
fn refuse_twice(settings: &Settings) -> Result<()> {
    let (spectral, image) = (&settings.sky.spectral, &settings.image);
    let given = [
        ("sky.channels", spectral.channels.is_some()),
        ("sky.channel_width", spectral.width_hz.is_some() || spectral.optical_width_km_s.is_some()),
        ("sky.band_centre", spectral.centre_hz.is_some() || spectral.optical_centre_km_s.is_some()),
        ("sky.spectral_axis", spectral.axis != SpectralKind::Frequency),
        ("image.size", matches!(image.size, PixelChoice::Given(_))),
        ("image.cell", matches!(image.cell_rad, PixelChoice::Given(_))),
    ];
    let twice: Vec<&str> = given.into_iter().filter_map(|(key, is)| is.then_some(key)).collect();
    if twice.is_empty() {
        return Ok(());
    }
    Err(Error::input("pixels and channels are given twice")
        .found(format!("sky.like and {}", twice.join(", ")))
        .expected("sky.like alone, or these without it")
        .hint("--set sky.channels=... adds a key but cannot remove one: take it out of the configuration"))
}

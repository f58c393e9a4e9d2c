//! Configurations: keyed text in, typed and validated values out. Everything that can be wrong with a
//! configuration is found here, before any computing starts. examples/all-keys.toml documents each key.

mod dataset;
mod dishes;
mod image;
mod lists;
mod observation;
mod sky;
mod telescope;
#[cfg(feature = "learn")]
mod train;

pub use crate::imaging::fast::RouteChoice;
pub use dataset::{DatasetSettings, FieldScaling, GalaxyChoice, SplitSettings};
pub(super) use image::check_epsilon;
pub use image::{ImageSettings, PixelChoice};
pub use lists::{ListKind, OskarImage};
pub use observation::{
    Method, NoiseSettings, ObservationSettings, PointingChoice, PredictionSettings, SmearingSettings, TimeRange,
    UvRange,
};
pub use sky::{
    EorSettings, Inclined, PlacingSettings, SkySettings, SkySource, SpectralSettings, SubhaloChoice, WhichSubhalo,
};
pub use telescope::TelescopeSettings;
pub(super) use telescope::supported_oskar_folder;
#[cfg(feature = "learn")]
pub use train::{KeepSettings, Length, TrainDataSettings, TrainSettings};

use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::formats::fits::SpectralKind;
use crate::formats::visibilities::Precision;
use crate::visibilities::Correlations;

/// A whole configuration.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[sky]`.
    pub sky: SkySettings,
    /// `[telescope]`.
    pub telescope: TelescopeSettings,
    /// `[observation]`.
    pub observation: ObservationSettings,
    /// `[noise]`; `None` without that table.
    pub noise: Option<NoiseSettings>,
    /// `[prediction]`.
    pub prediction: PredictionSettings,
    /// `[image]`.
    pub image: ImageSettings,
    /// Precision of the visibilities in the file.
    pub precision: Precision,
    /// Whether `run` also writes the kinematic cube of a galaxy.
    pub kinematic_cube: bool,
    /// `[dataset]`; `None` without that table.
    pub dataset: Option<DatasetSettings>,
    /// `[train]`; `None` without that table.
    #[cfg(feature = "learn")]
    pub train: Option<TrainSettings>,
    /// The configuration as it was used, for the record.
    pub canonical: String,
}

impl Settings {
    /// Reads every table of `document`; unknown keys and tables are errors.
    pub fn from_document(document: &Document) -> Result<Settings> {
        let sky = sky::read(document)?;
        let telescope = telescope::read(document)?;
        let observation = observation::read(document, &telescope.telescope)?;
        let noise = observation::read_noise(document, &telescope.telescope)?;
        let mut prediction = observation::read_prediction(document)?;
        if observation.pointing != PointingChoice::PhaseCentre {
            if prediction.method == Some(Method::Grid) {
                let section = document.section("prediction")?;
                return Err(section.refuse(
                    "method",
                    "\"auto\" or \"direct\": beams that drift, or look elsewhere than at the phase centre",
                ));
            }
            prediction.method = Some(Method::Direct);
        }
        if telescope.arrays.is_some() || telescope.shaped.is_some() {
            if prediction.method == Some(Method::Grid) {
                let section = document.section("prediction")?;
                let why = match telescope.shaped {
                    Some(_) => "beams that are no circles turn with time",
                    None => "beams of antennas differ between stations",
                };
                return Err(section.refuse("method", format!("\"auto\" or \"direct\": {why}")));
            }
            prediction.method = Some(Method::Direct);
        }
        // where the band is stated, before anything is made; once more when its channels are known
        if let (Some(shaped), Some(centre_hz)) = (&telescope.shaped, sky.spectral.centre_hz) {
            let spectral = &sky.spectral;
            let half = 0.5 * (spectral.channels.unwrap_or(1).max(1) - 1) as f64 * spectral.width_hz.unwrap_or(0.0);
            shaped.check(&[centre_hz - half, centre_hz + half])?;
        }
        let image = image::read(document)?;
        let output = document.section("output")?;
        let precision = match output.choice("precision", &["single", "double"])? {
            Some("double") => Precision::Double,
            _ => Precision::Single,
        };
        let kinematic_cube = output.boolean("kinematic_cube")?.unwrap_or(false);
        output.finish()?;
        let dataset = dataset::read(document)?;
        #[cfg(feature = "learn")]
        let train = train::read(document)?;
        document.finish()?;
        if prediction.method == Some(Method::Grid) && matches!(sky.source, SkySource::Components { .. }) {
            let section = document.section("prediction")?;
            return Err(section.refuse("method", "\"auto\" or \"direct\": a list of components has no grid"));
        }
        if image.route() == RouteChoice::Psf
            && let Some(reason) = needs_visibilities(&sky, &prediction, observation.correlations)
        {
            let section = document.section("image")?;
            return Err(section.refuse("method", format!("\"visibilities\" or \"auto\": {reason}")));
        }
        Ok(Settings {
            sky,
            telescope,
            observation,
            noise,
            prediction,
            image,
            precision,
            kinematic_cube,
            dataset,
            #[cfg(feature = "learn")]
            train,
            canonical: document.canonical(),
        })
    }

    /// An error where the sky is one that only `sky hi` makes: visibilities have channels of equal width in frequency.
    pub fn require_observable(&self) -> Result<()> {
        let (key, found) = match (self.sky.spectral.axis, &self.sky.like) {
            (SpectralKind::Frequency, None) => return Ok(()),
            (SpectralKind::Frequency, Some(like)) => ("like", like.display().to_string()),
            (SpectralKind::Radio, _) => ("spectral_axis", "vrad".to_string()),
            (SpectralKind::Optical, _) => ("spectral_axis", "vopt".to_string()),
        };
        Err(Error::input(format!("sky.{key} is for `skyfringe sky hi` alone"))
            .found(format!("sky.{key} = \"{found}\""))
            .expected(
                "channels of a frequency axis, and pixels about the phase centre, for a sky that is to be observed",
            )
            .hint("leave the key out"))
    }

    /// Why this configuration needs visibilities, whatever the array; `None`: it may do without.
    pub fn needs_visibilities(&self) -> Option<&'static str> {
        needs_visibilities(&self.sky, &self.prediction, self.observation.correlations)
    }
}

/// Why there is no dirty cube without visibilities, whatever the array.
fn needs_visibilities(
    sky: &SkySettings,
    prediction: &PredictionSettings,
    correlations: Correlations,
) -> Option<&'static str> {
    if correlations != Correlations::Cross {
        return Some("observation.correlations asks for visibilities");
    }
    match (&sky.source, prediction.method) {
        (SkySource::Components { .. }, _) => Some("a list of components has no pixels to convolve with PSFs"),
        (_, Some(Method::Direct)) => Some("prediction.method = \"direct\" asks for visibilities"),
        _ => None,
    }
}

/// The error of a key that must be there, found only once the sky is known.
pub(super) fn missing(table: &str, key: &str, expected: &str) -> Error {
    Error::input(format!("the key {table}.{key} is missing"))
        .expected(expected)
        .place(format!("table [{table}] of the configuration"))
        .hint(format!("add it to the file, or give --set {table}.{key}=..."))
}

/// `None` where the key is absent or "auto", else what `read` makes of it.
fn unless_auto<T>(section: &Section, key: &str, read: impl FnOnce() -> Result<Option<T>>) -> Result<Option<T>> {
    match section.text(key) {
        Ok(Some(word)) if word == "auto" => Ok(None),
        _ => read(),
    }
}

/// An error unless `value`, that of `key` or its default, is positive.
fn positive(section: &Section, key: &str, value: f64) -> Result<f64> {
    if value > 0.0 { Ok(value) } else { Err(section.refuse(key, "something above 0")) }
}

/// Where something is given twice: the file and lines of the keys that are there.
fn places(section: &Section, keys: &[&str]) -> String {
    let there: Vec<String> = keys.iter().filter(|k| section.has(k)).map(|k| section.place(k)).collect();
    there.join("; ")
}

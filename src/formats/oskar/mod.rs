//! The text formats of OSKAR 2.7 and later: telescope folders, sky models, settings files.
//!
//! Written from OSKAR's documentation (docs/telescope_model, docs/sky_model). What is not supported
//! is named, never passed over in silence.

mod angle;
mod columns;
mod pointing;
mod settings;
mod sky;
mod spherical;
mod station;
mod telescope;

pub(crate) use angle::{degrees_of_text, right_ascension_of_text};
pub use pointing::{OskarPointing, parse_oskar_pointing, read_oskar_pointing};
pub use settings::{OskarSetting, OskarSettings, parse_oskar_settings, read_oskar_settings};
pub use sky::{OskarGaussian, OskarSource, OskarSpectrum, parse_oskar_sky, read_oskar_sky};
pub use spherical::{OskarSphericalWaves, read_oskar_pattern_folder, read_oskar_spherical_waves};
pub use station::{OskarElement, OskarStationType};
pub use telescope::{OskarLayout, OskarTelescope, read_oskar_telescope};

use crate::error::{Error, Result};

/// A finite number, or an error that says what it should have been.
fn number(word: &str, what: &str) -> Result<f64> {
    word.parse::<f64>().ok().filter(|v| v.is_finite()).ok_or_else(|| {
        Error::input(format!("{what} is not a finite number"))
            .found(format!("\"{word}\""))
            .expected("a number such as 1.5 or -1e-3")
    })
}

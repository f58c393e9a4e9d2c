//! UTC, Earth rotation and the two celestial frames.
//!
//! Everything about time that an observation needs is one question: at this UTC, what rotates
//! terrestrial into celestial axes? [`EarthOrientation::celestial_to_terrestrial`] answers it. How fast the observer
//! moves, [`VelocityFrame`] does.

mod earth;
mod epoch;
mod velocity_frame;

pub use earth::{EarthOrientation, Frame, Matrix3, transpose_times};
pub use epoch::{format_utc, parse_utc};
pub use velocity_frame::{Observer, VelocityFrame, frequency_ratio};

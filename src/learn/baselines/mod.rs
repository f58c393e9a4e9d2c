//! What a model has to beat: classical ways from a dirty image to the sky.

mod restored;
mod wiener;

pub use restored::from_beam;
pub use wiener::{Wiener, WienerBuilder};

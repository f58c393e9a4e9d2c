//! Stations made of antennas: array factor times element pattern.
//!
//! The voltage of a station towards s, with its beam formed towards b, is E(s) = sum over antennas w exp(i k x.s) P(s), w =
//! g exp(-i k x'.b): x is where the antenna is and x' where the beam former takes it to be (east, north, up of the station's
//! own horizon), g its gain, and P its element pattern \[[`element`]\]. E is divided by the root of half the sum of |E_ij|^2 at b
//! (OSKAR's normalisation at the phase centre; data/oskar-cases/README.md). Conventions: phases exp(+i k x.s), as the
//! visibilities have them; rows of E are the feeds X (east) and Y (north), columns the components theta and phi.
//!
//! Antennas of one element pattern are summed at once [`Factor`]: all of them for each direction, or, where there are many
//! directions near the beam's centre, by Chebyshev polynomials in s - b whose coefficients are Bessel functions.

mod element;
mod factor;
mod oskar;
mod spherical;
mod stations;

pub use element::{DipoleLength, Element, Pattern, Taper};
pub use spherical::SphericalWaves;
pub use stations::{Antenna, ApertureArrays, ArrayStation, Gain};

pub(crate) use stations::{Aim, FormedBeam, Horizon};

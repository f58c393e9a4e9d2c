//! uvw geometry, prediction of visibilities, thermal noise.
//!
//! # Conventions, stated once
//! - uvw of a row = position(antenna1) - position(antenna2), antenna1 < antenna2, in metres: u east,
//!   v north, w towards the phase centre.
//! - V = sum I exp(+2 pi i (u l + v m + w (n - 1)) nu/c): l east, m north, no factor 1/n.
//! - Image pixels: the phase centre is 0-based pixel (nx/2, ny/2); l = -(x - nx/2) cell,
//!   m = (y - ny/2) cell.
//! - Brightness B = [[I+Q, U+iV], [U-iV, I-Q]], so XX = I + Q without a factor 1/2, and the
//!   visibility of polarisation "I" is (XX + YY)/2.
//! - V_pq = J_p B J_q^H with J = E R K: K the phase, R the parallactic rotation
//!   [[cos p, -sin p], [sin p, cos p]] of each station, E its voltage beam.
//! - All of it is evaluated at the mid-point of a time step.

mod direct;
mod frame;
mod geometry;
mod grid_route;
mod input;
mod noise;
mod product;
mod response;
#[cfg(test)]
mod testing;

pub use direct::{
    Cell, DirectOptions, DirectSky, EARTH_RATE, OSKAR_EARTH_RATE, Smearing, Summing, predict_direct, sum_points,
};
pub use frame::{Channels, FrameReport, beyond_nyquist, new_table, require_target_up, table_of_steps};
pub use geometry::{Correlations, Instant, Pointing, StationPointing, Track};
pub use grid_route::predict_by_grid;
pub use input::{SampleCount, flag_autocorrelations, flag_beyond_nyquist, flag_uv_range};
pub use noise::{Part, add_thermal_noise, add_thermal_noise_of, noise_sigma_jy, weigh};
pub use response::{station_jones, station_voltage};

//! Arrays of stations, the presets shipped with the program, and voltage beams.
//!
//! A station's position is kept as an offset from the array's reference point, on the geocentric
//! axes: near 6.4e6 m a double resolves 1e-9 m only, and baselines are differences of offsets.

pub mod array;
pub mod beam;
mod geodesy;
mod layout;
mod presets;
mod station;

pub use geodesy::{Geodetic, enu_to_offset, offset_to_enu};
pub use layout::Baseline;
pub use presets::{Preset, PresetVersion, preset_names};
pub use station::{Rotations, rotated, vogel_station};

/// One station.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Name, unique in the array.
    pub name: String,
    /// Position relative to [`Telescope::reference_ecef_m`], on the geocentric axes (x towards
    /// longitude 0 on the equator, z towards the north pole), m.
    pub offset_m: [f64; 3],
    /// Dish diameter, or diameter of the station for aperture arrays, m; 0 where unknown (OSKAR
    /// telescope folders state none).
    pub diameter_m: f64,
    /// Station type, the key of beams and SEFDs: "ska-mid", "meerkat", "ska-low", ...; "oskar" for
    /// stations of an OSKAR telescope folder.
    pub kind: String,
}

/// An array of stations.
///
/// The constructors ([`Telescope::preset`], [`Telescope::from_file`],
/// [`Telescope::from_oskar_folder`]) guarantee at least two stations, different names and
/// different positions.
#[derive(Debug, Clone, PartialEq)]
pub struct Telescope {
    /// Preset or folder name, for example "ska-mid-aa4".
    pub name: String,
    /// Version of the layout; empty for folders that state none.
    pub version: String,
    /// Where the coordinates come from: package, version, file.
    pub source: String,
    /// Remarks on the coordinates that a user should see.
    pub notes: Vec<String>,
    /// Reference point of the array, geocentric on the axes of WGS84 (ITRF), m.
    pub reference_ecef_m: [f64; 3],
    /// Stations in order; a visibility's antenna numbers index this list.
    pub stations: Vec<Station>,
}

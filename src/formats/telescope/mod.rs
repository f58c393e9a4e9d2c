//! The telescope file of `telescopes/` (docs/telescopes.md): a header of `key: value` lines, then
//! one line a station.

mod read;
mod rotations;
mod write;

pub use read::{parse_telescope, read_telescope};
pub use rotations::{StationRotation, parse_rotations, read_rotations};
pub use write::{format_telescope, write_telescope};

/// What a telescope file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct TelescopeFile {
    /// Name of the array, for example "ska-mid-aa4".
    pub name: String,
    /// Version of the layout.
    pub version: String,
    /// One line for people; may be empty.
    pub description: String,
    /// Where the coordinates come from: package, version, file.
    pub source: String,
    /// Remarks on the coordinates, in the order of the file.
    pub notes: Vec<String>,
    /// Reference point: longitude (deg, east), latitude (deg, WGS84 geodetic), height above the
    /// ellipsoid (m).
    pub reference_deg_m: [f64; 3],
    /// Stations in the order of the file.
    pub stations: Vec<StationLine>,
}

/// One station line.
#[derive(Debug, Clone, PartialEq)]
pub struct StationLine {
    /// Name, unique in the file.
    pub name: String,
    /// Geocentric position on the axes of WGS84 (ITRF), m.
    pub ecef_m: [f64; 3],
    /// Diameter, m.
    pub diameter_m: f64,
    /// Station type, the key of beams and SEFDs.
    pub kind: String,
}

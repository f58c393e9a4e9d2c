//! Arrays of stations, the presets shipped with the program, and voltage beams.

pub mod beam;

/// One station.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Name, unique in the array.
    pub name: String,
    /// Position relative to the array's reference point, geocentric axes (WGS84), m.
    pub offset_m: [f64; 3],
    /// Dish diameter, or diameter of the station for aperture arrays, m.
    pub diameter_m: f64,
    /// Station type, the key of beams and SEFDs: "ska-mid", "meerkat", "ska-low", ...
    pub kind: String,
}

/// An array of stations.
#[derive(Debug, Clone, PartialEq)]
pub struct Telescope {
    /// Preset or folder name, for example "ska-mid-aa4".
    pub name: String,
    /// Version of the layout.
    pub version: String,
    /// Where the coordinates come from: package, version, file.
    pub source: String,
    /// Reference point, geocentric m.
    pub reference_ecef_m: [f64; 3],
    /// Stations in order; a visibility's antenna numbers index this list.
    pub stations: Vec<Station>,
}
impl Telescope {
    /// tmp
    pub fn station_zenith(&self, i: usize) -> [f64; 3] {
        let o = self.stations[i].offset_m;
        [self.reference_ecef_m[0] + o[0], 0.0, 0.0]
    }
}

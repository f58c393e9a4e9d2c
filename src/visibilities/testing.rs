//! Small arrays and empty tables for the tests of this folder.

use super::{Instant, Track, new_table};
use crate::formats::oskar::{OskarLayout, OskarTelescope};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::sky::components::Component;
use crate::telescope::Telescope;
use crate::time::{EarthOrientation, Frame};
use crate::units::RaDec;

/// Longitude and latitude (deg) of the small array below.
pub const PLACE_DEG: [f64; 2] = [21.44, -30.7];

fn telescope(layout: OskarLayout) -> Telescope {
    let [longitude_deg, latitude_deg] = PLACE_DEG;
    let model = OskarTelescope {
        longitude_deg,
        latitude_deg,
        altitude_m: 1000.0,
        layout,
        station_types: Vec::new(),
        type_of_station: Vec::new(),
        unsupported: Vec::new(),
    };
    Telescope::from_oskar("test", &model).unwrap()
}

/// Stations east, north and up of the place, m.
pub fn enu_array(stations_m: Vec<[f64; 3]>) -> Telescope {
    telescope(OskarLayout::EnuM(stations_m))
}

/// Five stations within a kilometre.
pub fn small_array() -> Telescope {
    telescope(OskarLayout::EnuM(vec![
        [0.0, 0.0, 0.0],
        [300.0, -120.0, 2.0],
        [-450.0, 80.0, -1.0],
        [40.0, 610.0, 3.0],
        [-77.0, -380.0, 0.5],
    ]))
}

/// Three stations on one parallel, 40 degrees of longitude apart.
pub fn continental_array() -> Telescope {
    let [lon, lat] = PLACE_DEG;
    telescope(OskarLayout::Wgs84DegM(vec![[lon, lat, 0.0], [lon + 40.0, lat, 0.0], [lon + 80.0, lat, 0.0]]))
}

/// Greenwich apparent sidereal time of the OSKAR frame, rad.
pub fn gast_rad(mjd_utc: f64) -> f64 {
    let m = EarthOrientation::new(Frame::Oskar).celestial_to_terrestrial(mjd_utc).unwrap();
    m[0][1].atan2(m[0][0])
}

/// Three steps of an hour in the OSKAR frame, the first centred on hour angle `hour_angle_rad` at
/// the array's longitude.
pub fn track(declination_deg: f64, hour_angle_rad: f64) -> Track {
    let start_mjd_utc = 60_512.25;
    let first = gast_rad(start_mjd_utc + 0.5 / 24.0);
    let ra_rad = first + PLACE_DEG[0].to_radians() - hour_angle_rad;
    let phase_centre = RaDec { ra_rad, dec_rad: declination_deg.to_radians() };
    Track {
        phase_centre,
        earth: EarthOrientation::new(Frame::Oskar),
        start_mjd_utc,
        step_s: 3600.0,
        steps: 3,
        pointing: Default::default(),
        correlations: Default::default(),
    }
}

/// An empty table without an elevation limit.
pub fn table(
    telescope: &Telescope,
    track: &Track,
    freq_hz: &[f64],
    polarisations: Polarisations,
) -> (VisibilityTable, Vec<Instant>) {
    let limit = -std::f64::consts::FRAC_PI_2;
    let (table, instants, _) = new_table(telescope, track, freq_hz, 1e5, polarisations, limit).unwrap();
    (table, instants)
}

/// A flat-spectrum point.
pub fn point(direction: RaDec, stokes_jy: [f64; 4]) -> Component {
    Component::point(direction, stokes_jy)
}

/// Runs `work` in a pool of so many threads.
pub fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

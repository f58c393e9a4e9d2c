use crate::error::Result;
use crate::telescope::Telescope;
use crate::time::{EarthOrientation, transpose_times};
use crate::units::{DAY_S, RaDec};

/// A tracked observation of one phase centre in equal time steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Phase centre, in the frame of `earth`.
    pub phase_centre: RaDec,
    /// Frame and Earth orientation parameters.
    pub earth: EarthOrientation,
    /// Start of the first step, MJD (UTC).
    pub start_mjd_utc: f64,
    /// Length of a step, s; also the integration time.
    pub step_s: f64,
    /// Number of steps.
    pub steps: usize,
}

impl Track {
    /// Mid-point of step `index`, MJD (UTC).
    pub fn mid_mjd_utc(&self, index: usize) -> f64 {
        self.start_mjd_utc + (index as f64 + 0.5) * (self.step_s / DAY_S)
    }
}

/// Where every station is, and what is above it, at one time.
#[derive(Debug, Clone)]
pub struct Instant {
    /// The time, MJD (UTC).
    pub mjd_utc: f64,
    /// (u, v, w) of each station relative to the array's reference point, m.
    pub station_uvw_m: Vec<[f64; 3]>,
    /// Zenith of each station as a celestial unit vector (geodetic vertical).
    pub zenith: Vec<[f64; 3]>,
}

impl Instant {
    /// The geometry of step `index` of `track`.
    pub fn new(telescope: &Telescope, track: &Track, index: usize) -> Result<Instant> {
        let mjd_utc = track.mid_mjd_utc(index);
        let rotation = track.earth.celestial_to_terrestrial(mjd_utc)?;
        let (sa, ca) = track.phase_centre.ra_rad.sin_cos();
        let (sd, cd) = track.phase_centre.dec_rad.sin_cos();
        let station_uvw_m = telescope
            .stations
            .iter()
            .map(|station| {
                let [x, y, z] = transpose_times(&rotation, station.offset_m);
                let towards = x * ca + y * sa;
                [y * ca - x * sa, z * cd - towards * sd, z * sd + towards * cd]
            })
            .collect();
        let zenith =
            (0..telescope.stations.len()).map(|i| transpose_times(&rotation, telescope.station_zenith(i))).collect();
        Ok(Instant { mjd_utc, station_uvw_m, zenith })
    }

    /// Sine of the elevation of `direction` (celestial unit vector) at `station`.
    pub fn sin_elevation(&self, station: usize, direction: [f64; 3]) -> f64 {
        let z = self.zenith[station];
        z[0] * direction[0] + z[1] * direction[1] + z[2] * direction[2]
    }

    /// (cos p, sin p) of the parallactic angle p of `direction` at `station`: the position angle of
    /// the zenith, from celestial north through east.
    pub fn parallactic(&self, station: usize, direction: RaDec) -> (f64, f64) {
        let (sa, ca) = direction.ra_rad.sin_cos();
        let (sd, cd) = direction.dec_rad.sin_cos();
        let z = self.zenith[station];
        let east = z[1] * ca - z[0] * sa;
        let north = z[2] * cd - (z[0] * ca + z[1] * sa) * sd;
        let length = east.hypot(north);
        if length == 0.0 { (1.0, 0.0) } else { (north / length, east / length) }
    }
}

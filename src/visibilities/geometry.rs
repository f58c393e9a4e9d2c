use crate::error::Result;
use crate::math::space::{cross, dot};
use crate::telescope::Telescope;
use crate::telescope::array::Horizon;
use crate::time::{EarthOrientation, transpose_times};
use crate::units::{DAY_S, RaDec};
use std::sync::Arc;

/// A tracked observation of one phase centre in equal time steps.
#[derive(Debug, Clone, PartialEq)]
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
    /// Where the stations' beams look.
    pub pointing: Pointing,
    /// Which pairs of stations are correlated.
    pub correlations: Correlations,
}

/// Which pairs of stations are correlated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Correlations {
    /// Different ones.
    #[default]
    Cross,
    /// Different ones, and each with itself.
    Both,
    /// Each with itself.
    Auto,
}

impl Correlations {
    /// The pairs in the order of rows: (0,0), (0,1), ..., (1,1), (1,2), ...
    pub fn pairs(self, stations: usize) -> impl Iterator<Item = (usize, usize)> {
        let end = move |p: usize| if self == Correlations::Auto { p + 1 } else { stations };
        let first = usize::from(self == Correlations::Cross);
        (0..stations).flat_map(move |p| (p + first..end(p)).map(move |q| (p, q)))
    }

    /// How many there are.
    pub fn count(self, stations: usize) -> usize {
        let cross = stations * stations.saturating_sub(1) / 2;
        match self {
            Correlations::Cross => cross,
            Correlations::Both => cross + stations,
            Correlations::Auto => stations,
        }
    }
}

/// Where beams look while the phase centre is tracked.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Pointing {
    /// At the phase centre.
    #[default]
    PhaseCentre,
    /// At a fixed place above the ground, past which the sky drifts: a unit vector on the geocentric axes.
    Fixed([f64; 3]),
    /// Each station's elsewhere.
    Each(Arc<[StationPointing]>),
}

/// Where one station's beam looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StationPointing {
    /// At the phase centre.
    PhaseCentre,
    /// At a place of the sky: a celestial unit vector.
    Sky([f64; 3]),
    /// At a fixed place above the ground: a unit vector on the geocentric axes.
    Ground([f64; 3]),
}

/// Where a beam looks at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aimed {
    /// A celestial unit vector.
    pub towards: [f64; 3],
    /// Whether it moves with the ground.
    ground: bool,
}

/// Where beams look at one time; `None`: at the phase centre.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Beams {
    All(Option<Aimed>),
    Each(Vec<Option<Aimed>>),
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
    /// Number of the time step of its track: what errors of antennas that change with time are drawn for.
    pub step: u32,
    /// The time, MJD (UTC).
    pub mjd_utc: f64,
    /// (u, v, w) of each station relative to the array's reference point, m.
    pub station_uvw_m: Vec<[f64; 3]>,
    /// Zenith of each station as a celestial unit vector (geodetic vertical).
    pub zenith: Vec<[f64; 3]>,
    /// East of each station as a celestial unit vector.
    pub east: Vec<[f64; 3]>,
    /// What the Earth turns about: towards its north pole, as a celestial unit vector, and on the axes of u, v, w.
    pub pole: [f64; 3],
    /// The same on the axes of (u, v, w).
    pub pole_uvw: [f64; 3],
    /// Where beams look.
    pub(super) beams: Beams,
}

impl Instant {
    /// The geometry of step `index` of `track`.
    pub fn new(telescope: &Telescope, track: &Track, index: usize) -> Result<Instant> {
        let mjd_utc = track.mid_mjd_utc(index);
        let rotation = track.earth.celestial_to_terrestrial(mjd_utc)?;
        let (sa, ca) = track.phase_centre.ra_rad.sin_cos();
        let (sd, cd) = track.phase_centre.dec_rad.sin_cos();
        let on_uvw = |[x, y, z]: [f64; 3]| {
            let towards = x * ca + y * sa;
            [y * ca - x * sa, z * cd - towards * sd, z * sd + towards * cd]
        };
        let stations = &telescope.stations;
        let station_uvw_m = stations.iter().map(|s| on_uvw(transpose_times(&rotation, s.offset_m))).collect();
        let zenith: Vec<[f64; 3]> = (0..stations.len()).map(|i| telescope.station_zenith(i)).collect();
        let east = zenith.iter().map(|[x, y, _]| {
            let across = x.hypot(*y);
            // at a pole of the Earth, longitude 0 is as good as any
            let east = if across > 0.0 { [-y / across, x / across, 0.0] } else { [0.0, 1.0, 0.0] };
            transpose_times(&rotation, east)
        });
        let east = east.collect();
        let zenith = zenith.into_iter().map(|z| transpose_times(&rotation, z)).collect();
        let pole = transpose_times(&rotation, [0.0, 0.0, 1.0]);
        let on_ground = |towards| Some(Aimed { towards: transpose_times(&rotation, towards), ground: true });
        let beams = match &track.pointing {
            Pointing::PhaseCentre => Beams::All(None),
            Pointing::Fixed(towards) => Beams::All(on_ground(*towards)),
            Pointing::Each(each) => {
                let of = |pointing: &StationPointing| match *pointing {
                    StationPointing::PhaseCentre => None,
                    StationPointing::Sky(towards) => Some(Aimed { towards, ground: false }),
                    StationPointing::Ground(towards) => on_ground(towards),
                };
                Beams::Each(each.iter().map(of).collect())
            }
        };
        Ok(Instant { step: index as u32, mjd_utc, station_uvw_m, zenith, east, pole, pole_uvw: on_uvw(pole), beams })
    }

    /// The same after the Earth has turned by `angle_rad` more.
    pub(super) fn turned(&self, angle_rad: f64) -> Instant {
        let (sin, cos) = angle_rad.sin_cos();
        // Rodrigues' formula
        let turn = |axis: [f64; 3], v: &[f64; 3]| {
            let (along, across) = (dot(axis, *v), cross(axis, *v));
            [0, 1, 2].map(|k| v[k] * cos + across[k] * sin + axis[k] * along * (1.0 - cos))
        };
        let turned_aim = |aimed: &Option<Aimed>| {
            aimed.map(|a| if a.ground { Aimed { towards: turn(self.pole, &a.towards), ..a } } else { a })
        };
        Instant {
            step: self.step,
            mjd_utc: self.mjd_utc,
            station_uvw_m: self.station_uvw_m.iter().map(|v| turn(self.pole_uvw, v)).collect(),
            zenith: self.zenith.iter().map(|v| turn(self.pole, v)).collect(),
            east: self.east.iter().map(|v| turn(self.pole, v)).collect(),
            pole: self.pole,
            pole_uvw: self.pole_uvw,
            beams: match &self.beams {
                Beams::All(beam) => Beams::All(turned_aim(beam)),
                Beams::Each(each) => Beams::Each(each.iter().map(turned_aim).collect()),
            },
        }
    }

    /// Where a station's beam looks, a celestial unit vector; `None`: at the phase centre.
    pub(super) fn aim(&self, station: usize) -> Option<[f64; 3]> {
        let aimed = match &self.beams {
            Beams::All(aimed) => *aimed,
            Beams::Each(each) => each.get(station).copied().flatten(),
        };
        aimed.map(|aimed| aimed.towards)
    }

    /// Change of the path of a source at `lmn1` (l, m, n - 1) between stations p and q, m/s, where the Earth turns by
    /// `rate_rad_s`.
    pub fn fringe_rate(&self, [p, q]: [usize; 2], lmn1: [f64; 3], rate_rad_s: f64) -> f64 {
        let baseline = [0, 1, 2].map(|k| self.station_uvw_m[p][k] - self.station_uvw_m[q][k]);
        rate_rad_s * dot(cross(self.pole_uvw, baseline), lmn1)
    }

    /// Axes of a station's horizon.
    pub(crate) fn horizon(&self, station: usize) -> Horizon {
        let (up, east) = (self.zenith[station], self.east[station]);
        Horizon { east, north: cross(up, east), up }
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

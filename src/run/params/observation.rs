use super::image::read_epsilon;
use super::{places, positive};
use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::formats::oskar::{OskarPointing, read_oskar_pointing};
use crate::formats::visibilities::Polarisations;
use crate::telescope::{Telescope, preset_names};
use crate::time::{EarthOrientation, Frame, parse_utc};
use crate::units::{DEG_RAD, Dimension, RaDec, parse_quantity};
use crate::visibilities::{Cell, Correlations, EARTH_RATE, OSKAR_EARTH_RATE, Smearing, Summing};
use std::collections::BTreeSet;

/// When an observation takes place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TimeRange {
    /// From this time on, MJD (UTC).
    Start {
        /// Start of the first step.
        mjd_utc: f64,
    },
    /// From this hour angle on, at the first opportunity after a date.
    HourAngle {
        /// Hour angle at the start, rad.
        start_rad: f64,
        /// The date, MJD (UTC).
        after_mjd_utc: f64,
    },
}

/// `[observation]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservationSettings {
    /// Phase centre.
    pub phase_centre: RaDec,
    /// Start.
    pub time: TimeRange,
    /// Length, s.
    pub length_s: f64,
    /// Number of time steps.
    pub steps: usize,
    /// Frame and Earth orientation.
    pub earth: EarthOrientation,
    /// Samples below are flagged, rad; `None` takes the station type's default.
    pub min_elevation_rad: Option<f64>,
    /// Polarisation products.
    pub polarisations: Polarisations,
    /// Where beams look.
    pub pointing: PointingChoice,
    /// Samples of other lengths are flagged.
    pub uv_range: Option<UvRange>,
    /// Which pairs of stations are correlated.
    pub correlations: Correlations,
}

/// Where beams look while the phase centre is tracked.
#[derive(Debug, Clone, PartialEq)]
pub enum PointingChoice {
    /// At the phase centre.
    PhaseCentre,
    /// Where the phase centre is in the middle of the observation, and the sky drifts past.
    Drift,
    /// At this azimuth (from north through east) and elevation of the array's reference point, rad.
    Horizon([f64; 2]),
    /// As the lines of a pointing file say, the later ones first; at the phase centre where none does.
    Stations(Vec<OskarPointing>),
}

impl PointingChoice {
    /// An error where a line is of a station beyond the last.
    pub(in crate::run) fn require_stations(&self, telescope: &Telescope, file: &str) -> Result<()> {
        let PointingChoice::Stations(lines) = self else { return Ok(()) };
        let stations = telescope.stations.len();
        match lines.iter().find(|line| line.station.is_some_and(|station| station >= stations)) {
            None => Ok(()),
            Some(line) => Err(Error::input("the pointing file names a station that is not there")
                .found(format!("station {}", line.station.unwrap_or_default()))
                .expected(format!("0 to {}, or *", stations - 1))
                .place(format!("{file}, line {}", line.line))),
        }
    }
}

/// Lengths of projected baselines, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UvRange {
    /// Least and greatest, in metres or wavelengths.
    pub range: [f64; 2],
    /// Whether these are wavelengths.
    pub wavelengths: bool,
}

/// "30 m", "5 km" or "300 wavelengths": the number, and whether it is one of wavelengths.
fn read_uv(s: &Section, key: &str) -> Result<Option<(f64, bool)>> {
    let Some(text) = s.text(key)? else { return Ok(None) };
    let expected = "a length such as \"30 m\", or \"300 wavelengths\"";
    let (value, wavelengths) = match text.trim().strip_suffix("wavelengths") {
        Some(number) => (number.trim().parse().map_err(|_| s.refuse(key, expected))?, true),
        None => (parse_quantity(&text, Dimension::Length).map_err(|_| s.refuse(key, expected))?, false),
    };
    if !(value >= 0.0 && f64::is_finite(value)) {
        return Err(s.refuse(key, expected));
    }
    Ok(Some((value, wavelengths)))
}

pub(super) fn read(document: &Document, telescope: &Telescope) -> Result<ObservationSettings> {
    let s = document.section("observation")?;
    let ra_rad = s.quantity("ra", Dimension::Angle)?.unwrap_or(30.0 * DEG_RAD);
    let dec_rad = s.quantity("dec", Dimension::Angle)?.unwrap_or(-30.0 * DEG_RAD);
    if dec_rad.abs() > 90.0 * DEG_RAD {
        return Err(s.refuse("dec", "a declination, -90 deg to 90 deg"));
    }
    let start = s.text("start_utc")?.map(|t| parse_utc(&t).map_err(|e| e.place(s.place("start_utc")))).transpose()?;
    let date = s.text("date")?.map(|t| parse_utc(&t).map_err(|e| e.place(s.place("date")))).transpose()?;
    let hour_angle = s.quantity("hour_angle_start", Dimension::Time)?;
    let length_s = positive(&s, "length", s.quantity("length", Dimension::Time)?.unwrap_or(4.0 * 3600.0))?;
    let steps = s.integer("steps", 1..=1_000_000)?.unwrap_or(8) as usize;
    let frame = match s.choice("frame", &["icrs", "oskar"])? {
        Some("oskar") => Frame::Oskar,
        _ => Frame::Icrs,
    };
    let ut1_minus_utc_s = s.quantity("ut1_minus_utc", Dimension::Time)?.unwrap_or(0.0);
    let polar_motion = s.quantities("polar_motion", Dimension::Angle)?.unwrap_or(vec![0.0, 0.0]);
    let min_elevation_rad = s.quantity("min_elevation", Dimension::Angle)?;
    let polarisations = match s.choice("polarisations", &["I", "XX,XY,YX,YY"])? {
        Some("XX,XY,YX,YY") => Polarisations::Linear,
        _ => Polarisations::I,
    };
    let (azimuth, elevation) = (s.quantity("azimuth", Dimension::Angle)?, s.quantity("elevation", Dimension::Angle)?);
    let pointing = match (s.choice("pointing", &["phase_centre", "drift"])?, azimuth, elevation) {
        (Some("drift"), None, None) => PointingChoice::Drift,
        (Some("drift"), Some(azimuth), Some(elevation)) => PointingChoice::Horizon([azimuth, elevation]),
        (Some("drift"), ..) => {
            return Err(s.refuse("pointing", "observation.azimuth and observation.elevation together, or neither"));
        }
        (_, None, None) => PointingChoice::PhaseCentre,
        _ => {
            let key = if azimuth.is_some() { "azimuth" } else { "elevation" };
            return Err(s.refuse(key, "nothing without observation.pointing = \"drift\""));
        }
    };
    let pointing = match s.path("pointing_file")? {
        None => pointing,
        Some(_) if pointing != PointingChoice::PhaseCentre => {
            return Err(s.refuse("pointing_file", "either this or observation.pointing = \"drift\""));
        }
        Some(file) => {
            let pointing = PointingChoice::Stations(read_oskar_pointing(&file)?);
            pointing.require_stations(telescope, &file.display().to_string())?;
            pointing
        }
    };
    let correlations = match s.choice("correlations", &["cross", "both", "auto"])? {
        Some("both") => Correlations::Both,
        Some("auto") => Correlations::Auto,
        _ => Correlations::Cross,
    };
    let uv_range = match (read_uv(&s, "uv_min")?, read_uv(&s, "uv_max")?) {
        (None, None) => None,
        (Some((_, a)), Some((_, b))) if a != b => {
            return Err(s.refuse("uv_max", "the unit of observation.uv_min"));
        }
        (least, most) => {
            let wavelengths = least.or(most).is_some_and(|(_, wavelengths)| wavelengths);
            let range = [least.map_or(0.0, |l| l.0), most.map_or(f64::INFINITY, |m| m.0)];
            if range[0] > range[1] {
                return Err(s.refuse("uv_max", "at least observation.uv_min"));
            }
            Some(UvRange { range, wavelengths })
        }
    };
    s.finish()?;
    let [x, y] = polar_motion[..] else {
        return Err(s.refuse("polar_motion", "two angles, \"x y arcsec\""));
    };
    if ut1_minus_utc_s.abs() > 1.0 {
        return Err(s.refuse("ut1_minus_utc", "-0.9 s to 0.9 s, which is what leap seconds keep it to"));
    }
    let time = match (start, hour_angle, date) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Error::input("the time of the observation is given twice")
                .found("start_utc, and hour_angle_start or date")
                .expected("either observation.start_utc, or observation.hour_angle_start and observation.date")
                .place(places(&s, &["start_utc", "hour_angle_start", "date"]))
                .hint("remove one of them"));
        }
        (Some(mjd_utc), None, None) => TimeRange::Start { mjd_utc },
        // centred on transit; half the length in sidereal angle
        (None, hour_angle, date) => TimeRange::HourAngle {
            start_rad: hour_angle.unwrap_or(-0.5 * length_s) / 3600.0 * 15.0 * DEG_RAD,
            after_mjd_utc: date.unwrap_or(DEFAULT_DATE_MJD),
        },
    };
    Ok(ObservationSettings {
        phase_centre: RaDec { ra_rad, dec_rad },
        time,
        length_s,
        steps,
        earth: EarthOrientation { frame, ut1_minus_utc_s, polar_motion_rad: [x, y] },
        min_elevation_rad,
        polarisations,
        pointing,
        uv_range,
        correlations,
    })
}

/// 2027-01-01: a fixed date, so that equal configurations give equal visibilities.
const DEFAULT_DATE_MJD: f64 = 61_406.0;

/// `[noise]`.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseSettings {
    /// SEFD of one polarisation of each station, Jy.
    pub sefd_jy: Vec<f64>,
    /// Seed of the noise; `None` sets the weights but adds no noise.
    pub seed: Option<u64>,
}

pub(super) fn read_noise(document: &Document, telescope: &Telescope) -> Result<Option<NoiseSettings>> {
    let s = document.section("noise")?;
    if !s.is_present() {
        return Ok(None);
    }
    let seed = s.integer("seed", 0..)?.unwrap_or(1) as u64;
    let add = s.boolean("add")?.unwrap_or(true);
    let per_kind = match s.section("sefd") {
        Ok(table) if table.is_present() => {
            // a type that this array lacks is fine: one configuration may serve several arrays
            let mut values = Vec::new();
            for kind in station_types(telescope) {
                if let Some(jy) = table.quantity(&kind, Dimension::FluxDensity)? {
                    let jy = positive(&table, &kind, jy)?;
                    values.push((kind, jy));
                }
            }
            values
        }
        _ => {
            let one = s
                .quantity("sefd", Dimension::FluxDensity)?
                .ok_or_else(|| s.missing("sefd", "\"272 Jy\", or one a station type: { ska-mid = \"272 Jy\" }"))?;
            let one = positive(&s, "sefd", one)?;
            station_types(telescope).into_iter().map(|kind| (kind, one)).collect()
        }
    };
    let sefd_jy = telescope
        .stations
        .iter()
        .map(|station| {
            per_kind.iter().find(|(kind, _)| *kind == station.kind).map(|(_, v)| *v).ok_or_else(|| {
                super::missing(
                    "noise.sefd",
                    &station.kind,
                    "the SEFD of one polarisation of every station type of the array",
                )
                .found(format!("{} has stations of type {}", telescope.name, station.kind))
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(NoiseSettings { sefd_jy, seed: add.then_some(seed) }))
}

/// Station types of the shipped arrays and of this one.
fn station_types(telescope: &Telescope) -> BTreeSet<String> {
    let shipped = preset_names().into_iter().filter_map(|p| Telescope::preset(&p.name).ok());
    let kinds = |t: &Telescope| t.stations.iter().map(|s| s.kind.clone()).collect::<BTreeSet<_>>();
    shipped.map(|t| kinds(&t)).chain([kinds(telescope)]).flatten().collect()
}

/// How visibilities are predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Degridding of the image.
    Grid,
    /// The exact sum over pixels or components.
    Direct,
}

/// `[prediction]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictionSettings {
    /// `None`: grid for cubes, direct for components.
    pub method: Option<Method>,
    /// Relative accuracy of the grid.
    pub epsilon: f64,
    /// Keep baselines beyond the pixels' Nyquist limit (periodic; for comparisons with the DFT).
    pub keep_beyond_nyquist: bool,
    /// What the direct sum adds sources in.
    pub summing: Summing,
    /// How samples are averaged; `None` for samples of the middle of their cell.
    pub smearing: Option<SmearingSettings>,
}

/// How samples are averaged over their time step and channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmearingSettings {
    /// Accuracy of the true average; `None` for OSKAR's factors.
    pub epsilon: Option<f64>,
    /// Time, s; `None` for the length of a time step.
    pub time_s: Option<f64>,
    /// Bandwidth, Hz; `None` for the width of a channel.
    pub bandwidth_hz: Option<f64>,
}

impl SmearingSettings {
    /// The smearing of steps of `step_s` and channels of `width_hz` in a frame.
    pub fn of(&self, step_s: f64, width_hz: f64, frame: Frame) -> Smearing {
        let rate_rad_s = match frame {
            Frame::Oskar => OSKAR_EARTH_RATE,
            Frame::Icrs => EARTH_RATE,
        };
        let (time_s, bandwidth_hz) = (self.time_s.unwrap_or(step_s), self.bandwidth_hz.unwrap_or(width_hz));
        match self.epsilon {
            None => Smearing::Sinc(Cell { time_s, bandwidth_hz, rate_rad_s }),
            // an average is of what truly happens
            Some(epsilon) => Smearing::Average { cell: Cell { time_s, bandwidth_hz, rate_rad_s: EARTH_RATE }, epsilon },
        }
    }
}

pub(super) fn read_prediction(document: &Document) -> Result<PredictionSettings> {
    let s = document.section("prediction")?;
    let method = match s.choice("method", &["auto", "grid", "direct"])? {
        Some("grid") => Some(Method::Grid),
        Some("direct") => Some(Method::Direct),
        _ => None,
    };
    let epsilon = read_epsilon(&s)?;
    let keep_beyond_nyquist = s.boolean("keep_beyond_nyquist")?.unwrap_or(false);
    let summing = match s.choice("precision", &["f64", "f32"])? {
        Some("f32") => Summing::Float32,
        _ => Summing::Float64,
    };
    let least = s.float("smearing_epsilon", 1e-9..=0.1)?.unwrap_or(1e-4);
    let (time_s, bandwidth_hz) =
        (s.quantity("smearing_time", Dimension::Time)?, s.quantity("smearing_bandwidth", Dimension::Frequency)?);
    for (key, value) in [("smearing_time", time_s), ("smearing_bandwidth", bandwidth_hz)] {
        if value.is_some_and(|value| value < 0.0) {
            return Err(s.refuse(key, "0 or more"));
        }
    }
    let smearing = match s.choice("smearing", &["none", "sinc", "average"])? {
        Some("sinc") => Some(SmearingSettings { epsilon: None, time_s, bandwidth_hz }),
        Some("average") => Some(SmearingSettings { epsilon: Some(least), time_s, bandwidth_hz }),
        _ => None,
    };
    let method = match (method, smearing) {
        (Some(Method::Grid), Some(_)) => {
            return Err(s.refuse("smearing", "\"none\" with prediction.method = \"grid\", which has no smearing"));
        }
        (_, Some(_)) => Some(Method::Direct),
        (method, None) => method,
    };
    s.finish()?;
    Ok(PredictionSettings { method, epsilon, keep_beyond_nyquist, summing, smearing })
}

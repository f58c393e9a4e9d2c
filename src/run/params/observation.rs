use super::image::check_epsilon;
use super::{missing, positive};
use crate::error::{Error, Result};
use crate::formats::config::Document;
use crate::formats::visibilities::Polarisations;
use crate::telescope::Telescope;
use crate::time::{EarthOrientation, Frame, parse_utc};
use crate::units::{DEG_RAD, Dimension, RaDec};
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
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

pub(super) fn read(document: &mut Document) -> Result<ObservationSettings> {
    let mut s = document.section("observation")?;
    let ra_rad = s.quantity("ra", Dimension::Angle)?.unwrap_or(30.0 * DEG_RAD);
    let dec_rad = s.quantity("dec", Dimension::Angle)?.unwrap_or(-30.0 * DEG_RAD);
    if dec_rad.abs() > 90.0 * DEG_RAD {
        return Err(Error::input("observation.dec is not a declination")
            .found(format!("{} deg", dec_rad / DEG_RAD))
            .expected("-90 deg to 90 deg"));
    }
    let start = s.text("start_utc")?.map(|t| parse_utc(&t).map_err(|e| e.place("key observation.start_utc"))).transpose()?;
    let date = s.text("date")?.map(|t| parse_utc(&t).map_err(|e| e.place("key observation.date"))).transpose()?;
    let hour_angle = s.quantity("hour_angle_start", Dimension::Time)?;
    let length_s = positive("observation", "length", s.quantity("length", Dimension::Time)?.unwrap_or(4.0 * 3600.0))?;
    let steps = s.integer("steps", 1..=1_000_000)?.unwrap_or(8) as usize;
    let frame = match s.choice("frame", &["icrs", "oskar"])?.as_deref() {
        Some("oskar") => Frame::Oskar,
        _ => Frame::Icrs,
    };
    let ut1_minus_utc_s = s.quantity("ut1_minus_utc", Dimension::Time)?.unwrap_or(0.0);
    let polar_motion = s.quantities("polar_motion", Dimension::Angle)?.unwrap_or(vec![0.0, 0.0]);
    let min_elevation_rad = s.quantity("min_elevation", Dimension::Angle)?;
    let polarisations = match s.choice("polarisations", &["I", "XX,XY,YX,YY"])?.as_deref() {
        Some("XX,XY,YX,YY") => Polarisations::Linear,
        _ => Polarisations::I,
    };
    s.finish()?;
    let [x, y] = polar_motion[..] else {
        return Err(Error::input("observation.polar_motion needs two angles")
            .found(format!("{} numbers", polar_motion.len()))
            .expected("\"x y arcsec\""));
    };
    if ut1_minus_utc_s.abs() > 1.0 {
        return Err(Error::input("observation.ut1_minus_utc is out of range")
            .found(format!("{ut1_minus_utc_s} s"))
            .expected("-0.9 s to 0.9 s, which is what leap seconds keep it to"));
    }
    let time = match (start, hour_angle, date) {
        (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
            return Err(Error::input("the time of the observation is given twice")
                .expected("either observation.start_utc, or observation.hour_angle_start and observation.date")
                .place("table [observation] of the configuration"));
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

pub(super) fn read_noise(document: &mut Document, telescope: &Telescope) -> Result<Option<NoiseSettings>> {
    if !document.has("noise") {
        return Ok(None);
    }
    let mut s = document.section("noise")?;
    let seed = s.integer("seed", 0..=i64::MAX)?.unwrap_or(1) as u64;
    let add = s.boolean("add")?.unwrap_or(true);
    let kinds: BTreeSet<_> = telescope.stations.iter().map(|st| st.kind.clone()).collect();
    let per_kind = if s.is_table("sefd") {
        let mut table = s.section("sefd")?;
        let mut values = Vec::new();
        // a key for a type that this array lacks is fine: one configuration may serve several arrays
        for kind in table.keys() {
            if let Some(v) = table.quantity(&kind, Dimension::FluxDensity)? {
                values.push((kind, positive("noise.sefd", "station type", v)?));
            }
        }
        table.finish()?;
        values
    } else {
        let one = s
            .quantity("sefd", Dimension::FluxDensity)?
            .ok_or_else(|| missing("noise", "sefd", "\"272 Jy\", or one a station type: { ska-mid = \"272 Jy\" }"))?;
        let one = positive("noise", "sefd", one)?;
        kinds.iter().map(|k| (k.clone(), one)).collect()
    };
    s.finish()?;
    let sefd_jy = telescope
        .stations
        .iter()
        .map(|station| {
            per_kind.iter().find(|(kind, _)| *kind == station.kind).map(|(_, v)| *v).ok_or_else(|| {
                missing("noise.sefd", &station.kind, "the SEFD of one polarisation of every station type of the array")
                    .found(format!("{} has stations of type {}", telescope.name, station.kind))
            })
        })
        .collect::<Result<_>>()?;
    Ok(Some(NoiseSettings { sefd_jy, seed: add.then_some(seed) }))
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
}

pub(super) fn read_prediction(document: &mut Document) -> Result<PredictionSettings> {
    let mut s = document.section("prediction")?;
    let method = match s.choice("method", &["auto", "grid", "direct"])?.as_deref() {
        Some("grid") => Some(Method::Grid),
        Some("direct") => Some(Method::Direct),
        _ => None,
    };
    let epsilon = check_epsilon("prediction", s.float("epsilon")?.unwrap_or(1e-5))?;
    let keep_beyond_nyquist = s.boolean("keep_beyond_nyquist")?.unwrap_or(false);
    s.finish()?;
    Ok(PredictionSettings { method, epsilon, keep_beyond_nyquist })
}

//! The physics of the chain as a whole: what stands in the products of a run, or of its stages put together as a
//! run puts them together, against formulas and sums written out here.

#[path = "../common/mod.rs"]
mod common;

mod convolution;
mod eor;
mod headers;
mod mass;
mod noise;
mod psf;
mod repeat;
mod routes;
mod sky_files;
mod tng;

use skyfringe::error::Watch;
use skyfringe::formats::config::Document;
use skyfringe::formats::fits::{Card, CardValue, FitsCube, read_cube};
use skyfringe::formats::visibilities::{Polarisations, VisibilityTable};
use skyfringe::gridding::ImageGeometry;
use skyfringe::run::params::Settings;
use skyfringe::run::{Unseen, chain};
use skyfringe::telescope::Telescope;
use skyfringe::time::{EarthOrientation, Frame};
use skyfringe::units::{DAY_S, DEG_RAD, RaDec};
use skyfringe::visibilities::{Instant, Track, new_table};
use std::path::Path;

fn silent() -> Watch {
    Watch::silent()
}

/// Settings of a configuration text.
fn settings(text: &str) -> Settings {
    Settings::from_document(&Document::parse(text, "test").unwrap()).unwrap()
}

/// `skyfringe run` on a configuration text, in a folder of its own.
fn run(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    chain::run(&settings(text), folder.path(), false, &Unseen).unwrap();
    folder
}

fn cube(folder: &Path, name: &str) -> FitsCube {
    read_cube(&folder.join(name)).unwrap()
}

fn card<'a>(cube: &'a FitsCube, key: &str) -> Option<&'a CardValue> {
    cube.cards.iter().find(|c: &&Card| c.key == key).map(|c| &c.value)
}

/// A number of the header.
fn number(cube: &FitsCube, key: &str) -> f64 {
    match card(cube, key) {
        Some(CardValue::Float(v)) => *v,
        Some(CardValue::Int(v)) => *v as f64,
        other => panic!("{key}: {other:?}"),
    }
}

#[track_caller]
fn close(got: f64, expected: f64, relative: f64, what: &str) {
    let off = (got / expected - 1.0).abs();
    assert!(off <= relative, "{what}: {got:.9e}, expected {expected:.9e}, off by {off:.2e} > {relative:.0e}");
}

/// North of the SKA site's zenith by 0.7 degrees: little w.
fn near_zenith() -> RaDec {
    RaDec::from_deg(30.0, -30.0)
}

/// A track of `steps` steps of `step_s` through transit.
fn transit(telescope: &Telescope, phase_centre: RaDec, steps: usize, step_s: f64) -> Track {
    let earth = EarthOrientation::new(Frame::Icrs);
    let before = -0.5 * steps as f64 * step_s / DAY_S * 360.0 * DEG_RAD;
    let longitude = telescope.reference().lon_rad;
    let start_mjd_utc = earth.time_of_hour_angle(phase_centre.unit_vector(), longitude, before, 61_406.0).unwrap();
    Track {
        phase_centre,
        earth,
        start_mjd_utc,
        step_s,
        steps,
        pointing: Default::default(),
        correlations: Default::default(),
    }
}

/// An empty table of `track`, everything above the horizon.
fn table(
    telescope: &Telescope,
    track: &Track,
    freq_hz: &[f64],
    width_hz: f64,
    polarisations: Polarisations,
) -> (VisibilityTable, Vec<Instant>) {
    let (table, instants, report) = new_table(telescope, track, freq_hz, width_hz, polarisations, 0.0).unwrap();
    assert_eq!(report.rows_too_low, 0);
    (table, instants)
}

fn square(size: usize, cell_rad: f64) -> ImageGeometry {
    ImageGeometry { nx: size, ny: size, dl: -cell_rad, dm: cell_rad }
}

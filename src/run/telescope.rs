//! `telescope list` and `telescope show`.

use super::headers::program;
use super::telescope_plot::{TelescopePlotInput, UvPoints, telescope_figure};
use crate::error::Result;
use crate::formats::png::Theme;
use crate::formats::telescope::read_rotations;
use crate::telescope::{Rotations, Telescope, preset_names, vogel_station};
use crate::time::{EarthOrientation, Frame};
use crate::units::{DEG_RAD, Dimension, RaDec, format_quantity};
use crate::visibilities::{Instant, Track};
use std::collections::BTreeMap;
use std::path::Path;

/// Names, versions and sizes of the arrays that come with the program.
pub fn list() -> String {
    let mut text = format!("{:<24}{:>9}  {}\n", "name", "stations", "description");
    for preset in preset_names() {
        for (k, version) in preset.versions.iter().enumerate() {
            let name = if k == 0 { preset.name.clone() } else { format!("{}@{}", preset.name, version.version) };
            text.push_str(&format!("{name:<24}{:>9}  {}\n", version.stations, version.description));
        }
    }
    text
}

/// Seed of the rotations of SKA-Low stations where no file gives them.
const ROTATION_SEED: u64 = 1;

/// Facts of one array; with `plot`, a picture of layout and uv coverage. `rotations` is a file with the
/// rotation of each SKA-Low station, in place of seeded ones.
pub fn show(name: &str, plot: Option<&Path>, stations: bool, rotations: Option<&Path>) -> Result<String> {
    let telescope = open(name)?;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:>16}  {value}\n"));
    line("name", &telescope.name);
    if !telescope.version.is_empty() {
        line("version", &telescope.version);
    }
    line("source", &telescope.source);
    let reference = telescope.reference();
    line(
        "reference point",
        &format!(
            "longitude {:.6} deg, latitude {:.6} deg, height {:.1} m",
            reference.lon_deg(),
            reference.lat_deg(),
            reference.height_m
        ),
    );
    let mut kinds: BTreeMap<(String, String), usize> = BTreeMap::new();
    for s in &telescope.stations {
        *kinds.entry((s.kind.clone(), format!("{}", s.diameter_m))).or_default() += 1;
    }
    line("stations", &telescope.stations.len().to_string());
    for ((kind, diameter), count) in kinds {
        line("", &format!("{count} of type {kind}, diameter {diameter} m"));
    }
    if let Some((shortest, longest)) = telescope.baseline_range() {
        for (what, b) in [("shortest", shortest), ("longest", longest)] {
            let (p, q) = (&telescope.stations[b.antenna1].name, &telescope.stations[b.antenna2].name);
            line(what, &format!("{:.2} m ({p} - {q})", b.length_m));
        }
    }
    let low = telescope.stations.iter().any(|s| s.kind == "ska-low");
    if low {
        let antennas = vogel_station();
        let radius = antennas.iter().map(|p| p[0].hypot(p[1])).fold(0.0, f64::max);
        line(
            "each station",
            &format!("{} antennas in a Vogel spiral of radius {radius:.1} m, turned by its own angle", antennas.len()),
        );
    }
    for note in &telescope.notes {
        line("note", note);
    }
    if stations {
        let rotations = match rotations {
            Some(file) => telescope.station_rotations_deg(&Rotations::Listed(read_rotations(file)?))?,
            None => telescope.station_rotations_deg(&Rotations::Seeded(ROTATION_SEED))?,
        };
        for ((station, enu), rotation) in telescope.stations.iter().zip(telescope.enu_m()).zip(rotations) {
            let turned = if low { format!(", turned {rotation:.1} deg east of north") } else { String::new() };
            line(
                &station.name,
                &format!("east {:.2} m, north {:.2} m, up {:.2} m, {}{turned}", enu[0], enu[1], enu[2], station.kind),
            );
        }
    }
    if let Some(path) = plot {
        draw(&telescope, path)?;
        line("picture", &path.display().to_string());
    }
    Ok(text)
}

/// A preset's name, a telescope file or an OSKAR telescope folder.
pub(super) fn open(name: &str) -> Result<Telescope> {
    let path = Path::new(name);
    if path.is_dir() {
        Ok(Telescope::from_oskar_folder(path)?.0)
    } else if path.is_file() {
        Telescope::from_file(path)
    } else {
        Telescope::preset(name)
    }
}

/// uv coverage of 4 h about transit, 10 degrees from the zenith towards the equator.
fn draw(telescope: &Telescope, path: &Path) -> Result<()> {
    let reference = telescope.reference();
    let towards_equator = if reference.lat_rad > 0.0 { -10.0 } else { 10.0 };
    let phase_centre = RaDec { ra_rad: 0.0, dec_rad: reference.lat_rad + towards_equator * DEG_RAD };
    let earth = EarthOrientation::new(Frame::Icrs);
    let (hours, steps) = (4.0, 24);
    let start_mjd_utc = earth.time_of_hour_angle(
        phase_centre.unit_vector(),
        reference.lon_rad,
        -0.5 * hours * 15.0 * DEG_RAD,
        61_406.0,
    )?;
    let track = Track {
        phase_centre,
        earth,
        start_mjd_utc,
        step_s: hours * 3600.0 / steps as f64,
        steps,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let mut uv = Vec::new();
    for step in 0..steps {
        let instant = Instant::new(telescope, &track, step)?;
        for (p, q) in telescope.baselines() {
            uv.push([0, 1].map(|k| instant.station_uvw_m[p][k] - instant.station_uvw_m[q][k]));
        }
    }
    let enu = telescope.enu_m();
    let (east, north): (Vec<f64>, Vec<f64>) = enu.iter().map(|p| (p[0], p[1])).unzip();
    let kinds: Vec<String> = telescope
        .stations
        .iter()
        .map(|s| if s.diameter_m > 0.0 { format!("{}, {} m", s.kind, s.diameter_m) } else { s.kind.clone() })
        .collect();
    let names: Vec<String> = telescope.stations.iter().map(|s| s.name.clone()).collect();
    let longest = telescope.baseline_range().map_or(0.0, |r| r.1.length_m);
    telescope_figure(&TelescopePlotInput {
        title: &telescope.name,
        subtitle: &format!(
            "{} stations, longest baseline {}",
            telescope.stations.len(),
            format_quantity(longest, Dimension::Length)
        ),
        footer: &format!("{} · layout {} · {}", program(), telescope.version, telescope.source),
        theme: Theme::Light,
        east_m: &east,
        north_m: &north,
        kinds: &kinds,
        names: &names,
        uv: UvPoints::Metres(&uv),
        uv_title: &format!("uv coverage, 4 h about transit, Dec {:.0}°", phase_centre.dec_rad / DEG_RAD),
    })
    .save(path)
}

//! `beam`: what a station sees, over the sky.

use super::headers::program;
use super::params::Settings;
use super::plan;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::fits::{Card, FitsCube, SkyAxes, SpectralAxis, write_cube};
use crate::formats::png::{ColourMap, Figure, Heatmap, Stretch, ValueRange};
use crate::time::format_utc;
use crate::units::{DEG_RAD, RaDec};
use crate::visibilities::{Instant, station_jones};
use ndarray::{Array2, Array3};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use std::path::Path;

/// The words of `beam`.
#[derive(Debug, Clone)]
pub struct BeamRequest {
    /// Name or number (from 0) of the station.
    pub station: String,
    /// Frequency, Hz; `None`: the centre of the configuration's band.
    pub freq_hz: Option<f64>,
    /// Time step (from 0); `None`: the middle one.
    pub step: Option<usize>,
    /// Pixels along each side.
    pub size: usize,
    /// Width of the picture, rad, at most 180 degrees; `None`: four times lambda over the station's extent.
    pub width_rad: Option<f64>,
}

/// Names of the four voltages: feed, and component on the sky.
const VOLTAGES: [&str; 4] = ["x-north", "x-east", "y-north", "y-east"];

/// Writes `beam-*.fits` and `beam.png` into the folder `out`.
///
/// SIN projection about the phase centre, 0 below the horizon. Power is that of unpolarised waves: X, Y, and their mean I. Amplitude
/// and phase (deg) are those of E R, feeds X and Y on the sky's components north and east.
///
/// # Errors
/// A station or time step that is not there, a picture wider than the sky.
pub fn run(settings: &Settings, request: &BeamRequest, out: &Path) -> Result<String> {
    let telescope = &settings.telescope.telescope;
    let station = find(settings, &request.station)?;
    let freq_hz = request.freq_hz.or(settings.sky.spectral.centre_hz).ok_or_else(|| {
        Error::input("no frequency is given").expected("--frequency, or sky.band_centre in the configuration")
    })?;
    let track = plan::track(&settings.observation, telescope)?;
    let step = request.step.unwrap_or(track.steps / 2);
    if step >= track.steps {
        return Err(Error::input("there is no such time step")
            .found(step)
            .expected(format!("0 to {}", track.steps - 1)));
    }
    // a beam has no width in frequency: that of the channels stands for it
    let width_hz = settings.sky.spectral.width_hz.unwrap_or(1.0);
    let instant = Instant::new(telescope, &track, step)?;
    let beams = settings.telescope.beams();
    beams.check(&[freq_hz])?;
    let width_rad = match request.width_rad {
        Some(width) => width,
        None => usual_width(settings, station, freq_hz)?,
    };
    if !(width_rad > 0.0 && width_rad <= std::f64::consts::PI * (1.0 + 1e-12)) {
        return Err(Error::input("the picture has an impossible width")
            .found(format!("{} deg", width_rad / DEG_RAD))
            .expected("above 0, and at most 180 deg")
            .place("--fov"));
    }
    // equal steps of the direction cosines, of which the outermost is the sine of half the width
    let (size, centre) = (request.size, track.phase_centre);
    let cell = 2.0 * (0.5 * width_rad).min(std::f64::consts::FRAC_PI_2).sin() / size as f64;
    let at = |k: usize| (k as f64 - (size / 2) as f64) * cell;
    let rows: Vec<Vec<[Complex64; 4]>> = (0..size)
        .into_par_iter()
        .map(|y| {
            let (xs, directions): (Vec<usize>, Vec<RaDec>) = (0..size)
                .filter(|x| at(*x).hypot(at(y)) < 1.0)
                .map(|x| (x, RaDec::from_lm(-at(x), at(y), centre)))
                .unzip();
            let seen = station_jones(&instant, &beams, station, centre, (freq_hz, step as u32), &directions);
            let mut row = vec![[Complex64::ZERO; 4]; size];
            xs.into_iter().zip(seen).for_each(|(x, seen)| row[x] = seen);
            row
        })
        .collect();
    let image = |of: &dyn Fn(&[Complex64; 4]) -> f64| Array2::from_shape_fn((size, size), |(y, x)| of(&rows[y][x]));
    let largest = rows.iter().flatten().flatten().map(|v| v.norm()).fold(0.0, f64::max);
    let power = |a: usize| move |j: &[Complex64; 4]| j[a].norm_sqr() + j[a + 1].norm_sqr();
    let mut images: Vec<(String, &str, Array2<f64>)> = vec![
        ("I-power".into(), "", image(&|j| 0.5 * j.iter().map(|v| v.norm_sqr()).sum::<f64>())),
        ("X-power".into(), "", image(&power(0))),
        ("Y-power".into(), "", image(&power(2))),
    ];
    for (k, name) in VOLTAGES.iter().enumerate() {
        images.push((format!("{name}-amplitude"), "", image(&|j| j[k].norm())));
    }
    for (k, name) in VOLTAGES.iter().enumerate() {
        // the phase of nothing, and of rounding, is 0
        let phase = |j: &[Complex64; 4]| if j[k].norm() > 1e-14 * largest { j[k].arg() / DEG_RAD } else { 0.0 };
        images.push((format!("{name}-phase"), "deg", image(&phase)));
    }
    std::fs::create_dir_all(out).map_err(|e| Error::io("make", out, e))?;
    let name = &telescope.stations[station].name;
    let words = [
        format!("{} of {}", name, telescope.name),
        format!("{:.6} MHz, {} UTC", freq_hz / 1e6, format_utc(instant.mjd_utc)),
    ];
    for (file, unit, values) in &images {
        let cards = vec![
            Card::text("OBJECT", format!("{file} of station {name}"), "what the image shows"),
            Card::text("TELESCOP", telescope.name.clone(), "array"),
            Card::text("PBMODEL", beams.describe(), "beam of the stations"),
            Card::float("MJD-OBS", instant.mjd_utc, "middle of the time step (UTC)"),
        ];
        let cube = FitsCube {
            data: Array3::from_shape_fn((1, size, size), |(_, y, x)| values[[y, x]] as f32),
            sky: SkyAxes { centre, step_x_rad: -cell, step_y_rad: cell, reference_pixel: [(size / 2) as f64; 2] },
            spectral: SpectralAxis { freq_hz: vec![freq_hz], width_hz, ..SpectralAxis::default() },
            stokes: "I".into(),
            unit: unit.to_string(),
            beams: Vec::new(),
            cards,
        };
        let staged = Staged::new(&out.join(format!("beam-{file}.fits")))?;
        write_cube(staged.path(), &cube)?;
        staged.commit()?;
    }
    let staged = Staged::new(&out.join("beam.png"))?;
    figure(&words, &beams.describe(), &images, cell).save(staged.path())?;
    staged.commit()?;
    let peak = images[0].2.iter().copied().fold(0.0, f64::max);
    Ok(format!(
        "{}: {}, {}; {size} x {size} pixels over {:.3} deg, largest power of I {peak:.6}, at the phase centre {:.6}\n",
        out.join("beam.png").display(),
        words[0],
        words[1],
        width_rad / DEG_RAD,
        images[0].2[[size / 2, size / 2]],
    ))
}

fn find(settings: &Settings, wanted: &str) -> Result<usize> {
    let telescope = &settings.telescope.telescope;
    let by_name = telescope.stations.iter().position(|s| s.name == wanted);
    by_name.or_else(|| wanted.parse().ok().filter(|k| *k < telescope.stations.len())).ok_or_else(|| {
        Error::input("there is no such station")
            .found(format!("\"{wanted}\""))
            .expected(format!("a name of {}, or 0 to {}", telescope.name, telescope.stations.len() - 1))
            .place("--station")
            .hint(format!("skyfringe telescope show {} --stations lists them", telescope.name))
    })
}

fn usual_width(settings: &Settings, station: usize, freq_hz: f64) -> Result<f64> {
    let own = settings.telescope.telescope.stations[station].diameter_m;
    let extent_m = match &settings.telescope.arrays {
        Some(arrays) => arrays.kinds[arrays.kind_of[station]].extent_m(),
        None => own,
    };
    if extent_m <= 0.0 {
        return Err(Error::input("the station's size is not known")
            .expected("the width of the picture")
            .place("--fov"));
    }
    Ok((4.0 * crate::units::C_M_S / freq_hz / extent_m).min(std::f64::consts::PI))
}

fn figure(words: &[String; 2], model: &str, images: &[(String, &str, Array2<f64>)], cell: f64) -> Figure {
    let (rows, columns) = (3, 4);
    let mut figure = Figure::new(480 * columns as u32, 440 * rows as u32 + 120, rows, columns);
    figure.shrink = true;
    figure.title = format!("Station beam: {}", words[0]);
    figure.subtitle = format!("{}; {model}", words[1]);
    figure.footer = program();
    // powers in the first row, amplitudes in the second, phases in the third
    let places = (0..3).map(|k| (0, k)).chain((0..4).map(|k| (1, k))).chain((0..4).map(|k| (2, k)));
    for ((row, column), (name, _, values)) in places.zip(images) {
        let (label, data, range) = match row {
            0 => ("(dB)", values.mapv(|v| 10.0 * v.max(1e-12).log10()), ValueRange::Fixed(-50.0, 0.0)),
            1 => ("", values.clone(), ValueRange::Fixed(0.0, values.iter().copied().fold(1e-6, f64::max))),
            _ => ("(deg)", values.clone(), ValueRange::Fixed(-180.0, 180.0)),
        };
        let half = (values.nrows() / 2) as f64 + 0.5;
        let first = -half * cell;
        let last = first + values.nrows() as f64 * cell;
        figure.add(
            row,
            column,
            Heatmap {
                title: name.replace('-', " "),
                x_label: "l".into(),
                y_label: "m".into(),
                bar_label: label.into(),
                colours: if row == 2 { ColourMap::Diverging } else { ColourMap::Inferno },
                stretch: Stretch::Linear,
                range,
                ..Heatmap::new(data, [-first, -last], [first, last])
            },
        );
    }
    figure
}

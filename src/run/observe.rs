//! Sky to visibilities: the second stage of a run, and the command `observe`.

use super::check::{Extent, require_memory};
use super::headers::program;
use super::params::{Method, Settings};
use super::skies::{FixedChannels, PreparedSky, SkyContent, prepare, sky_fits};
use super::{Progress, plan};
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::visibilities::{Polarisations, VisibilityTable, read_visibility_frame, write_visibilities};
use crate::telescope::beam::StationBeams;
use crate::time::Frame;
use crate::visibilities::{DirectSky, Instant, Track, add_thermal_noise, new_table, predict_by_grid, predict_direct};
use std::path::Path;

/// Visibilities and what happened on the way.
#[derive(Debug)]
pub(super) struct Observed {
    pub table: VisibilityTable,
    pub beams: String,
    pub rows: usize,
    pub rows_too_low: usize,
    pub samples: usize,
    pub beyond_nyquist: usize,
    pub notes: Vec<String>,
}

/// `observe`: writes the visibilities of a configuration to `out`.
///
/// With `uvw_from` they are predicted onto the uvw, channels and phase centre of that file, without
/// beam, horizon and noise, which need stations.
pub fn run(settings: &Settings, uvw_from: Option<&Path>, out: &Path, progress: &dyn Progress) -> Result<String> {
    let staged = Staged::new(out)?;
    let observed = match uvw_from {
        None => {
            let track = plan::track(&settings.observation, &settings.telescope.telescope)?;
            let usable = plan::require_up(settings, &track)?;
            let sky = prepare(settings, &track, None, progress)?;
            require_memory(settings, &usable, &sky, Extent::Observe)?;
            drop(usable);
            sky.notes.iter().for_each(|n| progress.note(n));
            observe(settings, &track, &sky, progress)?
        }
        Some(file) => onto_existing(settings, file, progress)?,
    };
    observed.notes.iter().for_each(|n| progress.note(n));
    write(&observed.table, settings, staged, progress)?;
    let (rows, channels, products) = observed.table.vis.dim();
    Ok(format!(
        "{}: {rows} rows x {channels} channels x {products} products, {} rows below the elevation limit, {} of {} samples beyond Nyquist\n",
        out.display(),
        observed.rows_too_low,
        observed.beyond_nyquist,
        observed.samples,
    ))
}

/// Writes the visibility file and gives it its name.
pub(super) fn write(
    table: &VisibilityTable,
    settings: &Settings,
    staged: Staged,
    progress: &dyn Progress,
) -> Result<()> {
    let watch = progress.stage("writing", table.uvw_m.nrows() as u64);
    write_visibilities(staged.path(), table, settings.precision, &watch)?;
    staged.commit()
}

/// Predicts `sky` on the track and adds noise.
pub(super) fn observe(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    progress: &dyn Progress,
) -> Result<Observed> {
    let telescope = &settings.telescope.telescope;
    let (mut table, instants, frame) = new_table(
        telescope,
        track,
        &sky.freq_hz,
        sky.channel_width_hz,
        settings.observation.polarisations,
        plan::min_elevation_rad(&settings.observation, telescope),
    )?;
    let beams = StationBeams::new(telescope, settings.telescope.beam);
    let (samples, beyond_nyquist) = predict(settings, &mut table, sky, Some((&instants, &beams)), progress)?;
    if let Some(noise) = &settings.noise {
        let watch = progress.stage("noise", 1);
        add_thermal_noise(&mut table, &noise.sefd_jy, noise.seed, &watch)?;
    }
    table.provenance = format!("{}\n{}", program(), settings.canonical);
    let mut notes = Vec::new();
    if frame.rows_too_low > 0 {
        notes.push(format!("{} of {} rows are flagged: the target is too low", frame.rows_too_low, frame.rows));
    }
    if beyond_nyquist > 0 {
        notes.push(format!(
            "{beyond_nyquist} of {samples} samples lie beyond the Nyquist limit of the sky's pixels and are left out"
        ));
    }
    Ok(Observed {
        table,
        beams: beams.describe(),
        rows: frame.rows,
        rows_too_low: frame.rows_too_low,
        samples,
        beyond_nyquist,
        notes,
    })
}

fn predict(
    settings: &Settings,
    table: &mut VisibilityTable,
    sky: &PreparedSky,
    station: Option<(&[Instant], &StationBeams)>,
    progress: &dyn Progress,
) -> Result<(usize, usize)> {
    let prediction = &settings.prediction;
    let rows = table.uvw_m.nrows();
    match (&sky.content, prediction.method) {
        (SkyContent::Cube { cube, .. }, None | Some(Method::Grid)) => {
            let watch = progress.stage("visibilities", sky.freq_hz.len() as u64);
            let report =
                predict_by_grid(table, cube, station, prediction.epsilon, prediction.keep_beyond_nyquist, &watch)?;
            Ok((report.samples, report.beyond_nyquist))
        }
        (SkyContent::Cube { cube, .. }, Some(Method::Direct)) => {
            let steps = station.map_or(1, |s| s.0.len()) as u64;
            let pixels = cube.flux_jy.len() / sky.freq_hz.len().max(1);
            let watch = progress.stage("visibilities", steps * pixels as u64);
            let limit = (!prediction.keep_beyond_nyquist).then_some(cube.cell_rad);
            let left_out = predict_direct(table, DirectSky::Cube(cube), station, limit, &watch)?;
            Ok((rows * sky.freq_hz.len(), left_out))
        }
        (SkyContent::Components(list), None | Some(Method::Direct)) => {
            let steps = station.map_or(1, |s| s.0.len()) as u64;
            let watch = progress.stage("visibilities", steps * list.len() as u64);
            let snap_tolerance = match settings.observation.earth.frame {
                Frame::Oskar => 1e-3,
                Frame::Icrs => 0.0,
            };
            let left_out =
                predict_direct(table, DirectSky::Components { list, snap_tolerance }, station, None, &watch)?;
            Ok((rows * sky.freq_hz.len(), left_out))
        }
        (SkyContent::Components(_), Some(Method::Grid)) => {
            Err(Error::input("components cannot be predicted by the grid")
                .found("prediction.method = \"grid\" with sky.components")
                .expected("method = \"direct\" or \"auto\""))
        }
    }
}

fn onto_existing(settings: &Settings, file: &Path, progress: &dyn Progress) -> Result<Observed> {
    let mut table = read_visibility_frame(file)?;
    if table.polarisations != Polarisations::I {
        return Err(Error::input("prediction onto an existing file is in Stokes I only")
            .found(format!("polarisations {}", table.polarisations.name()))
            .expected("a file with polarisation I")
            .place(file.display()));
    }
    let channels = fixed_channels(&table, file)?;
    let mut settings = settings.clone();
    // the file says where it looks; the track only serves to choose pixels
    settings.observation.phase_centre = table.phase_centre;
    let track = plan::track(&settings.observation, &settings.telescope.telescope)?;
    let sky = prepare(&settings, &track, Some(&channels), progress)?;
    table.vis.fill(Default::default());
    let (samples, beyond_nyquist) = predict(&settings, &mut table, &sky, None, progress)?;
    table.provenance = format!("{}\nuvw from {}\n{}", program(), file.display(), settings.canonical);
    let mut notes = sky.notes;
    notes.push("predicted onto existing uvw: no beam, no horizon, no noise".into());
    if beyond_nyquist > 0 {
        notes.push(format!(
            "{beyond_nyquist} of {samples} samples lie beyond the Nyquist limit of the sky's pixels and are left out"
        ));
    }
    let rows = table.uvw_m.nrows();
    Ok(Observed { table, beams: "none".into(), rows, rows_too_low: 0, samples, beyond_nyquist, notes })
}

fn fixed_channels(table: &VisibilityTable, file: &Path) -> Result<FixedChannels> {
    let freq = &table.freq_hz;
    let spacing = if freq.len() > 1 { (freq[freq.len() - 1] - freq[0]) / (freq.len() - 1) as f64 } else { 0.0 };
    let even =
        freq.iter().enumerate().all(|(c, f)| (f - freq[0] - c as f64 * spacing).abs() < 1e-6 * spacing.abs().max(1.0));
    if !even || (freq.len() > 1 && spacing <= 0.0) {
        return Err(Error::input("the channels of the visibility file are not equally spaced and ascending")
            .found(format!("{} channels from {} Hz to {} Hz", freq.len(), freq[0], freq[freq.len() - 1]))
            .place(file.display()));
    }
    let width_hz = if table.channel_width_hz > 0.0 { table.channel_width_hz } else { spacing };
    if width_hz <= 0.0 {
        return Err(Error::input("the visibility file does not state its channel width")
            .expected("the attribute channel_width_hz, or more than one channel")
            .place(file.display()));
    }
    Ok(FixedChannels { freq_hz: freq.clone(), width_hz })
}

/// Writes the sky of a run.
pub(super) fn write_sky(sky: &PreparedSky, settings: &Settings, path: &Path, progress: &dyn Progress) -> Result<()> {
    let watch = progress.stage("sky file", 1);
    let staged = Staged::new(path)?;
    crate::formats::fits::write_cube(staged.path(), &sky_fits(sky, settings.observation.phase_centre, &watch)?)?;
    staged.commit()
}

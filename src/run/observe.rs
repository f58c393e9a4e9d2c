//! Sky to visibilities: the second stage of a run, and the command `observe`.

use super::check::{Extent, require_feasible};
use super::params::{Method, Settings, SmearingSettings};
use super::provenance::provenance;
use super::sampling::{Sampling, TOO_LOW};
use super::skies::{FixedChannels, PreparedSky, SkyContent, prepare};
use super::{Progress, plan};
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::visibilities::{Polarisations, VisibilityTable, read_visibility_frame, write_visibilities};
use crate::telescope::beam::StationBeams;
use crate::time::Frame;
use crate::visibilities::{
    DirectOptions, DirectSky, Instant, Smearing, Track, add_thermal_noise, flag_uv_range, new_table, predict_by_grid,
    predict_direct,
};
use std::path::Path;

/// Visibilities and what happened on the way.
#[derive(Debug)]
pub(super) struct Observed {
    pub table: VisibilityTable,
    pub sampling: Sampling,
    pub notes: Vec<String>,
}

/// `observe`: writes the visibilities of a configuration to `out`.
///
/// With `uvw_from` they are predicted onto the uvw, channels and phase centre of that file, without
/// beam, horizon and noise, which need stations.
pub fn run(settings: &Settings, uvw_from: Option<&Path>, out: &Path, progress: &dyn Progress) -> Result<String> {
    settings.require_observable()?;
    let staged = Staged::new(out)?;
    let observed = match uvw_from {
        None => {
            let track = plan::track(&settings.observation, &settings.telescope.telescope)?;
            let usable = plan::require_up(settings, &track)?;
            let sky = prepare(settings, &track, None, progress)?;
            require_feasible(settings, &track, &usable, &sky, Extent::Observe)?;
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
        "{}: {rows} rows x {channels} channels x {products} products, {} rows flagged before, {} of {} samples beyond Nyquist\n",
        out.display(),
        observed.sampling.rows_too_low,
        observed.sampling.left_out(),
        observed.sampling.samples,
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

/// The table of a configuration before anything is predicted, and its time steps.
pub(super) fn empty_table(
    settings: &Settings,
    track: &Track,
    freq_hz: &[f64],
    channel_width_hz: f64,
) -> Result<(VisibilityTable, Vec<Instant>)> {
    let (telescope, observation) = (&settings.telescope.telescope, &settings.observation);
    let lowest_rad = plan::min_elevation_rad(observation, telescope);
    let (mut table, instants, _) =
        new_table(telescope, track, freq_hz, channel_width_hz, observation.polarisations, lowest_rad)?;
    if let Some(range) = observation.uv_range {
        flag_uv_range(&mut table, range.range, range.wavelengths);
    }
    Ok((table, instants))
}

/// Predicts `sky` on the track and adds noise.
pub(super) fn observe(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    progress: &dyn Progress,
) -> Result<Observed> {
    let (mut table, instants) = empty_table(settings, track, &sky.freq_hz, sky.channel_width_hz)?;
    let beams = settings.telescope.beams();
    let low = Sampling::flagged_rows(&table);
    predict(settings, &mut table, sky, Some((&instants, &beams)), progress)?;
    if let Some(noise) = &settings.noise {
        let watch = progress.stage("noise", 1);
        add_thermal_noise(&mut table, &noise.sefd_jy, noise.seed, &watch)?;
    }
    table.provenance = provenance(settings, &sky.object, &sky.specsys, &beams.describe(), "");
    let sampling = Sampling::of(&table, &low);
    Ok(Observed { notes: sampling.notes(TOO_LOW), table, sampling })
}

fn predict(
    settings: &Settings,
    table: &mut VisibilityTable,
    sky: &PreparedSky,
    station: Option<(&[Instant], &StationBeams)>,
    progress: &dyn Progress,
) -> Result<()> {
    let prediction = &settings.prediction;
    match (&sky.content, prediction.method) {
        (SkyContent::Cube { cube, .. }, None | Some(Method::Grid)) => {
            let watch = progress.stage("visibilities", sky.freq_hz.len() as u64);
            predict_by_grid(table, cube, station, prediction.epsilon, prediction.keep_beyond_nyquist, &watch)?;
            Ok(())
        }
        (SkyContent::Cube { cube, .. }, Some(Method::Direct)) => {
            let steps = station.map_or(1, |s| s.0.len()) as u64;
            let pixels = cube.flux_jy.len() / sky.freq_hz.len().max(1);
            let watch = progress.stage("visibilities", steps * pixels as u64);
            let limit = (!prediction.keep_beyond_nyquist).then_some(cube.cell_rad);
            predict_direct(table, DirectSky::Cube(cube), station, limit, options(settings, sky), &watch)?;
            Ok(())
        }
        (SkyContent::Components(list), None | Some(Method::Direct)) => {
            let steps = station.map_or(1, |s| s.0.len()) as u64;
            let watch = progress.stage("visibilities", steps * list.len() as u64);
            let snap_tolerance = match settings.observation.earth.frame {
                Frame::Oskar => 1e-3,
                Frame::Icrs => 0.0,
            };
            predict_direct(
                table,
                DirectSky::Components { list, snap_tolerance },
                station,
                None,
                options(settings, sky),
                &watch,
            )?;
            Ok(())
        }
        (SkyContent::Components(_), Some(Method::Grid)) => {
            Err(Error::input("components cannot be predicted by the grid")
                .found("prediction.method = \"grid\" with sky.components")
                .expected("method = \"direct\" or \"auto\""))
        }
    }
}

/// How the direct sum is made.
fn options(settings: &Settings, sky: &PreparedSky) -> DirectOptions {
    let (observation, prediction) = (&settings.observation, &settings.prediction);
    let step_s = observation.length_s / observation.steps as f64;
    let of = |smearing: SmearingSettings| smearing.of(step_s, sky.channel_width_hz, observation.earth.frame);
    DirectOptions { summing: prediction.summing, smearing: prediction.smearing.map_or(Smearing::None, of) }
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
    let flagged = Sampling::flagged_rows(&table);
    predict(&settings, &mut table, &sky, None, progress)?;
    let sampling = Sampling::of(&table, &flagged);
    table.provenance =
        provenance(&settings, &sky.object, &sky.specsys, "none", &format!("uvw from {}\n", file.display()));
    let mut notes = sky.notes;
    notes.push("predicted onto existing uvw: no beam, no horizon, no noise".into());
    notes.extend(sampling.notes("they are in the file whose uvw is taken, and stay so"));
    Ok(Observed { table, sampling, notes })
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

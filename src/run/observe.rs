//! Sky to visibilities: the second stage of a run, and the command `observe`.

use super::check::{Extent, require_feasible};
use super::image::memory;
use super::params::{Method, Settings, SmearingSettings};
use super::provenance::provenance;
use super::sampling::{Sampling, TOO_LOW};
use super::skies::{FixedChannels, PreparedSky, SkyContent, prepare};
use super::{Progress, plan};
use crate::error::{Error, Result, Watch};
use crate::formats::Staged;
use crate::formats::visibilities::{
    Polarisations, VisibilityTable, VisibilityWriter, read_visibility_frame, write_visibilities,
};
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::time::Frame;
use crate::visibilities::{
    Channels, DirectOptions, DirectSky, Instant, Part, Smearing, Track, add_thermal_noise_of, flag_uv_range, new_table,
    predict_by_grid, predict_direct, table_of_steps,
};
use std::ops::Range;
use std::path::Path;

/// Visibilities and what happened on the way.
#[derive(Debug)]
pub(super) struct Observed {
    pub table: VisibilityTable,
    pub sampling: Sampling,
    pub notes: Vec<String>,
}

/// `observe`: writes the visibilities of a configuration to `out`, in parts that fit into `memory` (bytes).
///
/// With `uvw_from` they are predicted onto the uvw, channels and phase centre of that file, without
/// beam, horizon and noise, which need stations.
pub fn run(
    settings: &Settings,
    uvw_from: Option<&Path>,
    memory: u64,
    out: &Path,
    progress: &dyn Progress,
) -> Result<String> {
    settings.require_observable()?;
    let staged = Staged::new(out)?;
    let (sampling, notes, [rows, channels, products]) = match uvw_from {
        None => {
            let track = plan::track(&settings.observation, &settings.telescope.telescope)?;
            let usable = plan::require_up(settings, &track)?;
            let sky = prepare(settings, &track, None, progress)?;
            require_feasible(settings, &track, &usable, &sky, Extent::Observe { memory })?;
            drop(usable);
            sky.notes.iter().for_each(|n| progress.note(n));
            in_parts(settings, &track, &sky, memory, staged, progress)?
        }
        Some(file) => {
            let observed = onto_existing(settings, file, progress)?;
            write(&observed.table, settings, staged, progress)?;
            (observed.sampling, observed.notes, observed.table.vis.dim().into())
        }
    };
    notes.iter().for_each(|n| progress.note(n));
    Ok(format!(
        "{}: {rows} rows x {channels} channels x {products} products, {} rows flagged before, {} of {} samples beyond Nyquist\n",
        out.display(),
        sampling.rows_too_low,
        sampling.left_out(),
        sampling.samples,
    ))
}

/// Some time steps and channels of an observation.
#[derive(Debug, Clone, PartialEq)]
struct Tile {
    steps: Range<usize>,
    channels: Range<usize>,
}

/// Bytes of a sample on its way to the file: visibility, weight, flag, and what is written.
const SAMPLE_BYTES: u64 = 29;
/// Of a row beside its samples.
const ROW_BYTES: u64 = 40;

/// Cuts an observation into tiles of at most `bytes`, or the smallest that there are. The direct sum takes few time steps
/// with all channels, which come in the order of the file; the grid as many as it can of the rows, which share an FFT.
fn tiles(rows_a_step: u64, products: u64, [steps, channels]: [usize; 2], by_grid: bool, bytes: u64) -> Vec<Tile> {
    let size = |steps: usize, channels: usize| {
        rows_a_step * steps as u64 * (ROW_BYTES + SAMPLE_BYTES * products * channels as u64)
    };
    // the most that fit, at least 1
    let most = |all: usize, size: &dyn Fn(usize) -> u64| (1..=all).rev().find(|n| size(*n) <= bytes).unwrap_or(1);
    let (steps_each, channels_each) = match by_grid {
        false => {
            let steps_each = most(steps, &|n| size(n, channels));
            (steps_each, most(channels, &|n| size(steps_each, n)))
        }
        true => {
            let channels_each = most(channels, &|n| size(steps, n));
            (most(steps, &|n| size(n, channels_each)), channels_each)
        }
    };
    let cut = |all: usize, each: usize| (0..all).step_by(each).map(move |first| first..(first + each).min(all));
    cut(steps, steps_each)
        .flat_map(|steps| cut(channels, channels_each).map(move |channels| Tile { steps: steps.clone(), channels }))
        .collect()
}

/// Bytes that remain for tables, of `memory`, beside the sky and what the direct sum holds.
fn table_bytes(settings: &Settings, sky: &PreparedSky, memory: u64) -> u64 {
    let stations = settings.telescope.telescope.stations.len() as u64;
    let products = settings.observation.polarisations.count() as u64;
    let held = match &sky.content {
        SkyContent::Cube { cube, .. } => 8 * cube.flux_jy.len() as u64,
        SkyContent::Components(list) => 400 * list.len() as u64,
    };
    memory.saturating_sub(held + 16 * products * stations * (stations + 1024))
}

/// Predicts and writes tile by tile.
fn in_parts(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    memory: u64,
    staged: Staged,
    progress: &dyn Progress,
) -> Result<(Sampling, Vec<String>, [usize; 3])> {
    let (channels, products) = (sky.freq_hz.len(), settings.observation.polarisations.count());
    let rows_a_step = track.correlations.count(settings.telescope.telescope.stations.len());
    let by_grid = by_grid(settings, sky);
    let tiles = tiles(
        rows_a_step as u64,
        products as u64,
        [track.steps, channels],
        by_grid,
        table_bytes(settings, sky, memory),
    );
    let shape = [rows_a_step * track.steps, channels, products];
    if tiles.len() == 1 {
        let observed = observe(settings, track, sky, progress)?;
        write(&observed.table, settings, staged, progress)?;
        return Ok((observed.sampling, observed.notes, shape));
    }
    let mut notes = Vec::new();
    if by_grid && tiles[0].steps.len() < track.steps {
        notes.push(format!(
            "one channel does not fit into {}: time steps are predicted apart, each to prediction.epsilon",
            memory::words(memory)
        ));
    }
    let watch = prediction_watch(settings, track.steps, sky, tiles.len(), progress);
    let beams = settings.telescope.beams();
    let mut sampling = Sampling::empty(channels);
    let mut writer: Option<VisibilityWriter> = None;
    for tile in &tiles {
        let table = observe_tile(settings, track, sky, &beams, tile, &watch, &mut sampling)?;
        let writer = match &mut writer {
            Some(writer) => writer,
            none => {
                let like = VisibilityTable {
                    freq_hz: sky.freq_hz.clone(),
                    provenance: provenance(settings, &sky.object, &sky.specsys, &beams.describe(), ""),
                    ..empty_like(&table)
                };
                none.insert(VisibilityWriter::create(staged.path(), &like, shape[0], settings.precision)?)
            }
        };
        match tile.channels.len() == channels {
            true => writer.append(&table, &watch.quiet())?,
            false => writer.put(&table, rows_a_step * tile.steps.start, tile.channels.start)?,
        }
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    staged.commit()?;
    notes.extend(sampling.notes(TOO_LOW));
    Ok((sampling, notes, shape))
}

/// What a table is without its samples.
fn empty_like(table: &VisibilityTable) -> VisibilityTable {
    VisibilityTable {
        uvw_m: Default::default(),
        time_mjd_utc: table.time_mjd_utc.clone(),
        antenna1: table.antenna1.clone(),
        antenna2: table.antenna2.clone(),
        freq_hz: Vec::new(),
        vis: Default::default(),
        weight: Default::default(),
        flag: Default::default(),
        telescope: table.telescope.clone(),
        provenance: String::new(),
        ..*table
    }
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
    flag_range(settings, &mut table);
    Ok((table, instants))
}

fn flag_range(settings: &Settings, table: &mut VisibilityTable) {
    if let Some(range) = settings.observation.uv_range {
        flag_uv_range(table, range.range, range.wavelengths);
    }
}

/// Predicts `sky` on the track and adds noise.
pub(super) fn observe(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    progress: &dyn Progress,
) -> Result<Observed> {
    let whole = Tile { steps: 0..track.steps, channels: 0..sky.freq_hz.len() };
    let beams = settings.telescope.beams();
    let watch = prediction_watch(settings, track.steps, sky, 1, progress);
    let mut sampling = Sampling::empty(sky.freq_hz.len());
    let mut table = observe_tile(settings, track, sky, &beams, &whole, &watch, &mut sampling)?;
    table.provenance = provenance(settings, &sky.object, &sky.specsys, &beams.describe(), "");
    Ok(Observed { notes: sampling.notes(TOO_LOW), table, sampling })
}

/// Predicts a part of an observation and adds its noise.
fn observe_tile(
    settings: &Settings,
    track: &Track,
    sky: &PreparedSky,
    beams: &StationBeams,
    tile: &Tile,
    watch: &Watch,
    sampling: &mut Sampling,
) -> Result<VisibilityTable> {
    let (telescope, observation) = (&settings.telescope.telescope, &settings.observation);
    let channels = Channels {
        freq_hz: &sky.freq_hz[tile.channels.clone()],
        width_hz: sky.channel_width_hz,
        polarisations: observation.polarisations,
    };
    let lowest_rad = plan::min_elevation_rad(observation, telescope);
    let (mut table, instants, _) = table_of_steps(telescope, track, tile.steps.clone(), channels, lowest_rad)?;
    flag_range(settings, &mut table);
    let low = Sampling::flagged_rows(&table);
    predict(settings, &mut table, sky, tile.channels.clone(), Some((&instants, beams)), watch)?;
    if let Some(noise) = &settings.noise {
        let part = Part { step: tile.steps.start, channel: tile.channels.start };
        add_thermal_noise_of(&mut table, part, &noise.sefd_jy, noise.seed, &watch.quiet())?;
    }
    sampling.add(&table, &low, tile.channels.start);
    Ok(table)
}

/// Whether the grid predicts a sky.
fn by_grid(settings: &Settings, sky: &PreparedSky) -> bool {
    matches!(sky.content, SkyContent::Cube { .. }) && settings.prediction.method != Some(Method::Direct)
}

/// The progress of a prediction of `steps` time steps in `tiles`.
fn prediction_watch(
    settings: &Settings,
    steps: usize,
    sky: &PreparedSky,
    tiles: usize,
    progress: &dyn Progress,
) -> Watch {
    let channels = sky.freq_hz.len();
    let total = match &sky.content {
        _ if by_grid(settings, sky) => channels.max(tiles),
        SkyContent::Cube { cube, .. } => steps * cube.flux_jy.len(),
        SkyContent::Components(list) => steps * channels * list.len(),
    };
    progress.stage("visibilities", total as u64)
}

fn predict(
    settings: &Settings,
    table: &mut VisibilityTable,
    sky: &PreparedSky,
    channels: Range<usize>,
    station: Option<(&[Instant], &StationBeams)>,
    watch: &Watch,
) -> Result<()> {
    let prediction = &settings.prediction;
    let part;
    let content = match &sky.content {
        SkyContent::Components(list) => Err(list),
        SkyContent::Cube { cube, .. } if channels.len() == cube.freq_hz.len() => Ok(cube),
        SkyContent::Cube { cube, .. } => {
            part = SkyCube {
                flux_jy: cube.flux_jy.slice(ndarray::s![channels.clone(), .., ..]).to_owned(),
                freq_hz: cube.freq_hz[channels].to_vec(),
                specsys: cube.specsys.clone(),
                ..*cube
            };
            Ok(&part)
        }
    };
    match (content, prediction.method) {
        (Ok(cube), None | Some(Method::Grid)) => {
            predict_by_grid(table, cube, station, prediction.epsilon, prediction.keep_beyond_nyquist, watch)?;
        }
        (Ok(cube), Some(Method::Direct)) => {
            let limit = (!prediction.keep_beyond_nyquist).then_some(cube.cell_rad);
            predict_direct(table, DirectSky::Cube(cube), station, limit, options(settings, sky), watch)?;
        }
        (Err(list), None | Some(Method::Direct)) => {
            let snap_tolerance = match settings.observation.earth.frame {
                Frame::Oskar => 1e-3,
                Frame::Icrs => 0.0,
            };
            let components = DirectSky::Components { list, snap_tolerance };
            predict_direct(table, components, station, None, options(settings, sky), watch)?;
        }
        (Err(_), Some(Method::Grid)) => {
            return Err(Error::input("components cannot be predicted by the grid")
                .found("prediction.method = \"grid\" with sky.components")
                .expected("method = \"direct\" or \"auto\""));
        }
    }
    Ok(())
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
    let watch = prediction_watch(&settings, 1, &sky, 1, progress);
    predict(&settings, &mut table, &sky, 0..channels.freq_hz.len(), None, &watch)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_every_sample_once_and_fit() {
        let rows = 100;
        for (by_grid, bytes, count) in [
            (false, u64::MAX, 1),
            (true, u64::MAX, 1),
            (false, 100 * (40 + 29 * 4 * 8) * 3, 4),
            (true, 100 * 10 * (40 + 29 * 4 * 3), 3),
            (false, 100 * (40 + 29 * 4 * 5), 20),
            (true, 100 * 4 * (40 + 29 * 4), 24),
            (false, 0, 80),
        ] {
            let tiles = tiles(rows, 4, [10, 8], by_grid, bytes);
            assert_eq!(tiles.len(), count, "{by_grid} {bytes}");
            let mut seen = [[0; 8]; 10];
            for tile in &tiles {
                let size = rows * tile.steps.len() as u64 * (40 + 29 * 4 * tile.channels.len() as u64);
                assert!(size <= bytes || (tile.steps.len(), tile.channels.len()) == (1, 1));
                tile.steps.clone().for_each(|s| tile.channels.clone().for_each(|c| seen[s][c] += 1));
            }
            assert!(seen.iter().flatten().all(|n| *n == 1));
        }
    }
}

//! `--check`: what a configuration would do and need, without doing it.

use super::estimate::{Direct, Needs, Size, needs};
use super::image::square;
use super::params::{Method, PixelChoice, Settings, SkySource};
use super::plan::UsableRows;
use super::route::{self, Foreseen};
use super::skies::{
    DEFAULT_CHANNELS, PreparedSky, SkyContent, built_in, extent_kpc, galaxy_pixels, placed, prepare, snapshot_galaxy,
    snapshot_request,
};
use super::{Unseen, plan};
use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{describe, find_snapshot, subhalo_gas};
use crate::math::machine_memory;
use crate::sky::cosmology::Cosmology;
use crate::sky::snapshot::{CodeUnits, Selection};
use crate::time::format_utc;
use crate::units::{C_M_S, DEG_RAD, Dimension, format_quantity};
use crate::visibilities::{Track, beyond_nyquist};

/// How much of the chain a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// `run`: all of it.
    Run,
    /// `observe`: up to the visibilities, in parts that fit into `memory`.
    Observe {
        /// Bytes.
        memory: u64,
    },
}

/// Checks a configuration and what it names, and says in words what it would do and need. Writes nothing.
///
/// # Errors
/// What the command itself would refuse before it computes: a sky that is not there or cannot be used, an absent
/// chunk, a target that is never up.
pub fn check(settings: &Settings, extent: Extent) -> Result<String> {
    settings.require_observable()?;
    let telescope = &settings.telescope.telescope;
    let track = plan::track(&settings.observation, telescope)?;
    if extent == Extent::Run {
        plan::require_rows_in_memory(telescope, &track)?;
    }
    let usable = plan::require_up(settings, &track)?;
    let (rows, too_low) = (usable.report.rows, usable.report.rows_too_low);
    let sky = look(settings, &track)?;
    let products = settings.observation.polarisations.count();
    let images = extent == Extent::Run;
    let foreseen = foresee(settings, &track, &sky, extent)?;
    let Needs { cpu_s, wall_s, memory, disk } = needs_of(settings, &track, &usable, &sky, extent, &foreseen)?;

    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:>14}  {value}\n"));
    line("configuration", "valid".into());
    line("sky", sky.words);
    line("telescope", format!("{} ({}), {} stations", telescope.name, telescope.version, telescope.stations.len()));
    line("beams", settings.telescope.beams().describe());
    let end = track.start_mjd_utc + settings.observation.length_s / crate::units::DAY_S;
    line("time", format!("{} to {} UTC", format_utc(track.start_mjd_utc), format_utc(end)));
    line("steps", format!("{} of {}", track.steps, format_quantity(track.step_s, Dimension::Time)));
    let min_elevation = plan::min_elevation_rad(&settings.observation, telescope);
    line("flagged", format!("{too_low} of {rows} rows below {:.0} deg elevation", min_elevation / DEG_RAD));
    let samples = rows * sky.channels * products;
    line("samples", format!("{rows} rows x {} channels x {products} products = {samples}", sky.channels));
    let at_most = if sky.at_most { "at most " } else { "" };
    if images {
        let cell = format_quantity(sky.cell_rad, Dimension::Angle);
        line("images", format!("{at_most}{0} x {0} pixels of {cell} x {1} channels", sky.side, sky.channels));
    }
    match &foreseen {
        Foreseen::Visibilities(None) => {}
        Foreseen::Visibilities(Some(reason)) => line("route", format!("visibilities: {reason}")),
        Foreseen::Psf(f) => line(
            "route",
            format!(
                "PSFs, no visibilities: {} kinds of baselines, {} nodes in w (the bound is known with the sky)",
                f.classes, f.w_nodes
            ),
        ),
    }
    let here = machine_memory().map_or(String::new(), |m| format!(" of the {} of this machine", bytes(m)));
    line("memory", format!("{at_most}about {}{here}", bytes(memory)));
    line("disk", format!("{at_most}about {}", bytes(disk)));
    let threads = rayon::current_num_threads();
    let (wall, cpu) = (seconds(wall_s), seconds(cpu_s));
    line("takes", format!("{at_most}about {wall} with {threads} threads ({cpu} of CPU)"));
    Ok(text)
}

/// An error where the sky, now known, cannot be observed as asked: too large for the memory, or with pixels too
/// coarse for every baseline. Before anything is written.
pub(super) fn require_feasible(
    settings: &Settings,
    track: &Track,
    usable: &UsableRows,
    sky: &PreparedSky,
    extent: Extent,
) -> Result<()> {
    require_memory(settings, track, usable, sky, extent)?;
    require_short_baselines(settings, usable, sky, extent)
}

fn require_short_baselines(settings: &Settings, usable: &UsableRows, sky: &PreparedSky, extent: Extent) -> Result<()> {
    let of_sky = match &sky.content {
        SkyContent::Cube { cube, .. } => cube.cell_rad,
        SkyContent::Components(_) => 0.0,
    };
    let cell_rad = if extent == Extent::Run { of_sky.max(sky.pixels.cell_rad) } else { of_sky };
    let lowest_hz = sky.freq_hz.iter().copied().fold(f64::INFINITY, f64::min);
    let fits = |(uvw, _): &([f64; 3], [u32; 2])| !beyond_nyquist(uvw[0], uvw[1], lowest_hz, cell_rad);
    if cell_rad == 0.0 || settings.prediction.keep_beyond_nyquist || usable.rows.iter().any(fits) {
        return Ok(());
    }
    let shortest_m = usable.rows.iter().map(|(uvw, _)| uvw[0].abs().max(uvw[1].abs())).fold(f64::INFINITY, f64::min);
    Err(Error::input("every baseline is too long for the pixels: each sees more detail than they hold")
        .found(format!(
            "pixels of {}; shortest baseline {}",
            format_quantity(cell_rad, Dimension::Angle),
            format_quantity(shortest_m, Dimension::Length)
        ))
        .expected(format!("pixels below {}", format_quantity(0.5 * C_M_S / (lowest_hz * shortest_m), Dimension::Angle)))
        .place("image.cell, or the pixels of the sky")
        .hint("take smaller pixels, or an array with shorter baselines"))
}

/// An error where the run would not fit into memory, now that its sky is known: the system would end it without a word.
fn require_memory(
    settings: &Settings,
    track: &Track,
    usable: &UsableRows,
    sky: &PreparedSky,
    extent: Extent,
) -> Result<()> {
    let look = prepared(sky, "");
    let foreseen = foresee(settings, track, &look, extent)?;
    let memory = needs_of(settings, track, usable, &look, extent, &foreseen)?.memory;
    match machine_memory() {
        // the estimate may be wrong by a third
        Some(here) if memory > 1.5 * here => Err(Error::input("this needs far more memory than there is")
            .found(format!(
                "about {} for {} channels of {} x {} pixels",
                bytes(memory),
                look.channels,
                look.side,
                look.side
            ))
            .expected(format!("what fits into {}", bytes(here)))
            .hint("take fewer pixels (image.size, image.max_size), channels or time steps; --check prints the need")),
        _ => Ok(()),
    }
}

/// The way to the dirty cube; `observe` makes visibilities whatever the images want.
fn foresee(settings: &Settings, track: &Track, sky: &Look, extent: Extent) -> Result<Foreseen> {
    if extent != Extent::Run {
        return Ok(Foreseen::Visibilities(None));
    }
    let (of_sky, of_image) = (square(sky.sky_side, sky.sky_cell_rad), square(sky.side, sky.cell_rad));
    route::foresee(settings, track, of_sky, of_image, sky.freq_hz)
}

fn needs_of(
    settings: &Settings,
    track: &Track,
    usable: &UsableRows,
    sky: &Look,
    extent: Extent,
    foreseen: &Foreseen,
) -> Result<Needs> {
    let direct = match settings.prediction.method {
        Some(Method::Direct) => Some(sky.sources.unwrap_or(sky.sky_side * sky.sky_side)),
        _ => sky.sources,
    };
    let formed = settings.telescope.arrays.as_ref().map_or(0, |arrays| arrays.kind_of.len() * track.steps);
    let direct =
        direct.map(|sources| Direct { sources, each: settings.prediction.smearing.is_some() || sky.shapes, formed });
    let size = Size {
        rows: &usable.rows,
        stands_for: usable.stands_for,
        table_limit: match extent {
            Extent::Run => f64::INFINITY,
            Extent::Observe { memory } => memory as f64,
        },
        all_rows: usable.report.rows,
        channels: sky.channels,
        products: settings.observation.polarisations.count(),
        cells: sky.cells,
        made: matches!(settings.sky.source, SkySource::Galaxy { .. }),
        direct,
        sky_side: sky.sky_side,
        image_side: sky.side,
        cell_rad: sky.cell_rad,
        freq_hz: sky.freq_hz,
        noise: settings.noise.is_some(),
        precision: settings.precision,
        prediction_epsilon: settings.prediction.epsilon,
        image_epsilon: settings.image.epsilon,
        keep_beyond_nyquist: settings.prediction.keep_beyond_nyquist,
        by_psf: match foreseen {
            Foreseen::Visibilities(_) => None,
            Foreseen::Psf(foresight) => Some(*foresight),
        },
    };
    let beams = settings.telescope.beams();
    needs(&size, &beams, extent == Extent::Run, rayon::current_num_threads())
}

/// "1.2 GB".
fn bytes(n: f64) -> String {
    if n < 1e9 { format!("{:.0} MB", (n / 1e6).ceil()) } else { format!("{:.1} GB", n / 1e9) }
}

/// "40 s", "12 min", "3.1 h".
fn seconds(s: f64) -> String {
    match s.max(1.0) {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// What can be said of the sky without making it.
struct Look {
    words: String,
    channels: usize,
    freq_hz: f64,
    cells: usize,
    /// Sources of a list.
    sources: Option<usize>,
    /// Whether some of them have a shape.
    shapes: bool,
    sky_side: usize,
    side: usize,
    cell_rad: f64,
    /// Pixel size of the sky; that of the images where it is a list.
    sky_cell_rad: f64,
    /// Whether the pixels may still become fewer.
    at_most: bool,
}

fn look(settings: &Settings, track: &Track) -> Result<Look> {
    let channels = settings.sky.spectral.channels.unwrap_or(DEFAULT_CHANNELS);
    let given = matches!(settings.image.size, PixelChoice::Given(_));
    match &settings.sky.source {
        SkySource::Galaxy(order) => {
            let plan = order.plan()?;
            let cells = plan.cells();
            let words = format!("built-in {}, seed {}, {cells} gas cells", plan.facts().kind.noun(), order.seed);
            // its size is told from a sample of its cells
            let galaxy = built_in(&settings.sky, plan.sampled(20_000))?;
            let (placement, _) = placed(&settings.sky.placing, &galaxy.cosmology)?;
            let pixels = galaxy_pixels(settings, track, extent_kpc(&galaxy), &placement)?;
            Ok(Look {
                words,
                channels,
                freq_hz: placement.line_freq_hz(),
                cells,
                sources: None,
                shapes: false,
                sky_side: pixels.size,
                side: pixels.size,
                cell_rad: pixels.cell_rad,
                sky_cell_rad: pixels.cell_rad,
                at_most: false,
            })
        }
        SkySource::Snapshot { path, format, allow_missing_chunks, .. } => {
            let note = find_snapshot(path, *format)?.complete_or(*allow_missing_chunks, path)?;
            let snapshot = describe(path, *format)?;
            let here: usize = snapshot.chunks.iter().map(|c| c.gas_cells).sum();
            let selection = snapshot_request(&settings.sky, &Watch::silent())?.selection;
            let cells = match &selection {
                Selection::Subhalo { catalogue, offsets, index } => {
                    snapshot.header.format.require_subhalo_order(path)?;
                    subhalo_gas(catalogue, offsets.as_deref(), *index)?.count as usize
                }
                _ => here,
            };
            let (placement, _) = placed(&settings.sky.placing, &Cosmology::of_header(&snapshot.header)?)?;
            // half the box is the farthest that anything can be
            let radius = match selection {
                Selection::Sphere { radius_ckpc_h, .. } => radius_ckpc_h,
                _ => 0.5 * snapshot.header.box_size,
            };
            let extent_kpc = match 2.5 * radius * CodeUnits::of(&snapshot.header).length_kpc {
                // without a box only the cells tell
                0.0 => extent_kpc(&snapshot_galaxy(settings, &Unseen)?.0),
                extent => extent,
            };
            let pixels = galaxy_pixels(settings, track, extent_kpc, &placement)?;
            let note = note.map_or(String::new(), |n| format!(" ({n})"));
            Ok(Look {
                words: format!("snapshot {}, {here} gas cells{note}", path.display()),
                channels,
                freq_hz: placement.line_freq_hz(),
                cells,
                sources: None,
                shapes: false,
                sky_side: pixels.size,
                side: pixels.size,
                cell_rad: pixels.cell_rad,
                sky_cell_rad: pixels.cell_rad,
                at_most: !given,
            })
        }
        SkySource::Eor { path, .. } => {
            let sky = prepare(settings, track, None, &Unseen)?;
            Ok(Look { words: sky.notes.join("; "), ..prepared(&sky, &path.display().to_string()) })
        }
        SkySource::Fits { path, .. } | SkySource::Components { path, .. } => {
            let sky = prepare(settings, track, None, &Unseen)?;
            Ok(prepared(&sky, &path.display().to_string()))
        }
    }
}

/// What is known of a sky that is made, from the file `name`.
fn prepared(sky: &PreparedSky, name: &str) -> Look {
    let (words, sky_side, sky_cell_rad, sources) = match &sky.content {
        SkyContent::Cube { cube, .. } => {
            let (channels, ny, nx) = cube.flux_jy.dim();
            (format!("FITS {name}, {nx} x {ny} pixels, {channels} channels"), nx.max(ny), cube.cell_rad, None)
        }
        SkyContent::Components(list) => {
            let words = format!("components {name}, {} sources", list.len());
            (words, sky.pixels.size, sky.pixels.cell_rad, Some(list.len()))
        }
    };
    Look {
        words,
        channels: sky.freq_hz.len(),
        freq_hz: sky.freq_hz[sky.freq_hz.len() / 2],
        // those of a galaxy are in the sky already
        cells: 0,
        sources,
        shapes: matches!(&sky.content, SkyContent::Components(list) if list.iter().any(|c| c.shape.is_some())),
        sky_side,
        side: sky.pixels.size,
        cell_rad: sky.pixels.cell_rad,
        sky_cell_rad,
        at_most: false,
    }
}

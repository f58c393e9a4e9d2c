//! `sky hi`: maps and cubes of a galaxy's HI as they stand on the sky, without a telescope (docs/cubes.md).

mod files;
mod like;
mod preview;
mod report;

use super::Progress;
use super::compare_h2;
use super::headers::program;
use super::params::{PixelChoice, Settings, SkySource};
use super::pixels::{PixelGrid, round_up};
use super::skies::{band, built_in, cube_request, extent_kpc, frame_ratio, galaxy_cards, placed, snapshot_galaxy};
use crate::error::{Error, Result};
use crate::formats::fits::{Card, SpectralForm, SpectralKind};
use crate::sky::placing::Placement;
use crate::sky::products::{HiProducts, build_cube};
use crate::sky::snapshot::LoadedGalaxy;
use crate::units::RaDec;
use crate::units::hi::NU0_HZ;
use like::Like;
use std::path::{Path, PathBuf};

pub use files::{CubeFormat, HiProduct, folder_of};

/// Pixels along each side where neither configuration nor command line give a number.
const DEFAULT_PIXELS: usize = 256;

/// What `sky hi` shall write where.
#[derive(Debug, Clone)]
pub struct HiOptions {
    /// Which products.
    pub products: Vec<HiProduct>,
    /// In which formats.
    pub format: CubeFormat,
    /// A folder (one that is there, or a name with "/" at its end), or what file names begin with.
    pub out: PathBuf,
}

/// The settings of `path`, a configuration or a snapshot, with `sky.like` and those of `[image]` that the command line
/// gives.
///
/// # Errors
/// Those of configurations.
pub fn settings(
    path: &Path,
    changes: &[String],
    like: Option<&Path>,
    size: Option<u16>,
    cell: Option<&str>,
) -> Result<Settings> {
    let mut changes = changes.to_vec();
    changes.extend(like.map(|file| format!("sky.like={}", file.display())));
    changes.extend(size.map(|n| format!("image.size={n}")));
    changes.extend(cell.map(|angle| format!("image.cell={angle}")));
    compare_h2::settings(path, &changes)
}

/// A galaxy's HI on the sky, and what its files state.
struct HiSky {
    products: HiProducts,
    /// Name for titles and OBJECT.
    object: String,
    cards: Vec<Card>,
    /// Number of gas cells.
    cells: usize,
    /// How files state the spectral axis.
    form: SpectralForm,
    rest_hz: f64,
    /// Whether planes fall in frequency.
    falling: bool,
}

/// Makes the products of `settings` and prints what they hold.
///
/// # Errors
/// A sky without gas cells, those of the snapshot, of the file that `sky.like` names and of
/// [`build_cube`], files that cannot be written.
pub fn run(settings: &Settings, options: &HiOptions, progress: &dyn Progress) -> Result<String> {
    if let SkySource::Fits { path, .. } | SkySource::Eor { path, .. } | SkySource::Components { path, .. } =
        &settings.sky.source
    {
        return Err(Error::input("an HI sky is made of gas cells")
            .found(path.display())
            .expected("sky.snapshot or sky.galaxy"));
    }
    let like = settings.sky.like.as_deref().map(|path| Like::read(settings, path)).transpose()?;
    if let Some(note) = like.as_ref().and_then(|like| like.note.as_deref()) {
        progress.note(note);
    }
    // a place that cannot be written is found before any work
    let outputs = files::Outputs::new(options)?;
    let (galaxy, object) = match &settings.sky.source {
        SkySource::Galaxy(order) => {
            progress.stage("galaxy", 1);
            (built_in(&settings.sky, order.plan()?)?, format!("Built-in galaxy {}", order.seed))
        }
        _ => snapshot_galaxy(settings, progress)?,
    };
    galaxy.notes.iter().for_each(|note| progress.note(note));
    let sky = make(settings, galaxy, object, like, progress)?;
    sky.products.notes.iter().for_each(|note| progress.note(note));
    let written = outputs.write(&sky, progress)?;
    Ok(report::text(&sky, &written))
}

fn make(
    settings: &Settings,
    galaxy: LoadedGalaxy,
    object: String,
    like: Option<Like>,
    progress: &dyn Progress,
) -> Result<HiSky> {
    let (mut placement, cosmology) = placed(&settings.sky.placing, &galaxy.cosmology)?;
    let centre = like.as_ref().map_or(settings.observation.phase_centre, |l| l.sky.centre);
    let object_at: RaDec = settings.sky.placing.direction.unwrap_or(centre);
    let specsys = like.as_ref().map_or(settings.sky.spectral.specsys(), |l| &l.specsys).to_string();
    placement.frame_ratio = frame_ratio(settings, &specsys, object_at)?;
    let (band, pixels) = match &like {
        Some(like) => (like.band, PixelGrid { size: like.nx, cell_rad: like.sky.step_y_rad }),
        None => (band(&settings.sky)?, pixels(settings, &galaxy, &placement)),
    };
    let mut request = cube_request(settings, placement, pixels, band);
    request.specsys = specsys;
    let kind = settings.sky.spectral.axis;
    let (mut form, mut rest_hz, mut falling) =
        (SpectralForm { kind, reference_plane: 0.0 }, NU0_HZ, kind != SpectralKind::Frequency);
    let mut frame_cards = Vec::new();
    if let Some(like) = like {
        (request.nx, request.ny) = (like.nx, like.ny);
        request.centre = centre;
        request.object = object_at;
        request.reference_pixel = Some(like.sky.reference_pixel);
        (form, rest_hz, falling) = (like.form, like.rest_hz, like.falling);
        frame_cards = like.frame_cards;
    }
    let watch = progress.stage("sky", galaxy.cells.len() as u64);
    let products = build_cube(&galaxy.cells, &request, &watch)?;
    let mut cards = galaxy_cards(&settings.sky, &galaxy, &products, &cosmology);
    cards.extend(frame_cards);
    cards.extend([Card::text("OBJECT", object.clone(), ""), Card::text("ORIGIN", program(), "")]);
    Ok(HiSky { cells: galaxy.cells.len(), products, object, cards, form, rest_hz, falling })
}

/// Pixels as `[image]` gives them; by default 256 over the galaxy.
fn pixels(settings: &Settings, galaxy: &LoadedGalaxy, placement: &Placement) -> PixelGrid {
    let extent_rad = extent_kpc(galaxy) / (placement.angular_diameter_distance_mpc() * 1e3);
    let image = &settings.image;
    match (image.size, image.cell_rad) {
        (PixelChoice::Given(size), PixelChoice::Given(cell_rad)) => PixelGrid { size, cell_rad },
        (PixelChoice::Auto, PixelChoice::Given(cell_rad)) => {
            // an even number, within reason
            let size = 2 * ((0.5 * extent_rad / cell_rad).ceil() as usize).clamp(8, image.max_size / 2);
            PixelGrid { size, cell_rad }
        }
        (size, PixelChoice::Auto) => {
            let size = if let PixelChoice::Given(n) = size { n } else { DEFAULT_PIXELS };
            PixelGrid { size, cell_rad: round_up((extent_rad / size as f64).max(f64::MIN_POSITIVE)) }
        }
    }
}

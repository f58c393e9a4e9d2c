//! The first stage: whatever the configuration names as sky becomes a cube or a list of components.

mod components;
mod fits;
mod galaxy;

pub(super) use galaxy::{built_in, extent_kpc, galaxy_pixels, hi_model, placed};

use super::Progress;
use super::params::{Settings, SkySource};
use super::pixels::PixelGrid;
use crate::error::{Error, Result};
use crate::formats::fits::{Card, read_cube};
use crate::sky::components::Component;
use crate::sky::cube::SkyCube;
use crate::sky::products::HiProducts;
use crate::sky::snapshot::{LoadedGalaxy, Selection, SnapshotRequest, load};
use crate::visibilities::Track;
use std::path::PathBuf;

/// Channels where the configuration gives no number.
pub(super) const DEFAULT_CHANNELS: usize = 32;

/// The sky of a run, on its pixels and channels.
#[derive(Debug)]
pub(super) struct PreparedSky {
    /// What is predicted.
    pub content: SkyContent,
    /// Channel centres, Hz.
    pub freq_hz: Vec<f64>,
    /// Channel width, Hz.
    pub channel_width_hz: f64,
    /// Spectral frame of the channels.
    pub specsys: String,
    /// Pixels of the images.
    pub pixels: PixelGrid,
    /// Name for titles and OBJECT.
    pub object: String,
    /// Observed frequency of the line at rest in the object; 0 for continuum.
    pub line_hz: f64,
    /// Header cards that belong to the sky.
    pub cards: Vec<Card>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Cube or components.
#[derive(Debug)]
pub(super) enum SkyContent {
    /// A cube, and the HI products where it comes from gas cells.
    Cube { cube: SkyCube, products: Option<Box<HiProducts>> },
    /// Components.
    Components(Vec<Component>),
}

/// Channels that are prescribed from outside: those of an existing visibility file.
#[derive(Debug, Clone)]
pub(super) struct FixedChannels {
    pub freq_hz: Vec<f64>,
    pub width_hz: f64,
}

/// The gas that a configuration selects: a subhalo's, that of a sphere, or all.
pub(super) fn selection(
    centre_ckpc_h: Option<[f64; 3]>,
    radius_ckpc_h: Option<f64>,
    subhalo: Option<&(u64, PathBuf)>,
) -> Selection {
    match (subhalo, centre_ckpc_h, radius_ckpc_h) {
        (Some((index, catalogue)), ..) => {
            Selection::Subhalo { catalogue: catalogue.clone(), offsets: None, index: *index }
        }
        (None, Some(centre_ckpc_h), Some(radius_ckpc_h)) => Selection::Sphere { centre_ckpc_h, radius_ckpc_h },
        _ => Selection::All { centre_ckpc_h },
    }
}

/// Makes the sky. `track` tells the longest baseline for `auto` pixels.
pub(super) fn prepare(
    settings: &Settings,
    track: &Track,
    fixed: Option<&FixedChannels>,
    progress: &dyn Progress,
) -> Result<PreparedSky> {
    match &settings.sky.source {
        SkySource::Snapshot { path, .. } => {
            let loaded = snapshot_galaxy(settings, progress)?;
            let object = path.file_stem().map_or("galaxy".into(), |n| n.to_string_lossy().into_owned());
            galaxy::from_galaxy(settings, loaded, object, track, fixed, progress)
        }
        SkySource::Galaxy(order) => {
            progress.stage("galaxy", 1);
            let made = built_in(&settings.sky, &order.plan()?)?;
            galaxy::from_galaxy(settings, made, format!("Built-in galaxy {}", order.seed), track, fixed, progress)
        }
        SkySource::Fits { path, subtract_mean } => {
            let watch = progress.stage("reading", 1);
            watch.check()?;
            fits::from_fits(settings, read_cube(path).map_err(|e| e.place("sky.fits"))?, *subtract_mean, fixed)
                .map_err(|e| e.place(path.display()))
        }
        SkySource::Components { path } => components::from_components(settings, path, track, fixed),
    }
}

/// The galaxy of `sky.snapshot`.
pub(super) fn snapshot_galaxy(settings: &Settings, progress: &dyn Progress) -> Result<LoadedGalaxy> {
    let SkySource::Snapshot { path, format, centre_ckpc_h, radius_ckpc_h, subhalo, allow_missing_chunks } =
        &settings.sky.source
    else {
        return Err(Error::input("the sky is no snapshot"));
    };
    let request = SnapshotRequest {
        path: path.clone(),
        format: *format,
        selection: selection(*centre_ckpc_h, *radius_ckpc_h, subhalo.as_ref()),
        allow_missing_chunks: *allow_missing_chunks,
        model: hi_model(&settings.sky),
    };
    load(&request, &progress.stage("reading", 1))
}

//! The first stage: whatever the configuration names as sky becomes a cube or a list of components.

mod components;
mod eor;
mod fits;
mod galaxy;
mod image;

pub(super) use galaxy::{
    band, built_in, cube_request, extent_kpc, frame_ratio, galaxy_cards, galaxy_pixels, hi_model, orientation, placed,
    placing_cards,
};

use super::Progress;
use super::params::{Settings, SkySettings, SkySource, SubhaloChoice, WhichSubhalo};
use super::pixels::PixelGrid;
use crate::error::{Error, Result, Watch};
use crate::formats::fits::{Card, read_cube};
use crate::formats::snapshot::snapshot_header;
use crate::sky::components::Component;
use crate::sky::cube::SkyCube;
use crate::sky::products::HiProducts;
use crate::sky::snapshot::{LoadedGalaxy, Selection, SnapshotRequest, SubhaloGasSource, load, nth_subhalo};
use crate::units::BoxLength;
use crate::visibilities::Track;

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

/// The gas that `sky.snapshot` names, its lengths in the simulation's units and its subhalo by number.
///
/// # Errors
/// Another sky; those of the snapshot's header, and of a group catalogue where a subhalo is chosen by mass.
pub(super) fn snapshot_request(sky: &SkySettings, watch: &Watch) -> Result<SnapshotRequest> {
    let SkySource::Snapshot { path, format, centre, radius, subhalo, allow_missing_chunks } = &sky.source else {
        return Err(Error::input("the sky is no snapshot"));
    };
    let model = hi_model(sky);
    let in_box = |lengths: &[BoxLength]| -> Result<Vec<f64>> {
        let header = snapshot_header(path, *format)?;
        Ok(lengths.iter().map(|l| l.to_ckpc_h(header.time, header.hubble_param)).collect())
    };
    let centre_ckpc_h = centre.map(|c| in_box(&c).map(|c| [c[0], c[1], c[2]])).transpose()?;
    let selection = match (subhalo, centre_ckpc_h, radius) {
        (Some(SubhaloChoice { catalogue, offsets, which }), ..) => {
            let index = match which {
                WhichSubhalo::Number(index) => *index,
                WhichSubhalo::Nth { nth, filter } => {
                    let (snapshot, offsets, model) = (path.clone(), offsets.clone(), model.clone());
                    let gas = SubhaloGasSource { snapshot, format: *format, offsets, model };
                    nth_subhalo(catalogue, filter, *nth, &gas, watch)?
                }
            };
            Selection::Subhalo { catalogue: catalogue.clone(), offsets: offsets.clone(), index }
        }
        (None, Some(centre_ckpc_h), Some(radius)) => {
            Selection::Sphere { centre_ckpc_h, radius_ckpc_h: in_box(&[*radius])?[0] }
        }
        _ => Selection::All { centre_ckpc_h },
    };
    let (path, allow_missing_chunks) = (path.clone(), *allow_missing_chunks);
    Ok(SnapshotRequest { path, format: *format, selection, allow_missing_chunks, model })
}

/// What the object of a snapshot is called.
pub(super) fn object_name(request: &SnapshotRequest) -> String {
    let file = request.path.file_stem().map_or("galaxy".into(), |n| n.to_string_lossy().into_owned());
    match request.selection {
        Selection::Subhalo { index, .. } => format!("{file} subhalo {index}"),
        _ => file,
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
        SkySource::Snapshot { .. } => {
            let (loaded, object) = snapshot_galaxy(settings, progress)?;
            galaxy::from_galaxy(settings, loaded, object, track, fixed, progress)
        }
        SkySource::Galaxy(order) => {
            progress.stage("galaxy", 1);
            let made = built_in(&settings.sky, order.plan()?)?;
            galaxy::from_galaxy(settings, made, format!("Built-in galaxy {}", order.seed), track, fixed, progress)
        }
        SkySource::Fits { path, subtract_mean } => {
            let watch = progress.stage("reading", 1);
            watch.check()?;
            fits::from_fits(settings, read_cube(path).map_err(|e| e.place("sky.fits"))?, *subtract_mean, fixed)
                .map_err(|e| e.place(path.display()))
        }
        SkySource::Eor { path, eor } => {
            let watch = progress.stage("reading", 1);
            eor::from_eor(settings, path, eor, fixed, &watch.quiet()).map_err(|e| e.place(path.display()))
        }
        SkySource::Components { path, kind } => components::from_components(settings, path, kind, track, fixed),
    }
}

/// The galaxy of `sky.snapshot`, and what it is called.
pub(super) fn snapshot_galaxy(settings: &Settings, progress: &dyn Progress) -> Result<(LoadedGalaxy, String)> {
    let watch = progress.stage("reading", 1);
    let request = snapshot_request(&settings.sky, &watch.quiet())?;
    let mut loaded = load(&request, &watch)?;
    if let Selection::Subhalo { index, .. } = request.selection {
        loaded.notes.push(format!("subhalo {index} of the group catalogue"));
    }
    Ok((loaded, object_name(&request)))
}

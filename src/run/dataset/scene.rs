//! Where the galaxies of a data set stand, and the instruments that look at them: the same for all of them.

use crate::datasets::observer::{Observer, Setup, Wanted};
use crate::datasets::{Field, Layout, Observed};
use crate::error::{Error, Result, Watch};
use crate::formats::fits::SpectralKind;
use crate::gridding::ImageGeometry;
use crate::imaging::fast::RouteChoice;
use crate::run::params::{DatasetSettings, PixelChoice, PointingChoice, Settings};
use crate::run::pixels::PixelGrid;
use crate::run::skies::{DEFAULT_CHANNELS, band, cube_request, frame_ratio, placed};
use crate::run::{image, load_settings, plan};
use crate::sky::band::Band;
use crate::sky::cosmology::Cosmology;
use crate::sky::maps::MapRequest;
use crate::sky::placing::Placement;
use crate::sky::products::CubeRequest;
use crate::visibilities::Correlations;
use std::path::Path;

/// One instrument and the sky that it sees.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    /// Name of the instrument.
    pub name: String,
    pub settings: Settings,
    pub placement: Placement,
    pub pixels: PixelGrid,
    /// Centre and width of the band that the line is averaged over, Hz; where a field wants it.
    pub band_hz: Option<[f64; 2]>,
    /// Channel centres and width, Hz; where a field wants them.
    pub channels: Option<(Vec<f64>, f64)>,
}

/// The instruments of a data set, planned.
#[derive(Debug)]
pub(super) struct Instrument {
    pub scene: Scene,
    /// For the line averaged over the band.
    pub band: Option<Observer>,
    /// For cubes.
    pub cube: Option<Observer>,
}

/// The configuration of a data set, its instruments, and its galaxies' places: everything that is known before any gas.
///
/// # Errors
/// Those of configurations; no `[dataset]`; pixels or channels that would depend on the galaxy; instruments that differ in
/// what must be common.
pub(super) fn read(config: &Path, changes: &[String]) -> Result<(Settings, DatasetSettings, Vec<(String, Settings)>)> {
    let settings = load_settings(config, changes)?;
    let dataset = settings.dataset.clone().ok_or_else(|| {
        Error::input("the configuration describes no data set")
            .found("no table [dataset]")
            .expected("[dataset] with galaxies, orientations, fields, ...")
            .place(config.display())
            .hint("begin with examples/dataset-small.toml")
    })?;
    let instruments = dataset
        .instruments
        .iter()
        .map(|(name, own)| {
            let all: Vec<String> = changes.iter().chain(own).cloned().collect();
            let settings = load_settings(config, &all).map_err(|e| e.place(format!("dataset.instruments.{name}")))?;
            Ok((name.clone(), settings))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((settings, dataset, instruments))
}

/// The scenes of the instruments.
///
/// # Errors
/// As [`read`].
pub(super) fn scenes(
    instruments: &[(String, Settings)],
    dataset: &DatasetSettings,
    own: &Cosmology,
) -> Result<Vec<Scene>> {
    let scenes: Vec<Scene> = instruments
        .iter()
        .map(|(name, settings)| {
            Scene::new(name, settings, dataset, own).map_err(|e| e.place(format!("instrument {name}")))
        })
        .collect::<Result<_>>()?;
    let size = |s: &Scene| s.pixels.size;
    match scenes.iter().find(|s| size(s) != size(&scenes[0])) {
        Some(other) => Err(Error::input("the instruments of a data set have different numbers of pixels")
            .found(format!("{} for {}, {} for {}", size(&scenes[0]), scenes[0].name, size(other), other.name))
            .expected("one image.size; image.cell may differ")),
        None => Ok(scenes),
    }
}

impl Scene {
    fn new(name: &str, settings: &Settings, dataset: &DatasetSettings, own: &Cosmology) -> Result<Scene> {
        settings.require_observable()?;
        let sky = &settings.sky;
        let (PixelChoice::Given(size), PixelChoice::Given(cell_rad)) = (settings.image.size, settings.image.cell_rad)
        else {
            return Err(Error::input("all galaxies of a data set have the same pixels")
                .found("image.size or image.cell is \"auto\", or not there")
                .expected("numbers, as in size = 256 and cell = \"4 arcsec\"")
                .place("table [image] of the configuration"));
        };
        let (mut placement, _) = placed(&sky.placing, own)?;
        let object = sky.placing.direction.unwrap_or(settings.observation.phase_centre);
        placement.frame_ratio = frame_ratio(settings, sky.spectral.specsys(), object)?;
        let line_hz = placement.line_freq_hz();
        let band_hz = match (dataset.has_band(), dataset.bandwidth_hz) {
            (false, _) => None,
            (true, Some(width_hz)) if width_hz < line_hz => Some([line_hz, width_hz]),
            (true, Some(width_hz)) => {
                return Err(Error::input("the band is wider than the line's frequency")
                    .found(format!("{width_hz} Hz"))
                    .place("dataset.bandwidth"));
            }
            (true, None) => {
                return Err(Error::input("the bandwidth of the data set's maps is missing")
                    .expected("a width that holds 99.9 % of every galaxy's line, as in bandwidth = \"4 MHz\"")
                    .place("table [dataset] of the configuration"));
            }
        };
        let channels = if dataset.has_cube() { Some(channels(settings, line_hz)?) } else { None };
        let pixels = PixelGrid { size, cell_rad };
        Ok(Scene { name: name.into(), settings: settings.clone(), placement, pixels, band_hz, channels })
    }

    /// Pixels and place of maps.
    pub(super) fn map_request(&self) -> MapRequest {
        let (sky, pixels) = (&self.settings.sky, self.pixels);
        let centre = self.settings.observation.phase_centre;
        let mut maps = MapRequest::new(self.placement, centre, pixels.size, pixels.size, pixels.cell_rad);
        maps.object = sky.placing.direction.unwrap_or(centre);
        maps.tb_depth_ckpc = sky.tb_depth_mpc * 1e3;
        maps.tb_coefficient_mk = sky.tb_coefficient_mk;
        maps
    }

    /// Pixels, place and channels of cubes.
    pub(super) fn cube_request(&self) -> Option<CubeRequest> {
        let (freq_hz, width_hz) = self.channels.as_ref()?;
        let band = Band::Given { first_hz: freq_hz[0], channels: freq_hz.len(), width_hz: *width_hz };
        Some(cube_request(&self.settings, self.placement, self.pixels, band))
    }

    /// Whether the sky has the same pixels and place as that of `other`, so that what was drawn for one serves both.
    pub(super) fn same_sky(&self, other: &Scene) -> bool {
        let centre = |s: &Scene| s.settings.observation.phase_centre;
        self.pixels == other.pixels
            && self.placement == other.placement
            && centre(self) == centre(other)
            && self.channels == other.channels
    }

    /// The geometry of the images.
    pub(super) fn geometry(&self) -> ImageGeometry {
        image::square(self.pixels.size, self.pixels.cell_rad)
    }

    /// Shape of a field: [y, x], or [channel, y, x].
    pub(super) fn shape(&self, field: Field) -> Vec<usize> {
        let size = self.pixels.size;
        match (&self.channels, field.is_cube()) {
            (Some((freq_hz, _)), true) => vec![freq_hz.len(), size, size],
            _ => vec![size, size],
        }
    }

    /// The set-ups of the observers for the band and for cubes, as far as fields need them.
    ///
    /// # Errors
    /// A target that never rises.
    pub(super) fn setups(&self, dataset: &DatasetSettings) -> Result<[Option<Setup>; 2]> {
        let observes = |f: &Field| {
            !matches!(f, Field::Map(_) | Field::TbCube | Field::Band(Observed::Flux) | Field::Cube(Observed::Flux))
        };
        let of = |cube: bool, freq_hz: Vec<f64>, width_hz: f64| -> Result<Option<Setup>> {
            let wanted = dataset.fields.iter().any(|f| f.is_cube() == cube && observes(f));
            if wanted { self.setup(dataset, freq_hz, width_hz).map(Some) } else { Ok(None) }
        };
        let band = self.band_hz.map(|[freq_hz, width_hz]| of(false, vec![freq_hz], width_hz));
        let cube = self.channels.as_ref().map(|(freq_hz, width_hz)| of(true, freq_hz.clone(), *width_hz));
        Ok([band.transpose()?.flatten(), cube.transpose()?.flatten()])
    }

    fn setup(&self, dataset: &DatasetSettings, freq_hz: Vec<f64>, channel_width_hz: f64) -> Result<Setup> {
        let settings = &self.settings;
        observed_by_psf(settings)?;
        let telescope = &settings.telescope.telescope;
        let track = plan::track(&settings.observation, telescope)?;
        plan::require_up(settings, &track)?;
        Ok(Setup {
            telescope: telescope.clone(),
            beam: settings.telescope.beam,
            track,
            min_elevation_rad: plan::min_elevation_rad(&settings.observation, telescope),
            freq_hz,
            channel_width_hz,
            specsys: settings.sky.spectral.specsys().to_string(),
            sefd_jy: settings.noise.as_ref().map(|noise| noise.sefd_jy.clone()),
            image: image::params_of(settings, self.geometry()),
            pb_limit: dataset.pb_limit,
            route: settings.image.route.unwrap_or(RouteChoice::Auto),
            psf_epsilon: settings.image.psf_epsilon,
            flux_over_peak: dataset.flux_over_peak.unwrap_or(DEFAULT_FLUX_OVER_PEAK),
            prediction_epsilon: settings.prediction.epsilon,
            clean: Setup::usual_clean(CLEAN_COMPONENTS),
            // the way of a sample must not depend on the machine: what does not fit is an error of the build
            most_bytes: None,
        })
    }
}

/// An error where the instrument is more than circular beams that track and samples of the middle of their cell.
fn observed_by_psf(settings: &Settings) -> Result<()> {
    let more = [
        (settings.telescope.arrays.is_some(), "telescope.beam", "stations of antennas"),
        (settings.telescope.shaped.is_some(), "telescope.beam", "beams that are no circles"),
        (settings.prediction.smearing.is_some(), "prediction.smearing", "smearing"),
        (settings.observation.pointing != PointingChoice::PhaseCentre, "observation.pointing", "beams that drift"),
        (
            settings.observation.correlations != Correlations::Cross,
            "observation.correlations",
            "stations with themselves",
        ),
        (settings.observation.uv_range.is_some(), "observation.uv_min, uv_max", "a range of baselines"),
    ];
    match more.into_iter().find(|(there, ..)| *there) {
        None => Ok(()),
        Some((_, key, what)) => Err(Error::input("data sets are observed without it")
            .found(what)
            .expected("circular beams that track, samples of the middle of their cell, all baselines")
            .place(key)
            .hint("leave the key out, or take `skyfringe run`")),
    }
}

/// Planned for where no galaxy says anything, as the fast path's own default.
const DEFAULT_FLUX_OVER_PEAK: f64 = 50.0;
/// Components of CLEAN a plane at most; the threshold of three sigma ends it long before.
const CLEAN_COMPONENTS: usize = 20_000;

/// The channels of cubes, the same for every galaxy.
fn channels(settings: &Settings, line_hz: f64) -> Result<(Vec<f64>, f64)> {
    let sky = &settings.sky;
    let spectral = &sky.spectral;
    let (first_hz, channels, width_hz) = match band(sky)? {
        Band::Given { first_hz, channels, width_hz } => (first_hz, channels, width_hz),
        Band::Centred { channels, width_hz } => {
            (line_hz - 0.5 * (channels as f64 - 1.0) * width_hz, channels, width_hz)
        }
        _ => {
            return Err(Error::input("all cubes of a data set have the same channels")
                .found(format!(
                    "sky.channel_width is \"auto\", or not there ({} channels)",
                    spectral.channels.unwrap_or(DEFAULT_CHANNELS)
                ))
                .expected("a width, as in channel_width = \"60 kHz\"")
                .place("table [sky] of the configuration"));
        }
    };
    debug_assert_eq!(spectral.axis, SpectralKind::Frequency);
    Ok(((0..channels).map(|c| first_hz + c as f64 * width_hz).collect(), width_hz))
}

/// What else an observer shall make.
pub(super) fn wanted(dataset: &DatasetSettings, cube: bool) -> Wanted {
    let has =
        |observed: Observed| dataset.fields.contains(&if cube { Field::Cube(observed) } else { Field::Band(observed) });
    Wanted {
        noise_free: has(Observed::NoiseFree),
        corrected: has(Observed::Corrected),
        restored: has(Observed::Restored),
        // of cubes it would be four times as large as all else that is kept
        wide_psf: !cube && has(Observed::Psf),
    }
}

impl Instrument {
    /// An instrument that observes nothing: for its sky alone.
    pub(super) fn unplanned(scene: &Scene) -> Instrument {
        Instrument { scene: scene.clone(), band: None, cube: None }
    }

    /// Plans an instrument; `watch` advances by one a channel.
    ///
    /// # Errors
    /// Those of [`Observer::new`].
    pub(super) fn new(
        scene: &Scene,
        dataset: &DatasetSettings,
        flux_over_peak: [Option<f64>; 2],
        watch: &Watch,
    ) -> Result<Instrument> {
        let [mut band, mut cube] = scene.setups(dataset)?;
        for (setup, flux) in [&mut band, &mut cube].into_iter().zip(flux_over_peak) {
            if let (Some(setup), Some(flux)) = (setup, flux) {
                setup.flux_over_peak = flux;
            }
        }
        Ok(Instrument {
            scene: scene.clone(),
            band: band.map(|setup| Observer::new(setup, wanted(dataset, false), watch)).transpose()?,
            cube: cube.map(|setup| Observer::new(setup, wanted(dataset, true), watch)).transpose()?,
        })
    }

    /// Bytes that the plans hold.
    pub(super) fn bytes(&self) -> usize {
        self.observers().map(|(_, observer)| observer.bytes()).sum()
    }
}

/// Samples of a shard where the configuration does not say: whole galaxies in about this many bytes.
const SHARD_BYTES: usize = 128 << 20;

/// The numbers of the data set.
pub(super) fn layout(dataset: &DatasetSettings, scenes: &[Scene], galaxies: usize) -> Layout {
    let views = dataset.views.iter().map(crate::sky::maps::ViewSet::count).sum();
    let mut layout =
        Layout { galaxies, views, instruments: scenes.len(), realisations: dataset.realisations, per_shard: 1 };
    let pixels: usize = stored(dataset).map(|f| scenes[0].shape(f).iter().product::<usize>()).sum();
    let of_galaxy = layout.per_galaxy();
    let whole = (SHARD_BYTES / (4 * pixels.max(1)) / of_galaxy).max(1) * of_galaxy;
    layout.per_shard = dataset.shard_samples.unwrap_or(whole).min(layout.samples());
    layout
}

/// The fields that every sample holds of its own: all but PSFs.
pub(super) fn stored(dataset: &DatasetSettings) -> impl Iterator<Item = Field> {
    dataset.fields.iter().copied().filter(|f| !f.is_of_instrument())
}

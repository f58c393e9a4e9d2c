//! The first stage: whatever the configuration names as sky becomes a cube or a list of components.

use super::params::{Inclined, PlacingSettings, Settings, SkySettings, SkySource};
use super::pixels::{PixelGrid, choose};
use super::{Progress, plan};
use crate::error::{Error, Result};
use crate::formats::fits::{Card, CardValue, FitsCube, read_cube};
use crate::formats::oskar::read_oskar_sky;
use crate::sky::band::Band;
use crate::sky::components::{Component, GaussianShape};
use crate::sky::cosmology::Cosmology;
use crate::sky::cube::SkyCube;
use crate::sky::galaxy::{GalaxyParams, make_galaxy};
use crate::sky::h2::H2Model;
use crate::sky::neutral::HiModel;
use crate::sky::orient::{BoxAxis, Orientation};
use crate::sky::placing::Placement;
use crate::sky::products::{CubeRequest, HiProducts, Systemic, build_cube};
use crate::sky::resample::{CubeUnit, InputCube, SpectralGrid, SubtractMean, cube_as_sky, regrid_spectrum};
use crate::sky::snapshot::{LoadedGalaxy, Selection, SnapshotRequest, from_snapshot, load};
use crate::sky::temperature::TbFrame;
use crate::units::hi::NU0_HZ;
use crate::units::{ARCSEC_RAD, C_KM_S, C_M_S, DEG_RAD};
use crate::visibilities::Track;
use ndarray::Array3;

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

/// Makes the sky. `track` tells the longest baseline for `auto` pixels.
pub(super) fn prepare(
    settings: &Settings,
    track: &Track,
    fixed: Option<&FixedChannels>,
    progress: &dyn Progress,
) -> Result<PreparedSky> {
    match &settings.sky.source {
        SkySource::Snapshot { path, centre_ckpc_h, radius_ckpc_h, subhalo, allow_missing_chunks } => {
            let selection = match (subhalo, centre_ckpc_h, radius_ckpc_h) {
                (Some((index, catalogue)), ..) => {
                    Selection::Subhalo { catalogue: catalogue.clone(), offsets: None, index: *index }
                }
                (None, Some(centre), Some(radius)) => {
                    Selection::Sphere { centre_ckpc_h: *centre, radius_ckpc_h: *radius }
                }
                _ => Selection::All { centre_ckpc_h: *centre_ckpc_h },
            };
            let request = SnapshotRequest {
                path: path.clone(),
                selection,
                allow_missing_chunks: *allow_missing_chunks,
                model: hi_model(&settings.sky),
            };
            let watch = progress.stage("reading", 1);
            let galaxy = load(&request, &watch)?;
            let object = path.file_stem().map_or("galaxy".into(), |n| n.to_string_lossy().into_owned());
            from_galaxy(settings, galaxy, object, track, fixed, progress)
        }
        SkySource::Galaxy { seed, hi_mass_msun, cells } => {
            progress.stage("galaxy", 1);
            let galaxy = built_in(&settings.sky, &galaxy_params(*seed, *hi_mass_msun, *cells))?;
            from_galaxy(settings, galaxy, format!("Built-in galaxy {seed}"), track, fixed, progress)
        }
        SkySource::Fits { path, subtract_mean } => {
            let watch = progress.stage("reading", 1);
            watch.check()?;
            from_fits(settings, read_cube(path)?, *subtract_mean, fixed).map_err(|e| e.place(path.display()))
        }
        SkySource::Components { path } => from_components(settings, path, track, fixed),
    }
}

/// What the built-in maker is asked for.
pub(super) fn galaxy_params(seed: u64, hi_mass_msun: Option<f64>, cells: Option<usize>) -> GalaxyParams {
    let mut params = GalaxyParams::random(seed);
    if let Some(mass) = hi_mass_msun {
        params = params.with_hi_mass(mass);
    }
    if let Some(n) = cells {
        params.n_cells = n;
    }
    params
}

/// A galaxy of the built-in maker.
pub(super) fn built_in(sky: &SkySettings, params: &GalaxyParams) -> Result<LoadedGalaxy> {
    let made = make_galaxy(params)?;
    // the maker puts its galaxy in the middle of the box
    let centre = [0.5 * made.header.box_size; 3];
    from_snapshot(&made, Some(centre), &hi_model(sky))
}

fn hi_model(sky: &SkySettings) -> HiModel {
    HiModel {
        star_forming_correction: sky.star_forming_correction,
        h2: if sky.h2 { H2Model::BlitzRosolowsky2006 } else { H2Model::None },
        star_forming_temperature_k: sky.star_forming_temperature_k,
        sigma_turb_km_s: sky.turbulence_km_s,
        ..HiModel::default()
    }
}

fn from_galaxy(
    settings: &Settings,
    galaxy: LoadedGalaxy,
    object: String,
    track: &Track,
    fixed: Option<&FixedChannels>,
    progress: &dyn Progress,
) -> Result<PreparedSky> {
    let sky = &settings.sky;
    let (placement, cosmology) = placed(&sky.placing, &galaxy.cosmology)?;
    let orientation = match sky.inclined {
        Inclined::BoxAxis(axis) => Orientation::Box([BoxAxis::X, BoxAxis::Y, BoxAxis::Z][axis.min(2)]),
        Inclined::Euler([a, b, c]) => {
            Orientation::Euler { alpha_deg: a / DEG_RAD, beta_deg: b / DEG_RAD, gamma_deg: c / DEG_RAD }
        }
        Inclined::Disc { inclination_rad, position_angle_rad, azimuth_rad } => Orientation::Disc {
            inclination_deg: inclination_rad / DEG_RAD,
            position_angle_deg: position_angle_rad / DEG_RAD,
            azimuth_deg: azimuth_rad / DEG_RAD,
            spin_within_kpc: None,
        },
    };
    let pixels = galaxy_pixels(settings, track, extent_kpc(&galaxy), &placement)?;
    let channels = sky.spectral.channels.unwrap_or(DEFAULT_CHANNELS);
    let band = match (fixed, sky.spectral.centre_hz, sky.spectral.width_hz) {
        (Some(f), ..) => Band::Given { first_hz: f.freq_hz[0], channels: f.freq_hz.len(), width_hz: f.width_hz },
        (None, Some(centre), Some(width_hz)) => {
            Band::Given { first_hz: centre - 0.5 * (channels as f64 - 1.0) * width_hz, channels, width_hz }
        }
        (None, Some(_), None) => {
            return Err(super::params::missing("sky", "channel_width", "a width, since sky.band_centre is given"));
        }
        (None, None, Some(width_hz)) => Band::Centred { channels, width_hz },
        (None, None, None) => Band::Auto { channels },
    };
    let mut request =
        CubeRequest::new(placement, settings.observation.phase_centre, pixels.size, pixels.size, pixels.cell_rad, band);
    request.object = sky.placing.direction.unwrap_or(request.centre);
    request.orientation = orientation;
    request.systemic = if sky.systemic_zero { Systemic::Zero } else { Systemic::Keep };
    request.hubble_flow = sky.hubble_flow;
    request.specsys = sky.spectral.specsys().to_string();
    request.tb_depth_ckpc = sky.tb_depth_mpc * 1e3;
    request.tb_coefficient_mk = sky.tb_coefficient_mk;
    let watch = progress.stage("sky", galaxy.cells.len() as u64);
    let products = build_cube(&galaxy.cells, &request, &watch)?;
    let mut notes = galaxy.notes.clone();
    notes.extend(products.notes.iter().cloned());
    let cube = products.cube.clone();
    Ok(PreparedSky {
        freq_hz: cube.freq_hz.clone(),
        channel_width_hz: cube.channel_width_hz,
        specsys: cube.specsys.clone(),
        pixels,
        object,
        line_hz: placement.line_freq_hz(),
        cards: galaxy_cards(&galaxy, &products, &cosmology),
        notes,
        content: SkyContent::Cube { cube, products: Some(Box::new(products)) },
    })
}

/// Twice the radius that holds 99 % of the HI, kpc, with a margin of one quarter.
pub(super) fn extent_kpc(galaxy: &LoadedGalaxy) -> f64 {
    let cells = &galaxy.cells;
    let mut radii: Vec<(f64, f64)> = cells
        .position_kpc
        .iter()
        .zip(&cells.hi_mass_msun)
        .map(|(p, m)| (p.iter().map(|x| x * x).sum::<f64>().sqrt(), *m))
        .collect();
    radii.sort_by(|a, b| a.0.total_cmp(&b.0));
    let wanted = 0.99 * cells.total_hi_msun();
    let mut mass = 0.0;
    let radius_kpc = radii.iter().find(|(_, m)| {
        mass += m;
        mass >= wanted
    });
    2.5 * radius_kpc.map_or(1.0, |r| r.0)
}

/// The pixels for an object of `extent_kpc`.
pub(super) fn galaxy_pixels(
    settings: &Settings,
    track: &Track,
    extent_kpc: f64,
    placement: &Placement,
) -> Result<PixelGrid> {
    let longest_m = plan::longest_projected_m(&settings.telescope.telescope, track)?;
    let longest = longest_m * placement.line_freq_hz() / C_M_S;
    Ok(choose(&settings.image, extent_kpc / (placement.angular_diameter_distance_mpc() * 1e3), longest))
}

/// Where the object stands, in the cosmology that the configuration names or `own`, that of the gas.
pub(super) fn placed(placing: &PlacingSettings, own: &Cosmology) -> Result<(Placement, Cosmology)> {
    let cosmology = match &placing.cosmology {
        Some(name) => Cosmology::named(name)?,
        None => own.clone(),
    };
    Ok((place(placing, &cosmology)?, cosmology))
}

/// Distance and redshift: the one not given follows from the cosmology; with both given the redshift is
/// the observed one and the difference is the object's peculiar motion.
fn place(placing: &PlacingSettings, cosmology: &Cosmology) -> Result<Placement> {
    let v = placing.peculiar_velocity_km_s;
    let (z_cos, d_l, v) = match (placing.distance_mpc, placing.redshift) {
        (None, None) => {
            let d_l = 20.0;
            (cosmology.redshift_of_luminosity_distance(d_l)?, d_l, v)
        }
        (Some(d_l), None) => (cosmology.redshift_of_luminosity_distance(d_l)?, d_l, v),
        (None, Some(z)) if z > 0.0 => (z, cosmology.luminosity_distance_mpc(z), v),
        (None, Some(_)) => {
            return Err(Error::input("a redshift of 0 gives no distance")
                .expected("sky.distance as well, or a redshift above 0")
                .place("table [sky] of the configuration"));
        }
        (Some(d_l), Some(z)) => {
            if v != 0.0 {
                return Err(Error::input("distance, redshift and peculiar velocity are one too many")
                    .expected("two of them: the third follows from the cosmology")
                    .place("table [sky] of the configuration"));
            }
            let z_cos = cosmology.redshift_of_luminosity_distance(d_l)?;
            (z_cos, d_l, ((1.0 + z) / (1.0 + z_cos) - 1.0) * C_KM_S)
        }
    };
    Placement::new(z_cos, v, d_l, cosmology.h, cosmology.hubble_km_s_mpc(z_cos))
}

fn galaxy_cards(galaxy: &LoadedGalaxy, products: &HiProducts, cosmology: &Cosmology) -> Vec<Card> {
    let p = &products.placement;
    vec![
        Card::float("DISTLUM", p.luminosity_distance_mpc, "luminosity distance, Mpc"),
        Card::float("REDSHIFT", p.redshift, "observed redshift of the object"),
        Card::float("ZCOSMO", p.cosmological_redshift, "redshift of the Hubble flow"),
        Card::text("COSMO", cosmology.name.clone(), "cosmology"),
        Card::float("HUBBLE0", 100.0 * p.h, "Hubble constant, km/s/Mpc"),
        Card::float("HUBBLEZ", p.hubble_km_s_mpc, "Hubble rate at ZCOSMO, km/s/Mpc"),
        Card::float("SNAPZ", 1.0 / galaxy.cells.scale_factor - 1.0, "redshift of the snapshot"),
        Card::float("MHI", products.total_hi_msun, "HI mass of the object, Msun"),
        Card::float("MHICUBE", products.cube_hi_msun, "HI mass within image and band, Msun"),
        Card::float("BANDLOST", products.flux_lost_fraction_band, "share of the flux outside the band"),
    ]
}

fn from_fits(
    settings: &Settings,
    file: FitsCube,
    subtract_mean: Option<bool>,
    fixed: Option<&FixedChannels>,
) -> Result<PreparedSky> {
    let (_, ny, nx) = file.data.dim();
    if (file.sky.step_x_rad + file.sky.step_y_rad).abs() > 1e-6 * file.sky.step_y_rad.abs() {
        return Err(Error::input("the pixels of the sky are not square")
            .found(format!("{} x {} arcsec", file.sky.step_x_rad / ARCSEC_RAD, file.sky.step_y_rad / ARCSEC_RAD))
            .expected("equal steps in right ascension and declination"));
    }
    if file.stokes != "I" {
        return Err(Error::input("only Stokes I images can be a sky").found(&file.stokes).expected("I"));
    }
    let cell_rad = file.sky.step_y_rad;
    let mut notes = Vec::new();
    let middle = [(nx / 2) as f64, (ny / 2) as f64];
    if (0..2).any(|k| (file.sky.reference_pixel[k] - middle[k]).abs() > 1e-6) {
        notes.push(format!(
            "the file's reference pixel (0-based) is {:?}; the sky is placed with pixel {middle:?} at the phase centre",
            file.sky.reference_pixel
        ));
    }
    let unit = CubeUnit::parse(&file.unit)?;
    let temperature = unit != CubeUnit::JyPerPixel;
    let subtract = if subtract_mean.unwrap_or(temperature) { SubtractMean::Channel } else { SubtractMean::None };
    notes.push(format!(
        "the sky keeps its pixels and is put at the phase centre; mean of each channel {}",
        if subtract == SubtractMean::Channel { "subtracted" } else { "kept" }
    ));
    let specsys = match (&settings.sky.spectral.specsys, file.spectral.specsys.as_str()) {
        (_, "") => {
            let taken = settings.sky.spectral.specsys();
            notes.push(format!("the file states no SPECSYS; taken as {taken}"));
            taken.to_string()
        }
        (Some(wanted), own) if wanted != own => {
            return Err(Error::input("the cube is in another spectral frame than the one asked for")
                .found(format!("SPECSYS = '{own}' in the file"))
                .expected(format!("'{wanted}', the value of sky.specsys"))
                .hint(format!("leave sky.specsys out, or set it to \"{own}\"; or convert the cube first")));
        }
        (_, own) => own.to_string(),
    };
    let input = InputCube {
        values: observed_values(&file, &mut notes)?,
        unit,
        freq_hz: file.spectral.freq_hz.clone(),
        channel_width_hz: file.spectral.width_hz,
        cell_rad,
        centre: settings.observation.phase_centre,
        specsys,
    };
    let as_sky = cube_as_sky(input, subtract)?;
    let mut cube = as_sky.cube;
    if let Some(to) = wanted_grid(settings, &cube, fixed) {
        let regridded = regrid_spectrum(&cube, &to)?;
        if regridded.lost_fraction > 1e-9 {
            notes.push(format!("{:.3} % of the cube's flux lies outside the band", 100.0 * regridded.lost_fraction));
        }
        if regridded.uncovered_channels > 0 {
            notes.push(format!("{} channels reach beyond the cube: dark there", regridded.uncovered_channels));
        }
        cube = regridded.cube;
    }
    let subtracted = if as_sky.subtracted.is_empty() { "none" } else { "channel" };
    let longest = 0.5 / cell_rad;
    let extent = nx.max(ny) as f64 * cell_rad;
    let pixels = match (settings.image.size, settings.image.cell_rad) {
        (super::params::PixelChoice::Auto, super::params::PixelChoice::Auto) => {
            PixelGrid { size: nx.max(ny), cell_rad }
        }
        _ => choose(&settings.image, extent, longest),
    };
    Ok(PreparedSky {
        freq_hz: cube.freq_hz.clone(),
        channel_width_hz: cube.channel_width_hz,
        specsys: cube.specsys.clone(),
        pixels,
        object: text_card(&file.cards, "OBJECT").unwrap_or_else(|| "FITS sky".into()),
        line_hz: if file.spectral.rest_hz > 0.0 { file.spectral.rest_hz.min(NU0_HZ) } else { 0.0 },
        cards: vec![
            Card::text("SUBMEAN", subtracted, "mean subtracted from the sky"),
            Card::text("SKYUNIT", file.unit.clone(), "unit of the sky file"),
        ],
        notes,
        content: SkyContent::Cube { cube, products: None },
    })
}

/// The pixels of a file; temperatures of the rest frame (TBFRAME, as in sky-kinematic.fits) as they are observed.
fn observed_values(file: &FitsCube, notes: &mut Vec<String>) -> Result<Array3<f64>> {
    let values = file.data.mapv(f64::from);
    if text_card(&file.cards, "TBFRAME").as_deref() != Some(TbFrame::Rest.keyword()) {
        return Ok(values);
    }
    let redshift = file.cards.iter().find_map(|c| match c.value {
        CardValue::Float(z) if c.key == "REDSHIFT" => Some(z),
        CardValue::Int(z) if c.key == "REDSHIFT" => Some(z as f64),
        _ => None,
    });
    match redshift.filter(|z| *z > -1.0) {
        Some(z) => {
            notes.push(format!("temperatures of the rest frame are divided by 1 + z = {:.6}", 1.0 + z));
            Ok(values / (1.0 + z))
        }
        None => Err(Error::input("temperatures of the rest frame without a redshift cannot be a sky")
            .found("TBFRAME = 'REST' and no usable REDSHIFT")
            .expected("the card REDSHIFT, or observed temperatures (TBFRAME = 'OBSERVED')")),
    }
}

/// The channels asked for, where they differ from those of the cube.
fn wanted_grid(settings: &Settings, cube: &SkyCube, fixed: Option<&FixedChannels>) -> Option<SpectralGrid> {
    if let Some(f) = fixed {
        return Some(SpectralGrid {
            first_hz: f.freq_hz[0],
            width_hz: f.width_hz,
            channels: f.freq_hz.len(),
            specsys: cube.specsys.clone(),
        });
    }
    let spectral = &settings.sky.spectral;
    if spectral.channels.is_none() && spectral.width_hz.is_none() && spectral.centre_hz.is_none() {
        return None;
    }
    let own = SpectralGrid::of(cube);
    let channels = spectral.channels.unwrap_or(own.channels);
    let width_hz = spectral.width_hz.unwrap_or(own.width_hz);
    let own_centre = own.first_hz + 0.5 * (own.channels as f64 - 1.0) * own.width_hz;
    let centre = spectral.centre_hz.unwrap_or(own_centre);
    Some(SpectralGrid {
        first_hz: centre - 0.5 * (channels as f64 - 1.0) * width_hz,
        width_hz,
        channels,
        specsys: cube.specsys.clone(),
    })
}

fn text_card(cards: &[Card], key: &str) -> Option<String> {
    cards.iter().find(|c| c.key == key).and_then(|c| match &c.value {
        CardValue::Text(t) if !t.is_empty() => Some(t.clone()),
        _ => None,
    })
}

fn from_components(
    settings: &Settings,
    path: &std::path::Path,
    track: &Track,
    fixed: Option<&FixedChannels>,
) -> Result<PreparedSky> {
    let components: Vec<Component> = read_oskar_sky(path)?
        .into_iter()
        .map(|s| Component {
            direction: s.direction,
            stokes_jy: s.stokes_jy,
            reference_hz: s.reference_freq_hz.unwrap_or(0.0),
            spectral_index: s.spectral_index,
            shape: s.gaussian.map(|g| GaussianShape {
                major_rad: g.major_fwhm_rad,
                minor_rad: g.minor_fwhm_rad,
                angle_rad: g.position_angle_rad,
            }),
        })
        .collect();
    if components.is_empty() {
        return Err(Error::input("the sky file lists no source").place(path.display()));
    }
    let spectral = &settings.sky.spectral;
    let (freq_hz, width_hz) = match fixed {
        Some(f) => (f.freq_hz.clone(), f.width_hz),
        None => {
            let channels = spectral.channels.unwrap_or(1);
            let centre = spectral.centre_hz.ok_or_else(|| {
                super::params::missing("sky", "band_centre", "the centre of the band: a list of components has none")
            })?;
            let width = spectral
                .width_hz
                .ok_or_else(|| super::params::missing("sky", "channel_width", "a width such as \"100 kHz\""))?;
            let first = centre - 0.5 * (channels as f64 - 1.0) * width;
            ((0..channels).map(|c| first + c as f64 * width).collect(), width)
        }
    };
    let centre = settings.observation.phase_centre;
    let farthest = components
        .iter()
        .map(|c| {
            let [l, m, n] = c.direction.lmn(centre);
            if n > 0.0 { l.hypot(m) } else { 1.0 }
        })
        .fold(0.0, f64::max);
    // an image cannot reach the horizon
    let extent = (2.2 * farthest).clamp(60.0 * ARCSEC_RAD, 1.2);
    let highest = freq_hz.iter().copied().fold(0.0, f64::max);
    let longest = plan::longest_projected_m(&settings.telescope.telescope, track)? * highest / C_M_S;
    Ok(PreparedSky {
        channel_width_hz: width_hz,
        specsys: spectral.specsys().to_string(),
        pixels: choose(&settings.image, extent, longest),
        object: path.file_stem().map_or("components".into(), |n| n.to_string_lossy().into_owned()),
        line_hz: 0.0,
        cards: vec![Card::int("NSOURCES", components.len() as i64, "sources in the list")],
        notes: Vec::new(),
        content: SkyContent::Components(components),
        freq_hz,
    })
}

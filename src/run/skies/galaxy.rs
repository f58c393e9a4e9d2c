//! Gas cells, read or made, as sky.

use super::{DEFAULT_CHANNELS, FixedChannels, PreparedSky, SkyContent};
use crate::error::{Error, Result};
use crate::formats::fits::{Card, SpectralKind};
use crate::run::params::{Inclined, PlacingSettings, Settings, SkySettings};
use crate::run::pixels::{PixelGrid, choose};
use crate::run::{Progress, plan};
use crate::sky::band::Band;
use crate::sky::cosmology::Cosmology;
use crate::sky::galaxy::Plan;
use crate::sky::h2::H2Settings;
use crate::sky::neutral::HiModel;
use crate::sky::orient::{BoxAxis, Orientation};
use crate::sky::placing::Placement;
use crate::sky::products::{CubeRequest, HiProducts, Systemic, build_cube};
use crate::sky::snapshot::{LoadedGalaxy, from_snapshot};
use crate::time::{Observer, VelocityFrame, frequency_ratio};
use crate::units::hi::NU0_HZ;
use crate::units::{C_M_S, DAY_S, DEG_RAD, RaDec, doppler_velocity_km_s};
use crate::visibilities::Track;

/// A galaxy of the built-in maker.
pub(in crate::run) fn built_in(sky: &SkySettings, plan: Plan) -> Result<LoadedGalaxy> {
    let made = plan.gas_alone().make()?.snapshot;
    // the maker puts its galaxy in the middle of the box
    let centre = [0.5 * made.header.box_size; 3];
    from_snapshot(&made, Some(centre), &hi_model(sky))
}

pub(in crate::run) fn hi_model(sky: &SkySettings) -> HiModel {
    HiModel {
        star_forming_correction: sky.star_forming_correction,
        h2: sky.h2,
        h2_settings: H2Settings {
            uv_escape_fraction: sky.uv_escape_fraction,
            columns: sky.h2_columns,
            ..H2Settings::default()
        },
        star_forming_temperature_k: sky.star_forming_temperature_k,
        sigma_turb_km_s: sky.turbulence_km_s,
        cold_fraction: sky.cold_fraction,
        cold_temperature_k: sky.cold_temperature_k,
        ..HiModel::default()
    }
}

pub(super) fn from_galaxy(
    settings: &Settings,
    galaxy: LoadedGalaxy,
    object: String,
    track: &Track,
    fixed: Option<&FixedChannels>,
    progress: &dyn Progress,
) -> Result<PreparedSky> {
    let sky = &settings.sky;
    let (mut placement, cosmology) = placed(&sky.placing, &galaxy.cosmology)?;
    let object_at = sky.placing.direction.unwrap_or(settings.observation.phase_centre);
    placement.frame_ratio = frame_ratio(settings, sky.spectral.specsys(), object_at)?;
    let pixels = galaxy_pixels(settings, track, extent_kpc(&galaxy), &placement)?;
    let band = match fixed {
        Some(f) => Band::Given { first_hz: f.freq_hz[0], channels: f.freq_hz.len(), width_hz: f.width_hz },
        None => band(sky)?,
    };
    let request = cube_request(settings, placement, pixels, band);
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
        cards: galaxy_cards(sky, &galaxy, &products, &cosmology),
        notes,
        content: SkyContent::Cube { cube, products: Some(Box::new(products)) },
    })
}

/// What `[sky]` asks of the cube of an object placed there, about the phase centre.
pub(in crate::run) fn cube_request(
    settings: &Settings,
    placement: Placement,
    pixels: PixelGrid,
    band: Band,
) -> CubeRequest {
    let sky = &settings.sky;
    let centre = settings.observation.phase_centre;
    let mut request = CubeRequest::new(placement, centre, pixels.size, pixels.size, pixels.cell_rad, band);
    request.object = sky.placing.direction.unwrap_or(centre);
    request.orientation = orientation(sky.inclined);
    request.systemic = if sky.systemic_zero { Systemic::Zero } else { Systemic::Keep };
    request.hubble_flow = sky.hubble_flow;
    request.specsys = sky.spectral.specsys().to_string();
    request.tb_depth_ckpc = sky.tb_depth_mpc * 1e3;
    request.tb_coefficient_mk = sky.tb_coefficient_mk;
    request.optical_depth = sky.optical_depth;
    request
}

/// The configured orientation.
pub(in crate::run) fn orientation(inclined: Inclined) -> Orientation {
    match inclined {
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
    }
}

/// The channels that `[sky]` asks for.
pub(in crate::run) fn band(sky: &SkySettings) -> Result<Band> {
    let spectral = &sky.spectral;
    let channels = spectral.channels.unwrap_or(DEFAULT_CHANNELS);
    if spectral.axis == SpectralKind::Optical {
        let (width_km_s, centre_km_s) = (spectral.optical_width_km_s, spectral.optical_centre_km_s);
        return Ok(Band::Optical { channels, width_km_s, centre_km_s, rest_hz: NU0_HZ });
    }
    match (spectral.centre_hz, spectral.width_hz) {
        (Some(centre), Some(width_hz)) => {
            Ok(Band::Given { first_hz: centre - 0.5 * (channels as f64 - 1.0) * width_hz, channels, width_hz })
        }
        (Some(_), None) => {
            Err(crate::run::params::missing("sky", "channel_width", "a width, since sky.band_centre is given"))
        }
        (None, Some(width_hz)) => Ok(Band::Centred { channels, width_hz }),
        (None, None) => Ok(Band::Auto { channels }),
    }
}

/// Frequency in the channels' frame `specsys` over that in the frame of the redshift, `sky.velocity_frame`, towards an
/// object. Frames that move with the Earth are taken in the middle of the observation, at the telescope.
///
/// Errors: a frame that is not one of FITS's.
pub(in crate::run) fn frame_ratio(settings: &Settings, specsys: &str, object: RaDec) -> Result<f64> {
    let from = settings.sky.spectral.velocity_frame;
    let to = VelocityFrame::named(specsys).ok_or_else(|| {
        Error::input("a spectral frame whose motion is not known")
            .found(format!("SPECSYS = '{specsys}'"))
            .expected(VelocityFrame::ALL.map(VelocityFrame::word).join(", "))
    })?;
    let observer = if from != to && (from.needs_observer() || to.needs_observer()) {
        let telescope = &settings.telescope.telescope;
        let track = plan::track(&settings.observation, telescope)?;
        Some(Observer {
            mjd_utc: track.start_mjd_utc + 0.5 * settings.observation.length_s / DAY_S,
            site_ecef_m: telescope.reference_ecef_m,
            earth: track.earth,
        })
    } else {
        None
    };
    frequency_ratio(from, to, object, observer.as_ref())
}

/// Twice the radius that holds 99 % of the HI, kpc, with a margin of one quarter.
pub(in crate::run) fn extent_kpc(galaxy: &LoadedGalaxy) -> f64 {
    2.5 * galaxy.cells.hi_radius_kpc(0.99)
}

/// The pixels for an object of `extent_kpc`.
pub(in crate::run) fn galaxy_pixels(
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
pub(in crate::run) fn placed(placing: &PlacingSettings, own: &Cosmology) -> Result<(Placement, Cosmology)> {
    let cosmology = match &placing.cosmology {
        Some(name) => Cosmology::named(name)?,
        None => own.clone(),
    };
    Ok((place(placing, &cosmology)?, cosmology))
}

/// Peculiar velocity that no object of a hydrodynamical simulation has, km/s: a tenth of that of light.
const FASTEST_KM_S: f64 = 30_000.0;

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
            let v = doppler_velocity_km_s((1.0 + z) / (1.0 + z_cos));
            if v.abs() >= FASTEST_KM_S {
                return Err(Error::input("distance and redshift are not those of one object")
                    .found(format!("{d_l} Mpc, where the Hubble flow has z = {z_cos:.4}, and z = {z}: it would move with {v:.0} km/s"))
                    .expected(format!("less than {FASTEST_KM_S} km/s"))
                    .place("sky.distance and sky.redshift")
                    .hint("give one of the two; the other follows from the cosmology"));
            }
            (z_cos, d_l, v)
        }
    };
    Placement::new(z_cos, v, d_l, cosmology.h, cosmology.hubble_km_s_mpc(z_cos))
}

pub(in crate::run) fn galaxy_cards(
    sky: &SkySettings,
    galaxy: &LoadedGalaxy,
    products: &HiProducts,
    cosmology: &Cosmology,
) -> Vec<Card> {
    let mut cards = placing_cards(sky, galaxy, &products.placement, cosmology);
    cards.extend([
        Card::float("MHI", products.total_hi_msun, "HI mass of the object, Msun"),
        Card::float("MHICUBE", products.cube_hi_msun, "HI mass within image and band, Msun"),
        Card::float("BANDLOST", products.flux_lost_fraction_band, "share of the flux outside the band"),
        Card::float("ABSORBED", products.absorbed_fraction, "share of the flux that the gas absorbs itself"),
    ]);
    cards
}

/// Where the object stands, in which cosmology, and how its HI was found.
pub(in crate::run) fn placing_cards(
    sky: &SkySettings,
    galaxy: &LoadedGalaxy,
    p: &Placement,
    cosmology: &Cosmology,
) -> Vec<Card> {
    let mut cards = vec![
        Card::float("DISTLUM", p.luminosity_distance_mpc, "luminosity distance, Mpc"),
        Card::float("REDSHIFT", p.redshift, "observed redshift of the object"),
        Card::text("SSYSSRC", sky.spectral.velocity_frame.word(), "frame of REDSHIFT"),
        Card::float("FRAMEDOP", p.frame_ratio, "frequency in SPECSYS over that in SSYSSRC"),
        Card::float("ZCOSMO", p.cosmological_redshift, "redshift of the Hubble flow"),
        Card::text("COSMO", cosmology.name.clone(), "cosmology"),
        Card::float("HUBBLE0", 100.0 * p.h, "Hubble constant, km/s/Mpc"),
        Card::float("HUBBLEZ", p.hubble_km_s_mpc, "Hubble rate at ZCOSMO, km/s/Mpc"),
        Card::float("SNAPZ", 1.0 / galaxy.cells.scale_factor - 1.0, "redshift of the snapshot"),
        Card::text("H2MODEL", sky.h2.word(), "model of the molecular hydrogen left out"),
        Card::text("H2GEOM", sky.h2_columns.word(), "surface densities that H2 models look at"),
    ];
    // what stood in for fields that the file lacks goes with the data
    cards.extend(galaxy.notes.iter().map(|note| Card::history(format!("gas: {note}"))));
    cards
}

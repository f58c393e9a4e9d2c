//! Gas cells, read or made, as sky.

use super::{DEFAULT_CHANNELS, FixedChannels, PreparedSky, SkyContent};
use crate::error::{Error, Result};
use crate::formats::fits::Card;
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
use crate::units::{C_KM_S, C_M_S, DEG_RAD};
use crate::visibilities::Track;

/// A galaxy of the built-in maker.
pub(in crate::run) fn built_in(sky: &SkySettings, plan: &Plan) -> Result<LoadedGalaxy> {
    let made = plan.make()?.snapshot;
    // the maker puts its galaxy in the middle of the box
    let centre = [0.5 * made.header.box_size; 3];
    from_snapshot(&made, Some(centre), &hi_model(sky))
}

pub(in crate::run) fn hi_model(sky: &SkySettings) -> HiModel {
    HiModel {
        star_forming_correction: sky.star_forming_correction,
        h2: sky.h2,
        h2_settings: H2Settings { uv_escape_fraction: sky.uv_escape_fraction, ..H2Settings::default() },
        star_forming_temperature_k: sky.star_forming_temperature_k,
        sigma_turb_km_s: sky.turbulence_km_s,
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
            return Err(crate::run::params::missing("sky", "channel_width", "a width, since sky.band_centre is given"));
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
        cards: galaxy_cards(sky, &galaxy, &products, &cosmology),
        notes,
        content: SkyContent::Cube { cube, products: Some(Box::new(products)) },
    })
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

fn galaxy_cards(sky: &SkySettings, galaxy: &LoadedGalaxy, products: &HiProducts, cosmology: &Cosmology) -> Vec<Card> {
    let p = &products.placement;
    vec![
        Card::float("DISTLUM", p.luminosity_distance_mpc, "luminosity distance, Mpc"),
        Card::float("REDSHIFT", p.redshift, "observed redshift of the object"),
        Card::float("ZCOSMO", p.cosmological_redshift, "redshift of the Hubble flow"),
        Card::text("COSMO", cosmology.name.clone(), "cosmology"),
        Card::float("HUBBLE0", 100.0 * p.h, "Hubble constant, km/s/Mpc"),
        Card::float("HUBBLEZ", p.hubble_km_s_mpc, "Hubble rate at ZCOSMO, km/s/Mpc"),
        Card::float("SNAPZ", 1.0 / galaxy.cells.scale_factor - 1.0, "redshift of the snapshot"),
        Card::text("H2MODEL", sky.h2.word(), "model of the molecular hydrogen left out"),
        Card::float("MHI", products.total_hi_msun, "HI mass of the object, Msun"),
        Card::float("MHICUBE", products.cube_hi_msun, "HI mass within image and band, Msun"),
        Card::float("BANDLOST", products.flux_lost_fraction_band, "share of the flux outside the band"),
    ]
}

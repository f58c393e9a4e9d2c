//! The sky of a run as files: the flux cube that is observed, and the two temperatures of galaxies.

use super::Progress;
use super::headers::{cube_axes, program, spectral_axis};
use super::image::write_product;
use super::params::Settings;
use super::skies::{PreparedSky, SkyContent};
use crate::error::{Result, Watch};
use crate::formats::fits::{Card, FitsCube};
use crate::sky::components::Component;
use crate::sky::cube::SkyCube;
use crate::sky::products::HiProducts;
use crate::sky::temperature::TbFrame;
use crate::units::RaDec;
use ndarray::{Array3, Axis, s};
use std::path::Path;

/// Name of the flux cube.
pub(super) const SKY: &str = "sky.fits";
/// Name of product (a).
pub(super) const SKY_TB: &str = "sky-tb.fits";
/// Name of product (b).
pub(super) const SKY_KINEMATIC: &str = "sky-kinematic.fits";

/// Writes the sky of a run into `out`: the flux cube; for galaxies the T_b map too, and the kinematic cube
/// where it is asked for. Returns the names.
pub(super) fn write_sky(
    sky: &PreparedSky,
    settings: &Settings,
    out: &Path,
    progress: &dyn Progress,
) -> Result<Vec<&'static str>> {
    let watch = progress.stage("sky files", 3);
    let mut names = vec![SKY];
    write_product(&out.join(SKY), &sky_fits(sky, settings.observation.phase_centre, &watch)?)?;
    watch.advance(1)?;
    if let Some(map) = tb_fits(sky) {
        write_product(&out.join(SKY_TB), &map)?;
        names.push(SKY_TB);
    }
    watch.advance(1)?;
    if settings.kinematic_cube
        && let Some(cube) = kinematic_fits(sky)
    {
        write_product(&out.join(SKY_KINEMATIC), &cube)?;
        names.push(SKY_KINEMATIC);
    }
    watch.advance(1)?;
    Ok(names)
}

/// The sky as a FITS cube in Jy/pixel. Components are put on their nearest pixel, for the eye only:
/// visibilities are predicted from the components themselves.
fn sky_fits(sky: &PreparedSky, phase_centre: RaDec, watch: &Watch) -> Result<FitsCube> {
    let rendered;
    let cube = match &sky.content {
        SkyContent::Cube { cube, .. } => cube,
        SkyContent::Components(list) => {
            rendered = render(sky, list, phase_centre);
            &rendered
        }
    };
    watch.check()?;
    let (axes, spectral) = cube_axes(cube);
    let mut cards = common_cards(sky);
    if matches!(sky.content, SkyContent::Components(_)) {
        cards.push(Card::history("components on their nearest pixels; visibilities come from the list"));
    }
    Ok(FitsCube {
        data: cube.flux_jy.mapv(|v| v as f32),
        sky: axes,
        spectral,
        stokes: "I".into(),
        unit: "Jy/pixel".into(),
        beams: Vec::new(),
        cards,
    })
}

/// Product (a), the cosmological brightness temperature of all HI in the image, as a map of one plane whose
/// channel is the whole band; `None` for skies without gas cells.
///
/// The header holds all that its inversion to HI masses needs: TBCOEFF, TBDEPTH, ZCOSMO, HUBBLE0, HUBBLEZ
/// ([`crate::sky::temperature::TbScale`]) and DISTLUM, REDSHIFT for the area of the pixels.
fn tb_fits(sky: &PreparedSky) -> Option<FitsCube> {
    let (cube, products) = galaxy(sky)?;
    let (axes, _) = cube_axes(cube);
    let channels = cube.freq_hz.len();
    let middle_hz = 0.5 * (cube.freq_hz[0] + cube.freq_hz[channels - 1]);
    let mut cards = common_cards(sky);
    cards.extend([
        Card::text("TBFRAME", products.tb_frame.keyword(), "frame of the temperatures"),
        Card::float("TBCOEFF", products.tb_scale.coefficient_mk, "[mK] coefficient of T_b"),
        Card::float("TBDEPTH", products.tb_scale.depth_ckpc, "[kpc] comoving depth of the map"),
        Card::history("T_b = TBCOEFF h H0 (1+z)^2/H(z) rho_HI/rho_c, rho_HI = column/TBDEPTH"),
    ]);
    Some(FitsCube {
        data: products.tb_map_mk.mapv(|t| t as f32).insert_axis(Axis(0)),
        sky: axes,
        spectral: spectral_axis(&[middle_hz], cube.channel_width_hz * channels as f64, &cube.specsys),
        stokes: "I".into(),
        unit: "mK".into(),
        beams: Vec::new(),
        cards,
    })
}

/// Product (b), the kinematic cube T(v) in the rest frame, K, on the channels of the flux cube; `None` for
/// skies without gas cells.
fn kinematic_fits(sky: &PreparedSky) -> Option<FitsCube> {
    let (cube, products) = galaxy(sky)?;
    let (axes, spectral) = cube_axes(cube);
    let mut cards = common_cards(sky);
    cards.extend([
        Card::text("TBFRAME", TbFrame::Rest.keyword(), "frame of the temperatures"),
        Card::float("DVREST", products.placement.rest_width_km_s(cube.channel_width_hz), "[km/s] channel, rest frame"),
        Card::history("T = N_HI/(1.822e18 dv), dv = c (1+z) dnu/nu0; observed value T/(1+z)"),
    ]);
    Some(FitsCube {
        data: products.kinematic_cube_k(TbFrame::Rest).mapv(|t| t as f32),
        sky: axes,
        spectral,
        stokes: "I".into(),
        unit: "K".into(),
        beams: Vec::new(),
        cards,
    })
}

fn galaxy(sky: &PreparedSky) -> Option<(&SkyCube, &HiProducts)> {
    match &sky.content {
        SkyContent::Cube { cube, products: Some(products) } => Some((cube, products)),
        _ => None,
    }
}

fn common_cards(sky: &PreparedSky) -> Vec<Card> {
    let mut cards = sky.cards.clone();
    cards.push(Card::text("OBJECT", sky.object.clone(), ""));
    cards.push(Card::text("ORIGIN", program(), ""));
    cards
}

fn render(sky: &PreparedSky, list: &[Component], centre: RaDec) -> SkyCube {
    let n = sky.pixels.size;
    let mut flux_jy = Array3::zeros((sky.freq_hz.len(), n, n));
    for component in list {
        let [l, m, ahead] = component.direction.lmn(centre);
        let x = (n / 2) as f64 - l / sky.pixels.cell_rad;
        let y = (n / 2) as f64 + m / sky.pixels.cell_rad;
        let inside = |v: f64| v >= -0.5 && v < n as f64 - 0.5;
        if ahead > 0.0 && inside(x) && inside(y) {
            let mut pixel = flux_jy.slice_mut(s![.., y.round() as usize, x.round() as usize]);
            for (value, freq) in pixel.iter_mut().zip(&sky.freq_hz) {
                *value += component.stokes_at(*freq)[0];
            }
        }
    }
    SkyCube {
        flux_jy,
        freq_hz: sky.freq_hz.clone(),
        channel_width_hz: sky.channel_width_hz,
        cell_rad: sky.pixels.cell_rad,
        centre,
        specsys: sky.specsys.clone(),
    }
}

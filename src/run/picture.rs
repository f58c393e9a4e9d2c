//! preview.png of a run: chooses what the panels show.

use super::headers::program;
use super::preview::{PreviewCurve, PreviewInput, PreviewMap, PreviewSpectrum, preview_figure};
use super::skies::{PreparedSky, SkyContent};
use super::telescope_plot::UvPoints;
use crate::formats::png::{Figure, Theme};
use crate::formats::visibilities::VisibilityTable;
use crate::imaging::{ImageParams, Images};
use crate::sky::moments::{channel_velocities_km_s, integrated_spectrum_jy, moments};
use crate::units::C_M_S;
use ndarray::{Array2, Axis};
use std::f64::consts::{LN_2, PI};

/// Pixels fainter than this share of the brightest have no velocity in the picture.
const MOMENT_FLOOR: f64 = 5e-3;

/// The preview of a finished run.
pub(super) fn draw(
    sky: &PreparedSky,
    table: &VisibilityTable,
    images: &Images,
    params: &ImageParams,
    facts: &[(String, String)],
    title: &str,
) -> Figure {
    let middle = sky.freq_hz.len() / 2;
    let is_line = sky.line_hz > 0.0 && matches!(&sky.content, SkyContent::Cube { products: Some(_), .. });
    let mhz: Vec<f64> = sky.freq_hz.iter().map(|f| f / 1e6).collect();

    let (sky_map, moment1, x, spectrum);
    // where the line is: what is shown of the maps, and the aperture of the dirty spectrum
    let mut seen = None;
    match &sky.content {
        SkyContent::Cube { cube, .. } if is_line => {
            let m = moments(cube, sky.line_hz, MOMENT_FLOOR);
            sky_map = m.moment0_jy_hz.mapv(|v| v * crate::units::C_KM_S / sky.line_hz);
            let mut velocity = m.moment1_km_s;
            velocity.zip_mut_with(&m.valid, |v, ok| {
                if !ok {
                    *v = f64::NAN;
                }
            });
            moment1 = Some(velocity);
            seen = Some(m.valid);
            x = channel_velocities_km_s(cube, sky.line_hz);
            spectrum = integrated_spectrum_jy(cube);
        }
        SkyContent::Cube { cube, .. } => {
            sky_map = cube.flux_jy.index_axis(Axis(0), middle).to_owned();
            moment1 = None;
            x = mhz;
            spectrum = cube.flux_jy.axis_iter(Axis(0)).map(|p| rms(&p.to_owned())).collect();
        }
        SkyContent::Components(list) => {
            sky_map = Array2::zeros((2, 2));
            moment1 = None;
            x = mhz;
            spectrum = sky.freq_hz.iter().map(|f| list.iter().map(|c| c.stokes_at(*f)[0]).sum()).collect();
        }
    }
    let dirty = if is_line {
        let km_s_per_channel = table.channel_width_hz * crate::units::C_KM_S / sky.line_hz;
        images.dirty.sum_axis(Axis(0)) * km_s_per_channel
    } else {
        images.dirty.index_axis(Axis(0), middle).to_owned()
    };
    let aperture_spectrum = seen.as_ref().and_then(|mask| dirty_aperture(images, mask, params.geometry.dm));
    // components have no image of their own; what is seen is the dirty one
    let components = matches!(sky.content, SkyContent::Components(_));
    let sky_view = if components { dirty.view() } else { sky_map.view() };
    let channel = format!("{:.3} MHz", sky.freq_hz[middle] / 1e6);
    let (sky_title, dirty_title, unit) = if is_line {
        ("Sky: integrated HI".to_string(), "Dirty image: integrated".to_string(), "Jy km s⁻¹")
    } else {
        (format!("Sky at {channel}"), format!("Dirty image at {channel}"), "Jy")
    };
    let x_label = if is_line { "Velocity about the systemic one (km s⁻¹)" } else { "Frequency (MHz)" };
    let curve_label = match &sky.content {
        SkyContent::Cube { .. } if !is_line => "rms of the sky",
        _ => "true sky",
    };
    let uv: Vec<[f64; 2]> = table
        .uvw_m
        .outer_iter()
        .zip(table.flag.outer_iter())
        .filter(|(_, flags)| !flags.iter().all(|f| *f))
        .map(|(row, _)| [0, 1].map(|k| row[k] * sky.freq_hz[middle] / C_M_S))
        .collect();
    let fact = |name: &str| facts.iter().find(|f| f.0 == name).map(|f| f.1.clone());
    let distance = fact("distance").and_then(|d| d.split(',').next().map(|d| format!("at {d}")));
    let subtitle: Vec<String> = [
        distance,
        fact("HI mass").map(|m| format!("HI mass {}", m.replace("Msun", "M\u{2299}"))),
        fact("observation"),
        fact("channels").map(|c| c.split(" (").next().unwrap_or_default().replace(" of ", " channels of ")),
        fact("weighting"),
        fact("noise").map(|n| format!("noise {n}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut curves = vec![PreviewCurve { label: curve_label, values: &spectrum }];
    if let Some(values) = &aperture_spectrum {
        curves.push(PreviewCurve { label: "dirty, aperture (not deconvolved)", values });
    }
    preview_figure(&PreviewInput {
        title,
        subtitle: &subtitle.join(" · "),
        footer: &format!("{} · phase centre 0-based pixel N/2 · east is left", program()),
        theme: Theme::Light,
        cell_rad: params.geometry.dm,
        half_width_rad: seen.as_ref().map(|mask| half_width_rad(mask, params.geometry.dm)),
        sky: PreviewMap {
            data: sky_view,
            title: if components { "Dirty image (sky is a list)" } else { &sky_title },
            quantity: if is_line { "Integrated flux density" } else { "Flux density" },
            unit: &format!("{unit} {}⁻¹", if components { "beam" } else { "pixel" }),
        },
        psf: images.psf.index_axis(Axis(0), middle),
        dirty: PreviewMap {
            data: dirty.view(),
            title: &dirty_title,
            quantity: if is_line { "Integrated flux density" } else { "Flux density" },
            unit: &format!("{unit} beam⁻¹"),
        },
        moment1_km_s: moment1.as_ref().map(|m| m.view()),
        spectrum: PreviewSpectrum {
            x: &x,
            x_label,
            curves: &curves,
            quantity: "Flux density",
            unit: "Jy",
            mark: is_line.then_some(0.0),
            mark_label: "",
        },
        beam: images.beams.get(middle.min(images.beams.len().saturating_sub(1))).copied(),
        uv: UvPoints::Wavelengths(&uv),
        facts,
    })
}

/// Twice the distance of the farthest pixel with gas, in halves: a margin of one third about it.
pub(super) fn half_width_rad(mask: &Array2<bool>, cell_rad: f64) -> f64 {
    let (ny, nx) = mask.dim();
    let farthest = mask
        .indexed_iter()
        .filter(|(_, inside)| **inside)
        .map(|((y, x), _)| (y.abs_diff(ny / 2)).max(x.abs_diff(nx / 2)))
        .max()
        .unwrap_or(nx / 2);
    1.33 * farthest.max(8) as f64 * cell_rad
}

/// Flux density of the dirty image where the sky has gas, Jy: its sum over the beam's solid angle. None
/// where sky and images have different pixels or a channel has no beam.
fn dirty_aperture(images: &Images, mask: &Array2<bool>, cell_rad: f64) -> Option<Vec<f64>> {
    if mask.dim() != (images.dirty.dim().1, images.dirty.dim().2) {
        return None;
    }
    images
        .dirty
        .outer_iter()
        .zip(&images.beams)
        .map(|(plane, beam)| {
            let pixels_per_beam = PI * beam.major_rad * beam.minor_rad / (4.0 * LN_2 * cell_rad * cell_rad);
            let sum: f64 = plane.iter().zip(mask).filter(|(_, inside)| **inside).map(|(v, _)| v).sum();
            (pixels_per_beam > 0.0).then(|| sum / pixels_per_beam)
        })
        .collect()
}

fn rms(plane: &Array2<f64>) -> f64 {
    (plane.iter().map(|v| v * v).sum::<f64>() / plane.len() as f64).sqrt()
}

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
    // components have no image of their own; what is seen is the dirty one
    let components = matches!(sky.content, SkyContent::Components(_));
    let sky_view = if components { dirty.view() } else { sky_map.view() };
    let channel = format!("{:.3} MHz", sky.freq_hz[middle] / 1e6);
    let (sky_title, dirty_title, unit) = if is_line {
        ("Sky: integrated HI".to_string(), "Dirty image: integrated".to_string(), "Jy km/s")
    } else {
        (format!("Sky at {channel}"), format!("Dirty image at {channel}"), "Jy")
    };
    let x_label = if is_line { "Velocity (km/s)" } else { "Frequency (MHz)" };
    let curve_label = match &sky.content {
        SkyContent::Cube { .. } if !is_line => "rms of the sky",
        _ => "sky, whole field",
    };
    let uv: Vec<[f64; 2]> = table
        .uvw_m
        .outer_iter()
        .zip(table.flag.outer_iter())
        .filter(|(_, flags)| !flags.iter().all(|f| *f))
        .map(|(row, _)| [0, 1].map(|k| row[k] * sky.freq_hz[middle] / C_M_S))
        .collect();
    let subtitle = facts.iter().find(|f| f.0 == "observation").map_or(String::new(), |f| f.1.clone());
    preview_figure(&PreviewInput {
        title,
        subtitle: &subtitle,
        footer: &format!("{} · phase centre 0-based pixel N/2 · east is left", program()),
        theme: Theme::Light,
        cell_rad: params.geometry.dm,
        half_width_rad: None,
        sky: PreviewMap {
            data: sky_view,
            title: if components { "Dirty image (sky is a list)" } else { &sky_title },
            quantity: "Flux density",
            unit: &format!("{unit} / {}", if components { "beam" } else { "pixel" }),
        },
        psf: images.psf.index_axis(Axis(0), middle),
        dirty: PreviewMap {
            data: dirty.view(),
            title: &dirty_title,
            quantity: "Flux density",
            unit: &format!("{unit} / beam"),
        },
        moment1_km_s: moment1.as_ref().map(|m| m.view()),
        spectrum: PreviewSpectrum {
            x: &x,
            x_label,
            curves: &[PreviewCurve { label: curve_label, values: &spectrum }],
            quantity: "Flux density",
            unit: "Jy",
            mark: is_line.then_some(0.0),
            mark_label: "rest of the galaxy",
        },
        beam: images.beams.get(middle.min(images.beams.len().saturating_sub(1))).copied(),
        uv: UvPoints::Wavelengths(&uv),
        facts,
    })
}

fn rms(plane: &Array2<f64>) -> f64 {
    (plane.iter().map(|v| v * v).sum::<f64>() / plane.len() as f64).sqrt()
}

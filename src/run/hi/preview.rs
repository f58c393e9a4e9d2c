//! The picture of `sky hi`: moments, spectrum, position-velocity diagram.

use super::HiSky;
use super::report::{line_of, width_words};
use crate::formats::png::{ColourMap, Facts, Figure, Heatmap, Stretch, Theme, ValueRange};
use crate::run::headers::program;
use crate::run::picture::half_width_rad;
use crate::run::preview::{
    OffsetUnit, PreviewCurve, PreviewMap, PreviewSpectrum, cropped, half_pixels, intensity, labelled, largest,
    map_panel, prefixed, spectrum, velocities,
};
use crate::sky::moments::{Moments, integrated_spectrum_jy, moment_maps};
use crate::sky::pv::Slit;
use crate::sky::temperature::TbFrame;
use crate::units::{C_KM_S, DEG_RAD, Dimension, format_quantity};
use ndarray::{Array2, s};

/// Pixels fainter than this share of the brightest have no velocity in the picture.
const MOMENT_FLOOR: f64 = 1e-3;

/// Moment 0, 1 and 2 above; spectrum, position-velocity diagram along the major axis and facts below.
pub(super) fn figure(sky: &HiSky) -> Figure {
    let p = &sky.products;
    let (velocities_km_s, cell) = (p.velocities_km_s(), p.cube.cell_rad);
    let maps = moment_maps(p.cube.flux_jy.view(), &velocities_km_s, &p.channels.widths_hz(), MOMENT_FLOOR);
    // the galaxy fills the picture, whatever the image
    let half_px = half_pixels(Some(half_width_rad(&maps.valid, cell)), cell);
    let masked = |map: &Array2<f64>| {
        let mut map = map.clone();
        ndarray::Zip::from(&mut map).and(&maps.valid).for_each(|v, ok| {
            if !ok {
                *v = f64::NAN;
            }
        });
        cropped(map.view(), half_px).to_owned()
    };
    let mut figure = Figure::new(1920, 1500, 2, 3);
    figure.shrink = true;
    figure.theme = Theme::Light;
    figure.title = format!("{}: HI", sky.object);
    let place = &p.placement;
    figure.subtitle = format!(
        "HI mass {:.3e} M\u{2299} · at {:.2} Mpc, z = {:.5} · {} channels ({}) · {}",
        p.total_hi_msun,
        place.luminosity_distance_mpc,
        place.redshift,
        p.channels.freq_hz.len(),
        sky.form.kind.names().0,
        p.cube.specsys
    );
    figure.footer = format!("{} · offsets from the middle pixel · east is left", program());

    let moment0 = maps.moment0_jy_hz.mapv(|s| s * C_KM_S / place.line_freq_hz());
    let shown = PreviewMap {
        data: cropped(moment0.view(), half_px),
        title: "Moment 0: integrated HI",
        quantity: "Integrated flux density",
        unit: "Jy km s⁻¹ pixel⁻¹",
    };
    figure.add(0, 0, intensity(&shown, cell, Stretch::Asinh(0.08)));
    let mut field = velocities(masked(&maps.moment1_km_s).view(), cell);
    field.title = "Moment 1: mean velocity".into();
    figure.add(0, 1, field);
    let dispersion = Heatmap {
        colours: ColourMap::Viridis,
        range: ValueRange::Percentiles(0.5, 99.5),
        bar_label: "Velocity dispersion (km s⁻¹)".into(),
        ..map_panel(masked(&maps.moment2_km_s).view(), cell, "Moment 2: dispersion")
    };
    figure.add(0, 2, dispersion);

    let profile = integrated_spectrum_jy(&p.cube);
    figure.add(
        1,
        0,
        spectrum(&PreviewSpectrum {
            x: &velocities_km_s,
            x_label: "Velocity about the systemic one (km s⁻¹)",
            curves: &[PreviewCurve { label: "", values: &profile }],
            quantity: "Flux density",
            unit: "Jy",
            mark: Some(0.0),
            mark_label: "",
        }),
    );
    if let Some(panel) = position_velocity(sky, &maps, &velocities_km_s, half_px) {
        figure.add(1, 1, panel);
    }
    figure.add(1, 2, facts(sky));
    figure
}

/// Along the major axis, `half_px` pixels to either side.
fn position_velocity(sky: &HiSky, maps: &Moments, velocities_km_s: &[f64], half_px: Option<usize>) -> Option<Heatmap> {
    let p = &sky.products;
    let (channels, ny, nx) = p.cube.flux_jy.dim();
    let half_length_px = half_px.unwrap_or(usize::MAX).min(nx.max(ny) / 2);
    let slit = Slit::kinematic(maps, half_length_px, 1)?;
    // planes fall in velocity; rows of the picture rise
    let values = slit.values(p.cube.flux_jy.view()).slice_move(s![..;-1, ..]);
    let (factor, unit) = prefixed("Jy pixel⁻¹", largest(values.iter()));
    let (first, last) = (velocities_km_s[channels - 1], velocities_km_s[0]);
    let half_step = match channels {
        1 => 0.5 * p.placement.rest_width_km_s(p.channels.width_hz),
        n => 0.5 * (last - first) / (n - 1) as f64,
    };
    let offset = OffsetUnit::of(cropped(maps.moment0_jy_hz.view(), half_px), p.cube.cell_rad);
    let half = (half_length_px as f64 + 0.5) * p.cube.cell_rad / offset.rad;
    let angle_deg = (slit.angle_rad / DEG_RAD).rem_euclid(360.0);
    Some(Heatmap {
        title: format!("Position-velocity, PA {angle_deg:.0}°"),
        x_label: format!("Offset along the major axis ({})", offset.name),
        y_label: "Velocity (km s⁻¹)".into(),
        colours: ColourMap::Inferno,
        stretch: Stretch::Asinh(0.08),
        bar_label: labelled("Flux density", &unit),
        free_shape: true,
        ..Heatmap::new(values * factor, [-half, half], [first - half_step, last + half_step])
    })
}

fn facts(sky: &HiSky) -> Facts {
    let p = &sky.products;
    let (flux, [w50, w20]) = line_of(sky);
    let highest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let kelvin = (0..p.channels.freq_hz.len())
        .map(|c| highest(&mut p.kinematic_plane_k(TbFrame::Rest, c).iter().copied()))
        .fold(0.0, f64::max);
    let (_, ny, nx) = p.cube.flux_jy.dim();
    let rows = [
        ("HI mass", format!("{:.4e} Msun", p.total_hi_msun)),
        ("in the cube", format!("{:.4e} Msun", p.cube_hi_msun)),
        ("flux", format!("{flux:.4} Jy km/s")),
        ("W50", width_words(w50)),
        ("W20", width_words(w20)),
        ("highest column", format!("{:.3e} /cm^{{2}}", highest(&mut p.column_map_cm2.iter().copied()))),
        ("highest T(v)", format!("{kelvin:.1} K")),
        ("pixels", format!("{nx} x {ny} of {}", format_quantity(p.cube.cell_rad, Dimension::Angle))),
        ("channels", format!("{:.2} km/s", p.placement.rest_width_km_s(p.channels.width_hz))),
    ];
    Facts { title: "Object".into(), rows: rows.into_iter().map(|(k, v)| (k.to_string(), v)).collect() }
}

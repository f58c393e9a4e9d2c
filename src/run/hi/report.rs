//! What `sky hi` prints.

use super::HiSky;
use crate::sky::moments::integrated_spectrum_jy;
use crate::sky::width::line_width_km_s;
use crate::units::{C_KM_S, Dimension, format_quantity};
use std::path::PathBuf;

/// Flux of the line, Jy km/s with rest-frame velocities, and W50 and W20, km/s.
pub(super) fn line_of(sky: &HiSky) -> (f64, [Option<f64>; 2]) {
    let p = &sky.products;
    let spectrum = integrated_spectrum_jy(&p.cube);
    let velocities = p.velocities_km_s();
    let integral: f64 = spectrum.iter().zip(p.channels.widths_hz()).map(|(s, w)| s * w).sum();
    let widths = [0.5, 0.2].map(|level| line_width_km_s(&velocities, &spectrum, level));
    (integral * C_KM_S / p.placement.line_freq_hz(), widths)
}

/// A width, or why there is none.
pub(super) fn width_words(width: Option<f64>) -> String {
    width.map_or("not within the band".into(), |w| format!("{w:.1} km/s"))
}

/// What is in the files.
pub(super) fn text(sky: &HiSky, files: &[PathBuf]) -> String {
    let p = &sky.products;
    let place = &p.placement;
    let (flux, [w50, w20]) = line_of(sky);
    let mut text = format!("{}: HI of {} gas cells\n", sky.object, sky.cells);
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<11}{value}\n"));
    line("HI mass", format!("{:.4e} Msun; {:.4e} Msun in image and band", p.total_hi_msun, p.cube_hi_msun));
    line("distance", format!("{:.4} Mpc (luminosity), z = {:.6}", place.luminosity_distance_mpc, place.redshift));
    let (_, ny, nx) = p.cube.flux_jy.dim();
    let cell = format_quantity(p.cube.cell_rad, Dimension::Angle);
    line("image", format!("{nx} x {ny} pixels of {cell} = {:.4} kpc", place.pixel_kpc(p.cube.cell_rad)));
    let channels = &p.channels;
    line(
        "channels",
        format!(
            "{} of {} = {:.3} km/s, {:.6} to {:.6} MHz ({}, {})",
            channels.freq_hz.len(),
            format_quantity(channels.width_hz, Dimension::Frequency),
            place.rest_width_km_s(channels.width_hz),
            channels.edges_hz[0] * 1e-6,
            channels.edges_hz[channels.freq_hz.len()] * 1e-6,
            sky.form.kind.names().0,
            p.cube.specsys
        ),
    );
    let [low, high] = p.line_range_hz;
    let [fast, slow] = [low, high].map(|f| place.velocity_km_s(f));
    line(
        "line",
        format!(
            "at {:.6} MHz; 99.9 % within {:.6} to {:.6} MHz ({slow:.1} to {fast:.1} km/s)",
            place.line_freq_hz() * 1e-6,
            low * 1e-6,
            high * 1e-6
        ),
    );
    line("flux", format!("{flux:.4e} Jy km/s (rest frame)"));
    line("width", format!("W50 {}, W20 {}", width_words(w50), width_words(w20)));
    line(
        "lost",
        format!(
            "{:.4} % outside the image, {:.4} % outside the band",
            100.0 * p.mass_outside_field_fraction,
            100.0 * p.flux_lost_fraction_band
        ),
    );
    if p.absorbed_fraction > 0.0 {
        line("absorbed", format!("{:.4} % of the flux, by the gas itself", 100.0 * p.absorbed_fraction));
    }
    files.iter().for_each(|file| text.push_str(&format!("{}\n", file.display())));
    text
}

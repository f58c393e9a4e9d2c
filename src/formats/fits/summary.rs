use super::{FitsCube, read_cube};
use crate::error::Result;
use crate::units::{ARCSEC_RAD, C_KM_S, DEG_RAD, Dimension, format_quantity};
use std::fmt::Write;
use std::path::Path;

/// What a FITS image or cube holds, in lines for a person: axes, unit, centre, cell, band, beam, sum.
///
/// # Errors
/// Those of [`read_cube`].
pub fn header_summary(path: &Path) -> Result<String> {
    Ok(summary(&path.display().to_string(), &read_cube(path)?))
}

fn summary(name: &str, cube: &FitsCube) -> String {
    let (planes, ny, nx) = cube.data.dim();
    let angle = |value: f64| format_quantity(value, Dimension::Angle);
    let mut rows: Vec<(&str, String)> = vec![
        ("image", format!("{nx} x {ny} pixels, {planes} plane(s), Stokes {}", cube.stokes)),
        ("unit", if cube.unit.is_empty() { "not stated".into() } else { cube.unit.clone() }),
        (
            "centre",
            format!(
                "RA {:.6} deg, Dec {:.6} deg at pixel ({}, {})",
                cube.sky.centre.ra_rad / DEG_RAD,
                cube.sky.centre.dec_rad / DEG_RAD,
                cube.sky.reference_pixel[0],
                cube.sky.reference_pixel[1]
            ),
        ),
        (
            "cell",
            format!(
                "{} x {} ({:.6} arcsec)",
                angle(-cube.sky.step_x_rad),
                angle(cube.sky.step_y_rad),
                -cube.sky.step_x_rad / ARCSEC_RAD
            ),
        ),
        ("field", format!("{} x {}", angle(-cube.sky.step_x_rad * nx as f64), angle(cube.sky.step_y_rad * ny as f64))),
        ("band", band(cube)),
        ("beam", beam(cube)),
    ];
    let (mut low, mut high, mut sum) = (f32::INFINITY, f32::NEG_INFINITY, 0.0);
    for value in &cube.data {
        low = low.min(*value);
        high = high.max(*value);
        sum += f64::from(*value);
    }
    rows.push(("values", format!("{low:.6e} to {high:.6e}, mean {:.6e}", sum / cube.data.len() as f64)));
    rows.push(("sum", total(cube, sum)));
    let mut text = format!("{name}\n");
    for (label, value) in rows {
        // writing to a String cannot fail
        let _ = writeln!(text, "  {label:>7}: {value}");
    }
    text
}

fn band(cube: &FitsCube) -> String {
    let spectral = &cube.spectral;
    let (Some(first), Some(last)) = (spectral.freq_hz.first(), spectral.freq_hz.last()) else {
        return "no spectral axis".into();
    };
    let frame = if spectral.specsys.is_empty() { "frame not stated" } else { &spectral.specsys };
    let mut text = format!(
        "{:.6} to {:.6} MHz, {} channel(s) of {} ({frame})",
        first / 1e6,
        last / 1e6,
        spectral.freq_hz.len(),
        format_quantity(spectral.width_hz, Dimension::Frequency)
    );
    if spectral.rest_hz > 0.0 {
        let _ = write!(text, ", rest {:.6} MHz", spectral.rest_hz / 1e6);
    }
    text
}

fn beam(cube: &FitsCube) -> String {
    let words = |beam: &super::Beam| {
        format!(
            "{} x {} at {:.1} deg",
            format_quantity(beam.major_rad, Dimension::Angle),
            format_quantity(beam.minor_rad, Dimension::Angle),
            beam.angle_rad / DEG_RAD
        )
    };
    match cube.beams.as_slice() {
        [] => "none".into(),
        [one] => words(one),
        [first, .., last] => format!("one a plane, {} to {}", words(first), words(last)),
    }
}

/// The sum of the pixels, and for Jy/pixel what astronomers call the flux of the line.
fn total(cube: &FitsCube, sum: f64) -> String {
    let mut text = format!("{sum:.6e} {}", cube.unit);
    let per_pixel = ["jy/pixel", "jy pixel-1", "jy/pix"].contains(&cube.unit.to_ascii_lowercase().as_str());
    if per_pixel && cube.spectral.width_hz > 0.0 {
        let integral_hz = sum * cube.spectral.width_hz;
        let _ = write!(text, " = {integral_hz:.6e} Jy Hz");
        if cube.spectral.rest_hz > 0.0 {
            let _ = write!(text, " = {:.6e} Jy km/s (radio)", integral_hz * C_KM_S / cube.spectral.rest_hz);
        }
    }
    text
}

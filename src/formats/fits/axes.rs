//! What the axes of an image are: header cards to sky, spectral and Stokes axes.

use super::header::{Header, stokes_name};
use super::projection::Projection;
use super::{SkyAxes, SpectralAxis, SpectralForm, SpectralKind};
use crate::error::{Error, Result};
use crate::units::{ARCSEC_RAD, DEG_RAD, RaDec};

/// The axes of an image, by their place in the file.
#[derive(Debug)]
pub(super) struct Axes {
    /// Lengths, NAXIS1 first.
    pub(super) shape: Vec<usize>,
    /// 0-based axis of right ascension.
    pub(super) ra: usize,
    /// 0-based axis of declination.
    pub(super) dec: usize,
    /// 0-based spectral axis.
    pub(super) spectral: Option<usize>,
    pub(super) sky: SkyAxes,
    pub(super) spectrum: SpectralAxis,
    /// Stokes parameter to be used, and its index on the axis.
    pub(super) plane: (String, usize),
}

/// Interprets the axes of a primary header.
pub(super) fn interpret(header: &Header) -> Result<Axes> {
    let (axes, _) = of_kind(header, false)?;
    Ok(axes)
}

/// The same for celestial axes of any projection; those of `sky` stand for pixels alone.
pub(super) fn interpret_any(header: &Header) -> Result<(Axes, Projection)> {
    let (axes, [longitude, latitude]) = of_kind(header, true)?;
    Ok((axes, Projection::new(header, longitude, latitude)?))
}

fn of_kind(header: &Header, any: bool) -> Result<(Axes, [usize; 2])> {
    let shape = shape(header)?;
    let (mut ra, mut dec, mut spectral, mut stokes) = (None, None, None, None);
    for axis in 0..shape.len() {
        let key = format!("CTYPE{}", axis + 1);
        let kind = header.text(&key)?;
        let slot = match kind.as_str() {
            "RA---SIN" => &mut ra,
            "DEC--SIN" => &mut dec,
            _ if any && (kind.starts_with("RA--") || kind.starts_with("GLON")) => &mut ra,
            _ if any && (kind.starts_with("DEC-") || kind.starts_with("GLAT")) => &mut dec,
            "STOKES" => &mut stokes,
            _ if is_spectral(&kind) => &mut spectral,
            "" if shape[axis] == 1 => continue,
            _ => {
                let error = Error::input("an image axis of a kind that is not supported")
                    .found(if kind.is_empty() {
                        format!("no CTYPE for an axis of {} pixels", shape[axis])
                    } else {
                        format!("\"{kind}\"")
                    })
                    .expected("RA---SIN, DEC--SIN, and optionally FREQ (or VRAD, VOPT) and STOKES")
                    .place(header.place(&key));
                return Err(if kind.starts_with("RA--") || kind.starts_with("DEC-") || kind.starts_with("GL") {
                    error.hint("reproject the image to RA---SIN, DEC--SIN first, for example with reproject or SWarp")
                } else {
                    error
                });
            }
        };
        if slot.replace(axis).is_some() {
            return Err(Error::input("two axes of the same kind").found(kind).place(header.place(&key)));
        }
    }
    let (Some(ra), Some(dec)) = (ra, dec) else {
        return Err(Error::input("the image has no celestial axes")
            .expected("RA---SIN and DEC--SIN")
            .place(header.place("CTYPE1")));
    };
    let sky = match any {
        // steps that flip nothing
        true => SkyAxes {
            centre: RaDec { ra_rad: 0.0, dec_rad: 0.0 },
            step_x_rad: -1.0,
            step_y_rad: 1.0,
            reference_pixel: [0.0; 2],
        },
        false => sky_axes(header, ra, dec)?,
    };
    let axes = Axes {
        sky,
        spectrum: spectrum(header, spectral, &shape)?,
        plane: stokes_plane(header, stokes, &shape)?,
        shape,
        ra,
        dec,
        spectral,
    };
    Ok((axes, [ra, dec]))
}

fn is_spectral(kind: &str) -> bool {
    let first = kind.split('-').next().unwrap_or("");
    ["FREQ", "VRAD", "VOPT", "VELO", "FELO", "ZOPT", "WAVE", "AWAV", "BETA", "ENER", "WAVN"].contains(&first)
}

/// Lengths of the axes, NAXIS1 first.
pub(super) fn shape(header: &Header) -> Result<Vec<usize>> {
    let count = header.int("NAXIS")?.unwrap_or(0);
    if count == 0 {
        return Err(Error::input("the FITS file has no image in its primary HDU")
            .found("NAXIS = 0")
            .expected("an image of 2 to 4 axes")
            .place(header.place("NAXIS"))
            .hint("copy the image extension into a file of its own (a compressed one: funpack)"));
    }
    if !(2..=4).contains(&count) {
        return Err(Error::input("an image with a number of axes that is not supported")
            .found(count)
            .expected("2 to 4")
            .place(header.place("NAXIS")));
    }
    (1..=count)
        .map(|axis| {
            let key = format!("NAXIS{axis}");
            let length = header.int(&key)?.unwrap_or(0);
            usize::try_from(length).ok().filter(|n| *n > 0).ok_or_else(|| {
                Error::input("an image axis without pixels")
                    .found(length)
                    .expected("at least 1")
                    .place(header.place(&key))
            })
        })
        .collect()
}

/// Pixel step of `axis` from CDELT (with PC) or CD, refusing anything that mixes axes.
fn step(header: &Header, axis: usize) -> Result<f64> {
    let n = axis + 1;
    let count = header.int("NAXIS")?.unwrap_or(0) as usize;
    let has_cd = header
        .cards
        .iter()
        .any(|card| card.key.strip_prefix("CD").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
    let matrix = if has_cd { "CD" } else { "PC" };
    let diagonal_key = format!("{matrix}{n}_{n}");
    let diagonal = header.float_or(&diagonal_key, if has_cd { 0.0 } else { 1.0 })?;
    for other in (1..=count).filter(|other| *other != n) {
        for key in [format!("{matrix}{n}_{other}"), format!("{matrix}{other}_{n}")] {
            let value = header.float_or(&key, 0.0)?;
            if value.abs() > 1e-9 * diagonal.abs() {
                return Err(rotated(header, &key, value));
            }
        }
    }
    let rotation_key = format!("CROTA{n}");
    let rotation = header.float_or(&rotation_key, 0.0)?;
    if rotation.abs() > 1e-9 {
        return Err(rotated(header, &rotation_key, rotation));
    }
    let cdelt = header.float_or(&format!("CDELT{n}"), if has_cd { 0.0 } else { 1.0 })?;
    Ok(match (has_cd, diagonal != 0.0) {
        (true, true) => diagonal,
        // many programs write CD for the sky and CDELT for the other axes
        (true, false) => cdelt,
        (false, _) => diagonal * cdelt,
    })
}

fn rotated(header: &Header, key: &str, value: f64) -> Error {
    Error::input("the axes of the image are rotated or skewed")
        .found(format!("{key} = {value}"))
        .expected("north up, east left or right")
        .place(header.place(key))
        .hint("reproject the image without a rotation first")
}

/// 0-based reference pixel and value of `axis`.
fn reference(header: &Header, axis: usize) -> Result<(f64, f64)> {
    let n = axis + 1;
    Ok((header.float_or(&format!("CRPIX{n}"), 0.0)? - 1.0, header.float_or(&format!("CRVAL{n}"), 0.0)?))
}

fn sky_axes(header: &Header, ra: usize, dec: usize) -> Result<SkyAxes> {
    let in_rad = |axis: usize| -> Result<f64> {
        let key = format!("CUNIT{}", axis + 1);
        match header.text(&key)?.as_str() {
            "" | "deg" | "DEG" | "degree" | "degrees" => Ok(DEG_RAD),
            "rad" => Ok(1.0),
            "arcsec" => Ok(ARCSEC_RAD),
            "arcmin" => Ok(60.0 * ARCSEC_RAD),
            other => Err(Error::input("an angle in an unknown unit")
                .found(format!("\"{other}\""))
                .expected("deg, rad, arcmin or arcsec")
                .place(header.place(&key))),
        }
    };
    let (unit_x, unit_y) = (in_rad(ra)?, in_rad(dec)?);
    let ((x, ra_value), (y, dec_value)) = (reference(header, ra)?, reference(header, dec)?);
    let (step_x, step_y) = (step(header, ra)? * unit_x, step(header, dec)? * unit_y);
    for (axis, step) in [(ra, step_x), (dec, step_y)] {
        if step == 0.0 {
            let key = format!("CDELT{}", axis + 1);
            return Err(Error::input("the pixel size is 0").expected("a pixel size").place(header.place(&key)));
        }
    }
    let centre = RaDec { ra_rad: ra_value * unit_x, dec_rad: dec_value * unit_y };
    if centre.dec_rad.abs() > std::f64::consts::FRAC_PI_2 * (1.0 + 1e-12) {
        return Err(Error::input("a declination beyond the pole")
            .found(format!("{dec_value}"))
            .expected("-90 to 90 deg")
            .place(header.place(&format!("CRVAL{}", dec + 1))));
    }
    // Calabretta & Greisen 2002, section 2.2: the default of LONPOLE is 0 at the pole, 180 elsewhere
    let default_pole = if centre.dec_rad >= std::f64::consts::FRAC_PI_2 { 0.0 } else { 180.0 };
    let pole = header.float_or("LONPOLE", default_pole)?;
    if (pole.abs() - 180.0).abs() > 1e-9 {
        return Err(rotated(header, "LONPOLE", pole));
    }
    for m in 1..=2 {
        let key = format!("PV{}_{m}", dec + 1);
        let value = header.float_or(&key, 0.0)?;
        if value != 0.0 {
            return Err(Error::input("a slant orthographic projection (NCP) is not supported")
                .found(format!("{key} = {value}"))
                .expected("plain SIN")
                .place(header.place(&key)));
        }
    }
    Ok(SkyAxes { centre, step_x_rad: step_x, step_y_rad: step_y, reference_pixel: [x, y] })
}

fn spectrum(header: &Header, axis: Option<usize>, shape: &[usize]) -> Result<SpectralAxis> {
    let rest_hz = match header.float("RESTFRQ")? {
        Some(value) => value,
        None => header.float_or("RESTFREQ", 0.0)?,
    };
    let mut specsys = header.text("SPECSYS")?;
    let Some(axis) = axis else {
        let form = SpectralForm::default();
        return Ok(SpectralAxis { freq_hz: Vec::new(), width_hz: 0.0, rest_hz, specsys, form });
    };
    let (type_key, unit_key) = (format!("CTYPE{}", axis + 1), format!("CUNIT{}", axis + 1));
    let kind = header.text(&type_key)?;
    let unit = header.text(&unit_key)?;
    let (pixel, value) = reference(header, axis)?;
    // a single plane without a width is common; it stays without one
    let step = step(header, axis)?;
    let unknown_unit = |expected: &str| {
        Error::input("a spectral axis in an unknown unit")
            .found(format!("\"{unit}\""))
            .expected(expected)
            .place(header.place(&unit_key))
    };
    let planes = (0..shape[axis]).map(|plane| plane as f64 - pixel);
    let (name, frame) = kind.split_once('-').unwrap_or((&kind, ""));
    let (form, scale) = match name {
        "FREQ" => {
            let scale = match unit.as_str() {
                "" | "Hz" | "HZ" => 1.0,
                "kHz" | "KHZ" => 1e3,
                "MHz" | "MHZ" => 1e6,
                "GHz" | "GHZ" => 1e9,
                _ => return Err(unknown_unit("Hz, kHz, MHz or GHz")),
            };
            (SpectralKind::Frequency, scale)
        }
        // "VOPT-F2W" is equally spaced in frequency, not in velocity
        "VRAD" | "VOPT" if kind == name || name == "VRAD" => {
            let scale = match unit.as_str() {
                "" | "m/s" | "m s-1" | "M/S" => 1.0,
                "km/s" | "km s-1" | "KM/S" => 1e3,
                _ => return Err(unknown_unit("m/s or km/s")),
            };
            if rest_hz <= 0.0 {
                return Err(Error::input("a velocity axis without a rest frequency")
                    .expected("the card RESTFRQ, in Hz")
                    .place(header.place(&type_key)));
            }
            (if name == "VRAD" { SpectralKind::Radio } else { SpectralKind::Optical }, scale)
        }
        _ => {
            return Err(Error::input("a spectral axis that is not equally spaced in frequency is not supported")
                .found(format!("\"{kind}\""))
                .expected("FREQ, or VRAD or VOPT with RESTFRQ")
                .place(header.place(&type_key))
                .hint("convert the axis first, for example with spectral-cube"));
        }
    };
    let freq_hz: Vec<f64> = planes.map(|offset| form.freq_hz((value + offset * step) * scale, rest_hz)).collect();
    let width_hz = form.width_hz(&freq_hz, (step * scale).abs(), rest_hz);
    let form = SpectralForm { kind: form, reference_plane: pixel };
    if let Some(bad) = freq_hz.iter().find(|f| !(f.is_finite() && **f > 0.0)) {
        return Err(Error::input("a plane at an impossible frequency")
            .found(format!("{bad} Hz"))
            .expected("more than 0")
            .place(header.place(&format!("CRVAL{}", axis + 1))));
    }
    if freq_hz.len() > 1 && width_hz == 0.0 {
        return Err(Error::input("all planes have the same frequency")
            .found("a step of 0")
            .place(header.place(&format!("CDELT{}", axis + 1))));
    }
    if specsys.is_empty() {
        // the AIPS convention: the frame is the end of CTYPE
        specsys = match frame.trim_start_matches('-') {
            "LSR" => "LSRK".into(),
            "HEL" => "BARYCENT".into(),
            "TOP" => "TOPOCENT".into(),
            "GEO" => "GEOCENTR".into(),
            _ => String::new(),
        };
    }
    Ok(SpectralAxis { freq_hz, width_hz, rest_hz, specsys, form })
}

fn stokes_plane(header: &Header, axis: Option<usize>, shape: &[usize]) -> Result<(String, usize)> {
    let Some(axis) = axis else {
        return Ok(("I".into(), 0));
    };
    let (pixel, value) = reference(header, axis)?;
    let step = header.float_or(&format!("CDELT{}", axis + 1), 1.0)?;
    let names: Vec<Option<&str>> =
        (0..shape[axis]).map(|plane| stokes_name(value + (plane as f64 - pixel) * step)).collect();
    let place = header.place(&format!("CRVAL{}", axis + 1));
    if let [only] = names.as_slice() {
        let name = only.ok_or_else(|| Error::input("an unknown Stokes parameter").found(value).place(&place))?;
        return Ok((name.into(), 0));
    }
    match names.iter().position(|name| *name == Some("I")) {
        Some(plane) => Ok(("I".into(), plane)),
        None => Err(Error::input("an image of several Stokes planes, none of them I")
            .found(names.iter().map(|n| n.unwrap_or("?")).collect::<Vec<_>>().join(", "))
            .expected("one plane, or I among them")
            .place(place)),
    }
}

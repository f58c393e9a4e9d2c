use super::hdu::{header_bytes, write_data};
use super::record::is_long;
use super::{Beam, Card, CardValue, FitsCube, SpectralAxis, header};
use crate::error::{Error, Result};
use crate::units::{ARCSEC_RAD, DEG_RAD};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes `cube` to `path` (a staged path; replaced if it exists), 32-bit floats, 4 axes.
///
/// Equal cubes give bit-identical files. `cards` may hold RADESYS and EQUINOX (ICRS and 2000 otherwise) and
/// anything that the writer does not write itself; text outside printable ASCII becomes "?".
///
/// # Errors
/// Non-finite pixels (with their number), a spectral axis that is not equally spaced by its width, a wrong number
/// of frequencies or beams, an illegal card, and whatever the disk has to say, at close too.
pub fn write_cube(path: &Path, cube: &FitsCube) -> Result<()> {
    let cards = header_cards(cube)?;
    let pixels = || cube.data.iter().map(|value| value.to_bits());
    let header = header_bytes(&cards, pixels())?;
    let table = if cube.beams.len() > 1 { Some(beam_table(&cube.beams)?) } else { None };

    let failed = |e: std::io::Error| Error::io("write", path, e);
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    file.write_all(&header).map_err(failed)?;
    write_data(&mut file, pixels()).map_err(failed)?;
    if let Some((header, words)) = table {
        file.write_all(&header).map_err(failed)?;
        write_data(&mut file, words.into_iter()).map_err(failed)?;
    }
    file.flush().map_err(failed)
}

/// Every card of the primary header but the checksums.
fn header_cards(cube: &FitsCube) -> Result<Vec<Card>> {
    let (planes, ny, nx) = cube.data.dim();
    if planes * ny * nx == 0 {
        return Err(Error::input("a cube without pixels cannot be written")
            .found(format!("{nx} x {ny} pixels, {planes} planes"))
            .expected("at least one"));
    }
    let bad = cube.data.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        return Err(Error::input("an image to be written has pixels that are not finite numbers")
            .found(format!("{bad} of {}", cube.data.len()))
            .expected("none"));
    }
    if ![0, 1, planes].contains(&cube.beams.len()) {
        return Err(Error::input("wrong number of beams for a cube")
            .found(cube.beams.len())
            .expected(format!("0, 1 or {planes}, the number of planes")));
    }
    for card in &cube.cards {
        if header::is_ours(&card.key) {
            return Err(Error::input("a header card that the FITS writer writes itself was given as an extra card")
                .found(&card.key));
        }
    }
    let step_hz = spectral_step(&cube.spectral, planes)?;
    let stokes = header::stokes_value(&cube.stokes).ok_or_else(|| {
        Error::input("not a Stokes parameter")
            .found(&cube.stokes)
            .expected("I, Q, U, V, XX, YY, XY, YX, RR, LL, RL or LR")
    })?;

    let given = |key: &str| cube.cards.iter().any(|card| card.key == key);
    // 30 deg is kept in radians; what comes back shall read 30 and not 29.999999999999996
    let degrees = |rad: f64| {
        let short = (rad / DEG_RAD * 1e12).round() / 1e12;
        if (short * DEG_RAD - rad).abs() <= f64::EPSILON * rad.abs() { short } else { rad / DEG_RAD }
    };
    let dec_deg = degrees(cube.sky.centre.dec_rad);
    let ra_deg = degrees(cube.sky.centre.ra_rad).rem_euclid(360.0);
    let simple = Card { key: "SIMPLE".into(), value: CardValue::Bool(true), comment: "FITS standard 4.0".into() };
    let extend = Card { key: "EXTEND".into(), ..simple.clone() };
    let mut cards = vec![simple, Card::int("BITPIX", -32, "32-bit floating point"), Card::int("NAXIS", 4, "")];
    for (axis, length) in (1..).zip([nx, ny, planes, 1]) {
        cards.push(Card::int(&format!("NAXIS{axis}"), length as i64, ""));
    }
    cards.push(Card { comment: "there may be extensions".into(), ..extend });
    if !cube.unit.is_empty() {
        cards.push(Card::text("BUNIT", &cube.unit, "unit of the pixel values"));
    }
    let [x, y] = cube.sky.reference_pixel;
    let axes = [
        ("RA---SIN", x + 1.0, ra_deg, cube.sky.step_x_rad / DEG_RAD, "deg"),
        ("DEC--SIN", y + 1.0, dec_deg, cube.sky.step_y_rad / DEG_RAD, "deg"),
        ("FREQ", 1.0, cube.spectral.freq_hz[0], step_hz, "Hz"),
        ("STOKES", 1.0, stokes, 1.0, ""),
    ];
    for (axis, (kind, pixel, value, step, unit)) in (1..).zip(axes) {
        let key = |name: &str| format!("{name}{axis}");
        cards.push(Card::text(&key("CTYPE"), kind, ""));
        cards.push(Card::float(&key("CRPIX"), pixel, ""));
        cards.push(Card::float(&key("CRVAL"), value, ""));
        cards.push(Card::float(&key("CDELT"), step, ""));
        if !unit.is_empty() {
            cards.push(Card::text(&key("CUNIT"), unit, ""));
        }
    }
    // at declination 90 the default of LONPOLE turns the image by half a turn
    cards.push(Card::float("LONPOLE", 180.0, "north is up at the reference pixel"));
    cards.push(Card::float("LATPOLE", dec_deg, ""));
    if !given("RADESYS") {
        cards.push(Card::text("RADESYS", "ICRS", "celestial frame"));
    }
    if !given("EQUINOX") {
        cards.push(Card::float("EQUINOX", 2000.0, ""));
    }
    if cube.spectral.rest_hz > 0.0 {
        cards.push(Card::float("RESTFRQ", cube.spectral.rest_hz, "[Hz] rest frequency"));
    }
    if !cube.spectral.specsys.is_empty() {
        cards.push(Card::text("SPECSYS", &cube.spectral.specsys, "frame of the frequencies"));
    }
    match cube.beams.as_slice() {
        [] => {}
        [beam] => cards.extend([
            Card::float("BMAJ", beam.major_rad / DEG_RAD, "[deg] beam, full width at half maximum"),
            Card::float("BMIN", beam.minor_rad / DEG_RAD, "[deg]"),
            Card::float("BPA", beam.angle_rad / DEG_RAD, "[deg] from north through east"),
        ]),
        _ => cards.push(Card {
            key: "CASAMBM".into(),
            value: CardValue::Bool(true),
            comment: "one beam a plane: table BEAMS".into(),
        }),
    }
    if cube.cards.iter().any(is_long) {
        cards.push(Card::text("LONGSTRN", "OGIP 1.0", "long strings are continued"));
    }
    cards.extend(cube.cards.iter().cloned());
    Ok(cards)
}

/// CDELT3, Hz: signed step of the planes, which the header can only state if it is constant.
fn spectral_step(spectral: &SpectralAxis, planes: usize) -> Result<f64> {
    let freq = &spectral.freq_hz;
    if freq.len() != planes {
        return Err(Error::input("wrong number of frequencies for a cube").found(freq.len()).expected(planes));
    }
    if !(spectral.width_hz > 0.0 && spectral.width_hz.is_finite() && freq.iter().all(|f| f.is_finite())) {
        return Err(Error::input("a cube to be written has no usable spectral axis")
            .found(format!("channel width {} Hz", spectral.width_hz))
            .expected("finite frequencies and a positive width"));
    }
    if planes == 1 {
        return Ok(spectral.width_hz);
    }
    let step = (freq[planes - 1] - freq[0]) / (planes - 1) as f64;
    let worst = freq.iter().enumerate().map(|(i, f)| (freq[0] + i as f64 * step - f).abs()).fold(0.0, f64::max);
    if worst > 1e-3 * step.abs() || (step.abs() - spectral.width_hz).abs() > 1e-3 * spectral.width_hz {
        return Err(Error::input("the planes of a FITS cube must be equally spaced by the channel width")
            .found(format!("width {} Hz, mean step {step} Hz, up to {worst} Hz off", spectral.width_hz))
            .expected("|step| = width to 1e-3"));
    }
    Ok(step)
}

/// Header and data of the table of beams as CASA writes it: one row a channel, POL 0.
fn beam_table(beams: &[Beam]) -> Result<(Vec<u8>, Vec<u32>)> {
    let columns = [
        ("BMAJ", "1E", "arcsec"),
        ("BMIN", "1E", "arcsec"),
        ("BPA", "1E", "deg"),
        ("CHAN", "1J", ""),
        ("POL", "1J", ""),
    ];
    let mut cards = vec![
        Card::text("XTENSION", "BINTABLE", "binary table"),
        Card::int("BITPIX", 8, ""),
        Card::int("NAXIS", 2, ""),
        Card::int("NAXIS1", 4 * columns.len() as i64, "bytes a row"),
        Card::int("NAXIS2", beams.len() as i64, "rows"),
        Card::int("PCOUNT", 0, ""),
        Card::int("GCOUNT", 1, ""),
        Card::int("TFIELDS", columns.len() as i64, ""),
    ];
    for (number, (name, format, unit)) in (1..).zip(columns) {
        cards.push(Card::text(&format!("TTYPE{number}"), name, ""));
        cards.push(Card::text(&format!("TFORM{number}"), format, ""));
        if !unit.is_empty() {
            cards.push(Card::text(&format!("TUNIT{number}"), unit, ""));
        }
    }
    cards.extend([
        Card::text("EXTNAME", "BEAMS", ""),
        Card::int("NCHAN", beams.len() as i64, "number of channels"),
        Card::int("NPOL", 1, "number of polarisations"),
    ]);
    let words: Vec<u32> = (0..)
        .zip(beams)
        .flat_map(|(channel, beam)| {
            let real = |value: f64| (value as f32).to_bits();
            let [major, minor] = [beam.major_rad, beam.minor_rad].map(|size| real(size / ARCSEC_RAD));
            [major, minor, real(beam.angle_rad / DEG_RAD), channel, 0]
        })
        .collect();
    Ok((header_bytes(&cards, words.iter().copied())?, words))
}

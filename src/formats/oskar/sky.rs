use super::angle::{Bare, declination, right_ascension};
use super::columns::{Column, ColumnSpec, fields, parse_header, unquoted};
use super::number;
use crate::error::{Error, Result};
use crate::formats::text::read_text;
use crate::units::{ARCSEC_RAD, DEG_RAD, RaDec};
use std::path::Path;

/// One component of an OSKAR sky model.
#[derive(Debug, Clone, PartialEq)]
pub struct OskarSource {
    /// Direction; OSKAR takes it as apparent, of date.
    pub direction: RaDec,
    /// Stokes I, Q, U, V at the reference frequency, Jy.
    pub stokes_jy: [f64; 4],
    /// Reference frequency, Hz; None (absent or 0 in the file) means the same flux density at every
    /// frequency, whatever the spectral index.
    pub reference_freq_hz: Option<f64>,
    /// Coefficients a0, a1, ... of S = S0 x^(a0 + a1 log10 x + a2 (log10 x)^2 + ...) with
    /// x = nu / reference frequency, for all four Stokes parameters; empty means flat.
    pub spectral_index: Vec<f64>,
    /// Shape; None is a point.
    pub gaussian: Option<OskarGaussian>,
}

/// An elliptical Gaussian on the sky.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OskarGaussian {
    /// Full width at half maximum along the major axis, rad.
    pub major_fwhm_rad: f64,
    /// Full width at half maximum along the minor axis, rad.
    pub minor_fwhm_rad: f64,
    /// Position angle of the major axis from local north towards east, rad.
    pub position_angle_rad: f64,
}

/// Reads an OSKAR sky model: named columns, or the fixed format where there is no format line.
pub fn read_oskar_sky(path: &Path) -> Result<Vec<OskarSource>> {
    let text = read_text(path, "the sky model")?;
    parse_oskar_sky(&text, &path.display().to_string())
}

/// Parses the text of an OSKAR sky model; `origin` names it in errors.
///
/// A column, a vector of fluxes or a rotation measure that is not supported is an error; so is
/// every malformed line, with file and line.
pub fn parse_oskar_sky(text: &str, origin: &str) -> Result<Vec<OskarSource>> {
    let mut sources = Vec::new();
    let mut columns: Option<Vec<ColumnSpec>> = None;
    for (index, raw) in text.lines().enumerate() {
        let place = || format!("{origin}, line {}", index + 1);
        // the format line comes before the first source; after it, "format" is only a comment
        if columns.is_none() && sources.is_empty() {
            columns = parse_header(raw).map_err(|e| e.place(place()))?;
            if columns.is_some() {
                continue;
            }
        }
        let line = without_comment(raw).trim();
        if line.is_empty() {
            continue;
        }
        let source = match &columns {
            Some(columns) => named(line, columns),
            None => fixed(line),
        };
        sources.push(source.map_err(|e| e.place(place()))?);
    }
    if sources.is_empty() {
        return Err(Error::input("the sky model has no sources")
            .found("no line with a source")
            .expected("lines of right ascension, declination and flux density")
            .place(origin));
    }
    Ok(sources)
}

/// The line up to a # outside quotes.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (position, c) in line.char_indices() {
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == '#' => return &line[..position],
            None if matches!(c, '\'' | '"') => quote = Some(c),
            None => {}
        }
    }
    line
}

fn named(line: &str, columns: &[ColumnSpec]) -> Result<OskarSource> {
    let mut values = fields(line)?;
    // a comma after the last field makes one more, empty one
    while values.len() > columns.len() && values.last().is_some_and(String::is_empty) {
        values.pop();
    }
    if values.len() > columns.len() {
        return Err(Error::input("a source has more fields than the format line has columns")
            .found(format!("{} fields", values.len()))
            .expected(format!("{} or fewer", columns.len())));
    }
    let (mut ra_rad, mut dec_rad) = (None, None);
    let mut stokes_jy = [0.0; 4];
    let (mut reference_freq_hz, mut spectral_index) = (0.0, Vec::new());
    let (mut major, mut minor, mut angle_deg) = (0.0, 0.0, 0.0);
    for (i, spec) in columns.iter().enumerate() {
        let written = values.get(i).map(|v| unquoted(v.trim()).trim()).filter(|v| !v.is_empty());
        let Some(value) = written.or(spec.default.as_deref()) else { continue };
        let name = spec.name.as_str();
        match spec.column {
            Column::RaRadians => ra_rad = Some(right_ascension(value, Bare::Radians)?),
            Column::RaDegrees => ra_rad = Some(right_ascension(value, Bare::Degrees)?),
            Column::DecRadians => dec_rad = Some(declination(value, Bare::Radians)?),
            Column::DecDegrees => dec_rad = Some(declination(value, Bare::Degrees)?),
            Column::Stokes(p) => stokes_jy[p] = single(value, name)?,
            Column::ReferenceFrequency => reference_freq_hz = single(value, name)?,
            Column::SpectralIndex => spectral_index = vector(value, name)?,
            Column::LogarithmicSi => logarithmic(value)?,
            Column::MajorAxis => major = single(value, name)?,
            Column::MinorAxis => minor = single(value, name)?,
            Column::PositionAngle => angle_deg = single(value, name)?,
            Column::Type => kind(value)?,
            Column::Skipped => {}
        }
    }
    let (Some(ra_rad), Some(dec_rad)) = (ra_rad, dec_rad) else {
        return Err(Error::input("a source has no position").found(line));
    };
    finish(RaDec { ra_rad, dec_rad }, stokes_jy, reference_freq_hz, spectral_index, [major, minor, angle_deg])
}

/// The fixed format (OSKAR docs/sky_model/sky_model_fixed_format.rst): RA and Dec (deg), I, Q, U, V
/// (Jy), reference frequency (Hz), spectral index, rotation measure, major and minor axis (arcsec),
/// position angle (deg); 11 columns are the older form without rotation measure.
fn fixed(line: &str) -> Result<OskarSource> {
    let words: Vec<&str> = line.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
    if !matches!(words.len(), 3..=9 | 11 | 12) {
        return Err(Error::input("a source has the wrong number of columns")
            .found(format!("{} columns: {line}", words.len()))
            .expected("3 to 9, 11 or 12 columns, or a line \"Format = ...\" before the first source"));
    }
    let values: Result<Vec<f64>> = words.iter().map(|w| number(w, "a value")).collect();
    let mut values = values?;
    if values.len() == 11 {
        values.insert(8, 0.0);
    }
    values.resize(12, 0.0);
    if values[8] != 0.0 {
        return Err(Error::input("rotation measures are not supported yet").found(values[8]).expected("0"));
    }
    let direction = RaDec { ra_rad: values[0] * DEG_RAD, dec_rad: declination(words[1], Bare::Degrees)? };
    let stokes_jy = [values[2], values[3], values[4], values[5]];
    let index = if values[7] == 0.0 { Vec::new() } else { vec![values[7]] };
    finish(direction, stokes_jy, values[6], index, [values[9], values[10], values[11]])
}

/// `shape` is major axis (arcsec), minor axis (arcsec), position angle (deg).
fn finish(
    direction: RaDec,
    stokes_jy: [f64; 4],
    reference_freq_hz: f64,
    spectral_index: Vec<f64>,
    shape: [f64; 3],
) -> Result<OskarSource> {
    if reference_freq_hz < 0.0 {
        return Err(Error::input("the reference frequency is negative").found(reference_freq_hz));
    }
    let [major, minor, angle_deg] = shape;
    if major < 0.0 || minor < 0.0 {
        return Err(Error::input("an axis of a Gaussian is negative").found(format!("{major} and {minor} arcsec")));
    }
    // OSKAR: Gaussian sources have non-zero values in both axes
    let gaussian = (major > 0.0 && minor > 0.0).then_some(OskarGaussian {
        major_fwhm_rad: major * ARCSEC_RAD,
        minor_fwhm_rad: minor * ARCSEC_RAD,
        position_angle_rad: angle_deg * DEG_RAD,
    });
    let reference_freq_hz = (reference_freq_hz > 0.0).then_some(reference_freq_hz);
    Ok(OskarSource { direction, stokes_jy, reference_freq_hz, spectral_index, gaussian })
}

/// The numbers of `[a, b, ...]`, or the one number.
fn vector(value: &str, name: &str) -> Result<Vec<f64>> {
    let inner = value.strip_prefix(['[', '(']).and_then(|v| v.strip_suffix([']', ')']));
    let Some(inner) = inner else { return Ok(vec![number(value, name)?]) };
    inner.split([' ', '\t', ',']).filter(|w| !w.is_empty()).map(|w| number(w, name)).collect()
}

fn single(value: &str, name: &str) -> Result<f64> {
    match vector(value, name)?.as_slice() {
        [] => Ok(0.0),
        [value] => Ok(*value),
        _ => Err(Error::input(format!("several values of {name} for one source are not supported yet"))
            .found(value)
            .expected("one value")),
    }
}

fn logarithmic(value: &str) -> Result<()> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(()),
        "false" | "f" | "no" | "n" | "0" => {
            Err(Error::input("linear spectral indices are not supported yet").found("LogarithmicSI false"))
        }
        _ => Err(Error::input("LogarithmicSI is neither true nor false").found(value)),
    }
}

fn kind(value: &str) -> Result<()> {
    match value.to_ascii_lowercase().as_str() {
        "point" | "gaussian" => Ok(()),
        _ => Err(Error::input("the type of a source is not supported yet").found(value).expected("POINT or GAUSSIAN")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<OskarSource> {
        parse_oskar_sky(text, "sky.txt").unwrap()
    }

    #[test]
    fn reads_the_documented_example_with_defaults() {
        let text = "\
Format=Name,Type,Ra,Dec,I,ReferenceFrequency='100e6',SpectralIndex='-0.7',Q,U,V,Major,Minor,Orientation
# a comment

\"s1\", POINT,     20.0deg   -30.0deg   1,,, 0, 0, 0,    ,   ,
\"s 2\", GAUSSIAN,  20.0deg   -30.5deg   3,,, 2, 2, 0, 600, 50,  45   # a comment
s3 GAUSSIAN 20.5deg -30.5deg 3 150e6 [-0.5,0.1] 0 0 2 700 10 -10
";
        let sources = parse(text);
        assert_eq!(sources.len(), 3);
        assert_eq!(sources[0].stokes_jy, [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(sources[0].reference_freq_hz, Some(100e6));
        assert_eq!(sources[0].spectral_index, [-0.7]);
        assert_eq!(sources[0].gaussian, None);
        assert!((sources[0].direction.ra_rad - 20.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[1].stokes_jy, [3.0, 2.0, 2.0, 0.0]);
        let shape = sources[1].gaussian.unwrap();
        assert!((shape.major_fwhm_rad / (600.0 * ARCSEC_RAD) - 1.0).abs() < 1e-15);
        assert!((shape.position_angle_rad - 45.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[2].spectral_index, [-0.5, 0.1]);
        assert_eq!(sources[2].reference_freq_hz, Some(150e6));
        assert_eq!(sources[2].stokes_jy, [3.0, 0.0, 0.0, 2.0]);
    }

    #[test]
    fn reads_spread_out_columns_and_missing_trailing_fields() {
        let text = "\
#(RaD, DecD, I, ReferenceFrequency  , SpectralIndex     , LogarithmicSI) = format
0.00,  0.0,  1.0,                   ,                   ,
0.02,  0.2,  1.2,  102e6            , [-0.7, 0.05]      , true
0.03 0.3 1.3
";
        let sources = parse(text);
        assert_eq!(sources[0].reference_freq_hz, None);
        assert!(sources[0].spectral_index.is_empty());
        assert_eq!(sources[1].spectral_index, [-0.7, 0.05]);
        assert_eq!(sources[2].stokes_jy[0], 1.3);
    }

    #[test]
    fn reads_the_fixed_format() {
        let text = "\
# RA(deg), Dec(deg), I(Jy)
0.0 70.0 1.1 0.0 0.0 0.0 100e6 -0.7 0.0 200.0 150.0  23.0
0.0, 71.2, 2.3, 1.0, 0.0, 0.0, 100e6, -0.7, 90.0, 40.0, -10.0
0.1 69.8 1.0
";
        let sources = parse(text);
        assert_eq!(sources[0].spectral_index, [-0.7]);
        assert!((sources[0].gaussian.unwrap().minor_fwhm_rad / (150.0 * ARCSEC_RAD) - 1.0).abs() < 1e-15);
        // 11 columns: no rotation measure
        assert!((sources[1].gaussian.unwrap().position_angle_rad + 10.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[1].stokes_jy, [2.3, 1.0, 0.0, 0.0]);
        assert_eq!(sources[2].reference_freq_hz, None);
        assert_eq!(sources[2].gaussian, None);
    }

    #[test]
    fn broken_lines_are_errors_with_their_place() {
        let header = "Format = RaD, DecD, I, ReferenceFrequency, SpectralIndex, LogarithmicSI, Type, MajorAxis\n";
        for (row, words) in [
            ("1 2 x", "not a finite number"),
            ("1 2 nan", "not a finite number"),
            ("1 92 1", "beyond a pole"),
            (", 2, 1", "no position"),
            ("1 2 [1 2] [1e8 2e8]", "several values of I"),
            ("1 2 1 -1e8", "negative"),
            ("1 2 1 1e8 [-0.7 x]", "SpectralIndex is not a finite number"),
            ("1 2 1 1e8 -0.7 false", "linear spectral"),
            ("1 2 1 1e8 -0.7 true SHAPELET", "type of a source"),
            ("1 2 1 1e8 -0.7 true POINT -3", "axis of a Gaussian"),
            ("1 2 1 1e8 -0.7 true POINT 3 4", "more fields"),
            ("1 2 1 1e8 [-0.7", "not closed"),
        ] {
            let message = parse_oskar_sky(&format!("{header}{row}\n"), "sky.txt").unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("sky.txt, line 2"), "{row}: {message}");
        }
        for (text, words) in [
            ("1 2\n", "wrong number of columns"),
            ("1 2 3 4 5 6 7 8 9 10\n", "wrong number of columns"),
            ("1 2 3 0 0 0 1e8 0 5\n", "rotation measures"),
            ("# nothing\n", "no sources"),
            ("RaD DecD I\n1 2 3\n", "line 1"),
        ] {
            let message = parse_oskar_sky(text, "sky.txt").unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}

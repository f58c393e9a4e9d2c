use super::angle::{Bare, declination, right_ascension};
use super::columns::{Column, ColumnSpec, Fault, Field, fields, parse_header, unquoted};
use super::number;
use crate::error::{Error, Result};
use crate::formats::text::read_text;
use crate::units::{ARCSEC_RAD, C_M_S, DEG_RAD, RaDec};
use std::path::Path;

/// One component of an OSKAR sky model.
#[derive(Debug, Clone, PartialEq)]
pub struct OskarSource {
    /// Direction; OSKAR takes it as apparent, of date.
    pub direction: RaDec,
    /// Frequencies (Hz) and Stokes I, Q, U, V there (Jy): one, or several in ascending order. A frequency of 0 (or none in the
    /// file) means the same flux density everywhere, whatever the spectral index.
    pub flux: Vec<(f64, [f64; 4])>,
    /// What the fluxes are values of.
    pub spectrum: OskarSpectrum,
    /// Rotation measure (rad/m^2) and the wavelength (m) at which Q and U are stated.
    pub rotation_measure: Option<(f64, f64)>,
    /// Shape; None is a point.
    pub gaussian: Option<OskarGaussian>,
}

/// Flux over frequency, in the order in which OSKAR prefers one to the next.
#[derive(Debug, Clone, PartialEq)]
pub enum OskarSpectrum {
    /// Gaussian lines at the frequencies of the fluxes, with these standard deviations, Hz.
    Lines(Vec<f64>),
    /// The flux at the nearest frequency, of several.
    Nearest,
    /// S0 x^a0 exp(q (ln x)^2), x = nu / reference frequency (Callingham et al. 2017, eq. 2).
    Curved {
        /// a0.
        index: f64,
        /// q.
        curvature: f64,
    },
    /// S0 x^(a0 + a1 lg x + ...), for all four Stokes parameters; no terms: flat.
    Logarithmic(Vec<f64>),
    /// S0 + a0 (x - 1) + a1 (x - 1)^2 + ..., Jy.
    Linear(Vec<f64>),
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
/// An unknown column is an error, and so is every malformed line, with file, line and column.
pub fn parse_oskar_sky(text: &str, origin: &str) -> Result<Vec<OskarSource>> {
    let mut sources = Vec::new();
    let mut columns: Option<Vec<ColumnSpec>> = None;
    for (index, raw) in text.lines().enumerate() {
        let placed = |(error, column): Fault| error.place(format!("{origin}, line {}, column {column}", index + 1));
        // the format line comes before the first source; after it, "format" is only a comment
        if columns.is_none() && sources.is_empty() {
            columns = parse_header(raw).map_err(placed)?;
            if columns.is_some() {
                continue;
            }
        }
        let line = without_comment(raw);
        if line.trim().is_empty() {
            continue;
        }
        let source = match &columns {
            Some(columns) => named(line, columns),
            None => fixed(line).map(Some),
        };
        sources.extend(source.map_err(placed)?);
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

/// The source of a line; none where it describes a patch.
fn named(line: &str, columns: &[ColumnSpec]) -> Result<Option<OskarSource>, Fault> {
    let mut values = fields(line)?;
    let start = values.first().map_or(1, |field| field.column);
    // a comma after the last field makes one more, empty one
    while values.len() > columns.len() && values.last().is_some_and(|field| field.text.is_empty()) {
        values.pop();
    }
    if let Some(surplus) = values.get(columns.len()) {
        let error = Error::input("a source has more fields than the format line has columns")
            .found(format!("{} fields", values.len()))
            .expected(format!("{} or fewer", columns.len()));
        return Err((error, surplus.column));
    }
    let text_of = |field: &Field| unquoted(field.text.trim()).trim().to_string();
    let is_there = |wanted: Column| {
        columns.iter().zip(&values).any(|(spec, field)| spec.column == wanted && !text_of(field).is_empty())
    };
    if is_there(Column::Patch) && !is_there(Column::Stokes(0)) {
        return Ok(None);
    }
    let (mut ra_rad, mut dec_rad) = (None, None);
    let mut written = Written { logarithmic: true, ..Written::default() };
    for (i, spec) in columns.iter().enumerate() {
        let field = values.get(i);
        let value = field.map(text_of).filter(|text| !text.is_empty()).or_else(|| spec.default.clone());
        let Some(value) = value else { continue };
        let (value, name) = (value.as_str(), spec.name.as_str());
        let mut take = || -> Result<()> {
            match spec.column {
                Column::RaRadians => ra_rad = Some(right_ascension(value, Bare::Radians)?),
                Column::RaDegrees => ra_rad = Some(right_ascension(value, Bare::Degrees)?),
                Column::DecRadians => dec_rad = Some(declination(value, Bare::Radians)?),
                Column::DecDegrees => dec_rad = Some(declination(value, Bare::Degrees)?),
                Column::Stokes(p) => written.stokes_jy[p] = vector(value, name)?,
                Column::ReferenceFrequency => written.reference_hz = vector(value, name)?,
                Column::FrequencyIncrement => written.increment_hz = single(value, name)?,
                Column::SpectralIndex => written.index = vector(value, name)?,
                Column::LogarithmicSi => written.logarithmic = logarithmic(value)?,
                Column::SpectralCurvature => written.curvature = Some(single(value, name)?),
                Column::LineWidth => written.width_hz = vector(value, name)?,
                Column::RotationMeasure => written.rotation_measure = single(value, name)?,
                Column::ReferenceWavelength => written.reference_m = single(value, name)?,
                Column::PolarisationAngle => written.angle_deg = vector(value, name)?,
                Column::PolarisedFraction => written.fraction = vector(value, name)?,
                Column::MajorAxis(times) => written.shape[0] = f64::from(times) * single(value, name)?,
                Column::MinorAxis(times) => written.shape[1] = f64::from(times) * single(value, name)?,
                Column::PositionAngle => written.shape[2] = single(value, name)?,
                Column::Type => kind(value)?,
                Column::Patch | Column::Skipped => {}
            }
            Ok(())
        };
        take().map_err(|e| (e, field.map_or(start, |field| field.column)))?;
    }
    let (Some(ra_rad), Some(dec_rad)) = (ra_rad, dec_rad) else {
        return Err((Error::input("a source has no position").found(line.trim()), start));
    };
    let at = |part: Part| {
        let position = columns.iter().position(|spec| part.is(spec.column));
        position.and_then(|k| values.get(k)).map_or(start, |field| field.column)
    };
    written.source(RaDec { ra_rad, dec_rad }).map(Some).map_err(|(e, part)| (e, at(part)))
}

/// The fixed format (OSKAR docs/sky_model/sky_model_fixed_format.rst): RA and Dec (deg), I, Q, U, V
/// (Jy), reference frequency (Hz), spectral index, rotation measure, major and minor axis (arcsec),
/// position angle (deg); 11 columns are the older form without rotation measure.
fn fixed(line: &str) -> Result<OskarSource, Fault> {
    let is_separator = |c: char| matches!(c, ' ' | '\t' | ',' | '\r');
    let words: Vec<&str> = line.split(is_separator).filter(|w| !w.is_empty()).collect();
    let column = |word: &str| 1 + line[..word.as_ptr() as usize - line.as_ptr() as usize].chars().count();
    let start = words.first().map_or(1, |word| column(word));
    if !matches!(words.len(), 3..=9 | 11 | 12) {
        let error = Error::input("a source has the wrong number of columns")
            .found(format!("{} columns: {}", words.len(), line.trim()))
            .expected("3 to 9, 11 or 12 columns, or a line \"Format = ...\" before the first source");
        return Err((error, words.get(12).map_or(start, |word| column(word))));
    }
    let value = |w: &&str| number(w, "a value").map_err(|e| (e, column(w)));
    let mut values = words.iter().map(value).collect::<Result<Vec<f64>, Fault>>()?;
    if values.len() == 11 {
        values.insert(8, 0.0);
    }
    let older = usize::from(words.len() == 11);
    values.resize(12, 0.0);
    let dec_rad = declination(words[1], Bare::Degrees).map_err(|e| (e, column(words[1])))?;
    let direction = RaDec { ra_rad: values[0] * DEG_RAD, dec_rad };
    let written = Written {
        stokes_jy: [2, 3, 4, 5].map(|k| vec![values[k]]),
        reference_hz: vec![values[6]],
        index: if values[7] == 0.0 { Vec::new() } else { vec![values[7]] },
        logarithmic: true,
        rotation_measure: values[8],
        shape: [values[9], values[10], values[11]],
        ..Written::default()
    };
    written.source(direction).map_err(|(e, part)| {
        let word = match part {
            Part::Frequency => words.get(6),
            Part::Shape => words.get(9 - older),
            _ => None,
        };
        (e, word.map_or(start, |word| column(word)))
    })
}

/// The part of a source that an error is about.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    Stokes(usize),
    Fraction,
    Angle,
    Frequency,
    Width,
    Shape,
}

impl Part {
    /// Whether a column holds it.
    fn is(self, column: Column) -> bool {
        match self {
            Part::Stokes(p) => column == Column::Stokes(p),
            Part::Fraction => column == Column::PolarisedFraction,
            Part::Angle => column == Column::PolarisationAngle,
            Part::Frequency => column == Column::ReferenceFrequency,
            Part::Width => column == Column::LineWidth,
            Part::Shape => matches!(column, Column::MajorAxis(_)),
        }
    }
}

/// A source as its line has it; what is not there is empty, 0 or `None`.
#[derive(Default)]
struct Written {
    stokes_jy: [Vec<f64>; 4],
    reference_hz: Vec<f64>,
    increment_hz: f64,
    index: Vec<f64>,
    logarithmic: bool,
    curvature: Option<f64>,
    width_hz: Vec<f64>,
    rotation_measure: f64,
    reference_m: f64,
    angle_deg: Vec<f64>,
    fraction: Vec<f64>,
    /// Major axis (arcsec), minor axis (arcsec), position angle (deg).
    shape: [f64; 3],
}

impl Written {
    /// An error comes with the part of the source that it is about.
    fn source(self, direction: RaDec) -> Result<OskarSource, (Error, Part)> {
        let count = self.stokes_jy[0].len().max(1);
        let freq_hz = self.frequencies(count).map_err(|e| (e, Part::Frequency))?;
        let of = |values: &[f64], what: &str, part: Part, k: usize| match values {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            _ if values.len() == count => Ok(Some(values[k])),
            _ => {
                let error = Error::input(format!("a source has another number of values of {what} than of I"))
                    .found(format!("{} and {count}", values.len()))
                    .expected("one, or one a frequency");
                Err((error, part))
            }
        };
        let mut flux = Vec::with_capacity(count);
        for (k, freq_hz) in freq_hz.iter().enumerate() {
            let mut stokes = [0.0; 4];
            for (p, (values, name)) in self.stokes_jy.iter().zip(["I", "Q", "U", "V"]).enumerate() {
                stokes[p] = of(values, name, Part::Stokes(p), k)?.unwrap_or(0.0);
            }
            // the angle and fraction stand in for Q and U
            if self.stokes_jy[1].is_empty() && self.stokes_jy[2].is_empty() {
                let polarised = of(&self.fraction, "PolarizedFraction", Part::Fraction, k)?.unwrap_or(0.0) * stokes[0];
                let angle_deg = of(&self.angle_deg, "PolarizationAngle", Part::Angle, k)?.unwrap_or(0.0);
                let (sin, cos) = (2.0 * angle_deg * DEG_RAD).sin_cos();
                (stokes[1], stokes[2]) = (polarised * cos, polarised * sin);
            }
            flux.push((*freq_hz, stokes));
        }
        let spectrum = self.spectrum(count, freq_hz[0]).map_err(|e| (e, Part::Width))?;
        let reference_m = match (self.reference_m > 0.0, freq_hz[0] > 0.0) {
            (true, _) => Some(self.reference_m),
            (false, true) => Some(C_M_S / freq_hz[0]),
            // without either, the flux is the same everywhere, and so is its angle (OSKAR's documentation)
            (false, false) => None,
        };
        let rotation_measure = reference_m.map(|m| (self.rotation_measure, m)).filter(|(rm, _)| *rm != 0.0);
        let [major, minor, angle_deg] = self.shape;
        if major < 0.0 || minor < 0.0 {
            let error = Error::input("an axis of a Gaussian is negative").found(format!("{major} and {minor} arcsec"));
            return Err((error, Part::Shape));
        }
        // OSKAR: Gaussian sources have non-zero values in both axes
        let gaussian = (major > 0.0 && minor > 0.0).then_some(OskarGaussian {
            major_fwhm_rad: major * ARCSEC_RAD,
            minor_fwhm_rad: minor * ARCSEC_RAD,
            position_angle_rad: angle_deg * DEG_RAD,
        });
        Ok(OskarSource { direction, flux, spectrum, rotation_measure, gaussian })
    }

    /// The frequency of each flux.
    fn frequencies(&self, count: usize) -> Result<Vec<f64>> {
        let freq_hz = match (&self.reference_hz[..], count) {
            ([], 1) => vec![0.0],
            ([one], 1) => vec![*one],
            ([first], _) if self.increment_hz > 0.0 => {
                (0..count).map(|k| first + k as f64 * self.increment_hz).collect()
            }
            (all, _) if all.len() == count => all.to_vec(),
            (all, _) => {
                return Err(Error::input("a source has another number of fluxes than of reference frequencies")
                    .found(format!("{count} values of I, {} of ReferenceFrequency", all.len()))
                    .expected("one frequency a flux, or one frequency and a positive FrequencyIncrement"));
            }
        };
        if freq_hz.iter().any(|f| *f < 0.0) || (count > 1 && freq_hz[0] <= 0.0) {
            return Err(Error::input("a reference frequency is negative, or missing for several fluxes")
                .found(format!("{freq_hz:?} Hz"))
                .expected("positive frequencies"));
        }
        if self.width_hz.is_empty() && freq_hz.windows(2).any(|pair| pair[1] <= pair[0]) {
            return Err(
                Error::input("the reference frequencies of a source do not ascend").found(format!("{freq_hz:?} Hz"))
            );
        }
        Ok(freq_hz)
    }

    fn spectrum(&self, count: usize, reference_hz: f64) -> Result<OskarSpectrum> {
        // a line of no width is none
        let widths = self.width_hz.iter().any(|width| *width != 0.0);
        if widths {
            if self.width_hz.iter().any(|width| *width <= 0.0) || reference_hz <= 0.0 {
                return Err(Error::input("a spectral line needs a positive width and a reference frequency")
                    .found(format!("LineWidth {:?} Hz at {reference_hz} Hz", self.width_hz)));
            }
            return match &self.width_hz[..] {
                [one] => Ok(OskarSpectrum::Lines(vec![*one; count])),
                all if all.len() == count => Ok(OskarSpectrum::Lines(all.to_vec())),
                all => Err(Error::input("a source has another number of line widths than of fluxes")
                    .found(format!("{} and {count}", all.len()))
                    .expected("one width, or one a flux")),
            };
        }
        if count > 1 {
            return Ok(OskarSpectrum::Nearest);
        }
        match self.curvature {
            Some(curvature) if curvature != 0.0 => {
                let index = self.index.first().copied().unwrap_or(0.0);
                Ok(OskarSpectrum::Curved { index, curvature })
            }
            _ if self.logarithmic => Ok(OskarSpectrum::Logarithmic(self.index.clone())),
            _ => Ok(OskarSpectrum::Linear(self.index.clone())),
        }
    }
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
        _ => Err(Error::input(format!("a source has several values of {name}")).found(value).expected("one value")),
    }
}

fn logarithmic(value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "0" => Ok(false),
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
        assert_eq!(sources[0].flux, [(100e6, [1.0, 0.0, 0.0, 0.0])]);
        assert_eq!(sources[0].spectrum, OskarSpectrum::Logarithmic(vec![-0.7]));
        assert_eq!(sources[0].gaussian, None);
        assert!((sources[0].direction.ra_rad - 20.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[1].flux[0].1, [3.0, 2.0, 2.0, 0.0]);
        let shape = sources[1].gaussian.unwrap();
        assert!((shape.major_fwhm_rad / (600.0 * ARCSEC_RAD) - 1.0).abs() < 1e-15);
        assert!((shape.position_angle_rad - 45.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[2].spectrum, OskarSpectrum::Logarithmic(vec![-0.5, 0.1]));
        assert_eq!(sources[2].flux, [(150e6, [3.0, 0.0, 0.0, 2.0])]);
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
        assert_eq!(sources[0].flux[0].0, 0.0);
        assert_eq!(sources[0].spectrum, OskarSpectrum::Logarithmic(Vec::new()));
        assert_eq!(sources[1].spectrum, OskarSpectrum::Logarithmic(vec![-0.7, 0.05]));
        assert_eq!(sources[2].flux[0].1[0], 1.3);
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
        assert_eq!(sources[0].spectrum, OskarSpectrum::Logarithmic(vec![-0.7]));
        assert!((sources[0].gaussian.unwrap().minor_fwhm_rad / (150.0 * ARCSEC_RAD) - 1.0).abs() < 1e-15);
        // 11 columns: no rotation measure
        assert!((sources[1].gaussian.unwrap().position_angle_rad + 10.0 * DEG_RAD).abs() < 1e-15);
        assert_eq!(sources[1].flux[0].1, [2.3, 1.0, 0.0, 0.0]);
        assert_eq!(sources[2].flux[0].0, 0.0);
        assert_eq!(sources[2].gaussian, None);
    }

    /// Lists of WSClean and of LOFAR's makesourcedb, whose patches have lines of their own.
    #[test]
    fn reads_lists_of_wsclean_and_makesourcedb() {
        let wsclean = "Format = Name, Type, Ra, Dec, I, SpectralIndex, LogarithmicSI, ReferenceFrequency='125584411.62', MajorAxis, \
                       MinorAxis, Orientation\n\
                       s0c0,POINT,08:28:05.152,39.35.08.511,0.00075,[-0.0069,-0.085],false,125584411.62,,,\n\
                       s1c1,GAUSSIAN,08:31:10.37,-41.47.17.131,0.00066,[0.004],true,,83.6,83.6,0\n";
        let sources = parse(wsclean);
        assert_eq!(sources[0].spectrum, OskarSpectrum::Linear(vec![-0.0069, -0.085]));
        let hours = 8.0 + 28.0 / 60.0 + 5.152 / 3600.0;
        assert!((sources[0].direction.ra_rad - hours * 15.0 * DEG_RAD).abs() < 1e-12);
        let degrees = -(41.0 + 47.0 / 60.0 + 17.131 / 3600.0);
        assert!((sources[1].direction.dec_rad - degrees * DEG_RAD).abs() < 1e-12);
        assert_eq!(sources[1].flux[0].0, 125_584_411.62);
        let makesourcedb = "# (Name, Type, Patch, Ra, Dec, I, Q, U, V, ReferenceFrequency='74e6', SpectralIndex='[]', MajorAxis, \
                            MinorAxis, Orientation) = format\n\n, , CasA, 23:23:28, +58.48.42\n\
                            CasA_0, GAUSSIAN, CasA, 23:23:36.066, +58.48.26.841, 2152, 0, 0, 0, 7.4e7, [-0.8], 131.6, 66.9, 7\n";
        let sources = parse(makesourcedb);
        assert_eq!((sources.len(), sources[0].flux[0]), (1, (7.4e7, [2152.0, 0.0, 0.0, 0.0])));
    }

    #[test]
    fn reads_lines_tables_curves_and_polarisation() {
        let header = "Format = RaD, DecD, I, Q, ReferenceFrequency, FrequencyIncrement, LineWidth, SpectralIndex, \
                      SpectralCurvature, LogarithmicSI, RotationMeasure, ReferenceWavelength, PolarizationAngle, pol_frac, \
                      SemiMajorAxis, SemiMinorAxis\n";
        let sources = parse(&format!(
            "{header}\
             1 2 [1 2] 0 [1e8 1.2e8],, [1e6 2e6]\n\
             1 2 [1 2 3] [0 1 0] 1e8 1e7\n\
             1 2 1,, 1e8,,, [-0.7 3] 0.2\n\
             1 2 1,, 1e8,,, [0.5 0.1],, false\n\
             1 2 2,, 1e8,,,,,, 7,, 30 0.5 3 2\n\
             1 2 2 1 0,,,,,, 7 0.5\n"
        ));
        assert_eq!(sources[0].spectrum, OskarSpectrum::Lines(vec![1e6, 2e6]));
        assert_eq!(sources[0].flux, [(1e8, [1.0, 0.0, 0.0, 0.0]), (1.2e8, [2.0, 0.0, 0.0, 0.0])]);
        assert_eq!(sources[1].spectrum, OskarSpectrum::Nearest);
        assert_eq!(sources[1].flux[1], (1.1e8, [2.0, 1.0, 0.0, 0.0]));
        assert_eq!(sources[2].spectrum, OskarSpectrum::Curved { index: -0.7, curvature: 0.2 });
        assert_eq!(sources[3].spectrum, OskarSpectrum::Linear(vec![0.5, 0.1]));
        // half of 2 Jy at 30 degrees
        let stokes = sources[4].flux[0].1;
        assert!((stokes[1] - 0.5).abs() < 1e-15 && (stokes[2] - 0.75f64.sqrt()).abs() < 1e-15);
        assert_eq!(sources[4].rotation_measure, Some((7.0, C_M_S / 1e8)));
        assert!((sources[4].gaussian.unwrap().major_fwhm_rad / (6.0 * ARCSEC_RAD) - 1.0).abs() < 1e-15);
        assert_eq!(sources[5].rotation_measure, Some((7.0, 0.5)));
        // the fixed format has one, too
        assert_eq!(parse("1 2 3 1 0 0 1e8 0 5\n")[0].rotation_measure, Some((5.0, C_M_S / 1e8)));
        // and without a reference frequency there is nothing that it could turn from
        assert_eq!(parse("1 2 3 1 0 0 0 0 5\n")[0].rotation_measure, None);
    }

    #[test]
    fn broken_lines_are_errors_with_their_place() {
        let header = "Format = RaD, DecD, I, ReferenceFrequency, SpectralIndex, LogarithmicSI, Type, MajorAxis\n";
        for (row, words, column) in [
            ("1 2 x", "not a finite number", 5),
            ("  1 2,  nan", "not a finite number", 9),
            ("1 92 1", "beyond a pole", 3),
            (", 2, 1", "no position", 1),
            ("1 2 [1 2] [1e8 2e8 3e8]", "2 values of I, 3 of ReferenceFrequency", 11),
            ("1 2 [1 2] [2e8 1e8]", "do not ascend", 11),
            ("1 2 [1 2]", "2 values of I, 0 of", 1),
            ("1 2 1 -1e8", "negative", 7),
            ("1 2 1 1e8 [-0.7 x]", "SpectralIndex is not a finite number", 11),
            ("1 2 1 1e8 -0.7 perhaps", "neither true nor false", 16),
            ("1 2 1 1e8 -0.7 true SHAPELET", "type of a source", 21),
            ("1 2 1 1e8 -0.7 true POINT -3", "axis of a Gaussian", 27),
            ("1 2 1 1e8 -0.7 true POINT 3 4", "more fields", 29),
            ("1 2 1 1e8 [-0.7", "not closed", 11),
            ("1 2 1 1e8 ]", "not opened", 11),
        ] {
            let message = parse_oskar_sky(&format!("{header}{row}\n"), "sky.txt").unwrap_err().to_string();
            let place = format!("sky.txt, line 2, column {column}");
            assert!(
                message.contains(words) && message.ends_with(&place) || message.contains(&format!("{place}\n")),
                "{row}: {message}"
            );
        }
        for (text, words) in [
            ("1 2\n", "wrong number of columns"),
            ("1 2 3 4 5 6 7 8 9 10\n", "wrong number of columns"),
            ("# nothing\n", "no sources"),
            ("RaD DecD I\n1 2 3\n", "line 1, column 1"),
            ("1 2 3\n1 2 3 0 0 0 -1\n", "line 2, column 13"),
            ("1 2 3 0 0 0 1 0 -1 1 1\n", "line 1, column 17"),
            ("1 2 3\n 1, 95, 3\n", "line 2, column 5"),
            ("1 2 3\n 1, 5, 3e\n", "line 2, column 8"),
        ] {
            let message = parse_oskar_sky(text, "sky.txt").unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}

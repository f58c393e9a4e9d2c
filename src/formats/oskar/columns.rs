use crate::error::{Error, Result};

/// What a column of a sky model holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    RaRadians,
    RaDegrees,
    DecRadians,
    DecDegrees,
    /// I, Q, U, V are 0 to 3.
    Stokes(usize),
    ReferenceFrequency,
    SpectralIndex,
    LogarithmicSi,
    SpectralCurvature,
    FrequencyIncrement,
    LineWidth,
    RotationMeasure,
    ReferenceWavelength,
    PolarisationAngle,
    PolarisedFraction,
    /// Times what is written to give the axis: 2 for a semi-axis.
    MajorAxis(u8),
    MinorAxis(u8),
    PositionAngle,
    /// The kind of the source, POINT or GAUSSIAN: checked, not needed.
    Type,
    /// The patch of makesourcedb that a source belongs to; a line with one and without a flux describes the patch itself.
    Patch,
    /// A name, an unnamed column.
    Skipped,
}

/// A column and the value of fields left empty.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSpec {
    pub column: Column,
    /// As the header spells it.
    pub name: String,
    pub default: Option<String>,
}

/// A field of a line.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Field {
    /// Its text, quotes kept.
    pub text: String,
    /// Its first letter in the line, from 1.
    pub column: usize,
}

/// An error and the column of the line at which it is.
pub type Fault = (Error, usize);

/// The columns that a line announces, or None where it is no header.
///
/// A header has "format" and "=" at its start or end, a leading # and brackets allowed:
/// `Format = RaD, DecD, I`, `# (RA Dec I) = format` (OSKAR docs/sky_model/sky_model.rst).
pub fn parse_header(line: &str) -> Result<Option<Vec<ColumnSpec>>, Fault> {
    let bare = line.trim().trim_start_matches('#').trim();
    let lower = bare.to_ascii_lowercase();
    // lower case of ASCII keeps the byte positions
    let columns = if let Some(after) = lower.strip_prefix("format") {
        after.trim_start().starts_with('=').then(|| bare[6..].trim_start()[1..].trim())
    } else if let Some(before) = lower.strip_suffix("format") {
        let before = before.trim_end();
        before.ends_with('=').then(|| bare[..before.len() - 1].trim())
    } else {
        None
    };
    let Some(columns) = columns else { return Ok(None) };
    // both or neither: a bracket at the end alone belongs to a default value
    let inner = columns.strip_prefix(['(', '[']).and_then(|c| c.strip_suffix([')', ']']));
    let columns = inner.unwrap_or(columns);
    let start = columns.as_ptr() as usize - line.as_ptr() as usize;
    let fields = fields_from(line, start, start + columns.len())?;
    let spec = |f: &Field| spec(&f.text).map_err(|e| (e, f.column));
    let specs: Vec<ColumnSpec> = fields.iter().map(spec).collect::<Result<_, Fault>>()?;
    check(&specs).map_err(|(e, k)| (e, fields.get(k).map_or(1, |f| f.column)))?;
    Ok(Some(specs))
}

/// An error comes with the number of the column that it is about.
fn check(specs: &[ColumnSpec]) -> Result<(), (Error, usize)> {
    use Column::*;
    for (i, spec) in specs.iter().enumerate() {
        let same = |other: &ColumnSpec| match (spec.column, other.column) {
            (Skipped, _) => false,
            (RaRadians | RaDegrees, RaRadians | RaDegrees) => true,
            (DecRadians | DecDegrees, DecRadians | DecDegrees) => true,
            (MajorAxis(_), MajorAxis(_)) | (MinorAxis(_), MinorAxis(_)) => true,
            (a, b) => a == b,
        };
        if let Some(other) = specs[..i].iter().find(|o| same(o)) {
            let error = Error::input("two columns mean the same").found(format!("{} and {}", other.name, spec.name));
            return Err((error, i));
        }
    }
    let has = |wanted: &[Column]| specs.iter().any(|s| wanted.contains(&s.column));
    for (wanted, name) in
        [(&[RaRadians, RaDegrees][..], "RaD"), (&[DecRadians, DecDegrees][..], "DecD"), (&[Stokes(0)][..], "I")]
    {
        if !has(wanted) {
            let error = Error::input(format!("the format line has no column {name}"))
                .expected("at least RaD (or Ra), DecD (or Dec) and I");
            return Err((error, 0));
        }
    }
    Ok(())
}

fn spec(field: &str) -> Result<ColumnSpec> {
    let (name, default) = match field.split_once('=') {
        Some((name, value)) => (name.trim(), Some(unquoted(value.trim()).trim().to_string())),
        None => (field.trim(), None),
    };
    let column = column(name).ok_or_else(|| {
        Error::input(format!("column {name} of the sky model is not known")).found(name).expected(
            "Ra, Dec, RaD, DecD, I, Q, U, V, ReferenceFrequency, FrequencyIncrement, SpectralIndex, LogarithmicSI, \
             SpectralCurvature, LineWidth, RotationMeasure, ReferenceWavelength, PolarizationAngle, PolarizedFraction, \
             MajorAxis, MinorAxis, SemiMajorAxis, SemiMinorAxis, PositionAngle (Name, Type and Patch are skipped)",
        )
    })?;
    Ok(ColumnSpec { column, name: name.to_string(), default: default.filter(|d| !d.is_empty()) })
}

/// The column of a name; the other spellings are those of OSKAR's documentation.
fn column(name: &str) -> Option<Column> {
    let lower = name.to_ascii_lowercase();
    let exact = match lower.as_str() {
        "ra" => Some(Column::RaRadians),
        "dec" => Some(Column::DecRadians),
        "rad" | "ra_deg" => Some(Column::RaDegrees),
        "decd" | "dec_deg" => Some(Column::DecDegrees),
        "spectralindex" | "spectral_index" | "spec_idx" => Some(Column::SpectralIndex),
        "logarithmicsi" | "log_spec_idx" => Some(Column::LogarithmicSi),
        "orientation" | "positionangle" | "pa" => Some(Column::PositionAngle),
        "type" => Some(Column::Type),
        "" | "name" => Some(Column::Skipped),
        "patch" => Some(Column::Patch),
        _ => None,
    };
    if exact.is_some() {
        return exact;
    }
    for (index, letter) in ["i", "q", "u", "v"].into_iter().enumerate() {
        let stokes = format!("stokes{letter}");
        let underscored = [format!("{letter}_"), format!("stokes_{letter}")];
        if lower == letter || lower == stokes || underscored.iter().any(|p| lower.starts_with(p.as_str())) {
            return Some(Column::Stokes(index));
        }
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| lower.starts_with(p));
    // a number at the end of such a name is a frequency in MHz: several columns of one source
    if starts(&["int_flux", "fint"]) && !lower.ends_with(|c: char| c.is_ascii_digit()) {
        return Some(Column::Stokes(0));
    }
    if starts(&["referencefreq", "reference_freq", "reffreq", "ref_freq"]) {
        return Some(Column::ReferenceFrequency);
    }
    let table: [(&[&str], Column); 14] = [
        (&["frequencyinc", "frequency_inc", "freqinc", "freq_inc"], Column::FrequencyIncrement),
        (&["alpha"], Column::SpectralIndex),
        (&["spectralcurv", "spectral_curv", "spec_curv"], Column::SpectralCurvature),
        (&["linewidth", "line_width"], Column::LineWidth),
        (&["rotationmeasure", "rot_meas", "rm"], Column::RotationMeasure),
        (&["referencewave", "reference_wave", "ref_wave"], Column::ReferenceWavelength),
        (&["polarizationangle", "polarisationangle", "pol_ang"], Column::PolarisationAngle),
        // both spellings of documents and of programs
        (
            &["polarizedfraction", "polarisedfraction", "polarizationfraction", "polarisationfraction", "pol_frac"],
            Column::PolarisedFraction,
        ),
        (&["semimajoraxis", "semi_maj"], Column::MajorAxis(2)),
        (&["semiminoraxis", "semi_min"], Column::MinorAxis(2)),
        (&["maj"], Column::MajorAxis(1)),
        (&["min"], Column::MinorAxis(1)),
        (&["pos_ang"], Column::PositionAngle),
        (&["pa_"], Column::PositionAngle),
    ];
    table.into_iter().find(|(prefixes, _)| starts(prefixes)).map(|(_, column)| column)
}

/// The fields of a line: separated by one comma, or by blanks, or both; blanks and commas inside quotes and brackets do not
/// separate; two commas enclose an empty field.
pub fn fields(line: &str) -> Result<Vec<Field>, Fault> {
    fields_from(line, 0, line.len())
}

/// The fields of the bytes `start` to `end` of a line.
fn fields_from(line: &str, start: usize, end: usize) -> Result<Vec<Field>, Fault> {
    let (text, first) = (&line[start..end], 1 + line[..start].chars().count());
    let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
    let mut fields = vec![Field { text: String::new(), column: first + blanks }];
    // quote and brackets that are open, and where the last one of them is
    let (mut quote, mut depth, mut opened) = (None, 0usize, first);
    // blanks were met after a field: the next word starts a new one unless a comma or '=' comes
    let mut pending = false;
    for (c, column) in text.trim_end().chars().zip(first..).skip(blanks) {
        let current = fields.len() - 1;
        if let Some(q) = quote {
            fields[current].text.push(c);
            if c == q {
                quote = None;
            }
            continue;
        }
        if depth == 0 && c == ',' {
            fields.push(Field { text: String::new(), column: column + 1 });
            pending = false;
            continue;
        }
        if depth == 0 && c.is_whitespace() {
            pending = !fields[current].text.is_empty() && !fields[current].text.ends_with('=');
            continue;
        }
        if pending && c != '=' {
            fields.push(Field::default());
        }
        pending = false;
        match c {
            '\'' | '"' => (quote, opened) = (Some(c), column),
            '[' | '(' => (depth, opened) = (depth + 1, column),
            ']' | ')' => {
                depth = depth
                    .checked_sub(1)
                    .ok_or_else(|| (Error::input("a bracket closes that was not opened").found(text.trim()), column))?;
            }
            _ => {}
        }
        if let Some(field) = fields.last_mut() {
            if field.text.is_empty() {
                field.column = column;
            }
            field.text.push(c);
        }
    }
    if quote.is_some() || depth > 0 {
        return Err((Error::input("a quote or bracket is not closed").found(text.trim()), opened));
    }
    Ok(fields)
}

/// The text without one pair of quotes around it.
pub fn unquoted(text: &str) -> &str {
    for q in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(q).and_then(|t| t.strip_suffix(q)) {
            return inner;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(line: &str) -> Vec<Column> {
        parse_header(line).unwrap().unwrap().into_iter().map(|s| s.column).collect()
    }

    #[test]
    fn every_documented_form_of_the_header_is_read() {
        use Column::*;
        let three = vec![RaRadians, DecRadians, Stokes(0)];
        for line in ["Format = RA, Dec, I", "# format = RA Dec I", "#(RA,Dec,I) = format", "format=[Ra Dec StokesI]"] {
            assert_eq!(columns(line), three, "{line}");
        }
        assert_eq!(columns("Format= (RaD, DecD, I, Q, U, V)").len(), 6);
        assert!(parse_header("# the format of this file").unwrap().is_none());
        assert!(parse_header("1 2 3").unwrap().is_none());
    }

    #[test]
    fn defaults_stand_in_quotes() {
        let line = "Format = Name, Type, Ra, Dec, I, SpectralIndex='[-0.7, 0.1]', LogarithmicSI, \
                    ReferenceFrequency = '143e6' MajorAxis,MinorAxis, Orientation='0'";
        let specs = parse_header(line).unwrap().unwrap();
        assert_eq!(specs.len(), 11);
        assert_eq!(specs[5].default.as_deref(), Some("[-0.7, 0.1]"));
        assert_eq!(specs[7].column, Column::ReferenceFrequency);
        assert_eq!(specs[7].default.as_deref(), Some("143e6"));
        assert_eq!(specs[10].default.as_deref(), Some("0"));
        let empty = parse_header("Format = Ra, Dec, I, SpectralIndex=[]").unwrap().unwrap();
        assert_eq!(empty[3].default.as_deref(), Some("[]"));
    }

    #[test]
    fn bad_headers_name_the_column() {
        for (line, words) in [
            ("Format = RaD, DecD, I, Luminosity", "column Luminosity of the sky model is not known"),
            ("Format = RaD, DecD, I, MajorAxis, SemiMajorAxis", "MajorAxis and SemiMajorAxis"),
            ("Format = RaD, DecD, Fint084, Fint092", "Fint084"),
            ("Format = RaD, DecD", "no column I"),
            ("Format = RaD, Ra, DecD, I", "mean the same"),
            ("Format = RaD, DecD, I, ReferenceFrequency='1e6", "not closed"),
        ] {
            let message = parse_header(line).unwrap_err().0.to_string();
            assert!(message.contains(words), "{line}: {message}");
        }
    }

    #[test]
    fn fields_split_at_commas_and_blanks() {
        let split = |line: &str| fields(line).unwrap().into_iter().map(|f| f.text).collect::<Vec<_>>();
        assert_eq!(split("1 2,3 , 4"), ["1", "2", "3", "4"]);
        assert_eq!(split("1,,, 0,   ,"), ["1", "", "", "0", "", ""]);
        assert_eq!(split("'a b, c' [1, 2] x"), ["'a b, c'", "[1, 2]", "x"]);
        let at = |line: &str| fields(line).unwrap().iter().map(|f| f.column).collect::<Vec<_>>();
        assert_eq!(at("  1 2,3 , 4"), [3, 5, 7, 11]);
        assert_eq!(at("é,,'a b'"), [1, 3, 4]);
        let column_of = |line: &str| fields(line).unwrap_err().1;
        assert_eq!([column_of("1 ]"), column_of("[1 2"), column_of(" 1 'a")], [3, 1, 4]);
        assert_eq!(parse_header("# Format = RaD, DecD, I, Wobble").unwrap_err().1, 26);
        assert_eq!(parse_header("Format = RaD, Ra, DecD, I").unwrap_err().1, 15);
    }
}

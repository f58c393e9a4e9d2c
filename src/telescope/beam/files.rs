//! Tables of beams from FITS files.

use super::table::{BeamTable, Grid, Interpolation, Quantity};
use crate::error::{Error, Result};
use crate::formats::fits::{FitsBeam, read_beam};
use rustfft::num_complex::Complex64;
use std::path::Path;

/// Feeds and components in the order of a matrix by rows.
const CORRELATIONS: [&str; 4] = ["xx", "xy", "yx", "yy"];
/// What stands for real and imaginary parts.
const PARTS: [&str; 2] = ["re", "im"];

impl BeamTable {
    /// Reads the table of one file, or of those that a pattern names (MeqTrees and DDFacet): `$(reim)` stands for re and im, `$(corr)` or
    /// `$(xy)` for xx, xy, yx and yy; in capitals for capitals.
    ///
    /// # Errors
    /// Those of [`read_beam`]; files of different axes; powers of more than one real number a pixel; those of [`BeamTable::check`].
    pub fn read(pattern: &str, quantity: Quantity, interpolation: Interpolation) -> Result<BeamTable> {
        let names = names(pattern)?;
        let mut beams: Vec<(String, FitsBeam)> = Vec::new();
        for name in &names {
            let beam = read_beam(Path::new(name))?;
            if let Some((first, known)) = beams.first() {
                same_axes((first, known), (name, &beam))?;
            }
            beams.push((name.clone(), beam));
        }
        let (first, axes) = &beams[0];
        let (parts, planes, rows, columns) = axes.values.dim();
        let split = pattern_has(pattern, "reim");
        if split && parts == 2 {
            return Err(Error::input("a beam's table has its parts twice")
                .found("an axis COMPLEX in a file of the real or the imaginary part")
                .place(first));
        }
        let files_each = if split { 2 } else { 1 };
        let components = beams.len() / files_each;
        if quantity == Quantity::Power && (components > 1 || split || parts == 2) {
            return Err(Error::input("a table of powers has one real number a pixel")
                .found(format!("\"{pattern}\", {} files", names.len()))
                .expected("one file without an axis COMPLEX")
                .place("telescope.beam_values"));
        }
        let value = |component: usize, plane: usize, y: usize, x: usize| {
            let of = |part: usize| match (split, part) {
                (true, part) => beams[2 * component + part].1.values[[0, plane, y, x]],
                (false, part) if part < parts => beams[component].1.values[[part, plane, y, x]],
                _ => 0.0,
            };
            Complex64::new(of(0), of(1))
        };
        let mut freq_hz = axes.freq_hz.clone();
        let falls = freq_hz.len() > 1 && freq_hz[1] < freq_hz[0];
        if falls {
            freq_hz.reverse();
        }
        let mut values = Vec::with_capacity(planes * rows * columns * components);
        for plane in 0..planes {
            let plane = if falls { planes - 1 - plane } else { plane };
            for y in 0..rows {
                for x in 0..columns {
                    values.extend((0..components).map(|component| value(component, plane, y, x)));
                }
            }
        }
        let grid = |[first, step]: [f64; 2], count: usize| Grid { first, step, count };
        let table = BeamTable {
            l: grid(axes.l, columns),
            m: grid(axes.m, rows),
            freq_hz,
            components,
            values,
            quantity,
            interpolation,
            name: pattern.into(),
        };
        table.check()?;
        Ok(table)
    }
}

fn pattern_has(pattern: &str, word: &str) -> bool {
    pattern.contains(&format!("$({word})")) || pattern.contains(&format!("$({})", word.to_uppercase()))
}

/// Files in order of their correlation, real part before imaginary part.
fn names(pattern: &str) -> Result<Vec<String>> {
    let with = |name: String, words: &[&str], value: &str| {
        words.iter().fold(name, |name, word| {
            name.replace(&format!("$({word})"), value)
                .replace(&format!("$({})", word.to_uppercase()), &value.to_uppercase())
        })
    };
    let matrix = pattern_has(pattern, "corr") || pattern_has(pattern, "xy");
    let correlations: &[&str] = if matrix { &CORRELATIONS } else { &[""] };
    let parts: &[&str] = if pattern_has(pattern, "reim") { &PARTS } else { &[""] };
    let mut names = Vec::new();
    for correlation in correlations {
        for part in parts {
            names.push(with(with(pattern.into(), &["corr", "xy"], correlation), &["reim"], part));
        }
    }
    match names.iter().find(|name| name.contains("$(")) {
        None => Ok(names),
        Some(_) => Err(Error::input("the name of a beam's table has an unknown pattern")
            .found(format!("\"{pattern}\""))
            .expected("$(corr) or $(xy), and $(reim), or the name of a file")
            .place("telescope.beam_file")),
    }
}

fn same_axes((first, a): (&str, &FitsBeam), (name, b): (&str, &FitsBeam)) -> Result<()> {
    let near = |a: [f64; 2], b: [f64; 2]| (0..2).all(|k| (a[k] - b[k]).abs() <= 1e-6 * a[1].abs());
    let frequencies = a.freq_hz.iter().zip(&b.freq_hz).all(|(a, b)| (a - b).abs() <= 1e-9 * a);
    if a.values.dim() == b.values.dim() && near(a.l, b.l) && near(a.m, b.m) && frequencies {
        return Ok(());
    }
    let words =
        |beam: &FitsBeam| format!("{:?} (part, frequency, m, l), l {:?}, m {:?}", beam.values.dim(), beam.l, beam.m);
    Err(Error::input("the files of a beam have different axes")
        .found(words(b))
        .expected(format!("as {first} has: {}", words(a)))
        .place(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::fits::{FitsCube, SkyAxes, SpectralAxis, write_cube};
    use crate::units::{DEG_RAD, RaDec};
    use ndarray::Array3;
    use tempfile::TempDir;

    /// A cube RA---SIN, DEC--SIN, FREQ whose pixels are scale (1 + 2 l + 3 m) times the number of the plane.
    fn write(dir: &TempDir, name: &str, planes: usize, scale: f64) {
        let step = 0.5 * DEG_RAD;
        let value = |(plane, y, x): (usize, usize, usize)| {
            let (l, m) = (-(x as f64 - 3.0) * step, (y as f64 - 2.0) * step);
            (scale * (1.0 + 2.0 * l + 3.0 * m) * (plane + 1) as f64) as f32
        };
        let cube = FitsCube {
            data: Array3::from_shape_fn((planes, 5, 7), value),
            sky: SkyAxes {
                centre: RaDec::from_deg(10.0, -30.0),
                step_x_rad: -step,
                step_y_rad: step,
                reference_pixel: [3.0, 2.0],
            },
            spectral: SpectralAxis {
                freq_hz: (0..planes).map(|k| 1e9 + 1e8 * k as f64).collect(),
                width_hz: 1e8,
                ..SpectralAxis::default()
            },
            stokes: "I".into(),
            unit: String::new(),
            beams: Vec::new(),
            cards: Vec::new(),
        };
        write_cube(&dir.path().join(name), &cube).unwrap();
    }

    #[test]
    fn one_file_and_patterns_of_files_become_tables() {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        write(&dir, "one.fits", 2, 1.0);
        let table = BeamTable::read(&path("one.fits"), Quantity::Voltage, Interpolation::Cubic).unwrap();
        assert_eq!((table.components, table.freq_hz.as_slice()), (1, &[1e9, 1.1e9][..]));
        let at = [0.7 * DEG_RAD, -0.4 * DEG_RAD];
        let want = 1.0 + 2.0 * at[0] + 3.0 * at[1];
        let got = table.at(1.05e9).voltages(at).unwrap()[0];
        assert!((got - 1.5 * want).norm() < 1e-6, "{got} {want}");

        for (k, name) in ["xx", "xy", "yx", "yy"].into_iter().enumerate() {
            write(&dir, &format!("b_{name}_re.fits"), 1, 1.0 + k as f64);
            write(&dir, &format!("b_{name}_im.fits"), 1, -0.1 * k as f64);
        }
        let table = BeamTable::read(&path("b_$(xy)_$(reim).fits"), Quantity::Voltage, Interpolation::Linear).unwrap();
        let got = table.at(1e9).voltages(at).unwrap();
        for (k, got) in got.iter().enumerate() {
            let want = Complex64::new(1.0 + k as f64, -0.1 * k as f64) * want;
            assert!((got - want).norm() < 1e-6, "{k}: {got} {want}");
        }
        let pair = BeamTable::read(&path("b_yy_$(reim).fits"), Quantity::Voltage, Interpolation::Cubic).unwrap();
        assert!(pair.components == 1 && (pair.at(1e9).voltages(at).unwrap()[0] - got[3]).norm() < 1e-6);
        let upper = names("B_$(CORR)_$(REIM).fits").unwrap();
        assert_eq!((upper.len(), upper[3].as_str()), (8, "B_XY_IM.fits"));
    }

    /// Header cards of an axis each, and pixels, written byte by byte as other programs do.
    fn raw(dir: &TempDir, name: &str, axes: &[(&str, usize, &str, f64, f64, f64)], values: &[f64]) -> String {
        let mut cards = vec!["SIMPLE  =                    T".into(), "BITPIX  =                  -64".into()];
        cards.push(format!("NAXIS   = {:>20}", axes.len()));
        cards.extend(axes.iter().enumerate().map(|(k, axis)| format!("NAXIS{}  = {:>20}", k + 1, axis.1)));
        for (k, (kind, _, unit, pixel, value, step)) in axes.iter().enumerate() {
            let n = k + 1;
            cards.push(format!("CTYPE{n}  = '{kind:<8}'"));
            if !unit.is_empty() {
                cards.push(format!("CUNIT{n}  = '{unit:<8}'"));
            }
            cards.push(format!("CRPIX{n}  = {pixel:>20}"));
            cards.push(format!("CRVAL{n}  = {value:>20}"));
            cards.push(format!("CDELT{n}  = {step:>20}"));
        }
        cards.push("END".into());
        let mut bytes: Vec<u8> = cards.iter().flat_map(|card| format!("{card:<80}").into_bytes()).collect();
        bytes.resize(bytes.len().next_multiple_of(2880), b' ');
        bytes.extend(values.iter().flat_map(|v| v.to_be_bytes()));
        bytes.resize(bytes.len().next_multiple_of(2880), 0);
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    #[test]
    fn axes_stand_in_any_order_and_x_runs_against_l() {
        let dir = TempDir::new().unwrap();
        // Y, COMPLEX, X, FREQ falling
        let axes = [
            ("Y", 2, "deg", 1.0, -1.0, 2.0),
            ("COMPLEX", 2, "", 1.0, 0.0, 1.0),
            ("X", 3, "deg", 2.0, 0.0, 1.0),
            ("FREQ", 2, "MHz", 1.0, 1400.0, -100.0),
        ];
        let mut values = Vec::new();
        for mhz in [1400.0, 1300.0] {
            for x in [-1.0, 0.0, 1.0] {
                for part in [1.0, 0.5] {
                    values.extend([-1.0, 1.0].map(|y| part * (mhz / 1000.0 + x + 0.1 * y)));
                }
            }
        }
        let file = raw(&dir, "beam.fits", &axes, &values);
        let table = BeamTable::read(&file, Quantity::Voltage, Interpolation::Linear).unwrap();
        assert_eq!(table.freq_hz, [1.3e9, 1.4e9]);
        let got = table.at(1.3e9).voltages([0.5 * DEG_RAD, 0.4 * DEG_RAD]).unwrap()[0];
        let want = Complex64::new(1.0, 0.5) * (1.3 - 0.5 + 0.04);
        assert!((got - want).norm() < 1e-14, "{got} {want}");
    }

    #[test]
    fn what_is_no_table_of_a_beam_is_said() {
        let dir = TempDir::new().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let refused = |pattern: &str, quantity: Quantity, words: &[&str]| {
            let message = BeamTable::read(pattern, quantity, Interpolation::Linear).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{message}");
        };
        let (voltage, flat) = (Quantity::Voltage, [1.0; 4]);
        let good = [("L", 2, "deg", 1.0, 0.0, 1.0), ("M", 2, "deg", 1.0, 0.0, 1.0)];
        raw(&dir, "a_re.fits", &good, &flat);
        raw(&dir, "a_im.fits", &[good[0], ("M", 2, "deg", 1.0, 0.0, 1.1)], &flat);
        refused(&path("a_$(reim).fits"), voltage, &["different axes", "a_im.fits"]);
        refused(&path("a_$(reim).fits").replace("reim", "what"), voltage, &["unknown pattern", "$(corr)"]);
        refused(&path("none.fits"), voltage, &["none.fits"]);
        raw(&dir, "a_im.fits", &good, &flat);
        refused(&path("a_$(reim).fits"), Quantity::Power, &["one real number", "telescope.beam_values"]);
        let one = |axes: &[(&str, usize, &str, f64, f64, f64)], words: &[&str]| {
            refused(&raw(&dir, "one.fits", axes, &flat), voltage, words)
        };
        one(&[good[0], ("M", 2, "", 1.0, 0.0, 1.0)], &["no known unit", "CUNIT2"]);
        one(&[good[0], ("M", 2, "deg", 1.0, 0.0, 0.0)], &["no step", "CDELT2"]);
        one(&[good[0], ("FREQ", 2, "Hz", 1.0, 1e9, 1e6)], &["no axes of directions"]);
        one(&[good[0], good[0]], &["same kind", "CTYPE2"]);
        one(&[good[0], ("GLON-CAR", 2, "deg", 1.0, 0.0, 1.0)], &["does not have", "GLON-CAR"]);
        one(&[good[0], ("M", 1, "deg", 1.0, 0.0, 1.0)], &["too few pixels"]);
    }
}

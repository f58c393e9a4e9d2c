use super::number;
use super::telescope::{list, patterns_of};
use crate::error::{Error, Result};
use crate::formats::text::read_text;
use rustfft::num_complex::Complex64;
use std::path::{Path, PathBuf};

/// Start of the names of files of numerical element patterns.
const ROOT: &str = "element_pattern";
/// Start of the names of those that are read.
const WAVES: &str = "element_pattern_spherical_wave_";
/// Degrees beyond which a file is thought to be none of this kind.
const HIGHEST: usize = 300;

/// Coefficients of spherical waves of both feeds of a type of element at one frequency.
#[derive(Debug, Clone, PartialEq)]
pub struct OskarSphericalWaves {
    /// Element type, as element_types.txt counts them.
    pub element: usize,
    /// Frequency, Hz.
    pub freq_hz: f64,
    /// Highest degree l.
    pub degree: usize,
    /// TE and TM coefficients of the feeds X and Y, \[feed\]\[TE, TM\]\[l^2 - 1 + l + m\] for l from 1 and m from -l to l.
    pub coefficients: [[Vec<Complex64>; 2]; 2],
    /// Whether the files name no feed: Y has the pattern of X, as one sees it a quarter of a turn further on.
    pub one_pattern: bool,
}

/// Whether OSKAR takes a file of this name for a numerical element pattern.
pub(super) fn is_element_pattern(name: &str) -> bool {
    name.starts_with(ROOT)
}

/// Reads `element_pattern_spherical_wave_[x_|y_]<te|tm>_<re|im>_<element type>_<MHz>.txt` (OSKAR docs/telescope_model, "Spherical
/// Wave Element Patterns"), in order of the names of the files. Line l has 2 l + 1 coefficients, m from -l to l, and may be filled
/// up by zeros.
///
/// # Errors
/// A file of another kind of pattern or convention (FEKO, Galileo, fitted), a missing part, lines that are too short, numbers
/// beyond the last that counts.
pub fn read_oskar_spherical_waves(files: &[PathBuf]) -> Result<Vec<OskarSphericalWaves>> {
    let mut sets: Vec<Set> = Vec::new();
    for path in files {
        let name = Name::of(path)?;
        let coefficients = read(path)?;
        let same = |set: &&mut Set| set.element == name.element && set.freq_hz == name.freq_hz;
        let set = match sets.iter_mut().find(same) {
            Some(set) => set,
            None => {
                sets.push(Set {
                    element: name.element,
                    freq_hz: name.freq_hz,
                    first: path,
                    degree: coefficients.degree,
                    parts: Default::default(),
                });
                let last = sets.len() - 1;
                &mut sets[last]
            }
        };
        if set.degree != coefficients.degree {
            return Err(Error::input("files of one element pattern have different numbers of lines")
                .found(format!("{} in {}, {} in {}", set.degree, set.first.display(), coefficients.degree, leaf(path)))
                .expected("as many lines of coefficients in each"));
        }
        set.parts[name.feed][name.mode][name.part] = Some(coefficients.values);
    }
    sets.into_iter().map(Set::finished).collect()
}

/// Reads all element patterns of a folder, as [`read_oskar_spherical_waves`] does.
///
/// # Errors
/// Those; a folder without any.
pub fn read_oskar_pattern_folder(folder: &Path) -> Result<Vec<OskarSphericalWaves>> {
    let (files, _) = list(folder)?;
    let paths = patterns_of(folder, &files);
    if paths.is_empty() {
        return Err(Error::input("the folder has no element patterns")
            .found(if files.is_empty() { "no file".to_string() } else { format!("{} other files", files.len()) })
            .expected(format!("{WAVES}[x_|y_]<te|tm>_<re|im>_<element type>_<MHz>.txt"))
            .place(folder.display()));
    }
    read_oskar_spherical_waves(&paths)
}

/// Whose coefficients a file has, by its name.
struct Name {
    /// 0 for both feeds, 1 for X, 2 for Y.
    feed: usize,
    /// 0 for TE, 1 for TM.
    mode: usize,
    /// 0 for real, 1 for imaginary parts.
    part: usize,
    element: usize,
    freq_hz: f64,
}

impl Name {
    fn of(path: &Path) -> Result<Name> {
        let name = leaf(path);
        let wrong = |problem: &str| {
            Error::input(problem.to_string())
                .found(name.clone())
                .expected(format!("{WAVES}[x_|y_]<te|tm>_<re|im>_<element type>_<MHz>.txt"))
                .place(path.display())
        };
        let lower = name.to_ascii_lowercase();
        for (word, what) in [("_feko", "FEKO"), ("_galileo", "Galileo")] {
            if lower.contains(word) {
                return Err(wrong(&format!("element patterns in the convention of {what} are not supported")));
            }
        }
        let Some(rest) = lower.strip_prefix(WAVES).and_then(|rest| rest.strip_suffix(".txt")) else {
            return Err(wrong("this kind of element pattern is not supported"));
        };
        let words: Vec<&str> = rest.split('_').collect();
        let (feed, words) = match words.as_slice() {
            ["x", rest @ ..] => (1, rest),
            ["y", rest @ ..] => (2, rest),
            rest => (0, rest),
        };
        let [mode, part, element, mhz] = words else {
            return Err(wrong("the name of an element pattern lacks a part, or has one too many"));
        };
        let of = |word: &str, words: [&str; 2]| words.iter().position(|known| *known == word);
        let mode = of(mode, ["te", "tm"]).ok_or_else(|| wrong("an element pattern is of no known mode"))?;
        let part = of(part, ["re", "im"]).ok_or_else(|| wrong("an element pattern is neither real nor imaginary"))?;
        let element = element.parse().map_err(|_| wrong("the element type is no number"))?;
        let mhz: f64 = mhz.parse().map_err(|_| wrong("the frequency is no number"))?;
        if !((1e6 * mhz).is_finite() && mhz > 0.0) {
            return Err(wrong("the frequency is not positive"));
        }
        Ok(Name { feed, mode, part, element, freq_hz: 1e6 * mhz })
    }
}

/// What the files of one type and frequency say, \[feed\]\[mode\]\[part\].
struct Set<'a> {
    element: usize,
    freq_hz: f64,
    first: &'a Path,
    degree: usize,
    parts: [[[Option<Vec<f64>>; 2]; 2]; 3],
}

impl Set<'_> {
    fn finished(self) -> Result<OskarSphericalWaves> {
        let [both, x, y] = self.parts;
        let any = |feed: &[[Option<Vec<f64>>; 2]; 2]| feed.iter().flatten().any(Option::is_some);
        let one_pattern = any(&both);
        let incomplete = |found: String| {
            Error::input("the files of an element pattern are not complete")
                .found(format!("{found}, for element type {} at {} MHz", self.element, self.freq_hz / 1e6))
                .expected("te and tm, re and im, for x and y or with neither")
                .place(self.first.parent().unwrap_or(self.first).display())
        };
        if one_pattern && (any(&x) || any(&y)) {
            return Err(incomplete("files with x or y, and others with neither".into()));
        }
        let complex = |feed: [[Option<Vec<f64>>; 2]; 2], label: &str| -> Result<[Vec<Complex64>; 2]> {
            let [te, tm] = feed;
            let of = |mode: [Option<Vec<f64>>; 2], name: &str| {
                let [re, im] = mode;
                let re = re.ok_or_else(|| incomplete(format!("no file {label}{name}_re")))?;
                let im = im.ok_or_else(|| incomplete(format!("no file {label}{name}_im")))?;
                Ok(re.into_iter().zip(im).map(|(re, im)| Complex64::new(re, im)).collect::<Vec<_>>())
            };
            Ok([of(te, "te")?, of(tm, "tm")?])
        };
        let coefficients = match one_pattern {
            true => {
                let both = complex(both, "")?;
                [both.clone(), both]
            }
            false => [complex(x, "x_")?, complex(y, "y_")?],
        };
        let (element, freq_hz, degree) = (self.element, self.freq_hz, self.degree);
        Ok(OskarSphericalWaves { element, freq_hz, degree, coefficients, one_pattern })
    }
}

struct Coefficients {
    degree: usize,
    values: Vec<f64>,
}

fn read(path: &Path) -> Result<Coefficients> {
    let text = read_text(path, "the element pattern")?;
    let mut made = Coefficients { degree: 0, values: Vec::new() };
    for (index, raw) in text.lines().enumerate() {
        let line = raw.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split([' ', '\t', ',', '\r']).filter(|w| !w.is_empty()).collect();
        if words.is_empty() {
            continue;
        }
        made.degree += 1;
        let needed = 2 * made.degree + 1;
        let place = |column: usize| format!("{}, line {}, value {}", path.display(), index + 1, column + 1);
        if made.degree > HIGHEST {
            return Err(Error::input("an element pattern has too many lines of coefficients")
                .found(format!("more than {HIGHEST}"))
                .expected(format!("degrees to {HIGHEST} at most"))
                .place(format!("{}, line {}", path.display(), index + 1)));
        }
        if words.len() < needed {
            return Err(Error::input("a line of an element pattern has too few coefficients")
                .found(format!("{} in line {} of coefficients", words.len(), made.degree))
                .expected(format!("at least {needed}: m from -l to l"))
                .place(format!("{}, line {}", path.display(), index + 1)));
        }
        for (column, word) in words.iter().enumerate() {
            let value = number(word, "a coefficient").map_err(|e| e.place(place(column)))?;
            match column < needed {
                true => made.values.push(value),
                false if value == 0.0 => {}
                false => {
                    return Err(Error::input("a coefficient stands where none belongs")
                        .found(*word)
                        .expected(format!("{needed} coefficients in line {}, then zeros alone", made.degree))
                        .place(place(column)));
                }
            }
        }
    }
    if made.degree == 0 {
        return Err(Error::input("a file of an element pattern has no numbers").place(path.display()));
    }
    Ok(made)
}

fn leaf(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    /// Files of their names and texts, in order of their names.
    fn written(dir: &TempDir, files: &[(&str, &str)]) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = files
            .iter()
            .map(|(name, text)| {
                let path = dir.path().join(format!("{WAVES}{name}.txt"));
                std::fs::write(&path, text).unwrap();
                path
            })
            .collect();
        paths.sort();
        paths
    }

    #[test]
    fn reads_modes_feeds_types_and_frequencies() {
        let dir = TempDir::new().unwrap();
        let mut files: Vec<(String, String)> = Vec::new();
        for (feed, f) in [("x_", 1.0), ("y_", 2.0)] {
            for (mode, m) in [("te", 10.0), ("tm", 20.0)] {
                for (part, p) in [("re", 100.0), ("im", 200.0)] {
                    let first = f + m + p;
                    let text = format!("# c\n{first}, 2, 3, 0, 0\n\n4 5 6 7 8\n");
                    files.push((format!("{feed}{mode}_{part}_1_99.5"), text));
                }
            }
        }
        for name in ["te_re", "te_im", "TM_RE", "tm_im"] {
            files.push((format!("{name}_0_120"), "1 0 -1".into()));
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let sets = read_oskar_spherical_waves(&written(&dir, &files)).unwrap();
        assert_eq!(sets.len(), 2);
        let two = sets.iter().find(|s| s.element == 1).unwrap();
        assert_eq!((two.freq_hz, two.degree, two.one_pattern), (99.5e6, 2, false));
        let [[x_te, x_tm], [_, y_tm]] = &two.coefficients;
        assert_eq!((x_te[0], x_tm[0]), (Complex64::new(111.0, 211.0), Complex64::new(121.0, 221.0)));
        assert_eq!((y_tm[0], y_tm[7]), (Complex64::new(122.0, 222.0), Complex64::new(8.0, 8.0)));
        let one = sets.iter().find(|s| s.element == 0).unwrap();
        assert!(one.one_pattern && one.freq_hz == 120e6 && one.coefficients[0] == one.coefficients[1]);
        assert_eq!(one.coefficients[0][1], [1.0, 0.0, -1.0].map(|v| Complex64::new(v, v)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let good = "1 2 3\n";
        let rest = [("te_im_0_1", good), ("tm_re_0_1", good), ("tm_im_0_1", good)];
        let cases: &[(&str, &str, &[&str])] = &[
            ("te_re_0_1", "1 2\n", &["too few", "line 1", "at least 3"]),
            ("te_re_0_1", "1 2 3\n# \n1 2 3 4\n", &["too few", "line 3", "at least 5"]),
            ("te_re_0_1", "1 2 3 0 4\n1 2 3 4 5\n", &["where none belongs", "line 1, value 5", "then zeros"]),
            ("te_re_0_1", "1 two 3\n", &["not a finite number", "\"two\"", "line 1, value 2"]),
            ("te_re_0_1", "\n", &["no numbers"]),
            ("te_re_0_1", "1 2 3\n1 2 3 4 5\n", &["different numbers of lines"]),
            ("te_re_0_2", good, &["not complete", "at 1 MHz", "te_re"]),
            ("x_te_re_0_1", good, &["with neither"]),
            ("te_re_1", good, &["lacks a part"]),
            ("tx_re_0_1", good, &["no known mode"]),
            ("te_re_0_-1", good, &["not positive"]),
            ("te_re_a_1", good, &["element type is no number"]),
            ("feko_te_re_0_1", good, &["FEKO", "not supported"]),
            ("galileo_te_re_0_1", good, &["Galileo", "not supported"]),
        ];
        for (name, text, words) in cases {
            let dir = TempDir::new().unwrap();
            let files: Vec<(&str, &str)> = rest.iter().copied().chain([(*name, *text)]).collect();
            let message = read_oskar_spherical_waves(&written(&dir, &files)).unwrap_err().to_string();
            assert!(words.iter().all(|w| message.contains(w)), "{name}: {message}");
        }
        let fitted = read_oskar_spherical_waves(&["element_pattern_fit_x_0_100.bin".into()]).unwrap_err().to_string();
        assert!(fitted.contains("not supported") && fitted.contains("element_pattern_fit"), "{fitted}");
    }
}

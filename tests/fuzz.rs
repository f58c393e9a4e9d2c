//! Seeded mutations of good inputs, fed to every reader of text, FITS and HDF5: none may panic, abort or hang.
//!
//! SKYFRINGE_FUZZ_CASES (default 10,000 over all targets) and SKYFRINGE_FUZZ_SEED choose them; `make fuzz` takes a million. Readers over C
//! libraries run in a child process, so that an abort is seen and its case known. What fails is kept under the target folder.

use skyfringe::error::Watch;
use skyfringe::formats::config::Document;
use skyfringe::formats::fits::{FitsCube, SkyAxes, SpectralAxis, read_array, read_cube, read_map, write_cube};
use skyfringe::formats::oskar::{parse_oskar_settings, parse_oskar_sky, read_oskar_telescope};
use skyfringe::formats::telescope::{parse_rotations, parse_telescope};
use skyfringe::formats::visibilities::{Polarisations, Precision, read_visibilities, write_visibilities};
use skyfringe::run::params::Settings;
use skyfringe::sky::components::Component;
use skyfringe::telescope::Telescope;
use skyfringe::time::{EarthOrientation, Frame, parse_utc};
use skyfringe::units::{Dimension, RaDec, parse_quantity};
use skyfringe::visibilities::{Track, new_table};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A reader, and inputs that it likes.
struct Target {
    name: &'static str,
    seeds: fn() -> Vec<Vec<u8>>,
    /// Reads bytes; the folder is for readers of files.
    read: fn(&[u8], &Path),
    /// Whether it may end the process.
    apart: bool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

const TARGETS: [Target; 12] = [
    Target { name: "oskar-sky", seeds: skies, read: |b, _| drop(sources(&text(b))), apart: false },
    Target {
        name: "oskar-settings",
        seeds: || vec![b"[sky]\nfile=a.txt ; b\n[telescope]\npol_mode=\"Full\"\nlength=1\n".to_vec()],
        read: |b, _| drop(parse_oskar_settings(&text(b), "x")),
        apart: false,
    },
    Target { name: "oskar-folder", seeds: layouts, read: oskar_folder, apart: false },
    Target {
        name: "telescope",
        seeds: || vec![file("telescopes/ska-mid-aa0.5.txt")],
        read: |b, _| drop(parse_telescope(&text(b), "x")),
        apart: false,
    },
    Target {
        name: "rotations",
        seeds: || vec![b"S1 20.5\n# c\nS2, -3\n".to_vec()],
        read: |b, _| drop(parse_rotations(&text(b), "x")),
        apart: false,
    },
    Target {
        name: "configuration",
        seeds: || {
            ["all-keys.toml", "components.toml", "drift-scan.toml"].map(|n| file(&format!("examples/{n}"))).to_vec()
        },
        read: |b, _| drop(Document::parse(&text(b), "x").and_then(|d| Settings::from_document(&d))),
        apart: false,
    },
    Target {
        name: "quantity",
        seeds: || vec![b"1.42 GHz".to_vec(), b"-30:12:01.5".to_vec(), b"1e-3 arcsec 2 deg".to_vec()],
        read: |b, _| {
            for dimension in [Dimension::Frequency, Dimension::Angle, Dimension::Length, Dimension::Time] {
                drop(parse_quantity(&text(b), dimension));
            }
        },
        apart: false,
    },
    Target {
        name: "utc",
        seeds: || vec![b"2027-01-01T18:00:00.25".to_vec(), b"60512.75".to_vec(), b"01-01-2000 12:01:02.000".to_vec()],
        read: |b, _| drop(parse_utc(&text(b))),
        apart: false,
    },
    Target { name: "fits-cube", seeds: fits, read: |b, f| drop(read_cube(&put(b, f))), apart: true },
    Target { name: "fits-map", seeds: fits, read: |b, f| drop(read_map(&put(b, f))), apart: true },
    Target { name: "fits-array", seeds: fits, read: |b, f| drop(read_array(&put(b, f))), apart: true },
    Target { name: "visibilities", seeds: visibilities, read: |b, f| drop(read_visibilities(&put(b, f))), apart: true },
];

/// Sources and what they are at two frequencies.
fn sources(text: &str) -> Vec<[f64; 4]> {
    let list = parse_oskar_sky(text, "x").unwrap_or_default();
    let components = list.into_iter().map(Component::from);
    components.flat_map(|c| [1e8, 1.4e9].map(|freq_hz| c.stokes_at(freq_hz))).collect()
}

fn skies() -> Vec<Vec<u8>> {
    let named = "Format = RaD, DecD, I, Q, ReferenceFrequency='1e8', FrequencyIncrement, LineWidth, SpectralIndex, LogarithmicSI, \
                 RotationMeasure, PolarizationAngle, pol_frac, MajorAxis, MinorAxis, PositionAngle\n\
                 1 2 [1 2] 0 [1e8 1.2e8],, [1e6 2e6]\n1:02:03 -4.5.6 1,, 1e8,,, [-0.7 3] true 7 30 0.5 10 5 20 # x\n";
    vec![
        named.into(),
        b"0 70 1.1 0 0 0 100e6 -0.7 3 200 150 23\n# c\n1,2,3\n".to_vec(),
        file("sky_models/gleam-50.osm"),
    ]
}

fn layouts() -> Vec<Vec<u8>> {
    vec![
        b"116.7 -26.8 300\n".to_vec(),
        b"0 0 1 0 0 0\n10, 20\n# x\n1 2 3\n".to_vec(),
        b"1.1\n0.9 10 0.1 5\n2\n".to_vec(),
    ]
}

/// The same bytes as each of the folder's files in turn.
fn oskar_folder(bytes: &[u8], folder: &Path) {
    let names =
        ["position.txt", "layout.txt", "s/layout.txt", "s/gain_phase.txt", "s/apodisation.txt", "s/feed_angle_x.txt"];
    for damaged in names {
        for (name, good) in names.into_iter().zip(["1 2\n", "0 0\n1 1\n", "0 0\n", "1\n", "1 0\n", "0\n"]) {
            let path = folder.join("t.tm").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if name == damaged { bytes } else { good.as_bytes() }).unwrap();
        }
        drop(read_oskar_telescope(&folder.join("t.tm")).and_then(|model| Telescope::from_oskar("x", &model)));
    }
}

fn put(bytes: &[u8], folder: &Path) -> PathBuf {
    let path = folder.join("input");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// What `write` leaves in a file.
fn written(write: impl Fn(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("good"));
    std::fs::read(folder.path().join("good")).unwrap()
}

fn fits() -> Vec<Vec<u8>> {
    let cube = FitsCube {
        data: ndarray::Array3::from_shape_fn((2, 5, 4), |(c, y, x)| (c + 2 * y + 3 * x) as f32),
        sky: SkyAxes {
            centre: RaDec::from_deg(30.0, -35.0),
            step_x_rad: -1e-4,
            step_y_rad: 1e-4,
            reference_pixel: [2.0, 2.0],
        },
        spectral: SpectralAxis { freq_hz: vec![1.4e9, 1.401e9], width_hz: 1e6, ..SpectralAxis::default() },
        stokes: "I".into(),
        unit: "mK".into(),
        beams: Vec::new(),
        cards: Vec::new(),
    };
    vec![written(|path| write_cube(path, &cube).unwrap())]
}

fn visibilities() -> Vec<Vec<u8>> {
    let telescope = Telescope::preset("ska-mid-aa0.5").unwrap();
    let track = Track {
        phase_centre: RaDec::from_deg(30.0, -35.0),
        earth: EarthOrientation::new(Frame::Oskar),
        start_mjd_utc: 60_000.0,
        step_s: 60.0,
        steps: 2,
        pointing: Default::default(),
        correlations: Default::default(),
    };
    let (table, ..) = new_table(&telescope, &track, &[1.4e9], 1e6, Polarisations::I, -1.6).unwrap();
    vec![written(|path| write_visibilities(path, &table, Precision::Single, &Watch::silent()).unwrap())]
}

/// SplitMix64 (Steele, Lea & Flood 2014): numbers of a seed and a counter.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

const TOKENS: [&[u8]; 20] = [
    b"NaN",
    b"-inf",
    b"1e999",
    b"-0",
    b"18446744073709551616",
    b"-9223372036854775808",
    b"1e-320",
    b"''",
    b"\"",
    b"[",
    b"]",
    b"(",
    b"=",
    b",,,,",
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"#",
    b"9999999999 ",
    b"\xe2\x80\xae",
];

/// The input of a case: a good one, changed in one to eight places.
fn mutated(seeds: &[Vec<u8>], seed: u64, case: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed ^ case.wrapping_mul(0xD134_2543_DE82_EF95));
    let mut bytes = seeds[numbers.below(seeds.len())].clone();
    for _ in 0..1 + numbers.below(8) {
        let at = numbers.below(bytes.len() + 1);
        let length = 1 + numbers.below(40).min(bytes.len());
        let end = (at + length).min(bytes.len());
        match numbers.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = numbers.next() as u8,
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                let to = numbers.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            4 if numbers.below(4) == 0 => bytes.truncate(at),
            5 => {
                // a number becomes another
                let digit = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|k| at + k);
                if let Some(digit) = digit {
                    let token = TOKENS[numbers.below(7)];
                    bytes.splice(digit..digit + 1, token.iter().copied());
                }
            }
            6 => {
                let to = numbers.below(bytes.len().saturating_sub(length) + 1);
                for k in 0..length.min(bytes.len().saturating_sub(at.max(to))) {
                    bytes.swap(at + k, to + k);
                }
            }
            _ => {
                let token = TOKENS[numbers.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
        }
    }
    bytes
}

/// The first case of `cases` that panics.
fn first_panic(
    target: &Target,
    seed: u64,
    cases: std::ops::Range<u64>,
    folder: &Path,
    at: &mut dyn FnMut(u64),
) -> Option<u64> {
    let seeds = (target.seeds)();
    cases.into_iter().find(|case| {
        at(*case);
        let input = mutated(&seeds, seed, *case);
        catch_unwind(AssertUnwindSafe(|| (target.read)(&input, folder))).is_err()
    })
}

const CHILD: &str = "SKYFRINGE_FUZZ_CHILD";
/// Without a new case for so long, a child hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a child process does where it is one; a test by itself it is not.
#[test]
fn child() {
    let Ok(words) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = words.split('|').collect();
    let [name, seed, first, last, folder] = words[..] else { panic!("{words:?}") };
    let number = |word: &str| word.parse::<u64>().unwrap();
    let folder = Path::new(folder);
    let target = TARGETS.iter().chain(&BROKEN).find(|t| t.name == name).unwrap();
    let at = &mut |case: u64| std::fs::write(folder.join("case"), case.to_string()).unwrap();
    let failed = first_panic(target, number(seed), number(first)..number(last), folder, at);
    assert!(failed.is_none());
}

/// The first case that panics, ends the process or hangs.
fn first_failure(target: &Target, seed: u64, cases: std::ops::Range<u64>) -> Option<u64> {
    let folder = tempfile::tempdir().unwrap();
    if !target.apart {
        return first_panic(target, seed, cases, folder.path(), &mut |_| ());
    }
    let words = format!("{}|{seed}|{}|{}|{}", target.name, cases.start, cases.end, folder.path().display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--test-threads=1"])
        .env(CHILD, words)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let case = || std::fs::read_to_string(folder.path().join("case")).ok().and_then(|c| c.parse::<u64>().ok());
    let (mut last, mut since) = (None, Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (!status.success()).then(|| case().unwrap_or(cases.start));
        }
        let now = case();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(now.unwrap_or(cases.start));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |word| word.parse().unwrap())
}

#[test]
fn no_reader_panics() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let (cases, seed) = (variable("SKYFRINGE_FUZZ_CASES", 10_000), variable("SKYFRINGE_FUZZ_SEED", 20_261_124));
    let each = cases.div_ceil(TARGETS.len() as u64);
    let mut failures = Vec::new();
    for target in &TARGETS {
        if let Some(case) = first_failure(target, seed, 0..each) {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-failures");
            std::fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("{}-{seed}-{case}", target.name));
            std::fs::write(&path, mutated(&(target.seeds)(), seed, case)).unwrap();
            failures.push(path.display().to_string());
        }
    }
    assert!(failures.is_empty(), "inputs that readers do not survive: {failures:?}");
}

/// Readers that fail, to see that it is noticed.
const BROKEN: [Target; 4] = [
    Target { name: "panics", seeds: skies, read: |b, _| assert!(b.len() % 7 != 0), apart: false },
    Target { name: "panics-apart", seeds: skies, read: |b, _| assert!(b.len() % 7 != 0), apart: true },
    Target {
        name: "aborts",
        seeds: skies,
        read: |b, _| {
            if b.len() % 7 == 0 {
                std::process::abort()
            }
        },
        apart: true,
    },
    Target { name: "sound", seeds: skies, read: |_, _| (), apart: true },
];

#[test]
fn what_fails_is_found_and_is_the_same_case() {
    if std::env::var(CHILD).is_ok() {
        return;
    }
    let found: Vec<Option<u64>> = BROKEN.iter().map(|target| first_failure(target, 1, 0..100)).collect();
    let case = found[0].expect("the panic is not found");
    assert_eq!(found, [Some(case), Some(case), Some(case), None]);
    assert_eq!(mutated(&skies(), 1, case), mutated(&skies(), 1, case));
    assert_eq!(mutated(&skies(), 1, case).len() % 7, 0);
}

//! Seeded mutations of good inputs, fed to every reader of files: none may panic, abort, hang or ask for more memory than it needs.
//!
//! SKYFRINGE_FUZZ_CASES (default 10,000 over all targets), SKYFRINGE_FUZZ_SEED and SKYFRINGE_FUZZ_TARGET (a part of a target's
//! name) choose them; `make fuzz` takes a million. Every reader runs in a child process with a limit of memory and of time a
//! case, so that whatever happens is seen and its case known; the input is kept under the target folder. A case follows from
//! target, seed and number alone.
//!
//! | file | holds |
//! |---|---|
//! | targets | the table of readers |
//! | seeds, hdf_seeds | inputs that they like |
//! | mutate, fits, hdf | what becomes of these |
//! | child | the processes |

mod child;
mod fits;
mod hdf;
mod hdf_seeds;
mod mutate;
mod seeds;
mod targets;

use child::{ENOUGH, Failure, Patience, failures};
use std::path::Path;
use std::time::{Duration, Instant};
use targets::{BROKEN, TARGETS, Target, is_bad};

/// A case that takes longer hangs.
const PATIENCE: Patience = Patience { cpu: Duration::from_secs(10), wall: Duration::from_secs(120) };
/// For readers that are known to.
const LITTLE: Patience = Patience { cpu: Duration::from_millis(500), wall: Duration::from_secs(3) };

fn variable(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |word| word.parse().unwrap_or_else(|e| panic!("{name}={word}: {e}")))
}

/// Keeps the input of a failure; says where.
fn keep(target: &Target, seed: u64, failure: &Failure) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz-failures");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-{seed}-{}", target.name, failure.case));
    std::fs::write(&path, &failure.input).unwrap();
    format!("{}: {}", path.display(), failure.how)
}

#[test]
fn every_reader_survives_damaged_files() {
    if child::is_one() {
        return;
    }
    let (cases, seed) = (variable("SKYFRINGE_FUZZ_CASES", 10_000), variable("SKYFRINGE_FUZZ_SEED", 20_261_124));
    let wanted = std::env::var("SKYFRINGE_FUZZ_TARGET").unwrap_or_default();
    let each = cases.div_ceil(TARGETS.len() as u64);
    let mut failed = Vec::new();
    for target in TARGETS.iter().filter(|t| t.name.contains(&wanted)) {
        let start = Instant::now();
        let found = failures(target, seed, 0..each, PATIENCE);
        eprintln!("{:<20} {each} cases, {} failed, {:.1} s", target.name, found.len(), start.elapsed().as_secs_f64());
        failed.extend(found.iter().map(|failure| keep(target, seed, failure)));
    }
    assert!(failed.is_empty(), "inputs that readers do not survive:\n{}", failed.join("\n"));
}

/// What a child process does where it is one; by itself it is no test.
#[test]
fn child() {
    if child::is_one() {
        child::run();
    }
}

#[test]
fn good_inputs_are_read() {
    if child::is_one() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for target in TARGETS {
        let mut read = false;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            let path = folder.path().join(format!("{}-{number}", target.name));
            std::fs::write(&path, seed).unwrap();
            read |= (target.read)(seed, &path);
        }
        // else nothing behind its first check would be tried
        assert!(read, "{} reads none of its good inputs", target.name);
    }
}

#[test]
fn a_case_follows_from_target_seed_and_number_alone() {
    if child::is_one() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for target in TARGETS {
        let seeds = (target.seeds)();
        let inputs = |cases: &[u64]| -> Vec<Vec<u8>> {
            cases.iter().map(|case| mutate::input(target, &seeds, 5, *case, folder.path())).collect()
        };
        let mut backwards = inputs(&[3, 2, 1, 0]);
        backwards.reverse();
        assert_eq!(inputs(&[0, 1, 2, 3]), backwards, "{}", target.name);
    }
}

/// Every way to fail is noticed, at its own case, and those after it are tried all the same.
#[test]
fn what_fails_is_found_at_its_case() {
    if child::is_one() {
        return;
    }
    for (target, how) in BROKEN {
        let found = failures(target, 1, 0..16, LITTLE);
        let folder = tempfile::tempdir().unwrap();
        let input = |case: u64| mutate::input(target, &(target.seeds)(), 1, case, folder.path());
        let bad: Vec<u64> = (0..16).filter(|case| is_bad(&input(*case))).take(ENOUGH).collect();
        assert!(!bad.is_empty(), "{}", target.name);
        let expected = if how.is_empty() { &[][..] } else { &bad };
        let cases: Vec<u64> = found.iter().map(|f| f.case).collect();
        assert_eq!(cases, expected, "{}: {found:?}", target.name);
        assert!(found.iter().all(|f| f.how.contains(how) && f.input == input(f.case)), "{}: {found:?}", target.name);
    }
}

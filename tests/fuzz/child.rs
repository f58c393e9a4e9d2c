//! Readers in processes of their own: this test program once more, with a limit of memory and of time a case.

use super::mutate::input;
use super::targets::{BROKEN, TARGETS, Target};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Tells a process that it is a child, and of what.
const CHILD: &str = "SKYFRINGE_FUZZ_CHILD";
/// Time to start in, on a machine that has other things to do.
const START: Duration = Duration::from_secs(60);
/// Address space of a child, bytes.
const MEMORY: u64 = 2 << 30;
/// Failures of one target after which it is left alone.
pub const ENOUGH: usize = 5;

/// What a case may take.
#[derive(Clone, Copy)]
pub struct Patience {
    /// Of the processor, where the system tells it: a busy machine is not the reader's fault.
    pub cpu: Duration,
    pub wall: Duration,
}

/// A case that its reader did not survive.
#[derive(Debug)]
pub struct Failure {
    pub case: u64,
    pub how: String,
    pub input: Vec<u8>,
}

pub fn is_one() -> bool {
    std::env::var(CHILD).is_ok()
}

/// The work of a child: the cases of one target, each announced before it begins. Ends the process with 1 after a panic.
pub fn run() {
    let words = std::env::var(CHILD).unwrap();
    let words: Vec<&str> = words.split('|').collect();
    let [name, seed, first, last, folder] = words[..] else { panic!("{words:?}") };
    let number = |word: &str| word.parse::<u64>().unwrap();
    let (seed, folder) = (number(seed), Path::new(folder));
    let target = TARGETS.iter().chain(BROKEN.iter().map(|b| &b.0)).find(|t| t.name == name).unwrap();
    let limit = libc::rlimit { rlim_cur: MEMORY as libc::rlim_t, rlim_max: MEMORY as libc::rlim_t };
    // SAFETY: the limit is read, and concerns this process alone; where the system does not know it, there is none
    unsafe { libc::setrlimit(libc::RLIMIT_AS, &limit) };
    let told = folder.join("panic");
    std::panic::set_hook(Box::new(move |panic| drop(std::fs::write(&told, panic.to_string()))));
    let seeds = (target.seeds)();
    let progress = std::fs::File::create(folder.join("case")).unwrap();
    let path = folder.join("input");
    for case in number(first)..number(last) {
        progress.write_all_at(&(case + 1).to_le_bytes(), 0).unwrap();
        let survived = catch_unwind(AssertUnwindSafe(|| {
            let bytes = input(target, &seeds, seed, case, folder);
            // a new file each time: HDF5 takes one that it still has open for the same
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, &bytes).unwrap();
            (target.read)(&bytes, &path);
        }));
        if survived.is_err() {
            std::process::exit(1);
        }
    }
    std::process::exit(0);
}

/// The cases that the target's reader does not survive, [`ENOUGH`] of them at most; one that takes longer than `patience`
/// hangs.
pub fn failures(target: &Target, seed: u64, cases: Range<u64>, patience: Patience) -> Vec<Failure> {
    let mut found = Vec::new();
    let mut first = cases.start;
    while first < cases.end && found.len() < ENOUGH {
        let Some(failure) = first_failure(target, seed, first..cases.end, patience) else { break };
        first = failure.case + 1;
        found.push(failure);
    }
    found
}

fn first_failure(target: &Target, seed: u64, cases: Range<u64>, patience: Patience) -> Option<Failure> {
    // in memory where the system has such a place: files are made by the million
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).unwrap();
    let words = format!("{}|{seed}|{}|{}|{}", target.name, cases.start, cases.end, folder.path().display());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--test-threads=1", "--nocapture"])
        .env(CHILD, words)
        .env("TMPDIR", folder.path())
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap())
        .spawn()
        .unwrap();
    let case = || {
        let bytes = std::fs::read(folder.path().join("case")).ok()?;
        u64::from_le_bytes(bytes.try_into().ok()?).checked_sub(1)
    };
    let failed = |how: String| Failure {
        case: case().unwrap_or(cases.start),
        how,
        input: std::fs::read(folder.path().join("input")).unwrap_or_default(),
    };
    let (mut last, mut since, mut spent) = (None, Instant::now(), Duration::ZERO);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (!status.success()).then(|| failed(how(status, folder.path())));
        }
        let now = case();
        if now != last {
            (last, since, spent) = (now, Instant::now(), cpu(child.id()));
        }
        let limit = if now.is_some() { patience.wall } else { START };
        let taken = cpu(child.id()).saturating_sub(spent);
        if since.elapsed() > limit || now.is_some() && taken > patience.cpu {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(failed(format!(
                "no end within {:.1?} of the processor, {:.1?} in all",
                taken,
                since.elapsed()
            )));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Time of the processor that a process has had; 0 where the system does not tell.
fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // behind the name, which may hold anything: the state, ten more, and the ticks of user and system
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    // SAFETY: it only asks
    let a_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as f64;
    Duration::from_secs_f64(ticks / a_second)
}

/// What a child died of.
fn how(status: ExitStatus, folder: &Path) -> String {
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    match status.signal() {
        None => text("panic"),
        Some(signal) => format!("signal {signal}: {}", text("stderr").trim()),
    }
}

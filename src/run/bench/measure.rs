//! CPU seconds, wall seconds and peak memory of a piece of work.

use std::time::Instant;

/// What one run of a piece of work took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// User and system time of all threads of the process, seconds.
    pub cpu_s: f64,
    pub wall_s: f64,
    /// Largest resident set of the process while the work ran, MiB (since the process began where the system does
    /// not let it be reset).
    pub peak_mib: f64,
}

/// Runs `work` and says what it took.
pub(super) fn measured<R>(work: impl FnOnce() -> R) -> (R, Cost) {
    // "5" resets the peak resident set to the present one (proc(5)); elsewhere the peak is the whole process's
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let (wall, cpu) = (Instant::now(), cpu_s());
    let result = work();
    let cost = Cost { cpu_s: cpu_s() - cpu, wall_s: wall.elapsed().as_secs_f64(), peak_mib: peak_mib() };
    (result, cost)
}

/// Medians of the times, largest peak.
pub(super) fn median(costs: &[Cost]) -> Cost {
    let middle = |value: fn(&Cost) -> f64| {
        let mut all: Vec<f64> = costs.iter().map(value).collect();
        all.sort_by(f64::total_cmp);
        let n = all.len();
        if n == 0 { f64::NAN } else { 0.5 * (all[(n - 1) / 2] + all[n / 2]) }
    };
    let peak_mib = costs.iter().map(|c| c.peak_mib).fold(0.0, f64::max);
    Cost { cpu_s: middle(|c| c.cpu_s), wall_s: middle(|c| c.wall_s), peak_mib }
}

fn usage() -> libc::rusage {
    // SAFETY: rusage is plain numbers, zero is a value of it
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to an rusage of ours
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    usage
}

fn cpu_s() -> f64 {
    let usage = usage();
    let seconds = |t: libc::timeval| t.tv_sec as f64 + 1e-6 * t.tv_usec as f64;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    // ru_maxrss counts KiB on Linux and bytes on macOS
    let whole = usage().ru_maxrss as f64 / if cfg!(target_os = "macos") { 1024.0 } else { 1.0 };
    kib.unwrap_or(whole) / 1024.0
}

/// The one-minute load of the machine; null where it is not told.
pub(super) fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

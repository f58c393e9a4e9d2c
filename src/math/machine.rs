//! What the machine has.

/// Memory that this process may use, bytes, where the system tells: that of the machine with its swap, or less where a
/// container or a batch system sets a limit.
pub fn machine_memory() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
    };
    let machine = of("MemTotal:")? + of("SwapTotal:").unwrap_or(0.0);
    let limit = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|t| t.trim().parse::<f64>().ok());
    Some(limit.map_or(machine, |limit| machine.min(limit)))
}

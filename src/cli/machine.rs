//! What this machine has, and what this process has taken of it.

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Most memory that this process has held, bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Memory that this machine could still give, bytes; `None` where the system does not say.
pub(super) fn available_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The time on the wall; measures runs, never enters results.
#[expect(clippy::disallowed_methods, reason = "speed and progress are told to people, and written nowhere")]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

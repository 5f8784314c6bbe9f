//! What this machine has, and what this process has taken of it.

/// Cores that this process may use.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Most memory that this process has held, bytes; `None` where the system does not say.
pub(super) fn peak_memory() -> Option<f64> {
    kibibytes("/proc/self/status", "VmHWM:")
}

/// Memory that this process holds, bytes; `None` where the system does not say.
pub(super) fn memory() -> Option<f64> {
    kibibytes("/proc/self/status", "VmRSS:")
}

/// Memory that could still be given, bytes, by this machine or by the container that the process is confined to; `None` where
/// the system does not say.
pub(super) fn available_memory() -> Option<f64> {
    let of_machine = kibibytes("/proc/meminfo", "MemAvailable:")?;
    let of_container = || {
        let number = |file: &str| -> Option<f64> {
            std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
        };
        Some(number("memory.max")? - number("memory.current")?)
    };
    Some(of_container().map_or(of_machine, |left| of_machine.min(left.max(0.0))))
}

/// A line of a file of the system that gives kibibytes, as bytes.
fn kibibytes(file: &str, name: &str) -> Option<f64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The time on the wall; measures runs, never enters results.
#[expect(clippy::disallowed_methods, reason = "speed and progress are told to people, and written nowhere")]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

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

/// Starts this process anew with memory in huge pages, unless it has been started so. A large run reads all over its memory, and
/// with pages of 4 kB spends a third of its time on finding where they lie. The C library must be told before it begins, so
/// only a new start can do it; nothing may have been said or written yet. Where this fails, the run goes on as it is.
pub(super) fn use_huge_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::os::unix::process::CommandExt;
        const TUNABLES: &str = "GLIBC_TUNABLES";
        const HUGE_PAGES: &str = "glibc.malloc.hugetlb";
        #[expect(clippy::disallowed_methods, reason = "pages change the speed, never a result")]
        let given = std::env::var(TUNABLES).unwrap_or_default();
        if given.contains(HUGE_PAGES) {
            return;
        }
        let separator = if given.is_empty() { "" } else { ":" };
        if let Ok(this) = std::env::current_exe() {
            let mut again = std::process::Command::new(this);
            let tunables = format!("{given}{separator}{HUGE_PAGES}=1");
            let _ = again.args(std::env::args_os().skip(1)).env(TUNABLES, tunables).exec();
        }
    }
}

/// The time on the wall; measures runs, never enters results.
#[expect(clippy::disallowed_methods, reason = "speed and progress are told to people, and written nowhere")]
pub(super) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

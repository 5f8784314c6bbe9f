//! Seeds from names, and many of them at work on all cores.

/// A number that stems from a name alone.
pub(crate) fn seed(name: &str) -> u64 {
    let digest = blake3::hash(name.as_bytes());
    u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
}

/// The seeds of so many scenarios, or the one that is to be played alone, in hexadecimal.
pub(crate) fn of_scenarios(name: &str, scenarios: u32, only: Option<&str>) -> Vec<u64> {
    if let Some(only) = only {
        let digits = only.trim_start_matches("0x");
        return vec![u64::from_str_radix(digits, 16).expect("SALELOAD_SCENARIO is hexadecimal")];
    }
    (0..scenarios).map(|number| seed(&format!("{name}/{number}"))).collect()
}

/// Plays every seed, on all cores; in the order of the seeds.
pub(crate) fn on_all_cores<T: Send>(seeds: &[u64], play: impl Fn(u64) -> T + Sync) -> Vec<(u64, T)> {
    let share = seeds.len().div_ceil(std::thread::available_parallelism().map_or(1, usize::from));
    let play_one = |&seed: &u64| (seed, play(seed));
    std::thread::scope(|scope| {
        let workers: Vec<_> = seeds
            .chunks(share)
            .map(|seeds| scope.spawn(move || seeds.iter().map(play_one).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("panics are caught")).collect()
    })
}

//! A run that was split goes on as if it had not been; what is no past of a scenario is refused.

#[path = "snapshot/altered.rs"]
mod altered;
#[path = "properties/draw.rs"]
mod draw;
#[path = "snapshot/fork.rs"]
mod fork;
#[path = "snapshot/played.rs"]
mod played;
#[path = "properties/seeds.rs"]
#[expect(dead_code, reason = "scenarios are drawn one by one here")]
mod seeds;

use played::{Case, load};
use saleload::scenario::Loaded;
use tempfile::TempDir;

/// Scenarios that are split at random ticks.
const SCENARIOS: u64 = 60;

/// A number of its own for each thing that is drawn.
fn seed(what: &str, number: u64) -> u64 {
    seeds::seed(&format!("saleload snapshots 1/{what}/{number}"))
}

fn drawn(number: u64) -> Loaded {
    load(&draw::scenario(seed("scenario", number), 0.0), &[])
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary folder: {error}"))
}

/// Ticks of a run of so many: some at random, the first, and the last before the end.
fn ticks(number: u64, all: u64) -> Vec<u64> {
    let mut ticks: Vec<u64> = (0..4).map(|n| 1 + seed(&format!("tick {number}"), n) % (all - 1)).collect();
    ticks.extend([1, all - 1]);
    ticks.sort_unstable();
    ticks.dedup();
    ticks
}

#[test]
fn a_split_run_has_the_results_of_the_unbroken_one() {
    let dir = folder();
    let file = dir.path().join("state");
    let mut splits = 0;
    for number in 0..SCENARIOS {
        let loaded = drawn(number);
        let case = Case::whole(&loaded);
        let (whole, all) = case.unbroken();
        for (split, tick) in ticks(number, all.max(2)).into_iter().enumerate().filter(|(_, tick)| *tick < all) {
            // Another number of threads on either side of the split.
            case.on(1 + split % 3).play_ticks(None, tick, &file);
            let resumed = case.on(1 + (split + 1) % 4).resume(&file).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(resumed.summary, whole.summary, "scenario {number} split at tick {tick} of {all}");
            assert!(resumed == whole, "scenario {number} split at tick {tick} of {all}: the tables differ");
            splits += 1;
        }
    }
    assert!(splits > 200, "only {splits} splits");
}

#[test]
fn a_run_may_be_split_again_and_again() {
    let dir = folder();
    let file = dir.path().join("state");
    let loaded = drawn(1);
    let case = Case::whole(&loaded);
    let (whole, all) = case.unbroken();
    let step = all / 9 + 1;
    case.play_ticks(None, step, &file);
    for part in 2..=(all - 1) / step {
        let start = case.past(&file).unwrap_or_else(|error| panic!("{error}"));
        case.on(1 + part as usize % 2).play_ticks(Some(start), step, &file);
    }
    let resumed = case.resume(&file).unwrap_or_else(|error| panic!("{error}"));
    assert!(resumed == whole, "{} is not {}", resumed.summary.digest, whole.summary.digest);
}

#[test]
fn samples_can_be_split_too() {
    let dir = folder();
    let file = dir.path().join("state");
    let text = include_str!("../scenarios/quickstart.toml");
    let loaded = load(text, &["population.shoppers=200000"]);
    let case = Case { cells: 2, ..Case::whole(&loaded) };
    let (whole, all) = case.unbroken();
    case.play_ticks(None, all / 3, &file);
    let resumed = case.on(2).resume(&file).unwrap_or_else(|error| panic!("{error}"));
    assert!(resumed == whole, "{} is not {}", resumed.summary.digest, whole.summary.digest);
}

//! A run that was split goes on as if it had not been; what is no past of a scenario is refused.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

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
use saleload::engine::UnderWay;
use saleload::scenario::Loaded;
use tempfile::TempDir;

/// Scenarios that are split at random ticks.
const SCENARIOS: u64 = 120;
/// How far they are pushed to where it gets tight.
const TENSIONS: [f64; 4] = [0.0, 0.4, 0.8, 1.0];

type Count = fn(&UnderWay) -> u64;

/// What splits have to fall among, and how many of them at least.
const AMONG: [(&str, u64, Count); 9] = [
    ("deposits", 10, |of| of.deposits),
    ("baskets of presales to be wished for again as something was shown", 5, |of| of.shown),
    ("shoppers in waiting rooms", 50, |of| of.in_rooms),
    ("instances that are starting", 10, |of| of.scaling),
    ("lost cells", 5, |of| of.lost_cells),
    ("switches that are on", 10, |of| of.switched),
    ("calls that are sent twice", 20, |of| of.copies),
    ("rows that were asked for lately", 10, |of| of.tokens),
    ("sell-outs that are not known everywhere", 10, |of| of.flags),
];

/// A number of its own for each thing that is drawn.
fn seed(what: &str, number: u64) -> u64 {
    seeds::seed(&format!("saleload snapshots 1/{what}/{number}"))
}

fn drawn(number: u64) -> Loaded {
    load(&draw::scenario(seed("scenario", number), TENSIONS[(number % TENSIONS.len() as u64) as usize]), &[])
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
    let (mut splits, mut fell_among) = (0, [0; AMONG.len()]);
    for number in 0..SCENARIOS {
        let loaded = drawn(number);
        let case = Case::whole(&loaded);
        let (whole, all) = case.unbroken();
        for (split, tick) in ticks(number, all.max(2)).into_iter().enumerate().filter(|(_, tick)| *tick < all) {
            // Another number of threads on either side of the split.
            let under_way = case.on(1 + split % 3).play_ticks(None, tick, &file);
            fell_among.iter_mut().zip(AMONG).for_each(|(splits, (.., of))| *splits += u64::from(of(&under_way) > 0));
            let resumed = case.on(1 + (split + 1) % 4).resume(&file).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(resumed.summary, whole.summary, "scenario {number} split at tick {tick} of {all}");
            assert!(resumed == whole, "scenario {number} split at tick {tick} of {all}: the tables differ");
            splits += 1;
        }
    }
    println!("{splits} splits");
    for ((what, least, _), splits) in AMONG.iter().zip(fell_among) {
        println!("{splits} among {what}");
        assert!(splits >= *least, "only {splits} splits fell among {what}");
    }
    assert!(splits > 400, "only {splits} splits");
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

//! The festivals of 2016 to 2019: the fitted ones keep to what was published of their curves, the predicted ones to the little that
//! was put in.
//!
//! `SALELOAD_CELLS=64 cargo test --release --test years -- --nocapture --test-threads 1` plays them at full size, in a few minutes
//! each, and holds them to bounds that make no allowance for chance.

#![expect(clippy::print_stdout, reason = "with --nocapture, how far each figure is off")]

use saleload::engine::{self, Options};
use saleload::results::Results;
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

/// Cells of 64, where nothing else is asked for: enough that a peak of one second is hardly raised by chance.
const SIMULATED_CELLS: u32 = 2;
/// How many are asked for, when the test is built.
const MORE: Option<&str> = option_env!("SALELOAD_CELLS");
/// By how much the small sample may be off further. All cells together have to keep to what the scenarios say: 5 % for a milestone and a
/// peak, 1 % for the total.
const OF_A_SAMPLE: f64 = 0.002;

fn simulated_cells() -> u32 {
    MORE.map_or(SIMULATED_CELLS, |cells| cells.parse().expect("SALELOAD_CELLS is a number"))
}

fn played(year: u32) -> Results {
    let path = format!("scenarios/double11-{year}.toml");
    let loaded = scenario::load(Path::new(&path), &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    let options = Options { simulated_cells: simulated_cells(), threads: 2 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn keeps_to_what_was_published(results: &Results, points: usize) {
    let published = &results.summary.published;
    assert_eq!(published.len(), points);
    let is_whole = simulated_cells() == results.summary.cells;
    for figure in published {
        let error = figure.error.expect("the run came so far");
        println!("{} {}: {:+.2} %", results.summary.name, figure.name, 100.0 * error);
        let most = figure.within + if is_whole { 0.0 } else { OF_A_SAMPLE };
        assert!(error.abs() <= most, "{figure:?}");
    }
}

/// GMV a second, from a minute to another since the opening.
fn speed(results: &Results, from: i64, until: i64) -> f64 {
    let opens = results.summary.windows[0].opens_unix_ms;
    let (time, fen) = (results.series.integers("time_unix_ms"), results.series.integers("gmv_paid_fen"));
    let inside = |at: i64| (opens + from * 60_000..opens + until * 60_000).contains(&at);
    let sum: i64 = time.iter().zip(fen).filter(|(at, _)| inside(**at)).map(|(_, fen)| fen).sum();
    sum as f64 / ((until - from) as f64 * 60.0)
}

/// The balances of the presale open at one o'clock.
fn jumps_at_one(results: &Results) {
    let (before, after) = (speed(results, 50, 60), speed(results, 62, 72));
    assert!(after > 1.4 * before, "{before} fen a second before one o'clock, {after} after");
}

#[test]
fn the_curve_of_2016_is_met() {
    let results = played(2016);
    keeps_to_what_was_published(&results, 15);
    jumps_at_one(&results);
}

#[test]
fn the_curve_of_2018_is_met() {
    let results = played(2018);
    keeps_to_what_was_published(&results, 11);
    jumps_at_one(&results);
}

#[test]
fn what_was_put_into_2017_and_2019_comes_out() {
    for year in [2017, 2019] {
        let results = played(year);
        keeps_to_what_was_published(&results, 2);
        jumps_at_one(&results);
    }
}

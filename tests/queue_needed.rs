//! The queue that a service would have needed, against a run in which it has no bound.

use saleload::engine::{self, Options};
use saleload::scenario;
use std::ops::ControlFlow;

/// Twenty requests a second that can be served in twice that number, and for half a minute three times as many as come otherwise.
const PULSE: &str = r#"
    name = "pulse"
    title = "More than a service can carry for half a minute"
    population.shoppers = 6000
    platform.cells = 1
    record.fine = "10m"
    window.w = { opens = "2020-01-01T00:00:00Z", closes = "2020-01-01T00:05:00Z" }
    intensity.pulse.parts = [{ points = { weight = 1, values = [[0, 1], [60, 1], [61, 4], [90, 4], [91, 1], [300, 1]] } }]
    segment.all = { share = 1, cbmg = "g", window.w = { participation = 1, intensity = "pulse" } }
    cbmg.g = { entry = "p", state.p = { calls = ["a"], next = { exit = 1 } } }

    [service.a]
    instances = 2
    workers = 1
    service_time.deterministic = "50ms"
"#;

/// The longest queue, and the one that was needed.
fn queues(overrides: &[&str]) -> (u64, u64) {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load_str(PULSE, "pulse.toml", &overrides);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    let options = Options { simulated_cells: 1, threads: 1 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    let saturated = results.unwrap_or_else(|breach| panic!("{breach}")).summary.saturated;
    let most = |of: fn(&saleload::results::Saturation) -> u64| saturated.iter().map(of).max().unwrap_or(0);
    (most(|of| of.queue_max), most(|of| of.queue_needed))
}

fn assert_needed(with: &[&str], within: f64) {
    let (reached, said) = queues(with);
    assert_eq!(reached, said, "with {with:?} and no bound, nobody needs more than was there");
    let (_, needed) = queues(&[with, &["service.a.queue=5"]].concat());
    let off = needed as f64 / reached as f64 - 1.0;
    assert!(off.abs() <= within, "with {with:?} the queue grows to {reached}, and {needed} are said to be needed");
}

#[test]
fn a_queue_without_a_bound_grows_to_what_was_needed() {
    assert_needed(&[], 0.01);
}

#[test]
fn who_tries_again_needs_one_place() {
    assert_needed(&[r#"service.a.retry={attempts=4,backoff="200ms"}"#], 0.03);
    assert_needed(&[r#"service.a.retry={attempts=10,backoff="1s",jitter="full"}"#], 0.05);
}

/// Of a hedged call two copies wait, which are both worked on unless the one that waits is taken back.
#[test]
fn hedged_calls_need_two_places() {
    let hedge = r#"service.a.hedge={after="200ms"}"#;
    assert_needed(&[hedge], 0.05);
    assert_needed(&[hedge, r#"service.a.cancel="all""#], 0.05);
    assert_needed(&[hedge, r#"service.a.cancel="waiting""#], 0.05);
}

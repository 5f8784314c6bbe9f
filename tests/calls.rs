//! Services that call others: what a slow one does to those above it.

use saleload::engine::{self, Options};
use saleload::forecast::Forecast;
use saleload::results::{Bucket, Results, Verdict};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

fn load(overrides: &[&str]) -> scenario::Loaded {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load(Path::new("scenarios/pool-exhaustion.toml"), &overrides);
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn run(overrides: &[&str]) -> Results {
    let options = Options { simulated_cells: 1, threads: 1 };
    let results = engine::run(&load(overrides).plan, &options, &mut |_| ControlFlow::Continue(()));
    results.unwrap_or_else(|breach| panic!("{breach}"))
}

/// Utilisation and rejected share of gateway, order and inventory.
fn busy(results: &Results) -> Vec<(f64, f64)> {
    let share = |rejected: u64, requests: u64| rejected as f64 / requests as f64;
    results.services.iter().map(|row| (row.utilisation_mean, share(row.rejected, row.requests))).collect()
}

#[test]
fn a_slow_service_empties_the_pools_above_it() {
    let slow = busy(&run(&[]));
    // 40 workers at the order service: 20 requests a second get through to a thousand workers.
    assert!(slow[0].0 > 0.97 && slow[1].0 > 0.98, "{slow:?}");
    assert!((0.03..0.05).contains(&slow[2].0), "{slow:?}");
    assert!(slow[0].1 > 0.5, "the gateway turns away what it could serve: {slow:?}");
    let healthy = busy(&run(&["service.inventory.service_time.deterministic=20ms"]));
    assert!(healthy[0].0 < 0.02 && (0.05..0.08).contains(&healthy[1].0) && healthy[2].0 < 0.003, "{healthy:?}");
    assert!(healthy.iter().all(|service| service.1 < 1e-9), "{healthy:?}");
}

#[test]
fn the_forecast_sees_the_calls_of_services() {
    let forecast = Forecast::new(&load(&[]).plan);
    let services = &forecast.windows[0].services;
    let load: Vec<f64> = services.iter().filter_map(|service| service.peak_offered_over_capacity).collect();
    let expected = [100.0 * 2.006 / 200.0, 100.0 * 2.005 / 40.0, 100.0 * 2.0 / 1000.0];
    for (load, expected) in load.iter().zip(expected) {
        assert!((load / expected - 1.0).abs() < 0.02, "{load} instead of {expected}");
    }
    assert!(services.iter().all(|service| (service.requests / services[0].requests - 1.0).abs() < 1e-9));
}

/// An error below is an error above, told at once, and its workers are free.
#[test]
fn a_failure_travels_upstream() {
    let failing = busy(&run(&["service.inventory.timeout=100ms"]));
    assert!(failing.iter().take(2).all(|service| service.1 > 0.99), "{failing:?}");
    // 100 requests a second keep a worker for 105 ms.
    assert!((0.2..0.3).contains(&failing[1].0), "{failing:?}");
}

/// The shop of `quickstart.toml`, whose order service calls another that is far too small, with more than enough workers to wait for it.
fn with_small_stock(stock: &str, overrides: &[&str]) -> Results {
    let all = [
        r#"service.order.calls=["stock"]"#.to_owned(),
        "service.order.instances=20".to_owned(),
        "service.order.workers=2000".to_owned(),
        r#"service.order.service_time.deterministic="120ms""#.to_owned(),
        format!("service.stock={{instances=4,workers=1,service_time.exponential=\"300ms\"{stock}}}"),
        r#"target.none={pass="lost = 0 RMB",service="stock"}"#.to_owned(),
        r#"target.order={pass="lost = 0 RMB",service="order"}"#.to_owned(),
    ];
    let all: Vec<String> = all.into_iter().chain(overrides.iter().map(ToString::to_string)).collect();
    let loaded = scenario::load(Path::new("scenarios/quickstart.toml"), &all);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    let options = Options { simulated_cells: plan.cells, threads: 0 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    results.unwrap_or_else(|breach| panic!("{breach}"))
}

/// Money in the ledger that the failures of a service ended in a way.
fn lost(results: &Results, service: &str, bucket: Bucket) -> u64 {
    let rows = results.ledger.iter().filter(|row| row.service == service && row.bucket == bucket);
    rows.map(|row| row.money_fen).sum()
}

/// What a service is said to have lost in the stretches in which it could not keep up; `None` where it always could.
fn said_to_lose(results: &Results, service: &str) -> Option<u64> {
    let stretches = results.summary.saturated.iter().filter(|of| of.service == service);
    stretches.map(|of| of.lost_fen).reduce(|sum, fen| sum + fen)
}

#[test]
fn a_failure_is_put_down_to_the_service_that_failed() {
    let results = with_small_stock(r#",queue=3,timeout="1s""#, &["service.order.retry.attempts=1"]);
    let of_order = results.services.iter().find(|row| row.service == "order");
    assert!(of_order.is_some_and(|row| row.rejected > 1000), "its requests fail all the same");
    let of_stock = lost(&results, "stock", Bucket::Rejected) + lost(&results, "stock", Bucket::TimedOut);
    assert!(of_stock > 0 && said_to_lose(&results, "stock").is_some_and(|fen| fen > of_stock * 9 / 10));
    assert_eq!(lost(&results, "order", Bucket::Rejected), 0);
    assert_eq!(said_to_lose(&results, "order"), None, "it kept up");
    let verdict = |name: &str| results.summary.targets.iter().find(|of| of.name == name).map(|of| of.verdict);
    assert_eq!((verdict("none"), verdict("order")), (Some(Verdict::Fail), Some(Verdict::Pass)));
}

#[test]
fn who_leaves_has_waited_for_the_service_at_the_end_of_the_calls() {
    let results = with_small_stock("", &[r#"service.order.timeout="1s""#, r#"service.order.cancel="all""#]);
    assert!(lost(&results, "stock", Bucket::TimedOut) > 0);
    assert_eq!(lost(&results, "order", Bucket::TimedOut), 0, "it only waited");
    assert_eq!(said_to_lose(&results, "order"), None, "it has workers in plenty");
}

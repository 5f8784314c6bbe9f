//! Services that call others: what a slow one does to those above it.

use saleload::engine::{self, Options};
use saleload::forecast::Forecast;
use saleload::results::Results;
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

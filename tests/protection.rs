//! The bundled `throttled.toml`: what protection does to a shop that three times as many come to as it can carry; and limiters that warm up.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::plan::protection::{Protection, RateLimit};
use saleload::results::{Results, ServiceRow, series};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

fn throttled() -> Plan {
    let loaded = scenario::load(Path::new("scenarios/throttled.toml"), &[]);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    loaded.plan
}

fn run(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn service<'a>(results: &'a Results, name: &str) -> &'a ServiceRow {
    let row = results.services.iter().find(|row| row.service == name);
    row.unwrap_or_else(|| panic!("no service {name}"))
}

#[test]
fn the_bundled_scenario_is_limited_everywhere_and_the_same_on_any_number_of_threads() {
    let plan = throttled();
    let results = run(&plan, 1);
    for row in &results.services {
        println!(
            "{:>8}: {} requests, {} rejected, {} of them limited, {} timed out, p99 {} us",
            row.service, row.requests, row.rejected, row.limited, row.timed_out, row.response_us_p99
        );
        assert!(row.limited > 0, "{} is never limited", row.service);
    }
    assert!(run(&plan, 2) == results && run(&plan, 16) == results);
}

/// Without protection clients try again and again, and the order service works on what nobody waits for any more.
#[test]
fn protection_saves_orders() {
    let plan = throttled();
    let mut bare = plan.clone();
    bare.services.iter_mut().for_each(|service| service.protection = Protection::default());
    let (with, without) = (run(&plan, 0), run(&bare, 0));
    for results in [&with, &without] {
        let (total, order) = (&results.summary.total, service(results, "order"));
        println!(
            "{} orders paid of {}; order: {} requests, {} limited, {} timed out",
            total.orders_paid, total.intents, order.requests, order.limited, order.timed_out
        );
    }
    let (order, bare_order) = (service(&with, "order"), service(&without, "order"));
    assert!(order.timed_out * 10 < bare_order.timed_out, "work is wasted on clients who have gone");
    assert!(with.summary.total.orders_paid > without.summary.total.orders_paid);
}

/// The rates of all cells add up to the platform's, however many cells there are.
#[test]
fn limits_mean_the_same_with_any_number_of_cells() {
    let passed = |cells: u32| {
        let mut plan = throttled();
        plan.cells = cells;
        for service in &mut plan.services {
            service.protection = Protection::default();
            service.pool = None;
        }
        // So few that every cell is asked for more nearly all the time.
        let rate = RateLimit::TokenBucket { per_second: 10, burst: 64 };
        plan.services[1].protection.rate = Some(rate);
        let results = run(&plan, 0);
        let order = service(&results, "order");
        order.requests - order.rejected
    };
    let passed: Vec<u64> = [1, 3, 7, 16].map(passed).to_vec();
    println!("passed with 1, 3, 7 and 16 cells: {passed:?}");
    let (least, most) = (passed.iter().min().copied(), passed.iter().max().copied());
    assert!(most.zip(least).is_some_and(|(most, least)| most - least < most / 50), "{passed:?}");
    assert!(most.is_some_and(|most| most <= 3600 * 10 + 64), "an hour at ten a second, and the burst: {passed:?}");
}

/// Under full load a limiter whose rate does not divide by its cold factor warms up like any other.
#[test]
fn a_limiter_warms_up_at_any_rate() {
    let text = r#"
        name = "warm"
        title = "A steady crowd before a service that is cold"
        population.shoppers = 22_500
        platform.cells = 1
        record.fine = "10m"
        window.w = { opens = "2020-01-01T00:00:00Z", closes = "2020-01-01T00:02:30Z" }
        intensity.even.parts = [{ constant = { weight = 1 } }]
        segment.all = { share = 1, cbmg = "g", window.w = { participation = 1, intensity = "even" } }
        cbmg.g = { entry = "p", state.p = { calls = ["a"], next = { exit = 1 } } }

        [service.a]
        instances = 20
        workers = 1
        service_time.deterministic = "50ms"
        limit.rate.warm_up = { per_second = 100, within = "60s", cold_factor = 3 }
    "#;
    let loaded = scenario::load_str(text, "warm.toml", &[]);
    let results = run(&loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan, 1);
    let [requests, limited] = ["requests", "limited"].map(|what| results.series.integers(&series::service("a", what)));
    let passed: Vec<i64> = requests.iter().zip(limited).map(|(requests, limited)| requests - limited).collect();
    println!("passed in each second: {passed:?}");
    assert_eq!(passed[0], 33);
    assert!((58..=62).contains(&passed.iter().position(|&passed| passed >= 100).unwrap_or(usize::MAX)));
    assert!(passed[62..150].iter().all(|&passed| passed == 100), "it stays warm");
}

//! The worked example of a metastable failure of Bronson, Aghayev, Charapko and Zhu, "Metastable failures in distributed systems"
//! (`HotOS` 2021): a database that takes 300 queries a second and is an order of magnitude slower above, clients who try once more
//! after a second, and a trigger of ten seconds. The load stays at twice what it was, and nothing is answered in time, although the
//! trigger is long over; below 150 a second the same platform recovers.
//!
//! `scenarios/retry-storm.toml`, and what the same platform does under other loads and with other clients.

use saleload::engine::{self, Options};
use saleload::results::series;
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

const DATABASES: u64 = 20;
/// The trigger lasts from 20 s to 30 s; these seconds lie before and long after it.
const BEFORE: std::ops::Range<usize> = 5..20;
const AFTER: std::ops::Range<usize> = 60..90;

/// Another trigger: three times as many clients from 20 s to 30 s, and nothing goes wrong.
const CROWD: &str = "[{points={weight=1,values=[[0,1],[20,1],[20.001,3],[30,3],[30.001,1],[90,1]]}}]";
const CROWDED: u64 = 280 * DATABASES * (20 + 30 + 60);
const NO_OUTAGE: &str = "incident.outage.effect={slowed=1}";

/// Requests per second and database, and the share of those that were not answered in time, over some seconds: with so many
/// clients a second and database, and other settings of the service.
fn measure(per_second: u64, settings: &[&str]) -> [(f64, f64); 2] {
    let settings: Vec<String> = settings.iter().map(|setting| format!("service.database.{setting}")).collect();
    play(per_second * DATABASES * 90, &settings)
}

/// The same for so many clients in all.
fn play(shoppers: u64, settings: &[String]) -> [(f64, f64); 2] {
    let overrides: Vec<String> = settings.iter().cloned().chain([format!("population.shoppers={shoppers}")]).collect();
    let loaded = scenario::load(Path::new("scenarios/retry-storm.toml"), &overrides);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    assert_eq!(plan.services[0].pool.as_ref().map(|pool| pool.instances), Some(DATABASES));
    let options = Options { simulated_cells: 1, threads: 1 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    let table = results.unwrap_or_else(|breach| panic!("{breach}")).series;
    let sum = |name: &str, rows: std::ops::Range<usize>| {
        table.integers(&series::service("database", name))[rows].iter().sum::<i64>() as f64
    };
    let measured = [BEFORE, AFTER].map(|rows| {
        let (requests, late) = (sum("requests", rows.clone()), sum("timed_out", rows.clone()));
        (requests / rows.len() as f64 / DATABASES as f64, late / requests)
    });
    println!("{shoppers} clients, {settings:?}: {measured:.4?}");
    measured
}

#[test]
fn the_storm_outlives_its_trigger() {
    let [(before, late_before), (after, late_after)] = measure(280, &[]);
    assert!((before - 280.0).abs() < 5.0 && late_before == 0.0, "{before} {late_before}");
    assert!((after - 560.0).abs() < 5.0 && late_after > 0.99, "{after} {late_after}");
}

/// Any other trigger does as well: ten seconds with three times as many clients, and no outage.
#[test]
fn a_crowd_leaves_the_same_storm() {
    let settings = [format!("intensity.even.parts={CROWD}"), NO_OUTAGE.into()];
    let [(before, late_before), (after, late_after)] = play(CROWDED, &settings);
    assert!((before - 280.0).abs() < 5.0 && late_before == 0.0, "{before} {late_before}");
    assert!((after - 560.0).abs() < 5.0 && late_after > 0.99, "{after} {late_after}");
}

/// Retries of less than twenty a second leave the load below three hundred, and the storm ends; of more they do not.
#[test]
fn twenty_retries_a_second_are_the_edge() {
    let budget =
        |retries: u64| format!("retry.budget.share={{of_requests=0,per_second={},window='1s'}}", retries * DATABASES);
    let [_, (calm, late)] = measure(280, &[&budget(15)]);
    assert!((calm - 280.0).abs() < 5.0 && late == 0.0, "{calm} {late}");
    let [_, (storm, late)] = measure(280, &[&budget(30)]);
    assert!((storm - 310.0).abs() < 5.0 && late > 0.5, "{storm} {late}");
}

/// A few seconds with less than a hundred and fifty clients a second end the storm for good; with more they do not.
#[test]
fn a_pause_ends_it() {
    let pause = |per_second: u64| {
        // From 45 s to 50 s.
        let values = format!("[[0,280],[45,280],[45.001,{per_second}],[50,{per_second}],[50.001,280],[90,280]]");
        let parts = format!("intensity.even.parts=[{{points={{weight=1,values={values}}}}}]");
        play(DATABASES * (85 * 280 + 5 * per_second), &[parts])
    };
    let [_, (calm, late)] = pause(130);
    assert!((calm - 280.0).abs() < 5.0 && late == 0.0, "{calm} {late}");
    let [_, (storm, late)] = pause(170);
    assert!((storm - 560.0).abs() < 5.0 && late > 0.99, "{storm} {late}");
}

/// Above half of what the database takes the storm stays, below it ends.
#[test]
fn half_of_the_limit_is_the_edge() {
    let [_, (storm, late)] = measure(160, &[]);
    assert!((storm - 320.0).abs() < 5.0 && late > 0.99, "{storm} {late}");
    let [_, (calm, late)] = measure(140, &[]);
    assert!((calm - 140.0).abs() < 5.0 && late == 0.0, "{calm} {late}");
}

const BREAKER: &str = "breaker={trips_on.errors=0.5,open='2s',window='10s'}";

/// What ends the storm, and what does not; `docs/retry-storm.md` tells why.
#[test]
fn fewer_requests_end_it() {
    for remedy in [
        &["retry.budget.share={of_requests=0.1,per_second=1}"][..],
        &["retry.budget.tokens={max=200}"],
        &[BREAKER],
        &["limit.rate.token_bucket={per_second=5900,burst=300}"],
    ] {
        let [_, (load, late)] = measure(280, remedy);
        assert!(load < 310.0 && late == 0.0, "{remedy:?}: {load} {late}");
    }
}

/// Clients who throttle themselves let through what one in two answers allows. Where there was no answer at all for ten seconds, that is
/// next to nothing, and doubles slowly; after a crowd, in which some were answered, it is soon all of it.
#[test]
fn a_throttle_ends_it_in_time() {
    let [_, (attempts, late)] = measure(280, &["throttle={window='10s'}"]);
    assert!(attempts > 310.0 && late == 0.0, "held back and tried again: {attempts} {late}");
    // Beside a breaker, neither keeps the other from learning that the storm is over.
    for remedy in [&["throttle={window='10s'}"][..], &[BREAKER, "throttle={window='10s'}"]] {
        let mut crowd = vec![format!("intensity.even.parts={CROWD}"), NO_OUTAGE.into()];
        crowd.extend(remedy.iter().map(|setting| format!("service.database.{setting}")));
        let [_, (calm, late)] = play(CROWDED, &crowd);
        assert!(calm < 310.0 && late == 0.0, "{remedy:?}: {calm} {late}");
    }
}

#[test]
fn the_same_requests_in_another_order_do_not() {
    let few = "workers=60";
    for remedies in [
        &["retry.backoff='10s'", "retry.jitter='full'"][..],
        &[few],
        &[few, "discipline='lifo'"],
        &[few, "cancel='waiting'"],
        &[few, "cancel='all'"],
    ] {
        let [_, (load, late)] = measure(280, remedies);
        assert!((load - 560.0).abs() < 5.0 && late > 0.99, "{remedies:?}: {load} {late}");
    }
}

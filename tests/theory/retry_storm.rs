//! The worked example of a metastable failure of Bronson, Aghayev, Charapko and Zhu, "Metastable failures in distributed systems"
//! (`HotOS` 2021): a database that takes 300 queries a second and is an order of magnitude slower above, clients who try once more
//! after a second, and a trigger of ten seconds. The load stays at twice what it was, and nothing is answered in time, although the
//! trigger is long over; below 150 a second the same platform recovers.
//!
//! Twenty databases, so that chance alone does not carry the load past what they take. The trigger is a crowd.

use saleload::engine::{self, Options};
use saleload::results::series;
use saleload::scenario;
use std::ops::ControlFlow;

const DATABASES: u64 = 20;
/// The trigger lasts from 20 s to 30 s; these seconds lie before and long after it.
const BEFORE: std::ops::Range<usize> = 5..20;
const AFTER: std::ops::Range<usize> = 60..90;

fn text(per_second: u64) -> String {
    // Twenty seconds, ten of three times as many, sixty more.
    let shoppers = per_second * DATABASES * (20 + 30 + 60);
    format!(
        r#"
        name = "retry-storm"
        title = "A metastable failure"
        zone = "UTC"
        population.shoppers = {shoppers}
        platform.cells = 1
        [window.day]
        opens = "2020-01-01T00:00:00Z"
        closes = "2020-01-01T00:01:30Z"
        [intensity.crowd]
        parts = [{{ points = {{ weight = 1, values = [[0, 1], [20, 1], [20.001, 3], [30, 3], [30.001, 1], [90, 1]] }} }}]
        [segment.client]
        share = 1
        cbmg = "query"
        window.day = {{ participation = 1, intensity = "crowd" }}
        [cbmg.query]
        entry = "query"
        state.query = {{ calls = ["database"], next = {{ exit = 1 }} }}
        [service.database]
        instances = {DATABASES}
        workers = 10_000
        service_time.deterministic = "200ms"
        slowdown = {{ above = 300, factor = 10 }}
        timeout = "1s"
        retry = {{ attempts = 2, backoff = "1ms", jitter = "none" }}
    "#
    )
}

/// Requests per second and database, and the share of those that were not answered in time, over some seconds.
fn measure(per_second: u64) -> [(f64, f64); 2] {
    let loaded = scenario::load_str(&text(per_second), "retry-storm.toml", &[]);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    let options = Options { simulated_cells: 1, threads: 1 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    let table = results.unwrap_or_else(|breach| panic!("{breach}")).series;
    let sum = |name: &str, rows: std::ops::Range<usize>| {
        table.integers(&series::service("database", name))[rows].iter().sum::<i64>() as f64
    };
    [BEFORE, AFTER].map(|rows| {
        let (requests, late) = (sum("requests", rows.clone()), sum("timed_out", rows.clone()));
        (requests / rows.len() as f64 / DATABASES as f64, late / requests)
    })
}

#[test]
fn the_storm_outlives_its_trigger() {
    let [(before, late_before), (after, late_after)] = measure(280);
    println!("280 a second: {before:.1} before, {late_before:.4} late; {after:.1} after, {late_after:.4} late");
    assert!((before - 280.0).abs() < 5.0 && late_before == 0.0, "{before} {late_before}");
    assert!((after - 560.0).abs() < 5.0 && late_after > 0.99, "{after} {late_after}");
}

/// Above half of what the database takes the storm stays, below it ends.
#[test]
fn half_of_the_limit_is_the_edge() {
    let [_, (storm, late)] = measure(160);
    println!("160 a second: {storm:.1} after, {late:.4} late");
    assert!((storm - 320.0).abs() < 5.0 && late > 0.99, "{storm} {late}");
    let [_, (calm, late)] = measure(140);
    println!("140 a second: {calm:.1} after, {late:.4} late");
    assert!((calm - 140.0).abs() < 5.0 && late == 0.0, "{calm} {late}");
}

//! Brands: what they were paid adds up, and when they had been paid how much is the same wherever it is told.

use saleload::engine::brands::MARKS;
use saleload::engine::{self, Options};
use saleload::results::{Results, Verdict, series};
use saleload::scenario;
use std::ops::ControlFlow;

const TARGETS: &str = r#"
target.race.pass = "brands_past_1m >= 2"
target.early = { pass = "brands_past_1m = 0", window = "noon", until = "1s" }
target.first = { pass = "passed_1m_at < 10m", brand = "Northwind" }
target.never = { pass = "passed_1bn_at > 59m", brand = "Northwind" }
"#;

/// A small shop of dear goods: some of its brands come to millions.
fn run(threads: usize) -> Results {
    let dear =
        ["category.sneakers.price={ constant = '20k RMB' }", "category.groceries.price={ constant = '30k RMB' }"];
    let overrides: Vec<String> = dear.iter().map(|set| (*set).to_owned()).collect();
    let text = format!("{TARGETS}\n{}", include_str!("../scenarios/quickstart.toml"));
    let loaded = scenario::load_str(&text, "shop.toml", &overrides).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let options = Options { simulated_cells: loaded.plan.cells, threads };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

#[test]
fn brands_and_products_without_one_add_up_to_gmv() {
    let results = run(2);
    let of_brands: u64 = results.brands.iter().map(|row| row.gmv_paid_fen).sum();
    let without: u64 = results.products.iter().filter(|row| row.brand.is_empty()).map(|row| row.gmv_paid_fen).sum();
    assert_eq!(of_brands + without, results.summary.total.gmv_paid_fen);
}

#[test]
fn a_brand_has_passed_what_it_was_paid() {
    let results = run(2);
    let opens = results.summary.windows[0].opens_unix_ms;
    for row in &results.brands {
        let passed = row.passed_unix_ms();
        for (at, mark) in passed.iter().zip(MARKS) {
            assert_eq!(at.is_some(), row.gmv_paid_fen >= mark.0, "{row:?}");
        }
        let times: Vec<i64> = passed.into_iter().flatten().collect();
        assert!(times.is_sorted(), "{row:?}");
        let since = |at: i64| (at - opens) as f64 / 1000.0;
        assert!(row.passed_1m_unix_ms.map(since).zip(row.passed_1m_seconds).is_none_or(|(a, b)| (a - b).abs() < 1e-3));
    }
    let (times, seconds) = (results.series.integers(series::TIME), results.series.integers(series::SECONDS));
    for (mark, name) in series::BRANDS_PAST.into_iter().enumerate() {
        let past = results.brands_past(mark);
        for (row, &brands) in results.series.integers(name).iter().enumerate() {
            let end = times[row] + seconds[row] * 1000;
            assert_eq!(brands, past.iter().filter(|(at, _)| *at <= end).count() as i64, "{name}, row {row}");
        }
    }
}

#[test]
fn targets_tell_of_the_race() {
    let results = run(1);
    assert!(
        results.summary.targets.iter().all(|target| target.verdict == Verdict::Pass),
        "{:?}",
        results.summary.targets
    );
    assert_eq!(results.summary.targets[0].measured, Some(results.brands_past(0).len() as f64));
    assert_eq!(results.summary.targets[3].measured, None, "it never was paid a billion");
    let first = results.brands.iter().find(|row| row.brand == "Northwind").expect("a named brand");
    assert_eq!(results.summary.targets[2].measured, first.passed_1m_seconds);
}

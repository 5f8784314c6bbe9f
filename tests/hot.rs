//! How many requests for one SKU get through, against arithmetic.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "sale/played.rs"]
mod sale;

use sale::{SECONDS, played, units};
use saleload::results::{Bucket, HOT, Results, series};

/// Requests a second, on average, for as long as the window is open.
const RATE: u64 = 2000;
const SHOPPERS: u64 = RATE * SECONDS;
/// Cells of the platform, each of which gets a sixteenth of the requests.
const CELLS: u32 = 16;

/// Shoppers come evenly for a unit of one product, of which there is enough for all, and pay on the spot.
fn sale(cells: u32, simulated_cells: u32, overrides: &[&str]) -> Results {
    let own = format!(
        r#"
        platform = {{ cells = {cells}, tick_min = "50ms", tick_max = "50ms" }}
        product.wanted = {{ category = "goods", price = "10 RMB", stock = 1_000_000, demand = 1 }}
        "#
    );
    played(SHOPPERS, &own, simulated_cells, overrides)
}

/// Requests rejected, which all ways of telling them agree about.
fn rejected(results: &Results) -> u64 {
    let rejected = units(results, Bucket::Rejected);
    let told = results.summary.hot_rows.unwrap_or_else(|| panic!("requests are limited"));
    assert!(results.ledger.iter().all(|row| (row.service == HOT) == (row.bucket == Bucket::Rejected)));
    assert_eq!((told.requests_rejected, told.fen), (rejected, 1000 * rejected));
    assert_eq!(results.products[0].requests_rejected, rejected);
    rejected
}

/// Under a demand far above it, burst + rate × time get through, to the last request, however many cells there are.
#[test]
fn burst_and_rate_get_through_and_no_more() {
    for cells in [1, 4, 7] {
        for (hot, per_second, burst) in [
            ("{per_second=100}", 100, 100),
            ("{per_second=50,group_commit=2,burst=30}", 100, 30),
            ("{per_second=3,burst=1}", 3, 1),
        ] {
            let results = sale(cells, cells, &[&format!("inventory.hot={hot}")]);
            let through = burst + per_second * SECONDS;
            assert_eq!(results.summary.total.orders_created, through, "{cells} cells, {hot}");
            assert_eq!(rejected(&results), SHOPPERS - through);
        }
    }
}

/// In the long run, of R requests a second L get through, whatever was said of bursts. A second has a Poisson number of requests.
#[test]
fn the_share_rejected_is_what_goes_beyond() {
    for (per_second, group_commit) in [(400, 1), (300, 5), (900, 2)] {
        let hot = format!("inventory.hot={{per_second={per_second},group_commit={group_commit},burst=20}}");
        let results = sale(CELLS, CELLS, &[&hot]);
        let rejected = results.series.integers(&series::bucket(Bucket::Rejected));
        // The first second has the burst.
        let (first, last) = (1, SECONDS as usize);
        let fen: i64 = rejected[first..last].iter().sum();
        let requests = (SECONDS - 1) as f64 * RATE as f64;
        let (share, expected) =
            (fen as f64 / 1000.0 / requests, 1.0 - f64::from(per_second * group_commit) / RATE as f64);
        let chance = 4.0 / requests.sqrt();
        println!("{per_second} x {group_commit} a second: {share:.4} rejected, {expected:.4} ± {chance:.4} expected");
        assert!((share - expected).abs() < chance);
    }
}

#[test]
fn a_limit_above_the_demand_stops_nobody() {
    let results = sale(4, 4, &["inventory.hot={per_second=1_000_000}"]);
    assert_eq!((results.summary.total.orders_paid, rejected(&results)), (SHOPPERS, 0));
    assert_eq!(results.summary.digest, sale(4, 4, &[]).summary.digest);
}

/// A sampled row takes its share of the requests.
#[test]
fn a_sample_has_its_share_of_a_row() {
    let results = sale(4, 1, &["inventory.hot={per_second=100,burst=40}"]);
    assert_eq!(results.summary.total.orders_paid, 40 + 100 * SECONDS);
}

/// However small, a sample gets a token whenever so much has come in: one of eight cells, one in four seconds.
#[test]
fn a_sample_with_less_than_a_token_saves_it_up() {
    let results = sale(8, 1, &["inventory.hot={per_second=2,burst=2}"]);
    let through = results.summary.total.orders_paid / 8;
    println!("{through} in {SECONDS} s");
    assert_eq!(through, 1 + SECONDS / 4);
}

/// Where each cell has a row of its own, as many times as much of a hot SKU is sold in the first seconds.
#[test]
fn split_rows_take_as_many_times_as_much() {
    let in_three_seconds = |overrides: &[&str]| -> i64 {
        let hot = ["inventory.hot={per_second=20,burst=5}"];
        let results = sale(CELLS, CELLS, &[&hot, overrides].concat());
        rejected(&results);
        results.series.integers(series::ORDERS)[..3].iter().sum()
    };
    let (one_row, rows) = (in_three_seconds(&[]), in_three_seconds(&["inventory.split.by_cell={}"]));
    println!("ordered in three seconds: {one_row} from one row, {rows} from {CELLS}");
    assert_eq!(one_row, 5 + 20 * 3);
    // A full row gains nothing until its first request, and its last token comes as the three seconds end.
    let as_many_times = one_row * i64::from(CELLS);
    assert!((as_many_times - 2 * i64::from(CELLS)..=as_many_times).contains(&rows));
}

/// At the payment as many get through, and those who do not have ordered in vain. An optimistic payment that is rejected oversells nothing.
#[test]
fn payments_take_tokens_where_they_take_the_stock() {
    let hot = "inventory.hot={per_second=100,burst=40}";
    let through = 40 + 100 * SECONDS;
    for reserve in ["payment", "optimistic"] {
        let results = sale(CELLS, CELLS, &[hot, &format!("inventory.reserve='{reserve}'")]);
        let total = &results.summary.total;
        assert_eq!((total.orders_created, total.orders_paid), (SHOPPERS, through), "{reserve}");
        assert_eq!(rejected(&results), SHOPPERS - through);
    }
    let late = ["inventory.reserve='optimistic'", "inventory.flag_delay='1h'", "product.wanted.stock=500"];
    let results = sale(CELLS, CELLS, &[&[hot], &late[..]].concat());
    assert_eq!(results.summary.total.orders_paid, 500);
    assert_eq!(units(&results, Bucket::Oversold), through - 500);
    assert_eq!(rejected(&results), SHOPPERS - through);
}

/// Once it is known that nothing is left, nobody is rejected any more.
#[test]
fn what_is_sold_out_needs_no_token() {
    let results = sale(CELLS, CELLS, &["inventory.hot={per_second=100,burst=10}", "product.wanted.stock=60"]);
    let per_second = results.series.integers(&series::bucket(Bucket::Rejected));
    assert!(per_second[0] > 0 && per_second[1..].iter().all(|&fen| fen == 0), "{per_second:?}");
    assert_eq!(results.summary.total.orders_paid, 60);
    assert_eq!(units(&results, Bucket::SoldOut) + rejected(&results), SHOPPERS - 60);
}

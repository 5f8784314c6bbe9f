//! Every strategy is a valid patch on the flagship that plays, and changes what it is about.

use saleload::engine::{self, Options};
use saleload::plan::Shows;
use saleload::results::{Bucket, Results, series};
use saleload::scenario;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// A hundredth of the shoppers, goods and rooms, and of that one cell of 64.
fn played(file: &Path) -> Results {
    let mut overrides = vec!["population.shoppers=8000000".to_owned(), "catalogue.skus=160000".to_owned()];
    overrides.extend(["catalogue.brands=2500".to_owned(), "window.second.new_skus=20000".to_owned()]);
    let whole = scenario::load(file, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    for livestream in &whole.livestreams {
        let Shows::Rooms(rooms) = &livestream.shows else { continue };
        let rooms_of = format!("livestream.{}.shows.rooms", livestream.name);
        overrides.push(format!("{rooms_of}.rooms={}", rooms.rooms.div_ceil(100)));
        overrides.push(format!("{rooms_of}.products={}", rooms.products.div_ceil(100)));
    }
    if whole.inventory.hot.is_some() {
        overrides.push("inventory.hot.per_second=100".to_owned());
    }
    let loaded = scenario::load(file, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    let options = Options { simulated_cells: 1, threads: 1 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// What brands were paid, and products without one, is all that was paid: with coupons, deposits and livestreams too.
fn adds_up(results: &Results) {
    let of_brands: u64 = results.brands.iter().map(|row| row.gmv_paid_fen).sum();
    let without: u64 = results.products.iter().filter(|row| row.brand.is_empty()).map(|row| row.gmv_paid_fen).sum();
    assert_eq!(of_brands + without, results.summary.total.gmv_paid_fen, "{}", results.summary.name);
}

/// Money of a bucket, fen.
fn money(results: &Results, bucket: Bucket) -> u64 {
    results.ledger.iter().filter(|row| row.bucket == bucket).map(|row| row.money_fen).sum()
}

/// Orders created from so many minutes after the opening of the last window until so many.
fn orders(results: &Results, from: i64, until: i64) -> i64 {
    let opens = results.summary.windows.last().expect("a window").opens_unix_ms;
    let (from, until) = (opens + from * 60_000, opens + until * 60_000);
    let rows = results.series.integers(series::TIME).iter().zip(results.series.integers(series::ORDERS));
    rows.filter(|(time, _)| (from..until).contains(*time)).map(|(_, orders)| *orders).sum()
}

/// GMV paid of a category, fen.
fn of_category(results: &Results, category: &str) -> i64 {
    results.series.integers(&format!("category.{category}.gmv_paid_fen")).iter().sum()
}

/// What a strategy is bound to do, whatever else; the ones that are not here may do this or that.
fn does_what_it_is_for(name: &str, of: &Results, base: &Results, played: &BTreeMap<String, Results>) -> bool {
    let more = |bucket| money(of, bucket) > money(base, bucket);
    match name {
        "balances-at-one" => orders(of, 30, 60) < orders(base, 30, 60) && orders(of, 60, 90) > orders(base, 60, 90),
        "deeper-discount" => of_category(of, "food") < of_category(base, "food"),
        "hot-rows" => of.summary.hot_rows.is_some_and(|rows| rows.requests_rejected > 0) && more(Bucket::Rejected),
        "no-coupon" => money(base, Bucket::Coupon) > 0 && money(of, Bucket::Coupon) == 0,
        "no-presale" => money(of, Bucket::DepositForfeited) == 0 && orders(of, 0, 10) > orders(base, 0, 10),
        "optimistic" => more(Bucket::Oversold),
        "short-hold" => more(Bucket::HoldExpired),
        "single-window" => of.summary.total.sessions < base.summary.total.sessions,
        "staggered-opening" => orders(of, 0, 5) < orders(&played["kinds-apart"], 0, 5),
        "split-by-cell" | "stock-over-windows" => more(Bucket::SoldOut),
        "waiting-room" => of.summary.windows.iter().any(|window| window.room.is_some()),
        _ => true,
    }
}

#[test]
fn every_strategy_plays_and_makes_a_difference() {
    let base = played(Path::new("scenarios/double11-2020.toml"));
    let entries = Path::new("scenarios/strategies").read_dir().expect("the folder of strategies");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let results: BTreeMap<String, Results> =
        files.map(|file| (file.file_stem().expect("a name").to_string_lossy().into_owned(), played(&file))).collect();
    adds_up(&base);
    for (name, of) in &results {
        adds_up(of);
        assert_eq!(*name, of.summary.name);
        assert_ne!(of.summary.digest, base.summary.digest, "{name} changes nothing");
        assert!(does_what_it_is_for(name, of, &base, &results), "{name} does not do what it is for");
        assert!(of.summary.total.gmv_paid_fen > base.summary.total.gmv_paid_fen / 4, "{name}: {:?}", of.summary.total);
    }
    let page = include_str!("../docs/strategies.md");
    for name in results.keys() {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/strategies.md");
    }
}

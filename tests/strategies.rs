//! Every strategy is a valid patch on the flagship that plays, and changes what it is about.

use saleload::engine::{self, Options};
use saleload::plan::Shows;
use saleload::results::Results;
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
        assert!(of.summary.total.gmv_paid_fen > base.summary.total.gmv_paid_fen / 4, "{name}: {:?}", of.summary.total);
    }
    let page = include_str!("../docs/strategies.md");
    for name in results.keys() {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/strategies.md");
    }
}

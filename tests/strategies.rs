//! Every strategy is a valid patch on the flagship that plays, and changes what it is about.

use saleload::engine::{self, Options};
use saleload::results::Results;
use saleload::scenario;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// A hundredth of the shoppers on a hundredth of the platform, and of that one cell of 64.
fn played(file: &Path) -> Results {
    let mut overrides = vec!["population.shoppers=8000000".to_owned(), "catalogue.skus=140000".to_owned()];
    overrides.push("catalogue.brands=2500".to_owned());
    let loaded = scenario::load(file, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    let options = Options { simulated_cells: 1, threads: 1 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

#[test]
fn every_strategy_plays_and_makes_a_difference() {
    let base = played(Path::new("scenarios/double11-2020.toml"));
    let entries = Path::new("scenarios/strategies").read_dir().expect("the folder of strategies");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let results: BTreeMap<String, Results> =
        files.map(|file| (file.file_stem().expect("a name").to_string_lossy().into_owned(), played(&file))).collect();
    for (name, of) in &results {
        assert_eq!(*name, of.summary.name);
        assert_ne!(of.summary.digest, base.summary.digest, "{name} changes nothing");
        assert!(of.summary.total.gmv_paid_fen > base.summary.total.gmv_paid_fen / 4, "{name}: {:?}", of.summary.total);
    }
    let page = include_str!("../docs/strategies.md");
    for name in results.keys() {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/strategies.md");
    }
}

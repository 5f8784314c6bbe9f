//! A sale on the spot: shoppers come evenly for twenty seconds, order what is in their basket and pay at once. No service takes part, so
//! what comes out is stock and demand.

use saleload::engine::{self, Options};
use saleload::results::{Bucket, Results};
use saleload::scenario;
use std::ops::ControlFlow;

/// For how long shoppers come.
pub(crate) const SECONDS: u64 = 20;

/// Plays a sale of so many shoppers, in so many of its cells. `products` and how the platform is divided stand in lines of its own.
pub(crate) fn played(shoppers: u64, own: &str, simulated_cells: u32, overrides: &[&str]) -> Results {
    let text = format!(
        r#"
        name = "sale"
        title = "A sale on the spot"
        zone = "UTC"
        population.shoppers = {shoppers}
        window.noon = {{ opens = "2020-11-11T12:00:00Z", closes = "2020-11-11T12:00:{SECONDS}Z" }}
        intensity.even.parts = [{{ constant = {{ weight = 1 }} }}]
        catalogue = {{ skus = 1, brands = 1 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "1 RMB", stock.constant = 0 }}
        {own}
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", next.pay = 1 }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [segment.all]
        share = 1
        cbmg = "buy"
        window.noon = {{ participation = 1, intensity = "even" }}
        "#
    );
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load_str(&text, "sale.toml", &overrides).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let options = Options { simulated_cells, threads: 2 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// Units that ended so; every line is of one unit.
pub(crate) fn units(results: &Results, bucket: Bucket) -> u64 {
    results.ledger.iter().filter(|row| row.bucket == bucket).map(|row| row.units).sum()
}

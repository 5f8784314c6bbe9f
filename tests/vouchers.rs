//! Vouchers: whether and when they are redeemed, against the distribution that the scenario gives.

use saleload::engine::{self, Options};
use saleload::results::{Results, VoucherRow};
use saleload::scenario;
use std::ops::ControlFlow;

const SOLD: u64 = 20_000;

/// Twenty thousand vouchers are sold within ten seconds; the simulation goes on for three days.
fn run() -> Results {
    let text = format!(
        r#"
        name = "meals"
        title = "A meal for two"
        zone = "UTC"
        population.shoppers = {SOLD}
        platform.cells = 4
        window.sale = {{ opens = "2020-11-11T12:00:00Z", closes = "2020-11-11T12:00:10Z" }}
        window.after = {{ opens = "2020-11-14T11:00:00Z", closes = "2020-11-14T12:00:00Z" }}
        intensity.steady.parts = [{{ constant = {{ weight = 1 }} }}]
        channel = {{ app = {{ share = 0.75 }}, delivery = {{ share = 0.25 }} }}
        catalogue = {{ skus = 1, brands = 1 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "1 RMB", stock.constant = 0 }}
        [product.meal]
        category = "goods"
        price = "66 RMB"
        stock = {SOLD}
        demand = 1
        voucher = {{ redeemed = 0.9, after.exponential = "3d" }}
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", next.pay = 1 }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [segment.all]
        share = 1
        cbmg = "buy"
        window.sale = {{ participation = 1, intensity = "steady" }}
        window.after = {{ participation = 0.001, intensity = "steady" }}
        "#
    );
    let plan = scenario::load_str(&text, "meals.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan;
    let options = Options { simulated_cells: 4, threads: 2 };
    engine::run(&plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// Whether so many of those sold are within four standard deviations of what a probability gives.
fn is_about(units: u64, probability: f64) -> bool {
    let (n, mean) = (SOLD as f64, SOLD as f64 * probability);
    (units as f64 - mean).abs() <= 4.0 * (n * probability * (1.0 - probability)).sqrt()
}

#[test]
fn vouchers_are_redeemed_as_the_scenario_says() {
    let results = run();
    let units = |which: &dyn Fn(&VoucherRow) -> bool| -> u64 {
        results.vouchers.iter().filter(|row| which(row)).map(|row| row.units).sum()
    };
    assert_eq!(units(&|_| true), SOLD);
    assert!(is_about(units(&|row| row.day.is_none()), 0.1));
    assert!(is_about(units(&|row| row.channel == "app"), 0.75));
    for day in 0..6u32 {
        let on_day = 0.9 * ((-f64::from(day) / 3.0).exp() - (-f64::from(day + 1) / 3.0).exp());
        let redeemed = units(&|row| row.day == Some(u64::from(day)));
        assert!(is_about(redeemed, on_day), "day {day}: {redeemed} of {SOLD}, {on_day} expected");
    }
    let summary = &results.summary.vouchers[0];
    assert_eq!((summary.sold, summary.sold_fen), (SOLD, SOLD * 6600));
    assert_eq!(summary.redeemed + summary.redeemed_later + summary.never_redeemed, SOLD);
    // Three days are the mean.
    assert!(is_about(summary.redeemed, 0.9 * (1.0 - (-1.0f64).exp())), "{}", summary.redeemed);
    // They are paid all the same.
    assert_eq!(results.summary.total.gmv_paid_fen, summary.sold_fen);
}

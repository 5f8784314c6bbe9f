//! Inventory policies: what stock that is taken at another time, or lies elsewhere, does to who gets it.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "sale/played.rs"]
mod sale;

use sale::{SECONDS, played, units};
use saleload::results::{Bucket, Results, series};

/// Sessions a second, on average, for as long as the window is open.
const RATE: u64 = 1000;
const STOCK: u64 = 5000;

/// Shoppers come evenly for one product, and order and pay for a unit on the spot. Demand is four times the stock.
fn sale(overrides: &[&str]) -> Results {
    let own = format!(
        r#"
        platform = {{ cells = 16, tick_min = "100ms", tick_max = "100ms" }}
        inventory.hold = "1h"
        product.wanted = {{ category = "goods", price = "10 RMB", stock = {STOCK}, demand = 1 }}
        "#
    );
    played(RATE * SECONDS, &own, 16, overrides)
}

/// The second in which the first line is refused as sold out.
fn first_refused(results: &Results) -> usize {
    let sold_out = results.series.integers(&series::bucket(Bucket::SoldOut));
    sold_out.iter().position(|&fen| fen > 0).unwrap_or_else(|| panic!("demand is four times the stock"))
}

/// Whoever orders in the time between the last unit and the flag is oversold: a Poisson number, rate times delay on average. The flag
/// goes up a tick or two later at most: at the end of a tick, after what was ordered in it.
#[test]
fn a_late_flag_oversells_as_many_as_come_in_the_meantime() {
    for (delay, expected) in [("0s", 0), ("500ms", RATE / 2), ("2s", 2 * RATE), ("5s", 5 * RATE)] {
        let results = sale(&["inventory.reserve='optimistic'", &format!("inventory.flag_delay='{delay}'")]);
        let oversold = results.summary.oversold.unwrap_or_else(|| panic!("payments are taken unasked"));
        println!("flag after {delay}: {} oversold, {expected} come in that time", oversold.units);
        let (chance, ticks) = (5.0 * (expected as f64).sqrt(), RATE / 5 + 50);
        assert!(oversold.units as f64 >= expected as f64 - chance);
        assert!(oversold.units as f64 <= (expected + ticks) as f64 + chance);
        assert_eq!((oversold.orders, oversold.fen, oversold.skus), (oversold.units, 1000 * oversold.units, 1));
        assert_eq!(units(&results, Bucket::Oversold), oversold.units);
        assert_eq!(units(&results, Bucket::SoldOut), RATE * SECONDS - STOCK - oversold.units);
        let total = &results.summary.total;
        assert_eq!((total.orders_paid, total.gmv_paid_fen), (STOCK, 1000 * STOCK), "what is refunded is not paid");
        assert_eq!(total.orders_created, STOCK + oversold.units);
    }
}

/// Half of the orders are never paid. At the order they keep half of the stock from those who would have paid; at the payment all of it is
/// sold, and no hold ends with stock.
#[test]
fn stock_that_is_taken_at_the_payment_is_never_held_in_vain() {
    let unpaid = "cbmg.buy.state.order.next={pay=0.5,exit=0.5}";
    let at_order = sale(&[unpaid, "inventory.hold='5s'"]);
    let at_payment = sale(&[unpaid, "inventory.hold='5s'", "inventory.reserve='payment'"]);
    assert!(at_order.summary.total.orders_paid < STOCK);
    assert_eq!(at_payment.summary.total.orders_paid, STOCK);
    assert!(units(&at_payment, Bucket::HoldExpired) > 0 && at_payment.summary.conservation.units_held == 0);
    let left = at_payment.series.integers(&series::product_left("wanted"));
    assert!(left.is_sorted_by(|before, after| before >= after), "nothing ever comes back: {left:?}");
    let kept_for_nobody = sale(&[unpaid]);
    let paid = kept_for_nobody.summary.total.orders_paid;
    assert!(paid.abs_diff(STOCK / 2) < 5 * 36, "half of the stock is kept by orders that are not paid: {paid}");
}

/// With its own part of the stock a cell may run out while others still have some.
#[test]
fn split_stock_runs_out_earlier_for_some() {
    let pooled = sale(&["product.wanted.stock=16000"]);
    let split = sale(&["product.wanted.stock=16000", "inventory.split.by_cell={}"]);
    let dealt = sale(&["product.wanted.stock=16000", "inventory.split.by_cell.rebalance='100ms'"]);
    let stranded = |results: &Results| results.summary.stranded.map_or(0, |stranded| stranded.lines);
    println!("stranded: {} for ever, {} for 100 ms", stranded(&split), stranded(&dealt));
    assert!(first_refused(&split) < first_refused(&pooled));
    assert!(stranded(&split) > 2 * stranded(&dealt));
    assert_eq!(stranded(&pooled), 0);
    // In the end every cell has sold its part: each is asked for more than that.
    for results in [&pooled, &split, &dealt] {
        assert_eq!(results.summary.total.orders_paid, 16_000);
    }
}

/// Who looks at the order for two seconds before paying is in time for a hold of three, and late for one of one.
#[test]
fn a_product_has_its_own_hold_or_that_of_its_category() {
    let paid = |holds: &[&str]| {
        let think = ["cbmg.buy.state.order.think.deterministic='2s'", "product.wanted.stock=20000"];
        sale(&[&think, holds].concat()).summary.total.orders_paid
    };
    let all = paid(&[]);
    assert!(all > (SECONDS - 3) * RATE, "all but those who were interrupted by the end: {all}");
    assert_eq!(paid(&["category.goods.hold='1s'"]), 0);
    assert_eq!(paid(&["product.wanted.hold='1s'"]), 0);
    assert_eq!(paid(&["category.goods.hold='1s'", "product.wanted.hold='3s'"]), all);
    assert_eq!(paid(&["inventory.hold='1s'", "category.goods.hold='3s'"]), all);
}

//! What is taken instead of what is sold out, against arithmetic.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "sale/played.rs"]
mod sale;

use sale::{played, units};
use saleload::results::{Bucket, Results, Substituted};

const SHOPPERS: u64 = 40_000;
/// Half-width of a 99.9 % interval in standard deviations.
const Z: f64 = 3.29;

/// Shoppers come evenly, each for a unit of one of two products, as many for the one as for the other, and pay on the spot. Of the first
/// there never was a unit.
fn sale(overrides: &[&str]) -> Results {
    let own = r#"
        platform = { cells = 8, tick_min = "100ms", tick_max = "100ms" }
        inventory.hold = "1h"
        product.gone = { category = "goods", price = "10 RMB", stock = 0, demand = 0.5 }
        product.other = { category = "goods", price = "9 RMB", stock = 1_000_000, demand = 0.5 }
        "#;
    played(SHOPPERS, own, 8, overrides)
}

fn substituted(results: &Results) -> Substituted {
    results.summary.substituted.unwrap_or_else(|| panic!("there is a rate"))
}

/// Of those who want what is gone, so many take the other: who would, and finds it in one of three looks, each of which goes to what is
/// gone as often as not.
#[test]
fn the_share_that_is_exchanged_is_the_rate_times_the_chance_to_find_something() {
    for rate in [0.1, 0.3, 1.0] {
        let results = sale(&[&format!("segment.all.substitution={rate:?}")]);
        let of = substituted(&results);
        let wanted = of.lines + units(&results, Bucket::SoldOut);
        let (expected, share) = (rate * (1.0 - 0.5f64.powi(3)), of.lines as f64 / wanted as f64);
        let error = Z * (expected * (1.0 - expected) / wanted as f64).sqrt();
        println!("rate {rate}: {share:.4} of {wanted} exchanged, expected {expected:.4} ± {error:.4}");
        assert!((share - expected).abs() < error);
        assert_eq!((of.fen, of.instead_fen), (1000 * of.lines, 900 * of.lines));
        assert_eq!((of.paid, of.gmv_paid_fen), (of.lines, of.instead_fen), "the other is always there");
        assert_eq!(results.summary.total.orders_paid, results.products[1].units_paid);
        assert_eq!(results.summary.total.intents, SHOPPERS + of.lines);
    }
}

/// What is wanted first is the same under any rate, and with none.
#[test]
fn a_rate_shifts_no_other_draw() {
    let without = sale(&[]);
    assert!(without.summary.substituted.is_none() && units(&without, Bucket::Substituted) == 0);
    for rate in ["0.2", "0.9"] {
        let results = sale(&[&format!("segment.all.substitution={rate}")]);
        let (total, of) = (&results.summary.total, substituted(&results));
        assert_eq!(total.demand_fen - of.instead_fen, without.summary.total.demand_fen);
        assert_eq!(total.gmv_paid_fen - of.gmv_paid_fen, without.summary.total.gmv_paid_fen);
        assert_eq!(total.lost_fen + of.fen, without.summary.total.lost_fen);
    }
}

/// At most half as dear again; and no dearer, where the basket has a limit.
#[test]
fn a_substitute_is_not_too_dear() {
    for (price, limit, is_taken) in [
        ("15.00", "", true),
        ("15.01", "", false),
        ("10.00", "segment.all.spend={constant='100 RMB'}", true),
        ("10.01", "segment.all.spend={constant='100 RMB'}", false),
    ] {
        let mut overrides =
            vec!["segment.all.substitution=1.0".to_owned(), format!("product.other.price='{price} RMB'")];
        overrides.extend((!limit.is_empty()).then(|| limit.to_owned()));
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let of = substituted(&sale(&overrides));
        assert_eq!(of.lines > 0, is_taken, "{price} RMB {limit}: {} lines", of.lines);
    }
}

/// Substitutes go for the same units as all others do, and get no more of them than there are.
#[test]
fn no_more_is_taken_instead_than_there_is() {
    let stock = 12_345;
    for policy in [
        "inventory.reserve='order'",
        "inventory.reserve='payment'",
        "inventory.flag_delay='2s'",
        "inventory.split.by_cell={rebalance='1s'}",
        "inventory.hot={per_second=5000}",
    ] {
        let stock_of_other = format!("product.other.stock={stock}");
        let results = sale(&["segment.all.substitution=1.0", &stock_of_other, policy]);
        let (of, total) = (substituted(&results), &results.summary.total);
        println!(
            "{policy}: {} exchanged, {} of those paid, {} sold out",
            of.lines,
            of.paid,
            units(&results, Bucket::SoldOut)
        );
        assert_eq!((results.products[1].units_paid, results.products[1].units_left), (stock, 0), "{policy}");
        assert!(of.paid > 0 && of.paid < stock, "both kinds of shoppers get some");
        assert_eq!(total.orders_paid, stock);
        assert_eq!(total.intents, SHOPPERS + of.lines);
    }
}

/// Once the other is known to be gone too, nobody exchanges anything for it.
#[test]
fn what_is_known_to_be_sold_out_is_no_substitute() {
    let results = sale(&["segment.all.substitution=1.0", "product.other.stock=0"]);
    assert_eq!((substituted(&results).lines, units(&results, Bucket::SoldOut)), (0, SHOPPERS));
}

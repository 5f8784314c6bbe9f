//! Deposits and balances against what is expected of them, and what becomes of stock and money in between.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::model::expectation::Expectation;
use saleload::results::{Bucket, Results, series};
use saleload::scenario;
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::ops::ControlFlow;

const SHOPPERS: f64 = 40_000.0;
const PARTICIPATION: f64 = 0.5;
/// Orders that get their deposit.
const DEPOSITED: f64 = 0.8;
const CONVERSION: f64 = 0.7;
/// Of those who come for their balance, the ones who pay it.
const PAID: f64 = 0.9;
/// Standard errors that a count may be off.
const ERRORS: f64 = 4.0;

fn run(changes: &[&str], simulated_cells: u32) -> Results {
    let text = format!(
        r#"
        name = "presale"
        title = "Deposits today, balances tomorrow"
        zone = "UTC"
        population.shoppers = {SHOPPERS}
        platform = {{ cells = 8, tick_max = "1s" }}
        [window.deposits]
        opens = "2020-10-21T00:00:00Z"
        closes = "2020-10-21T01:00:00Z"
        presale = {{ balances_in = "sale", balances_after = "10m", deposit = 0.1, conversion = {CONVERSION}, intensity = "balances", cbmg = "due" }}
        [window.sale]
        opens = "2020-11-01T00:00:00Z"
        closes = "2020-11-01T01:00:00Z"
        [intensity]
        even.parts = [{{ constant = {{ weight = 1 }} }}]
        balances.parts = [{{ burst = {{ weight = 1, decay = "2m" }} }}]
        [segment.all]
        share = 1
        cbmg = "buy"
        window.deposits = {{ participation = {PARTICIPATION}, intensity = "even" }}
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", think.deterministic = "5s", next = {{ pay = {DEPOSITED}, exit = 0.2 }} }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [cbmg.due]
        entry = "look"
        [cbmg.due.state]
        look = {{ think.deterministic = "5s", next = {{ pay = {PAID}, exit = 0.1 }} }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [catalogue]
        skus = 1
        brands = 1
        [category.goods]
        skus = 1
        demand = 1
        price.constant = "10.09 RMB"
        stock.constant = 40000
        "#
    );
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    let loaded = scenario::load_str(&text, "presale.toml", &changes).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let options = Options { simulated_cells, threads: 2 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn is_near(what: &str, count: u64, probability: f64) {
    let expected = SHOPPERS * probability;
    let error = (SHOPPERS * probability * (1.0 - probability)).sqrt();
    println!("{what}: {count}, expected {expected:.0} with a standard error of {error:.0}");
    assert!((count as f64 - expected).abs() <= ERRORS * error, "{what}");
}

#[test]
fn deposits_and_balances_are_as_many_as_expected() {
    let results = run(&[], 8);
    let presale = &results.summary.presales[0];
    let deposited = PARTICIPATION * DEPOSITED;
    is_near("deposits", presale.deposits, deposited);
    is_near("sessions of the sale", results.summary.windows[1].total.sessions, deposited * CONVERSION);
    is_near("balances", presale.balances, deposited * CONVERSION * PAID);
    is_near("forfeited", presale.forfeited, deposited * (1.0 - CONVERSION * PAID));
}

/// A tenth of 10.09 RMB is 1.009 RMB: a deposit is rounded down to the fen, and the balance is the rest.
#[test]
fn money_is_gmv_once_the_balance_is_paid() {
    let results = run(&[], 8);
    let (presale, total) = (&results.summary.presales[0], &results.summary.total);
    assert_eq!(presale.deposits_fen, presale.deposits * 100);
    assert_eq!((presale.balances_fen, presale.forfeited_fen), (presale.balances * 909, presale.forfeited * 100));
    assert_eq!((presale.gmv_paid_fen, total.gmv_paid_fen), (presale.balances * 1009, presale.balances * 1009));
    assert_eq!((total.gmv_ordered_fen, total.orders_created), (total.gmv_paid_fen, presale.balances));
    assert_eq!(results.summary.windows[0].total.gmv_ordered_fen, 0, "a deposit is no order yet");
    let forfeited = results.ledger.iter().find(|row| row.bucket == Bucket::DepositForfeited);
    let forfeited = forfeited.unwrap_or_else(|| panic!("{:?}", results.ledger));
    assert_eq!((forfeited.window.as_str(), forfeited.intents), ("deposits", presale.forfeited));
    let check = &results.summary.conservation;
    assert_eq!((check.units_set_aside, check.units_sold), (0, presale.balances), "the balances were due at the end");
}

#[test]
fn balances_come_when_they_can_be_paid_and_stock_comes_back_at_the_closing() {
    let results = run(&[], 8);
    let opens = results.summary.windows[1].opens_unix_ms;
    assert_eq!(results.summary.presales[0].balances_from_unix_ms, opens + 600_000);
    let table = &results.series;
    let (times, balances) = (table.integers(series::TIME), table.integers(series::BALANCES));
    let first = times.iter().zip(balances).find(|(_, balances)| **balances > 0).expect("balances are paid");
    assert_eq!(*first.0, opens + 605_000, "the first comes at once, and looks for five seconds");
    let left = table.integers(&series::category("goods", "units_left"));
    let (before, after) = (left[left.len() - 2], left[left.len() - 1]);
    assert_eq!((after - before) as u64, results.summary.presales[0].forfeited, "all of it in the last row");
}

/// Sessions that began in each half minute of a window, which begins at a row of the series.
fn sessions_by_half_minute(results: &Results, window: usize) -> Vec<f64> {
    let opens = results.summary.windows[window].opens_unix_ms;
    let mut bins = vec![0.0; 120];
    let (times, begun) = (results.series.integers(series::TIME), results.series.integers(series::SESSIONS));
    for (time, begun) in times.iter().zip(begun) {
        if let Some(bin) = usize::try_from((time - opens).div_euclid(30_000)).ok().and_then(|bin| bins.get_mut(bin)) {
            *bin += *begun as f64;
        }
    }
    bins
}

/// Chi-squared against an expectation, where it is ten at least; beyond, nobody much may come.
fn agrees(what: &str, observed: &[f64], expected: impl Fn(f64, f64) -> f64) {
    let total: f64 = observed.iter().sum();
    let (mut chi_squared, mut bins) = (0.0, -1.0);
    for (bin, &came) in observed.iter().enumerate() {
        let from = 30.0 * bin as f64;
        let expected = total * expected(from, from + 30.0);
        if expected >= 10.0 {
            chi_squared += (came - expected).powi(2) / expected;
            bins += 1.0;
        } else {
            assert!(came <= 4.0 * expected + 12.0 && (expected > 0.0 || came == 0.0), "{what}: {came} after {from} s");
        }
    }
    let p = ChiSquared::new(bins).expect("more than one bin").sf(chi_squared);
    println!("{what}: {total} came, chi squared {chi_squared:.1} on {bins} degrees of freedom, p = {p:.4}");
    assert!(p > 1e-3, "{what} do not follow their pattern");
}

/// Deposits evenly over their hour; balances, from ten minutes after the opening, with a decay of two minutes.
#[test]
fn arrivals_for_deposits_and_balances_follow_their_patterns() {
    let results = run(&[], 8);
    agrees("deposits", &sessions_by_half_minute(&results, 0), |from, until| (until - from) / 3600.0);
    let left = |t: f64| if t < 600.0 { 1.0 } else { (-(t - 600.0) / 120.0).exp() };
    agrees("balances", &sessions_by_half_minute(&results, 1), |from, until| {
        (left(from) - left(until)) / (1.0 - left(3600.0))
    });
}

/// Whatever is sold out for deposits stays so: what is set aside is not left.
#[test]
fn what_is_set_aside_is_not_sold_twice() {
    let results =
        run(&["category.goods.stock.constant=3000", "segment.all.window.sale={participation=1.0,intensity='even'}"], 8);
    let (presale, check) = (&results.summary.presales[0], &results.summary.conservation);
    assert!(presale.deposits <= 3000 && presale.deposits > 2300, "{presale:?}");
    assert!(check.units_sold + check.units_held + check.units_left == 3000, "{check:?}");
    let sold_out = results.ledger.iter().filter(|row| row.bucket == Bucket::SoldOut).map(|row| row.window.as_str());
    assert_eq!(sold_out.collect::<Vec<_>>(), ["deposits", "sale"]);
}

#[test]
fn a_sample_has_the_same_presale() {
    let (whole, sample) = (run(&[], 8), run(&[], 4));
    let counts = |results: &Results| {
        let presale = &results.summary.presales[0];
        [presale.deposits, presale.balances, presale.forfeited].map(|count| count as f64)
    };
    for (whole, sample) in counts(&whole).into_iter().zip(counts(&sample)) {
        assert!((sample / whole - 1.0).abs() < 0.05, "{whole} and {sample}");
    }
}

/// What channels bring in a window is what the window has: those who pay balances come by a channel to the window where that is done.
#[test]
fn channels_bring_what_their_windows_have() {
    let channels = ["channel.app={share=0.8}", "channel.web={share=0.2}"];
    let results = run(&channels, 8);
    for window in &results.summary.windows {
        let sum = |of: fn(&saleload::results::ChannelRow) -> u64| -> u64 {
            results.channels.iter().filter(|row| row.window == window.name).map(of).sum()
        };
        let total = &window.total;
        let brought = [sum(|row| row.sessions), sum(|row| row.gmv_ordered_fen), sum(|row| row.gmv_paid_fen)];
        assert_eq!(brought, [total.sessions, total.gmv_ordered_fen, total.gmv_paid_fen], "{}", window.name);
    }
    assert!(results.summary.windows[1].total.gmv_paid_fen > 0);
}

#[test]
fn the_expectation_knows_of_balances() {
    let text = include_str!("wrong/base.toml").to_owned()
        + "[window.first.presale]\nbalances_in = \"second\"\ndeposit = 0.1\nconversion = 0.5\nintensity = \"rush\"\ncbmg = \"due\"\n"
        + "[cbmg.due]\nentry = \"pay\"\nstate.pay = { action.pay = {}, next.exit = 1 }\n";
    let plan = scenario::load_str(&text, "base.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan;
    let expected = Expectation::new(&plan);
    let pays = expected.visits[0][3].min(1.0);
    let come = 100_000.0 * 0.8 * 0.2 * pays * 0.5;
    let (sessions, lines) = expected.balances[0];
    assert!((sessions - come).abs() < 1e-6 && (lines - 1.5 * come).abs() < 1e-6, "{sessions} and {lines}, not {come}");
}

/// The bundled festival says what it means, and its balances fall behind the opening.
#[test]
fn the_presales_of_the_festival_are_sound() {
    let path = std::path::Path::new("scenarios/double11-2020.toml");
    let loaded = scenario::load(path, &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    let opens = |name: &str| {
        let window = loaded.plan.windows.iter().find(|window| window.name == name);
        window.map_or_else(|| panic!("no window {name}"), |window| window.opens)
    };
    let balances: Vec<_> = loaded.plan.presales().map(|(_, presale)| presale.opens).collect();
    let half_an_hour = saleload::units::Nanos::from_secs(1800);
    assert_eq!(balances, [opens("first") + half_an_hour, opens("second") + half_an_hour]);
}

/// What a deposit has set aside is safe from those who pay for more than there is, and deposits are as they are where orders take stock.
#[test]
fn deposits_set_stock_aside_whatever_payments_do() {
    // Fewer units than deposits would be: some shoppers find nothing, and what is left is little.
    let scarce = ["category.goods.stock.constant=15000", "inventory.flag_delay='1h'"];
    let at_order = run(&scarce, 8);
    let plain_orders = "segment.all.window.sale={participation=0.5,intensity='even'}";
    for reserve in ["payment", "optimistic"] {
        let reserves = format!("inventory.reserve='{reserve}'");
        let results = run(&[&[reserves.as_str(), plain_orders], &scarce[..]].concat(), 8);
        assert_eq!(results.summary.presales, at_order.summary.presales, "{reserve}");
        let check = &results.summary.conservation;
        println!("{reserve}: {} of {} units sold", check.units_sold, check.units_start);
        assert!(results.summary.presales[0].deposits > 10_000);
        let (payments, balances) =
            (results.series.integers(series::PAYMENTS), results.series.integers(series::BALANCES));
        let plain: Vec<i64> = payments.iter().zip(balances).map(|(paid, balances)| paid - balances).collect();
        // In the last tick, what is forfeited comes back to those who have just asked.
        let (at_closing, before) = plain.split_last().unwrap_or_else(|| panic!("the series has rows"));
        assert!(*at_closing < 50, "{reserve}: {at_closing}");
        assert_eq!(before.iter().sum::<i64>(), 15_000 - results.summary.presales[0].deposits as i64, "{reserve}");
        let oversold = results.summary.oversold.map_or(0, |of| of.units);
        assert!((oversold > 5_000) == (reserve == "optimistic"), "{reserve}: {oversold}");
    }
}

/// Half of those who pay deposits watch a room that shows one product in the first half of the window, to which half of what they want is
/// drawn. What it brings is ordered and paid with the balance, in the livestream's name, and is never anything but that product.
#[test]
fn what_a_livestream_shows_is_paid_for_in_two_parts() {
    let star = "product.star={category='goods',price='20 RMB',stock=40000,demand=0}";
    let slot = "{at='0s',lasts='30m',product='star',conversion=0.5}";
    let room = format!("livestream.room={{window='deposits',audience={{all=0.5}},shows={{slots=[{slot}]}}}}");
    let results = run(&[star, &room], 8);
    let [row] = results.livestreams.as_slice() else { panic!("{:?}", results.livestreams) };
    is_near("viewers", row.viewers, 0.5 * PARTICIPATION);
    let shown = 0.5 * 0.5 * 0.5 * PARTICIPATION;
    is_near("intents", row.intents, shown);
    is_near("paid", row.orders_paid, shown * DEPOSITED * CONVERSION * PAID);
    assert_eq!(
        (row.window.as_str(), row.orders_created, row.gmv_paid_fen),
        ("deposits", row.orders_paid, 2000 * row.orders_paid)
    );
    let star = &results.products[0];
    assert_eq!((star.units_paid, star.gmv_paid_fen), (row.orders_paid, row.gmv_paid_fen));
    let presale = &results.summary.presales[0];
    assert!(presale.balances > row.orders_paid && presale.forfeited > 0, "{presale:?}");
}

//! How far the engine is off an ideal platform, which settles every request for stock at once, over all cells, in the order of
//! time and shopper; and that it converges to it as ticks shrink.
//!
//! The ideal platform is the naive simulator with other stock. Arrivals are drawn tick by tick, so runs under other ticks have
//! other arrivals: comparing those would measure noise. Each run of the engine is therefore compared with the ideal platform
//! *under the same ticks*. Both have the same arrivals and the same draws, and all that differs is the tick error.
//!
//! That error is measured twice. In a one-way sale nothing that stock decides comes back to it: there both platforms get the
//! same requests at the same times, and the error is what the ticks do themselves. In a sale with returns, shoppers who lost
//! try something else, their requests queue with others, and unpaid stock is sold again: there two shoppers who change places
//! in a tick change what happens to others later, and totals are what can still be compared.

use super::compare;
use super::record::What;
use super::session::{Fate, Key};
use super::simulator::{self, Settings, Simulator};
use super::stock::Settlement;
use saleload::plan::Plan;
use saleload::results::Totals;
use saleload::scenario;
use saleload::units::Instant;
use std::collections::BTreeMap;

/// Ticks that are tried, ms.
const TICKS_MS: [u64; 5] = [2000, 500, 100, 20, 5];
const SEEDS: u64 = 6;
/// Share of intents that end elsewhere in a one-way sale, per second of the tick: what was measured, rounded up.
const OTHER_FATE_PER_SECOND: f64 = 0.005;
/// How far money may be off in any run, and on average over runs: what was measured, rounded up. With returns it hardly depends
/// on the tick: whoever gets a unit instead of another pays or does not, by a draw of their own.
const ONE_WAY_MONEY: f64 = 0.001;
const RETURNS_MONEY: f64 = 0.012;
const RETURNS_MONEY_MEAN: f64 = 0.004;

/// What differs between the two sales.
struct Sale {
    hold: &'static str,
    after_order: &'static str,
    after_failure: &'static str,
    pay_calls: &'static str,
}

const ONE_WAY: Sale = Sale { hold: "1h", after_order: "pay = 1", after_failure: "exit = 1", pay_calls: "" };
const RETURNS: Sale = Sale {
    hold: "10s",
    after_order: "pay = 0.75, exit = 0.25",
    after_failure: "cart = 0.4, exit = 0.6",
    pay_calls: "\"order\"",
};

impl Sale {
    /// Two products that are gone while the crowd is still coming, one of them with hardly more units than cells; others run
    /// out later. A service queues now and then.
    fn plan(&self, tick_ms: u64, seed: u64) -> Plan {
        let Sale { hold, after_order, after_failure, pay_calls } = self;
        let text = format!(
            r#"
            name = "ticks"
            title = "A sale under other ticks"
            zone = "UTC"
            seed = {seed}
            population.shoppers = 12_000
            platform = {{ cells = 16, tick_min = "{tick_ms}ms", tick_max = "{tick_ms}ms" }}
            # Rows after the first second are a minute long, so that a tick may be longer than a second.
            record.fine = "1s"
            inventory.hold = "{hold}"
            window.noon = {{ opens = "2020-11-11T12:00:00Z", closes = "2020-11-11T12:01:01Z" }}
            intensity.crowd.parts = [{{ burst = {{ weight = 1, rise = "2s", decay = "12s" }} }}]

            [segment.all]
            share = 1
            cbmg = "buy"
            basket = {{ lines.weights = [3, 1], units.weights = [4, 1] }}
            patience.deterministic = "8s"
            window.noon = {{ participation = 1, intensity = "crowd" }}

            [cbmg.buy]
            entry = "cart"
            [cbmg.buy.state.cart]
            calls = ["web"]
            action = "add_to_basket"
            think.exponential = "3s"
            next.order = 1
            [cbmg.buy.state.order]
            calls = ["web", "order"]
            action = "reserve"
            think.exponential = "3s"
            next = {{ {after_order} }}
            on_failure = {{ {after_failure} }}
            [cbmg.buy.state.pay]
            calls = [{pay_calls}]
            action.pay = {{ declined = 0.05 }}
            next.exit = 1

            [service.web]
            instances = 16
            workers = 20
            service_time.exponential = "80ms"
            [service.order]
            instances = 16
            workers = 8
            queue = 60
            service_time.exponential = "60ms"
            timeout = "2s"
            retry = {{ attempts = 3, backoff = "200ms", jitter = "full" }}

            [catalogue]
            skus = 40
            brands = 4
            [category.goods]
            skus = 1
            demand = 1
            price.uniform = {{ low = "20 RMB", high = "90 RMB" }}
            stock.constant = 120
            [product.hot]
            category = "goods"
            price = "50 RMB"
            stock = 1600
            demand = 0.4
            [product.few]
            category = "goods"
            price = "70 RMB"
            stock = 30
            demand = 0.05
            "#
        );
        scenario::load_str(&text, "ticks.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan
    }

    /// The errors under each tick, of one run per seed.
    fn errors(&self) -> Vec<(f64, Vec<Error>)> {
        println!("Largest errors; of other fates, the mean");
        println!("   tick  sold out late (two products)  a unit late     orders  ordered     paid  other fates");
        let under = |tick_ms: u64| {
            let errors: Vec<Error> = (1..=SEEDS).map(|seed| Error::of(&self.plan(tick_ms, seed))).collect();
            let most = |of: Measure| errors.iter().map(|error| of(error).abs()).fold(0.0, f64::max);
            println!(
                "{tick_ms:>4} ms  {:>12.4} s {:>12.4} s {:>10.4} s  {:>7.3} % {:>6.3} % {:>6.3} % {:>10.4} %",
                most(|error| error.sold_out_s[0]),
                most(|error| error.sold_out_s[1]),
                most(|error| error.unit_s),
                100.0 * most(|error| error.orders),
                100.0 * most(|error| error.ordered),
                100.0 * most(|error| error.paid),
                100.0 * mean(&errors, |error| error.other_fate),
            );
            (tick_ms as f64 / 1000.0, errors)
        };
        TICKS_MS.into_iter().map(under).collect()
    }
}

/// The tick error of a run.
#[derive(Clone, Copy, Debug)]
struct Error {
    /// How much later each of the two products is sold out, s.
    sold_out_s: [f64; 2],
    /// How much later the n-th unit of the hot product is ordered, s: the largest over its stock.
    unit_s: f64,
    /// Largest difference between the units of the hot product that are ordered by the same time, as a share of its stock.
    orders: f64,
    /// Money ordered and money paid.
    ordered: f64,
    paid: f64,
    /// Share of intents that end elsewhere.
    other_fate: f64,
}

type Measure = fn(&Error) -> f64;

fn mean(errors: &[Error], of: Measure) -> f64 {
    errors.iter().map(of).sum::<f64>() / errors.len() as f64
}

impl Error {
    fn of(plan: &Plan) -> Self {
        let [ticks, ideal] = [Settlement::Ticks, Settlement::AtOnce].map(|settlement| {
            let settings = Settings { simulated: plan.cells, settlement, stop_at: Instant(u64::MAX), keeps_log: false };
            simulator::play(plan, &settings)
        });
        let totals = [&ticks, &ideal].map(|run| run.results().summary);
        let engine = compare::engine(plan, plan.cells, Instant(u64::MAX)).expect("nothing is lost");
        assert_eq!(engine.summary.digest, totals[0].digest, "what is measured is the engine");
        let sold_out_s = |sku: usize| {
            let [late, exact] = [&ticks, &ideal].map(|run| run.stock.shelves[sku].sold_out_at.expect("it sells out"));
            late.as_secs_f64() - exact.as_secs_f64()
        };
        let money = |of: fn(&Totals) -> u64| of(&totals[0].total) as f64 / of(&totals[1].total) as f64 - 1.0;
        let (late, exact) = (fates(&ticks), fates(&ideal));
        let same = exact.iter().filter(|(intent, fate)| late.get(intent) == Some(fate)).count();
        Error {
            sold_out_s: [sold_out_s(0), sold_out_s(1)],
            unit_s: latest_unit_s(&ticks, &ideal),
            orders: largest_gap(&ticks, &ideal),
            ordered: money(|total| total.gmv_ordered_fen),
            paid: money(|total| total.gmv_paid_fen),
            other_fate: 1.0 - same as f64 / exact.len() as f64,
        }
    }
}

/// Where each intent ended.
fn fates(run: &Simulator) -> BTreeMap<(Key, (u16, usize)), Fate> {
    let ended = run.record.facts.iter().filter_map(|fact| match fact.what {
        What::Ended(fate) => Some(((fact.key, fact.line.place), fate)),
        _ => None,
    });
    ended.collect()
}

/// When each unit of the hot product was ordered, in order of time.
fn hot_units(run: &Simulator) -> Vec<Instant> {
    let ordered = run.record.facts.iter().filter(|fact| fact.what == What::Ordered && fact.line.sku == 0);
    let mut units: Vec<Instant> =
        ordered.flat_map(|fact| std::iter::repeat_n(fact.time, fact.line.units as usize)).collect();
    units.sort_unstable();
    units
}

fn latest_unit_s(ticks: &Simulator, ideal: &Simulator) -> f64 {
    let first_sale = ideal.stock.shelves[0].start as usize;
    let units = hot_units(ticks).into_iter().zip(hot_units(ideal)).take(first_sale);
    units.map(|(late, exact)| (late.as_secs_f64() - exact.as_secs_f64()).abs()).fold(0.0, f64::max)
}

fn largest_gap(ticks: &Simulator, ideal: &Simulator) -> f64 {
    let mut steps: BTreeMap<Instant, i64> = BTreeMap::new();
    for (run, sign) in [(ticks, 1), (ideal, -1)] {
        for time in hot_units(run) {
            *steps.entry(time).or_default() += sign;
        }
    }
    let gaps = steps.into_values().scan(0, |gap, units| {
        *gap += units;
        Some(i64::abs(*gap))
    });
    gaps.max().unwrap_or(0) as f64 / f64::from(ideal.stock.shelves[0].start)
}

/// A product is sold out when the tick ends in which its last unit is asked for: never earlier, and less than a tick later.
/// Where losers try again, who asked last may be somebody else, who asks within the tick after.
fn sold_out_within(ticks: f64, tick: f64, errors: &[Error]) {
    for late in errors.iter().flat_map(|error| error.sold_out_s) {
        assert!((0.0..=ticks * tick).contains(&late), "sold out {late} s late under a tick of {tick} s");
    }
}

#[test]
fn the_error_of_a_one_way_sale_falls_with_the_tick() {
    for (tick, errors) in ONE_WAY.errors() {
        sold_out_within(1.0, tick, &errors);
        for error in &errors {
            assert!(error.unit_s <= tick, "a unit is ordered {} s late under a tick of {tick} s", error.unit_s);
            assert!(error.ordered.abs() <= ONE_WAY_MONEY && error.paid.abs() <= ONE_WAY_MONEY, "{error:?}");
        }
        let other_fate = mean(&errors, |error| error.other_fate);
        assert!(other_fate <= OTHER_FATE_PER_SECOND * tick, "{other_fate} of the intents end elsewhere under {tick} s");
    }
}

#[test]
fn a_sale_with_returns_converges_too() {
    let mut before = f64::INFINITY;
    for (tick, errors) in RETURNS.errors() {
        sold_out_within(2.0, tick, &errors);
        for error in &errors {
            assert!(error.ordered.abs() <= RETURNS_MONEY && error.paid.abs() <= RETURNS_MONEY, "{error:?}");
        }
        assert!(mean(&errors, |error| error.ordered).abs() <= RETURNS_MONEY_MEAN);
        assert!(mean(&errors, |error| error.paid).abs() <= RETURNS_MONEY_MEAN);
        let other_fate = mean(&errors, |error| error.other_fate);
        assert!(
            other_fate < before,
            "{other_fate} of the intents end elsewhere under {tick} s, {before} under a longer tick"
        );
        before = other_fate;
    }
}

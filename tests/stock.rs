//! All cells fight over one product: never oversold, and sold out when an exactly ordered platform would be.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::stock::{Answer, Contested, Grant, Outbox, Stock};
use saleload::engine::{self, Options};
use saleload::model::Model;
use saleload::plan::Plan;
use saleload::results::{DoubleSubmits, ProductRow, Results, series};
use saleload::scenario;
use saleload::units::Instant;
use std::ops::ControlFlow;

const STOCK: u64 = 1000;
const SHOPPERS: u64 = 6000;
const TICK_MS: i64 = 50;
/// How finely the moment of a sell-out is kept.
const RESOLUTION_MS: i64 = 10;

/// A rush for one product. Everybody comes in the first tick (within a tick arrivals are uniform) and orders after a think
/// time that is the shopper's own, whatever the cells: so runs with other numbers of cells have the same requests, but for
/// the moment within the first tick.
struct Rush {
    cells: u32,
    stock: u64,
    /// Units of an order, as a distribution.
    units: &'static str,
    /// Share of orders that are paid; the others keep their stock for three seconds.
    paid: f64,
    /// Time between order and payment.
    think: &'static str,
    seed: u64,
}

impl Default for Rush {
    fn default() -> Self {
        Rush { cells: 16, stock: STOCK, units: "{ constant = 1 }", paid: 1.0, think: "0s", seed: 1 }
    }
}

impl Rush {
    fn plan(&self) -> Plan {
        let Rush { cells, stock, units, paid, think, seed } = self;
        let unpaid = 1.0 - paid;
        let text = format!(
            r#"
            name = "rush"
            title = "A rush for one product"
            zone = "UTC"
            seed = {seed}
            population.shoppers = {SHOPPERS}
            platform = {{ cells = {cells}, tick_min = "{TICK_MS}ms", tick_max = "{TICK_MS}ms" }}
            inventory.hold = "3s"
            window.noon = {{ opens = "2020-11-11T12:00:00Z", closes = "2020-11-11T12:00:30Z" }}
            intensity.at-once.parts = [{{ points = {{ weight = 1, values = [[0, 1], [0.0009, 1], [0.001, 0]] }} }}]
            catalogue = {{ skus = 1, brands = 1 }}
            category.goods = {{ skus = 1, demand = 1, price.constant = "1 RMB", stock.constant = 0 }}
            product.wanted = {{ category = "goods", price = "10 RMB", stock = {stock}, demand = 1, units = {units} }}
            [cbmg.buy]
            entry = "cart"
            [cbmg.buy.state]
            cart = {{ action = "add_to_basket", think.exponential = "5s", next.order = 1 }}
            order = {{ action = "reserve", think.deterministic = "{think}", next = {{ pay = {paid:?}, exit = {unpaid:?} }} }}
            pay = {{ action.pay = {{}}, next.exit = 1 }}
            [segment.all]
            share = 1
            cbmg = "buy"
            window.noon = {{ participation = 1, intensity = "at-once" }}
            "#
        );
        scenario::load_str(&text, "rush.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan
    }

    fn run(&self) -> Results {
        let options = Options { simulated_cells: self.cells, threads: 2 };
        engine::run(&self.plan(), &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|b| panic!("{b}"))
    }
}

fn wanted(results: &Results) -> &ProductRow {
    &results.products[0]
}

/// Milliseconds from the opening to the sell-out.
fn sold_out_ms(results: &Results) -> i64 {
    let at = wanted(results).sold_out_unix_ms.expect("demand is six times the stock");
    at - results.summary.windows[0].opens_unix_ms
}

/// Every unit is sold, held or left, at every moment that is recorded.
fn every_unit_is_accounted_for(results: &Results) {
    let (product, check) = (wanted(results), &results.summary.conservation);
    assert_eq!(check.units_sold + check.units_held + check.units_left, product.units_start);
    assert_eq!((check.units_sold, check.units_left), (product.units_paid, product.units_left));
    let left = results.series.integers(&series::product_left("wanted"));
    assert!(left.iter().all(|&left| (0..=product.units_start as i64).contains(&left)), "{left:?}");
}

#[test]
fn every_unit_is_sold_once() {
    for cells in [1, 7, 16, 64] {
        let results = Rush { cells, ..Rush::default() }.run();
        every_unit_is_accounted_for(&results);
        let total = &results.summary.total;
        assert_eq!((total.orders_created, total.orders_paid), (STOCK, STOCK), "{cells} cells");
        assert_eq!((total.sessions, total.intents), (SHOPPERS, SHOPPERS), "{cells} cells");
        assert_eq!(wanted(&results).units_left, 0, "{cells} cells");
    }
}

/// With one cell its share is the whole stock: every order is answered at once, in its exact order.
#[test]
fn the_sell_out_is_within_a_tick_of_the_exact_one() {
    for seed in 1..=5 {
        let rush = |cells| Rush { cells, seed, ..Rush::default() }.run();
        let exact = sold_out_ms(&rush(1));
        for cells in [2, 16, 64] {
            let split = sold_out_ms(&rush(cells));
            println!("seed {seed}: sold out after {exact} ms, with {cells} cells after {split} ms");
            assert!((split - exact).abs() <= TICK_MS + RESOLUTION_MS, "{cells} cells, seed {seed}");
        }
    }
}

/// Fewer units than cells: no cell may grant anything by itself.
#[test]
fn less_stock_than_cells_is_settled_by_the_exchange() {
    let results = Rush { cells: 64, stock: 40, seed: 2, ..Rush::default() }.run();
    every_unit_is_accounted_for(&results);
    assert_eq!(results.summary.total.orders_paid, 40);
}

#[test]
fn several_units_at_a_time_are_never_oversold() {
    for cells in [1, 16] {
        let results = Rush { cells, units: "{ weights = [2, 1, 0, 0, 1] }", seed: 3, ..Rush::default() }.run();
        every_unit_is_accounted_for(&results);
        assert_eq!(wanted(&results).units_left, 0, "single units find the last of the stock");
        assert_eq!(wanted(&results).units_paid, STOCK);
    }
}

/// Half of the orders are not paid: their stock comes back after the hold, and is sold again while anybody comes.
#[test]
fn expired_holds_are_sold_again() {
    for cells in [1, 16] {
        let results = Rush { cells, paid: 0.5, seed: 4, ..Rush::default() }.run();
        every_unit_is_accounted_for(&results);
        let total = &results.summary.total;
        assert!(total.orders_created > STOCK, "{} orders of {STOCK} units", total.orders_created);
        assert!(total.orders_paid <= STOCK && total.orders_paid > STOCK / 2);
        assert_eq!(wanted(&results).units_ordered, total.orders_created);
    }
}

/// With fewer units than cells no cell has a share; whoever asked first gets them, in whichever cell, then the smaller shopper: cells hold shoppers in order.
#[test]
fn contested_requests_are_settled_in_order_of_time() {
    let plan = Rush { cells: 8, stock: 4, ..Rush::default() }.plan();
    let model = Model::new(&plan, 8);
    let mut stock = Stock::new(&model);
    let mut outboxes = [Outbox::default(), Outbox::default()];
    // Time, shopper, units; cells 0 to 3 share the first outbox.
    let requests = [(30, 7, 1), (20, 6, 1), (40, 5, 1), (10, 4, 2), (20, 3, 1), (50, 2, 1), (10, 9, 3), (60, 0, 1)];
    for (cell, (time, shopper, units)) in (0..).zip(requests) {
        let request = Contested {
            time: Instant(time),
            shopper,
            sku: 0,
            units,
            order: 0,
            cell,
            line: 0,
            needs_token: false,
            answer: Answer::Contested,
        };
        outboxes[cell as usize / 4].contest(request);
    }
    let mut both: Vec<&mut Outbox> = outboxes.iter_mut().collect();
    stock.exchange(&mut both, model.catalogue.as_ref(), Grant::Order, Instant(100));
    // At 10 cell 3 takes two; three are too many for cell 6; at 20 cell 1 goes before cell 4. Then nothing is left.
    let answers = outboxes.iter_mut().flat_map(|outbox| outbox.answers().collect::<Vec<_>>());
    let cells: Vec<u16> =
        answers.filter(|request| request.answer == Answer::Granted).map(|request| request.cell).collect();
    assert_eq!(cells, [1, 3, 4]);
    assert_eq!(stock.of(0).left, 0);
}

#[test]
fn a_hold_expires_before_anything_else_at_its_instant() {
    let paid = |think| Rush { think, stock: 2 * SHOPPERS, ..Rush::default() }.run().summary.total.orders_paid;
    // All but the few who have not made up their minds when the window closes.
    assert!(paid("2999ms") > SHOPPERS * 99 / 100);
    assert_eq!(paid("3s"), 0);
}

/// Ten thousand shoppers who wait for the pages that order and pay as long as `page` takes, and press again after three seconds.
fn hurried(page: &str) -> Results {
    let text = format!(
        r#"
        name = "hurried"
        title = "Pages that are submitted again"
        zone = "UTC"
        population.shoppers = 10_000
        platform.cells = 4
        inventory.hold = "1m"
        window.noon = {{ opens = "2020-11-11T12:00:00Z", closes = "2020-11-11T12:05:00Z" }}
        intensity.soon.parts = [{{ points = {{ weight = 1, values = [[0, 1], [0.01, 1], [0.011, 0]] }} }}]
        catalogue = {{ skus = 1, brands = 1 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "1 RMB", stock.constant = 0 }}
        product.wanted = {{ category = "goods", price = "10 RMB", stock = 40_000, demand = 1 }}
        service.slow.service_time.deterministic = "{page}"
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state.cart]
        action = "add_to_basket"
        next.order = 1
        [cbmg.buy.state.order]
        calls = ["slow"]
        action = "reserve"
        double_submit = {{ after = "3s", probability = 0.3, idempotency = 0.9 }}
        next.pay = 1
        [cbmg.buy.state.pay]
        calls = ["slow"]
        action.pay = {{}}
        double_submit = {{ after = "3s", probability = 0.5, idempotency = 0.8 }}
        next.exit = 1
        [segment.all]
        share = 1
        cbmg = "buy"
        window.noon = {{ participation = 1, intensity = "soon" }}
        "#
    );
    let plan = scenario::load_str(&text, "hurried.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan;
    let options = Options { simulated_cells: plan.cells, threads: 2 };
    engine::run(&plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|b| panic!("{b}"))
}

#[test]
fn who_waits_long_orders_twice_where_the_platform_does_not_notice() {
    let (quick, slow) = (hurried("2900ms"), hurried("5s"));
    let of = |results: &Results| results.summary.double_submits.clone().expect("the scenario has some");
    assert_eq!(of(&quick), DoubleSubmits::default(), "nobody waits so long");
    let double = of(&slow);
    println!("{double:?}");
    // Whoever has submitted the order again has that second at work when the payment begins, and does not press twice there.
    let (orders, payments) = (10_000.0 * 0.3, 10_000.0 * 0.7 * 0.5);
    // Four standard deviations about the mean.
    let near = |count: u64, mean: f64| (count as f64 - mean).abs() < 4.0 * mean.sqrt();
    assert!(near(double.submits, orders + payments), "{double:?}");
    assert!(near(double.caught, orders * 0.9 + payments * 0.8), "{double:?}");
    assert!(near(double.orders, orders * 0.1), "{double:?}");
    assert!(near(double.paid_again, payments * 0.2), "{double:?}");
    assert_eq!(double.submits, double.caught + double.orders + double.paid_again, "one line a basket, and no failure");
    assert_eq!((double.ordered_fen, double.paid_again_fen), (1000 * double.units, 1000 * double.paid_again));
    let requests = |results: &Results| results.services.iter().map(|row| row.requests).sum::<u64>();
    assert_eq!(requests(&slow), requests(&quick) + double.submits, "work for the services, and nothing else");
    assert_eq!(slow.summary.total, quick.summary.total, "neither orders nor GMV");
    // Duplicates hold their stock for a minute, and then it is there again.
    let product = wanted(&slow);
    assert_eq!(product.units_left, product.units_start - product.units_paid);
    let left = slow.series.integers(&series::product_left("wanted"));
    let lowest = left.iter().min().copied().unwrap_or(0) as u64;
    assert!(lowest < product.units_left && lowest + double.units >= product.units_left, "{lowest} left, at the least");
}

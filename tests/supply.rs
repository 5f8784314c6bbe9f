//! Stock over windows: what is withheld for later ones, and what is laid in on top when they open.

use saleload::engine::{self, Options};
use saleload::model::Model;
use saleload::plan::Plan;
use saleload::results::{Results, series};
use saleload::scenario;
use std::ops::ControlFlow;

/// Three windows of ten seconds, in each of which 600 shoppers want one unit of one product; everybody pays at once.
fn plan(more: &str) -> Plan {
    let text = format!(
        r#"
        name = "windows"
        title = "One product in three windows"
        zone = "UTC"
        population.shoppers = 600
        platform.cells = 4
        [window.one]
        opens = "2020-11-11T12:00:00Z"
        closes = "2020-11-11T12:00:10Z"
        [window.two]
        opens = "2020-11-11T12:00:10Z"
        closes = "2020-11-11T12:00:20Z"
        [window.three]
        opens = "2020-11-11T13:00:00Z"
        closes = "2020-11-11T13:00:10Z"
        [intensity.at-once]
        parts = [{{ points = {{ weight = 1, values = [[0, 1], [0.001, 0]] }} }}]
        [catalogue]
        skus = 3000
        brands = 1
        [category.goods]
        skus = 1
        demand = 1
        price.constant = "1 RMB"
        stock.constant = 1
        [product.wanted]
        category = "goods"
        price = "10 RMB"
        stock = 100
        demand = 1
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", next.pay = 1 }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [segment.all]
        share = 1
        cbmg = "buy"
        window.one = {{ participation = 1, intensity = "at-once" }}
        window.two = {{ participation = 1, intensity = "at-once" }}
        window.three = {{ participation = 1, intensity = "at-once" }}
        {more}
        "#
    );
    scenario::load_str(&text, "windows.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan
}

fn run(more: &str) -> Results {
    let plan = plan(more);
    let options = Options { simulated_cells: plan.cells, threads: 2 };
    engine::run(&plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// Orders of each window.
fn orders(results: &Results) -> Vec<u64> {
    results.summary.windows.iter().map(|window| window.total.orders_paid).collect()
}

const SHARES: &str = "[window.one.stock]\nshare = 0.4\n[window.two.stock]\nshare = 0.25\n[window.three.stock]\nshare = 0.35";

#[test]
fn pooled_stock_is_there_from_the_first_window_on() {
    let results = run("");
    assert_eq!(orders(&results), [100, 0, 0]);
    assert_eq!(results.summary.conservation.units_restocked, 0);
}

#[test]
fn the_first_orders_of_a_window_find_what_was_withheld_for_it() {
    let results = run(SHARES);
    assert_eq!(orders(&results), [40, 25, 35]);
    let check = &results.summary.conservation;
    let product = &results.products[0];
    assert_eq!((product.units_start, product.units_restocked, product.units_left), (40, 60, 0));
    assert_eq!(check.units_start + check.units_restocked, 3100);
    // It was sold out in the first window for the first time, and so it stays.
    let (first, second) = (&results.summary.windows[0], &results.summary.windows[1]);
    let sold_out = product.sold_out_unix_ms.expect("everybody wants it");
    assert!((first.opens_unix_ms..second.opens_unix_ms).contains(&sold_out));
    let left = results.series.integers(&series::product_left("wanted"));
    assert!(left.iter().all(|&left| left == 0), "taken in the first tick of each window");
}

#[test]
fn a_product_that_waits_for_its_window_is_not_sold_out() {
    let results = run("[window.two.stock]\nshare = 1.0");
    assert_eq!(orders(&results), [0, 100, 0]);
    let sold_out = results.products[0].sold_out_unix_ms.expect("everybody wants it");
    assert!(sold_out >= results.summary.windows[1].opens_unix_ms, "{sold_out}");
}

#[test]
fn what_is_laid_in_comes_on_top() {
    let restock = "[window.two.restock]\nshare = 0.5\n[category.goods.restock.three]\nup_to = 0.8";
    assert_eq!(orders(&run(restock)), [100, 50, 80]);
    // A product's own word is the last.
    assert_eq!(orders(&run(&format!("{restock}\n[product.wanted.restock.two]\nshare = 0.0"))), [100, 0, 80]);
    // Up to a level, what is there counts, and so does what comes with the window.
    assert_eq!(orders(&run(&format!("{SHARES}\n{restock}"))), [40, 75, 80]);
    let unsold = format!("{restock}\n[segment.all.interest]\ngoods = 1.0").replace("up_to = 0.8", "up_to = 7.0");
    let results = run(&unsold);
    assert_eq!(orders(&results), [100, 50, 600]);
    assert_eq!(results.products[0].units_left, 100);
    // Of the others, which nobody wants, there are half as many again, and then up to seven times.
    assert_eq!(results.summary.conservation.units_left, 100 + 3000 * 7);
}

/// Systematic sampling: every window gets its share of each SKU rounded up or down, all of them add up, and of single units each
/// window has its share on average.
#[test]
fn shares_come_out_whole_and_without_bias() {
    let shares = [0.4, 0.25, 0.35];
    for stock in [1u32, 7, 40] {
        let mut plan = plan(SHARES);
        let goods = plan.catalogue.as_mut().expect("there is one");
        goods.categories[0].stock = saleload::plan::StockDistribution::Constant(stock);
        let model = Model::new(&plan, plan.cells);
        let catalogue = model.catalogue.expect("there is one");
        let mut sums = [0.0; 3];
        for sku in 1..catalogue.skus() {
            let start = catalogue.stock_at_start(sku);
            let parts = [start, catalogue.laid_in(sku, 1, 0, start), catalogue.laid_in(sku, 2, 0, start)];
            assert_eq!(parts.iter().sum::<u32>(), stock);
            for ((sum, part), share) in sums.iter_mut().zip(parts).zip(shares) {
                *sum += f64::from(part);
                assert!((f64::from(part) - f64::from(stock) * share).abs() < 1.0, "{parts:?} of {stock}");
            }
        }
        for (sum, share) in sums.iter().zip(shares) {
            let (mean, deviation) = (3000.0 * f64::from(stock) * share, (3000.0f64 / 4.0).sqrt());
            assert!((sum - mean).abs() < 4.0 * deviation, "{sum} units, {mean} expected");
        }
    }
}

/// A sample has the same parts of its own stock.
#[test]
fn a_sample_is_supplied_alike() {
    let plan = plan(&format!("{SHARES}\n[window.two.restock]\nshare = 1.0"));
    let of = |simulated_cells| {
        let options = Options { simulated_cells, threads: 1 };
        let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(())).expect("it adds up");
        let check = results.summary.conservation;
        [check.units_start, check.units_restocked].map(|units| units as f64)
    };
    for (sample, whole) in of(1).iter().zip(of(4)) {
        assert!((sample / whole - 1.0).abs() < 0.1, "{sample} of {whole}");
    }
}

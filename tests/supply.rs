//! Stock over windows: what is withheld for later ones, and what is laid in on top when they open.

use saleload::engine::{self, Options};
use saleload::model::Model;
use saleload::plan::Plan;
use saleload::results::{Results, series};
use saleload::scenario;
use std::ops::ControlFlow;

/// Three windows of ten seconds, in each of which 600 shoppers want one unit of one product; everybody pays at once.
const TEXT: &str = r#"
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
        parts = [{ points = { weight = 1, values = [[0, 1], [0.001, 0]] } }]
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
        cart = { action = "add_to_basket", next.order = 1 }
        order = { action = "reserve", next.pay = 1 }
        pay = { action.pay = {}, next.exit = 1 }
        [segment.all]
        share = 1
        cbmg = "buy"
        window.one = { participation = 1, intensity = "at-once" }
        window.two = { participation = 1, intensity = "at-once" }
        window.three = { participation = 1, intensity = "at-once" }
        {more}
        "#;

fn plan(more: &str) -> Plan {
    load(&TEXT.replace("{more}", more))
}

/// With a table replaced by another text.
fn plan_with(table: &str, instead: &str, more: &str) -> Plan {
    load(&TEXT.replace(table, instead).replace("{more}", more))
}

fn load(text: &str) -> Plan {
    scenario::load_str(text, "windows.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan
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

const SHARES: &str =
    "[window.one.stock]\nshare = 0.4\n[window.two.stock]\nshare = 0.25\n[window.three.stock]\nshare = 0.35";

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

const NEW: &str = "[window.two]\nnew_skus = 375";

/// The new ones are spread over all ranks; whoever looks at one before looks at the next more popular SKU that is listed.
#[test]
fn nobody_looks_at_what_is_not_listed() {
    let plan = plan_with("[window.two]", &format!("{NEW}\n"), "");
    let model = Model::new(&plan, plan.cells);
    let catalogue = model.catalogue.expect("there is one");
    let listed = |window| (1..catalogue.skus()).filter(|&sku| catalogue.is_listed(sku, window)).collect::<Vec<_>>();
    assert!(listed(0).len().abs_diff(3000 - 375) <= 3, "{}", listed(0).len());
    assert_eq!(listed(1).len(), 3000);
    for block in 0..30 {
        let first = 1 + 100 * block;
        let of_block = listed(0).iter().filter(|sku| (first..first + 100).contains(*sku)).count();
        assert!(of_block.abs_diff(100 * 7 / 8) <= 3, "{of_block} of the hundred from {first} on");
    }
    for sku in 0..catalogue.skus() {
        let instead = catalogue.listed(sku, 0);
        assert!(catalogue.is_listed(instead, 0) && (instead + 1..=sku).all(|sku| !catalogue.is_listed(sku, 0)));
        assert_eq!(catalogue.listed(sku, 1), sku);
        let start = catalogue.stock_at_start(sku);
        assert_eq!(start > 0, catalogue.is_listed(sku, 0));
        assert_eq!(start + catalogue.laid_in(sku, 1, start, start), catalogue.stock(sku));
    }
}

/// What merchants expect to be asked for is dealt out over the SKUs as shoppers ask for them, window by window.
#[test]
fn cover_reckons_with_what_is_listed_when() {
    let more = |new: &str| {
        let mut text = TEXT.replace("demand = 1\n        [cbmg", "demand = 0\n        [cbmg");
        text =
            text.replace("stock.constant = 1", "stock.cover = { p50 = 1000000, p90 = 1000000 }").replace("{more}", "");
        load(&text.replace("[window.two]", new))
    };
    let units = |plan: &Plan, sku: u32| f64::from(Model::new(plan, 4).catalogue.expect("there is one").stock(sku));
    let (all, some) = (more("[window.two]"), more(&NEW.replace("375", "1000")));
    let sum = |plan: &Plan| (1..=3000).map(|sku| units(plan, sku)).sum::<f64>();
    assert!((sum(&some) / sum(&all) - 1.0).abs() < 1e-3, "in all it is the same demand");
    let catalogue = Model::new(&some, 4).catalogue.expect("there is one");
    let new = (2..=3000).find(|&sku| !catalogue.is_listed(sku, 0)).expect("a third is new");
    // Three windows with as many shoppers each: a new SKU has two thirds of its demand, the one before it a third of that of those
    // behind it on top.
    assert!((units(&some, new) / units(&all, new) - 2.0 / 3.0).abs() < 1e-3);
    let behind: f64 = (new..=3000).take_while(|&sku| !catalogue.is_listed(sku, 0)).map(|sku| units(&all, sku)).sum();
    assert!((units(&some, new - 1) / (units(&all, new - 1) + behind / 3.0) - 1.0).abs() < 1e-3);
}

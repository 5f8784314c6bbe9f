//! The exponents of popularity, recovered from draws: what shoppers pick follows the broken power law that was put in. And which
//! categories they pick from, given what the sale takes off.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::model::catalogue::{Catalogue, Sampling};
use saleload::model::expectation::ExpectedUnits;
use saleload::plan::{self, Popularity};
use saleload::results::series;
use saleload::rng::{Draws, Name, Purpose};
use saleload::scenario;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

/// Picks of one category.
const PICKS: u64 = 1_000_000;
/// Standard errors that an exponent may be off.
const ERRORS: f64 = 4.0;

/// Times that each rank was picked; in order.
type Counts = BTreeMap<u64, u64>;

/// The goods of the festival, its catalogue, and the number of a category.
fn festival(category: &str) -> (plan::Catalogue, Catalogue, usize) {
    let path = Path::new("scenarios/double11-2020.toml");
    let plan = scenario::load(path, &[]).unwrap_or_else(|e| panic!("{}", e.render(false))).plan;
    let goods = plan.catalogue.expect("the festival sells something");
    let id = goods.categories.iter().position(|of| of.name == category).expect("a category");
    let expected = ExpectedUnits { of_category: vec![1e8; goods.categories.len()], by_window: Vec::new() };
    let catalogue = Catalogue::new(plan.seed, &goods, Sampling { fraction: 1.0, keeps_all: true }, &expected);
    (goods, catalogue, id)
}

/// The popularity in a category of the festival, its ranks, and how often each was picked.
fn picked(category: &str) -> (Popularity, u64, Counts) {
    let (goods, catalogue, id) = festival(category);
    let first = catalogue.of_rank(id, 0);
    let draws = Draws::new(1);
    let mut counts = Counts::new();
    for subject in 0..PICKS {
        let mut stream = draws.stream(Name { subject, session: 0, visit: 0, purpose: Purpose::Product, item: 0 });
        // Past the named products of the category.
        let sku = catalogue.pick(id, 1.0 - f64::EPSILON, stream.unit());
        *counts.entry(u64::from(sku - first)).or_default() += 1;
    }
    (goods.popularity, goods.categories[id].skus, counts)
}

/// Integral of x^-exponent; the exponent is not one.
fn integral(exponent: f64, from: f64, to: f64) -> f64 {
    (to.powf(1.0 - exponent) - from.powf(1.0 - exponent)) / (1.0 - exponent)
}

/// The likeliest exponent of counts by rank, where the weight of a rank is the integral of x^-exponent over [rank + 1, rank + 2) and
/// ranks lie in a range: the likelihood has one peak, found by thirds. With its standard error, from the variance of ln x.
fn likeliest(counts: &[(u64, u64)], (from, to): (u64, u64)) -> (f64, f64) {
    let likelihood = |exponent: f64| {
        let whole = integral(exponent, from as f64 + 1.0, to as f64 + 1.0);
        let of = |&(rank, count): &(u64, u64)| {
            count as f64 * (integral(exponent, rank as f64 + 1.0, rank as f64 + 2.0) / whole).ln()
        };
        counts.iter().map(of).sum::<f64>()
    };
    // From an irrational start, so that the exponent one is never met.
    let (mut low, mut high) = (0.01 * std::f64::consts::SQRT_2, 3.0);
    for _ in 0..60 {
        let (left, right) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
        if likelihood(left) < likelihood(right) { low = left } else { high = right }
    }
    let n = counts.iter().map(|of| of.1 as f64).sum::<f64>();
    let mean = |of: &dyn Fn(f64) -> f64| {
        counts.iter().map(|&(rank, count)| count as f64 * of((rank as f64 + 1.5).ln())).sum::<f64>() / n
    };
    let (first, second) = (mean(&|x| x), mean(&|x| x * x));
    (f64::midpoint(low, high), 1.0 / (n * (second - first * first)).sqrt())
}

#[test]
fn the_exponents_of_popularity_are_recovered_from_draws() {
    for category in ["apparel", "produce"] {
        let (popularity, ranks, counts) = picked(category);
        let knee = (popularity.knee * ranks as f64) as u64;
        let counts: Vec<(u64, u64)> = counts.into_iter().collect();
        let (head, tail) = counts.split_at(counts.partition_point(|of| of.0 < knee));
        for (what, counts, range, put_in) in
            [("head", head, (0, knee), popularity.head), ("tail", tail, (knee, ranks), popularity.tail)]
        {
            let (found, error) = likeliest(counts, range);
            println!("{category}, {what}: {found:.4} with a standard error of {error:.4}, {put_in} put in");
            assert!(error < 0.01, "{category}, {what}: {PICKS} picks tell an exponent to the second decimal");
            assert!((found - put_in).abs() <= ERRORS * error, "{category}, {what}: {found}, not {put_in}");
        }
    }
}

/// Brands own products in proportion to a power of their rank: the exponent is found again in who owns what.
#[test]
fn the_exponent_of_brands_is_recovered_from_their_products() {
    let (goods, catalogue, id) = festival("apparel");
    let generated = |&brand: &usize| catalogue.brand(brand) == (id, None);
    let first = (0..catalogue.brands()).find(generated).expect("there are more than the named ones");
    let ranks = (first..catalogue.brands()).take_while(generated).count() as u64;
    let mut counts = Counts::new();
    for rank in 0..300_000 {
        let brand = catalogue.brand_of(catalogue.of_rank(id, rank)).expect("each has a brand");
        if generated(&brand) {
            *counts.entry((brand - first) as u64).or_default() += 1;
        }
    }
    let counts: Vec<(u64, u64)> = counts.into_iter().collect();
    let (found, error) = likeliest(&counts, (0, ranks));
    println!("brands: {found:.4} with a standard error of {error:.4}, {} put in", goods.brand_exponent);
    assert!(error < 0.01 && (found - goods.brand_exponent).abs() <= ERRORS * error, "{found}");
}

/// Of shelves alike in all but what the sale takes off them, baskets take by demand × (1 - discount)^-elasticity.
#[test]
fn demand_goes_where_it_gets_cheaper() {
    // Demand, discount, elasticity, and the weight that they come to.
    let categories = [(1.0, 0.0, 2.0, 1.0), (1.0, 0.5, 2.0, 4.0), (1.0, 0.5, 0.0, 1.0), (2.0, 0.2, 1.5, 2.795_085)];
    let all: f64 = categories.iter().map(|of| of.3).sum();
    let mut text = String::from(
        "name = \"cheaper\"\ntitle = \"Four shelves\"\nzone = \"UTC\"\npopulation.shoppers = 40000\nplatform.cells = 4\n\
         [window.sale]\nopens = \"2020-11-11T00:00:00Z\"\ncloses = \"2020-11-11T01:00:00Z\"\n\
         [intensity]\neven.parts = [{ constant = { weight = 1 } }]\n\
         [segment.all]\nshare = 1\ncbmg = \"buy\"\nwindow.sale = { participation = 1.0, intensity = \"even\" }\n\
         [cbmg.buy]\nentry = \"cart\"\n[cbmg.buy.state]\ncart = { action = \"add_to_basket\", next.order = 1 }\n\
         order = { action = \"reserve\", next.pay = 1 }\npay = { action.pay = {}, next.exit = 1 }\n\
         [catalogue]\nskus = 40\nbrands = 1\n",
    );
    for (id, (demand, discount, elasticity, _)) in categories.iter().enumerate() {
        let keys = format!("skus = 0.25\ndemand = {demand:?}\ndiscount = {discount:?}\nelasticity = {elasticity:?}");
        text.extend([&format!("[category.c{id}]\n{keys}\n"), "price.constant = \"10 RMB\"\nstock.constant = 40000\n"]);
    }
    let loaded = scenario::load_str(&text, "cheaper.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let options = Options { simulated_cells: 4, threads: 2 };
    let results = engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(()));
    let results = results.unwrap_or_else(|breach| panic!("{breach}"));
    for (id, (_, discount, _, weight)) in categories.iter().enumerate() {
        let paid = results.series.integers(&series::category(&format!("c{id}"), "gmv_paid_fen")).iter().sum::<i64>();
        let (lines, share) = (paid as f64 / (1000.0 * (1.0 - discount)), weight / all);
        let error = (40_000.0 * share * (1.0 - share)).sqrt();
        println!("c{id}: {lines}, expected {:.0} with a standard error of {error:.0}", 40_000.0 * share);
        assert!((lines - 40_000.0 * share).abs() <= ERRORS * error, "c{id}: {lines}");
    }
}

//! Who comes, and when: arrivals against their intensity, participation, and what a shopper remembers.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::results::{Results, series};
use saleload::scenario;
use statrs::distribution::{ChiSquared, ContinuousCDF};
use std::ops::ControlFlow;

const SHOPPERS: u32 = 300_000;
const WINDOW_SECONDS: f64 = 7200.0;
/// Opening of the window in [`sessions_by_row`], in hours of the day.
const OPENS_AT: f64 = 20.5;
/// Arrivals that agree with their intensity are refused this rarely.
const SIGNIFICANCE: f64 = 1e-3;
/// A distortion of the intensity that must be refused.
const DISTORTION: f64 = 0.03;

fn run(text: &str) -> Results {
    let loaded = scenario::load_str(text, "arrivals.toml", &[]).unwrap_or_else(|e| panic!("{}", e.render(false)));
    let options = Options { simulated_cells: loaded.plan.cells, threads: 1 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// A part of an intensity: what the file says, its weight, and its density (up to a factor) by seconds since the opening.
type Part<'a> = (&'a str, f64, &'a dyn Fn(f64) -> f64);

const BURST: &str = r#"{ burst = { weight = 3, rise = "20s", decay = "10m", after = "5m" } }"#;
const HOURLY: &str =
    "{ hourly = { weight = 2, hours = [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,9,30,15,2] } }";
const POINTS: &str =
    "{ points = { weight = 1, values = [[30.0, 0.0], [600.0, 3.0], [1234.5, 1.0], [5000.0, 1.5], [6000.0, 0.0]] } }";
const CONSTANT: &str = "{ constant = { weight = 4 } }";

fn burst(t: f64) -> f64 {
    let t = t - 300.0;
    if t < 0.0 { 0.0 } else { (1.0 - (-t / 20.0).exp()) * (-t / 600.0).exp() }
}

fn hourly(t: f64) -> f64 {
    let hour = (OPENS_AT + t / 3600.0).floor() as usize;
    [9.0, 30.0, 15.0][hour - 20]
}

fn points(t: f64) -> f64 {
    let corners = [(30.0, 0.0), (600.0, 3.0), (1234.5, 1.0), (5000.0, 1.5), (6000.0, 0.0)];
    let piece = corners.windows(2).find(|pair| (pair[0].0..pair[1].0).contains(&t));
    piece.map_or(0.0, |pair| {
        let ((from, low), (until, high)) = (pair[0], pair[1]);
        low + (high - low) * (t - from) / (until - from)
    })
}

fn constant(_: f64) -> f64 {
    1.0
}

/// Sessions begun per row of the series, with the row's start and length in seconds. Three cells and two segments share the
/// intensity, rows are a second long at first and then a minute.
fn sessions_by_row(parts: &[Part], seed: u64) -> Vec<(f64, f64, f64)> {
    let parts: Vec<&str> = parts.iter().map(|part| part.0).collect();
    let parts = parts.join(", ");
    let results = run(&format!(
        r#"
        name = "arrivals"
        title = "Arrivals"
        zone = "Asia/Shanghai"
        seed = {seed}
        population.shoppers = {SHOPPERS}
        platform = {{ cells = 3, tick_max = "1s" }}
        record.fine = "60s"
        window.evening = {{ opens = "2020-11-11T20:30:00+08:00", closes = "2020-11-11T22:30:00+08:00" }}
        intensity.tested.parts = [{parts}]
        cbmg.look = {{ entry = "page", state.page.next.exit = 1 }}
        segment.most = {{ share = 0.7, cbmg = "look", window.evening = {{ participation = 0.8, intensity = "tested" }} }}
        segment.rest = {{ share = 0.3, cbmg = "look", window.evening = {{ participation = 1, intensity = "tested" }} }}
        "#
    ));
    let table = &results.series;
    let (time, seconds) = (table.integers(series::TIME), table.integers(series::SECONDS));
    let rows = table.integers(series::SESSIONS).iter().enumerate();
    rows.map(|(row, &begun)| ((time[row] - time[0]) as f64 / 1e3, seconds[row] as f64, begun as f64)).collect()
}

/// Integral of a density by the midpoint rule: independent of the closed forms of the engine.
fn quadrature(density: &dyn Fn(f64) -> f64, from: f64, length: f64) -> f64 {
    let steps = (length * 20.0).ceil();
    let step = length / steps;
    (0..steps as u32).map(|i| density(from + (f64::from(i) + 0.5) * step) * step).sum()
}

/// Probability of a deviation at least as large, given how many came in all. Rows with few expected are pooled.
fn p_value(observed: &[f64], shares: &[f64]) -> f64 {
    let total: f64 = observed.iter().sum();
    let (mut chi_squared, mut bins) = (0.0, 0.0);
    let (mut pooled_observed, mut pooled_expected) = (0.0, 0.0);
    for (came, share) in observed.iter().zip(shares) {
        pooled_observed += came;
        pooled_expected += share * total;
        if pooled_expected >= 10.0 {
            chi_squared += (pooled_observed - pooled_expected).powi(2) / pooled_expected;
            bins += 1.0;
            (pooled_observed, pooled_expected) = (0.0, 0.0);
        }
    }
    // What is left over at the end is too little to be a bin, but must not hide arrivals where none may be.
    assert!(pooled_observed <= 40.0 + 4.0 * pooled_expected, "{pooled_observed} came where {pooled_expected} may");
    ChiSquared::new(bins - 1.0).expect("more than one bin").sf(chi_squared)
}

fn follows(name: &str, parts: &[Part], seed: u64) {
    let rows = sessions_by_row(parts, seed);
    let total_weight: f64 = parts.iter().map(|part| part.1).sum();
    let mut shares = vec![0.0; rows.len()];
    for (_, weight, density) in parts {
        let mass = quadrature(density, 0.0, WINDOW_SECONDS);
        for (share, &(from, length, _)) in shares.iter_mut().zip(&rows) {
            *share += weight / total_weight * quadrature(density, from, length) / mass;
        }
    }
    let observed: Vec<f64> = rows.iter().map(|row| row.2).collect();
    for (came, share) in observed.iter().zip(&shares) {
        assert!(*share > 0.0 || *came == 0.0, "{came} came where nobody may");
    }
    let p = p_value(&observed, &shares);
    let mut distorted: Vec<f64> = shares
        .iter()
        .zip(0..)
        .map(|(share, row)| share * (1.0 + DISTORTION * f64::from(1 - row / 2 % 2 * 2)))
        .collect();
    let sum: f64 = distorted.iter().sum();
    for share in &mut distorted {
        *share /= sum;
    }
    let p_distorted = p_value(&observed, &distorted);
    println!("{name:<10} p = {p:.4}; off by {} %: p = {p_distorted:.1e}", 100.0 * DISTORTION);
    assert!(p > SIGNIFICANCE, "{name}: arrivals do not follow their intensity, p = {p}");
    assert!(p_distorted < SIGNIFICANCE, "{name}: a distorted intensity would pass, p = {p_distorted}");
}

#[test]
fn a_burst_is_followed() {
    follows("burst", &[(BURST, 3.0, &burst)], 11);
}

#[test]
fn the_hours_are_followed() {
    follows("hourly", &[(HOURLY, 2.0, &hourly)], 12);
}

#[test]
fn points_are_followed() {
    follows("points", &[(POINTS, 1.0, &points)], 13);
}

#[test]
fn a_constant_is_followed() {
    follows("constant", &[(CONSTANT, 4.0, &constant)], 14);
}

#[test]
fn a_sum_is_followed() {
    let parts: [Part; 4] =
        [(BURST, 3.0, &burst), (HOURLY, 2.0, &hourly), (POINTS, 1.0, &points), (CONSTANT, 4.0, &constant)];
    follows("sum", &parts, 15);
}

const MEMORY_SHOPPERS: u32 = 40_000;
const AFTER_BOUGHT: f64 = 0.5;
const AFTER_FAILED: f64 = 1.6;

/// Sessions of each window when everybody who comes tries to buy one of `stock` units.
fn sessions_by_window(participation: &[f64], stock: u32, seed: u64) -> Vec<u64> {
    let window = |(window, participation): (usize, &f64)| {
        let (opens, closes) = (10 + 2 * window, 11 + 2 * window);
        format!(
            r#"
            window.w{window} = {{ opens = "2020-11-11T{opens}:00:00Z", closes = "2020-11-11T{closes}:00:00Z" }}
            segment.all.window.w{window} = {{ participation = {participation:?}, intensity = "even" }}
            "#
        )
    };
    let windows = participation.iter().enumerate().map(window).collect::<Vec<_>>().join("\n");
    let results = run(&format!(
        r#"
        name = "memory"
        title = "Memory"
        zone = "UTC"
        seed = {seed}
        population.shoppers = {MEMORY_SHOPPERS}
        platform = {{ cells = 4, tick_max = "10s" }}
        memory = {{ after_bought = {AFTER_BOUGHT}, after_failed = {AFTER_FAILED} }}
        record.fine = "1s"
        intensity.even.parts = [{{ constant.weight = 1 }}]
        catalogue = {{ skus = 1, brands = 1 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "1 RMB", stock.constant = 0 }}
        product.wanted = {{ category = "goods", price = "10 RMB", stock = {stock}, demand = 1 }}
        segment.all.share = 1
        segment.all.cbmg = "buy"
        {windows}
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", next.pay = 1 }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        "#
    ));
    results.summary.windows.iter().map(|window| window.total.sessions).collect()
}

/// Whether `came` of the shoppers is within four standard deviations of a binomial share, or exact where that is certain.
fn is_share(came: u64, share: f64, about: &str) {
    let n = f64::from(MEMORY_SHOPPERS);
    let bound = 4.0 * (n * share * (1.0 - share)).max(0.0).sqrt();
    println!("{about}: {:.4} of the shoppers came, expected {share:.4}", came as f64 / n);
    assert!((came as f64 - n * share).abs() <= bound, "{about}: {came} of {n} came, expected {share}");
}

const PLENTY: u32 = 1_000_000;

#[test]
fn who_has_bought_comes_back_by_the_factor() {
    let came = sessions_by_window(&[1.0, 0.6], PLENTY, 21);
    assert_eq!(came[0], u64::from(MEMORY_SHOPPERS), "participation 1 brings everybody");
    is_share(came[1], 0.6 * AFTER_BOUGHT, "after all bought");
}

#[test]
fn who_has_failed_comes_back_by_the_factor() {
    let came = sessions_by_window(&[1.0, 0.3], 0, 22);
    is_share(came[1], 0.3 * AFTER_FAILED, "after all failed");
}

#[test]
fn who_has_not_come_has_no_history() {
    let came = sessions_by_window(&[0.3, 0.5], PLENTY, 23);
    is_share(came[0], 0.3, "the first window");
    is_share(came[1], 0.3 * 0.5 * AFTER_BOUGHT + 0.7 * 0.5, "three in ten have bought");
    let came = sessions_by_window(&[0.3, 0.5], 0, 24);
    is_share(came[1], 0.3 * 0.5 * AFTER_FAILED + 0.7 * 0.5, "three in ten have failed");
}

#[test]
fn participation_is_capped_at_one() {
    let came = sessions_by_window(&[1.0, 0.7], 0, 25);
    is_share(came[1], 1.0, "0.7 by 1.6");
}

#[test]
fn who_has_bought_once_counts_as_a_buyer_whatever_follows() {
    // The first window sells the last unit, so whoever comes to the second fails.
    let came = sessions_by_window(&[1.0, 0.8, 0.6], MEMORY_SHOPPERS, 26);
    is_share(came[1], 0.8 * AFTER_BOUGHT, "the second window, after all bought");
    is_share(came[2], 0.6 * AFTER_BOUGHT, "the third window, after half of the buyers failed");
}

//! Memory follows sessions in flight and goods, not shoppers; and `check` says beforehand how much it will be.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use std::path::Path;
use std::process::Command;

/// The promise: bytes per shopper.
const PER_SHOPPER: f64 = 2.0;
/// How far the forecast may be from the measured peak.
const FORECAST_ERROR: f64 = 0.25;

/// A sale in two windows, so that shoppers have a history, to which half a million sessions come whatever the population.
fn two_windows(shoppers: u32) -> String {
    let participation = 250_000.0 / f64::from(shoppers);
    format!(
        r#"
        name = "two-windows"
        title = "Half a million sessions of {shoppers} shoppers"
        zone = "UTC"
        population.shoppers = {shoppers}
        platform.cells = 64
        window.first = {{ opens = "2020-11-01T00:00:00Z", closes = "2020-11-01T02:00:00Z" }}
        window.second = {{ opens = "2020-11-02T00:00:00Z", closes = "2020-11-02T02:00:00Z" }}
        intensity.even.parts = [{{ burst = {{ weight = 1, rise = "1s", decay = "10m" }} }}]
        catalogue = {{ skus = 100_000, brands = 10 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "10 RMB", stock.constant = 20 }}
        service.web = {{ instances = 640, workers = 8, service_time.exponential = "50ms" }}
        [cbmg.buy]
        entry = "look"
        [cbmg.buy.state]
        look = {{ calls = ["web"], think.exponential = "4m", next.cart = 1 }}
        cart = {{ calls = ["web"], action = "add_to_basket", think.exponential = "4m", next.order = 1 }}
        order = {{ calls = ["web"], action = "reserve", think.exponential = "2m", next.pay = 1 }}
        pay = {{ calls = ["web"], action.pay = {{}}, next.exit = 1 }}
        [segment.all]
        share = 1
        cbmg = "buy"
        basket.lines.geometric = 3
        window.first = {{ participation = {participation:?}, intensity = "even" }}
        window.second = {{ participation = {participation:?}, intensity = "even" }}
        "#
    )
}

fn saleload(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    let output = command.current_dir(folder).args(arguments).output().expect("the command can be started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// An amount as the summary prints it before ` of memory`, bytes.
fn peak(summary: &str) -> f64 {
    let line = summary.lines().find_map(|line| line.strip_suffix(" of memory")).expect("the summary says the peak");
    let amount = line.rsplit(", ").next().expect("a last part");
    let (number, unit) = amount.split_once(' ').expect("a number and a unit");
    let number: f64 = number.parse().expect("a number");
    number * if unit == "GB" { 1e9 } else { 1e6 }
}

/// Peak of a run of a scenario and its forecast, bytes.
fn measure(scenario: &str) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("sale.toml"), scenario).expect("the folder takes a file");
    let forecast: serde_json::Value =
        serde_json::from_str(&saleload(folder.path(), &["check", "--json", "sale.toml"])).expect("JSON");
    let forecast = forecast[0]["forecast"]["memory_bytes"].as_f64().expect("a forecast of memory");
    let run = saleload(folder.path(), &["run", "--quiet", "--threads", "2", "sale.toml"]);
    (peak(&run), forecast)
}

#[test]
#[cfg(target_os = "linux")]
fn memory_hardly_grows_with_shoppers_and_is_foretold() {
    let (few, many) = (10_000_000, 100_000_000);
    let ((with_few, foretold_few), (with_many, foretold_many)) =
        (measure(&two_windows(few)), measure(&two_windows(many)));
    println!(
        "{with_few:.3e} bytes (forecast {foretold_few:.3e}), with ten times the shoppers {with_many:.3e} ({foretold_many:.3e})"
    );
    let per_shopper = (with_many - with_few) / f64::from(many - few);
    assert!(per_shopper <= PER_SHOPPER, "{per_shopper} bytes per shopper");
    for (measured, foretold) in [(with_few, foretold_few), (with_many, foretold_many)] {
        let error = foretold / measured - 1.0;
        assert!(error.abs() <= FORECAST_ERROR, "{foretold} bytes foretold, {measured} held");
    }
}

/// Four million SKUs in eight cells, of which little is sold: what a policy keeps for each of them is most of what a run holds.
fn goods(policy: &str) -> String {
    format!(
        r#"
        name = "goods"
        title = "Four million goods"
        zone = "UTC"
        population.shoppers = 1_000
        platform.cells = 8
        window.day = {{ opens = "2020-11-01T00:00:00Z", closes = "2020-11-01T00:01:00Z" }}
        intensity.even.parts = [{{ constant = {{ weight = 1 }} }}]
        catalogue = {{ skus = 4_000_000, brands = 10 }}
        category.goods = {{ skus = 1, demand = 1, price.constant = "10 RMB", stock.constant = 20 }}
        inventory = {{ {policy} }}
        [cbmg.buy]
        entry = "cart"
        [cbmg.buy.state]
        cart = {{ action = "add_to_basket", next.order = 1 }}
        order = {{ action = "reserve", next.pay = 1 }}
        pay = {{ action.pay = {{}}, next.exit = 1 }}
        [segment.all]
        share = 1
        cbmg = "buy"
        window.day = {{ participation = 1, intensity = "even" }}
        "#
    )
}

/// A hundred thousand requests of four minutes at once, at a service that is played event by event, or at a plain one.
fn long_requests(discipline: &str) -> String {
    format!(
        r#"
        name = "long-requests"
        title = "Requests that take minutes"
        zone = "UTC"
        population.shoppers = 200_000
        platform.cells = 8
        window.day = {{ opens = "2020-11-01T00:00:00Z", closes = "2020-11-01T00:08:00Z" }}
        intensity.even.parts = [{{ constant = {{ weight = 1 }} }}]
        service.slow = {{ instances = 8, workers = 50_000, service_time.deterministic = "4m", timeout = "10m"{discipline} }}
        cbmg.ask.entry = "ask"
        cbmg.ask.state.ask = {{ calls = ["slow"], next.exit = 1 }}
        segment.all = {{ share = 1, cbmg = "ask", window.day = {{ participation = 1, intensity = "even" }} }}
        "#
    )
}

/// By how much a scenario needs more memory than another, measured and foretold.
fn more(scenario: &str, than: (f64, f64)) -> (f64, f64) {
    let (measured, foretold) = measure(scenario);
    println!("{:.1} MB more, forecast {:.1} MB", (measured - than.0) / 1e6, (foretold - than.1) / 1e6);
    (measured - than.0, foretold - than.1)
}

fn within(name: &str, (measured, foretold): (f64, f64)) {
    let error = foretold / measured - 1.0;
    assert!(error.abs() <= FORECAST_ERROR, "{name}: {foretold} bytes foretold, {measured} held");
}

/// What policies of inventory and desks add, as the difference from the same run without them: a run of so few events is steady to a
/// megabyte or two.
#[test]
#[cfg(target_os = "linux")]
fn what_policies_add_is_foretold() {
    let plain = measure(&goods(""));
    within("plain", plain);
    for policy in [r#"flag_delay = "1s""#, "split.by_cell = {}"] {
        within(policy, more(&goods(policy), plain));
    }
    // Four bytes of each SKU are fewer than were needed for a moment to make them.
    within("optimistic", measure(&goods(r#"reserve = "optimistic""#)));
    let (measured, foretold) = more(&goods(r#"reserve = "payment""#), plain);
    assert!(foretold == 0.0 && measured.abs() < 4e6, "{measured} bytes for nothing");
    within("desks", more(&long_requests(r#", discipline = "lifo""#), measure(&long_requests(""))));
}

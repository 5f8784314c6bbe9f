//! `saleload fit`: parameters are found again from what a run with them brought, and what is wrong is told.

use assert_cmd::Command;
use saleload::engine::{self, Options};
use saleload::results::Results;
use saleload::scenario;
use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Output;

/// An hour of a shop: a rush, and a trickle of which half of the population is a part.
const SHOP: &str = r#"
name = "shop"
title = "A shop"
population.shoppers = 120_000
platform.cells = 4
window.noon = { opens = "2020-11-11T12:00:00+08:00", closes = "2020-11-11T13:00:00+08:00" }
segment.all = { share = 1, cbmg = "buy", window.noon = { participation = 0.5, intensity = "day" } }
service.web = { instances = 64, service_time.exponential = "50ms" }
catalogue = { skus = 500, brands = 10 }
category.toys = { skus = 1, demand = 1, price.constant = "100 RMB", stock.constant = 100_000 }

[intensity.day]
parts = [{ burst = { weight = 0.3, rise = "5s", decay = "4m" } }, { constant = { weight = 1 } }]

[cbmg.buy]
entry = "product"
state.product = { calls = ["web"], action = "add_to_basket", think.exponential = "20s", next = { order = 0.6, exit = 0.4 } }
state.order = { calls = ["web"], action = "reserve", think.exponential = "5s", next = { pay = 1 } }
state.pay = { calls = ["web"], action.pay = {}, next = { exit = 1 } }
"#;

const FREE: &str = r#"
[free.come]
path = "segment.all.window.noon.participation"
low = 0.1
high = 1

[free.rush]
path = "intensity.day.parts.0.burst.weight"
low = 0.02
high = 5
scale = "log"

[free.decay]
path = "intensity.day.parts.0.burst.decay"
low = "30s"
high = "20m"
scale = "log"
"#;

fn played(file: &Path) -> Results {
    let loaded = scenario::load(file, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let options = Options { simulated_cells: loaded.plan.cells, threads: 2 };
    engine::run(&loaded.plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn fit(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    command.current_dir(folder).arg("fit").args(arguments).output().expect("it runs")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The shop with other values, and what it brings.
fn truth(folder: &Path) -> Results {
    let patch = "extends = 'shop.toml'\nsegment.all.window.noon.participation = 0.8\nintensity.day.parts.0.burst.weight = 0.9\n\
                 intensity.day.parts.0.burst.decay = '9m'\nseed = 77\n";
    fs::write(folder.join("shop.toml"), SHOP).expect("written");
    fs::write(folder.join("truth.toml"), patch).expect("written");
    played(&folder.join("truth.toml"))
}

/// Published figures that a run would have left behind.
fn published(results: &Results) -> String {
    let (seconds, fen) = (results.series.integers("seconds"), results.series.integers("gmv_paid_fen"));
    let (mut at, mut sum, mut text) = (0, 0, String::new());
    for (seconds, fen) in seconds.iter().zip(fen) {
        (at, sum) = (at + seconds, sum + fen);
        if [60, 180, 420, 900, 1800, 3600].contains(&at) {
            let rmb = format!("{}.{:02}", sum / 100, sum % 100);
            let _ = write!(text, "[published.after-{at}]\nvalue.gmv_paid = '{rmb} RMB'\nat = '{at}s'\nwithin = 0.02\n");
        }
    }
    let peak = results.summary.windows[0].peak_orders_per_second;
    text + &format!("[published.peak]\nvalue.peak_orders_per_second = {peak:?}\nwithin = 0.3\n")
}

#[test]
fn the_values_behind_published_figures_are_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let published = published(&truth(folder.path()));
    fs::write(folder.path().join("sale.toml"), format!("extends = 'shop.toml'\n{published}{FREE}")).expect("written");
    let first = fit(folder.path(), &["sale.toml", "--evaluations", "80", "--threads", "2"]);
    assert_eq!(first.status.code(), Some(0), "{}", told(&first));
    let patch = fs::read_to_string(folder.path().join("sale-fitted.toml")).expect("a patch");
    let again = played(&folder.path().join("sale-fitted.toml"));
    assert_eq!(again.summary.published.len(), 7);
    for figure in &again.summary.published {
        assert!(figure.error.is_some_and(|error| error.abs() < figure.within), "{figure:?}\n{}\n{patch}", told(&first));
    }
    let value = |path: &str| {
        let line = patch.lines().find_map(|line| line.strip_prefix(path)).unwrap_or_else(|| panic!("{path}: {patch}"));
        line.trim_start_matches(" = ").parse::<f64>().expect("a number")
    };
    assert!((value("segment.all.window.noon.participation") / 0.8 - 1.0).abs() < 0.02, "{patch}");
    assert!((value("intensity.day.parts.0.burst.weight") / 0.9 - 1.0).abs() < 0.15, "{patch}");

    // Nothing is lost without being asked for; what is found does not depend on threads.
    let refused = fit(folder.path(), &["sale.toml"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(told(&refused).contains("--overwrite"));
    let other = fit(folder.path(), &["sale.toml", "--evaluations", "80", "--threads", "1", "--overwrite", "--quiet"]);
    assert_eq!((other.status.code(), other.stderr.as_slice()), (Some(0), b"".as_slice()));
    assert_eq!(fs::read_to_string(folder.path().join("sale-fitted.toml")).expect("a patch"), patch);
}

#[test]
fn observed_rates_and_a_range_on_the_command_line_do_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let results = truth(folder.path());
    let mut rows = String::from("time,orders_per_second\n");
    let orders = results.series.integers("orders_created");
    for minute in 0..60 {
        let mean = orders[minute * 60..(minute + 1) * 60].iter().sum::<i64>() as f64 / 60.0;
        let _ = writeln!(rows, "2020-11-11T12:{minute:02}:00+08:00,{mean}");
    }
    rows += "2020-11-11T13:00:00+08:00,0\n";
    fs::write(folder.path().join("observed.csv"), rows).expect("written");
    fs::create_dir(folder.path().join("found")).expect("a folder");
    let found = fit(
        folder.path(),
        &[
            "shop.toml",
            "--points",
            "observed.csv",
            "--free",
            "segment.all.window.noon.participation=0.1..1",
            "--free",
            "intensity.day.parts.0.burst.weight=0.02..5",
            "--free",
            "intensity.day.parts.0.burst.decay=1m..20m",
            "--out",
            "found/values.toml",
        ],
    );
    assert_eq!(found.status.code(), Some(0), "{}", told(&found));
    let patch = fs::read_to_string(folder.path().join("found/values.toml")).expect("a patch");
    assert!(patch.contains("extends = \"../shop.toml\""), "{patch}");
    let (was, is) = (results.summary.total.orders_paid as f64, played(&folder.path().join("found/values.toml")));
    assert!((is.summary.total.orders_paid as f64 / was - 1.0).abs() < 0.02, "{}\n{patch}", told(&found));
}

/// A shop whose rush may begin later: the height of the peak says nothing of when, the time of it does.
#[test]
fn the_time_of_a_peak_moves_the_rush() {
    let folder = tempfile::tempdir().expect("a folder");
    let rises = |rise: &str| SHOP.replace("rise = \"5s\"", &format!("rise = \"{rise}\""));
    fs::write(folder.path().join("shop.toml"), rises("5s")).expect("written");
    fs::write(folder.path().join("truth.toml"), rises("80s")).expect("written");
    let window = &played(&folder.path().join("truth.toml")).summary.windows[0];
    let peak = (window.peak_orders_per_second, window.peak_orders_unix_ms.expect("a peak") - window.opens_unix_ms);
    let rows = format!("seconds,peak_orders_per_second,within_seconds\n{},{},5\n", peak.1 / 1000, peak.0);
    fs::write(folder.path().join("peak.csv"), rows).expect("written");
    let free =
        ["--free", "intensity.day.parts.0.burst.rise=1s..200s", "--free", "intensity.day.parts.0.burst.weight=0.05..3"];
    let found =
        fit(folder.path(), &[&["shop.toml", "--points", "peak.csv", "--out", "found.toml"][..], &free].concat());
    assert_eq!(found.status.code(), Some(0), "{}", told(&found));
    assert!(told(&found).contains("its time"), "{}", told(&found));
    let after = &played(&folder.path().join("found.toml")).summary.windows[0];
    let late = after.peak_orders_unix_ms.expect("a peak") - after.opens_unix_ms - peak.1;
    let before = &played(&folder.path().join("shop.toml")).summary.windows[0];
    let was = before.peak_orders_unix_ms.expect("a peak") - before.opens_unix_ms - peak.1;
    assert!(was.abs() > 30_000 && late.abs() <= 10_000, "{was} ms, {late} ms\n{}", told(&found));

    // The same in the scenario.
    let published = format!(
        "extends = 'shop.toml'\n[published.peak]\nvalue.peak_orders_per_second = {:?}\nat = '{}ms'\nwithin_time = '5s'\n",
        peak.0, peak.1
    );
    fs::write(folder.path().join("sale.toml"), published).expect("written");
    let again = fit(folder.path(), &[&["sale.toml", "--out", "again.toml"][..], &free].concat());
    assert_eq!(again.status.code(), Some(0), "{}", told(&again));
    let values = |name: &str| {
        let patch = fs::read_to_string(folder.path().join(name)).expect("a patch");
        patch.lines().filter(|line| line.starts_with("intensity")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(values("again.toml"), values("found.toml"));
}

/// What was announced as the best is what is written, even if that run was only made to measure a slope.
#[test]
fn the_best_of_all_runs_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.toml"), SHOP).expect("written");
    fs::write(folder.path().join("more.csv"), "seconds,gmv_paid_rmb\n3600,9000000\n").expect("written");
    let arguments = [
        "shop.toml",
        "--points",
        "more.csv",
        "--evaluations",
        "2",
        "--free",
        "segment.all.window.noon.participation=0.4..1",
    ];
    let output = fit(folder.path(), &arguments);
    let (told, patch) = (told(&output), fs::read_to_string(folder.path().join("shop-fitted.toml")).expect("a patch"));
    let value = patch.lines().find_map(|line| line.strip_prefix("segment.all.window.noon.participation = "));
    assert_eq!(value, Some("0.548"), "a run away from 0.5 by a part of the range\n{told}");
    let announced =
        told.rsplit_once("mean error at best ").and_then(|(_, rest)| rest.lines().next()).expect("progress");
    assert!(patch.contains(&format!("{announced} after.")), "{told}\n{patch}");
}

/// `record.fine` is in whole seconds, which a search does not know. What was found before it came upon that is kept.
#[test]
fn a_refusal_within_the_ranges_keeps_what_was_found() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.toml"), SHOP).expect("written");
    fs::write(folder.path().join("more.csv"), "seconds,gmv_paid_rmb\n3600,9000000\n").expect("written");
    let free = ["--free", "segment.all.window.noon.participation=0.4..1", "--free", "record.fine=600s..3601s"];
    let output = fit(folder.path(), &[&["shop.toml", "--points", "more.csv"][..], &free].concat());
    assert_eq!(output.status.code(), Some(104), "{}", told(&output));
    let patch = fs::read_to_string(folder.path().join("shop-fitted.toml")).expect("a patch");
    assert!(patch.contains("segment.all.window.noon.participation = 0.548"), "{patch}\n{}", told(&output));
    assert!(told(&output).contains("2 runs in") && told(&output).contains("narrow the ranges"), "{}", told(&output));
    assert!(!told(&output).contains("INTERRUPTED"), "{}", told(&output));
    played(&folder.path().join("shop-fitted.toml"));
}

#[test]
fn the_ranges_of_the_command_line_stand_in_the_place_of_those_of_the_scenario() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.toml"), format!("{SHOP}{FREE}")).expect("written");
    fs::write(folder.path().join("none.csv"), "seconds,gmv_paid_rmb\n0,0\n60,0\n3600,9000000\n").expect("written");
    let arguments = [
        "shop.toml",
        "--points",
        "none.csv",
        "--evaluations",
        "1",
        "--free",
        "segment.all.window.noon.participation=0.3..1",
    ];
    let output = fit(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let patch = fs::read_to_string(folder.path().join("shop-fitted.toml")).expect("a patch");
    assert!(patch.contains("participation = 0.5\n") && !patch.contains("decay"), "{patch}");
    assert!(told(&output).contains("none.csv: 2 rows of zero are left out"), "{}", told(&output));
}

#[test]
fn what_cannot_be_fitted_is_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("shop.toml"), SHOP).expect("written");
    fs::write(folder.path().join("none.csv"), "seconds,price\n1,2\n").expect("written");
    fs::write(folder.path().join("late.csv"), "seconds,gmv_paid_rmb\n60,10\n9999,20\n").expect("written");
    fs::write(folder.path().join("good.csv"), "seconds,gmv_paid_rmb\n60,10\n").expect("written");
    fs::write(folder.path().join("both.csv"), "seconds,gmv_paid_rmb,orders_per_second\n60,10,1\n").expect("written");
    fs::write(folder.path().join("word.csv"), "seconds,gmv_paid_rmb\n60,much\n").expect("written");
    let range = "segment.all.window.noon.participation=0.1..1";
    let other = "segment.all.window.'noon'.participation = 0.2 .. 1";
    let long = "segment.all.window.noon.participation=0.5..3";
    let prefix = "segment.all.window.noon=0.5..3";
    fs::write(folder.path().join("two.csv"), "seconds,peak_orders_per_second\n60,10\n70,10\n").expect("written");
    let wrong: [(&[&str], i32, &str); 14] = [
        (&["shop.toml"], 2, "nothing is free"),
        (&["shop.toml", "--free", range], 2, "nothing to fit to"),
        (&["shop.toml", "--free", "segment.all"], 2, "PATH=LOW..HIGH"),
        (&["shop.toml", "--free", "segment.al.share=0..1"], 104, "there is no `al`"),
        (&["shop.toml", "--free", "segment.all.window.noon.participation=1..0.1"], 104, "range is empty"),
        (&["shop.toml", "--free", range, "--free", other], 104, "--> --free:1:1\n  |\n1 | segment.all.window.'noon'"),
        (&["shop.toml", "--free", range, "--free", prefix], 104, "is no quantity"),
        (
            &["shop.toml", "--free", long],
            104,
            "1 | segment.all.window.noon.participation=0.5..3\n  |                                            ^",
        ),
        (&["shop.toml", "--free", range, "--points", "none.csv"], 104, "gmv_paid_rmb"),
        (&["shop.toml", "--free", range, "--points", "both.csv"], 104, "`gmv_paid_rmb` and `orders_per_second`"),
        (&["shop.toml", "--free", range, "--points", "word.csv"], 104, "`much` is not a number"),
        (&["shop.toml", "--free", range, "--points", "late.csv"], 104, "after the last closing"),
        (&["shop.toml", "--free", range, "--points", "two.csv"], 104, "a second peak of the same window"),
        (&["shop.toml", "--free", range, "--points", "good.csv", "--sample", "1/3"], 2, "4 cells"),
    ];
    for (arguments, code, text) in wrong {
        let output = fit(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        assert!(told(&output).contains(text), "{arguments:?}: {}", told(&output));
        assert!(!text.contains("not a number") || told(&output).matches(text).count() == 1, "{}", told(&output));
        assert!(!told(&output).contains("argument-"), "{arguments:?}: {}", told(&output));
    }
}

//! What each strategy of `scenarios/strategies` changes: paired differences to the scenario that it extends under common random numbers.
//!
//! ```sh
//! cargo run --release --example strategies -- 4
//! ```
//!
//! plays every strategy and what it extends with four seeds, one cell of 128 each, and prints the table of `docs/strategies.md`: means
//! and 95 % intervals by Student's t. Of strategies that are named after the number, only those are played. Where it matters how stock is
//! spread over cells, all cells of a platform of a hundredth of the size are played.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what this is for")]

#[path = "../benches/runs/smaller.rs"]
mod smaller;

use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::{Bucket, Results, series};
use saleload::scenario;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const FOLDER: &str = "scenarios/strategies";
/// Cells of the platform, of which one is played.
const CELLS: u32 = 128;
/// Shoppers of a platform of which all cells are played.
const SHOPPERS: u64 = 8_000_000;

/// Milliseconds.
const MINUTE: i64 = 60_000;

/// A number of a run.
type Measure = fn(&Results) -> f64;

/// What is compared: its name, and its value in the unit that the name states.
const MEASURES: [(&str, Measure); 8] = [
    ("GMV paid, %", |results| results.summary.total.gmv_paid_fen as f64),
    ("orders paid, %", |results| results.summary.total.orders_paid as f64),
    ("peak orders/s, %", |results| {
        results.summary.windows.iter().map(|window| window.peak_orders_per_second).fold(0.0, f64::max)
    }),
    ("peak after 20 min, %", |results| {
        results.summary.windows.iter().map(|window| later_peak(results, window.opens_unix_ms)).fold(0.0, f64::max)
    }),
    ("overloaded, s", |results| {
        results.summary.saturated.iter().map(|of| (of.until_unix_ms - of.from_unix_ms) as f64 / 1e3).sum()
    }),
    ("lost to sell-outs, points", |results| lost(results, |bucket| bucket == Bucket::SoldOut)),
    ("lost to the platform, points", |results| {
        lost(results, |bucket| matches!(bucket, Bucket::Rejected | Bucket::TimedOut | Bucket::GaveUp))
    }),
    ("lost in all, points", |results| lost(results, Bucket::is_lost)),
];

/// Percentage of the demand that ended so.
fn lost(results: &Results, which: impl Fn(Bucket) -> bool) -> f64 {
    let money: u64 = results.ledger.iter().filter(|row| which(row.bucket)).map(|row| row.money_fen).sum();
    100.0 * money as f64 / results.summary.total.demand_fen as f64
}

/// Most orders created a second, later than twenty minutes after an opening and within an hour and a half of it.
fn later_peak(results: &Results, opens: i64) -> f64 {
    let of = |name| results.series.integers(name);
    let rows = of(series::TIME).iter().zip(of(series::SECONDS)).zip(of(series::ORDERS));
    let later = rows.filter(|((time, _), _)| (opens + 20 * MINUTE..opens + 90 * MINUTE).contains(*time));
    later.map(|((_, seconds), orders)| *orders as f64 / *seconds as f64).fold(0.0, f64::max)
}

/// A difference: of percentages in points, of seconds in seconds, of anything else in per cent.
fn difference(measure: &str, base: f64, strategy: f64) -> f64 {
    if measure.ends_with("points") || measure.ends_with(", s") {
        strategy - base
    } else {
        100.0 * (strategy / base - 1.0)
    }
}

/// What is played of a festival.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// One cell of many.
    Cell,
    /// All cells of a platform with so many shoppers.
    Whole(u64),
}

/// In one cell nothing is seen of how stock is spread over cells.
fn form(strategy: &Path) -> Form {
    if stem(strategy).starts_with("split-") { Form::Whole(SHOPPERS) } else { Form::Cell }
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The scenario that a strategy is a patch on.
fn base(strategy: &Path) -> PathBuf {
    let text = std::fs::read_to_string(strategy).expect("a strategy can be read");
    let named = text.lines().find_map(|line| line.strip_prefix("extends = ")).expect("a strategy extends a scenario");
    Path::new(FOLDER).join(named.trim_matches('"'))
}

fn plan(file: &Path, overrides: &[String]) -> Plan {
    let loaded = scenario::load(file, overrides);
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

fn played(file: &Path, form: Form, seed: u64) -> Vec<f64> {
    eprintln!("{} with seed {seed}", file.display());
    let mut overrides = match form {
        Form::Cell => vec![format!("platform.cells={CELLS}")],
        Form::Whole(shoppers) => smaller::overrides(&plan(file, &[]), shoppers),
    };
    overrides.push(format!("seed={seed}"));
    let plan = plan(file, &overrides);
    let options = Options { simulated_cells: if form == Form::Cell { 1 } else { plan.cells }, threads: 1 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    let results = results.unwrap_or_else(|breach| panic!("{breach}"));
    MEASURES.iter().map(|(_, of)| of(&results)).collect()
}

/// Mean and half of the 95 % interval.
fn interval(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let quantile = StudentsT::new(0.0, 1.0, n - 1.0).expect("two seeds at least").inverse_cdf(0.975);
    (mean, quantile * (variance / n).sqrt())
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seeds = arguments.first().map_or(4, |text| text.parse().expect("a number of seeds"));
    assert!(seeds >= 2, "an interval takes two seeds at least");
    let named = arguments.get(1..).unwrap_or_default();
    let entries = Path::new(FOLDER).read_dir().expect("run this in the root of the repository");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.retain(|file| named.is_empty() || named.contains(&stem(file)));
    files.sort();
    let mut bases: Vec<(PathBuf, Form, Vec<Vec<f64>>)> = Vec::new();
    println!("| strategy | {} |", MEASURES.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---:|".repeat(MEASURES.len()));
    for file in files {
        let (of, form) = (base(&file), form(&file));
        let known = bases.iter().position(|base| base.0 == of && base.1 == form).unwrap_or_else(|| {
            let runs = (1..=seeds).map(|seed| played(&of, form, seed)).collect();
            bases.push((of, form, runs));
            bases.len() - 1
        });
        let strategy: Vec<Vec<f64>> = (1..=seeds).map(|seed| played(&file, form, seed)).collect();
        let cells = MEASURES.iter().enumerate().map(|(index, (measure, _))| {
            let pairs = bases[known].2.iter().zip(&strategy);
            let differences: Vec<f64> = pairs.map(|(base, of)| difference(measure, base[index], of[index])).collect();
            let (mean, half) = interval(&differences);
            format!("{mean:+.2} ± {half:.2}")
        });
        println!("| `{}` | {} |", stem(&file), cells.collect::<Vec<_>>().join(" | "));
    }
}

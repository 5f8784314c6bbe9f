//! A sampled run, scaled up, against the full run.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::{Bucket, Results};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

const SEEDS: u64 = 6;
/// One cell of eight.
const SAMPLED_CELLS: u32 = 1;

/// How far a sample (first) is off the full run (second).
type Comparison = fn(&Results, &Results) -> f64;

/// What a sample must get right and how far it may be off on average: relative to the full run, but for shares, which are
/// compared as they are.
///
/// The bounds are what was measured, rounded up. The bias on money is real: the most popular SKUs are kept one by one with an
/// eighth of their stock, and demand for few units varies more, relative to its mean, than demand for many: some run out
/// and others keep what the full run would have sold. It vanishes where the popular SKUs sell hundreds of units per cell.
const MEASURES: [(&str, f64, Comparison); 5] = [
    ("GMV paid", 0.07, |sample, full| relative(sample.summary.total.gmv_paid_fen, full.summary.total.gmv_paid_fen)),
    ("orders paid", 0.07, |sample, full| relative(sample.summary.total.orders_paid, full.summary.total.orders_paid)),
    ("lost money", 0.08, |sample, full| relative(sample.summary.total.lost_fen, full.summary.total.lost_fen)),
    ("sold-out share", 0.02, |sample, full| sold_out_share(sample) - sold_out_share(full)),
    ("rejected and timed out", 0.16, |sample, full| relative(refused(sample), refused(full))),
];

fn relative(sample: u64, full: u64) -> f64 {
    sample as f64 / full as f64 - 1.0
}

fn sold_out_share(results: &Results) -> f64 {
    results.summary.skus_sold_out as f64 / results.summary.skus as f64
}

fn refused(results: &Results) -> u64 {
    results.services.iter().map(|row| row.rejected + row.timed_out).sum()
}

fn run(plan: &Plan, simulated_cells: u32) -> Results {
    let options = Options { simulated_cells, threads: 2 };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

/// Samples and full runs of a sale with some overrides, under several seeds.
fn pairs(overrides: &[&str]) -> Vec<(Results, Results)> {
    let path = Path::new("tests/sampling/festival.toml");
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let mut plan =
        scenario::load(path, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    let pairs = (0..SEEDS).map(|number| {
        let digest = blake3::hash(format!("sampling/{number}").as_bytes());
        plan.seed = u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"));
        (run(&plan, SAMPLED_CELLS), run(&plan, plan.cells))
    });
    pairs.collect()
}

/// How far samples are off on average, and how much one of them scatters.
fn bias(name: &str, pairs: &[(Results, Results)], measure: Comparison) -> f64 {
    let errors: Vec<f64> = pairs.iter().map(|(sample, full)| measure(sample, full)).collect();
    let n = errors.len() as f64;
    let bias = errors.iter().sum::<f64>() / n;
    let deviation = (errors.iter().map(|e| (e - bias).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    println!("{name:<24} bias {:+.2} %, one sample +- {:.2} %", 100.0 * bias, 100.0 * deviation);
    bias
}

/// Where each cell sells from its own stock, a cell of a sample has what it has of the whole: no more of a product than its part.
#[test]
fn a_sample_of_a_split_agrees_too() {
    let pairs = pairs(&["inventory.split={by_cell={}}"]);
    let measures: [(&str, f64, Comparison); 3] = [
        ("GMV paid", 0.03, |sample, full| relative(sample.summary.total.gmv_paid_fen, full.summary.total.gmv_paid_fen)),
        ("orders paid", 0.02, |sample, full| {
            relative(sample.summary.total.orders_paid, full.summary.total.orders_paid)
        }),
        ("lines sold out", 0.03, |sample, full| relative(lines_sold_out(sample), lines_sold_out(full))),
    ];
    for (name, bound, measure) in measures {
        let bias = bias(name, &pairs, measure);
        assert!(bias.abs() <= bound, "{name}: a sample is off by {bias:+.4} on average");
    }
}

fn lines_sold_out(results: &Results) -> u64 {
    results.ledger.iter().filter(|row| row.bucket == Bucket::SoldOut).map(|row| row.intents).sum()
}

#[test]
fn a_sample_agrees_with_the_full_run() {
    let pairs = pairs(&[]);
    let full = &pairs[0].1.summary;
    println!("full run: {:?}, {:.3} of the SKUs sold out", full.total, sold_out_share(&pairs[0].1));
    assert!((0.05..0.95).contains(&sold_out_share(&pairs[0].1)), "sell-outs must matter");
    assert!(refused(&pairs[0].1) > 1000, "the platform must be short of something");
    for (name, bound, measure) in MEASURES {
        let bias = bias(name, &pairs, measure);
        assert!(bias.abs() <= bound, "{name}: a sample is off by {bias:+.4} on average");
    }
}

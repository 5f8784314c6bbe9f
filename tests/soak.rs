//! A million shoppers, over many seeds: nothing is lost, nothing oversold, whatever the draws.
//!
//! `SALELOAD_SOAK=100 cargo test --release --test soak` plays a hundred seeds instead of a few.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "properties/law.rs"]
mod law;

use saleload::engine::{self, Options};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

/// Seeds where no other number is asked for, at compile time.
const SEEDS: u64 = 4;
const SHOPPERS: u64 = 1_000_000;

/// The quickstart for a million: seventeen times the shoppers, but only ten times the servers, so that queues
/// fill, clients time out and try again.
fn scenario_for(seed: u64) -> scenario::Loaded {
    let overrides = [
        format!("seed={seed}"),
        format!("population.shoppers={SHOPPERS}"),
        "platform.cells=16".into(),
        // As many as are listed one by one in the results, which is what some of the laws are about.
        "catalogue.skus=1_000".into(),
        "service.web.instances=80".into(),
        "service.order.instances=40".into(),
    ];
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.toml");
    scenario::load(&path, &overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

#[test]
fn a_million_shoppers_keep_the_laws() {
    let seeds = option_env!("SALELOAD_SOAK").map_or(SEEDS, |seeds| seeds.parse().expect("SALELOAD_SOAK is a number"));
    let (mut events, mut timed_out) = (0, 0);
    for seed in 1..=seeds {
        let plan = scenario_for(seed).plan;
        let options = Options { simulated_cells: plan.cells, threads: 0 };
        let played = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
        let results = played.unwrap_or_else(|breach| panic!("seed {seed}: {breach}"));
        law::all(&plan, &results).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        assert!(results.summary.total.sessions > SHOPPERS / 2, "seed {seed}: hardly anybody came");
        assert!(results.summary.skus_sold_out > 0, "seed {seed}: nothing was scarce");
        events += results.summary.events;
        timed_out += results.services.iter().map(|row| row.timed_out + row.rejected).sum::<u64>();
    }
    println!("{seeds} seeds: {events} events, {timed_out} requests timed out or rejected");
    assert!(timed_out > 0, "a soak in which the platform was never short proves little");
}

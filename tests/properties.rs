//! Conservation, no overselling, determinism: under random scenarios that say everything a scenario can say.
//!
//! A failure prints the seed of its scenario. `SALELOAD_SCENARIO=0x… cargo test --test properties` plays that one alone and
//! prints its text.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

#[path = "properties/draw.rs"]
mod draw;
#[path = "properties/law.rs"]
mod law;
#[path = "properties/seeds.rs"]
mod seeds;

use law::Verdict;
use saleload::engine::{self, Options, Pause};
use saleload::plan::Plan;
use saleload::results::{Bucket, Completion, Results};
use saleload::scenario::{self, Loaded};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// All seeds stem from this name.
const NAME: &str = "saleload properties 1";
const SCENARIOS: u32 = 200;
/// A scenario to play alone, given at compile time.
const ONLY: Option<&str> = option_env!("SALELOAD_SCENARIO");

fn load(text: &str) -> Result<Loaded, String> {
    scenario::load_str(text, "drawn.toml", &[]).map_err(|problems| problems.render(false))
}

fn run(plan: &Plan, simulated_cells: u32, threads: usize) -> Result<Results, String> {
    let options = Options { simulated_cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).map_err(|breach| breach.to_string())
}

/// Loads and plays a drawn scenario in every way that must not matter; the results of the plain run.
fn play(text: &str) -> Result<Results, String> {
    let loaded = load(text)?;
    resolved_is_the_same(&loaded)?;
    let plan = &loaded.plan;
    let results = run(plan, plan.cells, 1)?;
    law::all(plan, &results)?;
    // A second run on the same number of threads could differ from the first only if this one does too.
    if run(plan, plan.cells, 3)? != results {
        return Err("a second run, on three threads, has other results".into());
    }
    broken_off(plan, results.summary.conservation.sessions_begun)?;
    let mut other = plan.clone();
    other.seed = !plan.seed;
    let other = run(&other, plan.cells, 1)?;
    if other.summary.events > 0 && other.summary.digest == results.summary.digest {
        return Err("another seed has the same digest".into());
    }
    for sample in (1..plan.cells).filter(|sample| plan.cells.is_multiple_of(*sample)) {
        let check = run(plan, sample, 1)?.summary.conservation;
        if !check.holds() {
            return Err(format!("a sample of {sample} cells conserves nothing: {check:?}"));
        }
    }
    Ok(results)
}

/// A run that is broken off in the middle of its time keeps the laws too.
fn broken_off(plan: &Plan, sessions_begun: u64) -> Verdict {
    let options = Options { simulated_cells: plan.cells, threads: 1 };
    // A tick that is as long as the second half ends at the horizon: then there is nothing left to break off.
    let mut expected = Completion::Complete;
    let mut in_the_middle = |pause: &mut Pause<'_>| {
        if pause.now().0 < plan.horizon.0 / 2 {
            return ControlFlow::Continue(());
        }
        if pause.now() < plan.horizon {
            expected = Completion::Interrupted;
        }
        ControlFlow::Break(())
    };
    let half = engine::run(plan, &options, &mut in_the_middle).map_err(|breach| format!("broken off: {breach}"))?;
    law::all(plan, &half).map_err(|why| format!("broken off: {why}"))?;
    if half.summary.completion != expected || half.summary.total.sessions > sessions_begun {
        return Err("a run that was broken off says otherwise".into());
    }
    Ok(())
}

/// The resolved text says the same, and resolves to itself.
fn resolved_is_the_same(loaded: &Loaded) -> Verdict {
    let again = load(&loaded.resolved)?;
    if again.plan != loaded.plan {
        return Err("the resolved text gives another plan".into());
    }
    if again.resolved != loaded.resolved {
        return Err("the resolved text resolves to another".into());
    }
    Ok(())
}

/// Plays the scenario of a seed, whatever happens.
fn play_safely(seed: u64) -> Result<Results, String> {
    let text = draw::scenario(seed, 0.0);
    if ONLY.is_some() {
        println!("{text}");
    }
    let played = catch_unwind(AssertUnwindSafe(|| play(&text)));
    played.unwrap_or_else(|_| Err("panicked, see above".into()))
}

#[test]
fn every_scenario_keeps_the_laws() {
    let mut failures = Vec::new();
    let mut ended: BTreeMap<Bucket, u32> = BTreeMap::new();
    let (mut events, mut sold_out) = (0, 0);
    for (seed, played) in seeds::on_all_cores(&seeds::of_scenarios(NAME, SCENARIOS, ONLY), play_safely) {
        match played {
            Ok(results) => {
                events += results.summary.events;
                sold_out += u32::from(results.summary.skus_sold_out > 0);
                let buckets: BTreeSet<Bucket> = results.ledger.iter().map(|row| row.bucket).collect();
                for bucket in buckets {
                    *ended.entry(bucket).or_default() += 1;
                }
            }
            Err(why) => failures.push(format!("{seed:#018x}: {why}")),
        }
    }
    println!("{events} events; scenarios with something sold out: {sold_out}, with each bucket: {ended:?}");
    assert!(failures.is_empty(), "{} scenarios fail:\n{}", failures.len(), failures.join("\n"));
    if ONLY.is_none() {
        // Scenarios in which nothing goes wrong would prove nothing.
        let least = SCENARIOS / 20;
        assert!(sold_out >= least, "only {sold_out} scenarios sell anything out");
        // Few scenarios have a switch that closes a page.
        let of_all = |bucket: &Bucket| if *bucket == Bucket::Refused { least / 2 } else { least };
        let rare = |bucket: &Bucket| ended.get(bucket).is_none_or(|&n| n < of_all(bucket));
        let rare: Vec<Bucket> = Bucket::ALL.into_iter().filter(rare).collect();
        assert!(rare.is_empty(), "hardly any scenario ends in {rare:?}");
    }
}

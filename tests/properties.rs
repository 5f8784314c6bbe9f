//! Conservation, no overselling, determinism: under random scenarios that say everything a scenario can say.
//!
//! A failure prints the seed of its scenario. `SALELOAD_SCENARIO=0x… cargo test --test properties` plays that one alone and
//! prints its text.

#[path = "properties/draw.rs"]
mod draw;
#[path = "properties/law.rs"]
mod law;

use law::Verdict;
use saleload::engine::{self, Options};
use saleload::plan::Plan;
use saleload::results::{Bucket, Results};
use saleload::scenario::{self, Loaded};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// All seeds stem from this name.
const NAME: &str = "saleload properties 1";
const SCENARIOS: u32 = 240;
/// A scenario to play alone, given at compile time.
const ONLY: Option<&str> = option_env!("SALELOAD_SCENARIO");

fn seeds() -> Vec<u64> {
    if let Some(only) = ONLY {
        let digits = only.trim_start_matches("0x");
        return vec![u64::from_str_radix(digits, 16).expect("SALELOAD_SCENARIO is hexadecimal")];
    }
    let seed = |number: u32| {
        let digest = blake3::hash(format!("{NAME}/{number}").as_bytes());
        u64::from_le_bytes(digest.as_bytes()[..8].try_into().expect("a digest has 32 bytes"))
    };
    (0..SCENARIOS).map(seed).collect()
}

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
    if run(plan, plan.cells, 3)? != results {
        return Err("three threads change the results".into());
    }
    if run(plan, plan.cells, 1)?.summary.digest != results.summary.digest {
        return Err("a second run has another digest".into());
    }
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

#[test]
fn every_scenario_keeps_the_laws() {
    let mut failures = Vec::new();
    let mut ended: BTreeMap<Bucket, u32> = BTreeMap::new();
    let (mut events, mut sold_out) = (0, 0);
    for seed in seeds() {
        let text = draw::scenario(seed);
        if ONLY.is_some() {
            println!("{text}");
        }
        match catch_unwind(AssertUnwindSafe(|| play(&text))) {
            Ok(Ok(results)) => {
                events += results.summary.events;
                sold_out += u32::from(results.summary.skus_sold_out > 0);
                let mut buckets: Vec<Bucket> = results.ledger.iter().map(|row| row.bucket).collect();
                buckets.dedup();
                buckets.sort_unstable();
                buckets.dedup();
                buckets.into_iter().for_each(|bucket| *ended.entry(bucket).or_default() += 1);
            }
            Ok(Err(why)) => failures.push(format!("{seed:#018x}: {why}")),
            Err(_) => failures.push(format!("{seed:#018x}: panicked, see above")),
        }
    }
    println!("{events} events; scenarios with something sold out: {sold_out}, with each bucket: {ended:?}");
    assert!(failures.is_empty(), "{} scenarios fail:\n{}", failures.len(), failures.join("\n"));
    if ONLY.is_none() {
        // Scenarios in which nothing goes wrong would prove nothing.
        let least = SCENARIOS / 12;
        assert!(sold_out >= least, "only {sold_out} scenarios sell anything out");
        let rare: Vec<_> =
            Bucket::ALL.into_iter().filter(|bucket| ended.get(bucket).is_none_or(|&n| n < least)).collect();
        assert!(rare.is_empty(), "hardly any scenario ends in {rare:?}");
    }
}

//! Capacity that changes while a window is open: what it costs, what `check` says of it, and the bundled scenario that shows it.

use saleload::engine::{self, Options};
use saleload::forecast::Forecast;
use saleload::plan::Plan;
use saleload::results::{Results, Verdict, series};
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;

fn plan(file: &str, overrides: &[&str]) -> Plan {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load(Path::new(file), &overrides);
    loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

fn run(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

const TOO_LATE: &str = "scenarios/autoscaler-too-late.toml";

#[test]
fn an_autoscaler_comes_too_late_for_the_rush() {
    let plan = plan(TOO_LATE, &[]);
    let results = run(&plan, 1);
    let instances = results.series.reals(&series::service("order", "instances"));
    let is_four = |instances: &f64| (instances - 4.0).abs() < 1e-9;
    assert!(instances[..210].iter().all(is_four), "nothing new serves before three minutes");
    assert!(instances.iter().fold(0.0, |most: f64, &instances| most.max(instances)) > 5.0);
    let first = &results.summary.saturated.iter().find(|of| of.service == "order").expect("it is saturated");
    assert!(first.from_unix_ms - plan.origin_unix_ms < 180_000 && first.rejected > 10, "{first:?}");
    let verdicts: Vec<Verdict> = results.summary.targets.iter().map(|target| target.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Fail]);
}

#[test]
fn enough_from_the_start_bears_the_rush_and_the_failure() {
    let results = run(&plan(TOO_LATE, &["service.order.instances=10", "service.order.autoscaler.least=10"]), 1);
    assert!(
        results.summary.targets.iter().all(|target| target.verdict == Verdict::Pass),
        "{:?}",
        results.summary.targets
    );
}

#[test]
fn instances_are_paid_for_as_long_as_they_are_ordered() {
    let results = run(&plan(TOO_LATE, &[]), 1);
    let cost = results.summary.cost.expect("it is stated");
    let of = &cost.services[0];
    assert_eq!((of.service.as_str(), of.instances, cost.seconds), ("order", 12, 3600));
    assert!(of.instance_seconds > 4 * 3600 && of.instance_seconds < 12 * 3600, "{of:?}");
    let fen = (u128::from(of.instance_seconds) * 1200 + 1800) / 3600;
    assert!(fen.abs_diff(u128::from(of.fen)) <= 1, "{of:?}");
}

const LOST_CELL: &str = "scenarios/lost-cell.toml";

fn verdicts(results: &Results) -> Vec<(&str, Verdict)> {
    results.summary.targets.iter().map(|target| (target.name.as_str(), target.verdict)).collect()
}

/// One host is overloaded by the shoppers of two cells; seven together hardly feel those of an eighth.
#[test]
fn a_lost_cell_breaks_one_host_and_is_borne_by_all() {
    let (get_through, are_quick, pages) = ("orders-get-through", "orders-are-quick", "pages-get-through");
    let one = run(&plan(LOST_CELL, &[]), 1);
    let expected = [(get_through, Verdict::Fail), (are_quick, Verdict::Fail), (pages, Verdict::Fail)];
    assert_eq!(verdicts(&one), expected, "{:?}", one.summary.targets);
    let all = run(&plan(LOST_CELL, &["incident.cell-dies.effect.cell_lost.hosts=[0,1,2,4,5,6,7]"]), 2);
    let expected = [(get_through, Verdict::Pass), (are_quick, Verdict::Pass), (pages, Verdict::Fail)];
    assert_eq!(verdicts(&all), expected, "{:?}", all.summary.targets);
    // What is there is there, whomever it serves; what the lost cell had is not.
    let instances = all.series.reals(&series::service("order", "instances"));
    assert!((instances[19] - 8.0).abs() < 1e-9 && (instances[300] - 7.0).abs() < 1e-9, "{:?}", &instances[..40]);
    let last = instances[instances.len() - 1];
    assert!((last - 8.0).abs() < 1e-9, "everything is back: {last}");
}

#[test]
fn a_scenario_that_loses_a_cell_is_not_sampled() {
    let mut command = assert_cmd::Command::cargo_bin("saleload").expect("it is built");
    command.args(["run", LOST_CELL, "--sample", "1/8", "--out", "/nonexistent/never-written"]);
    let told = command.assert().code(2);
    let text = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
    assert!(text.contains("loses a cell"), "{text}");
}

#[test]
fn threads_do_not_scale() {
    let plan = plan(TOO_LATE, &[]);
    assert!(run(&plan, 1) == run(&plan, 2), "the number of threads has changed the results");
}

#[test]
fn a_schedule_is_paid_for_and_seen_by_check() {
    let plan = plan(
        "scenarios/quickstart.toml",
        &[
            "population.shoppers=90_000",
            "service.order.workers=1",
            "service.order.cost='12 RMB'",
            "service.order.schedule=[{from='2m',instances=8},{from='30m',instances=4}]",
        ],
    );
    // Four for 2 min, eight for 28, four for 30.
    let cost = run(&plan, 2).summary.cost.expect("it is stated");
    assert_eq!(cost.services[0].instance_seconds, 4 * 120 + 8 * 28 * 60 + 4 * 30 * 60);
    assert_eq!(cost.total_fen, cost.services[0].instance_seconds * 1200 / 3600);
    assert_eq!(plan.total_cost().map(|cost| cost.0), Some(cost.total_fen));
    let forecast = Forecast::new(&plan);
    let order = forecast.windows[0].services.iter().find(|service| service.service == "order").expect("it is there");
    let overload = order.overload.expect("four are not enough for the rush");
    assert!(overload.until_unix_ms <= plan.origin_unix_ms + 120_000, "eight are: {overload:?}");
}

//! Targets: what is measured is what the recorded series say, a run ends with a verdict, and neither threads nor snapshots change it.

#[path = "snapshot/played.rs"]
#[expect(dead_code, reason = "most of what snapshots need is not needed here")]
mod played;

use played::{Case, load};
use saleload::engine::{self, Options};
use saleload::results::{Results, Status, TargetResult, Verdict, series};
use saleload::scenario::Loaded;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Output};

const QUICKSTART: &str = include_str!("../scenarios/quickstart.toml");

/// A busy shop in which the order service cannot keep up, with these targets.
fn shop(targets: &str, overrides: &[&str]) -> Loaded {
    let busy =
        ["population.shoppers=20000", "service.order.instances=4", "service.order.workers=1", "record.fine='2m'"];
    let slow = ["service.order.service_time.deterministic='500ms'", "service.order.queue=5"];
    let all: Vec<&str> = busy.iter().chain(&slow).chain(overrides).copied().collect();
    load(&format!("{QUICKSTART}\n{targets}"), &all)
}

fn run_until(loaded: &Loaded, threads: usize, seconds: f64) -> Results {
    let options = Options { simulated_cells: loaded.plan.cells, threads };
    let results = engine::run(&loaded.plan, &options, &mut |pause| {
        if pause.now().as_secs_f64() >= seconds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    results.unwrap_or_else(|breach| panic!("{breach}"))
}

fn run(loaded: &Loaded) -> Results {
    run_until(loaded, 2, f64::INFINITY)
}

fn target<'a>(results: &'a Results, name: &str) -> &'a TargetResult {
    results.summary.targets.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"))
}

fn measured(results: &Results, name: &str) -> f64 {
    target(results, name).measured.unwrap_or_else(|| panic!("{name} was not measured"))
}

/// Sum of a column over the rows that begin in a stretch of seconds since the opening.
fn sum(results: &Results, column: &str, from: i64, until: i64) -> f64 {
    within(results, from, until).map(|row| results.series.integers(column)[row]).sum::<i64>() as f64
}

fn within(results: &Results, from: i64, until: i64) -> impl Iterator<Item = usize> {
    let times = results.series.integers(series::TIME);
    let opens = times[0];
    (0..times.len()).filter(move |&row| (from * 1000..until * 1000).contains(&(times[row] - opens)))
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn service(what: &str) -> String {
    series::service("order", what)
}

#[test]
fn what_is_measured_in_a_slice_is_what_the_series_say() {
    let slice = "from = '30s'\nuntil = '90s'";
    let of_service = |name: &str, metric: &str| {
        format!("[target.{name}]\npass = '{metric}'\nservice = 'order'\nwindow = 'noon'\n{slice}\n")
    };
    let of_all = |name: &str, metric: &str| format!("[target.{name}]\npass = '{metric}'\n{slice}\n");
    let text = [
        of_service("rejected", "rejected = 0"),
        of_service("rejected-share", "rejected_share < 1%"),
        of_service("requests", "requests > 0"),
        of_service("peak", "requests_per_second_peak > 0/s"),
        of_service("queue", "queue_peak < 1"),
        of_service("utilisation", "utilisation < 50%"),
        of_service("offered", "offered_over_capacity_peak < 1"),
        of_all("orders", "orders_created > 0"),
        of_all("paid", "gmv_paid > 0 RMB"),
        format!("[target.groceries]\npass = 'gmv_paid > 0 RMB'\ncategory = 'groceries'\n{slice}\n"),
        of_all("peak-orders", "orders_per_second_peak > 1k/s"),
        of_all("in-flight", "sessions_in_flight_peak < 1"),
        of_all("empty", "skus_sold_out = 0"),
        "[target.left]\npass = 'units_left > 0'\nproduct = 'limited-sneaker'\nuntil = '90s'\n".to_owned(),
    ];
    let results = run(&shop(&text.concat(), &[]));
    let (from, until) = (30, 90);
    let sum = |column: &str| sum(&results, column, from, until);
    let most = |column: &str| -> f64 {
        within(&results, from, until).map(|row| results.series.integers(column)[row]).max().unwrap_or(0) as f64
    };
    let reals = |column: &str| -> Vec<f64> {
        within(&results, from, until).map(|row| results.series.reals(column)[row]).collect()
    };
    assert!(sum(&service("rejected")) > 0.0, "there is something to tell");
    for (name, expected) in [
        ("rejected", sum(&service("rejected"))),
        ("rejected-share", sum(&service("rejected")) / sum(&service("requests"))),
        ("requests", sum(&service("requests"))),
        ("peak", most(&service("requests"))),
        ("queue", most(&service("queue_max"))),
        ("utilisation", reals(&service("utilisation")).iter().sum::<f64>() / 60.0),
        ("offered", reals(&service("offered_over_capacity")).into_iter().fold(0.0, f64::max)),
        ("orders", sum(series::ORDERS)),
        ("paid", sum(series::GMV_PAID)),
        ("groceries", sum(&series::category("groceries", "gmv_paid_fen"))),
        ("peak-orders", most(series::ORDERS)),
        ("in-flight", most(series::IN_FLIGHT)),
    ] {
        assert!(close(measured(&results, name), expected), "{name}: {} and {expected}", measured(&results, name));
    }
    let last = within(&results, from, until).last().expect("there are rows");
    let at_end = |column: &str| results.series.integers(column)[last] as f64;
    let empty: f64 =
        ["sneakers", "groceries"].map(|name| at_end(&series::category(name, "skus_sold_out"))).iter().sum();
    assert_eq!(measured(&results, "empty"), empty);
    assert_eq!(measured(&results, "left"), at_end(&series::product_left("limited-sneaker")));
    // The first row with a rejection broke the target.
    let rejections = results.series.integers(&service("rejected"));
    let first = within(&results, from, until).find(|&row| rejections[row] > 0).expect("there was one");
    assert_eq!(target(&results, "rejected").first_failed_unix_ms, Some(results.series.integers(series::TIME)[first]));
    assert_eq!(target(&results, "orders").first_failed_unix_ms, None);
}

#[test]
fn percentiles_of_slices_are_those_of_their_rows() {
    let of = |name: &str, metric: &str, from: &str, until: &str| {
        format!("[target.{name}]\npass = '{metric} < 1ms'\nservice = 'order'\nfrom = '{from}'\nuntil = '{until}'\n")
    };
    let text = [
        of("second-p50", "p50", "45s", "46s"),
        of("second-p99", "p99", "45s", "46s"),
        of("minute-p99", "p99", "30s", "90s"),
        of("minute-max", "response_max", "30s", "90s"),
        of("all-but-nothing", "p99", "0s", "59m"),
        of("nobody", "p99", "0s", "1s"),
        "[target.window]\npass = 'p99 < 1ms'\nservice = 'order'\nwindow = 'noon'\n".into(),
        "[target.run]\npass = 'p99.9 < 1ms'\nservice = 'order'\n".into(),
    ];
    let results = run(&shop(&text.concat(), &[]));
    let of_row = |what: &str, second: i64| results.series.integers(&service(what))[second as usize] as f64 / 1e6;
    assert_eq!(measured(&results, "second-p50"), of_row("response_us_p50", 45));
    assert_eq!(measured(&results, "second-p99"), of_row("response_us_p99", 45));
    let p99s: Vec<f64> = (30..90).map(|second| of_row("response_us_p99", second)).collect();
    let (least, most) = p99s.iter().fold((f64::MAX, 0.0f64), |(least, most), &p99| (least.min(p99), most.max(p99)));
    let (p99, longest) = (measured(&results, "minute-p99"), measured(&results, "minute-max"));
    assert!(
        (least..=most).contains(&p99) && p99 <= longest && longest >= most,
        "{p99} of {least} to {most}, {longest}"
    );
    let row = results.services.iter().find(|row| row.service == "order").expect("a row");
    assert_eq!(measured(&results, "window"), row.response_us_p99 as f64 / 1e6);
    assert_eq!(measured(&results, "run"), row.response_us_p999 as f64 / 1e6);
    let nobody = target(&results, "nobody");
    assert_eq!((nobody.measured, nobody.verdict), (None, Verdict::Fail), "nothing to measure is no success");
    assert_eq!(results.summary.status, Status::Fail);
}

#[test]
fn goods_costs_and_moments_are_those_of_the_tables() {
    let text = "[target.lasts]\npass = 'sold_out_at > 00:01:00'\nproduct = 'limited-sneaker'\n\
                [target.brand]\npass = 'gmv_paid > 0 RMB'\nbrand = 'Northwind'\n\
                [target.sold]\npass = 'units_paid > 0'\nproduct = 'limited-sneaker'\n\
                [target.dear]\npass = 'cost <= 12.49 RMB'\n\
                [target.cheap]\npass = 'cost = 12.50 RMB'\nservice = 'order'\n\
                [target.never]\npass = 'oversold = 0'\n";
    let overrides = ["service.order.cost='2.50 RMB'", "window.noon.closes='2020-11-11T13:15:00+08:00'"];
    for (stock, verdict) in
        [("product.limited-sneaker.stock=1000000", Verdict::Pass), ("product.limited-sneaker.stock=1", Verdict::Fail)]
    {
        let results = run(&shop(text, &[&overrides[..], &[stock]].concat()));
        let lasts = target(&results, "lasts");
        assert_eq!(lasts.verdict, verdict);
        let sold_out =
            results.products[0].sold_out_unix_ms.map(|at| (at - results.summary.windows[0].opens_unix_ms) as f64 / 1e3);
        assert_eq!(lasts.measured.is_some(), sold_out.is_some());
        assert!(close(lasts.measured.unwrap_or(0.0), sold_out.unwrap_or(0.0)));
        let brand = results.brands.iter().find(|row| row.brand == "Northwind").expect("a row");
        assert_eq!(measured(&results, "brand"), brand.gmv_paid_fen as f64);
        assert_eq!(measured(&results, "sold"), results.products[0].units_paid as f64);
        // Four instances at 2.50 RMB for an hour and a quarter.
        assert_eq!((measured(&results, "dear"), target(&results, "dear").verdict), (1250.0, Verdict::Fail));
        assert_eq!(target(&results, "cheap").verdict, Verdict::Pass);
        let cost = results.summary.cost.as_ref().expect("a cost is stated");
        assert_eq!((cost.total_fen, cost.seconds, cost.services.len()), (1250, 4500, 1));
        assert_eq!((measured(&results, "never"), target(&results, "never").verdict), (0.0, Verdict::Pass));
    }
}

#[test]
fn saturated_services_tell_what_it_would_have_taken() {
    // Nobody tries again or stops waiting, so a longer queue has the same requests offered.
    let plain = [
        "population.shoppers=40000",
        "service.order.retry.attempts=1",
        "service.order.timeout='2h'",
        "segment.regular.patience={deterministic='2h'}",
        "cbmg.browse.state.order.on_failure={order=0,product=0,exit=1}",
        "cbmg.browse.state.cart.next={order=0.7,product=0,exit=0.3}",
    ];
    let results = run(&shop("", &plain));
    assert_eq!(results.summary.status, Status::NoTargets);
    let saturated = &results.summary.saturated;
    let rejected = |results: &Results| results.summary.saturated.iter().map(|stretch| stretch.rejected).sum::<u64>();
    assert!(rejected(&results) > 1000);
    for stretch in saturated {
        assert_eq!(stretch.queue_needed > stretch.queue_max, stretch.rejected > 0, "{stretch:?}");
        assert!(
            stretch.offered_over_capacity <= stretch.worst_offered_over_capacity
                && stretch.offered_over_capacity.is_some()
        );
    }
    let lost: u64 = saturated.iter().map(|stretch| stretch.lost_fen).sum();
    let ledger: u64 = results.ledger.iter().filter(|row| row.service == "order").map(|row| row.money_fen).sum();
    assert_eq!(lost, ledger, "nothing is lost there before it is saturated");
    // With the queue that was asked for, hardly anything is rejected, not nothing: one cell needs more than another.
    let needed = saturated.iter().map(|stretch| stretch.queue_needed).max().unwrap_or(0);
    let queue = format!("service.order.queue={}", needed.div_ceil(4));
    let enough = run(&shop("", &[&plain[..], &[&queue]].concat()));
    assert!(rejected(&enough) * 20 < rejected(&results), "{queue}: {} of {}", rejected(&enough), rejected(&results));
}

#[test]
fn what_shoppers_do_not_wait_for_is_lost_at_the_service() {
    let patience = ["service.order.timeout='2h'", "segment.regular.patience={deterministic='2s'}"];
    let targets = "[target.money]\npass = 'lost < 1 RMB'\nservice = 'order'\n\
                   [target.share]\npass = 'lost_share < 1%'\nservice = 'order'\n";
    let results = run(&shop(targets, &[&patience[..], &["service.order.queue=1000000"]].concat()));
    let gave_up = |row: &&saleload::results::LedgerRow| row.bucket == saleload::results::Bucket::GaveUp;
    let at = |service: &str| -> u64 {
        let rows = results.ledger.iter().filter(gave_up).filter(|row| row.service == service);
        rows.map(|row| row.money_fen).sum()
    };
    assert!(at("order") > 1_000_000 && at("") == 0, "nobody is in a waiting room");
    let stretches = results.summary.saturated.iter().filter(|stretch| stretch.service == "order");
    assert_eq!(stretches.map(|stretch| stretch.lost_fen).sum::<u64>(), at("order"));
    assert_eq!(measured(&results, "money"), at("order") as f64);
    assert!(close(measured(&results, "share"), at("order") as f64 / results.summary.total.demand_fen as f64));
    assert!(results.summary.targets.iter().all(|target| target.verdict == Verdict::Fail));
}

#[test]
fn a_service_that_has_no_capacity_or_is_slow_does_not_look_idle() {
    let gone = "incident.gone={window='noon',from='60s',until='240s',service='order',effect={lost={share=1.0}}}";
    let text = "[target.load]\npass = 'offered_over_capacity_peak < 100'\nservice = 'order'\n";
    let results = run(&shop(text, &[gone]));
    let of_order: Vec<_> = results.summary.saturated.iter().filter(|stretch| stretch.service == "order").collect();
    assert!(of_order.iter().any(|stretch| stretch.worst_offered_over_capacity.is_none()));
    let load = target(&results, "load");
    assert_eq!((load.measured, load.verdict), (None, Verdict::Fail));
    assert!(load.first_failed_unix_ms.is_some());
    assert!(results.series.reals("service.order.offered_over_capacity").iter().any(|over| over.is_infinite()));
    // Slowed to a third, it has a third of its capacity.
    let slowed = |factor: u32| {
        let slow =
            format!("incident.slow={{window='noon',from='0s',until='75m',service='order',effect={{slowed={factor}}}}}");
        let results = run(&shop(text, &[&slow, "service.order.retry.attempts=1"]));
        results.series.reals("service.order.offered_over_capacity")[0]
    };
    assert!(close(slowed(3), 3.0 * slowed(1)), "{} {}", slowed(3), slowed(1));
    // Nobody waits for a worker in the storm, and nobody is answered.
    let storm = run(&load_storm());
    let last = storm.summary.saturated.last().expect("a storm");
    assert!(last.offered_over_capacity.is_some_and(|over| over > 1.5), "{last:?}");
}

fn load_storm() -> Loaded {
    load(include_str!("../scenarios/retry-storm.toml"), &["population.shoppers=50400", "service.database.instances=2"])
}

#[test]
fn no_share_is_more_than_all() {
    // Those who asked in the first minute are given up on a minute later, when hardly anybody asks any more.
    let late = "[target.late]\npass = 'timed_out_share < 1%'\nservice = 'order'\nfrom = '100s'\nuntil = '2m'\n";
    let all_early = [
        "intensity.rush.parts=[{points={weight=1,values=[[0,1],[30,1],[31,0.0001],[3600,0.0001]]}}]",
        "service.order.cancel='waiting'",
        "service.order.queue=100000",
        "service.order.timeout='59s'",
        "service.order.retry.attempts=1",
        "segment.regular.patience={deterministic='2h'}",
        "cbmg.browse.state.order.on_failure={order=0,product=0,exit=1}",
    ];
    let results = run(&shop(late, &all_early));
    let of_order = |what: &str| sum(&results, &series::service("order", what), 100, 120);
    assert!(of_order("timed_out") > of_order("requests"), "{} {}", of_order("timed_out"), of_order("requests"));
    assert!(close(measured(&results, "late"), 1.0));
}

const SLICES: &str = "[target.early]\npass = 'p99.9 < 1s'\nservice = 'order'\nuntil = '60s'\n\
                      [target.late]\npass = 'p90 < 1s'\nservice = 'web'\nfrom = '90s'\nuntil = '5m'\n";

#[test]
fn threads_and_snapshots_change_no_verdict() {
    let loaded = shop(SLICES, &[]);
    let whole = run_until(&loaded, 1, f64::INFINITY);
    assert!(whole.summary.targets.iter().all(|target| target.measured.is_some()));
    for threads in [2, 16] {
        assert_eq!(run_until(&loaded, threads, f64::INFINITY), whole, "{threads} threads");
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Before, within and after the slices, and in the middle of a row.
    for seconds in [1, 40, 75, 200, 1000] {
        let file = folder.path().join("state");
        Case::whole(&loaded).play_until(seconds, &file);
        let resumed = Case::whole(&loaded).on(2).resume(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(resumed, whole, "{seconds} s");
    }
}

#[test]
fn a_fork_may_have_other_targets_but_for_slices_that_had_begun() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("state");
    Case::whole(&shop(SLICES, &[])).play_until(75, &file);
    let fork = |targets: &str, overrides: &[&str]| Case::whole(&shop(targets, overrides)).fork(&file);
    let later = "[target.other]\npass = 'p50 < 1s'\nservice = 'web'\nfrom = '80s'\nuntil = '2m'\n\
                 [target.of-rows]\npass = 'rejected < 10'\nservice = 'order'\nuntil = '60s'\n";
    let same_slice = "[target.stricter]\npass = 'p50 < 1ms'\nservice = 'order'\nuntil = '60s'\n";
    let cost = ["service.web.cost='1 RMB'"];
    let forked = fork(&format!("{later}{same_slice}"), &cost).unwrap_or_else(|error| panic!("{error}"));
    let played = run(&shop(&format!("{later}{same_slice}"), &cost));
    assert_eq!(forked.summary.targets, played.summary.targets);
    assert_eq!(forked.summary.digest, played.summary.digest);
    for begun in ["until = '61s'", "from = '70s'", "from = '10s'\nuntil = '60s'"] {
        let refused = fork(&format!("[target.other]\npass = 'p50 < 1s'\nservice = 'order'\n{begun}\n"), &[]).err();
        let message = refused.map_or_else(|| panic!("{begun}"), |error| error.to_string());
        assert!(message.contains("`target.other`"), "{message}");
    }
}

#[test]
fn what_an_interrupted_run_cannot_know_is_undecided() {
    let text = "[target.over]\npass = 'requests > 0'\nservice = 'web'\nuntil = '30s'\n\
                [target.open]\npass = 'gmv_paid > 0 RMB'\n\
                [target.budget]\npass = 'cost < 1k RMB'\n";
    let loaded = shop(text, &["service.web.cost='1 RMB'"]);
    let part = run_until(&loaded, 1, 60.0);
    let verdicts: Vec<Verdict> = part.summary.targets.iter().map(|target| target.verdict).collect();
    assert_eq!(verdicts, [Verdict::Pass, Verdict::Undecided, Verdict::Pass]);
    assert_eq!(part.summary.status, Status::Undecided);
    assert_eq!(run(&loaded).summary.status, Status::Pass);
    let missed = run_until(&shop(text, &["target.over.pass='requests = 0'"]), 1, 60.0);
    assert_eq!(missed.summary.status, Status::Fail, "what is missed stays missed");
}

fn saleload(folder: &Path, arguments: &[&str], github: bool) -> Output {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/capacity-verdict.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    command.current_dir(folder).env_remove("GITHUB_ACTIONS").arg("run").arg(scenario).args(arguments);
    if github {
        command.env("GITHUB_ACTIONS", "true");
    }
    command.output().unwrap_or_else(|error| panic!("{error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A verdict on a sample is told as such: in a property, and with every target.
#[test]
fn a_verdict_on_a_sample_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    saleload(folder.path(), &["--quiet", "--sample", "1/4", "--junit", "verdict.xml"], false);
    let xml = std::fs::read_to_string(folder.path().join("verdict.xml")).expect("a report");
    let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error} in {xml}"));
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    // Properties come before all cases.
    let first = suite.children().find(roxmltree::Node::is_element).expect("an element");
    let property = first.children().find(|node| node.has_tag_name("property")).expect("a property");
    let sample = property.attribute("value").expect("a value");
    assert_eq!(property.attribute("name"), Some("sample"));
    assert!(sample.starts_with("1 of 4 cells"), "{sample}");
    assert_eq!(xml.matches(&format!("(by a sample, {sample})")).count(), 7, "{xml}");
}

#[test]
fn a_missed_target_is_said_written_and_the_exit_code() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missed = saleload(folder.path(), &["--quiet", "--junit", "reports/verdict.xml"], true);
    let (said, talk) = (text(&missed.stdout), text(&missed.stderr));
    assert_eq!(missed.status.code(), Some(99), "{talk}");
    assert!(said.contains("Targets: 5 of 7 met, the run fails"), "{said}");
    assert!(
        said.contains("FAIL       fast-checkout: the response time p99.9 of service order in window noon from"),
        "{said}"
    );
    let scenario = include_str!("../scenarios/capacity-verdict.toml");
    let line = scenario.lines().position(|line| line.contains("p99.9")).expect("the line of the target") + 1;
    let annotated = format!(
        "capacity-verdict.toml,line={line},col=8,title=target fast-checkout missed::fast-checkout: the response"
    );
    assert!(talk.contains("::error file=") && talk.contains(&annotated), "{talk}");
    assert_eq!(talk.lines().count(), 2, "an annotation each: {talk}");

    // The report is well-formed and tells the same.
    let xml = std::fs::read_to_string(folder.path().join("reports/verdict.xml")).expect("a report");
    let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error} in {xml}"));
    let suite = document.descendants().find(|node| node.has_tag_name("testsuite")).expect("a suite");
    assert_eq!(
        (suite.attribute("tests"), suite.attribute("failures"), suite.attribute("skipped")),
        (Some("7"), Some("2"), Some("0"))
    );
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    let failed: Vec<_> = cases.iter().filter(|case| case.children().any(|node| node.has_tag_name("failure"))).collect();
    assert_eq!((cases.len(), failed.len(), failed[0].attribute("name")), (7, 2, Some("fast-checkout")));
    let failure =
        failed[0].children().find(|node| node.has_tag_name("failure")).and_then(|node| node.attribute("message"));
    assert!(failure.is_some_and(|message| message.contains("the target is < 2 s")), "{failure:?}");

    assert!(!xml.contains("sample"), "{xml}");

    // So are summary and page, and a report that is drawn again.
    let results = folder.path().join("output/capacity-verdict");
    let summary: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(results.join("summary.json")).expect("a summary")).expect("JSON");
    assert_eq!((&summary["status"], &summary["targets"][0]["verdict"]), (&"fail".into(), &"fail".into()));
    assert_eq!(summary["targets"][6]["measured"], 11_200.0);
    let page = std::fs::read_to_string(results.join("report.html")).expect("a page");
    assert!(page.contains("The run fails.") && page.contains("fast-checkout"));

    let met = saleload(folder.path(), &["--set", "service.order.workers=2", "--overwrite", "--json"], false);
    assert_eq!(met.status.code(), Some(0), "{}", text(&met.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&met.stdout).expect("JSON");
    assert_eq!(summary["status"], "pass");
    assert!(!text(&met.stderr).contains("::error"));
}

#[test]
fn check_names_targets_and_those_that_cannot_be_met() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/capacity-verdict.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_saleload"));
    command.current_dir(&folder).arg("check").arg(scenario).args(["--set", "target.budget.pass=cost < 100 RMB"]);
    command.args(["--set", "target.turnover.pass=gmv_paid > 1bn RMB"]);
    let output = command.output().unwrap_or_else(|error| panic!("{error}"));
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for part in [
        "sneaker-lasts: sold_out_at of product limited-sneaker > 00:20:00\n",
        "warning: target budget will be missed: the cost is 112.00 RMB\n",
        "warning: target turnover is expected to be missed: GMV paid comes to",
        "112 RMB for instances over 1 h of windows",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
}

/// Twenty requests a second at two servers of 50 ms for five minutes.
const STEADY: &str = r#"
    name = "steady"
    title = "A service that is half busy"
    population.shoppers = 6000
    platform.cells = 1
    record.fine = "10m"
    window.w = { opens = "2020-01-01T00:00:00Z", closes = "2020-01-01T00:05:00Z" }
    intensity.even.parts = [{ constant = { weight = 1 } }]
    segment.all = { share = 1, cbmg = "g", window.w = { participation = 1, intensity = "even" } }
    cbmg.g = { entry = "p", state.p = { calls = ["a"], next = { exit = 1 } } }
    service.a = { instances = 2, workers = 1, service_time.deterministic = "50ms" }
"#;

/// Whatever percentile a target asks for, it is first missed where that percentile of a second alone is too long.
#[test]
fn a_percentile_is_first_missed_in_the_first_second_that_misses_it() {
    let percentiles = ["p25", "p80", "p95", "p99.9", "response_max"];
    let named = |percentile: &str| percentile.replace('.', "-");
    let mut lines = vec![STEADY.to_owned()];
    for percentile in percentiles {
        lines.push(format!("target.{} = {{ pass = \"{percentile} < 51ms\", service = \"a\" }}", named(percentile)));
        for second in 0..18 {
            let slice = format!("window = \"w\", from = \"{second}s\", until = \"{}s\"", second + 1);
            let pass = format!("pass = \"{percentile} < 51ms\", service = \"a\"");
            lines.push(format!("target.{}-at-{second} = {{ {pass}, {slice} }}", named(percentile)));
        }
    }
    let results = run(&load(&lines.join("\n"), &[]));
    for percentile in percentiles {
        let whole = target(&results, &named(percentile));
        let seconds = (0..18).map(|second| target(&results, &format!("{}-at-{second}", named(percentile))));
        let first = seconds.clone().find(|of| of.verdict == Verdict::Fail);
        if whole.verdict == Verdict::Fail {
            let named = whole.first_failed_unix_ms.unwrap_or_else(|| panic!("{percentile} names no second"));
            let expected = first.map_or(named.max(whole.from_unix_ms + 18_000), |first| first.from_unix_ms);
            assert_eq!(named, expected, "{percentile}");
        }
        for second in seconds.filter(|of| of.verdict == Verdict::Fail) {
            assert_eq!(second.first_failed_unix_ms, Some(second.from_unix_ms), "{} names its second", second.name);
        }
    }
    assert_eq!(target(&results, "p95").verdict, Verdict::Fail);
}

/// What an autoscaler will have cost is not known when a run is interrupted, unless it is too much already.
#[test]
fn costs_that_depend_on_the_run_are_undecided_when_it_is_interrupted() {
    let text = format!(
        "{STEADY}
        service.b = {{ instances = 1, workers = 1, service_time.deterministic = \"1ms\", cost = \"60 RMB\" }}
        target.enough = {{ pass = \"cost <= 1000 RMB\" }}
        target.exceeded = {{ pass = \"cost <= 3 RMB\" }}
        target.passed = {{ pass = \"cost > 3 RMB\" }}
        target.by-plan = {{ pass = \"cost <= 5 RMB\", service = \"b\" }}
        target.scaled = {{ pass = \"cost <= 1000 RMB\", service = \"a\" }}"
    );
    let scaled = [
        "service.a.cost='60 RMB'",
        "service.a.autoscaler={target.utilisation=0.6,lag='10s',least=2,most=9}",
        "cbmg.g.state.p.calls=['a','b']",
    ];
    let shop = load(&text, &scaled);
    let verdicts = |results: &Results| {
        ["enough", "exceeded", "passed", "by-plan", "scaled"].map(|name| target(results, name).verdict)
    };
    let until_the_end = run(&shop);
    assert_eq!(
        verdicts(&until_the_end),
        [Verdict::Pass, Verdict::Fail, Verdict::Pass, Verdict::Pass, Verdict::Pass],
        "ten instance-minutes and five more"
    );
    let interrupted = run_until(&shop, 1, 120.0);
    assert_eq!(
        verdicts(&interrupted),
        [Verdict::Undecided, Verdict::Fail, Verdict::Pass, Verdict::Pass, Verdict::Undecided]
    );
    assert!(target(&interrupted, "exceeded").is_so_far && !target(&interrupted, "by-plan").is_so_far);
    let cost = interrupted.summary.cost.as_ref().expect("costs are stated");
    assert!((118..=122).contains(&cost.seconds), "{} s of windows", cost.seconds);
    assert_eq!(cost.total_fen, cost.services.iter().map(|of| of.fen).sum::<u64>());
}

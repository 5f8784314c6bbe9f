//! What a scenario means: values of the plan, patches, overrides, files, the resolved text, and the schema.

use proptest::prelude::*;
use saleload::plan::{
    Action, CountDistribution, IntensityPart, MoneyDistribution, Plan, StockDistribution, TimeDistribution,
};
use saleload::scenario::diagnostic::{Code, Diagnostics, Severity};
use saleload::scenario::{Loaded, load, load_str, schema};
use saleload::units::{Instant, Nanos};
use std::fs;
use std::path::Path;

const BASE: &str = "tests/wrong/base.toml";

fn valid(result: Result<Loaded, Diagnostics>) -> Loaded {
    result.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn base_with(overrides: &[&str]) -> Plan {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    valid(load(Path::new(BASE), &overrides)).plan
}

/// The base, patched by a text that pretends to lie beside it.
fn patched(patch: &str) -> Result<Loaded, Diagnostics> {
    load_str(&format!("extends = \"base.toml\"\n{patch}"), "tests/wrong/patch.toml", &[])
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs()).max(1.0)
}

#[test]
fn the_plan_says_what_the_file_says() {
    let plan = base_with(&[]);
    // 2020-11-01T00:00:00+08:00
    assert_eq!(plan.origin_unix_ms, 1_604_160_000_000);
    assert_eq!(plan.windows[0].opens, Instant(0));
    assert_eq!(plan.windows[1].opens, Instant(Nanos::from_secs(10 * 86_400).0));
    assert_eq!(plan.horizon, plan.windows[1].closes);
    let cbmg = &plan.cbmgs[0];
    assert_eq!(cbmg.states[cbmg.entry].name, "home");
    assert_eq!(cbmg.states[0].next, [(Some(1), 0.7), (None, 0.3)]);
    assert_eq!(cbmg.states[0].on_failure, [(None, 1.0)]);
    assert_eq!(cbmg.states[3].action, Some(Action::Pay { declined: 0.02 }));
    assert_eq!(cbmg.states[1].calls, [0, 1]);
    assert_eq!(plan.segments[1].attendance[0], None);
    assert_eq!(plan.segments[1].interest, [3.0, 1.0]);
    assert_eq!(plan.segments[0].units, CountDistribution::Weights(vec![0.8, 0.1, 0.1]));
    let catalogue = plan.catalogue.expect("a catalogue");
    assert_eq!(catalogue.categories.iter().map(|c| c.skus).collect::<Vec<_>>(), [250, 750]);
    assert_eq!((catalogue.products[0].category, catalogue.products[0].brand), (0, Some(0)));
}

#[test]
fn quantiles_and_moments_become_parameters() {
    let plan = base_with(&[]);
    let TimeDistribution::Lognormal { mu, sigma } = plan.cbmgs[0].states[1].think.clone().expect("a think time") else {
        panic!("not log-normal")
    };
    assert!(close(mu.exp(), 15.0) && close((mu + 1.644_853_626_951_472_2 * sigma).exp(), 120.0));
    let Some(MoneyDistribution::Lognormal { mu, sigma }) = plan.segments[1].spend else { panic!("not log-normal") };
    assert!(close(mu.exp(), 30_000.0) && close((mu + 1.281_551_565_544_600_4 * sigma).exp(), 200_000.0));
    let TimeDistribution::Gamma { shape, scale } = plan.services[1].service_time else { panic!("not gamma") };
    // Mean is shape * scale, variance shape * scale^2.
    assert!(close(shape * scale, 0.005) && close((shape * scale * scale).sqrt(), 0.0075));
    let catalogue = plan.catalogue.expect("a catalogue");
    let StockDistribution::Cover { mu, sigma, .. } = catalogue.categories[0].stock else { panic!("not cover") };
    assert!(close(mu.exp(), 1.2) && close((mu + 1.281_551_565_544_600_4 * sigma).exp(), 3.0));
}

#[test]
fn an_hourly_profile_begins_at_the_time_of_day_of_each_opening() {
    let plan = base_with(&["window.first.opens=2020-11-01T01:30:00+08:00"]);
    let offset = |segment: usize, window: usize| {
        let intensity = plan.segments[segment].attendance[window].as_ref().expect("attendance").intensities[3];
        plan.intensities[intensity].parts.iter().find_map(|part| match part {
            IntensityPart::Hourly { offset, .. } => Some(*offset),
            _ => None,
        })
    };
    assert_eq!(offset(0, 0), Some(Nanos::from_secs(5400)));
    assert_eq!(offset(1, 1), Some(Nanos(0)));
    assert_eq!(offset(0, 1), None);
    let tokyo = base_with(&["zone=Asia/Tokyo"]);
    let IntensityPart::Hourly { offset, .. } = tokyo.intensities[0].parts[2] else { panic!("not hourly") };
    assert_eq!(offset, Nanos::from_secs(3600));
}

#[test]
fn a_patch_replaces_the_form_of_a_distribution_and_merges_within_a_form() {
    let plan = valid(patched("service.stock.service_time.deterministic = \"5s\"\nservice.stock.timeout = \"9s\"")).plan;
    assert_eq!(plan.services[1].service_time, TimeDistribution::Deterministic(Nanos::from_secs(5)));
    let plan = valid(patched("service.stock.service_time.gamma.cv = 1")).plan;
    assert_eq!(plan.services[1].service_time, TimeDistribution::Gamma { shape: 1.0, scale: 0.005 });
    let plan = valid(patched("cbmg.buyer.state.pay.next = { exit = 0.5, home = 0.5 }")).plan;
    assert_eq!(plan.cbmgs[0].states[3].next, [(None, 0.5), (Some(0), 0.5)]);
}

#[test]
fn a_patch_reaches_into_a_list() {
    let plan =
        valid(patched("intensity.rush.parts.0.burst.weight = 7\nintensity.rush.parts.1.constant.weight = 2")).plan;
    let weights: Vec<f64> = plan.intensities[0].parts.iter().map(IntensityPart::weight).collect();
    assert_eq!(weights, [7.0, 2.0, 1.0]);
    let beyond = patched("intensity.rush.parts.3.burst.weight = 7").expect_err("there are three parts");
    assert!(beyond.iter().any(|problem| problem.code == Code::WrongType), "{}", beyond.render(false));
}

#[test]
fn what_a_patch_removes_is_gone() {
    let plan = valid(patched("remove = [\"product.acme-one\", 'segment.regular.window.\"first\"']")).plan;
    assert!(plan.catalogue.expect("a catalogue").products.is_empty());
    assert!(plan.segments[0].attendance[0].is_none());
}

#[test]
fn bases_chain_and_a_circle_is_found_whatever_it_is_called() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let base = fs::canonicalize(BASE).expect("the base");
    for depth in 0..9 {
        let above = if depth == 0 { base.clone() } else { folder.path().join(format!("{}.toml", depth - 1)) };
        let text = format!("extends = '{}'\nseed = {depth}", above.display());
        fs::write(folder.path().join(format!("{depth}.toml")), text).expect("a patch");
    }
    assert_eq!(valid(load(&folder.path().join("7.toml"), &[])).plan.seed, 7);
    let long = load(&folder.path().join("8.toml"), &[]).expect_err("too long");
    assert!(long.iter().any(|p| p.code == Code::BadExtends && p.message.contains("more than 8")));
    fs::write(folder.path().join("0.toml"), "extends = './2.toml'").expect("a patch");
    let circle = load(&folder.path().join("2.toml"), &[]).expect_err("a circle");
    assert!(circle.iter().any(|p| p.code == Code::BadExtends && p.message.contains("itself")));
}

#[test]
fn overrides_take_toml_and_bare_words() {
    let plan = base_with(&[
        "service.stock.timeout=2s",
        "service.\"stock\".instances = 420",
        "title=Double Eleven = #1",
        "intensity.rush.parts.0.burst.weight=7",
        "segment.keen.spend.constant=5k RMB",
        "cbmg.buyer.state.home.next={ item = 0.25, exit = 0.75 }",
    ]);
    assert_eq!(plan.services[1].timeout, Some(Nanos::from_secs(2)));
    assert_eq!(plan.services[1].pool.as_ref().map(|pool| pool.instances), Some(420));
    assert_eq!(plan.title, "Double Eleven = #1");
    assert!(matches!(plan.intensities[0].parts[0], IntensityPart::Burst { weight: 7.0, .. }));
    assert_eq!(plan.cbmgs[0].states[0].next, [(Some(1), 0.25), (None, 0.75)]);
}

#[test]
fn places_are_lines_and_columns_of_characters() {
    let problems =
        load_str("title = \"双十一\"\n# 大促\nx = \"双\" # \nseed = \"七\"", "sale.toml", &[]).expect_err("wrong");
    let place = |code| &problems.iter().find(|problem| problem.code == code).expect("a problem").places[0].0;
    assert_eq!(problems.locate(place(Code::UnknownKey)), ("sale.toml", 3, 1));
    assert_eq!(problems.locate(place(Code::WrongType)), ("sale.toml", 4, 8));
}

#[test]
fn csv_files_are_inlined_and_the_resolved_scenario_stands_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("rates.csv"), "rate,seconds\n1.5,0\n2,60.5\n0,90\n").expect("a file");
    fs::write(folder.path().join("times.csv"), "seconds\n0.002\n 1e-3 \n86400.5\n").expect("a file");
    let base = fs::canonicalize(BASE).expect("the base");
    let text = format!(
        "extends = '{}'\nservice.gateway.service_time.empirical.file = 'times.csv'\n\
         intensity.ramp.parts = [{{ points = {{ weight = 1, file = 'rates.csv' }} }}]",
        base.display()
    );
    let loaded = valid(load_str(&text, &folder.path().join("sale.toml").to_string_lossy(), &[]));
    let times = [Nanos::from_millis(2), Nanos::from_millis(1), Nanos::from_millis(86_400_500)];
    assert_eq!(loaded.plan.services[0].service_time, TimeDistribution::Empirical(times.to_vec()));
    let points = vec![(0.0, 1.5), (60.5, 2.0), (90.0, 0.0)];
    assert!(
        loaded
            .plan
            .intensities
            .iter()
            .any(|i| i.parts == [IntensityPart::Points { weight: 1.0, points: points.clone() }])
    );
    assert!(!loaded.resolved.contains(".csv"));
    assert_eq!(valid(load_str(&loaded.resolved, "elsewhere.toml", &[])).plan, loaded.plan);
}

#[test]
fn the_resolved_text_is_stable_and_gives_the_same_plan() {
    let loaded = valid(load(Path::new(BASE), &[]));
    let again = valid(load_str(&loaded.resolved, "resolved.toml", &[]));
    assert_eq!(again.plan, loaded.plan);
    assert_eq!(again.resolved, loaded.resolved);
    assert_eq!(again.file, loaded.file);
    for default in ["tick_min = \"20ms\"", "hold = \"30m\"", "jitter = \"full\"", "multiplier = 2.0", "seed = 0"] {
        assert!(loaded.resolved.contains(default), "{default} is not explicit in\n{}", loaded.resolved);
    }
}

#[test]
fn the_committed_schema_is_fresh() {
    #[expect(clippy::disallowed_methods, reason = "how goldens are renewed is no result of a run")]
    if std::env::var("SALELOAD_RENEW").is_ok() {
        fs::write("scenarios/schema.json", schema()).expect("the schema is written");
    }
    let committed = fs::read_to_string("scenarios/schema.json").unwrap_or_default();
    assert!(
        committed == schema(),
        "scenarios/schema.json is stale; renew it: cargo run -- schema > scenarios/schema.json"
    );
    let parsed: serde_json::Value = serde_json::from_str(&committed).expect("JSON");
    assert_eq!(parsed["$schema"], "http://json-schema.org/draft-07/schema#");
    assert!(parsed["properties"]["extends"].is_object() && parsed["properties"]["remove"].is_object());
    assert!(
        parsed.get("required").is_none() && parsed["else"]["required"].as_array().is_some_and(|keys| keys.len() > 3)
    );
}

/// Whatever was loaded: a plan, or at least one error that can be shown.
fn is_explained(result: &Result<Loaded, Diagnostics>) {
    match result {
        Ok(loaded) => assert!(!loaded.warnings.has_errors()),
        Err(problems) => {
            assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
            assert!(problems.iter().all(|problem| problem.code != Code::Internal), "{}", problems.render(false));
            assert!(problems.render(false).starts_with("error["));
        }
    }
}

/// Values that are likely to be wrong somewhere.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|x| if x.is_nan() { "nan".into() } else { format!("{x:e}") }),
        prop::sample::select(vec![
            "0",
            "1",
            "-1",
            "0.5",
            "\"\"",
            "\"1s\"",
            "\"0s\"",
            "\"400d\"",
            "\"1 RMB\"",
            "\"100000bn RMB\"",
            "true",
            "{}",
            "[]",
            "[[0, 1], [1, 1]]",
            "\"exit\"",
            "\"home\"",
            "\"2020-11-11T00:00:00+08:00\"",
            "\"9999-12-31T23:59:59Z\"",
            "inf",
            "{ exit = 1 }",
            "{ constant = 3 }",
            "{ deterministic = \"1s\" }",
            "\"add_to_basket\"",
            "\"pay\"",
            "1e300",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Paths of every value in the resolved base.
fn paths() -> Vec<String> {
    fn walk(prefix: &str, value: &toml::Value, paths: &mut Vec<String>) {
        let children: Vec<(String, &toml::Value)> = match value {
            toml::Value::Table(table) => table.iter().map(|(k, v)| (k.clone(), v)).collect(),
            toml::Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
            _ => Vec::new(),
        };
        for (key, child) in children {
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            walk(&path, child, paths);
            paths.push(path);
        }
    }
    let mut paths = Vec::new();
    let resolved = valid(load(Path::new(BASE), &[])).resolved;
    walk("", &toml::Value::Table(resolved.parse().expect("TOML")), &mut paths);
    paths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_explained(text in "\\PC{0,200}") {
        is_explained(&load_str(&text, "any.toml", std::slice::from_ref(&text)));
    }

    #[test]
    fn any_bytes_are_explained(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("any.toml");
        fs::write(&path, &bytes).expect("a file");
        is_explained(&load(&path, &[]));
    }

    #[test]
    fn a_base_with_a_hole_is_explained(start in any::<prop::sample::Index>(), length in 0..200usize, junk in "[\\[\\]{}=\".,a1\\n]{0,6}") {
        let text = fs::read_to_string(BASE).expect("the base");
        let start = start.index(text.len());
        let end = (start + length).min(text.len());
        is_explained(&load_str(&format!("{}{junk}{}", &text[..start], &text[end..]), BASE, &[]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_anywhere_is_explained_and_a_plan_survives_the_round_trip(
        changes in prop::collection::vec((prop::sample::select(paths()), value()), 1..3),
    ) {
        let overrides: Vec<String> = changes.iter().map(|(path, value)| format!("{path}={value}")).collect();
        let result = load(Path::new(BASE), &overrides);
        is_explained(&result);
        if let Ok(loaded) = result {
            let again = valid(load_str(&loaded.resolved, "resolved.toml", &[]));
            prop_assert_eq!(again.plan, loaded.plan);
            prop_assert_eq!(again.resolved, loaded.resolved);
        }
    }
}

/// A patch may add a presale before a window of its base: what counts is when windows open, not where they stand.
#[test]
fn a_patch_adds_a_window_before_those_of_its_base() {
    let loaded = valid(patched(
        r#"
        segment.regular.window.deposits = { participation = 0.5, intensity = "rush" }
        cbmg.due = { entry = "pay", state.pay = { action.pay = {}, next.exit = 1 } }
        [window.deposits]
        opens = "2020-10-21T00:00:00+08:00"
        closes = "2020-10-21T01:00:00+08:00"
        presale = { balances_in = "first", deposit = 0.1, conversion = 0.5, intensity = "rush", cbmg = "due" }
        "#,
    ));
    let names: Vec<&str> = loaded.plan.windows.iter().map(|window| window.name.as_str()).collect();
    assert_eq!(names, ["deposits", "first", "second"]);
    let (window, presale) = loaded.plan.presales().next().expect("a presale");
    assert_eq!((window, presale.window), (0, 1));
    let again = valid(load_str(&loaded.resolved, "again.toml", &[]));
    assert_eq!(again.plan, loaded.plan, "the resolved scenario has them in order of time");
}

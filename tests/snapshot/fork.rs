//! Scenarios that share a past, and scenarios that do not.

use super::folder;
use super::played::{Case, load};
use saleload::engine::snapshot::Snapshot;
use saleload::results::Results;
use saleload::scenario::Loaded;
use std::path::{Path, PathBuf};

/// A day with two windows; what is in stock does not depend on how many come.
const BASE: [&str; 10] = [
    "population.shoppers=20000",
    "inventory.hold='3m'",
    "category.sneakers.stock={constant=3}",
    "category.groceries.stock={lognormal={p50=4,p90=9}}",
    "memory={after_bought=0.5,after_failed=1.5,after_deferred=0.8}",
    "window.noon.closes='2020-11-11T12:10:00+08:00'",
    "record.fine='2m'",
    "window.night={opens='2020-11-11T15:00:00+08:00',closes='2020-11-11T15:10:00+08:00'}",
    "segment.regular.window.night={participation=0.5,intensity='rush'}",
    "segment.collector.window.night={participation=0.4,intensity='rush'}",
];

/// The quickstart with its base overridden, and with overrides on top.
fn scenario(overrides: &[&str]) -> Loaded {
    let all: Vec<&str> = BASE.iter().chain(overrides).copied().collect();
    load(include_str!("../../scenarios/quickstart.toml"), &all)
}

/// A snapshot of a scenario at the end of the first tick at or after so many seconds.
fn snapshot(loaded: &Loaded, seconds: u64, folder: &Path) -> PathBuf {
    let file = folder.join(format!("at-{seconds}"));
    Case::whole(loaded).play_until(seconds, &file);
    file
}

/// The results but for how they came about.
fn unforked(results: &Results) -> Results {
    let mut results = results.clone();
    results.summary.forks.clear();
    results
}

/// Forks `base` after so many seconds, and compares with the run that was never anything else.
fn forks_like_unbroken(base: &Loaded, seconds: u64, other: &Loaded) {
    let dir = folder();
    let file = snapshot(base, seconds, dir.path());
    let case = Case::whole(other);
    let forked = case.on(2).fork(&file).unwrap_or_else(|error| panic!("after {seconds} s: {error}"));
    let (whole, _) = case.unbroken();
    assert_eq!(unforked(&forked).summary, whole.summary, "after {seconds} s");
    assert!(unforked(&forked) == whole, "after {seconds} s: the tables differ");
    let hash = blake3::hash(base.resolved.as_bytes()).to_hex().to_string();
    assert_eq!(forked.summary.forks[0].scenario_blake3, hash);
}

/// In the middle of the first window, at its end, between the windows, and at the instant of the second opening.
const BEFORE_NIGHT: [u64; 4] = [200, 600, 5000, 3 * 3600];

#[test]
fn what_lies_ahead_may_differ() {
    let base = scenario(&[]);
    let ahead: [&[&str]; 8] = [
        &["window.night.restock.share=0.5", "category.sneakers.restock={night={up_to=0.9}}"],
        &["segment.regular.window.night.participation=0.9"],
        &["window.night.opens='2020-11-11T15:00:30+08:00'", "window.night.closes='2020-11-11T15:20:00+08:00'"],
        &["intensity.late={parts=[{constant={weight=1}}]}", "segment.regular.window.night.intensity='late'"],
        &["memory.after_bought=1.0", "memory.after_deferred=1.0"],
        &[
            "window.midnight={opens='2020-11-11T23:00:00+08:00',closes='2020-11-11T23:01:00+08:00'}",
            "segment.regular.window.midnight={participation=0.2,intensity='rush'}",
        ],
        &["name='other'", "title='Another'"],
        &["segment.regular.window.night.participation=0"],
    ];
    for overrides in ahead {
        let other = scenario(overrides);
        // A row that ended with the opening would end later with a later one.
        let later = overrides[0].starts_with("window.night.opens");
        for &seconds in &BEFORE_NIGHT[..if later { 3 } else { 4 }] {
            forks_like_unbroken(&base, seconds, &other);
        }
    }
}

#[test]
fn windows_and_those_who_come_only_to_them_may_go_and_come() {
    // A segment that stays away until the night, with a graph and a pattern of its own.
    let newcomers = "[segment.newcomer]\nshare = 0.1\ncbmg = \"dash\"\nwindow.night = { participation = 0.8, intensity = \"dash\" }\n
        [cbmg.dash]\nentry = \"pick\"\nstate.pick = { action = \"add_to_basket\", next = { order = 1 } }\n
        state.order = { action = \"reserve\", next = { pay = 1 } }\n
        state.pay = { action.pay = {}, next = { exit = 1 } }\n[intensity.dash]\nparts = [{ burst = { weight = 1, decay = \"1m\" } }]\n";
    let text = include_str!("../../scenarios/quickstart.toml").replace("share = 0.8 ", "share = 0.7 ") + newcomers;
    let with = |overrides: &[&str]| {
        let all: Vec<&str> = BASE.iter().chain(overrides).copied().collect();
        load(&text, &all)
    };
    let base = with(&[]);
    for change in [
        "segment.newcomer.cbmg='browse'",
        "segment.newcomer.patience.exponential='2s'",
        "cbmg.dash.state.pick.think.deterministic='5s'",
        "intensity.dash.parts=[{burst={weight=1,decay='9s'}}]",
    ] {
        // What was used only by the newcomers is unused then, which is a warning and no more.
        forks_like_unbroken(&base, 300, &with(&[change]));
    }
    let refused = with(&["segment.newcomer.share=0.2", "segment.regular.share=0.6"]);
    assert!(refusal(&base, 300, &refused).contains("`segment.regular.share` is 0.7 there, 0.6 here"));
}

/// How a fork after so many seconds is refused.
fn refusal(base: &Loaded, seconds: u64, other: &Loaded) -> String {
    let dir = folder();
    let file = snapshot(base, seconds, dir.path());
    match Case::whole(other).fork(&file) {
        Ok(_) => panic!("not refused"),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains(&file.display().to_string()), "{message}");
            message
        }
    }
}

#[test]
fn what_has_had_its_effect_is_refused() {
    let base = scenario(&[]);
    let before: [(u64, &str, &str); 14] = [
        (
            200,
            "window={noon={stock={share=0.5}},night={stock={share=0.5}}}",
            "other stock had come in by then than before",
        ),
        (10_900, "window.night.restock.share=0.5", "other stock had come in by then than before"),
        (
            200,
            "population.shoppers=30000",
            "`population.shoppers` is 20,000 there, 30,000 here, which had its effect before",
        ),
        (200, "service.order.instances=5", "`service.order.instances` is 4 there, 5 here"),
        (200, "window.noon.closes='2020-11-11T12:09:00+08:00'", "`window.noon.closes`"),
        (200, "segment.regular.window.noon.participation=0.5", "`segment.regular.window.noon.participation`"),
        (200, "segment.regular.spend.constant='9 RMB'", "`segment.regular.spend"),
        (200, "intensity.rush.parts=[{constant={weight=1}}]", "`intensity.rush.parts` differs"),
        (200, "cbmg.browse.state.pay.think.exponential='9s'", "`cbmg.browse.state.pay.think.exponential`"),
        (200, "category.sneakers.stock.constant=4", "`category.sneakers.stock.constant` is 3 there, 4 here"),
        (200, "seed=2", "`seed` is 1 there, 2 here"),
        (200, "record.fine='1m'", "into other rows"),
        (10_900, "memory.after_bought=1.0", "`memory.after_bought` is 0.5 there"),
        (10_900, "window.night.closes='2020-11-11T15:20:00+08:00'", "before 2020-11-11 15:01:40"),
    ];
    for (seconds, change, expected) in before {
        let message = refusal(&base, seconds, &scenario(&[change]));
        assert!(message.contains(expected) && message.contains("another scenario"), "{change}: {message}");
    }
    let later = scenario(&["window.night.opens='2020-11-11T15:00:30+08:00'"]);
    assert!(refusal(&base, 3 * 3600, &later).contains("before 2020-11-11 15:00:00 into other rows"));
    // The night would have opened before.
    let earlier = "window.night.opens='2020-11-11T13:00:00+08:00'";
    assert!(refusal(&base, 5000, &scenario(&[earlier])).contains("`window.night.opens`"));
}

/// All services are played event by event, by steps that change nothing.
const BY_EVENT: [&str; 3] = [
    "service.web.schedule=[{window='noon',from='0s',instances=8}]",
    "service.order.schedule=[{window='noon',from='0s',instances=4}]",
    "service.order.service_time.deterministic='40ms'",
];
const LATE: &str = "window='noon',from='210s',until='260s'";

#[test]
fn what_begins_later_may_differ() {
    let with = |more: &[&str]| scenario(&[&BY_EVENT[..], more].concat());
    let incident = |effect: &str| format!("incident.late={{{LATE},{effect}}}");
    let (lost, slowed) =
        (incident("service='order',effect={lost={instances=3}}"), incident("service='order',effect={slowed=5}"));
    let (stalled, cut) = (
        incident("service='order',effect='stalled'").replace("210s", "200s"),
        incident("service='order',effect={unreachable='retransmitted'}"),
    );
    let (cell, bank) =
        (incident("effect={cell_lost={cell=1,remapped_after='10s'}}"), incident("effect={declined={probability=0.9}}"));
    let step = "service.order.schedule=[{window='noon',from='0s',instances=4},{window='noon',from='205s',instances=9}]";
    let switch = "switch.lean={on={at={window='noon',after='210s',lasts='60s'}},service_time={order=0.1},leave_out={product=['web']}}";
    let other_switch = "switch.lean={on={at={window='noon',after='300s',lasts='60s'}},refuse=['pay']}";
    let early = "incident.early={window='noon',from='190s',until='230s',service='order',effect={slowed=2}}";
    let base = with(&[]);
    for change in [&lost, &slowed, &stalled, &cut, &cell, &bank, step, switch] {
        forks_like_unbroken(&base, 200, &with(&[change]));
    }
    // The other way round, and from one to another.
    forks_like_unbroken(&with(&[&lost, switch]), 200, &base);
    forks_like_unbroken(&with(&[&stalled]), 200, &with(&[&slowed]));
    forks_like_unbroken(&with(&[switch]), 200, &with(&[other_switch]));
    forks_like_unbroken(&with(&[early]), 200, &with(&[early, &slowed]));
}

#[test]
fn what_had_begun_may_not_differ_and_the_reason_is_true() {
    let with = |more: &[&str]| scenario(&[&BY_EVENT[..], more].concat());
    let late = format!("incident.late={{{LATE},service='order',effect={{slowed=5}}}}");
    let early = "incident.early={window='noon',from='190s',until='230s',service='order',effect={slowed=2}}";
    let had = "which had its effect before";
    let step = "service.order.schedule=[{window='noon',from='0s',instances=4},{window='noon',from='150s',instances=9}]";
    let switch = "switch.lean={on={at={window='noon',after='190s',lasts='60s'}},service_time={order=0.1}}";
    let busy = "switch.lean={on={busy={service='order',above=0.9,below=0.5}},service_time={order=0.1}}";
    for (change, expected) in
        [(early, had), (step, had), (switch, had), (busy, "a switch that is turned by load looks at it from the start")]
    {
        let message = refusal(&with(&[]), 200, &with(&[change]));
        assert!(message.contains(expected), "{change}: {message}");
    }
    // A later incident put before one that had begun: their parts of instances are drawn by their places.
    let swapped = refusal(&with(&[early]), 200, &with(&[&late, early]));
    assert!(swapped.contains("another place among its like"), "{swapped}");
    let plain = refusal(&scenario(&[]), 200, &scenario(&[&late]));
    assert!(plain.contains("only one of them plays service `order` event by event"), "{plain}");
}

#[test]
fn what_nobody_remembered_cannot_matter_later() {
    let (base, other) = (scenario(&["memory.after_deferred=1.0"]), scenario(&[]));
    let message = refusal(&base, 200, &other);
    assert!(message.contains("is 1.0 there, 0.8 here, and that somebody left by choice was not kept"), "{message}");
    let when = "segment.regular.window.night.intensity_after.deferred='rush'";
    let usual = ["memory.after_deferred=1.0", "intensity.flat={parts=[{constant={weight=1}}]}"];
    let by = "segment.regular.window.night.intensity='flat'";
    let message =
        refusal(&scenario(&[&usual[..], &[by]].concat()), 200, &scenario(&[&usual[..], &[by, when]].concat()));
    assert!(message.contains("comes at another time here, and that somebody left by choice was not kept"), "{message}");
}

#[test]
fn without_a_second_window_there_is_no_history_to_go_on_with() {
    let text = include_str!("../../scenarios/quickstart.toml");
    let base = load(text, &["population.shoppers=20000"]);
    let second = [
        "population.shoppers=20000",
        "window.night={opens='2020-11-11T15:00:00+08:00',closes='2020-11-11T15:10:00+08:00'}",
        "segment.regular.window.night={participation=0.5,intensity='rush'}",
    ];
    let message = refusal(&base, 100, &load(text, &second));
    assert!(
        message.contains("`window.night` is only here, and with one window only nobody's history was kept"),
        "{message}"
    );
    // The other way round the history is not needed any more.
    forks_like_unbroken(
        &load(
            text,
            &[&second[..], &["category.sneakers.stock={constant=3}", "category.groceries.stock={constant=3}"]].concat(),
        ),
        100,
        &load(
            text,
            &[
                "population.shoppers=20000",
                "category.sneakers.stock={constant=3}",
                "category.groceries.stock={constant=3}",
            ],
        ),
    );
}

/// Merchants stocked for the demand that they expected then, not for the one that comes.
#[test]
fn a_fork_keeps_the_stock_that_was_laid_in() {
    let cover = ["category.sneakers.stock={cover={p50=1.0,p90=2.0}}"];
    let (base, other) = (scenario(&cover), scenario(&[cover[0], "segment.regular.window.night.participation=1.0"]));
    let dir = folder();
    let file = snapshot(&base, 300, dir.path());
    let (of_base, _) = Case::whole(&base).unbroken();
    let (of_other, _) = Case::whole(&other).unbroken();
    let forked = Case::whole(&other).fork(&file).unwrap_or_else(|error| panic!("{error}"));
    let start = |results: &Results| results.summary.conservation.units_start;
    assert_eq!(start(&forked), start(&of_base));
    assert!(start(&of_other) > start(&of_base));
    assert_eq!(forked.series.integers("orders_created")[..150], of_base.series.integers("orders_created")[..150]);
    assert!(forked.summary.windows[1].total.sessions > of_base.summary.windows[1].total.sessions);
}

#[test]
fn a_fork_can_be_split_and_forked_again() {
    let dir = folder();
    let (base, other) = (scenario(&[]), scenario(&["segment.regular.window.night.participation=0.9"]));
    let third = scenario(&["segment.regular.window.night.participation=0.1"]);
    let first = snapshot(&base, 100, dir.path());
    let second = dir.path().join("second");
    let case = Case::whole(&other);
    let start = saleload::past::fork(Snapshot::open(&first).unwrap_or_else(|e| panic!("{e}")), &other, case.cells);
    case.play_ticks(Some(start.unwrap_or_else(|error| panic!("{error}"))), 50, &second);
    let (whole, _) = case.unbroken();
    let resumed = case.resume(&second).unwrap_or_else(|error| panic!("{error}"));
    assert!(unforked(&resumed) == whole);
    assert_eq!(resumed.summary.forks.len(), 1);
    let again = Case::whole(&third).fork(&second).unwrap_or_else(|error| panic!("{error}"));
    assert!(unforked(&again) == Case::whole(&third).unbroken().0);
    let at: Vec<i64> = again.summary.forks.iter().map(|fork| fork.at_unix_ms).collect();
    assert!(at.len() == 2 && at[0] < at[1], "{at:?}");
    // The same scenario is no fork.
    let same = Case::whole(&base).fork(&first).unwrap_or_else(|error| panic!("{error}"));
    assert!(same == Case::whole(&base).unbroken().0);
}

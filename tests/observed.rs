//! Arrivals as they were observed: a table of times and rates, and the lines of an access log, bring the crowd that they came from.

use saleload::engine::{self, Options};
use saleload::results::Results;
use saleload::scenario;
use std::fmt::Write;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

/// A quarter of an hour of people who look at one page.
const SALE: &str = r#"
name = "sale"
title = "A sale that was observed"
population.shoppers = 60_000
platform.cells = 4
window.noon = { opens = "2020-11-11T12:00:00+08:00", closes = "2020-11-11T12:15:00+08:00" }
segment.all = { share = 1, cbmg = "look", window.noon = { participation = 0.5, intensity = "observed" } }
cbmg.look = { entry = "page", state.page = { calls = ["web"], next = { exit = 1 } } }
service.web = { service_time.exponential = "50ms" }
"#;

const RUSH: &str = "intensity.observed.parts = [{ burst = { weight = 1, rise = '10s', decay = '2m' } }, { constant = { weight = 0.5 } }]";

fn played(folder: &Path, intensity: &str) -> Results {
    let text = format!("{SALE}{intensity}\n");
    let loaded = scenario::load_str(&text, &folder.join("sale.toml").to_string_lossy(), &[]);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    engine::run(&plan, &Options { simulated_cells: 4, threads: 2 }, &mut |_| ControlFlow::Continue(()))
        .unwrap_or_else(|breach| panic!("{breach}"))
}

/// Sessions begun by the end of each half minute, as a share of all.
fn come(results: &Results) -> Vec<f64> {
    let begun = results.series.integers("sessions_begun");
    let all = begun.iter().sum::<i64>() as f64;
    let by = |seconds: usize| begun[..seconds].iter().sum::<i64>() as f64 / all;
    (1..=30).map(|half_minutes| by(half_minutes * 30)).collect()
}

#[test]
fn the_crowd_that_was_observed_comes_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let observed = played(folder.path(), RUSH);
    // It was observed a year before, on a clock in another zone.
    let (mut rates, mut log) = (String::from("time,rate\n"), String::new());
    for (second, &begun) in observed.series.integers("sessions_begun").iter().enumerate() {
        let (minute, second) = (second / 60, second % 60);
        let _ = writeln!(rates, "2019-11-11T04:{minute:02}:{second:02}.500Z,{begun}");
        let line = format!("10.0.0.1 - - [11/Nov/2019:12:{minute:02}:{second:02} +0800] \"GET / HTTP/1.1\" 200 17\n");
        log.extend(std::iter::repeat_n(line, usize::try_from(begun).unwrap_or_default()));
    }
    fs::write(folder.path().join("rates.csv"), rates).expect("written");
    fs::write(folder.path().join("access.log"), log).expect("written");
    let since = "since = '2019-11-11T12:00:00+08:00'";
    let points = format!("intensity.observed.parts = [{{ points = {{ weight = 1, file = 'rates.csv', {since} }} }}]");
    let events = format!(
        "intensity.observed.parts = [{{ events = {{ weight = 1, file = 'access.log', {since}, bin = '5s' }} }}]"
    );
    let was = come(&observed);
    for again in [points, events] {
        let is = come(&played(folder.path(), &again));
        // Thirty thousand draws scatter by 0.3 % of all at most, and bins of five seconds blur the rise.
        for (half_minutes, (was, is)) in was.iter().zip(&is).enumerate() {
            assert!(
                (was - is).abs() < 0.01,
                "after {half_minutes} half minutes: {was} observed, {is} played by {again}"
            );
        }
    }
}

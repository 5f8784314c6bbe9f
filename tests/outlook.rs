//! What the forecast reckons beyond the plain flow, against runs: waiting rooms, incidents, schedules, limits, slowdowns, switches.
//!
//! Tolerances are what chance does, unless it is said otherwise: fifty requests a second are 3,000 in a minute, whose standard deviation
//! is 1.8 %, and what is rejected of them by a service of twenty workers adds as much.

#![expect(clippy::print_stdout, reason = "with --nocapture, what was measured stands beside what was expected")]

use saleload::engine::{self, Options};
use saleload::forecast::{Disturbed, Forecast, Overload, ServiceForecast};
use saleload::results::{Bucket, Results, series};
use saleload::scenario;
use std::ops::{ControlFlow, Range};

/// A hundred sessions a second for ten minutes; half of them order. Web, order and stock are at 10, 50 and 60 % of their capacity.
const SMALL: &str = r#"
name = "small"
title = "Ten minutes of a small shop"
zone = "UTC"
seed = 7
population.shoppers = 60_000
platform.cells = 1
window.day = { opens = "2020-11-11T00:00:00Z", closes = "2020-11-11T00:10:00Z" }
intensity.even.parts = [{ constant = { weight = 1 } }]
segment.all = { share = 1, cbmg = "visit", window.day = { participation = 1, intensity = "even" } }
cbmg.visit.entry = "page"
cbmg.visit.state.page = { calls = ["web"], think.exponential = "2s", next = { order = 0.5, exit = 0.5 } }
cbmg.visit.state.order = { calls = ["order", "stock"], think.exponential = "5s", next = { exit = 1 } }
service.web = { instances = 10, workers = 10, service_time.exponential = "100ms" }
service.order = { instances = 5, workers = 4, queue = 4, service_time.exponential = "200ms" }
service.stock = { instances = 5, workers = 4, queue = 4, service_time.exponential = "240ms" }
"#;

/// The forecast and a run of the small shop with some overrides.
struct Both {
    forecast: Forecast,
    results: Results,
}

fn both(overrides: &[&str]) -> Both {
    let overrides: Vec<String> = overrides.iter().map(ToString::to_string).collect();
    let loaded = scenario::load_str(SMALL, "small.toml", &overrides);
    let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
    let options = Options { simulated_cells: plan.cells, threads: 1 };
    let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
    Both { forecast: Forecast::new(&plan), results: results.unwrap_or_else(|breach| panic!("{breach}")) }
}

impl Both {
    fn service(&self, name: &str) -> &ServiceForecast {
        let services = &self.forecast.windows[0].services;
        services.iter().find(|service| service.service == name).expect("the shop has this service")
    }

    fn disturbed(&self, service: &str) -> &Disturbed {
        let [disturbed] = &self.service(service).incidents[..] else { panic!("{:?}", self.service(service)) };
        disturbed
    }

    /// Seconds since the opening.
    fn span(&self, overload: Overload) -> Range<i64> {
        let seconds = |unix_ms: i64| (unix_ms - self.forecast.windows[0].opens_unix_ms) / 1000;
        seconds(overload.from_unix_ms)..seconds(overload.until_unix_ms)
    }

    /// What a run has counted in some seconds since the opening, all of which have a row.
    fn counted(&self, service: &str, what: &str, seconds: Range<usize>) -> f64 {
        self.results.series.integers(&series::service(service, what))[seconds].iter().sum::<i64>() as f64
    }

    fn rejected_share(&self, service: &str, seconds: Range<usize>) -> f64 {
        self.counted(service, "rejected", seconds.clone()) / self.counted(service, "requests", seconds)
    }

    /// Mean share of busy workers in some seconds.
    fn busy(&self, service: &str, seconds: Range<usize>) -> f64 {
        let shares = &self.results.series.reals(&series::service(service, "utilisation"))[seconds];
        shares.iter().sum::<f64>() / shares.len() as f64
    }

    /// All that was asked of a service, first attempts and others.
    fn requests(&self, service: &str) -> f64 {
        let row = self.results.services.iter().find(|row| row.service == service).expect("the shop has this service");
        row.requests as f64
    }
}

fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not within {tolerance} of {expected}");
}

fn close(value: f64, expected: f64, tolerance: f64) {
    near(value / expected, 1.0, tolerance);
}

/// An overload of so many times the capacity, in some seconds: the forecast says so, and a run rejects what is beyond. Its queues take
/// a few seconds to fill, and to empty.
fn overloaded(both: &Both, service: &str, ratio: f64, overload: (Option<f64>, Overload), expected: Range<i64>) {
    close(overload.0.unwrap_or(0.0), ratio, 0.01);
    assert_eq!(both.span(overload.1), expected);
    let (from, until) = (expected.start as usize, expected.end as usize);
    near(both.rejected_share(service, from + 5..until), 1.0 - 1.0 / ratio, 0.05);
    near(both.rejected_share(service, from - 60..from), 0.0, 0.02);
    near(both.rejected_share(service, until + 5..until + 65), 0.0, 0.02);
}

const INCIDENT: &str = "window='day',from='200s',until='260s'";

fn incident(effect: &str) -> Both {
    both(&[&format!("incident.bad={{{INCIDENT},service='stock',effect.{effect}}}")])
}

#[test]
fn a_slow_service_binds_for_as_long_as_it_is_slow() {
    let both = incident("slowed=3");
    let disturbed = both.disturbed("stock");
    assert_eq!((disturbed.incident.as_str(), both.service("stock").overload), ("bad", None));
    overloaded(&both, "stock", 1.8, (disturbed.peak_offered_over_capacity, disturbed.overload), 200..260);
}

#[test]
fn lost_instances_are_missing() {
    // Of five, three are: a half is rounded up.
    let both = incident("lost={share=0.5}");
    let disturbed = both.disturbed("stock");
    overloaded(&both, "stock", 1.5, (disturbed.peak_offered_over_capacity, disturbed.overload), 200..260);
}

#[test]
fn a_stalled_service_does_nothing() {
    let overrides = [&format!("incident.bad={{{INCIDENT},service='stock',effect='stalled'}}")[..]];
    let both = both(&overrides);
    let disturbed = both.disturbed("stock");
    assert_eq!((disturbed.peak_offered_over_capacity, both.span(disturbed.overload)), (None, 200..260));
    near(both.rejected_share("stock", 202..260), 1.0, 0.01);
}

/// One host with two cells' shoppers: the load of these is twice as high, and of what is beyond capacity nothing but the excess is
/// rejected, in two cells of four.
#[test]
fn a_host_carries_two_cells() {
    let lost = format!("incident.bad={{{INCIDENT},effect.cell_lost={{cell=1,remapped_after='20s',hosts=[2]}}}}");
    // Sixteen instances have 64 workers: with the same work as before, each cell is at 75 % of its capacity.
    let both = both(&[
        "platform.cells=4",
        "service.stock.instances=4",
        "service.stock.workers=4",
        "service.order.instances=8",
        &lost,
    ]);
    let disturbed = both.disturbed("stock");
    close(disturbed.peak_offered_over_capacity.unwrap_or(0.0), 1.5, 0.01);
    assert_eq!(both.span(disturbed.overload), 220..260);
    near(both.rejected_share("stock", 225..260), 0.5 * (1.0 - 1.0 / 1.5), 0.07);
    // Nobody serves a quarter of the shoppers until they are remapped.
    near(both.rejected_share("web", 201..220), 0.25, 0.04);
    close(both.service("stock").requests, both.requests("stock"), 0.03);
}

#[test]
fn a_service_out_of_reach_is_asked_in_vain() {
    // Stock comes after the order service, and is not asked meanwhile.
    let both = both(&[&format!("incident.bad={{{INCIDENT},service='order',effect.unreachable='refused'}}")]);
    assert_eq!(both.counted("stock", "requests", 201..260), 0.0);
    close(both.service("order").requests, both.requests("order"), 0.02);
    close(both.service("stock").requests, both.requests("stock"), 0.02);
    close(both.service("stock").requests, 540.0 * 50.0, 0.02);
}

#[test]
fn a_schedule_has_its_time() {
    let both = both(&[
        "service.stock.schedule=[{window='day',from='200s',instances=2},{window='day',from='260s',instances=5}]",
    ]);
    let stock = both.service("stock");
    let overload = stock.overload.expect("two instances are not enough");
    overloaded(&both, "stock", 1.5, (stock.peak_offered_over_capacity, overload), 200..260);
}

/// A limit of thirty a second where fifty come: four in ten are rejected, and what lies behind has thirty a second to do.
fn limited(overrides: &[&str], tolerance: f64) {
    let both = both(overrides);
    let limited = both.service("order").limited.expect("the limit binds");
    close(limited.per_second, 30.0, 1e-9);
    near(limited.rejected_share_peak, 0.4, 0.005);
    // From the first seconds, in which sessions look around, to the end.
    near((limited.from_unix_ms - both.forecast.windows[0].opens_unix_ms) as f64, 3000.0, 2500.0);
    assert!(limited.until_unix_ms >= both.forecast.windows[0].closes_unix_ms);
    let (passed, expected) = (both.requests("stock"), both.service("stock").requests);
    close(expected, passed, tolerance);
    close(expected, 18_000.0, 0.02);
    close(both.busy("stock", 0..600), both.service("stock").utilisation_mean.unwrap_or(0.0), 0.05);
}

#[test]
fn a_token_bucket_rejects_what_is_beyond() {
    limited(&["service.order.limit.rate.token_bucket={per_second=30,burst=30}"], 0.02);
}

#[test]
fn even_distances_reject_what_is_beyond() {
    limited(&["service.order.limit.rate.uniform={per_second=30,longest_wait='500ms'}"], 0.02);
}

/// More attempts are rejected, but no more get through.
#[test]
fn retries_do_not_get_more_through_a_limit() {
    limited(
        &[
            "service.order.limit.rate.token_bucket={per_second=30,burst=30}",
            "service.order.retry={attempts=3,backoff='100ms',jitter='none'}",
        ],
        0.02,
    );
}

/// Sixty places for requests of two seconds each, a hundred of which would be there: Erlang's formula says that 41 % are lost, by chance
/// a little more than the 40 % of a fluid.
#[test]
fn places_for_requests_in_flight_are_a_limit() {
    limited(
        &[
            "service.order.limit.in_flight=60",
            "service.order.workers=100",
            "service.order.service_time.exponential='2s'",
        ],
        0.04,
    );
}

/// A half of those who are rejected try the page again, after a while: x = 50 + (x - 30) / 2 are asked for a second.
#[test]
fn pages_that_fail_lead_on() {
    let both = both(&[
        "service.order.limit.rate.token_bucket={per_second=30,burst=30}",
        "cbmg.visit.state.order.on_failure={order=0.5,exit=0.5}",
    ]);
    close(both.service("order").requests, both.requests("order"), 0.02);
    close(both.service("stock").requests, both.requests("stock"), 0.02);
    close(both.service("order").peak_requests.value, 70.0, 0.02);
}

#[test]
fn more_than_a_service_can_stand_makes_it_slow() {
    let slow = both(&["service.stock.slowdown={above=5,factor=2}"]);
    let stock = slow.service("stock");
    assert!(stock.slowed.is_some());
    close(stock.peak_offered_over_capacity.unwrap_or(0.0), 1.2, 0.01);
    // A queue of twenty rejects a few more than what is beyond.
    near(slow.rejected_share("stock", 60..600), 1.0 - 1.0 / 1.2, 0.04);
    // Ten a second and instance are enough not to be slowed down at all.
    assert_eq!(stock.instances_suggested, Some(10));
    let steady = both(&["service.stock.slowdown={above=20,factor=2}"]);
    assert_eq!(steady.service("stock").slowed, None);
    close(steady.busy("stock", 60..600), steady.service("stock").peak_offered_over_capacity.unwrap_or(0.0), 0.05);
}

const SWITCH: &str = "on.at={window='day',after='200s',lasts='60s'}";

#[test]
fn a_switch_leaves_calls_out_for_its_time() {
    let both = both(&[&format!("switch.lean={{{SWITCH},leave_out={{order=['stock']}},service_time={{order=1.5}}}}")]);
    assert_eq!(both.counted("stock", "requests", 202..260), 0.0);
    close(both.service("stock").requests, both.requests("stock"), 0.02);
    close(both.service("order").requests, both.requests("order"), 0.02);
    close(both.service("order").peak_offered_over_capacity.unwrap_or(0.0), 0.75, 0.01);
    close(both.busy("order", 205..260), 0.75, 0.08);
}

#[test]
fn a_switch_refuses_pages_for_its_time() {
    let both = both(&[&format!("switch.lean={{{SWITCH},refuse=['order']}}")]);
    assert_eq!(both.counted("order", "requests", 202..260), 0.0);
    close(both.service("order").requests, both.requests("order"), 0.02);
    close(both.service("order").requests, 540.0 * 50.0, 0.02);
}

/// A quarter of the crowd at the door and 75 a second after it, of whom 110 go in: the room is empty after 15,000 / 35 seconds.
#[test]
fn a_room_delays_and_flattens() {
    let both = both(&["window.day.room.per_second=110", "segment.all.window.day.early=0.25"]);
    let room = both.forecast.windows[0].room.expect("there is a room");
    let measured = both.results.summary.windows[0].room.as_ref().expect("there is a room");
    close(room.admitted, measured.admitted as f64, 0.01);
    close(room.wait_seconds_max, 15_000.0 / 110.0, 0.02);
    close(room.wait_seconds_max, measured.wait_ms_max as f64 / 1000.0, 0.03);
    let crowded = room.crowded.expect("more come than go in");
    let until = (crowded.until_unix_ms - both.forecast.windows[0].opens_unix_ms) as f64 / 1000.0;
    close(until, 15_000.0 / 35.0, 0.02);
    close(crowded.seconds, until, 0.02);
    // When it is empty is when a random walk gets there: 35 a second down, the root of 75 a second up and down.
    let waiting = both.results.series.integers(&series::room("waiting"));
    let empty = waiting.iter().position(|&waiting| waiting == 0).expect("it is empty at last");
    near(empty as f64, until, 20.0);
    close(both.service("web").peak_requests.value, 110.0, 0.001);
    for minute in (0..600).step_by(60) {
        let admitted = both.counted("web", "requests", minute..minute + 60);
        let rate = if minute + 60 < 420 { 110.0 } else { 75.0 };
        if !(360..480).contains(&minute) {
            close(admitted / 60.0, rate, 0.05);
        }
    }
}

/// With patience, and places that expire: who gives up and who is sent away, whichever becomes of their places.
#[test]
fn a_room_is_left() {
    for left_places in ["move_up", "expire"] {
        let places = format!(
            "window.day.room={{per_second=60,longest_wait='4m',patience.lognormal={{p50='3m',p90='8m'}},left_places='{left_places}'}}"
        );
        let both = both(&[&places, "segment.all.window.day.early=0.3"]);
        let room = both.forecast.windows[0].room.expect("there is a room");
        let measured = both.results.summary.windows[0].room.as_ref().expect("there is a room");
        close(room.came, measured.came as f64, 1e-9);
        close(room.admitted, measured.admitted as f64, 0.03);
        close(room.wait_seconds_max, measured.wait_ms_max as f64 / 1000.0, 0.05);
        close(both.service("web").requests, both.requests("web"), 0.03);
        close(both.service("order").requests, both.requests("order"), 0.03);
    }
}

/// Two instances have eight workers for a load of ten. At the first evaluation, after 15 s, all are busy, and twice as many are ordered,
/// which serve a minute later; at the next after that, ten busy workers of sixteen make it five.
#[test]
fn an_autoscaler_comes_after_its_lag() {
    let scaler =
        "service.order.autoscaler={target.utilisation=0.5,interval='15s',lag='60s',least=2,most=10,stabilisation='5m'}";
    let both = both(&["service.order.instances=2", scaler]);
    let order = both.service("order");
    let overload = both.span(order.overload.expect("two instances are not enough"));
    assert!((2..10).contains(&overload.start) && overload.end == 75, "{overload:?}");
    close(order.peak_offered_over_capacity.unwrap_or(0.0), 1.25, 0.01);
    near(both.rejected_share("order", 20..75), 0.2, 0.06);
    near(both.rejected_share("order", 80..600), 0.0, 0.01);
    let instances = both.results.series.reals(&series::service("order", "instances"));
    let at = |second: usize| instances[second];
    assert_eq!([at(70), at(80)], [2.0, 4.0]);
    // What is busy on average follows from the instances that stood.
    let row = both.results.services.iter().find(|row| row.service == "order").expect("it is there");
    close(row.utilisation_mean, order.utilisation_mean.unwrap_or(0.0), 0.06);
}

/// A shop in which nothing sells out or fails, with prices of all kinds, one dear product and a window of deposits.
const GOODS: &str = r#"
name = "goods"
title = "Coupons"
zone = "UTC"
seed = 7
population.shoppers = 60_000
platform.cells = 1
inventory.hold = "1h"
intensity.even.parts = [{ constant = { weight = 1 } }]
cbmg.buy.entry = "cart"
cbmg.buy.state.cart = { action = "add_to_basket", next = { order = 0.9, exit = 0.1 } }
cbmg.buy.state.order = { action = "reserve", next = { pay = 0.8, exit = 0.2 } }
cbmg.buy.state.pay = { action.pay = { declined = 0.1 }, next.exit = 1 }
cbmg.due.entry = "pay"
cbmg.due.state.pay = { action.pay = {}, next.exit = 1 }
window.day = { opens = "2020-11-11T00:00:00Z", closes = "2020-11-11T00:10:00Z" }
product.phone = { category = "dear", price = "2999 RMB", stock = 100_000, demand = 0.05 }

[segment.all]
share = 0.7
cbmg = "buy"
basket = { lines.geometric = 2.5, units.weights = [0.8, 0.2] }
window.day = { participation = 0.9, intensity = "even" }

[segment.few]
share = 0.3
cbmg = "buy"
interest.dear = 0.1
window.deposits = { participation = 0.5, intensity = "even" }
window.day = { participation = 0.5, intensity = "even" }

[window.deposits]
opens = "2020-11-10T00:00:00Z"
closes = "2020-11-10T00:10:00Z"
presale = { balances_in = "day", deposit = 0.1, conversion = 0.6, intensity = "even", cbmg = "due" }

[catalogue]
skus = 100_000
brands = 10
popularity = { head = 0, tail = 0, knee = 0.5 }

[category.dear]
skus = 0.5
demand = 0.3
price.lognormal = { p50 = "250 RMB", p90 = "700 RMB" }
stock.constant = 1000

[category.cheap]
skus = 0.5
demand = 0.7
price.uniform = { low = "10 RMB", high = "150 RMB" }
stock.constant = 1000
"#;

/// What spending limits leave out, what a coupon takes off, and what fills baskets up to it, in a run and in the forecast. The orders of a run
/// scatter by half a per cent, its money by one, what is taken off by one and a half, and the baskets of the forecast by as much.
#[test]
fn limits_and_coupons_are_reckoned_with() {
    let limits = ["all", "few"].map(|of| format!("segment.{of}.spend.lognormal={{p50='300 RMB',p90='2000 RMB'}}"));
    let with_limits = |coupon: &str| [&limits[..], &[coupon.to_owned()]].concat();
    for overrides in [
        vec![],
        vec!["coupon={off='40 RMB',every='300 RMB'}".to_owned()],
        vec!["coupon={off='300 RMB',every='300 RMB',fill_up=0.3}".to_owned()],
        limits.to_vec(),
        with_limits("coupon={off='40 RMB',every='300 RMB',fill_up=0.5}"),
    ] {
        let loaded = scenario::load_str(GOODS, "goods.toml", &overrides);
        let plan = loaded.unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan;
        let (forecast, options) = (Forecast::new(&plan), Options { simulated_cells: 1, threads: 1 });
        let results = engine::run(&plan, &options, &mut |_| ControlFlow::Continue(()));
        let results = results.unwrap_or_else(|breach| panic!("{breach}"));
        let total = &results.summary.total;
        let taken_off =
            results.ledger.iter().filter(|row| row.bucket == Bucket::Coupon).map(|row| row.money_fen).sum::<u64>();
        println!(
            "{overrides:?}: {:?} {:?} {taken_off}",
            [forecast.orders, forecast.gmv_ordered_fen, forecast.gmv_paid_fen, forecast.coupon_fen],
            total
        );
        close(forecast.orders, total.orders_created as f64, 0.02);
        close(forecast.gmv_ordered_fen, total.gmv_ordered_fen as f64, 0.03);
        close(forecast.gmv_paid_fen, total.gmv_paid_fen as f64, 0.03);
        assert_eq!(taken_off > 0, plan.coupon.is_some());
        if taken_off > 0 {
            close(forecast.coupon_fen, taken_off as f64, 0.04);
        }
        let in_windows: f64 = forecast.windows.iter().map(|window| window.orders).sum();
        close(in_windows, total.orders_created as f64, 0.02);
    }
}

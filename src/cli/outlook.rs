//! The forecast in words and tables.

use super::{machine, number, table};
use crate::clock::Clock;
use crate::forecast::{Forecast, Overload, ServiceForecast, ShortProduct, TARGET_UTILISATION, WindowForecast};
use crate::plan::Plan;
use crate::target::{Comparison, Metric, Ratio, Subject, Target};
use crate::units::Fen;

/// Most products that are expected to sell out and named.
const SHORT_SHOWN: usize = 5;

/// What a plan is expected to bring, as a few lines and two tables.
pub(super) fn text(clock: &Clock, plan: &Plan, forecast: &Forecast) -> String {
    let mut parts = vec![format!(
        "  expected     {} sessions, {} pages, {} requests, {} orders\n",
        number::count(forecast.sessions),
        number::count(forecast.visits),
        number::count(forecast.requests),
        number::count(forecast.orders),
    )];
    if plan.catalogue.is_some() {
        let coupon = if plan.coupon.is_some() {
            format!(", after {} of coupons", number::money(forecast.coupon_fen))
        } else {
            String::new()
        };
        parts.push(format!(
            "  GMV          {} ordered, {} paid{coupon}, if {}\n",
            number::money(forecast.gmv_ordered_fen),
            number::money(forecast.gmv_paid_fen),
            left_out(plan),
        ));
    }
    if let Some(cost) = plan.total_cost() {
        let (cost, open) = (number::money(cost.0 as f64), number::duration(plan.open().as_secs_f64()));
        parts.push(format!("  cost         {cost} for instances over {open} of windows\n"));
    }
    parts.push(effort(plan, forecast));
    parts.push("\n".to_owned());
    parts.push(windows(clock, forecast));
    if !plan.services.is_empty() {
        parts.push("\n".to_owned());
        parts.push(services(clock, forecast));
    }
    parts.concat()
}

/// What expected money does not reckon with.
fn left_out(plan: &Plan) -> String {
    let mut conditions = vec!["nothing fails or sells out"];
    if plan.segments.iter().any(|segment| segment.spend.is_some()) {
        conditions.push("spending limits never bind");
    }
    if !plan.livestreams.is_empty() {
        conditions.push("livestreams draw no basket to what they show");
    }
    let last = conditions.pop().unwrap_or_default();
    if conditions.is_empty() { last.to_owned() } else { format!("{} and {last}", conditions.join(", ")) }
}

/// What it takes to simulate the plan here.
fn effort(plan: &Plan, forecast: &Forecast) -> String {
    let cores = machine::cores().min(plan.cells as usize);
    let seconds = forecast.core_seconds / cores as f64;
    let plural = if cores == 1 { "" } else { "s" };
    let cell = if plan.cells > 1 {
        let seconds = forecast.core_seconds / f64::from(plan.cells);
        format!(" (--sample 1/{}: {})", plan.cells, number::duration(seconds))
    } else {
        String::new()
    };
    format!(
        "  to simulate  {} events, {}, about {} on {cores} core{plural}{cell}\n",
        number::count(forecast.events),
        number::bytes(forecast.memory_bytes),
        number::duration(seconds),
    )
}

fn windows(clock: &Clock, forecast: &Forecast) -> String {
    let rows = forecast
        .windows
        .iter()
        .map(|w| {
            [
                w.window.clone(),
                clock.day_time(w.opens_unix_ms),
                number::count(w.sessions),
                number::rate(w.peak_sessions.value),
                number::count(w.peak_in_flight.value),
                number::count(w.orders),
                number::rate(w.peak_orders.value),
                clock.time(w.peak_orders.at_unix_ms, w.opens_unix_ms),
            ]
        })
        .collect();
    let header = ["window", "opens", "sessions", "peak", "most in flight", "orders", "peak", "at"];
    table::text(header, 2, rows)
}

fn services(clock: &Clock, forecast: &Forecast) -> String {
    let rows = forecast
        .windows
        .iter()
        .flat_map(|window| window.services.iter().map(move |service| (window, service)))
        .filter(|(_, service)| service.requests > 0.0)
        .map(|(window, service)| service_row(clock, window, service))
        .collect();
    let header = ["service", "window", "workers", "peak requests", "at", "offered", "offered/capacity", "mean busy"];
    table::text(header, 2, rows)
}

fn service_row(clock: &Clock, window: &WindowForecast, service: &ServiceForecast) -> [String; 8] {
    let dash = || "–".to_owned();
    [
        service.service.clone(),
        window.window.clone(),
        service.workers.map_or_else(dash, |workers| number::count(workers as f64)),
        number::rate(service.peak_requests.value),
        clock.time(service.peak_requests.at_unix_ms, window.opens_unix_ms),
        number::count(service.peak_offered_erlangs),
        service.peak_offered_over_capacity.map_or_else(dash, |ratio| format!("{ratio:.2}")),
        service.utilisation_mean.map_or_else(dash, |mean| number::share(mean, 1.0)),
    ]
}

/// The services that cannot keep up: by window in order of time, the first of several named as such.
pub(super) fn overloads(clock: &Clock, forecast: &Forecast) -> Vec<String> {
    let mut warnings = Vec::new();
    for window in &forecast.windows {
        let mut overloaded: Vec<(Overload, &ServiceForecast)> =
            window.services.iter().filter_map(|service| Some((service.overload?, service))).collect();
        overloaded.sort_by_key(|(overload, _)| overload.from_unix_ms);
        let several = overloaded.len() > 1;
        for (index, (overload, service)) in overloaded.into_iter().enumerate() {
            let first = if several && index == 0 { "; the first to bind" } else { "" };
            let overload = overload_text(clock, window, service, overload);
            warnings.push(format!("{}: {overload}{first}{}", service.service, way_out(service)));
        }
    }
    warnings
}

fn overload_text(clock: &Clock, window: &WindowForecast, service: &ServiceForecast, overload: Overload) -> String {
    let retries = if service.attempts > 1 { " before retries" } else { "" };
    format!(
        "offered load {:.2} × capacity{retries} {}",
        service.peak_offered_over_capacity.unwrap_or(f64::INFINITY),
        span_text(clock, window, (overload.from_unix_ms, overload.until_unix_ms, overload.seconds)),
    )
}

/// A time of a window from its first to its last instant, Unix ms, with its seconds where it is broken.
pub(super) fn span_text(clock: &Clock, window: &WindowForecast, (from, until, seconds): (i64, i64, f64)) -> String {
    let span = (until - from) as f64 / 1000.0;
    let partly = if seconds < span { format!(", {} in all,", number::duration(seconds)) } else { String::new() };
    format!(
        "from {} to {}{partly} of window {}",
        clock.time(from, window.opens_unix_ms),
        clock.time(until, window.opens_unix_ms),
        window.window,
    )
}

pub(super) fn way_out(service: &ServiceForecast) -> String {
    let (Some(wanted), Some(now)) = (service.instances_suggested, service.instances) else { return String::new() };
    if service.slowed.is_some() {
        return format!("; {wanted} instances instead of {now} would not be slowed down");
    }
    format!("; {wanted} instances instead of {now} would be {:.0} % busy at the peak", TARGET_UTILISATION * 100.0)
}

/// The named products that cannot last, those that are shortest first.
pub(super) fn shortages(forecast: &Forecast) -> Vec<String> {
    let mut short: Vec<&ShortProduct> = forecast.short.iter().collect();
    short.sort_by(|a, b| (b.units_wanted * a.units_start as f64).total_cmp(&(a.units_wanted * b.units_start as f64)));
    let mut warnings: Vec<String> = short
        .iter()
        .take(SHORT_SHOWN)
        .map(|product| {
            format!(
                "{}: expected to sell out, {} units wanted and {} in stock",
                product.product,
                number::count(product.units_wanted),
                number::count(product.units_start as f64)
            )
        })
        .collect();
    if short.len() > SHORT_SHOWN {
        warnings.push(format!("{} more named products are expected to sell out", short.len() - SHORT_SHOWN));
    }
    warnings
}

/// The targets that will be missed: for certain where the plan alone decides, else as far as the forecast goes.
pub(super) fn missed(plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let warning = |target: &Target| {
        let expression = &target.expression;
        if let (Metric::Cost, Some(cost)) = (expression.metric, cost_of(plan, target.subject)) {
            let missed = !expression.passes(Ratio::whole(u128::from(cost.0)));
            return missed.then(|| format!("target {} will be missed: the cost is {cost}", target.name));
        }
        // Without failures more cannot be expected, but for shoppers who try again what had failed.
        let (value, text) = match (expression.metric, target.slice.window) {
            (Metric::Sessions, None) => (forecast.sessions, number::count(forecast.sessions)),
            (Metric::OrdersCreated, None) => (forecast.orders, number::count(forecast.orders)),
            (Metric::GmvOrdered, None) => (forecast.gmv_ordered_fen, number::money(forecast.gmv_ordered_fen)),
            (Metric::GmvPaid, None) => (forecast.gmv_paid_fen, number::money(forecast.gmv_paid_fen)),
            _ => return None,
        };
        let is_short = target.subject == Subject::Platform
            && matches!(expression.comparison, Comparison::Above | Comparison::AtLeast)
            && value < expression.bound.as_f64();
        is_short.then(|| {
            let name = &target.name;
            format!(
                "target {name} is expected to be missed: {} comes to {text} if nothing fails",
                expression.metric.phrase()
            )
        })
    };
    plan.targets.iter().filter_map(warning).collect()
}

fn cost_of(plan: &Plan, subject: Subject) -> Option<Fen> {
    match subject {
        Subject::Service(service) => plan.cost(&plan.services[service]),
        _ => plan.total_cost(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::Peak;

    const OPENS: i64 = 1_605_024_000_000;

    fn service(name: &str, from: i64, until: i64, seconds: f64, attempts: u32) -> ServiceForecast {
        let peak_requests = Peak { value: 583_000.0, at_unix_ms: OPENS + 26_000 };
        let overload = Overload { from_unix_ms: OPENS + from * 1000, until_unix_ms: OPENS + until * 1000, seconds };
        ServiceForecast {
            service: name.into(),
            instances: Some(420),
            attempts,
            workers: Some(6720),
            requests: 1e9,
            peak_requests,
            peak_offered_erlangs: 8803.2,
            peak_offered_over_capacity: Some(1.31),
            utilisation_mean: Some(0.3),
            overload: Some(overload),
            instances_suggested: Some(688),
            limited: None,
            slowed: None,
            incidents: Vec::new(),
        }
    }

    fn forecast(services: Vec<ServiceForecast>, short: Vec<ShortProduct>) -> Forecast {
        let none = Peak { value: 0.0, at_unix_ms: OPENS };
        let window = WindowForecast {
            window: "second".into(),
            opens_unix_ms: OPENS,
            closes_unix_ms: OPENS + 86_400_000,
            sessions: 0.0,
            orders: 0.0,
            peak_sessions: none,
            peak_in_flight: none,
            peak_orders: none,
            room: None,
            services,
        };
        Forecast {
            sessions: 0.0,
            visits: 0.0,
            requests: 0.0,
            orders: 0.0,
            gmv_ordered_fen: 0.0,
            gmv_paid_fen: 0.0,
            coupon_fen: 0.0,
            events: 0.0,
            memory_bytes: 0.0,
            core_seconds: 0.0,
            windows: vec![window],
            short,
        }
    }

    #[test]
    fn a_bottleneck_is_named_with_its_time_and_a_way_out() {
        let clock = Clock::new("Asia/Shanghai");
        let services = vec![service("pay", 20, 500, 480.0, 3), service("order", 4, 90_370, 366.0, 1)];
        assert_eq!(
            overloads(&clock, &forecast(services, vec![])),
            [
                "order: offered load 1.31 × capacity from 00:00:04 to 11-12 01:06:10, 6 min 6 s in all, of window second; \
                 the first to bind; 688 instances instead of 420 would be 80 % busy at the peak",
                "pay: offered load 1.31 × capacity before retries from 00:00:20 to 00:08:20 of window second; \
                 688 instances instead of 420 would be 80 % busy at the peak",
            ]
        );
    }

    #[test]
    fn the_shortest_products_are_named() {
        let product = |n: u32| ShortProduct {
            product: format!("p{n}"),
            units_wanted: f64::from(n) * 100.0,
            units_start: u64::from(n % 7),
        };
        let warnings = shortages(&forecast(vec![], (1..=7).map(product).collect()));
        assert_eq!(warnings.len(), SHORT_SHOWN + 1);
        assert!(warnings[0].starts_with("p7: expected to sell out, 700 units wanted and 0 in stock"), "{warnings:?}");
        assert_eq!(warnings[SHORT_SHOWN], "2 more named products are expected to sell out");
    }
}

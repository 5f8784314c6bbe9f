//! The forecast in words and tables.

use super::clock::Clock;
use super::{machine, number, table};
use crate::forecast::{Forecast, ServiceForecast, TARGET_UTILISATION, WindowForecast};
use crate::plan::Plan;

/// What a plan is expected to bring, as a few lines and two tables.
pub(super) fn text(plan: &Plan, forecast: &Forecast) -> String {
    let clock = Clock::new(&plan.zone);
    let mut parts = vec![format!(
        "  expected     {} sessions, {} pages, {} requests, {} orders\n",
        number::count(forecast.sessions),
        number::count(forecast.visits),
        number::count(forecast.requests),
        number::count(forecast.orders),
    )];
    if plan.catalogue.is_some() {
        parts.push(format!(
            "  GMV          {} ordered, {} paid, if nothing fails or sells out\n",
            number::money(forecast.gmv_ordered_fen),
            number::money(forecast.gmv_paid_fen),
        ));
    }
    parts.push(cost(plan, forecast));
    parts.push("\n".to_owned());
    parts.push(windows(&clock, forecast));
    if !plan.services.is_empty() {
        parts.push("\n".to_owned());
        parts.push(services(&clock, forecast));
    }
    parts.concat()
}

/// What it takes to simulate the plan here.
fn cost(plan: &Plan, forecast: &Forecast) -> String {
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

/// What will not hold: overloaded services in order of time, the first of each window as its bottleneck; then short products.
pub(super) fn warnings(plan: &Plan, forecast: &Forecast) -> Vec<String> {
    let clock = Clock::new(&plan.zone);
    let mut warnings = Vec::new();
    for window in &forecast.windows {
        let mut overloaded: Vec<_> =
            window.services.iter().filter_map(|service| Some((service.overload?, service))).collect();
        overloaded.sort_by_key(|(overload, _)| overload.from_unix_ms);
        let several = overloaded.len() > 1;
        for (index, (overload, service)) in overloaded.into_iter().enumerate() {
            let span = (overload.until_unix_ms - overload.from_unix_ms) as f64 / 1000.0;
            let partly = if overload.seconds < span {
                format!(", {} in all,", number::duration(overload.seconds))
            } else {
                String::new()
            };
            let bottleneck = if several && index == 0 { "; the first to bind" } else { "" };
            let way_out = match (service.instances_suggested, instances(plan, &service.service)) {
                (Some(wanted), Some(now)) => format!(
                    "; {wanted} instances instead of {now} would be {:.0} % busy at the peak",
                    TARGET_UTILISATION * 100.0
                ),
                _ => String::new(),
            };
            warnings.push(format!(
                "{}: offered load {:.2} × capacity from {} to {}{partly} of window {}{bottleneck}{way_out}",
                service.service,
                service.peak_offered_over_capacity.unwrap_or(f64::INFINITY),
                clock.time(overload.from_unix_ms, window.opens_unix_ms),
                clock.time(overload.until_unix_ms, window.opens_unix_ms),
                window.window,
            ));
        }
    }
    warnings.extend(forecast.short.iter().map(|product| {
        format!(
            "{}: {} units wanted, {} in stock: will sell out",
            product.product,
            number::count(product.units_wanted),
            number::count(product.units_start as f64)
        )
    }));
    warnings
}

fn instances(plan: &Plan, service: &str) -> Option<u64> {
    plan.services.iter().find(|s| s.name == service)?.pool.as_ref().map(|pool| pool.instances)
}

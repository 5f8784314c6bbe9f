//! The forecast in words and tables.

use super::{machine, number, table};
use crate::clock::Clock;
use crate::forecast::{Forecast, ServiceForecast, ShortProduct, WindowForecast};
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
        let shown = if plan.livestreams.is_empty() { "" } else { " and livestreams draw no basket to what they show" };
        parts.push(format!(
            "  GMV          {} ordered, {} paid{coupon}, if nothing fails or sells out{shown}\n",
            number::money(forecast.gmv_ordered_fen),
            number::money(forecast.gmv_paid_fen),
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

/// The named products that cannot last, those that are shortest first.
pub(super) fn shortages(short: &[ShortProduct]) -> Vec<String> {
    let mut short: Vec<&ShortProduct> = short.iter().collect();
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

    #[test]
    fn the_shortest_products_are_named() {
        let product = |n: u32| ShortProduct {
            product: format!("p{n}"),
            units_wanted: f64::from(n) * 100.0,
            units_start: u64::from(n % 7),
        };
        let warnings = shortages(&(1..=7).map(product).collect::<Vec<_>>());
        assert_eq!(warnings.len(), SHORT_SHOWN + 1);
        assert!(warnings[0].starts_with("p7: expected to sell out, 700 units wanted and 0 in stock"), "{warnings:?}");
        assert_eq!(warnings[SHORT_SHOWN], "2 more named products are expected to sell out");
    }
}

//! Services: utilisation, queue and response time, one column each, the windows laid over one another.

use super::timeline::{self, View, largest, smallest_positive};
use super::{Axis, BUCKETS, Figure, Key, Look, Panel, Pen, Row, Series, subtitle};
use crate::report::thin;
use crate::results::{Results, Saturation, series};
use std::fmt::Write as _;

/// Most services in one picture.
const MOST_SERVICES: usize = 8;

/// Most windows laid over one another.
const MOST_WINDOWS: usize = 3;

/// Microseconds in a millisecond.
const MICROS_PER_MILLI: f64 = 1000.0;

/// A row that is drawn only where there is something to see.
const INSTANCES: &str = "instances";

/// A row in which zero means that there was nothing to measure.
const RESPONSE: &str = "response_us_p99";

/// The part of a panel's width that a gap in such a row takes before its line is interrupted.
const WIDE_GAP: f64 = 0.02;

/// A row of the figure.
struct Metric {
    heading: &'static str,
    column: &'static str,
    /// Values are divided by this.
    unit: f64,
    axis: fn(&[(f64, f64)]) -> Axis,
}

const METRICS: [Metric; 4] = [
    Metric { heading: "Utilisation, %", column: "utilisation", unit: 1.0, axis: |points| Axis::share(largest(points)) },
    Metric {
        heading: "Instances, where they change",
        column: INSTANCES,
        unit: 1.0,
        axis: |points| Axis::amount(largest(points), 1.0),
    },
    Metric {
        heading: "Longest queue, requests waiting",
        column: "queue_max",
        unit: 1.0,
        axis: |points| decades(points, 1.0),
    },
    Metric {
        heading: "Response time p99, ms",
        column: RESPONSE,
        unit: MICROS_PER_MILLI,
        axis: |points| decades(points, 0.0),
    },
];

fn decades(points: &[(f64, f64)], least: f64) -> Axis {
    Axis::decades(smallest_positive(points).max(least), largest(points), 1.0, 6)
}

pub(super) fn figure(results: &Results) -> Figure {
    let services = busiest(results);
    let mut views = timeline::views(results);
    views.retain(View::played);
    let played = views.len();
    let idle = |view: &View<'_>| {
        let stays_up = |s: &Saturation| shade(s, view).is_none();
        timeline::deposits_only(results, view.window) && results.summary.saturated.iter().all(stays_up)
    };
    if !views.iter().all(idle) {
        views.retain(|view| !idle(view));
    }
    views.sort_by_key(|view| std::cmp::Reverse(view.window.total.orders_created));
    views.truncate(MOST_WINDOWS);
    views.sort_by_key(|view| view.window.opens_unix_ms);
    let span = views.iter().map(|view| view.span).fold(1.0, f64::max);
    let x = timeline::opening_axis(span);
    let changes = services.iter().any(|name| results.series.column(&series::service(name, INSTANCES)).is_some());
    let metrics = METRICS.iter().filter(|metric| changes || metric.column != INSTANCES);
    let rows = metrics.map(|metric| row(metric, results, &services, &views, &x)).collect();
    let mut saturated: Vec<&str> = results.summary.saturated.iter().map(|s| s.service.as_str()).collect();
    saturated.dedup();
    let title = match saturated.as_slice() {
        [] => "Services: all kept up".to_owned(),
        names if names.len() <= 4 => format!("Services: {} could not keep up", names.join(", ")),
        names => format!("Services: {} could not keep up", names.len()),
    };
    let mut note = "Time since the opening, logarithmic. Shaded: could not keep up.".to_owned();
    if services.len() < results.summary.services.len() {
        let _ = write!(note, " {} of {} services, the busiest.", services.len(), results.summary.services.len());
    }
    if views.len() < played {
        let _ = write!(note, " {} of {played} windows, those with the most orders.", views.len());
    }
    Figure { title, subtitle: subtitle(&results.summary), rows, note }
}

/// The services to show, in the order of the scenario: saturated ones first of all, then by utilisation.
fn busiest(results: &Results) -> Vec<&str> {
    let rank = |(i, name): (usize, &String)| {
        let saturated = results.summary.saturated.iter().any(|s| s.service == *name);
        let rows = results.services.iter().filter(|row| row.service == *name);
        (i, saturated, rows.map(|row| row.utilisation_max).fold(0.0, f64::max))
    };
    let mut ranked: Vec<_> = results.summary.services.iter().enumerate().map(rank).collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(b.2.total_cmp(&a.2)).then(a.0.cmp(&b.0)));
    ranked.truncate(MOST_SERVICES);
    ranked.sort_by_key(|&(i, _, _)| i);
    ranked.into_iter().map(|(i, _, _)| results.summary.services[i].as_str()).collect()
}

fn row(metric: &Metric, results: &Results, services: &[&str], views: &[View<'_>], x: &Axis) -> Row {
    let mut all = Vec::new();
    let mut panels = Vec::new();
    for service in services {
        let saturations: Vec<&Saturation> =
            results.summary.saturated.iter().filter(|s| s.service == *service).collect();
        let mut panel = Panel { heading: (*service).to_owned(), x: x.clone(), ..Panel::default() };
        for (i, view) in views.iter().enumerate() {
            let column = series::service(service, metric.column);
            let levels = view.levels(&column).into_iter().map(|(t, value)| (t, value / metric.unit)).collect();
            // Where nothing was answered there is no response time; it was not zero.
            let stretches = if metric.column == RESPONSE { measured(levels, x) } else { vec![levels] };
            for stretch in stretches {
                let points = thin::by_place(stretch, BUCKETS / services.len().max(1), |t| x.place(t));
                all.extend_from_slice(&points);
                panel.series.push(Series { pen: Pen::nth(i), filled: false, points });
            }
            panel.shades.extend(saturations.iter().filter_map(|s| shade(s, view)));
        }
        panels.push(panel);
    }
    if panels.is_empty() {
        let vacant = "no services in this scenario".to_owned();
        panels.push(Panel { x: x.clone(), vacant, ..Panel::default() });
    }
    let key = |(i, view): (usize, &View<'_>)| Key { pen: Pen::nth(i), look: Look::Line, text: view.heading.clone() };
    let keys = if services.is_empty() { Vec::new() } else { views.iter().enumerate().map(key).collect() };
    Row { heading: metric.heading.to_owned(), keys, weight: 1.0, y: (metric.axis)(&all), panels, labels: Vec::new() }
}

/// The levels that are not zero, in pieces where so many in a row are that a line across would lie.
fn measured(levels: Vec<(f64, f64)>, x: &Axis) -> Vec<Vec<(f64, f64)>> {
    let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    let mut missing = false;
    for level in levels {
        if level.1 <= 0.0 {
            missing = true;
            continue;
        }
        let current = pieces.len() - 1;
        let far = pieces[current].last().is_some_and(|last| x.place(level.0) - x.place(last.0) > WIDE_GAP);
        if missing && far {
            pieces.push(Vec::new());
        }
        missing = false;
        let current = pieces.len() - 1;
        pieces[current].push(level);
    }
    pieces
}

/// The part of a saturation that falls into a window, in seconds since its opening.
fn shade(saturation: &Saturation, view: &View<'_>) -> Option<(f64, f64)> {
    let from = view.since_opening(saturation.from_unix_ms).max(0.0);
    let until = view.since_opening(saturation.until_unix_ms).min(view.span);
    (from < until).then_some((from, until))
}

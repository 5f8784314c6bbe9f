//! What a planner has observed, from a CSV file: points that a fit is held against.

use super::diagnostic::{Code, Diagnostic, Diagnostics};
use super::observed::parse_csv;
use super::schema::listed;
use super::source::{MAX_CSV_BYTES, Place, Source, read_text};
use crate::plan::{Plan, WindowId};
use crate::published::{Figure, MAX_POINTS, Point};
use crate::units::{Fen, Instant, Nanos};
use std::path::Path;

/// How far off a run may be from a row; all rows count alike.
const WITHIN: f64 = 0.05;
/// By how many seconds a peak may be early or late, where no column says it.
const WITHIN_TIME: f64 = 10.0;
/// The column that does.
const WITHIN_SECONDS: &str = "within_seconds";

/// A column with values, and whether they are sums up to the time of the row, rates from it to the next, or a peak at it.
const COLUMNS: [(&str, Kind); 4] = [
    ("gmv_paid_rmb", Kind::Gmv),
    ("gmv_paid_rmb_per_second", Kind::GmvRate),
    ("orders_per_second", Kind::OrderRate),
    ("peak_orders_per_second", Kind::Peak),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gmv,
    GmvRate,
    OrderRate,
    Peak,
}

/// What a file of points says.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The points.
    pub points: Vec<Point>,
    /// Rows with a value of zero, which are none of them.
    pub zeros: usize,
}

/// Reads points from a CSV file with the columns `seconds` (since the first opening) or `time` (RFC 3339), and one of
/// `gmv_paid_rmb` (since the first opening), `gmv_paid_rmb_per_second` and `orders_per_second` (from this row to the next; the
/// last row only ends that before it), `peak_orders_per_second` (most orders of a second in the window that it lies in, and when that
/// was, to which a run may come as close as `within_seconds`, 10 where there is no such column, says). Values of zero are left out:
/// nothing is a relative error away from them.
///
/// # Errors
/// What is wrong with it.
pub fn points(path: &Path, plan: &Plan) -> Result<Observed, Diagnostics> {
    let mut found = Diagnostics::default();
    let text = match read_text(path, MAX_CSV_BYTES) {
        Ok(text) => text,
        Err(problem) => return Err(only(found, problem)),
    };
    let source = found.sources.add(Source::from_path(path, text));
    let text = &found.sources.get(source).text;
    let header = text.lines().next().unwrap_or_default();
    let named = |name: &str| header.split(',').any(|column| column.trim().trim_matches('"') == name);
    let (column, kind) = match value_column(named) {
        Ok(column) => column,
        Err(problem) => {
            return Err(only(found, problem.at(Place { source, range: 0..usize::MAX }, "the header of the file")));
        }
    };
    let tolerance = if named(WITHIN_SECONDS) { WITHIN_SECONDS } else { column };
    let (mut table, rows) = match parse_csv(text, source, ["seconds", column, tolerance], Some(plan.origin_unix_ms)) {
        Ok(read) => read,
        Err(problems) => {
            for problem in problems {
                found.push(problem);
            }
            return Err(found);
        }
    };
    if tolerance == column {
        for row in &mut table {
            row[2] = WITHIN_TIME;
        }
    }
    let (mut before, mut peak_in) = (-1.0, None);
    for (index, [seconds, value, within]) in table.iter().enumerate() {
        let window = (kind == Kind::Peak).then(|| window_at(plan, *seconds));
        let label = if !(0.0..=plan.horizon.as_secs_f64()).contains(seconds) {
            "before the first opening or after the last closing"
        } else if *seconds <= before {
            "does not come after the row before"
        } else if *value < 0.0 || *value > 1e14 {
            "a value out of range"
        } else if !(0.001..=1e9).contains(within) {
            "a time within which nothing can be"
        } else if window.is_some() && window == peak_in {
            "a second peak of the same window"
        } else {
            (before, peak_in) = (*seconds, window);
            continue;
        };
        found.push(Diagnostic::new(Code::BadCsv, "a point is out of line").at(rows.place(index), label));
    }
    let Observed { points, zeros } = made(&table, kind, plan);
    if !found.has_errors() && (points.is_empty() || points.len() > MAX_POINTS) {
        let count = points.len();
        let wrong = Diagnostic::new(Code::TooMany, format!("a fit takes 1 to {MAX_POINTS} points, these are {count}"));
        return Err(only(found, wrong.help("thin the file out, or take means over longer stretches")));
    }
    if found.has_errors() { Err(found) } else { Ok(Observed { points, zeros }) }
}

/// The one column with values.
fn value_column(named: impl Fn(&str) -> bool) -> Result<(&'static str, Kind), Diagnostic> {
    let mut there = COLUMNS.into_iter().filter(|(name, _)| named(name));
    match (there.next(), there.next()) {
        (Some(column), None) => Ok(column),
        (Some((one, _)), Some((other, _))) => {
            let two = Diagnostic::new(Code::BadCsv, format!("two columns with values, `{one}` and `{other}`"));
            Err(two.help("write a file for each of them, and give --points for each"))
        }
        _ => Err(Diagnostic::new(Code::BadCsv, "no column with values")
            .help(format!("name one of the columns {}", listed(COLUMNS.map(|(name, _)| name))))),
    }
}

fn only(mut found: Diagnostics, problem: Diagnostic) -> Diagnostics {
    found.push(problem);
    found
}

/// The window that a moment belongs to: the last one that has opened.
fn window_at(plan: &Plan, seconds: f64) -> WindowId {
    let at = instant(seconds);
    plan.windows.iter().rposition(|window| window.opens <= at).unwrap_or(0)
}

fn instant(seconds: f64) -> Instant {
    Instant(Nanos::from_secs_f64(seconds).0)
}

fn made(table: &[[f64; 3]], kind: Kind, plan: &Plan) -> Observed {
    let mut observed = Observed { points: Vec::new(), zeros: 0 };
    for (index, &[seconds, value, within]) in table.iter().enumerate() {
        let next = table.get(index + 1).map(|next| instant(next[0]));
        let figure = match (kind, next) {
            (Kind::GmvRate | Kind::OrderRate, None) => continue,
            (kind, _) if value == 0.0 || kind == Kind::Gmv && value < 0.005 => {
                observed.zeros += 1;
                continue;
            }
            (Kind::Gmv, _) => Figure::GmvPaid(Fen((value * 100.0).round() as u64)),
            (Kind::GmvRate, Some(until)) => Figure::GmvRate(value * 100.0, until),
            (Kind::OrderRate, Some(until)) => Figure::OrderRate(value, until),
            (Kind::Peak, _) => Figure::PeakOrders(value),
        };
        let name = format!("row {}", index + 1);
        let is_peak = kind == Kind::Peak;
        observed.points.push(Point {
            name: if is_peak { "peak".to_owned() } else { name },
            figure,
            window: is_peak.then(|| window_at(plan, seconds)),
            at: Some(instant(seconds)),
            within: WITHIN,
            within_time: is_peak.then(|| Nanos::from_secs_f64(within)),
            source: None,
        });
    }
    observed
}

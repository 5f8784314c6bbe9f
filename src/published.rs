//! Published figures of a festival, and how far a run is from them; and the parameters that a fit to them may choose.

use crate::plan::WindowId;
use crate::results::{PublishedFigure, PublishedResult, Summary, Table, WindowSummary, series};
use crate::units::{Fen, Instant, Nanos};
use serde_json::Value;

/// Most published figures of a plan, and most rows of a file of points.
pub const MAX_POINTS: usize = 2000;
/// Index of 100 million RMB among the marks of brands.
const MARK: usize = 2;
/// Most free parameters of a plan.
pub const MAX_FREE: usize = 50;

/// A figure that a run is held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Name in the scenario.
    pub name: String,
    /// What was published.
    pub figure: Figure,
    /// The window that it is about; `None`: the whole run.
    pub window: Option<WindowId>,
    /// When: for sums the instant up to which they go, for rates the start of their stretch, for peaks when it was, if published.
    pub at: Option<Instant>,
    /// How far off a run may be, relative to the figure.
    pub within: f64,
    /// By how much its peak may be earlier or later, where a fit is to meet the time of a peak too; positive, and only with `at`.
    pub within_time: Option<Nanos>,
    /// Where it was published.
    pub source: Option<String>,
}

/// A published value; positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// GMV paid since the start of the run.
    GmvPaid(Fen),
    /// Most orders created in one recorded row, a second.
    PeakOrders(f64),
    /// Brands that have been paid 100 million RMB since the start of the run.
    Brands(u32),
    /// Mean of the GMV paid a second up to an instant, fen.
    GmvRate(f64, Instant),
    /// Mean of the orders created a second up to an instant.
    OrderRate(f64, Instant),
}

impl Figure {
    /// Its kind and its value in the unit of that kind.
    #[must_use]
    pub fn published(self) -> (PublishedFigure, f64) {
        match self {
            Figure::GmvPaid(fen) => (PublishedFigure::GmvPaidFen, fen.0 as f64),
            Figure::PeakOrders(rate) => (PublishedFigure::PeakOrdersPerSecond, rate),
            Figure::Brands(brands) => (PublishedFigure::BrandsPast100m, f64::from(brands)),
            Figure::GmvRate(rate, _) => (PublishedFigure::GmvPaidFenPerSecond, rate),
            Figure::OrderRate(rate, _) => (PublishedFigure::OrdersPerSecond, rate),
        }
    }
}

/// A value of the scenario that a fit may choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Free {
    /// Name in the scenario.
    pub name: String,
    /// Where the value stands, as it was written; no other free parameter stands there.
    pub path: String,
    /// What kind of value it is.
    pub unit: FreeUnit,
    /// Its value in the scenario, in the unit; between `low` and `high`.
    pub value: f64,
    /// The least that it may be.
    pub low: f64,
    /// The most that it may be; above `low`.
    pub high: f64,
    /// Whether the search steps by ratios; `low` is then positive.
    pub by_ratios: bool,
}

impl Free {
    /// A value as the scenario writes it. An end of the range is what it is: rounded, it might lie outside.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        let is_end = value == self.low || value == self.high;
        match self.unit {
            FreeUnit::Number if is_end => format!("{value}"),
            FreeUnit::Time if is_end => format!("\"{}\"", Nanos::from_secs_f64(value)),
            unit => unit.text(value),
        }
    }
}

/// What kind of value a free parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreeUnit {
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// A duration, s.
    Time,
    /// Money, fen.
    Money,
}

impl FreeUnit {
    /// A value as the scenario writes it, rounded to what a person would write; the inverse of [`FreeUnit::read`].
    #[must_use]
    pub fn text(self, value: f64) -> String {
        match self {
            FreeUnit::Number => format!("{}", five_digits(value)),
            FreeUnit::Integer => format!("{value:.0}"),
            FreeUnit::Time => format!("\"{}\"", Nanos::from_secs_f64(self.rounded(value))),
            FreeUnit::Money => format!("\"{}\"", Fen(value.round() as u64)),
        }
    }

    /// The value that [`FreeUnit::text`] writes.
    #[must_use]
    pub fn rounded(self, value: f64) -> f64 {
        match self {
            FreeUnit::Number => five_digits(value),
            FreeUnit::Integer | FreeUnit::Money => value.round(),
            FreeUnit::Time if value >= 100.0 => (value * 10.0).round() / 10.0,
            FreeUnit::Time => (value * 1e3).round() / 1e3,
        }
    }

    /// A value of the scenario, as JSON has it, in this unit; `None` where it is of another kind.
    #[must_use]
    pub fn read(value: &Value) -> Option<(Self, f64)> {
        match value {
            Value::Number(number) if number.is_f64() => Some((FreeUnit::Number, number.as_f64()?)),
            Value::Number(number) => Some((FreeUnit::Integer, number.as_f64()?)),
            Value::String(text) => match (text.parse::<Nanos>(), text.parse::<Fen>()) {
                (Ok(time), _) => Some((FreeUnit::Time, time.as_secs_f64())),
                (_, Ok(fen)) => Some((FreeUnit::Money, fen.0 as f64)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The nearest number of five digits.
fn five_digits(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

/// What was measured of a point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Measured {
    value: Option<f64>,
    at_unix_ms: Option<i64>,
}

/// Measures every point on the windows and the series of a run that was played until an instant; `unix_ms` turns instants of the
/// plan into clock time.
#[must_use]
pub fn measure(
    points: &[Point],
    windows: &[WindowSummary],
    table: &Table,
    until_unix_ms: i64,
    unix_ms: impl Fn(Instant) -> i64,
) -> Vec<PublishedResult> {
    let run = Record { windows, table, until_unix_ms };
    points
        .iter()
        .map(|point| {
            let at = point.at.map(&unix_ms);
            let (figure, published) = point.figure.published();
            let measured = match point.figure {
                Figure::GmvPaid(_) => run.gmv(at),
                Figure::PeakOrders(_) => run.peak(point.window),
                Figure::Brands(_) => run.brands(at),
                Figure::GmvRate(_, until) => run.mean(series::GMV_PAID, at, unix_ms(until)),
                Figure::OrderRate(_, until) => run.mean(series::ORDERS, at, unix_ms(until)),
            };
            PublishedResult {
                name: point.name.clone(),
                figure,
                window: point.window.and_then(|window| Some(windows.get(window)?.name.clone())),
                at_unix_ms: at,
                published,
                simulated: measured.value,
                simulated_at_unix_ms: measured.at_unix_ms,
                error: measured.value.map(|value| value / published - 1.0),
                within: point.within,
                within_time_s: point.within_time.map(Nanos::as_secs_f64),
                source: point.source.clone(),
            }
        })
        .collect()
}

/// The same on results that are complete.
#[must_use]
pub fn measure_results(points: &[Point], summary: &Summary, table: &Table, origin: i64) -> Vec<PublishedResult> {
    let unix_ms = |at: Instant| origin + (at.0 / 1_000_000) as i64;
    measure(points, &summary.windows, table, summary.simulated_until_unix_ms, unix_ms)
}

/// What points are measured on.
struct Record<'a> {
    windows: &'a [WindowSummary],
    table: &'a Table,
    until_unix_ms: i64,
}

impl Record<'_> {
    fn gmv(&self, at: Option<i64>) -> Measured {
        let Some(at) = at.filter(|&at| at <= self.until_unix_ms) else { return Measured::default() };
        Measured { value: Some(self.sum(series::GMV_PAID, at) as f64), at_unix_ms: Some(at) }
    }

    /// What the last row says that had ended by then.
    fn brands(&self, at: Option<i64>) -> Measured {
        let Some(at) = at.filter(|&at| at <= self.until_unix_ms) else { return Measured::default() };
        let (time, seconds) = (self.table.integers(series::TIME), self.table.integers(series::SECONDS));
        let ended = time.iter().zip(seconds).take_while(|(start, seconds)| *start + *seconds * 1000 <= at).count();
        let known = self.table.integers(series::BRANDS_PAST[MARK]);
        let brands = ended.checked_sub(1).and_then(|row| known.get(row)).copied().unwrap_or_default();
        Measured { value: Some(brands as f64), at_unix_ms: Some(at) }
    }

    fn mean(&self, column: &str, from: Option<i64>, until: i64) -> Measured {
        let Some(from) = from.filter(|&from| from < until && until <= self.until_unix_ms) else {
            return Measured::default();
        };
        let sum = self.sum(column, until) - self.sum(column, from);
        Measured { value: Some(sum as f64 / ((until - from) as f64 / 1000.0)), at_unix_ms: Some(from) }
    }

    /// Sum of a column up to a moment, as if a row went by evenly.
    fn sum(&self, column: &str, until: i64) -> i128 {
        let (time, seconds) = (self.table.integers(series::TIME), self.table.integers(series::SECONDS));
        let rows = time.iter().zip(seconds).zip(self.table.integers(column));
        rows.take_while(|((start, _), _)| **start < until)
            .map(|((&start, &seconds), &value)| {
                let (length, passed) = (i128::from(seconds.max(1)) * 1000, i128::from(until - start));
                if passed >= length { i128::from(value) } else { i128::from(value) * passed / length }
            })
            .sum()
    }

    /// The highest peak of the window or of all of them, and when it was. What an interrupted run has not played is not there.
    fn peak(&self, window: Option<WindowId>) -> Measured {
        let of = |(index, _): &(usize, &WindowSummary)| window.is_none_or(|window| window == *index);
        let windows = self.windows.iter().enumerate().filter(of);
        // The first of equals: `max_by` returns the last.
        let highest =
            windows.rev().max_by(|(_, a), (_, b)| a.peak_orders_per_second.total_cmp(&b.peak_orders_per_second));
        let Some((_, highest)) = highest.filter(|(_, w)| w.peak_orders_unix_ms.is_some()) else {
            return Measured::default();
        };
        Measured { value: Some(highest.peak_orders_per_second), at_unix_ms: highest.peak_orders_unix_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_a_scenario_are_read_and_written_alike() {
        for (json, unit, value, text) in [
            (json!(0.05), FreeUnit::Number, 0.05, "0.05"),
            (json!(7), FreeUnit::Integer, 7.0, "7"),
            (json!("1m 30s"), FreeUnit::Time, 90.0, "\"1m 30s\""),
            (json!("199 RMB"), FreeUnit::Money, 19_900.0, "\"199.00 RMB\""),
        ] {
            assert_eq!(FreeUnit::read(&json), Some((unit, value)));
            assert_eq!(unit.text(value), text);
        }
        assert_eq!(FreeUnit::read(&json!("beauty")), None);
        assert_eq!(FreeUnit::Number.text(0.123_456_78), "0.12346");
    }

    #[test]
    fn the_ends_of_a_range_are_not_rounded_out_of_it() {
        let free = |unit, low, high| Free {
            name: "x".into(),
            path: "x".into(),
            unit,
            value: low,
            low,
            high,
            by_ratios: false,
        };
        let number = free(FreeUnit::Number, 0.123_456_78, 0.5);
        assert_eq!([0.123_456_78, 0.234_567_89].map(|value| number.text(value)), ["0.12345678", "0.23457"]);
        let time = free(FreeUnit::Time, 0.5, 150.04);
        assert_eq!([0.5, 150.04, 149.96].map(|value| time.text(value)), ["\"500ms\"", "\"2m 30s 40ms\"", "\"2m 30s\""]);
    }

    fn summary(peak: f64) -> WindowSummary {
        WindowSummary {
            name: "day".into(),
            opens_unix_ms: 0,
            closes_unix_ms: 70_000,
            total: crate::results::Totals::default(),
            peak_orders_per_second: peak,
            peak_orders_unix_ms: Some(0),
            peak_payments_per_second: 0.0,
            room: None,
        }
    }

    #[test]
    fn sums_go_by_evenly_within_a_row_and_end_with_the_run() {
        let column = |name: &str, values: [i64; 2]| crate::results::Column {
            name: name.into(),
            values: crate::results::Values::Integer(values.to_vec()),
        };
        let columns = vec![
            column(series::TIME, [0, 10_000]),
            column(series::SECONDS, [10, 60]),
            column(series::GMV_PAID, [100, 600]),
            column(series::ORDERS, [10, 0]),
        ];
        let point = |figure, at| Point {
            name: "point".into(),
            figure,
            window: None,
            at: Some(Instant(at * Nanos::PER_SECOND)),
            within: 0.05,
            within_time: None,
            source: None,
        };
        let until = Instant(5 * Nanos::PER_SECOND);
        let points = [
            point(Figure::GmvPaid(Fen(200)), 20),
            point(Figure::GmvPaid(Fen(700)), 70),
            point(Figure::GmvPaid(Fen(700)), 71),
            point(Figure::OrderRate(2.0, until), 0),
            point(Figure::PeakOrders(4.0), 3),
        ];
        let windows = [summary(1.0), summary(3.0)];
        let found = measure(&points, &windows, &Table { columns }, 70_000, |at| (at.0 / 1_000_000) as i64);
        let errors: Vec<Option<f64>> = found.iter().map(|result| result.error).collect();
        assert_eq!(errors, [Some(0.0), Some(0.0), None, Some(-0.5), Some(-0.25)]);
    }
}

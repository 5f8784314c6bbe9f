//! The curves of the page as compact JSON: thinned by lowest and highest value, rounded, and bounded in size.

use crate::engine::brands::MARKS;
use crate::number::{FEN_PER_RMB, money};
use crate::report::figure;
use crate::results::{Bucket, LivestreamRow, PublishedFigure, PublishedResult, Results, Values, WindowSummary, series};
use serde::Serialize;
use serde_json::{Number, Value};
use std::ops::Range;

/// Values that a page holds at most, over all curves and windows; about seven bytes each.
const MOST_VALUES: usize = 50_000;

/// Rows after an opening that are kept one by one.
const MOST_WHOLE: usize = 240;

/// What the script of the page reads.
#[derive(Serialize)]
struct Data<'a> {
    zone: &'a str,
    colours: Vec<String>,
    windows: Vec<Window<'a>>,
}

#[derive(Serialize)]
struct Window<'a> {
    name: &'a str,
    /// Unix time, s.
    opens: f64,
    until: f64,
    /// Seconds since the opening.
    times: Vec<Value>,
    charts: Vec<Chart>,
}

#[derive(Serialize)]
struct Chart {
    title: &'static str,
    unit: &'static str,
    /// Lower end of a logarithmic axis; absent: a linear axis from zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<f64>,
    /// Upper end of the axis, where it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    top: Option<f64>,
    series: Vec<Line>,
    /// What was published of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    published: Vec<Point>,
}

impl Chart {
    /// Whether there is more in it than lines along its axis.
    fn shows_something(&self) -> bool {
        let amount = |value: &Value| value.as_f64().is_some_and(|value| value != 0.0);
        !self.published.is_empty() || self.series.iter().any(|line| line.values.iter().any(amount))
    }
}

/// A published figure.
#[derive(Serialize)]
struct Point {
    /// Seconds since the opening, and how much.
    at: (f64, f64),
    /// The same of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulated: Option<(f64, f64)>,
    /// The error in words.
    text: String,
    /// Colour of its dot.
    colour: String,
    /// Whether the run is off by more than the scenario allows.
    off: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    values: Vec<Value>,
}

/// What becomes of a column before it is shown.
#[derive(Clone, Copy)]
enum Take {
    /// Its value.
    Level,
    /// Its value; zero means that there was nothing to measure.
    Measured,
    /// Its value per second.
    Rate,
    /// Its sum from the start of the run.
    Sum,
}

/// A curve before it is thinned.
struct Source {
    name: String,
    column: String,
    take: Take,
    /// Values are divided by this.
    unit: f64,
}

/// A chart before its curves are thinned.
struct Plan {
    title: &'static str,
    unit: &'static str,
    log: Option<f64>,
    top: Option<f64>,
    sources: Vec<Source>,
    /// What may be published of it.
    published: &'static [PublishedFigure],
}

/// The data of the page, safe inside a script element.
pub(super) fn json(results: &Results) -> String {
    let plans = plans(results);
    let curves: usize = plans.iter().map(|plan| plan.sources.len()).sum::<usize>() + 1;
    let windows = &results.summary.windows;
    let points = (MOST_VALUES / (curves * windows.len().max(1))).clamp(40, 1200);
    let windows = (0..windows.len()).map(|i| window(results, i, &plans, points)).collect();
    let data = Data { zone: &results.summary.zone, colours: colours(), windows };
    let text = serde_json::to_string(&data).expect("the data of a page is plain JSON");
    // Names come from the user: no character may end the script element or begin a comment in it.
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

fn colours() -> Vec<String> {
    (0..7).map(|i| hex(figure::Pen::solid(i))).collect()
}

fn hex(pen: figure::Pen) -> String {
    let (r, g, b) = pen.colour;
    format!("#{r:02x}{g:02x}{b:02x}")
}

fn source(name: &str, column: impl Into<String>, take: Take, unit: f64) -> Source {
    Source { name: name.to_owned(), column: column.into(), take, unit }
}

fn plans(results: &Results) -> Vec<Plan> {
    let summary = &results.summary;
    let pair =
        |take, (first, one), (second, two), unit| vec![source(first, one, take, unit), source(second, two, take, unit)];
    let gmv = |take| pair(take, ("paid", series::GMV_PAID), ("ordered", series::GMV_ORDERED), FEN_PER_RMB);
    let orders = pair(Take::Rate, ("created", series::ORDERS), ("paid", series::PAYMENTS), 1.0);
    let presales = pair(Take::Sum, ("balances", series::BALANCES_FEN), ("deposits", series::DEPOSITS_FEN), FEN_PER_RMB);
    let presale_rates = pair(Take::Rate, ("deposits", series::DEPOSITS), ("balances", series::BALANCES), 1.0);
    let lost = Bucket::ALL.into_iter().filter(|bucket| bucket.is_lost());
    let lost = lost.map(|bucket| source(figure::plain(bucket), series::bucket(bucket), Take::Sum, FEN_PER_RMB));
    let stock = |name: &String| source(name, series::category(name, "units_left"), Take::Level, 1.0);
    let of_category = |name: &String| source(name, series::category(name, "gmv_paid_fen"), Take::Sum, FEN_PER_RMB);
    let channels = || {
        let mut names: Vec<&String> = results.channels.iter().map(|row| &row.channel).collect();
        names.dedup();
        names.into_iter().map(|name| source(name, series::channel(name, "orders_created"), Take::Rate, 1.0)).collect()
    };
    let of_livestream = |row: &LivestreamRow| {
        source(&row.livestream, series::livestream(&row.livestream, "orders_created"), Take::Rate, 1.0)
    };
    let named = |name: &String| source(name, series::product_left(name), Take::Level, 1.0);
    let of_services = |what: &'static str, take, unit: f64| -> Vec<Source> {
        summary.services.iter().map(|name| source(name, series::service(name, what), take, unit)).collect()
    };
    let services = |what, unit| of_services(what, Take::Level, unit);
    let response = of_services("response_us_p99", Take::Measured, 1000.0);
    let brands = |mark: usize| source(&money(MARKS[mark].0 as f64), series::BRANDS_PAST[mark], Take::Level, 1.0);
    let plan = |title, unit, sources| Plan { title, unit, log: None, top: None, sources, published: &[] };
    let mut plans = vec![
        Plan { published: &[PublishedFigure::GmvPaidFen], ..plan("GMV since the start", "RMB", gmv(Take::Sum)) },
        Plan { published: &[PublishedFigure::GmvPaidFenPerSecond], ..plan("GMV per second", "RMB/s", gmv(Take::Rate)) },
        plan("Paid in presales since the start", "RMB", presales),
        Plan { log: Some(1.0), ..plan("Deposits and balances per second", "orders/s", presale_rates) },
        Plan {
            published: &[PublishedFigure::PeakOrdersPerSecond, PublishedFigure::OrdersPerSecond],
            ..plan("Orders per second", "", orders)
        },
        Plan {
            log: Some(1.0),
            published: &[PublishedFigure::BrandsPast100m],
            ..plan("Brands past a sum, paid", "brands", (0..MARKS.len()).map(brands).collect())
        },
        plan("Paid since the start, by category", "RMB", summary.categories.iter().map(of_category).collect()),
        plan("Orders per second by channel", "", channels()),
        plan("Orders per second that livestreams brought", "", results.livestreams.iter().map(of_livestream).collect()),
        plan("Lost since the start, by cause", "RMB", lost.collect()),
        plan("Units left by category", "units", summary.categories.iter().map(stock).collect()),
        plan("Units left of named products", "units", summary.products.iter().map(named).collect()),
        Plan { top: Some(105.0), ..plan("Utilisation", "%", services("utilisation", 0.01)) },
        plan("Instances", "", services("instances", 1.0)),
        Plan { log: Some(1.0), ..plan("Longest queue", "requests waiting", services("queue_max", 1.0)) },
        Plan { log: Some(0.1), ..plan("Response time p99", "ms", response) },
    ];
    for plan in &mut plans {
        plan.sources.retain(|source| results.series.column(&source.column).is_some_and(any));
    }
    plans.retain(|plan| !plan.sources.is_empty());
    plans
}

/// Whether a column has anything to show; a cause that lost nothing needs no line.
fn any(values: &Values) -> bool {
    match values {
        Values::Integer(values) => values.iter().any(|&v| v != 0),
        Values::Real(values) => values.iter().any(|&v| v != 0.0),
    }
}

fn window<'a>(results: &'a Results, index: usize, plans: &[Plan], points: usize) -> Window<'a> {
    let WindowSummary { name, opens_unix_ms, .. } = &results.summary.windows[index];
    let (rows, until) = figure::extent(results, index);
    let extent = (*opens_unix_ms, until);
    let time = results.series.integers(series::TIME);
    let buckets = buckets(rows, points);
    let since = |row: usize| Value::from(time[row].saturating_sub(*opens_unix_ms) / 1000);
    let times = buckets
        .iter()
        .flat_map(|b| if b.len() == 1 { vec![since(b.start)] } else { vec![since(b.start), since(b.end - 1)] });
    let line = |source: &Source| Line { name: source.name.clone(), values: thinned(&curve(results, source), &buckets) };
    let chart = |plan: &Plan| Chart {
        title: plan.title,
        unit: plan.unit,
        log: plan.log,
        top: plan.top,
        series: plan.sources.iter().map(line).collect(),
        published: points_of(plan, &results.summary.published, extent),
    };
    Window {
        name,
        opens: *opens_unix_ms as f64 / 1000.0,
        until: until as f64 / 1000.0,
        times: times.collect(),
        charts: plans.iter().map(chart).filter(Chart::shows_something).collect(),
    }
}

/// Published figures of a chart that lie between two moments, Unix ms. A peak whose time was not published stands at that of the run.
fn points_of(plan: &Plan, published: &[PublishedResult], (from, until): (i64, i64)) -> Vec<Point> {
    let unit = plan.sources.first().map_or(1.0, |source| source.unit);
    let since = |moment: i64| moment.saturating_sub(from) as f64 / 1000.0;
    let point = |figure: &PublishedResult| {
        let when = figure.at_unix_ms.or(figure.simulated_at_unix_ms)?;
        let simulated = figure.simulated.zip(figure.simulated_at_unix_ms.or(Some(when)));
        let standing = figure::Standing::of(figure);
        (from..=until).contains(&when).then(|| Point {
            at: (since(when), figure.published / unit),
            simulated: simulated.map(|(value, moment)| (since(moment), value / unit)),
            text: figure::words(figure),
            colour: hex(standing.pen()),
            off: standing == figure::Standing::Off,
        })
    };
    published.iter().filter(|figure| plan.published.contains(&figure.figure)).filter_map(point).collect()
}

/// Rows after the opening one by one, the rest in buckets of two points each.
fn buckets(rows: Range<usize>, points: usize) -> Vec<Range<usize>> {
    let whole = rows.len().min(MOST_WHOLE).min(points / 3);
    let mut buckets: Vec<Range<usize>> = (rows.start..rows.start + whole).map(|row| row..row + 1).collect();
    let size = (rows.len() - whole).div_ceil(((points - whole) / 2).max(1)).max(1);
    let mut start = rows.start + whole;
    while start < rows.end {
        buckets.push(start..(start + size).min(rows.end));
        start += size;
    }
    buckets
}

/// All values of a curve.
fn curve(results: &Results, source: &Source) -> Vec<f64> {
    let seconds = results.series.integers(series::SECONDS);
    let mut sum = 0i128;
    let mut shown = |(row, &value): (usize, &i64)| match source.take {
        // The least of all in the order in which a bucket's lowest and highest are found.
        Take::Measured if value == 0 => -f64::NAN,
        Take::Level | Take::Measured => value as f64,
        Take::Rate => value as f64 / seconds.get(row).map_or(1.0, |&s| s.max(1) as f64),
        Take::Sum => {
            sum += i128::from(value);
            sum as f64
        }
    };
    match results.series.column(&source.column) {
        Some(Values::Integer(values)) => values.iter().enumerate().map(|cell| shown(cell) / source.unit).collect(),
        Some(Values::Real(values)) => values.iter().map(|value| value / source.unit).collect(),
        None => Vec::new(),
    }
}

/// The lowest and the highest value of each bucket, in order of time; a bucket of one row is that row.
fn thinned(curve: &[f64], buckets: &[Range<usize>]) -> Vec<Value> {
    let mut values = Vec::with_capacity(buckets.len() * 2);
    for bucket in buckets {
        let rows = curve.get(bucket.clone()).unwrap_or_default();
        let lowest = (0..rows.len()).min_by(|&a, &b| rows[a].total_cmp(&rows[b])).unwrap_or(0);
        let highest = (0..rows.len()).max_by(|&a, &b| rows[a].total_cmp(&rows[b])).unwrap_or(0);
        let pair = [lowest.min(highest), lowest.max(highest)];
        let kept = if bucket.len() == 1 { &pair[..1] } else { &pair[..] };
        values.extend(kept.iter().map(|&row| rows.get(row).map_or(Value::Null, |&v| rounded(v))));
    }
    values
}

/// Four significant digits; whole numbers without a point.
fn rounded(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value == 0.0 {
        return Value::from(0);
    }
    let scale = 10f64.powi(3 - value.abs().log10().floor() as i32);
    let near = (value * scale).round() / scale;
    if near.fract() == 0.0 && near.abs() < 1e15 {
        return Value::from(near as i64);
    }
    Number::from_f64(near).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_cover_every_row_once_and_keep_to_their_number() {
        for (rows, points) in [(0, 40), (1, 40), (39, 40), (5000, 40), (100_000, 1200)] {
            let buckets = buckets(7..7 + rows, points);
            assert!(buckets.iter().map(Range::len).sum::<usize>() == rows);
            assert!(buckets.windows(2).all(|pair| pair[0].end == pair[1].start));
            let kept: usize = buckets.iter().map(|b| b.len().min(2)).sum();
            assert!(kept <= points + 1, "{rows} rows: {kept}");
        }
    }

    #[test]
    fn a_spike_survives_thinning_and_rounding() {
        let mut curve = vec![1.0; 1000];
        curve[777] = 583_012.0;
        let values = thinned(&curve, &buckets(0..1000, 60));
        assert!(values.contains(&Value::from(583_000)));
        assert_eq!(rounded(0.123_456).to_string(), "0.1235");
        assert_eq!(rounded(f64::NAN), Value::Null);
    }
}

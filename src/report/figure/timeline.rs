//! Windows as panels: which rows of the series belong to one, and its time axis.

use super::{Axis, BUCKETS, MOST_PANELS, Scale, Tick};
use crate::clock::{self, Clock};
use crate::report::thin;
use crate::results::{PresaleSummary, Results, WindowSummary, series};
use std::ops::Range;

/// Seconds of the first hour.
pub(super) const HOUR: f64 = 3600.0;

/// Width that a panel's row has for tick labels, in labels.
const TICK_ROOM: usize = 13;

/// The same in days of the month, which are shorter.
const DAY_ROOM: usize = 36;

/// Most panels side by side that have room for more than the shortest words.
const MOST_BROAD: usize = 3;

/// A day, s.
const DAY: f64 = 86_400.0;

/// Distances between clock times on an even axis, s.
const STEPS: [f64; 11] = [60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0];

/// A window of the festival and the rows of the series from its opening on.
pub(super) struct View<'a> {
    pub(super) window: &'a WindowSummary,
    /// What is written above its panel.
    pub(super) heading: String,
    /// From opening to closing, s.
    pub(super) span: f64,
    results: &'a Results,
    rows: Range<usize>,
    /// How many views share the width of the picture.
    panels: usize,
}

/// The windows to show, in order of time: all, or those with the largest GMV where there are too many.
pub(super) fn views(results: &Results) -> Vec<View<'_>> {
    chosen(results, |_| true)
}

/// The windows in which orders are created: all but those in which only deposits are paid.
pub(super) fn sales(results: &Results) -> Vec<View<'_>> {
    chosen(results, |window| !deposits_only(results, window))
}

/// The windows that are something to a presale.
pub(super) fn presales(results: &Results, is: impl Fn(&PresaleSummary, &str) -> bool) -> Vec<View<'_>> {
    chosen(results, |window| results.summary.presales.iter().any(|presale| is(presale, &window.name)))
}

/// Whether deposits are paid in a window and nothing is ordered.
pub(super) fn deposits_only(results: &Results, window: &WindowSummary) -> bool {
    window.total.orders_created == 0 && results.summary.presales.iter().any(|presale| presale.window == window.name)
}

/// A sentence about windows that [`sales`] leaves out; empty where there is none.
pub(super) fn without_deposits(results: &Results) -> &'static str {
    let left_out = results.summary.windows.iter().any(|window| deposits_only(results, window));
    if left_out { " Windows in which only deposits are paid: see the picture of the presales." } else { "" }
}

fn chosen(results: &Results, shown: impl Fn(&WindowSummary) -> bool) -> Vec<View<'_>> {
    let windows = &results.summary.windows;
    let mut chosen: Vec<usize> = (0..windows.len()).filter(|&i| shown(&windows[i])).collect();
    chosen.sort_by_key(|&i| std::cmp::Reverse(windows[i].total.gmv_paid_fen));
    chosen.truncate(MOST_PANELS);
    chosen.sort_unstable();
    let panels = chosen.len();
    chosen.into_iter().map(|i| View::new(results, i, panels)).collect()
}

/// The rows of the series that belong to a window, and the end of its time axis, Unix ms: a little past the closing, where the
/// last payments come in, but not past the next opening.
pub(in crate::report) fn extent(results: &Results, index: usize) -> (Range<usize>, i64) {
    let windows = &results.summary.windows;
    let opens = windows[index].opens_unix_ms;
    let next = windows.get(index + 1).map_or(i64::MAX, |next| next.opens_unix_ms);
    let length = windows[index].closes_unix_ms.saturating_sub(opens).max(1000);
    let until = opens.saturating_add(length.saturating_add(length / 50)).min(next);
    let time = results.series.integers(series::TIME);
    let first = time.partition_point(|&t| t < opens);
    let end = time.partition_point(|&t| t < until).max(first);
    (first..end, until)
}

impl<'a> View<'a> {
    fn new(results: &'a Results, index: usize, panels: usize) -> Self {
        let window = &results.summary.windows[index];
        let (rows, until) = extent(results, index);
        let clock = Clock::new(&results.summary.zone);
        let opens = window.opens_unix_ms;
        let date = if panels > MOST_BROAD { clock.day(opens) } else { clock.date(opens) };
        let heading = format!("{} · {date}", window.name);
        let span = until.saturating_sub(window.opens_unix_ms) as f64 / 1000.0;
        View { window, heading, span, results, rows, panels }
    }

    /// Whether the run came this far.
    pub(super) fn played(&self) -> bool {
        !self.rows.is_empty()
    }

    /// Seconds from the opening to a moment.
    pub(super) fn since_opening(&self, unix_ms: i64) -> f64 {
        unix_ms.saturating_sub(self.window.opens_unix_ms) as f64 / 1000.0
    }

    /// What stands in an empty panel.
    pub(super) fn vacant(&self) -> String {
        if self.played() { String::new() } else { "not played".to_owned() }
    }

    /// Whether the panels are so narrow that only the shortest words fit.
    pub(super) fn narrow(&self) -> bool {
        self.panels > MOST_BROAD
    }

    /// How many views share the width of the picture.
    pub(super) fn panels(&self) -> usize {
        self.panels.max(1)
    }

    /// Length of a slot, s.
    fn seconds(&self, row: usize) -> f64 {
        self.results.series.integers(series::SECONDS).get(row).map_or(1.0, |&s| s.max(1) as f64)
    }

    fn start(&self, row: usize) -> f64 {
        self.since_opening(self.results.series.integers(series::TIME)[row])
    }

    /// Amounts of an integer column per second, at the middle of each slot.
    pub(super) fn rates(&self, column: &str) -> Vec<(f64, f64)> {
        let values = self.results.series.integers(column);
        let rate = |row: usize| {
            let seconds = self.seconds(row);
            Some((self.start(row) + seconds / 2.0, *values.get(row)? as f64 / seconds))
        };
        self.rows.clone().filter_map(rate).collect()
    }

    /// Values of a column, at the end of each slot.
    pub(super) fn levels(&self, column: &str) -> Vec<(f64, f64)> {
        let series = &self.results.series;
        let (integers, reals) = (series.integers(column), series.reals(column));
        let level = |row: usize| {
            let value = integers.get(row).map(|&v| v as f64).or_else(|| reals.get(row).copied())?;
            Some((self.start(row) + self.seconds(row), value))
        };
        self.rows.clone().filter_map(level).collect()
    }

    /// An integer column summed up from the start of the run, at the end of each slot; begins at the opening.
    pub(super) fn running(&self, column: &str) -> Vec<(f64, f64)> {
        let values = self.results.series.integers(column);
        let before = values.get(..self.rows.start).unwrap_or_default();
        let mut sum: i128 = before.iter().map(|&v| i128::from(v)).sum();
        let mut points = vec![(0.0, sum as f64)];
        for row in self.rows.clone() {
            sum += values.get(row).map_or(0, |&v| i128::from(v));
            points.push((self.start(row) + self.seconds(row), sum as f64));
        }
        points
    }

    /// Down-samples points to what this panel can show.
    pub(super) fn thin(&self, points: Vec<(f64, f64)>, axis: &Axis) -> Vec<(f64, f64)> {
        let inside = points.into_iter().filter(|&(x, _)| x <= axis.to);
        thin::by_place(inside, BUCKETS / self.panels.max(1), |x| axis.place(x))
    }

    /// The first hour (or the whole window, where it is shorter), stretched towards the opening.
    pub(super) fn first_hour(&self, clock: &Clock) -> Axis {
        let mut axis = Axis::new(0.0, self.span.min(HOUR), Scale::Root);
        let minutes = [0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0];
        axis.ticks = self.ticks(clock, minutes.into_iter().map(|m| m * 60.0).filter(|&s| s <= axis.to));
        axis
    }

    /// The whole window, even, with clock times that fall on round hours, or days where it is long.
    pub(super) fn whole(&self, clock: &Clock) -> Axis {
        let mut axis = Axis::new(0.0, self.span, Scale::Linear);
        let room = |labels: usize| (labels / self.panels()).max(2) as f64;
        let hours = STEPS.into_iter().find(|step| self.span / step <= room(TICK_ROOM));
        let step = hours.unwrap_or_else(|| (self.span / DAY / room(DAY_ROOM)).ceil().max(1.0) * DAY);
        let opens = self.window.opens_unix_ms;
        let local = (opens.div_euclid(1000) + clock.offset_seconds(opens)) as f64;
        let first = (local / step).ceil() * step - local;
        let places = (0..40).map(|i| first + f64::from(i) * step).filter(|&s| s <= axis.to);
        axis.ticks = if hours.is_some() { self.ticks(clock, places) } else { self.days(clock, places) };
        axis
    }

    /// Days of the month, with the month below where it changes.
    fn days(&self, clock: &Clock, seconds: impl IntoIterator<Item = f64>) -> Vec<Tick> {
        let mut month = String::new();
        let tick = |at: f64| {
            let day = clock.day(self.window.opens_unix_ms.saturating_add((at * 1000.0) as i64));
            let (label, now) = day.split_once(' ').unwrap_or((&day, ""));
            let below = if now == month { "" } else { now };
            let tick = Tick { at, label: label.to_owned(), below: below.to_owned() };
            now.clone_into(&mut month);
            tick
        };
        seconds.into_iter().map(tick).collect()
    }

    /// The whole window with its opening spread out: seconds and days in one view.
    pub(super) fn opening(&self, clock: &Clock) -> Axis {
        let mut axis = opening_axis(self.span);
        let start = self.ticks(clock, [0.0]);
        axis.ticks.splice(0..1, start);
        axis
    }

    fn ticks(&self, clock: &Clock, seconds: impl IntoIterator<Item = f64>) -> Vec<Tick> {
        let mut day = String::new();
        let tick = |at: f64| {
            let moment = self.window.opens_unix_ms.saturating_add((at * 1000.0) as i64);
            let today = clock.day(moment);
            let below = if today == day { String::new() } else { today.clone() };
            day = today;
            Tick { at, label: clock.minute(moment), below }
        };
        seconds.into_iter().map(tick).collect()
    }
}

/// Time since an opening, seconds and days in one view; ticks are lengths of time.
pub(super) fn opening_axis(span: f64) -> Axis {
    let mut axis = Axis::new(0.0, span, Scale::Opening);
    let marks = [0.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 259_200.0, 864_000.0];
    axis.ticks = marks
        .into_iter()
        .filter(|&at| at <= axis.to)
        .map(|at| Tick {
            at,
            label: if at == 0.0 { "0".to_owned() } else { format!("+{}", clock::span(at)) },
            below: String::new(),
        })
        .collect();
    axis
}

/// A sentence about windows that are not shown; empty where all are.
pub(super) fn left_out(results: &Results) -> String {
    let all = results.summary.windows.len();
    if all > MOST_PANELS {
        format!(" {MOST_PANELS} of {all} windows, those with the largest GMV.")
    } else {
        String::new()
    }
}

/// The largest value of any point; zero where there is none.
pub(super) fn largest<'p>(points: impl IntoIterator<Item = &'p (f64, f64)>) -> f64 {
    points.into_iter().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max)
}

/// The smallest positive value of any point; zero where there is none.
pub(super) fn smallest_positive<'p>(points: impl IntoIterator<Item = &'p (f64, f64)>) -> f64 {
    let smallest = points.into_iter().map(|p| p.1).filter(|v| *v > 0.0).fold(f64::INFINITY, f64::min);
    if smallest.is_finite() { smallest } else { 0.0 }
}

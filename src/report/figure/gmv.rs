//! GMV: its sum over the festival, and how fast it comes in.

use super::timeline::{self, HOUR, View, largest, smallest_positive};
use super::{Axis, Figure, Key, Mark, Panel, Pen, Row, Scale, Series, Side, subtitle};
use crate::clock::Clock;
use crate::number::{FEN_PER_RMB as FEN, Prefix, difference, money, short};
use crate::results::{PublishedFigure, PublishedResult, Results, series};

/// Two quantities drawn together: the headline, and behind it the one it comes from.
pub(super) struct Pair {
    /// Columns of the series.
    pub(super) columns: [&'static str; 2],
    /// What they are called.
    pub(super) names: [&'static str; 2],
    /// Size of one unit of the quantity in the units of the columns.
    pub(super) unit: f64,
    /// Name of that unit.
    pub(super) unit_name: &'static str,
}

const GMV: Pair =
    Pair { columns: [series::GMV_PAID, series::GMV_ORDERED], names: ["paid", "ordered"], unit: FEN, unit_name: "RMB" };

/// Money that presales bring in before it is GMV.
const PRESALES: Pair = Pair {
    columns: [series::BALANCES_FEN, series::DEPOSITS_FEN],
    names: ["balances", "deposits"],
    unit: FEN,
    unit_name: "RMB",
};

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::views(results);
    let clock = Clock::new(&results.summary.zone);
    let published = &results.summary.published;
    let mut rows =
        vec![GMV.sums("GMV", &views, published, &clock), GMV.first_hour("GMV per second", &views, &[], &clock)];
    rows.extend(GMV.whole("GMV per second", &views, &clock));
    if !results.summary.presales.is_empty() {
        rows.insert(1, PRESALES.sums("Paid in presales", &views, &[], &clock));
    }
    let note = reading_note(results, &rows);
    Figure {
        title: format!("GMV: {} paid", money(results.summary.total.gmv_paid_fen as f64)),
        subtitle: subtitle(&results.summary),
        rows,
        note,
    }
}

/// How to read rows of rates.
pub(super) fn reading_note(results: &Results, rows: &[Row]) -> String {
    let logarithmic = rows.iter().any(|row| row.y.scale == Scale::Log);
    let whole = if logarithmic { " Per second, whole window: logarithmic." } else { "" };
    format!("First hour: time stretched towards the opening.{whole}{}", timeline::left_out(results))
}

/// The look of what was published.
fn published_pen() -> Pen {
    Pen::solid(6)
}

/// What stands beside the lines of a row that shows published figures.
pub(super) fn published_key() -> Key {
    Key { pen: published_pen(), filled: true, text: "published; beside it, how far the run is off".to_owned() }
}

/// Dots at published figures of a kind that lie in this window, with the errors of the run. A peak whose time was not published stands
/// at that of the run.
pub(super) fn published_dots(view: &View<'_>, published: &[PublishedResult], kind: PublishedFigure) -> Vec<Mark> {
    let inside = published.iter().filter(|figure| figure.figure == kind).filter_map(|figure| {
        let seconds = view.since_opening(figure.at_unix_ms.or(figure.simulated_at_unix_ms)?);
        let text = figure.error.map_or_else(String::new, difference);
        let at = (seconds, figure.published);
        let dot = Mark { at, text, pen: Some(published_pen()), side: Side::Free };
        (0.0..=view.span).contains(&seconds).then_some(dot)
    });
    inside.collect()
}

/// Dots after the first hour and at the end, and their values in the corner below the curve, which a rising curve leaves free.
fn milestones(view: &View<'_>, paid: &[(f64, f64)], x: &Axis) -> Vec<Mark> {
    let Some(&end) = paid.iter().rfind(|p| p.0 <= x.to).filter(|_| view.played()) else { return Vec::new() };
    let hour = paid.iter().find(|p| p.0 >= HOUR).filter(|_| view.span > 2.0 * HOUR);
    let dot = |&at: &(f64, f64)| Mark { at, text: String::new(), pen: Some(pens()[0]), side: Side::AboveLeft };
    let mut marks: Vec<Mark> = hour.into_iter().chain([&end]).map(dot).collect();
    let text = match hour {
        _ if view.narrow() => money(end.1),
        Some(hour) => format!("after 1 h {}, at the end {}", money(hour.1), money(end.1)),
        None => format!("at the end {}", money(end.1)),
    };
    marks.push(Mark { at: (x.to, 0.0), text, pen: None, side: Side::AboveLeft });
    marks
}

/// The pens of a pair, in the order of its columns.
fn pens() -> [Pen; 2] {
    [Pen::solid(0), Pen::solid(1).faint()]
}

/// Both lines, the headline on top.
fn lines(view: &View<'_>, x: &Axis, curves: [Vec<(f64, f64)>; 2]) -> Vec<Series> {
    let line = |(pen, points)| Series { pen, filled: false, points: view.thin(points, x) };
    pens().into_iter().zip(curves).map(line).rev().collect()
}

impl Pair {
    /// What it sums up to over the festival, with what was published.
    fn sums(&self, quantity: &str, views: &[View<'_>], published: &[PublishedResult], clock: &Clock) -> Row {
        let curves: Vec<_> = views.iter().map(|view| self.columns.map(|column| view.running(column))).collect();
        let known: Vec<Vec<Mark>> =
            views.iter().map(|view| published_dots(view, published, PublishedFigure::GmvPaidFen)).collect();
        let simulated = largest(curves.iter().flatten().flatten());
        let highest = known.iter().flatten().map(|mark| mark.at.1).fold(simulated, f64::max);
        let prefix = Prefix::of(highest / self.unit);
        let panels = views
            .iter()
            .zip(&curves)
            .zip(&known)
            .map(|((view, [paid, ordered]), known)| {
                let x = view.whole(clock);
                // What was published lies on top, or the end of the curve would hide that of the day.
                let marks = [milestones(view, paid, &x), known.clone()].concat();
                Panel {
                    heading: view.heading.clone(),
                    series: lines(view, &x, [paid.clone(), ordered.clone()]),
                    marks,
                    vacant: view.vacant(),
                    x,
                    ..Panel::default()
                }
            })
            .collect();
        let mut keys = self.keys();
        if known.iter().any(|marks| !marks.is_empty()) {
            keys.push(published_key());
        }
        Row {
            heading: format!("{quantity} since the start, {} RMB", prefix.name),
            keys,
            weight: 1.2,
            y: Axis::amount(highest, prefix.size * self.unit),
            panels,
            labels: Vec::new(),
        }
    }

    pub(super) fn keys(&self) -> Vec<Key> {
        let key = |(pen, name): (Pen, &&str)| Key { pen, filled: false, text: (*name).to_owned() };
        pens().into_iter().zip(&self.names).map(key).collect()
    }

    fn rates(&self, view: &View<'_>) -> [Vec<(f64, f64)>; 2] {
        self.columns.map(|column| view.rates(column))
    }

    fn heading(&self, quantity: &str, prefix: Prefix, stretch: &str) -> String {
        let unit = format!("{} {}", prefix.name, self.unit_name);
        match unit.trim() {
            "" => format!("{quantity}: {stretch}"),
            unit => format!("{quantity}, {unit}/s: {stretch}"),
        }
    }

    /// Rates in the first hour, with the peak of the headline marked, and published peaks.
    pub(super) fn first_hour(
        &self,
        quantity: &str,
        views: &[View<'_>],
        published: &[PublishedResult],
        clock: &Clock,
    ) -> Row {
        let curves: Vec<_> = views.iter().map(|view| self.rates(view)).collect();
        let peaks = |view| published_dots(view, published, PublishedFigure::PeakOrdersPerSecond);
        let known: Vec<Vec<Mark>> = views.iter().map(peaks).collect();
        let early = curves.iter().flatten().flatten().chain(known.iter().flatten().map(|mark| &mark.at));
        let highest = largest(early.filter(|p| p.0 <= HOUR));
        let prefix = Prefix::of(highest / self.unit);
        let panels = views
            .iter()
            .zip(curves)
            .zip(&known)
            .map(|((view, curves), known)| {
                let x = view.first_hour(clock);
                let known = known.iter().filter(|mark| mark.at.0 <= x.to).cloned();
                Panel {
                    heading: view.heading.clone(),
                    marks: self.peak(view, &curves[0], &x, clock).into_iter().chain(known).collect(),
                    series: lines(view, &x, curves),
                    vacant: view.vacant(),
                    x,
                    ..Panel::default()
                }
            })
            .collect();
        let mut keys = self.keys();
        if known.iter().any(|marks| !marks.is_empty()) {
            keys.push(published_key());
        }
        Row {
            heading: self.heading(quantity, prefix, "first hour"),
            keys,
            weight: 1.0,
            y: Axis::amount(highest, prefix.size * self.unit),
            panels,
            labels: Vec::new(),
        }
    }

    /// The highest point of a curve on an axis, with its value and clock time.
    fn peak(&self, view: &View<'_>, curve: &[(f64, f64)], x: &Axis, clock: &Clock) -> Option<Mark> {
        let inside = curve.iter().filter(|p| p.0 <= x.to && p.1 > 0.0);
        let &at = inside.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.total_cmp(&a.0)))?;
        let moment = view.window.opens_unix_ms.saturating_add((at.0 * 1000.0) as i64);
        let value = short(at.1 / self.unit);
        let unit = if self.unit_name.is_empty() { "/s".to_owned() } else { format!(" {}/s", self.unit_name) };
        let unit = if view.narrow() { "" } else { &unit };
        let text = format!("{value}{unit} at {}", clock.second(moment));
        let side = if x.place(at.0) < 0.5 { Side::AboveRight } else { Side::AboveLeft };
        Some(Mark { at, text, pen: Some(pens()[0]), side })
    }

    /// Rates over the whole windows on a logarithmic axis; `None` where no window is longer than an hour.
    pub(super) fn whole(&self, quantity: &str, views: &[View<'_>], clock: &Clock) -> Option<Row> {
        if views.iter().all(|view| view.span <= HOUR) {
            return None;
        }
        let curves: Vec<_> = views.iter().map(|view| self.rates(view)).collect();
        let highest = largest(curves.iter().flatten().flatten());
        let y = Axis::decades(smallest_positive(curves.iter().flatten().flatten()), highest, self.unit, 4);
        let panels = views
            .iter()
            .zip(curves)
            .map(|(view, curves)| {
                let x = view.whole(clock);
                let series = lines(view, &x, curves);
                Panel { heading: view.heading.clone(), series, vacant: view.vacant(), x, ..Panel::default() }
            })
            .collect();
        // The labels of decades carry their own prefixes.
        let heading = self.heading(quantity, Prefix::of(1.0), "whole window");
        Some(Row { heading, keys: self.keys(), weight: 1.0, y, panels, labels: Vec::new() })
    }
}

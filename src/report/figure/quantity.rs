//! Quantities that come in over time: their sums since the start, and how fast they come, in rows of windows.

use super::published::{self, Known};
use super::timeline::{HOUR, View, largest, smallest_positive};
use super::{Axis, Key, Look, Mark, Panel, Pen, Row, Series, Shape, Side};
use crate::clock::Clock;
use crate::number::{Prefix, money, short};
use crate::results::{PublishedFigure, PublishedResult};

/// A quantity, or two drawn together: the headline, and behind it the one it comes from.
pub(super) struct Quantity {
    /// Columns of the series.
    pub(super) columns: &'static [&'static str],
    /// What they are called.
    pub(super) names: &'static [&'static str],
    /// Size of one unit of the quantity in the units of the columns.
    pub(super) unit: f64,
    /// Name of that unit.
    pub(super) unit_name: &'static str,
    /// What is said where there is none of it.
    pub(super) none: &'static str,
    /// What may be published of its sums.
    pub(super) sums: &'static [PublishedFigure],
    /// What may be published of its rates.
    pub(super) rates: &'static [PublishedFigure],
}

/// Points of a line, in the units of the axes.
type Points = Vec<(f64, f64)>;

/// The headline's look, and that of what lies behind it.
fn pens() -> [Pen; 2] {
    [Pen::solid(0), Pen::solid(1).faint()]
}

/// Lines, the headline on top.
fn lines(view: &View<'_>, x: &Axis, curves: Vec<Points>) -> Vec<Series> {
    let line = |(pen, points)| Series { pen, filled: false, points: view.thin(points, x) };
    let mut lines: Vec<Series> = pens().into_iter().zip(curves).map(line).collect();
    lines.reverse();
    lines
}

/// What a window sums up to after the first hour and at the end, in the corner below the curve, which a rising curve leaves free; and
/// dots there, unless published figures mark the curve.
fn milestones(view: &View<'_>, headline: &[(f64, f64)], x: &Axis, dots: bool) -> Vec<Mark> {
    let Some(&end) = headline.iter().rfind(|p| p.0 <= x.to).filter(|_| view.played()) else { return Vec::new() };
    let hour = headline.iter().find(|p| p.0 >= HOUR).filter(|_| view.span > 2.0 * HOUR);
    let mark = |at, text, pen| Mark { at, text, pen, shape: Shape::Dot, side: Side::AboveLeft };
    let places = hour.into_iter().chain([&end]).filter(|_| dots);
    let mut marks: Vec<Mark> = places.map(|&at| mark(at, String::new(), Some(pens()[0]))).collect();
    let text = match hour {
        _ if view.narrow() => money(end.1),
        Some(hour) => format!("after 1 h {}, at the end {}", money(hour.1), money(end.1)),
        None => format!("at the end {}", money(end.1)),
    };
    marks.push(mark((x.to, 0.0), text, None));
    marks
}

/// Says in a row what there is none of, instead of a line along its axis.
fn vacant_where_nothing(mut row: Row, highest: f64, none: &str) -> Row {
    for panel in row.panels.iter_mut().filter(|_| highest <= 0.0) {
        panel.series.clear();
        panel.marks.clear();
        if panel.vacant.is_empty() {
            none.clone_into(&mut panel.vacant);
        }
    }
    if highest <= 0.0 {
        row.y.ticks.clear();
    }
    row
}

impl Quantity {
    /// What it sums up to over the festival, with what was published. Money only.
    pub(super) fn sum_row(
        &self,
        quantity: &str,
        views: &[View<'_>],
        figures: &[PublishedResult],
        clock: &Clock,
    ) -> Row {
        let curves: Vec<Vec<Points>> =
            views.iter().map(|view| self.columns.iter().map(|column| view.running(column)).collect()).collect();
        let inside = |view: &View<'_>| published::inside(view, figures, self.sums, 0.0, view.span);
        let known: Vec<Vec<Known>> = views.iter().map(inside).collect();
        let highest = largest(curves.iter().flatten().flatten()).max(published::highest(&known));
        let prefix = Prefix::of(highest / self.unit);
        let panel = |((view, curves), known): ((&View<'_>, Vec<Points>), &Vec<Known>)| {
            let x = view.whole(clock);
            let mut panel = Panel {
                heading: view.heading.clone(),
                marks: milestones(view, &curves[0], &x, known.is_empty()),
                series: lines(view, &x, curves),
                vacant: view.vacant(),
                ..Panel::default()
            };
            panel.x = x;
            published::show(known, pens()[0], &mut panel);
            panel
        };
        let row = Row {
            heading: format!("{quantity} since the start, {}", format!("{} RMB", prefix.name).trim_start()),
            keys: self.keys(&known),
            // Errors need room beside the curve.
            weight: if known.iter().all(Vec::is_empty) { 1.2 } else { 1.8 },
            y: Axis::amount(highest, prefix.size * self.unit),
            panels: views.iter().zip(curves).zip(&known).map(panel).collect(),
            labels: Vec::new(),
        };
        vacant_where_nothing(row, highest, self.none)
    }

    fn keys(&self, known: &[Vec<Known>]) -> Vec<Key> {
        let key = |(pen, name): (Pen, &&str)| Key { pen, look: Look::Line, text: (*name).to_owned() };
        // A single quantity is what the heading says.
        let names = if self.names.len() > 1 { self.names } else { &[] };
        pens().into_iter().zip(names).map(key).chain(published::keys(known)).collect()
    }

    fn curves(&self, view: &View<'_>) -> Vec<Points> {
        self.columns.iter().map(|column| view.rates(column)).collect()
    }

    fn heading(&self, quantity: &str, prefix: Prefix, stretch: &str) -> String {
        let unit = format!("{} {}", prefix.name, self.unit_name);
        match unit.trim() {
            "" => format!("{quantity}: {stretch}"),
            unit => format!("{quantity}, {unit}/s: {stretch}"),
        }
    }

    /// Rates in the first hour, with the peak of the headline marked, and what was published of it.
    pub(super) fn first_hour(
        &self,
        quantity: &str,
        views: &[View<'_>],
        figures: &[PublishedResult],
        clock: &Clock,
    ) -> Row {
        let curves: Vec<_> = views.iter().map(|view| self.curves(view)).collect();
        let inside = |view: &View<'_>| published::inside(view, figures, self.rates, 0.0, view.span.min(HOUR));
        let known: Vec<Vec<Known>> = views.iter().map(inside).collect();
        let early = largest(curves.iter().flatten().flatten().filter(|p| p.0 <= HOUR));
        let highest = early.max(published::highest(&known));
        let prefix = Prefix::of(highest / self.unit);
        let panel = |((view, curves), known): ((&View<'_>, Vec<Points>), &Vec<Known>)| {
            let x = view.first_hour(clock);
            let mut panel = Panel {
                heading: view.heading.clone(),
                marks: self.peak(view, &curves[0], &x, clock).into_iter().collect(),
                series: lines(view, &x, curves),
                vacant: view.vacant(),
                ..Panel::default()
            };
            panel.x = x;
            published::show(known, pens()[0], &mut panel);
            panel
        };
        let row = Row {
            heading: self.heading(quantity, prefix, "first hour"),
            keys: self.keys(&known),
            weight: 1.0,
            y: Axis::amount(highest, prefix.size * self.unit),
            panels: views.iter().zip(curves).zip(&known).map(panel).collect(),
            labels: Vec::new(),
        };
        vacant_where_nothing(row, highest, self.none)
    }

    /// The highest point of a curve on an axis, with its value and clock time.
    fn peak(&self, view: &View<'_>, curve: &[(f64, f64)], x: &Axis, clock: &Clock) -> Option<Mark> {
        let inside = curve.iter().filter(|p| p.0 <= x.to && p.1 > 0.0);
        let &at = inside.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.total_cmp(&a.0)))?;
        let moment = view.window.opens_unix_ms.saturating_add((at.0 * 1000.0) as i64);
        let unit = if self.unit_name.is_empty() { "/s".to_owned() } else { format!(" {}/s", self.unit_name) };
        let unit = if view.narrow() { "" } else { &unit };
        let text = format!("{}{unit} at {}", short(at.1 / self.unit), clock.second(moment));
        let side = if x.place(at.0) < 0.5 { Side::AboveRight } else { Side::AboveLeft };
        Some(Mark { at, text, pen: Some(pens()[0]), shape: Shape::Dot, side })
    }

    /// Rates over the whole windows on a logarithmic axis, with what was published of them after the first hour; `None` where no window
    /// is longer than that.
    pub(super) fn whole(
        &self,
        quantity: &str,
        views: &[View<'_>],
        figures: &[PublishedResult],
        clock: &Clock,
    ) -> Option<Row> {
        if views.iter().all(|view| view.span <= HOUR) {
            return None;
        }
        let curves: Vec<_> = views.iter().map(|view| self.curves(view)).collect();
        let after_it = HOUR + 0.001;
        let inside = |view: &View<'_>| published::inside(view, figures, self.rates, after_it, view.span);
        let known: Vec<Vec<Known>> =
            views.iter().map(|view| if view.span > after_it { inside(view) } else { Vec::new() }).collect();
        let highest = largest(curves.iter().flatten().flatten()).max(published::highest(&known));
        let y = Axis::decades(smallest_positive(curves.iter().flatten().flatten()), highest, self.unit, 4);
        let panel = |((view, curves), known): ((&View<'_>, _), &Vec<Known>)| {
            let x = view.whole(clock);
            let series = lines(view, &x, curves);
            let mut panel =
                Panel { heading: view.heading.clone(), series, vacant: view.vacant(), x, ..Panel::default() };
            published::show(known, pens()[0], &mut panel);
            panel
        };
        let row = Row {
            // The labels of decades carry their own prefixes.
            heading: self.heading(quantity, Prefix::of(1.0), "whole window"),
            keys: self.keys(&known),
            weight: 1.0,
            y,
            panels: views.iter().zip(curves).zip(&known).map(panel).collect(),
            labels: Vec::new(),
        };
        Some(vacant_where_nothing(row, highest, self.none))
    }
}

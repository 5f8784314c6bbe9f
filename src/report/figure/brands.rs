//! The race of the brands: how many had been paid how much, and who was first.

use super::published::{self, Known};
use super::timeline::{self, View};
use super::{Axis, Figure, Label, Mark, Panel, Pen, Row, Series, Shape, Side, subtitle};
use crate::clock::Clock;
use crate::engine::brands::MARKS;
use crate::number::{grouped, money};
use crate::results::{PublishedFigure, PublishedResult, Results};

/// The mark and the place that make a headline: a hundred brands past 100 million RMB.
const HEADLINE: (usize, usize) = (2, 100);

/// Who passed a mark.
struct Past<'a> {
    mark: usize,
    /// When, Unix ms, and which brand, first come first.
    brands: Vec<(i64, &'a str)>,
}

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::sales(results);
    let clock = Clock::new(&results.summary.zone);
    let marks: Vec<Past<'_>> =
        (0..MARKS.len()).rev().map(|mark| Past { mark, brands: results.brands_past(mark) }).collect();
    let marks: Vec<Past<'_>> = marks.into_iter().filter(|past| !past.brands.is_empty()).collect();
    let headline = marks.iter().find(|past| past.mark == HEADLINE.0).or(marks.first());
    let title = headline.map_or_else(
        || format!("Brands: none passed {}", name(0)),
        |past| format!("Brands: {} passed {}", grouped(past.brands.len() as u64), name(past.mark)),
    );
    let rows = vec![race(&marks, &views, &results.summary.published, &clock)];
    let note = format!(
        "Time since each opening, logarithmic; sums paid since the start.{}{}{}{}",
        if results.summary.simulated_cells < results.summary.cells {
            " A sample has fewer products, and so fewer brands."
        } else {
            ""
        },
        published::unwritten(&rows),
        timeline::without_deposits(results),
        timeline::left_out(results)
    );
    Figure { title, subtitle: subtitle(&results.summary), rows, note }
}

fn name(mark: usize) -> String {
    money(MARKS[mark].0 as f64)
}

/// How many brands had passed each mark, over time.
fn race(marks: &[Past<'_>], views: &[View<'_>], figures: &[PublishedResult], clock: &Clock) -> Row {
    let inside = |view: &View<'_>| published::inside(view, figures, &[PublishedFigure::BrandsPast100m], 0.0, view.span);
    let known: Vec<Vec<Known>> = views.iter().map(inside).collect();
    let most = marks.iter().map(|past| past.brands.len()).max().unwrap_or(0) as f64;
    let y = Axis::decades(1.0, most.max(published::highest(&known)), 1.0, 6);
    let mut labels = Vec::new();
    let mut panels = Vec::new();
    for (view, known) in views.iter().zip(&known) {
        let x = view.opening(clock);
        let mut panel = Panel { heading: view.heading.clone(), vacant: view.vacant(), ..Panel::default() };
        for past in marks.iter().filter(|_| view.played()) {
            let pen = Pen::nth(past.mark);
            let points = steps(past, view, &x);
            panel.marks.extend(milestones(past, view, pen, clock));
            panel.series.push(Series { pen, filled: false, points });
        }
        published::show(known, Pen::nth(HEADLINE.0), &mut panel);
        if marks.is_empty() {
            "no brand passed the first million RMB".clone_into(&mut panel.vacant);
        }
        panel.x = x;
        panels.push(panel);
    }
    for past in marks {
        let all = past.brands.len();
        let text = format!("{} past {}", grouped(all as u64), name(past.mark));
        labels.push(Label { y: all as f64, pen: Pen::nth(past.mark), text });
    }
    Row { heading: "Brands past a sum, paid".to_owned(), keys: published::keys(&known), weight: 1.0, y, panels, labels }
}

/// A line that climbs by one with every brand, thinned to what can be seen.
fn steps(past: &Past<'_>, view: &View<'_>, x: &Axis) -> Vec<(f64, f64)> {
    let since = |at: i64| view.since_opening(at);
    let before = past.brands.iter().filter(|brand| since(brand.0) < 0.0).count();
    let mut points = vec![(0.0, before as f64)];
    for (count, brand) in past.brands.iter().enumerate().skip(before).take_while(|(_, brand)| since(brand.0) <= x.to) {
        let at = since(brand.0);
        points.extend([(at, count as f64), (at, (count + 1) as f64)]);
    }
    let end = points[points.len() - 1].1;
    points.push((x.to, end));
    // The scale of the axis begins at one brand.
    points.retain(|point| point.1 >= 1.0);
    view.thin(points, x)
}

/// The first brand and the hundredth past 100 million.
fn milestones(past: &Past<'_>, view: &View<'_>, pen: Pen, clock: &Clock) -> Vec<Mark> {
    let (of_mark, hundredth) = HEADLINE;
    let told = |place: usize| {
        let &(at, brand) = past.brands.get(place - 1).filter(|_| past.mark == of_mark)?;
        let since = view.since_opening(at);
        if !(0.0..=view.span).contains(&since) {
            return None;
        }
        let (text, side) = match place {
            1 => (format!("{brand} by {}", clock.second(at)), Side::AboveRight),
            _ => (format!("{place} by {}", clock.second(at)), Side::AboveLeft),
        };
        Some(Mark { at: (since, place as f64), text, pen: Some(pen), shape: Shape::Dot, side })
    };
    [1, hundredth].into_iter().filter_map(told).collect()
}

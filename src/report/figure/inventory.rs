//! Stock left, by category and of each named product.

use super::timeline::{self, View, largest};
use super::{Axis, Figure, Label, Mark, Panel, Pen, Row, Series, Shape, Side, subtitle};
use crate::clock::Clock;
use crate::number::{grouped, percent};
use crate::results::{ProductRow, Results, TargetResult, series};
use std::cmp::Reverse;
use std::fmt::Write as _;

/// Most lines of categories, and of products: more cannot be told apart.
const MOST_CATEGORIES: usize = 12;
const MOST_PRODUCTS: usize = 18;

/// The share of a stock that may come back after it sold out, from orders that were not paid, without a word about it.
const CRUMBS: f64 = 0.02;

/// A stock whose level is drawn.
struct Stock<'a> {
    name: &'a str,
    column: String,
    start: f64,
    /// When nothing was left for the first time, Unix ms.
    sold_out: Option<i64>,
}

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::views(results);
    let clock = Clock::new(&results.summary.zone);
    let (categories, products) = (categories(results), products(results));
    let mut note = format!("Time since each opening, logarithmic.{}", timeline::left_out(results));
    for (shown, all, what) in [
        (
            categories.len(),
            results.summary.categories.len(),
            "categories: those of targets, then those with least left",
        ),
        (
            products.len(),
            results.summary.products.len(),
            "named products: those of targets, then those that sold out, the first first, then by GMV",
        ),
    ] {
        if shown < all {
            let _ = write!(note, " {shown} of {all} {what}.");
        }
    }
    let mut rows = vec![row("Units left by category, % of the start", &categories, &views, &clock)];
    if !products.is_empty() {
        let (shown, all) = (products.len(), results.summary.products.len());
        let heading = format!("Units left of named products ({shown} of {all}), % of the start");
        rows.push(row(&heading, &products, &views, &clock));
    }
    let (sold_out, skus) = (results.summary.skus_sold_out, results.summary.skus);
    Figure {
        title: format!("Inventory: {} of {} SKUs sold out", grouped(sold_out), grouped(skus)),
        subtitle: subtitle(&results.summary),
        rows,
        note,
    }
}

/// The categories with the smallest share left, in the order of the scenario.
fn categories(results: &Results) -> Vec<Stock<'_>> {
    let stock = |(i, name): (usize, &'_ String)| {
        let column = series::category(name, "units_left");
        let left = results.series.integers(&column);
        let (start, end) = (*left.first()? as f64, *left.last()? as f64);
        (start > 0.0).then(|| (i, end / start, (column, start)))
    };
    let names = &results.summary.categories;
    let mut found: Vec<_> = names.iter().enumerate().filter_map(stock).collect();
    let spare = |i: usize| !is_asked_for(results, "category", &names[i]);
    found.sort_by(|a, b| spare(a.0).cmp(&spare(b.0)).then(a.1.total_cmp(&b.1)).then(a.0.cmp(&b.0)));
    found.truncate(MOST_CATEGORIES);
    found.sort_by_key(|&(i, _, _)| i);
    found.into_iter().map(|(i, _, (column, start))| Stock { name: &names[i], column, start, sold_out: None }).collect()
}

/// All units of a product that were ever on sale.
fn units(row: &ProductRow) -> u64 {
    row.units_start + row.units_restocked
}

/// Whether a target is about something.
fn is_asked_for(results: &Results, kind: &str, name: &str) -> bool {
    let of = |target: &TargetResult| target.kind.as_deref() == Some(kind) && target.subject.as_deref() == Some(name);
    results.summary.targets.iter().any(of)
}

/// The named products to show: those that targets are about, then those that sold out, the first first, then the others by GMV. They
/// stand in the order in which they sold out.
fn products(results: &Results) -> Vec<Stock<'_>> {
    let named = |row: &&ProductRow| results.summary.products.contains(&row.product) && units(row) > 0;
    let mut rows: Vec<&ProductRow> = results.products.iter().filter(named).collect();
    let rank = |row: &ProductRow| (row.sold_out_unix_ms.unwrap_or(i64::MAX), Reverse(row.gmv_paid_fen));
    rows.sort_by_key(|row| (!is_asked_for(results, "product", &row.product), rank(row)));
    rows.truncate(MOST_PRODUCTS);
    rows.sort_by_key(|row| rank(row));
    let stock = |row: &'_ ProductRow| (series::product_left(&row.product), units(row) as f64, row.sold_out_unix_ms);
    rows.into_iter()
        .map(|row| {
            let (column, start, sold_out) = stock(row);
            Stock { name: &row.product, column, start, sold_out }
        })
        .collect()
}

fn row(heading: &str, stocks: &[Stock<'_>], views: &[View<'_>], clock: &Clock) -> Row {
    let mut panels = Vec::new();
    let mut highest = 1.0;
    let mut labels = Vec::new();
    for view in views {
        let x = view.opening(clock);
        let mut panel = Panel { heading: view.heading.clone(), vacant: view.vacant(), ..Panel::default() };
        let mut ends = Vec::new();
        for (i, stock) in stocks.iter().enumerate() {
            let pen = Pen::nth(i);
            let levels = view.levels(&stock.column).into_iter().map(|(t, units)| (t, units / stock.start));
            let points = view.thin(levels.collect(), &x);
            highest = largest(&points).max(highest);
            if let Some(&(_, y)) = points.last() {
                let text = end_text(stock, y, clock);
                // Names of what is gone stand in the order in which it went.
                let y = if stock.sold_out.is_some() && y < CRUMBS { 0.0 } else { y };
                ends.push(Label { y, pen, text });
            }
            panel.marks.extend(sell_out(stock, view, pen));
            panel.series.push(Series { pen, filled: false, points });
        }
        // The labels stand right of the last panel; where the run stopped early, the last one played speaks.
        if !ends.is_empty() {
            labels = ends;
        }
        if stocks.is_empty() {
            "no stock was recorded".clone_into(&mut panel.vacant);
        }
        panel.x = x;
        panels.push(panel);
    }
    Row { heading: heading.to_owned(), keys: Vec::new(), weight: 1.0, y: Axis::share(highest), panels, labels }
}

fn end_text(stock: &Stock<'_>, share: f64, clock: &Clock) -> String {
    match stock.sold_out {
        // More was laid in, or came back, since.
        Some(moment) if share >= CRUMBS => {
            format!("{}: out {}, {} now", stock.name, clock.moment(moment), percent(share))
        }
        Some(moment) => format!("{}: out {}", stock.name, clock.moment(moment)),
        None => format!("{} {}", stock.name, percent(share)),
    }
}

/// A dot where a product sold out, in the window in which it did.
fn sell_out(stock: &Stock<'_>, view: &View<'_>, pen: Pen) -> Option<Mark> {
    let at = view.since_opening(stock.sold_out?);
    (0.0..=view.span).contains(&at).then(|| Mark {
        at: (at, 0.0),
        text: String::new(),
        pen: Some(pen),
        shape: Shape::Dot,
        side: Side::Right,
    })
}

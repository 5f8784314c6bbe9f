//! Stock left, by category and of each named product.

use super::timeline::{self, View, largest};
use super::{Axis, Figure, Label, Mark, Panel, Pen, Row, Series, Side, subtitle};
use crate::clock::Clock;
use crate::number::{grouped, percent};
use crate::results::{ProductRow, Results, series};
use std::fmt::Write as _;

/// Most lines in one row; more cannot be told apart.
const MOST_LINES: usize = 12;

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
        (categories.len(), results.summary.categories.len(), "categories, those with least left"),
        (products.len(), results.summary.products.len(), "named products: those that sold out, then by GMV"),
    ] {
        if shown < all {
            let _ = write!(note, " {shown} of {all} {what}.");
        }
    }
    let mut rows = vec![row("Units left by category, % of the start", &categories, &views, &clock)];
    if !products.is_empty() {
        rows.push(row("Units left of named products, % of the start", &products, &views, &clock));
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
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    found.truncate(MOST_LINES);
    found.sort_by_key(|&(i, _, _)| i);
    found.into_iter().map(|(i, _, (column, start))| Stock { name: &names[i], column, start, sold_out: None }).collect()
}

/// All units of a product that were ever on sale.
fn units(row: &ProductRow) -> u64 {
    row.units_start + row.units_restocked
}

/// The named products to show: those that sold out first, then the others, both by GMV.
fn products(results: &Results) -> Vec<Stock<'_>> {
    let named = |row: &&ProductRow| results.summary.products.contains(&row.product) && units(row) > 0;
    let mut rows: Vec<&ProductRow> = results.products.iter().filter(named).collect();
    rows.sort_by_key(|row| (row.sold_out_unix_ms.is_none(), std::cmp::Reverse(row.gmv_paid_fen)));
    rows.truncate(MOST_LINES);
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
                ends.push(Label { y, pen, text: end_text(stock, y, clock) });
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
        side: Side::Right,
    })
}

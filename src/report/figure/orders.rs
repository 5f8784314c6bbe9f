//! Orders created and paid per second.

use super::gmv::reading_note;
use super::quantity::Quantity;
use super::{Figure, subtitle, timeline};
use crate::clock::Clock;
use crate::number::short;
use crate::results::{PublishedFigure, Results, series};

const ORDERS: Quantity = Quantity {
    columns: &[series::ORDERS, series::PAYMENTS],
    names: &["created", "paid"],
    unit: 1.0,
    unit_name: "",
    none: "nothing was ordered",
    sums: &[],
    rates: &[PublishedFigure::PeakOrdersPerSecond, PublishedFigure::OrdersPerSecond],
};

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::sales(results);
    let clock = Clock::new(&results.summary.zone);
    let figures = &results.summary.published;
    let mut rows = vec![ORDERS.first_hour("Orders per second", &views, figures, &clock)];
    rows.extend(ORDERS.whole("Orders per second", &views, figures, &clock));
    let peak = results.summary.windows.iter().map(|w| w.peak_orders_per_second).fold(0.0, f64::max);
    Figure {
        title: format!("Orders: peak {} created per second", short(peak)),
        subtitle: subtitle(&results.summary),
        note: reading_note(results, &rows),
        rows,
    }
}

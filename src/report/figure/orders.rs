//! Orders created and paid per second.

use super::gmv::{Pair, reading_note};
use super::{Figure, subtitle, timeline};
use crate::clock::Clock;
use crate::number::short;
use crate::results::{Results, series};

const ORDERS: Pair =
    Pair { columns: [series::ORDERS, series::PAYMENTS], names: ["created", "paid"], unit: 1.0, unit_name: "" };

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::views(results);
    let clock = Clock::new(&results.summary.zone);
    let mut rows = vec![ORDERS.first_hour("Orders per second", &views, &results.summary.published, &clock)];
    rows.extend(ORDERS.whole("Orders per second", &views, &clock));
    let peak = results.summary.windows.iter().map(|w| w.peak_orders_per_second).fold(0.0, f64::max);
    Figure {
        title: format!("Orders: peak {} created per second", short(peak)),
        subtitle: subtitle(&results.summary),
        note: reading_note(results, &rows),
        rows,
    }
}

//! GMV: its sum over the festival, and how fast it comes in.

use super::quantity::Quantity;
use super::{Figure, Row, Scale, published, subtitle, timeline};
use crate::clock::Clock;
use crate::number::{FEN_PER_RMB as FEN, money};
use crate::results::{PublishedFigure, Results, series};

const GMV: Quantity = Quantity {
    columns: &[series::GMV_PAID, series::GMV_ORDERED],
    names: &["paid", "ordered"],
    unit: FEN,
    unit_name: "RMB",
    none: "nothing was ordered",
    sums: &[PublishedFigure::GmvPaidFen],
    rates: &[PublishedFigure::GmvPaidFenPerSecond],
};

pub(super) fn figure(results: &Results) -> Figure {
    let views = timeline::sales(results);
    let clock = Clock::new(&results.summary.zone);
    let figures = &results.summary.published;
    let mut rows =
        vec![GMV.sum_row("GMV", &views, figures, &clock), GMV.first_hour("GMV per second", &views, figures, &clock)];
    rows.extend(GMV.whole("GMV per second", &views, figures, &clock));
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
    let unwritten = published::unwritten(rows);
    let (deposits, others) = (timeline::without_deposits(results), timeline::left_out(results));
    format!("First hour: time stretched towards the opening.{whole}{unwritten}{deposits}{others}")
}

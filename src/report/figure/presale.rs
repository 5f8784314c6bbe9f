//! Presales: deposits and balances as they come in, and what they sum up to.

use super::quantity::Quantity;
use super::timeline::{self, HOUR, View};
use super::{Figure, Mark, Pen, Row, Shape, Side, subtitle};
use crate::clock::Clock;
use crate::number::{FEN_PER_RMB as FEN, money, short};
use crate::results::{PresaleSummary, Results, series};

const DEPOSITS: Quantity = Quantity {
    columns: &[series::DEPOSITS],
    names: &["deposits"],
    unit: 1.0,
    unit_name: "",
    none: "nothing was paid in presales",
    sums: &[],
    rates: &[],
};

const BALANCES: Quantity = Quantity { columns: &[series::BALANCES], names: &["balances"], ..DEPOSITS };

/// Money that presales bring in before it is GMV.
const MONEY: Quantity = Quantity {
    columns: &[series::BALANCES_FEN, series::DEPOSITS_FEN],
    names: &["balances", "deposits"],
    unit: FEN,
    unit_name: "RMB",
    ..DEPOSITS
};

/// A later burst is at least so much above the end of the first hour.
const RISE: f64 = 1.2;

pub(super) fn figure(results: &Results) -> Figure {
    let clock = Clock::new(&results.summary.zone);
    let deposits = timeline::presales(results, |presale, window| presale.window == window);
    let balances = timeline::presales(results, |presale, window| presale.balances_in == window);
    let both = timeline::presales(results, |presale, window| presale.window == window || presale.balances_in == window);
    let mut rows = Vec::new();
    for (quantity, name, column, views) in [
        (DEPOSITS, "Deposits per second, orders", series::DEPOSITS, &deposits),
        (BALANCES, "Balances per second, orders", series::BALANCES, &balances),
    ] {
        rows.push(quantity.first_hour(name, views, &[], &clock));
        let mut whole = quantity.whole(name, views, &[], &clock);
        if let Some(row) = &mut whole {
            mark_later(row, views, column, &clock);
        }
        rows.extend(whole);
    }
    let mut sums = MONEY.sum_row("Paid in presales", &both, &[], &clock);
    // What both come to stands in the title.
    sums.panels.iter_mut().for_each(|panel| panel.marks.clear());
    rows.push(sums);
    let of = |value: fn(&PresaleSummary) -> u64| results.summary.presales.iter().map(value).sum::<u64>() as f64;
    Figure {
        title: format!(
            "Presales: {} deposits of {}, {} balances of {}",
            short(of(|p| p.deposits)),
            money(of(|p| p.deposits_fen)),
            short(of(|p| p.balances)),
            money(of(|p| p.balances_fen))
        ),
        subtitle: subtitle(&results.summary),
        rows,
        note: format!(
            "First hour: time stretched towards the opening. Per second, whole window: logarithmic, with days of the month below.{}",
            timeline::left_out(results)
        ),
    }
}

/// Marks the highest point after the first hour of each panel, where it rises above what that hour ends with: what a livestream or an
/// evening brings.
fn mark_later(row: &mut Row, views: &[View<'_>], column: &str, clock: &Clock) {
    for (panel, view) in row.panels.iter_mut().zip(views) {
        let rates = view.rates(column);
        let later = || rates.iter().filter(|at| at.0 > HOUR && at.0 <= view.span);
        let highest = later().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.total_cmp(&a.0)));
        let Some((&at, _)) = highest.zip(later().next()).filter(|(at, first)| at.1 > RISE * first.1) else { continue };
        let moment = view.window.opens_unix_ms.saturating_add((at.0 * 1000.0) as i64);
        let text = format!("{}/s at {}", short(at.1), clock.day_minute(moment));
        panel.marks.push(Mark { at, text, pen: Some(Pen::solid(0)), shape: Shape::Dot, side: Side::AboveRight });
    }
}

//! Published figures from the facts: sums over all that was paid before an instant, and highest rows.

use super::Simulator;
use crate::record::What;
use crate::session::Fate;
use saleload::published::{Figure, Point};
use saleload::results::{PublishedFigure, PublishedResult};
use saleload::units::Instant;

impl Simulator<'_> {
    pub(super) fn published(&self) -> Vec<PublishedResult> {
        self.plan.published.iter().map(|point| self.beside(point)).collect()
    }

    fn beside(&self, point: &Point) -> PublishedResult {
        let (figure, published, found) = match point.figure {
            Figure::GmvPaid(fen) => {
                let until = point.at.filter(|&at| at <= self.now);
                let found = until.map(|at| (self.paid_before(at) as f64, self.unix_ms(at)));
                (PublishedFigure::GmvPaidFen, fen.0 as f64, found)
            }
            Figure::PeakOrders(rate) => (PublishedFigure::PeakOrdersPerSecond, rate, self.highest(point.window)),
            Figure::Brands(brands) => {
                let until = point.at.filter(|&at| at <= self.now);
                let found = until.map(|at| (self.brands_known(at) as f64, self.unix_ms(at)));
                (PublishedFigure::BrandsPast100m, f64::from(brands), found)
            }
            other => panic!("no scenario has {other:?}"),
        };
        PublishedResult {
            name: point.name.clone(),
            figure,
            window: point.window.map(|window| self.plan.windows[window].name.clone()),
            at_unix_ms: point.at.map(|at| self.unix_ms(at)),
            published,
            simulated: found.map(|found| found.0),
            simulated_at_unix_ms: found.map(|found| found.1),
            error: found.map(|found| found.0 / published - 1.0),
            within: point.within,
            within_time_s: point.within_time.map(|time| time.0 as f64 / 1e9),
            source: point.source.clone(),
        }
    }

    /// Money paid before an instant, scaled; of the row in which the instant lies the part that has passed, down to a fen.
    fn paid_before(&self, at: Instant) -> u64 {
        let fen = self.fen_by_row(|what| what == What::Ended(Fate::Bought));
        let mut sum = 0;
        for (row, fen) in self.rows().iter().zip(fen) {
            let fen = fen * self.scale();
            if row.slot.end <= at {
                sum += fen;
            } else if row.slot.start < at {
                // The table knows slots by whole seconds, the last one of a run rounded up.
                let seconds = (row.slot.end - row.slot.start).0.div_ceil(1_000_000_000);
                let passed = (at.0 - row.slot.start.0) / 1_000_000;
                sum += (u128::from(fen) * u128::from(passed) / u128::from(seconds * 1000)) as u64;
            }
        }
        sum
    }

    /// Brands past 100 million at the end of the last row that had ended by then.
    fn brands_known(&self, at: Instant) -> u64 {
        let rows = self.rows().iter().zip(self.brands_past(2));
        rows.filter(|(row, _)| row.slot.end <= at).map(|(_, brands)| brands).next_back().unwrap_or_default()
    }

    /// The first of the rows with most orders a second, of a window or of all.
    fn highest(&self, window: Option<usize>) -> Option<(f64, i64)> {
        let mut highest: Option<(f64, i64)> = None;
        for (row, lines) in self.rows().iter().zip(self.lines_by_row(What::Ordered)) {
            let rate = (lines * self.scale()) as f64 / row.slot.seconds();
            let counts = lines > 0 && window.is_none_or(|window| window == row.slot.window);
            if counts && highest.is_none_or(|(most, _)| rate > most) {
                highest = Some((rate, self.unix_ms(row.slot.start)));
            }
        }
        highest
    }
}

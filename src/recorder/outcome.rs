//! From the record of a run to [`Results`]: scaling a sample up, adding up windows, naming what was saturated, and checking
//! the conservation laws.

mod goods;
mod tables;

use super::{Intents, Recorder, Row};
use crate::engine::Breach;
use crate::engine::session::Cause;
use crate::engine::stock::Stock;
use crate::model::Model;
use crate::model::catalogue::{Catalogue, Sku};
use crate::plan::{Plan, ServiceId};
use crate::results::{
    Bucket, Completion, Conservation, Fork, LedgerRow, Results, Saturation, Summary, Totals, WindowSummary,
};
use crate::units::{Instant, Nanos};

/// A slot in which a service is busier than this counts as saturated.
const SATURATED: f64 = 0.95;
/// So does one with a queue in which more than this share of its clients timed out; a few slow answers alone do not.
const MANY_TIMED_OUT: f64 = 0.001;
/// Saturated stretches with less than this between them are reported as one.
const BRIDGED: Nanos = Nanos::from_secs(60);

/// The state in which a run ended.
pub struct Ending {
    /// Time up to which it was played.
    pub until: Instant,
    /// Whether it was broken off before its horizon.
    pub interrupted: bool,
    /// Sessions in flight.
    pub in_flight: u64,
    /// Units held by unpaid orders, sorted by SKU.
    pub held: Vec<(Sku, u32)>,
    /// Digest of each cell, in order.
    pub digests: Vec<u64>,
    /// Where the past was played as other scenarios.
    pub forks: Vec<Fork>,
}

/// Everything needed to turn a record into results.
struct Outcome<'a> {
    plan: &'a Plan,
    model: &'a Model,
    stock: &'a Stock,
    recorder: &'a Recorder,
    ending: &'a Ending,
    /// Factor from the simulated cells to the platform.
    scale: u64,
}

/// The results of a run.
///
/// # Errors
/// [`Breach`] if sessions, units or money are not conserved.
pub fn results(
    plan: &Plan,
    model: &Model,
    stock: &Stock,
    recorder: &Recorder,
    ending: &Ending,
) -> Result<Results, Breach> {
    let scale = model.scale();
    let outcome = Outcome { plan, model, stock, recorder, ending, scale };
    let conservation = outcome.conservation();
    if !conservation.holds() {
        return Err(Breach(conservation));
    }
    let (brands, products) = match &model.catalogue {
        Some(catalogue) => (outcome.brands(catalogue), outcome.products(catalogue)),
        None => (Vec::new(), Vec::new()),
    };
    Ok(Results {
        summary: outcome.summary(conservation),
        series: outcome.series(),
        services: outcome.services(),
        brands,
        products,
        ledger: outcome.ledger(),
    })
}

impl Conservation {
    /// Whether all laws hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.sessions_begun == self.sessions_ended + self.sessions_in_flight
            && self.units_start == self.units_sold + self.units_held + self.units_left
            && self.skus_in_breach == 0
            && self.ledger_difference_fen == 0
            && self.paid_difference_fen == 0
    }
}

/// The bucket of a cause.
fn bucket(cause: Cause) -> Bucket {
    match cause {
        Cause::BOUGHT => Bucket::Bought,
        Cause::SOLD_OUT => Bucket::SoldOut,
        Cause::GAVE_UP => Bucket::GaveUp,
        Cause::PAYMENT_FAILED => Bucket::PaymentFailed,
        Cause::HOLD_EXPIRED => Bucket::HoldExpired,
        Cause::WINDOW_CLOSED => Bucket::WindowClosed,
        Cause::OPEN => Bucket::Open,
        Cause::NONE | Cause::CHANGED_MIND | Cause::SETTLED => Bucket::ChangedMind,
        service if service.is_rejection() => Bucket::Rejected,
        _ => Bucket::TimedOut,
    }
}

impl Outcome<'_> {
    fn causes(&self) -> impl Iterator<Item = Cause> + use<> {
        (0..Cause::count(self.plan.services.len()) as u8).map(Cause)
    }

    fn unix_ms(&self, instant: Instant) -> i64 {
        self.plan.unix_ms(instant)
    }

    /// Checks each law on the simulated numbers; amounts are scaled up for the reader.
    fn conservation(&self) -> Conservation {
        let total = &self.recorder.total;
        let mut check = Conservation {
            sessions_begun: total.begun * self.scale,
            sessions_ended: total.ended * self.scale,
            sessions_in_flight: self.ending.in_flight * self.scale,
            ..Conservation::default()
        };
        let goods = self.stock.account(self.model.catalogue.as_ref(), &self.ending.held);
        check.skus_in_breach = goods.skus_in_breach;
        check.units_start = goods.start * self.scale;
        check.units_sold = goods.sold * self.scale;
        check.units_held = goods.held * self.scale;
        check.units_left = goods.left * self.scale;
        check.paid_difference_fen = goods.paid_fen as i64 - total.paid.fen as i64;
        let mut entered = 0;
        for window in 0..self.plan.windows.len() {
            for segment in 0..self.plan.segments.len() {
                entered += self.causes().map(|cause| total.ledger(window, segment, cause).fen).sum::<u64>();
            }
        }
        check.ledger_difference_fen = entered as i64 - total.demand.fen as i64;
        check
    }

    fn summary(&self, conservation: Conservation) -> Summary {
        let rows: Vec<&Row> = self.recorder.rows.iter().collect();
        let catalogue = self.model.catalogue.as_ref();
        let sold_out =
            (0..catalogue.map_or(0, Catalogue::categories)).map(|c| self.stock.of_category(c).1).sum::<i64>();
        let of_plan = self.plan.catalogue.as_ref();
        Summary {
            saleload: env!("CARGO_PKG_VERSION").into(),
            name: self.plan.name.clone(),
            title: self.plan.title.clone(),
            zone: self.plan.zone.clone(),
            seed: self.plan.seed,
            completion: if self.ending.interrupted { Completion::Interrupted } else { Completion::Complete },
            simulated_until_unix_ms: self.unix_ms(self.ending.until),
            cells: self.plan.cells,
            simulated_cells: self.model.simulated,
            shoppers: self.plan.shoppers,
            skus: of_plan.map_or(0, |c| c.skus + c.products.len() as u64),
            skus_sold_out: sold_out as u64,
            categories: of_plan.map_or(Vec::new(), |c| c.categories.iter().map(|c| c.name.clone()).collect()),
            services: self.plan.services.iter().map(|s| s.name.clone()).collect(),
            products: of_plan.map_or(Vec::new(), |c| c.products.iter().map(|p| p.name.clone()).collect()),
            total: self.totals(&rows),
            windows: (0..self.plan.windows.len()).map(|window| self.window(window)).collect(),
            saturated: (0..self.plan.services.len()).flat_map(|service| self.saturations(service)).collect(),
            conservation,
            events: self.recorder.total.events,
            digest: self.digest(),
            forks: self.ending.forks.clone(),
        }
    }

    /// One digest over the event streams of all cells and the totals.
    fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        self.ending.digests.iter().for_each(|digest| {
            hasher.update(&digest.to_le_bytes());
        });
        let total = &self.recorder.total;
        for number in [total.events, total.begun, total.ended, total.demand.fen, total.ordered.fen, total.paid.fen] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn totals(&self, rows: &[&Row]) -> Totals {
        let sum = |of: fn(&Row) -> u64| rows.iter().map(|row| of(row)).sum::<u64>() * self.scale;
        let lost: u64 = rows.iter().map(|row| self.lost_fen(row)).sum();
        Totals {
            sessions: sum(|row| row.begun),
            sessions_turned_away: sum(|row| row.turned_away),
            intents: sum(|row| row.demand.lines),
            orders_created: sum(|row| row.ordered.lines),
            orders_paid: sum(|row| row.paid.lines),
            demand_fen: sum(|row| row.demand.fen),
            gmv_ordered_fen: sum(|row| row.ordered.fen),
            gmv_paid_fen: sum(|row| row.paid.fen),
            lost_fen: lost * self.scale,
        }
    }

    fn lost_fen(&self, row: &Row) -> u64 {
        self.causes().filter(|&cause| bucket(cause).is_lost()).map(|cause| row.settled_fen[usize::from(cause.0)]).sum()
    }

    fn window(&self, window: usize) -> WindowSummary {
        let rows: Vec<&Row> = self.recorder.rows.iter().filter(|row| row.slot.window == window).collect();
        let rate = |lines: u64, row: &Row| (lines * self.scale) as f64 / row.slot.seconds();
        let peak = rows.iter().max_by(|a, b| {
            // The first of equals: `max_by` returns the last.
            rate(a.ordered.lines, a).total_cmp(&rate(b.ordered.lines, b)).then(b.slot.start.cmp(&a.slot.start))
        });
        let peak = peak.filter(|row| row.ordered.lines > 0);
        let plan = &self.plan.windows[window];
        WindowSummary {
            name: plan.name.clone(),
            opens_unix_ms: self.unix_ms(plan.opens),
            closes_unix_ms: self.unix_ms(plan.closes),
            total: self.totals(&rows),
            peak_orders_per_second: peak.map_or(0.0, |row| rate(row.ordered.lines, row)),
            peak_orders_unix_ms: peak.map(|row| self.unix_ms(row.slot.start)),
            peak_payments_per_second: rows.iter().map(|row| rate(row.paid.lines, row)).fold(0.0, f64::max),
        }
    }

    /// Workers of a service over the simulated cells.
    fn workers(&self, service: ServiceId) -> u64 {
        let per_instance = self.plan.services[service].pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
        (0..self.model.simulated).map(|cell| self.model.instances(service, cell)).sum::<u64>() * per_instance
    }

    /// Stretches in which a service could not keep up. A delay without servers always can, unless its protection says
    /// otherwise: its time-outs are its nature.
    fn saturations(&self, service: ServiceId) -> Vec<Saturation> {
        let workers = self.workers(service) as f64;
        let mut stretches: Vec<Saturation> = Vec::new();
        for row in &self.recorder.rows {
            let of = &row.services[service];
            let capacity_ns = workers * row.slot.seconds() * 1e9;
            let timed_out = of.reading.longest_queue > 0 && of.timed_out as f64 > of.requests as f64 * MANY_TIMED_OUT;
            let busy = workers > 0.0 && (timed_out || of.reading.busy as f64 >= SATURATED * capacity_ns);
            if of.rejected == 0 && !busy {
                continue;
            }
            let (from, until) = (self.unix_ms(row.slot.start), self.unix_ms(row.slot.end));
            let bridged = (BRIDGED.0 / 1_000_000) as i64;
            if stretches.last().is_none_or(|last| from - last.until_unix_ms > bridged) {
                stretches.push(Saturation {
                    service: self.plan.services[service].name.clone(),
                    from_unix_ms: from,
                    until_unix_ms: until,
                    worst_offered_over_capacity: 0.0,
                    queue_max: 0,
                    rejected: 0,
                    timed_out: 0,
                });
            }
            let Some(last) = stretches.last_mut() else { continue };
            last.until_unix_ms = until;
            let over = if workers > 0.0 { of.offered_ns as f64 / capacity_ns } else { 0.0 };
            last.worst_offered_over_capacity = last.worst_offered_over_capacity.max(over);
            last.queue_max = last.queue_max.max(of.reading.longest_queue * self.scale);
            last.rejected += of.rejected * self.scale;
            last.timed_out += of.timed_out * self.scale;
        }
        stretches
    }

    fn ledger(&self) -> Vec<LedgerRow> {
        let mut rows = Vec::new();
        for (window, of_window) in self.plan.windows.iter().enumerate() {
            for (segment, of_segment) in self.plan.segments.iter().enumerate() {
                let mut causes: Vec<Cause> = self.causes().collect();
                causes.sort_by_key(|&cause| (bucket(cause), cause.0));
                for cause in causes {
                    let Intents { lines, units, fen } = self.recorder.total.ledger(window, segment, cause);
                    if lines == 0 {
                        continue;
                    }
                    rows.push(LedgerRow {
                        window: of_window.name.clone(),
                        segment: of_segment.name.clone(),
                        bucket: bucket(cause),
                        service: cause.service().map_or(String::new(), |s| self.plan.services[s].name.clone()),
                        intents: lines * self.scale,
                        units: units * self.scale,
                        money_fen: fen * self.scale,
                    });
                }
            }
        }
        rows
    }
}

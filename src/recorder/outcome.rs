//! From the record of a run to [`Results`]: scaling a sample up, adding up windows, naming what was saturated, and checking
//! the conservation laws.

mod goods;
mod little;
mod saturation;
mod settlement;
mod tables;
mod targets;
mod vouchers;

use super::{DoubleSubmitTally, HedgeTally, Intents, PresaleTally, Recorder, RoomTally, Row, SubstituteTally};
use crate::engine::Breach;
use crate::engine::brands::MARKS;
use crate::engine::session::Cause;
use crate::engine::stock::Stock;
use crate::engine::switches::Turned;
use crate::model::catalogue::{Catalogue, Sku};
use crate::model::{Model, Presale};
use crate::plan::{Plan, Service, ServiceId};
use crate::published;
use crate::results::{
    Bucket, Completion, Conservation, Cost, DoubleSubmits, Fork, HOT, HedgeSummary, HotRows, LedgerRow, Oversold,
    PresaleSummary, Results, RoomSummary, ServiceCost, Stranded, Substituted, Summary, Switched, TargetResult, Totals,
    WindowSummary,
};
use crate::units::{Fen, Instant, Nanos};

/// The state in which a run ended.
pub struct Ending {
    /// Time up to which it was played.
    pub until: Instant,
    /// Whether it was broken off before its horizon.
    pub interrupted: bool,
    /// Sessions in flight.
    pub in_flight: u64,
    /// Requests at the desk of each service or on the way to it.
    pub at_services: Vec<u64>,
    /// Units held by unpaid orders, sorted by SKU.
    pub held: Vec<(Sku, u32)>,
    /// Units set aside for orders with a deposit, sorted by SKU.
    pub set_aside: Vec<(Sku, u32)>,
    /// Digest of each cell, in order.
    pub digests: Vec<u64>,
    /// Where the past was played as other scenarios.
    pub forks: Vec<Fork>,
    /// Services with an autoscaler, and their instance-nanoseconds over the whole platform while a window was open.
    pub paid: Vec<(ServiceId, u128)>,
    /// When switches were on.
    pub switched: Vec<Turned>,
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
    /// Workers of each service over the simulated cells.
    workers: Vec<u64>,
    /// When brands passed each mark, in order of time.
    passed_at: [Vec<Instant>; MARKS.len()],
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
    let workers = (0..plan.services.len()).map(|service| workers(plan, model, service)).collect();
    let passed_at = std::array::from_fn(|mark| {
        let passings = stock.brands().passings().iter();
        passings.filter(|passing| usize::from(passing.mark) == mark).map(|passing| passing.at).collect()
    });
    let outcome = Outcome { plan, model, stock, recorder, ending, scale, workers, passed_at };
    let conservation = outcome.conservation();
    if !conservation.holds() {
        return Err(Breach(conservation));
    }
    let (brands, products) = match &model.catalogue {
        Some(catalogue) => (outcome.brands(catalogue), outcome.products(catalogue)),
        None => (Vec::new(), Vec::new()),
    };
    let targets = outcome.targets(&brands, &products);
    let series = outcome.series();
    let mut summary = outcome.summary(conservation, targets);
    summary.published = published::measure_results(&plan.published, &summary, &series, plan.origin_unix_ms);
    Ok(Results {
        summary,
        series,
        services: outcome.services(),
        brands,
        products,
        ledger: outcome.ledger(),
        channels: outcome.channels(),
        livestreams: outcome.livestreams(),
        vouchers: outcome.vouchers(),
    })
}

fn workers(plan: &Plan, model: &Model, service: ServiceId) -> u64 {
    let per_instance = plan.services[service].pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
    (0..model.simulated).map(|cell| model.instances(service, cell)).sum::<u64>() * per_instance
}

impl Conservation {
    /// Whether all laws hold.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.sessions_begun == self.sessions_ended + self.sessions_in_flight
            && self.units_start + self.units_restocked
                == self.units_sold + self.units_held + self.units_set_aside + self.units_left
            && self.skus_in_breach == 0
            && self.requests_add_up
            && self.ledger_difference_fen == 0
            && self.paid_difference_fen == 0
    }
}

/// The bucket of a cause.
fn bucket(cause: Cause) -> Bucket {
    match cause {
        Cause::BOUGHT => Bucket::Bought,
        Cause::SOLD_OUT => Bucket::SoldOut,
        Cause::SUBSTITUTED => Bucket::Substituted,
        Cause::OVERSOLD => Bucket::Oversold,
        Cause::GAVE_UP => Bucket::GaveUp,
        Cause::REFUSED => Bucket::Refused,
        Cause::HOT => Bucket::Rejected,
        Cause::PAYMENT_FAILED => Bucket::PaymentFailed,
        Cause::HOLD_EXPIRED => Bucket::HoldExpired,
        Cause::WINDOW_CLOSED => Bucket::WindowClosed,
        Cause::DEPOSIT_FORFEITED => Bucket::DepositForfeited,
        Cause::OPEN => Bucket::Open,
        Cause::COUPON => Bucket::Coupon,
        Cause::NONE | Cause::CHANGED_MIND | Cause::SETTLED => Bucket::ChangedMind,
        service if service.is_rejection() => Bucket::Rejected,
        service if service.is_giving_up() => Bucket::GaveUp,
        _ => Bucket::TimedOut,
    }
}

impl Outcome<'_> {
    fn causes(&self) -> impl Iterator<Item = Cause> + use<> {
        (0..Cause::count(self.plan.services.len())).map(|cause| Cause(cause as u8))
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
        let goods = self.stock.account(self.model.catalogue.as_ref(), &self.ending.held, &self.ending.set_aside);
        check.skus_in_breach = goods.skus_in_breach;
        check.units_start = goods.start * self.scale;
        check.units_restocked = goods.restocked * self.scale;
        check.units_sold = goods.sold * self.scale;
        check.units_held = goods.held * self.scale;
        check.units_set_aside = goods.set_aside * self.scale;
        check.units_left = goods.left * self.scale;
        check.paid_difference_fen = goods.paid_fen as i64 - total.paid.fen as i64;
        let mut entered = 0;
        for window in 0..self.plan.windows.len() {
            for segment in 0..self.plan.segments.len() {
                entered += self.causes().map(|cause| total.ledger(window, segment, cause).fen).sum::<u64>();
            }
        }
        check.ledger_difference_fen = entered as i64 - total.demand.fen as i64;
        check.requests_add_up = self.recorder.requests_hold(&self.ending.at_services);
        check
    }

    fn summary(&self, conservation: Conservation, targets: Vec<TargetResult>) -> Summary {
        let rows: Vec<&Row> = self.recorder.rows.iter().collect();
        let catalogue = self.model.catalogue.as_ref();
        let sold_out =
            (0..catalogue.map_or(0, Catalogue::categories)).map(|c| self.stock.of_category(c).empty).sum::<i64>();
        let of_plan = self.plan.catalogue.as_ref();
        Summary {
            saleload: env!("CARGO_PKG_VERSION").into(),
            name: self.plan.name.clone(),
            title: self.plan.title.clone(),
            zone: self.plan.zone.clone(),
            seed: self.plan.seed,
            completion: if self.ending.interrupted { Completion::Interrupted } else { Completion::Complete },
            status: targets::status(&targets),
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
            presales: self.model.presales.iter().map(|presale| self.presale(presale)).collect(),
            double_submits: self.plan.has_double_submits().then(|| self.double_submits()),
            vouchers: self.voucher_summaries(),
            saturated: (0..self.plan.services.len()).flat_map(|service| self.saturations(service)).collect(),
            settlements: self.settlements(),
            residuals: (0..self.plan.services.len()).filter_map(|service| self.residual(service)).collect(),
            hedges: self.hedges(),
            switched: self.ending.switched.iter().map(|turned| self.switched(turned)).collect(),
            oversold: self.model.inventory.oversells().then(|| self.oversold()),
            stranded: self.model.inventory.split.map(|_| self.stranded()),
            substituted: self.plan.has_substitution().then(|| self.substituted()),
            hot_rows: self.model.inventory.hot.map(|_| self.hot_rows()),
            cost: self.cost(),
            targets,
            // Measured on the series, when that is there.
            published: Vec::new(),
            conservation,
            events: self.recorder.total.events,
            digest: self.digest(),
            forks: self.ending.forks.clone(),
        }
    }

    fn double_submits(&self) -> DoubleSubmits {
        let DoubleSubmitTally { sent, caught, ordered, paid } = self.recorder.total.double_submits;
        DoubleSubmits {
            submits: sent * self.scale,
            caught: caught * self.scale,
            orders: ordered.lines * self.scale,
            units: ordered.units * self.scale,
            ordered_fen: ordered.fen * self.scale,
            paid_again: paid.lines * self.scale,
            paid_again_fen: paid.fen * self.scale,
        }
    }

    fn hedges(&self) -> Vec<HedgeSummary> {
        let of = |(service, tally): (&Service, &HedgeTally)| {
            let calls = tally.calls_us.count();
            service.hedge.map(|_| HedgeSummary {
                service: service.name.clone(),
                answered: calls * self.scale,
                sent: tally.sent * self.scale,
                won: tally.won * self.scale,
                response_us_mean: tally.waited_ns as f64 / 1e3 / calls.max(1) as f64,
                response_us_p50: tally.calls_us.quantile(0.5),
                response_us_p90: tally.calls_us.quantile(0.9),
                response_us_p99: tally.calls_us.quantile(0.99),
                response_us_p999: tally.calls_us.quantile(0.999),
            })
        };
        self.plan.services.iter().zip(&self.recorder.total.hedges).filter_map(of).collect()
    }

    fn switched(&self, turned: &Turned) -> Switched {
        Switched {
            switch: self.plan.switches[turned.switch].name.clone(),
            on_unix_ms: self.unix_ms(turned.on),
            off_unix_ms: turned.off.map(|off| self.unix_ms(off)),
        }
    }

    fn oversold(&self) -> Oversold {
        let Intents { lines, units, fen } = self.recorder.total.entered_as(Cause::OVERSOLD);
        let skus = (0..self.stock.skus()).filter(|&sku| self.stock.oversold(sku) > 0).count() as u64;
        Oversold { skus, orders: lines * self.scale, units: units * self.scale, fen: fen * self.scale }
    }

    fn hot_rows(&self) -> HotRows {
        let Intents { lines, units, fen } = self.recorder.total.entered_as(Cause::HOT);
        let skus = self.recorder.total.requests_rejected.len() as u64;
        HotRows { skus, requests_rejected: lines * self.scale, units: units * self.scale, fen: fen * self.scale }
    }

    fn stranded(&self) -> Stranded {
        let Intents { lines, units, fen } = self.recorder.total.stranded;
        Stranded { lines: lines * self.scale, units: units * self.scale, fen: fen * self.scale }
    }

    fn substituted(&self) -> Substituted {
        let Intents { lines, units, fen } = self.recorder.total.entered_as(Cause::SUBSTITUTED);
        let SubstituteTally { wanted, paid } = self.recorder.total.substitutes;
        Substituted {
            lines: lines * self.scale,
            units: units * self.scale,
            fen: fen * self.scale,
            instead_fen: wanted.fen * self.scale,
            paid: paid.lines * self.scale,
            gmv_paid_fen: paid.fen * self.scale,
        }
    }

    fn cost(&self) -> Option<Cost> {
        let until = self.cost_known_until();
        let of = |(id, service): (ServiceId, &Service)| {
            let (pool, cost) = (service.pool.as_ref()?, self.cost_until(id, until)?);
            let per_hour_fen = service.cost?.0;
            let most = service.capacity().map_or(pool.instances, |capacity| capacity.most(pool.instances));
            Some(ServiceCost {
                service: service.name.clone(),
                instances: most,
                instance_seconds: (self.instance_nanos(id, until) / u128::from(Nanos::PER_SECOND)) as u64,
                per_hour_fen,
                fen: cost.0,
            })
        };
        let seconds = self.plan.open_until(until).0 / Nanos::PER_SECOND;
        let services: Vec<ServiceCost> = self.plan.services.iter().enumerate().filter_map(of).collect();
        self.total_cost().map(|total| Cost { seconds, total_fen: total.0, services })
    }

    /// Instance-nanoseconds of a service while a window is open, up to an instant; with an autoscaler, up to the end of the run.
    fn instance_nanos(&self, service: ServiceId, until: Instant) -> u128 {
        let paid = self.ending.paid.iter().find(|(of, _)| *of == service);
        let by_plan = || self.plan.instance_nanos_until(&self.plan.services[service], until);
        paid.map_or_else(by_plan, |(_, nanos)| *nanos)
    }

    /// What a service costs up to an instant, if that is stated.
    fn cost_until(&self, service: ServiceId, until: Instant) -> Option<Fen> {
        self.plan.services[service].cost_of(self.instance_nanos(service, until))
    }

    /// Whether what a service costs is known, if that is stated: by plan, or as the run has come to its end.
    fn is_cost_known(&self, service: ServiceId) -> bool {
        !self.ending.interrupted || self.plan.services[service].autoscaler().is_none()
    }

    /// Up to when costs are told: all through the windows, or up to an interruption where an autoscaler decides about some of them.
    fn cost_known_until(&self) -> Instant {
        let states_it = |service: &ServiceId| self.plan.services[*service].cost.is_some();
        let all_known = (0..self.plan.services.len()).filter(states_it).all(|service| self.is_cost_known(service));
        if all_known { Instant(u64::MAX) } else { self.ending.until }
    }

    /// What a service costs; what it has cost so far, where the run was interrupted before that is known.
    fn cost_of(&self, service: ServiceId) -> Option<Fen> {
        self.cost_until(service, Instant(u64::MAX))
    }

    /// What all services cost that state it; `None` where none does. Where the run was interrupted before that is known, what they have
    /// cost so far.
    fn total_cost(&self) -> Option<Fen> {
        let until = self.cost_known_until();
        let costs = (0..self.plan.services.len()).filter_map(|service| self.cost_until(service, until));
        costs.reduce(|sum, cost| sum + cost)
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
            room: plan.room.is_some().then(|| self.room(window)),
        }
    }

    fn room(&self, window: usize) -> RoomSummary {
        let RoomTally { counts, waits_ms } = &self.recorder.total.rooms[window];
        // A quantile is the upper end of its bucket; nobody has waited for longer than a place lasts.
        let longest = self.plan.windows[window].room.as_ref().and_then(|room| room.longest_wait);
        let longest_ms = longest.map_or(u64::MAX, |longest| longest.0.div_ceil(1_000_000));
        let wait_ms = |quantile| waits_ms.quantile(quantile).min(longest_ms);
        RoomSummary {
            came: counts.came * self.scale,
            waited: counts.waited * self.scale,
            admitted: counts.admitted * self.scale,
            gave_up: counts.gave_up * self.scale,
            sent_away: counts.sent_away * self.scale,
            closed: counts.closed * self.scale,
            waiting: (counts.came - counts.admitted - counts.left()) * self.scale,
            wait_ms_p50: wait_ms(0.5),
            wait_ms_p90: wait_ms(0.9),
            wait_ms_p99: wait_ms(0.99),
            wait_ms_max: wait_ms(1.0),
        }
    }

    fn presale(&self, presale: &Presale) -> PresaleSummary {
        let mut sum = PresaleTally::default();
        // Until the balances are due no other presale opens.
        let windows = presale.window..=presale.terms.window;
        let rows = self.recorder.rows.iter().filter(|row| windows.contains(&row.slot.window));
        rows.for_each(|row| sum.add(row.presale));
        let name = |window: usize| self.plan.windows[window].name.clone();
        PresaleSummary {
            window: name(presale.window),
            balances_in: name(presale.terms.window),
            balances_from_unix_ms: self.unix_ms(presale.terms.opens),
            deposits: sum.deposits.lines * self.scale,
            deposits_fen: sum.deposits.fen * self.scale,
            balances: sum.balances.lines * self.scale,
            balances_fen: sum.balances.fen * self.scale,
            gmv_paid_fen: sum.completed_fen * self.scale,
            forfeited: sum.forfeited.lines * self.scale,
            forfeited_fen: sum.forfeited.fen * self.scale,
        }
    }

    /// Workers of a service over the simulated cells; zero: a delay without queueing.
    fn workers(&self, service: ServiceId) -> u64 {
        self.workers[service]
    }

    fn ledger(&self) -> Vec<LedgerRow> {
        let mut rows = Vec::new();
        for (window, of_window) in self.plan.windows.iter().enumerate() {
            for (segment, of_segment) in self.plan.segments.iter().enumerate() {
                let mut causes: Vec<Cause> = self.causes().collect();
                causes.sort_by_key(|&cause| (bucket(cause), cause.0));
                for cause in causes {
                    let Intents { lines, units, fen } = self.recorder.total.ledger(window, segment, cause);
                    if lines == 0 && fen == 0 {
                        continue;
                    }
                    rows.push(LedgerRow {
                        window: of_window.name.clone(),
                        segment: of_segment.name.clone(),
                        bucket: bucket(cause),
                        service: match cause.service() {
                            Some(service) => self.plan.services[service].name.clone(),
                            None if cause == Cause::HOT => HOT.into(),
                            None => String::new(),
                        },
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

//! From the record of a run to [`Results`]: scaling a sample up, adding up windows, naming what was saturated, and checking
//! the conservation laws.

use super::{Intents, Recorder, Row};
use crate::engine::Breach;
use crate::engine::session::Cause;
use crate::engine::stock::Stock;
use crate::model::Model;
use crate::model::catalogue::{Catalogue, Sku};
use crate::plan::{Plan, ServiceId};
use crate::results::{
    BrandRow, Bucket, Column, Completion, Conservation, LedgerRow, ProductRow, Results, Saturation, ServiceRow,
    Summary, Table, Totals, Values, WindowSummary, series,
};
use crate::units::{Instant, Nanos};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Generated SKUs in the table of products, those with the largest paid GMV.
const TOP_PRODUCTS: usize = 1000;
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
    let scale = u64::from(model.cells / model.simulated);
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
        self.plan.origin_unix_ms + (instant.0 / 1_000_000) as i64
    }

    fn skus(&self) -> impl Iterator<Item = Sku> + use<> {
        0..self.stock.skus()
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
        let mut held = self.ending.held.iter().peekable();
        let mut paid_fen = 0;
        for sku in self.skus() {
            let stock = self.stock.of(sku);
            let start = self.model.catalogue.as_ref().map_or(0, |catalogue| u64::from(catalogue.offer(sku).stock));
            let mut held_units = 0;
            while let Some((_, units)) = held.next_if(|(of, _)| *of == sku) {
                held_units += u64::from(*units);
            }
            let (left, sold) = (u64::from(stock.left), u64::from(stock.paid));
            check.skus_in_breach += u64::from(start != sold + held_units + left);
            check.units_start += start * self.scale;
            check.units_sold += sold * self.scale;
            check.units_held += held_units * self.scale;
            check.units_left += left * self.scale;
            paid_fen += sold * u64::from(stock.price);
        }
        check.paid_difference_fen = paid_fen as i64 - total.paid.fen as i64;
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

    /// Stretches in which a service could not keep up. A delay without servers always can: its time-outs are its nature.
    fn saturations(&self, service: ServiceId) -> Vec<Saturation> {
        let workers = self.workers(service) as f64;
        let mut stretches: Vec<Saturation> = Vec::new();
        let rows = if workers > 0.0 { self.recorder.rows.as_slice() } else { &[] };
        for row in rows {
            let of = &row.services[service];
            let capacity_ns = workers * row.slot.seconds() * 1e9;
            let timed_out = of.reading.longest_queue > 0 && of.timed_out as f64 > of.requests as f64 * MANY_TIMED_OUT;
            if of.rejected == 0 && !timed_out && (of.reading.busy as f64) < SATURATED * capacity_ns {
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
            last.worst_offered_over_capacity = last.worst_offered_over_capacity.max(of.offered_ns as f64 / capacity_ns);
            last.queue_max = last.queue_max.max(of.reading.longest_queue * self.scale);
            last.rejected += of.rejected * self.scale;
            last.timed_out += of.timed_out * self.scale;
        }
        stretches
    }

    fn series(&self) -> Table {
        let rows = &self.recorder.rows;
        let mut columns = Vec::new();
        let mut integers = |name: String, of: &dyn Fn(&Row) -> i64| {
            columns.push(Column { name, values: Values::Integer(rows.iter().map(of).collect()) });
        };
        let scale = self.scale as i64;
        let scaled = move |n: u64| n as i64 * scale;
        integers(series::TIME.into(), &|row| self.unix_ms(row.slot.start));
        integers(series::SECONDS.into(), &|row| (row.slot.end - row.slot.start).0.div_ceil(1_000_000_000) as i64);
        integers(series::WINDOW.into(), &|row| row.slot.window as i64 + 1);
        integers(series::SESSIONS.into(), &|row| scaled(row.begun));
        integers(series::IN_FLIGHT.into(), &|row| scaled(row.in_flight));
        integers(series::ORDERS.into(), &|row| scaled(row.ordered.lines));
        integers(series::PAYMENTS.into(), &|row| scaled(row.paid.lines));
        integers(series::GMV_ORDERED.into(), &|row| scaled(row.ordered.fen));
        integers(series::GMV_PAID.into(), &|row| scaled(row.paid.fen));
        for which in Bucket::ALL.into_iter().filter(|&which| which != Bucket::Open) {
            integers(series::bucket(which), &|row| {
                scaled(self.causes().filter(|&c| bucket(c) == which).map(|c| row.settled_fen[usize::from(c.0)]).sum())
            });
        }
        if let Some(catalogue) = &self.plan.catalogue {
            for (id, category) in catalogue.categories.iter().enumerate() {
                integers(series::category(&category.name, "units_left"), &|row| row.categories[id].0 * scale);
                // SKUs are weighted by those that they stand for, not scaled.
                integers(series::category(&category.name, "skus_sold_out"), &|row| row.categories[id].1);
            }
            for (id, product) in catalogue.products.iter().enumerate() {
                integers(series::product_left(&product.name), &|row| scaled(u64::from(row.products_left[id])));
            }
        }
        for service in 0..self.plan.services.len() {
            self.service_series(service, &mut columns);
        }
        Table { columns }
    }

    fn service_series(&self, service: ServiceId, columns: &mut Vec<Column>) {
        let rows = &self.recorder.rows;
        let name = |what: &str| series::service(&self.plan.services[service].name, what);
        let scale = self.scale as i64;
        let mut integers = |what: &str, of: &dyn Fn(&super::ServiceRow) -> u64, factor: i64| {
            let values = rows.iter().map(|row| of(&row.services[service]) as i64 * factor).collect();
            columns.push(Column { name: name(what), values: Values::Integer(values) });
        };
        integers("requests", &|s| s.requests, scale);
        integers("rejected", &|s| s.rejected, scale);
        integers("timed_out", &|s| s.timed_out, scale);
        integers("queue_max", &|s| s.reading.longest_queue, scale);
        integers("response_us_p50", &|s| s.response_us_p50, 1);
        integers("response_us_p99", &|s| s.response_us_p99, 1);
        let workers = self.workers(service) as f64;
        let over =
            |ns: u64, row: &Row| if workers > 0.0 { ns as f64 / (workers * row.slot.seconds() * 1e9) } else { 0.0 };
        let mut reals = |what: &str, of: &dyn Fn(&Row, &super::ServiceRow) -> f64| {
            let values = rows.iter().map(|row| of(row, &row.services[service])).collect();
            columns.push(Column { name: name(what), values: Values::Real(values) });
        };
        reals("utilisation", &|row, s| over(s.reading.busy, row));
        reals("offered_over_capacity", &|row, s| over(s.offered_ns, row));
        let scale = self.scale as f64;
        reals("queue_mean", &|row, s| s.reading.queued as f64 * scale / (row.slot.seconds() * 1e9));
        reals("wait_us_mean", &|_, s| ratio(s.waited_ns as f64 / 1e3, s.requests - s.rejected));
    }

    fn services(&self) -> Vec<ServiceRow> {
        let mut rows = Vec::new();
        for service in 0..self.plan.services.len() {
            for window in 0..self.plan.windows.len() {
                rows.push(self.service_row(service, window));
            }
        }
        rows
    }

    fn service_row(&self, service: ServiceId, window: usize) -> ServiceRow {
        let workers = self.workers(service);
        let slots = || self.recorder.rows.iter().filter(|row| row.slot.window == window);
        let sum = |of: fn(&super::ServiceRow) -> u64| slots().map(|row| of(&row.services[service])).sum::<u64>();
        let capacity_ns = |row: &Row| workers as f64 * row.slot.seconds() * 1e9;
        let closes = self.plan.windows[window].closes;
        let open = || slots().filter(|row| row.slot.start < closes);
        let busy = open().map(|row| row.services[service].reading.busy as f64).sum::<f64>();
        let capacity = open().map(capacity_ns).sum::<f64>();
        let busiest = slots()
            .map(|row| row.services[service].reading.busy as f64 / capacity_ns(row).max(1.0))
            .fold(0.0, f64::max);
        let rate = |row: &Row| (row.services[service].requests * self.scale) as f64 / row.slot.seconds();
        let responses = &self.recorder.responses_us[window][service];
        let (requests, rejected) = (sum(|s| s.requests), sum(|s| s.rejected));
        let queues = slots().map(|row| row.services[service].reading.longest_queue);
        ServiceRow {
            service: self.plan.services[service].name.clone(),
            window: self.plan.windows[window].name.clone(),
            workers: workers * self.scale,
            requests: requests * self.scale,
            rejected: rejected * self.scale,
            timed_out: sum(|s| s.timed_out) * self.scale,
            peak_requests_per_second: slots().map(rate).fold(0.0, f64::max),
            utilisation_mean: if workers > 0 && capacity > 0.0 { busy / capacity } else { 0.0 },
            utilisation_max: if workers > 0 { busiest } else { 0.0 },
            queue_max: queues.max().unwrap_or(0) * self.scale,
            wait_us_mean: ratio(sum(|s| s.waited_ns) as f64 / 1e3, requests - rejected),
            response_us_p50: responses.value_at_quantile(0.5),
            response_us_p90: responses.value_at_quantile(0.9),
            response_us_p99: responses.value_at_quantile(0.99),
            response_us_p999: responses.value_at_quantile(0.999),
            response_us_max: responses.max(),
        }
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

    fn brands(&self, catalogue: &Catalogue) -> Vec<BrandRow> {
        let named = self.plan.catalogue.as_ref().map_or(0, |c| c.named_brands.len());
        let mut brands: Vec<BrandTotals> = vec![BrandTotals::default(); catalogue.brands()];
        for sku in self.skus() {
            let Some(brand) = catalogue.brand_of(sku) else { continue };
            let stock = self.stock.of(sku);
            let (of, weight) = (&mut brands[brand], catalogue.weight(sku));
            of.skus += weight;
            of.sold_out += if stock.left == 0 { weight } else { 0 };
            of.ordered += u64::from(stock.ordered);
            of.paid += u64::from(stock.paid);
            of.ordered_fen += u64::from(stock.ordered) * u64::from(stock.price);
            of.paid_fen += u64::from(stock.paid) * u64::from(stock.price);
        }
        let mut order: Vec<usize> = (0..brands.len()).filter(|&id| id < named || brands[id].ordered > 0).collect();
        order.sort_by_key(|&id| (Reverse(brands[id].paid_fen), id));
        order.into_iter().map(|id| self.brand_row(catalogue, id, named, &brands[id])).collect()
    }

    fn brand_row(&self, catalogue: &Catalogue, id: usize, named: usize, totals: &BrandTotals) -> BrandRow {
        let (category, name) = catalogue.brand(id);
        BrandRow {
            brand: name.map_or_else(|| format!("brand-{:06}", id - named), str::to_string),
            category: self.category_name(category),
            skus: totals.skus,
            skus_sold_out: totals.sold_out,
            units_ordered: totals.ordered * self.scale,
            units_paid: totals.paid * self.scale,
            gmv_ordered_fen: totals.ordered_fen * self.scale,
            gmv_paid_fen: totals.paid_fen * self.scale,
        }
    }

    fn category_name(&self, category: usize) -> String {
        self.plan.catalogue.as_ref().map_or(String::new(), |c| c.categories[category].name.clone())
    }

    fn products(&self, catalogue: &Catalogue) -> Vec<ProductRow> {
        let named = catalogue.named_products() as Sku;
        let mut top = BinaryHeap::with_capacity(TOP_PRODUCTS + 1);
        for sku in named..self.stock.skus() {
            let stock = self.stock.of(sku);
            if stock.paid > 0 {
                top.push(Reverse((u64::from(stock.paid) * u64::from(stock.price), Reverse(sku))));
                if top.len() > TOP_PRODUCTS {
                    top.pop();
                }
            }
        }
        let top = top.into_sorted_vec().into_iter().map(|Reverse((_, Reverse(sku)))| sku);
        (0..named).chain(top).map(|sku| self.product_row(catalogue, sku)).collect()
    }

    fn product_row(&self, catalogue: &Catalogue, sku: Sku) -> ProductRow {
        let stock = self.stock.of(sku);
        let named_brands = self.plan.catalogue.as_ref().map_or(0, |c| c.named_brands.len());
        let brand = catalogue.brand_of(sku).map(|id| match catalogue.brand(id).1 {
            Some(name) => name.to_string(),
            None => format!("brand-{:06}", id - named_brands),
        });
        let name = match catalogue.full_number(sku) {
            Some(number) => format!("sku-{number:08}"),
            None => self.plan.catalogue.as_ref().map_or(String::new(), |c| c.products[sku as usize].name.clone()),
        };
        ProductRow {
            product: name,
            category: self.category_name(catalogue.category_of(sku)),
            brand: brand.unwrap_or_default(),
            price_fen: u64::from(stock.price),
            units_start: u64::from(catalogue.offer(sku).stock) * self.scale,
            units_ordered: u64::from(stock.ordered) * self.scale,
            units_paid: u64::from(stock.paid) * self.scale,
            units_left: u64::from(stock.left) * self.scale,
            gmv_paid_fen: u64::from(stock.paid) * u64::from(stock.price) * self.scale,
            sold_out_unix_ms: self.stock.sold_out_at(sku).map(|at| self.unix_ms(at)),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct BrandTotals {
    skus: u64,
    sold_out: u64,
    ordered: u64,
    paid: u64,
    ordered_fen: u64,
    paid_fen: u64,
}

fn ratio(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

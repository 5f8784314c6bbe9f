//! Recorded slots as tables: the series, and services by window.

use super::{Outcome, bucket};
use crate::plan::{Livestream, ServiceId};
use crate::recorder::{Row, ServiceRow as Recorded, Turnover, TurnoverRow};
use crate::results::{Bucket, ChannelRow, Column, LivestreamRow, ServiceRow, Table, Values, series};

impl Outcome<'_> {
    pub(super) fn series(&self) -> Table {
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
        let has_presales = !self.model.presales.is_empty();
        if has_presales {
            integers(series::DEPOSITS.into(), &|row| scaled(row.presale.deposits.lines));
            integers(series::DEPOSITS_FEN.into(), &|row| scaled(row.presale.deposits.fen));
            integers(series::BALANCES.into(), &|row| scaled(row.presale.balances.lines));
            integers(series::BALANCES_FEN.into(), &|row| scaled(row.presale.balances.fen));
            integers(series::FORFEITED_FEN.into(), &|row| scaled(row.presale.forfeited.fen));
        }
        let (oversells, substitutes) = (self.model.inventory.oversells(), self.plan.has_substitution());
        let exists = |which: &Bucket| *which != Bucket::Open && which.exists(has_presales, oversells, substitutes);
        for which in Bucket::ALL.into_iter().filter(exists) {
            integers(series::bucket(which), &|row| {
                scaled(self.causes().filter(|&c| bucket(c) == which).map(|c| row.settled_fen[usize::from(c.0)]).sum())
            });
        }
        if let Some(catalogue) = &self.plan.catalogue {
            for (mark, name) in series::BRANDS_PAST.into_iter().enumerate() {
                integers(name.into(), &|row| self.brands_past(mark as u8, row.slot.end) as i64);
            }
            for (id, category) in catalogue.categories.iter().enumerate() {
                integers(series::category(&category.name, "gmv_paid_fen"), &|row| scaled(row.categories[id].paid_fen));
                integers(series::category(&category.name, "units_left"), &|row| row.categories[id].left * scale);
                // SKUs are weighted by those that they stand for, not scaled.
                integers(series::category(&category.name, "skus_sold_out"), &|row| row.categories[id].empty);
            }
            for (id, product) in catalogue.products.iter().enumerate() {
                integers(series::product_left(&product.name), &|row| scaled(u64::from(row.products_left[id])));
            }
        }
        if self.model.has_rooms() {
            integers(series::room("came"), &|row| scaled(row.rooms.came));
            integers(series::room("admitted"), &|row| scaled(row.rooms.admitted));
            integers(series::room("left"), &|row| scaled(row.rooms.left()));
            let mut waiting = 0;
            let waiting = rows.iter().map(|row| {
                waiting += row.rooms.came as i64 - row.rooms.admitted as i64 - row.rooms.left() as i64;
                waiting * scale
            });
            columns.push(Column { name: series::room("waiting"), values: Values::Integer(waiting.collect()) });
        }
        for (id, channel) in self.plan.channels.iter().enumerate() {
            columns.extend(self.turnover(|what| series::channel(&channel.name, what), |row| row.channels[id]));
        }
        for (id, of) in self.plan.livestreams.iter().enumerate() {
            columns.extend(self.turnover(|what| series::livestream(&of.name, what), |row| row.livestreams[id]));
        }
        for service in 0..self.plan.services.len() {
            self.service_series(service, &mut columns);
        }
        Table { columns }
    }

    /// The columns of a channel or livestream.
    fn turnover(&self, name: impl Fn(&str) -> String, of: impl Fn(&Row) -> TurnoverRow) -> [Column; 4] {
        let column = |what: &str, part: fn(TurnoverRow) -> u64| {
            let values = self.recorder.rows.iter().map(|row| (part(of(row)) * self.scale) as i64).collect();
            Column { name: name(what), values: Values::Integer(values) }
        };
        [
            column("sessions_begun", |of| of.sessions),
            column("orders_created", |of| of.ordered),
            column("orders_paid", |of| of.paid),
            column("gmv_paid_fen", |of| of.paid_fen),
        ]
    }

    fn service_series(&self, service: ServiceId, columns: &mut Vec<Column>) {
        let rows = &self.recorder.rows;
        let name = |what: &str| series::service(&self.plan.services[service].name, what);
        let scale = self.scale as i64;
        let mut integers = |what: &str, of: &dyn Fn(&Recorded) -> u64, factor: i64| {
            let values = rows.iter().map(|row| of(&row.services[service]) as i64 * factor).collect();
            columns.push(Column { name: name(what), values: Values::Integer(values) });
        };
        integers("requests", &|s| s.requests, scale);
        integers("rejected", &|s| s.rejected, scale);
        integers("limited", &|s| s.limited, scale);
        integers("timed_out", &|s| s.timed_out, scale);
        integers("cancelled", &|s| s.cancelled, scale);
        integers("present", &|s| s.present, scale);
        integers("queue_max", &|s| s.reading.longest_queue, scale);
        integers("response_us_p50", &|s| s.response_us_p50, 1);
        integers("response_us_p99", &|s| s.response_us_p99, 1);
        let over = |ns: u128, row: &Row| match self.capacity_ns(service, row) {
            0 => 0.0,
            capacity => ns as f64 / capacity as f64,
        };
        let mut reals = |what: &str, of: &dyn Fn(&Row, &Recorded) -> f64| {
            let values = rows.iter().map(|row| of(row, &row.services[service])).collect();
            columns.push(Column { name: name(what), values: Values::Real(values) });
        };
        reals("utilisation", &|row, s| over(s.reading.busy, row));
        reals("offered_over_capacity", &|row, _| self.offered_over_capacity(service, row));
        let scale = self.scale as f64;
        reals("queue_mean", &|row, s| s.reading.queued as f64 * scale / (row.slot.seconds() * 1e9));
        reals("wait_us_mean", &|_, s| ratio(s.waited_ns as f64 / 1e3, s.answered));
        reals("stayed", &|row, s| s.reading.stayed as f64 * scale / (row.slot.seconds() * 1e9));
        if self.plan.services[service].capacity().is_some() {
            reals("instances", &|row, s| s.reading.standing as f64 * scale / (row.slot.seconds() * 1e9));
        }
    }

    pub(super) fn channels(&self) -> Vec<ChannelRow> {
        let (windows, channels) = (&self.plan.windows, &self.plan.channels);
        let row = |window: usize, channel: usize| {
            let of = &self.recorder.total.channels[window * channels.len() + channel];
            ChannelRow {
                channel: channels[channel].name.clone(),
                window: windows[window].name.clone(),
                sessions: of.sessions * self.scale,
                intents: of.demand.lines * self.scale,
                orders_created: of.ordered.lines * self.scale,
                orders_paid: of.paid.lines * self.scale,
                demand_fen: of.demand.fen * self.scale,
                gmv_ordered_fen: of.ordered.fen * self.scale,
                gmv_paid_fen: of.paid.fen * self.scale,
            }
        };
        (0..channels.len()).flat_map(|channel| (0..windows.len()).map(move |window| row(window, channel))).collect()
    }

    pub(super) fn livestreams(&self) -> Vec<LivestreamRow> {
        let row = |(livestream, of): (&Livestream, &Turnover)| LivestreamRow {
            livestream: livestream.name.clone(),
            window: self.plan.windows[livestream.window].name.clone(),
            viewers: of.sessions * self.scale,
            intents: of.demand.lines * self.scale,
            orders_created: of.ordered.lines * self.scale,
            orders_paid: of.paid.lines * self.scale,
            demand_fen: of.demand.fen * self.scale,
            gmv_ordered_fen: of.ordered.fen * self.scale,
            gmv_paid_fen: of.paid.fen * self.scale,
        };
        self.plan.livestreams.iter().zip(&self.recorder.total.livestreams).map(row).collect()
    }

    pub(super) fn services(&self) -> Vec<ServiceRow> {
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
        let sum = |of: fn(&Recorded) -> u64| slots().map(|row| of(&row.services[service])).sum::<u64>();
        let capacity_ns = |row: &Row| self.capacity_ns(service, row) as f64;
        let closes = self.plan.windows[window].closes;
        let open = || slots().filter(|row| row.slot.start < closes);
        let busy = open().map(|row| row.services[service].reading.busy as f64).sum::<f64>();
        let capacity = open().map(capacity_ns).sum::<f64>();
        let busiest = slots()
            .map(|row| row.services[service].reading.busy as f64 / capacity_ns(row).max(1.0))
            .fold(0.0, f64::max);
        let rate = |row: &Row| (row.services[service].requests * self.scale) as f64 / row.slot.seconds();
        let responses = &self.recorder.responses_us[window][service];
        let queues = slots().map(|row| row.services[service].reading.longest_queue);
        ServiceRow {
            service: self.plan.services[service].name.clone(),
            window: self.plan.windows[window].name.clone(),
            workers: workers * self.scale,
            instances_mean: self.instances_mean(service, open()),
            requests: sum(|s| s.requests) * self.scale,
            rejected: sum(|s| s.rejected) * self.scale,
            limited: sum(|s| s.limited) * self.scale,
            timed_out: sum(|s| s.timed_out) * self.scale,
            cancelled: sum(|s| s.cancelled) * self.scale,
            peak_requests_per_second: slots().map(rate).fold(0.0, f64::max),
            utilisation_mean: if workers > 0 && capacity > 0.0 { busy / capacity } else { 0.0 },
            utilisation_max: if workers > 0 { busiest } else { 0.0 },
            queue_max: queues.max().unwrap_or(0) * self.scale,
            wait_us_mean: ratio(
                slots().map(|row| row.services[service].waited_ns).sum::<u128>() as f64 / 1e3,
                sum(|s| s.answered),
            ),
            response_us_p50: responses.quantile(0.5),
            response_us_p90: responses.quantile(0.9),
            response_us_p99: responses.quantile(0.99),
            response_us_p999: responses.quantile(0.999),
            response_us_max: responses.quantile(1.0),
        }
    }

    /// Instances of a service that stood in some slots, on average.
    fn instances_mean<'r>(&self, service: ServiceId, rows: impl Iterator<Item = &'r Row> + Clone) -> f64 {
        let Some(pool) = &self.plan.services[service].pool else { return 0.0 };
        if self.plan.services[service].capacity().is_none() {
            return (self.workers(service) / u64::from(pool.workers) * self.scale) as f64;
        }
        let stood: u128 = rows.clone().map(|row| row.services[service].reading.standing).sum();
        let nanos: u128 = rows.map(|row| u128::from((row.slot.end - row.slot.start).0)).sum();
        if nanos == 0 { 0.0 } else { stood as f64 * self.scale as f64 / nanos as f64 }
    }
}

fn ratio(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}

//! From facts to results: everything that the engine counts while it runs is added up here afterwards, from the definitions.

#[path = "goods.rs"]
mod goods;
#[path = "little.rs"]
mod little;
#[path = "load.rs"]
mod load;
#[path = "published.rs"]
mod published;
#[path = "targets.rs"]
mod targets;
#[path = "vouchers.rs"]
mod vouchers;

use super::draws;
use super::record::{Fact, Row, What};
use super::room::Visit;
use super::session::{Fate, Key, Line, Session, Waits};
use super::simulator::Simulator;
use hdrhistogram::Histogram;
use saleload::plan::Livestream;
use saleload::plan::inventory::Reserve;
use saleload::results::{
    Bucket, ChannelRow, Column, Completion, Conservation, HotRows, LedgerRow, LivestreamRow, Oversold, Residual,
    Results, RoomSummary, Stranded, Summary, Table, Totals, Values, WindowSummary, series,
};
use saleload::units::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Intents, their units and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    lines: u64,
    units: u64,
    fen: u64,
}

impl Amount {
    fn of<'a>(facts: impl Iterator<Item = &'a Fact>) -> Self {
        facts.fold(Amount::default(), |sum, fact| Amount {
            lines: sum.lines + u64::from(!fact.is_coupon()),
            units: sum.units + if fact.is_coupon() { 0 } else { u64::from(fact.line.units) },
            fen: sum.fen + fact.fen(),
        })
    }
}

impl Simulator<'_> {
    /// The results in the form of the engine's.
    pub(crate) fn results(&self) -> Results {
        let mut columns = self.columns();
        columns.extend((0..self.plan.services.len()).flat_map(|service| self.service_columns(service)));
        Results {
            summary: self.summary(),
            series: Table { columns },
            services: self.service_rows(),
            brands: self.brand_rows(),
            products: self.product_rows(),
            ledger: self.ledger_rows(),
            channels: self.channel_rows(),
            livestreams: self.livestream_rows(),
            vouchers: self.voucher_rows(),
        }
    }

    fn scale(&self) -> u64 {
        u64::from(self.model.cells / self.model.simulated)
    }

    fn unix_ms(&self, instant: Instant) -> i64 {
        self.plan.origin_unix_ms + (instant.0 / 1_000_000) as i64
    }

    fn rows(&self) -> &[Row] {
        &self.record.rows
    }

    /// Adds up, not scaled, the facts of some rows of which something holds.
    fn amount(&self, rows: impl Fn(&Row) -> bool, what: impl Fn(What) -> bool) -> Amount {
        Amount::of(self.record.facts.iter().filter(|fact| what(fact.what) && rows(&self.rows()[fact.row])))
    }

    fn summary(&self) -> Summary {
        let (plan, catalogue) = (self.plan, self.plan.catalogue.as_ref());
        Summary {
            saleload: env!("CARGO_PKG_VERSION").into(),
            name: plan.name.clone(),
            title: plan.title.clone(),
            zone: plan.zone.clone(),
            seed: plan.seed,
            forks: Vec::new(),
            completion: if self.interrupted { Completion::Interrupted } else { Completion::Complete },
            status: self.status(),
            targets: self.targets(),
            published: self.published(),
            switched: self.switched(),
            oversold: (plan.inventory.reserve == Reserve::Optimistic).then(|| self.oversold()),
            stranded: plan.inventory.split.map(|_| self.stranded()),
            substituted: self.substituted(),
            hot_rows: plan.inventory.hot.map(|_| self.hot_rows()),
            settlements: self.settlements(),
            cost: self.cost(),
            simulated_until_unix_ms: self.unix_ms(self.now),
            cells: plan.cells,
            simulated_cells: self.model.simulated,
            shoppers: plan.shoppers,
            skus: catalogue.map_or(0, |catalogue| catalogue.skus + catalogue.products.len() as u64),
            skus_sold_out: self.skus_sold_out(|_| true),
            categories: catalogue.map_or(Vec::new(), |of| of.categories.iter().map(|of| of.name.clone()).collect()),
            services: plan.services.iter().map(|of| of.name.clone()).collect(),
            products: catalogue.map_or(Vec::new(), |of| of.products.iter().map(|of| of.name.clone()).collect()),
            total: self.totals(|_| true),
            windows: (0..plan.windows.len()).map(|window| self.window_summary(window)).collect(),
            presales: self.presale_summaries(self.scale()),
            vouchers: self.voucher_summaries(),
            saturated: (0..plan.services.len()).flat_map(|service| self.saturations(service)).collect(),
            double_submits: self.double_submits(self.scale()),
            hedges: self.hedge_summaries(self.scale()),
            residuals: (0..plan.services.len()).filter_map(|service| self.residual(service)).collect(),
            conservation: self.conservation(),
            events: self.record.events,
            digest: self.digest(),
        }
    }

    fn oversold(&self) -> Oversold {
        let sum = self.amount(|_| true, |what| what == What::Ended(Fate::Oversold));
        let scale = self.scale();
        let skus = self.stock.shelves.iter().filter(|shelf| shelf.oversold > 0).count() as u64;
        Oversold { skus, orders: sum.lines * scale, units: sum.units * scale, fen: sum.fen * scale }
    }

    fn hot_rows(&self) -> HotRows {
        let rejected = || self.record.facts.iter().filter(|fact| fact.what == What::Ended(Fate::OverLimit));
        let skus: BTreeSet<u32> = rejected().map(|fact| fact.line.sku).collect();
        let (sum, scale) = (Amount::of(rejected()), self.scale());
        HotRows {
            skus: skus.len() as u64,
            requests_rejected: sum.lines * scale,
            units: sum.units * scale,
            fen: sum.fen * scale,
        }
    }

    fn stranded(&self) -> Stranded {
        let lines = &self.stock.stranded;
        let worth = |line: &Line| u64::from(line.units) * u64::from(line.price);
        Stranded {
            lines: lines.len() as u64 * self.scale(),
            units: lines.iter().map(|line| u64::from(line.units)).sum::<u64>() * self.scale(),
            fen: lines.iter().map(worth).sum::<u64>() * self.scale(),
        }
    }

    fn digest(&self) -> String {
        let fen = |what: fn(What) -> bool| self.amount(|_| true, what).fen;
        let sessions = |of: fn(&Row) -> u64| self.rows().iter().map(of).sum::<u64>();
        let totals = [
            self.record.events,
            sessions(|row| row.begun),
            sessions(|row| row.ended),
            fen(|what| what == What::Wanted),
            fen(|what| what == What::Ordered),
            fen(|what| what == What::Ended(Fate::Bought)),
        ];
        let mut hasher = blake3::Hasher::new();
        for number in self.cells.iter().map(|cell| cell.digest.0).chain(totals) {
            hasher.update(&number.to_le_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    fn totals(&self, rows: impl Fn(&Row) -> bool + Copy) -> Totals {
        let scale = self.scale();
        let sessions = |of: fn(&Row) -> u64| self.rows().iter().filter(|row| rows(row)).map(of).sum::<u64>() * scale;
        let amount = |what: &dyn Fn(What) -> bool| self.amount(rows, what);
        let wanted = amount(&|what| what == What::Wanted);
        let ordered = amount(&|what| what == What::Ordered);
        let paid = amount(&|what| what == What::Ended(Fate::Bought));
        let lost = amount(&|what| matches!(what, What::Ended(fate) if fate.bucket().is_lost()));
        Totals {
            sessions: sessions(|row| row.begun),
            sessions_turned_away: sessions(|row| row.turned_away),
            intents: wanted.lines * scale,
            orders_created: ordered.lines * scale,
            orders_paid: paid.lines * scale,
            demand_fen: wanted.fen * scale,
            gmv_ordered_fen: ordered.fen * scale,
            gmv_paid_fen: paid.fen * scale,
            lost_fen: lost.fen * scale,
        }
    }

    fn window_summary(&self, window: usize) -> WindowSummary {
        let of_plan = &self.plan.windows[window];
        let rates = |what: What| -> Vec<(f64, Instant)> {
            let lines = self.lines_by_row(what);
            let rows = self.rows().iter().zip(lines).filter(|(row, _)| row.slot.window == window);
            rows.map(|(row, lines)| ((lines * self.scale()) as f64 / row.slot.seconds(), row.slot.start)).collect()
        };
        let peak = |rates: &[(f64, Instant)]| rates.iter().map(|rate| rate.0).fold(0.0, f64::max);
        let orders = rates(What::Ordered);
        let highest = peak(&orders);
        let first = orders.iter().find(|rate| rate.0 == highest && highest > 0.0);
        WindowSummary {
            name: of_plan.name.clone(),
            opens_unix_ms: self.unix_ms(of_plan.opens),
            closes_unix_ms: self.unix_ms(of_plan.closes),
            total: self.totals(|row| row.slot.window == window),
            peak_orders_per_second: highest,
            peak_orders_unix_ms: first.map(|rate| self.unix_ms(rate.1)),
            peak_payments_per_second: peak(&rates(What::Ended(Fate::Bought))),
            room: of_plan.room.is_some().then(|| self.room_summary(window)),
        }
    }

    fn room_summary(&self, window: usize) -> RoomSummary {
        let visits = || self.record.visits.iter().filter(move |visit| visit.1 == window).map(|visit| visit.2);
        let count = |of: &dyn Fn(Visit) -> bool| visits().filter(|visit| of(*visit)).count() as u64 * self.scale();
        let mut waits = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 2).expect("constant bounds");
        for visit in visits() {
            if let Visit::WentIn(wait) = visit {
                waits.saturating_record(wait.0.div_ceil(1_000_000));
            }
        }
        // The upper end of a bucket may lie beyond the longest time for which a place lasts.
        let lasts = self.plan.windows[window].room.as_ref().and_then(|room| room.longest_wait);
        let lasts_ms = lasts.map_or(u64::MAX, |lasts| lasts.0.div_ceil(1_000_000));
        let waited = |quantile| waits.value_at_quantile(quantile).min(lasts_ms);
        let went_in = |visit| matches!(visit, Visit::WentIn(_));
        let leaves = |visit| matches!(visit, Visit::GaveUp | Visit::SentAway | Visit::Closed);
        RoomSummary {
            came: count(&|visit| visit == Visit::Came),
            waited: count(&|visit| visit == Visit::Waited),
            admitted: count(&went_in),
            gave_up: count(&|visit| visit == Visit::GaveUp),
            sent_away: count(&|visit| visit == Visit::SentAway),
            closed: count(&|visit| visit == Visit::Closed),
            waiting: count(&|visit| visit == Visit::Came) - count(&|visit| went_in(visit) || leaves(visit)),
            wait_ms_p50: waited(0.5),
            wait_ms_p90: waited(0.9),
            wait_ms_p99: waited(0.99),
            wait_ms_max: waited(1.0),
        }
    }

    fn room_columns(&self) -> Vec<Column> {
        if self.plan.windows.iter().all(|window| window.room.is_none()) {
            return Vec::new();
        }
        let by_row = |of: &dyn Fn(Visit) -> bool| -> Vec<u64> {
            let mut counts = vec![0; self.rows().len()];
            self.record.visits.iter().filter(|visit| of(visit.2)).for_each(|visit| counts[visit.0] += 1);
            counts
        };
        let (came, admitted) =
            (by_row(&|visit| visit == Visit::Came), by_row(&|visit| matches!(visit, Visit::WentIn(_))));
        let left = by_row(&|visit| matches!(visit, Visit::GaveUp | Visit::SentAway | Visit::Closed));
        let until = |counts: &[u64], row: usize| counts[..=row].iter().sum::<u64>();
        let rows = 0..self.rows().len();
        let waiting = rows.map(|row| until(&came, row) - until(&admitted, row) - until(&left, row)).collect();
        let columns = [("came", came), ("admitted", admitted), ("left", left), ("waiting", waiting)];
        columns.into_iter().map(|(what, counts)| self.scaled(&series::room(what), counts)).collect()
    }

    /// Adds up something of certain facts, row by row.
    fn by_row_of_facts(&self, which: impl Fn(&Fact) -> bool, of: impl Fn(&Fact) -> u64) -> Vec<u64> {
        let mut sums = vec![0; self.rows().len()];
        self.record.facts.iter().filter(|fact| which(fact)).for_each(|fact| sums[fact.row] += of(fact));
        sums
    }

    fn lines_by_row(&self, what: What) -> Vec<u64> {
        self.by_row_of_facts(|fact| fact.what == what, |_| 1)
    }

    fn fen_by_row(&self, what: impl Fn(What) -> bool) -> Vec<u64> {
        self.by_row_of_facts(|fact| what(fact.what), Fact::fen)
    }

    /// The columns of channels and livestreams.
    fn turnover_columns(&self) -> Vec<Column> {
        let channel = |key: Key| draws::channel(self.plan, &self.model, key);
        let channels = self.plan.channels.iter().enumerate().flat_map(|(number, of)| {
            let (begins, brings) =
                (move |(key, _)| channel(key) == Some(number), move |fact: &Fact| channel(fact.key) == Some(number));
            self.turnover(|what| series::channel(&of.name, what), begins, brings)
        });
        let livestreams = self.plan.livestreams.iter().enumerate().flat_map(|(number, of)| {
            let watches = move |(key, segment)| self.watched(key, segment).is_some_and(|watched| watched.0 == number);
            self.turnover(
                |what| series::livestream(&of.name, what),
                watches,
                move |fact| fact.line.livestream == Some(number),
            )
        });
        channels.chain(livestreams).collect()
    }

    /// The columns of those sessions that begin there and of those lines that it brings.
    fn turnover(
        &self,
        column: impl Fn(&str) -> String,
        begins: impl Fn((Key, usize)) -> bool,
        brings: impl Fn(&Fact) -> bool,
    ) -> [Column; 4] {
        let mut sessions = vec![0; self.rows().len()];
        for (begun, &row) in self.record.begun.iter().zip(&self.record.begun_in) {
            sessions[row] += u64::from(begins(*begun));
        }
        let sum = |what: What, of: fn(&Fact) -> u64| self.by_row_of_facts(|fact| fact.what == what && brings(fact), of);
        let paid = What::Ended(Fate::Bought);
        [
            self.scaled(&column("sessions_begun"), sessions),
            self.scaled(&column("orders_created"), sum(What::Ordered, |_| 1)),
            self.scaled(&column("orders_paid"), sum(paid, |_| 1)),
            self.scaled(&column("gmv_paid_fen"), sum(paid, Fact::fen)),
        ]
    }

    fn conservation(&self) -> Conservation {
        let scale = self.scale();
        let sessions = |of: fn(&Row) -> u64| self.rows().iter().map(of).sum::<u64>() * scale;
        let units = |of: fn(&super::stock::Shelf) -> u32| -> u64 {
            self.stock.shelves.iter().map(|shelf| u64::from(of(shelf))).sum::<u64>() * scale
        };
        let holds = |session: &&Session| session.holds() && self.reserves(session.key) == Reserve::Order;
        let held = self.sessions.values().filter(holds).flat_map(|session| &session.basket);
        let fen = |what: fn(What) -> bool| self.amount(|_| true, what).fen as i64;
        let worth: u64 = self.stock.shelves.iter().map(|shelf| shelf.paid_fen).sum();
        Conservation {
            sessions_begun: sessions(|row| row.begun),
            sessions_ended: sessions(|row| row.ended),
            sessions_in_flight: self
                .sessions
                .values()
                .filter(|session| session.waits != Waits::Gone && session.key.leg == 0 && session.key.again == 0)
                .count() as u64
                * scale,
            units_start: units(|shelf| shelf.start),
            units_restocked: units(|shelf| shelf.restocked),
            units_sold: units(|shelf| shelf.paid),
            units_held: held.map(|line| u64::from(line.units)).sum::<u64>() * scale,
            units_set_aside: self
                .deposits
                .values()
                .flat_map(|of| &of.lines)
                .map(|line| u64::from(line.units))
                .sum::<u64>()
                * scale,
            units_left: units(|shelf| shelf.left),
            // The sum over SKUs is compared; a SKU by itself has its row among the products.
            requests_add_up: true,
            skus_in_breach: 0,
            ledger_difference_fen: fen(|what| matches!(what, What::Ended(_))) - fen(|what| what == What::Wanted),
            paid_difference_fen: worth as i64 - fen(|what| what == What::Ended(Fate::Bought)),
        }
    }

    fn ledger_rows(&self) -> Vec<LedgerRow> {
        let mut entries: BTreeMap<(usize, usize, Bucket, Option<usize>), Vec<&Fact>> = BTreeMap::new();
        for fact in &self.record.facts {
            if let What::Ended(fate) = fact.what {
                let entry = (self.ledger_window(fact.key), fact.segment, fate.bucket(), fate.service());
                entries.entry(entry).or_default().push(fact);
            }
        }
        let row = |((window, segment, bucket, service), facts): ((usize, usize, Bucket, Option<usize>), Vec<&Fact>)| {
            let amount = Amount::of(facts.into_iter());
            LedgerRow {
                window: self.plan.windows[window].name.clone(),
                segment: self.plan.segments[segment].name.clone(),
                bucket,
                service: match service {
                    Some(service) => self.plan.services[service].name.clone(),
                    None if bucket == Bucket::Rejected => "inventory.hot".into(),
                    None => String::new(),
                },
                intents: amount.lines * self.scale(),
                units: amount.units * self.scale(),
                money_fen: amount.fen * self.scale(),
            }
        };
        entries.into_iter().map(row).collect()
    }

    fn channel_rows(&self) -> Vec<ChannelRow> {
        let scale = self.scale();
        let channel = |key: Key| draws::channel(self.plan, &self.model, key);
        let row = |number: usize, window: usize| {
            let is_of = |key: Key| self.window_of_stay(key) == window && channel(key) == Some(number);
            let amount =
                |what: What| Amount::of(self.record.facts.iter().filter(|fact| fact.what == what && is_of(fact.key)));
            let (wanted, ordered, paid) =
                (amount(What::Wanted), amount(What::Ordered), amount(What::Ended(Fate::Bought)));
            ChannelRow {
                channel: self.plan.channels[number].name.clone(),
                window: self.plan.windows[window].name.clone(),
                sessions: self.record.begun.iter().filter(|(key, _)| is_of(*key)).count() as u64 * scale,
                intents: wanted.lines * scale,
                orders_created: ordered.lines * scale,
                orders_paid: paid.lines * scale,
                demand_fen: wanted.fen * scale,
                gmv_ordered_fen: ordered.fen * scale,
                gmv_paid_fen: paid.fen * scale,
            }
        };
        let windows = self.plan.windows.len();
        (0..self.plan.channels.len()).flat_map(|of| (0..windows).map(move |window| row(of, window))).collect()
    }

    fn livestream_rows(&self) -> Vec<LivestreamRow> {
        let scale = self.scale();
        let row = |(number, livestream): (usize, &Livestream)| {
            let amount = |what: What| {
                let brought = |fact: &&Fact| fact.what == what && fact.line.livestream == Some(number);
                Amount::of(self.record.facts.iter().filter(brought))
            };
            let watches = |(key, segment): &&(Key, usize)| {
                self.watched(*key, *segment).is_some_and(|watched| watched.0 == number)
            };
            let (wanted, ordered, paid) =
                (amount(What::Wanted), amount(What::Ordered), amount(What::Ended(Fate::Bought)));
            LivestreamRow {
                livestream: livestream.name.clone(),
                window: self.plan.windows[livestream.window].name.clone(),
                viewers: self.record.begun.iter().filter(watches).count() as u64 * scale,
                intents: wanted.lines * scale,
                orders_created: ordered.lines * scale,
                orders_paid: paid.lines * scale,
                demand_fen: wanted.fen * scale,
                gmv_ordered_fen: ordered.fen * scale,
                gmv_paid_fen: paid.fen * scale,
            }
        };
        self.plan.livestreams.iter().enumerate().map(row).collect()
    }

    pub(crate) fn scaled(&self, name: &str, values: Vec<u64>) -> Column {
        let values = values.into_iter().map(|value| (value * self.scale()) as i64).collect();
        Column { name: name.into(), values: Values::Integer(values) }
    }

    fn by_row(&self, name: &str, of: impl Fn(&Row) -> i64) -> Column {
        Column { name: name.into(), values: Values::Integer(self.rows().iter().map(of).collect()) }
    }

    /// All columns but those of services.
    fn columns(&self) -> Vec<Column> {
        let mut in_flight = 0;
        let in_flight = self.rows().iter().map(|row| {
            in_flight += row.begun;
            in_flight -= row.ended;
            in_flight
        });
        let paid = What::Ended(Fate::Bought);
        let mut columns = vec![
            self.by_row(series::TIME, |row| self.unix_ms(row.slot.start)),
            self.by_row(series::SECONDS, |row| row.slot.seconds().ceil() as i64),
            self.by_row(series::WINDOW, |row| row.slot.window as i64 + 1),
            self.scaled(series::SESSIONS, self.rows().iter().map(|row| row.begun).collect()),
            self.scaled(series::IN_FLIGHT, in_flight.collect()),
            self.scaled(series::ORDERS, self.lines_by_row(What::Ordered)),
            self.scaled(series::PAYMENTS, self.lines_by_row(paid)),
            self.scaled(series::GMV_ORDERED, self.fen_by_row(|what| what == What::Ordered)),
            self.scaled(series::GMV_PAID, self.fen_by_row(|what| what == paid)),
        ];
        columns.extend(self.presale_columns());
        let oversells = self.plan.inventory.reserve == Reserve::Optimistic;
        let is_there = |bucket: &Bucket| match bucket {
            Bucket::Open => false,
            Bucket::DepositForfeited => !self.presales().is_empty(),
            Bucket::Oversold => oversells,
            Bucket::Substituted => self.substitutes(),
            _ => true,
        };
        for bucket in Bucket::ALL.into_iter().filter(is_there) {
            let fen = self.fen_by_row(|what| matches!(what, What::Ended(fate) if fate.bucket() == bucket));
            columns.push(self.scaled(&series::bucket(bucket), fen));
        }
        columns.extend(self.stock_columns());
        columns.extend(self.room_columns());
        columns.extend(self.turnover_columns());
        columns
    }
}

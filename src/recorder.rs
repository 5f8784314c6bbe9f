//! What a run records while it goes: counters of the current slot, summed over cells in integers, so that the sums do not
//! depend on how cells are dealt over threads.

pub mod outcome;
pub mod response_times;
pub mod state;

use crate::engine::schedule::Slot;
use crate::engine::session::Cause;
use crate::engine::station::Reading;
use crate::engine::stock::{OfCategory, Stock};
use crate::model::Model;
use crate::model::catalogue::{Catalogue, Sku};
use crate::model::livestream::Livestreams;
use crate::plan::ServiceId;
use crate::target::{Percentile, ResponseSlice};
use crate::units::Instant;
use response_times::ResponseTimes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Purchase intents with their units and money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intents {
    /// Basket lines.
    pub lines: u64,
    /// Units.
    pub units: u64,
    /// Money, fen.
    pub fen: u64,
}

impl Intents {
    /// Adds other intents.
    pub fn add(&mut self, other: Intents) {
        self.lines += other.lines;
        self.units += other.units;
        self.fen += other.fen;
    }
}

/// What came of a part of the sessions: those of a channel, or, of a livestream, those who watched and the lines that it brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turnover {
    /// Sessions begun.
    pub sessions: u64,
    /// Intents put into baskets.
    pub demand: Intents,
    /// Orders created.
    pub ordered: Intents,
    /// Orders paid.
    pub paid: Intents,
}

impl Turnover {
    fn add(&mut self, other: Turnover) {
        self.sessions += other.sessions;
        self.demand.add(other.demand);
        self.ordered.add(other.ordered);
        self.paid.add(other.paid);
    }
}

/// What becomes of vouchers that were sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Redemption {
    /// The named product.
    pub product: u32,
    /// The channel that the session came by; zero where there are none.
    pub channel: u16,
    /// Whole days after the payment; `None`: they are never redeemed.
    pub day: Option<u16>,
    /// Whether they are redeemed after the end of the simulation.
    pub is_later: bool,
}

/// What has become of the sessions that came to waiting rooms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCounts {
    /// Came.
    pub came: u64,
    /// Of those, did not go in at once.
    pub waited: u64,
    /// Went in.
    pub admitted: u64,
    /// Lost patience.
    pub gave_up: u64,
    /// Lost their place.
    pub sent_away: u64,
    /// Were there at the closing.
    pub closed: u64,
}

impl RoomCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: RoomCounts) {
        self.came += other.came;
        self.waited += other.waited;
        self.admitted += other.admitted;
        self.gave_up += other.gave_up;
        self.sent_away += other.sent_away;
        self.closed += other.closed;
    }

    /// Who has left before the turn came.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.gave_up + self.sent_away + self.closed
    }
}

/// The waiting room of a window in the current slot.
#[derive(Clone, Debug, Default)]
pub struct RoomTally {
    /// Sessions.
    pub counts: RoomCounts,
    /// How long those waited who went in, ms.
    pub waits_ms: ResponseTimes,
}

/// What became of calls of a hedged service that are answered.
#[derive(Clone, Debug, Default)]
pub struct HedgeTally {
    /// Second copies that were sent, whatever came of the call.
    pub sent: u64,
    /// Of those, second copies that were answered first.
    pub won: u64,
    /// Time from the first copy to the answer, summed up, ns.
    pub waited_ns: u128,
    /// The same of each call, µs.
    pub calls_us: ResponseTimes,
}

impl HedgeTally {
    /// A call is answered so long after its first copy was made.
    pub fn answered(&mut self, waited_ns: u64, by_second: bool) {
        self.won += u64::from(by_second);
        self.waited_ns += u128::from(waited_ns);
        self.calls_us.record(waited_ns.div_ceil(1000).max(1));
    }

    fn drain_into(&mut self, total: &mut HedgeTally) {
        total.sent += std::mem::take(&mut self.sent);
        total.won += std::mem::take(&mut self.won);
        total.waited_ns += std::mem::take(&mut self.waited_ns);
        self.calls_us.drain_into(&mut total.calls_us);
    }
}

/// What becomes of orders of presales.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresaleTally {
    /// Lines with a deposit; money of the deposits.
    pub deposits: Intents,
    /// Lines whose balance was paid; money of the balances, without the deposits.
    pub balances: Intents,
    /// Money of those lines, deposits and balances, fen.
    pub completed_fen: u64,
    /// Lines whose balance was not paid in time; money of the deposits.
    pub forfeited: Intents,
}

impl PresaleTally {
    /// Adds another.
    pub fn add(&mut self, other: PresaleTally) {
        self.deposits.add(other.deposits);
        self.balances.add(other.balances);
        self.completed_fen += other.completed_fen;
        self.forfeited.add(other.forfeited);
    }
}

/// What was taken instead of products that were sold out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubstituteTally {
    /// Lines put into baskets in place of others; they count among the demand too.
    pub wanted: Intents,
    /// Of those, lines paid, and what was paid for them.
    pub paid: Intents,
}

impl SubstituteTally {
    /// Adds another.
    pub fn add(&mut self, other: SubstituteTally) {
        self.wanted.add(other.wanted);
        self.paid.add(other.paid);
    }
}

/// What second submits did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoubleSubmitTally {
    /// Pages submitted again.
    pub sent: u64,
    /// Of those, recognised by the platform when their calls had been answered.
    pub caught: u64,
    /// Orders created once more.
    pub ordered: Intents,
    /// Orders paid once more.
    pub paid: Intents,
}

impl DoubleSubmitTally {
    /// Adds another.
    pub fn add(&mut self, other: DoubleSubmitTally) {
        self.sent += other.sent;
        self.caught += other.caught;
        self.ordered.add(other.ordered);
        self.paid.add(other.paid);
    }
}

/// Counters of the current slot over some cells, and the ledger so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Events played.
    pub events: u64,
    /// Sessions begun.
    pub begun: u64,
    /// Sessions ended.
    pub ended: u64,
    /// Of those, sessions that a failure of the platform ended before they had a basket.
    pub turned_away: u64,
    /// Intents put into baskets.
    pub demand: Intents,
    /// Orders created: lines whose stock was reserved.
    pub ordered: Intents,
    /// Orders paid.
    pub paid: Intents,
    /// Orders of presales.
    pub presale: PresaleTally,
    /// Lines sold out in their cell while others still had their units.
    pub stranded: Intents,
    /// Lines in place of others that were sold out.
    pub substitutes: SubstituteTally,
    /// Pages submitted again.
    pub double_submits: DoubleSubmitTally,
    /// Money by [`Cause`].
    pub settled_fen: Vec<u64>,
    /// By service.
    #[serde(skip)]
    pub services: Vec<ServiceTally>,
    /// By window and channel; grows over the whole run.
    pub channels: Vec<Turnover>,
    /// By livestream; grows over the whole run.
    pub livestreams: Vec<Turnover>,
    /// Vouchers that were sold; grows over the whole run.
    pub vouchers: BTreeMap<Redemption, Intents>,
    /// Requests rejected as their SKU was asked for too often; grows over the whole run.
    pub requests_rejected: BTreeMap<Sku, u64>,
    /// By window; empty where no window has a waiting room.
    #[serde(skip)]
    pub rooms: Vec<RoomTally>,
    /// By service; empty where none is hedged.
    #[serde(skip)]
    pub hedges: Vec<HedgeTally>,
    /// By window, segment and [`Cause`]; grows over the whole run.
    ledger: Vec<Intents>,
    #[serde(skip)]
    causes: usize,
    #[serde(skip)]
    segments: usize,
}

/// What is told apart of the requests of a service, to know what is to be put down to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// Of those rejected, requests that failed because a service failed that was called for them.
    pub rejected_within: u64,
    /// Of those timed out, requests whose client left while a service was awaited that was called for them.
    pub timed_out_within: u64,
    /// First attempts of which the service itself had no place, and any that lost the place that they had.
    pub unplaced: u64,
    /// Second copies of hedged calls, likewise.
    pub unplaced_copies: u64,
    /// Later attempts that had a place after all, without second copies.
    pub placed_again: u64,
}

impl Attribution {
    /// Adds another.
    pub fn add(&mut self, other: Attribution) {
        self.rejected_within += other.rejected_within;
        self.timed_out_within += other.timed_out_within;
        self.unplaced += other.unplaced;
        self.unplaced_copies += other.unplaced_copies;
        self.placed_again += other.placed_again;
    }
}

/// Counters of a service in the current slot.
#[derive(Clone, Debug, Default)]
pub struct ServiceTally {
    /// Requests offered, retries included.
    pub requests: u64,
    /// Rejected.
    pub rejected: u64,
    /// Of those, turned away before they reached the service.
    pub limited: u64,
    /// Accepted, but the client did not wait for the answer.
    pub timed_out: u64,
    /// Accepted, and ended without an answer when nobody waited for it any more: taken back, dropped or lost with an instance.
    pub cancelled: u64,
    /// What of that is to be put down to whom.
    pub attribution: Attribution,
    /// Requests that were at the service at the instant of the slot at which they are counted.
    pub present: u64,
    /// Work brought by all requests, ns.
    pub offered_ns: u128,
    /// Time waited by requests that are answered, ns.
    pub waited_ns: u128,
    /// When the last request was done whose client had been answered on acceptance; zero: there was none.
    pub settled: Instant,
    /// What the stations did.
    pub reading: Reading,
    /// Response times of requests that are answered, µs.
    pub responses_us: ResponseTimes,
}

impl ServiceTally {
    /// Records a request that is or will be answered.
    #[inline]
    pub fn accept(&mut self, waited_ns: u64, response_ns: u64) {
        self.waited_ns += u128::from(waited_ns);
        self.responses_us.record(response_ns.div_ceil(1000).max(1));
    }

    /// A request is or will be done whose client has been answered before.
    pub fn settle(&mut self, done: Instant) {
        self.settled = self.settled.max(done);
    }

    /// Adds what a station did.
    pub fn read(&mut self, reading: Reading) {
        self.reading.busy += reading.busy;
        self.reading.queued += reading.queued;
        self.reading.longest_queue += reading.longest_queue;
        self.reading.standing += reading.standing;
        self.reading.capacity += reading.capacity;
        self.reading.stayed += reading.stayed;
    }

    fn drain_into(&mut self, total: &mut ServiceTally) {
        total.requests += std::mem::take(&mut self.requests);
        total.rejected += std::mem::take(&mut self.rejected);
        total.limited += std::mem::take(&mut self.limited);
        total.timed_out += std::mem::take(&mut self.timed_out);
        total.cancelled += std::mem::take(&mut self.cancelled);
        total.attribution.add(std::mem::take(&mut self.attribution));
        total.present += std::mem::take(&mut self.present);
        total.offered_ns += std::mem::take(&mut self.offered_ns);
        total.waited_ns += std::mem::take(&mut self.waited_ns);
        total.settle(std::mem::take(&mut self.settled));
        total.read(std::mem::take(&mut self.reading));
        self.responses_us.drain_into(&mut total.responses_us);
    }
}

impl Tally {
    /// An empty tally.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let causes = Cause::count(model.services.len());
        Tally {
            events: 0,
            begun: 0,
            ended: 0,
            turned_away: 0,
            demand: Intents::default(),
            ordered: Intents::default(),
            paid: Intents::default(),
            presale: PresaleTally::default(),
            stranded: Intents::default(),
            substitutes: SubstituteTally::default(),
            double_submits: DoubleSubmitTally::default(),
            settled_fen: vec![0; causes],
            services: vec![ServiceTally::default(); model.services.len()],
            channels: vec![
                Turnover::default();
                model.windows.len() * model.channels.as_ref().map_or(0, |channels| channels.entries.len())
            ],
            livestreams: vec![Turnover::default(); model.livestreams.as_ref().map_or(0, Livestreams::len)],
            vouchers: BTreeMap::new(),
            requests_rejected: BTreeMap::new(),
            rooms: vec![RoomTally::default(); if model.has_rooms() { model.windows.len() } else { 0 }],
            hedges: vec![HedgeTally::default(); if model.has_hedges() { model.services.len() } else { 0 }],
            ledger: vec![Intents::default(); model.windows.len() * model.segments.len() * causes],
            causes,
            segments: model.segments.len(),
        }
    }

    /// Enters intents in the ledger: where they ended, for which window and segment.
    pub fn settle(&mut self, window: u8, segment: u8, cause: Cause, intents: Intents) {
        self.settled_fen[usize::from(cause.0)] += intents.fen;
        let row = usize::from(window) * self.segments + usize::from(segment);
        self.ledger[row * self.causes + usize::from(cause.0)].add(intents);
    }

    /// What the ledger holds.
    #[must_use]
    pub fn ledger(&self, window: usize, segment: usize, cause: Cause) -> Intents {
        self.ledger[(window * self.segments + segment) * self.causes + usize::from(cause.0)]
    }

    /// What the ledger holds of a cause, over all windows and segments.
    #[must_use]
    pub fn entered_as(&self, cause: Cause) -> Intents {
        let mut sum = Intents::default();
        let of_cause = self.ledger.iter().skip(usize::from(cause.0)).step_by(self.causes);
        of_cause.for_each(|intents| sum.add(*intents));
        sum
    }

    /// All entries of the ledger.
    pub fn entered(&self) -> impl Iterator<Item = Intents> + '_ {
        self.ledger.iter().copied()
    }

    /// Moves everything into `total`, ledger included, and starts anew.
    fn drain_into(&mut self, total: &mut Tally) {
        total.events += std::mem::take(&mut self.events);
        total.begun += std::mem::take(&mut self.begun);
        total.ended += std::mem::take(&mut self.ended);
        total.turned_away += std::mem::take(&mut self.turned_away);
        total.demand.add(std::mem::take(&mut self.demand));
        total.ordered.add(std::mem::take(&mut self.ordered));
        total.paid.add(std::mem::take(&mut self.paid));
        total.presale.add(std::mem::take(&mut self.presale));
        total.stranded.add(std::mem::take(&mut self.stranded));
        total.substitutes.add(std::mem::take(&mut self.substitutes));
        total.double_submits.add(std::mem::take(&mut self.double_submits));
        for (mine, theirs) in self.settled_fen.iter_mut().zip(&mut total.settled_fen) {
            *theirs += std::mem::take(mine);
        }
        let turnovers = self.channels.iter_mut().chain(&mut self.livestreams);
        for (mine, theirs) in turnovers.zip(total.channels.iter_mut().chain(&mut total.livestreams)) {
            theirs.add(std::mem::take(mine));
        }
        for (redemption, intents) in std::mem::take(&mut self.vouchers) {
            total.vouchers.entry(redemption).or_default().add(intents);
        }
        for (sku, requests) in std::mem::take(&mut self.requests_rejected) {
            *total.requests_rejected.entry(sku).or_default() += requests;
        }
        for (mine, theirs) in self.ledger.iter_mut().zip(&mut total.ledger) {
            theirs.add(std::mem::take(mine));
        }
        for (mine, theirs) in self.services.iter_mut().zip(&mut total.services) {
            mine.drain_into(theirs);
        }
        for (mine, theirs) in self.rooms.iter_mut().zip(&mut total.rooms) {
            theirs.counts.add(std::mem::take(&mut mine.counts));
            mine.waits_ms.drain_into(&mut theirs.waits_ms);
        }
        for (mine, theirs) in self.hedges.iter_mut().zip(&mut total.hedges) {
            mine.drain_into(theirs);
        }
    }
}

/// A recorded slot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// The slot.
    #[serde(skip)]
    pub slot: Slot,
    /// Sessions begun in it.
    pub begun: u64,
    /// Sessions in flight at its end.
    pub in_flight: u64,
    /// Sessions that a failure ended before they had a basket.
    pub turned_away: u64,
    /// Intents put into baskets.
    pub demand: Intents,
    /// Orders created.
    pub ordered: Intents,
    /// Orders paid.
    pub paid: Intents,
    /// Orders of presales.
    pub presale: PresaleTally,
    /// Money by [`Cause`].
    pub settled_fen: Vec<u64>,
    /// By service.
    pub services: Vec<ServiceRow>,
    /// Over the waiting rooms of all windows.
    pub rooms: RoomCounts,
    /// By category.
    pub categories: Vec<CategoryRow>,
    /// By channel, and by livestream.
    pub channels: Vec<TurnoverRow>,
    /// Likewise.
    pub livestreams: Vec<TurnoverRow>,
    /// Units left of named products at its end.
    pub products_left: Vec<u32>,
    /// Percentiles of response times that targets ask for, in the order of [`Model::percentiles`], µs; zero where nobody was answered,
    /// `None` where it was not recorded, in the past of another scenario.
    pub percentiles_us: Vec<Option<u64>>,
}

/// A category in a recorded slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryRow {
    /// Units left at its end.
    pub left: i64,
    /// SKUs with nothing left at its end, each weighted by those that it stands for.
    pub empty: i64,
    /// Paid in it, fen.
    pub paid_fen: u64,
}

/// What came of a channel or livestream in a recorded slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnoverRow {
    /// Sessions begun.
    pub sessions: u64,
    /// Orders created.
    pub ordered: u64,
    /// Orders paid.
    pub paid: u64,
    /// Money of orders paid, fen.
    pub paid_fen: u64,
}

impl TurnoverRow {
    fn of<'a>(turnovers: impl Iterator<Item = &'a Turnover>) -> Self {
        turnovers.fold(TurnoverRow::default(), |sum, of| TurnoverRow {
            sessions: sum.sessions + of.sessions,
            ordered: sum.ordered + of.ordered.lines,
            paid: sum.paid + of.paid.lines,
            paid_fen: sum.paid_fen + of.paid.fen,
        })
    }
}

/// A service in a recorded slot.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ServiceRow {
    /// Requests offered.
    pub requests: u64,
    /// Rejected.
    pub rejected: u64,
    /// Of those, turned away before they reached the service.
    pub limited: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Ended without an answer when nobody waited for it any more.
    pub cancelled: u64,
    /// What of that is to be put down to whom.
    pub attribution: Attribution,
    /// At the service at the instant at which they were counted.
    pub present: u64,
    /// Answered, to whomever; of plain stations all that were accepted, as their answers are known at once.
    pub answered: u64,
    /// Work brought, ns.
    pub offered_ns: u128,
    /// Time waited by those answered, ns.
    pub waited_ns: u128,
    /// When the last was done whose client had been answered on acceptance; zero: there was none.
    pub settled: Instant,
    /// What the stations did.
    pub reading: Reading,
    /// Median response, µs.
    pub response_us_p50: u64,
    /// 99 % of responses, µs.
    pub response_us_p99: u64,
}

/// The record of a run so far.
#[derive(Clone, Debug)]
pub struct Recorder {
    /// Recorded slots.
    pub rows: Vec<Row>,
    /// Response times by window and service.
    pub responses_us: Vec<Vec<ResponseTimes>>,
    /// Response times of the slices that targets ask for; none in a scenario whose targets ask for none.
    pub slices: Vec<(ResponseSlice, ResponseTimes)>,
    /// Percentiles that the rows have because targets ask for them.
    percentiles: Vec<(ServiceId, Percentile)>,
    /// Totals and the ledger of the run up to the last closed slot.
    pub total: Tally,
    /// What has been gathered of the slot that is open.
    pub slot: Tally,
    /// What had been paid by category when the last slot closed, fen.
    pub paid_of: Vec<u64>,
}

impl Recorder {
    /// An empty record.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let responses_us = vec![ResponseTimes::default(); model.services.len()];
        Recorder {
            rows: Vec::new(),
            responses_us: vec![responses_us; model.windows.len()],
            slices: model.slices.iter().map(|&slice| (slice, ResponseTimes::default())).collect(),
            percentiles: model.percentiles.clone(),
            total: Tally::new(model),
            slot: Tally::new(model),
            paid_of: vec![0; model.catalogue.as_ref().map_or(0, Catalogue::categories)],
        }
    }

    /// Moves what cells have tallied into the open slot.
    pub fn gather<'a>(&mut self, tallies: impl Iterator<Item = &'a mut Tally>) {
        tallies.for_each(|tally| tally.drain_into(&mut self.slot));
    }

    /// Closes the slot, for which all tallies have been gathered: reads the stock.
    pub fn close(&mut self, slot: Slot, stock: &Stock, model: &Model) {
        let category = |(of, paid_before): (usize, &mut u64)| {
            let OfCategory { left, empty, paid_fen } = stock.of_category(of);
            CategoryRow { left, empty, paid_fen: paid_fen - std::mem::replace(paid_before, paid_fen) }
        };
        let channels = model.channels.as_ref().map_or(0, |channels| channels.entries.len());
        let products = model.catalogue.as_ref().map_or(0, Catalogue::named_products);
        let percentile = |&(service, percentile): &(ServiceId, Percentile)| {
            Some(self.slot.services[service].responses_us.percentile(percentile).unwrap_or(0))
        };
        let begun = self.slot.begun;
        let before = self.rows.last().map_or(0, |row| row.in_flight);
        let mut rooms = RoomCounts::default();
        self.slot.rooms.iter().for_each(|room| rooms.add(room.counts));
        let row = Row {
            slot,
            begun,
            in_flight: before + begun - self.slot.ended,
            turned_away: self.slot.turned_away,
            demand: self.slot.demand,
            ordered: self.slot.ordered,
            paid: self.slot.paid,
            presale: self.slot.presale,
            settled_fen: self.slot.settled_fen.clone(),
            services: self.slot.services.iter().map(ServiceRow::new).collect(),
            rooms,
            categories: self.paid_of.iter_mut().enumerate().map(category).collect(),
            channels: (0..channels)
                .map(|channel| TurnoverRow::of(self.slot.channels[channel..].iter().step_by(channels)))
                .collect(),
            livestreams: self.slot.livestreams.iter().map(|of| TurnoverRow::of(std::iter::once(of))).collect(),
            products_left: (0..products as u32).map(|sku| stock.of(sku).left).collect(),
            percentiles_us: model.percentiles.iter().map(percentile).collect(),
        };
        for (slice, times) in self.slices.iter_mut().filter(|(slice, _)| slice.covers(slot.start, slot.end)) {
            self.slot.services[slice.service].responses_us.add_to(times);
        }
        for (window, service) in self.responses_us[slot.window].iter_mut().zip(&mut self.slot.services) {
            service.responses_us.drain_into(window);
        }
        self.rows.push(row);
        self.slot.drain_into(&mut self.total);
    }
}

impl ServiceRow {
    /// Rejected by the service itself, not because of another that it called.
    #[must_use]
    pub fn rejected_here(&self) -> u64 {
        self.rejected - self.attribution.rejected_within
    }

    /// Timed out while they waited for the service itself.
    #[must_use]
    pub fn timed_out_here(&self) -> u64 {
        self.timed_out - self.attribution.timed_out_within
    }

    fn new(tally: &ServiceTally) -> Self {
        let (times, answered) = (&tally.responses_us, tally.responses_us.count());
        ServiceRow {
            requests: tally.requests,
            rejected: tally.rejected,
            limited: tally.limited,
            timed_out: tally.timed_out,
            cancelled: tally.cancelled,
            attribution: tally.attribution,
            present: tally.present,
            answered,
            offered_ns: tally.offered_ns,
            waited_ns: tally.waited_ns,
            settled: tally.settled,
            reading: tally.reading,
            response_us_p50: times.quantile_of(answered, 0.5),
            response_us_p99: times.quantile_of(answered, 0.99),
        }
    }
}

//! The record of a run as a snapshot holds it, and whether what a snapshot holds can be the record of a run.

use super::response_times::ResponseTimes;
use super::{
    Attribution, DoubleSubmitTally, HedgeTally, Intents, PresaleTally, Recorder, RoomCounts, RoomTally, Row,
    ServiceRow, ServiceTally, SubstituteTally, Tally, Turnover, TurnoverRow,
};
use crate::engine::schedule::Slot;
use crate::engine::session::Cause;
use crate::engine::station::Reading;
use crate::engine::stock::Stock;
use crate::model::Model;
use crate::model::catalogue::Catalogue;
use crate::target::{Percentile, ResponseSlice};
use crate::units::Instant;
use serde::{Deserialize, Serialize};

/// Most that a counter may have reached once it is scaled up: a plan keeps far below, and 63 bits still count twice as much.
const MOST: u64 = 1 << 61;
/// Most nanoseconds that a sum of times may have reached.
const MOST_NS: u128 = 1 << 100;

/// Response times: time and count of each bucket that is not empty.
type Buckets = Vec<(u64, u64)>;

/// The record of a run so far, as plain data.
#[derive(Serialize, Deserialize)]
pub struct RecorderState {
    rows: Vec<Row>,
    /// What the percentiles of the rows are: service, and thousandths of a per cent.
    percentiles: Vec<(usize, u32)>,
    /// By window and service.
    responses_us: Vec<Vec<Buckets>>,
    /// Of the slices that targets ask for.
    slices: Vec<SliceState>,
    total: TallyState,
    slot: TallyState,
}

/// A slice names itself, because a fork may have other targets.
#[derive(Serialize, Deserialize)]
struct SliceState {
    service: usize,
    from: Instant,
    until: Instant,
    responses_us: Buckets,
}

#[derive(Serialize, Deserialize)]
struct TallyState {
    tally: Tally,
    services: Vec<ServiceState>,
    /// Waiting rooms: counts, and waits of those who went in.
    rooms: Vec<(RoomCounts, Buckets)>,
    hedges: Vec<HedgeState>,
}

/// Calls of a hedged service.
#[derive(Serialize, Deserialize)]
struct HedgeState {
    sent: u64,
    won: u64,
    waited_ns: u128,
    calls_us: Buckets,
}

#[derive(Serialize, Deserialize)]
struct ServiceState {
    requests: u64,
    rejected: u64,
    limited: u64,
    timed_out: u64,
    cancelled: u64,
    attribution: Attribution,
    present: u64,
    offered_ns: u128,
    waited_ns: u128,
    settled: Instant,
    reading: Reading,
    responses_us: Buckets,
}

/// Why what was read cannot be the record of a run.
type Wrong = &'static str;

impl Recorder {
    /// The record as plain data; all tallies have been gathered.
    #[must_use]
    pub fn state(&self) -> RecorderState {
        RecorderState {
            rows: self.rows.clone(),
            percentiles: self.percentiles.iter().map(|&(service, Percentile(of_all))| (service, of_all)).collect(),
            responses_us: self
                .responses_us
                .iter()
                .map(|window| window.iter().map(ResponseTimes::counted).collect())
                .collect(),
            slices: self.slices.iter().map(SliceState::of).collect(),
            total: TallyState::of(&self.total),
            slot: TallyState::of(&self.slot),
        }
    }

    /// The record that `state` holds. `played` are the slots that were closed, `windows` the number of windows that had opened.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn restore(model: &Model, state: RecorderState, played: &[Slot], windows: usize) -> Result<Self, Wrong> {
        let mut record = Recorder::new(model);
        record.rows = state.rows;
        record.take_percentiles(&state.percentiles)?;
        record.total = state.total.tally(model, windows)?;
        record.slot = state.slot.tally(model, windows)?;
        let (read, later) = state.responses_us.split_at_checked(windows).ok_or("windows are missing")?;
        if later.iter().flatten().any(|buckets| !buckets.is_empty()) {
            return Err("there are answers of windows that had not opened");
        }
        for (window, buckets) in record.responses_us.iter_mut().zip(read) {
            *window = buckets
                .iter()
                .map(|of| ResponseTimes::of(of))
                .collect::<Option<_>>()
                .ok_or("a response time is out of range")?;
        }
        for (slice, times) in &mut record.slices {
            if let Some(read) = state.slices.iter().find(|read| read.is_of(slice)) {
                *times = ResponseTimes::of(&read.responses_us).ok_or("a response time is out of range")?;
            }
        }
        if record.rows.len() != played.len() {
            return Err("rows are missing");
        }
        for (row, &slot) in record.rows.iter_mut().zip(played) {
            row.slot = slot;
        }
        record.has_shape(model)?;
        record.adds_up(model)?;
        record.answers_add_up(model, windows)?;
        record.channels_add_up()?;
        record.rows_are_shared_out()?;
        record.paid_of = record.paid_by_category().ok_or("what categories brought is beyond counting")?;
        if !record.hedges_hold() {
            return Err("second copies were answered that were not sent");
        }
        Ok(record)
    }

    /// Brings the percentiles of the rows read into the order of those that are recorded now.
    fn take_percentiles(&mut self, read: &[(usize, u32)]) -> Result<(), Wrong> {
        let place =
            |&(service, percentile): &(usize, Percentile)| read.iter().position(|&of| of == (service, percentile.0));
        let places: Vec<Option<usize>> = self.percentiles.iter().map(place).collect();
        for row in &mut self.rows {
            if row.percentiles_us.len() != read.len() {
                return Err("a row has the wrong length");
            }
            row.percentiles_us = places.iter().map(|place| place.and_then(|place| row.percentiles_us[place])).collect();
        }
        Ok(())
    }

    /// Whether every list has the length that the model gives it.
    fn has_shape(&self, model: &Model) -> Result<(), Wrong> {
        let (services, causes) = (model.services.len(), Cause::count(model.services.len()));
        let categories = model.catalogue.as_ref().map_or(0, Catalogue::categories);
        let products = model.catalogue.as_ref().map_or(0, Catalogue::named_products);
        let channels = model.channels.as_ref().map_or(0, |channels| channels.entries.len());
        let livestreams = self.total.livestreams.len();
        let shaped = |row: &Row| {
            (row.settled_fen.len(), row.services.len()) == (causes, services)
                && (row.categories.len(), row.products_left.len()) == (categories, products)
                && (row.channels.len(), row.livestreams.len()) == (channels, livestreams)
        };
        let windows = self.responses_us.iter().all(|window| window.len() == services);
        (windows && self.rows.iter().all(shaped)).then_some(()).ok_or("a row has the wrong length")
    }

    /// Whether the rows add up to the totals, and nothing is beyond counting.
    fn adds_up(&self, model: &Model) -> Result<(), Wrong> {
        let most = MOST / model.scale();
        let counts = self.rows.iter().all(|row| row.counts_below(most));
        if !counts || !self.total.counts_below(most) || !self.slot.counts_below(most) {
            return Err("a counter is beyond what can be counted");
        }
        let sums = |of: &dyn Fn(&Row) -> u64, total: u64| {
            self.rows.iter().map(|row| u128::from(of(row))).sum::<u128>() == u128::from(total)
        };
        let intents = |of: &dyn Fn(&Row) -> Intents, total: Intents| {
            sums(&|row| of(row).lines, total.lines)
                && sums(&|row| of(row).units, total.units)
                && sums(&|row| of(row).fen, total.fen)
        };
        let total = &self.total;
        let services = total.services.iter().enumerate().all(|(id, service)| {
            sums(&|row| row.services[id].requests, service.requests)
                && sums(&|row| row.services[id].rejected, service.rejected)
                && sums(&|row| row.services[id].limited, service.limited)
                && sums(&|row| row.services[id].timed_out, service.timed_out)
                && sums(&|row| row.services[id].cancelled, service.cancelled)
                && sums(&|row| row.services[id].present, service.present)
                && (0..Attribution::COUNTS).all(|count| {
                    sums(&|row| row.services[id].attribution.counts()[count], service.attribution.counts()[count])
                })
        });
        let of_rooms = |of: &dyn Fn(&RoomCounts) -> u64| {
            sums(&|row| of(&row.rooms), total.rooms.iter().map(|room| of(&room.counts)).fold(0, u64::saturating_add))
        };
        let rooms = of_rooms(&|room| room.came)
            && of_rooms(&|room| room.waited)
            && of_rooms(&|room| room.admitted)
            && of_rooms(&|room| room.gave_up)
            && of_rooms(&|room| room.sent_away)
            && of_rooms(&|room| room.closed);
        let adds_up = services
            && rooms
            && sums(&|row| row.begun, total.begun)
            && sums(&|row| row.turned_away, total.turned_away)
            && intents(&|row| row.demand, total.demand)
            && intents(&|row| row.ordered, total.ordered)
            && intents(&|row| row.paid, total.paid)
            && intents(&|row| row.presale.deposits, total.presale.deposits)
            && intents(&|row| row.presale.balances, total.presale.balances)
            && sums(&|row| row.presale.completed_fen, total.presale.completed_fen)
            && intents(&|row| row.presale.forfeited, total.presale.forfeited)
            && total.settled_fen.iter().enumerate().all(|(cause, &fen)| sums(&|row| row.settled_fen[cause], fen));
        let mut before = 0;
        for row in &self.rows {
            if row.in_flight > before + row.begun {
                return Err("more sessions are in flight than have begun");
            }
            before = row.in_flight;
        }
        let in_flight = total.begun.checked_sub(total.ended) == Some(before);
        (adds_up && in_flight).then_some(()).ok_or("its rows do not add up to its totals")
    }

    /// Whether all channels together brought what there is.
    fn channels_add_up(&self) -> Result<(), Wrong> {
        let adds_up = |tally: &&Tally| {
            let mut all = Turnover::default();
            tally.channels.iter().for_each(|channel| all.add(*channel));
            let Tally { begun, demand, ordered, paid, .. } = **tally;
            tally.channels.is_empty() || all == Turnover { sessions: begun, demand, ordered, paid }
        };
        let both = [&self.total, &self.slot];
        both.iter().all(adds_up).then_some(()).ok_or("what channels brought does not add up to the totals")
    }

    /// Whether what categories and channels brought in a row is what there is in it, and what channels and livestreams brought in all
    /// rows is what they brought in all.
    fn rows_are_shared_out(&self) -> Result<(), Wrong> {
        let sum = |parts: &[TurnoverRow], of: fn(&TurnoverRow) -> u64| {
            parts.iter().map(|part| u128::from(of(part))).sum::<u128>()
        };
        let of_row = |row: &Row| {
            let by_category: u128 = row.categories.iter().map(|category| u128::from(category.paid_fen)).sum();
            let by_channel = |of, all: u64| row.channels.is_empty() || sum(&row.channels, of) == u128::from(all);
            by_category == u128::from(row.paid.fen)
                && by_channel(|channel| channel.sessions, row.begun)
                && by_channel(|channel| channel.ordered, row.ordered.lines)
                && by_channel(|channel| channel.paid, row.paid.lines)
                && by_channel(|channel| channel.paid_fen, row.paid.fen)
        };
        let channels = self.rows.first().map_or(0, |row| row.channels.len());
        let totals_of = |id: usize| TurnoverRow::of(self.total.channels[id..].iter().step_by(channels));
        let all_rows = |of: &dyn Fn(&Row) -> TurnoverRow, total: TurnoverRow| {
            let rows: Vec<TurnoverRow> = self.rows.iter().map(of).collect();
            sum(&rows, |row| row.sessions) == u128::from(total.sessions)
                && sum(&rows, |row| row.ordered) == u128::from(total.ordered)
                && sum(&rows, |row| row.paid) == u128::from(total.paid)
                && sum(&rows, |row| row.paid_fen) == u128::from(total.paid_fen)
        };
        let livestreams = self.total.livestreams.iter().enumerate();
        let adds_up = self.rows.iter().all(of_row)
            && (0..channels).all(|id| all_rows(&|row| row.channels[id], totals_of(id)))
            && livestreams.into_iter().all(|(id, total)| {
                self.rows.is_empty() || all_rows(&|row| row.livestreams[id], TurnoverRow::of(std::iter::once(total)))
            });
        adds_up.then_some(()).ok_or("the parts of a row do not add up to it")
    }

    /// What had been paid by category when the last row closed.
    fn paid_by_category(&self) -> Option<Vec<u64>> {
        let paid = |category: usize| {
            let mut of_rows = self.rows.iter().map(|row| row.categories[category].paid_fen);
            of_rows.try_fold(0u64, u64::checked_add)
        };
        (0..self.paid_of.len()).map(paid).collect()
    }

    /// Whether what has been paid by category in all is what the record says.
    #[must_use]
    pub fn categories_hold(&self, stock: &Stock) -> bool {
        let since = |(category, &before): (usize, &u64)| stock.of_category(category).paid_fen.checked_sub(before);
        let of_slot: Option<u64> = self.paid_of.iter().enumerate().map(since).sum();
        of_slot == Some(self.slot.paid.fen)
    }

    /// Whether everybody who came to a room went in, left, or is among those who wait there.
    #[must_use]
    pub fn rooms_hold(&self, waiting: &[u64]) -> bool {
        waiting.iter().enumerate().all(|(window, &waiting)| {
            let of_window = [&self.total, &self.slot].into_iter().filter_map(|tally| tally.rooms.get(window));
            let sum = |of: fn(&RoomTally) -> u64| of_window.clone().map(|room| u128::from(of(room))).sum::<u128>();
            let admitted = sum(|room| room.counts.admitted);
            let left =
                sum(|room| room.counts.gave_up) + sum(|room| room.counts.sent_away) + sum(|room| room.counts.closed);
            admitted == sum(|room| room.waits_ms.count())
                && sum(|room| room.counts.came) == admitted + left + u128::from(waiting)
                && sum(|room| room.counts.waited) <= sum(|room| room.counts.came)
        })
    }

    /// Whether no more second copies were answered first than were sent, nor than calls were answered.
    #[must_use]
    pub fn hedges_hold(&self) -> bool {
        let mut both = self.total.hedges.iter().zip(&self.slot.hedges);
        both.all(|(total, slot)| {
            let sum = |of: fn(&HedgeTally) -> u64| u128::from(of(total)) + u128::from(of(slot));
            sum(|of| of.won) <= sum(|of| of.sent).min(sum(|of| of.calls_us.count()))
        })
    }

    /// Whether every request to a service was answered, rejected or cancelled, or is among those that are there.
    #[must_use]
    pub fn requests_hold(&self, there: &[u64]) -> bool {
        there.iter().enumerate().all(|(id, &there)| {
            let sum = |of: fn(&ServiceTally) -> u64| {
                u128::from(of(&self.total.services[id])) + u128::from(of(&self.slot.services[id]))
            };
            let closed: u128 = self.responses_us.iter().map(|window| u128::from(window[id].count())).sum();
            let answered = closed + sum(|of| of.responses_us.count());
            sum(|of| of.requests) == answered + sum(|of| of.rejected) + sum(|of| of.cancelled) + u128::from(there)
        })
    }

    /// Whether every request that was answered has one response time, and no other has. A plain station answers all that it accepts
    /// in the row in which they come; at a desk they may be answered later or never.
    fn answers_add_up(&self, model: &Model, windows: usize) -> Result<(), Wrong> {
        let is_plain = |id: usize| model.services[id].desk.is_none();
        let of_row = |(id, row): (usize, &ServiceRow)| {
            let counts = row.rejected.checked_add(row.answered) == Some(row.requests) && row.timed_out <= row.requests;
            counts || !is_plain(id)
        };
        if !self.rows.iter().all(|row| row.services.iter().enumerate().all(of_row)) {
            return Err("there are answers without requests, or the other way round");
        }
        for (window, responses) in self.responses_us[..windows].iter().enumerate() {
            let rows = || self.rows.iter().filter(|row| row.slot.window == window);
            for (id, times) in responses.iter().enumerate() {
                let answered: u128 = rows().map(|row| u128::from(row.services[id].answered)).sum();
                if u128::from(times.count()) != answered {
                    return Err("there are answers without requests, or the other way round");
                }
            }
        }
        for (slice, times) in &self.slices {
            let rows = self.rows.iter().filter(|row| slice.covers(row.slot.start, row.slot.end));
            let answered: u128 = rows.map(|row| u128::from(row.services[slice.service].answered)).sum();
            if u128::from(times.count()) != answered {
                return Err("a slice of time has answers without requests, or the other way round");
            }
        }
        let of_tally = |(id, service): (usize, &ServiceTally)| {
            let counts = service.rejected.checked_add(service.responses_us.count()) == Some(service.requests);
            counts && service.timed_out <= service.requests || !is_plain(id)
        };
        let open = self.slot.services.iter().enumerate().all(of_tally);
        // Those of closed slots stand in the windows.
        let closed = self.total.services.iter().all(|service| service.responses_us.count() == 0);
        (open && closed).then_some(()).ok_or("there are answers without requests, or the other way round")
    }
}

impl SliceState {
    fn of((slice, times): &(ResponseSlice, ResponseTimes)) -> Self {
        let &ResponseSlice { service, from, until } = slice;
        SliceState { service, from, until, responses_us: times.counted() }
    }

    fn is_of(&self, slice: &ResponseSlice) -> bool {
        (self.service, self.from, self.until) == (slice.service, slice.from, slice.until)
    }
}

impl Row {
    fn counts_below(&self, most: u64) -> bool {
        let services = self.services.iter().all(|service| {
            let counts = [
                service.requests,
                service.rejected,
                service.limited,
                service.timed_out,
                service.cancelled,
                service.present,
            ];
            service.attribution.is_of(counts)
                && service_below(counts, service.offered_ns.max(service.waited_ns), service.reading, most)
        });
        let categories = self
            .categories
            .iter()
            .all(|of| of.left.unsigned_abs().max(of.empty.unsigned_abs()).max(of.paid_fen) <= most);
        let turnovers = self.channels.iter().chain(&self.livestreams);
        let mut counts = turnovers.flat_map(|of| [of.sessions, of.ordered, of.paid, of.paid_fen]);
        services
            && categories
            && counts.all(|count| count <= most)
            && self.begun.max(self.in_flight) <= most
            && self.rooms.are_below(most)
    }
}

impl Tally {
    fn counts_below(&self, most: u64) -> bool {
        let PresaleTally { deposits, balances, completed_fen, forfeited } = self.presale;
        let completed = Intents { fen: completed_fen, ..Intents::default() };
        let DoubleSubmitTally { sent, caught, ordered, paid } = self.double_submits;
        let intents = [self.demand, self.ordered, self.paid, self.stranded, deposits, balances, completed, forfeited];
        let SubstituteTally { wanted, paid: substitutes } = self.substitutes;
        let intents = [&intents[..], &[ordered, paid, wanted, substitutes]].concat();
        let intents = intents.iter().chain(&self.ledger).all(|i| i.lines.max(i.units).max(i.fen) <= most);
        let services = self.services.iter().all(|service| {
            let counts = [
                service.requests,
                service.rejected,
                service.limited,
                service.timed_out,
                service.cancelled,
                service.present,
            ];
            service.attribution.is_of(counts)
                && service_below(counts, service.offered_ns.max(service.waited_ns), service.reading, most)
        });
        let settled = self.settled_fen.iter().all(|&fen| fen <= most);
        let turnovers = self.channels.iter().chain(&self.livestreams).all(|turnover| {
            let Turnover { sessions, demand, ordered, paid } = *turnover;
            sessions <= most && [demand, ordered, paid].iter().all(|i| i.lines.max(i.units).max(i.fen) <= most)
        });
        let vouchers = self.vouchers.values().all(|i| i.lines.max(i.units).max(i.fen) <= most);
        let rooms = self.rooms.iter().all(|room| room.counts.are_below(most) && room.waits_ms.count() <= most);
        let hedges = self.hedges.iter().all(|of| of.sent.max(of.calls_us.count()) <= most && of.waited_ns <= MOST_NS);
        intents
            && turnovers
            && services
            && settled
            && rooms
            && hedges
            && vouchers
            && self.requests_rejected.values().all(|&requests| requests <= most)
            && caught <= sent
            && [self.events, self.begun, self.ended, self.turned_away, sent].iter().all(|&n| n <= most)
    }
}

impl RoomCounts {
    fn are_below(&self, most: u64) -> bool {
        let RoomCounts { came, waited, admitted, gave_up, sent_away, closed } = *self;
        [came, waited, admitted, gave_up, sent_away, closed].iter().all(|&count| count <= most)
    }
}

impl Attribution {
    const COUNTS: usize = 5;

    fn counts(self) -> [u64; Self::COUNTS] {
        let Attribution { rejected_within, timed_out_within, unplaced, unplaced_copies, placed_again } = self;
        [rejected_within, timed_out_within, unplaced, unplaced_copies, placed_again]
    }

    /// Whether no more is put down to others than was rejected or timed out.
    fn is_of(self, [requests, rejected, limited, timed_out, ..]: [u64; 6]) -> bool {
        let others = [self.rejected_within, self.unplaced, self.unplaced_copies];
        others.into_iter().fold(limited, u64::saturating_add) <= rejected
            && self.timed_out_within <= timed_out
            && self.placed_again <= requests
    }
}

/// Whether a service, in a row or in a tally, counts no more than can be; counts are requests, those rejected, those turned away
/// before they reached it, those timed out, those cancelled, those that were there at an instant.
fn service_below(counts: [u64; 6], ns: u128, reading: Reading, most: u64) -> bool {
    let [_, rejected, limited, ..] = counts;
    limited <= rejected
        && counts.into_iter().max().max(Some(reading.longest_queue)) <= Some(most)
        && [ns, reading.busy, reading.queued, reading.standing, reading.capacity, reading.stayed]
            .iter()
            .all(|&ns| ns <= MOST_NS)
}

impl TallyState {
    fn of(tally: &Tally) -> Self {
        let services = tally.services.iter().map(|service| ServiceState {
            requests: service.requests,
            rejected: service.rejected,
            limited: service.limited,
            timed_out: service.timed_out,
            cancelled: service.cancelled,
            attribution: service.attribution,
            present: service.present,
            offered_ns: service.offered_ns,
            waited_ns: service.waited_ns,
            settled: service.settled,
            reading: service.reading,
            responses_us: service.responses_us.counted(),
        });
        let rooms = tally.rooms.iter().map(|room| (room.counts, room.waits_ms.counted()));
        let hedges = tally.hedges.iter().map(HedgeState::of).collect();
        TallyState { services: services.collect(), rooms: rooms.collect(), hedges, tally: tally.clone() }
    }

    fn tally(self, model: &Model, windows: usize) -> Result<Tally, Wrong> {
        let fresh = Tally::new(model);
        let mut ledger = self.tally.ledger;
        let of_window = fresh.segments * fresh.causes;
        let later = ledger.get(windows * of_window..).ok_or("windows are missing in the ledger")?;
        if later.iter().any(|&intents| intents != Intents::default()) {
            return Err("the ledger has entries of windows that had not opened");
        }
        ledger.resize(fresh.ledger.len(), Intents::default());
        let (mut channels, livestreams) = (self.tally.channels, self.tally.livestreams);
        let of_window = fresh.channels.len() / model.windows.len();
        let later = channels.get(windows * of_window..).ok_or("windows are missing of a channel")?;
        if later.iter().any(|&turnover| turnover != Turnover::default()) || livestreams.len() != fresh.livestreams.len()
        {
            return Err("channels or livestreams are those of another scenario");
        }
        channels.resize(fresh.channels.len(), Turnover::default());
        if self.services.len() != fresh.services.len() || self.tally.settled_fen.len() != fresh.causes {
            return Err("services are missing");
        }
        let services = self.services.into_iter().map(ServiceState::tally).collect::<Option<_>>();
        let services = services.ok_or("a response time is out of range")?;
        if self.rooms.len() > fresh.rooms.len() {
            return Err("there are waiting rooms that the scenario does not have");
        }
        // A fork may give a room to a window that had not opened.
        let mut rooms = fresh.rooms;
        for (room, (counts, waits)) in rooms.iter_mut().zip(self.rooms) {
            let waits_ms = ResponseTimes::of(&waits).ok_or("a wait is out of range")?;
            *room = RoomTally { counts, waits_ms };
        }
        if self.hedges.len() != fresh.hedges.len() {
            return Err("calls of other services are hedged");
        }
        let hedges = self.hedges.into_iter().map(HedgeState::tally).collect::<Option<_>>();
        let hedges = hedges.ok_or("a response time of hedged calls is out of range")?;
        Ok(Tally {
            ledger,
            channels,
            livestreams,
            services,
            rooms,
            hedges,
            causes: fresh.causes,
            segments: fresh.segments,
            ..self.tally
        })
    }
}

impl HedgeState {
    fn of(tally: &HedgeTally) -> Self {
        let HedgeTally { sent, won, waited_ns, ref calls_us } = *tally;
        HedgeState { sent, won, waited_ns, calls_us: calls_us.counted() }
    }

    fn tally(self) -> Option<HedgeTally> {
        let HedgeState { sent, won, waited_ns, calls_us } = self;
        let calls_us = ResponseTimes::of(&calls_us)?;
        Some(HedgeTally { sent, won, waited_ns, calls_us })
    }
}

impl ServiceState {
    fn tally(self) -> Option<ServiceTally> {
        Some(ServiceTally {
            requests: self.requests,
            rejected: self.rejected,
            limited: self.limited,
            timed_out: self.timed_out,
            cancelled: self.cancelled,
            attribution: self.attribution,
            present: self.present,
            offered_ns: self.offered_ns,
            waited_ns: self.waited_ns,
            settled: self.settled,
            reading: self.reading,
            responses_us: ResponseTimes::of(&self.responses_us)?,
        })
    }
}

//! What happened, fact by fact: a list of requests, a list of intents and where they ended, a count per row. Nothing is summed
//! up while the simulation runs.

use super::event::{Event, Turn};
use super::hedge::Hedged;
use super::room::Visit;
use super::service::RequestId;
use super::session::{Fate, Key, Line, Session};
use saleload::engine::schedule::Slot;
use saleload::units::{Instant, Nanos};
use std::collections::BTreeMap;

/// From when on how many instances of a service stood in a cell, and how many workers there were for its shoppers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stood {
    pub(crate) cell: usize,
    pub(crate) service: usize,
    pub(crate) since: Instant,
    pub(crate) instances: u64,
    pub(crate) workers: u64,
}

/// Whether a client has been told that its request is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    No,
    /// It is about to hear of it.
    Hears,
    Yes,
}

/// A request and all that became of it.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what is true of it or not, each for itself")]
pub(crate) struct Request {
    pub(crate) cell: usize,
    pub(crate) service: usize,
    /// Which of several queues.
    pub(crate) queue: usize,
    /// Row of the series in which it was made. All that is told of a request is told there.
    pub(crate) row: usize,
    pub(crate) key: Key,
    /// The wait of the session that it was made in.
    pub(crate) number: u64,
    /// The visit of the session, and what names the draws of the calls that the service makes for it.
    pub(crate) visit: u16,
    pub(crate) lineage: Option<u64>,
    /// Whether its own work is done and the service calls others.
    pub(crate) calls: bool,
    /// When the client made it, and when it came to the service: later, where it waited for its turn at a limiter.
    pub(crate) made: Instant,
    pub(crate) segment: usize,
    /// The state of the behaviour graph that it is made in.
    pub(crate) state: usize,
    pub(crate) arrives: Instant,
    pub(crate) work: Nanos,
    /// When a worker took it up.
    pub(crate) starts: Option<Instant>,
    /// Whether it never came to the service.
    pub(crate) is_limited: bool,
    /// Whether it has not got through yet.
    pub(crate) is_under_way: bool,
    /// Whether its client has been told that it is accepted.
    pub(crate) told: Told,
    /// How long the worker takes.
    pub(crate) takes: Nanos,
    /// The row in which it was rejected.
    pub(crate) rejected: Option<usize>,
    /// The longest that it may wait.
    pub(crate) bound: Option<Nanos>,
    /// At a desk: when it left the queue without being served, when its worker was done or let go of it, the rows in which it was
    /// answered and in which its client had waited too long.
    pub(crate) ends_wait: Option<Instant>,
    pub(crate) stops: Option<Instant>,
    pub(crate) answered: Option<usize>,
    pub(crate) timed_out: Option<usize>,
    /// The row in which it ended at a desk, or on the way there, without an answer and with nobody to tell.
    pub(crate) cancelled: Option<usize>,
    /// Whether a service failed that was called for it, or was awaited when its client left.
    pub(crate) failed_inside: bool,
    pub(crate) left_inside: bool,
    /// Which attempt at its call it is, whether as the second copy of it, and whether it has ever had a place.
    pub(crate) attempt: u32,
    pub(crate) is_second: bool,
    pub(crate) had_place: bool,
    /// When its client stops waiting: the earlier of time-out and patience.
    pub(crate) client_leaves: Option<Instant>,
}

impl Request {
    /// When it is answered.
    pub(crate) fn done(&self) -> Option<Instant> {
        self.starts.map(|starts| starts + self.takes)
    }

    /// Whether its client was answered on acceptance.
    pub(crate) fn is_told(&self) -> bool {
        self.told != Told::No
    }

    /// Whether its client is not there any more when it is answered.
    pub(crate) fn is_timed_out(&self) -> bool {
        self.done().zip(self.client_leaves).is_some_and(|(done, leaves)| done > leaves)
    }
}

/// What happens to an intent, and in which row.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) time: Instant,
    pub(crate) row: usize,
    pub(crate) key: Key,
    pub(crate) segment: usize,
    pub(crate) line: Line,
    pub(crate) what: What,
    /// Whether it happens with the answers at the end of a tick, and still belongs to that.
    pub(crate) ends_tick: bool,
}

impl Fact {
    /// Whether it is about money only, and no intent.
    pub(crate) fn is_coupon(&self) -> bool {
        self.what == What::Ended(Fate::Coupon)
    }

    /// Its money.
    pub(crate) fn fen(&self) -> u64 {
        if self.is_coupon() { self.line.off } else { self.line.fen() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is put into a basket.
    Wanted,
    /// Its stock is reserved.
    Ordered,
    /// Its deposit is paid.
    Deposited,
    /// Its balance is paid.
    Completed,
    /// Its balance was not paid in time.
    Forfeited,
    /// It ends.
    Ended(Fate),
}

/// What became of a page that was submitted again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Sent,
    Caught,
    Ordered(Vec<Line>),
    /// What was paid for each line, fen.
    Paid(Vec<u64>),
}

/// A row of the series.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) slot: Slot,
    pub(crate) begun: u64,
    pub(crate) ended: u64,
    /// Sessions that ended without ever having had a basket, by a service's failure or the shopper's patience.
    pub(crate) turned_away: u64,
    /// Units left of every SKU at its end.
    pub(crate) left: Vec<u32>,
    /// Longest queue of each service, cell by cell added up; of use for desks.
    pub(crate) longest: Vec<u64>,
    /// When the requests at services are counted.
    pub(crate) glimpse: Instant,
}

/// How often happened what makes a scenario worth playing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rarities {
    /// Events at the same instant as the one before in their cell, of another shopper.
    pub(crate) ties: u64,
    /// Of those, events of different kinds.
    pub(crate) mixed_ties: u64,
    /// Calls tried again.
    pub(crate) retries: u64,
    /// Requests that found all workers busy and a place to wait.
    pub(crate) waits: u64,
    /// Holds that ran out.
    pub(crate) expiries: u64,
    /// Retries that a budget forbade.
    pub(crate) over_budget: u64,
    /// Requests that never came to their service; of those, held back by their client.
    pub(crate) limited: u64,
    pub(crate) held_back: u64,
    /// Shoppers whose patience ended while several calls were not answered.
    pub(crate) gave_up_on_several: u64,
    /// Requests that waited for their turn.
    pub(crate) turns: u64,
    /// Requests that were served before one that had come earlier.
    pub(crate) overtakings: u64,
    /// Requests that were dropped after too long a wait.
    pub(crate) dropped: u64,
    /// Requests that were cancelled.
    pub(crate) cancelled: u64,
    /// Requests that were answered on acceptance; of those, dropped or lost later.
    pub(crate) put_off: u64,
    /// Sessions that came by another pattern than the usual one of their segment.
    pub(crate) came_by_history: u64,
    /// Requests refused by a lost cell, requests that failed with it, and services of cells that took a lost one's shoppers over.
    pub(crate) refused_by_lost_cell: u64,
    pub(crate) lost_with_cell: u64,
    pub(crate) remapped: u64,
    pub(crate) put_off_failed: u64,
    /// Baskets that were filled up for a coupon, and orders that it took something off.
    pub(crate) fill_ups: u64,
    pub(crate) coupons: u64,
    /// Requests that a worker took longer for, because there were many.
    pub(crate) slowed: u64,
    /// Lines that were ordered, and sold out when they were to be paid.
    pub(crate) ordered_in_vain: u64,
    /// Times that stock was dealt out to the cells anew.
    pub(crate) rebalances: u64,
    /// Sessions that waited in a room; of those, sessions that left it without going in.
    pub(crate) room_waits: u64,
    pub(crate) room_losses: u64,
    /// Requests turned away as they were worth too little.
    pub(crate) shed: u64,
    /// Of those, and of those that were not, requests whose fate is another with as many instances as at first; and times that a switch
    /// looked at the load of more or fewer instances.
    pub(crate) shed_otherwise: u64,
    pub(crate) loads_of_others: u64,
    /// Switches that went on; pages that they closed, and calls that they left out.
    pub(crate) switched: u64,
    pub(crate) pages_closed: u64,
    pub(crate) left_out: u64,
    /// Of those, calls that are made at once with others.
    pub(crate) left_out_of_set: u64,
    /// Changes of instances: to more, and to fewer, in peace.
    pub(crate) more_instances: u64,
    pub(crate) fewer_instances: u64,
    /// Evaluations of autoscalers that wanted more instances, or fewer.
    pub(crate) wants_more: u64,
    pub(crate) wants_fewer: u64,
    /// Requests that failed as their instance was lost.
    pub(crate) lost_with_instance: u64,
    /// Requests that were refused as nobody could be reached, and those that got through later.
    pub(crate) refused: u64,
    pub(crate) got_through: u64,
    /// Payments that were declined more often than usual.
    pub(crate) bank_down: u64,
    /// Pages that made several calls at once, and those of them that a call failed.
    pub(crate) forks: u64,
    pub(crate) forks_failed: u64,
    /// Requests whose service called others, and those of them that such a call failed.
    pub(crate) inner: u64,
    pub(crate) inner_failed: u64,
    /// Requests whose client left while a service was awaited that was called for them.
    pub(crate) left_inside: u64,
    /// Second copies for which there was no budget, and copies that failed while the other was awaited.
    pub(crate) hedges_over_budget: u64,
    pub(crate) copies_failed: u64,
}

/// The facts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) rows: Vec<Row>,
    pub(crate) requests: Vec<Request>,
    pub(crate) facts: Vec<Fact>,
    /// Every session that began, with its segment; and in which row.
    pub(crate) begun: Vec<(Key, usize)>,
    pub(crate) begun_in: Vec<usize>,
    /// What happened in waiting rooms: row, window, what.
    pub(crate) visits: Vec<(usize, usize, Visit)>,
    /// What became of second submits.
    pub(crate) again: Vec<Again>,
    /// What happened to hedged calls, by service.
    pub(crate) hedged: Vec<(usize, Hedged)>,
    pub(crate) events: u64,
    /// Whether what happens now are the answers at the end of a tick.
    pub(crate) ends_tick: bool,
    pub(crate) rarities: Rarities,
    /// Vouchers sold: when, to whom, which, and after how long they are redeemed, if ever.
    pub(crate) vouchers: Vec<(Instant, Key, Line, Option<Nanos>)>,
    /// Instances that stand, wherever they change: cell, service, since when, how many.
    pub(crate) stood: Vec<Stood>,
    /// The last event of each cell.
    last: BTreeMap<usize, Event>,
    /// Every event as a line of text, where it is asked for.
    pub(crate) log: Option<Vec<(Instant, String)>>,
}

impl Record {
    pub(crate) fn new(keeps_log: bool) -> Self {
        Record { log: keeps_log.then(Vec::new), ..Record::default() }
    }

    /// Number of the current row.
    pub(crate) fn row(&self) -> usize {
        self.rows.len() - 1
    }

    pub(crate) fn current(&mut self) -> &mut Row {
        self.rows.last_mut().expect("a row is open while the run goes on")
    }

    pub(crate) fn open(&mut self, slot: Slot, glimpse: Instant) {
        let (left, longest) = (Vec::new(), Vec::new());
        self.rows.push(Row { slot, begun: 0, ended: 0, turned_away: 0, left, longest, glimpse });
    }

    /// Notes an event that is played.
    pub(crate) fn event(&mut self, event: &Event, cell: usize, visit: u16, granted: u64) {
        self.events += 1;
        if let Some(before) = self.last.insert(cell, *event)
            && before.time == event.time
            && before.key.shopper != event.key.shopper
        {
            self.rarities.ties += 1;
            self.rarities.mixed_ties += u64::from(before.turn != event.turn);
        }
        self.rarities.retries += u64::from(event.turn == Turn::Retry);
        self.rarities.expiries += u64::from(matches!(event.turn, Turn::HoldExpiry | Turn::HoldExpiryAfterExit));
        if let Some(log) = &mut self.log {
            let Key { shopper, window, leg, .. } = event.key;
            let text = format!(
                "{:>15} ns  cell {cell:<3} shopper {shopper:<5} window {window} visit {visit:<3} {:?} {granted:b} leg {leg}",
                event.time.0, event.turn
            );
            log.push((event.time, text));
        }
    }

    /// Notes what happens to the lines of a session's basket.
    pub(crate) fn fact(&mut self, (time, row): (Instant, usize), session: &Session, lines: &[Line], what: What) {
        let (key, segment, ends_tick) = (session.key, session.segment, self.ends_tick);
        self.facts.extend(lines.iter().map(|&line| Fact { time, row, key, segment, line, what, ends_tick }));
    }

    /// Notes what happens in the waiting room of a window.
    pub(crate) fn visit(&mut self, window: usize, what: Visit) {
        self.rarities.room_waits += u64::from(what == Visit::Waited);
        self.rarities.room_losses += u64::from(matches!(what, Visit::GaveUp | Visit::SentAway | Visit::Closed));
        self.visits.push((self.row(), window, what));
    }

    pub(crate) fn request(&mut self, request: Request) -> RequestId {
        self.requests.push(request);
        self.requests.len() - 1
    }
}

//! A cell: its shoppers, its share of every service, its event list, and the loop that plays them.
//!
//! Within a cell the simulation is exact: one thread, integer nanoseconds, the total order of [`Session::order`].

use super::admission::Admission;
use super::again::DoubleSubmits;
use super::arrivals::Arrivals;
use super::audience::ShownAt;
use super::basket::Baskets;
use super::desk::Desks;
use super::event_list::EventList;
use super::hot::Tokens;
use super::portion::Portion;
use super::room::Rooms;
use super::session::{Phase, Session};
use super::station::Station;
use super::stock::{Answer, Outbox, Stock};
use super::switches::Effects;
use crate::model::Model;
use crate::model::catalogue::Sku;
use crate::recorder::Tally;
use crate::units::Instant;

/// A cell of the platform.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Number of the cell.
    pub id: u32,
    /// First shopper of the cell; sessions count from it.
    pub first_shopper: u64,
    /// Pending events.
    pub events: EventList,
    /// Who is still to come.
    pub arrivals: Arrivals,
    /// Baskets of the sessions in flight.
    pub baskets: Baskets,
    /// One per service.
    pub stations: Vec<Station>,
    /// One per service that is protected.
    pub admissions: Vec<Option<Box<Admission>>>,
    /// Waiting rooms of the windows.
    pub rooms: Rooms,
    /// In place of the stations of services that need events of their own, and the sessions that wait there.
    pub desks: Desks,
    /// A byte per shopper of what lasts between windows; empty where there is one window.
    pub history: Vec<u8>,
    /// Per shopper the lines of their order in a presale that have a deposit and no balance, by bit; empty without a presale.
    pub deposits: Vec<u8>,
    /// When some of these orders were filled into a basket.
    pub(super) shown_at: ShownAt,
    /// Its own units of every SKU, where the stock is split.
    pub portion: Portion,
    /// How often they may be asked for, where that is limited.
    pub tokens: Option<Tokens>,
    /// Sessions whose page may be or has been submitted again.
    pub double_submits: DoubleSubmits,
    /// Orders that wait for the end of the tick.
    pub waiting: Vec<Waiting>,
    /// Digest of the events played.
    pub digest: Digest,
}

/// An order that waits for the settlement of contested lines.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// The session.
    pub session: Session,
    /// The answers so far.
    pub answers: Answers,
}

/// What is known of the lines of a basket that were asked for, by bit. A line that is neither is sold out, once all have their answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Lines granted.
    pub granted: u16,
    /// Lines rejected, as their SKU was asked for too often.
    pub rejected: u16,
}

impl Answers {
    /// Notes the answer to a line.
    #[inline]
    pub fn note(&mut self, line: u8, answer: Answer) {
        match answer {
            Answer::Granted => self.granted |= 1 << line,
            Answer::Rejected => self.rejected |= 1 << line,
            Answer::SoldOut | Answer::Contested => {}
        }
    }

    /// All of it as one number.
    #[must_use]
    pub fn bits(self) -> u64 {
        u64::from(self.rejected) << 16 | u64::from(self.granted)
    }
}

impl Cell {
    /// A cell before the first opening.
    #[must_use]
    pub fn new(model: &Model, id: u32) -> Self {
        let stations = model.services.iter().enumerate().map(|(service, settings)| {
            let instances = model.instances(service, id);
            let pool = settings.pool.as_ref();
            let workers = pool.map_or(0, |pool| instances as usize * pool.workers as usize);
            let places = pool.and_then(|pool| pool.queue).map_or(u64::MAX, |queue| queue * instances);
            Station::new(workers, places)
        });
        let first_shopper = model.first_shopper(id);
        let shoppers = model.first_shopper(id + 1) - first_shopper;
        Cell {
            id,
            first_shopper,
            events: EventList::default(),
            arrivals: Arrivals::default(),
            baskets: Baskets::default(),
            stations: stations.collect(),
            admissions: (0..model.services.len()).map(|service| Admission::new(model, service, id)).collect(),
            rooms: Rooms::new(model, id),
            desks: Desks::new(model, id),
            history: if model.windows.len() > 1 { vec![0; shoppers as usize] } else { Vec::new() },
            deposits: if model.presales.is_empty() { Vec::new() } else { vec![0; shoppers as usize] },
            shown_at: ShownAt::new(),
            portion: Portion::default(),
            tokens: Tokens::of_cell(model),
            double_submits: DoubleSubmits::new(),
            waiting: Vec::new(),
            digest: Digest::default(),
        }
    }

    /// Whether it is known without a search that nothing happens before `end`.
    fn is_quiet_before(&self, end: Instant) -> bool {
        self.desks.are_none() && self.events.is_quiet_before(end.0) && self.arrivals.next_before(end).is_none()
    }

    /// Sessions in flight but for those that wait for the end of the tick, in no order that means anything.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.events.iter().chain(self.desks.clients())
    }
}

/// Working space for playing a cell through a tick. Nothing in it outlasts the tick, so cells that are played one after the
/// other share it, and it stays in the cache.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    /// Grants of the tick by SKU, against the cell's share.
    pub grants: Grants,
    /// Requests of the tick by SKU, against the cell's share of those that are let through.
    pub tokens: Grants,
    /// What the tick adds to the shoppers' history; written together at its end, as each entry misses the cache.
    pub remembered: Vec<(u32, u8)>,
}

/// A cell at play: everything an event may read or change.
pub(super) struct Player<'a> {
    pub(super) cell: &'a mut Cell,
    pub(super) model: &'a Model,
    pub(super) stock: &'a Stock,
    /// What degradation switches do; `None` while all are off.
    pub(super) effects: Option<&'a Effects>,
    pub(super) tally: &'a mut Tally,
    pub(super) outbox: &'a mut Outbox,
    pub(super) space: &'a mut Workspace,
}

impl Player<'_> {
    /// Plays a tick: its arrivals and the pending events before its end, in their total order. `glimpse`: the instant of it at which
    /// the requests at each service are counted.
    pub(super) fn play_tick(&mut self, end: Instant, glimpse: Option<Instant>) {
        let is_quiet = self.cell.is_quiet_before(end);
        if !is_quiet {
            self.space.grants.forget();
            self.space.tokens.forget();
            self.look_ahead(end);
        }
        if let Some(at) = glimpse {
            self.play_until(at);
            self.count_present(at);
        }
        if !is_quiet {
            self.play_until(end);
        }
        if let Some(presale) = self.model.presale_due(end) {
            self.forfeit(presale);
        }
        self.write_history();
    }

    /// Plays arrivals and pending events before an instant.
    fn play_until(&mut self, end: Instant) {
        let has_desks = !self.cell.desks.are_none();
        loop {
            // At the same instant an arrival comes last.
            let arrival = self.cell.arrivals.next_before(end);
            let until = arrival.map_or(end.0, |arrival| arrival.time.0 + 1);
            if has_desks {
                self.play_with_desks(until);
            }
            while let Some(mut session) = self.cell.events.pop_before(until) {
                self.play(&mut session);
            }
            let Some(arrival) = arrival else { break };
            self.cell.arrivals.pop();
            self.play(&mut arrival.session());
        }
    }

    /// Counts the requests that are at each service just before an instant, up to which everything has been played.
    fn count_present(&mut self, now: Instant) {
        let Cell { stations, desks, .. } = &*self.cell;
        for (service, (station, tally)) in stations.iter().zip(&mut self.tally.services).enumerate() {
            let at_station = || station.busy_before(now.0) + station.waiting_before(now.0);
            tally.present += desks.in_flight(service).unwrap_or_else(at_station);
        }
    }

    /// Reads the baskets of those who will do something in this tick, and the stock that they are about to ask for. These reads do
    /// not wait for one another, so they reach memory side by side; what happens later finds its lines in the cache.
    fn look_ahead(&self, end: Instant) {
        let cell = &*self.cell;
        let mut sum = 0u32;
        for session in cell.events.soon(end.0).filter(|session| session.basket.is_one()) {
            for line in cell.baskets.lines(session.basket) {
                sum = sum.wrapping_add(if session.holds() { line.units } else { self.stock.left(line.sku) });
            }
        }
        std::hint::black_box(sum);
    }

    /// Writes what was remembered in the tick into the history.
    pub(super) fn write_history(&mut self) {
        for (shopper, what) in self.space.remembered.drain(..) {
            self.cell.history[shopper as usize] |= what;
        }
    }

    /// An event of a session is played.
    #[inline]
    pub(super) fn note_event(&mut self, session: &Session) {
        self.tally.events += 1;
        self.cell.digest.mix(session.order());
    }

    pub(super) fn play(&mut self, session: &mut Session) {
        self.note_event(session);
        match session.phase() {
            Phase::Arrival => self.begin(session),
            Phase::TimedOut => self.timed_out(session),
            Phase::GaveUp => self.gave_up(session),
            Phase::Retry if session.is_in_room() => self.go_in(session),
            Phase::Response | Phase::Retry => self.call(session),
            Phase::ThinkEnd => self.move_on(session),
            Phase::HoldExpiry | Phase::HoldExpiryAfterExit => self.expire(session),
        }
    }

    /// Lets a session wait, until its hold expires at the latest.
    #[inline]
    pub(super) fn wait(&mut self, session: &mut Session, phase: Phase, time: Instant) {
        self.set_wait(session, phase, time);
        if session.basket.is_of_leg() {
            return self.cell.desks.wait_for_leg(*session);
        }
        self.cell.events.push(*session);
    }

    /// Notes what a session waits for: the expiry of its hold, if that comes first.
    #[inline]
    pub(super) fn set_wait(&self, session: &mut Session, phase: Phase, time: Instant) {
        session.wait_for(phase, time);
        if session.holds() {
            let deadline = self.cell.baskets.deadline(self.basket_of(session));
            if deadline <= time {
                session.wait_for(Phase::HoldExpiry, deadline);
            }
        }
    }

    /// When the hold of a session expires; the end of time where it holds nothing.
    #[inline]
    pub(super) fn hold_ends(&self, session: &Session) -> Instant {
        if session.holds() { self.cell.baskets.deadline(self.basket_of(session)) } else { Instant(u64::MAX) }
    }

    /// Adds to the history of a shopper, where one is kept.
    #[inline]
    pub(super) fn remember(&mut self, session: &Session, what: u8) {
        if !self.cell.history.is_empty() {
            self.space.remembered.push((session.shopper, what));
        }
    }
}

/// A digest of the event stream: order matters, every bit counts, two multiplications an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Digest(pub u64);

impl Digest {
    /// Mixes in an event.
    #[inline]
    pub fn mix(&mut self, order: (u64, u64)) {
        let word = order.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ order.1;
        self.0 = (self.0 ^ word).rotate_left(27).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
}

/// Units that a cell has granted in the current tick, by SKU: an open-addressing table that is emptied in one step.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// SKU, units, and the tick's number in which the entry is valid.
    entries: Vec<(Sku, u32, u32)>,
    tick: u32,
    len: usize,
}

impl Grants {
    fn forget(&mut self) {
        self.len = 0;
        self.tick = self.tick.wrapping_add(1);
        if self.tick == 0 {
            // Entries of 2^32 ticks ago must not come back to life.
            self.entries.fill((0, 0, 0));
            self.tick = 1;
        }
    }

    /// Grants `units` if all grants of the SKU in this tick stay within `share`.
    #[inline]
    pub fn try_grant(&mut self, sku: Sku, units: u32, share: u32) -> bool {
        if units > share {
            return false;
        }
        if self.len * 2 >= self.entries.len() {
            self.grow();
        }
        let tick = self.tick;
        let entry = Self::find(&mut self.entries, sku, tick);
        if entry.2 != tick {
            *entry = (sku, units, tick);
            self.len += 1;
            return true;
        }
        if units > share - entry.1.min(share) {
            return false;
        }
        entry.1 += units;
        true
    }

    fn find(entries: &mut [(Sku, u32, u32)], sku: Sku, tick: u32) -> &mut (Sku, u32, u32) {
        let mask = entries.len() - 1;
        let mut index = (sku.wrapping_mul(0x9E37_79B9) >> 7) as usize & mask;
        while entries[index].2 == tick && entries[index].0 != sku {
            index = (index + 1) & mask;
        }
        &mut entries[index]
    }

    fn grow(&mut self) {
        let old = std::mem::take(&mut self.entries);
        self.entries = vec![(0, 0, self.tick.wrapping_sub(1)); (old.len() * 2).max(64)];
        for entry in old.into_iter().filter(|entry| entry.2 == self.tick) {
            *Self::find(&mut self.entries, entry.0, entry.2) = entry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_stay_within_the_share_of_each_tick() {
        let mut grants = Grants::default();
        for _ in 0..3 {
            grants.forget();
            for sku in 0..500 {
                assert!(grants.try_grant(sku, 2, 3));
                assert!(!grants.try_grant(sku, 2, 3), "2 + 2 > 3");
                assert!(grants.try_grant(sku, 1, 3));
                assert!(!grants.try_grant(sku, 1, 3));
            }
        }
    }
}

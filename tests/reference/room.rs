//! A waiting room: places in a line, and a clock that calls the first of them again and again.
//!
//! The engine reckons the turn of a place when it is taken, and keeps no line.

use super::draws;
use super::event::{Event, Turn};
use super::session::{Fate, Key, Session, Waits};
use super::simulator::Simulator;
use saleload::plan::{LeftPlaces, Window};
use saleload::units::{Instant, Nanos};
use std::cmp::Reverse;
use std::collections::VecDeque;

const SECOND: u64 = 1_000_000_000;

/// The room of a window in a cell.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// Places that have not had their turn; `None`: the shopper has left it.
    places: VecDeque<Option<Key>>,
    /// The exact time of the next turn: whole nanoseconds, and a remainder in parts of the rate.
    next: (u64, u64),
    /// Whether the next turn is on the heap.
    is_called: bool,
}

/// What happened in a room, in which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Visit {
    Came,
    Waited,
    WentIn(Nanos),
    GaveUp,
    SentAway,
    Closed,
}

impl Room {
    pub(crate) fn new(window: &Window, cell: u32) -> Self {
        let first = window.room.as_ref().map_or((0, 0), |room| later((window.opens.0, 0), room.per_second, cell));
        Room { places: VecDeque::new(), next: first, is_called: false }
    }
}

/// An exact time, later by so many distances of the platform.
fn later((ns, parts): (u64, u64), per_second: u64, times: u32) -> (u64, u64) {
    let more = u128::from(SECOND) * u128::from(times) + u128::from(parts);
    (ns + (more / u128::from(per_second)) as u64, (more % u128::from(per_second)) as u64)
}

/// The first whole nanosecond that is not before an exact time.
fn ceil((ns, parts): (u64, u64)) -> Instant {
    Instant(ns + u64::from(parts > 0))
}

impl Simulator<'_> {
    fn room(&mut self, cell: usize, window: usize) -> &mut Room {
        &mut self.cells[cell].rooms[window]
    }

    /// A place has had its turn at an exact time.
    fn take_turn(&mut self, cell: usize, window: usize, at: (u64, u64)) {
        let per_second = self.plan.windows[window].room.as_ref().expect("it has one").per_second;
        self.room(cell, window).next = later(at, per_second, self.model.cells);
    }

    pub(crate) fn come_to_room(&mut self, mut session: Session) {
        let (cell, window, now) = (session.cell, session.key.window, self.now);
        self.record.visit(window, Visit::Came);
        let room = self.room(cell, window);
        if room.places.is_empty() && ceil(room.next) <= now {
            self.take_turn(cell, window, (now.0, 0));
            return self.go_in(session, now);
        }
        self.record.visit(window, Visit::Waited);
        session.waits = Waits::Room(now);
        session.number = self.new_number();
        let settings = self.plan.windows[window].room.as_ref().expect("it has one");
        let ends = [draws::patience_in_room(&self.model, &session), settings.longest_wait];
        for wait in ends.into_iter().flatten() {
            self.schedule(now + wait, Turn::GaveUp, session.key, session.number);
        }
        self.schedule(self.plan.windows[window].closes, Turn::GaveUp, session.key, session.number);
        self.room(cell, window).places.push_back(Some(session.key));
        self.sessions.insert(session.key, session);
        self.call_next(cell, window);
    }

    /// Sees to it that the next turn comes.
    fn call_next(&mut self, cell: usize, window: usize) {
        let now = self.now;
        let room = self.room(cell, window);
        if room.is_called || room.places.is_empty() {
            return;
        }
        room.is_called = true;
        let time = ceil(room.next).max(now);
        let key = Key { shopper: self.cells[cell].first_shopper, window, again: 0, leg: 0 };
        self.events.push(Reverse(Event { time, turn: Turn::LetIn, key, number: cell as u64 }));
    }

    /// The turn of the first place.
    pub(crate) fn let_in(&mut self, cell: usize, window: usize) {
        self.room(cell, window).is_called = false;
        let at = self.room(cell, window).next;
        if let Some(place) = self.room(cell, window).places.pop_front() {
            self.take_turn(cell, window, at);
            if let Some(key) = place {
                let number = self.sessions[&key].number;
                self.schedule(self.now, Turn::Retry, key, number);
            }
        }
        self.call_next(cell, window);
    }

    pub(crate) fn go_in(&mut self, session: Session, since: Instant) {
        self.record.visit(session.key.window, Visit::WentIn(self.now - since));
        self.first_page(session);
    }

    /// Patience, place or window has ended.
    pub(crate) fn leave_room(&mut self, mut session: Session, since: Instant) {
        let (cell, window, key) = (session.cell, session.key.window, session.key);
        let settings = self.plan.windows[window].room.clone().expect("it has one");
        let room = self.room(cell, window);
        match settings.left_places {
            LeftPlaces::MoveUp => room.places.retain(|place| *place != Some(key)),
            LeftPlaces::Expire => {
                room.places.iter_mut().filter(|place| **place == Some(key)).for_each(|place| *place = None);
            }
        }
        let (visit, fate) = if self.has_closed(&session) {
            (Visit::Closed, Fate::WindowClosed)
        } else if settings.longest_wait.is_some_and(|longest| self.now - since >= longest) {
            (Visit::SentAway, Fate::GaveUp(None))
        } else {
            (Visit::GaveUp, Fate::GaveUp(None))
        };
        self.record.visit(window, visit);
        session.failure = Some(fate);
        self.leave(session);
    }
}

//! The waiting room of a window, in one cell: who comes takes the next place, and goes in when its turn comes.
//!
//! Turns come at even distances, so the turn of a place is known as soon as it is taken. On a clock that runs as many times faster as
//! the platform lets shoppers in a second, the distance between two turns of a cell is `cells * 10^9`; the first turn of each cell is
//! `10^9` later than that of the cell before, so that the cells take turns and nothing drifts.
//!
//! Whoever will have left before the turn comes is known as well, as patience is drawn under the shopper's name: such a place is
//! either taken all the same, and its turn passes unused, or it is not, and those behind it are where they would be once it is left.
//!
//! A session in a room has visited no page yet: that tells it from all others. It waits for its turn as for a turn at a limiter, or
//! for the end of its patience, of its place or of the window.

use super::cell::Player;
use super::session::{Cause, Phase, Session};
use crate::model::{Model, Room};
use crate::plan::LeftPlaces;
use crate::rng::Purpose;
use crate::units::{Instant, Nanos};
use serde::{Deserialize, Serialize};

/// The first turn that nobody has, of each window, on the faster clock; none where no window has a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rooms(Vec<u128>);

impl Rooms {
    /// The rooms of a cell, with nobody in them.
    #[must_use]
    pub fn new(model: &Model, cell: u32) -> Self {
        if !model.has_rooms() {
            return Rooms(Vec::new());
        }
        let first = |(room, window): (&Option<Room>, &crate::plan::Window)| {
            let opens = room.as_ref().map_or(0, |room| u128::from(room.per_second) * u128::from(window.opens.0));
            opens + u128::from(cell) * u128::from(Nanos::PER_SECOND)
        };
        Rooms(model.rooms.iter().zip(&model.windows).map(first).collect())
    }

    /// Whether what was read from a file can go on in place of `fresh`, in a cell of so many shoppers.
    #[must_use]
    pub fn can_replace(&self, fresh: &Rooms, model: &Model, shoppers: u64, now: Instant) -> bool {
        let most = u128::from(shoppers) * distance(model);
        let can_be = |((&read, &fresh), room): ((&u128, &u128), &Option<Room>)| match room {
            None => read == fresh,
            Some(room) => (fresh..=fresh.max(u128::from(room.per_second) * u128::from(now.0)) + most).contains(&read),
        };
        self.0.len() == fresh.0.len() && self.0.iter().zip(&fresh.0).zip(&model.rooms).all(can_be)
    }
}

/// Between two turns of a cell, on the faster clock.
fn distance(model: &Model) -> u128 {
    u128::from(model.cells) * u128::from(Nanos::PER_SECOND)
}

impl Player<'_> {
    /// A session comes to the waiting room of its window: goes in at once, or waits.
    pub(super) fn come_to_room(&mut self, session: &mut Session, room: &Room) {
        let (window, now) = (usize::from(session.window()), session.time);
        let fast = u128::from(room.per_second);
        let turn = self.cell.rooms.0[window].max(u128::from(now.0) * fast);
        // A turn within a nanosecond comes at its end.
        let at = Instant(u64::try_from(turn.div_ceil(fast)).unwrap_or(u64::MAX));
        let leaves = self.leaves_room(session, room);
        let goes_in = at == now || at < leaves;
        if goes_in || room.left_places == LeftPlaces::Expire {
            self.cell.rooms.0[window] = turn + distance(self.model);
        }
        let counts = &mut self.tally.rooms[window].counts;
        counts.came += 1;
        if at == now {
            return self.go_in(session);
        }
        counts.waited += 1;
        if goes_in {
            self.wait(session, Phase::Retry, at);
        } else {
            self.wait(session, Phase::GaveUp, leaves);
        }
    }

    /// When a session leaves the room, if its turn has not come.
    fn leaves_room(&self, session: &Session, room: &Room) -> Instant {
        let now = session.time;
        let patience = room
            .patience
            .as_ref()
            .map(|patience| Nanos(patience.draw(&mut self.stream(session, Purpose::RoomPatience, 0))));
        let closes = self.model.windows[usize::from(session.window())].closes;
        room.longest_wait.into_iter().chain(patience).map(|wait| now + wait).fold(closes, Instant::min)
    }

    /// The turn of a session has come, or there was nobody before it.
    pub(super) fn go_in(&mut self, session: &mut Session) {
        let room = &mut self.tally.rooms[usize::from(session.window())];
        room.counts.admitted += 1;
        room.waits_ms.record((session.time - session.page_start).0.div_ceil(1_000_000));
        self.begin_visits(session);
    }

    /// A session leaves the room before its turn.
    pub(super) fn leave_room(&mut self, session: &mut Session) {
        let window = usize::from(session.window());
        let counts = &mut self.tally.rooms[window].counts;
        let longest_wait = self.model.rooms[window].as_ref().and_then(|room| room.longest_wait);
        session.cause = Cause::GAVE_UP;
        if session.time >= self.model.windows[window].closes {
            counts.closed += 1;
            session.cause = Cause::WINDOW_CLOSED;
        } else if longest_wait.is_some_and(|longest| session.page_start + longest == session.time) {
            counts.sent_away += 1;
        } else {
            counts.gave_up += 1;
        }
        self.leave(session);
    }
}

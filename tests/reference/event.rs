//! What happens when, and in which order.

use super::session::Key;
use saleload::units::Instant;

/// What an event is. At one instant the earlier variant comes first: the tie table of `saleload::engine::session::Phase`, and
/// before all of it the workers, which are "ready before new requests".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Turn {
    /// A worker of a plain service has finished a request, for whomever.
    StationDone,
    /// A worker of a desk has, or a service hears what it has asked of another.
    WorkDone,
    /// The instances of a service in a cell become more or fewer; the key is that of neither shopper nor window, but of cell and
    /// service.
    Instances,
    /// A request gets through that could not before.
    GetsThrough,
    /// The hold on an order runs out while its session goes on.
    HoldExpiry,
    /// The hold on an order runs out whose session has left.
    HoldExpiryAfterExit,
    /// A client has its answer.
    Response,
    /// A client has waited too long for its answer.
    TimedOut,
    /// A shopper has waited too long for a page.
    GaveUp,
    /// The next place of a waiting room has its turn, whoever has it.
    LetIn,
    /// A call is tried again; a shopper goes in from a waiting room.
    Retry,
    /// A shopper has looked long enough.
    ThinkEnd,
    /// A session begins.
    Arrival,
}

impl Turn {
    /// Whether a worker is done, which concerns no session yet.
    pub(crate) fn is_of_worker(self) -> bool {
        matches!(self, Turn::StationDone | Turn::WorkDone)
    }
}

/// An event on the heap, in the order of play: by time, turn, shopper, window. Shoppers count over all cells, those of a
/// lower cell first; so the heap holds the events of all cells, and within a cell their order is the documented one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Event {
    /// When.
    pub(crate) time: Instant,
    /// What.
    pub(crate) turn: Turn,
    /// Whom it concerns.
    pub(crate) key: Key,
    /// The request that is done, or the wait of the session that ends: a session that waits for something else by now has
    /// no use for the event.
    pub(crate) number: u64,
}

/// A digest of the events of a cell.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    /// Mixes in an event: its time; then, from the highest bits down, the turn in the tie table (from zero), the shopper's number within
    /// the cell, the window and the visit; `granted` are the lines of an answer at the end of a tick.
    pub(crate) fn mix(&mut self, event: &Event, shopper_in_cell: u64, visit: u16, granted: u64) {
        let turn = match event.turn {
            Turn::StationDone | Turn::WorkDone | Turn::Instances | Turn::GetsThrough | Turn::LetIn => return,
            Turn::HoldExpiry => 0,
            Turn::HoldExpiryAfterExit => 1,
            Turn::Response => 2,
            Turn::TimedOut => 3,
            Turn::GaveUp => 4,
            Turn::Retry => 5,
            Turn::ThinkEnd => 6,
            Turn::Arrival => 7,
        };
        let rank = (turn << 56) + (shopper_in_cell << 24) + ((event.key.window as u64) << 16) + u64::from(visit);
        let word = event.time.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ rank ^ granted;
        self.0 = (self.0 ^ word).rotate_left(27).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
}

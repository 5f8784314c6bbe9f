//! A session in flight: plain data, carried in the one event that it waits for.

use super::basket::BasketId;
use crate::units::Instant;
use serde::{Deserialize, Serialize};

/// What a session waits for. The order of the variants is the tie table: at one instant, earlier variants come first.
///
/// | at the same instant | because |
/// |---|---|
/// | requests done at a desk, in the order in which they came; the next ones start | workers are ready before all else |
/// | instances come and go at desks; requests that could not get through arrive, in the order in which they were made | what changes does so before anybody asks |
/// | hold expiries | a payment that is answered at the deadline comes too late |
/// | responses | workers and pages are ready before new requests |
/// | time-outs, then shoppers giving up | an answer in the last nanosecond still counts |
/// | retries, turns at a limiter or in a waiting room | they have waited longest |
/// | ends of think times | |
/// | arrivals | newcomers come last |
///
/// The table also decides between two events that one session could have: at the instant at which patience ends, the shopper
/// gives up and does not try again.
///
/// Among equals the smaller shopper number comes first; a shopper has one event at a time per session, and successive
/// sessions of one shopper are told apart by the window, then the visit.
///
/// The first two rows are no events of a session, see [`crate::engine::desk`]: who is answered there has a response at that instant, and
/// who is dropped or lost there is rejected on the spot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// The hold on its order runs out while the session goes on; ends it.
    #[default]
    HoldExpiry,
    /// The session has left; only the stock of its unpaid order is still held.
    HoldExpiryAfterExit,
    /// A call has been answered.
    Response,
    /// The client's time-out of a call.
    TimedOut,
    /// The shopper's patience ends, or the place in a waiting room does.
    GaveUp,
    /// A call is tried again, or its turn has come at a limiter; the turn has come in a waiting room.
    Retry,
    /// The shopper has looked long enough at a page, or at its error.
    ThinkEnd,
    /// The session begins.
    Arrival,
}

/// Why a shopper's purchase did not come about so far, or how it ended: the index of a bucket of the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause(pub u8);

impl Cause {
    /// Nothing has failed.
    pub const NONE: Cause = Cause(0);
    /// Paid.
    pub const BOUGHT: Cause = Cause(1);
    /// Nothing left of the product.
    pub const SOLD_OUT: Cause = Cause(2);
    /// Patience ran out in a waiting room; while a service is awaited, it is that of [`Cause::gave_up`].
    pub const GAVE_UP: Cause = Cause(3);
    /// The bank declined.
    pub const PAYMENT_FAILED: Cause = Cause(4);
    /// The hold expired.
    pub const HOLD_EXPIRED: Cause = Cause(5);
    /// The shopper left by choice.
    pub const CHANGED_MIND: Cause = Cause(6);
    /// The window closed first.
    pub const WINDOW_CLOSED: Cause = Cause(7);
    /// Undecided at the horizon.
    pub const OPEN: Cause = Cause(8);
    /// The balance was not paid in time.
    pub const DEPOSIT_FORFEITED: Cause = Cause(9);
    /// Already entered in the ledger; what is left is to release the stock.
    pub const SETTLED: Cause = Cause(10);
    /// Refused by the platform: a degradation switch has closed the page.
    pub const REFUSED: Cause = Cause(11);
    /// Taken off by a coupon when the order was created.
    pub const COUPON: Cause = Cause(12);
    /// Paid for, and then nothing was left of the product: refunded.
    pub const OVERSOLD: Cause = Cause(13);
    /// Rejected, as its SKU was asked for too often.
    pub const HOT: Cause = Cause(14);
    /// Sold out, and exchanged for another product, which is an intent of its own.
    pub const SUBSTITUTED: Cause = Cause(15);
    const FIRST_SERVICE: u8 = 16;
    /// Ways in which a service fails.
    const OF_SERVICE: u8 = 3;

    /// A service had no place.
    #[must_use]
    pub fn rejected(service: usize) -> Self {
        Cause(Self::FIRST_SERVICE + Self::OF_SERVICE * service as u8)
    }

    /// A service did not answer in time.
    #[must_use]
    pub fn timed_out(service: usize) -> Self {
        Cause(Self::FIRST_SERVICE + Self::OF_SERVICE * service as u8 + 1)
    }

    /// Patience ran out, or the page's time, while a service was awaited.
    #[must_use]
    pub fn gave_up(service: usize) -> Self {
        Cause(Self::FIRST_SERVICE + Self::OF_SERVICE * service as u8 + 2)
    }

    /// Number of causes with this many services.
    #[must_use]
    pub fn count(services: usize) -> usize {
        usize::from(Self::FIRST_SERVICE) + usize::from(Self::OF_SERVICE) * services
    }

    /// The service that rejected, timed out or was awaited for too long.
    #[must_use]
    pub fn service(self) -> Option<usize> {
        self.0.checked_sub(Self::FIRST_SERVICE).map(|i| usize::from(i / Self::OF_SERVICE))
    }

    /// Whether service, platform or patience failed, as opposed to stock, bank and clock.
    #[must_use]
    pub fn is_of_platform(self) -> bool {
        matches!(self, Cause::GAVE_UP | Cause::REFUSED | Cause::HOT) || self.service().is_some()
    }

    /// Whether it is a service's rejection.
    #[must_use]
    pub fn is_rejection(self) -> bool {
        self.is_nth(0)
    }

    /// Whether somebody gave up on a service.
    #[must_use]
    pub fn is_giving_up(self) -> bool {
        self.is_nth(2)
    }

    /// Whether it is this one of the ways in which a service fails.
    fn is_nth(self, way: u8) -> bool {
        self.0.checked_sub(Self::FIRST_SERVICE).is_some_and(|i| i % Self::OF_SERVICE == way)
    }

    /// This cause, or `other` where nothing has failed.
    #[must_use]
    pub fn or(self, other: Cause) -> Cause {
        if self == Cause::NONE { other } else { self }
    }
}

/// A session in flight and the event that it waits for: 32 bytes, two to a cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// When the event happens.
    pub time: Instant,
    /// When the current page was asked for.
    pub page_start: Instant,
    /// Number of the shopper within the cell.
    pub shopper: u32,
    /// Visits so far; names the draws of the current one.
    pub visit: u16,
    /// Its basket, in the cell's [`Baskets`](super::basket::Baskets). A snapshot has the basket itself in its place.
    #[serde(skip)]
    pub basket: BasketId,
    /// Current state of the behaviour graph.
    pub state: u8,
    /// Current call of the page; while the shopper thinks, where they will go next.
    pub call: u8,
    /// Attempts at the call so far, less one; while it waits for its turn at a limiter, with the bit [`HAS_TURN`].
    pub attempt: u8,
    /// The last failure.
    pub cause: Cause,
    /// The shopper's segment.
    pub segment: u8,
    /// Window (high nibble), whether stock is held for it ([`HOLDS`]), and phase (the low three bits).
    bits: u8,
}

/// Bit of a session whose basket holds stock.
const HOLDS: u8 = 8;
const PHASE: u8 = 7;
/// Bit of the attempts of a session that has a turn at a limiter, and waits for it: a plan has no more than a hundred.
pub const HAS_TURN: u8 = 128;

/// Bit of the visits of a second submit, which goes through the calls of that page once more: see [`crate::engine::again`].
pub const AGAIN: u16 = 1 << 15;

impl Default for Session {
    fn default() -> Self {
        Session {
            time: Instant(0),
            page_start: Instant(0),
            shopper: 0,
            visit: 0,
            basket: BasketId::NONE,
            state: 0,
            call: 0,
            attempt: 0,
            cause: Cause::NONE,
            segment: 0,
            bits: 0,
        }
    }
}

impl Session {
    /// A session that begins.
    #[must_use]
    pub fn new(time: Instant, shopper: u32, segment: u8, window: u8) -> Self {
        Session {
            time,
            page_start: time,
            shopper,
            segment,
            bits: window << 4 | Phase::Arrival as u8,
            ..Session::default()
        }
    }

    /// Number of the window in which it began; of a session in which a balance is paid, that of those balances: see
    /// [`Model::rounds`](crate::model::Model::rounds).
    #[must_use]
    #[inline]
    pub fn window(&self) -> u8 {
        self.bits >> 4
    }

    /// Whether it waits in the room of its window: it has visited no page yet.
    #[must_use]
    #[inline]
    pub fn is_in_room(&self) -> bool {
        self.visit == 0
    }

    /// Whether it is no session but the second submit of a page.
    #[must_use]
    #[inline]
    pub fn is_again(&self) -> bool {
        self.visit & AGAIN != 0
    }

    /// The same at another call of its page.
    #[must_use]
    pub fn at_call(self, call: u8, attempt: u8) -> Self {
        Session { call, attempt, ..self }
    }

    /// What it waits for.
    #[must_use]
    #[inline]
    pub fn phase(&self) -> Phase {
        const PHASES: [Phase; 8] = [
            Phase::HoldExpiry,
            Phase::HoldExpiryAfterExit,
            Phase::Response,
            Phase::TimedOut,
            Phase::GaveUp,
            Phase::Retry,
            Phase::ThinkEnd,
            Phase::Arrival,
        ];
        PHASES[usize::from(self.bits & PHASE)]
    }

    /// Lets the session wait for something.
    #[inline]
    pub fn wait_for(&mut self, phase: Phase, time: Instant) {
        self.time = time;
        self.bits = self.bits & !PHASE | phase as u8;
    }

    /// Whether stock is held for it.
    #[must_use]
    #[inline]
    pub fn holds(&self) -> bool {
        self.bits & HOLDS != 0
    }

    /// Notes whether stock is held for it.
    #[inline]
    pub fn set_holds(&mut self, holds: bool) {
        self.bits = self.bits & !HOLDS | if holds { HOLDS } else { 0 };
    }

    /// Whether it has a turn at the limiter before the service that it calls.
    #[must_use]
    #[inline]
    pub fn has_turn(&self) -> bool {
        self.attempt & HAS_TURN != 0
    }

    /// Notes whether it has a turn at a limiter.
    #[inline]
    pub fn set_turn(&mut self, has_turn: bool) {
        self.attempt = self.attempt & !HAS_TURN | if has_turn { HAS_TURN } else { 0 };
    }

    /// The total order of events within a cell: time, tie table, shopper, then window and visit.
    #[must_use]
    #[inline]
    pub fn order(&self) -> (u64, u64) {
        let phase = u64::from(self.bits & PHASE);
        let window = u64::from(self.bits >> 4);
        (self.time.0, phase << 56 | u64::from(self.shopper) << 24 | window << 16 | u64::from(self.visit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sessions_fill_a_cache_line() {
        assert_eq!(size_of::<Session>(), 32);
    }

    /// The tie table as documented on [`Phase`].
    #[test]
    fn ties_are_broken_by_the_table() {
        let at = |phase: Phase, shopper: u32, time: u64| {
            let mut session = Session::new(Instant(time), shopper, 0, 0);
            session.wait_for(phase, Instant(time));
            session.order()
        };
        let mut events = vec![
            at(Phase::Arrival, 1, 5),
            at(Phase::ThinkEnd, 9, 5),
            at(Phase::ThinkEnd, 2, 5),
            at(Phase::Retry, 3, 5),
            at(Phase::TimedOut, 3, 5),
            at(Phase::Response, 7, 5),
            at(Phase::HoldExpiry, 8, 5),
            at(Phase::Arrival, 0, 4),
        ];
        events.sort_unstable();
        let expected = [
            at(Phase::Arrival, 0, 4),
            at(Phase::HoldExpiry, 8, 5),
            at(Phase::Response, 7, 5),
            at(Phase::TimedOut, 3, 5),
            at(Phase::Retry, 3, 5),
            at(Phase::ThinkEnd, 2, 5),
            at(Phase::ThinkEnd, 9, 5),
            at(Phase::Arrival, 1, 5),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn causes_of_services_are_told_apart() {
        for service in 0..crate::plan::MAX_SERVICES {
            let causes = [Cause::rejected(service), Cause::timed_out(service), Cause::gave_up(service)];
            assert!(causes.iter().all(|cause| cause.service() == Some(service) && cause.is_of_platform()));
            assert_eq!(causes.map(Cause::is_rejection), [true, false, false]);
            assert_eq!(causes.map(Cause::is_giving_up), [false, false, true]);
        }
        assert_eq!(Cause::SETTLED.service(), None);
        assert!(Cause::count(crate::plan::MAX_SERVICES) <= 256, "causes are numbered in a byte");
    }
}

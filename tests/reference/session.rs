//! A shopper's session, spelled out.

use super::service::RequestId;
use saleload::results::Bucket;
use saleload::units::Instant;

/// Which session: a shopper (over all cells) comes to a window once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Who.
    pub(crate) shopper: u64,
    /// To which window; beyond all windows: whose balances.
    pub(crate) window: usize,
    /// The visit of the page, with the highest bit, where it is the second submit of one; zero otherwise.
    pub(crate) again: u16,
    /// Which leg of the session, where it makes several calls at once, numbered as they begin; zero is the session itself.
    pub(crate) leg: u64,
}

impl Key {
    /// The session that a second submit was made in, or the session itself.
    pub(crate) fn of_first(self) -> Self {
        Key { again: 0, leg: 0, ..self }
    }

    /// The session that a leg belongs to.
    pub(crate) fn of_session(self) -> Self {
        Key { leg: 0, ..self }
    }
}

/// A session in flight, or one that has left and still holds stock.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Which one.
    pub(crate) key: Key,
    /// The cell that the shopper belongs to.
    pub(crate) cell: usize,
    /// The shopper's segment.
    pub(crate) segment: usize,
    /// Pages entered so far.
    pub(crate) visit: u16,
    /// The state of the behaviour graph.
    pub(crate) state: usize,
    /// The call of the page that is being made.
    pub(crate) call: usize,
    /// Where a service calls for a request: that request, and what names the draws.
    pub(crate) within: Option<(RequestId, u64)>,
    /// Where it is one of two copies of a call: which, and when the first of them was made.
    pub(crate) copy: Option<Copy>,
    pub(crate) asked: Instant,
    /// Its legs that have no answer yet.
    pub(crate) legs: Vec<Key>,
    /// Attempts at it that have failed.
    pub(crate) attempt: u32,
    /// When the request was made that waits for its turn at a limiter.
    pub(crate) turn_since: Option<Instant>,
    /// When the shopper will have had enough of the page, loaded or not.
    pub(crate) patience_ends: Option<Instant>,
    /// What it waits for.
    pub(crate) waits: Waits,
    /// Names this wait; no two are the same.
    pub(crate) number: u64,
    /// What is wanted, or ordered.
    pub(crate) basket: Vec<Line>,
    /// Whether there has ever been a basket.
    pub(crate) had_basket: bool,
    /// When the hold on the order runs out; `None` without an order.
    pub(crate) deadline: Option<Instant>,
    /// What went wrong last, unless it was overcome.
    pub(crate) failure: Option<Fate>,
    /// Whether where the basket ended is in the ledger already.
    pub(crate) settled: bool,
}

/// Which copy of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copy {
    First,
    /// The second, while its time has not come.
    Unsent,
    Second,
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Being played at the moment.
    ItsTurn,
    /// The answers of its legs, or its turn after the last of them.
    Legs,
    /// The answer to this request.
    Answer(RequestId),
    /// The next attempt at a call.
    Retry,
    /// To be let in, since then.
    Room(Instant),
    /// The end of a think time; then the state, or the exit.
    Thinking(Option<usize>),
    /// The end of the tick, for contested stock.
    TickEnd,
    /// Nothing: it has left, only its stock is still held.
    Gone,
}

/// A purchase intent: a line of a basket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// The product.
    pub(crate) sku: u32,
    /// Units of it.
    pub(crate) units: u32,
    /// Price of a unit, fen.
    pub(crate) price: u32,
    /// The livestream that brought it.
    pub(crate) livestream: Option<usize>,
    /// Whether it is there in place of what was sold out.
    pub(crate) is_substitute: bool,
    /// What a coupon takes off the line, once it is ordered, fen.
    pub(crate) off: u64,
    /// Visit in which it was put into the basket, and its place there: tell the intents of a session apart.
    pub(crate) place: (u16, usize),
}

impl Line {
    /// What is to pay for it.
    pub(crate) fn fen(&self) -> u64 {
        u64::from(self.units) * u64::from(self.price) - self.off
    }
}

/// How a purchase intent ends, or what stands in its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    Bought,
    SoldOut,
    /// The same, and another product is wanted instead.
    Substituted,
    /// Paid for, and refunded.
    Oversold,
    /// By this service.
    Rejected(usize),
    /// At this service.
    TimedOut(usize),
    /// While it waited for this service, or for none.
    GaveUp(Option<usize>),
    Refused,
    /// Its SKU was asked for too often.
    OverLimit,
    PaymentFailed,
    HoldExpired,
    ChangedMind,
    WindowClosed,
    /// Not the line, but what a coupon took off it.
    Coupon,
    DepositForfeited,
    Open,
}

impl Fate {
    /// Its bucket of the ledger.
    pub(crate) fn bucket(self) -> Bucket {
        match self {
            Fate::Bought => Bucket::Bought,
            Fate::SoldOut => Bucket::SoldOut,
            Fate::Substituted => Bucket::Substituted,
            Fate::Oversold => Bucket::Oversold,
            Fate::Rejected(_) | Fate::OverLimit => Bucket::Rejected,
            Fate::TimedOut(_) => Bucket::TimedOut,
            Fate::GaveUp(_) => Bucket::GaveUp,
            Fate::Refused => Bucket::Refused,
            Fate::PaymentFailed => Bucket::PaymentFailed,
            Fate::HoldExpired => Bucket::HoldExpired,
            Fate::ChangedMind => Bucket::ChangedMind,
            Fate::WindowClosed => Bucket::WindowClosed,
            Fate::Coupon => Bucket::Coupon,
            Fate::DepositForfeited => Bucket::DepositForfeited,
            Fate::Open => Bucket::Open,
        }
    }

    /// The service that stood in the way.
    pub(crate) fn service(self) -> Option<usize> {
        match self {
            Fate::Rejected(service) | Fate::TimedOut(service) => Some(service),
            Fate::GaveUp(service) => service,
            _ => None,
        }
    }
}

impl Session {
    /// A session that is about to begin.
    pub(crate) fn new(key: Key, cell: usize, segment: usize) -> Self {
        Session {
            key,
            cell,
            segment,
            visit: 0,
            state: 0,
            call: 0,
            within: None,
            copy: None,
            asked: Instant(0),
            legs: Vec::new(),
            attempt: 0,
            turn_since: None,
            patience_ends: None,
            waits: Waits::ItsTurn,
            number: 0,
            basket: Vec::new(),
            had_basket: false,
            deadline: None,
            failure: None,
            settled: false,
        }
    }

    /// Whether stock is held for it.
    pub(crate) fn holds(&self) -> bool {
        self.deadline.is_some()
    }
}

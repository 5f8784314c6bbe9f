//! What stands between the clients of a service and its queue. Numbers are those of the whole platform, in integers, so that they
//! can be divided over cells without a remainder being lost.

use super::{CbmgId, SegmentId};
use crate::units::Nanos;

/// Parts of a one in which shares and tokens are counted.
pub const THOUSAND: u64 = 1000;

/// Everything that may keep a request from a service, or a client from trying again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// What bounds retries.
    pub budget: Option<RetryBudget>,
    /// How many requests pass in a time.
    pub rate: Option<RateLimit>,
    /// Most requests that have passed and are not finished; one per cell at least.
    pub in_flight: Option<u64>,
    /// Who is turned away while many wait; only with a pool.
    pub shed: Option<Shed>,
    /// Circuit breaker.
    pub breaker: Option<Breaker>,
    /// Adaptive throttling.
    pub throttle: Option<Throttle>,
}

/// What bounds retries. The clients of a cell share the cell's part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryBudget {
    /// Tokens: a failure takes one, an answer gives a part of one back, no retry at or below half.
    Tokens {
        /// Most tokens, one per cell at least.
        max: u64,
        /// Thousandths of a token that an answer gives back.
        ratio: u64,
    },
    /// A share of the first attempts and a floor.
    Share {
        /// Retries per thousand first attempts.
        of_requests: u64,
        /// Retries a second on top.
        per_second: u64,
        /// The window over which both are counted, 1 s to 60 s.
        window: Nanos,
    },
}

/// How many requests pass in a time; at most 10^9 a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// A request takes a token or is turned away.
    TokenBucket {
        /// Tokens that come back in a second.
        per_second: u64,
        /// Most tokens, one per cell at least.
        burst: u64,
    },
    /// So many in each second of the clock, fewer while cold.
    WarmUp {
        /// Requests a second once warm.
        per_second: u64,
        /// How long warming up takes; at most 1 h.
        within: Nanos,
        /// Rate once warm over rate when cold, at least 2.
        cold_factor: u64,
    },
    /// One after the other at even distances.
    Uniform {
        /// Requests a second.
        per_second: u64,
        /// Longest wait for a turn.
        longest_wait: Nanos,
    },
}

impl RateLimit {
    /// Requests that it lets through a second, in the long run.
    #[must_use]
    pub fn per_second(&self) -> u64 {
        match *self {
            RateLimit::TokenBucket { per_second, .. }
            | RateLimit::WarmUp { per_second, .. }
            | RateLimit::Uniform { per_second, .. } => per_second,
        }
    }
}

/// A circuit breaker per cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Answers that take longer count as failures; `None`: all answers are good.
    pub slow_over: Option<Nanos>,
    /// Failures per thousand requests that open it.
    pub share: u64,
    /// Whole seconds over which requests are counted.
    pub window: Nanos,
    /// Fewest requests by which it judges.
    pub at_least: u64,
    /// How long it stays open; positive.
    pub open: Nanos,
    /// Requests let through then.
    pub probes: u64,
}

/// Priority load shedding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shed {
    /// Waiting requests per instance above which the lowest rank is turned away.
    pub above: u64,
    /// The same from one rank to the next.
    pub step: u64,
    /// Rank of each request.
    pub ranks: Ranks,
    /// The lowest rank, as a number the largest.
    pub lowest: u8,
}

/// Ranks, the most important of which is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ranks {
    /// By [`CbmgId`] and state.
    States(Vec<Vec<u8>>),
    /// By [`SegmentId`].
    Segments(Vec<u8>),
}

impl Shed {
    /// The most requests that may wait, per instance, for a request to be let through of a session of this segment, with this behaviour
    /// graph, in this state; `None`: any number.
    #[must_use]
    pub fn most_waiting(&self, segment: SegmentId, cbmg: CbmgId, state: usize) -> Option<u64> {
        let rank = match &self.ranks {
            Ranks::States(ranks) => ranks[cbmg][state],
            Ranks::Segments(ranks) => ranks[segment],
        };
        (rank > 0).then(|| self.above + self.step * u64::from(self.lowest - rank))
    }
}

/// Adaptive throttling by the clients of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Throttle {
    /// Requests per thousand answers before any is held back.
    pub k: u64,
    /// Whole seconds over which both are counted.
    pub window: Nanos,
}

impl Protection {
    /// Whether there is any.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Protection::default()
    }
}

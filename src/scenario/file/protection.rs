//! What stands between the clients of a service and its queue: retry budgets, limiters, circuit breakers, client throttling.

use super::Priority;
use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What bounds retries, so that they do not make an overload worse. The clients of a cell share the budget of the cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RetryBudget {
    /// A failed attempt takes a token, an answer gives `ratio` of one back; at or below half of the tokens nothing is retried.
    Tokens {
        /// Most tokens of all clients together, over the whole platform; there at the start. A client process of gRPC has 10.
        #[schemars(range(min = 1, max = 1_000_000_000u64))]
        max: u64,
        /// Token that an answer gives back, to three decimals.
        #[serde(default = "default_token_ratio")]
        #[schemars(range(min = 0.001, max = 1.0))]
        ratio: f64,
    },
    /// Retries up to a share of the first attempts, and a floor, both over a sliding window.
    Share {
        /// Retries per first attempt, to three decimals.
        #[serde(default = "default_retry_share")]
        #[schemars(range(min = 0.0, max = 100.0))]
        of_requests: f64,
        /// Retries a second on top, of all clients together, over the whole platform. A client process of Finagle has 10.
        #[schemars(range(min = 0, max = 1_000_000_000u64))]
        per_second: u64,
        /// Length of the window, 1 s to 60 s; it slides by tenths of itself.
        #[serde(default = "default_budget_window")]
        window: Nanos,
    },
}

fn default_token_ratio() -> f64 {
    0.1
}

fn default_retry_share() -> f64 {
    0.2
}

fn default_budget_window() -> Nanos {
    Nanos::from_secs(10)
}

/// Limiters in front of a service. What they turn away counts as rejected, and is retried as rejections are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many requests pass in a time. Absent: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateLimit>,
    /// Most requests that have passed and are not finished, waiting ones included, over the whole platform. A request whose
    /// client has gone counts until the work is done. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000u64))]
    pub in_flight: Option<u64>,
    /// Turns requests of low priority away while the queue is long. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shed: Option<Shed>,
}

/// Priority load shedding: while many requests wait at the service, those of low priority are turned away. Who is named first in
/// `priority` is never turned away; who is not named at all is the first to be, while more than `above` wait; then, for every `step`
/// more that wait, the next from the back of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shed {
    /// Waiting requests per instance, those at all instances of the cell that are there at the moment taken together.
    #[schemars(range(min = 0, max = 1_000_000_000u64))]
    pub above: u64,
    /// Waiting requests per instance from one priority to the next.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1_000_000_000u64))]
    pub step: u64,
    /// Whose requests are worth more.
    pub priority: Priority,
}

/// How many requests pass in a time. Rates are those of the whole platform; a cell has its part of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RateLimit {
    /// A request takes a token or is turned away; tokens come back at an even rate.
    TokenBucket {
        /// Tokens a second.
        #[schemars(range(min = 1, max = 1_000_000_000u64))]
        per_second: u64,
        /// Most tokens, there at the start: requests that may pass at once.
        #[schemars(range(min = 1, max = 1_000_000_000u64))]
        burst: u64,
    },
    /// So many requests in each second of the clock, and fewer while the service is cold: at the start and after idle times.
    WarmUp {
        /// Requests a second once warm.
        #[schemars(range(min = 1, max = 1_000_000_000u64))]
        per_second: u64,
        /// How long warming up takes under full load, at most 1 h.
        #[serde(default = "default_warm_up")]
        within: Nanos,
        /// Rate once warm over rate when cold.
        #[serde(default = "default_cold_factor")]
        #[schemars(range(min = 2, max = 100))]
        cold_factor: u32,
    },
    /// Requests pass one after the other at even distances, and wait for their turn.
    Uniform {
        /// Requests a second.
        #[schemars(range(min = 1, max = 1_000_000_000u64))]
        per_second: u64,
        /// A request that would wait longer is turned away. Part of what the client waits: the time-out goes on meanwhile.
        #[serde(default = "default_longest_wait")]
        longest_wait: Nanos,
    },
}

fn default_warm_up() -> Nanos {
    Nanos::from_secs(10)
}

fn default_cold_factor() -> u32 {
    3
}

fn default_longest_wait() -> Nanos {
    Nanos::from_millis(500)
}

/// A circuit breaker of a cell's clients of a service: while it is open, requests fail at once without being sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// What opens it.
    pub trips_on: Trip,
    /// Over how long requests are counted: whole seconds, at most 10 m.
    #[serde(default = "default_breaker_window")]
    pub window: Nanos,
    /// Fewest requests in the window by which it judges; of each cell.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 1_000_000_000u64))]
    pub at_least: u64,
    /// How long it stays open.
    pub open: Nanos,
    /// Requests that are let through then to see whether the service is well again; if all are, it closes. Of each cell.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000u64))]
    pub probes: u64,
}

/// What opens a circuit breaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Trip {
    /// This share of requests fails: rejected or timed out; to three decimals.
    Errors(#[schemars(range(min = 0.001, max = 1.0))] f64),
    /// This share of requests is slow or fails.
    Slow {
        /// An answer that takes longer is slow.
        over: Nanos,
        /// Share of requests, to three decimals.
        #[schemars(range(min = 0.001, max = 1.0))]
        share: f64,
    },
}

fn default_breaker_window() -> Nanos {
    Nanos::from_secs(10)
}

fn five() -> u64 {
    5
}

fn one() -> u64 {
    1
}

/// Adaptive throttling by the clients of a cell: they reject requests of their own with probability
/// max(0, (requests - k * answers) / (requests + 1)).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Requests made for each that is answered before any is held back, to three decimals.
    #[serde(default = "two")]
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub k: f64,
    /// Over how long both are counted: whole seconds, at most 10 m.
    #[serde(default = "default_throttle_window")]
    pub window: Nanos,
}

fn two() -> f64 {
    2.0
}

fn default_throttle_window() -> Nanos {
    Nanos::from_secs(120)
}

//! Capacity over time, and incidents.

use crate::units::Nanos;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many instances of a service from a time on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Name of the window whose opening the time counts from. Absent: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// The time, since the opening; may be after the closing.
    pub from: Nanos,
    /// Instances over the whole platform from then on, spread evenly over the cells.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub instances: u64,
}

/// Something that goes wrong at a time, for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Name of the window whose opening the times count from. Absent: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// When it begins, since the opening.
    pub from: Nanos,
    /// When it is over, since the opening.
    pub until: Nanos,
    /// The service that it happens to. Not for payments that are declined, which are the bank's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What goes wrong.
    pub effect: Effect,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Effect {
    /// All work takes so many times as long, that which has begun too. Of several at once, the factors multiply.
    Slowed(#[schemars(range(min = 1.0, max = 10_000.0))] f64),
    /// Nothing is worked on: what is in service rests, what comes waits; afterwards all of it goes on.
    Stalled,
    /// Instances are gone at once, and as many start anew at the end. The requests that they serve fail; their clients see an error
    /// at once, as from a rejection. Requests that wait fail too where each instance has a queue of its own.
    Lost(Lost),
    /// Requests do not get through. What has got through before is worked on and answered.
    Unreachable(Unreachable),
    /// The bank declines payments.
    Declined {
        /// Probability that it declines, where the page does not say a larger one.
        #[schemars(range(min = 0.0, max = 1.0))]
        probability: f64,
        /// States in which it does, in every behaviour graph that has them. Absent: all that pay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        states: Option<Vec<String>>,
    },
}

/// How many instances are gone, over the whole platform.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Lost {
    /// So many, as far as there are; spread evenly over the cells.
    Instances(#[schemars(range(min = 1, max = 100_000_000u64))] u64),
    /// This share of those that there are at the time.
    Share(#[schemars(range(min = 0.0, max = 1.0))] f64),
}

/// What becomes of requests that do not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unreachable {
    /// Their clients see an error at once, as from a rejection.
    Refused,
    /// They are sent again and again beneath the clients, as by TCP, and all of them arrive at the end of the incident; those whose
    /// client has given up too, unless the service says `cancel`.
    Retransmitted,
}

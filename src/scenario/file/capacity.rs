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

/// A reactive autoscaler. At the first exchange of the cells after each interval it wants ceil(instances × metric / target), as the
/// horizontal pod autoscaler of Kubernetes does; instances that are still starting count, and do nothing. An instance is paid for from
/// the decision on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Autoscaler {
    /// What an instance should have to do, on average since the last evaluation.
    pub target: ScalingTarget,
    /// How often it evaluates.
    #[serde(default = "quarter_of_a_minute")]
    pub interval: Nanos,
    /// How long it takes from the decision until a new instance serves.
    pub lag: Nanos,
    /// Nothing changes while the metric is within this share of its target.
    #[serde(default = "a_tenth")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub tolerance: f64,
    /// Fewest instances over the whole platform.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub least: u64,
    /// Most instances over the whole platform.
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub most: u64,
    /// Most instances to add at an evaluation. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub up: Option<u64>,
    /// Most instances to take away at an evaluation. Absent: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000u64))]
    pub down: Option<u64>,
    /// Instances are taken away only when no evaluation within this time wanted more.
    #[serde(default = "five_minutes")]
    pub stabilisation: Nanos,
}

fn quarter_of_a_minute() -> Nanos {
    Nanos::from_secs(15)
}

fn a_tenth() -> f64 {
    0.1
}

fn five_minutes() -> Nanos {
    Nanos::from_secs(300)
}

/// What an instance should have to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ScalingTarget {
    /// Share of its workers that are busy.
    Utilisation(#[schemars(range(min = 0.001, max = 1.0))] f64),
    /// Requests that wait for it.
    Waiting(#[schemars(range(min = 0.001, max = 1_000_000_000.0))] f64),
    /// Requests per second, whatever becomes of them.
    RequestsPerSecond(#[schemars(range(min = 0.001, max = 1_000_000_000.0))] f64),
}

impl ScalingTarget {
    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            ScalingTarget::Utilisation(value)
            | ScalingTarget::Waiting(value)
            | ScalingTarget::RequestsPerSecond(value) => value,
        }
    }
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
    /// A cell is gone, with all instances of all services that it has; other cells may take its shoppers over. Not of one service.
    CellLost(CellLost),
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

/// A cell that is gone. What its services have accepted fails, and what comes is refused, until its range of shoppers is remapped to other
/// cells, if it is. From then on those cells serve it beside their own shoppers, with what instances they have; at the end of the incident
/// everything goes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellLost {
    /// Number of the cell; the first one is 0.
    #[schemars(range(min = 0, max = 4_095))]
    pub cell: u32,
    /// How long after the loss its shoppers are served by other cells. Absent: they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remapped_after: Option<Nanos>,
    /// Numbers of the cells that serve them, each as many. Absent: all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4_095), inner(range(min = 0, max = 4_095)))]
    pub hosts: Option<Vec<u32>>,
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

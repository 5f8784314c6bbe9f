//! Degradation switches: what the platform leaves out under load.

use super::Named;
use crate::units::Nanos;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A degradation switch: what the platform does otherwise while it is on. Switches are turned at the edges of ticks, on all cells at
/// once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// When it is on.
    pub on: SwitchOn,
    /// Factors on the service times of services, by name: smaller pictures, a cache that may be stale.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub service_time: Named<f64>,
    /// Calls that are left out, by state: services that the page does without, one of several that it calls at once too. In every graph
    /// that has the state.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub leave_out: Named<Vec<String>>,
    /// States that are refused, in every graph that has them: the page fails as soon as it is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refuse: Vec<String>,
}

/// When a switch is on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum SwitchOn {
    /// At a time, for a while.
    At {
        /// The window whose opening it is counted from.
        window: String,
        /// Since the opening.
        #[serde(default)]
        after: Nanos,
        /// How long.
        lasts: Nanos,
    },
    /// While the workers of a service are busy, over all cells, as seen at the end of each tick.
    Busy {
        /// The service.
        service: String,
        /// On above this share of busy workers, to three decimals: of the workers that are there at the time. Those of instances that go
        /// are busy until they have finished, so that it may be more than all.
        #[schemars(range(min = 0.0, max = 1.0))]
        above: f64,
        /// Once it has been above for so long.
        #[serde(default)]
        lasts: Nanos,
        /// Off again below this share, to three decimals.
        #[schemars(range(min = 0.0, max = 1.0))]
        below: f64,
    },
    /// While requests wait at a service, over all cells, as seen at the end of each tick.
    Queue {
        /// The service.
        service: String,
        /// On above so many waiting requests per instance that is there at the time.
        #[schemars(range(min = 0, max = 1_000_000_000u64))]
        above: u64,
        /// Once it has been above for so long.
        #[serde(default)]
        lasts: Nanos,
        /// Off again below so many per instance.
        #[schemars(range(min = 0, max = 1_000_000_000u64))]
        below: u64,
    },
}

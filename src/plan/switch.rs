//! Degradation switches.

use super::{CbmgId, ServiceId};
use crate::units::{Instant, Nanos};

/// What the platform does otherwise for a time.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// Name in the scenario.
    pub name: String,
    /// When it is on.
    pub on: SwitchOn,
    /// Factor on the service time of each service.
    pub factors: Vec<f64>,
    /// Calls that are left out: graph, state, service.
    pub left_out: Vec<(CbmgId, usize, ServiceId)>,
    /// States that are refused: graph, state.
    pub refused: Vec<(CbmgId, usize)>,
}

impl Switch {
    /// Share of a time in which it is on by the clock; zero where it is the load that turns it on.
    #[must_use]
    pub fn share_on(&self, (start, end): (Instant, Instant)) -> f64 {
        match self.on {
            SwitchOn::At { from, until } => (until.min(end) - from.max(start)).0 as f64 / (end - start).0 as f64,
            SwitchOn::Load { .. } => 0.0,
        }
    }
}

/// When a switch is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwitchOn {
    /// From an instant until another.
    At {
        /// First instant.
        from: Instant,
        /// First instant after it.
        until: Instant,
    },
    /// While a service is under load.
    Load {
        /// A service with instances.
        service: ServiceId,
        /// What is measured.
        measure: Measure,
        /// On above this.
        above: u64,
        /// Once it has been above for so long.
        lasts: Nanos,
        /// Off again below this; not more than `above`.
        below: u64,
    },
}

/// What a switch looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Busy workers per thousand.
    Busy,
    /// Waiting requests per instance.
    Queue,
}

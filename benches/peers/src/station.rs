//! Servers behind one queue, first come first served.

use crate::{Draws, STATIONS};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Sums over the customers of a station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Customers.
    pub customers: u64,
    /// Time that they waited, ns.
    pub waited: u64,
    /// Time that they were served, ns.
    pub worked: u64,
}

/// A station. Times in ns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Station {
    idle: u32,
    mean: f64,
    /// When those who wait have come.
    queue: VecDeque<u64>,
    served: Served,
}

impl Station {
    /// A station of so many servers with this mean service time.
    #[must_use]
    pub fn new((servers, mean): (u32, f64)) -> Self {
        Station { idle: servers, mean, queue: VecDeque::new(), served: Served::default() }
    }

    /// The three stations of the tandem network.
    #[must_use]
    pub fn tandem() -> [Station; 3] {
        STATIONS.map(Station::new)
    }

    /// A customer comes: their service time, where a server is idle.
    #[inline]
    pub fn arrive(&mut self, now: u64, draws: &mut Draws) -> Option<u64> {
        if self.idle == 0 {
            self.queue.push_back(now);
            return None;
        }
        self.idle -= 1;
        Some(self.serve(draws))
    }

    /// A service ends: the service time of who has waited longest, where anybody waits.
    #[inline]
    pub fn complete(&mut self, now: u64, draws: &mut Draws) -> Option<u64> {
        let Some(since) = self.queue.pop_front() else {
            self.idle += 1;
            return None;
        };
        self.served.waited += now - since;
        Some(self.serve(draws))
    }

    fn serve(&mut self, draws: &mut Draws) -> u64 {
        let work = draws.exponential(self.mean);
        self.served.customers += 1;
        self.served.worked += work;
        work
    }

    /// Whom it has served.
    #[must_use]
    pub fn served(&self) -> Served {
        self.served
    }
}

//! Two queueing networks, each four times: in saleload, by hand around a binary heap, in desque and in nexosim.
//!
//! *Tandem*: Poisson arrivals, 50 servers, leave with probability 0.3, else 20 servers, then 30 servers; exponential times, first
//! come first served, every station 80 % busy. A hundred and some events are pending: the cost is that of events.
//!
//! *Browse*: a hundred thousand arrivals a second, each of which stays for 10 s on average. Up to a million events are pending:
//! the cost is that of finding the next one.
//!
//! saleload reads both from a scenario (`tandem.toml`, `browse.toml`), plays them as it plays any other, shoppers, digest and
//! all, and records as it always does: a row a second with response quantiles. The other three know nothing but this network
//! and keep a few sums, only enough to see that they simulate the same thing; they share the stations ([`station`]), the
//! generator (xoshiro256++) and the sampler (ziggurat), so they differ in how events are kept and called.

pub mod by_hand;
pub mod in_desque;
pub mod in_nexosim;
pub mod in_saleload;
pub mod station;

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};
use station::Served;

/// Customers of the tandem network, and the seconds within which they come.
pub const TANDEM: (u64, f64) = (2_000_000, 1750.0);
/// Servers and mean service time of each station, ns.
pub const STATIONS: [(u32, f64); 3] = [(50, 35e6), (20, 20e6), (30, 30e6)];
/// Probability to leave after the first station.
pub const LEAVE: f64 = 0.3;
/// Customers who browse, and the seconds within which they come.
pub const BROWSE: (u64, f64) = (3_000_000, 30.0);
/// Mean stay, ns.
pub const STAY: f64 = 10e9;

/// What came out of a tandem network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tandem {
    /// Customers who came and left.
    pub customers: u64,
    /// By station.
    pub stations: [Served; 3],
}

/// What came out of browsing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Browse {
    /// Customers who came and left.
    pub customers: u64,
    /// Most customers present at once.
    pub most_present: u64,
}

/// The source of all randomness of the three that are not saleload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Draws(Xoshiro256PlusPlus);

impl Draws {
    /// A source of its own for every seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Draws(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// An exponential time, ns; at least one, as nexosim schedules nothing for the present.
    #[inline]
    pub fn exponential(&mut self, mean: f64) -> u64 {
        let unit: f64 = Exp1.sample(&mut self.0);
        (unit * mean) as u64 + 1
    }

    /// Whether something of this probability happens.
    #[inline]
    pub fn happens(&mut self, probability: f64) -> bool {
        use rand::RngExt;
        self.0.random::<f64>() < probability
    }
}

/// Mean time between arrivals, ns.
#[must_use]
pub fn gap((customers, seconds): (u64, f64)) -> f64 {
    seconds * 1e9 / customers as f64
}

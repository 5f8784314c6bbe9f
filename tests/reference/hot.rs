//! How often each SKU may be asked for: buckets of tokens, filled up whenever somebody looks.

use saleload::model::Model;
use saleload::plan::inventory::{Hot, Inventory};
use saleload::units::Instant;
use std::collections::BTreeMap;

/// Whose bucket: the cell's, where each has its own stock, or that of all; and the SKU.
type Place = (Option<usize>, u32);

/// All buckets. Tokens are counted in parts: one has as many as the platform has cells times 10^9, so that the cells that are played get
/// whole ones in a nanosecond.
#[derive(Clone, Debug)]
pub(crate) struct Tokens {
    limit: Hot,
    is_split: bool,
    platform: u128,
    played: u128,
    /// Parts in the buckets that anybody has ever taken from, and at what time.
    buckets: BTreeMap<Place, (u128, Instant)>,
    tick: (Instant, Instant),
    /// Tokens that each cell has taken in this tick out of the buckets of all.
    taken: BTreeMap<(usize, u32), u128>,
}

impl Tokens {
    pub(crate) fn new(policy: &Inventory, model: &Model) -> Option<Self> {
        let is_split = policy.split.is_some();
        let [platform, played] = if is_split { [1, 1] } else { [model.cells, model.simulated] };
        Some(Tokens {
            limit: policy.hot?,
            is_split,
            platform: u128::from(platform),
            played: u128::from(played),
            buckets: BTreeMap::new(),
            tick: (Instant(0), Instant(0)),
            taken: BTreeMap::new(),
        })
    }

    pub(crate) fn begin_tick(&mut self, start: Instant, end: Instant) {
        self.tick = (start, end);
    }

    fn one(&self) -> u128 {
        self.platform * 1_000_000_000
    }

    /// What comes into a bucket.
    fn coming(&self, from: Instant, until: Instant) -> u128 {
        u128::from(self.limit.per_second) * self.played * u128::from((until - from).0)
    }

    fn there(&self, place: Place, now: Instant) -> u128 {
        // A part of the platform may be too small for the burst; a token it can save up all the same.
        let most = self.one().max(u128::from(self.limit.burst) * self.played * 1_000_000_000);
        let Some(&(parts, since)) = self.buckets.get(&place) else { return most };
        most.min(parts + self.coming(since, now))
    }

    /// What there is of a SKU in this tick for all cells.
    fn in_tick(&self, sku: u32) -> u128 {
        let (start, end) = self.tick;
        self.there((None, sku), start) + self.coming(start, end)
    }

    /// Takes a token as far as a cell can tell at once. Where stock is split there is nothing more to tell.
    pub(crate) fn take(&mut self, cell: usize, sku: u32, now: Instant) -> bool {
        if self.is_split {
            let parts = self.there((Some(cell), sku), now);
            let is_there = parts >= self.one();
            if is_there {
                self.buckets.insert((Some(cell), sku), (parts - self.one(), now));
            }
            return is_there;
        }
        let share = self.in_tick(sku) / self.one() / self.played;
        let taken = self.taken.entry((cell, sku)).or_default();
        let is_there = *taken < share;
        *taken += u128::from(is_there);
        is_there
    }

    /// The end of a tick: what is left goes to those who still want a token, first come, first served. Who gets one.
    pub(crate) fn hand_out(&mut self, wanted: &[u32]) -> Vec<bool> {
        let mut left: BTreeMap<u32, u128> = BTreeMap::new();
        for sku in wanted.iter().copied().chain(self.taken.keys().map(|(_, sku)| *sku)) {
            let taken: u128 = self.taken.iter().filter(|((_, of), _)| *of == sku).map(|(_, tokens)| tokens).sum();
            left.insert(sku, self.in_tick(sku) - taken * self.one());
        }
        let one = self.one();
        let mut get_one = |sku: &u32| {
            let left = left.get_mut(sku).expect("it is wanted");
            let is_there = *left >= one;
            *left -= if is_there { one } else { 0 };
            is_there
        };
        let got = wanted.iter().map(&mut get_one).collect();
        for (sku, parts) in left {
            self.buckets.insert((None, sku), (parts, self.tick.1));
        }
        self.taken.clear();
        got
    }
}

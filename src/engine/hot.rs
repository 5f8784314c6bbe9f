//! How often one and the same SKU may be asked for: a token bucket for each.
//!
//! Of stock that is there for all, a SKU has one row, and its tokens are shared as its units are. During a tick all cells read the same
//! number: the tokens at its start, and those that come in it. A cell takes one at once while its own of the SKU in this tick stay
//! within its share, `floor(tokens / cells)`; a request past that share waits for the end of the tick, when the requests of all cells
//! take what tokens remain in order of time and shopper. So a row takes in no tick more than it can, and an answer is late by one
//! tick at most. Where each cell has its own part of the stock, that part is a row of its own: it is known at once, to the nanosecond,
//! whether there is a token.
//!
//! A request that gets a token goes on to the stock, and keeps it taken even if there is nothing left; any other is rejected.

use super::stock::{Answer, Contested};
use crate::model::Model;
use crate::model::catalogue::Sku;
use crate::plan::inventory::Hot;
use crate::units::{Instant, Nanos};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// SKUs that are kept at least before it is looked through which of them need not be.
const FEWEST_TO_SWEEP: usize = 1024;

/// A token bucket, in parts of a token that are so small that a nanosecond brings whole ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limit {
    /// Parts that come in a nanosecond.
    gain: u128,
    /// Parts of a token.
    token: u128,
    /// Parts that a full bucket has.
    most: u128,
}

impl Limit {
    /// The limit of a row, of which so many of so many equal cells are there. However few these are, a full bucket has a token, or
    /// there would never be one.
    fn of(hot: Hot, simulated: u32, cells: u32) -> Self {
        let [simulated, cells, second] = [u64::from(simulated), u64::from(cells), Nanos::PER_SECOND].map(u128::from);
        let token = cells * second;
        let most = (u128::from(hot.burst) * simulated * second).max(token);
        Limit { gain: u128::from(hot.per_second) * simulated, token, most }
    }
}

/// What a SKU had at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    parts: u128,
    at: Instant,
}

/// The tokens of SKUs.
#[derive(Clone, Debug)]
pub struct Tokens {
    limit: Limit,
    /// SKUs whose bucket may not be full.
    levels: BTreeMap<Sku, Level>,
    /// At so many of them it is looked which are full by now.
    sweep_at: usize,
}

impl Tokens {
    /// Full buckets of the simulated cells together, where requests are limited and stock is there for all.
    #[must_use]
    pub fn of_platform(model: &Model) -> Option<Self> {
        let hot = model.inventory.hot.filter(|_| model.inventory.split.is_none())?;
        Some(Tokens::full(Limit::of(hot, model.simulated, model.cells)))
    }

    /// Full buckets of a cell, where requests are limited and each cell has its own part of the stock.
    #[must_use]
    pub fn of_cell(model: &Model) -> Option<Self> {
        let hot = model.inventory.hot.filter(|_| model.inventory.split.is_some())?;
        Some(Tokens::full(Limit::of(hot, 1, 1)))
    }

    fn full(limit: Limit) -> Self {
        Tokens { limit, levels: BTreeMap::new(), sweep_at: FEWEST_TO_SWEEP }
    }

    fn grown(&self, level: Level, at: Instant) -> u128 {
        (level.parts + self.limit.gain * u128::from((at - level.at).0)).min(self.limit.most)
    }

    /// Parts that a SKU has at an instant.
    fn parts(&self, sku: Sku, at: Instant) -> u128 {
        self.levels.get(&sku).map_or(self.limit.most, |&level| self.grown(level, at))
    }

    /// Parts that a SKU has for a tick: those at its start, and those that come in it.
    fn parts_in(&self, sku: Sku, (from, until): (Instant, Instant)) -> u128 {
        self.parts(sku, from) + self.limit.gain * u128::from((until - from).0)
    }

    /// Requests for a SKU that one of so many cells may let through at once in a tick.
    #[must_use]
    pub fn share_of(&self, sku: Sku, tick: (Instant, Instant), cells: u32) -> u32 {
        let tokens = self.parts_in(sku, tick) / self.limit.token / u128::from(cells);
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    /// Takes a token of a SKU, if there is one.
    pub fn try_take(&mut self, sku: Sku, at: Instant) -> bool {
        let parts = self.parts(sku, at);
        let is_there = parts >= self.limit.token;
        if is_there {
            self.keep(sku, Level { parts: parts - self.limit.token, at });
        }
        is_there
    }

    /// The end of a tick: requests for the `asked` SKUs were let through at once, and those that still need a token get it or are
    /// rejected, in order of time and shopper.
    pub(super) fn settle<'a>(
        &mut self,
        tick: (Instant, Instant),
        asked: impl Iterator<Item = Sku>,
        contested: impl Iterator<Item = &'a mut Contested>,
    ) {
        let mut left: BTreeMap<Sku, u128> = BTreeMap::new();
        for sku in asked {
            let parts = left.entry(sku).or_insert_with(|| self.parts_in(sku, tick));
            // The shares of all cells sum to at most what there is; a breach ends the run.
            *parts = parts.checked_sub(self.limit.token).expect("no cell takes more than its share");
        }
        let mut waiting: Vec<&mut Contested> = contested.filter(|request| request.needs_token).collect();
        waiting.sort_unstable_by_key(|request| request.order());
        for request in waiting {
            let parts = left.entry(request.sku).or_insert_with(|| self.parts_in(request.sku, tick));
            match parts.checked_sub(self.limit.token) {
                Some(rest) => *parts = rest,
                None => request.answer = Answer::Rejected,
            }
        }
        for (sku, parts) in left {
            self.keep(sku, Level { parts, at: tick.1 });
        }
    }

    fn keep(&mut self, sku: Sku, level: Level) {
        if level.parts < self.limit.most {
            self.levels.insert(sku, level);
        } else {
            self.levels.remove(&sku);
        }
        if self.levels.len() >= self.sweep_at {
            let limit = self.limit;
            let is_full = |of: &Level| of.parts + limit.gain * u128::from((level.at - of.at).0) >= limit.most;
            self.levels.retain(|_, of| !is_full(of));
            self.sweep_at = FEWEST_TO_SWEEP.max(2 * self.levels.len());
        }
    }

    /// What lasts: SKUs whose bucket is not full at an instant, in order.
    #[must_use]
    pub fn state(&self, now: Instant) -> Vec<(Sku, Level)> {
        let is_short = |&(_, level): &(&Sku, &Level)| self.grown(*level, now) < self.limit.most;
        self.levels.iter().filter(is_short).map(|(&sku, &level)| (sku, level)).collect()
    }

    /// Brings full buckets to what they were at an instant; `None` where they cannot have been so.
    #[must_use]
    pub fn restore(&mut self, state: &[(Sku, Level)], is_one: impl Fn(Sku) -> bool, now: Instant) -> Option<()> {
        let can_be = |&(sku, level): &(Sku, Level)| {
            is_one(sku) && level.at <= now && level.parts < self.limit.most && self.grown(level, now) < self.limit.most
        };
        let is_sound = state.iter().all(can_be) && state.is_sorted_by(|a, b| a.0 < b.0);
        self.levels = state.iter().copied().collect();
        is_sound.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000_000)
    }

    #[test]
    fn a_cell_takes_a_burst_and_then_what_comes() {
        let mut tokens = Tokens::full(Limit::of(Hot { per_second: 4, burst: 3 }, 1, 1));
        let mut takes = |sku, ms| tokens.try_take(sku, at(ms));
        assert_eq!([0, 0, 0, 0].map(|ms| takes(7, ms)), [true, true, true, false]);
        assert!(takes(8, 0), "another SKU has tokens of its own");
        assert_eq!([249, 250, 250, 499, 500].map(|ms| takes(7, ms)), [false, true, false, false, true]);
        assert_eq!(
            [9_000, 9_000, 9_000, 9_000].map(|ms| takes(7, ms)),
            [true, true, true, false],
            "never more than a burst"
        );
    }

    #[test]
    fn one_cell_of_many_has_a_token_now_and_then() {
        // A sixteenth of two a second is one in eight seconds.
        let mut tokens = Tokens::full(Limit::of(Hot { per_second: 2, burst: 2 }, 1, 16));
        let mut takes = |ms| tokens.try_take(7, at(ms));
        assert_eq!(
            [0, 0, 7_999, 8_000, 8_000, 30_000, 30_000].map(&mut takes),
            [true, false, false, true, false, true, false]
        );
    }

    #[test]
    fn cells_share_what_comes_in_a_tick() {
        // Two of three cells have two thirds of ten a second and of a burst of six.
        let mut tokens = Tokens::full(Limit::of(Hot { per_second: 10, burst: 6 }, 2, 3));
        let tick = (at(0), at(300));
        assert_eq!(tokens.share_of(1, tick, 2), 3, "4 + 2 tokens for two cells");
        tokens.settle(tick, [1, 1, 1, 1, 1].into_iter(), std::iter::empty());
        let next = (at(300), at(450));
        assert_eq!(tokens.share_of(1, next, 1), 2, "one is left, one comes");
        assert_eq!(tokens.share_of(2, next, 1), 5);
        let levels = tokens.state(at(300));
        assert_eq!(levels.len(), 1);
        assert!(tokens.state(at(10_000)).is_empty(), "full again");
        let mut other = Tokens::full(tokens.limit);
        assert_eq!(other.restore(&levels, |sku| sku < 2, at(300)), Some(()));
        assert_eq!(other.share_of(1, next, 1), 2);
        assert_eq!(other.restore(&levels, |sku| sku < 1, at(300)), None);
        assert_eq!(other.restore(&levels, |_| true, at(299)), None, "of the future");
        assert_eq!(other.restore(&levels, |_| true, at(10_000)), None, "it would have been full");
    }
}

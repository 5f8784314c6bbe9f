//! Stock: frozen during a tick, moved at its end. Never oversold, without a lock.
//!
//! During a tick all cells read the same frozen numbers. A cell grants a reservation at once while its own grants of the SKU
//! in this tick stay within `floor(left / cells)`: the sum over cells cannot exceed what is left. A request past that share is
//! *contested*; it waits for the end of the tick (however impatient the shopper: a tick is shorter than patience), when the contested requests of all cells are settled in order of time and
//! shopper against what really remains. A SKU at zero answers "sold out" at once.
//!
//! SKUs are dealt over shards by their number. Nothing that happens to one SKU depends on another, so shards are moved and
//! settled in parallel with the same outcome on any number of threads.

use crate::model::catalogue::{Catalogue, Sku};
use crate::units::Instant;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Shards of the stock; a power of two.
pub const SHARDS: usize = 16;
const SHARD_BITS: u32 = SHARDS.trailing_zeros();
/// How finely the moment of a sell-out is kept, ns.
const SOLD_OUT_RESOLUTION: u64 = 10_000_000;

/// The stock of one SKU. Sixteen bytes: a request reads one cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkuStock {
    /// Units that nobody holds.
    pub left: u32,
    /// Units ordered so far; those whose hold expired are not taken off again.
    pub ordered: u32,
    /// Units paid so far.
    pub paid: u32,
    /// Price of a unit, fen.
    pub price: u32,
}

/// What a cell did to a SKU in a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Units reserved, within the cell's share.
    Grant,
    /// Units of an expired hold come back.
    Release,
    /// Units paid for.
    Sale,
}

/// A request past its cell's share: waits for the end of the tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contested {
    /// When it was made.
    pub time: Instant,
    /// The shopper, over all cells.
    pub shopper: u64,
    /// The SKU.
    pub sku: Sku,
    /// Units wanted, all or none.
    pub units: u32,
    /// The cell that asks.
    pub cell: u32,
    /// The cell's waiting order that asks.
    pub order: u32,
    /// Line of the basket.
    pub line: u8,
}

/// What the cells of one group want from the exchange, by shard.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// Moves: what, SKU, units.
    pub moves: [Vec<(Move, Sku, u32)>; SHARDS],
    /// Contested requests.
    pub contested: [Vec<Contested>; SHARDS],
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox { moves: std::array::from_fn(|_| Vec::new()), contested: std::array::from_fn(|_| Vec::new()) }
    }
}

impl Outbox {
    /// Notes a move.
    #[inline]
    pub fn note(&mut self, what: Move, sku: Sku, units: u32) {
        self.moves[shard_of(sku)].push((what, sku, units));
    }

    /// Notes a contested request.
    pub fn contest(&mut self, request: Contested) {
        self.contested[shard_of(request.sku)].push(request);
    }

    fn is_empty(&self) -> bool {
        self.moves.iter().all(Vec::is_empty) && self.contested.iter().all(Vec::is_empty)
    }

    fn clear(&mut self) {
        self.moves.iter_mut().for_each(Vec::clear);
        self.contested.iter_mut().for_each(Vec::clear);
    }
}

/// The stock of one shard.
#[derive(Clone, Debug, Default)]
struct Shard {
    skus: Vec<SkuStock>,
    /// When nothing was left for the first time, in hundredths of a second since the origin: 400 days fit, and a tick is
    /// seldom shorter. `u32::MAX`: never.
    sold_out_at: Vec<u32>,
    /// Units left and SKUs with nothing left, by category.
    left: Vec<i64>,
    empty: Vec<i64>,
    contested: Vec<Contested>,
    /// Contested requests that were granted: cell, order, line.
    granted: Vec<(u32, u32, u8)>,
}

/// The stock of the platform.
#[derive(Clone, Debug)]
pub struct Stock {
    shards: Vec<Shard>,
    cells: u32,
    skus: Sku,
}

/// What a run has done to a SKU: all that a snapshot has to hold of its stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuHistory {
    left: u32,
    ordered: u32,
    paid: u32,
    sold_out_at: Option<u32>,
}

#[inline]
fn shard_of(sku: Sku) -> usize {
    sku as usize % SHARDS
}

impl Stock {
    /// The stock that a catalogue starts with, for a run of this many cells.
    #[must_use]
    pub fn new(catalogue: Option<&Catalogue>, cells: u32) -> Self {
        let skus = catalogue.map_or(0, Catalogue::skus);
        let shards = (0..SHARDS as u32).into_par_iter().map(|id| Shard::new(catalogue, id, skus)).collect();
        Stock { shards, cells, skus }
    }

    /// What the run has done to the SKUs of a shard, in order.
    #[must_use]
    pub fn histories(&self, shard: usize) -> Vec<SkuHistory> {
        let Shard { skus, sold_out_at, .. } = &self.shards[shard];
        skus.iter()
            .zip(sold_out_at)
            .map(|(sku, &at)| {
                let sold_out_at = (at != u32::MAX).then_some(at);
                SkuHistory { left: sku.left, ordered: sku.ordered, paid: sku.paid, sold_out_at }
            })
            .collect()
    }

    /// Brings the SKUs of a shard, which nothing has happened to yet, to what a run did to them up to `now`. What comes back is
    /// how much of each must be held by unpaid orders; `None` where that cannot have happened.
    pub fn replay(
        &mut self,
        shard: usize,
        histories: &[SkuHistory],
        catalogue: Option<&Catalogue>,
        now: Instant,
    ) -> Option<Vec<(Sku, u32)>> {
        let shard_of = &mut self.shards[shard];
        if shard_of.skus.len() != histories.len() {
            return None;
        }
        let mut held = Vec::new();
        for ((index, history), sku) in histories.iter().enumerate().zip((shard as Sku..).step_by(SHARDS)) {
            let held_of = shard_of.replay(index, history, catalogue?.category_of(sku), catalogue?.weight(sku), now)?;
            if held_of > 0 {
                held.push((sku, held_of));
            }
        }
        Some(held)
    }

    /// Number of SKUs.
    #[must_use]
    pub fn skus(&self) -> Sku {
        self.skus
    }

    /// The stock of a SKU, as frozen at the start of the tick.
    #[must_use]
    #[inline]
    pub fn of(&self, sku: Sku) -> SkuStock {
        self.shards[shard_of(sku)].skus[(sku >> SHARD_BITS) as usize]
    }

    /// Units of a SKU that one cell may grant at once within this tick.
    #[must_use]
    #[inline]
    pub fn share_of(&self, left: u32) -> u32 {
        left / self.cells
    }

    /// When a SKU had nothing left for the first time, to within a tick.
    #[must_use]
    pub fn sold_out_at(&self, sku: Sku) -> Option<Instant> {
        let at = self.shards[shard_of(sku)].sold_out_at[(sku >> SHARD_BITS) as usize];
        (at != u32::MAX).then_some(Instant(u64::from(at) * SOLD_OUT_RESOLUTION))
    }

    /// Units left and SKUs with nothing left of a category.
    #[must_use]
    pub fn of_category(&self, category: usize) -> (i64, i64) {
        self.shards
            .iter()
            .fold((0, 0), |(left, empty), shard| (left + shard.left[category], empty + shard.empty[category]))
    }

    /// The end of a tick: applies all moves, then settles the contested requests in order of time and shopper. The granted
    /// ones come back as (cell, order, line), sorted.
    pub fn exchange(
        &mut self,
        outboxes: &mut [&mut Outbox],
        catalogue: Option<&Catalogue>,
        now: Instant,
    ) -> Vec<(u32, u32, u8)> {
        let Some(catalogue) = catalogue else { return Vec::new() };
        if outboxes.iter().all(|outbox| outbox.is_empty()) {
            return Vec::new();
        }
        let read: &[&mut Outbox] = outboxes;
        let exchange = |(id, shard): (usize, &mut Shard)| shard.exchange(id, read, catalogue, now);
        let size: usize = read.iter().flat_map(|outbox| outbox.moves.iter().map(Vec::len)).sum();
        if size < 2000 {
            // Waking the other threads would cost more than the work.
            self.shards.iter_mut().enumerate().for_each(exchange);
        } else {
            self.shards.par_iter_mut().enumerate().for_each(exchange);
        }
        for outbox in outboxes {
            outbox.clear();
        }
        let mut granted: Vec<_> = self.shards.iter_mut().flat_map(|shard| shard.granted.drain(..)).collect();
        granted.sort_unstable();
        granted
    }
}

impl Shard {
    fn new(catalogue: Option<&Catalogue>, id: u32, skus: Sku) -> Self {
        let Some(catalogue) = catalogue else { return Shard::default() };
        let mut shard = Shard {
            skus: Vec::with_capacity((skus as usize).div_ceil(SHARDS)),
            left: vec![0; catalogue.categories()],
            empty: vec![0; catalogue.categories()],
            ..Shard::default()
        };
        for sku in (id..skus).step_by(SHARDS) {
            let offer = catalogue.offer(sku);
            let category = catalogue.category_of(sku);
            shard.skus.push(SkuStock { left: offer.stock, ordered: 0, paid: 0, price: offer.price });
            shard.left[category] += i64::from(offer.stock);
            if offer.stock == 0 {
                shard.empty[category] += catalogue.weight(sku) as i64;
            }
        }
        shard.sold_out_at = shard.skus.iter().map(|sku| if sku.left == 0 { 0 } else { u32::MAX }).collect();
        shard
    }

    fn exchange(&mut self, id: usize, outboxes: &[&mut Outbox], catalogue: &Catalogue, now: Instant) {
        for outbox in outboxes {
            self.touch(outbox.moves[id].iter().map(|&(_, sku, _)| sku));
            for &(what, sku, units) in &outbox.moves[id] {
                match what {
                    Move::Grant => self.reserve(sku, units, catalogue),
                    Move::Release => self.release(sku, units, catalogue),
                    Move::Sale => self.skus[(sku >> SHARD_BITS) as usize].paid += units,
                }
            }
        }
        // Grants may pass through zero before a release of the same tick is applied: whether a SKU is sold out is decided
        // only when all moves are in.
        for outbox in outboxes {
            for &(what, sku, _) in &outbox.moves[id] {
                if what == Move::Grant {
                    self.note_sold_out(sku, now);
                }
            }
        }
        let mut contested = std::mem::take(&mut self.contested);
        for outbox in outboxes {
            contested.extend_from_slice(&outbox.contested[id]);
        }
        contested.sort_unstable_by_key(|c| (c.time, c.shopper, c.line));
        self.touch(contested.iter().map(|request| request.sku));
        for request in contested.drain(..) {
            if self.skus[(request.sku >> SHARD_BITS) as usize].left >= request.units {
                self.reserve(request.sku, request.units, catalogue);
                self.note_sold_out(request.sku, now);
                self.granted.push((request.cell, request.order, request.line));
            }
        }
        self.contested = contested;
    }

    /// Reads SKUs that are about to be changed. Reads that do not wait for one another reach memory side by side; the changes
    /// then find their lines in the cache.
    fn touch(&self, skus: impl Iterator<Item = Sku>) {
        let sum = skus.fold(0u32, |sum, sku| sum.wrapping_add(self.skus[(sku >> SHARD_BITS) as usize].left));
        std::hint::black_box(sum);
    }

    #[inline]
    fn reserve(&mut self, sku: Sku, units: u32, catalogue: &Catalogue) {
        let stock = &mut self.skus[(sku >> SHARD_BITS) as usize];
        // The shares of all cells sum to at most what is left; a breach would oversell, so it ends the run.
        assert!(stock.left >= units, "SKU {sku} oversold: {units} units granted of {}", stock.left);
        stock.left -= units;
        // Units can be ordered again after their hold has expired, so this may pass what fits; it is shown, never reckoned with.
        stock.ordered = stock.ordered.saturating_add(units);
        let category = catalogue.category_of(sku);
        self.left[category] -= i64::from(units);
        if stock.left == 0 {
            self.empty[category] += catalogue.weight(sku) as i64;
        }
    }

    #[inline]
    fn release(&mut self, sku: Sku, units: u32, catalogue: &Catalogue) {
        let stock = &mut self.skus[(sku >> SHARD_BITS) as usize];
        let category = catalogue.category_of(sku);
        if stock.left == 0 && units > 0 {
            self.empty[category] -= catalogue.weight(sku) as i64;
        }
        stock.left += units;
        self.left[category] += i64::from(units);
    }

    fn replay(
        &mut self,
        index: usize,
        history: &SkuHistory,
        category: usize,
        weight: u64,
        now: Instant,
    ) -> Option<u32> {
        let stock = &mut self.skus[index];
        let SkuHistory { left, ordered, paid, sold_out_at } = *history;
        let held = stock.left.checked_sub(left)?.checked_sub(paid)?;
        let sold_out = sold_out_at.unwrap_or(u32::MAX);
        if ordered < paid || sold_out_at.is_some_and(|at| u64::from(at) > now.0 / SOLD_OUT_RESOLUTION) {
            return None;
        }
        self.left[category] -= i64::from(stock.left - left);
        if stock.left > 0 && left == 0 {
            self.empty[category] += weight as i64;
        }
        *stock = SkuStock { left, ordered, paid, price: stock.price };
        self.sold_out_at[index] = sold_out;
        Some(held)
    }

    fn note_sold_out(&mut self, sku: Sku, now: Instant) {
        let index = (sku >> SHARD_BITS) as usize;
        if self.skus[index].left == 0 && self.sold_out_at[index] == u32::MAX {
            self.sold_out_at[index] = (now.0 / SOLD_OUT_RESOLUTION) as u32;
        }
    }
}

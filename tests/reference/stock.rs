//! What is on the shelves, and who gets it.

use super::session::{Key, Line};
use saleload::model::Model;
use saleload::units::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// When requests for stock are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settlement {
    /// As in the engine: at once within the cell's share of what was left at the start of the tick, at its end otherwise.
    Ticks,
    /// At once against what is really left, over all cells: how an ideal platform would do it.
    AtOnce,
}

/// The stock of a SKU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shelf {
    pub(crate) price: u32,
    pub(crate) start: u32,
    pub(crate) left: u32,
    pub(crate) ordered: u32,
    pub(crate) paid: u32,
    pub(crate) paid_fen: u64,
    /// When nothing was left for the first time.
    pub(crate) sold_out_at: Option<Instant>,
}

/// A request that waits for the end of the tick. In the order in which they are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Contested {
    time: Instant,
    key: Key,
    /// Place of the line in the basket.
    position: usize,
    line: Line,
}

/// The answer to a request for stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Granted,
    SoldOut,
    Contested,
}

/// All shelves, with what the current tick does to them.
#[derive(Clone, Debug)]
pub(crate) struct Stock {
    pub(crate) shelves: Vec<Shelf>,
    settlement: Settlement,
    cells: u32,
    /// Units that each cell has granted in this tick.
    granted: BTreeMap<(usize, u32), u32>,
    /// Units that have come back in this tick.
    released: BTreeMap<u32, u32>,
    contested: Vec<Contested>,
    /// Contested requests in all, and of those granted.
    pub(crate) contests: (u64, u64),
}

impl Stock {
    pub(crate) fn new(model: &Model, settlement: Settlement) -> Self {
        let shelves = model.catalogue.as_ref().map_or(Vec::new(), |catalogue| {
            let shelf = |sku| {
                let (price, start) = (catalogue.price(sku), catalogue.stock(sku));
                let sold_out_at = (start == 0).then_some(Instant(0));
                Shelf { price, start, left: start, ordered: 0, paid: 0, paid_fen: 0, sold_out_at }
            };
            (0..catalogue.skus()).map(shelf).collect()
        });
        Stock {
            shelves,
            settlement,
            cells: model.simulated,
            granted: BTreeMap::new(),
            released: BTreeMap::new(),
            contested: Vec::new(),
            contests: (0, 0),
        }
    }

    /// A session wants a line.
    pub(crate) fn request(&mut self, now: Instant, key: Key, cell: usize, position: usize, line: Line) -> Answer {
        // Within a tick, what is left does not move: moves are applied at its end.
        let left = self.shelves[line.sku as usize].left;
        if self.settlement == Settlement::AtOnce {
            return if self.take(line, now) { Answer::Granted } else { Answer::SoldOut };
        }
        if left == 0 {
            return Answer::SoldOut;
        }
        let granted = self.granted.entry((cell, line.sku)).or_default();
        if u64::from(*granted) + u64::from(line.units) <= u64::from(left / self.cells) {
            *granted += line.units;
            return Answer::Granted;
        }
        self.contested.push(Contested { time: now, key, position, line });
        self.contests.0 += 1;
        Answer::Contested
    }

    /// A line is wanted that was asked for before: granted within the share of the cell, or not at all.
    pub(crate) fn request_again(&mut self, now: Instant, cell: usize, line: Line) -> bool {
        if self.settlement == Settlement::AtOnce {
            return self.take(line, now);
        }
        let share = self.shelves[line.sku as usize].left / self.cells;
        let granted = self.granted.entry((cell, line.sku)).or_default();
        let has_enough = u64::from(*granted) + u64::from(line.units) <= u64::from(share);
        *granted += if has_enough { line.units } else { 0 };
        has_enough
    }

    /// Takes all units of a line off the shelf, or none.
    fn take(&mut self, line: Line, now: Instant) -> bool {
        let shelf = &mut self.shelves[line.sku as usize];
        if shelf.left < line.units {
            return false;
        }
        shelf.left -= line.units;
        if shelf.left == 0 && shelf.sold_out_at.is_none() {
            shelf.sold_out_at = Some(now);
        }
        true
    }

    /// A line is ordered.
    pub(crate) fn order(&mut self, line: Line) {
        self.shelves[line.sku as usize].ordered += line.units;
    }

    /// A line is paid.
    pub(crate) fn pay(&mut self, line: Line) {
        let shelf = &mut self.shelves[line.sku as usize];
        shelf.paid += line.units;
        shelf.paid_fen += line.fen();
    }

    /// The hold on a line has run out.
    pub(crate) fn release(&mut self, line: Line) {
        match self.settlement {
            Settlement::AtOnce => self.shelves[line.sku as usize].left += line.units,
            Settlement::Ticks => *self.released.entry(line.sku).or_default() += line.units,
        }
    }

    /// The end of a tick: what was granted leaves the shelf, what was released returns to it, then the contested requests are
    /// settled in order of time and shopper. The contested lines that are granted.
    pub(crate) fn end_tick(&mut self, now: Instant) -> BTreeSet<(Key, usize)> {
        let mut taken: BTreeMap<u32, u32> = BTreeMap::new();
        for ((_, sku), units) in std::mem::take(&mut self.granted) {
            *taken.entry(sku).or_default() += units;
        }
        for (&sku, &units) in &taken {
            let shelf = &mut self.shelves[sku as usize];
            assert!(shelf.left >= units, "SKU {sku} is oversold");
            shelf.left -= units;
        }
        for (sku, units) in std::mem::take(&mut self.released) {
            self.shelves[sku as usize].left += units;
        }
        for sku in taken.into_keys() {
            let shelf = &mut self.shelves[sku as usize];
            if shelf.left == 0 && shelf.sold_out_at.is_none() {
                shelf.sold_out_at = Some(now);
            }
        }
        let mut contested = std::mem::take(&mut self.contested);
        contested.sort_unstable();
        let granted: BTreeSet<(Key, usize)> = contested
            .into_iter()
            .filter(|request| self.take(request.line, now))
            .map(|request| (request.key, request.position))
            .collect();
        self.contests.1 += granted.len() as u64;
        granted
    }
}

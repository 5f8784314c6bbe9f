//! Stock that lies in the cells: each has its own portion of every SKU, grants from it at once, and is sold out when that is gone.

use super::basket::Line;
use super::cell::Cell;
use super::stock::Stock;
use crate::model::Model;
use crate::model::catalogue::Sku;
use crate::units::Instant;

/// A cell's own units of every SKU; empty where stock is for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Portion(Vec<u32>);

impl Portion {
    /// The portion of a cell in what is left; of what is not divisible, one cell after the other gets a unit more, beginning with another
    /// one for the next SKU.
    #[must_use]
    pub fn of(model: &Model, stock: &Stock, cell: u32) -> Self {
        if model.inventory.split.is_none() {
            return Portion::default();
        }
        let cells = model.simulated;
        let units = |sku: Sku| {
            let (left, turn) = (stock.left(sku), (cell + cells - sku % cells) % cells);
            left / cells + u32::from(turn < left % cells)
        };
        Portion((0..stock.skus()).map(units).collect())
    }

    /// Whether the cell has its own stock.
    #[must_use]
    #[inline]
    pub fn is_used(&self) -> bool {
        !self.0.is_empty()
    }

    /// Units of a SKU; there must be a portion.
    #[must_use]
    pub fn left(&self, sku: Sku) -> u32 {
        self.0[sku as usize]
    }

    /// Units of all SKUs.
    pub fn all(&self) -> impl Iterator<Item = (Sku, u32)> + '_ {
        (0..).zip(self.0.iter().copied())
    }

    /// Takes the units of a line, if all of them are there.
    pub fn take(&mut self, line: Line) -> bool {
        let left = &mut self.0[line.sku as usize];
        let is_there = *left >= line.units;
        *left -= if is_there { line.units } else { 0 };
        is_there
    }

    /// Takes the units of a line back, where there is a portion.
    #[inline]
    pub fn give_back(&mut self, line: Line) {
        if let Some(left) = self.0.get_mut(line.sku as usize) {
            *left += line.units;
        }
    }
}

/// Whether what is left is dealt out anew at the end of a tick: where a multiple of the interval, counted from the opening of the window
/// that is open or was open last, has passed in it.
pub(super) fn is_due(model: &Model, window: usize, start: Instant, end: Instant) -> bool {
    let interval = model.inventory.split.and_then(|split| split.rebalance);
    let opens = model.windows[window].opens;
    interval.is_some_and(|interval| (start - opens).0 / interval.0 < (end - opens).0 / interval.0)
}

/// Deals what is left out to the cells anew.
pub(super) fn deal(model: &Model, stock: &Stock, cells: &mut [Cell]) {
    for cell in cells {
        cell.portion = Portion::of(model, stock, cell.id);
    }
}

//! Baskets of the sessions in flight: lines of product, units and price, in slabs by size.

use crate::model::catalogue::Sku;
use crate::plan::MAX_LINES;
use crate::recorder::Intents;

/// A line of a basket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The product.
    pub sku: Sku,
    /// Units wanted.
    pub units: u32,
    /// Price of a unit, fen.
    pub price: u32,
}

impl Line {
    /// Money of the line, fen.
    #[must_use]
    #[inline]
    pub fn fen(&self) -> u64 {
        u64::from(self.units) * u64::from(self.price)
    }
}

/// Which basket is whose: a number that a session carries. Zero is no basket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasketId(u32);

impl BasketId {
    /// No basket.
    pub const NONE: BasketId = BasketId(0);
}

/// Sizes of baskets in lines: a basket lies in the smallest that holds it.
const SIZES: [usize; 4] = [2, 4, 8, MAX_LINES as usize];
/// Bits of a [`BasketId`] that name the size.
const SIZE_BITS: u32 = 2;

/// The baskets of a cell. Emptied places are used again, so memory follows the most baskets that were ever in flight at once.
#[derive(Clone, Debug, Default)]
pub struct Baskets {
    slabs: [Slab; SIZES.len()],
}

#[derive(Clone, Debug, Default)]
struct Slab {
    lines: Vec<Line>,
    heads: Vec<Head>,
    free: Vec<u32>,
}

/// What is known of a basket as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    len: u8,
    /// Lines whose stock is held, by bit.
    granted: u16,
}

impl Baskets {
    /// Keeps a basket of at least one and at most [`MAX_LINES`] lines.
    pub fn insert(&mut self, lines: &[Line]) -> BasketId {
        let size = SIZES.partition_point(|&size| size < lines.len());
        let slab = &mut self.slabs[size];
        let stride = SIZES[size];
        let index = slab.free.pop().unwrap_or_else(|| {
            slab.heads.push(Head::default());
            slab.lines.resize(slab.lines.len() + stride, Line::default());
            slab.heads.len() as u32 - 1
        });
        slab.heads[index as usize] = Head { len: lines.len() as u8, granted: 0 };
        slab.lines[index as usize * stride..][..lines.len()].copy_from_slice(lines);
        BasketId(((index + 1) << SIZE_BITS) | size as u32)
    }

    fn place(id: BasketId) -> (usize, usize) {
        ((id.0 & ((1 << SIZE_BITS) - 1)) as usize, (id.0 >> SIZE_BITS) as usize - 1)
    }

    /// The lines of a basket; none for no basket.
    #[must_use]
    pub fn lines(&self, id: BasketId) -> &[Line] {
        if id == BasketId::NONE {
            return &[];
        }
        let (size, index) = Self::place(id);
        let slab = &self.slabs[size];
        &slab.lines[index * SIZES[size]..][..usize::from(slab.heads[index].len)]
    }

    /// The lines whose stock is held.
    pub fn held(&self, id: BasketId) -> impl Iterator<Item = Line> + '_ {
        let granted = if id == BasketId::NONE { 0 } else { self.granted(id) };
        select(self.lines(id), granted)
    }

    /// The lines whose stock is held, by bit; there must be a basket.
    #[must_use]
    pub fn granted(&self, id: BasketId) -> u16 {
        let (size, index) = Self::place(id);
        self.slabs[size].heads[index].granted
    }

    /// Notes which lines hold stock.
    pub fn grant(&mut self, id: BasketId, granted: u16) {
        let (size, index) = Self::place(id);
        self.slabs[size].heads[index].granted = granted;
    }

    /// Forgets a basket.
    pub fn remove(&mut self, id: BasketId) {
        let (size, index) = Self::place(id);
        self.slabs[size].free.push(index as u32);
    }

    /// The lines that are still to be decided: those that hold stock once an order was created, all before.
    #[must_use]
    pub fn open(&self, id: BasketId) -> Intents {
        if id == BasketId::NONE {
            return Intents::default();
        }
        match self.granted(id) {
            0 => sum(self.lines(id).iter().copied()),
            granted => sum(select(self.lines(id), granted)),
        }
    }
}

/// The lines of a bit set.
pub fn select(lines: &[Line], bits: u16) -> impl Iterator<Item = Line> + '_ {
    lines.iter().enumerate().filter(move |(position, _)| (bits >> position) & 1 == 1).map(|(_, line)| *line)
}

/// What lines add up to.
pub fn sum(lines: impl Iterator<Item = Line>) -> Intents {
    let mut total = Intents::default();
    for line in lines {
        total.add(Intents { lines: 1, units: u64::from(line.units), fen: line.fen() });
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baskets_keep_their_lines_while_others_come_and_go() {
        let mut baskets = Baskets::default();
        let lines = |n: usize| -> Vec<Line> {
            (0..n).map(|i| Line { sku: (n * 100 + i) as u32, units: 1, price: 10 }).collect()
        };
        let mut kept: Vec<(BasketId, usize)> = (1..=16).map(|n| (baskets.insert(&lines(n)), n)).collect();
        for round in 0..100 {
            let (id, n) = kept.remove(round % kept.len());
            assert_eq!(baskets.lines(id), lines(n));
            baskets.remove(id);
            let n = 1 + (round * 7) % 16;
            kept.push((baskets.insert(&lines(n)), n));
        }
        assert!(kept.iter().all(|&(id, n)| baskets.lines(id) == lines(n)));
        let places: usize = baskets.slabs.iter().map(|slab| slab.heads.len()).sum();
        assert!(places <= 40, "emptied places are used again: {places}");
    }

    #[test]
    fn what_is_open_shrinks_to_what_is_held() {
        let mut baskets = Baskets::default();
        let line = |price| Line { sku: 1, units: 2, price };
        let id = baskets.insert(&[line(10), line(100), line(1000)]);
        assert_eq!(baskets.open(id), Intents { lines: 3, units: 6, fen: 2220 });
        assert_eq!(baskets.held(id).count(), 0);
        baskets.grant(id, 0b101);
        assert_eq!(baskets.open(id), Intents { lines: 2, units: 4, fen: 2020 });
        assert_eq!(baskets.held(id).map(|line| line.price).collect::<Vec<_>>(), [10, 1000]);
        assert_eq!(baskets.open(BasketId::NONE), Intents::default());
    }
}

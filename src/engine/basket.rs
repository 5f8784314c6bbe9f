//! Baskets of the sessions in flight: lines of product, units and price, in slabs by size.

use super::free_places::FreePlaces;
use crate::model::catalogue::Sku;
use crate::plan::{Coupon, MAX_LINES};
use crate::recorder::Intents;
use crate::units::Instant;

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

/// Which basket is whose: a number that a session carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasketId(u32);

impl BasketId {
    /// No basket.
    pub const NONE: BasketId = BasketId(0);
    /// No basket any more: there was one.
    pub const GONE: BasketId = BasketId(1);
    /// Bit of the number of a leg that stands here in place of a basket.
    const LEG: u32 = 1 << 31;

    /// Whether there is a basket.
    #[must_use]
    #[inline]
    pub fn is_one(self) -> bool {
        self.0 > Self::GONE.0
    }

    /// What the leg in this place of its pool carries: see [`crate::engine::desk`].
    #[must_use]
    pub fn of_leg(place: u32) -> Self {
        BasketId(place | Self::LEG)
    }

    /// Whether a leg carries it, not a session.
    #[must_use]
    #[inline]
    pub fn is_of_leg(self) -> bool {
        self.0 & Self::LEG != 0
    }

    /// The leg that carries it.
    #[must_use]
    #[inline]
    pub fn leg(self) -> Option<u32> {
        self.is_of_leg().then_some(self.0 & !Self::LEG)
    }
}

/// Bits of a [`BasketId`] that name the slab.
const SLAB_BITS: u32 = 2;

/// The baskets of a cell, each in the slab of the smallest size that holds it. Emptied places are used again, so memory follows
/// the most baskets that were ever in flight at once.
#[derive(Clone, Debug, Default)]
pub struct Baskets {
    two: Slab<2>,
    four: Slab<4>,
    eight: Slab<8>,
    most: Slab<{ MAX_LINES as usize }>,
}

/// Places for baskets of up to `N` lines.
#[derive(Clone, Debug, Default)]
struct Slab<const N: usize> {
    places: Vec<Place<N>>,
    free: FreePlaces,
}

/// What is known of a basket lies together with its lines: a look at it is one or two cache lines.
#[derive(Clone, Copy, Debug)]
struct Place<const N: usize> {
    head: Head,
    lines: [Line; N],
}

/// What is known of a basket as a whole.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// When the hold on its stock runs out.
    deadline: Instant,
    /// Lines whose stock is held, by bit.
    granted: u16,
    /// Lines that a livestream brought, by bit.
    pulled: u16,
    /// Lines of products that are there instead of others, by bit.
    substitutes: u16,
    len: u8,
}

impl<const N: usize> Slab<N> {
    fn insert(&mut self, lines: &[Line], pulled: u16) -> u32 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { head: Head::default(), lines: [Line::default(); N] });
            self.places.len() as u32 - 1
        });
        let place = &mut self.places[index as usize];
        place.head = Head { len: lines.len() as u8, pulled, ..Head::default() };
        place.lines[..lines.len()].copy_from_slice(lines);
        index
    }

    #[inline]
    fn view(&self, index: u32) -> (&Head, &[Line]) {
        let place = &self.places[index as usize];
        (&place.head, &place.lines[..usize::from(place.head.len)])
    }

    fn view_mut(&mut self, index: u32) -> (&mut Head, &mut [Line]) {
        let place = &mut self.places[index as usize];
        (&mut place.head, &mut place.lines)
    }
}

impl Baskets {
    /// Keeps a basket of at least one and at most [`MAX_LINES`] lines, some of which (by bit) a livestream brought.
    pub fn insert(&mut self, lines: &[Line], pulled: u16) -> BasketId {
        let (slab, index) = match lines.len() {
            0..=2 => (0, self.two.insert(lines, pulled)),
            3..=4 => (1, self.four.insert(lines, pulled)),
            5..=8 => (2, self.eight.insert(lines, pulled)),
            _ => (3, self.most.insert(lines, pulled)),
        };
        BasketId(((index + 1) << SLAB_BITS) | slab)
    }

    #[inline]
    fn place(id: BasketId) -> (u32, u32) {
        (id.0 & ((1 << SLAB_BITS) - 1), (id.0 >> SLAB_BITS) - 1)
    }

    #[inline]
    fn view(&self, id: BasketId) -> (&Head, &[Line]) {
        let (slab, index) = Self::place(id);
        match slab {
            0 => self.two.view(index),
            1 => self.four.view(index),
            2 => self.eight.view(index),
            _ => self.most.view(index),
        }
    }

    fn view_mut(&mut self, id: BasketId) -> (&mut Head, &mut [Line]) {
        let (slab, index) = Self::place(id);
        match slab {
            0 => self.two.view_mut(index),
            1 => self.four.view_mut(index),
            2 => self.eight.view_mut(index),
            _ => self.most.view_mut(index),
        }
    }

    /// The lines of a basket; none for no basket.
    #[must_use]
    #[inline]
    pub fn lines(&self, id: BasketId) -> &[Line] {
        if id.is_one() { self.view(id).1 } else { &[] }
    }

    /// The lines whose stock is held.
    pub fn held(&self, id: BasketId) -> impl Iterator<Item = Line> + '_ {
        let (granted, lines) = if id.is_one() { (self.view(id).0.granted, self.view(id).1) } else { (0, &[][..]) };
        select(lines, granted)
    }

    /// The lines whose stock is held, by bit; there must be a basket.
    #[must_use]
    pub fn granted(&self, id: BasketId) -> u16 {
        self.view(id).0.granted
    }

    /// The lines that a livestream brought, by bit; there must be a basket.
    #[must_use]
    pub fn pulled(&self, id: BasketId) -> u16 {
        self.view(id).0.pulled
    }

    /// The lines of products that are there instead of others, by bit; there must be a basket.
    #[must_use]
    pub fn substitutes(&self, id: BasketId) -> u16 {
        self.view(id).0.substitutes
    }

    /// When the hold on the stock of a basket runs out, once there is one.
    #[must_use]
    #[inline]
    pub fn deadline(&self, id: BasketId) -> Instant {
        self.view(id).0.deadline
    }

    /// Notes which lines hold stock, and until when.
    pub fn grant(&mut self, id: BasketId, granted: u16, deadline: Instant) {
        let head = self.view_mut(id).0;
        head.granted = granted;
        head.deadline = deadline;
    }

    /// Puts another product in the place of a line, which no livestream brought then.
    pub fn substitute(&mut self, id: BasketId, position: usize, line: Line) {
        let (head, lines) = self.view_mut(id);
        lines[position] = line;
        head.pulled &= !(1 << position);
        head.substitutes |= 1 << position;
    }

    /// Notes which lines are of products that are there instead of others, by bit.
    pub fn note_substitutes(&mut self, id: BasketId, substitutes: u16) {
        self.view_mut(id).0.substitutes = substitutes;
    }

    /// Forgets a basket.
    pub fn remove(&mut self, id: BasketId) {
        let (slab, index) = Self::place(id);
        match slab {
            0 => self.two.free.insert(index),
            1 => self.four.free.insert(index),
            2 => self.eight.free.insert(index),
            _ => self.most.free.insert(index),
        }
    }

    /// What is still to be decided: the lines that hold stock once an order was created, with what is to pay for them; all before.
    #[must_use]
    pub fn open(&self, id: BasketId, coupon: Option<&Coupon>) -> Intents {
        if !id.is_one() {
            return Intents::default();
        }
        let (head, lines) = self.view(id);
        match head.granted {
            0 => sum(lines.iter().copied()),
            granted => order(lines, granted, coupon).0,
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

/// An order of the lines of a bit set: what is to pay for it, and what a coupon takes off, fen.
#[must_use]
pub fn order(lines: &[Line], granted: u16, coupon: Option<&Coupon>) -> (Intents, u64) {
    let mut total = sum(select(lines, granted));
    let off = coupon.map_or(0, |coupon| coupon.off(total.fen));
    total.fen -= off;
    (total, off)
}

/// The part of an order that is made of some of its lines, given what is to pay for it and what a coupon takes off it.
#[must_use]
pub fn part_of_order(lines: &[Line], granted: u16, part: u16, (order, off): (Intents, u64)) -> Intents {
    let mut spread = Spread::new(off, order.fen + off);
    let mut total = Intents::default();
    for (position, line) in lines.iter().enumerate().filter(|(position, _)| (granted >> position) & 1 == 1) {
        let fen = spread.pay(line);
        if (part >> position) & 1 == 1 {
            total.add(Intents { lines: 1, units: u64::from(line.units), fen });
        }
    }
    total
}

/// Spreads what a coupon takes off over the lines of an order by their money: the first so many lines together bear their part of
/// it, rounded down to a fen.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    off: u64,
    total: u64,
    /// Money of the lines so far, and what was taken off them.
    seen: u64,
    borne: u64,
}

impl Spread {
    /// Takes `off` off an order of `total` fen.
    #[must_use]
    pub fn new(off: u64, total: u64) -> Self {
        Spread { off, total, seen: 0, borne: 0 }
    }

    /// What is to pay for the next line, fen.
    pub fn pay(&mut self, line: &Line) -> u64 {
        if self.off == 0 {
            return line.fen();
        }
        self.seen += line.fen();
        let borne = (u128::from(self.off) * u128::from(self.seen) / u128::from(self.total)) as u64;
        let part = borne - std::mem::replace(&mut self.borne, borne);
        line.fen() - part
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Fen;

    #[test]
    fn a_coupon_is_spread_to_the_last_fen() {
        let coupon = Coupon { off: Fen(4_000), every: Fen(30_000), fill_up: 0.0 };
        let line = |price| Line { sku: 1, units: 1, price };
        let lines = [line(33_333), line(1), line(20_000), line(12_345)];
        let (open, off) = order(&lines, 0b1011, Some(&coupon));
        assert_eq!((open.fen, open.lines, off), (45_679 - 4_000, 3, 4_000));
        let mut spread = Spread::new(off, open.fen + off);
        let paid: Vec<u64> = select(&lines, 0b1011).map(|line| spread.pay(&line)).collect();
        // What is borne up to each line, 4000 * 33333 / 45679 = 2918.9 and 4000 * 33334 / 45679 = 2918.98, is rounded down.
        assert_eq!(paid, [33_333 - 2918, 1, 12_345 - 1082]);
        assert_eq!(paid.iter().sum::<u64>(), open.fen);
        assert_eq!((coupon.short_of(45_679), coupon.short_of(60_000)), (14_321, 0));
    }

    #[test]
    fn baskets_keep_their_lines_while_others_come_and_go() {
        let mut baskets = Baskets::default();
        let lines = |n: usize| -> Vec<Line> {
            (0..n).map(|i| Line { sku: (n * 100 + i) as u32, units: 1, price: 10 }).collect()
        };
        let mut kept: Vec<(BasketId, usize)> = (1..=16).map(|n| (baskets.insert(&lines(n), 0), n)).collect();
        for round in 0..100 {
            let (id, n) = kept.remove(round % kept.len());
            assert_eq!(baskets.lines(id), lines(n));
            baskets.remove(id);
            let n = 1 + (round * 7) % 16;
            kept.push((baskets.insert(&lines(n), 0), n));
        }
        assert!(kept.iter().all(|&(id, n)| baskets.lines(id) == lines(n)));
        let Baskets { two, four, eight, most } = &baskets;
        let places = two.places.len() + four.places.len() + eight.places.len() + most.places.len();
        assert!(places <= 40, "emptied places are used again: {places}");
    }

    #[test]
    fn a_line_that_is_exchanged_is_brought_by_no_livestream() {
        let mut baskets = Baskets::default();
        let line = |sku| Line { sku, units: 2, price: 10 };
        let id = baskets.insert(&[line(1), line(2), line(3)], 0b110);
        baskets.substitute(id, 1, line(7));
        assert_eq!(baskets.lines(id), [line(1), line(7), line(3)]);
        assert_eq!((baskets.pulled(id), baskets.substitutes(id)), (0b100, 0b010));
        assert_eq!(size_of::<Head>(), 16);
    }

    #[test]
    fn what_is_open_shrinks_to_what_is_held() {
        let mut baskets = Baskets::default();
        let line = |price| Line { sku: 1, units: 2, price };
        let id = baskets.insert(&[line(10), line(100), line(1000)], 0);
        assert_eq!(baskets.open(id, None), Intents { lines: 3, units: 6, fen: 2220 });
        assert_eq!(baskets.held(id).count(), 0);
        baskets.grant(id, 0b101, Instant(7));
        assert_eq!(baskets.deadline(id), Instant(7));
        assert_eq!(baskets.open(id, None), Intents { lines: 2, units: 4, fen: 2020 });
        assert_eq!(baskets.held(id).map(|line| line.price).collect::<Vec<_>>(), [10, 1000]);
        assert_eq!(baskets.open(BasketId::NONE, None), Intents::default());
    }
}

//! What spending limits and a coupon do to baskets: lines that are too dear are left out, so much is taken off the rest, and lines fill
//! them up to the next time that something is.
//!
//! There is no closed form for that: it depends on the money of a basket as a whole. So a fixed number of baskets is drawn for each segment,
//! wished for as shoppers do, each draw named by the basket; what comes of them is put in proportion to the lines and the money that
//! they would have without limits and a coupon. Prices are drawn anew for each line: which products a seed makes dear is not known
//! here. What livestreams show is in none of them.

use crate::model::sampler::{Choice, CountSampler, MoneySampler};
use crate::plan::{Catalogue, Coupon, MAX_LINES, Plan, Product, Segment};
use crate::rng::{Draws, Name, Purpose, Stream};

/// Baskets that are drawn for a segment: what is left of them, and taken off, is then known to a per cent or so.
const BASKETS: u64 = 50_000;
/// Products that a shopper looks at for one line before giving it up as too dear.
const CANDIDATES: u16 = 3;

/// What becomes of the baskets of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effect {
    /// Lines that are left or fill a basket up, for each that is wished for.
    pub(super) lines: f64,
    /// What is left to pay, for each fen of the products that are looked at first.
    pub(super) left: f64,
    /// What a coupon takes off, likewise.
    pub(super) off: f64,
}

/// Nothing happens.
const NONE: Effect = Effect { lines: 1.0, left: 1.0, off: 0.0 };

/// The effects on a segment, by whether a coupon counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effects {
    in_presale: Effect,
    in_sale: Effect,
}

impl Effects {
    /// The effect on the orders of a window, which may be those of a presale.
    pub(super) fn of(&self, is_presale: bool) -> Effect {
        if is_presale { self.in_presale } else { self.in_sale }
    }
}

/// What limits and the coupon of a plan do in each of its segments.
pub(super) fn effects(plan: &Plan) -> Vec<Effects> {
    let of_segment = |segment: &Segment| {
        let catalogue = plan.catalogue.as_ref()?;
        let weights = segment.demand(catalogue);
        let is_plain = segment.spend.is_none() && plan.coupon.is_none();
        let buys = !is_plain && weights.iter().sum::<f64>() > 0.0;
        buys.then(|| Shelves::new(catalogue, segment, &weights).effects(plan.coupon.as_ref()))
    };
    let none = Effects { in_presale: NONE, in_sale: NONE };
    plan.segments.iter().map(|segment| of_segment(segment).unwrap_or(none)).collect()
}

/// What drawn baskets add up to.
#[derive(Default)]
struct Sums {
    /// Lines that are wished for, and the money of the first products that are looked at, fen.
    wished: (u64, u128),
    /// Those within limits.
    kept: (u64, u128),
    /// Those that fill baskets up.
    more: (u64, u128),
    off: u128,
}

impl Sums {
    fn effects(&self) -> Effects {
        if self.wished.1 == 0 {
            return Effects { in_presale: NONE, in_sale: NONE };
        }
        let lines = |lines: u64| lines as f64 / self.wished.0 as f64;
        let money = |fen: u128| fen as f64 / self.wished.1 as f64;
        let in_presale = Effect { lines: lines(self.kept.0), left: money(self.kept.1), off: 0.0 };
        let in_sale = Effect {
            lines: lines(self.kept.0 + self.more.0),
            left: money(self.kept.1 + self.more.1 - self.off),
            off: money(self.off),
        };
        Effects { in_presale, in_sale }
    }
}

/// What a segment finds on sale.
struct Shelves<'a> {
    draws: Draws,
    interest: Choice,
    categories: Vec<Shelf<'a>>,
    lines: CountSampler,
    units: CountSampler,
    spend: Option<MoneySampler>,
}

/// A category: its named products by their shares, and generated ones with the rest.
struct Shelf<'a> {
    price: MoneySampler,
    named: Vec<(&'a Product, Option<CountSampler>)>,
    choice: Choice,
}

impl<'a> Shelf<'a> {
    fn new(catalogue: &'a Catalogue, category: usize) -> Self {
        let named = catalogue.products.iter().filter(|product| product.category == category);
        let named: Vec<_> = named.map(|product| (product, product.units.as_ref().map(CountSampler::new))).collect();
        let mut shares: Vec<f64> = named.iter().map(|(product, _)| product.demand).collect();
        let rest = (1.0 - shares.iter().sum::<f64>()).max(0.0);
        shares.push(if catalogue.categories[category].skus == 0 { 0.0 } else { rest });
        Shelf { price: MoneySampler::new(&catalogue.categories[category].price), named, choice: Choice::new(&shares) }
    }
}

impl<'a> Shelves<'a> {
    fn new(catalogue: &'a Catalogue, segment: &Segment, weights: &[f64]) -> Self {
        Shelves {
            draws: Draws::new(0),
            interest: Choice::new(weights),
            categories: (0..catalogue.categories.len()).map(|category| Shelf::new(catalogue, category)).collect(),
            lines: CountSampler::cut_off(&segment.lines, MAX_LINES),
            units: CountSampler::new(&segment.units),
            spend: segment.spend.as_ref().map(MoneySampler::new),
        }
    }

    fn effects(&self, coupon: Option<&Coupon>) -> Effects {
        let mut sums = Sums::default();
        for basket in 0..BASKETS {
            let mut stream = self.stream(basket, Purpose::Basket, 0);
            let wanted = self.lines.draw(|| stream.clone()).min(MAX_LINES) as u16;
            let limit = self.spend.as_ref().map_or(u64::MAX, |spend| {
                stream.bits64();
                spend.draw(&mut stream)
            });
            let mut fen = 0;
            for line in 0..wanted {
                sums.wished = (sums.wished.0 + 1, sums.wished.1 + u128::from(self.fen(basket, line << 8)));
                if let Some(of_line) = self.first(basket, line, 0..=limit - fen) {
                    fen += of_line;
                    sums.kept = (sums.kept.0 + 1, sums.kept.1 + u128::from(of_line));
                }
            }
            if let Some(coupon) = coupon {
                if let Some(more) = self.fill_up(basket, coupon, (wanted, fen, limit - fen)) {
                    fen += more;
                    sums.more = (sums.more.0 + 1, sums.more.1 + u128::from(more));
                }
                sums.off += u128::from(coupon.off(fen));
            }
        }
        sums.effects()
    }

    /// The money of a line that fills a basket up, if there is one.
    fn fill_up(&self, basket: u64, coupon: &Coupon, (wanted, fen, budget): (u16, u64, u64)) -> Option<u64> {
        let short_of = coupon.short_of(fen);
        let is_out_for_it = short_of > 0
            && u32::from(wanted) < MAX_LINES
            && self.stream(basket, Purpose::FillUp, 0).unit() < coupon.fill_up;
        if is_out_for_it { self.first(basket, wanted, short_of..=budget) } else { None }
    }

    /// The money of the first of the products looked at for a line that is within bounds, fen.
    fn first(&self, basket: u64, line: u16, bounds: std::ops::RangeInclusive<u64>) -> Option<u64> {
        (0..CANDIDATES).map(|candidate| self.fen(basket, line << 8 | candidate)).find(|fen| bounds.contains(fen))
    }

    /// The money of a line of a product that is looked at, fen.
    fn fen(&self, basket: u64, item: u16) -> u64 {
        let mut stream = self.stream(basket, Purpose::Product, item);
        let shelf = &self.categories[self.interest.pick(stream.unit())];
        let named = shelf.named.get(shelf.choice.pick(stream.unit()));
        let units = named.and_then(|(_, units)| units.as_ref()).unwrap_or(&self.units);
        let units = units.draw(|| self.stream(basket, Purpose::Units, item));
        let price = named.map_or_else(
            || shelf.price.draw(&mut self.stream(basket, Purpose::Price, item)),
            |(product, _)| product.price.0,
        );
        u64::from(units) * price
    }

    fn stream(&self, basket: u64, purpose: Purpose, item: u16) -> Stream {
        self.draws.stream(Name { subject: basket, session: 0, visit: 0, purpose, item })
    }
}

//! What a coupon does to baskets: what it takes off them, and the lines that fill them up to it.
//!
//! There is no closed form for that: what is taken off depends on the money of a basket as a whole. So a fixed number of baskets is
//! drawn for each segment, wished for as shoppers do, each draw named by the basket; what comes of them is put in proportion to the
//! money that they would have without a coupon. Prices are drawn anew for each line: which products a seed makes dear is not known
//! here. What livestreams show is in none of them.

use crate::model::sampler::{Choice, CountSampler, MoneySampler};
use crate::plan::{Catalogue, Coupon, MAX_LINES, Plan, Product, Segment};
use crate::rng::{Draws, Name, Purpose, Stream};

/// Baskets that are drawn for a segment: what is taken off is then known to a per cent or so.
const BASKETS: u64 = 20_000;
/// Products that a shopper looks at for one line before giving it up as too dear.
const CANDIDATES: u16 = 3;

/// What a coupon makes of the baskets of a segment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Effect {
    /// Lines with those that fill baskets up, for each without.
    pub(super) lines: f64,
    /// What is left to pay, for each fen without a coupon.
    pub(super) left: f64,
    /// What is taken off, likewise.
    pub(super) off: f64,
}

/// Nothing happens.
pub(super) const NONE: Effect = Effect { lines: 1.0, left: 1.0, off: 0.0 };

/// What the coupon of a plan does in each of its segments, outside of presales.
pub(super) fn effects(plan: &Plan) -> Vec<Effect> {
    let of_segment = |segment: &Segment| {
        let (coupon, catalogue) = (plan.coupon.as_ref()?, plan.catalogue.as_ref()?);
        let weights = segment.demand(catalogue);
        let buys = weights.iter().sum::<f64>() > 0.0;
        buys.then(|| Shelves::new(catalogue, segment, &weights).effect(coupon))
    };
    plan.segments.iter().map(|segment| of_segment(segment).unwrap_or(NONE)).collect()
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

    fn effect(&self, coupon: &Coupon) -> Effect {
        let (mut lines, mut more_lines, mut fen, mut more_fen, mut off) = (0u64, 0u64, 0u128, 0u128, 0u128);
        for basket in 0..BASKETS {
            let (mut stream, mut in_basket) = (self.stream(basket, Purpose::Basket, 0), 0);
            let wanted = self.lines.draw(|| stream.clone()).min(MAX_LINES) as u16;
            let mut budget = self.spend.as_ref().map_or(u64::MAX, |spend| {
                stream.bits64();
                spend.draw(&mut stream)
            });
            for line in 0..wanted {
                if let Some(of_line) = self.first(basket, line, 0..=budget) {
                    (budget, in_basket, lines) = (budget - of_line, in_basket + of_line, lines + 1);
                }
            }
            let short_of = coupon.short_of(in_basket);
            let fills_up = short_of > 0
                && u32::from(wanted) < MAX_LINES
                && self.stream(basket, Purpose::FillUp, 0).unit() < coupon.fill_up;
            let more = if fills_up { self.first(basket, wanted, short_of..=budget) } else { None };
            more_lines += u64::from(more.is_some());
            let more = more.unwrap_or(0);
            fen += u128::from(in_basket);
            more_fen += u128::from(more);
            off += u128::from(coupon.off(in_basket + more));
        }
        if fen == 0 {
            return NONE;
        }
        let part = |sum: u128| sum as f64 / fen as f64;
        Effect { lines: 1.0 + more_lines as f64 / lines as f64, left: part(fen + more_fen - off), off: part(off) }
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

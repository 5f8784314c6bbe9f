//! Substitution: what a shopper takes instead of a product that is sold out.
//!
//! Shoppers see on the page where they order which products are sold out: those of which the cell knows that nothing is left. With the
//! substitution rate of their segment they exchange such a line for another product of the same category before any stock is asked for;
//! the others go on with it, and it ends as sold out. So a substitute asks for stock as any line does, whenever that is asked for, and
//! who loses a race for the last units within a tick, or while the flag is not up yet, is told so and has no second choice on that page.
//!
//! What they take is drawn by popularity, as the first choice was: demand spills over to the products of a category in proportion to
//! their own demand, and once, as in the exogenous model of Kök and Fisher, "Demand estimation and assortment optimization under
//! substitution" (Operations Research 55, 2007), with a few looks instead of one, since what is sold out can be seen. A look is at what is
//! listed, and finds something if that is not known to be sold out itself and not too dear.
//!
//! In the ledger both products were wanted: the intent of the first ends as *substituted*, that of the second as it ends. In presales
//! nothing is exchanged: a deposit is paid for the product whose price it secures.

use super::basket::{Line, sum};
use super::cell::Player;
use super::session::{Cause, Session};
use super::wish::CANDIDATES;
use crate::model::Pays;
use crate::rng::Purpose;

/// How many times as dear as what was wanted a substitute may be, where nothing limits what the shopper spends: three halves.
const MOST_TIMES_AS_DEAR: (u64, u64) = (3, 2);

impl Player<'_> {
    /// Exchanges lines of a basket that are seen to be sold out for others, each with a probability.
    #[inline(never)]
    pub(super) fn substitute(&mut self, session: &Session, probability: f64) {
        if self.round(session).pays != Pays::Orders {
            return;
        }
        let (wanted, len) = self.wanted(session);
        for (position, &(line, left)) in wanted[..len].iter().enumerate() {
            if !self.is_known_to_be_sold_out(line.sku, left, session.time)
                || self.stream(session, Purpose::Substitution, position as u16).unit() >= probability
            {
                continue;
            }
            if let Some(substitute) = self.substitute_for(session, position as u16, line) {
                self.exchange(session, position, (line, substitute));
            }
        }
    }

    /// What a shopper finds in the category of a line that is sold out, as many units of it.
    fn substitute_for(&self, session: &Session, position: u16, wanted: Line) -> Option<Line> {
        let catalogue = self.model.catalogue.as_ref()?;
        let (category, window) = (catalogue.category_of(wanted.sku), usize::from(session.window()));
        // The limit of a basket holds for what is in it now.
        let is_limited = self.model.segments[usize::from(session.segment)].spend.is_some();
        let (most, over) = if is_limited { (1, 1) } else { MOST_TIMES_AS_DEAR };
        let mut looked_at = (0..CANDIDATES).map(|candidate| {
            let mut stream = self.stream(session, Purpose::Substitute, position << 8 | candidate);
            let (u_named, u_rank) = (stream.unit(), stream.unit());
            let sku = catalogue.listed(catalogue.pick(category, u_named, u_rank), window);
            Line { sku, price: self.stock.price(sku), ..wanted }
        });
        looked_at.find(|line| {
            u64::from(line.price) * over <= u64::from(wanted.price) * most
                && !self.is_known_to_be_sold_out(line.sku, self.stock.left(line.sku), session.time)
        })
    }

    /// One intent ends, another begins in its place.
    fn exchange(&mut self, session: &Session, position: usize, (wanted, substitute): (Line, Line)) {
        self.settle(session, Cause::SUBSTITUTED, sum([wanted].into_iter()));
        let demand = sum([substitute].into_iter());
        self.tally.demand.add(demand);
        self.tally.substitutes.wanted.add(demand);
        self.tell_channel(session, |channel| channel.demand.add(demand));
        self.cell.baskets.substitute(session.basket, position, substitute);
    }
}

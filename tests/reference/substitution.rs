//! What shoppers want instead when they see that a product is sold out.

use super::draws;
use super::record::{Fact, What};
use super::session::{Fate, Line, Session};
use super::simulator::Simulator;
use saleload::results::Substituted;

/// Products that a shopper looks at.
const LOOKS: usize = 3;

impl Simulator<'_> {
    /// Whether anybody ever wants something else.
    pub(crate) fn substitutes(&self) -> bool {
        self.plan.segments.iter().any(|segment| segment.substitution > 0.0)
    }

    /// The session is about to order. Outside presales the shopper goes through the basket for what is marked as sold out.
    pub(crate) fn look_for_others(&mut self, session: &mut Session) {
        if self.presale_of(session.key).is_some() || self.balance_of(session.key).is_some() {
            return;
        }
        for number in 0..session.basket.len() {
            let gone = session.basket[number];
            if !self.stock.is_known_to_be_sold_out(self.now, session.cell, gone.sku)
                || !draws::would_substitute(&self.model, session, number)
            {
                continue;
            }
            let Some(other) = (0..LOOKS).find_map(|look| self.other(session, (number, look), gone)) else { continue };
            let when = (self.now, self.record.row());
            self.record.fact(when, session, &[gone], What::Ended(Fate::Substituted));
            self.record.fact(when, session, &[other], What::Wanted);
            session.basket[number] = other;
        }
    }

    /// The line that a look ends in, if it finds something.
    fn other(&self, session: &Session, (number, look): (usize, usize), gone: Line) -> Option<Line> {
        let catalogue = self.model.catalogue.as_ref().expect("there are lines");
        let category = catalogue.category_of(gone.sku);
        let sku = draws::other_product(&self.model, catalogue, session, (number, look), category);
        let price = self.stock.shelves[sku as usize].price;
        let has_limit = self.plan.segments[session.segment].spend.is_some();
        let most = u64::from(gone.price) + if has_limit { 0 } else { u64::from(gone.price) / 2 };
        let is_there = !self.stock.is_known_to_be_sold_out(self.now, session.cell, sku);
        let place = (session.visit, number);
        (is_there && u64::from(price) <= most).then_some(Line {
            sku,
            price,
            livestream: None,
            is_substitute: true,
            place,
            ..gone
        })
    }

    pub(crate) fn substituted(&self) -> Option<Substituted> {
        if !self.substitutes() {
            return None;
        }
        let facts = |which: fn(&Fact) -> bool| self.record.facts.iter().filter(move |fact| which(fact));
        let gone = || facts(|fact| fact.what == What::Ended(Fate::Substituted));
        let others = || facts(|fact| fact.what == What::Wanted && fact.line.is_substitute);
        let paid = || facts(|fact| fact.what == What::Ended(Fate::Bought) && fact.line.is_substitute);
        let scale = u64::from(self.model.cells / self.model.simulated);
        assert_eq!(gone().count(), others().count(), "one for one");
        Some(Substituted {
            lines: gone().count() as u64 * scale,
            units: gone().map(|fact| u64::from(fact.line.units)).sum::<u64>() * scale,
            fen: gone().map(Fact::fen).sum::<u64>() * scale,
            instead_fen: others().map(Fact::fen).sum::<u64>() * scale,
            paid: paid().count() as u64 * scale,
            gmv_paid_fen: paid().map(Fact::fen).sum::<u64>() * scale,
        })
    }
}

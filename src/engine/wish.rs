//! What a shopper wants: a pure function of the shopper, the session and the visit.

use super::basket::Line;
use super::session::Session;
use super::stock::Stock;
use crate::model::catalogue::Catalogue;
use crate::model::{Model, Pays, Segment};
use crate::plan::{MAX_LINES, MAX_PRESALE_LINES};
use crate::rng::{Name, Purpose, Stream};

/// Products that a shopper looks at for one line before giving it up as too dear.
const CANDIDATES: u16 = 3;

/// What the wishes of a cell's shoppers depend on.
#[derive(Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub(super) model: &'a Model,
    pub(super) stock: &'a Stock,
    pub(super) first_shopper: u64,
}

/// The lines of a basket that is to be filled, and how many they are.
pub(super) type Wanted = ([Line; MAX_LINES as usize], usize);

impl<'a> Wishes<'a> {
    /// The lines that a session would put into a basket now. In a presale it has one basket only, whenever it is filled: then the
    /// lines of a deposit need not be kept.
    pub(super) fn of(&self, session: &Session) -> Wanted {
        match self.model.rounds[usize::from(session.window())].pays {
            Pays::Deposits(_) => {
                let mut once = *session;
                once.visit = 0;
                self.lines(&once, MAX_PRESALE_LINES)
            }
            Pays::Orders | Pays::Balances(_) => self.lines(session, MAX_LINES),
        }
    }

    #[inline]
    fn lines(&self, session: &Session, most: u32) -> Wanted {
        let mut lines = [Line::default(); MAX_LINES as usize];
        let Some(catalogue) = &self.model.catalogue else { return (lines, 0) };
        let segment = self.segment(session);
        let mut stream = self.stream(session, Purpose::Basket, 0);
        let wanted = segment.lines.draw(|| stream.clone()).min(most) as usize;
        let mut budget = segment.spend.as_ref().map_or(u64::MAX, |spend| {
            stream.bits64();
            spend.draw(&mut stream)
        });
        // All first choices, then all their prices, then decisions: look-ups miss the cache, and side by side they overlap.
        let mut first_choices = [Line::default(); MAX_LINES as usize];
        for (position, choice) in first_choices[..wanted].iter_mut().enumerate() {
            *choice = self.candidate(session, catalogue, position as u16, 0);
        }
        for choice in &mut first_choices[..wanted] {
            choice.price = self.stock.price(choice.sku);
        }
        let mut len = 0;
        for (position, &first) in first_choices[..wanted].iter().enumerate() {
            let later = (1..CANDIDATES).map(|candidate| {
                let line = self.candidate(session, catalogue, position as u16, candidate);
                Line { price: self.stock.price(line.sku), ..line }
            });
            let affordable = std::iter::once(first).chain(later).find(|line| line.fen() <= budget);
            if let Some(line) = affordable {
                budget -= line.fen();
                lines[len] = line;
                len += 1;
            }
        }
        (lines, len)
    }

    /// A product, and the units of it, that a shopper considers for a line; without its price.
    fn candidate(&self, session: &Session, catalogue: &Catalogue, line: u16, candidate: u16) -> Line {
        let item = line << 8 | candidate;
        let segment = self.segment(session);
        let mut stream = self.stream(session, Purpose::Product, item);
        let (u_category, u_named) = stream.two_units();
        let sku = catalogue.pick(segment.category.pick(u_category), u_named, stream.unit());
        let sampler = catalogue.units_of(sku).unwrap_or(&segment.units);
        let units = sampler.draw(|| self.stream(session, Purpose::Units, item));
        Line { sku, units, price: 0 }
    }

    fn segment(&self, session: &Session) -> &'a Segment {
        &self.model.segments[usize::from(session.segment)]
    }

    #[inline]
    fn stream(&self, session: &Session, purpose: Purpose, item: u16) -> Stream {
        let subject = self.first_shopper + u64::from(session.shopper);
        self.model.draws.stream(Name { subject, session: session.window(), visit: session.visit, purpose, item })
    }
}

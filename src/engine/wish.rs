//! What a shopper wants: a pure function of the shopper, the session and the visit.

use super::basket::{Line, sum};
use super::session::Session;
use super::stock::Stock;
use crate::model::catalogue::{Catalogue, Sku};
use crate::model::livestream::Shown;
use crate::model::{Model, Pays, Segment};
use crate::plan::{Coupon, MAX_LINES, MAX_PRESALE_LINES};
use crate::rng::{Name, Purpose, Stream};
use crate::units::Instant;

/// Products that a shopper looks at for one line before giving it up as too dear.
pub(super) const CANDIDATES: u16 = 3;

/// What the wishes of a cell's shoppers depend on.
#[derive(Clone, Copy)]
pub(super) struct Wishes<'a> {
    pub(super) model: &'a Model,
    pub(super) stock: &'a Stock,
    pub(super) first_shopper: u64,
}

/// The lines of a basket that is to be filled, how many they are, and by bit those that a livestream brought.
pub(super) type WantedAndShown = ([Line; MAX_LINES as usize], usize, u16);

impl<'a> Wishes<'a> {
    /// The lines of a basket of a presale, which was filled at this moment by one to whom a livestream showed something then. Whoever
    /// was shown nothing has one basket only, whenever it is filled. So the lines of a deposit need not be kept.
    pub(super) fn of_presale(&self, session: &Session, shown_at: Option<Instant>) -> WantedAndShown {
        self.with(session, shown_at.and_then(|at| self.shown(session, at)))
    }

    /// The lines that a session would put into a basket, given what a livestream shows it.
    #[inline]
    pub(super) fn with(&self, session: &Session, shown: Option<Shown>) -> WantedAndShown {
        match self.model.rounds[usize::from(session.window())].pays {
            Pays::Deposits(_) => {
                let mut once = *session;
                once.visit = 0;
                self.lines(&once, MAX_PRESALE_LINES, shown)
            }
            Pays::Orders | Pays::Balances(_) => self.lines(session, MAX_LINES, shown),
        }
    }

    #[inline]
    fn lines(&self, session: &Session, most: u32, shown: Option<Shown>) -> WantedAndShown {
        let mut lines = [Line::default(); MAX_LINES as usize];
        let Some(catalogue) = &self.model.catalogue else { return (lines, 0, 0) };
        let segment = self.segment(session);
        let mut stream = self.stream(session, Purpose::Basket, 0);
        let wanted = segment.lines.draw(|| stream.clone()).min(most) as usize;
        let mut budget = segment.spend.as_ref().map_or(u64::MAX, |spend| {
            stream.bits64();
            spend.draw(&mut stream)
        });
        // All first choices, then all their prices, then decisions: look-ups miss the cache, and side by side they overlap.
        let mut first_choices = [Line::default(); MAX_LINES as usize];
        let mut of_livestream = 0u16;
        for (position, choice) in first_choices[..wanted].iter_mut().enumerate() {
            *choice = match shown.filter(|&shown| self.is_drawn_to(session, shown, position as u16)) {
                Some(shown) => {
                    of_livestream |= 1 << position;
                    self.line_of(session, catalogue, shown.sku, (position as u16) << 8)
                }
                None => self.candidate(session, catalogue, position as u16, 0),
            };
        }
        for choice in &mut first_choices[..wanted] {
            choice.price = self.stock.price(choice.sku);
        }
        let (mut len, mut pulled) = (0, 0u16);
        for (position, &first) in first_choices[..wanted].iter().enumerate() {
            let later = (1..CANDIDATES).map(|candidate| {
                let line = self.candidate(session, catalogue, position as u16, candidate);
                Line { price: self.stock.price(line.sku), ..line }
            });
            let mut looked_at = std::iter::once(first).chain(later).enumerate();
            if let Some((candidate, line)) = looked_at.find(|(_, line)| line.fen() <= budget) {
                budget -= line.fen();
                pulled |= u16::from(candidate == 0 && (of_livestream >> position) & 1 == 1) << len;
                lines[len] = line;
                len += 1;
            }
        }
        if let Some(coupon) = self.model.coupon_in(session.window()).filter(|_| len > 0 && wanted < lines.len()) {
            let fen = sum(lines[..len].iter().copied()).fen;
            if let Some(line) = self.fill_up(session, catalogue, coupon, (fen, wanted, budget)) {
                lines[len] = line;
                len += 1;
            }
        }
        (lines, len, pulled)
    }

    /// Whether a line of a basket is of the product that is shown.
    fn is_drawn_to(&self, session: &Session, shown: Shown, line: u16) -> bool {
        self.stream(session, Purpose::Pull, line).unit() < shown.conversion
    }

    /// One more line, of a basket of so much money and so many wishes, that reaches the next time that a coupon counts and is within
    /// what is left to spend; if the shopper is out for it, and finds one.
    fn fill_up(
        &self,
        session: &Session,
        catalogue: &Catalogue,
        coupon: &Coupon,
        (fen, wishes, budget): (u64, usize, u64),
    ) -> Option<Line> {
        let short_of = coupon.short_of(fen);
        if short_of == 0 || self.stream(session, Purpose::FillUp, 0).unit() >= coupon.fill_up {
            return None;
        }
        let mut looked_at = (0..CANDIDATES).map(|candidate| {
            let line = self.candidate(session, catalogue, wishes as u16, candidate);
            Line { price: self.stock.price(line.sku), ..line }
        });
        looked_at.find(|line| (short_of..=budget).contains(&line.fen()))
    }

    /// A product, and the units of it, that a shopper considers for a line; without its price.
    fn candidate(&self, session: &Session, catalogue: &Catalogue, line: u16, candidate: u16) -> Line {
        let item = line << 8 | candidate;
        let segment = self.segment(session);
        let mut stream = self.stream(session, Purpose::Product, item);
        let (u_category, u_named) = stream.two_units();
        let sku = catalogue.pick(segment.category.pick(u_category), u_named, stream.unit());
        self.line_of(session, catalogue, sku, item)
    }

    /// A line of a product, or of the one that is looked at while it is not listed; without its price.
    fn line_of(&self, session: &Session, catalogue: &Catalogue, sku: Sku, item: u16) -> Line {
        let sku = catalogue.listed(sku, usize::from(session.window()));
        let sampler = catalogue.units_of(sku).unwrap_or(&self.segment(session).units);
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

//! Basket, reservation, payment, hold expiry: where stock is asked for and GMV is counted.

use super::basket::{BasketId, Line, Spread, order, part_of_order, select, sum};
use super::cell::{Player, Waiting};
use super::session::{Cause, Phase, Session};
use super::stock::{Contested, Move, Sale};
use crate::model::catalogue::{Catalogue, Sku};
use crate::model::{HAS_BOUGHT, HAS_FAILED};
use crate::plan::{Coupon, MAX_LINES};
use crate::recorder::Intents;
use crate::rng::Purpose;
use crate::units::Instant;

/// Products that a shopper looks at for one line before giving it up as too dear.
const CANDIDATES: u16 = 3;

impl Player<'_> {
    /// Fills a basket, if the shopper has none: purchase intents begin.
    pub(super) fn fill_basket(&mut self, session: &mut Session) {
        let Some(catalogue) = &self.model.catalogue else { return };
        if session.basket.is_one() {
            return;
        }
        session.cause = Cause::NONE;
        let segment = self.segment(session);
        let mut stream = self.stream(session, Purpose::Basket, 0);
        let wanted = segment.lines.draw(|| stream.clone()) as usize;
        let mut budget = segment.spend.as_ref().map_or(u64::MAX, |spend| {
            stream.bits64();
            spend.draw(&mut stream)
        });
        // All first choices, then all their prices, then decisions: look-ups miss the cache, and side by side they overlap.
        let mut first_choices = [Line::default(); MAX_LINES as usize];
        let shown = self.shown(session);
        let mut of_livestream = 0u16;
        for (position, choice) in first_choices[..wanted].iter_mut().enumerate() {
            *choice = match shown.filter(|&shown| self.is_pulled(session, shown, position as u16)) {
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
        let mut lines = [Line::default(); MAX_LINES as usize];
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
        if let Some(coupon) = self.model.coupon.as_ref().filter(|_| len > 0 && wanted < lines.len())
            && let Some(line) =
                self.fill_up(session, catalogue, coupon, (sum(lines[..len].iter().copied()).fen, wanted, budget))
        {
            lines[len] = line;
            len += 1;
        }
        // With nothing that could be afforded, nothing is wanted.
        if len > 0 {
            let demand = sum(lines[..len].iter().copied());
            self.tally.demand.add(demand);
            self.tell_channel(session, |channel| channel.demand.add(demand));
            session.basket = self.cell.baskets.insert(&lines[..len], pulled);
            if pulled > 0 {
                let demand = sum(select(&lines[..len], pulled));
                self.tell_livestream(session, |livestream| livestream.demand.add(demand));
            }
        }
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
        let looked_at = (0..CANDIDATES).map(|candidate| {
            let line = self.candidate(session, catalogue, wishes as u16, candidate);
            Line { price: self.stock.price(line.sku), ..line }
        });
        looked_at.into_iter().find(|line| (short_of..=budget).contains(&line.fen()))
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

    /// A line of a product; without its price.
    fn line_of(&self, session: &Session, catalogue: &Catalogue, sku: Sku, item: u16) -> Line {
        let sampler = catalogue.units_of(sku).unwrap_or(&self.segment(session).units);
        let units = sampler.draw(|| self.stream(session, Purpose::Units, item));
        Line { sku, units, price: 0 }
    }

    fn drop_basket(&mut self, session: &mut Session) {
        self.cell.baskets.remove(session.basket);
        session.basket = BasketId::GONE;
        session.set_holds(false);
    }

    /// Creates the orders of a basket and reserves their stock.
    pub(super) fn reserve(&mut self, session: &mut Session) {
        if !session.basket.is_one() || session.holds() {
            return self.think(session);
        }
        if session.time >= self.model.windows[usize::from(session.window())].closes {
            session.cause = Cause::WINDOW_CLOSED;
            return self.leave(session);
        }
        // As above: what is left of all lines before any decision.
        let mut wanted = [(Line::default(), 0); MAX_LINES as usize];
        let lines = self.cell.baskets.lines(session.basket);
        let len = lines.len();
        for (wanted, &line) in wanted.iter_mut().zip(lines) {
            *wanted = (line, self.stock.left(line.sku));
        }
        let (mut granted, mut contested) = (0u16, false);
        for (position, &(line, left)) in wanted[..len].iter().enumerate() {
            if left == 0 {
                continue;
            }
            if self.space.grants.try_grant(line.sku, line.units, self.stock.share_of(left)) {
                self.outbox.note(Move::Grant, line.sku, line.units);
                granted |= 1 << position;
            } else {
                contested = true;
                self.contest(session, position as u8, line);
            }
        }
        if contested {
            self.cell.waiting.push(Waiting { session: *session, granted });
        } else {
            self.finish_reservation(session, granted);
        }
    }

    fn contest(&mut self, session: &Session, position: u8, wanted: Line) {
        self.outbox.contest(Contested {
            time: session.time,
            shopper: session.shopper,
            sku: wanted.sku,
            units: wanted.units,
            order: self.cell.waiting.len() as u32,
            cell: self.cell.id as u16,
            line: position,
            granted: false,
        });
    }

    /// The end of a tick has settled the contested lines of a waiting order; the answer comes now.
    pub(super) fn answer(&mut self, waiting: Waiting, now: Instant) {
        let mut session = waiting.session;
        session.wait_for(Phase::Response, now);
        self.tally.events += 1;
        let (time, rank) = session.order();
        self.cell.digest.mix((time, rank ^ u64::from(waiting.granted)));
        self.finish_reservation(&mut session, waiting.granted);
    }

    fn finish_reservation(&mut self, session: &mut Session, granted: u16) {
        let lines = self.cell.baskets.lines(session.basket);
        let refused = sum(select(lines, !granted));
        let (ordered, off) = order(lines, granted, self.model.coupon.as_ref());
        self.tally.settle(session.window(), session.segment, Cause::SOLD_OUT, refused);
        if granted == 0 {
            self.drop_basket(session);
            self.remember(session, HAS_FAILED);
            return self.page_failed(session, Cause::SOLD_OUT);
        }
        self.tally.ordered.add(ordered);
        let pulled = self.cell.baskets.pulled(session.basket) & granted;
        if pulled > 0 {
            let of_livestream = part_of_order(self.cell.baskets.lines(session.basket), granted, pulled, (ordered, off));
            self.tell_livestream(session, |livestream| livestream.ordered.add(of_livestream));
        }
        self.tell_channel(session, |channel| channel.ordered.add(ordered));
        if off > 0 {
            let taken_off = Intents { fen: off, ..Intents::default() };
            self.tally.settle(session.window(), session.segment, Cause::COUPON, taken_off);
        }
        self.cell.baskets.grant(session.basket, granted, session.time + self.model.hold);
        session.set_holds(true);
        // Whatever failed on the way here has been overcome.
        session.cause = Cause::NONE;
        self.think(session);
    }

    /// Pays the orders that a session holds.
    pub(super) fn pay(&mut self, session: &mut Session) {
        let (lines, granted) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let (paid, off) = order(lines, granted, self.model.coupon.as_ref());
        let mut spread = Spread::new(off, paid.fen + off);
        for line in select(lines, granted) {
            self.outbox.sell(Sale { sku: line.sku, units: line.units, fen: spread.pay(&line) });
        }
        self.tally.paid.add(paid);
        let pulled = self.cell.baskets.pulled(session.basket) & granted;
        if pulled > 0 {
            let of_livestream = part_of_order(lines, granted, pulled, (paid, off));
            self.tell_livestream(session, |livestream| livestream.paid.add(of_livestream));
        }
        self.tell_channel(session, |channel| channel.paid.add(paid));
        self.tally.settle(session.window(), session.segment, Cause::BOUGHT, paid);
        self.remember(session, HAS_BOUGHT);
        self.drop_basket(session);
        session.cause = Cause::NONE;
    }

    /// The hold on an unpaid order runs out: its stock comes back. A session that was still going ends with it.
    pub(super) fn expire(&mut self, session: &mut Session) {
        if session.phase() == Phase::HoldExpiry {
            self.tally.ended += 1;
            self.remember(session, HAS_FAILED);
        }
        for line in self.cell.baskets.held(session.basket) {
            self.outbox.note(Move::Release, line.sku, line.units);
        }
        self.settle_basket(session, session.cause.or(Cause::HOLD_EXPIRED));
        self.drop_basket(session);
    }

    /// The session ends. What it wanted is entered in the ledger; stock of an unpaid order stays held until its deadline.
    pub(super) fn leave(&mut self, session: &mut Session) {
        self.tally.ended += 1;
        if session.cause != Cause::NONE {
            self.remember(session, HAS_FAILED);
        }
        if !session.basket.is_one() {
            let never_had_one = session.basket == BasketId::NONE;
            self.tally.turned_away += u64::from(session.cause.is_of_platform() && never_had_one);
            return;
        }
        if !session.holds() {
            self.settle_basket(session, session.cause.or(Cause::CHANGED_MIND));
            return self.drop_basket(session);
        }
        if session.cause != Cause::NONE {
            self.settle_basket(session, session.cause);
            session.cause = Cause::SETTLED;
        }
        session.wait_for(Phase::HoldExpiryAfterExit, self.cell.baskets.deadline(session.basket));
        self.cell.events.push(*session);
    }

    /// Enters the undecided lines of a session in the ledger, once.
    fn settle_basket(&mut self, session: &Session, cause: Cause) {
        if session.cause != Cause::SETTLED {
            let open = self.cell.baskets.open(session.basket, self.model.coupon.as_ref());
            self.tally.settle(session.window(), session.segment, cause, open);
        }
    }
}

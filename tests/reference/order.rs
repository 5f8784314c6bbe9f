//! What a session does with basket, stock and money, and how it ends.

use super::draws;
use super::event::Turn;
use super::record::What;
use super::session::{Fate, Line, Session, Waits};
use super::simulator::{Simulator, Waiting};
use super::stock::Answer;

/// Products that a shopper looks at for a line before giving it up as too dear.
const CANDIDATES: usize = 3;

impl Simulator<'_> {
    /// Fills an empty basket with what the shopper wants and can afford.
    pub(crate) fn fill_basket(&mut self, session: &mut Session, row: usize) {
        let Some(catalogue) = &self.model.catalogue else { return };
        if !session.basket.is_empty() {
            return;
        }
        let is_presale = self.presale_of(session.key).is_some();
        if is_presale && self.deposits.contains_key(&session.key.shopper) {
            return;
        }
        session.failure = None;
        // In a presale a shopper wishes for the same whenever it is.
        let visit = session.visit;
        session.visit = if is_presale { 0 } else { visit };
        let (lines, mut money) = draws::wishes(&self.model, session);
        let lines = if is_presale { lines.min(8) } else { lines };
        for number in 0..lines {
            let mut candidates = (0..CANDIDATES).map(|candidate| {
                let (sku, units) = draws::candidate(&self.model, catalogue, session, number, candidate);
                let place = (visit, session.basket.len());
                Line { sku, units, price: self.stock.shelves[sku as usize].price, place }
            });
            if let Some(line) = candidates.find(|line| line.fen() <= money) {
                money -= line.fen();
                session.basket.push(line);
            }
        }
        session.visit = visit;
        session.had_basket |= !session.basket.is_empty();
        session.settled = false;
        self.record.fact((self.now, row), session, &session.basket, What::Wanted);
    }

    /// Asks for the stock of all lines.
    pub(crate) fn reserve(&mut self, mut session: Session) {
        if session.basket.is_empty() || session.holds() {
            return self.think(session);
        }
        if self.has_closed(&session) {
            session.failure = Some(Fate::WindowClosed);
            return self.leave(session);
        }
        let (now, key, cell) = (self.now, session.key, session.cell);
        let ask = |(position, &line)| self.stock.request(now, key, cell, position, line);
        let answers: Vec<Answer> = session.basket.iter().enumerate().map(ask).collect();
        let granted = answers.iter().map(|&answer| answer == Answer::Granted).collect();
        if answers.contains(&Answer::Contested) {
            session.waits = Waits::TickEnd;
            session.number = self.new_number();
            self.waiting.push(Waiting { key, granted });
            self.sessions.insert(key, session);
        } else {
            self.reserved(session, &granted);
        }
    }

    /// All lines have their answer: what was granted becomes an order, what was not is sold out.
    pub(crate) fn reserved(&mut self, mut session: Session, granted: &[bool]) {
        let of = |wanted: bool| -> Vec<Line> {
            session
                .basket
                .iter()
                .zip(granted)
                .filter(|(_, granted)| **granted == wanted)
                .map(|(line, _)| *line)
                .collect()
        };
        let (ordered, refused) = (of(true), of(false));
        self.enter_in_ledger(&session, &refused, Fate::SoldOut);
        session.basket = ordered;
        if session.basket.is_empty() {
            self.history[session.key.shopper as usize].has_failed = true;
            return self.page_failed(session, Fate::SoldOut);
        }
        let presale = self.presale_of(session.key).map(|presale| (self.now + presale.hold).min(presale.opens));
        if presale.is_none() {
            self.order(&session);
        }
        let deadline = presale.unwrap_or(self.now + self.plan.hold);
        session.deadline = Some(deadline);
        // An order overcomes whatever failed on the way to it.
        session.failure = None;
        self.schedule(deadline, Turn::HoldExpiry, session.key, 0);
        self.think(session);
    }

    /// What is in the basket counts as ordered.
    fn order(&mut self, session: &Session) {
        let when = (self.now, self.record.row());
        self.record.fact(when, session, &session.basket, What::Ordered);
        session.basket.iter().for_each(|&line| self.stock.order(line));
    }

    pub(crate) fn pay(&mut self, session: &mut Session) {
        if self.presale_of(session.key).is_some() {
            return self.pay_deposit(session);
        }
        if self.balance_of(session.key).is_some() {
            self.order(session);
            let when = (self.now, self.record.row());
            self.record.fact(when, session, &session.basket, What::Completed);
        }
        for line in std::mem::take(&mut session.basket) {
            self.stock.pay(line);
            self.enter_in_ledger(session, &[line], Fate::Bought);
        }
        self.history[session.key.shopper as usize].has_bought = true;
        session.deadline = None;
        session.failure = None;
    }

    /// The hold on an unpaid order has run out: the stock comes back, and a session that was still there ends.
    pub(crate) fn hold_expired(&mut self, session: &Session, has_left: bool) {
        if !has_left {
            self.record.current().ended += 1;
            self.history[session.key.shopper as usize].has_failed = true;
        }
        session.basket.iter().for_each(|&line| self.stock.release(line));
        let is_balance = self.balance_of(session.key).is_some();
        if is_balance {
            let when = (self.now, self.record.row());
            self.record.fact(when, session, &session.basket, What::Forfeited);
        }
        if !session.settled {
            let fate = if is_balance { Fate::DepositForfeited } else { Fate::HoldExpired };
            self.enter_in_ledger(session, &session.basket, session.failure.unwrap_or(fate));
        }
    }

    /// The session ends. Unpaid stock stays held until its deadline.
    pub(crate) fn leave(&mut self, mut session: Session) {
        let failed_by_platform = matches!(session.failure, Some(Fate::Rejected(_) | Fate::TimedOut(_) | Fate::GaveUp));
        let row = self.record.current();
        row.ended += 1;
        row.turned_away += u64::from(failed_by_platform && !session.had_basket);
        if session.failure.is_some() {
            self.history[session.key.shopper as usize].has_failed = true;
        }
        let Some(deadline) = session.deadline else {
            return self.enter_in_ledger(&session, &session.basket, session.failure.unwrap_or(Fate::ChangedMind));
        };
        if let Some(fate) = session.failure {
            self.enter_in_ledger(&session, &session.basket, fate);
            session.settled = true;
        }
        session.waits = Waits::Gone;
        session.number = self.new_number();
        self.schedule(deadline, Turn::HoldExpiryAfterExit, session.key, session.number);
        self.sessions.insert(session.key, session);
    }

    fn enter_in_ledger(&mut self, session: &Session, lines: &[Line], fate: Fate) {
        let when = (self.now, self.record.row());
        self.record.fact(when, session, lines, What::Ended(fate));
    }
}

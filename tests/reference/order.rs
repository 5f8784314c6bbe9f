//! What a session does with basket, stock and money, and how it ends.

use super::draws;
use super::event::Turn;
use super::record::What;
use super::session::{Fate, Key, Line, Session, Waits};
use super::simulator::{Simulator, Waiting};
use super::stock::Answer;
use saleload::plan::Shows;
use saleload::plan::inventory::Reserve;
use saleload::units::Nanos;

/// Products that a shopper looks at for a line before giving it up as too dear.
const CANDIDATES: usize = 3;
/// Lines of the longest basket.
const MOST_LINES: usize = 16;

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
        let shows = self.shows(session);
        let (shown, conversion) = (shows.map(|of| (of.0, of.1)), shows.map_or(0.0, |of| of.2));
        for number in 0..lines {
            let mut candidates = (0..CANDIDATES).map(|candidate| {
                let pulled =
                    shown.filter(|_| candidate == 0 && draws::is_pulled(&self.model, session, number, conversion));
                let (sku, units) =
                    draws::candidate(&self.model, catalogue, session, (number, candidate), pulled.map(|of| of.1));
                let place = (visit, session.basket.len());
                let livestream = pulled.map(|of| of.0);
                let price = self.stock.shelves[sku as usize].price;
                Line { sku, units, price, off: 0, livestream, is_substitute: false, place }
            });
            if let Some(line) = candidates.find(|line| line.fen() <= money) {
                money -= line.fen();
                session.basket.push(line);
            }
        }
        session.visit = visit;
        if !is_presale {
            self.fill_up(session, lines, money);
        }
        session.had_basket |= !session.basket.is_empty();
        session.settled = false;
        self.record.fact((self.now, row), session, &session.basket, What::Wanted);
    }

    /// The livestream that a session watches, and which room of it; nothing is shown to those who pay balances.
    pub(crate) fn watched(&self, key: Key, segment: usize) -> Option<(usize, f64)> {
        if self.balance_of(key).is_some() {
            return None;
        }
        draws::watched(self.plan, &self.model, key, segment)
    }

    /// The livestream that the session watches, what is shown there now, and how likely that draws a line.
    fn shows(&self, session: &Session) -> Option<(usize, u32, f64)> {
        let (livestream, room) = self.watched(session.key, session.segment)?;
        let since = self.now - self.plan.windows[session.key.window].opens;
        match &self.plan.livestreams[livestream].shows {
            Shows::Slots(slots) => {
                let slot = slots.iter().find(|slot| (slot.at.0..slot.at.0 + slot.lasts.0).contains(&since.0))?;
                Some((livestream, slot.product as u32, slot.conversion))
            }
            Shows::Rooms(rooms) => {
                let room = (room * rooms.rooms as f64) as u64;
                let own: Vec<u64> = (room..rooms.products).step_by(rooms.rooms as usize).collect();
                let turns = since.0 / rooms.turn.0;
                let rank = own[(turns % own.len() as u64) as usize];
                let sku = self.model.catalogue.as_ref()?.of_rank(rooms.category, rank);
                Some((livestream, sku, rooms.conversion))
            }
        }
    }

    /// One more line, if the shopper is out for the next time that the coupon counts and finds something that gets there.
    fn fill_up(&mut self, session: &mut Session, wishes: usize, money: u64) {
        let (Some(coupon), Some(catalogue)) = (&self.plan.coupon, &self.model.catalogue) else { return };
        let so_far: u64 = session.basket.iter().map(Line::fen).sum();
        let times = |fen: u64| fen / coupon.every.0;
        let has_just_reached_it = so_far.is_multiple_of(coupon.every.0);
        if session.basket.is_empty()
            || wishes == 16
            || has_just_reached_it
            || !draws::fills_up(&self.model, session, coupon.fill_up)
        {
            return;
        }
        for candidate in 0..CANDIDATES {
            let (sku, units) = draws::candidate(&self.model, catalogue, session, (wishes, candidate), None);
            let place = (session.visit, session.basket.len());
            let price = self.stock.shelves[sku as usize].price;
            let line = Line { sku, units, price, off: 0, livestream: None, is_substitute: false, place };
            if line.fen() <= money && times(so_far + line.fen()) > times(so_far) {
                session.basket.push(line);
                self.record.rarities.fill_ups += 1;
                return;
            }
        }
    }

    /// Takes the coupon off an order: the first so many lines together bear their part of it by their money, rounded down.
    fn take_off(&mut self, order: &mut [Line]) {
        let Some(coupon) = &self.plan.coupon else { return };
        let worth: Vec<u128> = order.iter().map(|line| u128::from(line.fen())).collect();
        let total: u128 = worth.iter().sum();
        let off = total / u128::from(coupon.every.0) * u128::from(coupon.off.0);
        let borne_by_first = |lines: usize| worth[..lines].iter().sum::<u128>() * off / total.max(1);
        for (place, line) in order.iter_mut().enumerate() {
            line.off = (borne_by_first(place + 1) - borne_by_first(place)) as u64;
        }
        self.record.rarities.coupons += u64::from(off > 0);
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
        self.look_for_others(&mut session);
        if self.reserves(session.key) != Reserve::Order {
            return self.order_without_stock(session);
        }
        let (now, key, cell) = (self.now, session.key, session.cell);
        let ask = |(position, &line)| self.stock.request(now, key, cell, position, line);
        let answers: Vec<Answer> = session.basket.iter().enumerate().map(ask).collect();
        if answers.contains(&Answer::Contested) {
            session.waits = Waits::TickEnd;
            session.number = self.new_number();
            self.waiting.push(Waiting { key, answers });
            self.sessions.insert(key, session);
        } else {
            self.reserved(session, &answers);
        }
    }

    /// Everything becomes an order that is not known to be sold out; no stock is asked for.
    fn order_without_stock(&mut self, session: Session) {
        let (now, cell) = (self.now, session.cell);
        let is_sold_out = |line: &Line| self.stock.is_known_to_be_sold_out(now, cell, line.sku);
        let answer = |line: &Line| if is_sold_out(line) { Answer::SoldOut } else { Answer::Granted };
        let answers: Vec<Answer> = session.basket.iter().map(answer).collect();
        for (line, _) in session.basket.iter().zip(&answers).filter(|(_, answer)| **answer == Answer::SoldOut) {
            self.stock.refuse(*line);
        }
        self.reserved(session, &answers);
    }

    /// The money of an order is there: asks for its stock, or takes it for granted.
    pub(crate) fn ask_and_pay(&mut self, mut session: Session) {
        let (now, key, cell) = (self.now, session.key, session.cell);
        // From now on nothing runs out.
        session.deadline = None;
        // By their places in the basket, of which some may not have come to be ordered.
        let mut answers = vec![Answer::SoldOut; MOST_LINES];
        for &line in &session.basket {
            let position = line.place.1;
            if self.reserves(session.key) == Reserve::Optimistic {
                self.stock.take_payment(now, key, cell, position, line);
                answers[position] = Answer::Contested;
            } else {
                answers[position] = self.stock.request(now, key, cell, position, line);
            }
        }
        if answers.contains(&Answer::Contested) {
            session.waits = Waits::TickEnd;
            session.number = self.new_number();
            self.waiting.push(Waiting { key, answers });
            self.sessions.insert(key, session);
        } else {
            self.asked(session, &answers);
        }
    }

    /// It is known of all lines of an order whether they are there.
    pub(crate) fn asked(&mut self, mut session: Session, answers: &[Answer]) {
        let of = |wanted: Answer| -> Vec<Line> {
            session.basket.iter().filter(|line| answers[line.place.1] == wanted).copied().collect()
        };
        let (found, missed, rejected) = (of(Answer::Granted), of(Answer::SoldOut), of(Answer::Rejected));
        self.enter_in_ledger(&session, &rejected, Fate::OverLimit);
        let is_optimistic = self.reserves(session.key) == Reserve::Optimistic;
        let fate = if is_optimistic { Fate::Oversold } else { Fate::SoldOut };
        self.enter_in_ledger(&session, &missed, fate);
        self.record.rarities.ordered_in_vain += if is_optimistic { 0 } else { missed.len() as u64 };
        session.basket = found;
        if !session.basket.is_empty() {
            self.pay(&mut session);
            return self.think(session);
        }
        self.history[session.key.shopper as usize].has_failed = true;
        session.failure = None;
        if missed.is_empty() {
            return self.page_failed(session, Fate::OverLimit);
        }
        if is_optimistic {
            return self.think(session);
        }
        self.page_failed(session, fate);
    }

    /// All lines have their answer: what was granted becomes an order, what was not is rejected or sold out.
    pub(crate) fn reserved(&mut self, mut session: Session, answers: &[Answer]) {
        let of = |wanted: Answer| -> Vec<Line> {
            let answered = session.basket.iter().zip(answers);
            answered.filter(|(_, answer)| **answer == wanted).map(|(line, _)| *line).collect()
        };
        let (ordered, refused, rejected) = (of(Answer::Granted), of(Answer::SoldOut), of(Answer::Rejected));
        self.enter_in_ledger(&session, &refused, Fate::SoldOut);
        self.enter_in_ledger(&session, &rejected, Fate::OverLimit);
        session.basket = ordered;
        if session.basket.is_empty() {
            self.history[session.key.shopper as usize].has_failed = true;
            let fate = if refused.is_empty() { Fate::OverLimit } else { Fate::SoldOut };
            return self.page_failed(session, fate);
        }
        let presale = self.presale_of(session.key).map(|presale| (self.now + presale.hold).min(presale.opens));
        if presale.is_none() {
            self.take_off(&mut session.basket);
            self.order(&session);
            let when = (self.now, self.record.row());
            let cheaper: Vec<Line> = session.basket.iter().filter(|line| line.off > 0).copied().collect();
            self.record.fact(when, &session, &cheaper, What::Ended(Fate::Coupon));
        }
        let deadline = presale.unwrap_or(self.now + self.hold(&session.basket));
        session.deadline = Some(deadline);
        // An order overcomes whatever failed on the way to it.
        session.failure = None;
        self.schedule(deadline, Turn::HoldExpiry, session.key, 0);
        self.think(session);
    }

    /// How long an order stays open: as long as its product says that says least, or else the product's category, or else the platform.
    pub(crate) fn hold(&self, lines: &[Line]) -> Nanos {
        let (plan, model) = self.plan.catalogue.as_ref().zip(self.model.catalogue.as_ref()).expect("there are lines");
        let of = |line: &Line| {
            let product = plan.products.get(line.sku as usize).and_then(|product| product.hold);
            product.or(plan.categories[model.category_of(line.sku)].hold).unwrap_or(self.plan.hold)
        };
        lines.iter().map(of).min().expect("there are lines")
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
        for (number, line) in std::mem::take(&mut session.basket).into_iter().enumerate() {
            if let Some(voucher) = self.model.voucher(line.sku) {
                let after = draws::redemption(&self.model, session, number, voucher);
                self.record.vouchers.push((self.now, session.key, line, after));
            }
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
        if self.reserves(session.key) == Reserve::Order {
            session.basket.iter().for_each(|&line| self.stock.release(session.cell, line));
        }
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
        let failed_by_platform = matches!(
            session.failure,
            Some(Fate::Rejected(_) | Fate::TimedOut(_) | Fate::GaveUp(_) | Fate::Refused | Fate::OverLimit)
        );
        let row = self.record.current();
        row.ended += 1;
        row.turned_away += u64::from(failed_by_platform && !session.had_basket);
        let comes_for_a_balance =
            self.presale_of(session.key).is_some() && self.deposits.contains_key(&session.key.shopper);
        let history = &mut self.history[session.key.shopper as usize];
        if session.failure.is_some() {
            history.has_failed = true;
        } else if !comes_for_a_balance {
            history.has_deferred = true;
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

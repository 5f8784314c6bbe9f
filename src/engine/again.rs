//! Second submits: a page that takes long is sent once more.
//!
//! Whoever has waited long enough for a page that orders or pays may press the button again. The page's calls are then made a second
//! time, as work of its own for the services: by a *second*, a copy of the session that goes its own way through them, with draws, time-outs,
//! retries and patience of its own, and vanishes. The first goes on as if nothing had happened. Where the platform does not see
//! that it has had this request before, the second does what the page does: it orders again what is in the basket, as far as the
//! cell's share of the stock goes, and nobody will ever pay for that; or it pays again, and the money is given back. Neither is in
//! the ledger, which is about what shoppers want.
//!
//! A session that may have a second is noted in its cell until the page is there or has failed, or until the second has vanished: so it
//! has one at a time. The second waits from the start for its time to come, and then looks whether the page is still awaited.

use super::basket::{Line, order, select, sum};
use super::cell::Player;
use super::presale::deposits;
use super::session::{AGAIN, Cause, Phase, Session};
use super::stock::Move;
use crate::model::{Pays, State};
use crate::plan::{Action, Again, MAX_LINES};
use crate::recorder::Intents;
use crate::rng::Purpose;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sessions of a cell that have or may have a second: shopper, number of the session.
pub type DoubleSubmits = BTreeMap<(u32, u8), Second>;

/// The second of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Second {
    /// The visit of the page.
    pub visit: u16,
    /// Whether it has been sent.
    pub is_sent: bool,
}

fn key(session: &Session) -> (u32, u8) {
    (session.shopper, session.window())
}

impl Player<'_> {
    /// A page is asked for that may be sent again.
    #[inline(never)]
    pub(super) fn may_submit_again(&mut self, session: &Session, state: &State, again: &Again) {
        let (lines, wanted) = (self.cell.baskets.lines(session.basket), session.basket.is_one());
        let does_something = match state.action {
            Some(Action::Reserve) => wanted && !session.holds(),
            Some(Action::Pay { .. }) => session.holds(),
            _ => false,
        };
        if !does_something || self.cell.double_submits.contains_key(&key(session)) {
            return;
        }
        if self.stream(session, Purpose::SecondSubmit, 0).unit() >= again.probability {
            return;
        }
        // Its lines are its own; it holds no stock.
        let granted = if session.holds() { self.cell.baskets.granted(session.basket) } else { u16::MAX };
        let mut own = [Line::default(); MAX_LINES as usize];
        let mut len = 0;
        for line in select(lines, granted) {
            own[len] = line;
            len += 1;
        }
        self.cell.double_submits.insert(key(session), Second { visit: session.visit, is_sent: false });
        let basket = self.cell.baskets.insert(&own[..len], 0);
        let mut second = *session;
        (second.visit, second.basket, second.cause) = (session.visit | AGAIN, basket, Cause::SETTLED);
        second.set_holds(false);
        second.call = session.state;
        second.wait_for(Phase::ThinkEnd, session.page_start + again.after);
        self.cell.events.push(second);
    }

    /// A page that may be sent again is there, or has failed.
    pub(super) fn is_over(&mut self, session: &Session) {
        let Some(second) = self.cell.double_submits.get(&key(session)) else { return };
        if second.visit == session.visit && !second.is_sent {
            self.cell.double_submits.remove(&key(session));
        }
    }

    /// The time has come for a second. It is sent if the first still waits for that page.
    #[inline(never)]
    pub(super) fn submit_again(&mut self, session: &mut Session) {
        match self.cell.double_submits.get_mut(&key(session)) {
            Some(second) if second.visit == session.visit & !AGAIN => second.is_sent = true,
            _ => return self.forget_lines(session),
        }
        self.tally.double_submits.sent += 1;
        session.page_start = session.time;
        (session.call, session.attempt) = (0, 0);
        self.call(session);
    }

    /// All calls of a second are answered.
    pub(super) fn second_loaded(&mut self, session: &mut Session, state: &State, again: &Again) {
        if self.stream(session, Purpose::Idempotency, 0).unit() < again.idempotency {
            self.tally.double_submits.caught += 1;
            return self.vanish(session);
        }
        match state.action {
            Some(Action::Reserve) => self.order_again(session),
            Some(Action::Pay { declined }) if !self.is_declined(session, declined) => self.pay_again(session),
            _ => self.vanish(session),
        }
    }

    /// A second is through, or has come to nothing.
    pub(super) fn vanish(&mut self, session: &Session) {
        self.cell.double_submits.remove(&key(session));
        self.forget_lines(session);
    }

    fn forget_lines(&mut self, session: &Session) {
        self.cell.baskets.remove(session.basket);
    }

    /// Orders that nobody knows of: their stock is held until the hold expires. What the cell has no share of is not ordered.
    fn order_again(&mut self, session: &mut Session) {
        let round = self.round(session);
        let granted = if session.time < round.closes { self.take_again(session) } else { 0 };
        self.tally.double_submits.ordered.add(sum(select(self.cell.baskets.lines(session.basket), granted)));
        if granted == 0 || !self.model.inventory.holds() {
            return self.vanish(session);
        }
        let deadline = self.deadline(session, granted);
        self.cell.baskets.grant(session.basket, granted, deadline);
        session.set_holds(true);
        session.wait_for(Phase::HoldExpiryAfterExit, deadline);
        self.cell.double_submits.remove(&key(session));
        self.cell.events.push(*session);
    }

    /// Takes the units of a second's lines, as far as its cell can grant them; by bit, those that are ordered. An order that asks for no
    /// stock is refused only where it is known that nothing is left. What is refused is nobody's intent, and counted nowhere.
    fn take_again(&mut self, session: &Session) -> u16 {
        let mut lines = [Line::default(); MAX_LINES as usize];
        let of_basket = self.cell.baskets.lines(session.basket);
        let len = of_basket.len();
        lines[..len].copy_from_slice(of_basket);
        let mut granted = 0u16;
        for (position, &line) in lines[..len].iter().enumerate() {
            let left = self.stock.left(line.sku);
            let is_ordered = if self.is_known_to_be_sold_out(line.sku, left, session.time) {
                false
            } else if !self.model.inventory.holds() {
                true
            } else if self.cell.portion.is_used() {
                self.takes_own_token(line.sku, session.time) && self.cell.portion.take(line)
            } else {
                let share = self.stock.share_of(left);
                self.takes_token(line.sku) && self.space.grants.try_grant(line.sku, line.units, share)
            };
            if is_ordered && self.model.inventory.holds() {
                self.outbox.note(Move::Again, line.sku, line.units);
            }
            granted |= u16::from(is_ordered) << position;
        }
        granted
    }

    /// Pays once more for what the first holds, or held.
    fn pay_again(&mut self, session: &Session) {
        let lines = self.cell.baskets.lines(session.basket);
        let all = sum(lines.iter().copied());
        let deposit = |presale: u8| deposits(&self.model.presales[usize::from(presale)].terms, lines.iter().copied());
        let paid = match self.round(session).pays {
            Pays::Orders => order(lines, u16::MAX, self.model.coupon_in(session.window())).0,
            Pays::Deposits(presale) => deposit(presale),
            Pays::Balances(presale) => Intents { fen: all.fen - deposit(presale).fen, ..all },
        };
        self.tally.double_submits.paid.add(paid);
        self.vanish(session);
    }
}

//! Pages that are submitted again: a copy of the session makes the calls once more, as a session of its own in the same map, until it
//! is through or fails.

use super::draws;
use super::event::Turn;
use super::record::Again;
use super::session::{Key, Line, Session, Waits};
use super::simulator::Simulator;
use saleload::plan::Action;
use saleload::plan::inventory::Reserve;
use saleload::results::DoubleSubmits;

/// The bit of a visit that tells a second submit from the visit itself.
const SECOND: u16 = 0x8000;

/// Whether the calls of a page are being made.
fn is_loading(session: &Session) -> bool {
    matches!(session.waits, Waits::Answer(_) | Waits::Legs | Waits::Retry)
}

impl Simulator<'_> {
    /// A page is entered: whether its shopper would submit it again is drawn now, and seen when the time has come.
    pub(crate) fn may_submit_again(&mut self, session: &Session) {
        let state = self.state(session);
        let Some(again) = state.again else { return };
        let does_something = match state.action {
            Some(Action::Reserve) => !session.basket.is_empty() && !session.holds(),
            _ => session.holds(),
        };
        let first = session.key;
        let has_one_at_work = self
            .sessions
            .values()
            .any(|of| of.key.again > 0 && of.key.leg == 0 && of.key.of_first() == first && is_loading(of));
        if !does_something || has_one_at_work || !draws::submits_again(&self.model, session, again.probability) {
            return;
        }
        let visit = session.visit + SECOND;
        let mut second = Session::new(Key { again: visit, ..first }, session.cell, session.segment);
        (second.visit, second.state, second.basket) = (visit, session.state, session.basket.clone());
        second.settled = true;
        second.waits = Waits::Thinking(None);
        second.number = self.new_number();
        self.schedule(self.now + again.after, Turn::ThinkEnd, second.key, second.number);
        self.sessions.insert(second.key, second);
    }

    /// Somebody has waited so long for a page, or has it by now.
    pub(crate) fn submit_again(&mut self, mut session: Session) {
        let first = self.sessions.get(&session.key.of_first());
        if !first.is_some_and(|first| first.visit + SECOND == session.visit && is_loading(first)) {
            return;
        }
        self.record.again.push(Again::Sent);
        session.patience_ends = draws::patience(&self.model, &session).map(|patience| self.now + patience);
        self.call(session);
    }

    /// The calls have been made a second time.
    pub(crate) fn second_loaded(&mut self, session: Session) {
        let state = self.state(&session);
        let (again, action) = (state.again.expect("it was submitted again"), state.action);
        if draws::is_caught(&self.model, &session, again.idempotency) {
            return self.record.again.push(Again::Caught);
        }
        match action {
            Some(Action::Pay { declined }) => {
                let declined = self.declined(&session, declined);
                if !draws::is_declined(&self.model, &session, declined) {
                    let paid = session.basket.iter().map(|line| self.to_pay(&session, line)).collect();
                    self.record.again.push(Again::Paid(paid));
                }
            }
            _ => self.order_again(session),
        }
    }

    /// What is to pay for a line on this page, fen.
    fn to_pay(&self, session: &Session, line: &Line) -> u64 {
        let deposit = |ppm: u32| (u128::from(line.fen()) * u128::from(ppm) / 1_000_000) as u64;
        match (self.presale_of(session.key), self.balance_of(session.key)) {
            (Some(presale), _) => deposit(presale.deposit_ppm),
            (None, Some((_, presale))) => line.fen() - deposit(presale.deposit_ppm),
            (None, None) => line.fen(),
        }
    }

    fn order_again(&mut self, mut session: Session) {
        if self.has_closed(&session) {
            return;
        }
        let (now, cell) = (self.now, session.cell);
        let holds = self.reserves(session.key) == Reserve::Order;
        session.basket.retain(|&line| self.stock.request_again(now, cell, line, holds));
        if session.basket.is_empty() {
            return;
        }
        self.record.again.push(Again::Ordered(session.basket.clone()));
        let of_presale = self.presale_of(session.key).map(|presale| (now + presale.hold).min(presale.opens));
        if self.reserves(session.key) != Reserve::Order {
            return;
        }
        let deadline = of_presale.unwrap_or(now + self.hold(&session.basket));
        session.deadline = Some(deadline);
        session.waits = Waits::Gone;
        session.number = self.new_number();
        self.schedule(deadline, Turn::HoldExpiryAfterExit, session.key, session.number);
        self.sessions.insert(session.key, session);
    }

    pub(crate) fn double_submits(&self, scale: u64) -> Option<DoubleSubmits> {
        self.plan.cbmgs.iter().flat_map(|cbmg| &cbmg.states).find(|state| state.again.is_some())?;
        let mut sum = DoubleSubmits::default();
        for again in &self.record.again {
            match again {
                Again::Sent => sum.submits += scale,
                Again::Caught => sum.caught += scale,
                Again::Ordered(lines) => {
                    sum.orders += lines.len() as u64 * scale;
                    sum.units += lines.iter().map(|line| u64::from(line.units)).sum::<u64>() * scale;
                    sum.ordered_fen += lines.iter().map(Line::fen).sum::<u64>() * scale;
                }
                Again::Paid(fen) => {
                    sum.paid_again += fen.len() as u64 * scale;
                    sum.paid_again_fen += fen.iter().sum::<u64>() * scale;
                }
            }
        }
        Some(sum)
    }
}

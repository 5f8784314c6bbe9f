//! Presales: deposits that set stock aside, balances that pay for it, and what becomes of it without a balance.
//!
//! An order of a presale is paid by a deposit. Then its stock is neither left nor held by anybody in flight: it is *set aside*. Until
//! balances can be paid, a byte per shopper says which lines of their order these are. The lines themselves are wished for again: a
//! shopper has one basket in a presale, see [`Wishes::of_presale`]. Of those to whom a livestream showed something when they filled it, that
//! moment is kept as well.
//!
//! Whoever comes to pay a balance has that basket from the start, on hold until the window closes. In its last nanosecond all stock
//! whose balance is not paid comes back, of those who never came too.

use super::audience::shown_to;
use super::basket::{Line, select};
use super::cell::{Cell, Player};
use super::session::{Cause, Session};
use super::stock::{Move, Sale, Stock};
use super::wish::Wishes;
use crate::model::{HAS_BOUGHT, Model, Presale};
use crate::plan::{self, MAX_PRESALE_LINES};
use crate::recorder::Intents;
use crate::units::{Instant, Nanos};

/// The lines of a shopper's order that have a deposit and no balance.
pub(super) struct Deposited {
    pub(super) segment: u8,
    lines: [Line; MAX_PRESALE_LINES as usize],
    bits: u8,
    /// Lines that a livestream brought, by bit.
    pulled: u16,
}

impl Deposited {
    pub(super) fn lines(&self) -> impl Iterator<Item = Line> + '_ {
        select(&self.lines, u16::from(self.bits))
    }

    /// Whether these lines are among those that the shopper wished for.
    pub(super) fn can_be(&self) -> bool {
        self.lines().all(|line| line.units > 0)
    }

    /// The lines of these bits of what a session of a presale wished for.
    fn of(wishes: &Wishes, session: &Session, shown_at: Option<Instant>, bits: u8) -> Self {
        let (all, len, pulled) = wishes.of_presale(session, shown_at);
        let mut lines = [Line::default(); MAX_PRESALE_LINES as usize];
        lines[..len].copy_from_slice(&all[..len]);
        Deposited { segment: session.segment, lines, bits, pulled }
    }

    /// The lines as a basket of their own, how many they are, and by bit those that a livestream brought.
    fn basket(&self) -> ([Line; MAX_PRESALE_LINES as usize], usize, u16) {
        let (mut lines, mut len, mut pulled) = ([Line::default(); MAX_PRESALE_LINES as usize], 0, 0);
        for position in (0..lines.len()).filter(|position| (self.bits >> position) & 1 == 1) {
            lines[len] = self.lines[position];
            pulled |= ((self.pulled >> position) & 1) << len;
            len += 1;
        }
        (lines, len, pulled)
    }
}

impl Cell {
    /// Everything in the cell that has a deposit and no balance, by shopper.
    pub(super) fn deposited<'a>(
        &'a self,
        model: &'a Model,
        stock: &'a Stock,
        presale: &'a Presale,
    ) -> impl Iterator<Item = Deposited> + 'a {
        let wishes = Wishes { model, stock, first_shopper: self.first_shopper };
        let shoppers = move |segment: usize| {
            let of = |segment| model.first_of_segment(self.id, segment);
            (of(segment)..of(segment + 1)).map(move |shopper| (shopper, segment as u8))
        };
        let all = (0..model.segments.len()).flat_map(shoppers);
        all.filter_map(move |(shopper, segment)| {
            let bits = self.deposits[shopper as usize];
            let session = ordered_in(presale, shopper, segment);
            (bits != 0).then(|| Deposited::of(&wishes, &session, self.shown_at.get(&shown_to(&session)).copied(), bits))
        })
    }
}

/// The session in which a shopper made an order of a presale, as far as its draws depend on it.
fn ordered_in(presale: &Presale, shopper: u32, segment: u8) -> Session {
    Session::new(Instant(0), shopper, segment, presale.window as u8)
}

/// Deposits on lines.
pub(super) fn deposits(terms: &plan::Presale, lines: impl Iterator<Item = Line>) -> Intents {
    let mut sum = Intents::default();
    for line in lines {
        sum.add(Intents { lines: 1, units: u64::from(line.units), fen: terms.deposit(line.fen()) });
    }
    sum
}

impl Player<'_> {
    /// Whether a shopper has paid a deposit, whose balance is still to come.
    pub(super) fn has_deposit(&self, session: &Session) -> bool {
        self.cell.deposits[session.shopper as usize] != 0
    }

    /// Pays the deposit on the order that a session holds: its stock is set aside.
    pub(super) fn pay_deposit(&mut self, session: &mut Session, presale: usize) {
        let terms = &self.model.presales[presale].terms;
        let paid = deposits(terms, self.cell.baskets.held(session.basket));
        self.tally.presale.deposits.add(paid);
        self.cell.deposits[session.shopper as usize] = self.cell.baskets.granted(session.basket) as u8;
        self.empty_basket(session);
        session.cause = Cause::NONE;
    }

    /// Gives a session that begins the order whose balance it is there to pay.
    pub(super) fn take_up_deposit(&mut self, session: &mut Session, presale: usize) {
        let presale = &self.model.presales[presale];
        let bits = std::mem::take(&mut self.cell.deposits[session.shopper as usize]);
        let ordered_in = ordered_in(presale, session.shopper, session.segment);
        let shown_at = self.cell.shown_at.remove(&shown_to(&ordered_in));
        let (lines, len, pulled) = Deposited::of(&self.wishes(), &ordered_in, shown_at, bits).basket();
        session.basket = self.cell.baskets.insert(&lines[..len], pulled);
        let due = balances_due(self.round(session).closes);
        self.cell.baskets.grant(session.basket, (1 << len) - 1, due);
        session.set_holds(true);
    }

    /// Pays the balance of the order that a session holds: it counts as ordered and paid now, in full.
    pub(super) fn pay_balance(&mut self, session: &mut Session, presale: usize) {
        let terms = &self.model.presales[presale].terms;
        for line in self.cell.baskets.held(session.basket) {
            self.outbox.note(Move::Order, line.sku, line.units);
            self.outbox.sell(Sale { sku: line.sku, units: line.units, fen: line.fen() });
        }
        if !self.model.vouchers.is_empty() {
            let held = self.cell.baskets.granted(session.basket);
            self.note_vouchers(session, held);
        }
        let deposits = deposits(terms, self.cell.baskets.held(session.basket));
        let whole = super::basket::sum(self.cell.baskets.held(session.basket));
        self.tally.ordered.add(whole);
        self.tally.paid.add(whole);
        self.tell_channel(session, |channel| {
            channel.ordered.add(whole);
            channel.paid.add(whole);
        });
        let pulled = self.cell.baskets.pulled(session.basket);
        if pulled > 0 {
            let brought = super::basket::sum(select(self.cell.baskets.lines(session.basket), pulled));
            let ordered_in = ordered_in(&self.model.presales[presale], session.shopper, session.segment);
            self.tell_livestream(&ordered_in, |livestream| {
                livestream.ordered.add(brought);
                livestream.paid.add(brought);
            });
        }
        self.tally.presale.balances.add(Intents { fen: whole.fen - deposits.fen, ..whole });
        self.tally.presale.completed_fen += whole.fen;
        self.settle(session, Cause::BOUGHT, whole);
        self.remember(session, HAS_BOUGHT);
        self.drop_basket(session);
        session.cause = Cause::NONE;
    }

    /// The balance of what a session held was not paid in time.
    pub(super) fn forfeit_deposit(&mut self, session: &Session, presale: usize) {
        let terms = &self.model.presales[presale].terms;
        self.tally.presale.forfeited.add(deposits(terms, self.cell.baskets.held(session.basket)));
    }

    /// Balances are due: whoever has not come for theirs has lost the deposit, and the stock comes back.
    pub(super) fn forfeit(&mut self, presale: &Presale) {
        let all: Vec<Deposited> = self.cell.deposited(self.model, self.stock, presale).collect();
        for deposited in all {
            for line in deposited.lines() {
                self.outbox.note(Move::Release, line.sku, line.units);
                self.cell.portion.give_back(line);
            }
            self.tally.presale.forfeited.add(deposits(&presale.terms, deposited.lines()));
            let lost = super::basket::sum(deposited.lines());
            self.tally.settle(presale.window as u8, deposited.segment, Cause::DEPOSIT_FORFEITED, lost);
        }
        let Cell { shown_at, deposits, .. } = &mut *self.cell;
        let is_forfeited =
            |&(shopper, window): &(u32, u8)| usize::from(window) == presale.window && deposits[shopper as usize] != 0;
        shown_at.retain(|of, _| !is_forfeited(of));
        self.cell.deposits.fill(0);
    }
}

/// When a balance must have been paid: before the window closes, so that what comes back of it does so within the window.
pub(super) fn balances_due(closes: Instant) -> Instant {
    Instant(closes.0 - Nanos(1).0)
}

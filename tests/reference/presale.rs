//! Presales: deposits are kept as what they are, the lines of an order and whose it is.

use super::record::{Fact, What};
use super::session::{Fate, Key, Line, Session};
use super::simulator::Simulator;
use saleload::plan::Presale;
use saleload::plan::inventory::Reserve;
use saleload::results::{Column, PresaleSummary, series};
use saleload::units::Instant;

/// The last number of a session: the balances of the first presale; those of the next have the number below.
const LAST: usize = 15;

/// An order with a deposit, whose balance is still to come.
#[derive(Clone, Debug)]
pub(crate) struct Deposit {
    pub(crate) key: Key,
    pub(crate) cell: usize,
    pub(crate) segment: usize,
    pub(crate) lines: Vec<Line>,
}

impl Simulator<'_> {
    /// All presales: where balances are paid their sessions have this number.
    pub(crate) fn presales(&self) -> Vec<(usize, usize, &Presale)> {
        let of = |(id, (window, presale))| (window, LAST - id, presale);
        self.plan.presales().enumerate().map(of).collect()
    }

    /// The presale of a window.
    pub(crate) fn presale_of(&self, key: Key) -> Option<&Presale> {
        self.plan.windows.get(key.window)?.presale.as_ref()
    }

    /// The presale whose balance a session is there to pay, and its window.
    pub(crate) fn balance_of(&self, key: Key) -> Option<(usize, &Presale)> {
        let of = |(_, number, _): &(usize, usize, &Presale)| *number == key.window;
        self.presales().into_iter().find(of).map(|(window, _, presale)| (window, presale))
    }

    /// Which action takes the stock of a session's orders.
    pub(crate) fn reserves(&self, key: Key) -> Reserve {
        let is_of_presale = self.presale_of(key).is_some() || self.balance_of(key).is_some();
        if is_of_presale { Reserve::Order } else { self.plan.inventory.reserve }
    }

    /// When the window closes that a session is in.
    pub(crate) fn closes(&self, key: Key) -> Instant {
        self.plan.windows[self.balance_of(key).map_or(key.window, |(_, presale)| presale.window)].closes
    }

    /// Who comes to pay a balance has the basket of the order, until just before the window closes.
    pub(crate) fn bring_deposit(&mut self, session: &mut Session) {
        let deposit = self.deposits.remove(&session.key.shopper).expect("nobody else comes");
        session.basket = deposit.lines;
        session.had_basket = true;
        let due = Instant(self.closes(session.key).0 - 1);
        session.deadline = Some(due);
        self.schedule(due, super::event::Turn::HoldExpiry, session.key, 0);
    }

    pub(crate) fn pay_deposit(&mut self, session: &mut Session) {
        let when = (self.now, self.record.row());
        self.record.fact(when, session, &session.basket, What::Deposited);
        let lines = std::mem::take(&mut session.basket);
        let deposit = Deposit { key: session.key, cell: session.cell, segment: session.segment, lines };
        let before = self.deposits.insert(session.key.shopper, deposit);
        assert!(before.is_none(), "one order in a presale");
        session.deadline = None;
        session.failure = None;
    }

    /// At a closing, deposits whose balance was to be paid in that window are forfeited.
    pub(crate) fn forfeit(&mut self, end: Instant) {
        let due = |(_, _, presale): &(usize, usize, &Presale)| self.plan.windows[presale.window].closes == end;
        if !self.presales().iter().any(due) {
            return;
        }
        for deposit in std::mem::take(&mut self.deposits).into_values() {
            let session = Session::new(deposit.key, deposit.cell, deposit.segment);
            let when = (self.now, self.record.row());
            deposit.lines.iter().for_each(|&line| self.stock.release(deposit.cell, line));
            self.record.fact(when, &session, &deposit.lines, What::Forfeited);
            self.record.fact(when, &session, &deposit.lines, What::Ended(Fate::DepositForfeited));
        }
    }

    /// What is still set aside when the run ends is open.
    pub(crate) fn leave_deposits_open(&mut self) {
        let when = (self.now, self.record.row());
        for deposit in self.deposits.values() {
            let session = Session::new(deposit.key, deposit.cell, deposit.segment);
            self.record.fact(when, &session, &deposit.lines, What::Ended(Fate::Open));
        }
    }

    /// The window in whose ledger a session's intents stand.
    pub(crate) fn ledger_window(&self, key: Key) -> usize {
        self.balance_of(key).map_or(key.window, |(window, _)| window)
    }

    /// The window in which a session is there: balances are paid later than their orders are made.
    pub(crate) fn window_of_stay(&self, key: Key) -> usize {
        self.balance_of(key).map_or(key.window, |(_, presale)| presale.window)
    }

    /// The deposit on the line of a fact, fen.
    fn deposit_fen(&self, fact: &Fact) -> u64 {
        let window = self.ledger_window(fact.key);
        let presale = self.plan.windows[window].presale.as_ref().expect("only there deposits are paid");
        (u128::from(fact.line.fen()) * u128::from(presale.deposit_ppm) / 1_000_000) as u64
    }

    /// Facts of a kind that belong to a presale.
    fn of_presale(&self, window: usize, what: What) -> Vec<&Fact> {
        let all = self.record.facts.iter().filter(|fact| fact.what == what);
        all.filter(|fact| self.ledger_window(fact.key) == window).collect()
    }

    pub(crate) fn presale_summaries(&self, scale: u64) -> Vec<PresaleSummary> {
        let summary = |(window, _, presale): (usize, usize, &Presale)| {
            let [deposited, completed, forfeited] =
                [What::Deposited, What::Completed, What::Forfeited].map(|what| self.of_presale(window, what));
            let deposits = |facts: &[&Fact]| facts.iter().map(|fact| self.deposit_fen(fact)).sum::<u64>() * scale;
            let whole = completed.iter().map(|fact| fact.line.fen()).sum::<u64>() * scale;
            PresaleSummary {
                window: self.plan.windows[window].name.clone(),
                balances_in: self.plan.windows[presale.window].name.clone(),
                balances_from_unix_ms: self.plan.unix_ms(presale.opens),
                deposits: deposited.len() as u64 * scale,
                deposits_fen: deposits(&deposited),
                balances: completed.len() as u64 * scale,
                balances_fen: whole - deposits(&completed),
                gmv_paid_fen: whole,
                forfeited: forfeited.len() as u64 * scale,
                forfeited_fen: deposits(&forfeited),
            }
        };
        self.presales().into_iter().map(summary).collect()
    }

    /// Lines on which a deposit was paid by shoppers who had paid one in an earlier presale too.
    pub(crate) fn deposits_again(&self) -> u64 {
        let deposits = || self.record.facts.iter().filter(|fact| fact.what == What::Deposited);
        let earlier = |later: &&Fact| {
            deposits().any(|of| of.key.shopper == later.key.shopper && of.key.window < later.key.window)
        };
        if self.presales().len() < 2 { 0 } else { deposits().filter(earlier).count() as u64 }
    }

    /// Lines of livestreams to which this happened.
    pub(crate) fn shown(&self, what: What) -> u64 {
        let brought = |fact: &&Fact| fact.what == what && fact.line.livestream.is_some();
        self.record.facts.iter().filter(brought).count() as u64
    }

    pub(crate) fn presale_columns(&self) -> Vec<Column> {
        if self.presales().is_empty() {
            return Vec::new();
        }
        let column = |name: &str, what: What, of: &dyn Fn(&Fact) -> u64| {
            let mut values = vec![0; self.record.rows.len()];
            let facts = self.record.facts.iter().filter(|fact| fact.what == what);
            facts.for_each(|fact| values[fact.row] += of(fact));
            self.scaled(name, values)
        };
        vec![
            column(series::DEPOSITS, What::Deposited, &|_| 1),
            column(series::DEPOSITS_FEN, What::Deposited, &|fact| self.deposit_fen(fact)),
            column(series::BALANCES, What::Completed, &|_| 1),
            column(series::BALANCES_FEN, What::Completed, &|fact| fact.line.fen() - self.deposit_fen(fact)),
            column(series::FORFEITED_FEN, What::Forfeited, &|fact| self.deposit_fen(fact)),
        ]
    }
}

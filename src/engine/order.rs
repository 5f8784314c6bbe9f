//! Basket, reservation, payment, hold expiry: where stock is asked for and GMV is counted.
//!
//! Stock is asked for where orders are created or, by [`Reserve`](crate::plan::inventory::Reserve), where they are paid.
//! Optimistic payments ask too, but only what they take: the answer at the end of the tick tells which of them were oversold.

use super::basket::{BasketId, Line, Spread, order, part_of_order, select, sum};
use super::cell::{Cell, Player, Waiting};
use super::session::{Cause, Phase, Session};
use super::stock::{Contested, Move, Sale};
use super::wish::Wishes;
use crate::model::catalogue::Sku;
use crate::model::{HAS_BOUGHT, HAS_DEFERRED, HAS_FAILED, Holds, Pays};
use crate::plan::MAX_LINES;
use crate::recorder::Intents;
use crate::units::{Instant, Nanos};

/// The answer to a request for stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Granted,
    SoldOut,
    /// It comes at the end of the tick.
    Contested,
}

impl Player<'_> {
    /// Fills a basket, if the shopper has none: purchase intents begin.
    pub(super) fn fill_basket(&mut self, session: &mut Session) {
        if session.basket.is_one() {
            return;
        }
        // An order of a presale is made once.
        if matches!(self.round(session).pays, Pays::Deposits(_)) && self.has_deposit(session) {
            return;
        }
        session.cause = Cause::NONE;
        let (lines, len, pulled) = self.wishes().with(session, self.shown(session));
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

    /// What the wishes of shoppers depend on.
    #[inline]
    pub(super) fn wishes(&self) -> Wishes<'_> {
        Wishes { model: self.model, stock: self.stock, first_shopper: self.cell.first_shopper }
    }

    pub(super) fn drop_basket(&mut self, session: &mut Session) {
        self.cell.baskets.remove(session.basket);
        session.basket = BasketId::GONE;
        session.set_holds(false);
    }

    /// Creates the orders of a basket and reserves their stock.
    pub(super) fn reserve(&mut self, session: &mut Session) {
        if !session.basket.is_one() || session.holds() {
            return self.think(session);
        }
        if session.time >= self.round(session).closes {
            session.cause = Cause::WINDOW_CLOSED;
            return self.leave(session);
        }
        if !self.model.inventory.holds() {
            return self.order_without_stock(session);
        }
        if let Some(granted) = self.ask_for_stock(session, u16::MAX) {
            self.finish_reservation(session, granted);
        }
    }

    /// The lines of a basket with what is left of each, and how many they are. All of it is read before anything is decided: look-ups
    /// miss the cache, and side by side they overlap.
    #[inline]
    fn wanted(&self, session: &Session) -> ([(Line, u32); MAX_LINES as usize], usize) {
        let mut wanted = [(Line::default(), 0); MAX_LINES as usize];
        let lines = self.cell.baskets.lines(session.basket);
        for (wanted, &line) in wanted.iter_mut().zip(lines) {
            *wanted = (line, self.stock.left(line.sku));
        }
        (wanted, lines.len())
    }

    /// Asks for the stock of some lines of a basket, by bit. By bit, what is granted; `None` where the session waits for the end of the
    /// tick to learn it.
    #[inline]
    fn ask_for_stock(&mut self, session: &Session, part: u16) -> Option<u16> {
        let (wanted, len) = self.wanted(session);
        let (mut granted, mut is_contested) = (0u16, false);
        for (position, &(line, left)) in wanted[..len].iter().enumerate() {
            if (part >> position) & 1 == 0 {
                continue;
            }
            match self.ask_for(session, position as u8, line, left) {
                Answer::Granted => granted |= 1 << position,
                Answer::SoldOut => {}
                Answer::Contested => is_contested = true,
            }
        }
        if is_contested {
            self.cell.waiting.push(Waiting { session: *session, granted });
            return None;
        }
        Some(granted)
    }

    /// Asks for the units of a line, of whose product `left` were there at the start of the tick.
    #[inline]
    fn ask_for(&mut self, session: &Session, position: u8, line: Line, left: u32) -> Answer {
        if self.model.inventory.oversells() {
            self.contest(session, position, line);
            return Answer::Contested;
        }
        if self.is_known_to_be_sold_out(line.sku, left, session.time) {
            self.note_stranded(line, left);
            return Answer::SoldOut;
        }
        if self.cell.portion.is_used() {
            return self.ask_cell_for(line, left);
        }
        if self.space.grants.try_grant(line.sku, line.units, self.stock.share_of(left)) {
            self.outbox.note(Move::Grant, line.sku, line.units);
            return Answer::Granted;
        }
        self.contest(session, position, line);
        Answer::Contested
    }

    /// Whether it is known in the cell that nothing is left of a SKU, of which `left` units were there at the start of the tick.
    #[inline]
    pub(super) fn is_known_to_be_sold_out(&self, sku: Sku, left: u32, at: Instant) -> bool {
        if self.cell.portion.is_used() {
            return self.cell.portion.left(sku) == 0;
        }
        left == 0 && self.stock.is_flagged(sku, at)
    }

    fn ask_cell_for(&mut self, line: Line, left: u32) -> Answer {
        if self.cell.portion.take(line) {
            self.outbox.note(Move::Grant, line.sku, line.units);
            return Answer::Granted;
        }
        self.note_stranded(line, left);
        Answer::SoldOut
    }

    /// A line is refused. Where each cell has its own stock, the units may have been there elsewhere.
    fn note_stranded(&mut self, line: Line, left: u32) {
        if left >= line.units {
            self.tally.stranded.add(Intents { lines: 1, units: u64::from(line.units), fen: line.fen() });
        }
    }

    /// Creates orders that ask for no stock yet, of all that is not known to be sold out.
    fn order_without_stock(&mut self, session: &mut Session) {
        let (wanted, len) = self.wanted(session);
        let mut ordered = 0;
        for (position, &(line, left)) in wanted[..len].iter().enumerate() {
            if self.is_known_to_be_sold_out(line.sku, left, session.time) {
                self.note_stranded(line, left);
            } else {
                self.outbox.note(Move::Order, line.sku, line.units);
                ordered |= 1 << position;
            }
        }
        self.finish_reservation(session, ordered);
    }

    /// Asks for the stock of orders that have none yet, and pays for what is there.
    pub(super) fn ask_and_pay(&mut self, session: &mut Session) {
        let ordered = self.cell.baskets.granted(session.basket);
        if let Some(granted) = self.ask_for_stock(session, ordered) {
            self.finish_payment(session, granted);
        }
    }

    /// Pays for the lines of an order that found their stock. The others end: sold out, or paid all the same and refunded.
    fn finish_payment(&mut self, session: &mut Session, found: u16) {
        let (lines, ordered) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let coupon = self.model.coupon_in(session.window());
        let missed = part_of_order(lines, ordered, ordered & !found, order(lines, ordered, coupon));
        let oversells = self.model.inventory.oversells();
        self.settle(session, if oversells { Cause::OVERSOLD } else { Cause::SOLD_OUT }, missed);
        if found != 0 {
            self.pay_orders(session, found);
            return self.think(session);
        }
        self.drop_basket(session);
        self.remember(session, HAS_FAILED);
        session.cause = Cause::NONE;
        // Who was oversold believes that it is paid.
        if oversells { self.think(session) } else { self.page_failed(session, Cause::SOLD_OUT) }
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
        if self.model.inventory.holds() {
            self.finish_reservation(&mut session, waiting.granted);
        } else {
            self.finish_payment(&mut session, waiting.granted);
        }
    }

    fn finish_reservation(&mut self, session: &mut Session, granted: u16) {
        let lines = self.cell.baskets.lines(session.basket);
        let refused = sum(select(lines, !granted));
        let (ordered, off) = order(lines, granted, self.model.coupon_in(session.window()));
        self.settle(session, Cause::SOLD_OUT, refused);
        if granted == 0 {
            self.drop_basket(session);
            self.remember(session, HAS_FAILED);
            return self.page_failed(session, Cause::SOLD_OUT);
        }
        let round = self.round(session);
        // With a deposit an order is none yet.
        if round.pays == Pays::Orders {
            self.tally.ordered.add(ordered);
            self.tell_channel(session, |channel| channel.ordered.add(ordered));
            self.note_shown_and_taken_off(session, granted, (ordered, off));
        }
        let deadline = self.deadline(session, granted);
        self.cell.baskets.grant(session.basket, granted, deadline);
        session.set_holds(true);
        // Whatever failed on the way here has been overcome.
        session.cause = Cause::NONE;
        self.think(session);
    }

    /// When an order of these lines that is made now closes without a payment.
    pub(super) fn deadline(&self, session: &Session, granted: u16) -> Instant {
        let round = self.round(session);
        let hold = match &self.model.holds {
            Some(holds) if round.pays == Pays::Orders => self.shortest_hold(session, granted, holds),
            _ => round.hold,
        };
        (session.time + hold).min(round.hold_ends)
    }

    /// How long an order keeps its stock: as long as the line that keeps it shortest.
    fn shortest_hold(&self, session: &Session, granted: u16, holds: &Holds) -> Nanos {
        let lines = select(self.cell.baskets.lines(session.basket), granted);
        let of_lines = lines.zip(std::iter::repeat(self.model.catalogue.as_ref()));
        let holds = of_lines.filter_map(|(line, catalogue)| Some(holds.of(catalogue?, line.sku)));
        holds.min().unwrap_or(self.round(session).hold)
    }

    /// Pays for what a session holds.
    pub(super) fn pay(&mut self, session: &mut Session) {
        match self.round(session).pays {
            Pays::Orders => {
                let granted = self.cell.baskets.granted(session.basket);
                self.pay_orders(session, granted);
            }
            Pays::Deposits(presale) => self.pay_deposit(session, usize::from(presale)),
            Pays::Balances(presale) => self.pay_balance(session, usize::from(presale)),
        }
    }

    /// Enters what a coupon takes off an order that is created, and what of it a livestream brought.
    fn note_shown_and_taken_off(&mut self, session: &Session, granted: u16, (ordered, off): (Intents, u64)) {
        let pulled = self.cell.baskets.pulled(session.basket) & granted;
        if pulled > 0 {
            let brought = part_of_order(self.cell.baskets.lines(session.basket), granted, pulled, (ordered, off));
            self.tell_livestream(session, |livestream| livestream.ordered.add(brought));
        }
        if off > 0 {
            self.settle(session, Cause::COUPON, Intents { fen: off, ..Intents::default() });
        }
    }

    /// Pays for some lines of an order, by bit. What a coupon took off the order stays spread over all of its lines.
    fn pay_orders(&mut self, session: &mut Session, part: u16) {
        let (lines, granted) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let (ordered, off) = order(lines, granted, self.model.coupon_in(session.window()));
        let mut spread = Spread::new(off, ordered.fen + off);
        for (position, line) in lines.iter().enumerate().filter(|(position, _)| (granted >> position) & 1 == 1) {
            let fen = spread.pay(line);
            if (part >> position) & 1 == 1 {
                self.outbox.sell(Sale { sku: line.sku, units: line.units, fen });
            }
        }
        let paid = if part == granted { ordered } else { part_of_order(lines, granted, part, (ordered, off)) };
        self.tally.paid.add(paid);
        if !self.model.vouchers.is_empty() {
            self.note_vouchers(session, part);
        }
        let (lines, granted) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let pulled = self.cell.baskets.pulled(session.basket) & part;
        if pulled > 0 {
            let brought = part_of_order(lines, granted, pulled, (ordered, off));
            self.tell_livestream(session, |livestream| livestream.paid.add(brought));
        }
        self.tell_channel(session, |channel| channel.paid.add(paid));
        self.settle(session, Cause::BOUGHT, paid);
        self.remember(session, HAS_BOUGHT);
        self.drop_basket(session);
        session.cause = Cause::NONE;
    }

    /// The hold on an unpaid order runs out: its stock comes back. A session that was still going ends with it.
    pub(super) fn expire(&mut self, session: &mut Session) {
        if session.basket.is_of_leg() {
            return self.leg_expired(session);
        }
        if session.phase() == Phase::HoldExpiry {
            self.is_over(session);
            self.tally.ended += 1;
            self.remember(session, HAS_FAILED);
        }
        if self.model.inventory.holds() {
            let Cell { baskets, portion, .. } = &mut *self.cell;
            for line in baskets.held(session.basket) {
                self.outbox.note(Move::Release, line.sku, line.units);
                portion.give_back(line);
            }
        }
        let cause = match self.round(session).pays {
            Pays::Balances(presale) => {
                self.forfeit_deposit(session, usize::from(presale));
                Cause::DEPOSIT_FORFEITED
            }
            Pays::Orders | Pays::Deposits(_) => Cause::HOLD_EXPIRED,
        };
        self.settle_basket(session, session.cause.or(cause));
        self.drop_basket(session);
    }

    /// The session ends. What it wanted is entered in the ledger; stock of an unpaid order stays held until its deadline.
    pub(super) fn leave(&mut self, session: &mut Session) {
        self.tally.ended += 1;
        if session.cause != Cause::NONE {
            self.remember(session, HAS_FAILED);
        } else if self.model.memory.knows_deferral() && !self.is_due_to_come_back(session) {
            self.remember(session, HAS_DEFERRED);
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

    /// Whether a session that ends has paid a deposit.
    fn is_due_to_come_back(&self, session: &Session) -> bool {
        matches!(self.round(session).pays, Pays::Deposits(_)) && self.has_deposit(session)
    }

    /// Enters the undecided lines of a session in the ledger, once.
    fn settle_basket(&mut self, session: &Session, cause: Cause) {
        if session.cause != Cause::SETTLED {
            let open = self.cell.baskets.open(session.basket, self.model.coupon_in(session.window()));
            self.settle(session, cause, open);
        }
    }

    /// Enters intents of a session in the ledger.
    pub(super) fn settle(&mut self, session: &Session, cause: Cause, intents: Intents) {
        self.tally.settle(self.round(session).window, session.segment, cause, intents);
    }
}

//! Basket, reservation, payment, hold expiry: where stock is asked for and GMV is counted.
//!
//! Stock is asked for where orders are created or, by [`Reserve`](crate::plan::inventory::Reserve), where they are paid; for
//! orders of presales where they are created, always.
//! Optimistic payments ask too, but only what they take: the answer at the end of the tick tells which of them were oversold.

use super::audience::shown_to;
use super::basket::{BasketId, Line, Spread, order, part_of_order, select, sum};
use super::cell::{Answers, Cell, Player, Waiting};
use super::session::{Cause, Phase, Session};
use super::stock::{Answer, Contested, Move, Sale};
use super::wish::Wishes;
use crate::model::catalogue::Sku;
use crate::model::{HAS_BOUGHT, HAS_DEFERRED, HAS_FAILED, Holds, Pays};
use crate::plan::MAX_LINES;
use crate::recorder::Intents;
use crate::units::{Instant, Nanos};

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
        let shown = self.shown(session);
        let (lines, len, pulled) = self.wishes().with(session, shown);
        // With nothing that could be afforded, nothing is wanted.
        if len > 0 {
            let demand = sum(lines[..len].iter().copied());
            self.tally.demand.add(demand);
            self.tell_channel(session, |channel| channel.demand.add(demand));
            session.basket = self.cell.baskets.insert(&lines[..len], pulled);
            self.keep_shown(session, shown);
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
        if !self.cell.shown_at.is_empty() && !session.is_again() {
            self.cell.shown_at.remove(&shown_to(session));
        }
        self.empty_basket(session);
    }

    /// Drops a basket whose lines may be wished for again.
    pub(super) fn empty_basket(&mut self, session: &mut Session) {
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
        let substitution = self.model.segments[usize::from(session.segment)].substitution;
        if substitution > 0.0 {
            self.substitute(session, substitution);
        }
        if !self.round(session).reserve.holds() {
            return self.order_without_stock(session);
        }
        if let Some(answers) = self.ask_for_stock(session, u16::MAX) {
            self.finish_reservation(session, answers);
        }
    }

    /// The lines of a basket with what is left of each, and how many they are. All of it is read before anything is decided: look-ups
    /// miss the cache, and side by side they overlap.
    #[inline]
    pub(super) fn wanted(&self, session: &Session) -> ([(Line, u32); MAX_LINES as usize], usize) {
        let mut wanted = [(Line::default(), 0); MAX_LINES as usize];
        let lines = self.cell.baskets.lines(session.basket);
        for (wanted, &line) in wanted.iter_mut().zip(lines) {
            *wanted = (line, self.stock.left(line.sku));
        }
        (wanted, lines.len())
    }

    /// Asks for the stock of some lines of a basket, by bit. `None` where the session waits for the end of the tick to learn what is
    /// granted.
    #[inline]
    fn ask_for_stock(&mut self, session: &Session, part: u16) -> Option<Answers> {
        let (wanted, len) = self.wanted(session);
        let (mut answers, mut is_contested) = (Answers::default(), false);
        for (position, &(line, left)) in wanted[..len].iter().enumerate() {
            if (part >> position) & 1 == 0 {
                continue;
            }
            let answer = self.ask_for(session, position as u8, line, left);
            is_contested |= answer == Answer::Contested;
            answers.note(position as u8, answer);
        }
        if is_contested {
            self.cell.waiting.push(Waiting { session: *session, answers });
            return None;
        }
        Some(answers)
    }

    /// Asks for the units of a line, of whose product `left` were there at the start of the tick.
    #[inline]
    fn ask_for(&mut self, session: &Session, position: u8, line: Line, left: u32) -> Answer {
        // Of a payment that is taken unasked, not even this is known.
        let is_asked = !self.round(session).reserve.oversells();
        if is_asked && self.is_known_to_be_sold_out(line.sku, left, session.time) {
            self.note_stranded(line, left);
            return Answer::SoldOut;
        }
        if self.cell.portion.is_used() {
            return self.ask_cell_for(session, line, left);
        }
        let has_token = self.takes_token(line.sku);
        if is_asked && has_token && self.space.grants.try_grant(line.sku, line.units, self.stock.share_of(left)) {
            self.outbox.note(Move::Grant, line.sku, line.units);
            return Answer::Granted;
        }
        self.contest(session, position, line, !has_token);
        Answer::Contested
    }

    /// Whether a request for a SKU, whose stock is there for all cells, may go on to it, as far as the cell can say.
    #[inline]
    pub(super) fn takes_token(&mut self, sku: Sku) -> bool {
        let Some(share) = self.stock.tokens_for(sku) else { return true };
        let takes_one = self.space.tokens.try_grant(sku, 1, share);
        if takes_one {
            self.outbox.ask(sku);
        }
        takes_one
    }

    /// The same where each cell has its own stock: then it is certain.
    #[inline]
    pub(super) fn takes_own_token(&mut self, sku: Sku, at: Instant) -> bool {
        self.cell.tokens.as_mut().is_none_or(|tokens| tokens.try_take(sku, at))
    }

    /// Whether it is known in the cell that nothing is left of a SKU, of which `left` units were there at the start of the tick.
    #[inline]
    pub(super) fn is_known_to_be_sold_out(&self, sku: Sku, left: u32, at: Instant) -> bool {
        if self.cell.portion.is_used() {
            return self.cell.portion.left(sku) == 0;
        }
        left == 0 && self.stock.is_flagged(sku, at)
    }

    fn ask_cell_for(&mut self, session: &Session, line: Line, left: u32) -> Answer {
        if !self.takes_own_token(line.sku, session.time) {
            return Answer::Rejected;
        }
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
        self.finish_reservation(session, Answers { granted: ordered, rejected: 0 });
    }

    /// Asks for the stock of orders that have none yet, and pays for what is there.
    pub(super) fn ask_and_pay(&mut self, session: &mut Session) {
        let ordered = self.cell.baskets.granted(session.basket);
        if let Some(answers) = self.ask_for_stock(session, ordered) {
            self.finish_payment(session, answers);
        }
    }

    /// Pays for the lines of an order that found their stock. The others end: rejected, sold out, or paid all the same and refunded.
    fn finish_payment(&mut self, session: &mut Session, Answers { granted: found, rejected }: Answers) {
        let (lines, ordered) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let whole = order(lines, ordered, self.model.coupon_in(session.window()));
        let missed = part_of_order(lines, ordered, ordered & !(found | rejected), whole);
        let over_limit = part_of_order(lines, ordered, rejected, whole);
        let oversells = self.round(session).reserve.oversells();
        self.settle(session, if oversells { Cause::OVERSOLD } else { Cause::SOLD_OUT }, missed);
        self.settle_rejected(session, rejected, over_limit);
        if found != 0 {
            self.pay_orders(session, found);
            return self.think(session);
        }
        self.drop_basket(session);
        self.remember(session, HAS_FAILED);
        session.cause = Cause::NONE;
        match missed.lines {
            0 => self.page_failed(session, Cause::HOT),
            // Who was oversold believes that it is paid.
            _ if oversells => self.think(session),
            _ => self.page_failed(session, Cause::SOLD_OUT),
        }
    }

    /// Enters lines whose SKU was asked for too often.
    #[inline]
    fn settle_rejected(&mut self, session: &Session, rejected: u16, intents: Intents) {
        if rejected == 0 {
            return;
        }
        for line in select(self.cell.baskets.lines(session.basket), rejected) {
            *self.tally.requests_rejected.entry(line.sku).or_default() += 1;
        }
        self.settle(session, Cause::HOT, intents);
    }

    fn contest(&mut self, session: &Session, position: u8, wanted: Line, needs_token: bool) {
        self.outbox.contest(Contested {
            time: session.time,
            shopper: session.shopper,
            sku: wanted.sku,
            units: wanted.units,
            order: self.cell.waiting.len() as u32,
            cell: self.cell.id as u16,
            line: position,
            needs_token,
            is_paid: self.round(session).reserve.oversells(),
            answer: Answer::Contested,
        });
    }

    /// The end of a tick has settled the contested lines of a waiting order; the answer comes now.
    pub(super) fn answer(&mut self, waiting: Waiting, now: Instant) {
        let mut session = waiting.session;
        session.wait_for(Phase::Response, now);
        self.tally.events += 1;
        let (time, rank) = session.order();
        self.cell.digest.mix((time, rank ^ waiting.answers.bits()));
        if self.round(&session).reserve.holds() {
            self.finish_reservation(&mut session, waiting.answers);
        } else {
            self.finish_payment(&mut session, waiting.answers);
        }
    }

    fn finish_reservation(&mut self, session: &mut Session, Answers { granted, rejected }: Answers) {
        let lines = self.cell.baskets.lines(session.basket);
        let refused = sum(select(lines, !(granted | rejected)));
        let over_limit = sum(select(lines, rejected));
        let (ordered, off) = order(lines, granted, self.model.coupon_in(session.window()));
        self.settle(session, Cause::SOLD_OUT, refused);
        self.settle_rejected(session, rejected, over_limit);
        if granted == 0 {
            self.drop_basket(session);
            self.remember(session, HAS_FAILED);
            return self.page_failed(session, if refused.lines > 0 { Cause::SOLD_OUT } else { Cause::HOT });
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
        let substitutes = self.cell.baskets.substitutes(session.basket) & part;
        if substitutes > 0 {
            let lines = self.cell.baskets.lines(session.basket);
            self.tally.substitutes.paid.add(part_of_order(lines, granted, substitutes, (ordered, off)));
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
        if self.round(session).reserve.holds() {
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
        } else if self.model.knows_deferral && !self.is_due_to_come_back(session) {
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

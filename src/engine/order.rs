//! Basket, reservation, payment, hold expiry: where stock is asked for and GMV is counted.

use super::cell::{HAS_BOUGHT, HAS_FAILED, Player, Waiting};
use super::session::{Cause, NEVER, Phase, Session};
use super::stock::{Contested, Move};
use crate::model::catalogue::Sku;
use crate::plan::MAX_LINES;
use crate::recorder::Intents;
use crate::rng::Purpose;
use crate::units::Instant;

/// Products that a shopper looks at for one line before giving it up as too dear.
const CANDIDATES: u16 = 3;

/// A line of a basket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    sku: Sku,
    units: u32,
    fen: u64,
}

/// A basket: at most [`MAX_LINES`] lines. Never stored: a pure function of the shopper, the visit at which it was filled, and
/// the prices, drawn again whenever it is needed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Basket {
    lines: [Line; MAX_LINES as usize],
    len: usize,
}

impl Basket {
    fn lines(&self) -> &[Line] {
        &self.lines[..self.len]
    }

    /// The lines of a bit set, with their positions.
    fn selected(&self, bits: u16) -> impl Iterator<Item = (u8, Line)> + '_ {
        self.lines().iter().zip(0..).filter(move |(_, position)| bits >> position & 1 == 1).map(|(line, p)| (p, *line))
    }

    fn all(&self) -> u16 {
        ((1u32 << self.len) - 1) as u16
    }
}

fn sum(lines: impl Iterator<Item = (u8, Line)>) -> Intents {
    let mut total = Intents::default();
    lines.for_each(|(_, line)| total.add(Intents { lines: 1, units: u64::from(line.units), fen: line.fen }));
    total
}

impl Player<'_> {
    /// The basket that a session filled.
    fn basket(&self, session: &Session) -> Basket {
        let mut basket = Basket::default();
        let (Some(catalogue), true) = (&self.model.catalogue, session.basket != 0) else { return basket };
        let segment = self.segment(session);
        let mut stream = self.stream_at(session, session.basket, Purpose::Basket, 0);
        let wanted = segment.lines.draw(|| stream.clone());
        let mut budget = segment.spend.as_ref().map_or(u64::MAX, |spend| {
            stream.bits64();
            spend.draw(&mut stream)
        });
        for line in 0..wanted as u16 {
            for candidate in 0..CANDIDATES {
                let mut stream = self.stream_at(session, session.basket, Purpose::Product, line << 8 | candidate);
                let category = segment.category.pick(f64::from(stream.bits32()) / 4_294_967_296.0);
                let u_named = f64::from(stream.bits32()) / 4_294_967_296.0;
                let sku = catalogue.pick(category, u_named, stream.unit());
                let sampler = catalogue.units_of(sku).unwrap_or(&segment.units);
                let item = line << 8 | candidate;
                let units = sampler.draw(|| self.stream_at(session, session.basket, Purpose::Units, item));
                let fen = u64::from(units) * u64::from(self.stock.of(sku).price);
                if fen <= budget {
                    budget -= fen;
                    basket.lines[basket.len] = Line { sku, units, fen };
                    basket.len += 1;
                    break;
                }
            }
        }
        basket
    }

    /// Fills a basket, if the shopper has none: purchase intents begin.
    pub(super) fn fill_basket(&mut self, session: &mut Session) {
        if session.basket != 0 {
            return;
        }
        session.basket = session.visit;
        session.cause = Cause::NONE;
        let basket = self.basket(session);
        if basket.len == 0 {
            // Everything was too dear: nothing is wanted.
            session.basket = 0;
        }
        self.tally.demand.add(sum(basket.selected(basket.all())));
    }

    /// Creates the orders of a basket and reserves their stock.
    pub(super) fn reserve(&mut self, mut session: Session) {
        if session.basket == 0 || session.holds() {
            return self.think(session, Phase::ThinkEnd);
        }
        let now = session.time;
        if now >= self.model.windows[usize::from(session.window())].closes {
            session.cause = Cause::WINDOW_CLOSED;
            return self.leave(session);
        }
        let basket = self.basket(&session);
        let (mut granted, mut contested) = (0u16, false);
        for (position, line) in basket.selected(basket.all()) {
            let left = self.stock.of(line.sku).left;
            if left == 0 {
                continue;
            }
            if self.cell.grants.try_grant(line.sku, line.units, self.stock.share_of(left)) {
                self.outbox.note(Move::Grant, line.sku, line.units);
                granted |= 1 << position;
            } else {
                contested = true;
                self.contest(&session, position, line);
            }
        }
        if contested {
            self.cell.waiting.push(Waiting { session, granted });
        } else {
            self.finish_reservation(session, &basket, granted);
        }
    }

    fn contest(&mut self, session: &Session, line: u8, wanted: Line) {
        self.outbox.contest(Contested {
            time: session.time,
            shopper: self.cell.first_shopper + u64::from(session.shopper),
            sku: wanted.sku,
            units: wanted.units,
            cell: self.cell.id,
            order: self.cell.waiting.len() as u32,
            line,
        });
    }

    /// The end of a tick has settled the contested lines of a waiting order; the answer comes now.
    pub(super) fn answer(&mut self, waiting: Waiting, now: Instant) {
        let mut session = waiting.session;
        session.wait_for(Phase::Response, now);
        self.tally.events += 1;
        self.cell.digest.mix((session.order().0, session.order().1 ^ u64::from(waiting.granted)));
        let basket = self.basket(&session);
        self.finish_reservation(session, &basket, waiting.granted);
    }

    fn finish_reservation(&mut self, mut session: Session, basket: &Basket, granted: u16) {
        let refused = sum(basket.selected(basket.all() & !granted));
        self.tally.settle(session.window(), session.segment, Cause::SOLD_OUT, refused);
        if granted == 0 {
            session.basket = 0;
            self.remember(&session, HAS_FAILED);
            return self.page_failed(session, Cause::SOLD_OUT);
        }
        self.tally.ordered.add(sum(basket.selected(granted)));
        session.granted = granted;
        session.deadline = session.time + self.model.hold;
        self.think(session, Phase::ThinkEnd);
    }

    /// Pays the orders that a session holds.
    pub(super) fn pay(&mut self, session: &mut Session) {
        let basket = self.basket(session);
        for (_, line) in basket.selected(session.granted) {
            self.outbox.note(Move::Sale, line.sku, line.units);
        }
        let paid = sum(basket.selected(session.granted));
        self.tally.paid.add(paid);
        self.tally.settle(session.window(), session.segment, Cause::BOUGHT, paid);
        self.remember(session, HAS_BOUGHT);
        session.basket = 0;
        session.granted = 0;
        session.deadline = NEVER;
        session.cause = Cause::NONE;
    }

    /// The hold on an unpaid order runs out: its stock comes back. A session that was still going ends with it.
    pub(super) fn expire(&mut self, session: Session) {
        if session.phase() == Phase::HoldExpiry {
            self.tally.ended += 1;
            self.remember(&session, HAS_FAILED);
        }
        let basket = self.basket(&session);
        for (_, line) in basket.selected(session.granted) {
            self.outbox.note(Move::Release, line.sku, line.units);
        }
        if session.cause != Cause::SETTLED {
            self.settle_open_lines(&session, session.cause.or(Cause::HOLD_EXPIRED));
        }
    }

    /// Enters the undecided lines of a session in the ledger: those it holds, or all where nothing is ordered yet.
    pub(super) fn settle_open_lines(&mut self, session: &Session, cause: Cause) {
        let open = self.open_lines(session);
        self.tally.settle(session.window(), session.segment, cause, open);
    }

    /// The undecided lines of a session.
    pub(super) fn open_lines(&self, session: &Session) -> Intents {
        if session.cause == Cause::SETTLED {
            return Intents::default();
        }
        let basket = self.basket(session);
        let bits = if session.holds() { session.granted } else { basket.all() };
        sum(basket.selected(bits))
    }

    /// Units held for a session, by SKU.
    pub(super) fn held(&self, session: &Session) -> impl Iterator<Item = (Sku, u32)> {
        let basket = self.basket(session);
        let lines: Vec<(Sku, u32)> = basket.selected(session.granted).map(|(_, line)| (line.sku, line.units)).collect();
        lines.into_iter()
    }
}

//! Vouchers: what is paid for now and redeemed later, or never. Nothing of it comes back to the sale, so it takes no events.

use super::basket::{Line, Spread, order};
use super::cell::Player;
use super::session::Session;
use crate::model::Voucher;
use crate::plan::MAX_LINES;
use crate::recorder::{Intents, Redemption};
use crate::rng::Purpose;
use crate::units::Nanos;

/// A day, ns.
const DAY: u64 = 86_400 * Nanos::PER_SECOND;

impl Player<'_> {
    /// Draws what becomes of the vouchers in those lines of an order, by bit, that are being paid.
    pub(super) fn note_vouchers(&mut self, session: &Session, part: u16) {
        let (lines, granted) = (self.cell.baskets.lines(session.basket), self.cell.baskets.granted(session.basket));
        let (paid, off) = order(lines, granted, self.model.coupon_in(session.window()));
        let mut spread = Spread::new(off, paid.fen + off);
        let mut sold = [(Line::default(), 0); MAX_LINES as usize];
        let mut len = 0;
        for (position, &line) in lines.iter().enumerate().filter(|(position, _)| (granted >> position) & 1 == 1) {
            let fen = spread.pay(&line);
            if (part >> position) & 1 == 1 {
                sold[len] = (line, fen);
                len += 1;
            }
        }
        for (number, &(line, fen)) in sold[..len].iter().enumerate() {
            if let Some(voucher) = self.model.voucher(line.sku) {
                let paid = Intents { lines: 1, units: u64::from(line.units), fen };
                self.note_voucher(session, number as u16, voucher, (line.sku, paid));
            }
        }
    }

    fn note_voucher(&mut self, session: &Session, number: u16, voucher: &Voucher, (product, paid): (u32, Intents)) {
        let mut stream = self.stream(session, Purpose::Voucher, number);
        let after = (stream.unit() < voucher.redeemed).then(|| voucher.after.draw(&mut stream));
        let end = self.model.windows.last().map_or(0, |window| window.closes.0);
        let is_later = after.is_some_and(|after| session.time.0.saturating_add(after) >= end);
        let day = after.map(|after| u16::try_from(after / DAY).unwrap_or(u16::MAX));
        let channel = self.channel(session).unwrap_or(0) as u16;
        self.tally.vouchers.entry(Redemption { product, channel, day, is_later }).or_default().add(paid);
    }
}

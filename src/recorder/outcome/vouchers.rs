//! What becomes of the vouchers that were sold.

use super::Outcome;
use crate::recorder::{Intents, Redemption};
use crate::results::{VoucherRow, VoucherSummary};
use std::collections::BTreeMap;

impl Outcome<'_> {
    fn product_name(&self, product: u32) -> String {
        let products = self.plan.catalogue.as_ref().map_or(&[][..], |catalogue| &catalogue.products);
        products[product as usize].name.clone()
    }

    /// Rows by product, channel and day; those that are never redeemed come last.
    pub(super) fn vouchers(&self) -> Vec<VoucherRow> {
        let mut days: BTreeMap<Redemption, (Intents, Intents)> = BTreeMap::new();
        for (&of, &sold) in &self.recorder.total.vouchers {
            let (all, later) = days.entry(Redemption { is_later: false, ..of }).or_default();
            all.add(sold);
            later.add(if of.is_later { sold } else { Intents::default() });
        }
        let mut days: Vec<_> = days.into_iter().collect();
        days.sort_by_key(|(of, _)| (of.product, of.channel, of.day.is_none()));
        let channel = |channel: u16| self.plan.channels.get(usize::from(channel)).map_or("", |channel| &channel.name);
        let row = |(of, (all, later)): (Redemption, (Intents, Intents))| VoucherRow {
            product: self.product_name(of.product),
            channel: channel(of.channel).into(),
            day: of.day.map(u64::from),
            orders: all.lines * self.scale,
            units: all.units * self.scale,
            money_fen: all.fen * self.scale,
            later_units: later.units * self.scale,
            later_money_fen: later.fen * self.scale,
        };
        days.into_iter().map(row).collect()
    }

    pub(super) fn voucher_summaries(&self) -> Vec<VoucherSummary> {
        let summary = |product: u32| {
            let sum = |which: &dyn Fn(&Redemption) -> bool| {
                let mut sum = Intents::default();
                let of_product = self.recorder.total.vouchers.iter().filter(|(of, _)| of.product == product);
                of_product.filter(|(of, _)| which(of)).for_each(|(_, sold)| sum.add(*sold));
                (sum.units * self.scale, sum.fen * self.scale)
            };
            let (sold, sold_fen) = sum(&|_| true);
            let (redeemed, redeemed_fen) = sum(&|of| of.day.is_some() && !of.is_later);
            let (redeemed_later, redeemed_later_fen) = sum(&|of| of.is_later);
            let (never_redeemed, never_redeemed_fen) = sum(&|of| of.day.is_none());
            let product = self.product_name(product);
            VoucherSummary {
                product,
                sold,
                redeemed,
                redeemed_later,
                never_redeemed,
                sold_fen,
                redeemed_fen,
                redeemed_later_fen,
                never_redeemed_fen,
            }
        };
        (0..self.model.vouchers.len() as u32)
            .filter(|&product| self.model.voucher(product).is_some())
            .map(summary)
            .collect()
    }
}

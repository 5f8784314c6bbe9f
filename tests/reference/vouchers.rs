//! What became of vouchers, from the list of those sold.

use super::Simulator;
use crate::draws;
use saleload::results::{VoucherRow, VoucherSummary};
use std::collections::BTreeMap;

const DAY_NS: u64 = 24 * 3600 * 1_000_000_000;

/// One that was sold.
struct Sold {
    product: u32,
    channel: usize,
    /// Day after the sale, and whether that is past the end of the simulation.
    redeemed: Option<(u64, bool)>,
    units: u64,
    fen: u64,
}

impl Simulator<'_> {
    fn vouchers(&self) -> Vec<Sold> {
        let all = self.record.vouchers.iter();
        all.map(|(sold, key, line, after)| Sold {
            product: line.sku,
            channel: draws::channel(self.plan, &self.model, *key).unwrap_or(0),
            redeemed: after.map(|after| (after.0 / DAY_NS, sold.0 + after.0 >= self.plan.horizon.0)),
            units: u64::from(line.units),
            fen: line.fen(),
        })
        .collect()
    }

    pub(super) fn voucher_rows(&self) -> Vec<VoucherRow> {
        let mut rows: BTreeMap<(u32, usize, u64), Vec<Sold>> = BTreeMap::new();
        for sold in self.vouchers() {
            // Those that are never redeemed stand behind the others.
            let day = sold.redeemed.map_or(u64::MAX, |(day, _)| day);
            rows.entry((sold.product, sold.channel, day)).or_default().push(sold);
        }
        let products = self.plan.catalogue.as_ref().map_or(&[][..], |catalogue| &catalogue.products);
        let row = |((product, channel, day), sold): ((u32, usize, u64), Vec<Sold>)| {
            let later = || sold.iter().filter(|sold| sold.redeemed.is_some_and(|(_, later)| later));
            VoucherRow {
                product: products[product as usize].name.clone(),
                channel: self.plan.channels.get(channel).map_or(String::new(), |channel| channel.name.clone()),
                day: (day < u64::MAX).then_some(day),
                orders: sold.len() as u64 * self.scale(),
                units: sold.iter().map(|sold| sold.units).sum::<u64>() * self.scale(),
                money_fen: sold.iter().map(|sold| sold.fen).sum::<u64>() * self.scale(),
                later_units: later().map(|sold| sold.units).sum::<u64>() * self.scale(),
                later_money_fen: later().map(|sold| sold.fen).sum::<u64>() * self.scale(),
            }
        };
        rows.into_iter().map(row).collect()
    }

    pub(super) fn voucher_summaries(&self) -> Vec<VoucherSummary> {
        let products = self.plan.catalogue.as_ref().map_or(&[][..], |catalogue| &catalogue.products);
        let vouchers = (0..).zip(products).filter(|(_, product)| product.voucher.is_some());
        let summary = |(sku, product): (u32, &saleload::plan::Product)| {
            let [mut all, mut by_then, mut later, mut never] = [(0, 0); 4];
            for sold in self.vouchers().iter().filter(|sold| sold.product == sku) {
                let of = match sold.redeemed {
                    None => &mut never,
                    Some((_, true)) => &mut later,
                    Some((_, false)) => &mut by_then,
                };
                for (units, fen) in [of, &mut all] {
                    *units += sold.units * self.scale();
                    *fen += sold.fen * self.scale();
                }
            }
            VoucherSummary {
                product: product.name.clone(),
                sold: all.0,
                redeemed: by_then.0,
                redeemed_later: later.0,
                never_redeemed: never.0,
                sold_fen: all.1,
                redeemed_fen: by_then.1,
                redeemed_later_fen: later.1,
                never_redeemed_fen: never.1,
            }
        };
        vouchers.map(summary).collect()
    }
}

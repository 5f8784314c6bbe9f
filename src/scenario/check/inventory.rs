//! When and how stock is reserved.

use super::Check;
use crate::plan::inventory::{Hot, Inventory, Reserve, Split};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

impl Check<'_> {
    pub(super) fn inventory(&mut self) -> Inventory {
        let (file, at) = (&self.file.inventory, self.root.key("inventory"));
        self.hold(file.hold, at.key("hold"));
        self.presale_takes_stock_at_order(at);
        let hot = file.hot.as_ref().map(|hot| {
            let per_second = hot.per_second * hot.group_commit;
            Hot { per_second, burst: hot.burst.unwrap_or(per_second) }
        });
        let split = match file.split {
            file::Split::Pooled => None,
            file::Split::ByCell(file::ByCell { rebalance }) => {
                self.rebalance(rebalance, at.key("split").key("by_cell").key("rebalance"));
                Some(Split { rebalance })
            }
        };
        if split.is_some() && file.reserve == Reserve::Optimistic {
            self.push(
                Diagnostic::new(Code::Unused, "no cell is asked for its part of the stock")
                    .at(at.key("split").place(), "never used")
                    .at(at.key("reserve").place(), "every payment is taken"),
            );
            return Inventory { reserve: file.reserve, flag_delay: file.flag_delay, split: None, hot };
        }
        if split.is_some() && file.flag_delay > Nanos(0) {
            self.push(
                Diagnostic::new(Code::Unused, "nobody waits for the flag that a product is sold out")
                    .at(at.key("flag_delay").place(), "never used")
                    .at(at.key("split").place(), "each cell knows what is left of its part"),
            );
        }
        let flag_delay = if split.is_some() { Nanos(0) } else { file.flag_delay };
        Inventory { reserve: file.reserve, flag_delay, split, hot }
    }

    /// How long an unpaid order keeps its stock.
    pub(super) fn hold(&mut self, hold: Nanos, at: Cursor<'_>) {
        if hold == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, "an unpaid order must hold its stock for some time")
                    .at(at.place(), "expires at once")
                    .help("write how long a shopper has to pay, such as \"30m\""),
            );
        }
    }

    fn rebalance(&mut self, rebalance: Option<Nanos>, at: Cursor<'_>) {
        if rebalance == Some(Nanos(0)) {
            self.push(
                Diagnostic::new(Code::BadTiming, "stock cannot be dealt out anew all the time")
                    .at(at.place(), "no time passes in between")
                    .help("write how often, such as \"1m\", delete the key for never, or take `split = \"pooled\"`"),
            );
        }
    }

    /// A deposit sets stock aside, which it can only if the order holds it.
    fn presale_takes_stock_at_order(&mut self, at: Cursor<'_>) {
        let mut windows = self.file.window.iter();
        let Some((name, _)) = windows.find(|(_, window)| window.presale.is_some()) else { return };
        if self.file.inventory.reserve != Reserve::Order {
            let presale = self.root.key("window").key(name).key("presale").key_place();
            self.push(
                Diagnostic::new(
                    Code::ActionOrder,
                    format!("the deposits of window `{name}` have no stock to set aside"),
                )
                .at(at.key("reserve").place(), "an order holds nothing")
                .at(presale, "a deposit sets aside what its order holds")
                .help("take `reserve = \"order\"`, or play the presale in a scenario of its own"),
            );
        }
    }
}

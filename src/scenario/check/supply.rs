//! When stock comes in: what is withheld for later windows, and what is laid in on top.

use super::Check;
use crate::plan::{Restock, Supply};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::Named;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;

impl Check<'_> {
    /// The supply of what is on sale; `None` where all of it is there from the first window on.
    pub(super) fn supply(&mut self) -> Option<Supply> {
        let file = self.file;
        let on_sale = self.shares_of_windows();
        let of_windows = self.restock_of_windows();
        let (categories, products) = (self.root.key("category"), self.root.key("product"));
        let mut of_category = Vec::new();
        for (name, category) in &file.category {
            of_category.push(self.restock(&category.restock, categories.key(name).key("restock"), &of_windows));
        }
        let mut of_product = Vec::new();
        for (name, product) in &file.product {
            // A category that does not exist has been reported.
            let of_category = file.category.get_index_of(&product.category).map_or(&of_windows, |of| &of_category[of]);
            of_product.push(self.restock(&product.restock, products.key(name).key("restock"), of_category));
        }
        let listed = self.listed();
        let is_laid_in = listed.is_some() || of_category.iter().chain(&of_product).flatten().any(Option::is_some);
        let on_sale = on_sale.or_else(|| is_laid_in.then(|| vec![1.0; file.window.len()]))?;
        Some(Supply { on_sale, listed, of_category, of_product })
    }

    /// Shares of the stock that have come in once each window has opened, if any window says its own.
    fn shares_of_windows(&mut self) -> Option<Vec<f64>> {
        let file = self.file;
        let of = || file.window.iter().filter_map(|(name, window)| Some((name, window.stock.as_ref()?.share)));
        let shares: Vec<f64> = of().map(|(_, share)| share).collect();
        if shares.is_empty() {
            return None;
        }
        let at = self.root.key("window");
        let places = of().map(|(name, _)| at.key(name).key("stock").key("share").place());
        self.shares_sum_to_one("windows in the stock", &shares, places, at);
        let total: f64 = shares.iter().sum();
        let mut sum = 0.0;
        let until = |window: &crate::scenario::file::Window| {
            sum += window.stock.as_ref().map_or(0.0, |stock| stock.share);
            // Added up in the same order, the last of them is the total itself.
            sum / total
        };
        Some(file.window.values().map(until).collect())
    }

    /// Shares of the generated SKUs that are listed once each window has opened, if some are listed later than others.
    fn listed(&mut self) -> Option<Vec<f64>> {
        let file = self.file;
        let (at, all) = (self.root.key("window"), file.catalogue.as_ref()?.skus);
        let new: Vec<u64> = file.window.values().map(|window| window.new_skus.unwrap_or(0)).collect();
        let is_new = |id: &usize| new[*id] > 0;
        let place = |id: usize| at.key(file.window.get_index(id).map_or("", |(name, _)| name)).key("new_skus").place();
        if new.first().is_some_and(|new| *new > 0) {
            self.push(
                Diagnostic::new(Code::Unused, "no SKU is new in the first window")
                    .at(place(0), "all but those of later windows are listed from here on")
                    .help("say how many are new in a later window"),
            );
        }
        let later: u64 = new.iter().skip(1).fold(0, |sum, new| sum.saturating_add(*new));
        let last = (1..new.len()).rfind(is_new)?;
        if later >= all {
            self.push(
                Diagnostic::new(Code::OutOfRange, format!("{later} of {all} SKUs are new in later windows"))
                    .at(place(last), "too many")
                    .at(self.root.key("catalogue").key("skus").place(), "generated SKUs in all")
                    .help("some must be listed from the first window on"),
            );
            return None;
        }
        let mut listed = all - later;
        let share = |(id, new): (usize, &u64)| {
            listed += if id > 0 { *new } else { 0 };
            listed as f64 / all as f64
        };
        Some(new.iter().enumerate().map(share).collect())
    }

    fn restock_of_windows(&mut self) -> Vec<Option<Restock>> {
        let file = self.file;
        let at = self.root.key("window");
        if let Some((name, _)) = file.window.first().filter(|(_, window)| window.restock.is_some()) {
            self.is_first(name, at.key(name).key("restock").key_place());
        }
        let of = |(id, window): (usize, &crate::scenario::file::Window)| window.restock.filter(|_| id > 0);
        file.window.values().enumerate().map(of).collect()
    }

    /// What is laid in when each window opens: what `own` says, else what holds for all.
    fn restock(&mut self, own: &Named<Restock>, at: Cursor<'_>, others: &[Option<Restock>]) -> Vec<Option<Restock>> {
        let mut all = others.to_vec();
        for (window, restock) in own {
            match self.resolve("window", window, &self.file.window, at.key(window).key_place()) {
                Some(0) => self.is_first(window, at.key(window).key_place()),
                Some(id) => all[id] = Some(*restock),
                None => {}
            }
        }
        all
    }

    fn is_first(&mut self, window: &str, place: Place) {
        self.push(
            Diagnostic::new(Code::Unused, format!("nothing is laid in when window `{window}` opens"))
                .at(place, "the first window finds the stock that there is")
                .help("raise the stock itself, or restock in a later window"),
        );
    }
}

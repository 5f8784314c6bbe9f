//! The catalogue: categories, brands and products.

use super::behaviour::rounded;
use super::distribution::MOST_UNITS;
use super::{Check, SUM_TOLERANCE};
use crate::plan::{Brand, Catalogue, Category, Coupon, Popularity, Product, Voucher};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;
use crate::units::Fen;
use std::collections::BTreeMap;

/// Dearest unit: 40,000,000 RMB.
const DEAREST: Fen = Fen(4_000_000_000);

/// Names and shares of the brands or products of each category.
type Taken<'a> = BTreeMap<&'a str, Vec<(&'a str, f64)>>;

impl Check<'_> {
    pub(super) fn goods(&mut self) -> Option<Catalogue> {
        let Some(catalogue) = &self.file.catalogue else {
            self.nothing_to_buy();
            return None;
        };
        let (file, at) = (self.file, self.root.key("catalogue"));
        if file.category.is_empty() {
            self.push(
                Diagnostic::new(Code::NothingOnSale, "a catalogue needs at least one category")
                    .at(at.key_place(), "no category is declared")
                    .help("declare one: [category.NAME]"),
            );
            return None;
        }
        let total = catalogue.skus + file.product.len() as u64;
        if total >= u64::from(u32::MAX) {
            let label = format!("{total} with the named products");
            self.push(
                Diagnostic::new(Code::TooMany, "there are more than 2^32 - 2 SKUs").at(at.key("skus").place(), label),
            );
        }
        let shares: Vec<f64> = file.category.values().map(|category| category.skus).collect();
        let categories_at = self.root.key("category");
        let shares_at = file.category.keys().map(|name| categories_at.key(name).key("skus").place());
        self.shares_sum_to_one("categories", &shares, shares_at, categories_at);
        let counts = apportion(catalogue.skus, &shares);
        let categories: Vec<Category> = file
            .category
            .iter()
            .zip(&counts)
            .map(|((name, category), skus)| self.category(name, category, *skus))
            .collect();
        let named_brands = file.brand.iter().map(|(name, brand)| self.brand(name, brand)).collect();
        let products = file.product.iter().map(|(name, product)| self.product(name, product)).collect();
        let by_brands = by_category(file.brand.iter().map(|(name, brand)| (name, &brand.category, brand.share)));
        let by_products = by_category(file.product.iter().map(|(name, p)| (name, &p.category, p.demand)));
        self.within_category("brand", "shares", &by_brands);
        self.within_category("product", "demands", &by_products);
        self.empty_categories(&categories, &by_products);
        Some(Catalogue {
            skus: catalogue.skus,
            brands: catalogue.brands,
            brand_exponent: catalogue.brand_exponent,
            popularity: Popularity {
                head: catalogue.popularity.head,
                tail: catalogue.popularity.tail,
                knee: catalogue.popularity.knee,
            },
            categories,
            named_brands,
            products,
            supply: self.supply(),
        })
    }

    /// Without a catalogue no state may have an action.
    fn nothing_to_buy(&mut self) {
        for (name, cbmg) in &self.file.cbmg {
            let states = self.root.key("cbmg").key(name).key("state");
            if let Some((state, _)) = cbmg.state.iter().find(|(_, state)| state.action.is_some()) {
                self.push(
                    Diagnostic::new(Code::NothingOnSale, format!("graph `{name}` buys, but nothing is on sale"))
                        .at(states.key(state).key("action").place(), "needs a catalogue")
                        .help("declare [catalogue] and at least one [category.NAME]"),
                );
            }
        }
    }

    fn category(&mut self, name: &str, category: &file::Category, skus: u64) -> Category {
        let at = self.root.key("category").key(name);
        self.dearest(&category.price, at.key("price"));
        Category {
            name: name.to_owned(),
            skus,
            demand: category.demand * (1.0 - category.discount).powf(-category.elasticity),
            price: self.money_distribution(&category.price, at.key("price")).times(1.0 - category.discount),
            stock: self.stock_distribution(&category.stock, at.key("stock")),
            hold: category.hold.inspect(|&hold| self.hold(hold, at.key("hold"))),
        }
    }

    /// The coupon, which has to leave something to pay.
    pub(super) fn coupon(&mut self) -> Option<Coupon> {
        let coupon = self.file.coupon.as_ref()?;
        let at = self.root.key("coupon");
        if coupon.off == Fen(0) || coupon.off > coupon.every {
            let label = if coupon.off == Fen(0) { "nothing is taken off" } else { "more than it is taken off of" };
            self.push(
                Diagnostic::new(Code::OutOfRange, format!("a coupon cannot take {} off {}", coupon.off, coupon.every))
                    .at(at.key("off").place(), label)
                    .at(at.key("every").place(), "")
                    .help("take off more than nothing and at most `every`"),
            );
            return None;
        }
        Some(Coupon { off: coupon.off, every: coupon.every, fill_up: coupon.fill_up })
    }

    fn dearest(&mut self, price: &file::MoneyDistribution, at: Cursor<'_>) {
        use file::MoneyDistribution as F;
        match price {
            F::Constant(price) => self.price(*price, at.key("constant").place()),
            F::Uniform { high, .. } => self.price(*high, at.key("uniform").key("high").place()),
            F::Lognormal { p50, p90, p95, p99 } => {
                let quantiles = [("p50", Some(*p50)), ("p90", *p90), ("p95", *p95), ("p99", *p99)];
                for (name, price) in quantiles.into_iter().filter_map(|(name, price)| Some((name, price?))) {
                    self.price(price, at.key("lognormal").key(name).place());
                }
            }
        }
    }

    fn price(&mut self, price: Fen, place: Place) {
        if price > DEAREST {
            self.push(
                Diagnostic::new(Code::OutOfRange, format!("{price} is more than one unit may cost"))
                    .at(place, format!("expected at most {DEAREST}")),
            );
        }
    }

    fn brand(&mut self, name: &str, brand: &file::Brand) -> Brand {
        let place = self.root.key("brand").key(name).key("category").place();
        let category = self.resolve("category", &brand.category, &self.file.category, place);
        Brand { name: name.to_owned(), category: category.unwrap_or(0), share: brand.share }
    }

    fn product(&mut self, name: &str, product: &file::Product) -> Product {
        let at = self.root.key("product").key(name);
        let category = self.resolve("category", &product.category, &self.file.category, at.key("category").place());
        let wanted = product.brand.as_ref();
        let brand = wanted.and_then(|brand| self.resolve("brand", brand, &self.file.brand, at.key("brand").place()));
        if let Some((brand_name, brand)) = brand.and_then(|index| self.file.brand.get_index(index))
            && brand.category != product.category
        {
            let own = &product.category;
            let message = format!("product `{name}` is in `{own}`, its brand `{brand_name}` in `{}`", brand.category);
            self.push(
                Diagnostic::new(Code::BrandElsewhere, message)
                    .at(at.key("brand").place(), "a brand of another category")
                    .at(self.root.key("brand").key(brand_name).key("category").place(), "the brand's category")
                    .note("a brand belongs to one category")
                    .help("declare the brand once more under another name for this category"),
            );
        }
        self.price(product.price, at.key("price").place());
        Product {
            name: name.to_owned(),
            category: category.unwrap_or(0),
            brand,
            price: product.price,
            stock: product.stock.min(MOST_UNITS as u64) as u32,
            demand: product.demand,
            units: product.units.as_ref().map(|units| self.count_distribution(units, at.key("units"))),
            voucher: product.voucher.as_ref().map(|voucher| {
                let after = self.time_distribution(&voucher.after, at.key("voucher").key("after"));
                Voucher { redeemed: voucher.redeemed, after }
            }),
            hold: product.hold.inspect(|&hold| self.hold(hold, at.key("hold"))),
        }
    }

    /// The shares that named brands or products take of one category sum to at most one.
    fn within_category(&mut self, table: &str, what: &str, taken: &Taken<'_>) {
        for (category, mine) in taken {
            let sum: f64 = mine.iter().map(|(_, share)| share).sum();
            if sum > 1.0 + SUM_TOLERANCE {
                let message = format!("the {what} of the {table}s in `{category}` sum to more than one");
                let over = Diagnostic::new(Code::ShareSum, message).note(format!("they sum to {}", rounded(sum)));
                let key = if table == "brand" { "share" } else { "demand" };
                let place = |name: &str| self.root.key(table).key(name).key(key).place();
                let shown = mine.iter().take(8);
                let over = shown.fold(over, |over, (name, share)| over.at(place(name), share.to_string()));
                self.push(over);
            }
        }
    }

    /// A basket line that falls into a category must find a SKU there.
    fn empty_categories(&mut self, categories: &[Category], products: &Taken<'_>) {
        let by_products = |name: &str| products.get(name).map_or(0.0, |mine| mine.iter().map(|(_, share)| share).sum());
        let lacks = |c: &&Category| c.demand > 0.0 && c.skus == 0 && by_products(&c.name) < 1.0 - SUM_TOLERANCE;
        for Category { name, .. } in categories.iter().filter(lacks) {
            let at = self.root.key("category").key(name);
            self.push(
                Diagnostic::new(Code::EmptyCategory, format!("category `{name}` is in demand but gets no SKU"))
                    .at(at.key("skus").place(), "this share of the SKUs is less than one")
                    .at(at.key("demand").place(), "shoppers look for it")
                    .help("raise its share or catalogue.skus, set its demand to 0, or let named products take all of its demand"),
            );
        }
    }
}

/// Sums by category need the entries by category.
fn by_category<'a>(entries: impl Iterator<Item = (&'a String, &'a String, f64)>) -> Taken<'a> {
    let mut taken = Taken::new();
    for (name, category, share) in entries {
        taken.entry(category).or_default().push((name, share));
    }
    taken
}

/// Splits `total` in proportion to `shares` by largest remainder: whole numbers that sum to `total`.
fn apportion(total: u64, shares: &[f64]) -> Vec<u64> {
    let sum: f64 = shares.iter().sum();
    if sum <= 0.0 {
        return vec![0; shares.len()];
    }
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * total as f64).collect();
    let mut counts: Vec<u64> = exact.iter().map(|quota| *quota as u64).collect();
    let mut order: Vec<usize> = (0..shares.len()).filter(|index| shares[*index] > 0.0).collect();
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()).then(a.cmp(b)));
    let rest = total.saturating_sub(counts.iter().sum());
    // Below 10^9 the quotas are exact enough that the rest is smaller than the number of categories.
    order.into_iter().take(rest as usize).for_each(|index| counts[index] += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apportionment_is_whole_and_adds_up() {
        assert_eq!(apportion(10, &[0.5, 0.25, 0.25]), [5, 3, 2]);
        assert_eq!(apportion(1, &[0.3, 0.3, 0.4]), [0, 0, 1]);
        assert_eq!(apportion(7, &[1.0, 0.0]), [7, 0]);
        let thirds = apportion(1_000_000_000, &[1.0 / 3.0; 3]);
        assert_eq!(thirds.iter().sum::<u64>(), 1_000_000_000);
    }
}

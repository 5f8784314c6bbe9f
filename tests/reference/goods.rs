//! What became of the goods: columns of categories and products, rows of brands and products.

use super::{Simulator, series};
use crate::record::{Fact, What};
use crate::session::Fate;
use crate::stock::Shelf;
use saleload::model::catalogue::Catalogue;
use saleload::results::{BrandRow, Column, ProductRow, Values};
use saleload::units::Instant;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Generated SKUs in the table of products.
const TOP_PRODUCTS: usize = 1000;
/// The sums whose passing is told, RMB.
const MARKS_RMB: [u64; 4] = [1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
/// How finely the moment of a sell-out is kept.
const SOLD_OUT_RESOLUTION_NS: u64 = 10_000_000;

impl Simulator<'_> {
    fn catalogue(&self) -> Option<&Catalogue> {
        self.model.catalogue.as_ref()
    }

    fn named(&self) -> u32 {
        self.catalogue().map_or(0, |catalogue| catalogue.named_products() as u32)
    }

    fn shelves(&self) -> impl Iterator<Item = (u32, &Shelf)> {
        (0..).zip(&self.stock.shelves)
    }

    /// SKUs with nothing left at the end, each with those that it stands for.
    pub(super) fn skus_sold_out(&self, which: impl Fn(u32) -> bool) -> u64 {
        let Some(catalogue) = self.catalogue() else { return 0 };
        self.shelves()
            .filter(|(sku, shelf)| shelf.left == 0 && shelf.is_listed && which(*sku))
            .map(|(sku, _)| catalogue.weight(sku))
            .sum()
    }

    /// When each brand had been paid each sum, scaled up: at the end of the tick of the payment that brought it there.
    pub(crate) fn passings(&self) -> BTreeMap<usize, [Option<Instant>; 4]> {
        let mut passings: BTreeMap<usize, [Option<Instant>; 4]> = BTreeMap::new();
        let mut sums: BTreeMap<usize, u64> = BTreeMap::new();
        for fact in self.record.facts.iter().filter(|fact| fact.what == What::Ended(Fate::Bought)) {
            let Some(brand) = self.catalogue().and_then(|catalogue| catalogue.brand_of(fact.line.sku)) else {
                continue;
            };
            let sum = sums.entry(brand).or_default();
            *sum += fact.line.fen() * self.scale();
            let passed = passings.entry(brand).or_default();
            for (passed, rmb) in passed.iter_mut().zip(MARKS_RMB) {
                if *sum >= rmb * 100 && passed.is_none() {
                    let end =
                        self.ends_of_ticks.iter().find(|end| **end > fact.time || fact.ends_tick && **end == fact.time);
                    *passed = Some(*end.expect("it was paid in a tick"));
                }
            }
        }
        passings
    }

    pub(super) fn brands_past(&self, mark: usize) -> Vec<u64> {
        let passings = self.passings();
        let by = |end: Instant| passings.values().filter(|passed| passed[mark].is_some_and(|at| at <= end)).count();
        self.rows().iter().map(|row| by(row.slot.end) as u64).collect()
    }

    pub(super) fn stock_columns(&self) -> Vec<Column> {
        let (Some(catalogue), Some(of_plan)) = (self.catalogue(), &self.plan.catalogue) else { return Vec::new() };
        let mut columns = Vec::new();
        for (mark, name) in series::BRANDS_PAST.into_iter().enumerate() {
            let past = self.brands_past(mark).into_iter().map(|brands| brands as i64).collect();
            columns.push(Column { name: name.into(), values: Values::Integer(past) });
        }
        for (id, category) in of_plan.categories.iter().enumerate() {
            let skus: Vec<u32> = (0..catalogue.skus()).filter(|&sku| catalogue.category_of(sku) == id).collect();
            columns.push(self.scaled(&series::category(&category.name, "gmv_paid_fen"), self.paid_by_row(id)));
            let left = self.rows().iter().map(|row| skus.iter().map(|&sku| u64::from(row.left[sku as usize])).sum());
            columns.push(self.scaled(&series::category(&category.name, "units_left"), left.collect()));
            columns.push(self.by_row(&series::category(&category.name, "skus_sold_out"), |row| {
                let is_listed = |sku: &&u32| catalogue.is_listed(**sku, row.slot.window);
                let sold_out = skus.iter().filter(|&&sku| row.left[sku as usize] == 0).filter(is_listed);
                sold_out.map(|&sku| catalogue.weight(sku) as i64).sum()
            }));
        }
        for (id, product) in of_plan.products.iter().enumerate() {
            let left = self.rows().iter().map(|row| u64::from(row.left[id])).collect();
            columns.push(self.scaled(&series::product_left(&product.name), left));
        }
        columns
    }

    /// What is paid for goods of a category, fen.
    pub(super) fn paid_by_row(&self, category: usize) -> Vec<u64> {
        let is_of = |sku: u32| self.catalogue().is_some_and(|catalogue| catalogue.category_of(sku) == category);
        self.by_row_of_facts(|fact| fact.what == What::Ended(Fate::Bought) && is_of(fact.line.sku), Fact::fen)
    }

    pub(super) fn brand_rows(&self) -> Vec<BrandRow> {
        let (Some(catalogue), Some(of_plan)) = (self.catalogue(), &self.plan.catalogue) else { return Vec::new() };
        let mut by_brand: BTreeMap<usize, Vec<(u32, &Shelf)>> = BTreeMap::new();
        for id in 0..of_plan.named_brands.len() {
            by_brand.insert(id, Vec::new());
        }
        for (sku, shelf) in self.shelves() {
            if let Some(brand) = catalogue.brand_of(sku) {
                by_brand.entry(brand).or_default().push((sku, shelf));
            }
        }
        let passings = self.passings();
        let row = |(&brand, shelves): (&usize, &Vec<(u32, &Shelf)>)| {
            let passed = passings.get(&brand).copied().unwrap_or_default();
            let at = |mark: usize| passed[mark].map(|at| self.unix_ms(at));
            let since = |mark: usize| passed[mark].map(|at| self.since_opening(at));
            let sum = |of: &dyn Fn(u32, &Shelf) -> u64| shelves.iter().map(|(sku, shelf)| of(*sku, shelf)).sum::<u64>();
            let scale = self.scale();
            BrandRow {
                brand: self.brand_name(brand),
                category: of_plan.categories[catalogue.brand(brand).0].name.clone(),
                skus: sum(&|sku, _| catalogue.weight(sku)),
                skus_sold_out: sum(&|sku, shelf| {
                    if shelf.left == 0 && shelf.is_listed { catalogue.weight(sku) } else { 0 }
                }),
                units_ordered: sum(&|_, shelf| u64::from(shelf.ordered)) * scale,
                units_paid: sum(&|_, shelf| u64::from(shelf.paid)) * scale,
                gmv_ordered_fen: sum(&|_, shelf| u64::from(shelf.ordered) * u64::from(shelf.price)) * scale,
                gmv_paid_fen: sum(&|_, shelf| shelf.paid_fen) * scale,
                passed_1m_unix_ms: at(0),
                passed_1m_seconds: since(0),
                passed_10m_unix_ms: at(1),
                passed_10m_seconds: since(1),
                passed_100m_unix_ms: at(2),
                passed_100m_seconds: since(2),
                passed_1bn_unix_ms: at(3),
                passed_1bn_seconds: since(3),
            }
        };
        let took_orders = |brand: usize, row: &BrandRow| brand < of_plan.named_brands.len() || row.units_ordered > 0;
        let rows = by_brand.iter().map(|brand| (*brand.0, row(brand)));
        let mut rows: Vec<BrandRow> =
            rows.filter(|(brand, row)| took_orders(*brand, row)).map(|(_, row)| row).collect();
        // A stable sort keeps brands with the same GMV in the order of their numbers.
        rows.sort_by_key(|row| Reverse(row.gmv_paid_fen));
        rows
    }

    fn since_opening(&self, at: Instant) -> f64 {
        let opened: Vec<Instant> = self.plan.windows.iter().map(|of| of.opens).filter(|opens| *opens < at).collect();
        (at - *opened.last().expect("a window has opened")).as_secs_f64()
    }

    fn brand_name(&self, brand: usize) -> String {
        let named = self.plan.catalogue.as_ref().map_or(&[][..], |catalogue| &catalogue.named_brands);
        named.get(brand).map_or_else(|| format!("brand-{:06}", brand - named.len()), |brand| brand.name.clone())
    }

    pub(super) fn product_rows(&self) -> Vec<ProductRow> {
        let Some(catalogue) = self.catalogue() else { return Vec::new() };
        let mut sold: Vec<(u32, &Shelf)> =
            self.shelves().filter(|(sku, shelf)| *sku >= self.named() && shelf.paid > 0).collect();
        sold.sort_by_key(|(_, shelf)| Reverse(shelf.paid_fen));
        sold.truncate(TOP_PRODUCTS);
        let named = self.shelves().take(self.named() as usize);
        named.chain(sold).map(|(sku, shelf)| self.product_row(catalogue, sku, shelf)).collect()
    }

    fn product_row(&self, catalogue: &Catalogue, sku: u32, shelf: &Shelf) -> ProductRow {
        let scaled = |units: u32| u64::from(units) * self.scale();
        let of_plan = self.plan.catalogue.as_ref().expect("it has a product");
        let product = match catalogue.full_number(sku) {
            Some(number) => format!("sku-{number:08}"),
            None => of_plan.products[sku as usize].name.clone(),
        };
        let sold_out_at = shelf.sold_out_at.map(|at| Instant(at.0 / SOLD_OUT_RESOLUTION_NS * SOLD_OUT_RESOLUTION_NS));
        ProductRow {
            product,
            category: of_plan.categories[catalogue.category_of(sku)].name.clone(),
            brand: catalogue.brand_of(sku).map_or(String::new(), |brand| self.brand_name(brand)),
            price_fen: u64::from(shelf.price),
            units_start: scaled(shelf.start),
            units_restocked: scaled(shelf.restocked),
            units_ordered: scaled(shelf.ordered),
            units_paid: scaled(shelf.paid),
            units_left: scaled(shelf.left),
            gmv_paid_fen: shelf.paid_fen * self.scale(),
            sold_out_unix_ms: sold_out_at.map(|at| self.unix_ms(at)),
            requests_rejected: {
                let is_of_it = |fact: &&Fact| fact.what == What::Ended(Fate::OverLimit) && fact.line.sku == sku;
                self.record.facts.iter().filter(is_of_it).count() as u64 * self.scale()
            },
        }
    }
}

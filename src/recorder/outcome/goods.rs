//! What became of the goods: brands and products.

use super::Outcome;
use crate::engine::brands::MARKS;
use crate::model::catalogue::{Catalogue, Sku};
use crate::results::{BrandRow, ProductRow};
use crate::units::Instant;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Generated SKUs in the table of products, those with the largest paid GMV.
const TOP_PRODUCTS: usize = 1000;

impl Outcome<'_> {
    pub(super) fn brands(&self, catalogue: &Catalogue) -> Vec<BrandRow> {
        let named = self.plan.catalogue.as_ref().map_or(0, |c| c.named_brands.len());
        let mut brands: Vec<BrandTotals> = vec![BrandTotals::default(); catalogue.brands()];
        let last = self.plan.windows.iter().filter(|window| window.opens < self.ending.until).count().saturating_sub(1);
        for sku in 0..self.stock.skus() {
            let Some(brand) = self.stock.brand_of(sku) else { continue };
            let stock = self.stock.of(sku);
            let (of, weight) = (&mut brands[brand], catalogue.weight(sku));
            of.skus += weight;
            of.sold_out += if stock.left == 0 && catalogue.is_listed(sku, last) { weight } else { 0 };
            of.ordered += u64::from(stock.ordered);
            of.paid += u64::from(stock.paid);
            of.ordered_fen += u64::from(stock.ordered) * u64::from(stock.price);
            of.paid_fen += stock.paid_fen;
        }
        for passing in self.stock.brands().passings() {
            brands[passing.brand as usize].passed[usize::from(passing.mark)] = Some(passing.at);
        }
        let mut order: Vec<usize> = (0..brands.len()).filter(|&id| id < named || brands[id].ordered > 0).collect();
        order.sort_by_key(|&id| (Reverse(brands[id].paid_fen), id));
        order.into_iter().map(|id| self.brand_row(catalogue, id, named, &brands[id])).collect()
    }

    fn brand_row(&self, catalogue: &Catalogue, id: usize, named: usize, totals: &BrandTotals) -> BrandRow {
        let (category, name) = catalogue.brand(id);
        let [million, ten, hundred, billion] = totals.passed.map(|at| at.map(|at| self.unix_ms(at)));
        let since = totals.passed.map(|at| at.map(|at| self.since_opening(at)));
        BrandRow {
            brand: name.map_or_else(|| format!("brand-{:06}", id - named), str::to_string),
            category: self.category_name(category),
            skus: totals.skus,
            skus_sold_out: totals.sold_out,
            units_ordered: totals.ordered * self.scale,
            units_paid: totals.paid * self.scale,
            gmv_ordered_fen: totals.ordered_fen * self.scale,
            gmv_paid_fen: totals.paid_fen * self.scale,
            passed_1m_unix_ms: million,
            passed_1m_seconds: since[0],
            passed_10m_unix_ms: ten,
            passed_10m_seconds: since[1],
            passed_100m_unix_ms: hundred,
            passed_100m_seconds: since[2],
            passed_1bn_unix_ms: billion,
            passed_1bn_seconds: since[3],
        }
    }

    /// Seconds from the opening of the window that was open or was open last until the end of a tick.
    fn since_opening(&self, end: Instant) -> f64 {
        let opened = self.plan.windows.iter().rev().find(|window| window.opens < end);
        (end - opened.map_or(Instant(0), |window| window.opens)).as_secs_f64()
    }

    fn category_name(&self, category: usize) -> String {
        self.plan.catalogue.as_ref().map_or(String::new(), |c| c.categories[category].name.clone())
    }

    pub(super) fn products(&self, catalogue: &Catalogue) -> Vec<ProductRow> {
        let named = catalogue.named_products() as Sku;
        let mut top = BinaryHeap::with_capacity(TOP_PRODUCTS + 1);
        for sku in named..self.stock.skus() {
            let stock = self.stock.of(sku);
            if stock.paid > 0 {
                top.push(Reverse((stock.paid_fen, Reverse(sku))));
                if top.len() > TOP_PRODUCTS {
                    top.pop();
                }
            }
        }
        let top = top.into_sorted_vec().into_iter().map(|Reverse((_, Reverse(sku)))| sku);
        (0..named).chain(top).map(|sku| self.product_row(catalogue, sku)).collect()
    }

    fn product_row(&self, catalogue: &Catalogue, sku: Sku) -> ProductRow {
        let stock = self.stock.of(sku);
        let named_brands = self.plan.catalogue.as_ref().map_or(0, |c| c.named_brands.len());
        let brand = self.stock.brand_of(sku).map(|id| match catalogue.brand(id).1 {
            Some(name) => name.to_string(),
            None => format!("brand-{:06}", id - named_brands),
        });
        let name = match catalogue.full_number(sku) {
            Some(number) => format!("sku-{number:08}"),
            None => self.plan.catalogue.as_ref().map_or(String::new(), |c| c.products[sku as usize].name.clone()),
        };
        ProductRow {
            product: name,
            category: self.category_name(catalogue.category_of(sku)),
            brand: brand.unwrap_or_default(),
            price_fen: u64::from(stock.price),
            units_start: u64::from(catalogue.stock_at_start(sku)) * self.scale,
            units_restocked: u64::from(stock.restocked) * self.scale,
            units_ordered: u64::from(stock.ordered) * self.scale,
            units_paid: u64::from(stock.paid) * self.scale,
            units_left: u64::from(stock.left) * self.scale,
            gmv_paid_fen: stock.paid_fen * self.scale,
            sold_out_unix_ms: self.stock.sold_out_at(sku).map(|at| self.unix_ms(at)),
            requests_rejected: self.recorder.total.requests_rejected.get(&sku).map_or(0, |of| of * self.scale),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct BrandTotals {
    skus: u64,
    sold_out: u64,
    ordered: u64,
    paid: u64,
    ordered_fen: u64,
    paid_fen: u64,
    /// When each mark was passed.
    passed: [Option<Instant>; MARKS.len()],
}

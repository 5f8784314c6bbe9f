//! What is bought if nothing fails: orders, money, and the products that cannot last.

use super::ShortProduct;
use super::baskets::Effects;
use crate::model::expectation::Expectation;
use crate::plan::{Action, Catalogue, CountDistribution, Plan};

/// Expected demand of a plan.
#[derive(Default)]
pub(super) struct Demand {
    pub(super) orders: f64,
    pub(super) gmv_ordered_fen: f64,
    pub(super) gmv_paid_fen: f64,
    pub(super) coupon_fen: f64,
    pub(super) short: Vec<ShortProduct>,
}

impl Demand {
    pub(super) fn new(plan: &Plan, expectation: &Expectation, baskets: &[Effects]) -> Self {
        let Some(catalogue) = &plan.catalogue else { return Demand::default() };
        let mut demand = Demand::default();
        let mut units_wanted = vec![0.0; catalogue.products.len()];
        for ((segment, sessions), baskets) in plan.segments.iter().zip(&expectation.sessions).zip(baskets) {
            let checkouts = expectation.checkouts[segment.cbmg];
            let lines = sessions.iter().sum::<f64>() * checkouts * segment.lines.mean();
            let weights: Vec<f64> =
                catalogue.categories.iter().zip(&segment.interest).map(|(c, i)| c.demand * i).collect();
            let sum: f64 = weights.iter().sum();
            if lines <= 0.0 || sum <= 0.0 {
                continue;
            }
            let shares = Shares::new(plan, expectation, segment.cbmg, sessions, baskets);
            let mut ordered = 0.0;
            for (category, weight) in weights.iter().enumerate() {
                let lines = lines * weight / sum;
                ordered += lines * fen_per_line(catalogue, category, segment.units.mean());
                for (wanted, product) in units_wanted.iter_mut().zip(&catalogue.products) {
                    if product.category == category {
                        let units = product.units.as_ref().map_or(segment.units.mean(), CountDistribution::mean);
                        *wanted += lines * product.demand * units;
                    }
                }
            }
            demand.orders += lines * shares.orders;
            demand.gmv_ordered_fen += ordered * shares.ordered;
            demand.gmv_paid_fen += ordered * shares.paid;
            demand.coupon_fen += ordered * shares.off;
        }
        demand.short = short(catalogue, &units_wanted);
        demand
    }
}

/// Mean money of a basket line in a category: the named products by their shares, the generated ones with the rest.
fn fen_per_line(catalogue: &Catalogue, category: usize, units: f64) -> f64 {
    let named = catalogue.products.iter().filter(|p| p.category == category);
    let (mut share, mut fen) = (0.0, 0.0);
    for product in named {
        share += product.demand;
        fen += product.demand * product.price.0 as f64 * product.units.as_ref().map_or(units, CountDistribution::mean);
    }
    fen + (1.0 - share).max(0.0) * catalogue.categories[category].price.mean_fen() * units
}

/// What becomes of each line that a segment wishes for, and of each fen of its price.
#[derive(Default)]
struct Shares {
    orders: f64,
    ordered: f64,
    paid: f64,
    off: f64,
}

impl Shares {
    /// In a presale what is ordered, and what is paid, is the part whose deposit and balance are paid, and no coupon counts.
    fn new(plan: &Plan, expectation: &Expectation, cbmg: usize, sessions: &[f64], baskets: &Effects) -> Self {
        let paid_at_once = (accepted(plan, expectation, cbmg) / expectation.checkouts[cbmg]).min(1.0);
        let all: f64 = sessions.iter().sum();
        let mut sum = Shares::default();
        for (window, sessions) in plan.windows.iter().zip(sessions) {
            let (ordered, paid) = match &window.presale {
                None => (1.0, paid_at_once),
                Some(presale) => {
                    let balances = accepted(plan, expectation, presale.cbmg).min(1.0);
                    let completed = paid_at_once * presale.conversion * balances;
                    (completed, completed)
                }
            };
            let (share, effect) = (sessions / all, baskets.of(window.presale.is_some()));
            sum.orders += share * ordered * effect.lines;
            sum.ordered += share * ordered * effect.left;
            sum.paid += share * paid * effect.left;
            sum.off += share * ordered * effect.off;
        }
        sum
    }
}

/// Visits of payment pages that the bank accepts. A second attempt after a decline is not counted.
fn accepted(plan: &Plan, expectation: &Expectation, cbmg: usize) -> f64 {
    let visits = plan.cbmgs[cbmg].states.iter().zip(&expectation.visits[cbmg]);
    let accepted = visits.map(|(state, visits)| match state.action {
        Some(Action::Pay { declined }) => visits * (1.0 - declined),
        _ => 0.0,
    });
    accepted.sum()
}

fn short(catalogue: &Catalogue, units_wanted: &[f64]) -> Vec<ShortProduct> {
    let times = |id: usize| catalogue.supply.as_ref().map_or(1.0, |supply| supply.times_stock(id));
    let units = |id: usize| (f64::from(catalogue.products[id].stock) * times(id)).round() as u64;
    let short = catalogue
        .products
        .iter()
        .zip(units_wanted)
        .enumerate()
        .filter(|(id, (_, wanted))| **wanted > units(*id) as f64);
    short
        .map(|(id, (product, &units_wanted))| ShortProduct {
            product: product.name.clone(),
            units_wanted,
            units_start: units(id),
        })
        .collect()
}

//! STAND-IN, to be dropped at the merge: plays nothing, slowly.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::plan::Plan;
use crate::results::*;
use crate::units::{Fen, Instant};
use std::ops::ControlFlow;

pub struct Options {
    pub simulated_cells: u32,
    pub threads: usize,
}
pub struct Progress {
    pub now: Instant,
    pub done: f64,
    pub events: u64,
    pub in_flight: u64,
    pub gmv_paid: Fen,
}
#[derive(Debug)]
pub struct Breach;
impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("breach")
    }
}
impl std::error::Error for Breach {}
pub fn run(
    plan: &Plan,
    options: &Options,
    watch: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Results, Breach> {
    let ticks = plan.shoppers / 10_000;
    let mut now = Instant(0);
    let mut completion = Completion::Complete;
    for tick in 0..=ticks {
        now = Instant((plan.horizon.0 as u128 * tick as u128 / ticks.max(1) as u128) as u64);
        std::thread::sleep(std::time::Duration::from_millis(10));
        let done = tick as f64 / ticks.max(1) as f64;
        let p = Progress {
            now,
            done,
            events: tick * 34_567,
            in_flight: 123_456 + tick * 100,
            gmv_paid: Fen(tick * 123_456_789_00),
        };
        if watch(&p).is_break() && tick < ticks {
            completion = Completion::Interrupted;
            break;
        }
    }
    let total = Totals {
        sessions: 654_321_000,
        intents: 900_000_000,
        orders_created: 700_000_000,
        orders_paid: 600_000_000,
        demand_fen: 80_000_000_000_000,
        gmv_ordered_fen: 60_000_000_000_000,
        gmv_paid_fen: 49_820_000_000_000,
        lost_fen: 20_000_000_000_000,
    };
    let ms = |i: Instant| plan.origin_unix_ms + (i.0 / 1_000_000) as i64;
    let windows: Vec<_> = plan
        .windows
        .iter()
        .map(|w| WindowSummary {
            name: w.name.clone(),
            opens_unix_ms: ms(w.opens),
            closes_unix_ms: ms(w.closes),
            total: total.clone(),
            peak_orders_per_second: 583_000.4,
            peak_orders_unix_ms: Some(ms(w.opens) + 26_000),
            peak_payments_per_second: 480_000.,
        })
        .collect();
    let o = plan.origin_unix_ms;
    let saturated = (0..3)
        .map(|i| Saturation {
            service: "order".into(),
            from_unix_ms: o + 4_000 + i * 100_000,
            until_unix_ms: o + 70_000 + i * 100_000,
            worst_offered_over_capacity: 1.3,
            queue_max: 12_345,
            rejected: 5_555_555,
            timed_out: 77,
        })
        .collect();
    let ledger = Bucket::ALL
        .iter()
        .map(|b| LedgerRow {
            window: plan.windows[0].name.clone(),
            segment: "everyone".into(),
            bucket: *b,
            service: if matches!(b, Bucket::Rejected | Bucket::TimedOut) { "order".into() } else { String::new() },
            intents: 90_000_000,
            units: 100_000_000,
            money_fen: 8_000_000_000_000,
        })
        .collect();
    Ok(Results {
        summary: Summary {
            saleload: "0.1.0".into(),
            name: plan.name.clone(),
            title: plan.title.clone(),
            zone: plan.zone.clone(),
            seed: plan.seed,
            completion,
            simulated_until_unix_ms: ms(now),
            cells: plan.cells,
            simulated_cells: options.simulated_cells,
            shoppers: plan.shoppers,
            skus: 14_000_000,
            skus_sold_out: 12_345,
            categories: vec!["fruit".into()],
            services: vec!["order".into()],
            products: vec!["凉山苹果".into()],
            total,
            windows,
            saturated,
            conservation: Conservation::default(),
            events: ticks * 34_567,
            digest: "abc".into(),
        },
        series: Table::default(),
        services: vec![],
        brands: vec![],
        products: vec![ProductRow {
            product: "凉山苹果".into(),
            category: "fruit".into(),
            brand: String::new(),
            price_fen: 167,
            units_start: 60_000_000,
            units_ordered: 60_000_000,
            units_paid: 60_000_000,
            units_left: 0,
            gmv_paid_fen: 10_020_000_000,
            sold_out_unix_ms: Some(o + 61_000),
        }],
        ledger,
    })
}

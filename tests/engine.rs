//! The engine on plans built by hand.

use saleload::engine::{self, Options};
use saleload::plan::*;
use saleload::results::Results;
use saleload::units::{Fen, Instant, Nanos};
use std::ops::ControlFlow;

/// Shoppers who browse, fill a basket, order and pay on a small platform, over two windows.
fn plan() -> Plan {
    let think = Some(TimeDistribution::Exponential(Nanos::from_secs(5)));
    let state = |name: &str, calls: Vec<usize>, action, next| State {
        name: name.into(),
        calls,
        action,
        think: think.clone(),
        next,
        on_failure: vec![(Some(0), 0.5), (None, 0.5)],
    };
    let states = vec![
        state("home", vec![0], None, vec![(Some(1), 0.7), (None, 0.3)]),
        state("cart", vec![0], Some(Action::AddToBasket), vec![(Some(2), 0.8), (Some(0), 0.1), (None, 0.1)]),
        state("order", vec![0, 1], Some(Action::Reserve), vec![(Some(3), 0.9), (None, 0.1)]),
        state("pay", vec![1], Some(Action::Pay { declined: 0.05 }), vec![(None, 1.0)]),
    ];
    let service = |name: &str, instances, mean| Service {
        name: name.into(),
        pool: Some(Pool { instances, workers: 2, queue: Some(10) }),
        service_time: TimeDistribution::Exponential(Nanos::from_millis(mean)),
        timeout: Some(Nanos::from_millis(500)),
        retry: Retry {
            attempts: 3,
            backoff: Nanos::from_millis(100),
            multiplier: 2.0,
            cap: Nanos::from_secs(10),
            jitter: Jitter::Full,
        },
    };
    let window = |name: &str, opens, closes| Window {
        name: name.into(),
        opens: Instant(Nanos::from_secs(opens).0),
        closes: Instant(Nanos::from_secs(closes).0),
    };
    let burst =
        IntensityPart::Burst { weight: 1.0, rise: Nanos::from_secs(2), decay: Nanos::from_secs(60), after: Nanos(0) };
    let category = |name: &str, skus, p50: f64| Category {
        name: name.into(),
        skus,
        demand: 1.0,
        price: MoneyDistribution::Lognormal { mu: 9.0, sigma: 1.0 },
        stock: StockDistribution::Lognormal { mu: p50.ln(), sigma: 1.0 },
    };
    Plan {
        name: "test".into(),
        title: "Test".into(),
        zone: "Asia/Shanghai".into(),
        seed: 1,
        origin_unix_ms: 0,
        horizon: Instant(Nanos::from_secs(1200).0),
        shoppers: 40_000,
        cells: 8,
        tick_min: Nanos::from_millis(20),
        tick_max: Nanos::from_secs(1),
        fine: Nanos::from_secs(120),
        memory: Memory { after_bought: 0.3, after_failed: 1.5 },
        windows: vec![window("first", 0, 600), window("second", 900, 1200)],
        intensities: vec![Intensity {
            name: "rush".into(),
            parts: vec![burst, IntensityPart::Constant { weight: 1.0 }],
        }],
        cbmgs: vec![Cbmg { name: "typical".into(), entry: 0, states }],
        segments: vec![Segment {
            name: "all".into(),
            share: 1.0,
            cbmg: 0,
            attendance: vec![Some(Attendance { participation: 0.5, intensity: 0 }); 2],
            lines: CountDistribution::Weights(vec![0.5, 0.3, 0.2]),
            units: CountDistribution::Constant(1),
            spend: Some(MoneyDistribution::Lognormal { mu: 10.5, sigma: 1.0 }),
            patience: Some(TimeDistribution::Exponential(Nanos::from_secs(3))),
            interest: vec![1.0, 2.0],
        }],
        services: vec![service("web", 40, 60), service("order", 16, 80)],
        hold: Nanos::from_secs(60),
        catalogue: Some(Catalogue {
            skus: 3000,
            brands: 50,
            brand_exponent: 0.8,
            popularity: Popularity { head: 0.42, tail: 1.22, knee: 0.01 },
            categories: vec![category("beauty", 1000, 30.0), category("home", 2000, 6.0)],
            named_brands: vec![Brand { name: "Nike".into(), category: 1, share: 0.1 }],
            products: vec![Product {
                name: "apples".into(),
                category: 0,
                brand: None,
                price: Fen(167),
                stock: 1000,
                demand: 0.2,
                units: Some(CountDistribution::Constant(5)),
            }],
        }),
    }
}

fn run(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

#[test]
fn threads_do_not_change_results() {
    let one = run(&plan(), 1);
    println!("{:#?}\n{:#?}", one.summary, one.ledger);
    for threads in [2, 16] {
        assert!(run(&plan(), threads) == one, "{threads} threads");
    }
}

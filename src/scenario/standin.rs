//! STAND-IN, to be dropped at the merge: reads the file, takes a few numbers from it, and has no checks.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use super::file::*;
use crate::plan;
use crate::units::{Fen, Instant, Nanos};
use std::path::Path;

pub struct Loaded {
    pub file: ScenarioFile,
    pub plan: plan::Plan,
    pub resolved: String,
    pub warnings: Diagnostics,
}
pub struct Diagnostics(Vec<String>);
impl Diagnostics {
    pub fn render(&self, _colour: bool) -> String {
        self.0.concat()
    }
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    pub fn has_errors(&self) -> bool {
        !self.0.is_empty()
    }
}
pub fn schema() -> String {
    serde_json::to_string_pretty(&schemars::schema_for!(ScenarioFile)).unwrap()
}
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Diagnostics> {
    let bad = |e: String| Diagnostics(vec![format!("error: {e}\n")]);
    let text = std::fs::read_to_string(path).map_err(|e| bad(format!("{}: {e}", path.display())))?;
    let mut table: toml::Table = toml::from_str(&text).map_err(|e| bad(e.to_string()))?;
    for o in overrides {
        let one: toml::Table = toml::from_str(o).map_err(|e| bad(e.to_string()))?;
        for (k, v) in one {
            match (table.get_mut(&k), v) {
                (Some(toml::Value::Table(t)), toml::Value::Table(u)) => t.extend(u),
                (_, v) => {
                    table.insert(k, v);
                }
            }
        }
    }
    let resolved = toml::to_string(&table).map_err(|e| bad(e.to_string()))?;
    let file: ScenarioFile = toml::from_str(&resolved).map_err(|e| bad(e.to_string()))?;
    let plan = demo(&file);
    Ok(Loaded { file, plan, resolved, warnings: Diagnostics(vec![]) })
}
fn demo(file: &ScenarioFile) -> plan::Plan {
    let day = 86_400 * Nanos::PER_SECOND;
    let st = |name: &str, calls: Vec<usize>, action, think: u64, next: Vec<(Option<usize>, f64)>| plan::State {
        name: name.into(),
        calls,
        action,
        think: (think > 0).then(|| plan::TimeDistribution::Exponential(Nanos::from_secs(think))),
        next,
        on_failure: vec![(None, 1.0)],
    };
    let sv = |name: &str, n: u64, ms: u64| plan::Service {
        name: name.into(),
        pool: (n > 0).then_some(plan::Pool { instances: n, workers: 16, queue: None }),
        service_time: plan::TimeDistribution::Exponential(Nanos::from_millis(ms)),
        timeout: None,
        retry: plan::Retry {
            attempts: 1,
            backoff: Nanos(0),
            multiplier: 2.0,
            cap: Nanos::from_secs(1),
            jitter: Jitter::Full,
        },
    };
    let window = |name: &str, d: u64| plan::Window {
        name: name.into(),
        opens: Instant(d * day),
        closes: Instant((d + 1) * day),
    };
    plan::Plan {
        name: file.name.clone(),
        title: file.title.clone(),
        zone: file.zone.clone(),
        seed: file.seed,
        origin_unix_ms: 1_604_160_000_000,
        horizon: Instant(11 * day),
        shoppers: file.population.shoppers,
        cells: file.platform.cells,
        tick_min: file.platform.tick_min,
        tick_max: file.platform.tick_max,
        fine: file.record.fine,
        memory: plan::Memory { after_bought: 1.0, after_failed: 1.0 },
        windows: vec![window("first", 0), window("second", 10)],
        intensities: vec![plan::Intensity {
            name: "opening".into(),
            parts: vec![
                plan::IntensityPart::Burst {
                    weight: 0.3,
                    rise: Nanos::from_secs(8),
                    decay: Nanos::from_secs(240),
                    after: Nanos(0),
                },
                plan::IntensityPart::Constant { weight: 0.7 },
            ],
        }],
        cbmgs: vec![plan::Cbmg {
            name: "buyer".into(),
            entry: 0,
            states: vec![
                st("home", vec![0], None, 5, vec![(Some(1), 1.0)]),
                st("product", vec![0], Some(plan::Action::AddToBasket), 20, vec![(Some(2), 0.5), (None, 0.5)]),
                st("checkout", vec![1], Some(plan::Action::Reserve), 5, vec![(Some(3), 0.9), (None, 0.1)]),
                st("pay", vec![2], Some(plan::Action::Pay { declined: 0.01 }), 0, vec![(None, 1.0)]),
            ],
        }],
        segments: vec![plan::Segment {
            name: "everyone".into(),
            share: 1.0,
            cbmg: 0,
            attendance: vec![
                Some(plan::Attendance { participation: 0.4, intensity: 0 }),
                Some(plan::Attendance { participation: 0.9, intensity: 0 }),
            ],
            lines: plan::CountDistribution::Geometric(2.0),
            units: plan::CountDistribution::Constant(1),
            spend: None,
            patience: None,
            interest: vec![1.0],
        }],
        services: vec![sv("web", 12, 50), sv("order", 5, 60), sv("payment", 0, 200)],
        hold: Nanos::from_secs(1800),
        catalogue: Some(plan::Catalogue {
            skus: 20_000,
            brands: 100,
            brand_exponent: 0.8,
            popularity: plan::Popularity { head: 0.42, tail: 1.22, knee: 0.01 },
            categories: vec![plan::Category {
                name: "fruit".into(),
                skus: 20_000,
                demand: 1.0,
                price: plan::MoneyDistribution::Lognormal { mu: 9.0, sigma: 1.0 },
                stock: plan::StockDistribution::Constant(100),
            }],
            named_brands: vec![],
            products: vec![plan::Product {
                name: "liangshan-apples".into(),
                category: 0,
                brand: None,
                price: Fen(167),
                stock: 1000,
                demand: 0.02,
                units: None,
            }],
        }),
    }
}

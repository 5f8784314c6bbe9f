//! The bundled festival at other sizes: shoppers, goods, stock and servers scaled along. Events per second from the plan to the
//! results on one and two threads, at eight million shoppers.
//!
//! Larger ones are runs of a whole process; this prints the overrides that make them, one a line:
//!
//! ```sh
//! cargo bench -q --bench flagship -- --overrides 80000000
//! ```

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use saleload::engine::{self, Options};
use saleload::plan::{Plan, Pool};
use saleload::results::Results;
use saleload::scenario;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

/// Shoppers of the measured festival.
const SHOPPERS: u64 = 8_000_000;

fn load(overrides: &[String]) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/double11-2020.toml");
    scenario::load(&path, overrides).unwrap_or_else(|problems| panic!("{}", problems.render(false))).plan
}

/// The festival with so many shoppers.
fn flagship(shoppers: u64) -> Plan {
    load(&overrides(shoppers))
}

/// What makes the festival one of so many shoppers. The stock of generated products follows the demand by itself.
fn overrides(shoppers: u64) -> Vec<String> {
    let whole = load(&[]);
    let scale = |count: u64| (u128::from(count) * u128::from(shoppers)).div_ceil(u128::from(whole.shoppers)) as u64;
    let mut overrides = vec![format!("population.shoppers={shoppers}")];
    if let Some(catalogue) = &whole.catalogue {
        overrides.push(format!("catalogue.skus={}", scale(catalogue.skus)));
        overrides.push(format!("catalogue.brands={}", scale(catalogue.brands)));
        let stocks = catalogue.products.iter();
        overrides.extend(stocks.map(|p| format!("product.\"{}\".stock={}", p.name, scale(u64::from(p.stock)))));
    }
    for service in &whole.services {
        let Some(pool) = &service.pool else { continue };
        let Pool { instances, workers, queue } = servers(pool, u64::from(whole.cells), scale);
        let name = &service.name;
        overrides.push(format!("service.{name}.instances={instances}"));
        overrides.push(format!("service.{name}.workers={workers}"));
        overrides.extend(queue.map(|queue| format!("service.{name}.queue={queue}")));
    }
    overrides
}

/// Fewer instances, the same number in every cell. Where less than one a cell would do, there is one, with fewer workers and
/// waiting places.
fn servers(pool: &Pool, cells: u64, scale: impl Fn(u64) -> u64) -> Pool {
    let instances = scale(pool.instances);
    if instances >= cells {
        return Pool { instances: instances.next_multiple_of(cells), ..pool.clone() };
    }
    let workers = scale(pool.instances * u64::from(pool.workers)).div_ceil(cells) as u32;
    let queue = pool.queue.map(|places| scale(pool.instances * places).div_ceil(cells));
    Pool { instances: cells, workers, queue }
}

fn play(plan: &Plan, threads: usize) -> Results {
    let options = Options { simulated_cells: plan.cells, threads };
    engine::run(plan, &options, &mut |_| ControlFlow::Continue(())).unwrap_or_else(|breach| panic!("{breach}"))
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flagship");
    group.sampling_mode(SamplingMode::Flat);
    let plan = flagship(SHOPPERS);
    group.throughput(Throughput::Elements(play(&plan, 2).summary.events));
    for threads in [1, 2] {
        let id = BenchmarkId::new(format!("{threads}_thread"), SHOPPERS);
        group.bench_function(id, |bencher| bencher.iter(|| play(&plan, threads)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    targets = measure
}

#[expect(clippy::print_stdout, reason = "what it was asked for")]
fn main() {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--overrides").skip(1);
    if let Some(shoppers) = arguments.next() {
        let shoppers = shoppers.replace('_', "").parse().expect("a number of shoppers");
        return overrides(shoppers).iter().for_each(|line| println!("{line}"));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

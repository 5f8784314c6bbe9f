//! The bundled festival at other sizes: shoppers, goods, stock and servers scaled along. Events per second from the plan to the
//! results on one and two threads, at eight million shoppers, beside the floor under any engine with the same draws.
//!
//! Larger ones are runs of a whole process; this prints the overrides that make them, one a line:
//!
//! ```sh
//! cargo bench -q --bench flagship -- --overrides 80000000
//! ```

#[path = "runs/floor.rs"]
mod floor;
#[path = "runs/played.rs"]
mod played;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use saleload::plan::{Plan, Pool, Shows};
use std::time::Duration;

const FESTIVAL: &str = "double11-2020.toml";
/// Shoppers of the measured festival.
const SHOPPERS: u64 = 8_000_000;

/// The festival with so many shoppers.
fn flagship(shoppers: u64) -> Plan {
    played::plan(FESTIVAL, &overrides(shoppers))
}

/// What makes the festival one of so many shoppers. The stock of generated products follows the demand by itself.
fn overrides(shoppers: u64) -> Vec<String> {
    let whole = played::plan(FESTIVAL, &[""; 0]);
    let scale = |count: u64| (u128::from(count) * u128::from(shoppers)).div_ceil(u128::from(whole.shoppers)) as u64;
    let mut overrides = vec![format!("population.shoppers={shoppers}")];
    if let Some(catalogue) = &whole.catalogue {
        overrides.push(format!("catalogue.skus={}", scale(catalogue.skus)));
        overrides.push(format!("catalogue.brands={}", scale(catalogue.brands)));
        let stocks = catalogue.products.iter();
        overrides.extend(stocks.map(|p| format!("product.\"{}\".stock={}", p.name, scale(u64::from(p.stock)))));
    }
    for livestream in &whole.livestreams {
        let Shows::Rooms(rooms) = &livestream.shows else { continue };
        let of = format!("livestream.{}.shows.rooms", livestream.name);
        overrides.push(format!("{of}.rooms={}", scale(rooms.rooms)));
        overrides.push(format!("{of}.products={}", scale(rooms.products)));
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

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flagship");
    group.sampling_mode(SamplingMode::Flat);
    let plan = flagship(SHOPPERS);
    group.throughput(Throughput::Elements(played::play(&plan, 1, 2).summary.events));
    for threads in [1, 2] {
        let id = BenchmarkId::new(format!("{threads}_thread"), SHOPPERS);
        group.bench_function(id, |bencher| bencher.iter(|| played::play(&plan, 1, threads)));
    }
    group.throughput(Throughput::Elements(floor::walk(&plan)));
    group.bench_function(BenchmarkId::new("floor_1_thread", SHOPPERS), |bencher| bencher.iter(|| floor::walk(&plan)));
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

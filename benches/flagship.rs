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
#[path = "runs/smaller.rs"]
mod smaller;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group};
use saleload::plan::Plan;
use std::time::Duration;

const FESTIVAL: &str = "double11-2020.toml";
/// Shoppers of the measured festival.
const SHOPPERS: u64 = 8_000_000;

/// What makes the festival one of so many shoppers.
fn overrides(shoppers: u64) -> Vec<String> {
    smaller::overrides(&played::plan(FESTIVAL, &[""; 0]), shoppers)
}

/// The festival with so many shoppers.
fn flagship(shoppers: u64) -> Plan {
    played::plan(FESTIVAL, &overrides(shoppers))
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

//! Whole runs of the bundled scenarios, without the report: events per second from the plan to the results.

#[path = "runs/played.rs"]
mod played;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use played::{plan, play};
use std::time::Duration;

/// Name, file, overrides, part of the cells that is simulated.
const RUNS: [(&str, &str, &[&str], u32); 3] = [
    ("quickstart", "quickstart.toml", &[], 1),
    // Eight whole cells with a two-thousandth of shoppers, goods and servers: ticks are many and short of work.
    (
        "small_festival",
        "double11-2020.toml",
        &[
            "population.shoppers=400_000",
            "platform.cells=8",
            "catalogue.skus=8_000",
            "window.second.new_skus=1_000",
            "catalogue.brands=125",
            "livestream.celebrities.shows.rooms.rooms=2",
            "livestream.celebrities.shows.rooms.products=20",
            "livestream.merchants-1.shows.rooms.rooms=10",
            "livestream.merchants-1.shows.rooms.products=200",
            "livestream.merchants-2.shows.rooms.rooms=10",
            "livestream.merchants-2.shows.rooms.products=200",
            "livestream.spring-thunder-1.shows.rooms.rooms=50",
            "livestream.spring-thunder-1.shows.rooms.products=399",
            "livestream.spring-thunder-2.shows.rooms.rooms=50",
            "livestream.spring-thunder-2.shows.rooms.products=399",
            "service.gateway.instances=8",
            "service.search.instances=8",
            "service.live.instances=8",
            "service.cart.instances=8",
            "service.order.instances=8",
            "service.payment.instances=8",
        ],
        1,
    ),
    // One cell of 64 with a fortieth of its shoppers: a fuller cell, a catalogue of 16 M SKUs, and the time to make it.
    ("sampled_festival", "double11-2020.toml", &["population.shoppers=20_000_000"], 64),
];

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("run");
    group.sampling_mode(SamplingMode::Flat);
    for (name, file, overrides, part) in RUNS {
        let plan = plan(file, overrides);
        group.throughput(Throughput::Elements(play(&plan, part, 0).summary.events));
        for threads in [1, 2] {
            // A single cell has no use for a second thread.
            if plan.cells / part < threads {
                continue;
            }
            let id = BenchmarkId::new(name, format!("{threads}_thread"));
            group.bench_function(id, |bencher| bencher.iter(|| play(&plan, part, threads as usize)));
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(5));
    targets = measure
}
criterion_main!(benches);

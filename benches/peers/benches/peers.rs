//! Customers per second on one thread: the tandem network and browsing, in saleload, by hand, in desque and in nexosim.
//!
//! The scenarios of saleload are read beforehand; everything from there to the results is measured, recording included.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use saleload_peers::{BROWSE, TANDEM, by_hand, in_desque, in_nexosim, in_saleload};
use std::time::Duration;

fn tandem(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tandem");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(TANDEM.0));
    let plan = in_saleload::load("tandem.toml");
    group.bench_function("saleload", |bencher| bencher.iter(|| in_saleload::play(&plan)));
    group.bench_function("by_hand", |bencher| bencher.iter(by_hand::tandem));
    group.bench_function("desque", |bencher| bencher.iter(in_desque::tandem));
    group.bench_function("nexosim", |bencher| bencher.iter(in_nexosim::tandem));
    group.finish();
}

fn browse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("browse");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(BROWSE.0));
    let plan = in_saleload::load("browse.toml");
    group.bench_function("saleload", |bencher| bencher.iter(|| in_saleload::play(&plan)));
    group.bench_function("by_hand", |bencher| bencher.iter(by_hand::browse));
    group.bench_function("by_hand_arrivals_apart", |bencher| bencher.iter(by_hand::browse_arrivals_apart));
    group.bench_function("desque", |bencher| bencher.iter(in_desque::browse));
    group.bench_function("nexosim", |bencher| bencher.iter(in_nexosim::browse));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(5));
    targets = tandem, browse
}
criterion_main!(benches);

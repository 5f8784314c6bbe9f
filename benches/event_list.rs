//! The event list under the hold model (Jones, "An empirical comparison of priority-queue and event-set implementations", 1986):
//! take the earliest event, schedule another one, at a constant number of pending events. The yardstick is the standard
//! library's binary heap of the same events in the same order.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use saleload::engine::event_list::EventList;
use saleload::engine::session::{Phase, Session};
use saleload::rng::{Draws, Name, Purpose, Stream};
use saleload::units::Instant;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;

/// Holds per measured iteration.
const HOLDS: u64 = 10_000;

/// Delays as a festival schedules them: nine in ten are think times of 20 s on average, the others responses within 0.1 s.
fn delays() -> Vec<u64> {
    let name = Name { subject: 1, session: 0, visit: 0, purpose: Purpose::Visit, item: 0 };
    let mut stream = Draws::new(1).stream(name);
    let delay = |stream: &mut Stream| {
        let mean = if stream.unit() < 0.9 { 20e9 } else { 0.1e9 };
        (-stream.unit().max(1e-12).ln() * mean) as u64
    };
    (0..1 << 16).map(|_| delay(&mut stream)).collect()
}

fn event(time: u64, shopper: u32) -> Session {
    let mut session = Session::new(Instant(time), shopper, 0, 0);
    session.wait_for(Phase::ThinkEnd, Instant(time));
    session
}

/// An event in a heap of the standard library, which has the largest at its root.
struct Reversed(Session);

impl Ord for Reversed {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.order().cmp(&self.0.order())
    }
}

impl PartialOrd for Reversed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Reversed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Reversed {}

/// What the two have in common.
trait Pending {
    fn add(&mut self, event: Session);
    fn take(&mut self) -> Option<Session>;
}

impl Pending for EventList {
    fn add(&mut self, event: Session) {
        self.push(event);
    }

    fn take(&mut self) -> Option<Session> {
        self.pop_before(u64::MAX)
    }
}

impl Pending for BinaryHeap<Reversed> {
    fn add(&mut self, event: Session) {
        self.push(Reversed(event));
    }

    fn take(&mut self) -> Option<Session> {
        self.pop().map(|reversed| reversed.0)
    }
}

/// A list of `pending` events in its steady state.
fn filled<P: Pending + Default>(pending: u32, delays: &[u64]) -> P {
    let mut list = P::default();
    for shopper in 0..pending {
        list.add(event(delays[shopper as usize % delays.len()], shopper));
    }
    hold(&mut list, delays, 2 * u64::from(pending));
    list
}

/// Takes and schedules `times` times.
fn hold<P: Pending>(list: &mut P, delays: &[u64], times: u64) {
    for step in 0..times {
        let Some(taken) = list.take() else { return };
        let delay = delays[(step as usize).wrapping_add(taken.shopper as usize * 7) % delays.len()];
        list.add(event(taken.time.0 + delay, taken.shopper));
    }
}

fn measure(criterion: &mut Criterion) {
    let delays = delays();
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(HOLDS));
    for pending in [1_000, 100_000, 1_000_000] {
        let mut list: EventList = filled(pending, &delays);
        group.bench_function(BenchmarkId::new("event_list", pending), |bencher| {
            bencher.iter(|| hold(black_box(&mut list), &delays, HOLDS));
        });
        drop(list);
        let mut heap: BinaryHeap<Reversed> = filled(pending, &delays);
        group.bench_function(BenchmarkId::new("binary_heap", pending), |bencher| {
            bencher.iter(|| hold(black_box(&mut heap), &delays, HOLDS));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = measure
}
criterion_main!(benches);

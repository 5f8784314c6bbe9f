//! The event list under the hold model (Jones, "An empirical comparison of priority-queue and event-set implementations", 1986):
//! take the earliest event, schedule another one, at a constant number of pending events. The yardsticks are the standard
//! library's binary heap and a four-ary heap, of the same events in the same order.
//!
//! A list begins in its steady state: delays of events that are already pending are longer than those of events that are
//! scheduled (a hold of half an hour is pending for long), and partly over.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use saleload::engine::event_list::EventList;
use saleload::engine::session::{Phase, Session};
use saleload::rng::{Draws, Name, Purpose, Stream};
use saleload::units::Instant;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Duration;

/// Numbers of pending events.
const PENDING: [u32; 6] = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// Holds per measured iteration.
const HOLDS: u64 = 10_000;
/// Delays drawn beforehand: the cost of a draw is not that of the list.
const DRAWN: usize = 1 << 16;
/// Half an hour.
const HOLD: f64 = 1800e9;

/// A delay as a festival schedules them, ns. Of a hundred: fifty responses, exponential with a mean of 50 ms; forty-five think
/// times, exponential with a mean of 5 to 60 s, as the page is; five holds of stock, of exactly 30 min.
fn delay(stream: &mut Stream) -> f64 {
    match stream.unit() {
        kind if kind < 0.50 => exponential(stream) * 50e6,
        kind if kind < 0.95 => exponential(stream) * (5e9 + 55e9 * stream.unit()),
        _ => HOLD,
    }
}

/// What is left of the delay of an event that is pending at a moment that means nothing: each kind by its share times its mean,
/// exponential times as they were, holds evenly spread.
fn rest(stream: &mut Stream) -> f64 {
    let (responses, thinks, holds) = (0.50 * 50e6, 0.45 * 32.5e9, 0.05 * HOLD);
    match stream.unit() * (responses + thinks + holds) {
        kind if kind < responses => exponential(stream) * 50e6,
        // Pages are pending by the length of their mean: it has a density that rises from 5 s to 60 s.
        kind if kind < responses + thinks => {
            let square = 25.0 + (3600.0 - 25.0) * stream.unit();
            exponential(stream) * square.sqrt() * 1e9
        }
        _ => HOLD * stream.unit(),
    }
}

fn exponential(stream: &mut Stream) -> f64 {
    -stream.unit().max(1e-12).ln()
}

fn stream(subject: u64) -> Stream {
    Draws::new(1).stream(Name { subject, session: 0, visit: 0, purpose: Purpose::Visit, item: 0 })
}

fn event(time: u64, shopper: u32) -> Session {
    let mut session = Session::new(Instant(time), shopper, 0, 0);
    session.wait_for(Phase::ThinkEnd, Instant(time));
    session
}

/// What the three have in common.
trait Pending: Default {
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

/// The order of events; the rank is looked at only where the times are equal.
#[inline]
fn compare(a: &Session, b: &Session) -> Ordering {
    a.time.cmp(&b.time).then_with(|| a.order().cmp(&b.order()))
}

/// An event in a heap of the standard library, which has the largest at its root.
struct Reversed(Session);

impl Ord for Reversed {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&other.0, &self.0)
    }
}

impl PartialOrd for Reversed {
    #[inline]
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

impl Pending for BinaryHeap<Reversed> {
    fn add(&mut self, event: Session) {
        self.push(Reversed(event));
    }

    fn take(&mut self) -> Option<Session> {
        self.pop().map(|reversed| reversed.0)
    }
}

/// A four-ary heap, earliest at the root: half the levels of a binary one, and the children of an event lie side by side. Events
/// move into a hole instead of being swapped.
#[derive(Default)]
struct FourAryHeap(Vec<Session>);

impl Pending for FourAryHeap {
    fn add(&mut self, event: Session) {
        let mut hole = self.0.len();
        self.0.push(event);
        let heap = self.0.as_mut_slice();
        while hole > 0 {
            let parent = (hole - 1) / 4;
            if compare(&heap[parent], &event).is_le() {
                break;
            }
            heap[hole] = heap[parent];
            hole = parent;
        }
        heap[hole] = event;
    }

    fn take(&mut self) -> Option<Session> {
        let event = self.0.pop()?;
        let heap = self.0.as_mut_slice();
        let Some(&first) = heap.first() else { return Some(event) };
        let mut hole = 0;
        while let Some(children) = heap.get(4 * hole + 1..).filter(|children| !children.is_empty()) {
            let children = &children[..children.len().min(4)];
            let mut least = 0;
            for child in 1..children.len() {
                if compare(&children[child], &children[least]).is_lt() {
                    least = child;
                }
            }
            if compare(&children[least], &event).is_ge() {
                break;
            }
            let child = 4 * hole + 1 + least;
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = event;
        Some(first)
    }
}

/// A list in its steady state, and what the next events will be delayed by.
struct Model<P> {
    list: P,
    delays: Vec<u64>,
    next: usize,
}

impl<P: Pending> Model<P> {
    fn new(pending: u32) -> Self {
        let (mut stream, mut later) = (stream(1), stream(2));
        let mut list = P::default();
        for shopper in 0..pending {
            list.add(event(rest(&mut stream) as u64, shopper));
        }
        Model { list, delays: (0..DRAWN).map(|_| delay(&mut later) as u64).collect(), next: 0 }
    }

    /// Takes and schedules so many times.
    fn hold(&mut self, times: u64) {
        for _ in 0..times {
            let Some(taken) = self.list.take() else { return };
            let delay = self.delays[self.next % DRAWN];
            self.next += 1;
            self.list.add(event(taken.time.0 + delay, taken.shopper));
        }
    }
}

fn measure_one<P: Pending>(criterion: &mut Criterion, name: &str, pending: u32) {
    let mut group = criterion.benchmark_group("hold");
    group.throughput(Throughput::Elements(HOLDS));
    // Filled only if it is asked for, and one at a time: ten million events are half a gigabyte.
    let mut model: Option<Model<P>> = None;
    group.bench_function(BenchmarkId::new(name, pending), |bencher| {
        let model = model.get_or_insert_with(|| Model::new(pending));
        bencher.iter(|| black_box(&mut *model).hold(HOLDS));
    });
    group.finish();
}

fn measure(criterion: &mut Criterion) {
    for pending in PENDING {
        measure_one::<EventList>(criterion, "event_list", pending);
        measure_one::<BinaryHeap<Reversed>>(criterion, "binary_heap", pending);
        measure_one::<FourAryHeap>(criterion, "four_ary_heap", pending);
    }
}

/// The three take the same events in the same order.
fn agree() {
    let mut list = Model::<EventList>::new(1000);
    let mut binary = Model::<BinaryHeap<Reversed>>::new(1000);
    let mut four_ary = Model::<FourAryHeap>::new(1000);
    for _ in 0..100 {
        list.hold(100);
        binary.hold(100);
        four_ary.hold(100);
        let next = list.list.take();
        assert!(next.is_some() && next == binary.list.take() && next == four_ary.list.take());
    }
}

fn checked(criterion: &mut Criterion) {
    agree();
    measure(criterion);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = checked
}
criterion_main!(benches);

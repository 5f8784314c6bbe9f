//! In nexosim: models that are connected by ports and schedule their own events, on its single-threaded executor.

#![expect(clippy::unused_async, reason = "nexosim's initialisers and repliers are asynchronous")]

use crate::station::{Served, Station};
use crate::{BROWSE, Browse, Draws, LEAVE, STAY, TANDEM, Tandem, gap};
use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::{Output, QuerySource};
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Sends customers, one at a time.
#[derive(Serialize, Deserialize)]
struct Source {
    customer: Output<()>,
    draws: Draws,
    to_come: u64,
    gap: f64,
}

#[Model]
impl Source {
    fn new((customers, seconds): (u64, f64)) -> Self {
        let gap = gap((customers, seconds));
        Source { customer: Output::default(), draws: Draws::new(1), to_come: customers, gap }
    }

    #[nexosim(init)]
    async fn init(&mut self, context: &Context<Self>, (): &mut ()) {
        self.schedule(context);
    }

    fn schedule(&mut self, context: &Context<Self>) {
        let gap = Duration::from_nanos(self.draws.exponential(self.gap));
        context.schedule_event(gap, schedulable!(Self::send), ()).expect("in the future");
    }

    #[nexosim(schedulable)]
    async fn send(&mut self, (): (), context: &Context<Self>) {
        self.to_come -= 1;
        if self.to_come > 0 {
            self.schedule(context);
        }
        self.customer.send(()).await;
    }
}

/// A station, and where its customers go.
#[derive(Serialize, Deserialize)]
struct Stop {
    next: Output<()>,
    draws: Draws,
    station: Station,
    leave: f64,
    left: u64,
}

#[Model]
impl Stop {
    fn new(station: Station, leave: f64, seed: u64) -> Self {
        Stop { next: Output::default(), draws: Draws::new(seed), station, leave, left: 0 }
    }

    fn arrive(&mut self, (): (), context: &Context<Self>) {
        let work = self.station.arrive(now(context.time()), &mut self.draws);
        Self::schedule(work, context);
    }

    fn schedule(work: Option<u64>, context: &Context<Self>) {
        if let Some(work) = work {
            let work = Duration::from_nanos(work);
            context.schedule_event(work, schedulable!(Self::complete), ()).expect("in the future");
        }
    }

    #[nexosim(schedulable)]
    async fn complete(&mut self, (): (), context: &Context<Self>) {
        let work = self.station.complete(now(context.time()), &mut self.draws);
        Self::schedule(work, context);
        if self.leave > 0.0 && (self.leave >= 1.0 || self.draws.happens(self.leave)) {
            self.left += 1;
        } else {
            self.next.send(()).await;
        }
    }

    async fn report(&mut self) -> (u64, Served) {
        (self.left, self.station.served())
    }
}

fn now(time: MonotonicTime) -> u64 {
    let since = time.duration_since(MonotonicTime::EPOCH);
    since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos())
}

/// Plays the tandem network.
#[must_use]
pub fn tandem() -> Tandem {
    let mut source = Source::new(TANDEM);
    let [front, middle, back] = Station::tandem();
    let mut stops = [Stop::new(front, LEAVE, 2), Stop::new(middle, 0.0, 3), Stop::new(back, 1.0, 4)];
    let source_box = Mailbox::new();
    let boxes: [Mailbox<Stop>; 3] = std::array::from_fn(|_| Mailbox::new());
    source.customer.connect(Stop::arrive, &boxes[0]);
    stops[0].next.connect(Stop::arrive, &boxes[1]);
    stops[1].next.connect(Stop::arrive, &boxes[2]);
    let mut bench = SimInit::with_num_threads(1);
    let reports =
        boxes.each_ref().map(|mailbox| QuerySource::new().connect(Stop::report, mailbox).register(&mut bench));
    bench = bench.add_model(source, source_box, "source");
    for (stop, mailbox) in stops.into_iter().zip(boxes) {
        bench = bench.add_model(stop, mailbox, "stop");
    }
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("a sound bench");
    simulation.run().expect("nothing stops the run");
    let served = reports.map(|report| simulation.process_query(&report, ()).expect("an answer"));
    Tandem { customers: served.iter().map(|(left, _)| left).sum(), stations: served.map(|(_, served)| served) }
}

/// A place where customers stay.
#[derive(Serialize, Deserialize)]
struct Place {
    draws: Draws,
    present: u64,
    most_present: u64,
    left: u64,
}

#[Model]
impl Place {
    fn enter(&mut self, (): (), context: &Context<Self>) {
        self.present += 1;
        self.most_present = self.most_present.max(self.present);
        let stay = Duration::from_nanos(self.draws.exponential(STAY));
        context.schedule_event(stay, schedulable!(Self::exit), ()).expect("in the future");
    }

    #[nexosim(schedulable)]
    fn exit(&mut self) {
        self.present -= 1;
        self.left += 1;
    }

    async fn report(&mut self) -> (u64, u64) {
        (self.left, self.most_present)
    }
}

/// Plays browsing.
#[must_use]
pub fn browse() -> Browse {
    let mut source = Source::new(BROWSE);
    let place = Place { draws: Draws::new(2), present: 0, most_present: 0, left: 0 };
    let (source_box, place_box) = (Mailbox::new(), Mailbox::new());
    source.customer.connect(Place::enter, &place_box);
    let mut bench = SimInit::with_num_threads(1);
    let report = QuerySource::new().connect(Place::report, &place_box).register(&mut bench);
    let bench = bench.add_model(source, source_box, "source").add_model(place, place_box, "place");
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("a sound bench");
    simulation.run().expect("nothing stops the run");
    let (customers, most_present) = simulation.process_query(&report, ()).expect("an answer");
    Browse { customers, most_present }
}

//! The simulator itself: one heap of events over all cells, and time that goes from event to event.
//!
//! Slots and ticks are the engine's (`schedule::slots`), because they are a pure function of the plan; so are the model's
//! samplers and the draws. Everything else is written again, from the documentation, in the plainest way: sessions stand in a
//! map, workers hold requests, timers that nobody waits for any more are ignored when they ring.

use super::arrivals::Crowd;
use super::event::{Digest, Event, Turn};
use super::presale::Deposit;
use super::protection::Guard;
use super::record::{Record, What};
use super::room::Room;
use super::scaler::Scaler;
use super::service::{RequestId, Service};
use super::session::{Fate, Key, Session, Waits};
use super::stock::{Answer, Settlement, Stock};
use super::switches::Position;
use saleload::engine::schedule::{self, Slot};
use saleload::model::Model;
use saleload::plan::inventory::Reserve;
use saleload::plan::{Desk, Plan, Queues};
use saleload::units::Instant;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// How to play a plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Cells to simulate.
    pub(crate) simulated: u32,
    /// When stock is settled.
    pub(crate) settlement: Settlement,
    /// The run is broken off at the first end of a tick that is not before this.
    pub(crate) stop_at: Instant,
    /// Whether to keep every event as text.
    pub(crate) keeps_log: bool,
}

/// A cell: its services and its digest.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Of each service its queues with their workers: one, or one per instance.
    pub(crate) services: Vec<Vec<Service>>,
    /// What protects each service, where there is anything.
    pub(crate) guards: Vec<Option<Guard>>,
    /// Where the balancer of each service goes next, if it goes round.
    pub(crate) rounds: Vec<usize>,
    /// Instances of each service that stand, and those that are lost for the time being.
    pub(crate) standing: Vec<u64>,
    pub(crate) lost: Vec<u64>,
    /// Instances of each service behind a common queue that serve the shoppers of the cell, a part of one counted as one.
    pub(crate) serving: Vec<u64>,
    /// Whether the cell is lost to each service, and whether nobody serves its shoppers.
    pub(crate) gone: Vec<bool>,
    pub(crate) down: Vec<bool>,
    /// The longest that all queues of each service together were in the current row.
    pub(crate) longest: Vec<u64>,
    /// The waiting room of each window.
    pub(crate) rooms: Vec<Room>,
    pub(crate) digest: Digest,
    pub(crate) first_shopper: u64,
}

impl Cell {
    /// Requests that wait for a service.
    pub(crate) fn waiting(&self, service: usize) -> u64 {
        self.services[service].iter().map(|queue| queue.queue.len() as u64).sum()
    }
}

/// What a shopper has been through in earlier windows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    pub(crate) has_bought: bool,
    pub(crate) has_failed: bool,
    pub(crate) has_deferred: bool,
    /// The window that they came to last.
    pub(crate) came_to: Option<usize>,
}

/// An order that waits for the end of the tick, with the answers that its lines have got.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) key: Key,
    pub(crate) answers: Vec<Answer>,
}

/// A run, and what is left of it in the end.
pub(crate) struct Simulator<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) model: Model,
    pub(crate) now: Instant,
    pub(crate) interrupted: bool,
    pub(crate) cells: Vec<Cell>,
    pub(crate) events: BinaryHeap<Reverse<Event>>,
    pub(crate) sessions: BTreeMap<Key, Session>,
    pub(crate) stock: Stock,
    pub(crate) waiting: Vec<Waiting>,
    pub(crate) history: Vec<History>,
    pub(crate) switches: Vec<Position>,
    /// By shopper.
    pub(crate) deposits: BTreeMap<u64, Deposit>,
    pub(crate) record: Record,
    pub(crate) scalers: Vec<Scaler>,
    /// Ends of the ticks that were played.
    pub(crate) ends_of_ticks: Vec<Instant>,
    /// Waits begun so far.
    numbers: u64,
    /// Legs begun so far.
    pub(crate) legs: u64,
}

/// Plays a plan.
pub(crate) fn play<'a>(plan: &'a Plan, settings: &Settings) -> Simulator<'a> {
    let mut simulator = Simulator::new(plan, settings);
    let mut crowd = Crowd::default();
    'slots: for slot in schedule::slots(plan) {
        let glimpse = slot.glimpse(simulator.record.rows.len(), &simulator.model.draws);
        simulator.record.open(slot, glimpse);
        if slot.window > 0 && slot.start == plan.windows[slot.window].opens {
            simulator.stock.lay_in(plan, &simulator.model, slot.window, slot.start);
        }
        for slice in 0..slot.slices {
            let ticks = slot.ticks_of(slice);
            let start = if ticks.start == 0 { slot.start } else { slot.tick_end(ticks.start - 1) };
            let edges: Vec<Instant> = std::iter::once(start).chain(ticks.map(|tick| slot.tick_end(tick))).collect();
            crowd.draw(&simulator, slot.window, &edges);
            for &end in &edges[1..] {
                simulator.turn_switches();
                let start = simulator.ends_of_ticks.last().copied().unwrap_or(Instant(0));
                simulator.stock.begin_tick(start, end);
                crowd.arrive(&mut simulator, end);
                simulator.play_until(end);
                simulator.forfeit(end);
                simulator.end_tick(end);
                if end >= settings.stop_at && end < plan.horizon {
                    simulator.interrupted = true;
                    simulator.close_row(Slot { end, ..slot });
                    break 'slots;
                }
            }
        }
        simulator.close_row(slot);
    }
    simulator.finish();
    simulator
}

impl<'a> Simulator<'a> {
    fn new(plan: &'a Plan, settings: &Settings) -> Self {
        let model = Model::new(plan, settings.simulated);
        let cell = |id| {
            let service = |(number, service): (usize, &saleload::plan::Service)| -> Vec<Service> {
                let instances = model.instances(number, id);
                let is_split = |desk: &&Desk| matches!(desk.queues, Queues::PerInstance(_));
                let (queues, each) = match service.desk.as_ref().filter(is_split) {
                    // As many as there can ever be.
                    Some(desk) => {
                        let most = desk.capacity.most(service.pool.as_ref().map_or(0, |pool| pool.instances));
                        (most, 1)
                    }
                    None => (1, instances),
                };
                let workers = service.pool.as_ref().map(|pool| each as usize * pool.workers as usize);
                let queue = service.pool.as_ref().and_then(|pool| pool.queue);
                let of_queue = || Service::new(workers, queue.map_or(u64::MAX, |places| places * each));
                (0..queues).map(|_| of_queue()).collect()
            };
            let services = plan.services.iter().enumerate().map(service).collect();
            let guards = (0..plan.services.len()).map(|number| Guard::new(&model, number, id)).collect();
            Cell {
                services,
                guards,
                rounds: vec![0; plan.services.len()],
                standing: (0..plan.services.len()).map(|number| model.instances(number, id)).collect(),
                lost: vec![0; plan.services.len()],
                serving: (0..plan.services.len()).map(|number| model.instances(number, id)).collect(),
                gone: vec![false; plan.services.len()],
                down: vec![false; plan.services.len()],
                longest: vec![0; plan.services.len()],
                rooms: plan.windows.iter().map(|window| Room::new(window, id)).collect(),
                digest: Digest::default(),
                first_shopper: model.first_shopper(id),
            }
        };
        let mut simulator = Simulator {
            plan,
            now: Instant(0),
            interrupted: false,
            cells: (0..settings.simulated).map(cell).collect(),
            events: BinaryHeap::new(),
            sessions: BTreeMap::new(),
            stock: Stock::new(plan, &model, settings.settlement),
            waiting: Vec::new(),
            history: vec![History::default(); plan.shoppers as usize],
            deposits: BTreeMap::new(),
            switches: vec![Position::default(); plan.switches.len()],
            record: Record::new(settings.keeps_log),
            scalers: Scaler::all(plan),
            ends_of_ticks: Vec::new(),
            numbers: 0,
            legs: 0,
            model,
        };
        simulator.schedule_changes();
        simulator
    }

    pub(crate) fn schedule(&mut self, time: Instant, turn: Turn, key: Key, number: u64) {
        self.events.push(Reverse(Event { time, turn, key, number }));
    }

    /// A number that names a wait.
    pub(crate) fn new_number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn next_before(&mut self, end: Instant) -> Option<Event> {
        let Reverse(event) = *self.events.peek().filter(|event| event.0.time < end)?;
        self.events.pop();
        Some(event)
    }

    /// Plays what workers finish at this instant, in the middle of an event.
    pub(crate) fn finish_work(&mut self) {
        while let Some(Reverse(event)) = self.events.peek().filter(|event| event.0.time == self.now) {
            let (turn, request) = (event.turn, event.number as RequestId);
            if !turn.is_of_worker() {
                return;
            }
            self.events.pop();
            self.work_done(turn, request);
        }
    }

    fn play_until(&mut self, end: Instant) {
        while let Some(event) = self.next_before(end) {
            assert!(event.time >= self.now, "time runs forward");
            self.now = event.time;
            if event.turn.is_of_worker() {
                self.work_done(event.turn, event.number as RequestId);
            } else if event.turn == Turn::LetIn {
                self.let_in(event.number as usize, event.key.window);
            } else if event.turn == Turn::Instances {
                self.instances_change(event.key);
            } else if event.turn == Turn::GetsThrough {
                self.gets_through(event.number as RequestId);
            } else if self.is_awaited(&event) {
                self.play(event);
            }
        }
        self.now = end;
    }

    /// Whether the session of an event still waits for it.
    fn is_awaited(&self, event: &Event) -> bool {
        let Some(session) = self.sessions.get(&event.key) else { return false };
        let has_left = session.waits == Waits::Gone;
        match event.turn {
            Turn::HoldExpiry => !has_left && session.deadline == Some(event.time),
            Turn::HoldExpiryAfterExit => has_left && session.deadline == Some(event.time),
            _ => session.number == event.number,
        }
    }

    fn play(&mut self, event: Event) {
        let mut session = self.sessions.remove(&event.key).expect("its event is awaited");
        self.note(&event, session.cell, session.visit, 0);
        let waited_for = std::mem::replace(&mut session.waits, Waits::ItsTurn);
        let timed_out = event.turn != Turn::HoldExpiry;
        let gives_up = matches!(event.turn, Turn::GaveUp | Turn::TimedOut);
        let awaited = if gives_up { self.awaited(&session, waited_for) } else { None };
        let freed = match waited_for {
            Waits::Answer(request) if event.turn != Turn::Response => self.client_left(&session, request, timed_out),
            Waits::Legs => self.legs_leave(&session, timed_out),
            _ => Vec::new(),
        };
        match (event.turn, waited_for) {
            (Turn::Arrival, _) => self.begin(session),
            (Turn::Response, _) => self.answered(session),
            (Turn::TimedOut, _) => self.timed_out(session, awaited.expect("a service was asked")),
            (Turn::GaveUp, Waits::Room(since)) => self.leave_room(session, since),
            (Turn::Retry, Waits::Room(since)) => self.go_in(session, since),
            (Turn::GaveUp, _) => self.page_failed(session, Fate::GaveUp(awaited)),
            (Turn::Retry, _) => self.call(session),
            (Turn::ThinkEnd, Waits::Thinking(target)) => self.move_on(session, target),
            (Turn::HoldExpiry, _) => self.hold_expired(&session, false),
            (Turn::HoldExpiryAfterExit, _) => self.hold_expired(&session, true),
            other => panic!("{other:?} cannot be"),
        }
        for line in freed {
            self.serve(line);
        }
    }

    pub(crate) fn note(&mut self, event: &Event, cell: usize, visit: u16, granted: u64) {
        let in_cell = event.key.shopper - self.cells[cell].first_shopper;
        self.cells[cell].digest.mix(event, in_cell, visit, granted);
        self.record.event(event, cell, visit, granted);
    }

    /// The end of a tick: stock moves, and orders that waited for it are answered, first come, first answered.
    fn end_tick(&mut self, end: Instant) {
        let start = self.ends_of_ticks.last().copied().unwrap_or(Instant(0));
        self.ends_of_ticks.push(end);
        let (granted, rejected) = self.stock.end_tick(end);
        self.record.ends_tick = true;
        for mut order in std::mem::take(&mut self.waiting) {
            let session = self.sessions.remove(&order.key).expect("it waits for the end of the tick");
            assert_eq!(session.waits, Waits::TickEnd);
            for (position, answer) in order.answers.iter_mut().enumerate() {
                if granted.contains(&(order.key, position)) {
                    *answer = Answer::Granted;
                } else if rejected.contains(&(order.key, position)) {
                    *answer = Answer::Rejected;
                } else if *answer == Answer::Contested {
                    *answer = Answer::SoldOut;
                }
            }
            let bits_of = |wanted: Answer| {
                order.answers.iter().rev().fold(0, |bits, &answer| bits << 1 | u64::from(answer == wanted))
            };
            let bits = bits_of(Answer::Rejected) << 16 | bits_of(Answer::Granted);
            let event = Event { time: end, turn: Turn::Response, key: order.key, number: session.number };
            self.note(&event, session.cell, session.visit, bits);
            if self.reserves(session.key) == Reserve::Order {
                self.reserved(session, &order.answers);
            } else {
                self.asked(session, &order.answers);
            }
        }
        self.record.ends_tick = false;
        self.rebalance(start, end);
        self.evaluate_scalers();
    }

    /// Deals what is left out to the cells anew, if a multiple of the interval since the opening lies after the start of the tick and not
    /// after its end.
    fn rebalance(&mut self, start: Instant, end: Instant) {
        let Some(interval) = self.plan.inventory.split.and_then(|split| split.rebalance) else { return };
        let opens = self.plan.windows.iter().map(|window| window.opens).filter(|opens| *opens < end).max();
        let since = (end - opens.expect("a window has opened")).0;
        let last = Instant(end.0 - since % interval.0);
        if last > start && since >= interval.0 {
            self.stock.deal();
            self.record.rarities.rebalances += 1;
        }
    }

    fn close_row(&mut self, slot: Slot) {
        let left = self.stock.shelves.iter().map(|shelf| shelf.left).collect();
        let mut longest = vec![0; self.plan.services.len()];
        for cell in &mut self.cells {
            for (service, sum) in longest.iter_mut().enumerate() {
                let next_row = cell.waiting(service);
                *sum += std::mem::replace(&mut cell.longest[service], next_row);
            }
        }
        let row = self.record.current();
        row.slot = slot;
        row.left = left;
        row.longest = longest;
    }

    /// After the last tick: services work off what they have accepted, so that it is known how long each request took, but
    /// nothing new begins. Then what is undecided is entered as open.
    fn finish(&mut self) {
        let end = self.now;
        while let Some(Reverse(event)) = self.events.pop() {
            if event.turn == Turn::StationDone {
                self.now = event.time;
                self.work_done(event.turn, event.number as RequestId);
            }
        }
        self.now = end;
        // The row does not matter: open intents are in no column of the series.
        let when = (end, self.record.row());
        for session in self.sessions.values() {
            if !session.settled {
                self.record.fact(when, session, &session.basket, What::Ended(Fate::Open));
            }
        }
        self.leave_deposits_open();
    }
}

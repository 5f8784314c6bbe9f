//! Desks: the servers of services that need events of their own.
//!
//! A [`Station`](super::station::Station) knows on arrival when a request will start, because nothing that comes later can change
//! it. Where the last may be first, where a request may be dropped, cancelled or slowed down on the way, only time can tell: such
//! a service is played event by event. A desk keeps each request from its arrival to its end, with its client as long as that
//! waits, and a session at a desk is not in the event list. What can happen next at the desks of a cell stands in one heap: a
//! request is done, the number of instances changes, a request that was under way arrives, or a client leaves. Entries of requests
//! that are gone by then are skipped.
//!
//! Turns have their place in the total order of events ([`Phase`](super::session::Phase)): requests that are done come before
//! everything else of the instant, in the order in which they came, and a worker that becomes free takes up the next one at once;
//! then changes of the instances, then requests that arrive late, in the order in which they were made; clients leave as the
//! time-out, end of patience or hold expiry that it is to them.
//!
//! Instances that are no longer scheduled finish what they serve and take nothing new; where each has a queue of its own, it works
//! that off too, because nobody else would. Instances that an incident takes are gone at once, with what they serve and what waits
//! at them; behind a pooled queue that is as large a share of the requests in service as of the instances, spread evenly over them
//! in the order in which they came. Those fail: their clients, if still there, are rejected.
//!
//! A cell that is lost takes all its instances with it, and all that they have accepted. When other cells serve its shoppers, these go on
//! in their own event loop with a part of what those cells have: see [`crate::model::remapping`].
//!
//! A service may call others, one after the other, when a worker has done the work that a request brings: the worker is kept until they
//! have answered (see `inner`). Pages may make several calls at once (see `fork`), or one a second time (see `hedge`). In each case a
//! *leg* is the client that the called service sees.
//!
//! A request is counted as rejected or timed out when that happens, and its wait and response time when it is answered, whether or
//! not somebody still waits for the answer. Dropped and cancelled ones have no answer. A client whose hold expires has not timed out.
//! Where a service answers on acceptance, its client hears as soon as the request has found a place, and nobody waits at the desk.

mod change;
mod fork;
mod hedge;
mod inner;
mod legs;
mod line;
mod state;
mod turns;

pub use state::DesksState;

use super::free_places::FreePlaces;
use super::scaler::Seen;
use super::session::Session;
use super::station::Reading;
use crate::model::Model;
use crate::model::remapping::CellState;
use crate::plan::{self, Balancer, Cancel, Queues};
use crate::units::{Instant, Nanos};
use legs::{Legs, Status};
use line::Line;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Turns on the heap for each request in flight, and some more, before those of requests that are gone are swept out.
const TURNS_EACH: usize = 4;
const TURNS_TO_SWEEP: usize = 256;

/// A request at a desk.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// Who waits for it, until the time and phase that it carries; meaningless once the client is gone.
    client: Session,
    is_awaited: bool,
    /// Names it: the cell's requests are numbered in the order in which they come.
    ticket: u64,
    /// The leg that makes its own calls, once it has come so far.
    leg: Option<u32>,
    task: Task,
}

/// What is asked of a desk, by whomever, and how far it has come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Task {
    service: u8,
    /// The queue that it was sent to.
    queue: u32,
    /// Whose turn comes first.
    rank: u8,
    /// When its client made it, when it was sent here (later, where it had to wait for its turn at a limiter), and when it arrived
    /// (later, where it could not get through), ns.
    made: u64,
    sent: u64,
    arrived: u64,
    /// What it brings: time of a worker, ns.
    work: u64,
    /// What the draws of its own calls are named by; zero where it makes none.
    lineage: u64,
    /// The longest that it may wait, ns.
    bound: u64,
    stage: Stage,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// It cannot get through, and arrives at this time, ns.
    UnderWay(u64),
    /// It waits in its queue.
    Waiting,
    /// A worker began at the first time and will be done at the second, ns.
    Served(u64, u64),
}

/// What can happen at a desk. The order is that of play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    time: u64,
    class: Class,
    /// Among equals: the ticket of what is done or arrives, the number of the service that changes, the place in the total order of events of a client, without its visit.
    order: u64,
    /// Which of the clients that one session is: see [`Legs::caller`].
    caller: u64,
    ticket: u64,
    place: u32,
    what: What,
}

/// Those of a client have a place among the events of sessions, the others come before them all, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Done,
    Change,
    Arrival,
    OfClient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// A worker has done what a request brings.
    Done,
    /// What a request has asked of a plain station is answered.
    LegAnswered,
    /// The number of instances changes; the place is that of the service.
    Change,
    /// A request gets through that could not before.
    Arrives,
    /// A client leaves the desk.
    ClientLeaves,
    /// What a leg waits for happens.
    LegWaits,
}

/// Bits of the place of an event in the total order that name the visit: a session has one event at a time, so those of its legs
/// are ordered without it. Whether it is a second submit is left.
const VISIT_BITS: u32 = 15;

impl Turn {
    /// What a client waits for happens.
    fn of_client(client: &Session, what: What, caller: u64, ticket: u64, place: u32) -> Self {
        let (time, order) = client.order();
        Turn { time, class: Class::OfClient, order: order >> VISIT_BITS, caller, ticket, place, what }
    }

    /// A request is done.
    fn done(time: u64, ticket: u64, place: u32) -> Self {
        Turn { time, class: Class::Done, order: ticket, caller: 0, ticket, place, what: What::Done }
    }

    /// The number of instances of a service changes.
    fn change(time: u64, service: u32) -> Self {
        let (order, place) = (u64::from(service), service);
        Turn { time, class: Class::Change, order, caller: 0, ticket: 0, place, what: What::Change }
    }

    /// A request arrives.
    fn arrival(time: u64, ticket: u64, place: u32) -> Self {
        Turn { time, class: Class::Arrival, order: ticket, caller: 0, ticket, place, what: What::Arrives }
    }

    /// A leg is answered by a station, whose requests are numbered among those of desks, or by a desk. Where that is done with the request
    /// at the same instant, it is so first.
    fn leg_answered(time: u64, order: u64, ticket: u64, place: u32) -> Self {
        Turn { time, class: Class::Done, order, caller: 1, ticket, place, what: What::LegAnswered }
    }

    /// Whether an event of a session at the same instant comes before.
    fn comes_after(&self, session: &Session) -> bool {
        session.order().1 >> VISIT_BITS <= self.order
    }
}

/// The servers of one service in one cell.
#[derive(Clone, Debug)]
struct Desk {
    /// One for each instance that there will ever be, or one for all.
    queues: Vec<Queue>,
    /// Instances over all cells that are scheduled or wanted by an autoscaler, and how many there will be from certain times on.
    total: u64,
    later: Vec<(Instant, u64)>,
    /// When the schedule or an incident next changes their number.
    next_change: Option<Instant>,
    /// Instances that stand here, and instances that are lost for the time being.
    standing: u64,
    lost: u64,
    /// Workers that there are for the shoppers of the cell: those of other cells too, where those serve them.
    available: u64,
    /// What has become of the cell.
    cell: CellState,
    /// Workers of an instance, and its waiting places.
    workers: u64,
    places: u64,
    /// Where the balancer goes next, if it goes round.
    round: u64,
    /// Requests in service, and requests that wait.
    serving: u64,
    waiting: u64,
    /// What has happened since the last reading, up to `passed`.
    reading: Reading,
    passed: u64,
    /// What an autoscaler has not seen yet.
    unseen: Seen,
}

/// A queue and the workers behind it.
#[derive(Clone, Debug)]
struct Queue {
    instances: u64,
    workers: u64,
    /// Waiting places.
    places: u64,
    serving: u64,
    line: Line,
    /// When the queue last ceased to be empty, ns.
    filled: u64,
    /// Arrivals of the last second, ns; kept where the pace depends on them.
    recent: VecDeque<u64>,
}

/// All desks of a cell and the requests that are at them.
#[derive(Clone, Debug, Default)]
pub struct Desks {
    /// By service; `None`: a plain station.
    by_service: Vec<Option<Desk>>,
    requests: Vec<Option<Request>>,
    free: FreePlaces,
    turns: BinaryHeap<Reverse<Turn>>,
    tickets: u64,
    len: usize,
    legs: Legs,
    /// Whether anything can come here at all.
    are_used: bool,
}

impl Desk {
    /// The servers of a service in a cell.
    fn new(model: &Model, service: usize, cell: u32) -> Option<Self> {
        let settings = &model.services[service];
        let (pool, desk) = settings.pool.as_ref().zip(settings.desk.as_ref())?;
        let instances = model.instances(service, cell);
        let queue = Queue::new(pool, 1);
        let queues = match desk.queues {
            Queues::Pooled => vec![Queue::new(pool, instances)],
            Queues::PerInstance(_) => {
                // Dealt out anew, a cell may have one more when there is one fewer over all of them.
                let most = desk.capacity.most(pool.instances).div_ceil(u64::from(model.cells)) + 1;
                let most = if desk.capacity.is_constant() { instances } else { most.max(instances) };
                vec![queue; most as usize]
            }
        };
        Some(Desk {
            queues,
            total: pool.instances,
            later: Vec::new(),
            next_change: None,
            standing: instances,
            lost: 0,
            available: instances * u64::from(pool.workers),
            cell: CellState::Stands,
            workers: u64::from(pool.workers),
            places: pool.queue.unwrap_or(u64::MAX),
            round: 0,
            serving: 0,
            waiting: 0,
            reading: Reading::default(),
            passed: 0,
            unseen: Seen::default(),
        })
    }

    /// From now on so many instances stand, and so much of other cells is here: see [`Standing`](crate::model::remapping::Standing).
    fn stand(&mut self, standing: u64, moved: i64, queues: Queues) {
        if queues == Queues::Pooled {
            self.standing = standing;
            self.available = (standing * self.workers).saturating_add_signed(moved);
            let queue = &mut self.queues[0];
            queue.workers = self.available;
            queue.instances = self.available.div_ceil(self.workers);
            let places = u128::from(self.available) * u128::from(self.places) / u128::from(self.workers);
            queue.places = if self.places == u64::MAX { u64::MAX } else { places as u64 };
        } else {
            self.standing = standing.saturating_add_signed(moved);
            self.available = self.standing * self.workers;
        }
    }

    /// The queue that a request goes to; `draw` draws a number below the one that it is given. `None`: no instance stands that
    /// would have one.
    fn choose(&mut self, queues: Queues, mut draw: impl FnMut(u64) -> u64) -> Option<usize> {
        let all = self.standing;
        let balancer = match queues {
            _ if self.cell == CellState::Down => return None,
            Queues::Pooled => return Some(0),
            Queues::PerInstance(_) if all == 0 => return None,
            Queues::PerInstance(balancer) => balancer,
        };
        let chosen = match balancer {
            Balancer::Random => draw(all),
            Balancer::RoundRobin => {
                let next = self.round % all;
                self.round = next + 1;
                next
            }
            Balancer::LeastLoaded(choices) => {
                let load = |index: &u64| {
                    let queue = &self.queues[*index as usize];
                    queue.serving + queue.line.len() as u64
                };
                (0..choices).map(|_| draw(all)).min_by_key(load).unwrap_or(0)
            }
        };
        Some(chosen as usize)
    }

    /// Lets time pass.
    fn pass(&mut self, now: u64) {
        let span = u128::from(now - self.passed);
        self.unseen.busy += span * u128::from(self.serving);
        self.unseen.queued += span * u128::from(self.waiting);
        self.reading.busy += span * u128::from(self.serving);
        self.reading.queued += span * u128::from(self.waiting);
        self.reading.standing += span * u128::from(self.standing);
        self.reading.capacity += span * u128::from(self.serving.max(self.available));
        self.passed = now;
    }
}

impl Queue {
    /// The queue of so many instances.
    fn new(pool: &plan::Pool, instances: u64) -> Self {
        Queue {
            instances,
            workers: instances * u64::from(pool.workers),
            places: pool.queue.map_or(u64::MAX, |queue| queue * instances),
            serving: 0,
            line: Line::default(),
            filled: 0,
            recent: VecDeque::new(),
        }
    }

    /// Whether a request that comes now finds neither a worker nor a place.
    fn is_full(&self) -> bool {
        self.serving >= self.workers && self.line.len() as u64 >= self.places
    }

    /// Forgets arrivals of more than a second ago.
    fn forget(&mut self, now: u64) {
        while self.recent.front().is_some_and(|&arrived| arrived + Nanos::PER_SECOND <= now) {
            self.recent.pop_front();
        }
    }

    /// When a worker that begins now will be done with this much work.
    fn done(&mut self, settings: &plan::Desk, now: u64, work: u64) -> u64 {
        let span = self.span(settings, now, work);
        if settings.capacity.incidents.is_empty() {
            return now.saturating_add(span);
        }
        settings.capacity.done(now, span)
    }

    /// How long a worker that begins now takes for this much work, if nothing goes wrong.
    fn span(&mut self, settings: &plan::Desk, now: u64, work: u64) -> u64 {
        let Some(slowdown) = &settings.slowdown else { return work };
        self.forget(now);
        let is_slow = self.recent.len() as u64 > slowdown.above.saturating_mul(self.instances);
        if is_slow { (work as f64 * slowdown.factor) as u64 } else { work }
    }

    /// The longest that a request that comes now may wait.
    fn bound(&self, settings: &plan::Desk, now: u64) -> u64 {
        let controlled = settings.controlled_delay.as_ref().map(|delay| {
            let stands = !self.line.is_empty() && now - self.filled > delay.interval.0;
            if stands { delay.target } else { delay.interval }
        });
        settings.max_wait.into_iter().chain(controlled).min().map_or(u64::MAX, |bound| bound.0)
    }
}

impl Desks {
    /// The desks of a cell, with nobody at them.
    #[must_use]
    pub fn new(model: &Model, cell: u32) -> Self {
        let desks: Vec<Option<Desk>> =
            (0..model.services.len()).map(|service| Desk::new(model, service, cell)).collect();
        let mut calls = model.graphs.iter().flat_map(|graph| &graph.states).flat_map(|state| &state.calls);
        let are_used = desks.iter().any(Option::is_some) || calls.any(|call| call.at_once > 1);
        let by_service = if desks.iter().all(Option::is_none) { Vec::new() } else { desks };
        let mut desks = Desks { by_service, are_used, ..Desks::default() };
        (0..desks.by_service.len()).for_each(|service| desks.await_change(model, service, Instant(0)));
        desks
    }

    /// Whether nothing ever comes here.
    #[must_use]
    #[inline]
    pub fn are_none(&self) -> bool {
        !self.are_used
    }

    /// Sessions that wait at a desk or for their legs.
    pub fn clients(&self) -> impl Iterator<Item = &Session> {
        let awaited = self.requests.iter().flatten().filter(|request| request.is_awaited);
        let at_desk = awaited.map(|request| &request.client).filter(|client| !client.basket.is_of_leg());
        at_desk.chain(self.legs.forks.iter().map(|(_, fork)| &fork.session))
    }

    /// A leg waits for what its session says.
    pub(super) fn wait_for_leg(&mut self, session: Session) {
        let turn = self.legs.wait(session);
        self.turns.push(Reverse(turn));
    }

    /// Requests that are served at the desk of a service; `None` where it has none.
    #[must_use]
    pub fn serving(&self, service: usize) -> Option<u64> {
        self.by_service.get(service)?.as_ref().map(|desk| desk.serving)
    }

    /// Requests that wait at the desk of a service; `None` where it has none.
    #[must_use]
    pub fn waiting(&self, service: usize) -> Option<u64> {
        self.by_service.get(service)?.as_ref().map(|desk| desk.waiting)
    }

    /// Requests that wait or are served at the desk of a service; `None` where it has none.
    #[must_use]
    pub fn in_flight(&self, service: usize) -> Option<u64> {
        self.by_service.get(service)?.as_ref().map(|desk| desk.serving + desk.waiting)
    }

    /// Requests that are at the desk of a service or on the way to it.
    #[must_use]
    pub fn there(&self, service: usize) -> u64 {
        self.requests.iter().flatten().filter(|request| usize::from(request.task.service) == service).count() as u64
    }

    fn desk(&mut self, service: usize) -> &mut Desk {
        self.by_service[service].as_mut().expect("only services with a desk come here")
    }

    fn request(&mut self, place: u32) -> &mut Request {
        self.requests[place as usize].as_mut().expect("who names a place has seen it taken")
    }

    /// What the desk of a service did since the last reading, up to `now`; `None` where it has none.
    pub fn read(&mut self, service: usize, now: u64) -> Option<Reading> {
        let desk = self.by_service.get_mut(service)?.as_mut()?;
        desk.pass(now);
        let next = Reading { longest_queue: desk.waiting, ..Reading::default() };
        Some(std::mem::replace(&mut desk.reading, next))
    }

    fn keep(&mut self, request: Request) -> u32 {
        self.len += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.requests.push(None);
            self.requests.len() as u32 - 1
        });
        self.requests[place as usize] = Some(request);
        if request.is_awaited && request.client.time.0 < u64::MAX {
            let caller = self.legs.caller(&request.client);
            let turn = Turn::of_client(&request.client, What::ClientLeaves, caller, request.ticket, place);
            self.turns.push(Reverse(turn));
        }
        if request.is_awaited {
            self.legs.queue_up(&request.client, place);
        }
        place
    }

    fn forget(&mut self, place: u32) -> Request {
        self.len -= 1;
        self.free.insert(place);
        if self.turns.len() > TURNS_EACH * (self.len + self.legs.all.len()) + TURNS_TO_SWEEP {
            let (requests, legs) = (&self.requests, &self.legs);
            self.turns.retain(|Reverse(turn)| is_due(requests, legs, turn));
        }
        let request = self.requests[place as usize].take().expect("who names a place has seen it taken");
        if request.is_awaited {
            self.legs.set(&request.client, Status::AtPlay);
        }
        request
    }

    /// A request comes to a queue: a worker takes it, or it waits. Whether there was room.
    fn take(&mut self, settings: &plan::Desk, asked: &Asked) -> bool {
        let &Asked { now, made, client, is_awaited, service, queue, rank, work, lineage, until } = asked;
        if until.is_none() && self.desk(service).queues[queue].is_full() {
            return false;
        }
        let ticket = self.tickets;
        self.tickets += 1;
        let task = Task {
            service: service as u8,
            queue: queue as u32,
            rank,
            made,
            sent: now,
            arrived: now,
            work,
            lineage,
            bound: u64::MAX,
            stage: until.map_or(Stage::Waiting, Stage::UnderWay),
        };
        let place = self.keep(Request { client, is_awaited, ticket, leg: None, task });
        match until {
            None => self.line_up(settings, place, now),
            Some(until) => self.await_arrival(place, ticket, until),
        }
        true
    }

    /// A request that finds room has arrived: a worker takes it up, or it waits.
    fn line_up(&mut self, settings: &plan::Desk, place: u32, now: u64) {
        let Request { ticket, task: Task { service, queue: index, rank, .. }, .. } = *self.request(place);
        let desk = self.desk(usize::from(service));
        desk.pass(now);
        let queue = &mut desk.queues[index as usize];
        let bound = queue.bound(settings, now);
        if settings.slowdown.is_some() {
            queue.forget(now);
            queue.recent.push_back(now);
        }
        let waits = queue.serving >= queue.workers;
        if waits {
            desk.waiting += 1;
            desk.reading.longest_queue = desk.reading.longest_queue.max(desk.waiting);
            if queue.line.is_empty() {
                queue.filled = now;
            }
            queue.line.join(rank, ticket, place);
        }
        let task = &mut self.request(place).task;
        (task.arrived, task.bound, task.stage) = (now, bound, Stage::Waiting);
        if !waits {
            self.start(settings, place, now);
        }
    }

    /// A worker takes a request up.
    fn start(&mut self, settings: &plan::Desk, place: u32, now: u64) {
        let Request { ticket, task: Task { service, queue, work, .. }, .. } = *self.request(place);
        let desk = self.desk(usize::from(service));
        desk.serving += 1;
        let queue = &mut desk.queues[queue as usize];
        queue.serving += 1;
        let done = queue.done(settings, now, work);
        self.request(place).task.stage = Stage::Served(now, done);
        self.turns.push(Reverse(Turn::done(done, ticket, place)));
    }

    /// A request ends, wherever it is: it leaves its worker, its queue, or the way to it.
    fn end(&mut self, place: u32, now: u64) -> Request {
        let request = self.forget(place);
        let Task { service, queue, rank, arrived, stage, .. } = request.task;
        let desk = self.desk(usize::from(service));
        desk.pass(now);
        let queue = &mut desk.queues[queue as usize];
        if !matches!(stage, Stage::UnderWay(_)) {
            desk.reading.stayed += u128::from(now - arrived);
        }
        match stage {
            Stage::UnderWay(_) => {}
            Stage::Waiting => {
                desk.waiting -= 1;
                queue.line.leave(rank, request.ticket);
            }
            Stage::Served(..) => {
                desk.serving -= 1;
                queue.serving -= 1;
            }
        }
        request
    }

    /// If a worker behind a queue is free, the next in it: it is taken up, or given back where it has waited too long.
    fn call_next(&mut self, settings: &plan::Desk, (service, queue): (usize, u32), now: u64) -> Option<Next> {
        let desk = self.desk(service);
        let queue = &mut desk.queues[queue as usize];
        if queue.serving >= queue.workers {
            return None;
        }
        let place = queue.line.next(&settings.discipline, queue.instances)?;
        desk.waiting -= 1;
        let Task { arrived, bound, .. } = self.request(place).task;
        if now - arrived > bound {
            self.desk(service).reading.stayed += u128::from(now - arrived);
            return Some(Next::Dropped(self.forget(place)));
        }
        self.start(settings, place, now);
        Some(Next::TakenUp)
    }

    /// The client of a request leaves. The session, where it had waited, and whether its request is taken back.
    fn leave(&mut self, cancel: impl Fn(usize) -> Cancel, place: u32, now: u64) -> (Session, (usize, u32), bool) {
        let request = self.request(place);
        request.is_awaited = false;
        let Request { client, task: Task { service, queue, stage, .. }, .. } = *request;
        let is_served = matches!(stage, Stage::Served(..));
        let is_cancelled = match cancel(usize::from(service)) {
            Cancel::All => true,
            Cancel::Waiting => !is_served,
            Cancel::None => false,
        };
        if is_cancelled {
            self.end(place, now);
        }
        (client, (usize::from(service), queue), is_cancelled)
    }

    /// What happens next.
    fn next_turn(&mut self) -> Option<Turn> {
        while let Some(Reverse(turn)) = self.turns.peek() {
            if is_due(&self.requests, &self.legs, turn) {
                return Some(*turn);
            }
            self.turns.pop();
        }
        None
    }
}

/// What a client asks of a desk.
struct Asked {
    now: u64,
    made: u64,
    client: Session,
    is_awaited: bool,
    service: usize,
    queue: usize,
    rank: u8,
    work: u64,
    lineage: u64,
    /// If it cannot get through, when it will.
    until: Option<u64>,
}

/// What became of the next request in the queue.
enum Next {
    TakenUp,
    Dropped(Request),
}

/// Whether a turn is still to come: its request is there, and so is the client who would leave; or its leg still waits for it.
fn is_due(requests: &[Option<Request>], legs: &Legs, turn: &Turn) -> bool {
    if matches!(turn.what, What::LegWaits | What::LegAnswered) {
        return legs.is_due(turn);
    }
    let is_there =
        |request: &Request| request.ticket == turn.ticket && (turn.what != What::ClientLeaves || request.is_awaited);
    turn.what == What::Change || requests[turn.place as usize].as_ref().is_some_and(is_there)
}

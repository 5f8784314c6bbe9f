//! Desks as a snapshot holds them, and whether what a snapshot holds can be the desks of a run.

use super::legs::{Fork, Leg, Status};
use super::{Desk, Desks, Queue, Request, Stage, Task, Turn};
use crate::engine::scaler::Seen;
use crate::engine::session::{HAS_TURN, Phase, Session};
use crate::engine::snapshot::MOST_ATTEMPTS;
use crate::engine::station::{LONGEST_SEEN, MOST_SEEN, Reading};
use crate::model::Model;
use crate::units::Instant;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The desks of a cell as plain data. Their clients are kept apart, with all sessions.
#[derive(Serialize, Deserialize)]
pub struct DesksState {
    /// By service; none where no service has a desk.
    desks: Vec<Option<DeskState>>,
    /// In the order in which they came.
    requests: Vec<RequestState>,
    /// The legs of each session that waits for some, in the order in which they began; these sessions come after all clients.
    forks: Vec<Vec<LegState>>,
}

#[derive(Serialize, Deserialize)]
struct DeskState {
    queues: Vec<QueueState>,
    round: u64,
    reading: Reading,
    passed: u64,
    unseen: Seen,
    /// Instances over all cells, and from which times on how many, where an autoscaler decides about them.
    total: u64,
    later: Vec<(Instant, u64)>,
}

#[derive(Serialize, Deserialize)]
struct QueueState {
    filled: u64,
    recent: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct RequestState {
    client: Client,
    task: Task,
}

/// Who waits for a request.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Client {
    /// Nobody any more.
    Gone,
    /// The next of the sessions that are kept apart.
    Session,
    /// A leg, by its place in the list.
    Leg(u32),
}

/// A leg: what it has that its session has not.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct LegState {
    call: u8,
    attempt: u8,
    status: StatusState,
}

/// What a leg is doing.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum StatusState {
    /// It waits for the answer to a request, until then.
    AtDesk(Instant, WaitsFor),
    /// It waits until then.
    Waits(Instant, WaitsFor),
    /// It asked then, and is answered then; ns.
    Answered(u64, u64),
}

/// What ends the wait of a leg.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum WaitsFor {
    HoldExpiry,
    TimedOut,
    GaveUp,
    Retry,
}

impl Desks {
    /// The desks as plain data, and their clients in the order of the requests.
    #[must_use]
    pub fn state(&self) -> (DesksState, Vec<Session>) {
        let desk = |desk: &Desk| DeskState {
            queues: desk.queues.iter().map(QueueState::of).collect(),
            round: desk.round,
            reading: desk.reading,
            passed: desk.passed,
            unseen: desk.unseen,
            total: desk.total,
            later: desk.later.clone(),
        };
        let mut requests: Vec<&Request> = self.requests.iter().flatten().collect();
        requests.sort_unstable_by_key(|request| request.ticket);
        let mut forks: Vec<&Fork> = self.legs.forks.iter().map(|(_, fork)| fork).collect();
        forks.sort_unstable_by_key(|fork| self.legs.all.get(fork.legs()[0]).map(|leg| leg.ticket));
        let legs: BTreeMap<u32, u32> = forks.iter().flat_map(|fork| fork.legs()).copied().zip(0..).collect();
        let client = |request: &Request| match request.client.basket.leg() {
            _ if !request.is_awaited => Client::Gone,
            None => Client::Session,
            Some(place) => Client::Leg(legs[&place]),
        };
        let state = |request: &&Request| RequestState { client: client(request), task: request.task };
        let is_client = |request: &&&Request| client(request) == Client::Session;
        let clients = requests.iter().filter(is_client).map(|request| request.client);
        let clients = clients.chain(forks.iter().map(|fork| fork.session)).collect();
        let leg_state = |&place: &u32| LegState::of(self.legs.all.get(place).expect("a fork has its legs"));
        let forks = forks.iter().map(|fork| fork.legs().iter().map(leg_state).collect()).collect();
        let desks = self.by_service.iter().map(|of| of.as_ref().map(desk)).collect();
        (DesksState { desks, requests: requests.iter().map(state).collect(), forks }, clients)
    }

    /// Brings desks of a cell at which nothing has happened yet to a state; `None` where it cannot have come about by `now`.
    #[must_use]
    pub fn restore(
        mut self,
        state: DesksState,
        clients: Vec<Session>,
        (model, cell): (&Model, u32),
        now: u64,
    ) -> Option<Self> {
        self.restore_desks(state.desks, (model, cell), now)?;
        if !state.requests.is_sorted_by_key(|request| request.task.sent) {
            return None;
        }
        let first_parent = clients.len().checked_sub(state.forks.len())?;
        let mut clients = clients.into_iter();
        let parents: Vec<Session> = clients.clone().skip(first_parent).collect();
        let mut at_desks = Vec::new();
        for (parent, legs) in parents.into_iter().zip(&state.forks) {
            at_desks.extend(self.bring_back_fork(parent, legs, model, now)?);
        }
        for request in &state.requests {
            let client = match request.client {
                Client::Gone => Session::default(),
                Client::Session => clients.next()?,
                Client::Leg(leg) => at_desks.get_mut(leg as usize)?.take()?,
            };
            self.bring_back(request, client, model, now)?;
        }
        if at_desks.iter().any(Option::is_some) || clients.len() != state.forks.len() {
            return None;
        }
        let mut all = self.by_service.iter().enumerate().filter_map(|(service, desk)| Some((service, desk.as_ref()?)));
        let can_be =
            |(service, desk): (usize, &Desk)| desk.queues.iter().all(|queue| queue.can_be(is_constant(model, service)));
        all.all(can_be).then_some(self)
    }

    fn restore_desks(&mut self, desks: Vec<Option<DeskState>>, (model, cell): (&Model, u32), now: u64) -> Option<()> {
        if desks.len() != self.by_service.len() {
            return None;
        }
        self.turns.clear();
        for (service, state) in desks.into_iter().enumerate() {
            match (&mut self.by_service[service], state) {
                (Some(desk), Some(state)) => {
                    let most = model.services[service].most_instances();
                    state.restore(desk, is_constant(model, service), most, now)?;
                    desk.stand_before(model, (service, cell), Instant(now));
                    let later = std::mem::take(&mut desk.later);
                    self.await_change(model, service, Instant(now));
                    self.scale(service, &later);
                }
                (None, None) => {}
                _ => return None,
            }
        }
        Some(())
    }

    /// A session comes back with its legs. The clients of those that wait at a desk.
    fn bring_back_fork(
        &mut self,
        parent: Session,
        legs: &[LegState],
        model: &Model,
        now: u64,
    ) -> Option<Vec<Option<Session>>> {
        let graph = model.segments[usize::from(parent.segment)].graph(parent.window());
        let calls = model.graphs[graph].states[usize::from(parent.state)].calls.get(usize::from(parent.call)..)?;
        let at_once = usize::from(calls.first()?.at_once);
        let are_those = legs.iter().zip(parent.call..).all(|(leg, call)| leg.call == call);
        if parent.phase() != Phase::Response || at_once < 2 || legs.len() != at_once || !are_those {
            return None;
        }
        let fork = self.legs.forks.insert(Fork::new(parent));
        let mut at_desks = Vec::new();
        for (leg, call) in legs.iter().zip(calls) {
            let session = leg.session(&parent)?;
            let place = self.legs.add(fork, session, call.service);
            let session = self.legs.all.at(place).session;
            let mut client = None;
            match leg.status {
                StatusState::AtDesk(until, _) if until.0 >= now => client = Some(session),
                StatusState::Waits(at, _) if at.0 >= now && at.0 < u64::MAX => self.wait_for_leg(session),
                StatusState::Answered(made, done) if made <= now.min(done) => {
                    self.legs.set(&session, Status::Answered { made, done });
                    let fork = self.legs.forks.at(fork);
                    fork.unanswered -= 1;
                    fork.latest = fork.latest.max(done);
                }
                _ => return None,
            }
            at_desks.push(client);
        }
        (self.legs.forks.at(fork).unanswered > 0).then_some(at_desks)
    }

    fn bring_back(&mut self, state: &RequestState, client: Session, model: &Model, now: u64) -> Option<()> {
        let &RequestState { client: who, task } = state;
        let Task { service, queue, rank, made, sent, arrived, stage, .. } = task;
        let is_awaited = who != Client::Gone;
        let is_at_stage = match stage {
            Stage::UnderWay(until) => until >= now,
            Stage::Waiting => true,
            Stage::Served(started, done) => (arrived..=now).contains(&started) && done >= now,
        };
        let is_possible = is_at_stage
            && made <= sent
            && sent <= arrived
            && arrived <= now
            && (!is_awaited || awaits(&client, service, rank, model));
        let desk = self.by_service.get_mut(usize::from(service))?.as_mut()?;
        let of = desk.queues.get_mut(queue as usize)?;
        if !is_possible {
            return None;
        }
        let ticket = self.tickets;
        self.tickets += 1;
        let (waits, is_served) = (stage == Stage::Waiting, matches!(stage, Stage::Served(..)));
        of.serving += u64::from(is_served);
        desk.serving += u64::from(is_served);
        desk.waiting += u64::from(waits);
        let place = self.keep(Request { client, is_awaited, ticket, task });
        match stage {
            Stage::UnderWay(time) => self.await_arrival(place, ticket, time),
            Stage::Waiting => self.desk(usize::from(service)).queues[queue as usize].line.join(rank, ticket, place),
            Stage::Served(_, done) => self.turns.push(Reverse(Turn::done(done, ticket, place))),
        }
        Some(())
    }
}

impl Queue {
    /// Whether a queue can be like this: with idle workers nobody waits, and only where instances go are there more than fit.
    fn can_be(&self, is_constant: bool) -> bool {
        let waiting = self.line.len() as u64;
        let fits = self.serving <= self.workers && waiting <= self.places;
        (fits || !is_constant) && (waiting == 0 || self.serving >= self.workers)
    }
}

/// Whether the capacity of a service never changes.
fn is_constant(model: &Model, service: usize) -> bool {
    model.services[service].desk.as_ref().is_none_or(|desk| desk.capacity.is_constant())
}

/// Whether a session that can go on can be the client of such a request.
fn awaits(client: &Session, service: u8, rank: u8, model: &Model) -> bool {
    let (segment, state) = (usize::from(client.segment), usize::from(client.state));
    let graph = model.segments[segment].graph(client.window());
    let settings = model.services.get(usize::from(service)).and_then(|service| service.desk.as_ref());
    matches!(client.phase(), Phase::TimedOut | Phase::GaveUp | Phase::HoldExpiry)
        && model.graphs[graph].states[state].calls.get(usize::from(client.call)).map(|call| call.service)
            == Some(service)
        && settings.is_some_and(|settings| settings.rank(segment, graph, state) == rank)
}

impl LegState {
    fn of(leg: &Leg) -> Self {
        let Session { call, attempt, time, .. } = leg.session;
        let waits_for = || match leg.session.phase() {
            Phase::HoldExpiry => WaitsFor::HoldExpiry,
            Phase::TimedOut => WaitsFor::TimedOut,
            Phase::GaveUp => WaitsFor::GaveUp,
            _ => WaitsFor::Retry,
        };
        let status = match leg.status {
            Status::AtDesk(_) => StatusState::AtDesk(time, waits_for()),
            Status::Answered { made, done } => StatusState::Answered(made, done),
            Status::Waits | Status::AtPlay => StatusState::Waits(time, waits_for()),
        };
        LegState { call, attempt, status }
    }

    /// The client that the leg of a session is; `None` where it cannot be.
    fn session(&self, parent: &Session) -> Option<Session> {
        let mut session = parent.at_call(self.call, self.attempt);
        if let StatusState::AtDesk(at, what) | StatusState::Waits(at, what) = self.status {
            let phase = match what {
                WaitsFor::HoldExpiry => Phase::HoldExpiry,
                WaitsFor::TimedOut => Phase::TimedOut,
                WaitsFor::GaveUp => Phase::GaveUp,
                WaitsFor::Retry => Phase::Retry,
            };
            session.wait_for(phase, at);
        }
        let has_time = session.time <= parent.time || !parent.holds();
        let is_possible = session.attempt & !HAS_TURN <= MOST_ATTEMPTS
            && (!session.has_turn() || session.phase() == Phase::Retry)
            && (session.phase() != Phase::HoldExpiry || parent.holds() && session.time == parent.time);
        (has_time && is_possible).then_some(session)
    }
}

impl QueueState {
    fn of(queue: &Queue) -> Self {
        QueueState { filled: queue.filled, recent: queue.recent.iter().copied().collect() }
    }
}

impl DeskState {
    fn restore(self, desk: &mut Desk, is_constant: bool, most: u64, now: u64) -> Option<()> {
        let DeskState { queues, round, reading, passed, unseen, total, later } = self;
        let places = desk.queues.iter().map(|queue| queue.places).fold(0, u64::saturating_add);
        let is_possible = passed <= now
            && queues.len() == desk.queues.len()
            && round <= desk.queues.len() as u64
            && [reading.busy, reading.queued, reading.standing, reading.capacity].iter().all(|&ns| ns <= MOST_SEEN)
            && unseen.busy.max(unseen.queued).max(u128::from(unseen.requests)) <= MOST_SEEN
            && later.iter().map(|(_, total)| total).chain([&total]).all(|total| (1..=most).contains(total))
            && later.iter().all(|(time, _)| time.0 >= now)
            && later.is_sorted_by_key(|(time, _)| *time)
            && reading.longest_queue <= if is_constant { places.min(LONGEST_SEEN) } else { LONGEST_SEEN };
        if !is_possible {
            return None;
        }
        for (queue, QueueState { filled, recent }) in desk.queues.iter_mut().zip(queues) {
            if filled > now || !recent.is_sorted() || recent.last().is_some_and(|&last| last > now) {
                return None;
            }
            (queue.filled, queue.recent) = (filled, recent.into());
        }
        (desk.round, desk.reading, desk.passed, desk.unseen) = (round, reading, passed, unseen);
        (desk.total, desk.later) = (total, later);
        Some(())
    }
}

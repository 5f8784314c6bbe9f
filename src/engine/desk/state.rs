//! Desks as a snapshot holds them, and whether what a snapshot holds can be the desks of a run.

use super::inner::within;
use super::legs::{Fork, Leg, Owner, Status, Which};
use super::{Desk, Desks, Queue, Request, Stage, Task, Turn};
use crate::engine::scaler::Seen;
use crate::engine::session::{HAS_TURN, Phase, Session};
use crate::engine::snapshot::MOST_ATTEMPTS;
use crate::engine::station::{LONGEST_SEEN, MOST_SEEN, Reading};
use crate::model::{Call, Model};
use crate::units::Instant;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The desks of a cell as plain data. Their clients are kept apart, with all sessions, and so are those that wait for their legs.
#[derive(Serialize, Deserialize)]
pub struct DesksState {
    /// By service; none where no service has a desk.
    desks: Vec<Option<DeskState>>,
    /// In the order in which they came, and how many have come.
    requests: Vec<RequestState>,
    tickets: u64,
    /// Sessions that wait for legs; they come after all clients.
    forks: u32,
    /// In the order in which they began.
    legs: Vec<LegState>,
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
    ticket: u64,
    task: Task,
}

/// Who waits for a request.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Client {
    /// Nobody any more, and nobody asks who it was.
    Gone,
    /// Nobody any more; the service may still make calls for whom it was.
    Left(Session),
    /// The next of the sessions that are kept apart.
    Session,
    /// A leg, by its place in the list.
    Leg(u32),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct LegState {
    session: Session,
    owner: OwnerState,
    status: StatusState,
}

/// For whom a leg goes, by its place in the list.
#[derive(Clone, Copy, Serialize, Deserialize)]
enum OwnerState {
    Fork(u32),
    Hedged(u32, Which),
    Request(u32),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum StatusState {
    AtDesk,
    Waits,
    /// It asked and is answered then, ns; its place among the requests.
    Answered(u64, u64, u64),
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
        let mut legs: Vec<(u32, &Leg)> = self.legs.all.iter().collect();
        legs.sort_unstable_by_key(|(_, leg)| leg.ticket);
        let forks: Vec<(u32, &Fork)> = self.legs.forks.iter().collect();
        let leg_at: BTreeMap<u32, u32> = legs.iter().map(|leg| leg.0).zip(0..).collect();
        let fork_at: BTreeMap<u32, u32> = forks.iter().map(|fork| fork.0).zip(0..).collect();
        let request_at: BTreeMap<u64, u32> = requests.iter().map(|request| request.ticket).zip(0..).collect();
        let client = |request: &Request| match request.client.basket.leg() {
            _ if !request.is_awaited && request.task.lineage != 0 => Client::Left(request.client),
            _ if !request.is_awaited => Client::Gone,
            None => Client::Session,
            Some(place) => Client::Leg(leg_at[&place]),
        };
        let state = |&&request: &&Request| {
            let Request { ticket, task, .. } = request;
            RequestState { client: client(&request), ticket, task }
        };
        let clients =
            requests.iter().filter(|request| client(request) == Client::Session).map(|request| request.client);
        let clients = clients.chain(forks.iter().map(|(_, fork)| fork.session)).collect();
        let owner = |leg: &Leg| match leg.owner {
            Owner::Fork(fork) => OwnerState::Fork(fork_at[&fork]),
            Owner::Hedged(fork, which) => OwnerState::Hedged(fork_at[&fork], which),
            Owner::Request { place, .. } => {
                let request = self.requests[place as usize].as_ref().expect("a leg goes for somebody");
                OwnerState::Request(request_at[&request.ticket])
            }
        };
        let status = |leg: &Leg| match leg.status {
            Status::AtDesk(_) => StatusState::AtDesk,
            Status::Answered { made, done } => StatusState::Answered(made, done, leg.order),
            Status::Waits | Status::AtPlay => StatusState::Waits,
        };
        let leg = |(_, leg): &(u32, &Leg)| {
            let at_desk = match leg.status {
                Status::AtDesk(place) => self.requests[place as usize].as_ref().map(|request| request.client),
                _ => None,
            };
            LegState { session: at_desk.unwrap_or(leg.session), owner: owner(leg), status: status(leg) }
        };
        let state = DesksState {
            desks: self.by_service.iter().map(|of| of.as_ref().map(desk)).collect(),
            requests: requests.iter().map(state).collect(),
            tickets: self.tickets,
            forks: forks.len() as u32,
            legs: legs.iter().map(leg).collect(),
        };
        (state, clients)
    }

    /// Brings desks of a cell at which nothing has happened yet to a state; `None` where it cannot have come about by `now`.
    #[must_use]
    pub fn restore(
        mut self,
        mut state: DesksState,
        clients: Vec<Session>,
        (model, cell): (&Model, u32),
        now: u64,
    ) -> Option<Self> {
        self.restore_desks(std::mem::take(&mut state.desks), (model, cell), now)?;
        let come = |request: &RequestState| (request.ticket, request.task.sent);
        let in_order =
            |pair: &[RequestState]| come(&pair[0]).0 < come(&pair[1]).0 && come(&pair[0]).1 <= come(&pair[1]).1;
        let numbered = state.requests.iter().all(|request| request.ticket < state.tickets);
        if !state.requests.windows(2).all(in_order) || !numbered || state.tickets > LONGEST_SEEN {
            return None;
        }
        self.tickets = state.tickets;
        let parents = clients.len().checked_sub(state.forks as usize)?;
        let mut at_desks = self.bring_back_legs(&state, &clients[parents..], model, now)?;
        let mut clients = clients.into_iter().take(parents);
        let mut legs = vec![0; state.requests.len()];
        for leg in &state.legs {
            if let OwnerState::Request(of) = leg.owner {
                legs[of as usize] += 1;
            }
        }
        let mut places = Vec::new();
        for (request, legs) in state.requests.iter().zip(legs) {
            let client = match request.client {
                Client::Gone => Session::default(),
                Client::Left(session) => Some(session).filter(|session| is_somebody(session, model))?,
                Client::Session => clients.next()?,
                Client::Leg(leg) => at_desks.get_mut(leg as usize)?.take()?,
            };
            places.push(self.bring_back(request, client, legs, model, now)?);
        }
        self.bind(&places)?;
        if at_desks.iter().any(Option::is_some) || clients.next().is_some() {
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

    /// Legs come back, and the sessions that wait for some. The clients of those that wait at a desk; a leg that goes for a request
    /// names it by its place in the list until it is bound.
    fn bring_back_legs(
        &mut self,
        state: &DesksState,
        parents: &[Session],
        model: &Model,
        now: u64,
    ) -> Option<Vec<Option<Session>>> {
        for parent in parents {
            self.legs.forks.insert(Fork::new(*parent));
        }
        let mut at_desks = Vec::new();
        for leg in &state.legs {
            let place = match leg.owner {
                OwnerState::Fork(fork) => {
                    let parent = parents.get(fork as usize)?;
                    let last = self.legs.forks.at(fork).legs().last().copied();
                    let last = last.map(|last| self.legs.all.at(last).session.call);
                    let call = call_of_fork(parent, leg.session.call, last, model)?;
                    self.legs.add(fork, leg.of_fork(parent)?, call.service)
                }
                OwnerState::Hedged(fork, which) => {
                    let parent = parents.get(fork as usize)?;
                    let call = hedged_call(parent, self.legs.forks.at(fork).legs().len(), model)?;
                    self.legs.add_copy(fork, which, leg.of_hedge(which, parent)?, call.service)
                }
                OwnerState::Request(index) => {
                    let task = &state.requests.get(index as usize)?.task;
                    let calls = &model.services.get(usize::from(task.service))?.calls;
                    let service = *calls.get(usize::from(leg.session.call))?;
                    let owner = Owner::Request { place: index, lineage: task.lineage };
                    self.legs.begin(owner, leg.of_request(model)?, service)
                }
            };
            let session = self.legs.all.at(place).session;
            self.resume_leg(leg, session, now)?;
            at_desks.push(matches!(leg.status, StatusState::AtDesk).then_some(session));
        }
        let waits_for_all = |(parent, (_, fork)): (&Session, (u32, &Fork))| {
            if hedged_call(parent, 0, model).is_some() {
                return self.legs.are_copies(fork);
            }
            let made: Vec<u8> =
                fork.legs().iter().filter_map(|&leg| Some(self.legs.all.get(leg)?.session.call)).collect();
            fork.unanswered > 0 && others_can_be_left_out(parent, &made, model)
        };
        parents.iter().zip(self.legs.forks.iter()).all(waits_for_all).then_some(at_desks)
    }

    /// A leg does what it was doing.
    fn resume_leg(&mut self, leg: &LegState, session: Session, now: u64) -> Option<()> {
        let goes_on = session.time.0 >= now;
        match leg.status {
            StatusState::AtDesk if goes_on && session.phase() != Phase::Retry => {}
            StatusState::Waits if goes_on => self.wait_for_leg(session),
            StatusState::Answered(made, done, order) if made <= now.min(done) => {
                self.legs.set(&session, Status::Answered { made, done });
                let leg = *self.legs.of(&session)?;
                match leg.owner {
                    Owner::Fork(fork) => {
                        let fork = self.legs.forks.at(fork);
                        fork.unanswered -= 1;
                        fork.latest = fork.latest.max(done);
                    }
                    Owner::Hedged(..) => return None,
                    Owner::Request { .. } if done < now || order >= self.tickets => return None,
                    Owner::Request { .. } => {
                        let place = session.basket.leg()?;
                        self.legs.all.at(place).order = order;
                        self.turns.push(Reverse(Turn::leg_answered(done, order, leg.ticket, place)));
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Legs and the requests that they go for are told of each other.
    fn bind(&mut self, places: &[u32]) -> Option<()> {
        let legs: Vec<(u32, Owner)> = self.legs.all.iter().map(|(place, leg)| (place, leg.owner)).collect();
        for (leg, owner) in legs {
            if let Owner::Request { place: index, lineage } = owner {
                let place = *places.get(index as usize)?;
                self.legs.all.at(leg).owner = Owner::Request { place, lineage };
                self.request(place).leg = Some(leg);
            }
        }
        Some(())
    }

    /// A request comes back, and has so many legs of its own. Its place.
    fn bring_back(
        &mut self,
        state: &RequestState,
        client: Session,
        legs: usize,
        model: &Model,
        now: u64,
    ) -> Option<u32> {
        let &RequestState { client: who, ticket, mut task } = state;
        if legs == 0 {
            task.stage = done_here(&task, model)?;
        }
        let Task { service, queue, rank, made, sent, arrived, stage, .. } = task;
        let is_awaited = matches!(who, Client::Session | Client::Leg(_));
        let is_at_stage = match stage {
            Stage::UnderWay(until) => until >= now && legs == 0,
            Stage::Waiting => legs == 0,
            // A worker that has done its own work calls others.
            Stage::Served(started, done) => {
                (arrived..=now).contains(&started) && if legs > 0 { done <= now && legs == 1 } else { done >= now }
            }
        };
        let calls = !model.services.get(usize::from(service))?.calls.is_empty();
        let is_known = is_awaited || !calls || who != Client::Gone;
        let is_under_way = matches!(stage, Stage::UnderWay(_));
        let is_possible = is_at_stage
            && made <= sent
            && sent <= arrived
            && arrived <= now
            && is_known
            && (!is_awaited || is_under_way || !model.services[usize::from(service)].answers_on_acceptance)
            && (!is_awaited || self.awaits(&client, service, rank, model));
        let desk = self.by_service.get_mut(usize::from(service))?.as_mut()?;
        let of = desk.queues.get_mut(queue as usize)?;
        if !is_possible {
            return None;
        }
        let (waits, is_served) = (stage == Stage::Waiting, matches!(stage, Stage::Served(..)));
        of.serving += u64::from(is_served);
        desk.serving += u64::from(is_served);
        desk.waiting += u64::from(waits);
        let place = self.keep(Request { client, is_awaited, ticket, leg: None, task });
        match stage {
            Stage::UnderWay(time) => self.await_arrival(place, ticket, time),
            Stage::Waiting => self.desk(usize::from(service)).queues[queue as usize].line.join(rank, ticket, place),
            Stage::Served(_, done) if legs == 0 => self.turns.push(Reverse(Turn::done(done, ticket, place))),
            Stage::Served(..) => {}
        }
        Some(place)
    }

    /// Whether a session that can go on, or a leg, can be the client of such a request.
    fn awaits(&self, client: &Session, service: u8, rank: u8, model: &Model) -> bool {
        let (segment, state) = (usize::from(client.segment), usize::from(client.state));
        let graph = model.segments[segment].graph(client.window());
        let settings = model.services.get(usize::from(service)).and_then(|service| service.desk.as_ref());
        let call = || model.graphs[graph].states[state].calls.get(usize::from(client.call));
        let called = match self.legs.of(client) {
            Some(leg) => Some(leg.service),
            None => call().filter(|call| !call.is_hedged).map(|call| call.service),
        };
        matches!(client.phase(), Phase::TimedOut | Phase::GaveUp | Phase::HoldExpiry)
            && called == Some(service)
            && settings.is_some_and(|settings| settings.rank(segment, graph, state) == rank)
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

/// How far a request has come where a scenario has another future: while it is served, something may go wrong of which nobody knew. With a
/// slowdown, nothing may.
fn done_here(task: &Task, model: &Model) -> Option<Stage> {
    let desk = model.services.get(usize::from(task.service))?.desk.as_ref()?;
    Some(match task.stage {
        Stage::Served(started, _) if desk.slowdown.is_none() && !desk.capacity.incidents.is_empty() => {
            Stage::Served(started, desk.capacity.done(started, task.work))
        }
        Stage::Served(started, _) if desk.slowdown.is_none() => {
            Stage::Served(started, started.saturating_add(task.work))
        }
        stage => stage,
    })
}

/// Whether the capacity of a service never changes.
fn is_constant(model: &Model, service: usize) -> bool {
    model.services[service].desk.as_ref().is_none_or(|desk| desk.capacity.is_constant())
}

/// Whether a session can be that of a shopper.
fn is_somebody(session: &Session, model: &Model) -> bool {
    let graph = model.segments.get(usize::from(session.segment)).map(|segment| segment.graph(session.window()));
    graph.is_some_and(|graph| usize::from(session.state) < model.graphs[graph].states.len())
}

/// The call of the leg that comes after that of another call of a session that waits for several; `None` where it cannot be.
fn call_of_fork(parent: &Session, call: u8, last: Option<u8>, model: &Model) -> Option<Call> {
    let graph = model.segments[usize::from(parent.segment)].graph(parent.window());
    let calls = &model.graphs[graph].states[usize::from(parent.state)].calls;
    let first = calls.get(usize::from(parent.call))?;
    let is_next = last.map_or(call >= parent.call, |last| call > last);
    let is_of_set = usize::from(call) < usize::from(parent.call) + usize::from(first.at_once);
    let is_possible = parent.phase() == Phase::Response && first.at_once > 1;
    calls.get(usize::from(call)).copied().filter(|_| is_next && is_of_set && is_possible)
}

/// Whether a session that waits for several calls can have made these and no others: there is a switch for each of those.
fn others_can_be_left_out(parent: &Session, made: &[u8], model: &Model) -> bool {
    let (graph, state) =
        (model.segments[usize::from(parent.segment)].graph(parent.window()), usize::from(parent.state));
    let calls = &model.graphs[graph].states[state].calls;
    let Some(first) = calls.get(usize::from(parent.call)) else { return false };
    let can_be = |call: &Call| {
        let left_out = (graph, state, usize::from(call.service));
        model.switches.iter().any(|switch| switch.left_out.contains(&left_out))
    };
    let of_set = (parent.call..).zip(&calls[usize::from(parent.call)..]).take(usize::from(first.at_once));
    first.at_once > 1 && of_set.filter(|(number, _)| !made.contains(number)).all(|(_, call)| can_be(call))
}

/// The call of a copy that comes after so many others of a session that waits for one of them; `None` where it cannot be.
fn hedged_call(parent: &Session, before: usize, model: &Model) -> Option<Call> {
    let graph = model.segments[usize::from(parent.segment)].graph(parent.window());
    let call = model.graphs[graph].states[usize::from(parent.state)].calls.get(usize::from(parent.call))?;
    (call.is_hedged && before < 2 && parent.phase() == Phase::Response).then_some(*call)
}

impl LegState {
    /// The client that the copy of a session's call is; `None` where it cannot be.
    fn of_hedge(&self, which: Which, parent: &Session) -> Option<Session> {
        let session = self.of_fork(parent)?;
        let is_of_attempt =
            (session.call, session.attempt & !HAS_TURN) == (parent.call, parent.attempt) && !parent.has_turn();
        let is_at_stage = match (which, self.status) {
            (_, StatusState::Answered(..)) | (Which::Unsent, StatusState::AtDesk) => false,
            (Which::Unsent, StatusState::Waits) => {
                matches!(session.phase(), Phase::Retry | Phase::HoldExpiry) && !session.has_turn()
            }
            (Which::First | Which::Second, _) => session.phase() != Phase::Retry || session.has_turn(),
        };
        (is_of_attempt && is_at_stage).then_some(session)
    }

    /// The client that the leg of a forked session is; `None` where it cannot be.
    fn of_fork(&self, parent: &Session) -> Option<Session> {
        let mut session = parent.at_call(self.session.call, self.session.attempt);
        session.wait_for(self.session.phase(), self.session.time);
        let ends_with_hold = session.phase() != Phase::HoldExpiry || parent.holds() && session.time == parent.time;
        let is_in_time = session.time <= parent.time || !parent.holds();
        (ends_with_hold && is_in_time && self.can_wait(&session)).then_some(session)
    }

    /// The client that the leg of a request is; `None` where it cannot be.
    fn of_request(&self, model: &Model) -> Option<Session> {
        let mut session = within(self.session, self.session.time).at_call(self.session.call, self.session.attempt);
        session.wait_for(self.session.phase(), self.session.time);
        let is_possible = !matches!(session.phase(), Phase::GaveUp | Phase::HoldExpiry) && self.can_wait(&session);
        (is_somebody(&session, model) && is_possible).then_some(session)
    }

    fn can_wait(&self, session: &Session) -> bool {
        let phases = [Phase::HoldExpiry, Phase::TimedOut, Phase::GaveUp, Phase::Retry];
        session.attempt & !HAS_TURN <= MOST_ATTEMPTS
            && (!session.has_turn() || session.phase() == Phase::Retry)
            && (matches!(self.status, StatusState::Answered(..)) || phases.contains(&session.phase()))
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
            && [reading.busy, reading.queued, reading.standing, reading.capacity, reading.stayed]
                .iter()
                .all(|&ns| ns <= MOST_SEEN)
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

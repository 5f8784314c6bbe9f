//! Desks as a snapshot holds them, and whether what a snapshot holds can be the desks of a run.

use super::{Desk, Desks, Queue, Request, Turn, What};
use crate::engine::session::{Phase, Session};
use crate::engine::station::{LONGEST_SEEN, MOST_SEEN, Reading};
use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The desks of a cell as plain data. Their clients are kept apart, with all sessions.
#[derive(Serialize, Deserialize)]
pub struct DesksState {
    /// By service; none where no service has a desk.
    desks: Vec<Option<DeskState>>,
    /// In the order in which they came.
    requests: Vec<RequestState>,
}

#[derive(Serialize, Deserialize)]
struct DeskState {
    queues: Vec<QueueState>,
    round: u64,
    reading: Reading,
    passed: u64,
}

#[derive(Serialize, Deserialize)]
struct QueueState {
    filled: u64,
    recent: Vec<u64>,
}

#[derive(Serialize, Deserialize)]
struct RequestState {
    is_awaited: bool,
    service: u8,
    queue: u32,
    rank: u8,
    made: u64,
    arrived: u64,
    work: u64,
    bound: u64,
    service_span: Option<(u64, u64)>,
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
        };
        let mut requests: Vec<&Request> = self.requests.iter().flatten().collect();
        requests.sort_unstable_by_key(|request| request.ticket);
        let clients = requests.iter().filter(|request| request.is_awaited).map(|request| request.client).collect();
        let state = |request: &&Request| RequestState {
            is_awaited: request.is_awaited,
            service: request.service,
            queue: request.queue,
            rank: request.rank,
            made: request.made,
            arrived: request.arrived,
            work: request.work,
            bound: request.bound,
            service_span: request.service_span,
        };
        let desks = self.by_service.iter().map(|of| of.as_ref().map(desk)).collect();
        (DesksState { desks, requests: requests.iter().map(state).collect() }, clients)
    }

    /// Brings desks at which nothing has happened yet to a state; `None` where it cannot have come about by `now`.
    #[must_use]
    pub fn restore(mut self, state: DesksState, clients: Vec<Session>, model: &Model, now: u64) -> Option<Self> {
        if state.desks.len() != self.by_service.len() {
            return None;
        }
        for (desk, state) in self.by_service.iter_mut().zip(state.desks) {
            match (desk, state) {
                (Some(desk), Some(state)) => state.restore(desk, now)?,
                (None, None) => {}
                _ => return None,
            }
        }
        if !state.requests.is_sorted_by_key(|request| request.arrived) {
            return None;
        }
        let mut clients = clients.into_iter();
        for request in state.requests {
            let client = if request.is_awaited { clients.next()? } else { Session::default() };
            self.bring_back(&request, client, model, now)?;
        }
        let can_be = |queue: &Queue| {
            let waiting = queue.line.len() as u64;
            queue.serving <= queue.workers
                && waiting <= queue.places
                && (waiting == 0 || queue.serving == queue.workers)
        };
        let all = self.by_service.iter().flatten().flat_map(|desk| &desk.queues).all(can_be);
        (clients.next().is_none() && all).then_some(self)
    }

    fn bring_back(&mut self, state: &RequestState, client: Session, model: &Model, now: u64) -> Option<()> {
        let &RequestState { is_awaited, service, queue, rank, made, arrived, work, bound, service_span } = state;
        let is_possible = made <= arrived
            && arrived <= now
            && service_span.is_none_or(|(started, done)| (arrived..=now).contains(&started) && done >= now)
            && (!is_awaited || awaits(&client, service, rank, model));
        let desk = self.by_service.get_mut(usize::from(service))?.as_mut()?;
        let of = desk.queues.get_mut(queue as usize)?;
        if !is_possible {
            return None;
        }
        let ticket = self.tickets;
        self.tickets += 1;
        let is_served = u64::from(service_span.is_some());
        of.serving += is_served;
        desk.serving += is_served;
        desk.waiting += 1 - is_served;
        let place = self.keep(Request {
            client,
            is_awaited,
            service,
            queue,
            rank,
            ticket,
            made,
            arrived,
            work,
            bound,
            service_span,
        });
        match service_span {
            None => self.desk(usize::from(service)).queues[queue as usize].line.join(rank, ticket, place),
            Some((_, time)) => self.turns.push(Reverse(Turn { time, what: What::Done, order: ticket, ticket, place })),
        }
        Some(())
    }
}

/// Whether a session that can go on can be the client of such a request.
fn awaits(client: &Session, service: u8, rank: u8, model: &Model) -> bool {
    let (segment, state) = (usize::from(client.segment), usize::from(client.state));
    let graph = model.segments[segment].graph(client.window());
    let settings = model.services.get(usize::from(service)).and_then(|service| service.desk.as_ref());
    matches!(client.phase(), Phase::TimedOut | Phase::GaveUp | Phase::HoldExpiry)
        && model.graphs[graph].states[state].calls.get(usize::from(client.call)) == Some(&service)
        && settings.is_some_and(|settings| settings.rank(segment, graph, state) == rank)
}

impl QueueState {
    fn of(queue: &Queue) -> Self {
        QueueState { filled: queue.filled, recent: queue.recent.iter().copied().collect() }
    }
}

impl DeskState {
    fn restore(self, desk: &mut Desk, now: u64) -> Option<()> {
        let DeskState { queues, round, reading, passed } = self;
        let places = desk.queues.iter().map(|queue| queue.places).fold(0, u64::saturating_add);
        let is_possible = passed <= now
            && queues.len() == desk.queues.len()
            && round < desk.queues.len() as u64
            && reading.busy.max(reading.queued) <= MOST_SEEN
            && reading.longest_queue <= places.min(LONGEST_SEEN);
        if !is_possible {
            return None;
        }
        for (queue, QueueState { filled, recent }) in desk.queues.iter_mut().zip(queues) {
            if filled > now || !recent.is_sorted() || recent.last().is_some_and(|&last| last > now) {
                return None;
            }
            (queue.filled, queue.recent) = (filled, recent.into());
        }
        (desk.round, desk.reading, desk.passed) = (round, reading, passed);
        Some(())
    }
}

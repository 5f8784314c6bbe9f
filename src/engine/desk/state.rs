//! Desks as a snapshot holds them, and whether what a snapshot holds can be the desks of a run.

use super::change::scheduled;
use super::{Desk, Desks, Queue, Request, Stage, Task, Turn, What};
use crate::engine::session::{Phase, Session};
use crate::engine::station::{LONGEST_SEEN, MOST_SEEN, Reading};
use crate::model::Model;
use crate::units::Instant;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// The desks of a cell as plain data. Their clients are kept apart, with all sessions.
#[derive(Serialize, Deserialize)]
pub struct DesksState {
    /// By service; none where no service has a desk.
    desks: Vec<Option<DeskState>>,
    /// In the order in which they came.
    requests: Vec<Task>,
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
        let clients = requests.iter().filter(|request| request.task.is_awaited).map(|request| request.client).collect();
        let desks = self.by_service.iter().map(|of| of.as_ref().map(desk)).collect();
        (DesksState { desks, requests: requests.iter().map(|request| request.task).collect() }, clients)
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
        if state.desks.len() != self.by_service.len() {
            return None;
        }
        self.turns.clear();
        for (service, state) in state.desks.into_iter().enumerate() {
            match (&mut self.by_service[service], state) {
                (Some(desk), Some(state)) => {
                    desk.stand_before(model, (service, cell), Instant(now));
                    state.restore(desk, is_constant(model, service), now)?;
                    self.await_change(model, service, Instant(now));
                }
                (None, None) => {}
                _ => return None,
            }
        }
        if !state.requests.is_sorted_by_key(|request| request.sent) {
            return None;
        }
        let mut clients = clients.into_iter();
        for task in state.requests {
            let client = if task.is_awaited { clients.next()? } else { Session::default() };
            self.bring_back(task, client, model, now)?;
        }
        let mut all = self.by_service.iter().enumerate().filter_map(|(service, desk)| Some((service, desk.as_ref()?)));
        let can_be =
            |(service, desk): (usize, &Desk)| desk.queues.iter().all(|queue| queue.can_be(is_constant(model, service)));
        (clients.next().is_none() && all.all(can_be)).then_some(self)
    }

    fn bring_back(&mut self, task: Task, client: Session, model: &Model, now: u64) -> Option<()> {
        let Task { is_awaited, service, queue, rank, made, sent, arrived, stage, .. } = task;
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
        let place = self.keep(Request { client, ticket, task });
        match stage {
            Stage::UnderWay(time) => self.await_arrival(place, ticket, time),
            Stage::Waiting => self.desk(usize::from(service)).queues[queue as usize].line.join(rank, ticket, place),
            Stage::Served(_, time) => {
                self.turns.push(Reverse(Turn { time, what: What::Done, order: ticket, ticket, place }));
            }
        }
        Some(())
    }
}

impl Desk {
    /// The instances that stand just before an instant.
    fn stand_before(&mut self, model: &Model, (service, cell): (usize, u32), now: Instant) {
        let Some((desk, _)) = scheduled(model, service, now) else { return };
        let Some(last) = desk.capacity.last_change_before(now) else { return };
        let Some((_, total)) = scheduled(model, service, last) else { return };
        self.lost = model.lost_instances(service, cell, last, total);
        self.stand(model.instances_of(total, service, cell) - self.lost, desk.queues);
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
    let graph = model.segments[segment].graph;
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
    fn restore(self, desk: &mut Desk, is_constant: bool, now: u64) -> Option<()> {
        let DeskState { queues, round, reading, passed } = self;
        let places = desk.queues.iter().map(|queue| queue.places).fold(0, u64::saturating_add);
        let is_possible = passed <= now
            && queues.len() == desk.queues.len()
            && round <= desk.queues.len() as u64
            && [reading.busy, reading.queued, reading.standing, reading.capacity].iter().all(|&ns| ns <= MOST_SEEN)
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
        (desk.round, desk.reading, desk.passed) = (round, reading, passed);
        Some(())
    }
}

//! What changes at desks in the course of time: instances come and go, requests get through at last.

use super::{Desk, Desks, Request, Stage, Task, Turn};
use crate::engine::cell::Player;
use crate::engine::scaler::Seen;
use crate::model::Model;
use crate::model::remapping::{CellState, Standing};
use crate::plan::{self, Queues};
use crate::units::{Instant, Nanos};
use std::cmp::Reverse;

impl Desks {
    /// Awaits the first change of a service's instances that is not before this instant.
    pub(super) fn await_change(&mut self, model: &Model, service: usize, from: Instant) {
        let desk = model.services[service].desk.as_ref().filter(|_| self.by_service[service].is_some());
        let Some(desk) = desk else { return };
        let next = desk.capacity.next_change(from);
        self.desk(service).next_change = next;
        if let Some(next) = next {
            self.will_change(service, next);
        }
    }

    fn will_change(&mut self, service: usize, Instant(time): Instant) {
        let place = service as u32;
        self.turns.push(Reverse(Turn::change(time, place)));
    }

    /// What a service had to do since this was last asked, up to `now`.
    pub fn unseen(&mut self, service: usize, now: u64) -> Seen {
        let desk = self.desk(service);
        desk.pass(now);
        std::mem::take(&mut desk.unseen)
    }

    /// From certain times on, none of which has passed, a service is to have so many instances over all cells.
    pub fn scale(&mut self, service: usize, later: &[(Instant, u64)]) {
        let known = std::mem::replace(&mut self.desk(service).later, later.to_vec());
        let is_new = |time: &Instant| known.iter().all(|(known, _)| known != time);
        later.iter().map(|(time, _)| *time).filter(is_new).for_each(|time| self.will_change(service, time));
    }

    pub(super) fn await_arrival(&mut self, place: u32, ticket: u64, time: u64) {
        self.turns.push(Reverse(Turn::arrival(time, ticket, place)));
    }

    /// Brings the instances of a service to what they are from now on. The requests that fail as their instance is lost.
    fn change(&mut self, model: &Model, cell: u32, service: usize, now: Instant) -> Vec<Request> {
        let Some(settings) = &model.services[service].desk else { return Vec::new() };
        let total = self.desk(service).total_from(model, service, now);
        let Standing { instances, lost, moved, cell } = model.standing(total, service, cell, now);
        let desk = self.desk(service);
        desk.pass(now.0);
        desk.total = total;
        let fewer = lost.saturating_sub(desk.lost);
        // Those that are no longer scheduled go first, and in peace.
        let before = instances.saturating_sub(desk.lost);
        desk.stand(before, moved, settings.queues);
        desk.lost = lost;
        let before_now = std::mem::replace(&mut desk.cell, cell);
        let is_gone = before_now == CellState::Stands && cell != CellState::Stands;
        let failing = if is_gone { self.accepted(service) } else { self.at_lost(settings, service, fewer.min(before)) };
        let failed = failing.into_iter().map(|place| self.end(place, now.0)).collect();
        self.desk(service).stand(instances - lost, moved, settings.queues);
        failed
    }

    /// The places of the requests at as many instances as are lost, in the order in which they came.
    fn at_lost(&self, settings: &plan::Desk, service: usize, lost: u64) -> Vec<u32> {
        let Some(desk) = self.by_service[service].as_ref().filter(|_| lost > 0) else { return Vec::new() };
        let (standing, is_pooled) = (desk.standing, settings.queues == Queues::Pooled);
        let queues = standing - lost..standing;
        let is_there = |request: &Request| match request.task.stage {
            _ if usize::from(request.task.service) != service => false,
            Stage::UnderWay(_) => false,
            Stage::Waiting => !is_pooled && queues.contains(&u64::from(request.task.queue)),
            Stage::Served(..) => is_pooled || queues.contains(&u64::from(request.task.queue)),
        };
        let there = self.in_order(is_there);
        // Of n requests in service behind a common queue the lost/standing part, spread evenly.
        let before = |index: u64| u128::from(index) * u128::from(lost) / u128::from(standing);
        let is_lost = |index: u64| !is_pooled || before(index + 1) > before(index);
        there.into_iter().zip(0..).filter(|&(_, index)| is_lost(index)).map(|(place, _)| place).collect()
    }

    /// The places of all requests that a service has accepted, in the order in which they came.
    fn accepted(&self, service: usize) -> Vec<u32> {
        let is_accepted =
            |task: &Task| usize::from(task.service) == service && !matches!(task.stage, Stage::UnderWay(_));
        self.in_order(|request| is_accepted(&request.task))
    }

    /// The places of some requests, in the order in which they came.
    fn in_order(&self, which: impl Fn(&Request) -> bool) -> Vec<u32> {
        let requests = self.requests.iter().zip(0..);
        let ticket = |request: &Option<Request>| request.as_ref().filter(|of| which(of)).map(|of| of.ticket);
        let mut some: Vec<(u64, u32)> =
            requests.filter_map(|(request, place)| Some((ticket(request)?, place))).collect();
        some.sort_unstable();
        some.into_iter().map(|(_, place)| place).collect()
    }

    /// A request gets through, to the instance that it was sent to or else another. It is given back where there is no room.
    fn arrive(&mut self, settings: &plan::Desk, place: u32, now: u64) -> Option<Request> {
        let service = usize::from(self.request(place).task.service);
        let standing = self.desk(service).standing;
        let task = &mut self.request(place).task;
        if settings.queues != Queues::Pooled && u64::from(task.queue) >= standing {
            task.queue = (u64::from(task.queue) % standing.max(1)) as u32;
        }
        let queue = task.queue as usize;
        let desk = self.desk(service);
        let is_nobody_there = desk.cell == CellState::Down || settings.queues != Queues::Pooled && desk.standing == 0;
        if is_nobody_there || desk.queues[queue].is_full() {
            return Some(self.end(place, now));
        }
        self.line_up(settings, place, now);
        None
    }
}

impl Desk {
    /// The instances of its service over all cells from an instant on; what an autoscaler has ordered by then is forgotten.
    pub(super) fn total_from(&mut self, model: &Model, service: usize, now: Instant) -> u64 {
        let service = &model.services[service];
        let (Some(pool), Some(desk)) = (&service.pool, &service.desk) else { return self.total };
        if desk.capacity.autoscaler.is_none() {
            return desk.capacity.scheduled(now, pool.instances);
        }
        let due = self.later.partition_point(|(time, _)| *time <= now);
        self.later.drain(..due).next_back().map_or(self.total, |(_, total)| total)
    }

    /// The instances that stand just before an instant, if nothing has happened since the last change.
    pub(super) fn stand_before(&mut self, model: &Model, (service, cell): (usize, u32), now: Instant) {
        let Some(desk) = &model.services[service].desk else { return };
        let before = Instant(now.0.saturating_sub(1));
        if desk.capacity.autoscaler.is_none() {
            self.total = self.total_from(model, service, before);
        }
        let Standing { instances, lost, moved, cell } = model.standing(self.total, service, cell, before);
        (self.lost, self.cell) = (lost, cell);
        self.stand(instances - lost, moved, desk.queues);
    }
}

impl Player<'_> {
    /// Instances come or go: requests fail with theirs, and free workers take up what waits.
    pub(super) fn instances_change(&mut self, turn: Turn) {
        let (service, now) = (turn.place as usize, Instant(turn.time));
        for request in self.cell.desks.change(self.model, self.cell.id, service, now) {
            self.fails(&request, turn.time);
        }
        for queue in 0..self.cell.desks.desk(service).queues.len() as u32 {
            self.serve((service, queue), turn.time);
        }
        if self.cell.desks.desk(service).next_change == Some(now) {
            self.cell.desks.await_change(self.model, service, now + Nanos(1));
        }
    }

    /// A request gets through that could not before.
    pub(super) fn arrives(&mut self, turn: Turn) {
        let service = usize::from(self.cell.desks.request(turn.place).task.service);
        let settings = self.desk_settings(service);
        if let Some(request) = self.cell.desks.arrive(settings, turn.place, turn.time) {
            self.fails(&request, turn.time);
        } else {
            self.is_accepted(turn.place, turn.time);
        }
    }

    /// A request has failed that was accepted, and nobody waits for it: it is cancelled, or rejected where the service had answered
    /// because it was accepted.
    pub(super) fn comes_to_nothing(&mut self, service: usize) {
        let tally = &mut self.tally.services[service];
        if self.model.services[service].answers_on_acceptance {
            tally.rejected += 1;
            tally.attribution.unplaced += 1;
        } else {
            tally.cancelled += 1;
        }
    }

    /// A request has come to nothing. Its client is told, if it is still there: another call of the same page may have failed just
    /// now, and the page with it.
    pub(super) fn fails(&mut self, request: &Request, now: u64) {
        let mut freed = Vec::new();
        if let Some(leg) = request.leg {
            self.abandon_within(leg, now, &mut freed);
        }
        let mut session = request.client;
        let is_there = !session.basket.is_of_leg() || self.cell.desks.legs.of(&session).is_some();
        let service = usize::from(request.task.service);
        if request.is_awaited && is_there {
            session.time = Instant(now);
            self.refused(&mut session, service, true);
        } else if matches!(request.task.stage, Stage::UnderWay(_)) {
            self.tally.services[service].cancelled += 1;
        } else {
            self.comes_to_nothing(service);
        }
        for line in freed {
            self.serve(line, now);
        }
    }
}

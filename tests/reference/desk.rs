//! A service with an event-driven station: who is next, who is dropped, who is taken out, how long a worker takes.

use super::draws;
use super::protection::Event;
use super::service::RequestId;
use super::session::{Fate, Key, Session, Waits};
use super::simulator::Simulator;
use saleload::plan::{self, Balancer, Cancel, Discipline, Queues};
use saleload::units::{Instant, Nanos};

/// A queue: of which cell, of which service, and which of several.
pub(crate) type Line = (usize, usize, usize);

impl Simulator<'_> {
    /// Instances behind a queue.
    fn instances(&self, (cell, service, _): Line) -> u64 {
        let is_split = self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled);
        if is_split { 1 } else { self.cells[cell].serving[service] }
    }

    /// Instances of a service that are there for the shoppers of a cell, and their workers.
    pub(crate) fn there(&self, cell: usize, service: usize) -> (u64, u64) {
        let of = &self.cells[cell];
        if self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled) {
            let each = self.plan.services[service].pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
            return (of.standing[service], of.standing[service] * each);
        }
        (of.serving[service], of.services[service][0].workers.map_or(0, |workers| workers as u64))
    }

    /// The queue to which the balancer sends a request of the session; `None` where no instance stands.
    pub(crate) fn balance(&mut self, session: &Session, service: usize) -> Option<usize> {
        if self.cells[session.cell].down[service] {
            self.record.rarities.refused_by_lost_cell += 1;
            return None;
        }
        let Some(Queues::PerInstance(balancer)) = self.desk(service).map(|desk| desk.queues) else { return Some(0) };
        let queues = &self.cells[session.cell].services[service];
        let standing = self.cells[session.cell].standing[service];
        if standing == 0 {
            return None;
        }
        let any = draws::instances(&self.model, session, standing);
        Some(match balancer {
            Balancer::Random => any.take(1).sum(),
            Balancer::RoundRobin => {
                let next = self.cells[session.cell].rounds[service] % standing as usize;
                self.cells[session.cell].rounds[service] = next + 1;
                next
            }
            Balancer::LeastLoaded(choices) => {
                let drawn: Vec<usize> = any.take(choices as usize).collect();
                let least = drawn.iter().map(|&queue| queues[queue].load()).min();
                drawn.into_iter().find(|&queue| Some(queues[queue].load()) == least).expect("one at least is drawn")
            }
        })
    }

    pub(crate) fn desk(&self, service: usize) -> Option<&plan::Desk> {
        self.plan.services[service].desk.as_ref()
    }

    /// The longest that a request that comes now may wait.
    pub(crate) fn bound(&self, (cell, service, queue): Line) -> Option<Nanos> {
        let desk = self.desk(service)?;
        let of = &self.cells[cell].services[service][queue];
        let controlled = desk.controlled_delay.as_ref().map(|delay| {
            let stands = of.has_queue() && self.now > of.not_empty_since + delay.interval;
            if stands { delay.target } else { delay.interval }
        });
        match (desk.max_wait, controlled) {
            (Some(a), Some(b)) => Some(if a < b { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// How long a worker takes that begins now.
    pub(crate) fn duration(&self, id: RequestId) -> Nanos {
        let request = &self.record.requests[id];
        let usual = self.usual_duration(id);
        match self.desk(request.service) {
            Some(desk) => self.disturbed(desk, usual),
            None => usual,
        }
    }

    /// The same where nothing goes wrong.
    fn usual_duration(&self, id: RequestId) -> Nanos {
        let request = &self.record.requests[id];
        let Some(slowdown) = self.desk(request.service).and_then(|desk| desk.slowdown.as_ref()) else {
            return request.work;
        };
        let accepted = &self.cells[request.cell].services[request.service][request.queue].accepted;
        let lately = accepted.iter().rev().take_while(|at| **at + Nanos::from_secs(1) > self.now).count() as u64;
        if lately > slowdown.above * self.instances((request.cell, request.service, request.queue)) {
            Nanos((request.work.0 as f64 * slowdown.factor) as u64)
        } else {
            request.work
        }
    }

    fn rank(&self, id: RequestId) -> usize {
        let request = &self.record.requests[id];
        match &self.desk(request.service).expect("it has a desk").discipline {
            Discipline::SegmentPriority(ranks) => usize::from(ranks[request.segment]),
            Discipline::StatePriority(ranks) => {
                usize::from(ranks[self.model.segments[request.segment].graph(request.key.window as u8)][request.state])
            }
            _ => 0,
        }
    }

    /// Where in the queue the next request stands.
    fn next_in_line(&self, line: Line) -> Option<usize> {
        let (cell, service, queue) = line;
        let queue = &self.cells[cell].services[service][queue].queue;
        let last = queue.len().checked_sub(1)?;
        Some(match self.desk(service).expect("it has a desk").discipline {
            Discipline::Lifo => last,
            Discipline::AdaptiveLifo { above } if queue.len() as u64 > above * self.instances(line) => last,
            Discipline::Fifo | Discipline::AdaptiveLifo { .. } => 0,
            // The first of the smallest.
            _ => (0..=last).min_by_key(|&position| self.rank(queue[position]))?,
        })
    }

    /// Idle workers take up those who wait; who has waited too long is sent away.
    pub(crate) fn serve(&mut self, line: Line) {
        let (cell, service, queue) = line;
        while self.cells[cell].services[service][queue].has_idle_worker()
            && let Some(position) = self.next_in_line(line)
        {
            let id = self.cells[cell].services[service][queue].queue.remove(position).expect("it stands there");
            let request = self.record.requests[id].clone();
            if request.bound.is_some_and(|bound| self.now - request.arrives > bound) {
                self.record.requests[id].ends_wait = Some(self.now);
                self.record.rarities.dropped += 1;
                self.leaves_guard(cell, service);
                self.send_away(id, Fate::Rejected(service));
                continue;
            }
            self.record.rarities.overtakings += u64::from(position > 0);
            self.cells[cell].services[service][queue].occupy(id);
            self.start(id);
        }
    }

    /// A request is no longer in flight to what protects its service.
    pub(crate) fn leaves_guard(&mut self, cell: usize, service: usize) {
        if let Some(guard) = &mut self.cells[cell].guards[service] {
            guard.leave();
        }
    }

    /// A request fails; its client is told, if it still waits.
    pub(crate) fn send_away(&mut self, id: RequestId, fate: Fate) {
        if self.record.requests[id].is_told() {
            return self.fails_later(id);
        }
        let (key, number) = (self.record.requests[id].key, self.record.requests[id].number);
        if self.sessions.get(&key).is_some_and(|session| session.number == number) {
            let session = self.sessions.remove(&key).expect("it waits");
            self.record.requests[id].rejected = Some(self.record.row());
            self.remember(&session, Event::Failed);
            self.attempt_failed(session, fate);
        } else {
            self.record.requests[id].cancelled = Some(self.record.row());
        }
    }

    /// A request fails whose client was told that it is accepted.
    pub(crate) fn fails_later(&mut self, id: RequestId) {
        self.record.requests[id].rejected = Some(self.record.row());
        self.record.rarities.put_off_failed += 1;
    }

    /// The client of a request stops waiting, because it timed out or because its session ends otherwise. The queue whose worker
    /// that sets free: it takes up the next when the client has been told.
    pub(crate) fn client_left(&mut self, session: &Session, id: RequestId, timed_out: bool) -> Vec<Line> {
        let request = self.record.requests[id].clone();
        assert_eq!(request.key, session.key);
        let Some(desk) = self.desk(request.service) else { return Vec::new() };
        if request.stops.or(request.ends_wait).is_some() || request.is_limited || request.is_told() {
            // Answered or failed at this very instant, or never at the desk.
            return Vec::new();
        }
        let cancel = desk.cancel;
        if timed_out {
            self.record.requests[id].timed_out = Some(self.record.row());
            let left_inside = self.deepest(session, Waits::Answer(id)) != request.service;
            self.record.rarities.left_inside += u64::from(left_inside);
            self.record.requests[id].left_inside = left_inside;
        }
        let of = &mut self.cells[request.cell].services[request.service][request.queue];
        if request.starts.is_none() && cancel != Cancel::None {
            of.queue.retain(|&waiting| waiting != id);
            self.record.requests[id].ends_wait = Some(self.now);
            self.record.rarities.cancelled += 1;
            self.record.requests[id].cancelled = Some(self.record.row());
            if !request.is_under_way {
                self.leaves_guard(request.cell, request.service);
            }
        } else if request.starts.is_some() && cancel == Cancel::All {
            of.release(id);
            self.record.requests[id].stops = Some(self.now);
            self.record.rarities.cancelled += 1;
            self.record.requests[id].cancelled = Some(self.record.row());
            self.leaves_guard(request.cell, request.service);
            let mut freed = vec![(request.cell, request.service, request.queue)];
            if request.calls {
                freed.extend(self.within_left(id));
            }
            return freed;
        }
        Vec::new()
    }

    /// A worker has finished a request of a desk. Whoever still waits for it has an answer.
    pub(crate) fn desk_done(&mut self, id: RequestId) {
        self.own_work_done(id);
    }

    /// A request has all that it needs.
    pub(crate) fn conclude(&mut self, id: RequestId) {
        let row = self.record.row();
        let (_, line) = self.let_go(id);
        let request = &mut self.record.requests[id];
        request.answered = Some(row);
        let request = request.clone();
        let waits = self.sessions.get(&request.key).is_some_and(|session| session.number == request.number);
        if waits && !request.is_told() {
            if let Some(guard) = &mut self.cells[request.cell].guards[request.service] {
                guard.answer(self.now, self.now - request.made);
            }
            if self.sessions[&request.key].within.is_some() {
                // Workers are ready before it goes on.
                self.schedule(self.now, super::event::Turn::WorkDone, Key::default(), id as u64);
            } else if request.key.leg > 0 {
                self.leg_answered(request.key);
            } else {
                self.schedule(self.now, super::event::Turn::Response, request.key, request.number);
            }
        }
        self.serve(line);
    }
}

/// The end of time, for what has not ended.
pub(crate) const NEVER: Instant = Instant(u64::MAX);

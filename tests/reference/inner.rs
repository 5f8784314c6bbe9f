//! A service that calls others while its worker is kept: a leg of nobody's session, for a request.

use super::desk::Line;
use super::protection::Event;
use super::service::RequestId;
use super::session::{Fate, Key, Session, Waits};
use super::simulator::Simulator;

impl Simulator<'_> {
    /// The worker has done its own work for a request; the service goes on to call others, if it does.
    pub(crate) fn own_work_done(&mut self, id: RequestId) {
        let request = self.record.requests[id].clone();
        let Some(lineage) = request.lineage else { return self.conclude(id) };
        self.record.requests[id].calls = true;
        self.record.rarities.inner += 1;
        self.legs += 1;
        let key = Key { leg: self.legs, ..request.key };
        let mut leg = Session::new(key, request.cell, request.segment);
        (leg.visit, leg.state, leg.within) = (request.visit, request.state, Some((id, lineage)));
        self.call(leg);
    }

    /// The leg of a request has an answer.
    pub(crate) fn within_answered(&mut self, mut leg: Session, id: RequestId) {
        leg.call += 1;
        leg.attempt = 0;
        if leg.call < self.plan.services[self.record.requests[id].service].calls.len() {
            self.call(leg);
        } else {
            self.conclude(id);
        }
    }

    /// Whose answer a session misses: of the service that it asked, or of the last in the chain of those that ask one another for it.
    pub(crate) fn deepest(&self, session: &Session, waits: Waits) -> usize {
        let mut at = (self.service(session), waits);
        while let (_, Waits::Answer(id)) = at
            && let Some(next) = self.sessions.values().find(|leg| leg.within.is_some_and(|(of, _)| of == id))
        {
            at = (self.service(next), next.waits);
        }
        at.0
    }

    /// A call that a service made for a request has failed for good: the request fails of the same, and its worker is free.
    pub(crate) fn within_failed(&mut self, id: RequestId, fate: Fate) {
        self.record.rarities.inner_failed += 1;
        let (_, line) = self.let_go(id);
        if let Some(client) = self.client(id) {
            self.record.requests[id].rejected = Some(self.record.row());
            self.record.requests[id].failed_inside = true;
            self.remember(&client, Event::Failed);
            self.attempt_failed(client, fate);
        } else if self.record.requests[id].is_told() {
            self.fails_later(id);
            self.record.requests[id].failed_inside = true;
        } else {
            self.record.requests[id].cancelled = Some(self.record.row());
        }
        self.serve(line);
    }

    /// The worker of a request is free.
    pub(crate) fn let_go(&mut self, id: RequestId) -> (usize, Line) {
        let now = self.now;
        let request = &mut self.record.requests[id];
        request.stops = Some(now);
        request.takes = now - request.starts.expect("it was worked on");
        let line = (request.cell, request.service, request.queue);
        self.cells[line.0].services[line.1][line.2].release(id);
        if let Some(guard) = &mut self.cells[line.0].guards[line.1] {
            guard.leave();
        }
        (line.1, line)
    }

    /// The client of a request, if it still waits; it does no more.
    fn client(&mut self, id: RequestId) -> Option<Session> {
        let (key, number) = (self.record.requests[id].key, self.record.requests[id].number);
        let waits = !self.record.requests[id].is_told()
            && self.sessions.get(&key).is_some_and(|session| session.number == number);
        waits.then(|| self.sessions.remove(&key)).flatten()
    }

    /// A request is cancelled while its service calls others: nobody waits for those any more.
    pub(crate) fn within_left(&mut self, id: RequestId) -> Vec<Line> {
        let of_request = |leg: &&Session| leg.within.is_some_and(|(of, _)| of == id);
        let Some(key) = self.sessions.values().find(of_request).map(|leg| leg.key) else { return Vec::new() };
        let leg = self.sessions.remove(&key).expect("just seen");
        match leg.waits {
            Waits::Answer(request) => self.client_left(&leg, request, false),
            _ => Vec::new(),
        }
    }
}

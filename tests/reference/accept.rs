//! A service that answers on acceptance: its client goes on, and the request stays.

use super::event::Turn;
use super::record::Told;
use super::service::RequestId;
use super::session::{Key, Session, Waits};
use super::simulator::Simulator;
use saleload::model::State;
use saleload::plan::{Action, Answers};

impl Simulator<'_> {
    pub(crate) fn answers_on_acceptance(&self, service: usize) -> bool {
        self.plan.services[service].answers == Answers::OnAcceptance
    }

    /// A request that a session makes at this moment has found a place.
    pub(crate) fn accepted(&mut self, mut session: Session, id: RequestId, state: &State) {
        self.is_told(id);
        let request = self.record.requests[id].clone();
        if session.key.leg > 0 {
            session.waits = Waits::Answer(id);
            self.sessions.insert(session.key, session);
            return self.tell_leg(id);
        }
        let is_last = session.call + 1 == state.calls.len();
        if is_last && !matches!(state.action, Some(Action::Reserve | Action::Pay { .. })) {
            // As where a plain service answers: the page is there, and that is no event.
            return self.loaded(session, request.row);
        }
        session.waits = Waits::Answer(id);
        self.schedule(self.now, Turn::Response, session.key, session.number);
        self.sessions.insert(session.key, session);
    }

    /// A request that could not get through before has found a place.
    pub(crate) fn accepted_late(&mut self, id: RequestId) {
        let (key, number) = (self.record.requests[id].key, self.record.requests[id].number);
        if self.sessions.get(&key).is_none_or(|session| session.number != number) {
            // It is accepted all the same, though nobody hears of it.
            self.record.requests[id].told = Told::Yes;
            return;
        }
        self.is_told(id);
        if key.leg > 0 {
            return self.tell_leg(id);
        }
        self.schedule(self.now, Turn::Response, key, number);
    }

    fn is_told(&mut self, id: RequestId) {
        self.record.rarities.put_off += 1;
        let request = &mut self.record.requests[id];
        request.told = Told::Yes;
        let (cell, service, made) = (request.cell, request.service, request.made);
        if let Some(guard) = &mut self.cells[cell].guards[service] {
            guard.answer(self.now, self.now - made);
        }
    }

    fn tell_leg(&mut self, id: RequestId) {
        let key = self.record.requests[id].key;
        if self.sessions[&key].within.is_none() {
            return self.leg_answered(key);
        }
        // It is heard of in its turn, among the requests that are done.
        self.record.requests[id].told = Told::Hears;
        self.schedule(self.now, Turn::WorkDone, Key::default(), id as u64);
    }
}

//! A page that makes several calls at once: a leg of the session for each of them, as a session of its own in the same map.

use super::desk::Line;
use super::event::Turn;
use super::session::{Fate, Key, Session, Waits};
use super::simulator::Simulator;

impl Simulator<'_> {
    /// Makes so many calls at once, one leg each, but for those that are left out. A call that fails for good at once leaves those behind it unmade.
    pub(crate) fn fork(&mut self, mut session: Session, at_once: usize) {
        self.record.rarities.forks += 1;
        let calls = session.call..session.call + at_once;
        let made: Vec<usize> = calls.filter(|&call| !self.is_call_left_out(&session, call)).collect();
        self.record.rarities.left_out_of_set += u64::from(made.len() < at_once);
        let legs: Vec<Session> = made.into_iter().map(|call| self.leg(&session, call)).collect();
        session.number = self.new_number();
        if let Some(end) = session.patience_ends {
            self.schedule(end, Turn::GaveUp, session.key, session.number);
        }
        session.waits = Waits::Legs;
        session.legs = legs.iter().map(|leg| leg.key).collect();
        session.call += at_once - 1;
        let (key, number) = (session.key, session.number);
        self.sessions.insert(key, session);
        for leg in legs {
            // Workers are ready before the next call, as they are before everything else at an instant.
            self.finish_work();
            if self.sessions.get(&key).is_some_and(|session| session.number == number) {
                self.call(leg);
            }
        }
    }

    pub(crate) fn leg(&mut self, session: &Session, call: usize) -> Session {
        self.legs += 1;
        let key = Key { leg: self.legs, ..session.key };
        Session { key, call, attempt: 0, basket: Vec::new(), legs: Vec::new(), ..session.clone() }
    }

    /// A leg has its answer; with the last of them, so has the session.
    pub(crate) fn leg_answered(&mut self, key: Key) {
        let leg = self.sessions.remove(&key).expect("it waits");
        if let Some((id, _)) = leg.within {
            return self.within_answered(leg, id);
        }
        if leg.copy.is_some() {
            return self.copy_answered(&leg);
        }
        let number = self.new_number();
        let session = self.sessions.get_mut(&key.of_session()).expect("it waits for its legs");
        session.legs.retain(|leg| *leg != key);
        if session.legs.is_empty() {
            session.number = number;
            self.schedule(self.now, Turn::Response, key.of_session(), number);
        }
    }

    /// The call of a leg has failed for good, and so has the page.
    pub(crate) fn leg_failed(&mut self, leg: &Session, fate: Fate) {
        if let Some((id, _)) = leg.within {
            return self.within_failed(id, fate);
        }
        self.record.rarities.forks_failed += 1;
        let session = self.sessions.remove(&leg.key.of_session()).expect("it waits for its legs");
        let freed = self.legs_leave(&session, false);
        self.page_failed(session, fate);
        for line in freed {
            self.serve(line);
        }
    }

    /// Nobody waits for what the legs of a session have asked. The queues whose workers that sets free.
    pub(crate) fn legs_leave(&mut self, session: &Session, timed_out: bool) -> Vec<Line> {
        let gone: Vec<Session> = session.legs.iter().filter_map(|leg| self.sessions.remove(leg)).collect();
        let left = gone.into_iter().flat_map(|leg| match leg.waits {
            Waits::Answer(request) => self.client_left(&leg, request, timed_out),
            _ => Vec::new(),
        });
        left.collect()
    }
}

//! A request on its way through the protection of a service.

use super::limit::Rate;
use super::{Admission, Failure};
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::plan::protection::Shed;
use crate::rng::Purpose;
use crate::units::Instant;

impl Player<'_> {
    fn admission(&mut self, service: usize) -> &mut Admission {
        self.cell.admissions[service].as_mut().expect("a protected service has an admission in every cell")
    }

    /// Asks all that stands before a protected service whether a request of a session may be offered to it now. Since when the
    /// client has waited; `None` where the session waits for something else by now.
    pub(in crate::engine) fn admit(&mut self, session: &mut Session, service: usize) -> Option<Instant> {
        let now = session.time;
        let since = if session.has_turn() {
            session.set_turn(false);
            self.since(service, now)
        } else {
            self.approach(session, service)?
        };
        let at_desk = self.cell.desks.in_flight(service);
        let in_flight = self.admission(service).in_flight.as_mut();
        if in_flight.is_some_and(|in_flight| !in_flight.has_room(now.0, at_desk)) {
            self.turn_away(session, service, Failure::OfService);
            return None;
        }
        if let Some(shed) = &self.model.services[service].protection.shed
            && self.is_shed(session, service, shed)
        {
            self.turn_away(session, service, Failure::OfService);
            return None;
        }
        Some(since)
    }

    /// Whether too many wait at a service for a request of so little priority.
    fn is_shed(&mut self, session: &Session, service: usize, shed: &Shed) -> bool {
        let (segment, state) = (usize::from(session.segment), usize::from(session.state));
        let Some(most) = shed.most_waiting(segment, self.model.segments[segment].graph(session.window()), state) else {
            return false;
        };
        let at_desk = self.cell.desks.waiting(service);
        let waiting = at_desk.unwrap_or_else(|| self.cell.stations[service].waiting(session.time.0));
        waiting > most.saturating_mul(self.model.instances(service, self.cell.id))
    }

    /// When a request came whose turn is now.
    fn since(&mut self, service: usize, now: Instant) -> Instant {
        match &mut self.admission(service).rate {
            Some(Rate::Uniform(uniform)) => Instant(uniform.turn(now.0).unwrap_or(now.0)),
            _ => now,
        }
    }

    /// A new request: past throttle and breaker to the limiter of rate. The breaker comes last of what may stop it on the side of the
    /// client, so that what it lets through as a probe is sent.
    fn approach(&mut self, session: &mut Session, service: usize) -> Option<Instant> {
        let now = session.time;
        let is_first = self.is_first_attempt(session);
        let admission = self.admission(service);
        admission.hear(now.0);
        if let (Some(budget), true) = (&mut admission.budget, is_first) {
            budget.asked(now.0);
        }
        if self.holds_back(session, service) {
            self.turn_away(session, service, Failure::HeldBack);
            return None;
        }
        if self.admission(service).breaker.as_mut().is_some_and(|breaker| !breaker.lets_through(now.0)) {
            self.turn_away(session, service, Failure::Stopped);
            return None;
        }
        let Some(rate) = &mut self.admission(service).rate else { return Some(now) };
        match rate.pass(now.0).map(Instant) {
            Some(turn) if turn == now => Some(now),
            Some(turn) => {
                self.wait_for_turn(session, service, turn);
                None
            }
            None => {
                self.turn_away(session, service, Failure::OfService);
                None
            }
        }
    }

    fn holds_back(&mut self, session: &Session, service: usize) -> bool {
        // The throttle is asked with the draw at hand, which is made only where it matters.
        let (draws, name) = (self.model.draws, self.name_of_call(session, Purpose::Throttle, session.attempt));
        let throttle = self.admission(service).throttle.as_mut();
        throttle.is_some_and(|throttle| throttle.holds_back(session.time.0, || draws.stream(name).unit()))
    }

    /// The limiter lets a request pass later. A client who is gone by then leaves the turn unused, and the request counts as
    /// turned away now, as it never reaches the service.
    fn wait_for_turn(&mut self, session: &mut Session, service: usize, turn: Instant) {
        let now = session.time;
        let timeout = self.timeout(session, service, now);
        let patience_ends = self.patience_ends(session, turn);
        let hold_ends = self.hold_ends(session);
        if turn < timeout.min(patience_ends).min(hold_ends) {
            if let Some(Rate::Uniform(uniform)) = &mut self.admission(service).rate {
                uniform.wait(turn.0, now.0);
            }
            session.set_turn(true);
            return self.wait(session, Phase::Retry, turn);
        }
        self.count_turned_away(session, service);
        self.wait_in_vain(session, timeout, patience_ends);
    }

    /// A request does not reach its service.
    fn turn_away(&mut self, session: &mut Session, service: usize, failure: Failure) {
        self.count_turned_away(session, service);
        self.admission(service).failed(session.time, failure);
        self.attempt_failed(session, Cause::rejected(service));
    }

    fn count_turned_away(&mut self, session: &Session, service: usize) {
        let work = self.work(session, service);
        let tally = &mut self.tally.services[service];
        tally.requests += 1;
        tally.rejected += 1;
        tally.limited += 1;
        tally.offered_ns += u128::from(work);
    }

    /// A request was taken in that came at `since`, will be answered at `answered` and finished at `done`. `is_awaited`: by time-out
    /// and patience.
    pub(in crate::engine) fn taken_in(
        &mut self,
        session: &Session,
        service: usize,
        (since, answered): (Instant, Instant),
        done: Instant,
        is_awaited: bool,
    ) {
        let is_heard = is_awaited && answered <= self.hold_ends(session);
        let admission = self.admission(service);
        admission.enter(done);
        if is_heard {
            admission.answered(since.0, answered.0);
        }
    }

    /// A request of a protected service that was made at some time is answered by a desk, ns; its client is there.
    #[inline]
    pub(in crate::engine) fn note_answer(&mut self, service: usize, made: u64, now: u64) {
        if self.model.services[service].is_protected {
            self.admission(service).answered(made, now);
        }
    }

    /// An answer that was to come finds nobody any more.
    pub(in crate::engine) fn unnote_answer(&mut self, service: usize, made: u64, done: u64) {
        if self.model.services[service].is_protected {
            self.admission(service).unanswered(made, done);
        }
    }

    /// A request that was sent has failed.
    #[inline]
    pub(in crate::engine) fn note_failure(&mut self, service: usize, now: Instant) {
        if self.model.services[service].is_protected {
            self.admission(service).failed(now, Failure::OfService);
        }
    }

    /// Whether another attempt may be made at a call that has failed.
    #[inline]
    pub(in crate::engine) fn may_retry(&mut self, service: usize, now: Instant) -> bool {
        !self.model.services[service].is_protected || self.admission(service).try_retry(now)
    }
}

//! What happens where a page makes several calls at once.
//!
//! The calls are made in their order at one instant, but for those that a switch leaves out; where one fails for good at once, those
//! behind it are not made. The page goes on
//! at the latest answer. When a call fails for good, when patience or the hold ends, the session goes where it goes with a single
//! call, and nobody waits for the other calls any more: a desk is told, where `cancel` has it listen; a plain station works on.

use super::legs::{Fork, Leg, Owner, Status, parked};
use crate::engine::basket::BasketId;
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::model::Call;
use crate::units::Instant;

/// A queue of a service.
pub(super) type Line = (usize, u32);

impl Player<'_> {
    /// Makes so many calls of a page at once, from the current one on, as far as no switch leaves them out.
    #[inline(never)]
    pub(in crate::engine) fn fork(&mut self, session: &Session, at_once: u8) {
        let calls = &self.calls(session)[usize::from(session.call)..][..usize::from(at_once)];
        let hold_ends = self.hold_ends(session);
        let graph = self.segment(session).graph(session.window());
        let effects = self.effects;
        let is_made = |call: &Call| effects.is_none_or(|effects| !effects.leave_out(graph, session.state, call));
        let legs = &mut self.cell.desks.legs;
        let fork = legs.forks.insert(Fork::new(parked(*session, hold_ends)));
        for (call, number) in calls.iter().zip(session.call..).filter(|(call, _)| is_made(call)) {
            legs.add(fork, session.at_call(number, 0), call.service);
        }
        let fork = *legs.forks.at(fork);
        let first = legs.all.at(fork.legs()[0]).ticket;
        for (&place, ticket) in fork.legs().iter().zip(first..) {
            // Workers are ready before the next call is made, as they are before all else of the instant.
            self.finish_work(session.time.0);
            let leg = self.cell.desks.legs.all.get(place).filter(|leg| leg.ticket == ticket);
            if let Some(&Leg { mut session, .. }) = leg {
                self.call_as_leg(&mut session);
            }
        }
    }

    /// A leg asks its service.
    #[inline(never)]
    pub(in crate::engine) fn call_as_leg(&mut self, session: &mut Session) {
        let service = self.service(session);
        if !self.may_ask(session, service) {
            return;
        }
        if let Some((made, done)) = self.ask(session, service) {
            self.leg_answered(session, (made, done), None);
        }
    }

    /// A leg asked at `made` and is or will be answered at `done`, by the request with this ticket where a desk does it. With the last
    /// of them, the page goes on.
    pub(in crate::engine) fn leg_answered(
        &mut self,
        session: &Session,
        (made, done): (Instant, Instant),
        ticket: Option<u64>,
    ) {
        let legs = &mut self.cell.desks.legs;
        legs.set(session, Status::Answered { made: made.0, done: done.0 });
        let place = match legs.of(session).expect("who is answered is there").owner {
            Owner::Fork(place) => place,
            Owner::Hedged(..) => return self.copy_answered(session, (made, done)),
            Owner::Request { .. } => return self.answered_within(session, done, ticket),
        };
        let fork = legs.forks.at(place);
        fork.unanswered -= 1;
        fork.latest = fork.latest.max(done.0);
        if fork.unanswered > 0 {
            return;
        }
        let latest = Instant(fork.latest);
        let (mut parent, _) = legs.end(place);
        parent.call += self.calls(&parent)[usize::from(parent.call)].at_once;
        parent.attempt = 0;
        self.wait(&mut parent, Phase::Response, latest);
    }

    /// A call of several has failed for good, and with it the page.
    #[inline(never)]
    pub(in crate::engine) fn leg_failed(&mut self, leg: &Session, cause: Cause) {
        if let Some(&Leg { owner: Owner::Request { place, .. }, .. }) = self.cell.desks.legs.of(leg) {
            return self.failed_within(leg, place, cause);
        }
        let (mut session, freed) = self.leave_all(leg, cause.is_giving_up());
        self.page_failed(&mut session, cause);
        for line in freed {
            self.serve(line, leg.time.0);
        }
    }

    /// The hold of a session expires while it waits for several calls.
    #[inline(never)]
    pub(in crate::engine) fn leg_expired(&mut self, leg: &Session) {
        let (mut session, freed) = self.leave_all(leg, false);
        session.wait_for(Phase::HoldExpiry, leg.time);
        self.expire(&mut session);
        for line in freed {
            self.serve(line, leg.time.0);
        }
    }

    /// Nobody waits for the calls of a page any more. The session, and the queues whose workers may be free by that.
    fn leave_all(&mut self, leg: &Session, timed_out: bool) -> (Session, Vec<Line>) {
        let now = leg.time;
        let legs = &mut self.cell.desks.legs;
        let (Owner::Fork(fork) | Owner::Hedged(fork, _)) = legs.of(leg).expect("who ends is there").owner else {
            unreachable!("the calls of a service end with its request")
        };
        let (mut session, legs) = legs.end(fork);
        session.time = now;
        let hold_ends = self.hold_ends(&session);
        let mut freed = Vec::new();
        for leg in legs {
            if timed_out && matches!(leg.status, Status::AtDesk(_)) {
                self.count_timed_out(usize::from(leg.service), self.awaited_by_leg(&leg));
            }
            self.abandon(&leg, hold_ends, now, &mut freed);
        }
        (session, freed)
    }

    /// A leg that has been taken out ends before its time.
    pub(super) fn abandon(&mut self, leg: &Leg, hold_ends: Instant, now: Instant, freed: &mut Vec<Line>) {
        match leg.status {
            Status::AtDesk(place) => {
                self.leave_desk(place, now.0, freed);
            }
            Status::Answered { made, done } if done > now.0 && done <= hold_ends.0 => {
                self.unnote_answer(usize::from(leg.service), made, done);
            }
            Status::Answered { .. } | Status::AtPlay | Status::Waits => {}
        }
    }

    /// The service that a session waits for when it gives up, by any of its legs: that of the first call without an answer, or one that
    /// is called for it.
    #[inline(never)]
    pub(in crate::engine) fn awaited_by(&self, leg: &Session) -> usize {
        let legs = &self.cell.desks.legs;
        let (Owner::Fork(fork) | Owner::Hedged(fork, _)) = legs.of(leg).expect("who gives up is there").owner else {
            unreachable!("a service has nobody's patience")
        };
        let is_open = |other: &&Leg| !matches!(other.status, Status::Answered { done, .. } if done <= leg.time.0);
        let others = legs.forks.get(fork).map_or(&[][..], Fork::legs).iter().filter_map(|&place| legs.all.get(place));
        let first = others.filter(is_open).min_by_key(|other| other.session.call);
        self.awaited_by_leg(first.expect("it gives up on one of them"))
    }

    /// The service that a leg calls.
    pub(in crate::engine) fn service_of_leg(&self, client: &Session) -> usize {
        usize::from(self.cell.desks.legs.of(client).expect("a leg is there until it ends").service)
    }

    /// The basket of a client: that of its session, where it is a leg.
    #[inline]
    pub(in crate::engine) fn basket_of(&self, client: &Session) -> BasketId {
        let parent = client.basket.leg().and_then(|leg| self.cell.desks.legs.parent(leg));
        parent.map_or(client.basket, |parent| parent.basket)
    }
}

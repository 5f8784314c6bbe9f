//! What happens where a service calls others: its worker is kept, and with it the queue behind waits.
//!
//! When a worker has done the work that a request brings, a leg makes the calls of the service, one after the other, with the time-out,
//! the retries and the protection of each called service. Nobody's patience ends here, and no hold: the calls go on when the client is
//! gone, unless the service lets a cancelled request free its worker. The last answer is the end of the request; a call that fails for
//! good is its end too, and to its client a rejection, which is put down to the service that failed.

use super::fork::Line;
use super::legs::{Leg, Owner, Status};
use super::{Request, Turn};
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::units::Instant;
use std::cmp::Reverse;

impl Player<'_> {
    /// A worker has done the work of a request: the calls of its service begin. Whether there are any.
    pub(super) fn begins_to_call(&mut self, place: u32, now: u64) -> bool {
        let Request { client, task, .. } = *self.cell.desks.request(place);
        let Some(&first) = self.model.services[usize::from(task.service)].calls.first() else { return false };
        let owner = Owner::Request { place, lineage: task.lineage };
        let leg = self.cell.desks.legs.begin(owner, within(client, Instant(now)), first);
        self.cell.desks.request(place).leg = Some(leg);
        let mut session = self.cell.desks.legs.all.at(leg).session;
        self.call_as_leg(&mut session);
        true
    }

    /// The leg of a request is answered at `done`. It hears of it in its turn, among the requests that are done: by then, the worker that
    /// is free has taken up the next.
    pub(super) fn answered_within(&mut self, session: &Session, done: Instant, ticket: Option<u64>) {
        let desks = &mut self.cell.desks;
        let order = ticket.unwrap_or(desks.tickets);
        desks.tickets += u64::from(ticket.is_none());
        let place = session.basket.leg().expect("a leg");
        let leg = desks.legs.all.at(place);
        leg.order = order;
        let turn = Turn::leg_answered(done.0, order, leg.ticket, place);
        desks.turns.push(Reverse(turn));
    }

    /// The leg of a request has its answer: it makes the next call, or the request is done.
    pub(super) fn goes_on(&mut self, session: &Session, now: Instant) {
        let place = session.basket.leg().expect("a leg");
        let leg = *self.cell.desks.legs.all.at(place);
        let Owner::Request { place: owner, .. } = leg.owner else {
            unreachable!("legs of a fork wait for no such turn")
        };
        let service = usize::from(self.cell.desks.request(owner).task.service);
        let mut session = session.at_call(session.call + 1, 0);
        session.time = now;
        if let Some(&next) = self.model.services[service].calls.get(usize::from(session.call)) {
            let leg = self.cell.desks.legs.all.at(place);
            (leg.session, leg.service, leg.status) = (session, next, Status::AtPlay);
            return self.call_as_leg(&mut session);
        }
        self.cell.desks.legs.all.remove(place);
        self.conclude(owner, now.0);
    }

    /// The service that a request at a desk waits for: its own, or, while that calls another, the one that is waited for there.
    pub(super) fn awaited_at(&self, place: u32) -> usize {
        let request =
            self.cell.desks.requests[place as usize].as_ref().expect("who waits for a request knows its place");
        let leg = request.leg.and_then(|leg| self.cell.desks.legs.all.get(leg));
        leg.map_or(usize::from(request.task.service), |leg| self.awaited_by_leg(leg))
    }

    /// The service that a leg waits for, or one that is waited for there.
    pub(super) fn awaited_by_leg(&self, leg: &Leg) -> usize {
        match leg.status {
            Status::AtDesk(place) => self.awaited_at(place),
            _ => usize::from(leg.service),
        }
    }

    /// A call of a service has failed for good, and with it the request that it was made for: from the same cause, wherever that arose.
    pub(super) fn failed_within(&mut self, leg: &Session, owner: u32, cause: Cause) {
        self.cell.desks.legs.all.remove(leg.basket.leg().expect("a leg"));
        let Request { mut client, is_awaited, task, .. } = self.cell.desks.end(owner, leg.time.0);
        let service = usize::from(task.service);
        let tally = &mut self.tally.services[service];
        if is_awaited || self.model.services[service].answers_on_acceptance {
            tally.rejected += 1;
            tally.attribution.rejected_within += 1;
        } else {
            tally.cancelled += 1;
        }
        if is_awaited {
            client.time = leg.time;
            self.note_failure(service, client.time);
            self.attempt_failed(&mut client, cause);
        }
        self.serve((service, task.queue), leg.time.0);
    }

    /// A request is cancelled while its service calls others.
    pub(super) fn abandon_within(&mut self, leg: u32, now: u64, freed: &mut Vec<Line>) {
        let leg = self.cell.desks.legs.all.remove(leg);
        self.abandon(&leg, Instant(u64::MAX), Instant(now), freed);
    }
}

/// The client that the services see which a request calls: it has nobody's patience and nobody's order.
pub(super) fn within(client: Session, now: Instant) -> Session {
    let mut session = client.at_call(0, 0);
    session.wait_for(Phase::Response, now);
    session.page_start = Instant(u64::MAX);
    session.set_holds(false);
    session
}

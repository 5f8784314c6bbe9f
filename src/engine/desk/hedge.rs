//! What happens where a page sends a request a second time that is not answered for long: hedging (Dean and Barroso, "The Tail at
//! Scale", 2013).
//!
//! Every attempt at such a call is parked with two copies of it, legs as those of a fork: the first is sent at once, the second waits
//! for its time. It is sent in the place of a retry among the events of the instant, if the retry budget allows for it, and goes
//! through the protection of its service like any request. The first answer is that of the call: whoever waits for the other copy
//! leaves, and its service is told where `cancel` has it listen. A copy that fails leaves the call to the other; with the last that
//! was sent, the attempt has failed, and is followed by another or not as any attempt is. Each copy times out when the first does,
//! and patience and hold end for both.

use super::Desks;
use super::legs::{Fork, Owner, Which, parked};
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::engine::visit::item;
use crate::rng::{Name, Purpose};
use crate::units::{Instant, Nanos};

/// Bit of the attempts that name the draws of second copies: a plan has no more than a hundred.
const SECOND: u8 = 128;

impl Desks {
    /// Copies of calls that are, or may yet be, sent a second time.
    #[must_use]
    pub(in crate::engine) fn copies(&self) -> u64 {
        self.legs.all.iter().filter(|(_, leg)| matches!(leg.owner, Owner::Hedged(..))).count() as u64
    }
}

impl Player<'_> {
    /// Makes a call of a page that is sent a second time if it is not answered for long.
    #[inline(never)]
    pub(in crate::engine) fn hedge(&mut self, session: &Session) {
        let service = self.calls(session)[usize::from(session.call)].service;
        let second_at = session.time + self.hedged_after(usize::from(service));
        let hold_ends = self.hold_ends(session);
        let legs = &mut self.cell.desks.legs;
        let fork = legs.forks.insert(Fork::new(parked(*session, hold_ends)));
        let copies = [Which::First, Which::Unsent].map(|which| legs.add_copy(fork, which, *session, service));
        let [mut first, mut second] = copies.map(|place| legs.all.at(place).session);
        self.wait(&mut second, Phase::Retry, second_at);
        self.call_as_leg(&mut first);
    }

    fn hedged_after(&self, service: usize) -> Nanos {
        self.model.services[service].hedge.unwrap_or_default()
    }

    /// How much later than its call a copy was sent.
    pub(in crate::engine) fn sent_late(&self, client: &Session, service: usize) -> Nanos {
        match self.cell.desks.legs.copy(client) {
            Some((_, Which::Second)) => self.hedged_after(service),
            _ => Nanos(0),
        }
    }

    /// Whether a client is a copy of a call.
    pub(in crate::engine) fn is_copy(&self, client: &Session) -> bool {
        self.cell.desks.legs.copy(client).is_some()
    }

    /// Whether a client makes a call for the first time, and not once more.
    pub(in crate::engine) fn is_first_attempt(&self, client: &Session) -> bool {
        client.attempt == 0 && !self.is_second_copy(client)
    }

    /// Whether a client is the second copy of a call.
    pub(in crate::engine) fn is_second_copy(&self, client: &Session) -> bool {
        matches!(self.cell.desks.legs.copy(client), Some((_, Which::Second)))
    }

    /// The name of a draw that concerns an attempt of a leg at its call.
    #[inline(never)]
    pub(in crate::engine) fn name_of_leg(&self, leg: &Session, purpose: Purpose, attempt: u8) -> Name {
        match self.cell.desks.legs.of(leg).map(|leg| leg.owner) {
            Some(Owner::Request { lineage, .. }) => Name::within(lineage, purpose, item(leg.call, attempt)),
            Some(Owner::Hedged(_, Which::Second)) => self.name(leg, purpose, item(leg.call, attempt | SECOND)),
            _ => self.name(leg, purpose, item(leg.call, attempt)),
        }
    }

    /// Whether a leg may ask: all but second copies for which there is no budget. Those are given up.
    pub(super) fn may_ask(&mut self, leg: &Session, service: usize) -> bool {
        let Some((fork, Which::Unsent)) = self.cell.desks.legs.copy(leg) else { return true };
        let is_allowed = self.may_retry(service, leg.time);
        let legs = &mut self.cell.desks.legs;
        if is_allowed {
            legs.is_sent(leg);
            self.tally.hedges[service].sent += 1;
        } else {
            legs.give_up(fork, leg);
        }
        is_allowed
    }

    /// A copy that asked at `made` is answered, and with it the call. Nobody waits for the other any more.
    pub(super) fn copy_answered(&mut self, copy: &Session, (made, now): (Instant, Instant)) {
        let (fork, which) = self.cell.desks.legs.copy(copy).expect("only copies come here");
        let service = self.service_of_leg(copy);
        let waited = (now - made).0 + self.sent_late(copy, service).0;
        self.tally.hedges[service].answered(waited, which == Which::Second);
        let (mut parent, copies) = self.cell.desks.legs.end(fork);
        let mut freed = Vec::new();
        for copy in copies {
            self.abandon(&copy, now, now, &mut freed);
        }
        parent.call += 1;
        parent.attempt = 0;
        self.wait(&mut parent, Phase::Response, now);
        for line in freed {
            self.serve(line, now.0);
        }
    }

    /// A copy of a call has failed. With the last that was sent, so has the attempt.
    #[inline(never)]
    pub(in crate::engine) fn copy_failed(&mut self, copy: &Session, cause: Cause) {
        let legs = &mut self.cell.desks.legs;
        let (fork, _) = legs.copy(copy).expect("only copies come here");
        if legs.is_other_sent(fork, copy) {
            return legs.give_up(fork, copy);
        }
        let (mut session, _) = legs.end(fork);
        session.time = copy.time;
        self.attempt_failed(&mut session, cause);
    }
}

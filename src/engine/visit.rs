//! What a session does on a page: calls in turn, retries, thinking, moving on, leaving.

use super::cell::Player;
use super::session::{AGAIN, Cause, Phase, Session};
use crate::model::{Call, Pays, Round, Segment, State};
use crate::plan::Action;
use crate::rng::{Name, Purpose, Stream};
use crate::units::{Instant, Nanos};

/// In place of a state: the way out.
pub(super) const EXIT: u8 = u8::MAX;

/// Names an attempt at a call of a page among the draws of the visit.
#[inline]
pub(super) fn item(call: u8, attempt: u8) -> u16 {
    u16::from(call) << 8 | u16::from(attempt)
}

/// What ends the wait of a client who is not answered, and when.
#[inline]
pub(super) fn end_of_waiting(timeout: Instant, patience_ends: Instant) -> (Phase, Instant) {
    if timeout <= patience_ends { (Phase::TimedOut, timeout) } else { (Phase::GaveUp, patience_ends) }
}

impl<'a> Player<'a> {
    pub(super) fn segment(&self, session: &Session) -> &'a Segment {
        &self.model.segments[usize::from(session.segment)]
    }

    /// What a session is about.
    #[inline]
    pub(super) fn round(&self, session: &Session) -> &'a Round {
        &self.model.rounds[usize::from(session.window())]
    }

    fn state(&self, session: &Session) -> &'a State {
        &self.model.graphs[self.segment(session).graph(session.window())].states[usize::from(session.state)]
    }

    /// The calls of the page that a session is at.
    pub(super) fn calls(&self, session: &Session) -> &'a [Call] {
        &self.state(session).calls
    }

    /// The service that a session is calling.
    pub(super) fn service(&self, session: &Session) -> usize {
        if session.basket.is_of_leg() {
            return self.service_of_leg(session);
        }
        usize::from(self.calls(session)[usize::from(session.call)].service)
    }

    /// The stream of a draw that concerns the current visit of a session.
    #[inline]
    pub(super) fn stream(&self, session: &Session, purpose: Purpose, item: u16) -> Stream {
        self.model.draws.stream(self.name(session, purpose, item))
    }

    /// The name of a draw that concerns the current visit of a session.
    #[inline]
    pub(super) fn name(&self, session: &Session, purpose: Purpose, item: u16) -> Name {
        let subject = self.cell.first_shopper + u64::from(session.shopper);
        Name { subject, session: session.window(), visit: session.visit, purpose, item }
    }

    /// The name of a draw that concerns an attempt of a client at its current call.
    #[inline]
    pub(super) fn name_of_call(&self, client: &Session, purpose: Purpose, attempt: u8) -> Name {
        if client.basket.is_of_leg() {
            return self.name_of_leg(client, purpose, attempt);
        }
        self.name(client, purpose, item(client.call, attempt))
    }

    /// Work of the current attempt of a session at a call of a service, ns.
    #[inline]
    pub(super) fn work(&self, session: &Session, service: usize) -> u64 {
        let name = self.name_of_call(session, Purpose::ServiceTime, session.attempt);
        let work = self.model.services[service].time.draw(&mut self.model.draws.stream(name));
        self.effects.map_or(work, |effects| effects.work(service, work))
    }

    pub(super) fn begin(&mut self, session: &mut Session) {
        self.tally.begun += 1;
        self.tell_channel(session, |channel| channel.sessions += 1);
        self.tell_livestream(session, |livestream| livestream.sessions += 1);
        match self.model.room(session.window()) {
            None => self.begin_visits(session),
            Some(room) => self.come_to_room(session, room),
        }
    }

    /// The first page.
    pub(super) fn begin_visits(&mut self, session: &mut Session) {
        if let Pays::Balances(presale) = self.round(session).pays {
            self.take_up_deposit(session, usize::from(presale));
        }
        let graph = self.segment(session).graph(session.window());
        let entry = match (&self.model.channels, self.channel(session)) {
            (Some(channels), Some(channel)) => channels.entries[channel][graph],
            _ => self.model.graphs[graph].entry,
        };
        self.enter(session, entry);
    }

    fn enter(&mut self, session: &mut Session, state: u8) {
        if session.visit == AGAIN - 1 {
            // Thirty-two thousand pages: the names of draws end here, and so does the shopper's interest.
            return self.leave(session);
        }
        session.visit += 1;
        session.state = state;
        session.call = 0;
        session.attempt = 0;
        session.page_start = session.time;
        if let Some(effects) = self.effects
            && effects.refuse(self.segment(session).graph(session.window()), state)
        {
            return self.page_failed(session, Cause::REFUSED);
        }
        let state = self.state(session);
        if let Some(again) = &state.again {
            self.may_submit_again(session, state, again);
        }
        self.call(session);
    }

    /// Asks for the current call of the page, or finishes the page where all are answered.
    pub(super) fn call(&mut self, session: &mut Session) {
        if session.basket.is_of_leg() {
            return self.call_as_leg(session);
        }
        let state = self.state(session);
        if let Some(effects) = self.effects {
            let graph = self.segment(session).graph(session.window());
            effects.pass_over(session, graph, state);
        }
        let Some(&Call { service, at_once, is_hedged }) = state.calls.get(usize::from(session.call)) else {
            return self.loaded(session, state);
        };
        if at_once > 1 {
            return self.fork(session, at_once);
        }
        if is_hedged {
            return self.hedge(session);
        }
        let last = usize::from(session.call) + 1 == state.calls.len();
        let Some((_, done)) = self.ask(session, usize::from(service)) else { return };
        session.call += 1;
        session.attempt = 0;
        let acts_on_stock = matches!(state.action, Some(Action::Reserve | Action::Pay { .. }));
        if last && !acts_on_stock {
            // Nothing else can happen to this page any more: one event for the answer and the thinking. Its basket, if it fills
            // one, counts from now.
            session.time = done;
            self.loaded(session, state);
        } else {
            self.wait(session, Phase::Response, done);
        }
    }

    /// Makes a request. When its client asked, and when it will be answered; `None` where the client waits for something else by
    /// now, or for an answer that only time can tell.
    #[expect(clippy::inline_always, reason = "on the path of every request; legs have a copy of their own")]
    #[inline(always)]
    pub(super) fn ask(&mut self, session: &mut Session, service: usize) -> Option<(Instant, Instant)> {
        let now = session.time;
        let is_protected = self.model.services[service].is_protected;
        let since = if is_protected { self.admit(session, service)? } else { now };
        let work = self.work(session, service);
        let tally = &mut self.tally.services[service];
        tally.requests += 1;
        tally.offered_ns += u128::from(work);
        if self.model.services[service].desk.is_some() {
            return self.ask_at_desk(session, service, since, work);
        }
        let Some(start) = self.cell.stations[service].offer(now.0, work) else {
            self.count_unplaced(session, service, false);
            self.note_failure(service, now);
            self.attempt_failed(session, Cause::rejected(service));
            return None;
        };
        if session.attempt > 0 {
            self.count_placed_again(session, service);
        }
        let done = Instant(start.saturating_add(work));
        let tally = &mut self.tally.services[service];
        tally.accept(start - since.0, done.0 - since.0);
        if self.model.services[service].answers_on_acceptance {
            return Some(self.accepted(session, service, since, done));
        }
        let timeout = self.timeout(session, service, since);
        let patience_ends = self.patience_ends(session, done);
        let is_awaited = done <= timeout.min(patience_ends);
        if is_protected {
            self.taken_in(session, service, (since, done), done, is_awaited);
        }
        if !is_awaited {
            self.tally.services[service].timed_out += 1;
            self.wait_in_vain(session, timeout, patience_ends);
            return None;
        }
        Some((since, done))
    }

    /// A service has no place for a request; or no more, where it had one.
    #[inline(never)]
    pub(super) fn count_unplaced(&mut self, session: &Session, service: usize, had_place: bool) {
        let is_second = self.is_second_copy(session);
        let tally = &mut self.tally.services[service];
        tally.rejected += 1;
        tally.attribution.unplaced_copies += u64::from(is_second);
        tally.attribution.unplaced += u64::from(!is_second && (had_place || session.attempt == 0));
    }

    /// A service has a place for a later attempt.
    #[inline(never)]
    pub(super) fn count_placed_again(&mut self, session: &Session, service: usize) {
        let is_second = self.is_second_copy(session);
        self.tally.services[service].attribution.placed_again += u64::from(!is_second);
    }

    /// A station has a place for a request, whose client need not know more. When that was made, and answered: now.
    #[inline(never)]
    fn accepted(&mut self, session: &Session, service: usize, since: Instant, done: Instant) -> (Instant, Instant) {
        let now = session.time;
        self.tally.services[service].settle(done);
        if self.model.services[service].is_protected {
            self.taken_in(session, service, (since, now), done, true);
        }
        (since, now)
    }

    /// When the client gives up on a request made at `since`.
    #[inline]
    pub(super) fn timeout(&self, client: &Session, service: usize, since: Instant) -> Instant {
        let Some(timeout) = self.model.services[service].timeout else { return Instant(u64::MAX) };
        let late = if client.basket.is_of_leg() { self.sent_late(client, service) } else { Nanos(0) };
        since + Nanos(timeout.0 - late.0)
    }

    /// Lets a session wait for an answer that will come too late, or never.
    #[inline]
    pub(super) fn wait_in_vain(&mut self, session: &mut Session, timeout: Instant, patience_ends: Instant) {
        let (phase, at) = end_of_waiting(timeout, patience_ends);
        self.wait(session, phase, at);
    }

    /// When the current page fails for taking too long, by its own time-out or as the shopper gives up; the end of time where that is
    /// certainly after `needed`.
    #[inline]
    pub(super) fn patience_ends(&self, session: &Session, needed: Instant) -> Instant {
        let page_ends = match self.state(session).timeout {
            Some(timeout) => session.page_start + timeout,
            None => Instant(u64::MAX),
        };
        let shopper_leaves = match &self.segment(session).patience {
            Some((patience, least)) if needed >= session.page_start + *least => {
                session.page_start + Nanos(patience.draw(&mut self.stream(session, Purpose::Patience, 0)))
            }
            _ => Instant(u64::MAX),
        };
        shopper_leaves.min(page_ends)
    }

    pub(super) fn timed_out(&mut self, session: &mut Session) {
        let service = self.service(session);
        self.timed_out_for(session, service);
    }

    /// The same while a service was awaited: the one that the session calls, or another that is called for it.
    pub(super) fn timed_out_for(&mut self, session: &mut Session, awaited: usize) {
        self.note_failure(self.service(session), session.time);
        self.attempt_failed(session, Cause::timed_out(awaited));
    }

    pub(super) fn gave_up(&mut self, session: &mut Session) {
        if session.is_in_room() {
            return self.leave_room(session);
        }
        let service = if session.basket.is_of_leg() { self.awaited_by(session) } else { self.service(session) };
        self.page_failed(session, Cause::gave_up(service));
    }

    /// A call was rejected or timed out: tries again after a back-off while attempts, budget and patience last.
    pub(super) fn attempt_failed(&mut self, session: &mut Session, cause: Cause) {
        if self.is_copy(session) {
            return self.copy_failed(session, cause);
        }
        let service = self.service(session);
        let model = self.model;
        let settings = &model.services[service];
        if u32::from(session.attempt) + 1 >= settings.retry.attempts || !self.may_retry(service, session.time) {
            return self.page_failed(session, cause);
        }
        let name = |attempt| self.name_of_call(session, Purpose::Backoff, attempt);
        let jitter = |attempt| model.draws.stream(name(attempt)).unit();
        let wait = settings.backoff(session.attempt, jitter);
        let at = session.time + wait;
        let patience_ends = self.patience_ends(session, at);
        // At the same instant a shopper gives up before anything is tried again.
        if at >= patience_ends {
            return self.wait(session, Phase::GaveUp, patience_ends.max(session.time));
        }
        session.attempt += 1;
        self.wait(session, Phase::Retry, at);
    }

    /// All calls of the page are answered: acts, then thinks.
    fn loaded(&mut self, session: &mut Session, state: &State) {
        if let Some(again) = &state.again {
            if session.is_again() {
                return self.second_loaded(session, state, again);
            }
            self.is_over(session);
        }
        match state.action {
            None => {}
            Some(Action::AddToBasket) => self.fill_basket(session),
            Some(Action::Reserve) => return self.reserve(session),
            Some(Action::Pay { .. }) if !session.holds() => {}
            Some(Action::Pay { declined }) => {
                if self.is_declined(session, declined) {
                    return self.page_failed(session, Cause::PAYMENT_FAILED);
                }
                if !self.round(session).reserve.holds() {
                    return self.ask_and_pay(session);
                }
                self.pay(session);
            }
        }
        self.think_on(session, state);
    }

    /// Whether the bank declines a payment now, on a page where it does so `usually` with this probability.
    pub(super) fn is_declined(&self, session: &Session, usually: f64) -> bool {
        let declined = self.declined(session, usually);
        declined > 0.0 && self.stream(session, Purpose::Decline, 0).unit() < declined
    }

    /// The probability that the bank declines a payment now, on a page where it is `usually`.
    fn declined(&self, session: &Session, usually: f64) -> f64 {
        let (cbmg, state) = (self.segment(session).graph(session.window()), usize::from(session.state));
        let on = self.model.declines.iter().filter(|declines| declines.is_on(session.time, cbmg, state));
        on.map(|declines| declines.probability).fold(usually, f64::max)
    }

    /// Looks at the page for the state's think time, then goes on. Where to is part of the same draw and known from now on.
    pub(super) fn think(&mut self, session: &mut Session) {
        self.think_on(session, self.state(session));
    }

    #[inline]
    fn think_on(&mut self, session: &mut Session, state: &State) {
        if let (Some(target), None) = (state.next.certain(), &state.think) {
            return self.go_on(session, target, 0);
        }
        let mut stream = self.stream(session, Purpose::Visit, 0);
        let target = state.next.target(stream.unit());
        self.think_before(session, state, target, &mut stream);
    }

    /// A page failed for good. The shopper leaves, or looks at the error for a think time and tries something else.
    pub(super) fn page_failed(&mut self, session: &mut Session, cause: Cause) {
        if session.basket.is_of_leg() {
            return self.leg_failed(session, cause);
        }
        let state = self.state(session);
        if state.again.is_some() {
            if session.is_again() {
                return self.vanish(session);
            }
            self.is_over(session);
        }
        session.cause = cause;
        let mut stream = self.stream(session, Purpose::FailedVisit, 0);
        match state.on_failure.target(stream.unit()) {
            None => self.leave(session),
            target => self.think_before(session, state, target, &mut stream),
        }
    }

    #[inline]
    fn think_before(&mut self, session: &mut Session, state: &State, target: Option<u8>, stream: &mut Stream) {
        let think = state.think.as_ref().map_or(0, |think| think.draw(stream));
        self.go_on(session, target, think);
    }

    fn go_on(&mut self, session: &mut Session, target: Option<u8>, think: u64) {
        session.call = target.unwrap_or(EXIT);
        self.wait(session, Phase::ThinkEnd, session.time + Nanos(think));
    }

    /// Goes where the shopper has decided to go.
    pub(super) fn move_on(&mut self, session: &mut Session) {
        if session.is_again() {
            return self.submit_again(session);
        }
        if session.call == EXIT {
            return self.leave(session);
        }
        // After the closing a session goes on only while it has an order to pay.
        if session.time >= self.round(session).closes && !session.holds() {
            session.cause = session.cause.or(Cause::WINDOW_CLOSED);
            return self.leave(session);
        }
        self.enter(session, session.call);
    }
}

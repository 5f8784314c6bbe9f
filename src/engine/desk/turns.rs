//! What happens at desks: sessions come, requests are done, clients leave.

use super::fork::Line;
use super::legs::Status;
use super::{Asked, Class, Next, Request, Stage, Task, Turn, What};
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::engine::visit::end_of_waiting;
use crate::plan;
use crate::plan::capacity::Unreachable;
use crate::rng::Purpose;
use crate::units::Instant;

impl<'a> Player<'a> {
    pub(super) fn desk_settings(&self, service: usize) -> &'a plan::Desk {
        self.model.services[service].desk.as_ref().expect("only services with a desk come here")
    }

    /// Asks at the desk of a service, which rejects at once or lets the session wait; or answers at once, where it does so on
    /// acceptance: when the client made the request, and when it is answered.
    /// `made`: when the client made the request.
    pub(in crate::engine) fn ask_at_desk(
        &mut self,
        session: &mut Session,
        service: usize,
        made: Instant,
        work: u64,
    ) -> Option<(Instant, Instant)> {
        let settings = self.desk_settings(service);
        let now = session.time;
        self.cell.desks.desk(service).unseen.requests += 1;
        let cut = settings.capacity.unreachable(now);
        if matches!(cut, Some((Unreachable::Refused, _))) {
            self.refused(session, service, false);
            return None;
        }
        let (segment, state) = (usize::from(session.segment), usize::from(session.state));
        let rank = settings.rank(segment, self.model.segments[segment].graph(session.window()), state);
        let Some(queue) = self.queue_for(session, service) else {
            self.refused(session, service, false);
            return None;
        };
        let until = cut.map(|(_, until)| until.0);
        // Nobody is told that a request is accepted before it has come through.
        let is_awaited = !self.model.services[service].answers_on_acceptance || until.is_some();
        let client = if is_awaited { self.waiting_client(session, service, made) } else { *session };
        let lineage = self.lineage_within(session, service);
        let asked = Asked { now: now.0, made: made.0, client, is_awaited, service, queue, rank, work, lineage, until };
        if !self.cell.desks.take(settings, &asked) {
            self.refused(session, service, false);
            return None;
        }
        if session.attempt > 0 {
            self.count_placed_again(session, service);
        }
        if is_awaited {
            return None;
        }
        self.note_answer(service, made.0, now.0);
        Some((made, now))
    }

    /// The client of a request, as it waits for the answer.
    fn waiting_client(&mut self, session: &Session, service: usize, made: Instant) -> Session {
        let timeout = self.timeout(session, service, made);
        let (phase, at) = end_of_waiting(timeout, self.patience_ends(session, Instant(u64::MAX)));
        let mut client = *session;
        self.set_wait(&mut client, phase, at);
        client
    }

    /// The queue of a service to which a request goes; `None` where no instance stands.
    fn queue_for(&mut self, session: &Session, service: usize) -> Option<usize> {
        let (draws, name) = (self.model.draws, self.name_of_call(session, Purpose::Balancer, session.attempt));
        let mut stream = None;
        // Made only where the balancer draws.
        let draw = |below| stream.get_or_insert_with(|| draws.stream(name)).below(below);
        let queues = self.desk_settings(service).queues;
        self.cell.desks.desk(service).choose(queues, draw)
    }

    /// What the draws of the calls that a service makes for a request are named by; zero where it makes none.
    fn lineage_within(&self, session: &Session, service: usize) -> u64 {
        if self.model.services[service].calls.is_empty() {
            return 0;
        }
        self.model.draws.stream(self.name_of_call(session, Purpose::Lineage, session.attempt)).bits64()
    }

    /// Plays events and turns before `until`, in their common order.
    pub(in crate::engine) fn play_with_desks(&mut self, until: u64) {
        loop {
            let turn = self.cell.desks.next_turn().filter(|turn| turn.time < until);
            if let Some(mut session) = self.cell.events.pop_before(turn.map_or(until, |turn| turn.time)) {
                self.play(&mut session);
                continue;
            }
            let Some(turn) = turn else { return };
            // A client has its place among the events of the instant.
            if turn.class == Class::OfClient
                && let Some(mut session) = self.cell.events.pop_before(turn.time + 1)
            {
                if turn.comes_after(&session) {
                    self.play(&mut session);
                    continue;
                }
                self.cell.events.push(session);
            }
            self.cell.desks.turns.pop();
            self.play_turn(turn);
        }
    }

    /// Plays the requests that are done by now, in the middle of an event.
    pub(super) fn finish_work(&mut self, now: u64) {
        while let Some(turn) = self.cell.desks.next_turn().filter(|turn| turn.time <= now && turn.class == Class::Done)
        {
            self.cell.desks.turns.pop();
            self.play_turn(turn);
        }
    }

    fn play_turn(&mut self, turn: Turn) {
        match turn.what {
            What::Done => {
                if !self.begins_to_call(turn.place, turn.time) {
                    self.conclude(turn.place, turn.time);
                }
            }
            What::LegAnswered => {
                let session = self.cell.desks.legs.all.at(turn.place).session;
                self.goes_on(&session, Instant(turn.time));
            }
            What::Change => self.instances_change(turn),
            What::Arrives => self.arrives(turn),
            What::ClientLeaves => self.client_leaves(turn),
            What::LegWaits => {
                let leg = self.cell.desks.legs.all.at(turn.place);
                leg.status = Status::AtPlay;
                let mut session = leg.session;
                self.play(&mut session);
            }
        }
    }

    /// A request has all that it needs: its worker is free, and its client answered.
    pub(super) fn conclude(&mut self, place: u32, now: u64) {
        let Request { client, is_awaited, ticket, task, .. } = self.cell.desks.end(place, now);
        let service = usize::from(task.service);
        let started = if let Stage::Served(started, _) = task.stage { started } else { now };
        let tally = &mut self.tally.services[service];
        tally.accept(started - task.made, now - task.made);
        if self.model.services[service].answers_on_acceptance {
            tally.settle(Instant(now));
        }
        if is_awaited {
            self.tell(client, ticket, &task, now);
        }
        self.serve((service, task.queue), now);
    }

    /// The client of a request is answered.
    fn tell(&mut self, mut client: Session, ticket: u64, task: &Task, now: u64) {
        self.note_answer(usize::from(task.service), task.made, now);
        let now = Instant(now);
        if client.basket.is_of_leg() {
            self.leg_answered(&client, (Instant(task.made), now), Some(ticket));
        } else {
            client.call += 1;
            client.attempt = 0;
            self.wait(&mut client, Phase::Response, now);
        }
    }

    /// A request has found a place. Its client hears of it, where the service answers on acceptance.
    pub(super) fn is_accepted(&mut self, place: u32, now: u64) {
        let Request { client, is_awaited, ticket, task, .. } = *self.cell.desks.request(place);
        if is_awaited && self.model.services[usize::from(task.service)].answers_on_acceptance {
            self.cell.desks.request(place).is_awaited = false;
            self.cell.desks.legs.set(&client, Status::AtPlay);
            self.tell(client, ticket, &task, now);
        }
    }

    fn client_leaves(&mut self, turn: Turn) {
        let mut client = self.cell.desks.request(turn.place).client;
        if client.basket.is_of_leg() && client.phase() != Phase::TimedOut {
            // The page ends, and with it all that it asked for: this request leaves together with the others.
            return self.play(&mut client);
        }
        let awaited = self.awaited_at(turn.place);
        let mut freed = Vec::new();
        let mut session = self.leave_desk(turn.place, turn.time, &mut freed);
        self.cell.desks.legs.set(&session, Status::AtPlay);
        match session.phase() {
            Phase::HoldExpiry => self.play(&mut session),
            phase => {
                self.count_timed_out(freed[0].0, awaited);
                self.note_event(&session);
                if phase == Phase::TimedOut {
                    self.timed_out_for(&mut session, awaited);
                } else {
                    self.page_failed(&mut session, Cause::gave_up(awaited));
                }
            }
        }
        for line in freed {
            self.serve(line, turn.time);
        }
    }

    /// The client of a request leaves as it has waited too long for `awaited`, the service or another that was called for it.
    pub(super) fn count_timed_out(&mut self, service: usize, awaited: usize) {
        let tally = &mut self.tally.services[service];
        tally.timed_out += 1;
        tally.attribution.timed_out_within += u64::from(awaited != service);
    }

    /// The client of a request leaves. The session; into `freed`, the queues whose workers may be free by that, its own first.
    pub(super) fn leave_desk(&mut self, place: u32, now: u64, freed: &mut Vec<Line>) -> Session {
        let model = self.model;
        let cancel =
            |service: usize| model.services[service].desk.as_ref().map_or(plan::Cancel::None, |desk| desk.cancel);
        let leg = self.cell.desks.request(place).leg;
        let (session, line, is_cancelled) = self.cell.desks.leave(cancel, place, now);
        self.tally.services[line.0].cancelled += u64::from(is_cancelled);
        freed.push(line);
        if let (Some(leg), plan::Cancel::All) = (leg, cancel(line.0)) {
            self.abandon_within(leg, now, freed);
        }
        session
    }

    /// Free workers take up what waits. What has waited too long is dropped on the way, and its client told.
    pub(super) fn serve(&mut self, (service, queue): (usize, u32), now: u64) {
        let settings = self.desk_settings(service);
        while let Some(next) = self.cell.desks.call_next(settings, (service, queue), now) {
            if let Next::Dropped(request) = next {
                self.fails(&request, now);
            }
        }
    }

    /// A request finds no place; or it had one, and has waited too long or is lost with its instance.
    pub(super) fn refused(&mut self, session: &mut Session, service: usize, had_place: bool) {
        self.count_unplaced(session, service, had_place);
        self.note_failure(service, session.time);
        self.attempt_failed(session, Cause::rejected(service));
    }
}

//! What happens at desks: sessions come, requests are done, clients leave.

use super::fork::Line;
use super::legs::Status;
use super::{Asked, Class, Next, Request, Stage, Turn, What};
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

    /// Asks at the desk of a service, which rejects at once or lets the session wait.
    /// `made`: when the client made the request.
    pub(in crate::engine) fn ask_at_desk(&mut self, session: &mut Session, service: usize, made: Instant, work: u64) {
        let settings = self.desk_settings(service);
        let now = session.time;
        self.cell.desks.desk(service).unseen.requests += 1;
        let cut = settings.capacity.unreachable(now);
        if matches!(cut, Some((Unreachable::Refused, _))) {
            return self.refused(session, service);
        }
        let timeout = self.timeout(service, made);
        let (phase, at) = end_of_waiting(timeout, self.patience_ends(session, Instant(u64::MAX)));
        let mut client = *session;
        self.set_wait(&mut client, phase, at);
        let (segment, state) = (usize::from(session.segment), usize::from(session.state));
        let rank = settings.rank(segment, self.model.segments[segment].graph(session.window()), state);
        let (draws, name) = (self.model.draws, self.name_of_call(session, Purpose::Balancer, session.attempt));
        let mut stream = None;
        // Made only where the balancer draws.
        let draw = |below| stream.get_or_insert_with(|| draws.stream(name)).below(below);
        let Some(queue) = self.cell.desks.desk(service).choose(settings.queues, draw) else {
            return self.refused(session, service);
        };
        let lineage = if self.model.services[service].calls.is_empty() {
            0
        } else {
            draws.stream(self.name_of_call(session, Purpose::Lineage, session.attempt)).bits64()
        };
        let until = cut.map(|(_, until)| until.0);
        let asked = Asked { now: now.0, made: made.0, client, service, queue, rank, work, lineage, until };
        if !self.cell.desks.take(settings, &asked) {
            self.refused(session, service);
        }
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
        let Request { mut client, is_awaited, ticket, task, .. } = self.cell.desks.end(place, now);
        let service = usize::from(task.service);
        let started = if let Stage::Served(started, _) = task.stage { started } else { now };
        self.tally.services[service].accept(started - task.made, now - task.made);
        if is_awaited {
            self.note_answer(service, task.made, now);
            let now = Instant(now);
            if client.basket.is_of_leg() {
                self.leg_answered(&client, (Instant(task.made), now), Some(ticket));
            } else {
                client.call += 1;
                client.attempt = 0;
                self.wait(&mut client, Phase::Response, now);
            }
        }
        self.serve((service, task.queue), now);
    }

    fn client_leaves(&mut self, turn: Turn) {
        let mut client = self.cell.desks.request(turn.place).client;
        if client.basket.is_of_leg() && client.phase() != Phase::TimedOut {
            // The page ends, and with it all that it asked for: this request leaves together with the others.
            return self.play(&mut client);
        }
        let mut freed = Vec::new();
        let mut session = self.leave_desk(turn.place, turn.time, &mut freed);
        self.cell.desks.legs.set(&session, Status::AtPlay);
        self.tally.services[freed[0].0].timed_out += u64::from(session.phase() != Phase::HoldExpiry);
        self.play(&mut session);
        for line in freed {
            self.serve(line, turn.time);
        }
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

    /// A request finds no place, has waited too long, or is lost with its instance.
    pub(super) fn refused(&mut self, session: &mut Session, service: usize) {
        self.tally.services[service].rejected += 1;
        self.note_failure(service, session.time);
        self.attempt_failed(session, Cause::rejected(service));
    }
}

//! What happens at desks: sessions come, requests are done, clients leave.

use super::{Asked, Next, Stage, Task, Turn, What};
use crate::engine::cell::Player;
use crate::engine::session::{Cause, Phase, Session};
use crate::engine::visit::{end_of_waiting, item};
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
        let cut = settings.capacity.unreachable(now);
        if matches!(cut, Some((Unreachable::Refused, _))) {
            return self.refused(session, service);
        }
        let timeout = self.timeout(service, made);
        let (phase, at) = end_of_waiting(timeout, self.patience_ends(session, Instant(u64::MAX)));
        let mut client = *session;
        self.set_wait(&mut client, phase, at);
        let (segment, state) = (usize::from(session.segment), usize::from(session.state));
        let rank = settings.rank(segment, self.model.segments[segment].graph, state);
        let (draws, name) =
            (self.model.draws, self.name(session, Purpose::Balancer, item(session.call, session.attempt)));
        let mut stream = None;
        // Made only where the balancer draws.
        let draw = |below| stream.get_or_insert_with(|| draws.stream(name)).below(below);
        let Some(queue) = self.cell.desks.desk(service).choose(settings.queues, draw) else {
            return self.refused(session, service);
        };
        let until = cut.map(|(_, until)| until.0);
        let asked = Asked { now: now.0, made: made.0, client, service, queue, rank, work, until };
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
            // A client leaves in its place among the events of the instant.
            if turn.what == What::ClientLeaves
                && let Some(mut session) = self.cell.events.pop_before(turn.time + 1)
            {
                if session.order().1 < turn.order {
                    self.play(&mut session);
                    continue;
                }
                self.cell.events.push(session);
            }
            self.cell.desks.turns.pop();
            match turn.what {
                What::Done => self.is_done(turn),
                What::Change => self.instances_change(turn),
                What::Arrives => self.arrives(turn),
                What::ClientLeaves => self.client_leaves(turn),
            }
        }
    }

    fn is_done(&mut self, turn: Turn) {
        let request = self.cell.desks.end(turn.place, turn.time);
        let Task { is_awaited, made, queue, stage, .. } = request.task;
        let service = usize::from(request.task.service);
        let started = if let Stage::Served(started, _) = stage { started } else { turn.time };
        self.tally.services[service].accept(started - made, turn.time - made);
        if is_awaited {
            self.note_answer(service, made, turn.time);
            let mut session = request.client;
            session.call += 1;
            session.attempt = 0;
            self.wait(&mut session, Phase::Response, Instant(turn.time));
        }
        self.serve((service, queue), turn.time);
    }

    fn client_leaves(&mut self, turn: Turn) {
        let model = self.model;
        let cancel =
            |service: usize| model.services[service].desk.as_ref().map_or(plan::Cancel::None, |desk| desk.cancel);
        let (mut session, (service, queue)) = self.cell.desks.leave(cancel, turn.place, turn.time);
        self.tally.services[service].timed_out += u64::from(session.phase() != Phase::HoldExpiry);
        self.play(&mut session);
        self.serve((service, queue), turn.time);
    }

    /// Free workers take up what waits. What has waited too long is dropped on the way, and its client told.
    pub(super) fn serve(&mut self, (service, queue): (usize, u32), now: u64) {
        let settings = self.desk_settings(service);
        while let Some(next) = self.cell.desks.call_next(settings, (service, queue), now) {
            if let Next::Dropped(request) = next {
                self.fails(request, now);
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

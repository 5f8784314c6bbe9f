//! What a session does on a page: calls, retries, thinking, moving on.

use super::draws;
use super::event::Turn;
use super::protection::Event;
use super::record::{Request, Told};
use super::service::{Place, RequestId};
use super::session::{Copy, Fate, Key, Session, Waits};
use super::simulator::Simulator;
use crate::incident::Cut;
use saleload::model::{Call, State};
use saleload::plan::Action;
use saleload::plan::inventory::Reserve;
use saleload::plan::protection::Ranks;
use saleload::units::{Instant, Nanos};

impl Simulator<'_> {
    pub(crate) fn state(&self, session: &Session) -> &State {
        &self.model.graphs[self.model.segments[session.segment].graph(session.key.window as u8)].states[session.state]
    }

    pub(crate) fn service(&self, session: &Session) -> usize {
        if let Some((id, _)) = session.within {
            return self.plan.services[self.record.requests[id].service].calls[session.call];
        }
        usize::from(self.state(session).calls[session.call].service)
    }

    /// The service whose answer a session waits for, or that it is about to ask again: the first of several.
    pub(crate) fn awaited(&mut self, session: &Session, waits: Waits) -> Option<usize> {
        match waits {
            Waits::Legs => {
                self.record.rarities.gave_up_on_several += u64::from(session.legs.len() > 1);
                session.legs.first().map(|leg| self.deepest(&self.sessions[leg], self.sessions[leg].waits))
            }
            Waits::Answer(_) | Waits::Retry => Some(self.deepest(session, waits)),
            _ => None,
        }
    }

    pub(crate) fn has_closed(&self, session: &Session) -> bool {
        self.now >= self.closes(session.key)
    }

    pub(crate) fn begin(&mut self, mut session: Session) {
        self.record.current().begun += 1;
        self.record.begun.push((session.key, session.segment));
        self.record.begun_in.push(self.record.row());
        if self.plan.windows.get(session.key.window).is_some_and(|window| window.room.is_some()) {
            return self.come_to_room(session);
        }
        if self.balance_of(session.key).is_some() {
            self.bring_deposit(&mut session);
        }
        self.first_page(session);
    }

    pub(crate) fn first_page(&mut self, session: Session) {
        let graph = self.model.segments[session.segment].graph(session.key.window as u8);
        let entry = match draws::channel(self.plan, &self.model, session.key) {
            Some(channel) => self.plan.channels[channel].entries[graph],
            None => self.plan.cbmgs[graph].entry,
        };
        self.enter(session, entry);
    }

    fn enter(&mut self, mut session: Session, state: usize) {
        if session.visit == u16::MAX / 2 {
            // Names of draws end here, and so does the session.
            return self.leave(session);
        }
        session.visit += 1;
        session.state = state;
        session.call = 0;
        session.attempt = 0;
        session.patience_ends = draws::patience(&self.model, &session).map(|patience| self.now + patience);
        if self.is_refused(&session) {
            self.record.rarities.pages_closed += 1;
            return self.page_failed(session, Fate::Refused);
        }
        self.may_submit_again(&session);
        self.call(session);
    }

    /// Makes the next call of the page, or goes on where there is none.
    pub(crate) fn call(&mut self, mut session: Session) {
        while session.key.leg == 0 && self.passed_over(&session) > 0 {
            let calls = self.passed_over(&session);
            self.record.rarities.left_out += 1;
            self.record.rarities.left_out_of_set += u64::from(calls > 1);
            session.call += calls;
            session.attempt = 0;
            session.turn_since = None;
        }
        if session.key.leg == 0 {
            let Some(&Call { at_once, service, .. }) = self.state(&session).calls.get(session.call) else {
                let row = self.record.row();
                return self.loaded(session, row);
            };
            if at_once > 1 {
                return self.fork(session, usize::from(at_once));
            }
            if let Some(after) = self.plan.services[usize::from(service)].hedge {
                return self.hedge(session, after);
            }
        } else if session.copy == Some(Copy::Unsent) {
            let Some(second) = self.second_is_due(session) else { return };
            session = second;
        }
        let (service, cell) = (self.service(&session), session.cell);
        session.number = self.new_number();
        let Some((session, made)) = self.pass_protection(session) else { return };
        self.is_asked(service);
        let cut = self.cut(service);
        let queue = if cut == Some(Cut::Refuses) { None } else { self.balance(&session, service) };
        let request = self.request(&session, made, queue.unwrap_or(0));
        self.record.rarities.refused += u64::from(queue.is_none());
        if let (Some(_), Some(Cut::Until(until))) = (queue, cut) {
            let of = &mut self.record.requests[request];
            (of.is_under_way, of.arrives) = (true, until);
            self.schedule(until, Turn::GetsThrough, Key { shopper: 0, window: 0, again: 0, leg: 0 }, request as u64);
        } else if queue.is_none() || !self.joins(request, cell) {
            self.record.requests[request].rejected = Some(self.record.row());
            self.remember(&session, Event::Failed);
            return self.attempt_failed(session, Fate::Rejected(service));
        } else if self.answers_on_acceptance(service) {
            self.record.requests[request].had_place = true;
            let state = self.state(&session).clone();
            return self.accepted(session, request, &state);
        }
        self.record.requests[request].had_place = true;
        self.wait_for_answer(session, request, made);
    }

    /// A request comes to its queue. Whether there is room.
    pub(crate) fn joins(&mut self, request: RequestId, cell: usize) -> bool {
        let (service, queue) = (self.record.requests[request].service, self.record.requests[request].queue);
        match self.cells[cell].services[service][queue].take(request, self.now) {
            Place::Nowhere => return false,
            Place::AtWorker => self.start(request),
            Place::InQueue => {
                self.record.rarities.waits += 1;
                let waiting = self.cells[cell].waiting(service);
                let longest = &mut self.cells[cell].longest[service];
                *longest = waiting.max(*longest);
            }
        }
        if let Some(guard) = &mut self.cells[cell].guards[service] {
            guard.enter();
        }
        true
    }

    /// Records a request, made at some time and offered to a queue of its service now.
    fn request(&mut self, session: &Session, made: Instant, queue: usize) -> RequestId {
        let (cell, service) = (session.cell, self.service(session));
        self.record.request(Request {
            cell,
            service,
            queue,
            row: self.record.row(),
            key: session.key,
            number: session.number,
            visit: session.visit,
            lineage: (!self.plan.services[service].calls.is_empty()).then(|| draws::lineage(&self.model, session)),
            calls: false,
            segment: session.segment,
            state: session.state,
            made,
            arrives: self.now,
            work: self.degraded(service, draws::service_time(&self.model, session, service)),
            starts: None,
            takes: Nanos(0),
            rejected: None,
            is_limited: false,
            is_under_way: false,
            told: Told::No,
            bound: self.bound((cell, service, queue)),
            ends_wait: None,
            stops: None,
            answered: None,
            timed_out: None,
            cancelled: None,
            failed_inside: false,
            left_inside: false,
            attempt: session.attempt,
            is_second: session.copy == Some(Copy::Second),
            had_place: false,
            client_leaves: if self.answers_on_acceptance(service) {
                None
            } else {
                self.time_out(session, made).into_iter().chain(session.patience_ends).min()
            },
        })
    }

    /// When the client gives up on a request: both copies of a call at once.
    fn time_out(&self, session: &Session, made: Instant) -> Option<Instant> {
        let since = if session.copy.is_some() { session.asked } else { made };
        self.plan.services[self.service(session)].timeout.map(|timeout| since + timeout)
    }

    /// Waits for the answer to a request, as long as the client does.
    fn wait_for_answer(&mut self, mut session: Session, request: RequestId, made: Instant) {
        let time_out = self.time_out(&session, made);
        for (end, turn) in [(time_out, Turn::TimedOut), (session.patience_ends, Turn::GaveUp)] {
            if let Some(end) = end {
                self.schedule(end, turn, session.key, session.number);
            }
        }
        session.waits = Waits::Answer(request);
        self.sessions.insert(session.key, session);
    }

    /// Something happens that the protection of the service remembers.
    pub(crate) fn remember(&mut self, session: &Session, event: Event) {
        let service = self.service(session);
        if let Some(guard) = &mut self.cells[session.cell].guards[service] {
            guard.note(self.now, event);
        }
    }

    /// Takes a request past all that protects its service; with when it was made. `None`: it does not come through, or not now.
    fn pass_protection(&mut self, mut session: Session) -> Option<(Session, Instant)> {
        let (now, service) = (self.now, self.service(&session));
        let Some(guard) = &mut self.cells[session.cell].guards[service] else { return Some((session, now)) };
        let turn_since = session.turn_since.take();
        if turn_since.is_none() {
            guard.hear();
            if session.attempt == 0 && session.copy != Some(Copy::Second) {
                guard.note(now, Event::FirstAttempt);
            }
            let chance = guard.hold_back(now);
            if chance > 0.0 && draws::throttle(&self.model, &session) < chance {
                self.turn_away(session, Event::HeldBack);
                return None;
            }
            if !guard.is_let_through(now) {
                self.turn_away(session, Event::Stopped);
                return None;
            }
            match guard.passes(now) {
                None => {
                    self.turn_away(session, Event::Failed);
                    return None;
                }
                Some(turn) if turn > now => {
                    self.wait_for_turn(session, turn);
                    return None;
                }
                Some(_) => {}
            }
        }
        if !guard.has_room() {
            self.turn_away(session, Event::Failed);
            return None;
        }
        if self.is_shed(&session) {
            self.record.rarities.shed += 1;
            self.turn_away(session, Event::Failed);
            return None;
        }
        Some((session, turn_since.unwrap_or(now)))
    }

    /// Whether a request is worth too little for so long a queue.
    fn is_shed(&mut self, session: &Session) -> bool {
        let service = self.service(session);
        let Some(shed) = &self.plan.services[service].protection.shed else { return false };
        let rank = match &shed.ranks {
            Ranks::Segments(ranks) => ranks[session.segment],
            Ranks::States(ranks) => {
                ranks[self.model.segments[session.segment].graph(session.key.window as u8)][session.state]
            }
        };
        let steps = u64::from(shed.lowest) - u64::from(rank);
        let waiting = self.cells[session.cell].waiting(service);
        let most = shed.above + steps * shed.step;
        let (now, at_first) = (self.there(session.cell, service).0, self.model.instances(service, session.cell as u32));
        self.record.rarities.shed_otherwise +=
            u64::from(rank > 0 && (waiting > now * most) != (waiting > at_first * most));
        rank > 0 && waiting > now * most
    }

    /// A request that its service never sees.
    fn never_offered(&mut self, session: &Session) -> RequestId {
        let id = self.request(session, self.now, 0);
        let request = &mut self.record.requests[id];
        (request.rejected, request.is_limited) = (Some(request.row), true);
        self.record.rarities.limited += 1;
        id
    }

    fn turn_away(&mut self, session: Session, event: Event) {
        self.never_offered(&session);
        self.remember(&session, event);
        self.record.rarities.held_back += u64::from(event != Event::Failed);
        let service = self.service(&session);
        self.attempt_failed(session, Fate::Rejected(service));
    }

    /// The turn of a request comes later. If its client will have left by then, the turn stays unused.
    fn wait_for_turn(&mut self, mut session: Session, turn: Instant) {
        let time_out = self.time_out(&session, self.now);
        let leaves = [time_out, session.patience_ends, session.deadline].into_iter().flatten().min();
        if leaves.is_some_and(|leaves| leaves <= turn) {
            let (request, now) = (self.never_offered(&session), self.now);
            return self.wait_for_answer(session, request, now);
        }
        self.record.rarities.turns += 1;
        self.schedule(turn, Turn::Retry, session.key, session.number);
        session.turn_since = Some(self.now);
        session.waits = Waits::Retry;
        self.sessions.insert(session.key, session);
    }

    pub(crate) fn start(&mut self, request: RequestId) {
        let takes = self.duration(request);
        let of = &mut self.record.requests[request];
        of.starts = Some(self.now);
        of.takes = takes;
        self.record.rarities.slowed += u64::from(takes > of.work);
        // Workers that are done at one instant are so in the order in which the requests came, whosever they are.
        let (anybody, done) = (Key::default(), self.now + takes);
        let turn =
            if self.desk(self.record.requests[request].service).is_some() { Turn::WorkDone } else { Turn::StationDone };
        self.schedule(done, turn, anybody, request as u64);
    }

    /// What a service has asked of another is answered, if it still waits.
    fn heard_of(&mut self, id: RequestId) {
        let request = &self.record.requests[id];
        if self.sessions.get(&request.key).is_some_and(|leg| leg.number == request.number) {
            self.leg_answered(self.record.requests[id].key);
        }
    }

    /// A worker has finished a request, and takes up the next. Whoever waits for it is answered.
    pub(crate) fn work_done(&mut self, turn: Turn, id: RequestId) {
        let of = &mut self.record.requests[id];
        let is_done_now = of.stops.is_none() && !of.calls && of.done() == Some(self.now);
        if of.told == Told::Hears && !is_done_now {
            of.told = Told::Yes;
            return self.heard_of(id);
        }
        let of = &self.record.requests[id];
        if turn == Turn::WorkDone && (self.desk(of.service).is_none() || of.stops.is_some()) {
            return self.heard_of(id);
        }
        let request = self.record.requests[id].clone();
        if self.desk(request.service).is_some() {
            return self.desk_done(id);
        }
        self.station_done(id);
    }

    /// A worker of a plain service has finished a request.
    fn station_done(&mut self, id: RequestId) {
        let request = self.record.requests[id].clone();
        if let Some(next) = self.cells[request.cell].services[request.service][0].finish(id) {
            self.start(next);
        }
        if let Some(guard) = &mut self.cells[request.cell].guards[request.service] {
            guard.leave();
        }
        let waits = self.sessions.get(&request.key).is_some_and(|session| session.number == request.number);
        if !waits || request.is_told() || request.is_timed_out() {
            return;
        }
        if let Some(guard) = &mut self.cells[request.cell].guards[request.service] {
            guard.answer(self.now, self.now - request.made);
        }
        let session = &self.sessions[&request.key];
        if session.within.is_some() {
            // It is heard of in its turn, among the requests of desks that are done.
            return self.schedule(self.now, Turn::WorkDone, Key::default(), id as u64);
        }
        if request.key.leg > 0 {
            return self.leg_answered(request.key);
        }
        let state = self.state(session);
        let is_last = session.call + 1 == state.calls.len();
        if is_last && !matches!(state.action, Some(Action::Reserve | Action::Pay { .. })) {
            // The last answer for a page that asks for neither stock nor payment is no event: the page is there, and the
            // next event is the end of the think time. What is wanted from it counts in the row of the request.
            let session = self.sessions.remove(&request.key).expect("it waits");
            self.loaded(session, request.row);
        } else {
            self.schedule(self.now, Turn::Response, request.key, request.number);
        }
    }

    pub(crate) fn answered(&mut self, mut session: Session) {
        session.call += 1;
        session.attempt = 0;
        self.call(session);
    }

    pub(crate) fn timed_out(&mut self, session: Session, awaited: usize) {
        self.remember(&session, Event::Failed);
        self.attempt_failed(session, Fate::TimedOut(awaited));
    }

    /// An attempt at a call has failed: tries again after a back-off, while attempts, budget and patience last.
    pub(crate) fn attempt_failed(&mut self, mut session: Session, fate: Fate) {
        if session.copy.is_some() {
            return self.copy_failed(&session, fate);
        }
        let service = self.service(&session);
        if session.attempt + 1 >= self.plan.services[service].retry.attempts {
            return self.page_failed(session, fate);
        }
        if let Some(guard) = &mut self.cells[session.cell].guards[service]
            && !guard.may_retry(self.now)
        {
            self.record.rarities.over_budget += 1;
            return self.page_failed(session, fate);
        }
        self.remember(&session, Event::Retry);
        let again = self.now + draws::backoff(&self.model, &session, service);
        session.attempt += 1;
        session.number = self.new_number();
        self.schedule(again, Turn::Retry, session.key, session.number);
        if let Some(end) = session.patience_ends {
            self.schedule(end, Turn::GaveUp, session.key, session.number);
        }
        session.waits = Waits::Retry;
        self.sessions.insert(session.key, session);
    }

    /// All calls are answered: the page does what it is for, and the shopper looks at it. `row` is where new intents count.
    pub(crate) fn loaded(&mut self, mut session: Session, row: usize) {
        if session.key.again > 0 {
            return self.second_loaded(session);
        }
        match self.state(&session).action {
            Some(Action::AddToBasket) => self.fill_basket(&mut session, row),
            Some(Action::Reserve) => return self.reserve(session),
            Some(Action::Pay { declined }) if session.holds() => {
                let usually = declined;
                let declined = self.declined(&session, usually);
                self.record.rarities.bank_down += u64::from(declined > usually);
                if draws::is_declined(&self.model, &session, declined) {
                    return self.page_failed(session, Fate::PaymentFailed);
                }
                if self.reserves(session.key) != Reserve::Order {
                    return self.ask_and_pay(session);
                }
                self.pay(&mut session);
            }
            // Nothing to do, or nothing to pay.
            None | Some(Action::Pay { .. }) => {}
        }
        self.think(session);
    }

    pub(crate) fn think(&mut self, session: Session) {
        let (target, think) = draws::next(&self.model, &session, false);
        self.think_for(session, think, target);
    }

    /// The page has failed for good: the shopper leaves, or looks at the error and goes elsewhere.
    pub(crate) fn page_failed(&mut self, mut session: Session, fate: Fate) {
        if session.key.leg > 0 {
            return self.leg_failed(&session, fate);
        }
        if session.key.again > 0 {
            // Nobody waits for it.
            return;
        }
        session.failure = Some(fate);
        match draws::next(&self.model, &session, true) {
            (None, _) => self.leave(session),
            (target, think) => self.think_for(session, think, target),
        }
    }

    fn think_for(&mut self, mut session: Session, think: Nanos, target: Option<usize>) {
        session.number = self.new_number();
        session.waits = Waits::Thinking(target);
        self.schedule(self.now + think, Turn::ThinkEnd, session.key, session.number);
        self.sessions.insert(session.key, session);
    }

    pub(crate) fn move_on(&mut self, mut session: Session, target: Option<usize>) {
        if session.key.again > 0 {
            return self.submit_again(session);
        }
        let Some(target) = target else { return self.leave(session) };
        // After the closing a session goes on only while it has an order to pay.
        if self.has_closed(&session) && !session.holds() {
            session.failure = session.failure.or(Some(Fate::WindowClosed));
            return self.leave(session);
        }
        self.enter(session, target);
    }
}

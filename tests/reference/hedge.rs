//! A call that a page makes a second time while it waits: two sessions for one attempt, of which the first to be answered counts.

use super::event::Turn;
use super::protection::Event;
use super::session::{Copy, Fate, Session, Waits};
use super::simulator::Simulator;
use hdrhistogram::Histogram;
use saleload::results::HedgeSummary;
use saleload::units::Nanos;

/// What happens to hedged calls of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hedged {
    Sent,
    /// So long after the first copy was made; whether by the second.
    Answered(Nanos, bool),
}

impl Simulator<'_> {
    /// Sends the first copy, and puts the second on the heap.
    pub(crate) fn hedge(&mut self, mut session: Session, after: Nanos) {
        let copy = |simulator: &mut Self, copy| {
            let leg = simulator.leg(&session, session.call);
            Session { copy: Some(copy), asked: simulator.now, attempt: session.attempt, ..leg }
        };
        let first = copy(self, Copy::First);
        let mut second = copy(self, Copy::Unsent);
        session.number = self.new_number();
        if let Some(end) = session.patience_ends {
            self.schedule(end, Turn::GaveUp, session.key, session.number);
        }
        session.waits = Waits::Legs;
        session.legs = vec![first.key, second.key];
        self.sessions.insert(session.key, session);
        second.number = self.new_number();
        second.waits = Waits::Retry;
        self.schedule(self.now + after, Turn::Retry, second.key, second.number);
        self.sessions.insert(second.key, second);
        self.call(first);
    }

    /// The time of a second copy has come. `None`: the budget does not let it be sent.
    pub(crate) fn second_is_due(&mut self, mut copy: Session) -> Option<Session> {
        let (service, key) = (self.service(&copy), copy.key);
        if let Some(guard) = &mut self.cells[copy.cell].guards[service]
            && !guard.may_retry(self.now)
        {
            self.record.rarities.over_budget += 1;
            self.record.rarities.hedges_over_budget += 1;
            let session = self.sessions.get_mut(&key.of_session()).expect("it waits for its copies");
            session.legs.retain(|leg| *leg != key);
            return None;
        }
        self.remember(&copy, Event::Retry);
        self.record.hedged.push((service, Hedged::Sent));
        copy.copy = Some(Copy::Second);
        Some(copy)
    }

    /// A copy has an answer, and so has the call.
    pub(crate) fn copy_answered(&mut self, copy: &Session) {
        let (service, took) = (self.service(copy), self.now - copy.asked);
        self.record.hedged.push((service, Hedged::Answered(took, copy.copy == Some(Copy::Second))));
        let mut session = self.sessions.remove(&copy.key.of_session()).expect("it waits for its copies");
        session.legs.retain(|leg| *leg != copy.key);
        let freed = self.legs_leave(&session, false);
        session.legs.clear();
        session.number = self.new_number();
        self.schedule(self.now, Turn::Response, session.key, session.number);
        self.sessions.insert(session.key, session);
        for line in freed {
            self.serve(line);
        }
    }

    /// A copy has failed. The call has not while another copy is on its way.
    pub(crate) fn copy_failed(&mut self, copy: &Session, fate: Fate) {
        let mut session = self.sessions.remove(&copy.key.of_session()).expect("it waits for its copies");
        session.legs.retain(|leg| *leg != copy.key);
        if session.legs.iter().any(|leg| self.sessions[leg].copy != Some(Copy::Unsent)) {
            self.record.rarities.copies_failed += 1;
            self.sessions.insert(session.key, session);
            return;
        }
        for unsent in session.legs.drain(..) {
            self.sessions.remove(&unsent);
        }
        self.attempt_failed(session, fate);
    }

    pub(crate) fn hedge_summaries(&self, scale: u64) -> Vec<HedgeSummary> {
        let services = self.plan.services.iter().enumerate().filter(|(_, service)| service.hedge.is_some());
        let summary = |(number, service): (usize, &saleload::plan::Service)| {
            let of_service = || self.record.hedged.iter().filter(move |(of, _)| *of == number).map(|(_, what)| *what);
            let mut times = Histogram::<u64>::new_with_bounds(1, 3_600_000_000, 2).expect("constant bounds");
            let mut waited = 0;
            for what in of_service() {
                if let Hedged::Answered(took, _) = what {
                    times.saturating_record(took.0.div_ceil(1000).max(1));
                    waited += u128::from(took.0);
                }
            }
            let count = |of: fn(Hedged) -> bool| of_service().filter(|&what| of(what)).count() as u64 * scale;
            HedgeSummary {
                service: service.name.clone(),
                answered: count(|what| what != Hedged::Sent),
                sent: count(|what| what == Hedged::Sent),
                won: count(|what| matches!(what, Hedged::Answered(_, true))),
                response_us_mean: waited as f64 / 1e3 / times.len().max(1) as f64,
                response_us_p50: times.value_at_quantile(0.5),
                response_us_p90: times.value_at_quantile(0.9),
                response_us_p99: times.value_at_quantile(0.99),
                response_us_p999: times.value_at_quantile(0.999),
            }
        };
        services.map(summary).collect()
    }
}

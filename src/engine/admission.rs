//! What stands between the clients of a service and its queue, in one cell: retry budget, circuit breaker, adaptive throttling
//! (on the side of the clients), then limiters of rate and of requests in flight (in front of the service).
//!
//! The clients of a cell act as one: they share its budget, its breaker and its throttle, as the requests of many shoppers go
//! through the same few gateways. Numbers of the scenario are those of the platform. A cell has its part of them, to the
//! thousandth of a token and the nanosecond of a rate, so that a scenario means the same with another number of cells; only what
//! judges shares (a breaker's `at_least` and `probes`) is that of each cell.
//!
//! A station tells the end of a request when it is made, a desk when it comes; here that end counts when it happens:
//!
//! | a request | counts |
//! |---|---|
//! | is answered while its client waits | as answered, at the instant of the answer, before anything else at that instant |
//! | is rejected, by a full queue or a limiter | as failed, at once |
//! | times out | as failed, when it does |
//! | is held back by the throttle | as failed, at once; not for the breaker, as nothing was learned about the service |
//! | is stopped by the breaker | as failed, at once, for the budget alone: a throttle that counted it would hold back the probes too |
//! | is given up by an impatient shopper, or loses its client as a hold expires | not at all |
//!
//! Answers that are still to come are kept here, and counted before anything is decided.

mod breaker;
mod budget;
mod gate;
mod limit;
mod throttle;
mod window;

use crate::model::Model;
use crate::units::{Instant, Nanos};
use breaker::Breaker;
use budget::Budget;
use limit::{InFlight, Rate};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use throttle::Throttle;

/// The protection of a service in a cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Admission {
    budget: Option<Budget>,
    breaker: Option<Breaker>,
    throttle: Option<Throttle>,
    rate: Option<Rate>,
    in_flight: Option<InFlight>,
    /// Answers that take longer are failures to the breaker.
    slow_over: Option<u64>,
    /// Answers to come that somebody counts.
    answers: BinaryHeap<Reverse<Answer>>,
}

/// How an attempt has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// It was sent, and rejected or not answered in time.
    OfService,
    /// The throttle held it back.
    HeldBack,
    /// The breaker stopped it.
    Stopped,
}

/// An answer to come; in the order in which answers count: at one instant the slow ones last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Answer {
    time: u64,
    is_slow: bool,
}

impl Admission {
    /// The protection of a service in a cell before the first opening; `None` where it has none.
    #[must_use]
    pub fn new(model: &Model, service: usize, cell: u32) -> Option<Box<Self>> {
        let settings = &model.services[service].protection;
        settings.is_some().then(|| {
            let in_flight = |most| InFlight::new(model.whole_share(most, service, cell, 2));
            Box::new(Admission {
                budget: settings.budget.as_ref().map(|budget| Budget::new(budget, model, cell)),
                breaker: settings.breaker.as_ref().map(Breaker::new),
                throttle: settings.throttle.as_ref().map(Throttle::new),
                rate: settings.rate.as_ref().map(|rate| Rate::new(rate, model.cells)),
                in_flight: settings.in_flight.map(in_flight),
                slow_over: settings.breaker.as_ref().and_then(|of| of.slow_over).map(|Nanos(over)| over),
                answers: BinaryHeap::new(),
            })
        })
    }

    /// Counts the answers that have come by now.
    fn hear(&mut self, now: u64) {
        while let Some(&Reverse(answer)) = self.answers.peek()
            && answer.time <= now
        {
            self.answers.pop();
            if let Some(budget) = &mut self.budget {
                budget.answered();
            }
            if let Some(breaker) = &mut self.breaker {
                breaker.ended(answer.time, answer.is_slow);
            }
            if let Some(throttle) = &mut self.throttle {
                throttle.ended(answer.time, true);
            }
        }
    }

    /// An attempt has failed.
    fn failed(&mut self, now: Instant, failure: Failure) {
        self.hear(now.0);
        if let Some(budget) = &mut self.budget {
            budget.failed();
        }
        if let (Some(breaker), Failure::OfService) = (&mut self.breaker, failure) {
            breaker.ended(now.0, true);
        }
        if let (Some(throttle), Failure::OfService | Failure::HeldBack) = (&mut self.throttle, failure) {
            throttle.ended(now.0, false);
        }
    }

    /// Whether a failed attempt may be followed by another, which is then counted as made.
    fn try_retry(&mut self, now: Instant) -> bool {
        self.hear(now.0);
        self.budget.as_mut().is_none_or(|budget| budget.try_retry(now.0))
    }

    /// A station took a request in that will be finished at `done`.
    fn enter(&mut self, done: Instant) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.enter(done.0);
        }
    }

    fn answer(&self, made: u64, time: u64) -> Answer {
        Answer { time, is_slow: self.slow_over.is_some_and(|over| time - made > over) }
    }

    /// A client that would have heard of a request is gone before the answer comes.
    fn unanswered(&mut self, made: u64, time: u64) {
        // Answers that are alike are as good as each other.
        let (answer, mut was_found) = (Reverse(self.answer(made, time)), false);
        self.answers.retain(|other| was_found || *other != answer || std::mem::replace(&mut was_found, true));
    }

    /// A client will hear at `time` of a request that it made at `made`, ns; or hears of it now.
    fn answered(&mut self, made: u64, time: u64) {
        if self.budget.is_some() || self.breaker.is_some() || self.throttle.is_some() {
            self.answers.push(Reverse(self.answer(made, time)));
        }
    }

    /// Whether what was read from a file, at an instant up to which the cell was played, can go on in place of `fresh`.
    #[must_use]
    pub fn can_replace(&self, fresh: &Admission, now: u64) -> bool {
        fn fits<T>(this: Option<&T>, fresh: Option<&T>, fits: impl FnOnce(&T, &T) -> bool) -> bool {
            match (this, fresh) {
                (None, None) => true,
                (Some(this), Some(fresh)) => fits(this, fresh),
                _ => false,
            }
        }
        fits(self.budget.as_ref(), fresh.budget.as_ref(), |this, fresh| this.can_replace(fresh, now))
            && fits(self.breaker.as_ref(), fresh.breaker.as_ref(), |this, fresh| this.can_replace(fresh, now))
            && fits(self.throttle.as_ref(), fresh.throttle.as_ref(), |this, fresh| this.can_replace(fresh, now))
            && fits(self.rate.as_ref(), fresh.rate.as_ref(), |this, fresh| this.can_replace(fresh, now))
            && fits(self.in_flight.as_ref(), fresh.in_flight.as_ref(), InFlight::can_replace)
            && self.slow_over == fresh.slow_over
    }
}

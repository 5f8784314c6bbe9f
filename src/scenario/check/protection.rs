//! Retry budgets, limiters, circuit breakers, client throttling.

use super::Check;
use super::capacity::fails;
use crate::plan::Answers;
use crate::plan::protection::{Breaker, Protection, RateLimit, RetryBudget, Shed, THOUSAND, Throttle};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file::{self, Jitter, Trip};
use crate::scenario::tree::Cursor;
use crate::units::Nanos;

/// Windows of retry budgets.
const BUDGET_WINDOW: [Nanos; 2] = [Nanos::from_secs(1), Nanos::from_secs(60)];
/// Longest window of a circuit breaker or a throttle, which remember each second of it.
const LONGEST_WINDOW: Nanos = Nanos::from_secs(600);
/// Longest time to warm up.
const LONGEST_WARM_UP: Nanos = Nanos::from_secs(3600);

/// Why nothing fails at a service, as [`Check::can_fail`] knows it.
pub(super) const NOTHING_FAILS: &str = "requests fail by a `timeout`, a full `queue`, a `max_wait`, a `controlled_delay`, a `limit`, \
                                        the `calls` of the service or an incident, and this service has none";

impl Check<'_> {
    /// What protects a service.
    pub(super) fn protection(&mut self, name: &str, service: &file::Service, at: Cursor<'_>) -> Protection {
        let (limit, limit_at) = (service.limit.clone().unwrap_or_default(), at.key("limit"));
        if let Some(in_flight) = limit.in_flight {
            self.one_per_cell("requests in flight", in_flight, limit_at.key("in_flight"));
        }
        self.nothing_fails(name, service, at);
        Protection {
            budget: self.budget(service, at.key("retry")),
            rate: limit.rate.as_ref().map(|rate| self.rate(rate, service.timeout, limit_at.key("rate"))),
            in_flight: limit.in_flight,
            shed: limit.shed.as_ref().and_then(|shed| self.shed(shed, service, limit_at.key("shed"))),
            breaker: service.breaker.as_ref().map(|breaker| self.breaker(breaker, at.key("breaker"))),
            throttle: service.throttle.as_ref().map(|throttle| {
                self.whole_seconds(throttle.window, at.key("throttle").key("window"));
                Throttle { k: thousandths(throttle.k), window: throttle.window }
            }),
        }
    }

    /// Whether a request to the service can fail, retries aside: full queue, time-out, a limiter, or an incident.
    pub(super) fn can_fail(&self, name: &str, service: &file::Service) -> bool {
        // Who has been answered does not hear of what comes after.
        let hears = service.answers == Answers::WhenDone;
        let drops = hears && (service.max_wait.is_some() || service.controlled_delay.is_some());
        let turns_away = service.instances.is_some() && (service.queue.is_some() || drops);
        let is_limited = service.limit.as_ref().is_some_and(|limit| {
            limit.rate.is_some() || limit.in_flight.is_some() || limit.shed.is_some() && service.instances.is_some()
        });
        // What it calls may fail, and its requests with it.
        let calls = hears && !service.calls.is_empty();
        hears && service.timeout.is_some() || turns_away || is_limited || calls || fails(self.file, name, hears)
    }

    fn shed(&mut self, shed: &file::Shed, service: &file::Service, at: Cursor<'_>) -> Option<Shed> {
        let (ranks, lowest) = self.ranks(&shed.priority, at.key("priority"));
        if service.instances.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, "nobody waits here, so nothing is shed")
                    .at(at.key_place(), "no `instances`")
                    .note("a service without instances is a delay: it has no queue")
                    .help("say how many instances there are, or delete `shed`"),
            );
            return None;
        }
        Some(Shed { above: shed.above, step: shed.step, ranks, lowest })
    }

    /// A breaker or throttle that waits for failures where there are none.
    fn nothing_fails(&mut self, name: &str, service: &file::Service, at: Cursor<'_>) {
        let counts_errors = service.breaker.as_ref().is_some_and(|of| matches!(of.trips_on, Trip::Errors(_)));
        for (key, is_there) in [("breaker", counts_errors), ("throttle", service.throttle.is_some())] {
            if is_there && !self.can_fail(name, service) {
                self.push(
                    Diagnostic::new(Code::Unused, format!("this {key} never does anything"))
                        .at(at.key(key).key_place(), "nothing fails here")
                        .note(NOTHING_FAILS),
                );
            }
        }
    }

    fn budget(&mut self, service: &file::Service, at: Cursor<'_>) -> Option<RetryBudget> {
        let retry = service.retry.as_ref()?;
        if retry.jitter == Jitter::Decorrelated && (retry.multiplier - 2.0).abs() > f64::EPSILON {
            self.push(
                Diagnostic::new(Code::Unused, "a decorrelated wait does not grow by a multiplier")
                    .at(at.key("multiplier").place(), "not used")
                    .at(at.key("jitter").place(), "draws up to three times the wait before")
                    .help("delete `multiplier`"),
            );
        }
        let at = at.key("budget");
        let budget = retry.budget.as_ref()?;
        if retry.attempts == 1 && service.hedge.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, "this budget is never asked")
                    .at(at.key_place(), "nothing is retried with `attempts = 1`"),
            );
        }
        Some(match *budget {
            file::RetryBudget::Tokens { max, ratio } => {
                self.one_per_cell("tokens", max, at.key("tokens").key("max"));
                RetryBudget::Tokens { max, ratio: thousandths(ratio) }
            }
            file::RetryBudget::Share { of_requests, per_second, window } => {
                if window < BUDGET_WINDOW[0] || window > BUDGET_WINDOW[1] {
                    self.push(Diagnostic::new(Code::BadTiming, format!("a window of {window} is out of range")).at(
                        at.key("share").key("window").place(),
                        format!("expected {} to {}", BUDGET_WINDOW[0], BUDGET_WINDOW[1]),
                    ));
                }
                RetryBudget::Share { of_requests: thousandths(of_requests), per_second, window }
            }
        })
    }

    fn rate(&mut self, rate: &file::RateLimit, timeout: Option<Nanos>, at: Cursor<'_>) -> RateLimit {
        match *rate {
            file::RateLimit::TokenBucket { per_second, burst } => {
                self.one_per_cell("tokens", burst, at.key("token_bucket").key("burst"));
                RateLimit::TokenBucket { per_second, burst }
            }
            file::RateLimit::WarmUp { per_second, within, cold_factor } => {
                if within == Nanos(0) || within > LONGEST_WARM_UP {
                    self.push(Diagnostic::new(Code::BadTiming, format!("warming up cannot take {within}")).at(
                        at.key("warm_up").key("within").place(),
                        format!("expected more than nothing, and at most {LONGEST_WARM_UP}"),
                    ));
                }
                RateLimit::WarmUp { per_second, within, cold_factor: u64::from(cold_factor) }
            }
            file::RateLimit::Uniform { per_second, longest_wait } => {
                if timeout.is_some_and(|timeout| timeout > Nanos(0) && timeout <= longest_wait) {
                    self.push(
                        Diagnostic::new(Code::BadTiming, "clients time out before their turn comes")
                            .at(at.key("uniform").key("longest_wait").place(), format!("waits up to {longest_wait}"))
                            .help("make `longest_wait` shorter than the `timeout` of the service"),
                    );
                }
                RateLimit::Uniform { per_second, longest_wait }
            }
        }
    }

    fn breaker(&mut self, breaker: &file::Breaker, at: Cursor<'_>) -> Breaker {
        self.whole_seconds(breaker.window, at.key("window"));
        if breaker.open == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, "a breaker that opens must stay open for some time")
                    .at(at.key("open").place(), "closes at once")
                    .help("write how long requests are held back, such as \"5s\""),
            );
        }
        let (slow_over, share) = match breaker.trips_on {
            Trip::Errors(share) => (None, share),
            Trip::Slow { over, share } => (Some(over), share),
        };
        Breaker {
            slow_over,
            share: thousandths(share),
            window: breaker.window,
            at_least: breaker.at_least,
            open: breaker.open,
            probes: breaker.probes,
        }
    }

    /// A window whose seconds are counted one by one.
    fn whole_seconds(&mut self, window: Nanos, at: Cursor<'_>) {
        let is_whole = window.0.is_multiple_of(Nanos::PER_SECOND);
        if !is_whole || window == Nanos(0) || window > LONGEST_WINDOW {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("a window of {window} is out of range"))
                    .at(at.place(), format!("expected whole seconds, at most {LONGEST_WINDOW}")),
            );
        }
    }

    /// What is divided over cells in whole pieces.
    pub(super) fn one_per_cell(&mut self, what: &str, total: u64, at: Cursor<'_>) {
        let cells = u64::from(self.file.platform.cells);
        // None at all is out of range, which has been said.
        if (1..cells).contains(&total) {
            self.push(
                Diagnostic::new(Code::TooFewForCells, format!("too few {what} for {cells} cells: {total}"))
                    .at(at.place(), "less than one for each cell")
                    .at(self.root.key("platform").key("cells").place(), format!("{cells} cells"))
                    .note("it is a number of the whole platform, of which every cell has its part")
                    .help(format!("set it to at least {cells}, or platform.cells to at most {total}")),
            );
        }
    }
}

/// A share or factor, which the schema bounds, in thousandths.
pub(super) fn thousandths(number: f64) -> u64 {
    (number * THOUSAND as f64).round() as u64
}

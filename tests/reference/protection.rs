//! What protects a service in a cell, as lists of what happened: whoever asks, counts.
//!
//! The engine keeps counters, scaled clocks and levels. Here are the instants themselves.

use saleload::model::Model;
use saleload::plan::protection::{Protection, RateLimit, RetryBudget};
use saleload::units::{Instant, Nanos};

const SECOND: u64 = 1_000_000_000;

/// What is remembered of a request or of the decision to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A first attempt was made.
    FirstAttempt,
    /// A client decided to try again.
    Retry,
    /// It was answered in time, but slowly; or in good time.
    Answered { slow: bool },
    /// It was rejected or timed out.
    Failed,
    /// Its client did not send it.
    HeldBack,
    /// The circuit breaker stopped it.
    Stopped,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug)]
enum Circuit {
    Closed { since: usize },
    Open { until: Instant },
    Trying { since: Instant, sent: u64, good: u64 },
}

/// The protection of a service in a cell.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    settings: Protection,
    cells: u64,
    /// The cell's part of the tokens, and what is left of it, in thousandths; the floor of retries, likewise.
    tokens: (u64, u64),
    floor: u64,
    /// Answers that have come since anybody asked, and whether they were slow. Those of one instant are heard slow ones last.
    answers: Vec<(Instant, bool)>,
    /// Everything that has happened.
    happened: Vec<(Instant, Event)>,
    circuit: Circuit,
    /// The exact time of the next turn: whole nanoseconds, and a remainder in parts of `per_second`.
    turn: (u64, u64),
    /// When the token bucket would be full again: exact, as above.
    full: (u64, u64),
    warmth: Warmth,
    room: u64,
    inside: u64,
}

/// A service that warms up, second by second. Counts are in thousandths of a request of the platform, of which a cell's request takes
/// a thousand for each cell.
#[derive(Clone, Copy, Debug, Default)]
struct Warmth {
    second: u64,
    /// The last second in which anybody came.
    visited: u64,
    stored: u64,
    left: u64,
    passed: u64,
    was_short: bool,
}

/// A cell's part of a number of small pieces.
fn part(total: u64, cell: u32, cells: u32) -> u64 {
    let until = |cell: u32| (u128::from(total) * u128::from(cell) / u128::from(cells)) as u64;
    until(cell + 1) - until(cell)
}

impl Guard {
    pub(crate) fn new(model: &Model, service: usize, cell: u32) -> Option<Self> {
        let settings = model.services[service].protection.clone();
        if !settings.is_some() {
            return None;
        }
        let (mut max, mut floor) = (0, 0);
        match settings.budget {
            Some(RetryBudget::Tokens { max: of_all, .. }) => max = part(of_all * 1000, cell, model.cells),
            Some(RetryBudget::Share { per_second, window, .. }) => {
                let of_all = u128::from(per_second) * u128::from(window.0) * 1000 / u128::from(SECOND);
                floor = part(of_all as u64, cell, model.cells);
            }
            None => {}
        }
        let mut guard = Guard {
            cells: u64::from(model.cells),
            tokens: (max, max),
            floor,
            answers: Vec::new(),
            happened: Vec::new(),
            circuit: Circuit::Closed { since: 0 },
            turn: (0, 0),
            full: (0, 0),
            warmth: Warmth::default(),
            // Whole places are dealt out as instances are: part of what is shared, as it is a draw where cells are sampled.
            room: settings.in_flight.map_or(u64::MAX, |most| model.whole_share(most, service, cell, 2)),
            inside: 0,
            settings,
        };
        if let Some((rate, cold)) = guard.warm_up_lines() {
            guard.warmth.stored = cold.1;
            guard.warmth.left = guard.warm_rate(rate, cold);
        }
        Some(guard)
    }

    /// How often something happened in the current bucket of time and the ones before that make up a window.
    fn count(&self, now: Instant, (bucket, buckets): (u64, u64), from: usize, what: impl Fn(Event) -> bool) -> u64 {
        let current = now.0 / bucket;
        let recent = self.happened[from..].iter().rev().take_while(|(at, _)| at.0 / bucket + buckets > current);
        recent.filter(|(_, event)| what(*event)).count() as u64
    }

    /// An answer comes.
    pub(crate) fn answer(&mut self, now: Instant, took: Nanos) {
        let slow_over = self.settings.breaker.as_ref().and_then(|breaker| breaker.slow_over);
        self.answers.push((now, slow_over.is_some_and(|over| took > over)));
    }

    /// Whoever asks hears of the answers that have come.
    pub(crate) fn hear(&mut self) {
        self.answers.sort_unstable();
        for (at, slow) in std::mem::take(&mut self.answers) {
            self.remember(at, Event::Answered { slow });
        }
    }

    /// Something happens.
    pub(crate) fn note(&mut self, now: Instant, event: Event) {
        self.hear();
        self.remember(now, event);
    }

    fn remember(&mut self, now: Instant, event: Event) {
        self.happened.push((now, event));
        let (max, left) = self.tokens;
        if let Some(RetryBudget::Tokens { ratio, .. }) = self.settings.budget {
            self.tokens.1 = match event {
                Event::Answered { .. } => max.min(left + ratio),
                Event::Failed | Event::HeldBack | Event::Stopped => left - left.min(1000),
                Event::FirstAttempt | Event::Retry => left,
            };
        }
        match event {
            Event::Answered { slow } => self.judge(now, slow),
            Event::Failed => self.judge(now, true),
            _ => {}
        }
    }

    /// The circuit breaker hears how a request has ended.
    fn judge(&mut self, now: Instant, is_bad: bool) {
        let Some(breaker) = self.settings.breaker.clone() else { return };
        match self.circuit {
            Circuit::Open { .. } => {}
            Circuit::Closed { since } => {
                let window = (SECOND, breaker.window.0 / SECOND);
                let all = |event| matches!(event, Event::Answered { .. } | Event::Failed);
                let bad = |event| matches!(event, Event::Answered { slow: true } | Event::Failed);
                let (all, bad) = (self.count(now, window, since, all), self.count(now, window, since, bad));
                if all >= breaker.at_least && 1000 * bad >= breaker.share * all {
                    self.circuit = Circuit::Open { until: now + breaker.open };
                }
            }
            Circuit::Trying { .. } if is_bad => self.circuit = Circuit::Open { until: now + breaker.open },
            Circuit::Trying { since, sent, good } if good + 1 < breaker.probes => {
                self.circuit = Circuit::Trying { since, sent, good: good + 1 };
            }
            Circuit::Trying { .. } => self.circuit = Circuit::Closed { since: self.happened.len() },
        }
    }

    /// Whether the circuit breaker lets a request through.
    pub(crate) fn is_let_through(&mut self, now: Instant) -> bool {
        let Some(breaker) = &self.settings.breaker else { return true };
        let first = Circuit::Trying { since: now, sent: 1, good: 0 };
        self.circuit = match self.circuit {
            Circuit::Closed { .. } => return true,
            Circuit::Open { until } if now < until => return false,
            Circuit::Trying { since, sent, good } if sent < breaker.probes => {
                Circuit::Trying { since, sent: sent + 1, good }
            }
            Circuit::Trying { since, .. } if now < since + breaker.open => return false,
            Circuit::Open { .. } | Circuit::Trying { .. } => first,
        };
        true
    }

    /// With what probability a client holds a request back.
    pub(crate) fn hold_back(&self, now: Instant) -> f64 {
        let Some(throttle) = &self.settings.throttle else { return 0.0 };
        let window = (SECOND, throttle.window.0 / SECOND);
        let all = |event| matches!(event, Event::Answered { .. } | Event::Failed | Event::HeldBack);
        let all = self.count(now, window, 0, all) as f64;
        let answered = self.count(now, window, 0, |event| matches!(event, Event::Answered { .. })) as f64;
        (1000.0 * all - throttle.k as f64 * answered).max(0.0) / (1000.0 * (all + 1.0))
    }

    /// Whether a failed attempt may be followed by another.
    pub(crate) fn may_retry(&mut self, now: Instant) -> bool {
        self.hear();
        match self.settings.budget {
            None => true,
            Some(RetryBudget::Tokens { .. }) => self.tokens.1 > self.tokens.0 - self.tokens.1,
            Some(RetryBudget::Share { of_requests, window, .. }) => {
                let window = (window.0 / 10, 10);
                let first = self.count(now, window, 0, |event| event == Event::FirstAttempt);
                let retries = self.count(now, window, 0, |event| event == Event::Retry);
                1000 * (retries + 1) <= of_requests * first + self.floor
            }
        }
    }

    /// When a request that comes now passes the limiter of rate; `None`: never.
    pub(crate) fn passes(&mut self, now: Instant) -> Option<Instant> {
        match self.settings.rate {
            None => Some(now),
            Some(RateLimit::TokenBucket { per_second, burst }) => self.token(now, per_second, burst).then_some(now),
            Some(RateLimit::WarmUp { .. }) => self.warm(now).then_some(now),
            Some(RateLimit::Uniform { per_second, longest_wait }) => {
                let turn = self.turn.max((now.0, 0));
                let at = Instant(turn.0 + u64::from(turn.1 > 0));
                let passes = at - now <= longest_wait;
                if passes {
                    self.turn = self.later(turn, per_second, 1);
                }
                passes.then_some(at)
            }
        }
    }

    /// An exact time, later by so many of the cell's distances between requests.
    fn later(&self, (ns, parts): (u64, u64), per_second: u64, times: u64) -> (u64, u64) {
        let more = u128::from(self.cells) * u128::from(SECOND) * u128::from(times) + u128::from(parts);
        (ns + (more / u128::from(per_second)) as u64, (more % u128::from(per_second)) as u64)
    }

    /// A token bucket by the time at which it would be full if nobody came any more: it holds a token if it is full by then,
    /// one more taken, within the time that all its tokens take to come back.
    fn token(&mut self, now: Instant, per_second: u64, burst: u64) -> bool {
        let full = self.later(self.full.max((now.0, 0)), per_second, 1);
        // All tokens of the platform come back as fast as a cell's part of them.
        let all = u128::from(burst) * u128::from(SECOND);
        let latest = (now.0 + (all / u128::from(per_second)) as u64, (all % u128::from(per_second)) as u64);
        let passes = full <= latest;
        if passes {
            self.full = full;
        }
        passes
    }

    /// Permits a second, and the numbers of stored permits up to which a service is warm, and at which it is cold.
    fn warm_up_lines(&self) -> Option<(u64, (u64, u64))> {
        let Some(RateLimit::WarmUp { per_second, within, cold_factor }) = self.settings.rate else { return None };
        let product = (1000 * u128::from(per_second) * u128::from(within.0) / u128::from(SECOND)) as u64;
        let warm = product / (cold_factor - 1);
        Some((1000 * per_second, (warm, warm + (2 * product / (cold_factor + 1)).max(1))))
    }

    /// What may pass in a second with the present warmth: 1 / (1 / C + stored above the line * slope), where the slope goes from
    /// 1 / C to F / C.
    fn warm_rate(&self, per_second: u64, (warm, cold): (u64, u64)) -> u64 {
        let Some(RateLimit::WarmUp { cold_factor, .. }) = self.settings.rate else { return 0 };
        if self.warmth.stored <= warm {
            return per_second;
        }
        let (above, width) = (u128::from(self.warmth.stored - warm), u128::from(cold - warm));
        (u128::from(per_second) * width / (width + above * (u128::from(cold_factor) - 1))) as u64
    }

    /// The next second begins. Permits are counted when as many have gone by as it takes a cold service to pass a request.
    fn warm_second(&mut self, per_second: u64, lines: (u64, u64), cold_factor: u64) {
        let (one, coldest) = (1000 * self.cells, per_second / cold_factor);
        let seconds = (1..=one).find(|seconds| seconds * coldest >= one).expect("something passes cold");
        self.warmth.second += 1;
        if !self.warmth.second.is_multiple_of(seconds) {
            return;
        }
        let Warmth { stored, passed, was_short, .. } = self.warmth;
        let passed = if was_short { seconds * self.warm_rate(per_second, lines) } else { passed };
        let is_filled = stored < lines.0 || passed / one < seconds * coldest / one;
        let stored = if is_filled { lines.1.min(stored + seconds * per_second) } else { stored };
        self.warmth = Warmth { stored: stored - stored.min(passed), passed: 0, was_short: false, ..self.warmth };
    }

    fn warm(&mut self, now: Instant) -> bool {
        let Some((per_second, lines)) = self.warm_up_lines() else { return true };
        let Some(RateLimit::WarmUp { cold_factor, .. }) = self.settings.rate else { return true };
        let (second, one) = (now.0 / SECOND, 1000 * self.cells);
        while self.warmth.second < second {
            self.warm_second(per_second, lines, cold_factor);
        }
        if self.warmth.visited < second {
            let rate = self.warm_rate(per_second, lines);
            // A fraction is left over, or, where a second brings no more than that, up to a whole one.
            let mut left = if rate < one { self.warmth.left } else { self.warmth.left % one };
            for _ in self.warmth.visited + 1..second {
                left = if rate < one { left + rate } else { left };
            }
            self.warmth.left = if rate < one { left.min(one) } else { left } + rate;
            self.warmth.visited = second;
        }
        let passes = self.warmth.left >= one;
        if passes {
            self.warmth.left -= one;
            self.warmth.passed += one;
        }
        self.warmth.was_short |= !passes;
        passes
    }

    /// Whether one more may be inside.
    pub(crate) fn has_room(&self) -> bool {
        self.inside < self.room
    }

    /// A request goes in.
    pub(crate) fn enter(&mut self) {
        self.inside += 1;
    }

    /// A request is finished.
    pub(crate) fn leave(&mut self) {
        self.inside -= 1;
    }
}

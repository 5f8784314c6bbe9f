//! A circuit breaker: closed, open for a time, half open.

use super::window::Window;
use crate::plan::protection::{self, THOUSAND};
use crate::units::Nanos;
use serde::{Deserialize, Serialize};

/// Kinds that the window counts.
const REQUESTS: usize = 0;
const BAD: usize = 1;

/// The breaker of a cell's clients of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Breaker {
    share: u64,
    at_least: u64,
    open: u64,
    probes: u64,
    window: Window,
    state: State,
}

/// What a breaker does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum State {
    /// Lets them through, and counts how they end.
    Closed,
    /// Stops them until then. How earlier ones end does not matter.
    Open(u64),
    /// Lets a few through and waits for how they end. If that stays unknown for as long as it was open, as their clients are gone,
    /// it tries others.
    HalfOpen { since: u64, sent: u64, good: u64 },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub(super) fn new(settings: &protection::Breaker) -> Self {
        let protection::Breaker { share, window, at_least, open, probes, .. } = *settings;
        let window = Window::new(Nanos::PER_SECOND, (window.0 / Nanos::PER_SECOND) as usize);
        Breaker { share, at_least, open: open.0, probes, window, state: State::Closed }
    }

    /// Whether a request may be sent, which is then a probe where one is wanted.
    pub(super) fn lets_through(&mut self, now: u64) -> bool {
        let first_probe = State::HalfOpen { since: now, sent: 1, good: 0 };
        match &mut self.state {
            State::Closed => return true,
            State::Open(until) if now < *until => return false,
            State::HalfOpen { sent, .. } if *sent < self.probes => *sent += 1,
            State::HalfOpen { since, .. } if now < since.saturating_add(self.open) => return false,
            State::Open(_) | State::HalfOpen { .. } => self.state = first_probe,
        }
        true
    }

    /// A request has ended at an instant.
    pub(super) fn ended(&mut self, now: u64, is_bad: bool) {
        match &mut self.state {
            State::Open(_) => {}
            State::Closed => {
                self.window.count(now, REQUESTS);
                if is_bad {
                    self.window.count(now, BAD);
                }
                let sums = self.window.sums(now);
                if sums[REQUESTS] >= self.at_least && sums[BAD] * THOUSAND >= sums[REQUESTS] * self.share {
                    self.state = State::Open(now.saturating_add(self.open));
                }
            }
            State::HalfOpen { .. } if is_bad => self.state = State::Open(now.saturating_add(self.open)),
            State::HalfOpen { good, .. } => {
                *good += 1;
                if *good >= self.probes {
                    self.state = State::Closed;
                    self.window.clear();
                }
            }
        }
    }

    /// Whether a breaker that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &Breaker, now: u64) -> bool {
        let settings = |of: &Breaker| (of.share, of.at_least, of.open, of.probes);
        let state = match self.state {
            State::Closed => true,
            State::Open(until) => until <= now.saturating_add(self.open),
            State::HalfOpen { since, sent, good } => since <= now && sent <= self.probes && good < self.probes,
        };
        settings(self) == settings(fresh) && state && self.window.can_replace(&fresh.window, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = Nanos::PER_SECOND;

    fn breaker() -> Breaker {
        Breaker::new(&protection::Breaker {
            slow_over: None,
            share: 500,
            window: Nanos::from_secs(10),
            at_least: 5,
            open: Nanos::from_secs(3),
            probes: 2,
        })
    }

    fn opened() -> Breaker {
        let mut breaker = breaker();
        (0..5).for_each(|_| breaker.ended(0, true));
        breaker
    }

    #[test]
    fn opens_at_its_share_of_enough_requests() {
        let mut breaker = breaker();
        for bad in [true, true, true, false] {
            breaker.ended(0, bad);
            assert!(breaker.lets_through(0), "fewer than five");
        }
        breaker.ended(0, false);
        assert!(!breaker.lets_through(0), "three of five");
        let mut breaker = self::breaker();
        for second in 0..100 {
            breaker.ended(second * SECOND, second % 5 >= 3);
            assert!(breaker.lets_through(second * SECOND), "two of five");
        }
    }

    #[test]
    fn old_requests_are_forgotten() {
        let mut breaker = breaker();
        (0..4).for_each(|_| breaker.ended(0, true));
        breaker.ended(10 * SECOND, true);
        assert!(breaker.lets_through(10 * SECOND));
    }

    #[test]
    fn good_probes_close_it() {
        let mut breaker = opened();
        assert!(!breaker.lets_through(3 * SECOND - 1));
        assert!(breaker.lets_through(3 * SECOND) && breaker.lets_through(3 * SECOND));
        assert!(!breaker.lets_through(3 * SECOND), "two probes");
        breaker.ended(4 * SECOND, false);
        assert!(!breaker.lets_through(4 * SECOND));
        breaker.ended(4 * SECOND, false);
        (0..4).for_each(|_| breaker.ended(4 * SECOND, true));
        assert!(breaker.lets_through(4 * SECOND), "closed, and begins to count anew");
    }

    #[test]
    fn a_bad_probe_opens_it_again() {
        let mut breaker = opened();
        assert!(breaker.lets_through(3 * SECOND));
        breaker.ended(4 * SECOND, true);
        breaker.ended(5 * SECOND, false);
        assert!(!breaker.lets_through(7 * SECOND - 1) && breaker.lets_through(7 * SECOND));
    }

    #[test]
    fn probes_that_never_end_are_replaced() {
        let mut breaker = opened();
        assert!(breaker.lets_through(3 * SECOND) && breaker.lets_through(3 * SECOND));
        assert!(!breaker.lets_through(6 * SECOND - 1));
        assert!(breaker.lets_through(6 * SECOND) && breaker.lets_through(6 * SECOND));
        assert!(!breaker.lets_through(6 * SECOND));
    }
}

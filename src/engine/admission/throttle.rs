//! Adaptive throttling by clients, of "Handling Overload" in *Site Reliability Engineering* (Google, 2016): the more requests go
//! unanswered, the fewer are sent.

use super::window::Window;
use crate::plan::protection::{self, THOUSAND};
use crate::units::Nanos;
use serde::{Deserialize, Serialize};

/// Kinds that the window counts.
const REQUESTS: usize = 0;
const ANSWERS: usize = 1;

/// The throttle of a cell's clients of a service. A request counts when its end is known, so that those still on their way do
/// not look like failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Throttle {
    /// Requests per thousand answers before any is held back.
    k: u64,
    window: Window,
}

impl Throttle {
    /// A throttle that has seen nothing.
    #[must_use]
    pub(super) fn new(settings: &protection::Throttle) -> Self {
        let buckets = (settings.window.0 / Nanos::PER_SECOND) as usize;
        Throttle { k: settings.k, window: Window::new(Nanos::PER_SECOND, buckets) }
    }

    /// Whether a request is held back by the draw `u`, uniform on [0, 1): with probability
    /// max(0, (requests - k answers) / (requests + 1)).
    pub(super) fn holds_back(&mut self, now: u64, u: impl FnOnce() -> f64) -> bool {
        let [requests, answers] = self.window.sums(now);
        let excess = (requests * THOUSAND).saturating_sub(answers * self.k);
        excess > 0 && u() < excess as f64 / ((requests + 1) * THOUSAND) as f64
    }

    /// A request has ended, or was held back.
    pub(super) fn ended(&mut self, now: u64, is_answered: bool) {
        self.window.count(now, REQUESTS);
        if is_answered {
            self.window.count(now, ANSWERS);
        }
    }

    /// Whether a throttle that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &Throttle, now: u64) -> bool {
        self.k == fresh.k && self.window.can_replace(&fresh.window, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend that answers a hundred a second, whatever comes: clients that ask for a thousand come to send K times what is
    /// answered, of which all but one in K are turned away there.
    #[test]
    fn clients_send_k_times_what_is_answered() {
        for (k, per_thousand) in [(1.1, 1100), (1.5, 1500), (2.0, 2000), (3.0, 3000)] {
            let settings = protection::Throttle { k: per_thousand, window: Nanos::from_secs(120) };
            let (mut throttle, mut state, mut sent, mut heard) = (Throttle::new(&settings), 1u64, 0u32, 0u32);
            for second in 0..600 {
                let mut answered = 0;
                for ms in 0..1000 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let u = (state >> 11) as f64 / (1u64 << 53) as f64;
                    let now = (second * 1000 + ms) * 1_000_000;
                    let is_sent = !throttle.holds_back(now, || u);
                    // Spread over the second, as a service spreads its answers.
                    let is_answered = is_sent && answered <= ms / 10;
                    answered += u64::from(is_answered);
                    sent += u32::from(is_sent && second >= 300);
                    heard += u32::from(is_answered && second >= 300);
                    throttle.ended(now, is_answered);
                }
            }
            let ratio = f64::from(sent) / f64::from(heard);
            assert!((ratio / k - 1.0).abs() < 0.03, "K = {k}: {sent} sent, {heard} answered");
            assert!(heard <= 30_000 && heard > 27_000, "{heard} answered in 300 s");
        }
    }

    /// The formula of the book with K = 2: a service that answers none of a hundred lets 1 of 101 through, one that answers
    /// half of them all.
    #[test]
    fn the_formula_of_the_book() {
        let mut throttle = Throttle::new(&protection::Throttle { k: 2000, window: Nanos::from_secs(120) });
        assert!(!throttle.holds_back(0, || 0.0), "nothing is known yet");
        (0..100).for_each(|_| throttle.ended(0, false));
        assert!(throttle.holds_back(0, || 100.0 / 101.0 - 1e-12) && !throttle.holds_back(0, || 100.0 / 101.0));
        (0..100).for_each(|_| throttle.ended(0, true));
        assert!(!throttle.holds_back(0, || 0.0), "200 requests, 100 answers");
        (0..100).for_each(|_| throttle.ended(0, false));
        assert!(throttle.holds_back(0, || 100.0 / 301.0 - 1e-12) && !throttle.holds_back(0, || 100.0 / 301.0));
        assert!(!throttle.holds_back(120 * Nanos::PER_SECOND, || 0.0), "two minutes later all is forgotten");
    }
}

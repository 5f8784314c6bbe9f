//! Retry budgets: whether a client may try again after a failure.

use super::window::Window;
use crate::model::Model;
use crate::plan::protection::{self, THOUSAND};
use serde::{Deserialize, Serialize};

/// Buckets of a budget's window.
const BUCKETS: u64 = 10;
/// Kinds that the window counts.
const FIRST_ATTEMPTS: usize = 0;
const RETRIES: usize = 1;

/// The retry budget of a cell's clients of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Budget {
    /// As gRPC throttles retries (proposal A6): tokens in thousandths.
    Tokens {
        /// Most.
        max: u64,
        /// Given back by an answer.
        ratio: u64,
        /// Left.
        left: u64,
    },
    /// As Finagle's `RetryBudget`: a share of the first attempts and a floor over a sliding window.
    Share {
        /// Retries per thousand first attempts.
        share: u64,
        /// Retries in the window that need no first attempts, in thousandths.
        floor: u64,
        /// First attempts and retries.
        window: Window,
    },
}

impl Budget {
    /// A cell's part of a budget, at the start. Parts are exact to a thousandth of a token or retry.
    #[must_use]
    pub(super) fn new(settings: &protection::RetryBudget, model: &Model, cell: u32) -> Self {
        match *settings {
            protection::RetryBudget::Tokens { max, ratio } => {
                let max = model.share(max * THOUSAND, cell);
                Budget::Tokens { max, ratio, left: max }
            }
            protection::RetryBudget::Share { of_requests, per_second, window } => {
                let floor = u128::from(per_second) * u128::from(window.0) * u128::from(THOUSAND) / 1_000_000_000;
                let window = Window::new(window.0 / BUCKETS, BUCKETS as usize);
                Budget::Share { share: of_requests, floor: model.share(floor as u64, cell), window }
            }
        }
    }

    /// A first attempt is made.
    pub(super) fn asked(&mut self, now: u64) {
        if let Budget::Share { window, .. } = self {
            window.count(now, FIRST_ATTEMPTS);
        }
    }

    /// An attempt was answered.
    pub(super) fn answered(&mut self) {
        if let Budget::Tokens { max, ratio, left } = self {
            *left = (*left + *ratio).min(*max);
        }
    }

    /// An attempt failed.
    pub(super) fn failed(&mut self) {
        if let Budget::Tokens { left, .. } = self {
            *left = left.saturating_sub(THOUSAND);
        }
    }

    /// Whether a retry may be made, which is then counted.
    pub(super) fn try_retry(&mut self, now: u64) -> bool {
        match self {
            Budget::Tokens { max, left, .. } => 2 * *left > *max,
            Budget::Share { share, floor, window } => {
                let sums = window.sums(now);
                let allowed = (sums[RETRIES] + 1) * THOUSAND <= sums[FIRST_ATTEMPTS] * *share + *floor;
                if allowed {
                    window.count(now, RETRIES);
                }
                allowed
            }
        }
    }

    /// Whether a budget that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &Budget, now: u64) -> bool {
        match (self, fresh) {
            (Budget::Tokens { max, ratio, left }, Budget::Tokens { max: most, ratio: other, .. }) => {
                (max, ratio) == (most, other) && left <= max
            }
            (
                Budget::Share { share, floor, window },
                Budget::Share { share: other_share, floor: other_floor, window: other },
            ) => (share, floor) == (other_share, other_floor) && window.can_replace(other, now),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// The arithmetic of the proposal: of ten tokens the fifth failure in a row ends retries, and at a ratio of 0.1 ten
    /// answers make up for one failure.
    #[test]
    fn tokens_as_in_the_proposal() {
        let mut budget = Budget::Tokens { max: 10_000, ratio: 100, left: 10_000 };
        for failure in 1..=5 {
            budget.failed();
            assert_eq!(budget.try_retry(0), failure < 5, "failure {failure}");
        }
        budget.answered();
        assert!(budget.try_retry(0), "5.1 is more than half of 10");
        budget.failed();
        (0..9).for_each(|_| budget.answered());
        assert!(!budget.try_retry(0), "4.1 + 0.9 is half");
        budget.answered();
        assert!(budget.try_retry(0));
        (0..1000).for_each(|_| budget.failed());
        (0..1000).for_each(|_| budget.answered());
        assert_eq!(
            budget,
            Budget::Tokens { max: 10_000, ratio: 100, left: 10_000 },
            "neither below none nor above all"
        );
    }

    /// Whether the n-th attempt fails, if so many of a hundred do: as evenly as can be, or drawn.
    fn fails(n: u64, percent: u64, state: &mut u64) -> bool {
        if n.is_multiple_of(2) {
            return (n / 2 + 1) * percent / 100 > n / 2 * percent / 100;
        }
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % 100 < percent
    }

    /// gRPC's defaults, ten tokens and a ratio of 0.1: an attempt brings (1 - p) / 10 - p tokens, so the budget holds while fewer than one
    /// in eleven fail, and is used up when more do.
    #[test]
    fn tokens_run_out_at_one_failure_in_eleven() {
        for (percent, least, most) in
            [(2, 0.999, 1.0), (5, 0.99, 1.0), (15, 0.0, 0.2), (30, 0.0, 0.01), (60, 0.0, 0.001)]
        {
            let mut budget = Budget::Tokens { max: 10_000, ratio: 100, left: 10_000 };
            let (mut state, mut asked, mut allowed) = (1, 0u32, 0u32);
            for n in 0..200_000 {
                if !fails(n, percent, &mut state) {
                    budget.answered();
                    continue;
                }
                budget.failed();
                asked += 1;
                allowed += u32::from(budget.try_retry(n));
            }
            let share = f64::from(allowed) / f64::from(asked);
            assert!((least..=most).contains(&share), "{percent} % fail: {share} of the retries are allowed");
        }
    }

    /// Finagle's and Linkerd's defaults, a fifth of the requests and ten a second over ten seconds: of r requests a second, 0.2 + 10 / r
    /// may fail and be tried again; of more than that just so many are.
    #[test]
    fn a_share_is_used_up_where_it_should_be() {
        for (per_second, percent) in [(100, 25), (100, 40), (1000, 20), (1000, 30), (20, 60), (20, 90)] {
            let mut budget = Budget::Share { share: 200, floor: 100_000, window: Window::new(SECOND, 10) };
            let (mut retries, mut wanted, mut state) = (0u32, 0u32, 1);
            for n in 0..100 * per_second {
                let now = n * SECOND / per_second;
                budget.asked(now);
                if fails(n, percent, &mut state) {
                    let is_allowed = budget.try_retry(now);
                    // The first window is filled with nothing before it.
                    if n >= 50 * per_second {
                        wanted += 1;
                        retries += u32::from(is_allowed);
                    }
                }
            }
            let most = (0.2 + 10.0 / per_second as f64) * 50.0 * per_second as f64;
            let expected = most.min(f64::from(wanted));
            assert!(
                (f64::from(retries) / expected - 1.0).abs() < 0.06,
                "{percent} % of {per_second}/s: {retries}, {expected}"
            );
        }
    }

    /// Finagle's defaults: a fifth of the requests and ten a second, over ten seconds.
    #[test]
    fn a_share_and_a_floor() {
        let mut budget = Budget::Share { share: 200, floor: 100_000, window: Window::new(SECOND, 10) };
        (0..50).for_each(|_| budget.asked(0));
        assert_eq!((0..1000).filter(|_| budget.try_retry(SECOND)).count(), 110, "50 / 5 + 10 * 10");
        (0..4).for_each(|_| budget.asked(2 * SECOND));
        assert!(!budget.try_retry(2 * SECOND), "four fifths of a retry");
        budget.asked(2 * SECOND);
        assert!(budget.try_retry(2 * SECOND) && !budget.try_retry(2 * SECOND));
        // Requests of the first second count no more, the retries of the second still do.
        assert!(!budget.try_retry(10 * SECOND));
        assert_eq!((0..1000).filter(|_| budget.try_retry(11 * SECOND)).count(), 100);
    }
}

//! Limiters in front of a service, in one cell. All arithmetic is in integers, in units so small that a cell's part of the
//! platform's rate is a whole number of them: the rates of the cells add up to the platform's, and nothing drifts.

use crate::plan::protection::RateLimit;
use crate::units::Nanos;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const SECOND: u64 = Nanos::PER_SECOND;

/// A limiter of rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Rate {
    /// Tokens.
    Bucket(TokenBucket),
    /// Fewer while cold.
    WarmUp(WarmUp),
    /// Even distances.
    Uniform(Uniform),
}

impl Rate {
    /// A cell's part of a limiter, at the start.
    #[must_use]
    pub(super) fn new(settings: &RateLimit, cells: u32) -> Self {
        let cells = u64::from(cells);
        match *settings {
            RateLimit::TokenBucket { per_second, burst } => Rate::Bucket(TokenBucket::new(per_second, burst, cells)),
            RateLimit::WarmUp { per_second, within, cold_factor } => {
                Rate::WarmUp(WarmUp::new(per_second, within, cold_factor, cells))
            }
            RateLimit::Uniform { per_second, longest_wait } => {
                Rate::Uniform(Uniform::new(per_second, longest_wait, cells))
            }
        }
    }

    /// When a request that comes now may pass; `None`: it is turned away.
    pub(super) fn pass(&mut self, now: u64) -> Option<u64> {
        match self {
            Rate::Bucket(bucket) => bucket.take(now).then_some(now),
            Rate::WarmUp(warm_up) => warm_up.take(now).then_some(now),
            Rate::Uniform(uniform) => uniform.book(now),
        }
    }

    /// Whether a limiter that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &Rate, now: u64) -> bool {
        match (self, fresh) {
            (Rate::Bucket(this), Rate::Bucket(fresh)) => this.can_replace(fresh, now),
            (Rate::WarmUp(this), Rate::WarmUp(fresh)) => this.can_replace(fresh, now),
            (Rate::Uniform(this), Rate::Uniform(fresh)) => this.can_replace(fresh, now),
            _ => false,
        }
    }
}

/// A token bucket. A token is `cells * 10^9` units, and every nanosecond brings as many units as the platform has tokens a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokenBucket {
    gain: u64,
    token: u64,
    most: u64,
    level: u64,
    /// When the level was right.
    at: u64,
}

impl TokenBucket {
    fn new(per_second: u64, burst: u64, cells: u64) -> Self {
        let most = burst * SECOND;
        TokenBucket { gain: per_second, token: cells * SECOND, most, level: most, at: 0 }
    }

    fn take(&mut self, now: u64) -> bool {
        let gained = u128::from(self.gain) * u128::from(now.saturating_sub(self.at));
        self.level = (u128::from(self.level) + gained).min(u128::from(self.most)) as u64;
        self.at = now;
        let passes = self.level >= self.token;
        if passes {
            self.level -= self.token;
        }
        passes
    }

    fn can_replace(&self, fresh: &TokenBucket, now: u64) -> bool {
        let settings = |of: &TokenBucket| (of.gain, of.token, of.most);
        settings(self) == settings(fresh) && self.level <= self.most && self.at <= now
    }
}

/// Parts in which a cell's part of a request is counted where a service warms up: so fine that a cold rate is told from none.
const PARTS: u64 = 1000;

/// Sentinel's `WarmUpController`: permits are stored while less passes than could; the more are stored, the colder is the
/// service and the fewer pass. With C requests a second, T to warm up and a cold factor F, `warning` = T C / (F - 1) permits are
/// still warm and `most` = `warning` + 2 T C / (1 + F) are cold; between them the time between requests grows in a straight line
/// from 1 / C to F / C, so that full load takes T from cold to warm.
///
/// Seconds are those of the simulated clock. As there, permits are stored at rate C below the warning line, and above it only
/// while fewer whole requests than C / F pass; what passed is taken off at the end. There, a rate that does not divide by F passes
/// what is enough; here too, whatever the rate, in three ways that Sentinel has no need of, as its rates are whole numbers and its
/// services have no cells:
///
/// - A fraction of a request that a second leaves over is carried into the next.
/// - A time in which a request was turned away counts as full.
/// - Where less than a request a second passes cold, permits are reckoned with at the end of a *round* of several seconds, so many
///   that a cold service passes a whole request in them: of single seconds, those without a request would keep it cold under full load.
///   What passes is bounded second by second all the same; of the seconds in which nobody came, one request may be saved up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WarmUp {
    /// Units that come in a second; a request takes `request` of them, [`PARTS`] for each cell.
    gain: u64,
    request: u64,
    warning: u64,
    most: u64,
    cold_factor: u64,
    /// Seconds of a round.
    round: u64,
    stored: u64,
    /// What may still pass in this second, and what has passed in this round.
    credit: u64,
    passed: u64,
    /// In this round.
    turned_away: bool,
    second: u64,
}

impl WarmUp {
    fn new(per_second: u64, within: Nanos, cold_factor: u64, cells: u64) -> Self {
        let (gain, request) = (per_second * PARTS, cells * PARTS);
        let in_time = (u128::from(within.0) * u128::from(gain) / u128::from(SECOND)) as u64;
        let warning = in_time / (cold_factor - 1);
        let most = warning + (2 * in_time / (1 + cold_factor)).max(1);
        let round = request.div_ceil(gain / cold_factor);
        let (stored, credit, passed, turned_away, second) = (most, 0, 0, false, 0);
        let fresh =
            WarmUp { gain, request, warning, most, cold_factor, round, stored, credit, passed, turned_away, second };
        WarmUp { credit: fresh.rate(), ..fresh }
    }

    /// Units that may pass in a second; at the coldest a whole request in a round.
    fn rate(&self) -> u64 {
        let above = u128::from(self.stored.saturating_sub(self.warning));
        let span = u128::from(self.most - self.warning);
        (u128::from(self.gain) * span / (above * u128::from(self.cold_factor - 1) + span)) as u64
    }

    fn take(&mut self, now: u64) -> bool {
        self.advance(now / SECOND);
        let passes = self.credit >= self.request;
        if passes {
            self.credit -= self.request;
            self.passed += self.request;
        }
        self.turned_away |= !passes;
        passes
    }

    fn advance(&mut self, second: u64) {
        if second <= self.second {
            return;
        }
        let rounds = second / self.round - self.second / self.round;
        if rounds > 0 {
            self.end_round(rounds - 1);
        }
        let rate = self.rate();
        let left = if rate < self.request {
            let idle = second - self.second - 1;
            rate.saturating_mul(idle).saturating_add(self.credit).min(self.request)
        } else {
            self.credit % self.request
        };
        self.credit = left + rate;
        self.second = second;
    }

    /// A round ends, and after it so many in which nobody came.
    fn end_round(&mut self, idle: u64) {
        let gain = self.gain * self.round;
        let passed = if self.turned_away { self.rate() * self.round } else { self.passed };
        // Whole requests, as a second cannot pass a part of one.
        let enough = self.gain / self.cold_factor * self.round / self.request;
        if self.stored < self.warning || passed / self.request < enough {
            self.stored = (self.stored + gain).min(self.most);
        }
        self.stored = self.stored.saturating_sub(passed);
        self.stored = self.stored.saturating_add(gain.saturating_mul(idle)).min(self.most);
        (self.passed, self.turned_away) = (0, false);
    }

    fn can_replace(&self, fresh: &WarmUp, now: u64) -> bool {
        let settings = |of: &WarmUp| (of.gain, of.request, of.warning, of.most, of.cold_factor, of.round);
        settings(self) == settings(fresh)
            && self.stored <= self.most
            && self.credit <= self.gain + self.request
            && self.passed <= self.gain * self.round + self.request
            && self.second <= now / SECOND
    }
}

/// A leaky bucket that passes one request after the other. On a clock that runs as many times faster as the platform passes
/// requests a second, the distance is `cells * 10^9`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Uniform {
    per_second: u64,
    distance: u64,
    longest_wait: u64,
    /// The first turn that nobody has, on the faster clock.
    free: u128,
    /// Turns of requests that wait, and when they came.
    waiting: VecDeque<(u64, u64)>,
}

impl Uniform {
    fn new(per_second: u64, longest_wait: Nanos, cells: u64) -> Self {
        let (distance, longest_wait) = (cells * SECOND, longest_wait.0);
        Uniform { per_second, distance, longest_wait, free: 0, waiting: VecDeque::new() }
    }

    fn book(&mut self, now: u64) -> Option<u64> {
        let fast = u128::from(self.per_second);
        let turn = self.free.max(u128::from(now) * fast);
        // A turn within a nanosecond comes at its end.
        let at = turn.div_ceil(fast) as u64;
        if at.saturating_sub(now) > self.longest_wait {
            return None;
        }
        self.free = turn + u128::from(self.distance);
        Some(at)
    }

    /// A request that came at `since` will wait for its turn.
    pub(super) fn wait(&mut self, turn: u64, since: u64) {
        self.waiting.push_back((turn, since));
    }

    /// The turn has come: when the request came that has it.
    pub(super) fn turn(&mut self, now: u64) -> Option<u64> {
        while self.waiting.front().is_some_and(|&(turn, _)| turn < now) {
            self.waiting.pop_front();
        }
        self.waiting.pop_front_if(|(turn, _)| *turn == now).map(|(_, since)| since)
    }

    fn can_replace(&self, fresh: &Uniform, now: u64) -> bool {
        let settings = |of: &Uniform| (of.per_second, of.distance, of.longest_wait);
        let latest = u128::from(now) + u128::from(self.longest_wait);
        settings(self) == settings(fresh)
            && self.free <= latest * u128::from(self.per_second) + u128::from(self.distance)
            && self.waiting.iter().is_sorted_by(|a, b| a.0 < b.0)
            && self.waiting.iter().all(|&(turn, since)| since <= turn && since <= now)
    }
}

/// Most requests that have passed and are not finished.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct InFlight {
    most: u64,
    /// When each will be finished.
    done: BinaryHeap<Reverse<u64>>,
}

impl InFlight {
    /// A limit of `most` requests.
    #[must_use]
    pub(super) fn new(most: u64) -> Self {
        InFlight { most, done: BinaryHeap::new() }
    }

    /// Whether there is room for one more. A desk knows how many are there; of a station's requests it is kept here when they will
    /// be finished.
    pub(super) fn has_room(&mut self, now: u64, at_desk: Option<u64>) -> bool {
        while self.done.peek().is_some_and(|done| done.0 <= now) {
            self.done.pop();
        }
        at_desk.unwrap_or(self.done.len() as u64) < self.most
    }

    /// A request has passed that will be finished then.
    pub(super) fn enter(&mut self, done: u64) {
        self.done.push(Reverse(done));
    }

    /// Whether a limit that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &InFlight) -> bool {
        self.most == fresh.most && self.done.len() as u64 <= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_of_each_cell_gives_its_part_to_the_token() {
        // Seven cells, a hundred a second: a cell passes its burst of three and then one in 70 ms.
        let mut bucket = TokenBucket::new(100, 21, 7);
        assert_eq!((0..9).filter(|_| bucket.take(0)).count(), 3);
        assert!(!bucket.take(69_999_999) && bucket.take(70_000_000) && !bucket.take(70_000_000));
        let passed = (1..=700 * SECOND / 1_000_000).filter(|ms| bucket.take(70_000_000 + ms * 1_000_000)).count();
        assert_eq!(passed, 10_000, "700 s at 100 a second, of which one cell of seven has 10,000");
    }

    /// A rate that does not divide a second: no drift in a hundred thousand seconds.
    #[test]
    fn turns_do_not_drift() {
        let mut uniform = Uniform::new(3, Nanos(u64::MAX >> 8), 1);
        let turns: Vec<u64> = (0..300_001).filter_map(|_| uniform.book(0)).collect();
        assert_eq!(turns[..4], [0, 333_333_334, 666_666_667, SECOND]);
        assert_eq!(turns[300_000], 100_000 * SECOND);
    }

    #[test]
    fn who_would_wait_too_long_takes_no_turn() {
        let mut uniform = Uniform::new(10, Nanos::from_millis(250), 1);
        let turns: Vec<Option<u64>> = (0..5).map(|_| uniform.book(0)).collect();
        assert_eq!(turns, [Some(0), Some(100_000_000), Some(200_000_000), None, None]);
        assert_eq!(uniform.book(50_000_000), Some(300_000_000));
        assert_eq!(uniform.book(2 * SECOND), Some(2 * SECOND), "idle time is not saved up");
        uniform.wait(5, 1);
        uniform.wait(7, 2);
        assert_eq!((uniform.turn(6), uniform.turn(7), uniform.turn(8)), (None, Some(2), None));
    }

    /// The formulas of Sentinel: 100 a second, 10 s, cold factor 3 make a warning line of 500 and a most of 1000 permits; a
    /// cold service takes a third, and full load makes it warm in 10 s.
    #[test]
    fn warming_up_takes_as_long_as_it_says() {
        let mut warm_up = WarmUp::new(100, Nanos::from_secs(10), 3, 1);
        assert_eq!((warm_up.warning, warm_up.most, warm_up.stored), (500 * PARTS, 1000 * PARTS, 1000 * PARTS));
        let mut second = |second: u64| (0..1000).filter(|_| warm_up.take(second * SECOND)).count();
        let passed: Vec<usize> = (0..20).map(&mut second).collect();
        assert_eq!(passed[0], 33);
        assert!(passed.is_sorted(), "{passed:?}");
        let warm = passed.iter().position(|&passed| passed == 100).unwrap_or(usize::MAX);
        assert!((9..=11).contains(&warm), "{passed:?}");
        assert_eq!(passed[19], 100);
        // Half a minute of rest, and it is cold again; a part of a request may have been left over.
        assert!((33..=34).contains(&second(50)));
    }

    /// From the warning line to the most, the time between requests grows in a straight line from 1 / C to F / C: with `stored` permits
    /// above the line, 1 / rate = stored (F - 1) / C / (most - warning) + 1 / C.
    #[test]
    fn the_rate_falls_along_the_slope() {
        for (rate, seconds, cold) in [(1000, 10, 3), (3600, 60, 2), (50_000, 5, 10)] {
            let mut warm_up = WarmUp::new(rate, Nanos::from_secs(seconds), cold, 1);
            let (c, t, f) = ((rate * PARTS) as f64, seconds as f64, cold as f64);
            let (warning, most) = (t * c / (f - 1.0), t * c / (f - 1.0) + 2.0 * t * c / (1.0 + f));
            assert!((warm_up.warning as f64 - warning).abs() < 1.0 && (warm_up.most as f64 - most).abs() < 2.0);
            let slope = (f - 1.0) / c / (most - warning);
            for tenth in 0..=10 {
                let above = (most - warning) * f64::from(tenth) / 10.0;
                warm_up.stored = warm_up.warning + above as u64;
                let formula = 1.0 / (above * slope + 1.0 / c);
                assert!((warm_up.rate() as f64 / formula - 1.0).abs() < 0.01, "{tenth} tenths: {formula} a second");
            }
            warm_up.stored = warm_up.warning / 2;
            assert_eq!(warm_up.rate(), rate * PARTS, "below the line it is warm");
        }
    }

    /// Under full load the permits above the warning line are used up in T, whatever T, C and F are: the integral of the time between
    /// requests over them, 2 T / (1 + F) + T (F - 1) / (1 + F).
    #[test]
    fn full_load_warms_up_in_the_time_that_is_said() {
        for (rate, seconds, cold) in [(1000, 20, 3), (400, 60, 2), (5000, 30, 10)] {
            let mut warm_up = WarmUp::new(rate, Nanos::from_secs(seconds), cold, 1);
            let mut flood = |second: u64| (0..2 * rate).filter(|_| warm_up.take(second * SECOND)).count() as u64;
            let passed: Vec<u64> = (0..3 * seconds).map(&mut flood).collect();
            assert_eq!(passed[0], rate / cold);
            let warm = passed.iter().position(|&passed| passed >= rate).unwrap_or(usize::MAX) as f64;
            let (t, c, f) = (seconds as f64, rate as f64, cold as f64);
            assert!((warm - t).abs() <= 2.0, "warm after {warm} s, not {t} s");
            let while_cold: u64 = passed[..warm as usize].iter().sum();
            let permits = 2.0 * t * c / (1.0 + f);
            // To within the last second.
            assert!((while_cold as f64 - permits).abs() <= c, "{while_cold} of {permits} permits");
        }
    }

    /// Full load warms any rate up in the time that is said, and rest makes it cold again: rates that do not divide by the cold factor,
    /// and rates of which a cell has less than a request a second.
    #[test]
    fn no_rate_stays_cold_under_full_load() {
        let rates = (1..40).chain([61, 64, 97, 100, 101, 128, 199, 333, 500, 997, 1000, 1001, 2047, 3000, 4999, 5000]);
        for (rate, cold, within, cells) in rates.flat_map(|rate| {
            let settings = (2..=5).flat_map(|cold| [10, 33, 60, 240].map(|within| (cold, within)));
            settings.flat_map(move |(cold, within)| [1, 7, 64].map(|cells| (rate, cold, within, cells)))
        }) {
            let told = format!("{rate} a second over {cells} cells, cold factor {cold}, {within} s");
            let mut warm_up = WarmUp::new(rate, Nanos::from_secs(within), cold, cells);
            let mut second =
                |second: u64, comes: u64| (0..comes).filter(|_| warm_up.take(second * SECOND)).count() as u64;
            let flood = rate.div_ceil(cells) + 2;
            let round = (cells * cold).div_ceil(rate);
            // From cold to warm the number that pass is 2 T C / (1 + F); then it is C a second.
            let (until, span) = (within + 2 * within.max(cells) + 2 * round, 10 * round.max(cells));
            let warming: u64 = (0..within).map(|at| second(at, flood)).sum();
            let expected = (2 * within * rate) as f64 / (1 + cold) as f64 / cells as f64;
            let off = (warming as f64 - expected).abs();
            let of_rounds = (2 * round + 1) as f64 * rate as f64 / cells as f64;
            assert!(off <= of_rounds + 2.0, "{told}: {warming} pass while it warms up, not {expected}");
            (within..until).for_each(|at| {
                second(at, flood);
            });
            let warm: u64 = (until..until + span).map(|at| second(at, flood)).sum();
            assert!(warm.abs_diff(span * rate / cells) <= 1, "{told}: {warm} in {span} s");
            let rested = (until + span + 10 * (within + round)).next_multiple_of(round);
            let cold_again: u64 = (rested..rested + round).map(|at| second(at, flood)).sum();
            assert!(cold_again <= (round * rate / cold).div_ceil(cells) + 2, "{told}: {cold_again} in {round} s");
        }
    }

    /// Requests that come now and then, as often as may pass: seconds without any do not keep a cell cold that has few.
    #[test]
    fn few_requests_warm_a_cell_up() {
        for (rate, cold) in [(20, 3), (5, 5), (63, 2), (1, 4)] {
            let cells = 64;
            let mut warm_up = WarmUp::new(rate, Nanos::from_secs(60), cold, cells);
            let (mut state, mut passed, mut came) = (7u64, 0, 0);
            let seconds = 600 * cells / rate;
            for second in 0..seconds {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // Twice as often as may pass in the end.
                let comes = (state >> 33) % cells < 2 * rate;
                if comes && second > seconds / 2 {
                    came += 1;
                }
                passed += u64::from(comes && warm_up.take(second * SECOND) && second > seconds / 2);
            }
            assert!(warm_up.stored <= warm_up.warning + warm_up.gain, "{rate} a second: it is warm");
            // After a pass the next may come when a request's time has gone by, and then comes half that time later.
            assert!(passed > 180, "{rate} a second, cold factor {cold}: {passed} of {came} pass, of 300 that may");
        }
    }

    /// Whatever comes, no stretch of time passes more than the burst and the rate times its length; a flood passes just that.
    #[test]
    fn a_bucket_passes_its_burst_and_its_rate() {
        let (rate, burst) = (37, 20);
        let mut flooded = TokenBucket::new(rate, burst, 1);
        let mut passed = 0;
        for ms in 0..20_000u64 {
            passed += u64::from(flooded.take(ms * 1_000_000)) + u64::from(flooded.take(ms * 1_000_000));
            if ms > 100 {
                assert_eq!(passed, burst + rate * ms / 1000, "{ms} ms");
            }
        }
        let mut bucket = TokenBucket::new(rate, burst, 1);
        let (mut now, mut state, mut times) = (0u64, 1u64, Vec::new());
        for _ in 0..3000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            now += (state >> 33) % 40_000_000 * (state >> 60 & 1);
            times.extend(bucket.take(now).then_some(now));
        }
        for (first, from) in times.iter().enumerate() {
            for (last, until) in times.iter().enumerate().skip(first) {
                let most = burst + 1 + rate * (until - from) / SECOND;
                assert!((last - first + 1) as u64 <= most, "{from} to {until} ns");
            }
        }
    }

    /// One request every 1 / rate; with a longest wait of w, those of a flood get through that come within w of their turn: w times
    /// the rate, and one more.
    #[test]
    fn a_queue_of_turns_is_as_long_as_the_longest_wait() {
        for (rate, wait_ms) in [(10, 500), (100, 500), (7, 2000), (1000, 20)] {
            let mut uniform = Uniform::new(rate, Nanos::from_millis(wait_ms), 1);
            let turns: Vec<u64> = (0..10_000).filter_map(|_| uniform.book(3 * SECOND)).collect();
            assert_eq!(turns.len() as u64, rate * wait_ms / 1000 + 1);
            let waits = turns.iter().map(|turn| turn - 3 * SECOND);
            for (number, wait) in waits.enumerate() {
                assert_eq!(wait, (number as u64 * SECOND).div_ceil(rate));
            }
        }
    }

    #[test]
    fn parts_of_a_request_are_not_lost() {
        // A cell of 64 has 1.5625 of a hundred requests a second.
        let mut warm_up = WarmUp::new(100, Nanos::from_secs(1), 2, 64);
        let passed = |warm_up: &mut WarmUp, seconds: std::ops::Range<u64>| {
            seconds.map(|second| (0..9).filter(|_| warm_up.take(second * SECOND)).count()).sum::<usize>()
        };
        passed(&mut warm_up, 0..1000);
        assert_eq!(passed(&mut warm_up, 1000..1064), 100);
    }

    #[test]
    fn finished_requests_leave_room() {
        let mut in_flight = InFlight::new(2);
        in_flight.enter(30);
        in_flight.enter(10);
        assert!(!in_flight.has_room(9, None) && in_flight.has_room(10, None));
        in_flight.enter(11);
        assert!(!in_flight.has_room(10, None) && in_flight.has_room(11, None) && in_flight.has_room(30, None));
    }
}

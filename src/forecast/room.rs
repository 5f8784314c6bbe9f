//! Waiting rooms: when those go in who come, and how many do.
//!
//! Turns come at the rate of the room, and the first turn that nobody has is a single number that grows with everyone who takes a place:
//! `free = max(free, now) + taken / rate`. Those who come between two moments go in between what it was and what it becomes. Who would
//! leave before the turn takes none, or takes one that passes unused; for all who come at once that is the part of them whose patience is
//! shorter than the wait then. Sessions of all segments are mixed in the order in which they come.

use super::{Overload, RoomForecast};
use crate::plan::{LeftPlaces, Room, TimeDistribution};

/// A packet of shoppers takes no more turns than are called in this time, seconds, as long as there are not too many packets.
const PACKET: f64 = 1.0;
/// Most packets into which those who come in a step are divided.
const MOST_PACKETS: f64 = 2000.0;

/// How the crowd of a window passes through its room. Times are seconds since the opening.
pub(super) struct Passage {
    /// When turns are called, up to which those who have come by some time have gone in or left.
    turns: Vec<f64>,
    /// By stream, sessions that have gone in by each of them.
    inside: Vec<Vec<f64>>,
    /// Sessions that have gone in or left by each of them.
    out: Vec<f64>,
    pub(super) forecast: RoomForecast,
}

impl Passage {
    /// Lets those through a room who come: `came[stream][step]` sessions up to `times[step]`. Nobody goes in from `closes` on.
    pub(super) fn new(room: &Room, times: &[f64], came: &[Vec<f64>], closes: f64, opens_unix_ms: i64) -> Self {
        let rate = room.per_second as f64;
        let mut passage = Passage {
            turns: vec![0.0],
            inside: vec![vec![0.0]; came.len()],
            out: vec![0.0],
            forecast: RoomForecast { per_second: rate, ..RoomForecast::default() },
        };
        let (mut free, mut before) = (0.0_f64, 0.0);
        for (step, &until) in times.iter().enumerate() {
            let more: Vec<f64> =
                came.iter().map(|came| came[step] - step.checked_sub(1).map_or(0.0, |last| came[last])).collect();
            let all: f64 = more.iter().sum();
            let packets = (all / rate / PACKET).ceil().clamp(1.0, MOST_PACKETS);
            for packet in 0..packets as u32 {
                let now = before + (until - before) * f64::from(packet) / packets;
                let first = free.max(now);
                let wait = first - now;
                let stays = stay(room, wait, now, closes);
                let taken = if room.left_places == LeftPlaces::Expire { all } else { all * stays } / packets;
                free = (first + taken / rate).max(now + (until - before) / packets);
                passage.admit(free, &more, packets, stays);
                let until_next = (until - before) / packets;
                passage.see((now, until_next), wait, (all / packets, stays), closes, opens_unix_ms);
            }
            passage.forecast.came += all;
            before = until;
        }
        passage
    }

    /// A packet of those who come is out by some time, a part of them inside.
    fn admit(&mut self, by: f64, more: &[f64], packets: f64, stays: f64) {
        self.turns.push(by);
        for (inside, more) in self.inside.iter_mut().zip(more) {
            inside.push(inside[inside.len() - 1] + more * stays / packets);
        }
        self.out.push(self.out[self.out.len() - 1] + more.iter().sum::<f64>() / packets);
    }

    /// Notes a packet of so many, of whom a part stays for the wait, and who come from `now` on for some seconds.
    fn see(&mut self, (now, lasts): (f64, f64), wait: f64, (come, stays): (f64, f64), closes: f64, opens_unix_ms: i64) {
        let forecast = &mut self.forecast;
        forecast.admitted += come * stays;
        if come <= 0.0 || wait < PACKET && stays >= 1.0 {
            return;
        }
        let unix_ms = |seconds: f64| opens_unix_ms + (seconds.min(closes) * 1000.0).round() as i64;
        let crowded = forecast.crowded.get_or_insert(Overload {
            from_unix_ms: unix_ms(now),
            until_unix_ms: unix_ms(now + lasts),
            seconds: 0.0,
        });
        crowded.seconds += lasts;
        let out = now + if stays > 0.0 { wait.max(lasts) } else { lasts };
        crowded.until_unix_ms = crowded.until_unix_ms.max(unix_ms(out));
        if stays > 0.0 {
            forecast.wait_seconds_max = forecast.wait_seconds_max.max(wait);
        }
    }

    /// Sessions of a stream that have gone in by a time.
    pub(super) fn inside(&self, stream: usize, at: f64) -> f64 {
        self.at(&self.inside[stream], at)
    }

    /// Sessions of all streams that have gone in or left by a time; of those who leave, no later than their turn would have come.
    pub(super) fn out(&self, at: f64) -> f64 {
        self.at(&self.out, at)
    }

    fn at(&self, sums: &[f64], at: f64) -> f64 {
        let next = self.turns.partition_point(|&turn| turn < at);
        let (Some(&until), Some(last)) = (self.turns.get(next), next.checked_sub(1)) else {
            return if next == 0 { 0.0 } else { sums[sums.len() - 1] };
        };
        let share = (at - self.turns[last]) / (until - self.turns[last]);
        sums[last] + (sums[next] - sums[last]) * share
    }
}

/// The part of those who come at a time that stays until its turn.
fn stay(room: &Room, wait: f64, now: f64, closes: f64) -> f64 {
    let expires = room.longest_wait.is_some_and(|longest| wait >= longest.as_secs_f64());
    if wait <= 0.0 {
        return 1.0;
    }
    if expires || now + wait >= closes {
        return 0.0;
    }
    room.patience.as_ref().and_then(|patience| patience.longer_than(wait)).unwrap_or(1.0)
}

impl TimeDistribution {
    /// Probability that it is longer than so many seconds; `None` where there is no simple formula.
    #[must_use]
    pub fn longer_than(&self, seconds: f64) -> Option<f64> {
        Some(match self {
            TimeDistribution::Deterministic(always) => f64::from(u8::from(always.as_secs_f64() > seconds)),
            TimeDistribution::Exponential(mean) => (-seconds / mean.as_secs_f64()).exp(),
            TimeDistribution::Uniform { low, high } => {
                let (low, high) = (low.as_secs_f64(), high.as_secs_f64());
                ((high - seconds) / (high - low).max(f64::MIN_POSITIVE)).clamp(0.0, 1.0)
            }
            TimeDistribution::Lognormal { mu, sigma } if *sigma > 0.0 => above_normal((seconds.ln() - mu) / sigma),
            TimeDistribution::Lognormal { mu, .. } => f64::from(u8::from(mu.exp() > seconds)),
            TimeDistribution::Empirical(values) => {
                values.iter().filter(|value| value.as_secs_f64() > seconds).count() as f64 / values.len() as f64
            }
            TimeDistribution::Gamma { .. } => return None,
        })
    }
}

/// Probability that a standard normal variable is above `z`; off by less than 10^-7 (Abramowitz and Stegun, "Handbook of mathematical
/// functions", 26.2.17).
fn above_normal(z: f64) -> f64 {
    const TERMS: [f64; 5] = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429];
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let sum = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let above = (-z * z / 2.0).exp() / std::f64::consts::TAU.sqrt() * sum;
    if z >= 0.0 { above } else { 1.0 - above }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Nanos;

    #[test]
    fn normal_tails_are_those_of_the_tables() {
        for (z, above) in [(0.0, 0.5), (1.0, 0.158_655_3), (-1.0, 0.841_344_7), (1.281_551_6, 0.1), (3.0, 0.001_349_9)]
        {
            assert!((above_normal(z) - above).abs() < 2e-7, "{z}");
        }
    }

    /// A hundred at the door and five a second for 20 s, of whom ten a second go in: all are in after 20 s, and the last of the crowd has waited
    /// 10 s.
    #[test]
    fn a_crowd_goes_in_at_the_rate() {
        let room = Room { per_second: 10, longest_wait: None, patience: None, left_places: LeftPlaces::Expire };
        let times: Vec<f64> = (1..=100).map(f64::from).collect();
        let came: Vec<f64> = times.iter().map(|&t| 100.0 + 5.0 * t.min(20.0)).collect();
        let passage = Passage::new(&room, &times, &[came], 100.0, 0);
        for (at, inside) in [(1.0, 10.0), (5.0, 50.0), (10.0, 100.0), (20.0, 200.0), (50.0, 200.0)] {
            let reckoned = passage.inside(0, at);
            assert!((reckoned - inside).abs() < 3.0, "{reckoned} instead of {inside} after {at} s");
        }
        let RoomForecast { came, admitted, wait_seconds_max, .. } = passage.forecast;
        assert!((came - 200.0).abs() < 1e-9 && (admitted - 200.0).abs() < 1e-9);
        assert!((9.0..=11.0).contains(&wait_seconds_max), "{wait_seconds_max}");
    }

    /// With patience of mean 1/g, and places that move up, the wait in steady state is ln(a / r) / g: the part r / a of those who come stays.
    #[test]
    fn who_gives_up_makes_room() {
        let patience = Some(TimeDistribution::Exponential(Nanos::from_secs(100)));
        let room = Room { per_second: 10, longest_wait: None, patience, left_places: LeftPlaces::MoveUp };
        let times: Vec<f64> = (1..=2000).map(f64::from).collect();
        let came: Vec<f64> = times.iter().map(|&t| 20.0 * t).collect();
        let passage = Passage::new(&room, &times, &[came], 2000.0, 0);
        let wait = 2.0_f64.ln() * 100.0;
        assert!((passage.forecast.wait_seconds_max / wait - 1.0).abs() < 0.03, "{:?}", passage.forecast);
        let inside = passage.inside(0, 1500.0) - passage.inside(0, 1000.0);
        assert!((inside / 5000.0 - 1.0).abs() < 0.01, "{inside}");
    }
}

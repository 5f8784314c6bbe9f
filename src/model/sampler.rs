//! Samplers: the plan's distributions, ready to draw from.

use crate::plan::{CountDistribution, MoneyDistribution, TimeDistribution};
use crate::rng::Stream;
use crate::units::LONGEST;
use rand_distr::{Distribution, Exp1, Gamma, Geometric, StandardNormal};

/// Draws times in nanoseconds.
#[derive(Clone, Debug)]
pub enum TimeSampler {
    /// Always this long.
    Constant(u64),
    /// Exponential with this mean, ns.
    Exponential(f64),
    /// Uniform from `low`, `width` wide, ns.
    Uniform {
        /// Shortest.
        low: f64,
        /// Longest less shortest.
        width: f64,
    },
    /// exp(mu + sigma Z) ns.
    Lognormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma, ns.
    Gamma(Gamma<f64>),
    /// One of these, ns.
    Empirical(Vec<u64>),
}

impl TimeSampler {
    /// The sampler of a distribution.
    #[must_use]
    pub fn new(distribution: &TimeDistribution) -> Self {
        match distribution {
            TimeDistribution::Deterministic(t) => TimeSampler::Constant(t.0),
            TimeDistribution::Exponential(mean) => TimeSampler::Exponential(mean.0 as f64),
            TimeDistribution::Uniform { low, high } => {
                TimeSampler::Uniform { low: low.0 as f64, width: (high.0 - low.0) as f64 }
            }
            TimeDistribution::Lognormal { mu, sigma } => {
                TimeSampler::Lognormal { mu: mu + 1e9_f64.ln(), sigma: *sigma }
            }
            // The plan guarantees positive finite parameters; a constant of the mean is the harmless way out.
            TimeDistribution::Gamma { shape, scale } => Gamma::new(*shape, scale * 1e9)
                .map_or(TimeSampler::Constant((shape * scale * 1e9) as u64), TimeSampler::Gamma),
            TimeDistribution::Empirical(values) => TimeSampler::Empirical(values.iter().map(|v| v.0).collect()),
        }
    }

    /// A bound that no draw goes below, ns: spares a draw where only "longer than" is asked.
    #[must_use]
    pub fn least(&self) -> u64 {
        match self {
            TimeSampler::Constant(t) => *t,
            TimeSampler::Uniform { low, .. } => *low as u64,
            TimeSampler::Empirical(values) => values.iter().copied().min().unwrap_or(0),
            TimeSampler::Exponential(_) | TimeSampler::Lognormal { .. } | TimeSampler::Gamma(_) => 0,
        }
    }

    /// A draw in nanoseconds, at most [`LONGEST`].
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        let nanos = match self {
            TimeSampler::Constant(t) => return *t,
            TimeSampler::Exponential(mean) => mean * exponential(stream),
            TimeSampler::Uniform { low, width } => low + width * stream.unit(),
            TimeSampler::Lognormal { mu, sigma } => (mu + sigma * normal(stream)).exp(),
            TimeSampler::Gamma(gamma) => gamma.sample(stream),
            TimeSampler::Empirical(values) => return values[index(stream, values.len())],
        };
        // A draw in the far tail must not carry an event past the end of time. Signed, as machines convert to that in one step.
        ((nanos + 0.5) as i64).clamp(0, LONGEST.0 as i64) as u64
    }
}

#[inline]
fn exponential(stream: &mut Stream) -> f64 {
    Exp1.sample(stream)
}

#[inline]
fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

#[inline]
fn index(stream: &mut Stream, len: usize) -> usize {
    stream.below(len as u64) as usize
}

/// Draws amounts of money in fen.
#[derive(Clone, Debug)]
pub struct MoneySampler(MoneyDistribution);

impl MoneySampler {
    /// The sampler of a distribution.
    #[must_use]
    pub fn new(distribution: &MoneyDistribution) -> Self {
        MoneySampler(distribution.clone())
    }

    /// A draw in fen, at least one.
    #[inline]
    pub fn draw(&self, stream: &mut Stream) -> u64 {
        let fen = match &self.0 {
            MoneyDistribution::Constant(fen) => fen.0,
            MoneyDistribution::Uniform { low, high } => low.0 + (stream.unit() * (high.0 - low.0 + 1) as f64) as u64,
            MoneyDistribution::Lognormal { mu, sigma } => ((mu + sigma * normal(stream)).exp() + 0.5) as u64,
        };
        fen.max(1)
    }
}

/// Draws counts from one upwards.
#[derive(Clone, Debug)]
pub enum CountSampler {
    /// Always this many: no draw is made.
    Constant(u32),
    /// One plus a geometric number of failures.
    Geometric(Geometric),
    /// Cumulative probabilities of 1, 2, 3, …
    Weights(Choice),
}

impl CountSampler {
    /// The sampler of a distribution.
    #[must_use]
    pub fn new(distribution: &CountDistribution) -> Self {
        match distribution {
            CountDistribution::Constant(n) => CountSampler::Constant(*n),
            CountDistribution::Geometric(mean) => {
                Geometric::new(1.0 / mean).map_or(CountSampler::Constant(mean.round() as u32), CountSampler::Geometric)
            }
            CountDistribution::Weights(weights) => CountSampler::Weights(Choice::new(weights)),
        }
    }

    /// A draw; `stream` is only built when the count is random.
    #[inline]
    pub fn draw(&self, stream: impl FnOnce() -> Stream) -> u32 {
        match self {
            CountSampler::Constant(n) => *n,
            CountSampler::Geometric(geometric) => {
                let failures = geometric.sample(&mut stream());
                u32::try_from(failures).unwrap_or(u32::MAX - 1).min(100_000_000) + 1
            }
            CountSampler::Weights(choice) => choice.pick(stream().unit()) as u32 + 1,
        }
    }

    /// The sampler of a distribution cut off at `most`; a table, so that a draw is one lookup.
    #[must_use]
    pub fn cut_off(distribution: &CountDistribution, most: u32) -> Self {
        let CountDistribution::Geometric(mean) = distribution else { return CountSampler::new(distribution) };
        let q: f64 = 1.0 - 1.0 / mean;
        let weights: Vec<f64> = (0..most as i32).map(|n| q.powi(n)).collect();
        CountSampler::Weights(Choice::new(&weights))
    }
}

/// A choice among few alternatives by their weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    cumulative: Vec<f64>,
}

impl Choice {
    /// A choice by these weights; finite, not negative, at least one positive.
    #[must_use]
    pub fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let mut cumulative: Vec<f64> = weights
            .iter()
            .map(|w| {
                sum += w;
                sum / total
            })
            .collect();
        // From the last alternative with weight on, the end is exactly one, whatever the rounding of the sum.
        let last = weights.iter().rposition(|&w| w > 0.0).unwrap_or(0);
        cumulative[last..].fill(1.0);
        Choice { cumulative }
    }

    /// The alternative at `u`, uniform on [0, 1).
    #[must_use]
    #[inline]
    pub fn pick(&self, u: f64) -> usize {
        // Few alternatives: counting the boundaries passed has no branch to mispredict.
        self.cumulative.iter().map(|&c| usize::from(c <= u)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Name, Purpose};
    use crate::units::{Fen, Nanos};

    fn streams(n: u64) -> impl Iterator<Item = Stream> {
        (0..n).map(|subject| {
            Draws::new(5).stream(Name { subject, session: 0, visit: 0, purpose: Purpose::Visit, item: 0 })
        })
    }

    /// Means over 200,000 draws against the distributions' own, within five standard errors.
    #[test]
    fn times_have_their_means() {
        let second = Nanos::from_secs(1);
        let cases = [
            (TimeDistribution::Deterministic(second), 0.0),
            (TimeDistribution::Exponential(second), 1.0),
            (TimeDistribution::Uniform { low: Nanos(0), high: Nanos::from_secs(2) }, 0.577),
            (TimeDistribution::Lognormal { mu: 0.1, sigma: 0.5 }, 0.7),
            (TimeDistribution::Gamma { shape: 4.0, scale: 0.25 }, 0.5),
            (TimeDistribution::Empirical(vec![Nanos(1), Nanos::from_secs(1), Nanos::from_secs(5)]), 2.2),
        ];
        for (distribution, deviation) in cases {
            let sampler = TimeSampler::new(&distribution);
            let n = 200_000;
            let mean = streams(n).map(|mut s| sampler.draw(&mut s) as f64 / 1e9).sum::<f64>() / n as f64;
            let error = 5.0 * deviation / (n as f64).sqrt() + 1e-6;
            assert!((mean - distribution.mean_secs()).abs() <= error, "{distribution:?}: {mean}");
        }
    }

    #[test]
    fn money_and_counts_stay_within_their_bounds() {
        let money = MoneySampler::new(&MoneyDistribution::Uniform { low: Fen(10), high: Fen(12) });
        let lines = CountSampler::cut_off(&CountDistribution::Geometric(8.0), 16);
        let mut seen = [0u32; 3];
        for mut stream in streams(3000) {
            seen[money.draw(&mut stream) as usize - 10] += 1;
            assert!((1..=16).contains(&lines.draw(|| stream)));
        }
        assert!(seen.iter().all(|&n| n > 800), "{seen:?}");
    }

    #[test]
    fn a_choice_never_picks_what_has_no_weight() {
        let choice = Choice::new(&[0.0, 0.3, 0.0, 0.7, 0.0]);
        assert_eq!(choice.pick(0.0), 1);
        assert_eq!(choice.pick(0.299), 1);
        assert_eq!(choice.pick(0.301), 3);
        assert_eq!(choice.pick(1.0 - f64::EPSILON), 3);
    }
}

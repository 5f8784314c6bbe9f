//! Distributions: quantiles become parameters, weights become probabilities.

use super::Check;
use crate::plan::{CountDistribution, MAX_LINES, MoneyDistribution, StockDistribution, TimeDistribution};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::source::Place;
use crate::scenario::tree::Cursor;
use crate::units::{Fen, Nanos};

/// Standard normal quantiles at 90, 95 and 99 %.
const UPPER: [(&str, f64); 3] =
    [("p90", 1.281_551_565_544_600_4), ("p95", 1.644_853_626_951_472_2), ("p99", 2.326_347_874_040_840_8)];

/// Largest number of units of anything.
pub(super) const MOST_UNITS: f64 = 4e9;

impl Check<'_> {
    pub(super) fn time_distribution(&mut self, d: &file::TimeDistribution, at: Cursor<'_>) -> TimeDistribution {
        use file::TimeDistribution as F;
        match d {
            F::Deterministic(time) => TimeDistribution::Deterministic(*time),
            F::Exponential(mean) => {
                self.positive(mean.as_secs_f64(), "mean", at.key("exponential").place());
                TimeDistribution::Exponential(*mean)
            }
            F::Uniform { low, high } => {
                self.ordered(low, high, at.key("uniform"));
                TimeDistribution::Uniform { low: *low, high: *high }
            }
            F::Lognormal { p50, p90, p95, p99 } => {
                let seconds = |time: &Option<Nanos>| time.map(Nanos::as_secs_f64);
                let upper = [seconds(p90), seconds(p95), seconds(p99)];
                let (mu, sigma) = self.lognormal(p50.as_secs_f64(), upper, at.key("lognormal"));
                TimeDistribution::Lognormal { mu, sigma }
            }
            F::Gamma { mean, cv } => {
                self.positive(mean.as_secs_f64(), "mean", at.key("gamma").key("mean").place());
                TimeDistribution::Gamma { shape: 1.0 / (cv * cv), scale: mean.as_secs_f64() * cv * cv }
            }
            F::Empirical { values, .. } => {
                // No values at all: the file could not be read or is not named, and that has been said.
                if values.as_ref().is_some_and(Vec::is_empty) {
                    self.bad(at.key("empirical").key_place(), "there are no observed times", "none at all", None);
                }
                TimeDistribution::Empirical(values.clone().unwrap_or_default())
            }
        }
    }

    pub(super) fn money_distribution(&mut self, d: &file::MoneyDistribution, at: Cursor<'_>) -> MoneyDistribution {
        use file::MoneyDistribution as F;
        match d {
            F::Constant(amount) => MoneyDistribution::Constant(*amount),
            F::Uniform { low, high } => {
                self.ordered(low, high, at.key("uniform"));
                MoneyDistribution::Uniform { low: *low, high: *high }
            }
            F::Lognormal { p50, p90, p95, p99 } => {
                let fen = |amount: &Option<Fen>| amount.map(|fen| fen.0 as f64);
                let (mu, sigma) = self.lognormal(p50.0 as f64, [fen(p90), fen(p95), fen(p99)], at.key("lognormal"));
                MoneyDistribution::Lognormal { mu, sigma }
            }
        }
    }

    pub(super) fn stock_distribution(&mut self, d: &file::StockDistribution, at: Cursor<'_>) -> StockDistribution {
        use file::StockDistribution as F;
        match d {
            F::Constant(units) => StockDistribution::Constant(*units as u32),
            F::Lognormal { p50, p90, p95, p99 } => {
                let at = at.key("lognormal");
                let upper = [*p90, *p95, *p99];
                for (name, _) in UPPER.iter().zip(upper).filter(|(_, q)| q.is_some_and(|q| q > MOST_UNITS)) {
                    self.bad(at.key(name.0).place(), "more units than a SKU can have", "expected at most 4e9", None);
                }
                let (mu, sigma) = self.lognormal(*p50, upper, at);
                StockDistribution::Lognormal { mu, sigma }
            }
            F::Cover { p50, p90, at_least } => {
                let at = at.key("cover");
                self.positive(*p50, "median", at.key("p50").place());
                if p90 < p50 {
                    self.not_above("p90", at);
                }
                let sigma = if p90 > p50 { (p90 / p50).ln() / UPPER[0].1 } else { 0.0 };
                StockDistribution::Cover { mu: p50.ln(), sigma, at_least: *at_least }
            }
        }
    }

    pub(super) fn count_distribution(&mut self, d: &file::CountDistribution, at: Cursor<'_>) -> CountDistribution {
        match d {
            file::CountDistribution::Constant(count) => CountDistribution::Constant(*count),
            file::CountDistribution::Geometric(mean) => CountDistribution::Geometric(*mean),
            file::CountDistribution::Weights(weights) => {
                let at = at.key("weights");
                for (index, weight) in weights.iter().enumerate() {
                    self.weight(*weight, at.index(index).place());
                }
                let sum: f64 = weights.iter().sum();
                self.positive(sum, "sum of the weights", at.place());
                CountDistribution::Weights(weights.iter().map(|weight| weight / sum).collect())
            }
        }
    }

    /// A basket has a bounded number of lines.
    pub(super) fn lines(&mut self, d: &file::CountDistribution, at: Cursor<'_>) -> CountDistribution {
        // A geometric count is cut at the most lines, so its mean has to stay well below to be what the file says.
        let (fits, key) = match d {
            file::CountDistribution::Constant(count) => (*count <= MAX_LINES, "constant"),
            file::CountDistribution::Geometric(mean) => (*mean <= f64::from(MAX_LINES / 2), "geometric"),
            file::CountDistribution::Weights(weights) => (weights.len() <= MAX_LINES as usize, "weights"),
        };
        if !fits {
            let why =
                format!("a basket has at most {MAX_LINES} lines, a geometric one a mean of at most {}", MAX_LINES / 2);
            self.bad(at.key(key).place(), "too many lines for a basket", "too many lines", Some(&why));
        }
        self.count_distribution(d, at)
    }

    /// Parameters of the log-normal through its median and exactly one upper quantile.
    fn lognormal(&mut self, median: f64, upper: [Option<f64>; 3], at: Cursor<'_>) -> (f64, f64) {
        self.positive(median, "median", at.key("p50").place());
        let given: Vec<_> = UPPER.iter().zip(upper).filter_map(|((name, z), q)| Some((*name, *z, q?))).collect();
        match given.as_slice() {
            [] => {
                let help = "give one of p90, p95 and p99 beside p50";
                self.bad(at.key_place(), "a log-normal needs a second quantile", "only the median", Some(help));
                (0.0, 0.0)
            }
            [(name, z, quantile)] => {
                if *quantile <= median {
                    self.not_above(name, at);
                }
                (median.ln(), (quantile / median).ln() / z)
            }
            several => {
                let many = Diagnostic::new(Code::BadDistribution, "a log-normal takes one quantile beside the median");
                let many = several.iter().fold(many, |many, (name, ..)| many.at(at.key(name).key_place(), ""));
                self.push(many.help("keep one of them; where one is inherited, name it in `remove`"));
                (0.0, 0.0)
            }
        }
    }

    fn not_above(&mut self, quantile: &str, at: Cursor<'_>) {
        self.push(
            Diagnostic::new(Code::BadDistribution, format!("the quantile `{quantile}` is not above the median"))
                .at(at.key(quantile).place(), "too small")
                .at(at.key("p50").place(), "the median"),
        );
    }

    fn ordered<T: PartialOrd>(&mut self, low: &T, high: &T, at: Cursor<'_>) {
        if low > high {
            self.push(
                Diagnostic::new(Code::BadDistribution, "`low` is above `high`")
                    .at(at.key("low").place(), "low")
                    .at(at.key("high").place(), "high"),
            );
        }
    }

    fn positive(&mut self, value: f64, what: &str, place: Place) {
        if value <= 0.0 {
            self.bad(place, &format!("the {what} must be above zero"), "not above zero", None);
        }
    }

    /// Reports parameters that do not make a distribution.
    pub(super) fn bad(&mut self, place: Place, message: &str, label: &str, help: Option<&str>) {
        let diagnostic = Diagnostic::new(Code::BadDistribution, message).at(place, label);
        self.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }
}

//! Broken power law over ranks, by inversion.

use crate::plan::Popularity;

/// Draws ranks 0 .. n with weight x^-head up to the knee and, continued without a jump, x^-tail beyond, over x in [1, n + 1).
///
/// The density is taken as continuous in x and rank r stands for [r + 1, r + 2): the weight of a rank is the integral over its
/// interval. So inversion is in closed form and needs no table, whatever n; it never returns a rank outside 0 .. n.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankSampler {
    ranks: u64,
    knee: f64,
    head: f64,
    tail: f64,
    /// Factor that makes the tail continue the head: knee^(tail - head).
    join: f64,
    head_mass: f64,
    total_mass: f64,
    head_inverse: PowerInverse,
    tail_inverse: PowerInverse,
}

impl RankSampler {
    /// A sampler of `ranks` ranks (at least one).
    #[must_use]
    pub fn new(popularity: &Popularity, ranks: u64) -> Self {
        let end = ranks as f64 + 1.0;
        let knee = (popularity.knee * ranks as f64 + 1.0).clamp(1.0, end);
        let join = knee.powf(popularity.tail - popularity.head);
        let head_mass = power_integral(popularity.head, 1.0, knee);
        let total_mass = head_mass + join * power_integral(popularity.tail, knee, end);
        RankSampler {
            ranks,
            knee,
            head: popularity.head,
            tail: popularity.tail,
            join,
            head_mass,
            total_mass,
            head_inverse: PowerInverse::new(popularity.head, 1.0),
            tail_inverse: PowerInverse::new(popularity.tail, knee),
        }
    }

    /// Number of ranks.
    #[must_use]
    pub fn ranks(&self) -> u64 {
        self.ranks
    }

    /// The rank at `u`, uniform on [0, 1).
    #[must_use]
    #[inline]
    pub fn rank(&self, u: f64) -> u64 {
        let mass = u * self.total_mass;
        let x = if mass < self.head_mass {
            self.head_inverse.at(mass)
        } else {
            self.tail_inverse.at((mass - self.head_mass) / self.join)
        };
        // Rounding may carry x to the end of the range or a hair below its start.
        ((x as u64).max(1) - 1).min(self.ranks - 1)
    }

    /// Probability of a rank.
    #[must_use]
    pub fn probability(&self, rank: u64) -> f64 {
        let (from, to) = (rank as f64 + 1.0, rank as f64 + 2.0);
        let head = if from < self.knee { power_integral(self.head, from, to.min(self.knee)) } else { 0.0 };
        let tail = if to > self.knee { power_integral(self.tail, from.max(self.knee), to) } else { 0.0 };
        (head + self.join * tail) / self.total_mass
    }
}

/// Integral of x^-a over [from, to].
fn power_integral(a: f64, from: f64, to: f64) -> f64 {
    if (a - 1.0).abs() < 1e-9 { (to / from).ln() } else { (to.powf(1.0 - a) - from.powf(1.0 - a)) / (1.0 - a) }
}

/// Inverts the integral of x^-a from a fixed start, with all powers that do not depend on the draw taken beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
struct PowerInverse {
    from: f64,
    /// 1 - a; zero for the logarithmic case.
    slope: f64,
    from_power: f64,
    exponent: f64,
}

impl PowerInverse {
    fn new(a: f64, from: f64) -> Self {
        let slope = if (a - 1.0).abs() < 1e-9 { 0.0 } else { 1.0 - a };
        PowerInverse { from, slope, from_power: from.powf(slope), exponent: 1.0 / slope }
    }

    /// The x for which the integral over [from, x] is `mass`.
    #[inline]
    fn at(&self, mass: f64) -> f64 {
        if self.slope == 0.0 {
            self.from * mass.exp()
        } else {
            (self.from_power + self.slope * mass).powf(self.exponent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taobao(ranks: u64) -> RankSampler {
        RankSampler::new(&Popularity { head: 0.42, tail: 1.22, knee: 0.01 }, ranks)
    }

    #[test]
    fn probabilities_sum_to_one() {
        for ranks in [1, 2, 99, 10_000] {
            let sum: f64 = (0..ranks).map(|r| taobao(ranks).probability(r)).sum();
            assert!((sum - 1.0).abs() < 1e-9, "{ranks}: {sum}");
        }
    }

    #[test]
    fn inversion_agrees_with_probabilities() {
        let sampler = taobao(1000);
        let mut below = 0.0;
        for rank in 0..1000 {
            let p = sampler.probability(rank);
            assert_eq!(sampler.rank(below + p / 2.0), rank);
            below += p;
        }
        assert_eq!(sampler.rank(1.0 - f64::EPSILON / 2.0), 999);
    }

    /// Log-log slopes on both sides of the knee are the exponents.
    #[test]
    fn slopes_are_the_exponents() {
        let sampler = taobao(1_000_000);
        let slope = |a: u64, b: u64| {
            let rise = sampler.probability(b).ln() - sampler.probability(a).ln();
            -rise / ((b as f64 + 1.5).ln() - (a as f64 + 1.5).ln())
        };
        assert!((slope(100, 5000) - 0.42).abs() < 0.005);
        assert!((slope(20_000, 900_000) - 1.22).abs() < 0.005);
    }

    #[test]
    fn exponent_one_is_not_a_hole() {
        let sampler = RankSampler::new(&Popularity { head: 1.0, tail: 1.0, knee: 0.5 }, 100);
        let sum: f64 = (0..100).map(|r| sampler.probability(r)).sum();
        assert!((sum - 1.0).abs() < 1e-9);
        assert_eq!(sampler.rank(0.0), 0);
        assert_eq!(sampler.rank(0.999_999_999), 99);
    }
}

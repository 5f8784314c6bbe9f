//! Response times, counted in buckets of a relative width of less than a hundredth.
//!
//! The buckets are those of an `HdrHistogram` of two significant digits, which the tests compare with. Slots end every second, so
//! summing and clearing touch only the buckets between the shortest and the longest time, as rows of plain numbers.

use crate::target::Percentile;

/// Longest response time that is told apart, in microseconds: an hour.
const LONGEST_US: u64 = 3_600_000_000;
/// Times below 2^EXACT µs have a bucket each; above, every power of two is cut in 2^(EXACT - 1) buckets.
const EXACT: u32 = 8;
const HALF: usize = 1 << (EXACT - 1);
const BUCKETS: usize = index(LONGEST_US) + 1;

/// Counts by bucket.
#[derive(Clone, Debug)]
pub struct ResponseTimes {
    counts: Vec<u64>,
    shortest: usize,
    longest: usize,
}

impl Default for ResponseTimes {
    fn default() -> Self {
        ResponseTimes { counts: vec![0; BUCKETS], shortest: BUCKETS, longest: 0 }
    }
}

/// Bucket of a time in microseconds.
#[inline]
const fn index(us: u64) -> usize {
    let shift = (us | 1 << (EXACT - 1)).ilog2() - (EXACT - 1);
    shift as usize * HALF + (us >> shift) as usize
}

/// First time of a bucket, µs, and the width of the bucket.
fn bounds(index: usize) -> (u64, u64) {
    let shift = (index / HALF).saturating_sub(1);
    (((index - shift * HALF) as u64) << shift, 1 << shift)
}

impl ResponseTimes {
    /// Counts a response.
    #[inline]
    pub fn record(&mut self, us: u64) {
        self.add(index(us.min(LONGEST_US)), 1);
    }

    #[inline]
    fn add(&mut self, index: usize, count: u64) {
        self.counts[index] += count;
        self.shortest = self.shortest.min(index);
        self.longest = self.longest.max(index);
    }

    /// Buckets that may hold something.
    fn touched(&self) -> std::ops::Range<usize> {
        self.shortest..(self.longest + 1).max(self.shortest)
    }

    /// Adds all counts to another record, and keeps them.
    pub fn add_to(&self, other: &mut ResponseTimes) {
        let touched = self.touched();
        for (mine, theirs) in self.counts[touched.clone()].iter().zip(&mut other.counts[touched]) {
            *theirs += *mine;
        }
        other.shortest = other.shortest.min(self.shortest);
        other.longest = other.longest.max(self.longest);
    }

    /// Moves all counts to another record and starts anew.
    pub fn drain_into(&mut self, other: &mut ResponseTimes) {
        let touched = self.touched();
        for (mine, theirs) in self.counts[touched.clone()].iter_mut().zip(&mut other.counts[touched]) {
            *theirs += std::mem::take(mine);
        }
        other.shortest = other.shortest.min(std::mem::replace(&mut self.shortest, BUCKETS));
        other.longest = other.longest.max(std::mem::take(&mut self.longest));
    }

    /// First time of each bucket that is not empty, µs, and its count.
    #[must_use]
    pub fn counted(&self) -> Vec<(u64, u64)> {
        let counted = self.touched().map(|index| (bounds(index).0, self.counts[index]));
        counted.filter(|(_, count)| *count > 0).collect()
    }

    /// The record of these counts; `None` where it cannot have come about.
    #[must_use]
    pub fn of(counted: &[(u64, u64)]) -> Option<Self> {
        let mut times = ResponseTimes::default();
        let mut total = 0u64;
        for &(us, count) in counted {
            total = total.checked_add(count).filter(|_| us <= LONGEST_US)?;
            times.add(index(us), count);
        }
        Some(times)
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts[self.touched()].iter().sum()
    }

    /// The time within which a share of the responses came, µs, as the longest time of its bucket; zero where there was none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        self.quantile_of(self.count(), share)
    }

    /// The same where it is known how many were counted.
    #[must_use]
    pub fn quantile_of(&self, count: u64, share: f64) -> u64 {
        self.reached(((share * count as f64).ceil() as u64).max(1))
    }

    /// The same of a percentile, in integers; `None` where there was no response.
    #[must_use]
    pub fn percentile(&self, percentile: Percentile) -> Option<u64> {
        let wanted =
            (u128::from(self.count()) * u128::from(percentile.0)).div_ceil(u128::from(Percentile::ALL.0)) as u64;
        (wanted > 0).then(|| self.reached(wanted))
    }

    /// The longest time of the bucket of the response that is this one, counted from the shortest.
    fn reached(&self, wanted: u64) -> u64 {
        let counts = &self.counts[self.touched()];
        let mut seen = 0;
        let reached = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        reached.map_or(0, |position| {
            let (first, width) = bounds(self.shortest + position);
            first + width - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdrhistogram::Histogram;

    fn of_the_library() -> Histogram<u64> {
        Histogram::new_with_bounds(1, LONGEST_US, 2).expect("constant bounds that hdrhistogram accepts")
    }

    #[test]
    fn buckets_are_those_of_the_library() {
        let window = of_the_library();
        let mut us = 1u64;
        while us < LONGEST_US {
            for time in [us - 1, us, us + 1, us + us / 3] {
                let (first, width) = bounds(index(time));
                assert_eq!(
                    (first, width),
                    (window.lowest_equivalent(time), window.equivalent_range(time)),
                    "{time} µs"
                );
            }
            us *= 2;
        }
    }

    #[test]
    fn quantiles_are_those_of_the_library() {
        let (mut times, mut moved, mut window) = (ResponseTimes::default(), ResponseTimes::default(), of_the_library());
        assert_eq!(times.quantile(0.5), 0);
        for step in 0..5_000u64 {
            let us = (step * step * step) % 1_000_003 + 1;
            times.record(us);
            window.record(us).expect("within the bounds");
        }
        times.drain_into(&mut moved);
        assert_eq!(times.quantile(0.5), 0, "what was moved is no longer here");
        let quantiles = [0.001, 0.5, 0.9, 0.99, 1.0];
        for share in quantiles {
            assert_eq!(moved.quantile(share), window.value_at_quantile(share), "{share}");
        }
    }

    #[test]
    fn counts_come_back() {
        let mut times = ResponseTimes::default();
        for us in [1, 2, 777_777, 12_345_678_900, u64::MAX] {
            times.record(us);
        }
        let again = ResponseTimes::of(&times.counted()).expect("it was counted");
        assert_eq!((again.counted(), again.count()), (times.counted(), 5));
        assert!(ResponseTimes::of(&[(1, u64::MAX), (2, 1)]).is_none());
        assert!(ResponseTimes::of(&[(u64::MAX, 1)]).is_none());
    }
}

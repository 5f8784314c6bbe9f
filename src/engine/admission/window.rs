//! Counts over a sliding window, in buckets of time.

use serde::{Deserialize, Serialize};

/// Most that a bucket of a window that was read from a file may have counted: more than any cell, and so little that shares of
/// sums can be compared in 64 bits.
const MOST: u64 = 1 << 33;

/// Two counts over the last so many buckets of time, the current one included. Buckets lie on the grid of simulated time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Length of a bucket, ns.
    bucket: u64,
    /// Number of the newest bucket.
    newest: u64,
    /// Counts of bucket n at n modulo their number.
    counts: Vec<[u64; 2]>,
    sums: [u64; 2],
}

impl Window {
    /// An empty window of so many buckets of so many nanoseconds.
    #[must_use]
    pub(super) fn new(bucket: u64, buckets: usize) -> Self {
        Window { bucket, newest: 0, counts: vec![[0; 2]; buckets], sums: [0; 2] }
    }

    /// Counts one of a kind at an instant, which is never before one counted earlier.
    pub(super) fn count(&mut self, now: u64, kind: usize) {
        self.slide(now);
        let place = self.place(self.newest);
        self.counts[place][kind] += 1;
        self.sums[kind] += 1;
    }

    /// What was counted in the window that ends with the bucket of `now`.
    pub(super) fn sums(&mut self, now: u64) -> [u64; 2] {
        self.slide(now);
        self.sums
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.counts.fill([0; 2]);
        self.sums = [0; 2];
    }

    fn place(&self, bucket: u64) -> usize {
        (bucket % self.counts.len() as u64) as usize
    }

    fn slide(&mut self, now: u64) {
        let bucket = now / self.bucket;
        if bucket.saturating_sub(self.newest) >= self.counts.len() as u64 {
            self.newest = bucket;
            return self.clear();
        }
        while self.newest < bucket {
            self.newest += 1;
            let place = self.place(self.newest);
            let gone = std::mem::take(&mut self.counts[place]);
            self.sums = [self.sums[0] - gone[0], self.sums[1] - gone[1]];
        }
    }

    /// Whether a window that was read from a file can go on in place of `fresh`.
    #[must_use]
    pub(super) fn can_replace(&self, fresh: &Window, now: u64) -> bool {
        let sum = |kind: usize| self.counts.iter().map(|counts| counts[kind]).sum::<u64>();
        (self.bucket, self.counts.len()) == (fresh.bucket, fresh.counts.len())
            && self.newest <= now / self.bucket
            && self.counts.iter().flatten().all(|&count| count <= MOST)
            && self.sums == [sum(0), sum(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::new(10, 3);
        window.count(5, 0);
        window.count(19, 1);
        window.count(29, 0);
        assert_eq!(window.sums(29), [2, 1]);
        assert_eq!(window.sums(30), [1, 1], "the first bucket is gone");
        assert_eq!(window.sums(49), [1, 0]);
        assert_eq!(window.sums(50), [0, 0]);
        window.count(1_000_000, 1);
        assert_eq!(window.sums(1_000_029), [0, 1]);
        assert_eq!(window.sums(1_000_030), [0, 0]);
    }
}

//! A keyed permutation of shoppers: the k-th arrival is shopper pi(k), so no list of shoppers is ever held.

use crate::rng::philox4x32;

/// A permutation of 0 .. len by an unbalanced Feistel network with cycle walking.
///
/// The network works on a x b >= len with a and b nearly equal, so that barely any walk is longer than a step (Black and
/// Rogaway, "Ciphers with arbitrary finite domains", 2002). Its round function is a multiply-mix of the round's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permutation {
    len: u64,
    rows: u64,
    columns: u64,
    keys: [u64; ROUNDS],
}

const ROUNDS: usize = 6;

impl Permutation {
    /// The permutation of `len` elements under a key.
    #[must_use]
    pub fn new(len: u64, key: u64) -> Self {
        let rows = len.isqrt().max(1);
        let columns = len.div_ceil(rows).max(1);
        let keys = std::array::from_fn(|round| {
            let block = philox4x32([round as u32, 0, 0, 0], [key as u32, (key >> 32) as u32]);
            u64::from(block[0]) << 32 | u64::from(block[1]) | 1
        });
        Permutation { len, rows, columns, keys }
    }

    /// Where `index` goes; `index` must be below the length.
    #[must_use]
    #[inline]
    pub fn at(&self, index: u64) -> u64 {
        let mut x = index;
        loop {
            x = self.round_trip(x);
            if x < self.len {
                return x;
            }
        }
    }

    #[inline]
    fn round_trip(&self, x: u64) -> u64 {
        let (mut row, mut column) = (x / self.columns, x % self.columns);
        for pair in self.keys.chunks_exact(2) {
            row = add_within(row, mix(column, pair[0], self.rows), self.rows);
            column = add_within(column, mix(row, pair[1], self.columns), self.columns);
        }
        row * self.columns + column
    }
}

/// The sum of two numbers below `range`, modulo `range`.
#[inline]
fn add_within(a: u64, b: u64, range: u64) -> u64 {
    let sum = a + b;
    if sum >= range { sum - range } else { sum }
}

/// A number below `range` that depends on all bits of `value` and `key`.
#[inline]
fn mix(value: u64, key: u64, range: u64) -> u64 {
    let mut z = (value ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 32)).wrapping_mul(key);
    ((u128::from(z ^ (z >> 29)) * u128::from(range)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_comes_once() {
        for len in [1, 2, 3, 10, 97, 1000, 4096, 10_007] {
            let permutation = Permutation::new(len, 4 << 32 | 3);
            let mut seen = vec![false; len as usize];
            for k in 0..len {
                let at = permutation.at(k) as usize;
                assert!(!std::mem::replace(&mut seen[at], true), "{len}: {at} twice");
            }
        }
    }

    /// The first tenth of the images must be uniform over ten bins: chi-square with 9 degrees of freedom, 99.99 % quantile 33.7.
    #[test]
    fn a_prefix_is_spread_evenly() {
        for key in 0..20 {
            let len = 100_000;
            let permutation = Permutation::new(len, 1 << 32 | key);
            let mut bins = [0.0f64; 10];
            (0..len / 10).for_each(|k| bins[(permutation.at(k) * 10 / len) as usize] += 1.0);
            let chi2: f64 = bins.iter().map(|n| (n - 1000.0).powi(2) / 1000.0).sum();
            assert!(chi2 < 33.7, "key {key}: {chi2}");
        }
    }
}

//! The free places of a pool, lowest first.
//!
//! After a rush most of a pool is free. Were places used again in the order in which they were freed, the few that are in use
//! would lie scattered over all the memory that the rush needed, each on a page of its own; taking the lowest draws them together
//! at its start.

/// A set of numbers that gives out its smallest: a bit per number, and above them a bit per word that is not zero.
#[derive(Clone, Debug, Default)]
pub(super) struct FreePlaces {
    words: Vec<u64>,
    not_zero: Vec<u64>,
    /// No word of `not_zero` before this one holds anything.
    first: usize,
}

impl FreePlaces {
    /// Adds a number that is not in the set.
    #[inline]
    pub(super) fn insert(&mut self, place: u32) {
        let (word, above) = (place as usize / 64, place as usize / 4096);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
            self.not_zero.resize(above + 1, 0);
        }
        self.words[word] |= 1 << (place % 64);
        self.not_zero[above] |= 1 << (word % 64);
        self.first = self.first.min(above);
    }

    /// Takes the smallest number out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<u32> {
        while *self.not_zero.get(self.first)? == 0 {
            self.first += 1;
        }
        let word = self.first * 64 + self.not_zero[self.first].trailing_zeros() as usize;
        let bit = self.words[word].trailing_zeros();
        self.words[word] &= self.words[word] - 1;
        if self.words[word] == 0 {
            self.not_zero[self.first] &= self.not_zero[self.first] - 1;
        }
        Some(word as u32 * 64 + bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn agrees_with_an_ordered_set() {
        let (mut free, mut set) = (FreePlaces::default(), BTreeSet::new());
        let mut state = 7u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let place = (state >> 33) as u32 % 20_000;
            if state >> 62 == 0 {
                assert_eq!(free.pop(), set.pop_first());
            } else if set.insert(place) {
                free.insert(place);
            }
        }
        while let Some(place) = set.pop_first() {
            assert_eq!(free.pop(), Some(place));
        }
        assert_eq!(free.pop(), None);
    }
}

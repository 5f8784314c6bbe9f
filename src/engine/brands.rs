//! What each brand has been paid, and when it passed round sums.
//!
//! Payments are added up while the exchange at the end of a tick is carried out, by several threads at once. An addition tells the
//! sum before it, so of all additions exactly one carries a brand past a mark, whichever that is: what is known at the end of
//! the tick does not depend on their order.

use crate::units::{Fen, Instant};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// The round sums: 1 million, 10 million, 100 million and 1 billion RMB.
pub const MARKS: [Fen; 4] = [Fen(100_000_000), Fen(1_000_000_000), Fen(10_000_000_000), Fen(100_000_000_000)];
/// In place of the number of a brand: none.
pub const NO_BRAND: u32 = u32::MAX;

/// A brand has been paid as much as a mark: known at the end of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Passing {
    /// The end of the tick.
    pub at: Instant,
    /// Index of the mark in [`MARKS`].
    pub mark: u8,
    /// The brand.
    pub brand: u32,
}

/// The brands of a run.
#[derive(Debug)]
pub struct Brands {
    /// Money paid, by brand, fen.
    paid: Vec<AtomicU64>,
    /// The marks in money of the simulated cells, fen.
    marks: [u64; MARKS.len()],
    /// In order.
    passings: Vec<Passing>,
}

/// A brand, and the index of the mark that it has passed.
pub(super) type Passed = (u32, u8);

impl Brands {
    /// So many brands of which nothing has been sold; the platform is `scale` times what is simulated.
    #[must_use]
    pub fn new(brands: usize, scale: u64) -> Self {
        let paid = std::iter::repeat_with(AtomicU64::default).take(brands).collect();
        Brands { paid, marks: MARKS.map(|mark| mark.0.div_ceil(scale)), passings: Vec::new() }
    }

    /// Adds a payment, and notes the marks that it carries the brand past.
    #[inline]
    pub(super) fn pay(&self, brand: u32, fen: u64, passed: &mut Vec<Passed>) {
        let Some(paid) = self.paid.get(brand as usize) else { return };
        let before = paid.fetch_add(fen, Ordering::Relaxed);
        let (from, to) = (self.passed(before), self.passed(before + fen));
        passed.extend((from..to).map(|mark| (brand, mark as u8)));
    }

    /// Marks that lie at or below an amount.
    #[inline]
    fn passed(&self, fen: u64) -> usize {
        self.marks.iter().map(|&mark| usize::from(mark <= fen)).sum()
    }

    /// Enters who has passed a mark in the tick that ends, or with the answers at its end.
    pub(super) fn note(&mut self, passed: impl Iterator<Item = Passed>, now: Instant) {
        let before = self.passings.partition_point(|passing| passing.at < now);
        self.passings.extend(passed.map(|(brand, mark)| Passing { at: now, mark, brand }));
        self.passings[before..].sort_unstable();
    }

    /// All passings so far, in order of time.
    #[must_use]
    pub fn passings(&self) -> &[Passing] {
        &self.passings
    }

    /// Takes over the passings of a run up to `now`, whose payments have been added; `None` where those cannot have led to them.
    #[must_use]
    pub fn restore(&mut self, passings: Vec<Passing>, now: Instant) -> Option<()> {
        let mut passed = vec![0; self.paid.len()];
        // Of one brand, the marks come in their order.
        for passing in &passings {
            let of = passed.get_mut(passing.brand as usize)?;
            if usize::from(passing.mark) != *of || passing.at > now {
                return None;
            }
            *of += 1;
        }
        let are_all =
            || passed.iter().zip(&self.paid).all(|(&of, paid)| of == self.passed(paid.load(Ordering::Relaxed)));
        if !passings.is_sorted() || !are_all() {
            return None;
        }
        self.passings = passings;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_may_pass_several_marks_and_each_is_passed_once() {
        let mut brands = Brands::new(3, 64);
        let mut passed = Vec::new();
        brands.pay(2, 1_562_499, &mut passed);
        assert!(passed.is_empty(), "one fen short of a 64th of a million");
        brands.pay(2, 1, &mut passed);
        brands.pay(0, MARKS[2].0 / 64, &mut passed);
        brands.pay(0, 5, &mut passed);
        brands.pay(NO_BRAND, u64::MAX / 2, &mut passed);
        assert_eq!(passed, [(2, 0), (0, 0), (0, 1), (0, 2)]);
        brands.note(passed.into_iter(), Instant(7));
        let expected = [(0, 0), (0, 2), (1, 0), (2, 0)];
        let passings: Vec<(u8, u32)> = brands.passings().iter().map(|of| (of.mark, of.brand)).collect();
        assert_eq!(passings, expected);

        let mut again = Brands::new(3, 64);
        again.pay(0, MARKS[2].0 / 64 + 5, &mut Vec::new());
        again.pay(2, 1_562_500, &mut Vec::new());
        let read = brands.passings().to_vec();
        assert_eq!(again.restore(read.clone(), Instant(6)), None, "not yet");
        assert_eq!(again.restore(read[1..].to_vec(), Instant(7)), None, "one is missing");
        assert_eq!(again.restore(read.clone(), Instant(7)), Some(()));
        assert_eq!(again.passings(), read);
    }
}

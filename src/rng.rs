//! Random draws that know what they decide.
//!
//! Every draw is a pure function of the seed and a [`Name`]: who it concerns, in which session, at which visit, for what
//! purpose. Nothing is drawn from a running stream, so an added draw shifts no other, results do not depend on threads, and
//! two strategies under one seed see the same shoppers making the same choices (common random numbers).
//!
//! The generator is Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11),
//! checked against the known-answer vectors of its authors' Random123 library.

use rand::rand_core::TryRng;
use std::convert::Infallible;

/// Philox4x32-10: 128 random bits for a 128-bit counter under a 64-bit key.
#[must_use]
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut c = counter;
    let mut k = key;
    for round in 0..10 {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let p0 = MULTIPLIERS[0] * u64::from(c[0]);
        let p1 = MULTIPLIERS[1] * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32];
    }
    c
}

/// What a draw decides. The number is part of the draw's name: never renumber, only add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Whether an invited shopper comes to a window that is not the first.
    Participation = 1,
    /// Next state and think time of a visit whose page loaded.
    Visit = 2,
    /// Next state and think time of a visit whose page failed.
    FailedVisit = 3,
    /// Service time of a request; item = call and attempt.
    ServiceTime = 4,
    /// Jitter of a back-off; item = call and attempt.
    Backoff = 5,
    /// Patience for a page.
    Patience = 6,
    /// Number of lines and spend limit of a basket.
    Basket = 7,
    /// Product of a basket line; item = line and candidate.
    Product = 8,
    /// Units of a basket line; item = line and candidate.
    Units = 9,
    /// Whether the bank declines.
    Decline = 10,
    /// Arrivals of a segment in a cell and window: how many in all.
    Attendance = 20,
    /// Arrivals of a segment in a cell and window, per tick: how many, and when.
    Arrivals = 21,
    /// Key of the permutation that orders the shoppers of a segment in a cell and window.
    Permutation = 22,
    /// Price of a SKU.
    Price = 30,
    /// Stock of a SKU.
    Stock = 31,
    /// Brand of a SKU.
    Brand = 32,
    /// Rounding of a sampled share below one unit.
    Rounding = 33,
}

/// The name of a draw: whom it concerns and what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Shopper (or SKU, or cell and segment, as the purpose says); at most 40 bits.
    pub subject: u64,
    /// Session of the shopper: the window's index.
    pub session: u8,
    /// Visit within the session.
    pub visit: u16,
    /// What is decided.
    pub purpose: Purpose,
    /// Which of several, as the purpose says.
    pub item: u16,
}

/// All draws of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draws {
    key: [u32; 2],
}

impl Draws {
    /// The draws under a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Draws { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The stream of bits of one name, for a sampler that takes as many as it needs.
    #[must_use]
    #[inline]
    pub fn stream(&self, name: Name) -> Stream {
        let counter = [
            name.subject as u32,
            ((name.subject >> 32) as u32) << 24 | u32::from(name.session) << 16 | u32::from(name.visit),
            (name.purpose as u32) << 16 | u32::from(name.item),
            0,
        ];
        Stream { key: self.key, counter, block: philox4x32(counter, self.key), used: 0 }
    }
}

/// The bits of one draw; a `rand` generator, so that every distribution of `rand_distr` works on it.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: u8,
}

impl Stream {
    /// The next 32 bits.
    #[inline]
    pub fn bits32(&mut self) -> u32 {
        if self.used == 4 {
            self.counter[3] += 1;
            self.block = philox4x32(self.counter, self.key);
            self.used = 0;
        }
        let word = self.block[usize::from(self.used)];
        self.used += 1;
        word
    }

    /// The next 64 bits, low word first.
    #[inline]
    pub fn bits64(&mut self) -> u64 {
        let low = u64::from(self.bits32());
        u64::from(self.bits32()) << 32 | low
    }

    /// Uniform on [0, 1), in steps of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.bits32())
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits64())
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for bytes in target.chunks_mut(4) {
            bytes.copy_from_slice(&self.bits32().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 (`kat_vectors`, "philox4x32 10").
    #[test]
    fn philox_gives_the_published_answers() {
        let pi = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        let answers = [
            (([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for ((counter, key), answer) in answers {
            assert_eq!(philox4x32(counter, key), answer);
        }
    }

    #[test]
    fn every_part_of_a_name_matters() {
        let name = Name { subject: 7, session: 1, visit: 3, purpose: Purpose::Visit, item: 0 };
        let first = |name| Draws::new(11).stream(name).bits64();
        let others = [
            Name { subject: 8, ..name },
            Name { subject: 7 + (1 << 32), ..name },
            Name { session: 2, ..name },
            Name { visit: 4, ..name },
            Name { purpose: Purpose::FailedVisit, ..name },
            Name { item: 1, ..name },
        ];
        assert!(others.iter().all(|&other| first(other) != first(name)));
        assert_eq!(first(name), first(name));
        assert_ne!(Draws::new(12).stream(name).bits64(), first(name));
    }
}

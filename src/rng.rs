//! Random draws that know what they decide.
//!
//! Every draw is a pure function of the seed and a [`Name`]: who it concerns, in which session, at which visit, for what
//! purpose. Nothing is drawn from a running stream, so an added draw shifts no other, results do not depend on threads, and
//! two strategies under one seed see the same shoppers making the same choices (common random numbers).
//!
//! The generator is Philox4x32-7 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC'11),
//! checked against the known-answer vectors of its authors' Random123 library. Seven rounds are what the authors found to pass
//! all of `BigCrush`; the ten of their default are a margin that a simulation does not need and would pay for at every draw.

use rand::rand_core::TryRng;
use std::convert::Infallible;

/// Philox4x32-7: 128 random bits for a 128-bit counter under a 64-bit key.
#[must_use]
#[inline]
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    // Written out, as the compiler would rather loop.
    let c = round(counter, key, 0);
    let c = round(c, key, 1);
    let c = round(c, key, 2);
    let c = round(c, key, 3);
    let c = round(c, key, 4);
    let c = round(c, key, 5);
    round(c, key, 6)
}

#[inline]
fn round(c: [u32; 4], key: [u32; 2], number: u32) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let k = [key[0].wrapping_add(WEYL[0].wrapping_mul(number)), key[1].wrapping_add(WEYL[1].wrapping_mul(number))];
    let p0 = MULTIPLIERS[0] * u64::from(c[0]);
    let p1 = MULTIPLIERS[1] * u64::from(c[2]);
    [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32]
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
    /// Service time of a request; item = call and attempt, of a second copy with the highest bit of the attempt, as wherever an item is that.
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
    /// Whether a client holds a request back; item = call and attempt.
    Throttle = 11,
    /// Instances that the balancer looks at for a request; item = call and attempt.
    Balancer = 14,
    /// Whether a shopper fills a basket up to the next time that a coupon counts.
    FillUp = 16,
    /// Channel that a session comes by.
    Channel = 17,
    /// Livestream that a session watches, and which room of it.
    Livestream = 18,
    /// Whether a basket line is of the product that a livestream shows; item = line.
    Pull = 19,
    /// What the draws of a request's own calls are named by; item = call and attempt.
    Lineage = 40,
    /// The same as [`ServiceTime`](Purpose::ServiceTime), of a request that a service makes: its subject, session and visit are a
    /// [`Lineage`](Purpose::Lineage).
    ServiceTimeWithin = 41,
    /// Likewise [`Backoff`](Purpose::Backoff).
    BackoffWithin = 42,
    /// Likewise [`Throttle`](Purpose::Throttle).
    ThrottleWithin = 43,
    /// Likewise [`Balancer`](Purpose::Balancer).
    BalancerWithin = 44,
    /// Likewise [`Lineage`](Purpose::Lineage).
    LineageWithin = 45,
    /// Arrivals of a segment in a cell and window: how many in all.
    Attendance = 20,
    /// Arrivals of a segment in a cell and window, per tick: how many, and when.
    Arrivals = 21,
    /// Key of the permutation that orders the shoppers of a segment in a cell and window.
    Permutation = 22,
    /// Arrivals of a segment in a cell and window that are there before the opening: how many, and in which order.
    Early = 23,
    /// Patience of a shopper in the waiting room of a window.
    RoomPatience = 24,
    /// Price of a SKU.
    Price = 30,
    /// Stock of a SKU.
    Stock = 31,
    /// Brand of a SKU.
    Brand = 32,
    /// Rounding of a sampled share below one unit.
    Rounding = 33,
    /// The instant of a recorded slot at which requests are counted; subject = number of the slot.
    Glimpse = 50,
    /// Whether a shopper who waits long enough submits a page again.
    SecondSubmit = 51,
    /// Whether the platform sees that it has had a request before.
    Idempotency = 52,
    /// Which window gets the units of a SKU that do not come out even (item 0), and how what is laid in is rounded (item = window).
    Supply = 60,
    /// Whether and when the voucher of a paid line is redeemed; item = which line of the order.
    Voucher = 61,
    /// Whether another product is taken instead of one that is sold out; item = line.
    Substitution = 70,
    /// Which; item = line and candidate.
    Substitute = 71,
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

impl Name {
    /// The name of a draw that concerns a request which a service makes in turn. `lineage` was drawn for the request that it serves;
    /// `purpose` is that of a request of a session.
    #[must_use]
    pub fn within(lineage: u64, purpose: Purpose, item: u16) -> Self {
        let purpose = match purpose {
            Purpose::ServiceTime => Purpose::ServiceTimeWithin,
            Purpose::Backoff => Purpose::BackoffWithin,
            Purpose::Throttle => Purpose::ThrottleWithin,
            Purpose::Balancer => Purpose::BalancerWithin,
            Purpose::Lineage => Purpose::LineageWithin,
            other => other,
        };
        let (session, visit) = ((lineage >> 40) as u8, (lineage >> 48) as u16);
        Name { subject: lineage & ((1 << 40) - 1), session, visit, purpose, item }
    }
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
        Stream { key: self.key, counter, words: words(philox4x32(counter, self.key)), used: 0 }
    }
}

/// The two 64-bit words of a block, low half first.
#[inline]
fn words(block: [u32; 4]) -> [u64; 2] {
    [u64::from(block[1]) << 32 | u64::from(block[0]), u64::from(block[3]) << 32 | u64::from(block[2])]
}

/// The bits of one draw; a `rand` generator, so that every distribution of `rand_distr` works on it. They come in words of 64:
/// two of them are all that most draws need.
#[derive(Clone, Debug)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    words: [u64; 2],
    used: u8,
}

impl Stream {
    /// The next 64 bits.
    #[inline]
    pub fn bits64(&mut self) -> u64 {
        if self.used == 2 {
            self.refill();
        }
        self.used += 1;
        if self.used == 1 { self.words[0] } else { self.words[1] }
    }

    /// Few draws come here: the first block is made in line, the others need not be.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) {
        self.counter[3] += 1;
        self.words = words(philox4x32(self.counter, self.key));
        self.used = 0;
    }

    /// Uniform on [0, 1), in steps of 2^-53.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number below `range`; which of them are likelier by 2^-64 does not matter.
    #[inline]
    pub fn below(&mut self, range: u64) -> u64 {
        ((u128::from(self.bits64()) * u128::from(range)) >> 64) as u64
    }

    /// Two numbers uniform on [0, 1) in steps of 2^-32, for choices among few.
    #[inline]
    pub fn two_units(&mut self) -> (f64, f64) {
        const STEP: f64 = 1.0 / (1u64 << 32) as f64;
        let bits = self.bits64();
        (f64::from(bits as u32) * STEP, f64::from((bits >> 32) as u32) * STEP)
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    #[inline]
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.bits64() as u32)
    }

    #[inline]
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.bits64())
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for bytes in target.chunks_mut(8) {
            bytes.copy_from_slice(&self.bits64().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 (`kat_vectors`, "philox4x32 7").
    #[test]
    fn philox_gives_the_published_answers() {
        let pi = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        let answers = [
            (([0; 4], [0; 2]), [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48]),
            (([u32::MAX; 4], [u32::MAX; 2]), [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662]),
            (pi, [0x4dfc_caba, 0x190a_87f0, 0xc473_62ba, 0xb6b5_242a]),
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

//! The event list: a hierarchical calendar with a sorted current bucket.
//!
//! Five wheels of 256 buckets, from 2^22 ns (four milliseconds) to 2^54 ns (half a year) a bucket; an event goes to the
//! finest wheel on which its time differs from the clock's. When the clock reaches a bucket of a coarse wheel, its events are
//! dealt out to the next finer one; a bucket of the finest wheel is sorted and then consumed. So an event is moved a small
//! fixed number of times however many are pending, and think times of minutes cost no more than those of milliseconds.
//!
//! Where little happens, a second of the next coarser wheel holds no more than a bucket should: it is then taken as a whole.
//!
//! Few wide buckets beat many narrow ones: what is written next then lies on a few hundred cache lines a cell, and a bucket's
//! few dozen events are sorted by a key of eight bytes, without moving them.
//!
//! Buckets are lists of small chunks from one pool: after the first peak nothing is allocated.

use super::free_places::FreePlaces;
use super::session::Session;
use crate::units::Instant;

const FINEST: u32 = 22;
const BITS: u32 = 8;
const LEVELS: usize = 5;
const BUCKETS: usize = 1 << BITS;
/// The last bucket of the coarsest wheel, in buckets of the finest.
const LAST_BUCKET: u64 = (1 << (LEVELS as u32 * BITS)) - 1;
const CHUNK: usize = 16;
/// Chunks of a bucket of the second wheel that is sparse enough to be sorted and consumed as it is.
const SPARSE: usize = 4;
const NONE: u32 = u32::MAX;

/// Sixteen events on eight cache lines of their own.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Chunk([Session; CHUNK]);

/// The first chunk of a bucket, and how many events it holds; all chunks behind it are full. The number stands here and not in
/// the chunk, so that an event can be stored without waiting for a chunk that has left the cache.
#[derive(Clone, Copy, Debug)]
struct Head {
    chunk: u32,
    len: u32,
}

const EMPTY: Head = Head { chunk: NONE, len: CHUNK as u32 };

#[derive(Clone, Debug)]
struct Wheel {
    heads: [Head; BUCKETS],
    /// A bit per bucket that is not empty.
    occupied: [u64; BUCKETS / 64],
}

impl Wheel {
    /// First bucket from `from` on that is not empty.
    #[inline]
    fn next_occupied(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.occupied.get(word)? & (!0 << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.occupied.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

/// Pending events in their total order ([`Session::order`]).
#[derive(Clone, Debug)]
pub struct EventList {
    wheels: Box<[Wheel; LEVELS]>,
    chunks: Vec<Chunk>,
    /// The chunk behind each chunk.
    behind: Vec<u32>,
    free: FreePlaces,
    /// Bucket of the finest wheel that is being consumed, the last one where there are several; everything before them has happened.
    clock: u64,
    /// When what is being consumed begins, ns.
    start: u64,
    /// The current bucket's events, as they came.
    current: Vec<Session>,
    /// Their order: offset within the bucket (high half) and index into `current` (low half).
    keys: Vec<u64>,
    /// How many of them have been taken.
    taken: usize,
    /// Events that came into the current bucket while it was consumed: a binary heap, earliest at the root.
    late: Vec<Session>,
    /// Up to when nothing is pending, as seen by whoever last looked for it; nothing is known after an event has come.
    quiet_until: u64,
    len: usize,
}

impl Default for EventList {
    fn default() -> Self {
        let wheel = Wheel { heads: [EMPTY; BUCKETS], occupied: [0; BUCKETS / 64] };
        EventList {
            wheels: Box::new(std::array::from_fn(|_| wheel.clone())),
            chunks: Vec::new(),
            behind: Vec::new(),
            free: FreePlaces::default(),
            clock: 0,
            start: 0,
            current: Vec::new(),
            keys: Vec::new(),
            taken: 0,
            late: Vec::new(),
            quiet_until: 0,
            len: 0,
        }
    }
}

impl EventList {
    /// A list whose clock stands at `now`.
    #[must_use]
    pub fn starting_at(now: Instant) -> Self {
        EventList { clock: (now.0 >> FINEST).min(LAST_BUCKET), ..EventList::default() }
    }

    /// Number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an event; its time must not lie before the last event taken.
    #[inline]
    pub fn push(&mut self, event: Session) {
        self.len += 1;
        self.quiet_until = 0;
        self.place(event);
    }

    #[inline]
    fn place(&mut self, event: Session) {
        // Past the last bucket of the coarsest wheel, 146 years from the origin, everything waits in that one: no run gets there.
        let bucket = (event.time.0 >> FINEST).min(LAST_BUCKET);
        if bucket <= self.clock {
            return heap_push(&mut self.late, event);
        }
        let level = ((bucket ^ self.clock).ilog2() / BITS) as usize;
        let slot = (bucket >> (level as u32 * BITS)) as usize % BUCKETS;
        let head = &mut self.wheels[level].heads[slot];
        if (head.len as usize) < CHUNK {
            self.chunks[head.chunk as usize].0[head.len as usize] = event;
            head.len += 1;
        } else {
            self.add_chunk(level, slot, event);
        }
    }

    #[inline(never)]
    fn add_chunk(&mut self, level: usize, slot: usize, event: Session) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.chunks.push(Chunk([Session::default(); CHUNK]));
            self.behind.push(NONE);
            self.chunks.len() as u32 - 1
        });
        self.chunks[index as usize].0[0] = event;
        let wheel = &mut self.wheels[level];
        let head = std::mem::replace(&mut wheel.heads[slot], Head { chunk: index, len: 1 });
        self.behind[index as usize] = head.chunk;
        wheel.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Whether it is known without a search that nothing is pending before `end`.
    #[must_use]
    #[inline]
    pub fn is_quiet_before(&self, end: u64) -> bool {
        end <= self.quiet_until
    }

    /// Takes the earliest event, if it lies before `end`.
    #[inline]
    pub fn pop_before(&mut self, end: u64) -> Option<Session> {
        loop {
            let next = self.keys.get(self.taken).map(|&key| self.start + (key >> 32));
            match (next, self.late.first()) {
                (Some(time), None) => return (time < end).then(|| self.take_current()),
                (None, None) => {
                    if !self.advance(end) {
                        return None;
                    }
                }
                (_, Some(late)) => {
                    return (late.time.0.min(next.unwrap_or(u64::MAX)) < end).then(|| self.take_either());
                }
            }
        }
    }

    #[inline]
    fn take_current(&mut self) -> Session {
        let event = self.current[self.keys[self.taken] as u32 as usize];
        self.taken += 1;
        self.len -= 1;
        event
    }

    /// Takes the earlier one of the current bucket's next event and the earliest late one, of which there is one.
    fn take_either(&mut self) -> Session {
        if let Some(&key) = self.keys.get(self.taken)
            && self.current[key as u32 as usize].order() < self.late[0].order()
        {
            return self.take_current();
        }
        self.len -= 1;
        heap_pop(&mut self.late)
    }

    /// Most of the pending events before `end`, some later ones, in no order that means anything: for looking ahead at what they
    /// will need.
    pub fn soon(&self, end: u64) -> impl Iterator<Item = &Session> {
        let last = end.saturating_sub(1) >> FINEST;
        // The two finest wheels: what lies on the others is not dealt out before its bucket begins.
        self.wheels.iter().zip([0, BITS]).flat_map(move |(wheel, shift)| {
            let (position, last) = (self.clock >> shift, last >> shift);
            // Past the end of the wheel, everything on it comes before `end`.
            let until = if last >> BITS > position >> BITS { BUCKETS - 1 } else { last as usize % BUCKETS };
            let from = position as usize % BUCKETS + 1;
            let next = move |from: usize| wheel.next_occupied(from).filter(|&slot| slot <= until);
            let slots = std::iter::successors(next(from), move |&slot| next(slot + 1));
            slots.flat_map(|slot| self.events_of(wheel.heads[slot]))
        })
    }

    /// The events of a bucket.
    fn events_of(&self, head: Head) -> impl Iterator<Item = &Session> {
        let Head { chunk: mut index, mut len } = head;
        let chunks = std::iter::from_fn(move || {
            let chunk = self.chunks.get(index as usize)?;
            index = self.behind[index as usize];
            Some(&chunk.0[..std::mem::replace(&mut len, CHUNK as u32) as usize])
        });
        chunks.flatten()
    }

    /// Moves the clock to the next bucket with events, if it begins before `end`; whether events are now ready to be taken.
    fn advance(&mut self, end: u64) -> bool {
        self.current.clear();
        self.keys.clear();
        self.taken = 0;
        let mut level = 0;
        while level < LEVELS {
            let shift = level as u32 * BITS;
            let position = self.clock >> shift;
            let found = self.wheels[level].next_occupied((position as usize % BUCKETS) + 1);
            let Some(slot) = found else {
                level += 1;
                continue;
            };
            let bucket = (position & !(BUCKETS as u64 - 1) | slot as u64) << shift;
            if bucket << FINEST >= end {
                self.quiet_until = bucket << FINEST;
                return false;
            }
            self.start = bucket << FINEST;
            if level == 0 || level == 1 && self.is_sparse(slot) {
                self.clock = bucket | ((1 << shift) - 1);
                self.consume(level, slot);
                return true;
            }
            self.clock = bucket;
            self.deal_out(level, slot);
            if !self.late.is_empty() {
                return true;
            }
            level = 0;
        }
        self.quiet_until = u64::MAX;
        false
    }

    /// Whether a bucket of the second wheel holds no more than a few chunks.
    fn is_sparse(&self, slot: usize) -> bool {
        let first = self.wheels[1].heads[slot].chunk;
        let next = |&chunk: &u32| Some(self.behind[chunk as usize]).filter(|&chunk| chunk != NONE);
        std::iter::successors(Some(first), next).nth(SPARSE).is_none()
    }

    /// Takes a bucket off its wheel.
    fn take_off(&mut self, level: usize, slot: usize) -> Head {
        let wheel = &mut self.wheels[level];
        wheel.occupied[slot / 64] &= !(1 << (slot % 64));
        std::mem::replace(&mut wheel.heads[slot], EMPTY)
    }

    /// Makes a bucket the current one.
    fn consume(&mut self, level: usize, slot: usize) {
        let Head { mut chunk, len } = self.take_off(level, slot);
        let mut len = len as usize;
        while chunk != NONE {
            self.current.extend_from_slice(&self.chunks[chunk as usize].0[..len]);
            self.free.insert(chunk);
            chunk = self.behind[chunk as usize];
            len = CHUNK;
        }
        self.sort_current();
    }

    /// Moves the events of a bucket that the clock has reached to the finer wheels.
    fn deal_out(&mut self, level: usize, slot: usize) {
        let Head { mut chunk, len } = self.take_off(level, slot);
        let mut len = len as usize;
        while chunk != NONE {
            for position in 0..len {
                let event = self.chunks[chunk as usize].0[position];
                self.place(event);
            }
            self.free.insert(chunk);
            chunk = self.behind[chunk as usize];
            len = CHUNK;
        }
    }

    /// Orders the current bucket: by time, and where times are equal by the whole order.
    fn sort_current(&mut self) {
        let start = self.start;
        let keys =
            self.current.iter().zip(0u64..).map(|(event, index)| (event.time.0 - start).min(0xFFFF_FFFF) << 32 | index);
        self.keys.extend(keys);
        self.keys.sort_unstable();
        if self.keys.windows(2).any(|pair| pair[0] >> 32 == pair[1] >> 32) {
            let current = &self.current;
            self.keys.sort_unstable_by_key(|&key| current[key as u32 as usize].order());
        }
    }

    /// All pending events, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        let on_wheels = self.wheels.iter().flat_map(|wheel| &wheel.heads).flat_map(|&head| self.events_of(head));
        let current = self.keys[self.taken..].iter().map(|&key| &self.current[key as u32 as usize]);
        current.chain(&self.late).chain(on_wheels)
    }
}

fn heap_push(heap: &mut Vec<Session>, event: Session) {
    heap.push(event);
    let mut child = heap.len() - 1;
    while child > 0 {
        let parent = (child - 1) / 2;
        if heap[parent].order() <= heap[child].order() {
            break;
        }
        heap.swap(parent, child);
        child = parent;
    }
}

/// Takes the root of a heap that is not empty.
fn heap_pop(heap: &mut Vec<Session>) -> Session {
    let top = heap.swap_remove(0);
    let last = heap.len();
    let mut parent = 0;
    loop {
        let left = 2 * parent + 1;
        if left >= last {
            return top;
        }
        let right = left + 1;
        let child = if right < last && heap[right].order() < heap[left].order() { right } else { left };
        if heap[parent].order() <= heap[child].order() {
            return top;
        }
        heap.swap(parent, child);
        parent = child;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::session::Phase;
    use crate::rng::{Draws, Name, Purpose};
    use std::collections::BTreeSet;

    fn event(time: u64, shopper: u32) -> Session {
        let mut session = Session::new(Instant(time), shopper, 0, 0);
        session.wait_for(Phase::ThinkEnd, Instant(time));
        session
    }

    /// A hold model with delays from nanoseconds to weeks against an ordered set, event by event.
    #[test]
    fn agrees_with_an_ordered_set() {
        let mut list = EventList::default();
        let mut set = BTreeSet::new();
        let name = Name { subject: 1, session: 0, visit: 0, purpose: Purpose::Visit, item: 0 };
        let mut stream = Draws::new(1).stream(name);
        let mut delay = move || {
            let magnitude = stream.bits64() % 50;
            stream.bits64() & ((1 << magnitude) - 1)
        };
        for shopper in 0..2000 {
            let time = delay();
            list.push(event(time, shopper));
            set.insert((time, shopper));
        }
        for step in 0..50_000 {
            assert_eq!(list.len(), set.len());
            let (time, shopper) = set.pop_first().expect("the set never runs empty");
            assert!(!list.is_quiet_before(time + 1), "step {step}");
            assert!(list.pop_before(time).is_none(), "step {step}");
            let taken = list.pop_before(time + 1).expect("an event is pending");
            assert_eq!((taken.time.0, taken.shopper), (time, shopper), "step {step}");
            let next = time + delay();
            list.push(event(next, shopper));
            set.insert((next, shopper));
        }
        let mut pending: Vec<_> = list.iter().map(|e| (e.time.0, e.shopper)).collect();
        pending.sort_unstable();
        assert_eq!(pending, set.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_far_future_has_a_place() {
        let mut list = EventList::default();
        for time in [1 << 62, u64::MAX, 7] {
            list.push(event(time, 1));
        }
        assert_eq!(list.pop_before(1 << 60).map(|e| e.time.0), Some(7));
        assert_eq!(list.pop_before(1 << 59), None);
        assert_eq!(list.iter().count(), 2);
    }

    #[test]
    fn what_comes_soon_is_seen() {
        let mut list = EventList::default();
        let times = [0, 5 << 20, 900_000_000, 1_500_000_000, 7_000_000_000, 200_000_000_000, 500_000_000_000];
        times.iter().zip(0..).for_each(|(&time, shopper)| list.push(event(time, shopper)));
        for end in [6 << 20, 1_000_000_000, 2_000_000_000, 100_000_000_000] {
            let seen: BTreeSet<u64> = list.soon(end).map(|event| event.time.0).collect();
            // The first lies in the current bucket, the last beyond the second wheel.
            assert!(times[1..].iter().filter(|&&time| time < end).all(|time| seen.contains(time)), "{end}: {seen:?}");
            assert!(seen.iter().all(|&time| time < end + (1 << (FINEST + BITS))), "{end}: {seen:?}");
        }
    }

    #[test]
    fn nothing_is_shown_at_or_past_the_end() {
        let mut list = EventList::default();
        list.push(event(5_000_000_000, 1));
        assert_eq!(list.pop_before(5_000_000_000), None);
        list.push(event(3, 2));
        assert_eq!(list.pop_before(5_000_000_001).map(|e| e.shopper), Some(2));
        assert_eq!(list.pop_before(u64::MAX).map(|e| e.shopper), Some(1));
        assert_eq!(list.pop_before(u64::MAX), None);
        assert!(list.is_empty());
    }
}

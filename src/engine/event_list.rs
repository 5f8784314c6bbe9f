//! The event list: a hierarchical calendar with a sorted current bucket.
//!
//! Four wheels of 1024 buckets, from 2^20 ns (about a millisecond) to 2^50 ns (13 days) a bucket; an event goes to the
//! finest wheel on which its time differs from the clock's. When the clock reaches a bucket of a coarse wheel, its events are
//! dealt out to the next finer one; a bucket of the finest wheel is sorted and then consumed. So an event is moved a small
//! fixed number of times however many are pending, and think times of minutes cost no more than those of milliseconds.
//!
//! Buckets are lists of small chunks from one pool: after the first peak nothing is allocated.

use super::session::Session;
use crate::units::Instant;

const FINEST: u32 = 20;
const BITS: u32 = 10;
const LEVELS: usize = 4;
const BUCKETS: usize = 1 << BITS;
/// The last bucket of the coarsest wheel, in buckets of the finest.
const LAST_BUCKET: u64 = (1 << (LEVELS as u32 * BITS)) - 1;
const CHUNK: usize = 16;
const NONE: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Chunk {
    events: [Session; CHUNK],
    next: u32,
}

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
    heads: Vec<Head>,
    /// A bit per bucket that is not empty.
    occupied: [u64; BUCKETS / 64],
}

impl Wheel {
    /// First bucket from `from` on that is not empty.
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
    wheels: [Wheel; LEVELS],
    chunks: Vec<Chunk>,
    free: u32,
    /// Bucket of the finest wheel that is being consumed; everything before it has happened.
    clock: u64,
    /// The current bucket's events, latest first.
    current: Vec<Session>,
    /// Events that came into the current bucket while it was consumed: a binary heap, earliest at the root.
    late: Vec<Session>,
    /// Whether `current` has been filled since it was last asked for.
    refilled: bool,
    len: usize,
}

impl Default for EventList {
    fn default() -> Self {
        let wheel = Wheel { heads: vec![EMPTY; BUCKETS], occupied: [0; BUCKETS / 64] };
        EventList {
            wheels: std::array::from_fn(|_| wheel.clone()),
            chunks: Vec::new(),
            free: NONE,
            clock: 0,
            current: Vec::new(),
            late: Vec::new(),
            refilled: false,
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
        self.place(event);
    }

    #[inline]
    fn place(&mut self, event: Session) {
        // Past the last bucket of the coarsest wheel, 36 years from the origin, everything waits in that one: no run gets there.
        let bucket = (event.time.0 >> FINEST).min(LAST_BUCKET);
        if bucket <= self.clock {
            return heap_push(&mut self.late, event);
        }
        let level = ((bucket ^ self.clock).ilog2() / BITS) as usize;
        let slot = (bucket >> (level as u32 * BITS)) as usize % BUCKETS;
        let head = &mut self.wheels[level].heads[slot];
        if (head.len as usize) < CHUNK {
            self.chunks[head.chunk as usize].events[head.len as usize] = event;
            head.len += 1;
        } else {
            self.add_chunk(level, slot, event);
        }
    }

    #[cold]
    fn add_chunk(&mut self, level: usize, slot: usize, event: Session) {
        let mut index = self.free;
        if index == NONE {
            index = self.chunks.len() as u32;
            self.chunks.push(Chunk { events: [Session::default(); CHUNK], next: NONE });
        } else {
            self.free = self.chunks[index as usize].next;
        }
        let chunk = &mut self.chunks[index as usize];
        chunk.events[0] = event;
        let head = std::mem::replace(&mut self.wheels[level].heads[slot], Head { chunk: index, len: 1 });
        chunk.next = head.chunk;
        self.wheels[level].occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// The earliest event's time and rank, if it lies before `end`.
    #[inline]
    pub fn peek_before(&mut self, end: Instant) -> Option<(u64, u64)> {
        if self.current.is_empty() && self.late.is_empty() && !self.advance(end) {
            return None;
        }
        let order = match (self.current.last(), self.late.first()) {
            (Some(a), Some(b)) => a.order().min(b.order()),
            (Some(only), None) | (None, Some(only)) => only.order(),
            (None, None) => return None,
        };
        (order.0 < end.0).then_some(order)
    }

    /// Takes the event that [`Self::peek_before`] has just shown.
    #[inline]
    pub fn pop(&mut self) -> Option<Session> {
        let late_first = match (self.current.last(), self.late.first()) {
            (Some(a), Some(b)) => b.order() < a.order(),
            (None, Some(_)) => true,
            _ => false,
        };
        let event = if late_first { heap_pop(&mut self.late) } else { self.current.pop() };
        self.len -= usize::from(event.is_some());
        event
    }

    /// The events that the next takes will give, latest first, once each time a new bucket is begun; none in between. For
    /// looking ahead at what they will need.
    #[inline]
    pub fn newly_current(&mut self) -> &[Session] {
        if std::mem::take(&mut self.refilled) { &self.current } else { &[] }
    }

    /// Moves the clock to the next bucket with events, if it begins before `end`; sorts it.
    fn advance(&mut self, end: Instant) -> bool {
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
            if bucket << FINEST >= end.0 {
                return false;
            }
            self.clock = bucket;
            if self.take_bucket(level, slot) {
                return true;
            }
            level = 0;
        }
        false
    }

    /// Empties a bucket at the clock: from the finest wheel into `current`, else to the finer wheels. Whether events are now
    /// ready to be taken.
    fn take_bucket(&mut self, level: usize, slot: usize) -> bool {
        let Head { chunk: mut index, len } = std::mem::replace(&mut self.wheels[level].heads[slot], EMPTY);
        let mut len = len as usize;
        self.wheels[level].occupied[slot / 64] &= !(1 << (slot % 64));
        while index != NONE {
            let next = self.chunks[index as usize].next;
            if level == 0 {
                self.current.extend_from_slice(&self.chunks[index as usize].events[..len]);
            } else {
                for position in 0..len {
                    let event = self.chunks[index as usize].events[position];
                    self.place(event);
                }
            }
            self.chunks[index as usize].next = self.free;
            self.free = index;
            index = next;
            len = CHUNK;
        }
        self.refilled = true;
        self.current.sort_unstable_by_key(|event| std::cmp::Reverse(event.order()));
        !(self.current.is_empty() && self.late.is_empty())
    }

    /// All pending events, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Session> {
        let chunks = self.wheels.iter().flat_map(|wheel| &wheel.heads).flat_map(move |&head| {
            let Head { chunk: mut index, mut len } = head;
            std::iter::from_fn(move || {
                let chunk = self.chunks.get(index as usize)?;
                index = chunk.next;
                Some(&chunk.events[..std::mem::replace(&mut len, CHUNK as u32) as usize])
            })
        });
        self.current.iter().chain(&self.late).chain(chunks.flatten())
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

fn heap_pop(heap: &mut Vec<Session>) -> Option<Session> {
    let last = heap.len().checked_sub(1)?;
    heap.swap(0, last);
    let top = heap.pop();
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
            let magnitude = stream.bits32() % 50;
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
            assert!(list.peek_before(Instant(time)).is_none_or(|order| order.0 < time), "step {step}");
            assert_eq!(list.peek_before(Instant(time + 1)).map(|order| order.0), Some(time), "step {step}");
            let taken = list.pop().expect("an event was shown");
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
        assert_eq!(list.peek_before(Instant(1 << 60)).map(|order| order.0), Some(7));
        assert_eq!(list.pop().map(|e| e.time.0), Some(7));
        assert_eq!(list.peek_before(Instant(1 << 59)), None);
        assert_eq!(list.iter().count(), 2);
    }

    #[test]
    fn nothing_is_shown_at_or_past_the_end() {
        let mut list = EventList::default();
        list.push(event(5_000_000_000, 1));
        assert_eq!(list.peek_before(Instant(5_000_000_000)), None);
        list.push(event(3, 2));
        assert_eq!(list.peek_before(Instant(5_000_000_001)).map(|order| order.0), Some(3));
        assert_eq!(list.pop().map(|e| e.shopper), Some(2));
        assert_eq!(list.peek_before(Instant(u64::MAX)).map(|order| order.0), Some(5_000_000_000));
        assert_eq!(list.pop().map(|e| e.shopper), Some(1));
        assert!(list.is_empty());
    }
}

//! A service's servers in one cell: c workers behind one bounded FIFO queue.
//!
//! First come, first served without pre-emption, on workers that stay: so the moment at which a request will start is known
//! when it arrives. It is the earliest moment at which a worker is free of all requests accepted before (Kiefer and Wolfowitz,
//! "On the theory of queues with many servers", 1955). The station therefore keeps one number per busy worker and needs no
//! event of its own: response, time-out and wasted work all follow at once. A client that has given up changes nothing here, its
//! request keeps its place and its worker, as on a real server that is not told.
//!
//! While workers are idle only their number matters, not who will be free next: the busy ones are then kept in no order, and
//! those that have become free are struck off together once the list is as long as there are workers. Only when hardly any
//! worker is idle is the list made a heap.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Most work and waiting that a station that was read from a file may have seen, ns: far more than any run brings, and far less
/// than 128 bits count.
pub(super) const MOST_SEEN: u128 = 1 << 100;
/// Likewise, the longest queue.
pub(super) const LONGEST_SEEN: u64 = 1 << 40;

/// The servers of one service in one cell. Times in nanoseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Station {
    /// Workers; zero: no limit.
    workers: usize,
    /// When each busy worker will be free of all it has accepted, and some that are free by now; never more than workers.
    free_at: Vec<u64>,
    /// Whether `free_at` is a binary heap, earliest at the root.
    ordered: bool,
    /// Starts of accepted requests that still wait, in order.
    starts: VecDeque<u64>,
    places: u64,
    /// Work accepted so far, and time waited by those accepted so far.
    work: u128,
    waited: u128,
    /// The same as seen at the last reading, less what then lay in the future.
    read: (u128, u128),
    /// Work and waiting of all that had been accepted by then.
    taken: u128,
    longest_queue: u64,
}

/// What a station did between two readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Worker time spent serving, ns.
    pub busy: u128,
    /// Time spent waiting by all requests, ns: the mean queue times the interval.
    pub queued: u128,
    /// Most requests waiting at once.
    pub longest_queue: u64,
    /// Time that instances stood, ns; kept at desks only, where their number may change.
    pub standing: u128,
    /// Worker time that there was for serving, ns, kept likewise. Of instances that are to go it is what they still serve.
    pub capacity: u128,
    /// Time that requests are at the service, each from its arrival to its end, ns: of a station those that it accepted, of a desk
    /// those that left it.
    pub stayed: u128,
}

impl Station {
    /// A station of `workers` workers and `places` waiting places; zero workers serve without limit.
    #[must_use]
    pub fn new(workers: usize, places: u64) -> Self {
        Station {
            workers,
            free_at: Vec::new(),
            ordered: false,
            starts: VecDeque::new(),
            places,
            work: 0,
            waited: 0,
            read: (0, 0),
            taken: 0,
            longest_queue: 0,
        }
    }

    /// A request that arrives now and needs `service`: when it will start, or `None` where the queue is full.
    #[inline]
    pub fn offer(&mut self, now: u64, service: u64) -> Option<u64> {
        if self.workers == 0 {
            return Some(now);
        }
        if self.free_at.len() == self.workers {
            self.forget_idle(now);
        }
        if self.free_at.len() < self.workers {
            self.work += u128::from(service);
            self.start_worker(now.saturating_add(service));
            return Some(now);
        }
        self.forget_started(now);
        if self.starts.len() as u64 >= self.places {
            return None;
        }
        let start = self.free_at[0];
        self.starts.push_back(start);
        self.longest_queue = self.longest_queue.max(self.starts.len() as u64);
        self.waited += u128::from(start - now);
        self.work += u128::from(service);
        self.sink(0, start.saturating_add(service));
        Some(start)
    }

    /// Workers that were busy up to now.
    #[must_use]
    pub fn busy_before(&self, now: u64) -> u64 {
        self.free_at.iter().filter(|&&free| free >= now).count() as u64
    }

    /// Requests that waited up to now.
    #[must_use]
    pub fn waiting_before(&self, now: u64) -> u64 {
        self.starts.iter().filter(|&&start| start >= now).count() as u64
    }

    /// Requests that wait now.
    pub fn waiting(&mut self, now: u64) -> u64 {
        self.forget_started(now);
        self.starts.len() as u64
    }

    /// Strikes off workers that are free by now; keeps the others as a heap where few are idle.
    fn forget_idle(&mut self, now: u64) {
        if self.ordered {
            while self.free_at.first().is_some_and(|&free| free <= now) {
                if let Some(last) = self.free_at.pop()
                    && !self.free_at.is_empty()
                {
                    self.sink(0, last);
                }
            }
        } else {
            self.free_at.retain(|&free| free > now);
        }
        // A sweep costs as much as there are workers: it pays while it frees a good part of them.
        let busy = self.free_at.len();
        let ordered = busy >= self.workers - self.workers / if self.ordered { 4 } else { 8 };
        if ordered && !self.ordered {
            for parent in (0..busy / 2).rev() {
                let until = self.free_at[parent];
                self.sink(parent, until);
            }
        }
        self.ordered = ordered;
    }

    /// An idle worker becomes busy.
    #[inline]
    fn start_worker(&mut self, until: u64) {
        let heap = &mut self.free_at;
        heap.push(until);
        if !self.ordered {
            return;
        }
        let mut child = heap.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if heap[parent] <= until {
                break;
            }
            heap[child] = heap[parent];
            child = parent;
        }
        heap[child] = until;
    }

    fn forget_started(&mut self, now: u64) {
        while self.starts.front().is_some_and(|&start| start <= now) {
            self.starts.pop_front();
        }
    }

    /// Replaces an entry of the heap by another time, not earlier, which sinks to its place.
    #[inline]
    fn sink(&mut self, mut parent: usize, until: u64) {
        let heap = &mut self.free_at;
        loop {
            let left = 2 * parent + 1;
            if left >= heap.len() {
                break;
            }
            let right = left + 1;
            let child = if right < heap.len() && heap[right] < heap[left] { right } else { left };
            if heap[child] >= until {
                break;
            }
            heap[parent] = heap[child];
            parent = child;
        }
        heap[parent] = until;
    }

    /// Whether a station that was read from a file, at an instant up to which it has worked, can go on in place of `fresh`.
    #[must_use]
    pub fn can_replace(&self, fresh: &Station, now: u64) -> bool {
        let (ahead, waiting) = self.outstanding(now);
        let done = |seen: u128, outstanding: u128, read: u128| {
            seen <= MOST_SEEN && seen.checked_sub(outstanding).is_some_and(|done| done >= read)
        };
        (self.workers, self.places) == (fresh.workers, fresh.places)
            && self.free_at.len() <= self.workers
            && (!self.ordered
                || (1..self.free_at.len()).all(|child| self.free_at[(child - 1) / 2] <= self.free_at[child]))
            && self.starts.len() as u64 <= self.places
            && self.starts.iter().is_sorted()
            && self.longest_queue <= self.places.min(LONGEST_SEEN)
            && done(self.work, ahead, self.read.0)
            && done(self.waited, waiting, self.read.1)
            && (self.read.0 + self.read.1..=self.work + self.waited).contains(&self.taken)
    }

    /// Accepted work, and waiting of those accepted, that lie after `now`.
    fn outstanding(&self, now: u64) -> (u128, u128) {
        let after = |times: &mut dyn Iterator<Item = &u64>| -> u128 {
            times.map(|&time| u128::from(time.saturating_sub(now))).sum()
        };
        // A worker that is free at f > now works without a pause until f.
        (after(&mut self.free_at.iter()), after(&mut self.starts.iter()))
    }

    /// What happened since the last reading, up to `now`; no request may have arrived later than that.
    pub fn read(&mut self, now: u64) -> Reading {
        // Who starts at this very instant has waited up to it, as a switch may ask.
        self.forget_started(now.saturating_sub(1));
        let (ahead, waiting) = self.outstanding(now);
        let done = (self.work - ahead, self.waited - waiting);
        let (busy, queued) = (done.0 - self.read.0, done.1 - self.read.1);
        let taken = self.work + self.waited;
        let stayed = taken - self.taken;
        let reading = Reading { busy, queued, longest_queue: self.longest_queue, stayed, ..Reading::default() };
        (self.read, self.taken) = (done, taken);
        self.longest_queue = self.starts.iter().filter(|&&start| start > now).count() as u64;
        reading
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_worker_serves_in_order() {
        let mut station = Station::new(1, 2);
        assert_eq!(station.offer(0, 10), Some(0));
        assert_eq!(station.offer(1, 10), Some(10));
        assert_eq!(station.offer(2, 10), Some(20));
        assert_eq!(station.offer(3, 10), None, "both places are taken");
        assert_eq!(station.offer(10, 10), Some(30), "at 10 the second has started");
        assert_eq!(station.offer(40, 5), Some(40), "free at the instant of the arrival");
    }

    #[test]
    fn two_workers_take_the_earliest() {
        let mut station = Station::new(2, 9);
        assert_eq!(station.offer(0, 10), Some(0));
        assert_eq!(station.offer(0, 4), Some(0));
        assert_eq!(station.offer(1, 1), Some(4));
        assert_eq!(station.offer(1, 1), Some(5));
        assert_eq!(station.offer(1, 100), Some(6));
        assert_eq!(station.offer(1, 1), Some(10));
    }

    /// Busy and queued time by definition: the overlap of each service, and of each wait, with the interval.
    #[test]
    fn readings_are_overlaps_with_the_interval() {
        let mut station = Station::new(2, 100);
        let mut services = Vec::new();
        let mut waits = Vec::new();
        for step in 0..300u64 {
            let (now, service) = (step * 7, step * step % 31);
            if let Some(start) = station.offer(now, service) {
                waits.push((now, start));
                services.push((start, start + service));
            }
            if step % 50 == 49 {
                let overlap = |spans: &[(u64, u64)]| -> u128 {
                    let (from, until) = ((step - 49) * 7, now);
                    let from = if step == 49 { 0 } else { from - 7 };
                    spans.iter().map(|&(a, b)| u128::from(b.min(until).saturating_sub(a.max(from)))).sum()
                };
                let reading = station.read(now);
                assert_eq!(reading.busy, overlap(&services), "step {step}");
                assert_eq!(reading.queued, overlap(&waits), "step {step}");
            }
        }
    }

    /// Every request starts when the earliest of the workers is free, whatever order the station keeps them in.
    #[test]
    fn order_of_the_busy_is_no_matter() {
        let (mut station, mut workers) = (Station::new(24, u64::MAX), [0u64; 24]);
        let mut state = 1u64;
        let mut now = 0;
        for step in 0..20_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Load swings from a tenth to one and a half.
            now += (state >> 33) % (10 + 130 * (step / 1000 % 3));
            let service = (state >> 40) % 1000;
            let earliest = workers.iter_mut().min().expect("there are workers");
            let start = now.max(*earliest);
            *earliest = start + service;
            assert_eq!(station.offer(now, service), Some(start), "step {step}");
        }
    }

    #[test]
    fn without_workers_there_is_no_limit() {
        let mut station = Station::new(0, 0);
        assert!((0..100).all(|_| station.offer(5, 1000) == Some(5)));
        assert_eq!(station.read(10), Reading::default());
    }
}

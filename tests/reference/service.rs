//! A service in a cell as an event-driven queue: workers that each hold a request, and a line of requests that wait.
//!
//! For plain services the engine never does this. It reckons when a request will start as soon as it comes, and has neither workers
//! nor events.

use saleload::units::Instant;
use std::collections::VecDeque;

/// Number of a request.
pub(crate) type RequestId = usize;

/// What becomes of a request that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A worker takes it at once.
    AtWorker,
    /// It waits.
    InQueue,
    /// There is none.
    Nowhere,
}

/// The workers of a service in one cell and their common queue.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// How many there are; `None` where the service is a delay without workers. While instances go, more may still be busy.
    pub(crate) workers: Option<usize>,
    /// What they work on.
    busy: Vec<RequestId>,
    pub(crate) queue: VecDeque<RequestId>,
    pub(crate) places: u64,
    /// When those who were accepted came.
    pub(crate) accepted: Vec<Instant>,
    /// When the queue last ceased to be empty.
    pub(crate) not_empty_since: Instant,
}

impl Service {
    pub(crate) fn new(workers: Option<usize>, places: u64) -> Self {
        let (busy, queue) = (Vec::new(), VecDeque::new());
        Service { workers, busy, queue, places, accepted: Vec::new(), not_empty_since: Instant(0) }
    }

    /// A request arrives.
    pub(crate) fn take(&mut self, request: RequestId, now: Instant) -> Place {
        if self.workers.is_none() {
            return Place::AtWorker;
        }
        if self.has_idle_worker() {
            assert!(self.queue.is_empty(), "nobody waits while a worker is idle");
            self.busy.push(request);
            self.accepted.push(now);
            Place::AtWorker
        } else if (self.queue.len() as u64) < self.places {
            self.accepted.push(now);
            if self.queue.is_empty() {
                self.not_empty_since = now;
            }
            self.queue.push_back(request);
            Place::InQueue
        } else {
            Place::Nowhere
        }
    }

    /// A worker has finished a request; the request that it takes up next.
    pub(crate) fn finish(&mut self, request: RequestId) -> Option<RequestId> {
        self.workers?;
        self.release(request);
        let next = self.queue.pop_front();
        self.busy.extend(next);
        next
    }

    pub(crate) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Requests that wait or are served.
    pub(crate) fn load(&self) -> usize {
        self.queue.len() + self.busy.len()
    }

    /// Requests that are served, in the order in which they came.
    pub(crate) fn served(&self) -> Vec<RequestId> {
        let mut served = self.busy.clone();
        served.sort_unstable();
        served
    }

    pub(crate) fn has_idle_worker(&self) -> bool {
        self.workers.is_some_and(|workers| self.busy.len() < workers)
    }

    /// An idle worker takes a request up.
    pub(crate) fn occupy(&mut self, request: RequestId) {
        assert!(self.has_idle_worker(), "a worker is idle");
        self.busy.push(request);
    }

    /// Whoever works on a request lets go of it.
    pub(crate) fn release(&mut self, request: RequestId) {
        let at = self.busy.iter().position(|&of_worker| of_worker == request).expect("somebody worked on it");
        self.busy.remove(at);
    }
}

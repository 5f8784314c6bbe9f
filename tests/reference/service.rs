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
    /// What each worker works on; `None` where the service is a delay without workers.
    workers: Option<Vec<Option<RequestId>>>,
    pub(crate) queue: VecDeque<RequestId>,
    places: u64,
    /// When those who were accepted came.
    pub(crate) accepted: Vec<Instant>,
    /// When the queue last ceased to be empty.
    pub(crate) not_empty_since: Instant,
}

impl Service {
    pub(crate) fn new(workers: Option<usize>, places: u64) -> Self {
        Service {
            workers: workers.map(|workers| vec![None; workers]),
            queue: VecDeque::new(),
            places,
            accepted: Vec::new(),
            not_empty_since: Instant(0),
        }
    }

    /// A request arrives.
    pub(crate) fn take(&mut self, request: RequestId, now: Instant) -> Place {
        let Some(workers) = &mut self.workers else { return Place::AtWorker };
        if let Some(idle) = workers.iter_mut().find(|worker| worker.is_none()) {
            assert!(self.queue.is_empty(), "nobody waits while a worker is idle");
            *idle = Some(request);
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
        let workers = self.workers.as_mut()?;
        let worker = workers.iter_mut().find(|worker| **worker == Some(request)).expect("somebody worked on it");
        *worker = self.queue.pop_front();
        *worker
    }

    pub(crate) fn has_queue(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Requests that wait or are served.
    pub(crate) fn load(&self) -> usize {
        self.queue.len() + self.workers.iter().flatten().flatten().count()
    }

    pub(crate) fn has_idle_worker(&self) -> bool {
        self.workers.as_ref().is_some_and(|workers| workers.contains(&None))
    }

    /// An idle worker takes a request up.
    pub(crate) fn occupy(&mut self, request: RequestId) {
        let idle = self.workers.iter_mut().flatten().find(|worker| worker.is_none());
        *idle.expect("a worker is idle") = Some(request);
    }

    /// Whoever works on a request lets go of it.
    pub(crate) fn release(&mut self, request: RequestId) {
        let worker = self.workers.iter_mut().flatten().find(|worker| **worker == Some(request));
        *worker.expect("somebody worked on it") = None;
    }
}

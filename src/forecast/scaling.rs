//! What autoscalers make of the forecast: the engine's own rule, fed with a fluid that waits where there is more than capacity.

use super::flow::Flow;
use crate::engine::scaler::Scaler;
use crate::plan::capacity::{Autoscaler, Capacity, ScalingTarget, Step};
use crate::plan::{Plan, Pool, ServiceId};
use crate::units::Instant;

/// By service, the instances that its autoscaler lets serve from certain times on; `None`: it has none.
pub(super) fn all(plan: &Plan, flows: &[Flow]) -> Vec<Option<Capacity>> {
    let scaled = |id: ServiceId| {
        let service = &plan.services[id];
        let (pool, capacity) = (service.pool.as_ref()?, service.capacity()?);
        let settings = capacity.autoscaler.as_ref()?;
        let demand = flows.iter().flat_map(|flow| {
            let slot = |slot: usize| Slot {
                from: flow.instant(slot),
                until: flow.instant(slot + 1),
                rate: flow.passed(id)[slot] / flow.seconds(slot),
            };
            (0..flow.slots()).map(slot)
        });
        let queue = Queue { each: plan.holding_secs(id), pool, waiting: 0.0, seen: Seen::default() };
        let steps = follow(id, settings, capacity, queue, &demand.collect::<Vec<_>>());
        Some(Capacity { steps, ..Capacity::default() })
    };
    (0..plan.services.len()).map(scaled).collect()
}

/// A time with a steady rate of requests a second.
struct Slot {
    from: Instant,
    until: Instant,
    rate: f64,
}

/// A queue as a fluid.
struct Queue<'a> {
    /// Time of a worker per request, seconds.
    each: f64,
    pool: &'a Pool,
    /// Requests that wait.
    waiting: f64,
    seen: Seen,
}

/// What it had to do since the last evaluation: seconds of workers, seconds of waiting, requests.
#[derive(Default)]
struct Seen {
    busy: f64,
    waited: f64,
    requests: f64,
}

/// Lets an autoscaler evaluate as often as it does. Where nothing is asked and as few instances stand as may, nothing happens.
fn follow(id: ServiceId, settings: &Autoscaler, capacity: &Capacity, mut queue: Queue, slots: &[Slot]) -> Vec<Step> {
    let mut scaler = Scaler::new(id, queue.pool.instances, settings);
    let mut steps: Vec<Step> = Vec::new();
    let (mut last, mut rest) = (Instant(0), slots);
    while let Some(next) = rest.first() {
        let now = Instant((last.0 / settings.interval.0 + 1) * settings.interval.0);
        let is_idle = next.from >= now && queue.waiting <= 0.0;
        for slot in rest.iter().take_while(|slot| slot.from < now) {
            let (from, until) = (slot.from.max(last), slot.until.min(now));
            queue.pass((until - from).as_secs_f64(), slot.rate, instances(&steps, &queue, from) as f64);
        }
        rest = &rest[rest.partition_point(|slot| slot.until <= now)..];
        let load = queue.load(settings.target, (now - last).as_secs_f64());
        let least = capacity.scheduled(now, settings.least);
        for (at, instances) in scaler.evaluate_load(settings, load, least, now).into_iter().flatten() {
            steps.retain(|step| step.at < at);
            steps.push(Step { at, instances });
        }
        last = now;
        if is_idle && instances(&steps, &queue, Instant(u64::MAX)) <= least {
            // The last evaluation before something is asked again.
            last = last.max(Instant(next.from.0 / settings.interval.0 * settings.interval.0));
        }
    }
    steps
}

/// Instances at a time, by what has been ordered so far.
fn instances(steps: &[Step], queue: &Queue, at: Instant) -> u64 {
    steps.iter().rfind(|step| step.at <= at).map_or(queue.pool.instances, |step| step.instances)
}

impl Queue<'_> {
    /// Lets a time pass with a rate of requests and so many instances.
    fn pass(&mut self, seconds: f64, rate: f64, instances: f64) {
        let can = instances * f64::from(self.pool.workers) * seconds / self.each;
        let places = self.pool.queue.map_or(f64::INFINITY, |places| places as f64 * instances);
        let there = self.waiting + rate * seconds;
        let served = there.min(can);
        let waiting = (there - served).min(places);
        self.seen.busy += served * self.each;
        self.seen.waited += f64::midpoint(self.waiting, waiting) * seconds;
        self.seen.requests += rate * seconds;
        self.waiting = waiting;
    }

    /// The metric over all instances since this was last asked.
    fn load(&mut self, target: ScalingTarget, seconds: f64) -> f64 {
        let seen = std::mem::take(&mut self.seen);
        match target {
            ScalingTarget::Utilisation(_) => seen.busy / seconds / f64::from(self.pool.workers),
            ScalingTarget::Waiting(_) => seen.waited / seconds,
            ScalingTarget::RequestsPerSecond(_) => seen.requests / seconds,
        }
    }
}

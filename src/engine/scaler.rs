//! Autoscalers: more or fewer instances by what services had to do, decided at the exchange between two ticks.
//!
//! The rule is that of the horizontal pod autoscaler of Kubernetes ("Horizontal Pod Autoscaling", kubernetes.io): as many
//! instances as bring the metric to its target, ceil(current × metric / target), and no change while metric / target is within the
//! tolerance of one. Instances that are still starting count as current ones that do nothing. Fewer only when no evaluation within
//! the stabilisation wanted more.
//!
//! What is measured is summed over all cells in integers, and decided once for all of them, so neither the number of threads nor
//! the order of the cells plays a part.

use crate::model::{Model, Service};
use crate::plan::capacity::{Autoscaler, ScalingTarget};
use crate::units::{Instant, Nanos};
use serde::{Deserialize, Serialize};

/// What a service had to do since the last evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Worker time spent serving, ns.
    pub busy: u128,
    /// Time spent waiting by all requests, ns.
    pub queued: u128,
    /// Requests.
    pub requests: u64,
}

impl Seen {
    /// Adds what another cell had to do.
    pub fn add(&mut self, other: Seen) {
        self.busy += other.busy;
        self.queued += other.queued;
        self.requests += other.requests;
    }
}

/// The autoscaler of a service. Instances are those of the whole platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scaler {
    /// The service.
    pub service: usize,
    /// Instances that serve, lost ones too.
    standing: u64,
    /// Instances that are starting, with when they will serve; in order of time.
    starting: Vec<(Instant, u64)>,
    /// What was wanted at evaluations within the stabilisation.
    wanted: Vec<(Instant, u64)>,
    /// When it last evaluated, and when it will next.
    last: Instant,
    next: Instant,
    /// Instance time while a window was open, starting ones included, ns, and up to when.
    paid: u128,
    paid_until: Instant,
}

impl Scaler {
    /// The autoscalers of all services before the first opening.
    #[must_use]
    pub fn all(model: &Model) -> Vec<Self> {
        let scaler = |(service, of): (usize, &Service)| {
            let instances = of.pool.as_ref()?.instances;
            Some(Scaler::new(service, instances, of.autoscaler()?))
        };
        model.services.iter().enumerate().filter_map(scaler).collect()
    }

    /// The autoscaler of a service that has so many instances at first.
    pub(crate) fn new(service: usize, instances: u64, settings: &Autoscaler) -> Self {
        Scaler {
            service,
            standing: instances,
            starting: Vec::new(),
            wanted: Vec::new(),
            last: Instant(0),
            next: Instant(settings.interval.0),
            paid: 0,
            paid_until: Instant(0),
        }
    }

    /// Whether instances are starting.
    #[must_use]
    pub fn is_starting(&self) -> bool {
        !self.starting.is_empty()
    }

    /// Whether an evaluation is due.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next
    }

    /// Instances that serve or start.
    fn ordered(&self) -> u64 {
        self.standing + self.starting.iter().map(|(_, more)| more).sum::<u64>()
    }

    /// Evaluates: instances over all cells from certain times on, none before now; `None` where nothing changes.
    pub fn evaluate(&mut self, model: &Model, seen: Seen, now: Instant) -> Option<Vec<(Instant, u64)>> {
        let service = &model.services[self.service];
        let settings = service.autoscaler()?;
        self.pay(model, now);
        let load = settings.load(service, seen, model.scale(), now - self.last);
        let least = service.desk.as_ref().map_or(0, |desk| desk.capacity.scheduled(now, settings.least));
        self.evaluate_load(settings, load, least, now)
    }

    /// The same by the metric over all instances together, where there are to be `least` of them.
    pub(crate) fn evaluate_load(
        &mut self,
        settings: &Autoscaler,
        load: f64,
        least: u64,
        now: Instant,
    ) -> Option<Vec<(Instant, u64)>> {
        self.last = now;
        self.next = Instant((now.0 / settings.interval.0 + 1) * settings.interval.0);
        while self.starting.first().is_some_and(|(ready, _)| *ready < now) {
            self.standing += self.starting.remove(0).1;
        }
        let wanted = self.decide(settings, load, least, now);
        self.order(wanted, now + settings.lag, now)
    }

    /// How many instances there should be.
    fn decide(&mut self, settings: &Autoscaler, load: f64, least: u64, now: Instant) -> u64 {
        let ordered = self.ordered();
        let ratio = load / (settings.target.value() * ordered as f64);
        let by_metric = if (ratio - 1.0).abs() <= settings.tolerance {
            ordered
        } else {
            // A float that is too large for a count becomes the largest.
            (load / settings.target.value()).ceil() as u64
        };
        let wanted = by_metric.max(least).min(settings.most);
        self.wanted.retain(|(at, _)| *at + settings.stabilisation > now);
        self.wanted.push((now, wanted));
        let steady = self.wanted.iter().map(|(_, wanted)| *wanted).max().unwrap_or(wanted);
        let fewer = ordered.saturating_sub(settings.down.unwrap_or(u64::MAX));
        let more = ordered.saturating_add(settings.up.unwrap_or(u64::MAX));
        if wanted >= ordered { wanted.min(more) } else { steady.min(ordered).max(fewer) }
    }

    /// Orders so many instances. Of those that are too many, the last to start go first, then those that serve.
    fn order(&mut self, wanted: u64, ready: Instant, now: Instant) -> Option<Vec<(Instant, u64)>> {
        let ordered = self.ordered();
        if wanted == ordered {
            return None;
        }
        if wanted > ordered {
            self.starting.push((ready, wanted - ordered));
        }
        let mut too_many = ordered.saturating_sub(wanted);
        while too_many > 0
            && let Some((_, last)) = self.starting.last_mut()
        {
            let fewer = too_many.min(*last);
            *last -= fewer;
            too_many -= fewer;
            self.starting.pop_if(|(_, last)| *last == 0);
        }
        self.standing -= too_many;
        let mut total = self.standing;
        let later = self.starting.iter().map(|&(ready, more)| {
            total += more;
            (ready, total)
        });
        Some(std::iter::once((now, self.standing)).chain(later).collect())
    }

    /// Counts what is to be paid for up to an instant.
    pub fn pay(&mut self, model: &Model, now: Instant) {
        let open = model.windows.iter().map(|window| window.closes.min(now) - window.opens.max(self.paid_until));
        let open: u64 = open.map(|span| span.0).sum();
        self.paid += u128::from(self.ordered()) * u128::from(open);
        self.paid_until = now;
    }

    /// Instance-nanoseconds to be paid for so far.
    #[must_use]
    pub fn paid(&self) -> u128 {
        self.paid
    }

    /// Whether a scaler that was read from a file, of a run that stands at `now`, can go on in place of `fresh`.
    #[must_use]
    pub fn can_replace(&self, fresh: &Scaler, model: &Model, now: Instant) -> bool {
        let Some(settings) = model.services.get(self.service).and_then(Service::autoscaler) else { return false };
        let most = settings.most.max(fresh.standing);
        let hours = u128::from(now.0) * u128::from(most);
        self.service == fresh.service
            && self.standing >= 1
            && self.starting.len() <= 1 << 20
            && self.starting.iter().map(|(_, more)| u128::from(*more)).sum::<u128>() + u128::from(self.standing)
                <= u128::from(most)
            && self.starting.is_sorted_by_key(|(ready, _)| *ready)
            && self.wanted.is_sorted_by_key(|(at, _)| *at)
            && self.wanted.iter().all(|(at, wanted)| *at <= now && *wanted <= most)
            && self.last <= now
            && self.next > now
            && self.next.0 - now.0 <= settings.interval.0
            && self.paid_until <= now
            && self.paid <= hours
    }
}

impl Autoscaler {
    /// The metric of a service over all instances together.
    fn load(&self, service: &Service, seen: Seen, scale: u64, span: Nanos) -> f64 {
        let workers = service.pool.as_ref().map_or(1, |pool| u64::from(pool.workers));
        let per_time = |sum: u128| (sum * u128::from(scale)) as f64 / span.0 as f64;
        match self.target {
            ScalingTarget::Utilisation(_) => per_time(seen.busy) / workers as f64,
            ScalingTarget::Waiting(_) => per_time(seen.queued),
            ScalingTarget::RequestsPerSecond(_) => per_time(u128::from(seen.requests) * u128::from(Nanos::PER_SECOND)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Autoscaler {
        Autoscaler {
            target: ScalingTarget::Utilisation(0.5),
            interval: Nanos(10),
            lag: Nanos(25),
            tolerance: 0.1,
            least: 2,
            most: 40,
            up: Some(8),
            down: Some(3),
            stabilisation: Nanos(20),
        }
    }

    /// Utilisation times instances, instances wanted: the examples of the documentation, 200 of 100 doubles, 50 of 100 halves.
    #[test]
    fn as_many_as_bring_the_metric_to_its_target() {
        let settings = Autoscaler { up: None, down: None, ..settings() };
        let wanted = |load: f64| Scaler::new(0, 10, &settings).decide(&settings, load, 2, Instant(10));
        assert_eq!(wanted(10.0), 20);
        assert_eq!(wanted(2.5), 5);
        assert_eq!((wanted(5.4), wanted(4.6)), (10, 10), "within a tenth");
        assert_eq!((wanted(5.6), wanted(0.0), wanted(1e30)), (12, 2, 40));
    }

    #[test]
    fn more_come_late_and_fewer_go_slowly() {
        let settings = settings();
        let mut scaler = Scaler::new(0, 10, &settings);
        let mut step = |load: f64, now: u64| {
            let wanted = scaler.decide(&settings, load, 2, Instant(now));
            let steps = scaler.order(wanted, Instant(now + 25), Instant(now));
            (wanted, steps.map(|steps| steps.iter().map(|(at, total)| (at.0, *total)).collect::<Vec<_>>()))
        };
        assert_eq!(step(20.0, 10), (18, Some(vec![(10, 10), (35, 18)])), "eight at most");
        assert_eq!(step(9.0, 20), (18, None));
        assert_eq!(step(5.0, 30), (18, None), "more were wanted a moment ago");
        assert_eq!(step(5.0, 40), (15, Some(vec![(40, 10), (35, 15)])), "three at most, and those first that start");
    }
}

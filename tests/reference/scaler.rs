//! Autoscalers, instance by instance.

use super::event::{Event, Turn};
use super::session::Key;
use super::simulator::Simulator;
use saleload::plan::Plan;
use saleload::plan::capacity::{Autoscaler, ScalingTarget};
use saleload::units::{Instant, Nanos};
use std::cmp::Reverse;

/// The autoscaler of a service.
#[derive(Clone, Debug)]
pub(crate) struct Scaler {
    pub(crate) service: usize,
    settings: Autoscaler,
    /// When each instance serves, the first first. Those that were there at the start serve from time zero.
    ready: Vec<Instant>,
    /// Requests since the last evaluation.
    asked: u64,
    last: Instant,
    /// Evaluations so far: when, and what they wanted.
    wanted: Vec<(Instant, u64)>,
    /// How many were ordered from when on.
    pub(crate) ordered: Vec<(Instant, u64)>,
}

impl Scaler {
    pub(crate) fn all(plan: &Plan) -> Vec<Self> {
        let mut scalers = Vec::new();
        for (service, of) in plan.services.iter().enumerate() {
            if let (Some(pool), Some(settings)) = (&of.pool, of.autoscaler()) {
                scalers.push(Scaler {
                    service,
                    settings: settings.clone(),
                    ready: vec![Instant(0); pool.instances as usize],
                    asked: 0,
                    last: Instant(0),
                    wanted: Vec::new(),
                    ordered: vec![(Instant(0), pool.instances)],
                });
            }
        }
        scalers
    }

    /// Instances that serve from now on.
    pub(crate) fn standing(&self, now: Instant) -> u64 {
        self.ready.iter().filter(|&&ready| ready <= now).count() as u64
    }

    /// Whether an interval has ended since the last evaluation.
    fn is_due(&self, now: Instant) -> bool {
        now.0 / self.settings.interval.0 > self.last.0 / self.settings.interval.0
    }

    /// How many instances there should be from now on.
    fn decide(&mut self, load: f64, least: u64, now: Instant) -> u64 {
        let ordered = self.ready.len() as u64;
        let target = match self.settings.target {
            ScalingTarget::Utilisation(target)
            | ScalingTarget::Waiting(target)
            | ScalingTarget::RequestsPerSecond(target) => target,
        };
        let of_target = load / (target * ordered as f64);
        let is_close = (of_target - 1.0).abs() <= self.settings.tolerance;
        let wanted = if is_close { ordered } else { (load / target).ceil() as u64 };
        let wanted = wanted.max(least).min(self.settings.most);
        self.wanted.push((now, wanted));
        if wanted >= ordered {
            return self.settings.up.map_or(wanted, |up| wanted.min(ordered + up));
        }
        // Nobody may have wanted more lately.
        let lately = self.wanted.iter().filter(|(at, _)| now - *at < self.settings.stabilisation || *at == now);
        let lately = lately.map(|(_, wanted)| *wanted).max().expect("this one at least").min(ordered);
        self.settings.down.map_or(lately, |down| lately.max(ordered.saturating_sub(down)))
    }
}

impl Simulator<'_> {
    /// A request comes to the desk of a service.
    pub(crate) fn is_asked(&mut self, service: usize) {
        self.scalers.iter_mut().filter(|scaler| scaler.service == service).for_each(|scaler| scaler.asked += 1);
    }

    /// At the end of a tick autoscalers look at what has happened since they last did.
    pub(crate) fn evaluate_scalers(&mut self) {
        let now = self.now;
        for number in 0..self.scalers.len() {
            if !self.scalers[number].is_due(now) {
                continue;
            }
            let load = self.load_of(&self.scalers[number]);
            let service = self.scalers[number].service;
            let scaler = &mut self.scalers[number];
            let steps = self.plan.services[service].capacity().map_or(&[][..], |capacity| &capacity.steps);
            let floor = steps.iter().rfind(|step| step.at <= now).map(|step| step.instances);
            let least = floor.unwrap_or(scaler.settings.least);
            let wanted = scaler.decide(load, least, now) as usize;
            (scaler.last, scaler.asked) = (now, 0);
            let before = scaler.ready.len();
            let ready = now + scaler.settings.lag;
            // The last to be ready go first; then any others, from now on.
            scaler.ready.resize(wanted, ready);
            if wanted == before {
                continue;
            }
            scaler.ordered.push((now, wanted as u64));
            self.record.rarities.wants_more += u64::from(wanted > before);
            self.record.rarities.wants_fewer += u64::from(wanted < before);
            let time = if wanted > before { ready } else { now };
            for cell in 0..self.cells.len() {
                let key = Key { shopper: cell as u64, window: service, again: 0, leg: 0 };
                self.events.push(Reverse(Event { time, turn: Turn::Instances, key, number: 0 }));
            }
        }
    }

    /// What all instances of a service together had to do since the last evaluation.
    fn load_of(&self, scaler: &Scaler) -> f64 {
        let (from, now, scale) = (scaler.last, self.now, u128::from(self.model.cells / self.model.simulated));
        let (mut busy, mut queued) = (0u128, 0u128);
        let within = |starts: Instant, ends: Instant| u128::from((ends.min(now) - starts.max(from)).0);
        for request in self.record.requests.iter().filter(|request| request.service == scaler.service) {
            if let Some(starts) = request.starts {
                busy += within(starts, request.stops.unwrap_or(now));
            }
            let came_in = request.rejected.is_none() || request.ends_wait.or(request.starts).is_some();
            if came_in && !request.is_under_way {
                queued += within(request.arrives, request.starts.or(request.ends_wait).unwrap_or(now));
            }
        }
        let span = (now - from).0 as f64;
        let workers = self.plan.services[scaler.service].pool.as_ref().map_or(1, |pool| pool.workers);
        match scaler.settings.target {
            ScalingTarget::Utilisation(_) => (busy * scale) as f64 / span / f64::from(workers),
            ScalingTarget::Waiting(_) => (queued * scale) as f64 / span,
            ScalingTarget::RequestsPerSecond(_) => {
                (u128::from(scaler.asked) * u128::from(Nanos::PER_SECOND) * scale) as f64 / span
            }
        }
    }
}

//! The load of a window, slot by slot, set against the capacity of each service.

use super::flow::Flow;
use super::{Disturbed, Overload, ServiceForecast, TARGET_UTILISATION, WindowForecast};
use crate::plan::capacity::{Capacity, Effect};
use crate::plan::{Answers, Plan, Service, ServiceId};
use crate::units::Instant;

/// The forecast of a window.
pub(super) fn of_window(plan: &Plan, flow: &Flow, scaled: &[Option<Capacity>]) -> WindowForecast {
    let bounds = &plan.windows[flow.window];
    WindowForecast {
        window: bounds.name.clone(),
        opens_unix_ms: flow.opens_unix_ms,
        closes_unix_ms: plan.unix_ms(bounds.closes),
        sessions: flow.sessions.iter().sum(),
        orders: flow.orders.iter().sum(),
        peak_sessions: flow.peak_rate(&flow.sessions),
        peak_in_flight: flow.peak(flow.in_flight.iter().copied()),
        peak_orders: flow.peak_rate(&flow.orders),
        room: flow.room,
        services: (0..plan.services.len()).map(|service| Load::new(plan, flow, scaled, service).judge()).collect(),
    }
}

/// What a window asks of a service.
struct Load<'a> {
    plan: &'a Plan,
    flow: &'a Flow,
    /// Instances over time where autoscalers decide.
    scaled: &'a [Option<Capacity>],
    id: ServiceId,
    service: &'a Service,
    passed: &'a [f64],
    /// Mean time of a worker per request, seconds, as long as nothing makes it longer or shorter.
    seconds_per_request: f64,
    /// Whether anything does that is no incident, here or at a service that it calls.
    varies: bool,
    workers: f64,
}

impl<'a> Load<'a> {
    fn new(plan: &'a Plan, flow: &'a Flow, scaled: &'a [Option<Capacity>], id: ServiceId) -> Self {
        let service = &plan.services[id];
        let changes = |&id: &ServiceId| {
            slowdown(&plan.services[id]).is_some() || plan.switches.iter().any(|s| s.factors[id] != 1.0)
        };
        Load {
            plan,
            flow,
            scaled,
            id,
            service,
            passed: flow.passed(id),
            seconds_per_request: plan.holding_secs(id),
            varies: below(plan, id).iter().any(changes),
            workers: service.pool.as_ref().map_or(0.0, |pool| f64::from(pool.workers)),
        }
    }

    fn judge(&self) -> ServiceForecast {
        let (flow, service, requests) = (self.flow, self.service, &self.flow.requests[self.id]);
        let offered: Vec<f64> = (0..flow.slots()).map(|slot| self.offered(slot)).collect();
        let peak_offered_erlangs = offered.iter().copied().fold(0.0, f64::max);
        let forecast = ServiceForecast {
            service: service.name.clone(),
            instances: None,
            attempts: service.retry.attempts,
            workers: None,
            requests: requests.iter().sum(),
            peak_requests: flow.peak_rate(requests),
            peak_offered_erlangs,
            peak_offered_over_capacity: None,
            utilisation_mean: None,
            overload: None,
            instances_suggested: None,
            limited: flow.limited[self.id],
            slowed: slowdown(service).and_then(|_| overload(flow, |slot| self.is_slowed(self.id, slot))),
            incidents: Vec::new(),
        };
        if service.pool.is_some() { self.with_servers(forecast, &offered) } else { forecast }
    }

    /// Sets the offered load of each slot against the servers.
    fn with_servers(&self, forecast: ServiceForecast, offered: &[f64]) -> ServiceForecast {
        let flow = self.flow;
        let workers: Vec<f64> = (0..flow.slots()).map(|slot| self.instances(slot) * self.workers).collect();
        let loads: Vec<f64> = offered.iter().zip(&workers).map(|(offered, workers)| offered / workers).collect();
        let open = || (0..flow.open_slots).map(|slot| (loads[slot].min(1.0), workers[slot], flow.seconds(slot)));
        let busy: f64 = open().map(|(load, workers, seconds)| load * workers * seconds).sum();
        let capacity: f64 = open().map(|(_, workers, seconds)| workers * seconds).sum();
        // The first of several.
        let worst = (0..loads.len()).reduce(|worst, slot| if loads[slot] > loads[worst] { slot } else { worst });
        let worst = worst.unwrap_or(0);
        let instances = self.instances(worst) as u64;
        ServiceForecast {
            instances: Some(instances),
            workers: Some(instances * self.workers as u64),
            peak_offered_over_capacity: Some(loads[worst]),
            utilisation_mean: Some(busy / capacity),
            overload: overload(flow, |slot| loads[slot] > 1.0),
            instances_suggested: Some(self.suggested(forecast.peak_offered_erlangs)),
            incidents: self.incidents(&loads),
            ..forecast
        }
    }

    /// Requests per second that get through to a service.
    fn rate(&self, service: ServiceId, slot: usize) -> f64 {
        self.flow.passed(service)[slot] / self.flow.seconds(slot)
    }

    /// Offered load in a slot as if there were no incidents, erlangs.
    fn offered(&self, slot: usize) -> f64 {
        self.passed[slot] / self.flow.seconds(slot) * self.seconds(slot)
    }

    fn seconds(&self, slot: usize) -> f64 {
        if self.varies { self.holding(self.id, slot, &|_| 1.0) } else { self.seconds_per_request }
    }

    /// Time of a worker per request in a slot, seconds; work takes so many times as long on top.
    fn holding(&self, id: ServiceId, slot: usize, longer: &dyn Fn(ServiceId) -> f64) -> f64 {
        let service = &self.plan.services[id];
        let own = service.service_time.mean_secs() * self.factor(id, slot) * longer(id);
        let is_awaited = |called: &&ServiceId| self.plan.services[**called].answers == Answers::WhenDone;
        own + service.calls.iter().filter(is_awaited).map(|&called| self.holding(called, slot, longer)).sum::<f64>()
    }

    /// How many times as long as it says a service takes in a slot, by switches and by what is asked of it.
    fn factor(&self, id: ServiceId, slot: usize) -> f64 {
        let times = (self.flow.instant(slot), self.flow.instant(slot + 1));
        let of_switch = |factor: f64, share: f64| 1.0 + share * (factor - 1.0);
        let switches = self.plan.switches.iter().map(|switch| of_switch(switch.factors[id], switch.share_on(times)));
        let slowdown = slowdown(&self.plan.services[id]).filter(|_| self.is_slowed(id, slot));
        switches.product::<f64>() * slowdown.map_or(1.0, |slowdown| slowdown.factor)
    }

    /// Whether so much is asked of a service in a slot that it is slower for it.
    fn is_slowed(&self, id: ServiceId, slot: usize) -> bool {
        let is_above = |above: u64| self.rate(id, slot) > above as f64 * self.instances_of(id, slot);
        slowdown(&self.plan.services[id]).is_some_and(|slowdown| is_above(slowdown.above))
    }

    fn instances(&self, slot: usize) -> f64 {
        self.instances_of(self.id, slot)
    }

    /// Instances of a service in a slot, on average: as scheduled, or as its autoscaler decides.
    fn instances_of(&self, id: ServiceId, slot: usize) -> f64 {
        let service = &self.plan.services[id];
        let at_first = service.pool.as_ref().map_or(0, |pool| pool.instances);
        let Some(capacity) = self.scaled[id].as_ref().or(service.capacity()) else { return at_first as f64 };
        let [from, until] = [slot, slot + 1].map(|edge| self.flow.instant(edge));
        capacity.instance_nanos(from, until, at_first) as f64 / (until - from).0 as f64
    }

    /// Instances with which the most load is that of [`TARGET_UTILISATION`], and nothing is slowed down.
    fn suggested(&self, peak_offered_erlangs: f64) -> u64 {
        let for_load = |erlangs: f64| erlangs / (TARGET_UTILISATION * self.workers);
        let instances = match slowdown(self.service) {
            Some(slowdown) => {
                let peak = self.flow.peak_rate(self.passed).value;
                for_load(peak * self.seconds_per_request).max(peak / slowdown.above as f64)
            }
            None => for_load(peak_offered_erlangs),
        };
        // An exact number of instances must not become one more by rounding.
        ((instances - 1e-6).ceil() as u64).max(1)
    }

    /// The incidents that let less be done than is asked, at this service or at those whose answers it waits for; `without` them, that
    /// would be the load of each slot over capacity.
    fn incidents(&self, without: &[f64]) -> Vec<Disturbed> {
        let mut all: Vec<(&str, Instant, Instant)> = Vec::new();
        for id in below(self.plan, self.id) {
            let Some(capacity) = self.plan.services[id].capacity() else { continue };
            let is_felt = |effect: &Effect| match effect {
                Effect::Slowed(_) | Effect::Stalled => true,
                Effect::Lost(_) => id == self.id,
                Effect::Unreachable(_) => false,
            };
            let incidents = capacity.incidents.iter().filter(|incident| is_felt(&incident.effect));
            all.extend(incidents.map(|incident| (incident.name.as_str(), incident.from, incident.until)));
            let cells = capacity.cells.iter().filter(|_| id == self.id);
            all.extend(cells.filter_map(|loss| Some((loss.name.as_str(), loss.remapped?, loss.until))));
        }
        all.into_iter().filter_map(|incident| self.disturbed(incident, without)).collect()
    }

    /// What an incident does; `without` incidents that would be the load of each slot over capacity.
    fn disturbed(&self, (incident, from, until): (&str, Instant, Instant), without: &[f64]) -> Option<Disturbed> {
        let is_on = |slot: usize| self.flow.instant(slot) < until && from < self.flow.instant(slot + 1);
        let on = || (0..self.flow.slots()).filter(|&slot| is_on(slot));
        let first = on().next()?;
        let loads: Vec<f64> = on().map(|slot| self.load_disturbed(slot)).collect();
        let is_over =
            |slot: usize| is_on(slot) && loads[slot - first] > 1.0 && loads[slot - first] > without[slot] * 1.001;
        let most = loads.iter().copied().filter(|load| load.is_finite()).reduce(f64::max);
        let idle = on().filter(|&slot| loads[slot - first].is_infinite());
        let overload = overload(self.flow, is_over)?;
        Some(Disturbed {
            incident: incident.to_owned(),
            peak_offered_over_capacity: most.filter(|&most| most > 1.0),
            overload,
            idle_seconds: idle.map(|slot| self.flow.seconds(slot)).sum(),
        })
    }

    /// Offered load over capacity in a slot, with all incidents that are on.
    fn load_disturbed(&self, slot: usize) -> f64 {
        let [from, until] = [slot, slot + 1].map(|edge| self.flow.instant(edge));
        let left = |id: ServiceId| {
            let instances = self.instances_of(id, slot);
            self.plan.services[id].capacity().and_then(|capacity| capacity.left(from, until, instances))
        };
        let longer = |id: ServiceId| left(id).map_or(1.0, |(_, speed)| 1.0 / speed);
        let instances = left(self.id).map_or_else(|| self.instances(slot), |(standing, _)| standing);
        let rate = self.rate(self.id, slot);
        // Nothing asked is nothing to do, even where nothing can be done.
        if rate > 0.0 { rate * self.holding(self.id, slot, &longer) / (instances * self.workers) } else { 0.0 }
    }
}

/// A service and all those whose answers it waits for.
fn below(plan: &Plan, id: ServiceId) -> Vec<ServiceId> {
    let mut all = vec![id];
    let mut next = 0;
    while let Some(&id) = all.get(next) {
        for &called in &plan.services[id].calls {
            if plan.services[called].answers == Answers::WhenDone && !all.contains(&called) {
                all.push(called);
            }
        }
        next += 1;
    }
    all
}

fn slowdown(service: &Service) -> Option<&crate::plan::Slowdown> {
    service.desk.as_ref()?.slowdown.as_ref()
}

/// The slots of some kind, from the first to the last.
fn overload(flow: &Flow, is_over: impl Fn(usize) -> bool) -> Option<Overload> {
    let over: Vec<usize> = (0..flow.slots()).filter(|&slot| is_over(slot)).collect();
    let (&first, &last) = (over.first()?, over.last()?);
    Some(Overload {
        from_unix_ms: flow.unix_ms(first),
        until_unix_ms: flow.unix_ms(last + 1),
        seconds: over.iter().map(|&slot| flow.seconds(slot)).sum(),
    })
}

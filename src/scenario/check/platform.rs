//! Cells, ticks and services.

use super::Check;
use super::clock::Clock;
use super::protection::NOTHING_FAILS;
use crate::plan::{Answers, MAX_SERVICES, MAX_STATES, Pool, Retry, Service, ServiceId, TimeDistribution};
use crate::scenario::diagnostic::{Code, Diagnostic};
use crate::scenario::file;
use crate::scenario::tree::Cursor;
use crate::units::{LONGEST, Nanos};

/// Shortest tick of all.
const SHORTEST_TICK: Nanos = Nanos::from_millis(1);
/// Longest tick of all.
const LONGEST_TICK: Nanos = Nanos::from_secs(60);
/// Longest stretch of rows a second.
const LONGEST_FINE: Nanos = Nanos::from_secs(86_400);

impl Check<'_> {
    /// Cells, shortest and longest tick.
    pub(super) fn platform(&mut self) -> (u32, Nanos, Nanos) {
        let platform = &self.file.platform;
        let (cells, shoppers) = (u64::from(platform.cells), self.file.population.shoppers);
        let at = self.root.key("platform");
        let population = self.root.key("population").key("shoppers").place();
        if cells > shoppers {
            self.push(
                Diagnostic::new(Code::TooFewForCells, format!("{shoppers} shoppers cannot fill {cells} cells"))
                    .at(population, "fewer shoppers than cells")
                    .at(at.key("cells").place(), format!("{cells} cells"))
                    .note("a shopper belongs to one cell, and no cell is empty")
                    .help(format!("set platform.cells to at most {shoppers}")),
            );
        } else if cells > 0 && shoppers.div_ceil(cells) >= u64::from(u32::MAX) {
            let least = shoppers / u64::from(u32::MAX - 1) + 1;
            self.push(
                Diagnostic::new(Code::TooMany, format!("{shoppers} shoppers need more cells than {cells}"))
                    .at(population, "more than 2^32 - 2 for each cell")
                    .help(format!("set platform.cells to at least {least}")),
            );
        }
        for (name, tick) in [("tick_min", platform.tick_min), ("tick_max", platform.tick_max)] {
            if tick < SHORTEST_TICK || tick > LONGEST_TICK {
                self.push(
                    Diagnostic::new(Code::BadTiming, format!("a tick of {tick} is out of range"))
                        .at(at.key(name).place(), format!("expected {SHORTEST_TICK} to {LONGEST_TICK}")),
                );
            }
        }
        if platform.tick_min > platform.tick_max {
            self.push(
                Diagnostic::new(Code::BadTiming, "the shortest tick is longer than the longest")
                    .at(at.key("tick_min").place(), format!("{}", platform.tick_min))
                    .at(at.key("tick_max").place(), format!("{}", platform.tick_max)),
            );
        }
        let fine = self.file.record.fine;
        if !fine.0.is_multiple_of(Nanos::PER_SECOND) {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("rows of a second cannot cover {fine}"))
                    .at(self.root.key("record").key("fine").place(), "not a whole number of seconds"),
            );
        }
        if fine > LONGEST_FINE {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("rows of a second for {fine} are too many"))
                    .at(self.root.key("record").key("fine").place(), format!("expected at most {LONGEST_FINE}")),
            );
        }
        (platform.cells, platform.tick_min, platform.tick_max)
    }

    pub(super) fn services(&mut self, clock: &Clock) -> Vec<Service> {
        let services = &self.file.service;
        self.at_most("service", services.len(), MAX_SERVICES, self.root.key("service"));
        let checked: Vec<Service> = services.iter().map(|(name, service)| self.service(name, service, clock)).collect();
        self.call_cycle(&checked);
        checked
    }

    /// Reports services that wait for themselves.
    fn call_cycle(&mut self, services: &[Service]) {
        // Those that end are taken out until nothing changes; what is left waits in a circle, or for one.
        let mut is_left = vec![true; services.len()];
        for _ in services {
            for (index, service) in services.iter().enumerate() {
                is_left[index] = service.calls.iter().any(|&called| is_left[called]);
            }
        }
        let Some(start) = is_left.iter().position(|&is_left| is_left) else { return };
        let onward = |from: usize| services[from].calls.iter().copied().find(|&called| is_left[called]).unwrap_or(from);
        // After as many steps as there are services, the way goes round.
        let first = (0..services.len()).fold(start, |at, _| onward(at));
        let mut circle = vec![first];
        while onward(circle[circle.len() - 1]) != first {
            circle.push(onward(circle[circle.len() - 1]));
        }
        let names: Vec<String> = circle.iter().map(|&index| format!("`{}`", services[index].name)).collect();
        let at = self.root.key("service").key(&services[first].name).key("calls");
        self.push(
            Diagnostic::new(Code::CallCycle, format!("service {} waits for itself", names[0]))
                .at(at.key_place(), format!("{} → {}", names.join(" → "), names[0]))
                .note("a request keeps its worker until the services that it calls have answered")
                .help("take one of these calls out"),
        );
    }

    /// The services that a service calls.
    fn called(&mut self, service: &file::Service, at: Cursor<'_>) -> Vec<ServiceId> {
        self.at_most("call", service.calls.len(), MAX_STATES, at);
        for (index, call) in service.calls.iter().enumerate() {
            self.is_not_hedged(call, "called by a service", at.index(index));
        }
        let calls = service.calls.iter().enumerate();
        calls
            .filter_map(|(index, call)| self.resolve("service", call, &self.file.service, at.index(index).place()))
            .collect()
    }

    /// Reports more of something than the simulator has room for.
    pub(super) fn at_most(&mut self, what: &str, count: usize, most: usize, at: Cursor<'_>) {
        if count > most {
            self.push(
                Diagnostic::new(Code::TooMany, format!("at most {most} {what}s fit, there are {count}"))
                    .at(at.key_place(), format!("{count} {what}s")),
            );
        }
    }

    fn service(&mut self, name: &str, service: &file::Service, clock: &Clock) -> Service {
        let at = self.root.key("service").key(name);
        let cells = u64::from(self.file.platform.cells);
        let pool =
            service.instances.map(|instances| Pool { instances, workers: service.workers, queue: service.queue });
        if let Some(pool) = pool.as_ref().filter(|pool| pool.instances < cells) {
            let instances = pool.instances;
            self.push(
                Diagnostic::new(
                    Code::TooFewForCells,
                    format!("service `{name}` has {instances} instances for {cells} cells"),
                )
                .at(at.key("instances").place(), "fewer instances than cells")
                .at(self.root.key("platform").key("cells").place(), format!("{cells} cells"))
                .note("every cell needs an instance of its own")
                .help(format!("set instances to at least {cells}, or platform.cells to at most {instances}")),
            );
        }
        if service.instances.is_none() && (service.queue.is_some() || service.workers != 1) {
            self.push(
                Diagnostic::new(Code::Unused, format!("service `{name}` has workers or a queue, but no instances"))
                    .at(at.key_place(), "no `instances`")
                    .note("a service without instances is a delay: it serves any number of requests at once")
                    .help("say how many instances there are, or delete `workers` and `queue`"),
            );
        }
        let service_time = self.time_distribution(&service.service_time, at.key("service_time"));
        // Nobody times out who is answered at once.
        let timeout = service.timeout.filter(|_| service.answers == Answers::WhenDone);
        if let Some(timeout) = timeout {
            self.timeout(name, timeout, &service_time, at);
        }
        let retry = self.retry(name, service, at);
        let hedge = self.hedge(name, service, at);
        if service.cost.is_some() && pool.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, format!("service `{name}` has a cost, but no instances"))
                    .at(at.key("cost").key_place(), "nothing to pay for")
                    .note("it is the cost of one instance for an hour")
                    .help("say how many instances there are, or delete `cost`"),
            );
        }
        let cost = service.cost.filter(|_| pool.is_some());
        let protection = self.protection(name, service, at);
        let capacity = self.capacity(name, service, at, clock);
        if let Some(pool) = &pool {
            self.can_be_shared(name, (pool, &capacity), service.queues, at);
        }
        let desk = self.desk(name, service, at, capacity);
        let calls = self.called(service, at.key("calls"));
        self.answers(name, service, at);
        let (name, answers) = (name.to_owned(), service.answers);
        Service { name, pool, service_time, calls, timeout, retry, hedge, cost, protection, desk, answers }
    }

    /// Where clients are answered on acceptance, nobody waits for what comes after.
    fn answers(&mut self, name: &str, service: &file::Service, at: Cursor<'_>) {
        if service.answers == Answers::WhenDone {
            return;
        }
        if service.instances.is_none() {
            self.push(
                Diagnostic::new(Code::Unused, format!("nothing is put off at service `{name}`"))
                    .at(at.key("answers").place(), "no `instances`")
                    .note("a service without instances is a delay: it has no queue and no workers")
                    .help("say how many instances there are"),
            );
        }
        let is_slow = |breaker: &file::Breaker| matches!(breaker.trips_on, file::Trip::Slow { .. });
        for (key, is_there, why) in [
            ("timeout", service.timeout.is_some(), "a client is answered as soon as its request has found a place"),
            ("hedge", service.hedge.is_some(), "a client is answered as soon as its request has found a place"),
            ("cancel", service.cancel != file::Cancel::None, "no client is there any more that could leave"),
            ("breaker", service.breaker.as_ref().is_some_and(is_slow), "no answer is ever slow"),
        ] {
            if is_there {
                self.push(
                    Diagnostic::new(Code::Unused, format!("nobody waits for the work of service `{name}`"))
                        .at(at.key(key).key_place(), "not used")
                        .at(at.key("answers").place(), why)
                        .help(format!("delete `{key}`")),
                );
            }
        }
    }

    fn timeout(&mut self, name: &str, timeout: Nanos, service_time: &TimeDistribution, at: Cursor<'_>) {
        if timeout == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("clients of service `{name}` never wait"))
                    .at(at.key("timeout").place(), "every attempt times out at once")
                    .help("write how long a client waits for one attempt, or delete the key"),
            );
            return;
        }
        let median = typical_seconds(service_time);
        if timeout.as_secs_f64() < median {
            let median = Nanos::from_secs_f64(median);
            self.push(
                Diagnostic::new(
                    Code::ShortTimeout,
                    format!("most requests to service `{name}` time out on an idle platform"),
                )
                .at(at.key("timeout").place(), format!("{timeout}"))
                .at(at.key("service_time").place(), format!("typically {median}"))
                .help("raise the timeout above the service time"),
            );
        }
    }

    /// When an attempt is sent a second time.
    fn hedge(&mut self, name: &str, service: &file::Service, at: Cursor<'_>) -> Option<Nanos> {
        let after = service.hedge.as_ref()?.after;
        let here = at.key("hedge").key("after");
        if after == Nanos(0) {
            self.push(
                Diagnostic::new(Code::BadTiming, format!("clients of service `{name}` never wait for one answer"))
                    .at(here.place(), "both copies are sent at once")
                    .help("write how long a client waits first, such as the time within which 95 % are answered"),
            );
        }
        if let Some(timeout) = service.timeout.filter(|&timeout| timeout > Nanos(0) && timeout <= after) {
            self.push(
                Diagnostic::new(Code::BadTiming, "clients time out before they send a second copy")
                    .at(here.place(), format!("sent after {after}"))
                    .at(at.key("timeout").place(), format!("{timeout}"))
                    .help("make `after` shorter than the `timeout` of the service"),
            );
        }
        // Without instances there is no desk, and nobody waits who has been answered on acceptance.
        (service.instances.is_some() && service.answers == Answers::WhenDone).then_some(after)
    }

    /// Calls of a hedged service that are made otherwise than by a page, one after the other.
    pub(super) fn is_not_hedged(&mut self, called: &str, how: &str, at: Cursor<'_>) {
        let hedge = self.file.service.get(called).and_then(|service| service.hedge.as_ref());
        if hedge.is_some() {
            self.push(
                Diagnostic::new(Code::Unused, format!("these calls of service `{called}` are not hedged"))
                    .at(at.place(), how)
                    .at(self.root.key("service").key(called).key("hedge").key_place(), "not used there")
                    .note("a call is hedged where a page makes it by itself"),
            );
        }
    }

    fn retry(&mut self, name: &str, service: &file::Service, at: Cursor<'_>) -> Retry {
        let Some(retry) = &service.retry else {
            let jitter = file::Jitter::None;
            return Retry { attempts: 1, backoff: Nanos(0), multiplier: 1.0, cap: Nanos(0), jitter };
        };
        let at = at.key("retry");
        let cap = retry.cap.unwrap_or(LONGEST);
        if cap < retry.backoff {
            self.push(
                Diagnostic::new(Code::BadTiming, "the longest wait is shorter than the first")
                    .at(at.key("cap").place(), format!("at most {cap}"))
                    .at(at.key("backoff").place(), format!("starts at {}", retry.backoff))
                    .help("raise `cap` to at least `backoff`"),
            );
        }
        let counts_hedges = service.hedge.is_some() && retry.budget.is_some();
        if !counts_hedges && !self.can_fail(name, service) {
            self.push(
                Diagnostic::new(Code::Unused, "these retries never happen")
                    .at(at.key_place(), "nothing fails here")
                    .note(NOTHING_FAILS),
            );
        }
        Retry {
            attempts: retry.attempts,
            backoff: retry.backoff,
            multiplier: retry.multiplier,
            cap,
            jitter: retry.jitter,
        }
    }
}

/// Median in seconds where it is known in closed form, else the mean.
fn typical_seconds(distribution: &TimeDistribution) -> f64 {
    match distribution {
        TimeDistribution::Exponential(mean) => mean.as_secs_f64() * std::f64::consts::LN_2,
        TimeDistribution::Lognormal { mu, .. } => mu.exp(),
        other => other.mean_secs(),
    }
}

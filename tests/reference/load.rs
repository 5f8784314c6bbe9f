//! What services had to carry, from the list of requests: utilisation and mean queue are overlaps of intervals with rows, the
//! longest queue is the highest step of the number that waits, response times are a distribution of what was recorded.

use super::{Row, Simulator, series};
use crate::desk::NEVER;
use crate::record::{Request, Stood, What};
use hdrhistogram::Histogram;
use saleload::engine::schedule::Slot;
use saleload::plan::Cancel;
use saleload::plan::capacity::Effect;
use saleload::results::{Column, Saturation, ServiceRow, Settlement, Values};
use saleload::units::Instant;
use std::collections::BTreeMap;

/// Response times are recorded up to an hour, to two digits.
const LONGEST_RESPONSE_US: u64 = 3_600_000_000;
/// A row is saturated from this utilisation on, or with any rejection, or if more than this share timed out behind a queue.
const SATURATED: f64 = 0.95;
const MANY_TIMED_OUT: f64 = 0.001;
/// Saturated rows with at most this between them are one stretch.
const BRIDGED_MS: i64 = 60_000;

/// A service in a row, not scaled.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) slot: Slot,
    pub(super) requests: u64,
    pub(super) rejected: u64,
    limited: u64,
    /// Of those, requests that another service failed.
    rejected_inside: u64,
    pub(super) timed_out: u64,
    /// Likewise.
    left_inside: u64,
    /// Calls that had no place, or no more; second copies of such calls; and calls that have one after all.
    without_place: u64,
    copies_without_place: u64,
    with_place_later: u64,
    pub(super) cancelled: u64,
    /// Requests at the service at the instant at which they are counted, and the time that those of the row stay.
    pub(super) present: u64,
    pub(super) stayed_ns: u128,
    pub(super) answered: u64,
    offered_ns: u128,
    pub(super) waited_ns: u128,
    busy_ns: u128,
    queued_ns: u128,
    longest_queue: u64,
    /// Instance time, and the time that workers could work; of that, the work that they could do.
    standing_ns: u128,
    capacity_ns: u128,
    able_ns: u128,
    /// What the requests take, as quick as the service is when so many come.
    demanded_ns: u128,
    pub(super) responses_us: Histogram<u64>,
}

impl Load {
    fn new(row: &Row) -> Self {
        Load {
            slot: row.slot,
            requests: 0,
            rejected: 0,
            limited: 0,
            rejected_inside: 0,
            timed_out: 0,
            left_inside: 0,
            without_place: 0,
            copies_without_place: 0,
            with_place_later: 0,
            cancelled: 0,
            present: 0,
            stayed_ns: 0,
            answered: 0,
            offered_ns: 0,
            waited_ns: 0,
            busy_ns: 0,
            queued_ns: 0,
            longest_queue: 0,
            standing_ns: 0,
            capacity_ns: 0,
            able_ns: 0,
            demanded_ns: 0,
            responses_us: Histogram::new_with_bounds(1, LONGEST_RESPONSE_US, 2).expect("constant bounds"),
        }
    }

    /// Length of its row, ns.
    pub(super) fn nanos(&self) -> u64 {
        (self.slot.end - self.slot.start).0
    }

    fn seconds(&self) -> f64 {
        self.slot.seconds()
    }

    fn count(&mut self, request: &Request) {
        self.requests += 1;
        self.limited += u64::from(request.is_limited);
        self.offered_ns += u128::from(request.work.0);
    }

    fn answer(&mut self, request: &Request) {
        if let (Some(starts), Some(done)) = (request.starts, request.done()) {
            self.answered += 1;
            self.waited_ns += u128::from((starts - request.made).0);
            let us = (done - request.made).0.div_ceil(1000);
            self.responses_us.saturating_record(us.clamp(1, LONGEST_RESPONSE_US));
        }
    }

    fn wait_us_mean(loads: &[&Load]) -> f64 {
        let answered: u64 = loads.iter().map(|load| load.answered).sum();
        let waited: u128 = loads.iter().map(|load| load.waited_ns).sum();
        if answered == 0 { 0.0 } else { waited as f64 / 1e3 / answered as f64 }
    }
}

/// Adds to each row how long an interval overlaps with it.
fn overlaps(loads: &mut [Load], from: Instant, until: Instant, of: impl Fn(&mut Load) -> &mut u128) {
    let first = loads.partition_point(|load| load.slot.end <= from);
    for load in &mut loads[first..] {
        if load.slot.start >= until {
            break;
        }
        let overlap = until.min(load.slot.end) - from.max(load.slot.start);
        *of(load) += u128::from(overlap.0);
    }
}

/// The same so many times.
fn overlap_times(
    loads: &mut [Load],
    (from, until): (Instant, Instant),
    times: u128,
    of: impl Fn(&mut Load) -> &mut u128,
) {
    for load in loads {
        *of(load) += times * u128::from((until.min(load.slot.end) - from.max(load.slot.start)).0);
    }
}

/// A request at a desk is told of in the rows in which things happen to it.
fn at_desk(loads: &mut [Load], request: &Request) {
    if let Some(row) = request.answered {
        loads[row].answer(request);
    }
    if let Some(row) = request.timed_out {
        loads[row].timed_out += 1;
        loads[row].left_inside += u64::from(request.left_inside);
    }
    if request.rejected.is_none() || request.ends_wait.or(request.starts).is_some() {
        let until = request.starts.or(request.ends_wait).unwrap_or(NEVER);
        overlaps(loads, request.arrives, until, |load| &mut load.queued_ns);
    }
    if let Some(starts) = request.starts {
        overlaps(loads, starts, request.stops.unwrap_or(NEVER), |load| &mut load.busy_ns);
    }
}

/// The most requests of one cell that wait at the same time, by row: the number steps up when one comes and down when one starts.
/// At one instant those that start go first.
fn longest_queues(loads: &[Load], requests: &[&Request]) -> Vec<u64> {
    let mut steps: Vec<(Instant, i64)> = Vec::new();
    for request in requests {
        if let Some(starts) = request.starts.filter(|&starts| starts > request.arrives) {
            steps.extend([(request.arrives, 1), (starts, -1)]);
        }
    }
    steps.sort_unstable();
    let mut steps = steps.into_iter().peekable();
    let mut waiting: i64 = 0;
    let mut longest = Vec::new();
    for load in loads {
        let mut within_row = 0;
        // Whoever starts at the start of a row did not wait in it.
        while let Some((_, step)) = steps.next_if(|&(time, step)| (time, step) <= (load.slot.start, -1)) {
            waiting += step;
        }
        within_row = waiting.max(within_row);
        while let Some((_, step)) = steps.next_if(|&(time, _)| time < load.slot.end) {
            waiting += step;
            within_row = waiting.max(within_row);
        }
        longest.push(within_row as u64);
    }
    longest
}

impl Simulator<'_> {
    pub(super) fn loads(&self, service: usize) -> Vec<Load> {
        let mut loads: Vec<Load> = self.rows().iter().map(Load::new).collect();
        let has_workers = self.plan.services[service].pool.is_some();
        if has_workers {
            self.add_stays(service, &mut loads);
        }
        let mut by_cell: BTreeMap<usize, Vec<&Request>> = BTreeMap::new();
        for request in self.record.requests.iter().filter(|request| request.service == service) {
            loads[request.row].count(request);
            let is_later = request.attempt > 0 && !request.is_second && request.had_place;
            loads[request.row].with_place_later += u64::from(is_later);
            if let Some(row) = request.rejected {
                loads[row].rejected += 1;
                loads[row].rejected_inside += u64::from(request.failed_inside);
                if !request.failed_inside && !request.is_limited {
                    let is_copy = request.is_second && !request.is_told();
                    loads[row].copies_without_place += u64::from(is_copy);
                    loads[row].without_place += u64::from(!is_copy && (request.attempt == 0 || request.had_place));
                }
            }
            if let Some(row) = request.cancelled {
                loads[row].cancelled += 1;
            }
            if self.desk(service).is_some() {
                at_desk(&mut loads, request);
                continue;
            }
            loads[request.row].answer(request);
            loads[request.row].timed_out += u64::from(request.is_timed_out());
            by_cell.entry(request.cell).or_default().push(request);
            if let (true, Some(starts), Some(done)) = (has_workers, request.starts, request.done()) {
                overlaps(&mut loads, request.arrives, starts, |load| &mut load.queued_ns);
                overlaps(&mut loads, starts, done, |load| &mut load.busy_ns);
            }
        }
        if self.desk(service).is_some() {
            loads.iter_mut().zip(self.rows()).for_each(|(load, row)| load.longest_queue = row.longest[service]);
        }
        for requests in by_cell.values() {
            let longest = longest_queues(&loads, requests);
            loads.iter_mut().zip(longest).for_each(|(load, longest)| load.longest_queue += longest);
        }
        self.add_capacity(service, &mut loads);
        for load in &mut loads {
            self.weigh(service, load);
        }
        loads
    }

    /// Adds how many requests are at the service at an instant of each row, and how long they stay: a station tells of that when they
    /// come, a desk when they go.
    fn add_stays(&self, service: usize, loads: &mut [Load]) {
        let is_station = self.desk(service).is_none();
        for request in self.record.requests.iter().filter(|request| request.service == service) {
            let was_there = request.starts.is_some() || request.ends_wait.is_some() || request.rejected.is_none();
            if request.is_limited || request.is_under_way || !was_there {
                continue;
            }
            let comes = request.arrives;
            let goes = request.stops.or(request.ends_wait).or(request.done().filter(|_| is_station)).unwrap_or(NEVER);
            for (load, row) in loads.iter_mut().zip(self.rows()) {
                let at = row.glimpse;
                load.present += u64::from(at <= row.slot.end && comes < at && at <= goes);
            }
            let told = if is_station { comes } else { goes };
            if let Some(load) = loads.iter_mut().find(|load| (load.slot.start..load.slot.end).contains(&told)) {
                load.stayed_ns += u128::from((goes - comes).0);
            }
        }
    }

    /// Adds what instances there were in each row, and how long their workers could work; those of instances that go still work.
    fn add_capacity(&self, service: usize, loads: &mut [Load]) {
        if self.plan.services[service].capacity().is_none() {
            let workers = u128::from(self.workers(service));
            return loads.iter_mut().for_each(|load| {
                load.capacity_ns = workers * u128::from((load.slot.end - load.slot.start).0);
            });
        }
        for cell in 0..self.cells.len() {
            let of_cell = |request: &&Request| request.service == service && request.cell == cell;
            // Instances from a time on, or one more or less at work.
            let mut steps: Vec<(Instant, Option<Stood>, i64)> = Vec::new();
            for request in self.record.requests.iter().filter(of_cell) {
                if let Some(starts) = request.starts {
                    steps.extend([(starts, None, 1), (request.stops.unwrap_or(NEVER), None, -1)]);
                }
            }
            let stood = self.record.stood.iter().filter(|of| (of.cell, of.service) == (cell, service));
            steps.extend(stood.map(|&stood| (stood.since, Some(stood), 0)));
            // In the order in which they became known, at one instant.
            steps.sort_by_key(|step| step.0);
            steps.push((NEVER, None, 0));
            let (mut standing, mut workers, mut serving) = (0u64, 0u64, 0i64);
            for pair in steps.windows(2) {
                let (from, now, more) = pair[0];
                if let Some(now) = now {
                    (standing, workers) = (now.instances, now.workers);
                }
                serving += more;
                let capacity = u128::from(workers).max(serving as u128);
                overlap_times(loads, (from, pair[1].0), u128::from(standing), |load| &mut load.standing_ns);
                overlap_times(loads, (from, pair[1].0), capacity, |load| &mut load.capacity_ns);
            }
        }
    }

    /// What is asked of a service in a row, and what it is able to do in it.
    fn weigh(&self, service: usize, load: &mut Load) {
        let of = &self.plan.services[service];
        let Some(pool) = &of.pool else { return };
        (load.demanded_ns, load.able_ns) = (load.offered_ns, load.capacity_ns);
        if let Some(slowdown) = of.desk.as_ref().and_then(|desk| desk.slowdown.as_ref()) {
            let seconds = u128::from(load.requests) * u128::from(pool.workers) * 1_000_000_000;
            let share = seconds / u128::from(slowdown.above);
            if share > load.capacity_ns {
                load.demanded_ns = share.max((load.offered_ns as f64 * slowdown.factor) as u128);
            }
        }
        let effects = of.capacity().map_or(&[][..], |changes| &changes.incidents);
        // How much slower in each part of the row; none: not at all.
        let mut at = load.slot.start;
        let (mut done, mut is_slower) = (0.0, false);
        while at < load.slot.end {
            let on = || effects.iter().filter(|incident| incident.from <= at && at < incident.until);
            let edges = effects.iter().flat_map(|incident| [incident.from, incident.until]);
            let next = edges.filter(|&edge| edge > at).fold(load.slot.end, Instant::min);
            let mut factor = 1.0;
            for incident in on() {
                is_slower |= matches!(incident.effect, Effect::Slowed(_) | Effect::Stalled);
                factor *= if let Effect::Slowed(factor) = incident.effect { factor } else { 1.0 };
            }
            let is_stalled = on().any(|incident| incident.effect == Effect::Stalled);
            done += if is_stalled { 0.0 } else { (next - at).0 as f64 / factor };
            at = next;
        }
        let speed = done / load.nanos() as f64;
        if is_slower && speed < 1.0 {
            load.able_ns = (load.capacity_ns as f64 * speed) as u128;
        }
    }

    /// Workers of the simulated cells.
    fn workers(&self, service: usize) -> u64 {
        let Some(pool) = &self.plan.services[service].pool else { return 0 };
        (0..self.model.simulated).map(|cell| self.model.instances(service, cell)).sum::<u64>() * u64::from(pool.workers)
    }

    pub(super) fn service_columns(&self, service: usize) -> Vec<Column> {
        let loads = self.loads(service);
        let name = |what: &str| series::service(&self.plan.services[service].name, what);
        let counts = |what: &str, of: &dyn Fn(&Load) -> u64| self.scaled(&name(what), loads.iter().map(of).collect());
        let times = |what: &str, quantile: f64| {
            let values = loads.iter().map(|load| load.responses_us.value_at_quantile(quantile) as i64).collect();
            Column { name: name(what), values: Values::Integer(values) }
        };
        let reals = |what: &str, of: &dyn Fn(&Load) -> f64| Column {
            name: name(what),
            values: Values::Real(loads.iter().map(of).collect()),
        };
        let of_capacity = |ns: u128, load: &Load| {
            if load.capacity_ns > 0 { ns as f64 / load.capacity_ns as f64 } else { 0.0 }
        };
        let mut columns = vec![
            counts("requests", &|load| load.requests),
            counts("rejected", &|load| load.rejected),
            counts("limited", &|load| load.limited),
            counts("timed_out", &|load| load.timed_out),
            counts("cancelled", &|load| load.cancelled),
            counts("present", &|load| load.present),
            counts("queue_max", &|load| load.longest_queue),
            times("response_us_p50", 0.5),
            times("response_us_p99", 0.99),
            reals("utilisation", &|load| of_capacity(load.busy_ns, load)),
            reals("offered_over_capacity", &|load| {
                if load.demanded_ns > 0 { load.demanded_ns as f64 / load.able_ns as f64 } else { 0.0 }
            }),
            reals("queue_mean", &|load| load.queued_ns as f64 * self.scale() as f64 / (load.seconds() * 1e9)),
            reals("wait_us_mean", &|load| Load::wait_us_mean(&[load])),
            reals("stayed", &|load| load.stayed_ns as f64 * self.scale() as f64 / (load.seconds() * 1e9)),
        ];
        if self.plan.services[service].capacity().is_some() {
            let scale = self.scale() as f64;
            columns.push(reals("instances", &|load| load.standing_ns as f64 * scale / (load.seconds() * 1e9)));
        }
        columns
    }

    pub(super) fn service_rows(&self) -> Vec<ServiceRow> {
        let mut rows = Vec::new();
        for service in 0..self.plan.services.len() {
            let loads = self.loads(service);
            for window in 0..self.plan.windows.len() {
                let of_window: Vec<&Load> = loads.iter().filter(|load| load.slot.window == window).collect();
                rows.push(self.service_row(service, window, &of_window));
            }
        }
        rows
    }

    fn service_row(&self, service: usize, window: usize, loads: &[&Load]) -> ServiceRow {
        let (workers, scale) = (self.workers(service), self.scale());
        let closes = self.plan.windows[window].closes;
        let sum = |of: fn(&Load) -> u64| loads.iter().map(|load| of(load)).sum::<u64>() * scale;
        let highest = |of: &dyn Fn(&Load) -> f64| loads.iter().map(|load| of(load)).fold(0.0, f64::max);
        let mut responses = Load::new(&self.rows()[0]).responses_us;
        for load in loads {
            responses += &load.responses_us;
        }
        let open: Vec<&&Load> = loads.iter().filter(|load| load.slot.start < closes).collect();
        let busy: f64 = open.iter().map(|load| load.busy_ns as f64).sum();
        let capacity: f64 = open.iter().map(|load| load.capacity_ns as f64).sum();
        let utilisation = |load: &Load| load.busy_ns as f64 / (load.capacity_ns as f64).max(1.0);
        let seconds: f64 = open.iter().map(|load| load.seconds()).sum();
        let stood: u128 = open.iter().map(|load| load.standing_ns).sum();
        let instances_mean = match &self.plan.services[service].pool {
            Some(pool) if self.plan.services[service].capacity().is_none() => {
                (workers / u64::from(pool.workers) * scale) as f64
            }
            Some(_) if seconds > 0.0 => stood as f64 * scale as f64 / (seconds * 1e9),
            _ => 0.0,
        };
        ServiceRow {
            service: self.plan.services[service].name.clone(),
            window: self.plan.windows[window].name.clone(),
            workers: workers * scale,
            instances_mean,
            requests: sum(|load| load.requests),
            rejected: sum(|load| load.rejected),
            limited: sum(|load| load.limited),
            timed_out: sum(|load| load.timed_out),
            cancelled: sum(|load| load.cancelled),
            peak_requests_per_second: highest(&|load| (load.requests * scale) as f64 / load.seconds()),
            utilisation_mean: if capacity > 0.0 { busy / capacity } else { 0.0 },
            utilisation_max: if workers > 0 { highest(&utilisation) } else { 0.0 },
            queue_max: loads.iter().map(|load| load.longest_queue).max().unwrap_or(0) * scale,
            wait_us_mean: Load::wait_us_mean(loads),
            response_us_p50: responses.value_at_quantile(0.5),
            response_us_p90: responses.value_at_quantile(0.9),
            response_us_p99: responses.value_at_quantile(0.99),
            response_us_p999: responses.value_at_quantile(0.999),
            response_us_max: responses.max(),
        }
    }

    pub(super) fn is_saturated(&self, service: usize, load: &Load) -> bool {
        let too_many = if load.longest_queue > 0 { MANY_TIMED_OUT } else { 0.05 };
        let many_timed_out = (load.timed_out - load.left_inside) as f64 > too_many * load.requests as f64;
        // A delay has no workers that could be busy, and nobody waits there; but its protection may turn requests away.
        let is_busy = load.busy_ns as f64 >= SATURATED * load.capacity_ns as f64;
        load.rejected > load.rejected_inside || self.workers(service) > 0 && (is_busy || many_timed_out)
    }

    pub(super) fn saturations(&self, service: usize) -> Vec<Saturation> {
        let loads = self.loads(service);
        let saturated = |load: &Load| self.is_saturated(service, load);
        // First and last row of each stretch.
        let mut stretches: Vec<(usize, usize)> = Vec::new();
        for row in (0..loads.len()).filter(|&row| saturated(&loads[row])) {
            let from = self.unix_ms(loads[row].slot.start);
            match stretches.last_mut().filter(|last| from <= self.unix_ms(loads[last.1].slot.end) + BRIDGED_MS) {
                Some(last) => last.1 = row,
                None => stretches.push((row, row)),
            }
        }
        let ends = stretches.iter().skip(1).map(|next| next.0).chain([loads.len()]);
        stretches
            .iter()
            .zip(ends)
            .map(|(&(first, last), next)| Saturation {
                lost_fen: self.lost_between(service, first..next),
                ..self.stretch(service, &loads[first..=last], &saturated)
            })
            .collect()
    }

    fn stretch(&self, service: usize, loads: &[Load], saturated: &dyn Fn(&Load) -> bool) -> Saturation {
        let (workers, scale) = (self.workers(service), self.scale());
        let capacity = |load: &Load| load.capacity_ns;
        let worst = loads.iter().filter(|load| saturated(load));
        let sum = |of: fn(&Load) -> u64| loads.iter().filter(|load| saturated(load)).map(of).sum::<u64>() * scale;
        let offered: u128 = loads.iter().map(|load| load.offered_ns).sum();
        let queue_max = worst.clone().map(|load| load.longest_queue).max().unwrap_or(0) * scale;
        let requests: u64 = loads.iter().map(|load| load.requests).sum();
        let in_requests = |work: u128| (work as f64 * requests as f64 / (offered as f64).max(1.0)).ceil() as u64;
        // Work that was turned away and would still have to be done, had it been taken. Nobody tries again who is taken. A hedged call
        // waits twice; and is worked on twice, unless the copy that waits is taken back.
        let of = &self.plan.services[service];
        let is_taken_back = of.desk.as_ref().is_some_and(|desk| desk.cancel != Cancel::None);
        let (times_waiting, times_done) = match (of.hedge.is_some(), is_taken_back) {
            (false, _) => (1, 1),
            (true, true) => (2, 1),
            (true, false) => (1, 2),
        };
        let mut undone = 0u128;
        let queues = loads.iter().map(|load| {
            let of_mean = |requests: u64| load.offered_ns * u128::from(requests) / u128::from(load.requests.max(1));
            let copies = if times_done == 2 { load.copies_without_place } else { 0 };
            undone += of_mean(times_done * load.without_place + copies);
            undone -= undone.min(of_mean(times_done * load.with_place_later));
            let needed = load.longest_queue + times_waiting * in_requests(undone);
            let idle = capacity(load).saturating_sub(load.busy_ns);
            undone -= undone.min(idle);
            needed
        });
        let queue_needed = if workers > 0 { queues.max().unwrap_or(0) * scale } else { 0 };
        // Nothing is told of a load on nothing.
        let over = |offered: u128, able: u128| match (offered, able) {
            (0, _) => Some(0.0),
            (_, 0) => None,
            (offered, able) => Some(offered as f64 / able as f64),
        };
        let each: Vec<Option<f64>> = worst.clone().map(|load| over(load.demanded_ns, load.able_ns)).collect();
        Saturation {
            service: self.plan.services[service].name.clone(),
            from_unix_ms: self.unix_ms(loads[0].slot.start),
            until_unix_ms: self.unix_ms(loads[loads.len() - 1].slot.end),
            worst_offered_over_capacity: each.iter().try_fold(0.0, |worst, over| Some(over.as_ref()?.max(worst))),
            offered_over_capacity: over(
                loads.iter().map(|load| load.demanded_ns).sum(),
                loads.iter().map(|load| load.able_ns).sum(),
            ),
            queue_max,
            rejected: sum(|load| load.rejected - load.rejected_inside),
            timed_out: sum(|load| load.timed_out - load.left_inside),
            queue_needed,
            lost_fen: 0,
        }
    }

    /// Money of intents that a service's failures ended in some rows.
    fn lost_between(&self, service: usize, rows: std::ops::Range<usize>) -> u64 {
        let ended = |what: What| matches!(what, What::Ended(fate) if fate.service() == Some(service));
        let facts = self.record.facts.iter().filter(|fact| rows.contains(&fact.row) && ended(fact.what));
        facts.map(|fact| fact.line.fen()).sum::<u64>() * self.scale()
    }

    /// What services that answer on acceptance had before them.
    pub(super) fn settlements(&self) -> Vec<Settlement> {
        let mut settlements = Vec::new();
        for service in (0..self.plan.services.len()).filter(|&service| self.answers_on_acceptance(service)) {
            let loads = self.loads(service);
            for (number, window) in self.plan.windows.iter().enumerate() {
                let of_window = |row: usize| self.rows()[row].slot.window == number;
                let requests = self.record.requests.iter().filter(|request| request.service == service);
                let settled = requests.filter_map(|request| {
                    let row = if self.desk(service).is_some() { request.answered? } else { request.row };
                    request.done().filter(|_| of_window(row))
                });
                let last: Option<Instant> = settled.max();
                let of_window = loads.iter().filter(|load| load.slot.window == number);
                settlements.push(Settlement {
                    service: self.plan.services[service].name.clone(),
                    window: window.name.clone(),
                    backlog_max: of_window.map(|load| load.longest_queue).max().unwrap_or(0) * self.scale(),
                    last_unix_ms: last.map(|last| self.unix_ms(last)),
                });
            }
        }
        settlements
    }
}

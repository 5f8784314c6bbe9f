//! What changes at services in the course of time: instances that come and go, and what goes wrong.

use super::event::{Event, Turn};
use super::record::{Request, Stood};
use super::service::RequestId;
use super::session::{Fate, Key, Session};
use super::simulator::Simulator;
use saleload::plan::capacity::{CellLoss, Effect, Incident, Unreachable};
use saleload::plan::{Desk, Queues};
use saleload::units::{Instant, Nanos};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Why requests do not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Refuses,
    /// They get through then.
    Until(Instant),
}

fn is_on(incident: &Incident, now: Instant) -> bool {
    (incident.from..incident.until).contains(&now)
}

impl Simulator<'_> {
    /// Puts all changes of instances on the heap.
    pub(crate) fn schedule_changes(&mut self) {
        for (service, of) in self.plan.services.iter().enumerate() {
            let Some(desk) = &of.desk else { continue };
            let losses = desk.capacity.incidents.iter().filter(|incident| matches!(incident.effect, Effect::Lost(_)));
            let mut times: Vec<Instant> = losses.flat_map(|incident| [incident.from, incident.until]).collect();
            if desk.capacity.autoscaler.is_none() {
                times.extend(desk.capacity.steps.iter().map(|step| step.at));
            }
            let of_cell = |loss: &CellLoss| [Some(loss.from), loss.remapped, Some(loss.until)];
            times.extend(desk.capacity.cells.iter().flat_map(of_cell).flatten());
            for cell in 0..self.cells.len() {
                let instances = self.cells[cell].standing[service];
                let workers = instances * of.pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
                self.record.stood.push(Stood { cell, service, since: Instant(0), instances, workers });
                for &time in &times {
                    let key = Key { shopper: cell as u64, window: service, again: 0, leg: 0 };
                    self.events.push(Reverse(Event { time, turn: Turn::Instances, key, number: 0 }));
                }
            }
        }
    }

    /// Instances over all cells that the schedule wants now.
    fn scheduled(&self, service: usize) -> u64 {
        if let Some(scaler) = self.scalers.iter().find(|scaler| scaler.service == service) {
            return scaler.standing(self.now);
        }
        let of = &self.plan.services[service];
        let first = of.pool.as_ref().map_or(0, |pool| pool.instances);
        let desk = of.desk.as_ref().expect("only desks have a schedule");
        desk.capacity
            .steps
            .iter()
            .filter(|step| step.at <= self.now)
            .map(|step| step.instances)
            .next_back()
            .unwrap_or(first)
    }

    /// Instances of a service in a cell become more or fewer.
    pub(crate) fn instances_change(&mut self, key: Key) {
        let (cell, service) = (key.shopper as usize, key.window);
        let total = self.scheduled(service);
        let lost = self.model.lost_instances(service, cell as u32, self.now, total);
        let scheduled = self.model.instances_of(total, service, cell as u32);
        let lost_before = self.cells[cell].lost[service];
        // In peace first.
        let in_peace = scheduled.saturating_sub(lost_before);
        let before = self.cells[cell].standing[service];
        self.record.rarities.more_instances += u64::from(scheduled - lost > before);
        self.record.rarities.fewer_instances += u64::from(in_peace < before);
        let taken = lost.saturating_sub(lost_before).min(in_peace);
        let moved = self.moved(cell, service, total);
        let loss = self.cell_loss(service).filter(|loss| loss.cell as usize == cell).cloned();
        let was_gone = std::mem::replace(&mut self.cells[cell].gone[service], loss.is_some());
        let fails = if loss.is_some() && !was_gone {
            self.all_accepted(cell, service)
        } else if taken > 0 {
            let is_split = self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled);
            let there = if is_split { in_peace.saturating_add_signed(moved) } else { in_peace };
            self.at_lost(cell, service, there, taken)
        } else {
            Vec::new()
        };
        self.record.rarities.lost_with_cell += if loss.is_some() { fails.len() as u64 } else { 0 };
        self.record.rarities.remapped += u64::from(moved > 0);
        self.cells[cell].down[service] =
            loss.is_some_and(|loss| loss.remapped.is_none_or(|remapped| self.now < remapped));
        for &id in &fails {
            let request = self.record.requests[id].clone();
            let of = &mut self.cells[cell].services[service][request.queue];
            if request.starts.is_some() {
                of.release(id);
                self.record.requests[id].stops = Some(self.now);
            } else {
                of.queue.retain(|&waiting| waiting != id);
                self.record.requests[id].ends_wait = Some(self.now);
            }
            self.leaves_guard(cell, service);
        }
        self.stand(cell, service, scheduled - lost, moved);
        self.cells[cell].lost[service] = lost;
        for id in fails {
            self.record.rarities.lost_with_instance += 1;
            let freed = if self.record.requests[id].calls { self.within_left(id) } else { Vec::new() };
            self.send_away(id, Fate::Rejected(service));
            for line in freed {
                self.serve(line);
            }
        }
        for queue in 0..self.cells[cell].services[service].len() {
            self.serve((cell, service, queue));
        }
    }

    fn stand(&mut self, cell: usize, service: usize, instances: u64, moved: i64) {
        let of = &self.plan.services[service];
        let pool = of.pool.as_ref().expect("it has instances");
        let each = u64::from(pool.workers);
        let is_split = self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled);
        let instances = if is_split { instances.saturating_add_signed(moved) } else { instances };
        let workers = if is_split { instances * each } else { (instances * each).saturating_add_signed(moved) };
        self.record.stood.push(Stood { cell, service, since: self.now, instances, workers });
        self.cells[cell].standing[service] = instances;
        self.cells[cell].serving[service] = workers.div_ceil(each);
        if !is_split {
            let queue = &mut self.cells[cell].services[service][0];
            queue.workers = Some(workers as usize);
            queue.places = pool.queue.map_or(u64::MAX, |places| places * workers / each);
        }
    }

    /// The loss of a cell that is on.
    fn cell_loss(&self, service: usize) -> Option<&CellLoss> {
        let cells = &self.desk(service)?.capacity.cells;
        cells.iter().find(|loss| loss.from <= self.now && self.now < loss.until)
    }

    /// What of a service moves to a cell while the shoppers of one are served by others: workers, or instances with queues of their
    /// own. All that the hosts have lies in a row; a part of it, one in one more than there are hosts, is taken at even distances.
    fn moved(&self, cell: usize, service: usize, total: u64) -> i64 {
        let Some(loss) = self.cell_loss(service) else { return 0 };
        if loss.remapped.is_none_or(|remapped| self.now < remapped) {
            return 0;
        }
        let is_split = self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled);
        let workers = self.plan.services[service].pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
        let mut row = Vec::new();
        for &host in &loss.hosts {
            let lost = self.model.lost_instances(service, host, self.now, total);
            let standing = self.model.instances_of(total, service, host) - lost;
            row.extend((0..standing * if is_split { 1 } else { workers }).map(|_| host));
        }
        let (all, parts) = (row.len() as f64, loss.hosts.len() as f64 + 1.0);
        let wanted = (all / parts).round() as u64;
        let mut given: BTreeMap<u32, i64> = BTreeMap::new();
        let mut filled = 0;
        for &host in &row {
            filled += wanted;
            if filled >= row.len() as u64 {
                filled -= row.len() as u64;
                *given.entry(host).or_default() += 1;
            }
        }
        // The last one stays.
        let has = |host: u32| row.iter().filter(|&&of| of == host).count() as i64;
        for (&host, given) in &mut given {
            *given = (*given).min(has(host) - 1);
        }
        if cell == loss.cell as usize { given.values().sum() } else { -given.get(&(cell as u32)).copied().unwrap_or(0) }
    }

    /// All requests that a service in a cell works on or has in its queues, in the order in which they came.
    fn all_accepted(&self, cell: usize, service: usize) -> Vec<RequestId> {
        let queues = &self.cells[cell].services[service];
        let mut all: Vec<RequestId> =
            queues.iter().flat_map(|queue| queue.served().into_iter().chain(queue.queue.iter().copied())).collect();
        all.sort_unstable();
        all
    }

    /// Requests that fail when `taken` of `standing` instances are lost, in the order in which they came.
    fn at_lost(&self, cell: usize, service: usize, standing: u64, taken: u64) -> Vec<RequestId> {
        let queues = &self.cells[cell].services[service];
        if self.plan.services[service].desk.as_ref().is_some_and(|desk| desk.queues != Queues::Pooled) {
            let gone = &queues[(standing - taken) as usize..standing as usize];
            let mut fails: Vec<RequestId> =
                gone.iter().flat_map(|queue| queue.served().into_iter().chain(queue.queue.iter().copied())).collect();
            fails.sort_unstable();
            return fails;
        }
        // One after the other adds its part, and whoever fills a whole one fails.
        let mut parts = 0;
        let mut fails = Vec::new();
        for id in queues[0].served() {
            parts += taken;
            if parts >= standing {
                parts -= standing;
                fails.push(id);
            }
        }
        fails
    }

    /// Whether requests to a service do not get through now.
    pub(crate) fn cut(&self, service: usize) -> Option<Cut> {
        let on = self.desk(service)?.capacity.incidents.iter().filter(|incident| is_on(incident, self.now));
        let cuts: Vec<(Unreachable, Instant)> = on
            .filter_map(|incident| match incident.effect {
                Effect::Unreachable(how) => Some((how, incident.until)),
                _ => None,
            })
            .collect();
        if cuts.iter().any(|(how, _)| *how == Unreachable::Refused) {
            return Some(Cut::Refuses);
        }
        cuts.iter().map(|(_, until)| *until).max().map(Cut::Until)
    }

    /// A request gets through, unless it was cancelled on its way.
    pub(crate) fn gets_through(&mut self, id: RequestId) {
        let Request { cell, service, queue, ends_wait, .. } = self.record.requests[id];
        if ends_wait.is_some() {
            return;
        }
        let is_split = self.desk(service).is_some_and(|desk| desk.queues != Queues::Pooled);
        let standing = self.cells[cell].standing[service] as usize;
        let queue = if is_split && standing > 0 && queue >= standing { queue % standing } else { queue };
        let bound = self.bound((cell, service, queue));
        let request = &mut self.record.requests[id];
        (request.is_under_way, request.queue, request.bound) = (false, queue, bound);
        self.record.rarities.got_through += 1;
        if self.cells[cell].down[service] || is_split && standing == 0 || !self.joins(id, cell) {
            self.record.requests[id].ends_wait = Some(self.now);
            self.send_away(id, Fate::Rejected(service));
        } else if self.answers_on_acceptance(service) {
            self.accepted_late(id);
        }
    }

    /// How long a worker takes that begins now and would otherwise take so long: from edge to edge of what goes wrong.
    pub(crate) fn disturbed(&self, desk: &Desk, usual: Nanos) -> Nanos {
        let incidents = &desk.capacity.incidents;
        let mut edges: Vec<u64> = incidents.iter().flat_map(|of| [of.from.0, of.until.0]).collect();
        edges.retain(|&edge| edge > self.now.0);
        edges.sort_unstable();
        edges.dedup();
        let (mut time, mut left) = (self.now.0, usual.0);
        for edge in edges {
            let on: Vec<&Effect> = incidents
                .iter()
                .filter(|incident| is_on(incident, Instant(time)))
                .map(|incident| &incident.effect)
                .collect();
            if !on.contains(&&Effect::Stalled) {
                let factor: f64 =
                    on.iter().map(|effect| if let Effect::Slowed(factor) = effect { *factor } else { 1.0 }).product();
                let needs = if factor == 1.0 { left } else { (left as f64 * factor) as u64 };
                if time + needs <= edge {
                    return Nanos(time + needs - self.now.0);
                }
                let has_done = if factor == 1.0 { edge - time } else { ((edge - time) as f64 / factor) as u64 };
                left = left.saturating_sub(has_done);
            }
            time = edge;
        }
        Nanos(time + left - self.now.0)
    }

    /// The probability that a payment is declined.
    pub(crate) fn declined(&self, session: &Session, usually: f64) -> f64 {
        let cbmg = self.model.segments[session.segment].graph(session.key.window as u8);
        let mut declined = usually;
        for of in &self.plan.declines {
            if of.states[cbmg][session.state] && (of.from..of.until).contains(&self.now) && of.probability > declined {
                declined = of.probability;
            }
        }
        declined
    }
}

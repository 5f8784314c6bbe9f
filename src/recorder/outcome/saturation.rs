//! Services that could not keep up: when, how far beyond their capacity, and what it cost.

use super::Outcome;
use crate::engine::session::Cause;
use crate::plan::{Cancel, ServiceId};
use crate::recorder::{Attribution, Row};
use crate::results::Saturation;
use crate::units::Nanos;

/// A slot in which a service is busier than this counts as saturated.
const SATURATED: f64 = 0.95;
/// So does one with a queue in which more than this share of its clients timed out; a few slow answers alone do not.
const MANY_TIMED_OUT: f64 = 0.001;
/// And one at which more than this share timed out, queue or not: servers that are slow are no better than too few.
const MOST_TIMED_OUT: f64 = 0.05;
/// Saturated stretches with less than this between them are reported as one.
const BRIDGED: Nanos = Nanos::from_secs(60);

/// A stretch that is still growing.
struct Stretch {
    shown: Saturation,
    /// The worst load over capacity.
    worst: f64,
    /// Slots of the record, the last one included.
    rows: std::ops::RangeInclusive<usize>,
}

/// Work brought over the work that could be done: infinite where there was no capacity at all, as all instances were lost or stalled.
fn load((offered_ns, capacity_ns): (u128, u128)) -> f64 {
    if offered_ns == 0 { 0.0 } else { offered_ns as f64 / capacity_ns as f64 }
}

/// As it is told: `None` where it has no bound.
fn told(load: f64) -> Option<f64> {
    Some(load).filter(|load| load.is_finite())
}

impl Outcome<'_> {
    /// Work that the workers of a service could do in a slot, ns.
    pub(super) fn capacity_ns(&self, service: ServiceId, row: &Row) -> u128 {
        match self.plan.services[service].capacity() {
            None => u128::from(self.workers(service)) * u128::from((row.slot.end - row.slot.start).0),
            Some(_) => row.services[service].reading.capacity,
        }
    }

    /// Work that all requests brought to a service in a slot, and that could be done, ns; nothing of a delay, which has no such bound.
    ///
    /// While incidents slow work down, less can be done. A service that slows down by itself above so many requests a second has no
    /// capacity for more: each takes up its part of that second, and its work as long as it then takes.
    pub(super) fn offered(&self, service: ServiceId, row: &Row) -> (u128, u128) {
        let plan = &self.plan.services[service];
        let Some(pool) = &plan.pool else { return (0, 0) };
        let (of, capacity) = (&row.services[service], self.capacity_ns(service, row));
        let speed = plan.capacity().map_or(1.0, |changes| changes.speed(row.slot.start, row.slot.end));
        let able = if speed < 1.0 { (capacity as f64 * speed) as u128 } else { capacity };
        let Some(slowdown) = plan.desk.as_ref().and_then(|desk| desk.slowdown.as_ref()) else {
            return (of.offered_ns, able);
        };
        let of_instance = u128::from(pool.workers) * u128::from(Nanos::PER_SECOND);
        let taken_up = u128::from(of.requests) * of_instance / u128::from(slowdown.above);
        if taken_up <= capacity {
            return (of.offered_ns, able);
        }
        (taken_up.max((of.offered_ns as f64 * slowdown.factor) as u128), able)
    }

    /// Offered load over capacity in a slot; infinite where there was none.
    pub(super) fn offered_over_capacity(&self, service: ServiceId, row: &Row) -> f64 {
        load(self.offered(service, row))
    }

    /// Whether a service could not keep up in a slot. A delay without servers always can, unless its protection says otherwise: its
    /// time-outs are its nature. What another service failed that it called is not its own failure.
    pub(super) fn is_saturated(&self, service: ServiceId, row: &Row) -> bool {
        let of = &row.services[service];
        let too_many = if of.reading.longest_queue > 0 { MANY_TIMED_OUT } else { MOST_TIMED_OUT };
        let timed_out = of.timed_out_here() as f64 > of.requests as f64 * too_many;
        let busy = of.reading.busy as f64 >= SATURATED * self.capacity_ns(service, row) as f64;
        of.rejected_here() > 0 || self.workers(service) > 0 && (timed_out || busy)
    }

    /// Stretches in which a service could not keep up.
    pub(super) fn saturations(&self, service: ServiceId) -> Vec<Saturation> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for (index, row) in self.recorder.rows.iter().enumerate() {
            if !self.is_saturated(service, row) {
                continue;
            }
            let from = self.unix_ms(row.slot.start);
            let bridged = (BRIDGED.0 / 1_000_000) as i64;
            if stretches.last().is_none_or(|last| from - last.shown.until_unix_ms > bridged) {
                stretches.push(Stretch { shown: self.first_of(service, row), worst: 0.0, rows: index..=index });
            }
            let Some(last) = stretches.last_mut() else { continue };
            last.rows = *last.rows.start()..=index;
            let (of, shown) = (&row.services[service], &mut last.shown);
            last.worst = last.worst.max(self.offered_over_capacity(service, row));
            shown.until_unix_ms = self.unix_ms(row.slot.end);
            shown.queue_max = shown.queue_max.max(of.reading.longest_queue * self.scale);
            shown.rejected += of.rejected_here() * self.scale;
            shown.timed_out += of.timed_out_here() * self.scale;
        }
        self.finished(service, stretches)
    }

    fn first_of(&self, service: ServiceId, row: &Row) -> Saturation {
        Saturation {
            service: self.plan.services[service].name.clone(),
            from_unix_ms: self.unix_ms(row.slot.start),
            until_unix_ms: self.unix_ms(row.slot.end),
            worst_offered_over_capacity: None,
            offered_over_capacity: None,
            queue_max: 0,
            rejected: 0,
            timed_out: 0,
            queue_needed: 0,
            lost_fen: 0,
        }
    }

    /// Adds to each stretch what is known once it has ended.
    fn finished(&self, service: ServiceId, stretches: Vec<Stretch>) -> Vec<Saturation> {
        let starts: Vec<usize> = stretches.iter().map(|stretch| *stretch.rows.start()).collect();
        let end = self.recorder.rows.len();
        let mut finished = Vec::with_capacity(stretches.len());
        for (number, Stretch { mut shown, worst, rows }) in stretches.into_iter().enumerate() {
            let rows = &self.recorder.rows[rows];
            let parts = rows.iter().map(|row| self.offered(service, row));
            let all = parts.fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1));
            (shown.worst_offered_over_capacity, shown.offered_over_capacity) = (told(worst), told(load(all)));
            shown.queue_needed = if self.workers(service) > 0 { self.queue_needed(service, rows) } else { 0 };
            let until = starts.get(number + 1).copied().unwrap_or(end);
            shown.lost_fen =
                self.recorder.rows[starts[number]..until].iter().map(|row| self.lost_at(service, row)).sum();
            finished.push(shown);
        }
        finished
    }

    /// The most requests that would have waited, had all been accepted: those that did, and those for whom there was no place and who
    /// could not have been served by then in idle time. All that are rejected in a slot are taken to come at once, because a cell may
    /// be full while others are idle. Had they been accepted, nobody would have tried again: first attempts count, until a later one has
    /// a place. But of each call that is hedged a second copy would have waited beside the first; its work would have been done too, and
    /// that of copies for which there was no place, where waiting ones are not cancelled.
    fn queue_needed(&self, service: ServiceId, rows: &[Row]) -> u64 {
        let settings = &self.plan.services[service];
        let cancels = settings.desk.as_ref().is_some_and(|desk| desk.cancel != Cancel::None);
        let (copies_at_work, places_each) = match settings.hedge {
            None => (1, 1),
            Some(_) if cancels => (1, 2),
            Some(_) => (2, 1),
        };
        let requests: u64 = rows.iter().map(|row| row.services[service].requests).sum();
        let offered: u128 = rows.iter().map(|row| row.services[service].offered_ns).sum();
        // Sums of at most 2^100 ns times counts below 2^61 do not fit; a float is exact enough for an estimate.
        let in_requests = |ns: u128| (ns as f64 * requests as f64 / (offered as f64).max(1.0)).ceil() as u64;
        let (mut ahead, mut most) = (0u128, 0u64);
        for row in rows {
            let of = &row.services[service];
            let Attribution { unplaced, unplaced_copies, placed_again, .. } = of.attribution;
            let work = |requests: u64| of.offered_ns * u128::from(requests) / u128::from(of.requests.max(1));
            ahead += work(unplaced * copies_at_work + if copies_at_work > 1 { unplaced_copies } else { 0 });
            ahead = ahead.saturating_sub(work(placed_again * copies_at_work));
            most = most.max(of.reading.longest_queue + in_requests(ahead) * places_each);
            ahead = ahead.saturating_sub(self.capacity_ns(service, row).saturating_sub(of.reading.busy));
        }
        most * self.scale
    }

    /// Money that a service stopped, fen: by rejections, by time-outs, and by answers that shoppers did not wait for.
    pub(super) fn lost_at(&self, service: ServiceId, row: &Row) -> u64 {
        let of = |cause: Cause| row.settled_fen[usize::from(cause.0)];
        [Cause::rejected, Cause::timed_out, Cause::gave_up].map(|fails| of(fails(service))).iter().sum::<u64>()
            * self.scale
    }
}

//! The load of a window: flows of all segments added up, slot by slot, and set against the capacity of each service.

use super::fluid::Network;
use super::{Overload, Peak, ServiceForecast, TARGET_UTILISATION, WindowForecast, grid};
use crate::model::expectation::Expectation;
use crate::model::intensity::Cumulative;
use crate::plan::{Action, Plan, Presale, Service, WindowId};
use crate::units::{Instant, Nanos};
use std::collections::BTreeMap;

/// Sessions still in flight after a closing are followed for this long, seconds.
const DRAIN: u64 = 6 * 3600;

/// Segments of a window that share a behaviour graph, an arrival pattern and a share of early ones, and so flow as one.
#[derive(Default)]
struct Group {
    sessions: f64,
    /// Share of them that is there before the opening.
    early: f64,
    /// Sessions times the mean lines of their baskets.
    lines: f64,
}

/// A window's flow by slots.
struct Flow {
    /// Opening.
    opens: Instant,
    /// The same, Unix ms.
    opens_unix_ms: i64,
    /// Edges of the slots, seconds since the opening.
    edges: Vec<u64>,
    /// Slots before the closing.
    open_slots: usize,
    sessions: Vec<f64>,
    orders: Vec<f64>,
    /// Sessions in flight at the end of each slot.
    in_flight: Vec<f64>,
    /// Requests by service and slot.
    requests: Vec<Vec<f64>>,
}

/// The forecast of a window.
pub(super) fn of_window(plan: &Plan, expectation: &Expectation, window: WindowId) -> WindowForecast {
    let flow = flow(plan, expectation, window);
    let bounds = &plan.windows[window];
    let services =
        plan.services.iter().zip(&flow.requests).map(|(service, requests)| flow.judge(service, requests)).collect();
    WindowForecast {
        window: bounds.name.clone(),
        opens_unix_ms: flow.opens_unix_ms,
        closes_unix_ms: plan.unix_ms(bounds.closes),
        sessions: flow.sessions.iter().sum(),
        orders: flow.orders.iter().sum(),
        peak_sessions: flow.peak_rate(&flow.sessions),
        peak_in_flight: flow.peak(flow.in_flight.iter().copied()),
        peak_orders: flow.peak_rate(&flow.orders),
        services,
    }
}

fn flow(plan: &Plan, expectation: &Expectation, window: WindowId) -> Flow {
    let bounds = &plan.windows[window];
    let length = bounds.closes - bounds.opens;
    let mut groups: BTreeMap<(usize, usize, u64), Group> = BTreeMap::new();
    for (segment, sessions) in plan.segments.iter().zip(&expectation.sessions) {
        if let Some(attendance) = &segment.attendance[window] {
            let group = groups.entry((segment.cbmg, attendance.intensity, attendance.early.to_bits())).or_default();
            group.early = attendance.early;
            group.sessions += sessions[window];
            group.lines += sessions[window] * segment.lines.mean();
        }
    }
    let mut arrivals: Vec<Cumulative> =
        groups.keys().map(|&(_, intensity, _)| Cumulative::new(&plan.intensities[intensity], length)).collect();
    let paying: Vec<(&Presale, Group)> = paying(plan, expectation, window);
    for (presale, _) in &paying {
        // Later by as much as balances are; that the grid is laid as for the opening only makes it finer.
        arrivals.push(Cumulative::new(&plan.intensities[presale.intensity], bounds.closes - presale.opens));
    }
    // A session belongs to the window in which it began, until the next opens or the run ends.
    let end = plan.windows.get(window + 1).map_or(plan.horizon, |next| next.opens);
    let open_seconds = length.0 / Nanos::PER_SECOND;
    let seconds = ((end - bounds.opens).0 / Nanos::PER_SECOND).clamp(open_seconds, open_seconds + DRAIN);
    let mut edges = grid::edges(open_seconds, &arrivals);
    let open_slots = edges.len() - 1;
    edges.extend(grid::edges(seconds - open_seconds, &[]).into_iter().skip(1).map(|t| t + open_seconds));
    let slots = edges.len() - 1;
    let mut flow = Flow {
        opens: bounds.opens,
        opens_unix_ms: plan.unix_ms(bounds.opens),
        edges,
        open_slots,
        sessions: vec![0.0; slots],
        orders: vec![0.0; slots],
        in_flight: vec![0.0; slots],
        requests: vec![vec![0.0; slots]; plan.services.len()],
    };
    // What is reserved in a presale is ordered once its balance is paid.
    let creates_orders = |action: Action| matches!(action, Action::Reserve) && bounds.presale.is_none();
    for ((&(cbmg, ..), group), arrivals) in groups.iter().zip(&arrivals) {
        flow.add(plan, cbmg, group, (arrivals, 0.0), &creates_orders);
    }
    for ((presale, group), arrivals) in paying.iter().zip(&arrivals[groups.len()..]) {
        let after = (presale.opens - bounds.opens).as_secs_f64();
        flow.add(plan, presale.cbmg, group, (arrivals, after), &|action| matches!(action, Action::Pay { .. }));
    }
    flow
}

/// Those who come to a window to pay a balance.
fn paying<'a>(plan: &'a Plan, expectation: &Expectation, window: WindowId) -> Vec<(&'a Presale, Group)> {
    let of_window = plan.presales().zip(&expectation.balances).filter(|((_, presale), _)| presale.window == window);
    of_window.map(|((_, presale), &(sessions, lines))| (presale, Group { sessions, lines, early: 0.0 })).collect()
}

impl Flow {
    /// Adds the flow of a group, whose arrivals begin so many seconds after the opening; orders are created by some action.
    fn add(
        &mut self,
        plan: &Plan,
        cbmg: usize,
        group: &Group,
        (arrivals, after): (&Cumulative, f64),
        creates_orders: &dyn Fn(Action) -> bool,
    ) {
        let (mut network, cbmg) = (Network::new(plan, cbmg), &plan.cbmgs[cbmg]);
        let lines = if group.sessions > 0.0 { group.lines / group.sessions } else { 0.0 };
        for slot in 0..self.sessions.len() {
            let (from, seconds) = (self.edges[slot] as f64, self.seconds(slot));
            let at = |t: f64| {
                let early = if t > 0.0 { group.early } else { 0.0 };
                early + (1.0 - group.early) * arrivals.at(Nanos::from_secs_f64((t - after).max(0.0)))
            };
            let before = at(from);
            let visits = network.pass(seconds, |share| group.sessions * (at(from + share * seconds) - before));
            self.sessions[slot] += group.sessions * (at(from + seconds) - before);
            self.in_flight[slot] += network.inside.iter().sum::<f64>();
            for (state, visits) in cbmg.states.iter().zip(visits) {
                for &service in &state.calls {
                    self.requests[service][slot] += visits;
                }
                // After the closing, pages load and orders are refused.
                if slot < self.open_slots && state.action.is_some_and(creates_orders) {
                    self.orders[slot] += visits * lines;
                }
            }
        }
    }

    /// Sets the requests of a service against its capacity.
    fn judge(&self, service: &Service, requests: &[f64]) -> ServiceForecast {
        let seconds_per_request = service.service_time.mean_secs();
        let peak_requests = self.peak_rate(requests);
        let peak_offered_erlangs = peak_requests.value * seconds_per_request;
        let pool = service.pool.as_ref();
        let judged = pool.map(|pool| {
            let workers = |slot: usize| self.instances(service, slot) * f64::from(pool.workers);
            let load = |slot: usize| requests[slot] / self.seconds(slot) * seconds_per_request / workers(slot);
            let open = || 0..self.open_slots;
            let busy: f64 = open().map(|slot| load(slot).min(1.0) * workers(slot) * self.seconds(slot)).sum();
            let capacity: f64 = open().map(|slot| workers(slot) * self.seconds(slot)).sum();
            // The first of several.
            let worst = (0..requests.len()).reduce(|worst, slot| if load(slot) > load(worst) { slot } else { worst });
            let worst = worst.unwrap_or(0);
            (busy / capacity, self.overload(load), load(worst), self.instances(service, worst) as u64)
        });
        let instances = judged.as_ref().map(|judged| judged.3);
        ServiceForecast {
            service: service.name.clone(),
            instances,
            attempts: service.retry.attempts,
            workers: pool.zip(instances).map(|(pool, instances)| instances * u64::from(pool.workers)),
            requests: requests.iter().sum(),
            peak_requests,
            peak_offered_erlangs,
            peak_offered_over_capacity: judged.as_ref().map(|judged| judged.2),
            utilisation_mean: judged.as_ref().map(|judged| judged.0),
            overload: judged.and_then(|judged| judged.1),
            instances_suggested: pool.map(|pool| {
                let instances = peak_offered_erlangs / (TARGET_UTILISATION * f64::from(pool.workers));
                // An exact number of instances must not become one more by rounding.
                ((instances - 1e-6).ceil() as u64).max(1)
            }),
        }
    }

    /// Scheduled instances of a service in a slot, on average; with an autoscaler, the most that it may want.
    fn instances(&self, service: &Service, slot: usize) -> f64 {
        let at_first = service.pool.as_ref().map_or(0, |pool| pool.instances);
        let Some(capacity) = service.capacity() else { return at_first as f64 };
        if capacity.autoscaler.is_some() {
            return capacity.most(at_first) as f64;
        }
        let [from, until] = [slot, slot + 1].map(|edge| self.opens + Nanos::from_secs(self.edges[edge]));
        capacity.instance_nanos(from, until, at_first) as f64 / (until - from).0 as f64
    }

    fn overload(&self, load: impl Fn(usize) -> f64) -> Option<Overload> {
        let over: Vec<usize> = (0..self.sessions.len()).filter(|&slot| load(slot) > 1.0).collect();
        let (&first, &last) = (over.first()?, over.last()?);
        Some(Overload {
            from_unix_ms: self.unix_ms(first),
            until_unix_ms: self.unix_ms(last + 1),
            seconds: over.iter().map(|&slot| self.seconds(slot)).sum(),
        })
    }

    fn peak_rate(&self, counts: &[f64]) -> Peak {
        self.peak(counts.iter().enumerate().map(|(slot, count)| count / self.seconds(slot)))
    }

    /// The largest value, and the first slot that has it.
    fn peak(&self, values: impl Iterator<Item = f64>) -> Peak {
        let mut peak = Peak { value: 0.0, at_unix_ms: self.opens_unix_ms };
        for (slot, value) in values.enumerate() {
            if value > peak.value {
                peak = Peak { value, at_unix_ms: self.unix_ms(slot) };
            }
        }
        peak
    }

    fn seconds(&self, slot: usize) -> f64 {
        (self.edges[slot + 1] - self.edges[slot]) as f64
    }

    fn unix_ms(&self, edge: usize) -> i64 {
        self.opens_unix_ms + self.edges[edge] as i64 * 1000
    }
}

//! Degradation switches: positions that are looked at before each tick. What they do is asked whenever it matters.

use super::session::Session;
use super::simulator::Simulator;
use saleload::plan::ServiceId;
use saleload::plan::switch::{Measure, Switch, SwitchOn};
use saleload::results::Switched;
use saleload::units::{Instant, Nanos};

/// A switch: whether it is on, since when the load has been too high, and all times at which it was on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Position {
    is_on: bool,
    too_high: Option<Instant>,
    times: Vec<(Instant, Option<Instant>)>,
}

impl Simulator<'_> {
    /// A tick begins.
    pub(crate) fn turn_switches(&mut self) {
        let now = self.now;
        for id in 0..self.plan.switches.len() {
            let mut position = self.switches[id].clone();
            let is_on = match self.plan.switches[id].on {
                SwitchOn::At { from, until } => now >= from && now < until,
                SwitchOn::Load { service, measure, above, lasts, below } => {
                    let (load, of) = self.load_now(service, measure);
                    let at_first: u64 = (0..self.model.simulated).map(|cell| self.model.instances(service, cell)).sum();
                    let is_other =
                        (0..self.cells.len()).map(|cell| self.there(cell, service).0).sum::<u64>() != at_first;
                    self.record.rarities.loads_of_others += u64::from(is_other && load > 0);
                    position.too_high = if load > above * of { position.too_high.or(Some(now)) } else { None };
                    if position.is_on {
                        load >= below * of
                    } else {
                        position.too_high.is_some_and(|since| since + lasts <= now)
                    }
                }
            };
            match (position.is_on, is_on) {
                (false, true) => {
                    self.record.rarities.switched += 1;
                    position.times.push((now, None));
                }
                (true, false) => {
                    position.times.last_mut().expect("it went on").1 = Some(now);
                    position.too_high = None;
                }
                _ => {}
            }
            self.switches[id] = Position { is_on, ..position };
        }
    }

    fn load_now(&self, service: ServiceId, measure: Measure) -> (u64, u64) {
        let there = (0..self.cells.len()).map(|cell| self.there(cell, service));
        let (instances, workers) = there.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
        let of_all = |cell: &super::simulator::Cell| match measure {
            Measure::Queue => cell.waiting(service),
            Measure::Busy => 1000 * cell.services[service].iter().map(|queue| queue.busy() as u64).sum::<u64>(),
        };
        let load = self.cells.iter().map(of_all).sum();
        (load, if measure == Measure::Busy { workers } else { instances })
    }

    fn on(&self) -> impl Iterator<Item = &Switch> {
        self.plan.switches.iter().zip(&self.switches).filter(|(_, position)| position.is_on).map(|(switch, _)| switch)
    }

    fn graph(&self, session: &Session) -> usize {
        self.model.segments[session.segment].graph(session.key.window as u8)
    }

    pub(crate) fn is_refused(&self, session: &Session) -> bool {
        self.on().any(|switch| switch.refused.contains(&(self.graph(session), session.state)))
    }

    /// Whether a call of a page is left out.
    pub(crate) fn is_call_left_out(&self, session: &Session, call: usize) -> bool {
        let service = usize::from(self.state(session).calls[call].service);
        self.on().any(|switch| switch.left_out.contains(&(self.graph(session), session.state, service)))
    }

    /// How many calls of a page are passed over: the next one, or all that would be made at once.
    pub(crate) fn passed_over(&self, session: &Session) -> usize {
        let Some(next) = self.state(session).calls.get(session.call) else { return 0 };
        let all = usize::from(next.at_once);
        let are_left_out = (0..all).all(|call| self.is_call_left_out(session, session.call + call));
        if are_left_out { all } else { 0 }
    }

    /// So much work, by what the switches make of it.
    pub(crate) fn degraded(&self, service: ServiceId, work: Nanos) -> Nanos {
        let factors = || self.on().map(|switch| switch.factors[service]).filter(|factor| (factor - 1.0).abs() > 0.0);
        if factors().next().is_none() {
            return work;
        }
        Nanos((work.0 as f64 * factors().product::<f64>()) as u64)
    }

    /// When which switch was on.
    pub(crate) fn switched(&self) -> Vec<Switched> {
        let times = self.plan.switches.iter().zip(&self.switches).enumerate();
        let mut times: Vec<(Instant, usize, Switched)> = times
            .flat_map(|(id, (switch, position))| {
                let of = move |&(on, off): &(Instant, Option<Instant>)| {
                    let ms = |at: Instant| self.plan.origin_unix_ms + (at.0 / 1_000_000) as i64;
                    let off_unix_ms = off.map(ms);
                    (on, id, Switched { switch: switch.name.clone(), on_unix_ms: ms(on), off_unix_ms })
                };
                position.times.iter().map(of)
            })
            .collect();
        times.sort_by_key(|(on, id, _)| (*on, *id));
        times.into_iter().map(|(_, _, switched)| switched).collect()
    }
}

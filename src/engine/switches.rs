//! Degradation switches: turned between two ticks on all cells at once, by the clock or by the load of a service.
//!
//! What a switch looks at is what stands at the end of a tick, before the events of that instant: workers that are busy and requests
//! that wait, added up over the simulated cells and set against the workers and instances that are there then. A switch that goes on by load does so once it has seen the load above its threshold at
//! every end of a tick for as long as it says, and goes off at the first at which the load is below the other.

use super::cell::Cell;
use super::session::Session;
use crate::model::{Call, Model, State};
use crate::plan::ServiceId;
use crate::plan::switch::{Measure, Switch, SwitchOn};
use crate::units::Instant;
use serde::{Deserialize, Serialize};

/// Most turns of switches that are told of.
const MOST_TOLD: usize = 10_000;

/// The switches of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Switches {
    positions: Vec<Position>,
    /// When which was turned, in order of time.
    pub told: Vec<Turned>,
}

/// A switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    is_on: bool,
    /// Since when the load has been above.
    above_since: Option<Instant>,
}

/// A time in which a switch was on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turned {
    /// Index of the switch.
    pub switch: usize,
    /// When it went on.
    pub on: Instant,
    /// When it went off; `None`: it is on.
    pub off: Option<Instant>,
}

/// What the switches that are on do together.
#[derive(Clone, Debug)]
pub struct Effects {
    /// Factor on the service time of each service, where there is one.
    factors: Vec<Option<f64>>,
    /// By graph and state: services that are left out.
    left_out: Vec<Vec<Vec<u8>>>,
    /// By graph and state: whether it is refused.
    refused: Vec<Vec<bool>>,
}

impl Switches {
    /// All switches off.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        Switches { positions: vec![Position::default(); model.switches.len()], told: Vec::new() }
    }

    /// Turns switches between two ticks; whether any was turned.
    pub fn turn(&mut self, model: &Model, cells: &[&Cell], now: Instant) -> bool {
        let mut has_turned = false;
        for (id, switch) in model.switches.iter().enumerate() {
            let position = &mut self.positions[id];
            let is_on = match switch.on {
                SwitchOn::At { from, until } => from <= now && now < until,
                SwitchOn::Load { service, measure, above, lasts, below } => {
                    let (load, per) = load(model, cells, service, measure, now);
                    if position.is_on {
                        load >= below.saturating_mul(per)
                    } else if load > above.saturating_mul(per) {
                        now - *position.above_since.get_or_insert(now) >= lasts
                    } else {
                        position.above_since = None;
                        false
                    }
                }
            };
            if is_on != position.is_on {
                *position = Position { is_on, above_since: None };
                self.tell(id, now);
                has_turned = true;
            }
        }
        has_turned
    }

    fn tell(&mut self, switch: usize, now: Instant) {
        if !self.positions[switch].is_on {
            if let Some(last) = self.told.iter_mut().rfind(|turned| turned.switch == switch && turned.off.is_none()) {
                last.off = Some(now);
            }
        } else if self.told.len() < MOST_TOLD {
            self.told.push(Turned { switch, on: now, off: None });
        }
    }

    /// What those do together that are on; `None` where all are off.
    #[must_use]
    pub fn effects(&self, model: &Model) -> Option<Effects> {
        let on = || self.positions.iter().zip(&model.switches).filter(|(position, _)| position.is_on);
        on().next()?;
        let states = |graph: &crate::model::Graph| graph.states.len();
        let mut effects = Effects {
            factors: vec![None; model.services.len()],
            left_out: model.graphs.iter().map(|graph| vec![Vec::new(); states(graph)]).collect(),
            refused: model.graphs.iter().map(|graph| vec![false; states(graph)]).collect(),
        };
        on().for_each(|(_, switch)| effects.add(switch));
        Some(effects)
    }

    /// The same in another scenario, whose switches are those that have mattered so far, and others that have not.
    #[must_use]
    pub fn of(mut self, model: &Model) -> Self {
        let others = self.positions.get(model.switches.len()..).unwrap_or_default();
        if others.iter().all(|&position| position == Position::default()) {
            self.positions.resize(model.switches.len(), Position::default());
        }
        self
    }

    /// Whether what was read from a file can be the switches of such a run at an instant.
    #[must_use]
    pub fn can_be(&self, model: &Model, now: Instant) -> bool {
        let can_be = |(id, position): (usize, &Position)| {
            let is_told = self.told.iter().any(|turned| turned.switch == id && turned.off.is_none());
            position.above_since.is_none_or(|since| since <= now && !position.is_on)
                && (is_told == position.is_on || self.told.len() == MOST_TOLD)
        };
        self.positions.len() == model.switches.len()
            && self.told.len() <= MOST_TOLD
            && self.told.iter().all(|turned| turned.switch < self.positions.len() && turned.on <= now)
            && self.told.iter().all(|turned| turned.off.is_none_or(|off| (turned.on..=now).contains(&off)))
            && self.positions.iter().enumerate().all(can_be)
    }
}

/// The load of a service over some cells, and what the thresholds are multiplied with to be compared with it.
fn load(model: &Model, cells: &[&Cell], service: ServiceId, measure: Measure, now: Instant) -> (u64, u64) {
    let workers = model.services[service].pool.as_ref().map_or(0, |pool| u64::from(pool.workers));
    cells.iter().fold((0, 0), |(load, per), cell| {
        let at_first = model.instances(service, cell.id);
        let station = &cell.stations[service];
        let (more, of) = match measure {
            Measure::Busy => {
                let busy = cell.desks.serving(service).unwrap_or_else(|| station.busy_before(now.0));
                (busy * 1000, cell.desks.workers(service).unwrap_or(at_first * workers))
            }
            Measure::Queue => {
                let waiting = cell.desks.waiting(service).unwrap_or_else(|| station.waiting_before(now.0));
                (waiting, cell.desks.instances(service).unwrap_or(at_first))
            }
        };
        (load + more, per + of)
    })
}

impl Effects {
    fn add(&mut self, switch: &Switch) {
        for (sum, &factor) in self.factors.iter_mut().zip(&switch.factors) {
            if (factor - 1.0).abs() > 0.0 {
                *sum = Some(sum.unwrap_or(1.0) * factor);
            }
        }
        switch.left_out.iter().for_each(|&(graph, state, service)| self.left_out[graph][state].push(service as u8));
        switch.refused.iter().for_each(|&(graph, state)| self.refused[graph][state] = true);
    }

    /// How long so much work takes at a service, ns.
    #[must_use]
    pub fn work(&self, service: ServiceId, work: u64) -> u64 {
        self.factors[service].map_or(work, |factor| (work as f64 * factor) as u64)
    }

    /// Whether a state of a graph is refused.
    #[must_use]
    pub fn refuse(&self, graph: usize, state: u8) -> bool {
        self.refused[graph][usize::from(state)]
    }

    /// Whether a call of a state is left out.
    #[must_use]
    pub fn leave_out(&self, graph: usize, state: u8, call: &Call) -> bool {
        self.left_out[graph][usize::from(state)].contains(&call.service)
    }

    /// Passes over the calls of a session's page that are left out; of those that are made at once, if all of them are.
    pub fn pass_over(&self, session: &mut Session, graph: usize, state: &State) {
        let is_left_out = |call: &Call| self.leave_out(graph, session.state, call);
        let mut next = usize::from(session.call);
        while let Some(call) = state.calls.get(next) {
            let step = usize::from(call.at_once);
            if !state.calls[next..][..step].iter().all(is_left_out) {
                break;
            }
            next += step;
            session.attempt = 0;
        }
        session.call = next as u8;
    }
}

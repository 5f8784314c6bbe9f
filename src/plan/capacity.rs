//! What changes at the servers of a service in the course of time: instances by a schedule, and incidents.

use crate::units::{Instant, Nanos};

pub use crate::scenario::file::{Lost, ScalingTarget, Unreachable};

/// Instances over time, and what goes wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Instances from certain times on, in order of time; before the first of them, those of the pool. With an autoscaler, the
    /// fewest that it may want from those times on.
    pub steps: Vec<Step>,
    /// More or fewer instances by what there is to do.
    pub autoscaler: Option<Autoscaler>,
    /// What goes wrong, in order of the scenario.
    pub incidents: Vec<Incident>,
    /// Cells that are lost, in order of time; no two at once.
    pub cells: Vec<CellLoss>,
}

/// A cell that is lost for a while: `from <= t < until`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellLoss {
    /// Name of the incident in the scenario.
    pub name: String,
    /// When it begins.
    pub from: Instant,
    /// When it is over; later than `from`.
    pub until: Instant,
    /// The cell.
    pub cell: u32,
    /// When other cells begin to serve its shoppers, before it is over; `None`: they do not.
    pub remapped: Option<Instant>,
    /// Those cells, in order, without the lost one; one at least.
    pub hosts: Vec<u32>,
}

impl CellLoss {
    /// Whether it is on at a time.
    #[must_use]
    pub fn is_on(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether other cells serve its shoppers at a time.
    #[must_use]
    pub fn is_remapped(&self, at: Instant) -> bool {
        self.is_on(at) && self.remapped.is_some_and(|remapped| remapped <= at)
    }
}

/// So many instances from a time on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The time.
    pub at: Instant,
    /// Instances over all cells; at least one per cell.
    pub instances: u64,
}

/// More or fewer instances by what a service has to do; see [`crate::engine::scaler`].
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscaler {
    /// What an instance should have to do.
    pub target: ScalingTarget,
    /// How often it evaluates; positive.
    pub interval: Nanos,
    /// From the decision until a new instance serves.
    pub lag: Nanos,
    /// Nothing changes while the metric is within this share of its target.
    pub tolerance: f64,
    /// Fewest instances; at least one per cell.
    pub least: u64,
    /// Most instances; at least `least`, and as many as there are at first.
    pub most: u64,
    /// Most instances to add at an evaluation; `None`: no bound.
    pub up: Option<u64>,
    /// Most instances to take away at an evaluation; `None`: no bound.
    pub down: Option<u64>,
    /// Fewer only when no evaluation within this time wanted more.
    pub stabilisation: Nanos,
}

/// Something that goes wrong for a while: `from <= t < until`.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// Name in the scenario.
    pub name: String,
    /// When it begins.
    pub from: Instant,
    /// When it is over; later than `from`.
    pub until: Instant,
    /// What goes wrong.
    pub effect: Effect,
}

/// What goes wrong at a service.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Work takes so many times as long; at least one.
    Slowed(f64),
    /// No work is done.
    Stalled,
    /// Some of the instances are not there.
    Lost(Lost),
    /// Requests do not reach it.
    Unreachable(Unreachable),
}

/// Payments fail for a while: `from <= t < until`.
#[derive(Clone, Debug, PartialEq)]
pub struct Declines {
    /// When it begins.
    pub from: Instant,
    /// When it is over.
    pub until: Instant,
    /// Probability that a payment is declined, where it is more than that of the page.
    pub probability: f64,
    /// Whether it concerns a page, by [`CbmgId`](super::CbmgId) and state.
    pub states: Vec<Vec<bool>>,
}

impl Incident {
    /// Whether it is on at a time.
    #[must_use]
    pub fn is_on(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }
}

impl Capacity {
    /// Whether nothing ever changes.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.steps.is_empty() && self.autoscaler.is_none() && self.incidents.is_empty() && self.cells.is_empty()
    }

    /// The scheduled instances from an instant on, over all cells; `at_first` before the first step.
    #[must_use]
    pub fn scheduled(&self, at: Instant, at_first: u64) -> u64 {
        self.steps.iter().rfind(|step| step.at <= at).map_or(at_first, |step| step.instances)
    }

    /// Most instances that there can be at any time.
    #[must_use]
    pub fn most(&self, at_first: u64) -> u64 {
        if let Some(autoscaler) = &self.autoscaler {
            return autoscaler.most;
        }
        self.steps.iter().map(|step| step.instances).fold(at_first, u64::max)
    }

    /// Instance-nanoseconds scheduled from one instant to another.
    #[must_use]
    pub fn instance_nanos(&self, from: Instant, until: Instant, at_first: u64) -> u128 {
        let inner = self.steps.iter().map(|step| step.at).filter(|at| (from..until).contains(at));
        let edges: Vec<Instant> = std::iter::once(from).chain(inner).chain([until]).collect();
        let span = |edge: &[Instant]| u128::from(self.scheduled(edge[0], at_first)) * u128::from((edge[1] - edge[0]).0);
        edges.windows(2).map(span).sum()
    }

    /// The first instant, not before this one, at which the number of instances may change, autoscaling aside.
    #[must_use]
    pub fn next_change(&self, from: Instant) -> Option<Instant> {
        let losses = self.incidents.iter().filter(|incident| matches!(incident.effect, Effect::Lost(_)));
        let edges = losses.flat_map(|incident| [incident.from, incident.until]);
        let of_cells = self.cells.iter().flat_map(|loss| [Some(loss.from), loss.remapped, Some(loss.until)]).flatten();
        let steps = self.steps.iter().filter(|_| self.autoscaler.is_none()).map(|step| step.at);
        steps.chain(edges).chain(of_cells).filter(|&at| at >= from).min()
    }

    /// The cell that is lost at a time.
    #[must_use]
    pub fn lost_cell(&self, at: Instant) -> Option<&CellLoss> {
        self.cells.iter().find(|loss| loss.is_on(at))
    }

    /// Fewest instances that there are by plan at any time.
    #[must_use]
    pub fn fewest(&self, at_first: u64) -> u64 {
        let first = self.autoscaler.as_ref().map_or(at_first, |autoscaler| autoscaler.least);
        self.steps.iter().map(|step| step.instances).fold(first, u64::min)
    }

    /// What each incident takes of so many instances at a time, over all cells, with the number of the incident.
    pub fn losses(&self, at: Instant, instances: u64) -> impl Iterator<Item = (usize, u64)> + '_ {
        let on = self.incidents.iter().enumerate().filter(move |(_, incident)| incident.is_on(at));
        on.filter_map(move |(number, incident)| match incident.effect {
            Effect::Lost(Lost::Instances(lost)) => Some((number, lost)),
            Effect::Lost(Lost::Share(share)) => Some((number, (instances as f64 * share).round() as u64)),
            _ => None,
        })
    }

    /// What all incidents together take of so many instances at a time, over all cells.
    #[must_use]
    pub fn lost(&self, at: Instant, instances: u64) -> u64 {
        self.losses(at, instances).map(|(_, lost)| lost).sum()
    }

    /// When a worker is done that begins at a time and would need `work` ns if nothing went wrong: it does 1/factor of the work
    /// while it is slowed, and nothing while it is stalled.
    #[must_use]
    pub fn done(&self, mut now: u64, mut work: u64) -> u64 {
        loop {
            let pace = self.pace(Instant(now));
            let edges = self.incidents.iter().flat_map(|incident| [incident.from.0, incident.until.0]);
            let edge = edges.filter(|&edge| edge > now).min().unwrap_or(u64::MAX);
            if let Some(factor) = pace {
                let needs = stretched(work, factor);
                if needs <= edge - now || edge == u64::MAX {
                    return now.saturating_add(needs);
                }
                work -= shrunk(edge - now, factor).min(work);
            }
            now = edge;
        }
    }

    /// Every instant at which the schedule or an incident changes something.
    pub fn changes(&self) -> impl Iterator<Item = Instant> + '_ {
        let incidents = self.incidents.iter().flat_map(|incident| [incident.from, incident.until]);
        let cells = self.cells.iter().flat_map(|loss| [Some(loss.from), loss.remapped, Some(loss.until)]).flatten();
        self.steps.iter().map(|step| step.at).chain(incidents).chain(cells)
    }

    /// What incidents leave of so many instances on average over a time: those that are not lost, and of their time the share in which
    /// work is done at full speed. Of a lost cell whose shoppers others serve: what is left to each shopper there, where n hosts
    /// serve n + 1 cells. `None`: no incident is on.
    #[must_use]
    pub fn left(&self, from: Instant, until: Instant, instances: f64) -> Option<(f64, f64)> {
        let is_on = |begins: Instant, ends: Instant| begins < until && from < ends;
        let any = self.incidents.iter().any(|incident| is_on(incident.from, incident.until))
            || self.cells.iter().any(|loss| is_on(loss.from, loss.until));
        if !any {
            return None;
        }
        let mut edges: Vec<Instant> = self.changes().filter(|&at| from < at && at < until).collect();
        edges.extend([from, until]);
        edges.sort_unstable();
        let (mut standing, mut speed) = (0.0, 0.0);
        for edge in edges.windows(2) {
            let share = (edge[1] - edge[0]).0 as f64 / (until - from).0 as f64;
            let lost = self.lost(edge[0], instances.round() as u64);
            let hosts =
                self.lost_cell(edge[0]).filter(|loss| loss.is_remapped(edge[0])).map(|loss| loss.hosts.len() as f64);
            standing += share * (instances - lost as f64).max(0.0) * hosts.map_or(1.0, |hosts| hosts / (hosts + 1.0));
            speed += share * self.pace(edge[0]).map_or(0.0, f64::recip);
        }
        Some((standing, speed))
    }

    /// The share of full speed at which work is done over a time, slowed and stalled as it is; one where nothing is.
    #[must_use]
    pub fn speed(&self, from: Instant, until: Instant) -> f64 {
        let slows = |incident: &&Incident| matches!(incident.effect, Effect::Slowed(_) | Effect::Stalled);
        if !self.incidents.iter().filter(slows).any(|incident| incident.from < until && from < incident.until) {
            return 1.0;
        }
        let edges = self.incidents.iter().flat_map(|incident| [incident.from, incident.until]);
        let mut edges: Vec<Instant> = edges.filter(|&at| from < at && at < until).chain([from, until]).collect();
        edges.sort_unstable();
        let done = |edge: &[Instant]| self.pace(edge[0]).map_or(0.0, |pace| (edge[1] - edge[0]).0 as f64 / pace);
        edges.windows(2).map(done).sum::<f64>() / (until - from).0 as f64
    }

    /// Whether requests are ever refused as they do not reach the service.
    #[must_use]
    pub fn has_refusals(&self) -> bool {
        self.incidents.iter().any(|incident| matches!(incident.effect, Effect::Unreachable(Unreachable::Refused)))
    }

    /// Share of a time in which requests are refused as they do not reach the service.
    #[must_use]
    pub fn refused(&self, from: Instant, until: Instant) -> f64 {
        let refuses = |incident: &&Incident| matches!(incident.effect, Effect::Unreachable(Unreachable::Refused));
        let spans =
            self.incidents.iter().filter(refuses).map(|incident| incident.until.min(until) - incident.from.max(from));
        (spans.map(|span| span.0).sum::<u64>() as f64 / (until - from).0 as f64).min(1.0)
    }

    /// Share of a time in which the shoppers of a lost cell are served by nobody.
    #[must_use]
    pub fn deserted(&self, from: Instant, until: Instant) -> f64 {
        let ends = |loss: &CellLoss| loss.remapped.unwrap_or(loss.until);
        let spans = self.cells.iter().map(|loss| ends(loss).min(until) - loss.from.max(from));
        spans.map(|span| span.0).sum::<u64>() as f64 / (until - from).0 as f64
    }

    /// How many times as long work takes at a time; `None`: it stands still.
    fn pace(&self, at: Instant) -> Option<f64> {
        self.incidents.iter().filter(|incident| incident.is_on(at)).try_fold(1.0, |pace, incident| {
            match incident.effect {
                Effect::Stalled => None,
                Effect::Slowed(factor) => Some(pace * factor),
                _ => Some(pace),
            }
        })
    }

    /// Whether requests do not reach the service at a time: how, and when that is over. Of several incidents, one that refuses goes
    /// before the others, then the one that lasts longest.
    #[must_use]
    pub fn unreachable(&self, at: Instant) -> Option<(Unreachable, Instant)> {
        let on = self.incidents.iter().filter(|incident| incident.is_on(at));
        let cut = on.filter_map(|incident| match incident.effect {
            Effect::Unreachable(how) => Some((how, incident.until)),
            _ => None,
        });
        cut.max_by_key(|&(how, until)| (how == Unreachable::Refused, until))
    }
}

impl Declines {
    /// Whether it concerns a page at a time.
    #[must_use]
    pub fn is_on(&self, at: Instant, cbmg: usize, state: usize) -> bool {
        self.from <= at && at < self.until && self.states[cbmg][state]
    }
}

/// A time at a slower pace; factors of one change nothing.
fn stretched(work: u64, factor: f64) -> u64 {
    if factor > 1.0 { (work as f64 * factor) as u64 } else { work }
}

/// The work that is done in a time at a slower pace.
fn shrunk(span: u64, factor: f64) -> u64 {
    if factor > 1.0 { (span as f64 / factor) as u64 } else { span }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(from: u64, until: u64, effect: Effect) -> Incident {
        Incident { name: "incident".to_owned(), from: Instant(from), until: Instant(until), effect }
    }

    #[test]
    fn work_rests_in_a_stall_and_drags_on_while_slowed() {
        let capacity = Capacity {
            cells: Vec::new(),
            steps: Vec::new(),
            autoscaler: None,
            incidents: vec![
                incident(100, 200, Effect::Stalled),
                incident(300, 400, Effect::Slowed(4.0)),
                incident(350, 360, Effect::Stalled),
            ],
        };
        assert_eq!(capacity.done(0, 100), 100, "done in the instant in which it stalls");
        assert_eq!(capacity.done(0, 101), 201);
        assert_eq!(capacity.done(150, 0), 200);
        assert_eq!(capacity.done(300, 10), 340);
        // 12 in 50, then rest, 10 in 40, and 8 after it.
        assert_eq!(capacity.done(300, 30), 408);
        assert_eq!(capacity.done(500, 7), 507);
        assert_eq!(capacity.done(500, u64::MAX), u64::MAX);
    }

    #[test]
    fn instances_follow_the_schedule() {
        let step = |at, instances| Step { at: Instant(at), instances };
        let capacity = Capacity { cells: Vec::new(), steps: vec![step(10, 7), step(20, 3)], ..Capacity::default() };
        let scheduled = [9, 10, 19, 20].map(|at| capacity.scheduled(Instant(at), 5));
        assert_eq!(scheduled, [5, 7, 7, 3]);
        assert_eq!(capacity.instance_nanos(Instant(5), Instant(25), 5), 5 * 5 + 10 * 7 + 5 * 3);
        assert_eq!(capacity.next_change(Instant(11)), Some(Instant(20)));
        assert_eq!(capacity.most(5), 7);
    }

    #[test]
    fn who_refuses_goes_first() {
        let cut = |from, until, how| incident(from, until, Effect::Unreachable(how));
        let capacity = Capacity {
            cells: Vec::new(),
            steps: Vec::new(),
            autoscaler: None,
            incidents: vec![cut(0, 90, Unreachable::Retransmitted), cut(10, 20, Unreachable::Refused)],
        };
        assert_eq!(capacity.unreachable(Instant(5)), Some((Unreachable::Retransmitted, Instant(90))));
        assert_eq!(capacity.unreachable(Instant(15)), Some((Unreachable::Refused, Instant(20))));
        assert_eq!(capacity.unreachable(Instant(90)), None);
    }
}

//! What begins at a time of its own: steps of a schedule, incidents, switches that the clock turns, livestreams. As long as it lies
//! ahead of a snapshot, another scenario may have it otherwise.

use super::Past;
use crate::plan::capacity::{Capacity, CellLoss, Declines, Effect, Incident, Step};
use crate::plan::switch::{Switch, SwitchOn};
use crate::plan::{Plan, Queues, Service};
use crate::scenario::Loaded;
use crate::scenario::file;
use crate::units::Instant;

/// What had begun at a service: steps, incidents and lost cells, with their places.
type OfService = (Vec<Step>, Vec<(usize, Incident)>, Vec<CellLoss>);

/// What had begun.
#[derive(PartialEq)]
struct Begun {
    /// At services that are played event by event.
    services: Vec<Option<OfService>>,
    declines: Vec<Declines>,
    switches: Vec<(usize, Switch)>,
}

impl Past<'_> {
    /// Why an incident that differs cannot, or any of them where none is named; `None` if it may.
    pub(super) fn why_not_incident(&self, name: Option<&str>) -> Option<String> {
        let began = |loaded: &&Loaded| -> bool {
            let mut incidents =
                loaded.file.incident.iter().filter(|(of, _)| name.is_none_or(|name| name == of.as_str()));
            incidents.any(|(_, incident)| self.has_begun(loaded, incident))
        };
        if self.loaded.iter().any(began) {
            return Some(self.had_its_effect());
        }
        let concerned = |plan: &Plan, service: usize| {
            let of = plan.services[service].desk.as_ref().map(|desk| &desk.capacity);
            of.is_some_and(|of| {
                let named = |other: &String| name.is_none_or(|name| name == other);
                of.incidents.iter().any(|one| named(&one.name)) || of.cells.iter().any(|one| named(&one.name))
            })
        };
        let services = 0..self.there.services.len();
        services.filter(|&id| self.plans().iter().any(|plan| concerned(plan, id))).find_map(|id| self.why_not_desk(id))
    }

    fn has_begun(&self, loaded: &Loaded, incident: &file::Incident) -> bool {
        let windows = &loaded.plan.windows;
        let window = match &incident.window {
            Some(name) => windows.iter().find(|window| window.name == *name),
            None => windows.first(),
        };
        window.is_none_or(|window| window.opens + incident.from < self.now)
    }

    /// Why the schedule of a service that differs cannot.
    pub(super) fn why_not_schedule(&self, service: &str) -> Option<String> {
        let of = |plan: &&Plan| plan.services.iter().position(|of| of.name == service);
        let Some(id) = of(&self.there) else { return Some(self.had_its_effect()) };
        let [there, here] = self.capacities(id);
        if steps_before(there, self.now) != steps_before(here, self.now) {
            return Some(self.had_its_effect());
        }
        self.why_not_desk(id)
    }

    /// Why a service cannot have another future: it was not played in the way that it takes.
    fn why_not_desk(&self, id: usize) -> Option<String> {
        let [there, here] = self.plans().map(|plan| &plan.services[id]);
        let name = &there.name;
        if there.desk.is_some() != here.desk.is_some() {
            return Some(format!(
                "and only one of them plays service `{name}` event by event: a step in its `schedule` that changes nothing makes the other do \
                 so too"
            ));
        }
        let has_own_queues = |service: &Service| {
            let desk = service.desk.as_ref()?;
            let most = desk.capacity.most(service.pool.as_ref()?.instances);
            (desk.queues != Queues::Pooled).then_some((most, desk.capacity.is_constant()))
        };
        if has_own_queues(there) != has_own_queues(here) {
            return Some(format!("and instances of `{name}` have queues of their own, of which others were kept"));
        }
        let slows = |capacity: &Capacity| -> Vec<Incident> {
            let slow = |incident: &&Incident| matches!(incident.effect, Effect::Slowed(_) | Effect::Stalled);
            capacity.incidents.iter().filter(slow).cloned().collect()
        };
        let [of_there, of_here] = self.capacities(id);
        let slows_down = there.desk.as_ref().is_some_and(|desk| desk.slowdown.is_some());
        if slows_down && of_there.map(slows) != of_here.map(slows) {
            return Some(format!(
                "and when service `{name}` is done with what it serves was reckoned with its `slowdown`"
            ));
        }
        None
    }

    fn capacities(&self, id: usize) -> [Option<&Capacity>; 2] {
        self.plans().map(|plan| plan.services[id].desk.as_ref().map(|desk| &desk.capacity))
    }

    /// Why a switch that differs cannot, or any of them where none is named.
    pub(super) fn why_not_switch(&self, name: Option<&str>) -> Option<String> {
        let of_name = |switch: &&Switch| name.is_none_or(|name| name == switch.name);
        let mut switches = self.plans().into_iter().flat_map(|plan| plan.switches.iter()).filter(of_name);
        if switches.clone().any(|switch| matches!(switch.on, SwitchOn::Load { .. })) {
            return Some("and a switch that is turned by load looks at it from the start on".into());
        }
        switches.any(|switch| !self.lies_ahead(switch)).then(|| self.had_its_effect())
    }

    fn lies_ahead(&self, switch: &Switch) -> bool {
        matches!(switch.on, SwitchOn::At { from, .. } if from >= self.now)
    }

    /// Why a livestream that differs cannot.
    pub(super) fn why_not_livestream(&self, name: &str) -> Option<String> {
        let windows = |plan: &&Plan| {
            let of_name = plan.livestreams.iter().filter(|livestream| livestream.name == name);
            of_name.map(|livestream| livestream.window).min()
        };
        if self.plans().iter().any(|plan| windows(plan).is_some_and(|window| window < self.windows(plan))) {
            return Some(self.had_its_effect());
        }
        let names = |plan: &Plan| plan.livestreams.iter().map(|livestream| livestream.name.clone()).collect::<Vec<_>>();
        let [there, here] = self.plans().map(names);
        (there != here).then(|| "and nothing was recorded of a livestream that is only in one of them".into())
    }

    /// Whether all that had begun is the same and has the same place among its like.
    pub(super) fn has_one_course(&self) -> bool {
        let [there, here] = self.plans().map(|plan| self.begun(plan));
        there == here
    }

    /// What had begun: steps, incidents, lost cells, declined payments, switches, by their places.
    fn begun(&self, plan: &Plan) -> Begun {
        let now = self.now;
        let of_service = |service: &Service| {
            service.desk.as_ref().map(|desk| {
                let Capacity { incidents, cells, .. } = &desk.capacity;
                let incidents = incidents.iter().cloned().enumerate().filter(|(_, incident)| incident.from < now);
                let cells = cells.iter().filter(|loss| loss.from < now).cloned();
                let steps = steps_before(Some(&desk.capacity), now);
                (steps, incidents.collect::<Vec<_>>(), cells.collect::<Vec<_>>())
            })
        };
        let services = plan.services.iter().map(of_service).collect();
        let declines = plan.declines.iter().filter(|declines| declines.from < now).cloned().collect();
        let switches = plan.switches.iter().enumerate().filter(|(_, switch)| !self.lies_ahead(switch));
        let switches = switches.map(|(id, switch)| (id, switch.clone())).collect();
        Begun { services, declines, switches }
    }
}

/// The steps of a schedule that had come.
fn steps_before(capacity: Option<&Capacity>, now: Instant) -> Vec<Step> {
    capacity.map_or(Vec::new(), |of| of.steps.iter().copied().filter(|step| step.at < now).collect())
}
